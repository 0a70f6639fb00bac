"""Rules: their traces are those of the live classes they are named after, a replay is the run, and a state is all there is to know."""

import copy
import json
import math
import pickle
import random
from functools import cache

import jax
import jax.numpy as jnp
import keras
import msgspec
import numpy as np
import optax
import pytest
import torch
import transformers
from hypothesis import given
from hypothesis import strategies as st

import lrcore as lr

STREAMS = 200
POOL = [1.0, 0.9, 0.9 - 1e-9, 0.5, 0.0, -1.0, math.nan, math.inf, -math.inf]
LONGEST = 60


def stream(seed):
    """(random numbers for knobs, metrics): ties and what is no number, slow walks, noise."""
    rng = random.Random(seed)
    count, kind, walk = rng.randint(1, LONGEST), rng.choice(["pool", "walk", "noise"]), 1.0
    metrics = []
    for _ in range(count):
        walk *= rng.choice([1, 1, 0.9, 1.1, 1 - 1e-4, 1 - 1e-5])
        metrics.append(rng.choice(POOL) if kind == "pool" or rng.random() < 0.05 else walk if kind == "walk" else rng.uniform(-2, 2))
    return rng, metrics


def plateau(rng, **more):
    """Knobs that all conventions have."""
    return {"factor": rng.choice([0.1, 0.3, 0.5]), "patience": rng.randint(0, 4), "cooldown": rng.randint(0, 3), **more}


# -- the live classes --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(STREAMS))
def test_the_trace_is_torchs(seed):
    rng, metrics = stream(seed)
    knobs = plateau(
        rng, mode=rng.choice(["min", "max"]), threshold=rng.choice([1e-4, 0.1, 0.0]), threshold_mode=rng.choice(["rel", "abs"]),
        min_lr=rng.choice([0.0, 0.02]), eps=rng.choice([0.0, 1e-8, 0.01]),
    )  # fmt: skip
    optimizer = torch.optim.SGD([torch.zeros(1)], lr=0.1)
    theirs, ours = torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer, **knobs), lr.ReduceLROnPlateau(**knobs).begin()
    for step, metric in enumerate(metrics):
        theirs.step(metric)
        ours.observe(metric, step)
        state = ours.state_dict()
        assert ours.rate(0.1) == optimizer.param_groups[0]["lr"]
        assert [float(state["best"]), state["bad"], state["cooling"]] == [theirs.best, theirs.num_bad_epochs, theirs.cooldown_counter]


@cache
def keras_model():
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
    model.compile(keras.optimizers.SGD(0.1), "mse")
    return model


@pytest.mark.parametrize("seed", range(STREAMS))
def test_the_trace_is_keras(seed):
    rng, metrics = stream(seed)
    knobs = plateau(rng, mode=rng.choice(["min", "max"]), min_lr=rng.choice([0.0, 0.02]))
    delta, model = rng.choice([1e-4, 0.1, 0.0, -0.1]), keras_model()
    model.optimizer.learning_rate = 0.1
    rate = float(model.optimizer.learning_rate)
    theirs = keras.callbacks.ReduceLROnPlateau("loss", min_delta=delta, **knobs)
    theirs.set_model(model)
    theirs.on_train_begin()
    ours = lr.ReduceLROnPlateau(threshold=delta, convention="keras", **knobs).begin()
    for epoch, metric in enumerate(metrics):
        theirs.on_epoch_end(epoch, {"loss": metric})
        ours.observe(metric, epoch, rate)
        state = ours.state_dict()
        assert ours.rate(rate) == float(model.optimizer.learning_rate)
        np.testing.assert_equal([ours.best, state["bad"], state["cooling"]], [theirs.best, theirs.wait, theirs.cooldown_counter])


@cache
def optax_scales(factor, rtol, atol):
    """A compiled function from the other knobs and padded metrics to the scale after each of them."""

    @jax.jit
    def scales(patience, cooldown, size, least, metrics):
        rule = optax.contrib.reduce_on_plateau(factor, patience, rtol, atol, cooldown, size, least)

        def observe(state, metric):
            _, state = rule.update(jnp.zeros(1), state, value=metric)
            return state, state.scale

        return jax.lax.scan(observe, rule.init(jnp.zeros(1)), metrics)[1]

    return scales


