"""Secrets stay home: what may stand in a log, an error, the ledger or a table.

Two nets. `conceal` remembers the process's own secrets (client secrets, tokens) and `redact`
removes them wherever they stand, plain or URL-encoded. And `redact` blanks, without knowing them,
the values of query parameters that carry a signature or a token in any vendor's signed URLs
(Azure's ``sig``, SharePoint's ``tempauth``, AWS' ``X-Amz-*``, Google's ``X-Goog-*`` …), bearer
and basic headers, and passwords inside URLs.
"""

from __future__ import annotations

import re
from collections import OrderedDict
from urllib.parse import quote, quote_plus

MASK = "***"
_MOST_SECRETS = 512  # tokens renewed over a long run; the oldest are long expired
_SHORTEST = 4  # a shorter "secret" would blank half of every text

_secrets: OrderedDict[str, None] = OrderedDict()
_pattern: re.Pattern[str] | None = None

_SENSITIVE = (
    r"(?:[\w.%-]*(?:token|secret|password|passwd|signature|credential|api[_-]?key|apikey|tempauth)"
    r"[\w.%-]*|x-amz-[\w-]+|x-goog-[\w-]+|sig|se|skoid|key|auth|code|policy|hmac|pwd|pass|"
    r"awsaccesskeyid|googleaccessid|key-pair-id|access_key|client_id|jwt|assertion)"
)
_QUERY = re.compile(rf"([?&;#]{_SENSITIVE}=)[^&#\s\"'<>]+", re.IGNORECASE)
_HEADER = re.compile(r"\b(bearer|basic|zoho-oauthtoken)\s+[\w.~+/=-]{6,}", re.IGNORECASE)
_JSON = re.compile(
    r'("(?:[\w-]*(?:token|secret|password|signature|credential|api_?key)[\w-]*)"\s*:\s*")[^"]*',
    re.IGNORECASE,
)
_USERINFO = re.compile(r"(https?://)[^/@\s:]*:[^/@\s]*@", re.IGNORECASE)


def conceal(secret: str) -> None:
    """Remember a secret of this process: `redact` removes it from any text from now on."""
    global _pattern  # noqa: PLW0603 - secrets belong to the process, not to an object
    if len(secret) < _SHORTEST:
        return
    spellings = (secret, quote(secret, safe=""), quote_plus(secret))
    if all(spelling in _secrets for spelling in spellings):
        return
    _secrets.update(dict.fromkeys(spellings))
    while len(_secrets) > _MOST_SECRETS:
        _secrets.popitem(last=False)
    # Longest first: a secret that begins with another must go as a whole.
    _pattern = re.compile("|".join(re.escape(s) for s in sorted(_secrets, key=len, reverse=True)))


def redact(text: str) -> str:
    """The text without secrets: safe for logs, errors, the ledger and tables."""
    if _pattern is not None:
        text = _pattern.sub(MASK, text)
    text = _QUERY.sub(rf"\1{MASK}", text)
    text = _USERINFO.sub(rf"\1{MASK}@", text)
    text = _HEADER.sub(rf"\1 {MASK}", text)
    return _JSON.sub(rf"\1{MASK}", text)


def is_secret(url: str) -> bool:
    """Whether a URL carries something that `redact` would blank: it must not be written down."""
    return redact(url) != url


def excerpt(body: bytes, most: int = 300) -> str:
    """The beginning of a vendor's answer for an error: one line, cut, redacted."""
    text = redact(body[: most * 8].decode("utf-8", "replace"))
    text = " ".join(text.split())
    return text if len(text) <= most else text[:most] + "…"
