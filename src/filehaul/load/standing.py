"""Where the destination stands: what earlier runs left behind, and whether their rows are there.

A package of ours that a kill broke off is taken back: what it brought to tables that are only
appended to is deleted, and the ledger, which knows all its rows, makes them part of the next one.
So no row comes twice, whatever the moment. A destination without SQL cannot delete: there dlt
finishes the package, which overwrites its own files.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..errors import ConfigError
from ..ledger import Ledger
from . import tables
from .explain import explained
from .merging import hard_of, how_of, refuse
from .package import SOURCE, source_name

if TYPE_CHECKING:
    from .destination import Destination

_ASKED = 500  # values in one statement


def settle(destination: Destination, ledger: Ledger) -> list[str]:
    """Make good what an earlier run left, and compare. Returns what was noticed, in words."""
    with explained(destination.config):
        refuse(destination.config, destination.pipeline.destination)
    with destination.connected():
        _belongs_to_us(destination)
        noticed, start_over = _settle(destination, ledger)
    if start_over:
        destination.start_over()
    ledger.set_meta("target", destination.target)
    return noticed


def _belongs_to_us(destination: Destination) -> None:
    """Where nothing can be merged, our own tables are written anew each time, and what another
    connection has in them would be gone.
    """
    if destination.merging.merges or not destination.answers_sql:
        return
    own = source_name(destination.config.name)
    for (name,) in destination.sql("SELECT DISTINCT schema_name FROM {table}") or ():
        if name != own and name.startswith(SOURCE):
            raise ConfigError(
                f"the dataset {destination.config.dataset} belongs to the connection"
                f" {name.removeprefix(SOURCE)}",
                where=f"dataset in {destination.config.source}",
                hint="name another dataset: this destination cannot merge two connections' rows",
            )


def _settle(destination: Destination, ledger: Ledger) -> tuple[list[str], bool]:
    noticed: list[str] = []
    if ledger.meta("target") not in (None, destination.target):
        noticed.append("another destination or dataset: everything is loaded again")
        _take_notices_back(destination, ledger)
        ledger.packages.forget()
    left, start_over = _pending(destination, ledger)
    if not destination.answers_sql:  # then dlt's word must do: nothing of it is pending any more
        for load_id in ledger.packages.open():
            ledger.packages.confirm(load_id)
        return [*noticed, *left], start_over
    for load_id in ledger.packages.open():
        if has_package(destination, load_id):
            ledger.packages.confirm(load_id)
        else:
            _take_back(destination, load_id)
            ledger.packages.give_up(load_id)
    lost, dropped = _compare(destination, ledger)
    return [*noticed, *left, *lost], start_over or dropped


def _pending(destination: Destination, ledger: Ledger) -> tuple[list[str], bool]:
    """Packages that dlt has and the destination has not. Whether dlt must start over."""
    pipeline = destination.pipeline
    if not pipeline.has_pending_data:
        return [], False
    waiting = [*pipeline.list_extracted_load_packages(), *pipeline.list_normalized_load_packages()]
    own = source_name(destination.config.name)
    ours = all(pipeline.get_load_package_info(one).schema_name == own for one in waiting)
    if ours and destination.speaks_sql:
        for load_id in waiting:
            if load_id not in ledger.packages.open() and not has_package(destination, load_id):
                _take_back(destination, load_id)
        return ["a load that was broken off is done again"], True
    destination.finish_pending()
    return ["loaded what an interrupted run had left"], False


def _take_back(destination: Destination, load_id: str) -> None:
    """Delete what a package brought to tables where it would come twice."""
    if not destination.speaks_sql:
        return
    for table in _appended(destination):
        destination.sql("DELETE FROM {table} WHERE _dlt_load_id = %s", load_id, table=table)


def _take_notices_back(destination: Destination, ledger: Ledger) -> None:
    """The ledger's rows of tables that are appended to are loaded once more: not for a second
    time, where this destination has had them before.
    """
    if not destination.speaks_sql:
        return
    for table in tables.NOTICES:
        ids = ledger.packages.listings_of(table)
        for start in range(0, len(ids), _ASKED):
            some = ids[start : start + _ASKED]
            marks = ", ".join(["%s"] * len(some))
            query = f"DELETE FROM {{table}} WHERE connection = %s AND listing_id IN ({marks})"
            if destination.sql(query, destination.config.name, *some, table=table) is None:
                break


def _appended(destination: Destination) -> list[str]:
    resources = destination.config.resources
    return [
        *tables.NOTICES,
        *(
            destination.naming(resource.name)
            for resource in resources
            if how_of(resource) in ("append", "replace")
        ),
    ]


def _compare(destination: Destination, ledger: Ledger) -> tuple[list[str], bool]:
    """A dataset or table that was dropped, or has lost rows, is filled again. Whether dlt must
    start over, to see that a table is not there.
    """
    book = ledger.packages
    last = book.last_loaded(destination.target)
    if last is None:
        return [], False
    if not has_package(destination, last):
        book.forget()
        return ["the dataset is gone or another one: everything is loaded again"], True
    lost: dict[str, bool] = {}  # table: whether all of it is gone
    for resource in destination.config.resources:
        name = resource.name
        believed = book.loaded_rows(name, hard_of(resource))
        if how_of(resource) in ("append", "replace"):
            believed = 0
        # Of rows that the ledger does not count, only that there was a table is known.
        if believed or ledger.watermarks.has(name):
            found = _count(destination, destination.naming(name))
            if found is None or found < believed:
                book.forget(name)
                lost[resource.name] = found is None
    for table in tables.TABLES:
        believed = book.rows_of(table)
        found = _count(destination, table, destination.config.name) if believed else 0
        # Of a table that is appended to, someone may have tidied away the old rows.
        if found is None or (found < believed and (table in tables.KEYS or found == 0)):
            book.forget_table(table)
            lost[table] = found is None
    dropped = any(lost.values())
    if dropped:
        # dlt looks no further than at the schema's version to know that its tables are there.
        destination.sql(
            "DELETE FROM {table} WHERE schema_name = %s",
            source_name(destination.config.name),
            table="_dlt_version",
        )
    return [f"table {table} has lost rows: it is loaded again" for table in lost], dropped


def has_package(destination: Destination, load_id: str) -> bool:
    """Whether the destination has this package, whole."""
    rows = destination.sql(
        "SELECT count(*) FROM {table} WHERE load_id = %s AND status = 0", load_id
    )
    return bool(rows and rows[0][0])


def _count(destination: Destination, table: str, connection: str | None = None) -> int | None:
    """A table's rows (of one connection); None: there is no such table."""
    if connection is None:
        rows = destination.sql("SELECT count(*) FROM {table}", table=table)
    else:
        rows = destination.sql(
            "SELECT count(*) FROM {table} WHERE connection = %s", connection, table=table
        )
    return None if rows is None else int(rows[0][0])
