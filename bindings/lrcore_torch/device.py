"""The values of a plan on a device: one flat vector that the groups' rates are views of, updated without a word from the host."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

import lrcore as lr

TABLE_BYTES = 64 * 2**20
"""Memory on the device for all rows of a plan."""

WINDOW_BYTES = 4 * 2**20
"""Memory for the rows at hand of a plan that needs more, or has no end."""


class DeviceRows:
    """A device's window on a plan.

    flat : float32 (columns,); the values in force, in the plan's order of columns; its address never changes
    count : int64 (1,); the step they belong to
    rows : (capacity, ...); row `step % capacity` for each step of the window. Float32 (capacity, columns) if that fits the memory,
        else the float64 values of the schedules that the columns share, which are scaled and rounded on the device
    window : the steps the rows are of, as a range
    adapt : applies the events of the plan's rules to float64 rows of all columns, in place; None for a plan without rules

    `go_to` and `advance` are the same few operations in place on the device, and can be captured, compiled, and mixed. A plan that
    ends is on the device as a whole if it fits, and the last row then holds for ever; of any other the window has to be moved by
    `cover`, and until then a step beyond it keeps the window's last row.
    """

    def __init__(self, bound: lr.BoundPlan, device: torch.device, adapt: Callable[[np.ndarray], None] | None = None) -> None:
        self.device, self.adapt = device, adapt
        self.flat = torch.zeros(len(bound.columns), device=device)
        self.count = torch.zeros(1, dtype=torch.int64, device=device)
        self._last = torch.zeros(1, dtype=torch.int64, device=device)
        self._index = torch.zeros(1, dtype=torch.int64, device=device)
        self._wide = self.flat.view(1, -1)
        self.rows, self._which, self._scales = self._room(bound)
        self._shared = self._row()
        self._upload(bound, 0)

    def _room(self, bound: lr.BoundPlan) -> tuple[Tensor, Tensor | None, Tensor | None]:
        """Where the rows will be, and for shared schedules where each column finds its own and by what it is scaled."""
        sources, which, scales = bound.sources
        columns, needed = len(bound.columns), _needed(sources)
        plain, shared = columns * 4, len(sources) * 8  # bytes of a row
        if self.adapt is not None or plain <= shared or (needed is not None and needed * plain <= TABLE_BYTES):
            return torch.zeros((_capacity(needed, plain), columns), device=self.device), None, None
        rows = torch.zeros((_capacity(needed, shared), len(sources)), dtype=torch.float64, device=self.device)
        return rows, torch.tensor(which, device=self.device), torch.tensor(scales, dtype=torch.float64, device=self.device)

    def _row(self) -> Tensor:
        """Room for one row of shared schedules, or the flat vector itself."""
        return self._wide if self._which is None else torch.zeros_like(self.rows[:1])

    def load(self, bound: lr.BoundPlan, step: int, captured: bool) -> None:
        """Another plan for the same columns, in the same memory where it fits; PlanError where a captured step would not see it."""
        rows, which, scales = self._room(bound)
        if captured and (rows.shape != self.rows.shape or (which is None) != (self._which is None)):
            raise lr.PlanError(
                f"The captured step reads {self.rows.shape[0]:,} rows of {self.rows.shape[1]:,} values, and the new plan needs "
                f"{rows.shape[0]:,} of {rows.shape[1]:,}. Make a new scheduler, and capture or compile the step again."
            )
        if rows.shape != self.rows.shape or rows.dtype != self.rows.dtype:
            self.rows, self._which, self._scales = rows, which, scales
            self._shared = self._row()
        elif which is not None and scales is not None and self._which is not None and self._scales is not None:
            self._which.copy_(which)
            self._scales.copy_(scales)
        self._upload(bound, step)

    def _upload(self, bound: lr.BoundPlan, step: int) -> None:
        sources, _, _ = bound.sources
        self._program = bound.program if self._which is None else lr.compile_columns(sources)
        needed = _needed(sources)
        self.complete = needed is not None and needed <= len(self.rows)
        self.window = range(0)
        self.cover(step)

    def cover(self, step: int) -> bool:
        """Move the window so that it holds `step` and what follows; returns whether it had to move."""
        if self.window and (self.complete or step in self.window):
            return False
        first = 0 if self.complete else step
        capacity = len(self.rows)
        dtype = np.float32 if self._which is None else np.float64
        rows = self._program.rows(capacity, first, dtype=dtype if self.adapt is None else np.float64)
        if self.adapt is not None:
            self.adapt(rows)
        # the rows of steps first ... go to places first % capacity ..., and around
        turned = np.roll(rows.astype(dtype, copy=False), first % capacity, axis=0)
        host = torch.from_numpy(turned)
        if self.device.type == "cuda":  # from pinned memory the copy waits for nobody
            host = host.pin_memory()
        self.rows.copy_(host, non_blocking=True)
        self.window = range(first, first + capacity)
        self._last.fill_(self.window[-1])
        return True

    def go_to(self, step: int) -> None:
        """Put the row of a step into the flat vector. SpecError for a step that a schedule refuses."""
        self.cover(step)
        if step > self.window[-1] and self._program.may_refuse:
            self._program.row(step)
        self.count.fill_(step)
        self._gather()

    def advance(self, found_inf: Tensor | None = None) -> None:
        """Go on by one step, or stay where found_inf, a tensor of one element, is not 0."""
        if found_inf is None:
            self.count.add_(1)
        else:
            self.count.add_((found_inf == 0).reshape(1).to(torch.int64))
        self._gather()

    def _gather(self) -> None:
        # never rows[count]: an index that is a tensor without dimensions is read by the host
        torch.minimum(self.count, self._last, out=self._index)
        self._index.remainder_(self.rows.shape[0])
        torch.index_select(self.rows, 0, self._index, out=self._shared)
        if self._which is not None and self._scales is not None:
            self._wide.copy_(self._shared.index_select(1, self._which) * self._scales)


def _capacity(needed: int | None, row: int) -> int:
    """Rows to keep, of so many bytes each: all that are needed, or a window."""
    return needed if needed is not None and needed * row <= TABLE_BYTES else max(WINDOW_BYTES // row, 2)


def _needed(sources: tuple[lr.Schedule, ...]) -> int | None:
    """Rows until nothing changes any more, or no row is allowed; None if there is no such time."""
    spans = [0 if isinstance(source, lr.Constant) else source.span for source in sources]
    ends = [span for span in spans if isinstance(span, int)]
    refused = [source.steps or 1 for source in sources if isinstance(source, lr.PastEnd) and source.mode == "error"]
    return min([max(ends) + 1, *refused]) if len(ends) == len(spans) else None
