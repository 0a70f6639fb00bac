"""The learning-rate finder on a torch model: real training steps in place, and everything as it was afterwards."""

from __future__ import annotations

import copy
import random
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy
from torch.optim import Optimizer
from torch.utils.data import DataLoader

import lrcore as lr

Back = Callable[[], Any]
"""Puts something back as it was when this was made, and returns it."""


def find_lr(
    model: nn.Module, optimizer: Optimizer, loss: Callable[..., Tensor], loader: Iterable[Any], *,
    start: float = 1e-7, stop: float = 10.0, steps: int = 100, repeats: int = 1, accumulation: int = 1,
    smoothing: float = 0.9, diverge: float = 4.0, progress: bool = True,
) -> lr.RangeTest:  # fmt: skip
    """Train a few steps with ever higher rates, and look at the losses: the rates they suggest.

    model, optimizer : what the run will train. The test trains them in place, and puts back all that it changed
    loss : `loss(output, target)`, a tensor of one element. Of a batch that is a tuple or a list the last is the target, and the
        model is called with the others; with a mapping it is called with its items, and `loss(output, batch)` gets it as target
    loader : batches, again and again: a DataLoader, a list. Tensors are moved to the device of the model
    start, stop : the lowest and the highest rate; steps : updates between them, both included, at most that many in each run
    repeats : runs, each from the weights as they are now and with the batches that come next
    accumulation : batches that make an update
    smoothing, diverge : as RangeTest has them
    progress : show a bar, if tqdm is installed

    Every group gets the rate of the step. If their rates differ now, that of the highest: the others keep their proportions to it.
    A model in evaluation mode is trained in training mode.

    Afterwards, also after an exception or Ctrl-C, these have every byte as before: parameters, buffers, gradients, and other
    attributes of the modules; the optimizer's state and groups, with the same tensors and dictionaries; the random states of Python,
    NumPy and torch on every device in use; generators, random states and counters of the loader, its samplers and its dataset. An
    iterator of the loader that is in use elsewhere loses no batch. That takes a copy of weights and optimizer state.

    Raises SpecError for arguments that mean nothing, among them an iterator, which would lose what is taken from it.

    >>> import torch
    >>> _ = torch.manual_seed(0)
    >>> model = torch.nn.Linear(4, 1)
    >>> optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    >>> x = torch.randn(256, 4)
    >>> loader = torch.utils.data.DataLoader(list(zip(x, x.sum(1, keepdim=True))), batch_size=32, shuffle=True)
    >>> test = find_lr(model, optimizer, torch.nn.functional.mse_loss, loader, progress=False)
    >>> 0.01 < test["valley"].rate < 1, test.diverged, optimizer.state_dict()["state"]
    (True, (True,), {})
    """
    _check_objects(model, optimizer, loss, loader)
    for name, count in (("repeats", repeats), ("accumulation", accumulation)):
        if type(count) is not int or count < 1:
            raise lr.SpecError(name, "an integer >= 1", count)
    rates = lr.RangeTest.rates(start, stop, steps)
    lr.RangeTest([()], smoothing, diverge)  # refuses before anything is done
    modules = [each for each in (model, loss) if isinstance(each, nn.Module)]
    device = next((tensor.device for tensor in model.parameters()), torch.device("cpu"))
    shares = _shares(optimizer)
    batches = again_and_again(loader, device)
    weights_as_before = _weights(optimizer, modules)

    def run() -> Iterator[tuple[float, float]]:
        weights_as_before()
        if not model.training:
            model.train()
        for rate in rates:
            _set_rates(optimizer, rate, shares)
            yield rate, _trained(model, optimizer, loss, batches, accumulation)

    return lr.RangeTest.of(
        *(run() for _ in range(repeats)), smoothing=smoothing, diverge=diverge, progress=steps if progress else 0,
        afterwards=[*_random_states(optimizer, modules), *states_of(loader), weights_as_before, batches.close,
                    _gradients(optimizer, modules)],
    )  # fmt: skip


# -- training -------------------------------------------------------------------------------------------------------------


