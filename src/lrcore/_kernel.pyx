# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, freethreading_compatible=True
"""The compiled core: holds a Program's nodes and pieces and hands ranges, arrays and single steps to the engine.

Nothing is validated here but what keeps memory safe: `program.py` checks arguments, the schedule checked itself.
"""

from cpython.dict cimport PyDict_Check
from cpython.float cimport PyFloat_AS_DOUBLE, PyFloat_Check, PyFloat_CheckExact, PyFloat_FromDouble
from cpython.long cimport PyLong_Check, PyLong_CheckExact
from cpython.mem cimport PyMem_Calloc, PyMem_Free, PyMem_Malloc
from cpython.object cimport PyObject
from cpython.ref cimport Py_XDECREF
from libc.math cimport INFINITY, nextafter
from libc.stdint cimport int32_t, int64_t, uint64_t
from libc.string cimport memcpy, memset

import os
from array import array
from fractions import Fraction


cdef extern from "Python.h":
    long long PyLong_AsLongLongAndOverflow(object, int *) except? -1
    int PyDict_SetItem(object, object, object) except -1
    bint PyDict_Next(object, Py_ssize_t *, PyObject **, PyObject **) noexcept


cdef extern from *:
    """
    /* calls of instances go by their vectorcall field, at `offset`; 3.11 lets no class made in Python inherit that */
    static void lr_call_by_vector(PyObject *type, Py_ssize_t offset) {
        ((PyTypeObject *)type)->tp_vectorcall_offset = offset;
        ((PyTypeObject *)type)->tp_flags |= Py_TPFLAGS_HAVE_VECTORCALL;
        PyType_Modified((PyTypeObject *)type);
    }
    """
    void lr_call_by_vector(object, Py_ssize_t) noexcept
    Py_ssize_t PyVectorcall_NARGS(size_t) noexcept


cdef extern from "_groups.h":
    ctypedef struct lr_group:
        PyObject *key
        PyObject *name
        Py_ssize_t where

    ctypedef struct lr_target:
        PyObject *key
        PyObject *floats[2]
        Py_ssize_t where
        int32_t group, slot

    bint lr_same_groups(object, const lr_group *, Py_ssize_t) noexcept
    bint lr_holds(object, const lr_target *, int) noexcept
    int lr_put(object, lr_target *, int, double) except -1


cdef extern from "_program.h":
    enum: LR_MAX_PIECES, LR_X86_LEVELS
    enum lr_op:
        LR_PIECES, LR_PRODUCT, LR_SUM, LR_MINIMUM, LR_MAXIMUM, LR_REPEAT, LR_EVERY, LR_PER, LR_MIRROR, LR_REFUSE

    ctypedef struct lr_piece:
        double begin
        int32_t formula, child
        double b, b_low, s, end, span_h, span_l, rate_h, rate_l, arg
        const double *table

    ctypedef struct lr_node:
        int32_t op, first, count, slot, cycle
        double length, times, floor
        const double *decay_powers
        const double *floor_powers
        const double *starts

    ctypedef struct lr_column:
        int32_t source
        double scale

    ctypedef struct lr_program:
        int32_t n_nodes, n_pieces, n_columns, n_sources, n_slots, n_cycles, depth
        lr_node *nodes
        lr_piece *pieces
        int32_t *children
        lr_column *columns
        int32_t *sources

    ctypedef struct lr_engine:
        const char *name
        void (*start)() noexcept nogil
        int (*row)(const lr_program *, double, double *) noexcept nogil
        int (*range)(const lr_program *, int64_t, int64_t, int64_t, void *, int) noexcept nogil
        int (*gather)(const lr_program *, const void *, int, int64_t, void *, int) noexcept nogil
        int (*survey)(const void *, int, int64_t, int64_t *) noexcept nogil

    cdef struct lr_table:
        pass

    enum: LR_MAX_ARGS

    ctypedef struct lr_ramp:
        double start, stop, mul, origin, origin_low, length, length_low
        double args[2]
        lr_table **table

    const lr_engine lr_engine_baseline
    enum: LR_POWERS
    int lr_prepare(int, const lr_ramp *, lr_piece *)
    void lr_prepare_noise(uint64_t, double, int, double, const lr_ramp *, lr_piece *)
    void lr_prepare_powers(double, double *)
    int lr_prepare_cubic(const double *, const lr_ramp *, lr_piece *)
    const char **lr_shape_names
    const int lr_shape_count, lr_curve_count
    void lr_release(lr_table *)
    const char **lr_formula_names


