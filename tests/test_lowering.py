"""Lowered schedules: int32 and float32 alone, within 1e-6 of the exact value wherever a framework can count to."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, reject, settings
from hypothesis import strategies as st

import lrcore as lr
from lrcore.changes import landmarks
from lrcore.fitting import fitted
from lrcore.ops import LAST
from strategies import schedules

OPS = lr.NumpyOps()
NOISY = {"noise", "noisy_linear_cosine"}


def steps_of(schedule: lr.Schedule, seed: int = 0) -> np.ndarray:
    """Random steps, every boundary, the last thousand before an end, around 2^24, and the last there are."""
    rng = np.random.default_rng(seed)
    ends = [schedule.span] if isinstance(schedule.span, int) else []
    found = np.concatenate(
        [
            np.arange(300), rng.integers(0, LAST, 300), rng.integers(0, 2_000, 200), np.arange(LAST - 99, LAST + 1),
            2**24 + np.arange(-2, 3), *(np.arange(end - 1_000, end + 2) for end in ends), landmarks(schedule, LAST),
        ]
    )  # fmt: skip
    return np.unique(found[(found >= 0) & (found <= LAST)])


def size_of(schedule: lr.Schedule, exact: np.ndarray) -> np.ndarray:
    """What 1e-6 is of: the value, or where terms of different signs may cancel, the largest value there can be."""
    return np.maximum(np.abs(exact), schedule._facts[1] if may_cancel(schedule) else 0.0) + 1e-31


def may_cancel(schedule: lr.Schedule) -> bool:
    if isinstance(schedule, lr.Sum | lr.Noise) or (isinstance(schedule, lr.Repeat) and schedule.floor != 0):
        return True
    ends = schedule.knots if isinstance(schedule, lr.Knots) else (schedule.start, schedule.stop) if isinstance(schedule, lr.Ramp) else ()
    parts = [part for field in schedule.__struct_fields__ for part in np.atleast_1d(np.array(getattr(schedule, field), dtype=object))]
    return (bool(ends) and min(ends) < 0 < max(ends)) or any(may_cancel(part) for part in parts if isinstance(part, lr.Schedule))


def assert_lowered(schedule: lr.Schedule, seed: int = 0) -> None:
    steps = steps_of(schedule, seed)
    exact, shown = schedule(steps), lr.lower(schedule, OPS)(steps)
    assert shown.dtype == np.float32 and shown.shape == steps.shape
    wrong = np.abs(shown.astype(np.float64) - exact) / size_of(schedule, exact)
    at = int(wrong.argmax())
    assert wrong[at] <= 1e-6, (int(steps[at]), exact[at], shown[at], wrong[at])


@pytest.mark.parametrize("name", lr.recipes())
def test_every_recipe(name):
    assert_lowered(getattr(lr, name)(**lr.recipes()[name].example))


@pytest.mark.parametrize("name", lr.SHAPES)
@pytest.mark.parametrize("steps", [1, 2, 3, 33, 1_000, 10**6 + 1, 2**24 + 3, 10**9 + 7, 2**31 + 5, 10**12])
def test_every_shape_at_any_length(name, steps):
    args = tuple(parameter.example for parameter in lr.SHAPES[name].parameters)
    for start, stop in ((1.0, 1e-3), (3e-4, 0.1), *([] if lr.SHAPES[name].ends else [(0.1, 0.0), (0.0, 0.1)])):
        for endpoint in (False, True):
            assert_lowered(lr.Ramp(start, stop, steps, name, args, endpoint))


@pytest.mark.parametrize("name", lr.CURVES)
def test_every_curve(name):
    args = tuple(parameter.example for parameter in lr.CURVES[name].parameters)
    assert_lowered(lr.Curve(0.1, name, args, 1_000 if lr.CURVES[name].growth else None))


COMPOSED = {
    "restarts": lr.cosine(0.1, 0.0, 1_000).repeat(),
    "restarts that fall": lr.cosine(0.1, 0.01, 1_000).repeat(decay=0.9, floor=0.01),
    "growing restarts": lr.cosine(0.1, 0.0, 10).repeat(stretch=2),
    "growing restarts of stairs": lr.cosine(0.1, 0.0, 10).every(2).repeat(stretch=2),
    "a wave that has come and gone": lr.exponential_decay(1.0, 0.99) + -1.0 * lr.exponential_decay(1.0, 0.5),
    "cycles whose floor falls faster": lr.constant(-1.0, 59).repeat(decay=0.99, floor=-1.0, decay_floor=0.5),
    "growing restarts of stretched samples": lr.Samples((0.3, 0.2)).stretch(0.25).until(1).repeat(stretch=1.5, decay=0.5),
    "a few restarts": lr.cosine(0.1, 0.01, 1_000).repeat(3, decay=0.5),
    "stairs": lr.exponential_decay(0.1, 0.999).every(7),
    "epochs": lr.cosine(0.1, 0.0, 90).per(390),
    "a stretched wave": lr.cosine(0.1, 0.01, 10).past_end("mirror").stretch(1.5),
    "a wave of 2^30": lr.cosine(0.1, 0.01, 2**30 + 7).past_end("mirror"),
    "stairs of a wave": lr.cosine(0.1, 0.01, 1_000).past_end("mirror").every(6),
    "warmup times restarts": lr.linear(0.0, 1.0, 500) * lr.cosine(0.1, 0.01, 333).repeat(),
    "clipped restarts": lr.cosine(0.1, 0.0, 1_000).repeat().clip(0.03, 0.07),
    "restarts, then a decay": lr.cosine(0.1, 0.01, 100).repeat(5) >> lr.linear(0.01, 0.0, 1_000),
    "many phases": lr.Sequence(tuple(lr.linear(1.0 / (i + 1), 1.0 / (i + 2), 7 + i) for i in range(500))),
    "samples": lr.Samples(tuple(float(value) for value in np.linspace(1.0, 0.1, 50))),
    "samples at epochs": lr.Samples((0.3, 0.2, 0.1)).per(100),
    "through zero": lr.linear(-1.0, 1.0, 10**9),
    "knots between steps": lr.Knots((0.5, 10.25, 99.75), (0.1, 1.0, 0.01), "log"),
    "a growing curve that is cut off": lr.presets.optax.exponential_decay(0.5, 10, 1.5, end_value=1.0),
    "noise": lr.Noise(seed=3, kind="normal", scale=0.1, limit=2.0),
}


@pytest.mark.parametrize("name", COMPOSED)
def test_what_is_composed(name):
    assert_lowered(COMPOSED[name])


@settings(max_examples=150, deadline=None)
@given(schedules(), st.integers(0, 1_000))
def test_any_schedule(schedule, seed):
    try:
        lr.lower(schedule, OPS)
        schedule(steps_of(schedule, seed))
    except (lr.LoweringError, lr.SpecError):  # clocks too fast for int32, or for 2^53 ticks
        reject()
    assert_lowered(schedule, seed)


@pytest.mark.parametrize("step", [2**31, 2**31 + 10**6, 2**40, -1, -(2**31)])
def test_a_counter_that_is_past_the_end_or_has_wrapped_holds_the_last_value(step):
    schedule = lr.cosine(0.1, 0.01, 700).repeat()
    assert lr.lower(schedule, OPS)(np.array(step)) == pytest.approx(schedule(LAST), rel=1e-6)


@pytest.mark.parametrize("shape", [(), (3,), (2, 3)])
@pytest.mark.parametrize("dtype", [np.int32, np.int64])
def test_steps_of_any_shape(shape, dtype):
    steps = np.arange(int(np.prod(shape)), dtype=dtype).reshape(shape)
    for schedule in COMPOSED.values():
        shown = lr.lower(schedule, OPS)(steps)
        assert shown.shape == shape and shown.dtype == np.float32


@pytest.mark.parametrize("name", ["cosine", "linear", "exponential", "tanh", "k_decay"])
def test_a_long_horizon_costs_octaves_and_not_steps(name):
    def rows(steps: int) -> int:
        ramp = lr.Ramp(1.0, 1e-4, steps, name, tuple(parameter.example for parameter in lr.SHAPES[name].parameters))
        slices = fitted(lambda n: ramp(n), [steps], LAST)
        assert slices is not None
        return len(slices.begins)

    assert rows(10**9) <= rows(10**3) + 3 * 20


REFUSED = {
    "a clock too fast": (
        lr.constant(1.0).until(10**9 + 1).every(3).repeat().every(16) * lr.cosine(1.0, 0.5, 10**9 + 1).every(2).repeat().stretch(0.3),
        "does not fit int32",
    ),
    "too many cycles": (lr.cosine(0.1, 0.0, 100).every(2).repeat(stretch=1.01), "cycles of different length cannot be lowered one by one"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_lowered_is_a_sentence(name):
    schedule, sentence = REFUSED[name]
    with pytest.raises(lr.LoweringError, match=sentence):
        lr.lower(schedule, OPS)
