"""Where a connection stands: asked often, answered at once, also while a run is at work."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from filehaul.errors import LedgerError
from filehaul.ledger import Ledger
from filehaul.models import File, Receipt
from filehaul.status import status
from test_cli import write_config

ASKED = """
import sys
from filehaul.cli import main
sys.argv = ["filehaul", "status", "acme.yaml", "--json"]
try:
    main()
except SystemExit:
    pass
slow = [name for name in ("dlt", "pyarrow", "pycurl", "obstore", "duckdb") if name in sys.modules]
sys.stderr.write(" ".join(slow))
"""


class _Nobody:
    """A vendor that nobody asks."""

    base_url, token_url, client_id = "http://127.0.0.1:9", "http://127.0.0.1:9/token", "me"


@pytest.fixture(autouse=True)
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A config of a connection that has not run yet."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ACME_SECRET", "a-secret-of-acme")
    return write_config(tmp_path, _Nobody())  # type: ignore[arg-type]


def recorded(ledger: Ledger, *names: str) -> None:
    """These files are done."""
    receipts = [Receipt(File("files", n, n), n, "done", 5, "00" * 32) for n in names]
    with ledger.transaction():
        ledger.transfers.record(receipts, "files", None)


def test_nothing_slow_is_imported(config: Path) -> None:
    """No dlt, no Arrow, no libcurl, no database: a person waits for it."""
    with Ledger.open(Path(".filehaul/acme.sqlite")) as ledger:
        recorded(ledger, "a")
    done = subprocess.run(
        [sys.executable, "-c", ASKED], capture_output=True, text=True, check=True, env=os.environ
    )
    assert '"done":{"files":1,"bytes":5}' in done.stdout
    assert done.stderr == ""
    assert config.exists()


def test_it_reads_what_a_run_has_written_so_far(config: Path) -> None:
    """While a run has the ledger open, and in a transaction: what is committed counts, nothing is
    waited for, and nothing is written.
    """
    with Ledger.open(Path(".filehaul/acme.sqlite")) as ledger:
        recorded(ledger, "a", "b")
        with ledger.transaction():
            ledger.db.execute("DELETE FROM transfers")
            before = Path(".filehaul/acme.sqlite-wal").stat().st_size
            assert status(config)["files"] == {"done": {"files": 2, "bytes": 10}}
            assert Path(".filehaul/acme.sqlite-wal").stat().st_size == before
    assert status(config)["files"] == {}


def test_ledgers_that_are_none(config: Path) -> None:
    """No ledger and an empty file: nothing has happened yet. Another program's file is refused."""
    assert status(config)["listings"] == []
    assert not Path(".filehaul").exists()
    Path(".filehaul").mkdir()
    state = Path(".filehaul/acme.sqlite")
    state.touch()
    assert status(config)["files"] == {}
    state.write_bytes(b"something else entirely" * 100)
    with pytest.raises(LedgerError, match="not a ledger"):
        status(config)
