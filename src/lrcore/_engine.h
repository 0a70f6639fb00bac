/* Evaluates a Program, a block of steps at a time. Included once per instruction set (_level_*.c), with LR_ENGINE its name.
 *
 * A clock is `base + xs[i]` for i < n. Its positions are whole numbers below 2^53, so the sums are exact, or real ones. If
 * `stride` > 0 the clock is regular, xs[i] = stride * i, and a part of it is the same table under another base; if stride is 0
 * the positions are arbitrary. Pieces are found once per run of steps, so the loops below hold one formula each. */
#include <math.h>
#include <stdlib.h>

#include "_shapes.h"

typedef struct { double base; const double *xs; double stride; int n; } clock;

/* the power of a decay met last (whole_power): value * 2^exponent */
typedef struct { const double *table; uint64_t high; dd value; double exponent; } power_memo;

typedef struct {
    const lr_program *program;
    double *scratch; /* the free part of this call's buffers */
    clock root;      /* the block being evaluated: what shared nodes are shared on */
    double *slots;   /* a block of values for each shared node */
    unsigned char *slot_filled;
    struct far_table *far; /* tables of far pieces; null if the call is too short for them */
    int whole;       /* all positions are whole numbers */
    double **cycles; /* kept cycles, made on demand; null if the call is too short to keep any */
    int64_t total;   /* steps this call evaluates in all */
    const int64_t *positions; /* these steps, if they are whole ones in any order */
    int block;       /* steps a buffer holds */
    power_memo memo[2];
    int refused;     /* why a step has no value, see lr_engine */
} context;

#define LR_KEPT_CYCLE 4096 /* the longest cycle worth keeping: 32 KiB */

static void evaluate(context *c, int node, clock t, double *restrict out);

/* 0, 1, 2, ...: the positions of every plain range; filled when the engine is chosen */
static LR_ALIGNED double whole_steps[LR_BLOCK];

static void start(void) {
    for (int i = 0; i < LR_BLOCK; i++) whole_steps[i] = (double)i;
}

/* -- clocks -- */

static inline double position_at(clock t, int i) { return t.base + t.xs[i]; }

/* steps i .. i + n - 1 of a clock */
static inline clock part(clock t, int i, int n) {
    if (t.stride > 0) return (clock){t.base + t.stride * i, t.xs, t.stride, n};
    return (clock){t.base, t.xs + i, 0.0, n};
}

/* how many of the next steps of a regular clock, from i on, lie before `end` (at least one) */
static inline int run_before(clock t, int i, double end) {
    int n = t.n - i;
    double left = (end - position_at(t, i)) / t.stride;
    if (left >= (double)n) return n;
    int k = (int)left;
    while (k > 0 && position_at(t, i + k - 1) >= end) k--;
    while (k < n && position_at(t, i + k) < end) k++;
    return k > 0 ? k : 1;
}

static int is_ascending(clock t) {
    int falls = 0;
    for (int i = 1; i < t.n; i++) falls |= t.xs[i] < t.xs[i - 1];
    return !falls;
}

/* the first of the next n positions, ascending ones, that is not below `end`; n if there is none */
static inline int before(clock t, int n, double end) {
    int low = 0;
    if (position_at(t, n - 1) < end) return n;
    while (n > 0) {
        const int half = n / 2;
        if (position_at(t, low + half) < end) low += half + 1, n -= half + 1;
        else n = half;
    }
    return low;
}

static double *take(context *c, int n) {
    double *buffer = c->scratch;
    c->scratch += n;
    return buffer;
}

/* quotient and remainder of x >= 0 by a whole length, exact below 2^53 */
static inline double whole_quotient(double x, double length, double *remainder) {
    double q = floor(x / length), r = x - q * length;
    if (r < 0) q -= 1.0, r += length;
    *remainder = r;
    return q;
}

#include "_stream.h"
#include "_loops.h"
#include "_far.h"
#include "_pieces.h"

/* -- arithmetic -- */

