"""Training in JAX: the MLP and the GPT under optax.adamw, every step one jitted function.

lrcore host      the host writes each rate into the state of `optax.inject_hyperparams`
lrcore schedule  `optax.adamw(lrcore_jax.schedule(...))`, as one gives optax its own schedules
lrcore device    `lrcore_jax.optimizer(optax.adamw, plan, labels)`, which also keeps the rates in the state, to be seen there
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import cycle
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax

import lrcore as lr
import lrcore_jax
from lrcore_numpy import Stepper

from . import digits, plans, text
from .measure import Contender, Run, measured, run_of
from .rows import NotRunError, Row

OWN = "warmup_cosine_decay_schedule"
ALONE = ["default"]
"""The group of an optimizer that has one."""
TOLERANCE = {"constant": 0.0, OWN: 1e-6, "lrcore host": 0.0, "lrcore schedule": 1e-6, "lrcore device": 1e-6}
"""How far rates may be off: lrcore's compiled ones by what it promises; optax's by as much of the peak, since 1 + cos cancels in float32
where the rates are small. Measured in runs of 20 to 300 steps: 1.2e-7 of the peak, and 2.8e-4 of the smallest rate."""

Params = dict[str, Any]
Batch = tuple[jax.Array, ...]
Loss = Callable[[Params, Batch], jax.Array]


def rows(device: str, short: bool) -> Iterator[Row]:
    """The rows of the backend "jax", as they are measured. Raises NotRunError if JAX has no such device."""
    try:
        place = jax.devices(device)[0]
    except (RuntimeError, AssertionError) as error:  # JAX asserts that one of JAX_PLATFORMS is there
        raise NotRunError(f"JAX {jax.__version__} finds no {device} device here.") from error
    with jax.default_device(place):
        for groups in (1, 10 if device == "cpu" else 100):  # compiling takes longer the more there are
            yield from _mlp_rows(groups, device, short)
        yield from _gpt_rows(text.SMALL if device == "cpu" else text.LARGE, device, short)


def _mlp_rows(groups: int, device: str, short: bool) -> list[Row]:
    run = run_of("mlp", device, short)
    names = digits.group_names(groups) if groups > 1 else ALONE
    layers = digits.first_weights(groups if groups > 1 else digits.LAYERS)
    weights = {f"layer{i}": {"weight": weight, "bias": bias} for i, (weight, bias) in enumerate(layers)}
    images, labels = digits.batches(run.steps)
    batches = [*zip(jnp.asarray(images), jnp.asarray(labels, jnp.int32), strict=True)]
    contenders = _contenders(weights, _mlp_loss, batches, names, digits.adamw_peak(groups), run.steps)
    return _measured(Row(backend="jax", model="mlp", step="jit", groups=groups, schedule=""), contenders, run)


def _gpt_rows(gpt: text.Gpt, device: str, short: bool) -> list[Row]:
    run = run_of("gpt", device, short)
    names = text.group_names(gpt)
    batches = [(batch,) for batch in jnp.asarray(text.batches(gpt, run.steps), jnp.int32)]
    loss = _gpt_loss(gpt, jnp.float32 if device == "cpu" else jnp.bfloat16)
    contenders = _contenders(text.first_weights(gpt), loss, batches, names, gpt.peak, run.steps)
    return _measured(Row(backend="jax", model="gpt", step="jit", groups=len(names), schedule=""), contenders, run)


def _measured(like: Row, contenders: dict[str, Training], run: Run) -> list[Row]:
    def compilations() -> int:
        return sum(training.update._cache_size() for training in contenders.values())

    made = {name: training.contender(TOLERANCE[name], of_peak=name == OWN) for name, training in contenders.items()}
    return measured(like, made, run, reference=OWN, compilations=compilations)


# -- schedules ---------------------------------------------------------------------------------------------------------


def _contenders(weights: Params, loss: Loss, batches: Sequence[Batch], names: list[str], peak: float, steps: int) -> dict[str, Training]:
    """Trainings of the same weights. With several names every entry of the weights is a group by its name."""
    labels = {group: jax.tree.map(lambda _, group=group: group, part) for group, part in weights.items()} if len(names) > 1 else None
    flat, curve = plans.layered(peak, names), plans.layered(plans.warmup_cosine(peak, steps), names)
    peaks = dict(zip(names, plans.rates(flat, names, 1)[0].tolist(), strict=True))

    def training(plan: lr.Plan, optimizer: Any, rates: Callable[[Training], Any], **options: Any) -> Training:
        return Training(weights, loss, batches, optimizer, names, plans.rates(plan, names, steps), rates, **options)

    def by_group(optimizers: Mapping[str, Any]) -> Any:
        return optimizers[ALONE[0]] if labels is None else optax.partition(optimizers, labels)

    def noted(schedules: Mapping[str, Callable[[Any], Any]]) -> Training:
        notes = {name: _Noted(schedule) for name, schedule in schedules.items()}
        return training(curve, by_group({name: optax.adamw(note) for name, note in notes.items()}), _given_back, notes=notes)

    return {
        "constant": training(flat, by_group({name: optax.adamw(each) for name, each in peaks.items()}), lambda _: [*peaks.values()]),
        OWN: noted({name: _own_schedule(each, steps) for name, each in peaks.items()}),
        "lrcore host": training(
            curve, by_group({name: optax.inject_hyperparams(_adamw_at)(learning_rate=each) for name, each in peaks.items()}), _injected,
            stepper=Stepper(curve, names),
        ),
        "lrcore schedule": noted({name: lrcore_jax.schedule(each) for name, each in zip(names, curve.bind(names).schedules, strict=True)}),
        "lrcore device": training(curve, lrcore_jax.optimizer(optax.adamw, curve, labels), _injected),
    }  # fmt: skip


def _own_schedule(peak: float, steps: int) -> Callable[[Any], Any]:
    schedule: Callable[[Any], Any] = optax.warmup_cosine_decay_schedule(plans.START * peak, peak, plans.warmup(steps), steps)
    return schedule


def _adamw_at(learning_rate: Any) -> optax.GradientTransformation:
    """AdamW of which `inject_hyperparams` sees the rate alone: of the other numbers it would make arrays too."""
    return optax.adamw(learning_rate)


class _Noted:
    """A schedule that remembers what it returned last: in a trace that is the very number the optimizer multiplies with."""

    def __init__(self, schedule: Callable[[Any], Any]) -> None:
        self.schedule, self.last = schedule, None

    def __call__(self, count: Any) -> Any:
        self.last = self.schedule(count)
        return self.last


def _given_back(training: Training) -> Any:
    """The last update's rates, which came out of the step beside the loss."""
    return training.noted


