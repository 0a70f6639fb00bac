"""A run planned for 100 updates is stopped after 60 and goes on with a plan for 200: at the new plan's rate, or from the old one."""

import tempfile
from pathlib import Path

import torch

import lrcore as lr
from lrcore_torch import PlanScheduler


def start(updates: int, on_change: lr.OnChange = "error") -> PlanScheduler:
    """A new process would do this: model, optimizer, scheduler."""
    model = torch.nn.Linear(4, 1)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    return PlanScheduler(optimizer, lr.warmup_cosine(0.1, warmup=10, steps=updates), on_change=on_change)


def train(scheduler: PlanScheduler, until: int) -> None:
    while scheduler.last_epoch < until:
        scheduler.optimizer.step()
        scheduler.step()
        if scheduler.last_epoch % 20 == 0:
            print(f"update {scheduler.last_epoch}: rate {scheduler.get_last_lr()[0]:.6f}")


with tempfile.TemporaryDirectory() as folder:
    checkpoint = Path(folder) / "run.pt"

    first = start(100)
    train(first, until=60)
    torch.save(first.state_dict(), checkpoint)

    try:
        start(200).load_state_dict(torch.load(checkpoint))
    except lr.StateError as error:
        print(f"\nWithout a word about the change:\n{error}")

    for on_change, meaning in {"replace": "the new plan as it is", "rebase": "the new plan, scaled to go on from the old rate"}.items():
        print(f"\non_change={on_change!r}, {meaning}:")
        longer = start(200, on_change)
        longer.load_state_dict(torch.load(checkpoint))
        print(f"update {longer.last_epoch}: rate {longer.get_last_lr()[0]:.6f}")
        train(longer, until=200)
