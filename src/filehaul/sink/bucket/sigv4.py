"""AWS Signature Version 4 of a request without a body, in headers.

As https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
describes it; a test holds it to the example there.
"""

from __future__ import annotations

import hashlib
import hmac
from datetime import datetime, timezone
from typing import NamedTuple
from urllib.parse import urlsplit

_EMPTY = hashlib.sha256(b"").hexdigest()


class Keys(NamedTuple):
    """An access key. ``session``: the token of one that expires, else empty."""

    access: str
    secret: str
    session: str = ""

    def __repr__(self) -> str:
        return "Keys(***)"


def signed(
    method: str,
    url: str,
    region: str,
    keys: Keys,
    now: datetime | None = None,
    service: str = "s3",
) -> tuple[tuple[str, str], ...]:
    """The headers to send. ``url``: as it will be sent, its parameters encoded and in order."""
    moment = (now or datetime.now(timezone.utc)).strftime("%Y%m%dT%H%M%SZ")
    parts = urlsplit(url)
    headers = {"host": parts.netloc, "x-amz-content-sha256": _EMPTY, "x-amz-date": moment}
    if keys.session:
        headers["x-amz-security-token"] = keys.session
    names = ";".join(sorted(headers))
    lines = "".join(f"{name}:{headers[name]}\n" for name in sorted(headers))
    request = "\n".join((method, parts.path or "/", parts.query, lines, names, _EMPTY))
    scope = f"{moment[:8]}/{region}/{service}/aws4_request"
    digest = hashlib.sha256(request.encode()).hexdigest()
    text = f"AWS4-HMAC-SHA256\n{moment}\n{scope}\n{digest}"
    key = f"AWS4{keys.secret}".encode()
    for step in (moment[:8], region, service, "aws4_request"):
        key = hmac.digest(key, step.encode(), "sha256")
    signature = hmac.digest(key, text.encode(), "sha256").hex()
    authorization = (
        f"AWS4-HMAC-SHA256 Credential={keys.access}/{scope}, SignedHeaders={names}, "
        f"Signature={signature}"
    )
    sent = tuple((name, value) for name, value in headers.items() if name != "host")
    return (*sent, ("authorization", authorization))
