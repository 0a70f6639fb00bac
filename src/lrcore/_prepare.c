/* Turns a Ramp into pieces: what needs a division, a logarithm or an exponential is done here, once, in two doubles.
 *
 * Compiled once, without instruction sets of its own: everything is + - * /, so the constants are the same everywhere. */
#include <stdatomic.h>
#include <stdlib.h>

#define LR_HAS_FMA 0
#include "_shapes.h"
#include "_dd_math.h"
#include "_series.h"

/* -- pieces -- */

typedef lr_ramp ramp;

/* constants of pieces; those made from series are shared by all ramps of one shape and parameters */
struct lr_table { atomic_int uses; double constants[]; };

static struct lr_table *new_table(size_t doubles) {
    struct lr_table *table = malloc(sizeof(struct lr_table) + doubles * sizeof(double));
    if (table) atomic_init(&table->uses, 1);
    return table;
}

void lr_release(struct lr_table *table) {
    if (atomic_fetch_sub(&table->uses, 1) == 1) free(table);
}

/* the position of inner distance `at` from the ramp's start, on the node's clock */
static double position(const ramp *r, double at) { return (r->origin + at) / r->mul; }

/* a whole number not below x */
static double ceil_of(double x) {
    const double whole = (double)(int64_t)x;
    return whole < x ? whole + 1.0 : whole;
}

static dd length_of(const ramp *r) { return (dd){r->length, r->length_low}; }

/* the same, but after `before` even where rounding would make them one */
static double later(double before, double begin) {
    return begin > before ? begin : from_bits(bits_of(before + 0.0) + 1);
}

static lr_piece from_start(const ramp *r, int formula, dd unit) {
    dd span = two_sum(r->stop, -r->start), rate = dd_divide(unit, length_of(r));
    return (lr_piece){
        position(r, 0.0), formula, -1, -r->origin, -r->origin_low, r->mul, r->start, span.h, span.l, rate.h, rate.l, 0.0, NULL};
}

static lr_piece from_stop(const ramp *r, int formula, dd unit) {
    dd span = two_sum(r->start, -r->stop), rate = dd_divide(unit, length_of(r));
    dd b = dd_add((dd){r->origin, r->origin_low}, length_of(r));
    return (lr_piece){position(r, 0.0), formula, -1, b.h, b.l, -r->mul, r->stop, span.h, span.l, rate.h, rate.l, 0.0, NULL};
}

typedef struct { int near_start, near_stop, far; double half; dd unit; } shape_row;

static int one_piece(const ramp *r, shape_row row, lr_piece *out) {
    out[0] = from_start(r, row.near_start, row.unit);
    return 1;
}

/* whether the middle of the ramp is long enough for blocks of steps to share an anchor */
static int has_far_part(const ramp *r) {
    return r->mul == 1.0 && r->length >= LR_FAR_LENGTH && r->length_low == 0.0 && r->origin_low == 0.0 &&
           r->origin == (double)(int64_t)r->origin && r->length == (double)(int64_t)r->length &&
           r->origin + r->length <= LR_LAST_STEP;
}

/* each half from the end where nothing cancels */
static int two_sides(const ramp *r, shape_row row, lr_piece *out) {
    const lr_piece start = from_start(r, row.near_start, row.unit), stop = from_stop(r, row.near_stop, row.unit);
    const double half = r->length * row.half;
    int count = 0;
    out[count++] = start;
    if (has_far_part(r)) {
        out[count] = start;
        out[count].formula = row.far;
        out[count++].begin = position(r, LR_FAR);
        out[count] = stop;
        out[count].formula = row.far;
        out[count++].begin = position(r, half);
        out[count] = stop;
        out[count++].begin = position(r, r->length - LR_FAR);
    } else {
        out[count] = stop;
        out[count++].begin = later(start.begin, position(r, half));
    }
    return count;
}

