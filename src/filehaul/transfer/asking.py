"""From a task to the request for its bytes, in one step or in two."""

from __future__ import annotations

from typing import Any

from ..addresses import CONTENT, EXPORT
from ..config.asking import Asking
from ..config.content import Content
from ..errors import AnswerError, FilehaulError, VendorError
from ..http import Detour, Request, Response, Writer
from ..json_text import loads
from ..models import Task
from ..paths import RecordPath, record_path
from ..redact import excerpt, redact

_MOST = 1024 * 1024  # bytes of an answer that says where a file is
_JSON = (("Content-Type", "application/json"),)


class Requests:
    """Makes the requests for the bytes of one resource's files. ``max_size``: of such as are
    wanted, in bytes.
    """

    def __init__(self, content: Content) -> None:
        self.max_size = content.max_size
        self._by_link = content.url_field is not None
        self._expired = content.expired
        self._ways: dict[str, tuple[str, tuple[tuple[str, str], ...], Detour | None]] = {}
        for way, asking in ((CONTENT, content), (EXPORT, content.export)):
            if asking is not None:
                named = {name.lower() for name in asking.headers}
                typed = () if asking.json_body is None or "content-type" in named else _JSON
                headers = (*typed, *asking.headers.items())
                self._ways[way] = (asking.method, headers, self._detour(asking))

    @property
    def is_plain(self) -> bool:
        """Whether all there is to a request is its address."""
        return self._ways == {CONTENT: ("GET", (), None)}

    def of(self, task: Task, writer: Writer, context: Any = None) -> Request:
        """The request for a task's bytes."""
        method, headers, detour = self._ways[task.way]
        return Request(
            task.url,
            method,
            headers,
            task.body,
            writer=writer,
            detour=detour,
            max_body=_MOST,
            context=context,
        )

    def has_expired(self, task: Task, problem: FilehaulError) -> bool:
        """Whether this only says that the address in the record is no longer good: the next listing
        brings another.
        """
        if not self._by_link or task.way != CONTENT or not isinstance(problem, AnswerError):
            return False
        if problem.settled:
            return False
        return self._expired.says(problem.status, problem.answer)

    def _detour(self, asking: Asking) -> Detour | None:
        if not asking.has_two_steps:
            return None

        def expired(status: int, body: bytes) -> bool:
            # Another address costs one request, also where 404 means that there is no file.
            return status == 404 or self._expired.says(status, body)

        if asking.url_path is not None:
            return Detour(_Stands(record_path(asking.url_path)), expired)
        return Detour(_Header(asking.url_header or ""), expired)


class _Header:
    """The address in a header."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __call__(self, response: Response) -> str:
        found = response.headers.get(self.name.lower(), "").strip()
        if not found:
            raise _nowhere(f"no header {self.name}", "url_header", response)
        return found


class _Stands:
    """The address in the JSON of an answer."""

    def __init__(self, path: RecordPath) -> None:
        self.path = path

    def __call__(self, response: Response) -> str:
        kind = response.headers.get("content-type", "")
        try:
            answer = loads(response.body, kind)
        except ValueError:
            what = f"it is not JSON but {kind.partition(';')[0] or 'has no content type'}"
            raise _nowhere(what, "url_path", response) from None
        found = self.path.one(answer)
        if not isinstance(found, str) or not found.strip():
            raise _nowhere(f"no text at {self.path.text}", "url_path", response)
        return found


def _nowhere(what: str, key: str, response: Response) -> VendorError:
    return VendorError(
        f"the answer does not say where the file is: {what}; {excerpt(response.body, 160)}",
        where=redact(response.url),
        hint=f"check content.{key} against the vendor's answer, and auth",
    )
