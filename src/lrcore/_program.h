/* What a Program is in memory: nodes that combine, pieces that are curves. Built by _kernel.pyx, read by _engine.h. */
#ifndef LR_PROGRAM_H
#define LR_PROGRAM_H

#include <stdint.h>

/* steps evaluated at a time: one buffer of them is 8 KiB, and three stay in the smallest first-level cache */
#define LR_BLOCK 1024

#define LR_LAST_STEP 9007199254740992.0 /* 2^53 */

enum lr_op { LR_PIECES, LR_PRODUCT, LR_SUM, LR_MINIMUM, LR_MAXIMUM, LR_REPEAT, LR_EVERY, LR_PER, LR_MIRROR, LR_REFUSE };

/* One curve from `begin` to the begin of the next piece, measured from the end where nothing cancels:
 * m = b + s * x is the distance from that end, exact for whole positions; its value there is `end`, the other end is `end + span`. */
typedef struct lr_piece {
    double begin;          /* the first position that belongs to the piece, in the clock of its node */
    int32_t formula;       /* an LR_FORMULA, or LR_CALL */
    int32_t child;         /* LR_CALL: the node evaluated at m */
    double b, b_low, s;    /* m = b + b_low + s * x */
    double end;            /* the value at m = 0 */
    double span_h, span_l; /* the other end minus this one, in two doubles */
    double rate_h, rate_l; /* what turns m into the formula's argument (most often 1 / length), in two doubles */
    double arg;            /* the shape's parameter, where it has one */
    const double *table;   /* constants of the formula, or samples */
} lr_piece;

typedef struct lr_node {
    int32_t op;
    int32_t first, count;      /* its pieces, or its children in `children` */
    int32_t slot;              /* >= 0: shared between columns, evaluated once a block */
    int32_t cycle;             /* >= 0: a repeat or mirror whose cycle may be kept */
    double length;             /* repeat, mirror, refuse: the inner length; every, per: the stair; in ticks */
    double times;              /* repeat: cycles, or infinity */
    double floor;
    const double *decay_powers, *floor_powers; /* repeat: see lr_prepare_powers; null for a factor of 1 */
    const double *starts;      /* repeat: first positions of the cycles and the end of the last, if lengths differ */
} lr_node;

typedef struct lr_column {
    int32_t source; /* its place among `sources`, each of which is evaluated once for all columns that name it */
    double scale;   /* the column is scale * source */
} lr_column;

typedef struct lr_program {
    int32_t n_nodes, n_pieces, n_columns, n_sources, n_slots, n_cycles, depth;
    lr_node *nodes;
    lr_piece *pieces;
    int32_t *children;
    lr_column *columns;
    int32_t *sources; /* the distinct nodes among the columns */
} lr_program;

/* What one instruction set offers. Each returns 0, -1 without memory, or which steps it met that no value is given for: 1 if one
 * lies past a schedule that refuses it, 2 if a stretched clock runs out of whole numbers there. */
typedef struct lr_engine {
    const char *name;
    void (*start)(void); /* before the first use */
    /* the columns at one position, whole or real */
    int (*row)(const lr_program *, double position, double *out);
    /* columns of steps first, first + stride, ...: (count, columns) in C order, as float64 or rounded once to float32 */
    int (*range)(const lr_program *, int64_t first, int64_t stride, int64_t count, void *out, int single);
    /* the same at any positions; `integers` says that they are int64, not float64 */
    int (*gather)(const lr_program *, const void *positions, int integers, int64_t count, void *out, int single);
    /* whether all positions lie in [0, 2^53]; `stride` is how far apart they are, or 0 if not always the same or not ascending */
    int (*survey)(const void *positions, int integers, int64_t count, int64_t *stride);
} lr_engine;

extern const lr_engine lr_engine_baseline;
#if defined(__x86_64__) && (defined(__GNUC__) || defined(__clang__))
#define LR_X86_LEVELS 1
extern const lr_engine lr_engine_avx2, lr_engine_avx512;
#else
#define LR_X86_LEVELS 0
#endif

/* A ramp on the clock of its node: its position is mul * x - origin, in ticks; origin and length are two doubles each. */
#define LR_MAX_ARGS 2
typedef struct lr_ramp {
    double start, stop, mul, origin, origin_low;
    double length, length_low; /* of a curve without an end: the ticks of one of its steps */
    double args[LR_MAX_ARGS];  /* the shape's parameters; of a cubic, where it is half way */
    struct lr_table **table;   /* OUT: the owner of its constants, if it has any; to be given to lr_release */
} lr_ramp;

#define LR_ORDER 12 /* of the polynomials made from series */

/* Writes the pieces of a ramp into `out` (room for LR_MAX_PIECES) and returns how many, -1 without memory, or -2 if its series did not converge. */
#define LR_MAX_PIECES 8
int lr_prepare(int shape, const lr_ramp *ramp, lr_piece *out);
/* The cubic a w + b w^2 + c w^3 of the fraction w of its length; coefficients from the start, then from the stop, in two doubles. */
int lr_prepare_cubic(const double *coefficients, const lr_ramp *ramp, lr_piece *out);
/* noise in (-scale, scale), or normal with the standard deviation `scale`, within limit * scale; the limit may be infinite */
void lr_prepare_noise(uint64_t seed, double scale, int is_normal, double limit, const lr_ramp *ramp, lr_piece *out);
/* base^(2^j) for j < 54: {high, low, exponent} each, high in [1, 2). */
#define LR_POWERS (3 * 54)
void lr_prepare_powers(double base, double *table);
void lr_release(struct lr_table *table);
extern const char *const lr_shape_names[]; /* then those of the curves without an end */
extern const int lr_shape_count, lr_curve_count;
extern const char *const lr_formula_names[];

#endif
