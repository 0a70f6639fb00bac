"""The finder: curves whose answers are known, what stops a test, what is stored, and what is refused."""

from __future__ import annotations

import math
import subprocess
import sys
from collections.abc import Callable, Iterator

import matplotlib as mpl
import numpy as np
import pytest

mpl.use("Agg")
from matplotlib import pyplot

import lrcore as lr
from lrcore import RangeTest

NAMES = ["steepest", "minimum_tenth", "valley", "slide"]
DECADES = np.linspace(-6, 1, 141)  # 20 points each, so that 10^-2, 10^-1.4 and their like are points


def measured(loss: Callable[[float], float], *more: Callable[[float], float], smoothing: float = 0.0) -> RangeTest:
    """A test whose losses are functions of the decimal logarithm of the rate."""
    return RangeTest([[(10**x, each(x)) for x in DECADES.tolist()] for each in (loss, *more)], smoothing, diverge=1e9)


def falling(x: float, middle: float = -2.0, steep: float = 3.0) -> float:
    """From 2 to 1, symmetric about `middle`, where it is steepest."""
    return 1.0 + 1.0 / (1.0 + math.exp(steep * (x - middle)))


def decades(suggestion: lr.Suggestion) -> float:
    assert suggestion.rate is not None, suggestion.reason
    return math.log10(suggestion.rate)


# -- curves with known answers


def test_steepest_is_where_the_loss_falls_fastest():
    test = measured(lambda x: falling(x) + max(0.0, x))
    assert decades(test["steepest"]) == pytest.approx(-2) and test["steepest"].index == 80


@pytest.mark.parametrize("stretch", [1.0, 3.0])
def test_the_slope_is_that_over_the_logarithm(stretch):
    """Over the rate itself, or over the step, a wider spacing of rates would move it."""
    x = np.concatenate([np.linspace(-6, -2, 60, endpoint=False), np.linspace(-2, 1, int(60 * stretch))])
    test = RangeTest([[(10**each, falling(each, -1.5)) for each in x.tolist()]], 0.0, 1e9)
    assert decades(test["steepest"]) == pytest.approx(-1.5, abs=0.06)


def test_a_tenth_of_the_minimum():
    test = measured(lambda x: 1 + (x + 1) ** 2)
    assert decades(test["minimum_tenth"]) == pytest.approx(-2) and test["minimum_tenth"].index == 100


def test_the_valley_is_two_thirds_along_the_longest_fall():
    """It falls over 3 decades from -4, and before that over 1 only, by more."""
    test = measured(lambda x: 9 - 5 * min(max(x + 5.5, 0), 1) + max(x + 4.5, 0) * 0.1 - max(min(x, -1) + 4, 0))
    assert decades(test["valley"]) == pytest.approx(-4 + 2 / 3 * 3, abs=0.06)


def test_the_interval_slides_to_where_its_slopes_are_equal():
    """Those of a loss that is symmetric about -2 are equal at both ends once it lies about -2."""
    assert decades(measured(lambda x: falling(x) + 50 * max(0.0, x - 0.5))["slide"]) == pytest.approx(-2, abs=0.06)


def test_a_loss_that_bends_upwards_throughout_slides_to_the_lowest_rate():
    """Without the first tenth of the points, the interval of 1.2 decades begins at -5.3."""
    assert decades(measured(lambda x: 1 + (x + 1) ** 2)["slide"]) == pytest.approx(-5.3 + 0.6)


# -- smoothing


def test_smoothing_is_a_weighted_mean_that_has_no_bias():
    losses = np.random.default_rng(0).normal(size=30)
    rates, smoothed = RangeTest([[(1.0 + i, loss) for i, loss in enumerate(losses)]], 0.8, 1e9).curve()
    weights = [np.array([0.8 ** (t - i) for i in range(t + 1)]) for t in range(30)]
    np.testing.assert_allclose(smoothed, [losses[: t + 1] @ each / each.sum() for t, each in enumerate(weights)], rtol=1e-12)
    np.testing.assert_array_equal(rates, np.arange(1.0, 31.0))


@pytest.mark.parametrize("smoothing", [0.0, 0.5, 0.98])
def test_a_constant_loss_stays_the_same(smoothing):
    np.testing.assert_allclose(measured(lambda x: 0.7, smoothing=smoothing).curve()[1], 0.7, rtol=1e-14)


# -- what stops a test


def counted(losses: list[float], asked: list[int]) -> Iterator[tuple[float, float]]:
    """A generator that trains, so to say: `asked` counts its steps, and gets -1 when it is closed."""
    try:
        for i, loss in enumerate(losses):
            asked.append(i)
            yield 1.0 + i, loss
    finally:
        asked.append(-1)


