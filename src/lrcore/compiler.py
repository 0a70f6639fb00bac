"""Compile schedules to a Program: flat nodes in post-order, the only thing the kernel sees.

A leaf becomes *segments* on its node's clock: from `begin` on, position m = mul * x - origin of a curve of `length` ticks, a
held value, samples, or another node. A sequence is the segments of its phases, shifted. Stretching by p / q makes every inner
step p ticks long and the outer clock run q ticks a step, so positions stay whole numbers: nothing is rounded before 2**53 ticks.
"""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction
from itertools import pairwise
from math import frexp, gcd, inf
from typing import Any

import numpy as np

from ._kernel import CALL, CUBIC, HOLD, NOISE, SAMPLES
from .checks import LAST_STEP, ratio
from .cycles import cycle_starts
from .errors import SpecError, Words
from .pchip import cubic_pieces
from .program import EVERY, MAXIMUM, MINIMUM, MIRROR, PER, PIECES, PRODUCT, REFUSE, REPEAT, SUM, Program
from .schedule import (
    Constant,
    Curve,
    Every,
    Knots,
    Maximum,
    Minimum,
    Noise,
    PastEnd,
    Per,
    Product,
    Ramp,
    Repeat,
    Samples,
    Schedule,
    Sequence,
    Stretch,
    Sum,
    Until,
    as_schedule,
)  # fmt: skip
from .shapes import CODES

_ARITHMETIC: dict[type[Schedule], int] = {Product: PRODUCT, Sum: SUM, Minimum: MINIMUM, Maximum: MAXIMUM}
_KNOTS = {"linear": "linear", "cosine": "cosine", "log": "exponential"}

_HUGE, _TINY = 2.0**60, 2.0**-60
"""Ramps whose ends lie beyond these are evaluated near 1 and multiplied by a power of two, so that no product over- or underflows."""


Exact = int | Fraction
Segment = tuple[Exact, int, int, Exact, Exact, float, float, tuple[float, ...], Any]
"""(begin, code, mul, origin, length, start, stop, args, extra): from `begin` on, position mul * x - origin of what `code` says."""


