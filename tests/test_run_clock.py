"""A run clock counts training and nothing else; a plan in seconds follows it, and what it has observed replays the run bit for bit."""

from __future__ import annotations

import copy
import json
import pickle
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import lrcore as lr
import lrcore_numpy

HALVING = lr.Plan(lr.step(0.1, 0.5, every=600), momentum=0.9, unit="seconds")
BUDGET = lr.Plan(
    lr.linear(0.0, 1.0, 0.1) >> lr.constant(1.0, "rest") >> lr.linear(1.0, 0.0, 0.2),
    momentum=0.9, groups={"head": {"lr": 0.1 * lr.cosine(1.0, 0.0, 60)}}, horizon=100, unit="seconds",
)  # fmt: skip
DURATIONS = [0.25, 3.0, 11.125, 0.000001, 7.5, 20.0, 0.0, 40.0, 31.0, 5.0]


class Watch:
    """A clock that is set by hand."""

    def __init__(self, reading: float = 1000.0) -> None:
        self.reading = reading

    def __call__(self) -> float:
        return self.reading


def following(binding: str, plan: lr.Plan, clock: lr.RunClock, **options: Any) -> tuple[Any, Callable[[], list[float]]]:
    """Something that follows a plan, and how the values it has put in force are read."""
    if binding == "numpy":
        stepper = lrcore_numpy.Stepper(plan, ["head", "body"], clock=clock, **options)
        return stepper, lambda: [stepper["head", "lr"], stepper["head", "momentum"], stepper["body", "lr"], stepper["body", "momentum"]]
    torch = pytest.importorskip("torch")
    from lrcore_torch import PlanScheduler

    device = binding == "torch device"
    groups = [{"name": name, "params": [torch.zeros(1, requires_grad=True)]} for name in ("head", "body")]
    optimizer = torch.optim.SGD(groups, lr=1.0, momentum=0.5)
    scheduler = PlanScheduler(optimizer, plan, clock=clock, mode="device" if device else "host", **options)
    return scheduler, lambda: [float(group[key]) for group in optimizer.param_groups for key in ("lr", "momentum")]


def wanted(binding: str, plan: lr.Plan, seconds: float) -> list[float]:
    _, _, schedules = plan.met(["head", "body"])
    values = [schedule(float(seconds)) for schedule in schedules]
    if binding == "torch device":
        values[::2] = [float(np.float32(value)) for value in values[::2]]
    return values


BINDINGS = ["numpy", "torch host", "torch device"]


