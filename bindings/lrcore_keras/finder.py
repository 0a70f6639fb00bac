"""The learning-rate finder on a Keras model: real training steps on any backend, and everything as it was afterwards."""

from __future__ import annotations

import random
import sys
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from functools import partial
from typing import Any

import keras
import numpy as np

import lrcore as lr

from .attach import PlannedOptimizer, _with_state_of

_ON_TORCH = keras.backend.backend() == "torch"

Back = Callable[[], Any]
"""Puts something back as it was when this was made."""


def find_lr(
    model: keras.Model, x: Any, y: Any = None, *,
    batch_size: int = 32, start: float = 1e-7, stop: float = 10.0, steps: int = 100, repeats: int = 1,
    smoothing: float = 0.9, diverge: float = 4.0, progress: bool = True,
) -> lr.RangeTest:  # fmt: skip
    """Train a few steps with ever higher rates, and look at the losses: the rates they suggest.

    model : a model that is built and compiled, with the optimizer, the loss and the metrics that it will be trained with
    x, y : arrays, or structures of arrays, from which batches of `batch_size` are drawn without repetition, the same in every call; or as
        x alone a dataset, again and again: a PyDataset, a tf.data.Dataset, a DataLoader, a list of (x, y) or (x, y, sample_weight)
    start, stop : the lowest and the highest rate; steps : updates between them, both included, at most that many in each run. An
        optimizer that accumulates gradients makes one of `gradient_accumulation_steps` batches
    repeats : runs, each from the weights as they are now and with the batches that come next
    smoothing, diverge : as RangeTest has them
    progress : show a bar, if tqdm is installed

    The steps are those of `train_on_batch`, compiled as the model is, with an optimizer of their own: one like the model's, with its
    moments, whose rate is a number. So the model's may have a schedule or a plan; of a plan that was attached nothing is in force.

    Afterwards, also after an exception or Ctrl-C, these have every byte as before: weights, seed generators and metrics, and on PyTorch
    buffers and gradients; the random states of Python, NumPy and torch; generators and counters of a DataLoader. The model's optimizer
    and its compiled training step have not been used. The order in which a tf.data.Dataset will shuffle next is its own, and goes on.

    Raises SpecError for arguments that mean nothing, among them an iterator, which would lose what is taken from it.

    >>> import keras, numpy as np
    >>> keras.utils.set_random_seed(0)
    >>> model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(1)])
    >>> model.compile(keras.optimizers.SGD(momentum=0.9), loss="mse")
    >>> x = np.random.default_rng(0).normal(size=(256, 4)).astype("float32")
    >>> test = find_lr(model, x, x.sum(axis=1, keepdims=True), progress=False)
    >>> 0.01 < test["valley"].rate < 1, test.diverged, int(model.optimizer.iterations.value)
    (True, (True,), 0)
    """
    _check(model, x)
    for name, count in (("batch_size", batch_size), ("repeats", repeats)):
        if type(count) is not int or count < 1:
            raise lr.SpecError(name, "an integer >= 1", count)
    rates = lr.RangeTest.rates(start, stop, steps)
    lr.RangeTest([()], smoothing, diverge)  # refuses before anything is done
    weights_as_before = _weights(model)
    afterwards = [*_random_states(), weights_as_before, _compiled(model), *_gradients(model)]
    if y is not None or hasattr(x, "shape") or isinstance(x, Mapping):
        batches = _of_arrays(x, y, batch_size)
    else:
        batches, states = _of_dataset(x)
        afterwards = [*states, *afterwards]
    accumulated = getattr(_inner(model.optimizer), "gradient_accumulation_steps", None) or 1
    own = _like(model.optimizer, rates[0])
    if not own.built:
        own.build(model.trainable_variables)
    own_as_before = _values(own.variables)

    def run() -> Iterator[tuple[float, float]]:
        weights_as_before()
        _assign(own_as_before)
        if model.optimizer is not own:
            model.optimizer, model.train_function = own, None
        for rate in rates:
            own.learning_rate = rate
            yield rate, sum(_trained(model, next(batches)) for _ in range(accumulated)) / accumulated

    return lr.RangeTest.of(
        *(run() for _ in range(repeats)), smoothing=smoothing, diverge=diverge, progress=steps if progress else 0,
        afterwards=[*afterwards, batches.close],
    )  # fmt: skip


# -- training -------------------------------------------------------------------------------------------------------------


def _trained(model: Any, batch: tuple[Any, ...]) -> float:
    """One batch; returns its loss."""
    logs = model.train_on_batch(*batch, return_dict=True)
    if "loss" not in logs:
        raise lr.SpecError("model", "a training step that returns its loss", sorted(logs), 'Let train_step return {"loss": ...}.')
    return float(logs["loss"])


def _like(optimizer: Any, rate: float) -> Any:
    """An optimizer like this one, where it is, with a number as its rate."""
    if isinstance(optimizer, keras.optimizers.LossScaleOptimizer):
        inner = _like(optimizer.inner_optimizer, rate)
        return _with_state_of(optimizer, type(optimizer)(**{**optimizer.get_config(), "inner_optimizer": inner}))
    if isinstance(optimizer, PlannedOptimizer):
        own = optimizer.get_config()["optimizer"]
        made = keras.optimizers.deserialize({**own, "config": {**own["config"], "learning_rate": rate}})
    else:
        made = type(optimizer).from_config({**optimizer.get_config(), "learning_rate": rate})
    return _with_state_of(optimizer, made)


def _inner(optimizer: Any) -> Any:
    """The optimizer within the one that `compile` makes for float16."""
    return getattr(optimizer, "inner_optimizer", optimizer)


