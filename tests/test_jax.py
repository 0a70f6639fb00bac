"""lrcore in JAX: the values that compiled optax updates use are the plan's, whatever the optimizer, the groups and the step."""

from __future__ import annotations

import pickle
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from hypothesis import given, reject, settings
from hypothesis import strategies as st
from torch import zeros
from torch.optim import SGD

import lrcore as lr
from lrcore import conformance
from lrcore_jax import current, optimizer, restore, schedule, state_of, step_of
from lrcore_torch import PlanScheduler
from strategies import schedules
from test_lowering import size_of, steps_of

LAST = 2**31 - 1
RATE = lr.warmup_cosine(0.1, warmup=5, steps=20, stop=1e-3)
UP = lr.linear(0.8, 0.95, 20)
PARAMS = {"body": jnp.array([0.5, -1.0]), "head": jnp.array([2.0])}
GRADS = {"body": jnp.array([0.3, 0.1]), "head": jnp.array([-0.7])}


def at(opt_state: Any, count: Any) -> Any:
    """The state of an optimizer without labels, its counters at a step."""
    counted = {key: each._replace(count=count) for key, each in opt_state.hyperparams_states.items()}
    return opt_state._replace(count=count, hyperparams_states=counted)


def moved(tx: Any, steps: np.ndarray) -> np.ndarray:
    """How far plain SGD moves a weight of 0 against a gradient of 1, at each step: its rate, in one compiled call."""

    weight = jnp.float32(0.0)
    opt_state = tx.init(weight)

    @jax.jit
    @jax.vmap
    def step(count: Any) -> Any:
        updates, _ = tx.update(jnp.float32(1.0), at(opt_state, count), weight)
        return -optax.apply_updates(weight, updates)

    return np.asarray(step(jnp.asarray(steps, dtype=jnp.int32)))


def assert_followed(rate: lr.Schedule, seed: int = 0) -> None:
    steps = steps_of(rate, seed)
    exact = rate(steps)
    rates = moved(optimizer(optax.sgd, rate), steps)
    wrong = np.abs(rates.astype(np.float64) - exact) / size_of(rate, exact)
    worst = int(wrong.argmax())
    assert rates.dtype == np.float32 and wrong[worst] <= 1e-6, (int(steps[worst]), exact[worst], rates[worst], wrong[worst])


def run(tx: Any, params: Any = PARAMS, grads: Any = GRADS, steps: int = 25) -> list[Any]:
    """(params, state) after each compiled update."""

    @jax.jit
    def step(params: Any, opt_state: Any) -> Any:
        updates, opt_state = tx.update(grads, opt_state, params)
        return optax.apply_updates(params, updates), opt_state

    seen = [(params, tx.init(params))]
    for _ in range(steps):
        seen.append(step(*seen[-1]))
    return seen


def types(tree: Any) -> list[Any]:
    return [leaf.dtype for leaf in jax.tree.leaves(tree)]


def assert_close(ours: Any, theirs: Any, relative: float = 1e-6) -> None:
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=relative, atol=1e-7), ours, theirs)


# -- the rate of a real update, read from the weights --------------------------------------------------------------------------


@pytest.mark.parametrize("name", lr.recipes())
def test_every_recipe(name):
    assert_followed(getattr(lr, name)(**lr.recipes()[name].example))


@settings(max_examples=12, deadline=None)
@given(schedules(), st.integers(0, 1_000))
def test_any_schedule(rate, seed):
    try:
        schedule(rate)
        rate(steps_of(rate, seed))
    except (lr.LoweringError, lr.SpecError):  # clocks too fast for int32, or for 2^53 ticks
        reject()
    assert_followed(rate, seed)


def test_long_data_is_one_float32_ulp_from_itself():
    values = np.random.default_rng(0).uniform(1e-4, 0.1, 10_000)
    steps = np.r_[0:9_999:7, 9_998:10_003, LAST]
    rates = moved(optimizer(optax.sgd, lr.Samples(values)), steps)
    assert (rates == values[np.minimum(steps, 9_999)].astype(np.float32)).all()


