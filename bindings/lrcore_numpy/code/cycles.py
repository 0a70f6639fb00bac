"""Cycles as statements that find the cycle and the position in it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from fractions import Fraction

import lrcore as lr

from .dialects import LAST
from .formulas import Ticks, before, times
from .layout import grouped, number, powered, whole
from .leaves import MOST, Leaves
from .phases import pieces

LEAVES = (lr.Constant, lr.Ramp, lr.Curve, lr.Knots, lr.Samples, lr.Noise)
"""What is written in place, without a function of its own."""

_LONG = 45


class Cycles(Leaves, ABC):
    """Repeat, with and without growth and decay."""

    @abstractmethod
    def _function(self, schedule: lr.Schedule, d: Ticks, wish: str = "", within: int | None = None) -> str:
        """The name of a function with the values of the schedule."""

    @abstractmethod
    def _body(self, schedule: lr.Schedule, d: Ticks, within: int | None = None) -> str:
        """The statements of a function of `step`."""

    @abstractmethod
    def _value(self, schedule: lr.Schedule, x: str, d: Ticks) -> str:
        """An expression at position x."""

    def _cycles(self, schedule: lr.Repeat, d: Ticks) -> str:
        first, again = schedule.inner.own_length("inner"), schedule.times
        plain = schedule.decay == schedule.decay_floor == 1
        if again is not None and self._beyond(first * again):
            again = None
        if schedule.growth != 1:
            lines, value = self._growing(schedule, first, d)
        else:
            n = times(d, first)
            if self._beyond(first):
                return self._body(schedule.inner, d)
            if again is not None:
                cycle = f"cycle = {self._say.least(before('step', '//', n), whole(again - 1))}"
                lines = [cycle, f"step = {self._say.least(f'step - cycle * {grouped(n)}', n)}"]
            elif plain:
                lines = [f"step = {before('step', '%', n)}"]
            else:
                lines = [f"cycle, step = {before('step', '//', n)}, {before('step', '%', n)}"]
                lines = lines if self._say.traced else [f"cycle, step = divmod(step, {n})"]
            within = first if again is None else None
            if plain:
                return "\n".join([*lines, self._body(schedule.inner, d, within)])
            alone = isinstance(schedule.inner, LEAVES) and len(pieces(schedule.inner, d == 1, within)) == 1
            value = self._value(schedule.inner, "step", d) if alone else self._called(schedule.inner, d, within)
        if plain:
            return "\n".join([*lines, f"return {value}"])
        if len(value) > _LONG:
            lines, value = [*lines, f"value = {value}"], "value"
        return "\n".join([*lines, f"return {self._decayed(schedule, value)}"])

    def _decayed(self, schedule: lr.Repeat, value: str) -> str:
        cycle = self._say.real("cycle")
        floor = number(schedule.floor)
        height = f"({value} - {floor})".replace("- -", "+ ") if schedule.floor else grouped(value)
        if schedule.decay != 1:
            height += f" * {powered(number(schedule.decay), cycle)}"
        if not schedule.floor:
            return height
        base = floor if schedule.decay_floor == 1 else f"{floor} * {powered(number(schedule.decay_floor), cycle)}"
        return f"{base} + {height}"

    def _growing(self, schedule: lr.Repeat, first: int, d: Ticks) -> tuple[list[str], str]:
        """Cycles whose length changes: how the cycle is found, and the value in it."""
        inner, grown = schedule.inner, lr.ratio(schedule.growth)
        alone = isinstance(inner, lr.Ramp) and inner.steps == first and not inner.endpoint
        if self._say.traced:
            return self._growing_by_table(schedule, first, grown, d)
        length = "length" if d == 1 else f"length * {grouped(whole(d) if isinstance(d, int) else d)}"
        within = "" if schedule.times is None else f"cycle < {whole(schedule.times - 1)} and "
        up, down = grown.as_integer_ratio()
        power = f"{up}**cycle" if down == 1 else f"{up}**cycle // {down}**cycle"
        lines = [
            f"cycle, length = 0, {whole(first)}",
            f"while {within}step >= {length}:\n    step, cycle = step - {length}, cycle + 1\n    length = {whole(first)} * {power}",
        ]
        now = "step" if schedule.times is None else f"min(step, {length})"
        if alone:
            return lines, self._shaped(inner, now, length)  # type: ignore[arg-type]
        return lines, self._value(inner, f"{whole(first)} * {now}", length)

    def _growing_by_table(self, schedule: lr.Repeat, first: int, grown: Fraction, d: Ticks) -> tuple[list[str], str]:
        lengths, starts = [first], [0]
        while starts[-1] + lengths[-1] <= LAST and len(lengths) < (schedule.times or LAST):
            starts.append(starts[-1] + lengths[-1])
            lengths.append(int(first * grown ** len(lengths)))
            if len(lengths) > MOST:
                raise lr.PlanError(f"{self._where} has more than {MOST:,} cycles of changing length. Drive it with {self._driver}.")
        self._helpers.add("reached")
        step = self._say.real("step") if self._say.xp == "ops" else "step"
        if d != 1:
            step = f"{step} / {grouped(whole(d) if isinstance(d, int) else d)}"
        begins = self._table([whole(start) for start in starts], "STARTS")
        long = self._table([whole(each) if each <= LAST else repr(float(each)) for each in lengths], "LENGTHS")
        begun = self._say.real(self._say.entry(begins, "cycle"))
        lines = [
            *([f"step = {step}"] if step != "step" else []),
            f"cycle = reached(step, {begins}[1:])",
            f"length = {self._say.real(self._say.entry(long, 'cycle'))}",
            f"step = {self._say.least(f'step - {begun}', 'length')}",
        ]
        inner = schedule.inner
        if isinstance(inner, lr.Ramp) and inner.steps == first and not inner.endpoint:
            return lines, self._shaped(inner, "step", "length")
        if grown.denominator != 1:
            self._without_clocks(inner, f"has cycles that grow by {number(schedule.growth)}")
        value = self._value(inner, "step", "stretch")
        return [*lines, f"stretch = length / {whole(first)}"] if "stretch" in value else lines, value

    def _called(self, schedule: lr.Schedule, d: Ticks, within: int | None) -> str:
        if isinstance(d, str):
            return self._value(schedule, "step", d)
        return f"{self._function(schedule, d, within=within)}(step)"
