"""Introspection as data: extremes, sums and first steps against all values looked at one by one; phases, breakpoints, explanations."""

import json
import math
from fractions import Fraction
from itertools import pairwise

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import lrcore as lr
from lrcore import integral, reach
from lrcore.introspect import parts
from lrcore.schedule import Schedule
from strategies import answers, ramps, schedules, steps_of_interest

FAR = 10**12
MIRRORED = ramps(lengths=st.integers(1, 700)).map(lambda ramp: ramp.past_end("mirror"))
ANY = st.one_of(schedules(), schedules(), MIRRORED, st.builds(lr.Sum, st.tuples(MIRRORED, ramps())))
STARTS, COUNTS = st.integers(0, 3000), st.integers(1, 3000)


@pytest.fixture
def taken_apart(monkeypatch):
    """Small ranges are halved and summed by pieces too, and not just looked at."""
    for name, value in (("LOOKED_AT", 0), ("BLOCK", 8)):
        monkeypatch.setattr(reach, name, value)
    monkeypatch.setattr(integral, "ADDED_UP", 2048)  # over 256 steps a ramp to 1e-12 is too steep for the corrections: 1.5e-9 of the sum
    reach.tight.cache_clear()
    yield
    reach.tight.cache_clear()


def slack(schedule: Schedule) -> float:
    """Some ulp of the largest value there can be: searches stop within 16, and curves may swap neighbours."""
    return 20 * float(np.spacing(schedule._facts[1]))


# -- extremes and first steps ------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("taken_apart")
class TestFromThePieces:
    def test_extrema(self) -> None:
        @given(ANY, STARTS, COUNTS)
        def law(schedule: Schedule, first: int, count: int) -> None:
            if not answers(schedule, first, count):
                return
            values = schedule.values(count, first)
            least, greatest = reach.extrema(schedule, first, first + count - 1)
            assert schedule(least.step) == least.value <= values.min() + slack(schedule)
            assert schedule(greatest.step) == greatest.value >= values.max() - slack(schedule)
            assert first <= min(least.step, greatest.step) and max(least.step, greatest.step) < first + count

        law()

    def test_the_first_step_beyond_a_bound(self) -> None:
        @given(ANY, STARTS, COUNTS, st.floats(0, 1), st.sampled_from([-1, 1]))
        def law(schedule: Schedule, first: int, count: int, rank: float, sign: int) -> None:
            if not answers(schedule, first, count):
                return
            values = schedule.values(count, first)
            bound = float(np.sort(values)[int(rank * (count - 1))])
            step = reach.first_beyond(schedule, bound, first, first + count - 1, sign)
            earlier = values if step is None else values[: step - first]
            assert step is None or sign * schedule(step) > sign * bound
            assert (sign * earlier <= sign * bound + slack(schedule)).all()

        law()

    def test_sums(self) -> None:
        @given(ANY, st.integers(0, 30_000), st.integers(0, 200_000))
        def law(schedule: Schedule, first: int, count: int) -> None:
            if not answers(schedule, first, count):
                return
            exact = float(schedule.values(count, first).sum(dtype=np.longdouble))
            assert abs(schedule.integral(first, first + count) - exact) <= 1e-12 * schedule._facts[1] * max(count, 1)

        law()

    @pytest.mark.parametrize(("first", "stop"), [(0, 900), (900, 1900), (1200, 1900), (1900, 3800), (0, 5000), (999, 10_001)])
    def test_sums_that_turn(self, first: int, stop: int) -> None:
        there_and_back = lr.linear(1.0, 0.25, 1000).past_end("mirror")
        assert there_and_back.integral(first, stop) == pytest.approx(there_and_back.values(stop - first, first).sum(), rel=1e-12)


CYCLES = lr.cosine(1.0, 0.0, 100).repeat()


