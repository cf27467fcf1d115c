"""Addresses with ``{fields}`` in them: `content.path`.

``{name}`` is one of the table's columns, or a path into the vendor's record; ``{{`` and ``}}``
are literal. A value becomes exactly one segment of the URL's path, or one value of its query.
"""

from __future__ import annotations

import string

from .paths import record_path


def braces(template: str) -> tuple[str, ...]:
    """The names in braces, in their order. ValueError: what is wrong with the template."""
    return tuple(name for _, name in pieces(template) if name is not None)


def pieces(template: str) -> tuple[tuple[str, str | None], ...]:
    """Literal text and the name after it (None at the end)."""
    result = []
    try:
        parsed = list(string.Formatter().parse(template))
    except ValueError as problem:
        raise ValueError(f"the braces do not close: {problem}") from None
    for literal, name, spec, conversion in parsed:
        if name is not None:
            if not name.strip():
                raise ValueError("empty braces: they name a column or a path into the record")
            if spec or conversion:
                raise ValueError(f"{{{name}:{spec}}}: a format is not taken here")
            record_path(name)
        result.append((literal, name))
    return tuple(result)
