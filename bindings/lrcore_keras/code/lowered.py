"""A schedule as the operations of a compiled step that lrcore itself would make of it, one by one: for what no formula says."""

from __future__ import annotations

import re
import textwrap
from typing import Any

import numpy as np

import lrcore as lr
from lrcore_numpy.code.leaves import MOST


def lowered(schedule: lr.Schedule, name: str) -> str:
    """A function of the step in `keras.ops` and `np`, right to 1e-6 of the value at any step up to 2^31 - 1; LoweringError, PlanError."""
    written = _Writer()
    result = lr.lower(schedule, written)(_Value(written, "step"))
    lines = _used(written.lines, result.text)
    body = "\n".join([*lines, f"return {result.text}"])
    return f"# fmt: off\ndef {name}(step):\n{textwrap.indent(body, '    ')}\n# fmt: on"


def _used(lines: list[str], result: str) -> list[str]:
    """Those that the result needs."""
    needed, kept = {result}, []
    for line in reversed(lines):
        target, _, text = line.partition(" = ")
        if target in needed:
            kept.append(line)
            needed |= {*re.findall(r"\bx\d+\b", text)}
    return kept[::-1]


class _Value:
    """An array in the code that is being written."""

    def __init__(self, writer: _Writer, text: str) -> None:
        self.writer, self.text = writer, text

    def __neg__(self) -> _Value:
        return self.writer.line(f"-{self.text}")

    def __getitem__(self, index: tuple[Any, int]) -> _Value:
        return _Value(self.writer, f"{self.text}[..., {index[1]}]")


def _operator(sign: str, reflected: bool = False) -> Any:
    def method(self: _Value, other: Any) -> _Value:
        left, right = (other, self) if reflected else (self, other)
        return self.writer.line(f"{_text(left)} {sign} {_text(right)}")

    return method


for _name, _sign in {"add": "+", "sub": "-", "mul": "*", "floordiv": "//", "mod": "%"}.items():
    setattr(_Value, f"__{_name}__", _operator(_sign))
    setattr(_Value, f"__r{_name}__", _operator(_sign, reflected=True))
for _name, _sign in {"ge": ">=", "lt": "<", "gt": ">", "le": "<="}.items():
    setattr(_Value, f"__{_name}__", _operator(_sign))


def _text(value: Any) -> str:
    return value.text if isinstance(value, _Value) else repr(value)


class _Writer:
    """`lrcore.Ops` that writes down what it is asked for."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self._numbers = 0

    def line(self, text: str) -> _Value:
        name = f"x{len(self.lines)}"
        self.lines.append(f"{name} = {text}")
        return _Value(self, name)

    def constant(self, values: np.ndarray) -> _Value:
        values = np.asarray(values)
        self._numbers += values.size
        if self._numbers > MOST:
            raise lr.PlanError(f"The schedule needs more than {MOST:,} numbers, too many for code. Drive it with PlanSchedule.")
        text = np.array2string(values, separator=", ", threshold=MOST + 1, max_line_width=120, floatmode="unique").replace("\n", "\n    ")
        return self.line(f'ops.convert_to_tensor(np.array({text}, "{values.dtype}"))')

    table = constant

    def to_integer(self, step: Any) -> _Value:
        return self.line(f'ops.cast(ops.minimum({_text(step)}, 2147483647), "int32")')

    def to_float(self, integer: Any) -> _Value:
        return self.line(f'ops.cast({_text(integer)}, "float32")')

    def where(self, condition: Any, a: Any, b: Any) -> _Value:
        return self.line(f"ops.where({_text(condition)}, {_text(a)}, {_text(b)})")

    def minimum(self, a: Any, b: Any) -> _Value:
        return self.line(f"ops.minimum({_text(a)}, {_text(b)})")

    def maximum(self, a: Any, b: Any) -> _Value:
        return self.line(f"ops.maximum({_text(a)}, {_text(b)})")

    def xor(self, a: Any, b: Any) -> _Value:
        return self.line(f"ops.bitwise_xor({_text(a)}, {_text(b)})")

    def count(self, booleans: Any) -> _Value:
        return self.line(f'ops.cast(ops.sum(ops.cast({_text(booleans)}, "int32"), axis=-1), "int32")')

    def take(self, array: Any, index: Any) -> _Value:
        return self.line(f"ops.take({_text(array)}, {_text(index)}, axis=0)")

    def expand(self, array: Any) -> _Value:
        return self.line(f"ops.expand_dims({_text(array)}, -1)")
