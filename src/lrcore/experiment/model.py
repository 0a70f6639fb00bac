"""What all frameworks are given alike: first weights, the order of the images, and how an answer is scored."""

from __future__ import annotations

from typing import NamedTuple, Protocol

import numpy as np

_WEIGHTS, _ORDER = 0, 1  # streams of random numbers of one seed that have nothing to do with each other


class Weights(NamedTuple):
    """Of the hidden layer and of the last one, float32: matrices (inputs, outputs), and biases."""

    hidden: np.ndarray
    hidden_bias: np.ndarray
    last: np.ndarray
    last_bias: np.ndarray


class Learner(Protocol):
    """A model in training under one plan, in one framework."""

    def train(self, order: np.ndarray) -> float:
        """Train on the images once, in this order; the rate that the last update used."""

    def answers(self) -> tuple[np.ndarray, np.ndarray]:
        """The logits for the images of the training and of the test part, float32 (images, classes)."""

    def observe(self, loss: float) -> None:
        """Feed the rule of the plan, if it has one."""


def first_weights(pixels: int, hidden: int, classes: int, seed: int) -> Weights:
    """Uniform within sqrt(6 / (inputs + outputs)), as Keras's Dense begins (Glorot and Bengio, 2010), and biases of 0.

    >>> [part.shape for part in first_weights(64, 128, 10, seed=0)]
    [(64, 128), (128,), (128, 10), (10,)]
    """
    draw = np.random.default_rng([seed, _WEIGHTS])

    def matrix(inputs: int, outputs: int) -> np.ndarray:
        bound = (6 / (inputs + outputs)) ** 0.5
        return draw.uniform(-bound, bound, (inputs, outputs)).astype(np.float32)

    return Weights(matrix(pixels, hidden), np.zeros(hidden, np.float32), matrix(hidden, classes), np.zeros(classes, np.float32))


def order_of(images: int, seed: int, epoch: int) -> np.ndarray:
    """The order of the images in an epoch, int64; batches are cut off it from the front."""
    return np.random.default_rng([seed, _ORDER, epoch]).permutation(images)


def score(logits: np.ndarray, labels: np.ndarray) -> tuple[float, float]:
    """Mean cross-entropy, and the fraction of right answers; NaN both where a logit is NaN or infinite.

    >>> score(np.array([[0.0, 0.0], [50.0, 0.0]]), np.array([0, 1]))
    (25.346573590279974, 0.5)
    """
    if not np.isfinite(logits).all():
        return float("nan"), float("nan")
    wide = logits.astype(np.float64)
    wide -= wide.max(axis=1, keepdims=True)
    losses = np.log(np.exp(wide).sum(axis=1)) - wide[np.arange(len(labels)), labels]
    return float(losses.mean()), float((logits.argmax(axis=1) == labels).mean())
