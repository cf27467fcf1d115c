"""Do the bytes that came fit the vendor's record? What `verify` means is decided only here."""

from __future__ import annotations

import sys
from collections.abc import Mapping

from . import checksums
from .errors import FilehaulError, TemporaryError, VendorError
from .models import Task

MISMATCHES = 3
"""So often may the wrong bytes come before they are believed to be wrong for ever."""

Checksum = tuple[str, str]
"""An algorithm, and lower-case hex."""


_SLACK = 1024 * 1024  # bytes more may come: an error that says how many there were says more


class MismatchError(TemporaryError):
    """The bytes that came are not the bytes that were listed."""

    kind = "mismatch"


class ShortError(MismatchError):
    """They may be the first of them: there are fewer than were listed."""


def wanted(task: Task) -> Checksum | None:
    """The record's checksum that the bytes are held to; None: to none."""
    return None if task.verify in ("size", "none") else checksums.strongest(task.file.checksum)


def algorithms(theirs: Checksum | None) -> tuple[str, ...]:
    """What the bytes are hashed by: sha256, which is ours, and the record's."""
    return ("sha256",) if theirs is None or theirs[0] == "sha256" else ("sha256", theirs[0])


def fit(task: Task, theirs: Checksum | None, size: int, hashes: Mapping[str, str]) -> str:
    """By what the bytes are verified now: an algorithm, ``size``, or ``none``. ``theirs``: what is
    `wanted`.

    Raises MismatchError (ShortError) where they are others, VendorError where the record does not
    say what the policy asks for.
    """
    policy, listed = task.verify, task.file.size
    if theirs is not None:
        algorithm, expected = theirs
        found = hashes[algorithm]
        if found != expected:
            _refuse_short(task, size)
            raise _mismatch(task, f"the {algorithm} is {found}, listed as {expected}")
        return algorithm
    if policy == "checksum" or (policy == "size" and listed is None):
        raise VendorError(
            f"verify: {policy}, but the vendor's record has no {policy} of this file",
            where=task.target,
            hint="verify: auto takes the strongest that the record offers",
        )
    if policy == "none" or listed is None:
        return "none"
    _refuse_short(task, size)
    if size != listed:
        raise _mismatch(task, f"{size:,} bytes came, listed as {listed:,}")
    return "size"


def most_bytes(task: Task, theirs: Checksum | None, max_size: int | None, encoded: bool) -> int:
    """So many bytes may come: more are no file of this record, and would only fill the disk.

    ``theirs``: as in `fit`. ``max_size``: what the config allows. ``encoded``: they are labelled
    as compressed; then what is inside may fit.
    """
    allowed = sys.maxsize if max_size is None else max_size
    listed = task.file.size
    if listed is None or task.verify == "none":
        return allowed
    if theirs is not None:  # the checksum decides, and the listed size may be another's
        return min(allowed, 2 * listed + _SLACK)
    return min(allowed, listed + (listed // 8 if encoded else 0) + _SLACK)


def above(max_size: int) -> str:
    """What is said of a file above the config's ``max_size``."""
    return f"larger than content.max_size ({max_size:,} bytes)"


def too_large(task: Task, max_size: int) -> VendorError:
    """The error for it."""
    return VendorError(
        above(max_size),
        where=task.target,
        hint="raise max_size, or leave such files out with content.select",
    )


def _refuse_short(task: Task, size: int) -> None:
    listed = task.file.size
    if listed is not None and size < listed:
        raise cut_off(task, size, listed)


def cut_off(task: Task, size: int, whole: int) -> ShortError:
    """The error for a body that ended before the file did."""
    return ShortError(
        f"the body ended after {size:,} of {whole:,} bytes",
        where=task.target,
        hint="the rest is asked for",
    )


def _mismatch(task: Task, message: str) -> MismatchError:
    return MismatchError(message, where=task.target, hint="it is fetched again")


def for_ever(problem: FilehaulError) -> VendorError:
    """The same, once it has happened `MISMATCHES` times."""
    return VendorError(
        f"{problem.message}, {MISMATCHES} times",
        where=problem.where,
        hint="the vendor's record is wrong or the file changes while it is read; "
        "verify: size or none takes it as it comes",
    )
