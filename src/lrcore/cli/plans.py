"""A PLAN on the command line: a file, `-` for standard input, or an expression."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import BinaryIO

import msgspec

from ..errors import LrcoreError, PlanError, SpecError, shown
from ..plan import BoundPlan, Plan
from ..schedule import Schedule

_LARGEST = 64 * 2**20
"""Bytes of a document that are read: a plan of 100,000 groups has some 10 MiB."""
_OF_FILES = {".json", ".yaml", ".yml", ".txt", ".npy", ".pt", ".ckpt"}


def read_plan(given: str) -> Schedule | Plan:
    """The Schedule or Plan that an argument means.

    given : the path of a JSON or YAML file, `-` for standard input, or an expression as `from_expression` reads it. A file holds what
        `to_json` wrote, a scheduler's state or a table's sidecar, in which the plan is, or a plan's keywords with expressions
    Raises LrcoreError, whose sentence begins with where it came from.
    """
    from .documents import read_document

    if given == "-":
        return _said("standard input", lambda: read_document(_text(sys.stdin.buffer if sys.stdin else BytesIO())))
    path = Path(given)
    if _exists(path):
        return _said(given, lambda: read_document(_content(path), path.suffix.lower()))
    if path.suffix.lower() in _OF_FILES or (os.sep in given and "(" not in given):
        raise LrcoreError(f"There is no file {given}. Give a JSON or YAML file, - for standard input, or an expression.")

    from ..expression import from_expression

    return _said(shown(given), lambda: from_expression(given))


def is_expression(given: str) -> bool:
    """Whether an argument is the plan itself, and not where it is."""
    return given != "-" and not _exists(Path(given))


def as_plan(value: Schedule | Plan, horizon: int | None = None) -> Plan:
    """The plan; a schedule becomes the rate of one, and what has no horizon gets this one if its lengths are fractions of it."""
    plan = value if isinstance(value, Plan) else Plan(value)
    fractions = any(not schedule.resolved for _, schedule in plan._parts())
    return msgspec.structs.replace(plan, horizon=horizon) if fractions and plan.horizon is None and horizon is not None else plan


def bound(value: Schedule | Plan, names: str | None = None, horizon: int | None = None) -> BoundPlan:
    """The plan met with its groups, `names` as they stand on the line: "body,head"."""
    plan = as_plan(value, horizon)
    try:
        return plan.bind(names_of(names))
    except PlanError as error:
        raise PlanError(str(error).replace("Call plan.bind(names) first.", "Give them with --names.")) from None
    except SpecError as error:
        if error.path == "horizon":
            error = SpecError(error.path, error.expected, error.got, f"{error.hint} Give --steps, or a plan with a horizon.")
        raise error from None


def names_of(given: str | None) -> list[str] | None:
    """Names with commas between them as a list."""
    return None if given is None else [name.strip() for name in given.split(",")]


def _said(source: str, read: Callable[[], Schedule | Plan]) -> Schedule | Plan:
    """What is read, or an error that says where it was read from."""
    try:
        return read()
    except (LrcoreError, OverflowError) as error:
        raise LrcoreError(f"{source}: {error}") from None
    except OSError as error:
        raise LrcoreError(f"{source}: It cannot be read: {error.strerror or error}.") from None
    except RecursionError:
        raise LrcoreError(f"{source}: It nests too deeply. Write it with fewer brackets.") from None


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except (OSError, ValueError):  # an expression too long for a name, or with a zero byte
        return False


def _content(path: Path) -> str:
    if path.is_dir():
        raise LrcoreError("It is a directory. Give the name of a file in it.")
    with path.open("rb") as file:
        return _text(file)


def _text(file: BinaryIO) -> str:
    content = file.read(_LARGEST + 1)
    if len(content) > _LARGEST:
        raise LrcoreError(f"It has more than {_LARGEST >> 20} MiB, which no plan has.")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = "\0"
    if "\0" in text:
        raise LrcoreError("It holds no text. Give JSON, YAML or an expression; of a table, its .json file.")
    if not text.strip():
        raise LrcoreError("It is empty. Give JSON, YAML or an expression.")
    return text
