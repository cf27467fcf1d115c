"""`endpoint.decoder: webdav`: what a multistatus says, record by record, and what it lacks."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import quote, unquote, unquote_to_bytes
from xml.sax.saxutils import escape

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bare_server import Asked, BareServer, answer, redirect
from config_dicts import config
from filehaul.config import load_config
from filehaul.connect import connect
from filehaul.errors import ConfigError, VendorError
from filehaul.listing import webdav
from filehaul.listing.walk import Walk
from filehaul.xml_text import read_xml
from page_vendor import Question, vendor_of

OC = "http://owncloud.org/ns"
ASKS = (
    f'<d:propfind xmlns:d="DAV:" xmlns:oc="{OC}">'
    "<d:prop><d:getetag/><oc:fileid/></d:prop></d:propfind>"
)
FOLDER = "<d:resourcetype><d:collection/></d:resourcetype>"
FILE = "<d:resourcetype/>"


def said(href: str, props: str = FILE, status: str = "200 OK", more: str = "") -> str:
    """One response with its properties."""
    ok = f"<d:propstat><d:prop>{props}</d:prop><d:status>HTTP/1.1 {status}</d:status></d:propstat>"
    return f"<d:response><d:href>{escape(href)}</d:href>{ok}{more}</d:response>"


def refused(href: str, status: str) -> str:
    """One response without properties."""
    told = f"<d:status>HTTP/1.1 {status}</d:status>"
    return f"<d:response><d:href>{href}</d:href>{told}</d:response>"


def multistatus(*responses: str) -> bytes:
    """The whole answer."""
    names = f'xmlns:d="DAV:" xmlns:x="{OC}" xmlns:z="urn:z"'
    return (
        f'<?xml version="1.0"?><d:multistatus {names}>{"".join(responses)}</d:multistatus>'.encode()
    )


def decoded(*responses: str, url: str = "http://h/dav/a%20b/") -> tuple[list[Any], str | None]:
    """The records of an answer about the folder ``/dav/a b/``, and the doubt."""
    found = webdav.decode(multistatus(*responses), url, webdav.prefixes_of(ASKS))
    return found.answer["responses"], found.doubt


SELF = said("/dav/a%20b/", FOLDER)


def test_a_record_has_what_the_server_knows_by_the_names_that_the_request_uses() -> None:
    """Properties of DAV: by local name, others by the request's prefix, else by their namespace."""
    props = (
        f"{FILE}<d:getetag>&quot;1&quot;</d:getetag><x:fileid>00012</x:fileid>"
        "<x:checksums><x:checksum>SHA1:ab MD5:cd</x:checksum></x:checksums>"
        "<z:getetag>other</z:getetag><z:tags><z:tag>1</z:tag><z:tag>2</z:tag><z:tag>3</z:tag></z:tags>"
        "<d:empty> </d:empty>"
    )
    missing = said("", "<x:size/>", "404 Not Found")
    lost = missing[missing.index("<d:propstat>") : missing.index("</d:response>")]
    records, doubt = decoded(SELF, said("/dav/a%20b/n%C3%A4me%20%23%25.txt", props, more=lost))
    assert doubt is None
    assert records == [
        {
            "href": "/dav/a%20b/n%C3%A4me%20%23%25.txt",
            "name": "näme #%.txt",
            "kind": "file",
            "props": {
                "resourcetype": None,
                "getetag": '"1"',
                "oc:fileid": "00012",
                "oc:checksums": {"oc:checksum": "SHA1:ab MD5:cd"},
                "{urn:z}getetag": "other",
                "{urn:z}tags": {"{urn:z}tag": ["1", "2", "3"]},
                "empty": None,
            },
        }
    ]


@pytest.mark.parametrize(
    "href",
    [
        "/dav/a%20b/x(1).txt",
        "/dav/a b/x%281%29.txt",
        "http://other.internal:8080/dav/a%20b/x%281).txt",
        "//dav/a%20b/x(1).txt",
        "\n /dav/%61%20b/x(1).txt\n",
    ],
)
def test_one_address_has_one_spelling(href: str) -> None:
    """However a server writes an address, the record has it in one form, on the server asked."""
    records, doubt = decoded(SELF, said(href))
    assert (records[0]["href"], doubt) == ("/dav/a%20b/x%281%29.txt", None)


@pytest.mark.parametrize(
    ("sent", "name"),
    [("100%.txt", "100%.txt"), ("a#b?c", "a#b?c"), ("%FF.txt", "\ufffd.txt"), ("a%2Fb", "a/b")],
)
def test_badly_encoded_names_lose_nothing(sent: str, name: str) -> None:
    """A bare %, # or ?, bytes that are not UTF-8, and an encoded slash belong to the name."""
    records, _ = decoded(SELF, said(f"/dav/a%20b/{sent}"))
    assert records[0]["name"] == name
    assert len(records[0]["href"].split("/")) == 4
    assert webdav.address_of(records[0]["href"]) == records[0]["href"]


