/* Division, logarithm, exponential, sine and cosine in two doubles, for _prepare.c: exact to about 2^-100, and slow. */
#ifndef LR_DD_MATH_H
#define LR_DD_MATH_H

#include "_coefficients.h"
#include "_dd.h"

#define ONE ((dd){1.0, 0.0})
#define HALF_PI ((dd){LR_HALF_PI_HIGH, LR_HALF_PI_LOW})

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

/* 2^n x, for an x and a result that are normal */
static dd dd_scale(dd x, int n) {
    const double scale = power_of_two(n);
    return (dd){x.h * scale, x.l * scale};
}

/* log2 of two doubles; near 1 to the last digit of x - 1 */
static dd dd_log2_wide(dd x) {
    const dd y = dd_add(x, (dd){-1.0, 0.0});
    if (y.h < 0x1p-8 && y.h > -0x1p-8) {
        dd sum = {LR_INVERSE[13][0], LR_INVERSE[13][1]};
        for (int n = 12; n >= 1; n--) sum = dd_add((dd){LR_INVERSE[n][0], LR_INVERSE[n][1]}, dd_neg(dd_multiply(y, sum)));
        return dd_multiply(dd_multiply(y, sum), (dd){LR_INVERSE_LN2_HIGH, LR_INVERSE_LN2_LOW});
    }
    const dd ratio = dd_divide((dd){x.l, 0.0}, (dd){x.h, 0.0}); /* log(h + l) = log h + l / h, as l / h < 2^-53 */
    return dd_add(dd_log2(x.h), dd_times(ratio, LR_INVERSE_LN2_HIGH));
}

/* 2^x as two doubles, for -1000 < x < 1000; 0 below */
static dd dd_exp2_whole(dd x) {
    if (x.h <= -1000.0) return (dd){0.0, 0.0};
    int64_t n;
    const dd value = dd_exp2(x, &n);
    return dd_scale(value, (int)n);
}

/* sine and cosine of 0 <= x <= pi / 2: the series at x / 8, then the angle doubled three times */
static dd dd_sine(dd x, dd *cosine) {
    const dd y = dd_scale(x, -3), z = dd_multiply(y, y);
    dd s = ONE, c = ONE; /* sin y / y, and (1 - cos y) / (y^2 / 2) */
    for (int n = 20; n >= 2; n -= 2) {
        s = dd_add(ONE, dd_neg(dd_divide(dd_multiply(z, s), (dd){(double)n * (n + 1), 0.0})));
        c = dd_add(ONE, dd_neg(dd_divide(dd_multiply(z, c), (dd){(double)(n + 1) * (n + 2), 0.0})));
    }
    s = dd_multiply(y, s);
    dd versed = dd_scale(dd_multiply(z, c), -1); /* 1 - cos: small where the cosine is near 1 */
    for (int i = 0; i < 3; i++) {
        const dd square = dd_multiply(s, s);
        s = dd_scale(dd_multiply(s, dd_add(ONE, dd_neg(versed))), 1);
        versed = dd_scale(square, 1);
    }
    *cosine = dd_add(ONE, dd_neg(versed));
    return s;
}

#endif
