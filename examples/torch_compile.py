"""Device mode: rates are tensors updated in place, so a compiled optimizer step is not compiled again when they change."""

import torch

import lrcore as lr
from lrcore_torch import PlanScheduler

UPDATES = 100

torch.manual_seed(0)
x = torch.linspace(-1, 1, 64).unsqueeze(1)
y = x**2

model = torch.nn.Sequential(torch.nn.Linear(1, 32), torch.nn.Tanh(), torch.nn.Linear(32, 1))
optimizer = torch.optim.SGD(model.parameters(), lr=torch.tensor(0.02), momentum=0.9)
rate = lr.warmup_cosine(0.02, warmup=10, steps=UPDATES)
scheduler = PlanScheduler(optimizer, rate, mode="device")


@torch.compile
def update_weights() -> None:
    optimizer.step()
    scheduler.advance()  # inside the compiled step; outside of it, scheduler.step()


for update in range(UPDATES):
    loss = torch.nn.functional.mse_loss(model(x), y)
    if update % 10 == 0:
        print(f"update {update}: rate {scheduler.get_last_lr()[0]:.6f}, loss {loss.item():.4f}")
    optimizer.zero_grad()
    loss.backward()
    update_weights()
    if update == 1:  # momentum made its buffers in the first update, so the second may compile once more
        torch.compiler.set_stance("fail_on_recompile")
