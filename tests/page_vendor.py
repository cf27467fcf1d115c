"""A vendor of pages in any shape, on a real socket: a function of the query makes each answer."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from bare_server import Asked, BareServer, answer
from config_dicts import config
from filehaul.config import load_config
from filehaul.connect import connect
from filehaul.listing import Listing


@dataclass
class Question:
    """What was asked: the query's parameters, the path, and the body: JSON, or a form."""

    path: str
    params: dict[str, str]
    body: Any
    headers: dict[str, str]

    def number(self, name: str, default: int = 0) -> int:
        """A parameter as a number."""
        return int(self.params.get(name, default))


@dataclass
class Raw:
    """An answer that is more than a JSON value with status 200."""

    body: Any = None
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)


Answering = Callable[[Question], Any]


class PageVendor:
    """Asks ``answering`` for the JSON value (or `Raw`, or bytes) to say to each question.

    ``questions``: what was asked, in the order it came.
    """

    def __init__(self, answering: Answering) -> None:
        self.answering = answering
        self.questions: list[Question] = []
        self.server = BareServer(self._answer)
        self.url = self.server.url

    def _answer(self, asked: Asked) -> bytes:
        parts = urlsplit(asked.target)
        body: Any = None
        if asked.body:
            form = "x-www-form-urlencoded" in asked.headers.get("content-type", "")
            body = dict(parse_qsl(asked.body.decode())) if form else json.loads(asked.body)
        question = Question(parts.path, dict(parse_qsl(parts.query)), body, asked.headers)
        self.questions.append(question)
        said = self.answering(question)
        raw = said if isinstance(said, Raw) else Raw(said)
        content = raw.body if isinstance(raw.body, bytes) else json.dumps(raw.body).encode()
        headers = {"Content-Type": "application/json", **raw.headers}
        lines = [f"{name}: {value}" for name, value in headers.items()]
        return answer(content, *lines, status=f"{raw.status} X")

    def asked(self, *names: str) -> list[Any]:
        """These parameters of each question; of one name its values alone."""
        rows = [tuple(question.params.get(name) for name in names) for question in self.questions]
        return [row[0] for row in rows] if len(names) == 1 else rows


@contextmanager
def vendor_of(answering: Answering) -> Iterator[PageVendor]:
    """A running vendor."""
    vendor = PageVendor(answering)
    with vendor.server:
        yield vendor


@contextmanager
def listing_of(
    url: str,
    paginator: Any,
    concurrency: int = 4,
    client: Any = None,
    prove: bool = False,
    **endpoint: Any,
) -> Iterator[Listing]:
    """A listing of this vendor, without credentials; retries do not wait."""
    made = config()
    made["client"] = {
        "base_url": url,
        "limits": {"concurrency": concurrency},
        "retry": {"max_retries": 1, "backoff_factor": 0},
        **(client or {}),
    }
    made["resources"][0]["endpoint"] |= {"paginator": paginator, **endpoint}
    read = load_config(made, expand=False)
    with connect(read) as http:
        yield Listing(read.resources[0], read.client, http, prove=prove)


def listed(url: str, paginator: Any, **options: Any) -> list[Any]:
    """All records of a listing."""
    with listing_of(url, paginator, **options) as listing:
        return [record for page in listing for record in page.records]


def numbers(count: int) -> list[dict[str, Any]]:
    """Records that are told apart by their id."""
    return [{"file_id": number} for number in range(count)]


def offset_pages(rows: list[Any], cap: int = 100, **more: Any) -> Answering:
    """An offset vendor with pages of at most ``cap`` rows, and these values in every answer."""

    def answering(question: Question) -> Any:
        start = question.number("offset")
        end = start + min(question.number("limit", cap), cap)
        return {"files": rows[start:end], **more}

    return answering


SHARED: list[Any] = [None]
"""What answers in fixture ``any_vendor``: one vendor for many examples."""
