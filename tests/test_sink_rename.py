"""The rename that replaces nothing: by the system's own call, and without it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from filehaul.sink import Folder, rename
from filehaul.sink.rename import rename_new


@pytest.fixture(params=["the system's call", "not known here", "not known to this disk"])
def folder(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> int:
    """A descriptor of a folder with one file, ``old``."""
    if request.param == "not known here":
        monkeypatch.setattr(rename, "_rename", None)
    elif request.param == "not known to this disk":
        monkeypatch.setattr(rename, "_rename", lambda *_: 22)  # EINVAL
    (tmp_path / "old").write_bytes(b"bytes")
    return os.open(tmp_path, os.O_RDONLY)


@pytest.fixture(autouse=True)
def _closed(folder: int) -> Iterator[None]:
    yield
    os.close(folder)


def test_a_free_name(folder: int, tmp_path: Path) -> None:
    """The bytes are under the new name, and under it alone."""
    rename_new("old", "new ü", src_dir_fd=folder, dst_dir_fd=folder)
    assert os.listdir(folder) == ["new ü"]
    assert (tmp_path / "new ü").read_bytes() == b"bytes"


@pytest.mark.parametrize("kind", ["file", "folder", "link to nothing"])
def test_a_name_that_is_taken(folder: int, tmp_path: Path, kind: str) -> None:
    """Whatever stands there stays, and so does the old name."""
    new = tmp_path / "new"
    if kind == "file":
        new.write_bytes(b"other")
    elif kind == "folder":
        new.mkdir()
    else:
        new.symlink_to("nowhere")
    with pytest.raises(FileExistsError):
        rename_new("old", "new", src_dir_fd=folder, dst_dir_fd=folder)
    assert (tmp_path / "old").read_bytes() == b"bytes"
    assert new.is_symlink() == (kind == "link to nothing")
    assert new.is_dir() == (kind == "folder")
    assert kind != "file" or new.read_bytes() == b"other"


def test_nothing_to_rename(folder: int) -> None:
    """As os.rename says it."""
    with pytest.raises(FileNotFoundError):
        rename_new("missing", "new", src_dir_fd=folder, dst_dir_fd=folder)


def test_a_partial_is_placed_once(tmp_path: Path) -> None:
    """`place` says whether the name was free; `vacant` says it before, of many names."""
    sink = Folder(tmp_path / "sink")
    sink.open()
    for number in (1, 2):
        os.close(sink.create(f"p{number}"))
    assert sink.vacant(["a/b/x", "a/y", "z"]) == {"a/b/x", "a/y", "z"}
    assert sink.place("p1", "a/b/x")
    assert not sink.place("p2", "a/b/x")
    (tmp_path / "sink" / "z").symlink_to("nowhere")
    assert sink.vacant(["a/b/x", "a/b", "a/b/x/below", "a/y", "z"]) == {"a/y"}
    assert sink.place("p2", "a/y")
    sink.close()
