"""The clock of a run whose plan is in seconds: what it has measured is kept, so that the run can be stopped, resumed and replayed."""

from __future__ import annotations

import json
import time
from array import array
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from itertools import pairwise
from math import isfinite
from typing import Any

import msgspec
import numpy as np

from .checks import LAST_STEP, whole
from .clocks import term_by_term
from .errors import SpecError, StateError
from .plan import BoundPlan, Plan
from .schedule import Samples, Schedule, Stretch
from .table import Table

_ENTRY = "clock"
MICROSECONDS = 1_000_000
"""A run clock counts whole microseconds, so that a time that was stored is the time that was measured."""


class RunClock:
    """Seconds of training: measured by a clock that is handed in, standing still while training does, and kept for every update.

    now : a function without arguments that returns seconds since some moment, and never goes back
    exclude_first : how many updates count no time, because they compile or warm caches, at the start and again after each resume

    The clock is started by the first step of what follows the plan, at the end of update 0; `start()` starts it earlier. While
    it is paused nothing counts: call `pause()` and `resume()`, or write `with clock.pause(): evaluate()`.
    Raises SpecError.

    >>> readings = iter([100.0, 130.0, 190.0])
    >>> clock = RunClock(now=lambda: next(readings))
    >>> [clock.microseconds(update) for update in range(4)]
    [0, 0, 30000000, 90000000]
    >>> clock.seconds
    array([ 0.,  0., 30., 90.])
    """

    def __init__(self, now: Callable[[], float] = time.monotonic, exclude_first: int = 0) -> None:
        if not callable(now):
            raise SpecError("now", "a function that returns seconds", now, "Leave it out for time.monotonic.")
        self.now = now
        self.exclude_first = whole(exclude_first, "exclude_first")
        self._times = array("q", [0])
        self._counted = 0
        self._stand()

    def _stand(self) -> None:
        """Stand still until the next step, or `start()`."""
        self._since: int | None = None
        self._last: int | None = None
        self._pauses = 0
        self._was_running = False  # when the first of the pauses began
        self._left = self.exclude_first

    # -- running and pausing -------------------------------------------------------------------------------------------

    def _reading(self) -> int:
        reading = self.now()
        if isinstance(reading, bool) or not isinstance(reading, int | float) or not isfinite(reading):
            raise SpecError("now()", "a finite number of seconds", reading)
        microseconds = round(reading * MICROSECONDS)
        if self._last is not None and microseconds < self._last:
            hint = "Take a clock that never goes back, such as time.monotonic."
            raise SpecError("now()", f"at least the {self._last / MICROSECONDS} seconds it showed before", reading, hint)
        self._last = microseconds
        return microseconds

    def start(self) -> None:
        """Start the clock now, and not at the first step. One that runs goes on as it is."""
        if self._since is None and not self._pauses:
            self._since = self._reading()

    def pause(self) -> RunClock:
        """Stop the clock until `resume()`, or until the end of the `with` block; pauses within pauses count as one."""
        if not self._pauses:
            self._was_running = self.running
            self._count()
            self._since = None
        self._pauses += 1
        return self

    def resume(self) -> None:
        """Let a paused clock run again; one that had not been started goes on waiting for the first step."""
        if not self._pauses:
            raise SpecError("resume()", "a clock that is paused", self, "Call pause() first.")
        self._pauses -= 1
        if not self._pauses and self._was_running:
            self._since = self._reading()

    def __enter__(self) -> RunClock:
        return self

    def __exit__(self, *error: object) -> None:
        self.resume()

    def _count(self) -> None:
        """Count the time since the clock was last looked at, or leave it out."""
        if self._since is not None:
            reading = self._reading()
            self._counted += 0 if self._left else reading - self._since
            self._since = reading

    @property
    def running(self) -> bool:
        """Whether time counts at this moment."""
        return self._since is not None

    @property
    def elapsed(self) -> float:
        """Seconds of training so far."""
        self._count()
        return self._counted / MICROSECONDS

    # -- what was observed ---------------------------------------------------------------------------------------------

    @property
    def updates(self) -> int:
        """How many updates have a time: those from 0 up to the one that comes next."""
        return len(self._times)

    @property
    def seconds(self) -> np.ndarray:
        """Seconds of training before each update, float64 (updates,)."""
        return np.array(self._times, dtype=np.float64) / MICROSECONDS

    def microseconds(self, update: int) -> int:
        """Microseconds of training before an update: what was observed, and of the next update what is observed now.

        Raises SpecError for an update further on.
        """
        update = whole(update, "update")
        if update < len(self._times):
            return self._times[update]
        if update > len(self._times):
            hint = "The time of an update is known when the run gets there."
            raise SpecError("update", f"an update up to {len(self._times)}, the next one", update, hint)
        self._count()
        self.start()
        self._left = max(self._left - 1, 0)
        self._times.append(self._counted)
        return self._counted

    def rewind(self, update: int) -> None:
        """Go back to an update that has a time, and forget those after it.

        >>> readings = iter(range(100))
        >>> clock = RunClock(now=lambda: next(readings))
        >>> [clock.microseconds(update) for update in (1, 2, 3)]
        [0, 1000000, 2000000]
        >>> clock.rewind(1)
        >>> clock.seconds
        array([0., 0.])
        """
        self._counted = self._times[whole(update, "update", high=len(self._times) - 1)]
        del self._times[update + 1 :]
        if self._since is not None:
            self._since = self._reading()

    # -- plans ---------------------------------------------------------------------------------------------------------

    def bind(self, plan: Plan, names: Iterable[str] | None = None) -> TimedPlan:
        """Meet a plan in seconds with the groups there are, as `plan.bind` does, on this clock."""
        if not isinstance(plan, Plan) or plan.unit != "seconds":
            raise SpecError("plan", 'a Plan with unit="seconds"', plan, "Only such a plan follows a RunClock.")
        known, columns, schedules = plan.met(names)
        return TimedPlan(plan, known, columns, tuple(map(_in_microseconds, schedules)), self)

    def replay(self, plan: Plan) -> Plan:
        """The run as a plan of updates: every schedule as the values it has had at the times observed so far.

        It needs no clock, and gives the same bits as the run in every binding; rules are kept as they are.

        >>> import lrcore as lr
        >>> readings = iter([0.0, 1.0, 3.0])
        >>> clock = RunClock(now=lambda: next(readings))
        >>> bound = clock.bind(lr.Plan(lr.linear(1.0, 0.0, 4), unit="seconds"))
        >>> [bound.row(update).item() for update in range(4)]
        [1.0, 1.0, 0.75, 0.25]
        >>> list(clock.replay(bound.plan).table()["default", "lr"])
        [1.0, 1.0, 0.75, 0.25]
        """
        if not isinstance(plan, Plan) or plan.unit != "seconds":
            raise SpecError("plan", 'a Plan with unit="seconds"', plan, "A plan in another unit is its own replay.")
        times = np.array(self._times, dtype=np.int64)

        def seen(fields: Mapping[str, Schedule | None]) -> dict[str, Schedule | None]:
            return {field: None if schedule is None else _observed(schedule, plan.horizon, times) for field, schedule in fields.items()}

        groups = [(pattern, seen(fields)) for pattern, fields in plan.groups]
        return Plan(fields=seen(plan.defaults), groups=groups, horizon=len(times), adapt=plan.adapt)

    # -- state ---------------------------------------------------------------------------------------------------------

    def state_dict(self) -> dict[str, Any]:
        """Microseconds of training so far, and before every update, as plain Python types."""
        self._count()
        return {"microseconds": self._counted, "times": self._times.tolist()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from a state, standing still until the next step. Raises StateError, and then nothing is changed."""
        self._take(_checked(state))

    def _take(self, saved: _State) -> None:
        self._times, self._counted = array("q", saved.times), saved.microseconds
        self._stand()

    def binding(self) -> dict[str, int | str]:
        """The state as an entry of what `make_state(..., binding=...)` stores: times take some ten bytes an update."""
        return {_ENTRY: json.dumps(self.state_dict(), separators=(",", ":"))}

    def load(self, state: Mapping[str, Any]) -> None:
        """Go on from what `make_state` returned for a run with a clock. Raises StateError, and then nothing is changed."""
        self._take(_of_a_run(state))

    @staticmethod
    def saved(state: Mapping[str, Any]) -> int:
        """Microseconds of training before the step that such a state is at; StateError as for `load`."""
        return _of_a_run(state).times[-1]

    def __reduce__(self) -> tuple[Any, ...]:
        """A copy has seen the same and stands still: it is of another run, or of another process, whose clock reads otherwise."""
        return _stopped, (type(self), self.now, self.exclude_first, self.state_dict())

    def __repr__(self) -> str:
        how = "paused" if self._pauses else "running" if self.running else "standing"
        return f"RunClock({self._counted / MICROSECONDS:,.1f} s before update {len(self._times) - 1:,}, {how})"


class _State(msgspec.Struct, forbid_unknown_fields=True):
    microseconds: int
    times: list[int]


def _checked(state: Any) -> _State:
    try:
        saved = msgspec.convert(state, _State)
        if saved.times[:1] != [0]:
            raise SpecError("times[0]", "0", saved.times[:1])
        for i, (before, after) in enumerate(pairwise([*saved.times, saved.microseconds])):
            path = f"times[{i + 1}]" if i + 1 < len(saved.times) else "microseconds"
            whole(after, path, low=before, high=LAST_STEP)
    except (msgspec.ValidationError, SpecError) as error:
        reason = str(error).replace("`", "").rstrip(".")
        raise StateError(f"The times of the run are incomplete or altered: {reason}. Load another checkpoint.") from None
    return saved


def _of_a_run(state: Mapping[str, Any]) -> _State:
    """The times in a state of a run, one for every update up to its step."""
    entry = state.get("binding", {}).get(_ENTRY)
    if entry is None:
        hint = "Load a checkpoint of a run with a RunClock."
        raise StateError(f"The state has no times, which a plan in seconds needs to go on. {hint}")
    try:
        saved = _checked(json.loads(entry))
    except (TypeError, ValueError) as error:
        raise StateError(f"The times of the run are incomplete or altered: {error}. Load another checkpoint.") from None
    if len(saved.times) != max(state["step"], 0) + 1:
        raise StateError(
            f"The times of the run are incomplete or altered: at step {state['step']:,} there are {len(saved.times):,} of them. "
            "Load another checkpoint."
        )
    return saved


def _stopped(kind: type[RunClock], now: Callable[[], float], exclude_first: int, state: dict[str, Any]) -> RunClock:
    clock = kind(now, exclude_first)
    clock.load_state_dict(state)
    return clock


def _in_microseconds(schedule: Schedule) -> Schedule:
    return term_by_term(schedule, lambda term: Stretch(term, float(MICROSECONDS)))


def _observed(schedule: Schedule, horizon: int | None, times: np.ndarray) -> Samples:
    """The values of a schedule in seconds at times in microseconds."""
    resolved = schedule if schedule.resolved or horizon is None else schedule.over(horizon)
    return Samples(_in_microseconds(resolved)(times))  # type: ignore[arg-type]


@dataclass(frozen=True, repr=False)
class TimedPlan(BoundPlan):
    """A plan in seconds met with the groups there are; made by `run_clock.bind(plan, names)`.

    Its program runs on microseconds; `row` and `current` take updates and have the values at the time observed before them.
    """

    run_clock: RunClock

    def row(self, step: int, out: np.ndarray | None = None) -> np.ndarray:
        """The values of all columns at an update that has a time, or is the next one, whose time is then observed."""
        return self.program.row(self.run_clock.microseconds(step), out)

    def table(self, count: int | None = None, start: int = 0, *, dtype: Any = np.float64) -> Table:
        """The table of the updates observed so far."""
        return self.run_clock.replay(self.plan).bind(self.names).table(count, start, dtype=dtype)

    def plot(self, steps: int | None = None, axes: Any = None, **how: Any) -> Any:
        """Draw every field over the updates observed so far; the arguments are those of `BoundPlan.plot`."""
        return self.run_clock.replay(self.plan).bind(self.names).plot(steps, axes, **how)
