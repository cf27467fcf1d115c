"""The command line: each verb calls one function of the library.

stdout is data, stderr is talk; ``--json`` is one object a line on stdout.
"""

from __future__ import annotations

import sys


def main() -> None:
    """The ``filehaul`` command."""
    if sys.argv[1:] == ["--version"]:  # before anything else is imported
        from .. import __version__

        sys.stdout.write(f"filehaul {__version__}\n")
        return
    from .verbs import app

    app()