def _trained(model: nn.Module, optimizer: Optimizer, loss: Callable[..., Tensor], batches: Iterator[Any], accumulation: int) -> float:
    """One update; returns the mean loss of its batches."""
    optimizer.zero_grad(set_to_none=True)
    total = 0.0
    for _ in range(accumulation):
        with torch.enable_grad():
            value = _loss(model, loss, next(batches))
        if not isinstance(value, Tensor) or value.numel() != 1:
            got = f"a tensor of shape {tuple(value.shape)}" if isinstance(value, Tensor) else type(value).__name__
            raise lr.SpecError("loss", "a function that returns a tensor of one element", got, "Take the mean over the batch.")
        (value / accumulation).backward()  # type: ignore[no-untyped-call]
        total += value.item()
    optimizer.step()
    return total / accumulation


def _loss(model: nn.Module, loss: Callable[..., Tensor], batch: Any) -> Tensor:
    if isinstance(batch, Mapping):
        return loss(model(**batch), batch)
    if isinstance(batch, tuple | list) and len(batch) > 1:
        return loss(model(*batch[:-1]), batch[-1])
    raise lr.SpecError("loader", "batches that are mappings, or tuples of inputs and a target", type(batch).__name__, "Wrap the loader.")


def _set_rates(optimizer: Optimizer, rate: float, shares: list[float]) -> None:
    for group, share in zip(optimizer.param_groups, shares, strict=True):
        if isinstance(group["lr"], Tensor):
            group["lr"].detach().fill_(rate * share)
        else:
            group["lr"] = rate * share


def _shares(optimizer: Optimizer) -> list[float]:
    """Each group's rate in terms of the highest; all the same before a warmup, when all are 0."""
    rates = [float(group["lr"]) for group in optimizer.param_groups]
    return [rate / max(rates) for rate in rates] if max(rates) > 0 else [1.0] * len(rates)


def again_and_again(loader: Iterable[Any], device: torch.device) -> Generator[Any, None, None]:
    """The batches of a loader without end, on the device."""
    loader = unshared(loader)
    while True:
        empty = True
        for batch in loader:
            empty = False
            yield _moved(batch, device)
        if empty:
            raise lr.SpecError("loader", "at least one batch", 0)


def unshared(loader: Any) -> Any:
    """A loader that can be read while it is in use: with persistent workers it has but one iterator, and a copy another."""
    if not isinstance(loader, DataLoader):
        return loader
    loader = copy.copy(loader)
    vars(loader)["_iterator"] = None
    return loader


def _moved(batch: Any, device: torch.device) -> Any:
    if isinstance(batch, Tensor):
        return batch.to(device, non_blocking=True)
    if isinstance(batch, Mapping):
        return {key: _moved(value, device) for key, value in batch.items()}
    return [_moved(value, device) for value in batch] if isinstance(batch, tuple | list) else batch


def _check_objects(model: Any, optimizer: Any, loss: Any, loader: Any) -> None:
    if not isinstance(model, nn.Module):
        raise TypeError(f"find_lr takes a torch.nn.Module, got {type(model).__name__}.")
    if not isinstance(optimizer, Optimizer):
        raise TypeError(f"find_lr takes a torch optimizer, got {type(optimizer).__name__}.")
    if not callable(loss):
        raise TypeError(f"find_lr takes a function of output and target as its loss, got {type(loss).__name__}.")
    if not isinstance(loader, Iterable):
        raise TypeError(f"find_lr takes a loader that can be iterated, got {type(loader).__name__}.")
    if isinstance(loader, Iterator):
        hint = "Pass the DataLoader itself: what the test takes from an iterator would be lost to who reads it next."
        raise lr.SpecError("loader", "something that can be iterated again and again", type(loader).__name__, hint)
    lazy = [name for tensors in (model.named_parameters(), model.named_buffers()) for name, tensor in tensors if is_lazy(tensor)]
    if lazy:
        raise lr.SpecError("model", "parameters that have their shapes", f"{lazy[0]} without one", "Call the model on a batch first.")


# -- as before ------------------------------------------------------------------------------------------------------------


def _tensors(optimizer: Optimizer, modules: list[nn.Module]) -> list[Tensor]:
    tensors = [tensor for module in modules for tensor in module.parameters()]
    return tensors + [tensor for group in optimizer.param_groups for tensor in group["params"]]


