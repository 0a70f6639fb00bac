"""The schedules of keras.optimizers.schedules by their names, and every recipe of lrcore: change one import.

Those of Keras have its arguments and defaults, and the numbers their formulas mean: Keras counts and computes in float32, which
rounds steps above 2^24, ends tails early and puts restarts beside their boundaries. The recipes that Keras lacks are called as in
`lr.recipes()`, in Keras's spelling: OneCycle, Cyclic, WarmupCosine, WarmupStableDecay, InverseSqrt, ... Each is a PlanSchedule, is saved by
its arguments, and takes `name` and `steps_per_update` as well.

>>> from lrcore_keras.schedules import CosineDecay, OneCycle
>>> rate = CosineDecay(0.1, decay_steps=100)
>>> OneCycle(0.1, steps=100).schedule
Sequence(...)
>>> rate.get_config()
{'initial_learning_rate': 0.1, 'decay_steps': 100, 'alpha': 0.0, 'warmup_target': None, 'warmup_steps': 0,
 'name': 'CosineDecay'}
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import wraps
from typing import TYPE_CHECKING, Any

import keras

import lrcore as lr
from lrcore import presets

from .schedule import PlanSchedule

_STEPS = ("decay_steps", "warmup_steps", "first_decay_steps", "boundaries")
"""Arguments of Keras's classes that count steps, where it takes 1000.0 for 1000."""


_SHAPE_PARAMETERS = "parameters"
"""What recipes call the parameters of a shape, which are taken by name."""

_SPELLED = {"wsd": "WarmupStableDecay", "lr": "LearningRate"}


class NamedSchedule(PlanSchedule):
    """A schedule that is made by a function of lrcore from its arguments, and saved by these."""

    function: Callable[..., lr.Schedule]
    __signature__: inspect.Signature

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        bound = type(self).__signature__.bind(*args, **kwargs)
        bound.apply_defaults()
        given = dict(bound.arguments)
        name, steps_per_update = given.pop("name"), given.pop("steps_per_update")
        self.name = type(self).__name__ if name is None else name
        self.arguments = given | given.pop(_SHAPE_PARAMETERS, {})
        super().__init__(type(self).function(**self.arguments), steps_per_update=steps_per_update)

    def get_config(self) -> dict[str, Any]:
        """The arguments, in plain types; a schedule among them as its JSON."""
        config = {key: _plain(value) for key, value in self.arguments.items()} | {"name": self.name}
        return config | ({"steps_per_update": self.steps_per_update} if self.steps_per_update > 1 else {})

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> NamedSchedule:
        """The schedule of these arguments."""
        return cls(**{key: _read(value) for key, value in config.items()})


def _plain(value: Any) -> Any:
    if isinstance(value, lr.Schedule):
        return {"lrcore": value.to_json()}
    return [_plain(each) for each in value] if isinstance(value, list | tuple) else value


def _read(value: Any) -> Any:
    if isinstance(value, dict) and set(value) == {"lrcore"}:
        return lr.from_json(value["lrcore"])
    return [_read(each) for each in value] if isinstance(value, list) else value


def _class(name: str, function: Callable[..., lr.Schedule], signature: inspect.Signature) -> type[NamedSchedule]:
    """A class of this module that is called like `signature`, and may be told `name` and `steps_per_update`."""
    more = {"name": None, "steps_per_update": 1}
    parameters = [parameter for parameter in signature.parameters.values() if parameter.name != "self"]
    parameters += [
        inspect.Parameter(key, inspect.Parameter.KEYWORD_ONLY, default=value)
        for key, value in more.items()
        if key not in signature.parameters
    ]
    parameters.sort(key=lambda parameter: parameter.kind)  # **parameters of a shape come last
    made = type(
        name, (NamedSchedule,),
        {"__module__": __name__, "__doc__": (inspect.getdoc(function) or "").partition("\n\n>>> ")[0],  # the examples call the function
         "function": staticmethod(function), "__signature__": inspect.Signature(parameters)},
    )  # fmt: skip
    registered: type[NamedSchedule] = keras.saving.register_keras_serializable(package="lrcore")(made)
    return registered


def _of_recipe(recipe: lr.Recipe) -> type[NamedSchedule]:
    return _class(_camel(recipe.name), recipe.function, inspect.signature(recipe.function))


def _of_keras(name: str) -> type[NamedSchedule]:
    """One of Keras's classes, called as Keras calls it: `name` is its fourth argument in CosineDecay."""
    preset = getattr(presets.keras, name)

    @wraps(preset)
    def function(**arguments: Any) -> lr.Schedule:
        made: lr.Schedule = preset(**{key: _whole(value) if key in _STEPS else value for key, value in arguments.items()})
        return made

    return _class(name, function, inspect.signature(getattr(keras.optimizers.schedules, name).__init__))


def _whole(value: Any) -> Any:
    """1000 for 1000.0, which counts steps in Keras too."""
    if isinstance(value, list | tuple):
        return [_whole(each) for each in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _camel(name: str) -> str:
    """The name of a recipe as that of a class: one_cycle is OneCycle, and wsd is spelled out."""
    return "".join(_SPELLED.get(part, part.capitalize()) for part in name.split("_"))


_CLASSES = {made.__name__: made for made in map(_of_recipe, lr.recipes().values())}
_CLASSES |= {name: _of_keras(name) for name in presets.keras.__all__}  # Keras's own names mean Keras's arguments
globals().update(_CLASSES)

__all__ = list(_CLASSES)  # pyright: ignore[reportUnsupportedDunderAll]

if TYPE_CHECKING:

    def __getattr__(name: str) -> type[NamedSchedule]: ...
