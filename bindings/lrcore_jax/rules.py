"""An adaptive rule as pure functions of a state: float32 and int32 arrays, made of `where`, for jit, scan and vmap."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from math import isnan
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

import lrcore as lr

from .counts import LAST


class RuleState(NamedTuple):
    """What a rule remembers: scalars, the window of a GreedyLR that smooths, and its log of events."""

    best: Any
    """The best metric so far; of NewBob the last one."""
    sum: Any
    """Of the window; of optax's convention the mean so far."""
    seen: Any
    bad: Any
    good: Any
    cooling: Any
    warming: Any
    left: Any
    count: Any
    window: Any
    """The last metrics, the newest at the end."""
    step: Any
    """Of the last observation; -1 before the first."""
    events: Any
    """How many there have been."""
    steps: Any
    factors: Any
    """Of the events in the log; NaN is a new beginning."""


def adapt(rule: lr.Rule, capacity: int = 256) -> RunningRule:
    """A rule as pure functions: `init()`, `update(state, metric, step)`, `rate(state, scheduled)`.

    rule : a ReduceLROnPlateau, a GreedyLR or a NewBob
    capacity : events that are kept; of more, the two oldest are merged into one

    The state is a pytree of arrays of fixed shapes and types, float32 and int32, so that everything works under jit, scan and vmap. The
    machine is that of `rule.begin()`, in float32: metrics that differ from a threshold by less than float32 can say may be told apart
    by one and not by the other. Raises SpecError for what is no rule.

    >>> import jax, lrcore as lr
    >>> rule = adapt(lr.ReduceLROnPlateau(factor=0.5, patience=1))
    >>> state, update = rule.init(), jax.jit(rule.update)
    >>> for step, loss in enumerate([1.0, 0.9, 0.9, 0.9]):
    ...     state = update(state, loss, step)
    >>> rule.factor(state), rule.rate(state, 0.25), rule.events(state)
    (Array(0.5, dtype=float32), Array(0.125, dtype=float32), [Event(step=3, factor=0.5)])
    """
    if not isinstance(rule, lr.Rule):
        raise lr.SpecError("rule", "a ReduceLROnPlateau, a GreedyLR or a NewBob", rule)
    if type(capacity) is not int or capacity < 2:
        raise lr.SpecError("capacity", "an integer >= 2", capacity)
    return RunningRule(rule, capacity)


