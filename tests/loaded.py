"""Whether the destination of the tests of load is whole."""

from __future__ import annotations

from typing import Any

from hauling import rows_of

OURS = ("listings", "transfers", "transfer_errors", "rejected")


def whole(dataset: str = "acme_data", database: str = "acme.duckdb") -> None:
    """Every table has what it should have, once, from packages that are confirmed.

    The vendor has files id-a, id-b, id-c and odd (whose time is none), no (which is 404), and one
    record without a key.
    """

    def ask(query: str) -> list[tuple[Any, ...]]:
        return rows_of(query.format(d=dataset), database)

    assert ask("SELECT count(*), count(DISTINCT file_id) FROM {d}.files") == [(5, 5)]
    found = ask("SELECT file_id, status FROM {d}.transfers ORDER BY 1")
    assert [one for one, _ in found] == ["id-a", "id-b", "id-c", "no", "odd"]
    assert dict(found)["no"] in ("failed", "parked")
    assert {status for one, status in found if one != "no"} == {"done"}
    keys = "count(*), count(DISTINCT (listing_id, page, key, field))"
    [(rejected, different)] = ask(f"SELECT {keys} FROM {{d}}.rejected")
    assert rejected == different
    assert ask("SELECT count(*) FROM {d}.rejected WHERE key = 'odd'") == [(1,)]
    assert ask("SELECT count(*) FROM {d}.transfer_errors") == [(1,)]
    [(listed, different, keyless)] = ask(
        "SELECT count(*), count(DISTINCT listing_id), (SELECT count(*) FROM {d}.rejected"
        " WHERE field = 'file_id') FROM {d}.listings"
    )
    assert listed == different == keyless
    for table in ("files", *OURS):
        stray = ask(
            f"SELECT count(*) FROM {{d}}.{table} WHERE _dlt_load_id IS NULL OR"
            " _dlt_load_id NOT IN (SELECT load_id FROM {d}._dlt_loads WHERE status = 0)"
        )
        assert stray == [(0,)], table
    assert ask("SELECT count(*) = count(DISTINCT load_id) FROM {d}._dlt_loads") == [(True,)]