# -- batches --------------------------------------------------------------------------------------------------------------


def _of_arrays(x: Any, y: Any, size: int) -> Generator[tuple[Any, ...], None, None]:
    """Batches of arrays without end, in an order of their own that is the same in every call."""
    data = keras.tree.map_structure(_as_array, (x, y))
    lengths = {len(array) for array in keras.tree.flatten(data) if array is not None}
    if len(lengths) != 1 or lengths == {0}:
        raise lr.SpecError("x", "arrays of one length, at least 1, as is y", sorted(lengths))
    (length,) = lengths
    order = np.random.default_rng(0)
    while True:
        chosen = order.permutation(length)
        for first in range(0, max(length - size, 0) + 1, size):  # whole batches: another shape would be compiled anew
            yield keras.tree.map_structure(lambda array: None if array is None else array[chosen[first : first + size]], data)  # noqa: B023


def _of_dataset(dataset: Any) -> tuple[Generator[tuple[Any, ...], None, None], list[Back]]:
    """Batches of a dataset without end, and what puts back what they change in it."""
    loader, states = dataset, []
    data = sys.modules.get("torch.utils.data")
    if data is not None and isinstance(dataset, data.DataLoader):
        from lrcore_torch.finder import states_of, unshared

        loader, states = unshared(dataset), states_of(dataset)
    return _again_and_again(loader), states


def _again_and_again(dataset: Any) -> Generator[tuple[Any, ...], None, None]:
    while True:
        batch = None
        for batch in map(dataset.__getitem__, range(len(dataset))) if isinstance(dataset, keras.utils.PyDataset) else dataset:
            whole = tuple(batch) if isinstance(batch, tuple | list) else (batch,)
            yield tuple(keras.tree.map_structure(_as_array, part) for part in whole)
        if batch is None:
            raise lr.SpecError("x", "at least one batch", 0)


def _as_array(value: Any) -> Any:
    """A tensor of any library as an array, which every backend takes."""
    if value is None or isinstance(value, np.ndarray):
        return value
    return value.detach().cpu().numpy() if hasattr(value, "detach") else np.asarray(value)


def _check(model: Any, x: Any) -> None:
    if not isinstance(model, keras.Model):
        raise TypeError(f"find_lr takes a keras.Model, got {type(model).__name__}.")
    if not model.built:
        raise lr.SpecError("model", "a model that is built", model.name, "Begin it with keras.Input, or call it on a batch first.")
    if not model.compiled or getattr(model, "optimizer", None) is None:
        raise lr.SpecError("model", "a model that is compiled with an optimizer", model.name, "Call model.compile first.")
    if isinstance(_inner(model.optimizer), keras.optimizers.MultiOptimizer):
        raise lr.SpecError("model", "one optimizer", "MultiOptimizer", "It has no rate of its own; compile the model with one of them.")
    if isinstance(x, Iterator):
        hint = "Pass the dataset itself: what the test takes from an iterator would be lost to who reads it next."
        raise lr.SpecError("x", "arrays, or something that can be iterated again and again", type(x).__name__, hint)
    if not isinstance(x, Iterable | keras.utils.PyDataset) and not hasattr(x, "shape"):
        raise TypeError(f"find_lr takes arrays or a dataset, got {type(x).__name__}.")


# -- as before ------------------------------------------------------------------------------------------------------------


def _weights(model: Any) -> Back:
    """Weights, seed generators and metrics, on PyTorch buffers; a metric that is built meanwhile begins anew."""
    kept = _values([*model.variables, *model.metrics_variables])
    buffers = [(tensor.detach(), tensor.detach().clone()) for tensor in model.buffers()] if _ON_TORCH else []

    def back() -> None:
        model.reset_metrics()
        _assign(kept)
        for tensor, value in buffers:
            tensor.copy_(value)

    return back


def _assign(kept: list[tuple[Any, np.ndarray]]) -> None:
    for variable, value in kept:
        variable.assign(value)


def _values(variables: Iterable[Any]) -> list[tuple[Any, np.ndarray]]:
    """On the host: JAX gives the memory of a variable away when it trains."""
    return [(variable, np.array(keras.ops.convert_to_numpy(variable.value))) for variable in variables]


def _compiled(model: Any) -> Back:
    """The optimizer, and the training step that was compiled with it."""
    names = ("optimizer", "train_function", "_jax_state", "_jax_state_synced")
    kept = {name: getattr(model, name) for name in names if hasattr(model, name)}

    def back() -> None:
        for name, value in kept.items():
            setattr(model, name, value)

    return back


def _random_states() -> list[Back]:
    from keras.src.backend.common.global_state import get_global_attribute  # nothing public has the seeds of unseeded operations

    python, legacy = random.getstate(), np.random.get_state()  # noqa: NPY002
    back: list[Back] = [partial(random.setstate, python), partial(np.random.set_state, legacy)]
    if (torch := sys.modules.get("torch")) is not None:  # the backend, or what a DataLoader draws from
        back.append(partial(torch.set_rng_state, torch.get_rng_state()))
    if (unseeded := get_global_attribute("global_seed_generator")) is not None:
        back.append(partial(_assign, _values([unseeded.state])))
    return back


def _gradients(model: Any) -> list[Back]:
    """What PyTorch keeps beside the weights, taken away now."""
    gradients = [(tensor, tensor.grad) for tensor in model.parameters()] if _ON_TORCH else []
    for tensor, _ in gradients:
        tensor.grad = None
    return [partial(setattr, tensor, "grad", gradient) for tensor, gradient in gradients]
