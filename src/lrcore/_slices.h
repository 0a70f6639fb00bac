/* Shapes from series (_series.h) cut into slices, whose tables are shared by all ramps of a shape and parameters. Part of _prepare.c. */
#ifndef LR_SLICES_H
#define LR_SLICES_H

#define LR_FEWEST_SLICES 64
#define LR_MOST_SLICES 8192

/* A curve as series, for any length and ends. `start` and `stop`: its ends, as lead_of wants them; after them the slices of either
 * side, each counted from its own end, up to the one where it is half way and one more. */
typedef struct {
    struct lr_table *table;
    series_shape shape;
    int slices, start_rows, lead_slices[2], bits[2];
    const double *lead[2], *rows[2], *fine[2]; /* fine: null if there are too many slices for that */
} curve;

/* left(y)^outer about u, or about v = 1 - u counted from there; and what has passed */
static series left_of(const series_shape *shape, double at, int side) {
    const series u = side ? series_of(two_sum(1.0, -at), -1.0) : series_of((dd){at, 0.0}, 1.0);
    const series y = shape->inner == 1.0 ? u : power(u, shape->inner);
    const series v = shape->inner == 1.0 && side ? series_of((dd){at, 0.0}, 1.0) : plus_number(times(y, (dd){-1.0, 0.0}), ONE);
    const series left = shape->left(shape->args, y, v);
    return shape->outer == 1.0 ? left : power(left, shape->outer);
}

static series height_of(const series_shape *shape, double at, int side) {
    const series left = left_of(shape, at, side);
    return side ? left : plus_number(times(left, (dd){-1.0, 0.0}), ONE);
}

static double size_of(double x) { return x < 0 ? -x : x; }

/* Whether what a polynomial of that order leaves out at |z| is below 2^-56 of its value, and its first term moves that by less than
 * three eighths. The terms left out are taken to shrink on as the last two pairs do (pairs, as in an even curve every second is 0). */
static int converges(const double *c, int order, double z, double value) {
    double pair = 0.0, last = 0.0, reach = 1.0;
    for (int i = 1; i <= order; i++) {
        reach *= z;
        const double term = size_of(c[i]) * reach;
        if (i > order - 2) last = term > last ? term : last;
        else if (i > order - 4) pair = term > pair ? term : pair;
    }
    return last * last * 0x1p56 <= size_of(value) * pair && last <= pair && size_of(c[1]) * z <= 0.375 * size_of(value);
}

static void fill_row(series height, double at, double *row) {
    row[0] = at;
    row[1] = height.c[0].h;
    row[2] = height.c[0].l;
    for (int i = 1; i <= LR_ORDER; i++) row[2 + i] = height.c[i].h + height.c[i].l;
    row[3 + LR_ORDER] = 0.0;
}

static int row_converges(const double *row, int side, double half_width) {
    double c[LR_ORDER + 1];
    for (int i = 1; i <= LR_ORDER; i++) c[i] = row[2 + i];
    /* what has passed is 1 minus what is left: below 2^-40 of it too little of two doubles remains */
    return (side || row[1] > 0x1p-40) && converges(c, LR_ORDER, half_width, row[1]);
}

/* the height near an end: w^power times a polynomial in z, which is w^power too if it is of a power, known to the order
 * `known`; returns the power */
static double lead_series(const series_shape *shape, int side, series *polynomial, int *known) {
    const double none[1] = {0.0};
    const series zero = series_of((dd){none[0], 0.0}, 1.0), one = series_of(ONE, -1.0);
    series height = side ? shape->left(shape->args, one, zero) : shape->left(shape->args, zero, one);
    const double outer = side ? shape->outer : 1.0;
    if (!side) {
        if (shape->outer != 1.0) height = power(height, shape->outer);
        height = times(height, (dd){-1.0, 0.0});
    }
    if (side && shape->inner != 1.0) height = shape->left(shape->args, power(one, shape->inner), plus_number(times(power(one, shape->inner), (dd){-1.0, 0.0}), ONE));
    int order = 1;
    while (order < LR_ORDER && size_of(height.c[order].h) < 0x1p-80) order++;
    const int stride = !side && shape->inner != 1.0 ? order : 1;
    series shifted = {{{0.0, 0.0}}};
    for (int i = 0; order + i * stride <= LR_ORDER; i++) shifted.c[i] = height.c[order + i * stride];
    *known = (LR_ORDER - order) / stride;
    *polynomial = outer == 1.0 ? shifted : power(shifted, outer);
    return order * outer * (side ? 1.0 : shape->inner);
}

