"""Values that change at listed or regular steps, and stay in between."""

from collections.abc import Sequence as List
from fractions import Fraction
from itertools import pairwise
from typing import Annotated, Literal

from ..errors import SpecError
from ..registry import choice, count, many, ratio, recipe, value
from ..schedule import Constant, Curve, Number, Schedule, Sequence
from ._common import Every, Start, cos_pi

Side = Annotated[Literal["at", "after"], choice("at", "after"), "whether a change is in force at its step or only after it"]


@recipe(
    formula="start gamma^floor(t / every)",
    first="start",
    boundary="the step `every` already has the next value",
    source="He et al. 2015 (arXiv:1512.03385), section 3.4; Caffe, `step`",
    elsewhere={
        "torch": "StepLR(step_size=every, gamma=gamma)",
        "timm": "StepLRScheduler(decay_t=every, decay_rate=gamma)",
        "composer": "StepScheduler",
        "Paddle": "StepDecay",
        "MXNet": "FactorScheduler",
    },
    example={"start": 0.1, "gamma": 0.5, "every": 20},
    window=100,
)
def step(start: Start, gamma: Annotated[Number, ratio(0, 1, above=True), "the factor of each drop"], every: Every) -> Schedule:
    """The value times gamma every so many steps.

    >>> step(0.1, 0.5, every=20)([0, 19, 20, 40])
    array([0.1  , 0.1  , 0.05 , 0.025])
    """
    return Curve(start, "geometric", (gamma,)).per(every)


@recipe(
    formula='start gamma^(number of milestones <= t), or with side="after" of milestones < t',
    first="start * gamma ** milestones.count(0) if side == 'at' else start",
    boundary='a change is in force at its milestone, or with side="after" from the step after it',
    source="He et al. 2015 (arXiv:1512.03385); torch, `MultiStepLR`",
    elsewhere={
        "torch": "MultiStepLR",
        "optax": "piecewise_constant_schedule, a factor per boundary",
        "MMEngine": "MultiStepLR",
        "timm": "MultiStepLRScheduler, a step early",
        "init2winit": 'piecewise constant, side="after"',
    },
    example={"start": 0.1, "milestones": [30, 60, 80], "gamma": 0.1},
    window=100,
)
def multistep(
    start: Start,
    milestones: Annotated[List[int], many(count()), "the steps of the changes, not falling; one named twice counts twice"],
    gamma: Annotated[Number, ratio(0, above=True), "the factor of each change"],
    side: Side = "at",
) -> Schedule:
    """The value times gamma at each milestone.

    >>> multistep(1.0, [3, 6], 0.1)([2, 3, 5, 6])
    array([1.  , 0.1 , 0.1 , 0.01])
    >>> multistep(1.0, [3, 6], 0.1, side="after")([3, 4])
    array([1. , 0.1])
    """
    for i, (before, after) in enumerate(pairwise(milestones), start=1):
        if after < before:
            raise SpecError(f"milestones[{i}]", f"a step not before the last one ({before})", after, "List them in order.")
    exact = [Fraction(start) * Fraction(gamma) ** i for i in range(len(milestones) + 1)]
    try:
        values = [float(each) for each in exact]  # one rounding each, however many factors
    except OverflowError:
        raise SpecError("gamma", "factors whose product fits a float64", gamma) from None
    return _stairs(milestones, values, side)


