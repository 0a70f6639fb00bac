"""What a lowered schedule asks of an array library, and NumPy's answer."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np

LAST = 2**31 - 1
"""The last step a lowered schedule knows, and the largest int32: frameworks count no further."""


class Ops(Protocol):
    """What a lowered schedule asks of a framework. Arrays have + - * // % and comparisons; // and % round towards minus infinity."""

    def constant(self, values: np.ndarray) -> Any:
        """An int32 or float32 array of the framework."""

    def table(self, values: np.ndarray) -> Any:
        """The same for the float32 data of Samples, which may be long."""

    def to_integer(self, step: Any) -> Any:
        """A step as int32; what does not fit becomes 2^31 - 1, or negative."""

    def to_float(self, integer: Any) -> Any:
        """int32 as float32."""

    def where(self, condition: Any, a: Any, b: Any) -> Any: ...

    def minimum(self, a: Any, b: Any) -> Any: ...

    def maximum(self, a: Any, b: Any) -> Any: ...

    def xor(self, a: Any, b: Any) -> Any:
        """Of the bits of two int32."""

    def count(self, booleans: Any) -> Any:
        """How many are true along the last axis, int32."""

    def take(self, array: Any, index: Any) -> Any:
        """Rows of an array, along its first axis."""

    def expand(self, array: Any) -> Any:
        """One more axis, of length 1, at the end."""


class NumpyOps:
    """The operations in NumPy: what a framework computes, to look at and to test."""

    constant = table = staticmethod(np.asarray)
    where, minimum, maximum = staticmethod(np.where), staticmethod(np.minimum), staticmethod(np.maximum)
    xor = staticmethod(np.bitwise_xor)

    def to_integer(self, step: Any) -> Any:
        return np.minimum(np.asarray(step), LAST).astype(np.int32)

    def to_float(self, integer: Any) -> Any:
        return np.asarray(integer).astype(np.float32)

    def count(self, booleans: Any) -> Any:
        return np.sum(booleans, axis=-1, dtype=np.int32)

    def take(self, array: Any, index: Any) -> Any:
        return np.take(array, index, axis=0)

    def expand(self, array: Any) -> Any:
        return np.expand_dims(array, -1)
