/* Turns a Ramp into pieces: what needs a division, a logarithm or an exponential is done here, once, in two doubles.
 *
 * Compiled once, without instruction sets of its own: everything is + - * /, so the constants are the same everywhere. */
#include <stdlib.h>

#define LR_HAS_FMA 0
#include "_shapes.h"

#define ONE ((dd){1.0, 0.0})
#define HALF_PI ((dd){LR_HALF_PI_HIGH, LR_HALF_PI_LOW})

/* -- two doubles: division, logarithm, exponential -- */

static dd dd_divide(dd a, dd b) {
    double q = a.h / b.h;
    dd r = dd_add(a, dd_neg(dd_times(b, q)));
    double q2 = r.h / b.h;
    r = dd_add(r, dd_neg(dd_times(b, q2)));
    dd s = quick_sum(q, q2);
    return dd_add(s, (dd){r.h / b.h, 0.0});
}

/* log2 of a normal x > 0: an anchor near the fraction, then 13 terms of log(1 + y), |y| < 2^-8 */
static dd dd_log2(double x) {
    int e = exponent_of(x);
    double f = fraction_of(x);
    int j = (int)((f - 1.0) * 128.0);
    double c = 1.0 + ((double)j + 0.5) / 128.0;
    dd y = dd_divide((dd){f - c, 0.0}, (dd){c, 0.0});
    dd sum = {LR_INVERSE[13][0], LR_INVERSE[13][1]};
    for (int n = 12; n >= 1; n--) sum = dd_add((dd){LR_INVERSE[n][0], LR_INVERSE[n][1]}, dd_neg(dd_multiply(y, sum)));
    sum = dd_multiply(dd_multiply(y, sum), (dd){LR_INVERSE_LN2_HIGH, LR_INVERSE_LN2_LOW});
    return dd_add((dd){(double)e, 0.0}, dd_add((dd){LR_LOG2_ANCHOR[j][0], LR_LOG2_ANCHOR[j][1]}, sum));
}

/* 2^x = the returned two doubles, in [1/2, 2], times 2^n; |x| < 2^40 */
static dd dd_exp2(dd x, int64_t *n) {
    double steps = x.h * 64.0;
    int64_t k = (int64_t)(steps < 0 ? steps - 0.5 : steps + 0.5);
    dd r = dd_add(x, (dd){-(double)k / 64.0, 0.0});
    r = dd_multiply(r, (dd){LR_LN2_HIGH, LR_LN2_LOW});
    dd sum = {LR_INVERSE_FACTORIAL[11][0], LR_INVERSE_FACTORIAL[11][1]};
    for (int i = 10; i >= 0; i--) sum = dd_add((dd){LR_INVERSE_FACTORIAL[i][0], LR_INVERSE_FACTORIAL[i][1]}, dd_multiply(r, sum));
    int64_t j = ((k % 64) + 64) % 64;
    *n = (k - j) / 64;
    return dd_multiply(sum, (dd){LR_EXP2_ANCHOR[j][0], LR_EXP2_ANCHOR[j][1]});
}

/* -- pieces -- */

typedef lr_ramp ramp;

/* the position of inner distance `at` from the ramp's start, on the node's clock */
static double position(const ramp *r, double at) { return (r->origin + at) / r->mul; }

static dd length_of(const ramp *r) { return (dd){r->length, r->length_low}; }

/* the same, but after `before` even where rounding would make them one */
static double later(double before, double begin) {
    return begin > before ? begin : from_bits(bits_of(before + 0.0) + 1);
}

static lr_piece from_start(const ramp *r, int formula, dd unit) {
    dd span = two_sum(r->stop, -r->start), rate = dd_divide(unit, length_of(r));
    return (lr_piece){
        position(r, 0.0), formula, -1, -r->origin, -r->origin_low, r->mul, r->start, span.h, span.l, rate.h, rate.l, r->arg, NULL};
}

