"""The endpoint of one folder: the config's words with the folder's id put in."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from ..config import Endpoint, Resource
from ..config.walk import FOLDER_ID
from ..names import url_segment
from ..templates import pieces
from .frontier import Waiting


class FolderEndpoints:
    """Makes the endpoints of one walk's folders."""

    def __init__(self, resource: Resource) -> None:
        assert resource.walk is not None
        self.endpoint = resource.endpoint
        self.path = pieces(resource.walk.path or "")

    def of(self, waiting: Waiting) -> Endpoint:
        """What is asked for this folder."""
        endpoint, id_ = self.endpoint, waiting.id
        return endpoint.model_copy(
            update={
                "path": self._path(waiting),
                "params": _filled(endpoint.params, id_),
                "json_body": _filled(endpoint.json_body, id_),
            }
        )

    def _path(self, waiting: Waiting) -> str:
        """The address of the folder's content. The id is one segment of it."""
        if waiting.address is not None:
            return waiting.address
        address, text = "", str(waiting.id)
        for literal, name in self.path:
            address += literal
            if name is not None:
                address += quote(text, safe="") if "?" in address else url_segment(text)
        return address


def _filled(value: Any, id_: str | int) -> Any:
    """The value with the folder's id put in. Alone in its place it keeps its type."""
    if isinstance(value, str):
        return id_ if value == FOLDER_ID else value.replace(FOLDER_ID, str(id_))
    if isinstance(value, dict):
        return {key: _filled(one, id_) for key, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [_filled(one, id_) for one in value]
    return value
