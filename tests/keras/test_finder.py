"""The finder in Keras, on each backend: real training steps, after which nothing can be told from before."""

from __future__ import annotations

import pickle
import random
from typing import Any

import keras
import numpy as np
import pytest

import lrcore as lr
from keras_steps import BACKEND, go_on, model_of
from lrcore_keras import PlanCallback, PlanSchedule, attach, find_lr

RANDOM = np.random.default_rng(0)
X = RANDOM.normal(size=(256, 8)).astype("float32")
Y = np.tanh(X[:, :1] * 2 - X[:, 1:2]).astype("float32")
OPTIMIZERS = {
    "SGD": lambda: keras.optimizers.SGD(0.1),
    "momentum": lambda: keras.optimizers.SGD(0.1, momentum=0.9),
    "Adam": lambda: keras.optimizers.Adam(1e-3, amsgrad=True),
    "average": lambda: keras.optimizers.Adam(1e-3, use_ema=True),
    "loss scale": lambda: keras.optimizers.LossScaleOptimizer(keras.optimizers.SGD(0.1, momentum=0.9)),
    "schedule": lambda: keras.optimizers.SGD(PlanSchedule(lr.cosine(0.1, 0.0, 100))),
    "plan": lambda: attach(keras.optimizers.SGD(), lr.Plan(lr.cosine(0.1, 0.0, 100), momentum=lr.linear(0.8, 0.9, 100))),
}


class Counted(keras.layers.Layer):
    """How often the model was called, or compiled."""

    calls = 0

    def call(self, inputs: Any) -> Any:
        Counted.calls += 1
        return inputs


def made(optimizer: str, updates: int) -> keras.Model:
    """A model with batch normalisation, dropout and metrics, after some updates."""
    keras.utils.set_random_seed(0)
    layers = [
        keras.layers.Dense(16, "relu"),
        keras.layers.BatchNormalization(),
        keras.layers.Dropout(0.2),
        Counted(),
        keras.layers.Dense(1),
    ]
    model = keras.Sequential([keras.Input((8,)), *layers])
    model.compile(OPTIMIZERS[optimizer](), loss="mse", metrics=["mae"])
    if updates:
        model.fit(X[: 32 * updates], Y[: 32 * updates], batch_size=32, verbose=0)
    return model


class Pairs(keras.utils.PyDataset):
    def __len__(self) -> int:
        return 8

    def __getitem__(self, index: int) -> Any:
        return X[32 * index : 32 * index + 32], Y[32 * index : 32 * index + 32]


def photograph(model: keras.Model) -> dict[str, Any]:
    """Everything that can be seen of it, as bytes, and the objects that hold it."""
    variables = {variable.path: variable for variable in (*model.variables, *model.optimizer.variables)}
    look: dict[str, Any] = {path: keras.ops.convert_to_numpy(variable.value).tobytes() for path, variable in variables.items()}
    metrics = [keras.ops.convert_to_numpy(variable.value).tobytes() for variable in model.metrics_variables]
    look["metrics"] = [each for each in metrics if any(each)]  # those that are built meanwhile begin at 0
    look["objects"] = [id(model.optimizer), model.optimizer.built, id(model.train_function), list(map(id, variables.values()))]
    look["random"] = (random.getstate(), pickle.dumps(np.random.get_state()))  # noqa: NPY002
    if BACKEND == "torch":
        import torch

        look["torch"] = torch.get_rng_state().numpy().tobytes()
        look["gradients"] = [(id(each.grad), None if each.grad is None else each.grad.numpy().tobytes()) for each in model.parameters()]
    return look


def differences(before: dict[str, Any], model: keras.Model) -> list[str]:
    after = photograph(model)
    return [path for path in before.keys() | after.keys() if before.get(path) != after.get(path)]


# -- everything as before


@pytest.mark.parametrize("updates", [0, 3])
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_leaves_no_trace(name, updates):
    model = made(name, updates)
    before = photograph(model)
    test = find_lr(model, X, Y, steps=25, repeats=2, progress=False)
    assert not differences(before, model)
    assert test.runs[0] != test.runs[1] and len(test.runs[0]) >= 10


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
@pytest.mark.parametrize("name", ["momentum", "Adam"])
def test_leaves_no_trace_after_an_error(name, error):
    class Failing(Pairs):
        def __getitem__(self, index: int) -> Any:
            if index == 7:
                raise error("at this step")
            return super().__getitem__(index)

    model = made(name, 3)
    before = photograph(model)
    with pytest.raises(error, match="at this step"):
        find_lr(model, Failing(), progress=False)
    assert not differences(before, model)


