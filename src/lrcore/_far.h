/* The far pieces (see _shapes.h) over many steps: offsets from a table, anchors once a block. Part of _engine.h. */

#define LR_FAR_TABLES 8          /* pieces whose tables are kept at a time */
#define LR_FAR_MOST_BLOCKS 65536 /* anchors kept for steps in any order: 4 MiB, about a second-level cache */

typedef struct far_table {
    const lr_piece *piece;
    double s[LR_FAR_BLOCK], t[LR_FAR_BLOCK]; /* the offsets of a block; not for powers */
    double (*anchors)[8];                    /* the anchors of all blocks, for steps in any order; null until then */
    double first;                            /* s m of the first of them, a multiple of the block */
    int steps;                               /* the steps they reach over */
} far_table;

/* TABLED(formula, anchor, offset) */
#define LR_FAR_TABLED(TABLED)                              \
    TABLED(line_far, line_anchor, line_offset)             \
    TABLED(half_cosine_far, cosine_anchor, cosine_offset)  \
    TABLED(geometric_far, geometric_anchor, geometric_offset)

static inline int is_far_power(int formula) { return formula == LR_power_far || formula == LR_power_rest_far; }

static inline int is_far(int formula) {
#define LR_FAR_IS(name, anchor_of, offset_of) || formula == LR_##name
    return is_far_power(formula) LR_FAR_TABLED(LR_FAR_IS);
}

static far_table *new_far_tables(void) {
    far_table *tables = malloc(LR_FAR_TABLES * sizeof(far_table));
    for (int i = 0; tables && i < LR_FAR_TABLES; i++) tables[i].piece = NULL, tables[i].anchors = NULL;
    return tables;
}

static void free_far_tables(far_table *tables) {
    for (int i = 0; tables && i < LR_FAR_TABLES; i++) free(tables[i].anchors);
    free(tables);
}

/* the table of a piece, its offsets filled */
static far_table *far_table_of(context *c, const lr_piece *k) {
    far_table *table = c->far + (k - c->program->pieces) % LR_FAR_TABLES;
    if (table->piece == k) return table;
    free(table->anchors);
    table->anchors = NULL;
    table->piece = k;
#define LR_FAR_OFFSETS(name, anchor_of, offset_of)          \
    if (k->formula == LR_##name)                            \
        for (int i = 0; i < LR_FAR_BLOCK; i++) {            \
            const offset o = offset_of(k, (double)i);       \
            table->s[i] = o.s;                              \
            table->t[i] = o.t;                              \
        }
    LR_FAR_TABLED(LR_FAR_OFFSETS)
    return table;
}

/* -- a clock that moves by one -- */

static inline void far_run(anchor a, const double *restrict s, const double *restrict t, double *restrict out, int n) {
    if (a.q == 0.0)
        for (int i = 0; i < n; i++) out[i] = a.high + (a.low + (a.p * s[i] + 0.0));
    else
        for (int i = 0; i < n; i++) out[i] = a.high + (a.low + (a.p * s[i] + a.q * t[i]));
}

static inline void far_power_run(power_block a, double first, double *restrict out, int n) {
    for (int i = 0; i < n; i++) out[i] = join_power(a, first + whole_steps[i]);
}

/* block by block */
LR_APART void far_loop(const lr_piece *piece, clock t, const far_table *table, double *restrict out) {
    const lr_piece copy = *piece, *k = &copy;
    const double b = k->b + k->s * t.base;
    for (int i = 0, n; i < t.n; i += n) {
        const double m = b + k->s * t.xs[i], a = block_of(k, m);
        const int first = (int)offset_in_block(k, m, 0.0), left = LR_FAR_BLOCK - first;
        n = t.n - i < left ? t.n - i : left;
        switch (k->formula) {
#define LR_FAR_RUN(name, anchor_of, offset_of) \
    case LR_##name: far_run(anchor_of(k, a), table->s + first, table->t + first, out + i, n); break;
            LR_FAR_TABLED(LR_FAR_RUN)
        default: far_power_run(power_block_of(k, a, k->formula == LR_power_far ? 1.0 : -1.0), (double)first, out + i, n);
        }
    }
}

/* -- whole steps in any order -- */

/* the anchors of all blocks of a piece that ends before `end`, or null if there are too many for this call */
static double (*far_anchors(context *c, far_table *table, double end))[8] {
    const lr_piece *k = table->piece;
    if (table->anchors || end > LR_LAST_STEP) return table->anchors;
    const double first = block_floor(k, k->b + k->s * k->begin), last = block_floor(k, k->b + k->s * (end - 1.0));
    const double blocks = (last - first) / LR_FAR_BLOCK + 1.0;
    if (blocks > LR_FAR_MOST_BLOCKS || 2.0 * blocks > (double)c->total) return NULL;
    double(*anchors)[8] = malloc((size_t)blocks * sizeof *anchors);
    for (int64_t j = 0; anchors && j < (int64_t)blocks; j++) {
        const double a = k->s * (first + (double)j * LR_FAR_BLOCK);
        switch (k->formula) {
#define LR_FAR_ANCHOR(name, anchor_of, offset_of) \
    case LR_##name: {                             \
        const anchor v = anchor_of(k, a);         \
        memcpy(anchors[j], &v, sizeof v);         \
        break;                                    \
    }
            LR_FAR_TABLED(LR_FAR_ANCHOR)
        default: {
            const power_block v = power_block_of(k, a, k->formula == LR_power_far ? 1.0 : -1.0);
            memcpy(anchors[j], &v, sizeof v);
        }
        }
    }
    table->first = first;
    table->steps = (int)blocks * LR_FAR_BLOCK;
    return table->anchors = anchors;
}

/* `at` as it is within `steps`; what lies outside is thrown away, but must be looked up somewhere */
static inline int within(double at, int steps) {
    at = at < 0.0 ? 0.0 : at;
    at = at < (double)(steps - 1) ? at : (double)(steps - 1);
    return (int)at;
}

/* Most positions lie in `pieces` pieces (one, or the two halves of a curve) that end before `end`, and only their values are kept
 * by the caller; 0 if there is no table for them. */
LR_APART int far_scattered(context *c, const lr_piece *k, int pieces, double end, clock t, double *restrict out) {
    if (!c->whole || !c->far || !is_far(k->formula)) return 0;
    far_table *table = far_table_of(c, k), *other = pieces == 2 ? far_table_of(c, k + 1) : table;
    const double middle = pieces == 2 ? k[1].begin : INFINITY;
    if (!far_anchors(c, table, pieces == 2 ? middle : end)) return 0;
    if (pieces == 2 && !far_anchors(c, other, end)) return 0;
    /* s m = s b + x, counted from the first block; the half is picked by an index, since a branch would be guessed wrong half the time */
    const double from[2] = {k->s * k->b - table->first, k[pieces - 1].s * k[pieces - 1].b - other->first};
    const far_table *const half[2] = {table, other};
    const double *restrict xs = t.xs;
    for (int i = 0; i < t.n; i++) {
        LR_ONE_BY_ONE;
        const double x = t.base + xs[i];
        const int second = x >= middle, at = within(from[second] + x, half[second]->steps), in_block = at % LR_FAR_BLOCK;
        const double *v = half[second]->anchors[at / LR_FAR_BLOCK];
        if (is_far_power(k->formula)) {
            power_block block;
            memcpy(&block, v, sizeof block);
            out[i] = join_power(block, (double)in_block);
        } else {
            out[i] = v[0] + (v[1] + (v[2] * table->s[in_block] + v[3] * table->t[in_block]));
        }
    }
    return 1;
}
