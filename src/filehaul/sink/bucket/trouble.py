"""What a store says about a request, in words.

obstore's errors are few kinds and a text; the status in the text tells what to do.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from ...errors import ConfigError, CredentialsError, FilehaulError, SinkError
from ...redact import redact
from ..trouble import RefusedError

if TYPE_CHECKING:
    from ...config import Address

_STATUS = re.compile(r"status code: (\d{3})")
_CODE = re.compile(r"<Code>([A-Za-z]{1,60})</Code>|\"reason\": ?\"([A-Za-z]{1,60})\"")
_SAYS = re.compile(r"<Message>([^<]{1,200})")
_AGAIN = frozenset({408, 425, 429})
# What obstore says where it found no keys and asked the machine's cloud for some.
_NO_TOKEN = re.compile(
    r"169\.254\.|/latest/api/token|/latest/meta-data|computeMetadata|token request|credential"
)
_WANTED = {
    "s3": "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, a role, or options",
    "gs": "GOOGLE_APPLICATION_CREDENTIALS, or options",
    "az": "AZURE_STORAGE_CONNECTION_STRING, or AZURE_STORAGE_ACCOUNT_NAME and _KEY, or options",
}
_GO_ON = "run again: it goes on where it stopped"


def told(problem: Exception, address: Address, target: str | None = None) -> FilehaulError:
    """The store's answer as our error. ``target``: the one file that it is about, if it is.

    RefusedError: that file only. CredentialsError, ConfigError: nothing will work before somebody
    mends it. SinkError: another time it may.
    """
    text = str(problem).partition("\n\nDebug source")[0]
    found = _STATUS.search(text)
    status = int(found[1]) if found else 0
    where, said = str(address), _said(text, status)
    if status in (401, 403) or type(problem).__name__ in _REFUSALS:
        return CredentialsError(
            f"the sink's store refused the credentials, or they may not do this ({said})",
            where=where,
            hint=f"check {_WANTED[address.scheme]}, and what they are allowed to do there",
        )
    if not status and _NO_TOKEN.search(text):
        return CredentialsError(
            "there are no credentials for the sink's store",
            where=where,
            hint=f"it takes {_WANTED[address.scheme]}",
        )
    if target is None and status == 404:
        what = "container" if address.scheme == "az" else "bucket"
        return ConfigError(
            f"there is no {what} {address.bucket!r} ({said})",
            where=where,
            hint=f"make it, or mend the address; filehaul makes no {what}s",
        )
    if 300 <= status < 400:
        return ConfigError(
            f"the bucket is elsewhere ({said})",
            where=where,
            hint="name its region: AWS_REGION, or options: {region: …}",
        )
    if target is not None and 400 <= status < 500 and status not in _AGAIN and status != 404:
        return RefusedError(
            f"the sink's store will not have this file ({said})",
            where=target,
            hint="its name may be too long or have a character the store does not take: "
            "layout: by_id",
        )
    if status == 404:
        return SinkError(f"the bucket has gone ({said})", where=where, hint=_GO_ON)
    return SinkError(f"the sink cannot be reached ({said})", where=where, hint=_GO_ON)


_REFUSALS = frozenset({"PermissionDeniedError", "UnauthenticatedError"})


def _said(text: str, status: int) -> str:
    """The store's own words, short: status, code and message; else the end of the text."""
    words = [f"HTTP {status}"] if status else []
    code, message = _CODE.search(text), _SAYS.search(text)
    words += [code[1] or code[2]] if code else []
    words += [message[1]] if message else []
    if not status:
        parts = [part.strip() for part in text.split(" - ") if part.strip()]
        words = [parts[-1] if parts else type(text).__name__]
    line = " ".join(redact(" ".join(words)).split())
    return line if len(line) <= 200 else line[:200] + "…"
