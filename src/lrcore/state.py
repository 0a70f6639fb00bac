"""The state of a run that follows a plan: made for a checkpoint, and checked when it comes back.

Only plain JSON types: `{version, step, fingerprint, plan, base, events, binding}`. Because every value is a closed form of the step, the
step is all that a run needs; the plan travels along so that a change of it is seen, and shown.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from math import isfinite
from typing import Any, Literal

import msgspec

from .checks import whole
from .document import fingerprint, from_json
from .errors import SpecError, StateError
from .plan import BoundPlan, Plan
from .schedule import Schedule

VERSION = 1
"""The version every state carries."""

OnChange = Literal["error", "keep", "replace", "rebase"]
ON_CHANGE: tuple[OnChange, ...] = ("error", "keep", "replace", "rebase")

_SHOWN = 12
_MEMORIES = frozenset({"momentum", "beta1", "beta2", "alpha", "rho"})
"""Fields that say how much of the past is kept, in [0, 1): what counts is their distance from 1, and 1 must not be passed."""


def make_state(
    bound: BoundPlan, step: int, base: Mapping[str, Mapping[str, float]] | None = None, events: Iterable[Any] = (),
    binding: Mapping[str, int | str] | None = None,
) -> dict[str, Any]:  # fmt: skip
    """The state to store in a checkpoint, of plain JSON types.

    step : the step whose row is in force; -1 before the first
    base : {group: {field: value}} of what the groups held before the plan was attached; None takes the values of step 0
    events : what happened on the way, as plain JSON types; empty for a plan without rules
    binding : integers and strings that only the binding that wrote them reads

    >>> import lrcore as lr
    >>> state = make_state(lr.Plan(lr.linear(1.0, 0.0, 4)).bind(), 2)
    >>> state["version"], state["step"], state["base"]
    (1, 2, [['default', 'lr', 1.0]])
    """
    base = bound.current(0) if base is None else base
    # a list: torch.distributed.checkpoint looks for the keys of a dictionary one by one, and the next run may have others
    plain = [[str(name), str(field), float(value)] for name in bound.names for field, value in base.get(name, {}).items()]
    document = bound.plan.to_json()
    return {
        "version": VERSION, "step": whole(step, "step", low=-1), "fingerprint": fingerprint(document), "plan": document,
        "base": plain, "events": list(events), "binding": dict(binding or {}),
    }  # fmt: skip


class _State(msgspec.Struct, forbid_unknown_fields=True):
    version: int
    step: int
    fingerprint: str
    plan: str
    base: list[tuple[str, str, float]]
    events: list[Any]
    binding: dict[str, int | str] = {}


def check_state(state: Any, plan: Plan, on_change: OnChange = "error", names: Iterable[str] | None = None) -> tuple[Plan, int]:
    """The plan to go on with and the step to go on at; nothing is changed, so checking twice is the same as once.

    plan : the plan the run is written with now
    on_change : what to do if the checkpoint was made with another one
        error : raise StateError with the differences
        keep : go on with the checkpoint's plan
        replace : use the new plan at that step
        rebase : use the new plan, made continuous from the value in force (see `rebased`)
    names : the groups there are now; None takes those of the checkpoint

    Raises StateError for a changed plan, and for a state that is incomplete, altered or of another version; SpecError for an
    unknown on_change.
    """
    if on_change not in ON_CHANGE:
        raise SpecError("on_change", f"one of {', '.join(ON_CHANGE)}", on_change)
    saved = _read(state)
    if saved.fingerprint == plan.fingerprint:
        return plan, saved.step
    if on_change == "replace":
        return plan, saved.step
    old = _saved_plan(saved)
    if on_change == "keep":
        return old, saved.step
    if on_change == "rebase":
        known = _by_group(saved.base)
        return rebased(old, plan, max(saved.step, 0), known, known if names is None else names), saved.step
    raise StateError(
        f"The checkpoint at step {saved.step:,} was made with another plan.\n{old.diff(plan).text(_SHOWN)}\n"
        'Pass on_change="keep" to go on with the plan of the checkpoint, "replace" to use the new plan from this step on, or '
        '"rebase" to use the new plan scaled to go on from the value in force.'
    )


def base_of(state: Any) -> dict[str, dict[str, float]]:
    """{group: {field: value}} of what the groups held before the plan of a state was attached; StateError as for `check_state`.

    >>> import lrcore as lr
    >>> base_of(make_state(lr.Plan(lr.linear(1.0, 0.0, 4)).bind(), 2))
    {'default': {'lr': 1.0}}
    """
    return _by_group(_read(state).base)


def _by_group(base: Iterable[tuple[str, str, float]]) -> dict[str, dict[str, float]]:
    groups: dict[str, dict[str, float]] = {}
    for name, field, value in base:
        groups.setdefault(name, {})[field] = value
    return groups


def _read(state: Any) -> _State:
    version = state.get("version") if isinstance(state, Mapping) else None
    if type(version) is not int:
        raise StateError("This is no state of an lrcore plan: it has no version. Pass what state_dict() returned.")
    if version != VERSION:
        hint = "Read it with the lrcore that wrote it, or a newer one."
        raise StateError(f"The state is of version {version}, and this lrcore reads version {VERSION}. {hint}")
    try:
        saved = msgspec.convert(dict(state), _State)
        whole(saved.step, "step", low=-1)
        for i, (_, _, value) in enumerate(saved.base):
            if not isfinite(value):
                raise SpecError(f"base[{i}]", "a finite number", value)
    except msgspec.ValidationError as error:
        raise StateError(f"The state is incomplete or altered: {str(error).replace('`', '')}. Load another checkpoint.") from None
    except SpecError as error:
        raise StateError(f"The state is incomplete or altered: {error} Load another checkpoint.") from None
    if fingerprint(saved.plan) != saved.fingerprint:
        raise StateError("The state is incomplete or altered: its plan does not have its fingerprint. Load another checkpoint.")
    return saved


def _saved_plan(saved: _State) -> Plan:
    try:
        plan = from_json(saved.plan)
    except SpecError as error:
        hint = 'Pass on_change="replace" to use the new plan from this step on.'
        raise StateError(f"The plan of the checkpoint cannot be read: {error} {hint}") from None
    if not isinstance(plan, Plan):
        raise StateError("The state is incomplete or altered: it holds a schedule in place of a plan. Load another checkpoint.")
    return plan


def rebased(old: Plan, new: Plan, step: int, known: Iterable[str], names: Iterable[str]) -> Plan:
    """The new plan going on at `step` from the values the old one has there.

    Each (group, field) both plans have becomes `k * schedule` with k = old value / new value at `step`: the new curve, at another
    scale. For momentum, betas, alpha and rho it is the distance from 1 that is scaled: `(1 - k) + k * schedule` with
    k = (1 - old) / (1 - new), which never passes 1. Where no such k > 0 exists (a value is 0, or signs differ) the difference is
    added instead. known are the groups the old plan had, names those there are now; the result names them one by one.

    >>> import lrcore as lr
    >>> old, new = lr.Plan(lr.linear(1.0, 0.0, 100)), lr.Plan(lr.linear(1.0, 0.0, 200))
    >>> plan = rebased(old, new, 50, ["default"], ["default"])
    >>> plan.table().rows([50, 125])[:, 0].tolist()
    [0.5, 0.25]
    """
    known, names = list(known), list(names)
    if set(known).isdisjoint(names):  # the same groups by other names, as when a run moves from one framework to another
        known = names
    before, after, written = old.bind(known).current(step), new.bind(names).current(step), new.written(names)
    groups: dict[str, dict[str, Schedule | None]] = {}
    for name, fields in written.items():
        had, has = before.get(name, {}), after[name]
        continued = {field: _continued(schedule, field, had.get(field, has[field]), has[field]) for field, schedule in fields.items()}
        groups[name] = {**dict.fromkeys(new.defaults), **continued}
    if all(groups[name][field] == schedule for name, fields in written.items() for field, schedule in fields.items()):
        return new
    return msgspec.structs.replace(new, groups=groups)


def _continued(schedule: Schedule, field: str, old: float, new: float) -> Schedule:
    if old == new:
        return schedule
    origin = 1.0 if field in _MEMORIES else 0.0
    k = (old - origin) / (new - origin) if new != origin else 0.0
    if not (isfinite(k) and k > 0):
        return (old - new) + schedule
    return k * schedule if origin == 0 else (1 - k) + k * schedule