static inline double combine(int op, double a, double b) {
    switch (op) {
    case LR_PRODUCT: return a * b;
    case LR_SUM: return a + b;
    case LR_MINIMUM: return a < b ? a : b;
    default: return a > b ? a : b;
    }
}

#define LR_COMBINE(OP)                                                                \
    case OP:                                                                          \
        if (b)                                                                        \
            for (int i = 0; i < n; i++) out[i] = combine(OP, out[i], b[i]);           \
        else                                                                          \
            for (int i = 0; i < n; i++) out[i] = combine(OP, out[i], constant);       \
        break;

/* out = out op b, or out op constant where b is null */
static void combine_all(int op, double *restrict out, const double *restrict b, double constant, int n) {
    switch (op) {
        LR_COMBINE(LR_PRODUCT)
        LR_COMBINE(LR_SUM)
        LR_COMBINE(LR_MINIMUM)
        LR_COMBINE(LR_MAXIMUM)
    }
}

static inline const lr_piece *constant_of(const lr_program *program, int node) {
    const lr_node *n = program->nodes + node;
    const lr_piece *k = program->pieces + n->first;
    return n->op == LR_PIECES && n->count == 1 && k->formula == LR_hold ? k : NULL;
}

/* the term to begin with: a leading constant is applied to the one behind it, so that it needs no block of its own */
static inline int first_term(const lr_program *program, const lr_node *node) {
    return node->count > 1 && constant_of(program, program->children[node->first]) != NULL;
}

LR_APART void evaluate_terms(context *c, const lr_node *node, clock t, double *restrict out) {
    const int32_t *children = c->program->children + node->first;
    const int first = first_term(c->program, node);
    evaluate(c, children[first], t, out);
    for (int j = 0; j < node->count; j++) {
        if (j == first) continue;
        const lr_piece *k = constant_of(c->program, children[j]);
        if (k) {
            combine_all(node->op, out, NULL, k->end, t.n);
            continue;
        }
        double *mark = c->scratch, *value = take(c, t.n);
        evaluate(c, children[j], t, value);
        combine_all(node->op, out, value, 0.0, t.n);
        c->scratch = mark;
    }
}

/* -- repeats -- */

static inline void raise_power(power_memo *memo, const double *factor) {
    dd value = dd_multiply(memo->value, (dd){factor[0], factor[1]});
    const int e = exponent_of(value.h);
    const double scale = power_of_two(-e);
    memo->value = (dd){value.h * scale, value.l * scale};
    memo->exponent += factor[2] + (double)e;
}

/* base^n for a whole n >= 0, from the table of base^(2^j) (lr_prepare_powers), multiplied from the highest bit of n down, in two
 * doubles and an exponent of its own, so that nothing underflows. The product of all but the lowest bits is remembered. */
#define LR_LOW_BITS 6
static double whole_power(power_memo *memo, const double *table, double n) {
    const uint64_t bits = (uint64_t)n, high = bits >> LR_LOW_BITS;
    if (memo->table != table || memo->high != high) {
        memo->table = table;
        memo->high = high;
        memo->value = (dd){1.0, 0.0};
        memo->exponent = 0.0;
        for (int j = 53; j >= LR_LOW_BITS; j--)
            if (bits >> j & 1) raise_power(memo, table + 3 * j);
    }
    power_memo value = *memo;
    for (int j = LR_LOW_BITS - 1; j >= 0; j--)
        if (bits >> j & 1) raise_power(&value, table + 3 * j);
    if (value.exponent >= -1000.0) return value.value.h * power_of_two((int)value.exponent);
    if (value.exponent < -2000.0) return 0.0;
    return value.value.h * power_of_two(-1000) * power_of_two((int)value.exponent + 1000);
}

/* what cycle i does to the inner value v: low + (v - floor) * factor */
typedef struct { double floor, low, factor; int same; } cycle_value;

