"""Requests to a bucket's store: few verbs, paths below the sink's prefix, our own errors."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from ... import checksums
from ...errors import FilehaulError
from ..trouble import RefusedError
from .hands import Hands
from .store import store_of
from .trouble import told

if TYPE_CHECKING:
    from ...config import Address

PAGE = 1000
"""Names that a store tells at once."""
PART = 5 * 2**20
"""Bytes of a part of a multipart upload, unless the file would have too many of them. S3 and
Google take no smaller ones."""
_PARTS_AT_ONCE = 4
_MOST_PARTS = 9_000  # S3 and Google take 10,000
_LONGEST_KEY = 1024  # bytes; S3, Google and Azure alike
_CHUNK = 1024 * 1024


class Found(NamedTuple):
    """A file in the bucket. ``notes``: what was kept with it."""

    size: int
    notes: Mapping[str, str]


class Listed(NamedTuple):
    """A name in a listing. ``tag``: changes with the bytes."""

    path: str
    size: int
    tag: str
    modified: float


class Requests:
    """Coroutines, to be carried out by ``hands``. Raise what `told` makes of the store's errors."""

    def __init__(self, address: Address, hands: Hands) -> None:
        import obstore
        from obstore.exceptions import AlreadyExistsError

        self.address = address
        self.hands = hands
        self._api: Any = obstore
        self._taken = AlreadyExistsError
        self._store: Any = store_of(address)
        self._above = f"{address.prefix}/" if address.prefix else ""
        self._creates = True  # whether the store can put where nothing is, and nowhere else

    def key(self, target: str) -> str:
        """The key of a path below the sink. Raises RefusedError where it is too long for one."""
        key = self._above + target
        if len(key) > _LONGEST_KEY // 4 and len(key.encode()) > _LONGEST_KEY:
            raise RefusedError(
                f"with the sink's prefix its key is longer than {_LONGEST_KEY:,} bytes",
                where=target,
                hint="a shorter prefix, or layout: by_id",
            )
        return key

    @contextlib.contextmanager
    def _explained(self, target: str | None = None) -> Iterator[None]:
        try:
            yield
        except FilehaulError:
            raise
        except Exception as problem:
            raise told(problem, self.address, target) from problem

    # -- writing ---------------------------------------------------------------------------

    async def put(
        self,
        target: str,
        data: bytes | Path,
        size: int,
        notes: Mapping[str, str] | None = None,
        create: bool = False,
    ) -> bool:
        """In one request. ``create``: only where nothing is; False: something is there."""
        key = self.key(target)
        with self._explained(target):
            async with self.hands.turn(size):
                if create and not self._creates and await self._head(key) is not None:
                    return False
                try:
                    await self._put(key, data, notes, create and self._creates)
                except self._taken:
                    return False
                except NotImplementedError:
                    pass
                else:
                    return True
        self._creates = False
        return await self.put(target, data, size, notes, create)

    async def _put(
        self, key: str, data: bytes | Path, notes: Mapping[str, str] | None, create: bool
    ) -> None:
        try:
            await self._api.put_async(
                self._store,
                key,
                data,
                attributes=dict(notes or {}),
                mode="create" if create else "overwrite",
                use_multipart=False,
            )
        except Exception as problem:
            # RFC 9110 15.6.2: what S3's lookalikes say of a condition that they do not know.
            if create and "status code: 501" in str(problem):
                raise NotImplementedError from problem
            raise

    async def upload(self, target: str, path: Path, size: int, notes: Mapping[str, str]) -> None:
        """In parts, several at once; visible when all are there. Replaces what is there."""
        part = max(PART, -(-size // _MOST_PARTS))
        at_once = max(1, min(_PARTS_AT_ONCE, _PARTS_AT_ONCE * PART // part))
        with self._explained(target):
            async with self.hands.turn(part * at_once):
                await self._api.put_async(
                    self._store,
                    self.key(target),
                    path,
                    attributes=dict(notes),
                    use_multipart=True,
                    chunk_size=part,
                    max_concurrency=at_once,
                )

    async def copy(self, old: str, new: str) -> None:
        """Within the store."""
        with self._explained(new):
            async with self.hands.turn():
                await self._api.copy_async(self._store, self.key(old), self.key(new))

    async def delete(self, target: str) -> None:
        """No error where there is none."""
        with self._explained(target), contextlib.suppress(FileNotFoundError):
            async with self.hands.turn():
                await self._api.delete_async(self._store, self.key(target))

    # -- reading ---------------------------------------------------------------------------

    async def find(self, target: str) -> Found | None:
        """What is known of a file without reading it; None: there is none."""
        try:
            key = self.key(target)
        except RefusedError:
            return None
        with self._explained(target):
            async with self.hands.turn():
                return await self._head(key)

    async def _head(self, key: str) -> Found | None:
        try:
            found = await self._api.get_async(self._store, key, options={"head": True})
        except FileNotFoundError:
            return None
        notes = {name.lower(): value for name, value in found.attributes.items()}
        return Found(found.meta["size"], notes)

    async def read(self, target: str) -> AsyncIterator[bytes]:
        """A file's bytes. Raises FileNotFoundError."""
        try:
            with self._explained(target), contextlib.suppress(FileNotFoundError):
                async with self.hands.turn(_CHUNK):
                    found = await self._api.get_async(self._store, self.key(target))
                    async for chunk in found.stream(min_chunk_size=_CHUNK):
                        yield bytes(chunk)
                    return
        except RefusedError:
            pass
        raise FileNotFoundError(target)

    async def hash(
        self, target: str, algorithms: Iterable[str], cancelled: Callable[[], bool]
    ) -> dict[str, str] | None:
        """Checksums by reading all of it; None: there is no such file, or no time for it."""
        hashes = {algorithm: checksums.new(algorithm) for algorithm in algorithms}
        try:
            async for chunk in self.read(target):
                if cancelled():
                    return None
                for digest in hashes.values():
                    digest.update(chunk)
        except FileNotFoundError:
            return None
        return {algorithm: digest.hexdigest() for algorithm, digest in hashes.items()}

    async def first(self) -> list[Listed]:
        """The first `PAGE` names, or all if they are fewer."""
        async for page in self.pages():
            return page
        return []

    async def pages(self, below: str = "") -> AsyncIterator[list[Listed]]:
        """All names below the prefix, and below a folder in it; only the last page is short."""
        where = (self._above + below).strip("/")
        with self._explained():
            listing = self._api.list(self._store, where or None, chunk_size=PAGE)
            async for page in listing:
                yield [
                    Listed(
                        one["path"][len(self._above) :],
                        one["size"],
                        one["e_tag"] or str(one["last_modified"]),
                        one["last_modified"].timestamp(),
                    )
                    for one in page
                ]
