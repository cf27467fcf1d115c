"""`filehaul init --from-response`: pages of twelve vendors become configs that run as they are."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from typer.testing import CliRunner

import filehaul
from filehaul.cli.verbs import app
from filehaul.init import Asked, Page, drafted
from filehaul.look import files as listed
from hauling import rows_of, sink_files
from listing_pages import BY_NAME, FILES, VENDORS, Vendor
from page_vendor import PageVendor, Question, Raw, vendor_of

TOKEN = "t0ken-of-the-test"
POSTED = {"path": "", "recursive": True}


def first_page(vendor: Vendor, url: str = "http://127.0.0.1:9") -> Raw:
    """What the vendor says first."""
    parts = urlsplit(vendor.url)
    body = POSTED if vendor.method == "POST" else None
    said = vendor.answer(Question(parts.path, dict(parse_qsl(parts.query)), body, {}), url)
    return said if isinstance(said, Raw) else Raw(said)


@contextmanager
def playing(vendor: Vendor) -> Iterator[PageVendor]:
    """The vendor on a socket; it refuses who does not sign in."""
    box: list[PageVendor] = []

    def answering(question: Question) -> Any:
        if question.headers.get("authorization") != f"Bearer {TOKEN}":
            return Raw({"error": "who are you?"}, 401)
        return vendor.answer(question, box[0].url)

    with vendor_of(answering) as running:
        box.append(running)
        yield running


def ask(*words: Any) -> Any:
    return CliRunner().invoke(app, [str(word) for word in words])


def proposed(vendor: Vendor, url: str, folder: Path) -> Path:
    """The config that the command line writes from the vendor's first page."""
    page = first_page(vendor, url)
    (folder / "page.json").write_text(json.dumps(page.body), "utf-8")
    more: list[Any] = []
    if page.headers:
        (folder / "head.txt").write_text(
            "HTTP/1.1 200 OK\r\n" + "".join(f"{k}: {v}\r\n" for k, v in page.headers.items())
        )
        more += ["--headers", folder / "head.txt"]
    if vendor.method == "POST":
        more += ["--data", json.dumps(POSTED)]
    target = folder / f"{vendor.name}.yaml"
    words = ["--from-response", folder / "page.json", "--url", url + vendor.url, *more]
    result = ask("init", target, *words)
    assert result.exit_code == 0, result.stderr
    assert result.stdout.strip() == str(target)
    return target


@pytest.mark.parametrize("vendor", VENDORS, ids=lambda one: one.name)
def test_what_is_found_in_a_page(vendor: Vendor) -> None:
    """The selector, the paginator, each column with its codec, the walk: all, and no more."""
    page = first_page(vendor)
    headers = {name.lower(): value for name, value in page.headers.items()}
    data = POSTED if vendor.method == "POST" else None
    asked = Asked(f"https://api.example.com{vendor.url}", data=data)
    draft = drafted([Page(page.body, headers)], asked)
    found = {
        f"checksum.{one.algorithm}" if one.algorithm else one.column: one.path
        + (f"|{one.codec}" if one.codec else "")
        for one in draft.columns.guesses
    }
    assert draft.arrays.selectors == vendor.selectors
    assert draft.paged.block == vendor.paginator
    assert found == vendor.fields
    assert draft.walk == vendor.walk


@pytest.mark.parametrize("vendor", VENDORS, ids=lambda one: one.name)
def test_check_accepts_what_is_proposed_and_every_file_is_listed(
    vendor: Vendor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without an edit: check is content, and the listing goes on to the vendor's last page."""
    monkeypatch.setenv("TOKEN", TOKEN)
    with playing(vendor) as running:
        config = proposed(vendor, running.url, tmp_path)
        result = ask("check", config)
        assert result.exit_code == 0, result.stdout + result.stderr
        names = sorted(one.name or one.file_id for one in listed(config))
    assert len(names) == vendor.rows
    assert set(names) >= {one.name.rpartition("/")[2] for one in FILES} or vendor.name == "storage"


@pytest.mark.parametrize("name", ["graph", "slack", "storage", "zoho"])
def test_bytes_come_where_the_records_have_their_address(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Page to sync without an edit: all rows, and all bytes as the vendor has them."""
    monkeypatch.setenv("TOKEN", TOKEN)
    vendor = BY_NAME[name]
    with playing(vendor) as running:
        report = filehaul.sync(proposed(vendor, running.url, tmp_path))
    assert (report.exit_code, report.listed) == (0, len(FILES)), report.as_dict()
    assert sorted(sink_files(tmp_path / "files").values()) == sorted(one.content for one in FILES)
    query = f"select count(*), count(size) from {name}_data.files"
    assert rows_of(query, tmp_path / f"{name}.duckdb") == [(vendor.rows, vendor.rows)]


@pytest.mark.parametrize("name", ["drive", "gitlab", "openai"])
def test_a_guessed_path_of_the_bytes_is_a_comment_to_be_put_right(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is unsure is there with its reason; uncommented and put right, it verifies the bytes."""
    monkeypatch.setenv("TOKEN", TOKEN)
    vendor = BY_NAME[name]
    assert vendor.content is not None
    with playing(vendor) as running:
        config = proposed(vendor, running.url, tmp_path)
        text = config.read_text("utf-8")
        assert "# a guess: no field of the records has the address of the bytes." in text
        lines = []
        for line in text.splitlines():
            plain = line.replace("    # content:", "    content:").replace("# sink:", "sink:")
            if plain.startswith("    #   path: "):
                plain = f'      path: "{vendor.content}"'
            lines.append(plain.replace("    #   ", "      "))
        config.write_text("\n".join(lines), "utf-8")
        report = filehaul.sync(config)
    assert (report.exit_code, report.transferred) == (0, len(FILES)), report.as_dict()
    by = {"drive": "sha256", "gitlab": "sha1", "openai": "size"}[name]
    query = f"select distinct verified_by from {name}_data.transfers"
    assert rows_of(query, tmp_path / f"{name}.duckdb") == [(by,)]