cdef extern from *:
    """
    #if LR_X86_LEVELS
    static int lr_has_avx2(void) { return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("bmi2"); }
    static int lr_has_avx512(void) {
        return lr_has_avx2() && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq")
            && __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512bw");
    }
    #define LR_AVX2 (&lr_engine_avx2)
    #define LR_AVX512 (&lr_engine_avx512)
    #else
    static int lr_has_avx2(void) { return 0; }
    static int lr_has_avx512(void) { return 0; }
    #define LR_AVX2 (&lr_engine_baseline)
    #define LR_AVX512 (&lr_engine_baseline)
    #endif
    /* the codes of pieces that are no shape, above the formulas of _shapes.h */
    #include "_shapes.h"
    """
    const lr_engine *LR_AVX2
    const lr_engine *LR_AVX512
    int lr_has_avx2()
    int lr_has_avx512()
    enum: LR_hold, LR_sample, LR_CALL


cdef int64_t LAST = 1 << 53


cdef double _rest(exact, double high) except? -1:
    """What of an exact number its double leaves over, as a double."""
    if type(exact) is int and -LAST <= exact <= LAST:
        return 0.0
    return exact - Fraction(high)


SHAPE_NAMES = tuple(lr_shape_names[i].decode() for i in range(lr_shape_count))
CURVE_NAMES = tuple(lr_shape_names[lr_shape_count + i].decode() for i in range(lr_curve_count))
"""The shapes and the curves without an end of `_shapes.h`, in the order of their codes."""

# what a segment can be beside a shape; shapes have codes from 0
HOLD, CALL, CUBIC, SAMPLES, NOISE = -1, -2, -3, -4, -5

OPS = ("pieces", "product", "sum", "minimum", "maximum", "repeat", "every", "per", "mirror", "refuse")


def levels():
    """The instruction sets this machine can run, from the plainest."""
    found = ["baseline"]
    if lr_has_avx2():
        found.append("avx2")
    if lr_has_avx512():
        found.append("avx512")
    return found


cdef const lr_engine *_engine = NULL


cdef _choose():
    global _engine
    wanted = os.environ.get("LRCORE_SIMD")
    possible = levels()
    if wanted is None:
        wanted = possible[len(possible) - 1]
    if wanted not in possible:
        raise ImportError(f"LRCORE_SIMD: expected one of {', '.join(possible)} on this machine, got {wanted!r}.")
    _engine = &lr_engine_baseline
    if wanted == "avx2":
        _engine = LR_AVX2
    elif wanted == "avx512":
        _engine = LR_AVX512
    _engine.start()


_choose()


def simd_level():
    """The instruction set in use: "baseline", "avx2" or "avx512"; LRCORE_SIMD chose it, or else the machine."""
    return _engine.name.decode()


def survey(positions, bint integers):
    """(whether all of a contiguous int64 or float64 array lies in [0, 2**53], how far apart its steps are: 0 if not evenly ascending)."""
    cdef const int64_t[::1] whole
    cdef const double[::1] real
    cdef const void *data
    cdef int64_t count = positions.shape[0], stride
    cdef int inside
    if integers:
        whole = positions
        data = &whole[0]
    else:
        real = positions
        data = &real[0]
    with nogil:
        inside = _engine.survey(data, integers, count, &stride)
    return bool(inside), stride


class StepError(Exception):
    """A step that a schedule refuses or that no schedule has; program.py turns it into a SpecError."""


