/* The far pieces (see _shapes.h) over many steps: offsets from a table, anchors once a block. Part of _engine.h. */

#define LR_FAR_TABLES 8          /* of each kind, kept at a time */
#define LR_FAR_MOST_BLOCKS 65536 /* anchors kept for steps in any order: 4 MiB, about a second-level cache */

/* the offsets of a block: the same for all pieces of a formula and a rate; a whole number of lines, which loads then do not cross */
typedef struct { double s[LR_FAR_BLOCK], t[LR_FAR_BLOCK], rate; int64_t formula; double rest[LR_LINE - 2]; } far_offsets;

/* the anchors of all blocks of a power, for steps in any order (of the other formulas an anchor costs no more than the look-up) */
typedef struct {
    const lr_piece *piece;
    power_block *blocks;
    double first; /* s m of the first block, a multiple of the block */
    double count; /* of blocks */
} far_anchors;

typedef struct far_table {
    far_offsets offsets[LR_FAR_TABLES];
    far_anchors anchors[LR_FAR_TABLES];
    int oldest; /* of the offsets */
    void *allocated;
} far_table;

/* TABLED(formula, anchor, offset) */
#define LR_FAR_TABLED(TABLED)                              \
    TABLED(line_far, line_anchor, line_offset)             \
    TABLED(half_cosine_far, cosine_anchor, cosine_offset)  \
    TABLED(geometric_far, geometric_anchor, geometric_offset)

static inline int is_far_power(int formula) { 
    return formula == LR_power_far || formula == LR_power_rest_far || formula == LR_law_far || formula == LR_slice_far ||
           formula == LR_log_far;
}

static inline power_block block_at(const lr_piece *k, double a) {
    if (k->formula == LR_slice_far) return slice_block_of(k, a);
    if (k->formula == LR_log_far) return log_block_of(k, a);
    return k->formula == LR_law_far ? law_block_of(k, a) : power_block_of(k, a, k->formula == LR_power_far ? 1.0 : -1.0);
}

static inline int is_far(int formula) {
#define LR_FAR_IS(name, anchor_of, offset_of) || formula == LR_##name
    return is_far_power(formula) LR_FAR_TABLED(LR_FAR_IS);
}

static far_table *new_far_table(void) {
    char *allocated = malloc(sizeof(far_table) + 8 * LR_LINE);
    if (!allocated) return NULL;
    far_table *table = (far_table *)(allocated + (8 * LR_LINE - (uintptr_t)allocated % (8 * LR_LINE)));
    table->allocated = allocated;
    table->oldest = 0;
    for (int i = 0; i < LR_FAR_TABLES; i++) {
        table->offsets[i].formula = -1;
        table->anchors[i].piece = NULL;
        table->anchors[i].blocks = NULL;
    }
    return table;
}

static void free_far_table(far_table *table) {
    for (int i = 0; table && i < LR_FAR_TABLES; i++) free(table->anchors[i].blocks);
    if (table) free(table->allocated);
}

