"""PlanScheduler: the rates an optimizer uses are the plan's, bit for bit, whatever happens to the optimizer on the way."""

from __future__ import annotations

import copy
import io
from typing import Any

import pytest
import torch
from torch.optim import SGD, Adadelta, Adam, AdamW, NAdam, Optimizer, RMSprop
from torch.optim.lr_scheduler import LRScheduler

import lrcore as lr
from lrcore_torch import PlanScheduler

RATE = lr.warmup_cosine(0.1, warmup=5, steps=20, stop=1e-3)
UP = lr.linear(0.8, 0.95, 20)


def made(kind: type[Optimizer] = SGD, names: tuple[str | None, ...] = ("body", "head"), **options: Any) -> Optimizer:
    groups = [{"params": [torch.zeros(2, requires_grad=True)]} | ({"name": name} if name else {}) for name in names]
    return kind(groups, **{"lr": 0.5, **options})


def advance(optimizer: Optimizer, scheduler: PlanScheduler, steps: int) -> None:
    for _ in range(steps):
        optimizer.step()
        scheduler.step()


def saved_and_loaded(state: dict[str, Any]) -> dict[str, Any]:
    file = io.BytesIO()
    torch.save(state, file)
    file.seek(0)
    return torch.load(file, weights_only=True)


CASES = [
    (SGD, {"momentum": 0.9}, {"lr": RATE, "momentum": UP, "weight_decay": 0.1 * UP}),
    (AdamW, {}, {"lr": RATE, "beta1": UP, "weight_decay": 0.1 * UP}),
    (Adam, {}, {"lr": RATE, "beta1": UP, "beta2": UP}),
    (NAdam, {}, {"beta2": UP}),
    (RMSprop, {}, {"lr": RATE, "fields": {"alpha": UP, "eps": 1e-8 * UP}}),
    (Adadelta, {}, {"lr": RATE, "fields": {"rho": UP}}),
]


@pytest.mark.parametrize(("kind", "options", "fields"), CASES, ids=lambda case: getattr(case, "__name__", ""))
def test_groups_hold_the_plan_bit_for_bit(kind, options, fields):
    plan = lr.Plan(**fields, groups={"head": {"lr": 0.1 * RATE}})
    optimizer = made(kind, **options)
    scheduler = PlanScheduler(optimizer, plan)
    bound = plan.bind(["body", "head"])
    for step in range(25):
        for group in optimizer.param_groups:
            for field, value in bound.current(step)[group["name"]].items():
                held = group["betas"][field == "beta2"] if field.startswith("beta") else group[field]
                assert type(held) is float and held == value
        assert scheduler.get_last_lr() == [group["lr"] for group in optimizer.param_groups]
        advance(optimizer, scheduler, 1)


def test_what_is_not_scheduled_is_left_alone():
    optimizer = made(AdamW, betas=(0.7, 0.6))
    before = copy.deepcopy(optimizer.state_dict()["param_groups"])
    advance(optimizer, PlanScheduler(optimizer, lr.Plan(groups={"body": {"beta1": UP}})), 3)
    after = optimizer.state_dict()["param_groups"]
    assert after[0].pop("betas") == (UP(3), 0.6) and before[0].pop("betas")
    assert [group.pop("initial_lr") for group in after] == [0.5, 0.5]  # for the schedulers that look for it
    assert after == before


def test_groups_are_known_by_name_or_place():
    optimizer = made(names=(None, "head"))
    PlanScheduler(optimizer, lr.Plan(groups={"head": {"lr": 1.0}, "group0": {"lr": 2.0}}))
    assert [group["lr"] for group in optimizer.param_groups] == [2.0, 1.0]


def test_a_group_added_later_is_driven_too():
    optimizer = made()
    scheduler = PlanScheduler(optimizer, lr.Plan(RATE, groups={"late|head": {"lr": 2 * RATE}}))
    optimizer.add_param_group({"params": [torch.zeros(1, requires_grad=True)], "name": "late"})
    advance(optimizer, scheduler, 3)
    assert scheduler.get_last_lr() == [RATE(3), 2 * RATE(3), 2 * RATE(3)]


