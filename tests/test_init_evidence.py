"""`filehaul init`: what a page proves, what it does not, and what is never copied from it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from filehaul.cli.verbs import app
from filehaul.config import load_config
from filehaul.errors import UsageError
from filehaul.guess import columns, markers, paged
from filehaul.init import Asked, Draft, Page, drafted, preset_text, read_page, text_of
from filehaul.init.address import place_of
from filehaul.vendors import names

TIME = "2026-03-01T10:20:30Z"


def ask(*words: Any, **more: Any) -> Any:
    return CliRunner().invoke(app, [str(word) for word in words], **more)


def draft_of(*bodies: Any, url: str = "", **more: Any) -> Draft:
    return drafted(
        [Page(body, name=f"page {n}") for n, body in enumerate(bodies)], Asked(url, **more)
    )


def file(number: int, **more: Any) -> dict[str, Any]:
    return {"id": f"f{number}", "name": f"{number}.txt", "size": number, "updated": TIME, **more}


# -- the page ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "it is empty"),
        (b"<!DOCTYPE html><html>sign in</html>", "an HTML page, as of a sign-in"),
        (b'<?xml version="1.0"?><d:multistatus/>', "but XML"),
        (b"not json", "is not JSON"),
        (b"3", "a single value"),
        (b"HTTP/1.1 200 OK\r\nA: b\r\n", "it is empty"),
    ],
)
def test_what_is_no_page_is_told(content: bytes, told: str) -> None:
    """What it is instead, and how a page is saved."""
    with pytest.raises(UsageError) as problem:
        read_page(content, "page.json")
    assert told in problem.value.message
    assert "curl" in problem.value.hint


def test_a_page_with_its_headers_in_front() -> None:
    """As curl -i saves it: of a redirect and its answer the answer's."""
    content = (
        b"HTTP/2 302 \r\nlocation: /x\r\n\r\nHTTP/1.1 200 OK\r\n"
        b"Link: <http://x/2>; rel=\"next\"\r\nLink: <http://x/9>; rel=\"last\"\r\n\r\n[{\"id\": 1}]"
    )  # fmt: skip
    page = read_page(content, "page")
    assert page.body == [{"id": 1}]
    assert page.headers["link"].startswith('<http://x/2>; rel="next", ')
    assert "location" not in page.headers
    assert read_page('\ufeff{"a": [{"id": 1}]}'.encode(), "page").body == {"a": [{"id": 1}]}


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ({"files": []}, "has no records: files is empty"),
        ({"error": {"code": 3}}, "has no array of records; it has 'error'"),
        ([1, 2], "has no array of records"),
        ([], "has no records: $ is empty"),
        ({"tags": ["a"]}, "has no array of records"),
    ],
)
def test_a_page_without_records_is_told(body: Any, told: str) -> None:
    """What there is instead; an empty page proposes nothing."""
    with pytest.raises(UsageError) as problem:
        draft_of(body)
    assert told in problem.value.message


# -- what leads to the next page -----------------------------------------------------------

RECORDS = [file(n) for n in range(3)]


