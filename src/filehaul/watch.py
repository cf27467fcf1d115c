"""Who looks on while a run is at work, and what a person may ask of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, TypedDict

from .download import Meter
from .http import Wait
from .models import Receipt


@dataclass
class Watch:
    """Who looks on. Each is called often and must be quick.

    ``stage``: a resource begins (name, ``list`` or ``transfer``, files to do if that is known);
    ``verify``: the sink (its address) is read again. ``rows``: so many rows came in a page, or so
    many files were read again.
    ``receipt``: a file is done or failed. ``event``: a line of ``--json``. ``meter``: bytes.
    ``waiting``: nothing happens for so long, and why (see `filehaul.http.Http`).
    ``point``: a named step of a transfer (see `filehaul.transfer.Transfers`).
    """

    stage: Callable[[str, str, int | None], None] = lambda _resource, _stage, _count: None
    rows: Callable[[int], None] = lambda _rows: None
    receipt: Callable[[Receipt], None] = lambda _receipt: None
    event: Callable[[dict[str, Any]], None] = lambda _event: None
    waiting: Callable[[Wait], None] = lambda _wait: None
    point: Callable[[str], None] = lambda _name: None
    meter: Meter = field(default_factory=Meter)


class Wishes(TypedDict, total=False):
    """What a person may ask of one run.

    ``dev_mode``: as dlt's, into a dataset of its own. ``retry_failed``: ask again for parked
    files, whatever their day. ``full_refresh``: list everything, whatever the sync type.
    ``accept_deletes``: a listing's id; the tombstones that the guard withheld after it are made.
    ``only``: ids, or globs of paths: of these files alone bytes are fetched.
    """

    dev_mode: bool
    retry_failed: bool
    full_refresh: bool
    accept_deletes: str | None
    only: Sequence[str]
