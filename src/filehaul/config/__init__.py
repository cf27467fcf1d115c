"""The config: from YAML, or the same dict from Python, to one frozen, checked value.

Everything that can be wrong with it is found here, before the first request, and said with the
key, its place and the nearest right one (`ConfigError`, exit 4).
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field, ValidationError, field_validator

from ..errors import ConfigError
from .base import Model, name_problem
from .engines import is_a_guess
from .model import Client
from .preset import Preset
from .resource import Endpoint, Resource
from .sink import Address, SinkBlock, sink_place

if TYPE_CHECKING:
    from .secrets import References

__all__ = ["Address", "Config", "DltResource", "Endpoint", "Resource", "load_config", "schema"]

_DICT = "the dict"


class Settings(Model):
    """The top level of a config."""

    name: str = Field("filehaul", description="the connection; default: the file's stem")
    vendor: str | dict[str, Any] | None = Field(
        None,
        repr=False,
        description="a preset's name, or the path of one of your own, or {name, …its parameters}: "
        "the keys of this config override the preset's",
    )
    client: Client
    resource_defaults: dict[str, Any] = Field(
        default_factory=dict,
        repr=False,
        description="keys of every resource that does not set them itself",
    )
    resources: list[Any] = Field(min_length=1, repr=False, description="what is listed")
    sink: str | SinkBlock | None = Field(
        None,
        description="where bytes go: a folder, s3://bucket/prefix, gs://bucket/prefix, "
        "az://container/prefix; left out: the catalogue only",
    )
    destination: str | dict[str, Any] = Field(
        "duckdb",
        repr=False,
        description="a dlt destination's name, or {type: name, …its arguments}",
    )
    dataset: str | None = Field(None, min_length=1, description="default: <name>_data")
    state: str | None = Field(
        None, min_length=1, description="the ledger's file; default: .filehaul/<name>.sqlite"
    )
    durable: Literal["process", "power"] = Field(
        "process", description="power: bytes are on the disk before their receipt"
    )
    memory_limit: str = Field(
        "1GB",
        pattern=r"^\s*\d+(\.\d+)?\s*([kKmMgGtT]i?[bB]|%)\s*$",
        description="what an in-process destination may use, as in 500MB or 2GB",
    )

    @field_validator("name")
    @classmethod
    def _a_name(cls, value: str) -> str:
        if problem := name_problem(value):
            raise ValueError(problem)
        return value


@dataclass(frozen=True)
class DltResource:
    """A resource that dlt's engine lists: as the config has it, and why it is not ours."""

    name: str
    block: Any = field(repr=False)
    reason: str

    @property
    def is_guessed(self) -> bool:
        """Whether it is dlt's only because its paginator is left to a guess."""
        return is_a_guess(self.reason)


@dataclass(frozen=True)
class Config:
    """A checked config. ``folder``: what its relative paths are relative to.

    ``found``: (place, reference) of every ``${NAME}`` and ``{secret: …}`` that was put in.
    ``preset``: what ``vendor`` names, if it does; the settings have it merged in.
    """

    settings: Settings
    resources: tuple[Resource, ...]
    dlt_resources: tuple[DltResource, ...]
    folder: Path
    raw: Mapping[str, Any] = field(repr=False)  # it holds the secrets
    source: str = _DICT
    found: tuple[tuple[str, str], ...] = ()
    preset: Preset | None = None

    @property
    def name(self) -> str:
        """The connection's name."""
        return self.settings.name

    @property
    def is_dict(self) -> bool:
        """Whether it came from Python, not from a file."""
        return self.source == _DICT

    @property
    def client(self) -> Client:
        """The vendor's API."""
        return self.settings.client

    @property
    def dataset(self) -> str:
        """The dataset that the tables are in."""
        return self.settings.dataset or f"{self.name}_data".replace("-", "_")

    @property
    def home(self) -> Path:
        """Ledger, logs and dlt's working folder."""
        return self.folder / ".filehaul"

    @property
    def state(self) -> Path:
        """The ledger's file: ``FILEHAUL_STATE``, else ``state``, else in `home`."""
        if override := os.environ.get("FILEHAUL_STATE"):
            return Path(override).expanduser()
        if self.settings.state:
            return self.folder / Path(self.settings.state).expanduser()
        return self.home / f"{self.name}.sqlite"

    @cached_property
    def sink(self) -> Path | Address | None:
        """The folder or the bucket's address that bytes go to; None: catalogue only."""
        return sink_place(self.settings.sink, self.folder, f"sink in {self.source}")

    @property
    def partials(self) -> Path:
        """The folder in whose ``.filehaul`` a bucket's files lie until they are verified."""
        sink = self.settings.sink
        if isinstance(sink, SinkBlock) and sink.partials is not None:
            return self.folder / Path(sink.partials).expanduser()
        return self.folder

    def resource(self, name: str) -> Resource:
        """The resource of filehaul's engine with this name; KeyError."""
        return {resource.name: resource for resource in self.resources}[name]


