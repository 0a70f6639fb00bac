"""Arrays of values: checked, digested, and found again by their digest."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from .errors import SpecError, Words

INLINE = 4096
"""Up to this many values are part of a schedule and its JSON; more are named by their digest."""


def sample_values(values: Any) -> np.ndarray:
    """The values as a read-only one-dimensional float64 or float32 array of finite numbers, in the machine's byte order."""
    expected = "a one-dimensional array of at least one finite number"
    try:
        array = np.asarray(values)
    except ValueError:  # rows of uneven length
        raise SpecError("values", expected, values) from None
    if array.ndim != 1 or array.size == 0 or array.dtype.kind not in "fiu":
        raise SpecError("values", expected, Words(f"{array.dtype} of shape {array.shape}"))
    dtype = np.float32 if array.dtype.kind == "f" and array.dtype.itemsize <= 4 else np.float64
    array = np.array(array, dtype=dtype, order="C")  # a copy of our own
    array += 0.0  # -0.0 becomes 0.0
    bad = np.flatnonzero(~np.isfinite(array))
    if bad.size:
        raise SpecError(f"values[{bad[0]}]", "a finite number", float(array[bad[0]]))
    array.flags.writeable = False
    return array


def sample_digest(array: np.ndarray) -> str:
    """SHA-256 of the values as little-endian bytes."""
    from hashlib import sha256

    return sha256(np.ascontiguousarray(array.astype(array.dtype.newbyteorder("<"), copy=False)).data).hexdigest()


def load_samples(path: str | None, digest: str, length: int, dtype: str) -> np.ndarray:
    """The values of a digest from the `.npy` file that holds them."""
    if path is None or not Path(path).exists():
        raise SpecError(
            "samples",
            f"the {length:,} values of SHA-256 {digest[:12]}... at hand",
            Words("no values" if path is None else f"no file at {path}"),
            "Pass them with .with_data(values), or give the path of their .npy file.",
        )
    array = sample_values(np.load(path, mmap_mode="r", allow_pickle=False))
    if sample_digest(array) != digest or len(array) != length or array.dtype.name != dtype:
        raise SpecError("samples", f"values of SHA-256 {digest[:12]}... in {path}", Words(f"other values, {sample_digest(array)[:12]}..."))
    return array
