"""The state of a run that follows a plan: made for a checkpoint, and checked when it comes back.

Only plain JSON types: `{version, step, fingerprint, plan, base, events, binding}`. Because every value is a closed form of the step, the
step is all that a run needs; the plan travels along so that a change of it is seen, and shown.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from math import isclose, isfinite
from typing import Any, Literal

import msgspec

from .checks import whole
from .document import fingerprint, from_json
from .errors import PlanError, SpecError, StateError
from .plan import BoundPlan, Plan
from .schedule import Schedule, Sum

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
    events : of a plan with rules what they saw and did, `Adaptations.state_dict()`; empty for a plan without
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


_COUNTS = frozenset({"calls", "in_force"})
"""Entries of `binding` that count: calls of step() since the last step of the plan, and whether the row was the one in force."""


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
        _check_events(saved, plan, same=True)
        return plan, saved.step
    if on_change == "replace":
        _check_events(saved, plan)
        return plan, saved.step
    old = _saved_plan(saved)
    _check_events(saved, old, same=True)
    if on_change == "keep":
        return old, saved.step
    if on_change == "rebase":
        known = _by_group(saved.base)
        return rebased(old, plan, max(saved.step, 0), known, known if names is None else names, saved.events), saved.step
    raise StateError(
        f"The checkpoint at step {saved.step:,} was made with another plan.\n{old.diff(plan).text(_SHOWN)}\n"
        'Pass on_change="keep" to go on with the plan of the checkpoint, "replace" to use the new plan from this step on, or '
        '"rebase" to use the new plan made continuous with the values in force.\n' + _choices(old, plan, saved, names)
    )


def base_of(state: Any) -> dict[str, dict[str, float]]:
    """{group: {field: value}} of what the groups held before the plan of a state was attached; StateError as for `check_state`.

    >>> import lrcore as lr
    >>> base_of(make_state(lr.Plan(lr.linear(1.0, 0.0, 4)).bind(), 2))
    {'default': {'lr': 1.0}}
    """
    return _by_group(_read(state).base)


def events_of(state: Any) -> list[Any]:
    """What `Adaptations.load_state_dict` takes: the events of a state; StateError as for `check_state`.

    >>> import lrcore as lr
    >>> rules = lr.Plan(1.0, adapt=lr.NewBob()).bind().begin()
    >>> rules.load_state_dict(events_of(make_state(rules.bound, 0, events=rules.state_dict())))
    """
    return _read(state).events


def _check_events(saved: _State, plan: Plan, same: bool = False) -> None:
    """Refuse events that the rules of a plan cannot load; of the plan that the state was made with each rule has its entry."""
    if not saved.events:
        return
    from .adaptive.groups import carried, loaded, rules_of

    loaded(saved.events, plan.adapt)
    if same and (len(saved.events) != len(rules_of(plan.adapt)) or len(carried(saved.events, plan.adapt)) != len(saved.events)):
        raise StateError("The state is incomplete or altered: its events are not those of the plan's rules. Load another checkpoint.")


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
        for name in _COUNTS & saved.binding.keys():
            whole(saved.binding[name], f"binding[{name!r}]")
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


def rebased(
    old: Plan, new: Plan, step: int, known: Iterable[str], names: Iterable[str], events: Iterable[Any] = ()
) -> Plan:  # fmt: skip
    """The new plan going on at `step` from the values the old one has there.

    Each (group, field) both plans have becomes `k * schedule` with k = old value / new value at `step`: the new curve, at another
    scale. For momentum, betas, alpha and rho it is the distance from 1 that is scaled: `(1 - k) + k * schedule` with
    k = (1 - old) / (1 - new), which never passes 1. Where no such k > 0 exists (a value is 0, or signs differ) the difference is
    added instead. known are the groups the old plan had, names those there are now; the result names them one by one.
    events are those of the state. Under a rule that both plans have, of the same kind and for the same pattern, they go on, and the
    schedules are compared; of any other rule the rate in force is.

    >>> import lrcore as lr
    >>> old, new = lr.Plan(lr.linear(1.0, 0.0, 100)), lr.Plan(lr.linear(1.0, 0.0, 200))
    >>> plan = rebased(old, new, 50, ["default"], ["default"])
    >>> plan.table().rows([50, 125])[:, 0].tolist()
    [0.5, 0.25]
    """
    names = list(names)
    seams = _seams(old, new, step, known, names, events)
    if all(seam.meets for seam in seams):
        return new
    groups: dict[str, dict[str, Schedule | None]] = {exactly(name): dict.fromkeys(new.defaults) for name in names}
    for seam in seams:
        groups[exactly(seam.group)][seam.field] = seam.continued()
    return msgspec.structs.replace(new, groups=groups)


def exactly(name: str) -> str:
    """The pattern of a plan that is this name: itself, unless it would be a regular expression that does not compile.

    >>> exactly("head"), exactly("head(")
    ('head', 'head\\\\(')
    """
    try:
        re.compile(name)
    except re.error:
        return re.escape(name)
    return name


class _Seam(msgspec.Struct, frozen=True):
    """Where one column of the new plan meets the old one: the values at that step, old None for a column that is new."""

    group: str
    field: str
    old: float | None
    new: float
    schedule: Schedule

    @property
    def meets(self) -> bool:
        """Whether the new curve goes on by itself: always where there is none to go on from, and where only rounding is between them."""
        if self.old is None:
            return True
        lost = 2**-50 * self.schedule._facts[1] if isinstance(self.schedule, Sum) else 0.0  # where large terms have cancelled
        return isclose(self.old, self.new, rel_tol=1e-13, abs_tol=lost)

    def scale(self) -> float | None:
        """What the new curve, or its distance from 1, is multiplied by; None where the difference has to be added."""
        assert self.old is not None
        origin = self._origin()
        k = (self.old - origin) / (self.new - origin) if self.new != origin else 0.0
        return k if isfinite(k) and k > 0 else None

    def _origin(self) -> float:
        return 1.0 if self.field in _MEMORIES else 0.0

    def continued(self) -> Schedule:
        if self.old is None or self.meets:
            return self.schedule
        k = self.scale()
        if k is None:
            return (self.old - self.new) + self.schedule
        return (1 - k) + k * self.schedule if self._origin() else k * self.schedule

    def words(self) -> str:
        """What the step finds, and how the column goes on under "rebase"."""
        if self.old is None:
            return f"{self.new:.6g} by the new plan alone"
        if self.meets:
            return f"{self.new:.6g} by both"
        return f"{self.old:.6g} by the checkpoint, {self.new:.6g} by the new plan; rebased it goes on as {self.way()}"

    def way(self) -> str:
        """How the column goes on under "rebase"."""
        if self.old is None or self.meets:
            return "the new curve"
        k = self.scale()
        if k is None:
            return f"the new curve {'plus' if self.old > self.new else 'minus'} {abs(self.old - self.new):.6g}"
        return f"the new curve {k:.6g} times as far from 1" if self._origin() else f"the new curve times {k:.6g}"


def _seams(
    old: Plan, new: Plan, step: int, known: Iterable[str], names: Iterable[str], events: Iterable[Any] = ()
) -> list[_Seam]:  # fmt: skip
    """Every column of the new plan with what is in force at `step`."""
    known, names = list(known), list(names)
    if set(known).isdisjoint(names):  # the same groups by other names, as when a run moves from one framework to another
        known = names
    bound, after, written = old.bind(known), new.bind(names).current(step), new.written(names)
    before = bound.current(step)
    if events:
        from .adaptive.groups import left_behind

        before = left_behind(bound, events, new.adapt).current(step)
    return [
        _Seam(name, field, before.get(name, {}).get(field), after[name][field], schedule)
        for name, fields in written.items()
        for field, schedule in fields.items()
    ]


def _choices(old: Plan, new: Plan, saved: _State, names: Iterable[str] | None) -> str:
    """What each choice gives at the step of a state, by column, for a reader; groups that are alike share a line."""
    step, known = max(saved.step, 0), _by_group(saved.base)
    try:
        seams = _seams(old, new, step, known, known if names is None else names, saved.events)
    except (PlanError, SpecError) as error:
        return f'"rebase" needs both plans to have values here, and they do not: {error}'
    if all(seam.old is not None and seam.meets for seam in seams):
        return f'At step {step:,} both plans have the same values: "rebase" is "replace".'
    several = len({seam.group for seam in seams}) > 1
    told = [(seam.field, seam.way(), f"  {seam.field}{f' of {seam.group!r}' if several else ''}: {seam.words()}") for seam in seams]
    from .changes import gathered  # most states are of the plan they meet

    return f"At step {step:,}:\n" + "\n".join(gathered(told, _SHOWN))