@pytest.mark.parametrize(
    ("body", "url", "block", "is_sure"),
    [
        ({"next": "/v1/files?x=2"}, "", {"type": "json_link", "next_url_path": "next"}, True),
        ({"count": 9, "next": None, "previous": None}, "", {"type": "json_link"}, False),
        ({"_links": {"next": {"href": "https://x/2"}}}, "",
         {"next_url_path": "_links.next.href"}, True),
        ({"response_metadata": {"next_cursor": ""}}, "",
         {"cursor_path": "response_metadata.next_cursor", "cursor_param": "cursor"}, False),
        ({"NextMarker": "m"}, "", {"cursor_path": "NextMarker", "cursor_param": "marker"}, True),
        ({"next_page": 2}, "", {"cursor_path": "next_page", "cursor_param": "page"}, True),
        ({"meta": {"next_page_token": "t"}}, "?page_token=a",
         {"cursor_path": "meta.next_page_token", "cursor_param": "page_token"}, True),
        ({"cursor": "c", "has_more": False}, "", {"has_more_path": "has_more"}, False),
        ({"lastFileName": "b", "ShouldDisplayLoadMore": True}, "",
         {"cursor_param": "lastFileName", "has_more_path": "ShouldDisplayLoadMore"}, False),
        ({"current_page": 0, "page_count": 3}, "", {"base_page": 0, "total_path": "page_count"},
         True),
        ({"page": 1, "per_page": 3, "total": 9}, "", {"type": "page_number", "total_path": None},
         False),
        ({"startIndex": 0, "pageSize": 3, "totalResults": 9}, "",
         {"offset_param": "startIndex", "limit_param": "pageSize", "total_path": "totalResults"},
         True),
        ({"total": 3}, "", {"type": "single_page"}, False),
        ({"total": 9}, "", {"type": "offset", "total_path": "total"}, False),
        ({"total": 9}, "?skip=0&top=3", {"offset_param": "skip", "limit_param": "top", "limit": 3},
         True),
        ({"count": 3, "has_more": True}, "", {"total_path": None, "has_more_path": "has_more"},
         False),
        ({}, "?page=1&per_page=3", {"type": "page_number", "base_page": 1}, False),
        ({}, "?per_page=3", {"type": "page_number", "page_param": "page"}, False),
        ({}, "?count=3", {"type": "offset", "limit": 3, "limit_param": "count"}, False),
        ({}, "?count=9", {"type": "single_page"}, False),
        ({}, "", {"type": "single_page"}, False),
    ],
)  # fmt: skip
def test_paginators(body: dict[str, Any], url: str, block: dict[str, Any], is_sure: bool) -> None:
    """By what stands beside the records and by the address; what is a guess says so."""
    address = f"https://api.example.com/files{url}" if url else ""
    found = draft_of({"files": RECORDS, **body}, url=address)
    assert {key: found.paged.block.get(key) for key in block} == block
    assert (found.paged.doubt == "") is is_sure
    assert text_of(found, "acme")


def test_a_second_page_proves_the_first() -> None:
    """A token that changes, a number that grows, an offset by as many as came: no doubt is left."""
    first, second = RECORDS, [file(n) for n in range(3, 6)]
    one = {"files": first, "cursor": "a", "has_more": True}
    assert draft_of(one).paged.doubt
    assert not draft_of(one, {"files": second, "cursor": "b", "has_more": False}).paged.doubt
    same = draft_of(one, {"files": second, "cursor": "a", "has_more": True})
    assert "the second page has the same" in same.paged.doubt
    paging = {"page": 1, "total": 6}
    assert draft_of({"files": first, **paging}).paged.doubt
    assert not draft_of({"files": first, **paging}, {"files": second, "page": 2}).paged.doubt
    offset = {"files": first, "offset": 0, "total": 6}
    assert draft_of(offset).paged.doubt
    assert not draft_of(offset, {"files": second, "offset": 3, "total": 6}).paged.doubt


def test_the_same_page_twice_is_told() -> None:
    """Two pages that begin with the same record prove nothing."""
    page = {"files": RECORDS, "next": "/2"}
    assert any("is it the same?" in doubt for doubt in draft_of(page, page).doubts())


def test_columns_of_all_pages_count() -> None:
    """What the first page has null may be filled in the second."""
    bare = [{"id": str(n), "name": f"{n}", "size": None} for n in range(3)]
    assert draft_of({"files": bare}).columns.of("size") is None
    both = draft_of({"files": bare}, {"files": [file(7)]})
    assert both.columns.of("size") is not None


# -- the records ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("values", "found"),
    [
        ({"updated": 1_772_360_430}, ("modified_at", "updated", "epoch")),
        ({"updated": "1772360430123"}, ("modified_at", "updated", "epoch_ms")),
        ({"updated": "Sun, 01 Mar 2026 10:20:30 GMT"}, ("modified_at", "updated", "rfc1123")),
        ({"updated": "2026-03-01 10:20:30.123Z"}, ("modified_at", "updated", "")),
        ({"size": "12"}, ("size", "size", "int")),
        ({"digest": "sha256:" + "a" * 64}, ("checksum", "digest", "")),
        ({"ETag": '"abc"'}, ("version", "ETag", "")),
        ({"hash": "A" * 128}, ("checksum", "hash", "")),
        ({"meta": {"contentType": "text/plain"}}, ("mime_type", "meta.contentType", "")),
        ({"a.b": {}, "file": {"sha1": "b" * 40}}, ("checksum", "file.sha1", "")),
        ({"parent": {"id": "p"}}, ("parent_id", "parent.id", "")),
        ({"owner": {"name": "Ann", "email": "a@b.c"}}, ("owner", "owner.email", "")),
    ],
)
def test_columns(values: dict[str, Any], found: tuple[str, str, str]) -> None:
    """By name and by what the values look like, with their codec."""
    guess = columns([file(n, **values) for n in range(3)]).of(found[0])
    assert guess is not None
    assert (guess.column, guess.path, guess.codec) == found