@dataclass(frozen=True)
class RunningRule:
    """A rule as pure functions; made by `adapt`. It compares and hashes by its rule, so it may be a static argument."""

    rule: lr.Rule
    capacity: int

    def init(self) -> RuleState:
        """The state before the first metric."""
        return self.restored(self.rule.begin().state_dict())

    def update(self, state: RuleState, metric: Any, step: Any, scheduled: Any = None) -> RuleState:
        """The state after one metric.

        metric : a number or an array without dimensions; NaN and infinities too
        step : the step in force; one below that of the last observation counts as that
        scheduled : what the schedule says at this step, once or {group: rate}; as for `lr.Adaptation.observe`
        """
        rates = {} if scheduled is None else scheduled if isinstance(scheduled, Mapping) else {"default": scheduled}
        groups = [(self.rate(state, rate, name), *self.limits(name)) for name, rate in rates.items()]
        state = state._replace(step=jnp.maximum(state.step, jnp.asarray(step, jnp.int32)))
        state, factor, happens = _observe(self.rule)(self.rule, state, _float(metric), groups)
        return _logged(state, factor, happens)

    def rate(self, state: RuleState, scheduled: Any, group: str = "default") -> jax.Array:
        """The rate in force where the schedule says `scheduled`, float32: the events one after the other, as `lr.Adaptation.rate`."""
        low, high = self.limits(group)
        scheduled = _float(scheduled)
        start = jnp.ones_like(scheduled) if _convention(self.rule) == "optax" else scheduled

        def after(i: Any, value: Any) -> Any:
            return _changed(self.rule, state.factors[i], value, low, high, start)

        value: jax.Array = jax.lax.fori_loop(0, jnp.minimum(state.events, self.capacity), after, start)
        return scheduled * value if _convention(self.rule) == "optax" else value

    def factor(self, state: RuleState) -> jax.Array:
        """What the schedule is multiplied with, float32, where no rate is near its bounds."""
        if _convention(self.rule) == "optax":
            return self.rate(state, 1.0)
        since = jnp.arange(self.capacity) > jnp.max(jnp.where(jnp.isnan(state.factors), jnp.arange(self.capacity), -1))
        return jnp.prod(jnp.where(since, state.factors, 1.0))

    def limits(self, group: str = "default") -> tuple[float, float]:
        """What reductions and rises of a group may reach: (min_lr, max_lr)."""
        return _limits(self.rule, group)

    # -- on the host ---------------------------------------------------------------------------------------------------

    def events(self, state: RuleState) -> list[lr.Event]:
        """The events in the log, as those of an Adaptation; the factor of a new beginning is None."""
        count = min(int(state.events), self.capacity)
        pairs = zip(np.asarray(state.steps)[:count].tolist(), np.asarray(state.factors)[:count].tolist(), strict=True)
        known = {float(np.float32(factor)): factor for factor in _factors(self.rule)}
        return [lr.Event(step, None if isnan(factor) else known.get(factor, factor)) for step, factor in pairs]

    def state_dict(self, state: RuleState) -> dict[str, Any]:
        """The state as that of an Adaptation, of plain JSON types, for any binding to go on with."""
        smooth = len(state.window) > 0
        numbers = {name: int(getattr(state, name)) for name in ("step", "bad", "good", "cooling", "warming", "left", "count")}
        window: Any = np.asarray(state.window)[len(state.window) - numbers["count"] :] if smooth else []
        return {
            "rule": type(self.rule).__name__, "events": [list(event) for event in self.events(state)], "seen": bool(state.seen),
            "best": _plain(float(state.best)), "sum": _plain(float(state.sum)), "window": [_plain(float(each)) for each in window],
            **numbers,
        }  # fmt: skip

    def restored(self, state: Mapping[str, Any]) -> RuleState:
        """The state of an Adaptation, such as that of a run in PyTorch, as arrays; StateError for what is none."""
        machine = self.rule.begin()
        machine.load_state_dict(state)
        saved = machine.state_dict()
        size = self.rule.window_size if isinstance(self.rule, lr.GreedyLR) and self.rule.smooth else 0
        window = np.zeros(size, np.float32)
        if saved["window"]:
            window[-len(saved["window"]) :] = [float(each) for each in saved["window"]]
        arrays = RuleState(
            best=_float(float(saved["best"])), sum=_float(float(saved["sum"])), seen=jnp.asarray(saved["seen"]),
            **{name: _whole(saved[name]) for name in ("bad", "good", "cooling", "warming", "left", "count", "step")},
            window=jnp.asarray(window), events=_whole(0),
            steps=jnp.zeros(self.capacity, jnp.int32), factors=jnp.ones(self.capacity, jnp.float32),
        )  # fmt: skip
        for step, factor in machine.events:
            held = arrays._replace(step=_whole(step))
            held = _logged(held, jnp.float32(jnp.nan if factor is None else factor), jnp.bool_(True))
            arrays = held._replace(step=arrays.step)
        return arrays


def _convention(rule: Any) -> str:
    """Which of the five machines it is."""
    kinds: dict[type, str] = {lr.GreedyLR: "greedy", lr.NewBob: "newbob"}
    return kinds.get(type(rule)) or str(rule.convention)


def _float(number: Any) -> Any:
    return jnp.asarray(number, jnp.float32)


def _whole(number: int) -> Any:
    return jnp.asarray(min(number, LAST), jnp.int32)


def _plain(number: float) -> float | str:
    return number if np.isfinite(number) else str(number)


def _factors(rule: Any) -> tuple[float, ...]:
    """Of the events it makes: those in the log are these, rounded to float32."""
    return (rule.factor, 1 / rule.factor) if isinstance(rule, lr.GreedyLR) else (rule.factor,)


@lru_cache
def _limits(rule: lr.Rule, group: str) -> tuple[float, float]:
    return rule.begin().limits(group)


# -- events --------------------------------------------------------------------------------------------------------------------