# -- a schedule alone ----------------------------------------------------------------------------------------------------------

COUNTS = [0, 7, 19, 20, LAST, 2**31, -1, -(2**31)]
HELD = {2**31: LAST, -1: LAST, -(2**31): LAST}


@pytest.mark.parametrize("count", COUNTS)
def test_a_count_is_traced_or_known(count):
    rate, exact = schedule(RATE), np.float32(RATE(HELD.get(count, count)))
    known = rate(count)
    assert (known.dtype, known.shape) == (jnp.float32, ()) and known == exact == rate(np.int64(count))
    if -(2**31) <= count <= LAST:
        assert jax.jit(rate)(count) == pytest.approx(exact, rel=1e-6)
        assert rate(jnp.int32(count)) == exact


@pytest.mark.parametrize("dtype", [jnp.int8, jnp.uint8, jnp.int16, jnp.int32, jnp.uint32])
@pytest.mark.parametrize("shape", [(), (3,), (2, 0), (2, 3)])
def test_every_integer_type_and_shape(dtype, shape):
    counts = (jnp.arange(np.prod(shape, dtype=int), dtype=dtype) * 3).reshape(shape)
    for values in (jax.jit(schedule(RATE))(counts), schedule(RATE)(counts)):
        assert values.dtype == jnp.float32 and values.shape == shape
        np.testing.assert_allclose(values, RATE(np.asarray(counts, dtype=np.int64)), rtol=1e-6)


def test_int64_counts_do_not_wrap():
    with jax.enable_x64(True):
        counts = jnp.array([0, 12, LAST, 2**31, 2**32, 2**40 + 12, -1, -(2**40)])
        values = jax.jit(schedule(lr.cosine(0.1, 0.01, 700).repeat()))(counts)
    exact = lr.cosine(0.1, 0.01, 700).repeat()
    np.testing.assert_allclose(values, exact(np.array([0, 12, *[LAST] * 6])), rtol=1e-6)
    assert values.dtype == np.float32


def test_scan_and_fori_loop():
    rate = schedule(RATE)
    scanned = jax.lax.scan(lambda count, _: (count + 1, rate(count)), jnp.int32(0), length=25)[1]
    summed = jax.lax.fori_loop(0, 25, lambda count, sum_: sum_ + rate(count), jnp.float32(0.0))
    np.testing.assert_allclose(scanned, RATE.values(25), rtol=1e-6)
    assert summed == pytest.approx(RATE.values(25).sum(), rel=1e-5)


@pytest.mark.parametrize("factory", [optax.sgd, optax.adamw, optax.lion, optax.adafactor], ids=lambda factory: factory.__name__)
def test_optax_takes_it_wherever_it_takes_a_schedule(factory):
    native = optax.join_schedules([optax.constant_schedule(np.float32(value)) for value in RATE.values(4)], [1, 2, 3])
    theirs = run(factory(native), steps=4)[-1][0]
    assert_close(run(factory(schedule(RATE)), steps=4)[-1][0], theirs)
    injected = optax.inject_hyperparams(factory)(learning_rate=schedule(RATE))  # which rounds 1 - b2 too
    assert_close(run(injected, steps=4)[-1][0], theirs, 1e-5)


def test_optax_scales_and_joins_by_it():
    tx = optax.chain(optax.scale_by_adam(), optax.scale_by_schedule(schedule(RATE)), optax.scale(-1.0))
    assert_close(run(tx)[-1][0], run(optax.adam(schedule(RATE)))[-1][0])
    joined = jax.jit(optax.join_schedules([schedule(RATE), optax.constant_schedule(0.5), schedule(UP)], [10, 12]))
    assert [float(joined(count)) for count in (9, 11, 14)] == pytest.approx([RATE(9), 0.5, UP(2)], rel=1e-6)


def test_it_is_no_stateful_schedule():
    assert not isinstance(schedule(RATE), optax.schedules.StatefulSchedule) and callable(schedule(RATE))


