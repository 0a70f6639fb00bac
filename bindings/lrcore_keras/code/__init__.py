"""A plan as code that needs Keras alone: its own schedules where they mean the same, else functions in keras.ops.

stock.py        which of Keras's schedules has a schedule's values
optimizers.py   optimizers with the other fields of a plan
lowered.py      operations one by one, where there is no formula

Nothing here needs Keras.
"""

from __future__ import annotations

from typing import Any

import lrcore as lr
from lrcore_numpy.code import identifier
from lrcore_numpy.code.dialects import KERAS
from lrcore_numpy.code.functions import Functions
from lrcore_numpy.code.heading import heading
from lrcore_numpy.code.layout import module, number, string
from lrcore_numpy.code.rules import limits, rule_of

from .lowered import lowered
from .optimizers import Optimizers
from .stock import shown, stock

_PLATEAU = {"factor": ("factor", 0.1), "patience": ("patience", 10), "mode": ("mode", "auto"), "threshold": ("min_delta", 1e-4)}
_USE = "Keras counts the batches, one update each: optimizer = keras.optimizers.Adam(learning_rate={name})."
_CLASS = '''@keras.saving.register_keras_serializable()
class {kind}(keras.optimizers.schedules.LearningRateSchedule):
    """{what}, by the number of updates."""

    def __call__(self, step):
        return {function}(ops.cast(step, "int32"))

    def get_config(self):
        return {{}}'''


def to_code(plan: lr.Plan | lr.BoundPlan | lr.Schedule, *, group: str | None = None, name: str = "learning_rate") -> str:
    """Python code that makes Keras follow the plan; it imports keras, and math and numpy where it needs them.

    plan : a Plan, a BoundPlan or a Schedule. One group and no field but lr: the code makes a learning rate. With other fields it makes
        `optimizer`, an SGD, Adam, AdamW or RMSprop, whichever has them. Several groups: {group: learning rate}, or {group:
        optimizer}, for a keras.optimizers.MultiOptimizer, which the code shows
    group : one group of several
    name : what the code calls the learning rate

    A constant is a number. Where the formula of one of `keras.optimizers.schedules` is that of the plan at every step and past
    the end, the code makes it; Keras then computes in float32, clock included: right to about 1e-6 of the largest rate up to step
    2^24. Everything else is a LearningRateSchedule in closed form, in float32 from whole numbers, right to about 1e-5 of the largest
    rate there. Noise has no formula in float32: its code is the integer operations that PlanSchedule compiles. A rule of Keras's
    convention on a constant rate becomes its callback ReduceLROnPlateau. The code is written without Keras, too.

    Raises PlanError for what Keras cannot do: other rules, more than 4,096 samples, fields that no optimizer has together; LoweringError
    for noise in what compiled steps cannot have; SpecError for fractions of a horizon that is not known and for a name that is none.

    >>> import lrcore as lr
    >>> print(to_code(lr.linear(0.0, 0.1, steps=10) >> lr.cosine(0.1, 0.01, steps=90)))
    # linear(0.0, 0.1, 10) >> cosine(0.1, 0.01, 90)
    # A run of 100 updates. Keras counts the batches, one update each: optimizer =
    # keras.optimizers.Adam(learning_rate=learning_rate).
    import keras
    <BLANKLINE>
    learning_rate = keras.optimizers.schedules.CosineDecay(
        0.0,
        90,
        alpha=0.1,
        warmup_target=0.1,
        warmup_steps=10,
    )
    <BLANKLINE>
    """
    if not isinstance(name, str) or not name.isidentifier():
        raise lr.SpecError("name", "a name of Python", name)
    bound = lr.bound_plan(plan) if group is None or isinstance(plan, lr.BoundPlan) else _of_group(plan, group)
    if group is not None and group not in bound.names:
        raise lr.SpecError("group", f"one of {', '.join(map(repr, bound.names))}", group)
    names = bound.names if group is None else (group,)
    return _Code(plan, bound, names, name).text()


def _of_group(plan: Any, group: str) -> lr.BoundPlan:
    """The plan met with one group, where nobody has said which groups there are."""
    if isinstance(plan, lr.Schedule):
        raise lr.SpecError("plan", "a Plan, to take a group of it", plan, "Leave group out.")
    patterns = [pattern for pattern, _ in plan.groups] if isinstance(plan, lr.Plan) else []
    return lr.bound_plan(plan, [group, *(pattern for pattern in patterns if pattern != group and pattern.isidentifier())])