static cycle_value value_of_cycle(power_memo *memo, const lr_node *node, double i) {
    cycle_value v = {node->floor, node->floor, 1.0, 0};
    if (node->decay_powers) v.factor = whole_power(memo, node->decay_powers, i);
    if (node->floor_powers) v.low = node->floor * whole_power(memo + 1, node->floor_powers, i);
    v.same = v.factor == 1.0 && v.low == v.floor;
    return v;
}

static inline double in_cycle(cycle_value v, double value) { return v.same ? value : v.low + (value - v.floor) * v.factor; }

static void apply_cycle(cycle_value v, const double *values, double *out, int n) {
    if (v.same) {
        if (values != out) memmove(out, values, sizeof(double) * (size_t)n);
        return;
    }
    for (int i = 0; i < n; i++) out[i] = v.low + (values[i] - v.floor) * v.factor;
}

/* the cycle of position x, and the position in it; past the last cycle, its end */
static double cycle_of(const lr_node *node, double x, double *inside, double *length) {
    double i;
    *length = node->length;
    if (!node->starts) {
        i = whole_quotient(x, node->length, inside);
        if (i >= node->times) i = node->times - 1.0, *inside = node->length;
        return i;
    }
    int low = 0, count = (int)node->count;
    while (count > 1) {
        int half = count >> 1;
        if (node->starts[low + half] <= x) low += half;
        count -= half;
    }
    *length = node->starts[low + 1] - node->starts[low];
    *inside = x - node->starts[low];
    if (*inside > *length) *inside = *length;
    return (double)low;
}

static inline int child_of_cycle(const context *c, const lr_node *node, double i) {
    return c->program->children[node->first + (node->starts ? (int)i : 0)];
}

/* the inner values of one whole cycle and `more`, kept for the call, if they are worth keeping */
static const double *kept_cycle(context *c, const lr_node *node, int more) {
    if (!c->cycles || node->cycle < 0 || c->total < 4 * (int64_t)node->length || node->length > LR_KEPT_CYCLE) return NULL;
    double *kept = c->cycles[node->cycle];
    if (kept) return kept;
    const int length = (int)node->length + more;
    kept = malloc(sizeof(double) * (size_t)length);
    if (!kept) return NULL;
    for (int i = 0; i < length; i += c->block) {
        const int n = length - i < c->block ? length - i : c->block;
        evaluate(c, c->program->children[node->first], (clock){(double)i, whole_steps, 1.0, n}, kept + i);
    }
    return c->cycles[node->cycle] = kept;
}

#define LR_CROWDED 16.0 /* positions a cycle on average, from which on ascending ones go cycle by cycle */

LR_APART void evaluate_repeat(context *c, const lr_node *node, clock t, double *restrict out) {
    double inside, length;
    if (t.stride > 0 || (LR_CROWDED * (position_at(t, t.n - 1) - position_at(t, 0)) < node->length * t.n && is_ascending(t))) {
        const double *kept = t.stride == 1.0 ? kept_cycle(c, node, 0) : NULL;
        for (int i = 0; i < t.n;) {
            const double x = position_at(t, i), cycle = cycle_of(node, x, &inside, &length);
            const cycle_value v = value_of_cycle(c->memo, node, cycle);
            const int child = child_of_cycle(c, node, cycle);
            int n = t.n - i;
            if (inside < length) {
                const double begin = x - inside;
                clock cycle_clock = part(t, i, t.n - i);
                n = cycle_clock.n = t.stride > 0 ? run_before(t, i, begin + length) : before(cycle_clock, cycle_clock.n, begin + length);
                cycle_clock.base -= begin;
                if (kept) {
                    apply_cycle(v, kept + (int)inside, out + i, n);
                } else {
                    evaluate(c, child, cycle_clock, out + i);
                    apply_cycle(v, out + i, out + i, n);
                }
            } else { /* past the last cycle its end value holds */
                const double end[1] = {length};
                double value;
                evaluate(c, child, (clock){0.0, end, 0.0, 1}, &value);
                apply_cycle(v, &value, &value, 1);
                for (int j = 0; j < n; j++) out[i + j] = value;
            }
            i += n;
        }
        return;
    }
    double *mark = c->scratch, *xs = take(c, t.n), *cycles = take(c, t.n);
    for (int i = 0; i < t.n; i++) cycles[i] = cycle_of(node, position_at(t, i), xs + i, &length);
    for (int i = 0; i < t.n;) {
        int n = 1;
        if (node->starts)
            while (i + n < t.n && cycles[i + n] == cycles[i]) n++;
        else
            n = t.n;
        evaluate(c, child_of_cycle(c, node, cycles[i]), (clock){0.0, xs + i, 0.0, n}, out + i);
        i += n;
    }
    if (node->decay_powers || node->floor_powers) {
        cycle_value v = value_of_cycle(c->memo, node, cycles[0]);
        for (int i = 0; i < t.n; i++) {
            if (i && cycles[i] != cycles[i - 1]) v = value_of_cycle(c->memo, node, cycles[i]);
            apply_cycle(v, out + i, out + i, 1);
        }
    }
    c->scratch = mark;
}