def test_it_is_a_value():
    rate, other = schedule(RATE), schedule(lr.Plan(RATE))
    assert rate == other and hash(rate) == hash(other) and rate != schedule(UP) and rate != RATE
    assert pickle.loads(pickle.dumps(rate)) == rate
    assert repr(rate) == f"schedule({RATE!r})" and eval(repr(rate), {**vars(lr), "schedule": schedule}) == rate
    traces: list[int] = []
    compiled = jax.jit(lambda rate, count: (traces.append(1), rate(count))[1], static_argnums=0)
    assert compiled(rate, 3) == compiled(other, 3) and len(traces) == 1


# -- an optimizer of a plan ----------------------------------------------------------------------------------------------------

CASES: list[tuple[Any, dict[str, Any], dict[str, Any], dict[str, str]]] = [
    (optax.sgd, {}, {"lr": RATE, "momentum": UP}, {}),
    (optax.adamw, {}, {"lr": RATE, "beta1": UP, "beta2": UP, "weight_decay": 0.1 * UP}, {"beta1": "b1", "beta2": "b2"}),
    (optax.lion, {}, {"lr": RATE, "beta1": UP, "weight_decay": 0.1 * UP}, {"beta1": "b1"}),
    (optax.rmsprop, {}, {"lr": RATE, "fields": {"alpha": UP, "eps": 1e-8 * UP}}, {"alpha": "decay"}),
    (optax.adadelta, {}, {"lr": RATE, "fields": {"rho": UP}}, {"rho": "rho"}),
    (optax.adafactor, {}, {"lr": 0.01 * RATE, "weight_decay": 0.1 * UP}, {"weight_decay": "weight_decay_rate"}),
    (optax.sgd, {"momentum": 0.5, "nesterov": True}, {"lr": RATE}, {}),
]


def plainly(plan: lr.Plan, factory: Any, keys: dict[str, str], static: dict[str, Any], params: Any = PARAMS, grads: Any = GRADS) -> Any:
    """Where optax's own optimizer gets with the plan's values as float32, given anew for every update."""

    @jax.jit
    def step(params: Any, opt_state: Any, values: Any) -> Any:
        updates, opt_state = factory(**static, **values).update(grads, opt_state, params)
        return optax.apply_updates(params, updates), opt_state

    bound = plan.bind()
    values = [{keys[field]: jnp.float32(value) for field, value in bound.current(i)["default"].items()} for i in range(25)]
    opt_state = factory(**static, **values[0]).init(params)
    for row in values:
        params, opt_state = step(params, opt_state, row)
    return params


@pytest.mark.parametrize(("factory", "static", "fields", "keys"), CASES, ids=lambda case: getattr(case, "__name__", ""))
def test_every_field_is_used_and_seen(factory, static, fields, keys):
    keys = {field: field for field in ("momentum", "weight_decay", "eps")} | {"lr": "learning_rate"} | keys
    plan = lr.Plan(**fields)
    seen = run(optimizer(factory, plan, **static))
    for step, (_, opt_state) in enumerate(seen[1:]):
        exact = plan.bind().current(step)["default"]
        assert set(opt_state.hyperparams) == {keys[field] for field in exact}
        assert current(opt_state) == {"default": pytest.approx(exact, rel=1e-6, abs=1e-30)}
        assert opt_state.hyperparams == pytest.approx({keys[field]: value for field, value in exact.items()}, rel=1e-6, abs=1e-30)
    assert step_of(seen[-1][1]) == 25
    assert_close(seen[-1][0], plainly(plan, factory, keys, static), 1e-5)


LABELS = {"body": "body", "head": "head"}
GROUPED = lr.Plan(RATE, weight_decay=0.1, groups={"head": {"lr": 0.1 * RATE, "weight_decay": 0.2 * UP}})


