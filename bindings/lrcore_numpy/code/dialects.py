"""In which words functions are written: those of plain numbers, or of the arrays of a library whose steps are compiled."""

from __future__ import annotations

import inspect
import re
from dataclasses import dataclass
from types import ModuleType
from typing import Any

from . import arrays, closed_forms, scalars

LAST = 2**31 - 1
"""Where the counts of compiled steps end."""


@dataclass(frozen=True)
class Dialect:
    """xp : what the library is called in the code; traced : whether a step is an array, so that there is no `if`."""

    xp: str
    imported: str
    traced: bool = True

    @property
    def base(self) -> ModuleType:
        """Where the helpers are that numbers and arrays do not share."""
        return arrays if self.traced else scalars

    def least(self, *terms: str) -> str:
        return self._picked("min", terms)

    def most(self, *terms: str) -> str:
        return self._picked("max", terms)

    def _picked(self, which: str, terms: tuple[str, ...]) -> str:
        if not self.traced:
            return f"{which}({', '.join(terms)})" if len(terms) > 1 else terms[0]
        text = terms[-1]
        for term in terms[-2::-1]:
            text = f"{self.xp}.{which}imum({term}, {text})"
        return text

    def real(self, integer: str) -> str:
        """A whole number as one that fractions can be made of."""
        return f'ops.cast({integer}, "float32")' if self.xp == "ops" else integer

    def floor(self, text: str) -> str:
        """A number of an array that is no whole one, rounded down."""
        return f'ops.cast(ops.floor({text}), "int32")' if self.xp == "ops" else f"{self.xp}.floor({text}).astype(int)"

    def chosen(self, cases: list[tuple[str, str]], otherwise: str) -> str:
        """The statements that return the value of the first condition that holds."""
        if not self.traced:
            return "".join(f"if {condition}:\n    return {value}\n" for condition, value in cases) + f"return {otherwise}"
        if len(cases) == 1:
            return f"return {self.xp}.where({cases[0][0]}, {cases[0][1]}, {otherwise})"
        conditions, values = (", ".join(each) for each in zip(*cases, strict=True))
        return f"return {self.xp}.select([{conditions}], [{values}], {otherwise})"

    def entry(self, values: str, index: str) -> str:
        """An entry of a tuple."""
        return f"{self.xp}.take({self.xp}.array({values}), {index})" if self.traced else f"{values}[{index}]"

    def index(self, place: str, last: int) -> str:
        """A place in a table. Arrays compute the phases that are not chosen, too, at places before them."""
        return f"{self.xp}.clip({place}, 0, {last})" if self.traced else f"min({place}, {last})"

    # -- helpers -------------------------------------------------------------------------------------------------------

    def helpers(self, used: set[str]) -> str:
        """The code of the helpers used, and of those they call, each after what it calls."""
        known = {name: value for module in (self.base, closed_forms) for name, value in vars(module).items() if inspect.isfunction(value)}
        known.pop("real", None)
        needed: set[str] = set()
        todo = list(used)
        while todo:
            name = todo.pop()
            needed.add(name)
            function = getattr(self.base, name, None) or known[name]
            todo += {*function.__code__.co_names} & {*known} - needed
        texts = {name: self._source(getattr(self.base, name, None) or known[name]) for name in known if name in needed}
        return "\n\n\n".join(texts.values())

    def _source(self, function: Any) -> str:
        """A helper as code: without its annotations, in the words of the library."""
        body = inspect.getsource(function).rstrip().partition("\n")[2]
        body = re.sub(r"\breal\(([^()]*)\)", lambda found: self.real(found[1]) if self.xp == "ops" else _grouped(found[1]), body)
        return f"def {function.__name__}({', '.join(inspect.signature(function).parameters)}):\n{body.replace('xp.', f'{self.xp}.')}"


def _grouped(text: str) -> str:
    return text if text.isidentifier() else f"({text})"


MATH = Dialect("math", "import math", traced=False)
JAX = Dialect("jnp", "import jax.numpy as jnp")
KERAS = Dialect("ops", "from keras import ops")
RESERVED = {
    "abs", "cycle", "divmod", "i", "jax", "jnp", "keras", "len", "length", "math", "max", "min", "n", "np", "ops", "optax", "place",
    "range", "step", "stretch", "sum", "ticks", "torch", "u", "v", "value", "x", "ValueError", "NormalDist",
    *(name for module in (arrays, closed_forms, scalars) for name, value in vars(module).items() if inspect.isfunction(value)),
}  # fmt: skip
"""Names that functions use themselves."""
