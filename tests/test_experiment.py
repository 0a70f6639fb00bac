"""The experiment in PyTorch: all that the runs share, the rates that the optimizer had, and what stopping leaves behind."""

import random
import subprocess
import sys
import threading
from math import cos, isnan, pi

import msgspec
import numpy as np
import pytest
import torch

import lrcore as lr
from lrcore.experiment import ARTICLE, NAMED, PLATFORM, SOLVERS, Setup, contenders, run
from lrcore.experiment.contenders import told
from lrcore.experiment.model import first_weights, order_of, score

SMALL = Setup(epochs=4, seeds=1, train=200, hidden=16)


def epochs(setup, plans):
    """All epochs, without the time they took."""
    return [msgspec.structs.replace(epoch, seconds=0.0) for epoch in run(setup, plans)]


def by_epoch(plan, setup):
    """The first and the last rate of every epoch."""
    table = plan.table(setup.updates)["default", "lr"]
    each = np.asarray(table[:]).reshape(setup.epochs, -1)
    return each[:, 0], each[:, -1]


# -- what the runs share -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("solver", SOLVERS)
def test_equal_plans_are_equal_runs_and_other_seeds_other_ones(solver):
    setup = msgspec.structs.replace(SMALL, solver=solver, seeds=2, rate=0.01)
    found = epochs(setup, contenders({"one": "constant", "other": "constant"}, setup))
    one, other = ([msgspec.structs.replace(epoch, name="") for epoch in found if epoch.name == name] for name in ("one", "other"))
    assert one == other
    assert [epoch.train_loss for epoch in one if epoch.seed == 0] != [epoch.train_loss for epoch in one if epoch.seed == 1]
    assert epochs(setup, contenders({"one": "constant", "other": "constant"}, setup)) == found


def test_a_schedule_trains_the_same_whatever_it_is_compared_with():
    alone, last = (epochs(SMALL, contenders(names, SMALL)) for names in (["cosine"], ["cyclic", "plateau", "cosine"]))
    assert alone == [epoch for epoch in last if epoch.name == "cosine"]


def test_seeds_share_the_split():
    first, again = SMALL.split(), Setup(train=200, seeds=7).split()
    assert all((one == other).all() for one, other in zip(first, again, strict=True))


def test_each_seed_has_weights_of_its_own_and_each_epoch_an_order():
    weights = {first_weights(9, 5, 3, seed).hidden.tobytes() for seed in range(3)}
    orders = {order_of(30, seed, epoch).tobytes() for seed in range(3) for epoch in range(3)}
    assert (len(weights), len(orders)) == (3, 9)
    assert sorted(order_of(30, 1, 1)) == list(range(30))


def test_score_is_the_cross_entropy_of_torch():
    logits, labels = np.random.default_rng(0).normal(0, 5, (50, 4)), np.random.default_rng(1).integers(0, 4, 50)
    loss, accuracy = score(logits, labels)
    assert loss == pytest.approx(torch.nn.functional.cross_entropy(torch.tensor(logits), torch.tensor(labels)).item(), rel=1e-14)
    assert accuracy == (logits.argmax(axis=1) == labels).mean()


# -- rates -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("given", [*(name for name in NAMED if name != "plateau"), "linear(0.01, 0.0, 20) >> cosine(0.02, 0.0, 8)"])
def test_the_optimizer_had_the_rates_of_the_table(given):
    plans = contenders({"it": given}, SMALL)
    assert [epoch.rate for epoch in run(SMALL, plans)] == by_epoch(plans["it"], SMALL)[1].tolist()


def test_plateau_reduces_exactly_where_its_rule_says():
    setup = msgspec.structs.replace(SMALL, epochs=30)
    plans = contenders(["plateau"], setup)
    found = list(run(setup, plans))
    replayed = plans["plateau"].adapt.replay([epoch.test_loss for epoch in found], rate=0.1)
    assert len(replayed.events) >= 2
    assert [epoch.rate for epoch in found[1:]] == replayed.rates[:-1].tolist()


