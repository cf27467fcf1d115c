"""The one place that speaks HTTP, sleeps, retries and paces.

libcurl's multi interface through pycurl, in one thread:

    http = Http(HttpSettings(base_url="https://api.example.com"), authorize=...)
    for result in http.run(requests):      # bounded in flight, pulled from the iterator
        result.request, result.response or result.error
    response = http.send(request)           # one, or an error raised

Redirects are followed here and not by libcurl, so that each hop gets only the headers that its
origin may see. Time is injected (`Clock`): tests wait for real only where they mean to.
"""

from __future__ import annotations

from .client import Http, HttpSettings
from .messages import (
    Authorization,
    Authorize,
    Clock,
    Detour,
    Head,
    Request,
    Response,
    Result,
    Wait,
    Writer,
)
from .origins import Origins, origin
from .retry import RetryPolicy

__all__ = [
    "Authorization",
    "Authorize",
    "Clock",
    "Detour",
    "Head",
    "Http",
    "HttpSettings",
    "Origins",
    "Request",
    "Response",
    "Result",
    "RetryPolicy",
    "Wait",
    "Writer",
    "origin",
]
