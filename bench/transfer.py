"""Bytes: `filehaul sync` beside rclone and curl, from one nginx to a folder in memory."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from . import tree
from .figures import Line, Table, lines
from .measure import (
    MEBI,
    BenchError,
    Contender,
    filehaul,
    found,
    interleaved,
    memory_folder,
    say,
    scratch,
    write_json,
)
from .web import PACKAGES, Web, nginx

Command = Callable[[Path], Sequence[str]]
_BY = {"transfer": "transfer", "seconds": "whole process"}
_AGAINST = ("rclone", "curl", "curl + sha256sum", "limit")
_FEW = 8  # below this many files, settings for many files are not tried
_RCLONE = ("--config", "", "--no-check-dest", "--quiet")


@dataclass(frozen=True)
class Work:
    """``count`` files of ``size`` bytes, in one folder of that name. ``aims``: the least ratios,
    by tool; of the whole process where ``whole`` says so, else of the transfer.
    """

    folder: str
    count: int
    size: int
    aims: Mapping[str, float] = field(default_factory=dict)
    tls: bool = False
    whole: bool = False

    @property
    def title(self) -> str:
        """What it is, in words."""
        unit, size = ("MiB", self.size // MEBI) if self.size >= MEBI else ("KiB", self.size // 1024)
        return f"{self.count:,} × {size:,} {unit}{' over TLS' if self.tls else ''}"


def measure(work: Work, rounds: int, limit: str | None = None) -> Table:
    """One table. ``limit``: a program that does the bare minimum (docs/benchmarks.md)."""
    found("nginx", PACKAGES)
    with scratch("web") as folder, scratch("out") as room:
        say(f"{work.title}: making them")
        served = folder / "tree"
        tree.make(served, work.folder, work.count, work.size)
        with nginx(folder, served) as web:
            contenders = _contenders(work, web, limit)
            runs = interleaved(contenders, rounds, room)
    return Table(
        title=f"Transfer: {work.title}",
        lines=lines(contenders, runs),
        by=dict(reversed(_BY.items())) if work.whole else _BY,
        against={tool: work.aims.get(tool) for tool in _AGAINST},
        columns={"transfer, s": lambda one: f"{one.extra['transfer']:.2f}", "rate": _rate(work)},
        notes=_notes(),
    )


def _rate(work: Work) -> Callable[[Line], str]:
    def rate(one: Line) -> str:
        seconds = one.extra["transfer"]
        if work.size >= MEBI:
            return f"{work.count * work.size / MEBI / seconds:,.0f} MiB/s"
        return f"{work.count / seconds:,.0f} files/s"

    return rate


def _notes() -> list[str]:
    where = "memory" if memory_folder() else "a disk: not comparable with the figures in the docs"
    return [
        f"- Everything is read from and written to {where}.",
        "- transfer: from the first to the last request for content, in nginx's log: without "
        "start-up, listing and loading, and without rclone's HEAD requests.",
    ]


def _contenders(work: Work, web: Web, limit: str | None) -> list[Contender]:
    many = work.count >= _FEW
    made = [_filehaul(work, web, n) for n in ((8, 16, 32, 64) if many else (4, 8))]
    made += [_rclone(work, web, name, flags) for name, flags in _rclone_settings(many)]
    made += [_curl(work, web, n) for n in ((32, 64) if many else (64,))]
    if not many:
        made.append(_curl_and_sum(work, web))
    if limit is not None and not work.tls:
        made.append(_limit(work, web, limit))
    return made


def _rclone_settings(many: bool) -> list[tuple[str, Sequence[str]]]:
    if not many:
        return [
            ("rclone, 4 transfers", ("--transfers", "4", "--multi-thread-streams", "0")),
            ("rclone, 4 × 4 ranges", ("--transfers", "4", "--multi-thread-streams", "4")),
        ]
    # With HEAD requests rclone knows size and time before it begins; they are in the whole
    # process, and not in the transfer.
    bare = ("--http-no-head", "--buffer-size", "0")
    return [
        ("rclone, its defaults", ()),
        ("rclone, 32 transfers", ("--transfers", "32", "--checkers", "32")),
        ("rclone, 16 transfers, no HEAD", ("--transfers", "16", "--checkers", "16", *bare)),
        ("rclone, 32 transfers, no HEAD", ("--transfers", "32", "--checkers", "32", *bare)),
        ("rclone, 64 transfers, no HEAD", ("--transfers", "64", "--checkers", "64", *bare)),
    ]


# -- the contenders ------------------------------------------------------------------------


def _transfer_of(work: Work, web: Web) -> Callable[[Path], Mapping[str, float]]:
    def figures(_folder: Path) -> Mapping[str, float]:
        return {"transfer": web.content(work.folder, work.count)[0]}

    return figures


def _whole(work: Work) -> Callable[[Path], None]:
    def check(folder: Path) -> None:
        sizes = [path.stat().st_size for path in (folder / "out").glob("*.bin")]
        if len(sizes) != work.count or any(size != work.size for size in sizes):
            raise BenchError(f"{len(sizes)} files of {sum(sizes)} bytes arrived")

    return check


def _contender(work: Work, web: Web, tool: str, name: str, command: Command) -> Contender:
    def prepared(folder: Path) -> Sequence[str]:
        (folder / "out").mkdir()
        line = command(folder)
        web.mark()
        return line

    return Contender(tool, name, prepared, _whole(work), _transfer_of(work, web))


def write_config(work: Work, web: Web, concurrency: int, folder: Path, **content: object) -> Path:
    """filehaul's config for this work, in this folder. ``content``: more keys of that block."""
    config = {
        "name": "bench",
        "client": {
            "base_url": web.url(work.tls),
            "limits": {"concurrency": concurrency},
            "ca_bundle": str(web.certificate),
        },
        "resources": [
            {
                "name": "files",
                "primary_key": "file_id",
                "write_disposition": "merge",
                "endpoint": {
                    "path": f"/v1/{work.folder}",
                    "data_selector": "files",
                    "paginator": {"type": "offset", "limit": tree.PAGE},
                },
                "fields": {
                    "file_id": "id",
                    "file_name": "name",
                    "size": "size",
                    "modified_at": "modified_at",
                    "checksum": {"sha256": "sha256"},
                },
                "content": {"path": f"/{work.folder}/{{file_name}}", **content},
            }
        ],
        "sink": "out",
    }
    return write_json(folder / "bench.yaml", config)


