"""From what the canvas holds to plans: everything is checked, and every refusal is kept with the place it belongs to."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import msgspec

from ..clocks import Clock
from ..document import from_json
from ..errors import LrcoreError, SpecError
from ..expression import from_expression
from ..plan import BoundPlan, Plan, layerwise
from ..registry import Recipe, recipes
from ..schedule import Schedule
from .canvas import MOST_GROUPS, Item, Named, Path, Run, Stored, What, Written

Refusals = dict[Path, str]
"""Where something was refused, and the sentence that says why."""

CLOCK = ("batch_size", "accumulation", "world_size", "epoch_size", "sequence_length")


class Made(msgspec.Struct, frozen=True):
    """What came of an item: its plan, met with its groups; or None and what was refused."""

    plan: Plan | None
    bound: BoundPlan | None
    refusals: Refusals


def made(item: Item, run: Run = Run()) -> Made:  # noqa: B008 # a frozen value
    """The plan of an item for a run, or what is wrong with it; the same item is made once."""
    return _made(msgspec.json.encode((item.but(id=0, name="", color=0, hidden=False), run)))


@lru_cache(512)
def _made(document: bytes) -> Made:
    item, run = msgspec.json.decode(document, type=tuple[Item, Run])
    refusals: Refusals = {}
    plan = _plan(item, run, refusals)
    try:
        bound = None if plan is None else plan.bind()
        if bound is not None:
            bound.row(0)  # samples may not be at hand
            return Made(plan, bound, refusals)
    except LrcoreError as error:
        refusals[_place(error)] = str(error)
    return Made(None, None, refusals)


def clock_of(run: Run, refusals: Refusals | None = None) -> Clock | None:
    """The clock of a run, None without a batch size or where a number is refused."""
    if run.batch_size is None:
        return None
    try:
        return Clock(**{name: getattr(run, name) for name in CLOCK})
    except SpecError as error:
        if refusals is not None:
            refusals["run", error.path] = str(error)
        return None


def _plan(item: Item, run: Run, refusals: Refusals) -> Plan | None:
    parts = {field: schedule(what, (field,), refusals) for field, what in item.fields.items()}
    clock = clock_of(run, refusals)
    if refusals:
        return None
    rate = parts.pop("lr")
    if isinstance(rate, Plan):
        return _completed(rate, run, clock, refusals)
    try:
        groups = _groups(item, rate, refusals)
        return None if refusals else Plan(rate, fields=parts, groups=groups, horizon=run.horizon, unit=run.unit, clock=clock)  # type: ignore[arg-type]
    except LrcoreError as error:
        refusals[_place(error)] = str(error)
        return None


def _completed(plan: Plan, run: Run, clock: Clock | None, refusals: Refusals) -> Plan | None:
    """A whole plan, with what the run says where the plan says nothing."""
    changes: dict[str, Any] = {}
    if plan.horizon is None and run.horizon is not None:
        changes["horizon"] = run.horizon
    if plan.clock is None and clock is not None:
        changes["clock"] = clock
    try:
        return msgspec.structs.replace(plan, **changes)
    except LrcoreError as error:
        refusals[_place(error)] = str(error)
        return None


def _groups(item: Item, rate: Any, refusals: Refusals) -> dict[str, dict[str, Any]]:
    names = [group.name for group in item.groups]
    if len(names) > MOST_GROUPS:
        raise SpecError("groups", f"at most {MOST_GROUPS} groups on a canvas", len(names))
    if len(set(names)) < len(names):
        raise SpecError("groups", "every name once", next(name for i, name in enumerate(names) if name in names[:i]))
    try:
        rates = dict.fromkeys(names, rate) if item.layer_decay is None else layerwise(rate, item.layer_decay, names)
    except SpecError as error:
        refusals["layer_decay",] = str(error)
        return {}
    groups: dict[str, dict[str, Any]] = {}
    for group in item.groups:
        own = rates[group.name] if group.factor == 1 else group.factor * rates[group.name]
        groups[group.name] = {"lr": None if group.frozen else own}
        if group.weight_decay is not None:
            groups[group.name]["weight_decay"] = group.weight_decay
    return groups


def _place(error: LrcoreError) -> Path:
    """Where on the page an error of a plan belongs."""
    path = error.path if isinstance(error, SpecError) else ""
    head = path.partition(".")[0].partition("[")[0]
    if head in ("horizon", "unit"):
        return "run", head
    if head == "clock":
        return "run", path.partition(".")[2].partition("[")[0] or "batch_size"
    if head in ("groups", "fields"):
        return (head,)
    return ("lr",)


# -- one schedule ------------------------------------------------------------------------------------------------------------


def schedule(what: What, path: Path, refusals: Refusals) -> Schedule | Plan | None:
    """The schedule meant, or None with what was refused; only a rate may be a whole plan."""
    try:
        match what:
            case Named():
                return _called(what, path, refusals)
            case Written():
                found = from_expression(what.text)
            case Stored():
                found = from_json(what.json)
        if isinstance(found, Plan) and path != ("lr",):
            raise SpecError("expression", "a schedule, since a plan stands only for all of it", found)
        return found
    except LrcoreError as error:
        refusals[path] = str(error)
    except (OverflowError, ZeroDivisionError, MemoryError, RecursionError) as error:
        refusals[path] = f"{'.'.join(path)}: expected numbers that can be worked out, got {type(error).__name__}."
    return None


def _called(what: Named, path: Path, refusals: Refusals) -> Schedule | None:
    recipe = recipes().get(what.recipe)
    if recipe is None:
        raise SpecError("recipe", "the name of a recipe", what.recipe)
    domains = {parameter.name: parameter.domain for parameter in recipe.parameters}
    arguments: dict[str, Any] = {}
    before = len(refusals)
    for name, value in what.arguments.items():
        arguments[name] = schedule(value, (*path, name), refusals) if isinstance(value, Named | Written | Stored) else value
        if name in domains and not any(place[: len(path) + 1] == (*path, name) for place in refusals):
            try:
                domains[name].check(arguments[name], f"{recipe.name}.{name}")
            except SpecError as error:
                refusals.setdefault((*path, name), str(error))
    if len(refusals) > before:
        return None
    try:
        return recipe(**arguments)
    except SpecError as error:
        refusals[blamed(recipe, what, path, error.path)] = str(error)
    except TypeError as error:  # a link may leave out an argument, or bring an unknown one
        refusals[path] = f"{recipe.name}: expected its own parameters, got something else ({error})."
    return None


def blamed(recipe: Recipe, what: Named, path: Path, where: str) -> Path:
    """The argument that an error of a recipe is about, or the recipe as a whole."""
    head = where.removeprefix(f"{recipe.name}.").partition(".")[0].partition("[")[0]
    return (*path, head) if head in what.arguments else path