cdef class Kernel:
    """The nodes and pieces of a program, in memory for the engine.

    nodes : tuples (op, a, b, ...) in post-order, as compiler.py makes them
    columns : (node, scale) pairs
    """

    cdef lr_program p
    cdef lr_table **tables
    cdef int n_tables
    cdef object kept
    cdef readonly int columns
    cdef readonly bint may_refuse  # steps in [0, 2**53] may have no value
    cdef void *vectorcall

    def __cinit__(self, nodes, columns, slots, int depth):
        cdef Py_ssize_t n_children = 0, at_child = 0, n_segments = 0, n_pieces = 0
        cdef lr_node *node
        cdef Py_ssize_t i
        self.vectorcall = <void *>_called
        for spec in nodes:
            if spec[0] != LR_PIECES:
                n_children += len(spec[1])
                continue
            n_segments += len(spec[1])
            for segment in spec[1]:
                n_pieces += 1 if segment[1] in (HOLD, CALL, SAMPLES, NOISE) else LR_MAX_PIECES
        self.p.n_nodes = <int32_t>len(nodes)
        self.p.n_columns = self.columns = <int>len(columns)
        self.p.depth = depth
        self.p.nodes = <lr_node *>PyMem_Calloc(len(nodes), sizeof(lr_node))
        self.p.pieces = <lr_piece *>PyMem_Calloc(n_pieces + 1, sizeof(lr_piece))
        self.p.children = <int32_t *>PyMem_Calloc(n_children + 1, sizeof(int32_t))
        self.p.columns = <lr_column *>PyMem_Calloc(len(columns) + 1, sizeof(lr_column))
        self.p.sources = <int32_t *>PyMem_Calloc(len(columns) + 1, sizeof(int32_t))
        self.tables = <lr_table **>PyMem_Calloc(n_segments + 1, sizeof(lr_table *))
        if not (self.p.nodes and self.p.pieces and self.p.children and self.p.columns and self.p.sources and self.tables):
            raise MemoryError
        for i, spec in enumerate(nodes):
            node = self.p.nodes + i
            node.op = spec[0]
            node.slot = slots.get(i, -1)
            node.cycle = -1
            if node.op == LR_PIECES:
                node.first = self.p.n_pieces
                for segment in spec[1]:
                    self._add(segment, node.first)
                node.count = self.p.n_pieces - node.first
                continue
            node.first = <int32_t>at_child
            for child in spec[1]:
                self.p.children[at_child] = child
                at_child += 1
            node.count = <int32_t>len(spec[1])
            if node.op == LR_REFUSE:
                self.may_refuse = True
            if node.op == LR_REPEAT:
                _, _, node.length, times, node.floor, decay, decay_floor, starts = spec
                node.times = INFINITY if times is None else times
                node.decay_powers = self._powers(decay)
                node.floor_powers = self._powers(decay_floor)
                if starts is None:
                    node.cycle = self.p.n_cycles
                    self.p.n_cycles += 1
                else:
                    node.starts = self._numbers(starts)
            elif node.op >= LR_EVERY:
                node.length = spec[2]
                if node.op == LR_MIRROR:
                    node.cycle = self.p.n_cycles
                    self.p.n_cycles += 1
        self.p.n_slots = <int32_t>len(slots)
        known = {}
        for j, (index, scale) in enumerate(columns):
            source = known.setdefault(index, len(known))
            if source == self.p.n_sources:
                self.p.sources[source] = index
                self.p.n_sources += 1
            self.p.columns[j] = lr_column(source=source, scale=scale)

    cdef const double *_numbers(self, values) except NULL:
        """A copy of the numbers that lives as long as the program."""
        import numpy as np

        array = np.array(values, dtype=np.float64)
        self._keep(array)
        cdef const double[::1] view = array
        return &view[0]

    cdef _keep(self, owner):
        if self.kept is None:
            self.kept = []
        self.kept.append(owner)

    cdef const double *_powers(self, double factor) except? NULL:
        """The table of a factor's powers; null for 1."""
        if factor == 1.0:
            return NULL
        cdef double[::1] table = array("d", bytes(8 * LR_POWERS))
        lr_prepare_powers(factor, &table[0])
        self._keep(table)
        return &table[0]

    cdef int _add(self, segment, int32_t floor) except -1:
        """The pieces of one segment: (begin, code, mul, origin, length, start, stop, args, extra), as compiler.py makes them.

        Segments come in order; one takes over from its `begin` on, whatever the ones before it had planned for later.
        """
        cdef int code, n = 1
        cdef lr_ramp ramp
        cdef lr_piece *out
        cdef double begin
        cdef const double[::1] numbers
        cdef lr_table *table = NULL
        cdef int i
        first, code, ramp.mul, origin, length, ramp.start, ramp.stop, args, extra = segment
        for i in range(LR_MAX_ARGS):
            ramp.args[i] = args[i] if i < len(args) else 0.0
        begin = first
        if type(first) is not int and begin < first:  # a boundary between two floats belongs to the one above
            begin = nextafter(begin, INFINITY)
        ramp.table = &table
        ramp.origin, ramp.length = origin, length
        ramp.origin_low, ramp.length_low = _rest(origin, ramp.origin), _rest(length, ramp.length)
        while self.p.n_pieces > floor and self.p.pieces[self.p.n_pieces - 1].begin >= begin:
            self.p.n_pieces -= 1
        out = self.p.pieces + self.p.n_pieces
        if code >= 0:
            n = lr_prepare(code, &ramp, out)
        elif code == CUBIC:
            numbers = array("d", extra)
            n = lr_prepare_cubic(&numbers[0], &ramp, out)
        elif code == NOISE:
            lr_prepare_noise(extra, ramp.start, len(args), ramp.args[0], &ramp, out)
        else:
            memset(out, 0, sizeof(lr_piece))
            out.end, out.b, out.b_low, out.s = ramp.start, -ramp.origin, -ramp.origin_low, ramp.mul
            out.formula = LR_hold if code == HOLD else LR_CALL if code == CALL else LR_sample
            if code == CALL:
                out.child = extra
                if ramp.mul != 1.0:  # a stretched clock can run out of whole numbers
                    self.may_refuse = True
            elif code == SAMPLES:
                out.table = self._numbers(extra.values)
        if n == -2:
            raise ArithmeticError(f"the series of {(SHAPE_NAMES + CURVE_NAMES)[code]} with {args} needs more slices than a table has")
        if n < 0:
            raise MemoryError
        if table:
            self.tables[self.n_tables] = table
            self.n_tables += 1
        out[0].begin = begin
        self.p.n_pieces += n
        return 0

    def __dealloc__(self):
        cdef int i
        if self.tables:
            for i in range(self.n_tables):
                lr_release(self.tables[i])
        PyMem_Free(self.tables)
        PyMem_Free(self.p.nodes)
        PyMem_Free(self.p.pieces)
        PyMem_Free(self.p.children)
        PyMem_Free(self.p.columns)
        PyMem_Free(self.p.sources)

    def __call__(self, steps):
        return _value(self, steps)

    def fill_range(self, int64_t first, int64_t stride, int64_t count, out, bint single):
        """Rows of steps first, first + stride, ... into a C-contiguous (count, columns) array of float64, or float32 if `single`."""
        cdef double[::1] doubles
        cdef float[::1] singles
        cdef void *data = NULL
        cdef int status
        if count == 0 or self.p.n_columns == 0:
            return
        if single:
            singles = out.reshape(-1)
            data = &singles[0]
        else:
            doubles = out.reshape(-1)
            data = &doubles[0]
        with nogil:
            status = _engine.range(&self.p, first, stride, count, data, single)
        _raise(status)

    def fill_gather(self, positions, bint integers, out, bint single):
        """Rows of a contiguous int64 or float64 array of positions, likewise."""
        cdef const int64_t[::1] whole
        cdef const double[::1] real
        cdef double[::1] doubles
        cdef float[::1] singles
        cdef const void *source = NULL
        cdef void *data = NULL
        cdef int64_t count = positions.shape[0]
        cdef int status
        if count == 0 or self.p.n_columns == 0:
            return
        if integers:
            whole = positions
            source = &whole[0]
        else:
            real = positions
            source = &real[0]
        if single:
            singles = out.reshape(-1)
            data = &singles[0]
        else:
            doubles = out.reshape(-1)
            data = &doubles[0]
        with nogil:
            status = _engine.gather(&self.p, source, integers, count, data, single)
        _raise(status)

    def nodes(self):
        """Every node as (op, children, length), the number of its op in OPS; pieces have neither children nor a length."""
        rows = []
        cdef lr_node *node
        cdef int i, j
        for i in range(self.p.n_nodes):
            node = self.p.nodes + i
            children = () if node.op == LR_PIECES else tuple([self.p.children[j] for j in range(node.first, node.first + node.count)])
            rows.append((node.op, children, node.length))
        return rows

    def sources(self):
        """Every column as (node, scale)."""
        cdef int j
        return [(self.p.sources[self.p.columns[j].source], self.p.columns[j].scale) for j in range(self.p.n_columns)]

    def pieces(self):
        """Every piece as (node, begin, formula, child, b, s, end, span, rate): what listing() prints."""
        rows = []
        cdef lr_node *node
        cdef lr_piece *k
        cdef int i, j
        for i in range(self.p.n_nodes):
            node = self.p.nodes + i
            if node.op != LR_PIECES:
                continue
            for j in range(node.first, node.first + node.count):
                k = self.p.pieces + j
                rows.append((i, k.begin, lr_formula_names[k.formula].decode(), k.child, k.b, k.s, k.end, k.span_h, k.rate_h))
        return rows