@pytest.mark.parametrize(
    ("losses", "steps"),
    [
        ([1.0] * 15 + [3.99, 4.01] + [5.0] * 9, 17),
        ([1.0, 9.0, 1.0] + [1.0] * 20, 23),  # the first ten may do what they like
        ([1.0] * 3 + [math.nan] + [1.0] * 9, 4),
        ([1.0] * 3 + [math.inf] + [1.0] * 9, 4),
        ([-1.0] * 15 + [1.99, 2.01] + [5.0] * 9, 17),  # 4 times lower would be no rise at all
        ([0.0] * 15 + [0.1] + [0.0] * 9, 16),
    ],
)
def test_a_stream_is_asked_until_it_diverges(losses, steps):
    asked = []
    test = RangeTest.of(counted(losses, asked), smoothing=0.0)
    assert asked == [*range(steps), -1] and len(test.runs[0]) == steps
    assert test.diverged == (steps < len(losses),)


def test_a_second_stream_starts_when_the_first_has_ended():
    first, second = [], []
    test = RangeTest.of(counted([1.0, math.nan], first), counted([1.0, 2.0, 3.0], second))
    assert (first, second) == ([0, 1, -1], [0, 1, 2, -1])
    assert test.runs == (((1.0, 1.0), (2.0, None)), ((1.0, 1.0), (2.0, 2.0), (3.0, 3.0)))


def test_a_stream_is_closed_when_it_is_wrong():
    asked = []
    with pytest.raises(lr.SpecError):
        RangeTest.of(counted(["high"], asked))
    assert asked == [0, -1]


def test_what_comes_after_divergence_is_not_looked_at():
    """Known curves, with a hole below everything else after their end."""
    wild = measured(lambda x: falling(x) + (100 if x > 0 else 0) - (1e3 if x > 0.5 else 0))
    test = RangeTest(wild.runs, 0.0, diverge=4.0)
    assert test.diverged == (True,) and test.curve()[1].min() > 1 and decades(test["steepest"]) == pytest.approx(-2)


# -- no suggestion


@pytest.mark.parametrize(
    ("loss", "name", "reason"),
    [
        *((lambda x: x, name, "The loss never falls. Start at a lower rate.") for name in NAMES),
        (lambda x: -x, "minimum_tenth", "The loss still falls at the highest rate. Stop at a higher one."),
        (lambda x: -x, "slide", "The loss does not bend upwards before the highest rate. Stop at a higher one."),
    ],
)
def test_says_why_there_is_no_suggestion(loss, name, reason):
    suggestion = measured(loss)[name]
    assert suggestion == lr.Suggestion(name, None, None, reason, (None,)) and str(suggestion) == f"{name}: none. {reason}"


@pytest.mark.parametrize("points", range(8))
def test_a_few_points_are_too_few(points):
    test = RangeTest([[(1.0 + i, -i) for i in range(points)]])
    reason = f"The test has {points} losses to look at, and 8 are needed. Start at a lower rate, or take more steps."
    assert [suggestion.reason for suggestion in test.suggestions.values()] == [reason] * 4


# -- repeated runs


def test_runs_are_merged_by_their_median():
    test = measured(lambda x: falling(x, -3), lambda x: falling(x, -2), lambda x: falling(x, 0))
    assert decades(test["steepest"]) == pytest.approx(-2)
    assert [math.log10(rate) for rate in test["steepest"].runs] == pytest.approx([-3, -2, 0])
    assert test["steepest"].spread == 3.0 and str(test["steepest"]) == "steepest: 0.01, 3 runs within 3.0 decades"


def test_a_run_that_diverges_early_is_outvoted():
    runs = [[(10**x, falling(x) + max(0, x)) for x in DECADES.tolist()]] * 2
    alone = RangeTest(runs[:1], 0.0)
    merged = RangeTest([*runs, [*runs[0][:40], (10 ** DECADES[40], math.nan)]], 0.0)
    assert merged.diverged == (False, False, True)
    assert {name: each.rate for name, each in merged.suggestions.items()} == {name: each.rate for name, each in alone.suggestions.items()}
    assert merged["steepest"].runs == (alone["steepest"].rate, alone["steepest"].rate, merged["steepest"].runs[2])


def test_half_of_the_runs_end_it():
    runs = [[(1.0 + i, 1.0) for i in range(30)], [(1.0 + i, 1.0) for i in range(20)] + [(21.0, math.nan)]]
    assert len(RangeTest(runs).curve()[0]) == 20


def test_a_run_that_was_only_shorter_does_not():
    runs = [[(1.0 + i, 1.0) for i in range(30)], [(1.0 + i, 3.0) for i in range(20)]]
    _, losses = RangeTest(runs).curve()
    np.testing.assert_allclose(losses, [2.0] * 20 + [1.0] * 10)


def test_tests_add_up():
    one, two = measured(falling), measured(lambda x: falling(x, -1))
    assert (one + two).runs == one.runs + two.runs and one["steepest"].spread is None


# -- schedules, files, pictures


def test_proposes_a_schedule_that_peaks_there():
    test = measured(lambda x: 1 + (x + 1) ** 2)
    assert test.propose(1_000) == lr.one_cycle(test["valley"].rate, steps=1_000)
    peak = test["minimum_tenth"].rate
    assert test.propose(1_000, lr.warmup_cosine, by="minimum_tenth", warmup=0.1) == lr.warmup_cosine(peak, warmup=0.1, steps=1_000)


