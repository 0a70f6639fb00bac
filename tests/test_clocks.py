"""Clocks convert units exactly and both ways; a plan in any unit has at update t the values after the units before it."""

from __future__ import annotations

import copy
import json
import pickle
from fractions import Fraction
from itertools import accumulate
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

import lrcore as lr
import lrcore_numpy
from lrcore.checks import LAST_STEP
from lrcore.clocks import UNITS

RAMP = ((10, 96), (37, 100), (50, 256), (100, 320), (301, 4096))
CLOCK = lr.Clock(batch_size=8, accumulation=2, world_size=4, epoch_size=50_001, sequence_length=3, batch_ramp=RAMP)
MOST = 10**12


@st.composite
def clocks(draw: st.DrawFn, growing: bool = False) -> lr.Clock:
    """Any clock, with a ramp whose updates and batches reach 10^12 samples; `growing` asks for batches that do."""
    together = [draw(st.integers(1, 64)) for _ in range(3)]
    micro = together[0] * together[2]
    firsts = sorted(draw(st.sets(st.integers(0, 10**8), max_size=8)))
    batches = [micro * draw(st.integers(together[1] if growing else 1, 10_000)) for _ in firsts]
    ramp = list(zip(firsts, sorted(batches) if growing else batches, strict=True))
    drop = draw(st.sampled_from([None, None, False, True])) if not ramp else None
    size = draw(st.integers(micro * together[1], MOST))
    return lr.Clock(*together, epoch_size=size, drop_last=drop, sequence_length=draw(st.integers(1, 8192)), batch_ramp=ramp)


COUNTED = st.sampled_from(UNITS[:-1])
SAMPLES = st.integers(0, MOST)


class TestConversions:
    @given(clocks(), COUNTED, COUNTED, SAMPLES)
    def test_there_and_back_is_the_identity(self, clock: lr.Clock, one: Any, other: Any, samples: int) -> None:
        value = clock.convert(samples, "samples", one)
        back = clock.convert(clock.convert(value, one, other), other, one)
        assert back == value and type(back) is type(value) is (int if Fraction(value).denominator == 1 else Fraction)

    @given(clocks(), COUNTED, SAMPLES)
    def test_an_update_processes_its_units_and_no_others(self, clock: lr.Clock, unit: Any, samples: int) -> None:
        units = int(clock.convert(samples, "samples", unit))
        update = clock.update_at(units, unit)
        assert clock.convert(update, "updates", unit) <= units < clock.convert(update + 1, "updates", unit)
        assert clock.updates_until(units, unit) == update + (clock.convert(update, "updates", unit) < units)

    @given(clocks(), st.sampled_from(["updates", "samples", "tokens"]), st.lists(SAMPLES, max_size=20))
    def test_arrays_agree_with_single_values(self, clock: lr.Clock, unit: Any, samples: list[int]) -> None:
        array = clock.update_at(np.array(samples, dtype=np.int64), "samples")
        updates = array.tolist()
        assert updates == [clock.update_at(value, "samples") for value in samples]
        assert clock.units_before(array, unit).tolist() == [clock.units_before(update, unit) for update in updates]
        assert clock.convert(clock.convert(array, "updates", unit), unit, "updates").tolist() == updates
        epochs = clock.units_before(array, "epochs")
        assert epochs.tolist() == [float(clock.units_before(update, "epochs")) for update in updates]

    def test_samples_are_the_sum_of_the_batches(self) -> None:
        ramp = dict(RAMP)
        batches = list(accumulate(range(1, 600), lambda batch, update: ramp.get(update, batch), initial=64))
        sums = list(accumulate(batches, initial=0))[:-1]
        updates = np.arange(600)
        assert CLOCK.units_before(updates, "samples").tolist() == sums
        assert CLOCK.units_before(updates, "tokens").tolist() == [3 * samples for samples in sums]
        assert [CLOCK.convert(update, "updates", "epochs") for update in range(600)] == [Fraction(samples, 50_001) for samples in sums]

    def test_microbatches(self) -> None:
        clock = lr.Clock(batch_size=8, accumulation=2, world_size=4, batch_ramp=[(10, 96)])
        assert clock.units_before(np.arange(13), "microbatches").tolist() == [*range(0, 20, 2), 20, 23, 26]

    @pytest.mark.parametrize(("drop_last", "updates"), [(None, Fraction(1001, 10)), (True, 100), (False, 101)])
    def test_what_an_epoch_is(self, drop_last: bool | None, updates: int | Fraction) -> None:
        assert lr.Clock(10, epoch_size=1001, drop_last=drop_last).convert(1, "epochs", "updates") == updates

    def test_the_largest_values(self) -> None:
        clock = lr.Clock(1024, epoch_size=1_281_167, sequence_length=1024, batch_ramp=[(2**30, 4096), (2**52, 8192)])
        tokens = clock.convert(2**31, "updates", "tokens")
        assert tokens == (2**40 + 2**42) * 1024 and clock.convert(tokens, "tokens", "updates") == 2**31
        assert clock.units_before(np.array([2**31]), "tokens")[0] == tokens


