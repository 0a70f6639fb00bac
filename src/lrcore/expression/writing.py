"""A schedule or a plan as the expression a person would write, which reads back equal."""

from __future__ import annotations

import ast
from typing import Any

from ..errors import SpecError
from ..plan import Plan
from ..registry import recipes
from ..schedule import (
    Constant,
    Curve,
    Every,
    Maximum,
    Minimum,
    PastEnd,
    Per,
    Product,
    Ramp,
    Repeat,
    Samples,
    Schedule,
    Sequence,
    Stretch,
    Sum,
    Until,
)
from ..shapes import CURVES, SHAPES
from .reading import from_expression

_CHAINS: dict[type[Schedule], tuple[str, int]] = {Sequence: (" >> ", 0), Sum: (" + ", 1), Product: (" * ", 2)}
"""How these are joined, and how tightly: a looser one inside a tighter one wants brackets."""


def to_expression(plan: Schedule | Plan, prefix: str = "") -> str:
    """The expression on one line that `from_expression` reads back to an equal schedule or plan.

    prefix : what stands before every name of lrcore's, such as "lr."
    Only long Samples whose values lie in a file cannot be read back: the expression names the file, and reading refuses to open one.
    Raises SpecError for anything that is no Schedule and no Plan.

    >>> import lrcore as lr
    >>> to_expression(lr.linear(0.0, 0.1, 10) >> 0.1 * lr.cosine(1.0, 0.0, 90_000).repeat(decay=0.5))
    'linear(0.0, 0.1, 10) >> 0.1 * cosine(1.0, 0.0, 90_000).repeat(decay=0.5)'
    >>> to_expression(lr.Plan(lr.constant(0.1), momentum=0.9, horizon=100), "lr.")
    'lr.Plan(0.1, momentum=0.9, horizon=100)'
    """
    if not isinstance(plan, Schedule | Plan):
        raise SpecError("plan", "a Plan or a Schedule", plan)
    text = _plan(plan) if isinstance(plan, Plan) else _schedule(plan)
    if not _reads_back(text, plan):
        text = repr(plan)
    return _prefixed(text, prefix) if prefix else text


def _reads_back(text: str, plan: Schedule | Plan) -> bool:
    try:
        return from_expression(text) == plan
    except SpecError:
        return False


def call(name: str, *placed: Any, **named: Any) -> str:
    """A call as text; arguments that are None are left out."""
    given = [*map(_value, placed), *(f"{key}={_value(value)}" for key, value in named.items() if value is not None)]
    return f"{name}({', '.join(given)})"


def _value(value: Any) -> str:
    if isinstance(value, Schedule):
        return _schedule(value)
    if isinstance(value, int) and not isinstance(value, bool):
        return f"{value:_}" if abs(value) >= 10_000 else str(value)
    if isinstance(value, str):
        return _quoted(value)
    if isinstance(value, tuple | list):
        return f"[{', '.join(map(_value, value))}]"
    if isinstance(value, dict):
        return f"{{{', '.join(f'{_quoted(key)}: {_value(each)}' for key, each in value.items())}}}"
    return repr(value)


def _quoted(text: str) -> str:
    """In double quotes, as most people's formatters have it, unless that would cost a backslash."""
    plain = repr(text)
    return f'"{plain[1:-1]}"' if plain[0] == "'" and '"' not in plain and "\\" not in plain else plain


def _field(value: Schedule | None) -> Any:
    """A field of a plan: an endless constant is its number."""
    return value.value if isinstance(value, Constant) and value.steps is None else value


def _plan(plan: Plan) -> str:
    keywords = {field: _field(getattr(plan, field)) for field in ("momentum", "beta1", "beta2", "weight_decay")}
    others = {field: _field(value) for field, value in plan.fields.items()}
    groups = {pattern: {field: _field(value) for field, value in fields.items()} for pattern, fields in plan.groups}
    first = [] if plan.lr is None else [_field(plan.lr)]
    return call(
        "Plan", *first, **keywords, fields=others or None, groups=groups or None, horizon=plan.horizon,
        unit=None if plan.unit == "updates" else plan.unit, clock=plan.clock,
        adapt=dict(plan.adapt) if isinstance(plan.adapt, tuple) else plan.adapt,
    )  # fmt: skip


