"""LambdaLR and MultiplicativeLR: the rates come from the user's functions, one call per group and step."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import FunctionType
from typing import Any

from torch import Tensor
from torch.optim import Optimizer
from torch.optim import lr_scheduler as stock
from torch.optim.lr_scheduler import LRScheduler

import lrcore as lr

from .planned import copied, initial_rates, put, separate

Function = Callable[[int], float]


class _Functions(LRScheduler):
    """What the two share: a function for each group, and the base rates."""

    def __init__(self, optimizer: Optimizer, lr_lambda: Function | list[Function], last_epoch: int = -1) -> None:
        count = len(optimizer.param_groups)
        self._for_all = None if isinstance(lr_lambda, list | tuple) else lr_lambda
        self.lr_lambdas = list(lr_lambda) if isinstance(lr_lambda, list | tuple) else [lr_lambda] * count
        if len(self.lr_lambdas) != count:
            raise lr.SpecError("lr_lambda", f"a function, or a list of {count}, one for each group", lr_lambda)
        self._check()
        self.base_lrs = list(initial_rates(optimizer, last_epoch))
        self.optimizer = optimizer
        separate(optimizer)
        for group, rate in zip(optimizer.param_groups, self.base_lrs, strict=True):
            group.setdefault("initial_lr", rate)
        self.last_epoch, self._step_count = last_epoch, 0
        self._initial_step() if last_epoch == -1 else self.step(last_epoch + 1)

    def _check(self) -> None:
        """Refuse functions that are none."""

    def _initial_step(self) -> None:
        self._step_count = 1
        self._update_lr(self.last_epoch + 1)

    def step(self, epoch: int | None = None) -> None:
        """Go on to the next step, or to step `epoch`."""
        self._step_count += 1
        self._update_lr(epoch)

    def _update_lr(self, epoch: int | None = None) -> None:
        self._meet_new_groups()
        rates = self._rates_at(epoch)
        self._write(rates)

    def _rates_at(self, epoch: int | None) -> list[Any]:
        """Set `last_epoch`, and return its rates; each class of functions has its own."""
        raise NotImplementedError

    def _write(self, rates: list[Any]) -> None:
        for group, rate in zip(self.optimizer.param_groups, rates, strict=True):
            put(group, rate)
        self._last_lr = [copied(group["lr"]) for group in self.optimizer.param_groups]

    def _meet_new_groups(self) -> None:
        """Groups that were added since take the one function there is."""
        for group in self.optimizer.param_groups[len(self.lr_lambdas) :]:
            if self._for_all is None:
                count = len(self.optimizer.param_groups)
                raise lr.SpecError("lr_lambda", f"a list of {count}, one for each group", self.lr_lambdas, "A group was added.")
            self.lr_lambdas.append(self._for_all)
            self.base_lrs.append(float(group.setdefault("initial_lr", float(group["lr"]))))

    def state_dict(self) -> dict[str, Any]:
        """Step and rates; of the functions only what objects hold, as PyTorch does: functions and lambdas are not stored."""
        objects = [None if isinstance(f, FunctionType) or not hasattr(f, "__dict__") else f.__dict__.copy() for f in self.lr_lambdas]
        kept = ("base_lrs", "last_epoch", "_step_count", "_last_lr")
        return {**{name: getattr(self, name) for name in kept}, "lr_lambdas": objects}

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Go to the step of a state, of this class or of PyTorch's, and write its rates. Loading twice is the same as once."""
        self.last_epoch, self._step_count = state_dict["last_epoch"], state_dict["_step_count"]
        self.base_lrs[: len(state_dict["base_lrs"])] = map(float, state_dict["base_lrs"])
        for function, held in zip(self.lr_lambdas, state_dict["lr_lambdas"], strict=False):
            if held is not None:
                function.__dict__.update(held)
        rates = [float(rate) for rate in state_dict["_last_lr"]]
        if self.last_epoch >= 0:
            self._write(rates + [group["lr"] for group in self.optimizer.param_groups[len(rates) :]])


class LambdaLR(_Functions, stock.LambdaLR):
    """The base rate times a function of the step: base f(t). One function for all groups, or a list of them.

    >>> import torch
    >>> scheduler = LambdaLR(torch.optim.SGD([torch.zeros(1)], lr=1.0), lambda step: 0.5**step)
    >>> scheduler.step(3)
    >>> scheduler.get_last_lr()
    [0.125]
    """

    def _rates_at(self, epoch: int | None) -> list[Any]:
        self.last_epoch = self.last_epoch + 1 if epoch is None else epoch
        return self.get_lr()

    def get_lr(self) -> list[Any]:
        """The rates of `last_epoch`; the functions are called."""
        return [rate * function(self.last_epoch) for rate, function in zip(self.base_lrs, self.lr_lambdas, strict=True)]


class MultiplicativeLR(_Functions, stock.MultiplicativeLR):
    """The rate in force times a function of the step, every step; `step(epoch)` works out the product f(1) ... f(epoch) anew.

    >>> import torch
    >>> scheduler = MultiplicativeLR(torch.optim.SGD([torch.zeros(1)], lr=1.0), lambda step: 1 / step)
    >>> scheduler.step(4)
    >>> round(1 / scheduler.get_last_lr()[0])
    24
    """

    def _check(self) -> None:
        for function in self.lr_lambdas:
            if not callable(function):
                raise TypeError(f"lr_lambda: expected a function, got {type(function).__name__}.")

    def _initial_step(self) -> None:
        self._step_count = 1
        self.last_epoch += 1
        self._write(self.get_lr())

    def _rates_at(self, epoch: int | None) -> list[Any]:
        if epoch is not None:
            self.last_epoch, steps = epoch, range(1, epoch + 1)
            rates: list[Any] = list(self.base_lrs)
        else:
            self.last_epoch += 1
            rates, steps = self.get_lr(), range(self.last_epoch, self.last_epoch + 1)
        for step in steps:
            rates = [rate * function(step) for rate, function in zip(rates, self.lr_lambdas, strict=True)]
        return rates

    def get_lr(self) -> list[Any]:
        """The rates in force."""
        return [float(group["lr"]) if isinstance(group["lr"], Tensor) else group["lr"] for group in self.optimizer.param_groups]
