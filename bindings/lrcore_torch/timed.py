"""The values of a plan in seconds on a device: worked out on the host at every step, where the clock is, and copied."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

import lrcore as lr


class TimedRows:
    """What DeviceRows is for a plan of updates, as far as a clock on the host can be followed: without `advance`.

    flat : float32 (columns,); the values in force, in the plan's order of columns; its address never changes
    count, adapt : as DeviceRows has them
    """

    complete = True

    def __init__(self, bound: lr.BoundPlan, device: torch.device, adapt: Callable[[np.ndarray], None] | None = None) -> None:
        self.device, self.adapt = device, adapt
        self.flat = torch.zeros(len(bound.columns), device=device)
        self.count = torch.zeros(1, dtype=torch.int64, device=device)
        self._program = bound.program

    def load(self, bound: lr.BoundPlan, step: int, captured: bool) -> None:
        """Another plan for the same columns."""
        self._program = bound.program

    def go_to(self, microseconds: int) -> None:
        """Copy the row of a time into the flat vector."""
        row = self._program.rows(1, microseconds)
        if self.adapt is not None:
            self.adapt(row)
        self.flat.copy_(torch.from_numpy(row[0].astype(np.float32)))

    def cover(self, step: int) -> bool:
        """Nothing is kept ahead."""
        return False

    def advance(self, found_inf: Tensor | None = None) -> None:
        raise lr.PlanError(_ON_THE_HOST)

    @property
    def window(self) -> range:
        raise lr.PlanError(_ON_THE_HOST)

    @window.setter
    def window(self, steps: range) -> None:
        raise lr.PlanError(_ON_THE_HOST)


_ON_THE_HOST = "A plan in seconds follows a clock on the host, which a captured or compiled step does not read. Call step(), outside of it."
