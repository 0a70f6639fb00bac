"""Tables on disk: a `.npy` file, a JSON sidecar, and the order in which they appear.

`run.npy` holds a NumPy header, the rows in C order, and then 32 bytes NumPy does not read: the SHA-256 of its sidecar. The
sidecar `run.npy.json` says what the rows are (plan, groups, first step) and has their SHA-256. So either file of a pair
names the other, and whatever is cut short, altered or mixed up shows.

Two files cannot be renamed at once, so a new pair appears in three renames, each of which leaves one whole pair:
the sidecar to `run.npy.json.new` (beside the old pair), the data to `run.npy` (whose sidecar is now the `.new` one, which
`open_table` looks at too), the sidecar to `run.npy.json`. Until then all is written under temporary names; those of a
killed writer are removed by the next one.
"""

from __future__ import annotations

import fcntl
import hashlib
import io
import mmap
import os
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from .checks import whole
from .document import FORMAT, decode
from .errors import LrcoreError, TableError
from .plan import BoundPlan, Plan
from .table import Table

_SEAL = 32
"""Bytes behind the rows: the SHA-256 of the sidecar."""

_BUFFERS = 32 * 2**20
_BUFFER = 2 * 2**20
"""Bytes of all buffers and of one: memory stays bounded whatever the table, and a block stays in the cache until it is written."""

_ABANDONED = 60.0
"""Seconds after which a temporary file that nobody locks is taken for a killed writer's."""


class _Rows(msgspec.Struct, forbid_unknown_fields=True):
    """Which rows the file holds: row i is step start + i * stride."""

    count: int
    start: int
    stride: int
    dtype: str
    names: list[str]
    columns: list[tuple[str, str]]


class _Sidecar(msgspec.Struct, forbid_unknown_fields=True):
    lrcore: int
    digest: str
    fingerprint: str
    rows: _Rows
    plan: Plan


# -- writing -----------------------------------------------------------------------------------------------------------


def save_table(table: Table, path: str | os.PathLike[str], progress: Callable[[int], object] | None, threads: int | None) -> None:
    """Write a table and its sidecar; see `Table.save`."""
    target = Path(os.path.abspath(path))
    if target.is_dir():
        raise TableError(f"{target} is a directory. Give the name of a file in it, such as {target / 'table.npy'}.")
    workers = min(len(os.sched_getaffinity(0)), 4) if threads is None else whole(threads, "threads", low=1)
    _remove_abandoned(target)
    try:
        with _temporary(target) as (data, data_path), _temporary(target) as (side, side_path):
            header = _header(table.shape, table.dtype)
            _write(data, 0, header)
            digest = _write_rows(table, data, len(header), progress, workers)
            text = _sidecar(table, digest)
            seal = hashlib.sha256(text).digest()
            _write(data, len(header) + table.nbytes, seal)
            _write(side, 0, text)
            os.fsync(data)
            os.fsync(side)
            if not _read_back(table, data, header, seal):
                raise TableError(f"What was written for {target} does not read back the same, so nothing was changed. Check the disk.")
            _commit(data_path, side_path, target)
    except OSError as error:
        cause = error.strerror or error
        raise TableError(f"The table could not be written to {target}: {cause}. What was there before is unchanged.") from error


def _sidecar(table: Table, digest: str) -> bytes:
    bound = table.bound
    rows = _Rows(len(table), table.start, table.stride, table.dtype.name, list(bound.names), list(bound.columns))
    sidecar = _Sidecar(FORMAT, digest, bound.plan.fingerprint, rows, bound.plan)
    lines = [f'"{field}": {msgspec.json.encode(getattr(sidecar, field)).decode()}' for field in sidecar.__struct_fields__]
    return ("{\n" + ",\n".join(lines) + "\n}\n").encode()


def _header(shape: tuple[int, int], dtype: np.dtype[Any]) -> bytes:
    buffer = io.BytesIO()
    np.lib.format.write_array_header_1_0(buffer, {"descr": np.lib.format.dtype_to_descr(dtype), "fortran_order": False, "shape": shape})
    return buffer.getvalue()


def _write(file: int, place: int, content: Any) -> None:
    """All of the content at a place of the file; one call may write less than it was given."""
    view = memoryview(content).cast("B")
    while view:
        done = os.pwrite(file, view, place)
        view, place = view[done:], place + done


