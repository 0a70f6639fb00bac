"""What each combinator means, in examples small enough to check by hand."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import numpy as np
import pytest
from hypothesis import given

import lrcore as lr
import oracle
from lrcore import schedule as types
from lrcore.schedule import Sequence
from strategies import schedules

DOWN, UP = lr.linear(1.0, 0.0, 4), lr.linear(0.0, 1.0, 4)
STEPS = lr.Samples([10, 20, 30])
BIG = 2**53
EIGHTH = math.sin(math.pi / 8) ** 2

EXAMPLES: dict[str, tuple[lr.Schedule, Iterable[float], list[float]]] = {
    "a phase owns its first step and not the one after its last": (DOWN >> lr.constant(9), [0, 1, 2, 3, 4, 5], [1, 0.75, 0.5, 0.25, 9, 9]),
    "past its end a ramp holds its stop": (DOWN, [3, 4, 5, BIG], [0.25, 0, 0, 0]),
    "past its end a constant holds": (lr.constant(2, 3), [0, 2, 3, BIG], [2, 2, 2, 2]),
    "past its end a sequence holds its last phase's end": (UP >> DOWN, [7, 8, BIG], [0.25, 0, 0]),
    "past its end a finite sequence is its last phase's": (DOWN >> STEPS, [4, 6, 7, 99], [10, 30, 30, 30]),
    "with its endpoint a ramp reaches its stop": (lr.ramp(1, 0, 5, endpoint=True) >> lr.constant(9), [0, 2, 4, 5], [1, 0.5, 0, 9]),
    "with its endpoint and one step it is stop": (lr.ramp(1, 0, 1, endpoint=True) >> lr.constant(9), [0, 1], [0, 9]),
    "with its endpoint and no step it is stop": (lr.ramp(1, 0, 0, endpoint=True), [0, 1], [0, 0]),
    "endpoint of the constant shape": (lr.ramp(1, 7, 3, "constant", endpoint=True), [0, 1, 2, 3], [1, 1, 7, 7]),
    "constant shape": (lr.ramp(1, 7, 3, "constant"), [0, 2, 3, 4], [1, 1, 7, 7]),
    "a phase of no steps is skipped": (UP >> lr.linear(5, 6, 0) >> DOWN, [3, 4, 5], [0.75, 1, 0.75]),
    "a phase of no steps first": (lr.linear(5, 6, 0) >> DOWN, [0, 1], [1, 0.75]),
    "a phase of no steps last leaves its stop": (UP >> lr.linear(5, 6, 0), [3, 4, 5], [0.75, 6, 6]),
    "a phase of no steps alone is its stop": (lr.linear(5, 6, 0), [0, 1, BIG], [6, 6, 6]),
    "product": (DOWN * UP, [0, 1, 2, 3, 4], [0, 0.1875, 0.25, 0.1875, 0]),
    "a factor": (3 * DOWN, [0, 1, 4], [3, 2.25, 0]),
    "sum": (DOWN + UP + 1, [0, 1, 4], [2, 2, 2]),
    "minimum": (lr.minimum(DOWN, UP, 0.4), [0, 1, 2, 3, 4], [0, 0.25, 0.4, 0.25, 0]),
    "maximum": (lr.maximum(DOWN, UP, 0.6), [0, 1, 2, 3, 4], [1, 0.75, 0.6, 0.75, 1]),
    "clip": (UP.clip(0.3, 0.6), [0, 1, 2, 3, 4], [0.3, 0.3, 0.5, 0.6, 0.6]),
    "terms of unequal length hold": (lr.linear(1, 0, 2) + UP, [1, 2, 3, 4], [0.75, 0.5, 0.75, 1]),
    "repeat": (DOWN.repeat(), [0, 3, 4, 7, 8], [1, 0.25, 1, 0.25, 1]),
    "repeat some times, then hold the end": (DOWN.repeat(2), [4, 7, 8, 9, BIG], [1, 0.25, 0, 0, 0]),
    "repeat with decay": (DOWN.repeat(decay=0.5), [0, 4, 5, 8, 12], [1, 0.5, 0.375, 0.25, 0.125]),
    "repeat above a floor": (lr.linear(3, 1, 2).repeat(decay=0.5, floor=1), [0, 1, 2, 3, 4, 5], [3, 2, 2, 1.5, 1.5, 1.25]),
    "repeat above a falling floor": (lr.linear(3, 1, 2).repeat(3, 1, 0.5, 1, 0.5), [0, 1, 2, 3, 4, 6, 9], [3, 2, 1.5, 1, 0.75, 0.25, 0.25]),
    "repeat with growing cycles": (lr.linear(1, 0, 2).repeat(stretch=2), [0, 1, 2, 3, 5, 6, 13, 14], [1, 0.5, 1, 0.75, 0.25, 1, 0.125, 1]),
    "repeat with cycles of 4, 6 and 9": (UP.repeat(3, stretch=1.5), [4, 7, 10, 13, 18, 19], [0, 0.5, 0, 1 / 3, 8 / 9, 1]),
    "repeat with shrinking cycles": (lr.linear(0, 1, 8).repeat(3, stretch=0.5), [8, 10, 12, 13, 14], [0, 0.5, 0, 0.5, 1]),
    "repeat with a third": (lr.linear(0, 1, 9).repeat(3, stretch=1 / 3), [8, 9, 10, 12, 13], [8 / 9, 0, 1 / 3, 0, 1]),
    "repeat stairs in stretched cycles": (STEPS.repeat(2, stretch=2), range(10), [10, 20, 30, 10, 10, 20, 20, 30, 30, 30]),
    "every": (UP.every(2), [0, 1, 2, 3, 4, 5], [0, 0, 0.5, 0.5, 1, 1]),
    "every across an end": (lr.linear(0, 1, 5).every(2) >> lr.constant(9), [3, 4, 5], [0.4, 0.8, 9]),
    "per": (DOWN.per(3), [0, 2, 3, 11, 12], [1, 1, 0.75, 0.25, 0]),
    "per is followed at k times its length": (lr.linear(1, 0, 2).per(3) >> lr.constant(9), [2, 3, 5, 6], [1, 0.5, 0.5, 9]),
    "stretch": (DOWN.stretch(2), [0, 1, 2, 7, 8], [1, 0.875, 0.75, 0.125, 0]),
    "stretch by 1.5 has its boundary at the next step": ((lr.linear(0, 1, 3) >> lr.constant(9)).stretch(1.5), [3, 4, 5], [2 / 3, 8 / 9, 9]),
    "stretch by less than one": (DOWN.stretch(0.5), [0, 1, 2], [1, 0.5, 0]),
    "stretch by a third": (lr.Samples(range(9)).stretch(1 / 3), [0, 1, 2, 3], [0, 3, 6, 8]),
    "stretch stairs": (STEPS.stretch(1.5), [0, 1, 2, 3, 4], [10, 10, 20, 30, 30]),
    "shift": (DOWN.shift(3), [0, 2, 3, 4, 7], [1, 1, 1, 0.75, 0]),
    "until": (DOWN.until(2) >> lr.constant(9), [0, 1, 2], [1, 0.75, 9]),
    "until holds the value of the cut": (DOWN.until(2), [1, 2, 3, BIG], [0.75, 0.5, 0.5, 0.5]),
    "until past the end": (DOWN.until(6) >> lr.constant(9), [3, 4, 5, 6], [0.25, 0, 0, 9]),
    "until no step": (DOWN.until(0), [0, 5], [1, 1]),
    "mirror": (DOWN.past_end("mirror"), [0, 3, 4, 5, 8, 9, 12], [1, 0.25, 0, 0.25, 1, 0.75, 0]),
    "mirrored samples": (STEPS.past_end("mirror"), [0, 1, 2, 3, 4, 5, 6], [10, 20, 30, 30, 30, 20, 10]),
    "override": (UP.override(2, 2.5, 4), [0, 1, 2, 3, 5, 6, 99], [0, 0.25, 0.5, 1, 2, 2.5, 2.5]),
    "override past the end": (UP.override(9, 3, 2), [8, 9, 10, 11], [1, 1, 2, 3]),
    "override at once": (UP.override(2, 7, 0), [1, 2, 3], [0.25, 7, 7]),
    "knots": (lr.Knots([2, 4, 8], [1, 3, 1]), [0, 2, 3, 4, 6, 8, 9], [1, 1, 2, 3, 2, 1, 1]),
    "one knot": (lr.Knots([3], [7]), [0, 3, 9], [7, 7, 7]),
    "knots between steps": (lr.Knots([0.5, 2.5], [1, 2], "cosine"), [0, 1, 1.5, 2, 3], [1, 1 + EIGHTH, 1.5, 2 - EIGHTH, 2]),
    "log knots": (lr.Knots([0, 2, 4], [1, 100, 1], "log"), [0, 1, 2, 3, 4], [1, 10, 100, 10, 1]),
    "pchip of two knots is a line": (lr.Knots([0, 4], [0, 1], "pchip"), [0, 1, 2, 4], [0, 0.25, 0.5, 1]),
    "pchip never overshoots": (lr.Knots([0, 1, 2, 3], [0, 0, 1, 1], "pchip"), [0.5, 1, 1.5, 2, 2.5], [0, 0, 0.5, 1, 1]),
    "samples": (STEPS, [0, 1, 2, 3, BIG], [10, 20, 30, 30, 30]),
    "samples in the machine's smaller floats": (lr.Samples(np.full(5000, 0.1, np.float32)), [0, 4999, 5000], [float(np.float32(0.1))] * 3),
    "from a function": (lr.from_function(lambda t: t * t, 4), [0, 3, 4], [0, 9, 9]),
    "cosine restarts": (lr.cosine_restarts(1, 0, 2, cycle_mul=2, decay=0.5), [0, 1, 2, 4, 6], [1, 0.5, 0.5, 0.25, 0.25]),
    "warmup": (lr.warmup(DOWN, 2), [0, 1, 2, 3, 6], [0, 0.5, 1, 0.75, 0]),
    "warmup from the first": (lr.warmup(lr.constant(1), 4, "first"), [0, 1, 2, 3, 4], [0.25, 0.5, 0.75, 1, 1]),
    "warmup and cosine": (lr.warmup_cosine(1, warmup=2, steps=6), [0, 1, 2, 4, 6], [0, 0.5, 1, 0.5, 0]),
    "warmup of a fraction": (lr.warmup_cosine(1, warmup=0.5, steps=4), [0, 1, 2, 3, 4], [0, 0.5, 1, 0.5, 0]),
    "warmup, stable, decay": (lr.wsd(1, warmup=2, decay=4, steps=10), [0, 1, 2, 5, 6, 8, 10], [0, 0.5, 1, 1, 1, 0.5, 0]),
    "warmup, stable for ever, then ended": (lr.wsd(1, warmup=2).override(100, 0, 4), [1, 2, 99, 100, 102, 104], [0.5, 1, 1, 1, 0.5, 0]),
}


@pytest.mark.parametrize("case", EXAMPLES)
def test_example(case: str) -> None:
    schedule, steps, values = EXAMPLES[case]
    got = schedule(steps)
    np.testing.assert_array_max_ulp(got, np.array(values, dtype=float), 2)
    assert [schedule(step) for step in steps] == got.tolist()


SPANS: list[tuple[lr.Schedule, int | None]] = [
    (lr.constant(1), None), (lr.constant(1, 5), 5), (DOWN, 4), (lr.linear(1, 0, 0), 0), (DOWN >> UP, 8), (DOWN >> lr.constant(1), None),
    (DOWN + lr.linear(0, 1, 9), 9), (0.1 * DOWN, 4), (DOWN * DOWN.repeat(), None), (lr.constant(1) * lr.constant(2), None),
    (lr.constant(1, 5) + DOWN, 5), (lr.minimum(DOWN, 0.5), 4), (DOWN.clip(0, 1), 4), (DOWN.repeat(), None), (DOWN.repeat(3), 12),
    (DOWN.repeat(3, stretch=1.5), 4 + 6 + 9), (lr.linear(0, 1, 10).repeat(4, stretch=1.1), 10 + 11 + 12 + 13), (DOWN.every(3), 4),
    (DOWN.per(3), 12), (DOWN.stretch(1.5), 6), (lr.linear(0, 1, 3).stretch(1.5), 5), (DOWN.stretch(0.1), 1), (DOWN.shift(3), 7),
    (lr.linear(0, 1, 10).stretch(0.1), 1), (lr.linear(0, 1, 10).stretch(1.1), 11), (lr.linear(0, 1, 9).stretch(1 / 3), 3),
    (DOWN.until(2), 2), (DOWN.until(9), 9),
    (DOWN.past_end("mirror"), None), (DOWN.past_end("error"), 4), (DOWN.override(2, 0, 3), 5), (lr.Knots([0, 2.5], [0, 1]), 3),
    (lr.Samples([1, 2, 3]), 3), (lr.wsd(1, warmup=2), None), (lr.wsd(1, warmup=2, decay=3, steps=10), 10),
]  # fmt: skip


@pytest.mark.parametrize(("schedule", "steps"), SPANS)
def test_length(schedule: lr.Schedule, steps: int | None) -> None:
    assert schedule.steps == schedule.span == steps == oracle.length(schedule)


@given(schedules())
def test_length_of_any_schedule(schedule: lr.Schedule) -> None:
    assert schedule.span == oracle.length(schedule)


class TestLengthsOfAHorizon:
    @pytest.mark.parametrize(
        ("phases", "horizon", "lengths"),
        [
            ([0.1, "rest"], 1000, [100, 900]),
            ([0.1, "rest"], 5, [1, 4]),  # 0.5 goes up
            ([0.1, "rest"], 4, [0, 4]),  # 0.4 goes down
            ([10, "rest"], 1000, [10, 990]),
            ([10, 0.5, "rest"], 1000, [10, 500, 490]),
            (["rest", 0.25], 1000, [750, 250]),
            ([0.3, 0.3, 0.3, "rest"], 10, [3, 3, 3, 1]),
            ([0.25, 0.25, 0.25, 0.25], 10, [3, 2, 3, 2]),  # boundaries at 2.5, 5, 7.5 and 10: halves go up, nothing adds up
            ([0.1] * 10, 1005, [101, 100, 101, 100, 101, 100, 101, 100, 101, 100]),
            ([0.7, 0.2, 0.1], 10, [7, 2, 1]),  # decimals as written: 0.7 + 0.2 + 0.1 is 1
            ([1e-9, "rest"], 10**12, [1000, 10**12 - 1000]),
            ([0.1, "rest"], 2**53, [900719925474099, 8106479329266893]),
        ],
    )
    def test_boundaries_are_rounded_sums(self, phases: list[Any], horizon: int, lengths: list[int]) -> None:
        sequence = Sequence([lr.linear(0, 1, steps) for steps in phases])
        assert not sequence.resolved and sequence.span == "rest"
        resolved = sequence.over(horizon)
        assert resolved.resolved and [phase.steps for phase in resolved.phases] == lengths and resolved.steps == sum(lengths)

    def test_alone(self) -> None:
        assert lr.linear(0, 1, 0.25).over(10).steps == 3
        assert lr.linear(0, 1, "rest").over(10).steps == 10
        assert lr.constant(1, 0.5).over(10).steps == 5

    def test_on_another_clock(self) -> None:
        assert lr.linear(0, 1, 0.5).per(10).over(100) == lr.linear(0, 1, 5).per(10)
        assert lr.linear(0, 1, 0.5).stretch(2).over(100) == lr.linear(0, 1, 25).stretch(2)

    def test_what_has_steps_stays(self) -> None:
        assert DOWN.over(1000) is DOWN


class TestFloatClock:
    def test_a_curve_is_taken_at_the_real_position(self) -> None:
        assert DOWN([0.5, 1.25, 3.999, 4.0]).tolist() == pytest.approx([0.875, 0.6875, 0.00025, 0.0], rel=1e-12)

    def test_a_whole_float_is_the_step(self) -> None:
        schedule = lr.warmup_cosine(3e-4, warmup=100, steps=1000)
        assert all(schedule(float(step)) == schedule(step) for step in range(1100))
        assert schedule(np.arange(1100.0)).tobytes() == schedule(np.arange(1100)).tobytes()

    def test_half_open_as_written(self) -> None:
        schedule = lr.constant(1, 4) >> lr.constant(2)
        assert schedule([3.9999999999999996, 4.0, math.nextafter(4, 9)]).tolist() == [1, 2, 2]

    def test_stairs_floor(self) -> None:
        assert STEPS([0.9, 1.0, 1.9, 2.5]).tolist() == [10, 20, 20, 30]
        assert UP.every(2)([1.9, 2.0, 3.9]).tolist() == [0, 0.5, 0.5]
        assert UP.per(2)([1.9, 2.0, 3.9]).tolist() == [0, 0.25, 0.25]

    def test_cycles_begin_on_the_real_clock(self) -> None:
        assert DOWN.repeat()([3.5, 4.0, 4.5]).tolist() == [0.125, 1.0, 0.875]

    def test_mirror(self) -> None:
        assert DOWN.past_end("mirror")([4.5, 7.5, 8.5]).tolist() == [0.125, 0.875, 0.875]

    def test_float32_steps_are_real_positions_too(self) -> None:
        assert DOWN(np.array([0.5, 1.5], dtype=np.float32)).tolist() == [0.875, 0.625]


class TestFarAway:
    @pytest.mark.parametrize("cycle", [1, 10, 10**6, 2**40])
    def test_cycles_restart_exactly(self, cycle: int) -> None:
        inner = lr.warmup_cosine(3e-4, warmup=10, steps=1000)
        begin = 1000 * cycle
        assert inner.repeat()(range(begin, begin + 1000)).tobytes() == inner(range(1000)).tobytes()

    @pytest.mark.parametrize(("stretch", "cycles"), [(1.5, 70), (2, 40), (1.1, 100), (1.0001, 300), (0.99, 200)])
    def test_every_cycle_begins_where_it_should(self, stretch: float, cycles: int) -> None:
        schedule, begin, growth = lr.linear(1.0, 0.0, 100).repeat(cycles, stretch=stretch), 0, oracle.written(stretch)
        for cycle in range(cycles):
            assert schedule(begin) == 1.0 and (begin == 0 or schedule(begin - 1) < 0.1), f"cycle {cycle}"
            begin += math.floor(100 * growth**cycle)
        assert begin == schedule.steps and schedule(begin) == 0.0

    def test_the_last_step_of_all(self) -> None:
        np.testing.assert_array_max_ulp(lr.linear(0.0, 1.0, BIG)([BIG - 1, BIG]), np.array([1 - 2**-53, 1.0]), 2)
        assert lr.Samples([0.0, 1.0, 2.0]).repeat()([BIG - 1, BIG]).tolist() == [(BIG - 1) % 3, BIG % 3]

    def test_a_sequence_of_a_thousand_phases(self) -> None:
        schedule: lr.Schedule = lr.linear(0, 1, 10)
        for i in range(1, 1000):
            schedule = schedule >> lr.linear(i, i + 1, 10)
        np.testing.assert_allclose(schedule.values(), np.arange(10_000) / 10, rtol=1e-15)
        assert schedule.steps == 10_000 and schedule(5_005) == 500.5

    def test_nesting_to_the_limit(self) -> None:
        schedule: lr.Schedule = DOWN
        for _ in range(199):
            schedule = schedule.every(1)
        assert schedule.values().tolist() == [1, 0.75, 0.5, 0.25]


class TestArrays:
    @pytest.mark.parametrize("steps", [[], np.array([], dtype=int), np.empty((0, 3)), np.empty((2, 0), dtype=np.int32)])
    def test_empty_gives_empty(self, steps: Any) -> None:
        got = DOWN(steps)
        assert got.shape == np.shape(steps) and got.dtype == np.float64

    @pytest.mark.parametrize("dtype", ["i1", "u1", "i2", "i4", "u4", "i8", "u8", "f4", "f8", ">i4", ">f8", ">i8"])
    def test_any_number_type(self, dtype: str) -> None:
        assert DOWN(np.array([[0, 1], [2, 5]], dtype=dtype)).tolist() == [[1, 0.75], [0.5, 0]]

    @pytest.mark.parametrize("steps", [range(5), [0, 1, 2, 3, 4], (0, 1, 2, 3, 4), np.arange(10)[::2] // 2])
    def test_anything_numpy_takes(self, steps: Any) -> None:
        assert DOWN(steps).tolist() == [1, 0.75, 0.5, 0.25, 0]

    def test_zero_dimensions(self) -> None:
        assert DOWN(np.array(1)) == 0.75
        assert all(type(DOWN(step)) is float for step in (1, 1.0, np.int64(1), np.float32(1), np.array(1)))

    def test_values_default_to_the_own_length(self) -> None:
        assert DOWN.values().tolist() == [1, 0.75, 0.5, 0.25]
        assert DOWN.values(0).shape == (0,)
        assert DOWN.values(3, start=1, stride=2).tolist() == [0.75, 0.25, 0]


def test_every_combinator_is_there_for_every_kind() -> None:
    """No field of a schedule may hide a method of all schedules."""
    for kind in types.AnySchedule.__args__:
        assert not set(kind.__struct_fields__) & {name for name in dir(types.Schedule) if not name.startswith("_")}


def test_a_cut_schedule_refuses_no_step_before_the_cut() -> None:
    refusing = DOWN.past_end("error")
    assert refusing.until(4).values().tolist() == DOWN.values().tolist()
    assert refusing.until(9)(3) == 0.25
    assert (refusing >> UP)(4) == 0.0
    with pytest.raises(lr.SpecError):
        refusing.until(9)(5)


def test_exactly_equal_ends_stay_put() -> None:
    for shape, row in lr.SHAPES.items():
        parameters = {parameter.name: parameter.example for parameter in row.parameters}
        assert set(lr.ramp(0.1, 0.1, 777, shape, **parameters).values(800)) == {0.1}


def test_past_the_end_may_be_refused() -> None:
    refusing = DOWN.past_end("error")
    assert refusing.values(4).tolist() == [1, 0.75, 0.5, 0.25]
    for ask in (lambda: refusing(4), lambda: refusing([0, 4]), lambda: refusing.values(5), lambda: refusing(4.5)):
        with pytest.raises(lr.SpecError):
            ask()
