"""Packages that load a framework when a name that needs it is first asked for: what writes code for it runs without it."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from importlib import import_module
from types import ModuleType
from typing import Any


class _Package(ModuleType):
    """A package whose names stay what they are where a module of the same name is imported after them."""

    def __setattr__(self, name: str, value: Any) -> None:
        if isinstance(value, ModuleType) and name in self.__dict__.get("_LATER", {}):
            value = getattr(value, name, value)
        super().__setattr__(name, value)


def later(package: str, names: Mapping[str, str], extra: str) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """`__getattr__` and `__dir__` of a package (PEP 562) for the names of its table `_LATER`, and for its modules.

    names : {public name: the module it is in}
    extra : what pip calls the extra that brings the framework

    >>> import lrcore_torch
    >>> "PlanScheduler" in dir(lrcore_torch)
    True
    """
    module = sys.modules[package]
    module.__class__ = _Package

    def found(name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        try:
            holder = import_module(f".{names.get(name, name)}", package)
        except ModuleNotFoundError as error:
            missing = error.name or ""
            if missing == f"{package}.{name}":
                raise AttributeError(f"module {package!r} has no attribute {name!r}") from None
            if missing.split(".")[0].startswith("lrcore"):
                raise
            hint = f'Install it with pip install "lrcore[{extra}]".'
            raise ImportError(f"{package}.{name} works with {missing}, which is not installed. {hint}") from error
        value = getattr(holder, name) if name in names else holder
        setattr(module, name, value)
        return value

    return found, lambda: sorted({*vars(module), *names})
