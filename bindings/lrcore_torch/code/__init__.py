"""A plan as code of stock torch schedulers: for a project, a colleague or a paper that shall not need lrcore.

stock.py     which class of torch has a schedule's values
groups.py    a plan by parameter groups, and what is set once
plateau.py   a rule as ReduceLROnPlateau

Nothing here needs torch: what its classes compute is known in closed form, and the tests compare it with them.
"""

from __future__ import annotations

from keyword import iskeyword
from typing import Any

import lrcore as lr
from lrcore_numpy.code import identifier
from lrcore_numpy.code.dialects import RESERVED
from lrcore_numpy.code.functions import Functions
from lrcore_numpy.code.heading import heading
from lrcore_numpy.code.layout import commented, module, number

from .groups import Groups, keywords, with_betas
from .plateau import plateau_code
from .stock import CLASSES, stock, together

_OWN_NAMES = {"scheduler", "group", "groups", "PlanLR", "LRScheduler", "self", *CLASSES}
Parts = tuple[str, ...]
"""The imports, and what follows them."""

_USE = "Call scheduler.step() once after each optimizer.step(). The optimizer exists before this code runs."
_USE_RULE = "Call scheduler.step(metric) with each new loss or score. The optimizer exists before this code runs."


def to_code(plan: lr.Plan | lr.BoundPlan | lr.Schedule, *, optimizer: str = "optimizer") -> str:
    """Python code that makes a stock scheduler of torch with the plan's values, from a live `optimizer`; it needs torch alone.

    plan : a Plan, a Schedule that drives `lr` of every group, or what `plan.bind(names)` gives, whose groups are then taken in
        the order of the names: the order of `optimizer.param_groups`
    optimizer : what the code calls the optimizer: a name, or a dotted one such as self.optimizer

    Where a class of `torch.optim.lr_scheduler` has these values at every step and past the end, the code makes it (SequentialLR of
    several too); torch multiplies the rate in force, so rounding errors add up to about 1e-12 of the largest rate in 10,000
    steps. Everything else is a function of the step for LambdaLR, in closed form, right to 1e-12. OneCycleLR is
    made where it ends with the run, as it raises past its end: for a plan whose horizon it reaches.

    The code sets the groups' `lr` (rates are absolute) and the fields the plan holds constant. Fields other than lr that change are
    written by an LRScheduler of its own, unless CyclicLR or OneCycleLR has momentum (or beta1) along with the rate. A rule is
    torch's ReduceLROnPlateau, on constant rates. The code is written without torch, too.

    Raises PlanError for what stock schedulers cannot do: other rules, more than 4,096 samples; SpecError for fractions of a horizon that
    is not known, and for an optimizer that is no name.

    >>> import lrcore as lr
    >>> print(to_code(lr.step(0.1, 0.5, every=30)))
    # curve(0.1, "geometric", gamma=0.5).per(30)
    # Call scheduler.step() once after each optimizer.step(). The optimizer exists before
    # this code runs.
    from torch.optim.lr_scheduler import StepLR
    <BLANKLINE>
    for group in optimizer.param_groups:
        group.update(lr=0.1, initial_lr=0.1)
    scheduler = StepLR(optimizer, step_size=30, gamma=0.5)
    <BLANKLINE>
    >>> print(to_code(lr.linear(0.0, 0.1, 5) >> lr.inverse_time(0.1, 0.02)))
    # linear(0.0, 0.1, 5) >> inverse_time(0.1, rate=0.02)
    ...
    from torch.optim.lr_scheduler import LambdaLR
    <BLANKLINE>
    <BLANKLINE>
    def learning_rate(step):
        if step < 5:
            return 0.1 * step / 5
        return 0.1 / (1 + 0.02 * (step - 5))
    <BLANKLINE>
    <BLANKLINE>
    for group in optimizer.param_groups:
        group.update(lr=1.0, initial_lr=1.0)  # LambdaLR multiplies these
    scheduler = LambdaLR(optimizer, learning_rate)
    <BLANKLINE>
    """
    _check_name(optimizer)
    bound = lr.bound_plan(plan)
    groups = Groups(bound, optimizer)
    ruled = bound.plan.adapt is not None
    code: Parts
    if ruled:
        code = plateau_code(groups, bound)
    elif groups.rates:
        code = _stock_code(groups, bound.plan.horizon) or (_stepping_code if groups.changing else _lambda_code)(groups)
    else:
        code = _stepping_code(groups)
    return module(heading(plan, bound, _USE_RULE if ruled else _USE), *code)


