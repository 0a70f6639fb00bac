"""Training in torch: eager, foreach and fused AdamW, its compiled step, and whole steps in a CUDA graph."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from functools import partial
from types import FunctionType
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.optim import AdamW
from torch.optim.lr_scheduler import CosineAnnealingLR, LambdaLR, LinearLR, LRScheduler, OneCycleLR, SequentialLR
from torch.profiler import ProfilerActivity, profile

import lrcore as lr
from lrcore_torch import PlanScheduler

from . import digits, plans, text
from .measure import MANY, Contender, Run, measured, run_of
from .rows import NotRunError, Row

KINDS = ("eager", "foreach", "fused", "compiled")
STANDS_FOR_ALL = "SequentialLR"
"""torch's own on the curve of lrcore's rows, and the one whose losses theirs are compared with."""
WARMING = 3
"""Ordinary steps before a capture, as torch asks."""


def rows(device: str, short: bool) -> Iterator[Row]:
    """The rows of this backend, as they are measured. Raises NotRunError if there is no such device."""
    if device == "cuda" and not torch.cuda.is_available():
        raise NotRunError(f"torch {torch.__version__} finds no CUDA device here.")
    if device == "cpu":
        torch.set_num_threads(1)  # batches this small lose more to waiting for a second thread than they win
    few = device == "cpu" and short
    for step in KINDS:
        for groups in (1,) if few and step != "eager" else (1, 100):
            yield from table("mlp", step, groups, device, short)
    for groups in (1, 100, 1_000):
        yield from table("mlp", "cuda graph", groups, device, short)
    layers = len(text.group_names(text.LARGE if device == "cuda" else text.SMALL))
    for step in ("fused", "cuda graph"):
        yield from table("gpt", step, layers, device, short)


def table(model: str, step: str, groups: int, device: str, short: bool) -> Iterator[Row]:
    """A row for each schedule."""
    like = Row(backend="torch", model=model, step=step, groups=groups, schedule="")
    run = run_of(model, device, short, 1 if step == "cuda graph" else groups)  # a graph is as fast with many groups
    names = ["constant", "lrcore device"] if step == "cuda graph" else ["constant", *OWN, "lrcore host", "lrcore device"]
    contenders, refused = {}, []
    for name in names:
        try:
            contenders[name] = contender(name, model, step, groups, device, run)
        except NotRunError as error:
            refused.append(Row(backend="torch", model=model, step=step, groups=groups, schedule=name, reason=str(error)))
    if contenders:
        # Every contender compiles a step of its own, and more often if its rates make it; what limits that must not hide it.
        with torch._dynamo.config.patch(recompile_limit=run.steps, fail_on_recompile_limit_hit=True):
            yield from measured(
                like, contenders, run, reference=STANDS_FOR_ALL, compilations=compilations, counts=partial(counts, device),
                **({"stopwatch": events} if device == "cuda" else {}),
            )  # fmt: skip
        torch._dynamo.reset()
    yield from refused


# -- the models --------------------------------------------------------------------------------------------------------


class Mlp(nn.Module):
    """The network of digits.py; a layer is a group if there are several."""

    def __init__(self, layers: int) -> None:
        super().__init__()
        self.layers = nn.ModuleList()
        for weight, bias in digits.first_weights(layers):
            linear = nn.Linear(*weight.shape)
            linear.load_state_dict({"weight": torch.from_numpy(weight.T), "bias": torch.from_numpy(bias)})
            self.layers.append(linear)

    def forward(self, images: Tensor) -> Tensor:
        first, *between, last = self.layers
        signal = torch.relu(first(images))
        for layer in between:
            signal = signal + torch.relu(layer(signal))
        return last(signal)


class Gpt(nn.Module):
    """The network of text.py."""

    def __init__(self, gpt: text.Gpt) -> None:
        super().__init__()
        self.heads = gpt.heads
        self.parts = nn.ModuleDict(
            {
                group: nn.ParameterDict({name: nn.Parameter(torch.from_numpy(array)) for name, array in arrays.items()})
                for group, arrays in text.first_weights(gpt).items()
            }
        )

    def forward(self, tokens: Tensor) -> Tensor:
        embed, *blocks, head = self.parts.values()
        signal = functional.embedding(tokens, embed["token"]) + embed["place"]
        for block in blocks:
            signal = signal + self.attention(normed(signal, block["norm1"]) @ block["qkv"]) @ block["out"]
            signal = signal + functional.gelu(normed(signal, block["norm2"]) @ block["up"]) @ block["down"]
        return normed(signal, head["norm"]) @ head["weight"]

    def attention(self, qkv: Tensor) -> Tensor:
        queries, keys, values = (part.unflatten(-1, (self.heads, -1)).transpose(1, 2) for part in qkv.chunk(3, dim=-1))
        return functional.scaled_dot_product_attention(queries, keys, values, is_causal=True).transpose(1, 2).flatten(2)


def normed(signal: Tensor, factor: Tensor) -> Tensor:
    return functional.layer_norm(signal, factor.shape, factor)


# -- training ----------------------------------------------------------------------------------------------------------


class Training:
    """A model from its first weights, its batches on the device, and AdamW with a group for each layer, or one for all."""

    def __init__(self, model: str, groups: int, device: str, steps: int, tensor_rates: bool, **options: Any) -> None:
        self.device, self.made, self.last_loss = torch.device(device), 0, torch.zeros(())
        if model == "mlp":
            self.model: nn.Module = Mlp(groups if groups > 1 else digits.LAYERS).to(device)
            self.peak, layers = digits.adamw_peak(groups), self.model.layers if groups > 1 else [self.model]
            self.names = digits.group_names(groups)
            self.inputs, self.targets = (torch.from_numpy(array).to(device) for array in digits.batches(steps))
        else:
            gpt = text.LARGE if device == "cuda" else text.SMALL
            self.model = Gpt(gpt).to(device)
            self.peak, layers, self.names = gpt.peak, self.model.parts.values(), text.group_names(gpt)
            tokens = torch.from_numpy(text.batches(gpt, steps)).to(device)
            self.inputs, self.targets = tokens[..., :-1].contiguous(), tokens[..., 1:].contiguous()
        # bfloat16 as it is used: float32 weights, and products in half of it. Its cache of weights does not live in a graph.
        narrow = model == "gpt" and device == "cuda"
        self.narrow = partial(torch.autocast, device, torch.bfloat16, cache_enabled=False) if narrow else nullcontext
        self.peaks = plans.rates(plans.layered(self.peak, self.names), self.names, 1)[0].tolist()
        self.optimizer = AdamW(
            [
                {"name": name, "params": list(layer.parameters()), "lr": torch.tensor(rate, device=device) if tensor_rates else rate}
                for name, layer, rate in zip(self.names, layers, self.peaks, strict=True)
            ],
            lr=self.peak,
            **options,
        )

    def gradients(self) -> None:
        """Forward and backward of the next batch."""
        at = self.made % len(self.inputs)
        self.made += 1
        self.gradients_of(self.inputs[at], self.targets[at])

    def gradients_of(self, inputs: Tensor, targets: Tensor) -> None:
        self.optimizer.zero_grad()
        with self.narrow():
            scores = self.model(inputs)
        loss = functional.cross_entropy(scores.flatten(0, -2).float(), targets.flatten())
        loss.backward()
        self.last_loss = loss.detach()

    def loss(self) -> float:
        return self.last_loss.item()

    def rates(self) -> np.ndarray:
        rates = [group["lr"] for group in self.optimizer.param_groups]
        return torch.stack(rates).cpu().numpy() if isinstance(rates[0], Tensor) else np.array(rates)

    def first_rates(self) -> None:
        """The groups as they were made, for a scheduler of torch's to start from."""
        for group, rate in zip(self.optimizer.param_groups, self.peaks, strict=True):
            group.pop("initial_lr", None)
            if isinstance(group["lr"], Tensor):
                group["lr"].fill_(rate)
            else:
                group["lr"] = rate

    def planned(self, curve: lr.Schedule, steps: int) -> np.ndarray:
        return plans.rates(plans.layered(curve, self.names), self.names, steps)


