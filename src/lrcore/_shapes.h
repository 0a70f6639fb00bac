/* The formulas: one line each, shared by every way to evaluate them.
 *
 * A formula gives the value at distance m from the end its piece works from (see lr_piece). The arithmetic is in + - * and the
 * residual of a product, so that every instruction set and compiler gives the same bits; what needs a division, a logarithm
 * or an exponential was done once, in _prepare.c. `w` is the formula's argument in two doubles, most often m / length.
 * At real positions m is rounded; l is what was lost, and 0 at whole ones. */
#ifndef LR_SHAPES_H
#define LR_SHAPES_H

#include "_coefficients.h"
#include "_dd.h"
#include "_program.h"

/* FORMULA(name, value); those of curves that are the same from both ends come first */
#define LR_TWO_SIDED(FORMULA)                                                                                 \
    FORMULA(line, mix(k, argument(k, m, l)))                                                                  \
    FORMULA(line_far, join(line_anchor(k, block_of(k, m)), line_offset(k, offset_in_block(k, m, l))))         \
    FORMULA(half_cosine, mix(k, sine_squared(argument(k, m, l))))                                             \
    FORMULA(half_cosine_far, join(cosine_anchor(k, block_of(k, m)), cosine_offset(k, offset_in_block(k, m, l))))

#define LR_FORMULAS(FORMULA)                                                                                  \
    LR_TWO_SIDED(FORMULA)                                                                                     \
    FORMULA(hold, k->end)                                                                                     \
    FORMULA(geometric, exponential_of(k, argument(k, m, l)))                                                  \
    FORMULA(geometric_far, join(geometric_anchor(k, block_of(k, m)), geometric_offset(k, offset_in_block(k, m, l)))) \
    FORMULA(power, mix(k, power_of(k, m, l)))                                                                 \
    FORMULA(power_rest, mix(k, one_minus(power_of(k, m, l))))                                                 \
    FORMULA(power_far, join_power(power_block_of(k, block_of(k, m), 1.0), offset_in_block(k, m, l)))          \
    FORMULA(power_rest_far, join_power(power_block_of(k, block_of(k, m), -1.0), offset_in_block(k, m, l)))    \
    FORMULA(law, mix(k, law_of(k, m, l)))                                                                     \
    FORMULA(law_far, join_power(law_block_of(k, block_of(k, m)), offset_in_block(k, m, l)))                   \
    FORMULA(log_near, mix(k, log_near_of(k, argument(k, m, l))))                                              \
    FORMULA(log, mix(k, log_of(k, argument(k, m, l))))                                                        \
    FORMULA(log_far, join_power(log_block_of(k, block_of(k, m)), offset_in_block(k, m, l)))                   \
    FORMULA(slice, mix(k, slice_of(k, argument(k, m, l))))                                                    \
    FORMULA(slice_far, join_power(slice_block_of(k, block_of(k, m)), offset_in_block(k, m, l)))               \
    FORMULA(lead, mix(k, lead_of(k, argument(k, m, l), 0)))                                                   \
    FORMULA(lead_of_power, mix(k, lead_of(k, argument(k, m, l), 1)))                                          \
    FORMULA(power_tail, mix(k, power_series(k, argument(k, m, l))))                                           \
    FORMULA(cubic, mix(k, cubic_of(k, argument(k, m, l))))                                                    \
    FORMULA(noise, k->span_h * noise_of(k, m))                                                                \
    FORMULA(normal_noise, k->span_h * normal_of(k->table, noise_of(k, m) * k->arg))                           \
    FORMULA(sample, k->table[(int64_t)m])

/* SHAPE(name, how it is cut into pieces (_prepare.c), formula near the start, near the stop, and far from both, the fraction of
 * its length where it is half way, the argument at the far end) */