static int fits(const series_shape *shape, const double *rows, int side, int slices, int count, const series *lead, int lead_order, double lead_power, int *from) {
    double c[LR_ORDER + 1];
    int first = count;
    while (first > 0 && row_converges(rows + LR_SLICE_ROW * (first - 1), side, 0.5 / slices)) first--;
    if (first == 0) first = 1;
    first += 1; /* a position at the boundary may be rounded into the slice before */
    *from = first;
    if (2 * first > count) return 0;
    for (int i = 0; i <= LR_ORDER; i++) c[i] = lead->c[i].h;
    double z = (double)first / slices;
    if (!side && shape->inner != 1.0) {
        const dd value = dd_exp2_whole(dd_times(dd_log2_wide((dd){z, 0.0}), lead_power));
        z = value.h;
    }
    return converges(c, lead_order, z, c[0]);
}

/* Rows of a lower order about sixteen parts of each slice, for slice_far. */
#define LR_FINE_PARTS 16
#define LR_MOST_FINE 512 /* slices; of more, the rows would fill the second-level cache */

static void fill_fine_rows(const double *row, int slices, double *out) {
    for (int part = 0; part < LR_FINE_PARTS; part++, out += LR_FINE_ROW) {
        const double d = ((part + 0.5) / LR_FINE_PARTS - 0.5) / slices;
        double c[LR_ORDER + 1];
        dd value = {row[2 + LR_ORDER], 0.0};
        for (int i = LR_ORDER - 1; i >= 1; i--) value = dd_add((dd){row[2 + i], 0.0}, dd_times(value, d));
        value = dd_add((dd){row[1], row[2]}, dd_times(value, d));
        for (int i = 1; i <= LR_ORDER; i++) c[i] = row[2 + i];
        for (int j = 0; j <= LR_FINE_ORDER; j++) /* moved by d; the value itself above, in two doubles */
            for (int i = LR_ORDER - 1; i >= (j ? j : 1); i--) c[i] += d * c[i + 1];
        out[0] = row[0] + d;
        out[1] = value.h;
        out[2] = value.l;
        for (int i = 1; i <= LR_FINE_ORDER; i++) out[2 + i] = c[i];
    }
}

/* the table, with fine rows behind it if there are few enough slices */
static int finish_curve(struct lr_table *coarse, size_t size, curve *out) {
    out->table = coarse;
    out->fine[0] = out->fine[1] = NULL;
    if (out->slices > LR_MOST_FINE) return 1;
    const size_t most = (size_t)(out->slices + 2) * LR_FINE_PARTS * LR_FINE_ROW;
    struct lr_table *table = new_table(size + most);
    if (!table) return lr_release(coarse), 0;
    memcpy(table->constants, coarse->constants, size * sizeof(double));
    double *fine = table->constants + size;
    for (int side = 0; side < 2; side++) {
        const int rows = 1 + (side ? out->slices - out->start_rows : out->start_rows);
        out->fine[side] = fine;
        for (int i = 0; i < rows; i++, fine += LR_FINE_PARTS * LR_FINE_ROW) fill_fine_rows(out->rows[side] + LR_SLICE_ROW * i, out->slices, fine);
        out->lead[side] = table->constants + (out->lead[side] - coarse->constants);
        out->rows[side] = table->constants + (out->rows[side] - coarse->constants);
    }
    lr_release(coarse);
    out->table = table;
    return 1;
}

/* The table of a shape, in as few slices as converge: 1, 0 without memory, or -1 if none did, which no domain in shapes.py may allow
 * (their ends need 4,096) */
static int make_curve(const series_shape *shape, curve *out) {
    series lead[2];
    double power_of_lead[2];
    int known[2];
    size_t at[2], size = 0;
    for (int side = 0; side < 2; side++) {
        power_of_lead[side] = lead_series(shape, side, lead + side, known + side);
        out->bits[side] = power_bits(power_of_lead[side]);
        at[side] = size;
        size += power_table_size(out->bits[side]) + LR_ORDER + 2;
    }
    for (int slices = LR_FEWEST_SLICES; slices <= LR_MOST_SLICES; slices *= 2) {
        struct lr_table *table = new_table(size + (size_t)(slices + 2) * LR_SLICE_ROW);
        if (!table) return 0;
        double *start_rows = table->constants + size;
        int j = 0, counts[2];
        for (;; j++) { /* from the start as long as less than half has passed, and one more */
            const double middle = (j + 0.5) / slices;
            const series height = height_of(shape, middle, 0);
            fill_row(height, middle, start_rows + LR_SLICE_ROW * j);
            if (height.c[0].h >= 0.5 || j == slices - 1) break;
        }
        counts[0] = j;
        counts[1] = slices - j;
        double *stop_rows = start_rows + LR_SLICE_ROW * (j + 1);
        for (int i = 0; i <= counts[1]; i++) {
            const double middle = (i + 0.5) / slices;
            if (i < slices) fill_row(height_of(shape, middle, 1), middle, stop_rows + LR_SLICE_ROW * i);
        }
        const double *rows[2] = {start_rows, stop_rows};
        if (fits(shape, rows[0], 0, slices, counts[0], lead, known[0], power_of_lead[0], out->lead_slices) &&
            fits(shape, rows[1], 1, slices, counts[1], lead + 1, known[1], power_of_lead[1], out->lead_slices + 1)) {
            for (int side = 0; side < 2; side++) {
                double *constants = table->constants + at[side], *polynomial = constants + power_table_size(out->bits[side]);
                fill_power_table(power_of_lead[side], ONE, out->bits[side], 0, constants);
                polynomial[0] = lead[side].c[0].h;
                polynomial[1] = lead[side].c[0].l;
                for (int i = 1; i <= LR_ORDER; i++) polynomial[1 + i] = lead[side].c[i].h + lead[side].c[i].l;
                out->lead[side] = constants;
                out->rows[side] = rows[side];
            }
            out->slices = slices;
            out->start_rows = counts[0];
            return finish_curve(table, size + (size_t)(slices + 2) * LR_SLICE_ROW, out);
        }
        free(table);
    }
    return -1;
}

