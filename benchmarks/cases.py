"""What is measured: one row per case, with the promise it is held to. `CASES` is all of them.

A case prepares a Task for a size: what is timed (`ours`), what it is compared with (`base`, timed just before it in every
round), and a check of the very answers that were timed. Every check compares with something that shares no code with the
kernel: the exact oracle of the tests at sampled steps, or what the peer computed.
"""

from __future__ import annotations

import random
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from timeit import Timer
from typing import Any

import numpy as np

import lrcore as lr
from oracle import assert_true  # tests/oracle.py, on the path by way of pyproject.toml

from .peers import PEERS, Peers
from .schedules import COMPOSED, CURVES, PEAK, SHAPES, SHORT_CYCLES, Maker, leaves, tree


@dataclass(frozen=True)
class Unit:
    """A figure, from seconds per item of what is compared with, seconds per item of ours, and the number ours returned."""

    name: str
    figure: Callable[[float, float, float], float]
    more_is_better: bool = False


TIMES_FILL = Unit("× fill", lambda base, ours, told: ours / base)
TIMES_RANGE = Unit("× the range", lambda base, ours, told: ours / base)
FASTER = Unit("× as fast", lambda base, ours, told: base / ours, more_is_better=True)
NANOSECONDS = Unit("ns", lambda base, ours, told: ours * 1e9)
SECONDS = Unit("s", lambda base, ours, told: ours)
MICROSECONDS = Unit("µs", lambda base, ours, told: ours * 1e6)
MILLISECONDS_TOLD = Unit("ms", lambda base, ours, told: told)
MEBIBYTES_TOLD = Unit("MiB", lambda base, ours, told: told)


@dataclass(frozen=True)
class Task:
    """A case made ready to run at one size."""

    ours: Callable[[], Any]
    check: Callable[[], object]
    base: Callable[[], Any] | None = None
    items: int = 1  # values or calls one run of ours stands for
    base_items: int = 1
    before: Callable[[], object] | None = None  # not timed, before each run of either


@dataclass(frozen=True)
class Case:
    """A row of the results."""

    section: str
    name: str
    size: int
    prepare: Callable[[int], Task]
    unit: Unit
    promise: float | None = None  # None: reported, nothing was promised
    rounds: int = 31
    level: str | None = None  # measured with LRCORE_SIMD forced to this
    needs: tuple[str, ...] = field(default=())  # modules beyond what the tests install
    cores: int = 1

    def __str__(self) -> str:
        return f"{self.section}: {self.name}"

    def kept(self, figure: float) -> bool | None:
        if self.promise is None:
            return None
        return figure >= self.promise if self.unit.more_is_better else figure <= self.promise


NOTES: dict[str, str] = {}
"""What stands above each section's table, in the order of the sections."""

CASES: list[Case] = []


def section(title: str, note: str = "") -> str:
    NOTES[title] = note
    return title


# -- ranges ------------------------------------------------------------------------------------------------------------

_arena = np.empty(0, np.uint8)


def buffer(shape: int | tuple[int, ...], dtype: str = "float64") -> np.ndarray:
    """Memory that has been touched. All cases share it, since one runs at a time: what is in it lasts until the next."""
    global _arena
    size = int(np.prod(shape)) * np.dtype(dtype).itemsize
    if _arena.nbytes < size:
        _arena = np.ones(size, np.uint8)
    return _arena[:size].view(dtype).reshape(shape)