def factor(steps: int, step: int) -> float:
    """The curve in terms of its peak, as a person writes it for LambdaLR."""
    climb = plans.warmup(steps)
    if step < climb:
        return plans.START + (1 - plans.START) * step / climb
    return (1 + math.cos(math.pi * (step - climb) / (steps - climb))) / 2


def sequential(optimizer: AdamW, steps: int) -> LRScheduler:
    climb = plans.warmup(steps)
    return SequentialLR(
        optimizer, [LinearLR(optimizer, plans.START, total_iters=climb), CosineAnnealingLR(optimizer, steps - climb)], [climb]
    )


def one_cycle(optimizer: AdamW, steps: int) -> LRScheduler:
    """Without its cycle of beta1, so that it does what the others do."""
    return OneCycleLR(optimizer, [float(group["lr"]) for group in optimizer.param_groups], total_steps=steps, cycle_momentum=False)


OWN: dict[str, Callable[[AdamW, int], LRScheduler]] = {
    "SequentialLR": sequential,
    "OneCycleLR": one_cycle,
    "LambdaLR": lambda optimizer, steps: LambdaLR(optimizer, partial(factor, steps)),
}


def contender(name: str, model: str, step: str, groups: int, device: str, run: Run) -> Contender:
    """Training of that kind under one schedule. Raises NotRunError for what torch, or this device, cannot run."""
    on_device, captured = name == "lrcore device", step == "cuda graph"
    if captured and device != "cuda":
        raise NotRunError("A CUDA graph needs a CUDA device.")
    if step == "compiled" and groups >= MANY and name in OWN and name != STANDS_FOR_ALL:
        raise NotRunError(
            f"A step for {groups} groups takes half a minute to compile, for each schedule; {STANDS_FOR_ALL} stands for torch's own."
        )
    if step == "foreach" and on_device and device == "cpu":
        raise NotRunError("AdamW of torch takes rates that are tensors with foreach=True on an accelerator alone.")
    in_step = step in ("compiled", "cuda graph")
    options = {"foreach": {"foreach": True}, "eager": {"foreach": False}, "fused": {"fused": True}, "cuda graph": {"fused": True}}
    training = Training(
        model, groups, device, run.steps, tensor_rates=in_step,
        capturable=device == "cuda" and (in_step or on_device), **options.get(step, {}),
    )  # fmt: skip
    curve = {"constant": lr.constant, "OneCycleLR": partial(plans.one_cycle, steps=run.steps)}.get(
        name, partial(plans.warmup_cosine, steps=run.steps)
    )(training.peak)
    made = Contender(
        step=lambda: None, rates=training.rates, loss=training.loss, rewind=lambda: None,
        synchronise=torch.cuda.synchronize if device == "cuda" else lambda: None, planned=training.planned(curve, run.steps),
    )  # fmt: skip
    advance = None
    if name.startswith("lrcore"):
        scheduler = PlanScheduler(training.optimizer, plans.layered(curve, training.names), mode=name.removeprefix("lrcore "))
        made.rewind = partial(scheduler.seek, 0)
        if on_device and in_step:
            advance = scheduler.advance
        else:
            made.schedule = scheduler.step
    elif name != "constant":
        drive_by_own(made, training, OWN[name], run.steps)
        # On float32 tensors torch's recursions add up their roundings; on floats all of them stay within a few ulp.
        made.tolerance, made.of_peak = (2e-4, True) if in_step else (1e-6, False)
    if captured:
        made.step = graph(training, advance, made.rewind)
    else:
        update = optimizer_step(training.optimizer, advance, compiled=step == "compiled")

        def train() -> None:
            training.gradients()
            update()

        made.step = train
    return made


