"""The laws that every adapter of lrcore keeps, whatever the framework: this project's own bindings, and yours.

Write a Driver, which says how one training run under the adapter is started, stepped, saved and loaded. A law is a function of its
class, and raises AssertionError with a sentence. `check(MyDriver)` holds it to all of them; in pytest,

    @pytest.mark.parametrize("law", laws(MyDriver))
    def test_law(law):
        law(MyDriver)
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from copy import deepcopy
from functools import lru_cache
from itertools import accumulate, permutations
from typing import Any, ClassVar

import numpy as np

from . import catalogue
from .errors import StateError
from .plan import BoundPlan, Plan
from .registry import recipes
from .schedule import Schedule, Sequence, Sum

Values = dict[str, dict[str, float]]
"""{group: {field: value}}"""


class Driver(ABC):
    """One training run under an adapter. Making one starts it: `MyDriver(plan, ("body", "head"))` has two groups of these names.

    rounding : how far a value may be off, relative to the plan's float64: 0 for none, 6e-8 for float32, 1e-6 for the lowered form
    fields : what the laws schedule; each must be in `update`'s answer
    last_step : the last step that the framework's counter can have
    without : names of `plans()` that this framework cannot follow; say why beside it

    What is optional: `seek(step)`, to go to a step; `add_group(name)`, to train one more group. A law that needs one of them is in
    `laws(MyDriver)` only if it is there.
    """

    rounding: ClassVar[float] = 0.0
    fields: ClassVar[tuple[str, ...]] = ("lr",)
    last_step: ClassVar[int] = 2**31 - 1
    without: ClassVar[frozenset[str]] = frozenset()

    @abstractmethod
    def __init__(self, plan: Plan, names: tuple[str, ...]) -> None:
        """Make a model with these groups and attach the plan, with the adapter's defaults."""

    @abstractmethod
    def update(self) -> Values:
        """Make an update of the weights and return the values that it used: best read from how far the weights moved."""

    @abstractmethod
    def step(self) -> None:
        """Go on to the next step; nothing where the update itself does that. Every update is followed by one call."""

    @abstractmethod
    def save(self) -> dict[str, Any]:
        """The checkpoint, part by part (the optimizer's, the plan's, ...), with nothing in it that the run still changes."""

    @abstractmethod
    def load(self, state: dict[str, Any]) -> None:
        """Load the parts of a checkpoint, in the order of the dictionary."""


Start = type[Driver]
Law = Callable[[Start], None]

NAMES = ("body", "head")


def plans() -> dict[str, Plan]:
    """What `same_values` is tried on: every recipe of the catalogue, by its name and with its example, and schedules within schedules.

    >>> plans()["clipped"].table(1)[0]
    array([0.15])
    """
    made = {name: Plan(recipe(**recipe.example)) for name, recipe in recipes().items()}
    rise, fall = catalogue.linear(0.0, 0.1, 7), catalogue.cosine(0.1, 0.001, 30)
    nested: dict[str, Schedule] = {
        "sequence": rise >> fall >> 0.001,
        "product of curves": catalogue.exponential_decay(0.1, 0.9, every=10) * catalogue.cosine(1.0, 0.5, 40),
        "stairs of epochs": fall.per(11).every(2),
        "cycles that grow": (rise >> fall).repeat(stretch=1.5, decay=0.8),
        "stretched": (rise >> fall).stretch(2.5),
        "back and forth": fall.past_end("mirror"),
        "clipped": (2 * fall).clip(0.01, 0.15),
        "overridden": fall.override(at=20, stop=0.01, steps=5),
        "long": catalogue.warmup_cosine(3e-4, warmup=10**6, steps=2**31 + 10**6),
    }
    return made | {name: Plan(schedule) for name, schedule in nested.items()}


# -- laws --------------------------------------------------------------------------------------------------------------


def same_values(driver: Start, only: Iterable[str] | None = None) -> None:
    """After k calls of `step`, an update uses the plan's values of step k.

    only : the names of `plans()` to try; None tries all. Of each the first steps; with `seek` also both sides of the
        end of every phase and of 2**24, steps of the last thousand, any others, and the last that the counter can have; without, every
        step until its end.
    """
    known = plans()
    for name in known if only is None else only:
        if name not in driver.without:
            _same_values(driver, known[name], f"{name}, ")


def _same_values(driver: Start, plan: Plan, where: str) -> None:
    run = driver(plan, NAMES[:1])
    length = _length(plan)
    at_will = _can(driver, "seek")
    for step in range(8 if at_will else min(length, 2000) + 3):
        _agree(run, plan, step, where)
        run.step()
    if at_will:
        for step in _steps(plan, length, driver.last_step):
            _seek(run, step)
            _agree(run, plan, step, where)
            run.step()
            if step < driver.last_step:
                _agree(run, plan, step + 1, where)
                run.step()


