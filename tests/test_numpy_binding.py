"""lrcore_numpy: a Stepper has the plan's values, bit for bit, and puts them where it is told; tables of any type; code; samples."""

from __future__ import annotations

import copy
import json
import pickle
import re
from dataclasses import dataclass
from fractions import Fraction
from types import SimpleNamespace
from typing import Any

import ml_dtypes
import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import lrcore as lr
from lrcore_numpy import Stepper, from_native, table, to_code
from lrcore_torch import PlanScheduler
from oracle import tolerance
from strategies import schedules, steps_of_interest

RATE = lr.warmup_cosine(0.1, warmup=5, steps=20, stop=1e-3)
UP = lr.linear(0.8, 0.95, 20)
PLAN = lr.Plan(RATE, momentum=UP, groups={"head.*": {"lr": 0.1 * RATE}})
NAMES = ("body", "head1")


def at(step: int, plan: Any = PLAN, names: Any = NAMES, **options: Any) -> Stepper:
    stepper = Stepper(plan, names, **options)
    stepper.seek(step)
    return stepper


# -- stepping ------------------------------------------------------------------------------------------------------------------


def test_it_has_the_plan_bit_for_bit():
    stepper = Stepper(PLAN, NAMES)
    for step in range(25):
        assert stepper.position == step
        assert stepper.current() == PLAN.bind(NAMES).current(step)
        assert stepper["head1", "lr"] == (0.1 * RATE)(step)
        assert stepper.step() == step + 1


@settings(max_examples=60, deadline=None)
@given(schedules())
def test_any_schedule_at_any_step(schedule):
    stepper = Stepper(schedule)
    for step in steps_of_interest(schedule, 20):
        stepper.seek(step)
        assert stepper.value == stepper["lr"] == schedule(step)


def test_what_it_takes_for_a_plan():
    assert Stepper(PLAN.bind(NAMES)).current() == Stepper(PLAN, NAMES).current()
    assert Stepper(RATE).current() == Stepper(lr.Plan(RATE)).current() == {"default": {"lr": RATE(0)}}


def test_what_was_read_does_not_change():
    stepper = Stepper(PLAN, NAMES)
    before = stepper.current()
    before["body"]["lr"] = 7.0
    assert stepper.current() != before
    kept = stepper.current()
    stepper.step()
    assert kept == PLAN.bind(NAMES).current(0)


@pytest.mark.parametrize("step", [-1, 2**53 + 1])
def test_a_step_that_is_refused_changes_nothing(step):
    stepper = at(7)
    with pytest.raises(lr.SpecError, match=r"^steps: expected a step from 0 to 2\*\*53, got "):
        stepper.seek(step)
    assert (stepper.position, stepper["body", "lr"]) == (7, RATE(7))


def test_past_the_end_of_a_plan_that_ends():
    stepper = at(19, RATE.past_end("error"), None)
    with pytest.raises(lr.SpecError, match=r"^step: expected a step before the end at 20, got 20\. The schedule says past_end"):
        stepper.step()
    assert (stepper.position, stepper.value) == (19, RATE(19))


@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy, lambda stepper: pickle.loads(pickle.dumps(stepper))])
def test_a_copy_goes_its_own_way(copied):
    stepper = at(7, on_change="keep")
    other = copied(stepper)
    assert (other.current(), other.on_change, other.state_dict()) == (stepper.current(), "keep", stepper.state_dict())
    other.step()
    assert (stepper.position, other.position) == (7, 8) and stepper.current() == PLAN.bind(NAMES).current(7)


def test_other_groups():
    stepper = at(7)
    stepper.bind(["head2", "body", "head1"])
    assert stepper.current() == PLAN.bind(["head2", "body", "head1"]).current(7)
    with pytest.raises(lr.PlanError, match=r"^groups\['head\.\*'\] matches none of the groups 'body'"):
        stepper.bind(["body"])
    assert stepper.names == ("head2", "body", "head1") and len(repr(stepper)) < 80


# -- state ---------------------------------------------------------------------------------------------------------------------


def as_file(state: dict[str, Any]) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads(json.dumps(state))
    assert loaded == state
    return loaded