#define LR_SHAPES(SHAPE)                                                                                       \
    SHAPE(constant, one_piece, hold, hold, hold, 1.0, ONE)                                                     \
    SHAPE(linear, two_sides, line, line, line_far, 0.5, ONE)                                                   \
    SHAPE(cosine, two_sides, half_cosine, half_cosine, half_cosine_far, 0.5, HALF_PI)                          \
    SHAPE(exponential, geometric_pieces, geometric, geometric, geometric_far, 1.0, ONE)                        \
    SHAPE(polynomial, power_from_stop, power, power, power, 0.5, ONE)                                          \
    SHAPE(polynomial_from_start, power_from_start, power, power, power, 0.5, ONE)                              \
    SHAPE(sqrt, root_from_start, power, power, power, 0.5, ONE)                                                \
    SHAPE(square, square_from_start, power, power, power, 0.5, ONE)                                            \
    SHAPE(harmonic, harmonic_pieces, law, law, law_far, 0.5, ONE)                                              \
    SHAPE(logarithmic, logarithmic_pieces, log_near, log_near, log, 0.5, ONE)                                  \
    SHAPE(rex, rex_pieces, lead, lead, slice, 0.5, ONE)                                                        \
    SHAPE(tanh, tanh_pieces, lead, lead, slice, 0.5, ONE)                                                      \
    SHAPE(sigmoid, sigmoid_pieces, lead, lead, slice, 0.5, ONE)                                                \
    SHAPE(cosine_power, cosine_power_pieces, lead, lead, slice, 0.5, ONE)                                      \
    SHAPE(cosine_power_annealing, cosine_power_annealing_pieces, lead, lead, slice, 0.5, ONE)                  \
    SHAPE(mirror_cosine, mirror_cosine_pieces, lead, lead, slice, 0.5, ONE)                                    \
    SHAPE(quarter_cosine, quarter_cosine_pieces, lead, lead, slice, 0.5, ONE)                                  \
    SHAPE(k_decay, k_decay_pieces, lead_of_power, lead, slice, 0.5, ONE)                                       \
    SHAPE(k_decay_polynomial, k_decay_polynomial_pieces, lead_of_power, lead, slice, 0.5, ONE)

/* CURVE(name, how a curve without an end is cut into pieces); their codes follow those of the shapes */
#define LR_CURVES(CURVE)                            \
    CURVE(geometric, geometric_curve)               \
    CURVE(natural_exponential, natural_curve)       \
    CURVE(inverse_time, inverse_time_curve)         \
    CURVE(inverse_sqrt, inverse_sqrt_curve)         \
    CURVE(power_law, power_law_curve)

enum lr_formula {
#define LR_CODE(name, value) LR_##name,
    LR_FORMULAS(LR_CODE)
#undef LR_CODE
    LR_CALL
};

/* m + l times the piece's rate; l is what was lost in rounding m, and 0 for whole positions */
static inline dd argument(const lr_piece *k, double m, double l) {
    double h = m * k->rate_h;
    return (dd){h, (residual(m, k->rate_h, h) + m * k->rate_l) + l * k->rate_h};
}

/* the same for l = 0, which the compiler may not leave out by itself */
static inline dd argument_of_whole(const lr_piece *k, double m) {
    double h = m * k->rate_h;
    return (dd){h, residual(m, k->rate_h, h) + m * k->rate_l};
}

/* end + span * c, with one rounding that counts: the products' residuals are carried into the small part */
static inline double mix(const lr_piece *k, dd c) {
    double p = k->span_h * c.h;
    return k->end + (p + (residual(k->span_h, c.h, p) + (k->span_h * c.l + k->span_l * c.h)));
}

/* sin(w)^2 = (1 - cos 2w) / 2 for |w| <= pi / 4: half a cosine wave without the 1 - cos that cancels at its ends */
static inline dd sine_squared(dd w) {
    double z = w.h * w.h;
    double low = residual(w.h, w.h, z) + 2.0 * (w.h * w.l);
    double s = LR_SINE_7;
    s = LR_SINE_6 + z * s;
    s = LR_SINE_5 + z * s;
    s = LR_SINE_4 + z * s;
    s = LR_SINE_3 + z * s;
    s = LR_SINE_2 + z * s;
    s = LR_SINE_1 + z * s;
    s = LR_SINE_0 + z * s;
    return (dd){z, low + (z * z) * s};
}

/* f E(f), where 2^f = 1 + f E(f), for |f| <= 1/2 */
static inline double exp2_minus_one(double f) {
    double e = LR_EXP2_10;
    e = LR_EXP2_9 + f * e;
    e = LR_EXP2_8 + f * e;
    e = LR_EXP2_7 + f * e;
    e = LR_EXP2_6 + f * e;
    e = LR_EXP2_5 + f * e;
    e = LR_EXP2_4 + f * e;
    e = LR_EXP2_3 + f * e;
    e = LR_EXP2_2 + f * e;
    e = LR_EXP2_1 + f * e;
    e = LR_EXP2_0 + f * e;
    return f * e;
}

