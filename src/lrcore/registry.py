"""The registry of recipes: what each takes, what it gives and what it is called elsewhere, as data.

A recipe says it once, in its signature and its decorator: the annotations carry domains, units and a line about each parameter,
the decorator the formula, the ends and the sources. Checks, `help()`, controls, documents and tests read that and nothing else.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from functools import cached_property, wraps
from itertools import pairwise
from math import inf
from numbers import Integral
from typing import Any, Literal, ParamSpec, TypeVar, cast, get_args

import numpy as np

from .checks import LAST_STEP, number, whole
from .checks import length as as_length
from .errors import SpecError
from .schedule import Schedule
from .shapes import SHAPES, Shape

Kind = Literal["value", "ratio", "length", "count", "choice", "flag", "values", "ratios", "counts", "schedule", "shape"]
"""What a parameter is, and so which control suits it.

value : a number in the unit of what is scheduled; ratio : a number without one; count : an integer;
length : steps as an integer, or a fraction (of the run, or of the horizon until `.over`), or "rest";
choice : one of `choices`; shape : one of `choices`, whose own parameters the recipe takes by name; flag : True or False;
values, ratios, counts : a sequence of these; schedule : a Schedule
"""

_LISTS = {"values": "value", "ratios": "ratio", "counts": "count"}


@dataclass(frozen=True)
class Domain:
    """What a parameter accepts: low <= value <= high, strictly where `above` or `below`; one of `choices`; or one of `special`.

    rest : of a length, whether "rest" will do; increasing : of a list, whether each must lie above the one before it
    least : of a list, how many at least
    """

    kind: Kind
    low: float = -inf
    high: float = inf
    above: bool = False
    below: bool = False
    choices: tuple[str | int, ...] = ()
    special: tuple[str | None, ...] = ()
    unit: str = ""
    rest: bool = False
    increasing: bool = False
    least: int = 0

    @cached_property
    def words(self) -> str:
        """What is accepted, as a noun phrase for sentences."""
        return _alternatives([*self._plain, *(f'"{word}"' if word else "None" for word in self.special)])

    @property
    def _plain(self) -> list[str]:
        match self.kind:
            case "value" | "ratio":
                return [f"a number {self._bounds}" if self._bounds else "a finite number"]
            case "count":
                return [f"an integer >= {self.low:g}"]
            case "length":
                return ["an integer >= 0", "a fraction strictly between 0 and 1", *['"rest"'] * self.rest]
            case "choice" | "shape":
                return [f"one of {', '.join(map(str, self.choices))}"]
            case "flag":
                return ["True or False"]
            case "schedule":
                return ["a Schedule"]
            case _:
                each = f"each {self.item.words}" + " and above the one before it" * self.increasing
                return [f"a list of at least {self.least}, {each}" if self.least else f"a list, {each}"]

    @property
    def _bounds(self) -> str:
        low, high = f"{self.low:g}", f"{self.high:g}"
        if self.high == inf:
            return "" if self.low == -inf else f"above {low}" if self.above else f"of at least {low}"
        if self.low == -inf:
            return f"below {high}" if self.below else f"of at most {high}"
        if self.above and self.below:
            return f"strictly between {low} and {high}"
        if not (self.above or self.below):
            return f"from {low} to {high}"
        return (f"above {low}" if self.above else f"from {low}") + (f" and below {high}" if self.below else f" and up to {high}")

    @cached_property
    def item(self) -> Domain:
        """What a list's elements accept."""
        return replace(self, kind=cast(Kind, _LISTS[self.kind]), increasing=False, least=0)

    def holds(self, value: float) -> bool:
        """Whether a number lies within the bounds."""
        return (self.low < value if self.above else self.low <= value) and (value < self.high if self.below else value <= self.high)

    def check(self, value: Any, path: str) -> Any:
        """The value, normalised; SpecError at `path` if it is not accepted."""
        if (value is None or isinstance(value, str)) and value in self.special:
            return value
        match self.kind:
            case "value" | "ratio":
                checked = number(value, path, self.words)
                if not self.holds(checked):
                    raise SpecError(path, self.words, value)
                return checked
            case "count" | "length":
                return self._integer(value, path)
            case "choice" | "shape":
                known = isinstance(value, str | Integral) and not isinstance(value, bool) and value in self.choices
            case "flag":
                known = isinstance(value, bool)
            case "schedule":
                known = isinstance(value, Schedule)
            case _:
                return self._list(value, path)
        if not known:
            raise SpecError(path, self.words, value)
        return value

    def _integer(self, value: Any, path: str) -> Any:
        try:
            if self.kind == "count":
                return whole(value, path, int(self.low), int(self.high))
            checked = as_length(value, path)
        except SpecError as error:
            too_long = isinstance(value, Integral) and int(value) > LAST_STEP
            raise SpecError(path, error.expected if too_long else self.words, value, error.hint) from None
        if checked == "rest" and not self.rest:
            raise SpecError(path, self.words, value)
        return checked

    def _list(self, value: Any, path: str) -> tuple[Any, ...]:
        if isinstance(value, np.ndarray):
            value = value.tolist()
        if not isinstance(value, list | tuple) or len(value) < self.least:
            raise SpecError(path, self.words, value)
        checked = tuple(self.item.check(each, f"{path}[{i}]") for i, each in enumerate(value))
        for i, (before, each) in enumerate(pairwise(checked), start=1):
            if self.increasing and not before < each:
                raise SpecError(f"{path}[{i}]", f"{self.item.words}, above the one before it ({before!r})", each)
        return checked


