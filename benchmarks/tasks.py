"""What a case does: a Task made ready at one size, with what it is compared with and a check of the answers that are timed.

Every check compares with something that shares no code with the kernel: the exact oracle of the tests, at sampled steps, or
what a peer computed.
"""

from __future__ import annotations

import os
import random
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from timeit import Timer
from typing import Any

import numpy as np

import lrcore as lr
from oracle import assert_true  # tests/oracle.py, on the path by way of pyproject.toml

from .peers import Peers, timm_schedulers
from .schedules import PEAK, Maker, warmup_cosine


@dataclass(frozen=True)
class Task:
    """`ours` is timed, `base` (if there is one) right before it; both stand for so many items (values, calls)."""

    ours: Callable[[], Any]
    check: Callable[[], object]
    base: Callable[[], Any] | None = None
    items: int = 1
    base_items: int = 1
    before: Callable[[], object] | None = None  # runs before each of both, untimed


# -- checks ------------------------------------------------------------------------------------------------------------


def sampled(count: int, most: int = 40) -> np.ndarray:
    """Steps to check: both ends, both sides of the middle, and random ones."""
    rng = np.random.default_rng(count)
    return np.unique(np.clip([0, 1, count // 2 - 1, count // 2, count - 2, count - 1, *rng.integers(0, count, most)], 0, count - 1))


def check_values(schedule: lr.Schedule, steps: np.ndarray, values: np.ndarray) -> None:
    """Values within the accuracy that is promised; float32 ones must be those rounded once."""
    exact = values if values.dtype == np.float64 else schedule(steps)
    np.testing.assert_array_equal(values, exact.astype(values.dtype))
    assert_true(schedule, steps.tolist(), exact)


def check_filled(ours: Callable[[], object], out: np.ndarray, schedule: lr.Schedule, steps: np.ndarray | None = None) -> None:
    """Run once more, onto NaN: every value is written, and sampled ones (out[i] is of steps[i], or of step i) are true."""
    out.fill(np.nan)
    ours()
    assert not np.isnan(out.sum()), "a value was not written"
    places = sampled(len(out))
    check_values(schedule, places if steps is None else steps[places], out[places])


# -- filling memory ----------------------------------------------------------------------------------------------------

_arena = np.empty(0, np.uint8)


def touched(shape: int | tuple[int, ...], dtype: str = "float64") -> np.ndarray:
    """Memory that has been written before. All tasks share it, as one runs at a time."""
    global _arena
    size = int(np.prod(shape)) * np.dtype(dtype).itemsize
    if _arena.nbytes < size:
        _arena = np.ones(size, np.uint8)
    return _arena[:size].view(dtype).reshape(shape)


def fill_task(make: Maker, dtype: str, count: int) -> Task:
    """A schedule of `count` steps, whole, against `numpy.ndarray.fill` of the same memory."""
    schedule, out = make(count), touched(count, dtype)

    def ours() -> None:
        schedule.values(count, dtype=dtype, out=out, threads=1)

    return Task(ours, partial(check_filled, ours, out, schedule), partial(out.fill, PEAK), count, count)


def threads_task(make: Maker, dtype: str, count: int) -> Task:
    """The same with two threads, against one."""
    schedule, out = make(count), touched(count, dtype)

    def filled(threads: int) -> None:
        schedule.values(count, dtype=dtype, out=out, threads=threads)

    ours = partial(filled, 2)
    return Task(ours, partial(check_filled, ours, out, schedule), partial(filled, 1), count, count)


def gather_task(make: Maker, in_order: bool, count: int) -> Task:
    """`count` steps of an int64 array, sorted or random, against a range as long; both into the same memory."""
    schedule, out = make(count), touched(count)
    program = schedule.program
    steps = np.random.default_rng(0).integers(0, count, count)
    if in_order:
        steps.sort()

    def ours() -> None:
        program.rows_at(steps, out=out[:, None])

    def base() -> None:
        program.values(count, out=out, threads=1)

    return Task(ours, partial(check_filled, ours, out, schedule, steps), base, count, count)


def groups_task(columns: int, rows: int) -> Task:
    """A table of groups that share one schedule, each at its own scale, against filling the table."""
    return table_task(list(lr.layerwise(warmup_cosine(rows), 0.97, [f"layer{i}" for i in range(columns)]).values()), rows)


def own_groups_task(columns: int, rows: int) -> Task:
    """A table of groups that each have a schedule of their own length, against filling the table."""
    return table_task([warmup_cosine(rows + 100 * j) for j in range(columns)], rows)


def table_task(schedules: list[lr.Schedule], rows: int) -> Task:
    columns = len(schedules)
    program, out = lr.compile_columns(schedules), touched((rows, columns))

    def ours() -> None:
        program.rows(rows, out=out, threads=1)

    def check() -> None:
        for j in {0, columns // 2, columns - 1}:
            check_filled(ours, out[:, j], schedules[j])

    return Task(ours, check, partial(out.fill, PEAK), rows * columns, rows * columns)


# -- what grows ----------------------------------------------------------------------------------------------------------


def growing_range_task(make: Maker, numpy: Callable[[np.ndarray, int], np.ndarray] | None, count: int) -> Task:
    """A range of `count` steps into memory that is there, again and again where it is short; NumPy's expression makes new arrays."""
    schedule, out = make(count), touched(count)
    ours = repeated(lambda: schedule.values(count, out=out, threads=1), again := max(10_000 // count, 1))
    if numpy is None:
        return Task(ours, partial(check_filled, ours, out, schedule), items=count * again)
    t = np.arange(count, dtype=np.float64)
    base = repeated(lambda: numpy(t, count), again_numpy := max(1_000 // count, 1))

    def check() -> None:
        check_filled(ours, out, schedule)
        np.testing.assert_allclose(out, numpy(t, count), rtol=1e-12, atol=1e-12 * PEAK)

    return Task(ours, check, base, count * again, count * again_numpy)


def repeated(f: Callable[[], object], times: int) -> Callable[[], object]:
    return partial(Timer("f()", globals={"f": f}).timeit, times)


# -- one value ---------------------------------------------------------------------------------------------------------

LONG = 10**6
"""Steps of a schedule that is asked for single values."""


def calls(f: Callable[[int], float], steps: list[int], count: int) -> Callable[[], object]:
    """f of every step, `count` calls in all. The Python loop around them is timed too, some 5 ns a call."""
    return partial(Timer("for step in steps: f(step)", globals={"f": f, "steps": steps}).timeit, count // len(steps))


def value_task(make: Maker, compiled: bool, far: bool, count: int) -> Task:
    """Single values of a schedule or its program, at 100 random steps of its length or just below 2**53."""
    schedule, rng = make(LONG), random.Random(0)
    steps = [2**53 - rng.randrange(LONG) if far else rng.randrange(LONG) for _ in range(100)]
    f = schedule.program if compiled else schedule
    return Task(calls(f, steps, count), lambda: check_values(schedule, np.array(steps), np.array([f(t) for t in steps])), items=count)


# -- compiling, importing ----------------------------------------------------------------------------------------------


def compile_task(makers: list[Maker], count: int) -> Task:
    """`count` schedules, no two equal, of the makers in turn; all their programs are kept."""
    schedules = [makers[i % len(makers)](LONG + i) for i in range(count)]
    programs: list[lr.Program] = []

    def ours() -> None:
        programs.extend(lr.compile_schedule(schedule) for schedule in schedules)

    def check() -> None:
        assert len(programs) == count
        for i in sampled(count, 10).tolist():
            steps = sampled(LONG, 5)
            check_values(schedules[i], steps, programs[i](steps))

    return Task(ours, check, items=count, before=programs.clear)


def construct_task(count: int) -> Task:
    """Making so many schedules of a warmup and a cosine, no two equal, each checked as it is made."""
    made: list[lr.Schedule] = []

    def ours() -> None:
        made.extend(warmup_cosine(LONG + i) for i in range(count))

    def check() -> None:
        for i in sampled(count, 10).tolist():
            steps = sampled(LONG, 5)
            check_values(made[i], steps, made[i](steps))

    return Task(ours, check, items=count, before=made.clear)


def told(code: str, *arguments: object, bytecode: str | None = None) -> float:
    """The number that a fresh Python prints; `bytecode` is a folder for compiled modules, whatever the caller's Python does with them."""
    env = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE" or bytecode is None}
    if bytecode is not None:
        env["PYTHONPYCACHEPREFIX"] = bytecode
    done = subprocess.run([sys.executable, "-c", code, *map(str, arguments)], env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return float(done.stdout)


IMPORT = "import sys, time, numpy; begin = time.perf_counter(); import lrcore; print((time.perf_counter() - begin) * 1e3)"


def import_task(count: int) -> Task:
    """Milliseconds of `import lrcore` in a process that has NumPy, its modules compiled to bytecode, as pip leaves them."""
    folder = TemporaryDirectory()
    imported = partial(told, bytecode=folder.name)
    imported(IMPORT)

    def check() -> None:
        imported(IMPORT + "; assert 'torch' not in sys.modules and lrcore.constant(0.1)(7) == 0.1")
        folder.cleanup()

    return Task(partial(imported, IMPORT), check)


# -- tables on disk ----------------------------------------------------------------------------------------------------


def save_task(threads: int | None, rows: int) -> Task:
    """table.save of four columns, against filling and flushing a `.npy` memmap of that size; both files are new in each round."""
    base_rate = warmup_cosine(rows)
    layers = lr.layerwise(base_rate, 0.9, ["a", "b", "c", "d"])
    table = lr.Plan(groups={name: {"lr": rate} for name, rate in layers.items()}).table(rows)
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
import re, sys, tempfile, lrcore as lr, lrcore.files
def told(what):  # not ru_maxrss, which a process has from its parent
    return int(re.search(what + r":\\s+(\\d+) kB", open("/proc/self/status").read())[1]) / 1024
rows = int(sys.argv[1])
base = lr.warmup_cosine(1.0, warmup=0.01, steps=rows)
table = lr.Plan(groups={name: {"lr": rate} for name, rate in lr.layerwise(base, 0.9, list("abcd")).items()}).table(rows)
table.row(0)
began = told("VmRSS")
with tempfile.TemporaryDirectory() as folder:
    table.save(folder + "/table.npy")
    peak = told("VmHWM")
    assert (lr.open_table(folder + "/table.npy")[rows // 2] == table[rows // 2]).all()
print(peak - began)
"""


def memory_task(rows: int) -> Task:
    """MiB of memory, at its peak, beyond what a process had before it saved the table."""
    return Task(partial(told, MEMORY, rows), lambda: None)  # the process checks a row


def told_task(figures: Callable[[], dict[str, float]], name: str, count: int) -> Task:
    """One of the figures that a process told, which checked the answers it timed."""
    return Task(lambda: figures()[name], lambda: None)


# -- peers -------------------------------------------------------------------------------------------------------------


def agreeing(
    ours: Callable[[], Any], base: Callable[[], Any], rtol: float, items: int, base_items: int, before: Callable[[], object] | None = None
) -> Task:  # fmt: skip
    """Two that must agree within rtol of the value or, since peers lose digits near zero, of the peak."""
    answers: dict[str, Any] = {}

    def keep_ours() -> None:
        answers["ours"] = ours()

    def keep_base() -> None:
        answers["base"] = base()

    def check() -> None:
        np.testing.assert_allclose(answers["ours"][:base_items], answers["base"], rtol=rtol, atol=rtol * PEAK)

    return Task(keep_ours, check, keep_base, items, base_items, before)


def numpy_task(peers: Peers, count: int) -> Task:
    """A range against NumPy's expression of steps made beforehand; both results are new arrays."""
    schedule, t = peers.ours(count), np.arange(count, dtype=np.float64)
    return agreeing(lambda: schedule.values(count, threads=1), lambda: peers.numpy(t, count), 1e-12, count, count)


def optax_task(peers: Peers, count: int) -> Task:
    """A float32 range against the jitted optax schedule of an array of steps made beforehand."""
    import jax
    import optax

    schedule, f, t = peers.ours(count), jax.jit(peers.optax(optax, count)), jax.numpy.arange(count)
    ours = partial(schedule.values, count, dtype=np.float32, threads=1)
    return agreeing(ours, lambda: f(t).block_until_ready(), 2e-6, count, count)


def scheduler_loop_task(peers: Peers, count: int, who: str) -> Task:
    """A range against a loop over a scheduler of torch's or timm's that collects the rates of its first 1,000 steps, per value."""
    import torch

    schedule, few = peers.ours(count), min(count, 1_000)
    made: dict[str, Any] = {}

    def before() -> None:
        optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], PEAK)
        if who == "timm":
            assert peers.timm is not None
            made["step"] = peers.timm(timm_schedulers(), optimizer, count).step_update
        else:
            made["step"] = peers.torch(torch.optim.lr_scheduler, optimizer, count).step
            optimizer.step()  # torch's schedulers warn where they come first
        made["group"] = optimizer.param_groups[0]

    told = [(t + 1,) if who == "timm" else () for t in range(few)]

    def base() -> list[float]:
        group, step, rates = made["group"], made["step"], []
        for arguments in told:
            rates.append(group["lr"])
            step(*arguments)
        return rates

    return agreeing(lambda: schedule.values(count, threads=1), base, 1e-9, count, few, before)


def numpy_loop_task(peers: Peers, count: int) -> Task:
    """A range against a loop that fills the first 10,000 values of an array with a Python function of the step, per value."""
    schedule, few = peers.ours(count), min(count, 10_000)
    f = peers.python(count)

    def base() -> np.ndarray:
        rates = np.empty(few)
        for t in range(few):
            rates[t] = f(t)
        return rates

    return agreeing(lambda: schedule.values(count, threads=1), base, 1e-12, count, few)


def lrsched_task(peers: Peers, count: int) -> Task:
    """A range against the first 10,000 values of lrsched.sample, per value."""
    import lrsched

    schedule, f, few = peers.ours(count), peers.lrsched(lrsched, count), min(count, 10_000)
    return agreeing(lambda: schedule.values(count, threads=1), lambda: lrsched.sample(f, num_steps=few), 1e-12, count, few)


def _jitted_call(peers: Peers) -> Callable[[int], float]:
    import jax
    import optax

    jitted = jax.jit(peers.optax(optax, LONG))
    return lambda t: float(jitted(t))


def _lrsched_call(peers: Peers) -> Callable[[int], float]:
    import lrsched

    return peers.lrsched(lrsched, LONG)


def _keras_call(peers: Peers) -> Callable[[int], float]:
    import keras

    assert peers.keras is not None
    scheduled = peers.keras(keras.optimizers.schedules, LONG)
    return lambda t: float(scheduled(t))


ONE_CALL: dict[str, tuple[Callable[[Peers], Callable[[int], float]], int, float]] = {
    "plain Python": (lambda peers: peers.python(LONG), 1, 1e-12),
    "lrsched": (_lrsched_call, 1, 1e-12),
    "optax under jit": (_jitted_call, 10, 2e-6),
    "Keras's schedules": (_keras_call, 20, 2e-6),
}
"""How a peer is asked for a float, what part of our number of calls that is timed with, and the relative error it may have."""


def one_call_task(peers: Peers, who: str, count: int) -> Task:
    """schedule(step) against the peer's own call that gives a float."""
    make, part, rtol = ONE_CALL[who]
    schedule, theirs, few = peers.ours(LONG), make(peers), max(count // part, 100)
    rng = random.Random(0)
    steps = [rng.randrange(LONG) for _ in range(100)]

    def check() -> None:
        np.testing.assert_allclose([schedule(t) for t in steps], [theirs(t) for t in steps], rtol=rtol, atol=rtol * PEAK)

    return Task(calls(schedule, steps, count), check, calls(theirs, steps, few), count, few)
