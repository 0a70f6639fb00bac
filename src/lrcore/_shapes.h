/* The formulas: one line each, shared by every way to evaluate them.
 *
 * A formula gives the value at distance m from the end its piece works from (see lr_piece). The arithmetic is in + - * and the
 * residual of a product, so that every instruction set and compiler gives the same bits; what needs a division, a logarithm
 * or an exponential was done once, in _prepare.c. `w` is the formula's argument in two doubles, most often m / length. */
#ifndef LR_SHAPES_H
#define LR_SHAPES_H

#include "_coefficients.h"
#include "_dd.h"
#include "_program.h"

/* FORMULA(name, value) */
#define LR_FORMULAS(FORMULA)                                   \
    FORMULA(hold, k->end)                                      \
    FORMULA(line, mix(k, argument(k, m)))                      \
    FORMULA(half_cosine, mix(k, sine_squared(argument(k, m)))) \
    FORMULA(geometric, exponential_of(k, argument(k, m)))      \
    FORMULA(power, mix(k, power_of(k, m)))                     \
    FORMULA(power_rest, mix(k, one_minus(power_of(k, m))))     \
    FORMULA(power_tail, mix(k, power_series(k, argument(k, m)))) \
    FORMULA(cubic, mix(k, cubic_of(k, argument(k, m))))        \
    FORMULA(sample, k->table[(int64_t)m])

/* SHAPE(name, how it is cut into pieces (_prepare.c), formula near the start, formula near the stop, where its value is half
 * way, the argument at the far end) */
#define LR_SHAPES(SHAPE)                                                                       \
    SHAPE(constant, one_piece, hold, hold, 1.0, ONE)                                           \
    SHAPE(linear, two_sides, line, line, 0.5, ONE)                                             \
    SHAPE(cosine, two_sides, half_cosine, half_cosine, 0.5, HALF_PI)                           \
    SHAPE(exponential, geometric_piece, geometric, geometric, 1.0, ONE)                        \
    SHAPE(polynomial, power_from_stop, power, power, 0.5, ONE)                                 \
    SHAPE(polynomial_from_start, power_from_start, power, power, 0.5, ONE)

enum lr_formula {
#define LR_CODE(name, value) LR_##name,
    LR_FORMULAS(LR_CODE)
#undef LR_CODE
    LR_CALL
};

/* m times the piece's rate */
static inline dd argument(const lr_piece *k, double m) {
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

/* end * 2^w. Adding 1.5 * 2^52 rounds w to the integer n that then stands in the low bits of the sum; n is added to the
 * exponent field. The ends of an exponential keep 2^20 away from the ends of that field (_prepare.c). */
static inline double exponential_of(const lr_piece *k, dd w) {
    const double magic = 6755399441055744.0;
    double t = w.h + magic;
    double f = (w.h - (t - magic)) + w.l;
    double v = k->end + k->end * exp2_minus_one(f);
    return from_bits(bits_of(v) + (bits_of(t) << 52));
}

/* (m / length)^power from anchors: the power of the middle c of each of 2^bits slices of an octave times the power of the octave,
 * both from a table in two doubles, times (1 + d)^power with d = (m - c) / c small enough for eight terms of the binomial series.
 *
 * table: [0..8] binomial coefficients, then the octaves from 2^-74 {high, low}, then the slices {1 / c, high, low} */
#define LR_POWER_BINOMIALS 9
#define LR_POWER_OCTAVES 128
#define LR_POWER_LOWEST (-74)
#define LR_POWER_SLICES (LR_POWER_BINOMIALS + 2 * LR_POWER_OCTAVES)

/* what all distances of one slice share */
typedef struct { double c, inverse, high, low; } power_anchor;

static inline power_anchor power_anchor_of(const lr_piece *k, double m) {
    int bits = (int)k->arg;
    uint64_t u = bits_of(m);
    uint64_t slice = (u >> (52 - bits)) & ((1u << bits) - 1);
    const double *octave = k->table + LR_POWER_BINOMIALS + 2 * ((u >> 52) - (1023 + LR_POWER_LOWEST));
    const double *anchor = k->table + LR_POWER_SLICES + 3 * slice;
    double high = anchor[1] * octave[0];
    return (power_anchor){
        from_bits(0x3ff0000000000000ULL | (slice << (52 - bits)) | (1ULL << (51 - bits))), anchor[0], high,
        residual(anchor[1], octave[0], high) + (anchor[1] * octave[1] + anchor[2] * octave[0])};
}

/* f: m scaled to [1, 2) by a power of two */
static inline dd power_from_anchor(const lr_piece *k, power_anchor a, double f) {
    const double *t = k->table;
    double d = (f - a.c) * a.inverse;
    double q = t[7] + d * t[8];
    q = t[6] + d * q;
    q = t[5] + d * q;
    q = t[4] + d * q;
    q = t[3] + d * q;
    q = t[2] + d * q;
    q = t[1] + d * q;
    return (dd){a.high, a.low + a.high * (d * q)};
}

static inline dd power_of(const lr_piece *k, double m) {
    return power_from_anchor(k, power_anchor_of(k, m), fraction_of(m));
}

/* 1 - c, for c that is no closer to 1 than a quarter of a slice (nearer, power_tail takes over) */
static inline dd one_minus(dd c) { return two_sum(1.0 - c.h, -c.l); }

/* 1 - (1 - w)^power = w (power - ...), by its series; table: the coefficients of w^0 ... w^13 of the quotient by w */
#define LR_TAIL_TERMS 14
static inline dd power_series(const lr_piece *k, dd w) {
    const double *table = k->table;
    double q = table[LR_TAIL_TERMS - 1];
    for (int i = LR_TAIL_TERMS - 2; i >= 1; i--) q = table[i] + w.h * q;
    double p = table[0] * w.h;
    return (dd){p, (residual(table[0], w.h, p) + table[0] * w.l) + (w.h * w.h) * q};
}

/* a w + b w^2 + c w^3; table: a, b, c in two doubles */
static inline dd cubic_of(const lr_piece *k, dd w) {
    const double *t = k->table;
    dd sum = dd_add(dd_multiply((dd){t[4], t[5]}, w), (dd){t[2], t[3]});
    sum = dd_add(dd_multiply(sum, w), (dd){t[0], t[1]});
    return dd_multiply(sum, w);
}

#endif
