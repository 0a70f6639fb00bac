"""Every value against the exact one: each shape of the registry, each recipe, and random schedules of every kind."""

from __future__ import annotations

import random
from collections.abc import Iterator
from itertools import product
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from scipy.interpolate import PchipInterpolator

import lrcore as lr
from lrcore.schedule import Curve, Knots, Ramp, Samples, Schedule
from lrcore.shapes import CURVES, SHAPES, Parameter
from oracle import assert_true, exact
from record_digests import written
from strategies import answers, positions_of_interest, ramps, schedules, steps_of_interest

LENGTHS = (1, 2, 3, 999, 1000, 10**6, 2**20 - 1, 2**24 + 1, 2**31 + 5, 10**12, 2**53 - 1)
ENDS = {
    "falling": (3e-4, 1e-5),
    "rising": (1e-5, 3e-4),
    "to zero": (1.0, 0.0),
    "from zero": (0.0, 0.1),
    "to tiny": (0.3, 1e-12),
    "from tiny": (1e-12, 0.7),
    "to all but nothing": (1.0, 1e-300),
    "from all but nothing": (1e-300, 3.0),
    "both negative": (-0.1, -3e-5),
    "through zero": (-1.0, 1.0),
    "a little below zero": (0.1, -3e-5),
    "equal": (0.1, 0.1),
    "all but equal": (1.0, 1 - 2**-53),
    "by a half": (1.0, 0.5),
    "huge": (1e300, 1e-300),
    "huge to zero": (1.7e308, 0.0),
    "subnormal": (5e-324, 1e-310),
    "subnormal to zero": (1e-310, 0.0),
    "to subnormal": (1.0, 3e-320),
    "smallest normal": (2.2250738585072014e-308, 1e-315),
}
POWERS = (0.0011, 0.01, 0.1, 0.5, 1.0, 1.5, 2.0, 2.5, 3.0, 7.0, 30.0, 100.0)


