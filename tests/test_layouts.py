"""Layouts: where each file lies, what hostile records make of it, and what a change moves."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Iterator
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest

from config_dicts import spoilt, with_resource
from filehaul.config import load_config
from filehaul.errors import ConfigError
from filehaul.layouts import layout_of
from filehaul.ledger import Ledger
from filehaul.models import File
from filehaul.names import by_hash, folded, in_trash, safe_path
from filehaul.testing import FakeFile, FakeVendor, Fault
from hauling import (
    config_for,
    contents,
    haul,
    ledger_rows,
    names_in,
    numbers,
    receipt_of,
    sink_files,
)
from test_sink_names import HOSTILE, moved, named

pytestmark = pytest.mark.usefixtures("inner_folder", "no_destination")

LAYOUTS = ["by_path", "by_id", "by_hash", "{mime_type}/{path}", "{modified_at:%Y/%m}/{file_name}"]


def config(vendor: FakeVendor, layout: str, **more: Any) -> dict[str, Any]:
    """A config of this layout."""
    content = {"path": "/v1/files/{file_id}/content", "layout": layout}
    return config_for(vendor, content=content, **more)


def at(file_id: str) -> str:
    """Where the ledger says a file is."""
    return str(receipt_of(file_id)["target"])


def all_there(vendor: FakeVendor) -> None:
    """Each file's bytes are at its receipt's path, and nothing else is in the sink."""
    assert {at(one): file.content for one, file in vendor.files.items()} == sink_files()


def hash_path(content: bytes) -> str:
    """Where layout by_hash puts these bytes."""
    return by_hash(hashlib.sha256(content).hexdigest())


# -- templates as they are read ----------------------------------------------------------------

FIELDS = {
    "file_id": "id",
    "file_name": "name",
    "drive_id": "drive",
    "path": "path",
    "size": "size",
    "owner": "owner.name",
    "modified_at": {"path": "mtime", "codec": "epoch"},
    "created_at": "ctime",
    "mime_type": "type",
}


def resource_of(layout: str, fields: Any = FIELDS) -> Any:
    """A resource with this layout."""
    made = with_resource(
        fields=fields, primary_key="file_id", content={"path": "/{file_id}", "layout": layout}
    )
    if fields is None:
        del made["resources"][0]["fields"]
    return load_config(made).resources[0]


def placed(layout: str, record: dict[str, Any], fields: Any = FIELDS, **of_file: Any) -> str | None:
    """Where a file with this record wants to lie."""
    values = {"file_id": "7", "name": "a.txt", "path": "Reports/a.txt", **of_file}
    return layout_of(resource_of(layout, fields))(File("files", "7", **values), record)


@pytest.mark.parametrize(
    ("layout", "record", "expected"),
    [
        ("{drive_id}/{path}", {}, "d1/Reports/a.txt"),
        ("{file_id}-{file_name}", {}, "7-a.txt"),
        ("all/{path}", {}, "all/Reports/a.txt"),
        ("{modified_at:%Y/%m}/{file_id}", {"mtime": 1709210096}, "2024/02/7"),
        ("{modified_at:%Y-%m-%dT%H%M}.{file_id}", {"mtime": 1709210096}, "2024-02-29T1234.7"),
        ("{modified_at:%G-W%V}/{file_id}", {"mtime": 1704067199}, "2023-W52/7"),
        ("{created_at:%Y}/{file_id}", {"ctime": "2024-01-01T01:00:00+02:00"}, "2023/7"),
        ("{created_at:%Y}/{file_id}", {"ctime": "0007-01-01T00:00:00Z"}, "0007/7"),
        ("{created_at:100%%}/{file_id}", {"ctime": "2024-01-01"}, "100%/7"),
        ("{created_at}/{file_id}", {"ctime": "2024-01-01T00:00:00Z"}, "2024-01-01T00%3A00%3A00Z/7"),
        ("{modified_at}", {"mtime": 1709210096}, "2024-02-29T12%3A34%3A56Z"),
        ("{owner}/{size}", {"owner": {"name": "Ann"}, "size": 5}, "Ann/5"),
        # what a record does not have, or has in a wrong form
        ("{modified_at:%Y/%m}/{file_id}", {}, "~empty/~empty/7"),
        ("{modified_at:%Y/%m}/{file_id}", {"mtime": "soon"}, "~empty/~empty/7"),
        ("{created_at:%Y}/{file_id}", {"ctime": 5}, "~empty/7"),
        ("{owner}/{file_id}", {"owner": None}, "~empty/7"),
        ("x-{owner}/{file_id}", {"owner": {"name": ""}}, "x-/7"),
        # hostile values: always one name
        ("{owner}/{file_id}", {"owner": {"name": "../.."}}, "..%2F%2E%2E/7"),
        ("{owner}/{file_id}", {"owner": {"name": ".."}}, "%2E%2E/7"),
        ("{owner}/{file_id}", {"owner": {"name": "/etc/passwd"}}, "%2Fetc%2Fpasswd/7"),
        ("{owner}/{file_id}", {"owner": {"name": "C:\\x\0"}}, "C%3A%5Cx�/7"),
        ("{owner}/{file_id}", {"owner": {"name": "NUL"}}, "%4EUL/7"),
        ("{owner}/{file_id}", {"owner": {"name": "~sha256"}}, "%7Esha256/7"),
        ("{owner}/{file_id}", {"owner": {"name": ".filehaul"}}, "%2Efilehaul/7"),
        (".{owner}/{file_id}", {"owner": {"name": "filehaul"}}, "%2Efilehaul/7"),
        (".{owner}/{file_id}", {"owner": {"name": "."}}, "%2E%2E/7"),
        ("{owner}/{file_id}", {"owner": {"name": "{path}"}}, "{path}/7"),
        ("{owner}/{file_id}", {"owner": {"name": {"a": 1}}}, '{"a"%3A1}/7'),
    ],
)
def test_a_template(layout: str, record: dict[str, Any], expected: str) -> None:
    """Columns, formats, missing values, hostile values: what the path becomes."""
    assert placed(layout, record, drive_id="d1") == expected


def test_a_path_in_a_template_is_folders_and_a_name() -> None:
    """{path} is encoded name by name; where there is no path, the name stands for it."""
    assert placed("in/{path}", {}, path="../a:b/x") == "in/%2E%2E/a%3Ab/x"
    assert placed("in/{path}", {}, path=None, name="a/b") == "in/a%2Fb"
    assert placed("in/{path}", {}, path="f/a%2Fb", path_is_joined=True) == "in/f/a%2Fb"


def test_a_template_without_fields() -> None:
    """Names are paths into the record, or the columns as dlt spells them."""
    record = {"fileOwner": {"id": "u/1"}, "Team Name": "X", "at": "2024-05-06T07:08:09Z"}
    assert placed("{fileOwner.id}/{file_id}", record, None) == "u%2F1/7"
    assert placed("{team_name}/{at:%m}/{path}", record, None) == "X/05/Reports/a.txt"
    assert placed("{nothing}/{file_name}", record, None) == "~empty/a.txt"


def test_a_template_s_path_keeps_the_limits() -> None:
    """Long values are cut with a mark, and two that differ stay different."""
    template = "/".join("{owner}" for _ in range(6)) + "/{file_id}"
    found = {placed(template, {"owner": {"name": "n" * 300 + end}}) for end in "ab"}
    assert len(found) == 2
    for path in found:
        assert path is not None
        assert len(path.encode()) <= 1000
        assert all(len(name.encode()) <= 255 for name in path.split("/"))


@pytest.mark.parametrize(
    ("layout", "message", "hint"),
    [
        ("bypath", "must be 'by_path', 'by_id', 'by_hash' or a template", "'by_path'"),
        ("by-hash", "must be", "did you mean 'by_hash'?"),
        ("{drive_id", "the braces do not close", ""),
        ("{}/{path}", "empty braces", ""),
        ("{file_id!r}", "only a time takes a format", ""),
        ("../{path}", "'..' cannot be a part of a name", ""),
        ("a:b/{path}", "'a:b' cannot be", ""),
        ("~sha256/{file_id}", "'~sha256' cannot be", ""),
        (".filehaul/{file_id}", "'.filehaul' cannot be", ""),
        ("/{path}", "a slash at an end", ""),
        ("{path}/", "a slash at an end", ""),
        ("a//{path}", "a slash at an end", ""),
        ("x{path}", "{path} is folders and a name", ""),
        ("{{}}", "every file would have the same path", ""),
        ("{modified_at:%c}/{file_id}", "a time is written with %Y", ""),
        ("{modified_at:%Y/}", "a slash at the end", ""),
        ("{drive}/{path}", "no column: {drive}", "did you mean 'drive_id'?"),
        ("{sha256}", "no column: {sha256}", "by_hash"),
        ("{web_url}/{path}", "is not among the fields", "fields.web_url"),
        ("{size:%Y}/{path}", "is not a time", "write {size}"),
    ],
)
def test_a_template_that_is_wrong(layout: str, message: str, hint: str) -> None:
    """Everything that can be known is an error when the config is read, at its place."""
    with pytest.raises(ConfigError) as error:
        resource_of(layout)
    assert message in error.value.message
    assert hint in error.value.hint
    assert "content.layout" in error.value.where or "content.layout" in error.value.message


def test_layouts_in_the_schema() -> None:
    """Editors take what load_config takes."""
    from jsonschema import Draft202012Validator

    from filehaul.config import schema

    validator = Draft202012Validator(schema())
    for layout in LAYOUTS:
        assert validator.is_valid(
            spoilt("resources.0.content", {"path": "/{id}", "layout": layout})
        )
    assert not validator.is_valid(spoilt("resources.0.content", {"path": "/{id}", "layout": "x"}))


# -- end to end, for every layout --------------------------------------------------------------

TYPED = {
    "file_id": "file_id",
    "file_name": "file_name",
    "path": "path",
    "size": "size",
    "modified_at": "modified_at",
    "mime_type": "mime_type",
    "checksum": {"sha256": "sha256"},
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_hostile_names_in_every_layout(layout: str, tmp_path: Path) -> None:
    """Thirty hostile paths: each file in the sink once, none outside, none overwritten."""
    with FakeVendor(named(*HOSTILE)) as vendor:
        made = config(vendor, layout, fields=TYPED)
        assert numbers(haul(made)) == (len(HOSTILE), 0, 0, 0)
        all_there(vendor)
        assert len({folded(path) for path in sink_files()}) == len(HOSTILE)
        assert numbers(haul(made)) == (0, len(HOSTILE), 0, 0)
    assert names_in(tmp_path / "outside") == ["home", "x"]
    assert (tmp_path / "outside" / "x").read_text() == "not ours"
    assert names_in() == [".filehaul", "files"]


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_link_in_every_layout(layout: str, tmp_path: Path) -> None:
    """A link planted in the place of a folder leads nowhere: that file fails, others arrive."""
    with FakeVendor(named("a/b.txt", "c/d.txt")) as vendor:
        made = config(vendor, layout, fields=TYPED)
        haul(made)
        folder = Path("files") / at("f0").partition("/")[0]
        vendor.put(FakeFile("f0", "b.txt", "a/b.txt", b"changed"))
        for path in sorted(folder.rglob("*"), reverse=True):
            path.rmdir() if path.is_dir() else path.unlink()
        folder.rmdir()
        (tmp_path / "elsewhere").mkdir()
        folder.symlink_to(tmp_path / "elsewhere")
        report = haul(made)
        assert report.exit_code == 3
        assert report.failed >= 1
        assert receipt_of("f0")["status"] == "failed"
        assert names_in(tmp_path / "elsewhere") == []


@pytest.mark.parametrize("checksum", [True, False], ids=["checksums", "no checksums"])
@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("layout", LAYOUTS)
def test_any_life_in_every_layout(layout: str, seed: int, checksum: bool) -> None:
    """Renames, swaps, edits, equal bytes, deletions over a few names, eight runs: all there."""
    rng = random.Random(f"{layout} {seed}")
    names = ["a", "b", "A", "a/x", "b/x", "c/d/e", "c"]
    with FakeVendor(named(*names[:5]), checksum=checksum) as vendor:
        made = config(vendor, layout)
        for number in range(8):
            for file_id, old in list(vendor.files.items()):
                roll = rng.random()
                path = rng.choice(names) if roll < 0.6 else str(old.path)
                content = b"%07d" % rng.randrange(4) if roll > 0.4 else old.content
                vendor.put(FakeFile(file_id, path.rpartition("/")[2], path, content))
            if rng.random() < 0.4 and len(vendor.files) > 2:
                vendor.remove(rng.choice(list(vendor.files)))
            vendor.put(FakeFile(f"n{number}", "n", rng.choice(names), b"n%d" % rng.randrange(3)))
            report = haul(made)
            assert (report.failed, report.parked) == (0, 0), report.as_dict()
            found = sink_files()
            for file_id, file in vendor.files.items():
                assert found[at(file_id)] == file.content, (number, file_id)
            held = ledger_rows("SELECT target FROM transfers WHERE status = 'done'")
            assert {target for (target,) in held} == set(found)
            assert numbers(haul(made))[0] == 0


# -- layout by_hash ----------------------------------------------------------------------------


@pytest.fixture(params=[True, False], ids=["vendor's sha256", "none"])
def twins(request: pytest.FixtureRequest) -> Iterator[FakeVendor]:
    """Three files, two of equal bytes; with and without the vendor's own sha256."""
    made = [
        FakeFile("f0", "a.txt", content=b"same"),
        FakeFile("f1", "b.bin", content=b"same"),
        FakeFile("f2", "c", content=b"other"),
    ]
    with FakeVendor(made, checksum=request.param) as vendor:
        yield vendor


