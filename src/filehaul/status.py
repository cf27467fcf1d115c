"""Where a connection stands. Reads the ledger while a run may be at work in it, and imports little:
people ask this often, and want the answer now.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from .config import Config, load_config
from .config.agree import duckdb_file
from .config.sign_in import KeptAuth
from .errors import ConfigError
from .ledger import Ledger, moment
from .own_ledger import state_path
from .redact import redact


def status(config: Config | Mapping[str, Any] | str | Path) -> dict[str, Any]:
    """Where a connection stands: its places, last listings, receipts, and files that failed.

    ``login``: who is signed in, where a person does that, and ``line`` for people; never a token.
    ``files``: {status: {files, bytes}}; times are ISO 8601, UTC.
    """
    loaded = load_config(config, offline=True)
    state = state_path(loaded)
    database = duckdb_file(loaded)
    destination = loaded.settings.destination
    kind = destination if isinstance(destination, str) else destination["type"]
    result: dict[str, Any] = {
        "name": loaded.name,
        "places": {
            "config": loaded.source,
            "ledger": str(state),
            "sink": None if loaded.sink is None else str(loaded.sink),
            "destination": str(database) if database is not None else kind,
            "dataset": loaded.dataset,
        },
        "resources": {
            one.name: {"sync_type": one.sync, "deletes": one.gone} for one in loaded.resources
        },
        "login": _login(loaded),
        "listings": [],
        "withheld": [],
        "files": {},
        "failed": [],
    }
    if not state.exists():
        return result
    ledger = Ledger.look(state)
    if ledger is None:
        return result
    with ledger:
        result["listings"] = _listings(ledger)
        result["withheld"] = ledger.withheld.newest()
        totals = ledger.transfers.totals()
        result["files"] = {
            name: {"files": count, "bytes": size} for name, (count, size) in totals.items()
        }
        for row in ledger.transfers.failed():
            for name in ("failed_at", "retry_at"):
                at = moment(row[name])
                row[name] = at and at.isoformat()
            result["failed"].append(row)
    return result


def _login(config: Config) -> dict[str, Any] | None:
    if not isinstance(config.client.auth, KeptAuth):
        return None
    from .signing_in.standing import standing  # only here: it needs HTTP, which takes its time

    try:
        found = standing(config)
    except ConfigError as problem:  # the rest of the status is told all the same
        return {"account": None, "line": redact(problem.message)}
    if found is None:
        return {"account": None, "line": "nobody yet: filehaul login"}
    return {**found.as_dict(), "line": found.line()}


def _listings(ledger: Ledger) -> list[dict[str, Any]]:
    """The last listing of each resource."""
    names = ("resource", "started_at", "finished_at", "rows", "complete", "why_not")
    found = []
    for row in ledger.db.execute(
        "SELECT resource, started_at, finished_at, rows, complete, why_not FROM listings"
        " WHERE number IN (SELECT max(number) FROM listings GROUP BY resource)"
    ):
        one = dict(zip(names, row))
        for name in ("started_at", "finished_at"):
            at = moment(one[name])
            one[name] = at and at.isoformat()
        one["complete"] = bool(one["complete"])
        found.append(one)
    return found
