"""Pictures to learn from: scikit-learn's handwritten digits, or MNIST from files in IDX or `.npz` form.

A file is checked before its numbers are believed: nothing is allocated that the size of the file does not back, and nothing in it
is run.
"""

from __future__ import annotations

from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ..checks import whole
from ..errors import SpecError, Words
from .formats import read_folder, read_images, read_npz

CLASSES = 1_000
"""Labels end below this: a class is an output of the model, and a damaged label must not make a million of them."""

PIXELS = 2**20
"""Pixels an image may have: as many weights as that go into every hidden unit."""

TRAIN = 0.8
"""The share that is trained on where nothing is said and the data has no test part of its own."""


class Split(NamedTuple):
    """What a model is trained on, and what it is tested on."""

    train_images: np.ndarray
    train_labels: np.ndarray
    test_images: np.ndarray
    test_labels: np.ndarray


@dataclass(frozen=True, eq=False)
class Data:
    """Labelled pictures.

    name : what they are called in tables and pictures
    images : float32 array (n, pixels) in [0, 1]
    labels : int64 array (n,), each from 0 to classes - 1
    classes : how many kinds of picture there are
    test : images and labels that the data keeps for testing, if it does
    """

    name: str
    images: np.ndarray
    labels: np.ndarray
    classes: int
    test: tuple[np.ndarray, np.ndarray] | None = None

    def split(self, train: int | float | None = None, seed: int = 0) -> Split:
        """Training and test part.

        train : how many pictures, or which fraction of them, to train on; the others are tested on. Which ones is drawn with `seed`.
            None takes the data's own test part, where it has one, and a fraction of 0.8 where it has none
        Raises SpecError for a split that leaves one part empty.

        >>> from lrcore.experiment.data import load
        >>> [len(part) for part in load("digits").split(0.8)]
        [1438, 1438, 359, 359]
        """
        if train is None and self.test is not None:
            return Split(self.images, self.labels, *self.test)
        count = self.trained_on(train)
        order = np.random.default_rng(seed).permutation(len(self.labels))
        first, rest = order[:count], order[count:]
        return Split(self.images[first], self.labels[first], self.images[rest], self.labels[rest])

    def trained_on(self, train: int | float | None = None) -> int:
        """How many pictures the training part has; arguments and errors as for `split`.

        >>> from lrcore.experiment.data import load
        >>> load("digits").trained_on(0.5)
        899
        """
        size = len(self.labels)
        if train is None and self.test is not None:
            return size
        train = TRAIN if train is None else train
        expected = f"how many of the {size:,} images to train on, from 1 to {size - 1:,}, or a fraction strictly between 0 and 1"
        if isinstance(train, float | np.floating):
            if not 0.0 < train < 1.0:
                raise SpecError("train", expected, float(train))
            count = int(train * size + 0.5)
        else:
            try:
                count = whole(train, "train")
            except SpecError:
                raise SpecError("train", expected, train) from None
        if not 0 < count < size:
            raise SpecError("train", expected, train, "Both parts need an image.")
        return count


def load(source: str | PathLike[str] = "digits", limit: int | None = None) -> Data:
    """Pictures of handwritten digits, or of whatever else a file in MNIST's form holds.

    source : "digits", scikit-learn's 1,797 of 8 x 8 pixels; or a path:
        a folder with MNIST's files `train-images-idx3-ubyte` and `train-labels-idx1-ubyte`, and for testing the two that begin with `t10k`;
        the file of images alone, whose labels are beside it; each as it is or with `.gz`, and also with a dot before `idx`;
        or an `.npz` file with x_train, y_train and, for testing, x_test, y_test, or with images and labels
    limit : keeps the first so many of each part
    Whole numbers from 0 to 255 become [0, 1]; fractions must lie there.

    Raises SpecError for a file that is missing, damaged, or of another form, ImportError for "digits" without scikit-learn.

    >>> load("digits", limit=1_000).images.shape
    (1000, 64)
    """
    if limit is not None:
        limit = whole(limit, "limit", 1)
    if not isinstance(source, str | PathLike) or not str(source):
        raise SpecError("data", '"digits" or the path of a file', source)
    if source == "digits":
        return _digits(limit)
    path = Path(source).expanduser()
    if not path.exists():
        raise SpecError(str(path), 'a file or folder of images, or "digits"', Words("nothing there"))
    try:
        parts = read_folder(path) if path.is_dir() else read_npz(path) if path.suffix == ".npz" else [read_images(path)]
    except OSError as error:
        raise SpecError(str(path), "a file that can be read", Words(error.strerror or str(error))) from None
    checked = [_checked(images, labels, path, limit) for images, labels in parts]
    (images, labels, classes), *rest = checked
    if classes < 2:
        raise SpecError(str(path), "labels of at least two classes", Words("0 alone"))
    if rest and rest[0][2] > classes:
        raise SpecError(str(path), f"labels below {classes} in the test part, as in the training part", rest[0][2] - 1)
    if rest and rest[0][0].shape[1] != images.shape[1]:
        raise SpecError(str(path), f"test images of {images.shape[1]} pixels, as those to train on", rest[0][0].shape[1])
    return Data(path.name, images, labels, classes, (rest[0][0], rest[0][1]) if rest else None)


def _digits(limit: int | None) -> Data:
    try:
        from sklearn.datasets import load_digits
    except ImportError as error:
        raise ImportError(
            'The handwritten digits come with scikit-learn, which is not installed. Install it with pip install "lrcore[app]".'
        ) from error
    pixels, labels = load_digits(return_X_y=True)
    return Data("digits", (pixels[:limit] / 16.0).astype(np.float32), labels[:limit].astype(np.int64), 10)


def _checked(images: np.ndarray, labels: np.ndarray, path: Path, limit: int | None) -> tuple[np.ndarray, np.ndarray, int]:
    """Images in rows, scaled, their labels, and how many classes the labels tell apart."""
    if images.ndim < 2 or not images.size:
        raise SpecError(str(path), "images as an array (images, height, width)", Words(f"an array {_size(images)}"))
    if images[0].size > PIXELS:
        raise SpecError(str(path), f"images of at most {PIXELS:,} pixels", images[0].size)
    if labels.shape != images.shape[:1]:
        raise SpecError(str(path), f"a label for each of the {len(images):,} images", Words(f"labels {_size(labels)}"))
    if labels.dtype.kind not in "iu":
        raise SpecError(str(path), "labels that are integers", Words(str(labels.dtype)))
    low, high = int(labels.min()), int(labels.max())
    if low < 0 or high >= CLASSES:
        raise SpecError(str(path), f"labels from 0 to {CLASSES - 1}", low if low < 0 else high)
    rows = images[:limit].reshape(len(images[:limit]), -1)
    return _scaled(rows, path), labels[:limit].astype(np.int64), high + 1


def _scaled(images: np.ndarray, path: Path) -> np.ndarray:
    if images.dtype.kind not in "iuf":
        raise SpecError(str(path), "images of numbers", Words(str(images.dtype)))
    low, high = images.min(), images.max()
    top = 1 if images.dtype.kind == "f" else 255
    if not 0 <= low <= high <= top:  # and so no NaN either
        got: Any = low if not low >= 0 else high
        hint = "Divide them by the largest." if top == 1 else ""
        raise SpecError(str(path), f"images from 0 to {top} in {images.dtype}", Words(str(got)), hint)
    return images.astype(np.float32) / np.float32(top)


def _size(array: np.ndarray) -> str:
    return f"({', '.join(map(str, array.shape))})"