def _schedule(schedule: Schedule, tightness: int = 0) -> str:
    """`tightness`: of what stands around it; 3 is a method's dot."""
    match schedule:
        case Sequence() | Sum() | Product():
            joint, own = _CHAINS[type(schedule)]
            terms = schedule.phases if isinstance(schedule, Sequence) else schedule.terms
            if len(terms) == 1:
                return repr(schedule)
            leads = own > 0 and not isinstance(terms[1], Constant)  # 0.1 * schedule, but two numbers would be one
            words = [_term(term, i == 0 and leads, own + 1) for i, term in enumerate(terms)]
            return f"({joint.join(words)})" if own < tightness else joint.join(words)
        case Minimum(terms=(Constant(value=hi, steps=None), Maximum(terms=(Constant(value=lo, steps=None), inner)))):
            return f"{_schedule(inner, 3)}.clip({lo!r}, {hi!r})"
        case Minimum() | Maximum():
            return call(type(schedule).__name__.lower(), *map(_field, schedule.terms))
        case Repeat():
            given = {name: (getattr(schedule, field), usual) for name, (field, usual) in _OF_REPEAT.items()}
            return _method(schedule.inner, "repeat", **{name: value for name, (value, usual) in given.items() if value != usual})
        case Every() | Per() | Stretch():
            return _method(schedule.inner, type(schedule).__name__.lower(), schedule.k)
        case Until():
            return _method(schedule.inner, "until", schedule.steps)
        case PastEnd():
            return _method(schedule.inner, "past_end", schedule.mode)
        case Constant():
            return call("constant", schedule.value, *([] if schedule.steps is None else [schedule.steps]))
        case Ramp() | Curve():
            return _leaf(schedule)
        case Samples(path=None, sha256=""):
            return call("Samples", schedule.samples)
    return repr(schedule)


_OF_REPEAT = {
    "times": ("times", None), "stretch": ("growth", 1), "decay": ("decay", 1), "floor": ("floor", 0), "decay_floor": ("decay_floor", 1),
}  # fmt: skip
"""Argument of the method -> (field, default)."""


def _term(term: Schedule, leads: bool, tightness: int) -> str:
    return repr(term.value) if leads and isinstance(term, Constant) and term.steps is None else _schedule(term, tightness)


def _method(inner: Schedule, name: str, *placed: Any, **named: Any) -> str:
    return f"{_schedule(inner, 3)}.{call(name, *placed, **named)}"


def _leaf(schedule: Ramp | Curve) -> str:
    """A curve by the recipe of its name where there is one, else by its shape."""
    known = (SHAPES if isinstance(schedule, Ramp) else CURVES)[schedule.shape]
    own = {parameter.name: value for parameter, value in zip(known.parameters, schedule.args, strict=True)}
    recipe = recipes().get(schedule.shape)
    ends: tuple[Any, ...] = (schedule.start,)
    extra: dict[str, Any] = {}
    if isinstance(schedule, Ramp):
        ends = (schedule.start, schedule.stop, schedule.steps)
        extra = {"endpoint": True} if schedule.endpoint else {}
        general = call("ramp", *ends, *([] if schedule.shape == "linear" else [schedule.shape]), **extra, **own)
    else:
        extra = {} if schedule.steps is None else {"steps": schedule.steps}
        general = call("curve", schedule.start, schedule.shape, *extra.values(), **own)
    if recipe is None:
        return general
    taken = {parameter.name for parameter in recipe.parameters}
    named = {**own, **extra}
    defaults = recipe.complete({})
    shorter = {key: value for key, value in named.items() if key in taken and not (key in defaults and defaults[key] == value)}
    written = call(schedule.shape, *ends, **shorter)
    return written if _reads_back(written, schedule) else general


def _prefixed(text: str, prefix: str) -> str:
    """The expression with `prefix` before every name that is called; strings stay as they are."""
    calls = (node.func for node in ast.walk(ast.parse(text, mode="eval")) if isinstance(node, ast.Call))
    starts = [name.col_offset for name in calls if isinstance(name, ast.Name)]
    raw = text.encode()  # the parser counts bytes
    for start in sorted(starts, reverse=True):
        raw = raw[:start] + prefix.encode() + raw[start:]
    return raw.decode()
