"""Threads for whole tables: how many are worth it, and a pool of them that survives a fork."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from .checks import whole

if TYPE_CHECKING:
    from concurrent.futures import ThreadPoolExecutor

_WORTH_A_THREAD = 1 << 19
"""Values below which a second thread costs more than it saves: about 0.2 ms of work (benchmarks, threads)."""

_pools: dict[tuple[int, int], ThreadPoolExecutor] = {}


def workers_for(threads: int | None, values: int) -> int:
    """How many threads fill so many values: as many as asked for, or as are worth it."""
    if threads is not None:
        return min(whole(threads, "threads", low=1, high=1024), max(values, 1))
    if values < 2 * _WORTH_A_THREAD:
        return 1
    return max(1, min(len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1, values // _WORTH_A_THREAD))


def pool(workers: int) -> ThreadPoolExecutor:
    """A pool of this process: threads do not survive a fork, so a child makes its own."""
    from concurrent.futures import ThreadPoolExecutor  # costs an eighth of the time to import lrcore, and most programs need none

    key = (os.getpid(), workers)
    if key not in _pools:
        for stale in [known for known in _pools if known[0] != key[0]]:
            del _pools[stale]
        _pools[key] = ThreadPoolExecutor(workers, thread_name_prefix="lrcore")
    return _pools[key]