def test_equal_bytes_are_one_file(twins: FakeVendor) -> None:
    """Two receipts and one file; it goes when neither needs it, and not before."""
    made = config(twins, "by_hash")
    assert numbers(haul(made)) == (3, 0, 0, 0)
    same, other = hash_path(b"same"), hash_path(b"other")
    assert sink_files() == {same: b"same", other: b"other"}
    assert (at("f0"), at("f1"), at("f2")) == (same, same, other)
    assert numbers(haul(made)) == (0, 3, 0, 0)
    twins.put(FakeFile("f0", "a.txt", content=b"changed"))
    assert numbers(haul(made))[0] == 1
    assert sink_files() == {same: b"same", other: b"other", at("f0"): b"changed"}
    twins.put(FakeFile("f1", "b.bin", content=b"other"))
    haul(made)
    assert sink_files() == {other: b"other", at("f0"): b"changed"}
    assert at("f1") == at("f2") == other


def test_a_rename_moves_nothing_by_hash(twins: FakeVendor) -> None:
    """Another name or folder: no request, no rename."""
    made = config(twins, "by_hash")
    haul(made)
    before = sink_files()
    moved(twins, f0="deep/er/x.txt", f2="a.txt")
    twins.clear_requests()
    assert numbers(haul(made)) == (0, 3, 0, 0)
    assert contents(twins) == 0
    assert sink_files() == before


