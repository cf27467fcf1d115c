"""The fake vendor as part of a test: its log, its life, its process, its pytest fixture."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import textwrap
import threading
import time
import urllib.request
from contextlib import contextmanager
from dataclasses import fields
from urllib.parse import urlencode

import pytest

from fake_client import (
    FILE,
    ask,
    ask_token,
    is_over,
    list_all,
    request_bytes,
    wait_for,
    wire,
)
from filehaul.testing import FakeFile, FakeVendor, Fault, Options
from filehaul.testing.options import OptionArguments


def test_the_log_tells_what_was_asked_and_answered():
    """Method, path, query, headers, body, status, bytes, time: as they were; counted by glob."""
    with FakeVendor([FILE]) as vendor:
        begin = time.monotonic()
        ask_token(vendor)
        ask(vendor, "/v1/files?offset=0&limit=2&limit=5&x=%C3%A4", {"X-One": "1"})
        ask(vendor, "/v1/files/f1/content", method="HEAD")
        ask(vendor, "/v1/files/f%2F1")
        token, listing, head, unknown = vendor.requests
        assert (token.method, token.path, token.status) == ("POST", "/oauth/token", 200)
        assert token.form["client_id"] == vendor.client_id
        assert listing.query == {"offset": "0", "limit": "5", "x": "ä"}
        assert listing.headers["x-one"] == "1"
        assert begin <= token.started <= listing.started <= time.monotonic()
        assert (head.method, head.status, head.bytes_sent) == ("HEAD", 200, 0)
        assert (unknown.path, unknown.status, unknown.fault) == ("/v1/files/f%2F1", 404, None)
        assert vendor.count("/v1/files*") == 3
        assert vendor.count("/v1/files*", "HEAD") == 1
        assert vendor.count("/v1/files") == vendor.count("GET /v1/files") == 1
        assert vendor.count("GET /v1/files?offset=0&*") == 1
        assert vendor.count("GET /v1/files?offset=1*") == 0
        with pytest.raises(ValueError, match="write 'GET /v1/files"):
            vendor.count("/v1/files?offset=0")


def test_a_bounded_log_does_not_count_wrongly():
    """log=2 keeps the last two and refuses to count; log=False keeps none; all are numbered."""
    with FakeVendor([FILE], log=2) as vendor:
        for path in ("/a", "/b", "/c"):
            ask(vendor, path)
        assert [each.path for each in vendor.requests] == ["/b", "/c"]
        assert vendor.request_count == 3
        with pytest.raises(RuntimeError, match="holds 2 of 3 requests"):
            vendor.count("/a")
        vendor.clear_requests()
        assert vendor.count("/a") == 0
    with FakeVendor([FILE], log=False) as vendor:
        ask(vendor, "/a")
        assert (vendor.requests, vendor.request_count) == ([], 1)


def test_files_can_change_from_another_thread_while_pages_are_read():
    """put and remove under fire: every page is valid, the end is what was put last."""
    with FakeVendor.of_records(500, auth=False) as vendor:

        def churn():
            for number in range(200):
                vendor.put(FakeFile(f"new-{number}", "x", content=b"x"))
                vendor.remove(f"rec-{number}")

        thread = threading.Thread(target=churn)
        thread.start()
        while thread.is_alive():
            assert ask(vendor, "/v1/files?offset=50").status == 200
        thread.join()
        ids = [row["id"] for row in list_all(vendor)]
        expected = [f"rec-{n}" for n in range(200, 500)] + [f"new-{n}" for n in range(200)]
        assert ids == expected == list(vendor.files)
        assert vendor.errors == []


def test_a_vendor_stops_at_once_and_starts_again_at_its_port():
    """stop() ends ports, connections and answers under way; start() is the same vendor again."""
    vendor = FakeVendor([FILE], auth=False, latency=5)
    with pytest.raises(RuntimeError, match="start it first"):
        _ = vendor.base_url
    with vendor:
        url = vendor.base_url
        with pytest.raises(RuntimeError, match="started already"):
            vendor.start()
        with wire(vendor) as bare:
            bare.sendall(request_bytes())
            wait_for(lambda: vendor.traffic.in_flight == 1)
            begin = time.monotonic()
            vendor.stop()
            assert time.monotonic() - begin < 1
            assert is_over(bare)
        with pytest.raises(ConnectionRefusedError):
            ask(vendor, "/v1/files")
        vendor.stop()
    with vendor:
        assert vendor.base_url == url
        assert vendor.request_count == 1


def test_a_failing_hook_is_told_to_client_and_test():
    """An error in record_shape is 500 to the client and RuntimeError at the end of the with."""

    def broken(record):
        raise LookupError(record["id"])

    with (
        pytest.raises(RuntimeError, match="failed 1 times; the first: LookupError"),
        FakeVendor([FILE], record_shape=broken) as vendor,
    ):
        assert ask(vendor, "/v1/files").status == 500


def test_wrong_options_are_refused_when_the_vendor_is_made():
    """Misspelt or impossible options do not wait for a test to go strange."""
    for options, text in [
        ({"page_cap": 0}, "page_cap"),
        ({"selector": "$"}, "no place for a total"),
        ({"api_prefix": "v1/"}, "api_prefix"),
        ({"token_style": "header"}, "token_style"),
    ]:
        with pytest.raises(ValueError, match=text):
            FakeVendor(**options)
    with pytest.raises(TypeError, match="latensy"):
        FakeVendor(latensy=1)


def test_the_typed_arguments_are_the_options():
    """What type checkers know and what is accepted are the same names and types."""
    accepted = {each.name: each.type for each in fields(Options)}
    typed = OptionArguments.__annotations__
    declared = {name: reference.__forward_arg__ for name, reference in typed.items()}
    assert declared == accepted


@contextmanager
def process(*arguments, **options):
    """``python -m filehaul.testing`` with these arguments, and the JSON line it prints."""
    command = [sys.executable, "-m", "filehaul.testing", *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, **options) as child:
        try:
            yield child, json.loads(child.stdout.readline())
        finally:
            if child.poll() is None:
                child.kill()


def get(info, path):
    """A request with a token, to a vendor that is another process."""
    form = {key: info[key] for key in ("client_id", "client_secret")}
    body = urlencode({"grant_type": "client_credentials", **form}).encode()
    with urllib.request.urlopen(info["token_url"], body, timeout=5) as response:
        token = json.load(response)["access_token"]
    request = urllib.request.Request(
        info["base_url"] + path, headers={"Authorization": f"Bearer {token}"}
    )
    with urllib.request.urlopen(request, timeout=5) as response:
        return response.read()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_as_a_process_it_serves_a_folder_until_told_to_end(tmp_path, number):
    """One JSON line, the files of the folder, exit 0 on SIGTERM and SIGINT."""
    (tmp_path / "a").write_bytes(b"served")
    with process("--serve", str(tmp_path), "--no-total", "--client-secret", "s3") as (child, info):
        assert info["client_secret"] == "s3"
        page = json.loads(get(info, "/v1/files"))
        assert "total" not in page
        assert get(info, f"/v1/files/{page['files'][0]['id']}/content") == b"served"
        child.send_signal(number)
        assert child.wait(5) == 0
        assert child.stdout.read() == ""


def test_as_a_process_it_ends_with_its_parent():
    """--with-parent: bytes on stdin are nothing, its end is the end."""
    arguments = ("--records", "5", "--with-parent", "--second-origin", "--no-auth")
    with process(*arguments, stdin=subprocess.PIPE) as (child, info):
        assert info["other_url"] != info["base_url"]
        child.stdin.write("still here\n")
        child.stdin.flush()
        with urllib.request.urlopen(info["base_url"] + "/v1/files", timeout=5) as response:
            assert json.load(response)["total"] == 5
        child.stdin.close()
        assert child.wait(5) == 0


def test_as_a_process_it_changes_records_and_changes_them_back():
    """--changed-every: one signal gives every third record another time, the next takes it back."""
    arguments = ("--records", "6", "--no-auth", "--changed-every", "3")
    with process(*arguments) as (child, info):
        for years in ("24 24 24 24 24 24", "25 24 24 25 24 24", "24 24 24 24 24 24"):
            seen = ""
            for _ in range(100):  # until the signal has arrived
                rows = json.loads(get(info, "/v1/files"))["files"]
                seen = " ".join(row["modified_at"][2:4] for row in rows)
                if seen == years:
                    break
                time.sleep(0.02)
            assert seen == years
            child.send_signal(signal.SIGUSR1)


def test_as_a_process_it_says_what_is_wrong(tmp_path):
    """A folder that is not there: usage on stderr, exit 2."""
    command = [sys.executable, "-m", "filehaul.testing", "--serve", str(tmp_path / "none")]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=10)
    assert (done.returncode, done.stdout) == (2, "")
    assert "none" in done.stderr


def test_the_fixture_starts_vendors_and_stops_them(tmp_path):
    """In somebody's pytest: the fixture makes running vendors; a failing hook fails the test."""
    (tmp_path / "test_it.py").write_text(
        textwrap.dedent("""
            import urllib.request, pytest
            from filehaul.testing import FakeFile, FakeVendor

            urls = []

            def test_made(fake_vendor):
                one = fake_vendor([FakeFile("1", "a", content=b"x")], auth=False)
                two = fake_vendor(FakeVendor.of_records(3, auth=False))
                for vendor in (one, two):
                    urls.append(vendor.base_url + "/v1/files")
                    assert urllib.request.urlopen(urls[-1]).status == 200

            def test_stopped():
                assert len(urls) == 2
                for url in urls:
                    with pytest.raises(OSError):
                        urllib.request.urlopen(url)

            def test_hook(fake_vendor):
                broken = lambda record: record["no"]
                vendor = fake_vendor([FakeFile("1", "a")], auth=False, record_shape=broken)
                with pytest.raises(OSError):
                    urllib.request.urlopen(vendor.base_url + "/v1/files")
        """)
    )
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(tmp_path)]
    done = subprocess.run(
        command, check=False, capture_output=True, text=True, timeout=60, cwd=tmp_path
    )
    assert "3 passed, 1 error" in done.stdout
    assert "the fake vendor failed 1 times; the first: KeyError('no')" in done.stdout


