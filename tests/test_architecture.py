"""The house's own rules: which room may import which, and how large a room may grow."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

SOURCE = Path(__file__).parent.parent / "src" / "filehaul"

# Lower floors first; a room imports only from floors below its own. ``__init__`` is apart: it
# names what is public. So are the fake vendor, and the plugin that lives in dlt's process.
FLOORS: list[list[str]] = [
    ["errors"],
    ["garbage", "redact", "paths", "json_text", "xml_text", "addresses"],
    ["models", "templates"],
    ["checksums", "names"],
    ["vendors"],
    ["config"],
    ["http"],
    ["auth", "pagination"],
    ["connect", "listing"],
    ["fields"],
    ["guess"],
    ["ledger", "sink", "lock"],
    ["amended", "claims", "deletes", "fit", "increment", "layouts"],
    ["own_ledger", "pieces", "ranges", "selection", "told"],
    ["noted", "plan"],
    ["download"],
    ["execute", "parts"],
    ["transfer", "load"],
    ["catalogue", "rebuild", "source", "report", "signals", "watch"],
    ["own_sink"],
    ["spine"],
    ["signing_in"],
    ["check", "look", "init", "presets", "status", "verification"],
    ["cli"],
]
APART = {"testing", "dlt_plugin", "__init__", "__main__", "__version__"}
DLT_ROOMS = {"load", "source", "dlt_plugin", "config"}
PYCURL_ROOMS = {"http"}


def room_of(path: Path) -> str:
    """The room that a file belongs to."""
    return path.relative_to(SOURCE).parts[0].removesuffix(".py")


def modules() -> list[Path]:
    """Every module of the package."""
    return sorted(SOURCE.rglob("*.py"))


def imported(path: Path) -> set[str]:
    """Rooms that a module imports, also inside functions; not under TYPE_CHECKING."""
    package = ("filehaul", *path.relative_to(SOURCE).parts[:-1])
    found = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else ()
            full = (*base, *(node.module.split(".") if node.module else ()))
            if full[:1] == ("filehaul",):
                names = [full[1]] if len(full) > 1 else [alias.name for alias in node.names]
                found |= set(names)
            elif not node.level:
                found.add(f"!{full[0]}")
        elif isinstance(node, ast.Import):
            found |= {f"!{alias.name.split('.')[0]}" for alias in node.names}
    return found - {room_of(path)}


def test_every_room_has_a_floor() -> None:
    """No room was added without saying where it stands."""
    rooms = {room_of(path) for path in modules()} - APART
    assert rooms == {name for floor in FLOORS for name in floor}


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(SOURCE)))
def test_imports_go_one_way(path: Path) -> None:
    """A room imports only from floors below its own."""
    room = room_of(path)
    if room in APART:
        return
    floor = {name: number for number, names in enumerate(FLOORS) for name in names}
    upward = {
        name
        for name in imported(path)
        if not name.startswith("!") and name not in APART and floor[name] >= floor[room]
    }
    assert not upward, f"{room} imports {sorted(upward)} from its own floor or above"


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(SOURCE)))
def test_dlt_and_libcurl_stay_in_their_rooms(path: Path) -> None:
    """dlt is imported only where rows and its config meet us, pycurl only in http."""
    room, found = room_of(path), imported(path)
    assert room in DLT_ROOMS or "!dlt" not in found
    assert room in PYCURL_ROOMS or "!pycurl" not in found
    assert room == "dlt_plugin" or not {"!requests", "!urllib3", "!httpx"} & found


def test_only_http_sleeps() -> None:
    """One place waits: a sleep anywhere else could not be tested without waiting."""
    for path in modules():
        if room_of(path) not in {"http", "testing"}:
            assert not re.search(r"\bsleep\(", path.read_text("utf-8")), path


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(SOURCE)))
def test_files_stay_below_400_lines(path: Path) -> None:
    """A room that grows past 400 lines wants a wall."""
    assert len(path.read_text("utf-8").splitlines()) < 400


def test_public_things_have_docstrings() -> None:
    """Modules, and public classes and functions in them, say what they are for."""
    bare = []
    for path in modules():
        tree = ast.parse(path.read_text("utf-8"))
        if not ast.get_docstring(tree):
            bare.append(str(path))
        for node in tree.body:
            if not isinstance(node, (ast.FunctionDef, ast.ClassDef)):
                continue
            if not node.name.startswith("_") and not ast.get_docstring(node):
                bare.append(f"{path}:{node.name}")
    assert not bare
