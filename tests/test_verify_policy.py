"""`verify`: one policy, or one for each MIME type; a receipt says how its bytes were verified."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from config_dicts import with_resource
from filehaul.config import load_config
from filehaul.config.verify import policy_for
from filehaul.errors import ConfigError
from filehaul.testing import FakeFile, FakeVendor
from hauling import NoDestination, config_for, contents, haul, numbers, receipt_of, sink_files

PATH = "/v1/files/{file_id}/content"
OFFICE = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"


def verify_of(value: Any, **more: Any) -> dict[str, str]:
    """The policies that a config means."""
    content = {"path": "/x/{file_id}", "verify": value}
    resource = load_config(with_resource(content=content, **more)).resources[0]
    assert resource.content is not None
    return dict(resource.content.verify)


def test_the_short_form_is_for_all_types():
    """`verify: size` is the default and nothing else; without a default it is auto."""
    assert verify_of("size") == {"default": "size"}
    assert verify_of({"Text/*": "size"}) == {"default": "auto", "text/*": "size"}


@pytest.mark.parametrize(
    ("mime_type", "policy"),
    [
        (None, "checksum"),
        ("image/png", "checksum"),
        ("text/plain", "size"),
        ("text/csv", "auto"),
        ("application/vnd.google-apps.document", "none"),
        ("application/vnd.google-apps.script+json", "size"),
        (OFFICE, "none"),
        ("application/x.y?z", "none"),
        ("application/x.yaz", "checksum"),
    ],
)
def test_the_most_exact_pattern_wins(mime_type: str | None, policy: str):
    """The type's own name, else the pattern with the most characters, however they are ordered."""
    by_type = {
        "default": "checksum",
        "text/*": "size",
        "text/csv": "auto",
        "*/*+json": "size",
        "application/vnd.google-apps.*": "none",
        "application/vnd.google-apps.*+json": "size",
        "application/vnd.openxmlformats-*": "none",
        "application/x.y?z": "none",
    }
    for order in (by_type, dict(reversed(by_type.items()))):
        assert policy_for(order, mime_type) == policy  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("value", "message", "hint"),
    [
        ("sise", "must be 'auto', 'checksum', 'size' or 'none'", "did you mean 'size'?"),
        ({"text/*": "sise"}, "must be 'auto', 'checksum', 'size' or 'none'", "mean 'size'"),
        ({"defualt": "size"}, "unknown key 'defualt'", "did you mean 'default'?"),
        ({"image": "size"}, "unknown key 'image'", '"image/*"'),
        (["size"], "takes auto, checksum, size, none, or a mapping", ""),
    ],
)
def test_what_is_no_policy_is_told(value: Any, message: str, hint: str):
    """A misspelt policy or type names itself, its place and the nearest right one."""
    with pytest.raises(ConfigError) as caught:
        verify_of(value)
    assert message in caught.value.message
    assert "content.verify" in caught.value.where
    assert hint in caught.value.hint


def test_types_must_be_known():
    """By MIME type, with fields that do not name one: refused, and the hint says the field."""
    with pytest.raises(ConfigError, match="needs to know the files' types") as caught:
        verify_of({"text/*": "size"}, fields={"file_id": "id"}, primary_key="file_id")
    assert "fields.mime_type" in caught.value.hint


def test_each_file_by_its_type(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """A vendor that lies about Office files: they come as they are, the receipt says so, and all
    others are still held to their checksums.
    """
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("filehaul.spine.Destination", NoDestination)
    lie = {"sha256": "0" * 64, "size": 99}
    made = [
        FakeFile("doc", "a.docx", content=b"office", mime_type=f"{OFFICE}; charset=x", extra=lie),
        FakeFile("txt", "a.txt", content=b"text", mime_type="text/plain", extra={"sha256": "0"}),
        FakeFile("bin", "a.bin", content=b"bytes", mime_type=None),
        FakeFile("bad", "b.bin", content=b"wrong", extra=lie),
    ]
    verify = {"default": "checksum", "application/vnd.openxmlformats-*": "none", "text/*": "size"}
    with FakeVendor(made) as vendor:
        config = config_for(vendor, content={"path": PATH, "verify": verify})
        assert numbers(haul(config)) == (3, 0, 1, 0)
        found = {one: receipt_of(one)["verified_by"] for one in ("doc", "txt", "bin", "bad")}
        assert found == {"doc": "none", "txt": "size", "bin": "sha256", "bad": None}
        assert sink_files() == {"a.docx": b"office", "a.txt": b"text", "a.bin": b"bytes"}
        asked = contents(vendor)
        assert numbers(haul(config)) == (0, 3, 0, 1)
        assert contents(vendor) == asked