@pytest.mark.parametrize(
    ("schedule", "least", "greatest"),
    [
        (lr.warmup_cosine(0.1, warmup=10**6, steps=FAR), (0, 0.0), (10**6, 0.1)),
        (CYCLES, (99, CYCLES(99)), (0, 1.0)),
        (CYCLES + lr.linear(0.0, 0.5, FAR), (99, CYCLES(99) + 0.5 * 99 / FAR), (FAR - 100, 1.5 - 0.5e-10)),
        (lr.cosine(1.0, 0.5, 1000).past_end("mirror"), (1000, 0.5), (0, 1.0)),
        (lr.linear(1.0, 0.0, FAR).every(10**6), (FAR - 10**6, 1e-6), (0, 1.0)),
        (CYCLES * lr.linear(0.5, 1.0, 77).repeat(), None, (1000, CYCLES(1000) * (0.5 + 0.5 * 76 / 77))),
    ],
)
def test_extrema_of_a_trillion_steps(schedule, least, greatest):
    found = schedule.extrema(FAR)
    for point, wanted in ((found.least, least), (found.greatest, greatest)):
        assert wanted is None or (point.step == wanted[0] and point.value == pytest.approx(wanted[1], rel=1e-12))


def test_a_peak_between_curves_that_pull_against_each_other():
    peak = (lr.cosine(0.1, 0.0, 10**9) + lr.linear(0.0, 0.07, 10**9)).extrema().greatest
    assert peak.step / 10**9 == pytest.approx(math.asin(0.07 / (0.05 * math.pi)) / math.pi, abs=1e-6)


def test_what_cannot_be_bounded_says_so(monkeypatch):
    monkeypatch.setattr(reach, "MOST", 10**6)
    with pytest.raises(lr.SpecError) as refusal:
        (1.0 * lr.Noise(1)).extrema(FAR)
    assert str(refusal.value) == (
        "steps: expected a range whose values can be bounded from the pieces of the schedule, got 1,000,000,000,000 steps. "
        "Ask for fewer steps; noise, and products of many cycles, have to be looked at one by one."
    )


