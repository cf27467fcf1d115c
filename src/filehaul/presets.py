"""What a preset can do, told from its data: a row of ``filehaul vendors``, and a page of the docs.

from filehaul.presets import described, every
described("box").checksums         # ("sha1",)
print(described("box").page())     # docs/vendors/box.md
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from .config.preset import BLOCKS, HEAD, Head, Preset, read_preset
from .config.resource import merged
from .vendors import names

_LISTINGS = {
    "walk": "folder by folder",
    "delta": "by the change feed itself, from its beginning",
    "flat": "all files in one list",
}
_NO = "no"
_COLUMNS = ("name", "title", "sign-in", "listing", "changes", "checksums", "exports", "verified")


@dataclass(frozen=True)
class Described:
    """A preset, and what its keys say. ``text``: the file's own lines."""

    preset: Preset
    text: str

    @property
    def name(self) -> str:
        """As a config names it."""
        return self.preset.name

    @property
    def head(self) -> Head:
        """What the preset says of itself."""
        return self.preset.head

    @property
    def title(self) -> str:
        """The vendor's name."""
        return self.head.title or self.name

    @cached_property
    def resources(self) -> list[dict[str, Any]]:
        """The resources that are listed unless a config says otherwise, defaults merged in."""
        defaults = self.preset.blocks.get("resource_defaults") or {}
        found = [merged(defaults, one) for one in self.preset.blocks.get("resources") or ()]
        return [one for one in found if one.get("selected", True)]

    @property
    def sign_ins(self) -> tuple[str, ...]:
        """The types of ``client.auth``; the first is the preset's own choice."""
        auth = _block(self.preset.blocks.get("client")).get("auth")
        ways = auth if isinstance(auth, list) else [auth]
        return tuple(str(one.get("type", "bearer")) for one in ways if isinstance(one, dict))

    @property
    def listings(self) -> tuple[str, ...]:
        """How files are listed: walk, delta, flat."""
        return _unique(_listing(one) for one in self.resources)

    @property
    def has_changes(self) -> bool:
        """Whether a change feed is asked."""
        return any(one.get("changes") for one in self.resources)

    @property
    def checksums(self) -> tuple[str, ...]:
        """The algorithms by which bytes are verified."""
        return _unique(
            algorithm
            for one in self.resources
            for algorithm in _block(_block(one.get("fields")).get("checksum"))
        )

    @property
    def exports(self) -> tuple[tuple[str, str], ...]:
        """Native documents: their MIME type, and what they become."""
        found = []
        for one in self.resources:
            export = _block(_block(one.get("content")).get("export"))
            for given, target in _block(export.get("by_mime")).items():
                become = _block(target).get("extension", target)
                found.append((str(given), str(become)))
        return tuple(found)

    @property
    def is_verified(self) -> bool:
        """Whether every fact was found in a document of the vendor's."""
        return not self.head.unverified

    def as_dict(self) -> dict[str, Any]:
        """For ``--json``: all that is known."""
        return {
            "event": "vendor",
            "name": self.name,
            "sign_ins": self.sign_ins,
            "listings": self.listings,
            "changes": self.has_changes,
            "checksums": self.checksums,
            "exports": dict(self.exports),
            "verified": self.is_verified,
            **self.head.model_dump(mode="json"),
            "config": json.loads(json.dumps(self.preset.blocks)),  # keys may be numbers
        }

    def row(self) -> tuple[str, ...]:
        """Of the table of all vendors."""
        return (
            self.name,
            self.title,
            ", ".join(one.removeprefix("oauth2_") for one in self.sign_ins),
            ", ".join(self.listings),
            "feed" if self.has_changes else _NO,
            ", ".join(self.checksums) or _NO,
            "yes" if self.exports else _NO,
            self._doubts(),
        )

    def _doubts(self) -> str:
        count = len(self.head.unverified)
        return f"but for {count} fact{'s' if count > 1 else ''}" if count else "yes"

    def page(self) -> str:
        """All of it, as a page of Markdown."""
        head = self.head
        about = head.about or "no word of what it lists"
        parts = [f"# {self.title}", f"{about[0].upper()}{about[1:]}."]
        if head.example:
            parts.append(f"```yaml\n{head.example.strip()}\n```")
        parts.append(_table(("", ""), self._facts()))
        parts += self._asked()
        for title, lines in (
            ("Good to know", (*head.notes, *head.lies)),
            ("Limits", head.limits),
            ("Not verified", head.unverified),
            ("The vendor's own documents", head.docs),
        ):
            if lines:
                parts.append(f"## {title}\n\n" + "\n".join(f"- {line}" for line in lines))
        parts.append(
            "## The preset\n\nYour keys [override](../vendors.md) these.\n\n"
            f"```yaml preset\n{self._blocks().strip()}\n```"
        )
        parts.append(f"*Generated: `filehaul vendors {self.name}`.*")
        return "\n\n".join(parts)

    def _asked(self) -> Iterator[str]:
        """What a config gives: parameters, a sign-in, and the steps to it."""
        head = self.head
        if head.parameters:
            rows = []
            for name, one in head.parameters.items():
                default = "required" if one.is_required else _shown(one.default)
                example = "" if one.example is None else f"`{one.example}`"
                about = one.about
                if one.one_of:
                    about += f" ({', '.join(f'`{value}`' for value in one.one_of)})"
                rows.append((f"`{name}`", about, default, example))
            yield "## Parameters\n\n" + _table(("", "", "default", "example"), rows)
        if self.sign_ins:
            lines = []
            for number, kind in enumerate(self.sign_ins):
                told = head.sign_in.get(kind, "")
                default = " (the default)" if number == 0 and len(self.sign_ins) > 1 else ""
                lines.append(f"- `type: {kind}`{default}" + (f": {told}" if told else ""))
            yield "## Sign-in\n\n" + "\n".join(lines)
        if head.credentials:
            steps = (f"{number}. {step}" for number, step in enumerate(head.credentials, 1))
            yield "## Credentials\n\n" + "\n".join(steps)

    def _facts(self) -> list[tuple[str, str]]:
        can = self.head.capabilities
        rows = [
            ("listing", "; ".join(_LISTINGS[one] for one in self.listings)),
            ("change feed", self._feed()),
            ("checksums", ", ".join(self.checksums) or "none: size alone"),
            ("large files", "in parts, by `ranges`" if can.ranges else "in one piece: no ranges"),
        ]
        if self.exports:
            made = ", ".join(f"`{kind}` → {become}" for kind, become in self.exports)
            rows.append(("native documents", made))
        rows.append(("ids", "stable" if can.ids == "stable" else "change with the path"))
        rows.append(("modified_at", f"by the {can.times}'s clock"))
        trash = {
            "apart": "not listed",
            "marked": "listed, and marked",
            "none": "the vendor has none",
        }
        rows.append(("trash", trash[can.trash]))
        for known, text in (
            (can.links, "records without bytes (shortcuts, links) are rows of their own kind"),
            (can.duplicate_names, "two files of one folder may have one name"),
            (can.redirects, "the bytes come from another host, which gets no credentials"),
            (can.not_ready, "a file that is still being made is waited for (202)"),
        ):
            if known:
                rows.append(("", text))
        return rows

    def _feed(self) -> str:
        if not self.has_changes:
            return "none: every run lists everything"
        repeats = "; it may repeat itself" if self.head.capabilities.feed_repeats else ""
        return f"yes: after the first run only what has changed is asked for{repeats}"

    def _blocks(self) -> str:
        """The file's lines below the head."""
        lines = self.text.splitlines()
        starts = [n for n, line in enumerate(lines) if line.rstrip().startswith(f"{HEAD}:")]
        first = next(
            (n for n, line in enumerate(lines) if line.partition(":")[0] in BLOCKS), len(lines)
        )
        return "\n".join(lines[first:] if starts and starts[0] < first else lines)


