"""Fill in what `data/documents.json` lacks: `python tests/record_digests.py`.

Each row holds a schedule as `written` in Python, its JSON `document`, its `fingerprint`, and the SHA-256 of its values,
`digest`. To record a schedule, add a row with `written` and run this file. A recorded document or fingerprint changes only
with the format's version; a digest only when a formula of the kernel does (delete the field, run, and say why).
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np

import lrcore
from lrcore import schedule as types

DOCUMENTS = Path(__file__).parent / "data" / "documents.json"


def written(text: str) -> lrcore.Schedule:
    """The schedule a line of Python makes."""
    made: lrcore.Schedule = eval(text, {"lr": lrcore, "types": types, "np": np})
    return made


def values_digest(schedule: lrcore.Schedule) -> str:
    """SHA-256 of the values of ranges, scattered steps and real positions, in float64 and float32."""
    digest = hashlib.sha256()
    last = schedule.steps if type(schedule) is types.PastEnd and schedule.mode == "error" else None
    for start in (0, 2**24 - 500, 2**31 - 500, 2**53 - 10_000) if last is None else (0,):
        for dtype in (np.float64, np.float32):
            digest.update(schedule.values(10_000 if last is None else last, start, dtype=dtype))
    rng = np.random.default_rng(0)
    scattered = (2.0 ** rng.uniform(0, 53, 10_000)).astype(np.int64) if last is None else rng.integers(0, last, 1000)
    digest.update(schedule(scattered))
    digest.update(schedule(rng.uniform(0, last or 2000, 1000)))
    return digest.hexdigest()


def digests() -> dict[str, str]:
    """The digest of every recorded schedule, as this machine and instruction set give it."""
    rows = json.loads(DOCUMENTS.read_text())
    return {name: values_digest(written(row["written"])) for name, row in rows.items()}


def record() -> None:
    """Fill in every field that is missing."""
    rows = json.loads(DOCUMENTS.read_text())
    for row in rows.values():
        schedule = written(row["written"])
        row.setdefault("document", schedule.to_json())
        row.setdefault("fingerprint", schedule.fingerprint)
        if "digest" not in row:
            row["digest"] = values_digest(schedule)
    DOCUMENTS.write_text(json.dumps(rows, indent=1) + "\n")


if __name__ == "__main__":
    record()