def _injected(training: Training) -> Any:
    """The last update's rates, which `inject_hyperparams` keeps in the state."""
    return [training.injected(name)["learning_rate"] for name in training.names]


class Training:
    """A model's weights, the state of its optimizer, and the jitted step that goes on from them.

    rates : tells the rates that the last update used
    notes : the schedules whose values the step gives back
    stepper : what the host writes into the state before each step; None if the step needs no host
    """

    def __init__(
        self, weights: Params, loss: Loss, batches: Sequence[Batch], optimizer: Any, names: list[str], planned: np.ndarray,
        rates: Callable[[Training], Any], notes: dict[str, _Noted] | None = None, stepper: Stepper | None = None,
    ) -> None:  # fmt: skip
        self.names, self.planned, self.rates = names, planned, rates
        self.optimizer, self.stepper, self.all_batches = optimizer, stepper, batches
        self.params = jax.tree.map(jnp.array, weights)

        def update(params: Params, state: Any, batch: Batch) -> Any:
            value, grads = jax.value_and_grad(loss)(params, batch)
            updates, state = optimizer.update(grads, state, params)
            return optax.apply_updates(params, updates), state, value, [note.last for note in (notes or {}).values()]

        self.update = jax.jit(update, donate_argnums=(0, 1))
        self.rewind()

    def rewind(self) -> None:
        """The optimizer as it was, the weights as they are."""
        self.state, self.batches = self.optimizer.init(self.params), cycle(self.all_batches)
        if self.stepper is not None:
            self.stepper.seek(0)
            self._write()

    def step(self) -> None:
        """One update."""
        self.params, self.state, self.loss, self.noted = self.update(self.params, self.state, next(self.batches))

    def schedule(self) -> None:
        """The host's next rates, into the state."""
        self.stepper.step()
        self._write()

    def _write(self) -> None:
        for name in self.names:
            self.injected(name)["learning_rate"] = np.float32(self.stepper[name, "lr"])

    def injected(self, name: str) -> dict[str, Any]:
        """The numbers that `inject_hyperparams` has in the state of a group."""
        state = self.state if self.names == ALONE else self.state.inner_states[name].inner_state
        return state.hyperparams

    def contender(self, tolerance: float, of_peak: bool) -> Contender:
        """What `measured` takes."""
        return Contender(
            step=self.step, rates=lambda: np.array(self.rates(self), np.float32), rates_after=True, loss=lambda: float(self.loss),
            rewind=self.rewind, schedule=self.schedule if self.stepper else None, planned=self.planned,
            synchronise=lambda: jax.block_until_ready((self.params, self.state)), tolerance=tolerance, of_peak=of_peak,
        )  # fmt: skip