def groups_have_their_own(driver: Start) -> None:
    """Every group, and every field of it, has the values the plan has for it."""
    plan = _plan(driver)
    _go(driver(plan, NAMES), plan, 0, 25)


def holds_past_the_end(driver: Start) -> None:
    """The last value of a plan holds for ever after."""
    plan = Plan(catalogue.linear(0.1, 0.025, 3))
    run = driver(plan, NAMES)
    _go(run, plan, 0, 9)
    if _can(driver, "seek"):
        for step in (1000, 2**24 + 1, driver.last_step):
            _seek(run, step)
            _agree(run, plan, step)


def runs_stand_alone(driver: Start) -> None:
    """Two runs beside each other do not touch."""
    plan = _plan(driver)
    one, other = driver(plan, NAMES), driver(plan, NAMES)
    _go(one, plan, 0, 5)
    _agree(other, plan, 0)
    _agree(one, plan, 5)


def resumes_at_any_step(driver: Start) -> None:
    """A new run that loads what another saved goes on with the values of the next step, and so does the other."""
    plan = _plan(driver)
    for step in (0, 1, 4, 5, 13, 19, 20, 23):
        run = driver(plan, NAMES)
        _go(run, plan, 0, step)
        resumed = driver(plan, NAMES)
        resumed.load(deepcopy(run.save()))
        _go(resumed, plan, step, 3, "resumed, ")
        _go(run, plan, step, 3, "after saving, ")


def loads_twice(driver: Start) -> None:
    """Loading a checkpoint twice is the same as loading it once."""
    plan = _plan(driver)
    state = _saved(driver, plan, 7)
    resumed = driver(plan, NAMES)
    for _ in range(2):
        resumed.load(deepcopy(state))
    _go(resumed, plan, 7, 3)


def loads_in_any_order(driver: Start) -> None:
    """The parts of a checkpoint may be loaded in any order."""
    plan = _plan(driver)
    state = _saved(driver, plan, 7)
    for order in permutations(state):
        resumed = driver(plan, NAMES)
        resumed.load({part: deepcopy(state[part]) for part in order})
        _go(resumed, plan, 7, 3, f"{' before '.join(order)}, ")


def goes_back(driver: Start) -> None:
    """Loading a checkpoint into a run that is further on takes it back."""
    plan = _plan(driver)
    run = driver(plan, NAMES)
    _go(run, plan, 0, 4)
    state = deepcopy(run.save())
    _go(run, plan, 4, 12)
    run.load(state)
    _go(run, plan, 4, 3)


def refuses_another_plan(driver: Start) -> None:
    """The checkpoint of another plan is refused with a StateError, which shows what differs; the run goes on as if nothing had been."""
    plan = _plan(driver)
    state = _saved(driver, Plan(catalogue.linear(0.5, 0.25, 20)), 7)
    run = driver(plan, NAMES)
    _go(run, plan, 0, 3)
    try:
        run.load(state)
    except StateError as refusal:
        if "made with another plan" not in str(refusal):
            raise AssertionError(f"The checkpoint of another plan was refused without the differences: {refusal}") from refusal
    else:
        raise AssertionError("The checkpoint of another plan was loaded. lr.check_state says whether a state belongs to a plan.")
    _go(run, plan, 3, 3, "after the refusal, ")


def seeks(driver: Start) -> None:
    """After `seek` an update uses the values of that step, and later ones go on from there, forwards or back."""
    plan = _plan(driver)
    run = driver(plan, NAMES)
    for step in (17, 3, 0, 22, 5):
        _seek(run, step)
        _go(run, plan, step, 2)


def late_groups(driver: Start) -> None:
    """A group that is added on the way has the plan's values from the next step on, and the others keep theirs."""
    plan = _plan(driver, "head|late")
    run: Any = driver(plan, NAMES)
    _go(run, plan, 0, 3)
    run.add_group("late")
    run.update()
    run.step()
    for step in range(4, 8):
        used = _agree(run, plan, step)
        if "late" not in used:
            raise AssertionError(f"{_at(step)} the update had the groups {', '.join(used)}, without the late one.")
        run.step()


LAWS: tuple[Law, ...] = (
    same_values, groups_have_their_own, holds_past_the_end, runs_stand_alone, resumes_at_any_step, loads_twice, loads_in_any_order,
    goes_back, refuses_another_plan, seeks, late_groups,
)  # fmt: skip

_NEEDS: dict[Law, str] = {seeks: "seek", late_groups: "add_group"}


def laws(driver: Start) -> list[Law]:
    """The laws a driver can be held to: all but those that need a method it does not have."""
    return [law for law in LAWS if law not in _NEEDS or _can(driver, _NEEDS[law])]


