"""A config that says another thing of files than at the last run: what the ledger noted of them
by the old one is noted anew, and what failed under it is asked again.
"""

from __future__ import annotations

import hashlib

from .config import Config, Resource
from .ledger import Ledger

_NOT_THE_BYTES = {"layout", "ranges", "select", "verify"}


def amend(ledger: Ledger, config: Config) -> list[str]:
    """Compare the config with that of the last run. Returns what a person should know, in words.

    Called before anything is listed, and after the destination has been held against the ledger:
    a row that is noted anew must not count as one that is on its way there.
    """
    warnings = []
    for resource in config.resources:
        _begin_anew(ledger, config, resource)
        name, digest = f"content:{resource.name}", digest_of(config, resource)
        before = ledger.meta(name)
        if before == digest:
            continue
        with ledger.transaction():
            if digest:
                ledger.transfers.ask_again(resource.name)
                ledger.files.note_again(resource.name)
                warnings += _list_again(ledger, resource, before)
            ledger.set_meta(name, digest)
    return warnings


def _begin_anew(ledger: Ledger, config: Config, resource: Resource) -> None:
    """Bytes that came from another address may be another thing, though the record is the same:
    nobody goes on with them.
    """
    content = resource.content and resource.content.model_dump(exclude=_NOT_THE_BYTES)
    digest = hashlib.sha256(f"{config.client.base_url}\0{content!r}".encode()).hexdigest()
    name = f"bytes:{resource.name}"
    if ledger.meta(name) != digest:
        with ledger.transaction():
            ledger.partials.drop(resource.name)
            ledger.set_meta(name, digest)


def digest_of(config: Config, resource: Resource) -> str:
    """Changes when the bytes' addresses, paths or names may; empty where none are fetched."""
    if resource.content is None:
        return ""
    content = resource.content.model_dump(exclude={"ranges"})  # its repr keeps headers to itself
    words = (config.client.base_url, content, resource.fields, resource.walk, resource.tree)
    return hashlib.sha256("\0".join(map(repr, words)).encode()).hexdigest()


def _list_again(ledger: Ledger, resource: Resource, before: str | None) -> list[str]:
    """What a watermark keeps from being listed is listed once more: else it would stay as it was
    noted. Where rows are appended, only if the ledger knows which of them are there.
    """
    if before or resource.sync != "incremental_append":
        ledger.watermarks.forget(resource.name)
    elif ledger.watermarks.has(resource.name):
        return [
            f"{resource.name}: files that were listed before there was content are fetched by"
            " --full-refresh only, which writes the table anew"
        ]
    return []
