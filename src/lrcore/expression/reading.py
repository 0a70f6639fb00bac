"""An expression to the schedule or plan it means.

Python's grammar is parsed, nothing of it is run: names stand for what the table below lists, and a call reaches nothing else.
"""

from __future__ import annotations

import ast
import inspect
import math
import operator
import warnings
from collections.abc import Callable, Mapping
from difflib import get_close_matches
from functools import cache
from importlib import import_module
from types import MappingProxyType
from typing import Any

from ..errors import SpecError, Words
from ..plan import Plan
from ..schedule import Schedule, as_schedule

LONGEST = 100_000
"""Characters that are read."""

METHODS = ("clip", "repeat", "every", "per", "stretch", "shift", "until", "past_end", "override", "over")
"""What may be called on a schedule."""

_PARTS = (
    "Constant", "Ramp", "Curve", "Noise", "Knots", "Samples", "Sequence", "Product", "Sum", "Minimum", "Maximum",
    "Repeat", "Every", "Per", "Stretch", "Until", "PastEnd", "ramp", "curve", "minimum", "maximum", "layerwise",
    "Plan", "Clock", "ReduceLROnPlateau", "GreedyLR", "NewBob",
)  # fmt: skip

_OPERATORS: dict[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.RShift: operator.rshift, ast.Mult: operator.mul, ast.Add: operator.add,
    ast.Sub: operator.sub, ast.Div: operator.truediv, ast.Pow: operator.pow,
}  # fmt: skip
_OF_SCHEDULES = (ast.RShift, ast.Mult, ast.Add)


def from_expression(text: str) -> Schedule | Plan:
    """The Schedule or Plan that an expression means, in lrcore's names with or without `lr.` before them.

    text : recipes, parts, presets, `Plan`, `Clock` and rules, called as in Python; `>>`, `*`, `+` and the methods of a schedule; numbers
        and what makes numbers of them (`+ - * / **`); lists and dictionaries. A number alone is a constant. There may be lines
        before it that give names to parts (`base = cosine(...)`), and `import lrcore as lr`: what `lrcore code --for lrcore` writes is
        read back. Nothing else of Python is known, and nothing is run as Python.
    Raises SpecError: for what is no expression, with line and column; for arguments as the function called does.

    >>> import lrcore as lr
    >>> from_expression("warmup_cosine(3e-4, warmup=2000, steps=100_000)") == lr.warmup_cosine(3e-4, warmup=2000, steps=100_000)
    True
    >>> from_expression("linear(0, 0.1, 10) >> 0.1 * cosine(1, 0, 90).repeat(decay=0.5)")(10)
    0.1
    >>> from_expression("warmup_cosin(3e-4, 2000, 100_000)")
    Traceback (most recent call last):
    lrcore.errors.SpecError: line 1, column 1: expected a name that lrcore knows, got warmup_cosin. Did you mean warmup_cosine?
    """
    if not isinstance(text, str):
        raise SpecError("expression", "a string", text)
    if len(text) > LONGEST:
        raise SpecError("expression", f"at most {LONGEST:,} characters", Words(f"{len(text):,}"))
    reader = _Reader()
    value = None
    for line in _parsed(text):
        value = reader.line(line)
    if isinstance(value, Plan):
        return value
    if isinstance(value, Schedule | int | float) and not isinstance(value, bool):
        return as_schedule(value, "expression")
    hint = "Write for example warmup_cosine(3e-4, warmup=2000, steps=100000)."
    raise SpecError("expression", "a schedule, a plan or a number", _told(value), hint)


def _parsed(text: str) -> list[ast.stmt]:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of odd escapes in strings, which are refused or harmless
            lines = ast.parse(text.strip()).body
    except SyntaxError as error:
        where = f"line {error.lineno or 1}, column {error.offset or 1}"
        raise SpecError(where, "an expression", Words(f"a mistake ({error.msg})"), "Check its brackets, commas and quotes.") from None
    except (ValueError, MemoryError, RecursionError):
        raise SpecError("expression", "plain text that nests less deeply", Words("what cannot be parsed")) from None
    if not lines:
        hint = "Write for example warmup_cosine(3e-4, warmup=2000, steps=100000)."
        raise SpecError("expression", "a schedule, a plan or a number", Words("nothing"), hint)
    return lines