@pytest.mark.parametrize("seed", range(STREAMS))
def test_the_trace_is_optaxs(seed):
    rng, metrics = stream(seed)
    knobs = plateau(rng, min_scale=rng.choice([0.0, 0.02]), accumulation_size=rng.randint(1, 3))
    knobs["patience"] += 1  # at 0 optax acts on every metric that is better
    rtol, atol = rng.choice([(1e-4, 0.0), (0.1, 0.1), (0.0, 1e-3)])
    padded = jnp.asarray(metrics + [0.0] * (LONGEST - len(metrics)), jnp.float32)
    rest = [knobs[name] for name in ("patience", "cooldown", "accumulation_size", "min_scale")]
    theirs = optax_scales(knobs["factor"], rtol, atol)(*rest, padded)[: len(metrics)]
    ours = lr.ReduceLROnPlateau(threshold=rtol, atol=atol, convention="optax", **knobs)
    np.testing.assert_array_equal(ours.replay(metrics).rates, np.asarray(theirs, np.float64))


@pytest.mark.parametrize("seed", range(STREAMS))
def test_the_trace_is_transformers(seed):
    rng, metrics = stream(seed)
    knobs = plateau(
        rng, mode=rng.choice(["min", "max"]), threshold=rng.choice([1e-6, 0.1, 0.0]), threshold_mode=rng.choice(["rel", "abs"]),
        warmup=rng.randint(0, 3), min_lr=rng.choice([0.01, 0.08]), max_lr=rng.choice([0.12, 1.0]), eps=rng.choice([0.0, 1e-8, 0.01]),
        smooth=rng.random() < 0.5, window_size=rng.randint(1, 6), reset_start=rng.randint(0, 3),
    )  # fmt: skip
    knobs["factor"] = rng.choice([0.95, 0.7, 0.5])
    optimizer = torch.optim.SGD([{"params": [torch.zeros(1)], "lr": rate} for rate in (0.1, 0.05)])
    theirs, ours = transformers.GreedyLR(optimizer, **knobs), lr.GreedyLR(**knobs).begin()
    for step, metric in enumerate(metrics):
        theirs.step(metric)
        ours.observe(metric, step, {"a": 0.1, "b": 0.05})
        state = ours.state_dict()
        assert [ours.rate(0.1), ours.rate(0.05)] == [group["lr"] for group in optimizer.param_groups]
        assert [state["bad"], state["good"], state["left"]] == [theirs.num_bad_epochs, theirs.num_good_epochs, theirs.reset_start]


@pytest.mark.parametrize("seed", range(STREAMS))
def test_new_bob_is_as_speechbrain_describes_it(seed):
    rng, metrics = stream(seed)
    factor, threshold, patience = rng.choice([0.5, 0.1]), rng.choice([0.0025, 0.0]), rng.randint(0, 2)
    rates, rate, left, before = [], 1.0, patience, None
    for metric in metrics:
        if before is not None:
            improvement = 0 if before == 0 else (before - metric) / before
            if improvement < threshold:
                rate, left = (rate * factor, patience) if left == 0 else (rate, left - 1)
        rates.append(rate)
        before = metric
    np.testing.assert_array_equal(lr.NewBob(factor, threshold, patience).replay(metrics).rates, rates)


def test_patience_0_answers_every_bad_observation():
    for convention, events in {"torch": [1, 2], "keras": [1, 2], "optax": [1, 2]}.items():
        replayed = lr.ReduceLROnPlateau(patience=0, convention=convention).replay([1.0, 1.0, 1.0])
        assert replayed.event_steps.tolist() == events, convention


NAN = math.nan


@pytest.mark.parametrize(
    ("rule", "metrics", "events", "best"),
    [
        (lr.ReduceLROnPlateau(patience=1), [NAN, NAN, 1.0, NAN, 0.5], [1], 0.5),
        (lr.ReduceLROnPlateau(patience=1, convention="keras"), [1.0, NAN, 0.5, NAN], [1, 3], 0.5),
        (lr.ReduceLROnPlateau(patience=1, convention="keras"), [NAN, 1.0, 0.5], [1, 2], NAN),
        (lr.ReduceLROnPlateau(patience=1, convention="optax", accumulation_size=2), [1.0, 1.0, NAN, 0.1], [3], 1.0),
        (lr.GreedyLR(patience=0, max_lr=1.0), [1.0, NAN, 1.0], [0, 1, 2], 1.0),
        (lr.GreedyLR(patience=0, smooth=True), [1.0, NAN, 0.1, 0.1], [0, 1, 2, 3], 1.0),
        (lr.NewBob(), [1.0, NAN, 0.5, 0.5], [3], 0.5),
    ],
)
def test_nan_is_what_the_framework_makes_of_it(rule, metrics, events, best):
    replayed = rule.replay(metrics)
    assert replayed.event_steps.tolist() == events
    np.testing.assert_equal(replayed.best, best)


