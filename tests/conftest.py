"""What several test modules start: the destinations, and a vendor of pages."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from destinations import Place, place
from page_vendor import SHARED, Question, vendor_of
from servers import OutOfReach, postgres


@pytest.fixture(scope="session")
def server() -> Iterator[Callable[[], Any]]:
    """PostgreSQL, started when the first test asks; without it that test is skipped."""
    with ExitStack() as stack:

        @cache
        def started() -> Any:
            try:
                return stack.enter_context(postgres())
            except OutOfReach as why:
                pytest.skip(str(why))

        yield started


@pytest.fixture
def there(
    request: pytest.FixtureRequest,
    server: Callable[[], Any],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Place]:
    """The destination that the test is run for, empty, beside a config in a folder of its own."""
    monkeypatch.chdir(tmp_path)
    with place(request.param, server) as one:
        yield one


@pytest.fixture(scope="module")
def any_vendor() -> Any:
    """One vendor for many examples; ``SHARED[0]`` answers."""

    def answering(question: Question) -> Any:
        return SHARED[0](question)

    with vendor_of(answering) as vendor:
        yield vendor
