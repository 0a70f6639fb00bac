"""Schedules under the names other libraries gave them, with their arguments, giving their numbers.

`lrcore.presets.torch`, `keras`, `optax`, `hf`, `timm`, `fairseq`, `megatron`, `deepspeed`, `composer`, `fastai`: one module for
each library, one function for each of its schedulers. Importing one imports none of the libraries. Where a library's own
numbers are wrong a preset gives the right ones, and DIFFERENCES says where, why and by how much.

>>> import lrcore as lr
>>> lr.presets.torch.StepLR(0.1, step_size=30)([0, 29, 30])
array([0.1 , 0.1 , 0.01])
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from .common import PRESETS, Domain, Preset
from .differences import DIFFERENCES, Difference

__all__ = [
    "DIFFERENCES",
    "Difference",
    "Domain",
    "LIBRARIES",
    "Preset",
    "composer",
    "deepspeed",
    "fairseq",
    "fastai",
    "hf",
    "keras",
    "megatron",
    "optax",
    "presets",
    "timm",
    "torch",
]

LIBRARIES = ("torch", "keras", "optax", "hf", "timm", "fairseq", "megatron", "deepspeed", "composer", "fastai")


if TYPE_CHECKING:
    from . import composer, deepspeed, fairseq, fastai, hf, keras, megatron, optax, timm, torch


def __getattr__(name: str) -> Any:
    """A library's module, loaded when it is first asked for."""
    if name in LIBRARIES:
        return import_module(f".{name}", __name__)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def presets() -> dict[str, Preset]:
    """Every preset by its path, `torch.StepLR`, in the order of LIBRARIES and of each module.

    >>> presets()["torch.StepLR"].summary
    'The rate times gamma every step_size steps.'
    """
    for library in LIBRARIES:
        import_module(f".{library}", __name__)
    return {path: found for library in LIBRARIES for path, found in PRESETS.items() if found.library == library}