/* -- stairs -- */

LR_APART void evaluate_stairs(context *c, const lr_node *node, clock t, double *restrict out) {
    const double wide = node->op == LR_EVERY ? node->length : 1.0; /* what the inner clock moves by a stair */
    const int child = c->program->children[node->first];
    double *mark = c->scratch, *xs = take(c, t.n), *values = take(c, t.n), r;
    if (t.stride == 1.0 && node->length < 2147483648.0) {
        /* one inner value a stair, on an inner clock that is regular too, then its run of steps */
        const double first = whole_quotient(position_at(t, 0), node->length, &r);
        const int stair = (int)node->length, begun = stair - (int)r, head = begun < t.n ? begun : t.n;
        const int stairs = 1 + (t.n - head + stair - 1) / stair;
        for (int j = 0; j < stairs; j++) xs[j] = (double)j * wide;
        evaluate(c, child, (clock){first * wide, xs, stairs > 1 ? wide : 0.0, stairs}, values);
        for (int i = 0; i < head; i++) out[i] = values[0];
        for (int j = 1, i = head; j < stairs; j++) {
            const int end = i + stair < t.n ? i + stair : t.n;
            const double value = values[j];
            for (; i < end; i++) out[i] = value;
        }
    } else {
        for (int i = 0; i < t.n; i++) xs[i] = whole_quotient(position_at(t, i), node->length, &r) * wide;
        evaluate(c, child, (clock){0.0, xs, 0.0, t.n}, out);
    }
    c->scratch = mark;
}

/* -- past the end -- */

LR_APART void evaluate_mirror(context *c, const lr_node *node, clock t, double *restrict out) {
    const double length = node->length;
    const int child = c->program->children[node->first];
    double r;
    if (t.stride > 0) {
        const double *kept = t.stride == 1.0 ? kept_cycle(c, node, 1) : NULL;
        for (int i = 0; i < t.n;) {
            const double x = position_at(t, i);
            whole_quotient(x, 2.0 * length, &r);
            if (kept) {
                const int n = run_before(t, i, x - r + (r < length ? length : 2.0 * length));
                const double *from = kept + (int)(r < length ? r : 2.0 * length - r);
                if (r < length) memcpy(out + i, from, sizeof(double) * (size_t)n);
                else
                    for (int j = 0; j < n; j++) out[i + j] = from[-j];
                i += n;
            } else if (r < length) {
                const int n = run_before(t, i, x - r + length);
                evaluate(c, child, (clock){r, t.xs, t.stride, n}, out + i);
                i += n;
            } else { /* the way back is the way there, read from its end */
                const int n = run_before(t, i, x - r + 2.0 * length);
                evaluate(c, child, (clock){2.0 * length - (r + t.stride * (n - 1)), t.xs, t.stride, n}, out + i);
                for (int a = i, b = i + n - 1; a < b; a++, b--) {
                    const double swap = out[a];
                    out[a] = out[b];
                    out[b] = swap;
                }
                i += n;
            }
        }
        return;
    }
    double *mark = c->scratch, *xs = take(c, t.n);
    for (int i = 0; i < t.n; i++) {
        whole_quotient(position_at(t, i), 2.0 * length, &r);
        xs[i] = r < length ? r : 2.0 * length - r;
    }
    evaluate(c, child, (clock){0.0, xs, 0.0, t.n}, out);
    c->scratch = mark;
}

