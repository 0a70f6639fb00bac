"""A canvas in a link or a file, and back; what comes from outside is bounded, checked and refused with a sentence."""

from __future__ import annotations

import json
import zlib
from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import Any

import msgspec

from ..document import decode, from_json
from ..errors import SpecError, Words
from ..expression import from_expression, to_expression
from ..plan import Plan
from ..schedule import Schedule
from .canvas import MOST_ITEMS, Canvas, Stored, What
from .starting import read_call

LONGEST_LINK = 16_000
"""Characters of a link that every browser and server takes."""
OPENED = "--canvas="
"""What stands before a link on the command line of the page's script."""
_LARGEST = 4 * 2**20
"""Bytes of a document that are read."""
FORMAT = 1


class _Document(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    studio: int
    canvas: Canvas


def to_link(canvas: Canvas) -> str:
    """The canvas as letters that a URL takes as they are. Raises SpecError for one too large for a link.

    >>> from_link(to_link(Canvas())) == Canvas()
    True
    """
    text = urlsafe_b64encode(zlib.compress(to_document(canvas).encode(), 9)).decode().rstrip("=")
    if len(text) > LONGEST_LINK:
        raise SpecError("link", f"at most {LONGEST_LINK:,} characters", Words(f"{len(text):,}"), "Send the canvas as a file.")
    return text


def from_link(text: str) -> Canvas:
    """The canvas of a link. Raises SpecError for one that is cut off, altered, or was made for another purpose."""
    hint = "Ask for the link again, or for the canvas as a file."
    try:
        if len(text) > LONGEST_LINK:
            raise ValueError
        unpacker = zlib.decompressobj()
        document = unpacker.decompress(urlsafe_b64decode(text.encode() + b"=" * (-len(text) % 4)), _LARGEST)
        if not unpacker.eof:
            raise ValueError
    except (ValueError, zlib.error):
        raise SpecError("link", "the link of a canvas, complete", Words(f"{text[:40]}{'...' * (len(text) > 40)}"), hint) from None
    return from_document(document)


def to_document(canvas: Canvas) -> str:
    """The canvas as JSON."""
    return msgspec.json.encode(_Document(FORMAT, canvas)).decode()


def from_document(text: str | bytes) -> Canvas:
    """The canvas a document holds; SpecError for anything else."""
    if len(text) > _LARGEST:
        raise SpecError("document", f"at most {_LARGEST:,} bytes", Words(f"{len(text):,}"))
    document: _Document = decode(text, _Document)
    canvas = document.canvas
    if document.studio != FORMAT:
        raise SpecError("studio", f"a canvas of format {FORMAT}", document.studio, "Open it with the studio that wrote it, or a newer one.")
    if len(canvas.items) > MOST_ITEMS:
        raise SpecError("canvas.items", f"at most {MOST_ITEMS} schedules", len(canvas.items))
    if len({item.id for item in canvas.items}) < len(canvas.items):
        raise SpecError("canvas.items", "schedules that each have an id of their own", Words("one twice"))
    for i, item in enumerate(canvas.items):
        if "lr" not in item.fields:
            raise SpecError(f"canvas.items[{i}].fields", "a schedule for lr", list(item.fields))
    return canvas


def what_of(value: Schedule | Plan) -> What:
    """A schedule or plan as the canvas holds it: as a recipe with controls if it is one call, as an expression, or as its document."""
    text = to_expression(value)
    try:
        if from_expression(text) == value:
            return read_call(text)
    except SpecError:
        pass
    return Stored(value.to_json())


def opened(value: Schedule | Plan | str, name: str = "", canvas: Canvas = Canvas()) -> Canvas:  # noqa: B008 # a frozen value
    """The canvas with a schedule, a plan or an expression added.

    A plan whose groups and rules the controls cannot show is added as its expression. Raises SpecError for text that is none.
    """
    if isinstance(value, str):
        from_expression(value)
        return canvas.add(read_call(value), name)
    if isinstance(value, Plan) and value.lr is not None and not value.groups and value.adapt is None and value.clock is None:
        others: dict[str, What] = {field: what_of(each) for field, each in value.defaults.items() if field != "lr"}
        added = canvas.add(what_of(value.lr), name, fields=others)
        return added.but(run=msgspec.structs.replace(added.run, horizon=value.horizon)) if value.horizon else added
    return canvas.add(what_of(value), name)


def imported(text: str, canvas: Canvas, name: str = "") -> Canvas:
    """The canvas after an import: another canvas takes its place; a schedule, a plan or an expression is added to it.

    text : JSON, YAML of the same form, or an expression
    Raises SpecError for anything else, ImportError for YAML where pyyaml is not installed.
    """
    if not text.strip():
        raise SpecError("import", "JSON, YAML or an expression", Words("nothing"))
    document = _tree(text)
    if isinstance(document, dict) and "studio" in document:
        return from_document(json.dumps(document))
    if canvas.full:
        raise SpecError("import", f"at most {MOST_ITEMS} schedules on a canvas", Words("one more"), "Remove one first.")
    return opened(from_json(json.dumps(document)) if isinstance(document, dict) else text, name, canvas)


def _tree(text: str) -> Any:
    """The dictionary that JSON or YAML holds; None for text that is neither, and so an expression."""
    if len(text) > _LARGEST:
        raise SpecError("import", f"at most {_LARGEST:,} bytes", Words(f"{len(text):,}"))
    if text.lstrip().startswith("{"):
        return decode(text, dict[str, Any])
    if not any(":" in line and not line.lstrip().startswith("#") for line in text.splitlines()):
        return None
    try:
        import yaml
    except ImportError as error:
        raise ImportError('YAML is read with pyyaml, which is not installed. Install it with pip install "lrcore[app]".') from error
    try:
        tree = yaml.safe_load(text)
    except (yaml.YAMLError, RecursionError):
        return None
    return tree if isinstance(tree, dict) else None
