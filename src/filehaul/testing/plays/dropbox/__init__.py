"""Dropbox' API v2, as its clients see it: ``files/list_folder`` and what belongs to it, downloads.

Shapes and rules are those of Dropbox' own definitions (github.com/dropbox/dropbox-api-spec:
files.stone, auth.stone, common.stone) and of its page "Dropbox for HTTP Developers"; where neither
says, it is what is hardest for a client. There are paths, in small letters, and at each is one
thing: what comes to a path takes the place of what was there. Deletions name a path and no id, and
take along what is below. A folder that is renamed is a deletion, and all that is in it anew. Links
are no things of their own: they are not there.
"""

from __future__ import annotations

import base64
import hashlib

from filehaul.testing.plays.dropbox.play import Dropbox

__all__ = ["PLAY", "Dropbox", "new_id"]

PLAY = Dropbox


def new_id(kind: str, number: int) -> str:
    """``id:`` and 22 letters, as Dropbox'; of a drive, a namespace's number."""
    if kind == "drive":
        return str(3_235_640 + number)
    plain = hashlib.sha256(f"{kind}{number}".encode()).digest()[:16]
    return "id:" + base64.urlsafe_b64encode(plain).decode().rstrip("=")