@pytest.mark.parametrize("place", ["weight", "seed", "moment", "metric", "random", "optimizer"])
def test_that_test_can_fail(place):
    model = made("Adam", 3)
    before = photograph(model)
    seeds = [variable for variable in model.variables if "seed" in variable.path]
    changes = {
        "weight": lambda: model.weights[0].assign(model.get_weights()[0] + 1), "seed": lambda: seeds[0].assign([1, 2]),
        "moment": lambda: model.optimizer.variables[-1].assign([7.0]),
        "metric": lambda: model.metrics_variables[0].assign(7.0), "random": random.random,
        "optimizer": lambda: setattr(model, "optimizer", keras.optimizers.Adam()),
    }  # fmt: skip
    changes[place]()
    assert differences(before, model)


@pytest.mark.parametrize("name", ["momentum", "Adam", "plan"])
def test_training_goes_on_as_if_nothing_had_been(name):
    def weights(tested: bool) -> list[bytes]:
        model = made(name, 3)
        if tested:
            find_lr(model, X, Y, steps=12, progress=False)
        model.fit(X, Y, batch_size=32, verbose=0)
        return [weight.tobytes() for weight in model.get_weights()]

    assert weights(True) == weights(False)


@pytest.mark.skipif(BACKEND == "torch", reason="PyTorch compiles nothing here")
def test_leaves_no_step_to_be_compiled_again():
    model = made("momentum", 3)
    model.fit(X, Y, batch_size=32, verbose=0)
    find_lr(model, X, Y, steps=12, progress=False)
    compiled = Counted.calls
    model.fit(X, Y, batch_size=32, verbose=0)
    assert Counted.calls == compiled > 0


def test_seeds_of_operations_without_one_are_as_before():
    class Noisy(Pairs):
        def __getitem__(self, index: int) -> Any:
            x, y = super().__getitem__(index)
            return x + keras.ops.convert_to_numpy(keras.random.normal((1, 8))), y

    def drawn(tested: bool) -> list[float]:
        model = made("SGD", 0)
        keras.random.normal((1,))
        if tested:
            find_lr(model, Noisy(), steps=4, progress=False)
        return keras.ops.convert_to_numpy(keras.random.normal((3,))).tolist()

    assert drawn(True) == drawn(False)


# -- what is trained


def test_every_step_has_its_rate():
    """The gradient is 1 and the loss is the weight, which has so lost all rates before."""
    model = model_of(keras.optimizers.SGD(0.5))
    test = find_lr(model, np.ones((4, 1), "float32"), np.ones((4, 1), "float32"), start=1e-4, stop=1e-2, steps=9, progress=False)
    rates = np.geomspace(1e-4, 1e-2, 9)
    np.testing.assert_allclose([rate for rate, _ in test.runs[0]], rates, rtol=1e-12)
    np.testing.assert_allclose([loss for _, loss in test.runs[0]], -np.cumsum([0, *rates[:-1]]), rtol=1e-5, atol=1e-9)


@pytest.mark.parametrize(
    "optimizer", [keras.optimizers.SGD(PlanSchedule(lr.constant(9.0))), keras.optimizers.LossScaleOptimizer(keras.optimizers.SGD())]
)
def test_the_rate_of_the_model_does_not_matter(optimizer):
    model = model_of(optimizer)
    test = find_lr(model, np.ones((4, 1), "float32"), np.ones((4, 1), "float32"), start=1e-4, stop=1e-2, steps=9, progress=False)
    np.testing.assert_allclose([loss for _, loss in test.runs[0]], -np.cumsum([0, *np.geomspace(1e-4, 1e-2, 9)[:-1]]), rtol=1e-5, atol=1e-9)


def test_accumulated_gradients_make_one_step():
    model = model_of(keras.optimizers.SGD(0.5, gradient_accumulation_steps=3))
    test = find_lr(model, np.ones((4, 1), "float32"), np.ones((4, 1), "float32"), start=1e-4, stop=1e-2, steps=9, progress=False)
    np.testing.assert_allclose([loss for _, loss in test.runs[0]], -np.cumsum([0, *np.geomspace(1e-4, 1e-2, 9)[:-1]]), rtol=1e-5, atol=1e-9)


def test_a_repeat_starts_from_the_same_weights_and_moments():
    model = model_of(keras.optimizers.SGD(0.5, momentum=0.9))
    go_on(model, batches=2)
    ones = np.ones((4, 1), "float32")
    test = find_lr(model, ones, ones, start=1e-4, stop=1e-2, steps=9, repeats=3, progress=False)
    assert test.runs[0] == test.runs[1] == test.runs[2]