def test_groups_replaced_by_load_state_dict_are_driven_on():
    optimizer = made()
    scheduler = PlanScheduler(optimizer, RATE)
    optimizer.load_state_dict(copy.deepcopy(optimizer.state_dict()))
    advance(optimizer, scheduler, 3)
    assert [group["lr"] for group in optimizer.param_groups] == [RATE(3)] * 2


@pytest.mark.parametrize("optimizer_first", [True, False])
def test_resuming_goes_on_where_it_stopped(optimizer_first):
    optimizer = made(AdamW)
    scheduler = PlanScheduler(optimizer, lr.Plan(RATE, beta1=UP))
    advance(optimizer, scheduler, 7)
    state = saved_and_loaded({"optimizer": optimizer.state_dict(), "scheduler": scheduler.state_dict()})

    fresh = made(AdamW)
    if optimizer_first:
        fresh.load_state_dict(state["optimizer"])
    resumed = PlanScheduler(fresh, lr.Plan(RATE, beta1=UP))
    if not optimizer_first:
        fresh.load_state_dict(state["optimizer"])
    for _ in range(2):  # twice is once
        resumed.load_state_dict(state["scheduler"])
        assert resumed.last_epoch == 7
        assert fresh.state_dict()["param_groups"] == optimizer.state_dict()["param_groups"]
        assert resumed.state_dict() == scheduler.state_dict()


def test_the_state_holds_no_table():
    scheduler = PlanScheduler(made(), lr.warmup_cosine(0.1, warmup=10**6, steps=10**9))
    file = io.BytesIO()
    torch.save(scheduler.state_dict(), file)
    assert file.tell() < 4096


@pytest.mark.parametrize(("on_change", "expected"), [("keep", RATE(7)), ("replace", 0.2 * RATE(7)), ("rebase", RATE(7))])
def test_another_plan_goes_on_as_asked(on_change, expected):
    old, new = PlanScheduler(made(), RATE), PlanScheduler(made(), 0.2 * RATE, on_change=on_change)
    advance(old.optimizer, old, 7)
    new.load_state_dict(old.state_dict())
    assert new.get_last_lr() == pytest.approx([expected] * 2, rel=1e-15)


def test_another_plan_is_refused_with_the_differences():
    old, new = PlanScheduler(made(), RATE), PlanScheduler(made(), lr.linear(0.2, 0.0, 20))
    advance(old.optimizer, old, 7)
    with pytest.raises(lr.StateError, match=r"^The checkpoint at step 7 was made with another plan\.\n"):
        new.load_state_dict(old.state_dict())
    assert new.last_epoch == 0 and new.get_last_lr() == [0.2, 0.2]


BAD = [
    (
        lr.Plan(RATE, momentum=UP),
        AdamW,
        {},
        "The plan schedules momentum of 'body', and AdamW has no momentum. Its momentum is beta1. It has lr, betas, ",
    ),
    (lr.Plan(RATE, beta1=UP), SGD, {}, "The plan schedules beta1 of 'body', and SGD has no betas. It has lr, momentum, "),
    (lr.Plan(groups={"hed": {"lr": RATE}}), SGD, {}, "groups['hed'] matches none of the groups 'body', 'head'. Did you mean 'head'?"),
]


@pytest.mark.parametrize(("plan", "kind", "options", "sentence"), BAD)
def test_a_plan_that_does_not_fit_leaves_the_optimizer_as_it_was(plan, kind, options, sentence):
    optimizer = kind(
        [{"params": [torch.zeros(2, requires_grad=True)], "name": name} for name in ("body", "head")], **{"lr": 0.5, **options}
    )
    before = copy.deepcopy(optimizer.state_dict())
    with pytest.raises(lr.PlanError) as refusal:
        PlanScheduler(optimizer, plan)
    assert str(refusal.value).startswith(sentence)
    assert optimizer.state_dict() == before


