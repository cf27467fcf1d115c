"""The bundled presets: a YAML file a vendor, read only when a config names it.

A preset is a config's own keys ``client``, ``resource_defaults`` and ``resources``, and a head
``preset`` that says what they do not: `filehaul.config.preset.Head` has its keys. ``<<name>>`` in
its texts is one of the head's parameters. docs/vendors.md tells how to write one.
"""

from __future__ import annotations

from pathlib import Path

_FOLDER = Path(__file__).parent


def names() -> list[str]:
    """Every bundled preset, sorted."""
    return sorted(path.stem for path in _FOLDER.glob("*.yaml"))


def path_of(name: str) -> Path:
    """Where a bundled preset's data are; whether there is one, `names` tells."""
    return _FOLDER / f"{name}.yaml"
