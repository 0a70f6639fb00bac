"""A schedule as a function of the count that optax passes: exact on the host, its lowered form inside what is traced."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

import lrcore as lr

LAST = 2**31 - 1
"""The last count there is: optax's is an int32, and stays there."""


def schedule(plan: lr.Schedule | lr.Plan | lr.BoundPlan) -> Scheduled:
    """What optax takes for a schedule: a function from the count to a float32 of the count's shape, in the schedule's unit.

    plan : a Schedule, or a Plan of one group with one field

    Works under jit, vmap, scan and `optax.inject_hyperparams`, where the schedule is in its lowered form, within 1e-6 relative of
    the exact value; it takes a few kB in the compiled step, whatever the horizon (the data of Samples are constants in it: keep
    them below a million). A count that is known, a Python int or an array outside of a trace, gives the exact value rounded once.
    Counts above 2^31 - 1, and negative ones, as a counter has that has wrapped, give the value of count 2^31 - 1.

    Raises LoweringError for what cannot be computed in a trace; PlanError for a Plan of several columns;
    SpecError for fractions of a horizon that is not known and, when called, for counts that are no integers.

    >>> import jax, lrcore as lr
    >>> rate = schedule(lr.linear(1.0, 0.0, steps=4))
    >>> rate(1), jax.vmap(rate)(jax.numpy.arange(6))
    (Array(0.75, dtype=float32), Array([1.  , 0.75, 0.5 , 0.25, 0.  , 0.  ], dtype=float32))
    """
    return Scheduled(_only_column(plan))


class Scheduled:
    """A function count -> float32; made by `schedule`. Two are equal if their schedules are, and it pickles as its schedule.

    It has no `init` and no `update`: optax would take it for a schedule with a state of its own.
    """

    __slots__ = ("__weakref__", "_lowered", "schedule")

    def __init__(self, schedule: lr.Schedule) -> None:
        self.schedule = schedule
        self._lowered = _lowered(schedule)

    def __call__(self, count: Any) -> jax.Array:
        if isinstance(count, jax.core.Tracer):
            _check_integers(count.dtype, count)
            value: jax.Array = self._lowered(count)
            return value
        known = np.asarray(count)
        _check_integers(known.dtype, count)
        steps = (np.minimum(known, LAST) if np.iinfo(known.dtype).max > LAST else known).astype(np.int64)
        return jnp.asarray(np.asarray(self.schedule(np.where(steps < 0, LAST, steps)), dtype=np.float32))

    def __eq__(self, other: object) -> bool:
        return self.schedule == other.schedule if isinstance(other, Scheduled) else NotImplemented

    def __hash__(self) -> int:
        return hash((Scheduled, self.schedule))

    def __reduce__(self) -> tuple[Any, ...]:
        return Scheduled, (self.schedule,)

    def __repr__(self) -> str:
        return f"schedule({self.schedule!r})"


def _only_column(plan: Any) -> lr.Schedule:
    if isinstance(plan, lr.Schedule):
        if not plan.resolved:
            hint = "Call .over(horizon) first, or give a Plan with one."
            raise lr.SpecError("schedule", "a schedule without fractions of a horizon", plan, hint)
        return plan
    bound = lr.bound_plan(plan)
    if len(bound.columns) != 1:
        shown = ", ".join(f"{field} of {name!r}" for name, field in bound.columns[:6]) + ", ..." * (len(bound.columns) > 6)
        raise lr.PlanError(f"A schedule is one column, and the plan has several: {shown}. Give all of it to lrcore_jax.optimizer.")
    return bound.schedules[0]


def _check_integers(dtype: Any, count: Any) -> None:
    if not jnp.issubdtype(dtype, jnp.integer):
        got = dtype if hasattr(count, "dtype") else count
        raise lr.SpecError("count", "an integer, or an array of integers", got, "A float32 has no odd counts above 2**24.")


@lru_cache(maxsize=1024)
def _lowered(schedule: lr.Schedule) -> Callable[[Any], Any]:
    """Groups that share a schedule share its polynomials, which take a few milliseconds to fit."""
    return lr.lower(schedule, JaxOps())


class JaxOps:
    """The operations of which `lr.lower` makes a schedule."""

    constant = table = staticmethod(jnp.asarray)
    minimum, maximum, xor = staticmethod(jnp.minimum), staticmethod(jnp.maximum), staticmethod(jnp.bitwise_xor)

    def where(self, condition: Any, a: Any, b: Any) -> Any:
        return jnp.where(condition, a, b)

    def to_integer(self, step: Any) -> Any:
        if np.iinfo(step.dtype).max > LAST:
            low = -1 if jnp.issubdtype(step.dtype, jnp.signedinteger) else 0
            step = jnp.clip(step, low, LAST)
        return step.astype(jnp.int32)

    def to_float(self, integer: Any) -> Any:
        return integer.astype(jnp.float32)

    def count(self, booleans: Any) -> Any:
        return jnp.sum(booleans, axis=-1, dtype=jnp.int32)

    def take(self, array: Any, index: Any) -> Any:
        return jnp.take(array, index, axis=0, mode="clip")

    def expand(self, array: Any) -> Any:
        return jnp.expand_dims(array, -1)