/* adding 1.5 * 2^52 rounds to the nearest integer, which then stands in the low bits of the sum */
#define LR_MAGIC 6755399441055744.0

/* end * 2^w: n = w rounded is added to the exponent field. The ends of an exponential keep 2^20 away from the ends of that field. */
static inline double exponential_of(const lr_piece *k, dd w) {
    double t = w.h + LR_MAGIC;
    double f = (w.h - (t - LR_MAGIC)) + w.l;
    double v = k->end + k->end * exp2_minus_one(f);
    return from_bits(bits_of(v) + (bits_of(t) << 52));
}

/* -- far from the ends --
 *
 * Where m is large, blocks of LR_FAR_BLOCK distances share an anchor: the value at a + s i is
 *     high + (low + (p S(i) + q T(i)))
 * with high + low, p and q the block's, and S and T the same for every block, so a long range reads them from a table and
 * spends four or five operations a step. Blocks are aligned on m, in the direction the clock runs. From eight blocks on, what
 * the offset adds is an eighth of the value at most, and so are its roundings. */
#define LR_FAR_BLOCK 512
#define LR_FAR (8.0 * LR_FAR_BLOCK)
#define LR_FAR_LENGTH 16384.0 /* shorter curves have no far part: the angles of a block stay below pi / 64 */

typedef struct { double high, low, p, q; } anchor;
typedef struct { double s, t; } offset;

static inline double join(anchor a, offset o) { return a.high + (a.low + (a.p * o.s + a.q * o.t)); }

/* s m rounded down to a multiple of the block; s is 1 or -1 */
static inline double block_floor(const lr_piece *k, double m) {
    double x = (k->s * m) * (1.0 / LR_FAR_BLOCK), r = (x + LR_MAGIC) - LR_MAGIC;
    r = r > x ? r - 1.0 : r;
    return r * LR_FAR_BLOCK;
}
static inline double block_of(const lr_piece *k, double m) { return k->s * block_floor(k, m); }
static inline double offset_in_block(const lr_piece *k, double m, double l) {
    return (k->s * m - block_floor(k, m)) + k->s * l;
}

/* end + span c, in two doubles */
static inline dd mix_wide(const lr_piece *k, dd c) {
    double p = k->span_h * c.h;
    dd s = two_sum(k->end, p);
    return (dd){s.h, s.l + (residual(k->span_h, c.h, p) + (k->span_h * c.l + k->span_l * c.h))};
}

static inline anchor line_anchor(const lr_piece *k, double a) {
    dd v = mix_wide(k, argument(k, a, 0.0));
    return (anchor){v.h, v.l, k->s * (k->span_h * k->rate_h), 0.0};
}
static inline offset line_offset(const lr_piece *k, double i) { return (void)k, (offset){i, 0.0}; }

/* sin(a + i)^2 = sin(a)^2 + sin(2 a) (sin(2 i) / 2) + cos(2 a) sin(i)^2 */
static inline anchor cosine_anchor(const lr_piece *k, double a) {
    dd w = argument(k, a, 0.0), c = sine_squared(w), v = mix_wide(k, c);
    double z = w.h * w.h;
    double d = LR_DOUBLE_SINE_8;
    d = LR_DOUBLE_SINE_7 + z * d;
    d = LR_DOUBLE_SINE_6 + z * d;
    d = LR_DOUBLE_SINE_5 + z * d;
    d = LR_DOUBLE_SINE_4 + z * d;
    d = LR_DOUBLE_SINE_3 + z * d;
    d = LR_DOUBLE_SINE_2 + z * d;
    d = LR_DOUBLE_SINE_1 + z * d;
    d = LR_DOUBLE_SINE_0 + z * d;
    return (anchor){v.h, v.l, k->span_h * (k->s * (2.0 * w.h * d)), k->span_h * (1.0 - 2.0 * (c.h + c.l))};
}
static inline offset cosine_offset(const lr_piece *k, double i) {
    double w = i * k->rate_h, z = w * w;
    double d = LR_FAR_DOUBLE_SINE_4;
    d = LR_FAR_DOUBLE_SINE_3 + z * d;
    d = LR_FAR_DOUBLE_SINE_2 + z * d;
    d = LR_FAR_DOUBLE_SINE_1 + z * d;
    d = LR_FAR_DOUBLE_SINE_0 + z * d;
    double s = LR_FAR_SINE_3;
    s = LR_FAR_SINE_2 + z * s;
    s = LR_FAR_SINE_1 + z * s;
    s = LR_FAR_SINE_0 + z * s;
    return (offset){w * d, z + (z * z) * s};
}

