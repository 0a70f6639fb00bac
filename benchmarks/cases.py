"""What is measured: one row per case, with the promise it is held to. `CASES` is all of them, in the order they are told."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

from . import compiled_steps, tasks, torch_steps
from .peers import PEERS
from .schedules import COMPOSED, CURVES, RECIPES, SHAPES, SHORT_CYCLES, TREES
from .tasks import Task


@dataclass(frozen=True)
class Unit:
    """A figure, made of the seconds an item takes what is compared with, those it takes us, and the number ours returned."""

    name: str
    figure: Callable[[float, float, float], float]
    more_is_better: bool = False


TIMES_FILL = Unit("x fill", lambda base, ours, told: ours / base)
TIMES_RANGE = Unit("x the range", lambda base, ours, told: ours / base)
AS_FAST = Unit("x as fast", lambda base, ours, told: base / ours, more_is_better=True)
NANOSECONDS = Unit("ns", lambda base, ours, told: ours * 1e9)
TIMES_CONSTANT = Unit("x a constant rate", lambda base, ours, told: ours / base)
MILLISECONDS = Unit("ms", lambda base, ours, told: ours * 1e3)
SECONDS_OF_ALL = Unit("s for 10^5", lambda base, ours, told: ours * 1e5)
MILLISECONDS_TOLD = Unit("ms", lambda base, ours, told: told)
TIMES_OTHER = Unit("x", lambda base, ours, told: told)
TIMES_AS_FAST_TOLD = Unit("x as fast", lambda base, ours, told: told, more_is_better=True)
MEBIBYTES_TOLD = Unit("MiB", lambda base, ours, told: told)


@dataclass(frozen=True)
class Case:
    """A row of the results."""

    section: str
    name: str
    size: int
    prepare: Callable[[int], Task]
    unit: Unit
    promise: float | None = None  # None: told, but nothing was promised
    note: str = ""  # stands above the section's table
    rounds: int = 31
    level: str | None = None  # the instruction set to force
    needs: tuple[str, ...] = ()  # modules that the tests of the project do not install
    cores: int = 1
    slow: bool = False  # takes a minute to prepare, and is left out of the tests
    series: str = ""  # the line of the picture it is a point of
    at: int | None = None  # where along that line: steps or groups

    def __str__(self) -> str:
        return f"{self.section}: {self.name}"

    def kept(self, figure: float) -> bool | None:
        if self.promise is None:
            return None
        return figure >= self.promise if self.unit.more_is_better else figure <= self.promise


RANGES: list[tuple[str, int, float | None]] = [
    ("float64", 10**6, 2.0),
    ("float64", 10**7, 1.25),
    ("float64", 10**8, 1.25),
    ("float32", 10**6, None),
    ("float32", 10**7, 2.75),
    ("float32", 10**8, 1.25),
]
APART = {("exponential", "float64", 10**7): 1.5, ("tanh", "float64", 10**7): 2.5, ("cosine_power", "float64", 10**7): 2.5}
"""Shapes of which something else was promised."""
UNPROMISED = {
    "rex",
    "tanh",
    "sigmoid",
    "cosine_power",
    "cosine_power_annealing",
    "mirror_cosine",
    "quarter_cosine",
    "k_decay",
    "k_decay_polynomial",
}
"""Shapes that come from series, of which nothing was promised but what stands above."""


def ranges() -> Iterator[Case]:
    for dtype, steps, promise in RANGES:
        title = f"Ranges of 10^{len(str(steps)) - 1} steps, {dtype}"
        rounds = 31 if steps < 10**8 else 15
        for name, make in CURVES.items():
            shape = name.split()[0]
            held_to = APART.get((shape, dtype, steps), None if shape in UNPROMISED else promise)
            yield Case(title, name, steps, partial(tasks.fill_task, make, dtype), TIMES_FILL, held_to, rounds=rounds)


def recipes() -> Iterator[Case]:
    title, note = "Recipes, 10^7 steps, float64", "The examples of the registry, stretched to 10^7 steps where they have an end."
    for name, make in RECIPES.items():
        yield Case(title, name, 10**7, partial(tasks.fill_task, make, "float64"), TIMES_FILL, note=note, rounds=15)


def short_and_composed() -> Iterator[Case]:
    for title, made, promise, note in (
        ("Restarts and short cycles, 10^7 steps, float64", SHORT_CYCLES, 1.3, ""),
        ("Products, a thousand phases, random trees, 10^7 steps, float64", {**COMPOSED, **TREES}, 4.0,
         "A tree is six random combinators deep; of two terms one has full depth, the other any. Seed and number of ramps name it."),
    ):  # fmt: skip
        for name, make in made.items():
            yield Case(title, name, 10**7, partial(tasks.fill_task, make, "float64"), TIMES_FILL, promise, note)


def old_machines() -> Iterator[Case]:
    for level, promise, note in (
        ("baseline", 5.0, "As on a CPU without FMA."),
        ("avx2", None, "As on a CPU without AVX-512; nothing apart was promised."),
    ):
        for name, make in CURVES.items():
            title = f"Ranges of 10^7 steps, float64, LRCORE_SIMD={level}"
            yield Case(title, name, 10**7, partial(tasks.fill_task, make, "float64"), TIMES_FILL, promise, note, level=level)


def arrays() -> Iterator[Case]:
    for order, promise in (("sorted", 3.0), ("random", 8.0)):
        for name, make in CURVES.items():
            prepare = partial(tasks.gather_task, make, order == "sorted")
            yield Case(f"An int64 array of 10^6 {order} steps", name, 10**6, prepare, TIMES_RANGE, promise)


def group_tables() -> Iterator[Case]:
    for columns, promise in ((64, 1.25), (8, None)):
        title = "A table of 10^6 rows, its groups sharing a schedule"
        yield Case(title, f"{columns} groups", 10**6, partial(tasks.groups_task, columns), TIMES_FILL, promise, rounds=15)


def threads() -> Iterator[Case]:
    note = "The promise is for what is bound by arithmetic: powers, exponentials and cosines as float32, and products. The rest is told."
    bound = ("polynomial", "exponential", "cosine")
    for dtype, curves in (("float32", SHAPES), ("float64", SHAPES | COMPOSED)):
        for name, make in curves.items():
            promise = 1.6 if (dtype == "float32" and name.startswith(bound)) or name.startswith("product") else None
            title, prepare = "Two threads against one, 10^7 steps", partial(tasks.threads_task, make, dtype)
            yield Case(title, f"{name}, {dtype}", 10**7, prepare, AS_FAST, promise, note, cores=2)


def single_values() -> Iterator[Case]:
    title, note = "One value", "Nanoseconds a call at random steps, the Python loop around it included."
    for name, make in CURVES.items():
        of_program = 80.0 if name in SHAPES else None
        of_schedule = 150.0 if name in SHAPES else 250.0 if name == "warmup_cosine" else None
        for what, compiled, promise in (("program(step)", True, of_program), ("schedule(step)", False, of_schedule)):
            prepare = partial(tasks.value_task, make, compiled, False)
            yield Case(title, f"{what}, {name}", 10**5, prepare, NANOSECONDS, promise, note)
    for name, make in SHORT_CYCLES.items():
        prepare = partial(tasks.value_task, make, False, True)
        yield Case(title, f"schedule(step) near 2^53, {name}", 10**5, prepare, NANOSECONDS, 1000.0, note)


def compiling() -> Iterator[Case]:
    title, note = "Compiling distinct schedules", "All programs are kept. The first row compiles 10^5; the others 2,000, told for 10^5."
    everything = partial(tasks.compile_task, list(CURVES.values()))
    yield Case(title, "shapes and recipes in turn", 10**5, everything, SECONDS_OF_ALL, 2.0, note, rounds=3)
    for name, make in CURVES.items():
        yield Case(title, name, 2_000, partial(tasks.compile_task, [make]), SECONDS_OF_ALL, 2.0, note, rounds=15)


def making() -> Iterator[Case]:
    note = "Each is checked as it is made."
    yield Case("Making a schedule", "lr.warmup_cosine(...)", 2_000, tasks.construct_task, NANOSECONDS, None, note, rounds=15)


def importing() -> Iterator[Case]:
    note = "In a fresh process each time, from bytecode, as pip installs it."
    yield Case("Importing lrcore, NumPy being there", "import lrcore", 1, tasks.import_task, MILLISECONDS_TOLD, 40.0, note)


def disk() -> Iterator[Case]:
    title = "A table of 4 columns to disk"
    note = "Against filling and flushing a `.npy` memmap of that size. Memory is the peak above what there was before, in one run."
    for name, threads, rows, promise in (
        ("10^7 rows, 320 MB", None, 10**7, 0.8),
        ("10^6 rows, 32 MB", None, 10**6, 0.8),
        ("10^7 rows, threads=1", 1, 10**7, None),
    ):
        yield Case(title, name, rows, partial(tasks.save_task, threads), AS_FAST, promise, note, rounds=15)
    for name, rows in (("memory, 320 MB", 10**7), ("memory, 1.3 GB", 4 * 10**7)):
        yield Case(title, name, rows, tasks.memory_task, MEBIBYTES_TOLD, 64.0, note, rounds=1)


def training_steps() -> Iterator[Case]:
    def groups_of(promises: dict[int, float | None]) -> Iterator[tuple[int, str, float | None]]:
        return ((groups, f"{groups:,} group{'s' * (groups > 1)}", promise) for groups, promise in promises.items())

    note, counted = "torch, host mode: what one `scheduler.step()` costs.", dict.fromkeys((1, 10, 100, 1_000))
    for contender in torch_steps.CONTENDERS:
        title = f"PlanScheduler.step() against torch's {contender}.step()"
        for groups, name, promise in groups_of({**counted, 1: 5.0, 100: 15.0, 1_000: 15.0} if "Cosine" in contender else counted):
            prepare = partial(torch_steps.step_task, groups, contender)
            yield Case(title, name, max(10_000 // groups, 30), prepare, AS_FAST, promise, note, at=groups)
    title = "PlanScheduler.step() against a loop that assigns a constant"
    for groups, name, promise in groups_of({1: None, 10: 1.0, 100: 1.0, 1_000: 1.0}):
        prepare = partial(torch_steps.step_task, groups, "loop")
        yield Case(title, name, max(10_000 // groups, 30), prepare, AS_FAST, promise, note, at=groups)
    title, note = "Attaching a PlanScheduler", "Making one on an optimizer, the plan's compilation included."
    for groups, name, promise in groups_of({**counted, 1_000: 20.0}):
        yield Case(title, name, 3, partial(torch_steps.attach_task, groups), MILLISECONDS, promise, note)
    title = "torch, device mode on the CPU: an eager step against CosineAnnealingLR on tensor rates"
    for groups, name, promise in groups_of(counted):
        yield Case(title, name, max(300 // groups, 10), partial(torch_steps.device_step_task, groups), AS_FAST, promise)
    title = "torch, device mode on the CPU: a compiled training step against one at a constant rate"
    note = "A chain of layers 64 wide, a group each, batches of 256, AdamW compiled with `advance()`; inductor."
    for groups, name, promise in groups_of({1: 1.01, 100: 1.01}):
        yield Case(title, name, 20, partial(torch_steps.compiled_task, groups), TIMES_CONSTANT, promise, note, slow=groups > 1)


def compiled() -> Iterator[Case]:
    note = "In a process of its own, median of rounds in which the contenders take turns; steps are small, and their noise is 10 %."
    shared = {
        "step, of one at a constant rate": TIMES_OTHER,
        "compiling 10^9 steps, of compiling 10^3": TIMES_OTHER,
    }
    keras = {
        "eager call, as fast as CosineDecay": TIMES_AS_FAST_TOLD, "step with CosineDecay, of one at a constant rate": TIMES_OTHER,
        "saved model of 10^9 steps, of 10^3": TIMES_OTHER, "saved model, of one with CosineDecay": TIMES_OTHER,
    }  # fmt: skip
    optax = {"eager call, as fast as optax's": TIMES_AS_FAST_TOLD, "step with optax's schedule, of one at a constant rate": TIMES_OTHER}
    promises = {"eager call, as fast as CosineDecay": 2.0, "saved model of 10^9 steps, of 10^3": 1.01}
    for backend, needs in (
        ("keras-tensorflow", ("keras", "tensorflow")), ("keras-jax", ("keras", "jax")), ("keras-torch", ("keras",)), ("optax", ("optax",)),
    ):  # fmt: skip
        for name, unit in {**shared, **(optax if backend == "optax" else keras)}.items():
            prepare = partial(tasks.told_task, partial(compiled_steps.figures_of, backend), name)
            yield Case(f"{backend}: warmup and cosine", name, 1, prepare, unit, promises.get(name), note, 1, needs=needs, slow=True)


def peers() -> Iterator[Case]:
    both = "Both results are new arrays; the peer's steps are an array made beforehand."
    single = "One of lrcore's threads; optax computes in float32 and may use every core."
    loop = "Per value, 1,000 steps of one group against a range."
    torch_loop, timm_loop = (partial(tasks.scheduler_loop_task, who=who) for who in ("torch", "timm"))
    for who, note, prepare, promise, needs, counts in (
        ("NumPy's expression", both, tasks.numpy_task, 10.0, (), (10**6, 10**3)),
        ("optax under jit (CPU), float32", f"{both} {single}", tasks.optax_task, 5.0, ("optax",), (10**6, 10**3)),
        ("a loop over torch's scheduler.step()", loop, torch_loop, 1000.0, (), (10**6,)),
        ("a loop over timm's scheduler.step_update()", loop, timm_loop, None, ("timm",), (10**6,)),
        ("lrsched.sample", "Per value, 10,000 of lrsched against a range.", tasks.lrsched_task, None, ("lrsched",), (10**6,)),
        ("a loop that fills a NumPy array", "Per value, 10,000 of a Python function against a range.", tasks.numpy_loop_task,
         None, (), (10**6,)),
    ):  # fmt: skip
        for count in counts:
            title = f"Against {who}, 10^{len(str(count)) - 1} values"
            for name, peer in PEERS.items():
                if prepare is not timm_loop or peer.timm:
                    held_to = promise if count == 10**6 else None
                    yield Case(title, name, count, partial(prepare, peer), AS_FAST, held_to, note, needs=needs)
    for who, needs in (("plain Python", ()), ("lrsched", ("lrsched",)), ("optax under jit", ("optax",)), ("Keras's schedules", ("keras",))):
        title, note = f"Against {who}, one value a call", "schedule(step) against the peer's call that gives a float."
        if who.startswith("Keras"):
            note += " Keras is called eagerly and runs on PyTorch, unless KERAS_BACKEND names another."
        for name, peer in PEERS.items():
            if not who.startswith("Keras") or peer.keras:
                yield Case(title, name, 10**4, partial(tasks.one_call_task, peer, who), AS_FAST, None, note, needs=needs)


def scaling() -> Iterator[Case]:
    title, note = "Against NumPy's expression, 1 to 10^8 values", "Into memory that is there; NumPy's expression makes new arrays."
    for name in ("linear", "cosine", "exponential", "warmup_cosine"):
        for power in range(2 if name == "warmup_cosine" else 0, 9):  # below 100 steps it has no warmup
            count = 10**power
            numpy = PEERS[name].numpy if power <= 7 else None
            unit = Unit("µs a call", lambda base, ours, told, count=count: ours * count * 1e6)
            prepare = partial(tasks.growing_range_task, PEERS[name].ours, numpy)
            yield Case(title, f"{name}, 10^{power} steps", count, prepare, unit, None, note, 7, series=name, at=count)
    title, note = "Tables of 10^5 rows, 1 to 1,000 groups", "Against filling the table."
    for series, prepare in (("shared schedule", tasks.groups_task), ("own schedules", tasks.own_groups_task)):
        for groups in (1, 10, 100, 1_000):
            name = f"{groups:,} group{'s' * (groups > 1)}, {series}"
            yield Case(title, name, 10**5, partial(prepare, groups), TIMES_FILL, None, note, 7, series=series, at=groups)


SOURCES = (
    ranges, recipes, short_and_composed, old_machines, arrays, group_tables, threads, single_values,
    making, compiling, importing, disk, training_steps, compiled, scaling, peers,
)  # fmt: skip
CASES: list[Case] = [case for source in SOURCES for case in source()]
