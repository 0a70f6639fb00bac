"""Schedules written as Python functions of the step, in closed form: what the `to_code` of every binding is made of.

A function counts in ticks, `d` of them a step, so that every position is a ratio of whole numbers however clocks are stretched
(Python's integers have no end); the division at the curve is the only rounding. What a reader meets first is a tree of `if t < ...`.
"""

from __future__ import annotations

import inspect
import textwrap
from fractions import Fraction
from itertools import accumulate, count, pairwise
from math import gcd, lcm

import lrcore as lr

from . import closed_forms

Ticks = int | str
"""Ticks a step: a number, or the name that holds it where cycles of changing length stretch what is inside."""

_JOINED_BY = {lr.Product: " * ", lr.Sum: " + "}
_PICKED_BY = {lr.Minimum: "min", lr.Maximum: "max"}
_KNOTS = {"linear": "linear", "cosine": "cosine", "log": "exponential"}
_LEAVES = (lr.Constant, lr.Ramp, lr.Curve, lr.Knots, lr.Samples)
_CURVES = {
    "geometric": "{start} * {0} ** {x}",
    "natural_exponential": "{start} * math.exp(-{0} * {x})",
    "inverse_time": "{start} / (1 + {0} * {x})",
    "inverse_sqrt": "{start} / math.sqrt(1 + {x} / {0})",
    "power_law": "{start} * (1 + {x} / {1}) ** {0}",
}
RESERVED = {"abs", "divmod", "len", "max", "min", "sum", "ValueError", "d", "i", "n", "place", "t", *vars(closed_forms)}
"""Names that functions use themselves."""

WIDTH = 100
"""Columns of the code that is written."""


