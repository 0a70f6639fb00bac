"""A run planned for 100 updates is stopped after 60 and goes on with a plan for 200: at the new plan's rate, or from the old one."""

import os
import tempfile

import torch

import lrcore as lr
from lrcore_torch import PlanScheduler

torch.manual_seed(0)
x = torch.randn(64, 4)
y = x @ torch.randn(4, 1)


class Run:
    """What a new process makes: model, optimizer, scheduler."""

    def __init__(self, updates: int, on_change: lr.OnChange = "error") -> None:
        self.model = torch.nn.Linear(4, 1)
        self.optimizer = torch.optim.SGD(self.model.parameters(), momentum=0.9)
        self.scheduler = PlanScheduler(self.optimizer, lr.warmup_cosine(0.1, warmup=10, steps=updates), on_change=on_change)

    def train(self, until: int) -> None:
        while self.scheduler.last_epoch < until:
            self.optimizer.zero_grad()
            torch.nn.functional.mse_loss(self.model(x), y).backward()
            self.optimizer.step()
            self.scheduler.step()
            if self.scheduler.last_epoch % 20 == 0:
                self.show()

    def show(self) -> None:
        print(f"update {self.scheduler.last_epoch}: rate {self.scheduler.get_last_lr()[0]:.6f}")

    def save(self, path: str) -> None:
        torch.save({name: part.state_dict() for name, part in vars(self).items()}, f"{path}.next")
        os.replace(f"{path}.next", path)  # whoever is killed here leaves the old checkpoint or the new one

    def load(self, path: str) -> None:
        saved = torch.load(path, weights_only=True)
        for name, part in vars(self).items():
            part.load_state_dict(saved[name])


with tempfile.TemporaryDirectory() as folder:
    checkpoint = os.path.join(folder, "run.pt")

    first = Run(100)
    first.train(until=60)
    first.save(checkpoint)

    try:
        Run(200).load(checkpoint)
    except lr.StateError as error:
        print(f"\nWithout a word about the change:\n{error}")

    for on_change, meaning in {"replace": "the new plan as it is", "rebase": "the new plan, scaled to go on from the old rate"}.items():
        print(f"\non_change={on_change!r}, {meaning}:")
        longer = Run(200, on_change)
        longer.load(checkpoint)
        longer.show()
        longer.train(until=200)