class TestValue:
    @given(clocks())
    def test_comes_back_equal(self, clock: lr.Clock) -> None:
        plan = lr.Plan(lr.linear(1.0, 0.0, 4), unit="samples", clock=clock)
        assert eval(repr(clock), vars(lr)) == clock
        for again in (eval(repr(plan), vars(lr)), lr.from_json(plan.to_json()), pickle.loads(pickle.dumps(plan)), copy.deepcopy(plan)):
            assert again == plan and hash(again) == hash(plan) and again.to_json() == plan.to_json() and repr(again) == repr(plan)

    @pytest.mark.parametrize(
        ("one", "other"),
        [
            (lr.Clock(8), lr.Clock(np.int64(8), accumulation=np.int32(1))),
            (lr.Clock(8, batch_ramp=[[0, 8], (5, 8), (9, 16), (10, 16)]), lr.Clock(8, batch_ramp=((9, 16),))),
        ],
    )
    def test_equal_however_written(self, one: lr.Clock, other: lr.Clock) -> None:
        assert one == other and repr(one) == repr(other) and hash(one) == hash(other)

    def test_a_plan_without_a_clock_says_nothing_of_it(self) -> None:
        plain, said = lr.Plan(0.1), lr.Plan(0.1, unit="".join(["up", "dates"]), clock=None)
        assert plain.to_json() == said.to_json() and repr(plain) == repr(said) == "Plan(lr=Constant(value=0.1))"
        with_clock = json.loads(lr.Plan(0.1, unit="samples", clock=lr.Clock(8, batch_ramp=[(5, 16)])).to_json())["plan"]
        assert with_clock["unit"] == "samples" and with_clock["clock"] == {"batch_size": 8, "batch_ramp": [[5, 16]]}


SHAPES = {
    "warmup and cosine": lr.warmup_cosine(3e-4, warmup=12_345, steps=1_000_003),
    "restarts": lr.cosine_restarts(1e-3, stop=0.0, cycle=7_777),
    "growing restarts": lr.cosine(1.0, 0.0, 999).repeat(stretch=1.5, decay=0.9),
    "one cycle": lr.one_cycle(0.1, 1_000_003),
    "wsd": lr.wsd(1e-3, warmup=1_000, steps=999_983, decay=0.2),
    "exponential": lr.exponential_decay(0.1, 0.9, every=333),
    "inverse sqrt": lr.inverse_sqrt(1e-3, warmup=500),
    "steps": lr.step(0.1, 0.5, every=300),
    "stairs": lr.linear(0.0, 1.0, 1_000_003).every(1_000),
    "samples of an array": lr.Samples([0.1, 0.7, 0.3, 0.2]).per(777),
    "noise": lr.Noise(3),
    "back and forth": lr.cosine(1.0, 0.1, 1_000).past_end("mirror"),
    "overridden": lr.constant(0.1).override(at=50_000, stop=0.0, steps=10_000),
    "knots": lr.Knots((0.5, 100.25, 70_000.0), (0.1, 1.0, 0.5), "pchip"),
    "clipped product": (lr.cosine(1.0, 0.5, 40_000) * lr.linear(0.0, 1.0, 30_000)).clip(0.1, 0.9),
    "constant": lr.constant(0.1),
}
STEADY = lr.Clock(batch_size=96, epoch_size=50_001, sequence_length=7)