class _Compiler:
    """Collects nodes; equal ones are one node."""

    def __init__(self) -> None:
        self.nodes: list[tuple[Any, ...]] = []
        self.depths: list[int] = []
        self._index: dict[Any, int] = {}
        self._known: dict[tuple[int, int], tuple[Schedule, int]] = {}  # by identity; the schedule is kept so that its id stays its own

    def node(self, schedule: Schedule, ticks: int = 1) -> int:
        """The node of a schedule on a clock of `ticks` ticks a step."""
        key = id(schedule), ticks
        known = self._known.get(key)
        if known is None:
            known = self._known[key] = schedule, self._make(schedule, ticks)
        return known[1]

    def _make(self, schedule: Schedule, ticks: int) -> int:
        op = _ARITHMETIC.get(type(schedule))
        if op is not None:
            return self._add(op, tuple(self.node(term, ticks) for term in schedule.terms))  # type: ignore[attr-defined]
        if isinstance(schedule, Repeat):
            return self._repeat(schedule, ticks)
        if isinstance(schedule, Every):
            return self._add(EVERY, (self.node(schedule.inner, ticks),), float(schedule.k * ticks))
        if isinstance(schedule, Per):
            return self._add(PER, (self.node(schedule.inner),), float(schedule.k * ticks))
        if isinstance(schedule, PastEnd):
            op = MIRROR if schedule.mode == "mirror" else REFUSE
            return self._add(op, (self.node(schedule.inner, ticks),), float(schedule.inner.own_length("steps") * ticks))
        if isinstance(schedule, Samples | Noise) and ticks != 1:
            return self._add(PER, (self.node(schedule),), float(ticks))
        return self._pieces(self.segments(schedule, ticks))

    def _add(self, op: int, children: tuple[int, ...], *rest: Any) -> int:
        return self._insert((op, children, *rest), children)

    def _pieces(self, segments: list[Segment]) -> int:
        called = [segment[8] for segment in segments if segment[1] == CALL]
        return self._insert((PIECES, tuple(segments)), called)

    def _insert(self, node: tuple[Any, ...], children: Iterable[int]) -> int:
        index = self._index.setdefault(node, len(self.nodes))
        if index == len(self.nodes):
            self.nodes.append(node)
            self.depths.append(1 + max((self.depths[child] for child in children), default=0))
        return index

    def segments(self, schedule: Schedule, ticks: int) -> list[Segment]:
        """A schedule as segments; what is no leaf and no sequence is a call of its own node."""
        if isinstance(schedule, Ramp):
            return self._ramp(schedule, ticks)
        if isinstance(schedule, Constant):
            return [_hold(0, schedule.value)]
        if isinstance(schedule, Curve):
            return self._curve(schedule, ticks)
        if isinstance(schedule, Sequence):
            shifted, offset = [], 0
            for phase in schedule.phases:
                segments = self.segments(phase, ticks)
                shifted += [_shifted(segment, offset * ticks) for segment in segments] if offset else segments
                offset += phase.span or 0  # type: ignore[operator]
            return shifted
        if isinstance(schedule, Until):
            return self._until(schedule, ticks)
        if isinstance(schedule, Stretch):
            return self._stretched(schedule.inner, ticks, ratio(schedule.k))
        if isinstance(schedule, Knots):
            return _knots(schedule, ticks)
        if isinstance(schedule, Noise) and ticks == 1:
            return [(0, NOISE, 1, 0, 1, schedule.scale, 0.0, (schedule.limit or inf,) if schedule.kind == "normal" else (), schedule.seed)]
        if isinstance(schedule, Samples) and ticks == 1:
            data = schedule.data
            return [(0, SAMPLES, 1, 0, 0, 0.0, 0.0, (), _Data(data)), _hold(len(data), float(data[-1]))]
        return [_call(self.node(schedule, ticks))]

    def _ramp(self, ramp: Ramp, ticks: int) -> list[Segment]:
        steps: int = ramp.steps - ramp.endpoint  # type: ignore[operator, assignment]
        start, stop = ramp.start, ramp.stop
        if steps <= 0 or start == stop:
            return [_hold(0, stop)]
        length = steps * ticks
        top = max(abs(start), abs(stop))
        code, args = CODES[ramp.shape], ramp.args
        if _TINY <= top <= _HUGE or ramp.shape == "exponential":
            return [(0, code, 1, 0, length, start, stop, args, None), _hold(length, stop)]
        exponent = frexp(top)[1]
        near_one = (0, code, 1, 0, length, _scaled(start, -exponent), _scaled(stop, -exponent), args, None)
        return [self._times_power_of_two(near_one, exponent), _hold(length, stop)]

    def _curve(self, curve: Curve, ticks: int) -> list[Segment]:
        """A curve without an end, on a clock of which `ticks` are one of its steps."""
        if curve.start == 0 or curve.steps == 0:
            return [_hold(0, curve.start)]
        exponent = 0 if _TINY <= abs(curve.start) <= _HUGE else frexp(curve.start)[1]
        start = _scaled(curve.start, -exponent) if exponent else curve.start

        def on_clock(ticks: int) -> Segment:
            return (0, CODES[curve.shape], 1, 0, ticks, start, 0.0, curve.args, None)

        segments = [self._times_power_of_two(on_clock(ticks), exponent) if exponent else on_clock(ticks)]
        if isinstance(curve.steps, int):
            end = Program([(PIECES, (on_clock(1),))], [(0, 1.0)], {}, 1)(curve.steps)
            segments.append(_hold(curve.steps * ticks, _scaled(end, exponent)))
        return segments

    def _times_power_of_two(self, near_one: Segment, exponent: int) -> Segment:
        """A segment near 1 times 2**exponent, in two factors that both fit, so that nothing over- or underflows on the way."""
        scale, rest = divmod(exponent, 2)
        factors = (self._pieces([_hold(0, 2.0 ** (scale + rest))]), self._pieces([_hold(0, 2.0**scale)]))
        return _call(self._add(PRODUCT, (self._pieces([near_one]), *factors)))

    def _until(self, until: Until, ticks: int) -> list[Segment]:
        steps: int = until.steps  # type: ignore[assignment]
        segments = self.segments(until.inner, ticks)
        try:
            return [*segments, _hold(steps * ticks, until.inner(steps))]
        except SpecError:  # the inner schedule refuses that step and all after it: so does the cut one
            return segments

    def _stretched(self, inner: Schedule, ticks: int, factor: Fraction) -> list[Segment]:
        up, down = factor.numerator, factor.denominator
        segments = self.segments(inner, ticks * up)
        if down == 1:
            return [_reduced(segment) for segment in segments]
        return [_reduced((Fraction(begin) / down, code, mul * down, *rest)) for begin, code, mul, *rest in segments]

    def _repeat(self, repeat: Repeat, ticks: int) -> int:
        length = repeat.inner.own_length("inner")
        starts = cycle_starts(length, repeat.growth, repeat.times)
        constants = (repeat.floor, repeat.decay, repeat.decay_floor)
        if starts is None:
            return self._add(REPEAT, (self.node(repeat.inner, ticks),), float(length * ticks), repeat.times, *constants, None)
        cycles = tuple(self._pieces(self._stretched(repeat.inner, ticks, Fraction(end - begin, length))) for begin, end in pairwise(starts))
        return self._add(REPEAT, cycles, float(length * ticks), repeat.times, *constants, tuple(float(start * ticks) for start in starts))


