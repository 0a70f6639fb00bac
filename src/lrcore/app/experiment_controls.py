"""The controls of the Experiment page: what is chosen, and under each control what is wrong with it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib.util import find_spec
from pathlib import Path
from shutil import rmtree
from tempfile import mkdtemp
from typing import Any
from weakref import finalize

import streamlit as st

from ..experiment import BACKENDS, NAMED, PLATFORM, SOLVERS
from ..experiment.setup import ARTICLE_LIMIT
from .canvas import Canvas
from .experiment_choices import LENGTHS, Choices, Prepared, plain, prepared

DIGITS, PATH, UPLOAD = "Digits", "MNIST file", "Upload"
NAMES_OF_SOLVERS = {"sgd": "SGD", "momentum": "Momentum", "adam": "Adam", "adamw": "AdamW"}
NAMES_OF_BACKENDS = {"torch": "PyTorch", "keras": "Keras"}
NO_BACKEND = 'Models are trained with PyTorch or Keras, and neither is installed. Install one with pip install "lrcore[torch]".'


def installed() -> list[str]:
    """The frameworks there are to train with."""
    return [name for name in BACKENDS if find_spec(name)]


class Upload:
    """Files in a folder that is gone when the session is; experiments on them may be repeated until then."""

    def __init__(self, files: Sequence[Any]) -> None:
        self.folder = Path(mkdtemp(prefix="lrcore-"), UPLOAD.lower())
        self.folder.mkdir()
        finalize(self, rmtree, self.folder.parent, ignore_errors=True)
        for file in files:
            (self.folder / Path(file.name).name).write_bytes(file.getbuffer())


class Controls:
    """Places for sentences, one under each control, which are filled when all controls have been read."""

    def __init__(self) -> None:
        self._under: dict[str, Any] = {}

    def under(self, *names: str) -> None:
        """Leave room under the control that was just shown."""
        for name in names:
            self._under[name] = st.container(gap=None)

    def refuse(self, refusals: dict[str, str]) -> None:
        """Show every sentence where it belongs; what has no control stands last."""
        for name, sentence in refusals.items():
            self._under.get(name, st.container()).error(plain(sentence), icon=":material/error:")


def controls(canvas: Canvas) -> Prepared:
    """Show them, and give what they mean."""
    places = Controls()
    with st.container(key="controls"):
        data, folder = _data(places)
        train, limit = _sizes(places, data)
        first = SOLVERS.index(Choices().solver)
        solver, rate = _pair(
            lambda: _select("Solver", SOLVERS, "solver", NAMES_OF_SOLVERS, index=first, help="Momentum is SGD with a momentum of 0.9."),
            lambda: _number_or_none(
                "Base rate", "rate", Choices().rate, step=0.01, format="%g", placeholder="as written",
                help="Every schedule is scaled to this peak; empty leaves them as they are written. Adam wants far less than SGD, "
                "such as 0.001.",
            ),
        )  # fmt: skip
        places.under("solver", "rate")
        batch, hidden = _pair(
            lambda: _number("Batch", "batch", 32, help="Images of an update."),
            lambda: _number("Hidden units", "hidden", 128, help="Units of the model's hidden layer."),
        )
        places.under("batch", "hidden")
        epochs, seeds = _pair(
            lambda: _number("Epochs", "epochs", Choices().epochs, help="How often every image is seen."),
            lambda: _number("Seeds", "seeds", Choices().seeds, help="Runs of each schedule, each from other first weights."),
        )  # fmt: skip
        places.under("epochs", "seeds")
        named = st.multiselect(
            "Schedules", list(NAMED), default=list(PLATFORM), key="experiment-named", persist_state="session",
            help="Those of tutorials and training platforms, one value for each epoch. Plateau lowers its rate when the test loss has not "
            "improved for a tenth of the epochs.",
        )  # fmt: skip
        places.under("named")
        chosen, lengths = _from_canvas(canvas)
        places.under("canvas")
        backend = _backend()
        places.under("backend")
    choices = Choices(
        data=data, train=train, hidden=hidden, solver=solver, rate=rate, batch=batch, epochs=epochs, seeds=seeds,
        backend=backend or "torch", limit=limit, named=tuple(named), canvas=chosen, lengths=lengths,
    )  # fmt: skip
    with st.spinner("Reading the data"):
        found = prepared(choices)
    if backend is None:
        found.refusals["backend"] = NO_BACKEND
    if folder:  # nobody knows where an upload lies
        found.refusals.update({name: sentence.replace(folder, "") for name, sentence in found.refusals.items()})
    places.refuse(found.refusals)
    return found


# -- data ----------------------------------------------------------------------------------------------------------------------


def _data(places: Controls) -> tuple[str | None, str]:
    """The data as Setup takes them, None where nothing was given yet; and the folder of an upload."""
    source = st.segmented_control(
        "Data", [DIGITS, PATH, UPLOAD], default=DIGITS, required=True, key="experiment-source", persist_state="session", width="stretch",
        help="scikit-learn's 1,797 handwritten digits; or MNIST, or other pictures in its form: IDX files or .npz.",
    )  # fmt: skip
    data: str | None = "digits"
    folder = ""
    if source == PATH:
        data = st.text_input(
            "Path", key="experiment-path", placeholder="mnist.npz", persist_state="session",
            help="An .npz file, a folder with MNIST's four files, or the file of images alone with that of its labels beside it.",
        ).strip() or None  # fmt: skip
    elif source == UPLOAD:
        files = st.file_uploader(
            "Files", accept_multiple_files=True, key="experiment-files",
            help="One .npz, or train-images-idx3-ubyte and train-labels-idx1-ubyte, and the two of t10k to test on; also with .gz.",
        )  # fmt: skip
        data, folder = _uploaded(files or [])
    places.under("data")
    return data, folder


def _uploaded(files: Sequence[Any]) -> tuple[str | None, str]:
    """The path of what was uploaded, in a folder that goes with the session."""
    if not files:
        return None, ""
    kept = st.session_state.setdefault("experiment-uploads", {})
    known = tuple(file.file_id for file in files)
    if known not in kept:
        kept[known] = Upload(files)
    names = [Path(file.name).name for file in files]
    single = next((name for name in names if name.endswith(".npz")), None)
    return str(kept[known].folder / single if single else kept[known].folder), f"{kept[known].folder.parent}/"


def _sizes(places: Controls, data: str | None) -> tuple[str, float | None]:
    """What of the data is read and trained on."""
    own = st.session_state.get("experiment-source", DIGITS) != DIGITS

    def asked() -> str:
        return st.text_input(
            "Train on", key="experiment-train", placeholder="its own part, or 0.8" if own else "0.8", persist_state="session",
            help="How many images, or which fraction of them; the model is tested on the others.",
        )  # fmt: skip

    if own:
        told = "The first so many images of each part; empty for all."
        train, limit = _pair(asked, lambda: _number_or_none("Images read", "limit", ARTICLE_LIMIT, step=1, placeholder="all", help=told))
    else:
        train, limit = asked(), ARTICLE_LIMIT
    places.under("train", "limit")
    return train, limit


# -- the rest ------------------------------------------------------------------------------------------------------------------


def _from_canvas(canvas: Canvas) -> tuple[Canvas, str]:
    """The canvas with what is wanted of it: what is shown there, or nothing; and what its lengths are here."""
    shown = tuple(item for item in canvas.items if not item.hidden)
    wanted = st.toggle(
        "Also those on the canvas", value=True, key="experiment-canvas", persist_state="session", disabled=not shown,
        help="The schedules of the Schedules page that are not hidden there.",
    )  # fmt: skip
    if not (wanted and shown):
        return Canvas(), "run"
    names = ", ".join(item.name for item in shown)
    label = f"Lengths of {names}" if len(names) < 40 else f"Lengths of these {len(shown)}"
    told = "Over the whole run: all that the canvas shows, from left to right. In updates or epochs: as much of it as the run has."
    lengths = _select(label, list(LENGTHS), "lengths", LENGTHS, help=told)
    return canvas.but(items=shown), lengths


def _backend() -> str | None:
    known = installed()
    if not known:
        return None
    if len(known) == 1:
        return known[0]
    return st.segmented_control(
        "Framework", known, default=known[0], required=True, format_func=lambda name: NAMES_OF_BACKENDS[name], key="experiment-backend",
        persist_state="session", width="stretch",
    )  # fmt: skip


def _pair(left: Callable[[], Any], right: Callable[[], Any]) -> tuple[Any, Any]:
    """Two controls side by side."""
    one, other = st.columns(2, gap="small", wrap=False)
    with one:
        first = left()
    with other:
        return first, right()


def _number(label: str, name: str, value: float | None, **options: Any) -> Any:
    return st.number_input(label, value=value, key=f"experiment-{name}", persist_state="session", **options)


def _number_or_none(label: str, name: str, value: float | None, **options: Any) -> Any:
    """A field for a number that can be emptied, which one that is made with a value cannot."""
    key = f"experiment-{name}"
    if key not in st.session_state:
        st.session_state[key] = value
    return _number(label, name, None, **options)


def _select(label: str, options: Sequence[str], name: str, words: dict[str, str], **more: Any) -> Any:
    return st.selectbox(label, options, format_func=lambda name: words[name], key=f"experiment-{name}", persist_state="session", **more)