class Functions:
    """Collects functions of the step `t`; equal schedules are written once, and helpers only where they are used.

    taken : names the code uses otherwise
    driver : what drives a plan that no code gives, for the errors that say so
    """

    def __init__(self, taken: set[str], driver: str) -> None:
        self._taken = RESERVED | taken
        self._driver = driver
        self._written: dict[tuple[lr.Schedule, Ticks], str] = {}
        self._data_names: dict[str, str] = {}
        self._texts: list[str] = []
        self._helpers: set[str] = set()
        self.uses_math = False

    def of(self, schedule: lr.Schedule, wish: str, where: str) -> str:
        """The name of a function with the values of the schedule; `where` says in errors what they are of."""
        self._where = where
        return self._function(schedule, 1, wish)

    def text(self) -> str:
        """All functions: helpers, then those made here, each after what it calls."""
        helpers = _needed(self._helpers)
        texts = [_source(name) for name in vars(closed_forms) if name in helpers] + self._texts
        self.uses_math = any("math." in text for text in texts)
        return "\n\n\n".join(texts)

    # -- functions -----------------------------------------------------------------------------------------------------

    def _function(self, schedule: lr.Schedule, d: Ticks, wish: str = "") -> str:
        key = schedule, d
        if key not in self._written:
            body = self._body(schedule, d)
            name = self._free(wish) if wish else self._free(type(schedule).__name__.lower(), always=True)
            parameters = "t, d" if isinstance(d, str) else "t"
            unit = f'    """t counts steps of 1 / {_shown(d)}."""\n' if d != 1 else ""
            self._texts.append(f"def {name}({parameters}):\n{unit}{textwrap.indent(body, '    ')}")
            self._written[key] = name
        return self._written[key]

    def _free(self, wish: str, always: bool = False) -> str:
        numbered = (f"{wish}{i}" for i in count(1 if always else 2))
        name = wish if not always and wish not in self._taken else next(name for name in numbered if name not in self._taken)
        self._taken.add(name)
        return name

    def _body(self, schedule: lr.Schedule, d: Ticks) -> str:
        """The statements of a function of `t`."""
        match schedule:
            case lr.Sequence():
                return self._phases(schedule, d)
            case lr.Repeat():
                return self._cycles(schedule, d)
            case lr.PastEnd(mode="error"):
                end = schedule.inner.own_length("steps")
                refusal = f'    raise ValueError("The schedule ends at step {end:,}.")'
                return f"if t >= {_times(d, end)}:\n{refusal}\nreturn {self._value(schedule.inner, 't', d)}"
        return f"return {self._expression(schedule, 't', d)}"

    def _phases(self, schedule: lr.Sequence, d: Ticks) -> str:
        *phases, last = schedule.phases
        ends = list(accumulate((phase.own_length("steps") for phase in phases), initial=0))
        lines = []
        for phase, (begin, end) in zip(phases, pairwise(ends), strict=True):
            if end > begin:
                inner = phase.inner if isinstance(phase, lr.Until) else phase  # its cut is where the next phase begins
                lines.append(f"if t < {_times(d, end)}:\n    return {self._value(inner, _minus('t', _times(d, begin)), d)}")
        return "\n".join([*lines, f"return {self._value(last, _minus('t', _times(d, ends[-1])), d)}"])

    def _cycles(self, schedule: lr.Repeat, d: Ticks) -> str:
        first, times, grown = schedule.inner.own_length("inner"), schedule.times, lr.ratio(schedule.growth)
        plain = schedule.decay == schedule.decay_floor == 1
        if grown == 1:
            lines = [f"t %= {_times(d, first)}" if plain and times is None else f"i, t = divmod(t, {_times(d, first)})"]
            if times is not None:
                lines.append(f"if i >= {_shown(times)}:\n    i, t = {_shown(times - 1)}, {_times(d, first)}")
            value = self._value(schedule.inner, "t", d)
        else:
            length = "n" if d == 1 else f"n * {_shown(d)}"
            within = "" if times is None else f"i < {_shown(times - 1)} and "
            lines = [
                f"i, n = 0, {_shown(first)}",
                f"while {within}t >= {length}:\n    t, i = t - {length}, i + 1\n    n = {_shown(first)} * {_power(grown)}",
            ]
            now = "t" if times is None else f"min(t, {length})"
            inner = schedule.inner
            if isinstance(inner, lr.Ramp) and inner.steps == first and not inner.endpoint:
                value = self._ramp(inner, now, length)
            else:
                value = self._value(inner, f"{_shown(first)} * {now}", length)
        if plain:
            return "\n".join([*lines, f"return {value}"])
        floor = f"{schedule.floor!r}" + (f" * {schedule.decay_floor!r} ** i" if schedule.decay_floor != 1 else "")
        height = f"({value} - {schedule.floor!r})" if schedule.floor else f"({value})"
        height += f" * {schedule.decay!r} ** i" if schedule.decay != 1 else ""
        return "\n".join([*lines, f"return {floor} + {height}" if schedule.floor else f"return {height}"])

    # -- expressions ---------------------------------------------------------------------------------------------------

    def _value(self, schedule: lr.Schedule, x: str, d: Ticks) -> str:
        """An expression at position x: written out where it is short, else the call of a function of its own."""
        match schedule:
            case lr.Until() | lr.Per() | lr.Every() | lr.Stretch():
                short = x == "t" or isinstance(schedule.inner, _LEAVES)
            case lr.Product() | lr.Sum():
                short = x == "t" and all(isinstance(term, _LEAVES) for term in schedule.terms)
            case _:
                short = isinstance(schedule, _LEAVES)
        if short:
            return self._expression(schedule, x, d)
        if isinstance(d, str):
            return f"{self._function(schedule, 'd')}({x}, {d})"
        return f"{self._function(schedule, d)}({x})"

    def _expression(self, schedule: lr.Schedule, x: str, d: Ticks) -> str:
        match schedule:
            case lr.Constant():
                return repr(schedule.value)
            case lr.Ramp():
                return self._ramp(schedule, x, _times(d, schedule.own_length("steps") - schedule.endpoint))
            case lr.Curve():
                return self._curve(schedule, x, d)
            case lr.Knots():
                return self._knots(schedule, x, d)
            case lr.Samples():
                return self._samples(schedule, x, d)
            case lr.Product() | lr.Sum():
                join = _JOINED_BY[type(schedule)]
                return join.join(self._term(term, x, d) for term in schedule.terms)
            case lr.Minimum() | lr.Maximum():
                terms = [self._value(term, x, d) for term in schedule.terms]
                return f"{_PICKED_BY[type(schedule)]}({', '.join(terms)})" if len(terms) > 1 else terms[0]
            case lr.Every():
                k = _times(d, schedule.k)
                return self._value(schedule.inner, f"{_grouped(x)} // {_grouped(k)} * {_shown(schedule.k)}", 1)
            case lr.Per():
                return self._value(schedule.inner, f"{_grouped(x)} // {_grouped(_times(d, schedule.k))}", 1)
            case lr.Stretch():
                up, down = lr.ratio(schedule.k).as_integer_ratio()
                common = gcd(down, d) if isinstance(d, int) else 1
                ticks: Ticks = d // common * up if isinstance(d, int) else _times(d, up)
                return self._value(schedule.inner, x if down == common else f"{_shown(down // common)} * {_grouped(x)}", ticks)
            case lr.Until():
                end: int = schedule.steps  # type: ignore[assignment]
                return self._value(schedule.inner, f"min({x}, {_times(d, end)})", d)
            case lr.PastEnd(mode="mirror"):
                end = schedule.inner.own_length("steps")
                once, twice = _times(d, end), _times(d, 2 * end)
                return self._value(schedule.inner, f"abs(({x} + {once}) % {_grouped(twice)} - {once})", d)
            case lr.Noise():
                raise lr.PlanError(
                    f"{self._where} holds random noise, which no function of `math` gives. Drive it with {self._driver}, or "
                    "sample it: lr.Samples(schedule.values(steps)), up to 4,096 steps."
                )
        raise TypeError(type(schedule).__name__)  # every other type has a body of statements

    def _term(self, term: lr.Schedule, x: str, d: Ticks) -> str:
        text = self._value(term, x, d)
        return f"({text})" if isinstance(term, lr.Sum) and " + " in text else text

    def _ramp(self, ramp: lr.Ramp, x: str, n: str) -> str:
        if n == "0" or n == "-1" or ramp.start == ramp.stop:
            return repr(ramp.stop)
        self._helpers |= {"ramp", ramp.shape}
        args = "".join(f", {arg!r}" for arg in ramp.args)
        return f"ramp({ramp.shape}, {ramp.start!r}, {ramp.stop!r}, {x}, {n}{args})"

    def _curve(self, curve: lr.Curve, x: str, d: Ticks) -> str:
        if isinstance(curve.steps, int):
            x = f"min({x}, {_times(d, curve.steps)})"
        position = _grouped(x) if d == 1 else f"({_grouped(x)} / {_grouped(_shown(d))})"
        return _CURVES[curve.shape].format(*map(repr, curve.args), start=repr(curve.start), x=position)

    def _knots(self, knots: lr.Knots, x: str, d: Ticks) -> str:
        exact = [Fraction(place) for place in knots.positions]
        grid = lcm(*(place.denominator for place in exact)) if d != 1 else 1
        per_step = f"{_shown(grid)} * {_grouped(x)}" if grid != 1 else x
        scale = grid * d if isinstance(d, int) else grid
        places = self._data([int(place * scale) if (place * scale).denominator == 1 else float(place) for place in exact])
        if isinstance(d, str):
            places = f"[place * {_grouped(d)} for place in {places}]"
        values = self._data(list(knots.knots))
        if knots.kind != "pchip":
            self._helpers |= {"between", _KNOTS[knots.kind]}
            return f"between({_KNOTS[knots.kind]}, {places}, {values}, {per_step})"
        if len(exact) == 1:
            return repr(knots.knots[0])
        self._helpers.add("smooth")
        slope = knots.slopes()
        rises = [
            (float((b - a) * left), float((b - a) * right)) for (a, b), (left, right) in zip(pairwise(exact), pairwise(slope), strict=True)
        ]
        return f"smooth({places}, {values}, {self._data(rises)}, {per_step})"

    def _samples(self, samples: lr.Samples, x: str, d: Ticks) -> str:
        if not samples.samples:
            raise lr.PlanError(
                f"{self._where} holds {samples.steps:,} samples, and up to 4,096 are written into code. "
                f"Drive it with {self._driver}, or draw it with fewer points: lr.Knots(positions, values)."
            )
        place = x if d == 1 else f"{_grouped(x)} // {_grouped(_shown(d))}"
        return f"{self._data(list(samples.samples))}[min({place}, {samples.steps - 1})]"

    def _data(self, values: list[float] | list[int] | list[float | int] | list[tuple[float, float]]) -> str:
        """A tuple, written in place if it is short, else under a name of its own."""
        text = f"({', '.join(map(repr, values))}{',' * (len(values) == 1)})"
        if len(text) <= WIDTH // 2:
            return text
        if text not in self._data_names:
            name = self._data_names[text] = self._free("values", always=True)
            body = textwrap.fill(text[1:-1], WIDTH, initial_indent="    ", subsequent_indent="    ", break_on_hyphens=False)
            self._texts.append(f"{name} = (\n{body}\n)")
        return self._data_names[text]


