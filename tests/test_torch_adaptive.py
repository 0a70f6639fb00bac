"""PlanScheduler with a rule: an event is in force at once, host and device, over states, sequences and new groups."""

import json
import math

import numpy as np
import pytest
import torch
from torch.optim.lr_scheduler import ReduceLROnPlateau, SequentialLR

import lrcore as lr
from lrcore_torch import PlanScheduler

RULE = lr.ReduceLROnPlateau(factor=0.5, patience=1, min_lr=0.02)
LOSSES = [3.0, 2.0, 2.0, 2.0, 1.0, math.nan, 1.0, 1.0, 1.0, 1.0, 0.5, 0.5]
RAMP = lr.linear(0.0, 0.8, 4) >> lr.cosine(0.8, 0.1, 20)


def optimizer_of(names=("body", "head"), **options):
    return torch.optim.Adam([{"params": [torch.zeros(2, requires_grad=True)], "name": name} for name in names], lr=0.1, **options)


def held(optimizer):
    return [float(group["lr"]) for group in optimizer.param_groups]


def run(scheduler, losses):
    """The rates in force at each update of a run that observes after every one."""
    rows = []
    for loss in losses:
        rows.append(held(scheduler.optimizer))
        scheduler.optimizer.step()
        scheduler.step()
        scheduler.observe(loss)
    return rows


@pytest.mark.parametrize("mode", ["host", "device"])
@pytest.mark.parametrize("rate", [0.1, torch.tensor(0.1, dtype=torch.float64)], ids=["float", "tensor"])
def test_a_constant_rate_goes_as_torchs_own_class_has_it(mode, rate):
    mine, theirs = torch.optim.SGD([torch.zeros(1)], lr=rate), torch.optim.SGD([torch.zeros(1)], lr=0.1)
    scheduler = PlanScheduler(mine, lr.Plan(0.1, adapt=RULE), mode=mode)
    stock = ReduceLROnPlateau(theirs, factor=0.5, patience=1, min_lr=0.02)
    for loss in LOSSES:
        scheduler.step()
        scheduler.observe(loss)
        stock.step(loss)
        expected = held(theirs) if mode == "host" else [float(np.float32(held(theirs)[0]))]
        assert held(mine) == expected and scheduler.get_last_lr() == held(theirs)


@pytest.mark.parametrize("mode", ["host", "device"])
def test_a_rule_multiplies_a_schedule_and_its_minimum_lifts_no_warmup(mode):
    scheduler = PlanScheduler(optimizer_of(), lr.Plan(RAMP, beta1=0.8, adapt=RULE), mode=mode)
    rows, machine = run(scheduler, LOSSES), RULE.begin()
    for step, loss in enumerate(LOSSES):
        expected = machine.rate(RAMP(step))
        assert rows[step] == [expected if mode == "host" else float(np.float32(expected))] * 2
        machine.observe(loss, step + 1)
    assert rows[0] == [0.0, 0.0] and machine.events and scheduler.current()["head"] == {"lr": machine.rate(RAMP(12)), "beta1": 0.8}


def test_in_c_until_the_first_event_and_right_after_it():
    scheduler = PlanScheduler(optimizer_of(), lr.Plan(RAMP, adapt=RULE))
    scheduler.observe(1.0)
    assert scheduler._writer is not None
    scheduler.observe(1.0), scheduler.observe(1.0)
    assert scheduler._writer is None
    scheduler.seek(4)
    assert held(scheduler.optimizer) == [0.4, 0.4]


@pytest.mark.parametrize("mode", ["host", "device"])
@pytest.mark.parametrize("at", [0, 3, 5, 9])
def test_a_run_that_was_stopped_goes_on_with_the_same_rates(mode, at):
    plan = lr.Plan(RAMP, adapt=RULE)
    whole = run(PlanScheduler(optimizer_of(), plan, mode=mode), LOSSES)
    first, second = (PlanScheduler(optimizer_of(), plan, mode=mode) for _ in range(2))
    rows = run(first, LOSSES[:at])
    state = json.loads(json.dumps(first.state_dict(), allow_nan=False))
    for _ in range(2):
        second.load_state_dict(state)
    assert rows + run(second, LOSSES[at:]) == whole