@pytest.mark.parametrize("labels", [LABELS, lambda params: {name: name for name in params}], ids=["tree", "function"])
def test_groups_are_separate_optimizers(labels):
    tx = optimizer(optax.adamw, GROUPED, labels)
    seen = run(tx)
    fields = GROUPED.written(["body", "head"])
    for name in LABELS:
        alone = run(optimizer(optax.adamw, lr.Plan(fields=fields[name])), {name: PARAMS[name]}, {name: GRADS[name]})
        assert_close(seen[-1][0][name], alone[-1][0][name], 1e-7)
    exact = GROUPED.bind(["body", "head"]).current(24)
    assert current(seen[-1][1]) == {name: pytest.approx(values, rel=1e-6) for name, values in exact.items()}
    held = seen[-1][1].inner_states["head"].inner_state.hyperparams
    assert held["learning_rate"] == pytest.approx(exact["head"]["lr"], rel=1e-6)


def test_patterns_meet_labels_and_a_group_may_be_left_alone():
    plan = lr.Plan(groups={"layer.*": {"lr": RATE}, "frozen": {}})
    params = {"a": jnp.ones(2), "b": jnp.ones(2), "c": jnp.ones(2)}

    def stopped(learning_rate: Any = 0.0) -> Any:
        return optax.sgd(learning_rate)

    params, opt_state = run(optimizer(stopped, plan, {"a": "layer0", "b": "layer1", "c": "frozen"}), params, params, 3)[-1]
    assert (params["c"] == 1.0).all() and (params["a"] == params["b"]).all() and (params["a"] != 1.0).all()
    assert current(opt_state)["frozen"] == {} and step_of(opt_state) == 3


@pytest.mark.parametrize("dtype", [jnp.bfloat16, jnp.float16, jnp.float32])
def test_values_stay_float32_and_the_state_keeps_its_types(dtype):
    plan = lr.Plan(1e-2 * RATE, beta1=0.9, beta2=0.999)
    params, grads = (jax.tree.map(lambda leaf: leaf.astype(dtype), tree) for tree in (PARAMS, GRADS))
    tx = optimizer(optax.adamw, plan)
    opt_state = tx.init(params)

    def step(carry: Any, _: Any) -> Any:
        updates, opt_state = tx.update(grads, carry[1], carry[0])
        return (optax.apply_updates(carry[0], updates), opt_state), opt_state.hyperparams

    (after, last), values = jax.lax.scan(step, (params, opt_state), length=5)
    assert types(last) == types(opt_state)
    np.testing.assert_allclose(values["learning_rate"], plan.table(5)["default", "lr"], rtol=1e-6)
    assert all(jnp.isfinite(leaf).all() for leaf in jax.tree.leaves(after)) and values["b2"][0] == np.float32(0.999)


