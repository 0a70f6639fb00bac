"""The drop-in classes against PyTorch's own, live: rates and momenta of whole runs, errors, states, and what others do beside them."""

from __future__ import annotations

import copy
import io
import math
from collections.abc import Callable
from functools import partial
from inspect import signature
from types import ModuleType
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.optim import SGD, AdamW, Optimizer
from torch.optim import lr_scheduler as stock

import lrcore as lr
from docs import make_torch_differences
from lrcore.presets.differences import differs
from lrcore_torch import PlanScheduler
from lrcore_torch import lr_scheduler as ours

live = settings(max_examples=settings.default.max_examples // 4)  # a whole run each, twice
RATES = (0.1, 0.03)
Make = Callable[[ModuleType, Optimizer], Any]

pytestmark = pytest.mark.filterwarnings("ignore:.*lr_scheduler.step.*:UserWarning", "ignore:.*epoch parameter.*:UserWarning")


def made(kind: type[Optimizer] = SGD, rates: tuple[Any, ...] = RATES, **options: Any) -> Optimizer:
    options = {"momentum": 0.9, **options} if kind is SGD else options
    return kind([{"params": [torch.zeros(1, requires_grad=True)], "lr": rate} for rate in rates], **options)


def held(optimizer: Optimizer) -> list[float]:
    """Every rate and every momentum."""
    values = []
    for group in optimizer.param_groups:
        values += [float(group["lr"]), *([group["momentum"]] if "momentum" in group else group.get("betas", ()))]
    return values


def run(make: Make, module: ModuleType, steps: int, kind: type[Optimizer] = SGD, rates: tuple[Any, ...] = RATES) -> list[list[float]]:
    """What the optimizer holds at every update, under one scheduler or a list of them."""
    optimizer = made(kind, rates)
    schedulers = make(module, optimizer)
    values = []
    for step in range(steps):
        values.append(held(optimizer))
        if step == steps - 1:
            break
        optimizer.step()
        for scheduler in schedulers if isinstance(schedulers, list) else [schedulers]:
            scheduler.step()
    return values


def agree(left: list[list[float]], right: list[list[float]], where: Callable[[int], bool] = lambda t: True) -> None:
    """Within the rounding errors that recursions collect, where the two are to agree."""
    assert len(left) == len(right)
    for t, (a, b) in enumerate(zip(left, right, strict=True)):
        if where(t):
            assert a == pytest.approx(b, rel=1e-9, abs=1e-13), t


def saved_and_loaded(state: Any) -> Any:
    file = io.BytesIO()
    torch.save(state, file)
    file.seek(0)
    return torch.load(file, weights_only=True)


# -- the same names and arguments --------------------------------------------------------------------------------------


def test_every_public_class_is_here():
    assert set(ours.__all__) == set(stock.__all__)
    assert ours.LRScheduler is stock.LRScheduler


@pytest.mark.parametrize("name", sorted(set(stock.__all__) - {"LRScheduler"}))
def test_arguments_are_the_same_and_so_is_isinstance(name):
    def arguments(module: ModuleType) -> list[tuple[str, Any, Any]]:
        return [(one.name, one.kind, one.default) for one in signature(getattr(module, name).__init__).parameters.values()]

    assert arguments(ours) == arguments(stock)
    assert issubclass(getattr(ours, name), getattr(stock, name))


# -- the same values ---------------------------------------------------------------------------------------------------


def arguments(required: Any = None, **optional: Any) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries(required or {}, optional=optional)


COUNTS = st.integers(1, 15)
PARTS = st.sampled_from([0.1, 0.25, 0.5, 1.0])
GAMMAS = st.floats(0.3, 1.1)
LOW = st.sampled_from([0.0, 1e-4, 0.01])
MULTIPLYING = {
    "StepLR": arguments({"step_size": COUNTS}, gamma=GAMMAS),
    "MultiStepLR": arguments({"milestones": st.lists(st.integers(0, 25), max_size=5)}, gamma=GAMMAS),
    "ConstantLR": arguments(factor=PARTS, total_iters=COUNTS),
    "LinearLR": arguments(start_factor=PARTS, end_factor=st.sampled_from([0.0, 0.5, 1.0]), total_iters=COUNTS),
    "ExponentialLR": arguments({"gamma": GAMMAS}),
    "PolynomialLR": arguments(total_iters=COUNTS, power=st.floats(0.5, 3)),
    "CosineAnnealingLR": arguments({"T_max": COUNTS}, eta_min=LOW),
}
EACH = st.one_of(st.sampled_from([0.5, 0.2]), st.just([0.5, 0.4]))
SETTING = {
    "CosineAnnealingWarmRestarts": arguments({"T_0": st.integers(1, 6)}, T_mult=st.integers(1, 3), eta_min=LOW),
    "CyclicLR": arguments(
        {"base_lr": st.sampled_from([0.01, [0.01, 0.0]]), "max_lr": EACH, "step_size_up": st.integers(1, 5)},
        step_size_down=st.integers(1, 5), mode=st.sampled_from(["triangular", "triangular2", "exp_range"]), gamma=st.floats(0.5, 1.0),
        cycle_momentum=st.booleans(), base_momentum=st.sampled_from([0.7, [0.7, 0.6]]), max_momentum=st.sampled_from([0.95, [0.95, 0.9]]),
    ),
    "OneCycleLR": arguments(
        {"max_lr": EACH, "total_steps": st.just(30)}, pct_start=st.sampled_from([0.0, 0.3, 0.5, 1.0]),
        anneal_strategy=st.sampled_from(["cos", "linear"]), cycle_momentum=st.booleans(), base_momentum=st.sampled_from([0.7, [0.7, 0.6]]),
        div_factor=st.just(10.0), three_phase=st.booleans(),
    ),
}  # fmt: skip


@pytest.mark.parametrize("kind", [SGD, AdamW])
@pytest.mark.parametrize("name", MULTIPLYING | SETTING)
def test_whole_runs(name, kind):
    @live
    @given((MULTIPLYING | SETTING)[name])
    def check(given_arguments):
        def make(module: ModuleType, optimizer: Optimizer) -> Any:
            return getattr(module, name)(optimizer, **given_arguments)

        known = {name: value[0] if isinstance(value, list) and name != "milestones" else value for name, value in given_arguments.items()}
        known |= {"lr": 0.1} if name in MULTIPLYING or name == "CosineAnnealingWarmRestarts" else {}
        agree(run(make, ours, 30, kind), run(make, stock, 30, kind), lambda t: not differs(f"torch.{name}", known, t))

    check()


@st.composite
def members(draw: Any, names: Any, low: int = 1) -> list[tuple[str, dict[str, Any]]]:
    chosen = draw(st.lists(st.sampled_from(sorted(names)), min_size=low, max_size=4))
    return [(name, draw((MULTIPLYING | SETTING)[name])) for name in chosen]


@live
@given(members(set(MULTIPLYING) | set(SETTING) - {"OneCycleLR"}), st.lists(st.integers(0, 6), min_size=3, max_size=3), st.booleans())
def test_sequences(phases, gaps, planned):
    """One plan, or, as soon as one member calls Python, PyTorch's own way of going through them."""
    milestones = [sum(gaps[: i + 1]) for i in range(len(phases) - 1 + (not planned))][:3]
    phases = phases[: len(milestones) + 1 - (not planned)]

    def make(module: ModuleType, optimizer: Optimizer) -> Any:
        made = [getattr(module, name)(optimizer, **arguments) for name, arguments in phases]
        made += [] if planned else [module.LambdaLR(optimizer, lambda t: 1 / (1 + t))]
        return module.SequentialLR(optimizer, made, milestones)

    assert isinstance(make(ours, made()), PlanScheduler) == planned
    agree(run(make, ours, 30), run(make, stock, 30))


def whole_factors(phases: list[tuple[str, dict[str, Any]]]) -> bool:
    """Not a cosine with an end of its own or past it: in a chain that is no factor, and listed as a difference."""
    return all(name != "CosineAnnealingLR" for name, _ in phases)


CHAINS = members(MULTIPLYING).filter(whole_factors)


@live
@given(CHAINS)
def test_chains(phases):
    def make(module: ModuleType, optimizer: Optimizer) -> Any:
        return module.ChainedScheduler([getattr(module, name)(optimizer, **arguments) for name, arguments in phases])

    assert isinstance(make(ours, made()), PlanScheduler)
    agree(run(make, ours, 30), run(make, stock, 30))


@pytest.mark.parametrize("chained", [False, True])
def test_a_second_scheduler_goes_on_from_the_rate_in_force(chained):
    def make(module: ModuleType, optimizer: Optimizer) -> Any:
        module.ConstantLR(optimizer, 0.5)
        both = [module.StepLR(optimizer, 3), module.LinearLR(optimizer, 0.1)]
        return module.ChainedScheduler(both) if chained else both[0]

    agree(run(make, ours, 12), run(make, stock, 12))


def mixed(module: ModuleType, phases: Any, picks: Any, optimizer: Optimizer) -> list[Any]:
    return [
        getattr(module if pick else stock, name)(optimizer, **arguments) for (name, arguments), pick in zip(phases, picks, strict=False)
    ]


@live
@given(members(set(MULTIPLYING) - {"CosineAnnealingLR"} | {"CosineAnnealingWarmRestarts"}), st.lists(st.booleans(), min_size=4, max_size=4))
def test_schedulers_stepped_one_after_the_other(phases, picks):
    """Ours and PyTorch's on one optimizer, in any order: each keeps what the others did."""
    make = partial(mixed, phases=phases, picks=picks)
    agree(run(lambda m, o: make(m, optimizer=o), ours, 30), run(lambda m, o: make(m, optimizer=o), stock, 30))


@pytest.mark.parametrize("chained", [False, True])
@pytest.mark.parametrize("eta_min", [0.0, 0.01])
def test_a_warmup_beside_a_cosine(eta_min, chained):
    """PyTorch multiplies the distance from eta_min."""

    def make(module: ModuleType, optimizer: Optimizer) -> Any:
        both = [module.LinearLR(optimizer, 0.1, total_iters=5), module.CosineAnnealingLR(optimizer, 30, eta_min)]
        return module.ChainedScheduler(both) if chained else both

    agree(run(make, ours, 30), run(make, stock, 30))


@pytest.mark.parametrize("tensor", [False, True])
@pytest.mark.parametrize("name", ["StepLR", "ExponentialLR", "LinearLR"])
def test_a_rate_changed_by_hand_stays_changed(name, tensor):
    def changed(module: ModuleType) -> list[list[float]]:
        rates = tuple(torch.tensor(rate, dtype=torch.float64) for rate in RATES) if tensor else RATES
        optimizer = made(rates=rates)
        scheduler = getattr(module, name)(optimizer, **{"StepLR": {"step_size": 4}, "ExponentialLR": {"gamma": 0.9}}.get(name, {}))
        values = []
        for step in range(12):
            optimizer.step()
            scheduler.step()
            if step in (2, 7):
                optimizer.param_groups[0]["lr"] *= 0.5
            values.append([*held(optimizer), *map(float, scheduler.get_last_lr())] if step not in (2, 7) else held(optimizer))
        return values

    agree(changed(ours), changed(stock))


def test_a_plateau_beside_a_schedule():
    def make(module: ModuleType) -> list[list[float]]:
        optimizer = made()
        decay, plateau = module.ExponentialLR(optimizer, 0.9), module.ReduceLROnPlateau(optimizer, patience=1, factor=0.5)
        values = []
        for _ in range(12):
            optimizer.step()
            decay.step()
            plateau.step(1.0)
            values.append(held(optimizer))
        return values

    agree(make(ours), make(stock))


@pytest.mark.parametrize("name", ["StepLR", "CosineAnnealingWarmRestarts", "OneCycleLR"])
def test_rates_that_are_tensors_are_filled_in_place(name):
    arguments = {"StepLR": {"step_size": 3}, "CosineAnnealingWarmRestarts": {"T_0": 4}, "OneCycleLR": {"max_lr": 0.5, "total_steps": 20}}[
        name
    ]

    def make(module: ModuleType, optimizer: Optimizer) -> Any:
        return getattr(module, name)(optimizer, **arguments)

    tensors = [torch.tensor(rate) for rate in RATES]
    values = run(make, ours, 12, rates=tuple(tensors))
    for a, b in zip(values, run(make, stock, 12), strict=True):
        assert a == pytest.approx(b, rel=1e-6)
    optimizer = made(rates=tuple(tensors))
    make(ours, optimizer).step()
    assert all(group["lr"] is tensor for group, tensor in zip(optimizer.param_groups, tensors, strict=True))


@pytest.mark.parametrize("epoch", [0, 1, 2.5, 3, 7.25, 12, 13.5])
def test_warm_restarts_at_any_position(epoch):
    def make(module: ModuleType) -> tuple[list[float], list[float], int]:
        optimizer = made()
        scheduler = module.CosineAnnealingWarmRestarts(optimizer, T_0=3, T_mult=2, eta_min=0.01)
        scheduler.step(epoch)
        return held(optimizer), scheduler.get_last_lr(), scheduler.last_epoch

    (a, b, c), (x, y, z) = make(ours), make(stock)
    assert a == pytest.approx(x) and b == pytest.approx(y) and c == z


@pytest.mark.parametrize("scale", [{"scale_fn": lambda x: 1 / x}, {"mode": "exp_range", "gamma": 1.05}, {"step_size_up": 2.5}])
def test_a_cycle_that_is_no_schedule_is_pytorchs(scale):
    def make(module: ModuleType, optimizer: Optimizer) -> Any:
        return module.CyclicLR(optimizer, **{"base_lr": 0.01, "max_lr": 0.2, "step_size_up": 3, **scale})

    assert type(make(ours, made())) is ours.CyclicLR
    assert run(make, ours, 20) == run(make, stock, 20)


FUNCTIONS = [lambda t: 1 / (1 + t), [lambda t: 0.9**t, lambda t: 1.0 if t < 3 else 0.5]]


@pytest.mark.parametrize("function", FUNCTIONS)
@pytest.mark.parametrize("name", ["LambdaLR", "MultiplicativeLR"])
def test_functions(name, function):
    def make(module: ModuleType, optimizer: Optimizer) -> Any:
        return getattr(module, name)(optimizer, function)

    assert run(make, ours, 12) == run(make, stock, 12)


def test_any_step_of_a_product_is_had():
    optimizer = made()
    scheduler = ours.MultiplicativeLR(optimizer, lambda t: 1 / t)
    scheduler.step(4)
    assert held(optimizer)[0] == pytest.approx(0.1 / math.factorial(4))


# -- what others read --------------------------------------------------------------------------------------------------

EXAMPLES: dict[str, Make] = {
    "StepLR": lambda m, o: m.StepLR(o, 3),
    "MultiStepLR": lambda m, o: m.MultiStepLR(o, [2, 5, 5]),
    "ConstantLR": lambda m, o: m.ConstantLR(o),
    "LinearLR": lambda m, o: m.LinearLR(o),
    "ExponentialLR": lambda m, o: m.ExponentialLR(o, 0.9),
    "PolynomialLR": lambda m, o: m.PolynomialLR(o, 30, 2.0),
    "CosineAnnealingLR": lambda m, o: m.CosineAnnealingLR(o, 30, 1e-3),
    "CosineAnnealingWarmRestarts": lambda m, o: m.CosineAnnealingWarmRestarts(o, 3, 2),
    "CyclicLR": lambda m, o: m.CyclicLR(o, 0.01, [0.2, 0.3], 3, mode="triangular2"),
    "OneCycleLR": lambda m, o: m.OneCycleLR(o, [0.2, 0.3], epochs=4, steps_per_epoch=10),
    "LambdaLR": lambda m, o: m.LambdaLR(o, lambda t: 0.9**t),
    "MultiplicativeLR": lambda m, o: m.MultiplicativeLR(o, lambda t: 0.9),
    "SequentialLR": lambda m, o: m.SequentialLR(o, [m.LinearLR(o), m.CyclicLR(o, 0.01, 0.2, 3), m.ExponentialLR(o, 0.9)], [4, 9]),
    "ChainedScheduler": lambda m, o: m.ChainedScheduler([m.LinearLR(o), m.ExponentialLR(o, 0.9)]),
    "driven sequence": lambda m, o: m.SequentialLR(o, [m.LinearLR(o), m.LambdaLR(o, lambda t: 0.9**t), m.StepLR(o, 2)], [4, 9]),
    "driven chain": lambda m, o: m.ChainedScheduler([m.LambdaLR(o, lambda t: 0.9**t), m.ExponentialLR(o, 0.9)]),
}
NOT_OURS = {"total_steps", "optimizer"}


@pytest.mark.parametrize("name", EXAMPLES)
def test_public_attributes_and_group_keys_are_the_same(name):
    mine, theirs = made(), made()
    scheduler, other = EXAMPLES[name](ours, mine), EXAMPLES[name](stock, theirs)
    for _ in range(7):
        for one in (mine, scheduler, theirs, other):
            one.step()
    read = {key for key in vars(other) if not key.startswith("_")} - NOT_OURS
    for key in read - {"lr_lambdas", "optimizer"}:
        assert getattr(scheduler, key) == (pytest.approx(getattr(other, key)) if key == "base_lrs" else getattr(other, key)), key
    assert not hasattr(scheduler, "total_steps")
    for group, known in zip(mine.param_groups, theirs.param_groups, strict=True):
        assert set(group) == set(known)
        kept = [key for key in known if key.endswith(("_lr", "_momentum"))]
        assert [group[key] for key in kept] == pytest.approx([known[key] for key in kept])


@pytest.mark.parametrize("name", EXAMPLES)
def test_rates_are_to_be_had_at_any_time(name):
    optimizer = made()
    scheduler = EXAMPLES[name](ours, optimizer)
    for _ in range(3):
        rates = [group["lr"] for group in optimizer.param_groups]
        assert scheduler.get_lr() == pytest.approx(rates) and scheduler.get_last_lr() == pytest.approx(rates) == scheduler._last_lr
        optimizer.step()
        scheduler.step()


@pytest.mark.parametrize("milestone", [1, 4, 9])
def test_members_stay_visible(milestone):
    optimizer, other = made(), made()
    scheduler, theirs = (EXAMPLES["SequentialLR"](module, one) for module, one in ((ours, optimizer), (stock, other)))
    for _ in range(milestone):
        for one in (optimizer, scheduler, other, theirs):
            one.step()
    assert [member.last_epoch for member in scheduler._schedulers] == [member.last_epoch for member in theirs._schedulers]


def test_an_argument_that_is_set_changes_the_plan():
    optimizer = made()
    scheduler = ours.StepLR(optimizer, 3)
    scheduler.step(4)
    scheduler.gamma = 0.5
    assert held(optimizer)[0] == pytest.approx(0.05) and scheduler.plan == ours.StepLR(made(), 3, 0.5).plan
    with pytest.raises(lr.SpecError, match=r"^torch\.StepLR\.gamma: expected a number >= 0, got -1\.$"):
        scheduler.gamma = -1
    assert scheduler.gamma == 0.5


def test_a_plan_can_be_put_in_its_place():
    optimizer = made()
    scheduler = ours.CosineAnnealingLR(optimizer, 10)
    scheduler.step(5)
    scheduler.replace(lr.Plan(lr.linear(1.0, 0.0, 10)))
    scheduler.step()
    assert scheduler.get_last_lr() == [0.4, 0.4] == [group["lr"] for group in optimizer.param_groups]


def test_a_subclass_may_have_rates_of_its_own():
    class Doubled(ours.CosineAnnealingLR):
        def get_lr(self) -> list[float]:
            return [2 * rate for rate in super().get_lr()]

    optimizer = made()
    scheduler = Doubled(optimizer, 10)
    for _ in range(3):
        expected = [2 * rate * (1 + math.cos(math.pi * scheduler.last_epoch / 10)) / 2 for rate in RATES]
        assert [group["lr"] for group in optimizer.param_groups] == pytest.approx(expected) == scheduler.get_last_lr()
        scheduler.step()


# -- groups that come later --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [*MULTIPLYING, "ChainedScheduler"])
def test_a_group_added_later_goes_on_from_its_rate(name):
    def make(module: ModuleType) -> list[list[float]]:
        optimizer = made()
        scheduler = EXAMPLES[name](module, optimizer)
        values = []
        for step in range(12):
            optimizer.step()
            scheduler.step()
            if step == 3:
                optimizer.add_param_group({"params": [torch.zeros(1, requires_grad=True)], "lr": 0.7})
            values.append(held(optimizer))
        return values

    agree(make(ours), make(stock))


@pytest.mark.parametrize("make", [
    lambda o: ours.CosineAnnealingWarmRestarts(o, 4), lambda o: ours.LambdaLR(o, lambda t: 0.9**t), lambda o: ours.OneCycleLR(o, 0.1, 30),
    lambda o: ours.SequentialLR(o, [ours.LinearLR(o), ours.ExponentialLR(o, 0.9)], [4]), partial(EXAMPLES["SequentialLR"], ours),
])  # fmt: skip
def test_a_group_added_later_is_driven_by_the_others(make):
    """Classes that set the rate: the group has the value it would have had from the start."""
    optimizer, late = made(rates=(0.1, 0.7)), made(rates=(0.1,))
    whole, grown = make(optimizer), make(late)
    late.add_param_group({"params": [torch.zeros(1, requires_grad=True)], "lr": 0.7})
    for _ in range(6):
        whole.step()
        grown.step()
    assert held(late) == held(optimizer)


def test_values_listed_by_group_leave_none_for_a_new_one():
    optimizer = made()
    scheduler = ours.CyclicLR(optimizer, 0.1, [0.2, 0.3], 3)
    optimizer.add_param_group({"params": [torch.zeros(1, requires_grad=True)]})
    with pytest.raises(lr.PlanError, match=r"^max_lr was given as a list for 2 groups, and one was added\. Make a new scheduler\.$"):
        scheduler.step()


# -- resuming ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("module", [ours, stock], ids=["ours", "PyTorch's"])
@pytest.mark.parametrize("steps", [0, 1, 4, 7, 12])
@pytest.mark.parametrize("name", EXAMPLES)
def test_a_state_goes_on_where_it_stopped(name, steps, module):
    """Also without the optimizer's state, twice, and over other values that were in force."""
    optimizer = made()
    scheduler = EXAMPLES[name](module, optimizer)
    for _ in range(steps):
        optimizer.step()
        scheduler.step()
    state = saved_and_loaded(scheduler.state_dict()) if module is ours else copy.deepcopy(scheduler.state_dict())

    fresh = made()
    resumed = EXAMPLES[name](ours, fresh)
    resumed.step()
    for _ in range(2):
        resumed.load_state_dict(state)
        assert held(fresh) == pytest.approx(held(optimizer), rel=1e-9, abs=1e-13)
    for _ in range(6):
        for one in (optimizer, scheduler, fresh, resumed):
            one.step()
        assert held(fresh) == pytest.approx(held(optimizer), rel=1e-9, abs=1e-13)


@pytest.mark.parametrize("scheduler_first", [True, False])
@pytest.mark.parametrize("tensor", [False, True])
@pytest.mark.parametrize("name", EXAMPLES)
def test_the_order_of_loading_does_not_matter(name, tensor, scheduler_first):
    """Also where the checkpoint has a tensor for a rate, and the optimizer a float."""
    rates = tuple(torch.tensor(rate, dtype=torch.float64) for rate in RATES) if tensor else RATES
    optimizer, fresh = made(rates=rates), made()
    scheduler, resumed = EXAMPLES[name](ours, optimizer), EXAMPLES[name](ours, fresh)
    for _ in range(6):
        optimizer.step()
        scheduler.step()
    states = saved_and_loaded([scheduler.state_dict(), optimizer.state_dict()])
    for load in [0, 1] if scheduler_first else [1, 0]:
        (resumed, fresh)[load].load_state_dict(states[load])
    for _ in range(3):
        assert held(fresh) == pytest.approx(held(optimizer), rel=1e-12)
        for one in (optimizer, scheduler, fresh, resumed):
            one.step()


def test_schedulers_one_after_the_other_are_restored():
    def make(optimizer: Optimizer) -> list[Any]:
        return [ours.LinearLR(optimizer), ours.ExponentialLR(optimizer, 0.9), ours.StepLR(optimizer, 3)]

    optimizer, fresh = made(), made()
    schedulers, resumed = make(optimizer), make(fresh)
    for step in range(8):
        for scheduler in schedulers:
            scheduler.step()
        if step == 4:
            for one, scheduler in zip(resumed, schedulers, strict=True):
                one.load_state_dict(saved_and_loaded(scheduler.state_dict()))
        elif step > 4:
            for scheduler in resumed:
                scheduler.step()
        assert step < 4 or held(fresh) == pytest.approx(held(optimizer))


@pytest.mark.parametrize("name", ["StepLR", "OneCycleLR", "SequentialLR", "LinearLR"])
def test_the_checkpoints_arguments_win_and_a_warning_says_so(name):
    others: dict[str, Make] = {
        "StepLR": lambda m, o: m.StepLR(o, 5, 0.5),
        "LinearLR": lambda m, o: m.LinearLR(o, 0.5),
        "OneCycleLR": lambda m, o: m.OneCycleLR(o, 0.7, 90),
        "SequentialLR": lambda m, o: m.SequentialLR(o, [m.LinearLR(o), m.CyclicLR(o, 0.01, 0.2, 3), m.ExponentialLR(o, 0.5)], [3, 9]),
    }
    saved, fresh = EXAMPLES[name](ours, made()), others[name](ours, made())
    saved.step(11)
    with pytest.warns(UserWarning, match=r"^The checkpoint's arguments are used, as in PyTorch; they differ:\n"):
        fresh.load_state_dict(saved_and_loaded(saved.state_dict()))
    assert fresh.plan == saved.plan and held(fresh.optimizer) == held(saved.optimizer)
    assert {key: getattr(fresh, key) for key in fresh._arguments} == {key: getattr(saved, key) for key in saved._arguments}


def test_the_arguments_of_pytorchs_checkpoint_win_too():
    theirs, mine = made(), made()
    scheduler = stock.OneCycleLR(theirs, 0.2, 40, pct_start=0.5, anneal_strategy="linear", three_phase=True)
    resumed = ours.OneCycleLR(mine, 0.2, 90)
    for _ in range(11):
        theirs.step()
        scheduler.step()
    with pytest.warns(UserWarning, match=r"^The checkpoint's arguments are used"):
        resumed.load_state_dict(scheduler.state_dict())
    for _ in range(25):
        assert held(mine) == pytest.approx(held(theirs))
        for one in (theirs, scheduler, mine, resumed):
            one.step()


def test_a_refused_state_changes_nothing():
    scheduler = ours.StepLR(made(), 3)
    before = scheduler.state_dict()
    broken = ours.StepLR(made(), 7).state_dict() | {"step": -5}
    with pytest.raises(lr.StateError):
        scheduler.load_state_dict(broken)
    assert scheduler.state_dict() == before and scheduler.step_size == 3


@pytest.mark.parametrize("k", [0, 2, 3, 8])
@pytest.mark.parametrize("name", [name for name in EXAMPLES if "chain" not in name.lower()])  # those have no last_epoch
def test_last_epoch_goes_on_after_it(name, k):
    """The value is that of an uninterrupted run at step k + 1."""
    optimizer = made()
    scheduler = EXAMPLES[name](ours, optimizer)
    for _ in range(k + 1):
        scheduler.step()
    resumed = made()
    for group, known in zip(resumed.param_groups, optimizer.param_groups, strict=True):
        group.update({key: value for key, value in known.items() if key != "params"})

    class Later:
        """The module's classes, told to go on after k: as an argument of the outermost call."""

        def __getattr__(self, kind: str) -> Any:
            return partial(getattr(ours, kind), **({"last_epoch": k} if kind == name.replace("driven sequence", "SequentialLR") else {}))

    again = EXAMPLES[name](Later(), resumed)  # type: ignore[arg-type]
    assert again.last_epoch == k + 1 and held(resumed) == pytest.approx(held(optimizer))


@pytest.mark.parametrize("name", EXAMPLES)
def test_copies_are_schedulers_of_their_own(name):
    scheduler = EXAMPLES[name](ours, made())
    if name in ("LambdaLR", "MultiplicativeLR") or name.startswith("driven"):
        other = copy.deepcopy(scheduler)
    else:
        for _ in range(5):
            scheduler.step()
        other = copy.deepcopy(scheduler)
        assert type(other) is type(scheduler) and other.plan == scheduler.plan and other.state_dict() == scheduler.state_dict()
    assert held(other.optimizer) == held(scheduler.optimizer) and other.optimizer is not scheduler.optimizer
    before = held(scheduler.optimizer)
    other.step()
    assert held(scheduler.optimizer) == before
    scheduler.step()
    assert held(scheduler.optimizer) == held(other.optimizer)


def test_copies_of_schedulers_side_by_side_leave_the_rates_alone():
    optimizer = made()
    pair = [ours.LinearLR(optimizer), ours.ExponentialLR(optimizer, 0.9)]
    for scheduler in pair * 3:
        scheduler.step()
    copies = copy.deepcopy(pair[::-1])
    assert held(copies[0].optimizer) == held(optimizer)


# -- errors ------------------------------------------------------------------------------------------------------------

ADAGRAD = partial(made, torch.optim.Adagrad)
BAD: dict[str, Any] = {
    "no optimizer": lambda m, o: m.StepLR([], 3),
    "no optimizer, one-cycle": lambda m, o: m.OneCycleLR([], 0.1, 3),
    "no optimizer, cyclic": lambda m, o: m.CyclicLR([], 0.1, 0.2),
    "no optimizer, functions": lambda m, o: m.LambdaLR([], abs),
    "no optimizer, plateau": lambda m, o: m.ReduceLROnPlateau([]),
    "an argument missing": lambda m, o: m.StepLR(o),
    "an argument too many": lambda m, o: m.ExponentialLR(o, 0.9, -1, 3),
    "an unknown argument": lambda m, o: m.CosineAnnealingLR(o, 10, warmup=3),
    "no initial_lr": lambda m, o: m.StepLR(o, 3, last_epoch=3),
    "no initial_lr, functions": lambda m, o: m.LambdaLR(o, abs, last_epoch=3),
    "no initial_lr, one-cycle": lambda m, o: m.OneCycleLR(o, 0.1, 10, last_epoch=3),
    "factor above 1": lambda m, o: m.ConstantLR(o, 1.5),
    "factor below 0": lambda m, o: m.ConstantLR(o, -0.5),
    "start_factor 0": lambda m, o: m.LinearLR(o, 0.0),
    "start_factor above 1": lambda m, o: m.LinearLR(o, 2.0),
    "end_factor below 0": lambda m, o: m.LinearLR(o, 0.5, -1),
    "T_0 0": lambda m, o: m.CosineAnnealingWarmRestarts(o, 0),
    "T_0 a float": lambda m, o: m.CosineAnnealingWarmRestarts(o, 1.5),
    "T_mult 0": lambda m, o: m.CosineAnnealingWarmRestarts(o, 1, 0),
    "eta_min a word": lambda m, o: m.CosineAnnealingWarmRestarts(o, 1, 1, "0"),
    "a step below 0": lambda m, o: m.CosineAnnealingWarmRestarts(o, 3).step(-1),
    "an unknown mode": lambda m, o: m.CyclicLR(o, 0.1, 0.2, mode="square"),
    "too few base_lr": lambda m, o: m.CyclicLR(o, [0.1], 0.2),
    "too many max_momentum": lambda m, o: m.CyclicLR(o, 0.1, 0.2, max_momentum=[0.1, 0.2, 0.3]),
    "no momentum": lambda m, o: m.CyclicLR(ADAGRAD(), 0.1, 0.2),
    "no momentum, one-cycle": lambda m, o: m.OneCycleLR(ADAGRAD(), 0.1, 10),
    "no total": lambda m, o: m.OneCycleLR(o, 0.1),
    "epochs alone": lambda m, o: m.OneCycleLR(o, 0.1, epochs=3),
    "total_steps 0": lambda m, o: m.OneCycleLR(o, 0.1, 0),
    "total_steps a float": lambda m, o: m.OneCycleLR(o, 0.1, 10.0),
    "epochs a float": lambda m, o: m.OneCycleLR(o, 0.1, epochs=1.5, steps_per_epoch=2),
    "pct_start an int": lambda m, o: m.OneCycleLR(o, 0.1, 10, pct_start=1),
    "pct_start above 1": lambda m, o: m.OneCycleLR(o, 0.1, 10, pct_start=1.5),
    "an unknown strategy": lambda m, o: m.OneCycleLR(o, 0.1, 10, anneal_strategy="sine"),
    "too few max_lr": lambda m, o: m.OneCycleLR(o, [0.1], 10),
    "too few functions": lambda m, o: m.LambdaLR(o, [abs]),
    "too few factors": lambda m, o: m.MultiplicativeLR(o, [abs]),
    "a factor that is none": lambda m, o: m.MultiplicativeLR(o, 0.5),
    "a function that is none": lambda m, o: m.LambdaLR(o, 0.5),
    "no schedulers": lambda m, o: m.SequentialLR(o, [], []),
    "too many milestones": lambda m, o: m.SequentialLR(o, [m.StepLR(o, 3)], [3]),
    "too few milestones, driven": lambda m, o: m.SequentialLR(o, [m.StepLR(o, 3), m.LambdaLR(o, lambda t: 1)], []),
    "no scheduler": lambda m, o: m.SequentialLR(o, [3], []),
    "a plateau in a sequence": lambda m, o: m.SequentialLR(o, [m.ReduceLROnPlateau(o)], []),
    "another optimizer": lambda m, o: m.SequentialLR(o, [m.StepLR(made(), 3)], []),
    "no chain": lambda m, o: m.ChainedScheduler([]),
    "a plateau in a chain": lambda m, o: m.ChainedScheduler([m.StepLR(o, 3), m.ReduceLROnPlateau(o)]),
    "two optimizers": lambda m, o: m.ChainedScheduler([m.StepLR(o, 3), m.StepLR(made(), 3)]),
    "plateau factor 1": lambda m, o: m.ReduceLROnPlateau(o, factor=1.0),
    "plateau mode": lambda m, o: m.ReduceLROnPlateau(o, "least"),
    "plateau threshold_mode": lambda m, o: m.ReduceLROnPlateau(o, threshold_mode="of"),
    "plateau min_lr": lambda m, o: m.ReduceLROnPlateau(o, min_lr=[0.1]),
    "plateau without a metric": lambda m, o: m.ReduceLROnPlateau(o).step(),
}


@pytest.mark.parametrize("name", BAD)
def test_errors_are_of_the_same_kind(name):
    with pytest.raises(Exception) as theirs:  # noqa: PT011  which one is what is compared
        BAD[name](stock, made())
    with pytest.raises(theirs.type) as mine:
        BAD[name](ours, made())
    assert str(mine.value)


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda o: ours.StepLR(o, 0), "torch.StepLR.step_size: expected an integer >= 1, got 0."),
        (lambda o: ours.CosineAnnealingLR(o, 0), "torch.CosineAnnealingLR.T_max: expected an integer >= 1, got 0."),
        (lambda o: ours.StepLR(o, 2.5), "torch.StepLR.step_size: expected an integer >= 1, got 2.5."),
        (lambda o: ours.ConstantLR(o, 1.5), "torch.ConstantLR.factor: expected a number from 0 to 1, got 1.5."),
        (
            lambda o: ours.OneCycleLR(ADAGRAD(), 0.1, 9),
            "optimizer: expected one with momentum or betas, got 'Adagrad'. Pass cycle_momentum=False to leave momentum alone.",
        ),
        (lambda o: ours.OneCycleLR(o, [0.1], 9), "max_lr: expected a number, or a list of 2, one for each group, got [0.1]."),
        (lambda o: ours.LambdaLR(o, []), "lr_lambda: expected a function, or a list of 2, one for each group, got []."),
    ],
)
def test_what_cannot_mean_anything_is_refused_with_a_sentence(make, sentence):
    optimizer = made()
    before = [dict(group) for group in optimizer.param_groups]
    with pytest.raises(lr.SpecError) as refusal:
        make(optimizer)
    assert str(refusal.value) == sentence
    assert optimizer.param_groups == before


