"""Pictures: every line is there, true at every boundary, whatever the horizon."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

mpl.use("Agg")
from matplotlib import pyplot

import lrcore as lr
from lrcore.plot import sampled_steps
from strategies import schedules


@pytest.fixture(autouse=True)
def _no_figures_left() -> Iterator[None]:
    yield
    pyplot.close("all")


def test_draws_the_schedule_over_its_own_length(tmp_path: Path) -> None:
    schedule = lr.warmup_cosine(1.0, warmup=10, steps=500)
    ax = schedule.plot()
    (line,) = ax.lines
    np.testing.assert_array_equal(line.get_xdata(), np.arange(500))
    np.testing.assert_array_equal(line.get_ydata(), schedule.values())
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("step", "value")
    ax.figure.savefig(tmp_path / "schedule.png")
    assert (tmp_path / "schedule.png").stat().st_size > 5000


@pytest.mark.parametrize("steps", [10**4, 10**7, 10**12])
def test_a_warmup_stays_visible(steps: int) -> None:
    (line,) = lr.warmup_cosine(1.0, warmup=100, steps=steps).plot().lines
    x, y = line.get_xdata(), line.get_ydata()
    assert {0, 99, 100, 101, steps - 1} <= set(x.tolist()) and y.max() == 1.0
    climb = x <= 100
    assert climb.sum() > 15
    np.testing.assert_allclose(y[climb], x[climb] / 100)


@settings(max_examples=60, deadline=None)
@given(schedules(max_depth=3))
def test_samples_are_few_and_reach_the_ends(schedule: lr.Schedule) -> None:
    sampled = sampled_steps(schedule, 10**6)
    assert len(sampled) < 12_000 and sampled[0] == 0 and sampled[-1] == 10**6 - 1 and (np.diff(sampled) > 0).all()


@settings(max_examples=60, deadline=None)
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


def test_a_plan_has_one_axes_per_field_and_one_line_per_different_schedule() -> None:
    base = lr.linear(1.0, 0.0, 100)
    plan = lr.Plan(base, weight_decay=0.1, groups={"a": {"lr": 0.5 * base}, "b": {}, "c": {}, "d": {"weight_decay": None}}, horizon=100)
    rate, decay = plan.plot()
    assert [ax.get_ylabel() for ax in (rate, decay)] == ["lr", "weight_decay"] and decay.get_xlabel() == "update"
    assert [line.get_label() for line in rate.lines] == ["a", "b, c, d"] and [line.get_label() for line in decay.lines] == ["a, b, c"]


def test_very_many_groups_have_a_short_legend() -> None:
    base = lr.linear(1.0, 0.0, 100)
    (ax,) = lr.Plan(groups={name: {"lr": rate} for name, rate in lr.layerwise(base, 0.9, [f"g{i}" for i in range(60)]).items()}).plot()
    assert len(ax.lines) == 60 and [text.get_text() for text in ax.get_legend().get_texts()] == ["g0", "g59"]


def test_draws_on_the_axes_given() -> None:
    _, axes = pyplot.subplots(2)
    axes[1].set_yscale("log")
    assert lr.linear(1.0, 0.5, 10).plot(ax=axes[1]) is axes[1] and axes[1].get_yscale() == "log"
    assert lr.Plan(lr.linear(1.0, 0.5, 10), momentum=0.9).plot(axes=axes) == list(axes)


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda: lr.constant(1).plot(), "steps: expected a number of steps, got None. An endless schedule has no length of its own."),
        (lambda: lr.constant(1).plot(0), "steps: expected an integer >= 1, got 0."),
        (lambda: lr.Plan(1).plot(), "steps: expected a number of steps, got None. The plan has no horizon, and its schedules do not end."),
        (lambda: lr.Plan(1, momentum=1).plot(9, [pyplot.gca()]), "axes: expected 2 axes, one for each of lr, momentum, got 1."),
    ],
)
def test_refused_with_a_sentence(call: object, sentence: str) -> None:
    with pytest.raises(lr.SpecError) as error:
        call()  # type: ignore[operator]
    assert str(error.value) == sentence


def test_without_matplotlib_says_what_to_install() -> None:
    code = "import sys; sys.modules['matplotlib'] = None\nimport lrcore as lr\nlr.linear(0, 1, 9).plot()"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stderr.splitlines()[-1] == (
        'ImportError: Plots are drawn with matplotlib, which is not installed. Install it with pip install "lrcore[plot]".'
    )
