"""The random numbers of Noise in a framework's operations: SplitMix64 of the step, in eight bytes of int32 each.

int32 is what every framework has, and sums of eight products of bytes stay far below its end. What is left of XLA's or another
compiler's work is some three hundred operations on single numbers.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from .ops import Ops

_BYTES = 8
_MASK = 2**64 - 1
_GAMMA, _FIRST, _SECOND = 0x9E3779B97F4A7C15, 0xBF58476D1CE4E5B9, 0x94D049BB133111EB
"""Steele, Lea & Flood 2014."""

Number = list[Any]
"""A 64-bit number as bytes, the lowest first."""


def _mixed(z: int) -> int:
    z = (z ^ (z >> 30)) * _FIRST & _MASK
    z = (z ^ (z >> 27)) * _SECOND & _MASK
    return z ^ (z >> 31)


def _bytes(number: int) -> list[int]:
    return [number >> (8 * i) & 255 for i in range(_BYTES)]


def _carried(sums: Sequence[Any]) -> Number:
    number, carry = [], sums[0] * 0
    for digit in sums:
        total = digit + carry
        number.append(total % 256)
        carry = total // 256
    return number


def _times(number: Number, factor: int) -> Number:
    digits = _bytes(factor)
    return _carried([sum((number[j] * digits[i - j] for j in range(1, i + 1)), number[0] * digits[i]) for i in range(_BYTES)])


def _shifted_in(ops: Ops, number: Number, bits: int) -> Number:
    """number ^ (number >> bits)."""
    skip, rest = divmod(bits, 8)
    padded = [*number, *([number[0] * 0] * _BYTES)]
    return [
        ops.xor(digit, padded[i + skip] // 2**rest + padded[i + skip + 1] % 2**rest * 2 ** (8 - rest)) for i, digit in enumerate(number)
    ]


def uniform(ops: Ops, seed: int, step: Any) -> tuple[Any, Any]:
    """(n, low): the uniform number in (-1, 1) of a step, as (n + low) / 2^31 with an int32 n and 0 <= low < 1."""
    key = _mixed(seed + _GAMMA & _MASK)
    position = [step % 256, step // 256 % 256, step // 65536 % 256, step // 2**24, *([step * 0] * 4)]
    z = _carried([digit + known for digit, known in zip(_times(position, _GAMMA), _bytes(key + _GAMMA & _MASK), strict=True)])
    z = _times(_shifted_in(ops, z, 30), _FIRST)
    z = _times(_shifted_in(ops, z, 27), _SECOND)
    z = _shifted_in(ops, z, 31)
    n = ((z[7] - 128) * 256 + z[6]) * 65536 + z[5] * 256 + z[4]
    return n, (ops.to_float(z[3] * 65536 + z[2] * 256 + z[1]) + np.float32(0.5)) * np.float32(2.0**-24)


def quantile(limit: float | None, n: np.ndarray) -> np.ndarray:
    """The normal number that is farther from 0 than n / 2^31 of those within the limit, by their sizes; float64."""
    from statistics import NormalDist  # costs a sixth of the time to import lrcore

    within = 1.0 if limit is None else 1.0 - 2.0 * NormalDist().cdf(-limit)
    beyond = 0.5 - n * (within / 2.0**32)
    exact = [-NormalDist().inv_cdf(max(share, 2.0**-34)) if share < 0.5 else 0.0 for share in beyond.tolist()]
    return np.array(exact)