def load_config(
    source: Config | Mapping[str, Any] | str | Path, *, expand: bool = True, offline: bool = False
) -> Config:
    """Read and check a config. Raises ConfigError.

    ``source``: a path to YAML, the same as a dict, or a config that is already one. ``expand``:
    whether ``${NAME}`` is replaced (a dict that a script made has its values already).
    ``offline``: the vendor will not be asked, so secrets and variables may be missing.
    """
    if isinstance(source, Config):
        return source
    if isinstance(source, Mapping):
        return _guarded(dict(source), Path.cwd(), _DICT, expand, offline)
    if not isinstance(source, (str, Path)) or "\n" in str(source):
        what = "text" if isinstance(source, str) else type(source).__name__
        raise ConfigError(
            f"a config is the path of a YAML file, or a dict, not {what}",
            where="load_config",
            hint="for YAML in memory: yaml.safe_load(text)",
        )
    from .yaml_text import read_yaml

    path = Path(source)
    return _guarded(read_yaml(path), path.absolute().parent, str(path), expand, offline)


def _guarded(raw: dict[str, Any], folder: Path, source: str, expand: bool, offline: bool) -> Config:
    """Check it; in errors, what came from the environment is shown as its reference."""
    from .explain import told
    from .secrets import References

    references = References(source=source, lenient=offline)
    try:
        if expand:
            raw = references.put_in(raw)
        return _over_preset(raw, folder, source, references if expand else None)
    except ConfigError as problem:
        raise told(problem, references.used) from None
    except RecursionError:
        raise ConfigError(
            "the config contains itself", where=source, hint="check its YAML anchors (&, *)"
        ) from None


def _over_preset(
    raw: dict[str, Any], folder: Path, source: str, references: References | None
) -> Config:
    """Check it, over the preset that it names; errors tell whose key is meant."""
    from .over import put_over

    _short_forms(raw)
    over = put_over(raw, folder, source, references)
    try:
        config = _check(raw if over is None else over.raw, folder, source)
    except ConfigError as problem:
        raise (problem if over is None else over.told(problem)) from None
    found = () if references is None else tuple(references.found)
    return replace(config, found=found, preset=None if over is None else over.preset)


def _check(raw: dict[str, Any], folder: Path, source: str) -> Config:
    from .agree import agree
    from .explain import explain
    from .sorting import sorted_out, without_objects

    _name(raw, source)
    _short_forms(raw)
    try:
        settings = Settings.model_validate({**raw, "client": without_objects(raw.get("client"))})
    except ValidationError as problem:
        raise explain(problem, source, raw) from None
    ours, theirs = sorted_out(raw, settings.resources, settings.resource_defaults, source)
    dlt_resources = tuple(DltResource(*one) for one in theirs)
    config = Config(settings, tuple(ours), dlt_resources, folder, raw, source)
    agree(config)
    return config


def _name(raw: dict[str, Any], source: str) -> None:
    """The file's stem names the connection where no key does."""
    if raw.get("name") is not None:
        return
    raw["name"] = "filehaul" if source == _DICT else Path(source).stem
    if problem := name_problem(raw["name"]):
        raise ConfigError(
            f"the file's name does not make a connection's name: {problem}",
            where=source,
            hint="add a line: name: acme",
        )


def _short_forms(raw: dict[str, Any]) -> None:
    """dlt's short forms: ``paginator: offset``, ``auth: {token: …}``."""
    client = raw.get("client")
    if not isinstance(client, dict):
        return
    client = dict(client)
    if isinstance(client.get("paginator"), str):
        client["paginator"] = {"type": client["paginator"]}
    auth = client.get("auth")
    if isinstance(auth, dict) and "type" not in auth and "token" in auth:
        client["auth"] = {"type": "bearer", **auth}
    raw["client"] = client


def schema() -> dict[str, Any]:
    """The JSON Schema of a config, for editors."""
    from .json_schema import schema as made

    return made(Settings, Resource)