/* -- nodes -- */

static void evaluate_node(context *c, const lr_node *node, clock t, double *restrict out) {
    switch (node->op) {
    case LR_PIECES: evaluate_pieces(c, node, t, out); break;
    case LR_REPEAT: evaluate_repeat(c, node, t, out); break;
    case LR_EVERY:
    case LR_PER: evaluate_stairs(c, node, t, out); break;
    case LR_MIRROR: evaluate_mirror(c, node, t, out); break;
    case LR_REFUSE:
        for (int i = 0; i < t.n; i++) if (position_at(t, i) >= node->length) c->refused = 1;
        if (c->refused) memset(out, 0, sizeof(double) * (size_t)t.n);
        else evaluate(c, c->program->children[node->first], t, out);
        break;
    default: evaluate_terms(c, node, t, out);
    }
}

static void evaluate(context *c, int index, clock t, double *restrict out) {
    const lr_node *node = c->program->nodes + index;
    if (node->slot < 0 || t.xs != c->root.xs || t.base != c->root.base || t.n != c->root.n) {
        evaluate_node(c, node, t, out);
        return;
    }
    double *kept = c->slots + (size_t)node->slot * (size_t)c->block;
    if (!c->slot_filled[node->slot]) {
        evaluate_node(c, node, t, kept);
        c->slot_filled[node->slot] = 1;
    }
    memcpy(out, kept, sizeof(double) * (size_t)t.n);
}

/* -- calls -- */

/* values[source][row] of a block, times the columns' scales, into rows */
#define LR_TILE 32
#define LR_WRITE_ROWS(name, type)                                                                                     \
    static void name(const lr_program *p, const double *restrict values, int n, type *restrict out) {                \
        const lr_column *columns = p->columns;                                                                        \
        const int width = p->n_columns;                                                                               \
        if (width == 1) {                                                                                             \
            const double scale = columns[0].scale;                                                                    \
            for (int i = 0; i < n; i++) out[i] = (type)(scale * values[i]);                                           \
            return;                                                                                                   \
        }                                                                                                             \
        for (int top = 0; top < n; top += LR_TILE) { /* a tile of rows at a time, so that its lines are written while they are near */ \
            const int bottom = n - top < LR_TILE ? n : top + LR_TILE;                                                 \
            for (int begin = 0, end; begin < width; begin = end) { /* neighbours that scale one source */             \
                const double *restrict source = values + (size_t)columns[begin].source * (size_t)n;                   \
                for (end = begin + 1; end < width && columns[end].source == columns[begin].source; end++) {}          \
                if (end == begin + 1) {                                                                               \
                    const double scale = columns[begin].scale;                                                        \
                    for (int i = top; i < bottom; i++) out[(size_t)i * width + begin] = (type)(scale * source[i]);    \
                } else {                                                                                              \
                    for (int i = top; i < bottom; i++)                                                                \
                        for (int j = begin; j < end; j++) out[(size_t)i * width + j] = (type)(columns[j].scale * source[i]); \
                }                                                                                                     \
            }                                                                                                         \
        }                                                                                                             \
    }
LR_WRITE_ROWS(write_rows, double)
LR_WRITE_ROWS(write_rows_single, float)

/* One plain column on a clock that moves by one, not in blocks but from piece to piece: what is held or far is written in one go, and
 * rounded as it is stored; the rest takes the way by `values`. */