def test_bytes_that_are_there_are_not_fetched() -> None:
    """Where the vendor tells the sha256, a second file of those bytes costs no request."""
    with FakeVendor([FakeFile("f0", "a", content=b"same")]) as vendor:
        made = config(vendor, "by_hash")
        haul(made)
        vendor.put(FakeFile("f1", "b", content=b"same"))
        vendor.clear_requests()
        assert numbers(haul(made)) == (0, 2, 0, 0)
        assert contents(vendor) == 0
        assert at("f1") == at("f0") == hash_path(b"same")


def test_bytes_that_rot_are_mended_by_hash() -> None:
    """No receipt trusts them any longer, and they have the right size: new ones replace them."""
    with FakeVendor([FakeFile("f0", "a", content=b"right")], checksum=False) as vendor:
        made = config(vendor, "by_hash")
        haul(made)
        Path("files", hash_path(b"right")).write_bytes(b"wrong")
        with Ledger.open(Path(".filehaul/acme.sqlite")) as ledger:
            ledger.transfers.lost([("files", "f0")])
        assert numbers(haul(made)) == (1, 0, 0, 0)
        assert sink_files() == {hash_path(b"right"): b"right"}


def test_the_bytes_decide_and_not_what_the_vendor_says() -> None:
    """verify: none, and a sha256 of the vendor's that is wrong: the path is the true one."""
    wrong = "0" * 64
    with FakeVendor([FakeFile("f0", "a", content=b"true", extra={"sha256": wrong})]) as vendor:
        made = config(vendor, "by_hash")
        made["resources"][0]["content"]["verify"] = "none"
        assert numbers(haul(made)) == (1, 0, 0, 0)
        assert sink_files() == {hash_path(b"true"): b"true"}
        assert numbers(haul(made)) == (0, 1, 0, 0)


