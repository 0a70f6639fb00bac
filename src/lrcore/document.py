"""JSON documents of schedules and plans: the version they carry, their canonical form, and reading them back.

Equal values have equal documents: numbers are normalised and defaults left out when a schedule is made, and the encoder
keeps the order of the fields.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from .errors import SpecError, Words
from .schedule import AnySchedule, Schedule

if TYPE_CHECKING:
    from .plan import Plan

FORMAT = 1
"""The version every document carries; it changes only when an old document would no longer mean the same."""


class _Head(msgspec.Struct):
    """The one thing every document of every version has."""

    lrcore: int


class _ScheduleDocument(msgspec.Struct, forbid_unknown_fields=True):
    lrcore: int
    schedule: AnySchedule


def schedule_document(schedule: Schedule) -> str:
    """The canonical JSON of a schedule."""
    return msgspec.json.encode(_ScheduleDocument(FORMAT, schedule)).decode()


def fingerprint(document: str) -> str:
    """SHA-256 of a canonical document."""
    from hashlib import sha256  # loads OpenSSL, which most programs do not need

    return sha256(document.encode()).hexdigest()


def from_json(text: str | bytes) -> Schedule | Plan:
    """The Schedule or Plan a JSON document holds.

    Raises SpecError for truncated JSON, another version, unknown keys, and every value a constructor would refuse.

    >>> import lrcore as lr
    >>> lr.from_json(lr.linear(0.0, 1.0, 10).to_json())
    Ramp(start=0.0, stop=1.0, steps=10)
    """
    from .plan import PlanDocument

    if not isinstance(text, str | bytes | bytearray):
        raise TypeError(f"from_json takes str or bytes, got {type(text).__name__}")
    head = decode(text, _Head)
    if head.lrcore != FORMAT:
        raise SpecError("lrcore", f"a document of format {FORMAT}", head.lrcore, "Read it with the lrcore that wrote it, or a newer one.")
    keys = decode(text, dict[str, msgspec.Raw])
    kind = PlanDocument if "plan" in keys else _ScheduleDocument
    document = decode(text, kind)
    value: Schedule | Plan = document.plan if "plan" in keys else document.schedule
    return value


def decode(text: str | bytes | bytearray, kind: type[Any]) -> Any:
    """JSON as `kind`, with every refusal as a SpecError that says where."""
    try:
        return msgspec.json.decode(text, type=kind)
    except msgspec.ValidationError as error:
        raise _located(error) from None
    except msgspec.DecodeError as error:
        raise SpecError("document", "a complete JSON document", Words(str(error))) from None
    except RecursionError:
        raise SpecError("document", "at most 200 levels of nesting", Words("a deeper document")) from None


def _located(error: msgspec.ValidationError) -> SpecError:
    """msgspec's message as where, expected and got."""
    sentence, _, path = str(error).partition(" - at `")
    place = path.rstrip("`").removeprefix("$").removeprefix(".") or "document"
    cause = error.__cause__
    if isinstance(cause, SpecError):
        return SpecError(f"{place}.{cause.path}" if place != "document" else cause.path, cause.expected, cause.got, cause.hint)
    expected, came, got = sentence.partition(", got ")
    if came:
        return SpecError(place, expected.removeprefix("Expected ").replace("`", ""), Words(got.replace("`", "")))
    return SpecError(place, "the fields of an lrcore document", Words(sentence.replace("`", "")))
