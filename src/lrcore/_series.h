/* Curves that have no formula of + - * of their own: at compile time each becomes polynomials, one for each of N slices of its
 * length, from its Taylor series in two doubles; near an end where it vanishes like a power of the distance, a polynomial times
 * that power. A shape is one line of LR_SERIES: what is left of the way at u, as a series. Part of _prepare.c. */
#ifndef LR_SERIES_H
#define LR_SERIES_H

#include <stdlib.h>

#include "_dd_math.h"

typedef struct { dd c[LR_ORDER + 1]; } series;

/* -- arithmetic of series, truncated at LR_ORDER -- */

static series series_of(dd value, double slope) {
    series x = {{{0.0, 0.0}}};
    x.c[0] = value;
    x.c[1].h = slope;
    return x;
}

static series plus(series a, series b) {
    for (int i = 0; i <= LR_ORDER; i++) a.c[i] = dd_add(a.c[i], b.c[i]);
    return a;
}

static series times(series a, dd factor) {
    for (int i = 0; i <= LR_ORDER; i++) a.c[i] = dd_multiply(a.c[i], factor);
    return a;
}

static series less(series a, series b) { return plus(a, times(b, (dd){-1.0, 0.0})); }

static series plus_number(series a, dd b) {
    a.c[0] = dd_add(a.c[0], b);
    return a;
}

static series multiply(series a, series b) {
    series out = {{{0.0, 0.0}}};
    for (int i = 0; i <= LR_ORDER; i++)
        for (int j = 0; j <= i; j++) out.c[i] = dd_add(out.c[i], dd_multiply(a.c[j], b.c[i - j]));
    return out;
}

/* y = a^p, from y' a = p a' y */
static series power(series a, double p) {
    series y = {{{0.0, 0.0}}};
    y.c[0] = p == 1.0 ? a.c[0] : p == -1.0 ? dd_divide(ONE, a.c[0]) : dd_exp2_whole(dd_times(dd_log2_wide(a.c[0]), p));
    for (int k = 1; k <= LR_ORDER; k++) {
        dd sum = {0.0, 0.0};
        for (int j = 1; j <= k; j++) {
            const dd weight = two_sum(p * j, -(double)(k - j)); /* p j: p has few bits here or its rounding is far below the tolerance */
            sum = dd_add(sum, dd_multiply(dd_multiply(dd_add(weight, (dd){residual(p, j, p * j), 0.0}), a.c[j]), y.c[k - j]));
        }
        y.c[k] = dd_divide(sum, dd_times(a.c[0], (double)k));
    }
    return y;
}

/* y = 2^a, from y' = ln 2 a' y */
static series exp2_of(series a) {
    const dd ln2 = {LR_LN2_HIGH, LR_LN2_LOW};
    series y = {{{0.0, 0.0}}};
    y.c[0] = dd_exp2_whole(a.c[0]);
    for (int k = 1; k <= LR_ORDER; k++) {
        dd sum = {0.0, 0.0};
        for (int j = 1; j <= k; j++) sum = dd_add(sum, dd_multiply(dd_times(a.c[j], (double)j), y.c[k - j]));
        y.c[k] = dd_divide(dd_multiply(sum, ln2), (dd){(double)k, 0.0});
    }
    return y;
}

/* sin(pi a / 2)^2, from the derivatives of sine and cosine */
static series half_wave(series a) {
    const series angle = times(a, HALF_PI);
    series s = {{{0.0, 0.0}}}, c = s;
    s.c[0] = dd_sine(angle.c[0], &c.c[0]);
    for (int k = 1; k <= LR_ORDER; k++) {
        dd sine = {0.0, 0.0}, cosine = {0.0, 0.0};
        for (int j = 1; j <= k; j++) {
            const dd slope = dd_times(angle.c[j], (double)j);
            sine = dd_add(sine, dd_multiply(slope, c.c[k - j]));
            cosine = dd_add(cosine, dd_neg(dd_multiply(slope, s.c[k - j])));
        }
        s.c[k] = dd_divide(sine, (dd){(double)k, 0.0});
        c.c[k] = dd_divide(cosine, (dd){(double)k, 0.0});
    }
    return multiply(s, s);
}

