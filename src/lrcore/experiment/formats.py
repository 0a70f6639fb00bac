"""MNIST's files: IDX, which begins with how much follows, plain or gzipped, and `.npz`, a zip of NumPy's arrays."""

from __future__ import annotations

import gzip
import struct
import warnings
import zipfile
import zlib
from math import prod
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import SpecError, Words

Part = tuple[np.ndarray, np.ndarray]
"""Images and labels."""

LARGEST = 2**30
"""Bytes an array in a compressed file may come to."""

DEFLATE = 1_032
"""How many times its size compressed data can become at most: a match of 258 bytes takes 2 bits."""

_KINDS = {3: "images", 1: "labels"}
_PAIRS = (("x_train", "y_train"), ("images", "labels"))
_AGAIN = "It was cut short or altered; download it again."


# -- IDX -----------------------------------------------------------------------------------------------------------------------


def read_folder(folder: Path) -> list[Part]:
    """The training part and, if it is there, the test part of a folder with MNIST's four files."""
    parts = []
    for part in ("train", "t10k"):
        names = [f"{part}-images{dot}idx3-ubyte" for dot in "-."]
        images = _first(folder, names)
        if images is not None:
            parts.append(read_images(images))
        elif part == "train":
            raise SpecError(str(folder), f"a folder with {names[0]}, as it is or with .gz", Words("a folder without it"))
    return parts


def read_images(path: Path) -> Part:
    """A file of images, and the file of their labels beside it."""
    images = _idx(path, 3)
    name = path.name.removesuffix(".gz").replace("images", "labels").replace("idx3", "idx1")
    swapped = name.replace(".idx1", "-idx1") if ".idx1" in name else name.replace("-idx1", ".idx1")
    labels = _first(path.parent, [name, swapped]) if "images" in path.name else None
    if labels is None:
        wanted = name if "images" in path.name else "train-labels-idx1-ubyte"
        hint = "" if "images" in path.name else "Name the images train-images-idx3-ubyte, as MNIST does."
        raise SpecError(str(path), f"its labels beside it, in {wanted}, as it is or with .gz", Words("none"), hint)
    return images, _idx(labels, 1)


def _first(folder: Path, names: list[str]) -> Path | None:
    """The first that exists, unpacked ones first."""
    return next((folder / (name + end) for end in ("", ".gz") for name in names if (folder / (name + end)).is_file()), None)


def _idx(path: Path, dims: int) -> np.ndarray:
    """The bytes of an IDX file, in as many dimensions."""
    size = path.stat().st_size
    packed = path.suffix == ".gz"
    try:
        with gzip.open(path) if packed else path.open("rb") as file:
            shape = _idx_shape(path, dims, file.read(4), file.read(4 * dims))
            count = prod(shape)
            room = min(size * DEFLATE, LARGEST) if packed else size
            content = file.read(count + 1) if count <= room else b""
    except (EOFError, zlib.error, gzip.BadGzipFile):
        raise SpecError(str(path), "a whole gzip file", Words("one that cannot be unpacked"), _AGAIN) from None
    sizes = " x ".join(f"{each:,}" for each in shape)
    if not count:
        raise SpecError(str(path), f"at least one of its {_KINDS[dims]}", Words(sizes))
    if len(content) != count:
        if count > room:
            got = f"a file of {size:,} bytes, which cannot hold them"
        else:
            got = "more" if len(content) > count else f"{len(content):,}"
        raise SpecError(str(path), f"{count:,} bytes after its header, for {sizes} {_KINDS[dims]}", Words(got), _AGAIN)
    return np.frombuffer(content, np.uint8).reshape(shape)


def _idx_shape(path: Path, dims: int, magic: bytes, sizes: bytes) -> tuple[int, ...]:
    expected = bytes([0, 0, 8, dims])  # two zeros, 8 for unsigned bytes, and the number of dimensions
    if magic != expected:
        got = Words(magic.hex(" ") or "an empty file")
        other = _KINDS.get(magic[3]) if magic[:3] == expected[:3] and len(magic) == 4 else None
        hint = f"This is a file of {other}." if other else "Give a file in the form of MNIST's, IDX, or an .npz file."
        raise SpecError(str(path), f"an IDX file of {_KINDS[dims]}, which begins with {expected.hex(' ')}", got, hint)
    if len(sizes) != 4 * dims:
        raise SpecError(str(path), f"an IDX header of {4 + 4 * dims} bytes", Words(f"{4 + len(sizes)} bytes"), _AGAIN)
    return struct.unpack(f">{dims}I", sizes)


# -- .npz ----------------------------------------------------------------------------------------------------------------------


def read_npz(path: Path) -> list[Part]:
    """The training part and, if it is there, the test part of an `.npz` file."""
    try:
        with zipfile.ZipFile(path) as archive:
            held = {name.removesuffix(".npy") for name in archive.namelist() if name.endswith(".npy")}
            pair = next((pair for pair in _PAIRS if held.issuperset(pair)), None)
            if pair is None:
                got = Words(", ".join(sorted(held)) or "an empty file")
                raise SpecError(str(path), "x_train and y_train, or images and labels, in it", got)
            parts = [pair]
            if len(held & {"x_test", "y_test"}) == 1:
                raise SpecError(str(path), "both of x_test and y_test, or neither", Words(*held & {"x_test", "y_test"}))
            if "x_test" in held:
                parts.append(("x_test", "y_test"))
            return [(_member(path, archive, images), _member(path, archive, labels)) for images, labels in parts]
    except SpecError:
        raise
    except (
        zipfile.BadZipFile,
        zlib.error,
        struct.error,
        EOFError,
        RuntimeError,
        ValueError,
    ):  # of zipfile
        raise SpecError(str(path), "a whole .npz file", Words("one that cannot be unpacked"), _AGAIN) from None


def _member(path: Path, archive: zipfile.ZipFile, name: str) -> np.ndarray:
    """One array of the archive, once its header has been found to agree with what is there."""
    info = archive.getinfo(f"{name}.npy")
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise SpecError(f"{path}: {name}", "an array stored or deflated, as NumPy does it", Words(f"compression {info.compress_type}"))
    room = min(info.file_size, info.compress_size * DEFLATE + 64, path.stat().st_size * DEFLATE, LARGEST)
    with archive.open(info) as file:
        shape, fortran, dtype = _npy_header(path, name, file)
        if dtype.kind not in "iuf" or not prod(shape):
            got = "pickled Python objects, which are not read" if dtype.hasobject else f"{dtype}, {shape}"
            raise SpecError(f"{path}: {name}", "an array of numbers, not empty", Words(got))
        needed = prod(shape) * dtype.itemsize
        content = file.read(needed + 1) if needed <= room else b""
    if len(content) != needed:
        got = Words(f"{len(content):,} bytes" if content else f"{info.file_size:,} bytes, which cannot hold them")
        raise SpecError(f"{path}: {name}", f"{needed:,} bytes for an array {shape}", got, _AGAIN)
    return np.frombuffer(content, dtype).reshape(shape, order="F" if fortran else "C")


def _npy_header(path: Path, name: str, file: Any) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    try:
        version = np.lib.format.read_magic(file)
        read = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}[version]
        with warnings.catch_warnings(action="ignore"):  # that it came from Python 2 does not matter here
            shape, fortran, dtype = read(file)
        negative = any(size < 0 for size in shape)
    except Exception:  # NumPy parses the header as Python: one made by hand raises MemoryError, SyntaxError, TokenError and more
        negative = True
    if negative:
        raise SpecError(f"{path}: {name}", "an array as NumPy stores it", Words("another header"), _AGAIN)
    return shape, fortran, dtype
