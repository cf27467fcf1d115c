"""The fake vendor: a file-storage API on a real loopback socket, for tests of its clients."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from filehaul.testing.account import Account
from filehaul.testing.answers import Answer, RecordedRequest, problem
from filehaul.testing.changes import ChangeLog
from filehaul.testing.connection import Traffic
from filehaul.testing.faults import Fault
from filehaul.testing.files import Entry, FakeFile, RecordShape
from filehaul.testing.folder import scan
from filehaul.testing.generated import Generated
from filehaul.testing.grants import Client, Grants
from filehaul.testing.journal import Journal
from filehaul.testing.options import OptionArguments, Options
from filehaul.testing.own_files import NoFiles, OwnFiles
from filehaul.testing.plays import MakePlay, play_of
from filehaul.testing.routes import Routes
from filehaul.testing.scripts import Script, Scripts
from filehaul.testing.server import Server, listen, origin_of
from filehaul.testing.shelf import Shelf
from filehaul.testing.stage import Played
from filehaul.testing.tree import GeneratedTree, PathTree

if TYPE_CHECKING:
    from types import TracebackType

    from typing_extensions import Self, Unpack

Scan = Callable[[Mapping[str, Entry]], dict[str, Entry]]


class FakeVendor(OwnFiles):
    """A vendor with these files, on ``127.0.0.1``; a context manager.

    It answers from ``with`` (or ``start()``) on, in a thread of its own, until the end of the
    ``with`` (or ``stop()``); started again it has the same port. Everything here may be called
    from any thread, also while it answers. Options: :class:`filehaul.testing.Options`.

    Routes: ``POST /oauth/token``; ``GET /v1/files?offset=&limit=&modified_since=``;
    ``GET /v1/files/{id}`` and below it ``/content`` (Range, If-Range, ETag), ``/link``
    (``{"location": signed URL}``, also in header ``Location``; also by ``POST``, and by
    ``POST /v1/files/link`` with ``{"file_id": …}``), ``/redirect`` (302 to the signed URL),
    ``/export?mimeType=`` (of native documents); ``GET /signed/{id}``, which takes no Authorization
    header and refuses one. ``modified_since`` keeps files modified
    at that time or later, and none whose ``modified_at`` is null.
    ``GET /v1/folders/{id}/items?offset=&limit=``, the files (``type: file``, no path) and folders
    (``type: folder``) directly in a folder, from root ``0`` down, as the files' paths have them.
    ``GET /v1/changes/start`` and ``GET /v1/changes?token=&limit=`` are a change feed of what `put`,
    `trash` and `remove` do (:mod:`filehaul.testing.changes`). ``grants`` gives refresh tokens out,
    and ends sign-ins.

    ``options`` are the options in force. ``traffic`` counts connections (made, open now, most at
    once) and requests in flight. ``errors`` holds exceptions of the vendor itself or of a hook:
    the client got 500, and the end of the ``with`` raises.

    >>> with FakeVendor([FakeFile("1", "a.txt", content=b"hello")]) as vendor:
    ...     vendor.script("/v1/files", Fault.status(503), Fault.status(429, retry_after="1"))
    ...     ...  # the client under test, with vendor.base_url and vendor.token_url
    ...     vendor.assert_all_fired()
    ...     assert vendor.count("/v1/files") == 3
    """

    _routes: Routes | Played
    grants: Grants

    def __init__(self, files: Iterable[FakeFile] = (), **options: Unpack[OptionArguments]) -> None:
        self._set_up(Options(**options), None, (0, 0, 0))
        self._shelf.put_all(files)

    @classmethod
    def of_folder(cls, folder: str | Path, **options: Unpack[OptionArguments]) -> Self:
        """A vendor whose files are those below a folder on disk.

        The folder is looked at again when a listing begins (offset 0), so edits are seen. Ids are
        made from the path below the folder. Contents are read while they are sent; checksums are
        worked out once for each (size, times of the file).
        """
        if not Path(folder).is_dir():
            raise NotADirectoryError(str(folder))
        vendor = cls.__new__(cls)
        vendor._set_up(Options(**options), partial(scan, Path(folder).resolve()), (0, 0, 0))
        return vendor

    @classmethod
    def of_records(
        cls, n: int, size: int = 0, *, null_every: int = 0, **options: Unpack[OptionArguments]
    ) -> Self:
        """A vendor of n generated files ``rec-0`` … of ``size`` bytes each.

        ``modified_at`` is 2024-01-01 UTC plus the number in seconds; null for every
        ``null_every``-th (0: for none). A million costs no memory until asked for.
        """
        vendor = cls.__new__(cls)
        vendor._set_up(Options(**options), None, (n, size, null_every))
        return vendor

    @classmethod
    def of_tree(
        cls,
        folders: int,
        files: int,
        size: int = 0,
        *,
        fan_out: int = 10,
        **options: Unpack[OptionArguments],
    ) -> Self:
        """A vendor of generated folders ``dir-1`` …, each with so many files of ``size`` bytes.

        Each folder, and the root ``0``, holds up to ``fan_out`` folders. Ten thousand of them cost
        no memory until asked for.
        """
        vendor = cls.__new__(cls)
        made = (folders * files, size, 0)
        vendor._set_up(Options(**options), None, made, (folders, files, fan_out))
        return vendor

    @classmethod
    def playing(
        cls,
        play: str | MakePlay,
        account: Account,
        settings: Mapping[str, Any] | None = None,
        **options: Unpack[OptionArguments],
    ) -> Self:
        """A vendor with the API of another one, by name or as a class of your own, over an account.

        ``settings`` are the play's own (:mod:`filehaul.testing.plays`). What it has is changed by
        ``account``; the methods here that put and remove files are not its. Of the options,
        ``total``, ``selector``, ``record_shape`` and ``api_prefix`` mean nothing to a play.
        """
        vendor = cls.__new__(cls)
        vendor._begin(Options(**options))
        make = play_of(play) if isinstance(play, str) else play
        grants, origin = vendor.grants, vendor._origin
        vendor._routes = Played(make, account, dict(settings or {}), vendor.options, grants, origin)
        vendor._shelf = vendor._paths = vendor._changes = NoFiles()
        return vendor

    def _set_up(
        self,
        options: Options,
        scanned: Scan | None,
        made: tuple[int, int, int],
        tree: tuple[int, int, int] | None = None,
    ) -> None:
        self._begin(options)
        shape = RecordShape(
            self.content_url, options.checksum, bool(options.etag), options.record_shape
        )
        self._shelf = Shelf(shape, Generated(shape, *made), scanned)
        self._paths = PathTree(self._shelf)
        generated = tree and GeneratedTree(self._shelf, *tree)
        shown = generated or self._paths
        self._changes = ChangeLog()
        self._routes = Routes(options, self._shelf, shown, self._changes, self.grants, self._origin)

    def _begin(self, options: Options) -> None:
        self.options = options
        self.errors: list[Exception] = []
        self.traffic = Traffic()
        self._ports = [options.port, 0] if options.second_origin else [options.port]
        self._server: Server | None = None
        client = Client(options.client_id, options.client_secret, options.token_style)
        self.grants = Grants(client, options.token_ttl)
        self._scripts = Scripts()
        self._journal = Journal(options.log)

    # Begin and end -----------------------------------------------------------------------------

    def start(self) -> Self:
        """Listen and answer; RuntimeError if it does already."""
        if self._server:
            msg = "the fake vendor has been started already"
            raise RuntimeError(msg)
        sockets = [listen(port) for port in self._ports]
        self._ports = [wire.getsockname()[1] for wire in sockets]
        self._server = Server(self.options, self._answer, sockets, self.traffic)
        self._server.start()
        return self

    def stop(self) -> None:
        """Close the ports and all connections. Log and counts stay. Twice is as good as once."""
        server, self._server = self._server, None
        if server:
            server.stop()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop; RuntimeError if the vendor itself (or a hook) failed and nothing else did."""
        self.stop()
        if kind is None and self.errors:
            msg = f"the fake vendor failed {len(self.errors)} times; the first: {self.errors[0]!r}"
            raise RuntimeError(msg) from self.errors[0]

    @property
    def play(self) -> Any:
        """What it plays, with the settings that may be changed while it answers; TypeError."""
        if not isinstance(self._routes, Played):
            msg = "this vendor plays none but itself"
            raise TypeError(msg)
        return self._routes.play

    # Where it is, who may come in --------------------------------------------------------------

    @property
    def base_url(self) -> str:
        """``http://127.0.0.1:PORT``, without ``/v1``; RuntimeError before the first start."""
        return self._origin(0)

    @property
    def other_url(self) -> str:
        """The second origin, if the vendor has one; else ``base_url``."""
        return self._origin(-1)

    @property
    def token_url(self) -> str:
        """The token endpoint."""
        return self.base_url + self._routes.token_path

    @property
    def client_id(self) -> str:
        """Who may have a token."""
        return self.options.client_id

    @property
    def client_secret(self) -> str:
        """The secret of ``client_id``."""
        return self.options.client_secret

    def content_url(self, file_id: str) -> str:
        """Where a file's bytes are, as the record's ``download_url`` has it."""
        segment = quote(file_id, safe="")
        return f"{self.base_url}{self.options.api_prefix}/files/{segment}/content"

    def signed_url(self, file_id: str) -> str:
        """A URL to a file's bytes that needs no token, at ``other_url``."""
        return self._routes.links.url(file_id)

    def token(self) -> str:
        """A new good token, without a request."""
        return self.grants.issue()

    def expire_tokens(self) -> None:
        """From now on, each token given out so far is answered with 401."""
        self.grants.expire_all()

    def expire_links(self) -> None:
        """From now on, each signed URL given out so far is answered with 403."""
        self._routes.links.expire()

    def expire_changes(self) -> None:
        """From now on, each change token given out so far is refused: with 410, or as the vendor
        that is played does.
        """
        self._routes.expire("changes")

    def expire_pages(self) -> None:
        """From now on, a vendor that is played refuses each page token given out so far."""
        self._routes.expire("page")

    # What goes wrong ---------------------------------------------------------------------------

    def script(self, pattern: str, *faults: Fault, times: float = 1) -> None:
        """Let requests that match meet these faults, one each, in order; then all is normal.

        ``pattern`` is a glob (``fnmatch``) over the path as it was sent, such as
        ``"/v1/files/*/content"``; with a method before it, one over ``METHOD path?query``, such as
        ``"GET /v1/files?offset=100*"``; ``"GET /v1/files"`` stands for any query. ``times`` plays
        the row of faults so often, ``Fault.always`` for ever. Of several scripts for one request
        the oldest with a fault left goes first. A fault that can do no harm to a request (see
        :mod:`filehaul.testing.faults`) waits for the next one.
        """
        self._scripts.add(Script(pattern, faults, times))

    def clear_scripts(self) -> None:
        """From now on all is normal; faults that have not fired are forgotten."""
        self._scripts.clear()

    @property
    def unfired(self) -> list[Fault]:
        """The scripted faults that no request has met."""
        return [fault for _, fault in self._scripts.unfired]

    def assert_all_fired(self) -> None:
        """AssertionError, naming them, if there are scripted faults that no request has met."""
        left = self._scripts.unfired
        if left:
            named = ", ".join(f"{fault} for {pattern!r}" for pattern, fault in left)
            msg = f"faults that have not fired: {named}"
            raise AssertionError(msg)

    # What it saw -------------------------------------------------------------------------------

    @property
    def requests(self) -> list[RecordedRequest]:
        """The last requests (as many as the option ``log`` says), oldest first."""
        return self._journal.all()

    @property
    def request_count(self) -> int:
        """All requests since the start or :meth:`clear_requests`, kept in the log or not."""
        return self._journal.total

    def count(self, pattern: str, method: str | None = None) -> int:
        """How many requests match a pattern, which is as in :meth:`script`.

        RuntimeError if the log does not hold all requests.
        """
        return self._journal.count(pattern, method)

    def clear_requests(self) -> None:
        """Empty the log and begin all counts, ``max_concurrent`` among them, anew."""
        self._journal.clear()
        self.grants.requests = self.grants.issued = 0
        self.traffic.forget()

    @property
    def token_requests(self) -> int:
        """Requests to the token endpoint, whatever they were answered."""
        return self.grants.requests

    @property
    def tokens_issued(self) -> int:
        """Tokens given out, by the endpoint or by :meth:`token`."""
        return self.grants.issued

    @property
    def max_concurrent(self) -> int:
        """The most requests in flight at one moment: received whole, and not yet answered whole.

        Without ``latency`` an answer often leaves before the next request is read.
        """
        return self.traffic.max_in_flight

    # Inside ------------------------------------------------------------------------------------

    def _origin(self, index: int) -> str:
        port = self._ports[index]
        if port == 0:
            msg = "the fake vendor has no port yet: start it first"
            raise RuntimeError(msg)
        return origin_of(port)

    def _answer(self, request: RecordedRequest) -> Answer:
        try:
            if request.path == self._routes.token_path:
                self.grants.requests += 1
            answer = self._scripts.answer(request, self._routes.answer)
        except Exception as error:  # a hook's, or our own: the client gets 500, the test is told
            self.errors.append(error)
            answer = problem(500, "fake_vendor_failed", repr(error))
        request.status = answer.status
        self._journal.add(request)
        return answer