def test_a_file_that_fails_has_no_path_by_hash() -> None:
    """It is told by its name, and fetched when it can be."""
    with FakeVendor([FakeFile("f0", "a", content=b"x")], checksum=False) as vendor:
        made = config(vendor, "by_hash")
        vendor.script("GET /v1/files/f0/content", Fault.status(404))
        assert numbers(haul(made)) == (0, 0, 1, 0)
        vendor.assert_all_fired()
        assert receipt_of("f0")["target"] == ""
        assert sink_files() == {}
        assert numbers(haul(made, retry_failed=True)) == (1, 0, 0, 0)
        all_there(vendor)


def test_many_equal_files_at_once() -> None:
    """1,200 files of three contents, more than two batches: three files, 1,200 receipts."""
    made = [FakeFile(f"f{n}", f"{n}.txt", content=b"#%d" % (n % 3)) for n in range(1200)]
    with FakeVendor(made, checksum=False) as vendor:
        assert numbers(haul(config(vendor, "by_hash"))) == (1200, 0, 0, 0)
        assert len(sink_files()) == 3
        assert ledger_rows("SELECT count(*), count(DISTINCT target) FROM transfers") == [(1200, 3)]


# -- another layout ----------------------------------------------------------------------------


@pytest.mark.parametrize("after", LAYOUTS)
@pytest.mark.parametrize("before", LAYOUTS)
def test_another_layout_renames(before: str, after: str) -> None:
    """Every layout to every other: renamed in the sink, and not one request for content."""
    with FakeVendor(named("a", "b/c.txt", "b/d/e.pdf", "A"), checksum=False) as vendor:
        haul(config(vendor, before))
        vendor.clear_requests()
        report = haul(config(vendor, after))
        assert (numbers(report), contents(vendor)) == ((0, 4, 0, 0), 0)
        all_there(vendor)
        if before != after:
            assert numbers(haul(config(vendor, before))) == (0, 4, 0, 0)
            assert contents(vendor) == 0
            all_there(vendor)


