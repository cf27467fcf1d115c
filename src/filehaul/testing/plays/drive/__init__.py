"""Google Drive v3, as its clients see it: ``files``, ``changes``, ``drives``, ``about``.

Shapes and rules are those of Google's discovery document drive:v3 (revision 20261106) and of the
guide "Resolve errors"; where neither says, it is what is hardest for a client. A folder that is
trashed, removed, renamed or moved is one change, and nothing is told of what is below it.
"""

from __future__ import annotations

import hashlib

from filehaul.testing.plays.drive.play import Drive

__all__ = ["PLAY", "Drive", "new_id"]

PLAY = Drive


def new_id(kind: str, number: int) -> str:
    """33 letters as Drive's. A shared drive has its top folder's id (discovery: Drive.id)."""
    seed = "drive" if kind == "root" else kind
    plain = hashlib.sha256(f"{seed}{number}".encode()).hexdigest()
    return f"0A{plain[:14]}PVA" if seed == "drive" else f"1{plain[:32]}"
