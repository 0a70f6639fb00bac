"""A plan as code of stock torch schedulers: for a project, a colleague or a paper that shall not need lrcore."""

from __future__ import annotations

import textwrap
from keyword import iskeyword
from typing import Any

from torch.optim import lr_scheduler

import lrcore as lr
from lrcore_numpy.code.functions import RESERVED, Functions

from .stock import stock, together

_OWN_NAMES = {"scheduler", "settings", "group", "values", "zip", "dict"}


def to_code(plan: lr.Plan | lr.BoundPlan | lr.Schedule, *, optimizer: str = "optimizer") -> str:
    """Python code that makes a stock scheduler of torch with the plan's values, from a live `optimizer`; it imports torch and math.

    plan : a Plan, a Schedule that drives `lr` of every group, or what `plan.bind(names)` gives, whose groups are then taken in
        the order of the names: the order of `optimizer.param_groups`
    optimizer : what the code calls the optimizer: a name, or a dotted one such as self.optimizer

    Where a class of `torch.optim.lr_scheduler` has these values at every step and past the end, the code makes it (SequentialLR of
    several too); torch multiplies the rate in force, so rounding errors add up to about 1e-12 of the largest rate in 10,000
    steps. Everything else is a function of the step for LambdaLR, in closed form, right to 1e-12. OneCycleLR alone is
    also made where it ends with the run: for a plan whose horizon it reaches, and where momentum goes with it.

    The code sets the groups' `lr` (rates are absolute) and the fields the plan holds constant. Of other fields torch changes
    momentum (or beta1) alone, along CyclicLR or OneCycleLR.

    Raises PlanError for what stock schedulers cannot do: rules, other fields that change, noise, more than 4,096 samples; SpecError for
    fractions of a horizon that is not known, and for an optimizer that is no name.

    >>> import lrcore as lr
    >>> print(to_code(lr.step(0.1, 0.5, every=30)))
    from torch.optim.lr_scheduler import StepLR
    <BLANKLINE>
    for group in optimizer.param_groups:
        group.update(lr=0.1, initial_lr=0.1)
    scheduler = StepLR(optimizer, step_size=30, gamma=0.5)
    <BLANKLINE>
    >>> print(to_code(lr.linear(0.0, 0.1, 5) >> lr.inverse_time(0.1, 0.02)))
    from torch.optim.lr_scheduler import LambdaLR
    ...
    def rate(t):
        if t < 5:
            return ramp(linear, 0.0, 0.1, t, 5)
        return 0.1 / (1 + 0.02 * (t - 5))
    <BLANKLINE>
    <BLANKLINE>
    for group in optimizer.param_groups:
        group.update(lr=1.0, initial_lr=1.0)
    scheduler = LambdaLR(optimizer, rate)
    <BLANKLINE>
    """
    _check_name(optimizer)
    bound = _bound(plan)
    if bound.plan.adapt is not None:
        raise lr.PlanError(
            "The plan has a rule, and its rates depend on a metric that is not known yet. Leave adapt out, and step a ReduceLROnPlateau "
            "beside what this makes, or drive the plan with PlanScheduler."
        )
    groups = _Groups(bound, optimizer)
    code = _stock_code(groups, bound.plan.horizon)
    if groups.momenta and code is None:
        name = next(iter(groups.momenta))
        raise lr.PlanError(
            f"momentum of group {name!r} changes, and stock schedulers change it only along CyclicLR and OneCycleLR, together with lr in "
            "every group; this plan is neither. Hold it constant, or drive the plan with PlanScheduler."
        )
    return code or _lambda_code(groups)


