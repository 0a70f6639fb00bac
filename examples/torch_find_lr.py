"""Find a learning rate for handwritten digits, look at the picture of it, and train with the schedule that it proposes."""

import sklearn.datasets
import torch
from torch.utils.data import DataLoader, TensorDataset

from lrcore_torch import PlanScheduler, find_lr

torch.manual_seed(0)
torch.set_num_threads(1)
digits = sklearn.datasets.load_digits()
images, labels = torch.from_numpy(digits.data / 16).float(), torch.from_numpy(digits.target)
loader = DataLoader(TensorDataset(images[:1400], labels[:1400]), batch_size=64, shuffle=True, drop_last=True)

model = torch.nn.Sequential(torch.nn.Linear(64, 32), torch.nn.Tanh(), torch.nn.Linear(32, 10))
optimizer = torch.optim.SGD(model.parameters(), momentum=0.9)
loss = torch.nn.CrossEntropyLoss()

test = find_lr(model, optimizer, loss, loader, repeats=3)  # the model and everything else are as before
print(*test.suggestions.values(), sep="\n")
test.plot().figure.savefig("range_test.png", dpi=150)

rate = test.propose(15 * len(loader))
scheduler = PlanScheduler(optimizer, rate)
for _ in range(15):
    for x, y in loader:
        optimizer.zero_grad()
        loss(model(x), y).backward()
        optimizer.step()
        scheduler.step()
right = (model(images[1400:]).argmax(1) == labels[1400:]).float().mean()
print(f"accuracy {right:.1%} on digits that were not trained on, with a peak of {rate(round(0.3 * rate.span)):.3g}")
