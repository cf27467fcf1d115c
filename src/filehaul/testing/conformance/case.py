"""What the suite is told of a preset, and what it works out by itself."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from filehaul.config import Config, Resource, load_config
from filehaul.config.asking import ExportAs
from filehaul.config.preset import Capabilities
from filehaul.testing.account import Account, Node
from filehaul.testing.faults import Fault
from filehaul.testing.options import OptionArguments
from filehaul.testing.plays import MakePlay, new_id_of
from filehaul.testing.vendor import FakeVendor

Client = Callable[[FakeVendor], Mapping[str, Any]]
ANY = "application/octet-stream"  # what a document is exported as, where the vendor chooses
PAGE = 3  # records of a page, so that a handful of files has several


def _own_id(_account: Account, node: Node) -> str:
    return node.node_id


@dataclass(frozen=True, kw_only=True)
class Case:
    """A preset, and the play that stands for its vendor.

    ``play``: its name, or a class. ``vendor``: as in a config, or a function of the account that
    gives it. ``client``: keys of the config's ``client`` that lead to the fake vendor
    (``base_url``, ``auth`` …). ``resource``: keys of the config's that override those of the
    preset's resource. ``listing``, ``content``, ``feed``: which requests are for pages, for bytes,
    and for changes, as patterns of `FakeVendor.script`; ``feed`` may be the same as ``listing``.
    ``throttled``: the vendor's ways to say that there were too many requests. ``settings``: of the
    play. ``options``: of the fake vendor; left out, ``page_cap`` is 3. ``drive``: makes the drive
    that the config means, where it is not the account's first; returns its id. ``file_id``: how a
    row's ``file_id`` is had from the account; ``path`` likewise, where it is not the names of the
    folders and its own. ``parameters``: those of the preset that lead to the fake vendor, where
    ``client`` does not. ``folders``: whether folders are rows. ``without``: names of proofs that do
    not hold for this vendor, with the reason.
    """

    play: str | MakePlay
    vendor: Any
    client: Client
    listing: str
    content: str
    feed: str | None = None
    resource: Mapping[str, Any] = field(default_factory=dict)
    throttled: Sequence[Fault] = (Fault.status(429, retry_after=1),)
    settings: Mapping[str, Any] = field(default_factory=dict)
    options: OptionArguments = field(default_factory=OptionArguments)
    drive: Callable[[Account], str] | None = None
    file_id: Callable[[Account, Node], str] = _own_id
    path: Callable[[Account, Node], str] | None = None
    parameters: Client | None = None
    folders: bool = True
    without: Mapping[str, str] = field(default_factory=dict)

    def account(self) -> Account:
        """An empty account with ids as the vendor's."""
        if isinstance(self.play, str):
            return Account(new_id=new_id_of(self.play))
        return Account()

    def config(self, vendor: FakeVendor, account: Account, sink: Path | None) -> dict[str, Any]:
        """The whole config of a trial."""
        given = self.vendor(account) if callable(self.vendor) else self.vendor
        if self.parameters is not None:
            named = {"name": given} if isinstance(given, str) else given
            given = {**named, **self.parameters(vendor)}
        client = dict(self.client(vendor))
        retry = {"backoff_factor": 0.001, **client.pop("retry", {})}
        made: dict[str, Any] = {"name": "trial", "vendor": given}
        made["client"] = {**client, "retry": retry}
        if sink is not None:
            made["sink"] = str(sink)
        if self.resource:
            made["resources"] = [{"name": "files", **self.resource}]
        return made

    @cached_property
    def traits(self) -> Traits:
        """What the preset, as this case configures it, is like."""
        account = self.account()
        drive = None if self.drive is None else self.drive(account)
        vendor = FakeVendor.playing(self.play, account, self.settings, **self.options)
        with vendor, tempfile.TemporaryDirectory() as folder:
            made = self.config(vendor, account, Path(folder) / "files")
            return Traits(load_config(made), drive)


@dataclass(frozen=True)
class Traits:
    """What proofs ask of a preset. ``drive``: see `Case`."""

    config: Config
    drive: str | None

    @property
    def resource(self) -> Resource:
        """The resource that lists files."""
        return next(one for one in self.config.resources if one.selected)

    @property
    def can(self) -> Capabilities:
        """What the preset declares."""
        assert self.config.preset is not None
        return self.config.preset.head.capabilities

    @property
    def has_feed(self) -> bool:
        """Whether changes are asked for, or everything every time."""
        return self.resource.has_feed

    @property
    def has_paths(self) -> bool:
        """Whether rows have paths."""
        fields = self.resource.fields
        return self.resource.has_places or (fields is not None and fields.path is not None)

    @property
    def algorithms(self) -> tuple[str, ...]:
        """The checksums that records have."""
        fields = self.resource.fields
        return () if fields is None else tuple(fields.checksum)

    @property
    def renews(self) -> bool:
        """Whether tokens are had from a token endpoint, so that they can be had again."""
        auth = self.config.client.auth
        return auth is not None and auth.type.startswith("oauth2")

    @property
    def exports(self) -> Mapping[str, ExportAs]:
        """The vendor's own types of documents that are exported, and as what."""
        content = self.resource.content
        if content is None or content.export is None:
            return {}
        found = content.export.by_mime.items()
        return {name: one for name, one in found if isinstance(one, ExportAs) and "*" not in name}

    @property
    def skips(self) -> str | None:
        """A type of documents that has no file; None: there is none."""
        content = self.resource.content
        if content is None or content.export is None:
            return None
        found = (name for name, one in content.export.by_mime.items() if one == "skip")
        return next((name.replace("*", "odd") for name in found), None)