/* 2^(a + i) = 2^a + 2^a (2^i - 1); only where a block is less than half an octave */
static inline anchor geometric_anchor(const lr_piece *k, double a) {
    dd w = argument(k, a, 0.0);
    double t = w.h + LR_MAGIC;
    double f = (w.h - (t - LR_MAGIC)) + w.l;
    double rest = k->end * exp2_minus_one(f), high = k->end + rest, low = rest - (high - k->end);
    double scale = from_bits((bits_of(t) << 52) + 0x3ff0000000000000ULL);
    return (anchor){high * scale, low * scale, high * scale, 0.0};
}
static inline offset geometric_offset(const lr_piece *k, double i) { return (offset){exp2_minus_one(i * k->rate_h), 0.0}; }

/* (m / length)^power from anchors: the power of the middle c of each of 2^bits slices of an octave times the power of the octave,
 * both from a table in two doubles, times (1 + d)^power with d = (m - c) / c small enough for eight terms of the binomial series.
 *
 * table: the lowest octave's exponent, binomial coefficients 1 to 8, the octaves from the lowest to that of the length
 * {high, low}, and the slices {1 / c, high, low} */
#define LR_POWER_BINOMIALS 9
#define LR_POWER_OCTAVES 128
#define LR_TAIL_TERMS 14
#define LR_POWER_SLICES (LR_POWER_BINOMIALS + 2 * LR_POWER_OCTAVES)

/* what all distances of one slice share, and the binomial coefficients */
typedef struct { double c, inverse, high, low, b1, b2, b3, b4, b5, b6, b7, b8; } power_anchor;

static inline power_anchor power_anchor_of(const lr_piece *k, double m) {
    LR_ONE_BY_ONE;
    int bits = (int)k->arg;
    uint64_t u = bits_of(m);
    uint64_t slice = (u >> (52 - bits)) & ((1u << bits) - 1);
    const double *t = k->table, *octave = t + LR_POWER_BINOMIALS + 2 * ((int)(u >> 52) - 1023 - (int)t[0]);
    const double *slot = t + LR_POWER_SLICES + 3 * slice;
    double high = slot[1] * octave[0];
    return (power_anchor){
        from_bits(0x3ff0000000000000ULL | (slice << (52 - bits)) | (1ULL << (51 - bits))), slot[0], high,
        residual(slot[1], octave[0], high) + (slot[1] * octave[1] + slot[2] * octave[0]),
        t[1], t[2], t[3], t[4], t[5], t[6], t[7], t[8]};
}

/* f: m scaled to [1, 2) by a power of two */
static inline dd power_from_anchor(power_anchor a, double f) {
    double d = (f - a.c) * a.inverse;
    double q = a.b7 + d * a.b8;
    q = a.b6 + d * q;
    q = a.b5 + d * q;
    q = a.b4 + d * q;
    q = a.b3 + d * q;
    q = a.b2 + d * q;
    q = a.b1 + d * q;
    return (dd){a.high, a.low + a.high * (d * q)};
}

/* (m + l)^power = m^power (1 + power l / m), where l / m needs few digits; shrink: what scales m to [1, 2) */
static inline dd power_at(power_anchor a, double shrink, double m, double l) {
    dd y = power_from_anchor(a, m * shrink);
    return (dd){y.h, y.l + y.h * (a.b1 * ((l * shrink) * a.inverse))};
}
static inline double shrink_of(double m) { return from_bits(0x7fe0000000000000ULL - (bits_of(m) & 0x7ff0000000000000ULL)); }
static inline dd power_of(const lr_piece *k, double m, double l) { return power_at(power_anchor_of(k, m), shrink_of(m), m, l); }

/* 1 - c, for c that is no closer to 1 than a quarter of a slice (nearer, power_tail takes over) */
static inline dd one_minus(dd c) { return two_sum(1.0 - c.h, -c.l); }

/* Far from its origin a power's blocks are so narrow that six binomials do: (a + i)^power = a^power (1 + i / a)^power.
 * sign 1: of power, -1: of power_rest */
#define LR_POWER_FAR(power) (45056.0 * ((power) > 1.0 ? (power) : 1.0)) /* (power 512 / m)^7 / 7! < 2^-57 */

