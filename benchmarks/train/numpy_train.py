"""A network written by hand, with SGD and momentum: in NumPy on the CPU, in CuPy on a CUDA device."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np

import lrcore as lr
from lrcore_numpy import Stepper, table

from . import digits, plans
from .measure import Contender, Run, measured, run_of
from .rows import NotRunError, Row


def rows(device: str, short: bool) -> Iterator[Row]:
    """The rows of this backend, as they are measured. Raises NotRunError where CuPy, or its device, is missing."""
    run = run_of("mlp", device, short)
    like = Row(backend="numpy", model="mlp", step="python", groups=1, schedule="")
    yield from measured(like, contenders(arrays_of(device), run), run, reference="own formula")


def arrays_of(device: str) -> Any:
    """The module that has the arrays."""
    if device == "cpu":
        return np
    try:
        import cupy
    except ImportError:
        raise NotRunError("CuPy, which NumPy's code needs on a CUDA device, is not installed here.") from None
    try:
        cupy.cuda.runtime.getDeviceCount()
    except cupy.cuda.runtime.CUDARuntimeError as error:
        raise NotRunError(f"CuPy finds no CUDA device here: {error}.") from None
    return cupy


class Network:
    """The network of digits.py, its gradients by hand."""

    def __init__(self, xp: Any, steps: int) -> None:
        images, labels = digits.batches(steps)
        self.xp, self.made = xp, 0
        self.images, self.targets = xp.asarray(images), xp.asarray(np.eye(digits.DIGITS, dtype=np.float32)[labels])
        self.weights = [xp.asarray(array) for layer in digits.first_weights() for array in layer]
        self.moves = [xp.zeros_like(weight) for weight in self.weights]

    def train(self, rate: Any) -> None:
        """One update on the next batch. The rate: a float, or a float32 scalar on the device."""
        xp, weights, at = self.xp, self.weights, self.made % len(self.images)
        self.made += 1
        signals, active = [self.images[at]], []
        for weight, bias in zip(weights[:-2:2], weights[1:-2:2], strict=True):
            before = signals[-1] @ weight + bias
            active.append(before > 0)
            signals.append(xp.maximum(before, 0) + (signals[-1] if len(signals) > 1 else 0))
        scores = signals[-1] @ weights[-2] + weights[-1]
        odds = xp.exp(scores - scores.max(axis=1, keepdims=True))
        self.chances, self.target = odds / odds.sum(axis=1, keepdims=True), self.targets[at]

        error = (self.chances - self.target) / digits.BATCH
        gradients = [error.sum(axis=0), signals[-1].T @ error]  # from the last layer to the first
        back = error @ weights[-2].T
        for i in reversed(range(len(active))):
            inner = back * active[i]
            gradients += [inner.sum(axis=0), signals[i].T @ inner]
            if i:
                back = back + inner @ weights[2 * i].T
        for weight, move, gradient in zip(weights, self.moves, reversed(gradients), strict=True):
            move *= digits.MOMENTUM
            move += gradient
            weight -= rate * move

    def loss(self) -> float:
        """Cross entropy of the last batch."""
        return float(-self.xp.log((self.chances * self.target).sum(axis=1)).mean())


def own_formula(peak: float, steps: int) -> Callable[[int], float]:
    """What a person writes into the loop."""
    climb = plans.warmup(steps)

    def rate(step: int) -> float:
        if step < climb:
            return peak * (plans.START + (1 - plans.START) * step / climb)
        return peak * (1 + math.cos(math.pi * (step - climb) / (steps - climb))) / 2

    return rate


def contenders(xp: Any, run: Run) -> dict[str, Contender]:
    """Training at a constant rate, by a formula, with a Stepper, and from a table that was computed before."""
    curve = plans.warmup_cosine(digits.SGD_PEAK, run.steps)
    constant = lr.constant(digits.SGD_PEAK)
    whole = xp.asarray(table(curve, run.steps, dtype=np.float32).reshape(-1))
    made = {
        "constant": replace(contender(xp, run, lambda step: digits.SGD_PEAK, constant), schedule=None),
        "own formula": contender(xp, run, own_formula(digits.SGD_PEAK, run.steps), curve, tolerance=1e-6),
        "lrcore table": contender(xp, run, lambda step: whole[step % run.steps], curve),
    }
    return made | {"lrcore host": with_stepper(xp, run, curve)}


def contender(xp: Any, run: Run, rate_at: Callable[[int], Any], curve: lr.Schedule, tolerance: float = 0.0) -> Contender:
    """Training whose rate is a function of the step."""
    network = Network(xp, run.steps)
    now: list[Any] = [0, rate_at(0)]

    def next_rate() -> None:
        now[0] += 1
        now[1] = rate_at(now[0])

    def rewind() -> None:
        now[:] = 0, rate_at(0)

    return Contender(
        step=lambda: network.train(now[1]), schedule=next_rate, rewind=rewind, rates=lambda: on_host(now[1]), loss=network.loss,
        synchronise=waiting(xp), planned=curve.values(run.steps), tolerance=tolerance,
    )  # fmt: skip


def with_stepper(xp: Any, run: Run, curve: lr.Schedule) -> Contender:
    """Training with the binding's Stepper."""
    network, stepper = Network(xp, run.steps), Stepper(curve)
    return Contender(
        step=lambda: network.train(stepper.value), schedule=stepper.step, rewind=lambda: stepper.seek(0),
        rates=lambda: on_host(stepper.value), loss=network.loss, synchronise=waiting(xp), planned=curve.values(run.steps),
    )  # fmt: skip


def on_host(rate: Any) -> np.ndarray:
    """The rate, in the type in which the step uses it, as an array of NumPy's."""
    return np.asarray(rate.get() if hasattr(rate, "get") else rate).reshape(1)


def waiting(xp: Any) -> Callable[[], object]:
    """Wait for the device, where there is one."""
    return (lambda: None) if xp is np else xp.cuda.Device().synchronize
