"""The few lines that a bundled preset needs, with the steps to get credentials above them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from ..config.preset import Preset, read_preset
from .values import value
from .written import checked

_NAME = re.compile(r"^name:.*\n", re.MULTILINE)
_WIDTH = 96


def preset_text(vendor: str, name: str) -> str:
    """The smallest config of a preset. Raises ConfigError for one that there is not."""
    preset = read_preset(vendor, Path.cwd(), "the command line")
    example = _NAME.sub("", preset.head.example or f"vendor: {value(vendor)}\nsink: ./files\n")
    lines = [*_head(preset, name), f"name: {value(name)}", example.strip()]
    return checked("\n".join(lines) + "\n", name)


def _head(preset: Preset, name: str) -> Iterator[str]:
    title = preset.head.title or preset.name
    yield f"# {title}. All of it: filehaul vendors {preset.name}"
    for number, step in enumerate(preset.head.credentials, 1):
        yield from _wrapped(f"{number}. {step}")
    if preset.head.parameters:
        yield "# vendor takes:"
    for parameter, one in preset.head.parameters.items():
        must = "" if not one.is_required else " (needed)"
        yield from _wrapped(f"- {parameter}{must}: {one.about}")
    yield f"# Then: filehaul check {name}.yaml"


def _wrapped(text: str) -> Iterator[str]:
    """A comment in lines that fit a screen."""
    line = "#"
    for word in text.split():
        if len(line) + len(word) >= _WIDTH and line != "#":
            yield line
            line = "#  "
        line += f" {word}"
    yield line