typedef struct { double high, low, q1, q2, q3, q4, q5, q6; } power_block;

/* Without the terms that are not 2^-60 of the value anywhere in the block: the farther out, the fewer are left, and loops skip them. */
static inline power_block trimmed(power_block v) {
    const double width = LR_FAR_BLOCK, w4 = (width * width) * (width * width), least = fabs(v.high) * 0x1p-60;
    const double fifth = (w4 * width) * (fabs(v.q5) + width * fabs(v.q6)), fourth = w4 * fabs(v.q4) + fifth;
    v.q6 = fifth > least ? v.q6 : 0.0;
    v.q5 = fifth > least ? v.q5 : 0.0;
    v.q4 = fourth > least ? v.q4 : 0.0;
    return v;
}

static inline power_block power_block_of(const lr_piece *k, double a, double sign) {
    const double *b = k->table;
    dd y = power_of(k, a, 0.0), v = mix_wide(k, sign < 0.0 ? one_minus(y) : y);
    double r = k->s / a, f = sign * (k->span_h * (y.h + y.l));
    double r1 = f * r, r2 = r1 * r, r3 = r2 * r, r4 = r3 * r, r5 = r4 * r, r6 = r5 * r;
    return trimmed((power_block){v.h, v.l, b[1] * r1, b[2] * r2, b[3] * r3, b[4] * r4, b[5] * r5, b[6] * r6});
}

static inline double join_power(power_block a, double i) {
    return a.high + (a.low + i * (a.q1 + i * (a.q2 + i * (a.q3 + i * (a.q4 + i * (a.q5 + i * a.q6))))));
}

/* ((m + tau) / tau)^power: a power of the distance from a place `tau` (the piece's rate) before its end, the whole value */
static inline dd law_distance(const lr_piece *k, double m, double l) {
    dd d = two_sum(m, k->rate_h);
    return quick_sum(d.h, d.l + (k->rate_l + l));
}
static inline dd law_of(const lr_piece *k, double m, double l) {
    dd d = law_distance(k, m, l);
    return power_of(k, d.h, d.l);
}

#define LR_LAW_FAR(power) (145408.0 * (1.0 + (power) / 3.0)) /* binomial(-power, 7) (512 / m)^7 < 2^-57, power <= 16 */

static inline power_block law_block_of(const lr_piece *k, double a) {
    const double *b = k->table;
    dd d = law_distance(k, a, 0.0), y = power_of(k, d.h, d.l), v = mix_wide(k, y);
    double r = k->s / d.h, f = k->span_h * (y.h + y.l);
    double r1 = f * r, r2 = r1 * r, r3 = r2 * r, r4 = r3 * r, r5 = r4 * r, r6 = r5 * r;
    return trimmed((power_block){v.h, v.l, b[1] * r1, b[2] * r2, b[3] * r3, b[4] * r4, b[5] * r5, b[6] * r6});
}

/* scale log2(1 + z), where z is the argument. Table: the scale in two doubles, the scale times log2 e, coefficients of z^0 ... z^11 of
 * what is left of log(1 + z) / z - 1 by z, and of log2(1 + d) for d^1 ... d^8; then the slices of an octave, {1 / c, log2 c in two doubles} */
#define LR_LOG_NEAR 0.03125 /* to which the series is used: beyond, the logarithm is larger than what its roundings cost */
#define LR_LOG_TERMS 12
#define LR_LOG_BITS 6
#define LR_LOG_SLICES (4 + LR_LOG_TERMS + 8)

/* c[0] + c[1] z + ... + c[11] z^11; summed as a tree, since one term after the other would wait for each product */
static inline double twelve_terms(const double *restrict c, double z) {
    double z2 = z * z, z4 = z2 * z2;
    double low = (c[0] + z * c[1]) + z2 * (c[2] + z * c[3]);
    double middle = (c[4] + z * c[5]) + z2 * (c[6] + z * c[7]);
    double high = (c[8] + z * c[9]) + z2 * (c[10] + z * c[11]);
    return low + z4 * (middle + z4 * high);
}

static inline dd log_near_of(const lr_piece *k, dd z) {
    const double *t = k->table;
    const dd p = two_product(t[2], z.h);
    return (dd){p.h, p.l + ((t[2] * z.l + t[3] * z.h) + p.h * (z.h * twelve_terms(t + 4, z.h)))};
}

