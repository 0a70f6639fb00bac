"""The same schedules as others write them. A row per schedule; what a peer lacks is None in it.

NumPy and optax get their steps as an array made beforehand, though lrcore needs none; arrays are new each time on both sides.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from types import ModuleType
from typing import Any

import numpy as np

import lrcore as lr

from .schedules import LOW, PEAK


@dataclass(frozen=True)
class Peers:
    """One schedule of n steps: ours, a function of one step in plain Python, NumPy's expression of the steps t, and libraries."""

    ours: Callable[[int], lr.Schedule]
    python: Callable[[int], Callable[[int], float]]
    numpy: Callable[[np.ndarray, int], np.ndarray]
    optax: Callable[[Any, int], Any]
    torch: Callable[[Any, Any, int], Any]
    lrsched: Callable[[Any, int], Callable[[int], float]]
    timm: Callable[[Any, Any, int], Any] | None = None
    keras: Callable[[Any, int], Callable[[Any], Any]] | None = None


@cache
def timm_schedulers() -> Any:
    """timm.scheduler alone: the package itself imports torchvision, which the schedulers do not need."""
    kept = {name: module for name, module in sys.modules.items() if name.partition(".")[0] == "timm"}
    if "timm.scheduler" in kept:
        return kept["timm.scheduler"]
    found = find_spec("timm")
    if found is None:
        raise ImportError("timm is not installed. `make bench` installs it.")
    sys.modules["timm"] = package = ModuleType("timm")
    package.__path__ = list(found.submodule_search_locations or [])
    try:
        return import_module("timm.scheduler")
    finally:  # whoever imports timm after this gets the whole of it
        for name in [name for name in sys.modules if name.partition(".")[0] == "timm"]:
            del sys.modules[name]
        sys.modules.update(kept)


def _wave(u: Any, cos: Any, pi: float = math.pi) -> Any:
    return LOW + (PEAK - LOW) * (1 + cos(pi * u)) / 2


def _warmup_cosine(n: int) -> Callable[[int], float]:
    w = n // 100
    return lambda t: PEAK * t / w if t < w else _wave(min((t - w) / (n - w), 1.0), math.cos)


def _wsd(n: int) -> Callable[[int], float]:
    w, d = n // 100, n // 5
    return lambda t: PEAK * t / w if t < w else PEAK if t < n - d else PEAK * max(n - t, 0) / d


def _lambda_lr(torch: Any, optimizer: Any, rate: Callable[[int], float]) -> Any:
    """What torch's users do for lack of a scheduler: a function of the step, times the optimizer's rate."""
    return torch.LambdaLR(optimizer, lambda t: rate(t) / PEAK)


