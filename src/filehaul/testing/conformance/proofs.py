"""The proofs of the suite, and which of them a preset needs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from filehaul.testing.conformance import changing, histories, listing, transferring
from filehaul.testing.conformance.case import Case
from filehaul.testing.conformance.needs import Needs
from filehaul.testing.conformance.trial import Trial, trial


@dataclass(frozen=True)
class Proof:
    """One thing that a preset must do. ``str(proof)`` is its name."""

    name: str
    prove: Callable[[Trial], None]

    def __str__(self) -> str:
        return self.name

    @property
    def about(self) -> str:
        """What it proves, in a sentence."""
        return " ".join((self.prove.__doc__ or "").split())

    def run(self, case: Case, folder: Path) -> None:
        """Prove it: AssertionError where it does not hold. ``folder``: an empty one."""
        with trial(case, folder) as one:
            self.prove(one)


def _all() -> Mapping[Proof, Needs]:
    found: dict[Proof, Needs] = {}
    for room in (listing, changing, histories, transferring):
        for prove, needs in room.PROOFS.items():
            found[Proof(prove.__name__, prove)] = needs
    return found


def proofs(case: Case) -> list[Proof]:
    """Those that concern a preset, in their order."""
    reasons = left_out(case)
    return [one for one in _all() if one.name not in reasons]


def left_out(case: Case) -> dict[str, str]:
    """Those that do not, by name, and why."""
    found = {}
    for one, needs in _all().items():
        reason = case.without.get(one.name) or needs(case)
        if reason is not None:
            found[one.name] = reason
    unknown = set(case.without) - {one.name for one in _all()}
    if unknown:
        msg = f"there is no proof {', '.join(sorted(unknown))}"
        raise ValueError(msg)
    return found