@given(
    st.text(st.characters(codec="utf-8"), min_size=1).filter(lambda name: name not in (".", ".."))
)
def test_every_name_survives_its_address(name: str) -> None:
    """Whatever a file is called, its address is one segment of ASCII that decodes to it."""
    address = webdav.address_of("/dav/" + quote(name, safe=""))
    assert address.isascii()
    assert address.count("/") == 2
    assert unquote(address.rpartition("/")[2]) == name


@given(st.text("aA0-~_.%/ 2fFeE5ü+:", max_size=20))
def test_a_spelling_is_the_last_one(path: str) -> None:
    """However it is written, decoding and encoding anew changes nothing any more."""
    once = webdav.address_of(path)
    assert once == "/" + "/".join(
        quote(unquote_to_bytes(name), safe="") for name in once.split("/")
    ).lstrip("/")
    assert webdav.address_of(once) == once


def test_a_long_address_in_another_spelling_is_read_at_once() -> None:
    """Lower-case hex behind thousands of plain letters: nothing is tried twice."""
    long = "/dav/" + "a" * 100_000 + "%c3%a9"
    assert webdav.address_of(long) == long[:-6] + "%C3%A9"


def test_refused_children_leave_a_doubt_and_vanished_ones_none() -> None:
    """403 and 423 inside the answer mean that something is missing; 404 and 410 that it is gone."""
    gone = [refused("/dav/a%20b/x", "404 Not Found"), refused("/dav/a%20b/y", "410 Gone")]
    assert decoded(SELF, *gone) == ([], None)
    bad = [refused("/dav/a%20b/private/", "403 Forbidden"), refused("/dav/a%20b/z", "423 Locked")]
    records, doubt = decoded(SELF, *bad, said("/dav/a%20b/good"))
    assert [record["name"] for record in records] == ["good"]
    assert doubt == ("2 of its entries are refused; the first, /dav/a%20b/private/: 403 Forbidden")


def test_an_answer_cut_short_by_507_is_doubted() -> None:
    """A server that gives up half-way names the folder itself once more, with 507."""
    cut = refused("/dav/a%20b/", "507 Insufficient Storage")
    records, doubt = decoded(SELF, said("/dav/a%20b/one"), cut)
    assert len(records) == 1
    assert doubt == "the folder itself: 507 Insufficient Storage"


def test_what_is_not_directly_in_the_folder_is_doubted() -> None:
    """A server that does not heed Depth, or climbs out of the folder, is not believed."""
    records, doubt = decoded(
        SELF, said("/dav/a%20b/c/deep"), said("/dav/a%20b/.."), said("/dav/a%20b/ok")
    )
    assert [record["name"] for record in records] == ["ok"]
    assert doubt == (
        "2 entries are not directly in it (does the server heed Depth: 1?); the first, "
        "/dav/a%20b/c/deep"
    )


@pytest.mark.parametrize(
    ("props", "href", "kind"),
    [
        (FOLDER, "/dav/a%20b/x", "folder"),
        ("<d:resourcetype><d:principal/></d:resourcetype>", "/dav/a%20b/x", "file"),
        ("<d:iscollection>1</d:iscollection>", "/dav/a%20b/x", "folder"),
        ("<d:iscollection>0</d:iscollection>", "/dav/a%20b/x/", "file"),
        ("<d:getetag>1</d:getetag>", "/dav/a%20b/x/", "folder"),
        ("<d:getetag>1</d:getetag>", "/dav/a%20b/x", "file"),
    ],
)
def test_folders_are_told_by_what_there_is(props: str, href: str, kind: str) -> None:
    """resourcetype counts; where a server does not tell it, what it tells instead."""
    assert decoded(SELF, said(href, props))[0][0]["kind"] == kind


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"<html><body>log in</body></html>", "no multistatus of WebDAV: its element is 'html'"),
        (b"not found", "not XML: syntax error"),
        (multistatus(SELF)[:-9], "not XML"),
        (multistatus(), "a multistatus without any response"),
        (multistatus(said("/dav/a%20b/", FILE)), "about a file"),
        (multistatus(refused("/dav/a%20b/", "403 Forbidden")), "a refusal: the folder itself: 403"),
        (multistatus(said("/other/", FOLDER)), "/dav/a%20b was asked for, and it tells of /other/"),
        (b'<?xml version="1.0"?><!DOCTYPE m [<!ENTITY a "b">]><m>&a;</m>', "document type"),
        (b"<a>" * 100 + b"</a>" * 100, "nested deeper than 64"),
        (b"<?xml version='1.0' encoding='klingon'?><m/>", "encoding that is not known here"),
    ],
)
def test_an_answer_that_is_none_says_what_it_is(body: bytes, words: str) -> None:
    """A login page, a cut answer, a bomb or another folder is never an empty folder."""
    with pytest.raises(ValueError, match=words):
        webdav.decode(body, "http://h/dav/a%20b/", {})


