"""`filehaul check` shows one page mapped, and says what in it is suspicious and what to write."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner

from filehaul.check import Finding, check
from filehaul.cli.verbs import app
from filehaul.testing import FakeFile, FakeVendor
from hauling import config_for
from page_vendor import vendor_of

SHA1 = ["da39a3ee5e6b4b0d3255bfef95601890afd8070" + one for one in "0123456789"]
MD5_64 = ["1B2M2Y8AsgTpgAmy7PhCf" + one + "==" for one in "ghijklmnop"]
TIMES = [f"2026-03-0{n + 1}T10:20:30Z" for n in range(5)]


def records(count: int = 4, **columns: Any) -> list[dict[str, Any]]:
    """Sound records; a column is a list of its values, or a function of the number."""
    made = []
    for number in range(count):
        record = {
            "id": f"f{number}",
            "name": f"file {number}.txt",
            "size": 10 + number,
            "updated": TIMES[number],
        }
        for name, values in columns.items():
            record[name] = values[number] if isinstance(values, list) else values(number)
        made.append(record)
    return made


FIELDS: dict[str, Any] = {
    "file_id": "id",
    "file_name": "name",
    "size": "size",
    "modified_at": "updated",
}


def config(url: str, fields: dict[str, Any] | None, **resource: Any) -> dict[str, Any]:
    block = {
        "name": "files",
        "primary_key": "file_id" if fields else "id",
        "write_disposition": "merge",
        "endpoint": {"path": "/files", "data_selector": "files", "paginator": "single_page"},
        **({"fields": fields} if fields else {}),
        **resource,
    }
    return {"name": "acme", "client": {"base_url": url}, "resources": [block]}


def findings(page: list[Any], fields: dict[str, Any] | None, **resource: Any) -> list[Finding]:
    with vendor_of(lambda _: {"files": page}) as vendor:
        found = list(check(config(vendor.url, fields, **resource)))
    assert all(one.error is None for one in found), found
    return found


def odd(page: list[Any], fields: dict[str, Any] | None = FIELDS, **resource: Any) -> dict[str, str]:
    """What is suspicious, with what to write."""
    found = findings(page, fields, **resource)
    return {one.text.removeprefix("suspicious: "): one.advice for one in found if one.is_suspicious}


def taken(advice: str, resource: dict[str, Any]) -> dict[str, Any]:
    """The resource with a piece of advice followed, as a person would."""
    made = copy.deepcopy(resource)
    for key, value in yaml.safe_load(advice).items():
        made[key] = {**made[key], **value} if isinstance(value, dict) and key in made else value
    return made


def test_a_sound_page_has_nothing_suspicious() -> None:
    """Nor does a word about columns that the vendor does not have."""
    assert odd(records()) == {}


ODD = {
    "size as text": (
        records(size=lambda n: str(10 + n)), FIELDS,
        "the vendor writes size as text", "fields: {size: {path: size, codec: int}}"),
    "epoch without codec": (
        records(updated=lambda n: 1_772_360_430 + n), FIELDS,
        "modified_at is '1772360430': int where", "codec: epoch}"),
    "milliseconds as seconds": (
        records(updated=lambda n: 1_772_360_430_000 + n),
        {**FIELDS, "modified_at": {"path": "updated", "codec": "epoch"}},
        "modified_at is '1772360430000'", "codec: epoch_ms}"),
    "seconds as milliseconds": (
        records(updated=lambda n: 1_772_360_430 + n),
        {**FIELDS, "modified_at": {"path": "updated", "codec": "epoch_ms"}},
        "modified_at lies in 1970", "codec: epoch}"),
    "checksum of another algorithm": (
        records(hash=SHA1), {**FIELDS, "checksum": {"md5": "hash"}},
        "4 of 4 values at hash are no md5 (40 characters)", "fields: {checksum: {sha1: hash}}"),
    "checksum in base64": (
        records(hash=MD5_64), {**FIELDS, "checksum": {"md5": "hash"}},
        "4 of 4 values at hash are no md5 (24 characters)",
        "fields: {checksum: {md5: {path: hash, codec: base64}}}"),
    "a checksum not mapped": (
        records(sha1=SHA1), FIELDS,
        "sha1 looks like checksum, and is not mapped", "fields: {checksum: {sha1: sha1}}"),
    "a size not mapped": (
        records(), {key: FIELDS[key] for key in ("file_id", "file_name", "modified_at")},
        "size looks like size, and is not mapped", "fields: {size: size}"),
    "a path that leads nowhere": (
        records(), {**FIELDS, "size": "sise"},
        "no record of the page has 'sise'; size stays null", "fields: {size: size}"),
    "names with slashes": (
        records(name=lambda n: f"2026/{n}.txt"), FIELDS,
        "names have slashes in them: '2026/0.txt'", "fields: {path: name}"),
    "a vendor's own kinds": (
        records(type=["Folder", "File", "File", "File"]), {**FIELDS, "kind": "type"},
        "'File', 'Folder' is no kind",
        "fields: {kind: {path: type, values: {File: file, Folder: folder}}}"),
    "files in the trash": (
        records(trashed=lambda n: n == 2), {**FIELDS, "is_trashed": "trashed"},
        "1 of the files are in the vendor's trash",
        "deleted: {path: trashed, equals: true, reason: trashed}"),
    "ids that repeat": (
        records(id=["a", "b", "a", "a"], uuid=lambda n: f"u{n}"), FIELDS,
        "3 records share the file_id 'a'", "fields: {file_id: uuid}"),
    "records without an id": (
        records(id=["a", None, "c", "d"]), FIELDS,
        "1 of 4 records have no usable file_id", ""),
    "equal times": (
        records(updated=[TIMES[0]] * 4), FIELDS,
        "modified_at is the same in all 4 records", ""),
    "equal names": (
        records(name=["file"] * 4), FIELDS, "file_name is the same in all 4 records", ""),
    "sizes of nothing": (records(size=[0] * 4), FIELDS, "all 4 sizes are 0", ""),
    "times to come": (
        records(updated=lambda n: f"2199-01-0{n + 1}T00:00:00Z"), FIELDS,
        "modified_at lies in the future: 2199-01-04", ""),
    "folders' paths": (
        records(path=["/a/b"] * 4), {**FIELDS, "path": "path"},
        "no path ends in its file's name: '/a/b'", "leave fields.path out"),
    "signed addresses": (
        records(link=lambda n: f"https://x.example.com/{n}?sig=Zm9vYmFyYmF6cXV4{n}"),
        {**FIELDS, "web_url": "link"},
        "web_url has signatures or tokens in it", "leave fields.web_url out"),
}  # fmt: skip


@pytest.mark.parametrize("case", ODD)
def test_what_is_odd_is_told_with_what_to_write(case: str) -> None:
    """The column, how many values, and a line for the config; once it is followed, no word more."""
    page, fields, said, advice = ODD[case]
    found = odd(page, fields)
    told = next((text for text in found if said in text), None)
    assert told is not None, found
    assert advice in found[told]
    if not found[told] or found[told].startswith("leave "):
        return
    resource = taken(found[told], {"fields": fields})
    again = odd(page, **{"fields": fields, **resource})
    assert not [text for text in again if said in text], again


def test_nothing_that_tells_a_change() -> None:
    """No time, no checksum, no version: a changed file would never be fetched again."""
    page = [{"id": str(n), "name": f"{n}.txt"} for n in range(4)]
    said = odd(page, {"file_id": "id", "file_name": "name"})
    assert "nothing tells that a file has changed" in next(iter(said))


def test_without_fields_the_usual_names_count() -> None:
    """Records under usual names need no advice; a size under another name and a number do."""
    assert odd(records(sha1=SHA1), None) == {}
    said = odd(
        [{"id": str(n), "fileSizeBytes": n, "mtime": 1_772_360_430 + n} for n in range(4)], None
    )
    assert said == {
        "fileSizeBytes looks like size, and is not mapped": "fields: {size: fileSizeBytes}",
        "mtime looks like modified_at, and is not mapped":
            "fields: {modified_at: {path: mtime, codec: epoch}}",
    }  # fmt: skip


def test_the_page_as_a_table(tmp_path: Path) -> None:
    """--json: each mapped column with its path, how many values, how many nulls, one of them; as
    text: the same in columns. Values of the vendor's that are secrets are redacted.
    """
    page = records(
        size=["7", "8", None, "9"], link=lambda n: f"https://x.example.com/?token=s3cr3t{n}"
    )
    fields = {**FIELDS, "size": {"path": "size", "codec": "int"}, "web_url": "link"}
    path = tmp_path / "acme.yaml"
    with vendor_of(lambda _: {"files": page}) as vendor:
        path.write_text(yaml.safe_dump(config(vendor.url, fields)), "utf-8")
        as_json = CliRunner().invoke(app, ["check", str(path), "--json"])
        as_text = CliRunner().invoke(app, ["check", str(path)])
    rows = [json.loads(line) for line in as_json.stdout.splitlines()]
    columns = next(row["columns"] for row in rows if "columns" in row)
    table = {one.pop("column"): one for one in columns}
    assert table["size"] == {"path": "size (int)", "filled": 3, "null": 1, "example": "7"}
    assert table["modified_at"]["example"] == "2026-03-01T10:20:30+00:00"
    assert set(table) == set(fields)
    assert "s3cr3t" not in as_json.stdout + as_text.stdout
    assert [row["advice"] for row in rows if row["suspicious"]] == ["leave fields.web_url out"]
    lines = [line.split() for line in as_text.stdout.splitlines()]
    assert ["column", "from", "filled", "null", "for", "example"] in lines
    assert ["size", "size", "(int)", "3", "1", "7"] in lines
    assert "look  mapped files: suspicious: web_url has signatures" in as_text.stdout


def test_what_else_could_be_mapped() -> None:
    """Columns that nobody asked for are named, and are not suspicious."""
    page = records(createdAt=TIMES, contentType=["text/plain"] * 4)
    texts = [one.text for one in findings(page, FIELDS)]
    assert (
        "the records have more: fields: {mime_type: contentType}; fields: {created_at: createdAt}"
        in texts
    )
    assert odd(page) == {}


def test_a_check_of_what_a_sync_would_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The fake vendor's own config has nothing suspicious but its files' equal times."""
    monkeypatch.chdir(tmp_path)
    made = [FakeFile(f"id-{n}", f"{n}.txt", content=b"x" * (n + 1)) for n in range(4)]
    with FakeVendor(made) as vendor:
        found = list(check(config_for(vendor)))
    assert {one.text for one in found if one.is_suspicious} == {
        f"suspicious: {one}_at is the same in all 4 records" for one in ("created", "modified")
    }