def test_the_device_follows_inside_a_step_that_advances():
    scheduler = PlanScheduler(optimizer_of(), lr.Plan(RAMP, adapt=RULE), mode="device")
    address, machine = scheduler._device.rows.data_ptr(), RULE.begin()
    for step, loss in enumerate(LOSSES, 1):
        scheduler.advance()
        scheduler.observe(loss)
        machine.observe(loss, step)
        assert held(scheduler.optimizer) == [float(np.float32(machine.rate(RAMP(step))))] * 2 and scheduler.last_epoch == step
    assert machine.events and scheduler._device.rows.data_ptr() == address  # a captured step reads there


def test_a_compiled_step_sees_the_events_and_is_not_compiled_again():
    optimizer, machine = optimizer_of(capturable=True), RULE.begin()
    scheduler, seen = PlanScheduler(optimizer, lr.Plan(RAMP, adapt=RULE), mode="device"), torch.zeros(2)
    views = [group["lr"] for group in optimizer.param_groups]

    @torch.compile(backend="eager", fullgraph=True)
    @torch.no_grad()
    def train():
        seen.copy_(torch.stack(views))
        scheduler.advance()

    train()
    with torch._dynamo.config.patch(error_on_recompile=True):
        for step, loss in enumerate(LOSSES, 1):
            scheduler.observe(loss)
            machine.observe(loss, step)
            train()
            assert seen.tolist() == [float(np.float32(machine.rate(RAMP(step))))] * 2
    assert len(machine.events) > 2


def test_a_rule_for_each_group_and_a_minimum_for_each():
    head, body = lr.ReduceLROnPlateau(factor=0.5, patience=0), lr.ReduceLROnPlateau(factor=0.1, patience=0, min_lr={"body": 0.03})
    scheduler = PlanScheduler(optimizer_of(("body", "head", "frozen")), lr.Plan(0.1, adapt={"head": head, "frozen": None, ".*": body}))
    scheduler.observe(1.0)
    assert [event.factor for event in scheduler.observe(1.0, group="head")] == [0.5] and held(scheduler.optimizer) == [0.1, 0.05, 0.1]
    assert len(scheduler.observe(1.0)) == 2 and held(scheduler.optimizer) == [0.03, 0.025, 0.1]
    with pytest.raises(lr.PlanError, match=r"^The group 'frozen' has no rule\. Observe for one of 'body', 'head'\.$"):
        scheduler.observe(1.0, group="frozen")


def test_a_group_that_comes_later_has_the_events_too():
    optimizer = optimizer_of()
    scheduler = PlanScheduler(optimizer, lr.Plan(0.1, adapt=RULE))
    run(scheduler, [1.0, 1.0, 1.0])
    optimizer.add_param_group({"params": [torch.zeros(1, requires_grad=True)], "name": "late"})
    scheduler.step()
    assert held(optimizer) == [0.05] * 3


def test_loading_the_optimizers_state_leaves_the_events_in_force():
    optimizer = optimizer_of()
    scheduler = PlanScheduler(optimizer, lr.Plan(0.1, adapt=RULE))
    before = optimizer.state_dict()
    run(scheduler, [1.0, 1.0, 1.0])
    optimizer.load_state_dict(before)
    assert held(optimizer) == [0.05, 0.05]


def test_in_a_sequence_an_event_waits_for_its_turn():
    optimizer = optimizer_of()
    first, second = PlanScheduler(optimizer, lr.Plan(0.3)), PlanScheduler(optimizer, lr.Plan(0.1, adapt=RULE))
    sequence = SequentialLR(optimizer, [first, second], milestones=[2])
    for _ in range(3):
        second.observe(1.0)
    assert held(optimizer) == [0.3, 0.3]
    optimizer.step()
    sequence.step(), sequence.step()
    assert held(optimizer) == [0.05, 0.05]


@pytest.mark.parametrize(("on_change", "rate"), [("keep", 0.05), ("replace", 0.1), ("rebase", 0.05)])
def test_another_plan_under_the_same_rule_keeps_the_events(on_change, rate):
    scheduler = PlanScheduler(optimizer_of(), lr.Plan(0.1, adapt=RULE))
    run(scheduler, [1.0, 1.0, 1.0])
    scheduler.replace(lr.Plan(0.2, adapt=lr.ReduceLROnPlateau(factor=0.1, patience=3)), on_change)
    assert held(scheduler.optimizer) == [rate, rate] and scheduler.state_dict()["events"][0]["events"] == [[3, 0.5]]


