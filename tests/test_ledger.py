"""The ledger: whose file it is, its version, its lock, its transactions."""

from __future__ import annotations

import fcntl
import os
import shutil
import sqlite3
import stat
from datetime import datetime, timezone
from pathlib import Path

import pytest

from filehaul.errors import LedgerError, LockedError, TemporaryError
from filehaul.ledger import SCHEMA_VERSION, FileNote, Ledger, store
from filehaul.lock import only_run
from filehaul.models import File, Receipt
from filehaul.testing import FakeVendor
from filehaul.watch import Watch
from hauling import NoDestination, config_for, files, haul, ledger_rows, numbers

NOW = 1_700_000_000_000_000


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    return Ledger.open(tmp_path / "acme.sqlite")


def note(key: str, row_hash: bytes = b"1" * 16) -> FileNote:
    """A file as a listing saw it."""
    file = File("files", key, key, name=key, size=1, fingerprint="v:1")
    return FileNote(file, row_hash, desired=key)


def begin(ledger: Ledger, listing_id: str = "one") -> int:
    """A listing of resource ``files``."""
    return ledger.begin_listing(listing_id, "files", datetime(2024, 1, 1, tzinfo=timezone.utc))


# -- whose file --------------------------------------------------------------------------------


def test_only_the_owner_may_read_it(tmp_path: Path) -> None:
    """0600, its WAL too, whatever the umask; journal WAL, schema version and mark set."""
    before = os.umask(0)
    try:
        with Ledger.open(tmp_path / "deep" / "acme.sqlite") as ledger:
            ledger.set_meta("a", "b")
            assert ledger.db.execute("PRAGMA journal_mode").fetchone() == ("wal",)
            assert ledger.db.execute("PRAGMA user_version").fetchone() == (SCHEMA_VERSION,)
            found = list((tmp_path / "deep").iterdir())
            assert {path.name for path in found} >= {"acme.sqlite", "acme.sqlite-wal"}
            assert {stat.S_IMODE(path.stat().st_mode) for path in found} == {0o600}
    finally:
        os.umask(before)


def test_a_newer_ledger_is_refused(tmp_path: Path) -> None:
    """Its version and ours are named, exit 4, and it is left as it is."""
    path = tmp_path / "acme.sqlite"
    Ledger.open(path).close()
    with sqlite3.connect(path) as connection:
        connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION + 1}")
    connection.close()
    before = path.read_bytes()
    with pytest.raises(LedgerError, match=f"version {SCHEMA_VERSION + 1}.*knows") as caught:
        Ledger.open(path)
    assert caught.value.exit_code == 4
    assert path.read_bytes() == before


def test_an_older_ledger_is_migrated_after_a_copy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two steps in one transaction; the file as it was lies beside it, and nothing is lost."""
    path = tmp_path / "acme.sqlite"
    with Ledger.open(path) as ledger:
        ledger.set_meta("kept", "yes")
    monkeypatch.setattr(store, "SCHEMA_VERSION", SCHEMA_VERSION + 2)
    steps = {
        SCHEMA_VERSION: lambda db: db.execute("ALTER TABLE meta ADD COLUMN more TEXT"),
        SCHEMA_VERSION + 1: lambda db: db.execute("UPDATE meta SET more = 'new'"),
    }
    monkeypatch.setattr(store, "_MIGRATIONS", steps)
    with Ledger.open(path) as ledger:
        assert ledger.db.execute("SELECT * FROM meta").fetchall() == [("kept", "yes", "new")]
        assert ledger.db.execute("PRAGMA user_version").fetchone() == (SCHEMA_VERSION + 2,)
    copy = tmp_path / f"acme.sqlite.v{SCHEMA_VERSION}"
    assert ledger_rows("SELECT * FROM meta", copy) == [("kept", "yes")]
    assert stat.S_IMODE(copy.stat().st_mode) == 0o600


def test_a_migration_that_fails_changes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second step fails: the first is undone, the version stays."""
    path = tmp_path / "acme.sqlite"
    Ledger.open(path).close()
    monkeypatch.setattr(store, "SCHEMA_VERSION", SCHEMA_VERSION + 2)

    def broken(_db: sqlite3.Connection) -> None:
        raise RuntimeError("half way")

    steps = {
        SCHEMA_VERSION: lambda db: db.execute("CREATE TABLE more (a)"),
        SCHEMA_VERSION + 1: broken,
    }
    monkeypatch.setattr(store, "_MIGRATIONS", steps)
    with pytest.raises(RuntimeError, match="half way"):
        Ledger.open(path)
    assert ledger_rows("PRAGMA user_version", path) == [(SCHEMA_VERSION,)]
    assert ledger_rows("SELECT name FROM sqlite_master WHERE name = 'more'", path) == []


