"""An account that knows no vendor, and plays over it: a play of one's own has all the fake has."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from typing import Any

import pytest

from filehaul.testing import Account, FakeVendor, Fault
from filehaul.testing.account import Change
from filehaul.testing.answers import Answer, RecordedRequest, json_answer
from filehaul.testing.gate import Refusal
from filehaul.testing.plays import names, new_id_of, play_of
from filehaul.testing.stage import ExpiredTokenError, Stage, UnknownTokenError


class Shop:
    """A play as a third party would write one."""

    token_path = "/login"

    def __init__(self, account: Account, stage: Stage, *, greeting: str = "none") -> None:
        self.account = account
        self.stage = stage
        self.greeting = greeting

    def answer(self, request: RecordedRequest) -> Answer | None:
        """A list, bytes, a link, a page token, and what goes wrong in the play itself."""
        if request.path == "/all":
            told = [{"id": node.node_id, "name": node.name} for node in self.account]
            page = self.stage.seal("page", len(told))
            return json_answer(200, {"all": told, "greeting": self.greeting, "page": page})
        if request.path == "/page":
            try:
                return json_answer(200, self.stage.unseal("page", request.query["token"]))
            except ExpiredTokenError:
                return json_answer(410, "too old")
            except UnknownTokenError:
                return json_answer(400, "never heard of it")
        node = self.account.get(request.path.rpartition("/")[2])
        if node is None:
            return None
        if request.path.startswith("/link/"):
            return Answer(302, {"Location": self.stage.signed_url(node)})
        return self.stage.content(node, request)

    def refuse(self, refusal: Refusal) -> Answer:
        """In its own words."""
        return json_answer(refusal.status, {"oh": refusal.why}, refusal.headers)


def ask(url: str, **headers: str) -> tuple[int, bytes]:
    """Status and body; redirects are not followed."""

    class Stay(urllib.request.HTTPRedirectHandler):
        def redirect_request(self, *_: Any) -> None:
            return None

    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), Stay)
    try:
        with opener.open(urllib.request.Request(url, headers=headers), timeout=10) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as problem:
        location = problem.headers.get("Location")
        return problem.code, location.encode() if location else problem.read()


def test_a_play_of_ones_own() -> None:
    """Tokens, scripted faults, Range, signed links on a second origin, page tokens, a count."""
    account = Account()
    file = account.put_file("Reports/a.txt", b"0123456789")
    vendor = FakeVendor.playing(Shop, account, {"greeting": "hello"}, second_origin=True)
    with vendor:
        assert vendor.token_url == vendor.base_url + "/login"
        assert ask(f"{vendor.base_url}/all") == (401, b'{"oh":"no token"}')
        mine = {"Authorization": f"Bearer {vendor.token()}"}
        vendor.script("/all", Fault.status(503))
        assert ask(f"{vendor.base_url}/all", **mine)[0] == 503
        told = json.loads(ask(f"{vendor.base_url}/all", **mine)[1])
        assert [one["name"] for one in told["all"]] == ["Reports", "a.txt"]
        assert told["greeting"] == "hello"
        assert ask(f"{vendor.base_url}/nowhere", **mine) == (404, b'{"oh":"nothing there"}')
        part = {**mine, "Range": "bytes=2-4"}
        assert ask(f"{vendor.base_url}/{file.node_id}", **part) == (206, b"234")
        status, link = ask(f"{vendor.base_url}/link/{file.node_id}", **mine)
        assert status == 302
        assert link.decode().startswith(vendor.other_url)
        assert ask(link.decode()) == (200, b"0123456789")
        assert ask(link.decode(), **mine)[0] == 400
        page = f"{vendor.base_url}/page?token={told['page']}"
        assert ask(page, **mine) == (200, b"2")
        vendor.expire_pages()
        assert ask(page, **mine)[0] == 410
        assert ask(f"{vendor.base_url}/page?token=AAAA", **mine)[0] == 400
        vendor.assert_all_fired()
        assert vendor.count("/all") == 3
        account.change(file.node_id, b"new")
        assert ask(f"{vendor.base_url}/{file.node_id}", **mine) == (200, b"new")
        with pytest.raises(TypeError, match="change its account"):
            vendor.remove(file.node_id)


def test_a_throttled_play_answers_in_its_own_words() -> None:
    """The option rate_limit holds for plays too, with the vendor's own body."""
    with FakeVendor.playing(Shop, Account(), auth=False, rate_limit=1) as vendor:
        assert ask(f"{vendor.base_url}/all")[0] == 200
        assert ask(f"{vendor.base_url}/all") == (429, b'{"oh":"throttled"}')


def test_the_journal_tells_what_happened_in_order() -> None:
    """Each change is one entry, as it was then and before; of a folder with what lay below it."""
    account = Account()
    file = account.put_file("A/B/x.txt", b"1")
    folder = account.find("A")
    account.change(file.node_id, b"22")
    account.rename(folder.node_id, "Z")
    account.move(file.node_id, account.root_id)
    account.trash(folder.node_id)
    account.restore(folder.node_id)
    account.remove(folder.node_id)
    told = [(one.what, one.node.name) for one in account.journal]
    assert told == [
        *(("put", name) for name in ("A", "B", "x.txt")),
        *(("change", "x.txt"), ("rename", "Z"), ("move", "x.txt")),
        *(("trash", "Z"), ("restore", "Z"), ("remove", "Z")),
    ]
    renamed: Change = account.journal[4]
    assert renamed.before is not None
    assert renamed.before.name == "A"
    assert [account.get(one) and account[one].name for one in renamed.below] == [None, "x.txt"]
    assert [one.number for one in account.journal] == list(range(1, 10))
    assert [node.name for node in account] == ["x.txt"]
    moved = account[file.node_id]
    assert (moved.version, moved.revision, moved.size) == (2, 3, 2)
    assert account.path(file.node_id) == "x.txt"
    times = [one.at for one in account.journal]
    assert times == sorted(set(times))


def test_trash_and_forbidden_folders_hold_for_all_below() -> None:
    """What lies in a folder shares its lot; a node of an id that is taken is refused."""
    account = Account()
    file = account.put_file("A/B/x.txt")
    account.forbid(account.find("A").node_id)
    assert account.is_forbidden(file.node_id)
    assert not account.is_forbidden(account.root_id)
    account.trash(account.find("A/B").node_id)
    assert account.is_trashed(file.node_id)
    assert not account[file.node_id].is_trashed
    with pytest.raises(ValueError, match="into itself"):
        account.move(account.find("A").node_id, account.find("A/B").node_id)
    with pytest.raises(ValueError, match="already"):
        account.put_file("y", node_id=file.node_id)


def test_names_are_any_text_and_need_not_differ() -> None:
    """With a parent's id, a name is taken as it stands; two files may have one name."""
    account = Account()
    one = account.put_file("a/b\\c", parent=account.root_id)
    account.put_file("a/b\\c", parent=account.root_id)
    assert [node.name for node in account] == ["a/b\\c", "a/b\\c"]
    assert account.path(one.node_id) == "a/b\\c"
    shared = account.put_drive("Team", "team-1")
    other = account.put_file("t.txt", drive_id=shared)
    assert other.drive_id == "team-1"
    assert account.move(other.node_id, account.root_id).drive_id == account.drive_id


def test_plays_are_known_by_name() -> None:
    """Each module of the package is one; an unknown name says which there are."""
    for name in names():
        assert callable(play_of(name))
        assert new_id_of(name)("file", 1) != new_id_of(name)("file", 2)
    with pytest.raises(ValueError, match="there is no play 'nobody'"):
        play_of("nobody")
