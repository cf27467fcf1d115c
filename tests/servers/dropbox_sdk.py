"""Dropbox' own Python SDK, whose routes and types are generated from the vendor's definitions."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from .installs import from_pypi

VERSION = "12.0.2"  # the last for Python 3.10

_FACTS = """
import json, sys
from dropbox import auth, common, files, users
from stone.backends.python_rsrc import stone_base as bb

def told(module):
    found = {"routes": {}, "fields": {}, "tags": {}}
    for name, thing in vars(module).items():
        if isinstance(thing, bb.Route):
            found["routes"][thing.name] = dict(thing.attrs)
        fields, tags = getattr(thing, "_all_field_names_", None), getattr(thing, "_tagmap", None)
        if isinstance(thing, type) and fields is not None:
            found["fields"][name] = sorted(fields)
        if isinstance(thing, type) and tags is not None:
            found["tags"][name] = sorted(tags)
    return found

modules = (auth, common, files, users)
json.dump({one.__name__.rpartition(".")[2]: told(one) for one in modules}, sys.stdout)
"""

_CLIENT = """
import json, sys
import dropbox
from dropbox.exceptions import ApiError, AuthError, RateLimitError

api, content, token = sys.argv[1:4]

class Client(dropbox.Dropbox):
    def _get_route_url(self, hostname, route_name):
        return f"{content if 'content' in hostname else api}/2/{route_name}"

client = Client(token, max_retries_on_error=0, max_retries_on_rate_limit=0)

def shown(entry):
    kind = type(entry).__name__
    return [kind, entry.path_display, getattr(entry, "id", None)]

"""


def _folder() -> Path:
    return from_pypi("dropbox", VERSION, "", "six")


def _run(code: str, *arguments: str) -> Any:
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments],
        env={"PYTHONPATH": str(_folder()), "PATH": "/usr/bin:/bin", "NO_PROXY": "127.0.0.1"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def facts() -> dict[str, Any]:
    """``files``, ``auth``, ``common``, ``users``: ``routes`` (name to its attributes), ``fields``
    of structs and ``tags`` of unions. Raises OutOfReach where PyPI is.
    """
    return _run(_FACTS)


def as_client(api: str, content: str, token: str, code: str, *more: str) -> Any:
    """What ``code`` prints as JSON; it has the SDK's ``client``, of this API, and ``shown``, which
    makes an entry plain; ``more`` are arguments. Raises OutOfReach where PyPI is.
    """
    return _run(_CLIENT + code, api, content, token, *more)
