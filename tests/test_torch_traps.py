"""What happens to an optimizer on the way: the next update always uses the plan's rate, read from the change of a weight."""

from __future__ import annotations

import copy
import io
from typing import Any

import numpy as np
import pytest
import torch
from torch.optim import SGD, AdamW, Optimizer
from torch.optim.lr_scheduler import CosineAnnealingLR, ExponentialLR, SequentialLR

import lrcore as lr
from lrcore_torch import PlanScheduler

RATE = lr.warmup_cosine(0.1, warmup=5, steps=20, stop=1e-3)
PLAN = lr.Plan(RATE, groups={"head": {"lr": 0.1 * RATE}})
NAMES = ("body", "head")
MODES = ("host", "device")


def made(names: tuple[str | None, ...] = NAMES, rate: Any = 0.5) -> Optimizer:
    """One weight for each group; float64, so that the change of a weight from 0 under a gradient of 1 is the rate used."""
    groups = [{"params": [torch.zeros(1, dtype=torch.float64, requires_grad=True)]} | ({"name": name} if name else {}) for name in names]
    return SGD(groups, lr=rate)


def used(optimizer: Optimizer) -> list[float]:
    """The rates that an update uses, group by group."""
    weights = [group["params"][0] for group in optimizer.param_groups]
    for weight in weights:
        weight.data.zero_()
        weight.grad = torch.ones_like(weight)
    optimizer.step()
    return [-weight.item() for weight in weights]


def planned(step: int, mode: str = "host", names: tuple[str, ...] = NAMES) -> list[float]:
    current = PLAN.bind(NAMES).current(step)
    return [current[name]["lr"] if mode == "host" else float(np.float32(current[name]["lr"])) for name in names]


def run(scheduler: PlanScheduler, steps: int) -> None:
    for _ in range(steps):
        used(scheduler.optimizer)
        scheduler.step()


def through_a_file(state: Any) -> Any:
    file = io.BytesIO()
    torch.save(state, file)
    file.seek(0)
    return torch.load(file, weights_only=True)


@pytest.mark.parametrize("mode", MODES)
def test_every_update_of_a_run_uses_the_plan(mode):
    scheduler = PlanScheduler(made(), PLAN, mode=mode)
    for step in range(25):
        assert used(scheduler.optimizer) == planned(step, mode)
        scheduler.step()


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("saved_rate", [0.7, torch.tensor(0.7)], ids=["float", "tensor"])
@pytest.mark.parametrize("own_rate", [0.5, torch.tensor(0.5, dtype=torch.float64)], ids=["float", "tensor"])
def test_groups_and_rates_replaced_by_load_state_dict(mode, saved_rate, own_rate):
    scheduler = PlanScheduler(made(rate=own_rate), PLAN, mode=mode)
    run(scheduler, 7)
    scheduler.optimizer.load_state_dict(through_a_file(made(rate=saved_rate).state_dict()))
    exact = "device" if mode == "device" else "host"
    first = used(scheduler.optimizer)
    scheduler.step()
    second = used(scheduler.optimizer)
    for values, step in ((first, 7), (second, 8)):
        rounding = 1e-7 if isinstance(saved_rate, torch.Tensor) and mode == "host" else 0  # filled in place, in its own float32
        assert values == pytest.approx(planned(step, exact), rel=rounding, abs=0)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("rate", [0.7, torch.tensor(0.7, dtype=torch.float64)], ids=["float", "tensor"])
def test_rates_swapped_in_place(mode, rate):
    scheduler = PlanScheduler(made(), PLAN, mode=mode)
    run(scheduler, 7)
    for group in scheduler.optimizer.param_groups:
        group["lr"] = copy.deepcopy(rate)
    scheduler.step()
    assert used(scheduler.optimizer) == planned(8, mode)
    assert mode == "device" or type(scheduler.optimizer.param_groups[0]["lr"]) is type(rate)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("copied", [lambda o: o, copy.deepcopy], ids=["made", "copied"])