def described(name: str, folder: Path | str = ".") -> Described:
    """A preset by its name, or by its path, below ``folder``. Raises ConfigError."""
    preset = read_preset(name, Path(folder), "the call")
    return Described(preset, preset.path.read_text("utf-8"))


def every() -> list[Described]:
    """Every bundled preset, by name."""
    return [described(name) for name in names()]


def table(presets: list[Described]) -> list[str]:
    """A row a preset, in columns, below their names."""
    rows = [_COLUMNS, *(one.row() for one in presets)]
    widths = [max(len(row[n]) for row in rows) for n in range(len(_COLUMNS))]
    return ["  ".join(cell.ljust(widths[n]) for n, cell in enumerate(row)).rstrip() for row in rows]


def index(presets: list[Described]) -> str:
    """The same as a table of Markdown, with links to the pages."""
    rows = []
    for one in presets:
        name, title, *rest = one.row()
        rows.append((f"[{title}](vendors/{name}.md)", f"`{name}`", *rest))
    return _table(("", "`vendor`", *_COLUMNS[2:]), rows)


def _listing(resource: dict[str, Any]) -> str:
    if resource.get("walk"):
        return "walk"
    start = _block(_block(resource.get("changes")).get("start"))
    return "delta" if start.get("from") == "listing" else "flat"


def _block(value: Any) -> dict[str, Any]:
    """A block of a preset that nobody has checked: empty where it is none."""
    return value if isinstance(value, dict) else {}


def _unique(values: Any) -> tuple[str, ...]:
    return tuple(dict.fromkeys(values))


def _shown(default: Any) -> str:
    return "none" if default is None else f"`{default}`"


def _table(titles: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = [titles, tuple("---" for _ in titles), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)