def test_goes_through_the_arrays_without_repetition():
    x = np.arange(10, dtype="float32").reshape(10, 1)
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1, kernel_initializer="zeros")])
    model.compile(keras.optimizers.SGD(), loss=lambda y, prediction: keras.ops.mean(y) + 0 * keras.ops.mean(prediction))
    test = find_lr(model, x, x, batch_size=1, start=1e-9, stop=1e-8, steps=20, progress=False, diverge=1e9)
    seen = [round(loss) for _, loss in test.runs[0]]
    assert sorted(seen[:10]) == sorted(seen[10:]) == list(range(10)) != seen[:10]


def dataset(name: str) -> Any:
    match name:
        case "PyDataset":
            return Pairs()
        case "tf.data":
            return pytest.importorskip("tensorflow").data.Dataset.from_tensor_slices((X, Y)).batch(32)
        case "weights":
            return [(x, y, np.ones(32, "float32")) for x, y in map(Pairs().__getitem__, range(8))]
    return list(map(Pairs().__getitem__, range(8)))


@pytest.mark.parametrize("name", ["PyDataset", "tf.data", "weights", "list"])
def test_takes_datasets(name):
    model = made("momentum", 0)
    test = find_lr(model, dataset(name), steps=20, progress=False)
    expected = find_lr(model, dataset("list"), steps=20, progress=False)
    np.testing.assert_allclose([loss for _, loss in test.runs[0]], [loss for _, loss in expected.runs[0]], rtol=1e-5)


def test_a_data_loader_goes_on_where_it_was():
    torch = pytest.importorskip("torch")
    pairs = torch.utils.data.TensorDataset(torch.from_numpy(X), torch.from_numpy(Y))
    loader = torch.utils.data.DataLoader(pairs, batch_size=32, shuffle=True, generator=torch.Generator().manual_seed(0))
    state, other = loader.generator.get_state(), torch.get_rng_state()
    find_lr(made("momentum", 0), loader, steps=20, progress=False)
    assert torch.equal(loader.generator.get_state(), state) and torch.equal(torch.get_rng_state(), other)


def test_the_suggestion_trains():
    """Against the same run with a hundredth of it."""
    model = made("momentum", 0)
    rate = find_lr(model, X, Y, repeats=3, progress=False)["valley"].rate
    first, losses = model.get_weights(), []
    for factor in (0.01, 1.0):
        model.set_weights(first)
        model.compile(keras.optimizers.SGD(momentum=0.9), loss="mse")
        plan = lr.one_cycle(factor * rate, steps=40)
        losses.append(model.fit(X, Y, batch_size=32, epochs=5, verbose=0, callbacks=[PlanCallback(plan)]).history["loss"][-1])
    assert losses[1] < 0.5 * losses[0]


# -- what is refused


def compiled(optimizer: Any = "sgd") -> keras.Model:
    return model_of(optimizer)


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda: find_lr(1, X, Y), "find_lr takes a keras.Model, got int."),
        (lambda: find_lr(compiled(), 1), "find_lr takes arrays or a dataset, got int."),
        (
            lambda: find_lr(keras.Sequential([keras.layers.Dense(1)], name="small"), X, Y),
            "model: expected a model that is built, got 'small'. Begin it with keras.Input, or call it on a batch first.",
        ),
        (
            lambda: find_lr(keras.Sequential([keras.Input((8,)), keras.layers.Dense(1)], name="small"), X, Y),
            "model: expected a model that is compiled with an optimizer, got 'small'. Call model.compile first.",
        ),
        (
            lambda: find_lr(compiled(), iter([(X, Y)])),
            "x: expected arrays, or something that can be iterated again and again, got 'list_iterator'. Pass the dataset itself: what the "
            "test takes from an iterator would be lost to who reads it next.",
        ),
        (lambda: find_lr(compiled(), [], progress=False), "x: expected at least one batch, got 0."),
        (lambda: find_lr(compiled(), X, Y[:9], progress=False), "x: expected arrays of one length, at least 1, as is y, got [9, 256]."),
        (lambda: find_lr(compiled(), X, Y, batch_size=0), "batch_size: expected an integer >= 1, got 0."),
        (lambda: find_lr(compiled(), X, Y, repeats=1.0), "repeats: expected an integer >= 1, got 1.0."),
        (lambda: find_lr(compiled(), X, Y, start=-1), "start: expected a number above 0, up to 1e300, got -1."),
        (lambda: find_lr(compiled(), X, Y, diverge=0), "diverge: expected a number above 1, got 0.0."),
    ],
)
def test_refused_with_a_sentence(call, sentence):
    with pytest.raises((lr.SpecError, TypeError)) as error:
        call()
    assert str(error.value) == sentence
