"""torchrun with DistributedDataParallel, and torch.distributed.checkpoint: the plan's rates at every update, and after a resume."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.distributed.checkpoint as dcp
from torch.distributed.checkpoint.state_dict import get_state_dict, set_state_dict

import lrcore as lr
from integration.applied import PLAN, RATE, Line, adamw, launch, planned, read, record
from lrcore_torch import PlanScheduler

SCRIPT = """
import json, os, sys
import torch
import torch.distributed as dist
from integration.applied import PLAN, Line, adamw, record
from lrcore_torch import PlanScheduler

folder, begin, end = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
dist.init_process_group("gloo")
model = torch.nn.parallel.DistributedDataParallel(Line())
optimizer = adamw(model.module)
applied = record(optimizer)
scheduler = PlanScheduler(optimizer, PLAN)
if begin:
    saved = torch.load(f"{folder}/run.pt", weights_only=True)
    for name, part in {"model": model, "optimizer": optimizer, "scheduler": scheduler}.items():
        part.load_state_dict(saved[name])
for _ in range(begin, end):
    optimizer.zero_grad()
    model(torch.randn(2, 4)).square().mean().backward()
    optimizer.step()
    scheduler.step()
if dist.get_rank() == 0:
    torch.save({"model": model.state_dict(), "optimizer": optimizer.state_dict(), "scheduler": scheduler.state_dict()}, f"{folder}/run.pt")
with open(f"{folder}/{begin}.{dist.get_rank()}.json", "w") as file:
    json.dump(applied, file)
dist.destroy_process_group()
os._exit(0)  # threads of gloo that outlive the group can abort an orderly exit: pytorch issue 190489
"""


def test_torchrun_on_two_processes_then_on_one(tmp_path):
    script = tmp_path / "train.py"
    script.write_text(SCRIPT)
    launch(script, tmp_path, 0, 8, processes=2)
    launch(script, tmp_path, 8, 20, processes=1)
    assert read(tmp_path / "0.0.json") == read(tmp_path / "0.1.json") == planned(8)
    assert read(tmp_path / "8.0.json") == planned(12, start=8)


def made(plan: lr.Plan = PLAN, mode: str = "host"):
    model = Line()
    optimizer = adamw(model)
    return model, optimizer, PlanScheduler(optimizer, plan, mode=mode)


def train(model, optimizer, scheduler, updates):
    for _ in range(updates):
        optimizer.zero_grad()
        model(torch.randn(2, 4)).square().mean().backward()
        optimizer.step()
        scheduler.step()


def test_the_step_hidden_in_get_state_dict_is_not_counted(mode):
    model, optimizer, scheduler = made(mode=mode)
    train(model, optimizer, scheduler, 0)
    hidden = record(optimizer)
    get_state_dict(model, optimizer)  # a fresh optimizer has no state yet: this takes a step at rate 0 to make one
    assert [row[0] for row in hidden] == [0.0] and scheduler.last_epoch == 0
    applied = record(optimizer)
    train(model, optimizer, scheduler, 20)
    assert applied == planned(20, mode=mode)


FROZEN = lr.Plan(RATE, groups={"head": {"lr": None}})
RATES = {"all groups": (PLAN, 0.1 * RATE), "a frozen group": (FROZEN, lr.constant(0.5))}


# The sentence that names a single process as the intent; it is.
@pytest.mark.filterwarnings("ignore:torch.distributed is disabled, unavailable or uninitialized:UserWarning")
@pytest.mark.parametrize("case", RATES)
@pytest.mark.parametrize("scheduler_first", [False, True])
def test_a_saved_run_goes_on_with_the_plan(tmp_path, case, scheduler_first, mode):
    plan, head = RATES[case]
    model, optimizer, scheduler = made(plan, mode)
    first = record(optimizer)
    train(model, optimizer, scheduler, 8)
    weights, moments = get_state_dict(model, optimizer)
    dcp.save({"model": weights, "optimizer": moments, "scheduler": scheduler}, checkpoint_id=tmp_path)

    model, optimizer, scheduler = made(plan, mode)
    weights, moments = get_state_dict(model, optimizer)
    parts = {"model": weights, "optimizer": moments, "scheduler": scheduler}
    if scheduler_first:
        dcp.load({"scheduler": parts.pop("scheduler")}, checkpoint_id=tmp_path)
    dcp.load(parts, checkpoint_id=tmp_path)
    set_state_dict(model, optimizer, model_state_dict=weights, optim_state_dict=moments)
    assert scheduler.last_epoch == 8
    second = record(optimizer)
    train(model, optimizer, scheduler, 12)
    rates = np.array([[RATE(step), head(step)] for step in range(20)])
    assert [row[::2] for row in first + second] == rates.astype(np.float64 if mode == "host" else np.float32).tolist()


@pytest.mark.filterwarnings("ignore:torch.distributed is disabled, unavailable or uninitialized:UserWarning")
@pytest.mark.parametrize("on_change", ["error", "replace"])
def test_a_plan_with_other_groups_and_fields_meets_an_old_checkpoint(tmp_path, on_change):
    """Which looks for the keys of the new state: a state has the same keys whatever its plan is."""
    model, optimizer, scheduler = made(PLAN)
    train(model, optimizer, scheduler, 8)
    dcp.save({"scheduler": scheduler}, checkpoint_id=tmp_path)

    model, optimizer, _ = made(PLAN)
    longer = lr.Plan(2.0 * RATE, weight_decay=0.5 * RATE)
    scheduler = PlanScheduler(optimizer, longer, on_change=on_change)
    if on_change == "error":
        with pytest.raises(lr.StateError, match="made with another plan"):
            dcp.load({"scheduler": scheduler}, checkpoint_id=tmp_path)
        return
    dcp.load({"scheduler": scheduler}, checkpoint_id=tmp_path)
    assert [group["lr"] for group in optimizer.param_groups] == [(2.0 * RATE)(8)] * len(optimizer.param_groups)