def test_one_tensor_in_all_groups_is_taken_apart(mode, copied):
    optimizer = copied(made(rate=torch.tensor(0.5, dtype=torch.float64)))
    assert optimizer.param_groups[0]["lr"] is optimizer.param_groups[1]["lr"]
    scheduler = PlanScheduler(optimizer, PLAN, mode=mode)
    run(scheduler, 7)
    assert used(optimizer) == planned(7, mode)


def test_one_tensor_in_all_groups_comes_back_with_a_checkpoint():
    optimizer = made(rate=torch.tensor(0.5, dtype=torch.float64))
    state = through_a_file(optimizer.state_dict())
    scheduler = PlanScheduler(optimizer, PLAN)
    run(scheduler, 7)
    optimizer.load_state_dict(state)
    assert optimizer.param_groups[0]["lr"] is not optimizer.param_groups[1]["lr"]
    assert used(optimizer) == planned(7)


def test_a_frozen_group_keeps_its_rate_when_it_shared_the_tensor():
    optimizer = made(rate=torch.tensor(0.5, dtype=torch.float64))
    run(PlanScheduler(optimizer, lr.Plan(RATE, groups={"body": {"lr": None}})), 7)
    assert used(optimizer) == [0.5, RATE(7)]


def test_tensors_on_the_same_memory_are_refused():
    rates = torch.tensor([0.5], dtype=torch.float64)
    optimizer = made()
    optimizer.param_groups[0]["lr"], optimizer.param_groups[1]["lr"] = rates[0], rates[0]
    with pytest.raises(lr.PlanError, match=r"^lr of 'body' and of 'head' are two tensors on the same memory, so that a write to one is a "):
        PlanScheduler(optimizer, PLAN)
    assert rates.item() == 0.5


@pytest.mark.parametrize("mode", MODES)
def test_a_group_added_later(mode):
    scheduler = PlanScheduler(made(), PLAN, mode=mode)
    run(scheduler, 7)
    scheduler.optimizer.add_param_group({"params": [torch.zeros(1, dtype=torch.float64, requires_grad=True)], "name": "late"})
    scheduler.step()
    assert used(scheduler.optimizer) == planned(8, mode, (*NAMES, "body"))


@pytest.mark.parametrize("mode", MODES)
def test_groups_permuted_in_place(mode):
    scheduler = PlanScheduler(made(), PLAN, mode=mode)
    run(scheduler, 7)
    scheduler.optimizer.param_groups.reverse()
    scheduler.step()
    assert used(scheduler.optimizer) == planned(8, mode, NAMES[::-1])


@pytest.mark.parametrize("mode", MODES)
def test_groups_renamed_in_place(mode):
    scheduler = PlanScheduler(made(), PLAN, mode=mode)
    run(scheduler, 7)
    for group, name in zip(scheduler.optimizer.param_groups, NAMES[::-1], strict=True):
        group["name"] = name
    scheduler.step()
    assert used(scheduler.optimizer) == planned(8, mode, NAMES[::-1])


def test_a_group_that_gets_a_name():
    optimizer = made((None, "head"))
    scheduler = PlanScheduler(optimizer, lr.Plan(RATE, groups={"body|head": {"lr": 0.1 * RATE}}))
    assert used(optimizer) == [RATE(0), 0.1 * RATE(0)]
    optimizer.param_groups[0]["name"] = "body"
    scheduler.step()
    assert used(optimizer) == [0.1 * RATE(1), 0.1 * RATE(1)]


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("names", [(None, None), NAMES[::-1]], ids=["without names", "with others"])
def test_names_in_a_checkpoint(mode, names):
    scheduler = PlanScheduler(made(), PLAN, mode=mode)
    run(scheduler, 7)
    scheduler.optimizer.load_state_dict(through_a_file(made(names).state_dict()))
    assert used(scheduler.optimizer) == planned(7, mode, NAMES if names[0] is None else names)