def drive_by_own(made: Contender, training: Training, make: Callable[[AdamW, int], LRScheduler], steps: int) -> None:
    """Let a scheduler of torch's bring the rates; a new one for each run, since not every one can go back."""
    scheduler = make(training.optimizer, steps)

    def schedule() -> None:
        scheduler.step()

    def rewind() -> None:
        nonlocal scheduler
        training.first_rates()
        scheduler = make(training.optimizer, steps)

    made.schedule, made.rewind = schedule, rewind


def optimizer_step(optimizer: AdamW, advance: Callable[[], object] | None, compiled: bool) -> Callable[[], object]:
    """The update of the weights, compiled or not, and of the rates if they are part of it."""

    def update() -> None:
        optimizer.step()
        if advance is not None:
            advance()

    if not compiled:
        return update
    # Dynamo keeps what it compiled with the code object, so contenders with one between them would try each other's before theirs.
    code = update.__code__.replace(co_name=f"update_{id(optimizer)}")
    return torch.compile(FunctionType(code, globals(), closure=update.__closure__))


def graph(training: Training, advance: Callable[[], object] | None, rewind: Callable[[], object]) -> Callable[[], object]:
    """The whole step as a CUDA graph, from the first weights again: batches, forward, backward, update, and rates."""
    at = torch.zeros(1, dtype=torch.long, device=training.device)
    first = [parameter.detach().clone() for parameter in training.model.parameters()]

    def step() -> None:
        training.gradients_of(training.inputs.index_select(0, at)[0], training.targets.index_select(0, at)[0])
        training.optimizer.step()
        at.add_(1).remainder_(len(training.inputs))
        if advance is not None:
            advance()

    side = torch.cuda.Stream()
    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side):
        for _ in range(WARMING):
            step()
    torch.cuda.current_stream().wait_stream(side)
    captured = torch.cuda.CUDAGraph()
    with torch.cuda.graph(captured):
        step()
    with torch.no_grad():
        at.zero_()
        for parameter, weight in zip(training.model.parameters(), first, strict=True):
            parameter.copy_(weight)
            for moment in training.optimizer.state[parameter].values():
                moment.zero_()
    rewind()
    return captured.replay


