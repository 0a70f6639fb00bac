"""What an experiment is: the data, the model, the solver and how long it trains; checked when it is made."""

from __future__ import annotations

from functools import lru_cache
from math import ceil
from pathlib import Path
from typing import Literal, get_args

import msgspec
from msgspec.structs import force_setattr

from ..checks import number, whole
from ..errors import SpecError
from .data import Data, Split, load

Solver = Literal["sgd", "momentum", "adam", "adamw"]
Backend = Literal["torch", "keras"]
Unit = Literal["updates", "epochs"]
SOLVERS: tuple[Solver, ...] = get_args(Solver)
BACKENDS: tuple[Backend, ...] = get_args(Backend)
ARTICLE_LIMIT = 10_000
"""Images of an MNIST file that are read unless told otherwise, as in the article."""
_SPLIT_SEED = 0  # one split for all runs: what differs between seeds is then the weights and the order, not how hard the test is


class Setup(msgspec.Struct, frozen=True, kw_only=True):
    """A model with one hidden layer, and how it is trained; all that the runs of an experiment share.

    data : "digits", scikit-learn's handwritten digits, or the path of an MNIST file; what `data.load` takes
    train : how many images to train on, or which fraction of them; the others are tested on. None takes the test part of the file,
        or a fraction of 0.8 where it has none. The split is the same for all seeds
    hidden : units of the hidden layer, with ReLU between them and the softmax
    solver : "sgd"; "momentum", SGD with 0.9; "adam"; or "adamw", with a weight decay of 0.01 of the rate. Adam's epsilon is 1e-7
    rate : the peak that every schedule is scaled to; None leaves each as it is written, the named ones at 0.1
    batch, epochs : images of an update; the last batch of an epoch may have fewer
    seeds : how many times to train under each schedule. Seed s gives all schedules the same first weights and the same batches
    backend : "torch" or "keras", which runs on the backend of Keras that the process has
    limit : images to read, the first ones of each part; None reads all
    unit : what lengths in schedules of one's own count, "updates" or "epochs"; the value of an epoch then holds for all of its updates

    Raises SpecError.

    >>> setup = Setup(epochs=10)
    >>> setup.updates_per_epoch, setup.updates
    (45, 450)
    """

    data: str = "digits"
    train: int | float | None = None
    hidden: int = 128
    solver: Solver = "adam"
    rate: float | None = None
    batch: int = 32
    epochs: int = 100
    seeds: int = 3
    backend: Backend = "torch"
    limit: int | None = ARTICLE_LIMIT
    unit: Unit = "updates"

    def __post_init__(self) -> None:
        if isinstance(self.data, Path):
            force_setattr(self, "data", str(self.data))
        if not isinstance(self.data, str) or not self.data:
            raise SpecError("data", '"digits" or the path of a file', self.data)
        for name in ("hidden", "batch", "epochs", "seeds"):
            force_setattr(self, name, whole(getattr(self, name), name, low=1))
        for name, known in (("solver", SOLVERS), ("backend", BACKENDS), ("unit", get_args(Unit))):
            if getattr(self, name) not in known:
                raise SpecError(name, f"one of {', '.join(known)}", getattr(self, name))
        if self.limit is not None:
            force_setattr(self, "limit", whole(self.limit, "limit", low=1))
        if self.rate is not None:
            force_setattr(self, "rate", number(self.rate, "rate", "a number > 0"))
            if not self.rate > 0:
                raise SpecError("rate", "a number > 0", self.rate)
        self._check_train()

    def _check_train(self) -> None:
        expected = "how many images to train on, or a fraction of them strictly between 0 and 1"
        if self.train is None:
            return
        fraction = isinstance(self.train, float)
        try:
            force_setattr(self, "train", number(self.train, "train") if fraction else whole(self.train, "train", low=1))
        except SpecError:
            raise SpecError("train", expected, self.train) from None
        if fraction and not 0.0 < self.train < 1.0:
            raise SpecError("train", expected, self.train)

    def images(self) -> Data:
        """The data as they are read; errors are those of `data.load`."""
        return _images(self.data, self.limit, _stamp(self.data))

    def split(self) -> Split:
        """Training and test part; raises SpecError where `train` leaves one of them empty."""
        return self.images().split(self.train, _SPLIT_SEED)

    @property
    def updates_per_epoch(self) -> int:
        """Batches of the training part."""
        return ceil(self.images().trained_on(self.train) / self.batch)

    @property
    def updates(self) -> int:
        """The length of a run."""
        return self.epochs * self.updates_per_epoch


@lru_cache(maxsize=2)
def _images(source: str, limit: int | None, stamp: tuple[tuple[str, int, int], ...]) -> Data:
    """Read once, for the page that asks at every change of a control, and again when the file is another one (`stamp`)."""
    return load(source, limit)


def _stamp(source: str) -> tuple[tuple[str, int, int], ...]:
    """When the files of the data were last changed, and their sizes; of a file of images, its labels too, which lie beside it."""
    path = Path(source).expanduser()
    if source == "digits":
        return ()
    try:
        folder = path if path.is_dir() else path.parent
        files = [path, *sorted(file for file in folder.iterdir() if "ubyte" in file.name)]
        return tuple((str(file), file.stat().st_mtime_ns, file.stat().st_size) for file in files)
    except OSError:  # what is the matter is said when it is read
        return ()
