"""SequentialLR and ChainedScheduler: of schedulers that are plans they make one plan; others they drive, as PyTorch does.

Schedulers that call Python functions, PyTorch's own classes and subclasses with rates of their own are no plans.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

from torch.optim import Optimizer
from torch.optim import lr_scheduler as stock
from torch.optim.lr_scheduler import LRScheduler

import lrcore as lr
from lrcore.presets import torch as presets

from .planned import SAME, Base, Planned, copied, names_of, whole


def _checked(name: str, schedulers: Sequence[LRScheduler], optimizer: Any = None) -> Any:
    """The optimizer that all of them have; raises TypeError or SpecError, a ValueError, where PyTorch does."""
    if len(schedulers) < 1:
        raise lr.SpecError(f"{name}.schedulers", "at least one scheduler", schedulers)
    optimizer = optimizer or getattr(schedulers[0], "optimizer", None)
    for i, scheduler in enumerate(schedulers):
        path = f"{name}.schedulers[{i}]"
        if not hasattr(scheduler, "optimizer"):
            raise TypeError(f"{path}: expected a scheduler with an optimizer, got {type(scheduler).__name__}.")
        if isinstance(scheduler, stock.ReduceLROnPlateau):
            raise lr.SpecError(path, "a scheduler whose step() needs no metric", scheduler, "Step ReduceLROnPlateau on its own.")
        if scheduler.optimizer is not optimizer:
            raise lr.SpecError(path, "a scheduler of the same optimizer", scheduler, "Make every scheduler with one optimizer.")
    return optimizer


def _is_plan(scheduler: Any) -> bool:
    return isinstance(scheduler, Planned) and not scheduler.overridden


def _is_factor(scheduler: Any) -> bool:
    if isinstance(scheduler, PlannedSequentialLR):
        return all(map(_is_factor, scheduler._members))
    return _is_plan(scheduler) and scheduler.multiplies and scheduler._origin == 0


class _Composed(Planned):
    """A plan made of the plans of others, which stay visible as `_schedulers`."""

    _members: list[Planned]

    def _compose(self, name: str, schedules: list[dict[str, lr.Schedule]]) -> dict[str, lr.Schedule]:
        """One group's schedules from those of the members; each composition has its own."""
        raise NotImplementedError

    def _local_step(self, i: int) -> int:
        """The step of member i; -1 before its turn. Each composition has its own."""
        raise NotImplementedError

    def _plan_over(self, base: Base) -> lr.Plan:
        written = [member._plan_over(base).written(base) for member in self._members]
        groups = {name: self._compose(name, [one[name] for one in written]) for name in base}
        first = next(iter(groups.values()))
        for name, held in base.items():
            self._rates.setdefault(name, held["lr"])
        return (
            lr.Plan(fields=first)
            if all(fields == first for fields in groups.values())
            else lr.Plan(groups={lr.exactly(name): fields for name, fields in groups.items()})
        )

    def _initial_step(self) -> None:
        # PyTorch's SequentialLR calls this on its first scheduler, to write its first row once more
        self._step_count = 1
        self._update_lr(max(self.last_epoch, 0))

    @property
    def _schedulers(self) -> list[Planned]:
        for i, member in enumerate(self._members):
            member.last_epoch = self._local_step(i)
        return self._members

    def recursive_undo(self, sched: Any = None) -> None:
        """Nothing to undo: the members do not write."""

    def _extras(self) -> dict[str, Any]:
        return {**super()._extras(), "members": [member._extras() for member in self._members]}

    def _take_back(self, extras: Mapping[str, Any]) -> None:
        super()._take_back(extras)
        for member, taken in zip(self._members, extras.get("members", ()), strict=False):
            member._take_back(taken)

    def _adopt(self, state: Mapping[str, Any]) -> None:
        super()._adopt(state)
        for member, taken in zip(self._members, state.get("_schedulers", ()), strict=False):
            member._adopt(taken)

    def _kept(self) -> dict[str, Any]:
        return super()._kept() | {"members": [member._kept() for member in self._members]}

    def _restore(self, kept: dict[str, Any]) -> None:
        for member, held in zip(self._members, kept.pop("members"), strict=True):
            member._restore(held)
        super()._restore(kept)


