"""Schedules from what NumPy code has: arrays of rates, and functions of the step."""

from __future__ import annotations

from typing import Any

import numpy as np

import lrcore as lr


def from_native(source: Any, *, steps: int | None = None) -> lr.Samples:
    """The values of an array, or of a function of the step, as a schedule; the last one holds.

    source : a one-dimensional array of finite numbers, one a step, of any real type; or a function that is called with 0, 1, ...,
        steps - 1 and returns a number
    steps : >= 1, with a function: how many values to keep; with an array, None

    float32, float16 and bfloat16 are kept as float32, which holds them exactly; everything else as float64. Of more than 4,096 values
    the plan's JSON holds the digest, not the values: see `lr.Samples`. Raises SpecError for what is neither, and for values that are
    no finite numbers.

    >>> import numpy as np
    >>> from_native(np.linspace(1.0, 0.0, 5))(3)
    0.25
    >>> from_native(lambda step: 0.5**step, steps=3)([0, 1, 2, 3])
    array([1.  , 0.5 , 0.25, 0.25])
    """
    if callable(source):
        if steps is None:
            raise lr.SpecError("steps", "an integer >= 1", None, "Say how many values of the function to keep.")
        return lr.from_function(source, steps)
    if steps is not None:
        raise lr.SpecError("steps", "None with an array", steps, "An array has its own length; cut it with array[:steps].")
    array = np.asarray(source)
    return lr.Samples(array.astype(np.float32) if array.dtype.name == "bfloat16" else array)  # type: ignore[arg-type]
