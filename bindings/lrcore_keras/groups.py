"""Which variables of a model make a group, and where a Keras optimizer keeps what a plan schedules."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import keras
import numpy as np

import lrcore as lr

from .rules import AdaptedRates
from .schedule import PlanSchedule

Rules = tuple[tuple[str, str], ...]
"""(regular expression for the path of a variable, name of its group), in the order in which they are tried."""

RATE = "learning_rate"
_ATTRIBUTES = {"lr": RATE, "beta1": "beta_1", "beta2": "beta_2", "eps": "epsilon"}
"""Fields that Keras calls otherwise. torch's alpha of RMSprop is Keras's rho."""
TINY = float(np.finfo(np.float32).tiny)
_AROUND = (
    "clipnorm", "clipvalue", "global_clipnorm", "ema_momentum", "ema_overwrite_frequency",
    "loss_scale_factor", "gradient_accumulation_steps",
)  # fmt: skip
"""What an optimizer reads around the update of a variable, for all of them at once."""


def checked_rules(rules: Any) -> Rules:
    """Rules as pairs, each a regular expression that compiles and the name of a group; a SpecError for anything else."""
    if not isinstance(rules, Mapping) or not rules:
        raise lr.SpecError("rules", "a mapping from regular expressions to groups", rules, 'Write {"bias$": "biases", ".*": "weights"}.')
    pairs = []
    for pattern, group in rules.items():
        if not (isinstance(pattern, str) and isinstance(group, str) and pattern and group):
            raise lr.SpecError("rules", "regular expressions with names of groups", {pattern: group}, 'Write {"bias$": "biases"}.')
        try:
            re.compile(pattern)
        except re.error as error:
            raise lr.SpecError("rules", f"regular expressions ({error})", pattern) from None
        pairs.append((pattern, group))
    return tuple(pairs)


def names_of(plan: lr.Plan, rules: Rules | None) -> list[str]:
    """The groups there are: those of the rules, or one. A PlanError for a plan with groups that no rules fill."""
    if rules is not None:
        return list(dict.fromkeys(group for _, group in rules))
    if plan.groups:
        raise lr.PlanError(
            f"The plan has the groups {_listed(pattern for pattern, _ in plan.groups)}, and no rules say which variables are in them. "
            'Pass rules={regular expression for variable.path: group}, such as {"head/": "head", ".*": "body"}.'
        )
    return ["default"]


def groups_of(paths: Sequence[str], rules: Rules) -> list[str]:
    """The group of every variable: that of the first rule found in its path.

    Raises PlanError for a rule that no variable matches or that others hide, for a variable that no rule matches, and for one
    that is in the way of two rules with different groups where neither is the narrower one, so that their order would decide it.
    """
    matched = {pattern: {path for path in paths if re.search(pattern, path)} for pattern, _ in rules}
    for pattern, _ in rules:
        if not matched[pattern]:
            raise lr.PlanError(f"rules[{pattern!r}] matches none of the variables {_listed(paths)}. Correct it, or leave it out.")
    taken: dict[str, tuple[str, str]] = {}
    for pattern, group in rules:
        free = [path for path in matched[pattern] if path not in taken]
        if not free:
            first = taken[min(matched[pattern])][0]
            raise lr.PlanError(
                f"rules[{pattern!r}] is never reached: rules before it, such as {first!r}, take {_listed(sorted(matched[pattern]))}. "
                "Write it earlier."
            )
        for path in sorted(matched[pattern] - set(free)):
            first, other = taken[path]
            if other != group and not matched[first] <= matched[pattern]:
                raise lr.PlanError(
                    f"{path!r} matches rules[{first!r}] for group {other!r} and rules[{pattern!r}] for group {group!r}, and neither is "
                    "part of the other. Write a rule for what both match before them."
                )
        taken.update(dict.fromkeys(free, (pattern, group)))
    if lost := [path for path in paths if path not in taken]:
        raise lr.PlanError(f"No rule matches {_listed(lost)}. Write one for them, or end with a rule '.*'.")
    return [taken[path][1] for path in paths]


def attribute_of(field: str, group: str, kind: str, config: Mapping[str, Any]) -> str:
    """The attribute that an optimizer of this kind and configuration keeps a field in; a PlanError if there is none to schedule."""
    name = _ATTRIBUTES.get(field, "rho" if field == "alpha" and "alpha" not in config else field)
    what = f"The plan schedules {field} of {group!r}, and {kind}"
    if name in _AROUND:
        raise lr.PlanError(f"{what} reads {name} for all its variables at once, as a constant. Leave it out of the plan.")
    if name == RATE or isinstance(config.get(name), float) or (name == "weight_decay" and name in config):
        return name
    if name in config:
        raise lr.PlanError(f"{what} holds {config[name]!r} in {name}, which is no floating-point number. Leave it out of the plan.")
    hint = " Its momentum is beta1." if field == "momentum" and "beta_1" in config else ""
    known = [RATE, *(key for key, value in config.items() if isinstance(value, float) and key not in _AROUND and key != RATE)]
    known += ["weight_decay"] * ("weight_decay" in config and "weight_decay" not in known)
    raise lr.PlanError(f"{what} has no {name}.{hint} It has {', '.join(known)}.")


def _listed(names: Iterable[str]) -> str:
    quoted = [repr(name) for name in names]
    return ", ".join(quoted) if len(quoted) <= 8 else f"{', '.join(quoted[:6])} and {len(quoted) - 6} more"


class Columns:
    """A plan met with the groups of an optimizer: what each group's attributes are at a count of training steps.

    names : the groups; kind and config : the class and the configuration of the optimizer; steps : training steps per step
    Raises PlanError for what does not fit.
    """

    def __init__(self, plan: lr.Plan, names: Iterable[str], kind: str, config: Mapping[str, Any], steps: int) -> None:
        self.bound = plan.bind(names)
        self.adapted = None if plan.adapt is None else AdaptedRates(self.bound)
        self._fields: dict[tuple[str, str], str] = {}
        self._values: list[tuple[str, str, float | PlanSchedule]] = []
        made: dict[lr.Schedule, PlanSchedule] = {}
        self.rate: PlanSchedule | None = None
        for (group, field), schedule in zip(self.bound.columns, self.bound.schedules, strict=True):
            attribute = attribute_of(field, group, kind, config)
            if other := self._fields.get((group, attribute)):
                raise lr.PlanError(
                    f"The plan schedules {other} and {field} of {group!r}, which are both {attribute} in {kind}. Leave one out."
                )
            self._fields[group, attribute] = field
            constant = isinstance(schedule, lr.Constant)
            if not constant or (attribute == RATE and self.rate is None):
                made.setdefault(schedule, PlanSchedule(schedule, steps_per_update=steps))
            if attribute == RATE and self.rate is None:
                self.rate = made[schedule]
            self._values.append((group, attribute, schedule(0) if constant else made[schedule]))
        self.own = {attribute: config[attribute] for _, attribute in self._fields if attribute != RATE}
        self.has_momentum = any(attribute == "momentum" and value != 0 for _, attribute, value in self._values)

    def own_fields(self, group: str) -> dict[str, float]:
        """What the optimizer itself holds in the fields that the plan schedules for a group."""
        return {
            field: self.own[attribute] or 0.0 for (name, attribute), field in self._fields.items() if name == group and attribute != RATE
        }

    def row(self, count: Any) -> dict[str, dict[str, Any]]:
        """{group: {attribute: value}} after `count` training steps; each schedule is computed once, a constant is a float.

        The rates are those after the events of the plan's rules.
        """
        known: dict[int, Any] = {}
        row: dict[str, dict[str, Any]] = {name: {} for name in self.bound.names}
        for group, attribute, value in self._values:
            if isinstance(value, PlanSchedule):
                now = known[id(value)] if id(value) in known else known.setdefault(id(value), value(count))
                row[group][attribute] = _momentum(now) if attribute == "momentum" else now
            else:
                row[group][attribute] = value
            if attribute == RATE and self.adapted is not None:
                row[group][RATE] = self.adapted.rate(group, row[group][RATE], count)
        return row

    def current(self, step: int) -> dict[str, dict[str, float]]:
        """The values in force at a step of the plan, by group and field, in float64."""
        return (self.bound if self.adapted is None else self.adapted.running).current(step)


def _momentum(value: Any) -> Any:
    """A scheduled momentum, in a form in which it is not 0: Keras asks `momentum != 0` and skips the buffers where it is."""
    return keras.ops.maximum(value, TINY) if keras.backend.backend() == "torch" else Traced(value)


class Traced:
    """A number of a compiled step that Python may compare: it varies, so that it is taken to be above every constant.

    Arithmetic and the conversions of Keras's backends make the traced value of it again.
    """

    def __init__(self, value: Any) -> None:
        self._value = value
        self.dtype = value.dtype

    def __ne__(self, other: object) -> bool:
        return True

    def __gt__(self, other: object) -> bool:
        return True

    def __add__(self, other: Any) -> Any:
        return self._value + other

    def __sub__(self, other: Any) -> Any:
        return self._value - other

    def __rsub__(self, other: Any) -> Any:
        return other - self._value

    def __mul__(self, other: Any) -> Any:
        return self._value * other

    __radd__, __rmul__ = __add__, __mul__

    def __jax_array__(self) -> Any:
        return self._value

    def __tf_tensor__(self, dtype: Any = None, name: str | None = None) -> Any:
        return self._value if dtype is None else keras.ops.cast(self._value, dtype.name)
