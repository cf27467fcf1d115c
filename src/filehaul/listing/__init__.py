"""What lists a resource: page by page, and with the proof that nothing is missing."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

from ..config import Resource
from ..config.model import Client
from ..http import Http
from ..models import Page
from .changes import Changes, Netted
from .flat import Listing
from .questions import request, with_params, with_values
from .tree import KnownFolders, Tree
from .walk import Walk

__all__ = [
    "Changes",
    "KnownFolders",
    "Lister",
    "Listing",
    "Netted",
    "Tree",
    "Walk",
    "feed_lister",
    "feed_of",
    "full_lister",
    "how_known",
    "lister",
    "request",
    "unlike_total",
    "with_params",
    "with_values",
]


class Lister(Protocol):
    """One pass over the vendor, of whatever kind. Iterate it once; errors of the vendor's raise.

    ``pages``, ``rows``: what came. After the end ``doubt``: why it may not be whole (None: nothing
    says so); ``how``: how it knows that it is; ``overlaps``: whether rows that shifted underneath
    would have been seen, or could not shift (False: what is missing once is only suspected);
    ``total``: the vendor's own number of rows, as it said last, None where it gives none;
    ``largest_total``: the largest that it said.
    """

    @property
    def pages(self) -> int:
        """Pages that came."""

    @property
    def rows(self) -> int:
        """Records that came."""

    @property
    def doubt(self) -> str | None:
        """Why it may not be whole."""

    @property
    def how(self) -> str:
        """How it knows that it is whole."""

    @property
    def total(self) -> int | None:
        """The vendor's own number of rows, as it said last."""

    @property
    def largest_total(self) -> int | None:
        """The largest that it said."""

    @property
    def overlaps(self) -> bool:
        """Whether rows that shifted underneath would have been seen, or could not shift."""

    def __iter__(self) -> Iterator[Page]:
        """The pages, in an order that does not depend on how fast they come."""


def full_lister(
    resource: Resource, client: Client, http: Http, *, prove: bool = False
) -> Listing | Walk:
    """All records as they come: folder by folder where there is ``walk``, else page by page.

    ``prove``: it must be able to say that nothing is missing.
    """
    made = Listing if resource.walk is None else Walk
    return made(resource, client, http, prove=prove)


def lister(resource: Resource, client: Client, http: Http, *, prove: bool = False) -> Lister:
    """The same, where records that tell of deletions are told apart from those of files."""

    def plain(_everything: bool = True) -> Lister:
        full = full_lister(resource, client, http, prove=prove)
        return Netted(resource, full) if resource.deleted else full

    return plain() if resource.tree is None else Tree(resource, client, http, plain)


def feed_lister(
    resource: Resource,
    client: Client,
    http: Http,
    token: str | int | None,
    *,
    prove: bool = False,
    known: KnownFolders | None = None,
) -> Changes | Tree:
    """What a resource's feed tells since this token; everything, where there is none. ``known``:
    the folders that earlier listings told of; without them a resource with ``tree`` lists all.
    """

    def since(since: str | int | None) -> Changes:
        full = full_lister(resource, client, http, prove=prove)
        return Changes(resource, client, http, full, since)

    if resource.tree is None:
        return since(token)

    def make(everything: bool) -> Changes:
        return since(None if everything or known is None else token)

    return Tree(resource, client, http, make, known)


def feed_of(listing: Lister) -> Changes | None:
    """The change feed that was asked; None: everything was listed, and there is no feed."""
    inner = listing.listing if isinstance(listing, Tree) else listing
    return inner if isinstance(inner, Changes) else None


def unlike_total(listing: Lister, unique: int) -> str | None:
    """Why a full listing with so many unique keys is not whole; None: the vendor's total says no
    such thing. Files that go while others are listed make it smaller: any that it said will do.
    """
    total, largest = listing.total, listing.largest_total
    if total is None or largest is None or total <= unique <= largest:
        return None
    why = f"the vendor's own total is {total:,}, and {unique:,} unique keys came"
    return why if unique < total else f"{why}; if it counts something else: total_path: null"


def how_known(listing: Lister, unique: int) -> str:
    """How a listing knows that it is whole, for table ``listings``."""
    told = f"{listing.how}; {unique:,} unique keys"
    if listing.total is not None:
        told += f", the vendor's own total is {listing.total:,}"
    return told