#define LR_MOST_HELD (1 << 30) /* at a time: counted in an int */
static void run_pieces(context *c, const lr_node *node, int64_t first, int64_t count, double *restrict values, void *out, int single, int stream) {
    const lr_piece *pieces = c->program->pieces + node->first;
    int p = piece_of(pieces, node->count, (double)first);
    for (int64_t i = 0, n; i < count && !c->refused; i += n) {
        const double x = (double)(first + i);
        while (p + 1 < node->count && pieces[p + 1].begin <= x) p++;
        const lr_piece *k = pieces + p;
        const double left = p + 1 < node->count ? ceil(pieces[p + 1].begin - x) : INFINITY;
        n = left < (double)(count - i) ? (int64_t)left : count - i;
        double *restrict doubles = (double *)out + i;
        float *restrict singles = (float *)out + i;
        if (k->formula == LR_hold) {
            const double held = k->end;
            n = n < LR_MOST_HELD ? n : LR_MOST_HELD;
            if (single) LR_WRITE(float, singles, n, stream, held, held - (lanes){0});
            else LR_WRITE(double, doubles, n, stream, held, held - (lanes){0});
        } else if (is_far(k->formula)) {
            far_loop(k, x, 1, n, c->far, single ? (void *)singles : (void *)doubles, single, stream);
        } else {
            n = n < c->block ? n : c->block;
            const clock t = {x, whole_steps, 1.0, (int)n};
            run_piece(c, k, t, single ? values : doubles);
            if (single)
                for (int64_t j = 0; j < n; j++) singles[j] = (float)values[j];
        }
    }
}

/* Stairs and short cycles are written as fast as memory takes them: a block of its own between would only be one more copy. */
static inline int is_copied(const lr_node *node) {
    const int cycles = node->op == LR_REPEAT || node->op == LR_MIRROR;
    return node->op == LR_EVERY || node->op == LR_PER || (cycles && node->length <= LR_KEPT_CYCLE);
}

#define LR_SMALL 768 /* doubles that fit the stack: the buffers of one row of most programs */
#define LR_LONG 4096 /* calls shorter than this keep no cycles and no tables */

