"""Fine-tuning a small vision transformer: each layer learns 0.75 times as fast as the one above it, norms and biases do not decay."""

import torch

import lrcore as lr
from lrcore_torch import PlanScheduler, layer_names, param_groups

UPDATES, DEPTH = 50, 4


class SmallViT(torch.nn.Module):
    """Patches of an image, a few encoder blocks, and a head."""

    def __init__(self) -> None:
        super().__init__()
        self.embed = torch.nn.Conv2d(3, 32, kernel_size=4, stride=4)
        blocks = (torch.nn.TransformerEncoderLayer(32, nhead=4, dim_feedforward=64, batch_first=True) for _ in range(DEPTH))
        self.blocks = torch.nn.ModuleList(blocks)
        self.head = torch.nn.Linear(32, 10)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        tokens = self.embed(images).flatten(2).transpose(1, 2)
        for block in self.blocks:
            tokens = block(tokens)
        return self.head(tokens.mean(dim=1))


torch.manual_seed(0)
model = SmallViT()
groups = param_groups(model, rules={"^embed": "embed", "^head": "head"}, layers=r"blocks\.(\d+)")
base = lr.warmup_cosine(1e-3, warmup=10, steps=UPDATES)
rates = lr.layerwise(base, 0.75, layer_names(groups))
plan = lr.Plan(
    weight_decay=0.05,
    groups={name: {"lr": rate} for name, rate in rates.items()}
    | {f"{name}.no_decay": {"lr": rate, "weight_decay": 0.0} for name, rate in rates.items()},
)
optimizer = torch.optim.AdamW(groups)
scheduler = PlanScheduler(optimizer, plan)
print(f"{len(groups)} groups: {', '.join(group['name'] for group in groups)}")

images, labels = torch.randn(8, 3, 16, 16), torch.randint(10, (8,))
for update in range(UPDATES):
    if update in (10, 30):
        for name, values in scheduler.current().items():
            print(f"update {update} of {name}: rate {values['lr']:.8f}, weight decay {values['weight_decay']}")
    optimizer.zero_grad()
    torch.nn.functional.cross_entropy(model(images), labels).backward()
    optimizer.step()
    scheduler.step()