def _stock_code(groups: Groups, horizon: int | None) -> Parts | None:
    """One stock scheduler for all groups, if there is one."""
    momenta = groups.momenta()
    if len(groups.rates) < len(groups.names) or momenta is None:
        return None
    each = {name: stock(groups.rates[name], momenta.get(name), horizon) for name in groups.names}
    found = together(list(each.values()))
    if found is None:
        return None
    settings = groups.settings({name: one.base for name, one in each.items() if one is not None and one.base is not None})
    note = commented(found.note) if found.note else ""
    imports = f"from torch.optim.lr_scheduler import {', '.join(sorted(found.classes()))}"
    return imports, f"{settings}{note}scheduler = {found.call(groups.optimizer)}"


def _functions(groups: Groups) -> Functions:
    return Functions(_OWN_NAMES | {groups.optimizer.split(".")[0]}, "PlanScheduler")


def _named(groups: Groups, name: str, field: str) -> tuple[str, str]:
    """What the function of a field is called, and what errors call it."""
    word = {"lr": "learning_rate"}.get(field, field)
    return (word, field) if groups.alike else (f"{word}_{identifier(name)}", f"{field} of group {name!r}")


def _lambda_code(groups: Groups) -> Parts:
    functions = _functions(groups)
    called = []
    for name in groups.names:
        rate = groups.rates.get(name)
        called.append("lambda step: 1.0" if rate is None else functions.of(rate, *_named(groups, name, "lr")))
    settings = groups.settings(dict.fromkeys(groups.rates, 1.0))
    settings = settings.replace("initial_lr=1.0)\n", "initial_lr=1.0)  # LambdaLR multiplies these\n", 1)
    given = called[0] if groups.alike else f"[{', '.join(called)}]"
    imports = functions.imports("from torch.optim.lr_scheduler import LambdaLR")
    return imports, functions.text(), f"{settings}scheduler = LambdaLR({groups.optimizer}, {given})"


def _stepping_code(groups: Groups) -> Parts:
    """A scheduler of its own, for fields that no stock one changes."""
    functions = _functions(groups)
    lines = [] if groups.alike else [groups.unpacked("groups", 8).strip()]
    for name in groups.names:
        place = "group" if groups.alike else groups.variables[name]
        schedules = {"lr": groups.rates[name]} if name in groups.rates else {}
        schedules |= {field: schedule for (each, field), schedule in groups.changing.items() if each == name}
        values = {field: f"{functions.of(schedule, *_named(groups, name, field))}(step)" for field, schedule in schedules.items()}
        values |= {field: number(value) for field, value in groups.constants[name].items()}
        if groups.alike:
            lines += ["for group in groups:", f"    group.update({keywords(with_betas(values, place))})"]
        elif values:
            lines.append(f"{place}.update({keywords(with_betas(values, place))})")
    body = "".join(f"        {line}\n" for line in lines)
    kind = (
        'class PlanLR(LRScheduler):\n    """Sets every scheduled value of every parameter group."""\n\n'
        "    def get_lr(self):\n        step, groups = self.last_epoch, self.optimizer.param_groups\n"
        f'{body}        return [group["lr"] for group in groups]'
    )
    imports = functions.imports("from torch.optim.lr_scheduler import LRScheduler")
    return imports, functions.text(), kind, f"scheduler = PlanLR({groups.optimizer})"


def _check_name(optimizer: Any) -> None:
    parts = optimizer.split(".") if isinstance(optimizer, str) else [""]
    if not all(part.isidentifier() and not iskeyword(part) for part in parts):
        raise lr.SpecError("optimizer", "a name such as optimizer or self.optimizer", optimizer)
    if parts[0] in RESERVED | _OWN_NAMES - {"self"}:
        raise lr.SpecError("optimizer", "a name the code does not use itself", optimizer)
