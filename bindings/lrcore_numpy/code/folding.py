"""Factors that go into the numbers of a schedule, and quotients of numbers as a person writes them."""

from __future__ import annotations

from math import isclose, prod

import lrcore as lr


def folded(product: lr.Product) -> lr.Schedule | None:
    """A positive number times one schedule, as that schedule with other numbers; None for what is not that simple."""
    factors = [term.value for term in product.terms if isinstance(term, lr.Constant)]
    others = [term for term in product.terms if not isinstance(term, lr.Constant)]
    return scaled(others[0], prod(factors)) if len(others) == 1 and prod(factors) > 0 else None


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
        case lr.Stretch(inner=lr.Curve() as curve):
            return lr.Stretch(lr.Curve(k * curve.start, curve.shape, curve.args, curve.steps), schedule.k)
    return None


def ratio(part: float, whole: float) -> float:
    """part / whole, 0.1 rather than the 0.09999999999999999 of two roundings."""
    exact = part / whole
    short = round(exact, 12)
    return short if isclose(short, exact, rel_tol=1e-15) else exact
