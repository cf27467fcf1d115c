"""The fake vendor as a process of its own: ``python -m filehaul.testing --serve FOLDER``.

Prints one JSON line with ``base_url``, ``other_url``, ``token_url``, ``client_id`` and
``client_secret`` once it listens. Ends with exit code 0 on SIGTERM or SIGINT; with
``--with-parent`` also when its stdin is closed.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import select
import signal
import sys
from pathlib import Path
from typing import get_args

from filehaul.testing.options import HeaderCase, OptionArguments, TokenStyle
from filehaul.testing.vendor import FakeVendor

STDIN = 0


def arguments() -> argparse.ArgumentParser:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="python -m filehaul.testing",
        description="A fake file-storage vendor on 127.0.0.1, for tests and trials.",
    )
    files = parser.add_mutually_exclusive_group(required=True)
    files.add_argument("--serve", metavar="DIR", type=Path, help="serve the files of this folder")
    files.add_argument("--records", metavar="N", type=int, help="serve N generated files")
    parser.add_argument(
        "--changed-every",
        metavar="N",
        type=int,
        default=0,
        help="SIGUSR1 changes every N-th generated record, and the next one changes it back",
    )
    parser.add_argument("--size", type=int, default=0, help="bytes of a generated file")
    parser.add_argument("--port", type=int, default=0, help="0: any free one")
    parser.add_argument("--with-parent", action="store_true", help="end when stdin is closed")
    _add_vendor_options(parser)
    return parser


def _add_vendor_options(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("--no-total", action="store_true", help="pages do not tell how many files there are")
    add("--total", metavar="PATH", default="total", help="where they do, dotted")
    add("--selector", default="files", help="where the rows of a page are, dotted")
    add("--page-cap", type=int, default=100, help="most rows of a page, whatever limit asks")
    add("--chunked", action="store_true", help="pages are sent without a length")
    add("--no-auth", action="store_true", help="no token is needed")
    add("--token-ttl", metavar="S", type=float, default=3600, help="life of a token, seconds")
    add("--token-style", choices=get_args(TokenStyle), default="post")
    add("--client-id", default="fake-client")
    add("--client-secret", help="left out: random")
    add("--no-checksum", action="store_true", help="no sha256 in the records")
    add("--no-etag", action="store_true")
    add("--no-ranges", action="store_true", help="Range is ignored")
    add("--second-origin", action="store_true", help="signed URLs point to another port")
    add("--latency", metavar="S", type=float, default=0.0, help="seconds before each answer")
    add("--rate-limit", metavar="N", type=float, help="requests per second; more get 429")
    add("--requests-per-connection", metavar="N", type=int)
    add("--header-case", choices=get_args(HeaderCase), default="title")
    add("--api-prefix", default="/v1")


def vendor_of(given: argparse.Namespace) -> FakeVendor:
    """The vendor that the command line asks for, not started; it keeps no log of requests."""
    options: OptionArguments = {
        "total": False if given.no_total or given.selector == "$" else given.total,
        "selector": given.selector,
        "page_cap": given.page_cap,
        "chunked": given.chunked,
        "auth": not given.no_auth,
        "token_ttl": given.token_ttl,
        "token_style": given.token_style,
        "client_id": given.client_id,
        "checksum": not given.no_checksum,
        "etag": not given.no_etag,
        "ranges": not given.no_ranges,
        "second_origin": given.second_origin,
        "latency": given.latency,
        "rate_limit": given.rate_limit,
        "requests_per_connection": given.requests_per_connection,
        "header_case": given.header_case,
        "api_prefix": given.api_prefix,
        "port": given.port,
        "log": False,
    }
    if given.client_secret is not None:
        options["client_secret"] = given.client_secret
    if given.serve is not None:
        return FakeVendor.of_folder(given.serve, **options)
    return FakeVendor.of_records(given.records, given.size, **options)


def main(argv: list[str] | None = None) -> int:
    """Serve until told to end; the exit code."""
    parser = arguments()
    given = parser.parse_args(argv)
    ends, tell = os.pipe()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: os.write(tell, b"!"))
    try:
        vendor = vendor_of(given).start()
    except (OSError, ValueError) as error:
        parser.error(str(error))
    turn = itertools.cycle((given.changed_every, 0))
    signal.signal(signal.SIGUSR1, lambda *_: vendor.change_generated(next(turn)))
    named = ("base_url", "other_url", "token_url", "client_id", "client_secret")
    sys.stdout.write(json.dumps({name: getattr(vendor, name) for name in named}) + "\n")
    sys.stdout.flush()
    _wait([ends, STDIN] if given.with_parent else [ends])
    vendor.stop()
    return 0


def _wait(channels: list[int]) -> None:
    """Until a byte comes from the first channel, or the second one is closed."""
    while True:
        ready, _, _ = select.select(channels, [], [])
        if ready[0] == channels[0] or not os.read(ready[0], 4096):
            return


if __name__ == "__main__":
    sys.exit(main())