def test_another_programs_database_is_left_alone(tmp_path: Path) -> None:
    """Someone's SQLite file under state: refused, and not a byte of it changes."""
    path = tmp_path / "theirs.sqlite"
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE theirs (a)")
    connection.close()
    before = path.read_bytes()
    with pytest.raises(LedgerError, match="not a ledger of filehaul"):
        Ledger.open(path)
    assert path.read_bytes() == before
    assert [one.name for one in tmp_path.iterdir()] == ["theirs.sqlite"]


@pytest.mark.parametrize("content", [b"just a text", b"SQLite format 3\0" + b"\xff" * 5000])
def test_no_database_at_all(tmp_path: Path, content: bytes) -> None:
    """A text, or a damaged head: LedgerError that says what to do, and the file stays."""
    path = tmp_path / "acme.sqlite"
    path.write_bytes(content)
    with pytest.raises(LedgerError, match="damaged, or not a ledger") as caught:
        Ledger.open(path)
    assert "move it away" in caught.value.hint
    assert path.read_bytes() == content


def test_a_folder_or_no_place_for_it(tmp_path: Path) -> None:
    """state: names a folder, or a place below a file: exit 6, and it says state."""
    (tmp_path / "file").write_text("")
    for path in (tmp_path, tmp_path / "file" / "acme.sqlite"):
        with pytest.raises(TemporaryError, match="cannot be opened") as caught:
            Ledger.open(path)
        assert "FILEHAUL_STATE" in caught.value.hint


@pytest.fixture
def at_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("filehaul.spine.Destination", NoDestination)


@pytest.mark.usefixtures("at_home")
def test_a_ledger_damaged_in_the_middle_ends_the_run_in_words() -> None:
    """Pages overwritten between two runs: exit 4 with the ledger's path, no traceback."""
    with FakeVendor.of_records(2000, size=10) as vendor:
        haul(config_for(vendor))
        path = Path(".filehaul/acme.sqlite")
        whole = path.read_bytes()
        path.write_bytes(whole[:8192] + b"\xa5" * (len(whole) - 8192))
        report = haul(config_for(vendor))
        assert report.exit_code == 4
        assert isinstance(report.error, LedgerError)
        assert report.error.where.endswith("acme.sqlite")
        # Moved away as the hint says, the checksums know what is there.
        for one in Path(".filehaul").glob("acme.sqlite*"):
            one.unlink()
        vendor.clear_requests()
        assert numbers(haul(config_for(vendor))) == (0, 2000, 0, 0)


