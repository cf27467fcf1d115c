"""Teaches plain dlt this dialect; dlt itself loads this module (entry point, group ``dlt``).

With filehaul installed, ``from dlt.sources.rest_api import rest_api_source`` also takes
``"type": "oauth2"`` with ``token_url``, and the offset paginator goes on where an API reports no
``total``. What is added: `OAuth2` and `Offset` below; docs/decisions/0003-dlt-plugin.md says why,
and what stays as it is.

dlt loads its plugins when its context starts, which ``dlt.secrets[...]`` does. A script whose
secrets are plain strings validates its config earlier: it needs ``import filehaul.dlt_plugin``.

``FILEHAUL_DLT_DIALECT=0`` in the environment turns all of it off.
"""

from __future__ import annotations

import os
import sys
import warnings
from collections.abc import Callable, Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .dialect import OAuth2, Offset

__all__ = ["OAuth2", "Offset"]

_SWITCH = "FILEHAUL_DLT_DIALECT"
_OFF = {"0", "false", "no", "off"}
# Not `dlt.sources.rest_api` itself: this is the part of it that holds all that we add to, and it
# is whole before the package around it is.
_TARGET = "dlt.sources.rest_api.config_setup"


def __getattr__(name: str) -> Any:
    # The two classes need dlt's REST client, which a dlt process without a REST source never
    # imports: so they are made on first use.
    if name in __all__:
        from . import dialect

        return getattr(dialect, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


class _AfterImport(MetaPathFinder):
    """Calls ``then`` once, right after the module ``name`` was imported; then is gone."""

    def __init__(self, name: str, then: Callable[[], None]) -> None:
        self.name = name
        self.then = then

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname != self.name:
            return None
        # Only the finders behind this one: those before it were asked already, and two hooks that
        # ask each other would never end.
        finders = list(sys.meta_path)
        for finder in finders[finders.index(self) + 1 :] if self in finders else finders:
            spec = finder.find_spec(fullname, path, target)
            if spec is not None:
                if spec.loader is not None:
                    spec.loader = _Announcing(spec.loader, self)
                return spec
        return None

    def leave(self) -> None:
        if self in sys.meta_path:
            sys.meta_path.remove(self)


class _Announcing(Loader):
    """The module's own loader in all things, except that it tells when the module is there."""

    def __init__(self, own: Loader, hook: _AfterImport) -> None:
        self.own = own
        self.hook = hook

    def __getattr__(self, name: str) -> Any:
        return getattr(self.own, name)

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        return self.own.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        module.__loader__ = self.own
        if module.__spec__ is not None:
            module.__spec__.loader = self.own
        self.own.exec_module(module)
        # An import that fails leaves the hook in place, for the next attempt.
        self.hook.leave()
        self.hook.then()


def _teach() -> None:
    """Add the dialect, or warn in one line: an import of dlt must not fail because of us."""
    try:
        from .teaching import teach

        teach()
    except Exception as error:  # whatever another dlt may do when asked in the old way
        version = getattr(sys.modules.get("dlt"), "__version__", "(version unknown)")
        warnings.warn_explicit(
            f"filehaul: dlt {version} is not built as filehaul expects"
            f" ({type(error).__name__}: {error}), so nothing of it was changed: its rest_api"
            " refuses `type: oauth2`, `token_url`, and offset paging without `total`."
            " Import rest_api_source from filehaul instead, or install dlt 1.31;"
            f" {_SWITCH}=0 silences this.",
            UserWarning,
            filename=__name__,
            lineno=1,
        )


def _load() -> None:
    if os.environ.get(_SWITCH, "").strip().lower() in _OFF:
        return
    if any(type(finder).__module__ == __name__ for finder in sys.meta_path):
        return
    # The hook first and the look second: an import that starts in between is not missed.
    hook = _AfterImport(_TARGET, _teach)
    sys.meta_path.insert(0, hook)
    if _TARGET in sys.modules:
        hook.leave()
        _teach()


_load()