def _filehaul(work: Work, web: Web, concurrency: int) -> Contender:
    def command(folder: Path) -> Sequence[str]:
        path = write_config(work, web, concurrency, folder)
        return [filehaul(), "sync", str(path), "--json"]

    return _contender(work, web, "filehaul", f"filehaul sync, {concurrency} in flight", command)


def _rclone(work: Work, web: Web, name: str, flags: Sequence[str]) -> Contender:
    program = found("rclone", PACKAGES)
    url = f"{web.url(work.tls)}/{work.folder}/"

    def command(folder: Path) -> Sequence[str]:
        where = ("--http-url", url, "--ca-cert", str(web.certificate))
        return [program, "copy", *_RCLONE, *flags, *where, ":http:", str(folder / "out")]

    return _contender(work, web, "rclone", name, command)


def _curl(work: Work, web: Web, most: int) -> Contender:
    program = found("curl", PACKAGES)

    def command(folder: Path) -> Sequence[str]:
        with (folder / "list").open("w") as file:
            for number in range(work.count):
                name = f"{number:05}.bin"
                url = f"{web.url(work.tls)}/{work.folder}/{name}"
                file.write(f'url = "{url}"\noutput = "out/{name}"\n')
        trust = ("--cacert", str(web.certificate))
        return [program, "-sS", *trust, "--parallel", "--parallel-max", str(most), "-K", "list"]

    return _contender(work, web, "curl", f"curl --parallel, {most} at most", command)


def _curl_and_sum(work: Work, web: Web) -> Contender:
    """The same bytes hashed too, while they come: what a careful script would do."""
    program = found("curl", PACKAGES)

    def command(_folder: Path) -> Sequence[str]:
        each = []
        for number in range(work.count):
            url = shlex.quote(f"{web.url()}/{work.folder}/{number:05}.bin")
            each.append(f"{program} -sS {url} | tee out/{number:05}.bin | sha256sum &")
        return ["sh", "-c", "\n".join([*each, "wait"])]

    return _contender(
        work, web, "curl + sha256sum", "curl, tee and sha256sum, all at once", command
    )


def _limit(work: Work, web: Web, program: str) -> Contender:
    def command(_folder: Path) -> Sequence[str]:
        pattern = f"/{work.folder}/%05d.bin"
        return [program, str(web.port), pattern, str(work.count), "32", "out"]

    return _contender(work, web, "limit", "the limit, 32 in flight", command)
