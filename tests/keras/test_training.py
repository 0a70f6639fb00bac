"""The digits of scikit-learn, learned by a small network in Keras and in plain NumPy: one plan, the same batches, the same result."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import sklearn.datasets

import lrcore as lr
from lrcore_keras import attach

BATCH, EPOCHS, HIDDEN = 64, 4, 24
DIGITS = sklearn.datasets.load_digits()
IMAGES, LABELS = (DIGITS.data / 16).astype(np.float32), DIGITS.target.astype(np.int32)
STEPS = EPOCHS * -(-len(IMAGES) // BATCH)

RATE = lr.warmup_cosine(0.3, warmup=15, steps=STEPS)
PLAN = lr.Plan(
    RATE,
    momentum=lr.linear(0.8, 0.95, STEPS),
    groups={"probe": {"momentum": 0.0}, "biases": {"lr": 0.5 * RATE}, "weights": {"weight_decay": 0.01}},
)
RULES = {"probe": "probe", "bias$": "biases", ".*": "weights"}


class Probe(keras.layers.Layer):
    """A variable with a gradient of 1, beside the network: plain SGD takes the rate in force from it."""

    def build(self, shape):
        self.taken = self.add_weight(shape=(), initializer="zeros", name="probe")

    def call(self, x):
        self.add_loss(1.0 * self.taken)
        return x


class Record(keras.callbacks.Callback):
    def on_train_begin(self, logs=None):
        self.taken = [0.0]

    def on_train_batch_end(self, batch, logs=None):
        self.taken.append(float(keras.ops.convert_to_numpy(self.model.layers[0].taken.value)))


def network() -> keras.Model:
    layers = [keras.Input((64,)), Probe(), keras.layers.Dense(HIDDEN, activation="tanh"), keras.layers.Dense(10)]
    return keras.Sequential(layers)


def by_numpy(weights: list[np.ndarray]) -> float:
    """Train the same network by hand; the accuracy afterwards."""
    w1, b1, w2, b2 = weights = [np.array(array, np.float64) for array in weights]
    velocities = [np.zeros_like(array) for array in weights]
    groups = ["weights", "biases", "weights", "biases"]
    bound = PLAN.bind(["probe", "biases", "weights"])
    for step in range(STEPS):
        first = step % (STEPS // EPOCHS) * BATCH
        x, label = IMAGES[first : first + BATCH], LABELS[first : first + BATCH]
        hidden = np.tanh(x @ w1 + b1)
        scores = np.exp(hidden @ w2 + b2)
        error = (scores / scores.sum(axis=1, keepdims=True) - np.eye(10)[label]) / len(x)
        below = error @ w2.T * (1 - hidden**2)
        now = bound.current(step)
        gradients = [x.T @ below, below.sum(axis=0), hidden.T @ error, error.sum(axis=0)]
        for weight, velocity, gradient, group in zip(weights, velocities, gradients, groups, strict=True):
            rate, momentum = now[group]["lr"], now[group]["momentum"]
            weight *= 1 - rate * now[group].get("weight_decay", 0.0)
            velocity[...] = momentum * velocity - rate * gradient
            weight += velocity
    return float(np.mean(np.argmax(np.tanh(IMAGES @ w1 + b1) @ w2 + b2, axis=1) == LABELS))


def test_keras_learns_what_numpy_learns_at_the_same_rates():
    model, record = network(), Record()
    start = [keras.ops.convert_to_numpy(variable.value).copy() for layer in model.layers[1:] for variable in layer.weights]
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(attach(keras.optimizers.SGD(), PLAN, RULES), loss=loss)
    model.fit(IMAGES, LABELS, batch_size=BATCH, epochs=EPOCHS, shuffle=False, verbose=0, callbacks=[record])
    np.testing.assert_allclose(-np.diff(record.taken), RATE(np.arange(STEPS)), rtol=1e-6, atol=2e-6)
    accuracy = np.mean(np.argmax(model.predict(IMAGES, verbose=0), axis=1) == LABELS)
    assert accuracy > 0.9
    assert abs(accuracy - by_numpy(start)) <= 0.01


def test_the_example():
    example = Path(__file__).parents[2] / "examples" / "keras_digits.py"
    done = subprocess.run([sys.executable, example], capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr
    lines = re.findall(r"epoch (\d+): rate (\S+), momentum (\S+), accuracy (\S+)", done.stdout)
    rate, momentum = lr.one_cycle(0.5, steps=6 * 29), lr.one_cycle_momentum(6 * 29)
    expected = [(str(epoch), f"{rate(29 * epoch):.6f}", f"{momentum(29 * epoch):.6f}") for epoch in range(6)]
    assert [line[:3] for line in lines] == expected
    assert float(lines[-1][3]) > 0.9
