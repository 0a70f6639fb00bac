"""The finder in torch: real training steps, after which nothing can be told from before; and rates that a grid search confirms."""

from __future__ import annotations

import os
import pickle
import random
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

import digits
import lrcore as lr
from lrcore_torch import PlanScheduler, find_lr

IMAGES, LABELS = torch.from_numpy(digits.IMAGES[digits.SEEN]), torch.from_numpy(digits.LABELS[digits.SEEN])
DATA = TensorDataset(IMAGES, LABELS)
OPTIMIZERS = {
    "SGD": lambda groups: torch.optim.SGD(groups, lr=0.1),
    "momentum": lambda groups: torch.optim.SGD(groups, lr=0.1, momentum=0.9),
    "Adam": lambda groups: torch.optim.Adam(groups, lr=1e-3, amsgrad=True),
    "tensor rate": lambda groups: torch.optim.AdamW(groups, lr=torch.tensor(1e-3), foreach=False),
}
RULES = ("steepest", "minimum_tenth", "valley", "slide")
cross_entropy = nn.functional.cross_entropy


class Net(nn.Module):
    """Batch normalisation, dropout, a tied weight, a frozen one, buffers of its own, and a step at which it fails."""

    def __init__(self, failing: int | None = None, error: type[BaseException] = RuntimeError) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Linear(64, 32), nn.BatchNorm1d(32), nn.ReLU(), nn.Dropout(0.2), nn.Linear(32, 32))
        self.again, self.head = self.body[4], nn.Linear(32, 10)
        self.head.bias.requires_grad_(False)
        self.register_buffer("mean", torch.zeros(32))
        self.register_buffer("spread", torch.ones(1).expand(32))
        self.calls, self.failing, self.error = 0, failing, error

    def forward(self, x: Tensor) -> Tensor:
        self.calls += 1
        if self.calls == self.failing:
            raise self.error("at this step")
        hidden = self.again(self.body(x)) * self.spread
        self.mean = 0.9 * self.mean + 0.1 * hidden.detach().mean(0)  # a new tensor in the place of the old one
        return self.head(hidden + 0.1 * random.random() + 0.1 * np.random.random())  # noqa: NPY002


def made(optimizer: str, updates: int, **options: Any) -> tuple[Net, torch.optim.Optimizer, DataLoader]:
    """A model and its optimizer after some updates, with gradients that are still there."""
    torch.manual_seed(0)
    model = Net(**options)
    groups = [{"params": model.body.parameters(), "name": "body"}, {"params": model.head.parameters(), "name": "head"}]
    optimizing = OPTIMIZERS[optimizer](groups)
    for i in range(updates):
        optimizing.zero_grad()
        cross_entropy(model(IMAGES[i : i + 64]), LABELS[i : i + 64]).backward()
        optimizing.step()
    model.calls = 0
    return model, optimizing, DataLoader(DATA, batch_size=64, shuffle=True, generator=torch.Generator().manual_seed(3))


def photograph(*objects: Any) -> tuple[dict[str, Any], dict[str, int]]:
    """Everything that can be seen of models, optimizers and loaders, as bytes; and which objects hold it."""
    look, identity = {}, {}

    def see(path: str, value: Any) -> None:
        if isinstance(value, Tensor):
            identity[path] = id(value)
            look[path] = (value.dtype, value.shape, value.detach().numpy().tobytes())
            see(f"{path}.grad", value.grad if value.is_leaf else None)
        elif isinstance(value, torch.Generator):
            look[path] = value.get_state().numpy().tobytes()
        elif isinstance(value, dict | list):
            identity[path] = id(value)
            look[path] = (
                list(map(str, value)) if isinstance(value, dict) and not any(isinstance(key, Tensor) for key in value) else len(value)
            )
            for i, (key, item) in enumerate(value.items() if isinstance(value, dict) else enumerate(value)):
                see(f"{path}[{i if isinstance(key, Tensor) else key}]", item)
        elif isinstance(value, bool | int | float | str | tuple | None):
            look[path] = pickle.dumps(value)

    for i, each in enumerate(objects):
        for name, part in each.named_modules() if isinstance(each, nn.Module) else [("", each)]:
            see(f"{i}.{name}", {key: value for key, value in vars(part).items() if key != "_modules"})
            identity.pop(f"{i}.{name}")
    look["random"] = (random.getstate(), pickle.dumps(np.random.get_state()), torch.get_rng_state().numpy().tobytes())  # noqa: NPY002
    return look, identity


