"""What several test modules start: the destinations, and a vendor of pages."""

from __future__ import annotations

import hashlib
import signal
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from destinations import Place, place
from hauling import NoDestination
from memory_destination import Tables, in_place_of_the_destination
from page_vendor import SHARED, Question, vendor_of
from servers import (
    OutOfReach,
    Store,
    azurite,
    google_store,
    moto_store,
    postgres,
    weed_store,
)

# How long an example takes says more of the machine than of us: CI's is shared.
settings.register_profile("shared", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("shared")

# Whoever is started in the background has SIGINT ignored, and so would the tests that send it.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

STORES = {
    "seaweedfs": weed_store,
    "moto": moto_store,
    "azurite": azurite,
    "google": google_store,
}


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


@pytest.fixture(scope="session")
def stores(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], Store]]:
    """Each store for buckets, started when the first test asks."""
    with ExitStack() as stack:

        @cache
        def started(name: str) -> Store:
            try:
                return stack.enter_context(STORES[name](tmp_path_factory.mktemp(name)))
            except OutOfReach as why:
                pytest.skip(str(why))

        yield started


@pytest.fixture
def store(request: pytest.FixtureRequest, stores: Callable[[str], Store]) -> Store:
    """The store that the test is run for."""
    return stores(request.param)


@pytest.fixture
def own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of the test's own, and the working folder."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def inner_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder inside another that must stay as it is."""
    home = tmp_path / "outside" / "home"
    home.mkdir(parents=True)
    (tmp_path / "outside" / "x").write_text("not ours")
    monkeypatch.chdir(home)
    return home


@pytest.fixture
def no_destination(monkeypatch: pytest.MonkeyPatch) -> None:
    """Syncs load nothing: rows stay in the ledger."""
    monkeypatch.setattr("filehaul.spine.Destination", NoDestination)


@pytest.fixture
def prefix(own_folder: Path, no_destination: None) -> str:
    """A prefix, and a folder for the config, of the test's own; no destination."""
    return f"lake/{hashlib.sha256(str(own_folder).encode()).hexdigest()[:10]}"


@pytest.fixture
def quick() -> Iterator[None]:
    """A test's syncs spend most of their time in dlt: these do without it, and what they load
    stands in ``acme.duckdb`` all the same. For tests of what is listed and what becomes of it.
    """
    with in_place_of_the_destination(Tables(shown=True)):
        yield


@pytest.fixture
def rows() -> Iterator[Callable[[], dict[str, dict[str, Any]]]]:
    """Syncs load into memory. Gives the catalogue of resource ``files`` by the last known path of
    each row; of what is gone with a + before it.
    """
    tables = Tables()

    def by_path() -> dict[str, dict[str, Any]]:
        return {
            ("+" if row["deleted_at"] else "") + row["path"]: row for row in tables.rows["files"]
        }

    with in_place_of_the_destination(tables):
        yield by_path


@pytest.fixture(scope="module")
def any_vendor() -> Any:
    """One vendor for many examples; ``SHARED[0]`` answers."""

    def answering(question: Question) -> Any:
        return SHARED[0](question)

    with vendor_of(answering) as vendor:
        yield vendor
