"""Random schedules, and the steps at which they are most likely to be wrong."""

from __future__ import annotations

import math
import random
from itertools import accumulate
from typing import Any

from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

from lrcore.checks import LAST_STEP
from lrcore.errors import SpecError
from lrcore.schedule import (
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
)  # fmt: skip
from lrcore.shapes import CURVES, SHAPES, Shape
from oracle import length, written

RATES = st.one_of(
    st.sampled_from([0.0, 1.0, 0.1, 3e-4, 1e-5, 1e-12, -1.0, 0.5]),
    st.floats(-4.0, 4.0).filter(lambda value: value == 0 or abs(value) > 1e-9),
)
"""Values of moderate size, so that sums and products of many neither overflow nor vanish."""

LENGTHS = st.one_of(st.integers(0, 12), st.integers(1, 5_000), st.sampled_from([999, 1000, 10**6, 2**24 + 1, 2**31 + 5, 10**12]))
FACTORS = st.sampled_from([0.25, 1 / 3, 0.5, 0.7, 1.0, 1.1, 1.5, 2.0, 2.5, 3.0])


@st.composite
def ramps(draw: DrawFn, rates: SearchStrategy[float] = RATES, lengths: SearchStrategy[int] = LENGTHS) -> Ramp:
    """A Ramp of any shape of the registry, between ends that suit it."""
    shape = SHAPES[draw(st.sampled_from(sorted(SHAPES)))]
    start, stop = draw(rates), draw(rates)
    if shape.ends is not None and start * stop <= 0:
        start, stop = abs(start) or 1.0, abs(stop) or 1e-3
    return Ramp(start, stop, draw(lengths), shape.name, draw(_arguments(shape)), draw(st.booleans()))


@st.composite
def _arguments(draw: DrawFn, shape: Shape) -> tuple[float, ...]:
    """Parameters of a shape, each within its domain: round ones, which are met most often and share tables, or any."""
    args = []
    for parameter in shape.parameters:
        round_ones = [value for value in (-6.0, -0.5, 0.5, 0.99, 1.0, 2.0, 3.0) if parameter.holds(value)]
        low, high = max(parameter.low, -8.0), min(parameter.high, 8.0)
        args.append(draw(st.one_of(st.sampled_from(round_ones), st.floats(low, high, exclude_min=not parameter.closed))))
    if shape.args is not None:
        args.sort()
        args[-1] += 0.5 * (args[-1] - args[0] < 0.001)
    return tuple(args)


@st.composite
def curves(draw: DrawFn, rates: SearchStrategy[float] = RATES) -> Curve:
    """A curve without an end, or with one."""
    shape = CURVES[draw(st.sampled_from(sorted(CURVES)))]
    steps = draw(st.one_of(st.none(), st.integers(0, 50), LENGTHS))
    args = draw(_arguments(shape))
    grows = shape.growth is not None and (shape.growth(*args, 1.0) > 1 or (args[0] > 0 and shape.name == "power_law"))
    if not grows:
        return Curve(draw(rates), shape.name, args, steps)
    return Curve(draw(rates), shape.name, tuple(parameter.example for parameter in shape.parameters), steps)


@st.composite
def _knots(draw: DrawFn) -> Knots:
    gaps = draw(st.lists(st.one_of(st.integers(1, 1000), st.floats(0.01, 50.0)), min_size=1, max_size=6))
    kind = draw(st.sampled_from(["linear", "cosine", "log", "pchip"]))
    values = [draw(RATES) for _ in gaps]
    if kind == "log":
        values = [abs(value) or 1e-3 for value in values]
    return Knots(tuple(accumulate(gaps)), tuple(values), kind)


_SAMPLES = st.builds(Samples, st.lists(RATES, min_size=1, max_size=20).map(tuple))
_NOISE = st.builds(Noise, st.integers(0, 2**53), st.just("uniform"), st.floats(0.0, 2.0)) | st.builds(
    Noise, st.integers(0, 100), st.just("normal"), st.floats(0.0, 0.5), st.none() | st.floats(0.01, 8.0)
)
_WRAPPED = ("repeat", "every", "per", "stretch", "until", "mirror", "clip")


@st.composite
def schedules(draw: DrawFn, max_depth: int = 4, finite: bool = False) -> Schedule:
    """A valid schedule of any type and nesting, that evaluates at every step; `finite` asks for one that ends."""
    kind = draw(st.sampled_from(("leaf", "sequence", "arithmetic", *_WRAPPED))) if max_depth > 1 else "leaf"
    try:
        made = _made(draw, kind, max_depth, finite)
    except SpecError:  # too long, or values too large, for once: a leaf always fits
        made = draw(ramps())
    return made if not finite or made.span is not None else Until(made, draw(LENGTHS))


