"""transformers.Trainer drives PlanScheduler: every update uses the plan's rates, over accumulation, checkpoints and its log."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import Trainer, TrainingArguments

from integration.applied import PLAN, Line, adamw, planned, record
from lrcore_torch import PlanScheduler


class Model(Line):
    """What the Trainer wants of a model: the loss comes first."""

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor]:
        return (super().forward(x).square().mean(),)


class Points(torch.utils.data.Dataset):
    def __len__(self) -> int:
        return 10

    def __getitem__(self, i: int) -> dict[str, torch.Tensor]:
        return {"x": torch.full((4,), float(i))}


def trained(
    folder: Path, updates: int, mode: str = "host", resume: Path | None = None, **options: Any
) -> tuple[list[list[float]], Trainer]:
    """What each update of a run used, and its trainer."""
    model = Model()
    optimizer = adamw(model)
    applied = record(optimizer)
    arguments = TrainingArguments(
        str(folder), max_steps=updates, per_device_train_batch_size=2, use_cpu=True, report_to="none", disable_tqdm=True,
        save_strategy="steps", save_steps=updates, logging_steps=1, dataloader_pin_memory=False, **options,
    )  # fmt: skip
    trainer = Trainer(model, arguments, train_dataset=Points(), optimizers=(optimizer, PlanScheduler(optimizer, PLAN, mode=mode)))
    trainer.train(resume_from_checkpoint=str(resume) if resume else None)
    return applied, trainer


@pytest.mark.parametrize("accumulated", [1, 2])
def test_every_update_has_the_plans_rates(tmp_path, accumulated):
    applied, trainer = trained(tmp_path, 20, gradient_accumulation_steps=accumulated)
    assert applied == planned(20)
    logged = [entry["learning_rate"] for entry in trainer.state.log_history if "learning_rate" in entry]
    assert logged == [row[0] for row in planned(20)]


def test_resuming_from_a_checkpoint_goes_on_with_the_plan(tmp_path, mode):
    first, _ = trained(tmp_path, 8, mode)
    second, trainer = trained(tmp_path, 20, mode, tmp_path / "checkpoint-8")
    assert first + second == planned(20, mode=mode)
    assert trainer.lr_scheduler.last_epoch == 20


def test_the_checkpoint_is_plain_data(tmp_path):
    trained(tmp_path, 8)
    state = torch.load(tmp_path / "checkpoint-8" / "scheduler.pt", weights_only=True)
    assert state["step"] == 8
