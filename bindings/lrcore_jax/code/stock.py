"""Which call of optax has a schedule's values: at every count, and past the end; None where none has."""

from __future__ import annotations

from itertools import accumulate, pairwise
from typing import Any

import lrcore as lr
from lrcore_numpy.code.dialects import LAST
from lrcore_numpy.code.folding import folded, ratio
from lrcore_numpy.code.layout import number, string

MOST_CYCLES = 12
"""Growing cycles beyond which a formula is easier to read than a list."""


def stock(schedule: lr.Schedule) -> str | None:
    """A call of optax."""
    match schedule:
        case lr.Constant():
            return f"optax.constant_schedule({number(schedule.value)})"
        case lr.Ramp():
            return _ramp(schedule)
        case lr.Curve(shape="geometric", steps=None) | lr.Per(inner=lr.Curve(shape="geometric", steps=None)):
            return _exponential(schedule)
        case lr.Stretch(inner=lr.Curve(shape="geometric", steps=None), k=k) if k.is_integer():
            return _exponential(schedule)
        case lr.Knots(kind="linear" | "cosine"):
            return _one_cycle(schedule) or _knots(schedule)
        case lr.Until(inner=lr.Knots() as knots) if isinstance(end := schedule.span, int) and knots.positions[-1] <= end:
            return stock(knots)
        case lr.Sequence():
            return _one_cycle(schedule) or _phases(schedule)
        case lr.Product():
            simple = folded(schedule)
            return None if simple is None else stock(simple)
        case lr.Repeat(times=int(times)) if times <= MOST_CYCLES:
            return _cycles(schedule, times)
    return None


def _call(name: str, *args: Any, **kwargs: Any) -> str:
    given = [*map(_shown, args), *(f"{key}={_shown(value)}" for key, value in kwargs.items())]
    return f"optax.{name}({', '.join(given)})"


def _shown(value: Any) -> str:
    if isinstance(value, dict):
        return f"{{{', '.join(f'{key}: {_shown(entry)}' for key, entry in value.items())}}}"
    if isinstance(value, list):
        return f"[{', '.join(map(_shown, value))}]"
    if isinstance(value, float):
        return number(value)
    return value.text if isinstance(value, _Code) else string(value) if isinstance(value, str) else repr(value)


class _Code:
    def __init__(self, text: str) -> None:
        self.text = text


# -- one curve -----------------------------------------------------------------------------------------------------------


def _ramp(ramp: lr.Ramp) -> str | None:
    start, stop, steps = ramp.start, ramp.stop, ramp.own_length("steps") - ramp.endpoint
    if steps <= 0 or start == stop:
        return _call("constant_schedule", stop)
    if steps > LAST:
        return None
    falls = abs(start) >= abs(stop) and start != 0  # optax keeps the end as a part of the start
    match ramp.shape:
        case "linear":
            return _call("linear_schedule", start, stop, steps)
        case "polynomial" if ramp.args[0].is_integer():  # of any other power optax's compiled end may be NaN
            return _call("polynomial_schedule", start, stop, ramp.args[0], steps)
        case "cosine" if falls:
            return _call("cosine_decay_schedule", start, steps, **_alpha(start, stop))
        case "cosine_power" if falls:
            return _call("cosine_decay_schedule", start, steps, **_alpha(start, stop), exponent=ramp.args[0])
    return None


def _alpha(start: float, stop: float) -> dict[str, float]:
    return {"alpha": ratio(stop, start)} if stop else {}


def _exponential(schedule: Any) -> str:
    curve, clock = (schedule, 1) if isinstance(schedule, lr.Curve) else (schedule.inner, int(schedule.k))
    stairs = {"staircase": True} if isinstance(schedule, lr.Per) else {}
    return _call("exponential_decay", curve.start, clock, curve.args[0], **stairs)


# -- several ---------------------------------------------------------------------------------------------------------------