# -- the machine -------------------------------------------------------------------------------------------------------

RULES = [
    lr.ReduceLROnPlateau(patience=1, factor=0.5, cooldown=1),
    lr.ReduceLROnPlateau("max", 0.3, 0, 0.1, "abs", min_lr=0.05, eps=0.01),
    lr.ReduceLROnPlateau(patience=2, convention="keras", min_lr=0.2, cooldown=2),
    lr.ReduceLROnPlateau(patience=1, factor=0.7, convention="optax", accumulation_size=2, min_scale=0.3),
    lr.GreedyLR(factor=0.7, patience=1, min_lr=0.3, max_lr=2.0, smooth=True, window_size=3, reset_start=2, warmup=1, cooldown=1),
    lr.GreedyLR("max", 0.5, 0, min_lr=0.5, reset_start=1),
    lr.NewBob(patience=1, min_lr=0.1),
]
METRICS = st.lists(st.one_of(st.sampled_from(POOL), st.floats(-2, 2)), max_size=40)


@given(st.sampled_from(RULES), METRICS, st.sampled_from([1.0, 0.4]))
def test_a_replay_is_the_run(rule, metrics, rate):
    machine, rates = rule.begin(), []
    for step, metric in enumerate(metrics):
        machine.observe(metric, 3 * step, rate)
        rates.append(machine.rate(rate))
    replayed = rule.replay(metrics, range(0, 3 * len(metrics), 3), rate)
    assert replayed.rates.tolist() == rates and replayed.events == machine.events
    np.testing.assert_equal(replayed.best, machine.best)


@given(st.sampled_from(RULES), METRICS, METRICS)
def test_a_state_is_all_there_is_to_know(rule, before, after):
    whole, resumed = rule.begin(), rule.begin()
    for step, metric in enumerate(before):
        whole.observe(metric, step, 1.0)
    state = json.loads(json.dumps(whole.state_dict(), allow_nan=False))
    for _ in range(2):
        resumed.load_state_dict(state)
    for step, metric in enumerate(after, len(before)):
        assert whole.observe(metric, step, 1.0) == resumed.observe(metric, step, 1.0)
    assert whole.state_dict() == resumed.state_dict() and whole.rate(0.7) == resumed.rate(0.7)


@given(st.sampled_from([rule for rule in RULES if not isinstance(rule, lr.GreedyLR)]), METRICS, st.floats(0, 2))
def test_a_reduction_never_lifts_a_rate(rule, metrics, scheduled):
    machine = rule.begin()
    for step, metric in enumerate(metrics):
        machine.observe(metric, step)
    below = 1 + 1e-6  # Keras's convention rounds to float32
    assert min(scheduled, getattr(rule, "min_lr", 0.0)) / below <= machine.rate(scheduled) <= scheduled * below


def test_events_apply_to_what_the_schedule_says_at_each_step():
    machine, warmup = lr.ReduceLROnPlateau(factor=0.5, patience=0, min_lr=0.2).begin(), lr.linear(0.0, 1.0, 10) >> lr.cosine(1.0, 0.0, 10)
    for step in range(3):
        machine.observe(1.0, step)
    steps = np.arange(21)
    rates = warmup(steps)
    machine.apply(rates)
    assert rates.tolist() == [machine.rate(float(value)) for value in warmup(steps)]
    assert rates[[1, 2, 4, 10]].tolist() == [0.1, 0.2, 0.2, 0.25]


def test_all_begins_anew_when_every_rate_has_been_at_its_minimum_long_enough():
    rule = lr.GreedyLR(factor=0.5, patience=0, min_lr=0.5, reset_start=2)
    machine, unknowing = rule.begin(), rule.begin()
    assert [machine.observe(1.0, step, 1.0).factor for step in range(4)] == [2.0, 0.5, None, 2.0] and machine.rate(1.0) == 1.0
    assert [unknowing.observe(1.0, step).factor for step in range(4)] == [2.0, 0.5, 0.5, 0.5] and unknowing.rate(1.0) == 0.5