/* -- the shapes: what is left of the way where y has passed and v = 1 - y has not -- */

static series rex_left(const double *args, series y, series v) {
    const dd beta = {args[0], 0.0}, rest = two_sum(1.0, -args[0]);
    return (void)y, multiply(v, power(plus_number(times(v, rest), beta), -1.0));
}

/* (f(y) - f(1)) / (f(0) - f(1)) for f = (1 - tanh(lower + (upper - lower) y)) / 2 = 1 / (1 + e^2z) */
static series falling(double lower, dd width, series y) {
    const dd octaves = {2.0 * LR_INVERSE_LN2_HIGH, 2.0 * LR_INVERSE_LN2_LOW};
    return power(plus_number(exp2_of(times(plus_number(times(y, width), (dd){lower, 0.0}), octaves)), ONE), -1.0);
}

static series tanh_between(double lower, double upper, series y) {
    const dd width = two_sum(upper, -lower), one = ONE, none = {0.0, 0.0};
    const dd first = falling(lower, width, series_of(none, 0.0)).c[0], last = falling(lower, width, series_of(one, 0.0)).c[0];
    return times(plus_number(falling(lower, width, y), dd_neg(last)), dd_divide(ONE, dd_add(first, dd_neg(last))));
}

static series tanh_left(const double *args, series y, series v) { return (void)v, tanh_between(args[0], args[1], y); }

static series sigmoid_left(const double *args, series y, series v) { return (void)v, tanh_between(-0.25 * args[0], 0.25 * args[0], y); }

static series wave_left(const double *args, series y, series v) { return (void)args, (void)y, half_wave(v); }

/* (base^c - 1) / (base - 1) for c = sin(pi v / 2)^2 */
static series annealing_left(const double *args, series y, series v) {
    const dd octaves = dd_log2_wide((dd){args[0], 0.0}), scale = dd_divide(ONE, two_sum(args[0], -1.0));
    return (void)y, times(plus_number(exp2_of(times(half_wave(v), octaves)), (dd){-1.0, 0.0}), scale);
}

static series mirror_left(const double *args, series y, series v) { return (void)args, (void)y, less(times(v, (dd){2.0, 0.0}), half_wave(v)); }

/* 1 - sin(pi y / 2) = 2 sin(pi v / 4)^2: the second half of half a cosine wave */
static series quarter_left(const double *args, series y, series v) {
    return (void)args, (void)y, times(half_wave(times(v, (dd){0.5, 0.0})), (dd){2.0, 0.0});
}

static series line_left(const double *args, series y, series v) { return (void)args, (void)y, v; }

/* SERIES(shape, what is left, the power k of u that y is, the power q that what is left is raised to): left(u^k)^q */
#define LR_SERIES(SERIES)                                  \
    SERIES(rex, rex_left, 1.0, 1.0)                        \
    SERIES(tanh, tanh_left, 1.0, 1.0)                      \
    SERIES(sigmoid, sigmoid_left, 1.0, 1.0)                \
    SERIES(cosine_power, wave_left, 1.0, args[0])          \
    SERIES(cosine_power_annealing, annealing_left, 1.0, 1.0) \
    SERIES(mirror_cosine, mirror_left, 1.0, 1.0)           \
    SERIES(quarter_cosine, quarter_left, 1.0, 1.0)         \
    SERIES(k_decay, wave_left, args[0], 1.0)               \
    SERIES(k_decay_polynomial, line_left, args[0], args[1])

typedef struct {
    series (*left)(const double *args, series y, series v);
    double args[LR_MAX_ARGS], inner, outer;
} series_shape;

#endif
