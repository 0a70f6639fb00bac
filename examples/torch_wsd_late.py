"""Warm up, hold, and decide late when to decay: here, as soon as the loss has not improved for ten updates."""

import torch

import lrcore as lr
from lrcore_torch import PlanScheduler

DECAY = 30  # updates from the decision to the end

torch.manual_seed(0)
x = torch.randn(256, 8)
y = x @ torch.randn(8, 1)

model = torch.nn.Linear(8, 1)
optimizer = torch.optim.SGD(model.parameters())
stable = lr.wsd(0.3, warmup=10)  # no end: it holds until somebody decides
scheduler = PlanScheduler(optimizer, stable)

best, since, end = float("inf"), 0, None
while scheduler.last_epoch != end:
    batch = torch.randint(256, (16,))
    loss = torch.nn.functional.mse_loss(model(x[batch]), y[batch] + 0.5 * torch.randn(16, 1))
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    scheduler.step()
    if scheduler.last_epoch % 5 == 0:
        print(f"update {scheduler.last_epoch}: rate {scheduler.get_last_lr()[0]:.6f}")

    best, since = (loss.item(), 0) if loss.item() < best else (best, since + 1)
    if end is None and since == 10:
        now = scheduler.last_epoch
        end = now + DECAY
        print(f"decided at update {now}: down to 0 by update {end}")
        scheduler.replace(stable.override(at=now, stop=0.0, steps=DECAY))

print(f"in force at the end: {scheduler.get_last_lr()[0]}")