@pytest.mark.parametrize(
    ("schedule", "x", "step"),
    [
        (lr.cosine(0.1, 0.0, FAR), 0.05, FAR // 2 + 1),
        (lr.linear(1.0, 0.0, FAR), 1.0, 1),
        (lr.linear(1.0, 0.0, FAR), 0.0, None),
        (lr.linear(1.0, 0.5, 10), 0.55, 10),  # the end, which is held
        (lr.linear(1.0, 0.0, 10).past_end("error"), 0.05, None),
        (lr.constant(1.0, FAR) >> lr.constant(0.5), 0.75, FAR),
        (lr.curve(1.0, "inverse_time", rate=1.0), 1e-15, 10**15),
        (CYCLES, 0.001, 98),
    ],
)
def test_first_below(schedule, x, step):
    assert schedule.first_below(x) == step
    assert step is None or (schedule(step) < x and (step == 0 or schedule(step - 1) >= x))


# -- sums --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("schedule", "exact"),
    [
        (lr.linear(1.0, 0.0, FAR), Fraction(FAR + 1, 2)),
        (lr.cosine(1.0, 0.0, FAR), Fraction(FAR + 1, 2)),
        (lr.ramp(0.0, 1.0, FAR, "square"), Fraction((FAR - 1) * (2 * FAR - 1), 6 * FAR)),
        (lr.curve(1.0, "geometric", gamma=1 - 1e-9), 1 / (1 - Fraction(1 - 1e-9))),
        (CYCLES, FAR // 100 * Fraction(101, 2)),
        (lr.cosine(1.0, 0.0, 100).repeat(decay=0.9), Fraction(505)),
        (lr.linear(1.0, 0.0, 10**6).past_end("mirror"), Fraction(FAR, 2)),
        (lr.linear(1.0, 0.0, 10**6).per(10**6), 10**6 * Fraction(10**6 + 1, 2)),
        (lr.linear(1.0, 0.0, FAR).every(10**6), 10**6 * Fraction(10**6 + 1, 2)),
        (lr.minimum(lr.linear(1.0, 0.0, FAR), 0.5), Fraction(FAR, 2) - Fraction(FAR, 8) + Fraction(1, 4)),
        (0.25 * (lr.constant(1.0, FAR // 2) >> lr.constant(3.0)) + 1.0, Fraction(3 * FAR, 2)),
    ],
)
def test_sums_of_a_trillion_steps(schedule, exact):
    assert schedule.integral(stop=FAR) == pytest.approx(float(exact), rel=1e-13)


@pytest.mark.parametrize("shape", lr.SHAPES)
def test_sums_of_every_shape(shape):
    known = lr.SHAPES[shape]
    ramp = lr.ramp(*known.example, 10**6, shape, **{parameter.name: parameter.example for parameter in known.parameters})
    assert ramp.integral(17, 10**6 + 5) == pytest.approx(float(ramp.values(10**6 - 12, 17).sum(dtype=np.longdouble)), rel=1e-14)


def test_a_sum_that_would_take_too_long_is_refused():
    with pytest.raises(lr.SpecError, match=r"^stop: expected a sum whose pieces are known, or of at most 268,435,456 steps, got 1,000"):
        lr.Noise(1).integral(stop=FAR)


# -- phases and breakpoints --------------------------------------------------------------------------------------------


@given(schedules(max_depth=3))
def test_phases_follow_one_another_and_have_the_values_of_the_schedule(schedule: Schedule) -> None:
    found = schedule.timeline()
    assert found[0].first == 0 and found[-1].end == schedule.span
    assert all(before.end == after.first for before, after in pairwise(found))
    for phase in found:
        if phase.start is not None and answers(schedule, phase.first):
            assert phase.start == schedule(phase.first)


WSD = lr.wsd(0.1, warmup=10, decay=20, steps=100)


@pytest.mark.parametrize(
    ("schedule", "firsts"),
    [
        (WSD, [0, 10, 80]),
        (0.5 * WSD, [0, 10, 80]),
        (WSD.clip(0.01, 0.05), [0, 10, 80]),
        (WSD.stretch(1.5), [0, 15, 120]),
        (WSD.per(7), [0, 70, 560]),
        (WSD.every(7), [0, 14, 84]),
        (WSD.until(50), [0, 10]),
        (lr.constant(1.0, 5) >> 2.0 * WSD, [0, 5, 15, 85]),
        (WSD * WSD, [0]),
    ],
)
def test_where_phases_begin(schedule, firsts):
    found = parts(schedule)
    assert [first for _, _, first, _ in found] == firsts
    assert [end for *_, end in found] == [*firsts[1:], schedule.span]


def test_phases_of_a_plan_are_columns_in_updates():
    plan = lr.Plan(lr.wsd(0.1, warmup=1000, decay=2000, steps=10_000), groups={"head": {"beta1": 0.9}, "body": {"lr": None}},
                   unit="samples", clock=lr.Clock(batch_size=100))  # fmt: skip
    with pytest.raises(lr.PlanError):
        plan.phases(["head"])
    rows = [(phase.group, phase.field, phase.name, phase.first, phase.end) for phase in plan.phases(["head", "body"])]
    assert rows == [
        ("head", "lr", "linear", 0, 10), ("head", "lr", "constant", 10, 80), ("head", "lr", "linear", 80, 100),
        ("head", "beta1", "constant", 0, None),
    ]  # fmt: skip
    assert [row["name"] for row in json.loads(plan.phases(["head", "body"]).to_json())] == [row[2] for row in rows]


@pytest.mark.parametrize(
    ("schedule", "steps", "found"),
    [
        (WSD, None, [10, 80]),
        (CYCLES, 350, [100, 200, 300]),
        (lr.Knots((0.0, 2.5, 9.0), (0.0, 1.0, 0.0)), None, [3]),
        (lr.constant(1.0), 10, []),
        (WSD, 80, [10]),
        (lr.linear(1.0, 0.0, 50).stretch(1.1), 1000, [55]),
    ],
)
def test_breakpoints(schedule, steps, found):
    assert schedule.breakpoints(steps) == found


# -- explanations ------------------------------------------------------------------------------------------------------


def leaves(tree):
    return [tree] if not tree.parts else [leaf for part in tree.parts for leaf in leaves(part)]


@given(schedules())
def test_an_explanation_begins_with_the_value(schedule: Schedule) -> None:
    for step in steps_of_interest(schedule, 8):
        tree = schedule.explain(step)
        assert tree.value == schedule(step) and str(tree).splitlines()[0].endswith(f" = {tree.value!r}")
        assert msgspec.json.decode(tree.to_json(), type=type(tree)) == tree


@given(ANY)
def test_sums_and_products_are_those_of_their_parts(schedule: Schedule) -> None:
    joins = {"product": np.prod, "sum": np.sum, "minimum": min, "maximum": max}

    def check(tree):
        join = joins.get(tree.what.split(" ")[0])
        if join is not None:
            assert tree.value == pytest.approx(float(join([part.value for part in tree.parts])), rel=1e-12, abs=1e-12)
        elif len(tree.parts) == 1 and "(inner" not in tree.what:  # on another clock, which a float keeps to some digits
            assert tree.value == pytest.approx(tree.parts[0].value, rel=1e-6, abs=1e-9)
        for part in tree.parts:
            check(part)

    for step in steps_of_interest(schedule, 6):
        if step < 2**40:  # beyond, a position on a stretched clock is no float
            check(schedule.explain(step))


def test_a_tree_reads_from_the_plan_to_the_curve():
    base = lr.linear(0.0, 1.0, 10) >> lr.cosine(1.0, 0.0, 100).repeat(decay=0.5)
    plan = lr.Plan(base, groups={"head.*": {"lr": 0.5 * base}, "body": {"weight_decay": 0.1}})
    assert str(plan.explain(160, "head.0")) == (
        "lr of group 'head.0' at update 160 = 0.125\n"
        "└─ groups['head.*']['lr']: product of 2 at step 160 = 0.125\n"
        "   ├─ terms[0]: constant = 0.5\n"
        "   └─ terms[1]: phase 2 of 2, from step 10 = 0.25\n"
        "      └─ phases[1]: cycle 2, from step 100 to 200, value 0.0 + (inner - 0.0) * 0.5 = 0.25\n"
        "         └─ inner: cosine from 1.0 to 0.0 in 100 steps, at its step 50 = 0.5"
    )
    assert str(plan.explain(0, "body")).splitlines()[1].startswith("└─ lr: phase 1 of 2")
    with pytest.raises(lr.PlanError, match=r"^The plan does not schedule momentum of 'body': it has lr, weight_decay\. Ask for another"):
        plan.explain(0, "body", "momentum")


def test_a_plan_in_other_units_is_explained_in_these():
    clock = lr.Clock(batch_size=100, batch_ramp=((10, 200),))
    plan = lr.Plan(lr.linear(0.0, 1.0, 5000), unit="samples", clock=clock)
    assert str(plan.explain(20)) == (
        "lr of group 'default' at update 20, after 3,000 samples = 0.6\n"
        "└─ lr: linear from 0.0 to 1.0 in 5,000 steps, at its step 3,000 = 0.6"
    )
    with pytest.raises(lr.PlanError, match=r"^A plan in seconds has no value at update 20 before the run\."):
        lr.Plan(0.1, unit="seconds").explain(20)


def test_the_difference_of_two_schedules():
    assert str(lr.diff(WSD, lr.wsd(0.1, warmup=10, decay=20, steps=90))) == (
        "schedule.phases[1].steps: 70 -> 60, values differ from step 71"
    )
    assert not lr.diff(WSD, WSD) and lr.diff(lr.Plan(WSD), lr.Plan(0.1)).changes == lr.Plan(WSD).diff(lr.Plan(0.1)).changes
    with pytest.raises(lr.SpecError, match=r"^new: expected a Schedule beside a Schedule, or a Plan beside a Plan, got Plan"):
        lr.diff(WSD, lr.Plan(WSD))
