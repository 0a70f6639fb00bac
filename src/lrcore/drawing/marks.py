"""Steps at which a schedule may turn or jump, chosen for a picture: all of them where they are few, else the telling ones.

A picture is cut into windows, about one a pixel. A window that holds thousands of cycles is drawn as the range of their values, and a
few whole cycles have that range; so only these are looked into.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable
from math import ceil
from typing import Any

import numpy as np

from ..checks import LAST_STEP, ratio
from ..cycles import cycle_starts
from ..schedule import Arithmetic, Constant, Curve, Every, Knots, PastEnd, Per, Ramp, Repeat, Samples, Schedule, Sequence, Stretch, Until

_TILED = 2**17
"""Marks of all cycles that are listed, rather than those of a few cycles in each window."""
_INSIDE = 24
"""Marks of a cycle, where there are more cycles than windows."""

Marks = Callable[[np.ndarray], np.ndarray]


def marks(schedule: Schedule, edges: np.ndarray) -> np.ndarray:
    """First steps of new pieces from the first to the last edge; with their neighbours they reach as far as all in each window does.

    edges : int64, increasing, in steps of the schedule; two neighbours enclose a window
    What is smooth in between is left to the caller, and so is noise.
    """
    if edges.size < 2:
        return np.empty(0, dtype=np.int64)
    found = _found(schedule, edges)
    between: np.ndarray = found[(found >= edges[0]) & (found <= edges[-1])]
    return between


def _found(schedule: Schedule, edges: np.ndarray) -> Any:
    match schedule:
        case Constant() | Ramp() | Curve():
            return _steps([schedule.steps] if isinstance(schedule.steps, int) else [])
        case Knots():
            return np.ceil(np.array(schedule.positions)).astype(np.int64)
        case Samples():
            return _furthest_samples(schedule, edges)
        case Sequence():
            return _of_phases(schedule, edges)
        case Arithmetic():
            return np.concatenate([marks(term, edges) for term in schedule.terms])
        case Every():
            stairs = marks(schedule.inner, _widened(edges // schedule.k * schedule.k, 1)) // schedule.k * schedule.k
            return np.concatenate([stairs, stairs + schedule.k])
        case Per():
            return marks(schedule.inner, _widened(edges // schedule.k, 1)) * schedule.k
        case Stretch():
            k = ratio(schedule.k)
            inner = _widened(_steps([step * k.denominator // k.numerator for step in edges.tolist()]), ceil(1 / k))
            return _steps([ceil(step * k) for step in marks(schedule.inner, inner).tolist()])
        case Until():
            cut = schedule.own_length("steps")
            return np.append(marks(schedule.inner, np.unique(np.minimum(edges, cut))), cut)
        case Repeat():
            cycle = schedule.inner.own_length("steps")
            starts = cycle_starts(cycle, schedule.growth, schedule.times)
            return _of_cycles(schedule.inner, cycle, starts, schedule.times, edges, lambda inside: marks(schedule.inner, inside))
        case PastEnd(mode="mirror"):
            half = schedule.inner.own_length("steps")
            return _of_cycles(schedule, 2 * half, None, None, edges, lambda inside: _back_and_forth(schedule.inner, half, inside))
        case PastEnd():
            return marks(schedule.inner, edges)
    return _steps([])


def _steps(found: list[int]) -> np.ndarray:
    return np.array([min(step, LAST_STEP) for step in found], dtype=np.int64)


def _widened(edges: np.ndarray, more: int) -> np.ndarray:
    """The edges, each once, the last one moved on, since rounding down has moved it back."""
    return np.unique(np.append(edges, edges[-1] + more))


def _cut(edges: np.ndarray, first: int, end: int) -> np.ndarray:
    """What the windows have of the steps first ... end, counted from `first`."""
    return np.unique(np.clip(edges[max(np.searchsorted(edges, first) - 1, 0) : np.searchsorted(edges, end) + 1], first, end)) - first


def _furthest_samples(schedule: Samples, edges: np.ndarray) -> np.ndarray:
    """Of the samples in each window the least and the greatest."""
    data = schedule.data
    found = [len(data)]
    for low, high in zip(edges.tolist(), [*edges[1:-1].tolist(), int(edges[-1]) + 1], strict=False):
        part = data[low:high]
        found += [low + int(part.argmin()), low + int(part.argmax())] if len(part) else []
    return _steps(found)


def _of_phases(schedule: Sequence, edges: np.ndarray) -> np.ndarray:
    begin, begins, found = 0, [], []
    for phase in schedule.phases:
        begins.append(begin)
        end = begin + phase.span if isinstance(phase.span, int) else LAST_STEP
        if not isinstance(phase, Constant | Ramp | Curve) and begin <= edges[-1] and end >= edges[0]:
            found.append(begin + marks(phase, _cut(edges, begin, end)))
        begin = end
    return np.concatenate([_steps([*begins, begin]), *found])


def _back_and_forth(inner: Schedule, half: int, edges: np.ndarray) -> np.ndarray:
    """Of a period of two halves, the second of which goes back."""
    forth = marks(inner, _cut(edges, 0, half))
    back = marks(inner, half - _cut(edges, half, 2 * half)[::-1])
    return np.concatenate([forth, 2 * half - back, [half]])


def _of_cycles(
    looked_at: Schedule, length: int, starts: tuple[int, ...] | None, times: int | None, edges: np.ndarray, inside: Marks
) -> np.ndarray:
    """Of cycles of `length` steps, or with these starts, whose marks `inside` finds; `looked_at` has the values of the first."""
    low, high = int(edges[0]), int(edges[-1])
    if starts is None:
        first, last = low // length, min(high // length, (times or high + 1) - 1)
    else:
        first, last = max(bisect_right(starts, low) - 1, 0), min(bisect_left(starts, high), len(starts) - 1) - 1

    count = max(last - first + 1, 0)
    within = _whole_cycle(length, inside) if count * 8 >= len(edges) else None
    if within is None or _TILED // len(within) < count <= len(edges):  # wide ones: each has windows of its own
        found = [_steps([low])]
        for i in range(first, last + 1):
            begin, end = (i * length, (i + 1) * length) if starts is None else (starts[i], starts[i + 1])
            pace = (end - begin) / length
            here = np.floor(_cut(edges, begin, end) / pace).astype(np.int64)
            found += [_steps([begin, end]), begin + np.ceil(inside(_widened(here, 1)) * pace).astype(np.int64)]
        return np.concatenate(found)
    if count * len(within) <= _TILED:
        chosen = np.arange(first, last + 1)
    else:
        within = _telling(looked_at, length, within)
        at = edges // length if starts is None else np.array([bisect_right(starts, edge) - 1 for edge in edges.tolist()])
        at = np.concatenate([at - 1, at, at + 1, (at[1:] + at[:-1]) // 2])
        chosen = np.unique(np.clip(at, first, last))
    if starts is None:
        moved: np.ndarray = np.add.outer(within, chosen * length)
    else:
        begins, ends = (_steps([starts[i + after] for i in chosen.tolist()]) for after in (0, 1))
        moved = (begins + np.ceil(np.outer(within / length, ends - begins))).astype(np.int64)
    return moved.ravel()


def _eighths(length: int) -> np.ndarray:
    return np.unique(np.linspace(0, length, 9).astype(np.int64))


def _whole_cycle(length: int, inside: Marks) -> np.ndarray:
    """The marks of a cycle that is at most eight windows wide."""
    return np.unique(np.append(inside(_eighths(length)), [0, length]))


def _telling(schedule: Schedule, length: int, found: np.ndarray) -> np.ndarray:
    """A few marks of a cycle, among them those at which each eighth of it is least and greatest."""
    if len(found) <= _INSIDE:
        return found
    values = schedule(np.clip(np.add.outer(found, [-1, 0, 1]), 0, length - 1))
    least, greatest = values.min(axis=1), values.max(axis=1)
    cuts = np.searchsorted(found, _eighths(length)[:-1])
    parts = [slice(a, b) for a, b in zip(cuts, [*cuts[1:], len(found)], strict=True) if a < b]
    furthest = [part.start + int(at) for part in parts for at in (least[part].argmin(), greatest[part].argmax())]
    chosen: np.ndarray = found[np.unique([0, len(found) - 1, *furthest])]
    return chosen