def _made(draw: DrawFn, kind: str, max_depth: int, finite: bool) -> Schedule:
    def inner(finite: bool = finite) -> Schedule:
        return draw(schedules(max_depth=max_depth - 1, finite=finite))

    if kind == "leaf":
        leaves = [ramps(), curves().filter(lambda made: not finite or made.steps is not None), _knots(), _SAMPLES,
                  st.builds(Constant, RATES, LENGTHS)]  # fmt: skip
        return draw(st.one_of(*leaves, *([] if finite else [st.builds(Constant, RATES), _NOISE])))
    if kind == "sequence":
        phases = [inner(True) for _ in range(draw(st.integers(1, 3)))]
        return Sequence((*phases, inner()))
    if kind == "arithmetic":
        join = draw(st.sampled_from([Product, Sum, Minimum, Maximum]))
        return join(tuple(inner() for _ in range(draw(st.integers(1, 3)))))
    if kind == "repeat":
        times = draw(st.one_of(st.integers(1, 20), st.just(10**6)) if finite else st.sampled_from([None, 1, 3, 10**6]))
        few = times is not None and times <= 20
        stretch = draw(FACTORS if few else st.sampled_from([1.0, 1.0, 1.5, 2.0, 3.0]) if times is None else st.just(1.0))
        decay, decay_floor = (draw(FACTORS if few else st.sampled_from([0.5, 0.99, 1.0])) for _ in range(2))
        return Repeat(_lasting(inner(True)), times, stretch, decay, draw(RATES), decay_floor)
    if kind == "every":
        return Every(inner(), draw(st.integers(1, 40)))
    if kind == "per":
        return Per(inner(), draw(st.integers(1, 40)))
    if kind == "stretch":
        return Stretch(inner(), draw(FACTORS))
    if kind == "until":
        return Until(inner(False), draw(LENGTHS))
    if kind == "mirror":
        return PastEnd(_lasting(inner(True)), "mirror")
    low, high = sorted((draw(RATES), draw(RATES)))
    return inner().clip(low, high)


def _lasting(schedule: Schedule) -> Schedule:
    return schedule if schedule.span else Until(schedule, 7)


def answers(schedule: Schedule, first: int, count: int = 1, stride: int = 1) -> bool:
    """Whether all these steps are within 2**53 ticks; only clocks within stretched clocks may ever not be."""
    try:
        schedule.values(count, first, stride)
    except SpecError as refusal:
        if "within 2**53 ticks" in str(refusal) and ("Stretch(" in repr(schedule) or "growth=" in repr(schedule)):
            return False
        raise
    return True


def boundaries(schedule: Schedule, most: int = 24) -> list[int]:
    """Steps where one piece of a schedule gives way to another, at most about `most` of them."""
    found: set[float] = {0}
    match schedule:
        case Knots():
            found |= set(schedule.positions)
        case Sequence():
            begin = 0
            for phase in schedule.phases[:most]:
                found |= {begin + inner for inner in boundaries(phase, most)}
                begin += length(phase) or 0
        case Product() | Sum() | Minimum() | Maximum():
            found |= {inner for term in schedule.terms for inner in boundaries(term, most)}
        case Repeat():
            first, scale = length(schedule.inner) or 1, 1.0
            begins = [0, first, 2 * first, 1000 * first, ((schedule.times or 10**6) - 1) * first]
            if schedule.growth != 1:
                growth = [math.floor(first * written(schedule.growth) ** i) for i in range(min(schedule.times or 8, 8))]
                begins, scale = list(accumulate(growth, initial=0)), float(schedule.growth)
            found |= {begin + inner * factor for begin in begins for inner in boundaries(schedule.inner, most) for factor in (1, scale)}
        case Every():
            found |= {inner // schedule.k * schedule.k + k for inner in boundaries(schedule.inner, most) for k in (0, schedule.k)}
        case Per() | Stretch():
            found |= {float(inner * written(schedule.k)) for inner in boundaries(schedule.inner, most)}
        case Until():
            found |= set(boundaries(schedule.inner, most))
        case PastEnd():
            end, inside = length(schedule.inner) or 0, boundaries(schedule.inner, most)
            found |= {place for inner in inside for place in (inner, 2 * end - inner, 2 * end + inner)}
    end = length(schedule)
    found |= {end} if end is not None else set()
    places = sorted({math.ceil(place) for place in found if 0 <= place <= LAST_STEP})
    return places if len(places) <= most else random.Random(0).sample(places, most - 1) + places[-1:]


def steps_of_interest(schedule: Schedule, most: int = 150, seed: int = 0) -> list[int]:
    """What a schedule answers of both sides of every boundary, the last steps, around 2**24, 2**31 and 2**53, and random ones."""
    rng = random.Random(seed)
    places = boundaries(schedule)
    steps = {place + offset for place in places for offset in (-2, -1, 0, 1)}
    end = length(schedule) or max(*places, 1000)
    steps |= {end - rng.randint(1, 1000) for _ in range(10)} | {rng.randrange(end + 5) for _ in range(20)}
    steps |= {2**power + offset for power in (24, 31, 53) for offset in (-1, 0, 1)} | {int(2 ** rng.uniform(0, 53)) for _ in range(15)}
    valid = sorted(step for step in steps if 0 <= step <= LAST_STEP)
    chosen = valid if len(valid) <= most else sorted(rng.sample(valid, most))
    return [step for step in chosen if answers(schedule, step)]


def positions_of_interest(schedule: Schedule, most: int = 60) -> list[float]:
    """Real positions: just before and after boundaries, and between steps."""
    rng = random.Random(1)
    places = [float(place) for place in boundaries(schedule)]
    near: list[Any] = [math.nextafter(place, to) for place in places for to in (0.0, math.inf)]
    near += [place + rng.random() for place in places] + [rng.random() * (length(schedule) or 1000) for _ in range(20)] + [5e-324, 0.5]
    valid = sorted(place for place in near if 0 <= place <= LAST_STEP and answers(schedule, math.ceil(place)))
    return valid if len(valid) <= most else sorted(rng.sample(valid, most))
