"""Data for experiments: what is in a file arrives, and a damaged or hostile one is refused with a sentence."""

import gzip
import io
import struct
import tracemalloc
import zipfile

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import lrcore as lr
from lrcore.experiment.data import Data, load

RANDOM = np.random.default_rng(0)
IMAGES = RANDOM.integers(0, 256, (6, 3, 2), np.uint8)
LABELS = np.array([0, 1, 2, 2, 1, 0], np.uint8)
FEWER = IMAGES[:2], LABELS[:2]


def idx(array, magic=8):
    return bytes([0, 0, magic, array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape) + array.tobytes()


def write_idx(folder, dot="-", packed=False, **parts):
    for part, (images, labels) in parts.items():
        for name, array in ((f"images{dot}idx3-ubyte", images), (f"labels{dot}idx1-ubyte", labels)):
            content = idx(array)
            (folder / f"{part}-{name}{'.gz' * packed}").write_bytes(gzip.compress(content, mtime=0) if packed else content)
    return folder / f"train-images{dot}idx3-ubyte{'.gz' * packed}"


def npz(**arrays):
    content = io.BytesIO()
    np.savez_compressed(content, **arrays)
    return content.getvalue()


def refusal(source, **arguments):
    with pytest.raises(lr.SpecError) as caught:
        load(source, **arguments)
    return str(caught.value)


# -- what arrives --------------------------------------------------------------------------------------------------------------


def test_digits_are_scikit_learns():
    from sklearn.datasets import load_digits

    data, theirs = load(), load_digits()
    assert (data.images == np.float32(theirs.data / 16)).all()
    assert (data.labels == theirs.target).all()
    assert (data.name, data.classes, data.images.dtype, data.labels.dtype) == ("digits", 10, np.float32, np.int64)


def test_only_digits_needs_scikit_learn(monkeypatch, tmp_path):
    monkeypatch.setitem(__import__("sys").modules, "sklearn.datasets", None)
    assert load(write_idx(tmp_path, train=(IMAGES, LABELS))).classes == 3
    with pytest.raises(ImportError) as caught:
        load("digits")
    assert str(caught.value) == (
        'The handwritten digits come with scikit-learn, which is not installed. Install it with pip install "lrcore[app]".'
    )


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("dot", ["-", "."])
def test_idx_files_hold_what_was_written(tmp_path, dot, packed):
    alone = load(write_idx(tmp_path, dot, packed, train=(IMAGES, LABELS), t10k=FEWER))
    folder = load(tmp_path)
    for data in (alone, folder):
        assert (data.images == IMAGES.reshape(6, 6) / np.float32(255)).all()
        assert (data.labels == LABELS).all()
        assert data.classes == 3
    assert alone.test is None
    assert (folder.test[0] == folder.images[:2]).all()
    assert (folder.test[1] == LABELS[:2]).all()


@pytest.mark.parametrize(
    "arrays",
    [
        {"x_train": IMAGES, "y_train": LABELS},
        {"images": IMAGES.reshape(6, 6), "labels": LABELS.astype(np.int64)},
        {"images": IMAGES.astype(np.int32)[..., None], "labels": LABELS.astype(">i4")},
        {"images": np.asfortranarray(IMAGES), "labels": LABELS},
        {"images": IMAGES / 255, "labels": LABELS},
        {"images": IMAGES / np.float32(255), "labels": LABELS, "more": np.array(["words"])},
    ],
)
def test_npz_files_hold_what_was_written(tmp_path, arrays):
    (path := tmp_path / "some.npz").write_bytes(npz(**arrays))
    data = load(path)
    assert (data.images == IMAGES.reshape(6, 6) / np.float32(255)).all()
    assert (data.labels == LABELS).all()
    assert (data.name, data.classes, data.test) == ("some.npz", 3, None)


def test_limit_takes_the_first_of_each_part(tmp_path):
    write_idx(tmp_path, train=(IMAGES, LABELS), t10k=FEWER)
    whole, part = load(tmp_path), load(tmp_path, limit=1)
    assert (part.images == whole.images[:1]).all()
    assert [len(each) for each in part.split()] == [1, 1, 1, 1]
    assert part.classes == 3
    assert "limit: expected an integer >= 1, got 0." in refusal("digits", limit=0)


# -- splits --------------------------------------------------------------------------------------------------------------------


@given(st.integers(2, 50), st.floats(0, 1, exclude_min=True, exclude_max=True) | st.integers(1, 49), st.integers(0, 5))
def test_a_split_shares_out_every_image_once(size, train, seed):
    data = Data("some", np.arange(size, dtype=np.float32)[:, None], np.arange(size), size)
    count = int(train * size + 0.5) if isinstance(train, float) else train
    if not 0 < count < size:
        with pytest.raises(lr.SpecError, match=r"^train: expected how many of the \d+ images to train on, .* Both parts need an image\.$"):
            data.split(train, seed)
        return
    split = data.split(train, seed)
    assert len(split.train_labels) == count
    assert sorted([*split.train_labels, *split.test_labels]) == list(range(size))
    assert (split.train_images[:, 0] == split.train_labels).all()
    assert (split.test_images[:, 0] == split.test_labels).all()
    assert all((one == other).all() for one, other in zip(split, data.split(train, seed), strict=True))


def test_seeds_split_differently():
    assert (load().split(0.8, 0).test_labels != load().split(0.8, 1).test_labels).any()


def test_the_test_part_is_kept_unless_a_split_is_asked_for(tmp_path):
    write_idx(tmp_path, train=(IMAGES, LABELS), t10k=FEWER)
    data = load(tmp_path)
    assert [len(part) for part in data.split()] == [6, 6, 2, 2]
    assert [len(part) for part in data.split(4)] == [4, 4, 2, 2]
    assert set(map(bytes, data.split(4).test_images)) <= set(map(bytes, data.images))
    assert [len(part) for part in load("digits").split()] == [1438, 1438, 359, 359]


@pytest.mark.parametrize("train", [0, 1.0, 0.0, 1797, -1, True, "half", float("nan")])
def test_a_split_that_means_nothing_is_refused(train):
    with pytest.raises(lr.SpecError, match="train: expected how many of the 1,797 images to train on, from 1 to 1,796, or a fraction"):
        load("digits").split(train)


# -- damaged files -------------------------------------------------------------------------------------------------------------


def test_a_file_cut_short_anywhere_is_refused(tmp_path):
    """Every length of every file: an image file, a label file, both packed, and an .npz."""
    for packed in (False, True):
        folder = tmp_path / f"packed{packed}"
        folder.mkdir()
        images = write_idx(folder, packed=packed, train=(IMAGES, LABELS))
        for path in folder.iterdir():
            content = path.read_bytes()
            for length in range(len(content)):
                path.write_bytes(content[:length])
                assert refusal(images).startswith(str(path))
            path.write_bytes(content)
    path, content = tmp_path / "some.npz", npz(images=IMAGES, labels=LABELS)
    for length in range(len(content)):
        path.write_bytes(content[:length])
        assert refusal(path).startswith(str(path))


@pytest.mark.parametrize("packed", [False, True])
def test_a_byte_too_many_is_refused(tmp_path, packed):
    path = write_idx(tmp_path, packed=packed, train=(IMAGES, LABELS))
    path.write_bytes(gzip.compress(idx(IMAGES) + b"!") if packed else idx(IMAGES) + b"!")
    assert refusal(path) == (
        f"{path}: expected 36 bytes after its header, for 6 x 3 x 2 images, got more. It was cut short or altered; download it again."
    )


@given(st.data())
def test_an_altered_file_gives_data_or_a_sentence(tmp_path_factory, data):
    """Bytes set at random, in headers mostly: never another exception, never a warning."""
    folder = tmp_path_factory.mktemp("altered")
    kind = data.draw(st.sampled_from(["idx", "gz", "npz", "stored"]))
    if kind in ("npz", "stored"):
        source = target = folder / "some.npz"
        (np.savez if kind == "stored" else np.savez_compressed)(source, images=IMAGES, labels=LABELS)
    else:
        source = write_idx(folder, packed=kind == "gz", train=(IMAGES, LABELS))
        target = data.draw(st.sampled_from(sorted(folder.iterdir())))
    content = bytearray(target.read_bytes())
    for place in data.draw(st.lists(st.integers(0, len(content) - 1), min_size=1, max_size=4)):
        content[place] = data.draw(st.integers(0, 255))
    target.write_bytes(content)
    try:
        found = load(source)
    except lr.SpecError as error:
        said = str(error)
    else:
        said = str(source)
        assert len(found.images) == len(found.labels)
        assert 0 <= found.images.min() <= found.images.max() <= 1
        assert 0 <= found.labels.min() <= found.labels.max() < found.classes
    assert said.startswith(str(folder))


@pytest.mark.parametrize(
    ("images", "labels", "sentence"),
    [
        (idx(IMAGES), idx(LABELS[:5]), "expected a label for each of the 6 images, got labels (5)."),
        (
            idx(LABELS),
            idx(LABELS),
            "expected an IDX file of images, which begins with 00 00 08 03, got 00 00 08 01. This is a file of labels.",
        ),
        (
            b"\x89PNG" + bytes(20),
            idx(LABELS),
            "expected an IDX file of images, which begins with 00 00 08 03, got 89 50 4e 47. Give a file in the form of MNIST's, IDX, or "
            "an .npz file.",
        ),
        (b"", idx(LABELS), "expected an IDX file of images, which begins with 00 00 08 03, got an empty file. Give a file in"),
        (idx(IMAGES[:0]), idx(LABELS[:0]), "expected at least one of its images, got 0 x 3 x 2."),
        (idx(IMAGES), idx(LABELS * 0), "expected labels of at least two classes, got 0 alone."),
    ],
)
def test_what_does_not_fit_is_said(tmp_path, images, labels, sentence):
    path = write_idx(tmp_path, train=(IMAGES, LABELS))
    path.write_bytes(images)
    (tmp_path / "train-labels-idx1-ubyte").write_bytes(labels)
    assert refusal(path).startswith(f"{path}: {sentence}")


@pytest.mark.parametrize(
    ("arrays", "sentence"),
    [
        ({"x": IMAGES}, "expected x_train and y_train, or images and labels, in it, got x."),
        ({"x_train": IMAGES, "y_train": LABELS, "x_test": IMAGES}, "expected both of x_test and y_test, or neither, got x_test."),
        ({"images": IMAGES, "labels": LABELS.astype(int) - 1}, "expected labels from 0 to 999, got -1."),
        ({"images": IMAGES, "labels": LABELS.astype(int) * 10**9}, "expected labels from 0 to 999, got 2000000000."),
        ({"images": IMAGES, "labels": LABELS / 2}, "expected labels that are integers, got float64."),
        ({"images": IMAGES, "labels": np.eye(6)}, "expected a label for each of the 6 images, got labels (6, 6)."),
        ({"images": LABELS, "labels": LABELS}, "expected images as an array (images, height, width), got an array (6)."),
        ({"images": IMAGES.astype(int) - 300, "labels": LABELS}, "expected images from 0 to 255 in int64, got -"),
        ({"images": IMAGES.astype(float), "labels": LABELS}, "expected images from 0 to 1 in float64, got 2"),
        ({"images": IMAGES * np.nan, "labels": LABELS}, "expected images from 0 to 1 in float64, got nan."),
        ({"images": np.zeros((2, 2**21), np.uint8), "labels": LABELS[:2]}, "expected images of at most 1,048,576 pixels, got 2097152."),
        (
            {"x_train": IMAGES, "y_train": LABELS, "x_test": IMAGES, "y_test": LABELS + 1},
            "expected labels below 3 in the test part, as in the training part, got 3.",
        ),
        (
            {"x_train": IMAGES, "y_train": LABELS, "x_test": IMAGES[:, 1:], "y_test": LABELS},
            "expected test images of 6 pixels, as those to train on, got 4.",
        ),
    ],
)
def test_what_an_npz_holds_is_checked(tmp_path, arrays, sentence):
    (path := tmp_path / "some.npz").write_bytes(npz(**arrays))
    assert refusal(path).startswith(f"{path}: {sentence}")


class Bomb:
    """What a pickle would run."""

    def __reduce__(self):
        return (exec, ("raise SystemExit('a pickle was run')",))


def test_pickles_are_not_run(tmp_path):
    (path := tmp_path / "some.npz").write_bytes(npz(images=np.array([Bomb()], object), labels=LABELS))
    assert refusal(path) == f"{path}: images: expected an array of numbers, not empty, got pickled Python objects, which are not read."


# -- headers that promise more than there is -----------------------------------------------------------------------------------


def hostile_npz(header):
    """An archive whose images are this header alone."""
    content = io.BytesIO(npz(labels=LABELS))
    with zipfile.ZipFile(content, "a") as archive:
        archive.writestr("images.npy", b"\x93NUMPY\x01\0" + struct.pack("<H", len(header)) + header.encode())
    return content.getvalue()


@pytest.mark.parametrize("shape", [(2**32 - 1,) * 3, (60_000, 28, 28), (1, 2**16, 2**14)])
@pytest.mark.parametrize("kind", ["idx", "gz", "npz"])
def test_a_header_allocates_nothing(tmp_path, kind, shape):
    header = bytes([0, 0, 8, 3]) + struct.pack(">3I", *shape)
    path = write_idx(tmp_path, packed=kind == "gz", train=(IMAGES, LABELS))
    path.write_bytes(gzip.compress(header) if kind == "gz" else header)
    if kind == "npz":
        (path := tmp_path / "some.npz").write_bytes(hostile_npz(str({"descr": "<f8", "fortran_order": False, "shape": shape})))
    tracemalloc.start()
    said = refusal(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert "bytes" in said
    assert "which cannot hold them" in said
    assert peak < 2**21


@pytest.mark.parametrize(
    "header", ["-" * 9_000 + "1", "(" * 9_000, "1 is 1", "1" * 5_000, "\0", "{'descr': ',', 'fortran_order': False, 'shape': (1,)}"]
)
def test_a_header_that_is_python_is_refused(tmp_path, header):
    (path := tmp_path / "some.npz").write_bytes(hostile_npz(header))
    assert refusal(path) == (
        f"{path}: images: expected an array as NumPy stores it, got another header. It was cut short or altered; download it again."
    )


def test_paths_that_lead_nowhere_are_said(tmp_path):
    nowhere = tmp_path / "no.npz"
    assert refusal(nowhere) == f'{nowhere}: expected a file or folder of images, or "digits", got nothing there.'
    assert refusal("") == "data: expected \"digits\" or the path of a file, got ''."
    assert refusal(7) == 'data: expected "digits" or the path of a file, got 7.'
    assert (
        refusal(tmp_path) == f"{tmp_path}: expected a folder with train-images-idx3-ubyte, as it is or with .gz, got a folder without it."
    )
    path = write_idx(tmp_path, train=(IMAGES, LABELS))
    (tmp_path / "train-labels-idx1-ubyte").unlink()
    assert refusal(path) == f"{path}: expected its labels beside it, in train-labels-idx1-ubyte, as it is or with .gz, got none."
    path = path.rename(tmp_path / "pictures")
    assert refusal(path).endswith("got none. Name the images train-images-idx3-ubyte, as MNIST does.")
