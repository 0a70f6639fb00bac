"""The experiment in Keras: a compiled model, `fit`, and an optimizer with the plan attached, on the backend that the process has."""

from __future__ import annotations

import os
import sys
from contextlib import AbstractContextManager, nullcontext
from importlib import import_module
from importlib.util import find_spec
from typing import Any

import numpy as np

from ..plan import Plan
from .contenders import PEAK
from .data import Split
from .model import Weights
from .setup import Setup

ENGINES = ("torch", "jax", "tensorflow")
"""Backends of Keras, in the order they are tried."""


def _load() -> None:
    """Load Keras, on the backend of KERAS_BACKEND, else on the first one that is installed; the environment stays as it is."""
    if find_spec("keras") is None:
        raise ImportError('The experiment runs in Keras, which is not installed. Install it with pip install "lrcore[keras,torch]".')
    if "keras" in sys.modules or "KERAS_BACKEND" in os.environ:
        return
    engine = next((name for name in ENGINES if find_spec(name)), None)
    if engine is None:
        raise ImportError('Keras has no backend to run on. Install one with pip install "lrcore[keras,torch]".')
    os.environ["KERAS_BACKEND"] = engine
    try:
        import_module("keras")
    finally:
        del os.environ["KERAS_BACKEND"]


_load()

import keras  # noqa: E402  (what follows needs the backend that has been chosen)

from lrcore_keras import attach, observe  # noqa: E402


def classifier(weights: Weights) -> Any:
    """Pixels, a hidden layer with ReLU, and a logit for each class, with the weights given; not compiled."""
    inputs, hidden = weights.hidden.shape
    sizes = (hidden, "relu"), (weights.last.shape[1], None)
    layers = [keras.layers.Dense(units, activation=activation, kernel_initializer="zeros") for units, activation in sizes]
    model = keras.Sequential([keras.Input((inputs,)), *layers])
    model.set_weights(list(weights))
    return model


class KerasLearner:
    """A `model.Learner` in Keras."""

    def __init__(self, setup: Setup, plan: Plan, split: Split, weights: Weights) -> None:
        self._split, self._batch, self._adapts = split, setup.batch, plan.adapt is not None
        self._model = classifier(weights)
        self._model.compile(attach(solver_of(setup), plan), loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True))
        self._rate = _LastRate(setup.updates_per_epoch)

    def train(self, order: np.ndarray) -> float:
        """One epoch of `fit`, in the order given."""
        images, labels = self._split.train_images[order], self._split.train_labels[order]
        with _one_thread():
            self._model.fit(images, labels, batch_size=self._batch, epochs=1, shuffle=False, verbose=0, callbacks=[self._rate])
        return self._rate.used

    def answers(self) -> tuple[np.ndarray, np.ndarray]:
        """Logits of the training and of the test part."""
        with _one_thread():
            logits = [self._model.predict_on_batch(images) for images in (self._split.train_images, self._split.test_images)]
        return np.asarray(logits[0]), np.asarray(logits[1])

    def observe(self, loss: float) -> None:
        """The metric of the plan's rule."""
        if self._adapts:
            observe(self._model.optimizer, loss)


def solver_of(setup: Setup) -> Any:
    """The optimizer of a setup; where a plan has no rate of its own, the rate of the setup holds."""
    rate = PEAK if setup.rate is None else setup.rate
    if setup.solver in ("sgd", "momentum"):
        return keras.optimizers.SGD(rate, momentum=0.9 if setup.solver == "momentum" else 0.0)
    if setup.solver == "adam":
        return keras.optimizers.Adam(rate, epsilon=1e-7)
    return keras.optimizers.AdamW(rate, epsilon=1e-7, weight_decay=0.01)


class _LastRate(keras.callbacks.Callback):  # type: ignore[misc]
    """What the optimizer says its rate is, just before the last update of an epoch."""

    used = float("nan")

    def __init__(self, batches: int) -> None:
        super().__init__()
        self._last = batches - 1

    def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:
        if batch == self._last:
            self.used = float(keras.ops.convert_to_numpy(self.model.optimizer.learning_rate))


def _one_thread() -> AbstractContextManager[None]:
    """On PyTorch one thread, as in the experiment in PyTorch itself: two are ten times slower where another process wants one."""
    if keras.backend.backend() != "torch":
        return nullcontext()
    from .on_torch import one_thread

    return one_thread()
