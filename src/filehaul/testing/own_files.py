"""What tests do to the files and folders of a vendor that plays itself."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from filehaul.testing.files import FakeFile
from filehaul.testing.shelf import FilesView
from filehaul.testing.tree import Name


class NoFiles:
    """In the place of a vendor's own files, where it plays another: that one has an account."""

    def __getattr__(self, name: str) -> Any:
        msg = f"this vendor plays another, so it has no {name!r}: change its account instead"
        raise TypeError(msg)


class OwnFiles:
    """The part of a :class:`FakeVendor` that has files and folders."""

    _shelf: Any  # a Shelf, a PathTree, a ChangeLog; or NoFiles
    _paths: Any
    _changes: Any

    # Its files ---------------------------------------------------------------------------------

    @property
    def files(self) -> Mapping[str, FakeFile]:
        """The files by id, in the order of the listing; a view, which follows changes."""
        return FilesView(self._shelf)

    def put(self, file: FakeFile) -> None:
        """Add a file at the end of the listing, or replace the one of its id in its place."""
        self._shelf.put(file)
        self.tell_change(self._told(file.file_id))

    def change_generated(self, every: int) -> None:
        """From now on every so-manieth generated record has a ``modified_at`` a year later, its
        bytes as before; 0: none. The change feed does not tell of it.
        """
        self._shelf.change_generated(every)

    def remove(self, file_id: str) -> None:
        """Take a file away; KeyError if there is none of this id."""
        self._shelf.remove(file_id)
        self.tell_change({"file_id": file_id, "removed": True})

    def trash(self, file_id: str) -> None:
        """Take a file out of the listing; the change feed tells of it as trashed."""
        told = self._told(file_id)
        self._shelf.remove(file_id)
        told["file"]["trashed"] = True
        self.tell_change(told)

    def tell_change(self, change: Any) -> None:
        """Put a change into the feed as it is, true or not."""
        self._changes.add(change)

    def _told(self, file_id: str) -> dict[str, Any]:
        entry = self._shelf.find(file_id)
        if entry is None:
            raise KeyError(file_id)
        record = dict(self._shelf.shape.record(entry))
        return {"file_id": file_id, "removed": False, "file": record}

    # Its folders -------------------------------------------------------------------------------

    def folder_id(self, path: str) -> str:
        """The id of the folder that the files' paths call so; of the root (empty path) ``0``."""
        return str(self._paths.folder_id(path))

    def put_folder(self, path: str) -> None:
        """Add a folder; it may stay empty."""
        self._paths.put(path)

    def rename_folder(self, path: str, name: Name) -> None:
        """Give a folder another name, any text; None is null, ``...`` leaves the key out.

        Its id stays, and here it keeps being called by the files' paths.
        """
        self._paths.rename(path, name)

    def link_folder(self, path: str, into: str, name: str | None = None) -> None:
        """Show a folder in one more folder: under two parents, or in a circle."""
        self._paths.link(path, into, name)