/* start * 2^(m log2(stop / start) / length) */
static int geometric_pieces(const ramp *r, shape_row row, lr_piece *out) {
    double start = r->start < 0 ? -r->start : r->start, stop = r->stop < 0 ? -r->stop : r->stop;
    dd octaves = dd_add(dd_log2(stop), dd_neg(dd_log2(start)));
    out[0] = from_start(r, row.near_start, octaves);
    const double block = out[0].rate_h * LR_FAR_BLOCK;
    /* blocks of less than half an octave; and 2^n of an anchor, n up to all octaves, has to be a number */
    if (has_far_part(r) && block < 0.5 && block > -0.5 && octaves.h < 900 && octaves.h > -900) out[0].formula = row.far;
    return 1;
}

/* slices an octave needs so that (1 + d)^power is eight terms: power * d < 3.76 / 128 keeps the ninth below 2^-57 */
static int power_bits(double power) {
    int bits = 6;
    if (power < 0) power = -power;
    while (power > 3.76) power *= 0.5, bits++;
    return bits;
}

#define LR_FEW_SLICES 64 /* the middles of so few have their logarithms in _coefficients.h */

/* {1 / c, high, low} of the power of each slice's middle c */
static void fill_slices(double power, int64_t slices, double *out) {
    for (int64_t j = 0, n; j < slices; j++) {
        const double c = 1.0 + ((double)j + 0.5) / (double)slices;
        const dd log_c = slices == LR_FEW_SLICES ? (dd){LR_LOG2_SLICE[j][0], LR_LOG2_SLICE[j][1]} : dd_log2(c);
        const dd value = dd_exp2(dd_times(log_c, power), &n);
        const double scale = power_of_two((int)(n < 900 ? n : 900));
        out[3 * j] = 1.0 / c;
        out[3 * j + 1] = value.h * scale;
        out[3 * j + 2] = value.l * scale;
    }
}

/* The slices depend on the power alone and cost ten times the rest, so those of the last powers up to 3.76 are remembered: ten
 * thousand schedules often have one or two powers between them. */
#define LR_REMEMBERED 8
static _Thread_local struct { double power, slices[3 * LR_FEW_SLICES]; } remembered[LR_REMEMBERED];
static _Thread_local int oldest;

static void copy_slices(double power, int64_t slices, double *out) {
    int i = 0;
    if (slices != LR_FEW_SLICES) {
        fill_slices(power, slices, out);
        return;
    }
    while (i < LR_REMEMBERED && !(remembered[i].power == power && remembered[i].slices[0] > 0.0)) i++; /* at first all are zeros */
    if (i == LR_REMEMBERED) {
        i = oldest;
        oldest = (oldest + 1) % LR_REMEMBERED;
        remembered[i].power = power;
        fill_slices(power, slices, remembered[i].slices);
    }
    memcpy(out, remembered[i].slices, sizeof remembered[i].slices);
}

static size_t power_table_size(int bits) { return (size_t)(LR_POWER_SLICES + 3 * (1 << bits) + LR_TAIL_TERMS); }

/* The constants of power_of, then those of power_series. The octaves go up to the one above the length's, since a block's anchor
 * may lie just past the end; of a law, whose distances begin at its length, down to the one below it. */
static void fill_power_table(double power, dd length, int bits, int is_law, double *table) {
    const int64_t slices = (int64_t)1 << bits;
    const int lowest = is_law ? exponent_of(length.h) - 1 : exponent_of(length.h) + 2 - LR_POWER_OCTAVES;
    table[0] = (double)lowest;
    double binomial = 1.0;
    for (int i = 1; i < LR_POWER_BINOMIALS; i++) {
        binomial *= (power - (i - 1.0)) / (double)i;
        table[i] = binomial;
    }
    /* octave e is (2^e / length)^power, each the one above it over 2^power. Below 2^-900 it counts as 0, so that the residual of no
     * product underflows. */
    int64_t exponent, step;
    dd octave = dd_exp2(dd_times(dd_add((dd){(double)(lowest + LR_POWER_OCTAVES - 1), 0.0}, dd_neg(dd_log2_wide(length))), power), &exponent);
    const dd factor = dd_exp2((dd){-power, 0.0}, &step);
    for (int i = LR_POWER_OCTAVES - 1; i >= 0; i--) {
        const double scale = exponent < -900 || exponent > 900 ? 0.0 : power_of_two((int)exponent);
        table[LR_POWER_BINOMIALS + 2 * i] = octave.h * scale;
        table[LR_POWER_BINOMIALS + 2 * i + 1] = octave.l * scale;
        octave = dd_multiply(octave, factor);
        const int e = exponent_of(octave.h);
        octave = (dd){octave.h * power_of_two(-e), octave.l * power_of_two(-e)};
        exponent += step + e;
    }
    copy_slices(power, slices, table + LR_POWER_SLICES);
    double *tail = table + LR_POWER_SLICES + 3 * slices, term = power;
    for (int i = 0; i < LR_TAIL_TERMS; i++) {
        tail[i] = term;
        term *= -(power - (i + 1.0)) / (i + 2.0);
    }
}