@given(st.binary(max_size=200))
def test_no_bytes_break_the_reader(body: bytes) -> None:
    """Whatever a server sends, it is a document or a ValueError."""
    for text in (body, b"<m>" + body + b"</m>"):
        with contextlib.suppress(ValueError):
            assert read_xml(text).root.name


# -- on a socket -----------------------------------------------------------------------------------

Tree = dict[str, list[str]]


def dav(tree: Tree, overrides: dict[str, bytes] | None = None) -> BareServer:
    """A server of these folders: path to the names in it, folders ending in a slash."""

    def answering(asked: Asked) -> bytes:
        path = unquote(asked.target)
        if overrides and path in overrides:
            return overrides[path]
        if path + "/" in tree:
            return redirect(asked.target + "/", 301)
        if asked.method != "PROPFIND" or path not in tree:
            return answer(b"no", status="404 Not Found")
        rows = [said(webdav.address_of(path), FOLDER)]
        for name in tree[path]:
            rows.append(said(path + name, FOLDER if name.endswith("/") else FILE))
        return answer(multistatus(*rows), "Content-Type: application/xml", status="207 Multi")

    return BareServer(answering)


WALK = {
    "root": {"id": "root", "path": "/dav/"},
    "url_field": "href",
    "folder": {"path": "kind", "equals": "folder"},
}
ENDPOINT = {
    "method": "PROPFIND",
    "body": ASKS,
    "decoder": "webdav",
    "data_selector": "responses",
    "paginator": "single_page",
}
FIELDS = {"file_id": "href", "file_name": "name", "version": "props.getetag"}


def dav_config(url: str, **resource: Any) -> dict[str, Any]:
    """A config that walks such a server."""
    made = config()
    made["client"] = {"base_url": url, "retry": {"max_retries": 0}}
    made["resources"] = [
        {
            "name": "files",
            "primary_key": "file_id",
            "write_disposition": "merge",
            "endpoint": ENDPOINT,
            "walk": WALK,
            "fields": FIELDS,
            **resource,
        }
    ]
    return made


@contextmanager
def walk_of(server: BareServer, **resource: Any) -> Iterator[Walk]:
    """A walk of this server, not begun yet."""
    with server:
        read = load_config(dav_config(server.url, **resource), expand=False)
        with connect(read) as http:
            yield Walk(read.resources[0], read.client, http)


def paths_of(walk: Walk) -> dict[str, str]:
    """Each record's address, and the path of the folder it was found in."""
    return {
        record["href"]: page.folder.path
        for page in walk
        if page.folder is not None
        for record in page.records
    }


def test_a_walk_goes_where_the_records_point() -> None:
    """Every folder is asked at its own address, once, in WebDAV's words; paths are of names."""
    tree = {
        "/dav/": ["x.txt", "ä & b/", "50% #1?/"],
        "/dav/ä & b/": ["y.txt", "c/"],
        "/dav/ä & b/c/": ["z.txt"],
        "/dav/50% #1?/": [],
    }
    with walk_of(server := dav(tree)) as walk:
        found = paths_of(walk)
        assert walk.doubt is None
    assert {
        webdav.address_of(a).rsplit("/", 1)[1]: b for a, b in found.items() if a[-1] != "/"
    } == {
        "x.txt": "",
        "y.txt": "ä & b",
        "z.txt": "ä & b/c",
    }
    assert {unquote(asked.target) for asked in server.asked} == set(tree)
    assert len(server.asked) == len(tree)
    for asked in server.asked:
        assert (asked.method, asked.body.decode()) == ("PROPFIND", ASKS)
        assert asked.headers["depth"] == "1"
        assert asked.headers["content-type"] == "application/xml; charset=utf-8"
        assert asked.headers["accept"] == "application/xml, text/xml"


def test_a_redirect_keeps_the_method_and_the_folder() -> None:
    """A server that wants a slash at the end is asked again there, by PROPFIND."""
    walk = {**WALK, "root": {"id": "root", "path": "/dav"}}
    with walk_of(server := dav({"/dav/": ["x"]}), walk=walk) as made:
        assert paths_of(made) == {"/dav/x": ""}
    assert [(asked.method, asked.target) for asked in server.asked] == [
        ("PROPFIND", "/dav"),
        ("PROPFIND", "/dav/"),
    ]


