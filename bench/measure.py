"""One process, measured: wall-clock seconds, CPU seconds, peak memory.

This room, and the process that it runs in, stay small and import the standard library alone: Linux
counts the memory of whoever starts a process into that process's peak.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

MEBI = 2**20
LONGEST = 600.0  # seconds after which a contender is taken to hang


class BenchError(Exception):
    """A contender failed, or something that the benchmarks need is missing."""


@dataclass(frozen=True)
class Run:
    """One measured process. ``extra``: figures that the contender tells, such as its transfer."""

    seconds: float
    cpu: float
    rss_mb: float
    extra: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Contender:
    """One way to do the work.

    ``tool``: contenders of one tool differ in settings only; the best of them speaks for it.
    ``command``: makes the command line for a fresh, empty folder, which is its working folder.
    ``check``: raises BenchError if the work was not done. ``figures``: looked at after the run.
    """

    tool: str
    name: str
    command: Callable[[Path], Sequence[str]]
    check: Callable[[Path], None] = lambda _folder: None
    figures: Callable[[Path], Mapping[str, float]] = lambda _folder: {}
    env: Mapping[str, str] = field(default_factory=dict)
    most_rounds: int | None = None


def memory_folder() -> Path | None:
    """A folder that is memory, where the system has one."""
    folder = Path("/dev/shm")
    return folder if folder.is_dir() and os.access(folder, os.W_OK) else None


@contextmanager
def scratch(name: str) -> Iterator[Path]:
    """A temporary folder that others may read (a web server's workers), gone afterwards."""
    folder = Path(tempfile.mkdtemp(prefix=f"filehaul-bench-{name}-", dir=memory_folder()))
    try:
        folder.chmod(0o755)
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def say(text: str, end: str = "\n") -> None:
    """Talk: to stderr, stdout is for the tables."""
    sys.stderr.write(text + end)
    sys.stderr.flush()


def filehaul() -> str:
    """The command of the environment that the benchmarks run in."""
    command = Path(sys.executable).with_name("filehaul")
    if not command.exists():
        raise BenchError("filehaul is not installed in this environment: make bench")
    return str(command)


def found(program: str, packages: str) -> str:
    """The path of a program; BenchError says how to get it."""
    # Debian keeps servers out of the path of ordinary users.
    path = shutil.which(program) or shutil.which(program, path="/usr/sbin:/usr/local/sbin")
    if path is None:
        raise BenchError(
            f"{program} is missing; on Debian and Ubuntu: sudo apt-get install {packages}"
        )
    return path


def environment(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """This process's own, without proxies (all is on loopback) and without dlt's telemetry."""
    kept = {k: v for k, v in os.environ.items() if not k.lower().endswith("_proxy")}
    # The benchmarks themselves are imported from where they are, whatever the working folder is.
    paths = [str(Path(__file__).parent.parent), kept.get("PYTHONPATH", "")]
    kept["PYTHONPATH"] = os.pathsep.join(path for path in paths if path)
    return {**kept, "RUNTIME__DLTHUB_TELEMETRY": "false", **(extra or {})}


def measured(command: Sequence[str], folder: Path, env: Mapping[str, str] | None = None) -> Run:
    """Run a command to its end. Its stdout goes to ``folder/stdout``."""
    with (folder / "stdout").open("wb") as out, tempfile.TemporaryFile() as err:
        begun = time.perf_counter()
        process = subprocess.Popen(
            command,
            cwd=folder,
            env=environment(env),
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=err,
        )
        late = threading.Timer(LONGEST, process.kill)
        late.daemon = True
        late.start()
        try:
            _, status, usage = os.wait4(process.pid, 0)
        except BaseException:
            process.kill()
            process.wait()
            raise
        finally:
            late.cancel()
        seconds = time.perf_counter() - begun
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode != 0:
            err.seek(0)
            words = err.read()[-2000:].decode(errors="replace")
            raise BenchError(f"exit code {process.returncode}: {' '.join(command)}\n{words}")
    # Linux counts ru_maxrss in KiB, macOS in bytes.
    unit = 1 if sys.platform == "darwin" else 1024
    return Run(seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * unit / MEBI)


def interleaved(
    contenders: Sequence[Contender], rounds: int, room: Path, warm_up: bool = True
) -> dict[str, list[Run]]:
    """Each contender once a round, in turn; another one begins each round."""
    runs: dict[str, list[Run]] = {contender.name: [] for contender in contenders}
    for number in range(-1 if warm_up else 0, rounds):
        say("  warm-up " if number < 0 else f"  round {number + 1} of {rounds} ", end="")
        start = max(0, number) % len(contenders)
        for contender in [*contenders[start:], *contenders[:start]]:
            if number >= (contender.most_rounds or rounds):
                continue
            run = _once(contender, room)
            if number >= 0:
                runs[contender.name].append(run)
            say(".", end="")
        say("")
    return runs


def _once(contender: Contender, room: Path) -> Run:
    folder = Path(tempfile.mkdtemp(prefix="run-", dir=room))
    try:
        run = measured(contender.command(folder), folder, contender.env)
        contender.check(folder)
        return Run(run.seconds, run.cpu, run.rss_mb, dict(contender.figures(folder)))
    except BenchError as problem:
        raise BenchError(f"{contender.name}: {problem}") from None
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def write_json(path: Path, value: Any) -> Path:
    """JSON is YAML too: a config as a file."""
    path.write_text(json.dumps(value))
    return path
