"""How the ledger's notes on files were made: another config makes others of the same records.

Where `content` comes later, or another layout, the vendor's rows stand as they stood, and yet
each file has to be noted anew, by a listing that asks for all of them.
"""

from __future__ import annotations

import hashlib

from .config import Config, Resource
from .ledger import Ledger


def reading(config: Config, resource: Resource) -> str:
    """Changes when the config reads records in another way, or wants their bytes from elsewhere
    or elsewhere in the sink.
    """
    text = f"{config.client.base_url}\0{resource.content!r}\0{resource.fields!r}"
    return hashlib.sha256(text.encode()).hexdigest()


def is_noted(ledger: Ledger, config: Config, resource: Resource) -> bool:
    """Whether all notes on this resource's files were made as this config makes them."""
    return ledger.meta(f"noted:{resource.name}") == reading(config, resource)


def now_noted(ledger: Ledger, config: Config, resource: Resource) -> None:
    """From now on they are."""
    ledger.set_meta(f"noted:{resource.name}", reading(config, resource))