def differences(before: tuple[dict[str, Any], dict[str, int]], *objects: Any) -> list[str]:
    after = photograph(*objects)
    return [path for old, new in zip(before, after, strict=True) for path in old.keys() | new.keys() if old.get(path) != new.get(path)]


# -- everything as before


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("updates", [0, 3])
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_leaves_no_trace(name, updates, training):
    model, optimizer, loader = made(name, updates)
    model.train(training)
    before = photograph(model, optimizer, loader, loader.sampler)
    test = find_lr(model, optimizer, cross_entropy, loader, steps=30, repeats=2, progress=False)
    assert not differences(before, model, optimizer, loader, loader.sampler)
    assert len(test.runs) == 2 and test.runs[0] != test.runs[1] and test.curve()[1].min() < 0.98 * test.curve()[1][0]


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt, torch.OutOfMemoryError])
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_leaves_no_trace_after_an_error(name, error):
    model, optimizer, loader = made(name, 3, failing=7, error=error)
    before = photograph(model, optimizer, loader, loader.sampler)
    with pytest.raises(error, match="at this step"):
        find_lr(model, optimizer, cross_entropy, loader, progress=False)
    assert not differences(before, model, optimizer, loader, loader.sampler)


@pytest.mark.parametrize("place", ["parameter", "buffer", "gradient", "state", "rate", "mode", "random", "sampler"])
def test_that_test_can_fail(place):
    model, optimizer, loader = made("Adam", 3)
    before = photograph(model, optimizer, loader, loader.sampler)
    changes = {
        "parameter": lambda: model.head.bias.data.add_(1), "buffer": lambda: model.body[1].running_mean.add_(1),
        "gradient": lambda: model.head.weight.grad.add_(1), "state": lambda: optimizer.state[model.head.weight]["exp_avg"].add_(1),
        "rate": lambda: optimizer.param_groups[1].update(lr=1), "mode": lambda: model.body[3].eval(), "random": random.random,
        "sampler": lambda: loader.generator.seed(),
    }  # fmt: skip
    changes[place]()
    assert differences(before, model, optimizer, loader, loader.sampler)


INTERRUPTED = """
import os, signal, sys, time
import test_torch_finder as t

class Slow(t.Net):
    def forward(self, x):
        if self.calls == 7:
            print("ready", flush=True)
        if self.calls >= 7:
            time.sleep(60)
        return super().forward(x)

t.Net = Slow
model, optimizer, loader = t.made("momentum", 3)
before = t.photograph(model, optimizer, loader, loader.sampler)
try:
    t.find_lr(model, optimizer, t.cross_entropy, loader, progress=False)
except KeyboardInterrupt:
    print("interrupted", t.differences(before, model, optimizer, loader, loader.sampler))
"""


def test_leaves_no_trace_after_ctrl_c():
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([os.path.dirname(__file__), *filter(None, sys.path)])}
    with subprocess.Popen([sys.executable, "-c", INTERRUPTED], stdout=subprocess.PIPE, text=True, env=environment) as running:
        assert running.stdout.readline() == "ready\n"
        running.send_signal(signal.SIGINT)
        assert running.communicate(timeout=60)[0] == "interrupted []\n"


def test_a_ctrl_c_while_things_are_put_back_waits_until_they_are():
    class Interrupting(random.Random):
        done = False

        def setstate(self, state: Any) -> None:
            signal.raise_signal(signal.SIGINT)
            super().setstate(state)
            self.done = True

    model, optimizer, loader = made("momentum", 3, failing=7)
    loader.interrupting = Interrupting(0)
    handler, before = signal.getsignal(signal.SIGINT), photograph(model, optimizer, loader)
    with pytest.raises(KeyboardInterrupt):
        find_lr(model, optimizer, cross_entropy, loader, progress=False)
    assert loader.interrupting.done and not differences(before, model, optimizer, loader)
    assert signal.getsignal(signal.SIGINT) is handler


