"""What a lowered schedule needs of Keras, and when a step can be read on the host. Keras has one backend a process."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
from keras import ops

import lrcore as lr

LAST = 2**31 - 1
"""The last step a lowered schedule knows: the value there holds for every later one, and for a counter that has wrapped."""

_INLINE = 4096
"""Samples up to this many are part of a plan's JSON, and may as well be constants of the compiled step."""

_WIDE = ("int64", "uint64", "uint32")


class Came(str):
    """What came, in words: a message shows it without quotes."""

    def __repr__(self) -> str:
        return str(self)


class KerasOps:
    """`lrcore.Ops` in keras.ops: for TensorFlow graphs, XLA, jax.jit, torch.compile, and eagerly."""

    def __init__(self) -> None:
        self._tables: dict[int, Any] = {}
        self._device: Any = None  # where the step is, for torch

    def constant(self, values: np.ndarray) -> Any:
        return _constant(values, self._device)

    def table(self, values: np.ndarray) -> Any:
        """Long data as neither a constant of the graph nor a variable, which a model would save.

        TensorFlow captures an eager tensor by reference, torch uses one as it is; under jax.jit everything is an argument or a
        constant, so there the values stay on the host and a callback brings the one that is asked for.
        """
        if len(values) <= _INLINE:
            return self.constant(values)
        if keras.backend.backend() == "jax":
            return _OnHost(values)
        if id(values) not in self._tables:  # `values` lives as long as the schedule that closes over it
            self._tables[id(values)] = self._eager(values)
        return self._tables[id(values)]

    def _eager(self, values: np.ndarray) -> Any:
        """A tensor that exists outside of whatever is being traced."""
        if keras.backend.backend() != "tensorflow":
            return self.constant(values)
        import tensorflow as tf

        with tf.init_scope():
            return self.constant(values)

    def to_integer(self, step: Any) -> Any:
        self._device = getattr(step, "device", None)
        if keras.backend.standardize_dtype(step.dtype) in _WIDE:
            step = ops.minimum(step, ops.cast(LAST, step.dtype))
        return ops.cast(step, "int32")

    def to_float(self, integer: Any) -> Any:
        return ops.cast(integer, "float32")

    def where(self, condition: Any, a: Any, b: Any) -> Any:
        return ops.where(condition, a, b)

    def minimum(self, a: Any, b: Any) -> Any:
        return ops.minimum(a, b)

    def maximum(self, a: Any, b: Any) -> Any:
        return ops.maximum(a, b)

    def xor(self, a: Any, b: Any) -> Any:
        return ops.bitwise_xor(a, b)

    def count(self, booleans: Any) -> Any:
        return ops.cast(ops.sum(ops.cast(booleans, "int32"), axis=-1), "int32")

    def take(self, array: Any, index: Any) -> Any:
        return array.take(index) if isinstance(array, _OnHost) else ops.take(array, index, axis=0)

    def expand(self, array: Any) -> Any:
        return ops.expand_dims(array, -1)


class _OnHost:
    """A table that a compiled step of JAX asks for single values."""

    def __init__(self, values: np.ndarray) -> None:
        self.values = values

    def take(self, index: Any) -> Any:
        import jax

        result = jax.ShapeDtypeStruct(index.shape, np.float32)  # type: ignore[no-untyped-call]
        return jax.pure_callback(lambda i: self.values[np.asarray(i)], result, index, vmap_method="expand_dims")


if keras.backend.backend() == "torch":
    import torch

    def _constant(values: np.ndarray, device: Any) -> Any:
        return torch.as_tensor(values, device=device)  # which torch.compile sees through, and not through that of Keras

else:

    def _constant(values: np.ndarray, device: Any) -> Any:
        return ops.convert_to_tensor(values)


# -- steps on the host -------------------------------------------------------------------------------------------------


def _tensorflow() -> Callable[[Any], bool]:
    import tensorflow as tf

    return lambda value: bool(tf.executing_eagerly()) and "GPU" not in value.device


def _jax() -> Callable[[Any], bool]:
    import jax

    def concrete(value: Any) -> bool:
        if isinstance(value, jax.core.Tracer):
            return False
        return value.is_ready() or all(device.platform == "cpu" for device in value.devices())

    return concrete


def _torch() -> Callable[[Any], bool]:
    import torch

    return lambda value: value.device.type == "cpu" and not torch.compiler.is_compiling()


def _others() -> Callable[[Any], bool]:
    return lambda value: True


on_host = {"tensorflow": _tensorflow, "jax": _jax, "torch": _torch}.get(keras.backend.backend(), _others)()
"""Whether a backend's tensor is a number that can be read now, without waiting for a device."""


def tensor_of(step: Any) -> Any:
    """A step as the backend's integer tensor of shape (), or an int; SpecError for what is no step.

    A keras.Variable gives its value in the scope there is: a traced one inside a compiled step.
    """
    if isinstance(step, int | np.integer) and not isinstance(step, bool):
        return int(step)
    value = step.value if isinstance(step, keras.Variable) else step
    dtype, shape = getattr(value, "dtype", None), getattr(value, "shape", None)
    if dtype is None or shape is None:
        raise lr.SpecError("step", "an integer or a tensor of one, such as optimizer.iterations", step)
    if "int" not in (name := keras.backend.standardize_dtype(dtype)) or tuple(shape) != ():
        raise lr.SpecError(
            "step", "an integer tensor of shape (), such as optimizer.iterations",
            Came(f"{name} of shape {tuple(shape)}"), "For many steps at once call lrcore_keras.table, or PlanSchedule.lowered.",
        )  # fmt: skip
    return value
