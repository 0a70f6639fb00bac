"""Resuming with another plan: what the refusal says is true and short, and every change on the way goes on as docs/resuming.md says."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

import lrcore as lr
from lrcore_numpy import Stepper
from lrcore_torch import PlanScheduler, from_native
from strategies import schedules

RATE = lr.warmup_cosine(0.1, warmup=10, steps=100)
NOW = 40
LAYERS = [f"layer{i}" for i in range(1000)]


def refusal(old: lr.Plan, new: lr.Plan, step: int = NOW, names: list[str] | None = None) -> list[str]:
    """The lines a changed plan is refused with."""
    with pytest.raises(lr.StateError) as refused:
        lr.check_state(lr.make_state(old.bind(names), step), new, names=names)
    return str(refused.value).splitlines()


CHOICES = (
    'Pass on_change="keep" to go on with the plan of the checkpoint, "replace" to use the new plan from this step on, or "rebase" to use '
    "the new plan made continuous with the values in force."
)


class TestTheRefusal:
    def test_says_what_differs_from_where_on_and_how_each_choice_goes_on(self) -> None:
        old = lr.Plan(RATE, momentum=0.9, weight_decay=0.1, horizon=100)
        new = lr.Plan(lr.warmup_cosine(0.1, warmup=10, steps=190), momentum=0.8, weight_decay=0.1, horizon=190, fields={"eps": 1e-8})
        assert refusal(old, new) == [
            "The checkpoint at step 40 was made with another plan.",
            "horizon: 100 -> 190",
            "lr.phases[1].steps: 90 -> 180, values differ from step 11",
            "momentum.value: 0.9 -> 0.8, values differ from step 0",
            "eps: nothing -> 1e-08, values differ from step 0",
            CHOICES,
            "At step 40:",
            "  lr: 0.075 by the checkpoint, 0.0933013 by the new plan; rebased it goes on as the new curve times 0.803848",
            "  momentum: 0.9 by the checkpoint, 0.8 by the new plan; rebased it goes on as the new curve 0.5 times as far from 1",
            "  weight_decay: 0.1 by both",
            "  eps: 1e-08 by the new plan alone",
        ]

    def test_says_where_nothing_would_change(self) -> None:
        assert refusal(lr.Plan(RATE), lr.Plan(RATE.override(at=90, stop=0.0, steps=50)))[-1] == (
            'At step 40 both plans have the same values: "rebase" is "replace".'
        )

    def test_says_where_nothing_can_be_rebased(self) -> None:
        lines = refusal(lr.Plan(RATE), lr.Plan(RATE, groups={"tail": {}}))
        assert lines[-1] == (
            '"rebase" needs both plans to have values here, and they do not: '
            "groups['tail'] matches none of the groups 'default'. Correct the pattern, or leave it out."
        )

    @settings(max_examples=80, deadline=None)
    @given(schedules(max_depth=2), schedules(max_depth=2), st.integers(0, 3000))
    def test_the_way_it_names_is_the_way_it_goes(self, old: lr.Schedule, new: lr.Schedule, step: int) -> None:
        if old == new:
            return
        before, after = lr.Plan(old), lr.Plan(new)
        line = refusal(before, after, step)[-1]
        plan, _ = lr.check_state(lr.make_state(before.bind(), step), after, "rebase")
        there = plan.bind().row(step + 1)[0]
        named = re.search(r"as the new curve (times|plus|minus) (\S+)$", line)
        if named is None:
            assert there == new(step + 1)
            return
        how, number = named[1], float(named[2])
        told = {"times": new(step + 1) * number, "plus": new(step + 1) + number, "minus": new(step + 1) - number}[how]
        assert there == pytest.approx(told, rel=1e-5, abs=1e-5 * (abs(number) + abs(new(step + 1))))


class TestManyGroups:
    def test_twelve_changes_have_a_line_each(self) -> None:
        names = LAYERS[:12]
        old, new = (lr.Plan(groups={name: {"lr": rate * (i + 1)} for i, name in enumerate(names)}) for rate in (RATE, RATE.stretch(2)))
        lines = refusal(old, new)
        assert lines.index(CHOICES) == 13 and max(map(len, lines)) <= len(CHOICES)
        assert lines[15:] == [
            "  lr of 'layer0': 0.075 by the checkpoint, 0.0969846 by the new plan; rebased it goes on as the new curve times 0.773318, "
            "and 11 more groups alike"
        ]

    @pytest.mark.parametrize(("decays", "what"), [((0.9, 0.9), "alike"), ((0.9, 0.8), "with other numbers")])
    def test_a_thousand_groups_share_lines(self, decays: tuple[float, float], what: str) -> None:
        bases = (RATE, RATE if what != "alike" else lr.warmup_cosine(0.1, warmup=10, steps=190))
        old, new = (
            lr.Plan(groups={name: {"lr": rate} for name, rate in lr.layerwise(base, decay, LAYERS).items()})
            for base, decay in zip(bases, decays, strict=True)
        )
        lines = refusal(old, new)
        assert len(lines) <= 8
        assert re.fullmatch(rf"groups\['layer0'\]\['lr'\]\.terms.*, values differ from step \d+, and 998 more groups {what}", lines[1])
        assert re.fullmatch(rf"  lr of 'layer0': .* the new curve times \S+, and 999 more groups {what}", lines[-1])

    def test_groups_that_come_and_go_are_counted(self) -> None:
        old, new = (lr.Plan(RATE, groups={name: {"eps": 0.0} for name in names}) for names in (LAYERS[:-1], LAYERS[1:]))
        assert str(old.diff(new)).splitlines()[0] == "groups: 999 -> 999, new 'layer999'; no more 'layer0'"


HOLD = lr.wsd(0.1, warmup=10)
SEQUENCE = lr.linear(0.0, 0.1, 10) >> lr.constant(0.1, 50) >> lr.cosine(0.1, 0.0, 40)
CLOCK = lr.Clock(batch_size=4)
SAMPLES = lr.Plan(lr.linear(1.0, 0.0, 400), unit="samples", clock=CLOCK)
DIFFERENCES = {
    "endless schedules": (lr.Plan(2 * HOLD), lr.Plan(3 * HOLD), ["lr.terms[0].value: 2.0 -> 3.0, values differ from step 1"]),
    "endless schedules far away": (
        lr.Plan(0.5),
        lr.Plan(lr.constant(0.5, 10**12) >> lr.constant(0.25)),
        ["lr: 0.5 -> Constant(value=0.5, steps=1000000000000) >> 0.25, values differ from step 1,000,000,000,000"],
    ),
    "one phase": (
        lr.Plan(SEQUENCE),
        lr.Plan(replace(SEQUENCE, phases=(*SEQUENCE.phases[:2], lr.linear(0.1, 0.0, 40)))),
        ["lr.phases[2].shape: 'cosine' -> 'linear', values differ from step 61"],
    ),
    "a phase put between": (
        lr.Plan(SEQUENCE),
        lr.Plan(lr.linear(0.0, 0.1, 10) >> lr.constant(0.2, 5) >> lr.constant(0.1, 50) >> lr.cosine(0.1, 0.0, 40)),
        ["lr.phases[1]: nothing -> Constant(value=0.2, steps=5), values differ from step 10"],
    ),
    "a phase taken out": (
        lr.Plan(SEQUENCE),
        lr.Plan(lr.linear(0.0, 0.1, 10) >> lr.cosine(0.1, 0.0, 40)),
        ["lr.phases[1]: Constant(value=0.1, steps=50) -> nothing, values differ from step 11"],
    ),
    "another end": (
        lr.Plan(HOLD),
        lr.Plan(HOLD.override(at=50, stop=0.0, steps=20)),
        ["lr: linear(0.0, 0.1, 10) >> 0.1 -> (linear(0.0, 0.1, 10) >> 0.1).until(50) >> linear(0.1, 0.0, 20), values differ from step 51"],
    ),
    "another clock": (SAMPLES, replace(SAMPLES, clock=lr.Clock(batch_size=8)), ["clock.batch_size: 4 -> 8, values differ from step 1"]),
    "another unit": (
        SAMPLES,
        lr.Plan(SAMPLES.lr),
        ["unit: 'samples' -> 'updates', values differ from step 1", "clock: Clock(batch_size=4) -> nothing, values differ from step 1"],
    ),
    "a rule": (
        lr.Plan(HOLD, adapt=lr.ReduceLROnPlateau()),
        lr.Plan(HOLD, adapt=lr.ReduceLROnPlateau(patience=3)),
        ["adapt.patience: 10 -> 3"],
    ),
}


@pytest.mark.parametrize("case", DIFFERENCES)
def test_a_difference_is_shown_in_its_place(case: str) -> None:
    old, new, lines = DIFFERENCES[case]
    assert str(old.diff(new)).splitlines() == lines


class TestRebase:
    @settings(max_examples=80, deadline=None)
    @given(schedules(max_depth=2), schedules(max_depth=2), st.integers(0, 3000))
    def test_twice_is_once_although_values_are_rounded(self, old: lr.Schedule, new: lr.Schedule, step: int) -> None:
        state = lr.make_state(lr.Plan(old, beta1=lr.linear(0.8, 0.95, 5000)).bind(), step)
        once, _ = lr.check_state(state, lr.Plan(new, beta1=0.9), "rebase")
        twice, _ = lr.check_state(state, once, "rebase")
        assert twice.bind().schedules == once.bind().schedules

    def test_a_group_that_is_frozen_stays_so(self) -> None:
        new = lr.Plan(2 * RATE, groups={"body": {"lr": None}})
        plan, _ = lr.check_state(lr.make_state(lr.Plan(RATE).bind(["head", "body"]), NOW), new, "rebase", ["head", "body"])
        assert plan.bind(["head", "body"]).columns == (("head", "lr"),)

    def test_names_that_are_no_regular_expressions(self) -> None:
        names = ["blocks[0", "blocks[1]", "a|b"]
        plan, _ = lr.check_state(lr.make_state(lr.Plan(RATE).bind(names), NOW), lr.Plan(0.2), "rebase", names)
        np.testing.assert_allclose(plan.bind(names).row(NOW), [RATE(NOW)] * 3)


# -- changes on the way ------------------------------------------------------------------------------------------------

LONGER = lr.warmup_cosine(0.1, warmup=10, steps=200)
CHANGES: dict[str, tuple[lr.Schedule, lr.OnChange, dict[int, float]]] = {
    "longer, scaled": (LONGER, "rebase", {NOW: RATE(NOW), 120: RATE(NOW) / LONGER(NOW) * LONGER(120), 200: 0.0}),
    "longer, another way": (RATE.override(at=NOW, stop=0.0, steps=160, shape="cosine"), "replace", {NOW: RATE(NOW), 120: RATE(NOW) / 2}),
    "shorter": (RATE.override(at=NOW, stop=0.0, steps=20), "replace", {NOW: RATE(NOW), 50: RATE(NOW) / 2, 60: 0.0, 100: 0.0}),
    "a higher peak at once": (2 * RATE, "replace", {NOW: 2 * RATE(NOW), 70: 2 * RATE(70)}),
    "a lower peak by and by": (
        RATE * (lr.constant(1.0, NOW) >> lr.linear(1.0, 0.5, 20)),
        "replace",
        {NOW: RATE(NOW), 50: 0.75 * RATE(50), 60: 0.5 * RATE(60), 90: 0.5 * RATE(90)},
    ),
}


def in_torch(plan: lr.Plan, on_change: lr.OnChange = "error", names: tuple[str, ...] = ("body",)) -> PlanScheduler:
    groups = [{"name": name, "params": [torch.zeros(1, requires_grad=True)]} for name in names]
    return PlanScheduler(torch.optim.SGD(groups, lr=0.5), plan, on_change=on_change)


def in_numpy(plan: lr.Plan, on_change: lr.OnChange = "error", names: tuple[str, ...] = ("body",)) -> Stepper:
    return Stepper(plan, names, on_change)


everywhere = pytest.mark.parametrize("begin", [in_torch, in_numpy])


@everywhere
@pytest.mark.parametrize("case", CHANGES)
@pytest.mark.parametrize("live", [True, False], ids=["while it runs", "from a checkpoint"])
def test_a_change_goes_on_as_it_should(begin: Callable[..., Any], case: str, live: bool) -> None:
    new, on_change, expected = CHANGES[case]
    run = begin(lr.Plan(RATE))
    run.seek(NOW)
    if live:
        run.replace(new, on_change)
    else:
        state = json.loads(json.dumps(run.state_dict()))
        run = begin(lr.Plan(new), on_change)
        run.load_state_dict(state)
    after = begin(run.plan)  # a run that is begun with the changed plan takes the state without a word
    after.load_state_dict(run.state_dict())
    for going in (run, after):
        for step, value in expected.items():
            going.seek(step)
            assert going.current()["body"]["lr"] == pytest.approx(value, rel=1e-14, abs=0)


@everywhere
def test_a_final_decay_of_a_run_that_had_no_end(begin: Callable[..., Any]) -> None:
    run = begin(lr.Plan(HOLD))
    run.seek(NOW)
    run.replace(HOLD.override(at=NOW, stop=0.0, steps=20))
    seen = []
    for _ in range(25):
        seen.append(run.current()["body"]["lr"])
        run.step() if isinstance(run, Stepper) else (run.optimizer.step(), run.step())
    np.testing.assert_allclose(seen, np.maximum(np.linspace(0.1, -0.02, 25), 0.0), rtol=1e-14, atol=1e-17)


def test_a_group_that_is_woken_later() -> None:
    frozen = lr.Plan(RATE, groups={"body": {"lr": 0.0}})
    run = in_torch(frozen, names=("body", "head"))
    run.seek(NOW)
    run.replace(lr.Plan(RATE, groups={"body": {"lr": lr.constant(0.0, NOW) >> lr.linear(0.0, 0.01, 10)}}))
    run.optimizer.add_param_group({"name": "tail", "params": [torch.zeros(1, requires_grad=True)]})
    run.seek(NOW + 5)
    assert run.get_last_lr() == [0.005, RATE(NOW + 5), RATE(NOW + 5)]


@everywhere
def test_two_runs_from_one_checkpoint(begin: Callable[..., Any]) -> None:
    first = begin(lr.Plan(RATE))
    first.seek(NOW)
    state, before = first.state_dict(), first.current()
    ends = (0.0, 0.05)
    forks = [begin(lr.Plan(RATE.override(at=NOW, stop=end, steps=10)), "replace") for end in ends]
    for fork in forks:
        fork.load_state_dict(state)
        assert fork.current() == before
        fork.seek(NOW + 10)
    assert [fork.current()["body"]["lr"] for fork in forks] == list(ends) and first.current() == before
    with pytest.raises(lr.StateError, match="made with another plan"):
        begin(forks[0].plan).load_state_dict(forks[1].state_dict())


@everywhere
def test_an_update_of_more_samples_goes_on_at_its_sample(begin: Callable[..., Any]) -> None:
    grown = replace(SAMPLES, clock=lr.Clock(batch_size=4, batch_ramp=[(NOW, 8)]))
    before, after = begin(SAMPLES), begin(grown, "replace")
    before.seek(NOW)
    after.load_state_dict(before.state_dict())
    for ahead in range(30):
        before.seek(NOW + 2 * ahead)
        after.seek(NOW + ahead)
        assert after.current() == before.current()


def test_a_run_begun_with_a_scheduler_of_torch() -> None:
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.1)
    native = torch.optim.lr_scheduler.StepLR(optimizer, step_size=10, gamma=0.5)
    for _ in range(NOW):
        optimizer.step()
        native.step()
    plan, state, rate = from_native(native), native.state_dict(), native.get_last_lr()
    resumed = PlanScheduler(optimizer, plan)
    for _ in range(2):
        resumed.load_state_dict(state)
        assert resumed.last_epoch == NOW and resumed.get_last_lr() == pytest.approx(rate, rel=1e-15)
    resumed.seek(0)
    resumed.seek(NOW)  # no state at all
    assert optimizer.param_groups[0]["lr"] == pytest.approx(rate[0], rel=1e-15)
