"""Text that comes with Python, and a small GPT for it: a token is a byte, and every layer is a parameter group."""

from __future__ import annotations

import sysconfig
from dataclasses import dataclass
from pathlib import Path

import numpy as np

TOKENS, SIZE = 256, 1 << 20
"""Kinds of bytes, and how many bytes of text are used."""
Weights = dict[str, dict[str, np.ndarray]]


@dataclass(frozen=True)
class Gpt:
    """Sizes: layers of attention and of a network four times as wide, `context` bytes seen at once."""

    layers: int
    width: int
    heads: int
    context: int
    batch: int
    peak: float


SMALL = Gpt(layers=2, width=64, heads=2, context=32, batch=8, peak=4e-3)
"""For the CPU, where it only shows that the code runs."""
LARGE = Gpt(layers=12, width=768, heads=12, context=512, batch=16, peak=6e-4)
"""For an accelerator, 86 million parameters; nanoGPT's smallest has these layers and this peak."""


def group_names(gpt: Gpt) -> list[str]:
    """The groups from the input to the output: "embed", "block0", ..., "head"."""
    return ["embed", *(f"block{i}" for i in range(gpt.layers)), "head"]


def first_weights(gpt: Gpt) -> Weights:
    """{group: {name: float32 array}}; a matrix is (inputs, outputs), there are no biases, and `norm*` are factors after a layer norm.

    The network: h = token[x] + place; in each block h += attention(norm1(h) qkv) out with a causal mask, then
    h += gelu(norm2(h) up) down; at last norm(h) weight. `qkv` holds queries, keys and values side by side.
    """
    random, width = np.random.default_rng(0), gpt.width
    inwards = 0.02 / (2 * gpt.layers) ** 0.5  # so that the sum of all blocks starts as wide as one

    def normal(*shape: int, scale: float = 0.02) -> np.ndarray:
        return random.standard_normal(shape, dtype=np.float32) * np.float32(scale)

    def ones() -> np.ndarray:
        return np.ones(width, np.float32)

    def block() -> dict[str, np.ndarray]:
        return {
            "norm1": ones(), "qkv": normal(width, 3 * width), "out": normal(width, width, scale=inwards),
            "norm2": ones(), "up": normal(width, 4 * width), "down": normal(4 * width, width, scale=inwards),
        }  # fmt: skip

    return {
        "embed": {"token": normal(TOKENS, width), "place": normal(gpt.context, width)},
        **{f"block{i}": block() for i in range(gpt.layers)},
        "head": {"norm": ones(), "weight": normal(width, TOKENS)},
    }


def tokens() -> np.ndarray:
    """The first SIZE bytes of the standard library's own modules in the order of their names, uint8; they differ by Python's version."""
    found = bytearray()
    for path in sorted(Path(sysconfig.get_path("stdlib")).glob("*.py")):
        found += path.read_bytes()
        if len(found) >= SIZE:
            return np.frombuffer(bytes(found[:SIZE]), np.uint8)
    raise FileNotFoundError(
        f"The GPT trains on {SIZE:,} bytes of the standard library's .py files, and this Python has {len(found):,}. "
        "Use a Python that comes with its sources."
    )


def batches(gpt: Gpt, steps: int) -> np.ndarray:
    """Tokens of every step, int64 (steps, batch, context + 1): all but the last are the input, all but the first what is to come."""
    text = tokens()
    places = np.random.default_rng(1).integers(0, len(text) - gpt.context, (steps, gpt.batch, 1))
    return text[places + np.arange(gpt.context + 1)].astype(np.int64)
