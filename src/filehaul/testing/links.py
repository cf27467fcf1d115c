"""Addresses that need no token: signed, good for a while, at whatever origin they are served."""

from __future__ import annotations

import hashlib
import hmac
import math
import secrets
import time
from collections.abc import Callable
from urllib.parse import quote, unquote

from filehaul.testing.answers import Answer, RecordedRequest
from filehaul.testing.content import content
from filehaul.testing.files import Entry
from filehaul.testing.options import Options

SIGNED_PREFIX = "/signed/"


class Links:
    """Makes signed addresses of files' bytes, and answers what is asked there. ``origin``: where
    they point.
    """

    def __init__(self, options: Options, origin: Callable[[], str]) -> None:
        self._options = options
        self._origin = origin
        self._key = secrets.token_bytes(32)

    def url(self, file_id: str) -> str:
        """A URL to the content of a file that needs no token, good for ``signed_ttl`` seconds."""
        segment = quote(file_id, safe="")
        expires = str(math.ceil(time.time() + self._options.signed_ttl))
        sig = self._signature(segment, expires)
        return f"{self._origin()}{SIGNED_PREFIX}{segment}?sig={sig}&expires={expires}"

    def expire(self) -> None:
        """Signatures made so far are no longer good."""
        self._key = secrets.token_bytes(32)

    def answer(self, request: RecordedRequest, find: Callable[[str], Entry | None]) -> Answer:
        """The bytes; as a store of the cloud does, it refuses an Authorization header."""
        if "authorization" in request.headers:
            return _s3_error(400, "InvalidArgument", "Only one auth mechanism allowed")
        segment, query = request.path[len(SIGNED_PREFIX) :], request.query
        expires = query.get("expires", "")
        sig = self._signature(segment, expires).encode()
        if not hmac.compare_digest(query.get("sig", "").encode(), sig):
            return _s3_error(403, "SignatureDoesNotMatch", "The signature does not match")
        if int(expires) < time.time():
            return _s3_error(403, "AccessDenied", "Request has expired")
        entry = find(unquote(segment))
        if entry is None:
            return _s3_error(404, "NoSuchKey", "The specified key does not exist.")
        return content(entry, request, self._options)

    def _signature(self, segment: str, expires: str) -> str:
        return hmac.new(self._key, f"{segment}\n{expires}".encode(), hashlib.sha256).hexdigest()


def _s3_error(status: int, code: str, message: str) -> Answer:
    text = f"<?xml version='1.0'?><Error><Code>{code}</Code><Message>{message}</Message></Error>"
    return Answer(status, {"Content-Type": "application/xml"}, text.encode())
