"""Look without changing anything: the vendor's files (`files`), what a sync would do (`plan`)."""

from __future__ import annotations

import sqlite3
import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from .amended import amend
from .catalogue import Catalogist, Listed
from .config import Config, Resource, load_config
from .connect import connect
from .fields import Rows, Shape, roles_of
from .http import Wait
from .ledger import Ledger, Window
from .listing import lister
from .models import Action, File
from .own_ledger import state_path
from .plan import Planner
from .selection import Selection
from .sink import identity_of


def files(
    config: Config | Mapping[str, Any] | str | Path,
    resource: str | None = None,
    waiting: Callable[[Wait], None] = lambda _wait: None,
) -> Iterator[File]:
    """The vendor's files, page by page, as they are listed. Raises the errors of a listing.

    ``resource``: only this one, selected or not; else all that are.
    ``waiting`` is told of long pauses (`filehaul.http.Http`).
    """
    loaded = load_config(config)
    with connect(loaded, waiting=waiting) as http:
        for one in loaded.resources:
            if one.name != resource if resource is not None else not one.selected:
                continue
            shape, roles = Shape(one, str), None
            for page in lister(one, loaded.client, http):
                rows = Rows()
                shape.keyed(rows, page.records, page.number, page.folder)
                for number, (key, record) in enumerate(zip(rows.keys, rows.records)):
                    roles = roles or roles_of(one, record)
                    yield roles.file(key, record, rows.folder(number))


def plan(
    config: Config | Mapping[str, Any] | str | Path,
    waiting: Callable[[Wait], None] = lambda _wait: None,
) -> Iterator[Action]:
    """What `sync` would do now, and why. Lists the vendor; writes to a copy of the ledger only.

    ``waiting``: as in `files`.
    """
    loaded = load_config(config)
    state = state_path(loaded)
    with tempfile.TemporaryDirectory(prefix="filehaul-plan-") as folder:
        copy = Path(folder) / "ledger.sqlite"
        if state.exists():
            _copy(state, copy)
        with Ledger.open(copy) as ledger, connect(loaded, waiting=waiting) as http:
            amend(ledger, loaded)
            for resource in loaded.resources:
                if resource.selected:
                    catalogist = Catalogist(loaded, resource, http, ledger, str)
                    catalogist.spool.folder = Path(folder) / "spool"
                    yield from _of_resource(loaded, catalogist)


def _of_resource(config: Config, catalogist: Catalogist) -> Iterator[Action]:
    """What becomes of the rows and the bytes of one resource. Raises what ends its listing."""
    resource, ledger = catalogist.resource, catalogist.ledger
    listed = catalogist.run()
    listed.catalogue.spool.remove()
    if listed.error is not None:
        raise listed.error
    yield from _gone(listed, ledger)
    sink = identity_of(config)
    yield from _parting(resource, ledger, sink)
    if sink is not None and resource.content is not None:
        window = Selection(resource, catalogist.started).window
        yield from _transfers(config, listed, ledger, sink, window)


def _transfers(
    config: Config, listed: Listed, ledger: Ledger, sink: str, window: Window
) -> Iterator[Action]:
    """What becomes of each file's bytes; at last of those that are not selected."""
    resource = listed.catalogue.resource
    since = listed.number if listed.is_full else 0
    planner = Planner(
        config,
        resource,
        ledger,
        sink,
        listed.number,
        listed.summary.complete and listed.is_full,
        since=since,
        window=window,
    )
    for decision in planner.decisions():
        file, target = decision.task.file, decision.task.target or None
        action, reason = decision.action, decision.reason
        yield Action(action, reason, resource.name, file.file_id, file.size, target)
    for file_id, size, key in ledger.transfers.unselected(resource.name, since, sink, window):
        yield Action("skip", f"not selected ({key})", resource.name, file_id, size, None)


def _gone(listed: Listed, ledger: Ledger) -> Iterator[Action]:
    """Rows that would become tombstones, or that the guard would withhold from that."""
    name = listed.catalogue.resource.name
    problem = listed.deletes.error
    if problem is not None:
        yield Action("withhold", problem.message, name, "", None, None)
    for batch in ledger.files.tombstones(name):
        for one in batch:
            yield Action("tombstone", one.reason, name, one.file_id or one.key, None, None)


def _parting(resource: Resource, ledger: Ledger, sink: str | None) -> Iterator[Action]:
    """Bytes of files that are gone, and would go."""
    if resource.on_delete == "keep" or resource.content is None or sink is None:
        return
    for batch in ledger.places.gone(resource.name, sink, confirmed=False):
        for one in batch:
            reason = f"gone at the vendor's: {one.reason}"
            action = resource.on_delete
            yield Action(action, reason, resource.name, one.file_id, one.size, one.target)


def _copy(state: Path, copy: Path) -> None:
    """SQLite's own way to copy a file that another process may be writing."""
    source = sqlite3.connect(f"{state.absolute().as_uri()}?mode=ro", uri=True)
    target = sqlite3.connect(copy)
    try:
        source.backup(target)
    finally:
        source.close()
        target.close()
