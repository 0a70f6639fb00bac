"""The next values of any scheduler, read off a copy that is stepped; scheduler, optimizer and random states stay as they are."""

from __future__ import annotations

import random
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from copy import deepcopy
from typing import Any

import numpy as np
import torch

import lrcore as lr

BETAS = ("beta1", "beta2")


def sampled(live: Any, steps: int, now: int) -> list[dict[str, lr.Schedule]]:
    """The values of steps now, ..., now + steps by group and field, the last one held: the rate, and every field that changes.

    live : a scheduler with `optimizer` and `step()`; one of timm's is told its steps, from 0
    Raises PlanError if the copy cannot be made or stepped.
    """
    with _random_states_kept(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # no optimizer is stepped here, which torch warns about
        optimizer = _without_parameters(live.optimizer)
        try:
            copy = deepcopy(live, {id(live.optimizer): optimizer})
        except Exception as error:
            raise lr.PlanError(f"This {type(live).__name__} cannot be copied, to be sampled: {error}") from error
        rows = []
        for count in range(steps + 1):
            try:
                _go_to(copy, count)
            except Exception as error:
                hint = f"Pass steps={count - 1}." if count > 1 else "It has no values to go on with."
                raise lr.PlanError(f"A copy of this {type(live).__name__} failed {count} steps on: {error} {hint}") from error
            rows.append([_values(group, optimizer.defaults) for group in optimizer.param_groups])
    return [_fields([row[i] for row in rows], now) for i in range(len(rows[0]))]


def _go_to(copy: Any, count: int) -> None:
    if type(copy).__module__.startswith("timm."):
        (copy.step if copy.t_in_epochs else copy.step_update)(count)
    elif count:
        copy.step()


def _fields(rows: list[dict[str, float]], now: int) -> dict[str, lr.Schedule]:
    columns = {field: [row[field] for row in rows] for field in rows[0]}
    return {
        field: lr.constant(column[0], now) >> lr.Samples(column) if now else lr.Samples(column)  # type: ignore[arg-type]
        for field, column in columns.items()
        if field == "lr" or any(value != column[0] for value in column)
    }


def _values(group: dict[str, Any], defaults: dict[str, Any]) -> dict[str, float]:
    """The numbers a group holds of what its optimizer takes, betas by name."""
    keys = {"lr", *defaults} & set(group)
    numbers = {key: group[key] for key in keys if isinstance(group[key], int | float | torch.Tensor) and not isinstance(group[key], bool)}
    numbers |= dict(zip(BETAS, group.get("betas", ()), strict=False))
    return {key: float(value) for key, value in numbers.items()}


def _without_parameters(optimizer: Any) -> Any:
    """An optimizer of the same class with copies of the groups, but without parameters; it is never stepped."""
    bare = object.__new__(type(optimizer))
    bare.defaults = deepcopy(optimizer.defaults)
    groups = [{key: value for key, value in group.items() if key != "params"} for group in optimizer.param_groups]
    bare.param_groups = [{**deepcopy(group), "params": []} for group in groups]
    bare.state = {}
    return bare


@contextmanager
def _random_states_kept() -> Iterator[None]:
    plain, numpy_state = random.getstate(), np.random.get_state()  # noqa: NPY002  the global one is what a user's function draws from
    devices = range(torch.cuda.device_count()) if torch.cuda.is_initialized() else ()  # type: ignore[no-untyped-call]
    try:
        with torch.random.fork_rng(devices=devices):
            yield
    finally:
        random.setstate(plain)
        np.random.set_state(numpy_state)  # noqa: NPY002
