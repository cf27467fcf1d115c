"""Look before you sync: each thing a run needs, one after the other, with the cause in words."""

from .conformance import conformance
from .finding import Finding
from .proven import Proven
from .steps import check

__all__ = ["Finding", "Proven", "check", "conformance"]
