"""A finding: what is the matter with a plan, where, how badly, and what to do about it."""

from __future__ import annotations

from collections.abc import Iterator
from textwrap import wrap
from typing import Literal

import msgspec

Severity = Literal["note", "warning", "error"]
SEVERITIES: tuple[Severity, ...] = ("note", "warning", "error")

CHECKS: dict[str, str] = {
    "clock-mismatch": "the numbers of the run contradict each other, or the plan's clock",
    "horizon-missing": "lengths are fractions of a horizon that nobody gave",
    "horizon-mismatch": "the plan is for another number of updates than the run makes",
    "warmup-too-long": "the warmup lasts as long as the run, or longer",
    "phase-unreached": "phases begin when the run is over",
    "rises-after-end": "a decay comes to its end and rises again",
    "cycle-cut": "the run ends inside a cycle",
    "epoch-step-mixup": "a length in updates is the number of epochs, or the other way round",
    "zero-start": "update 0 has rate 0 and changes nothing",
    "repeated-warmup": "a warmup that rises at every update has one value twice",
    "jump": "the value jumps where one phase meets the next",
    "peak-between-updates": "the highest value lies between two updates, and none has it",
    "negative-value": "a value is below 0",
    "out-of-bounds": "a value is outside its bounds",
    "min-above-max": "a lowest value is above the highest",
    "nothing-scheduled": "the plan schedules nothing",
    "group-names": "the groups have no names of their own",
    "group-unmatched": "a pattern matches no group",
    "group-hidden": "a pattern is never reached: others before it take all it matches",
    "group-twice": "a group is matched by several patterns, of which the first wins",
    "field-unknown": "the optimizer does not have a field",
}
"""What can be found: every code, and what it stands for."""

_WIDTH = 110


class Finding(msgspec.Struct, frozen=True):
    """One thing a check found.

    code : one of lr.CHECKS; severity : "note", "warning" or "error"
    where : the field, the group or the argument; sentence : what is the matter; mend : what to do about it
    """

    code: str
    severity: Severity
    where: str
    sentence: str
    mend: str


Found = Iterator[Finding]


class Findings(tuple[Finding, ...]):
    """What was found, the worst first; false if nothing was. `str` of it is a table.

    >>> import lrcore as lr
    >>> findings = lr.warmup_cosine(0.1, warmup=200, steps=1000).check(horizon=100)
    >>> findings.codes, findings.serious.codes
    (['warmup-too-long', 'horizon-mismatch', 'phase-unreached', 'zero-start'], ['warmup-too-long', 'horizon-mismatch', 'phase-unreached'])
    """

    __slots__ = ()

    @property
    def serious(self) -> Findings:
        """Those that are more than a note."""
        return Findings(finding for finding in self if finding.severity != "note")

    @property
    def errors(self) -> Findings:
        """Those that are errors."""
        return Findings(finding for finding in self if finding.severity == "error")

    @property
    def codes(self) -> list[str]:
        """The codes in order, each once."""
        return list(dict.fromkeys(finding.code for finding in self))

    def to_json(self) -> str:
        """A JSON list of objects with the fields of Finding."""
        return msgspec.json.encode(list(self)).decode()

    def __str__(self) -> str:
        lines = []
        for finding in self:
            lines.append(f"{finding.severity:<8} {finding.code:<21} {finding.where}")
            lines += wrap(f"{finding.sentence} {finding.mend}", _WIDTH, initial_indent=" " * 9, subsequent_indent=" " * 9)
        return "\n".join(lines) or "nothing found"
