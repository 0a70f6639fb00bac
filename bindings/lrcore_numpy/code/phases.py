"""A schedule as pieces one after the other, each with the steps that are its own."""

from __future__ import annotations

from itertools import pairwise

import lrcore as lr

Piece = tuple[int, int | None, lr.Schedule]
"""(first step, the step after the last, what holds between them, from its own step 0)"""

_RAMPS = {"linear": "linear", "cosine": "cosine", "log": "exponential"}
_MOST = 12
"""Knots beyond which a table is easier to read."""


def pieces(schedule: lr.Schedule, exact: bool = True, within: int | None = None) -> list[Piece]:
    """The pieces of a schedule; a single one if it has none.

    exact : whether positions are steps, so that knots are ends of pieces; within : a step that is never reached
    """
    found: list[Piece] = []
    for begin, end, piece in _flat(schedule, 0, within, exact):
        if end is not None and end <= begin:
            continue
        if found and isinstance(piece, lr.Constant) and isinstance(found[-1][2], lr.Constant) and found[-1][2].value == piece.value:
            begin = found.pop()[0]
        found.append((begin, end, piece))
    return [*found[:-1], (found[-1][0], None, found[-1][2])]


def equal_stairs(begins: list[int]) -> int | None:
    """The length of stairs that are all as long, the last but left out."""
    lengths = {b - a for a, b in pairwise(begins)}
    return lengths.pop() if len(lengths) == 1 else None


def _flat(schedule: lr.Schedule, begin: int, end: int | None, exact: bool) -> list[Piece]:
    """The pieces from `begin` up to `end`."""
    match schedule:
        case lr.Sequence():
            return _phases(schedule, begin, end, exact)
        case lr.Until(inner=lr.Sequence() | lr.Knots() | lr.Ramp() | lr.Until() as inner) if _reaches(schedule, begin, end):
            return _flat(inner, begin, end, exact)
        case lr.Ramp(shape="linear" | "constant"):
            return _straight(schedule, begin, end)
        case lr.Knots(kind="linear" | "cosine" | "log") if exact and len(schedule.knots) <= _MOST:
            if all(place.is_integer() for place in schedule.positions):
                return _between(schedule, begin, end, exact)
    return [(begin, end, schedule)]


def _reaches(schedule: lr.Schedule, begin: int, end: int | None) -> bool:
    return end is not None and isinstance(schedule.span, int) and schedule.span >= end - begin


def _phases(schedule: lr.Sequence, begin: int, end: int | None, exact: bool) -> list[Piece]:
    found: list[Piece] = []
    for phase in schedule.phases[:-1]:
        after = begin + phase.own_length("steps")
        found += _flat(phase, begin, after if end is None else min(after, end), exact)
        begin = after
        if end is not None and begin >= end:
            return found
    return found + _flat(schedule.phases[-1], begin, end, exact)


def _straight(ramp: lr.Ramp, begin: int, end: int | None) -> list[Piece]:
    steps = ramp.own_length("steps") - ramp.endpoint
    if steps <= 0 or ramp.start == ramp.stop:
        return [(begin, end, lr.Constant(ramp.stop))]
    first = lr.Constant(ramp.start) if ramp.shape == "constant" else ramp
    if end is not None and begin + steps >= end:
        return [(begin, end, first)]
    return [(begin, begin + steps, first), (begin + steps, end, lr.Constant(ramp.stop))]


def _between(knots: lr.Knots, begin: int, end: int | None, exact: bool) -> list[Piece]:
    places, values = [int(place) for place in knots.positions], knots.knots
    held = [lr.Constant(values[0], places[0])] if places[0] else []
    ramps = [lr.Ramp(a, b, q - p, _RAMPS[knots.kind]) for (p, q), (a, b) in zip(pairwise(places), pairwise(values), strict=True)]
    return _phases(lr.Sequence((*held, *ramps, lr.Constant(values[-1]))), begin, end, exact)