@pytest.mark.parametrize(("on_change", "expected"), [("keep", RATE(7)), ("replace", 0.2 * RATE(7)), ("rebase", RATE(7))])
def test_another_plan_goes_on_as_asked(on_change, expected):
    state, new = at(7, RATE, None).state_dict(), Stepper(0.2 * RATE, on_change=on_change)
    for _ in range(2):
        new.load_state_dict(as_file(state))
        assert new.value == pytest.approx(expected, rel=1e-15) and new.position == 7
    stepper = at(7, RATE, None)
    stepper.replace(0.2 * RATE, on_change)
    assert (stepper.value, stepper.plan) == (new.value, new.plan)


def test_what_is_refused_changes_nothing():
    stepper = at(7)
    with pytest.raises(lr.StateError, match=r"^The checkpoint at step 3 was made with another plan\.\n"):
        stepper.load_state_dict(at(3, RATE, None).state_dict())
    with pytest.raises(lr.StateError, match=r"^The state is incomplete or altered: "):
        stepper.load_state_dict({**stepper.state_dict(), "step": "8"})
    with pytest.raises(lr.PlanError, match=r"^groups\['hed'\] matches none of the groups 'body', 'head1'\. Did you mean 'head1'\?$"):
        stepper.replace(lr.Plan(groups={"hed": {"lr": 1.0}}))
    with pytest.raises(lr.StateError, match=r"was made with another plan"):
        stepper.replace(RATE, "error")
    assert (stepper.position, stepper.plan, stepper.current()) == (7, PLAN, PLAN.bind(NAMES).current(7))


def test_a_state_beyond_the_end_of_a_plan_that_ends():
    stepper = at(7, RATE.past_end("error"), None, on_change="replace")
    with pytest.raises(lr.SpecError, match=r"^step: expected a step before the end at 20, got 22\."):
        stepper.load_state_dict(at(22, RATE, None).state_dict())
    with pytest.raises(lr.SpecError, match=r"^step: expected a step before the end at 5, got 7\."):
        stepper.replace(UP.until(5).past_end("error"))
    assert (stepper.position, stepper.value, stepper.plan) == (7, RATE(7), lr.Plan(RATE.past_end("error")))


def optimizer() -> torch.optim.Optimizer:
    return torch.optim.SGD([{"params": [torch.zeros(1)], "name": name} for name in NAMES], lr=0.5, momentum=0.5)


@pytest.mark.parametrize("mode", ["host", "device"])
def test_a_state_of_torch(mode):
    scheduler = PlanScheduler(optimizer(), PLAN, mode=mode)
    scheduler.seek(7)
    stepper = Stepper(PLAN, NAMES)
    stepper.load_state_dict(as_file(scheduler.state_dict()))
    assert stepper.position == 7 and stepper.current() == scheduler.current()
    assert stepper.state_dict()["base"] == scheduler.state_dict()["base"]  # what the groups held before goes along


@pytest.mark.parametrize("mode", ["host", "device"])
def test_a_state_for_torch(mode):
    scheduler = PlanScheduler(optimizer(), PLAN, mode=mode)
    scheduler.load_state_dict(as_file(at(7).state_dict()))
    assert scheduler.last_epoch == 7 and scheduler.current() == at(7).current()
    assert float(scheduler.optimizer.param_groups[1]["lr"]) == pytest.approx(0.1 * RATE(7), rel=6e-8)


def test_there_and_back():
    """Relative rates too: what the groups held before the plan is part of the state, whoever holds it for a while."""
    scheduler = PlanScheduler(optimizer(), RATE, relative=True)
    scheduler.seek(7)
    stepper = Stepper(scheduler.plan, NAMES)
    stepper.load_state_dict(scheduler.state_dict())
    stepper.step()
    resumed = PlanScheduler(optimizer(), RATE, relative=True)
    for group in resumed.optimizer.param_groups:
        group["lr"] = 7.0
    resumed.load_state_dict(as_file(copy.deepcopy(stepper).state_dict()))
    assert resumed.get_last_lr() == [(0.5 * RATE)(8)] * 2


# -- rules ---------------------------------------------------------------------------------------------------------------------

RULED = lr.Plan(RATE, momentum=UP, groups={"head.*": {"lr": 0.1 * RATE}}, adapt=lr.ReduceLROnPlateau(factor=0.5, patience=0, min_lr=0.004))


def observed(stepper: Any, first: int = 0, last: int = 25) -> list[Any]:
    """The values of each step; a loss that gets worse is observed at every fourth."""
    rows = []
    for step in range(first, last):
        if step % 4 == 0:
            stepper.observe(1.0 + step)
        rows.append(stepper.current())
        stepper.step()
    return rows


