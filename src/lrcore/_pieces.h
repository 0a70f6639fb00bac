/* From a clock to the pieces its positions lie in, and each piece to its loop. Part of _engine.h. */

static inline int piece_of(const lr_piece *pieces, int count, double x) {
    int low = 0;
    while (count > 1) {
        int half = count >> 1;
        if (pieces[low + half].begin <= x) low += half;
        count -= half;
    }
    return low;
}

/* real positions come one at a time, as a clock that could go on in steps of one */
static inline int is_whole(clock t) { return t.base == (double)(int64_t)t.base; }

/* whether the distances of a piece are whole numbers on a regular clock */
static inline int is_exact(const lr_piece *k, clock t) {
    const double s = k->s < 0 ? -k->s : k->s, b = k->b < 0 ? -k->b : k->b;
    return k->b_low == 0.0 && b <= LR_LAST_STEP && s * position_at(t, t.n - 1) <= LR_LAST_STEP;
}

/* whether a piece goes by blocks here */
static inline int runs_far(const context *c, const lr_piece *k, clock t) {
    return t.stride > 0 && t.stride < LR_FAR_BLOCK && c->far && is_far(k->formula) && is_whole(t);
}

static void run_piece(context *c, const lr_piece *k, clock t, double *restrict out) {
    if (k->formula == LR_CALL) {
        if (k->s == 1.0) {
            t.base += k->b;
            evaluate(c, k->child, t, out);
            return;
        }
        double *mark = c->scratch, *xs = take(c, t.n);
        if (t.stride > 0 && k->s * position_at(t, t.n - 1) <= LR_LAST_STEP) { /* a regular clock stays one, s times as fast */
            for (int i = 0; i < t.n; i++) xs[i] = k->s * t.xs[i];
            evaluate(c, k->child, (clock){k->b + k->s * t.base, xs, k->s * t.stride, t.n}, out);
        } else {
            for (int i = 0; i < t.n; i++) {
                const double x = t.base + t.xs[i], move = k->s * x;
                xs[i] = k->b + move;
                if (move > LR_LAST_STEP) c->refused = 2, xs[i] = 0.0;
            }
            evaluate(c, k->child, (clock){0.0, xs, 0.0, t.n}, out);
        }
        c->scratch = mark;
    } else if (runs_far(c, k, t)) {
        far_loop(k, t.base, (int)t.stride, t.n, c->far, out, 0, 0);
    } else {
        const loop shared = t.stride > 0 && t.n > 4 && is_exact(k, t) ? shared_loop(k) : NULL;
        (shared ? shared : loops[k->formula])(k, t, out);
    }
}

/* the piece of a regular clock's step i, starting from piece p, and how many steps from there on belong to it */
static inline int next_piece(const lr_piece *pieces, int count, int p, clock t, int i, int *n) {
    const double x = position_at(t, i);
    while (p + 1 < count && pieces[p + 1].begin <= x) p++;
    *n = p + 1 < count ? run_before(t, i, pieces[p + 1].begin) : t.n - i;
    return p;
}

/* how many positions lie in [begin, end) */
static inline int count_between(clock t, double begin, double end) {
    int n = 0;
    for (int i = 0; i < t.n; i++) {
        const double x = t.base + t.xs[i];
        n += (x >= begin) & (x < end);
    }
    return n;
}

#define LR_FEW_PIECES 16

/* Positions in any order. Most often nearly all of them lie in one piece, or in the two halves of a curve: these are run over the
 * whole block, and the few others are put right one by one. Else the positions of each piece are collected and run together. */
