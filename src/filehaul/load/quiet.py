"""dlt in a process that is not ours alone: no calls home for our runs, no log of its own, and
nothing left behind in the process's environment.
"""

from __future__ import annotations

import contextlib
import logging
import os
from collections.abc import Iterator

_TELEMETRY = "RUNTIME__DLTHUB_TELEMETRY"
_LOG_LEVEL = "RUNTIME__LOG_LEVEL"


def wake_dlt() -> None:
    """Let dlt read its settings. It decides about telemetry once a process: an unattended run
    should not call out, unless someone said so to dlt. If the process has used dlt before, that
    was its own decision.
    """
    before = os.environ.get(_TELEMETRY)
    if before is None:
        os.environ[_TELEMETRY] = "false"
    try:
        from dlt.common.configuration.container import Container
        from dlt.common.configuration.specs.pluggable_run_context import PluggableRunContext

        _ = Container()[PluggableRunContext].context.runtime_config
    finally:
        if before is None:
            del os.environ[_TELEMETRY]


@contextlib.contextmanager
def quietly() -> Iterator[None]:
    """What dlt logs goes to stderr, where we talk; what matters of it we say ourselves. With a
    log level in the environment someone wants to read it.
    """
    logger = logging.getLogger("dlt")
    before = logger.level
    if _LOG_LEVEL in os.environ or before == logging.NOTSET:  # dlt has not set it up yet
        yield
        return
    logger.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        logger.setLevel(before)


class _HintsOf(logging.Filter):
    """Holds back what dlt says of one resource's hints."""

    def __init__(self, resource: str) -> None:
        super().__init__()
        self._begin = f"In resource: {resource}, when merging arrow schema"

    def filter(self, record: logging.LogRecord) -> bool:
        return not record.getMessage().startswith(self._begin)


@contextlib.contextmanager
def hints_unsaid(resource: str) -> Iterator[None]:
    """While a resource of ours is extracted in someone else's pipeline: JSON comes as text in
    Arrow and is hinted as JSON, which dlt tells of once a table, and nobody can mend.
    """
    logger, one = logging.getLogger("dlt"), _HintsOf(resource)
    logger.addFilter(one)
    try:
        yield
    finally:
        logger.removeFilter(one)
