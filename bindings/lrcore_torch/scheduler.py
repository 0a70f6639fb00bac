"""An LRScheduler that writes one row of a plan into the optimizer's parameter groups, with one call into the kernel per step."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

import lrcore as lr

BETAS = {"beta1": 0, "beta2": 1}
"""Fields that torch keeps together in the tuple `betas`, with their places; every other field has the name of its key."""


class PlanScheduler(LRScheduler):
    """A plan applied to an optimizer: after k calls of `step()`, every group holds the plan's values of step k, as Python floats.

    optimizer : any torch optimizer; its groups are known by `group["name"]`, else as group0, group1, ...
    plan : a Plan, or a Schedule that then drives `lr` of every group
    on_change : what `load_state_dict` does if the checkpoint was made with another plan: "error" shows the differences, "keep"
        goes on with the checkpoint's plan, "replace" with this one at that step, "rebase" with this one scaled to go on from
        the value in force

    Making one writes the row of step 0. Fields are written under torch's keys (beta1 and beta2 as `betas`); those the plan does
    not schedule are left alone. Groups added later are found at the next step. Call `step()` after each `optimizer.step()`.

    Raises PlanError for a plan that does not fit the groups, and then leaves the optimizer as it was; StateError from
    `load_state_dict`.

    >>> import torch, lrcore as lr
    >>> optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.5)
    >>> scheduler = PlanScheduler(optimizer, lr.linear(1.0, 0.0, steps=4))
    >>> for _ in range(4):
    ...     optimizer.step()
    ...     scheduler.step()
    ...     print(scheduler.last_epoch, scheduler.get_last_lr())
    1 [0.75]
    2 [0.5]
    3 [0.25]
    4 [0.0]
    """

    # The base constructor is not called: it replaces `optimizer.step` and stores rates in the groups. What others read of it is here.
    def __init__(self, optimizer: Optimizer, plan: lr.Plan | lr.Schedule, *, on_change: lr.OnChange = "error") -> None:
        if not isinstance(optimizer, Optimizer):
            raise TypeError(f"PlanScheduler takes a torch optimizer, got {type(optimizer).__name__}.")
        if on_change not in lr.ON_CHANGE:
            raise lr.SpecError("on_change", f"one of {', '.join(lr.ON_CHANGE)}", on_change)
        self.optimizer = optimizer
        self.on_change = on_change
        self._base = self._attach(plan if isinstance(plan, lr.Plan) else lr.Plan(plan))
        self.base_lrs = [group["lr"] for group in optimizer.param_groups]
        self.last_epoch, self._step_count = -1, 0
        self.step()

    def _attach(self, plan: lr.Plan) -> dict[str, dict[str, float]]:
        """Find where every column of the plan is written; returns what stands there now, by group and field."""
        groups = self.optimizer.param_groups
        bound = plan.bind(_names(groups))
        index = {name: i for i, name in enumerate(bound.names)}
        held: dict[str, dict[str, float]] = {name: {} for name in bound.names}
        for name, field in bound.columns:
            held[name][field] = _value(name, field, groups[index[name]])
        # groups whose betas are scheduled get them by way of a dictionary of their own, which stands behind the groups
        self._pairs: dict[int, dict[str, float]] = {index[name]: {} for name, field in bound.columns if field in BETAS}
        behind = {i: len(groups) + n for n, i in enumerate(self._pairs)}
        places = [behind[index[name]] if field in BETAS else index[name] for name, field in bound.columns]
        self._places = None if places == list(range(len(groups))) else places  # None: a column for each group, in their order
        self._keys = [field for _, field in bound.columns]
        self._bound, self._program = bound, bound.program
        return held

    @property
    def plan(self) -> lr.Plan:
        """The plan in force."""
        return self._bound.plan

    def step(self, epoch: int | None = None) -> None:
        """Go on to the next step, or to step `epoch`, and write its row."""
        self._step_count += 1
        self._update_lr(epoch)

    def _update_lr(self, epoch: int | None = None) -> None:
        groups = self.optimizer.param_groups  # read anew: optimizer.load_state_dict replaces the list and every dictionary in it
        if len(groups) != len(self._bound.names):
            self._base = self._attach(self.plan) | self._base
        step = self.last_epoch + 1 if epoch is None else epoch
        if self._places is None:
            lr.write_row(self._program, step, groups, self._keys)
        else:
            pool = [*groups, *self._pairs.values()]
            lr.write_row(self._program, step, [pool[place] for place in self._places], self._keys)
            for i, pair in self._pairs.items():
                beta1, beta2 = groups[i]["betas"]
                groups[i]["betas"] = (pair.get("beta1", beta1), pair.get("beta2", beta2))
        self.last_epoch = step

    def get_last_lr(self) -> list[float | Tensor]:
        """The rates in force, group by group."""
        return [group["lr"] for group in self.optimizer.param_groups]

    def get_lr(self) -> list[float | Tensor]:
        """The same as `get_last_lr`: the plan's rates at `last_epoch`."""
        return self.get_last_lr()

    def state_dict(self) -> dict[str, Any]:
        """Step, plan and fingerprint, in plain Python types; a few hundred bytes, whatever the length of the run."""
        return lr.make_state(self._bound, self.last_epoch, self._base)

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Go to the step of a state, and write its row. Loading twice is the same as loading once."""
        plan, step = lr.check_state(state_dict, self.plan, self.on_change, _names(self.optimizer.param_groups))
        self._attach(plan)
        self._base = {name: dict(fields) for name, fields in state_dict["base"].items()}
        self._update_lr(step)

    def __repr__(self) -> str:
        return f"PlanScheduler(step {self.last_epoch:,}, {len(self._bound.names):,} groups, plan {self.plan.fingerprint[:12]})"


def _names(groups: list[dict[str, Any]]) -> list[str]:
    return [group.get("name", f"group{i}") for i, group in enumerate(groups)]


def _value(name: str, field: str, group: dict[str, Any]) -> float:
    """What a group holds in a field; refuses one the optimizer does not have, and a tensor."""
    key = "betas" if field in BETAS else field
    if key not in group:
        known = ", ".join(key for key in group if key not in ("params", "name"))
        raise lr.PlanError(f"The plan schedules {field} of {name!r}, and its optimizer has no {key}. It has {known}.")
    value: float | Tensor = group[key][BETAS[field]] if field in BETAS else group[key]
    if isinstance(value, Tensor):
        raise lr.PlanError(f"{key} of {name!r} is a tensor, and PlanScheduler writes Python floats. Make the optimizer with a float.")
    return value