def test_bad_arguments_are_refused_with_a_sentence():
    with pytest.raises(lr.SpecError, match=r"^on_change: expected one of error, keep, replace, rebase, got 'ignore'\.$"):
        PlanScheduler(made(), RATE, on_change="ignore")
    with pytest.raises(TypeError, match=r"^PlanScheduler takes a torch optimizer, got list\.$"):
        PlanScheduler([], RATE)


def test_what_the_ecosystem_relies_on():
    optimizer = made()
    scheduler = PlanScheduler(optimizer, RATE)
    assert isinstance(scheduler, LRScheduler) and scheduler.optimizer is optimizer
    assert not callable(scheduler) and not hasattr(scheduler, "total_steps")
    assert "step" not in vars(optimizer)  # its step is not patched
    assert scheduler.base_lrs == [0.5, 0.5]
    assert len(repr(scheduler)) < 80
    scheduler.step(12)
    assert scheduler.last_epoch == 12 and scheduler.get_last_lr() == [RATE(12)] * 2


# -- groups that start from different rates ----------------------------------------------------------------------------


def unequal(kind: type[Optimizer] = SGD, **options: Any) -> Optimizer:
    optimizer = made(kind, **options)
    optimizer.param_groups[1]["lr"] = 0.25
    return optimizer


def test_one_schedule_for_different_rates_is_a_question():
    optimizer = unequal()
    with pytest.raises(lr.PlanError) as refusal:
        PlanScheduler(optimizer, RATE)
    assert str(refusal.value) == (
        "The groups have different rates ('body' 0.5, 'head' 0.25), and one schedule is given for all. Pass relative=True to multiply "
        "each group's own rate by it, relative=False to give it to every group, or a Plan with a schedule per group."
    )
    assert [group["lr"] for group in optimizer.param_groups] == [0.5, 0.25]


@pytest.mark.parametrize(("relative", "scales"), [(True, (0.5, 0.25)), (False, (1.0, 1.0))])
def test_relative_or_absolute(relative, scales):
    scheduler = PlanScheduler(unequal(), RATE, relative=relative)
    for step in range(25):
        assert scheduler.get_last_lr() == [(scale * RATE)(step) for scale in scales]
        advance(scheduler.optimizer, scheduler, 1)


def test_relative_to_what_was_there_at_the_start_also_after_resuming():
    scheduler = PlanScheduler(unequal(AdamW), lr.Plan(RATE, weight_decay=UP), relative=True)
    advance(scheduler.optimizer, scheduler, 7)
    state = saved_and_loaded({"optimizer": scheduler.optimizer.state_dict(), "scheduler": scheduler.state_dict()})
    fresh = made(AdamW)
    fresh.load_state_dict(state["optimizer"])
    resumed = PlanScheduler(fresh, lr.Plan(RATE, weight_decay=UP), relative=True)  # over the values of step 7, until its state comes
    resumed.load_state_dict(state["scheduler"])
    assert resumed.current() == scheduler.current() and resumed.base_lrs == [0.5, 0.25]
    assert fresh.param_groups[0]["weight_decay"] == (0.01 * UP)(7)