def agrees(plan: lr.Plan, schedule: lr.Schedule, unit: Any, count: int = 500) -> None:
    """Each side rounds on its own way, by up to 2 ulp; the position is the same."""
    assert plan.clock is not None
    updates = np.arange(count)
    wanted = schedule(plan.clock.units_before(updates, unit))
    found = np.asarray(plan.table(count)["default", "lr"])
    assert (abs(found - wanted) <= 4 * np.spacing(abs(wanted))).all()
    assert [plan.bind().row(update).item() for update in updates[::50]] == found[::50].tolist()


class TestPlan:
    @pytest.mark.parametrize("clock", [STEADY, CLOCK], ids=["steady", "ramp"])
    @pytest.mark.parametrize("unit", ["samples", "tokens"])
    @pytest.mark.parametrize("name", SHAPES)
    def test_a_row_has_the_values_after_the_units_before_it(self, name: str, unit: Any, clock: lr.Clock) -> None:
        agrees(lr.Plan(SHAPES[name], unit=unit, clock=clock), SHAPES[name], unit)

    @pytest.mark.parametrize("clock", [STEADY, CLOCK, lr.Clock(10, epoch_size=1001, drop_last=True)], ids=["steady", "ramp", "dropped"])
    @pytest.mark.parametrize("schedule", [lr.cosine(1.0, 0.1, 3), lr.step(0.1, 0.5, every=1), lr.cosine(1.0, 0.1, 9).every(1)])
    def test_epochs_run_on_within_an_epoch_and_stairs_stand(self, schedule: lr.Schedule, clock: lr.Clock) -> None:
        agrees(lr.Plan(schedule, unit="epochs", clock=clock), schedule, "epochs")

    def test_a_pace_that_no_float_writes(self) -> None:
        agrees(lr.Plan(SHAPES["wsd"], unit="epochs", clock=lr.Clock(3_000_000, epoch_size=10_000_001)), SHAPES["wsd"], "epochs")

    def test_microbatches(self) -> None:
        clock = lr.Clock(batch_size=8, accumulation=2, world_size=4, batch_ramp=[(10, 96), (50, 256)])
        agrees(lr.Plan(SHAPES["wsd"], unit="microbatches", clock=clock), SHAPES["wsd"], "microbatches")

    @given(clocks(growing=True), st.sampled_from(["samples", "tokens", "epochs"]))
    @settings(max_examples=60)
    def test_any_clock_that_grows(self, clock: lr.Clock, unit: Any) -> None:
        assume(unit != "epochs" or clock.samples_per(unit) * 10**5 < LAST_STEP)
        schedule = lr.warmup_cosine(1.0, warmup=7, steps=10**5)
        program = lr.Plan(schedule, unit=unit, clock=clock).bind().program
        for update in {0, 1, 2, 1000, *(first + by for first, _ in clock.batch_ramp for by in (-1, 0, 1) if first + by >= 0)}:
            units = clock.convert(update, "updates", unit)
            if units > LAST_STEP:
                continue
            wanted = schedule(float(units))
            assert program(update) == pytest.approx(wanted, rel=1e-9, abs=1e-12)  # the float has lost some of an epoch's fraction

    def test_fractions_are_of_the_horizon_in_units(self) -> None:
        written = lr.linear(0.0, 1.0, 0.1) >> lr.cosine(1.0, 0.0, "rest")
        plan = lr.Plan(written, horizon=10**6, unit="tokens", clock=CLOCK)
        agrees(plan, written.over(10**6), "tokens")

    @pytest.mark.parametrize("clock", [STEADY, CLOCK], ids=["steady", "ramp"])
    def test_ends_with_the_update_that_reaches_the_horizon(self, clock: lr.Clock) -> None:
        plan = lr.Plan(lr.linear(1.0, 0.0, "rest"), horizon=100_000, unit="samples", clock=clock)
        assert plan.updates is not None
        table = plan.table()
        assert len(table) == plan.updates == clock.updates_until(100_000, "samples")
        assert clock.units_before(plan.updates - 1, "samples") < 100_000 <= clock.units_before(plan.updates, "samples")
        assert table["default", "lr"][-1] > 0 == plan.bind().row(plan.updates)[0]

    def test_a_schedule_that_ends_gives_its_length(self) -> None:
        plan = lr.Plan(lr.linear(1.0, 0.0, 100_000), unit="samples", clock=CLOCK)
        assert len(plan.table()) == CLOCK.updates_until(100_000, "samples")

    def test_columns_that_scale_one_schedule_share_it(self) -> None:
        base = SHAPES["wsd"]
        plan = lr.Plan(base, groups={"head": {"lr": 0.5 * base}}, unit="samples", clock=CLOCK)
        assert plan.bind(["body", "head"]).sources[1:] == ((0, 0), (1.0, 0.5))

    @pytest.mark.parametrize("clock", [CLOCK, lr.Clock(64, batch_ramp=[(10, 1000), (20, 600)])], ids=["ramp", "up and down"])
    def test_refuses_past_the_end_of_the_schedule_and_not_before(self, clock: lr.Clock) -> None:
        plan = lr.Plan(lr.linear(1.0, 0.0, 50_000).past_end("error"), unit="samples", clock=clock)
        end = clock.updates_until(50_000, "samples")
        agrees(plan, lr.linear(1.0, 0.0, 50_000), "samples", end)
        with pytest.raises(lr.SpecError):
            plan.bind().row(end + 1)

    def test_lowered(self) -> None:
        plan = lr.Plan(SHAPES["warmup and cosine"], unit="samples", clock=CLOCK)
        updates = np.arange(500)
        found = lr.lower(plan.bind().schedules[0], lr.NumpyOps())(updates)
        np.testing.assert_allclose(found, plan.table(500)["default", "lr"], rtol=1e-6, atol=1e-12)

    def test_a_binding_follows(self) -> None:
        plan = lr.Plan(SHAPES["wsd"], unit="tokens", clock=CLOCK)
        stepper = lrcore_numpy.Stepper(plan)
        for update in range(60):
            assert stepper.value == plan.table(1, update)[0].item()
            stepper.step()
        resumed = lrcore_numpy.Stepper(plan)
        resumed.load_state_dict(json.loads(json.dumps(stepper.state_dict())))
        assert resumed.value == stepper.value and resumed.position == 60

    def test_a_binding_scales_what_the_groups_had(self) -> None:
        torch = pytest.importorskip("torch")
        from lrcore_torch import PlanScheduler

        plan = lr.Plan(SHAPES["wsd"], unit="samples", clock=CLOCK)
        optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.5)
        scheduler = PlanScheduler(optimizer, plan, relative=True)
        scheduler.seek(60)
        assert optimizer.param_groups[0]["lr"] == 0.5 * plan.bind().row(60)[0]
        assert (scheduler.plan.unit, scheduler.plan.clock) == ("samples", CLOCK)

    def test_another_clock_is_another_plan(self) -> None:
        one, other = (lr.Plan(0.1, unit="samples", clock=lr.Clock(batch)) for batch in (8, 16))
        assert one.fingerprint != other.fingerprint and one != other