@pytest.mark.parametrize(
    ("name", "formula"),
    [
        ("step", lambda epoch: 0.1 * 0.5 ** (epoch // 20)),
        ("exponential", lambda epoch: 0.1 * 0.95**epoch),
        ("cosine", lambda epoch: 0.001 + (0.1 - 0.001) * (1 + cos(pi * epoch / 100)) / 2),
        ("cyclic", lambda epoch: 0.001 + 0.099 * max(0, 1 - abs(epoch / 20 - 2 * int(1 + epoch / 40) + 1))),
        ("plateau", lambda epoch: 0.1),
    ],
)
def test_over_100_epochs_the_parameters_are_the_articles(name, formula):
    setup = Setup()
    assert (setup.epochs, name in ARTICLE) == (100, True)
    first, last = by_epoch(contenders([name], setup)[name], setup)
    np.testing.assert_allclose(first, [formula(epoch) for epoch in range(100)], rtol=1e-13)
    assert (first == last).all()


@pytest.mark.parametrize("count", [1, 2, 7, 1000])
def test_named_schedules_fit_any_number_of_epochs(count):
    setup = Setup(epochs=count)
    for plan in contenders([*NAMED, *PLATFORM], setup).values():
        values = np.asarray(plan.table(setup.updates)["default", "lr"][:])
        assert values.min() > 0
        assert values.max() <= 0.1


@pytest.mark.parametrize("given", [*NAMED, "one_cycle(3.0, steps=28)", "Plan(cosine(1, 0, 0.5), weight_decay=0.1)"])
def test_a_rate_is_the_peak_of_all(given):
    setup = msgspec.structs.replace(SMALL, rate=0.02, solver="adamw")
    plan = contenders({"it": given}, setup)["it"]
    assert plan.bind(["default"]).schedules[0].extrema(setup.updates).greatest.value == pytest.approx(0.02, rel=1e-15)


def test_lengths_count_updates_unless_the_setup_says_epochs():
    by_update = contenders(["linear(1, 0, 4)"], SMALL)["linear"]
    assert by_update.lr([0, 1, 4]).tolist() == [1, 0.75, 0]
    first, last = by_epoch(contenders(["linear(1, 0, 4)"], msgspec.structs.replace(SMALL, unit="epochs"))["linear"], SMALL)
    assert first.tolist() == last.tolist() == [1, 0.75, 0.5, 0.25]


@pytest.mark.parametrize("unit", ["updates", "epochs"])
def test_fractions_are_of_the_run(unit):
    setup = msgspec.structs.replace(SMALL, unit=unit)
    plan = contenders(["linear(1, 0, 0.5)"], setup)["linear"]
    assert plan.bind().schedules[0]([0, setup.updates // 2 - 1, setup.updates // 2]).tolist()[2] == 0


def test_a_plan_in_epochs_keeps_its_unit():
    clock = lr.Clock(batch_size=SMALL.batch, epoch_size=200, drop_last=False)
    plan = contenders({"it": lr.Plan(lr.step(1.0, 0.5, every=2), unit="epochs", clock=clock)}, SMALL)["it"]
    assert by_epoch(plan, SMALL)[0].tolist() == [1, 1, 0.5, 0.5]


def test_schedules_are_told_as_they_are_written():
    plans = contenders(["step", "plateau", "mine=linear(0.1, 0.0, 90)"], Setup(epochs=10))
    assert [told(plan, Setup(epochs=10)) for plan in plans.values()] == [
        "step(0.1, 0.5, every=2) by epoch",
        "constant(0.1), times 0.5 after an epoch without a better test loss: Keras's rule, factor and patience of our choice",
        "linear(0.1, 0.0, 90)",
    ]


def test_names():
    given = ["cosine", "cosine(0.1, 0, 9)", "my run = lr.step(0.1, 0.5, every=2)", "0.5 * constant(0.1)", lr.constant(0.1)]
    assert list(contenders(given, SMALL)) == ["cosine", "cosine 2", "my run", "schedule", "schedule 2"]


# -- ends --------------------------------------------------------------------------------------------------------------


def test_a_run_that_is_closed_leaves_nothing():
    def around():
        states = torch.get_rng_state().tolist(), random.getstate(), np.random.get_state()[1].tolist()  # noqa: NPY002
        return torch.get_num_threads(), threading.active_count(), states

    plans = contenders(["cosine", "step"], SMALL)
    usual = torch.get_num_threads()
    torch.set_num_threads(3)  # another number than the experiment's own
    try:
        before = around()
        runs = run(SMALL, plans)
        next(runs)
        assert around() == before
        runs.close()
        assert (around(), next(runs, None)) == (before, None)
    finally:
        torch.set_num_threads(usual)


def test_a_run_that_diverges_says_so_and_the_others_go_on():
    setup = msgspec.structs.replace(SMALL, solver="sgd")
    found = list(run(setup, contenders({"wild": "constant(1e30)", "calm": "constant"}, setup)))
    *_, last = [epoch for epoch in found if epoch.name == "wild"]
    assert (last.diverged, last.epoch, isnan(last.test_loss), isnan(last.accuracy)) == (True, 1, True, True)
    assert [epoch.epoch for epoch in found if epoch.name == "calm" and not epoch.diverged] == [1, 2, 3, 4]


def test_a_plan_that_does_not_fit_is_refused_before_anything_is_trained():
    plans = contenders({"fine": "cosine", "other": "Plan(0.1, momentum=0.9)"}, SMALL)
    with pytest.raises(lr.PlanError, match=r"The plan schedules momentum of 'default', and Adam has no momentum\."):
        run(SMALL, plans)


@pytest.mark.parametrize(
    ("setup", "sentence"),
    [
        ({"solver": "lamb"}, "solver: expected one of sgd, momentum, adam, adamw, got 'lamb'."),
        ({"backend": "mxnet"}, "backend: expected one of torch, keras, got 'mxnet'."),
        ({"unit": "tokens"}, "unit: expected one of updates, epochs, got 'tokens'."),
        ({"data": ""}, "data: expected \"digits\" or the path of a file, got ''."),
        ({"epochs": 0}, "epochs: expected an integer >= 1, got 0."),
        ({"seeds": True}, "seeds: expected an integer >= 1, got True."),
        ({"rate": 0}, "rate: expected a number > 0, got 0.0."),
        ({"rate": float("nan")}, "rate: expected a number > 0, got nan."),
        ({"limit": 0}, "limit: expected an integer >= 1, got 0."),
        ({"train": 1.0}, "train: expected how many images to train on, or a fraction of them strictly between 0 and 1, got 1.0."),
        ({"train": "0.8"}, "train: expected how many images to train on, or a fraction of them strictly between 0 and 1, got '0.8'."),
    ],
)
def test_a_setup_that_means_nothing_is_refused(setup, sentence):
    with pytest.raises(lr.SpecError) as caught:
        Setup(**setup)
    assert str(caught.value) == sentence


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ([], "schedules: expected at least one schedule, got []. Known names are " + ", ".join(NAMED) + "."),
        (["cosin"], f"schedules: expected one of {', '.join(NAMED)}, or an expression, got 'cosin'. Did you mean cosine?"),
        (["a=cosine", "a=step"], "schedules: expected every name once, got 'a'. Give this one another: a2=..."),
        ({"it": 3}, "schedules['it']: expected a name, an expression, a Schedule or a Plan, got 3."),
        (["constant(-1)"], "schedules['constant']: expected a rate above 0 somewhere, to scale to the peak, got -1.0."),
    ],
)
def test_what_is_no_schedule_is_refused(given, sentence):
    with pytest.raises(lr.SpecError) as caught:
        contenders(given, Setup(rate=0.1))
    assert str(caught.value) == sentence


def test_the_package_loads_no_framework():
    code = "import sys, lrcore.experiment; sys.exit(bool({'torch', 'keras', 'matplotlib', 'sklearn', 'typer'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
