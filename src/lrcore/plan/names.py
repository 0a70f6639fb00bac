"""The names of groups: given, checked, told in messages, and a rate for each of many."""

from __future__ import annotations

from collections.abc import Iterable

from ..checks import number
from ..errors import PlanError, SpecError
from ..schedule import Number, Schedule, as_schedule

OF_A_REGEX = frozenset(r"\^$*+?{}[]|()")
"""A pattern with one of these is a regular expression, any other a plain name."""


def checked_names(names: Iterable[str]) -> tuple[str, ...]:
    if isinstance(names, str) or not isinstance(names, Iterable):
        raise SpecError("names", "a list of group names", names)
    known = tuple(names)
    for i, name in enumerate(known):
        if not isinstance(name, str) or not name:
            raise SpecError(f"names[{i}]", "the name of a group", name)
    if not known:
        raise PlanError("There are no groups to bind the plan to. Give at least one name.")
    if len(set(known)) < len(known):
        twice = next(name for i, name in enumerate(known) if name in known[:i])
        raise PlanError(f"Two groups are called {twice!r}. Give every group a name of its own.")
    return known


def listed(names: Iterable[str]) -> str:
    """Names for a message: all of a few, the first of many."""
    quoted = [repr(name) for name in names]
    return ", ".join(quoted) if len(quoted) <= 12 else f"{', '.join(quoted[:10])} and {len(quoted) - 10} more"


def layerwise(base: Schedule | Number, decay: Number, names: Iterable[str]) -> dict[str, Schedule]:
    """A schedule per layer, the last layer's the full one: {name: decay**(last - i) * base}.

    base : Schedule or number; decay : a number > 0; names : the layers from the input to the output, each once.
    Raises SpecError. Source: Howard & Ruder 2018 (arXiv:1801.06146), discriminative fine-tuning; Clark et al. 2020 (arXiv:2003.10555).

    >>> import lrcore as lr
    >>> {name: rate(0) for name, rate in lr.layerwise(1.0, 0.5, ["stem", "body", "head"]).items()}
    {'stem': 0.25, 'body': 0.5, 'head': 1.0}
    """
    whole_rate = as_schedule(base, "base")
    decay = number(decay, "decay", "a number > 0")
    if decay <= 0:
        raise SpecError("decay", "a number > 0", decay)
    layers = checked_names(names)
    last = len(layers) - 1
    try:
        return {name: decay ** (last - i) * whole_rate if i < last else whole_rate for i, name in enumerate(layers)}
    except OverflowError:
        raise SpecError("decay", f"a number whose power {last} fits a float64", decay) from None