def _alternatives(words: list[str]) -> str:
    return " or ".join(words) if len(words) < 3 else f"{', '.join(words[:-1])}, or {words[-1]}"


# -- domains, as annotations write them ----------------------------------------------------------------------------------------


def value(*, special: tuple[str | None, ...] = ()) -> Domain:
    """Any finite number, in the unit of what is scheduled."""
    return Domain("value", special=special, unit="value")


def ratio(
    low: float = -inf, high: float = inf, *, above: bool = False, below: bool = False, special: tuple[str | None, ...] = ()
) -> Domain:
    """A number without a unit within bounds; `above` and `below` leave the bound itself out."""
    return Domain("ratio", low, high, above, below, special=special)


def count(low: int = 0, *, unit: str = "steps", special: tuple[str | None, ...] = ()) -> Domain:
    """An integer from `low` on."""
    return Domain("count", low, LAST_STEP, unit=unit, special=special)


def length(*, rest: bool = True, special: tuple[str | None, ...] = ()) -> Domain:
    """Steps, a fraction, or (with `rest`) what is left of the horizon."""
    return Domain("length", 0, LAST_STEP, unit="steps", rest=rest, special=special)


def choice(*choices: str | int) -> Domain:
    """One of these."""
    return Domain("choice", choices=choices)


def shape(*more: str, without: Iterable[str] = ()) -> Domain:
    """A name of the registry of shapes, or one of `more`."""
    return Domain("shape", choices=(*(name for name in SHAPES if name not in without), *more))


def flag() -> Domain:
    """True or False."""
    return Domain("flag")


def schedule() -> Domain:
    """A Schedule."""
    return Domain("schedule")


def many(item: Domain, *, least: int = 0, increasing: bool = False) -> Domain:
    """A list of values, ratios or counts."""
    return replace(item, kind=cast(Kind, item.kind + "s"), least=least, increasing=increasing)


def parameter_of(registry: dict[str, Shape], shape: str, name: str) -> Domain:
    """The domain of a shape's parameter, as its own registry has it."""
    known = next(parameter for parameter in registry[shape].parameters if parameter.name == name)
    return ratio(known.low, known.high, above=not known.closed)


# -- recipes -------------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class RecipeParameter:
    """One parameter of a recipe: its type as written, what it accepts, its default, and a line about it.

    required : it has no default; keyword : it is taken by name only
    """

    name: str
    type: str
    domain: Domain
    summary: str
    default: Any = None
    required: bool = True
    keyword: bool = False


@dataclass(frozen=True, eq=False)
class Recipe:
    """A schedule the field knows by name. Calling it makes the Schedule.

    family : the group it is listed with; summary, notes, usage : what its docstring says, and the examples there
    first, end : its value at step 0, and where it ends the value from there on, as Python expressions of the parameters
    boundary : which side of a change the step it happens at belongs to
    source : a paper or a library; elsewhere : library -> the name there, with what differs
    example : arguments that make a good picture and a good test; shown : steps of it worth looking at, None for its length
    takes_shape_parameters : whether the parameters of the chosen shape are taken by name
    """

    name: str
    family: str
    summary: str
    notes: str
    usage: str
    formula: str
    parameters: tuple[RecipeParameter, ...]
    first: str
    end: str
    boundary: str
    source: str
    elsewhere: dict[str, str]
    example: dict[str, Any]
    shown: int | None
    takes_shape_parameters: bool
    function: Callable[..., Schedule] = field(repr=False)

    def __call__(self, *args: Any, **arguments: Any) -> Schedule:
        """The Schedule of these arguments."""
        return self.function(*args, **arguments)

    @property
    def ends(self) -> str:
        """The first value and the end, as sentences."""
        return f"First value: {self.first}. " + (f"From the end on: {self.end}, held." if self.end else "It has no end.")

    @property
    def window(self) -> int:
        """Steps of the example worth looking at."""
        return self(**self.example).own_length("window") if self.shown is None else self.shown

    def complete(self, arguments: dict[str, Any]) -> dict[str, Any]:
        """The arguments with the defaults filled in."""
        return {parameter.name: parameter.default for parameter in self.parameters if not parameter.required} | arguments


_RECIPES: dict[str, Recipe] = {}

