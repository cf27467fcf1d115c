"""The spine: one run, from config to tables and files.

    config → connect → list → ledger → plan → transfer → ledger → load → destination

The catalogue is loaded as soon as the listings have ended, the receipts when the bytes are there.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timezone
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .amended import amend
from .catalogue import Catalogist, Listed
from .config import Config, Resource, load_config
from .config.engines import refuse_auto
from .connect import connect
from .deletes import accepted, settle_deletes
from .errors import RAISED, Cancelled, FilehaulError, UsageError, VendorError
from .garbage import sparing
from .http import Clock, Http
from .ledger import Ledger, Withheld
from .load import Destination
from .models import Receipt
from .own_ledger import ledger_of, refuse_another_ledger
from .own_sink import sink_for
from .plan import Planner
from .rebuild import rebuild
from .report import Report, ResourceReport
from .selection import Selection
from .signals import hand_on, interruptible
from .sink import Sink, identity_of
from .transfer import Relief, Requests, Transfers, closed, opened, part
from .watch import Watch, Wishes

if TYPE_CHECKING:
    from typing_extensions import Unpack


def sync(
    config: Config | Mapping[str, Any] | str | Path,
    *,
    watch: Watch | None = None,
    clock: Clock | None = None,
    **wishes: Unpack[Wishes],
) -> Report:
    """One run of a connection. Returns what was done.

    Raises ConfigError, CredentialsError and defects (exit codes 1, 2, 4, 5); everything else that
    stops or limits a run is in the report: ``report.exit_code``, ``report.error``,
    ``report.raise_for_failures()``. ``wishes``: see `Wishes`. A run that SIGINT or SIGTERM stopped
    hands the signal on when everything is parked: the caller's own handler is called, and without
    one KeyboardInterrupt or SystemExit (130) is raised.
    """
    report = run(load_config(config), watch=watch, clock=clock, **wishes)
    if report.signal is not None:
        hand_on(report.signal)
    if report.error is not None and report.error.exit_code in RAISED:
        raise report.error
    return report


def run(
    config: Config,
    *,
    watch: Watch | None = None,
    clock: Clock | None = None,
    destination: Callable[[Config, bool], Destination] | None = None,
    **wishes: Unpack[Wishes],
) -> Report:
    """The same, with every error of filehaul's in the report. ``destination``: in the place of
    dlt's, for who looks at rows without a database (`filehaul.testing.conformance`).
    """
    report = Report(config.name)
    begun = time.monotonic()
    if config.client.insecure:
        report.warnings.append("TLS verification is off (client.insecure)")
    with interruptible() as wish:
        try:
            for guessed in config.dlt_resources:
                refuse_auto(guessed.name, guessed.reason, config.source)
            one = _Run(config, report, watch or Watch(), clock, wish, wishes)
            one.destination = destination or Destination
            one.all()
        except FilehaulError as problem:
            report.error = problem
    report.signal = wish.number
    report.seconds = time.monotonic() - begun
    return report


def run_within(
    ledger: Ledger,
    config: Config,
    watch: Watch,
    clock: Clock | None,
    cancelled: Callable[[], bool],
) -> Report:
    """A run for the files that the ledger has as chosen (`ChosenBook`): no other resources are
    listed, no other bytes fetched. The caller holds the connection's lock. Errors of filehaul's
    are in the report.
    """
    report = Report(config.name)
    try:
        one = _Run(config, report, watch, clock, cancelled, {})
        one.only_chosen = one.mends = True
        one.within(ledger)
    except FilehaulError as problem:
        report.error = problem
    return report


class _Run:
    def __init__(
        self,
        config: Config,
        report: Report,
        watch: Watch,
        clock: Clock | None,
        cancelled: Callable[[], bool],
        wishes: Wishes,
    ) -> None:
        self.config = config
        self.report = report
        self.watch = watch
        self.clock = clock
        self.cancelled = cancelled
        self.destination: Callable[[Config, bool], Destination] = Destination
        self.listed: list[Listed] = []
        self.transfers: Transfers | None = None
        self.wishes = wishes
        self.accept: Withheld | None = None
        self.now = datetime.now(timezone.utc)
        self.only_chosen = bool(wishes.get("only"))
        self.mends = False

    def all(self) -> None:
        """The whole run, under the connection's lock."""
        with ledger_of(self.config) as ledger:
            self.within(ledger)

    def within(self, ledger: Ledger) -> None:
        """The same, under a lock that is held."""
        config = self.config
        with (
            self.destination(config, self.wishes.get("dev_mode", False)) as destination,
            connect(config, self.clock, self._asked, self.watch.waiting) as http,
            sink_for(config, ledger, self.report.warnings, self.cancelled) as sink,
            sparing() as spare,
        ):
            shutil.rmtree(config.home / "spool" / config.name, ignore_errors=True)
            refuse_another_ledger(ledger, config)
            ledger.end_interrupted()
            if self.wishes.get("accept_deletes"):
                self.accept = accepted(ledger, config, str(self.wishes["accept_deletes"]))
            settle_deletes(ledger, config)
            self.report.warnings += destination.settle(ledger)
            self.report.warnings += rebuild(ledger, destination, config, sink, self.cancelled)
            if self.wishes.get("retry_failed"):
                ledger.transfers.ask_again()
            self.report.warnings += amend(ledger, config)
            ledger.transfers.park_failed()
            spare()
            self._list(http, ledger, destination)
            self._load(ledger, destination, self.listed)
            if sink is not None:
                spare()
                try:
                    self._part(ledger, sink)
                    self._transfer(http, ledger, sink)
                finally:
                    self._load(ledger, destination, ())
                seal = "" if sink.disturbed else sink.seal()
                ledger.set_meta(f"seal:{sink.identity}", seal)
            self._dlt(destination)
        if self.cancelled():
            raise Cancelled("cancelled", hint="run again: it goes on where it stopped")

    def _asked(self) -> bool:
        """Whether to stop. `http` asks this twice a second at least: receipts wait no longer."""
        if self.transfers is not None:
            self.transfers.tick()
        return self.cancelled()

    # -- list ------------------------------------------------------------------------------

    def _list(self, http: Http, ledger: Ledger, destination: Destination) -> None:
        for resource in self.config.resources:
            if not resource.selected or (self.mends and not ledger.chosen.has(resource.name)):
                continue
            self.watch.stage(resource.name, "list", None)
            catalogist = Catalogist(
                self.config,
                resource,
                http,
                ledger,
                destination.naming,
                self.watch.rows,
                self.accept,
                self._may_go_on_with(resource, ledger),
                self.wishes.get("full_refresh", False),
            )
            listed = catalogist.run()
            self.listed.append(listed)
            one = self.report.resources[resource.name] = ResourceReport(
                listed=listed.files,
                rejected=catalogist.rejected_rows,
                deleted=listed.deletes.deleted,
                complete=listed.summary.complete,
                why_not=listed.summary.why_not,
            )
            for reject in listed.rejects:
                self.watch.event(
                    {"event": "rejected", "resource": resource.name, **reject.as_row()}
                )
            if listed.error is not None:
                self.report.error = self.report.error or listed.error
                if listed.error.temporary or listed.error.exit_code in RAISED:
                    break  # the others would meet the same
            elif listed.deletes.error is not None:
                self.report.error = self.report.error or listed.deletes.error
            elif one.listed == 0 and listed.summary.rows == 0 and listed.is_full:
                self.report.warnings.append(f"{resource.name}: the vendor listed no files")

    def _may_go_on_with(self, resource: Resource, ledger: Ledger) -> bool:
        """Whether what has changed will do: not where files are to be fetched whose addresses were
        not kept, since they may be credentials. Then all are listed once more.
        """
        if self.wishes.get("full_refresh"):
            return False
        if resource.content is None or self.config.sink is None or not resource.asks_for_changes:
            return True
        sink, window = identity_of(self.config) or "", Selection(resource, self.now).window
        return not ledger.transfers.unaddressed(resource.name, sink, window)

    # -- load ------------------------------------------------------------------------------

    def _load(self, ledger: Ledger, destination: Destination, listed: Sequence[Listed]) -> None:
        """What the destination does not have yet. Half a listing only ever adds to a table."""
        if self.cancelled():
            return  # whoever cancelled does not want to wait; the ledger knows what is missing
        for one in listed:
            if one.catalogue.resource.gone != "none":
                destination.spool_tombstones(ledger, one.catalogue)
        loaded = destination.load(ledger, [one.catalogue for one in listed if one.loads])
        for one in listed:
            name = one.catalogue.resource.name
            self.report.resources[name].rows += loaded.rows.get(name, 0)
            one.catalogue.spool.remove()

    # -- transfer --------------------------------------------------------------------------

    def _part(self, ledger: Ledger, sink: Sink) -> None:
        """Bytes of files that are gone, as the destination knows by now, make room."""
        for resource in self.config.resources:
            one = self.report.resources.get(resource.name)
            if resource.on_delete == "keep" or one is None or self.cancelled():
                continue
            trash = self.now if resource.on_delete == "trash" else None
            told = self.report.warnings
            one.parted = part(ledger, sink, resource.name, trash, told, self.watch.point)

    def _transfer(self, http: Http, ledger: Ledger, sink: Sink) -> None:
        self._choose(ledger)
        opened(ledger, sink, max((listed.number for listed in self.listed), default=0))
        for listed in self.listed:
            resource = listed.catalogue.resource
            if resource.content is None or not _may_go_on(listed.error):
                continue
            one = self.report.resources[resource.name]
            number = listed.number
            since = number if listed.is_full else 0
            window = Selection(resource, self.now).window
            one.unchanged, one.parked, todo = ledger.transfers.counts(
                resource.name, since, sink.identity, window, self.only_chosen
            )
            self.watch.stage(resource.name, "transfer", todo)
            planner = Planner(
                self.config,
                resource,
                ledger,
                sink.identity,
                number,
                listed.summary.complete and listed.is_full,
                sink.vacant,
                since,
                window,
                self.only_chosen,
            )
            asking = Requests(resource.content)
            relief = None
            if asking.is_plain:
                relief = Relief(http, sink, todo, asking.max_size, ledger.lock)
            self.transfers = Transfers(
                http,
                sink,
                ledger,
                number,
                told=partial(self._count, one, resource),
                asking=asking,
                meter=self.watch.meter,
                point=self.watch.point,
                ranges=resource.content.ranges_at_once,
                relief=relief,
            )
            try:
                self.transfers.run(planner)
            finally:
                self.transfers = None
        closed(ledger, sink)
        ledger.partials.tidy(one.name for one in self.config.resources if one.content)

    def _choose(self, ledger: Ledger) -> None:
        """The files that a person has named. Raises UsageError for a name that no file has."""
        wanted = self.wishes.get("only") or ()
        names = [one.catalogue.resource.name for one in self.listed]
        unknown = []
        with ledger.transaction():
            for what in wanted:
                if not ledger.chosen.choose(names, what):
                    unknown.append(what)
            if wanted:
                ledger.chosen.ask_again()
        if unknown and self.report.error is None:
            raise UsageError(
                f"no file is known by {', '.join(map(repr, unknown))}",
                where="--only",
                hint="a file's id or name (filehaul ls), its path in the sink (filehaul plan), "
                "or a glob of the last two",
            )

    def _count(self, one: ResourceReport, resource: Resource, receipt: Receipt) -> None:
        """One receipt into the report."""
        self.watch.receipt(receipt)
        if receipt.status == "done" and receipt.fetched:
            one.transferred += 1
            one.bytes += receipt.size or 0
        elif receipt.status == "done":
            one.unchanged += 1
        else:
            one.failed += 1
            self.watch.event(
                {
                    "event": "failed",
                    "resource": resource.name,
                    "file_id": receipt.file.file_id,
                    "file_name": receipt.file.name,
                    "error": receipt.error or "",
                }
            )

    # -- what dlt's engine lists -----------------------------------------------------------

    def _dlt(self, destination: Destination) -> None:
        if not self.config.dlt_resources or self.mends or self.cancelled():
            return
        from .source import dlt_engine

        for name, rows in destination.run_dlt(dlt_engine(self.config)).items():
            self.report.resources[name] = ResourceReport(
                listed=rows, rows=rows, complete=True, engine="dlt"
            )


def _may_go_on(error: FilehaulError | None) -> bool:
    """Whether files of a listing that stopped are fetched all the same: one odd page must not
    keep the others' bytes back for ever. Not where asking for more is of no use now.
    """
    return error is None or (error.exit_code == VendorError.exit_code and not error.temporary)