def _knots(knots: lr.Knots) -> str | None:
    places, values = knots.positions, knots.knots
    if len(values) == 1:
        return _call("constant_schedule", values[0])
    if min(values[:-1]) <= 0 or values[-1] < 0 or not all(place.is_integer() for place in places) or places[-1] > LAST:
        return None
    scales = {int(place): ratio(b, a) for place, a, b in zip(places[1:], values, values[1:], strict=False)}
    scales = scales if places[0] == 0 else {int(places[0]): 1.0, **scales}
    return _call("piecewise_interpolate_schedule", knots.kind, values[0], scales)


def _one_cycle(schedule: lr.Knots | lr.Sequence) -> str | None:
    """Up and down in cosines, the second end below the first."""
    match schedule:
        case lr.Knots(kind="cosine", positions=(0.0, up, end), knots=(first, peak, last)) if up.is_integer() and end.is_integer():
            rise, steps = int(up), int(end)
        case lr.Sequence(phases=(lr.Ramp(shape="cosine", endpoint=False) as a, lr.Ramp(shape="cosine", endpoint=False) as b)):
            if a.stop != b.start:
                return None
            rise, first, peak, last = a.own_length("steps"), a.start, a.stop, b.stop
            steps = rise + b.own_length("steps")
        case _:
            return None
    if not 0 < rise < steps <= LAST or min(first, last) <= 0 or not first < peak:
        return None
    part = ratio(rise, steps)
    if int(part * steps) != rise:
        return None
    args = {"pct_start": (part, 0.3), "div_factor": (ratio(peak, first), 25.0), "final_div_factor": (ratio(first, last), 1e4)}
    return _call("cosine_onecycle_schedule", steps, peak, **{name: value for name, (value, usual) in args.items() if value != usual})


def _phases(schedule: lr.Sequence) -> str | None:
    owning = [phase for phase in schedule.phases[:-1] if phase.span] + [schedule.phases[-1]]
    starts = [start for start in accumulate(phase.own_length("steps") for phase in owning[:-1]) if start <= LAST]
    kept = owning[: len(starts) + 1]
    if len(kept) == 1:
        return stock(kept[0])
    levels = [phase.value for phase in kept if isinstance(phase, lr.Constant)]
    if len(levels) == len(kept) and min(levels[:-1]) > 0 <= levels[-1]:
        scales = {start: ratio(b, a) for start, (a, b) in zip(starts, pairwise(levels), strict=True)}
        return _call("piecewise_constant_schedule", levels[0], scales)
    match kept:
        case [
            lr.Ramp(shape="linear", endpoint=False) as up, lr.Ramp(shape="cosine" | "cosine_power", endpoint=False, steps=int()) as down
        ] if up.stop == down.start and abs(down.start) >= abs(down.stop) and down.start and down.steps:  # fmt: skip
            total = starts[0] + down.own_length("steps")
            more = ({"end_value": down.stop} if down.stop else {}) | ({"exponent": down.args[0]} if down.args else {})
            return _call("warmup_cosine_decay_schedule", up.start, up.stop, starts[0], total, **more) if total <= LAST else None
    phases = [phase.inner if isinstance(phase, lr.Until) else phase for phase in kept[:-1]] + kept[-1:]
    return _joined([stock(phase) for phase in phases], starts)


def _joined(texts: list[str | None], starts: list[int]) -> str | None:
    known = [_Code(text) for text in texts if text is not None]
    return _call("join_schedules", known, starts) if len(known) == len(texts) else None


def _cycles(schedule: lr.Repeat, times: int) -> str | None:
    """Cosines one after the other, as optax.sgdr_schedule has them."""
    ramp, growth = schedule.inner, lr.ratio(schedule.growth)
    if not isinstance(ramp, lr.Ramp) or ramp.endpoint or ramp.shape not in ("linear", "cosine"):
        return None
    made, begin, starts = [], 0, []
    for i in range(times):
        length, floor = int(ramp.own_length("steps") * growth**i), schedule.floor * schedule.decay_floor**i
        start, stop = (floor + (end - schedule.floor) * schedule.decay**i for end in (ramp.start, ramp.stop))
        made.append(stock(lr.Ramp(start, stop, length, ramp.shape)))
        begin += length
        starts.append(begin)
    return _joined(made, starts[:-1]) if begin <= LAST else None
