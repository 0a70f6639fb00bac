"""Train on a device with every framework that is there, and tell what schedules cost and whether their rates are right.

Every backend runs in a process of its own. A framework that is missing, or has no such device, is a row that says so; a wrong rate,
or any other error, ends the command, and nothing is written.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from tqdm import tqdm

from .rows import NotRunError, Row

BACKENDS = {  # where their rows come from, and what must be installed
    "torch": ("torch_train", ["torch"]),
    "keras-torch": ("keras_train", ["keras", "torch"]),
    "keras-jax": ("keras_train", ["keras", "jax"]),
    "keras-tensorflow": ("keras_train", ["keras", "tensorflow"]),
    "jax": ("jax_train", ["jax", "optax"]),
    "numpy": ("numpy_train", ["numpy"]),
}
PACKAGES = ("torch", "keras", "tensorflow", "tensorflow-cpu", "jax", "jaxlib", "optax", "cupy-cuda12x", "cupy-cuda13x", "cupy", "numpy")
ROOT = Path(__file__).parents[2]
RESULTS = ROOT / "benchmarks" / "results" / "train"  # its own folder: what lies in results/ itself is rendered by `make bench`


def main(arguments: list[str] | None = None) -> int:
    """The command; 0, or 1 if a backend failed. `arguments` are sys.argv's if None."""
    options = parsed(arguments)
    if options.worker:
        return work(options.backend, options.device, options.short)
    from . import report

    chosen = list(BACKENDS) if options.backend == "all" else [options.backend]
    rows: list[dict[str, Any]] = []
    with tqdm(chosen, unit=" backends") as bar:
        for backend in bar:
            bar.set_description(backend)
            try:
                for row in run(backend, options.device, options.short):
                    rows.append(row)
                    bar.set_postfix_str(f"{len(rows)} rows", refresh=True)
            except subprocess.CalledProcessError as error:
                bar.close()
                print(f"{error.stderr}\n{backend}: the training failed, see above; nothing was written.", file=sys.stderr)
                return 1
    machine = described(options.device)
    out = options.out or (Path(tempfile.mkdtemp(prefix="train-")) if options.short else RESULTS)
    path = out / f"train-{re.sub(r'[^A-Za-z0-9_.-]+', '-', machine['device'])}.json"
    if options.into and path.exists():
        rows = [row for row in json.loads(path.read_text())["rows"] if row["backend"] not in chosen] + rows
    order = list(BACKENDS)
    result = {"machine": machine, "short": options.short, "rows": sorted(rows, key=lambda row: order.index(row["backend"]))}
    out.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(result, indent=1, ensure_ascii=False) + "\n")
    text = report.render(result)
    path.with_suffix(".md").write_text(text)
    report.draw(result, path.with_suffix(".png"))
    print(text)
    print("Written:", *sorted(map(str, out.glob(f"{path.stem}.*"))), file=sys.stderr)
    return 0


def parsed(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser("python -m benchmarks.train", description=__doc__)
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu", help="where to train; cpu if it is left out")
    parser.add_argument("--backend", choices=(*BACKENDS, "all"), default="all", help="one of them, or all")
    parser.add_argument("--short", action="store_true", help="a short run: is everything right? Its times mean little")
    parser.add_argument(
        "--out", type=Path, metavar="DIR", help="where the files go; benchmarks/results/train, or if short a temporary directory"
    )
    parser.add_argument("--into", action="store_true", help="keep the stored rows of the backends that are not run this time")
    parser.add_argument("--worker", action="store_true", help=argparse.SUPPRESS)
    return parser.parse_args(arguments)


def run(backend: str, device: str, short: bool) -> Iterator[dict[str, Any]]:
    """The rows of a backend, from a process of its own, as they come.

    Raises CalledProcessError, with all that the process said, if it failed.
    """
    environment = os.environ | {
        "JAX_PLATFORMS": "cpu" if device == "cpu" else "cuda,cpu",
        "TF_CPP_MIN_LOG_LEVEL": "3",
        "XLA_PYTHON_CLIENT_PREALLOCATE": "false",
    }
    if backend.startswith("keras-"):
        environment["KERAS_BACKEND"] = backend.removeprefix("keras-")
    if device == "cpu":
        environment["CUDA_VISIBLE_DEVICES"] = ""
    command = [sys.executable, "-m", "benchmarks.train", "--worker", "--backend", backend, "--device", device, *["--short"] * short]
    with (
        tempfile.TemporaryFile("w+", errors="replace") as said,
        subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=said, text=True) as worker,
    ):
        assert worker.stdout is not None
        try:
            for line in worker.stdout:
                yield json.loads(line)
        except BaseException:  # nobody listens any more
            worker.kill()
            raise
        if worker.wait():
            said.seek(0)
            raise subprocess.CalledProcessError(worker.returncode, command, stderr=said.read())


def work(backend: str, device: str, short: bool) -> int:
    """The rows of a backend in this process, a line of JSON each on stdout; what frameworks print goes to stderr."""
    told = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    with told:
        for row in rows_of(backend, device, short):
            print(json.dumps(asdict(row)), file=told, flush=True)
    return 0


def rows_of(backend: str, device: str, short: bool) -> Iterator[Row]:
    """The rows of a backend, or one that says why there are none."""
    module, needed = BACKENDS[backend]
    absent = [name for name in needed if find_spec(name) is None]
    try:
        if absent:
            raise NotRunError(f"Not installed here: {', '.join(absent)}.")
        yield from import_module(f".{module}", __package__).rows(device, short)
    except NotRunError as error:
        yield Row(backend=backend, model="mlp", step="", groups=1, schedule="all", reason=str(error))


def described(device: str) -> dict[str, Any]:
    """The machine, the device's name, and the versions of the frameworks."""
    from ..machine import describe

    machine = describe()
    for package in PACKAGES:
        with suppress(PackageNotFoundError):
            machine["versions"][package] = version(package)
    return machine | {"device": cuda_name() if device == "cuda" else machine["name"]}


def cuda_name() -> str:
    """What the driver calls the first CUDA device."""
    try:
        told = subprocess.run(["nvidia-smi", "--query-gpu=name", "--format=csv,noheader"], capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return "no CUDA device"
    return told.stdout.splitlines()[0].strip()


if __name__ == "__main__":
    sys.exit(main())
