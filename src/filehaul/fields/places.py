"""Where a walk found its records: what the catalogue says of a record's place.

The record's own path and parent count where it has them. Else the path is made of the names from
the root down, and the parent is the folder that was read.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..config import Resource
from ..config.walk import FolderMarks
from ..models import Folder
from ..names import child_path


class Places:
    """Reads the place of a walk's records."""

    def __init__(self, resource: Resource) -> None:
        self.marks = FolderMarks(resource)

    def path(self, folder: Folder, record: Mapping[str, Any], key: str) -> tuple[str, bool]:
        """The path of names, and whether all of them are known.

        ``key`` stands for the record's own name where it has none, as a folder's id does.
        """
        name = self.marks.name(record)
        if name is None and self.is_folder(record):
            id_ = self.marks.folder_id(record)
            key = key if id_ is None else str(id_)
        path = child_path(folder.path, key if name is None else name)
        return path, folder.path_complete and name is not None

    def is_folder(self, record: Mapping[str, Any]) -> bool:
        """Whether the record is a folder: it has no bytes."""
        return self.marks.is_folder(record)