@pytest.mark.parametrize("rule", RULES, ids=repr)
@pytest.mark.parametrize("copied", [copy.deepcopy, lambda one: pickle.loads(pickle.dumps(one))], ids=["copy", "pickle"])
def test_a_copy_goes_its_own_way(rule, copied):
    rules = lr.Plan(1.0, adapt=rule).bind().begin()
    for step, metric in enumerate([1.0, 2.0, 3.0, 3.0]):
        rules.observe(metric, step)
    other = copied(rules)
    assert other.state_dict() == rules.state_dict() and other.current(3) == rules.current(3)
    other.observe(9.0, 4), other.observe(9.0, 5)
    assert other.state_dict() != rules.state_dict()


def test_other_knobs_go_on_from_the_same_state():
    machine = RULES[4].begin()
    for step, metric in enumerate([1.0, 2.0, 3.0, 4.0]):
        machine.observe(metric, step)
    for change in ({"window_size": 2}, {"window_size": 9}, {"smooth": False}, {"patience": 7}):
        other = msgspec.structs.replace(RULES[4], **change).begin()
        other.load_state_dict(machine.state_dict())
        assert other.events == machine.events
        other.observe(0.5, 9)


def test_a_replay_of_nothing_and_of_everything_at_once():
    assert lr.NewBob().replay([]).events == [] and lr.NewBob().replay([]).best is None
    flat = lr.ReduceLROnPlateau(factor=0.5, patience=9).replay(np.ones(100_000, np.float32))
    assert flat.event_steps.tolist() == list(range(10, 100_000, 10)) and flat.rates[9:11].tolist() == [1.0, 0.5]


# -- bad input ---------------------------------------------------------------------------------------------------------

P = lr.ReduceLROnPlateau


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda: P(factor=1.0), "ReduceLROnPlateau.factor: expected a number from 0 up to 1, 1 not included, got 1.0."),
        (lambda: P(mode="least"), "ReduceLROnPlateau.mode: expected one of min, max, got 'least'."),
        (lambda: P(threshold_mode=3), "ReduceLROnPlateau.threshold_mode: expected one of rel, abs, got 3."),
        (lambda: P(convention="chainer"), "ReduceLROnPlateau.convention: expected one of torch, keras, optax, got 'chainer'."),
        (lambda: P(patience=1.5), "ReduceLROnPlateau.patience: expected an integer >= 0, got 1.5."),
        (lambda: P(threshold=NAN), "ReduceLROnPlateau.threshold: expected a finite number, got nan."),
        (lambda: P(eps=-1.0), "ReduceLROnPlateau.eps: expected a number >= 0, got -1.0."),
        (lambda: P(min_lr="0"), "ReduceLROnPlateau.min_lr: expected a finite number, or {group: number}, got '0'. Give an int or a float."),
        (lambda: P(min_lr={"(": 0}), "ReduceLROnPlateau.min_lr: expected names or regular expressions (missing ), unterminated subpattern"),
        (lambda: P(atol=0.1), "ReduceLROnPlateau.atol: expected 0.0 with the convention 'torch', which has no other, got 0.1."),
        (lambda: P(eps=1e-8, convention="keras"), "ReduceLROnPlateau.eps: expected 0.0 with the convention 'keras', which has no other"),
        (
            lambda: P("max", convention="optax"),
            "ReduceLROnPlateau.mode: expected 'min' with the convention 'optax', which has no other, got 'max'. "
            "Observe the metric with its sign turned.",
        ),
        (lambda: P(threshold=0, convention="optax"), "ReduceLROnPlateau.threshold: expected a number > 0, or atol > 0, got 0.0."),
        (lambda: lr.GreedyLR(factor=0), "GreedyLR.factor: expected a number strictly between 0 and 1, got 0.0."),
        (lambda: lr.GreedyLR(window_size=0), "GreedyLR.window_size: expected an integer >= 1, got 0."),
        (lambda: lr.GreedyLR(smooth=1), "GreedyLR.smooth: expected True or False, got 1."),
        (lambda: lr.NewBob(patience=-1), "NewBob.patience: expected an integer >= 0, got -1."),
        (lambda: lr.NewBob().replay([[1.0]]), "metrics: expected an array of one dimension of numbers, got [[1.0]]."),
        (lambda: lr.NewBob().replay(["a"]), "metrics: expected an array of one dimension of numbers, got ['a']."),
        (lambda: lr.NewBob().replay([1.0], [1, 2]), "steps: expected 1 of them, one for each metric, got 2."),
        (lambda: lr.NewBob().replay([1.0, 2.0], [2, 1]), "steps: expected integers >= 0 that do not go backwards, got [2, 1]."),
        (lambda: lr.Plan(0.1, adapt=0.5), "adapt: expected a rule, a mapping from patterns of groups to rules, or None, got 0.5. Write"),
        (lambda: lr.Plan(0.1, adapt=lr.Rule()), "adapt: expected a rule, a mapping from patterns of groups to rules, or None, got Rule()."),
        (lambda: lr.Plan(0.1, adapt={"head": 1}), "adapt['head']: expected a rule, or None for no rule, got 1. Write"),
    ],
)
def test_bad_arguments_are_refused_with_a_sentence(make, sentence):
    with pytest.raises(lr.SpecError) as refusal:
        make()
    assert str(refusal.value).startswith(sentence)