FOLDER = {"id": "d", "name": "reports", "type": "folder", "size": None, "updated": TIMES[0]}
OF_FILES = {**FIELDS, "kind": "type", "mime_type": "mime", "checksum": {"sha1": "sha1"}}


def test_folders_are_not_asked_for_what_files_have() -> None:
    """A type, a checksum and bytes are looked for among the files alone."""
    made = [FOLDER, *records(type=["file"] * 4, mime=["a/b"] * 4, sha1=SHA1)]
    assert odd(made, OF_FILES) == {}


def test_a_page_of_folders_alone_is_no_failure(tmp_path: Path) -> None:
    """Neither missing checksums nor missing bytes are held against it; it is said."""
    content = {"content": {"path": "/files/{file_id}/content"}}
    with vendor_of(lambda _: {"files": [FOLDER]}) as vendor:
        found = list(
            check({**config(vendor.url, OF_FILES, **content), "sink": str(tmp_path / "f")})
        )
    assert all(one.error is None and not one.is_suspicious for one in found)
    assert found[-1].text == "no file is on the page: what files have cannot be checked"


def test_a_record_that_comes_twice_is_one_file() -> None:
    """Change feeds repeat records; two different ones of one key are told of."""
    page = records()
    assert odd([*page, page[0]]) == {}
    assert odd([*page, {**page[0], "name": "other.txt"}]) == {
        "2 records share the file_id 'f0'": ""
    }


def test_what_is_not_selected_is_not_looked_at() -> None:
    """`selected: false` leaves a resource out of a sync, and of a check."""
    with vendor_of(lambda _: {"files": records()}) as vendor:
        made = config(vendor.url, FIELDS)
        made["resources"].append({**made["resources"][0], "name": "other", "selected": False})
        found = list(check(made))
        assert len(vendor.questions) == 1
    assert not [one for one in found if one.what == "listing other"]
