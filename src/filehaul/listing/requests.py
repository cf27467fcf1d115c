"""What is asked for one folder: the config's words with the folder's id put in."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote, urlsplit

from ..config import Resource
from ..config.model import Client
from ..config.walk import FOLDER_ID
from ..http import Request
from ..http.origins import resolve
from ..json_text import dumps
from ..names import url_segment
from ..pagination import Ask
from ..templates import pieces
from . import with_params, with_values
from .frontier import Waiting


class FolderRequests:
    """Makes the requests of one walk."""

    def __init__(self, resource: Resource, client: Client) -> None:
        assert resource.walk is not None
        self.endpoint = resource.endpoint
        self.max_body = client.max_json
        self.base_url = client.base_url.rstrip("/")
        self.path = pieces(resource.walk.path)
        headers = {"Accept": "application/json", **self.endpoint.headers}
        self.headers = tuple(headers.items())
        self.body_headers = tuple({**headers, "Content-Type": "application/json"}.items())

    def request(self, waiting: Waiting, ask: Ask, last_url: str | None, context: object) -> Request:
        """The request for one page. ``last_url``: of the folder's page before, for links."""
        endpoint, id_ = self.endpoint, waiting.id
        if ask.url is not None:
            url = resolve(last_url or self._address(waiting), ask.url)
        else:
            params = {**_filled(endpoint.params, id_), **dict(ask.params)}
            url = with_params(self._address(waiting), params)
        headers, body = self.headers, None
        if endpoint.json_body is not None or ask.body:
            body = dumps(with_values(_filled(endpoint.json_body or {}, id_), ask.body))
            headers = self.body_headers
        return Request(url, endpoint.method, headers, body, max_body=self.max_body, context=context)

    def _address(self, waiting: Waiting) -> str:
        """Of the folder's content: absolute, or below base_url. The id is one segment of it."""
        if waiting.address is not None:
            address = waiting.address
        else:
            address, text = "", str(waiting.id)
            for literal, name in self.path:
                address += literal
                if name is not None:
                    address += quote(text, safe="") if "?" in address else url_segment(text)
        if urlsplit(address).scheme in ("http", "https"):
            return address
        return f"{self.base_url}/{address.lstrip('/')}"


def _filled(value: Any, id_: str | int) -> Any:
    """The value with the folder's id put in. Alone in its place it keeps its type."""
    if isinstance(value, str):
        return id_ if value == FOLDER_ID else value.replace(FOLDER_ID, str(id_))
    if isinstance(value, dict):
        return {key: _filled(one, id_) for key, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [_filled(one, id_) for one in value]
    return value
