"""The classes whose rates are a closed form of the step: each makes one plan from its arguments, by `lrcore.presets.torch`.

PyTorch's classes multiply the rate they find in the group, so that schedulers stepped one after the other, a plateau rule and a
rate changed by hand all compose. Here the rate is the closed form, and what others did to it since is kept as a factor on it.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from copy import copy
from math import isfinite
from typing import Any, ClassVar
from warnings import warn

from torch import Tensor, finfo
from torch.optim import Optimizer
from torch.optim import lr_scheduler as stock

import lrcore as lr
from lrcore.presets import torch as presets

from ..groups import Place, group_names, shared_tensors
from ..scheduler import PlanScheduler

SAME = 1e-9
"""Two rates this close, relative to themselves, are the same but for the rounding errors that PyTorch's recursions collect."""

Base = Mapping[str, Mapping[str, float]]


def names_of(optimizer: Optimizer) -> list[str]:
    """The names by which an optimizer's groups are known."""
    return group_names(optimizer.param_groups)


def initial_rates(optimizer: Optimizer, last_epoch: int) -> list[float]:
    """The base rate of every group: what it was given first, or what it has now. Raises TypeError, and KeyError as PyTorch does."""
    if not isinstance(optimizer, Optimizer):
        raise TypeError(f"A scheduler takes a torch optimizer, got {type(optimizer).__name__}.")
    for i, group in enumerate(optimizer.param_groups):
        if last_epoch != -1 and "initial_lr" not in group:
            raise KeyError(f"param_groups[{i}] has no initial_lr, which last_epoch={last_epoch} needs: load the optimizer's state first.")
    return [float(group.get("initial_lr", group["lr"])) for group in optimizer.param_groups]


def put(group: dict[str, Any], rate: float) -> None:
    """Write a rate; a tensor is filled in place."""
    if isinstance(group["lr"], Tensor):
        group["lr"].fill_(rate)
    else:
        group["lr"] = rate


def separate(optimizer: Optimizer) -> None:
    """Give every group a tensor of its own where several hold the same one: filling it would fill it for all."""
    groups = optimizer.param_groups
    for place, tensor in shared_tensors([Place(i, "lr", -1) for i in range(len(groups))], groups):
        place.put(groups, tensor.clone())


def copied(rate: Any) -> Any:
    """A rate that does not change when the group's does."""
    return rate.clone() if isinstance(rate, Tensor) else rate