class SequentialLR(stock.SequentialLR):
    """One scheduler after the other, each from its own step 0 at its milestone: see `lrcore.presets.torch.SequentialLR`.

    Schedulers that are plans make one plan, and one row is written per step. Members that are sequences themselves may stand anywhere.

    >>> import torch
    >>> from lrcore_torch.lr_scheduler import ExponentialLR, LinearLR
    >>> optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
    >>> warmup, decay = LinearLR(optimizer, start_factor=0.5, total_iters=2), ExponentialLR(optimizer, gamma=0.5)
    >>> scheduler = SequentialLR(optimizer, [warmup, decay], milestones=[2])
    >>> for _ in range(4):
    ...     optimizer.step()
    ...     print(scheduler.get_last_lr(), end=" ")
    ...     scheduler.step()
    [0.5] [0.75] [1.0] [0.5]
    """

    def __new__(cls, optimizer: Any = None, schedulers: Any = (), *args: Any, **kwargs: Any) -> SequentialLR:
        if cls is SequentialLR and len(schedulers) and all(map(_is_plan, schedulers)):
            return PlannedSequentialLR.__new__(PlannedSequentialLR)
        return super().__new__(cls)

    def __init__(self, optimizer: Optimizer, schedulers: list[LRScheduler], milestones: list[int], last_epoch: int = -1) -> None:
        _checked("SequentialLR", schedulers, optimizer)
        super().__init__(optimizer, schedulers, milestones)
        if last_epoch != -1:
            self._update_lr(last_epoch + 1)

    def _initial_step(self) -> None:
        self.last_epoch = 0
        self._schedulers[bisect_right(self._milestones, 0)]._initial_step()

    def _update_lr(self, epoch: int | None = None) -> None:
        if epoch is None:
            self.step()
            return
        turn = bisect_right(self._milestones, epoch)
        self.last_epoch = epoch
        self._schedulers[turn]._update_lr(epoch - (self._milestones[turn - 1] if turn else 0))
        self._last_lr = self._schedulers[turn].get_last_lr()

    def get_lr(self) -> list[Any]:
        """The rates in force."""
        return self.get_last_lr()


class PlannedSequentialLR(_Composed, SequentialLR, arguments=("_milestones",)):  # type: ignore[misc]  # `_schedulers` is made when read
    """One scheduler after the other, as one plan."""

    multiplies = False

    def __init__(self, optimizer: Optimizer, schedulers: list[LRScheduler], milestones: list[int], last_epoch: int = -1) -> None:
        _checked("SequentialLR", schedulers, optimizer)
        if len(milestones) != len(schedulers) - 1:
            raise lr.SpecError("SequentialLR.milestones", f"{len(schedulers) - 1} milestones, one fewer than schedulers", milestones)
        self._members = list(schedulers)  # type: ignore[arg-type]
        self._left: dict[str, dict[str, float]] = {}
        self._start(optimizer, last_epoch, _milestones=list(map(whole, milestones)))

    def _compose(self, name: str, schedules: list[dict[str, lr.Schedule]]) -> dict[str, lr.Schedule]:
        """Fields that only some of them have hold, in between, what the one before left there."""
        made: dict[str, lr.Schedule] = {"lr": presets.SequentialLR([one["lr"] for one in schedules], self._milestones)}
        lengths = [stop - start for start, stop in pairwise([0, *self._milestones])]
        for field in sorted({field for one in schedules for field in one} - {"lr"}):
            phases, held = [], self._left_in(name)[field]
            for one, length in zip(schedules, [*lengths, 0], strict=True):
                phases.append(one.get(field, lr.Constant(held)))
                held = phases[-1](length - 1) if length > 0 else held
            made[field] = presets.SequentialLR(phases, self._milestones)
        return made

    def _left_in(self, name: str) -> dict[str, float]:
        """The momenta that a group held when it was attached."""
        if name not in self._left:
            group = self.optimizer.param_groups[names_of(self.optimizer).index(name)]
            held = {"momentum": group["momentum"]} if "momentum" in group else {}
            self._left[name] = held | ({"beta1": group["betas"][0]} if "betas" in group else {})
        return self._left[name]

    def _local_step(self, i: int) -> int:
        starts = [0, *self._milestones]
        last = starts[i + 1] - 1 if i < len(self._milestones) else self.last_epoch
        return max(min(self.last_epoch, last) - starts[i], -1)


