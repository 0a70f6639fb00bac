/* Writing a row into dictionaries known by name, such as the parameter groups of an optimizer: once a training step, for a
 * thousand groups, so what a group costs is counted in instructions (benchmarks, torch step). Two things keep it low. An entry is
 * read through PyDict_Next from where it stood when the writer was made, a third of what hashing costs; the key found there is
 * compared, so a dictionary that has changed is noticed. And floats are written alternately from two sets: one that nobody holds
 * any more takes its next value, in place of a new object. The float that stands in a dictionary is never changed: whoever watches
 * the dictionary (torch.compile does) sees another object. */
#ifndef LR_GROUPS_H
#define LR_GROUPS_H
#include <Python.h>
#include <stdint.h>

typedef struct {                /* a group, borrowing from lists that the writer keeps */
    PyObject *key, *name;       /* the dictionary's own key "name" and what stands under it, or null */
    Py_ssize_t where;           /* its entry; for a group without a name how many entries there are */
} lr_group;

typedef struct {                /* where a column is written */
    PyObject *key;
    PyObject *floats[2];        /* owned, or null */
    Py_ssize_t where;
    int32_t group, slot;        /* slot: place in the tuple that stands under the key, -1 for the key itself */
} lr_target;

static inline PyObject *lr_entry(PyObject *dict, PyObject *key, Py_ssize_t where) {
    PyObject *found, *value;
    return PyDict_Next(dict, &where, &found, &value) && found == key ? value : NULL;
}

/* Whether every group is what and where it was. */
static int lr_same_groups(PyObject *groups, const lr_group *known, Py_ssize_t n) {
    if (PyList_GET_SIZE(groups) != n) return 0;
    for (Py_ssize_t i = 0; i < n; i++) {
        PyObject *dict = PyList_GET_ITEM(groups, i);
        if (!PyDict_CheckExact(dict)) return 0;
        if (known[i].key == NULL ? PyDict_GET_SIZE(dict) != known[i].where
                                 : lr_entry(dict, known[i].key, known[i].where) != known[i].name) return 0;
    }
    return 1;
}

/* A float nobody else can see any more may take a new value; without a GIL counts are not that simple. */
#ifdef Py_GIL_DISABLED
#define LR_HELD(object) 0
#define LR_FREE(object) 0
#else
#define LR_HELD(object) ((object) != NULL && Py_REFCNT(object) > 1)
#define LR_FREE(object) ((object) != NULL && Py_REFCNT(object) == 1)
#endif

/* 1: written. 0: what stands there is no float or int, so that the caller writes it. -1: an exception.
 * While somebody beside us holds the float of the step before, the dictionary still has it, and need not be asked: it was put
 * there, and a tensor put in its place would have set it free (unless it was kept elsewhere; then that tensor is replaced). */
static inline int lr_put_float(PyObject *dict, lr_target *t, int set, double value) {
    PyObject *made = t->floats[set], *old;
    if (!LR_HELD(t->floats[!set])) {
        old = lr_entry(dict, t->key, t->where);
        if (old == NULL || !(PyFloat_CheckExact(old) || PyLong_CheckExact(old))) return 0;
    }
    if (LR_FREE(made)) {
        ((PyFloatObject *)made)->ob_fval = value;
    } else {
        if ((made = PyFloat_FromDouble(value)) == NULL) return -1;
        Py_XSETREF(t->floats[set], made);
    }
    return PyDict_SetItem(dict, t->key, made) < 0 ? -1 : 1;
}

/* The same for a place in a tuple such as `betas`: another tuple takes its place. */
static inline int lr_put_in_tuple(PyObject *dict, const lr_target *t, double value) {
    PyObject *old = lr_entry(dict, t->key, t->where), *made, *number;
    if (old == NULL || !PyTuple_CheckExact(old) || t->slot >= PyTuple_GET_SIZE(old)) return 0;
    if (!PyFloat_CheckExact(PyTuple_GET_ITEM(old, t->slot))) return 0;
    if ((number = PyFloat_FromDouble(value)) == NULL) return -1;
    if ((made = PyTuple_New(PyTuple_GET_SIZE(old))) == NULL) {
        Py_DECREF(number);
        return -1;
    }
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(old); i++) {
        PyObject *kept = i == t->slot ? number : Py_NewRef(PyTuple_GET_ITEM(old, i));
        PyTuple_SET_ITEM(made, i, kept);
    }
    int status = PyDict_SetItem(dict, t->key, made);
    Py_DECREF(made);
    return status < 0 ? -1 : 1;
}

static inline int lr_put(PyObject *groups, lr_target *t, int set, double value) {
    PyObject *dict = PyList_GET_ITEM(groups, t->group);
    return t->slot < 0 ? lr_put_float(dict, t, set, value) : lr_put_in_tuple(dict, t, value);
}
/* Whether the float of this set still stands in its dictionary. */
static inline int lr_holds(PyObject *groups, const lr_target *t, int set) {
    return t->slot < 0 && t->floats[set] != NULL && lr_entry(PyList_GET_ITEM(groups, t->group), t->key, t->where) == t->floats[set];
}
#endif