def steps_near_ends(length: int, rng: random.Random, inside: int = 24) -> list[int]:
    """The first and the last steps, their next powers of ten, the middle, around 2**24 and 2**31, and random ones."""
    near = {*range(6), *(10**i for i in range(16)), length // 2, 2**24, 2**31, *(2 ** rng.randrange(53) for _ in range(4))}
    steps = near | {length - step for step in near} | {step - 1 for step in near} | {length + 1}
    steps |= {rng.randrange(length) for _ in range(inside)} | {int(length ** rng.random()) for _ in range(inside // 2)}
    return sorted(step for step in steps if 0 <= step <= 2**53)


def legal(shape: str, ends: tuple[float, float], length: int, args: tuple[float, ...] | None = None) -> Ramp | None:
    """The ramp, or None where the shape's registry row refuses these ends."""
    row = SHAPES[shape]
    try:
        if row.ends is not None:
            row.ends(*ends)
    except lr.SpecError:
        return None
    return Ramp(*ends, length, shape, tuple(parameter.example for parameter in row.parameters) if args is None else args)


@pytest.mark.parametrize("ends", ENDS)
@pytest.mark.parametrize("shape", SHAPES)
class TestEveryShape:
    def test_steps_of_every_length(self, shape: str, ends: str) -> None:
        rng = random.Random(ends)
        for length in LENGTHS:
            if ramp := legal(shape, ENDS[ends], length):
                assert_true(ramp, steps_near_ends(length, rng))

    def test_real_positions(self, shape: str, ends: str) -> None:
        rng = random.Random(ends)
        for length in LENGTHS:
            if ramp := legal(shape, ENDS[ends], length):
                near = [rng.random() * 10.0 ** -rng.randrange(12) for _ in range(5)]
                inside = [length * rng.random() for _ in range(9)]
                assert_true(ramp, [*positions_of_interest(ramp, 24), *near, *(length - x for x in near), *inside])


@pytest.mark.parametrize("length", [1000, 10**6, 2**31 + 5, 2**53 - 1])
@pytest.mark.parametrize("shape", SHAPES)
def test_the_last_thousand_steps(shape: str, length: int) -> None:
    for ends in ("falling", "to zero", "to tiny", "rising", "from zero"):
        if ramp := legal(shape, ENDS[ends], length):
            assert_true(ramp, range(length - 1000, length + 1))


@pytest.mark.parametrize("shape", SHAPES)
def test_both_ends_are_exact(shape: str) -> None:
    for ends in ENDS.values():
        for length in LENGTHS:
            if ramp := legal(shape, ends, length):
                assert (ramp(0), ramp(length), ramp(2**53)) == (ramp.start, ramp.stop, ramp.stop)


@pytest.mark.parametrize("shape", SHAPES)
def test_the_endpoint_is_reached_on_the_last_step(shape: str) -> None:
    for name in ("falling", "from zero", "to zero", "through zero"):
        for length in LENGTHS[:-1]:
            if plain := legal(shape, ENDS[name], length):
                ramp = Ramp(plain.start, plain.stop, length, shape, plain.args, endpoint=True)
                assert ramp(length - 1) == ramp.stop and (length == 1 or ramp(0) == ramp.start)
                assert_true(ramp, steps_near_ends(length, random.Random(length), 8))


@pytest.mark.parametrize("power", POWERS)
@pytest.mark.parametrize("origin", ["stop", "start"])
def test_every_power(power: float, origin: Any) -> None:
    for name in ("falling", "rising", "to zero", "from zero", "to tiny", "through zero", "by a half", "huge"):
        for length in LENGTHS[2:]:
            ramp = lr.polynomial(*ENDS[name], length, power, origin)
            assert_true(ramp, steps_near_ends(length, random.Random(name), 12))


WHOLE = (1.0, 2.0)


def values_of(parameter: Parameter) -> list[float]:
    """Both ends of its domain, its example, and some between, more of them near the lower end; 1 and 2, where formulas differ."""
    low, high = parameter.low, parameter.high
    inside = [low + (high - low) * share for share in (1e-4, 0.01, 0.1, 0.3, 0.5, 0.7, 1.0)]
    return [value for value in dict.fromkeys((low, *inside, parameter.example, *WHOLE)) if parameter.holds(value)]


def arguments_of(shape: str) -> list[tuple[float, ...]]:
    """Parameters of a shape, of every size, that go together."""
    row = (SHAPES | CURVES)[shape]
    found = []
    for args in product(*map(values_of, row.parameters)):
        try:
            if row.args is not None:
                row.args(*args)
            found.append(args)
        except lr.SpecError:
            continue
    special = [args for args in found if set(args) <= set(WHOLE)]
    return found if len(found) <= 16 else special + random.Random(0).sample(found, 16)


@pytest.mark.parametrize(("shape", "args"), [(name, args) for name in SHAPES for args in arguments_of(name) if args])
def test_every_parameter(shape: str, args: tuple[float, ...]) -> None:
    for name in ("falling", "rising", "to zero", "from zero"):
        for length in (1, 9, 1000, 70_001, 10**9 + 7):
            if ramp := legal(shape, ENDS[name], length, args):
                assert_true(ramp, steps_near_ends(length, random.Random(name), 4))


def curve_if_bounded(*arguments: Any) -> Curve | None:
    try:
        return Curve(*arguments)
    except lr.SpecError:
        return None


@pytest.mark.parametrize(("name", "args"), [(name, args) for name in CURVES for args in arguments_of(name)])
def test_every_curve(name: str, args: tuple[float, ...]) -> None:
    for start in (3e-4, -1.0, 1e-30, 1e200):
        for steps in (None, 70_001, 3):
            curve = curve_if_bounded(start, name, args, steps)
            if curve is None:
                continue
            assert_true(curve, steps_near_ends(steps or 2**53, random.Random(name), 8))
            assert_true(curve, positions_of_interest(curve, 20))
            assert_true(curve.stretch(1.5), steps_near_ends(10**6, random.Random(1), 4))


RECIPES = [
    "lr.constant(3e-4)",
    "lr.linear(3e-4, 0.0, 98_765)",
    "lr.cosine(3e-4, 3e-5, 98_765)",
    "lr.exponential(1e-7, 10.0, 300)",
    "lr.polynomial(0.01, 1e-6, 90_001, power=0.9)",
    "lr.polynomial(0.01, 1e-6, 90_001, power=0.9, origin='start')",
    "lr.cosine_restarts(0.1, 0.0, 1000)",
    "lr.cosine_restarts(0.1, 1e-4, 1000, cycle_mul=2)",
    "lr.cosine_restarts(0.1, 1e-4, 1000, cycle_mul=1.3, cycles=20, decay=0.7)",
    "lr.warmup(lr.exponential(0.3, 1e-4, 5000), 500)",
    "lr.warmup(lr.cosine(0.3, 1e-4, 5000), 500, 0.01, 'cosine')",
    "lr.warmup(lr.constant(0.3), 7, 'first')",
    "lr.warmup_cosine(3e-4, warmup=2000, steps=100_000)",
    "lr.warmup_cosine(3e-4, warmup=0.06, steps=10**9, stop=3e-5)",
    "lr.wsd(3e-4, warmup=2000, decay=0.1, steps=100_000)",
    "lr.wsd(3e-4, warmup=2000, decay=0.1, steps=100_000, stop=1e-6, shape='exponential')",
    "lr.wsd(3e-4, warmup=10**6)",
]


@pytest.mark.parametrize("recipe", RECIPES)
def test_every_recipe(recipe: str) -> None:
    schedule = written(recipe)
    assert_true(schedule, steps_of_interest(schedule, 400))
    assert_true(schedule, positions_of_interest(schedule, 100))


KNOTS = {
    "smooth": ((0, 10, 1000, 10**6, 2**40), (0.0, 1.0, 0.5, 0.01, 0.0)),
    "close": ((0.5, 0.75, 1.0, 1.0 + 2**-40, 3.3), (1e-3, 1e-2, 5e-3, 5.1e-3, 1e-6)),
    "far": ((2.0**52, 2.0**52 + 1, 2.0**53 - 1), (1.0, 2.0, 1e-9)),
    "flat": ((0, 100, 200, 300), (1.0, 1.0, 1e-5, 1e-5)),
    "steep": ((0, 1, 10**9), (1e-300, 1.0, 1e300)),
    "two": ((3, 1000), (1e-5, 1.0)),
}


@pytest.mark.parametrize("kind", ["linear", "cosine", "log", "pchip"])
@pytest.mark.parametrize("case", KNOTS)
def test_knots(case: str, kind: Any) -> None:
    positions, values = KNOTS[case]
    if kind == "log":
        values = tuple(value or 1e-7 for value in values)
    knots = Knots(positions, values, kind)
    assert_true(knots, steps_of_interest(knots, 200))
    assert_true(knots, positions_of_interest(knots, 100))
    assert knots(list(positions)).tolist() == list(values)


SOME = [lr.cosine(1.0, 1e-9, 1000), lr.exponential(1.0, 1e-6, 777), lr.polynomial(1.0, 0.0, 1000, 3.0), lr.linear(0.0, 1.0, 900)]


@pytest.mark.parametrize("factor", [0.1, 1 / 3, 0.7, 1.5, 2.0, 7.0, 391.0, 1e6])
@pytest.mark.parametrize("curve", SOME, ids=lambda curve: curve.shape)
def test_stretched(curve: Ramp, factor: float) -> None:
    schedule = (lr.linear(0.0, 1.0, 10) >> curve).stretch(factor)
    assert_true(schedule, steps_of_interest(schedule))


@pytest.mark.parametrize("stretch", [0.9, 1.0, 1.1, 1.5, 2.0])
@pytest.mark.parametrize("curve", SOME, ids=lambda curve: curve.shape)
def test_repeated(curve: Ramp, stretch: float) -> None:
    schedule = curve.repeat(25, stretch=stretch, decay=0.9, floor=1e-3, decay_floor=0.8)
    assert_true(schedule, steps_of_interest(schedule))


@pytest.mark.parametrize("factor", [1.01, 1.1, 1.3, 1.5, 2.0, 2.5])
def test_stretched_clocks_up_to_the_last_step_of_all(factor: float) -> None:
    run = lr.warmup_cosine(0.1, warmup=37, steps=1000)
    steps = [2**53 - step for step in (0, 1, 1000, 10**9, 10**15)] + [2**power + 1 for power in range(53)]
    for schedule in (run.repeat(stretch=factor, decay=0.9), run.stretch(factor), lr.cosine_restarts(0.1, 1e-4, 1000, cycle_mul=factor)):
        assert_true(schedule, steps)


@pytest.mark.parametrize("cycles", [10**6, 10**10])
def test_a_decay_keeps_its_accuracy_for_millions_of_cycles(cycles: int) -> None:
    schedule = lr.linear(1.0, 0.5, 9).repeat(decay=1 - 7 / cycles)
    assert_true(schedule, [cycles * i + j for i in range(9) for j in range(9)])


ONCE_WRONG = [
    ((lr.constant(2.0, 5135672796504543) >> lr.constant(1.0)).stretch(1.1), [5649240076154996, 5649240076154997, 5649240076154998]),
    (lr.constant(1.0, 1000) >> lr.Knots([34.72060663052658, 38.05287272632124], [2.97, -1.0], "cosine"), range(1030, 1045)),
    (lr.Knots([2.0**52, 2.0**52 + 1, 2.0**53 - 1], [1.0, 2.0, 1e-9], "cosine"), [2**52 - 1, 2**52, 2**52 + 1, 2**53]),
    ((Samples([0.0]) >> lr.ramp(0.0, 1.0, 2147483653, "polynomial", power=0.5)).repeat(2, stretch=0.25), [2167613558]),
    (lr.exponential(1.3, 1.4, 2**31 + 5).repeat(10**6).stretch(2.5), [4503599627369999, 4503599627370000]),
]


@pytest.mark.parametrize(("schedule", "steps"), ONCE_WRONG, ids=range(len(ONCE_WRONG)))
def test_once_wrong(schedule: Schedule, steps: Any) -> None:
    assert_true(schedule, steps)


def test_a_product_of_many_adds_no_more_than_their_errors() -> None:
    product = lr.cosine(1.0, 0.1, 1000)
    for i in range(2, 30):
        product = product * lr.cosine(1.0, 1.0 + 0.1 * i, 997 * i)
    assert_true(product, range(0, 40_000, 97))


@given(schedules())
def test_random_schedules(schedule: Schedule) -> None:
    assert_true(schedule, steps_of_interest(schedule, 60))


@given(schedules())
def test_random_schedules_on_the_real_clock(schedule: Schedule) -> None:
    assert_true(schedule, positions_of_interest(schedule, 40), slack=2)


@given(ramps())
def test_a_ramp_goes_one_way(ramp: Ramp) -> None:
    steps = np.array(steps_of_interest(ramp, 120))
    if not ramp.endpoint and ramp.steps:
        rates = ramp(steps) * (1 if ramp.stop >= ramp.start else -1)
        slack = 4 * np.spacing(np.abs(rates).max())  # 2 ulp each: neighbours may swap
        assert (np.diff(rates) >= -slack).all()


def blocks(schedule: Schedule) -> Iterator[tuple[int, int]]:
    """Ranges of steps across boundaries and far away, as (start, count)."""
    for place in steps_of_interest(schedule, 6):
        start = min(max(place - 50, 0), 2**53 - 100)
        if answers(schedule, start, 100):
            yield start, 100


@given(schedules())
def test_float32_is_float64_rounded_once(schedule: Schedule) -> None:
    for start, count in blocks(schedule):
        double = schedule.values(count, start)
        assert schedule.values(count, start, dtype=np.float32).tobytes() == double.astype(np.float32).tobytes()


@pytest.mark.parametrize("shape", SHAPES)
def test_float32_of_every_shape_is_float64_rounded_once(shape: str) -> None:
    for ends in ENDS.values():
        if ramp := legal(shape, ends, 5000):
            with np.errstate(over="ignore", under="ignore"):
                rounded = ramp.values(5100).astype(np.float32)
            assert ramp.values(5100, dtype=np.float32).tobytes() == rounded.tobytes()


def test_samples_are_themselves() -> None:
    values = np.random.default_rng(0).normal(size=10_000) * 10.0 ** np.arange(-5000, 5000).clip(-300, 300)
    assert Samples(values).values().tobytes() == values.tobytes()


def test_the_oracle_tells_a_wrong_value() -> None:
    """The law above can fail: a cosine three ulp off is seen, by step and error."""
    cosine, steps = lr.cosine(1.0, 0.0, 1000), range(1, 1000, 7)
    with pytest.raises(AssertionError, match=r"^step \d+: got 0\.\d+, exactly 0\.\d+: \d\.\d+ ulp, 2 allowed, of Ramp\(start=1"):
        assert_true(cosine, steps, cosine(steps) * (1 + 3 * 2.0**-52))


def test_the_oracle_knows_what_is_known() -> None:
    assert abs(exact(lr.cosine(1.0, 0.0, 3), 1) - 0.75) < 1e-70
    assert abs(exact(lr.exponential(1.0, 4.0, 4), 2) - 2) < 1e-70
    assert abs(exact(lr.polynomial(1.0, 0.0, 4, 2), 1) - 0.5625) < 1e-70


@pytest.mark.parametrize("count", [2, 3, 4, 9])
def test_pchip_is_scipys(count: int) -> None:
    rng = np.random.default_rng(count)
    for _ in range(20):
        positions, values = np.cumsum(rng.uniform(0.1, 50, count)), rng.normal(size=count)
        steps = np.linspace(positions[0], positions[-1], 50)
        wanted = PchipInterpolator(positions, values)(steps)
        np.testing.assert_allclose(Knots(positions, values, "pchip")(steps), wanted, rtol=1e-12, atol=1e-13)
