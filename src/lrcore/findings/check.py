"""All checks of a plan: `plan.check(...)`, `schedule.check(...)`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from ..checks import number
from ..errors import SpecError
from ..plan import Plan
from ..schedule import Schedule
from .finding import SEVERITIES, Finding, Findings, Found
from .groups import group_names, of_fields, of_groups, of_rules
from .lengths import of_epochs, of_horizon, of_returns, of_unreached, of_warmup
from .run import Column, Known, Run, columns_of, run_of
from .values import of_extremes, of_first_update, of_floors, of_jumps, of_peak, of_repeats

OF_COLUMNS: tuple[Callable[[Column, Run], Found], ...] = (
    of_warmup, of_unreached, of_returns, of_first_update, of_repeats, of_jumps, of_extremes, of_peak, of_floors,
)  # fmt: skip


def check_plan(plan: Plan, *, optimizer: Any = None, names: Any = None, bounds: Any = None, jump: float = 2.0, **known: Any) -> Findings:
    """The findings about a plan; see Plan.check."""
    jump = number(jump, "jump", "a number > 1")
    if jump <= 1:
        raise SpecError("jump", "a number > 1", jump)
    groups = group_names(optimizer) if names is None else list(names)
    run, findings = run_of(plan, Known(**known), jump)
    findings += of_groups(plan, groups)
    columns, refused = columns_of(plan, groups, run, bounds)
    findings += [*refused, *of_horizon(plan, columns, run), *of_fields(columns, optimizer), *of_rules(plan, columns)]
    for column in columns:
        found = [finding for check in OF_COLUMNS for finding in check(column, run)]
        findings += [*found, *of_epochs(column, run, plan.unit)]
    return Findings(sorted(_alike(findings), key=lambda finding: -SEVERITIES.index(finding.severity)))


def check_schedule(schedule: Schedule, known: dict[str, Any]) -> Findings:
    """The findings about one schedule, as the rate of all groups; see Schedule.check."""
    return Plan(schedule).check(**known)


def _alike(findings: list[Finding]) -> list[Finding]:
    """What is found of several groups, once."""
    gathered: dict[tuple[str, ...], list[Finding]] = {}
    for finding in findings:
        field, of, _ = finding.where.partition(" of group ")
        gathered.setdefault((finding.code, field) if of else (finding.code, field, finding.sentence), []).append(finding)
    told = []
    for first, *more in gathered.values():
        groups = len({finding.where for finding in more} - {first.where})
        where = f"{first.where}, and {groups:,} more group{'s' * (groups > 1)} alike" if groups else first.where
        told.append(msgspec.structs.replace(first, where=where))
        told += [finding for finding in more if finding.where == first.where]
    return told