def _write_rows(table: Table, file: int, place: int, progress: Callable[[int], object] | None, threads: int) -> str:
    """Compute and write blocks in `threads` threads while this one digests them in order; returns the digest."""
    width = max(table.shape[1] * table.dtype.itemsize, 1)
    rows = max(_BUFFER // width, 1)
    blocks = range(0, len(table), rows)
    buffers = max(min(threads + 2, _BUFFERS // (rows * width), len(blocks)), 1)
    room = [np.empty((rows, table.shape[1]), table.dtype) for _ in range(buffers)] if blocks else []
    sha = hashlib.sha256()

    def make(i: int) -> np.ndarray:
        block = room[i % buffers][: len(table) - blocks[i]]
        table.fill(blocks[i], block)
        _write(file, place + blocks[i] * width, block)
        os.posix_fadvise(file, place + blocks[i] * width, block.nbytes, os.POSIX_FADV_DONTNEED)
        return block

    with ThreadPoolExecutor(threads, "lrcore-save") as pool:
        waiting: list[Future[np.ndarray]] = [pool.submit(make, i) for i in range(min(buffers, len(blocks)))]
        try:
            for i in range(len(blocks)):
                block = waiting[i % buffers].result()
                sha.update(block.data)
                if i + buffers < len(blocks):
                    waiting[i % buffers] = pool.submit(make, i + buffers)
                if progress is not None:
                    progress(len(block))
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise
    return sha.hexdigest()


def _read_back(table: Table, file: int, header: bytes, seal: bytes) -> bool:
    """Whether the file gives back its frame, and rows spread over it, as they were meant."""
    width = table.shape[1] * table.dtype.itemsize
    end = len(header) + table.nbytes
    if os.fstat(file).st_size != end + _SEAL or os.pread(file, len(header), 0) != header or os.pread(file, _SEAL, end) != seal:
        return False
    count = min(len(table), max(_BUFFER // max(width, 1), 2), 256)
    chosen = np.linspace(0, len(table) - 1, count).astype(np.int64)
    stored = b"".join(os.pread(file, width, len(header) + int(i) * width) for i in chosen)
    return stored == table.rows(chosen).tobytes()


def _commit(data: Path, side: Path, target: Path) -> None:
    """Three renames, each leaving one whole pair; the lock keeps two writers of one table from mixing theirs."""
    directory = os.open(target.parent, os.O_RDONLY)
    try:
        fcntl.flock(directory, fcntl.LOCK_EX)
        os.replace(side, _side(target, ".json.new"))
        os.replace(data, target)
        os.replace(_side(target, ".json.new"), _side(target))
        os.fsync(directory)
    finally:
        os.close(directory)


def _side(target: Path, suffix: str = ".json") -> Path:
    return target.with_name(target.name + suffix)


@contextmanager
def _temporary(target: Path) -> Iterator[tuple[int, Path]]:
    """A new locked file beside the target, gone at the end unless it was renamed."""
    path = target.with_name(f".{target.name}.{os.urandom(6).hex()}.tmp")
    file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
    try:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield file, path
    finally:
        os.close(file)
        with suppress(FileNotFoundError):
            path.unlink()


def _remove_abandoned(target: Path) -> None:
    for path in target.parent.glob(f".{_escaped(target.name)}.*.tmp"):
        with suppress(OSError):  # locked by a writer that lives, or already gone
            if time.time() - path.stat().st_mtime > _ABANDONED:
                with open(path, "rb") as file:
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    path.unlink()


def _escaped(name: str) -> str:
    return "".join(f"[{letter}]" if letter in "*?[" else letter for letter in name)


# -- opening -----------------------------------------------------------------------------------------------------------


class _Stored:
    """Rows read from a mapped file, found by the step they belong to."""

    def __init__(self, content: mmap.mmap, rows: _Rows) -> None:
        self._content, self._start, self._stride = content, rows.start, rows.stride
        dtype, width = np.dtype(rows.dtype), len(rows.columns)
        self._origin = len(content) - _SEAL - rows.count * width * dtype.itemsize
        self._array = np.frombuffer(content, dtype, rows.count * width, self._origin).reshape(rows.count, width)

    def view(self, first: int, count: int, stride: int) -> np.ndarray:
        begin, step = (first - self._start) // self._stride, stride // self._stride
        end = begin + (count - 1) * step + 1 if count else begin
        return self._array[begin:end:step]

    def block(
        self, first: int, count: int, stride: int, dtype: Any, out: np.ndarray | None = None, threads: int | None = None
    ) -> np.ndarray:  # fmt: skip
        rows = self.view(first, count, stride)
        if out is None:
            return rows.astype(dtype)
        out[...] = rows
        if out.nbytes >= mmap.PAGESIZE:  # pages that were copied need not stay mapped: reading it all takes no more memory than a part
            self._content.madvise(mmap.MADV_DONTNEED)  # all of them, since the system maps neighbours of what is read too
        return out

    def at(self, steps: np.ndarray, dtype: Any) -> np.ndarray:
        rows: np.ndarray = self._array[(steps - self._start) // self._stride]
        return rows.astype(dtype, copy=False)

    def row(self, step: int, out: np.ndarray | None) -> np.ndarray:
        row: np.ndarray = self.view(step, 1, self._stride)[0]
        if out is None:
            return row.copy()
        out[...] = row
        return out

    def column(self, j: int, first: int, count: int, stride: int, dtype: Any) -> np.ndarray:
        return self.view(first, count, stride)[:, j].astype(dtype)


class StoredTable(Table):
    """A table read from a file, mapped into memory; made by `lr.open_table`. `numpy.asarray` of it is the mapping, read-only."""

    def __init__(self, path: Path, content: mmap.mmap, sidecar: _Sidecar, bound: BoundPlan) -> None:
        rows = sidecar.rows
        super().__init__(_Stored(content, rows), bound, rows.count, rows.start, rows.stride, np.dtype(rows.dtype))
        self.path, self._recorded = path, sidecar.digest

    def verify(self) -> None:
        """Read every row and compare their SHA-256 with the one recorded when the file was written; bounded memory.

        Raises TableError if they differ.
        """
        if self.digest() != self._recorded:
            sentence = "were altered after they were written: their SHA-256 is not the recorded one"
            raise TableError(f"The values in {self.path} {sentence}. {_AGAIN}")


def read_table(path: str | os.PathLike[str], plan: Plan | None) -> StoredTable:
    """The table in a file; see `table.open_table`."""
    target = Path(os.path.abspath(path))
    seen, (content, text) = _identity(target), _pair(target)
    while text is None and seen != (now := _identity(target)):  # a writer put a new pair in place between two looks
        seen, (content, text) = now, _pair(target)
    if text is None:
        raise _no_pair(target, content)
    sidecar = _read_sidecar(target, text)
    rows = sidecar.rows
    header = _header((rows.count, len(rows.columns)), np.dtype(rows.dtype))
    if content[: len(header)] != header:
        wanted = f"{rows.count:,} rows x {len(rows.columns):,} columns of {rows.dtype}"
        raise TableError(f"The header of {target} was altered: it does not say {wanted}. {_AGAIN}")
    if len(content) != len(header) + rows.count * len(rows.columns) * np.dtype(rows.dtype).itemsize + _SEAL:
        raise TableError(f"{target} is not as long as its header says. {_AGAIN}")
    if plan is not None and plan.fingerprint != sidecar.fingerprint:
        difference = sidecar.plan.diff(plan).text(12)
        raise TableError(
            f"{target} holds the table of another plan.\n{difference}\nWrite the table of this plan, or open the file without one."
        )
    return StoredTable(target, content, sidecar, sidecar.plan.bind(rows.names))


_AGAIN = "Write the table again."


def _identity(target: Path) -> tuple[int, int] | None:
    try:
        status = target.stat()
    except OSError:
        return None
    return status.st_ino, status.st_mtime_ns


def _map(path: Path) -> mmap.mmap:
    with open(path, "rb") as file:
        return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)


def _pair(target: Path) -> tuple[mmap.mmap, bytes | None]:
    """The data, mapped, and the sidecar it names; None for a sidecar that is not there."""
    try:
        content = _map(target)
    except FileNotFoundError:
        raise TableError(f"There is no file {target}. Write one with table.save(path).") from None
    except ValueError:  # a mapping of nothing
        raise TableError(f"{target} is empty. {_AGAIN}") from None
    except OSError as error:
        raise TableError(f"{target} cannot be opened: {error.strerror}.") from error
    for suffix in (".json", ".json.new", ".json"):  # the first again: a writer may just have renamed the second to it
        with suppress(FileNotFoundError):
            text = _side(target, suffix).read_bytes()
            if hashlib.sha256(text).digest() == content[-_SEAL:]:
                return content, text
    return content, None


def _no_pair(target: Path, content: mmap.mmap) -> TableError:
    """Why no sidecar belongs to the data, as far as it can be told."""
    side = _side(target)
    if not side.exists():
        return TableError(f"{target} has no sidecar {side.name} beside it, which says what its rows are. Put it back, or write it again.")
    try:
        magic = io.BytesIO(content[:4096])
        version = np.lib.format.read_magic(magic)
        shape, _, dtype = np.lib.format.read_array_header_1_0(magic) if version == (1, 0) else ((), False, np.dtype("V1"))
    except ValueError:
        return TableError(f"{target} is no .npy file, or its header was altered. {_AGAIN}")
    size = magic.tell() + int(np.prod(shape, dtype=object)) * dtype.itemsize + _SEAL
    if len(content) < size:
        return TableError(f"{target} is truncated: its header asks for {size:,} bytes, and it has {len(content):,}. {_AGAIN}")
    return TableError(f"{target} and {side.name} do not belong together: one of them was altered or comes from another table. {_AGAIN}")


def _read_sidecar(target: Path, text: bytes) -> _Sidecar:
    """The sidecar of a pair that belongs together; what is wrong in it now was wrong when it was written."""
    try:
        head = decode(text, _Version)
        if head.lrcore != FORMAT:
            which = f"is of format {head.lrcore}, and this lrcore reads format {FORMAT}"
            raise TableError(f"{_side(target).name} {which}. Open it with the lrcore that wrote it.")
        sidecar: _Sidecar = decode(text, _Sidecar)
        bound = sidecar.plan.bind(sidecar.rows.names)
    except TableError:
        raise
    except LrcoreError as error:
        raise TableError(f"{_side(target).name} cannot be read: {error} {_AGAIN}") from None
    rows = sidecar.rows
    if sidecar.plan.fingerprint != sidecar.fingerprint or tuple(rows.columns) != bound.columns or rows.dtype not in ("float64", "float32"):
        raise TableError(f"{_side(target).name} contradicts itself: its plan does not have its fingerprint or columns. {_AGAIN}")
    return sidecar


class _Version(msgspec.Struct):
    lrcore: int
