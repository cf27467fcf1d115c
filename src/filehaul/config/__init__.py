"""The config: from YAML, or the same dict from Python, to one frozen, checked value.

Everything that can be wrong with it is found here, before the first request, and said with the
key, its place and the nearest right one (`ConfigError`, exit 4).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, ValidationError, field_validator

from ..errors import ConfigError
from .explain import explain, yaml_problem
from .model import OUR_TABLES, Client, Model, name_problem
from .resource import Endpoint, Resource, dlt_reason, merged
from .secrets import put_in

__all__ = ["Config", "DltResource", "Endpoint", "Resource", "load_config", "schema"]


class SinkBlock(Model):
    """A sink with options of its own."""

    url: str
    options: dict[str, Any] = Field(default_factory=dict)


class Settings(Model):
    """The top level of a config."""

    name: str = Field("filehaul", description="the connection; default: the file's stem")
    client: Client
    resource_defaults: dict[str, Any] = Field(
        default_factory=dict, description="keys of every resource that does not set them itself"
    )
    resources: list[Any] = Field(min_length=1)
    sink: str | SinkBlock | None = Field(None, description="where bytes go: a folder")
    destination: str | dict[str, Any] = Field(
        "duckdb", description="a dlt destination's name, or {type: name, …its arguments}"
    )
    dataset: str | None = Field(None, description="default: <name>_data")
    state: str | None = Field(None, description="the ledger's file; on a local disk")
    durable: Literal["process", "power"] = Field(
        "process", description="power: bytes are on the disk before their receipt"
    )
    memory_limit: str = Field("1GB", description="what an in-process destination may use")

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
    block: Any
    reason: str


@dataclass(frozen=True)
class Config:
    """A checked config. ``folder``: what its relative paths are relative to."""

    settings: Settings
    resources: tuple[Resource, ...]
    dlt_resources: tuple[DltResource, ...]
    folder: Path
    raw: Mapping[str, Any]
    source: str = "the dict"

    @property
    def name(self) -> str:
        """The connection's name."""
        return self.settings.name

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

    @cached_property
    def sink(self) -> Path | None:
        """The folder that bytes go to; None: catalogue only."""
        sink = self.settings.sink
        if sink is None:
            return None
        url = sink if isinstance(sink, str) else sink.url
        return self.folder / Path(url.removeprefix("file://")).expanduser()

    def resource(self, name: str) -> Resource:
        """The resource of filehaul's engine with this name; KeyError."""
        return {resource.name: resource for resource in self.resources}[name]


def load_config(source: Config | Mapping[str, Any] | str | Path, *, expand: bool = True) -> Config:
    """Read and check a config. Raises ConfigError.

    ``source``: a path to YAML, the same as a dict, or a config that is already one. ``expand``:
    whether ``${NAME}`` is replaced (a dict that a script made has its values already).
    """
    if isinstance(source, Config):
        return source
    if isinstance(source, Mapping):
        return _check(dict(source), Path.cwd(), "the dict", "filehaul", expand)
    path = Path(source)
    try:
        text = path.read_text("utf-8")
    except FileNotFoundError:
        raise ConfigError(
            f"no config at {path}", where=str(path), hint="filehaul init writes one"
        ) from None
    except (OSError, UnicodeDecodeError) as problem:
        raise ConfigError(
            f"the config cannot be read: {problem}", where=str(path), hint="it must be UTF-8 text"
        ) from None
    return _check(_yaml(text, path), path.absolute().parent, str(path), path.stem, expand)


def _yaml(text: str, path: Path) -> dict[str, Any]:
    import yaml

    try:
        parsed = yaml.safe_load(text)
    except yaml.YAMLError as problem:
        raise yaml_problem(problem, text, path) from None
    if not isinstance(parsed, dict):
        raise ConfigError(
            "the config is not a mapping of keys", where=str(path), hint="filehaul init writes one"
        )
    return parsed


def _check(raw: dict[str, Any], folder: Path, source: str, name: str, expand: bool) -> Config:
    if expand:
        raw = put_in(raw)
    raw.setdefault("name", name if source != "the dict" else "filehaul")
    _prepare_client(raw)
    try:
        settings = Settings.model_validate({**raw, "client": _without_objects(raw.get("client"))})
    except ValidationError as problem:
        raise explain(problem, source) from None
    ours: list[Resource] = []
    theirs: list[DltResource] = []
    for number, block in enumerate(settings.resources):
        _sort(block, number, raw, settings, ours, theirs, source)
    config = Config(settings, tuple(ours), tuple(theirs), folder, raw, source)
    _agree(config)
    return config