PEERS: dict[str, Peers] = {
    "linear": Peers(
        ours=lambda n: lr.linear(PEAK, LOW, n),
        python=lambda n: lambda t: PEAK + (LOW - PEAK) * min(t / n, 1.0),
        numpy=lambda t, n: PEAK + (LOW - PEAK) * t / n,
        optax=lambda optax, n: optax.linear_schedule(PEAK, LOW, n),
        torch=lambda torch, optimizer, n: torch.LinearLR(optimizer, 1.0, LOW / PEAK, n),
        lrsched=lambda lrsched, n: lrsched.linear(base_lr=PEAK, end_lr=LOW, total_steps=n),
        timm=lambda timm, optimizer, n: timm.PolyLRScheduler(optimizer, n, power=1.0, lr_min=LOW, t_in_epochs=False),
        keras=lambda keras, n: keras.PolynomialDecay(PEAK, n, LOW),
    ),
    "cosine": Peers(
        ours=lambda n: lr.cosine(PEAK, LOW, n),
        python=lambda n: lambda t: _wave(min(t / n, 1.0), math.cos),
        numpy=lambda t, n: LOW + (PEAK - LOW) * (1 + np.cos(np.pi * t / n)) / 2,
        optax=lambda optax, n: optax.cosine_decay_schedule(PEAK, n, LOW / PEAK),
        torch=lambda torch, optimizer, n: torch.CosineAnnealingLR(optimizer, n, LOW),
        lrsched=lambda lrsched, n: lrsched.cosine(base_lr=PEAK, min_lr=LOW, total_steps=n),
        timm=lambda timm, optimizer, n: timm.CosineLRScheduler(optimizer, n, lr_min=LOW, t_in_epochs=False),
        keras=lambda keras, n: keras.CosineDecay(PEAK, n, LOW / PEAK),
    ),
    "exponential": Peers(
        ours=lambda n: lr.exponential(PEAK, LOW, n),
        python=lambda n: lambda t: PEAK * (LOW / PEAK) ** min(t / n, 1.0),
        numpy=lambda t, n: PEAK * (LOW / PEAK) ** (t / n),
        optax=lambda optax, n: optax.exponential_decay(PEAK, n, LOW / PEAK),
        torch=lambda torch, optimizer, n: torch.ExponentialLR(optimizer, (LOW / PEAK) ** (1 / n)),
        lrsched=lambda lrsched, n: lrsched.exponential_decay(base_lr=PEAK, decay_rate=LOW / PEAK, decay_steps=n),
        timm=lambda timm, optimizer, n: timm.StepLRScheduler(optimizer, 1, (LOW / PEAK) ** (1 / n), t_in_epochs=False),
        keras=lambda keras, n: keras.ExponentialDecay(PEAK, n, LOW / PEAK),
    ),
    "polynomial power=2.5": Peers(
        ours=lambda n: lr.polynomial(PEAK, 0.0, n, 2.5),
        python=lambda n: lambda t: PEAK * max(1 - t / n, 0.0) ** 2.5,
        numpy=lambda t, n: PEAK * (1 - t / n) ** 2.5,
        optax=lambda optax, n: optax.polynomial_schedule(PEAK, 0.0, 2.5, n),
        torch=lambda torch, optimizer, n: torch.PolynomialLR(optimizer, n, 2.5),
        lrsched=lambda lrsched, n: lrsched.polynomial(base_lr=PEAK, end_lr=0.0, total_steps=n, power=2.5),
        timm=lambda timm, optimizer, n: timm.PolyLRScheduler(optimizer, n, power=2.5, t_in_epochs=False),
        keras=lambda keras, n: keras.PolynomialDecay(PEAK, n, 0.0, 2.5),
    ),
    "warmup_cosine": Peers(
        ours=lambda n: lr.warmup_cosine(PEAK, warmup=n // 100, steps=n, stop=LOW),
        python=_warmup_cosine,
        numpy=lambda t, n: np.where(t < n // 100, PEAK * t / (n // 100), _wave((t - n // 100) / (n - n // 100), np.cos)),
        optax=lambda optax, n: optax.warmup_cosine_decay_schedule(0.0, PEAK, n // 100, n, LOW),
        torch=lambda torch, optimizer, n: _lambda_lr(torch, optimizer, _warmup_cosine(n)),
        lrsched=lambda lrsched, n: lrsched.with_warmup(
            lrsched.cosine(base_lr=PEAK, min_lr=LOW, total_steps=n - n // 100), warmup_steps=n // 100, start_lr=0.0
        ),
        timm=lambda timm, optimizer, n: timm.CosineLRScheduler(
            optimizer, n - n // 100, lr_min=LOW, warmup_t=n // 100, warmup_prefix=True, t_in_epochs=False
        ),
        keras=lambda keras, n: keras.CosineDecay(0.0, n - n // 100, LOW / PEAK, warmup_target=PEAK, warmup_steps=n // 100),
    ),
    "wsd": Peers(
        ours=lambda n: lr.wsd(PEAK, warmup=n // 100, decay=n // 5, steps=n),
        python=_wsd,
        numpy=lambda t, n: np.where(t < n // 100, PEAK * t / (n // 100), PEAK * np.minimum((n - t) / (n // 5), 1.0)),
        optax=lambda optax, n: optax.join_schedules(
            [optax.linear_schedule(0.0, PEAK, n // 100), optax.constant_schedule(PEAK), optax.linear_schedule(PEAK, 0.0, n // 5)],
            [n // 100, n - n // 5],
        ),
        torch=lambda torch, optimizer, n: _lambda_lr(torch, optimizer, _wsd(n)),
        lrsched=lambda lrsched, n: lrsched.warmup_stable_decay(
            base_lr=PEAK, warmup_steps=n // 100, decay_steps=n // 5, total_steps=n, final_lr=0.0, warmup_start=0.0, decay_shape="linear"
        ),
        timm=lambda timm, optimizer, n: timm.WSDLRScheduler(
            optimizer, n - n // 100, n // 5, decay_fn="linear", warmup_t=n // 100, t_in_epochs=False
        ),
    ),
}
