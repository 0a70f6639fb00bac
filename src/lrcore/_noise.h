/* The table of normal quantiles, made once a process when the first normal noise is compiled. Part of _prepare.c. */
#ifndef LR_NOISE_H
#define LR_NOISE_H

#include "_series.h"

static dd dd_inverse_root(dd x) { return dd_exp2_whole(dd_scale(dd_neg(dd_log2_wide(x)), -1)); }

static dd dd_exp_of_minus(dd x) { return dd_exp2_whole(dd_neg(dd_multiply(x, (dd){LR_INVERSE_LN2_HIGH, LR_INVERSE_LN2_LOW}))); }

/* erf(y / sqrt 2) = sqrt(2 / pi) e^(-y^2 / 2) (y + y^3 / 3 + y^5 / (3 5) + ...), all of whose terms have one sign */
static dd normal_within(dd y) {
    const dd square = dd_multiply(y, y);
    dd term = y, sum = y;
    for (int n = 3; term.h > sum.h * 0x1p-110; n += 2) {
        term = dd_divide(dd_multiply(term, square), (dd){(double)n, 0.0});
        sum = dd_add(sum, term);
    }
    return dd_multiply(dd_multiply(dd_inverse_root(HALF_PI), dd_exp_of_minus(dd_scale(square, -1))), sum);
}

/* the quantile about a middle where it is y: y' = sqrt(pi / 2) e^(y^2 / 2), falling where the variable is what is missing to 1 */
static series quantile_about(dd y, double sign) {
    const dd root = dd_multiply(dd_inverse_root(HALF_PI), HALF_PI);
    series value = {{{0.0, 0.0}}}, half_square = value, grown = value;
    value.c[0] = y;
    half_square.c[0] = dd_scale(dd_multiply(y, y), -1);
    grown.c[0] = dd_exp_of_minus(dd_neg(half_square.c[0]));
    for (int k = 0; k < LR_ORDER; k++) {
        value.c[k + 1] = dd_divide(dd_times(dd_multiply(root, grown.c[k]), sign), (dd){k + 1.0, 0.0});
        dd sum = {0.0, 0.0};
        for (int j = 0; j <= k + 1; j++) sum = dd_add(sum, dd_multiply(value.c[j], value.c[k + 1 - j]));
        half_square.c[k + 1] = dd_scale(sum, -1);
        sum = (dd){0.0, 0.0};
        for (int j = 1; j <= k + 1; j++) sum = dd_add(sum, dd_multiply(dd_times(half_square.c[j], (double)j), grown.c[k + 1 - j]));
        grown.c[k + 1] = dd_divide(sum, (dd){k + 1.0, 0.0});
    }
    return value;
}

/* the quantile of `within`, from a first guess, by Newton's method */
static dd quantile_of(dd within, dd y) {
    for (int i = 0; i < 3; i++) {
        const dd density = dd_multiply(dd_inverse_root(HALF_PI), dd_exp_of_minus(dd_scale(dd_multiply(y, y), -1)));
        y = dd_add(y, dd_divide(dd_add(within, dd_neg(normal_within(y))), density));
    }
    return y;
}

static void fill_normal_table(double *table) {
    dd y = {0.0, 0.0};
    double before = 0.0;
    series about = quantile_about(y, 1.0);
    for (int i = 0; i < LR_NORMAL_ROWS; i++) {
        const int slice = i - LR_NORMAL_MIDDLE, tail = slice >= 0, octave = slice / 16; /* from the middle outwards: octaves from the top */
        const int place = 15 - slice % 16;
        const double middle = tail ? power_of_two(-1 - octave - 1) * (1.0 + (place + 0.5) / 16.0) : i / 64.0;
        const dd within = tail ? two_sum(1.0, -middle) : (dd){middle, 0.0};
        if (i > 0) {
            const double step = i == LR_NORMAL_MIDDLE ? (1.0 - middle) - before : middle - before;
            double guess = about.c[LR_ORDER].h;
            for (int j = LR_ORDER - 1; j >= 0; j--) guess = about.c[j].h + step * guess;
            y = quantile_of(within, (dd){guess, 0.0});
            about = quantile_about(y, tail ? -1.0 : 1.0);
        }
        before = middle;
        const int row_of = tail ? LR_NORMAL_MIDDLE + 16 * (LR_NORMAL_OCTAVES - 2 - octave) + place : i;
        if (row_of < LR_NORMAL_MIDDLE && tail) break;
        fill_row(about, middle, table + LR_SLICE_ROW * row_of);
    }
}

#endif
