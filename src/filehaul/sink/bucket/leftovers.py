"""Parts of multipart uploads that a kill left in S3: invisible, and paid for.

obstore has no call that lists or aborts them, so these two requests are our own. Only uploads of
ours are aborted: a note in the bucket, written before each, tells which files were under way.
Azure drops such parts by itself after a week; for Google, and where the keys come from a role (they
are then obstore's alone), a lifecycle rule of the bucket does it.
"""

from __future__ import annotations

import html
import os
import re
import time
import uuid
from typing import TYPE_CHECKING
from urllib.parse import quote

from ...errors import FilehaulError
from ...http import Http, HttpSettings, Request
from ..folder import HOME
from .requests import Requests
from .sigv4 import Keys, signed
from .store import endpoint_of, settings_of

if TYPE_CHECKING:
    from ...config import Address

_NOTES = f"{HOME}/uploading"
_OLD = 24 * 3600.0  # seconds: another place's uploads are not touched before
_UPLOAD = re.compile(r"<Upload>(.*?)</Upload>", re.DOTALL)
_FIELD = "<{0}>(.*?)</{0}>"


class Leftovers:
    """The notes of one connection's uploads, and the end of those that were interrupted.

    ``user``: names this place; another place of the same connection may be at work now.
    """

    def __init__(self, address: Address, user: str) -> None:
        self.user = user
        self._run = uuid.uuid4().hex[:8]
        self._uploads = _Uploads.of(address)

    def note(self, partial: str) -> str:
        """Where a note lies: another place than that of an earlier upload of the same file."""
        return f"{_NOTES}/{self.user}/{partial}-{self._run}"

    async def begin(self, requests: Requests, partial: str, target: str) -> None:
        """An upload of this file is about to begin."""
        if self._uploads is not None:
            data = target.encode()
            await requests.put(self.note(partial), data, len(data))

    async def end(self, requests: Requests, partial: str) -> None:
        """It is complete."""
        if self._uploads is not None:
            await requests.delete(self.note(partial))

    async def sweep(self, requests: Requests) -> str | None:
        """Abort the uploads that the notes tell of. Returns why some could not be, in words: the
        run goes on, and their notes stay for the next one.
        """
        if self._uploads is None:
            return None
        why = None
        async for page in requests.pages(_NOTES):
            for one in page:
                ours = one.path.startswith(f"{_NOTES}/{self.user}/")
                if not ours and time.time() - one.modified < _OLD:
                    continue
                target = b"".join([chunk async for chunk in requests.read(one.path)]).decode()
                try:
                    self._uploads.abort(requests.key(target))
                except FilehaulError as problem:
                    why = f"an interrupted upload could not be aborted: {problem.message}"
                    continue
                await requests.delete(one.path)
        return why


class _Uploads:
    """S3's multipart uploads of one bucket."""

    def __init__(self, url: str, region: str, keys: Keys) -> None:
        self.url = url
        self.region = region
        self.keys = keys

    @classmethod
    def of(cls, address: Address) -> _Uploads | None:
        """None: they cannot be had here."""
        if address.scheme != "s3":
            return None
        settings, variables = settings_of(address, os.environ), os.environ

        def first(name: str, *others: str) -> str:
            found = [settings.get(name), *(variables.get(one) for one in others)]
            return next((one for one in found if one), "")

        keys = Keys(
            first("access_key_id", "AWS_ACCESS_KEY_ID"),
            first("secret_access_key", "AWS_SECRET_ACCESS_KEY"),
            first("session_token", "AWS_SESSION_TOKEN") or first("token", "AWS_TOKEN"),
        )
        if not keys.access or not keys.secret:
            return None
        region = first("region", "AWS_REGION", "AWS_DEFAULT_REGION") or "us-east-1"
        endpoint = endpoint_of(address, settings, variables) or f"https://s3.{region}.amazonaws.com"
        virtual = first("virtual_hosted_style_request", "AWS_VIRTUAL_HOSTED_STYLE_REQUEST")
        own_host = virtual.lower() == "true" and endpoint_of(address, settings, variables)
        url = endpoint.rstrip("/") + ("" if own_host else f"/{quote(address.bucket)}")
        return cls(url, region, keys)

    def abort(self, key: str) -> None:
        """All uploads of exactly this key."""
        with Http(HttpSettings(base_url=self.url)) as http:
            for upload in self._of(http, key):
                query = f"uploadId={quote(upload, safe='')}"
                self._ask(http, "DELETE", f"/{quote(key, safe='/-_.~')}", query)

    def _of(self, http: Http, key: str) -> list[str]:
        query = f"prefix={quote(key, safe='')}&uploads="
        answer = self._ask(http, "GET", "/", query)
        found = []
        for upload in _UPLOAD.findall(answer):
            fields = {}
            for name in ("Key", "UploadId"):
                match = re.search(_FIELD.format(name), upload, re.DOTALL)
                fields[name] = html.unescape(match[1]) if match else ""
            if fields["Key"] == key and fields["UploadId"]:
                found.append(fields["UploadId"])
        return found

    def _ask(self, http: Http, method: str, path: str, query: str) -> str:
        url = f"{self.url}{path}?{query}"
        headers = signed(method, url, self.region, self.keys)
        try:
            answer = http.send(Request(url, method=method, headers=headers, authorize=False))
        except FilehaulError as problem:
            if getattr(problem, "status", 0) == 404:
                return ""  # no such upload, any longer
            raise
        return answer.body.decode("utf-8", "replace")
