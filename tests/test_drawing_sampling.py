"""The steps a picture is drawn from: few, with every boundary, and no value of a column that would be seen is left out."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

import lrcore as lr
from lrcore.drawing.sampling import WINDOWS, phase_bands, sampled_steps
from strategies import schedules

LONG = 10**9
WIDE = 2**21 + 123_457
"""More steps than are all looked at, few enough to look at all of them here."""


def crossing(at: int) -> lr.Schedule:
    """0, but for the 2,000 steps around one at which two lines cross: a peak that is no boundary of a piece."""
    rising, falling = (lr.linear(1 - sign * 1e-3 * at, 1 + sign * 1e-3 * (LONG - at), LONG) for sign in (1, -1))
    return lr.maximum(0.0, lr.minimum(rising, falling))


def spike(first: int, after: int = LONG) -> lr.Schedule:
    """0.1, with 0.7 for one step."""
    return lr.constant(0.1, first) >> lr.constant(0.7, 1) >> lr.constant(0.1, after)


AROUND: dict[str, Callable[[int], tuple[lr.Schedule, float]]] = {
    "itself": lambda at: (spike(at), 0.7),
    "cut": lambda at: (spike(at).until(LONG), 0.7),
    "sum": lambda at: (spike(at) + lr.linear(0.5, 0.0, 10 * LONG), 1.1),
    "product": lambda at: (lr.cosine(1.0, 0.5, 10 * LONG) * spike(at), 0.6),
    "largest": lambda at: (lr.maximum(spike(at), lr.cosine(0.3, 0.0, LONG)), 0.69),
    "crossing": lambda at: (crossing(at), 0.99),
    "stretched": lambda at: (spike(at // 3).stretch(2.5), 0.7),
    "ticks": lambda at: (spike(at // 1009).per(1009), 0.7),
    "forth and back": lambda at: (spike(at // 7, 99).past_end("mirror"), 0.7),
    "stairs": lambda at: (spike(at // 64 * 64).every(64), 0.7),
    "a phase": lambda at: (lr.linear(0.0, 0.2, 1000) >> 0.5 * spike(at // 2, at // 3) >> lr.constant(0.0), 0.35),
    "one of many cycles": lambda at: (lr.linear(0.5, 0.0, 1000).repeat(at // 1000) >> lr.constant(0.7, 1) >> lr.constant(0.0), 0.7),
    "samples": lambda at: (lr.constant(0.0, at) >> lr.Samples(np.r_[np.zeros(3210), 0.7, np.zeros(5000)]) >> lr.constant(0.0), 0.7),
}


@pytest.mark.parametrize("around", AROUND)
@settings(max_examples=12)
@given(at=st.integers(10_000, LONG - 20_000))
def test_one_step_of_a_thousand_million_is_found(around: str, at: int) -> None:
    schedule, height = AROUND[around](at)
    values = schedule(sampled_steps(schedule, LONG))
    assert values.max() >= height


@pytest.mark.parametrize("period", [50, 777, 12_345, 1_234_567, 123_456_789])
@pytest.mark.parametrize("options", [{}, {"decay": 0.9999999}, {"stretch": 1.01}], ids=str)
def test_a_spike_of_every_cycle_is_in_every_column(period: int, options: dict[str, float]) -> None:
    schedule = (lr.linear(0.1, 0.0, period - 1) >> lr.constant(5.0, 1)).repeat(**options)  # type: ignore[arg-type]
    steps = sampled_steps(schedule, LONG)
    values = schedule(steps)
    columns = np.searchsorted(steps, np.linspace(0, LONG, 101).astype(np.int64))
    highest = np.maximum.reduceat(values, columns[:-1])
    if options == {} and period < LONG // 100:
        assert (highest == 5.0).all()
    assert values.max() == 5.0 and values.min() < 0.1 * max(20 / period, 1e-3)


@pytest.mark.parametrize("log", [False, True])
@settings(max_examples=20)
@given(schedules(max_depth=3))
@example(lr.Repeat(lr.cosine(1.0, 0.0, 1234)) + lr.Repeat(lr.cosine(1.0, 0.0, 1237)))
@example(lr.minimum(lr.linear(0.0, 1.0, WIDE), lr.linear(1.0, 0.0, WIDE // 3)))
@example((lr.cosine(0.1, 0.0, 77) >> lr.constant(5.0, 1)).repeat(100).repeat())
@example(lr.Samples([0.0, 1.0]).repeat(7, stretch=2.5, decay=0.25, decay_floor=0.25).past_end("mirror"))  # cycles a little over a column
def test_every_column_reaches_as_far_as_all_of_its_steps(log: bool, schedule: lr.Schedule) -> None:
    assume("Noise" not in repr(schedule))
    try:
        everything = schedule.values(WIDE)
    except lr.SpecError:
        assume(False)
    steps = sampled_steps(schedule, WIDE, log=log)
    values = schedule(steps)
    if log:
        assume(everything.max() > 0)
        lowest = np.quantile(everything[everything > 0], 0.01) / 10  # what lies lower is drawn at the floor
        everything, values = np.log10(np.maximum(everything, lowest)), np.log10(np.maximum(values, lowest))
    edges = np.rint(np.linspace(0, WIDE - 1, WINDOWS + 1)).astype(np.int64)
    assert set(edges[:-1].tolist()) <= set(steps.tolist())
    cuts = np.searchsorted(steps, edges)
    for of in (np.minimum, np.maximum):
        drawn = of(of.reduceat(values, cuts[:-1]), values[cuts[1:]])  # a line goes on to the first step of the next column
        missing = np.abs(of(of.reduceat(everything, edges[:-1]), everything[edges[1:]]) - drawn)
        assert missing.max() <= np.ptp(everything) / 200


@settings(max_examples=60)
@given(schedules(max_depth=3), st.sampled_from([1, 7, 4096, 4097, 10**6, LONG, 2**53]))
def test_samples_are_few_increase_and_reach_the_ends(schedule: lr.Schedule, steps: int) -> None:
    try:
        schedule(steps - 1)
    except lr.SpecError:
        assume(False)
    sampled = sampled_steps(schedule, steps)
    assert len(sampled) < 12_000 and sampled[0] == 0 and sampled[-1] == steps - 1 and (np.diff(sampled) > 0).all()


@settings(max_examples=60)
@given(st.lists(st.integers(0, 10**7), min_size=1, max_size=30), st.integers(1, 5))
def test_samples_hold_both_sides_of_every_boundary(lengths: list[int], k: int) -> None:
    phases = lr.Sequence(tuple(lr.linear(i, -i, steps) for i, steps in enumerate(lengths)))
    for schedule in (phases, 2 * phases + 1, phases.per(k), phases.stretch(k + 0.5), phases.until(10**6) >> phases):
        end = schedule.span + 10
        boundaries = np.cumsum([0, *lengths])
        if schedule.span != phases.span:
            boundaries = boundaries * {phases.per(k): k, phases.stretch(k + 0.5): k + 0.5}.get(schedule, 1)
        expected = np.ceil(boundaries[boundaries < min(10**6, end)]).astype(np.int64)
        assert set(expected.tolist()) | {step - 1 for step in expected.tolist() if step} <= set(sampled_steps(schedule, end).tolist())


def test_a_later_part_is_sampled_on_its_own() -> None:
    schedule = lr.constant(0.1, LONG) >> lr.cosine(0.1, 0.0, 5000)
    steps = sampled_steps(schedule, 5000, first=LONG)
    assert (steps[0], steps[-1]) == (LONG, LONG + 4999) and len(steps) > 1000


def test_a_logarithmic_axis_has_steps_in_every_decade() -> None:
    steps = sampled_steps(lr.cosine(0.1, 0.0, LONG), LONG, spread="log")
    counts, _ = np.histogram(np.log10(steps + 1.0), bins=9)
    assert counts[0] == 9 and counts[1] == 90 and counts[2:].min() > 300


def test_noise_is_drawn_nearly_as_wide_as_it_is() -> None:
    noise = lr.Noise(seed=3, scale=1.0)
    assert np.ptp(noise(sampled_steps(noise, LONG))) > 1.99


def test_a_schedule_of_very_many_parts_is_sampled_too() -> None:
    schedule = lr.Sequence(tuple(lr.linear(i % 7, 0.0, 100_000) for i in range(10_000)))
    assert schedule(sampled_steps(schedule, LONG)).max() == 6


@pytest.mark.parametrize(
    ("drawn", "steps", "bands"),
    [
        (lr.cosine(1.0, 0.0, 50), 50, [("cosine", 0, 50)]),
        (lr.warmup_cosine(1.0, warmup=10, steps=50), 80, [("linear", 0, 10), ("cosine", 10, 50), ("held", 50, 80)]),
        (lr.wsd(1.0, warmup=10, decay=20, steps=50), 25, [("linear", 0, 10), ("constant", 10, 25)]),
        (
            lr.Plan(
                lr.warmup_cosine(1.0, warmup=1000, steps=5000), horizon=5000, unit="samples", clock=lr.Clock(10, batch_ramp=((50, 20),))
            ).bind(),
            275,
            [("linear", 0, 75), ("cosine", 75, 275)],
        ),
    ],
)
def test_bands_are_the_phases_without_gaps(drawn: lr.Schedule | lr.BoundPlan, steps: int, bands: list[tuple[str, int, int]]) -> None:
    assert phase_bands(drawn, steps) == bands