cdef inline object _value(Kernel program, steps):
    """One step of one column without leaving C; all else, and what is refused, by way of Program._evaluate."""
    cdef double value
    cdef int64_t step
    cdef int overflow = 0
    if program.p.n_columns == 1:
        if PyLong_CheckExact(steps):
            step = PyLong_AsLongLongAndOverflow(steps, &overflow)
            if overflow == 0 and 0 <= step <= LAST and _engine.row(&program.p, <double>step, &value) == 0:
                return PyFloat_FromDouble(value)
        elif PyFloat_CheckExact(steps) and 0.0 <= PyFloat_AS_DOUBLE(steps) <= <double>LAST:
            if _engine.row(&program.p, PyFloat_AS_DOUBLE(steps), &value) == 0:
                return PyFloat_FromDouble(value)
    return program._evaluate(steps)


cdef object _called(PyObject *program, PyObject **args, size_t count, PyObject *names):
    """A call of a Kernel, without a tuple made of its argument."""
    if names or PyVectorcall_NARGS(count) != 1:
        given = [<object>args[i] for i in range(PyVectorcall_NARGS(count) + (len(<object>names) if names else 0))]
        named = {} if not names else dict(zip(<object>names, given[PyVectorcall_NARGS(count):]))
        return Kernel.__call__(<object>program, *given[:PyVectorcall_NARGS(count)], **named)
    return _value(<Kernel>program, <object>args[0])


