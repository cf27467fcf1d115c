"""Look before you sync: each thing a run needs, one after the other, with the cause in words."""

from .finding import Finding
from .steps import check

__all__ = ["Finding", "check"]
