"""Where the browser comes back to: an address of this machine, for one answer (RFC 8252 7.3)."""

from __future__ import annotations

import hmac
import html
import os
import selectors
import socket
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import TracebackType
from urllib.parse import parse_qsl, urlsplit

from ..errors import ConfigError, CredentialsError, TemporaryError
from ..redact import excerpt

_MOST = 32 * 1024  # bytes of a request's head, or of a pasted address
_NOT_IT = "that is not where this sign-in ends: the address has state=… and code=… in it"
_PAGE = (
    "<!DOCTYPE html><html><head><meta charset='utf-8'><title>filehaul</title></head>"
    "<body><p>{}</p></body></html>"
)


@dataclass
class _Caller:
    """A browser's connection: they open some that they then do not use."""

    socket: socket.socket
    heard: bytes = field(default=b"", repr=False)


class Redirect:
    """Listens from ``with`` on, at ``uri``: as the config has it, with the port that is open."""

    def __init__(self, uri: str) -> None:
        self._parts = urlsplit(uri)
        self._listening = socket.socket()
        self._state = ""
        self.uri = uri

    def __enter__(self) -> Redirect:
        host = self._parts.hostname or "127.0.0.1"
        six = ":" in host
        self._listening.close()
        self._listening = socket.socket(socket.AF_INET6 if six else socket.AF_INET)
        self._listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            self._listening.bind(("::1" if six else "127.0.0.1", self._parts.port or 0))
        except OSError as problem:
            raise ConfigError(
                f"nothing can listen there: {problem.strerror}",
                where=f"client.auth.redirect_uri: {self.uri}",
                hint="end what listens on that port, or leave the port out if the vendor allows",
            ) from None
        self._listening.listen(8)
        port = self._listening.getsockname()[1]
        name = f"[{host}]" if six else host
        self.uri = f"http://{name}:{port}{self._parts.path}"
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _problem: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        self._listening.close()

    def code(
        self,
        state: str,
        seconds: float,
        typed: int | None = None,
        tell: Callable[[str], None] = lambda _line: None,
    ) -> str:
        """The authorization code that comes back with this ``state``.

        ``typed``: a descriptor from which a line may come too: the address that a browser on
        another machine was sent to; ``tell`` says where it is not that. Raises CredentialsError
        where the vendor or its user refused, TemporaryError where nobody came for so many
        ``seconds``.
        """
        self._state = state
        until = time.monotonic() + seconds
        with selectors.DefaultSelector() as waiting:
            waiting.register(self._listening, selectors.EVENT_READ)
            if typed is not None:
                waiting.register(typed, selectors.EVENT_READ, b"")
            try:
                while (left := until - time.monotonic()) > 0:
                    for key, _ in waiting.select(left):
                        for answer in self._hear(waiting, key):
                            if self._is_ours(answer):
                                return _code(answer)
                            if key.fd == typed:
                                tell(_NOT_IT)
            finally:
                for key in list(waiting.get_map().values()):
                    if isinstance(key.data, _Caller):
                        key.data.socket.close()
        raise TemporaryError(
            f"nobody signed in within {seconds:.0f} seconds",
            where=self.uri,
            hint="run it again; --timeout gives more time, --device needs no browser here",
        )

    def _hear(
        self, waiting: selectors.BaseSelector, key: selectors.SelectorKey
    ) -> list[dict[str, str]]:
        if key.fileobj is self._listening:
            caller, _ = self._listening.accept()
            caller.settimeout(5.0)
            waiting.register(caller, selectors.EVENT_READ, _Caller(caller))
            return []
        if isinstance(key.data, _Caller):
            return self._called(waiting, key.data)
        return _typed(waiting, key)

    def _called(self, waiting: selectors.BaseSelector, caller: _Caller) -> list[dict[str, str]]:
        try:
            more = caller.socket.recv(_MOST)
        except OSError:
            more = b""
        caller.heard += more
        whole = b"\r\n\r\n" in caller.heard
        if more and not whole and len(caller.heard) < _MOST:
            return []
        waiting.unregister(caller.socket)
        with caller.socket:
            method, _, rest = caller.heard.partition(b" ")
            target = rest.partition(b" ")[0].decode("ascii", "replace")
            if not whole or method != b"GET" or urlsplit(target).path != (self._parts.path or "/"):
                _say(caller.socket, "404 Not Found", "There is nothing here.")
                return []
            answer = _parameters(target)
            if self._is_ours(answer):
                refused = "error" in answer
                words = "The vendor refused." if refused else "Thank you: filehaul has the answer."
                _say(caller.socket, "200 OK", f"{words} You may close this window.")
                return [answer]
            _say(caller.socket, "400 Bad Request", "This is not the answer that is waited for.")
            return []

    def _is_ours(self, answer: Mapping[str, str]) -> bool:
        """Whether it answers this sign-in: else somebody wants us to use a code of theirs."""
        state = answer.get("state", "").encode()
        same = hmac.compare_digest(state, self._state.encode())
        return same and ("code" in answer or "error" in answer)


def _say(caller: socket.socket, status: str, words: str) -> None:
    body = _PAGE.format(html.escape(words)).encode()
    head = (
        f"HTTP/1.1 {status}\r\nContent-Type: text/html; charset=utf-8\r\n"
        f"Content-Length: {len(body)}\r\nCache-Control: no-store\r\n"
        "Referrer-Policy: no-referrer\r\nConnection: close\r\n\r\n"
    )
    try:
        caller.sendall(head.encode() + body)
    except OSError:
        return  # the browser has gone: its question was heard


def _typed(waiting: selectors.BaseSelector, key: selectors.SelectorKey) -> list[dict[str, str]]:
    """What the lines have that are whole now; where the typing ends, the last one is."""
    more = os.read(key.fd, _MOST)
    *lines, rest = (key.data + more).split(b"\n")
    if more:
        waiting.modify(key.fd, selectors.EVENT_READ, rest[-_MOST:])
    else:
        waiting.unregister(key.fd)
        lines.append(rest)
    return [_parameters(line.decode("utf-8", "replace").strip()) for line in lines if line.strip()]


def _parameters(address: str) -> dict[str, str]:
    return dict(parse_qsl(urlsplit(address).query))


def _code(answer: Mapping[str, str]) -> str:
    if answer.get("code"):
        return answer["code"]
    words = " ".join(answer[name] for name in ("error", "error_description") if answer.get(name))
    raise CredentialsError(
        f"the sign-in was refused: {excerpt(words.encode())}",
        where="the vendor's sign-in page",
        hint="sign in again, and allow it; check client_id, scope and redirect_uri",
    )