def _shown(number: Ticks) -> str:
    return number if isinstance(number, str) else f"{number:_}" if number >= 100_000 else str(number)


def _grouped(text: str) -> str:
    """In parentheses, unless it is a name, a number or one call."""
    if text.replace("_", "").isalnum():
        return text
    name, _, rest = text.partition("(")
    if name.isalnum() and rest.endswith(")") and _closes_last(rest):
        return text
    return f"({text})"


def _closes_last(rest: str) -> bool:
    """Whether the parenthesis that was opened before `rest` closes at its end."""
    depth = 1
    for i, letter in enumerate(rest):
        depth += (letter == "(") - (letter == ")")
        if depth == 0:
            return i == len(rest) - 1
    return False


def _times(d: Ticks, steps: int) -> str:
    """So many steps in ticks."""
    if isinstance(d, int):
        return _shown(d * steps)
    return "0" if steps == 0 else d if steps == 1 else f"{_shown(steps)} * {d}"


def _minus(x: str, begin: str) -> str:
    return x if begin == "0" else f"{x} - {begin}"


def _power(factor: Fraction) -> str:
    """A factor's power i, floored after it is multiplied with what stands before."""
    up, down = factor.as_integer_ratio()
    return f"{up}**i" if down == 1 else f"{up}**i // {down}**i"


# -- helpers -----------------------------------------------------------------------------------------------------------


def _needed(used: set[str]) -> set[str]:
    """The helpers used, and those they call."""
    needed: set[str] = set()
    todo = list(used)
    while todo:
        name = todo.pop()
        needed.add(name)
        called = set(getattr(closed_forms, name).__code__.co_names) & set(vars(closed_forms)) - {"math"}
        todo += called - needed
    return needed


def _source(name: str) -> str:
    """A helper as code, without its annotations."""
    function = getattr(closed_forms, name)
    parameters = inspect.signature(function).parameters.values()
    body = inspect.getsource(function).rstrip().partition("\n")[2]
    return f"def {name}({', '.join('*' * (each.kind is each.VAR_POSITIONAL) + each.name for each in parameters)}):\n{body}"