def _logged(state: RuleState, factor: Any, happens: Any) -> RuleState:
    """The event in the log, if it happens; in a full one the two oldest become one first."""
    full = happens & (state.events >= len(state.factors))
    first, second = state.factors[0], state.factors[1]
    merged = jnp.where(jnp.isnan(first) | jnp.isnan(second), second, first * second)
    factors = jnp.where(full, jnp.roll(state.factors, -1).at[0].set(merged), state.factors)
    steps = jnp.where(full, jnp.roll(state.steps, -1), state.steps)
    place = jnp.minimum(state.events, len(factors) - 1)
    return state._replace(
        factors=factors.at[place].set(jnp.where(happens, factor, factors[place])),
        steps=steps.at[place].set(jnp.where(happens, state.step, steps[place])),
        events=state.events + happens,
    )


def _changed(rule: Any, factor: Any, rate: Any, low: float, high: float, start: Any) -> Any:
    """A rate after one event; of optax's convention the scale on it."""
    kind = _convention(rule)
    if kind == "optax":
        return jnp.where(jnp.isnan(factor), start, jnp.maximum(rate * factor, jnp.float32(rule.min_scale)))
    eps = getattr(rule, "eps", 0.0)
    lower = jnp.maximum(rate * factor, low)
    lower = jnp.where(rate - lower > eps, lower, rate)
    higher = jnp.minimum(rate * factor, high)
    higher = jnp.where(higher - rate > eps, higher, rate)
    return jnp.where(jnp.isnan(factor), start, jnp.where(factor > 1, higher, lower))


# -- machines: each says what is remembered, the factor, and whether there is an event -----------------------------------------

Observed = tuple[RuleState, Any, Any]
Groups = list[tuple[Any, float, float]]
"""(rate in force, min_lr, max_lr), by group."""


def _observe(rule: Any) -> Callable[[Any, RuleState, Any, Groups], Observed]:
    machines = {"torch": _torch, "keras": _keras, "optax": _optax, "greedy": _greedy, "newbob": _newbob}
    return machines[_convention(rule)]


def _better(rule: Any, metric: Any, best: Any) -> Any:
    """Whether a metric beats the best so far. The difference is compared, which float32 has exactly where they are close."""
    kind, threshold = _convention(rule), rule.threshold
    if kind == "optax":
        return metric < jnp.float32(1 - threshold) * best - jnp.float32(rule.atol)
    if kind == "keras":
        return metric - threshold > best if rule.mode == "max" else metric + threshold < best
    better, worse = (metric, best) if rule.mode == "max" else (best, metric)
    least = threshold * best if rule.threshold_mode == "rel" else threshold
    sign = 1 if rule.mode == "max" else -1
    edge = best * (1 + sign * threshold) if rule.threshold_mode == "rel" else best + sign * threshold
    past = metric > edge if rule.mode == "max" else metric < edge
    return jnp.where(jnp.isfinite(metric) & jnp.isfinite(best), better - worse > least, past)


def _torch(rule: Any, state: RuleState, metric: Any, groups: Groups) -> Observed:
    better, cooling = _better(rule, metric, state.best), state.cooling > 0
    bad = jnp.where(better | cooling, 0, state.bad + 1)
    due = bad > min(rule.patience, LAST)
    state = state._replace(
        best=jnp.where(better, metric, state.best),
        seen=state.seen | better,
        bad=jnp.where(due, 0, bad),
        cooling=jnp.where(due, _whole(rule.cooldown), state.cooling - cooling),
    )
    return state, jnp.float32(rule.factor), due


def _keras(rule: Any, state: RuleState, metric: Any, groups: Groups) -> Observed:
    better = ~state.seen | _better(rule, metric, state.best)
    cooling = jnp.maximum(state.cooling - 1, 0)
    bad = jnp.where(better | (state.cooling > 0), 0, state.bad)
    counts = ~better & (cooling == 0)
    bad = bad + counts
    # a rate that is its minimum but for the rounding of the factor is no longer reduced
    reducible = jnp.any(jnp.stack([rate > low * (1 + 2**-22) for rate, low, _ in groups])) if groups else True
    due = counts & (bad >= min(rule.patience, LAST)) & reducible
    state = state._replace(
        best=jnp.where(better, metric, state.best),
        seen=state.seen | better,
        bad=jnp.where(due, 0, bad),
        cooling=jnp.where(due, _whole(rule.cooldown), cooling),
    )
    return state, jnp.float32(rule.factor), due


