"""First use: a warmup and a cosine drive AdamW while a small network learns a parabola."""

import torch

import lrcore as lr
from lrcore_torch import PlanScheduler

UPDATES = 100

torch.manual_seed(0)
x = torch.linspace(-1, 1, 64).unsqueeze(1)
y = x**2

model = torch.nn.Sequential(torch.nn.Linear(1, 32), torch.nn.Tanh(), torch.nn.Linear(32, 1))
optimizer = torch.optim.AdamW(model.parameters())
rate = lr.warmup_cosine(0.02, warmup=10, steps=UPDATES)
scheduler = PlanScheduler(optimizer, rate)  # the rate of step 0 is in force from here on

for update in range(UPDATES):
    loss = torch.nn.functional.mse_loss(model(x), y)
    if update % 10 == 0:
        print(f"update {update}: rate {scheduler.get_last_lr()[0]:.6f}, loss {loss.item():.4f}")
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    scheduler.step()  # after each update
