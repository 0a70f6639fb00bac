"""What to draw of a schedule: few steps whose values give the picture of all of them, and the phases to shade behind it."""

from __future__ import annotations

from collections.abc import Iterator
from heapq import heapify, heappop, heappush
from itertools import islice, pairwise
from math import inf, log10

import numpy as np

from ..checks import whole
from ..introspect import Part, name_of, on_updates, parts
from ..plan import BoundPlan
from ..reach import reach
from ..schedule import Arithmetic, Constant, Noise, Schedule
from .marks import marks

WINDOWS = 1500
"""Columns of a picture: of the steps that fall into one, the first, the last, the least and the greatest are drawn."""
_ALL = 2**21
"""Up to so many steps are all looked at: it takes some ten milliseconds."""
_EVEN = 48
"""Steps looked at in each window beside the marks, evenly spread."""
_SEEN = 1 / 500
"""The part of the height of a picture that is seen."""
_SEARCHED = 12_000
"""Parts looked at, at most, to halve windows that may hold more than was found: a fraction of a second."""
_LOOKED_AT = 4096
"""Steps that are looked at one by one rather than halved again."""
_FEW = 256
"""Marks, at most, that are all drawn, with some steps between each two of them."""


def sampled_steps(schedule: Schedule, steps: int, *, first: int = 0, log: bool = False, spread: str = "linear") -> np.ndarray:
    """The steps among first, ..., first + steps - 1 to draw a line through, int64 and increasing: some thousands, whatever `steps` is.

    first : where the picture begins; log : whether the axis of the values is logarithmic
    spread : "linear", or "log" for a logarithmic axis of steps
    All up to 4,096. Of more, each of 1,500 columns gives its first, last, least and greatest value, so that no spike is missed: all values
    are looked at up to 2^21 steps, and beyond that what the pieces of the schedule can reach, by `lrcore.reach`. Noise is sampled. Both
    sides of up to 256 boundaries are there, and steps between them: a phase of a few pixels has its own shape.
    Raises SpecError for steps that the schedule refuses, and for fractions of a horizon.

    >>> import lrcore as lr
    >>> spike = lr.constant(0.1, steps=123_456_789) >> lr.constant(0.7, steps=1) >> lr.constant(0.1, steps=10**9)
    >>> at = sampled_steps(spike, 10**9)
    >>> len(at) < 10_000, spike(at).max()
    (True, np.float64(0.7))
    """
    first, steps = whole(first, "first"), whole(steps, "steps", low=1)
    last = first + steps - 1
    if steps <= _LOOKED_AT:
        return np.arange(first, last + 1)
    edges = np.linspace(first, last, WINDOWS + 1) if spread == "linear" else np.geomspace(first + 1, last + 1, WINDOWS + 1) - 1
    edges = np.unique(np.append(np.clip(np.rint(edges), first, last).astype(np.int64), [first, last]))
    turns = np.unique(marks(schedule, edges))
    if steps <= _ALL:
        looked_at = np.arange(first, last + 1)
    else:
        even = edges[:-1] + np.multiply.outer(np.arange(_EVEN), np.diff(edges)) // _EVEN
        looked_at = np.unique(np.concatenate([even.ravel(), *(_inside(turns + i, first, last) for i in (-1, 0, 1)), [last]]))
    values = schedule(looked_at)
    chosen = _furthest(looked_at, values, edges)
    halvings = _to_search(schedule) if steps > _ALL else 0
    if halvings >= WINDOWS // 4:
        chosen = np.concatenate([chosen, _searched(schedule, edges, looked_at, values, log, halvings)])
    if len(turns) <= _FEW:
        cuts = np.unique(np.concatenate([[first, last], turns]))
        between = np.linspace(cuts[:-1], cuts[1:], 17).astype(np.int64).ravel()
        chosen = np.concatenate([chosen, between, *(turns + i for i in (-1, 0, 1))])
    return np.unique(_inside(chosen, first, last))


def _inside(steps: np.ndarray, first: int, last: int) -> np.ndarray:
    return steps[(steps >= first) & (steps <= last)]


def _furthest(steps: np.ndarray, values: np.ndarray, edges: np.ndarray) -> np.ndarray:
    """The first, the last, the least and the greatest in each window."""
    cuts = [*np.searchsorted(steps, edges[:-1]).tolist(), len(steps)]
    found = []
    for a, b in pairwise(cuts):
        if a < b:
            part = values[a:b]
            found += [a, a + int(part.argmin()), a + int(part.argmax()), b - 1]
    return steps[found]