# -- clocks ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", ["host", "device"])
def test_several_calls_make_a_step(mode):
    scheduler = PlanScheduler(made(), RATE, mode=mode, steps_per_update=3)
    for call in range(20):
        assert scheduler.last_epoch == call // 3
        assert float(scheduler.optimizer.param_groups[0]["lr"]) == pytest.approx(RATE(call // 3), rel=1e-7, abs=0)
        if call == 10:  # resumed between two steps
            state = saved_and_loaded(scheduler.state_dict())
            scheduler = PlanScheduler(made(), RATE, mode=mode, steps_per_update=3)
            scheduler.load_state_dict(state)
        scheduler.step()


def test_an_update_that_a_scaler_skips_does_not_step():
    """The documented pattern: the scale is lowered when the update was skipped."""
    optimizer = made(AdamW)
    scheduler = PlanScheduler(optimizer, RATE)
    scaler = torch.amp.GradScaler("cpu", init_scale=2.0**10)
    applied = 0
    for infinite in (False, True, False, True, True, False):
        assert scheduler.get_last_lr() == [RATE(applied)] * 2
        weights = [group["params"][0] for group in optimizer.param_groups]
        optimizer.zero_grad()
        scaler.scale(sum((weight * (float("inf") if infinite else 1.0)).sum() for weight in weights)).backward()
        before = scaler.get_scale()
        scaler.step(optimizer)
        scaler.update()
        if scaler.get_scale() >= before:
            scheduler.step()
            applied += 1
    assert applied == scheduler.last_epoch == 3


# -- another plan on the way -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("on_change", "value"), [("replace", 0.2 * RATE(7)), ("rebase", RATE(7)), ("keep", RATE(7))])
def test_replacing_the_plan_of_a_run(on_change, value):
    scheduler = PlanScheduler(made(), RATE)
    advance(scheduler.optimizer, scheduler, 7)
    scheduler.replace(0.2 * RATE, on_change)
    assert scheduler.get_last_lr() == [group["lr"] for group in scheduler.optimizer.param_groups]
    assert scheduler.get_last_lr() == pytest.approx([value] * 2, rel=1e-15)
    advance(scheduler.optimizer, scheduler, 1)
    assert scheduler.get_last_lr() == pytest.approx([value * RATE(8) / RATE(7)] * 2, rel=1e-15)


def test_a_plan_that_does_not_fit_does_not_replace():
    scheduler = PlanScheduler(made(), RATE)
    advance(scheduler.optimizer, scheduler, 7)
    with pytest.raises(lr.StateError, match=r"was made with another plan"):
        scheduler.replace(0.2 * RATE, "error")
    with pytest.raises(lr.PlanError, match=r"^groups\['hed'\] matches none of the groups"):
        scheduler.replace(lr.Plan(groups={"hed": {"lr": 1.0}}))
    with pytest.raises(lr.PlanError, match=r"SGD has no betas"):
        scheduler.replace(lr.Plan(RATE, beta1=UP))
    scheduler.optimizer.add_param_group({"params": [torch.zeros(1, requires_grad=True)]})  # which makes it look at its plan again
    advance(scheduler.optimizer, scheduler, 1)
    assert scheduler.plan == lr.Plan(RATE) and scheduler.get_last_lr() == [RATE(8)] * 3


def test_names_that_are_no_regular_expressions():
    optimizer = made(names=("blocks[0", "blocks(1"))
    scheduler = PlanScheduler(optimizer, RATE, relative=True)
    advance(optimizer, scheduler, 3)
    assert scheduler.get_last_lr() == [0.5 * RATE(3)] * 2


@pytest.mark.parametrize("step", [-1, 2**53 + 1])
def test_a_step_that_is_refused_changes_nothing(step):
    scheduler = PlanScheduler(made(), RATE)
    scheduler.seek(7)
    with pytest.raises(lr.SpecError, match=r"^steps: expected a step from 0 to 2\*\*53, got "):
        scheduler.seek(step)
    assert scheduler.last_epoch == 7 and scheduler.get_last_lr() == [RATE(7)] * 2


def test_past_the_end_of_a_plan_that_ends():
    scheduler = PlanScheduler(made(), lr.linear(1.0, 0.5, 3).past_end("error"))
    advance(scheduler.optimizer, scheduler, 2)
    with pytest.raises(lr.SpecError, match=r"^step: expected a step before the end at 3, got 3\. The schedule says past_end"):
        scheduler.step()
    assert scheduler.last_epoch == 2


def test_the_state_of_other_groups_is_no_obstacle_to_an_absolute_plan():
    old = PlanScheduler(made(), RATE)
    advance(old.optimizer, old, 7)
    new = PlanScheduler(made(names=("a", "b", "c")), RATE)
    new.load_state_dict(old.state_dict())
    assert new.get_last_lr() == [RATE(7)] * 3
