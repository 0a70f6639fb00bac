"""A row of the training benchmark: a backend, a model and a kind of step under one schedule, and what was measured of it."""

from __future__ import annotations

from dataclasses import dataclass, field


class NotRunError(Exception):
    """A backend, or one of its rows, cannot be run here; the message is the sentence that the row tells."""


@dataclass(kw_only=True)
class Row:
    """What was measured; everything below `schedule` is None, or empty, of a row that was not run, which has a `reason`."""

    backend: str
    """ "torch", "keras-torch", "keras-jax", "keras-tensorflow", "jax" or "numpy" """
    model: str
    """ "mlp" or "gpt" """
    step: str
    """How a step is run: "eager", "foreach", "fused", "compiled", "cuda graph", "train_on_batch", "jit", "python"; "" for all of them."""
    groups: int
    """Parameter groups, each with a rate of its own."""
    schedule: str
    """What drives the rate: "constant", the name of a scheduler of the framework's, "lrcore host", "lrcore device", "lrcore table"."""

    step_ms: float | None = None
    """Milliseconds a training step takes: the median of the repeats. `low_ms` to `high_ms` is their middle half."""
    low_ms: float | None = None
    high_ms: float | None = None
    over_constant: float | None = None
    """Percent that a step takes longer than at a constant rate: the median of the ratios in the same repeat."""
    over_low: float | None = None
    over_high: float | None = None
    scheduler_us: float | None = None
    """Microseconds that the scheduler's call keeps the host. None: there is no such call, the schedule is part of the step."""
    recompilations: int | None = None
    """Compilations after the second step. None, also of the two below: this backend has no counter for them."""
    synchronisations: float | None = None
    """A step's waits of the host for the device, and its copies between the two, as the profiler counts them."""
    copies: float | None = None
    rate_error: float | None = None
    """The largest relative difference between a rate that was used and the plan's, over all steps and groups, after the cast to the
    type in which the rates are kept. 0.0: the same bits."""
    rates: list[float] = field(default_factory=list)
    """The rates that were used, of the last group, step by step; `losses` are those of the same steps."""
    losses: list[float] = field(default_factory=list)
    final_loss: float | None = None
    loss_difference: float | None = None
    """The final loss less the one under the framework's own scheduler on the same curve. None: there is none to compare with."""
    reason: str | None = None
    """Why the row was not run, as a sentence; None if it was."""

    def __str__(self) -> str:
        kind = f", {self.step}" if self.step else ""
        return f"{self.backend}, {self.model}{kind}, {self.groups:,} group{'s' * (self.groups != 1)}, {self.schedule}"
