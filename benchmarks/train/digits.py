"""Handwritten digits, and a network for them: 64 pixels, layers 64 wide, each added to its input, and ten digits."""

from __future__ import annotations

import numpy as np
from sklearn.datasets import load_digits

PIXELS, WIDTH, DIGITS, BATCH = 64, 64, 10, 64
ADAMW_PEAK, SGD_PEAK, MOMENTUM = 4e-3, 0.1, 0.9
LAYERS = 3
"""Of the network whose parameters are one group. One of n > 1 groups has a group for each of n layers."""

Layers = list[tuple[np.ndarray, np.ndarray]]


def first_weights(layers: int = LAYERS) -> Layers:
    """(weight, bias) in float32 of each layer, from the input to the output; a weight is (inputs, outputs).

    The network is h = relu(x W0 + b0), then h = h + relu(h W + b) for each layer in between, then h W + b. Those in between start
    small, so that the sum of a thousand of them does not explode.
    """
    random = np.random.default_rng(0)
    shapes = [(PIXELS, WIDTH), *[(WIDTH, WIDTH)] * (layers - 2), (WIDTH, DIGITS)]
    scales = [(2 / PIXELS) ** 0.5, *[WIDTH**-0.5 / layers] * (layers - 2), (1 / WIDTH) ** 0.5]
    return [
        (random.normal(0, scale, shape).astype(np.float32), np.zeros(shape[1], np.float32))
        for shape, scale in zip(shapes, scales, strict=True)
    ]


def adamw_peak(layers: int = LAYERS) -> float:
    """AdamW's peak. It moves every weight by about the rate, and the sum of many layers by as many times that; so from ten layers on
    it is the less the more there are."""
    return ADAMW_PEAK * min(1.0, 10 / layers)


def group_names(groups: int) -> list[str]:
    """A name for each layer that is a group."""
    return [f"layer{i}" for i in range(groups)]


def batches(steps: int) -> tuple[np.ndarray, np.ndarray]:
    """The images, float32 (steps, BATCH, PIXELS) in 0 to 1, and labels, int64 (steps, BATCH), of every step."""
    images, labels = load_digits(return_X_y=True)
    chosen = np.random.default_rng(1).integers(0, len(images), (steps, BATCH))
    return (images / 16).astype(np.float32)[chosen], labels.astype(np.int64)[chosen]
