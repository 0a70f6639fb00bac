"""One training run, for every framework: handwritten digits, a small network, its first weights, its batches and its plan."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from sklearn.datasets import load_digits

import lrcore as lr

UPDATES, BATCH, HIDDEN = 300, 64, 32
RATE = lr.warmup_cosine(0.3, warmup=30, steps=UPDATES, stop=1e-3)
PLAN = lr.Plan(RATE, momentum=lr.linear(0.8, 0.95, UPDATES))

_images, _labels = load_digits(return_X_y=True)
IMAGES, LABELS = (_images / 16).astype(np.float32), _labels.astype(np.int64)
SEEN, UNSEEN = slice(0, 1_400), slice(1_400, None)


def first_weights() -> list[np.ndarray]:
    """(64, HIDDEN), (HIDDEN,), (HIDDEN, 10), (10,) in float32."""
    random = np.random.default_rng(0)
    shapes = ((64, HIDDEN), (HIDDEN,), (HIDDEN, 10), (10,))
    return [(random.normal(0, 0.15, shape) if len(shape) == 2 else np.zeros(shape)).astype(np.float32) for shape in shapes]


def batches() -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """The images and labels of every update."""
    random = np.random.default_rng(1)
    for _ in range(UPDATES):
        chosen = random.integers(0, SEEN.stop, BATCH)
        yield IMAGES[chosen], LABELS[chosen]


def accuracy(weights: list[np.ndarray]) -> float:
    """Of the digits that were not trained on."""
    hidden = np.tanh(IMAGES[UNSEEN] @ weights[0] + weights[1])
    return float(np.mean((hidden @ weights[2] + weights[3]).argmax(axis=1) == LABELS[UNSEEN]))


def trained_in_numpy() -> tuple[list[np.ndarray], list[float]]:
    """The weights at the end, and the rates that were used: the run that the others are compared with."""
    from lrcore_numpy import Stepper

    weights, stepper, rates = [weight.astype(np.float64) for weight in first_weights()], Stepper(PLAN), []
    moves = [np.zeros_like(weight) for weight in weights]
    for images, labels in batches():
        hidden = np.tanh(images @ weights[0] + weights[1])
        scores = hidden @ weights[2] + weights[3]
        odds = np.exp(scores - scores.max(axis=1, keepdims=True))
        error = (odds / odds.sum(axis=1, keepdims=True) - np.eye(10)[labels]) / len(labels)
        back = error @ weights[2].T * (1 - hidden**2)
        values = stepper.current()["default"]
        for i, gradient in enumerate((images.T @ back, back.sum(axis=0), hidden.T @ error, error.sum(axis=0))):
            moves[i] = values["momentum"] * moves[i] + gradient
            weights[i] -= values["lr"] * moves[i]
        rates.append(values["lr"])
        stepper.step()
    return weights, rates