@pytest.mark.parametrize("binding", BINDINGS)
class TestFollowing:
    def test_every_update_has_the_values_of_its_time(self, binding: str) -> None:
        watch, seconds = Watch(), 0.0
        run, read = following(binding, BUDGET, lr.RunClock(watch))
        assert read() == wanted(binding, BUDGET, 0)
        watch.reading += 500  # before the first step there is no training
        run.step()
        for duration in DURATIONS:
            assert read() == pytest.approx(wanted(binding, BUDGET, seconds), rel=4e-16 if binding != "torch device" else 1e-7, abs=1e-300)
            watch.reading += duration
            seconds += duration
            run.step()

    def test_the_run_is_replayed(self, binding: str) -> None:
        watch, clock = Watch(), None
        clock = lr.RunClock(watch)
        run, read = following(binding, BUDGET, clock)
        seen = [read()]
        for duration in DURATIONS:
            watch.reading += duration
            run.step()
            seen.append(read())
        replayed = clock.replay(BUDGET).bind(["head", "body"]).table()
        assert len(replayed) == len(DURATIONS) + 1
        dtype = np.float32 if binding == "torch device" else np.float64
        rates = [0, 2]
        assert (np.array(seen)[:, rates] == np.asarray(replayed).astype(dtype)[:, rates]).all()
        assert (np.array(seen)[:, [1, 3]] == 0.9).all()

    def test_a_resumed_run_goes_on_where_it_stopped(self, binding: str) -> None:
        whole, halves = Watch(), Watch()
        run, read = following(binding, BUDGET, lr.RunClock(whole))
        stopped, stopped_read = following(binding, BUDGET, lr.RunClock(halves))
        for duration in [0.0, *DURATIONS[:5]]:
            whole.reading += duration
            halves.reading += duration
            run.step()
            stopped.step()
        state = json.loads(json.dumps(stopped.state_dict()))
        later = Watch(5.0)  # another process, whose clock reads otherwise
        resumed, resumed_read = following(binding, BUDGET, lr.RunClock(later))
        for _ in range(2):
            resumed.load_state_dict(state)
        assert resumed_read() == stopped_read() == read()
        later.reading += 100
        resumed.step()
        run.step()
        for duration in DURATIONS[5:]:
            assert resumed_read() == read()
            whole.reading += duration
            later.reading += duration
            run.step()
            resumed.step()

    @pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy])
    def test_a_copy_goes_on_alone(self, binding: str, copied: Callable[[Any], Any]) -> None:
        watch = Watch()
        run, _ = following(binding, BUDGET, lr.RunClock(watch))
        for _ in range(3):
            watch.reading += 10
            run.step()
        before = copied(run)
        watch.reading += 10
        run.step()
        current = before.current()
        assert current["body"]["lr"] == pytest.approx(1.0) and before.state_dict()["step"] == 3 and run.state_dict()["step"] == 4
        assert json.loads(before.state_dict()["binding"]["clock"])["times"] == [0, 0, 10_000_000, 20_000_000]

    def test_going_back_forgets_what_came_after(self, binding: str) -> None:
        watch, clock = Watch(), None
        clock = lr.RunClock(watch)
        run, read = following(binding, BUDGET, clock)
        for _ in range(4):
            watch.reading += 5
            run.step()
        assert clock.seconds.tolist() == [0, 0, 5, 10, 15]
        run.seek(2)
        assert read() == pytest.approx(wanted(binding, BUDGET, 5), rel=1e-7)
        watch.reading += 1
        run.step()
        assert clock.seconds.tolist() == [0, 0, 5, 6]
        with pytest.raises(lr.SpecError):
            run.seek(9)
        assert clock.updates == 4

    def test_another_plan_takes_over_while_the_clock_runs(self, binding: str) -> None:
        watch = Watch()
        clock = lr.RunClock(watch)
        run, read = following(binding, BUDGET, clock)
        for _ in range(3):
            watch.reading += 5
            run.step()
        run.replace(HALVING)
        assert clock.running and read()[0] == pytest.approx(0.1)
        watch.reading += 600
        run.step()
        assert read()[0] == pytest.approx(0.05)

    def test_another_plan_is_refused(self, binding: str) -> None:
        watch = Watch()
        run, _ = following(binding, BUDGET, lr.RunClock(watch))
        for _ in range(3):
            watch.reading += 5
            run.step()
        state = run.state_dict()
        other, other_read = following(binding, HALVING, lr.RunClock(watch))
        other.step()
        before = other_read(), other.state_dict()
        with pytest.raises(lr.StateError, match="made with another plan"):
            other.load_state_dict(state)
        assert (other_read(), other.state_dict()) == before

    @pytest.mark.parametrize("how", ["none", "text", "short", "backwards", "far", "wrong"])
    def test_altered_times_are_refused_and_nothing_is_changed(self, binding: str, how: str) -> None:
        watch = Watch()
        run, read = following(binding, BUDGET, lr.RunClock(watch))
        for _ in range(3):
            watch.reading += 5
            run.step()
        state = run.state_dict()
        saved = json.loads(state["binding"]["clock"])
        altered = {
            "none": None,
            "text": "{",
            "short": {**saved, "times": saved["times"][:-1]},
            "backwards": {**saved, "times": saved["times"][::-1]},
            "far": {**saved, "microseconds": 3},
            "wrong": {**saved, "times": ["0", "1", "2", "3"]},
        }[how]
        entry = {} if altered is None else {"clock": altered if isinstance(altered, str) else json.dumps(altered)}
        before = read(), run.state_dict()
        with pytest.raises(lr.StateError, match=r"Load (another checkpoint|a checkpoint of a run with a RunClock)"):
            run.load_state_dict({**state, "binding": entry})
        assert (read(), run.state_dict()) == before


@pytest.mark.parametrize(("one", "other"), [("numpy", "torch host"), ("torch host", "numpy"), ("torch device", "numpy")])
def test_a_run_moves_to_another_binding(one: str, other: str) -> None:
    watch = Watch()
    run, _ = following(one, BUDGET, lr.RunClock(watch))
    for duration in DURATIONS:
        watch.reading += duration
        run.step()
    moved, read = following(other, BUDGET, lr.RunClock(watch))
    moved.load_state_dict(run.state_dict())
    assert read() == pytest.approx(wanted(other, BUDGET, sum(DURATIONS[1:])), rel=4e-16, abs=1e-300)