/* what all arguments of one slice share */
typedef struct { double shrink, middle, inverse; dd whole; const double *table; } log_anchor;

static inline dd plus_one(dd z) {
    const dd x = two_sum(1.0, z.h);
    return (dd){x.h, x.l + z.l};
}

static inline log_anchor log_anchor_of(const lr_piece *k, double x) {
    LR_ONE_BY_ONE;
    const uint64_t bits = bits_of(x), slice = (bits >> (52 - LR_LOG_BITS)) & ((1u << LR_LOG_BITS) - 1);
    const double *slot = k->table + LR_LOG_SLICES + 3 * slice;
    const dd whole = two_sum((double)(int)((bits >> 52) - 1023), slot[1]);
    return (log_anchor){
        shrink_of(x), from_bits(0x3ff0000000000000ULL | (slice << (52 - LR_LOG_BITS)) | (1ULL << (51 - LR_LOG_BITS))), slot[0],
        (dd){whole.h, whole.l + slot[2]}, k->table};
}

static inline dd log_at(log_anchor a, dd x) {
    const double *c = a.table + 4 + LR_LOG_TERMS, d = ((x.h * a.shrink - a.middle) + x.l * a.shrink) * a.inverse;
    double q = c[6] + d * c[7];
    for (int i = 5; i >= 0; i--) q = c[i] + d * q;
    return dd_multiply(quick_sum(a.whole.h, a.whole.l + d * q), (dd){a.table[0], a.table[1]});
}

static inline dd log_of(const lr_piece *k, dd z) {
    const dd x = plus_one(z);
    return log_at(log_anchor_of(k, x.h), x);
}

/* where blocks are so narrow that six terms of log(1 + r i) do: r is below 1 / LR_LOG_FAR then, and its seventh term below 2^-63 */
#define LR_LOG_FAR (400.0 * LR_FAR_BLOCK)

static inline power_block log_block_of(const lr_piece *k, double a) {
    const dd x = plus_one(argument(k, a, 0.0)), v = mix_wide(k, log_at(log_anchor_of(k, x.h), x));
    const double r = k->s * (k->rate_h / x.h), f = k->span_h * k->table[2];
    const double r1 = f * r, r2 = r1 * r, r3 = r2 * r, r4 = r3 * r, r5 = r4 * r, r6 = r5 * r;
    return trimmed((power_block){v.h, v.l, r1, r2 * (-1.0 / 2.0), r3 * (1.0 / 3.0), r4 * (-1.0 / 4.0), r5 * (1.0 / 5.0), r6 * (-1.0 / 6.0)});
}

/* -- from series (_series.h) --
 *
 * A slice of a curve is a polynomial about its middle; table: rows of {middle, two doubles, coefficients 1 to LR_ORDER, nothing}.
 * An end where it vanishes is w^power times a polynomial of w, or of w^power; table: as for power_of, its length 1, and behind it
 * {two doubles, coefficients 1 to LR_ORDER}. */
#define LR_SLICE_ROW (LR_ORDER + 4)

static inline dd slice_value(const double *restrict t, dd w) {
    double d = (w.h - t[0]) + w.l;
    return (dd){t[1], t[2] + d * twelve_terms(t + 3, d)};
}

static inline int slice_index(const lr_piece *k, double w) { return (int)(w * k->arg); }

static inline dd slice_of(const lr_piece *k, dd w) {
    LR_ONE_BY_ONE;
    return slice_value(k->table + LR_SLICE_ROW * slice_index(k, w.h), w);
}

/* Blocks of a long curve are so narrow that six terms do, about the block's first distance: from rows {middle, two doubles,
 * coefficients 1 to 6} of sixteen parts of each slice, moved there */
#define LR_FINE_ORDER 6
#define LR_FINE_ROW (LR_FINE_ORDER + 3)

