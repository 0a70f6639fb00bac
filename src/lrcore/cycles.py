"""Where the cycles of a repeated schedule begin, in exact integers."""

from __future__ import annotations

from functools import lru_cache

from .checks import LAST_STEP, ratio
from .errors import SpecError

MAX_CYCLES = 20_000
"""Cycles of unequal length are listed; this many at most."""

_GUARD = 256
"""Bits kept behind the point while a cycle's length is found; a floor they cannot decide is decided in exact arithmetic."""


@lru_cache(maxsize=1024)
def cycle_starts(first: int, stretch: float, times: int | None) -> tuple[int, ...] | None:
    """The first step of every cycle and the end of the last; None if all cycles are equally long.

    Cycle i lasts floor(first * stretch**i) steps, `stretch` read as the fraction it writes (1.5 is 3/2). Without `times`
    the list ends at the first boundary beyond 2**53.

    >>> cycle_starts(10, 2.0, 3)
    (0, 10, 30, 70)
    """
    factor = ratio(stretch)
    if factor == 1:
        return None
    up, down = factor.numerator, factor.denominator
    low = high = first << _GUARD  # the exact length lies in [low, high] * 2**-_GUARD
    starts = [0]
    while len(starts) <= (MAX_CYCLES if times is None else times):
        cycle = low >> _GUARD
        if cycle != high >> _GUARD:
            i = len(starts) - 1
            cycle = first * up**i // down**i
        if cycle == 0:
            raise SpecError(
                "stretch", "cycles of at least one step", stretch, f"Cycle {len(starts) - 1} would shrink to nothing; repeat fewer times."
            )
        starts.append(starts[-1] + cycle)
        if times is None and starts[-1] > LAST_STEP:
            return tuple(starts)
        if len(starts) > MAX_CYCLES:
            break
        low, high = low * up // down, -(-high * up // down)
    if times is None or len(starts) <= times:
        raise SpecError(
            "stretch", f"at most {MAX_CYCLES} cycles of unequal length", stretch, "Use a stretch further from 1, or fewer times."
        )
    return tuple(starts)
