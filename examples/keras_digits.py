"""Handwritten digits in Keras: one plan for the rate of two groups and their momentum, on any backend, saved and gone on with."""

import tempfile
from pathlib import Path

import keras
import sklearn.datasets

import lrcore as lr
from lrcore_keras import attach, current

EPOCHS, BATCH = 6, 64

keras.utils.set_random_seed(0)
digits = sklearn.datasets.load_digits()
images, labels = (digits.data / 16).astype("float32"), digits.target
steps = EPOCHS * -(-len(images) // BATCH)

rate = lr.one_cycle(0.5, steps=steps)
plan = lr.Plan(
    momentum=lr.one_cycle_momentum(steps),
    groups={"weights": {"lr": rate, "weight_decay": 1e-3}, "biases": {"lr": 2 * rate}},
)
rules = {"bias$": "biases", ".*": "weights"}  # the first that is found in a variable's path

model = keras.Sequential([keras.Input((64,)), keras.layers.Dense(32, activation="relu"), keras.layers.Dense(10)])
loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
model.compile(attach(keras.optimizers.SGD(), plan, rules), loss=loss, metrics=["accuracy"])


def train(model: keras.Model, first: int, last: int) -> None:
    for epoch in range(first, last):
        values = current(model.optimizer)["weights"]
        history = model.fit(images, labels, batch_size=BATCH, verbose=0).history
        print(f"epoch {epoch}: rate {values['lr']:.6f}, momentum {values['momentum']:.6f}, accuracy {history['accuracy'][0]:.3f}")


train(model, 0, EPOCHS // 2)
with tempfile.TemporaryDirectory() as folder:
    model.save(Path(folder) / "half.keras")
    model = keras.models.load_model(Path(folder) / "half.keras")  # the plan comes with it
train(model, EPOCHS // 2, EPOCHS)
