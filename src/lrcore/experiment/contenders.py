"""The schedules of an experiment: those of the field's tutorials by name, and any other as an expression, Schedule or Plan."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from difflib import get_close_matches
from typing import Any

from msgspec.structs import replace

from ..adaptive.rules import ReduceLROnPlateau, Rule
from ..errors import LrcoreError, SpecError
from ..expression import from_expression, to_expression
from ..plan import Plan
from ..schedule import Schedule
from .setup import Setup

ARTICLE = ("step", "exponential", "cosine", "plateau", "cyclic")
"""The five of the Keras article."""
PLATFORM = ("exponential", "cyclic", "step", "multistep", "plateau", "cosine_restarts")
"""The six of the training platform."""
PEAK, LEAST = 0.1, 0.001
"""Between these the article's rates lie."""
GROUP = "default"
"""What the only group of parameters is called."""

Given = str | Schedule | Plan
_WITH_NAME = re.compile(r"\s*([^\s=(){}\[\]>*+,][^=(){}\[\]>*+,]*?)\s*=\s*([^\s=].*)")


def _part(epochs: int, fraction: float) -> int:
    return max(1, round(epochs * fraction))


NAMED: dict[str, Callable[[float, float, int], str]] = {
    "step": lambda peak, least, epochs: f"step({peak}, 0.5, every={_part(epochs, 0.2)})",
    "exponential": lambda peak, least, epochs: f"exponential_decay({peak}, {0.95 ** (100 / epochs):.6g})",
    "cosine": lambda peak, least, epochs: f"cosine({peak}, {least}, {epochs})",
    "plateau": lambda peak, least, epochs: f"constant({peak})",
    "cyclic": lambda peak, least, epochs: f"cyclic({least}, {peak}, up={_part(epochs, 0.2)})",
    "multistep": lambda peak, least, epochs: f"multistep({peak}, {sorted({_part(epochs, 0.5), _part(epochs, 0.75)})}, 0.1)",
    "cosine_restarts": lambda peak, least, epochs: f"cosine_restarts({peak}, {least}, cycle={_part(epochs, 0.2)})",
    "constant": lambda peak, least, epochs: f"constant({peak})",
}
"""Name -> the schedule as an expression in epochs, of (peak, least rate, epochs): over 100 epochs with the parameters of the article."""


def plateau(epochs: int) -> Rule:
    """The rule of "plateau", which watches the test loss. A factor of 0.5 and a patience of a tenth of the epochs are our choice."""
    return ReduceLROnPlateau(factor=0.5, patience=_part(epochs, 0.1), convention="keras")


def contenders(given: Iterable[Given] | Mapping[str, Given], setup: Setup) -> dict[str, Plan]:
    """{name: Plan in updates} of the schedules to compare.

    given : names of NAMED, expressions such as "warmup_cosine(0.1, warmup=0.1, steps=0.9)", either with a name before it
        ("mine=cosine(...)"), Schedules and Plans; or {name: any of them}
    Those of NAMED have one value for each epoch, as Keras's LearningRateScheduler gives it. Lengths in the others count `setup.unit`,
    unless a Plan says itself what they count, and fractions are fractions of the run. With `setup.rate` each is scaled to that peak.

    Raises SpecError for what is no schedule, for names that repeat, and for a schedule without a peak to scale; PlanError for a plan
    that cannot drive the only group, "default".

    >>> from lrcore.experiment import Setup, contenders
    >>> plans = contenders(["step", "mine=linear(0.1, 0.0, 450)"], Setup(epochs=10))
    >>> {name: [plan.lr(t) for t in (0, 89, 90)] for name, plan in plans.items()}
    {'step': [0.1, 0.1, 0.05], 'mine': [0.1, 0.08022222222222222, 0.08]}
    """
    pairs = [(str(name), value) for name, value in given.items()] if isinstance(given, Mapping) else _with_names(given)
    if not pairs:
        raise SpecError("schedules", "at least one schedule", [], f"Known names are {', '.join(NAMED)}.")
    return {name: _plan(name, value, setup) for name, value in pairs}


def _with_names(given: Iterable[Given]) -> list[tuple[str, Given]]:
    pairs: dict[str, Given] = {}
    for value in [given] if isinstance(given, str | Schedule | Plan) else given:
        name, bare = named(value)
        add(pairs, name, bare, bare)
    return list(pairs.items())


def add(pairs: dict[str, Any], name: str | None, value: Any, source: Any) -> None:
    """Put a schedule under its name, or under one made of what it was written as (`source`); SpecError for a name that is taken."""
    if name in pairs:
        raise SpecError("schedules", "every name once", name, f"Give this one another: {name}2=...")
    pairs[name or _own_name(source, pairs)] = value


def named(value: Given) -> tuple[str | None, Given]:
    """The name written before a schedule, if there is one, and the schedule.

    >>> named("mine=cosine(0.1, 0.0, steps=90)"), named("cosine(0.1, 0.0, steps=90)")
    (('mine', 'cosine(0.1, 0.0, steps=90)'), (None, 'cosine(0.1, 0.0, steps=90)'))
    """
    found = _WITH_NAME.fullmatch(value) if isinstance(value, str) else None
    return (found[1], found[2]) if found else (None, value)


