"""What a play stands on: the vendor's addresses, tokens that mean something, bytes over HTTP."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import secrets
from collections.abc import Callable
from functools import lru_cache
from typing import Any

from filehaul.testing.account import Account, Node
from filehaul.testing.answers import Answer, RecordedRequest
from filehaul.testing.content import content
from filehaul.testing.files import Entry, FakeFile
from filehaul.testing.gate import Gate, Refusal
from filehaul.testing.grants import Grants
from filehaul.testing.links import SIGNED_PREFIX, Links
from filehaul.testing.options import Options
from filehaul.testing.plays import MakePlay

_MAC = 12  # bytes


class UnknownTokenError(ValueError):
    """A page token or change token that this vendor never gave out."""


class ExpiredTokenError(ValueError):
    """One that it gave out, and takes no more."""


class Stage:
    """What a play gets from the fake vendor. ``options`` are the options in force."""

    def __init__(
        self, account: Account, options: Options, links: Links, origins: Callable[[int], str]
    ) -> None:
        self.account = account
        self.options = options
        self._links = links
        self._origins = origins
        self._key = secrets.token_bytes(32)
        self._generations: dict[str, int] = {}
        self._entry = lru_cache(maxsize=4096)(_entry)

    @property
    def base_url(self) -> str:
        """Where the vendor is, without a slash at the end."""
        return self._origins(0)

    @property
    def other_url(self) -> str:
        """The second origin, if the vendor has one; else ``base_url``."""
        return self._origins(-1)

    # Bytes -------------------------------------------------------------------------------------

    def content(self, node: Node, request: RecordedRequest) -> Answer:
        """A file's bytes, as Range and If-Range ask for them."""
        return content(self._entry(node), request, self.options)

    def signed_url(self, node: Node) -> str:
        """An address of a file's bytes at ``other_url`` that needs no token and expires."""
        return self._links.url(node.node_id)

    def find(self, node_id: str) -> Entry | None:
        """What a signed address leads to."""
        node = self.account.get(node_id)
        if node is None or node.kind != "file":
            return None
        return self._entry(node)

    # Page tokens and change tokens -------------------------------------------------------------

    def seal(self, kind: str, value: Any) -> str:
        """An opaque token that stands for a JSON value. ``kind``: ``page``, ``changes`` …"""
        plain = json.dumps([kind, self._generations.get(kind, 0), value]).encode()
        return base64.urlsafe_b64encode(self._mac(plain) + plain).decode().rstrip("=")

    def unseal(self, kind: str, token: str) -> Any:
        """What a token stands for. Raises UnknownTokenError, ExpiredTokenError."""
        try:
            whole = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4))
        except (binascii.Error, ValueError):
            whole = b""
        mac, plain = whole[:_MAC], whole[_MAC:]
        if not plain or not hmac.compare_digest(mac, self._mac(plain)):
            raise UnknownTokenError(token)
        named, generation, value = json.loads(plain)
        if named != kind:
            raise UnknownTokenError(token)
        if generation != self._generations.get(kind, 0):
            raise ExpiredTokenError(token)
        return value

    def generation(self, kind: str) -> int:
        """How often tokens of this kind have expired: for those that a play writes itself."""
        return self._generations.get(kind, 0)

    def expire(self, kind: str) -> None:
        """Tokens of this kind that were given out so far are no longer good."""
        self._generations[kind] = self._generations.get(kind, 0) + 1

    def _mac(self, plain: bytes) -> bytes:
        return hmac.new(self._key, plain, hashlib.sha256).digest()[:_MAC]


def _entry(node: Node) -> Entry:
    return Entry(
        FakeFile(
            node.node_id,
            node.name,
            content=node.content,
            mime_type=node.mime_type,
            created_at=node.created_at,
            modified_at=node.modified_at,
        )
    )


class Played:
    """In the place of the fake vendor's own routes: a play."""

    def __init__(
        self,
        make: MakePlay,
        account: Account,
        settings: dict[str, Any],
        options: Options,
        grants: Grants,
        origins: Callable[[int], str],
    ) -> None:
        self.account = account
        self.links = Links(options, lambda: origins(-1))
        self.stage = Stage(account, options, self.links, origins)
        self.play = make(account, self.stage, **settings)
        self.token_path = self.play.token_path
        self._grants = grants
        self._gate = Gate(options, grants)

    def expire(self, kind: str) -> None:
        """Tokens of this kind that were given out so far are no longer good."""
        self.stage.expire(kind)

    def answer(self, request: RecordedRequest) -> Answer:
        """The normal answer to a request."""
        if request.path == self.token_path:
            return self._grants.answer(request)
        is_signed = request.path.startswith(SIGNED_PREFIX)
        refusal = self._gate.refusal(request, ask_token=not is_signed)
        if refusal is not None:
            return self.play.refuse(refusal)
        with self.account.lock:
            if is_signed:
                return self.links.answer(request, self.stage.find)
            answer = self.play.answer(request)
        if answer is not None:
            return answer
        told = f"There is nothing at {request.path}."
        return self.play.refuse(Refusal("nothing there", 404, told))
