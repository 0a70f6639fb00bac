"""Several schedules on one clock: one after the other, or combined value by value."""

from __future__ import annotations

from fractions import Fraction
from functools import cached_property
from typing import TYPE_CHECKING

import msgspec
from msgspec.structs import force_setattr

from ..checks import decimal_fraction, rounded
from ..errors import SpecError
from .base import Number, Schedule, Span, exact_length, steps_of
from .clocked import Until
from .leaves import Constant, Curve, Ramp, as_schedule

if TYPE_CHECKING:
    from . import AnySchedule


class Joined(Schedule, frozen=True):
    """What sequences, sums and products share: a flat tuple of schedules."""

    def _flatten(self, field: str) -> None:
        given = getattr(self, field)
        if not isinstance(given, tuple | list) or not given:
            raise SpecError(field, "a tuple of at least one schedule", given)
        flat: list[Schedule] = []
        for i, term in enumerate(given):
            if type(term) is type(self):
                flat.extend(getattr(term, field))
            else:
                flat.append(as_schedule(term, f"{field}[{i}]"))
        force_setattr(self, field, tuple(flat))
        self._check()


class Sequence(Joined, frozen=True):
    """One phase after the other, each on its own clock from 0; all but the last must end. Written a >> b."""

    phases: tuple[AnySchedule, ...]

    def __post_init__(self) -> None:
        self._flatten("phases")
        for i, phase in enumerate(self.phases[:-1]):
            if phase.span is None:
                raise SpecError(
                    f"phases[{i}]", "a phase that ends, since another follows", phase, "Give it a length, or cut it with .until(steps)."
                )
        if not self.resolved:
            self._check_fractions()

    def _check_fractions(self) -> None:
        lengths = [getattr(phase, "steps", None) if type(phase) in (Ramp, Curve, Constant, Until) else None for phase in self.phases]
        rests = [i for i, steps in enumerate(lengths) if steps == "rest"]
        if len(rests) > 1:
            raise SpecError(f"phases[{rests[1]}].steps", 'at most one phase of "rest"', "rest")
        total = sum(decimal_fraction(steps) for steps in lengths if isinstance(steps, float))
        if total > 1:
            raise SpecError("phases", "fractions of the horizon that add up to at most 1", float(total))

    def _over(self, horizon: Fraction) -> Schedule:
        """Boundaries are the rounded sums of the exact lengths, so that no rounding error adds up along the phases."""
        phases = [phase if type(phase) in (Ramp, Curve, Constant, Until) else phase._over(horizon) for phase in self.phases]
        exact: list[Fraction | None] = []
        for phase in phases:
            steps = phase.steps if type(phase) in (Ramp, Curve, Constant, Until) else phase.span  # type: ignore[attr-defined]
            exact.append(None if steps in ("rest", None) else exact_length(steps, horizon))
        rest = horizon - sum(part for part in exact if part is not None)
        done, boundary, resolved = Fraction(0), 0, []
        for i, (phase, part) in enumerate(zip(phases, exact, strict=True)):
            if phase.span is None:
                resolved.append(phase)
                continue
            if part is None and rest < 0:
                raise SpecError(f"phases[{i}].steps", "something left of the horizon for the rest", Fraction(rest).__float__())
            done += rest if part is None else part
            steps, boundary = rounded(done) - boundary, rounded(done)
            if type(phase) in (Ramp, Curve, Constant, Until):
                if isinstance(phase, Until):
                    phase = msgspec.structs.replace(phase, inner=phase.inner._over(horizon))
                phase = msgspec.structs.replace(phase, steps=steps)
            resolved.append(phase)
        return Sequence(tuple(resolved))

    @property
    def steps(self) -> int | None:
        """Steps of all phases together; None if the last is endless."""
        return steps_of(self)

    @cached_property
    def _facts(self) -> tuple[Span, float, int]:
        total: Span = 0
        bound, depth = 0.0, 0
        for phase in self.phases:
            span, high, levels = phase._facts
            if isinstance(total, int) and isinstance(span, int):
                total += span
            else:
                total = "rest" if "rest" in (span, total) else None
            bound, depth = max(bound, high), max(depth, levels)
        return total, bound, depth + 1


class Arithmetic(Joined, frozen=True):
    """Terms combined value by value; as long as the longest, endless if one other than a plain constant is."""

    terms: tuple[AnySchedule, ...]

    def __post_init__(self) -> None:
        self._flatten("terms")

    @property
    def steps(self) -> int | None:
        """Steps of the longest term; None if one other than a plain constant is endless."""
        return steps_of(self)

    def _combined(self, bounds: list[float]) -> float:
        return max(bounds)

    @cached_property
    def _facts(self) -> tuple[Span, float, int]:
        facts = [term._facts for term in self.terms]
        spans = [span for span, term in zip(facts, self.terms, strict=True) if not (type(term) is Constant and term.steps is None)]
        lasting = [span[0] for span in spans]
        if "rest" in lasting:
            longest: Span = "rest"
        else:
            longest = None if None in lasting or not lasting else max(lasting)  # type: ignore[type-var]
        return longest, self._combined([bound for _, bound, _ in facts]), 1 + max(depth for _, _, depth in facts)


class Product(Arithmetic, frozen=True):
    """The product of the terms, from left to right. Written a * b or 0.1 * a."""

    def _combined(self, bounds: list[float]) -> float:
        product = 1.0
        for bound in bounds:
            product *= bound
        return product


class Sum(Arithmetic, frozen=True):
    """The sum of the terms, from left to right. Written a + b or 0.1 + a."""

    def _combined(self, bounds: list[float]) -> float:
        return sum(bounds)


class Minimum(Arithmetic, frozen=True):
    """The smallest of the terms."""


class Maximum(Arithmetic, frozen=True):
    """The largest of the terms."""


def minimum(*terms: Schedule | Number) -> Minimum:
    """The smallest of several schedules, step by step."""
    return Minimum(tuple(as_schedule(term, f"terms[{i}]") for i, term in enumerate(terms)))


def maximum(*terms: Schedule | Number) -> Maximum:
    """The largest of several schedules, step by step."""
    return Maximum(tuple(as_schedule(term, f"terms[{i}]") for i, term in enumerate(terms)))
