"""`filehaul login`: sign in once, for all runs that follow."""

from __future__ import annotations

import getpass
import sys
from pathlib import Path

from ..signing_in import Person, login, open_browser, sign_out
from .talk import out, out_json, say


def sign_in(config: Path, device: bool, browser: bool, seconds: float, as_json: bool) -> None:
    """Sign in with whatever this terminal has."""
    typed = sys.stdin.fileno() if sys.stdin.isatty() else None
    opening = open_browser if browser else _none
    person = Person(say, opening, typed, seconds)
    done = login(config, device=device, person=person, secret=_refresh_token)
    if as_json:
        out_json({"event": "login", **done.as_dict()})
        return
    out(f"signed in: {done.line()}")
    out(f"kept in {done.place}")


def leave(config: Path, as_json: bool) -> None:
    """Forget the tokens."""
    found = sign_out(config)
    if as_json:
        out_json({"event": "signed out", "found": found})
    else:
        out("signed out: the tokens are removed" if found else "nobody was signed in")


def _none(_address: str) -> bool:
    return False


def _refresh_token() -> str:
    if sys.stdin.isatty():
        return getpass.getpass("refresh token: ")
    return sys.stdin.readline()
