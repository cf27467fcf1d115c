"""The pages of the docs that are made of the presets' data: ``make pages`` writes them."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

from filehaul.presets import every, index

DOCS = Path(__file__).parent.parent / "docs"
_TABLE = re.compile(r"(?<=<!-- presets: make pages -->\n).*?(?=\n<!-- -->)", re.DOTALL)


@cache
def pages() -> dict[Path, str]:
    """Each page, as it should be."""
    presets = every()
    found = {DOCS / "vendors" / f"{one.name}.md": one.page() + "\n" for one in presets}
    overview = DOCS / "vendors.md"
    told = index(presets).replace("\\", r"\\")
    found[overview] = _TABLE.sub(told, overview.read_text("utf-8"))
    return found


if __name__ == "__main__":
    for path, text in pages().items():
        path.write_text(text, "utf-8")