@pytest.mark.parametrize("mode", MODES)
def test_the_hidden_update_of_distributed_checkpoints(mode):
    from torch.distributed.checkpoint.state_dict import get_optimizer_state_dict

    model = torch.nn.Linear(1, 1, bias=False).double()
    optimizer = SGD([{"params": model.parameters(), "name": "body"}], lr=0.5)
    scheduler = PlanScheduler(optimizer, RATE, mode=mode)
    get_optimizer_state_dict(model, optimizer)  # of a new optimizer: makes its state by an update with a rate of 0
    assert scheduler.last_epoch == 0
    scheduler.step()
    assert used(optimizer) == planned(1, mode)[:1]


# -- resuming ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("order", ["optimizer first", "scheduler first", "scheduler only", "made between"])
def test_the_first_update_after_resuming(mode, order):
    scheduler = PlanScheduler(made(), PLAN, mode=mode)
    run(scheduler, 7)
    state = through_a_file({"optimizer": scheduler.optimizer.state_dict(), "scheduler": scheduler.state_dict()})

    optimizer = made(rate=0.25)
    if order == "made between":
        optimizer.load_state_dict(state["optimizer"])
    resumed = PlanScheduler(optimizer, PLAN, mode=mode)
    if order == "optimizer first":
        optimizer.load_state_dict(state["optimizer"])
    resumed.load_state_dict(state["scheduler"])
    resumed.load_state_dict(state["scheduler"])
    if order == "scheduler first":
        optimizer.load_state_dict(state["optimizer"])
    for step in (7, 8, 9):
        assert used(optimizer) == planned(step, mode)
        resumed.step()
    assert resumed.base_lrs == [0.5, 0.5]  # what the groups held at the very start


def test_another_plan_is_in_force_after_the_optimizer_was_loaded_last():
    old = PlanScheduler(made(), PLAN)
    run(old, 7)
    state = through_a_file({"optimizer": old.optimizer.state_dict(), "scheduler": old.state_dict()})
    new = PlanScheduler(made(), lr.Plan(0.3), on_change="replace")
    new.load_state_dict(state["scheduler"])
    new.optimizer.load_state_dict(state["optimizer"])
    assert used(new.optimizer) == [0.3, 0.3]


def test_the_state_of_a_stock_scheduler_gives_the_step():
    stock = CosineAnnealingLR(made(), T_max=20)
    for _ in range(7):
        used(stock.optimizer)
        stock.step()
    scheduler = PlanScheduler(made(), PLAN)
    scheduler.load_state_dict(through_a_file(stock.state_dict()))
    assert used(scheduler.optimizer) == planned(7)
    assert scheduler.last_epoch == 7


def test_a_run_that_comes_from_another_framework_goes_on_continuously():
    """There its only group was called default."""
    state = lr.make_state(lr.Plan(RATE).bind(), 7)
    scheduler = PlanScheduler(made((None,)), lr.linear(1.0, 0.0, 100), on_change="rebase")
    scheduler.load_state_dict(state)
    assert used(scheduler.optimizer) == pytest.approx([RATE(7)], rel=1e-15)


# -- as the child of a SequentialLR ------------------------------------------------------------------------------------

FLAT = lr.Plan(lr.constant(0.4))


def sequential(kinds: str) -> SequentialLR:
    """p: a plan, f: a flat plan, c: torch's cosine, e: torch's exponential."""
    optimizer = made()
    parts = {
        "p": lambda: PlanScheduler(optimizer, PLAN), "f": lambda: PlanScheduler(optimizer, FLAT),
        "c": lambda: CosineAnnealingLR(optimizer, T_max=20), "e": lambda: ExponentialLR(optimizer, gamma=0.9),
    }  # fmt: skip
    return SequentialLR(optimizer, [parts[kind]() for kind in kinds], milestones=[4, 8][: len(kinds) - 1])


