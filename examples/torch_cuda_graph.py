"""A whole training step in one CUDA graph, its rates included: replaying it never waits for the host, and never has an old rate."""

import torch

import lrcore as lr
from lrcore_torch import PlanScheduler

UPDATES, WARMING = 100, 3
DEVICE = torch.device("cuda" if torch.cuda.is_available() else "cpu")

torch.manual_seed(0)
x = torch.linspace(-1, 1, 64, device=DEVICE).unsqueeze(1)
y = x**2

model = torch.nn.Sequential(torch.nn.Linear(1, 32), torch.nn.Tanh(), torch.nn.Linear(32, 1)).to(DEVICE)
optimizer = torch.optim.AdamW(model.parameters(), lr=torch.tensor(0.02, device=DEVICE), capturable=DEVICE.type == "cuda")
rate = lr.warmup_cosine(0.02, warmup=10, steps=UPDATES)
scheduler = PlanScheduler(optimizer, rate, mode="device")


def train() -> None:
    optimizer.zero_grad()
    torch.nn.functional.mse_loss(model(x), y).backward()
    optimizer.step()
    scheduler.advance()


def captured(step):
    """The step as a graph, after a few ordinary ones on a side stream, as torch asks."""
    side = torch.cuda.Stream()
    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side):
        for _ in range(WARMING):
            step()
    torch.cuda.current_stream().wait_stream(side)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        step()
    return graph.replay


if DEVICE.type == "cuda":
    replay = captured(train)
    scheduler.seek(0)  # forget the warming
else:
    print("no CUDA device: the same step, without a graph")
    replay = train

for update in range(UPDATES):
    if update % 10 == 0:
        print(f"update {update}: rate {scheduler.get_last_lr()[0]:.6f}")
    replay()
