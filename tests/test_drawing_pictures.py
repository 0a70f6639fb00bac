"""Pictures: every line is there, every phase can be seen, and a person can read them, whatever the horizon."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
import pytest

mpl.use("Agg")
from matplotlib import pyplot
from matplotlib.colors import to_hex

import lrcore as lr
from lrcore.drawing.canvas import BandName
from lrcore.drawing.style import COLORS, SHARED, steps_in_words, value_in_words

CLOCK = lr.Clock(batch_size=8, epoch_size=1000, sequence_length=128, batch_ramp=((100, 16), (500, 64)))
LONG = lr.warmup_cosine(1.0, warmup=2000, steps=10**9)


def words(texts: list[Any]) -> list[str]:
    return [text.get_text() for text in texts if text.get_text()]


def shown(axis: Any) -> list[Any]:
    """The tick labels within the picture."""
    low, high = sorted(axis.get_view_interval())
    return [
        label
        for tick, label in zip(axis.get_majorticklocs(), axis.get_ticklabels(), strict=True)
        if low <= tick <= high and label.get_text()
    ]


def names_above(ax: Any) -> list[BandName]:
    ax.figure.canvas.draw()
    return [artist for artist in ax.artists + ax.texts if isinstance(artist, BandName) and artist.get_text()]


# -- one schedule ------------------------------------------------------------------------------------------------------


def test_draws_the_schedule_over_its_own_length(tmp_path: Path) -> None:
    schedule = lr.warmup_cosine(1.0, warmup=10, steps=500)
    ax = schedule.plot()
    (line,) = ax.lines
    np.testing.assert_array_equal(line.get_xdata(), np.arange(500))
    np.testing.assert_array_equal(line.get_ydata(), schedule.values())
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("step", "value") and ax.get_legend() is None
    ax.figure.savefig(tmp_path / "schedule.png")
    assert (tmp_path / "schedule.png").stat().st_size > 5000


@pytest.mark.parametrize("name", lr.recipes())
@pytest.mark.parametrize("how", [{}, {"log": True, "scale": "log", "unit": "tokens", "clock": CLOCK}], ids=["plain", "logarithmic"])
def test_every_recipe_is_drawn(name: str, how: dict[str, Any]) -> None:
    recipe = lr.recipes()[name]
    schedule = recipe(**recipe.example)
    ax = schedule.plot(recipe.window, **how)
    ax.figure.canvas.draw()
    (line,) = ax.lines
    lowest = ax.get_ylim()[0]
    assert (
        np.isfinite(line.get_ydata()).all()
        and line.get_ydata().min() >= lowest
        and line.get_ydata().max() == schedule.values(recipe.window).max()
    )
    assert len(shown(ax.xaxis)) >= 3 and len(shown(ax.yaxis)) >= 2
    for axis, side in ((ax.xaxis, 0), (ax.yaxis, 1)):
        boxes = sorted(label.get_window_extent().get_points()[:, side].tolist() for label in shown(axis))
        assert all(end < begin for (_, end), (begin, _) in pairwise(boxes))


@pytest.mark.parametrize("warmup", [3, 2000, 10**6])
@pytest.mark.parametrize("steps", [10**9, 10**12])
def test_a_warmup_is_seen_as_a_curve_at_any_horizon(warmup: int, steps: int) -> None:
    ax = lr.warmup_cosine(1.0, warmup=warmup, steps=steps).plot()
    (line,) = ax.lines
    points = ax.transAxes.inverted().transform(ax.transData.transform(line.get_xydata()))
    climb = line.get_xdata() <= warmup
    assert np.ptp(points[climb, 0]) > 0.1 and climb.sum() > min(warmup, 15)
    np.testing.assert_allclose(line.get_ydata()[climb], line.get_xdata()[climb] / warmup)
    assert ax.get_xlabel() == f"step  (first {steps_in_words(warmup)} not to scale)"


def test_a_short_decay_at_the_end_is_seen_too() -> None:
    ax = lr.wsd(1.0, warmup=2000, decay=10_000, steps=10**9).plot()
    assert ax.get_xlabel() == "step  (first 2k and last 10k not to scale)"
    ax.figure.canvas.draw()
    assert words(ax.get_xticklabels())[:2] == ["0", "2k"] and words(ax.get_xticklabels())[-2:] == ["999.99M", "1G"]


@pytest.mark.parametrize(
    ("schedule", "how", "scale"),
    [
        (LONG, {}, "function"),
        (LONG, {"scale": "linear"}, "linear"),
        (LONG, {"scale": "log"}, "symlog"),
        (lr.warmup_cosine(1.0, warmup=100, steps=1000), {}, "linear"),
        (lr.Sequence(tuple(lr.linear(1.0, 0.0, 10 if i % 2 else 10**6) for i in range(20))), {}, "linear"),  # too many to be drawn larger
    ],
)
def test_the_axis_of_steps(schedule: lr.Schedule, how: dict[str, Any], scale: str) -> None:
    ax = schedule.plot(**how)
    ax.figure.canvas.draw()
    assert ax.get_xscale() == scale
    ticks = [ax.transData.transform((tick, 0))[0] for tick in ax.get_xticks()]
    assert len(words(ax.get_xticklabels())) >= 3 and (np.diff(ticks) > 20).all()


def test_a_logarithmic_axis_bears_zeros() -> None:
    schedule = lr.warmup_cosine(3e-4, warmup=2000, steps=100_000)
    ax = schedule.plot(log=True)
    ax.figure.canvas.draw()
    (line,) = ax.lines
    assert schedule(0) == 0 and line.get_ydata()[0] == line.get_ydata().min() == 1e-8 > ax.get_ylim()[0] > 0
    assert "≤ 1e-8" in words(ax.get_yticklabels())
    assert "≤" not in "".join(words(lr.linear(1.0, 0.01, 100).plot(log=True).get_yticklabels()))
    range_test = lr.lr_range_test(1e-7, 10.0, steps=100).plot(log=True)
    range_test.figure.canvas.draw()
    assert [label for label in words(range_test.get_yticklabels()) if label in ("1e-7", "1e-5", "0.1", "10", "0")] == [
        "1e-7",
        "1e-5",
        "0.1",
        "10",
    ]
    assert lr.linear(-1.0, 0.0, 100).plot(log=True).get_yscale() == "linear"


@pytest.mark.parametrize("unit", ["updates", "microbatches", "samples", "tokens", "epochs"])
def test_the_axis_counts_units_exactly(unit: Any) -> None:
    (line,) = lr.linear(1.0, 0.0, 1000).plot(unit=unit, clock=CLOCK).lines
    assert line.get_xdata().tolist() == [float(CLOCK.convert(step, "updates", unit)) for step in range(1000)]


def test_phases_are_shaded_and_named_without_touching() -> None:
    lengths = [400, 30, 500, 6, 700, 90, 250, 1000, 40, 40, 40]
    ax = lr.Sequence(tuple(lr.ramp(1.0, 0.5, n, "cosine") if i % 2 else lr.constant(1.0, n) for i, n in enumerate(lengths))).plot()
    for width in (3.0, 7.5, 14.0):
        ax.figure.set_size_inches(width, 3)
        boxes = [name.get_window_extent() for name in names_above(ax)]
        assert 0 < len(boxes) < len(lengths) and all(a.x1 < b.x0 for a, b in pairwise(boxes))
    ax.set_xlim(400, 440)  # where one has zoomed in, there is room
    assert [name.get_text() for name in names_above(ax)] == ["cosine"]
    assert not names_above(LONG.plot(phases=False)) and not names_above(lr.cosine(1.0, 0.0, 100).plot())


# -- several -----------------------------------------------------------------------------------------------------------


def test_several_schedules_have_names_colours_and_dots_where_phases_begin() -> None:
    wsd = lr.wsd(0.1, warmup=100, decay=200, steps=1000)
    ax = lr.plot(lr.cosine(0.1, 0.0, 1000), lr.step(0.1, gamma=0.5, every=300), wsd=wsd, steps=1200)
    assert [line.get_label() for line in ax.lines] == ["cosine", "per", "wsd"]
    assert [line.get_color() for line in ax.lines] == list(COLORS[:3]) and not names_above(ax)
    line = ax.lines[2]
    assert line.get_xdata()[line.get_markevery()].tolist() == [100, 800, 1000]


def test_equal_schedules_share_a_line_and_names_may_be_given() -> None:
    ax = lr.plot(lr.cosine(1.0, 0.0, 100), lr.cosine(1.0, 0.0, 100), lr.linear(1.0, 0.0, 100), labels=["a", "b", "c"])
    assert [line.get_label() for line in ax.lines] == ["a, b", "c"]
    assert [line.get_label() for line in lr.plot(lr.linear(1.0, 0.0, 9), lr.linear(2.0, 0.0, 9)).lines] == ["linear 1", "linear 2"]


def test_schedules_and_plans_stand_in_panels() -> None:
    plan = lr.Plan(lr.cosine(0.1, 0.0, 100), momentum=0.9, groups={"a": {}, "b": {"lr": 0.2}}, horizon=100)
    rate, momentum = lr.plot(lr.linear(0.1, 0.0, 100), ours=plan)
    assert [ax.get_ylabel() for ax in (rate, momentum)] == ["lr", "momentum"]
    assert [line.get_label() for line in rate.lines] == ["linear", "ours: a", "ours: b"]
    assert [line.get_label() for line in momentum.lines] == ["ours: a, ours: b"] and momentum.lines[0].get_color() == SHARED


def test_a_second_call_adds_a_line_of_another_colour() -> None:
    ax = lr.linear(1.0, 0.0, 100).plot(label="a")
    lr.linear(3.0, 0.0, 300).plot(ax=ax, label="b")
    assert [line.get_color() for line in ax.lines] == list(COLORS[:2]) and words(ax.get_legend().get_texts()) == ["a", "b"]
    assert ax.get_xlim() == (0, 300) and ax.get_ylim()[1] > 3


# -- plans -------------------------------------------------------------------------------------------------------------


def test_a_plan_has_one_axes_per_field_and_one_line_per_different_schedule() -> None:
    base = lr.linear(1.0, 0.0, 100)
    plan = lr.Plan(base, weight_decay=0.1, groups={"a": {"lr": 0.5 * base}, "b": {}, "c": {}, "d": {"weight_decay": None}}, horizon=100)
    rate, decay = plan.plot()
    assert [ax.get_ylabel() for ax in (rate, decay)] == ["lr", "weight_decay"] and decay.get_xlabel() == "step"
    assert [line.get_label() for line in rate.lines] == ["a", "b, c, d"] and [line.get_label() for line in decay.lines] == ["a, b, c"]
    (only,) = plan.plot(groups=["a", "d"], fields="lr")
    assert [line.get_label() for line in only.lines] == ["a", "d"]


def test_very_many_groups_have_a_short_legend() -> None:
    base = lr.linear(1.0, 0.0, 100)
    rates = lr.layerwise(base, 0.9, [f"g{i}" for i in range(60)])
    rate, decay = lr.Plan(groups={name: {"lr": rate} for name, rate in rates.items()}, weight_decay=0.1).plot()
    assert len(rate.lines) == 60 and words(rate.get_legend().get_texts()) == ["g0", "g59"]
    assert len({to_hex(line.get_color()) for line in rate.lines}) == 60 and words(decay.get_legend().get_texts()) == ["all 60"]


def test_a_plan_has_its_own_clock() -> None:
    plan = lr.Plan(lr.warmup_cosine(1.0, warmup=10_000, steps=10**6), horizon=10**6, unit="samples", clock=CLOCK)
    (ax,) = plan.plot(unit="samples")
    (line,) = ax.lines
    assert ax.get_xlabel() == "samples  (first 10k not to scale)" and 10**6 <= ax.get_xlim()[1] < 10**6 + 64
    assert line.get_xdata()[line.get_ydata().argmax()] == pytest.approx(10_000, abs=64)


def test_a_rule_is_told_of() -> None:
    (ax,) = lr.Plan(lr.linear(1.0, 0.0, 100), adapt=lr.ReduceLROnPlateau(patience=5)).plot()
    assert ax.get_title(loc="left") == "as scheduled; ReduceLROnPlateau may change it during the run"


# -- axes, settings, refusals ------------------------------------------------------------------------------------------


def test_draws_on_the_axes_given() -> None:
    _, axes = pyplot.subplots(2)
    axes[1].set_yscale("log")
    assert lr.linear(1.0, 0.5, 10).plot(ax=axes[1]) is axes[1] and axes[1].get_yscale() == "log"
    assert lr.Plan(lr.linear(1.0, 0.5, 10), momentum=0.9).plot(axes=axes) == list(axes)
    _, (left, _) = pyplot.subplots(1, 2, sharex=True)
    assert LONG.plot(ax=left).get_xscale() == "linear"  # the other one shares the axis
    for draw in ("plot", "scatter"):
        _, other = pyplot.subplots()
        getattr(other, draw)([-5, 5], [-5, 5])
        lr.linear(1.0, 0.5, 10).plot(ax=other)
        assert other.get_xlim()[0] < -5 and other.get_ylim()[0] < -5 and len(other.lines) == 1 + (draw == "plot")


def test_the_users_settings_stay_as_they_are() -> None:
    before = dict(mpl.rcParams)
    ax = LONG.plot()
    lr.Plan(0.1, horizon=10).plot()
    assert dict(mpl.rcParams) == before
    with pyplot.style.context("dark_background"):
        ax = LONG.plot()
        ax.figure.canvas.draw()
    assert to_hex(ax.figure.get_facecolor()) == to_hex(ax.get_facecolor()) == "#ffffff"
    assert {tick.get_color() for tick in ax.get_xticklabels()} == {"#5C6670"}


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda: lr.constant(1).plot(), "steps: expected a number of steps, got None. An endless schedule has no length of its own."),
        (lambda: lr.constant(1).plot(0), "steps: expected an integer >= 1, got 0."),
        (lambda: lr.linear(1, 0, 0.5).plot(), "steps: expected a number of steps, got None. Call .over(horizon) first."),
        (lambda: lr.constant(1).plot(9, scale="cubic"), "scale: expected one of auto, linear, log, phases, got 'cubic'."),
        (
            lambda: lr.constant(1).plot(9, unit="epochs"),
            "clock: expected a Clock, which says how many epochs an update has, got None. Write clock=lr.Clock(batch_size=...).",
        ),
        (
            lambda: lr.constant(1).plot(9, unit="epochs", clock=lr.Clock(8)),
            "clock.epoch_size: expected the samples of an epoch, got None. Give it to the Clock to count in epochs.",
        ),
        (
            lambda: lr.constant(1).plot(9, unit="seconds"),
            "unit: expected one of updates, microbatches, samples, tokens, epochs, got 'seconds'. For the seconds of a run that has been, "
            "draw run_clock.replay(plan).",
        ),
        (lambda: lr.Plan(1).plot(), "steps: expected a number of steps, got None. The plan has no horizon, and its schedules do not end."),
        (lambda: lr.Plan(1, momentum=1).plot(9, [pyplot.gca()]), "axes: expected 2 axes, one for each of lr, momentum, got 1."),
        (lambda: lr.Plan(1).plot(9, groups=["head"]), "The plan has no group 'head' to draw. It has 'default'."),
        (lambda: lr.Plan(1).plot(9, fields="beta1"), "The plan has no field 'beta1' to draw. It has 'lr'."),
        (lambda: lr.plot(), "plot: expected at least one schedule or plan, got None. Write lr.plot(a, b), or lr.plot(cosine=a, wsd=b)."),
        (lambda: lr.plot(lr.linear(1, 0, 9), 3), "plot[1]: expected a Schedule, a Plan or a BoundPlan, got 3."),
        (lambda: lr.plot(a="x"), "plot.a: expected a Schedule, a Plan or a BoundPlan, got 'x'."),
        (lambda: lr.plot(lr.linear(1, 0, 9), labels=["a", "b"]), "labels: expected 1 names, one for each, got ['a', 'b']."),
    ],
)
def test_refused_with_a_sentence(call: Callable[[], object], sentence: str) -> None:
    with pytest.raises((lr.SpecError, lr.PlanError)) as error:
        call()
    assert str(error.value) == sentence


def test_without_matplotlib_says_what_to_install() -> None:
    code = "import sys; sys.modules['matplotlib'] = None\nimport lrcore as lr\nlr.linear(0, 1, 9).plot()"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stderr.splitlines()[-1] == (
        'ImportError: Plots are drawn with matplotlib, which is not installed. Install it with pip install "lrcore[plot]".'
    )


@pytest.mark.parametrize(
    ("value", "steps", "rate"),
    [
        (0, "0", "0"),
        (0.5, "0.5", "0.5"),
        (1500, "1.5k", "1500"),
        (10**9, "1G", "1e9"),
        (2.5e-5, "2.5e-05", "2.5e-5"),
        (999_999, "999.999k", "1e6"),
    ],
)
def test_numbers_are_written_as_people_write_them(value: float, steps: str, rate: str) -> None:
    assert (steps_in_words(value), value_in_words(value)) == (steps, rate)