#define LR_NEAREST 0x1p-120 /* of a length: real positions closer to the start count as the start, where a power has no octave */

/* A power of the distance from one end, `origin`. Where it runs from the larger end to one less than half of it, origin + span y
 * cancels: from y = 1/2 on it is the far end plus (1 - y), and the last stretch of that is a series. */
static int power_pieces(const ramp *r, int origin_is_start, lr_piece *out) {
    double origin = origin_is_start ? r->start : r->stop, other = origin_is_start ? r->stop : r->start;
    const double power = r->args[0];
    int bits = power_bits(power), count = 0;
    int64_t n;
    if (!(*r->table = new_table(power_table_size(bits)))) return -1;
    double *table = (*r->table)->constants;
    fill_power_table(power, length_of(r), bits, 0, table);
    lr_piece near = origin_is_start ? from_start(r, LR_power, ONE) : from_stop(r, LR_power, ONE);
    near.arg = bits;
    near.table = table;
    int cancels = origin != 0 && other / origin < 0.5 && other / origin >= 0;
    dd root = dd_exp2(dd_divide((dd){-1.0, 0.0}, (dd){power, 0.0}), &n);
    double half = n < -1000 ? 0.0 : root.h * power_of_two((int)n); /* y = 1/2 at this fraction of the length from the origin */
    double tail = power_of_two(1 - bits);
    lr_piece rest = near, last = origin_is_start ? from_stop(r, LR_power_tail, ONE) : from_start(r, LR_power_tail, ONE);
    rest.formula = LR_power_rest;
    rest.end = last.end;
    rest.span_h = last.span_h;
    rest.span_l = last.span_l;
    last.table = table + LR_POWER_SLICES + 3 * ((int64_t)1 << bits);
    /* the first position is the start itself; from_start, it has no octave either */
    out[count] = near;
    out[count].formula = LR_hold;
    out[count++].end = r->start;
    const double length = r->length, second = later(out[0].begin, position(r, length * LR_NEAREST));
    /* the part of `near` where blocks share an anchor, and whether all of `rest` is such a part */
    const double far_from = LR_POWER_FAR(power), near_to = cancels ? length * half : length;
    const int far = has_far_part(r) && near_to > 2.0 * far_from;
    lr_piece beyond = near;
    beyond.formula = LR_power_far;
    if (far) rest.formula = LR_power_rest_far;
    if (origin_is_start) {
        near.begin = second;
        out[count++] = near;
        beyond.begin = position(r, far_from);
        if (far) out[count++] = beyond;
        if (cancels) {
            rest.begin = later(second, position(r, length * half));
            out[count++] = rest;
            last.begin = later(rest.begin, position(r, length * (1.0 - tail)));
            out[count++] = last;
        }
    } else {
        near.begin = second;
        if (cancels) {
            last.begin = second;
            out[count++] = last;
            rest.begin = later(second, position(r, length * tail));
            out[count++] = rest;
            near.begin = later(rest.begin, position(r, length * (1.0 - half)));
        }
        if (far) {
            beyond.begin = near.begin;
            out[count++] = beyond;
            near.begin = position(r, length - far_from);
        }
        out[count++] = near;
    }
    return count;
}

