"""What presets share: the registry, the domains of their arguments, and the few compositions that recur.

A preset is a function with a library's name and arguments that returns a Schedule. `@preset` checks every argument against
its Domain before the function runs, names a refused one by its path (`torch.StepLR.gamma`) and lists the preset in PRESETS.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from fractions import Fraction
from functools import wraps
from inspect import Signature, signature
from itertools import pairwise
from math import ceil, floor, inf, log
from typing import Any, ParamSpec, TypeVar

from ..checks import LAST_STEP, number, ratio, whole
from ..errors import SpecError
from ..schedule import Constant, Knots, Number, Product, Ramp, Schedule, Sequence, Sum, Until, curve

P = ParamSpec("P")
S = TypeVar("S", bound=Schedule)
Check = Callable[[Any, str], Any]


@dataclass(frozen=True)
class Domain:
    """What an argument may be: in words, as a check that returns it normalised, and a few values it refuses."""

    expected: str
    check: Check
    bad: tuple[Any, ...] = ()

    def __call__(self, value: Any, path: str) -> Any:
        return self.check(value, path)


@dataclass(frozen=True)
class Preset:
    """A function of this package: which library it stands for, what it is called there, what its arguments may be."""

    library: str
    name: str
    function: Callable[..., Schedule]
    signature: Signature
    domains: dict[str, Domain] = field(hash=False)

    @property
    def path(self) -> str:
        return f"{self.library}.{self.name}"

    @property
    def summary(self) -> str:
        return (self.function.__doc__ or "").split("\n")[0]


PRESETS: dict[str, Preset] = {}
"""Every preset of the modules imported so far, by path; `lrcore.presets.presets()` imports all of them first."""


def preset(**domains: Domain) -> Callable[[Callable[P, S]], Callable[P, S]]:
    """Check the arguments named here, list the function, and put its path before the path of whatever is refused."""

    def register(function: Callable[P, S]) -> Callable[P, S]:
        known = signature(function)
        library = function.__module__.rpartition(".")[2]
        path = f"{library}.{function.__name__}"

        @wraps(function)
        def checked(*args: P.args, **kwargs: P.kwargs) -> S:
            bound = known.bind(*args, **kwargs)
            bound.apply_defaults()
            for name, value in bound.arguments.items():
                if name in domains:
                    bound.arguments[name] = domains[name](value, f"{path}.{name}")
            try:
                return function(*bound.args, **bound.kwargs)
            except SpecError as error:
                if error.path.startswith(path):
                    raise
                raise SpecError(f"{path}.{error.path}", error.expected, error.got, error.hint) from None

        PRESETS[path] = Preset(library, function.__name__, checked, known, domains)
        return checked

    return register


# -- domains -----------------------------------------------------------------------------------------------------------


def real(low: float = -inf, high: float = inf, *, above: float = -inf) -> Domain:
    """A finite number of at least `low`, at most `high`, and strictly above `above`."""
    if above > -inf:
        words = f"a number above {above:g}" if high == inf else f"a number above {above:g} and up to {high:g}"
    elif low > -inf:
        words = f"a number >= {low:g}" if high == inf else f"a number from {low:g} to {high:g}"
    else:
        words = "a finite number"

    def check(value: Any, path: str) -> float:
        result = number(value, path, words)
        if result < low or result > high or result <= above:
            raise SpecError(path, words, value)
        return result

    outside = (*((low - 1,) if low > -inf else ()), *((above,) if above > -inf else ()), *((high + 1,) if high < inf else ()))
    return Domain(words, check, (float("nan"), inf, "0.1", True, None, *outside))


def steps(low: int = 0, high: int = LAST_STEP) -> Domain:
    """A whole number of steps."""
    return Domain(f"an integer >= {low}", lambda value, path: whole(value, path, low, high), (low - 1, 2.5, True, "3", high + 1))


def choice(*words: str) -> Domain:
    """One of a few words."""
    listed = f"one of {', '.join(words)}"

    def check(value: Any, path: str) -> str:
        if not isinstance(value, str) or value not in words:
            raise SpecError(path, listed, value)
        return value

    return Domain(listed, check, ("no such word", 1))


def _flag(value: Any, path: str) -> bool:
    if not isinstance(value, bool):
        raise SpecError(path, "True or False", value)
    return value


def optional(domain: Domain) -> Domain:
    """None, or what `domain` takes."""
    bad = tuple(value for value in domain.bad if value is not None)
    return Domain(f"{domain.expected}, or None", lambda value, path: None if value is None else domain(value, path), bad)


def many(domain: Domain, *, least: int = 0, ascending: bool = False) -> Domain:
    """A list of what `domain` takes, of at least `least`; `ascending` ones must not decrease."""

    def check(value: Any, path: str) -> tuple[Any, ...]:
        if not isinstance(value, list | tuple | range) or len(value) < least:
            raise SpecError(path, f"a list of at least {least}, each {domain.expected}", value)
        items = tuple(domain(item, f"{path}[{i}]") for i, item in enumerate(value))
        for i, (left, right) in enumerate(pairwise(items)):
            if ascending and right < left:
                raise SpecError(f"{path}[{i + 1}]", f"a number >= {left}", right, "Give them in ascending order.")
        return items

    return Domain(f"a list of at least {least}, each {domain.expected}", check, (3, "abc", None, [domain.bad[0]]))


def _schedule(value: Any, path: str) -> Schedule:
    if not isinstance(value, Schedule):
        raise SpecError(path, "a Schedule", value, "Presets return schedules: pass one of them.")
    return value


def boundaries(values: Domain) -> Domain:
    """A dictionary from steps to numbers, or None; returned sorted by step."""

    def check(value: Any, path: str) -> dict[int, Any]:
        if value is None:
            return {}
        if not isinstance(value, dict):
            raise SpecError(path, "a dictionary from steps to numbers, or None", value)
        return {STEPS(step, f"{path} key"): values(item, f"{path}[{step!r}]") for step, item in sorted(value.items())}

    return Domain("a dictionary from steps to numbers, or None", check, (3, [1, 2], {-1: 0.5}, {3: "x"}))


RATE = real()
POSITIVE = real(above=0)
NOT_NEGATIVE = real(0)
FRACTION = real(0, 1)
POWER = real(above=0.001, high=100)
STEPS = steps()
LENGTH = steps(1)
FLAG = Domain("True or False", _flag, (1, "yes", None))
SCHEDULE = Domain("a Schedule", _schedule, (0.1, None))


# -- compositions ------------------------------------------------------------------------------------------------------


def geometric(start: Number, gamma: Number, clock: Number = 1) -> Schedule:
    """start gamma^x for x = 0, 1, ... One that grows does so up to 1e199 times its start; `clock` is how much it will be stretched."""
    if start == 0:
        return Constant(0.0)
    if gamma == 0:
        return Constant(start, 1) >> Constant(0.0)
    if gamma <= 1:
        return curve(start, "geometric", gamma=gamma)
    last = min(log(1e199) / log(gamma), LAST_STEP / max(clock, 1))
    return curve(start, "geometric", floor(last), gamma=gamma)


def clocked(inner: Schedule, clock: Number, *, stairs: bool = False) -> Schedule:
    """The curve at t / clock, or, with stairs, at floor(t / clock); a clock need not be whole."""
    if clock == 1:
        return inner
    if not stairs:
        return inner.stretch(clock)
    return inner.per(int(clock)) if clock == int(clock) else inner.every(1).stretch(clock)


def growing(start: Number, timescale: float, clock: int = 1, after: int = 0) -> Schedule:
    """start (1 + x / timescale), up to 2**53 steps, of which `after` come before it."""
    return curve(start, "power_law", (LAST_STEP - after) // clock, exponent=1.0, timescale=timescale)


def factors(lr: float, milestones: Iterable[int], gamma: float) -> Schedule:
    """lr times gamma for every milestone at or before the step; a milestone listed twice counts twice."""
    changes = sorted(milestones)
    try:
        values = [lr * gamma**count for count in range(len(changes) + 1)]
    except OverflowError:
        raise SpecError("gamma", f"a factor whose power {len(changes)} fits a float64", gamma) from None
    return levels([0, *changes], values)


def levels(starts: Iterable[int], values: Iterable[float]) -> Schedule:
    """values[i] from step starts[i] until the next start, the last one for ever; a level of no steps is left out."""
    starts, values = list(starts), list(values)
    held = [Constant(value, right - left) for (left, right), value in zip(pairwise(starts), values, strict=False) if right > left]
    return Sequence((*held, Constant(values[-1])))


def switch(before: Schedule, at: int, after: Schedule) -> Schedule:
    """`before` for `at` steps, then `after` on the same clock: cut in at its step `at`, not started there.

    A sum of gated terms: each step multiplies one term by 1 and the other by 0, so the bits are those of the term in force.
    """
    if at == 0:
        return after
    gate = Constant(0.0, at) >> Constant(1.0)
    return Sum((Until(before, at) >> Constant(0.0), Product((gate, after))))


def joined(phases: Iterable[Schedule], at: Iterable[int], names: tuple[str, str] = ("schedules", "boundaries")) -> Sequence:
    """One schedule after the other, each on its own clock: phase i + 1 starts at at[i]; `names` are those of the two arguments."""
    phases, starts = list(phases), [0, *at]
    if len(phases) != len(starts):
        raise SpecError(names[0], f"one more than the {names[1]} ({len(starts)})", len(phases))
    kept = [Until(phase, right - left) for (left, right), phase in zip(pairwise(starts), phases, strict=False) if right > left]
    return Sequence((*kept, phases[-1]))


def drawn(points: Iterable[tuple[float, float]], kind: Any) -> Schedule:
    """Knots through (position, value), a phase that ends at or before the one before it left out: it leaves its stop behind."""
    kept: list[tuple[float, float]] = []
    for position, value in points:
        if kept and position <= kept[-1][0]:
            kept[-1] = (kept[-1][0], value)
        else:
            kept.append((max(position, 0.0), value))
    if len(kept) == 1:
        return Constant(kept[0][1])
    return Knots(tuple(position for position, _ in kept), tuple(value for _, value in kept), kind)


GRID = 1_000_000
"""Clocks of 1/q steps are exact up to this q: a float then names its fraction without doubt (`lrcore.checks.ratio`)."""


def wave(start: float, stop: float, length: int, cycles: float) -> Schedule:
    """A cosine wave between start and stop, `cycles` whole waves in `length` steps, for ever.

    Half a wave lasts length / (2 cycles) = p / q steps: a half cosine of p steps, mirrored, on a clock of 1/q steps, so that
    every position is a whole number. With q beyond GRID the length is a rounded float.
    """
    if cycles == 0:
        return Constant(start)
    half = Fraction(length) / (2 * ratio(cycles))
    if half.denominator <= GRID and half.numerator <= LAST_STEP:
        mirrored = Ramp(start, stop, half.numerator, "cosine").past_end("mirror")
        return clocked(mirrored, 1 / half.denominator)
    return Ramp(start, stop, 1, "cosine").past_end("mirror").stretch(float(half))


def cycles(unit: Callable[[int], Schedule], length: int, mul: float, times: int, decay: float) -> Schedule:
    """`times` cycles of unit(steps); cycle i lasts length mul^i steps, a real number, and is scaled by decay^i.

    With mul = p / q the boundaries are multiples of 1 / Q, Q = q^(times - 1): on a clock of 1/Q steps every cycle is whole.
    """
    grid = 1 if mul == 1 else ratio(mul).denominator ** (times - 1) if times < 64 or ratio(mul).denominator == 1 else GRID + 1
    if grid > GRID:
        raise SpecError("cycle_mul", f"cycles whose ends are fractions of at most 1/{GRID:,} step", mul, "Use fewer cycles.")
    return clocked(unit(length * grid).repeat(times, mul, decay), 1 / grid)


def real_restarts(peak: float, bottom: float, length: int, mul: float, decay: float, decay_bottom: float) -> Schedule:
    """Cosines without end; cycle i lasts length mul^i steps, from peak decay^i to bottom decay_bottom^i; mul >= 1.

    With a whole mul these are the cycles of a Repeat. Else a cycle starts between two steps, where no phase of whole length
    can, but a knot can: two zigzags share the work, one right in the even cycles, one in the odd ones, and a gate picks
    by the exact boundaries. Cycles that would start beyond 2**53 steps are left out.
    """
    if mul == int(mul):
        if decay_bottom == 1:
            return Ramp(peak, bottom, length, "cosine").repeat(None, mul, decay, bottom)
        if decay_bottom == decay:
            return Ramp(peak, bottom, length, "cosine").repeat(None, mul, decay)
    factor, exact = ratio(mul), [Fraction(0)]
    while exact[-1] < LAST_STEP and len(exact) < 5_000:
        # Beyond a few cycles the exact denominators only grow; 60 binary digits behind the point keep every boundary's side.
        exact.append(exact[-1] + length * factor ** (len(exact) - 1) if len(exact) < 40 else _coarse(exact, factor))
    if exact[-1] < LAST_STEP:
        raise SpecError("t_mul", "1, or a factor that reaches 2**53 steps within 5,000 cycles", mul)
    exact.pop()
    even, odd = [(0.0, peak)], [(0.0, bottom)]
    for i, end in enumerate(exact[1:]):
        high, low = peak * decay ** (i + 1), bottom * decay_bottom**i
        even.append((float(end), low if i % 2 == 0 else high))
        odd.append((float(end), high if i % 2 == 0 else low))
    starts = [ceil(end) for end in exact]
    gates = [levels(starts, [float(i % 2 == parity) for i in range(len(starts))]) for parity in (0, 1)]
    return Sum(tuple(Product((gate, drawn(points, "cosine"))) for gate, points in zip(gates, (even, odd), strict=True)))


def _coarse(exact: list[Fraction], factor: Fraction) -> Fraction:
    last = exact[-1] + (exact[-1] - exact[-2]) * factor
    return Fraction(floor(last * 2**60), 2**60)