class ChainedScheduler(stock.ChainedScheduler):
    """Several schedulers at once, their factors multiplied: see `lrcore.presets.torch.ChainedScheduler`.

    Schedulers that multiply the rate (not those that set it: LambdaLR, CyclicLR, OneCycleLR, CosineAnnealingWarmRestarts) make one
    plan, and one row is written per step.

    >>> import torch
    >>> from lrcore_torch.lr_scheduler import ExponentialLR, LinearLR
    >>> optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
    >>> scheduler = ChainedScheduler([LinearLR(optimizer, start_factor=0.5, total_iters=2), ExponentialLR(optimizer, gamma=0.5)])
    >>> for _ in range(4):
    ...     optimizer.step()
    ...     print(scheduler.get_last_lr(), end=" ")
    ...     scheduler.step()
    [0.5] [0.375] [0.25] [0.125]
    """

    def __new__(cls, schedulers: Any = (), *args: Any, **kwargs: Any) -> ChainedScheduler:
        planned = cls is ChainedScheduler and len(schedulers) and all(map(_is_factor, schedulers))
        if planned and len({scheduler.last_epoch for scheduler in schedulers}) == 1:
            return PlannedChainedScheduler.__new__(PlannedChainedScheduler)
        return super().__new__(cls)

    def __init__(self, schedulers: Sequence[LRScheduler], optimizer: Optimizer | None = None) -> None:
        _checked("ChainedScheduler", schedulers, optimizer)
        super().__init__(schedulers, optimizer)

    def get_lr(self) -> list[Any]:
        """The rates in force."""
        return self.get_last_lr()


class PlannedChainedScheduler(_Composed, ChainedScheduler):  # type: ignore[misc]
    """The product of schedulers that multiply the rate, as one plan."""

    def __init__(self, schedulers: Sequence[LRScheduler], optimizer: Optimizer | None = None) -> None:
        optimizer = _checked("ChainedScheduler", schedulers, optimizer)
        self._members = list(schedulers)  # type: ignore[arg-type]
        held = [copied(group["lr"]) for group in optimizer.param_groups]
        step = self._members[0].last_epoch
        self._start(optimizer, step - 1)
        self._update_lr(step)
        for name, rate in zip(names_of(optimizer), held, strict=True):
            self._scale_by(name, rate, self._bound.current(step)[name]["lr"], SAME)
        self._write(step)

    def _compose(self, name: str, schedules: list[dict[str, lr.Schedule]]) -> dict[str, lr.Schedule]:
        rate = self._members[0]._rates[name]
        rates = [one["lr"] for one in schedules]
        return {"lr": presets.ChainedScheduler(rates, rate) if rate and len(rates) > 1 else rates[0]}

    def _local_step(self, i: int) -> int:
        return self.last_epoch

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Go to the step of a state, of this class or of PyTorch's; the checkpoint's arguments win, and a warning says which."""
        known = [taken["last_epoch"] for taken in state_dict.get("_schedulers", ()) if "last_epoch" in taken]  # PyTorch's has none itself
        super().load_state_dict({"last_epoch": known[0], **state_dict} if known else state_dict)
