"""ReduceLROnPlateau: PyTorch's class, with the decisions of `lrcore.ReduceLROnPlateau`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, SupportsFloat

from torch.optim import Optimizer
from torch.optim import lr_scheduler as stock

import lrcore as lr

from .planned import put, separate

_OF_THE_RULE = (
    "mode", "factor", "patience", "threshold", "threshold_mode", "cooldown", "eps", "best", "num_bad_epochs", "cooldown_counter",
)  # fmt: skip


class ReduceLROnPlateau(stock.ReduceLROnPlateau):
    """The rate times factor when a metric has stopped getting better: see `lrcore.ReduceLROnPlateau`.

    `rule` is the machine that decides; `rule.events` are the reductions so far, as (step, factor).

    >>> import torch
    >>> optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
    >>> scheduler = ReduceLROnPlateau(optimizer, factor=0.5, patience=1)
    >>> for loss in [1.0, 1.0, 1.0]:
    ...     scheduler.step(loss)
    >>> scheduler.get_last_lr(), scheduler.rule.events
    ([0.5], [(3, 0.5)])
    """

    rule: lr.ReduceLROnPlateau

    def __init__(
        self, optimizer: Optimizer, mode: Literal["min", "max"] = "min", factor: float = 0.1, patience: int = 10, threshold: float = 1e-4,
        threshold_mode: Literal["rel", "abs"] = "rel", cooldown: int = 0, min_lr: float | list[float] = 0, eps: float = 1e-8,
    ) -> None:  # fmt: skip
        self.rule = lr.ReduceLROnPlateau(mode, factor, patience, threshold, threshold_mode, cooldown, 0.0, eps)
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
        if self.rule.observe(float(metrics), self.last_epoch) is not None:
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
            if (lower := self.rule.reduced(rate, least)) != rate:
                put(group, lower)

    def _reset(self) -> None:
        self.rule.reset()

    def _is_better(self, a: float, best: float) -> bool:
        return self.rule.better(a, best)

    def get_lr(self) -> list[Any]:
        """The rates in force."""
        return self.get_last_lr()

    def state_dict(self) -> dict[str, Any]:
        """What PyTorch's state holds, plus the events; plain Python types."""
        kept = ("last_epoch", "_last_lr", "min_lrs", "default_min_lr")
        return {name: getattr(self, name) for name in (*kept, *_OF_THE_RULE)} | {"events": [list(event) for event in self.rule.events]}

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Go on from a state, of this class or of PyTorch's; its arguments win."""
        for name, value in state_dict.items():
            if name not in ("events", "mode_worse"):
                setattr(self, name, value)
        self.rule.events = [(step, factor) for step, factor in state_dict.get("events", ())]


def _of_the_rule(name: str) -> property:
    return property(lambda self: getattr(self.rule, name), lambda self, value: setattr(self.rule, name, value))


ReduceLROnPlateau.mode_worse = property(lambda self: self.rule.worst)  # type: ignore[assignment]
for _name in _OF_THE_RULE:  # others read these, and some set them
    setattr(ReduceLROnPlateau, _name, _of_the_rule(_name))
