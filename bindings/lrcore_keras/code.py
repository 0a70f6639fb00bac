"""A plan as code that needs Keras alone: its own schedules where they mean the same, else a class in keras.ops."""

from __future__ import annotations

import textwrap
from itertools import accumulate
from math import isclose
from typing import Any

import numpy as np

import lrcore as lr

from .schedule import column

_MOST = 4096
"""Numbers that code may hold."""


def to_code(plan: lr.Plan | lr.BoundPlan | lr.Schedule, *, group: str | None = None, name: str = "learning_rate") -> str:
    """Python code that makes a Keras learning rate with the plan's values; it imports keras and numpy alone.

    plan : a Plan or a BoundPlan, of which lr is taken, or a Schedule
    group : whose rate, for a plan with several groups
    name : what the code calls the learning rate

    A constant is a number. Where the formula of one of `keras.optimizers.schedules` is that of the plan at every step and past
    the end, the code makes it; Keras then computes in float32, clock included: right to about 1e-6 of the largest rate up to step
    2^24. Everything else is a LearningRateSchedule of integer operations and small polynomials, the very ones that PlanSchedule compiles,
    right to 1e-6 of the value at any step up to 2^31 - 1.

    Raises PlanError for a plan with other fields, which no Keras schedule has, and for more than 4,096 numbers; LoweringError
    for what compiled steps cannot have; SpecError for fractions of a horizon that is not known and for a name that is none.

    >>> import lrcore as lr
    >>> print(to_code(lr.linear(0.0, 0.1, steps=10) >> lr.cosine(0.1, 0.01, steps=90)))
    import keras
    <BLANKLINE>
    learning_rate = keras.optimizers.schedules.CosineDecay(0.0, 90, alpha=0.1, warmup_target=0.1, warmup_steps=10)
    <BLANKLINE>
    """
    if not isinstance(name, str) or not name.isidentifier():
        raise lr.SpecError("name", "a name of Python", name)
    schedule = column(plan, group, "lr")
    others = sorted({field for _, field in _columns(plan, group)} - {"lr"})
    if others:
        raise lr.PlanError(f"A Keras schedule has the learning rate alone, and the plan schedules {', '.join(others)} too. Leave them out.")
    if isinstance(schedule, lr.Constant):
        return f"{name} = {schedule.value!r}\n"
    stock = _stock(schedule)
    if stock is not None:
        return f"import keras\n\n{name} = keras.optimizers.schedules.{stock}\n"
    return _class(schedule, name)


def _columns(plan: Any, group: str | None) -> tuple[tuple[str, str], ...]:
    if isinstance(plan, lr.Schedule):
        return ()
    if isinstance(plan, lr.BoundPlan):
        return tuple(one for one in plan.columns if group is None or one[0] == group)
    return tuple((group or "default", field) for field in {**plan.defaults, **dict(plan.groups).get(group or "", {})})


# -- Keras's own classes -----------------------------------------------------------------------------------------------


def _stock(schedule: lr.Schedule) -> str | None:
    match schedule:
        case lr.Ramp(endpoint=False, steps=int(steps)) if steps:
            return _ramp(schedule, steps)
        case lr.Sequence(phases=(lr.Ramp(shape="linear", endpoint=False) as up, lr.Ramp(shape="cosine", endpoint=False) as down)):
            if up.steps and down.steps and up.stop == down.start != 0:
                return _call("CosineDecay", up.start, down.steps, **_alpha(down), warmup_target=up.stop, warmup_steps=up.steps)
        case lr.Sequence(phases=phases) if all(isinstance(phase, lr.Constant) for phase in phases):
            return _levels(phases)
        case lr.Curve(shape="geometric", steps=None):
            return _call("ExponentialDecay", schedule.start, 1, schedule.args[0])
        case lr.Curve(shape="inverse_time", steps=None):
            return _call("InverseTimeDecay", schedule.start, 1, schedule.args[0])
        case lr.Per(inner=lr.Curve(shape="geometric", steps=None) as curve):
            return _call("ExponentialDecay", curve.start, schedule.k, curve.args[0], staircase=True)
        case lr.Per(inner=lr.Curve(shape="inverse_time", steps=None) as curve):
            return _call("InverseTimeDecay", curve.start, schedule.k, curve.args[0], staircase=True)
        case lr.Repeat(inner=lr.Ramp(shape="cosine", endpoint=False) as cycle, times=None, decay_floor=1.0):
            if cycle.start and schedule.growth >= 1 and 0 < schedule.decay <= 1 and (schedule.decay == 1 or schedule.floor == cycle.stop):
                more = {"m_mul": schedule.decay} if schedule.decay != 1 else {}
                return _call("CosineDecayRestarts", cycle.start, cycle.steps, t_mul=schedule.growth, **more, **_alpha(cycle))
    return None


def _ramp(ramp: lr.Ramp, steps: int) -> str | None:
    if ramp.shape == "cosine" and ramp.start:
        return _call("CosineDecay", ramp.start, steps, **_alpha(ramp))
    if ramp.shape in ("linear", "polynomial"):
        power = {"power": ramp.args[0]} if ramp.args and ramp.args[0] != 1 else {}
        return _call("PolynomialDecay", ramp.start, steps, ramp.stop, **power)
    return None


def _alpha(ramp: lr.Ramp) -> dict[str, float]:
    """What Keras calls the end: a part of the start, 0.1 rather than the 0.09999999999999999 of two roundings."""
    ratio = ramp.stop / ramp.start
    short = round(ratio, 12)
    return {"alpha": short if isclose(short, ratio, rel_tol=1e-15) else ratio} if ratio else {}


def _levels(phases: tuple[lr.Schedule, ...]) -> str | None:
    """A boundary belongs to what comes before it in Keras, and to what follows it here."""
    lengths = [phase.own_length("steps") for phase in phases[:-1]]
    if 0 in lengths or len(phases) > _MOST:
        return None
    values = [phase.value for phase in phases if isinstance(phase, lr.Constant)]
    return _call("PiecewiseConstantDecay", [end - 1 for end in accumulate(lengths)], values)


def _call(kind: str, *args: Any, **kwargs: Any) -> str:
    return f"{kind}({', '.join([*map(repr, args), *(f'{key}={value!r}' for key, value in kwargs.items())])})"


# -- a class in keras.ops ----------------------------------------------------------------------------------------------


def _class(schedule: lr.Schedule, name: str) -> str:
    """The operations that a lowered schedule is made of, written down one by one."""
    written = _Writer()
    result = lr.lower(schedule, written)(_Value(written, "step"))
    body = "\n".join([*written.lines, f"return {result.text}"])
    kind = "".join(part.capitalize() for part in name.split("_")) or "Rate"
    meaning = textwrap.indent(textwrap.fill(repr(schedule), 120), "    ").lstrip()
    return (
        "import keras\nimport numpy as np\nfrom keras import ops\n\n\n"
        "@keras.saving.register_keras_serializable()\n"
        f"class {kind}(keras.optimizers.schedules.LearningRateSchedule):\n"
        f'    r"""{meaning}"""\n\n'
        f"    def __call__(self, step):\n{textwrap.indent(body, '        ')}\n\n"
        f"    def get_config(self):\n        return {{}}\n\n\n{name} = {kind}()\n"
    )


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
        if self._numbers > _MOST:
            raise lr.PlanError(f"The schedule needs more than {_MOST:,} numbers, too many for code. Drive it with PlanSchedule.")
        text = np.array2string(values, separator=", ", threshold=_MOST + 1, max_line_width=120, floatmode="unique").replace("\n", "\n    ")
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
