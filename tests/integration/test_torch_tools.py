"""torch's own tools around a scheduler: averaged weights with SWALR, and gradient scaling that skips updates."""

from __future__ import annotations

import pytest
import torch
from torch.optim.swa_utils import SWALR, AveragedModel

from integration.applied import PLAN, RATE, Line, adamw, planned, record
from lrcore_torch import PlanScheduler


def loss_of(model: torch.nn.Module) -> torch.Tensor:
    return model(torch.ones(2, 4)).square().mean()


def test_swalr_and_the_plan_take_turns(mode):
    model = Line()
    optimizer = adamw(model)
    applied = record(optimizer)
    scheduler = PlanScheduler(optimizer, PLAN, mode=mode)
    averaged, averaging = AveragedModel(model), SWALR(optimizer, swa_lr=0.01, anneal_epochs=2)
    for epoch in range(12):
        optimizer.zero_grad()
        loss_of(model).backward()
        optimizer.step()
        if epoch % 6 < 3:
            scheduler.step()
        else:
            averaged.update_parameters(model)
            averaging.step()
    ours = planned(7, mode=mode)
    assert applied[:4] == ours[:4] and applied[7:10] == ours[4:7]  # the plan stands still while SWALR has the groups
    assert [row[::2] for row in applied[5:7]] == [pytest.approx([0.01, 0.01])] * 2
    assert averaged.n_averaged == 6


@pytest.mark.parametrize("bad", [{0}, {3, 4}, set()], ids=str)
def test_an_update_that_the_scaler_skips_does_not_advance_the_plan(bad, mode):
    model = Line()
    optimizer = adamw(model)
    applied = record(optimizer)
    scheduler = PlanScheduler(optimizer, PLAN, mode=mode)
    scaler = torch.amp.GradScaler("cpu", init_scale=8.0, growth_interval=4)
    for batch in range(20 + len(bad)):
        optimizer.zero_grad()
        scaler.scale(loss_of(model) * (torch.inf if batch in bad else 1.0)).backward()
        scaler.step(optimizer)
        scale = scaler.get_scale()
        scaler.update()
        if scaler.get_scale() >= scale:  # it falls exactly when gradients were not finite, and then no update was made
            scheduler.step()
    assert applied == planned(20, mode=mode)
    assert scheduler.last_epoch == 20


@pytest.mark.parametrize("bad", [{0}, {3, 4}], ids=str)
def test_advance_looks_at_the_scalers_findings_itself(bad):
    weight = torch.ones(4, requires_grad=True)
    optimizer = torch.optim.SGD([weight], lr=1.0)
    scheduler = PlanScheduler(optimizer, RATE, mode="device")
    scaler = torch.amp.GradScaler("cpu", init_scale=8.0)
    moved = []
    for batch in range(20 + len(bad)):
        optimizer.zero_grad()
        before = weight.detach().clone()
        scaler.scale(weight.sum() * (torch.inf if batch in bad else 1.0)).backward()
        scaler.unscale_(optimizer)
        (found_inf,) = scaler._found_inf_per_device(optimizer).values()  # torch has no public name for it
        scaler.step(optimizer)
        scheduler.advance(found_inf)
        scaler.update()
        moved.append((before - weight.detach())[0].item())
    used = [rate for batch, rate in enumerate(moved) if batch not in bad]
    assert used == pytest.approx([RATE(step) for step in range(20)], abs=1e-6)
    assert scheduler.last_epoch == 20