def check(driver: Start) -> None:
    """Hold a driver to every law; AssertionError with a sentence for the first that it breaks."""
    for law in laws(driver):
        try:
            law(driver)
        except AssertionError as error:
            raise AssertionError(f"{law.__name__}: {error}") from error


# -- what they are made of ---------------------------------------------------------------------------------------------


def _plan(driver: Start, tenth: str = "head") -> Plan:
    """A plan that schedules every field of a driver, each by a curve of its own, with a tenth of the rate for some groups."""
    rate = catalogue.warmup_cosine(0.1, warmup=5, steps=20, stop=1e-3)
    others = {field: catalogue.linear(0.5 + 0.02 * i, 0.9, 20) for i, field in enumerate(driver.fields) if field != "lr"}
    return Plan(rate, fields=others, groups={tenth: {"lr": 0.1 * rate}})


def _length(plan: Plan) -> int:
    """Steps until a plan repeats or holds; 1,000 of one that never does."""
    spans = [schedule.span for schedule in plan.bind(NAMES[:1]).schedules]
    return max((span for span in spans if isinstance(span, int)), default=1000)


def _steps(plan: Plan, length: int, last: int) -> list[int]:
    """Both sides of every phase's end and of 2**24, some of the thousand steps before the end, any others, and the last there is."""
    (schedule,) = plan.bind(NAMES[:1]).schedules
    phases = schedule.phases if isinstance(schedule, Sequence) else ()
    ends = [0, length, *accumulate(phase.span for phase in phases if isinstance(phase.span, int))]
    chosen = {end + offset for end in ends for offset in (-2, -1, 0, 1)} | {length - distance for distance in (1000, 333, 57)}
    chosen |= {*range(2**24 - 2, 2**24 + 3), 2**31 - 2, 2**31 - 1, *np.random.default_rng(0).integers(0, length + 1, 10).tolist()}
    return sorted(step for step in chosen if 0 <= step <= last)


def _saved(driver: Start, plan: Plan, step: int) -> dict[str, Any]:
    run = driver(plan, NAMES)
    _go(run, plan, 0, step)
    return deepcopy(run.save())


def _go(run: Driver, plan: Plan, first: int, count: int, where: str = "") -> None:
    for step in range(first, first + count):
        _agree(run, plan, step, where)
        run.step()


def _seek(run: Any, step: int) -> None:
    run.seek(step)


def _can(driver: Start, method: str) -> bool:
    return callable(getattr(driver, method, None))


def _at(step: int, where: str = "") -> str:
    text = f"{where}at step {step:,}"
    return text[0].upper() + text[1:]


def _agree(run: Driver, plan: Plan, step: int, where: str = "") -> Values:
    """Make an update, and compare what it used with what the plan has."""
    used = run.update()
    bound = _bound(plan, tuple(used))
    wanted = bound.current(step)
    sizes = {column: _size(schedule, wanted[column[0]][column[1]]) for column, schedule in zip(bound.columns, bound.schedules, strict=True)}
    for (name, field), size in sizes.items():
        if field not in used[name]:
            raise AssertionError(f"{_at(step, where)}, the update says nothing of {field} of {name!r}.")
        value, exact = float(used[name][field]), wanted[name][field]
        smallest = 2.0**-126 if run.rounding else 0.0  # below it float32 has no full precision
        allowed = max(run.rounding * size, smallest)
        if not abs(value - exact) <= allowed:
            off = f"{abs(value - exact) / abs(exact):.2g} of it" if exact else f"{abs(value):.2g}"
            limit = f"{allowed / abs(exact):.2g} is" if exact else f"{allowed:.2g} is"
            raise AssertionError(
                f"{_at(step, where)}, {field} of {name!r} is {exact!r} by the plan, and the update used {value!r}: {off} off, where "
                f"{limit if run.rounding else 'nothing is'} allowed."
            )
    return used


def _size(schedule: Schedule, exact: float) -> float:
    """What an error is relative to: the value; of a sum, whose terms may cancel, the largest value it has on the way."""
    if not any(isinstance(part, Sum) for part in _parts(schedule)):
        return abs(exact)
    return max(_peak(schedule), abs(exact))


@lru_cache
def _peak(schedule: Schedule) -> float:
    return float(np.abs(schedule.values(1000)).max())


@lru_cache
def _bound(plan: Plan, names: tuple[str, ...]) -> BoundPlan:
    return plan.bind(names)


def _parts(schedule: Schedule) -> Iterable[Schedule]:
    yield schedule
    for attribute in ("terms", "phases", "inner"):
        inner = getattr(schedule, attribute, ())
        for part in inner if isinstance(inner, tuple) else (inner,):
            yield from _parts(part)
