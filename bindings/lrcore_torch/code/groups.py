"""A plan by parameter groups, and the statements that give the groups what stays as it is."""

from __future__ import annotations

from itertools import count

import lrcore as lr
from lrcore_numpy.code import identifier
from lrcore_numpy.code.layout import WIDTH, number

BETAS = ("beta1", "beta2")


class Groups:
    """The rates, the other fields that change, and the constants to set."""

    def __init__(self, bound: lr.BoundPlan, optimizer: str) -> None:
        self.optimizer = optimizer
        self.alike = not bound.plan.groups
        self.names = bound.names[:1] if self.alike else bound.names
        self.rates: dict[str, lr.Schedule] = {}
        self.changing: dict[tuple[str, str], lr.Schedule] = {}
        self.constants: dict[str, dict[str, float]] = {name: {} for name in self.names}
        self.variables: dict[str, str] = {}
        for name in self.names:
            wish = f"group_{identifier(name)}"
            others = {*self.variables.values()}
            self.variables[name] = wish if wish not in others else next(each for i in count(2) if (each := f"{wish}{i}") not in others)
        for (name, field), schedule in zip(bound.columns, bound.schedules, strict=True):
            if name not in self.constants:
                continue
            if field == "lr":
                self.rates[name] = schedule
            elif is_constant(schedule):
                self.constants[name][field] = schedule(0)
            else:
                self.changing[name, field] = schedule

    def steady(self, name: str) -> bool:
        """Whether the rate of a group stays as it is."""
        return is_constant(self.rates[name])

    def momenta(self) -> dict[str, lr.Schedule] | None:
        """The momentum (or beta1) of every group, {} if none changes, None if something else does."""
        found = {name: schedule for (name, field), schedule in self.changing.items() if field in ("momentum", "beta1")}
        return found if len(found) == len(self.changing) and len(found) in (0, len(self.names)) else None

    def settings(self, rates: dict[str, float], initial: bool = True) -> str:
        """The statements that give every group its rate and its constants."""
        each = [self._values(name, rates.get(name), initial) for name in self.names]
        if not any(each):
            return ""
        if self.alike or (len(self.names) > 1 and all(one == each[0] for one in each)):
            return f"for group in {self.optimizer}.param_groups:\n    group.update({keywords(each[0])})\n"
        rows = [f"{self.variables[name]}.update({keywords(one)})\n" for name, one in zip(self.names, each, strict=True) if one]
        return "".join([self.unpacked(f"{self.optimizer}.param_groups"), *rows])

    def unpacked(self, source: str, indent: int = 0) -> str:
        """The statement that names the groups, and raises where there are others than the plan has."""
        names = ", ".join(self.variables.values())
        short = len(self.variables) > 1 and indent + len(f"{names} = {source}") <= WIDTH
        return f"{names} = {source}\n" if short else f"[{names}] = {source}\n"

    def _values(self, name: str, rate: float | None, initial: bool) -> dict[str, str]:
        """What a group is updated with, as code."""
        constants = {field: number(value) for field, value in self.constants[name].items()}
        place = "group" if self.alike else self.variables[name]
        given = {} if rate is None else {"lr": number(rate)} | ({"initial_lr": number(rate)} if initial else {})
        return given | with_betas(constants, place)


def with_betas(values: dict[str, str], group: str) -> dict[str, str]:
    """The values under torch's keys: beta1 and beta2 stand in one tuple, with what the group has where one is not given."""
    if not {*BETAS} & {*values}:
        return values
    betas = [values.get(beta, f'{group}["betas"][{i}]') for i, beta in enumerate(BETAS)]
    return {field: value for field, value in values.items() if field not in BETAS} | {"betas": f"({', '.join(betas)})"}


def keywords(values: dict[str, str]) -> str:
    """Keyword arguments as code."""
    return ", ".join(f"{name}={value}" for name, value in values.items())


def is_constant(schedule: lr.Schedule) -> bool:
    """Whether a schedule has one value, as far as its parts say."""
    match schedule:
        case lr.Constant():
            return True
        case lr.Ramp():
            return schedule.start == schedule.stop
        case lr.Product() | lr.Sum() | lr.Minimum() | lr.Maximum():
            return all(map(is_constant, schedule.terms))
    return False