def test_rates_are_those_after_the_events():
    running, rows = RULED.bind(NAMES).begin(), []
    for step in range(25):
        if step % 4 == 0:
            running.observe(1.0 + step, step)
        rows.append(running.current(step))
    assert observed(Stepper(RULED, NAMES)) == rows
    assert rows[24]["body"]["lr"] == RATE(24) and rows[6]["body"]["lr"] == 0.5 * RATE(6) and rows[6]["head1"]["lr"] == 0.5 * (0.1 * RATE)(6)


def test_events_are_part_of_the_state_and_stay_in_force():
    rows, stepper = observed(Stepper(RULED, NAMES)), Stepper(RULED, NAMES)
    observed(stepper, 0, 11)
    resumed = Stepper(RULED, NAMES)
    for _ in range(2):
        resumed.load_state_dict(as_file(stepper.state_dict()))
        assert resumed.current() == rows[11]
    copied = pickle.loads(pickle.dumps(stepper))
    stepper.bind(("body", "head1", "head2"))
    assert stepper.current() == rows[11] | {"head2": rows[11]["head1"]}
    assert observed(resumed, 11) == observed(copied, 11) == rows[11:]
    resumed.seek(6)
    assert resumed["body", "lr"] < rows[6]["body"]["lr"]  # events are of the run, not of the schedule


def test_what_cannot_be_observed_is_a_sentence_and_changes_nothing():
    stepper = Stepper(RULED, NAMES)
    observed(stepper, 0, 11)
    before = stepper.state_dict()
    for call, sentence in (
        (lambda: stepper.observe("0.1"), "metric: expected a number, or an array or tensor without dimensions, got '0.1'."),
        (lambda: stepper.observe(1.0, "tail"), "There is no group 'tail'. There are 'body', 'head1'."),
        (
            lambda: Stepper(RATE).observe(1.0),
            "The plan has no rule that a metric could go to. Give it one: Plan(..., adapt=lr.ReduceLROnPlateau()).",
        ),
    ):
        with pytest.raises(lr.LrcoreError) as refusal:
            call()
        assert str(refusal.value) == sentence and stepper.state_dict() == before


# -- apply ---------------------------------------------------------------------------------------------------------------------


@dataclass
class Settings:
    lr: Any = 0
    momentum: Any = 0
    name: str = "sgd"
    trained: bool = True


class Guarded:
    """Its rate must be positive."""

    def __init__(self) -> None:
        self._lr, self.momentum = 0.5, 0.5

    @property
    def lr(self) -> float:
        return self._lr

    @lr.setter
    def lr(self, value: float) -> None:
        if value <= 0:
            raise ValueError("The rate must be positive.")
        self._lr = value


ONE = lr.Plan(RATE, momentum=UP)


@pytest.mark.parametrize("held", [0, 1.0, np.float32(0.1), np.int64(3), Fraction(1, 3)], ids=lambda held: type(held).__name__)
def test_a_number_becomes_a_float(held):
    for target, read in ((Settings(held, held), vars), ({"lr": held, "momentum": held}, dict)):
        at(7, ONE, None).apply(target)
        values = read(target)
        assert (values["lr"], values["momentum"]) == (RATE(7), UP(7)) and type(values["lr"]) is float


@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.float16, ml_dtypes.bfloat16])
@pytest.mark.parametrize("shape", [(), (1,)])
def test_an_array_is_filled(dtype, shape):
    held = np.zeros(shape, dtype)
    target = {"lr": held}
    at(7, RATE, None).apply(target)
    assert target["lr"] is held and float(held.item()) == float(np.array(RATE(7)).astype(dtype))


def test_places_and_fields():
    target = SimpleNamespace(eta0=0.0, optimizer=Settings(), layers=[{"rate": 0.0}, {"rate": 0.0}])
    stepper = at(7)
    stepper.apply(target, {"eta0": ("body", "lr"), "optimizer.momentum": ("head1", "momentum"), "layers.1.rate": ("head1", "lr")})
    assert (target.eta0, target.optimizer, target.layers) == (RATE(7), Settings(0, UP(7)), [{"rate": 0.0}, {"rate": 0.1 * RATE(7)}])
    at(8, ONE, None).apply(target, {"eta0": "lr"})
    at(9, RATE, None).apply(target, "layers.0.rate")
    assert (target.eta0, target.layers[0]["rate"]) == (RATE(8), RATE(9))


