"""Which of Keras's own schedules has a schedule's values: at every step, and past the end; None where none has."""

from __future__ import annotations

from itertools import accumulate
from typing import Any

import lrcore as lr
from lrcore_numpy.code.folding import folded, ratio
from lrcore_numpy.code.layout import number
from lrcore_numpy.code.leaves import MOST


def stock(schedule: lr.Schedule) -> str | None:
    """A call of a class in `keras.optimizers.schedules`."""
    match schedule:
        case lr.Ramp(endpoint=False, steps=int(steps)) if steps:
            return _ramp(schedule, steps)
        case lr.Sequence(phases=(lr.Ramp(shape="linear", endpoint=False) as up, lr.Ramp(shape="cosine", endpoint=False) as down)):
            if up.steps and down.steps and up.stop == down.start != 0:
                return _call("CosineDecay", up.start, down.steps, **_alpha(down), warmup_target=up.stop, warmup_steps=up.steps)
        case lr.Sequence(phases=phases) if all(isinstance(phase, lr.Constant) for phase in phases):
            return _levels(phases)
        case lr.Curve() | lr.Per(inner=lr.Curve()) | lr.Stretch(inner=lr.Curve()):
            return _curve(schedule)
        case lr.Repeat(inner=lr.Ramp(shape="cosine", endpoint=False) as cycle, times=None, decay_floor=1.0):
            if cycle.start and schedule.growth >= 1 and 0 < schedule.decay <= 1 and (schedule.decay == 1 or schedule.floor == cycle.stop):
                more = {"t_mul": schedule.growth} | ({"m_mul": schedule.decay} if schedule.decay != 1 else {})
                return _call("CosineDecayRestarts", cycle.start, cycle.steps, **more, **_alpha(cycle))
        case lr.Product():
            simple = folded(schedule)
            return None if simple is None else stock(simple)
    return None


def _curve(schedule: Any) -> str | None:
    curve, clock = (schedule, 1) if isinstance(schedule, lr.Curve) else (schedule.inner, schedule.k)
    kind = {"geometric": "ExponentialDecay", "inverse_time": "InverseTimeDecay"}.get(curve.shape)
    if kind is None or curve.steps is not None:
        return None
    stairs = {"staircase": True} if isinstance(schedule, lr.Per) else {}
    return _call(kind, curve.start, int(clock) if clock == int(clock) else clock, curve.args[0], **stairs)


def _ramp(ramp: lr.Ramp, steps: int) -> str | None:
    if ramp.shape == "cosine" and ramp.start:
        return _call("CosineDecay", ramp.start, steps, **_alpha(ramp))
    if ramp.shape in ("linear", "polynomial"):
        power = {"power": ramp.args[0]} if ramp.args and ramp.args[0] != 1 else {}
        return _call("PolynomialDecay", ramp.start, steps, ramp.stop, **power)
    return None


def _alpha(ramp: lr.Ramp) -> dict[str, float]:
    """What Keras calls the end: a part of the start, 0.1 rather than the 0.09999999999999999 of two roundings."""
    return {"alpha": ratio(ramp.stop, ramp.start)} if ramp.stop else {}


def _levels(phases: tuple[lr.Schedule, ...]) -> str | None:
    """A boundary belongs to what comes before it in Keras, and to what follows it here."""
    lengths = [phase.own_length("steps") for phase in phases[:-1]]
    if 0 in lengths or len(phases) > MOST:
        return None
    values = [phase.value for phase in phases if isinstance(phase, lr.Constant)]
    return _call("PiecewiseConstantDecay", [end - 1 for end in accumulate(lengths)], values)


def _call(kind: str, *args: Any, **kwargs: Any) -> str:
    given = [*map(shown, args), *(f"{key}={shown(value)}" for key, value in kwargs.items())]
    return f"keras.optimizers.schedules.{kind}({', '.join(given)})"


def shown(value: Any) -> str:
    """An argument as code."""
    if isinstance(value, list):
        return f"[{', '.join(map(shown, value))}]"
    return number(value) if isinstance(value, float) else f'"{value}"' if isinstance(value, str) else repr(value)