class _Code:
    def __init__(self, plan: Any, bound: lr.BoundPlan, names: tuple[str, ...], name: str) -> None:
        self.plan, self.bound, self.names, self.name = plan, bound, names, name
        self.fields: dict[str, dict[str, lr.Schedule]] = {group: {} for group in names}
        for (each, field), schedule in zip(bound.columns, bound.schedules, strict=True):
            if each in self.fields:
                self.fields[each][field] = schedule
        self.functions = Functions({name, "optimizer", "optimizers", "plateau"}, "PlanSchedule", KERAS)
        self.optimizers = Optimizers()
        self.lowered: list[str] = []
        self.classes: dict[str, str] = {}

    def text(self) -> str:
        if self.bound.plan.adapt is not None:
            return self._laid_out(self._plateau(), "Give `plateau` to fit, with validation data: model.fit(..., callbacks=[plateau]).")
        each = {group: self._made(group, fields) for group, fields in self.fields.items()}
        alone = not any({*fields} - {"lr"} for fields in self.fields.values())
        if len(self.names) == 1:
            made = f"{self.name if alone else 'optimizer'} = {each[self.names[0]]}"
            return self._laid_out(made, _USE.format(name=self.name) if alone else "Keras counts the batches, one update each.")
        kind = f"{self.name}s" if alone else "optimizers"
        rows = [
            f"    {string(group)}: {made},\n" if made else f"    # {string(group)} keeps its own rate\n" for group, made in each.items()
        ]
        made = f"{kind} = {{\n{''.join(rows)}}}\n" + self._several(kind, alone)
        return self._laid_out(made, "Keras counts the batches, one update each.")

    def _several(self, kind: str, alone: bool) -> str:
        """How several groups are used: variables have no groups in Keras, so that each group has an optimizer."""
        lines = ["Variables have no groups in Keras: group_of(path) is yours and names one."]
        if alone:
            made = ["optimizers = {", "    group: keras.optimizers.Adam(learning_rate=rate)", f"    for group, rate in {kind}.items()", "}"]
            lines += made
        lines += ["optimizer = keras.optimizers.MultiOptimizer(", "    lambda variable: optimizers[group_of(variable.path)]", ")"]
        return "".join(f"# {line}\n" for line in lines)

    def _made(self, group: str, fields: dict[str, lr.Schedule]) -> str:
        """The learning rate of a group, or its optimizer."""
        suffix = "" if len(self.names) == 1 else f"_{identifier(group)}"
        rate = self._rate(fields["lr"], suffix, group) if "lr" in fields else ""
        others = {field: schedule for field, schedule in fields.items() if field != "lr"}
        if not any({*each} - {"lr"} for each in self.fields.values()):
            return rate
        constants = {field: schedule(0) for field, schedule in others.items() if isinstance(schedule, lr.Constant)}
        changing = {field: schedule for field, schedule in others.items() if field not in constants}
        called = {field: self._function(schedule, f"{field}{suffix}", self._where(field, group)) for field, schedule in changing.items()}
        first = {field: float(schedule.values(1000).max()) or 0.5 for field, schedule in changing.items()}
        return self.optimizers.of(rate, constants, called, first, group)

    def _where(self, field: str, group: str) -> str:
        return field if len(self.bound.names) == 1 else f"{field} of group {group!r}"

    def _rate(self, schedule: lr.Schedule, suffix: str, group: str) -> str:
        if isinstance(schedule, lr.Constant):
            return number(schedule.value)
        call = stock(schedule)
        if call is not None:
            return call
        function = self._function(schedule, f"rate{suffix}", self._where("lr", group))
        if function not in self.classes:
            kind = "".join(part[:1].upper() + part[1:] for part in f"{self.name}{suffix}".split("_")) or "Rate"
            self.classes[function] = kind
        return f"{self.classes[function]}()"

    def _function(self, schedule: lr.Schedule, wish: str, where: str) -> str:
        try:
            return self.functions.of(schedule, wish, where)
        except lr.PlanError:
            if "Noise(" not in repr(schedule):
                raise
        self.lowered.append(lowered(schedule, wish))
        return wish

    def _plateau(self) -> str:
        rule = rule_of(self.bound, "keras", "keras.callbacks.ReduceLROnPlateau")
        rates = [fields.get("lr") for fields in self.fields.values()]
        others = sorted({field for fields in self.fields.values() for field in fields} - {"lr"})
        if len(rates) > 1 or others or not isinstance(rates[0], lr.Constant):
            raise lr.PlanError(
                "Keras's ReduceLROnPlateau changes the one rate of an optimizer, and only a rate that no schedule changes. Give the plan "
                'one group with a constant lr, or take the code for "lrcore", whose attach has a rule on top of any plan.'
            )
        given: dict[str, Any] = {word: getattr(rule, field) for field, (word, usual) in _PLATEAU.items() if getattr(rule, field) != usual}
        given |= {"cooldown": rule.cooldown} if rule.cooldown else {}
        given |= {"min_lr": least} if (least := limits(self.bound)[0]) else {}
        arguments = "".join(f", {word}={shown(value)}" for word, value in given.items())
        made = f'{self.name} = {number(rates[0].value)}\nplateau = keras.callbacks.ReduceLROnPlateau("val_loss"{arguments})\n'
        return f"{made}# optimizer = keras.optimizers.Adam(learning_rate={self.name})"

    def _laid_out(self, made: str, use: str) -> str:
        classes = [
            _CLASS.format(
                kind=kind, what="The learning rate" if len(self.names) == 1 else "The learning rate of a group", function=function
            )
            for function, kind in self.classes.items()
        ]
        text = "\n\n\n".join(part for part in (self.functions.text(), *self.lowered, *classes, self.optimizers.text()) if part)
        more = ["import keras"] * ("keras." in text + made.partition("# ")[0])
        more += ["import numpy as np"] * ("np." in "".join(self.lowered)) + ["from keras import ops"] * ("ops." in text)
        imports = self.functions.imports(*more)
        return module(heading(self.plan, self.bound, use), imports, text, made)
