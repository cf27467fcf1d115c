"""Refresh tokens: kept, rotated by one writer, and what is said when they are dead."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import keyring
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from keyring.backend import KeyringBackend
from typer.testing import CliRunner

from bare_server import Kept, client_for
from clock import FakeClock
from filehaul.auth.configured import token_store
from filehaul.cli.verbs import app
from filehaul.config import load_config
from filehaul.connect import connect
from filehaul.errors import AnswerError, Cancelled, ConfigError, CredentialsError, TemporaryError
from filehaul.http import Clock, Request
from filehaul.signing_in import sign_out
from filehaul.testing import FakeVendor, Fault

FILES, TOKEN = "/v1/files", "/oauth/token"
KEPT = Path(".filehaul/acme.tokens.json")


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def vendor(fake_vendor):
    return fake_vendor(client_secret="")


def config_of(vendor: FakeVendor, seed: str | None, **block: Any) -> dict[str, Any]:
    """A public client with this refresh token."""
    auth = {
        "type": "oauth2_refresh_token",
        "token_url": vendor.token_url,
        "client_id": vendor.client_id,
        "refresh_token": seed,
        **block,
    }
    endpoint = {"path": FILES, "paginator": {"type": "offset", "limit": 100}}
    return {
        "name": "acme",
        "client": {"base_url": vendor.base_url, "auth": auth, "retry": {"backoff_factor": 0.001}},
        "resources": [{"name": "files", "primary_key": "file_id", "endpoint": endpoint}],
    }


def ask(config: dict[str, Any], clock: FakeClock | None = None, **more: Any) -> int:
    """One request, as a run of its own would ask it; its status."""
    loaded = load_config(config)
    with connect(loaded, clock or FakeClock(), **more) as http:
        return http.send(Request(loaded.client.base_url + FILES)).status


def kept() -> dict[str, Any]:
    [one] = json.loads(KEPT.read_text())
    return one


def test_a_rotated_token_is_kept_before_it_is_used(fake_vendor):
    """When the vendor first sees the new access token, file has it and the new refresh token."""
    seen = []
    vendor = fake_vendor(
        client_secret="",
        auth=lambda request: seen.append((request.headers["authorization"], kept())) or True,
    )
    seed = vendor.grants.refresh_token()
    assert ask(config_of(vendor, seed)) == 200
    [(header, then)] = seen
    assert header == f"Bearer {then['access_token']}"
    assert then["refresh_token"] not in ("", seed)
    assert KEPT.stat().st_mode & 0o777 == 0o600
    assert not KEPT.with_suffix(".new").exists()
    form = vendor.requests[0].form
    assert form == {
        "grant_type": "refresh_token",
        "refresh_token": seed,
        "client_id": vendor.client_id,
    }


def test_runs_share_a_token_and_then_the_newest_refresh_token(vendor):
    """A run that finds a good token asks for none; one that finds an old one uses what was kept,
    and never a refresh token twice.
    """
    config = config_of(vendor, vendor.grants.refresh_token())
    clock = FakeClock()
    for tokens, ahead in ((1, 0), (1, 3500), (2, 3541), (3, 7200), (4, 4000)):
        clock.now += ahead
        assert ask(config, clock) == 200
        assert vendor.token_requests == tokens
    assert vendor.grants.refreshed == 4


def test_a_vendor_that_does_not_rotate(vendor):
    """The config's refresh token serves on where the vendor gives no other."""
    vendor.grants.rotates = False
    seed = vendor.grants.refresh_token()
    clock = FakeClock()
    for _ in range(3):
        assert ask(config_of(vendor, seed), clock) == 200
        clock.now += 4000
    assert vendor.grants.refreshed == 3
    assert kept()["refresh_token"] == seed


def test_a_401_renews_from_the_store_or_the_vendor(vendor):
    """A token that ends early: one renewal; where another process has renewed, none."""
    config = config_of(vendor, vendor.grants.refresh_token())
    loaded, clock = load_config(config), FakeClock()
    with connect(loaded, clock) as one, connect(loaded, clock) as other:
        url = loaded.client.base_url + FILES
        assert one.send(Request(url)).status == other.send(Request(url)).status == 200
        assert vendor.token_requests == 1
        vendor.expire_tokens()
        assert one.send(Request(url)).status == other.send(Request(url)).status == 200
    assert vendor.token_requests == 2
    assert vendor.count(FILES) == 2 + 4


