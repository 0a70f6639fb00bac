/* Loops over one piece: one formula, many positions. Part of _engine.h. */

/* m + l = b + b_low + s x, in two doubles */
static inline dd distance(const lr_piece *k, double x) {
    const double move = k->s * x;
    const dd sum = two_sum(k->b, move);
    return quick_sum(sum.h, sum.l + (residual(k->s, x, move) + k->b_low));
}

#define LR_LOOP(name, value)                                                        \
    static void loop_##name(const lr_piece *piece, clock t, double *restrict out) { \
        const lr_piece copy = *piece, *k = &copy;                                   \
        const double base = t.base, *restrict xs = t.xs;                            \
        for (int i = 0; i < t.n; i++) {                                             \
            const dd d = distance(k, base + xs[i]);                                 \
            const double m = d.h, l = d.l;                                          \
            (void)m, (void)l;                                                       \
            out[i] = value;                                                         \
        }                                                                           \
    }
LR_FORMULAS(LR_LOOP)

/* The two halves of a curve at positions in any order: the same formula, with each position's half selected. */
#define LR_HALVES(name, value)                                                         \
    static void halves_##name(const lr_piece *piece, clock t, double *restrict out) {  \
        const lr_piece p = piece[0], q = piece[1];                                     \
        const double base = t.base, *restrict xs = t.xs;                               \
        for (int i = 0; i < t.n; i++) {                                                \
            const double x = base + xs[i];                                             \
            const int second = x >= q.begin;                                           \
            const lr_piece half = {                                                    \
                .b = second ? q.b : p.b,                                               \
                .b_low = second ? q.b_low : p.b_low,                                   \
                .s = second ? q.s : p.s,                                               \
                .end = second ? q.end : p.end,                                         \
                .span_h = second ? q.span_h : p.span_h,                                \
                .span_l = second ? q.span_l : p.span_l,                                \
                .rate_h = p.rate_h,                                                    \
                .rate_l = p.rate_l,                                                    \
            };                                                                         \
            const lr_piece *k = &half;                                                 \
            const dd d = distance(k, x);                                               \
            const double m = d.h, l = d.l;                                             \
            out[i] = value;                                                            \
        }                                                                              \
    }
LR_TWO_SIDED(LR_HALVES)

typedef void (*loop)(const lr_piece *, clock, double *restrict);
#define LR_LOOP_NAME(name, value) loop_##name,
static const loop loops[] = {LR_FORMULAS(LR_LOOP_NAME)};

/* the loop over two neighbouring pieces as one curve, or null */
static loop halves_of(const lr_piece *k) {
    if (k[0].formula != k[1].formula || k[0].rate_h != k[1].rate_h || k[0].rate_l != k[1].rate_l) return NULL;
#define LR_HALVES_CASE(name, value) if (k->formula == LR_##name) return halves_##name;
    LR_TWO_SIDED(LR_HALVES_CASE)
    return NULL;
}

/* whether a formula may be run at positions of other pieces, for values that are then thrown away */
static int is_total(int formula) {
    return formula == LR_hold || formula == LR_line || formula == LR_line_far || formula == LR_half_cosine ||
           formula == LR_half_cosine_far || formula == LR_geometric || formula == LR_geometric_far;
}

/* A power on a regular clock: all distances of a slice share their anchor, so it is looked up once a slice where slices are wide. */
LR_APART void sliced_loop(const lr_piece *piece, clock t, double *restrict out) {
    const lr_piece copy = *piece, *k = &copy;
    const double b = k->b + k->s * t.base, s = k->s, pace = s * t.stride, *restrict xs = t.xs;
    const int rest = k->formula == LR_power_rest;
    for (int i = 0, n; i < t.n; i += n) {
        const double m = b + s * xs[i];
        const double octave = from_bits(bits_of(m) & 0x7ff0000000000000ULL), width = octave / (double)(1 << (int)k->arg);
        const double low = octave + width * (double)(int64_t)((m - octave) / width);
        /* `left` may be off by one, so that the last distances of a slice go one by one */
        const double left = pace > 0 ? (low + width - m) / pace : (low - m) / pace;
        n = left < (double)(t.n - i) ? (int)left : t.n - i;
        if (n < 4) {
            n = t.n - i < 4 ? t.n - i : 4;
            loops[k->formula](k, (clock){t.base, xs + i, 0.0, n}, out + i);
            continue;
        }
        const power_anchor a = power_anchor_of(k, m);
        const double shrink = from_bits(0x7fe0000000000000ULL - bits_of(octave));
        double *restrict o = out + i;
        const double *restrict x = xs + i;
        if (rest)
            for (int j = 0; j < n; j++) o[j] = mix(k, one_minus(power_from_anchor(a, (b + s * x[j]) * shrink)));
        else
            for (int j = 0; j < n; j++) o[j] = mix(k, power_from_anchor(a, (b + s * x[j]) * shrink));
    }
}

/* -- constants that neighbours share: formulas with tables of slices, on a regular clock of whole distances -- */

/* how many of the next steps a slice may hold: `left` of what the slice is cut in, `pace` of it a step, off by one at most */
static inline int run_within(double left, double pace, int n) {
    const double steps = left / pace;
    return steps < (double)n ? (int)steps : n;
}