def whole(value: Any) -> Any:
    """A float that is a whole number as an int: lengths are often the result of a division."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def listed(name: str, optimizer: Optimizer, value: Any) -> list[float]:
    """One value for every group, given as a list or once for all."""
    count = len(optimizer.param_groups)
    if not isinstance(value, list | tuple):
        return [value] * count
    if len(value) != count:
        raise lr.SpecError(name, f"a number, or a list of {count}, one for each group", value)
    return list(value)


def _argument(name: str) -> property:
    """An argument as an attribute that others read, and that changes the plan when it is set."""

    def write(self: Planned, value: Any) -> None:
        old = self.__dict__.get(name)
        self.__dict__[name] = value
        try:
            self._replan()
        except Exception:
            self.__dict__[name] = old
            raise

    return property(lambda self: self.__dict__[name], write, doc=f"The argument `{name}`; setting it changes the plan from this step on.")


class Planned(PlanScheduler):
    """What the classes of this module share: a plan made from the arguments, one row written per step."""

    _arguments: ClassVar[tuple[str, ...]] = ()
    multiplies: ClassVar[bool] = True
    """Whether PyTorch's class multiplies the rate it finds, or sets its own."""
    overridden: ClassVar[bool] = False
    """Whether a subclass has a `get_lr` of its own."""
    _marks: list[Any] | None = None
    """The rates that were written last, where the writer in C does not know: tensors, and rates that others have a share in."""
    _versions: list[int] = []

    def __init_subclass__(cls, arguments: Iterable[str] = (), **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        cls.overridden = cls.get_lr is not PlanScheduler.get_lr
        if arguments:
            cls._arguments = tuple(arguments)
            for name in cls._arguments:
                setattr(cls, name, _argument(name))

    def _start(self, optimizer: Optimizer, last_epoch: int, rates: list[float] | None = None, **arguments: Any) -> None:
        """Attach, and go to the step after `last_epoch`; rates are the base rates, where they are not what the groups have."""
        initial = initial_rates(optimizer, last_epoch)
        self.__dict__.update(arguments)
        self._rates: dict[str, float] = dict(zip(names_of(optimizer), rates or initial, strict=True))
        self._place_of = {name: i for i, name in enumerate(self._rates)}
        self._scale: dict[str, float] = {}
        self._copied = tuple(self.__dict__)  # what a copy of this scheduler must be given
        super().__init__(optimizer, None, on_change="keep")
        if last_epoch != -1:
            self._update_lr(last_epoch + 1)

    # -- the plan ------------------------------------------------------------------------------------------------------

    def _schedules(self, *key: Any) -> dict[str, lr.Schedule]:
        """The schedules of a group's fields, from its key; each class has its own."""
        raise NotImplementedError

    def _key(self, rate: float, place: int | None) -> tuple[Any, ...]:
        """What tells groups apart: the base rate, and the place (None: added later) in arguments that are lists."""
        return (rate,)

    def _plan_over(self, base: Base) -> lr.Plan:
        keys = {name: self._key(self._rates.setdefault(name, held["lr"]), self._place_of.get(name)) for name, held in base.items()}
        made = {key: self._schedules(*key) for key in set(keys.values())}
        if len(made) == 1:
            return lr.Plan(fields=next(iter(made.values())))
        return lr.Plan(groups={lr.exactly(name): made[key] for name, key in keys.items()})

    def _base_rates(self, base: Base) -> list[float | Tensor]:
        return [self._rates.setdefault(name, held["lr"]) for name, held in base.items()]

    def _replan(self) -> None:
        """Go on with what the arguments say now."""
        self._fixed = None
        if "_bound" in self.__dict__:
            in_force = self._in_force()
            self._attach()
            if in_force:
                self._write(self._position)

    # -- what others do to the rates -----------------------------------------------------------------------------------

    def step(self, epoch: int | None = None) -> None:
        """Go on to the next step and write its row; with an epoch, to that step."""
        if self.overridden or (self.multiplies and (epoch is not None or self._scale or not self._untouched())):
            self._step_count += 1
            self._update_lr(epoch)
            return
        super().step(epoch)
        self._marks = None  # the writer knows what it wrote

    def _update_lr(self, epoch: int | None = None) -> None:
        if epoch is not None:
            self._scale = {}
        elif self.multiplies and not self._untouched():
            self._keep_what_others_did()
        super()._update_lr(epoch)

    def _write(self, step: int) -> None:
        super()._write(step)
        groups = self.optimizer.param_groups
        if self._scale:
            for name, group in zip(names_of(self.optimizer), groups, strict=True):
                if name in self._scale:
                    put(group, self._scaled(name, float(group["lr"])))
        if self.overridden:
            for group, rate in zip(groups, self.get_lr(), strict=True):
                put(group, float(rate))
        self._marks = [group["lr"] for group in groups]
        self._versions = [mark._version for mark in self._marks if isinstance(mark, Tensor)]

    def _untouched(self) -> bool:
        """Whether the groups hold the very rates that were written last."""
        if self._host_writer.holds(self.optimizer.param_groups):
            return True
        if self._marks is None:
            return self._position >= 0 and super()._in_force()
        rates = [group["lr"] for group in self.optimizer.param_groups]
        if rates != self._marks:
            return False
        return not self._versions or self._versions == [rate._version for rate in rates if isinstance(rate, Tensor)]

    def _in_force(self) -> bool:
        return self._untouched() if self.multiplies or self.overridden else super()._in_force()

    def _keep_what_others_did(self) -> None:
        """What a rate was multiplied by since the last step, by hand or by another scheduler, becomes a factor on ours."""
        planned = self._bound.current(self._position) if self._position >= 0 else {}
        if self._position < 0:
            self._scale = {}  # nothing of ours is in force yet
        for name, group in zip(names_of(self.optimizer), self.optimizer.param_groups, strict=True):
            if self._position < 0:
                was = self._rates[name]
            elif name in planned:
                was = self._scaled(name, planned[name]["lr"])
            else:
                was = self._plan_over({name: {"lr": float(group["lr"])}}).written([name])[name]["lr"](self._position)
            self._scale_by(name, group["lr"], was, 1e-15)

    def _scale_by(self, name: str, rate: float | Tensor, was: float, close: float) -> None:
        """Take note that a rate of ours, `was`, is now `rate`; those within `close` of each other are the same."""
        if isinstance(rate, Tensor):
            close, rate = max(close, 4 * finfo(rate.dtype).eps), float(rate)
        distance = was - self._origin
        if distance != 0 and abs(rate - was) > close * abs(was) and isfinite(factor := (rate - self._origin) / distance):
            self._scale[name] = self._scale.get(name, 1.0) * factor

    def _scaled(self, name: str, rate: float) -> float:
        return self._origin + (rate - self._origin) * self._scale.get(name, 1.0)

    @property
    def _origin(self) -> float:
        """What PyTorch's class multiplies the distance from."""
        return 0.0

    def current(self) -> dict[str, dict[str, float]]:
        """The values in force, by group and field."""
        values = super().current()
        for name in self._scale.keys() & values.keys():
            values[name]["lr"] = self._scaled(name, values[name]["lr"])
        return values

    def get_last_lr(self) -> list[float | Tensor]:
        """The rates in force, group by group."""
        return [float(group["lr"]) for group in self.optimizer.param_groups] if self.overridden else super().get_last_lr()

    @property
    def _last_lr(self) -> list[float | Tensor]:  # type: ignore[override]  # an attribute that is set, there
        return self.get_last_lr()

    # -- state ---------------------------------------------------------------------------------------------------------

    def _extras(self) -> dict[str, Any]:
        """What the state holds beyond that of a PlanScheduler."""
        arguments = {name: _plain(getattr(self, name)) for name in self._arguments}
        return {"arguments": arguments, "rates": dict(self._rates), "scale": dict(self._scale)}

    def state_dict(self) -> dict[str, Any]:
        """Step, plan, arguments, and what others did to the rates; plain Python types."""
        state = super().state_dict()
        state["binding"]["arguments"] = json.dumps(self._extras())
        return state

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Go to the step of a state, of this class or of PyTorch's; the checkpoint's arguments win, and a warning says which."""
        before, kept = self.plan, self._kept()
        try:
            own, self._fixed = dict(state_dict), None
            if "version" in own:
                self._take_back(json.loads(dict(own.get("binding", {})).get("arguments", "{}")))
            else:
                self._adopt(own)
                self._replan_for(own)
            super().load_state_dict(own)
        except (AttributeError, KeyError, TypeError, ValueError) as error:  # what altered arguments run into; StateError is none of them
            self._restore(kept)
            if isinstance(error, lr.LrcoreError):
                raise
            raise lr.StateError(
                f"The state is incomplete or altered: the arguments of {type(self).__name__} cannot be read from it ({error}). "
                "Load another checkpoint."
            ) from None
        except Exception:
            self._restore(kept)
            raise
        if self.plan != before:
            warn(f"The checkpoint's arguments are used, as in PyTorch; they differ:\n{before.diff(self.plan)}", UserWarning, stacklevel=2)

    def _kept(self) -> dict[str, Any]:
        return {name: copy(self.__dict__[name]) for name in (*self._arguments, "_rates", "_scale", "_fixed")}

    def _restore(self, kept: dict[str, Any]) -> None:
        self.__dict__.update(kept)

    def _take_back(self, extras: Mapping[str, Any]) -> None:
        """Arguments, base rates and factors from our own state."""
        self.__dict__.update(
            {name: _revived(name, value) for name, value in extras.get("arguments", {}).items() if name in self._arguments}
        )
        names = names_of(self.optimizer)
        self._rates |= {name: float(rate) for name, rate in extras.get("rates", {}).items() if name in names}
        self._scale = {name: float(factor) for name, factor in extras.get("scale", {}).items() if name in names}

    def _adopt(self, state: Mapping[str, Any]) -> None:
        """Arguments and base rates from the state of PyTorch's class."""
        self.__dict__.update({name: whole(state[name]) for name in self._arguments if name in state})
        for name, rate in zip(names_of(self.optimizer), state.get("base_lrs", ()), strict=False):
            self._rates[name] = float(rate)

    def _replan_for(self, state: Mapping[str, Any]) -> None:
        """The plan of PyTorch's state, and what others had done to the rates when it was saved."""
        self._attach()
        self._scale = {}
        step, rates = state.get("last_epoch"), state.get("_last_lr", ())
        if self.multiplies and type(step) is int and step >= 0:
            planned = self._bound.current(step)
            for name, rate in zip(names_of(self.optimizer), rates, strict=False):
                self._scale_by(name, rate, planned[name]["lr"], SAME)

    def __reduce__(self) -> tuple[Any, ...]:
        kept = {name: self.__dict__[name] for name in self._copied}
        return _remade, (type(self), self.optimizer, kept, self.state_dict())


def _remade(kind: type[Planned], optimizer: Optimizer, kept: dict[str, Any], state: dict[str, Any]) -> Planned:
    scheduler = kind.__new__(kind)
    scheduler.__dict__.update(kept, _copied=tuple(kept))
    held = [dict(group) for group in optimizer.param_groups]
    PlanScheduler.__init__(scheduler, optimizer, None, on_change="keep")
    for group, values in zip(optimizer.param_groups, held, strict=True):
        group.update(values)  # the row of step 0 is nobody's here; the state writes its own if it was in force
    scheduler.load_state_dict(state)
    return scheduler


def _plain(value: Any) -> Any:
    return sorted(value.elements()) if isinstance(value, Counter) else value


def _revived(name: str, value: Any) -> Any:
    return Counter(value) if name == "milestones" else value


# -- the classes -------------------------------------------------------------------------------------------------------


class StepLR(Planned, stock.StepLR, arguments=("step_size", "gamma")):
    """The rate times gamma every step_size steps: base gamma^floor(t / step_size). See `lrcore.presets.torch.StepLR`."""

    def __init__(self, optimizer: Optimizer, step_size: int, gamma: float = 0.1, last_epoch: int = -1) -> None:
        self._start(optimizer, last_epoch, step_size=whole(step_size), gamma=gamma)

    def _schedules(self, rate: float) -> dict[str, lr.Schedule]:
        return {"lr": presets.StepLR(rate, self.step_size, self.gamma)}


class MultiStepLR(Planned, stock.MultiStepLR, arguments=("milestones", "gamma")):
    """The rate times gamma at every milestone: base gamma^(milestones <= t). See `lrcore.presets.torch.MultiStepLR`."""

    def __init__(self, optimizer: Optimizer, milestones: Iterable[int], gamma: float = 0.1, last_epoch: int = -1) -> None:
        self._start(optimizer, last_epoch, milestones=Counter(map(whole, milestones)), gamma=gamma)

    def _schedules(self, rate: float) -> dict[str, lr.Schedule]:
        return {"lr": presets.MultiStepLR(rate, sorted(Counter(self.milestones).elements()), self.gamma)}


class ConstantLR(Planned, stock.ConstantLR, arguments=("factor", "total_iters")):
    """The rate times factor for total_iters steps, then the rate. See `lrcore.presets.torch.ConstantLR`."""

    def __init__(self, optimizer: Optimizer, factor: float = 1.0 / 3, total_iters: int = 5, last_epoch: int = -1) -> None:
        self._start(optimizer, last_epoch, factor=factor, total_iters=whole(total_iters))

    def _schedules(self, rate: float) -> dict[str, lr.Schedule]:
        return {"lr": presets.ConstantLR(rate, self.factor, self.total_iters)}


class LinearLR(Planned, stock.LinearLR, arguments=("start_factor", "end_factor", "total_iters")):
    """A line from start_factor to end_factor times the rate in total_iters steps. See `lrcore.presets.torch.LinearLR`."""

    def __init__(
        self, optimizer: Optimizer, start_factor: float = 1.0 / 3, end_factor: float = 1.0, total_iters: int = 5, last_epoch: int = -1
    ) -> None:
        self._start(optimizer, last_epoch, start_factor=start_factor, end_factor=end_factor, total_iters=whole(total_iters))

    def _schedules(self, rate: float) -> dict[str, lr.Schedule]:
        return {"lr": presets.LinearLR(rate, self.start_factor, self.end_factor, self.total_iters)}


class ExponentialLR(Planned, stock.ExponentialLR, arguments=("gamma",)):
    """The rate times gamma every step: base gamma^t. See `lrcore.presets.torch.ExponentialLR`."""

    def __init__(self, optimizer: Optimizer, gamma: float, last_epoch: int = -1) -> None:
        self._start(optimizer, last_epoch, gamma=gamma)

    def _schedules(self, rate: float) -> dict[str, lr.Schedule]:
        return {"lr": presets.ExponentialLR(rate, self.gamma)}


class PolynomialLR(Planned, stock.PolynomialLR, arguments=("total_iters", "power")):
    """To zero in total_iters steps: base (1 - t / total_iters)^power. See `lrcore.presets.torch.PolynomialLR`."""

    def __init__(self, optimizer: Optimizer, total_iters: int = 5, power: float = 1.0, last_epoch: int = -1) -> None:
        self._start(optimizer, last_epoch, total_iters=whole(total_iters), power=power)

    def _schedules(self, rate: float) -> dict[str, lr.Schedule]:
        return {"lr": presets.PolynomialLR(rate, self.total_iters, self.power)}


class CosineAnnealingLR(Planned, stock.CosineAnnealingLR, arguments=("T_max", "eta_min")):
    """Half a cosine to eta_min in T_max steps, and back up: see `lrcore.presets.torch.CosineAnnealingLR`.

    >>> import torch
    >>> optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
    >>> scheduler = CosineAnnealingLR(optimizer, T_max=4)
    >>> for _ in range(2):
    ...     optimizer.step()
    ...     scheduler.step()
    >>> scheduler.get_last_lr(), scheduler.get_lr(), scheduler.T_max
    ([0.5], [0.5], 4)
    """

    def __init__(self, optimizer: Optimizer, T_max: int, eta_min: float = 0.0, last_epoch: int = -1) -> None:  # noqa: N803
        self._start(optimizer, last_epoch, T_max=whole(T_max), eta_min=eta_min)

    def _schedules(self, rate: float) -> dict[str, lr.Schedule]:
        return {"lr": presets.CosineAnnealingLR(rate, self.T_max, self.eta_min)}

    @property
    def _origin(self) -> float:
        return self.eta_min


class CosineAnnealingWarmRestarts(Planned, stock.CosineAnnealingWarmRestarts, arguments=("T_0", "T_mult", "eta_min")):
    """Cosines from the rate to eta_min, each T_mult times as long: see `lrcore.presets.torch.CosineAnnealingWarmRestarts`.

    `step(epoch)` takes a float too, `epoch + batch / batches`; `last_epoch` is then its whole part, which the next `step()` follows.
    """

    multiplies = False

    def __init__(self, optimizer: Optimizer, T_0: int, T_mult: int = 1, eta_min: float = 0.0, last_epoch: int = -1) -> None:  # noqa: N803
        if not isinstance(eta_min, float | int):
            raise lr.SpecError("eta_min", "a number", eta_min)
        self._start(optimizer, last_epoch, T_0=T_0, T_mult=T_mult, eta_min=eta_min)

    def _schedules(self, rate: float) -> dict[str, lr.Schedule]:
        return {"lr": presets.CosineAnnealingWarmRestarts(rate, self.T_0, self.T_mult, self.eta_min)}

    def step(self, epoch: float | None = None) -> None:
        """Go on to the next step, or to `epoch`, whole or not."""
        self._between = None
        if epoch is None or epoch == int(epoch):
            super().step(whole(epoch))
            return
        super().step(int(epoch))
        rates = {name: schedule(epoch) for (name, _), schedule in zip(self._bound.columns, self._bound.schedules, strict=True)}
        self._between = [rates[name] for name in names_of(self.optimizer)]
        for group, rate in zip(self.optimizer.param_groups, self._between, strict=True):
            put(group, rate)

    def get_last_lr(self) -> list[float | Tensor]:
        """The rates in force, group by group."""
        return super().get_last_lr() if self._between is None else list(self._between)

    _between: list[float] | None = None
    """The rates of a step that is not whole."""

    @property
    def T_i(self) -> int:  # type: ignore[override]  # noqa: N802
        """The length of the cycle in force."""
        return self._cycle()[1]

    @property
    def T_cur(self) -> int:  # type: ignore[override]  # noqa: N802
        """Steps since the last restart."""
        return self._cycle()[0]

    def _cycle(self) -> tuple[int, int]:
        position, length = self.last_epoch, self.T_0
        if self.T_mult == 1:
            return position % length, length
        while position >= length:
            position, length = position - length, length * self.T_mult
        return position, length