@pytest.mark.parametrize("adapt", [None, lr.NewBob()])
def test_rebased_without_the_rule_the_rate_in_force_stays(adapt):
    scheduler = PlanScheduler(optimizer_of(), lr.Plan(0.1, adapt=RULE))
    run(scheduler, [1.0, 1.0, 1.0])
    scheduler.replace(lr.Plan(lr.linear(0.4, 0.0, 4), adapt=adapt), "rebase")
    assert held(scheduler.optimizer) == [0.05, 0.05]
    assert scheduler.plan.bind(["body", "head"]).current(3)["body"]["lr"] == 0.05


def test_relative_rates_have_a_rule_too():
    optimizer = torch.optim.SGD([{"params": [torch.zeros(1)], "lr": rate} for rate in (0.1, 0.2)])
    scheduler = PlanScheduler(optimizer, lr.Plan(1.0, adapt=RULE), relative=True)
    for _ in range(3):
        scheduler.observe(1.0)
    assert held(optimizer) == [0.05, 0.1]


@pytest.mark.parametrize("mode", ["host", "device"])
def test_a_plan_in_seconds_has_a_rule_too(mode):
    readings = iter(range(100))
    plan = lr.Plan(lr.linear(1.0, 0.0, 8), unit="seconds", adapt=lr.ReduceLROnPlateau(factor=0.5, patience=0))
    scheduler = PlanScheduler(optimizer_of(), plan, mode=mode, clock=lr.RunClock(now=lambda: float(next(readings))))
    for _ in range(2):
        scheduler.step()
        scheduler.observe(1.0)
    seconds = scheduler._clock.seconds[-1]
    assert held(scheduler.optimizer) == [0.5 * (1 - seconds / 8)] * 2 == scheduler.get_last_lr() and seconds > 0


BAD = {
    "no rule": (lr.Plan(0.1), 1.0, lr.PlanError, "The plan has no rule that a metric could go to. Give it one"),
    "a string": (
        lr.Plan(0.1, adapt=RULE),
        "1.0",
        lr.SpecError,
        "metric: expected a number, or an array or tensor without dimensions, got '1.0'.",
    ),
    "a batch": (
        lr.Plan(0.1, adapt=RULE),
        torch.ones(2),
        lr.SpecError,
        "metric: expected a number, or an array or tensor without dimensions",
    ),
}


@pytest.mark.parametrize(("plan", "metric", "error", "sentence"), BAD.values(), ids=BAD)
def test_what_is_no_metric_is_refused_and_changes_nothing(plan, metric, error, sentence):
    scheduler = PlanScheduler(optimizer_of(), plan)
    before = scheduler.state_dict()
    with pytest.raises(error) as refusal:
        scheduler.observe(metric)
    assert str(refusal.value).startswith(sentence) and scheduler.state_dict() == before


@pytest.mark.parametrize("metric", [1, np.float32(1), np.array(1.0), torch.tensor(1.0), torch.tensor(1.0, requires_grad=True)])
def test_whatever_is_a_number_is_a_metric(metric):
    scheduler = PlanScheduler(optimizer_of(), lr.Plan(0.1, adapt=RULE))
    scheduler.observe(metric)
    assert scheduler.state_dict()["events"][0]["best"] == 1.0


def test_a_step_that_goes_backwards_is_refused():
    scheduler = PlanScheduler(optimizer_of(), lr.Plan(0.1, adapt=RULE))
    run(scheduler, [1.0, 1.0])
    scheduler.seek(1)
    with pytest.raises(lr.StateError, match=r"^step: expected 2 or more, the step of the last observation, got 1\. "):
        scheduler.observe(1.0)


@pytest.mark.parametrize("change", [{"best": "low"}, {"bad": -1}, {"events": [[9, 0.5]]}, {"rule": "NewBob"}, {"groups": "head"}, {"x": 1}])
def test_altered_events_are_refused_and_nothing_is_loaded(change):
    plan = lr.Plan(0.1, adapt=RULE)
    saved, scheduler = PlanScheduler(optimizer_of(), plan), PlanScheduler(optimizer_of(), plan)
    run(saved, [1.0, 1.0, 1.0])
    state = saved.state_dict()
    state["events"] = [state["events"][0] | change]
    before = scheduler.state_dict()
    with pytest.raises(lr.StateError, match=r"(incomplete or altered|Load).*\.$"):
        scheduler.load_state_dict(state)
    assert scheduler.state_dict() == before and held(scheduler.optimizer) == [0.1, 0.1]
