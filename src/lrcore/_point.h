/* A Program at one position: the same formulas as for blocks, without clocks and buffers. Part of _engine.h. */

#define LR_POINT(name, value)                                       \
    static double point_##name(const lr_piece *k, double x) {       \
        const dd d = distance(k, x);                                \
        const double m = d.h, l = d.l;                              \
        (void)m, (void)l;                                           \
        return value;                                               \
    }
LR_FORMULAS(LR_POINT)

#define LR_POINT_NAME(name, value) point_##name,
static double (*const points[])(const lr_piece *, double) = {LR_FORMULAS(LR_POINT_NAME)};

/* what evaluating one row needs to know */
typedef struct {
    const lr_program *program;
    double step;    /* where the shared nodes are shared */
    double *slots;  /* their values there */
    unsigned char *slot_filled;
    power_memo memo[2];
    int refused;
} point_context;

static double value_at(point_context *c, int index, double x);

static double value_of_node(point_context *c, const lr_node *node, double x) {
    const int32_t *children = c->program->children + node->first;
    double inside, length;
    switch (node->op) {
    case LR_PIECES: {
        const lr_piece *pieces = c->program->pieces + node->first, *k = pieces + piece_of(pieces, node->count, x);
        if (k->formula != LR_CALL) return points[k->formula](k, x);
        const double move = k->s * x;
        if (k->s != 1.0 && move > LR_LAST_STEP) return c->refused = 2, 0.0;
        return value_at(c, k->child, k->b + move);
    }
    case LR_REPEAT: {
        const double cycle = cycle_of(node, x, &inside, &length);
        const double value = value_at(c, children[node->starts ? (int)cycle : 0], inside);
        if (!node->decay_powers && !node->floor_powers) return value;
        return in_cycle(value_of_cycle(c->memo, node, cycle), value);
    }
    case LR_EVERY: return value_at(c, children[0], whole_quotient(x, node->length, &inside) * node->length);
    case LR_PER: return value_at(c, children[0], whole_quotient(x, node->length, &inside));
    case LR_MIRROR:
        whole_quotient(x, 2.0 * node->length, &inside);
        return value_at(c, children[0], inside < node->length ? inside : 2.0 * node->length - inside);
    case LR_REFUSE:
        if (x >= node->length) return c->refused = 1, 0.0;
        return value_at(c, children[0], x);
    default: {
        const int first = first_term(c->program, node);
        double value = value_at(c, children[first], x);
        for (int j = 0; j < node->count; j++)
            if (j != first) value = combine(node->op, value, value_at(c, children[j], x));
        return value;
    }
    }
}

static double value_at(point_context *c, int index, double x) {
    const lr_node *node = c->program->nodes + index;
    if (node->slot < 0 || x != c->step) return value_of_node(c, node, x);
    if (!c->slot_filled[node->slot]) {
        c->slots[node->slot] = value_of_node(c, node, x);
        c->slot_filled[node->slot] = 1;
    }
    return c->slots[node->slot];
}

/* the value of the first column, for a program that has no other and shares nothing */
static int run_one(const lr_program *p, double x, double *restrict out) {
    const lr_node *node = p->nodes + p->sources[0];
    if (node->op == LR_PIECES) { /* most schedules, without the detour by value_at */
        const lr_piece *pieces = p->pieces + node->first, *k = pieces + piece_of(pieces, node->count, x);
        if (k->formula != LR_CALL) {
            *out = p->columns[0].scale * points[k->formula](k, x);
            return 0;
        }
    }
    point_context c;
    c.program = p;
    c.step = x;
    c.refused = 0;
    c.memo[0].table = c.memo[1].table = NULL;
    *out = p->columns[0].scale * value_at(&c, p->sources[0], x);
    return c.refused;
}

#define LR_SMALL_ROW 256 /* values that fit the stack: those of most plans */

static int run_row(const lr_program *p, double x, double *restrict out) {
    const size_t slots = (size_t)p->n_slots, sources = (size_t)p->n_sources;
    if (p->n_columns == 1 && slots == 0) return run_one(p, x, out);
    double small[LR_SMALL_ROW], *memory = small;
    const size_t need = sources + slots + slots / 8 + 1;
    if (need > LR_SMALL_ROW && !(memory = malloc(need * sizeof(double)))) return -1;
    point_context c;
    c.program = p;
    c.step = x;
    c.slots = memory + sources;
    c.slot_filled = (unsigned char *)(c.slots + slots);
    c.memo[0].table = c.memo[1].table = NULL;
    c.refused = 0;
    memset(c.slot_filled, 0, slots);
    for (size_t s = 0; s < sources && !c.refused; s++) memory[s] = value_at(&c, p->sources[s], x);
    for (int j = 0; j < p->n_columns && !c.refused; j++) out[j] = p->columns[j].scale * memory[p->columns[j].source];
    if (memory != small) free(memory);
    return c.refused;
}
