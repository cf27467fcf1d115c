"""What a transfer knows of a file: from `fields`, or from the usual names, record by record."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from config_dicts import with_resource
from filehaul.addresses import Address
from filehaul.config import load_config
from filehaul.fields import Roles, roles_of
from filehaul.json_text import dumps
from test_fields_any import RECORDS, VALUES

SHA = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
PAGE = "https://x.example/v1/files"
MD5 = "d41d8cd98f00b204e9800998ecf8427e"


def roles(sample: Any = None, **keys: Any) -> Roles:
    keys = {"primary_key": "id", "content": {"path": "/files/{id}/content"}, **keys}
    return roles_of(load_config(with_resource(**keys)).resources[0], sample)


def test_the_usual_names():
    """Without fields: the first of the usual names that a record has."""
    record = {
        "id": 5,
        "file_id": "f",
        "drive_id": "d",
        "name": "a.txt",
        "path": "x/a.txt",
        "size": "12",
        "updated_at": "2024",
        "etag": '"e1"',
        "sha256": SHA.upper(),
        "md5": "none",
    }
    made = roles(record)
    file = made.file("5", record)
    assert (file.resource, file.key, file.file_id, file.drive_id) == ("files", "5", "5", "d")
    assert (file.name, file.path, file.size, file.version) == ("a.txt", "x/a.txt", 12, '"e1"')
    assert file.checksum == {"sha256": SHA}
    assert file.fingerprint == f"c:sha256={SHA}"
    assert made.chosen == {
        "file_id": "id",
        "drive_id": "drive_id",
        "name": "name",
        "path": "path",
        "size": "size",
        "modified": "updated_at",
        "version": "etag",
        "checksum sha256": "sha256",
    }


def test_each_record_by_itself():
    """What the first record lacks, another may have: no role is lost for a sparse beginning."""
    made = roles({"id": "a"})
    full = made.file("b", {"id": "b", "file_name": "b.txt", "size": 7, "sha256": SHA, "rev": 3})
    assert (full.name, full.size, full.checksum, full.version) == ("b.txt", 7, {"sha256": SHA}, "3")
    other = made.file("c", {"id": "c", "filename": "c.txt", "bytes": 8, "md5": MD5})
    assert (other.name, other.size, other.checksum) == ("c.txt", 8, {"md5": MD5})
    nulls = made.file("d", {"id": "d", "file_name": None, "name": "d.txt", "size": None})
    assert (nulls.name, nulls.size) == ("d.txt", None)


def test_roles_from_fields():
    """With fields: only what they say, codecs applied; what does not fit is not known."""
    fields = {
        "file_id": "meta.id",
        "file_name": "title",
        "path": "where",
        "drive_id": "drive.id",
        "kind": "type",
        "size": "bytes",
        "modified_at": "m",
        "version": "v",
        "checksum": {"md5": {"path": "h", "codec": "base64"}, "sha256": "s"},
    }
    made = roles(fields=fields, primary_key="file_id", content={"path": "/{file_id}?v={version}"})
    record = {
        "meta": {"id": 7},
        "title": "a.txt",
        "name": "not this",
        "where": "x",
        "drive": {"id": "d"},
        "type": "file",
        "bytes": -1,
        "v": "1 2",
        "h": "1B2M2Y8AsgTpgAmY7PhCfg==",
        "s": 5,
    }
    file = made.file("7", record)
    assert (file.file_id, file.name, file.path, file.size) == ("7", "a.txt", "x", None)
    assert file.checksum == {"md5": MD5}
    assert made.address(record, PAGE) == "/7?v=1%202"
    assert made.chosen["checksum md5"] == "h"


@pytest.mark.parametrize(
    ("record", "fingerprint"),
    [
        ({"sha256": SHA, "version": 1}, f"c:sha256={SHA}"),
        ({"sha256": SHA, "md5": MD5}, f"c:md5={MD5},sha256={SHA}"),
        ({"version": "v1", "size": 1}, "v:v1"),
        ({"etag": '"x"'}, 'v:"x"'),
        ({"version": 7}, "v:7"),
        ({"version": "", "size": 1, "modified_at": "t"}, 'm:[1,"t"]'),
        ({"size": 1}, "m:[1,null]"),
        ({"modified": "t"}, 'm:[null,"t"]'),
        ({}, ""),
    ],
)
def test_fingerprints(record, fingerprint):
    """The first there is of checksum, version or etag, size and modified time."""
    assert roles().file("k", {"id": "k", **record}).fingerprint == fingerprint


def test_long_versions_are_shortened():
    """A version of any length makes a fingerprint of 34 characters at most, and not the same."""
    made = roles()
    prints = {made.file("k", {"version": "v" * n}).fingerprint for n in (64, 65, 100_000)}
    assert len(prints) == 3
    assert max(map(len, prints)) <= 66


@pytest.mark.parametrize(
    ("template", "record", "url"),
    [
        ("/f/{id}/c", {"id": "a"}, "/f/a/c"),
        ("/f/{id}/c", {"id": 5}, "/f/5/c"),
        ("/f/{id}/c", {"id": "a/b?c#d e%"}, "/f/a%2Fb%3Fc%23d%20e%25/c"),
        ("/f/{id}/c", {"id": "ü\x00"}, "/f/%C3%BC%EF%BF%BD/c"),
        ("/f?id={id}&x=1", {"id": "a&b/c"}, "/f?id=a%26b%2Fc&x=1"),
        ("/d/{drive.id}/{id}", {"id": "a", "drive": {"id": "d"}}, "/d/d/a"),
        ("/d/{drive.id}/{id}", {"id": "a"}, None),
        ("/f/{id}", {"id": ""}, None),
        ("/f/{id}", {"id": None}, None),
        ("/f/{id}", {"id": {"a": 1}}, None),
        ("/f/{file_id}", {"fileId": "a"}, "/f/a"),
        ("/f/{{x}}/{id}", {"id": "a"}, "/f/{x}/a"),
    ],
)
def test_addresses(template, record, url):
    """A value is one segment of the path, or one value of the query; without it no address."""
    assert roles(content={"path": template}).address(record, PAGE) == url


def test_dots_are_no_way_up():
    """An id of dots stays one segment of the address."""
    url = roles().address({"id": ".."}, PAGE)
    assert url is not None
    assert "/../" not in url
    assert url.startswith("/files/")


def test_addresses_in_the_record():
    """url_field: what stands there, if it is a text."""
    made = roles(content={"url_field": "links.download"})
    assert made.address({"links": {"download": "https://x/y?sig=z"}}, PAGE) == "https://x/y?sig=z"
    for record in ({}, {"links": None}, {"links": {"download": ""}}, {"links": {"download": 5}}):
        assert made.address(record, PAGE) is None


@pytest.mark.parametrize(
    ("kind", "is_file"),
    [("file", True), ("Folder", False), ("directory", False), (None, True), (5, True), ("x", True)],
)
def test_folders_have_no_bytes(kind, is_file):
    """Only a kind that says folder says no."""
    fields = {"file_id": "id", "kind": "type"}
    made = roles(fields=fields, primary_key="file_id", content={"path": "/{file_id}"})
    assert made.is_file({"id": "a", "type": kind}) is is_file


@given(
    st.text().filter(lambda url: "\n" not in url), st.sampled_from(["content", "export"]), VALUES
)
def test_addresses_are_read_as_they_were_written(url, way, body):
    """Whatever URL, way and body: from the ledger's text comes what went into it."""
    made = Address(url, way, None if body is None else dumps(body))
    assert Address.of(made.text) == made


