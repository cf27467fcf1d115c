"""How hard the vendor may be asked, when again, and how long anything may take."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, StrictBool, field_validator

from .base import Model
from .rules import Rule
from .units import Size


class MaxWait(Model):
    """Seconds that are waited because the vendor says so (Retry-After); beyond them: exit 6."""

    request: float = Field(900.0, ge=0, le=86_400, description="for one request")
    run: float = Field(3600.0, ge=0, le=86_400, description="for all requests of a run together")


class Retry(Model):
    """When a request is asked again."""

    statuses: frozenset[Annotated[int, Field(ge=400, le=599)]] = Field(
        frozenset({429, 500, 502, 503, 504}),
        description="HTTP statuses that may pass by themselves",
    )
    max_retries: int = Field(3, ge=0, le=20, description="after the first attempt")
    backoff_factor: float = Field(
        2.0, ge=0, le=3600, description="seconds before the first retry, doubled with each"
    )
    max_wait: MaxWait = Field(default_factory=MaxWait)
    rules: tuple[Rule, ...] = Field(
        (), description="what answers mean whose status alone does not say; the first that fits"
    )


class RateHeaders(Model):
    """The names of the headers in which a vendor says how much it will still take."""

    remaining: str = Field(min_length=1, description="requests that are left")
    reset: str = Field(
        min_length=1, description="until then: seconds, a moment since 1970, or a date"
    )
    limit: str | None = Field(None, min_length=1, description="requests in a whole window")


class PathLimit(Model):
    """How often one address may be asked, whatever its query says; files' bytes apart."""

    requests: int = Field(ge=1, le=10_000)
    seconds: float = Field(gt=0, le=3600)


class Limits(Model):
    """How hard the vendor may be asked."""

    requests_per_second: float | None = Field(None, gt=0, description="none: as fast as it goes")
    concurrency: int = Field(8, ge=1, le=1024, description="requests in flight")
    bandwidth: Size | None = Field(
        None, description="bytes a second over all connections: 50MB, 500KB; none: no limit"
    )

    headers: StrictBool | RateHeaders = Field(
        True,
        description="slow down before the vendor refuses, as its RateLimit or X-RateLimit headers "
        "say; false: never; or the names of its own",
    )
    per_path: PathLimit | None = Field(None, description="requests for one address, as of a folder")

    @field_validator("bandwidth")
    @classmethod
    def _some(cls, value: int | None) -> int | None:
        if value is not None and value < 1000:
            raise ValueError("is in bytes a second, at least 1KB: 50MB")
        return value


class Timeouts(Model):
    """Seconds."""

    connect: float = Field(10.0, gt=0, le=3600, description="seconds until a connection stands")
    stall: float = Field(30.0, ge=1, le=86400, description="seconds without a byte")
