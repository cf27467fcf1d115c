"""`filehaul demo`: the main job in half a minute, on a vendor that this machine plays itself."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import orjson

from ..config import load_config
from ..errors import FilehaulError, UsageError
from ..report import Report
from ..spine import run
from .talk import Progress, out, out_json, say

_MARK = ".filehaul-demo"
_CONFIG = """\
name: demo
client:
  base_url: {base_url}
  auth: {{type: oauth2, client_id: "${{DEMO_ID}}", client_secret: "${{DEMO_SECRET}}", token_url: "{token_url}"}}
resource_defaults: {{primary_key: file_id, write_disposition: merge}}
resources:
  - name: files
    endpoint:
      path: /v1/files
      data_selector: files
      paginator: {{type: offset, limit: 100}}
    fields: {{file_id: id, file_name: name, path: path, size: size, mime_type: mime_type,
             created_at: created_at, modified_at: modified_at, checksum: {{sha256: sha256}}}}
    content: {{path: "/v1/files/{{file_id}}/content", layout: by_path, verify: auto}}
sink: ./files
destination: duckdb
"""  # noqa: E501
_SQL = """\
select count(*) as files, sum(f.size) as bytes,
       count(*) filter (t.verified_by = 'sha256') as verified
from demo_data.files f join demo_data.transfers t using (file_id)"""
_LARGEST = """\
select f.path, f.size, t.verified_by, left(t.sha256, 12) as sha256
from demo_data.files f join demo_data.transfers t using (file_id) order by f.size desc limit 5"""


def demo(folder: Path, serve: Path | None, as_json: bool = False) -> int:
    """Serve a folder, sync it twice, change a few files between. Returns the exit code."""
    home = _home(folder)
    vendor_folder = home / "vendor"
    say(f"1. copying real files to play the vendor's: {serve or 'the standard library'}")
    _copy(serve, vendor_folder)
    with _vendor(vendor_folder) as told:
        config = home / "demo.yaml"
        config.write_text(_CONFIG.format(**told), "utf-8")
        os.environ.update(DEMO_ID=told["client_id"], DEMO_SECRET=told["client_secret"])
        say(f"2. a vendor listens on {told['base_url']}; the config is {config}")
        first = _sync(config, "3. first sync: everything", as_json)
        changed = _change(vendor_folder)
        say(f"4. changed at the vendor's: {', '.join(changed)}")
        second = _sync(config, "5. second sync: only what changed", as_json)
    _show(home / "demo.duckdb", as_json)
    wrong = _wrong(first, second, len(changed)) or _compare(vendor_folder, home / "files")
    if wrong:
        raise FilehaulError(f"the demo did not do what it should: {wrong}")
    say(
        f"The second sync fetched {second.transferred} of {second.listed:,} files. All bytes are"
        f" equal.\nLook around: {home / 'files'}, {home / 'demo.duckdb'}, filehaul status {config}"
    )
    return max(first.exit_code, second.exit_code)


def _home(folder: Path) -> Path:
    """An empty folder of the demo's own; never someone else's."""
    home = folder.absolute()
    if home.exists() and any(home.iterdir()):
        if not (home / _MARK).exists():
            raise UsageError(
                f"{home} is not empty and not of a demo", where=str(home), hint="--folder DIR"
            )
        shutil.rmtree(home)
    home.mkdir(parents=True, exist_ok=True)
    (home / _MARK).touch()
    return home


def _copy(serve: Path | None, target: Path) -> None:
    source = serve or Path(sysconfig.get_paths()["stdlib"])
    if not source.is_dir():
        raise UsageError(f"{source} is not a folder", where="--serve", hint="name a folder")
    skipped = ("__pycache__", "site-packages", "dist-packages", "*.so", "*.a")
    ignore = shutil.ignore_patterns(*skipped) if serve is None else None
    shutil.copytree(source, target, ignore=ignore, ignore_dangling_symlinks=True)


@contextmanager
def _vendor(folder: Path) -> Iterator[dict[str, str]]:
    """The fake vendor as a process of its own, ended by closing its input."""
    command = [sys.executable, "-m", "filehaul.testing", "--serve", str(folder), "--with-parent"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        line = process.stdout.readline()
        if not line:
            raise FilehaulError("the demo's vendor did not start")
        try:
            yield orjson.loads(line)
        finally:
            assert process.stdin is not None
            process.stdin.close()
            try:
                process.wait(5)
            except subprocess.TimeoutExpired:
                process.kill()


def _sync(config: Path, title: str, as_json: bool) -> Report:
    say(title)
    with Progress(as_json) as progress:
        report = run(load_config(config), watch=progress.watch)
    if as_json:
        out_json(report.as_dict())
    else:
        for line in report.lines():
            out(f"   {line} in {report.seconds:.1f} s")
    report.raise_for_failures()
    return report


def _change(folder: Path) -> list[str]:
    """Edit two files and add one, as people would."""
    files = sorted(path for path in folder.rglob("*") if path.is_file() and not path.is_symlink())
    chosen = [files[len(files) // 3], files[2 * len(files) // 3]] if files else []
    for path in chosen:
        with path.open("ab") as file:
            file.write(b"\n# changed between the two syncs\n")
    new = folder / "added-between-the-syncs.txt"
    new.write_text("hello\n", "utf-8")
    return [str(path.relative_to(folder)) for path in dict.fromkeys([*chosen, new])]


def _show(database: Path, as_json: bool) -> None:
    import duckdb

    say("6. the tables, by SQL")
    with duckdb.connect(str(database), read_only=True) as connection:
        for query in (_SQL, _LARGEST):
            cursor = connection.execute(query)
            names = [column[0] for column in cursor.description]
            rows = cursor.fetchall()
            if as_json:
                for row in rows:
                    out_json({"event": "row", **dict(zip(names, row))})
            else:
                _print(query, names, rows)


def _print(query: str, names: list[str], rows: list[tuple[Any, ...]]) -> None:
    table = [names, *([str(value) for value in row] for row in rows)]
    widths = [max(len(row[n]) for row in table) for n in range(len(names))]
    out("   " + query.replace("\n", "\n   "))
    for row in table:
        out("     " + "  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip())


def _wrong(first: Report, second: Report, changed: int) -> str | None:
    if first.transferred != first.listed or first.listed == 0:
        return f"the first sync moved {first.transferred} of {first.listed} files"
    if second.transferred != changed:
        return f"the second sync moved {second.transferred} files, {changed} had changed"
    return None


def _compare(vendor: Path, copy: Path) -> str | None:
    """Every byte, once more: by reading both sides."""
    for path in vendor.rglob("*"):
        if path.is_file() and not path.is_symlink():
            twin = copy / path.relative_to(vendor)
            if not twin.is_file() or twin.read_bytes() != path.read_bytes():
                return f"{twin} is not equal to {path}"
    return None