@pytest.mark.parametrize(
    ("values", "column"),
    [
        ({"size": "12 KB"}, "size"),
        ({"updated": "yesterday"}, "modified_at"),
        ({"updated": 12}, "modified_at"),
        ({"md5": "abc"}, "checksum"),
        ({"hash": "abc"}, "checksum"),
        ({"webUrl": "https://x.example.com/?sig=c2VjcmV0c2VjcmV0"}, "web_url"),
        ({"path": "/folder"}, "path"),
    ],
)
def test_values_that_do_not_fit_are_not_mapped(values: dict[str, Any], column: str) -> None:
    """A name alone is no proof: where the values are something else, there is no such column."""
    assert columns([file(n, **values) for n in range(3)]).of(column) is None


@pytest.mark.parametrize(
    ("values", "path"),
    [
        ({"url": "/uploads/{n}.txt", "href": "/x"}, "url"),
        ({"url": "https://x.example.com/a/{n}.TXT?v=1"}, "url"),
        ({"url": "https://x.example.com/{n}.html"}, None),
        ({"url": "https://x.example.com/{n}"}, None),
        ({"url": "x.txt"}, None),
        ({"links": {"download": "https://x.example.com/{n}"}}, "links.download"),
        ({"_links": {"download": {"href": "/b/{n}"}}}, "_links.download.href"),
        ({"download_url": 7}, None),
    ],
)
def test_addresses_of_the_bytes(values: dict[str, Any], path: str | None) -> None:
    """By their name; an address without a telling name only where it ends as the file's name."""
    records = [json.loads(json.dumps(file(n, **values)).replace("{n}", str(n))) for n in range(3)]
    found = markers(records).download
    assert (found and found.path) == path


def test_an_id_that_repeats_is_none() -> None:
    """Another field that tells the records apart stands in, and says so."""
    guess = columns([{"id": "a", "uuid": f"u{n}", "name": "x"} for n in range(3)]).of("file_id")
    assert guess is not None
    assert guess.path == "uuid"
    assert guess.doubt
    none = draft_of({"files": [{"name": "x", "size": 1}, {"name": "x", "size": 1}]})
    assert not none.has_id
    text = text_of(none, "acme")
    assert "write_disposition: replace" in text
    assert "primary_key" not in text


@pytest.mark.parametrize(
    ("records", "folder", "source"),
    [
        ([{"type": "FILE"}, {"type": "FOLDER"}], {"path": "type", "equals": "FOLDER"},
         {"path": "type", "values": {"FILE": "file", "FOLDER": "folder"}, "otherwise": "other"}),
        ([{"type": "file"}, {"type": "folder"}], {"path": "type", "equals": "folder"},
         {"path": "type"}),
        ([{"is_dir": True}, {"is_dir": False}], {"path": "is_dir", "equals": True},
         {"path": "is_dir", "values": {"true": "folder"}, "otherwise": "file"}),
        ([{"folder": {}}, {"file": {}}], {"path": "folder", "exists": True},
         {"exists": {"folder": "folder", "file": "file"}, "otherwise": "other"}),
        ([{"mime_type": "httpd/unix-directory"}, {"mime_type": "a/b"}],
         {"path": "mime_type", "equals": "httpd/unix-directory"},
         {"path": "mime_type", "values": {"httpd/unix-directory": "folder"}, "otherwise": "file"}),
        ([{"type": "image/png"}, {"type": "text/plain"}], None, None),
        ([{"type": "invoice"}, {"type": "letter"}], None, None),
    ],
)  # fmt: skip
def test_kinds(records: list[Any], folder: Any, source: Any) -> None:
    """By words, flags, facets, MIME types; a type that is something else is left alone."""
    kind = markers(records).kind
    assert (kind and kind.folder) == folder
    assert (kind and kind.source) == source


@pytest.mark.parametrize(
    ("records", "rules"),
    [
        ([{"trashed": True}, {"trashed": False}],
         [{"path": "trashed", "equals": True, "reason": "trashed"}]),
        ([{"deleted_at": None}, {"deleted_at": TIME}],
         [{"path": "deleted_at", "exists": True, "reason": "removed"}]),
        ([{"status": "active"}, {"status": "trashed"}, {"status": "deleted"}],
         [{"path": "status", "equals": "trashed", "reason": "trashed"},
          {"path": "status", "equals": "deleted", "reason": "removed"}]),
        ([{"status": "paid"}, {"status": "deleted"}], []),
        ([{"deleted": {"state": "softdeleted"}}, {"name": "x"}],
         [{"path": "deleted", "exists": True}]),
    ],
)  # fmt: skip
def test_what_is_gone(records: list[Any], rules: list[Any]) -> None:
    """Flags, times, words and facets; words that nobody knows make no tombstones."""
    assert list(markers(records).gone) == rules