# JAX warns at every fork of a process that has loaded it, as other tests may have here; the workers do not use it.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning", "ignore:os.fork:RuntimeWarning")
@pytest.mark.parametrize("workers", [0, 2])
def test_an_iterator_that_is_in_use_loses_no_batch(workers):
    def batches(tested: bool) -> list[Tensor]:
        torch.manual_seed(0)
        model, optimizer, _ = made("SGD", 0)
        loader = DataLoader(DATA, batch_size=100, shuffle=True, num_workers=workers, persistent_workers=bool(workers))
        seen = []
        for i, (images, _) in enumerate(loader):
            seen.append(images)
            assert len(seen) <= 14  # one whose loader begins again would never end
            if tested and i == 2:
                find_lr(model, optimizer, cross_entropy, loader, steps=20, progress=False)
        return seen + [images for images, _ in loader]

    without, within = batches(False), batches(True)
    assert len(without) == len(within) == 28 and all(map(torch.equal, without, within))


def test_training_goes_on_as_if_nothing_had_been():
    def weights(tested: bool) -> list[bytes]:
        model, optimizer, loader = made("Adam", 3)
        scheduler = PlanScheduler(optimizer, lr.warmup_cosine(1e-2, warmup=5, steps=40))
        for epoch in range(2):
            for images, labels in loader:
                optimizer.zero_grad()
                cross_entropy(model(images), labels).backward()
                optimizer.step()
                scheduler.step()
            if tested and epoch == 0:
                find_lr(model, optimizer, cross_entropy, loader, steps=20, progress=False)
        return [tensor.detach().numpy().tobytes() for tensor in model.state_dict().values()]

    random.seed(0)
    np.random.seed(0)  # noqa: NPY002
    plain = weights(False)
    random.seed(0)
    np.random.seed(0)  # noqa: NPY002
    assert weights(True) == plain


# -- what is trained


class Watched(torch.optim.SGD):
    """Remembers the rates of its steps, and the gradients it was given."""

    def step(self, closure: Any = None) -> Any:
        used.append([float(group["lr"]) for group in self.param_groups])
        given.append(self.param_groups[0]["params"][0].grad.clone())
        return super().step(closure)


used: list[list[float]] = []
given: list[Tensor] = []


@pytest.fixture(autouse=True)
def _nothing_used():
    used.clear()
    given.clear()


@pytest.mark.parametrize(("own", "shares"), [((0.1, 0.1), (1, 1)), ((0.1, 0.01), (1, 0.1)), ((0.0, 0.0), (1, 1)), ((0.2, 0.0), (1, 0))])
def test_every_step_has_its_rate_and_groups_their_proportions(own, shares):
    model = nn.Sequential(nn.Linear(1, 1), nn.Linear(1, 1))
    optimizer = Watched([{"params": layer.parameters(), "lr": rate} for layer, rate in zip(model, own, strict=True)])
    batch = (torch.ones(2, 1), torch.ones(2, 1))
    test = find_lr(model, optimizer, nn.functional.mse_loss, [batch], start=1e-6, stop=1e-2, steps=5, progress=False)
    np.testing.assert_allclose(used, np.outer(np.geomspace(1e-6, 1e-2, 5), shares), rtol=1e-12)
    assert [rate for rate, _ in test.runs[0]] == pytest.approx(np.geomspace(1e-6, 1e-2, 5).tolist())
    assert [group["lr"] for group in optimizer.param_groups] == list(own)


def linear() -> tuple[nn.Linear, Watched]:
    model = nn.Linear(1, 1, bias=False)
    nn.init.ones_(model.weight)
    return model, Watched(model.parameters(), lr=0.1)


def test_accumulation_is_one_step_with_the_mean_of_its_batches():
    model, optimizer = linear()
    loader = [(torch.tensor([[x]]), torch.zeros(1, 1)) for x in (1.0, 2.0, 3.0)]
    test = find_lr(model, optimizer, nn.functional.mse_loss, loader, start=1e-9, stop=1e-8, steps=4, accumulation=3, progress=False)
    assert [loss for _, loss in test.runs[0]] == pytest.approx([14 / 3] * 4, rel=1e-5)
    np.testing.assert_allclose([gradient.item() for gradient in given], 2 * 14 / 3, rtol=1e-5)


