from typing import Any

import numpy as np

KINDS: tuple[str, ...]

class Watch:
    def __init__(
        self,
        kind: str,
        maximise: bool = False,
        relative: bool = False,
        *,
        factor: float,
        threshold: float,
        atol: float = 0,
        eps: float | None = 0,
        min_scale: float = 0,
        patience: int = 0,
        cooldown: int = 0,
        warmup: int = 0,
        reset_start: int = 0,
        size: int = 0,
    ) -> None: ...
    def begin(self) -> None: ...
    def better(self, metric: float, best: float) -> bool: ...
    def observe(self, metric: float, groups: list[tuple[float, float, float]]) -> float | None: ...
    def rate(self, scheduled: float, low: float, high: float) -> float: ...
    def apply(self, scheduled: np.ndarray, low: float, high: float) -> None: ...
    def replay(self, metrics: np.ndarray, rate: float, low: float, high: float, verdicts: np.ndarray, rates: np.ndarray) -> None: ...
    def factor(self, verdict: int) -> float: ...
    def state(self) -> dict[str, Any]: ...
    def restore(
        self,
        seen: bool,
        best: float,
        sum: float,
        bad: int,
        good: int,
        cooling: int,
        warming: int,
        left: int,
        count: int,
        window: list[float],
        factors: list[float],
    ) -> None: ...
