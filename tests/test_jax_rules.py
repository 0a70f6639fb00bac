"""lrcore_jax's adaptive rules: pure functions that decide as the machines of the core do, alone and inside of an optimizer's state."""

from __future__ import annotations

import json
import pickle

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from torch import zeros
from torch.optim import SGD

import lrcore as lr
from lrcore_jax import adapt, current, events, observe, optimizer, restore, state_of
from lrcore_torch import PlanScheduler

PARAMS = {"body": jnp.array([0.5, -1.0]), "head": jnp.array([2.0])}
GRADS = {"body": jnp.array([0.3, 0.1]), "head": jnp.array([-0.7])}
ONE = jnp.float32(0.0)


def streams(count: int = 200, length: int = 60) -> np.ndarray:
    """Metrics of float32: walks, ties, falling losses, and some with NaN and infinities."""
    rng = np.random.default_rng(0)
    made = 1 + 0.1 * rng.normal(size=(count, length)).cumsum(axis=1)
    made[1::5] = np.round(8 * made[1::5]) / 8
    made[2::5] = np.exp(-np.arange(length) / 10) + 0.05 * rng.random((count // 5, length))
    lost = rng.random((count, length)) < 0.1
    made[3::5][lost[3::5]] = np.nan
    made[4::5][lost[4::5]] = rng.choice([np.inf, -np.inf], lost[4::5].sum())
    return made.astype(np.float32)


STREAMS = streams()
PLATEAU, GREEDY = lr.ReduceLROnPlateau, lr.GreedyLR
RULES = {
    "torch": PLATEAU(factor=0.5, patience=2, cooldown=1, min_lr=0.003),
    "torch, max, abs": PLATEAU("max", factor=0.1, patience=0, threshold=0.125, threshold_mode="abs", min_lr=0.003),
    "keras": PLATEAU(factor=0.5, patience=2, cooldown=2, threshold=0.125, min_lr=0.003, convention="keras"),
    "keras, max": PLATEAU("max", factor=0.1, patience=0, min_lr=0.01, convention="keras"),
    "optax": PLATEAU(factor=0.5, patience=2, cooldown=1, min_scale=0.1, convention="optax"),
    "optax, means": PLATEAU(factor=0.5, patience=1, accumulation_size=3, atol=0.01, convention="optax"),
    "greedy": GREEDY(factor=0.5, patience=1, cooldown=2, warmup=1, min_lr=0.013, max_lr=0.3, reset_start=2),
    "greedy, smooth": GREEDY("max", factor=0.9, patience=2, threshold_mode="rel", smooth=True, window_size=5, min_lr=0.013, max_lr=0.3),
    "newbob": lr.NewBob(factor=0.5, threshold=0.01, patience=1, min_lr=0.003),
}


@pytest.mark.parametrize("name", RULES)
def test_it_decides_as_the_core_does(name):
    rule = adapt(RULES[name])

    def step(state, item):
        state = rule.update(state, *item, scheduled=0.1)
        return state, rule.rate(state, 0.1)

    @jax.jit
    @jax.vmap
    def run(metrics):
        return jax.lax.scan(step, rule.init(), (metrics, jnp.arange(len(metrics))))

    finals, rates = jax.tree.map(np.asarray, run(STREAMS))
    for i, metrics in enumerate(STREAMS):
        machine, exact = rule.rule.begin(), []
        for at, metric in enumerate(metrics):
            machine.observe(metric, at, 0.1)
            exact.append(machine.rate(0.1))
        final = jax.tree.map(lambda leaf, i=i: leaf[i], finals)
        assert rule.events(final) == machine.events, i
        np.testing.assert_allclose(rates[i], exact, rtol=1e-6)
        ours, theirs = rule.state_dict(final), machine.state_dict()
        rounded = ("sum", "best", "window")
        assert {key: ours[key] for key in ours if key not in rounded} == {key: theirs[key] for key in theirs if key not in rounded}
        assert float(ours["best"]) == pytest.approx(float(theirs["best"]), rel=1e-6, nan_ok=True)


@pytest.mark.parametrize("options", [{"patience": 2, "cooldown": 1}, {"patience": 1, "accumulation_size": 3, "atol": 0.01}])
def test_the_scale_is_optaxs(options):
    theirs = optax.contrib.reduce_on_plateau(0.5, min_scale=0.1, **options)
    rule = adapt(PLATEAU(factor=0.5, min_scale=0.1, convention="optax", **options))

    def step(states, item):
        ours, reference = states
        ours = rule.update(ours, *item)
        reference = theirs.update(ONE, reference, value=item[0])[1]
        return (ours, reference), (rule.factor(ours), reference.scale)

    @jax.jit
    @jax.vmap
    def run(metrics):
        return jax.lax.scan(step, (rule.init(), theirs.init(ONE)), (metrics, jnp.arange(len(metrics))))[1]

    ours, reference = run(STREAMS)
    np.testing.assert_array_equal(ours, reference)
    assert (np.asarray(ours)[:, -1] < 1).any()


@pytest.mark.parametrize("name", RULES)
def test_a_state_is_that_of_the_core_on_the_way(name):
    """Half of a stream here, half there, and the other way round: by JSON."""
    rule, metrics = adapt(RULES[name]), STREAMS[0]
    whole = rule.rule.begin()
    for at, metric in enumerate(metrics):
        whole.observe(metric, at, 0.1)
    for first in ("here", "there"):
        machine, update = rule.rule.begin(), jax.jit(rule.update)
        state = rule.init()
        for at, metric in enumerate(metrics):
            if at == 30 and first == "here":
                machine.load_state_dict(json.loads(json.dumps(rule.state_dict(state), allow_nan=False)))
            elif at == 30:
                state = rule.restored(json.loads(json.dumps(machine.state_dict(), allow_nan=False)))
            if (at < 30) == (first == "here"):
                state = update(state, metric, at, 0.1)
            else:
                machine.observe(metric, at, 0.1)
        assert (machine.events if first == "here" else rule.events(state)) == whole.events != []


def test_a_full_log_merges_the_oldest():
    small, large = adapt(PLATEAU(factor=0.5, patience=0, min_lr=1e-4), capacity=4), adapt(PLATEAU(factor=0.5, patience=0, min_lr=1e-4))
    update = jax.jit(lambda states, at: tuple(rule.update(state, 1.0, at) for rule, state in zip((small, large), states, strict=True)))
    states = small.init(), large.init()
    for at in range(9):
        states = update(states, at)
        for scheduled in (1.0, 1e-3, 1e-5):
            assert float(small.rate(states[0], scheduled)) == pytest.approx(float(large.rate(states[1], scheduled)), rel=1e-6)
        assert small.factor(states[0]) == large.factor(states[1]) == 0.5**at
    assert small.events(states[0]) == [lr.Event(5, 0.5**5), lr.Event(6, 0.5), lr.Event(7, 0.5), lr.Event(8, 0.5)]


# -- inside of an optimizer ----------------------------------------------------------------------------------------------------

WARMUP = lr.warmup_cosine(0.1, warmup=5, steps=40, stop=1e-3)
RULE = PLATEAU(factor=0.5, patience=0, min_lr=0.004)
PLAN = lr.Plan(WARMUP, groups={"head": {"lr": 0.1 * WARMUP}}, adapt=RULE)
LABELS = {"body": "body", "head": "head"}


def trained(tx, opt_state, observed, steps, first=0, plan=PLAN):
    """Updates with a metric seen before some of them, all in one compiled step; (state, rates by group)."""
    traces, rates = [], []

    @jax.jit
    def step(opt_state, metric, sees):
        traces.append(1)
        opt_state = jax.lax.cond(sees, lambda state: observe(state, metric), lambda state: state, opt_state)
        updates, opt_state = tx.update(jax.tree.map(jnp.ones_like, PARAMS), opt_state, PARAMS)
        return updates, opt_state

    for at in range(first, first + steps):
        updates, opt_state = step(opt_state, observed.get(at, 0.0), at in observed)
        rates.append({name: -float(updates[name][0]) for name in updates})
    assert len(traces) == 1
    return opt_state, rates


OBSERVED = {2: 1.0, 8: 1.0, 9: 0.5, 15: 0.6, 25: 0.7, 33: 0.4}


def by_the_core(plan, steps, observed=OBSERVED):
    running, rates = plan.bind(list(LABELS)).begin(), []
    for at in range(steps):
        if at in observed:
            running.observe(observed[at], at)
        rates.append({name: fields["lr"] for name, fields in running.current(at).items()})
    return running, rates


@pytest.mark.parametrize("labels", [LABELS, lambda params: {name: name for name in params}], ids=["tree", "function"])
def test_updates_use_the_rates_after_the_events(labels):
    tx = optimizer(optax.sgd, PLAN, labels)
    opt_state, rates = trained(tx, tx.init(PARAMS), OBSERVED, 40)
    running, exact = by_the_core(PLAN, 40)
    for ours, theirs in zip(rates, exact, strict=True):
        assert ours == pytest.approx(theirs, rel=1e-6, abs=1e-9)
    assert dict(events(opt_state)) == {pattern: machine.events for pattern, machine in running.machines.items()}
    assert len(running.machines[None].events) == 3 and exact[-1] != PLAN.bind(list(LABELS)).current(39)


def test_groups_have_rules_of_their_own():
    plan = lr.Plan(0.1, adapt={"head": RULE, "body": None})
    tx = optimizer(optax.sgd, plan, LABELS)
    opt_state = tx.init(PARAMS)
    for group in (None, "head"):
        opt_state = observe(opt_state, 1.0, group)
    assert dict(events(opt_state)) == {"head": [lr.Event(0, 0.5)]}
    _, opt_state = tx.update(GRADS, opt_state, PARAMS)
    assert current(opt_state) == {"body": {"lr": np.float32(0.1)}, "head": {"lr": np.float32(0.05)}}
    with pytest.raises(lr.PlanError, match=r"^The group 'body' has no rule\. Observe for one of 'head'\.$"):
        observe(opt_state, 1.0, "body")


def test_it_works_wrapped_and_saved():
    tx = optax.chain(optax.clip(1e9), optax.MultiSteps(optimizer(optax.sgd, lr.Plan(0.1, adapt=RULE)), 2).gradient_transformation())
    opt_state = tx.init(PARAMS)
    for _ in range(4):
        _, opt_state = tx.update(GRADS, observe(opt_state, 1.0), PARAMS)
    opt_state = pickle.loads(pickle.dumps(jax.tree.map(np.asarray, opt_state)))
    assert dict(events(opt_state)) == {None: [lr.Event(0, 0.5), lr.Event(1, 0.5), lr.Event(1, 0.5)]}
    _, opt_state = jax.jit(tx.update)(GRADS, opt_state, PARAMS)
    _, opt_state = jax.jit(tx.update)(GRADS, opt_state, PARAMS)
    assert current(opt_state) == {"default": {"lr": np.float32(0.1 / 8)}}


def test_a_run_with_events_moves_from_torch_and_back():
    theirs = PlanScheduler(SGD([{"params": [zeros(1)], "name": name} for name in LABELS], lr=0.5), PLAN)
    for at in range(10):
        if at in OBSERVED:
            theirs.observe(OBSERVED[at])
        theirs.step()
    tx = optimizer(optax.sgd, PLAN, LABELS)
    opt_state, plan = restore(tx.init(PARAMS), json.loads(json.dumps(theirs.state_dict())), PLAN)
    assert plan == PLAN
    opt_state, rates = trained(tx, opt_state, OBSERVED, 20, first=10)
    running, exact = by_the_core(PLAN, 30)
    for ours, exactly in zip(rates, exact[10:], strict=True):
        assert ours == pytest.approx(exactly, rel=1e-6)
    theirs.load_state_dict(json.loads(json.dumps(state_of(opt_state, PLAN))))
    assert theirs.last_epoch == 30 and theirs.current() == running.current(30)


@pytest.mark.parametrize(("on_change", "events_kept"), [("keep", True), ("replace", False), ("rebase", False)])
def test_another_plan_goes_on_as_asked(on_change, events_kept):
    tx = optimizer(optax.sgd, PLAN, LABELS)
    opt_state = tx.init(PARAMS)
    for _ in range(2):
        opt_state = observe(opt_state, 1.0)
    stored, other = state_of(opt_state, PLAN) | {"step": 10}, lr.Plan(lr.cosine(0.1, 0.0, 80))
    opt_state, plan = restore(optimizer(optax.sgd, other, LABELS).init(PARAMS), stored, other, on_change)
    expected = PLAN.bind(list(LABELS)).begin()
    expected.load_state_dict(lr.events_of(stored))
    before = expected.current(10) if on_change != "replace" else other.bind(list(LABELS)).current(10)
    assert current(opt_state) == {name: pytest.approx(fields, rel=1e-6) for name, fields in before.items()}
    _, opt_state = optimizer(optax.sgd, plan, LABELS).update(GRADS, opt_state, PARAMS)
    assert current(opt_state) == {name: pytest.approx(fields, rel=1e-6) for name, fields in before.items()}
    if events_kept:
        assert plan == PLAN and len(events(opt_state)[None]) == 1
    else:
        with pytest.raises(lr.StateError, match=r"^This optimizer state has no rules\."):
            events(opt_state)


REFUSED = {
    "no rule": (lambda: adapt(0.1), "rule: expected a ReduceLROnPlateau, a GreedyLR or a NewBob, got 0.1."),
    "a log without room": (lambda: adapt(RULE, 1), "capacity: expected an integer >= 2, got 1."),
    "a state without rules": (
        lambda: observe(optimizer(optax.sgd, lr.Plan(0.1)).init(PARAMS), 1.0),
        "This optimizer state has no rules. Pass that of lrcore_jax.optimizer with a plan that has adapt=.",
    ),
    "a number for a state": (
        lambda: observe(3.0, 1.0),
        "This optimizer state has no rules. Pass that of lrcore_jax.optimizer with a plan that has adapt=.",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_meant_is_a_sentence(case):
    call, sentence = REFUSED[case]
    with pytest.raises(lr.LrcoreError) as raised:
        call()
    assert str(raised.value) == sentence
