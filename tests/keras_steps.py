"""What the tests of lrcore_keras share: training steps whose rates can be read off their weights, compiled by the backend there is."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np

BACKEND = keras.backend.backend()

Steps = Sequence[int]
"""A step for each optimizer."""


class Probe:
    """Optimizers without momentum, each on a weight of its own that is 0 and has the gradient 1: an update leaves the rate, negated.

    All are updated in one compiled function of the backend, as a hand-written training loop has it.
    """

    def __init__(self, rates: Sequence[Any], jit: bool = True) -> None:
        self.optimizers = [keras.optimizers.SGD(rate) for rate in rates]
        self.weights = [keras.Variable(0.0) for _ in rates]
        for optimizer, weight in zip(self.optimizers, self.weights, strict=True):
            optimizer.build([weight])
        self._update = {"tensorflow": self._tensorflow, "jax": self._jax, "torch": self._torch}[BACKEND](jit)

    def rates(self, steps: Steps) -> np.ndarray:
        """The rate that each optimizer uses at its step."""
        return -np.array([float(weight) for weight in self._update(steps)])

    def _tensorflow(self, jit: bool) -> Callable[[Steps], Sequence[Any]]:
        import tensorflow as tf

        @tf.function(jit_compile=jit)
        def update() -> None:
            for optimizer, weight in zip(self.optimizers, self.weights, strict=True):
                with tf.GradientTape() as tape:
                    loss = 1.0 * weight.value
                optimizer.apply([tape.gradient(loss, weight.value)], [weight])

        def updated(steps: Steps) -> Sequence[Any]:
            self._place(steps)
            update()
            return self.weights

        return updated

    def _jax(self, jit: bool) -> Callable[[Steps], Sequence[Any]]:
        import jax

        def update(counts: Any) -> Any:
            return [
                optimizer.stateless_apply([count], [1.0], [0.0])[0][0] for optimizer, count in zip(self.optimizers, counts, strict=True)
            ]

        compiled = jax.jit(update) if jit else update
        return lambda steps: compiled([np.int32(step) for step in steps])

    def _torch(self, jit: bool) -> Callable[[Steps], Sequence[Any]]:
        import torch

        def update() -> None:
            for optimizer, weight in zip(self.optimizers, self.weights, strict=True):
                optimizer.apply([torch.ones(())], [weight])

        def updated(steps: Steps) -> Sequence[Any]:
            self._place(steps)
            update()
            return [weight.value.detach() for weight in self.weights]

        return updated

    def _place(self, steps: Steps) -> None:
        for optimizer, weight, step in zip(self.optimizers, self.weights, steps, strict=True):
            optimizer._iterations.assign(step)
            weight.assign(0.0)


def model_of(optimizer: Any, jit_compile: bool | str = "auto") -> Any:
    """A model of one weight, 0 at first, whose gradient is 1."""
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1, use_bias=False, kernel_initializer="zeros")])
    model.compile(optimizer, loss=lambda _, prediction: keras.ops.mean(prediction), jit_compile=jit_compile)
    return model


def weight_of(model: Any) -> float:
    return float(model.get_weights()[0][0, 0])


def go_on(model: Any, batches: int = 1, **options: Any) -> Any:
    """Train for some batches with `fit`; returns what it does."""
    ones = np.ones((batches, 1), "float32")
    return model.fit(ones, ones, batch_size=1, verbose=0, shuffle=False, **options)


def rate_at(model: Any, step: int) -> float:
    """The rate of a training step of `fit`, read off the weight."""
    model.set_weights([np.zeros((1, 1))])
    model.optimizer._iterations.assign(step)
    go_on(model)
    return -weight_of(model)