static int run(const lr_program *p, int64_t first, int64_t stride, const void *positions, int integers, int64_t count, void *out, int single) {
    if (count <= 0) return 0;
    /* blocks are shorter for many sources, so that their values stay in the second-level cache */
    int block = LR_BLOCK;
    while (block > 64 && (int64_t)block * p->n_sources > 32 * LR_BLOCK) block >>= 1;
    if (count < block) block = (int)count;
    const size_t width = (size_t)block, slots = (size_t)p->n_slots;
    const size_t need = (4 * ((size_t)p->depth + 2) + (size_t)p->n_sources + slots + 1) * width + slots / 8 + 1;
    double small[LR_SMALL], *memory = small;
    if (need > LR_SMALL && !(memory = malloc(need * sizeof(double)))) return -1;
    context c = {.program = p, .total = count, .block = block};
    if (p->n_cycles && count >= LR_LONG) c.cycles = calloc((size_t)p->n_cycles, sizeof(double *));
    c.whole = !positions || integers;
    c.positions = integers ? positions : NULL;
    if (c.whole && count >= LR_LONG) c.far = new_far_table();
    c.slots = memory;
    c.slot_filled = (unsigned char *)(c.slots + slots * width);
    double *values = c.slots + slots * width + slots / 8 + 1, *xs = values + (size_t)p->n_sources * width, *scratch = xs + width;
    const double *table = stride == 1 ? whole_steps : xs;
    if (!positions && stride != 1)
        for (int i = 0; i < block; i++) xs[i] = (double)stride * (double)i;
    const int plain = p->n_columns == 1 && p->columns[0].scale == 1.0; /* needs no second pass */
    const lr_node *root = p->nodes + p->sources[0];
    const int stream = plain && count >= LR_STREAMED_BYTES / (int64_t)(single ? sizeof(float) : sizeof(double)) && !is_copied(root);
    if (plain && root->op == LR_PIECES && !positions && stride == 1 && c.far) {
        c.scratch = scratch;
        run_pieces(&c, root, first, count, values, out, single, stream);
        count = 0;
    }
    for (int64_t done = 0; done < count && !c.refused; done += block) {
        const int n = count - done < block ? (int)(count - done) : block;
        clock t = {(double)(first + stride * done), table, (double)stride, n};
        if (positions && integers) {
            const int64_t *whole = (const int64_t *)positions + done;
            for (int i = 0; i < n; i++) xs[i] = (double)whole[i];
            t = (clock){0.0, xs, 0.0, n};
        } else if (positions) {
            t = (clock){0.0, (const double *)positions + done, 0.0, n};
        }
        c.root = t;
        memset(c.slot_filled, 0, slots);
        if (plain) {
            c.scratch = scratch;
            double *doubles = (double *)out + done;
            float *singles = (float *)out + done;
            evaluate(&c, p->sources[0], t, single || stream ? values : doubles);
            if (single) LR_WRITE(float, singles, n, stream, values[i], load(values + i));
            else if (stream) LR_WRITE(double, doubles, n, 1, values[i], load(values + i));
            continue;
        }
        for (int s = 0; s < p->n_sources; s++) {
            c.scratch = scratch;
            evaluate(&c, p->sources[s], t, values + (size_t)s * (size_t)n);
        }
        if (single) write_rows_single(p, values, n, (float *)out + (size_t)done * (size_t)p->n_columns);
        else write_rows(p, values, n, (double *)out + (size_t)done * (size_t)p->n_columns);
    }
    if (stream) end_stream();
    for (int i = 0; c.cycles && i < p->n_cycles; i++) free(c.cycles[i]);
    free(c.cycles);
    free_far_table(c.far);
    if (memory != small) free(memory);
    return c.refused;
}

#include "_point.h"

static int run_range(const lr_program *p, int64_t first, int64_t stride, int64_t count, void *out, int single) {
    return run(p, first, stride, NULL, 0, count, out, single);
}

static int run_gather(const lr_program *p, const void *positions, int integers, int64_t count, void *out, int single) {
    return run(p, 0, 0, positions, integers, count, out, single);
}

/* one pass over the positions, and a second one, given up at the first block that is not like the others */
static int survey(const void *positions, int integers, int64_t count, int64_t *stride) {
    const int64_t *whole = positions, last = (int64_t)LR_LAST_STEP;
    const double *real = positions;
    uint64_t outside = 0;
    *stride = 0;
    if (!integers) {
        for (int64_t i = 0; i < count; i++) outside |= !(real[i] >= 0.0) | !(real[i] <= LR_LAST_STEP);
        return !outside;
    }
    for (int64_t i = 0; i < count; i++) outside |= (uint64_t)whole[i] | ((uint64_t)last - (uint64_t)whole[i]);
    if (outside >> 63) return 0; /* a difference that wraps has a negative minuend or subtrahend, and shows itself */
    const int64_t step = count > 1 ? whole[1] - whole[0] : 0;
    for (int64_t i = 1; step > 0 && i < count; i += LR_BLOCK) {
        const int64_t end = count - i < LR_BLOCK ? count : i + LR_BLOCK;
        int64_t differs = 0;
        for (int64_t j = i; j < end; j++) differs |= (whole[j] - whole[j - 1]) ^ step;
        if (differs) return 1;
    }
    if (step > 0) *stride = step;
    return 1;
}

#define LR_STRING_(name) #name
#define LR_STRING(name) LR_STRING_(name)
#define LR_JOIN_(a, b) a##b
#define LR_JOIN(a, b) LR_JOIN_(a, b)
const lr_engine LR_JOIN(lr_engine_, LR_ENGINE) = {LR_STRING(LR_ENGINE), start, run_row, run_range, run_gather, survey};
