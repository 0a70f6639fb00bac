"""The curves that every run follows, and how parameter groups share them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

import lrcore as lr

START = 0.1
"""The first rate, in terms of the peak. Not 0, as `lr.warmup_cosine` has it: torch's LinearLR refuses to start there."""


def warmup(steps: int) -> int:
    """Steps of the climb."""
    return steps // 10


def warmup_cosine(peak: float, steps: int) -> lr.Schedule:
    """A tenth of the run up to the peak, then half a cosine to 0. It ends at 0 because torch's CosineAnnealingLR has one end for all
    groups, whatever their peaks are."""
    return lr.linear(START * peak, peak, warmup(steps)) >> lr.cosine(peak, 0.0, steps - warmup(steps))


def one_cycle(peak: float, steps: int) -> lr.Schedule:
    """The curve that torch's OneCycleLR means."""
    return lr.presets.torch.OneCycleLR(peak, total_steps=steps)


def decay(groups: int) -> float:
    """What a layer's rate is, in terms of the next one's: the first layer learns half as fast as the last, however many there are."""
    return 0.5 ** (1 / groups)


def layered(rate: lr.Schedule | float, names: Sequence[str]) -> lr.Plan:
    """A plan with that rate for the last group, and less for those before it."""
    layers = lr.layerwise(rate, decay(len(names)), names)
    return lr.Plan(groups={name: {"lr": schedule} for name, schedule in layers.items()})


def rates(plan: lr.Plan, names: Sequence[str], steps: int) -> np.ndarray:
    """The plan's rates as float64, (steps, groups)."""
    return np.asarray(plan.bind(names).table(steps)).reshape(steps, len(names))
