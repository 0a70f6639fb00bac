"""Schedules written as functions of the step, in closed form: what the `to_code` of every binding is made of.

A function counts in ticks, `d` of them a step, so that every position is a ratio of whole numbers however clocks are stretched;
the division at the curve is the only rounding. What a reader meets first is which steps belong to which curve.
"""

from __future__ import annotations

import textwrap

import lrcore as lr

from .cycles import LEAVES, Cycles
from .formulas import Ticks, before, curve, linear, minus, times
from .layout import data, number, whole
from .phases import Piece, equal_stairs, pieces

_CALLED = {
    lr.Sequence: "phases", lr.Repeat: "cycles", lr.PastEnd: "wave", lr.Product: "product", lr.Sum: "total", lr.Minimum: "lower",
    lr.Maximum: "upper", lr.Until: "until", lr.Knots: "points",
}  # fmt: skip
_FEW = 8
"""Constants one after the other beyond which a table is easier to read."""


class Functions(Cycles):
    """Collects functions of `step`; equal schedules are written once, and helpers only where they are used."""

    def of(self, schedule: lr.Schedule, wish: str, where: str) -> str:
        """The name of a function with the values of the schedule; `where` says in errors what they are of."""
        self._where = where
        return self._function(schedule, 1, wish)

    def text(self) -> str:
        """All functions: tables, helpers, then those made here, each after what it calls."""
        tables = [data(name, values) for values, name in self._tables.items()]
        helpers = self._say.helpers(self._helpers)
        head = "\n".join(tables).replace("\n# fmt: on\n# fmt: off\n", "\n")
        return "\n\n\n".join(part for part in (head, helpers, *self._texts) if part)

    def imports(self, *more: str) -> str:
        """The imports of the code, and these, as formatters sort them."""
        text = self.text()
        needed = {word for word in ("math", "jnp", "ops") if f"{word}." in text}
        plain = ["import math"] * ("math" in needed) + ["from statistics import NormalDist"] * ("NormalDist" in text)
        others = [*more, *["import jax.numpy as jnp"] * ("jnp" in needed), *["from keras import ops"] * ("ops" in needed)]
        others = sorted(set(others), key=lambda line: (line.startswith("from"), line))
        return "\n\n".join("\n".join(block) for block in (plain, others) if block)

    def _function(self, schedule: lr.Schedule, d: Ticks, wish: str = "", within: int | None = None) -> str:
        key = schedule, d, within
        if key not in self._written:
            body = self._body(schedule, d, within)
            name = self._free(wish or _CALLED.get(type(schedule), "curve"))
            parameters = f"step, {d}" if isinstance(d, str) else "step"
            unit = f'    """step counts parts of a step: {whole(d)} of them."""\n' if isinstance(d, int) and d != 1 else ""
            self._texts.append(f"def {name}({parameters}):\n{unit}{textwrap.indent(body, '    ')}")
            self._written[key] = name
        return self._written[key]

    def _body(self, schedule: lr.Schedule, d: Ticks, within: int | None = None) -> str:
        """The statements of a function of `step`, which stays below `within`."""
        say = self._say
        match schedule:
            case lr.Repeat():
                return self._cycles(schedule, d)
            case lr.Until(inner=inner):
                end: int = schedule.steps  # type: ignore[assignment]
                return self._cut(end, d) + self._body(inner, d, end + 1)
            case lr.PastEnd(mode="error"):
                end = schedule.inner.own_length("steps")
                refusal = f'if step >= {times(d, end)}:\n    raise ValueError("The schedule ends at step {end:,}.")\n'
                return refusal * (not say.traced) + self._body(schedule.inner, d)
            case lr.PastEnd(mode="mirror") if not isinstance(schedule.inner, LEAVES):
                return f"step = {self._mirrored(schedule, 'step', d)}\n" + self._body(schedule.inner, d)
            case lr.Every() | lr.Per() if not isinstance(schedule.inner, LEAVES):
                return f"step = {self._stairs(schedule, 'step', d)}\n" + self._body(schedule.inner, 1)
            case lr.Stretch() if not isinstance(schedule.inner, LEAVES):
                place, ticks = self._stretched(schedule, "step", d)
                return ("" if place == "step" else f"step = {place}\n") + self._body(schedule.inner, ticks)
        found = pieces(schedule, d == 1, within)
        if len(found) > _FEW and all(isinstance(piece, lr.Constant) for _, _, piece in found):
            return f"return {self._levels(found, d)}"
        if len(found) == 1:
            return f"return {self._expression(found[0][2], 'step', d)}"
        return self._phases(found, d)

    def _cut(self, end: int, d: Ticks) -> str:
        return "" if self._beyond(end) else f"step = {self._say.least('step', times(d, end))}\n"

    def _phases(self, found: list[Piece], d: Ticks) -> str:
        cases: list[tuple[str, str]] = []
        for begin, end, piece in found:
            if end is not None and isinstance(piece.span, int) and piece.span >= end - begin:
                piece = _uncut(piece)
            value = self._piece(piece, minus("step", times(d, begin)), d)
            if end is None or self._beyond(end):
                return self._say.chosen(cases, value) if cases else f"return {value}"
            cases.append((f"step < {times(d, end)}", value))
        raise AssertionError("the last piece has no end")

    def _piece(self, piece: lr.Schedule, x: str, d: Ticks) -> str:
        """The value within a piece."""
        if isinstance(piece, lr.Ramp) and piece.shape == "linear" and self._say.xp != "ops" and isinstance(d, int):
            return linear(piece, x, d * (piece.own_length("steps") - piece.endpoint))
        return self._value(piece, x, d)

    def _levels(self, found: list[Piece], d: Ticks) -> str:
        """Many constants, as a table."""
        values = self._table([number(piece.value) for _, _, piece in found if isinstance(piece, lr.Constant)])
        k = equal_stairs([begin for begin, _, _ in found])
        if k:
            return self._say.entry(values, self._say.index(before("step", "//", times(d, k)), len(found) - 1))
        self._helpers.add("reached")
        ends = self._table([times(d, end) for _, end, _ in found if end is not None], "ENDS")
        return self._say.entry(values, f"reached(step, {ends})")

    def _value(self, schedule: lr.Schedule, x: str, d: Ticks) -> str:
        """An expression at position x: written out where it is short, else the call of a function of its own."""
        match schedule:
            case lr.Until() | lr.Per() | lr.Every() | lr.Stretch() | lr.PastEnd(mode="mirror"):
                short = isinstance(schedule.inner, LEAVES)
            case lr.Product() | lr.Sum() | lr.Minimum() | lr.Maximum():
                short = x == "step" and all(isinstance(term, LEAVES) for term in schedule.terms) and d == 1
            case lr.Knots():
                short = len(pieces(schedule, d == 1)) == 1
            case _:
                short = isinstance(schedule, LEAVES)
        if short:
            return self._expression(schedule, x, d)
        if isinstance(d, str):
            name = "stretch" if self._say.traced else "ticks"
            return f"{self._function(schedule, name)}({x}, {d})"
        return f"{self._function(schedule, d)}({x})"

    def _expression(self, schedule: lr.Schedule, x: str, d: Ticks) -> str:
        say = self._say
        match schedule:
            case lr.Constant():
                return number(schedule.value)
            case lr.Ramp():
                return self._shaped(schedule, x, times(d, schedule.own_length("steps") - schedule.endpoint))
            case lr.Curve():
                return curve(say, schedule, x, d)
            case lr.Knots():
                return self._knots(schedule, x, d)
            case lr.Samples():
                return self._samples(schedule, x, d)
            case lr.Noise():
                return self._noise(schedule, x, d)
            case lr.Product():
                return self._product(schedule, x, d)
            case lr.Sum():
                return self._sum(schedule, x, d)
            case lr.Minimum() | lr.Maximum():
                terms = [self._value(term, x, d) for term in schedule.terms]
                return say.least(*terms) if isinstance(schedule, lr.Minimum) else say.most(*terms)
            case lr.Every() | lr.Per():
                return self._value(schedule.inner, self._stairs(schedule, x, d), 1)
            case lr.Stretch():
                return self._value(schedule.inner, *self._stretched(schedule, x, d))
            case lr.Until():
                end: int = schedule.steps  # type: ignore[assignment]
                return self._value(schedule.inner, x if self._beyond(end) else say.least(x, times(d, end)), d)
            case lr.PastEnd(mode="mirror"):
                return self._value(schedule.inner, self._mirrored(schedule, x, d), d)
        return f"{self._function(schedule, d)}({x})"

    def _product(self, schedule: lr.Product, x: str, d: Ticks) -> str:
        texts = [grouped_sum(self._value(term, x, d)) for term in schedule.terms]
        kept = [text for text in texts if text != "1.0"] or texts[:1]
        return " * ".join(kept)

    def _sum(self, schedule: lr.Sum, x: str, d: Ticks) -> str:
        texts = [self._value(term, x, d) for term in schedule.terms]
        first, *others = [text for text in texts if text != "0.0"] or texts[:1]
        return first + "".join(f" - {text[1:]}" if text.startswith("-") else f" + {text}" for text in others)


def _uncut(piece: lr.Schedule) -> lr.Schedule:
    """The piece without an end of its own, which lies where the next one begins, or later."""
    match piece:
        case lr.Until():
            return piece.inner
        case lr.Curve():
            return lr.Curve(piece.start, piece.shape, piece.args)
    return piece


def grouped_sum(text: str) -> str:
    """In parentheses if it is a sum, so that it can be a factor."""
    depth = 0
    for i, letter in enumerate(text):
        depth += (letter in "([{") - (letter in ")]}")
        if depth == 0 and text[i : i + 3] in (" + ", " - "):
            return f"({text})"
    return text