def test_groups_by_name():
    names = ("blocks.0", "head1")
    target = {"blocks.0": Settings(), "head1": {"lr": 0.0, "momentum": 0.0}, "other": None}
    at(7, names=names).apply(target)
    assert target == {"blocks.0": Settings(RATE(7), UP(7)), "head1": {"lr": (0.1 * RATE)(7), "momentum": UP(7)}, "other": None}


def test_scikit_learn():
    from sklearn.linear_model import SGDClassifier

    model = SGDClassifier(learning_rate="constant", eta0=1.0, alpha=0.0, penalty=None)
    stepper, weight = Stepper(RATE.clip(1e-4, 1.0)), 0.0
    for step in range(25):
        stepper.apply(model, "eta0")
        model.partial_fit([[1e-3], [-1e-3]], [1, 0], classes=[0, 1])  # inside the margin: the hinge's slope is 1 for both
        assert float(model.coef_[0, 0]) - weight == pytest.approx(2e-3 * max(RATE(step), 1e-4), rel=1e-9)
        weight = float(model.coef_[0, 0])
        stepper.step()


READ_ONLY = np.zeros(1)
READ_ONLY.flags.writeable = False


@pytest.mark.parametrize(
    ("target", "places", "sentence"),
    [
        (Settings(), {"momemtum": "lr"}, "A value of the plan goes to momemtum, and Settings has no momemtum. Did you mean momentum?"),
        (Settings(), {"a.b": "lr"}, "A value of the plan goes to a.b, and Settings has no a. It has lr, momentum, name, trained."),
        ({}, None, "A value of the plan goes to lr, and dict has no lr. It has no values."),
        ({"lr": 1.0}, None, "A value of the plan goes to momentum, and dict has no momentum. It has lr."),
        ({"lr": [1.0]}, {"lr.1": "lr"}, "A value of the plan goes to lr.1, and list has no 1. It has 0."),
        (Settings(), {"name": "lr"}, "name is to hold a value of the plan, and holds 'sgd', no number. Name another place."),
        (Settings(), {"trained": "lr"}, "trained is to hold a value of the plan, and holds True, no number. Name another place."),
        (Settings(lr=None), None, "lr is to hold a value of the plan, and holds None, no number. Name another place."),
        (Settings(lr=np.zeros(2)), None, "lr is to hold a value of the plan, and holds array([0., 0.]), no number. Name another place."),
        (Settings(lr=np.array(0)), None, "lr is to hold a value of the plan, and holds array(0), no number. Name another place."),
        (Settings(lr=READ_ONLY), None, "lr is to hold a value of the plan, and holds array([0.]), no number. Name another place."),
        (
            {"momentum": 0.5, "rates": (0.5,)},
            {"momentum": "momentum", "rates.0": "lr"},
            "rates.0 of tuple cannot be set: 'tuple' object does not support item assignment. Nothing was changed; leave it out.",
        ),
        (Guarded(), {"momentum": "momentum", "lr": "lr"}, "lr of Guarded cannot be set: The rate must be positive. Nothing was changed; "),
        (Settings(), {"lr": "rate"}, "The plan has no 'rate'. Ask for a field: it has 'lr', 'momentum'."),
        (Settings(), {"lr": ("head", "lr")}, "The plan has no ('head', 'lr'). Ask for a field: it has 'lr', 'momentum'."),
        (Settings(), "lr", "The plan has 2 values a step, 'lr', 'momentum'. Say which, as in stepper['lr']."),
        (Settings(), 3, "places: expected a place, or a mapping from places to fields, got 3."),
    ],
)
def test_what_cannot_be_written_is_a_sentence_and_writes_nothing(target, places, sentence):
    stepper = Stepper(ONE)
    before = copy.deepcopy(target if isinstance(target, dict) else vars(target))
    with pytest.raises(lr.LrcoreError) as refusal:
        stepper.apply(target, places)
    assert str(refusal.value).startswith(sentence)
    assert repr(target if isinstance(target, dict) else vars(target)) == repr(before)


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda: Stepper(0.1), "plan: expected a Plan, a BoundPlan or a Schedule, got 0.1."),
        (lambda: Stepper(RATE, on_change="ignore"), "on_change: expected one of error, keep, replace, rebase, got 'ignore'."),
        (
            lambda: Stepper(PLAN.bind(NAMES), NAMES),
            "names: expected None with a BoundPlan, got ('body', 'head1'). It has names of its own.",
        ),
        (lambda: Stepper(PLAN), "groups['head.*'] is a pattern, so the names of the groups are needed. Call plan.bind(names) first."),
        (
            lambda: Stepper(PLAN, NAMES).value,
            "The plan has 4 values a step, ('body', 'lr'), ('body', 'momentum'), ('head1', 'lr'), ('head1', 'momentum'). "
            "Say which, as in stepper['body', 'lr'].",
        ),
        (
            lambda: Stepper(lr.Plan(RATE), NAMES)["lr"],
            "The plan has no 'lr'. Ask for a group and a field: it has ('body', 'lr'), ('head1', 'lr').",
        ),
    ],
)
def test_bad_input_is_a_sentence(call, sentence):
    with pytest.raises(lr.LrcoreError) as refusal:
        call()
    assert str(refusal.value) == sentence


