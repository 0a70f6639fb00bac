"""Rules that watch a metric and change the rate, as values: they compare, hash, print and store like schedules.

A rule computes nothing. `begin()` gives the machine that runs it, `replay` runs it over all metrics of a past run at once.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Literal, TypeAlias, get_args

import msgspec
from msgspec.structs import force_setattr

from ..checks import number, whole
from ..errors import SpecError
from ..frozen import FrozenDict

if TYPE_CHECKING:
    from .adaptation import Adaptation, Replay

Convention = Literal["torch", "keras", "optax"]
CONVENTIONS: tuple[Convention, ...] = get_args(Convention)
Mode = Literal["min", "max"]
ThresholdMode = Literal["rel", "abs"]
_MODES = ("min", "max")
_THRESHOLDS = ("rel", "abs")


class Bounds(FrozenDict):
    """Group pattern -> rate."""

    sentence = "The bounds of a rule do not change; make a new rule."


class Rule(
    msgspec.Struct, frozen=True, omit_defaults=True, repr_omit_defaults=True,
    forbid_unknown_fields=True, tag=True, tag_field="type",
):  # fmt: skip
    """The base of all rules; make a ReduceLROnPlateau, a GreedyLR or a NewBob."""

    _open: ClassVar[float] = 0.0  # what a bound is for a group that no pattern names

    def begin(self) -> Adaptation:
        """The rule at the start of a run: a machine that is fed metrics and answers with events.

        >>> import lrcore as lr
        >>> machine = lr.ReduceLROnPlateau(factor=0.5, patience=1).begin()
        >>> [machine.observe(metric, step) for step, metric in enumerate([1.0, 0.9, 0.9, 0.9])]
        [None, None, None, Event(step=3, factor=0.5)]
        >>> machine.rate(0.25)
        0.125
        """
        from .adaptation import Adaptation

        return Adaptation(self)

    def replay(self, metrics: Any, steps: Any = None, rate: float = 1.0) -> Replay:
        """What the rule does with all metrics of a run, in one call of the kernel: the events, and the rate after each observation.

        metrics : an array of numbers, NaN and infinities too
        steps : the step of each observation, ascending; None counts them from 0
        rate : the rate that the schedule would hold; 1 gives the factors on it, as long as no minimum is near
        Raises SpecError.

        >>> import lrcore as lr, msgspec
        >>> losses = [1.0, 0.5, 0.5, 0.5, 0.4, 0.4]
        >>> rule = lr.ReduceLROnPlateau(factor=0.5, patience=1)
        >>> rule.replay(losses, rate=0.1).rates
        array([0.1 , 0.1 , 0.1 , 0.05, 0.05, 0.05])
        >>> msgspec.structs.replace(rule, patience=0).replay(losses).events
        [Event(step=2, factor=0.5), Event(step=3, factor=0.5), Event(step=5, factor=0.5)]
        """
        from .adaptation import replay

        return replay(self, metrics, steps, rate)

    def _settle(self) -> None:
        """Let what equals its default be the default itself, which JSON leaves out: equal rules have equal JSON. Called last."""
        for name, usual in zip(self.__struct_fields__[::-1], self.__struct_defaults__[::-1], strict=False):
            if getattr(self, name) == usual:
                force_setattr(self, name, usual)

    def _refused(self, name: str, expected: str, hint: str = "") -> SpecError:
        return SpecError(f"{type(self).__name__}.{name}", expected, getattr(self, name), hint)

    def _one_of(self, name: str, words: tuple[str, ...]) -> None:
        if getattr(self, name) not in words:
            raise self._refused(name, f"one of {', '.join(words)}")

    def _numbers(self, *names: str, low: float | None = None) -> None:
        for name in names:
            force_setattr(self, name, number(getattr(self, name), f"{type(self).__name__}.{name}"))
            if low is not None and getattr(self, name) < low:
                raise self._refused(name, f"a number >= {low:g}")

    def _counts(self, *names: str, low: int = 0) -> None:
        for name in names:
            force_setattr(self, name, whole(getattr(self, name), f"{type(self).__name__}.{name}", low=low))

    def _bounds(self, *names: str) -> None:
        """A rate, or {pattern: rate} for some of the groups."""
        for name in names:
            given, path = getattr(self, name), f"{type(self).__name__}.{name}"
            if not isinstance(given, Mapping):
                force_setattr(self, name, number(given, path, "a finite number, or {group: number}"))
                continue
            for pattern in given:
                if not isinstance(pattern, str) or not pattern:
                    raise SpecError(path, "names or patterns of groups", pattern)
                try:
                    re.compile(pattern)
                except re.error as error:
                    raise SpecError(path, f"names or regular expressions ({error})", pattern) from None
            force_setattr(self, name, Bounds((pattern, number(rate, f"{path}[{pattern!r}]")) for pattern, rate in given.items()))


class ReduceLROnPlateau(Rule, frozen=True):
    """The rate times `factor` when a metric has not got better for `patience` observations: PyTorch's, Keras's or optax's machine.

    mode : "min" or "max", which metrics are better
    factor : from 0 up to 1, 1 not included
    patience, cooldown : observations, integers >= 0
    threshold : by how much a metric must be better than the best so far: best (1 - threshold) with threshold_mode "rel", best -
        threshold with "abs", and the other way with mode "max"
    min_lr : what a reduction may reach: a rate, or {name or pattern of groups: rate}. It lifts nothing: a rate below it stays
    eps : the smallest reduction that is made, in units of the rate
    convention : whose machine it is, to the bit

    - torch: an event at observation patience + 1 that is not better. In a cooldown bad observations do not count.
    - keras: an event at observation `patience` that is not better. threshold is its min_delta, absolute; a cooldown is one shorter, as it
      is counted down before the comparison; rates are rounded to float32, as Keras's variable is; there is no eps, and no cooldown
      after an event that finds no rate above min_lr, which is none.
    - optax: an event at observation `patience` that is not better. threshold is its rtol; what is reduced is a scale of float32 on the
      rate, max(scale factor, min_scale); neither min_lr nor eps.

    atol, accumulation_size, min_scale : optax's only; the mean of accumulation_size metrics is one observation
    A metric of NaN is not better than anything. With "keras" the first metric is always the best, a NaN too, and then nothing is better
    than it; with the others NaN never becomes the best; optax's mean is NaN if one of its metrics is.

    Raises SpecError, also for what the convention does not have. With patience 0 optax acts at every observation that is better;
    here it is every one that is not, as elsewhere. Source: torch.optim.lr_scheduler.ReduceLROnPlateau, keras.callbacks.ReduceLROnPlateau,
    optax.contrib.reduce_on_plateau.

    >>> import lrcore as lr
    >>> losses = [1.0, 1.0, 1.0, 1.0, 1.0]
    >>> for convention in "torch", "keras", "optax":
    ...     rule = lr.ReduceLROnPlateau(factor=0.5, patience=2, cooldown=1, convention=convention)
    ...     print(convention, rule.replay(losses).rates.tolist())
    torch [1.0, 1.0, 1.0, 0.5, 0.5]
    keras [1.0, 1.0, 0.5, 0.5, 0.25]
    optax [1.0, 1.0, 0.5, 0.5, 0.5]
    """

    mode: Mode = "min"
    factor: float = 0.1
    patience: int = 10
    threshold: float = 1e-4
    threshold_mode: ThresholdMode | None = None
    cooldown: int = 0
    min_lr: float | dict[str, float] = 0.0
    eps: float | None = None
    atol: float = 0.0
    accumulation_size: int = 1
    min_scale: float = 0.0
    convention: Convention = "torch"

    if TYPE_CHECKING:  # what a caller may write

        def __init__(
            self, mode: Mode = "min", factor: float = 0.1, patience: int = 10, threshold: float = 1e-4,
            threshold_mode: ThresholdMode | None = None, cooldown: int = 0, min_lr: float | Mapping[str, float] = 0.0,
            eps: float | None = None, atol: float = 0.0, accumulation_size: int = 1, min_scale: float = 0.0,
            convention: Convention = "torch",
        ) -> None: ...  # fmt: skip

    def __post_init__(self) -> None:
        self._one_of("mode", _MODES)
        self._one_of("convention", CONVENTIONS)
        own = {"torch": ("rel", 1e-8), "keras": ("abs", 0.0), "optax": ("rel", 0.0)}[self.convention]
        for name, usual in zip(("threshold_mode", "eps"), own, strict=True):
            if getattr(self, name) is None:
                force_setattr(self, name, usual)
        self._one_of("threshold_mode", _THRESHOLDS)
        self._numbers("factor", "threshold")
        self._numbers("eps", "atol", "min_scale", low=0)
        self._counts("patience", "cooldown")
        self._counts("accumulation_size", low=1)
        self._bounds("min_lr")
        if not 0 <= self.factor < 1:
            raise self._refused("factor", "a number from 0 up to 1, 1 not included")
        if self.convention == "torch":
            self._without(atol=0.0, accumulation_size=1, min_scale=0.0)
        elif self.convention == "keras":
            self._without(threshold_mode="abs", eps=0.0, atol=0.0, accumulation_size=1, min_scale=0.0)
            force_setattr(self, "threshold", abs(self.threshold))
        else:
            self._without(mode="min", threshold_mode="rel", eps=0.0, min_lr=0.0)
            if not 0 <= self.threshold <= 1:
                raise self._refused("threshold", "a number from 0 to 1 with optax's convention, its rtol")
            if self.threshold == self.atol == 0:
                raise self._refused("threshold", "a number > 0, or atol > 0")
            if self.factor == 0:
                raise self._refused("factor", "a number strictly between 0 and 1 with optax's convention")
            if self.min_scale > 1:
                raise self._refused("min_scale", "a number from 0 to 1")

        self._settle()

    def _without(self, **usual: Any) -> None:
        """Refuse what the convention does not have."""
        for name, value in usual.items():
            if getattr(self, name) != value:
                raise self._refused(name, f"{value!r} with the convention {self.convention!r}, which has no other", _HINTS.get(name, ""))

    def __repr__(self) -> str:
        usual = type(self)(convention=self.convention)
        shown = [name for name in self.__struct_fields__ if getattr(self, name) != getattr(usual, name)]
        shown += ["convention"] if self.convention != "torch" else []
        return f"{type(self).__name__}({', '.join(f'{name}={getattr(self, name)!r}' for name in shown)})"


_HINTS = {
    "mode": "Observe the metric with its sign turned.",
    "threshold_mode": "Keras's min_delta is absolute, optax's rtol is relative.",
    "min_lr": "Give min_scale, the least factor on the rate.",
}


class GreedyLR(Rule, frozen=True):
    """The rate times `factor` after more than `patience` bad observations in a row, and divided by it after as many good ones.

    mode, threshold, threshold_mode : which metrics are good: those better than the best so far, as for ReduceLROnPlateau
    factor : strictly between 0 and 1
    cooldown, warmup : observations that count as nothing, after a reduction and after a rise
    min_lr, max_lr : what reductions and rises may reach: a rate, or {name or pattern of groups: rate}; a rate beyond them stays, so
        that smaller rates than 1e-3 need a min_lr of their own
    eps : the smallest change that is made, in units of the rate
    smooth, window_size : whether a metric is the mean of the last window_size ones
    reset_start : after this many reductions in a row with every rate at its minimum all begins anew, with the rates of the schedule.
        This is known only to a machine that is told the rates, as those of the bindings are

    A metric of NaN is bad; with smooth it stays in the mean until all begins anew, and so does an infinite one.
    Raises SpecError. Source: transformers.GreedyLR; arXiv:2512.14527.

    >>> import lrcore as lr
    >>> lr.GreedyLR(factor=0.5, patience=1, max_lr=2.0).replay([3.0, 2.0, 1.0, 1.0, 1.0, 1.0]).rates
    array([1., 2., 2., 2., 1., 1.])
    """

    mode: Mode = "min"
    factor: float = 0.95
    patience: int = 10
    threshold: float = 1e-6
    threshold_mode: ThresholdMode = "abs"
    cooldown: int = 0
    warmup: int = 0
    min_lr: float | dict[str, float] = 1e-3
    max_lr: float | dict[str, float] = 1.0
    eps: float = 1e-8
    smooth: bool = False
    window_size: int = 50
    reset_start: int = 500

    if TYPE_CHECKING:

        def __init__(
            self, mode: Mode = "min", factor: float = 0.95, patience: int = 10, threshold: float = 1e-6,
            threshold_mode: ThresholdMode = "abs", cooldown: int = 0, warmup: int = 0, min_lr: float | Mapping[str, float] = 1e-3,
            max_lr: float | Mapping[str, float] = 1.0, eps: float = 1e-8, smooth: bool = False, window_size: int = 50,
            reset_start: int = 500,
        ) -> None: ...  # fmt: skip

    def __post_init__(self) -> None:
        self._one_of("mode", _MODES)
        self._one_of("threshold_mode", _THRESHOLDS)
        self._numbers("factor", "threshold")
        self._numbers("eps", low=0)
        self._counts("patience", "cooldown", "warmup", "reset_start")
        self._counts("window_size", low=1)
        self._bounds("min_lr", "max_lr")
        if not 0 < self.factor < 1:
            raise self._refused("factor", "a number strictly between 0 and 1")
        if not isinstance(self.smooth, bool):
            raise self._refused("smooth", "True or False")
        self._settle()


class NewBob(Rule, frozen=True):
    """The rate times `factor` when a metric is hardly better than the one before it.

    factor : from 0 up to 1, 1 not included; speechbrain's annealing_factor
    threshold : the improvement (previous - metric) / previous that is enough; speechbrain's improvement_threshold
    patience : observations with less that are let pass before each reduction, good ones in between or not; speechbrain's patient
    min_lr : what a reduction may reach: a rate, or {name or pattern of groups: rate}. speechbrain has none, which is 0

    After a metric of 0 the improvement counts as 0. After NaN, and with NaN, there is none that is too small: both let pass.
    Raises SpecError. Source: speechbrain.nnet.schedulers.NewBobScheduler.

    >>> import lrcore as lr
    >>> lr.NewBob(factor=0.5).replay([10.0, 2.0, 2.5, 2.0]).rates
    array([1. , 1. , 0.5, 0.5])
    """

    factor: float = 0.5
    threshold: float = 0.0025
    patience: int = 0
    min_lr: float | dict[str, float] = 0.0

    if TYPE_CHECKING:

        def __init__(
            self, factor: float = 0.5, threshold: float = 0.0025, patience: int = 0, min_lr: float | Mapping[str, float] = 0.0
        ) -> None: ...

    def __post_init__(self) -> None:
        self._numbers("factor", "threshold")
        self._counts("patience")
        self._bounds("min_lr")
        if not 0 <= self.factor < 1:
            raise self._refused("factor", "a number from 0 up to 1, 1 not included")
        self._settle()


AnyRule: TypeAlias = ReduceLROnPlateau | GreedyLR | NewBob
"""Every rule, as the JSON decoder wants them spelled out."""


def checked_adapt(given: Any) -> Any:
    """What a plan keeps of `adapt`: a rule, or ((pattern, rule or None), ...); SpecError."""
    if given is None or isinstance(given, AnyRule):
        return given
    pairs = list(given.items()) if isinstance(given, Mapping) else list(given) if isinstance(given, tuple | list) else None
    hint = "Write adapt=lr.ReduceLROnPlateau(), or {pattern: rule}."
    if pairs is None or not all(isinstance(pair, tuple | list) and len(pair) == 2 for pair in pairs):
        raise SpecError("adapt", "a rule, a mapping from patterns of groups to rules, or None", given, hint)
    seen = set()
    for pattern, rule in pairs:
        if not isinstance(pattern, str) or not pattern:
            raise SpecError("adapt", "patterns that are strings", pattern)
        if pattern in seen:
            raise SpecError("adapt", "every pattern once", pattern)
        seen.add(pattern)
        try:
            re.compile(pattern)
        except re.error as error:
            raise SpecError("adapt", f"names or regular expressions ({error})", pattern) from None
        if rule is not None and not isinstance(rule, AnyRule):
            raise SpecError(f"adapt[{pattern!r}]", "a rule, or None for no rule", rule, hint)
    return tuple((pattern, rule) for pattern, rule in pairs) or None