P = ParamSpec("P")
S = TypeVar("S", bound=Schedule)


def recipes() -> dict[str, Recipe]:
    """Every recipe by name, as data: parameters with domains and defaults, formula, ends, sources, names elsewhere, an example.

    >>> import lrcore as lr
    >>> step = lr.recipes()["step"]
    >>> [(parameter.name, parameter.domain.words) for parameter in step.parameters][1:]
    [('gamma', 'a number above 0 and up to 1'), ('every', 'an integer >= 1')]
    >>> step(**step.example) == lr.step(**step.example)
    True
    """
    from . import catalogue  # noqa: F401  # which fills the registry

    return dict(_RECIPES)


def recipe(
    *,
    formula: str,
    first: str,
    source: str,
    example: dict[str, Any],
    end: str = "",
    boundary: str = "each phase owns its first step; the step after its last belongs to what follows",
    elsewhere: dict[str, str] | None = None,
    window: int | None = None,
    blame: dict[str, str] | None = None,
) -> Callable[[Callable[P, S]], Callable[P, S]]:
    """List a function as a recipe, check its arguments at the door, and have errors name recipe and parameter.

    window : steps of the example worth looking at; None takes its length
    blame : where a schedule inside is at fault for a parameter of another name: that name -> the recipe's
    """

    def register(function: Callable[P, S]) -> Callable[P, S]:
        name = function.__name__
        signature = inspect.signature(function)
        parameters = tuple(_parameters(signature))
        domains = {parameter.name: parameter.domain for parameter in parameters}
        positional = [parameter.name for parameter in parameters if not parameter.keyword]

        @wraps(function)
        def checked(*args: P.args, **kwargs: P.kwargs) -> S:
            placed = [domains[key].check(arg, f"{name}.{key}") for key, arg in zip(positional, args, strict=False)]
            named = {key: domains[key].check(arg, f"{name}.{key}") if key in domains else arg for key, arg in kwargs.items()}
            try:
                return cast(Any, function)(*placed, *args[len(placed) :], **named)  # type: ignore[no-any-return]
            except SpecError as error:
                raise SpecError(_blamed(name, error.path, blame or {}), error.expected, error.got, error.hint) from None

        plain = [parameter.replace(annotation=_bare(parameter.annotation)) for parameter in signature.parameters.values()]
        checked.__signature__ = signature.replace(parameters=plain)  # type: ignore[attr-defined]
        text, _, usage = (inspect.getdoc(function) or "").partition("\n\n>>> ")
        summary, _, notes = text.partition("\n\n")
        known = _RECIPES[name] = Recipe(
            name=name,
            family=function.__module__.rpartition(".")[2],
            summary=summary,
            notes=notes,
            usage=f">>> {usage}",
            formula=formula,
            parameters=parameters,
            first=first,
            end=end,
            boundary=boundary,
            source=source,
            elsewhere=elsewhere or {},
            example=example,
            shown=window,
            takes_shape_parameters=any(parameter.kind is parameter.VAR_KEYWORD for parameter in plain),
            function=checked,
        )
        checked.__doc__ = _documented(known)
        return checked

    return register


def _parameters(signature: inspect.Signature) -> Iterable[RecipeParameter]:
    for given in signature.parameters.values():
        if given.kind is given.VAR_KEYWORD:
            continue
        kind, domain, summary = get_args(given.annotation)
        required = given.default is given.empty
        yield RecipeParameter(
            given.name, inspect.formatannotation(kind), domain, summary,
            None if required else given.default, required, given.kind is given.KEYWORD_ONLY,
        )  # fmt: skip


def _bare(annotation: Any) -> Any:
    return get_args(annotation)[0] if hasattr(annotation, "__metadata__") else annotation


def _blamed(name: str, path: str, blame: dict[str, str]) -> str:
    """The path of an error inside a recipe, as one of its own; a whole schedule at fault leaves the recipe's name alone."""
    head = path.partition("[")[0].partition(".")[0]
    return name if head[:1].isupper() else f"{name}.{blame.get(head, head)}{path[len(head) :]}"


def _documented(known: Recipe) -> str:
    """The docstring: what was written, with what the registry knows before its examples."""
    parameters = (
        f"{each.name} : {each.domain.words}{'' if each.required else f' (default {each.default!r})'}; {each.summary}"
        for each in known.parameters
    )
    elsewhere = (f"{library}: {name}" for library, name in known.elsewhere.items())
    parts = [
        known.summary,
        f"Formula: {known.formula}.\n{known.ends}\nBoundaries: {known.boundary}.",
        known.notes,
        "\n".join(parameters),
        "Raises SpecError for an argument outside these domains, naming recipe and parameter.",
        "\n    ".join([f"Source: {known.source}.\nElsewhere:", *elsewhere]) if known.elsewhere else f"Source: {known.source}.",
        known.usage,
    ]
    return "\n\n".join(part for part in parts if part)
