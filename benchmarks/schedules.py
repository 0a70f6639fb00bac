"""The schedules that are measured, each made for a given number of steps. What is a shape comes from lrcore's registry."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from functools import partial
from itertools import product

import lrcore as lr

PEAK, LOW = 3e-4, 1e-5
Maker = Callable[[int], lr.Schedule]

PARAMETERS = {"power": (2.0, 2.5, 0.5)}
"""Parameters of shapes worth more than the one example of the registry: whole powers need no anchors, powers below 1 are steep."""


def _shapes() -> Iterator[tuple[str, Maker]]:
    for shape in lr.SHAPES.values():
        names = [parameter.name for parameter in shape.parameters]
        for values in product(*(PARAMETERS.get(parameter.name, (parameter.example,)) for parameter in shape.parameters)):
            chosen = dict(zip(names, values, strict=True))
            label = " ".join([shape.name, *(f"{name}={value:g}" for name, value in chosen.items())])
            yield label, partial(_ramp, shape.name, chosen)


def _ramp(shape: str, parameters: dict[str, float], steps: int) -> lr.Schedule:
    return lr.ramp(*lr.SHAPES[shape].example, steps, shape, **parameters)


def _triangle(period: int) -> lr.Schedule:
    return (lr.linear(LOW, PEAK, period // 2) >> lr.linear(PEAK, LOW, period - period // 2)).repeat()


def warmup_cosine(steps: int) -> lr.Schedule:
    return lr.warmup_cosine(PEAK, warmup=steps // 100, steps=steps, stop=LOW)


SHAPES: dict[str, Maker] = dict(_shapes())

ENDLESS: dict[str, Maker] = {
    "geometric without an end": lambda n: lr.curve(PEAK, "geometric", gamma=0.01 ** (1 / n)),
    "natural_exponential": lambda n: lr.curve(PEAK, "natural_exponential", rate=5 / n),
    "inverse_time": lambda n: lr.curve(PEAK, "inverse_time", rate=30 / n),
    "inverse_sqrt": lambda n: lr.curve(PEAK, "inverse_sqrt", timescale=n / 30),
    "power_law": lambda n: lr.curve(PEAK, "power_law", exponent=-0.51, timescale=n / 30),
}

CURVES: dict[str, Maker] = {
    **SHAPES,
    **ENDLESS,
    "stairs: a cosine every steps/30": lambda n: lr.cosine(PEAK, LOW, n).every(max(n // 30, 1)),
    "milestones: 10 constants": lambda n: lr.Sequence(tuple(lr.constant(PEAK * 0.5**i, n // 10) for i in range(10))),
    "warmup to a held rate, start=first": lambda n: lr.warmup(lr.constant(PEAK), n // 2, start="first"),
    "warmup_cosine": warmup_cosine,
    "wsd": lambda n: lr.wsd(PEAK, warmup=n // 100, decay=n // 5, steps=n),
    "one cycle: cosine up, cosine down": lambda n: lr.cosine(LOW, PEAK, 3 * n // 10) >> lr.cosine(PEAK, LOW / 10, n - 3 * n // 10),
    "cyclic: 10 triangles": lambda n: _triangle(max(n // 10, 2)),
}


def _recipe(name: str, steps: int) -> lr.Schedule:
    """A recipe's example, stretched to so many steps if it has an end."""
    recipe = lr.recipes()[name]
    schedule = recipe(**recipe.example)
    return schedule if schedule.span is None else schedule.stretch(max(steps // recipe.window, 1))


RECIPES: dict[str, Maker] = {name: partial(_recipe, name) for name in lr.recipes()}

SHORT_CYCLES: dict[str, Maker] = {
    "cosine_restarts, cycle=100": lambda n: lr.cosine_restarts(PEAK, LOW, 100),
    "cosine_restarts, cycle=1,000": lambda n: lr.cosine_restarts(PEAK, LOW, 1_000),
    "cosine_restarts, cycle=100,000": lambda n: lr.cosine_restarts(PEAK, LOW, 100_000),
    "cosine_restarts, cycle=100, decay=0.9999": lambda n: lr.cosine_restarts(PEAK, LOW, 100, decay=0.9999),
    "cosine_restarts, cycle=100, cycle_mul=2": lambda n: lr.cosine_restarts(PEAK, LOW, 100, cycle_mul=2),
    "triangles of 100 steps": lambda n: _triangle(100),
    "real power back and forth, 100 steps": lambda n: lr.polynomial(PEAK, LOW, 100, 2.5).past_end("mirror"),
}

COMPOSED: dict[str, Maker] = {
    "product of two: warmup_cosine, exponential": lambda n: CURVES["warmup_cosine"](n) * lr.exponential(1.0, 0.1, n),
    "product of three: cosine, linear, real power": lambda n: (
        lr.cosine(PEAK, LOW, n) * lr.linear(1.0, 0.5, n) * lr.polynomial(1.0, 0.1, n, 2.5)
    ),
    "sequence of 1,000 phases, all shapes": lambda n: _phases(1_000, n),
}


def _phases(count: int, steps: int) -> lr.Schedule:
    makers = list(SHAPES.values())
    bounds = [steps * i // count for i in range(count + 1)]
    return lr.Sequence(tuple(makers[i % len(makers)](bounds[i + 1] - bounds[i]) for i in range(count)))


TREE_KINDS = ("sequence", "product", "sum", "minimum", "maximum", "repeat", "every", "per", "stretch", "clip", "mirror")


def tree(seed: int, depth: int, steps: int) -> lr.Schedule:
    """A random schedule `depth` combinators deep over `steps` steps; what has two terms has one of full depth and one of any."""
    return _tree(random.Random(seed), depth, max(steps, 8))


def _tree(rng: random.Random, depth: int, steps: int) -> lr.Schedule:
    if depth == 0:
        name, shape = rng.choice(list(lr.SHAPES.items()))
        args = tuple(rng.choice(PARAMETERS.get(parameter.name, (parameter.example,))) for parameter in shape.parameters)
        return lr.Ramp(rng.uniform(0.5, 1.0), rng.uniform(0.1, 0.5), steps, name, args)
    kind = rng.choice(TREE_KINDS)
    if kind == "sequence":
        cut = rng.randint(1, steps - 1)
        return _tree(rng, depth - 1, max(cut, 8)).until(cut) >> _tree(rng, rng.randrange(depth), max(steps - cut, 8))
    if kind in ("product", "sum", "minimum", "maximum"):
        terms = _tree(rng, depth - 1, steps), _tree(rng, rng.randrange(depth), steps)
        return {"product": lr.Product, "sum": lr.Sum, "minimum": lr.Minimum, "maximum": lr.Maximum}[kind](terms)
    if kind in ("repeat", "mirror"):
        cycle = max(steps // rng.choice([4, 100, 10_000]), 100)
        inner = _tree(rng, depth - 1, cycle).until(cycle)
        return inner.repeat() if kind == "repeat" else inner.past_end("mirror")
    if kind == "clip":
        return _tree(rng, depth - 1, steps).clip(0.2, 0.8)
    ticks = 1.5 if kind == "stretch" else rng.choice([2, 100, 10_000])
    inner = _tree(rng, depth - 1, max(int(steps / ticks), 8) if kind != "every" else steps)
    return {"every": inner.every, "per": inner.per, "stretch": inner.stretch}[kind](ticks)


def leaves(schedule: lr.Schedule) -> int:
    """How many ramps a tree ends in."""
    inner = getattr(schedule, "terms", None) or getattr(schedule, "phases", None) or (getattr(schedule, "inner", None),)
    return sum(leaves(term) for term in inner) if inner[0] is not None else 1


TREES: dict[str, Maker] = {f"tree {seed}, {leaves(tree(seed, 6, 10**7))} ramps": partial(tree, seed, 6) for seed in range(8)}