def test_without_a_rate_there_is_no_schedule():
    with pytest.raises(lr.PlanError) as error:
        measured(lambda x: -x).propose(10, by="slide")
    assert str(error.value) == (
        "There is no rate for a schedule: slide: none. The loss does not bend upwards before the highest rate. Stop at a higher one. "
        "Choose another rule: steepest, valley."
    )


@pytest.mark.parametrize("test", [measured(falling), RangeTest([[]], 0.5, 9), RangeTest([[(0.1, 1), (0.2, math.nan)], [(0.1, -1)]])])
def test_survives_json_and_repr(test):
    assert RangeTest.from_json(test.to_json()) == test == eval(repr(test), {"RangeTest": RangeTest})
    assert hash(test) == hash(RangeTest.from_json(test.to_json().encode()))


def test_plots_losses_curve_and_every_suggestion(tmp_path):
    test = measured(lambda x: 1 + (x + 1) ** 2, lambda x: 1 + (x + 1.1) ** 2)
    axes = test.plot()
    lines = {line.get_label(): line for line in axes.lines}
    assert axes.get_xscale() == "log" and {str(each) for each in test.suggestions.values()} | {"losses", "smoothed"} < set(lines)
    for suggestion in test.suggestions.values():
        assert lines[str(suggestion)].get_xdata() == [suggestion.rate]
    np.testing.assert_array_equal(lines["smoothed"].get_ydata(), test.curve()[1])
    axes.figure.savefig(tmp_path / "test.png")
    assert (tmp_path / "test.png").stat().st_size > 5_000
    _, other = pyplot.subplots()
    assert RangeTest([[]]).plot(other) is other  # nothing to draw, and no error
    pyplot.close("all")


def test_the_finder_is_loaded_when_it_is_asked_for():
    code = "import sys, lrcore; before = 'lrcore.finder' in sys.modules; lrcore.RangeTest; print(before, 'lrcore.finder' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "False True\n"


# -- what is refused


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda: RangeTest([]), "runs: expected at least one run, got ()."),
        (lambda: RangeTest("runs"), "runs: expected a sequence, got 'runs'."),
        (lambda: RangeTest([[1.0, 2.0]]), "runs[0][0]: expected a pair of a rate and a loss, got 1.0."),
        (
            lambda: RangeTest([[(0.0, 2.0)]]),
            "runs[0][0].rate: expected a rate above 0.0, got 0.0. The rates of a test rise from step to step.",
        ),
        (
            lambda: RangeTest([[(0.2, 2.0), (0.1, 2.0)]]),
            "runs[0][1].rate: expected a rate above 0.2, got 0.1. The rates of a test rise from step to step.",
        ),
        (lambda: RangeTest([[(math.nan, 2.0)]]), "runs[0][0].rate: expected a finite number, got nan."),
        (lambda: RangeTest([[("0.1", 2.0)]]), "runs[0][0].rate: expected a finite number, got '0.1'. Give an int or a float."),
        (lambda: RangeTest([[(0.1, "2")]]), "runs[0][0].loss: expected a number, got '2'. Give loss.item() or float(loss)."),
        (lambda: RangeTest([[(0.1, np.ones(3))]]), "runs[0][0].loss: expected a number, got a ndarray. Give loss.item() or float(loss)."),
        (
            lambda: RangeTest([[(0.1, None), (0.2, 1.0)]]),
            "runs[0][1]: expected nothing after a loss that was not finite, got (0.2, 1.0). Let the run end there.",
        ),
        (
            lambda: RangeTest([[(0.1, 1.0), (0.2, 1.0)], [(0.1, 1.0), (0.3, 1.0)]]),
            "runs[1][1]: expected the rate 0.2 of the other runs, got 0.3. Repeat a test with the same rates.",
        ),
        (lambda: RangeTest([[]], smoothing=1), "smoothing: expected a number from 0 up to 1, 1 not included, got 1.0."),
        (
            lambda: RangeTest([[]], smoothing="0.9"),
            "smoothing: expected a number from 0 up to 1, 1 not included, got '0.9'. Give an int or a float.",
        ),
        (lambda: RangeTest([[]], diverge=1), "diverge: expected a number above 1, got 1.0."),
        (lambda: RangeTest([[]])["steep"], "name: expected one of steepest, minimum_tenth, valley, slide, got 'steep'."),
        (
            lambda: RangeTest.from_json('{"lrcore":1,"range_test"'),
            "document: expected a complete JSON document, got Input data was truncated.",
        ),
        (
            lambda: RangeTest.from_json('{"lrcore":2,"range_test":{"runs":[[]]}}'),
            "lrcore: expected a document of format 1, got 2. Read it with the lrcore that wrote it, or a newer one.",
        ),
        (
            lambda: RangeTest.from_json('{"lrcore":1,"range_test":{"runs":[[[0.2,1],[0.1,1]]]}}'),
            "range_test.runs[0][1].rate: expected a rate above 0.2, got 0.1. The rates of a test rise from step to step.",
        ),
    ],
)  # fmt: skip
def test_refused_with_a_sentence(call, sentence):
    with pytest.raises(lr.SpecError) as error:
        call()
    assert str(error.value) == sentence
