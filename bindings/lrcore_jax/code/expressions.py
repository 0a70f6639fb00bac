"""Schedules as Python expressions that make a function of the count: calls of optax's own functions, and of `closed_forms`."""

from __future__ import annotations

import inspect
import textwrap
from itertools import accumulate, pairwise
from math import prod
from typing import Any

import lrcore as lr

from . import closed_forms

LAST = 2**31 - 1
MOST_CYCLES = 64
WIDTH = 100
"""Columns of the code that is written."""

_JOINED = {lr.Product: "product", lr.Sum: "total", lr.Minimum: "smallest", lr.Maximum: "largest"}
_KNOTS = {"linear": "linear", "cosine": "cosine", "log": "exponential"}
_NOT_BETWEEN_ENDS = {"exponential", "harmonic"}
"""Shapes whose value is not start and stop mixed: they can be scaled, and not lifted."""


class Expressions:
    """Writes schedules, and remembers which helpers they need."""

    def __init__(self) -> None:
        self._helpers: set[str] = set()
        self._where = ""

    def of(self, schedule: lr.Schedule, where: str) -> str:
        """An expression with the values of the schedule; `where` says in errors what they are of."""
        self._where = where
        return self._written(schedule)

    def helpers(self) -> str:
        """The code of the helpers used, and of those they call."""
        needed = _needed(self._helpers)
        return "\n\n\n".join(_source(name) for name in vars(closed_forms) if name in needed)

    def _written(self, schedule: lr.Schedule) -> str:
        match schedule:
            case lr.Constant():
                return f"optax.constant_schedule({schedule.value!r})"
            case lr.Ramp():
                return self._ramp(schedule)
            case lr.Curve() | lr.Per(inner=lr.Curve()) | lr.Stretch(inner=lr.Curve()):
                return self._curve(schedule)
            case lr.Knots():
                return self._knots(schedule)
            case lr.Samples(samples=values):
                if not values:
                    raise lr.PlanError(
                        f"{self._where} holds {schedule.steps:,} samples, and up to 4,096 are written into code. Drive it with {_OURS}."
                    )
                return self._call("samples", Written(_data(values)))
            case lr.Sequence():
                return self._phases(schedule)
            case lr.Product() | lr.Sum() | lr.Minimum() | lr.Maximum():
                return self._terms(schedule)
            case lr.Every() | lr.Per():
                return self._call("every" if isinstance(schedule, lr.Every) else "per", self._inner(schedule), self._counted(schedule.k))
            case lr.Until():
                return self._call("until", self._inner(schedule), self._counted(schedule.steps))
            case lr.Repeat():
                return self._cycles(schedule)
            case lr.PastEnd(mode="mirror"):
                steps = schedule.inner.own_length("steps")
                self._counted(2 * steps)
                return self._call("mirror", self._inner(schedule), steps)
            case lr.PastEnd():
                return self._written(schedule.inner)
            case lr.Stretch(inner=lr.Ramp() as ramp) if schedule.k.is_integer():
                steps = (ramp.own_length("steps") - ramp.endpoint) * int(schedule.k)
                return self._written(lr.Ramp(ramp.start, ramp.stop, max(steps, 0), ramp.shape, ramp.args))
        what = {lr.Noise: "holds random noise", lr.Stretch: "runs on a stretched clock"}.get(type(schedule), "cannot be written")
        raise lr.PlanError(f"{self._where} {what}, for which optax has no schedule. Drive it with {_OURS}, or give its values as Samples.")

    def _counted(self, steps: Any) -> Any:
        """A length, if optax can count it."""
        if steps > LAST:
            raise lr.PlanError(f"{self._where} has a phase of {steps:,} steps, and optax counts up to 2**31 - 1. Drive it with {_OURS}.")
        return steps

    def _inner(self, schedule: Any) -> Written:
        return Written(self._written(schedule.inner))

    def _call(self, helper: str, *args: Any) -> str:
        self._helpers.add(helper)
        return f"{helper}({', '.join(map(repr, args))})"

    # -- leaves --------------------------------------------------------------------------------------------------------

    def _ramp(self, ramp: lr.Ramp) -> str:
        start, stop, steps = ramp.start, ramp.stop, ramp.own_length("steps") - ramp.endpoint
        if steps <= 0 or start == stop:
            return f"optax.constant_schedule({stop!r})"
        self._counted(steps)
        falls = abs(start) >= abs(stop) and start != 0  # optax keeps the end as a part of the start
        match ramp.shape:
            case "linear":
                return f"optax.linear_schedule({start!r}, {stop!r}, {steps})"
            case "polynomial" if ramp.args[0].is_integer():  # of any other power optax's compiled end may be NaN
                return f"optax.polynomial_schedule({start!r}, {stop!r}, {ramp.args[0]!r}, {steps})"
            case "cosine" if falls:
                return f"optax.cosine_decay_schedule({start!r}, {steps}{_alpha(start, stop)})"
            case "cosine_power" if falls:
                return f"optax.cosine_decay_schedule({start!r}, {steps}{_alpha(start, stop)}, exponent={ramp.args[0]!r})"
        self._helpers.add(ramp.shape)
        return self._call("ramp", Written(ramp.shape), start, stop, steps, *ramp.args)

    def _curve(self, schedule: Any) -> str:
        curve, clock = (schedule, 1) if isinstance(schedule, lr.Curve) else (schedule.inner, schedule.k)
        if curve.shape == "geometric":
            clock = int(clock) if clock == int(clock) else clock
            stairs = ", staircase=True" if isinstance(schedule, lr.Per) else ""
            text = f"optax.exponential_decay({curve.start!r}, {clock}, {curve.args[0]!r}{stairs})"
        else:
            self._helpers.add(curve.shape)
            text = self._call("along", Written(curve.shape), curve.start, *curve.args)
            if isinstance(schedule, lr.Per):
                text = self._call("per", Written(text), clock)
            elif clock != 1:
                raise lr.PlanError(f"{self._where} runs on a stretched clock, for which optax has no schedule. Drive it with {_OURS}.")
        ends = schedule.span is not None and schedule.span <= LAST
        return self._call("until", Written(text), schedule.span) if ends else text

    def _knots(self, knots: lr.Knots) -> str:
        places, values = list(knots.positions), list(knots.knots)
        if len(values) == 1:
            return f"optax.constant_schedule({values[0]!r})"
        if knots.kind == "pchip":
            raise lr.PlanError(f"{self._where} is a smooth curve through knots, for which optax has no schedule. Drive it with {_OURS}.")
        if knots.kind != "log" and min(values[:-1]) > 0 <= values[-1] and all(place.is_integer() for place in places):
            scales = {int(place): b / a for place, a, b in zip(places[1:], values, values[1:], strict=False)}
            scales = scales if places[0] == 0 else {int(places[0]): 1.0, **scales}
            return f"optax.piecewise_interpolate_schedule({knots.kind!r}, {values[0]!r}, {_data(scales)})"
        self._helpers.add(_KNOTS[knots.kind])
        return self._call("between", Written(_KNOTS[knots.kind]), Written(_data(tuple(places))), Written(_data(tuple(values))))

    # -- joined --------------------------------------------------------------------------------------------------------

    def _phases(self, schedule: lr.Sequence) -> str:
        owning = [phase for phase in schedule.phases[:-1] if phase.span] + [schedule.phases[-1]]
        starts = [start for start in accumulate(phase.own_length("steps") for phase in owning[:-1]) if start <= LAST]
        kept = owning[: len(starts) + 1]
        if len(kept) == 1:
            return self._written(kept[0])
        levels = [phase.value for phase in kept if isinstance(phase, lr.Constant)]
        if len(levels) == len(kept) and min(levels[:-1]) > 0 <= levels[-1]:
            scales = {start: b / a for start, (a, b) in zip(starts, pairwise(levels), strict=True)}
            return f"optax.piecewise_constant_schedule({levels[0]!r}, {_data(scales)})"
        match kept:
            case [
                lr.Ramp(shape="linear", endpoint=False) as up, lr.Ramp(shape="cosine" | "cosine_power", endpoint=False, steps=int()) as down
            ] if up.stop == down.start and abs(down.start) >= abs(down.stop) and down.start and down.steps:  # fmt: skip
                options = ("" if down.stop == 0 else f", {down.stop!r}") + (f", exponent={down.args[0]!r}" if down.args else "")
                total = starts[0] + down.own_length("steps")
                return f"optax.warmup_cosine_decay_schedule({up.start!r}, {up.stop!r}, {starts[0]}, {total}{options})"
        phases = [phase.inner if isinstance(phase, lr.Until) else phase for phase in kept[:-1]] + kept[-1:]
        texts = [self._written(phase) for phase in phases]
        whole = f"optax.join_schedules([{', '.join(texts)}], {starts!r})"
        if len(whole) <= WIDTH:
            return whole
        rows = textwrap.indent("".join(f"{text},\n" for text in texts), "        ")
        return f"optax.join_schedules(\n    [\n{rows}    ],\n    {starts!r},\n)"

    def _terms(self, schedule: Any) -> str:
        if isinstance(schedule, lr.Product):
            factors = [term.value for term in schedule.terms if isinstance(term, lr.Constant)]
            others = [term for term in schedule.terms if not isinstance(term, lr.Constant)]
            if len(others) == 1 and prod(factors) > 0 and (folded := scaled(others[0], prod(factors))) is not None:
                return self._written(folded)
        terms = [Written(self._written(term)) for term in schedule.terms]
        return self._call(_JOINED[type(schedule)], *terms) if len(terms) > 1 else str(terms[0])

    def _cycles(self, schedule: lr.Repeat) -> str:
        steps = self._counted(schedule.inner.own_length("steps"))
        if schedule.growth != 1:
            return self._written(lr.Sequence(tuple(self._each_cycle(schedule, steps))))
        options = {
            name: value
            for name, value, default in (
                ("times", schedule.times, None), ("decay", schedule.decay, 1.0), ("floor", schedule.floor, 0.0),
                ("decay_floor", schedule.decay_floor, 1.0),
            )
            if value != default
        }  # fmt: skip
        return self._call("cycles", self._inner(schedule), steps, *(Written(f"{name}={value!r}") for name, value in options.items()))

    def _each_cycle(self, schedule: lr.Repeat, steps: int) -> list[lr.Schedule]:
        """Cycles that grow, one by one: few fit into 2^31 steps."""
        ramp, growth = schedule.inner, lr.ratio(schedule.growth)
        plain = isinstance(ramp, lr.Ramp) and not ramp.endpoint and ramp.shape not in _NOT_BETWEEN_ENDS
        found: list[lr.Schedule] = []
        begin = 0
        while plain and begin <= LAST and (schedule.times is None or len(found) < schedule.times):
            i, length = len(found), int(steps * growth ** len(found))
            floor = schedule.floor * schedule.decay_floor**i
            start, stop = (floor + (end - schedule.floor) * schedule.decay**i for end in (ramp.start, ramp.stop))  # type: ignore[attr-defined]
            found.append(lr.Ramp(start, stop, length, ramp.shape, ramp.args))  # type: ignore[attr-defined]
            begin += length
            plain = len(found) <= MOST_CYCLES
        if not plain:
            raise lr.PlanError(f"{self._where} has cycles of growing length, for which optax has no schedule. Drive it with {_OURS}.")
        return found


