"""What can go wrong, in one sentence each: where, what was expected, what came, what to do."""

from __future__ import annotations


class LrcoreError(Exception):
    """The base of every error lrcore raises on purpose."""


class SpecError(LrcoreError, ValueError):
    """A schedule, plan or argument that cannot mean anything.

    path : where the value stands, for example `phases[1].steps`
    expected : what would have been accepted, as a noun phrase
    got : the value that came
    hint : what to do about it, a sentence, or empty

    >>> raise SpecError("steps", "an integer >= 0", -1, "Use 0 to skip the phase.")
    Traceback (most recent call last):
    lrcore.errors.SpecError: steps: expected an integer >= 0, got -1. Use 0 to skip the phase.
    """

    def __init__(self, path: str, expected: str, got: object, hint: str = "") -> None:
        self.path, self.expected, self.got, self.hint = path, expected, got, hint
        super().__init__(path, expected, got, hint)

    def __str__(self) -> str:
        sentence = f"{self.path}: expected {self.expected}, got {shown(self.got)}."
        return f"{sentence} {self.hint}" if self.hint else sentence


class PlanError(LrcoreError):
    """A plan that does not fit the groups it is bound to."""


class LoweringError(PlanError):
    """A schedule that a framework's operations cannot express."""


class StateError(LrcoreError):
    """A saved state that belongs to another plan."""


class TableError(LrcoreError):
    """A table that cannot be made, written or trusted."""


class Words(str):
    """A `got` that is already words, to be shown as it is."""


def shown(value: object) -> str:
    """The value as one short line, so that a long array or document does not flood a message."""
    text = str(value) if isinstance(value, Words) else repr(value)
    return text if len(text) <= 80 else text[:77] + "..."
