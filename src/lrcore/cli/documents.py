"""JSON and YAML documents to schedules and plans.

A document is what `to_json` wrote; or something that carries a plan, as a scheduler's state and a table's sidecar do; or the keywords of
Plan, with schedules as expressions: `{lr: "warmup_cosine(3e-4, warmup=2000, steps=100000)", weight_decay: 0.1}`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from typing import Any

import msgspec

from ..clocks import Clock
from ..document import from_json
from ..errors import LrcoreError, SpecError, Words
from ..expression import from_expression
from ..plan import FIELDS, Plan
from ..schedule import Schedule

_KEYWORDS = ("lr", "momentum", "beta1", "beta2", "weight_decay", "fields", "groups", "horizon", "unit", "clock", "adapt")
_LARGEST = 2_000_000
"""Values a document may have when its aliases are written out: a short YAML can mean more than fits any memory."""


def read_document(text: str, suffix: str = "") -> Schedule | Plan:
    """The Schedule or Plan of a text; `suffix` says whether it is JSON or YAML, and where it does not the text itself does.

    Raises LrcoreError, with line and column where they are known.
    """
    start = text.lstrip()[:1]
    if suffix == ".json" or (start in '{["' and not suffix):
        try:
            return _meant(_json(text), text)
        except _NotJSON:
            if suffix == ".json" or start == "[":
                raise
    if suffix in (".yaml", ".yml") or start == "{" or _KEY.search(text):
        return _meant(_yaml(text))
    return from_expression(text)


_KEY = re.compile(rf"^(---|lrcore *:|['\"]?({'|'.join((*_KEYWORDS, *FIELDS))})['\"]? *:( |$))", re.MULTILINE)
"""A line that no expression has and every YAML plan does."""


_FLOAT = re.compile(r"[-+]?[0-9][0-9_]*(\.[0-9_]*)?[eE][-+]?[0-9]+$")
"""YAML 1.1 wants a dot and a sign, as in 3.0e-4; people write 3e-4."""


class _NotJSON(LrcoreError):
    pass


def _json(text: str) -> Any:
    try:
        return json.loads(text, object_pairs_hook=_once)
    except json.JSONDecodeError as error:
        raise _NotJSON(f"line {error.lineno}, column {error.colno}: this is no JSON ({error.msg}).") from None
    except ValueError as error:  # an integer of thousands of digits
        raise _NotJSON(f"This is no JSON that can be read ({error}).") from None


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        twice = next(key for i, (key, _) in enumerate(pairs) if key in dict(pairs[:i]))
        raise LrcoreError(f"{twice!r} stands twice in one mapping. Leave one out.")
    return found


class Text(str):
    """A string of a YAML document, with the line it begins in."""

    line: int


def _yaml(text: str) -> Any:
    try:
        import yaml
    except ImportError as error:
        raise ImportError('YAML is read with pyyaml, which is not installed. Install it with pip install "lrcore[cli]".') from error

    loader: Any = type("Loader", (yaml.SafeLoader,), {})
    loader.add_constructor("tag:yaml.org,2002:str", _string)
    loader.add_constructor("tag:yaml.org,2002:map", _pairs)
    loader.add_implicit_resolver("tag:yaml.org,2002:float", _FLOAT, list("-+0123456789"))
    try:
        return yaml.load(text, loader)  # a SafeLoader
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = f"line {mark.line + 1}, column {mark.column + 1}: " if mark else ""
        raise LrcoreError(f"{where}this is no YAML ({error.problem or error.context}).") from None
    except (yaml.YAMLError, ValueError) as error:
        raise LrcoreError(f"This is no YAML that can be read ({str(error).splitlines()[0]}).") from None


def _string(loader: Any, node: Any) -> Text:
    found = Text(loader.construct_scalar(node))
    found.line = node.start_mark.line + 1
    return found


def _pairs(loader: Any, node: Any) -> Any:
    written = [key.value for key, _ in node.value if key.id == "scalar" and key.value != "<<"]
    twice = next((key for i, key in enumerate(written) if key in written[:i]), None)
    if twice is not None:
        raise LrcoreError(f"line {node.start_mark.line + 1}: {twice} stands twice in the mapping that begins here. Leave one out.")
    loader.flatten_mapping(node)
    return loader.construct_mapping(node, deep=True)


def _meant(document: Any, text: str = "") -> Schedule | Plan:
    """text : the JSON itself, which says more in its errors than what was read from it."""
    if isinstance(document, str):
        return from_expression(document)
    if not isinstance(document, dict):
        raise LrcoreError(f"It holds {_kind(document)}, and a plan is a mapping: {{lr: ...}}. Write lr: before an expression.")
    _count(document)
    if isinstance(document.get("plan"), str) and "step" in document:  # a scheduler's state
        return from_json(document["plan"])
    if isinstance(document.get("plan"), dict) and "digest" in document:  # a table's sidecar
        return from_json(json.dumps({"lrcore": document.get("lrcore"), "plan": document["plan"]}))
    if "lrcore" in document:
        return from_json(text or json.dumps(document))
    return _of_keywords(document)


def _kind(value: Any) -> str:
    return {list: "a list", type(None): "nothing"}.get(type(value), f"only {value!r:.40}")


def _count(document: Any) -> None:
    def values(value: Any) -> Iterator[None]:
        yield
        inside = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
        for each in inside:
            yield from values(each)

    if sum(1 for _, _ in zip(range(_LARGEST + 1), values(document), strict=False)) > _LARGEST:
        raise LrcoreError(f"Written out it has more than {_LARGEST:,} values, which no plan has.")


# -- the keywords of a plan -----------------------------------------------------------------------------------------------


def _of_keywords(document: dict[Any, Any]) -> Plan:
    fields = {field: _schedule(document[field], field) for field in FIELDS if field in document}
    if document.get("fields") is not None:
        fields |= _fields(document["fields"], "fields")
    known = (*_KEYWORDS, *FIELDS)
    for key in document:
        if key not in known:
            near = get_close_matches(str(key), known, 1)
            hint = f"Did you mean {near[0]}?" if near else "Other fields of an optimizer stand under fields."
            raise SpecError(_at(key, "document"), f"the keys {', '.join(dict.fromkeys(known))}", Words(key), hint)
    given: dict[str, Any] = {key: document[key] for key in ("horizon", "unit") if document.get(key) is not None}
    if document.get("groups") is not None:
        groups = _mapping(document["groups"], "groups", "{bias: {lr: ...}}")
        given["groups"] = {str(pattern): _fields(inside, f"groups[{pattern!r}]") for pattern, inside in groups.items()}
    if document.get("clock") is not None:
        given["clock"] = _clock(_mapping(document["clock"], "clock", "{batch_size: ...}"))
    if document.get("adapt") is not None:
        given["adapt"] = _rules(document["adapt"])
    if isinstance(given.get("unit"), str):
        given["unit"] = str(given["unit"])
    given["fields"] = {field: value for field, value in fields.items() if field != "lr"}
    return Plan(fields.get("lr"), **given)


def _fields(given: Any, path: str) -> dict[str, Any]:
    return {str(field): _schedule(value, f"{path}.{field}") for field, value in _mapping(given, path, "{lr: ...}").items()}


def _mapping(given: Any, path: str, example: str) -> Mapping[Any, Any]:
    if not isinstance(given, dict):
        raise SpecError(_at(given, path), f"a mapping such as {example}", given)
    return given


def _at(value: Any, path: str) -> str:
    return f"line {value.line}, {path}" if isinstance(value, Text) else path


def _schedule(value: Any, path: str) -> Any:
    """An expression, a schedule as JSON has it, a number, or null; the plan says what is wrong with anything else."""
    if isinstance(value, dict):
        schedule = from_json(json.dumps({"lrcore": 1, "schedule": value}))
    elif isinstance(value, str):
        try:
            schedule = from_expression(value)
        except SpecError as error:
            cut = value.count("(") != value.count(")")
            hint = "Inside { } quote an expression: YAML ends it at a comma." if cut else error.hint
            raise SpecError(f"{_at(value, path)}: {error.path.removeprefix('line 1, ')}", error.expected, error.got, hint) from None
    else:
        return value
    if isinstance(schedule, Plan):
        raise SpecError(_at(value, path), "a schedule", Words("a plan"), "A plan stands alone in its document.")
    return schedule


def _clock(given: Mapping[Any, Any]) -> Clock:
    try:
        clock: Clock = msgspec.convert({str(key): value for key, value in given.items()}, Clock)
    except msgspec.ValidationError as error:
        if isinstance(error.__cause__, SpecError):
            cause = error.__cause__
            raise SpecError(f"clock.{cause.path}", cause.expected, cause.got, cause.hint) from None
        raise SpecError("clock", f"{', '.join(Clock.__struct_fields__)}", Words(str(error).replace("`", ""))) from None
    return clock


def _rules(given: Any) -> Any:
    """A rule as an expression, or such rules by pattern."""
    if isinstance(given, dict):
        return {str(pattern): None if rule is None else _rules(rule) for pattern, rule in given.items()}
    if not isinstance(given, str):
        raise SpecError("adapt", "a rule such as ReduceLROnPlateau(patience=5)", given)
    try:
        plan = from_expression(f"Plan(adapt={given})")
    except SpecError as error:
        raise SpecError(_at(given, "adapt"), error.expected, error.got, error.hint) from None
    if not isinstance(plan, Plan) or plan != Plan(adapt=plan.adapt):
        raise SpecError(_at(given, "adapt"), "one rule", Words(given))
    return plan.adapt
