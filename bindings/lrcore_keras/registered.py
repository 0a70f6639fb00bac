"""Classes of this package that stand in files of models: Keras knows them as soon as both it and this package are imported."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib import import_module
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from importlib.util import find_spec
from types import ModuleType
from typing import Any

_MODULES = ("attach", "schedule", "schedules")
"""Those with a `register_keras_serializable`."""


def register() -> None:
    """Register them now, or as the last act of `import keras`: code of Keras is written without it, so this package must not load it."""
    if sys.modules.get("keras") is not None:
        _load()
    elif "keras" not in sys.modules:
        sys.meta_path.insert(0, _Finder())


def _load() -> None:
    for name in _MODULES:
        import_module(f".{name}", __package__)


class _Finder(MetaPathFinder):
    """Finds Keras as if this were not here, and has its loader register the classes afterwards."""

    def find_spec(self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None) -> ModuleSpec | None:
        if fullname != "keras":
            return None
        sys.meta_path.remove(self)
        try:
            spec = find_spec(fullname)
        finally:
            sys.meta_path.insert(0, self)  # who finds Keras need not import it
        if spec is not None and spec.loader is not None:
            spec.loader = _Registering(spec.loader)
        return spec


class _Registering(Loader):
    """Another loader, and the registration after it."""

    def __init__(self, inner: Loader) -> None:
        self._inner = inner

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        return self._inner.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        if module.__spec__ is not None:
            module.__spec__.loader = module.__loader__ = self._inner
        sys.meta_path[:] = [finder for finder in sys.meta_path if not isinstance(finder, _Finder)]
        self._inner.exec_module(module)
        _load()
