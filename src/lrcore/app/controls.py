"""A control for every parameter, made from its domain; and the picker of a recipe or an expression above them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import streamlit as st

from ..registry import Domain, Recipe, RecipeParameter, ratio, recipes
from ..shapes import CURVES, SHAPES
from .canvas import Item, Named, Path, Stored, What, Written
from .look import plain
from .making import Refusals
from .scales import SAFE, fractions, nearest, read_list, scale, step_of, write
from .slider import moved, slider
from .starting import fresh, shape_of, with_shape
from .state import canvas, changed, commit, guarded, shows
from .writing import expression

OWN = "expression"
"""The choice beside the recipes."""


def label_of(choice: str) -> str:
    """A recipe as a list shows it: its name, its family, and what it is."""
    if choice == OWN:
        return "your own expression"
    recipe = recipes()[choice]
    return f"{choice} · {recipe.family} · {recipe.summary.partition(':')[0].rstrip('.')}"


def choices() -> list[str]:
    """What can be picked: the recipes family by family, and an expression."""
    return [*recipes(), OWN]


def begin(choice: str, before: What | None = None) -> What:
    """What a choice begins with."""
    if choice != OWN:
        return fresh(recipes()[choice], before)
    return Written(expression(before)) if before is not None else Written("")


def refusal(refusals: Refusals, path: Path, inside: bool = False) -> None:
    """The sentence that belongs to a control, right under it."""
    for place, sentence in refusals.items():
        if place == path or (inside and place[: len(path)] == path):
            st.error(plain(sentence), icon=":material/error:")


def key_of(item: Item, path: Path) -> str:
    """The key of the widget that shows what stands at a path."""
    return f"{item.id}/{'/'.join(path)}"


# -- a schedule --------------------------------------------------------------------------------------------------------------


def schedule(item: Item, path: Path, label: str, refusals: Refusals) -> None:
    """The controls of one schedule: what it is, and its parameters."""
    what: What = item.at(path)
    key = key_of(item, path)
    chosen = what.recipe if isinstance(what, Named) and what.recipe in recipes() else OWN
    st.selectbox(
        label, choices(), format_func=label_of, key=shows(f"{key}?", chosen), filter_mode="contains",
        on_change=_picked, args=(item.id, path, f"{key}?"),
    )  # fmt: skip
    if not isinstance(what, Named):
        _text(item, path, what)
        refusal(refusals, path)
        return
    refusal(refusals, path)
    if chosen == OWN:
        return
    recipe = recipes()[what.recipe]
    for parameter in recipe.parameters:
        if parameter.domain.kind == "schedule":
            st.markdown(f"**{parameter.name}**", help=parameter.summary)
            with st.container(border=True):
                schedule(item, (*path, parameter.name), f"{parameter.name}: schedule", refusals)
        else:
            _parameter(item, recipe, parameter, (*path, parameter.name), refusals)
        if parameter.domain.kind == "shape":
            for own in _shape_parameters(recipe, what):
                _parameter(item, recipe, own, (*path, own.name), refusals)


@guarded
def _picked(number: int, path: Path, key: str) -> None:
    item = canvas().item(number)
    if item is None:
        return
    before: What = item.at(path)
    after = begin(st.session_state[key], before)
    if path == ("lr",) and isinstance(before, Named) and item.name.startswith(before.recipe):  # nobody named it
        named = after.recipe if isinstance(after, Named) else OWN
        item = item.but(name=canvas().remove(number).free_name(named))
    commit(canvas().change(item.put(path, after)))


def _text(item: Item, path: Path, what: What) -> None:
    """The field of an expression; a document has none that gives it back, and is shown as it is."""
    key = key_of(item, path)
    if isinstance(what, Stored):
        st.code(what.json, language="json", wrap_lines=True, height=160)
        return
    assert isinstance(what, Written)
    st.text_area(
        "expression", key=shows(f"{key}=", what.text), height=100, placeholder="cosine(1, 0, 100) >> constant(0.1)",
        help="Recipes by name, joined with >> (then), * and +; .repeat(), .clip(), .every() and the other methods; or a whole Plan(...).",
        on_change=changed, args=(item.id, path, f"{key}=", Written),
    )  # fmt: skip


def _shape_parameters(recipe: Recipe, what: Named) -> list[RecipeParameter]:
    """The parameters of the chosen shape, as parameters of the recipe."""
    shape = shape_of(recipe, what.arguments)
    if shape is None:
        return []
    return [
        RecipeParameter(
            each.name, "Number", ratio(each.low, each.high, above=not each.closed), f"{each.summary}, of {shape.name}", each.example
        )
        for each in shape.parameters
    ]  # fmt: skip


# -- a parameter -------------------------------------------------------------------------------------------------------------


def _parameter(item: Item, recipe: Recipe, parameter: RecipeParameter, path: Path, refusals: Refusals) -> None:
    domain, value = parameter.domain, item.at(path[:-1]).arguments.get(path[-1])
    unit = f", in {domain.unit}" if domain.unit not in ("", "value") else ""
    told = f"{parameter.summary}{unit}: {domain.words}"
    with st.container(key=f"row-{key_of(item, path).replace('/', '-')}", gap=None):
        match domain.kind:
            case "flag":
                key = shows(key_of(item, path), value is True)
                st.checkbox(parameter.name, key=key, help=told, on_change=changed, args=(item.id, path, key, bool))
            case "choice" | "shape":
                _choice(item, parameter, path, value, told)
            case "values" | "ratios" | "counts":
                key = shows(key_of(item, path), write(value))
                st.text_input(parameter.name, key=key, help=told, on_change=changed, args=(item.id, path, key, read_list))
            case _:
                _number(item, parameter, path, value, recipe.complete(recipe.example).get(parameter.name, parameter.default), told)
        refusal(refusals, path)


def _choice(item: Item, parameter: RecipeParameter, path: Path, value: Any, told: str) -> None:
    choices = parameter.domain.choices
    key = key_of(item, path)
    shapes = {**CURVES, **SHAPES}
    if parameter.domain.kind == "choice" and len(choices) <= 3:
        st.segmented_control(
            parameter.name, choices, key=shows(key, value if value in choices else None), format_func=str, help=told, required=True,
            on_change=_chose, args=(item.id, path, key),
        )  # fmt: skip
        return
    st.selectbox(
        parameter.name, choices, key=shows(key, value if value in choices else None), help=parameter.summary,
        index=0 if value in choices else None,
        format_func=lambda name: f"{name} · {shapes[name].summary}" if name in shapes else str(name),
        on_change=_chose, args=(item.id, path, key),
    )  # fmt: skip


@guarded
def _chose(number: int, path: Path, key: str) -> None:
    """One of some choices; with another shape come other parameters."""
    item, value = canvas().item(number), st.session_state[key]
    if item is None or value is None:
        return
    item = item.put(path, value)
    within: Named = item.at(path[:-1])
    commit(canvas().change(item.put(path[:-1], with_shape(recipes()[within.recipe], within))))


def _modes(domain: Domain) -> list[str]:
    """The kinds of value a number may be given as."""
    numbers = ["steps", "fraction"] if domain.kind == "length" else ["number"] if domain.special else []
    return [*numbers, *["rest"] * domain.rest, *("auto" if word is None else word for word in domain.special)]


def mode_of(domain: Domain, value: Any) -> str:
    """The one of the kinds that a value is of."""
    if value is None and None in domain.special:
        return "auto"
    if isinstance(value, str) and value in _modes(domain):
        return value
    return "fraction" if domain.kind == "length" and isinstance(value, float) else "steps" if domain.kind == "length" else "number"


def _number(item: Item, parameter: RecipeParameter, path: Path, value: Any, reference: Any, told: str) -> None:
    """A number beside its slider, and above the slider the other things it may be."""
    domain, key = parameter.domain, key_of(item, path)
    mode = mode_of(domain, value)
    whole = domain.kind == "count" or mode == "steps"
    left, right = st.columns([5, 6], gap="small", vertical_alignment="bottom", wrap=False)
    with right:
        modes = _modes(domain)
        if modes:
            st.segmented_control(
                f"{parameter.name} as", modes, key=shows(f"{key}:", mode), label_visibility="collapsed", required=True,
                on_change=_as, args=(item.id, path, domain, reference, f"{key}:"),
            )  # fmt: skip
    if mode not in ("number", "steps", "fraction"):
        left.text_input(parameter.name, key=shows(f"{key}-", mode), help=told, disabled=True)
        return
    known = reference if isinstance(reference, int | float) else None
    shown = _shown(value, whole)
    left.number_input(
        parameter.name, key=shows(key, shown), value=None if shown is None else "min", help=told,
        step=1 if whole else float(step_of(domain, known)), format="%d" if whole else "%g",
        on_change=changed, args=(item.id, path, key, _same),
    )  # fmt: skip
    values = fractions() if mode == "fraction" else scale(domain, known, _largest(key, value))
    if values:
        kind = int if whole else float
        options = [kind(each) for each in values]
        place = kind(nearest(values, value))
        with right:
            slider(f"{parameter.name} slider", options, place, f"{key}~", _slid, (item.id, path, f"{key}~", kind))


@guarded
def _slid(number: int, path: Path, key: str, kind: Callable[[Any], Any]) -> None:
    """A slider is somewhere else."""
    item, value = canvas().item(number), moved(key)
    if item is not None and value is not None:
        commit(canvas().change(item.put(path, kind(value))), key)


def _same(value: Any) -> Any:
    return value


def _largest(key: str, value: Any) -> int:
    """The largest value a length has had, so that its slider reaches as far and does not shrink under the hand."""
    seen = st.session_state.setdefault("largest", {})
    if type(value) is int:
        seen[key] = max(seen.get(key, 0), min(value, SAFE))
    return int(seen.get(key, 0))


def _shown(value: Any, whole: bool) -> int | float | None:
    """A value as a field for numbers takes it; None for what is none."""
    if isinstance(value, bool) or not isinstance(value, int | float) or abs(value) > (SAFE if whole else 1e300):
        return None
    return (int(value) if value == int(value) else None) if whole else float(value)


@guarded
def _as(number: int, path: Path, domain: Domain, reference: Any, key: str) -> None:
    """Another kind of value was chosen: begin with one that suits it."""
    item, mode = canvas().item(number), st.session_state[key]
    if item is None or mode is None:
        return
    numeric = reference if isinstance(reference, int | float) and mode_of(domain, reference) == mode else None
    match mode:
        case "auto":
            value: Any = None
        case "number" | "steps":
            values = scale(domain, numeric)
            value = numeric if numeric is not None else nearest(values, 100 if domain.unit == "steps" else 1) if values else 1.0
        case "fraction":
            value = numeric if numeric is not None else 0.1
        case _:
            value = mode
    commit(canvas().change(item.put(path, value)))
