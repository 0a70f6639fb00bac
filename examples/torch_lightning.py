"""Lightning: the scheduler steps with each update, over two runs of which the second resumes the first, and a monitor logs its rates."""

import csv
import tempfile
from pathlib import Path

import lightning
import torch
from lightning.pytorch.callbacks import LearningRateMonitor
from lightning.pytorch.loggers import CSVLogger
from torch.utils.data import DataLoader, TensorDataset

import lrcore as lr
from lrcore_torch import PlanScheduler

UPDATES = 40
PLAN = lr.Plan(lr.one_cycle(0.1, steps=UPDATES), beta1=lr.one_cycle_momentum(UPDATES))


class Regression(lightning.LightningModule):
    def __init__(self) -> None:
        super().__init__()
        self.model = torch.nn.Linear(8, 1)

    def training_step(self, batch: list[torch.Tensor]) -> torch.Tensor:
        inputs, targets = batch
        return torch.nn.functional.mse_loss(self.model(inputs), targets)

    def configure_optimizers(self) -> dict:
        optimizer = torch.optim.AdamW(self.parameters())
        # Lightning steps a scheduler once per epoch unless it is told otherwise
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": PlanScheduler(optimizer, PLAN), "interval": "step"}}


def fit(folder: str, updates: int, checkpoint: Path | None = None) -> lightning.Trainer:
    logger, monitor = CSVLogger(folder), LearningRateMonitor("step", log_momentum=True)
    trainer = lightning.Trainer(
        max_steps=updates, max_epochs=-1, logger=logger, callbacks=[monitor], log_every_n_steps=1, default_root_dir=folder,
        accelerator="cpu", enable_progress_bar=False, enable_model_summary=False,
    )  # fmt: skip
    batches = DataLoader(TensorDataset(torch.randn(160, 8), torch.randn(160, 1)), batch_size=8)
    trainer.fit(Regression(), batches, ckpt_path=checkpoint, weights_only=True)
    for row in list(csv.DictReader((Path(logger.log_dir) / "metrics.csv").open()))[::5]:
        print(f"update {row['step']}: rate {float(row['lr-AdamW']):.6f}, beta1 {float(row['lr-AdamW-momentum']):.4f}")
    return trainer


with tempfile.TemporaryDirectory() as folder:
    checkpoint = Path(folder) / "half.ckpt"
    fit(folder, UPDATES // 2).save_checkpoint(checkpoint)
    print("resumed from the checkpoint")
    fit(folder, UPDATES, checkpoint)