static int power_from_stop(const ramp *r, shape_row row, lr_piece *out) { return (void)row, power_pieces(r, 0, out); }
static int power_from_start(const ramp *r, shape_row row, lr_piece *out) { return (void)row, power_pieces(r, 1, out); }

static int power_of_its_own(const ramp *r, double power, lr_piece *out) {
    ramp with_power = *r;
    with_power.args[0] = power;
    return power_pieces(&with_power, 1, out);
}
static int root_from_start(const ramp *r, shape_row row, lr_piece *out) { return (void)row, power_of_its_own(r, 0.5, out); }
static int square_from_start(const ramp *r, shape_row row, lr_piece *out) { return (void)row, power_of_its_own(r, 2.0, out); }

/* -- laws: powers of the distance from a place before the curve -- */

/* value (1 + m / tau)^power, m the distance of a piece that runs from `origin` on, tau in its ticks */
static int law_pieces(const ramp *r, lr_piece origin, double value, dd tau, double power, double length, lr_piece *out) {
    const int bits = power_bits(power);
    if (!(*r->table = new_table(power_table_size(bits)))) return -1;
    fill_power_table(power, tau, bits, 1, (*r->table)->constants);
    lr_piece near = origin;
    near.formula = LR_law;
    near.end = near.span_l = 0.0;
    near.span_h = value;
    near.rate_h = tau.h;
    near.rate_l = tau.l;
    near.arg = bits;
    near.table = (*r->table)->constants;
    out[0] = near;
    const double far_from = ceil_of(LR_LAW_FAR(power < 0 ? -power : power) - tau.h);
    const double whole = r->mul == 1.0 && r->origin_low == 0.0 && r->length_low == 0.0 && r->origin == (double)(int64_t)r->origin;
    if (!whole || length < LR_FAR_LENGTH || far_from + LR_FAR_BLOCK >= length) return 1;
    lr_piece far = near;
    far.formula = LR_law_far;
    if (origin.s > 0) {
        if (far_from <= 0) return out[0] = far, 1;
        out[1] = far;
        out[1].begin = position(r, far_from);
        return 2;
    }
    if (far_from <= 0) return out[0] = far, 1;
    out[0] = far;
    out[1] = near;
    out[0].begin = near.begin;
    out[1].begin = position(r, length - far_from);
    return 2;
}

/* a straight line between the inverses of the ends, from the larger: nothing there vanishes or cancels */
static int harmonic_pieces(const ramp *r, shape_row row, lr_piece *out) {
    const double start = r->start < 0 ? -r->start : r->start, stop = r->stop < 0 ? -r->stop : r->stop;
    if (start == stop) return one_piece(r, (shape_row){LR_hold, LR_hold, LR_hold, 1.0, ONE}, out);
    const int falls = start > stop;
    const dd gap = falls ? two_sum(start, -stop) : two_sum(stop, -start);
    const dd tau = dd_divide(dd_times(length_of(r), falls ? stop : start), gap);
    const lr_piece origin = falls ? from_start(r, LR_law, row.unit) : from_stop(r, LR_law, row.unit);
    return law_pieces(r, origin, falls ? r->start : r->stop, tau, -1.0, r->length, out);
}

/* -- logarithms -- */