SENTENCES = {
    "batch_size: expected an integer >= 1, got 0.": lambda: lr.Clock(0),
    "epoch_size: expected an integer >= 1, got 1.5.": lambda: lr.Clock(8, epoch_size=1.5),  # type: ignore[arg-type]
    "drop_last: expected True, False or None, got 1.": lambda: lr.Clock(8, epoch_size=9, drop_last=1),  # type: ignore[arg-type]
    "drop_last: expected None without epoch_size, got True. Give epoch_size, the samples of an epoch.": lambda: lr.Clock(8, drop_last=True),
    "drop_last: expected None with a batch_ramp, got True. With it epochs would not all be equally long.": lambda: lr.Clock(
        8, epoch_size=99, drop_last=True, batch_ramp=[(1, 9)]
    ),
    "epoch_size: expected at least one global batch of 8, got 7. All of it would be dropped.": lambda: lr.Clock(
        8, epoch_size=7, drop_last=True
    ),
    "batch_ramp: expected a tuple of (update, samples) pairs, got 5.": lambda: lr.Clock(8, batch_ramp=5),  # type: ignore[arg-type]
    "batch_ramp[1]: expected a pair (update, samples), got 5.": lambda: lr.Clock(8, batch_ramp=[(1, 16), 5]),  # type: ignore[arg-type]
    "batch_ramp[1][0]: expected an update after 5, got 5. Updates must increase.": lambda: lr.Clock(8, batch_ramp=[(5, 16), (5, 32)]),
    "unit: expected one of updates, microbatches, samples, tokens, epochs, seconds, got 'token'.": lambda: lr.Plan(0.1, unit="token"),
    "clock: expected a Clock, which says how many tokens an update has, got None. Write clock=lr.Clock(batch_size=...).": lambda: lr.Plan(
        0.1, unit="tokens"
    ),
    "clock: expected a Clock or None, got 8. Write clock=lr.Clock(batch_size=...).": lambda: lr.Plan(0.1, unit="tokens", clock=8),
    "clock.sequence_length: expected the tokens of a sample, got None. Give it to the Clock to count in tokens.": lambda: lr.Plan(
        0.1, unit="tokens", clock=lr.Clock(8)
    ),
    "clock.epoch_size: expected the samples of an epoch, got None. Give it to the Clock to count in epochs.": lambda: lr.Clock(8).convert(
        1, "epochs", "samples"
    ),
    "clock.batch_ramp[0][1]: expected a multiple of 16, to count in microbatches, got 100.": lambda: lr.Clock(
        8, world_size=2, batch_ramp=[(5, 100)]
    ).units_before(3, "microbatches"),
    "unit: expected one of microbatches, samples, tokens, epochs, got 'seconds'.": lambda: STEADY.convert(1, "seconds", "samples"),
    "value: expected an integer >= 0, got -1.": lambda: STEADY.convert(-1, "updates", "samples"),
    "value: expected a number from 0 to 2**53, got nan.": lambda: STEADY.convert(float("nan"), "updates", "samples"),
    "units: expected a number from 0 to 2**53, got Fraction(-1, 2).": lambda: STEADY.update_at(Fraction(-1, 2), "samples"),
    "value: expected an array of integers, got an array of float64.": lambda: STEADY.convert(np.ones(3), "updates", "samples"),
    "value: expected integers from 0 to 2**53, got some from -2 to 5.": lambda: STEADY.convert(np.array([5, -2]), "updates", "samples"),
    "value: expected samples that are whole updates, got 97. An array gives an array of integers; update_at rounds, and a single value "
    "gives a Fraction.": lambda: STEADY.convert(np.array([96, 97]), "samples", "updates"),
    f"value: expected units whose samples and tokens fit an int64, got {LAST_STEP}. Convert them as ints, one by one.": lambda: lr.Clock(
        2**20
    ).convert(np.array([LAST_STEP]), "updates", "samples"),
    "horizon: expected a number of tokens, got None. The lengths in lr of group 'default' are fractions of it.": lambda: lr.Plan(
        lr.linear(0, 1, 0.5), unit="tokens", clock=CLOCK
    ).bind(),
    "clock.batch_ramp: expected from update 5 on a batch no smaller than the mean of those before it, got 4. A schedule cannot be delayed "
    'by less than nothing; write it with unit="updates".': lambda: lr.Plan(
        lr.cosine(1, 0, 999), unit="samples", clock=lr.Clock(8, batch_ramp=[(5, 4)])
    ).bind(),
    "clock: expected sizes whose prime factors are at most 1,000,000, got 1000003. Choose a rounder batch or epoch.": lambda: lr.Plan(
        lr.cosine(1, 0, 999), unit="samples", clock=lr.Clock(1_000_003)
    ).bind(),
}


@pytest.mark.parametrize("sentence", SENTENCES)
def test_sentences(sentence: str) -> None:
    with pytest.raises(lr.SpecError) as refusal:
        SENTENCES[sentence]()
    assert str(refusal.value) == sentence
