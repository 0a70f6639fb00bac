"""The experiment in PyTorch: an ordinary model, an ordinary optimizer, and a PlanScheduler that writes its rate."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np

from ..plan import Plan
from .contenders import GROUP, PEAK
from .data import Split
from .model import Weights
from .setup import Setup

try:
    import torch
    from torch.nn import functional
except ImportError as error:
    raise ImportError('The experiment runs in PyTorch, which is not installed. Install it with pip install "lrcore[torch]".') from error

from lrcore_torch import PlanScheduler


def classifier(weights: Weights) -> torch.nn.Module:
    """Pixels, a hidden layer with ReLU, and a logit for each class; on the CPU, with the weights given."""
    # without the layers' own first weights, whose draw would touch torch's random state
    sizes = [weights.hidden.shape, weights.last.shape]
    hidden, last = (torch.nn.utils.skip_init(torch.nn.Linear, *size) for size in sizes)  # type: ignore[no-untyped-call]
    with torch.no_grad():
        for layer, matrix, bias in ((hidden, weights.hidden, weights.hidden_bias), (last, weights.last, weights.last_bias)):
            layer.weight.copy_(torch.from_numpy(matrix.T))
            layer.bias.copy_(torch.from_numpy(bias))
    return torch.nn.Sequential(hidden, torch.nn.ReLU(), last)


def solver_of(model: torch.nn.Module, setup: Setup) -> torch.optim.Optimizer:
    """The optimizer of a setup, with one group; where a plan has no rate of its own, the rate of the setup holds."""
    groups = [{"name": GROUP, "params": list(model.parameters())}]
    rate = PEAK if setup.rate is None else setup.rate
    if setup.solver in ("sgd", "momentum"):
        return torch.optim.SGD(groups, lr=rate, momentum=0.9 if setup.solver == "momentum" else 0.0, fused=True)
    if setup.solver == "adam":
        return torch.optim.Adam(groups, lr=rate, eps=1e-7, fused=True)
    return torch.optim.AdamW(groups, lr=rate, eps=1e-7, weight_decay=0.01, fused=True)


class TorchLearner:
    """A `model.Learner` in PyTorch, on the CPU."""

    def __init__(self, setup: Setup, plan: Plan, split: Split, weights: Weights) -> None:
        self._images, self._labels = torch.from_numpy(split.train_images), torch.from_numpy(split.train_labels)
        self._unseen = torch.from_numpy(split.test_images)
        self._batch = setup.batch
        self._model = classifier(weights)
        self._optimizer = solver_of(self._model, setup)
        self._scheduler = PlanScheduler(self._optimizer, plan)
        self._adapts = plan.adapt is not None

    def train(self, order: np.ndarray) -> float:
        """One epoch, one `scheduler.step()` after each update."""
        shuffled = torch.from_numpy(order)
        batches = zip(*(torch.split(part[shuffled], self._batch) for part in (self._images, self._labels)), strict=True)
        with one_thread():
            for images, labels in batches:
                functional.cross_entropy(self._model(images), labels).backward()  # type: ignore[no-untyped-call]
                self._optimizer.step()
                self._optimizer.zero_grad()
                used = self._optimizer.param_groups[0]["lr"]
                self._scheduler.step()
        return float(used)

    def answers(self) -> tuple[np.ndarray, np.ndarray]:
        """Logits of the training and of the test part."""
        with torch.no_grad(), one_thread():
            return self._model(self._images).numpy(), self._model(self._unseen).numpy()

    def observe(self, loss: float) -> None:
        """The metric of the plan's rule."""
        if self._adapts:
            self._scheduler.observe(loss)


@contextmanager
def one_thread() -> Iterator[None]:
    """Batches this small lose more to waiting for a second thread than they win; and sums are then the same on every machine."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)