/* A table costs a millisecond or two, so the last ones are kept: a run has few shapes, and each in many schedules. */
#define LR_KEPT_CURVES 16
static curve kept[LR_KEPT_CURVES];
static int kept_next;
static atomic_flag kept_busy = ATOMIC_FLAG_INIT;

static int same_shape(const series_shape *a, const series_shape *b) {
    return a->left == b->left && a->args[0] == b->args[0] && a->args[1] == b->args[1] && a->inner == b->inner && a->outer == b->outer;
}

/* its table is the caller's to release */
static int curve_of(const series_shape *shape, curve *out) {
    int found = 0;
    while (atomic_flag_test_and_set(&kept_busy)) {}
    for (int i = 0; i < LR_KEPT_CURVES && !found; i++)
        if (kept[i].table && same_shape(&kept[i].shape, shape)) {
            *out = kept[i];
            atomic_fetch_add(&out->table->uses, 1);
            found = 1;
        }
    atomic_flag_clear(&kept_busy);
    if (found) return 1;
    out->shape = *shape;
    const int made = make_curve(shape, out);
    if (made != 1) return made;
    while (atomic_flag_test_and_set(&kept_busy)) {}
    struct lr_table *dropped = kept[kept_next].table;
    kept[kept_next] = *out;
    kept_next = (kept_next + 1) % LR_KEPT_CURVES;
    atomic_fetch_add(&out->table->uses, 1);
    atomic_flag_clear(&kept_busy);
    if (dropped) lr_release(dropped);
    return 1;
}

static int series_pieces(const ramp *r, shape_row row, const series_shape *shape, lr_piece *out) {
    curve c;
    int count = 0;
    const int made = curve_of(shape, &c);
    if (made != 1) return made - 1;
    *r->table = c.table;
    const double step = r->length / c.slices;
    /* what a block leaves out falls with the 7th power of its width: measured, 11,700 steps a slice were 3 ulp wrong at worst */
    const int far = c.fine[0] && has_far_part(r) && step > 20000.0;
    const int near_start = shape->inner == 1.0 ? LR_lead : row.near_start; /* of u^1 there is no power to speak of */
    const lr_piece ends[2] = {from_start(r, near_start, ONE), from_stop(r, row.near_stop, ONE)};
    const double begins[4] = {
        later(ends[0].begin, position(r, r->length * LR_NEAREST)), position(r, step * c.lead_slices[0]),
        position(r, step * c.start_rows), position(r, r->length - step * c.lead_slices[1])};
    out[count] = ends[0]; /* the start itself has no octave */
    out[count].formula = LR_hold;
    out[count++].end = r->start;
    for (int i = 0; i < 4; i++) {
        const int side = i / 2, is_slice = i == 1 || i == 2;
        out[count] = ends[side];
        out[count].begin = later(out[count - 1].begin, begins[i]);
        out[count].table = is_slice ? c.rows[side] : c.lead[side];
        out[count].arg = is_slice ? c.slices : c.bits[side];
        if (is_slice) out[count].formula = row.far;
        if (is_slice && far) {
            out[count].formula = LR_slice_far;
            out[count].table = c.fine[side];
            out[count].arg = c.slices * LR_FINE_PARTS;
        }
        count++;
    }
    return count;
}

#define LR_SERIES_PIECES(name, left, inner, outer)                                               \
    static int name##_pieces(const ramp *r, shape_row row, lr_piece *out) {                      \
        const double *args = r->args;                                                            \
        const series_shape shape = {left, {args[0], args[1]}, inner, outer};                     \
        return series_pieces(r, row, &shape, out);                                               \
    }
LR_SERIES(LR_SERIES_PIECES)

#endif
