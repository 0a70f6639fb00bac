"""An experiment that runs in a thread of its own, while the page that started it looks at what has come out so far."""

from __future__ import annotations

import atexit
from collections.abc import Callable, Mapping
from queue import SimpleQueue
from threading import Event, Lock, Thread
from time import monotonic
from weakref import WeakSet

from ..errors import LrcoreError
from ..experiment import Epoch, Results, Setup, run
from ..plan import Plan

ALONE = 30.0
"""Seconds that nobody may watch before a run is given up: a connection that breaks comes back sooner, a closed page never."""


class Job:
    """One experiment. It ends when it is through, when it is stopped, when it fails, or when nobody watches any more.

    results : the epochs that were taken from the thread so far; `take` adds to them
    watched : asked after every epoch, in the thread
    """

    def __init__(self, setup: Setup, plans: Mapping[str, Plan], watched: Callable[[], bool] = lambda: True) -> None:
        self.results = Results(setup, plans)
        self.error = ""
        self._come: SimpleQueue[Epoch | str] = SimpleQueue()
        self._taking = Lock()
        self._stop = Event()
        self._thread = Thread(target=_train, args=(setup, dict(plans), self._come, self._stop, watched), name="experiment", daemon=True)
        self._thread.start()
        _begun.add(self)

    def take(self) -> None:
        """Take over what has come since the last time."""
        with self._taking:  # a page that is drawn again begins before its last drawing has ended
            while not self._come.empty():
                found = self._come.get()
                if isinstance(found, str):
                    self.error = found
                else:
                    self.results.add(found)

    def stop(self) -> None:
        """End it after the epoch that is being trained."""
        self._stop.set()

    def join(self, timeout: float) -> None:
        """Wait until it has ended, so many seconds at most."""
        self._thread.join(timeout)

    @property
    def running(self) -> bool:
        """Whether there is more to come."""
        return self._thread.is_alive() or not self._come.empty()

    @property
    def state(self) -> str:
        """One of "running", "failed", "stopped" and "done"."""
        if self.running:
            return "running"
        return "failed" if self.error else "stopped" if self.results.partial else "done"

    @property
    def progress(self) -> float:
        """How much of it is through, from 0 to 1; a run that diverged counts as whole."""
        last = self.results.epochs[-1] if self.results.epochs else None
        if last is None:
            return 0.0
        setup, names = self.results.setup, list(self.results.plans)
        before = last.seed * len(names) + names.index(last.name)
        part = 1.0 if last.diverged else last.epoch / setup.epochs
        return (before + part) / (len(names) * setup.seeds)


_begun: WeakSet[Job] = WeakSet()


@atexit.register
def _end_all() -> None:
    """Before the interpreter goes: a thread that is cut off inside a framework takes the process down with a message."""
    jobs = list(_begun)
    for job in jobs:
        job.stop()
    for job in jobs:
        job.join(10.0)


def _train(setup: Setup, plans: dict[str, Plan], out: SimpleQueue[Epoch | str], stop: Event, watched: Callable[[], bool]) -> None:
    """The thread: epochs, and last a sentence if it failed."""
    alone = None
    try:
        epochs = run(setup, plans)
        for epoch in epochs:
            out.put(epoch)
            alone = None if watched() else alone or monotonic()
            if stop.is_set() or (alone and monotonic() - alone > ALONE):
                epochs.close()
    except (LrcoreError, ImportError) as error:
        out.put(str(error))
    except Exception as error:  # what a framework may raise has no bound, and a thread that dies would leave the page waiting
        out.put(f"The experiment broke off with {type(error).__name__}: {error}")
