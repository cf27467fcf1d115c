"""The connection's own ledger: where it is, under whose lock it is open, whose it is."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

from .config import Config
from .errors import ConfigError
from .ledger import Ledger, explained
from .lock import only_run


def state_path(config: Config) -> Path:
    """The ledger's file; see `Config.state`."""
    return config.state


@contextlib.contextmanager
def ledger_of(config: Config) -> Iterator[Ledger]:
    """The connection's ledger, under its lock: nobody else is at work."""
    state = state_path(config)
    with (
        only_run(state.with_name(state.name + ".lock"), config.name) as lock,
        explained(state),
        Ledger.open(state, config.settings.durable) as ledger,
    ):
        ledger.lock = lock
        yield ledger


def refuse_another_ledger(ledger: Ledger, config: Config) -> None:
    """Two connections in one ledger would take each other's files for their own."""
    other = ledger.meta("connection")
    if other is None:
        ledger.set_meta("connection", config.name)
    elif other != config.name:
        raise ConfigError(
            f"the ledger is that of the connection {other!r}",
            where=str(ledger.path),
            hint="give each connection a ledger of its own (state:, FILEHAUL_STATE), or give "
            f"this one its old name back (name: {other})",
        )
