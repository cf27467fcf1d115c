"""Everything that filehaul raises, as one tree.

    FilehaulError                 kind         exit   can trying again help?
    ├── UsageError                usage         2     no: the call itself is off
    ├── PartialError              partial       3     only what failed; the rest is done
    ├── ConfigError               config        4     no: mend the config or the machine
    │   └── LedgerError           ledger        4     no: the ledger is not ours to read
    ├── CredentialsError          credentials   5     no: the vendor refused them
    ├── TemporaryError            temporary     6     yes, later (``retry_at`` says when, if known)
    │   ├── LockedError           locked        6     yes, when the other run has ended
    │   └── SinkError             sink          6     yes, when the sink has room and answers again
    ├── GuardError                guard         7     after a person has looked
    ├── VendorError               vendor        8     no: the answer is not what the config declares
    │   └── AnswerError           answer        8     an HTTP status that stands; has ``status``
    └── Cancelled                 cancelled   130     yes: SIGINT or SIGTERM, everything is parked

Anything else that escapes is a defect of filehaul: exit 1.

An error speaks in three lines: what happened, where, what to do next. All three are redacted by
whoever makes the error from outside text (`filehaul.http.redact`).
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

RAISED = frozenset({1, 2, 4, 5})
"""Exit codes of what the library raises; all other errors are in what it returns."""


class FilehaulError(Exception):
    """The root. ``message``: what happened; ``where``: key, URL or file; ``hint``: what next."""

    kind = "error"
    exit_code = 1
    temporary = False

    def __init__(self, message: str, *, where: str = "", hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.where = where
        self.hint = hint

    def __str__(self) -> str:
        lines = [self.message]
        if self.where:
            lines.append(f"  where: {self.where}")
        if self.hint:
            lines.append(f"  next:  {self.hint}")
        return "\n".join(lines)

    def as_dict(self) -> dict[str, Any]:
        """The shape of ``error`` in ``--json``: kind, message, where, hint, temporary."""
        return {
            "kind": self.kind,
            "message": self.message,
            "where": self.where,
            "hint": self.hint,
            "temporary": self.temporary,
        }


class UsageError(FilehaulError):
    """The command or the call is not one that exists."""

    kind = "usage"
    exit_code = 2


class PartialError(FilehaulError):
    """Raised by `Report.raise_for_failures`: some files, rows or pages failed."""

    kind = "partial"
    exit_code = 3


class ConfigError(FilehaulError):
    """The config, or the machine that it names, cannot be used as it is."""

    kind = "config"
    exit_code = 4


class LedgerError(ConfigError):
    """The ledger was written by a newer filehaul, or is not a ledger."""

    kind = "ledger"


class CredentialsError(FilehaulError):
    """The vendor refused the credentials, or gave no token for them."""

    kind = "credentials"
    exit_code = 5


class TemporaryError(FilehaulError):
    """Nothing is wrong with the config: the network, the vendor or the sink is not available now.

    ``retry_at``: UTC time at which the vendor said to come back, if it said so.
    """

    kind = "temporary"
    exit_code = 6
    temporary = True

    def __init__(
        self,
        message: str,
        *,
        where: str = "",
        hint: str = "",
        retry_at: datetime | None = None,
    ) -> None:
        super().__init__(message, where=where, hint=hint)
        self.retry_at = retry_at


class LockedError(TemporaryError):
    """Another run of the same connection is at work."""

    kind = "locked"


class SinkError(TemporaryError):
    """The sink is full, read-only, gone or unreachable."""

    kind = "sink"


class GuardError(FilehaulError):
    """A guard withheld something that would be hard to undo."""

    kind = "guard"
    exit_code = 7


class VendorError(FilehaulError):
    """The vendor answered, and not as the config declares."""

    kind = "vendor"
    exit_code = 8


class AnswerError(VendorError):
    """An HTTP status that stands after all retries. ``status``: the code; 5xx are temporary.

    ``settled``: a rule of the config says that asking again never helps, whatever the status.
    ``answer``: the beginning of the vendor's answer as it came, for comparing and never for
    showing: it is not redacted.
    """

    kind = "answer"

    def __init__(
        self,
        message: str,
        *,
        status: int,
        temporary: bool = False,
        settled: bool = False,
        where: str = "",
        hint: str = "",
        answer: bytes = b"",
    ) -> None:
        super().__init__(message, where=where, hint=hint)
        self.status = status
        self.settled = settled
        self.answer = answer
        self.temporary = temporary
        if temporary:
            self.exit_code = TemporaryError.exit_code


class Cancelled(FilehaulError):  # noqa: N818 - the field's word, as in asyncio and concurrent.futures
    """SIGINT or SIGTERM: nothing new was started, what was in flight is parked."""

    kind = "cancelled"
    exit_code = 130
    temporary = True