@cache
def names() -> Mapping[str, Any]:
    """Everything that may be called, by name: recipes, parts, and presets as `presets.torch.StepLR`."""
    import lrcore
    from lrcore import presets

    known = {name: getattr(lrcore, name) for name in (*lrcore.recipes(), *_PARTS)}
    for path, preset in presets.presets().items():
        known[f"presets.{path}"] = getattr(import_module(f"lrcore.presets.{path.partition('.')[0]}"), preset.name)
    return MappingProxyType(known)


class _Reader:
    """The values of syntax nodes, with the names given so far."""

    def __init__(self) -> None:
        self.given: dict[str, Any] = {}

    def line(self, line: ast.stmt) -> Any:
        match line:
            case ast.Expr(value=value):
                return self.value(value)
            case ast.Assign(targets=[ast.Name(id=name)], value=value):
                if name in names():
                    raise _refused(line, f"a name other than lrcore's own {name}")
                self.given[name] = self.value(value)
                return self.given[name]
            case ast.Import(names=[ast.alias(name="lrcore", asname="lr" | None)]):
                return None
        raise _refused(line, "an expression, or `name = expression`")

    def value(self, node: ast.expr) -> Any:
        try:
            return self._value(node)
        except RecursionError:
            raise SpecError("expression", "an expression that nests less deeply", Words("a deeper one")) from None

    def _value(self, node: ast.expr) -> Any:
        match node:
            case ast.Constant(value=None | bool() | int() | float() | str()):
                return node.value
            case ast.List(elts=elements):
                return [self._value(element) for element in elements]
            case ast.Tuple(elts=elements):
                return tuple(self._value(element) for element in elements)
            case ast.Dict(keys=keys, values=values) if None not in keys:
                return {self._key(key): self._value(value) for key, value in zip(keys, values, strict=True) if key is not None}
            case ast.UnaryOp(op=ast.USub() | ast.UAdd() as sign, operand=inner):
                number = self._value(inner)
                if not _is_number(number):
                    raise _refused(node, "a sign before a number only", "Write (-1) * schedule.")
                return -number if isinstance(sign, ast.USub) else number
            case ast.BinOp(left=left, op=how, right=right) if type(how) in _OPERATORS:
                return self._joined(node, how, self._value(left), self._value(right))
            case ast.Call():
                return self._called(node)
            case ast.Name(id=name) if name in self.given:
                return self.given[name]
        return self._function(node)

    def _key(self, node: ast.expr) -> str:
        key = self._value(node)
        if not isinstance(key, str):
            raise _refused(node, "a name in quotes as the key")
        return key

    def _joined(self, node: ast.expr, how: ast.operator, left: Any, right: Any) -> Any:
        if isinstance(left, Schedule) or isinstance(right, Schedule):
            pair = all(isinstance(side, Schedule) or _is_number(side) for side in (left, right))
            if not pair or not isinstance(how, _OF_SCHEDULES):
                hint = "Multiply by 1 / x, and add (-1) * b."
                raise _refused(node, "schedules and numbers, joined with >>, * or +", "" if isinstance(how, _OF_SCHEDULES) else hint)
            return as_schedule(left) >> right if isinstance(how, ast.RShift) else _OPERATORS[type(how)](left, right)
        if isinstance(how, ast.RShift) and _is_number(left) and _is_number(right):
            raise _refused(node, "a phase with a length before >>", "Write constant(value, steps).")
        if not (_is_number(left) and _is_number(right)):
            raise _refused(node, "numbers or schedules on both sides")
        try:
            if isinstance(how, ast.Pow) and abs(right) * math.log2(abs(left) or 1) > 1023:
                raise OverflowError
            result = _OPERATORS[type(how)](left, right)
            if not _is_number(result) or not math.isfinite(result):
                raise OverflowError
        except (ArithmeticError, ValueError):
            raise _refused(node, "a calculation whose result is a finite number") from None
        return result

    def _called(self, node: ast.Call) -> Any:
        function, said = self._callee(node.func)
        if any(isinstance(each, ast.Starred) for each in node.args) or any(each.arg is None for each in node.keywords):
            raise _refused(node, "arguments written one by one, without *")
        placed = [self._value(each) for each in node.args]
        named = {str(each.arg): self._value(each.value) for each in node.keywords}
        if function is _samples() and named.get("path") is not None:
            raise SpecError("Samples.path", "no path in an expression", named["path"], "Keep it in a JSON document.")
        try:
            return function(*placed, **named)
        except TypeError:
            raise _arguments(function, said, placed, named) from None

    def _callee(self, node: ast.expr) -> tuple[Callable[..., Any], str]:
        if isinstance(node, ast.Attribute) and node.attr in METHODS:
            owner = self._value(node.value)
            if isinstance(owner, Schedule):
                return getattr(owner, node.attr), node.attr
            raise _refused(node.value, f"a schedule before .{node.attr}")
        dotted = _dotted(node)
        if dotted is not None and dotted.partition(".")[0] in self.given:
            raise _refused(node, f"a method of a schedule ({', '.join(METHODS)})")
        return self._function(node), dotted or ""

    def _function(self, node: ast.expr) -> Any:
        dotted = _dotted(node)
        if dotted is None:
            if isinstance(node, ast.Attribute):
                raise _refused(node, f"a method of a schedule ({', '.join(METHODS)})")
            raise _refused(node, "numbers, strings, lists, dictionaries, and calls of what lrcore knows")
        if dotted not in names():
            near = get_close_matches(dotted, [*names(), *self.given], 1)
            raise SpecError(
                _place(node), "a name that lrcore knows", Words(dotted),
                f"Did you mean {near[0]}?" if near else "`lrcore list` shows them.",
            )  # fmt: skip
        return names()[dotted]