class NotANumber:
    shape = ()

    def __float__(self):
        raise ValueError("no value yet")


@pytest.mark.parametrize("metric", ["1.0", b"1", None, True, 1j, [1.0], np.ones(1), np.array(1j), torch.ones(1), NotANumber()])
def test_what_is_no_metric_is_refused(metric):
    machine = lr.NewBob().begin()
    with pytest.raises(lr.SpecError, match=r"^metric: expected a number, or an array or tensor without dimensions"):
        machine.observe(metric, 0)
    assert machine.state_dict() == lr.NewBob().begin().state_dict()


@pytest.mark.parametrize("metric", [1, np.float32(1), np.array(1.0), torch.tensor(1.0), jnp.asarray(1.0), keras.ops.convert_to_tensor(1.0)])
def test_whatever_is_a_number_is_a_metric(metric):
    machine = lr.ReduceLROnPlateau().begin()
    machine.observe(metric, 0)
    assert machine.best == 1.0


def test_steps_do_not_go_backwards_and_may_stand_still():
    machine = lr.ReduceLROnPlateau().begin()
    machine.observe(1.0, 5), machine.observe(1.0, 5)
    with pytest.raises(lr.StateError, match=r"^step: expected 5 or more, the step of the last observation, got 4\. To go back, load"):
        machine.observe(1.0, 4)
    assert machine.state_dict()["bad"] == 1


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"extra": 1}, "The state of the rule is incomplete or altered: Object contains unknown field extra. "),
        ({"best": "low"}, 'The state of the rule is incomplete or altered: best: expected a number, "nan", "inf" or "-inf", got \'low\'. '),
        ({"bad": -1}, "The state of the rule is incomplete or altered: bad: expected an integer >= 0, got -1. Load another checkpoint."),
        ({"bad": "1"}, "The state of the rule is incomplete or altered: Expected int, got str - at $.bad. "),
        ({"events": [[1]]}, "The state of the rule is incomplete or altered: Expected array of length 2, got 1 - at $.events[0]"),
        (
            {"events": [[4, 0.1], [3, 0.1]]},
            "The state of the rule is incomplete or altered: events[1]: expected a step from 4 to 4, in order",
        ),
        ({"events": [[0, -0.1]]}, "The state of the rule is incomplete or altered: events[0]: expected a factor >= 0, or null, got -0.1. "),
        ({"rule": "NewBob"}, "The state is of a NewBob, and the rule is a ReduceLROnPlateau. Load the state of a ReduceLROnPlateau, or "),
    ],
)
def test_a_state_that_is_none_is_refused_and_changes_nothing(change, sentence):
    machine = lr.ReduceLROnPlateau(patience=0).begin()
    for step in range(5):
        machine.observe(0.5, step)
    before = machine.state_dict()
    with pytest.raises(lr.StateError) as refusal:
        machine.load_state_dict({**before, **change})
    assert str(refusal.value).startswith(sentence) and machine.state_dict() == before


@pytest.mark.parametrize("state", [None, 3, [], {}, {"rule": "NewBob"}])
def test_what_is_no_state_is_refused(state):
    with pytest.raises(lr.StateError, match=r"^The state of the rule is incomplete or altered: .*\. Load another checkpoint\.$"):
        lr.NewBob().begin().load_state_dict(state)


# -- rules as values, and in plans -------------------------------------------------------------------------------------

