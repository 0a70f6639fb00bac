"""An LRScheduler that keeps an optimizer's parameter groups at the values of a plan: one write of a row per step, host or device."""

from __future__ import annotations

import weakref
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from copy import copy
from functools import partial
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

import lrcore as lr

from .device import DeviceRows
from .groups import Groups, Place, group_names, places_of, same_value, shared_tensors
from .optimizers import check_device_values, device_of, on_device
from .timed import TimedRows

Base = dict[str, dict[str, float]]
"""{group: {field: value}} of what the groups held before a plan was attached."""


class PlanScheduler(lr.RowStepper, LRScheduler):
    """A plan applied to an optimizer: after k calls of `step()` every group holds the plan's values of step k.

    optimizer : any torch optimizer; its groups are known by `group["name"]`, else as group0, group1, ...
    plan : a Plan, or a Schedule that then drives `lr` of every group
    mode : "host" writes Python floats, exactly the plan's, and fills rates that are tensors. "device" makes the rates (and the
        betas of optimizers that take tensors) views of one float32 vector on the parameters' device, which is updated in place:
        nothing recompiles, nothing waits, and `advance` can be part of a compiled or captured step
    relative : for groups that start from different rates. True: every value of the plan is a factor of what the group held when
        it was attached; False: the plan's values are the rates. None is False for a Plan, and for a bare Schedule a question
        that is asked if the rates differ
    on_change : what `load_state_dict` does if the checkpoint was made with another plan: "error" shows the differences, "keep"
        goes on with the checkpoint's plan, "replace" with this one at that step, "rebase" with this one scaled to go on from
        the value in force
    steps_per_update : calls of `step()` that make one step, for a trainer that calls it for every micro-batch or process
    clock : the RunClock that a plan in seconds follows; None makes one. The times it observes are part of the state

    Making one writes the row of step 0. Call `step()` after each update of the weights. Fields are written under torch's keys
    (beta1 and beta2 as `betas`); those the plan does not schedule are left alone, apart from `initial_lr`, which other schedulers
    look for. Groups that are added, renamed, permuted or replaced by `optimizer.load_state_dict` are found again by their names.

    Raises PlanError for a plan that does not fit the groups, and then leaves the optimizer as it was; StateError from
    `load_state_dict`; SpecError for a step that the plan refuses.

    >>> import torch, lrcore as lr
    >>> optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.5)
    >>> scheduler = PlanScheduler(optimizer, lr.linear(1.0, 0.0, steps=4))
    >>> for _ in range(4):
    ...     optimizer.step()
    ...     scheduler.step()
    ...     print(scheduler.last_epoch, scheduler.get_last_lr())
    1 [0.75]
    2 [0.5]
    3 [0.25]
    4 [0.0]
    """

    # The base constructor is not called: it replaces `optimizer.step` and takes its rates from the groups. What others read of it
    # is here. `step` and `_position`, the step in force, come from RowStepper.
    def __init__(
        self, optimizer: Optimizer, plan: lr.Plan | lr.Schedule | None, *, mode: Literal["host", "device"] = "host",
        relative: bool | None = None, on_change: lr.OnChange = "error", steps_per_update: int = 1, clock: lr.RunClock | None = None,
    ) -> None:  # fmt: skip
        if not isinstance(optimizer, Optimizer):
            raise TypeError(f"{type(self).__name__} takes a torch optimizer, got {type(optimizer).__name__}.")
        for name, value, known in (("mode", mode, ("host", "device")), ("on_change", on_change, lr.ON_CHANGE)):
            if value not in known:
                raise lr.SpecError(name, f"one of {', '.join(known)}", value)
        if relative not in (None, True, False):
            raise lr.SpecError("relative", "True, False or None", relative)
        if type(steps_per_update) is not int or steps_per_update < 1:
            raise lr.SpecError("steps_per_update", "an integer >= 1", steps_per_update)
        self.optimizer, self._mode, self.on_change, self.steps_per_update = optimizer, mode, on_change, steps_per_update
        self._given = plan if plan is None or isinstance(plan, lr.Plan) else lr.Plan(plan)
        if relative is None and isinstance(plan, lr.Schedule):
            _refuse_different_rates(optimizer.param_groups)
        self._relative = bool(relative)
        timed = self._given is not None and self._given.unit == "seconds"
        self._clock = lr.RunClock() if timed and clock is None else clock
        self._fixed: lr.Plan | None = None  # a plan that has taken the place of the given one
        self._base: Base = {}
        self._device: DeviceRows | TimedRows | None = None
        self._device_columns: tuple[tuple[str, str], ...] = ()
        self._device_schedules: tuple[lr.Schedule, ...] = ()
        self._rules: lr.Adaptations | None = None
        self._stepped = self._advanced = False
        self._calls = 0
        self._position = -1
        self._attach()
        self._watch()
        self._initial_step()

    # -- the plan and the groups ---------------------------------------------------------------------------------------

    def _plan_over(self, base: Base) -> lr.Plan:
        """The plan of absolute values for groups that held `base` when they were attached."""
        assert self._given is not None
        if not self._relative:
            return self._given
        written = self._given.written(base)
        groups = {
            lr.exactly(name): {field: base[name][field] * schedule for field, schedule in fields.items()}
            for name, fields in written.items()
        }
        return lr.Plan(groups=groups, horizon=self._given.horizon, unit=self._given.unit, clock=self._given.clock, adapt=self._given.adapt)

    def _absolute(self, base: Base) -> lr.Plan:
        """The plan to follow."""
        return self._plan_over(base) if self._fixed is None else self._fixed

    def _own(self) -> Base:
        """What every group held when it was attached, or holds now if it is new: `lr`, and every field the plan schedules."""
        groups: Groups = self.optimizer.param_groups
        names = group_names(groups)
        written = {} if self._given is None else self._given.written(names)
        columns = [(name, field) for name, fields in written.items() for field in fields]
        base: Base = {name: {"lr": float(group["lr"])} for name, group in zip(names, groups, strict=True)}
        for (name, field), place in zip(columns, places_of(columns, self.optimizer), strict=True):
            base[name][field] = float(place.read(groups))
        return {name: fields | self._base.get(name, {}) for name, fields in base.items()}

    def _base_rates(self, base: Base) -> list[float | Tensor]:
        """What others take for each group's rate at the start: `base_lrs`, and `initial_lr` of a group that has none."""
        return [fields["lr"] for fields in base.values()]

    def _attach(self) -> None:
        """Find where every column of the plan is written. Nothing is changed before everything has been checked."""
        groups: Groups = self.optimizer.param_groups
        base = self._own()
        bound = lr.bound_plan(self._absolute(base), base, self._clock)
        places = places_of(bound.columns, self.optimizer)
        copies = shared_tensors(places, groups)
        device_columns = []
        if self._mode == "device":
            device_columns = [j for j, (_, field) in enumerate(bound.columns) if on_device(field, places[j], self.optimizer)]
            check_device_values(self.optimizer)
        host_columns = [j for j in range(len(places)) if j not in set(device_columns)]
        host = bound.program if not device_columns else lr.compile_columns([bound.schedules[j] for j in host_columns])
        for place, tensor in copies:
            place.put(groups, tensor.clone())
        self._rules = self._rules_of(bound)
        if device_columns:
            on = lr.BoundPlan(
                bound.plan, bound.names,
                tuple(bound.columns[j] for j in device_columns), tuple(bound.schedules[j] for j in device_columns),
            )  # fmt: skip
            self._on_device(on, [places[j] for j in device_columns], device_of(self.optimizer))
        self._base, self._bound, self._places = base, bound, places
        self.base_lrs = self._base_rates(base)
        self._host_columns = [bound.columns[j] for j in host_columns]
        self._host_index, self._device_index = np.array(host_columns, int), np.array(device_columns, int)
        for group, rate in zip(groups, self.base_lrs, strict=True):
            group.setdefault("initial_lr", rate)
        chosen = [places[j] for j in host_columns]
        self._host_writer = lr.RowWriter(
            host, groups, [place.group for place in chosen], [place.key for place in chosen], [place.slot for place in chosen]
        )
        self._plain = self._mode == "host" and self.steps_per_update == 1 and self._clock is None
        self._rates_changed()

    def _rules_of(self, bound: lr.BoundPlan) -> lr.Adaptations | None:
        """The plan's rules, going on from those there were."""
        if bound.plan.adapt is None:
            return None
        rules = bound.begin()
        if self._rules is not None:
            rules.load_state_dict(self._rules.state_dict())
        return rules

    def _rates_changed(self) -> None:
        """Let the events of the rules be in what is written from here on."""
        adapted = self._rules is not None and self._rules.active
        self._writer = self._host_writer if self._plain and not adapted else None  # with one, RowStepper.step does everything in C
        if isinstance(self._device, DeviceRows) and self._rules is not None:
            self._device.window = range(0)

    def _on_device(self, bound: lr.BoundPlan, places: list[Place], device: torch.device) -> None:
        """Let the groups' values be views of the device's vector; of the same one as before if the columns are."""
        groups: Groups = self.optimizer.param_groups
        old = self._device
        adapt = None if self._rules is None else partial(self._rules.apply, columns=bound.columns)
        if old is None or self._device_columns != bound.columns or old.device != device:
            if old is not None and self._advanced:
                raise lr.PlanError(
                    "The captured step updates the groups that were there when it was captured. For other groups or fields make a new "
                    "scheduler, and capture or compile the step again."
                )
            self._device = (DeviceRows if self._clock is None else TimedRows)(bound, device, adapt)
        elif not isinstance(old, DeviceRows):
            old.load(bound, max(self.last_epoch, 0), self._advanced)
        else:
            before, old.adapt = old.adapt, adapt
            if bound.schedules != self._device_schedules or (adapt is None) != (before is None):
                try:
                    old.load(bound, max(self.last_epoch, 0), self._advanced)
                except lr.PlanError:
                    old.adapt = before
                    raise
        assert self._device is not None
        self._device_columns, self._device_schedules = bound.columns, bound.schedules
        self._views = list(zip(places, self._device.flat.unbind(), strict=True))
        self._hang_views(groups)

    def _hang_views(self, groups: Groups) -> None:
        for place, view in self._views:
            place.put(groups, view)
            if place.slot >= 0:  # torch wants both betas as tensors, or none
                other = Place(place.group, place.key, 1 - place.slot)
                if not isinstance(value := other.read(groups), Tensor):
                    other.put(groups, torch.tensor(value, dtype=torch.float32, device=view.device))

    def _watch(self) -> None:
        """See `optimizer.load_state_dict`, which replaces every group and every value: without a reference that keeps us alive."""
        ours = weakref.ref(self)

        def before(optimizer: Optimizer, state: Any) -> None:
            if (scheduler := ours()) is not None:
                scheduler._before_load()

        def after(optimizer: Optimizer) -> None:
            if (scheduler := ours()) is not None:
                scheduler._after_load()

        for handle in (
            self.optimizer.register_load_state_dict_pre_hook(before),
            self.optimizer.register_load_state_dict_post_hook(after),
        ):
            weakref.finalize(self, handle.remove)

    def _before_load(self) -> None:
        self._was_in_force = self._position >= 0 and self._in_force()
        self._named = [group.get("name") for group in self.optimizer.param_groups]

    def _after_load(self) -> None:
        """Take hold of the new groups; write the row again if it was the one in force, and not that of a scheduler just made."""
        for group, name in zip(self.optimizer.param_groups, self._named, strict=True):
            if name is not None:
                group.setdefault("name", name)  # a checkpoint without names does not take them away
        if self._was_in_force and self.last_epoch > 0:
            self._write(self.last_epoch)

    def _in_force(self) -> bool:
        """Whether the groups hold our row: not so if another scheduler has written since."""
        groups: Groups = self.optimizer.param_groups
        if group_names(groups) != list(self._bound.names):
            return False
        row = (self._rules or self._bound).row(max(self.last_epoch, 0)).tolist()
        return all(same_value(place.read(groups), value) for place, value in zip(self._places, row, strict=True))

    @property
    def plan(self) -> lr.Plan:
        """The plan in force, in absolute values."""
        return self._bound.plan

    # -- stepping ------------------------------------------------------------------------------------------------------

    def _update_lr(self, epoch: int | None = None) -> None:
        """Go on to a step, the next one if it is not said which, and write its row."""
        if epoch is None:
            if self._advanced:
                raise lr.PlanError(_BOTH)
            if self._position >= 0 and self.steps_per_update > 1:
                self._calls = (self._calls + 1) % self.steps_per_update
                if self._calls:
                    return
            epoch = self._position + 1
            self._stepped = self._position >= 0
        self._write(epoch)

    def _write(self, step: int) -> None:
        groups: Groups = self.optimizer.param_groups
        at = step if self._clock is None else self._microseconds(step, self._clock)
        if not self._put(groups, step, at):  # others, or the same ones in another order
            self._attach()
            self._put(groups, step, at)
        if self._device is not None:
            for (i, key, slot), view in self._views:
                if (groups[i][key] if slot < 0 else groups[i][key][slot]) is not view:
                    self._hang_views(groups)
                    break
            self._device.go_to(at)
            if isinstance(self._device, TimedRows) and self._rules is not None and self._rules.active:
                row = self._rules.row(step)[self._device_index].astype(np.float32)
                self._device.flat.copy_(torch.from_numpy(row))
        self._position = step

    def _put(self, groups: Groups, step: int, at: int) -> bool:
        """Write the host's columns; returns whether the groups are those the writer knows."""
        if self._rules is None or not self._rules.active:
            return self._host_writer.write(groups, at)
        return self._host_writer.write_values(groups, self._rules.row(step)[self._host_index])

    def _microseconds(self, step: int, clock: lr.RunClock) -> int:
        """The time before a step, which is now for the next one; going back forgets the times after it."""
        if step < self._position:
            clock.rewind(step)
        return clock.microseconds(step)

    def advance(self, found_inf: Tensor | None = None) -> None:
        """Go on by one step on the device, inside a compiled or captured step, after the update of the weights.

        found_inf : a tensor of one element, as GradScaler has one per device; where it is not 0 the update was skipped, and the
            plan stays where it is
        Raises PlanError in host mode, after `step()`, and for fields that the optimizer reads on the host.

        >>> import torch, lrcore as lr
        >>> optimizer = torch.optim.Adam([torch.zeros(1, requires_grad=True)], capturable=True)
        >>> scheduler = PlanScheduler(optimizer, lr.linear(1.0, 0.0, steps=4), mode="device")
        >>> scheduler.advance()
        >>> optimizer.param_groups[0]["lr"], scheduler.last_epoch
        (tensor(0.7500), 1)
        """
        if self._device is None:
            raise lr.PlanError('advance() is for values on the device. Make the scheduler with mode="device", or call step().')
        if self._stepped:
            raise lr.PlanError(_BOTH)
        if self._host_columns:
            name, field = self._host_columns[0]
            raise lr.PlanError(
                f"{type(self.optimizer).__name__} reads {field} of {name!r} on the host, so advance() cannot change it. Leave it out of "
                "the plan, or call step()."
            )
        self._device.advance(found_inf)
        self._advanced = True  # written and never read here: a compiled step has nothing to guard

    def refill(self) -> int:
        """Bring the device the rows that come next, if the plan is too long to be there as a whole; returns how many are ahead.

        Needed only between calls of `advance`, and only if `window` is not None: then at least once in that many updates. It reads
        the device's counter, so call it rarely. Raises PlanError in host mode.
        """
        if self._device is None:
            raise lr.PlanError('refill() is for values on the device. Make the scheduler with mode="device".')
        step = self.last_epoch
        if not self._device.complete:
            self._device.window = range(0)
            self._device.cover(step)
        return self._device.window[-1] - step

    @property
    def window(self) -> int | None:
        """How many updates `advance` can make before `refill` must be called; None if never."""
        return None if self._device is None or self._device.complete else len(self._device.window)

    def observe(self, metric: Any, group: str | None = None) -> list[lr.Event]:
        """Feed a metric to the plan's rule; an event it makes is in force at once. Returns the events, as a rule an empty list.

        metric : a number, or an array or tensor without dimensions. On the device, reading one waits for it
        group : with a rule for each of several groups, whose; None is every rule
        If another scheduler's rates are in force, as in a SequentialLR, ours follow when it is our turn.
        Raises PlanError for a plan or group without a rule; SpecError for what is no metric, StateError for a step before that of the
        last observation. Then everything stays as it was.

        >>> import torch, lrcore as lr
        >>> optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)])
        >>> plan = lr.Plan(lr.linear(1.0, 0.0, steps=4), adapt=lr.ReduceLROnPlateau(factor=0.5, patience=0))
        >>> scheduler = PlanScheduler(optimizer, plan)
        >>> for loss in 3.0, 3.0, 2.0:
        ...     optimizer.step()
        ...     scheduler.step()
        ...     print(scheduler.observe(loss), scheduler.get_last_lr())
        [] [0.75]
        [Event(step=2, factor=0.5)] [0.25]
        [] [0.125]
        """
        if self._rules is None:
            raise lr.PlanError("The plan has no rule that a metric could go to. Give it one: Plan(..., adapt=lr.ReduceLROnPlateau()).")
        step, in_force = max(self.last_epoch, 0), self._in_force()
        events = self._rules.observe(metric.detach() if isinstance(metric, Tensor) else metric, step, group)
        if events:
            self._rates_changed()
            if in_force:
                self._write(step)
        return events

    def seek(self, step: int) -> None:
        """Go to a step and write its row. Raises SpecError for a step outside [0, 2**53]; the one in force then stays.

        >>> import torch, lrcore as lr
        >>> scheduler = PlanScheduler(torch.optim.SGD([torch.zeros(1)]), lr.linear(1.0, 0.0, steps=4))
        >>> scheduler.seek(3)
        >>> scheduler.get_last_lr()
        [0.25]
        """
        self._write(step)
        self._calls, self._stepped = 0, False

    def replace(self, plan: lr.Plan | lr.Schedule, on_change: lr.OnChange = "replace") -> None:
        """Go on with another plan from the step in force: with its value there, or with on_change="rebase" from the value in force.

        For the rest on_change is what it is for `load_state_dict`. Raises as that and the constructor do; the old plan then stays.

        >>> import torch, lrcore as lr
        >>> hold = lr.wsd(1.0, warmup=10)
        >>> scheduler = PlanScheduler(torch.optim.SGD([torch.zeros(1)]), hold)
        >>> scheduler.seek(500)
        >>> scheduler.replace(hold.override(at=500, stop=0.0, steps=4))
        >>> scheduler.step()
        >>> scheduler.get_last_lr()
        [0.75]
        """
        state = PlanScheduler.state_dict(self)  # and not a subclass's, which may hold more
        with self._or_as_before():
            if self._relative and not isinstance(plan, lr.Plan):
                self._given, self._fixed = lr.Plan(plan), None
            else:
                self._fixed = plan if isinstance(plan, lr.Plan) else lr.Plan(plan)
            self._take_over(state, on_change, live=True)

    # -- what is in force ----------------------------------------------------------------------------------------------

    @property
    def last_epoch(self) -> int:
        """The step whose row is in force. While `advance` drives, reading it waits for the device."""
        return int(self._device.count.item()) if self._advanced and self._device is not None else int(self._position)

    @last_epoch.setter
    def last_epoch(self, step: int) -> None:
        self._position = step

    def current(self) -> dict[str, dict[str, float]]:
        """The plan's values in force, by group and field.

        >>> import torch, lrcore as lr
        >>> optimizer = torch.optim.SGD([{"name": "head", "params": [torch.zeros(1)]}])
        >>> PlanScheduler(optimizer, lr.Plan(0.1, momentum=0.9)).current()
        {'head': {'lr': 0.1, 'momentum': 0.9}}
        """
        return (self._rules or self._bound).current(max(self.last_epoch, 0))

    def get_last_lr(self) -> list[float | Tensor]:
        """The rates in force, group by group: the plan's as float64, and what the group holds where the plan has none."""
        groups: Groups = self.optimizer.param_groups
        if self._position < 0:
            return [group["lr"] for group in groups]
        rates = {name: fields["lr"] for name, fields in self.current().items() if "lr" in fields}
        return [rates[name] if name in rates else group["lr"] for name, group in zip(group_names(groups), groups, strict=True)]

    def get_lr(self) -> list[float | Tensor]:
        """The same as `get_last_lr`: the plan's rates at `last_epoch`."""
        return self.get_last_lr()

    # -- state ---------------------------------------------------------------------------------------------------------

    def state_dict(self) -> dict[str, Any]:
        """Step, plan and fingerprint, in plain Python types; a few hundred bytes, whatever the length of the run."""
        in_force = self._position >= 0 and self._in_force()
        times = {} if self._clock is None else self._clock.binding()
        events = () if self._rules is None else self._rules.state_dict()
        binding = {"in_force": int(in_force), "calls": self._calls, **times}
        return lr.make_state(self._bound, self.last_epoch, self._base, events, binding)

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Go to the step of a state, and write its row. Loading twice is the same as loading once.

        state_dict : what `state_dict` of this or another binding returned; or that of one of torch's own schedulers, of which
            only `last_epoch` is taken
        The row is not written if it was not in force when the state was made: then another scheduler's is, such as that of the
        other children of a SequentialLR. Raises StateError, and then everything stays as it was.
        """
        if isinstance(state_dict, Mapping) and "version" not in state_dict and "last_epoch" in state_dict:
            step = state_dict["last_epoch"]
            if type(step) is not int or not -1 <= step <= _LAST_STEP:
                raise lr.StateError(f"last_epoch: expected an integer from -1 to 2**53, got {step!r}. Load another checkpoint.")
            self._go_on(step, write=True)
            return
        with self._or_as_before():
            saved = lr.base_of(state_dict)
            known = [name for name in group_names(self.optimizer.param_groups) if name in saved]
            self._base |= {name: self._base.get(name, {}) | saved[name] for name in known}
            self._take_over(state_dict, self.on_change)

    def _take_over(self, state: Mapping[str, Any], on_change: lr.OnChange, live: bool = False) -> None:
        base = self._own()
        ours = self._absolute(base)
        plan, step = lr.check_state(state, ours, on_change, base)
        fits = lr.bound_plan(plan, base, self._clock)  # a plan that does not fit, or refuses the step, is met before anything is changed
        if self._clock is None:
            fits.row(max(step, 0))
        elif not live:
            fits.program.row(self._clock.saved(state))
            self._clock.load(state)
        if plan != ours:
            self._fixed = plan
        self._attach()
        if self._rules is not None:
            self._rules.load_state_dict(lr.events_of(state))
            self._rates_changed()
        binding = state.get("binding", {})
        self._go_on(step, bool(binding.get("in_force", True)))
        self._calls = binding.get("calls", 0) % self.steps_per_update

    def _go_on(self, step: int, write: bool) -> None:
        if step >= 0 and write:
            self._write(step)
        else:
            self._position = step
        self._calls, self._stepped = 0, False
        if self._device is not None and step >= 0:
            self._device.count.fill_(step)

    @contextmanager
    def _or_as_before(self) -> Iterator[None]:
        """Take back what a refused state or plan has changed."""
        kept = self._given, self._fixed, self._base.copy(), self._rules
        try:
            yield
        except Exception:
            self._given, self._fixed, self._base, self._rules = kept
            raise

    def __reduce__(self) -> tuple[Any, ...]:
        options: dict[str, Any] = {"mode": self._mode, "on_change": self.on_change, "steps_per_update": self.steps_per_update}
        options["clock"] = copy(self._clock)
        return _copied, (self.optimizer, self.plan, options, self.state_dict())

    def __repr__(self) -> str:
        return f"{type(self).__name__}(step {self.last_epoch:,}, {len(self._bound.names):,} groups, plan {self.plan.fingerprint[:12]})"


_LAST_STEP = 2**53
_BOTH = (
    "This scheduler is driven by step() and by advance(). Call one of them: advance() inside a compiled or captured step, step() outside."
)


def _refuse_different_rates(groups: Groups) -> None:
    """One schedule for groups whose rates differ would make them equal, which may not be what is meant: a PlanError."""
    rates = {name: float(group["lr"]) for name, group in zip(group_names(groups), groups, strict=True)}
    if len(set(rates.values())) > 1:
        shown = ", ".join(f"{name!r} {rate!r}" for name, rate in list(rates.items())[:6]) + ", ..." * (len(rates) > 6)
        raise lr.PlanError(
            f"The groups have different rates ({shown}), and one schedule is given for all. Pass relative=True to multiply each group's "
            "own rate by it, relative=False to give it to every group, or a Plan with a schedule per group."
        )


def _copied(optimizer: Optimizer, plan: lr.Plan, options: dict[str, Any], state: dict[str, Any]) -> PlanScheduler:
    held = [dict(group) for group in optimizer.param_groups]
    scheduler = PlanScheduler(optimizer, plan, **options)
    for group, values in zip(optimizer.param_groups, held, strict=True):
        group.update(values)  # the row of step 0 is nobody's here; the state writes its own if it was in force
    scheduler.load_state_dict(state)
    return scheduler
