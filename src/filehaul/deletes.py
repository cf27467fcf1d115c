"""What is gone at the vendor's, after a listing that saw everything; and the guard before it.

A tombstone is made only where a complete listing of all files did not have a file, or where
several of them in a row did not (``confirm``). The guard withholds tombstones that are too many
at once: an empty answer that looks well must not empty the catalogue.
"""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from datetime import datetime

from .config import Config, Resource
from .config.sync_types import DeleteLimits
from .errors import GuardError, UsageError
from .ledger import Ledger, Withheld, micros, moment


@dataclass(frozen=True)
class Outcome:
    """What became of the files that a listing did not have. ``deleted``: new tombstones.

    ``error``: the guard withheld others, or what was accepted does not fit any longer.
    """

    deleted: int = 0
    error: GuardError | None = None


def accepted(ledger: Ledger, config: Config, listing_id: str) -> Withheld:
    """What the guard withheld after this listing. UsageError: nothing was."""
    found = ledger.withheld.find(listing_id)
    if found is not None and found.resource in {one.name for one in config.resources}:
        return found
    latest = ledger.withheld.latest()
    raise UsageError(
        f"no deletes are withheld after a listing {listing_id!r}",
        where="--accept-deletes",
        hint=f"the newest that are: {latest.listing_id}" if latest else "none are withheld at all",
    )


def settle_deletes(ledger: Ledger, config: Config) -> None:
    """What ``deletes`` says now may not be what it said: then rows are loaded once more. Called
    before the destination is compared with the ledger.
    """
    for resource in config.resources:
        name = f"deletes:{resource.name}"
        before, now = ledger.meta(name), resource.gone
        if before == now:
            continue
        if before == "none":  # rows came and went, and nobody took note
            ledger.packages.forget(resource.name)
        elif before is not None:
            ledger.files.tell_again(resource.name)
        ledger.set_meta(name, now)


class Deletes:
    """The tombstones of one listing of one resource.

    ``confirm``: how many complete listings in a row must miss a file. ``accept``: what a person
    said may go.
    """

    def __init__(
        self,
        config: Config,
        resource: Resource,
        ledger: Ledger,
        confirm: int,
        accept: Withheld | None = None,
    ) -> None:
        self.config = config
        self.resource = resource
        self.ledger = ledger
        self.confirm = confirm
        self.accept = accept if accept and accept.resource == resource.name else None

    def after(self, number: int, listing_id: str, started: datetime, whole: bool) -> Outcome:
        """Called when a listing has ended. ``whole``: it is complete, and asked for all files."""
        book = self.ledger.withheld
        with self.ledger.transaction():
            if whole:
                book.mark_whole(number)
            deleted, problem = self._accepted()
            if whole:
                more, withheld = self._missing(number, listing_id, started)
                deleted, problem = deleted + more, problem or withheld
        return Outcome(deleted, problem)

    def _accepted(self) -> tuple[int, GuardError | None]:
        one = self.accept
        if one is None:
            return 0, None
        at = moment(one.started_at)
        assert at is not None
        deleted = self.ledger.withheld.accept(one, at)
        if deleted is not None:
            return deleted, None
        left = self.ledger.withheld.left(one)
        return 0, GuardError(
            f"the deletes of listing {one.listing_id} were {one.files:,}; of these {left:,} are "
            "still missing: nothing of it was accepted",
            where=f"the resource {self.resource.name!r}",
            hint="the others are listed again, or gone by now; a set that fits has a newer listing",
        )

    def _missing(
        self, number: int, listing_id: str, started: datetime
    ) -> tuple[int, GuardError | None]:
        files, name = self.ledger.files, self.resource.name
        book = self.ledger.withheld
        unseen = files.missing(name, number)
        if not unseen:
            book.settled(name)
            return 0, None
        known = files.count(name)
        before = number if unseen == known else book.whole(name, self.confirm - 1)
        gone = files.missing(name, before)
        reason = _too_many(gone, known, self.resource.deletes.max)
        if reason is not None:
            book.withhold(number, name, before, gone)
            kept = f"{gone:,} of {known:,} files are no longer listed"
            return 0, withheld(self.config, self.resource, listing_id, kept, reason)
        book.settled(name)
        return files.tombstone_missing(name, before, micros(started)), None


def withheld(
    config: Config, resource: Resource, listing_id: str, gone: str, reason: str
) -> GuardError:
    """The guard's error. ``gone``: which files it kept, in words; ``reason``: what they pass."""
    return GuardError(
        f"{gone}: {reason}. They keep their rows and bytes; everything else was done",
        where=f"listing {listing_id} of the resource {resource.name!r}",
        hint="look at the vendor first; if they are gone: " + accept_command(config, listing_id),
    )


def accept_command(config: Config, listing_id: str) -> str:
    """How a person says that what was withheld after a listing may go."""
    if config.is_dict:
        return f'filehaul.sync(config, accept_deletes="{listing_id}")'
    return f"filehaul sync {shlex.quote(config.source)} --accept-deletes {listing_id}"


def _too_many(gone: int, known: int, limits: DeleteLimits) -> str | None:
    """Why so many are not let go without a person's word; None: they are."""
    if gone == known:
        return "the listing had no file at all"
    return beyond(gone, known, limits)


def beyond(gone: int, known: int, limits: DeleteLimits) -> str | None:
    """Which limit is passed; None: none is."""
    if gone > limits.never_more_than:
        return f"more than deletes.max.never_more_than, {limits.never_more_than:,}"
    if gone > limits.always_allow and gone > limits.share * known:
        return (
            f"more than deletes.max allows (share {limits.share:.4g} of them,"
            f" always_allow {limits.always_allow:,})"
        )
    return None