VALUES = [*RULES, lr.ReduceLROnPlateau(min_lr={"head": 0.1, ".*": 0}), lr.GreedyLR(max_lr={"head": 2}), lr.ReduceLROnPlateau()]
PLANS = [lr.Plan(0.1, adapt=rule) for rule in VALUES] + [lr.Plan(0.1, adapt={"head": VALUES[0], "b.*": None, ".*": lr.NewBob()})]


@pytest.mark.parametrize("plan", PLANS, ids=repr)
def test_a_plan_with_a_rule_prints_stores_and_compares(plan):
    assert eval(repr(plan), vars(lr)) == plan == lr.from_json(plan.to_json()) and hash(plan) == hash(lr.from_json(plan.to_json()))
    assert lr.from_json(plan.to_json()).fingerprint == plan.fingerprint != lr.Plan(0.1).fingerprint


def test_equal_rules_have_equal_fingerprints_however_they_were_written():
    written = lr.ReduceLROnPlateau("".join("min"), float("0.1"), 10, float("1e-4"), "rel", 0, 0, 1e-8)
    assert lr.Plan(0.1, adapt=written).fingerprint == lr.Plan(0.1, adapt=lr.ReduceLROnPlateau()).fingerprint


def test_a_plan_without_a_rule_has_no_word_of_it():
    assert "adapt" not in lr.Plan(0.1).to_json() and lr.Plan(0.1, adapt=None) == lr.Plan(0.1, adapt={}) == lr.Plan(0.1)


def test_another_rule_is_seen_in_the_diff():
    old, new = (lr.Plan(0.1, adapt=lr.ReduceLROnPlateau(patience=patience)) for patience in (10, 3))
    assert str(old.diff(new)) == "adapt.patience: 10 -> 3"


def test_the_first_pattern_that_matches_drives_a_group():
    head, rest = lr.ReduceLROnPlateau(factor=0.5, patience=0), lr.ReduceLROnPlateau(factor=0.1, patience=0)
    rules = lr.Plan(0.1, weight_decay=0.2, adapt={"head": head, "frozen": None, ".*": rest}).bind(["head", "body", "frozen"]).begin()
    for step in range(2):
        rules.observe(1.0, step)
    assert {name: fields["lr"] for name, fields in rules.current(2).items()} == {"head": 0.05, "body": 0.1 * 0.1, "frozen": 0.1}
    rows = rules.bound.table(3).rows(range(3))
    rules.apply(rows)
    assert rows[2].tolist() == rules.row(2).tolist() and rules.groups == ("head", "body") and rules.of("frozen") is None


@pytest.mark.parametrize(
    ("plan", "sentence"),
    [
        (lr.Plan(0.1, adapt={"tail": lr.NewBob()}), "adapt['tail'] matches none of the groups whose lr is scheduled, of 'head', 'body'. "),
        (lr.Plan(0.1, adapt={".*": lr.NewBob(), "head": None}), "adapt['head'] is never reached: earlier patterns take 'head'. "),
        (lr.Plan(momentum=0.1, adapt=lr.NewBob()), "adapt: the plan has a rule for the rate, and schedules lr for no group. "),
    ],
)
def test_a_rule_that_drives_nothing_is_an_error(plan, sentence):
    with pytest.raises(lr.PlanError) as refusal:
        plan.bind(["head", "body"])
    assert str(refusal.value).startswith(sentence)


def test_events_travel_in_the_state_of_a_plan():
    plan = lr.Plan(0.1, adapt={"head": lr.NewBob(), ".*": lr.ReduceLROnPlateau(patience=0)})
    rules = plan.bind(["head", "body"]).begin()
    for step in range(3):
        rules.observe(1.0, step)
    state = json.loads(json.dumps(lr.make_state(rules.bound, 2, events=rules.state_dict()), allow_nan=False))
    assert lr.check_state(state, plan) == (plan, 2)
    resumed = plan.bind(["head", "body"]).begin()
    resumed.load_state_dict(lr.events_of(state))
    assert resumed.state_dict() == rules.state_dict() and resumed.current(2) == rules.current(2) != plan.bind(["head", "body"]).current(2)
    for entries in (state["events"][:1], [*state["events"], state["events"][0]], [1], [{"groups": "head"}]):
        with pytest.raises(lr.StateError, match=r"^The state is incomplete or altered: .*\. Load another checkpoint\.$"):
            lr.check_state({**state, "events": entries}, plan)
