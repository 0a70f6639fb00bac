"""CyclicLR and OneCycleLR: a rate and, against it, a momentum."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from copy import copy
from typing import Any, Literal

from torch.optim import Optimizer
from torch.optim import lr_scheduler as stock

import lrcore as lr
from lrcore.presets import torch as presets

from .planned import Planned, initial_rates, listed, whole

Strategy = Literal["cos", "linear"]
Mode = Literal["triangular", "triangular2", "exp_range"]


class _Cycled(Planned):
    """What the two share: values that may be lists, one for each group, and the momentum of either kind of optimizer."""

    multiplies = False
    cycle_momentum: bool

    def _momentum_field(self, optimizer: Optimizer) -> str:
        if "betas" in optimizer.defaults:
            return "beta1"
        if "momentum" not in optimizer.defaults:
            kind = type(optimizer).__name__
            raise lr.SpecError("optimizer", "one with momentum or betas", kind, "Pass cycle_momentum=False to leave momentum alone.")
        return "momentum"

    def _key(self, rate: float, place: int | None) -> tuple[Any, ...]:
        """The values of the group at this place; one that was added later takes those that all groups have in common."""
        for name, values in self._lists.items():
            if place is None and len(set(values)) > 1:
                raise lr.PlanError(f"{name} was given as a list for {len(values)} groups, and one was added. Make a new scheduler.")
        return tuple(values[place or 0] for values in self._lists.values())

    _lists: dict[str, list[float]]
    """Arguments that may differ between groups, one value for each."""

    def _kept(self) -> dict[str, Any]:
        held = {name: copy(self.__dict__[name]) for name in ("_lists", "_phases", "_shape") if name in self.__dict__}
        return super()._kept() | held


class OneCycleLR(_Cycled, stock.OneCycleLR):
    """Up to max_lr and down again, once, and the momentum against it: see `lrcore.presets.torch.OneCycleLR`.

    Past the last step the last value holds. There is no attribute `total_steps`: Accelerate stops stepping schedulers that have one.

    >>> import torch
    >>> optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], momentum=0.9)
    >>> scheduler = OneCycleLR(optimizer, max_lr=1.0, total_steps=11, pct_start=5 / 11)
    >>> scheduler.step(4)
    >>> scheduler.get_last_lr(), optimizer.param_groups[0]["momentum"]
    ([1.0], 0.85)
    """

    def __init__(
        self, optimizer: Optimizer, max_lr: float | list[float], total_steps: int | None = None, epochs: int | None = None,
        steps_per_epoch: int | None = None, pct_start: float = 0.3, anneal_strategy: Strategy = "cos", cycle_momentum: bool = True,
        base_momentum: float | list[float] = 0.85, max_momentum: float | list[float] = 0.95, div_factor: float = 25.0,
        final_div_factor: float = 1e4, three_phase: bool = False, last_epoch: int = -1,
    ) -> None:  # fmt: skip
        initial_rates(optimizer, last_epoch)
        if not isinstance(pct_start, float):
            raise lr.SpecError("pct_start", "a float from 0 to 1", pct_start)
        self._phases: dict[str, Any] = {
            "total_steps": total_steps, "epochs": epochs, "steps_per_epoch": steps_per_epoch, "pct_start": pct_start,
            "anneal_strategy": anneal_strategy, "div_factor": div_factor, "final_div_factor": final_div_factor,
            "three_phase": three_phase,
        }  # fmt: skip
        peaks = listed("max_lr", optimizer, max_lr)
        self.cycle_momentum, self._field = cycle_momentum, ""
        self._lists = {"max_lr": peaks}
        if cycle_momentum:
            self._field = self._momentum_field(optimizer)
            self.use_beta1 = self._field == "beta1"
            self._lists["base_momentum"] = listed("base_momentum", optimizer, base_momentum)
            self._lists["max_momentum"] = listed("max_momentum", optimizer, max_momentum)
        rates = [peak / div_factor for peak in peaks] if last_epoch == -1 else initial_rates(optimizer, last_epoch)
        self._start(optimizer, last_epoch, rates)
        if last_epoch == -1:
            for i, (group, rate) in enumerate(zip(optimizer.param_groups, rates, strict=True)):
                group.update(initial_lr=rate, max_lr=peaks[i], min_lr=rate / final_div_factor)
                if cycle_momentum:
                    group.update({name: self._lists[name][i] for name in ("max_momentum", "base_momentum")})

    def _adopt(self, state: Mapping[str, Any]) -> None:
        super()._adopt(state)
        if "total_steps" in state:
            total, ends = state["total_steps"], state["_schedule_phases"]
            self._phases |= {"total_steps": total, "pct_start": (ends[0]["end_step"] + 1) / total, "three_phase": len(ends) == 3}
            self._phases["anneal_strategy"] = state["_anneal_func_type"]

    def _schedules(self, peak: float, low: float = 0.0, high: float = 0.0) -> dict[str, lr.Schedule]:
        made: dict[str, lr.Schedule] = {"lr": presets.OneCycleLR(peak, **self._phases)}
        if self.cycle_momentum:
            made[self._field] = presets.OneCycleLR_momentum(peak, base_momentum=low, max_momentum=high, **self._phases)
        return made


class CyclicLR(stock.CyclicLR):
    """Up from base_lr to max_lr and down again, for ever, and the momentum against it: see `lrcore.presets.torch.CyclicLR`.

    With a scale_fn, gamma above 1, or half-cycles of a fraction of a step it is PyTorch's own class that runs: none of these can be
    stored as a schedule.
    """

    def __new__(cls, *args: Any, **kwargs: Any) -> CyclicLR:
        if cls is CyclicLR and _is_plan(*args, **kwargs):
            return PlannedCyclicLR.__new__(PlannedCyclicLR)
        return super().__new__(cls)


def _is_plan(
    optimizer: Any = None, base_lr: Any = None, max_lr: Any = None, step_size_up: Any = 2000, step_size_down: Any = None,
    mode: Any = "triangular", gamma: Any = 1.0, scale_fn: Any = None, *rest: Any, **others: Any,
) -> bool:  # fmt: skip
    lengths = (step_size_up, step_size_up if step_size_down is None else step_size_down)
    return scale_fn is None and not (mode == "exp_range" and gamma > 1) and all(length == int(length) for length in lengths)


class PlannedCyclicLR(_Cycled, CyclicLR):
    """CyclicLR as a plan."""

    def __init__(
        self, optimizer: Optimizer, base_lr: float | list[float], max_lr: float | list[float], step_size_up: int = 2000,
        step_size_down: int | None = None, mode: Mode = "triangular", gamma: float = 1.0, scale_fn: Callable[[float], float] | None = None,
        scale_mode: Literal["cycle", "iterations"] = "cycle", cycle_momentum: bool = True, base_momentum: float | list[float] = 0.8,
        max_momentum: float | list[float] = 0.9, last_epoch: int = -1,
    ) -> None:  # fmt: skip
        initial_rates(optimizer, last_epoch)
        self.gamma, self.cycle_momentum, self._field = gamma, cycle_momentum, ""
        self.scale_mode = "iterations" if mode == "exp_range" else "cycle"
        down = step_size_up if step_size_down is None else step_size_down
        self.total_size = float(step_size_up + down)  # type: ignore[assignment]
        self.step_ratio = step_size_up / self.total_size if self.total_size else 0.0
        self._shape: dict[str, Any] = {
            "step_size_up": whole(step_size_up), "step_size_down": whole(down), "mode": mode,
            "gamma": gamma if mode == "exp_range" else 1.0,
        }  # fmt: skip
        lows = listed("base_lr", optimizer, base_lr)
        self.max_lrs = listed("max_lr", optimizer, max_lr)
        self._lists = {"base_lr": lows, "max_lr": self.max_lrs}
        if cycle_momentum:
            self._field = self._momentum_field(optimizer)
            self.use_beta1 = self._field == "beta1"
            self.base_momentums = self._lists["base_momentum"] = listed("base_momentum", optimizer, base_momentum)
            self.max_momentums = self._lists["max_momentum"] = listed("max_momentum", optimizer, max_momentum)
        self._start(optimizer, last_epoch, lows)
        self.mode = mode
        if cycle_momentum and last_epoch == -1:
            for i, group in enumerate(optimizer.param_groups):
                group.update(max_momentum=self.max_momentums[i], base_momentum=self.base_momentums[i])

    def _adopt(self, state: Mapping[str, Any]) -> None:
        super()._adopt(state)
        if "total_size" in state:
            up = round(state["step_ratio"] * state["total_size"])
            self._shape |= {"step_size_up": up, "step_size_down": round(state["total_size"]) - up, "mode": state["mode"]}
            self._shape["gamma"] = state["gamma"] if state["mode"] == "exp_range" else 1.0
            for name in self._lists:
                self._lists[name] = list(state[f"{name}s"])

    def _schedules(self, bottom: float, top: float, low: float = 0.0, high: float = 0.0) -> dict[str, lr.Schedule]:
        made: dict[str, lr.Schedule] = {"lr": presets.CyclicLR(bottom, top, **self._shape)}
        if self.cycle_momentum:
            made[self._field] = presets.CyclicLR_momentum(bottom, top, base_momentum=low, max_momentum=high, **self._shape)
        return made