LR_APART void evaluate_scattered(context *c, const lr_piece *pieces, int count, clock t, double *restrict out) {
    for (int probe = 0; probe < 2; probe++) {
        int p = piece_of(pieces, count, position_at(t, probe * (t.n / 2)));
        loop halves = p + 1 < count ? halves_of(pieces + p) : NULL;
        if (!halves && p > 0 && (halves = halves_of(pieces + p - 1))) p--;
        const int next = p + (halves ? 2 : 1);
        const double begin = p == 0 ? 0.0 : pieces[p].begin, end = next < count ? pieces[next].begin : INFINITY;
        const int n = t.n == 1 ? 1 : count_between(t, begin, end);
        if (n < t.n && (n < t.n - t.n / 16 || !is_total(pieces[p].formula))) continue;
        if (t.n == 1) run_piece(c, pieces + piece_of(pieces, count, position_at(t, 0)), t, out);
        else if (halves) halves(pieces + p, t, out);
        else if (n < t.n || !far_scattered(c, pieces + p, end, t, out)) run_piece(c, pieces + p, t, out);
        for (int i = 0; n < t.n && i < t.n; i++) {
            const double x = position_at(t, i);
            if (x < begin || x >= end) run_piece(c, pieces + piece_of(pieces, count, x), part(t, i, 1), out + i);
        }
        return;
    }
    if (count > LR_FEW_PIECES) { /* too many pieces to look for each one's positions: take them as they come */
        for (int i = 0; i < t.n;) {
            const int p = piece_of(pieces, count, position_at(t, i));
            const double begin = pieces[p].begin, end = p + 1 < count ? pieces[p + 1].begin : INFINITY;
            int n = 1;
            while (i + n < t.n && position_at(t, i + n) >= begin && position_at(t, i + n) < end) n++;
            run_piece(c, pieces + p, part(t, i, n), out + i);
            i += n;
        }
        return;
    }
    /* sorted by piece: how many pieces begin before a position, then a place for each among those of its piece */
    double *mark = c->scratch, *xs = take(c, t.n), *values = take(c, t.n);
    int *restrict which = (int *)take(c, t.n), *restrict where = which + t.n, next[LR_FEW_PIECES + 1] = {0};
    memset(which, 0, sizeof(int) * (size_t)t.n);
    for (int p = 1; p < count; p++) {
        const double begin = pieces[p].begin;
        for (int i = 0; i < t.n; i++) which[i] += t.base + t.xs[i] >= begin;
    }
    for (int i = 0; i < t.n; i++) next[which[i] + 1]++;
    for (int p = 1; p < count; p++) next[p + 1] += next[p];
    for (int i = 0; i < t.n; i++) {
        const int at = next[which[i]]++;
        xs[at] = t.xs[i];
        where[at] = i;
    }
    for (int p = 0, i = 0; p < count; i = next[p++]) { /* by now next[p] is the end of piece p's positions */
        const double end = p + 1 < count ? pieces[p + 1].begin : INFINITY;
        const clock chosen = {t.base, xs + i, 0.0, next[p] - i};
        if (chosen.n > 0 && !far_scattered(c, pieces + p, end, chosen, values + i)) run_piece(c, pieces + p, chosen, values + i);
    }
    for (int i = 0; i < t.n; i++) out[where[i]] = values[i];
    c->scratch = mark;
}

#define LR_FAR_SPARSE 32.0 /* steps apart on average, from which on a block has too few to share its anchor */

/* Whole positions in ascending order: piece after piece, and with luck many steps to a block of a far one. */
LR_APART void evaluate_ascending(context *c, const lr_piece *pieces, int count, clock t, double *restrict out) {
    int p = piece_of(pieces, count, position_at(t, 0));
    for (int i = 0, n; i < t.n; i += n) {
        const double x = position_at(t, i);
        while (p + 1 < count && pieces[p + 1].begin <= x) p++;
        clock run = part(t, i, t.n - i);
        n = run.n = p + 1 < count ? before(run, run.n, pieces[p + 1].begin) : run.n;
        if (is_far(pieces[p].formula) && position_at(run, n - 1) - x < LR_FAR_SPARSE * n) far_ascending(pieces + p, run, out + i);
        else run_piece(c, pieces + p, run, out + i);
    }
}

static void evaluate_pieces(context *c, const lr_node *node, clock t, double *restrict out) {
    const lr_piece *pieces = c->program->pieces + node->first;
    const int count = node->count;
    if (count == 1 && (t.stride > 0 || !c->far || !is_far(pieces->formula))) {
        run_piece(c, pieces, t, out);
        return;
    }
    if (t.stride > 0) {
        int p = piece_of(pieces, count, position_at(t, 0));
        for (int i = 0, n; i < t.n; i += n) {
            p = next_piece(pieces, count, p, t, i, &n);
            run_piece(c, pieces + p, part(t, i, n), out + i);
        }
        return;
    }
    if (c->whole && c->far && is_ascending(t)) evaluate_ascending(c, pieces, count, t, out);
    else evaluate_scattered(c, pieces, count, t, out);
}
