"""Lightning and transformers bring the metric of every validation to a plan's rule, and its events survive their checkpoints."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import lightning
import pytest
import torch
from transformers import Trainer, TrainingArguments

import lrcore as lr
from integration.applied import PLAN, RATE, Line, adamw, record
from integration.test_lightning import loader
from integration.test_transformers import Model, Points
from lrcore_torch import PlanObserver, PlanScheduler, trainer_observer

pytestmark = [
    pytest.mark.filterwarnings(r"ignore:`isinstance\(treespec, LeafSpec\)` is deprecated:FutureWarning"),
    pytest.mark.filterwarnings("ignore:The '.*_dataloader' does not have many workers"),
]

EPOCH = 5
"""Updates between two validations."""
RULE = lr.ReduceLROnPlateau(factor=0.5, patience=0)
LOSSES = [3.0, 3.0, 2.0, 2.5]
"""What the validations give: the second and the last make an event."""
ADAPTED = lr.Plan(RATE, groups=dict(PLAN.groups), adapt=RULE)


def expected(count: int) -> list[list[float]]:
    """The rates of body and head at each update."""
    machine, rows = RULE.begin(), []
    for step in range(count):
        if step % EPOCH == 0 and step:
            machine.observe(LOSSES[step // EPOCH - 1], step)
        rows.append([machine.rate(RATE(step)), machine.rate((0.1 * RATE)(step))])
    return rows


def rates(applied: list[list[float]]) -> list[list[float]]:
    return [[row[0], row[2]] for row in applied]


# -- Lightning ---------------------------------------------------------------------------------------------------------


class Module(lightning.LightningModule):
    """As lrcore_torch's documentation has it: the plan's scheduler by step, and its observer with what to monitor."""

    def __init__(self) -> None:
        super().__init__()
        self.line = Line()

    def training_step(self, batch: list[torch.Tensor]) -> torch.Tensor:
        return self.line(batch[0]).square().mean()

    def validation_step(self, batch: list[torch.Tensor]) -> None:
        self.log("val_loss", LOSSES[self.global_step // EPOCH - 1])

    def configure_optimizers(self) -> Any:
        optimizer = adamw(self.line)
        self.applied = record(optimizer)
        scheduler = PlanScheduler(optimizer, ADAPTED)
        observer = {"scheduler": PlanObserver(scheduler), "monitor": "val_loss"}
        return [optimizer], [{"scheduler": scheduler, "interval": "step"}, observer]


def fit(folder: Path, updates: int, checkpoint: Path | None = None) -> tuple[Module, lightning.Trainer]:
    module = Module()
    trainer = lightning.Trainer(
        default_root_dir=folder, max_steps=updates, accelerator="cpu", devices=1, logger=False, enable_checkpointing=False,
        enable_progress_bar=False, enable_model_summary=False, num_sanity_val_steps=0,
    )  # fmt: skip
    trainer.fit(module, loader(), loader(), ckpt_path=checkpoint, weights_only=True if checkpoint else None)
    return module, trainer


def test_lightning_observes_every_validation(tmp_path):
    module, _ = fit(tmp_path, 20)
    assert rates(module.applied) == expected(20)


def test_lightnings_checkpoint_holds_the_events(tmp_path):
    first, half = fit(tmp_path, 2 * EPOCH)
    half.save_checkpoint(tmp_path / "half.ckpt")
    second, _ = fit(tmp_path, 20, tmp_path / "half.ckpt")
    assert rates(first.applied + second.applied) == expected(20)


# -- transformers ------------------------------------------------------------------------------------------------------


def trained(folder: Path, updates: int, metric: str = "eval_given", resume: Path | None = None) -> list[list[float]]:
    """What each update of a run used."""
    model = Model()
    optimizer = adamw(model)
    applied = record(optimizer)
    arguments = TrainingArguments(
        str(folder), max_steps=updates, per_device_train_batch_size=2, use_cpu=True, report_to="none", disable_tqdm=True,
        save_strategy="steps", save_steps=updates, eval_strategy="steps", eval_steps=EPOCH, dataloader_pin_memory=False,
        prediction_loss_only=False, label_names=["x"],
    )  # fmt: skip

    def given(_: Any) -> dict[str, float]:
        return {"given": LOSSES[trainer.state.global_step // EPOCH - 1]}

    trainer = Trainer(
        model, arguments, train_dataset=Points(), eval_dataset=Points(), compute_metrics=given,
        optimizers=(optimizer, PlanScheduler(optimizer, ADAPTED)), callbacks=[trainer_observer(metric)],
    )  # fmt: skip
    trainer.train(resume_from_checkpoint=str(resume) if resume else None)
    before = trainer.lr_scheduler.state_dict()
    trainer.evaluate()  # after training it is nobody's metric
    assert trainer.lr_scheduler.state_dict() == before
    return applied


def test_transformers_observes_every_evaluation(tmp_path):
    assert rates(trained(tmp_path, 20)) == expected(20)


def test_transformers_checkpoint_holds_the_events(tmp_path):
    first = trained(tmp_path, 2 * EPOCH)
    assert rates(first + trained(tmp_path, 20, resume=tmp_path / f"checkpoint-{2 * EPOCH}")) == expected(20)


def test_a_metric_that_no_evaluation_gives_is_named(tmp_path):
    with pytest.raises(lr.PlanError, match=r"^No evaluation gave 'eval_accuracy'\. Name one of these: .*eval_given.*\.$"):
        trained(tmp_path, 20, "eval_accuracy")
