"""Training in Keras, on the backend this process has (KERAS_BACKEND): the MLP under SGD with momentum.

A step is one `train_on_batch`, which waits for its loss. In host mode each rate is assigned to `optimizer.learning_rate`, whose time
is the scheduler's; in device mode `lrcore_keras.attach` makes an optimizer that computes it in the step.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import cycle
from typing import Any

import keras
import numpy as np
from keras import ops

from lrcore_keras import attach
from lrcore_numpy import Stepper

from . import digits, plans
from .measure import Contender, measured, run_of
from .rows import NotRunError, Row

BACKEND = keras.backend.backend()
OWN = "CosineDecay"
TOLERANCE = {"constant": 0.0, OWN: 1e-6, "lrcore host": 0.0, "lrcore device": 1e-6}
"""How far rates may be off: lrcore's compiled ones by what it promises; Keras's by as much of the peak, since 1 + cos cancels in float32
where the rates are small. Measured in a run of 300 steps on every backend: 9.3e-8 of the peak, and 2.8e-4 of the smallest rate."""


def rows(device: str, short: bool) -> Iterator[Row]:
    """The rows of this backend of Keras, as they are measured. Raises NotRunError if the backend has no such device."""
    if device == "cuda" and not _has_cuda():
        raise NotRunError(f"Keras {keras.__version__} finds no CUDA device through {BACKEND} here.")
    if device == "cpu" and BACKEND == "torch":
        import torch

        torch.set_num_threads(1)  # as in torch_train.py: a second thread costs such small batches more than it does
    run = run_of("mlp", device, short)
    steps, peak = run.steps, digits.SGD_PEAK
    curve = plans.warmup_cosine(peak, steps)
    flat, planned = np.full(steps, peak), curve.values(steps)
    decay = keras.optimizers.schedules.CosineDecay(
        plans.START * peak, steps - plans.warmup(steps), warmup_target=peak, warmup_steps=plans.warmup(steps)
    )
    batches = [*zip(*digits.batches(steps), strict=True)]
    trainings = {
        "constant": Training(batches, _sgd(peak), flat),
        OWN: Training(batches, _sgd(decay), planned),
        "lrcore host": Training(batches, _sgd(peak), planned, Stepper(curve)),
        "lrcore device": Training(batches, attach(_sgd(peak), curve), planned),
    }

    def compilations() -> int:
        return sum(training.probe.traced for training in trainings.values())

    yield from measured(
        Row(backend=f"keras-{BACKEND}", model="mlp", step="train_on_batch", groups=1, schedule=""),
        {name: training.contender(TOLERANCE[name], of_peak=name == OWN) for name, training in trainings.items()},
        run, reference=OWN, compilations=None if BACKEND == "torch" else compilations,  # on torch Keras compiles no steps
    )  # fmt: skip


def _has_cuda() -> bool:
    if BACKEND == "tensorflow":
        import tensorflow as tf

        return bool(tf.config.list_physical_devices("GPU"))
    if BACKEND == "jax":
        import jax

        try:
            return bool(jax.devices("cuda"))
        except (RuntimeError, AssertionError):  # as in jax_train.py
            return False
    import torch

    return torch.cuda.is_available()


def _sgd(rate: Any) -> Any:
    return keras.optimizers.SGD(rate, momentum=digits.MOMENTUM)


class Probe(keras.layers.Layer):  # type: ignore[misc]
    """A weight whose gradient is 1, beside a model that does not see it: an update from 0, without momentum, leaves the rate, negated.

    So the rate is read off what the compiled step did. The layer's call is Python code, which runs when a step is traced.
    """

    traced = 0

    def build(self, _: Any) -> None:
        self.weight = self.add_weight(shape=(), initializer="zeros", name="probe")

    def call(self, signal: Any) -> Any:
        self.traced += 1
        self.add_loss(self.weight - ops.stop_gradient(self.weight))
        return signal


class Training:
    """A compiled model from the first weights, on the batches in their order; with a stepper the host writes its rates."""

    def __init__(self, batches: list[tuple[np.ndarray, np.ndarray]], optimizer: Any, planned: np.ndarray, stepper: Stepper | None = None):
        self.all_batches, self.planned, self.stepper, self.probe = batches, planned, stepper, Probe()
        self.model = _mlp(self.probe)
        self.model.compile(optimizer, keras.losses.SparseCategoricalCrossentropy(from_logits=True))
        self.optimizer = self.model.optimizer
        self.optimizer.build(self.model.trainable_variables)
        self.rewind()

    def rewind(self) -> None:
        """The optimizer's count and momenta at 0, the weights as they are."""
        self.batches = cycle(self.all_batches)
        for variable in (self.optimizer.iterations, *self.optimizer.momentums):
            variable.assign(np.zeros(variable.shape))
        if self.stepper is not None:
            self.stepper.seek(0)
            self.optimizer.learning_rate = self.stepper.value

    def step(self) -> None:
        """One update."""
        self.loss = self.model.train_on_batch(*next(self.batches))

    def schedule(self) -> None:
        """The host's next rate, as `keras.callbacks.LearningRateScheduler` writes it."""
        self.stepper.step()
        self.optimizer.learning_rate = self.stepper.value

    def rates(self) -> np.ndarray:
        """That of the last update, float32, read off the probe, which begins anew."""
        used = -ops.convert_to_numpy(self.probe.weight)
        for variable in (self.probe.weight, *(each for each in self.optimizer.momentums if each.shape == ())):
            variable.assign(0.0)
        return np.array([used])

    def contender(self, tolerance: float, of_peak: bool) -> Contender:
        """What `measured` takes."""
        return Contender(
            step=self.step, rates=self.rates, rates_after=True, loss=lambda: float(self.loss), rewind=self.rewind,
            schedule=self.schedule if self.stepper else None, synchronise=self.synchronise, planned=self.planned,
            tolerance=tolerance, of_peak=of_peak,
        )  # fmt: skip

    def synchronise(self) -> None:
        """Wait for the last update: its count comes out of the same step."""
        ops.convert_to_numpy(self.optimizer.iterations)


def _mlp(probe: Probe) -> Any:
    """The network of digits.py, with the probe behind it."""
    layers = digits.first_weights()
    dense = [keras.layers.Dense(len(bias)) for _, bias in layers]
    images = keras.Input((digits.PIXELS,))
    signal = ops.relu(dense[0](images))
    for layer in dense[1:-1]:
        signal = signal + ops.relu(layer(signal))
    model = keras.Model(images, probe(dense[-1](signal)))
    for layer, arrays in zip(dense, layers, strict=True):
        layer.set_weights(arrays)
    return model