def test_a_repeat_starts_from_the_same_weights_with_the_next_batches():
    model, optimizer = linear()
    loader = [(torch.tensor([[x]]), torch.zeros(1, 1)) for x in (1.0, 2.0, 3.0, 4.0)]
    test = find_lr(model, optimizer, nn.functional.mse_loss, loader, start=1e-9, stop=1e-8, steps=3, repeats=2, progress=False)
    assert [round(loss) for run in test.runs for _, loss in run] == [1, 4, 9, 16, 1, 4]


def test_stops_when_the_loss_diverges():
    model, optimizer = linear()
    test = find_lr(model, optimizer, nn.functional.mse_loss, [(torch.ones(4, 1), torch.zeros(4, 1))], stop=1e4, progress=False)
    assert test.diverged == (True,) and len(test.runs[0]) == len(used) < 100


@pytest.mark.parametrize(
    ("batch", "loss"),
    [
        ((torch.ones(2, 1), torch.zeros(2, 1)), nn.functional.mse_loss),
        ([torch.ones(2, 1), torch.zeros(2, 1)], nn.MSELoss()),
        ({"input": torch.ones(2, 1)}, lambda output, batch: (output * batch["input"]).square().mean()),
    ],
)
def test_takes_batches_of_several_kinds(batch, loss):
    model, optimizer = linear()
    test = find_lr(model, optimizer, loss, [batch], start=1e-9, stop=1e-8, steps=3, progress=False)
    assert [round(value, 5) for _, value in test.runs[0]] == [1, 1, 1]


