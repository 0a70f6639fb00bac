"""A plan's rule as torch's own ReduceLROnPlateau."""

from __future__ import annotations

from typing import Any

import lrcore as lr
from lrcore_numpy.code.rules import limits, rule_of

from .groups import Groups
from .stock import shown

_DEFAULTS = {
    "mode": "min", "factor": 0.1, "patience": 10, "threshold": 1e-4, "threshold_mode": "rel", "cooldown": 0, "eps": 1e-8,
}  # fmt: skip


def plateau_code(groups: Groups, bound: lr.BoundPlan) -> tuple[str, str]:
    """Import and statements; PlanError for what the class cannot follow."""
    rule = rule_of(bound, "torch", "torch.optim.lr_scheduler.ReduceLROnPlateau")
    changing = [(name, "lr") for name in groups.names if name in groups.rates and not groups.steady(name)] + [*groups.changing]
    if changing:
        name, field = changing[0]
        raise lr.PlanError(
            f"{field} of group {name!r} changes, and torch's ReduceLROnPlateau works on constant values. Hold it constant, or take the "
            'code for "lrcore", whose PlanScheduler has a rule on top of any schedule.'
        )
    args: dict[str, Any] = {name: getattr(rule, name) for name, usual in _DEFAULTS.items() if getattr(rule, name) != usual}
    least = limits(bound)
    if any(least):
        args["min_lr"] = least[0] if len({*least}) == 1 else least
    given = "".join(f", {name}={shown(value)}" for name, value in args.items())
    settings = groups.settings({name: schedule(0) for name, schedule in groups.rates.items()}, initial=False)
    made = f"scheduler = ReduceLROnPlateau({groups.optimizer}{given})"
    return "from torch.optim.lr_scheduler import ReduceLROnPlateau", f"{settings}{made}"
