"""How long a person waits for nothing: start-up alone."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

from .figures import Table, lines
from .measure import Contender, filehaul, interleaved, measured, scratch, write_json

_CONFIG = {
    "name": "bench",
    "client": {"base_url": "http://127.0.0.1:9"},
    "resources": [
        {
            "name": "files",
            "primary_key": "file_id",
            "write_disposition": "merge",
            "endpoint": {
                "path": "/v1/files",
                "data_selector": "files",
                "paginator": {"type": "offset", "limit": 100},
            },
        }
    ],
}


def measure(rounds: int) -> Table:
    """One table: the interpreter alone, the version, the status of a connection."""
    contenders = [
        Contender("python", "python -c pass", lambda _folder: [sys.executable, "-c", "pass"]),
        Contender("filehaul", "filehaul --version", lambda _folder: [filehaul(), "--version"]),
        Contender("status", "filehaul status", _status),
    ]
    with scratch("start") as room:
        _write_bytecode(room)
        runs = interleaved(contenders, rounds, room)
    return Table(
        title="Start-up",
        lines=lines(contenders, runs),
        by={"seconds": "whole process"},
        against={},
        notes=["- Aims: 0.2 s and 0.5 s."],
    )


def _status(folder: Path) -> Sequence[str]:
    return [filehaul(), "status", str(write_json(folder / "bench.yaml", _CONFIG))]


def _write_bytecode(room: Path) -> None:
    """A first run writes byte code: nobody waits for that twice."""
    folder = room / "first"
    folder.mkdir()
    measured(_status(folder), folder)
    shutil.rmtree(folder)
