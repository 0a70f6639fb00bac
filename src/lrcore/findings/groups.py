"""Names, patterns, fields and rules against the groups and the optimizer there are."""

from __future__ import annotations

import inspect
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from typing import Any

from ..errors import SpecError
from ..plan import Plan
from .finding import Finding, Found
from .run import Column

_KEYS = {
    "lr": ("lr", "learning_rate"), "beta1": ("betas", "beta1", "beta_1", "b1"), "beta2": ("betas", "beta2", "beta_2", "b2"),
    "eps": ("eps", "epsilon"), "weight_decay": ("weight_decay", "weight_decay_rate"), "alpha": ("alpha", "decay"),
}  # fmt: skip
"""What optimizers call a field, where that is not its own name alone."""


def group_names(optimizer: Any) -> list[str] | None:
    """What the groups of an optimizer are called, as the bindings have it; None for one without groups."""
    groups = getattr(optimizer, "param_groups", None)
    return None if groups is None else [group.get("name", f"group{i}") for i, group in enumerate(groups)]


def of_groups(plan: Plan, names: list[str] | None) -> Found:
    """Patterns that match nothing, or only what others take before them."""
    if names is None:
        return
    twice = [name for name, count in Counter(names).items() if count > 1]
    if twice or not names:
        sentence = f"Several groups are called {twice[0]!r}." if twice else "There are no groups."
        yield Finding("group-names", "error", "names", sentence, "Give every group a name of its own.")
    taken: dict[str, str] = {}
    for pattern, _ in plan.groups:
        place = f"groups[{pattern!r}]"
        matches = [pattern] if pattern in names else [name for name in names if re.fullmatch(pattern, name)]
        others = [name for name in matches if name in taken]
        if not matches:
            near = get_close_matches(pattern, names, 1)
            mend = f"Did you mean {near[0]!r}?" if near else "Correct the pattern, or leave it out."
            yield Finding("group-unmatched", "error", place, f"It matches none of the groups {_some(names)}.", mend)
        elif len(others) == len(matches):
            sentence = f"It is never reached: groups[{taken[matches[0]]!r}] comes first and takes {_some(matches)}."
            yield Finding("group-hidden", "error", place, sentence, "Write it earlier.")
        elif others:
            sentence = f"It matches {_some(others)} too, which groups[{taken[others[0]]!r}] has taken."
            yield Finding("group-twice", "note", place, sentence, "The first pattern that matches wins; narrower ones come first.")
        taken.update({name: pattern for name in matches if name not in taken})


def _some(names: list[str]) -> str:
    return ", ".join(map(repr, names[:6])) + (f" and {len(names) - 6} more" if len(names) > 6 else "")


def of_fields(columns: list[Column], optimizer: Any) -> Found:
    """Fields the optimizer does not have."""
    if optimizer is None:
        return
    held = _held(optimizer)
    named = isinstance(optimizer, Mapping | Iterable)
    called = "the optimizer" if named else getattr(optimizer, "__name__", type(optimizer).__name__)
    for field in dict.fromkeys(column.field for column in columns):
        keys = _KEYS.get(field, (field,))
        lacking = next((known for known in held if not any(key in known for key in keys)), None)
        if lacking is not None:
            hint = " Its momentum is beta1." if field == "momentum" and any(key in lacking for key in _KEYS["beta1"]) else ""
            known = ", ".join(key for key in lacking if key not in ("params", "name", "initial_lr"))
            sentence = f"The plan schedules {field}, and {called} has no {' or '.join(keys)}.{hint}"
            yield Finding("field-unknown", "error", field, sentence, f"It has {known}.")


def _held(optimizer: Any) -> list[list[str]]:
    """The names of what an optimizer keeps, group by group."""
    if hasattr(optimizer, "param_groups"):
        return [list(group) for group in optimizer.param_groups]
    if hasattr(optimizer, "learning_rate"):
        return [[name for name in vars(type(optimizer)) | vars(optimizer) if not name.startswith("_")] + ["learning_rate"]]
    if isinstance(optimizer, Iterable) and not isinstance(optimizer, str):
        names = list(optimizer)
        if all(isinstance(name, str) for name in names):
            return [names]
    if callable(optimizer):
        return [list(inspect.signature(optimizer).parameters)]
    expected = "an optimizer with param_groups or a learning_rate, its factory, or the names of its fields"
    raise SpecError("optimizer", expected, optimizer)


def of_rules(plan: Plan, columns: list[Column]) -> Found:
    """A rule whose lowest rate is above all rates there are."""
    rules = plan.adapt if isinstance(plan.adapt, tuple) else (("", plan.adapt),)
    highest = [column.extrema.greatest.value for column in columns if column.field == "lr" and column.extrema is not None]
    for pattern, rule in rules:
        least = getattr(rule, "min_lr", 0.0)
        lowest = min(least.values(), default=0.0) if isinstance(least, Mapping) else least
        if highest and lowest >= max(highest) > 0:
            sentence = f"Its min_lr is {lowest:g}, and no rate is above {max(highest):g}: it can reduce nothing."
            place = f"adapt[{pattern!r}]" if pattern else "adapt"
            yield Finding("min-above-max", "warning", place, sentence, "Give a smaller min_lr.")
