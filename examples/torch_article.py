"""A PyTorch article's script with one import changed: the commented line is the article's, the line below it is ours."""

import torch

# from torch.optim.lr_scheduler import StepLR
from lrcore_torch.lr_scheduler import StepLR

model = torch.nn.Linear(10, 2)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
scheduler = StepLR(optimizer, step_size=3, gamma=0.5)

for epoch in range(10):
    # the batches of an epoch would go here
    optimizer.step()
    print(f"Epoch {epoch + 1}: learning rate {scheduler.get_lr()[0]:.6f}")
    scheduler.step()
