"""The tree that nginx serves: files, and the listing of them as static JSON pages.

``python -m bench.tree FOLDER NAME COUNT SIZE``: a process of its own, so that its memory does not
count in the peaks of the processes that the benchmarks start.
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path

PAGE = 1000
_BLOCK = 2**20


def make(folder: Path, name: str, count: int, size: int) -> None:
    """In a process of its own: ``NAME/00000.bin`` … and ``pages/NAME/OFFSET.json``."""
    command = [sys.executable, "-m", "bench.tree", str(folder), name, str(count), str(size)]
    subprocess.run(command, check=True, cwd=Path(__file__).parent.parent)


def _make(folder: Path, name: str, count: int, size: int) -> None:
    files, pages = folder / name, folder / "pages" / name
    files.mkdir(parents=True)
    pages.mkdir(parents=True)
    block = os.urandom(min(size, _BLOCK))
    records = []
    for number in range(count):
        file_name = f"{number:05}.bin"
        records.append(
            {
                "id": f"{name}-{number:05}",
                "name": file_name,
                "size": size,
                "modified_at": "2024-01-01T00:00:00Z",
                "sha256": _write(files / file_name, b"%08d" % number, block, size),
            }
        )
    # A listing ends on an empty page: the last one here.
    for offset in range(0, (count + PAGE - 1) // PAGE * PAGE + 1, PAGE):
        page = {"files": records[offset : offset + PAGE], "total": count}
        (pages / f"{offset}.json").write_text(json.dumps(page))
    (pages / f"{count}.json").write_text(json.dumps({"files": [], "total": count}))


def _write(path: Path, head: bytes, block: bytes, size: int) -> str:
    digest = hashlib.sha256()
    with path.open("wb") as file:
        left = size
        while left > 0:
            chunk = (head + block[len(head) :])[:left]
            digest.update(chunk)
            file.write(chunk)
            left -= len(chunk)
    return digest.hexdigest()


if __name__ == "__main__":
    _make(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))
