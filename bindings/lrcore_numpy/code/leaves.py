"""What functions of the step are made of: curves, tables and clocks as expressions."""

from __future__ import annotations

from fractions import Fraction
from itertools import count, pairwise
from math import gcd, lcm
from statistics import NormalDist

import lrcore as lr

from .dialects import LAST, MATH, RESERVED, Dialect
from .formulas import Ticks, before, times
from .layout import grouped, number, whole

MOST = 4096
"""Numbers that code may hold."""

_KNOTS = {"linear": "linear", "cosine": "cosine", "log": "exponential"}
_FACTORS = 128
"""Up to this many ticks a step int32 reaches step 2^24."""


class Leaves:
    """The state of code that is being written, and the expressions that need nothing else.

    taken : names the code uses otherwise
    driver : what drives a plan that no code gives, for the errors that say so
    dialect : in which words the functions are written
    """

    def __init__(self, taken: set[str], driver: str, dialect: Dialect = MATH) -> None:
        self._taken = RESERVED | taken
        self._driver = driver
        self._say = dialect
        self._where = ""
        self._written: dict[tuple[lr.Schedule, Ticks, int | None], str] = {}
        self._tables: dict[tuple[str, ...], str] = {}
        self._texts: list[str] = []
        self._helpers: set[str] = set()
        self._numbers = 0

    def _free(self, wish: str) -> str:
        name = wish if wish not in self._taken else next(name for i in count(2) if (name := f"{wish}{i}") not in self._taken)
        self._taken.add(name)
        return name

    def _beyond(self, steps: int) -> bool:
        return self._say.traced and steps > LAST

    def _stairs(self, schedule: lr.Every | lr.Per, x: str, d: Ticks) -> str:
        if self._beyond(schedule.k):
            return f"0 * {grouped(x)}"
        stair = before(x, "//", times(d, schedule.k))
        if self._say.traced and isinstance(d, str):
            stair = self._say.floor(before(x, "/", times(d, schedule.k)))
        return stair if isinstance(schedule, lr.Per) else f"{stair} * {whole(schedule.k)}"

    def _stretched(self, schedule: lr.Stretch, x: str, d: Ticks) -> tuple[str, Ticks]:
        up, down = lr.ratio(schedule.k).as_integer_ratio()
        if self._say.traced and (isinstance(d, str) or max(up, down) * d > LAST or down > _FACTORS):
            self._without_clocks(schedule.inner, f"runs on a clock stretched by {number(schedule.k)}")
            return self._say.real(x), f"{number(schedule.k)} * {grouped(str(d))}" if d != 1 else number(schedule.k)
        common = gcd(down, d) if isinstance(d, int) else 1
        ticks: Ticks = d // common * up if isinstance(d, int) else times(d, up)
        return x if down == common else f"{whole(down // common)} * {grouped(x)}", ticks

    def _without_clocks(self, inner: lr.Schedule, what: str) -> None:
        """Refuse cycles and stairs on a clock that stands at fractions, where float32 may miss the step at which they begin."""
        if any(f"{kind.__name__}(" in repr(inner) for kind in (lr.Repeat, lr.Every, lr.Per, lr.PastEnd, lr.Samples)):
            raise lr.PlanError(
                f"{self._where} {what} and has cycles or stairs inside, which the integers of compiled steps cannot count. Drive it with "
                f"{self._driver}, or stretch it by ratios of small whole numbers."
            )

    def _mirrored(self, schedule: lr.PastEnd, x: str, d: Ticks) -> str:
        end = schedule.inner.own_length("steps")
        if self._beyond(2 * end):
            return x
        once, twice = times(d, end), times(d, 2 * end)
        return f"abs(({x} + {once}) % {grouped(twice)} - {once})"

    def _shaped(self, ramp: lr.Ramp, x: str, n: str) -> str:
        if n.startswith("-") or n == "0" or ramp.start == ramp.stop:
            return number(ramp.stop)
        if self._say.traced and n.replace("_", "").isdigit() and int(n) > LAST:
            n = repr(float(n))
        negative = ramp.shape == "exponential" and ramp.start < 0
        shape = "negative_exponential" if negative else ramp.shape
        self._helpers.add(shape)
        return f"{shape}({', '.join([number(ramp.start), number(ramp.stop), x, n, *map(number, ramp.args)])})"

    def _knots(self, knots: lr.Knots, x: str, d: Ticks) -> str:
        exact = [Fraction(place) for place in knots.positions]
        if len(exact) == 1:
            return number(knots.knots[0])
        if self._say.traced:
            places = self._table([whole(int(place)) if place.denominator == 1 else repr(float(place)) for place in exact], "PLACES")
            x = x if d == 1 else f"{grouped(self._say.real(x))} / {grouped(whole(d) if isinstance(d, int) else d)}"
        else:
            grid = lcm(*(place.denominator for place in exact)) if d != 1 else 1
            x = f"{whole(grid)} * {grouped(x)}" if grid != 1 else x
            scale = grid * d if isinstance(d, int) else grid
            scaled = [place * scale for place in exact]
            places = self._table([whole(int(place)) if place.denominator == 1 else repr(float(place)) for place in scaled], "PLACES")
            if isinstance(d, str):
                places = f"[place * {grouped(d)} for place in {places}]"
        values = self._table([number(value) for value in knots.knots])
        if knots.kind != "pchip":
            shape = _KNOTS[knots.kind]
            shape = "negative_exponential" if shape == "exponential" and knots.knots[0] < 0 else shape
            self._helpers |= {"between", shape}
            return f"between({shape}, {places}, {values}, {x})"
        self._helpers.add("smooth")
        rises = [
            f"({float((b - a) * first)!r}, {float((b - a) * last)!r})"
            for (a, b), (first, last) in zip(pairwise(exact), pairwise(knots.slopes()), strict=True)
        ]
        slopes = self._table(rises, "RISES")
        return f"smooth({places}, {values}, {slopes}, {x})"

    def _samples(self, samples: lr.Samples, x: str, d: Ticks) -> str:
        if not samples.samples:
            raise lr.PlanError(
                f"{self._where} holds {samples.steps:,} samples, and up to {MOST:,} are written into code. "
                f"Drive it with {self._driver}, or draw it with fewer points: lr.Knots(positions, values)."
            )
        place = x if d == 1 else before(x, "//", d if isinstance(d, str) else whole(d))
        if len(samples.samples) == 1:
            return number(samples.samples[0])
        if self._say.traced and isinstance(d, str):
            place = self._say.floor(f"{grouped(x)} / {d}")
        return self._say.entry(self._table([number(value) for value in samples.samples]), self._say.index(place, samples.steps - 1))

    def _noise(self, noise: lr.Noise, x: str, d: Ticks) -> str:
        if self._say.traced:
            raise lr.PlanError(
                f"{self._where} holds random noise, which compiled steps have no 64-bit integers for. Drive it with {self._driver}, or "
                f"sample it: lr.Samples(schedule.values(steps)), up to {MOST:,} steps."
            )
        place = x if d == 1 else before(x, "//", d if isinstance(d, str) else whole(d))
        scale = "" if noise.scale == 1 else f"{number(noise.scale)} * "
        self._helpers.add(noise.kind)
        if noise.kind == "uniform":
            return f"{scale}uniform({noise.seed}, {place})"
        within = 1.0 if noise.limit is None else 1 - 2 * NormalDist().cdf(-noise.limit)
        return f"{scale}normal({noise.seed}, {place}, {number(within)})"

    def _table(self, values: list[str], wish: str = "VALUES") -> str:
        """A tuple, written in place if it is short, else under a name of its own."""
        self._numbers += len(values)
        if self._numbers > 4 * MOST:
            raise lr.PlanError(f"{self._where} needs more than {4 * MOST:,} numbers, too many for code. Drive it with {self._driver}.")
        text, key = ", ".join(values), tuple(values)
        if len(text) <= 40:
            return f"({text}{',' * (len(values) == 1)})"
        if key not in self._tables:
            self._tables[key] = self._free(wish)
        return self._tables[key]
