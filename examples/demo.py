"""The main job, start to end: a plan, its table on disk, its picture, and a classifier trained with it."""

import argparse
import sys
import time
from pathlib import Path

import matplotlib as mpl
import torch
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from tqdm import tqdm

import lrcore as lr
from lrcore_torch import PlanScheduler

LAYERS = ["backbone.0", "backbone.1", "head"]
GROUPS = [*LAYERS, "no_decay"]
EPOCHS, BATCH = 30, 64


def make_plan(steps: int) -> lr.Plan:
    """Warmup and cosine, slower in each layer below the head; a weight decay that grows, and none for the biases."""
    base = lr.warmup_cosine(4e-3, warmup=0.1, steps=steps, stop=4e-5)
    layers = {name: {"lr": rate} for name, rate in lr.layerwise(base, 0.7, LAYERS).items()}
    return lr.Plan(base, weight_decay=lr.cosine(0.01, 0.1, steps), groups={**layers, "no_decay": {"weight_decay": 0.0}}, horizon=steps)


def write(table: lr.Table, plan: lr.Plan, path: Path) -> None:
    """Every row of a long run, in a file that opens memory-mapped."""
    steps = len(table)
    begin = time.perf_counter()
    with tqdm(total=steps, desc="writing", unit=" rows", unit_scale=True) as bar:
        table.save(path, progress=bar.update)
    seconds = time.perf_counter() - begin
    opened = lr.open_table(path, plan)
    assert (opened[steps - 1] == table[steps - 1]).all()
    print(f"{path}: {steps:,} rows x {len(table.columns)} columns, {path.stat().st_size / 2**20:.0f} MiB in {seconds:.2f} s")


class Digits(torch.nn.Module):
    """64 pixels, two layers, ten digits."""

    def __init__(self) -> None:
        super().__init__()
        self.backbone = torch.nn.ModuleList([torch.nn.Linear(64, 128), torch.nn.Linear(128, 128)])
        self.head = torch.nn.Linear(128, 10)

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        for layer in self.backbone:
            pixels = torch.relu(layer(pixels))
        return self.head(pixels)


def groups_of(model: Digits) -> list[dict]:
    """One group per layer for its weights, and one for all biases."""
    named = {name: [model.get_parameter(f"{name}.weight")] for name in LAYERS}
    named["no_decay"] = [parameter for name, parameter in model.named_parameters() if name.endswith("bias")]
    return [{"name": name, "params": parameters} for name, parameters in named.items()]


def train(epochs: int) -> float:
    """Test accuracy on a fifth of scikit-learn's 1,797 handwritten digits."""
    torch.manual_seed(0)
    torch.set_num_threads(1)  # batches this small lose more to waiting for a second thread than they win
    pixels, digits = load_digits(return_X_y=True)
    split = train_test_split(pixels / 16.0, digits, test_size=0.2, random_state=0, stratify=digits)
    seen, unseen, seen_digits, unseen_digits = (torch.tensor(part, dtype=torch.float32 if part.ndim == 2 else torch.long) for part in split)

    model = Digits()
    optimizer = torch.optim.AdamW(groups_of(model))
    updates = epochs * -(-len(seen) // BATCH)
    scheduler = PlanScheduler(optimizer, make_plan(updates))
    with tqdm(total=updates, desc="training", unit=" updates", mininterval=0.5) as bar:
        for _ in range(epochs):
            for batch in torch.randperm(len(seen)).split(BATCH):
                loss = torch.nn.functional.cross_entropy(model(seen[batch]), seen_digits[batch])
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                scheduler.step()
                bar.update()
            bar.set_postfix(loss=f"{loss.item():.3f}", lr=f"{scheduler.get_last_lr()[2]:.2e}")
    with torch.no_grad():
        return (model(unseen).argmax(dim=1) == unseen_digits).double().mean().item()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--short", action="store_true", help="a tenth of the table")
    parser.add_argument("--out", type=Path, default=Path("build/demo"), help="where the files go")
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    mpl.use("Agg")  # a picture in a file needs no display

    steps = 100_000 if arguments.short else 1_000_000
    plan = make_plan(steps)
    print(f"plan {plan.fingerprint[:12]} over {steps:,} steps")
    table = plan.bind(GROUPS).table(steps)
    print(table)
    write(table, plan, arguments.out / "table.npy")

    picture = arguments.out / "plan.png"
    plan.bind(GROUPS).plot(steps)[0].figure.savefig(picture, dpi=120)
    print(f"{picture}: the plan drawn")

    accuracy = train(EPOCHS)
    print(f"test accuracy {accuracy:.1%}")
    return 0 if accuracy > 0.95 else 1


if __name__ == "__main__":
    sys.exit(main())