# -- tables --------------------------------------------------------------------------------------------------------------------

BITS = {"float16": 11, "bfloat16": 8}
DTYPES = [np.float64, np.float32, np.float16, ml_dtypes.bfloat16]


def nearest(value: float, dtype: Any) -> float:
    """The number of the type next to the value, the even one of two: exact arithmetic."""
    exact = Fraction(value)
    if not exact:
        return 0.0
    exponent = max(np.frexp(value)[1], np.frexp(float(ml_dtypes.finfo(dtype).smallest_normal))[1]) - BITS[np.dtype(dtype).name]
    return float(round(exact / Fraction(2) ** int(exponent)) * Fraction(2) ** int(exponent))


def rounded(values: np.ndarray, dtype: Any) -> np.ndarray:
    if np.dtype(dtype).name not in BITS:
        return values.astype(dtype)
    return np.array([nearest(value, dtype) for value in values.ravel().tolist()]).reshape(values.shape).astype(dtype)


def outs(shape: tuple[int, int], dtype: Any) -> list[np.ndarray]:
    rows, columns = shape
    return [
        np.empty(shape, dtype), np.empty(shape, dtype, "F"), np.empty((columns, 3 * rows), dtype)[:, ::3].T,
        np.empty((rows, 2 * columns), dtype)[::-1, ::2], np.empty((rows, columns + 1), dtype)[:, 1:],
    ]  # fmt: skip


@pytest.mark.parametrize("dtype", DTYPES)
def test_any_type_and_layout(dtype, tmp_path):
    wanted = rounded(np.asarray(PLAN.bind(NAMES).table(30, 3)), dtype)
    made = [table(PLAN, 30, 3, dtype=dtype, order=order, names=NAMES) for order in "CF"]
    made += [table(PLAN, 30, 3, dtype=dtype, order=order, names=NAMES, path=tmp_path / f"{order}.npy") for order in "CF"]
    made += [table(PLAN, 30, 3, out=out, names=NAMES) for out in outs((30, 4), dtype)]
    for values in made:
        assert values.dtype == dtype and np.array_equal(values, wanted)
    assert [made[i].flags.c_contiguous for i in range(4)] == [True, False, True, False]


@pytest.mark.parametrize("dtype", DTYPES)
def test_a_schedule_has_one_dimension(dtype, tmp_path):
    wanted = rounded(RATE.values(12, 3), dtype)
    for options in ({}, {"order": "F"}, {"path": tmp_path / "rate.npy"}, {"out": np.empty((12, 2), dtype)[:, 1]}):
        values = table(RATE, 12, 3, dtype=dtype, **options)
        assert values.shape == (12,) and np.array_equal(values, wanted)


@pytest.mark.parametrize("dtype", DTYPES)
def test_more_than_a_block(dtype):
    rate = lr.cosine(0.1, 0.0, 300_000)
    values = table(lr.Plan(rate, momentum=0.9), dtype=dtype, order="F")
    assert values.shape == (300_000, 2)
    assert np.array_equal(values[::997, 0], table(rate, dtype=dtype)[::997])
    assert np.array_equal(values[::997, 0], rounded(rate.values()[::997], dtype))


def test_it_goes_on_until_the_end():
    assert table(RATE).shape == (20,) and table(RATE, start=15).shape == (5,) and table(RATE, 0).shape == (0,)
    assert table(lr.Plan(0.1, horizon=7)).shape == (7, 1)