def test_a_line_break_in_an_address():
    """Neither the config's nor the vendor's makes two lines of an address."""
    body = {"method": "POST", "json": {"a": "{id}"}}
    made = roles(content={"path": "/f/{id}\n", **body}).address({"id": "a\nb"}, PAGE)
    assert Address.of(str(made)) == Address("/f/a%0Ab%0A", "content", b'{"a":"a\\nb"}')
    made = roles(content={"url_field": "u", **body})
    found = made.address({"id": "a", "u": "http://y.example/\nexport\n"}, PAGE)
    assert Address.of(str(found)).way == "content"
    plain = roles(content={"url_field": "u"})
    assert "\n" not in str(plain.address({"u": "http://y.example/a\nb"}, PAGE))


@settings(max_examples=200, deadline=None)
@given(RECORDS, VALUES)
def test_whatever_the_record_is(record, value):
    """No record makes a file, an address or a fingerprint fail."""
    record = {**record, "version": value, "sha256": value, "path": value, "file_name": value}
    fields = {"file_id": "id", "size": "size", "version": "version", "checksum": {"md5": "md5"}}
    for made in (roles(record), roles(fields=fields, primary_key="file_id")):
        file = made.file("k", record)
        assert file.key == "k"
        file.fingerprint.encode()
        (file.file_id + (file.name or "") + (file.path or "")).encode()
        (made.address(record, PAGE) or "").encode("ascii")
        made.is_file(record)
