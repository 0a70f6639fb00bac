"""What a framework's own ReduceLROnPlateau can follow of a plan's rules."""

from __future__ import annotations

import lrcore as lr


def rule_of(bound: lr.BoundPlan, convention: str, native: str) -> lr.ReduceLROnPlateau:
    """The rule of every group, if it is the one that the framework's class has; PlanError else."""
    adaptations = bound.begin()
    machines = [adaptations.of(name) for name in bound.names]
    known = {id(machine): machine for machine in machines}
    rule = machines[0].rule if machines[0] is not None else None
    if len(known) > 1 or rule is None:
        raise lr.PlanError(
            f'The groups have different rules, and {native} has one for all. Give them one rule, or take the code for "lrcore".'
        )
    if not isinstance(rule, lr.ReduceLROnPlateau):
        raise lr.PlanError(
            f"The plan has the rule {type(rule).__name__}, and {native} is the only one there. Give the plan a ReduceLROnPlateau, or "
            'take the code for "lrcore", which has every rule.'
        )
    if rule.convention != convention:
        raise lr.PlanError(
            f"The rule follows {rule.convention}'s convention, and {native} acts at other observations. Write "
            f'ReduceLROnPlateau(convention="{convention}"), or take the code for "lrcore".'
        )
    return rule


def limits(bound: lr.BoundPlan) -> list[float]:
    """The least rate of every group under its rule."""
    adaptations = bound.begin()
    return [machine.limits(name)[0] for name in bound.names if (machine := adaptations.of(name)) is not None]