def test_children_take_over_in_turn():
    scheduler = sequential("fpf")
    for step in range(12):
        assert used(scheduler.optimizer) == (planned(step - 4) if 4 <= step < 8 else [0.4, 0.4])
        scheduler.step()


@pytest.mark.filterwarnings("ignore:Detected call of `lr_scheduler.step")  # torch's own children, before the first update
@pytest.mark.parametrize("steps", [0, 2, 4, 6, 8, 10])
@pytest.mark.parametrize("kinds", ["fpf", "pfp", "pc", "cp", "pec", "cpf"])
@pytest.mark.parametrize("optimizer_first", [True, False])
def test_a_sequence_resumes_with_the_rate_that_was_in_force(kinds, steps, optimizer_first):
    scheduler = sequential(kinds)
    for _ in range(steps):
        used(scheduler.optimizer)
        scheduler.step()
    state = through_a_file({"optimizer": scheduler.optimizer.state_dict(), "scheduler": scheduler.state_dict()})
    resumed = sequential(kinds)
    if optimizer_first:
        resumed.optimizer.load_state_dict(state["optimizer"])
    resumed.load_state_dict(state["scheduler"])
    if not optimizer_first:
        resumed.optimizer.load_state_dict(state["optimizer"])
    for _ in range(4):
        assert used(resumed.optimizer) == used(scheduler.optimizer)
        resumed.step()
        scheduler.step()


def test_inactive_children_restore_without_writing():
    scheduler = sequential("pf")
    state = scheduler.state_dict()
    resumed = sequential("pf")
    resumed.load_state_dict(state)
    assert used(resumed.optimizer) == planned(0)


def test_another_optimizer_gets_the_plan_if_it_has_the_groups_and_is_left_alone_if_not():
    scheduler = PlanScheduler(made(), PLAN)
    run(scheduler, 7)
    other, stranger = made(), made(("neck", "tail"))
    scheduler.optimizer = other
    scheduler.step()
    assert used(other) == planned(8)
    scheduler.optimizer = stranger
    with pytest.raises(lr.PlanError, match=r"^groups\['head'\] matches none of the groups 'neck', 'tail'\."):
        scheduler.step()
    assert used(stranger) == [0.5, 0.5]


# -- copies, cycles ----------------------------------------------------------------------------------------------------


def test_a_copy_drives_its_own_optimizer():
    scheduler = PlanScheduler(made(), PLAN)
    run(scheduler, 7)
    other = copy.deepcopy(scheduler)
    run(other, 2)
    assert used(scheduler.optimizer) == planned(7) and used(other.optimizer) == planned(9)


def test_nothing_keeps_a_scheduler_alive():
    import gc
    import weakref

    optimizer = made()
    scheduler = PlanScheduler(optimizer, PLAN)
    gone = weakref.ref(scheduler)
    gc.disable()
    try:
        del scheduler
        assert gone() is None
    finally:
        gc.enable()
    optimizer.load_state_dict(optimizer.state_dict())
    assert not optimizer._optimizer_load_state_dict_post_hooks


def test_adamw_with_betas_loaded_from_floats_into_views():
    up = lr.linear(0.8, 0.95, 20)
    optimizer = AdamW([torch.zeros(1, requires_grad=True)])
    state = copy.deepcopy(optimizer.state_dict())
    scheduler = PlanScheduler(optimizer, lr.Plan(RATE, beta1=up), mode="device")
    for _ in range(3):
        scheduler.step()
    optimizer.load_state_dict(state)
    optimizer.param_groups[0]["params"][0].grad = torch.ones(1)
    optimizer.step()
    beta1, beta2 = optimizer.param_groups[0]["betas"]
    assert (beta1.item(), beta2.item()) == (np.float32(up(3)), np.float32(0.999))
