"""`lrcore find`: a learning-rate range test on the model and the data that come with lrcore."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..finder import RangeTest
from .axes import value_words
from .options import AsJson, Picture
from .pictures import PICTURES, save_picture
from .screen import err, grid, out, put, quiet, suffix_of, writable

if TYPE_CHECKING:
    from ..experiment.model import Weights

_SOLVERS, _BACKENDS = ("sgd", "momentum", "adam", "adamw"), ("torch", "keras")


def find(
    data: Annotated[str, typer.Option(help='"digits", or the path of an MNIST file.')] = "digits",
    optimizer: Annotated[str, typer.Option(help="sgd, momentum, adam or adamw.", autocompletion=lambda: list(_SOLVERS))] = "adam",
    backend: Annotated[str, typer.Option(help="torch or keras.", autocompletion=lambda: list(_BACKENDS))] = "torch",
    start: Annotated[float, typer.Option(help="The lowest rate.")] = 1e-7,
    stop: Annotated[float, typer.Option(help="The highest rate.")] = 10.0,
    steps: Annotated[int, typer.Option("--steps", "-n", help="Updates between them, each at a higher rate.")] = 100,
    repeats: Annotated[int, typer.Option(help="Runs, each from the same weights with other batches.")] = 3,
    batch: Annotated[int, typer.Option(help="Images of an update.")] = 32,
    hidden: Annotated[int, typer.Option(help="Units of the hidden layer.")] = 128,
    seed: Annotated[int, typer.Option(min=0, help="Of the first weights and the batches.")] = 0,
    output: Picture = None,
    as_json: AsJson = False,
) -> None:
    """Find a learning rate by a range test on a small model.

    It is trained with ever higher rates until the loss explodes. The model has one hidden layer and learns handwritten digits. On a
    model of yours call lrcore_torch.find_lr or lrcore_keras.find_lr.
    """
    if output is not None:
        suffix_of(output, PICTURES)
        writable(output)
    from ..experiment.setup import Setup

    setup = Setup(data=data, solver=optimizer, backend=backend, batch=batch, hidden=hidden)  # type: ignore[arg-type]
    knobs = {"start": start, "stop": stop, "steps": steps, "repeats": repeats, "progress": err().is_terminal}
    with quiet():
        home = import_module(f"lrcore.experiment.on_{setup.backend}")  # says what to install, and chooses Keras's backend
    test = (_on_torch if setup.backend == "torch" else _on_keras)(setup, home, seed, knobs)
    if as_json:
        out().print(test.to_json(), soft_wrap=True)
    else:
        _tell(test)
    if output is not None:
        save_picture(test.plot(), output)


def _on_torch(setup: Any, home: Any, seed: int, knobs: dict[str, Any]) -> RangeTest:
    import torch
    from torch.utils.data import DataLoader, TensorDataset

    from lrcore_torch import find_lr

    split, weights = setup.split(), _weights(setup, seed)
    model = home.classifier(weights)
    images = TensorDataset(torch.from_numpy(split.train_images), torch.from_numpy(split.train_labels))
    loader = DataLoader(images, batch_size=setup.batch, shuffle=True, generator=torch.Generator().manual_seed(seed))
    with home.one_thread():
        return find_lr(model, home.solver_of(model, setup), torch.nn.functional.cross_entropy, loader, **knobs)


def _on_keras(setup: Any, home: Any, seed: int, knobs: dict[str, Any]) -> RangeTest:
    import keras

    from lrcore_keras import find_lr

    from ..experiment.model import order_of

    split, model = setup.split(), home.classifier(_weights(setup, seed))
    model.compile(home.solver_of(setup), loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    order = order_of(len(split.train_labels), seed, 0)
    return find_lr(model, split.train_images[order], split.train_labels[order], batch_size=setup.batch, **knobs)


def _weights(setup: Any, seed: int) -> Weights:
    from ..experiment.model import first_weights

    return first_weights(setup.split().train_images.shape[1], setup.hidden, setup.images().classes, seed)


def _tell(test: RangeTest) -> None:
    table = grid("rule", "rate", "runs agree")
    for name, suggestion in test.suggestions.items():
        if suggestion.rate is None:
            table.add_row(name, "none", suggestion.reason)
        else:
            agree = "" if suggestion.spread is None else f"within {suggestion.spread} decades"
            table.add_row(name, value_words(suggestion.rate, 3), agree)
    console = out()
    put(console, table)
    console.print(f"Runs that diverged before the highest rate: {sum(test.diverged)} of {len(test.runs)}.", style="dim")