def test_equal_bytes_part_when_the_layout_does(twins: FakeVendor) -> None:
    """From by_hash to by_path: one of the two takes the bytes along, the other is fetched."""
    haul(config(twins, "by_path"))
    twins.clear_requests()
    assert numbers(haul(config(twins, "by_hash"))) == (0, 3, 0, 0)
    assert contents(twins) == 0
    assert set(sink_files()) == {hash_path(b"same"), hash_path(b"other")}
    assert numbers(haul(config(twins, "by_path"))) == (1, 2, 0, 0)
    assert contents(twins) == 1
    assert sink_files() == {"a.txt": b"same", "b.bin": b"same", "c": b"other"}


def test_two_layouts_in_one_sink() -> None:
    """by_path names that look like by_hash's, beside it: nothing is shared or overwritten."""
    content = b"#0"
    names = [hash_path(content), "~sha256", hash_path(content).removeprefix("~sha256/")]
    with FakeVendor(named(*names)) as vendor:
        made = config(vendor, "by_path")
        one = made["resources"][0]
        made["resources"].append(
            {**one, "name": "hashed", "content": {**one["content"], "layout": "by_hash"}}
        )
        assert numbers(haul(made)) == (6, 0, 0, 0)
        rows = ledger_rows("SELECT key, target FROM transfers")
        found = sink_files()
        assert len(rows) == len(found) == 6
        for key, target in rows:
            assert found[target] == vendor.files[key].content
        assert sum(path.startswith("%7Esha256") for path in found) == 2


def test_a_template_that_cannot_tell_files_apart() -> None:
    """All want one path: each has a name of its own, which it keeps."""
    when = datetime(2024, 5, 1, tzinfo=timezone.utc)
    made = [FakeFile(f"f{n}", "same.pdf", content=b"#%d" % n, modified_at=when) for n in range(5)]
    with FakeVendor(made) as vendor:
        layout = "{modified_at:%Y}/{file_name}"
        assert numbers(haul(config(vendor, layout, fields=TYPED))) == (5, 0, 0, 0)
        all_there(vendor)
        assert at("f0") == "2024/same.pdf"
        assert numbers(haul(config(vendor, layout, fields=TYPED))) == (0, 5, 0, 0)


def test_the_trash_is_no_vendor_s_to_name() -> None:
    """No safe path leads into the trash, and a path in it keeps the limits."""
    assert not safe_path(".filehaul/trash/x").startswith(".filehaul")
    deep = safe_path("d" * 200 + "/" + "/".join(["e" * 200] * 4) + "/x.txt")
    inside = in_trash(deep, "2026-11-22T10-00-00.000000Z")
    assert len(inside.encode()) <= 1000
    assert inside.endswith("/x.txt")