# -- what is written -----------------------------------------------------------------------


def test_nothing_secret_is_copied(tmp_path: Path) -> None:
    """Not from the page, not from the address: a secret parameter becomes a variable."""
    secret = "c2VjcmV0LXZhbHVlLTEyMzQ1"
    page = {
        "files": [
            file(n, download_url=f"https://cdn.example.com/{n}?X-Amz-Signature={secret}{n}",
                 access_token=secret, owner={"email": "ann@example.com"})
            for n in range(3)
        ],
        "nextPageToken": secret,
    }  # fmt: skip
    (tmp_path / "page.json").write_text(json.dumps(page), "utf-8")
    url = f"https://api.example.com/v1/files?api_key={secret}&pageToken={secret}&limit=3"
    words = ["--from-response", tmp_path / "page.json", "--url", url]
    result = ask("init", tmp_path / "acme.yaml", *words, "--json")
    assert result.exit_code == 0, result.stderr
    text = (tmp_path / "acme.yaml").read_text("utf-8")
    for told in (text, result.stdout, result.stderr):
        assert secret not in told
        assert "ann@example.com" not in told
        assert "f0" not in told
    assert 'api_key: "${API_KEY}"' in text
    assert "signed and expires" in text
    found = json.loads(result.stdout)
    assert found["event"] == "init"
    assert found["paginator"]["cursor_param"] == "pageToken"
    assert found["fields"]["owner"] == "owner.email"


def test_places() -> None:
    """An address as base_url, path and params: versions belong to the first, slashes at the end and
    what is encoded stay, what is secret and what is in braces becomes a variable.
    """
    place = place_of("https://a.example.com/api/v4/projects/1/files/?token=x&per_page=20&q=a%20b")
    assert (place.base_url, place.path) == ("https://a.example.com/api/v4", "/projects/1/files/")
    assert place.params == {"token": "${TOKEN}", "per_page": 20, "q": "a b"}
    place = place_of("https://a.example.com/drives/{drive-id}/items/{itemId}/children")
    assert place.folder == ("${ITEM_ID}", "/drives/${DRIVE_ID}/items/{folder_id}/children")
    assert place_of("https://a.example.com").path == "/"
    for wrong in (
        "http://[",
        "a.example.com/files",
        "ftp://a.example.com",
        "https://ann:pw@a.example.com/x",
    ):
        with pytest.raises(UsageError) as problem:
            place_of(wrong)
        assert "pw" not in str(problem.value)


def test_names_of_keys_are_quoted_as_they_must_be() -> None:
    """Dots, spaces, quotes, braces, words of YAML: the config finds the values all the same."""
    odd = {"@odata.id": "1", "my size": 3, "no": 1, "it's": "x", "${HOME}": "y", "true": 5}
    records = [
        {**odd, "id": f"i{n}", "file.name": f"{n}.txt", "download url": f"/x/{n}"} for n in (1, 2)
    ]
    draft = draft_of({"some files": records})
    config = yaml.safe_load(text_of(draft, "acme"))
    resource = config["resources"][0]
    assert resource["endpoint"]["data_selector"] == "['some files']"
    assert resource["fields"]["file_name"] == "['file.name']"
    assert resource["content"]["url_field"] == "['download url']"


def test_options_that_do_not_go_together(tmp_path: Path) -> None:
    """Each is named; nothing is written, and a file that is there is left alone."""
    page = tmp_path / "page.json"
    page.write_text(json.dumps({"files": RECORDS}), "utf-8")
    target = tmp_path / "acme.yaml"
    for words, told in (
        (["--from-response", page, "--vendor", "box"], "are two ways"),
        (["--from-response", page, "--method", "GET"], "--method does not go with"),
        (["--from-response", page, "--auth", "magic"], "no sign-in named 'magic'"),
        (["--from-response", page, "--data", "[1]"], "--data is no JSON object"),
        (["--from-response", "-", "--from-response", "-"], "one page alone"),
        (["--from-response", tmp_path / "none.json"], "cannot be read"),
        (["--vendor", "box", "--url", "https://x"], "--url does not go with --vendor"),
        (["--url", "https://x"], "--url does not go with the four questions"),
        (["--from-response", page, "--path", "/x"], "--path is below an address"),
    ):
        result = ask("init", target, *words)
        assert result.exit_code == 2, words
        assert told in result.stderr
        assert "next:" in result.stderr
        assert not target.exists()
    target.write_text("mine", "utf-8")
    result = ask("init", target, "--from-response", page)
    assert result.exit_code == 2
    assert "is there already" in result.stderr
    assert target.read_text("utf-8") == "mine"