def test_it_needs_the_standard_library_only():
    """Using it brings neither dlt nor pyarrow nor pycurl nor pytest."""
    code = (
        "import sys, filehaul.testing as t; t.FakeVendor.of_records(1).start().stop();"
        "print(*{name.split('.')[0] for name in sys.modules})"
    )
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, check=True, capture_output=True, text=True, timeout=30)
    heavy = {"dlt", "pyarrow", "pycurl", "pytest", "pydantic", "duckdb", "typing_extensions"}
    assert not heavy & set(done.stdout.split())


def test_the_plugin_costs_a_pytest_run_nothing():
    """Loading the plugin imports no other module of filehaul; the vendor comes with its use."""
    code = (
        "import sys, filehaul.testing.pytest_plugin;"
        "print(*sorted(name for name in sys.modules if name.startswith('filehaul.')))"
    )
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, check=True, capture_output=True, text=True, timeout=30)
    assert done.stdout.split() == ["filehaul.testing", "filehaul.testing.pytest_plugin"]


def test_faults_and_files_are_what_the_package_gives():
    """The names of the public API are there, the fixture too."""
    import filehaul.testing as package

    for name in package.__all__:
        assert getattr(package, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'fakes'"):
        _ = package.fakes
    assert str(Fault.status(503)) == "status(503)"