class _Groups:
    """The plan by group: rates, momenta that change, and the constants to set."""

    def __init__(self, bound: lr.BoundPlan, optimizer: str) -> None:
        self.optimizer = optimizer
        self.alike = not bound.plan.groups
        self.names = bound.names[:1] if self.alike else bound.names
        self.rates: dict[str, lr.Schedule] = {}
        self.momenta: dict[str, lr.Schedule] = {}
        self.constants: dict[str, dict[str, float]] = {name: {} for name in self.names}
        for (name, field), schedule in zip(bound.columns, bound.schedules, strict=True):
            if name not in self.constants:
                continue
            if field == "lr":
                self.rates[name] = schedule
            elif _is_constant(schedule):
                self.constants[name][field] = schedule(0)
            elif field in ("momentum", "beta1"):
                self.momenta[name] = schedule
            else:
                raise lr.PlanError(
                    f"{field} of group {name!r} changes, and stock schedulers change only lr and momentum. "
                    "Hold it constant, or drive the plan with PlanScheduler."
                )
        if not self.rates:
            raise lr.PlanError("The plan schedules no lr, and a stock scheduler always does. Give it lr=, a constant if it shall stay.")

    def settings(self, rates: dict[str, float]) -> str:
        """The statements that give every group its rate and its constants."""
        each = [self._values(name, rates.get(name)) for name in self.names]
        if not any(each):
            return ""
        if self.alike:
            return f"for group in {self.optimizer}.param_groups:\n    group.update({_keywords(each[0])})\n"
        rows = "".join(f"    lambda group: dict({_keywords(one)}),  # {name}\n" for name, one in zip(self.names, each, strict=True))
        rows = rows if "group[" in rows else rows.replace("lambda group: ", "")
        values = "values(group)" if "group[" in rows else "values"
        return (
            f"settings = [\n{rows}]\nfor group, values in zip({self.optimizer}.param_groups, settings, strict=True):\n"
            f"    group.update({values})\n"
        )

    def _values(self, name: str, rate: float | None) -> dict[str, str]:
        """What a group is updated with, as code."""
        constants = {field: repr(value) for field, value in self.constants[name].items()}
        betas = [constants.pop(f"beta{i + 1}", f'group["betas"][{i}]') for i in (0, 1)]
        if betas != ['group["betas"][0]', 'group["betas"][1]']:
            constants["betas"] = f"({', '.join(betas)})"
        return ({} if rate is None else {"lr": repr(rate), "initial_lr": repr(rate)}) | constants


def _keywords(values: dict[str, str]) -> str:
    return ", ".join(f"{name}={value}" for name, value in values.items())


def _stock_code(groups: _Groups, horizon: int | None) -> str | None:
    """One stock scheduler for all groups, if there is one."""
    if len(groups.rates) < len(groups.names) or len(groups.momenta) not in (0, len(groups.names)):
        return None
    each = {name: stock(groups.rates[name], groups.momenta.get(name), horizon) for name in groups.names}
    found = together(list(each.values()))
    if found is None:
        return None
    settings = groups.settings({name: one.base for name, one in each.items() if one is not None and one.base is not None})
    imports = f"from torch.optim.lr_scheduler import {', '.join(sorted(found.classes()))}\n\n"
    note = f"# {found.note}\n" if found.note else ""
    return f"{imports}{settings}{note}scheduler = {found.call(groups.optimizer)}\n"


def _lambda_code(groups: _Groups) -> str:
    functions = Functions(_OWN_NAMES | {groups.optimizer.split(".")[0]}, "PlanScheduler")
    called = []
    for name in groups.names:
        where = "lr" if groups.alike else f"lr of group {name!r}"
        wish = "rate" if groups.alike else f"rate_{_identifier(name)}"
        rate = groups.rates.get(name)
        called.append("lambda t: 1.0" if rate is None else functions.of(rate, wish, where))
    text = functions.text()
    imports = ("import math\n\n" if functions.uses_math else "") + "from torch.optim.lr_scheduler import LambdaLR\n"
    settings = groups.settings(dict.fromkeys(groups.rates, 1.0))
    given = called[0] if groups.alike else f"[{', '.join(called)}]"
    if len(given) > 100:
        given = "[\n" + textwrap.indent("".join(f"    {one},\n" for one in called), "    ") + "    ]"
    return f"{imports}\n\n{text}\n\n\n{settings}scheduler = LambdaLR({groups.optimizer}, {given})\n"


def _bound(plan: Any) -> lr.BoundPlan:
    if isinstance(plan, lr.Schedule):
        plan = lr.Plan(plan)
    if isinstance(plan, lr.Plan):
        return plan.bind()
    if not isinstance(plan, lr.BoundPlan):
        raise lr.SpecError("plan", "a Plan, a BoundPlan or a Schedule", plan)
    return plan


def _check_name(optimizer: Any) -> None:
    parts = optimizer.split(".") if isinstance(optimizer, str) else [""]
    if not all(part.isidentifier() and not iskeyword(part) for part in parts):
        raise lr.SpecError("optimizer", "a name such as optimizer or self.optimizer", optimizer)
    if parts[0] in RESERVED | _OWN_NAMES or hasattr(lr_scheduler, parts[0]):
        raise lr.SpecError("optimizer", "a name the code does not use itself", optimizer)


def _identifier(name: str) -> str:
    return "".join(letter if letter.isalnum() else "_" for letter in name)


def _is_constant(schedule: lr.Schedule) -> bool:
    match schedule:
        case lr.Constant():
            return True
        case lr.Ramp():
            return schedule.start == schedule.stop
        case lr.Product() | lr.Sum() | lr.Minimum() | lr.Maximum():
            return all(map(_is_constant, schedule.terms))
    return False