def call_quickly(kind):
    """Let the instances of Kernel, or of a class of the same layout, be called without a tuple: 15 ns less, of some 80."""
    cdef Kernel example = Kernel((), (), {}, 0)
    lr_call_by_vector(kind, <char *>&example.vectorcall - <char *><PyObject *>example)


call_quickly(Kernel)


def call_schedule(schedule, steps):
    """The value at a step, or at every step of an array.

    steps : int in [0, 2**53], or a float, which is a real position on the curve; or anything NumPy takes as an array of these
    Returns a float, or a float64 array of the shape of `steps`, in the unit of the schedule's values.
    Raises SpecError for steps outside [0, 2**53] and NaN, TypeError for booleans and strings.
    """
    return _value(schedule.program, steps)


cdef int _raise(int status) except -1:
    if status > 0:
        raise StepError("end" if status == 1 else "ticks")
    if status == -1:
        raise MemoryError
    return 0


cdef Py_ssize_t _where(dict group, wanted, list keys) except -2:
    """The entry of a key for PyDict_Next, and the dictionary's own key appended to `keys`; -1 if there is none."""
    cdef PyObject *found
    cdef Py_ssize_t where = 0, after = 0
    while PyDict_Next(group, &after, &found, NULL):
        if <object>found == wanted:
            keys.append(<object>found)
            return where
        where = after
    return -1


cdef int _put(dict group, key, int slot, double value) except -1:
    """Write a value where a number or a tensor stands, or a tuple of them such as `betas`."""
    old = group[key] if slot < 0 else group[key][slot]
    if not (PyFloat_Check(old) or PyLong_Check(old)) and hasattr(old, "fill_"):
        old.fill_(value)
    elif slot < 0:
        group[key] = value
    else:
        values = list(group[key])
        values[slot] = value
        group[key] = tuple(values)
    return 0