static const far_offsets *offsets_of(far_table *table, const lr_piece *k) {
    for (int i = 0; i < LR_FAR_TABLES; i++)
        if (table->offsets[i].formula == k->formula && table->offsets[i].rate == k->rate_h) return &table->offsets[i];
    far_offsets *offsets = &table->offsets[table->oldest];
    table->oldest = (table->oldest + 1) % LR_FAR_TABLES;
    offsets->formula = k->formula;
    offsets->rate = k->rate_h;
#define LR_FAR_OFFSETS(name, anchor_of, offset_of)          \
    if (k->formula == LR_##name)                            \
        for (int i = 0; i < LR_FAR_BLOCK; i++) {            \
            const offset o = offset_of(k, (double)i);       \
            offsets->s[i] = o.s;                            \
            offsets->t[i] = o.t;                            \
        }
    LR_FAR_TABLED(LR_FAR_OFFSETS)
    return offsets;
}

/* -- a regular clock -- */

/* join_power, of lanes too, without the terms that are zero */
#define LR_TWO(x) (a.high + (a.low + (x) * (a.q1 + (x) * a.q2)))
#define LR_THREE(x) (a.high + (a.low + (x) * (a.q1 + (x) * (a.q2 + (x) * a.q3))))
#define LR_FOUR(x) (a.high + (a.low + (x) * (a.q1 + (x) * (a.q2 + (x) * (a.q3 + (x) * a.q4)))))
#define LR_SIX(x) (a.high + (a.low + (x) * (a.q1 + (x) * (a.q2 + (x) * (a.q3 + (x) * (a.q4 + (x) * (a.q5 + (x) * a.q6)))))))
#define LR_WRITE_POWER(type, JOIN) \
    LR_WRITE(type, out, n, stream, JOIN(x[i]), JOIN(load(x + i)))

/* the same for float64 and for float32, which is each float64 value rounded as it is stored */
#define LR_FAR_RUNS(far_run, far_power_run, type)                                                                                     \
    static inline void far_run(anchor a, const double *restrict s, const double *restrict t, int pace, type *restrict out, int n,     \
                               int stream) {                                                                                         \
        if (pace > 1)                                                                                                                 \
            for (int i = 0; i < n; i++) out[i] = (type)(a.high + (a.low + (a.p * s[i * pace] + a.q * t[i * pace])));                  \
        else if (a.q == 0.0)                                                                                                          \
            LR_WRITE(type, out, n, stream, a.high + (a.low + a.p * s[i]), a.high + (a.low + a.p * load(s + i)));                      \
        else                                                                                                                          \
            LR_WRITE(type, out, n, stream, a.high + (a.low + (a.p * s[i] + a.q * t[i])),                                              \
                     a.high + (a.low + (a.p * load(s + i) + a.q * load(t + i))));                                                     \
    }                                                                                                                                 \
    static inline void far_power_run(power_block a, int first, int pace, type *restrict out, int n, int stream) {                     \
        const double *restrict x = whole_steps + first;                                                                               \
        if (pace > 1)                                                                                                                 \
            for (int i = 0; i < n; i++) out[i] = (type)join_power(a, x[i * pace]);                                                    \
        else if (a.q5 != 0.0 || a.q6 != 0.0)                                                                                          \
            LR_WRITE_POWER(type, LR_SIX);                                                                                             \
        else if (a.q4 != 0.0)                                                                                                         \
            LR_WRITE_POWER(type, LR_FOUR);                                                                                            \
        else if (a.q3 != 0.0)                                                                                                         \
            LR_WRITE_POWER(type, LR_THREE);                                                                                           \
        else                                                                                                                          \
            LR_WRITE_POWER(type, LR_TWO);                                                                                             \
    }
LR_FAR_RUNS(far_run, far_power_run, double)
LR_FAR_RUNS(far_run_single, far_power_run_single, float)

/* the anchors of a batch of blocks, side by side so that they are computed together */
#define LR_FAR_BATCH 32
typedef struct { double high[LR_FAR_BATCH], low[LR_FAR_BATCH], p[LR_FAR_BATCH], q[LR_FAR_BATCH]; } far_batch;

static void fill_batch(far_batch *restrict batch, const lr_piece *k, double first, int blocks) {
    switch (k->formula) {
#define LR_FAR_BATCHED(name, anchor_of, offset_of)                                     \
    case LR_##name:                                                                    \
        for (int j = 0; j < blocks; j++) {                                             \
            const anchor v = anchor_of(k, first + k->s * (LR_FAR_BLOCK * whole_steps[j])); \
            batch->high[j] = v.high;                                                       \
            batch->low[j] = v.low + 0.0; /* never -0, so that far_run may add nothing to it */ \
            batch->p[j] = v.p;                                                             \
            batch->q[j] = v.q;                                                             \
        }                                                                                  \
        break;
        LR_FAR_TABLED(LR_FAR_BATCHED)
    }
}

/* Block by block: `steps` positions from x on, `pace` apart. */
LR_APART void far_loop(const lr_piece *piece, double x, int pace, int64_t steps, far_table *table, void *out, int single, int stream) {
    const lr_piece copy = *piece, *k = &copy;
    const int power = is_far_power(k->formula);
    const far_offsets *offsets = power ? NULL : offsets_of(table, k);
    far_batch batch;
    power_block blocks[LR_FAR_BATCH];
    int batched = 0, used = 0;
    for (int64_t i = 0, n; i < steps; i += n) {
        const double m = k->b + k->s * (x + (double)pace * (double)i), a = block_of(k, m);
        const int first = (int)offset_in_block(k, m, 0.0), left = (LR_FAR_BLOCK - first + pace - 1) / pace;
        n = steps - i < left ? steps - i : left;
        double *doubles = (double *)out + i;
        float *singles = (float *)out + i;
        if (used == batched) { /* the blocks from here on, as many as the run needs and a batch holds */
            const int64_t needed = ((int64_t)first + (steps - i - 1) * pace) / LR_FAR_BLOCK + 1;
            batched = needed < LR_FAR_BATCH ? (int)needed : LR_FAR_BATCH;
            used = 0;
            if (power)
                for (int j = 0; j < batched; j++) blocks[j] = block_at(k, a + k->s * (LR_FAR_BLOCK * whole_steps[j]));
            else fill_batch(&batch, k, a, batched);
        }
        if (power) {
            if (single) far_power_run_single(blocks[used], first, pace, singles, (int)n, stream);
            else far_power_run(blocks[used], first, pace, doubles, (int)n, stream);
            used++;
            continue;
        }
        const anchor v = {batch.high[used], batch.low[used], batch.p[used], batch.q[used]};
        used++;
        if (single) far_run_single(v, offsets->s + first, offsets->t + first, pace, singles, (int)n, stream);
        else far_run(v, offsets->s + first, offsets->t + first, pace, doubles, (int)n, stream);
    }
}

/* -- whole steps in order -- */

/* An anchor for the positions of each block, whose offsets are computed: looking them up would need gathers. */
LR_APART void far_ascending(const lr_piece *piece, clock t, double *restrict out) {
    const lr_piece copy = *piece, *k = &copy;
    const double from = k->s * k->b; /* s m = from + x */
    for (int i = 0, n; i < t.n; i += n) {
        const double m = k->b + k->s * position_at(t, i), floor = block_floor(k, m), a = k->s * floor;
        const double shift = t.base + (from - floor), *restrict xs = t.xs + i;
        double *restrict o = out + i;
        n = before((clock){t.base, xs, 0.0, t.n - i}, t.n - i, floor + LR_FAR_BLOCK - from);
        if (is_far_power(k->formula)) {
            const power_block v = block_at(k, a);
            for (int j = 0; j < n; j++) o[j] = join_power(v, shift + xs[j]);
        }
#define LR_FAR_ASCENDING(name, anchor_of, offset_of)                                       \
    if (k->formula == LR_##name) {                                                         \
        const anchor v = anchor_of(k, a);                                                  \
        for (int j = 0; j < n; j++) o[j] = join(v, offset_of(k, shift + xs[j]));           \
    }
        LR_FAR_TABLED(LR_FAR_ASCENDING)
    }
}

/* -- whole steps in any order -- */

/* one past the largest position on the root clock: what a curve without an end needs anchors up to */
static double call_end(const context *c) {
    int64_t last = 0;
    for (int64_t i = 0; c->positions && i < c->total; i++) last = c->positions[i] > last ? c->positions[i] : last;
    return c->positions ? (double)last + 1.0 : INFINITY;
}

/* the anchors of all blocks of a power that ends before `end`, or null if there are too many for this call */
static const far_anchors *anchors_of(context *c, const lr_piece *k, double end) {
    far_anchors *kept = &c->far->anchors[(k - c->program->pieces) % LR_FAR_TABLES];
    if (kept->piece == k) return kept->blocks ? kept : NULL;
    free(kept->blocks);
    kept->piece = k;
    kept->blocks = NULL;
    if (end > LR_LAST_STEP && (end = call_end(c)) <= k->begin) return NULL;
    if (end > LR_LAST_STEP) return NULL;
    const double first = block_floor(k, k->b + k->s * k->begin), last = block_floor(k, k->b + k->s * (end - 1.0));
    const double count = (last - first) / LR_FAR_BLOCK + 1.0;
    if (count > LR_FAR_MOST_BLOCKS || 2.0 * count > (double)c->total) return NULL;
    kept->blocks = malloc((size_t)count * sizeof *kept->blocks);
    for (int j = 0; kept->blocks && j < (int)count; j++)
        kept->blocks[j] = block_at(k, k->s * (first + (double)j * LR_FAR_BLOCK));
    kept->first = first;
    kept->count = count;
    return kept->blocks ? kept : NULL;
}

/* All positions lie in the far part of a power that ends before `end`; 0 if there is no table for it. */
LR_APART int far_scattered(context *c, const lr_piece *k, double end, clock t, double *restrict out) {
    if (!c->whole || !c->far || !is_far_power(k->formula)) return 0;
    const far_anchors *anchors = anchors_of(c, k, end);
    if (!anchors) return 0;
    const double from = k->s * k->b - anchors->first; /* s m = s b + x, counted from the first block */
    double most = 0.0;
    for (int i = 0; i < t.n; i++) most = t.xs[i] > most ? t.xs[i] : most;
    if (from + (t.base + most) >= anchors->count * LR_FAR_BLOCK) return 0; /* an inner clock may run faster than the call's */
    for (int i = 0; i < t.n; i++) {
        LR_ONE_BY_ONE;
        const int at = (int)(from + (t.base + t.xs[i]));
        out[i] = join_power(anchors->blocks[at / LR_FAR_BLOCK], (double)(at % LR_FAR_BLOCK));
    }
    return 1;
}
