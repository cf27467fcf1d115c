"""Credentials: what each sign-in adds to a request, and one token for however many requests.

`credentials` makes them from a config's ``auth`` block. Tokens that a person signed in for, or
that a vendor changes with each use, are kept in a `Store`, which one process at a time writes.
"""

from __future__ import annotations

from .endpoint import Answer, Endpoint, RefusedError, Send, ask, asked
from .fixed import Fixed, api_key, bearer, http_basic
from .tokens import Asked, OAuth2, Token, client_credentials

__all__ = [
    "Answer",
    "Asked",
    "Endpoint",
    "Fixed",
    "OAuth2",
    "RefusedError",
    "Send",
    "Token",
    "api_key",
    "ask",
    "asked",
    "bearer",
    "client_credentials",
    "http_basic",
]