def sampled(count: int, most: int = 40) -> np.ndarray:
    """Steps to check: both ends, both sides of the middle, and random ones."""
    rng = np.random.default_rng(count)
    return np.unique(np.clip([0, 1, count // 2 - 1, count // 2, count - 2, count - 1, *rng.integers(0, count, most)], 0, count - 1))


def check_filled(ours: Callable[[], object], out: np.ndarray, schedule: lr.Schedule) -> None:
    """Ours once more, onto NaN: every value is written, and those of the sampled steps are true."""
    out.fill(np.nan)
    ours()
    assert not np.isnan(out.sum()), "a value was not written"
    steps = sampled(len(out))
    check_values(schedule, steps, out[steps])


def check_values(schedule: lr.Schedule, steps: np.ndarray, values: np.ndarray) -> None:
    exact = values if values.dtype == np.float64 else schedule(steps)
    np.testing.assert_array_equal(values, exact.astype(values.dtype))  # float32 is the float64 value rounded once
    assert_true(schedule, steps.tolist(), exact, slack=2)


def range_task(make: Maker, dtype: str, count: int, threads: tuple[int, int] | None = None) -> Task:
    """A whole schedule of `count` steps against fill, or with `threads` (base, ours) against itself."""
    schedule = make(count)
    out = buffer(count, dtype)

    def filled(threads: int) -> None:
        schedule.values(count, dtype=dtype, out=out, threads=threads)

    ours = partial(filled, threads[1] if threads else 1)
    base = partial(filled, threads[0]) if threads else partial(out.fill, PEAK)
    return Task(ours, lambda: check_filled(ours, out, schedule), base, count, count)


RANGES: list[tuple[int, str, float | None]] = [
    (10**6, "float64", 2.0),
    (10**7, "float64", 1.25),
    (10**8, "float64", 1.25),
    (10**6, "float32", None),
    (10**7, "float32", 2.75),
    (10**8, "float32", 1.25),
]
EXCEPTIONS: dict[tuple[str, int, str], float] = {("exponential", 10**7, "float64"): 1.5}
"""Promises the design words apart: (shape, steps, dtype)."""

for steps, dtype, promise in RANGES:
    title = section(f"Ranges of 10^{len(str(steps)) - 1} steps, {dtype}")
    for name, make in CURVES.items():
        held_to = EXCEPTIONS.get((name.split(" ")[0], steps, dtype), promise)
        rounds = 31 if steps < 10**8 else 15
        CASES.append(Case(title, name, steps, partial(range_task, make, dtype), TIMES_FILL, held_to, rounds))

title = section("Restarts and short cycles, 10^7 steps, float64")
CASES += [Case(title, name, 10**7, partial(range_task, make, "float64"), TIMES_FILL, 1.3) for name, make in SHORT_CYCLES.items()]

title = section(
    "Products, many phases, random trees, 10^7 steps, float64",
    "A tree is six random combinators deep; of two terms one is of full depth and one of any. Its seed and its number of ramps name it.",
)
TREES: dict[str, Maker] = {f"tree {seed}, {leaves(tree(seed, 6, 10**7))} ramps": partial(tree, seed, 6) for seed in range(8)}
CASES += [Case(title, name, 10**7, partial(range_task, make, "float64"), TIMES_FILL, 4.0) for name, make in {**COMPOSED, **TREES}.items()]

for level, promise in (("baseline", 5.0), ("avx2", None)):
    title = section(f"Ranges of 10^7 steps, float64, LRCORE_SIMD={level}")
    CASES += [Case(title, name, 10**7, partial(range_task, make, "float64"), TIMES_FILL, promise, level=level) for name, make in CURVES.items()]


# -- arrays of steps, group tables, threads ----------------------------------------------------------------------------


def gather_task(make: Maker, order: str, count: int) -> Task:
    """`count` steps in an int64 array, against a range as long; both into the same touched memory."""
    schedule = make(count)
    program = schedule.program
    out = buffer(count)
    steps = np.random.default_rng(0).integers(0, count, count)
    if order == "sorted":
        steps.sort()

    def ours() -> None:
        program.rows_at(steps, out=out[:, None])

    def check() -> None:
        out.fill(np.nan)
        ours()
        assert not np.isnan(out.sum())
        places = sampled(count)
        check_values(schedule, steps[places], out[places])

    return Task(ours, check, lambda: schedule.values(count, out=out, threads=1), count, count)


for order, promise in (("sorted", 3.0), ("random", 8.0)):
    title = section(f"An int64 array of 10^6 {order} steps")
    CASES += [Case(title, name, 10**6, partial(gather_task, make, order), TIMES_RANGE, promise) for name, make in CURVES.items()]


def groups_task(columns: int, count: int) -> Task:
    """A table of `columns` groups that share one schedule, each at its own scale, against filling the table."""
    base = CURVES["warmup_cosine"](count)
    schedules = list(lr.layerwise(base, 0.97, [f"layer{i}" for i in range(columns)]).values())
    program = lr.compile_columns(schedules)
    out = buffer((count, columns))

    def ours() -> None:
        program.rows(count, out=out, threads=1)

    def check() -> None:
        for j in (0, columns // 2, columns - 1):
            check_filled(ours, out[:, j], schedules[j])

    return Task(ours, check, partial(out.fill, PEAK), count * columns, count * columns)


title = section("A table of 10^6 rows of groups that share a schedule, float64")
CASES += [
    Case(title, f"{columns} groups, warmup_cosine", 10**6, partial(groups_task, columns), TIMES_FILL, promise, rounds=15)
    for columns, promise in ((64, 1.25), (8, None))
]

COMPUTE_BOUND: list[tuple[str, str, Maker]] = [
    *((name, "float32", make) for name, make in SHAPES.items() if lr.SHAPES[name.split(" ")[0]].parameters or name == "exponential"),
    *((name, "float64", make) for name, make in COMPOSED.items() if name.startswith("product")),
    ("warmup_cosine, reported", "float64", CURVES["warmup_cosine"]),
]
title = section("Two threads against one, 10^7 steps", "What takes more arithmetic than memory; a plain float64 curve is bound by memory and only reported.")
CASES += [
    Case(
        title, f"{name}, {dtype}", 10**7, partial(range_task, make, dtype, threads=(1, 2)), FASTER,
        None if "reported" in name else 1.6, cores=2,
    )
    for name, dtype, make in COMPUTE_BOUND
]  # fmt: skip


# -- one value ---------------------------------------------------------------------------------------------------------


def calls(f: Callable[[int], float], steps: list[int], count: int) -> Callable[[], object]:
    """f of every step, `count` calls in all. The loop around them is timed too, some 5 ns a call."""
    return partial(Timer("for step in steps: f(step)", globals={"f": f, "steps": steps}).timeit, max(count // len(steps), 1))


def value_task(make: Maker, compiled: bool, far: bool, count: int) -> Task:
    """Single values at 100 random steps of a long schedule, or just before 2**53."""
    schedule = make(10**6)
    rng = random.Random(0)
    steps = [2**53 - rng.randrange(10**6) if far else rng.randrange(10**6) for _ in range(100)]
    f = schedule.program if compiled else schedule
    return Task(calls(f, steps, count), lambda: check_values(schedule, np.array(steps), np.array([f(t) for t in steps])), items=count)


title = section("One value", "Nanoseconds a call, the Python loop around it included.")
for name, make in CURVES.items():
    of_two = 250.0 if name == "warmup_cosine" else 150.0 if name in SHAPES else None
    CASES += [
        Case(title, f"program(step), {name}", 10**5, partial(value_task, make, True, False), NANOSECONDS, 80.0 if name in SHAPES else None),
        Case(title, f"schedule(step), {name}", 10**5, partial(value_task, make, False, False), NANOSECONDS, of_two),
    ]
CASES += [
    Case(title, f"schedule(step) near 2^53, {name}", 10**5, partial(value_task, make, False, True), NANOSECONDS, 1000.0)
    for name, make in SHORT_CYCLES.items()
]


# -- compiling, importing ----------------------------------------------------------------------------------------------


def compile_task(makers: list[Maker], count: int) -> Task:
    """`count` schedules, no two equal, the makers in turn; the programs are all kept."""
    schedules = [makers[i % len(makers)](10**6 + i) for i in range(count)]
    programs: list[lr.Program] = []

    def ours() -> None:
        programs.extend(lr.compile_schedule(schedule) for schedule in schedules)

    def check() -> None:
        assert len(set(schedules)) == len(programs) == count
        for i in sampled(count, 10).tolist():
            steps = sampled(10**6, 5)
            check_values(schedules[i], steps, programs[i](steps))

    return Task(ours, check, items=1, before=programs.clear)


title = section("Compiling 10^5 distinct schedules")
CASES += [
    Case(title, "shapes and recipes in turn", 10**5, partial(compile_task, list(CURVES.values())), SECONDS, 2.0, rounds=5),
    *(Case(title, name, 10**5, partial(compile_task, [make]), SECONDS, 2.0, rounds=3) for name, make in CURVES.items()),
]


def child(code: str, *arguments: object) -> float:
    """The number a fresh Python prints."""
    done = subprocess.run([sys.executable, "-c", code, *map(str, arguments)], capture_output=True, text=True, check=True)
    return float(done.stdout)


IMPORT = "import sys, time, numpy; begin = time.perf_counter(); import lrcore; print((time.perf_counter() - begin) * 1e3)"


def import_task(count: int) -> Task:
    return Task(partial(child, IMPORT), lambda: child(IMPORT + "; assert 'torch' not in sys.modules"))


title = section("Importing lrcore, NumPy being there", "In a fresh process each time.")
CASES.append(Case(title, "import lrcore", 1, import_task, MILLISECONDS_TOLD, 40.0))


# -- tables on disk ----------------------------------------------------------------------------------------------------


def table_of(rows: int) -> lr.Table:
    base = CURVES["warmup_cosine"](rows)
    layers = lr.layerwise(base, 0.9, ["a", "b", "c", "d"])
    return lr.Plan(base, groups={name: {"lr": rate} for name, rate in layers.items()}, horizon=rows).table()


def save_task(threads: int | None, rows: int) -> Task:
    """table.save against a `.npy` memmap of that size that is filled and flushed; both files are new in each round."""
    table = table_of(rows)
    folder = TemporaryDirectory()
    saved, mapped = Path(folder.name) / "saved.npy", Path(folder.name) / "mapped.npy"

    def base() -> None:
        array = np.lib.format.open_memmap(mapped, "w+", np.float64, table.shape)
        array.fill(PEAK)
        array.flush()

    def before() -> None:
        for path in Path(folder.name).iterdir():
            path.unlink()

    def check() -> None:
        stored = lr.open_table(saved)
        stored.verify()
        steps = sampled(rows)
        for j, schedule in enumerate(table.bound.schedules):
            check_values(schedule, steps, np.asarray(stored)[steps, j])
        folder.cleanup()

    return Task(lambda: table.save(saved, threads=threads), check, base, rows, rows, before)


MEMORY = """
import resource, sys, tempfile, numpy as np, lrcore as lr, lrcore.files
rows = int(sys.argv[1])
plan = lr.Plan(lr.warmup_cosine(1.0, warmup=0.01, steps=rows), groups={name: {} for name in "abcd"}, horizon=rows)
table = plan.table()
table.row(0)
began = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
with tempfile.TemporaryDirectory() as folder:
    table.save(folder + "/table.npy")
    assert lr.open_table(folder + "/table.npy").shape == (rows, 4)
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - began) / 1024)
"""


def memory_task(rows: int) -> Task:
    return Task(partial(child, MEMORY, rows), lambda: None)  # the child checks


title = section("A table of 4 columns to disk", "Against filling and flushing a `.npy` memmap of the same size; memory is the peak above the start.")
CASES += [
    Case(title, "10^7 rows, 320 MB", 10**7, partial(save_task, None), FASTER, 0.8, rounds=15),
    Case(title, "10^7 rows, 320 MB, one thread computes and writes", 10**7, partial(save_task, 1), FASTER, None, rounds=7),
    Case(title, "10^6 rows, 32 MB", 10**6, partial(save_task, None), FASTER, 0.8, rounds=15),
    Case(title, "10^7 rows, 320 MB: memory", 10**7, memory_task, MEBIBYTES_TOLD, 64.0, rounds=1),
    Case(title, "4 * 10^7 rows, 1.3 GB: memory", 4 * 10**7, memory_task, MEBIBYTES_TOLD, 64.0, rounds=1),
]


# -- a training step in torch ------------------------------------------------------------------------------------------

HORIZON = 10**6


def torch_task(groups: int, against: str, count: int) -> Task:
    """`count` steps of PlanScheduler against as many of CosineAnnealingLR, or against a loop that assigns a constant."""
    import torch
    from lrcore_torch import PlanScheduler

    def optimizer() -> Any:
        made = torch.optim.SGD([{"params": [torch.zeros(1, requires_grad=True)], "lr": PEAK * 0.999**i} for i in range(groups)])
        made.step()  # torch's schedulers warn if they come first
        return made

    theirs, mine = optimizer(), optimizer()
    rates = lr.layerwise(lr.cosine(PEAK, 0.0, HORIZON), 1 / 0.999, [f"group{i}" for i in range(groups)])
    scales = 0.999 ** np.arange(groups)
    plan = lr.Plan(groups={name: {"lr": scale * lr.cosine(PEAK, 0.0, HORIZON)} for name, scale in zip(rates, scales, strict=True)})
    scheduler = PlanScheduler(mine, plan)
    names: dict[str, Any] = {"optimizer": theirs, "rate": PEAK}
    statement = "for group in optimizer.param_groups: group['lr'] = rate"
    if against == "torch":
        names["step"] = torch.optim.lr_scheduler.CosineAnnealingLR(theirs, HORIZON).step
        statement = "step()"

    def expected(step: int) -> np.ndarray:
        return PEAK * scales * (1 + np.cos(np.pi * step / HORIZON)) / 2

    def check() -> None:
        np.testing.assert_allclose([group["lr"] for group in mine.param_groups], expected(scheduler.last_epoch), rtol=1e-13)
        if against == "torch":
            step = names["step"].__self__.last_epoch
            np.testing.assert_allclose([group["lr"] for group in theirs.param_groups], expected(step), rtol=1e-9)

    ours = partial(Timer("step()", globals={"step": scheduler.step}).timeit, count)
    return Task(ours, check, partial(Timer(statement, globals=names).timeit, count), count, count)


for against, title, promises in (
    ("torch", "PlanScheduler.step() against torch's CosineAnnealingLR.step()", {1: 5.0, 10: None, 100: 15.0, 1_000: 15.0}),
    ("loop", "PlanScheduler.step() against a Python loop that assigns a constant", {1: None, 10: 1.0, 100: 1.0, 1_000: 1.0}),
):
    section(title)
    CASES += [
        Case(title, f"{groups:,} group{'s' * (groups > 1)}", max(3_000 // groups, 10), partial(torch_task, groups, against), FASTER, promise)
        for groups, promise in promises.items()
    ]


# -- peers -------------------------------------------------------------------------------------------------------------


def _compared(task: Task, answers: dict[str, Any], rtol: float) -> Task:
    """The task, its check being that the two answers agree; `rtol` is of the peak, since the peers lose digits near zero."""

    def check() -> None:
        task.ours()
        task.base()  # type: ignore[misc]
        np.testing.assert_allclose(answers["ours"][: len(answers["base"])], answers["base"], rtol=rtol, atol=rtol * PEAK)

    return Task(task.ours, check, task.base, task.items, task.base_items, task.before)


def numpy_task(peers: Peers, count: int) -> Task:
    schedule, t = peers.ours(count), np.arange(count, dtype=np.float64)
    answers: dict[str, Any] = {}
    ours = lambda: answers.update(ours=schedule.values(count, threads=1))  # noqa: E731
    base = lambda: answers.update(base=peers.numpy(t, count))  # noqa: E731
    return _compared(Task(ours, print, base, count, count), answers, 1e-12)


def optax_task(peers: Peers, count: int) -> Task:
    import jax
    import optax

    schedule, f, t = peers.ours(count), jax.jit(peers.optax(optax, count)), jax.numpy.arange(count)
    answers: dict[str, Any] = {}
    ours = lambda: answers.update(ours=schedule.values(count, dtype=np.float32, threads=1))  # noqa: E731
    base = lambda: answers.update(base=f(t).block_until_ready())  # noqa: E731
    return _compared(Task(ours, print, base, count, count), answers, 1e-5)


def torch_loop_task(peers: Peers, count: int) -> Task:
    """A loop of at most 1,000 steps of torch's scheduler, its rates collected; seconds are per value."""
    import torch

    schedule, loops = peers.ours(count), min(count, 1_000)
    answers: dict[str, Any] = {}
    made: dict[str, Any] = {}

    def before() -> None:
        made["optimizer"] = torch.optim.SGD([torch.zeros(1, requires_grad=True)], PEAK)
        made["scheduler"] = peers.torch(torch.optim.lr_scheduler, made["optimizer"], count)
        made["optimizer"].step()

    def base() -> None:
        group, step, rates = made["optimizer"].param_groups[0], made["scheduler"].step, []
        for _ in range(loops):
            rates.append(group["lr"])
            step()
        answers["base"] = rates

    ours = lambda: answers.update(ours=schedule.values(count, threads=1))  # noqa: E731
    task = _compared(Task(ours, print, base, count, loops, before), answers, 1e-9)
    return Task(task.ours, lambda: (before(), task.check()), base, count, loops, before)


def lrsched_task(peers: Peers, count: int) -> Task:
    import lrsched

    schedule, f, most = peers.ours(count), peers.lrsched(lrsched, count), min(count, 10_000)
    answers: dict[str, Any] = {}
    ours = lambda: answers.update(ours=schedule.values(count, threads=1))  # noqa: E731
    base = lambda: answers.update(base=lrsched.sample(f, num_steps=most))  # noqa: E731
    return _compared(Task(ours, print, base, count, most), answers, 1e-12)


def single_task(peers: Peers, who: str, count: int) -> Task:
    """schedule(step) against one call of a peer."""
    schedule, n = peers.ours(10**6), 10**6
    steps = [random.Random(0).randrange(n) for _ in range(100)]
    if who == "optax":
        import jax
        import optax

        compiled = jax.jit(peers.optax(optax, n))
        theirs, few, tolerance = (lambda t: float(compiled(t))), max(count // 100, 100), 1e-5
    elif who == "lrsched":
        import lrsched

        theirs, few, tolerance = peers.lrsched(lrsched, n), count, 1e-12
    else:
        theirs, few, tolerance = peers.python(n), count, 1e-12

    def check() -> None:
        np.testing.assert_allclose([schedule(t) for t in steps], [theirs(t) for t in steps], rtol=tolerance, atol=tolerance * PEAK)

    return Task(calls(schedule, steps, count), check, calls(theirs, steps, few), count, few)


AGAINST: list[tuple[str, str, Callable[[Peers, int], Task], float | None, tuple[str, ...]]] = [
    ("NumPy's expression, 10^6 values", "Both allocate; NumPy's steps are an array made beforehand.", numpy_task, 10.0, ()),
    ("NumPy's expression, 10^3 values", "", numpy_task, None, ()),
    ("optax under jit (CPU), 10^6 values", "float32 on both sides; optax may use every core, lrcore has one thread.", optax_task, 5.0, ("optax",)),
    ("optax under jit (CPU), 10^3 values", "", optax_task, None, ("optax",)),
    ("a torch scheduler.step() loop, per value", "1,000 steps of one group against a range of 10^6.", torch_loop_task, 1000.0, ()),
    ("lrsched, per value", "10^4 values by lrsched.sample against a range of 10^6.", lrsched_task, None, ("lrsched",)),
]
for who, note, prepare, promise, needs in AGAINST:
    title = section(f"Peers: {who}", note)
    size = 10**3 if "10^3" in who else 10**6
    CASES += [Case(title, name, size, partial(prepare, peers), FASTER, promise, needs=needs) for name, peers in PEERS.items()]

for who, needs in (("plain Python", ()), ("lrsched", ("lrsched",)), ("optax under jit", ("optax",))):
    title = section(f"Peers: {who}, one value a call", "Against schedule(step).")
    CASES += [
        Case(title, name, 10**4, partial(single_task, peers, who.split(" ")[0]), FASTER, needs=needs) for name, peers in PEERS.items()
    ]