/* value of the end a piece works from, plus the span times log2(1 + z) / log2(base), or minus that from the stop */
static int logarithmic_pieces(const ramp *r, shape_row row, lr_piece *out) {
    const double base = r->args[0];
    const dd more = two_sum(base, -1.0), less = dd_neg(dd_divide(more, (dd){base, 0.0})); /* z at the other end */
    const dd octave = dd_divide(ONE, dd_log2_wide((dd){base, 0.0}));
    const size_t size = LR_LOG_SLICES + (3 << LR_LOG_BITS);
    if (!(*r->table = new_table(2 * size))) return -1;
    const dd root = dd_exp2_whole(dd_scale(dd_log2_wide((dd){base, 0.0}), -1));
    const double half = r->length / (1.0 + root.h); /* where the value is half way */
    const double near_start = LR_LOG_NEAR * r->length / more.h, near_stop = r->length - LR_LOG_NEAR * r->length / -less.h;
    int count = 0;
    for (int side = 0; side < 2; side++) {
        double *t = (*r->table)->constants + (side ? size : 0);
        const dd scale = side ? dd_neg(octave) : octave, natural = dd_multiply(scale, (dd){LR_INVERSE_LN2_HIGH, LR_INVERSE_LN2_LOW});
        t[0] = scale.h, t[1] = scale.l, t[2] = natural.h, t[3] = natural.l;
        for (int i = 0; i < LR_LOG_TERMS; i++) t[4 + i] = (i % 2 ? 1.0 : -1.0) / (i + 2.0);
        for (int i = 0; i < 8; i++) t[4 + LR_LOG_TERMS + i] = (i % 2 ? -LR_INVERSE_LN2_HIGH : LR_INVERSE_LN2_HIGH) / (i + 1.0);
        for (int j = 0; j < 1 << LR_LOG_BITS; j++) {
            double *slot = t + LR_LOG_SLICES + 3 * j;
            slot[0] = 1.0 / (1.0 + (j + 0.5) / (1 << LR_LOG_BITS));
            slot[1] = LR_LOG2_SLICE[j][0], slot[2] = LR_LOG2_SLICE[j][1];
        }
        lr_piece near = side ? from_stop(r, row.near_stop, less) : from_start(r, row.near_start, more), far = near;
        near.table = far.table = t;
        far.formula = row.far;
        /* 1 + z is LR_LOG_FAR of its steps at this distance from the start, from where on it grows, or from the stop */
        const double blocks = has_far_part(r) ? (LR_LOG_FAR - 1.0 / fabs(near.rate_h)) * (side ? -1.0 : 1.0) : 0.0;
        if (side == 0) {
            out[count++] = near;
            if (near_start < half) out[count] = far, out[count].begin = later(near.begin, position(r, near_start)), count++;
            if (has_far_part(r) && blocks < half && near_start < half) {
                if (blocks <= near_start) count--;
                else out[count] = far, out[count].begin = later(out[count - 1].begin, position(r, ceil_of(blocks)));
                out[count++].formula = LR_log_far;
            }
        } else {
            if (has_far_part(r) && r->length - half <= blocks) far.formula = LR_log_far;
            if (near_stop > half) out[count] = far, out[count].begin = later(out[count - 1].begin, position(r, half)), count++;
            near.begin = later(out[count - 1].begin, position(r, near_stop > half ? near_stop : half));
            out[count++] = near;
        }
    }
    return count;
}

/* -- curves without an end: r->length is the ticks of one step, the start their value there -- */

#define LR_FADED 800.0 /* octaves below its start from which on a decay counts as 0 */

static int octaves_a_step(const ramp *r, dd octaves, lr_piece *out) {
    out[0] = from_start(r, LR_geometric, octaves);
    const double rate = out[0].rate_h < 0 ? -out[0].rate_h : out[0].rate_h;
    if (rate == 0.0) return out[0].formula = LR_hold, 1;
    const int whole = r->mul == 1.0 && r->origin_low == 0.0 && r->length_low == 0.0 && r->origin == (double)(int64_t)r->origin;
    const double faded = position(r, LR_FADED / rate);
    if (whole && rate * LR_FAR_BLOCK < 0.5 && out[0].rate_h < 0) out[0].formula = LR_geometric_far;
    if (out[0].rate_h > 0 || faded > LR_LAST_STEP) return 1;
    out[1] = out[0];
    out[1].formula = LR_hold;
    out[1].end = 0.0;
    out[1].begin = later(out[0].begin, faded);
    return 2;
}

static int geometric_curve(const ramp *r, lr_piece *out) { return octaves_a_step(r, dd_log2_wide((dd){r->args[0], 0.0}), out); }
static int natural_curve(const ramp *r, lr_piece *out) {
    return octaves_a_step(r, dd_times((dd){LR_INVERSE_LN2_HIGH, LR_INVERSE_LN2_LOW}, -r->args[0]), out);
}