def _within(schedule: Schedule) -> Iterator[Schedule]:
    """A schedule and all that it is made of."""
    yield schedule
    for field in schedule.__struct_fields__:
        value = getattr(schedule, field)
        for part in value if isinstance(value, tuple) else (value,):
            if isinstance(part, Schedule):
                yield from _within(part)


def _to_search(schedule: Schedule) -> int:
    """How many windows to halve: none where nothing but marks stands out, and where noise says nothing about how far it goes."""
    made_of = list(islice(_within(schedule), _SEARCHED))
    combined = any(isinstance(part, Arithmetic) and sum(type(term) is not Constant for term in part.terms) > 1 for part in made_of)
    return _SEARCHED // len(made_of) if combined and not any(isinstance(part, Noise) for part in made_of) else 0


def _searched(schedule: Schedule, edges: np.ndarray, steps: np.ndarray, values: np.ndarray, log: bool, halvings: int) -> np.ndarray:
    """Steps of windows whose pieces can reach further than the values looked at, where that would be seen."""
    positive = float(values[values > 0].min(initial=inf))

    def height(value: float) -> float:
        return value if not log else log10(max(value, positive * 1e-3)) if positive < inf else 0.0

    seen = _SEEN * (height(float(values.max())) - height(float(values.min())))
    cuts = np.searchsorted(steps, edges).tolist()
    ranges = [[float(values[a : b + 1].min()), float(values[a : b + 1].max())] for a, b in pairwise(cuts)]
    found: list[int] = []

    def missing(window: int, a: int, b: int) -> tuple[float, int, int, int]:
        """How much further than what was found the steps a ... b may reach, negative for a heap."""
        low, high, _ = reach(schedule, a, b)
        least, greatest = ranges[window]
        return min(height(low) - height(least), height(greatest) - height(high)), window, a, b

    def look(window: int, at: np.ndarray) -> None:
        seen_there = schedule(at)
        for i, value in ((i, float(seen_there[i])) for i in (int(seen_there.argmin()), int(seen_there.argmax()))):
            if not ranges[window][0] <= value <= ranges[window][1]:
                ranges[window] = [min(value, ranges[window][0]), max(value, ranges[window][1])]
                found.append(int(at[i]))

    heap = [missing(window, a, b) for window, (a, b) in enumerate(pairwise(edges.tolist()))]
    heap = [each for each in heap if each[0] < -seen]
    heapify(heap)
    for _ in range(halvings):
        if not heap:
            break
        _, window, a, b = heappop(heap)
        if b - a <= _LOOKED_AT:
            look(window, np.arange(a, b + 1))
            continue
        middle = (a + b) // 2
        look(window, np.array([middle, middle + 1]))
        for half in ((a, middle), (middle + 1, b)):
            each = missing(window, *half)
            if each[0] < -seen:
                heappush(heap, each)
    return np.array(found, dtype=np.int64)


Band = tuple[str, int, int]
"""(name, first step, end) of a phase within the picture."""


def phase_bands(drawn: Schedule | BoundPlan, steps: int, column: int = 0) -> list[Band]:
    """The phases of a schedule, or of a column of a bound plan, within the steps 0, ..., steps - 1: in order, without gaps.

    What is held past the last phase is a band named "held". A schedule that is one phase is one band.

    >>> import lrcore as lr
    >>> phase_bands(lr.warmup_cosine(0.1, warmup=10, steps=100), 120)
    [('linear', 0, 10), ('cosine', 10, 100), ('held', 100, 120)]
    """
    if isinstance(drawn, BoundPlan):
        return column_bands(drawn, steps)[column]
    return _bands(parts(drawn), steps)


def column_bands(bound: BoundPlan, steps: int) -> list[list[Band]]:
    """The phases of every column of a bound plan; columns with one schedule share a list."""
    known: dict[Schedule, list[Band]] = {}
    written = bound.plan.met(bound.names)[2]  # rewritten on a clock they would have other parts
    for schedule in written:
        if schedule not in known:
            known[schedule] = _bands(on_updates(bound.plan, parts(schedule)), steps)
    return [known[schedule] for schedule in written]


def _bands(found: list[Part], steps: int) -> list[Band]:
    ends = [(name_of(part), first, steps if end is None else min(end, steps)) for part, _, first, end in found]
    bands = [(name, first, end) for name, first, end in ends if first < end]
    end = bands[-1][2] if bands else 0
    return bands if end == steps else [*bands, ("held", end, steps)]