static inline power_block slice_block_of(const lr_piece *k, double a) {
    LR_ONE_BY_ONE;
    const dd w = argument(k, a, 0.0);
    const double *t = k->table + LR_FINE_ROW * slice_index(k, w.h), d = (w.h - t[0]) + w.l;
    double c1 = t[3], c2 = t[4], c3 = t[5], c4 = t[6], c5 = t[7], c6 = t[8];
    c5 += d * c6, c4 += d * c5, c3 += d * c4, c2 += d * c3, c1 += d * c2;
    const dd v = mix_wide(k, (dd){t[1], t[2] + d * c1});
    c5 += d * c6, c4 += d * c5, c3 += d * c4, c2 += d * c3, c1 += d * c2;
    c5 += d * c6, c4 += d * c5, c3 += d * c4, c2 += d * c3;
    c5 += d * c6, c4 += d * c5, c3 += d * c4;
    c5 += d * c6, c4 += d * c5;
    c5 += d * c6;
    const double f = k->span_h, r = k->s * k->rate_h, r2 = r * r, r3 = r2 * r;
    return trimmed((power_block){
        v.h, v.l, f * (c1 * r), f * (c2 * r2), f * (c3 * r3), f * (c4 * (r2 * r2)), f * (c5 * (r2 * r3)), f * (c6 * (r3 * r3))});
}

static inline const double *lead_polynomial(const lr_piece *k) {
    return k->table + LR_POWER_SLICES + LR_TAIL_TERMS + 3 * (1 << (int)k->arg);
}

/* y: w^power, whose low part is a correction of the middle of a slice, and not small */
static inline dd lead_at(const double *restrict t, dd y, double w, int of_power) {
    y = quick_sum(y.h, y.l);
    const dd p = two_product(y.h, t[0]);
    const double z = of_power ? y.h : w;
    return (dd){p.h, p.l + ((y.l * t[0] + y.h * t[1]) + y.h * (z * twelve_terms(t + 2, z)))};
}

static inline dd lead_of(const lr_piece *k, dd w, int of_power) {
    return lead_at(lead_polynomial(k), power_of(k, w.h, w.l), w.h, of_power);
}

/* 1 - (1 - w)^power = w (power - ...), by its series; table: the coefficients of w^0 ... w^13 of the quotient by w */
static inline dd power_series(const lr_piece *k, dd w) {
    const double *table = k->table;
    double q = table[LR_TAIL_TERMS - 1];
    for (int i = LR_TAIL_TERMS - 2; i >= 1; i--) q = table[i] + w.h * q;
    double p = table[0] * w.h;
    return (dd){p, (residual(table[0], w.h, p) + table[0] * w.l) + (w.h * w.h) * q};
}

/* -- noise -- */

/* SplitMix64's mixer (Steele, Lea & Flood 2014) */
static inline uint64_t mixed(uint64_t z) {
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
    return z ^ (z >> 31);
}

/* an odd multiple of 2^-53 in (-1, 1), from the step and a key, whose halves are the piece's rates */
static inline double noise_of(const lr_piece *k, double m) {
    const uint64_t key = ((uint64_t)(int64_t)k->rate_h << 32) | (uint64_t)(int64_t)k->rate_l;
    const uint64_t bits = mixed(key + ((uint64_t)(int64_t)m + 1) * 0x9e3779b97f4a7c15ULL);
    return (double)(int64_t)(bits >> 11) * 0x1p-52 + (0x1p-53 - 1.0);
}

/* sqrt(2) erfinv(t) from rows as of slices: about multiples of 1 / 64 up to 1/2, then, by what is missing to 1, sixteen an octave */
#define LR_NORMAL_MIDDLE 33
#define LR_NORMAL_OCTAVES 53
#define LR_NORMAL_ROWS (LR_NORMAL_MIDDLE + 16 * LR_NORMAL_OCTAVES)

static inline double normal_of(const double *restrict table, double t) {
    LR_ONE_BY_ONE;
    const double size = t < 0 ? -t : t, rest = 1.0 - size;
    const int tail = size > 0.5, octave_slice = (int)((bits_of(rest) >> 48) - ((1023ULL - LR_NORMAL_OCTAVES) << 4));
    const double *row = table + LR_SLICE_ROW * (tail ? LR_NORMAL_MIDDLE + octave_slice : (int)(size * 64.0 + 0.5));
    const dd value = slice_value(row, (dd){tail ? rest : size, 0.0});
    return t < 0 ? -(value.h + value.l) : value.h + value.l;
}

/* a w + b w^2 + c w^3; table: a, b, c in two doubles */
static inline dd cubic_of(const lr_piece *k, dd w) {
    const double *t = k->table;
    dd sum = dd_add(dd_multiply((dd){t[4], t[5]}, w), (dd){t[2], t[3]});
    sum = dd_add(dd_multiply(sum, w), (dd){t[0], t[1]});
    return dd_multiply(sum, w);
}

#endif
