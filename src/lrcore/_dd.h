/* Two doubles where one is not enough: h + l with |l| <= ulp(h) / 2, about 106 bits.
 *
 * Everything is made of +, -, * and the residual of a product. The residual is an fma where the machine has one and
 * Dekker's product where it has not: both are exact, so both give the same bits (no operand here is beyond 2^+-900).
 * An fma is never used to fuse anything else, and the compiler is forbidden to (-ffp-contract=off). */
#ifndef LR_DD_H
#define LR_DD_H

#include <math.h>
#include <stdint.h>
#include <string.h>

typedef struct { double h, l; } dd;

/* a * b - p, exactly, where p is a * b rounded */
static inline double residual(double a, double b, double p) {
#if LR_HAS_FMA
    return __builtin_fma(a, b, -p);
#else
    const double split = 134217729.0; /* 2^27 + 1: halves of 26 bits, whose products are exact */
    double at = split * a, bt = split * b;
    double ah = at - (at - a), bh = bt - (bt - b);
    double al = a - ah, bl = b - bh;
    return ((ah * bh - p) + ah * bl + al * bh) + al * bl;
#endif
}

/* a + b exactly; |a| >= |b| or a = 0 */
static inline dd quick_sum(double a, double b) {
    double s = a + b;
    return (dd){s, b - (s - a)};
}

/* a + b exactly */
static inline dd two_sum(double a, double b) {
    double s = a + b, t = s - a;
    return (dd){s, (a - (s - t)) + (b - t)};
}

static inline dd two_product(double a, double b) {
    double p = a * b;
    return (dd){p, residual(a, b, p)};
}

static inline dd dd_add(dd a, dd b) {
    dd s = two_sum(a.h, b.h), t = two_sum(a.l, b.l);
    s = quick_sum(s.h, s.l + t.h);
    return quick_sum(s.h, s.l + t.l);
}

static inline dd dd_neg(dd a) { return (dd){-a.h, -a.l}; }

static inline dd dd_multiply(dd a, dd b) {
    dd p = two_product(a.h, b.h);
    return quick_sum(p.h, p.l + (a.h * b.l + a.l * b.h));
}

static inline dd dd_times(dd a, double b) {
    dd p = two_product(a.h, b);
    return quick_sum(p.h, p.l + a.l * b);
}

/* LR_ONE_BY_ONE keeps a loop from being vectorised: looking tables up with gather instructions is several times slower than one by
 * one. LR_APART keeps a large function out of its caller, so that a single step does not pay for the registers it saves. LR_ALIGNED puts
 * a table where loads of 64 bytes do not cross lines. */
#if defined(__GNUC__)
#define LR_ONE_BY_ONE __asm__ volatile("")
#define LR_APART static __attribute__((noinline))
#define LR_ALIGNED __attribute__((aligned(64)))
#else
#define LR_ONE_BY_ONE (void)0
#define LR_APART static
#define LR_ALIGNED
#endif

static inline uint64_t bits_of(double x) { uint64_t u; memcpy(&u, &x, 8); return u; }
static inline double from_bits(uint64_t u) { double x; memcpy(&x, &u, 8); return x; }

/* 2^n for -1022 <= n <= 1023 */
static inline double power_of_two(int n) { return from_bits((uint64_t)(n + 1023) << 52); }

/* the exponent e and the fraction f in [1, 2) of a normal x > 0 */
static inline int exponent_of(double x) { return (int)(bits_of(x) >> 52) - 1023; }
static inline double fraction_of(double x) { return from_bits((bits_of(x) & 0xfffffffffffffULL) | 0x3ff0000000000000ULL); }

#endif