static lr_piece from_stop(const ramp *r, int formula, dd unit) {
    dd span = two_sum(r->start, -r->stop), rate = dd_divide(unit, length_of(r));
    dd b = dd_add((dd){r->origin, r->origin_low}, length_of(r));
    return (lr_piece){position(r, 0.0), formula, -1, b.h, b.l, -r->mul, r->stop, span.h, span.l, rate.h, rate.l, r->arg, NULL};
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
    while (i < LR_REMEMBERED && remembered[i].power != power) i++;
    if (i == LR_REMEMBERED) {
        i = oldest;
        oldest = (oldest + 1) % LR_REMEMBERED;
        remembered[i].power = power;
        fill_slices(power, slices, remembered[i].slices);
    }
    memcpy(out, remembered[i].slices, sizeof remembered[i].slices);
}

/* the constants of power_of, then those of power_series */
static double *power_table(double power, dd length, int bits) {
    int64_t slices = (int64_t)1 << bits;
    double *table = malloc(sizeof(double) * (size_t)(LR_POWER_SLICES + 3 * slices + LR_TAIL_TERMS));
    if (!table) return NULL;
    /* up to the octave above the length's: a block's anchor may lie just past the end */
    const int lowest = exponent_of(length.h) + 2 - LR_POWER_OCTAVES;
    table[0] = (double)lowest;
    double binomial = 1.0;
    for (int i = 1; i < LR_POWER_BINOMIALS; i++) {
        binomial *= (power - (i - 1.0)) / (double)i;
        table[i] = binomial;
    }
    /* octave e is (2^e / length)^power, each the one above it over 2^power. Below 2^-900 it counts as 0, so that the residual of no
     * product underflows. */
    int64_t exponent, step;
    dd octave = dd_exp2(dd_times(dd_add((dd){(double)(lowest + LR_POWER_OCTAVES - 1), 0.0}, dd_neg(dd_log2(length.h))), power), &exponent);
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
    return table;
}

/* A power of the distance from one end, `origin`. Where it runs from the larger end to one less than half of it, origin + span y
 * cancels: from y = 1/2 on it is the far end plus (1 - y), and the last stretch of that is a series. */
static int power_pieces(const ramp *r, int origin_is_start, lr_piece *out) {
    double origin = origin_is_start ? r->start : r->stop, other = origin_is_start ? r->stop : r->start;
    int bits = power_bits(r->arg), count = 0;
    int64_t n;
    double *table = power_table(r->arg, length_of(r), bits);
    if (!table) return -1;
    *r->table = table;
    lr_piece near = origin_is_start ? from_start(r, LR_power, ONE) : from_stop(r, LR_power, ONE);
    near.arg = bits;
    near.table = table;
    int cancels = origin != 0 && other / origin < 0.5 && other / origin >= 0;
    dd root = dd_exp2(dd_divide((dd){-1.0, 0.0}, (dd){r->arg, 0.0}), &n);
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
    const double length = r->length, second = later(out[0].begin, out[0].begin + power_of_two((int)table[0]));
    /* the part of `near` where blocks share an anchor, and whether all of `rest` is such a part */
    const double far_from = LR_POWER_FAR(r->arg), near_to = cancels ? length * half : length;
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

/* -- the registry -- */

#define LR_NAME(name, ...) #name,
const char *const lr_shape_names[] = {LR_SHAPES(LR_NAME)};
const char *const lr_formula_names[] = {LR_FORMULAS(LR_NAME) "call"};
const int lr_shape_count = (int)(sizeof lr_shape_names / sizeof *lr_shape_names);

int lr_prepare(int shape, const lr_ramp *r, lr_piece *out) {
    int code = 0;
#define LR_CASE(name, prepare, near_start, near_stop, far, half, unit) \
    if (shape == code++) return prepare(r, (shape_row){LR_##near_start, LR_##near_stop, LR_##far, half, unit}, out);
    LR_SHAPES(LR_CASE)
#undef LR_CASE
    return -1;
}

int lr_prepare_cubic(const double *coefficients, const lr_ramp *r, lr_piece *out) {
    double *constants = malloc(12 * sizeof(double));
    if (!constants) return -1;
    memcpy(constants, coefficients, 12 * sizeof(double));
    *r->table = constants;
    out[0] = from_start(r, LR_cubic, ONE);
    out[0].table = constants;
    out[1] = from_stop(r, LR_cubic, ONE);
    out[1].table = constants + 6;
    out[1].begin = later(out[0].begin, position(r, r->length * r->arg));
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