cdef class RowWriter:
    """Writes rows of a program into dictionaries that are known by name, such as the parameter groups of an optimizer.

    program : one column for each value to write
    groups : a list of dictionaries
    places, keys, slots : column j goes to `groups[places[j]][keys[j]]`; to entry slots[j] of the tuple there, unless that is -1

    Python floats are written where numbers stand, and tensors are filled in place.

    >>> import lrcore as lr
    >>> groups = [{"name": "body", "lr": 0.0}, {"lr": 0.0, "betas": (0.9, 0.999)}]
    >>> plan = lr.Plan(lr.linear(1.0, 0.0, 4), groups={"group1": {"beta1": 0.5}}).bind(["body", "group1"])
    >>> writer = RowWriter(plan.program, groups, [0, 1, 1], ["lr", "lr", "betas"], [-1, -1, 0])
    >>> writer.write(groups, 1), groups
    (True, [{'name': 'body', 'lr': 0.75}, {'lr': 0.75, 'betas': (0.5, 0.999)}])
    """

    cdef Kernel program
    cdef list groups
    cdef list kept  # what the groups and targets borrow
    cdef lr_group *known
    cdef lr_target *targets
    cdef double *row
    cdef Py_ssize_t columns, count  # of the program, which may be gone when this is taken apart; of the groups
    cdef int set

    def __cinit__(self, Kernel program, list groups, places, keys, slots):
        cdef Py_ssize_t n = program.p.n_columns, i, j
        cdef dict group
        if not len(places) == len(keys) == len(slots) == n:
            raise ValueError(f"RowWriter: expected {n} places, keys and slots, one for each column of the program.")
        self.program, self.groups, self.kept, self.columns, self.count = program, groups, [], n, len(groups)
        self.known = <lr_group *>PyMem_Calloc(len(groups) + 1, sizeof(lr_group))
        self.targets = <lr_target *>PyMem_Calloc(n + 1, sizeof(lr_target))
        self.row = <double *>PyMem_Malloc((n + 1) * sizeof(double))
        if not (self.known and self.targets and self.row):
            raise MemoryError
        for i in range(len(groups)):
            group = groups[i]
            self.known[i].where = _where(group, "name", self.kept)
            if self.known[i].where < 0:
                self.known[i].where = len(group)
                continue
            self.known[i].key = <PyObject *>self.kept[len(self.kept) - 1]
            self.kept.append(group["name"])
            self.known[i].name = <PyObject *>self.kept[len(self.kept) - 1]
        for j in range(n):
            if not 0 <= places[j] < len(groups):
                raise ValueError(f"places[{j}]: expected the place of one of {len(groups)} groups, got {places[j]}.")
            group = groups[places[j]]
            if not -1 <= slots[j] < (len(group[keys[j]]) if slots[j] >= 0 else 1):
                raise ValueError(f"slots[{j}]: expected a place in a tuple of {len(group[keys[j]])}, or -1, got {slots[j]}.")
            self.targets[j].group, self.targets[j].slot = places[j], slots[j]
            self.targets[j].where = _where(group, keys[j], self.kept)
            if self.targets[j].where < 0:
                raise KeyError(keys[j])
            self.targets[j].key = <PyObject *>self.kept[len(self.kept) - 1]

    def __dealloc__(self):
        cdef Py_ssize_t j
        if self.targets:
            for j in range(self.columns):
                Py_XDECREF(self.targets[j].floats[0])
                Py_XDECREF(self.targets[j].floats[1])
        PyMem_Free(self.known)
        PyMem_Free(self.targets)
        PyMem_Free(self.row)

    def write(self, list groups, step):
        """Write the row of a step: one evaluation, and no Python code per group.

        Returns whether it was written; groups that are not those the writer was made for, as they were then, are left alone.
        Raises SpecError for a step outside [0, 2**53], TypeError for what is no int, and then nothing is written.
        """
        return self.put(groups, _step_of(self.program, step))

    cdef bint put(self, list groups, int64_t step) except -1:
        """The same for a step that is known to be in range."""
        if groups is not self.groups or not lr_same_groups(groups, self.known, self.count):
            return False
        if _engine.row(&self.program.p, <double>step, self.row):
            self.program._evaluate(step)
        return self.spread(groups)

    def write_values(self, list groups, const double[::1] values):
        """The same for values that have been worked out elsewhere, one for each column."""
        if values.shape[0] != self.columns:
            raise ValueError(f"RowWriter: expected {self.columns} values, one for each column, got {values.shape[0]}.")
        if groups is not self.groups or not lr_same_groups(groups, self.known, self.count):
            return False
        if self.columns:
            memcpy(self.row, &values[0], self.columns * sizeof(double))
        return self.spread(groups)

    cdef bint spread(self, list groups) except -1:
        """Put the row where each of its values belongs."""
        cdef Py_ssize_t j
        cdef lr_target *target
        self.set = not self.set
        for j in range(self.columns):
            target = self.targets + j
            if not lr_put(groups, target, self.set, self.row[j]):
                _put(<dict>groups[target.group], <object>target.key, target.slot, self.row[j])
        return True

    def holds(self, list groups):
        """Whether every float that was written last still stands where it was put; false once anybody else wrote there."""
        cdef Py_ssize_t j
        if groups is not self.groups or not lr_same_groups(groups, self.known, self.count):
            return False
        for j in range(self.columns):
            if not lr_holds(groups, self.targets + j, self.set):
                return False
        return True