def test_the_catalogue_alone(tmp_path: Path) -> None:
    """An empty --sink: addresses of bytes stay a comment, and nothing is copied."""
    draft = draft_of({"files": [file(1, download_url="/b/1")]}, sink="")
    text = text_of(draft, "acme")
    assert "# the catalogue alone was asked for." in text
    path = tmp_path / "acme.yaml"
    path.write_text(text, "utf-8")
    assert load_config(path, offline=True).sink is None


def test_pipes(tmp_path: Path) -> None:
    """The page from a pipe, the config to one: stdout is the config and nothing else."""
    result = ask("init", "-", "--from-response", "-", input=json.dumps({"files": RECORDS}))
    assert result.exit_code == 0, result.stderr
    config = tmp_path / "acme.yaml"
    config.write_text(result.stdout, "utf-8")
    assert load_config(config, offline=True).name == "files"


@pytest.mark.parametrize("vendor", names())
def test_a_presets_few_lines(vendor: str, tmp_path: Path) -> None:
    """A config of each bundled preset under the file's own name, with the steps to credentials."""
    target = tmp_path / "mine.yaml"
    result = ask("init", target, "--vendor", vendor)
    assert result.exit_code == 0, result.stderr
    config = load_config(target, offline=True)
    assert config.name == "mine"
    lines = target.read_text("utf-8").splitlines()
    assert f"filehaul vendors {vendor}" in lines[0]
    assert len([line for line in lines if line.strip() and not line.startswith("#")]) <= 8
    assert all(len(line) <= 100 for line in lines if line.startswith("#"))


def test_a_preset_that_there_is_not() -> None:
    """exit 4, and the nearest name."""
    result = ask("init", "x.yaml", "--vendor", "boxx")
    assert result.exit_code == 4
    assert "did you mean 'box'?" in result.stderr
    assert preset_text("box", "acme").count("\nname: ") == 1


_KEYS = (
    *("id", "name", "size", "hash", "md5", "files", "items", "next", "cursor", "total", "page"),
    *("type", "kind", "folder", "deleted", "trashed", "download_url", "owner", "parent", "$"),
    *("a.b", "it's", '"', "${X}", "path", "updated", "has_more", "limit", "offset", "status"),
)
_LEAVES = (
    st.none()
    | st.booleans()
    | st.integers(-(10**20), 10**20)
    | st.floats()
    | st.text(max_size=12)
    | st.sampled_from([TIME, "1772360430", "a" * 40, "https://x.example.com/a?sig=abc", "/2"])
)
_VALUES = st.recursive(
    _LEAVES,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text(max_size=8) | st.sampled_from(_KEYS), inner, max_size=5)
    ),
    max_leaves=25,
)
_HEADERS = st.dictionaries(
    st.sampled_from(["link", "x-next-page", "next-page", "x-next-cursor"]), st.text(max_size=20)
)


@settings(max_examples=150, deadline=None)
@given(_VALUES, _VALUES)
def test_any_page_gives_a_config_or_a_reason(first: Any, second: Any) -> None:
    """Whatever JSON a page is: a config that loads, or a UsageError; never a defect."""
    for body in (
        first,
        {"files": [first, second]},
        {"files": [{"id": "1", "x": first}], "y": second},
    ):
        if not isinstance(body, (dict, list)):
            continue
        try:
            draft = draft_of(body, body, url="https://api.example.com/folders/0/items?page=1")
        except UsageError:
            continue
        assert "name: acme" in text_of(draft, "acme")


@settings(max_examples=100, deadline=None)
@given(st.dictionaries(st.text(max_size=6) | st.sampled_from(_KEYS), _VALUES), _HEADERS)
def test_any_answer_gives_a_paginator(body: dict[str, Any], headers: dict[str, str]) -> None:
    """A guess is a block that has a type, whatever stands beside the records."""
    assert paged([body, body], headers, {"page": "x", "limit": "0"}, 3).block["type"]
