"""An optimizer with what a plan says beside the rate: Keras's own where it stays as it is, else a class that computes it in its step."""

from __future__ import annotations

import lrcore as lr
from lrcore_numpy.code.layout import number

_ATTRIBUTES = {"beta1": "beta_1", "beta2": "beta_2", "eps": "epsilon", "momentum": "momentum", "weight_decay": "weight_decay", "rho": "rho"}
_KINDS = [
    ({"momentum", "weight_decay"}, "SGD"), ({"beta1", "beta2", "eps"}, "Adam"), ({"beta1", "beta2", "eps", "weight_decay"}, "AdamW"),
    ({"momentum", "rho", "eps", "weight_decay"}, "RMSprop"),
]  # fmt: skip
_MOMENTUM = """    def update_step(self, gradient, variable, learning_rate):
        velocity = self.momentums[self._get_variable_index(variable)]
        factor = ops.cast({momentum}(ops.cast(self.iterations, "int32")), variable.dtype)
        rate = ops.cast(learning_rate, variable.dtype)
        change = ops.cast(gradient, variable.dtype) * rate
        self.assign(velocity, velocity * factor - change)
        ahead = velocity * factor - change
        self.assign_add(variable, ahead if self.nesterov else velocity)
"""
_OTHERS = """    def apply(self, grads, trainable_variables=None):
        step = ops.cast(self.iterations, "int32")
        held = {held}
        {names} = {values}
        super().apply(grads, trainable_variables)
        {names} = held
"""


class Optimizers:
    """Writes optimizers, and the classes that they need."""

    def __init__(self) -> None:
        self._classes: dict[str, str] = {}

    def of(self, rate: str, constants: dict[str, float], functions: dict[str, str], first: dict[str, float], group: str) -> str:
        """A call that makes the optimizer of a group.

        rate : the learning rate, as code, "" for the optimizer's own
        constants : {field: value}; functions : {field: the function that has its values}
        first : {field: a value to build the optimizer with}, for the latter
        """
        kind = _kind({*constants, *functions}, group)
        given = ({"learning_rate": rate} if rate else {}) | {
            _ATTRIBUTES[field]: number(value) for field, value in (first | constants).items()
        }
        made = f"keras.optimizers.{kind}" if not functions else self._class(kind, functions)
        return f"{made}({', '.join(f'{name}={value}' for name, value in given.items())})"

    def text(self) -> str:
        """The classes."""
        return "\n\n\n".join(f"class {name}({text.rstrip()}" for text, name in self._classes.items())

    def _class(self, kind: str, functions: dict[str, str]) -> str:
        fields = ", ".join(_ATTRIBUTES[field] for field in functions)
        text = f'keras.optimizers.{kind}):\n    """{kind} with {fields} by schedule."""\n\n'
        others = {_ATTRIBUTES[field]: function for field, function in functions.items() if field != "momentum"}
        methods = [_MOMENTUM.format(momentum=functions["momentum"])] if "momentum" in functions else []
        if others:
            names = ", ".join(f"self.{name}" for name in others)
            methods.append(_OTHERS.format(names=names, held=names, values=", ".join(f"{function}(step)" for function in others.values())))
        text += "\n".join(methods)
        if text not in self._classes:
            self._classes[text] = f"Scheduled{kind}{len(self._classes) + 1 if self._classes else ''}"
        return self._classes[text]


def _kind(fields: set[str], group: str) -> str:
    """The optimizer that has these fields."""
    found = next((kind for known, kind in _KINDS if fields <= known), None)
    if found is None:
        raise lr.PlanError(
            f"No optimizer of Keras has {', '.join(sorted(fields))} of group {group!r} together. Leave out what yours does not have, or "
            'take the code for "lrcore", and attach the plan to your optimizer.'
        )
    return found
