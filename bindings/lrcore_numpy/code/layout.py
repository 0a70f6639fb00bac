"""The look of code: numbers as a person writes them, long lines broken as formatters break them."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Sequence

WIDTH = 88
"""Columns, the default of the common formatters."""

_PAIRS = {"(": ")", "[": "]", "{": "}"}


def number(value: float) -> str:
    """A number as code: 0.3 for the 0.30000000000000004 of a rounding, where that changes nothing before the 16th digit."""
    text, short = repr(value), f"{value:.15g}"
    if "." not in short and "e" not in short:
        short += ".0"
    return repr(float(short)) if len(repr(float(short))) <= len(text) - 4 else text


def whole(value: int) -> str:
    """An integer as code."""
    return f"{value:_}" if abs(value) >= 100_000 else str(value)


def string(text: str) -> str:
    """A string as code, in double quotes where it has none inside."""
    return repr(text) if '"' in text or "\\" in text or not text.isprintable() or "'" in text else f'"{text}"'


def plain(text: str) -> bool:
    """Whether an expression is one name or number, so that it needs no brackets and ** hugs it."""
    return re.fullmatch(r"-?[\w.]+(e[-+]?\d+)?", text) is not None


def grouped(text: str) -> str:
    """In parentheses, unless it is a name, a number or one call."""
    if plain(text) and not text.startswith("-"):
        return text
    head, _, rest = text.partition("(")
    if re.fullmatch(r"[\w.]*", head) and rest.endswith(")") and _end(rest, 0) == len(rest) - 1:
        return text  # in parentheses already, too
    return f"({text})"


def powered(base: str, exponent: str) -> str:
    """base ** exponent, as formatters space it."""
    if plain(base) and plain(exponent) and not base.startswith("-"):
        return f"{base}**{exponent}"
    return f"{grouped(base)} ** {exponent if plain(exponent) else grouped(exponent)}"


def laid_out(code: str) -> str:
    """The code with its long lines broken; a line that is data already stays."""
    lines, kept = [], False
    for line in code.splitlines():
        kept = line.strip() != "# fmt: on" if kept else line.strip() == "# fmt: off"
        lines += [line] if kept or line.lstrip().startswith("#") else _broken(line)
    return "\n".join(lines) + "\n"


def commented(text: str, most: int = 6) -> str:
    """Words as a comment of at most so many lines."""
    rows = textwrap.wrap(text, WIDTH - 2, break_long_words=False, break_on_hyphens=False)
    rows = rows if len(rows) <= most else [*rows[: most - 1], "..."]
    return "".join(f"# {row}\n" for row in rows)


def module(head: str, imports: str, *parts: str) -> str:
    """A comment, imports, and what follows them, as far apart as formatters have them."""
    text = head + imports
    for i, part in enumerate(part for part in parts if part):
        defines = part.startswith(("def ", "class ", "@"))
        gap = "\n\n\n" if i or defines else "\n\n" if imports else ""
        text += (gap if i or imports else gap[1:]) + part.rstrip("\n")
    return laid_out(text)


def data(name: str, values: Sequence[str]) -> str:
    """A tuple under a name, as a table if it is long."""
    line = f"{name} = ({', '.join(values)}{',' * (len(values) == 1)})"
    if len(line) <= WIDTH:
        return line
    rows = textwrap.wrap(", ".join(values), WIDTH - 4, break_on_hyphens=False, break_long_words=False)
    return "\n".join(["# fmt: off", f"{name} = (", *(f"    {row}" for row in rows), ")", "# fmt: on"])


def _broken(line: str) -> list[str]:
    if len(line) <= WIDTH or '"""' in line:
        return [line]
    indent = line[: len(line) - len(line.lstrip())]
    if (terms := _terms(line)) is not None:
        head, parts = terms
        return [f"{indent}{head}(", *(row for part in parts for row in _broken(f"{indent}    {part}")), f"{indent})"]
    start, end = _last_brackets(line)
    if start < 0 or (line[start] == "(" and not re.search(r"\w$", line[:start])):
        return [line]  # grouping, or nothing to break
    if line[start] == "[" and re.search(r"[\w)\]]$", line[:start]):  # an index, of which a comma would make another
        return [line[: start + 1], *_broken(f"{indent}    {line[start + 1 : end]}"), indent + line[end:]]
    rows = [row for item in _split(line[start + 1 : end]) for row in _with_comma(_broken(f"{indent}    {item}"))]
    return [line[: start + 1], *rows, indent + line[end:]]


def _with_comma(rows: list[str]) -> list[str]:
    return [*rows[:-1], f"{rows[-1]},"]


def _end(text: str, start: int) -> int:
    """Where the bracket closes that is open at `start`."""
    depth, quote = 1, ""
    for i in range(start, len(text)):
        letter = text[i]
        if quote:
            quote = "" if letter == quote and text[i - 1] != "\\" else quote
        elif letter in "\"'":
            quote = letter
        elif letter in "([{":
            depth += 1
        elif letter in ")]}":
            depth -= 1
            if depth == 0:
                return i
    return -1


def _last_brackets(line: str) -> tuple[int, int]:
    """The last brackets of a line that stand in no others."""
    found, i, quote = (-1, -1), 0, ""
    while i < len(line):
        letter = line[i]
        if quote:
            quote = "" if letter == quote and line[i - 1] != "\\" else quote
        elif letter in "\"'":
            quote = letter
        elif letter in _PAIRS:
            end = _end(line, i + 1)
            if end > i + 1:
                found = i, end
            i = end
        i += 1
    return found


def _split(text: str, marks: tuple[str, ...] = (", ",)) -> list[str]:
    """The parts between the marks that stand in no brackets; all but the first keep what else than a comma parts them."""
    parts, start, i, quote = [], 0, 0, ""
    while i < len(text):
        letter = text[i]
        mark = next((each for each in marks if text.startswith(each, i)), "")
        if quote:
            quote = "" if letter == quote and text[i - 1] != "\\" else quote
        elif letter in "\"'":
            quote = letter
        elif letter in _PAIRS:
            i = _end(text, i + 1)
        elif mark:
            parts.append(text[start:i])
            start = i + (len(mark) if mark == ", " else 1)
        i += 1
    return [*parts, text[start:].rstrip(",")]


def _terms(line: str) -> tuple[str, list[str]] | None:
    """What stands before a sum or product, and its terms; None if the line is neither."""
    body = line.strip()
    head = re.match(r"return |\w+ = ", body)
    if head is None:
        return None
    rest = body[head.end() :]
    for marks in ((" + ", " - "), (" * ", " / ")):
        parts = _split(rest, marks)
        if len(parts) > 1 and len(_split(rest)) == 1:
            return head.group(0), parts
    return None
