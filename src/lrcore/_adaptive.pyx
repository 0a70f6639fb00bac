# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, freethreading_compatible=True
"""The machines of _adaptive.h as an object; adaptive/adaptation.py checks what they are given."""

from cpython.mem cimport PyMem_Calloc, PyMem_Free, PyMem_Realloc
from libc.math cimport NAN, isnan
from libc.stdint cimport int8_t, int64_t


cdef extern from "_adaptive.h":
    enum: LR_STAY, LR_GREEDY

    ctypedef struct lr_rule:
        int kind, maximise, relative
        double factor, threshold, atol, eps, min_scale
        int64_t patience, cooldown, warmup, reset_start, size

    ctypedef struct lr_watch:
        double best, sum
        int seen
        int64_t bad, good, cooling, warming, left, count, head
        double *window

    ctypedef struct lr_group_rate:
        double rate, low, high

    void lr_begin(const lr_rule *, lr_watch *) noexcept nogil
    int lr_better(const lr_rule *, double, double) noexcept nogil
    double lr_folded(const lr_rule *, const double *, int64_t, double, double, double) noexcept nogil
    int lr_observe(const lr_rule *, lr_watch *, double, const lr_group_rate *, int64_t) noexcept nogil
    double lr_factor(const lr_rule *, int) noexcept nogil
    void lr_replay(const lr_rule *, lr_watch *, const double *, int64_t, lr_group_rate, int8_t *, double *) noexcept nogil


KINDS = ("torch", "keras", "optax", "greedy", "newbob")

cdef enum:
    LAST_GROUPS = 16


cdef class Watch:
    """One rule's machine, with the factors of its events so far; NaN is the factor of a new beginning.

    kind : one of KINDS; the rest is as in lr_rule
    """

    cdef lr_rule rule
    cdef lr_watch watch
    cdef double *factors
    cdef int64_t events, room

    def __cinit__(
        self, str kind, bint maximise=False, bint relative=False, *, double factor, double threshold, double atol=0, double eps=0,
        double min_scale=0, int64_t patience=0, int64_t cooldown=0, int64_t warmup=0, int64_t reset_start=0, int64_t size=0,
    ):
        self.rule = lr_rule(
            kind=KINDS.index(kind), maximise=maximise, relative=relative, factor=factor, threshold=threshold, atol=atol, eps=eps,
            min_scale=min_scale, patience=patience, cooldown=cooldown, warmup=warmup, reset_start=reset_start, size=size,
        )
        self.watch.window = <double *>PyMem_Calloc(size + 1 if self.rule.kind == LR_GREEDY else 1, sizeof(double))
        if not self.watch.window:
            raise MemoryError
        lr_begin(&self.rule, &self.watch)

    def __dealloc__(self):
        PyMem_Free(self.watch.window)
        PyMem_Free(self.factors)

    def begin(self):
        """Forget all metrics; the events stay."""
        lr_begin(&self.rule, &self.watch)

    def better(self, double metric, double best):
        """Whether a metric beats a best one by more than the threshold."""
        return bool(lr_better(&self.rule, metric, best))

    def observe(self, double metric, list groups):
        """The factor of the event that a metric makes, NaN for a new beginning; None for no event. groups : [(rate, low, high)]"""
        cdef lr_group_rate few[LAST_GROUPS]
        cdef lr_group_rate *known = few
        cdef int64_t i
        cdef int verdict
        if len(groups) > LAST_GROUPS:
            known = <lr_group_rate *>PyMem_Calloc(len(groups), sizeof(lr_group_rate))
            if not known:
                raise MemoryError
        try:
            for i, (rate, low, high) in enumerate(groups):
                known[i] = lr_group_rate(rate=rate, low=low, high=high)
            self._reserve(1)
            verdict = lr_observe(&self.rule, &self.watch, metric, known, len(groups))
        finally:
            if known != few:
                PyMem_Free(known)
        if verdict == LR_STAY:
            return None
        self.factors[self.events] = lr_factor(&self.rule, verdict)
        self.events += 1
        return self.factors[self.events - 1]

    cdef int _reserve(self, int64_t more) except -1:
        cdef double *larger
        cdef int64_t room
        if self.events + more <= self.room:
            return 0
        room = 2 * (self.events + more)
        larger = <double *>PyMem_Realloc(self.factors, room * sizeof(double))
        if not larger:
            raise MemoryError
        self.factors, self.room = larger, room
        return 0

    def rate(self, double scheduled, double low, double high):
        """The rate in force where the schedule says `scheduled`."""
        return lr_folded(&self.rule, self.factors, self.events, scheduled, low, high)

    def apply(self, double[:] scheduled, double low, double high):
        """The same for every number of an array, in place."""
        cdef int64_t i
        with nogil:
            for i in range(scheduled.shape[0]):
                scheduled[i] = lr_folded(&self.rule, self.factors, self.events, scheduled[i], low, high)

    def replay(self, const double[::1] metrics, double rate, double low, double high, int8_t[::1] verdicts, double[::1] rates):
        """All metrics of a run from its start, at a constant rate."""
        cdef lr_group_rate group = lr_group_rate(rate=rate, low=low, high=high)
        if metrics.shape[0] == 0:
            return
        with nogil:
            lr_replay(&self.rule, &self.watch, &metrics[0], metrics.shape[0], group, &verdicts[0], &rates[0])

    def factor(self, int verdict):
        """The factor that stands for a verdict of `replay`."""
        return lr_factor(&self.rule, verdict)

    def state(self):
        """What the machine remembers, but for its events."""
        cdef lr_watch *w = &self.watch
        cdef int64_t kept = w.count if self.rule.kind == LR_GREEDY else 0
        return {
            "seen": bool(w.seen), "best": w.best, "sum": w.sum, "bad": w.bad, "good": w.good, "cooling": w.cooling,
            "warming": w.warming, "left": w.left, "count": w.count,
            "window": [w.window[(w.head + i) % self.rule.size] for i in range(kept)],
        }

    def restore(self, bint seen, double best, double sum, int64_t bad, int64_t good, int64_t cooling, int64_t warming, int64_t left, int64_t count, window, factors):
        """Take back what `state` gave, and the factors of the events; checked before."""
        cdef int64_t i
        self.events = 0
        self._reserve(len(factors))
        for factor in factors:
            self.factors[self.events] = factor
            self.events += 1
        self.watch = lr_watch(
            best=best, sum=sum, seen=seen, bad=bad, good=good, cooling=cooling, warming=warming, left=left, count=count, head=0,
            window=self.watch.window,
        )
        for i in range(len(window)):
            self.watch.window[i] = window[i]