TIES = [sign * 2.0**exponent * (1 + Fraction(1, 2**bits) + Fraction(tail, 2**48))
        for sign in (1, -1) for exponent in (0, -10, -15, -22) for bits in (8, 11) for tail in (-1, 0, 1)]  # fmt: skip
"""Values a hair beside the middle of two neighbours, where rounding twice ends in the wrong one."""


@pytest.mark.parametrize("dtype", DTYPES[2:])
def test_low_precision_is_rounded_once(dtype):
    values = np.array([float(value) for value in TIES])
    assert table(lr.Samples(values), dtype=dtype).tolist() == rounded(values, dtype).tolist()
    assert values.astype(np.float32).astype(dtype).tolist() != rounded(values, dtype).tolist()  # these values tell the difference


@pytest.mark.parametrize("dtype", DTYPES[2:])
@settings(max_examples=100, deadline=None)
@given(values=st.lists(st.floats(-6e4, 6e4), min_size=1, max_size=8))
def test_any_value_is_rounded_to_its_neighbour(dtype, values):
    assert table(lr.Samples(values), dtype=dtype).tolist() == rounded(np.array(values) + 0.0, dtype).tolist()


def test_a_file_appears_when_it_is_complete(tmp_path):
    path = tmp_path / "rate.npy"
    first = table(RATE, dtype=ml_dtypes.bfloat16, path=path)
    with pytest.raises(lr.TableError, match=r"^The table reaches 100000\.0, and float16 ends below 65520\. Take float32 or float64\.$"):
        table(lr.constant(1e5), 3, dtype=np.float16, path=path)
    assert np.array_equal(np.load(path).view(ml_dtypes.bfloat16), first) and [file.name for file in tmp_path.iterdir()] == ["rate.npy"]
    table(RATE, 0, path=path)
    assert np.load(path).shape == (0,) and len(first) == 20  # what is mapped stays what it was
    with pytest.raises(ValueError, match="read-only"):
        first[0] = 0


def test_a_file_that_cannot_be_written(tmp_path):
    with pytest.raises(
        lr.TableError, match=r"^The table could not be written to .*: No such file or directory\. What was there before is "
    ):
        table(RATE, path=tmp_path / "none" / "rate.npy")


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"dtype": int}, "dtype: expected float64, float32, float16 or ml_dtypes.bfloat16, got dtype('int64')."),
        ({"dtype": "half a float"}, "dtype: expected float64, float32, float16 or ml_dtypes.bfloat16, got 'half a float'."),
        ({"dtype": ">f8"}, "dtype: expected float64, float32, float16 or ml_dtypes.bfloat16, got dtype('>f8')."),
        ({"order": "K"}, 'order: expected "C" or "F", got \'K\'.'),
        ({"names": ["a"], "plan": lr.Plan(RATE).bind()}, "names: expected None with a BoundPlan, got ['a']. It has names of its own."),
        ({"plan": lr.constant(0.1)}, "count: expected a number of steps, got None. The plan has no horizon, and its schedules do not end."),
        ({"plan": 0.1}, "plan: expected a Plan, a BoundPlan or a Schedule, got 0.1."),
        ({"out": [0.0]}, "out: expected a writable float64 array of shape (20,), got [0.0]."),
        (
            {"out": np.zeros(3)},
            "out: expected a writable float64 array of shape (20,), got array([0., 0., 0.]). This one is float64 of shape (3,).",
        ),
        (
            {"out": READ_ONLY, "count": 1},
            "out: expected a writable float64 array of shape (1,), got array([0.]). This one is read-only float64 of shape (1,).",
        ),
        ({"out": np.zeros(1), "count": 1, "order": "F"}, "order: expected none with out, got 'F'. The array has its own."),
        ({"out": np.zeros(1), "count": 1, "path": "a.npy"}, "path: expected None with out, got 'a.npy'. Leave out one of them."),
    ],
)
def test_bad_arguments_of_a_table_are_a_sentence(options, sentence):
    with pytest.raises(lr.LrcoreError) as refusal:
        table(**{"plan": RATE, **options})
    assert str(refusal.value) == sentence


@pytest.mark.parametrize("order", ["C", "F"])
def test_a_table_too_large_is_refused_before_it_is_made(order):
    with pytest.raises(lr.TableError, match=r"^1,000,000,000,000,000 rows x 1 columns of float64"):
        table(lr.constant(0.1), 10**15, order=order)


# -- code ----------------------------------------------------------------------------------------------------------------------