# -- models ------------------------------------------------------------------------------------------------------------


def _mlp_loss(params: Params, batch: Batch) -> jax.Array:
    images, labels = batch
    layers = [params[f"layer{i}"] for i in range(len(params))]
    hidden = jax.nn.relu(images @ layers[0]["weight"] + layers[0]["bias"])
    for layer in layers[1:-1]:
        hidden = hidden + jax.nn.relu(hidden @ layer["weight"] + layer["bias"])
    scores = hidden @ layers[-1]["weight"] + layers[-1]["bias"]
    return optax.softmax_cross_entropy_with_integer_labels(scores, labels).mean()


def _gpt_loss(gpt: text.Gpt, dtype: Any) -> Loss:
    """The mean loss of the next byte. Weights are kept in float32 and multiplied in `dtype`."""

    def norm(signal: jax.Array, factor: jax.Array) -> jax.Array:
        return (jax.nn.standardize(signal.astype(jnp.float32), axis=-1) * factor).astype(dtype)

    def times(signal: jax.Array, weights: jax.Array) -> jax.Array:
        return signal @ weights.astype(dtype)

    def attention(signal: jax.Array, block: Params) -> jax.Array:
        qkv = times(signal, block["qkv"]).reshape(*signal.shape[:2], 3, gpt.heads, -1)
        mixed = jax.nn.dot_product_attention(qkv[:, :, 0], qkv[:, :, 1], qkv[:, :, 2], is_causal=True)
        return times(mixed.reshape(signal.shape), block["out"])

    def loss(params: Params, batch: Batch) -> jax.Array:
        (seen,) = batch
        signal = (params["embed"]["token"][seen[:, :-1]] + params["embed"]["place"]).astype(dtype)
        for block in (params[f"block{i}"] for i in range(gpt.layers)):
            signal = signal + attention(norm(signal, block["norm1"]), block)
            signal = signal + times(jax.nn.gelu(times(norm(signal, block["norm2"]), block["up"]), approximate=False), block["down"])
        scores = times(norm(signal, params["head"]["norm"]), params["head"]["weight"]).astype(jnp.float32)
        return optax.softmax_cross_entropy_with_integer_labels(scores, seen[:, 1:]).mean()

    return loss
