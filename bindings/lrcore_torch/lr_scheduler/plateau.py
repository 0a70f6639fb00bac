"""ReduceLROnPlateau: PyTorch's class, with the machine of `lrcore.ReduceLROnPlateau`."""

from __future__ import annotations

from collections.abc import Mapping
from math import inf
from typing import Any, Literal, SupportsFloat

import msgspec
from torch.optim import Optimizer
from torch.optim import lr_scheduler as stock

import lrcore as lr

from .planned import put, separate

_KNOBS = ("mode", "factor", "patience", "threshold", "threshold_mode", "cooldown", "eps")
_SEEN = {"best": "best", "num_bad_epochs": "bad", "cooldown_counter": "cooling"}
"""PyTorch's names for what the machine's state holds."""


class ReduceLROnPlateau(stock.ReduceLROnPlateau):
    """The rate times factor when a metric has stopped getting better: see `lrcore.ReduceLROnPlateau`.

    `machine` decides; `events` are the reductions so far, as (last_epoch, factor).

    >>> import torch
    >>> optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
    >>> scheduler = ReduceLROnPlateau(optimizer, factor=0.5, patience=1)
    >>> for loss in [1.0, 1.0, 1.0]:
    ...     scheduler.step(loss)
    >>> scheduler.get_last_lr(), scheduler.events
    ([0.5], [(3, 0.5)])
    """

    machine: lr.Adaptation

    def __init__(
        self, optimizer: Optimizer, mode: Literal["min", "max"] = "min", factor: float = 0.1, patience: int = 10, threshold: float = 1e-4,
        threshold_mode: Literal["rel", "abs"] = "rel", cooldown: int = 0, min_lr: float | list[float] = 0, eps: float = 1e-8,
    ) -> None:  # fmt: skip
        self.machine = lr.ReduceLROnPlateau(mode, factor, patience, threshold, threshold_mode, cooldown, eps=eps).begin()
        self.events: list[tuple[int, float]] = []
        if not isinstance(optimizer, Optimizer):
            raise TypeError(f"ReduceLROnPlateau takes a torch optimizer, got {type(optimizer).__name__}.")
        self.optimizer = optimizer
        separate(optimizer)
        count = len(optimizer.param_groups)
        if isinstance(min_lr, list | tuple):
            if len(min_lr) != count:
                raise lr.SpecError("min_lr", f"a number, or a list of {count}, one for each group", min_lr)
            self.default_min_lr, self.min_lrs = None, list(min_lr)
        else:
            self.default_min_lr, self.min_lrs = min_lr, [min_lr] * count
        self.last_epoch = 0
        self._last_lr = [float(group["lr"]) for group in optimizer.param_groups]

    def step(self, metrics: SupportsFloat, epoch: int | None = None) -> None:  # type: ignore[override]
        """Observe one metric."""
        self.last_epoch = self.last_epoch + 1 if epoch is None else epoch
        if self.machine.observe(float(metrics), 0) is not None:  # epochs may go backwards here, steps may not
            self.events.append((self.last_epoch, self.factor))
            self._reduce_lr(self.last_epoch)
        self._last_lr = [float(group["lr"]) for group in self.optimizer.param_groups]

    def _reduce_lr(self, epoch: int) -> None:
        groups = self.optimizer.param_groups
        if len(groups) != len(self.min_lrs):
            if self.default_min_lr is None:
                listed = f"min_lr was given as a list of {len(self.min_lrs)}, and there are {len(groups)} groups."
                raise RuntimeError(f"{listed} Set min_lrs to a list of {len(groups)}.")
            self.min_lrs = [self.default_min_lr] * len(groups)
        for group, least in zip(groups, self.min_lrs, strict=True):
            rate = float(group["lr"])
            lower = max(rate * self.factor, least)
            if rate - lower > self.eps:
                put(group, lower)

    def _reset(self) -> None:
        self.machine.forget()

    def _is_better(self, a: float, best: float) -> bool:
        return self.machine.better(a, best)

    def get_lr(self) -> list[Any]:
        """The rates in force."""
        return self.get_last_lr()

    @property
    def mode_worse(self) -> float:  # type: ignore[override]  # an attribute that is set, there
        """What `best` is before anything was observed."""
        return inf if self.mode == "min" else -inf

    def state_dict(self) -> dict[str, Any]:
        """What PyTorch's state holds, plus the events; plain Python types."""
        kept = ("last_epoch", "_last_lr", "min_lrs", "default_min_lr", *_KNOBS, *_SEEN)
        return {name: getattr(self, name) for name in kept} | {"events": [list(event) for event in self.events]}

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Go on from a state, of this class or of PyTorch's; its arguments win."""
        for name, value in state_dict.items():
            if name not in ("events", "mode_worse"):
                setattr(self, name, value)
        self.events = [(step, factor) for step, factor in state_dict.get("events", ())]


def _knob(name: str) -> property:
    def write(self: ReduceLROnPlateau, value: Any) -> None:
        machine = msgspec.structs.replace(self.machine.rule, **{name: value}).begin()
        machine.load_state_dict(self.machine.state_dict())
        self.machine = machine

    return property(lambda self: getattr(self.machine.rule, name), write)


def _seen(name: str) -> property:
    def read(self: ReduceLROnPlateau) -> Any:
        value = self.machine.state_dict()[name]
        return float(value) if name == "best" else value  # infinities are strings in a state

    def write(self: ReduceLROnPlateau, value: Any) -> None:
        state = self.machine.state_dict()
        self.machine.load_state_dict(state | {name: str(float(value)) if value in (inf, -inf) else value})

    return property(read, write)


for _name in _KNOBS:  # others read these, and some set them
    setattr(ReduceLROnPlateau, _name, _knob(_name))
for _name, _entry in _SEEN.items():
    setattr(ReduceLROnPlateau, _name, _seen(_entry))