def test_a_loss_with_weights_is_put_back_too():
    class Learned(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.scale = nn.Parameter(torch.ones(1))

        def forward(self, output: Tensor, target: Tensor) -> Tensor:
            return (self.scale * (output - target)).square().mean()

    model, loss = nn.Linear(1, 1), Learned()
    optimizer = torch.optim.SGD([*model.parameters(), *loss.parameters()], lr=0.1)
    before = photograph(model, loss, optimizer)
    find_lr(model, optimizer, loss, [(torch.ones(2, 1), torch.zeros(2, 1))], progress=False)
    assert not differences(before, model, loss, optimizer)


def test_shows_a_bar_if_it_is_wanted(capfd):
    model, optimizer = linear()
    for progress in (False, True):
        find_lr(model, optimizer, nn.functional.mse_loss, [(torch.ones(2, 1), torch.ones(2, 1))], steps=3, repeats=2, progress=progress)
        shown = capfd.readouterr().err
        assert ("range test" in shown and "6/6" in shown) == progress


# -- rates that are good


UPDATES = 300
TRAINED = {  # an optimizer, and a grid of peaks of a one_cycle about the best of them
    "SGD": (lambda parameters: torch.optim.SGD(parameters), np.geomspace(0.1, 10.0, 7)),
    "momentum": (lambda parameters: torch.optim.SGD(parameters, momentum=0.9), np.geomspace(0.01, 1.0, 7)),
    "Adam": (lambda parameters: torch.optim.Adam(parameters), np.geomspace(0.001, 0.1, 7)),
}


@pytest.fixture(autouse=True)
def _one_thread():
    """Networks this small are slower on several, and wait for each other."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def network(seed: int) -> nn.Sequential:
    torch.manual_seed(seed)
    return nn.Sequential(nn.Linear(64, digits.HIDDEN), nn.Tanh(), nn.Linear(digits.HIDDEN, 10))


def trained(name: str, peak: float, seed: int) -> float:
    """The loss on digits that were not trained on."""
    model = network(seed)
    optimizer = TRAINED[name][0](model.parameters())
    scheduler = PlanScheduler(optimizer, lr.one_cycle(peak, steps=UPDATES))
    for chosen in np.random.default_rng(seed).integers(0, len(LABELS), (UPDATES, digits.BATCH)):
        optimizer.zero_grad()
        cross_entropy(model(IMAGES[chosen]), LABELS[chosen]).backward()
        optimizer.step()
        scheduler.step()
    with torch.no_grad():
        unseen = model(torch.from_numpy(digits.IMAGES[digits.UNSEEN]))
    return cross_entropy(unseen, torch.from_numpy(digits.LABELS[digits.UNSEEN])).item()


@pytest.mark.parametrize("name", TRAINED)
def test_suggestions_are_within_a_factor_of_3_of_the_best_of_a_grid_search(name):
    """Those of `steepest` and `valley`, of three runs. docs/finder.md says why `minimum_tenth` and `slide` do not promise it."""
    optimizer, grid = TRAINED[name]
    found = [np.mean([trained(name, peak, seed) for seed in range(3)]) for peak in grid]
    best = grid[np.argmin(found)]
    assert best not in (grid[0], grid[-1])
    model = network(3)
    loader = DataLoader(DATA, batch_size=digits.BATCH, shuffle=True, drop_last=True)
    test = find_lr(model, optimizer(model.parameters()), cross_entropy, loader, repeats=3, progress=False)
    print(name, best, *test.suggestions.values(), sep="\n  ")
    for suggested in ("steepest", "valley"):
        assert best / 3 <= test[suggested].rate <= best * 3


def test_the_example(tmp_path):
    example = Path(__file__).parents[1] / "examples" / "torch_find_lr.py"
    done = subprocess.run([sys.executable, example], capture_output=True, text=True, cwd=tmp_path, timeout=240, check=True)
    assert re.findall(r"^(\w+): \S+, 3 runs within \S+ decades$", done.stdout, re.MULTILINE) == list(RULES)
    assert float(re.search(r"^accuracy (\S+)% ", done.stdout, re.MULTILINE).group(1)) > 90
    assert (tmp_path / "range_test.png").stat().st_size > 10_000


# -- what is refused


def call(**changes: Any) -> Any:
    model, optimizer = linear()
    arguments = {"model": model, "optimizer": optimizer, "loss": nn.functional.mse_loss, "loader": [(torch.ones(2, 1), torch.ones(2, 1))]}
    return find_lr(**(arguments | {"progress": False} | changes))


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"model": 1}, "find_lr takes a torch.nn.Module, got int."),
        ({"optimizer": 1}, "find_lr takes a torch optimizer, got int."),
        ({"loss": 1}, "find_lr takes a function of output and target as its loss, got int."),
        ({"loader": 1}, "find_lr takes a loader that can be iterated, got int."),
        (
            {"loader": iter([(torch.ones(2, 1), torch.ones(2, 1))])},
            "loader: expected something that can be iterated again and again, got 'list_iterator'. Pass the DataLoader itself: what the "
            "test takes from an iterator would be lost to who reads it next.",
        ),
        ({"loader": []}, "loader: expected at least one batch, got 0."),
        (
            {"loader": [torch.ones(2, 1)]},
            "loader: expected batches that are mappings, or tuples of inputs and a target, got 'Tensor'. Wrap the loader.",
        ),
        (
            {"loss": lambda output, target: output - target},
            "loss: expected a function that returns a tensor of one element, got 'a tensor of shape (2, 1)'. Take the mean over the batch.",
        ),
        (
            {"loss": lambda output, target: 1.0},
            "loss: expected a function that returns a tensor of one element, got 'float'. Take the mean over the batch.",
        ),
        (
            {"model": nn.LazyLinear(1)},
            "model: expected parameters that have their shapes, got 'weight without one'. Call the model on a batch first.",
        ),
        ({"steps": 1}, "steps: expected an integer from 2 to 1000000000, got 1."),
        ({"repeats": 0}, "repeats: expected an integer >= 1, got 0."),
        ({"accumulation": True}, "accumulation: expected an integer >= 1, got True."),
        ({"start": 0}, "start: expected a number above 0, up to 1e300, got 0."),
        ({"start": 1, "stop": 0.1}, "stop: expected a number above start, 1.0, got 0.1."),
        ({"smoothing": 2}, "smoothing: expected a number from 0 up to 1, 1 not included, got 2.0."),
    ],
)
def test_refused_with_a_sentence(changes, sentence):
    with pytest.raises((lr.SpecError, TypeError)) as error:
        call(**changes)
    assert str(error.value) == sentence