def test_a_refused_child_makes_the_walk_incomplete() -> None:
    """A 403 inside a 207 is a folder that nobody has read: the walk says which."""
    inside = multistatus(
        said("/dav/p/", FOLDER), refused("/dav/p/secret/", "403 Forbidden"), said("/dav/p/ok")
    )
    tree = {"/dav/": ["p/", "q/"], "/dav/q/": ["x"]}
    server = dav(tree, {"/dav/p/": answer(inside, status="207 Multi")})
    with walk_of(server) as walk:
        assert set(paths_of(walk)) == {"/dav/p/", "/dav/q/", "/dav/q/x", "/dav/p/ok"}
        assert walk.doubt is not None
        assert "the folder 'p' (id /dav/p/): /dav/p/secret/: 403 Forbidden" in walk.doubt


def test_a_folder_without_an_address_makes_the_walk_incomplete() -> None:
    """Where the record of a folder lacks its address, what is in it is known to be missing."""
    walk = {**WALK, "url_field": "props.address"}
    with walk_of(dav({"/dav/": ["p/", "x"]}), walk=walk) as made:
        assert set(paths_of(made)) == {"/dav/p/", "/dav/x"}
        assert made.doubt == "1 folders without an address (props.address)"


def test_a_page_that_is_no_multistatus_is_exit_8(tmp_path: Any) -> None:
    """HTML with status 200 is the vendor's fault, with the address and what to look at."""
    page = answer(b"<html>log in</html>", "Content-Type: text/html")
    with walk_of(dav({}, {"/dav/": page})) as walk, pytest.raises(VendorError) as raised:
        list(walk)
    told = str(raised.value)
    assert "XML, but no multistatus of WebDAV: its element is 'html'" in told
    assert "/dav/" in told
    assert "base_url" in told


@pytest.mark.parametrize(
    ("endpoint", "resource", "words"),
    [
        ({"decoder": None}, {}, "go together"),
        ({"method": "GET", "body": None}, {}, "go together"),
        ({"json": {}}, {}, "one body"),
        ({"body": "<d:propfind>"}, {}, "not XML"),
        ({}, {"walk": None}, "one folder"),
        ({}, {"walk": {**WALK, "path": "/x/{folder_id}"}}, "either path or url_field"),
        ({}, {"walk": {**WALK, "url_field": None}}, "either path or url_field"),
        ({}, {"walk": {**WALK, "root": "0"}}, "each root needs its address"),
        ({"method": "GET", "decoder": None}, {}, "body needs method"),
        (
            {},
            {
                "changes": {"start": {"from": "listing"}, "token_is_url": True, "final_path": "x"},
                "fields": {**FIELDS, "path": "p"},
            },
            "change feed of WebDAV",
        ),
    ],
)
def test_what_does_not_fit_is_refused(
    endpoint: dict[str, Any], resource: dict[str, Any], words: str
) -> None:
    """A half-written WebDAV resource is a config error that says what is missing."""
    made = dav_config("http://h", **resource)
    made["resources"][0]["endpoint"] = {**ENDPOINT, **endpoint}
    with pytest.raises(ConfigError, match=words):
        load_config(made, expand=False)


def test_a_folder_at_another_host_gets_no_credentials() -> None:
    """An address in a record is the vendor's word: it is asked, and gets nothing of ours."""

    def at_home(question: Question) -> Any:
        link = "sub" if question.path == "/top" else f"{elsewhere.url}/far"
        return {"files": [{"type": "folder", "id": link, "link": link}]}

    walk = {
        "root": {"id": "0", "path": "/top"},
        "url_field": "link",
        "folder": {"path": "type", "equals": "folder"},
    }
    with vendor_of(lambda _: {"files": [{"type": "file", "id": "f"}]}) as elsewhere:
        with vendor_of(at_home) as vendor:
            made = dav_config(vendor.url, walk=walk, fields={"file_id": "id"})
            made["client"] |= {
                "auth": {"type": "bearer", "token": "secret"},
                "headers": {"X-K": "k"},
            }
            made["resources"][0]["endpoint"] = {
                "data_selector": "files",
                "paginator": "single_page",
            }
            read = load_config(made, expand=False)
            with connect(read) as http:
                found = Walk(read.resources[0], read.client, http)
                assert [record["id"] for page in found for record in page.records][-1] == "f"
                assert found.doubt is None
        assert [one.path for one in vendor.questions] == ["/top", "/sub"]
        assert all(one.headers["authorization"] == "Bearer secret" for one in vendor.questions)
        [far] = elsewhere.questions
        assert far.path == "/far"
        assert not {"authorization", "x-k", "cookie"} & set(far.headers)