def _samples() -> Any:
    return names()["Samples"]


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _dotted(node: ast.expr) -> str | None:
    """`lr.presets.torch.StepLR` as presets.torch.StepLR; None for what is no name."""
    match node:
        case ast.Name(id=name):
            return name
        case ast.Attribute(value=ast.Name(id="lr" | "lrcore"), attr=name):
            return name
        case ast.Attribute(value=value, attr=name):
            before = _dotted(value)
            return None if before is None else f"{before}.{name}"
    return None


def _place(node: ast.AST) -> str:
    return f"line {getattr(node, 'lineno', 1)}, column {getattr(node, 'col_offset', 0) + 1}"


def _refused(node: ast.AST, expected: str, hint: str = "") -> SpecError:
    return SpecError(_place(node), expected, Words(ast.unparse(node)), hint)


def _arguments(function: Callable[..., Any], said: str, placed: list[Any], named: dict[str, Any]) -> SpecError:
    """A sentence for a call that has an argument too many, too few, or one of the wrong type."""
    parameters = inspect.signature(function).parameters
    taken = ", ".join(name for name, each in parameters.items() if each.kind is not each.VAR_KEYWORD)
    try:
        inspect.signature(function).bind(*placed, **named)
    except TypeError as error:
        unknown = [name for name in named if name not in parameters]
        near = get_close_matches(unknown[0], parameters, 1) if unknown else []
        hint = f"Did you mean {near[0]}?" if near else ""
        reason = str(error).removeprefix("got ").replace("missing a required argument:", "none for")
        return SpecError(said, f"the arguments {taken}" if taken else "no arguments", Words(reason), hint)
    return SpecError(said, f"values that its arguments {taken} accept", Words(", ".join(map(repr, [*placed, *named.values()]))))


def _told(value: Any) -> Words:
    return Words("a function that is not called" if callable(value) else repr(value))