@recipe(
    formula="values[i] for boundaries[i - 1] <= t < boundaries[i]",
    first="values[0] if boundaries[0] > 0 or side == 'after' else values[1]",
    boundary='a boundary already has the next value, or with side="after" still the one before',
    source="Krizhevsky et al. 2012 (rates lowered by hand); Keras, `PiecewiseConstantDecay`",
    elsewhere={
        "Keras": 'PiecewiseConstantDecay(boundaries, values), which is side="after"',
        "Paddle": "PiecewiseDecay",
        "big_vision": "stair, a step early",
        "fairseq": "manual",
    },
    example={"boundaries": [40, 70], "values": [0.1, 0.02, 0.005]},
    window=100,
)
def piecewise_constant(
    boundaries: Annotated[List[int], many(count(), increasing=True), "the steps at which the next value begins"],
    values: Annotated[List[Number], many(value(), least=1), "the values, one more than boundaries"],
    side: Side = "at",
) -> Schedule:
    """Listed values between listed steps.

    >>> piecewise_constant([2, 4], [1.0, 0.5, 0.1])([1, 2, 3, 4])
    array([1. , 0.5, 0.5, 0.1])
    >>> piecewise_constant([2, 4], [1.0, 0.5, 0.1], side="after")([2, 3, 4, 5])
    array([1. , 0.5, 0.5, 0.1])
    """
    if len(values) != len(boundaries) + 1:
        raise SpecError("values", f"one value more than boundaries ({len(boundaries) + 1})", len(values))
    return _stairs(boundaries, values, side)


@recipe(
    formula="the i-th value of a cycle: base / (low + (high - low) (1 - cos(pi (j + 1/2) / cycle)) / 2), j the i-th of 0 ... cycle - 1 "
    "in fractal order: from (0), doubled by putting 2 n - 1 - j behind every j of n",
    first="base / (low + (high - low) * (1 - cos(pi / 2 / cycle)) / 2)",
    end="base / (low + (high - low) * (1 - cos(pi * ((2 * cycle - 1) // 3 + 0.5) / cycle)) / 2)",
    boundary="a multiple of `every` already has the next value",
    source="Agarwal, Goel & Zhang 2021 (arXiv:2103.01338)",
    elsewhere={
        "pytorch_optimizer": "get_chebyshev_schedule(num_epochs): cycle the next power of two, two epochs late",
        "Ranger21": "cycle = num_epochs - 2 and low = 0.1, as factors of its rate",
    },
    example={"base": 1e-3, "cycle": 16, "every": 10},
    window=320,
    blame={"times": "cycles"},
)
def chebyshev(
    base: Annotated[Number, value(), "what the inverse of each node is multiplied by"],
    cycle: Annotated[int, count(1, unit="values"), "values of a cycle, a power of two up to 1024"],
    low: Annotated[Number, ratio(0, above=True), "the smallest curvature: no value is above base / low"] = 0.05,
    high: Annotated[Number, ratio(0, above=True), "the largest curvature: no value is below base / high"] = 1.0,
    every: Every = 1,
    cycles: Annotated[int | None, count(1, unit="cycles", special=(None,)), "how many; None is for ever"] = None,
) -> Schedule:
    """Chebyshev steps: the inverses of Chebyshev nodes between two curvatures, long and short ones mixed in fractal order.

    Some are longer than what is stable alone; the others of their cycle make it good, and so early that nothing blows up in between.
    The order is made for powers of two.

    >>> chebyshev(1.0, 4, low=0.1)([0, 1, 2, 3, 4]).round(4)
    array([7.4486, 1.0355, 2.647 , 1.3846, 7.4486])
    """
    if cycle & (cycle - 1) or cycle > 1024:
        raise SpecError("cycle", "a power of two up to 1024", cycle)
    if low > high:
        raise SpecError("high", f"a number of at least low ({low!r})", high)
    order = [0]
    while len(order) < cycle:
        order = [each for j in order for each in (j, 2 * len(order) - 1 - j)]
    least, most = Fraction(low), Fraction(high)
    nodes = [least + (most - least) * (1 - cos_pi(Fraction(2 * j + 1, 2 * cycle))) / 2 for j in order]
    try:
        values = [float(Fraction(base) / node) for node in nodes]
    except OverflowError:
        raise SpecError("low", "a number that base can be divided by", low) from None
    return Sequence(tuple(Constant(each, every) for each in values)).repeat(cycles)


def _stairs(boundaries: List[int], values: List[Number], side: str) -> Schedule:
    places = [0, *(boundary + (side == "after") for boundary in boundaries)]
    stairs = [Constant(held, end - begin) for held, (begin, end) in zip(values, pairwise(places), strict=False)]
    return Sequence((*stairs, Constant(values[-1])))