def test_lengths_that_came_from_a_division_are_whole():
    assert ours.CosineAnnealingLR(made(), T_max=20 / 2).plan == ours.CosineAnnealingLR(made(), T_max=10).plan


# -- the table of differences ------------------------------------------------------------------------------------------


def test_the_page_is_what_both_give_now():
    assert make_torch_differences.PAGE.read_text() == make_torch_differences.document(), "run python docs/make_torch_differences.py"


@pytest.mark.parametrize("row", make_torch_differences.rows(), ids=lambda row: f"{row.classes}: {row.situation}")
def test_a_row_is_a_difference(row):
    assert make_torch_differences.outcome(row.run, stock) != make_torch_differences.outcome(row.run, ours)


# -- ReduceLROnPlateau -------------------------------------------------------------------------------------------------

KNOBS = arguments(
    mode=st.sampled_from(["min", "max"]), factor=st.sampled_from([0.1, 0.5, 0.0]), patience=st.integers(0, 3),
    threshold=st.sampled_from([1e-4, 0.1, 0.0]), threshold_mode=st.sampled_from(["rel", "abs"]), cooldown=st.integers(0, 3),
    min_lr=st.sampled_from([0, 0.02, [0.0, 0.01]]), eps=st.sampled_from([1e-8, 0.01]),
)  # fmt: skip
METRICS = st.lists(st.one_of(st.sampled_from([1.0, 0.9, -1.0, 0.0, math.nan, math.inf]), st.floats(-2, 2)), min_size=1, max_size=30)
SEEN = ("best", "num_bad_epochs", "cooldown_counter", "last_epoch", "_last_lr", "mode_worse", "in_cooldown", "min_lrs")