static int law_curve(const ramp *r, dd tau, double power, lr_piece *out) {
    return law_pieces(r, from_start(r, LR_law, ONE), r->start, dd_multiply(tau, length_of(r)), power, LR_LAST_STEP, out);
}
static int inverse_time_curve(const ramp *r, lr_piece *out) {
    return law_curve(r, dd_divide(ONE, (dd){r->args[0], 0.0}), -1.0, out);
}
static int inverse_sqrt_curve(const ramp *r, lr_piece *out) { return law_curve(r, (dd){r->args[0], 0.0}, -0.5, out); }
static int power_law_curve(const ramp *r, lr_piece *out) { return law_curve(r, (dd){r->args[1], 0.0}, r->args[0], out); }

#include "_slices.h"
#include "_noise.h"

/* -- noise -- */

static const double *normal_table(void) {
    static double table[LR_NORMAL_ROWS * LR_SLICE_ROW];
    static atomic_flag busy = ATOMIC_FLAG_INIT;
    static int done = 0;
    while (atomic_flag_test_and_set(&busy)) {}
    if (!done) fill_normal_table(table);
    done = 1;
    atomic_flag_clear(&busy);
    return table;
}

void lr_prepare_noise(uint64_t seed, double scale, int is_normal, double limit, const lr_ramp *r, lr_piece *out) {
    const uint64_t key = mixed(seed + 0x9e3779b97f4a7c15ULL);
    const dd within = limit < 9.0 ? normal_within((dd){limit, 0.0}) : ONE;
    out[0] = from_start(r, is_normal ? LR_normal_noise : LR_noise, ONE);
    out[0].span_h = scale;
    out[0].rate_h = (double)(key >> 32);
    out[0].rate_l = (double)(key & 0xffffffffU);
    out[0].arg = within.h + within.l;
    out[0].table = is_normal ? normal_table() : NULL;
}

/* -- the registry -- */

#define LR_NAME(name, ...) #name,
const char *const lr_shape_names[] = {LR_SHAPES(LR_NAME) LR_CURVES(LR_NAME)};
const char *const lr_formula_names[] = {LR_FORMULAS(LR_NAME) "call"};
#define LR_ONE(...) +1
const int lr_shape_count = LR_SHAPES(LR_ONE), lr_curve_count = LR_CURVES(LR_ONE);

int lr_prepare(int shape, const lr_ramp *r, lr_piece *out) {
    int code = 0;
#define LR_CASE(name, prepare, near_start, near_stop, far, half, unit) \
    if (shape == code++) return prepare(r, (shape_row){LR_##near_start, LR_##near_stop, LR_##far, half, unit}, out);
    LR_SHAPES(LR_CASE)
#define LR_CURVE_CASE(name, prepare) \
    if (shape == code++) return prepare(r, out);
    LR_CURVES(LR_CURVE_CASE)
    return -1;
}

int lr_prepare_cubic(const double *coefficients, const lr_ramp *r, lr_piece *out) {
    if (!(*r->table = new_table(12))) return -1;
    double *constants = (*r->table)->constants;
    memcpy(constants, coefficients, 12 * sizeof(double));
    out[0] = from_start(r, LR_cubic, ONE);
    out[0].table = constants;
    out[1] = from_stop(r, LR_cubic, ONE);
    out[1].table = constants + 6;
    out[1].begin = later(out[0].begin, position(r, r->length * r->args[0]));
    return 2;
}

void lr_prepare_powers(double base, double *table) {
    dd value = {base, 0.0};
    double exponent = 0.0;
    for (int j = 0; j < LR_POWERS / 3; j++) {
        const int e = exponent_of(value.h);
        const double scale = power_of_two(-e);
        value = (dd){value.h * scale, value.l * scale};
        exponent += e;
        table[3 * j] = value.h;
        table[3 * j + 1] = value.l;
        table[3 * j + 2] = exponent;
        value = dd_multiply(value, value);
        exponent *= 2.0;
    }
}
