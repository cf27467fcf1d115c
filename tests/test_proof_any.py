"""The proof against rows that come, go and move at random, with any page size and look-ahead."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from page_vendor import SHARED, PageVendor, numbers
from test_proof import Shifting, run

CHANGES = st.lists(
    st.tuples(st.integers(2, 25), st.sampled_from(["delete", "insert", "cut"]), st.integers(0, 99)),
    max_size=6,
)


@settings(max_examples=150, deadline=None)
@given(
    count=st.integers(0, 80),
    limit=st.integers(2, 15),
    cap=st.integers(1, 20),
    total=st.sampled_from(["none", "true", "first"]),
    concurrency=st.integers(1, 6),
    changes=CHANGES,
)
def test_rows_that_were_there_throughout(
    any_vendor: PageVendor, count, limit, cap, total, concurrency, changes
):
    """Rows come and go anywhere while they are listed, with any page size and look-ahead: what was
    there throughout is in the result, or the listing says that it may not be whole; no row comes
    twice, and rows that only go never cost it its proof, if one page is asked for after another."""
    rows = Shifting(numbers(count), cap, total)
    new = iter(range(1000, 2000))

    def change(what: str, at: int) -> Callable[[list[Any]], None]:
        def apply(rows: list[Any]) -> None:
            place = at * (len(rows) + 1) // 100
            if what == "insert":
                rows.insert(place, {"file_id": next(new)})
            else:
                del rows[place : place + (1 if what == "delete" else 9)]

        return apply

    for when, what, at in changes:
        rows.before.setdefault(when, []).append(change(what, at))
    SHARED[0] = rows
    paginator = {"type": "offset", "limit": limit}
    ids, listing = run(any_vendor.url, paginator, concurrency=concurrency)
    throughout = {row["file_id"] for row in rows.rows if row["file_id"] < 1000}
    if listing.doubt is None and listing.overlaps:
        assert throughout <= set(ids)
        # Read ahead, a row that new ones push back may come twice; whoever keys them merges it.
        assert concurrency > 1 or len(ids) == len(set(ids))
    only_go = not any(what == "insert" for _, what, _ in changes)
    if only_go and total == "none" and concurrency == 1 and min(cap, limit) > 1:
        assert (listing.doubt, listing.overlaps) == (None, True)


@settings(max_examples=100, deadline=None)
@given(
    count=st.integers(10, 80),
    limit=st.integers(2, 15),
    concurrency=st.integers(1, 6),
    when=st.integers(2, 12),
    places=st.tuples(st.integers(0, 99), st.integers(0, 99)),
)
def test_a_row_that_moves(any_vendor: PageVendor, count, limit, concurrency, when, places):
    """One row changes its place while the rows are listed: it is in the result, or the listing
    does not claim that nothing could have shifted unseen."""
    rows = Shifting(numbers(count))

    def move(rows: list[Any]) -> None:
        row = rows.pop(places[0] * count // 100)
        rows.insert(places[1] * count // 100, row)

    rows.before[when] = [move]
    SHARED[0] = rows
    ids, listing = run(any_vendor.url, {"type": "offset", "limit": limit}, concurrency=concurrency)
    if listing.doubt is None and listing.overlaps:
        assert set(ids) == set(range(count))