# -- counting and timing -----------------------------------------------------------------------------------------------


def compilations() -> int:
    """Graphs that Dynamo compiled so far."""
    return torch._dynamo.utils.counters["stats"]["unique_graphs"]


def counts(device: str, work: Callable[[], object], steps: int) -> tuple[float, float | None]:
    """Waits of the host for the device, and copies between the two, per step.

    The CPU waits for nobody: there the values are counted that the host asks of a tensor, each of which is a wait on a device.
    """
    activities = [ProfilerActivity.CPU, *([ProfilerActivity.CUDA] if device == "cuda" else [])]
    with profile(activities=activities) as seen:
        work()
    assert seen.profiler is not None
    names = [event.name() for event in seen.profiler.kineto_results.events()]  # seen.events() takes seconds to make a tree of them
    if device == "cpu":
        return names.count("aten::_local_scalar_dense") / steps, None
    # not cudaDeviceSynchronize, by which the profiler ends
    waits = sum(name in ("cudaStreamSynchronize", "cudaEventSynchronize") for name in names)
    return waits / steps, sum(name.startswith(("Memcpy HtoD", "Memcpy DtoH")) for name in names) / steps


def events(contender: Contender, work: Callable[[], None]) -> float:
    """Seconds between two events on the device's stream."""
    begin, end = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
    torch.cuda.synchronize()
    begin.record()
    work()
    end.record()
    end.synchronize()
    return 1e-3 * begin.elapsed_time(end)
