"""Expressions of curves at a position, as short as they can be written."""

from __future__ import annotations

import re

import lrcore as lr

from .dialects import LAST, Dialect
from .layout import grouped, number, powered, whole

Ticks = int | str
"""Ticks a step: a number, or the name that holds it where cycles of changing length stretch what is inside."""


def times(d: Ticks, steps: int) -> str:
    """So many steps in ticks."""
    if isinstance(d, int):
        return whole(d * steps)
    return "0" if steps == 0 else d if steps == 1 else f"{whole(steps)} * {grouped(d)}"


def before(x: str, sign: str, y: str) -> str:
    """x sign y, for signs that bind as strongly as *."""
    return f"{grouped(x)} {sign} {grouped(y)}"


def minus(x: str, begin: str) -> str:
    """x - begin, with what is already subtracted from x in one number."""
    if begin == "0":
        return x
    return f"{x} - {grouped(begin) if ' + ' in begin or ' - ' in begin else begin}"


def _offset(x: str) -> tuple[str, int] | None:
    """(name, b) of a position `name - b`, with a number b."""
    found = re.fullmatch(r"(\w+)(?: - ([\d_]+))?", x)
    return (found[1], int(found[2] or 0)) if found else None


def left(x: str, n: int) -> str:
    """n - x, as `1000 - step` where x is `step - 100`."""
    known = _offset(x)
    return f"({whole(n + known[1])} - {known[0]})" if known else f"({whole(n)} - {grouped(x)})"


def linear(ramp: lr.Ramp, x: str, n: int) -> str:
    """A straight line at a position from 0 to n."""
    if ramp.start == ramp.stop or n <= 0:
        return number(ramp.stop if n <= 0 else ramp.start)
    if n == 1:
        return number(ramp.start)
    if ramp.start == 0:
        return f"{_factor(ramp.stop)}{grouped(x)} / {whole(n)}"
    if ramp.stop == 0:
        return f"{_factor(ramp.start)}{left(x, n)} / {whole(n)}"
    sign = f"+ {number(ramp.stop)}" if ramp.stop > 0 else f"- {number(-ramp.stop)}"
    return f"({number(ramp.start)} * {left(x, n)} {sign} * {grouped(x)}) / {whole(n)}"


def _factor(value: float) -> str:
    return "" if value == 1 else f"{number(value)} * "


def curve(say: Dialect, curve: lr.Curve, x: str, d: Ticks) -> str:
    """A curve without an end, or held from its end on."""
    if isinstance(curve.steps, int) and not (say.traced and curve.steps > LAST):
        x = say.least(x, times(d, curve.steps))
    position = _real(say, x) if d == 1 else f"{_real(say, x)} / {grouped(whole(d) if isinstance(d, int) else d)}"
    start, first = number(curve.start), curve.args[0]
    factor = _factor(curve.start)
    match curve.shape:
        case "geometric":
            return f"{factor}{powered(number(first), position)}"
        case "natural_exponential":
            rate = f"-{number(first)}" if first >= 0 else number(-first)
            return f"{factor}{say.xp}.exp({rate} * {grouped(position)})"
        case "inverse_time":
            return f"{start} / (1 + {number(first)} * {grouped(position)})"
        case "inverse_sqrt":
            return f"{start} / {say.xp}.sqrt({_from_one(say, x, d, position, first)})"
        case "power_law":
            return f"{factor}{powered(_from_one(say, x, d, position, curve.args[1]), number(first))}"
    raise TypeError(curve.shape)


def _real(say: Dialect, x: str) -> str:
    return grouped(say.real(x))


def _from_one(say: Dialect, x: str, d: Ticks, position: str, timescale: float) -> str:
    """1 + position / timescale: `(step + 1) / 100` where the position is `step - 99`."""
    known = _offset(x)
    if d != 1 or known is None or not timescale.is_integer() or not 0 < timescale < 2**31:
        return f"1 + {grouped(position)} / {number(timescale)}"
    name, b = known
    more = int(timescale) - b
    place = name if more == 0 else f"{name} {'+' if more > 0 else '-'} {whole(abs(more))}"
    return say.real(place) if timescale == 1 else f"{_real(say, place)} / {whole(int(timescale))}"
