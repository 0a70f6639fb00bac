"""transformers.Trainer: hand over the optimizer with its scheduler; accumulation and checkpoints follow the plan."""

import tempfile

import torch
from transformers import Trainer, TrainingArguments

import lrcore as lr
from lrcore_torch import PlanScheduler

UPDATES = 40
RATE = lr.wsd(0.01, warmup=0.1, decay=0.25, steps=UPDATES)


class Regression(torch.nn.Module):
    """Any module will do whose first output is the loss."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = torch.nn.Linear(8, 1)

    def forward(self, inputs: torch.Tensor, targets: torch.Tensor) -> tuple[torch.Tensor]:
        return (torch.nn.functional.mse_loss(self.layer(inputs), targets),)


examples = [{"inputs": torch.randn(8), "targets": torch.randn(1)} for _ in range(64)]


def train(folder: str, updates: int, resume: bool = False) -> Trainer:
    model = Regression()
    optimizer = torch.optim.AdamW(model.parameters())
    arguments = TrainingArguments(
        folder, max_steps=updates, save_steps=UPDATES // 2, per_device_train_batch_size=4, gradient_accumulation_steps=2,
        logging_steps=4, report_to="none", disable_tqdm=True, use_cpu=True,
    )  # fmt: skip
    trainer = Trainer(model, arguments, train_dataset=examples, optimizers=(optimizer, PlanScheduler(optimizer, RATE)))
    trainer.train(resume_from_checkpoint=resume)
    return trainer


with tempfile.TemporaryDirectory() as folder:
    train(folder, UPDATES // 2)
    print("resumed from the checkpoint")
    log = train(folder, UPDATES, resume=True).state.log_history

for entry in log:  # of both runs
    if "learning_rate" in entry:
        print(f"update {entry['step'] - 1}: rate {entry['learning_rate']:.6f}")  # the Trainer counts updates from 1