_OURS = "lrcore_jax.schedule"


class Written(str):
    """An argument that is code already."""

    def __repr__(self) -> str:
        return str(self)


def _data(values: tuple[float, ...] | dict[int, float]) -> str:
    """Numbers as code, over several lines if there are many."""
    text = repr(values)
    if len(text) <= WIDTH // 2:
        return text
    body = textwrap.fill(text[1:-1], WIDTH, initial_indent="    ", subsequent_indent="    ", break_on_hyphens=False)
    return f"{text[0]}\n{body}\n{text[-1]}"


def _alpha(start: float, stop: float) -> str:
    return "" if stop == 0 else f", alpha={stop / start!r}"


def scaled(schedule: lr.Schedule, k: float) -> lr.Schedule | None:
    """k > 0 times a schedule, with k in its numbers; None if they are not that simple."""
    match schedule:
        case lr.Constant():
            return lr.Constant(k * schedule.value, schedule.steps)
        case lr.Ramp():
            return lr.Ramp(k * schedule.start, k * schedule.stop, schedule.steps, schedule.shape, schedule.args, schedule.endpoint)
        case lr.Curve():
            return lr.Curve(k * schedule.start, schedule.shape, schedule.args, schedule.steps)
        case lr.Knots():
            return lr.Knots(schedule.positions, tuple(k * value for value in schedule.knots), schedule.kind)
        case lr.Sequence():
            phases = [scaled(phase, k) for phase in schedule.phases]
            return None if None in phases else lr.Sequence(tuple(phases))  # type: ignore[arg-type]
        case lr.Per():
            inner = scaled(schedule.inner, k)
            return inner and lr.Per(inner, schedule.k)
    return None


# -- helpers -----------------------------------------------------------------------------------------------------------


def _needed(used: set[str]) -> set[str]:
    """The helpers used, and those they call."""
    needed: set[str] = set()
    todo = list(used)
    while todo:
        name = todo.pop()
        needed.add(name)
        code = getattr(closed_forms, name).__code__
        called = {*code.co_names, *(each for inner in code.co_consts if hasattr(inner, "co_names") for each in inner.co_names)}
        todo += called & {each for each, value in vars(closed_forms).items() if inspect.isfunction(value)} - needed
    return needed


def _source(name: str) -> str:
    """A helper as code, without its annotations."""
    function = getattr(closed_forms, name)
    source = inspect.getsource(function).rstrip()
    parameters = []
    for each in inspect.signature(function).parameters.values():
        default = "" if each.default is each.empty else f"={each.default!r}"
        parameters.append("*" * (each.kind is each.VAR_POSITIONAL) + each.name + default)
    lines = source.splitlines()
    end = next(i for i, line in enumerate(lines) if line.partition("  #")[0].endswith(":"))
    body = "\n".join(lines[end + 1 :]).replace("def schedule(count: Any) -> Part:", "def schedule(count):")
    return f"def {name}({', '.join(parameters)}):\n{body}"
