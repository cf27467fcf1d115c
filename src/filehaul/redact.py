"""Secrets stay home: what may stand in a log, an error, the ledger or a table.

Two nets. `conceal` remembers the process's own secrets (client secrets, tokens) and `redact`
removes them wherever they stand, plain or encoded as URLs, JSON and HTML do. And `redact` blanks,
without knowing them, the values of query parameters that carry a signature or a token in any
vendor's signed URLs (Azure's ``sig``, SharePoint's ``tempauth``, AWS' ``X-Amz-*``, Google's
``X-Goog-*`` …), of headers and JSON keys that do, and passwords inside URLs.
"""

from __future__ import annotations

import html
import json
import re
from collections import OrderedDict
from urllib.parse import quote, quote_plus

MASK = "***"
_MOST_PASSING = 128  # tokens renewed over a long run; the oldest are long expired
_SHORTEST = 4  # a shorter "secret" would blank half of every text
_LONGEST_BODY = 64 * 1024
_LONG = 20  # a value that nobody would write by hand
_SECRET_NAME = re.compile(r"auth|key|token|secret|cookie|session|credential|pass", re.IGNORECASE)

_lasting: dict[str, None] = {}
_passing: OrderedDict[str, None] = OrderedDict()
_pattern: re.Pattern[str] | None = None

_STRONG = r"(?:token|secret|password|passwd|signature|credential|api[_-]?key|tempauth)"
_SENSITIVE = (
    rf"(?:[\w.-]{{0,64}}{_STRONG}[\w.-]{{0,64}}|x-(?:amz|goog|ms)-[\w-]{{1,64}}|sig|se|skoid|key|"
    r"auth|authorization|code|policy|hmac|pwd|pass|awsaccesskeyid|googleaccessid|key-pair-id|"
    r"access_key|client_id|jwt|assertion)"
)
# Between parameters stands & or what JSON, HTML and another URL make of it.
_VALUE = r"(?:(?!%26)[^&#\s\"'<>\\])+"
_QUERY = re.compile(
    rf"((?:[?&;#]|\\u0026|%26|%3F){_SENSITIVE}(?:=|\\u003d|%3D)){_VALUE}", re.IGNORECASE
)
_FORM = re.compile(rf"(\b[\w-]{{0,64}}{_STRONG}=){_VALUE}", re.IGNORECASE)
# A word after these is a credential if it looks like one: "Basic authentication" is prose.
_SCHEME = re.compile(
    r"\b(bearer|basic|digest|token|zoho-oauthtoken)(\s+)"
    r"(?=[\w.~+/-]{0,512}[\d=_~+/]|(?-i:[\w.-]{0,64}[a-z][A-Z])|[\w.~+/-]{20})[\w.~+/-]{6,}=*",
    re.IGNORECASE,
)
_HEADER = re.compile(
    r"\b(x-[\w-]{0,32}(?:key|token|secret|auth\w{0,16}|signature)|api-?key|authorization|"
    r"(?:set-)?cookie)(\\?\"?'?\s{0,8}:\s{0,8}\\?\"?'?)(?!bearer\b|basic\b)[^\s\"',;\\]+",
    re.IGNORECASE,
)
_JSON = re.compile(
    rf"(([\"'])(?:[\w-]{{0,64}}{_STRONG}[\w-]{{0,64}}|sig)\2\s{{0,8}}:\s{{0,8}}([\"']))"
    r"(?:\\.|(?!\3)[^\\])*",
    re.IGNORECASE | re.DOTALL,
)
_JSON_IN_JSON = re.compile(
    rf"(\\{{1,4}}\"[\w-]{{0,64}}{_STRONG}[\w-]{{0,64}}\\{{1,4}}\"\s{{0,8}}:\s{{0,8}}\\{{1,4}}\")"
    r"(?:\\[^\"\\]|[^\\\"])*",
    re.IGNORECASE,
)
_USERINFO = re.compile(r"\b([a-z][a-z0-9+.-]{1,15}://)[^/@\s:]*:[^/@\s]*@", re.IGNORECASE)


def conceal(secret: str, *, passing: bool = False) -> None:
    """Remember a secret of this process: `redact` removes it from any text from now on.

    ``passing``: one that expires, such as a token; of those only the last are remembered.
    """
    global _pattern  # noqa: PLW0603 - secrets belong to the process, not to an object
    secret = secret.strip()
    if len(secret) < _SHORTEST or secret in _lasting or secret in _passing:
        return
    if passing:
        _passing[secret] = None
        if len(_passing) > _MOST_PASSING:
            _passing.popitem(last=False)
    else:
        _lasting[secret] = None
    spellings = {one for each in (*_lasting, *_passing) for one in _spellings(each)}
    # Longest first: a secret that begins with another must go as a whole.
    _pattern = re.compile("|".join(map(re.escape, sorted(spellings, key=len, reverse=True))))


def conceal_if_secret(name: str, value: str) -> None:
    """`conceal` a value that its name, or its looks, make a secret: of a header, of a form."""
    if _SECRET_NAME.search(name) or (len(value) >= _LONG and not re.search(r"\s", value)):
        conceal(value)


def _spellings(secret: str) -> set[str]:
    """How a secret may stand in a text that somebody else wrote."""
    encoded = {quote(secret, safe=""), quote(secret), quote_plus(secret)}
    encoded |= {re.sub("%..", lambda match: match[0].lower(), one) for one in encoded}
    texts = {json.dumps(secret)[1:-1], json.dumps(secret, ensure_ascii=False)[1:-1]}
    return {secret, html.escape(secret), *encoded, *texts}


def redact(text: str) -> str:
    """The text without secrets: safe for logs, errors, the ledger and tables."""
    if _pattern is not None:
        text = _pattern.sub(MASK, text)
    text = _QUERY.sub(rf"\1{MASK}", text)
    text = _FORM.sub(rf"\1{MASK}", text)
    text = _USERINFO.sub(rf"\1{MASK}@", text)
    text = _SCHEME.sub(rf"\1\2{MASK}", text)
    text = _HEADER.sub(rf"\1\2{MASK}", text)
    text = _JSON_IN_JSON.sub(rf"\1{MASK}", text)
    return _JSON.sub(rf"\1{MASK}", text)


def is_secret(url: str) -> bool:
    """Whether a URL carries something that `redact` would blank: it must not be written down."""
    return redact(url) != url


def excerpt(body: bytes, most: int = 300) -> str:
    """The beginning of a vendor's answer for an error: one line, printable, cut, redacted."""
    # Redacted before it is cut, and never cut inside a word: half a secret is one that no
    # pattern knows any more.
    text = redact(body[:_LONGEST_BODY].decode("utf-8", "replace"))
    text = "".join(character if character.isprintable() else " " for character in text)
    words = text.split()
    if len(body) > _LONGEST_BODY:
        words = words[:-1]
    text = " ".join(words)
    return text if len(text) <= most else text[:most] + "…"
