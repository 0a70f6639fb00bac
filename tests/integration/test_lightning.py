"""lightning.Trainer drives PlanScheduler: every update uses the plan's rates, over checkpoints, averaging and the rate finder."""

from __future__ import annotations

import csv
import math
from pathlib import Path
from typing import Any

import lightning
import pytest
import torch
from lightning.pytorch.callbacks import Callback, LearningRateMonitor, StochasticWeightAveraging
from lightning.pytorch.loggers import CSVLogger
from lightning.pytorch.tuner import Tuner
from torch.optim.lr_scheduler import LambdaLR, LRScheduler

from integration.applied import NAMES, PLAN, Line, adamw, planned, record
from lrcore_torch import PlanScheduler

pytestmark = [
    # Lightning 2.6 uses what torch 2.13 deprecates
    pytest.mark.filterwarnings(r"ignore:`isinstance\(treespec, LeafSpec\)` is deprecated:FutureWarning"),
    # advice on speed and on logging, of no use for ten batches
    pytest.mark.filterwarnings("ignore:The '.*_dataloader' does not have many workers"),
    # the batches are random: which of them come again after resuming within an epoch does not matter
    pytest.mark.filterwarnings("ignore:You're resuming from a checkpoint that ended before the epoch ended"),
]

EPOCH = 5
"""Batches of an epoch."""


class Module(lightning.LightningModule):
    """The two layers, and the scheduler as Lightning's documentation has it."""

    lr = 0.3  # what the rate finder wants to find and set

    def __init__(self, mode: str = "host", **config: Any) -> None:
        super().__init__()
        self.line, self.mode, self.config, self.applied = Line(), mode, config, []

    def training_step(self, batch: list[torch.Tensor]) -> torch.Tensor:
        return self.line(batch[0]).square().mean()

    def schedule(self, optimizer: torch.optim.Optimizer) -> LRScheduler:
        return PlanScheduler(optimizer, PLAN, mode=self.mode)

    def configure_optimizers(self) -> dict[str, Any]:
        optimizer = adamw(self.line)
        self.applied = record(optimizer)
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": self.schedule(optimizer), **self.config}}


def loader() -> torch.utils.data.DataLoader:
    return torch.utils.data.DataLoader(torch.utils.data.TensorDataset(torch.randn(2 * EPOCH, 4)), batch_size=2)


def trainer(folder: Path, updates: int, callbacks: tuple[Callback, ...] = (), epochs: int = -1, **options: Any) -> lightning.Trainer:
    return lightning.Trainer(
        default_root_dir=folder, max_steps=updates, max_epochs=epochs, accelerator="cpu", devices=1, callbacks=list(callbacks),
        **{"logger": False, "enable_checkpointing": False, **options},
        enable_progress_bar=False, enable_model_summary=False, log_every_n_steps=1,
    )  # fmt: skip


@pytest.mark.parametrize("accumulated", [1, 2])
def test_every_update_has_the_plans_rates(tmp_path, accumulated, mode):
    module = Module(mode, interval="step")
    trainer(tmp_path, 23, accumulate_grad_batches=accumulated).fit(module, loader())
    assert module.applied == planned(23, mode=mode)


def test_the_default_interval_is_the_epoch(tmp_path):
    module = Module()
    trainer(tmp_path, 4 * EPOCH).fit(module, loader())
    assert module.applied == [row for row in planned(4) for _ in range(EPOCH)]


def test_the_monitor_logs_the_plans_rates(tmp_path):
    logger = CSVLogger(tmp_path)
    monitor = LearningRateMonitor("step", log_momentum=True)
    trainer(tmp_path, 20, (monitor,), logger=logger).fit(Module(interval="step"), loader())
    with (Path(logger.log_dir) / "metrics.csv").open() as file:
        rows = list(csv.DictReader(file))
    columns = [f"lr-AdamW/{name}{part}" for name in NAMES for part in ("", "-momentum")]
    assert [[float(row[column]) for column in columns] for row in rows] == planned(20)


@pytest.mark.parametrize("at", [EPOCH, 7], ids=["between epochs", "within an epoch"])
def test_resuming_from_a_checkpoint_goes_on_with_the_plan(tmp_path, at, mode):
    first, second = Module(mode, interval="step"), Module(mode, interval="step")
    half = trainer(tmp_path, at)
    half.fit(first, loader())
    half.save_checkpoint(tmp_path / "half.ckpt")
    trainer(tmp_path, 20).fit(second, loader(), ckpt_path=tmp_path / "half.ckpt", weights_only=True)
    assert first.applied + second.applied == planned(20, mode=mode)


class Stock(Module):
    """The same rates by torch's own LambdaLR, which leaves the betas alone."""

    def schedule(self, optimizer: torch.optim.Optimizer) -> LRScheduler:
        for group in optimizer.param_groups:
            group["lr"] = group["initial_lr"] = 1.0
        return LambdaLR(optimizer, [lambda step, column=column: planned(1, step)[0][column] for column in (0, 2)])


def test_weight_averaging_takes_over_as_it_does_from_a_stock_scheduler(tmp_path):
    ran = {}
    for kind in (Module, Stock):
        module = kind(interval="epoch")  # the only one at which Lightning averages
        averaging = StochasticWeightAveraging(0.05, swa_epoch_start=2, annealing_epochs=1)
        trainer(tmp_path, 4 * EPOCH, (averaging,), epochs=4).fit(module, loader())
        ran[kind] = [[row[0], row[2]] for row in module.applied]
    assert ran[Module] == ran[Stock]
    assert ran[Module][: 2 * EPOCH] == [[row[0], row[2]] for row in planned(2) for _ in range(EPOCH)]
    assert ran[Module][-1] == [0.05, 0.05]


def test_the_rate_finder_leaves_the_plan_in_force(tmp_path):
    module = Module(interval="step")
    using = trainer(tmp_path, 20)
    found = Tuner(using).lr_find(module, loader(), num_training=10, early_stop_threshold=None)
    assert math.isfinite(found.results["lr"][-1])
    using.fit(module, loader())
    assert module.applied == planned(20)
