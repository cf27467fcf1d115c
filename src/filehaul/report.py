"""What a run did: totals for people, and the same for machines."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from .errors import FilehaulError, PartialError

_COUNTS = (
    "listed",
    "transferred",
    "unchanged",
    "deleted",
    "rejected",
    "failed",
    "parked",
    "bytes",
)


@dataclass
class ResourceReport:
    """One resource's share. Counts are files, except ``bytes`` and ``rows`` (loaded).

    ``parted``: files whose bytes went, since the vendor no longer has them (``on_delete``).
    """

    listed: int = 0
    transferred: int = 0
    unchanged: int = 0
    deleted: int = 0
    rejected: int = 0
    failed: int = 0
    parked: int = 0
    bytes: int = 0
    rows: int = 0
    parted: int = 0
    complete: bool = False
    engine: str = "filehaul"
    why_not: str | None = None


@dataclass
class Report:
    """One run. `sync` returns it; ``exit_code`` as in the design, ``error`` what stopped it.

    ``complete``: every listing went to its end. ``warnings``: what a person should know.
    ``signal``: the number of the one that asked the run to stop; None: none did.
    """

    name: str = ""
    resources: dict[str, ResourceReport] = field(default_factory=dict)
    seconds: float = 0.0
    error: FilehaulError | None = None
    warnings: list[str] = field(default_factory=list)
    signal: int | None = None

    def __getattr__(self, name: str) -> int:
        """A count over all resources: listed, transferred, unchanged, … bytes."""
        if name in _COUNTS or name == "rows":
            return sum(getattr(one, name) for one in self.resources.values())
        raise AttributeError(name)

    @property
    def complete(self) -> bool:
        """Whether every listing is complete."""
        return bool(self.resources) and all(one.complete for one in self.resources.values())

    @property
    def exit_code(self) -> int:
        """0 done; 3 done in part; else what the error says."""
        if self.error is not None:
            return self.error.exit_code
        if self.failed or self.rejected or (self.resources and not self.complete):
            return PartialError.exit_code
        return 0

    def raise_for_failures(self) -> None:
        """Raise what stopped the run, or PartialError where files, rows or pages failed."""
        if self.error is not None:
            raise self.error
        if self.exit_code:
            short = sum(not one.complete for one in self.resources.values())
            raise PartialError(
                f"{self.failed} files failed, {self.rejected} rows were rejected and {short} "
                "listings are incomplete",
                where=self.name,
                hint="tables transfer_errors, rejected and listings say which and why",
            )

    def as_dict(self) -> dict[str, Any]:
        """The last line of ``sync --json``."""
        return {
            "event": "done",
            **{name: getattr(self, name) for name in _COUNTS},
            "complete": self.complete,
            "seconds": round(self.seconds, 3),
            "exit_code": self.exit_code,
            "resources": {
                name: {
                    **{count: getattr(one, count) for count in (*_COUNTS, "rows")},
                    "complete": one.complete,
                    "engine": one.engine,
                    "why_not": one.why_not,
                }
                for name, one in self.resources.items()
            },
            "warnings": self.warnings,
            "error": None if self.error is None else self.error.as_dict(),
        }

    def lines(self) -> list[str]:
        """The run for people, a line a resource."""
        result = []
        for name, one in self.resources.items():
            parts = [f"{one.listed:,} listed"]
            if one.transferred or one.unchanged or one.failed or one.parked:
                parts.append(f"{one.transferred:,} transferred ({size(one.bytes)})")
                parts.append(f"{one.unchanged:,} unchanged")
            for count in ("deleted", "rejected", "failed", "parked"):
                if getattr(one, count):
                    parts.append(f"{getattr(one, count):,} {count}")
            if one.parted:
                parts.append(f"{one.parted:,} taken out of the sink")
            parts.append(f"{one.rows:,} rows loaded")
            if not one.complete:
                parts.append("listing incomplete" + (f": {one.why_not}" if one.why_not else ""))
            result.append(f"{name}: " + ", ".join(parts))
        return result


def size(count: float) -> str:
    """Bytes for people: 1.5 MiB."""
    for unit in ("B", "KiB", "MiB", "GiB", "TiB"):
        if count < 1024 or unit == "TiB":
            return f"{count:,.0f} {unit}" if unit == "B" else f"{count:,.1f} {unit}"
        count /= 1024
    raise AssertionError