@live
@given(KNOBS, METRICS)
def test_plateaus(knobs, metrics):
    mine, theirs = made(), made()
    scheduler, other = ours.ReduceLROnPlateau(mine, **knobs), stock.ReduceLROnPlateau(theirs, **knobs)
    for metric in metrics:
        scheduler.step(metric)
        other.step(metric)
        assert held(mine) == held(theirs)
        assert [getattr(scheduler, name) for name in SEEN] == [getattr(other, name) for name in SEEN]
    assert set(other.state_dict()) - {"mode_worse"} <= set(scheduler.state_dict())


@pytest.mark.parametrize("module", [ours, stock], ids=["ours", "PyTorch's"])
def test_a_plateau_goes_on_where_it_stopped(module):
    metrics = [1.0, 0.5, 0.6, 0.6, 0.6, 0.7, 0.7, 0.7, 0.1, 0.2, 0.3, 0.4]
    whole, other = made(), made()
    scheduler = module.ReduceLROnPlateau(whole, patience=1, cooldown=1, factor=0.5)
    for metric in metrics[:5]:
        scheduler.step(metric)
    resumed = ours.ReduceLROnPlateau(other)
    for _ in range(2):
        resumed.load_state_dict(saved_and_loaded(scheduler.state_dict()))
    other.load_state_dict(whole.state_dict())
    for metric in metrics[5:]:
        scheduler.step(metric)
        resumed.step(torch.tensor(metric, dtype=torch.float64))
        assert held(other) == held(whole)