cdef class RowStepper:
    """What a scheduler does at every step, in C: bindings put it before their framework's scheduler class.

    optimizer : has `param_groups`, a list of dictionaries, which is read anew every time
    _writer : the RowWriter of these groups; None, or one that no longer knows them, hands the step on to `_update_lr(epoch)`
    _position : the step whose row is in force, -1 before the first
    """

    cdef public object optimizer
    cdef public RowWriter _writer
    cdef public int64_t _position, _step_count

    def step(self, epoch=None):
        """Go on to the next step and write its row; with an epoch, to that step.

        Raises SpecError for a step outside [0, 2**53]; the step in force then stays.
        """
        self._step_count += 1
        if epoch is None and self._writer is not None:
            groups = self.optimizer.param_groups
            if type(groups) is list and self._position < LAST and self._writer.put(groups, self._position + 1):
                self._position += 1
                return
        self._update_lr(epoch)


cdef int64_t _step_of(Kernel program, step) except -1:
    """A step as an integer of C, or a sentence."""
    cdef int overflow = 0
    cdef int64_t whole
    if not PyLong_CheckExact(step):
        raise TypeError(f"step: expected an int, got {step!r}.")
    whole = PyLong_AsLongLongAndOverflow(step, &overflow)
    if overflow or not 0 <= whole <= LAST:
        program._evaluate(step)
    return whole


def write_row(Kernel program, step, list dicts, list keys):
    """Write the values of one step into dictionaries: dicts[j][keys[j]] = value of column j, a Python float.

    One evaluation for the whole row and no Python code per group; nothing is written if anything is refused.

    step : int in [0, 2**53]; dicts, keys : lists with one entry for each column of `program`
    Raises SpecError for a step out of range, TypeError for what is no int and no dict, ValueError for lists of another length.
    """
    cdef double small[64]
    cdef double *row = small
    cdef Py_ssize_t n = program.p.n_columns, j
    cdef int64_t whole
    cdef int status
    if len(dicts) != n or len(keys) != n:
        raise ValueError(f"write_row: expected {n} dicts and keys, one for each column, got {len(dicts)} and {len(keys)}.")
    for j in range(n):
        if not PyDict_Check(dicts[j]):
            raise TypeError(f"dicts[{j}]: expected a dict, got {type(dicts[j]).__name__}.")
    whole = _step_of(program, step)
    if n > 64:
        row = <double *>PyMem_Malloc(n * sizeof(double))
        if row == NULL:
            raise MemoryError
    try:
        status = _engine.row(&program.p, <double>whole, row)
        if status:
            program._evaluate(step)
        for j in range(n):
            PyDict_SetItem(dicts[j], keys[j], PyFloat_FromDouble(row[j]))
    finally:
        if row != small:
            PyMem_Free(row)