class TestClock:
    def observed(self, clock: lr.RunClock, watch: Watch, durations: list[float]) -> list[float]:
        for duration in durations:
            watch.reading += duration
            clock.microseconds(clock.updates)
        return clock.seconds.tolist()

    def test_starts_with_the_first_step(self) -> None:
        watch = Watch()
        assert self.observed(lr.RunClock(watch), watch, [100, 1, 2, 3]) == [0, 0, 1, 3, 6]

    def test_or_before_if_it_is_told(self) -> None:
        watch = Watch()
        clock = lr.RunClock(watch)
        clock.start()
        assert self.observed(clock, watch, [100, 1]) == [0, 100, 101]

    @pytest.mark.parametrize(("exclude", "seconds"), [(0, [0, 9, 17, 24, 30]), (1, [0, 0, 8, 15, 21]), (3, [0, 0, 0, 0, 6])])
    def test_first_updates_do_not_count(self, exclude: int, seconds: list[float]) -> None:
        watch = Watch()
        clock = lr.RunClock(watch, exclude_first=exclude)
        clock.start()
        assert self.observed(clock, watch, [9, 8, 7, 6]) == seconds
        assert clock.elapsed == seconds[-1]

    def test_nor_the_first_after_resuming(self) -> None:
        watch = Watch()
        clock = lr.RunClock(watch, exclude_first=2)
        self.observed(clock, watch, [9, 8, 7])
        clock.load_state_dict(clock.state_dict())
        assert self.observed(clock, watch, [5, 5, 5]) == [0, 0, 0, 7, 7, 7, 12]

    def test_pauses_do_not_count(self) -> None:
        watch = Watch()
        clock = lr.RunClock(watch)
        self.observed(clock, watch, [1, 1])
        with clock.pause():
            watch.reading += 100
            assert not clock.running and clock.elapsed == 1
            with clock.pause():
                watch.reading += 100
            watch.reading += 100
            assert not clock.running
        assert clock.running
        assert self.observed(clock, watch, [1]) == [0, 0, 1, 2]
        clock.pause()
        watch.reading += 100
        clock.resume()
        assert self.observed(clock, watch, [3]) == [0, 0, 1, 2, 5]

    def test_a_pause_ends_with_the_block_that_raised(self) -> None:
        watch = Watch()
        clock = lr.RunClock(watch)
        clock.start()
        with pytest.raises(KeyError), clock.pause():
            raise KeyError
        assert clock.running

    def test_a_pause_before_the_start_starts_nothing(self) -> None:
        watch = Watch()
        clock = lr.RunClock(watch)
        with clock.pause():
            watch.reading += 5
        assert not clock.running and self.observed(clock, watch, [5, 1]) == [0, 0, 1]

    def test_what_was_observed_stays(self) -> None:
        watch = Watch()
        clock = lr.RunClock(watch)
        self.observed(clock, watch, [1, 2])
        watch.reading += 50
        assert [clock.microseconds(update) for update in (2, 1, 0)] == [2_000_000, 0, 0] and clock.updates == 3

    def test_time_since_the_last_update_is_saved_too(self) -> None:
        watch = Watch()
        clock = lr.RunClock(watch)
        self.observed(clock, watch, [1, 2])
        watch.reading += 50
        resumed = lr.RunClock(watch)
        resumed.load_state_dict(json.loads(json.dumps(clock.state_dict())))
        assert resumed.elapsed == 52 and self.observed(resumed, watch, [9]) == [0, 0, 2, 52]

    def test_a_copy_stands_still(self) -> None:
        clock = lr.RunClock(exclude_first=2)
        clock.start()
        for other in (pickle.loads(pickle.dumps(clock)), copy.deepcopy(clock)):
            assert clock.running and not other.running and other.exclude_first == 2 and other.seconds.tolist() == [0]

    def test_real_time_passes(self) -> None:
        """In a process of its own, whose sleeps are the least that can have been counted."""
        code = (
            "import time, lrcore as lr\n"
            "clock = lr.RunClock()\n"
            "for update in range(1, 4):\n"
            "    time.sleep(0.02)\n"
            "    clock.microseconds(update)\n"
            "    with clock.pause():\n"
            "        time.sleep(0.02)\n"
            "first, second, third = clock.seconds[1:]\n"
            "assert first == 0 and second >= 0.02 and third >= 0.04 and clock.elapsed >= third\n"
            "print(lr.Plan(lr.constant(0.1), unit='seconds').fingerprint)\n"
        )
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr


def goes_back() -> None:
    watch = Watch()
    clock = lr.RunClock(watch)
    clock.start()
    watch.reading -= 0.5
    clock.microseconds(1)


STEPS = lr.Plan(lr.linear(1.0, 0.0, 4))
SENTENCES: dict[str, Callable[[], Any]] = {
    "now: expected a function that returns seconds, got 5. Leave it out for time.monotonic.": lambda: lr.RunClock(5),  # type: ignore[arg-type]
    "exclude_first: expected an integer >= 0, got -1.": lambda: lr.RunClock(exclude_first=-1),
    "now(): expected at least the 1000.0 seconds it showed before, got 999.5. Take a clock that never goes back, such as "
    "time.monotonic.": goes_back,
    "now(): expected a finite number of seconds, got nan.": lambda: lr.RunClock(lambda: float("nan")).start(),
    "now(): expected a finite number of seconds, got None.": lambda: lr.RunClock(lambda: None).start(),  # type: ignore[arg-type,return-value]
    "update: expected an update up to 1, the next one, got 5. The time of an update is known when the run gets there.": lambda: (
        lr.RunClock().microseconds(5)
    ),
    "resume(): expected a clock that is paused, got RunClock(0.0 s before update 0, standing). Call pause() first.": lambda: (
        lr.RunClock().resume()
    ),
    "update: expected an integer from 0 to 0, got 3.": lambda: lr.RunClock().rewind(3),
    "clock: expected the RunClock that the plan is bound to, or None if it is bound to none, got None. For a table of a run in seconds "
    "take run_clock.replay(plan).": lambda: lr.bound_plan(lr.RunClock().bind(HALVING)),
}


@pytest.mark.parametrize("sentence", SENTENCES)
def test_sentences(sentence: str) -> None:
    with pytest.raises(lr.SpecError) as refusal:
        SENTENCES[sentence]()
    assert str(refusal.value) == sentence


@pytest.mark.parametrize("binding", BINDINGS)
def test_a_clock_is_for_a_plan_in_seconds(binding: str) -> None:
    with pytest.raises(lr.SpecError, match=r'^plan: expected a Plan with unit="seconds", got .* Only such a plan follows a RunClock\.$'):
        following(binding, STEPS, lr.RunClock())


def test_a_plan_in_seconds_is_not_bound_without_a_clock() -> None:
    with pytest.raises(lr.PlanError, match=r"^A plan in seconds has no values by update before the run\. Bind it with run_clock\.bind"):
        HALVING.table(5)


@pytest.mark.parametrize("binding", BINDINGS)
def test_a_plan_in_seconds_is_not_rebased(binding: str) -> None:
    watch = Watch()
    run, read = following(binding, BUDGET, lr.RunClock(watch))
    run.step()
    watch.reading += 7
    run.step()
    before = read()
    with pytest.raises(lr.PlanError, match=r"It cannot be rebased\.$"):
        run.replace(HALVING, on_change="rebase")
    assert read() == before and run.plan == BUDGET


def test_a_captured_step_has_no_clock() -> None:
    scheduler, _ = following("torch device", lr.Plan(lr.linear(1.0, 0.0, 9), unit="seconds"), lr.RunClock())
    for call in (scheduler.advance, scheduler.refill):
        with pytest.raises(lr.PlanError, match=r"^A plan in seconds follows a clock on the host"):
            call()
    scheduler.step()
    assert scheduler.last_epoch == 1


@pytest.mark.parametrize("how", ["altered", "refused"])
def test_a_state_that_is_refused_leaves_the_clock_running(how: str) -> None:
    now = iter(range(1000))
    plan = lr.Plan(lr.linear(1.0, 0.0, 20).past_end("error"), unit="seconds")
    stepper = lrcore_numpy.Stepper(plan, clock=lr.RunClock(now=lambda: next(now)))
    for _ in range(3):
        stepper.step()
    state = stepper.state_dict()
    times = {"microseconds": 30_000_000, "times": [0, 1, 2, 30_000_000]} if how == "refused" else {"microseconds": 3, "times": [0, 3]}
    before, clock = stepper.value, stepper._clock
    seen = clock.seconds.tolist()
    with pytest.raises(lr.LrcoreError):
        stepper.load_state_dict(state | {"binding": {"clock": json.dumps(times)}})
    assert (stepper.value, clock.seconds.tolist(), clock.running) == (before, seen, True)