/* A slice is an octave's 2^BITS-th part, found by the bits of the KEY, in two doubles at distance m, of which a step moves PACE. ANCHOR:
 * what a slice shares, from its `first` key; VALUE: what becomes of a key */
#define LR_ANCHORED(name, BITS, KEY, PACE, ANCHOR, VALUE)                                                                      \
    LR_APART void anchored_##name(const lr_piece *piece, clock t, double *restrict out) {                                       \
        const lr_piece copy = *piece, *k = &copy;                                                                               \
        const double b = k->b + k->s * t.base, s = k->s, pace = (s * t.stride) * (PACE), *restrict xs = t.xs;                    \
        const int shift = 52 - (BITS);                                                                                          \
        for (int i = 0, n; i < t.n; i += n) {                                                                                   \
            double m = b + s * xs[i];                                                                                           \
            const dd first = KEY;                                                                                               \
            const uint64_t slice = bits_of(first.h) >> shift;                                                                   \
            const double low = from_bits(slice << shift), high = from_bits((slice + 1) << shift);                               \
            n = run_within(pace > 0 ? high - first.h : low - first.h, pace, t.n - i);                                           \
            for (; n > 3; n--) {                                                                                                \
                m = b + s * xs[i + n - 1];                                                                                      \
                const dd last = KEY;                                                                                            \
                if (bits_of(last.h) >> shift == slice) break;                                                                   \
            }                                                                                                                   \
            if (n < 4) {                                                                                                        \
                n = t.n - i < 4 ? t.n - i : 4;                                                                                  \
                loops[k->formula](k, (clock){t.base, xs + i, 0.0, n}, out + i);                                                 \
                continue;                                                                                                       \
            }                                                                                                                   \
            ANCHOR;                                                                                                             \
            const double *restrict x = xs + i;                                                                                  \
            double *restrict o = out + i;                                                                                       \
            for (int j = 0; j < n; j++) {                                                                                       \
                m = b + s * x[j];                                                                                               \
                const dd key = KEY;                                                                                             \
                o[j] = mix(k, VALUE);                                                                                           \
            }                                                                                                                   \
        }                                                                                                                       \
    }
#define LR_ANCHOR_OF_POWER                                  \
    const power_anchor a = power_anchor_of(k, first.h);     \
    const double shrink = shrink_of(first.h)
#define LR_ANCHOR_OF_LOG const log_anchor a = log_anchor_of(k, first.h)
#define LR_LEAD(of_power) lead_at(lead_polynomial(k), power_at(a, shrink, key.h, key.l), key.h, of_power)
LR_ANCHORED(law, (int)k->arg, law_distance(k, m, 0.0), 1.0, LR_ANCHOR_OF_POWER, power_at(a, shrink, key.h, key.l))
LR_ANCHORED(lead, (int)k->arg, argument_of_whole(k, m), k->rate_h, LR_ANCHOR_OF_POWER, LR_LEAD(0))
LR_ANCHORED(lead_of_power, (int)k->arg, argument_of_whole(k, m), k->rate_h, LR_ANCHOR_OF_POWER, LR_LEAD(1))
LR_ANCHORED(log, LR_LOG_BITS, plus_one(argument_of_whole(k, m)), k->rate_h, LR_ANCHOR_OF_LOG, log_at(a, key))

LR_APART void loop_of_slices(const lr_piece *piece, clock t, double *restrict out) {
    const lr_piece copy = *piece, *k = &copy;
    const double b = k->b + k->s * t.base, s = k->s, pace = s * t.stride * k->rate_h * k->arg, *restrict xs = t.xs;
    if (pace > 0.25 || pace < -0.25) { /* a short curve: a slice or more for every few steps */
        loops[k->formula](k, t, out);
        return;
    }
    for (int i = 0, n; i < t.n; i += n) {
        const double at = argument_of_whole(k, b + s * xs[i]).h * k->arg;
        const int slice = (int)at;
        n = run_within(pace > 0 ? (double)(slice + 1) - at : (double)slice - at, pace, t.n - i);
        while (n > 3 && slice_index(k, argument_of_whole(k, b + s * xs[i + n - 1]).h) != slice) n--;
        if (n < 4) {
            n = t.n - i < 4 ? t.n - i : 4;
            loops[k->formula](k, (clock){t.base, xs + i, 0.0, n}, out + i);
            continue;
        }
        double row[LR_SLICE_ROW];
        memcpy(row, k->table + LR_SLICE_ROW * slice, sizeof row);
        const double *restrict x = xs + i;
        double *restrict o = out + i;
        for (int j = 0; j < n; j++) o[j] = mix(k, slice_value(row, argument_of_whole(k, b + s * x[j])));
    }
}

/* the loop over a regular clock that shares what neighbours share, or null */
static loop shared_loop(const lr_piece *k) {
    switch (k->formula) {
    case LR_power:
    case LR_power_rest: return sliced_loop;
    case LR_law: return anchored_law;
    case LR_lead: return anchored_lead;
    case LR_lead_of_power: return anchored_lead_of_power;
    case LR_log: return anchored_log;
    case LR_slice: return loop_of_slices;
    default: return NULL;
    }
}