def run(code: str) -> dict[str, Any]:
    assert "lrcore" not in code and set(re.findall(r"^(?:import|from) (\S+)", code, re.M)) <= {"math", "statistics"}
    space: dict[str, Any] = {}
    exec(compile(code, "code", "exec"), space)
    return space


@pytest.mark.parametrize("name", lr.recipes())
def test_code_of_every_recipe(name):
    recipe = lr.recipes()[name]
    schedule = recipe(**recipe.example)
    function = run(to_code(schedule))["lr"]
    steps = steps_of_interest(schedule, 60)
    assert [function(step) for step in steps] == pytest.approx(schedule(np.array(steps)).tolist(), rel=1e-11, abs=1e-240)


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(schedules())
def test_code_of_any_nesting(schedule):
    function = run(to_code(schedule))["lr"]
    last = 2**48 if "Noise(" in repr(schedule) else 2**53  # the noise of stretched steps that float64 does not tell apart is anyone's
    for step in [step for step in steps_of_interest(schedule, 20) if step <= last]:
        value, noise = schedule(step), 1e-13 * schedule._facts[1] * ("Noise(" in repr(schedule))
        assert abs(function(step) - value) <= 400 * float(tolerance(schedule, step)) + 1e-15 * abs(value) + noise + 1e-240


def test_code_of_a_rule_is_refused():
    with pytest.raises(lr.PlanError) as refusal:
        to_code(lr.Plan(0.1, adapt=lr.ReduceLROnPlateau()))
    assert str(refusal.value) == (
        "The plan has a rule, which no function of the step can follow. Drive it with Stepper, whose observe feeds the rule, or leave "
        "adapt out."
    )


@pytest.mark.parametrize("names", [NAMES, ("body", 'head "1"\n')])
def test_code_of_a_plan(names):
    plan = lr.Plan(RATE, momentum=UP, fields={"lambda": 0.5, "values": UP, "cosine": UP}, groups={r"head(.|\s)*": {"lr": 0.1 * RATE}})
    space = run(to_code(plan.bind(names)))
    for step in (0, 3, 19, 25):
        wanted = plan.bind(names).current(step)
        made = space["values"](step)
        assert {name: list(fields) for name, fields in made.items()} == {name: list(fields) for name, fields in wanted.items()}
        for name, fields in wanted.items():
            assert made[name] == pytest.approx(fields, rel=1e-12)
    assert run(to_code(lr.Plan(fields={"lambda": 0.5})))["lambda_"](3) == 0.5


# -- from_native ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.float16, ml_dtypes.bfloat16, np.int32])
def test_an_array_becomes_samples(dtype):
    array = np.array([4.0, 2.0, 1.0]).astype(dtype)
    schedule = from_native(array)
    assert schedule == lr.Samples([4.0, 2.0, 1.0])
    array[0] = 0
    assert schedule(0) == 4.0
    assert np.array_equal(table(from_native(array[1:]), dtype=DTYPES[1]), [2.0, 1.0])


def test_a_long_array_keeps_its_precision():
    array = np.linspace(1.0, 0.0, 5000)
    assert np.array_equal(table(from_native(array)), array)
    single = array.astype(np.float32)
    assert np.array_equal(table(from_native(single), dtype=np.float32), single)


def test_a_function_becomes_samples():
    assert from_native(lambda step: 1 / (1 + step), steps=3) == lr.Samples([1.0, 0.5, 1 / 3])


@pytest.mark.parametrize(
    ("source", "steps", "sentence"),
    [
        (lambda step: step, None, "steps: expected an integer >= 1, got None. Say how many values of the function to keep."),
        (lambda step: "a", 3, "f(0): expected a finite number, got 'a'. Give an int or a float."),
        ([0.1], 3, "steps: expected None with an array, got 3. An array has its own length; cut it with array[:steps]."),
        ([0.1, float("nan")], None, "values[1]: expected a finite number, got nan."),
        (np.ones((2, 2)), None, "values: expected a one-dimensional array of at least one finite number, got float64 of shape (2, 2)."),
        ("cosine", None, "values: expected a one-dimensional array of at least one finite number, got <U6 of shape ()."),
    ],
)
def test_what_is_no_source_is_a_sentence(source, steps, sentence):
    with pytest.raises(lr.SpecError) as refusal:
        from_native(source, steps=steps)
    assert str(refusal.value) == sentence