def test_a_plateau_meets_new_groups_as_pytorchs_does():
    optimizer = made()
    listed, one = ours.ReduceLROnPlateau(optimizer, patience=0, min_lr=[0.0, 0.0]), ours.ReduceLROnPlateau(optimizer, patience=0)
    optimizer.add_param_group({"params": [torch.zeros(1, requires_grad=True)], "lr": 0.5})
    listed.step(1.0), one.step(1.0), one.step(1.0)
    assert optimizer.param_groups[2]["lr"] == pytest.approx(0.05)
    with pytest.raises(RuntimeError, match=r"^min_lr was given as a list of 2, and there are 3 groups\. Set min_lrs to a list of 3\.$"):
        listed.step(1.0)


@pytest.mark.parametrize("arguments", ["{", "[]", '{"arguments": 3}', '{"rates": {"group0": "x"}}'])
def test_altered_arguments_in_a_state_are_a_sentence_and_nothing_is_loaded(arguments: str) -> None:
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(2))], lr=1.0)
    scheduler = ours.CosineAnnealingLR(optimizer, 10)
    optimizer.step()
    scheduler.step()
    state = scheduler.state_dict()
    with pytest.raises(lr.StateError, match="CosineAnnealingLR"):
        scheduler.load_state_dict(state | {"binding": state["binding"] | {"arguments": arguments}})
    assert scheduler.state_dict() == state