PROCESS = """
import sys
from filehaul.config import load_config
from filehaul.connect import connect
from filehaul.http import Clock, Request
config = load_config("acme.yaml")
with connect(config) as http:
    print("ready", flush=True)
    for line in sys.stdin:
        print(http.send(Request(config.client.base_url + "/v1/files")).status, flush=True)
"""


def test_two_processes_renew_one_rotating_token(vendor, place):
    """The token endpoint is asked once, both work; so again after a 401 in both; and the sign-in
    lives on, which it would not if a refresh token had come twice.
    """
    config = config_of(vendor, vendor.grants.refresh_token())
    Path("acme.yaml").write_text(yaml.safe_dump(config))
    both = [
        subprocess.Popen(
            [sys.executable, "-c", PROCESS],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(2)
    ]
    try:
        assert [one.stdout.readline() for one in both] == ["ready\n"] * 2
        for round in (1, 2, 3):
            # Slow enough that the second comes while the first is still asking.
            vendor.script(TOKEN, Fault.latency(0.2))
            for one in both:
                one.stdin.write("go\n")
                one.stdin.flush()
            assert [one.stdout.readline() for one in both] == ["200\n"] * 2
            assert vendor.token_requests == vendor.grants.refreshed == round
            vendor.expire_tokens()
    finally:
        for one in both:
            one.communicate(timeout=30)
    vendor.assert_all_fired()
    assert [one.returncode for one in both] == [0, 0]


def test_another_refresh_token_in_the_config_wins(vendor):
    """A new seed is used once; after that the store's newer one wins again."""
    first, second = vendor.grants.refresh_token(), vendor.grants.refresh_token()
    clock = FakeClock()
    for seed in (first, second, second):
        assert ask(config_of(vendor, seed), clock) == 200
        clock.now += 4000
    forms = [request.form for request in vendor.requests if request.path == TOKEN]
    given = [form["refresh_token"] for form in forms]
    assert given[:2] == [first, second]
    assert given[2] not in (first, second)


def test_a_store_alone_is_enough(vendor):
    """Once it is kept, the refresh token may go from the config."""
    clock = FakeClock()
    assert ask(config_of(vendor, vendor.grants.refresh_token()), clock) == 200
    clock.now += 4000
    assert ask(config_of(vendor, None), clock) == 200
    assert vendor.grants.refreshed == 2


def test_a_dead_refresh_token_names_the_command(vendor):
    """Exit 5, the vendor's word for it, and what to run; the same where nobody has signed in."""
    config = config_of(vendor, vendor.grants.refresh_token())
    Path("acme.yaml").write_text(yaml.safe_dump(config))
    vendor.grants.end_sign_ins()
    for _ in range(2):
        result = CliRunner().invoke(app, ["sync", "acme.yaml", "--json"])
        assert result.exit_code == 5
        error = json.loads(result.stdout.splitlines()[-1])["error"]
        assert "invalid_grant" in error["message"]
        assert error["hint"] == "run filehaul login acme.yaml"
    with pytest.raises(CredentialsError, match="nobody is signed in") as caught:
        ask(config_of(vendor, None))
    assert caught.value.hint == "run filehaul.login(config)"
    assert vendor.token_requests == 2


def test_a_sign_in_that_ends_under_way(fake_vendor):
    """Eight requests in flight get 401 and the refresh token is dead: it is asked about once."""
    vendor = fake_vendor(client_secret="", latency=0.05)
    loaded = load_config(config_of(vendor, vendor.grants.refresh_token()))
    with connect(loaded, FakeClock()) as http:
        http.authorize.current()
        vendor.expire_tokens()
        vendor.grants.end_sign_ins()
        with pytest.raises(CredentialsError, match="no longer good"):
            list(http.run([Request(loaded.client.base_url + FILES)] * 8))
    assert vendor.count(FILES) == 8
    assert vendor.token_requests == 2


KILLED = """
import os, pathlib, signal
from filehaul.config import load_config
from filehaul.connect import connect
pathlib.Path.replace = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
with connect(load_config("acme.yaml")) as http:
    http.authorize.current()
"""


def test_killed_while_it_renews(vendor):
    """SIGKILL after the vendor has spent the refresh token, before the new one is in its place:
    the next run goes on with what had reached the disk, without asking anybody.
    """
    config = config_of(vendor, vendor.grants.refresh_token())
    Path("acme.yaml").write_text(yaml.safe_dump(config))
    killed = subprocess.run([sys.executable, "-c", KILLED], timeout=60, check=False)
    assert killed.returncode == -9
    assert vendor.grants.refreshed == 1
    assert not KEPT.exists()
    clock = FakeClock()
    clock.now += time.time() - clock.time()  # the killed process had the machine's own clock
    assert ask(config, clock) == 200
    assert vendor.token_requests == 1
    clock.now += 4000
    assert ask(config, clock) == 200
    assert vendor.grants.refreshed == 2


@pytest.mark.parametrize(
    ("fault", "error", "code", "words"),
    [
        (Fault.status(401, body={"error": "invalid_client"}), CredentialsError, 5, "client_id"),
        (Fault.status(400, body={"error": "invalid_request"}), CredentialsError, 5, "client_id"),
        (Fault.html(), CredentialsError, 5, "check token_url"),
        (Fault.status(404), CredentialsError, 5, "client_id"),
        (Fault.status(400, body="no"), CredentialsError, 5, "filehaul.login"),
        (Fault.json({"error": "invalid_code"}), CredentialsError, 5, "filehaul.login"),
        (Fault.status(401, body={"error": "invalid_grant"}), CredentialsError, 5, "filehaul.login"),
        (Fault.status(503), AnswerError, 6, "run again later"),
    ],
)
def test_what_signing_in_again_would_not_mend(vendor, fault, error, code, words):
    """Only a dead token sends people to sign in; a wrong client or a vendor in trouble does not."""
    vendor.script(TOKEN, fault, times=4 if code == 6 else 1)
    with pytest.raises(error) as caught:
        ask(config_of(vendor, vendor.grants.refresh_token()))
    assert words in caught.value.hint
    assert caught.value.exit_code == code
    vendor.assert_all_fired()


def test_another_client_is_another_sign_in(vendor, fake_vendor):
    """Two configs of one name take turns: neither gets the other's tokens, nor costs it any; and
    one signs out without the other.
    """
    other = fake_vendor(client_secret="", client_id="another")
    both = [(one, config_of(one, one.grants.refresh_token())) for one in (vendor, other)]
    clock = FakeClock()
    for refreshed in (1, 2, 3):
        for one, config in both:
            assert ask(config, clock) == 200
            assert one.grants.refreshed == refreshed
        clock.now += 4000
    assert len(json.loads(KEPT.read_text())) == 2
    assert sign_out(both[0][1])
    [left] = json.loads(KEPT.read_text())
    assert ask(both[1][1], clock) == 200
    assert other.token_requests == 4
    assert left["client"] == kept()["client"]
    with pytest.raises(CredentialsError):  # the config's own was spent long ago
        ask(both[0][1], clock)


# -- crashes, disks, others ----------------------------------------------------------------------


def test_killed_between_answer_and_rename(vendor):
    """What was written whole is taken up; what was not is dropped, and the old token serves."""
    config, clock = config_of(vendor, vendor.grants.refresh_token()), FakeClock()
    ask(config, clock)
    newer = {**kept(), "access_token": vendor.token(), "renewed_at": clock.time()}
    KEPT.with_suffix(".new").write_text(json.dumps([newer]) + " " * 1000)
    KEPT.with_suffix(".new").chmod(0o600)
    assert ask(config, clock) == 200
    assert vendor.requests[-1].headers["authorization"] == f"Bearer {newer['access_token']}"
    KEPT.with_suffix(".new").write_text('{"access_token": "half' + " " * 1000)
    KEPT.with_suffix(".new").chmod(0o600)
    assert ask(config, clock) == 200
    assert not KEPT.with_suffix(".new").exists()
    assert vendor.token_requests == 1


def test_a_full_disk_is_met_before_the_token_is_spent(vendor, monkeypatch):
    """Without room for the answer the vendor is not asked, and the refresh token stays good."""
    config = config_of(vendor, vendor.grants.refresh_token())
    original = os.pwrite

    def full(descriptor: int, text: bytes, at: int) -> int:
        if at >= 4096:
            raise OSError(errno.ENOSPC, "No space left on device")
        return original(descriptor, text[:4096], at)  # a disk takes what it can, first

    with monkeypatch.context() as patched:
        patched.setattr(os, "pwrite", full)
        with pytest.raises(ConfigError, match="No space left") as caught:
            ask(config)
    assert caught.value.where.endswith("acme.tokens.json")
    assert vendor.token_requests == 0
    assert not KEPT.with_suffix(".new").exists()
    assert ask(config) == 200


def test_tokens_that_do_not_get_their_name(vendor, monkeypatch):
    """A rename that fails once the vendor has answered: exit 4 says so, and nothing is lost: the
    next run finds what was written.
    """
    config = config_of(vendor, vendor.grants.refresh_token())

    def refused(*_: Any) -> None:
        raise OSError(errno.EIO, "Input/output error")

    with monkeypatch.context() as patched:
        patched.setattr(Path, "replace", refused)
        with pytest.raises(ConfigError, match="could not be written down: Input/output error"):
            ask(config)
        with pytest.raises(ConfigError, match="cannot be written: Input/output error"):
            ask(config)
    assert ask(config) == 200
    assert vendor.token_requests == 1


@pytest.mark.parametrize(("mode", "what"), [(0o644, "file"), (0o620, "file"), (0o707, "folder")])
def test_a_store_that_others_may_touch_is_refused(vendor, mode, what):
    """A file that others may read, a folder that they may write: exit 4, and the chmod to run."""
    config = config_of(vendor, vendor.grants.refresh_token())
    assert ask(config) == 200
    (KEPT if what == "file" else KEPT.parent).chmod(mode)
    with pytest.raises(ConfigError, match="others may") as caught:
        ask(config)
    assert caught.value.hint.startswith("chmod ")
    assert vendor.token_requests == 1


def test_what_somebody_else_planted(vendor):
    """Beside the store lies a file that is not ours alone: it is not taken for our own new tokens,
    and nothing is written through a link.
    """
    config, clock = config_of(vendor, vendor.grants.refresh_token()), FakeClock()
    assert ask(config, clock) == 200
    planted = KEPT.with_suffix(".new")
    planted.write_text(json.dumps([{**kept(), "access_token": "theirs"}]))
    planted.chmod(0o666)
    with pytest.raises(ConfigError, match="others may read") as caught:
        ask(config, clock)
    assert str(planted) in caught.value.hint
    planted.unlink()
    planted.symlink_to("/dev/null")
    with pytest.raises(ConfigError, match="cannot be read"):
        ask(config, clock)
    assert vendor.token_requests == 1


def test_tokens_are_beside_the_ledger(vendor, place, monkeypatch):
    """A config in a folder that cannot be written, and its state elsewhere, as in containers."""
    config = {**config_of(vendor, vendor.grants.refresh_token()), "state": "var/acme.sqlite"}
    assert ask(config) == 200
    assert (place / "var" / "acme.tokens.json").exists()
    monkeypatch.setenv("FILEHAUL_STATE", str(place / "volume" / "any.sqlite"))
    config["client"]["auth"]["refresh_token"] = vendor.grants.refresh_token()
    assert ask(config) == 200
    assert (place / "volume" / "acme.tokens.json").exists()
    assert not (place / ".filehaul").exists()


@pytest.mark.parametrize("text", ["", "{", '{"a": 1}', '[{"renew_at": "soon", "client": "x"}]'])
def test_a_damaged_store(vendor, text):
    """What cannot be read is said, with what to do; it is not taken for nothing."""
    config = config_of(vendor, vendor.grants.refresh_token())
    ask(config)
    KEPT.write_text(text)
    with pytest.raises(ConfigError, match="damaged") as caught:
        ask(config)
    assert "filehaul login" in caught.value.hint


def test_while_another_process_asks(vendor):
    """A token that still serves is used without waiting for the lock; without one there is a wait,
    that ends in exit 6, or at once when the run is cancelled.
    """
    config, clock = config_of(vendor, vendor.grants.refresh_token()), FakeClock()
    loaded = load_config(config)
    store = token_store(loaded)
    url = loaded.client.base_url + FILES
    with connect(loaded, clock) as http:
        assert http.send(Request(url)).status == 200
        clock.now += 3550
        with store.only_writer(clock.sleep, 0):
            assert http.send(Request(url)).status == 200
            assert clock.sleeps == []
    with store.only_writer(clock.sleep, 0):
        with pytest.raises(TemporaryError, match="another process"):
            ask(config, clock)
        assert 290 < clock.slept < 310
        stop = []
        with pytest.raises(Cancelled):
            ask(config, clock, cancelled=lambda: len(stop) > 3 or stop.append(1))
    assert vendor.token_requests == 1


class Memory(KeyringBackend):
    """A keyring for tests."""

    priority = 1

    def __init__(self) -> None:
        super().__init__()
        self.kept: dict[tuple[str, str], str] = {}

    def get_password(self, service: str, username: str) -> str | None:
        return self.kept.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        self.kept[service, username] = password

    def delete_password(self, service: str, username: str) -> None:
        del self.kept[service, username]


def test_the_keyring(vendor, place, monkeypatch):
    """With store: keyring the tokens are there, and no file has any of them."""
    memory, clock = Memory(), FakeClock()
    monkeypatch.setattr(keyring.core, "_keyring_backend", memory)
    config = config_of(vendor, vendor.grants.refresh_token(), store="keyring")
    for _ in range(2):
        assert ask(config, clock) == 200
        clock.now += 4000
    assert vendor.grants.refreshed == 2
    [((service, account), text)] = memory.kept.items()
    assert (service, account) == ("filehaul", str(place / ".filehaul" / "acme"))
    [tokens] = json.loads(text)
    for path in place.rglob("*"):
        if path.is_file():
            assert tokens["refresh_token"] not in path.read_text()
    loaded = load_config(config)
    store = token_store(loaded)
    assert store.forget(tokens["client"], clock.sleep, 0)
    assert memory.kept == {}
    assert not store.forget(tokens["client"], clock.sleep, 0)


def test_a_keyring_that_is_locked(vendor, monkeypatch):
    """Its own error becomes one that says what to do, without its words."""

    class Locked(Memory):
        def get_password(self, _service: str, _username: str) -> str | None:
            raise RuntimeError("dbus: secret words")

    monkeypatch.setattr(keyring.core, "_keyring_backend", Locked())
    with pytest.raises(ConfigError, match="keyring cannot be used") as caught:
        ask(config_of(vendor, vendor.grants.refresh_token(), store="keyring"))
    assert "store: file" in caught.value.hint
    assert "words" not in str(caught.value)


def test_without_the_package_keyring(vendor, monkeypatch):
    """The extra is named."""
    monkeypatch.setitem(sys.modules, "keyring", None)
    with pytest.raises(ConfigError, match="not installed") as caught:
        ask(config_of(vendor, vendor.grants.refresh_token(), store="keyring"))
    assert "filehaul[keyring]" in caught.value.hint


def test_transfers_go_on_while_the_lock_is_waited_for(fake_vendor):
    """Whoever waits for another process's token reads on what is in flight: the whole file is
    there when the wait is over, and nothing else had read it.
    """
    size = 3_000_000  # more than the sockets of both sides hold
    vendor = fake_vendor(FakeVendor.of_records(1, size, auth=False))
    http = client_for(vendor, Clock())
    writer = Kept()

    def requests() -> Any:
        yield Request(f"{vendor.base_url}/v1/files/rec-0/content", writer=writer)
        for _ in range(100):
            before = len(writer.data)
            http.wait(0.01)
            waits.append(len(writer.data) - before)
            if len(writer.data) == size:
                return

    waits: list[int] = []
    with http:
        [result] = http.run(requests(), 2)
    assert result.error is None
    assert sum(waits) == size


STEPS = (
    "run",
    "later",
    "much later",
    "vendor forgets",
    "new seed",
    "killed",
    "other client",
    "out",
)


@settings(max_examples=12, deadline=None)
@given(st.lists(st.sampled_from(STEPS), min_size=6, max_size=12))
def test_no_refresh_token_ever_comes_twice(steps):
    """Runs, ended tokens, new seeds, kills before the rename, another client of the same name, and
    sign-outs in any order: each refresh token is sent once, and every run with a live seed works.
    """
    with TemporaryDirectory() as folder, FakeVendor(client_secret="") as vendor:
        clock, seeds = FakeClock(), {"one": vendor.grants.refresh_token()}
        here = Path(folder)

        def run(client: str = "one") -> None:
            config = config_of(vendor, seeds[client])
            if client != "one":
                config["client"]["auth"]["token_url"] += "?other"
            loaded = replace(load_config(config), folder=here)
            with connect(loaded, clock) as http:
                assert http.send(Request(loaded.client.base_url + FILES)).status == 200

        for step in steps:
            if step == "later":
                clock.now += 3000
            elif step == "much later":
                clock.now += 90_000
            elif step == "vendor forgets":
                vendor.expire_tokens()
            elif step == "new seed":
                seeds["one"] = vendor.grants.refresh_token()
            elif step == "other client":
                seeds.setdefault("other", vendor.grants.refresh_token())
                run("other")
            elif step == "killed":
                run()
                store = here / KEPT
                store.rename(store.with_suffix(".new"))
            elif step == "out":
                (here / KEPT).unlink(missing_ok=True)
                (here / KEPT).with_suffix(".new").unlink(missing_ok=True)
                seeds = {name: vendor.grants.refresh_token() for name in seeds}
            run()
        sent = [one.form["refresh_token"] for one in vendor.requests if "oauth" in one.path]
        assert len(sent) == len(set(sent))
        assert vendor.grants.refreshed == len(sent)
