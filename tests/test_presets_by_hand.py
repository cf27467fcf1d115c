"""The presets of Slack, Egnyte, ShareFile and Zoho WorkDrive, each over a small server like it.

The servers were written from the same documents as the presets: what runs here shows that a preset
hangs together and obeys its rules. That the vendor is so, only its own documents can show (Slack's
is held to below), and what they leave open stands under ``unverified`` of each.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, ClassVar

import pytest

from filehaul.errors import AnswerError, CredentialsError, TemporaryError
from filehaul.presets import described
from filehaul.report import Report
from hauling import by_id, haul, ledger_rows, receipt_of, rows_of, sink_files
from openapi_facts import Facts
from page_vendor import PageVendor, Question, Raw, vendor_of
from servers import OutOfReach
from servers.openapi_directory import document

pytestmark = pytest.mark.usefixtures("here", "quick")
TOKEN = "S3cret-token-of-ours"
STATE = "SELECT file_id, path, kind, deleted_at IS NOT NULL FROM acme_data.files"
HTML = b"<!DOCTYPE html><html><head><title>Sign in</title></head><body></body></html>"


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def run(vendor: Any, url: str, auth: dict[str, Any], **more: Any) -> Report:
    """A run of a preset against this address, in no hurry and without waits."""
    resources = more.pop("resources", [])
    client = {
        "base_url": url,
        "auth": auth,
        "retry": {"backoff_factor": 0.001},
        "limits": {"requests_per_second": 1000, "per_path": {"requests": 1000, "seconds": 60}},
        **more,
    }
    made = {"name": "acme", "vendor": vendor, "client": client, "sink": "files"}
    return haul({**made, "resources": resources} if resources else made)


def bytes_of(name: str) -> bytes:
    return f"bytes of {name}".encode()


def blob(name: str) -> Raw:
    """The bytes of a file, as any vendor sends them."""
    return Raw(bytes_of(name), headers={"Content-Type": "application/octet-stream"})


def allowed(question: Question, scheme: str = "Bearer") -> bool:
    return question.headers.get("authorization") == f"{scheme} {TOKEN}"


# -- Slack -----------------------------------------------------------------------------------------


class Slack:
    """files.list, and the host of the bytes. ``says``: instead of the next pages."""

    def __init__(self, *names: str, count: int = 2) -> None:
        self.names = list(names)
        self.count = count
        self.modes: dict[str, str] = {}
        self.says: list[Any] = []
        self.bytes_url = ""

    def __call__(self, question: Question) -> Any:
        if self.says:
            return self.says.pop(0)
        if not allowed(question):
            return {"ok": False, "error": "invalid_auth"}
        page, size = question.number("page", 1), len(self.names)
        pages = -(-size // self.count)
        first = (page - 1 if page <= 100 else 0) * self.count
        files = [self.file(name) for name in self.names[first : first + self.count]]
        paging = {"count": self.count, "total": size, "page": page, "pages": pages}
        return {"ok": True, "files": files, "paging": paging}

    def file(self, name: str) -> dict[str, Any]:
        mode = self.modes.get(name, "hosted")
        file: dict[str, Any] = {"id": f"F{name}", "name": "image.png", "mode": mode, "user": "U1"}
        file |= {"created": 1531763254, "mimetype": "image/png", "size": len(bytes_of(name))}
        if mode == "hosted":
            file["url_private_download"] = f"{self.bytes_url}/files-pri/{name}"
        return file

    def bytes(self, question: Question) -> Any:
        if not allowed(question):
            return Raw(HTML, headers={"Content-Type": "text/html; charset=utf-8"})
        return blob(question.path.rpartition("/")[2])


@pytest.fixture
def slack() -> Iterator[tuple[Slack, Callable[..., Report]]]:
    """The server, and a run against it with this token."""
    made = Slack("1", "2", "3", "4", "5")
    with vendor_of(made) as vendor, vendor_of(made.bytes) as files:
        made.bytes_url = files.url

        def running(token: str = TOKEN, **more: Any) -> Report:
            more.setdefault("trusted_hosts", [files.url])
            return run("slack", vendor.url, {"type": "bearer", "token": token}, **more)

        yield made, running


def test_slack_pages_by_number_and_keeps_files_by_id(slack: Any) -> None:
    """Three pages; five files of one name; times are seconds since 1970; the other host that the
    preset names gets the token.
    """
    server, running = slack
    server.modes |= {"4": "external", "5": "hidden_by_limit"}
    report = running()
    assert (report.exit_code, report.listed, report.transferred) == (0, 3, 3)  # of files
    assert sorted(sink_files().values()) == [bytes_of(one) for one in "123"]
    rows = by_id(rows_of("SELECT file_id, kind, created_at, owner FROM acme_data.files"))
    assert rows["F1"][0] == "file"
    assert rows["F1"][1].timestamp() == 1531763254
    assert (rows["F4"][0], rows["F5"][0]) == ("link", "other")
    assert running().transferred == 0
    server.modes["2"] = "tombstone"
    report = running()
    assert report.deleted == 1
    assert by_id(rows_of(STATE))["F2"][2]


def test_slack_says_no_with_status_200(slack: Any) -> None:
    """What passes is asked again; what is about the token is exit 5; all else stands, exit 8."""
    server, running = slack
    server.says = [{"ok": False, "error": one} for one in ("fatal_error", "request_timeout")]
    assert running().exit_code == 0
    report = running("xoxb-not-good")
    assert isinstance(report.error, CredentialsError)
    assert "(the token)" in report.error.message
    server.says = [{"ok": False, "error": "unknown_type"}]
    report = running()
    assert isinstance(report.error, AnswerError)
    assert (report.exit_code, report.deleted) == (8, 0)
    assert "unknown_type" in report.error.message
    server.says = [{"ok": False, "error": "ratelimited"}] * 20
    report = running(retry={"max_wait": {"request": 30}})
    assert isinstance(report.error, TemporaryError)


def test_slack_a_login_page_is_no_file(slack: Any) -> None:
    """Where the host of the bytes gets no token it answers HTML with 200: each file has failed."""
    _server, running = slack
    report = running(trusted_hosts=["https://files.slack.com"])
    assert (report.transferred, report.failed, report.exit_code) == (0, 5, 3)
    assert not sink_files()


def test_slack_beyond_page_100_is_no_short_table() -> None:
    """Page 101 is page 1 again: the listing ends in an error, and nothing is taken for gone."""
    made = Slack(*map(str, range(205)))
    with vendor_of(made) as vendor:
        nothing = [{"name": "files", "content": None}]
        report = run("slack", vendor.url, {"type": "bearer", "token": TOKEN}, resources=nothing)
    assert report.exit_code == 8
    assert not report.complete


@pytest.mark.slow
@pytest.mark.server
@pytest.mark.xdist_group("real servers")
def test_slack_is_as_its_own_document_says() -> None:
    """Every path, parameter and field of the preset is in Slack's OpenAPI document; and the errors
    that its rules name, but for those that are listed as unverified.
    """
    try:
        whole = document("slack.com")
    except OutOfReach as why:
        pytest.skip(str(why))
    facts = Facts(whole)
    preset = described("slack")
    facts.check(preset)
    operation = facts.operation("GET", "/files.list")
    assert operation is not None
    schema = operation.answers["default"]
    schema = schema.get("schema") or next(iter(schema["content"].values()))["schema"]
    known = set(schema["properties"]["error"]["enum"])
    named = {
        error
        for rule in preset.preset.blocks["client"]["retry"]["rules"]
        if isinstance(errors := rule["body"]["equals"], (list, str))
        for error in ([errors] if isinstance(errors, str) else errors)
    }
    told = " ".join(preset.preset.head.unverified)
    assert {one for one in named - known if one not in told} <= {"token_revoked", "token_expired"}


# -- Egnyte ----------------------------------------------------------------------------------------


class Egnyte:
    """Folders by path or id: two arrays, which count and offset step through as one."""

    tree: ClassVar = {
        "root": {"folders": ["sub"], "files": ["a.txt", "b.txt"]},
        "sub": {"files": ["c.txt"]},
    }

    def __init__(self) -> None:
        self.says: list[Raw] = []

    def __call__(self, question: Question) -> Any:
        if question.path == "/puboauth/token":
            return self.says.pop(0) if self.says else {"access_token": TOKEN, "expires_in": -1}
        assert allowed(question)
        if self.says:
            return self.says.pop(0)
        last = question.path.rpartition("/")[2]
        if question.path.startswith("/fs-content/ids/file/"):
            return blob(last.removeprefix("g-"))
        assert question.path in ("/fs/Shared", "/fs/ids/folder/id-sub"), question.path
        assert question.params["list_content"] == "true"
        folder = self.tree["root" if last == "Shared" else "sub"]
        entries = [("folders", name) for name in folder.get("folders", ())]
        entries += [("files", name) for name in folder["files"]]
        start = question.number("offset")
        answer: dict[str, Any] = {"is_folder": True, "total_count": len(entries)}
        for kind, name in entries[start : start + question.number("count")]:
            answer.setdefault(kind, []).append(getattr(self, kind)(name))
        return answer

    @staticmethod
    def folders(name: str) -> dict[str, Any]:
        return {
            "name": name,
            "is_folder": True,
            "folder_id": f"id-{name}",
            "path": f"/Shared/{name}",
        }

    @staticmethod
    def files(name: str) -> dict[str, Any]:
        checksum = hashlib.sha512(bytes_of(name)).hexdigest()
        times = {"last_modified": "Thu, 29 Feb 2024 12:00:00 GMT", "uploaded_by": "ann"}
        ids = {"entry_id": f"e-{name}", "group_id": f"g-{name}", "checksum": checksum}
        size = len(bytes_of(name))
        return {"name": name, "is_folder": False, "size": size, **ids, **times}


def test_egnyte_has_two_arrays_and_two_ids() -> None:
    """Folders and files of one answer, by ids of their own; RFC 1123 times; SHA-512."""
    with vendor_of(Egnyte()) as vendor:
        auth = {"type": "bearer", "token": TOKEN}
        report = run({"name": "egnyte", "domain": "acme"}, vendor.url, auth)
        assert (report.exit_code, report.complete, report.transferred) == (0, True, 3)
        assert run({"name": "egnyte", "domain": "acme"}, vendor.url, auth).transferred == 0
    assert by_id(rows_of(STATE)) == {
        "id-sub": ("sub", "folder", False),
        "g-a.txt": ("a.txt", "file", False),
        "g-b.txt": ("b.txt", "file", False),
        "g-c.txt": ("sub/c.txt", "file", False),
    }
    times = rows_of("SELECT DISTINCT modified_at, version FROM acme_data.files WHERE size > 0")
    assert {moment.isoformat()[:16] for moment, _ in times} == {"2024-02-29T12:00"}
    assert sink_files()["sub/c.txt"] == bytes_of("c.txt")
    by = ledger_rows("SELECT DISTINCT verified_by FROM transfers WHERE status = 'done'")
    assert by == [("sha512",)]


def test_egnyte_throttles_by_403_and_409() -> None:
    """Calls a second: a pause. Calls of the day: exit 6 with the time. The token endpoint's 409 is
    no refusal of the credentials. Another 403 is.
    """
    server = Egnyte()

    def mashery(code: str, seconds: int) -> Raw:
        headers = {"X-Mashery-Error-Code": code, "Retry-After": str(seconds)}
        return Raw(b"<h1>Developer Over</h1>", status=403, headers=headers)

    preset = {"name": "egnyte", "domain": "acme"}
    with vendor_of(server) as vendor:
        password = {
            "type": "oauth2",
            "token_url": f"{vendor.url}/puboauth/token",
            "client_id": "key",
            "client_secret": "s3cret",
            "extra": {"username": "ann", "password": "pass word"},
        }
        server.says = [
            Raw({"error": "too many"}, status=409, headers={"Retry-After": "1"}),
            Raw({"access_token": TOKEN}),
            mashery("ERR_403_DEVELOPER_OVER_QPS", 1),
        ]
        assert run(preset, vendor.url, password).transferred == 3
        form = vendor.questions[0].body
        assert (form["grant_type"], form["password"]) == ("password", "pass word")
        server.says = [Raw({"access_token": TOKEN}), mashery("ERR_403_DEVELOPER_OVER_RATE", 40000)]
        report = run(preset, vendor.url, password)
        assert isinstance(report.error, TemporaryError)
        assert report.error.retry_at is not None
        server.says = [Raw({"access_token": TOKEN}), Raw(b"<h1>Not Yours</h1>", status=403)]
        assert run(preset, vendor.url, password).exit_code == 8


# -- ShareFile -------------------------------------------------------------------------------------


def sharefile(storage: str) -> Callable[[Question], Any]:
    """Items(…)/Children by $skip and $top; Items(…)/Download says where the bytes are."""
    model = "ShareFile.Api.Models."
    note = {"odata.type": f"{model}Note", "Id": "n1", "FileName": "memo"}
    tree: dict[str, list[dict[str, Any]]] = {
        "allshared": [{"odata.type": f"{model}Folder", "Id": "fo1", "FileName": "Deals"}, note],
        "fo1": [
            {
                "odata.type": f"{model}File",
                "Id": f"fi{number}",
                "FileName": f"{number}.pdf",
                "FileSizeBytes": len(bytes_of(f"fi{number}")),
                "Hash": hashlib.md5(bytes_of(f"fi{number}")).hexdigest(),
                "ProgenyEditDate": "2024-02-29T12:00:00.123Z",
            }
            for number in range(3)
        ],
    }

    def answering(question: Question) -> Any:
        assert allowed(question)
        item, _, what = question.path.removeprefix("/Items(").partition(")/")
        if what == "Download":
            assert question.params == {"redirect": "false"}
            return {"DownloadToken": "t", "DownloadUrl": f"{storage}/{item}?signature=s3cret-of-it"}
        children, skip = tree[item], question.number("$skip")
        page = children[skip : skip + question.number("$top")]
        return {"odata.count": len(children), "value": page}

    return answering


def test_sharefile_takes_two_steps_to_the_bytes() -> None:
    """Kinds by odata.type; MD5; the bytes come from a storage zone that never sees our token."""
    with (
        vendor_of(lambda question: blob(question.path[1:])) as storage,
        vendor_of(sharefile(storage.url)) as vendor,
    ):
        auth = {"type": "oauth2", "client_id": "id", "client_secret": "s3cret"}
        preset = {"name": "sharefile", "subdomain": "acme"}
        with vendor_of(lambda _: {"access_token": TOKEN, "expires_in": 28800}) as tokens:
            auth |= {"token_url": f"{tokens.url}/oauth/token", "extra": {"username": "ann@acme"}}
            report = run(preset, vendor.url, auth)
        assert (report.exit_code, report.complete, report.transferred) == (0, True, 3)
        asked = storage.server.asked
        assert len(asked) == 3
        assert not any(TOKEN in one.text for one in asked)
        assert tokens.questions[0].body["grant_type"] == "password"
    rows = by_id(rows_of(STATE))
    assert rows["fi2"] == ("Deals/2.pdf", "file", False)
    assert (rows["fo1"][1], rows["n1"][1]) == ("folder", "other")
    assert sink_files() == {f"Deals/{one}.pdf": bytes_of(f"fi{one}") for one in range(3)}
    assert receipt_of("fi0")["verified_by"] == "md5"


# -- Zoho WorkDrive --------------------------------------------------------------------------------


def zoho(gone: set[str]) -> Callable[[Question], Any]:
    """JSON:API records by page[offset] and page[limit]; what is gone is 401 with R008."""

    def record(file_id: str, is_folder: bool) -> dict[str, Any]:
        size = {"size_in_bytes": 0 if is_folder else len(bytes_of(file_id))}
        times = {"modified_time_in_millisecond": 1709208000123}
        attributes = {"name": f"{file_id}.x", "is_folder": is_folder, "storage_info": size, **times}
        return {"id": file_id, "type": "files", "attributes": attributes}

    tree = {
        "root": [record("sub", True), *(record(f"f{one}", False) for one in range(3))],
        "sub": [record("deep", False)],
    }

    def answering(question: Question) -> Any:
        if not allowed(question):
            return Raw({"errors": [{"id": "F000", "title": "INVALID_TICKET"}]}, status=401)
        assert question.headers["accept"] == "application/vnd.api+json"
        folder = question.path.split("/")[2]
        if folder in gone:
            return Raw({"errors": [{"id": "R008", "title": "Unauthorized access"}]}, status=401)
        start = question.number("page[offset]")
        return {"data": tree[folder][start : start + question.number("page[limit]")]}

    return answering


def zoho_run(vendor: PageVendor, files: PageVendor, tokens: PageVendor) -> Report:
    auth = {
        "type": "oauth2_refresh_token",
        "token_url": f"{tokens.url}/oauth/v2/token",
        "client_id": "id",
        "client_secret": "s3cret",
        "refresh_token": "1000.refresh",
    }
    content = {"path": f"{files.url}/v1/workdrive/download/{{file_id}}"}
    preset = {"name": "zoho_workdrive", "folder_id": "root", "region": "eu"}
    more = {"trusted_hosts": [files.url], "resources": [{"name": "files", "content": content}]}
    return run(preset, vendor.url, auth, **more)


def test_zoho_a_file_that_is_gone_asks_for_no_token() -> None:
    """JSON:API records, times in milliseconds, bytes from a second host with our token; a folder
    and a file that are gone answer 401 R008: one request each, and one token in all.
    """
    gone: set[str] = set()

    def bytes_or_gone(question: Question) -> Any:
        assert allowed(question)
        name = question.path.rpartition("/")[2]
        error = {"errors": [{"id": "R008", "title": "Unauthorized access"}]}
        return Raw(error, status=401) if name in gone else blob(name)

    with (
        vendor_of(zoho(gone)) as vendor,
        vendor_of(bytes_or_gone) as files,
        vendor_of(lambda _: {"access_token": TOKEN, "expires_in": 3600}) as tokens,
    ):
        gone.add("f1")
        report = zoho_run(vendor, files, tokens)
        assert (report.transferred, report.failed, report.exit_code) == (3, 1, 3)
        assert "no such file or no access to it" in receipt_of("f1")["error"]
        assert receipt_of("f1")["permanent"]
        assert len(tokens.questions) == 1
        rows = by_id(rows_of(STATE))
        assert rows["deep"] == ("sub.x/deep.x", "file", False)
        times = rows_of("SELECT DISTINCT modified_at FROM acme_data.files")
        assert times[0][0].isoformat()[:19] == "2024-02-29T12:00:00"

        gone.add("sub")
        vendor.questions.clear()
        report = zoho_run(vendor, files, tokens)
        assert (report.complete, report.deleted, report.exit_code) == (False, 0, 3)
        assert len([one for one in vendor.questions if "/sub/" in one.path]) == 1
        assert len(tokens.questions) == 1


def test_zoho_a_busy_token_endpoint_is_not_the_credentials() -> None:
    """Its 400 about too many requests is exit 6; another 400 is exit 5."""
    busy = {"error": "Access Denied", "error_description": "You have made too many requests"}
    for said, code in ((busy, 6), ({"error": "invalid_client"}, 5)):
        with (
            vendor_of(zoho(set())) as vendor,
            vendor_of(lambda _question, said=said: Raw(said, status=400)) as tokens,
        ):
            auth = {
                "type": "oauth2_refresh_token",
                "token_url": f"{tokens.url}/oauth/v2/token",
                "client_id": "id",
                "client_secret": "s3cret",
                "refresh_token": "1000.refresh",
            }
            preset = {"name": "zoho_workdrive", "folder_id": "root"}
            report = run(preset, vendor.url, auth, retry={"max_wait": {"request": 30}})
            assert report.exit_code == code
