"""What dlt and its destinations raise, as errors of ours: what, where, what to do next."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from ..config import Config
from ..errors import Cancelled, ConfigError, FilehaulError, TemporaryError, VendorError
from ..redact import redact
from .quiet import quietly

_MOST = 400
_OURS = {name: f"filehaul[{name}]" for name in ("postgres", "ducklake")}


@contextlib.contextmanager
def explained(config: Config) -> Iterator[None]:
    """Translate what dlt raises; an error of ours that went through it comes out as it was."""
    try:
        with quietly():
            yield
    except FilehaulError:
        raise
    except Exception as problem:
        own = _cause(problem, FilehaulError)
        if own is not None:
            raise own from None
        if _cause(problem, KeyboardInterrupt) is not None:  # dlt's way to say: a signal came
            raise _cancelled() from problem
        raise _translated(problem, config) from problem
    except KeyboardInterrupt as problem:
        from dlt.common.exceptions import SignalReceivedException

        if isinstance(problem, SignalReceivedException):
            raise _cancelled() from problem
        raise


def _cancelled() -> Cancelled:
    return Cancelled("cancelled", hint="run again: it goes on where it stopped")


def _cause(problem: BaseException, kind: type[BaseException]) -> BaseException | None:
    """The first of this kind among an exception and its causes."""
    seen: set[int] = set()
    current: BaseException | None = problem
    while current is not None and id(current) not in seen:
        if isinstance(current, kind):
            return current
        seen.add(id(current))
        current = current.__cause__ or current.__context__ or getattr(current, "exception", None)
    return None


def _translated(problem: Exception, config: Config) -> FilehaulError:
    from dlt.common.configuration.exceptions import ConfigurationException
    from dlt.common.destination.exceptions import UnknownDestinationModule
    from dlt.common.exceptions import MissingDependencyException
    from dlt.common.schema.exceptions import DataValidationError

    block = config.settings.destination
    name = block if isinstance(block, str) else str(block.get("type"))
    where = f"destination {name}, dataset {config.dataset}"
    missing = _cause(problem, MissingDependencyException)
    if missing is not None:
        return ConfigError(
            f"the destination {name} needs packages that are not installed",
            where=where,
            hint=f'pip install "{_OURS.get(name, f"dlt[{name}]")}"',
        )
    unknown = _cause(problem, UnknownDestinationModule)
    if unknown is not None:
        return ConfigError(
            f"dlt knows no destination named {name}",
            where=f"destination in {config.source}",
            hint="duckdb, postgres, filesystem … or {type: …, with its arguments}",
        )
    settings = _cause(problem, ConfigurationException)
    if settings is not None:
        return ConfigError(
            f"the destination is not configured: {_words(settings)}",
            where=where,
            hint="put the credentials into the config or into .dlt/secrets.toml",
        )
    broken = _cause(problem, DataValidationError)
    if isinstance(broken, DataValidationError):
        new = {
            "tables": "table",
            "columns": f"column {broken.column_name}",
            "data_type": f"type of the column {broken.column_name}",
        }[broken.schema_entity]
        return VendorError(
            f"schema_contract forbids a new {new}",
            where=f"table {broken.table_name}, dataset {config.dataset}",
            hint="no row was loaded: let it evolve, or discard_value, and run again",
        )
    root = _root(problem)
    words = _words(root)
    if "set lock on file" in words and name == "duckdb":
        return TemporaryError(
            f"the DuckDB file is in use by another process: {words}",
            where=where,
            hint="close the other connection (a notebook, a shell) and run again",
        )
    return TemporaryError(
        f"the destination could not be loaded: {words}",
        where=where,
        hint="mend the destination and run again: nothing is lost, rows count only when confirmed",
    )


def _root(problem: BaseException) -> BaseException:
    """The innermost cause: what the database itself said."""
    seen: set[int] = set()
    while id(problem) not in seen:
        seen.add(id(problem))
        inner = problem.__cause__ or getattr(problem, "exception", None)
        if not isinstance(inner, BaseException):
            break
        problem = inner
    return problem


def _words(problem: BaseException) -> str:
    text = " ".join(redact(f"{type(problem).__name__}: {problem}").split())
    return text if len(text) <= _MOST else text[:_MOST] + "…"