def _optax(rule: Any, state: RuleState, metric: Any, groups: Groups) -> Observed:
    count = state.count + 1
    mean = (state.count * state.sum + metric) / count
    whole = count == rule.accumulation_size
    better, cooling = _better(rule, mean, state.best), state.cooling > 0
    bad = jnp.where(better | cooling, 0, state.bad + 1)
    due = whole & ~cooling & (bad > 0) & (bad >= min(rule.patience, LAST))
    state = state._replace(
        best=jnp.where(whole & better, mean, state.best),
        seen=state.seen | (whole & better),
        sum=jnp.where(whole, 0.0, mean),
        count=jnp.where(whole, 0, count),
        bad=jnp.where(due, 0, jnp.where(whole, bad, state.bad)),
        cooling=jnp.where(due, _whole(rule.cooldown), state.cooling - (whole & cooling)),
    )
    return state, jnp.float32(rule.factor), due


def _newbob(rule: Any, state: RuleState, metric: Any, groups: Groups) -> Observed:
    gain = jnp.where(state.best == 0, 0.0, (state.best - metric) / state.best)
    little = state.seen & (gain < rule.threshold)
    due = little & (state.bad >= min(rule.patience, LAST))
    state = state._replace(best=metric, seen=jnp.bool_(True), bad=jnp.where(due, 0, state.bad + little))
    return state, jnp.float32(rule.factor), due


def _greedy(rule: Any, state: RuleState, metric: Any, groups: Groups) -> Observed:
    if rule.smooth:
        state, metric = _smoothed(state, metric)
    waiting = (state.cooling > 0) | (state.warming > 0)
    better = ~waiting & _better(rule, metric, state.best)
    worse = ~waiting & ~better
    good, bad = jnp.where(better, state.good + 1, 0), jnp.where(worse, state.bad + 1, 0)
    rises = good > min(rule.patience, LAST)
    due = bad > min(rule.patience, LAST)
    factor = jnp.float32(rule.factor)
    at_low = [~(_changed(rule, factor, rate, low, high, rate) > low) for rate, low, high in groups]
    lowest = due & (jnp.all(jnp.stack(at_low)) if groups else False)
    left = jnp.where(rises, _whole(rule.reset_start), state.left - lowest)
    anew = lowest & (left <= 0)
    state = state._replace(
        best=jnp.where(better, metric, state.best),
        seen=state.seen | better,
        good=jnp.where(rises, 0, good),
        bad=jnp.where(due, 0, bad),
        left=left,
        cooling=jnp.where(due, _whole(rule.cooldown), jnp.maximum(state.cooling - 1, 0)),
        warming=jnp.where(rises, _whole(rule.warmup), state.warming - (waiting & (state.cooling == 0))),
    )
    fresh = _fresh(rule, len(state.window))
    state = state._replace(**{name: jnp.where(anew, value, getattr(state, name)) for name, value in fresh.items()})
    return state, jnp.where(anew, jnp.nan, jnp.where(rises, jnp.float32(1 / rule.factor), factor)), due | rises


def _fresh(rule: Any, size: int) -> dict[str, Any]:
    """What a GreedyLR forgets when it begins anew."""
    return {
        "best": jnp.float32(-np.inf if rule.mode == "max" else np.inf), "seen": jnp.bool_(False), "sum": jnp.float32(0),
        "good": _whole(0), "bad": _whole(0), "warming": _whole(0), "left": _whole(rule.reset_start),
        "count": _whole(0), "window": jnp.zeros(size, jnp.float32),
    }  # fmt: skip


def _smoothed(state: RuleState, metric: Any) -> tuple[RuleState, Any]:
    """The mean of the last metrics, summed as distances from the newest: equal ones have an equal mean, without rounding.

    The running sum is there for what is not finite and stays in it when it leaves the window.
    """
    size = len(state.window)
    count = jnp.minimum(state.count + 1, size)
    leaves = jnp.where(state.count < size, 0.0, state.window[0])
    total = state.sum + metric - leaves
    window = jnp.append(state.window[1:], metric)
    inside = jnp.arange(size) >= size - count
    mean = metric + jnp.sum(jnp.where(inside, window - metric, 0.0)) / count
    state = state._replace(window=window, count=count, sum=total)
    return state, jnp.where(jnp.isfinite(total), mean, total / count)