def _weights(optimizer: Optimizer, modules: list[nn.Module]) -> Back:
    """Parameters, buffers and other attributes of the modules, and all of the optimizer."""
    seen: dict[int, Back] = {}
    parts = [part for module in modules for part in module.modules()]
    kept = [_kept(vars(owner), seen, shallow=True) for owner in (*parts, optimizer)]
    kept += [_kept(getattr(part, name), seen) for part in parts for name in ("_parameters", "_buffers")]
    kept += [_kept(optimizer.param_groups, seen), _kept(optimizer.state, seen)]

    def back() -> None:
        for each in kept:
            each()

    return back


def _gradients(optimizer: Optimizer, modules: list[nn.Module]) -> Back:
    """The gradients there are, taken away now, so that nothing is added to them."""
    gradients = [(tensor, tensor.grad) for tensor in _tensors(optimizer, modules)]
    for tensor, _ in gradients:
        tensor.grad = None

    def back() -> None:
        for tensor, gradient in gradients:
            tensor.grad = gradient

    return back


def _kept(value: Any, seen: dict[int, Back], shallow: bool = False) -> Back:
    """What puts a tensor's bytes, a dictionary's or a list's items back, in the very objects that held them; `seen` has each but once.

    shallow : of a dictionary or a list only which items it has, not what these hold
    """
    if id(value) in seen and not shallow:
        return seen[id(value)]
    if isinstance(value, Tensor) and not _is_spread(value):
        data = value.detach().clone()

        def back() -> Any:
            with torch.no_grad():
                value.copy_(data)
            return value

    elif isinstance(value, dict):
        items = [(key, None if shallow else _kept(item, seen), item) for key, item in value.items()]

        def back() -> Any:
            value.clear()
            value.update((key, item if kept is None else kept()) for key, kept, item in items)
            return value

    elif isinstance(value, list):
        parts = [_kept(item, seen) for item in value]

        def back() -> Any:
            value[:] = [part() for part in parts]
            return value

    elif isinstance(value, tuple):
        parts = [_kept(item, seen) for item in value]

        def back() -> Any:
            for part in parts:
                part()
            return value

    else:

        def back() -> Any:
            return value

    if not shallow:
        seen[id(value)] = back
    return back


def _is_spread(tensor: Tensor) -> bool:
    """Whether elements share memory, as `expand` makes them: nothing can write to such a tensor."""
    return tensor.layout == torch.strided and any(step == 0 and size > 1 for step, size in zip(tensor.stride(), tensor.shape, strict=True))


def _random_states(optimizer: Optimizer, modules: list[nn.Module]) -> list[Back]:
    python, legacy, host = random.getstate(), np.random.get_state(), torch.get_rng_state()  # noqa: NPY002
    devices = {tensor.device for tensor in _tensors(optimizer, modules)}
    return [
        partial(random.setstate, python), partial(np.random.set_state, legacy), partial(torch.set_rng_state, host),
        *(_of_device(device) for device in devices if device.type not in ("cpu", "meta")),
    ]  # fmt: skip


def _of_device(device: torch.device) -> Back:
    library = torch.get_device_module(device)
    where = () if device.type == "mps" else (device,)  # there is but one
    return partial(library.set_rng_state, library.get_rng_state(*where), *where)


def states_of(loader: Any) -> list[Back]:
    """Counters and random states of a loader and of what it draws from; not the data."""
    sampler, batches = getattr(loader, "sampler", None), getattr(loader, "batch_sampler", None)
    owners = [loader, sampler, batches, getattr(batches, "sampler", None), getattr(loader, "dataset", None)]
    back = []
    for owner in {id(owner): owner for owner in owners if hasattr(owner, "__dict__")}.values():
        back += [_kept(vars(owner), {}, shallow=True), *(state for value in vars(owner).values() if (state := _of_generator(value)))]
    return back


def _of_generator(value: Any) -> Back | None:
    match value:
        case torch.Generator():
            return partial(value.set_state, value.get_state())
        case random.Random():
            return partial(value.setstate, value.getstate())
        case np.random.RandomState():
            return partial(value.set_state, value.get_state())
        case np.random.Generator():
            return partial(setattr, value.bit_generator, "state", value.bit_generator.state)
    return None