@pytest.mark.usefixtures("at_home")
def test_where_it_is(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Beside the config; or where state says; FILEHAUL_STATE overrides both."""
    with FakeVendor(files("a")) as vendor:
        haul(config_for(vendor))
        assert Path(".filehaul/acme.sqlite").exists()
        haul(config_for(vendor, state="books/a.sqlite"))
        assert Path("books/a.sqlite").exists()
        monkeypatch.setenv("FILEHAUL_STATE", str(tmp_path / "env.sqlite"))
        haul(config_for(vendor, state="books/b.sqlite"))
        assert (tmp_path / "env.sqlite").exists()
        assert not Path("books/b.sqlite").exists()


# -- one run at a time -------------------------------------------------------------------------


@pytest.mark.usefixtures("at_home")
def test_a_second_run_is_told_who_is_at_work() -> None:
    """While one runs, another of the same ledger ends with exit 6, and names the process."""
    with FakeVendor(files("a")) as vendor:
        inner = []

        def again(_resource: str, stage: str, _count: int | None) -> None:
            if stage == "list" and not inner:
                inner.append(haul(config_for(vendor)))

        outer = haul(config_for(vendor), watch=Watch(stage=again))
        assert outer.exit_code == 0
        assert inner[0].exit_code == 6
        assert isinstance(inner[0].error, LockedError)
        assert f"process {os.getpid()} on " in inner[0].error.message
        assert haul(config_for(vendor)).exit_code == 0


def test_the_lock_goes_with_the_process(tmp_path: Path) -> None:
    """A process killed with the lock held leaves it free, whatever the file says."""
    path = tmp_path / "a.lock"
    child = os.fork()
    if child == 0:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT)
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        os.write(descriptor, b'{"pid": 1}')
        os.kill(os.getpid(), 9)
    assert os.waitpid(child, 0)[1] == 9
    with only_run(path, "acme"), pytest.raises(LockedError, match="'acme'"), only_run(path, "acme"):
        pass


def test_a_holder_that_says_nothing(tmp_path: Path) -> None:
    """A lock held by someone who wrote nothing, or nonsense: still a clear refusal."""
    path = tmp_path / "a.lock"
    for said in (b"", b"[1]", b"\xff"):
        path.write_bytes(said)
        with path.open("rb+") as holder:
            fcntl.flock(holder, fcntl.LOCK_EX)
            with pytest.raises(LockedError, match="it does not say who"), only_run(path, "acme"):
                pass


# -- transactions and books --------------------------------------------------------------------


def test_a_transaction_is_all_or_nothing(ledger: Ledger) -> None:
    """An error inside undoes all of it, and the next transaction is as good as ever."""

    def half() -> None:
        with ledger.transaction():
            ledger.set_meta("a", "1")
            raise RuntimeError("half way")

    with pytest.raises(RuntimeError, match="half way"):
        half()
    assert ledger.meta("a") is None
    with ledger.transaction():
        ledger.set_meta("a", "2")
    assert ledger.meta("a") == "2"


def test_a_full_disk_under_the_ledger(tmp_path: Path) -> None:
    """SQLite has no room: a TemporaryError in words, and what was written before is there."""
    path = tmp_path / "acme.sqlite"
    with Ledger.open(path) as ledger:
        ledger.set_meta("before", "1")
        pages = ledger.db.execute("PRAGMA page_count").fetchone()[0]
        ledger.db.execute(f"PRAGMA max_page_count = {pages + 2}")
        full = pytest.raises(TemporaryError, match="full")
        with full, store.explained(path), ledger.transaction():
            ledger.set_meta("much", "x" * 100_000)
        assert not ledger.db.in_transaction
        assert ledger.meta("before") == "1"
        assert ledger.meta("much") is None


def test_keys_of_every_kind_are_told_apart(ledger: Ledger) -> None:
    """NUL, quotes, emoji, 4,000 characters, more keys than one question takes: each is known."""
    keys = ["a", "a\0b", "a\0", "'", '"', "%", "\U0001f600", "x" * 4000, "", "é", "e\u0301"]
    keys += [f"k{n}" for n in range(1234)]
    number = begin(ledger)
    hashes = [b"%016d" % n for n in range(len(keys))]
    first = ledger.files.standing("files", number, keys, hashes, NOW)
    assert first.changed == first.to_load == list(range(len(keys)))
    ledger.files.note("files", number, [note(k, h) for k, h in zip(keys, hashes)], NOW)
    assert ledger.files.unique("files", number) == len(keys)
    again = ledger.files.standing("files", begin(ledger, "two"), keys, hashes, NOW + 5)
    assert again.changed == again.repeated == []
    assert again.to_load == list(range(len(keys)))
    assert set(again.first_seen.values()) == {NOW}
    repeated = ledger.files.standing("files", number, keys, hashes, NOW)
    assert repeated.repeated == list(range(len(keys)))


def test_one_name_holds_one_files_bytes(ledger: Ledger) -> None:
    """A receipt for a path takes it from whoever had it: that one's says gone."""
    number = begin(ledger)

    def receipt(key: str, target: str, status: str = "done") -> Receipt:
        done = status == "done"
        return Receipt(
            File("files", key, key, fingerprint=f"v:{key}{target}"),
            target,
            status,
            size=3 if done else None,
            sha256="ab" * 32 if done else None,
            permanent=not done,
        )

    book = ledger.transfers
    book.record([receipt("a", "x"), receipt("b", "y")], "sink", number)
    book.record([receipt("a", "elsewhere", "failed")], "sink", number)
    held = book.receipt("files", "a")
    assert (held["status"], held["target"], held["size"]) == ("failed", "x", 3)
    book.record([receipt("b", "x")], "sink", number)
    assert book.receipt("files", "a")["sha256"] is None
    assert book.receipt("files", "a")["status"] == "failed"
    book.record([receipt("c", "x")], "sink", number)
    assert book.receipt("files", "b")["status"] == "gone"
    assert ledger.places.held("sink", ["x", "y", "elsewhere"]) == {"x"}
    assert book.receipt("files", "c")["target"] == "x"


def test_a_package_that_is_given_up_leaves_its_rows_to_load(ledger: Ledger) -> None:
    """Begun and given up: all waits again. Confirmed: nothing does, until it is forgotten."""
    number = begin(ledger)
    ledger.files.note("files", number, [note("a")], NOW)
    ledger.packages.notice("rejected", [{"key": "a"}])

    def waiting() -> tuple[int, int, int]:
        hashes = [b"1" * 16]
        standing = ledger.files.standing("files", number + 100, ["a"], hashes, NOW)
        notices = ledger.db.execute("SELECT count(*) FROM notices WHERE loaded = 0").fetchone()[0]
        return (len(standing.to_load), notices, ledger.packages.rows_of("rejected"))

    ledger.packages.begin("1", "here", [("files", number)])
    ledger.packages.give_up("1")
    assert waiting() == (1, 1, 0)
    ledger.packages.begin("2", "here", [("files", number)])
    assert ledger.packages.open() == ["2"]
    ledger.packages.confirm("2")
    assert waiting() == (0, 0, 1)
    assert ledger.packages.last_loaded("here") == "2"
    assert ledger.packages.last_loaded("elsewhere") is None
    ledger.packages.forget()
    assert waiting() == (1, 1, 0)


def test_a_listing_that_a_kill_broke_off_is_told_of(ledger: Ledger) -> None:
    """It gets an end, is not complete, and says why; those that ended stay as they are."""
    begin(ledger, "killed")
    ledger.end_interrupted()
    [(complete, why)] = ledger.db.execute("SELECT complete, why_not FROM listings").fetchall()
    assert (complete, why) == (0, "the run was ended before the listing was")
    assert ledger.listing_id(1) == "killed"


def test_a_copy_of_a_ledger_that_was_killed_is_whole(tmp_path: Path, ledger: Ledger) -> None:
    """Not closed, as after a kill: what was committed is in the WAL, and read by the next."""
    with ledger.transaction():
        ledger.set_meta("a", "1")
    other = tmp_path / "copy"
    shutil.copytree(tmp_path, other, ignore=shutil.ignore_patterns("copy"))
    with Ledger.open(other / "acme.sqlite") as copy:
        assert copy.meta("a") == "1"
