"""The rules of a plan in Keras: they run on the host, and what their events make of a rate is a variable of the compiled step.

A rate after events is a function of the scheduled one that is made of straight pieces: below the minimum it stays, above it is
multiplied, and in between it is the minimum. The pieces are worked out on the host, in float64, whenever there is an event. The
compiled step looks up the one that its rate is in, so that an event retraces nothing and a step costs the same after any number.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import numpy as np
from keras import ops

import lrcore as lr

from .ops import on_host, tensor_of

ROOM = 256
"""Pieces that the variable holds of a function. Most have three; of one with more, those of the lowest rates are left out."""


class Pieces(NamedTuple):
    """x -> slopes[i] * x + offsets[i] for uppers[i - 1] < x <= uppers[i]; float64, the last upper is infinite."""

    uppers: np.ndarray
    slopes: np.ndarray
    offsets: np.ndarray

    def after(self, other: Pieces) -> Pieces:
        """This function of the other one's value."""
        lowers = np.r_[-np.inf, other.uppers[:-1]]
        with np.errstate(divide="ignore", invalid="ignore"):
            found = (self.uppers[:-1, None] - other.offsets) / other.slopes  # where the other one's value passes into another piece
        inside = (other.slopes > 0) & (found > lowers) & (found < other.uppers)
        uppers = np.unique(np.r_[other.uppers, found[inside]])
        lowers = np.r_[uppers[0] - 2, uppers[:-1]]
        with np.errstate(over="ignore"):
            middles = np.where(np.isinf(uppers), 2 * np.abs(lowers) + 1, (lowers + uppers) / 2)
        of_other = np.searchsorted(other.uppers, middles)
        slopes, offsets = other.slopes[of_other], other.offsets[of_other]
        ours = np.searchsorted(self.uppers, slopes * middles + offsets)
        slopes, offsets = self.slopes[ours] * slopes, self.slopes[ours] * offsets + self.offsets[ours]
        last = np.r_[(np.diff(slopes) != 0) | (np.diff(offsets) != 0), True]
        return Pieces(uppers[last], slopes[last], offsets[last])

    def packed(self) -> np.ndarray:
        """As float32 (3, ROOM)."""
        packed = np.zeros((3, ROOM), np.float32)
        packed[0] = np.inf
        kept = min(len(self.uppers), ROOM)
        for row, values in zip(packed, self, strict=True):
            row[:kept] = values[-kept:]
        return packed


UNCHANGED = Pieces(np.array([np.inf]), np.array([1.0]), np.array([0.0]))


def pieces_of(machine: lr.Adaptation, group: str = "default") -> Pieces:
    """What the events of a rule make of a group's rate: `machine.rate` as a function of the scheduled rate."""
    rule: Any = machine.rule
    if getattr(rule, "convention", None) == "optax":  # whose events scale, whatever the rate
        return UNCHANGED._replace(slopes=np.array([machine.rate(1.0, group)]))
    pieces, (low, high) = UNCHANGED, machine.limits(group)
    for _, factor in machine.events:
        pieces = UNCHANGED if factor is None else _changes(factor, low, high, getattr(rule, "eps", 0.0)).after(pieces)
    return pieces


def _changes(factor: float, low: float, high: float, eps: float) -> Pieces:
    """What one event makes of a rate: what `lr.Adaptation` says, by the rates at which it says something else."""
    if factor > 1:
        first, full, last = eps / (factor - 1), high / factor, high - eps
        if first >= last:
            return UNCHANGED
        edges = [(first, 1.0, 0.0), (full, factor, 0.0), (last, 0.0, high), (np.inf, 1.0, 0.0)]
    else:
        first = max(low + eps, eps / (1 - factor) if factor < 1 else np.inf)
        edges = [(first, 1.0, 0.0), (low / factor if factor else np.inf, 0.0, low), (np.inf, factor, 0.0)]
    kept = [edge for i, edge in enumerate(edges) if edge[0] > max((before[0] for before in edges[:i]), default=-np.inf)]
    uppers, slopes, offsets = (np.array(column) for column in zip(*kept, strict=True))
    return Pieces(uppers, slopes, offsets)


class AdaptedRates:
    """The rules of a bound plan, running, and the rates that the compiled step has of them.

    bound : a plan with rules, met with its groups
    """

    def __init__(self, bound: lr.BoundPlan) -> None:
        self.running = bound.begin()
        self._variable: Any = None
        self._place: dict[str, int] = {}
        self._chosen: list[tuple[lr.Adaptation, str]] = []  # of groups with one rule and one minimum, one
        known: dict[Any, int] = {}
        for group in self.running.groups:
            machine = self._machine(group)
            key = id(machine), machine.limits(group)
            if key not in known:
                known[key] = len(self._chosen)
                self._chosen.append((machine, group))
            self._place[group] = known[key]

    def _machine(self, group: str) -> lr.Adaptation:
        machine = self.running.of(group)
        assert machine is not None
        return machine

    def build(self, optimizer: Any) -> Any:
        """Give an optimizer the variable that the compiled step reads; returns it."""
        table = self._table()
        self._variable = optimizer.add_variable(
            table.shape, lambda shape, dtype: ops.convert_to_tensor(table, dtype), "float32", name="rules"
        )
        return self._variable

    def _table(self) -> np.ndarray:
        return np.stack([pieces_of(machine, group).packed() for machine, group in self._chosen])

    def observe(self, metric: Any, step: int, group: str | None = None) -> list[lr.Event]:
        """Feed a metric; the next step has the rates after the events that it makes."""
        events = self.running.observe(metric, step, group)
        if events:
            self._show()
        return events

    def load(self, entries: Iterable[Any]) -> None:
        """Go on from the events of a state."""
        self.running.load_state_dict(entries)
        self._show()

    def _show(self) -> None:
        if self._variable is not None:
            self._variable.assign(self._table())

    def rate(self, group: str, scheduled: Any, count: Any) -> Any:
        """The rate in force where the schedule says `scheduled`: exact on the host, in a compiled step by the variable's pieces."""
        if group not in self._place:
            return scheduled
        if self._variable is None or on_host(tensor_of(count)):
            return ops.convert_to_tensor(np.float32(self._machine(group).rate(float(scheduled), group)))
        uppers, slopes, offsets = ops.unstack(self._variable.value[self._place[group]], 3)
        scheduled = ops.cast(ops.convert_to_tensor(scheduled), "float32")
        place = ops.sum(ops.cast(scheduled > uppers, "int32"))
        return ops.take(slopes, place) * scheduled + ops.take(offsets, place)


def checkpointed(adapted: Callable[[], AdaptedRates | None]) -> Any:
    """What the rules remember, for tf.train.Checkpoint, which keeps the variables of an optimizer and no more unless it is told."""
    import tensorflow as tf

    class Remembered(tf.train.experimental.PythonState):  # type: ignore[misc]
        def serialize(self) -> str:
            rules = adapted()
            return json.dumps([] if rules is None else rules.running.state_dict())

        def deserialize(self, text: str) -> None:
            if (rules := adapted()) is not None:
                rules.load(json.loads(text))

    return Remembered()