def _own_name(value: Given, taken: Mapping[str, Given]) -> str:
    """The name itself, that of the recipe an expression begins with, or the type's; numbered if it is taken."""
    found = re.match(r"[\s(]*([A-Za-z][\w.]*)", value) if isinstance(value, str) else None
    base = found[1] if found else "schedule"
    return next(name for i in range(1, len(taken) + 2) if (name := base if i == 1 else f"{base} {i}") not in taken)


def _plan(name: str, value: Given, setup: Setup) -> Plan:
    """What a name, an expression, a Schedule or a Plan means in this experiment, bound once to see whether it can be."""
    if isinstance(value, str):
        if value.strip() in NAMED:
            return _by_name(value.strip(), setup)
        value = _read(value)
    if not isinstance(value, Schedule | Plan):
        raise SpecError(f"schedules[{name!r}]", "a name, an expression, a Schedule or a Plan", value)
    plan = _over_the_run(value if isinstance(value, Plan) else Plan(value), setup)
    bound = plan.bind([GROUP])
    if setup.rate is None or plan.lr is None:
        return plan
    peak = bound.schedules[bound.columns.index((GROUP, "lr"))].extrema(setup.updates).greatest.value
    if not peak > 0:
        raise SpecError(f"schedules[{name!r}]", "a rate above 0 somewhere, to scale to the peak", peak)
    return replace(plan, lr=setup.rate / peak * plan.lr)


def _by_name(name: str, setup: Setup) -> Plan:
    schedule = from_expression(_text(name, setup))
    assert isinstance(schedule, Schedule)
    rule = plateau(setup.epochs) if name == "plateau" else None
    return Plan(schedule.per(setup.updates_per_epoch), horizon=setup.updates, adapt=rule)


def _text(name: str, setup: Setup) -> str:
    peak = PEAK if setup.rate is None else setup.rate
    return NAMED[name](peak, peak * (LEAST / PEAK), setup.epochs)


def is_named(plan: Plan, setup: Setup) -> str | None:
    """Which of NAMED a contender is, if any."""
    return next((name for name in NAMED if plan == _by_name(name, setup)), None)


def told(plan: Plan, setup: Setup) -> str:
    """What a contender is: for one of NAMED its expression in epochs, for any other one in updates.

    >>> from lrcore.experiment import Setup, contenders
    >>> setup = Setup()
    >>> for plan in contenders(["step", "plateau", "mine=linear(0.1, 0.0, 4500)"], setup).values():
    ...     print(told(plan, setup))
    step(0.1, 0.5, every=20) by epoch
    constant(0.1), times 0.5 after 10 epochs without a better test loss: Keras's rule, factor and patience of our choice
    linear(0.1, 0.0, 4500)
    """
    name = is_named(plan, setup)
    if isinstance(plan.adapt, ReduceLROnPlateau) and name:
        patience = "an epoch" if plan.adapt.patience == 1 else f"{plan.adapt.patience} epochs"
        when = f"times {plan.adapt.factor} after {patience} without a better test loss"
        return f"{_text(name, setup)}, {when}: Keras's rule, factor and patience of our choice"
    if name:
        return f"{_text(name, setup)} by epoch"
    alone = plan.adapt is None and plan.unit == "updates" and list(plan.defaults) == ["lr"]
    return to_expression(plan.bind([GROUP]).schedules[0] if alone else plan)


def _read(text: str) -> Schedule | Plan:
    """An expression; a single word that is none is taken for a misspelt name."""
    try:
        return from_expression(text)
    except LrcoreError:
        if re.fullmatch(r"\s*[A-Za-z][\w-]*\s*", text):
            near = get_close_matches(text.strip().replace("-", "_"), NAMED, 1)
            hint = f"Did you mean {near[0]}?" if near else "A recipe wants its arguments: cosine(0.1, 0.001, 4500)."
            raise SpecError("schedules", f"one of {', '.join(NAMED)}, or an expression", text.strip(), hint) from None
        raise


def _over_the_run(plan: Plan, setup: Setup) -> Plan:
    """The fields that the only group has, with fractions of the run where no horizon is given, and in updates if the setup says epochs."""
    fields = plan.written([GROUP])[GROUP]
    horizon = plan.horizon
    if plan.unit == "updates" and plan.clock is None:
        if setup.unit == "epochs":
            own = horizon or setup.epochs
            slow = {field: schedule if schedule.resolved else schedule.over(own) for field, schedule in fields.items()}
            fields = {field: schedule.per(setup.updates_per_epoch) for field, schedule in slow.items()}
            horizon = own * setup.updates_per_epoch
        horizon = horizon or setup.updates
    return Plan(fields=fields, horizon=horizon, unit=plan.unit, clock=plan.clock, adapt=plan.adapt)
