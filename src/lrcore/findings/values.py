"""Single values: the first ones, the highest and the lowest, and those where phases meet."""

from __future__ import annotations

from itertools import pairwise
from math import nextafter

import numpy as np

from ..errors import SpecError
from ..introspect import last_answered, name_of
from ..plan import FIELDS
from ..reach import extrema
from ..schedule import Constant, Maximum, Minimum, Noise, Ramp
from .finding import Finding, Found
from .lengths import walk
from .run import BELOW_ONE, FURTHER, WORK, Column, Run

_LOOKED_AT = 65_536
"""Updates of a warmup that are looked at one by one."""
_MISSED = 0.05
"""How much of a peak may lie between two updates, relative, before it is more than a note."""


def of_first_update(column: Column, run: Run) -> Found:
    """A rate of 0 at update 0."""
    if column.field == "lr" and column.schedule(0) == 0 and column.extrema is not None and column.extrema.greatest.value > 0:
        sentence = "Update 0 has rate 0: it computes gradients and changes nothing."
        yield Finding("zero-start", "note", column.place, sentence, "If that is not meant, start at a small value.")


def of_repeats(column: Column, run: Run) -> Found:
    """Neighbours that are equal where everything else rises: one off, and no stairs."""
    values = column.schedule.values(min(column.last + 1, _LOOKED_AT))
    top = int(values.argmax())
    rises = np.diff(values[: top + 1])
    same = np.flatnonzero(rises == 0)
    if top >= 3 and (rises >= 0).all() and 0 < same.size <= max(1, top // 10):
        at = int(same[0])
        sentence = f"The value rises until update {top:,}, but updates {at:,} and {at + 1:,} both have {values[at]:.6g}."
        mend = "Write the warmup as one ramp, such as linear(peak / steps, peak, steps)."
        yield Finding("repeated-warmup", "warning" if at else "note", column.place, sentence, mend)


def of_jumps(column: Column, run: Run) -> Found:
    """From one phase to the next by more than a ratio, and by more than the curves around move."""
    value, last = column.schedule, column.last
    for (before, _, begin, _), (after, _, at, end) in pairwise(column.parts):
        if not begin < at <= last or end == at:
            continue
        old, new = value(at - 1), value(at)
        slopes = [abs(old - value(at - 2))] if at - 2 >= begin else []
        slopes += [abs(value(at + 1) - new)] if at < last and end != at + 1 else []
        low, high = sorted((abs(old), abs(new)))
        meant = isinstance(before, Constant) and isinstance(after, Constant)  # a step
        if meant or abs(new - old) <= 4 * max(slopes, default=0.0) or high <= low * run.jump * (1 + 1e-9):
            continue
        known = [value(first) for _, _, first, stop in column.parts if first < begin and stop != first]
        restart = new > old and any(abs(new - level) <= 1e-3 * abs(new) for level in known)
        thawed = old == 0 and isinstance(before, Constant)
        factor = f"by a factor of {high / low:.4g}, " if low else ""
        phases = f"At update {at:,}, from {name_of(before)} to {name_of(after)}"
        sentence = f"{phases}, the value jumps {factor}from {old:.6g} to {new:.6g}."
        mend = "Start the phase where the one before it ends; if it is meant, pass a larger jump=."
        yield Finding("jump", "note" if restart or thawed else "warning", column.place, sentence, mend)


def of_extremes(column: Column, run: Run) -> Found:
    """Values below 0, and outside the bounds."""
    if column.extrema is None:
        return
    least, greatest = column.extrema
    low, high = column.bounds
    if column.field in FIELDS and least.value < 0:
        drawn = any(isinstance(node, Noise) for _, node in walk(column.written))
        sentence = f"At update {least.step:,} {'noise takes the value to' if drawn else 'the value is'} {least.value:.6g}."
        mend = "Clip it at 0, or correct the end of the curve."
        yield Finding("negative-value", "note" if drawn else "error", column.place, sentence, mend)
    elif least.value < low:
        sentence = f"At update {least.step:,} the value is {least.value:.6g}, and the lowest allowed is {low:.6g}."
        yield Finding("out-of-bounds", "error", column.place, sentence, "Raise the schedule, or correct the bounds.")
    if greatest.value > high:
        allowed = "it must stay below 1" if high == BELOW_ONE else f"the highest allowed is {high:.6g}"
        sentence = f"At update {greatest.step:,} the value is {greatest.value:.6g}, and {allowed}."
        yield Finding("out-of-bounds", "error", column.place, sentence, "Lower the schedule, or correct the bounds.")


def of_peak(column: Column, run: Run) -> Found:
    """A curve that is higher between the updates around its highest value, or just before a phase ends."""
    if column.field != "lr" or column.extrema is None or column.extrema.greatest.value <= 0:
        return
    step, top = column.extrema.greatest
    ends = [nextafter(float(end), 0.0) for *_, end in column.parts if end is not None and 0 < end <= column.last]
    positions = np.array([*np.linspace(max(step - 1, 0), min(step + 1, column.last), 65), *ends])
    try:
        values = column.schedule(positions)
    except SpecError:  # more ticks than there are
        return
    at = int(values.argmax())
    if values[at] > top * (1 + 1e-3):
        where = f"between updates {int(positions[at]):,} and {int(positions[at]) + 1:,}"
        sentence = f"The curve comes to {values[at]:.6g} {where}; the highest value an update has is {top:.6g}."
        mend = "Let the next phase start at the peak, or place it on an update."
        yield Finding("peak-between-updates", "warning" if values[at] > top * (1 + _MISSED) else "note", column.place, sentence, mend)


def of_floors(column: Column, run: Run) -> Found:
    """A floor or a ceiling that leaves nothing of what it bounds; a decay whose end is above its start."""
    for path, node in walk(column.written):
        if isinstance(node, Minimum | Maximum):
            yield from _of_bound(node, f"{column.place}.{path}" if path else column.place)
    ramps = [phase for phase, _, first, end in column.parts if not isinstance(phase, Constant) and end != first]
    if column.field == "lr" and len(ramps) == 2 and all(isinstance(phase, Ramp) and 0 <= phase.start < phase.stop for phase in ramps):
        decay = ramps[1]
        assert isinstance(decay, Ramp)
        sentence = f"After the warmup the value rises on, from {decay.start:.6g} to {decay.stop:.6g}."
        yield Finding(
            "min-above-max", "warning", column.place, sentence, "If that is the decay, exchange its lowest and its highest value."
        )


def _of_bound(node: Minimum | Maximum, place: str) -> Found:
    levels = [term.value for term in node.terms if isinstance(term, Constant)]
    others = [term for term in node.terms if not isinstance(term, Constant)]
    if not levels or len(others) != 1:
        return
    last = last_answered(others[0])
    try:
        least, greatest = extrema(others[0], 0, last if isinstance(others[0].span, int) else min(last, FURTHER), WORK)
    except SpecError:
        return
    if isinstance(node, Maximum) and max(levels) >= greatest.value > least.value:
        level, what = max(levels), f"floor of {max(levels):.6g} is above all of it, which comes to {greatest.value:.6g} at most"
    elif isinstance(node, Minimum) and min(levels) <= least.value < greatest.value:
        level, what = min(levels), f"ceiling of {min(levels):.6g} is below all of it, which comes to {least.value:.6g} at least"
    else:
        return
    sentence = f"The {what}: the value is {level:.6g} for ever."
    yield Finding("min-above-max", "error", place, sentence, "Exchange the bounds, or correct them.")
