"""Where transfers run: beside this process in others, once this one has no time left to wait.

Over a network a file's time is spent waiting, and one process waits for all of them. A vendor that
is near answers faster than one process of Python takes the answers in: then a `Crew` of more
processes takes a part of the small files off it. A member of the crew only ever does what goes
well at the first try; whatever does not (a refusal, a pause that is asked for, wrong bytes, a full
disk) comes back as not done, and is done again here, by all the rules. So there is one place that
retries, paces and judges.

A member fetches, verifies and commits where the name is free, as `filehaul.transfer` does. It is
told what to do through a pipe, credentials with it, writes nothing down, and ends with this
process.
"""

from __future__ import annotations

from .crew import Crew
from .messages import MOST_BYTES, Errand, Outcome, Setup

__all__ = ["MOST_BYTES", "Crew", "Errand", "Outcome", "Setup"]