class _Data:
    """Samples among the segments: compared by identity, since their values are long and not hashable."""

    def __init__(self, values: np.ndarray) -> None:
        self.values = values


def _hold(begin: Exact, value: float) -> Segment:
    return (begin, HOLD, 1, 0, 0, value, 0.0, (), None)


def _call(node: int) -> Segment:
    return (0, CALL, 1, 0, 0, 0.0, 0.0, (), node)


def _shifted(segment: Segment, by: int) -> Segment:
    begin, code, mul, origin, *rest = segment
    return (begin + by, code, mul, origin + mul * by, *rest)


def _scaled(value: float, exponent: int) -> float:
    """value * 2**exponent, in two factors that both fit."""
    half = exponent // 2
    return value * 2.0**half * 2.0 ** (exponent - half)


def _reduced(segment: Segment) -> Segment:
    """A curve in the fewest whole ticks: a ramp of 10 steps stretched by 3/2 is a ramp of 15."""
    begin, code, mul, origin, length, *rest = segment
    if code >= 0 and isinstance(origin, int) and isinstance(length, int):
        common = gcd(mul, origin, length)
        mul, origin, length = mul // common, origin // common, length // common
    if mul > LAST_STEP:
        raise SpecError("k", "a stretch by a fraction of smaller numbers", Words(f"one of {mul} ticks a step"))
    return (begin, code, mul, origin, length, *rest)


def _knots(knots: Knots, ticks: int) -> list[Segment]:
    xs = [Fraction(x) * ticks for x in knots.positions]
    ys = knots.knots
    segments = [_hold(0, ys[0])]
    cubics = cubic_pieces([Fraction(x) for x in knots.positions], ys) if knots.kind == "pchip" else None
    code = CUBIC if cubics is not None else CODES[_KNOTS[knots.kind]]
    for i, (x, following) in enumerate(pairwise(xs)):
        args, extra = ((cubics[i][0],), cubics[i][1]) if cubics is not None else ((), None)
        if ys[i] == ys[i + 1]:
            segments.append(_hold(x, ys[i]))
        else:
            segments.append((x, code, 1, x, following - x, ys[i], ys[i + 1], args, extra))
    return [*segments, _hold(xs[-1], ys[-1])]


def compile_schedule(schedule: Schedule) -> Program:
    """The Program of one schedule."""
    return compile_columns((schedule,))


def compile_columns(schedules: Iterable[Schedule]) -> Program:
    """One Program of several schedules, a column each; what they share is evaluated once.

    Raises SpecError for a schedule with fractions of a horizon left in it.
    """
    compiler = _Compiler()
    columns: list[tuple[int, float]] = []
    for given in schedules:
        schedule = as_schedule(given)
        if not schedule.resolved:
            raise SpecError("schedule", "lengths in steps", schedule, "Turn fractions into steps with .over(horizon).")
        scale, source = split_scale(schedule)
        columns.append((compiler.node(source), scale))
    nodes = compiler.nodes
    depth = max((compiler.depths[index] for index, _ in columns), default=0)
    return Program(nodes, columns, _slots(nodes, columns), depth)


def split_scale(schedule: Schedule) -> tuple[float, Schedule]:
    """(k, s) of a schedule k * s, (1, schedule) of any other: columns that scale one schedule evaluate it once."""
    if isinstance(schedule, Product) and len(schedule.terms) == 2 and isinstance(schedule.terms[0], Constant):
        return schedule.terms[0].value, schedule.terms[1]
    return 1.0, schedule


def _slots(nodes: list[tuple[Any, ...]], columns: list[tuple[int, float]]) -> dict[int, int]:
    """A place for every node that several columns or terms name on the clock of the steps themselves."""
    uses: dict[int, int] = {}
    todo = list(dict.fromkeys(index for index, _ in columns))
    while todo:
        index = todo.pop()
        uses[index] = uses.get(index, 0) + 1
        op, children = nodes[index][:2]
        if uses[index] == 1 and PRODUCT <= op <= MAXIMUM:
            todo.extend(children)
    shared = [index for index, count in uses.items() if count > 1 and not _is_hold(nodes[index])]
    return {index: slot for slot, index in enumerate(shared)}


def _is_hold(node: tuple[Any, ...]) -> bool:
    return node[0] == PIECES and len(node[1]) == 1 and node[1][0][1] == HOLD