def _prepare_client(raw: dict[str, Any]) -> None:
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


def _without_objects(client: Any) -> Any:
    """The client block without what only dlt's engine understands."""
    if not isinstance(client, dict):
        return client
    kept = {key: value for key, value in client.items() if key != "session"}
    if not isinstance(kept.get("auth"), (dict, type(None))):
        kept.pop("auth")
    paginator = kept.get("paginator")
    automatic = isinstance(paginator, dict) and paginator.get("type") in ("auto", "json_response")
    if paginator is not None and (automatic or not isinstance(paginator, dict)):
        kept.pop("paginator")
    return kept


def _sort(
    block: Any,
    number: int,
    raw: dict[str, Any],
    settings: Settings,
    ours: list[Resource],
    theirs: list[DltResource],
    source: str,
) -> None:
    """One entry of ``resources``: to the engine that lists it."""
    place = f"resources[{number}]"
    if isinstance(block, str):
        block = {"name": block}
    if not isinstance(block, dict):  # a DltResource among them: dlt takes it as it is
        theirs.append(DltResource(getattr(block, "name", place), block, "it is a dlt resource"))
        return
    full = merged(settings.resource_defaults, block)
    endpoint = full.get("endpoint")
    if isinstance(endpoint, dict) and isinstance(endpoint.get("paginator"), str):
        endpoint["paginator"] = {"type": endpoint["paginator"]}
    _refuse_name(full.get("name"), place, ours, theirs)
    reason = dlt_reason(full, raw["client"])
    if reason is not None:
        _refuse_ours(full, reason, place)
        theirs.append(DltResource(str(full.get("name")), block, reason))
        return
    try:
        ours.append(Resource.model_validate(full))
    except ValidationError as problem:
        raise explain(problem, source, place) from None


def _refuse_name(name: Any, place: str, ours: list[Resource], theirs: list[DltResource]) -> None:
    if not isinstance(name, str):
        raise ConfigError(
            "a resource has no name", where=place, hint="name: it is also the table's name"
        )
    if name in OUR_TABLES or name.startswith("_"):
        raise ConfigError(
            f"a resource cannot be named {name!r}: that table is filehaul's own",
            where=f"{place}.name",
            hint="choose another name, for example {}_files".format(name.strip("_")),
        )
    if problem := name_problem(name):
        raise ConfigError(problem, where=f"{place}.name", hint="it becomes the table's name")
    if name in {resource.name for resource in ours} | {resource.name for resource in theirs}:
        raise ConfigError(
            f"two resources are named {name!r}", where=f"{place}.name", hint="rename one of them"
        )


def _refuse_ours(block: dict[str, Any], reason: str, place: str) -> None:
    for key in ("content", "fields", "raw"):
        if block.get(key):
            raise ConfigError(
                f"{key!r} needs filehaul's engine, but dlt's lists this resource: {reason}",
                where=f"{place}.{key}",
                hint=f"drop {key!r}, or what sends the resource to dlt's engine",
            )


def _agree(config: Config) -> None:
    """What must hold between keys."""
    from .agree import agree

    agree(config)


def schema() -> dict[str, Any]:
    """The JSON Schema of a config, for editors."""
    full = Settings.model_json_schema(mode="validation", by_alias=False)
    resource = Resource.model_json_schema(mode="validation", by_alias=False)
    full.setdefault("$defs", {}).update(resource.pop("$defs", {}))
    full["$defs"]["Resource"] = resource
    entry = {"anyOf": [{"$ref": "#/$defs/Resource"}, {"type": "string"}]}
    full["properties"]["resources"]["items"] = entry
    full["properties"]["resource_defaults"] = {"$ref": "#/$defs/ResourceDefaults"}
    full["$defs"]["ResourceDefaults"] = {**resource, "required": []}
    full["$schema"] = "https://json-schema.org/draft/2020-12/schema"
    full["title"] = "filehaul config"
    return full