def test_steps_are_updates_when_gradients_are_accumulated():
    plan = lr.Plan(RATE, momentum=UP)
    micro = optax.MultiSteps(optimizer(optax.sgd, plan), every_k_schedule=3).gradient_transformation()
    seen = run(micro, steps=3 * 25)
    whole = run(optimizer(optax.sgd, plan))
    assert [step_of(opt_state) for _, opt_state in seen] == [i // 3 for i in range(76)]
    assert_close(seen[-1][0], whole[-1][0], 1e-5)
    assert current(seen[-1][1]) == {"default": pytest.approx(plan.bind().current(24)["default"], rel=1e-6)}


def test_updates_that_are_skipped_do_not_count():
    tx = optax.apply_if_finite(optimizer(optax.sgd, RATE), max_consecutive_errors=5)
    opt_state = tx.init(PARAMS)
    for grads in (GRADS, jax.tree.map(lambda leaf: leaf * jnp.nan, GRADS), GRADS):
        _, opt_state = tx.update(grads, opt_state, PARAMS)
    assert step_of(opt_state) == 2


def test_a_compiled_step_does_not_grow_with_the_horizon():
    """The traced step is the same, and the compiled one has a few polynomials more: a cosine to 0 has some for each factor of 10."""

    def sizes(rate: lr.Schedule) -> tuple[int, int]:
        tx = optimizer(optax.adamw, rate)

        def step(params: Any, opt_state: Any) -> Any:
            return tx.update(GRADS, opt_state, params)

        opt_state = tx.init(PARAMS)
        return len(str(jax.make_jaxpr(step)(PARAMS, opt_state))), len(jax.jit(step).lower(PARAMS, opt_state).as_text())

    for made, more in (
        (lambda n: lr.warmup_cosine(1e-3, warmup=n // 10, steps=n), 6_000),
        (lambda n: lr.cosine(1e-3, 1e-5, n // 10).repeat(), 1_000),
    ):
        short, long = sizes(made(10**3)), sizes(made(10**9))
        assert long[0] <= 1.01 * short[0] and long[1] <= short[1] + more


# -- states --------------------------------------------------------------------------------------------------------------------


def test_a_checkpoint_goes_on_at_its_count(tmp_path):
    tx = optimizer(optax.adamw, GROUPED, LABELS)
    seen = run(tx)
    file = tmp_path / "state.pkl"
    file.write_bytes(pickle.dumps(jax.tree.map(np.asarray, seen[7])))
    params, opt_state = pickle.loads(file.read_bytes())
    assert step_of(opt_state) == 7
    for _ in range(25 - 7):
        updates, opt_state = jax.jit(tx.update)(GRADS, opt_state, params)
        params = optax.apply_updates(params, updates)
    assert_close((params, opt_state), seen[-1], 1e-6)


@pytest.mark.parametrize("step", [0, 1, 6, 19, 20, 10**6])
def test_a_state_moves_from_torch_and_back(step):
    plan = lr.Plan(RATE, momentum=UP, groups={"head": {"lr": 0.1 * RATE}})
    theirs = PlanScheduler(SGD([{"params": [zeros(1)], "name": name} for name in LABELS], lr=0.5, momentum=0.9), plan)
    theirs.seek(step)
    tx = optimizer(optax.sgd, plan, LABELS)
    opt_state, _ = restore(tx.init(PARAMS), theirs.state_dict(), plan)
    assert step_of(opt_state) == step and current(opt_state) == {name: pytest.approx(values) for name, values in theirs.current().items()}
    _, opt_state = tx.update(GRADS, opt_state, PARAMS)
    assert current(opt_state) == {name: pytest.approx(values, rel=1e-6) for name, values in theirs.current().items()}
    theirs.load_state_dict(state_of(opt_state, plan))
    assert theirs.last_epoch == step + 1


def test_restoring_is_idempotent_and_finds_wrapped_states():
    plan = lr.Plan(RATE)
    tx = optax.chain(optax.clip(1.0), optax.MultiSteps(optimizer(optax.adam, plan), 2).gradient_transformation())
    stored = lr.make_state(plan.bind(), 11)
    once, _ = restore(tx.init(PARAMS), stored, plan)
    twice, _ = restore(once, stored, plan)
    assert step_of(once) == 11 and jax.tree.structure(once) == jax.tree.structure(tx.init(PARAMS))
    jax.tree.map(np.testing.assert_array_equal, once, twice)
    assert state_of(once, plan) == stored


def test_another_plan_is_an_error_kept_replaced_or_rebased():
    old, new = lr.Plan(lr.cosine(0.1, 0.0, 100)), lr.Plan(lr.cosine(0.1, 0.0, 200))
    stored, fresh = lr.make_state(old.bind(), 60), optimizer(optax.sgd, new).init(PARAMS)
    with pytest.raises(lr.StateError, match=r"^The checkpoint at step 60 was made with another plan\.\nlr\.steps: 100 -> 200"):
        restore(fresh, stored, new)
    for on_change, value in (("keep", old.lr(60)), ("replace", new.lr(60)), ("rebase", old.lr(60))):
        opt_state, plan = restore(fresh, stored, new, on_change)
        assert current(opt_state)["default"]["lr"] == pytest.approx(value)
        _, opt_state = optimizer(optax.sgd, plan).update(GRADS, opt_state, PARAMS)
        assert current(opt_state)["default"]["lr"] == pytest.approx(value, rel=1e-6) and step_of(opt_state) == 61


def test_the_one_group_of_another_framework_is_ours_whatever_its_name():
    old, new = lr.Plan(lr.cosine(0.1, 0.0, 100)), lr.Plan(lr.cosine(0.1, 0.0, 200))
    theirs = PlanScheduler(SGD([zeros(1)], lr=0.5), old)
    theirs.seek(60)
    opt_state, plan = restore(optimizer(optax.sgd, new).init(PARAMS), theirs.state_dict(), new, "rebase")
    assert current(opt_state) == {"default": {"lr": pytest.approx(old.lr(60))}} and plan.bind().current(60)["default"]["lr"] == old.lr(60)


def test_a_traced_init_is_an_eager_one():
    tx = optimizer(optax.adamw, GROUPED, LABELS)
    eager, traced = tx.init(PARAMS), jax.jit(tx.init)(PARAMS)
    assert types(eager) == types(traced) == types(jax.eval_shape(tx.init, PARAMS))
    assert_close(traced, eager)


class Run(conformance.Driver):
    """An AdamW run, its rates read from the state; the optimizer and the compiled update are shared by runs of the same plan."""

    rounding = 1e-6
    fields = ("lr", "beta1", "weight_decay")
    made: dict[Any, Any] = {}

    def __init__(self, plan, names):
        self.plan, self.params = plan, {name: jnp.zeros(1) for name in names}
        known = plan, names
        if known not in self.made:
            tx = optimizer(optax.adamw, plan, {name: name for name in names})
            self.made[known] = tx, jax.jit(tx.update)
        tx, self.compiled = self.made[known]
        self.opt_state = tx.init(self.params)

    def update(self):
        _, self.opt_state = self.compiled(self.params, self.opt_state, self.params)
        return current(self.opt_state)

    def step(self):
        """optax counts by itself."""

    def save(self):
        return {"optimizer": self.opt_state, "plan": state_of(self.opt_state, self.plan)}

    def load(self, state):
        for part, value in state.items():
            if part == "optimizer":
                lr.check_state(state["plan"], self.plan)
                self.opt_state = value
            else:
                self.opt_state, _ = restore(self.opt_state, value, self.plan)

    def seek(self, step):
        self.opt_state, _ = restore(self.opt_state, lr.make_state(self.plan.bind(list(self.params)), step), self.plan)


@pytest.mark.parametrize("law", conformance.laws(Run), ids=lambda law: law.__name__)
def test_law(law):
    if law is conformance.same_values:  # recipes are read from the weights above
        law(Run, [name for name in conformance.plans() if name not in lr.recipes()])
    else:
        law(Run)


# -- bad input -----------------------------------------------------------------------------------------------------------------

TREE = {"body": "body", "head": "head"}
REFUSED = {
    "a plan of several fields": (
        lambda: schedule(lr.Plan(RATE, momentum=0.9)),
        "A schedule is one column, and the plan has several: lr of 'default', momentum of 'default'. Give all of it to "
        "lrcore_jax.optimizer.",
    ),
    "no schedule": (lambda: schedule(0.1), "plan: expected a Plan, a BoundPlan or a Schedule, got 0.1."),
    "fractions": (
        lambda: schedule(lr.linear(1.0, 0.0, 0.5)),
        "schedule: expected a schedule without fractions of a horizon, got Ramp(start=1.0, stop=0.0, steps=0.5). Call .over(horizon) "
        "first, or give a Plan with one.",
    ),
    "a float count": (
        lambda: schedule(RATE)(3.0),
        "count: expected an integer, or an array of integers, got 3.0. A float32 has no odd counts above 2**24.",
    ),
    "a traced float count": (
        lambda: jax.jit(schedule(RATE))(3.0),
        "count: expected an integer, or an array of integers, got dtype('float32'). A float32 has no odd counts above 2**24.",
    ),
    "a boolean count": (
        lambda: schedule(RATE)(True),
        "count: expected an integer, or an array of integers, got True. A float32 has no odd counts above 2**24.",
    ),
    "a factory that was called": (
        lambda: optimizer(optax.identity(), RATE),
        f"factory: expected a function such as optax.adamw, not called, got {lr.errors.shown(optax.identity())}.",
    ),
    "a plan that is none": (lambda: optimizer(optax.sgd, 0.1), "plan: expected a Plan or a Schedule, got 0.1."),
    "an unknown argument": (
        lambda: optimizer(optax.sgd, RATE, nestrov=True),
        "static: expected arguments of sgd: learning_rate, momentum, nesterov, accumulator_dtype, got 'nestrov'.",
    ),
    "a field the factory lacks": (
        lambda: optimizer(optax.sgd, lr.Plan(RATE, weight_decay=0.1)),
        "The plan schedules weight_decay of 'default', and sgd has no argument weight_decay or weight_decay_rate. It has "
        "learning_rate, momentum, nesterov, accumulator_dtype.",
    ),
    "momentum of Adam": (
        lambda: optimizer(optax.yogi, lr.Plan(RATE, momentum=0.9)),
        "The plan schedules momentum of 'default', and yogi has no argument momentum. Its momentum is beta1. It has learning_rate, "
        "b1, b2, eps.",
    ),
    "a field twice": (
        lambda: optimizer(optax.adam, lr.Plan(RATE, beta1=0.9, fields={"b1": 0.8})),
        "The plan schedules beta1 and b1 of 'default', and both are b1 of adam. Leave one out.",
    ),
    "no rate": (
        lambda: optimizer(optax.sgd, lr.Plan(momentum=0.9)),
        "sgd needs learning_rate, and the plan has no lr for 'default'. Schedule it, or pass learning_rate=.",
    ),
    "a field that is an argument too": (
        lambda: optimizer(optax.sgd, RATE, learning_rate=0.5),
        "The plan schedules lr of 'default', and learning_rate=0.5 is given too. Leave one of them out.",
    ),
    "groups without labels": (
        lambda: optimizer(optax.sgd, lr.Plan(groups={"head": {"lr": RATE}})),
        "The plan has groups ('head'), and nothing says which parameters are in them. Pass labels=, a pytree of names or a function "
        "from the parameters to one.",
    ),
    "labels that are no names": (
        lambda: optimizer(optax.sgd, RATE, {"body": 1}),
        "labels: expected a pytree of names, one string for each parameter, got 1.",
    ),
    "no labels": (lambda: optimizer(optax.sgd, RATE, {}), "labels: expected a pytree of at least one name, got {}."),
    "a group nobody has": (
        lambda: optimizer(optax.sgd, lr.Plan(RATE, groups={"haed": {"lr": 0.1}}), lambda params: TREE).init(PARAMS),
        "groups['haed'] matches none of the groups 'body', 'head'. Did you mean 'head'?",
    ),
    "a state without schedules": (
        lambda: current(optax.adam(0.1).init(PARAMS)),
        "This optimizer state holds no schedule. Pass that of an optimizer made by lrcore_jax.optimizer.",
    ),
    "a plan to restore that is none": (
        lambda: restore(optimizer(optax.sgd, RATE).init(PARAMS), {}, 0.1),
        "plan: expected a Plan or a Schedule, got 0.1.",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_meant_is_a_sentence(case):
    call, sentence = REFUSED[case]
    with pytest.raises(lr.LrcoreError) as raised:
        call()
    assert str(raised.value) == sentence


def test_groups_at_different_steps_are_a_sentence():
    tx = optimizer(optax.sgd, RATE, LABELS)
    opt_state = tx.init(PARAMS)
    head = opt_state.inner_states["head"]
    torn = head._replace(inner_state=at(head.inner_state, jnp.int32(3)))
    with pytest.raises(lr.StateError, match=r"^The groups are not at the same step: 'body' at 0, 'head' at 3\. Pass the state of one"):
        step_of(opt_state._replace(inner_states={**opt_state.inner_states, "head": torn}))


def test_a_state_beyond_32_bits_is_refused() -> None:
    plan = lr.Plan(lr.linear(1.0, 0.0, steps=4))
    opt_state = optimizer(optax.sgd, plan).init(jnp.zeros(3))
    with pytest.raises(lr.StateError, match="2,147,483,647"):
        restore(opt_state, lr.make_state(plan.bind(), 2**31), plan)
