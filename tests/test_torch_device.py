"""Device mode: the same values as float32, in place, in a compiled step, and in a captured one where there is a CUDA device."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.optim import SGD, Adam, AdamW, NAdam, Optimizer, RMSprop

import lrcore as lr
import lrcore_torch.device as device_module
from lrcore_torch import PlanScheduler
from strategies import schedules

DEVICES = ["cpu", *(["cuda"] if torch.cuda.is_available() else [])]
RATE = lr.warmup_cosine(0.1, warmup=5, steps=20, stop=1e-3)
UP = lr.linear(0.8, 0.95, 20)
WAVE = lr.cosine(0.1, 0.01, 7).repeat(decay=0.5)


def made(kind: type[Optimizer] = SGD, groups: int = 2, device: str = "cpu", **options: Any) -> Optimizer:
    parameters = [{"params": [torch.zeros(1, device=device, requires_grad=True)], "name": f"g{i}"} for i in range(groups)]
    return kind(parameters, **{"lr": 0.5, **options})


def rates(optimizer: Optimizer) -> list[float]:
    return [float(group["lr"]) for group in optimizer.param_groups]


def planned(plan: lr.Plan, optimizer: Optimizer, step: int) -> list[np.float32]:
    current = plan.bind([group["name"] for group in optimizer.param_groups]).current(step)
    return [np.float32(fields["lr"]) for fields in current.values()]


@pytest.fixture
def small_table(monkeypatch):
    monkeypatch.setattr(device_module, "TABLE_BYTES", 256)
    monkeypatch.setattr(device_module, "WINDOW_BYTES", 256)


FORMS = {  # how the rows are kept
    "a table of all columns": lr.Plan(RATE, groups={"g1": {"lr": UP}}),
    "a window of all columns": lr.Plan(WAVE, groups={"g1": {"lr": RATE}}),
    "a window of what columns share": lr.Plan(groups={f"g{i}": {"lr": (1 + i) * WAVE} for i in range(9)}),
}


@pytest.mark.usefixtures("small_table")
@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("drive", ["step", "advance"])
@pytest.mark.parametrize("form", FORMS)
def test_groups_hold_the_plan_rounded_once(form, drive, device):
    plan = FORMS[form]
    optimizer = made(groups=9 if "share" in form else 2, device=device, fused=True)
    scheduler = PlanScheduler(optimizer, plan, mode="device")
    assert scheduler._device is not None
    assert scheduler._device.rows.dtype == (torch.float64 if "share" in form else torch.float32)
    assert (scheduler.window is None) == ("table" in form)
    views = [group["lr"] for group in optimizer.param_groups]
    for step in range(150):
        assert rates(optimizer) == planned(plan, optimizer, step)
        getattr(scheduler, drive)()
        if drive == "advance" and step % 20 == 19:
            assert scheduler.refill() > 20 or "table" in form
    assert all(group["lr"] is view for group, view in zip(optimizer.param_groups, views, strict=True))
    assert (
        scheduler.last_epoch == 150 and scheduler.current()["g0"]["lr"] == plan.bind([f"g{i}" for i in range(9)]).current(150)["g0"]["lr"]
    )


@settings(max_examples=40, deadline=None)
@given(schedules(), st.integers(0, 2**40), st.integers(1, 30))
def test_random_plans_from_any_step(schedule, start, count):
    optimizer = made()
    plan = lr.Plan(schedule, groups={"g1": {"lr": 0.3 * schedule}})
    scheduler = PlanScheduler(optimizer, plan, mode="device")
    scheduler.seek(start)
    for step in range(start, start + count):
        with np.errstate(over="ignore"):
            assert rates(optimizer) == [float(value) for value in planned(plan, optimizer, step)]
        scheduler.step()


@pytest.mark.usefixtures("small_table")
def test_a_window_that_is_not_moved_holds_its_last_row():
    optimizer = made(groups=1)
    scheduler = PlanScheduler(optimizer, WAVE, mode="device")
    window = scheduler.window
    for _ in range(window + 10):
        scheduler.advance()
    assert rates(optimizer) == [np.float32(WAVE(window - 1))]
    scheduler.refill()
    scheduler.advance()
    assert rates(optimizer) == [np.float32(WAVE(window + 11))]


@pytest.mark.parametrize("found", [[0.0, 1.0, 0.0, 0.0, 1.0, 0.0]])
def test_a_skipped_update_does_not_advance(found):
    optimizer = made()
    scheduler = PlanScheduler(optimizer, RATE, mode="device")
    applied = 0
    for found_inf in found:
        assert rates(optimizer) == [np.float32(RATE(applied))] * 2
        scheduler.advance(found_inf=torch.tensor(found_inf))
        applied += found_inf == 0
    assert scheduler.last_epoch == applied == 4


def test_betas_are_tensors_both_and_weight_decay_stays_on_the_host():
    optimizer = made(AdamW)
    scheduler = PlanScheduler(optimizer, lr.Plan(RATE, beta1=UP, weight_decay=0.1 * UP), mode="device")
    for step in range(5):
        for group in optimizer.param_groups:
            beta1, beta2 = group["betas"]
            assert isinstance(beta1, torch.Tensor) and isinstance(beta2, torch.Tensor)
            assert (beta1.item(), beta2.item()) == (np.float32(UP(step)), np.float32(0.999))
            assert group["weight_decay"] == (0.1 * UP)(step)
        optimizer.step()
        scheduler.step()


@pytest.mark.parametrize(("kind", "options"), [(Adam, {}), (AdamW, {}), (NAdam, {}), (RMSprop, {}), (SGD, {"momentum": 0.9})])
def test_training_equals_host_mode_in_float32(kind, options):
    def trained(mode: str) -> torch.Tensor:
        weight = torch.ones(3, requires_grad=True)
        optimizer = kind([weight], lr=0.5, **options)
        scheduler = PlanScheduler(optimizer, RATE, mode=mode)
        for _ in range(20):
            weight.grad = weight.detach() ** 2
            optimizer.step()
            scheduler.step()
        return weight.detach()

    torch.testing.assert_close(trained("device"), trained("host"), rtol=1e-5, atol=1e-7)


def test_another_plan_in_the_same_memory():
    optimizer = made()
    scheduler = PlanScheduler(optimizer, RATE, mode="device")
    address = optimizer.param_groups[0]["lr"].data_ptr()
    for _ in range(7):
        scheduler.advance()
    scheduler.replace(0.5 * RATE)
    assert rates(optimizer) == [np.float32(0.5 * RATE(7))] * 2
    scheduler.advance()
    assert rates(optimizer) == [np.float32((0.5 * RATE)(8))] * 2
    with pytest.raises(lr.PlanError, match=r"^The captured step reads 21 rows of 2 values, and the new plan needs 31 of 2\. Make a new "):
        scheduler.replace(lr.linear(1.0, 0.0, 30))
    scheduler.advance()
    assert rates(optimizer) == [np.float32((0.5 * RATE)(9))] * 2
    assert optimizer.param_groups[0]["lr"].data_ptr() == address


@pytest.mark.usefixtures("small_table")
def test_another_plan_of_what_columns_share():
    scaled = {factor: lr.Plan(groups={f"g{i}": {"lr": (factor + i) * WAVE} for i in range(9)}) for factor in (1, 5)}
    optimizer = made(groups=9)
    scheduler = PlanScheduler(optimizer, scaled[1], mode="device")
    scheduler.advance()
    scheduler.replace(scaled[5])
    assert rates(optimizer) == planned(scaled[5], optimizer, 1)
    scheduler.advance()
    assert rates(optimizer) == planned(scaled[5], optimizer, 2)


def test_a_restored_scheduler_may_be_driven_either_way():
    optimizer = made()
    scheduler = PlanScheduler(optimizer, RATE, mode="device")
    scheduler.step()
    scheduler.load_state_dict(scheduler.state_dict())
    scheduler.advance()
    assert rates(optimizer) == [np.float32(RATE(2))] * 2


def test_a_state_that_was_not_in_force_gives_the_step_and_leaves_the_rates():
    optimizer = made()
    scheduler = PlanScheduler(optimizer, RATE, mode="device")
    for _ in range(3):
        scheduler.step()
    state = scheduler.state_dict() | {"binding": {"in_force": 0, "calls": 0}}
    scheduler = PlanScheduler(made(), RATE, mode="device")
    scheduler.load_state_dict(state)
    assert rates(scheduler.optimizer) == [0.0, 0.0]
    scheduler.advance()
    assert rates(scheduler.optimizer) == [np.float32(RATE(4))] * 2


REFUSED = [
    (lambda s: (s.step(), s.advance()), "This scheduler is driven by step() and by advance(). Call one of them: "),
    (lambda s: (s.advance(), s.step()), "This scheduler is driven by step() and by advance(). Call one of them: "),
]


@pytest.mark.parametrize(("calls", "sentence"), REFUSED)
def test_step_and_advance_do_not_mix(calls, sentence):
    optimizer = made()
    scheduler = PlanScheduler(optimizer, RATE, mode="device")
    with pytest.raises(lr.PlanError) as refusal:
        calls(scheduler)
    assert str(refusal.value).startswith(sentence)
    assert rates(optimizer) == [np.float32(RATE(1))] * 2


def test_what_cannot_be_on_a_device_is_refused():
    with pytest.raises(lr.PlanError, match=r"^advance\(\) is for values on the device\. Make the scheduler with mode=\"device\", or call "):
        PlanScheduler(made(), RATE).advance()
    with pytest.raises(
        lr.PlanError, match=r"^AdamW with foreach=True takes tensors only with capturable=True\. Make it with capturable=Tr"
    ):
        PlanScheduler(made(AdamW, foreach=True), RATE, mode="device")
    with pytest.raises(
        lr.PlanError, match=r"^AdamW reads weight_decay of 'g0' on the host, so advance\(\) cannot change it\. Leave it out of "
    ):
        PlanScheduler(made(AdamW), lr.Plan(RATE, weight_decay=UP), mode="device").advance()
    several = SGD([torch.zeros(1, requires_grad=True), torch.zeros(1, device="meta", requires_grad=True)])
    with pytest.raises(
        lr.PlanError, match=r"^The parameters are on cpu, meta\. Use mode=\"host\", or an optimizer and a scheduler for each "
    ):
        PlanScheduler(several, RATE, mode="device")


def test_a_checkpoint_holds_the_vector_and_not_the_table():
    import io

    optimizer = made()
    PlanScheduler(optimizer, lr.linear(1.0, 0.0, 10**6), mode="device")
    file = io.BytesIO()
    torch.save(optimizer.state_dict(), file)
    assert file.tell() < 4096


# -- compiled ----------------------------------------------------------------------------------------------------------

COMPILED = [
    (SGD, {}, {}),
    (SGD, {"momentum": 0.9}, {}),
    (Adam, {}, {"beta1": UP}),
    (AdamW, {}, {"beta1": UP}),
    (RMSprop, {}, {}),
    (torch.optim.Adagrad, {}, {}),
]


# inductor itself uses what torch has deprecated
INDUCTOR = pytest.mark.filterwarnings("ignore:`torch.jit.script_method` is deprecated:DeprecationWarning")


@pytest.fixture
def _no_recompilation():
    torch._dynamo.reset()
    yield
    torch._dynamo.config.error_on_recompile = False
    torch._dynamo.reset()


@INDUCTOR
@pytest.mark.usefixtures("_no_recompilation")
@pytest.mark.parametrize(("kind", "options", "fields"), COMPILED, ids=lambda case: getattr(case, "__name__", None))
def test_a_compiled_optimizer_step_is_compiled_once(kind, options, fields):
    optimizer = made(kind, **options)
    plan = lr.Plan(RATE, groups={"g1": {"lr": 0.1 * RATE, **fields}}, **fields)
    scheduler = PlanScheduler(optimizer, plan, mode="device")
    step = torch.compile(optimizer.step)
    for t in range(20):
        if t == 2:
            torch._dynamo.config.error_on_recompile = True
        for group in optimizer.param_groups:
            group["params"][0].grad = torch.ones(1)
        assert rates(optimizer) == planned(plan, optimizer, t)
        step()
        scheduler.step()


@INDUCTOR
@pytest.mark.usefixtures("_no_recompilation")
def test_that_the_last_test_can_fail():
    optimizer = made(SGD)
    scheduler = PlanScheduler(optimizer, RATE)  # Python floats: compiled anew for every rate
    step = torch.compile(optimizer.step, backend="inductor")
    for group in optimizer.param_groups:
        group["params"][0].grad = torch.ones(1)
    for _ in range(2):
        step()
        scheduler.step()
    torch._dynamo.config.error_on_recompile = True
    with pytest.raises(torch._dynamo.exc.RecompileError):
        step()


@INDUCTOR
@pytest.mark.usefixtures("_no_recompilation")
def test_a_whole_step_is_one_graph():
    """A functional AdamW over all groups, and the schedule, with fullgraph=True."""
    from torch._dynamo.utils import counters
    from torch.optim.adamw import adamw

    optimizer = made(AdamW, groups=3)
    scheduler = PlanScheduler(optimizer, lr.Plan(RATE, beta1=UP, groups={"g1": {"lr": 0.1 * RATE, "beta1": 0.9}}), mode="device")
    groups = [(group["params"][0], group["lr"], *group["betas"]) for group in optimizer.param_groups]
    memory = [(torch.zeros(1), torch.zeros(1), torch.zeros(())) for _ in groups]

    @torch.no_grad()
    def train(found_inf: torch.Tensor) -> None:
        for (weight, rate, beta1, beta2), (average, square, count) in zip(groups, memory, strict=True):
            adamw(
                [weight], [torch.ones(1)], [average], [square], [], [count], foreach=False, capturable=False, amsgrad=False,
                beta1=beta1, beta2=beta2, lr=rate, weight_decay=0.01, eps=1e-8, maximize=False,
            )  # fmt: skip
        scheduler.advance(found_inf)

    counters.clear()
    compiled = torch.compile(train, fullgraph=True)
    torch._dynamo.config.error_on_recompile = True
    for t in range(25):
        assert rates(optimizer) == planned(scheduler.plan, optimizer, t)
        compiled(torch.zeros(1))
    assert scheduler.last_epoch == 25 and counters["stats"]["unique_graphs"] == 1


# -- captured ----------------------------------------------------------------------------------------------------------


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("groups", [1, 100])
def test_a_captured_step_follows_the_plan_without_synchronising(groups):
    optimizer = made(AdamW, groups=groups, device="cuda", capturable=True)
    plan = lr.Plan(beta1=UP, groups={f"g{i}": {"lr": (1 + i) * WAVE, "beta1": UP} for i in range(groups)})
    scheduler = PlanScheduler(optimizer, plan, mode="device")
    weights = [group["params"][0] for group in optimizer.param_groups]

    def train() -> None:
        for weight in weights:
            weight.grad = torch.ones_like(weight)
        optimizer.step()
        scheduler.advance()

    stream = torch.cuda.Stream()
    with torch.cuda.stream(stream):
        train()  # makes the optimizer's state
    torch.cuda.current_stream().wait_stream(stream)
    scheduler.seek(0)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        train()
    scheduler.seek(0)
    seen = torch.zeros((1000, groups), device="cuda")
    torch.cuda.set_sync_debug_mode("error")
    try:
        for t in range(1000):
            for i, group in enumerate(optimizer.param_groups[:3]):
                seen[t, i].copy_(group["lr"])
            graph.replay()
    finally:
        torch.cuda.set_sync_debug_mode("default")
    expected = plan.bind([f"g{i}" for i in range(groups)]).table(1000, dtype=np.float32)
    shown = [j for j, (_, field) in enumerate(expected.columns) if field == "lr"][:3]
    np.testing.assert_array_equal(seen[:, :3].cpu().numpy()[:, : len(shown)], np.asarray(expected)[:, shown])
    assert scheduler.last_epoch == 1000


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_an_eager_optimizer_that_reads_its_rate_on_the_host_is_named():
    with pytest.warns(UserWarning, match=r"^SGD as it was made reads its rates on the host in every eager step and cannot be captured\. "):
        PlanScheduler(made(device="cuda"), RATE, mode="device")


def test_a_schedule_that_refuses_its_end_runs_up_to_it() -> None:
    optimizer = torch.optim.AdamW([torch.nn.Parameter(torch.zeros(2))])
    scheduler = PlanScheduler(optimizer, lr.Plan(lr.linear(1.0, 0.0, 4).past_end("error")), mode="device")
    for rate in (0.75, 0.5, 0.25):
        scheduler.step()
        assert float(optimizer.param_groups[0]["lr"]) == rate
    with pytest.raises(lr.SpecError, match="end at 4"):
        scheduler.step()
