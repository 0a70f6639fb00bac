"""Accelerate prepares PlanScheduler: every update uses the plan's rates, over accumulation, checkpoints and processes."""

from __future__ import annotations

import pytest
import torch
from accelerate import Accelerator
from accelerate.state import AcceleratorState, GradientState, PartialState

from integration.applied import PLAN, Line, adamw, launch, planned, read, record
from lrcore_torch import PlanScheduler


@pytest.fixture(autouse=True)
def _fresh_state():
    """Accelerate keeps its state for the whole process; a test must not inherit another's accumulation."""
    yield
    for state in (AcceleratorState, GradientState, PartialState):
        state._reset_state()


def prepared(accumulated: int = 1, mode: str = "host"):
    model = Line()
    optimizer = adamw(model)
    applied = record(optimizer)
    accelerator = Accelerator(cpu=True, gradient_accumulation_steps=accumulated)
    batches = torch.utils.data.DataLoader(torch.randn(2 * accumulated * 20, 4), batch_size=2)
    return accelerator, *accelerator.prepare(model, optimizer, batches, PlanScheduler(optimizer, PLAN, mode=mode)), applied


def train(accelerator, model, optimizer, batches, scheduler, stop=None):
    for _, batch in zip(range(stop or len(batches)), batches, strict=False):
        with accelerator.accumulate(model):
            accelerator.backward(model(batch).square().mean())
            optimizer.step()
            scheduler.step()
            optimizer.zero_grad()


@pytest.mark.parametrize("accumulated", [1, 3])
def test_every_update_has_the_plans_rates(accumulated):
    *run, applied = prepared(accumulated)
    train(*run)
    assert applied == planned(20)


def test_a_saved_run_goes_on_with_the_plan(tmp_path, mode):
    *run, first = prepared(mode=mode)
    train(*run, stop=8)
    run[0].save_state(tmp_path / "at 8")
    *resumed, second = prepared(mode=mode)
    resumed[0].load_state(tmp_path / "at 8")
    train(*resumed, stop=12)
    assert first + second == planned(20, mode=mode)


WAYS = {
    # Accelerate calls step() once for each process, so that a schedule counts the batches of all
    "a call of step() for each process": ({}, {"steps_per_update": 2}),
    "batches that are split": ({"dataloader_config": "DataLoaderConfiguration(split_batches=True)"}, {}),
    "stepping by hand": ({"step_scheduler_with_optimizer": "False"}, {}),
}
SCRIPT = """
import json, os, sys
import torch
from accelerate import Accelerator
from accelerate.utils import DataLoaderConfiguration
from integration.applied import PLAN, Line, adamw, record
from lrcore_torch import PlanScheduler

model = Line()
optimizer = adamw(model)
applied = record(optimizer)
accelerator = Accelerator(cpu=True, gradient_accumulation_steps=2, OPTIONS)
assert accelerator.num_processes == 2
batches = torch.utils.data.DataLoader(torch.randn(160, 4), batch_size=4 if accelerator.split_batches else 2)
scheduler = PlanScheduler(optimizer, PLAN, **ARGUMENTS)
model, optimizer, batches, scheduler = accelerator.prepare(model, optimizer, batches, scheduler)
for batch in batches:
    with accelerator.accumulate(model):
        accelerator.backward(model(batch).square().mean())
        optimizer.step()
        if accelerator.step_scheduler_with_optimizer or accelerator.sync_gradients:
            scheduler.step()
        optimizer.zero_grad()
with open(f"{sys.argv[1]}/{accelerator.process_index}.json", "w") as file:
    json.dump(applied, file)
accelerator.end_training()
os._exit(0)  # threads of gloo that outlive the group can abort an orderly exit: pytorch issue 190489
"""


@pytest.mark.parametrize("way", WAYS)
def test_two_processes_both_have_the_plans_rates(tmp_path, way):
    options, arguments = WAYS[way]
    script = tmp_path / "train.py"
    written = ", ".join(f"{name}={value}" for name, value in options.items())
    script.write_text(SCRIPT.replace("OPTIONS", written).replace("ARGUMENTS", repr(arguments)))
    launch(script, tmp_path, processes=2)
    assert read(tmp_path / "0.json") == read(tmp_path / "1.json") == planned(20)
