/* The machines that watch a metric: one observation in, what happens to the rate out. Each is that of a framework, to the bit, so
 * the order of its statements and the width of its numbers are that framework's; tests/test_adaptive.py runs them side by side. */
#ifndef LR_ADAPTIVE_H
#define LR_ADAPTIVE_H
#include <math.h>
#include <stdint.h>

enum { LR_TORCH, LR_KERAS, LR_OPTAX, LR_GREEDY, LR_NEWBOB };
enum { LR_STAY, LR_REDUCE, LR_RAISE, LR_RESET };

typedef struct {
    int kind, maximise, relative;
    double factor, threshold, atol, eps, min_scale;
    int64_t patience, cooldown, warmup, reset_start, size; /* size: metrics in a mean; 0 for a metric as it comes */
} lr_rule;

typedef struct {
    double best;                /* NewBob: the metric before */
    double sum;                 /* of the window; optax: the mean so far */
    int seen;                   /* whether best is of a metric */
    int64_t bad, good, cooling, warming, left, count, head; /* head: the oldest of the window */
    double *window;             /* `size` metrics in a ring, for GreedyLR */
} lr_watch;

/* What a group's rate may be, and what it is now. */
typedef struct {
    double rate, low, high;
} lr_group_rate;

static inline void lr_begin(const lr_rule *r, lr_watch *w) {
    w->best = r->maximise ? -INFINITY : INFINITY;
    w->sum = 0;
    w->seen = 0;
    w->bad = w->good = w->cooling = w->warming = w->count = w->head = 0;
    w->left = r->reset_start;
}

static inline int lr_better(const lr_rule *r, double metric, double best) {
    if (r->kind == LR_KERAS) /* a difference of Python's floats, compared as tensors of float32 */
        return r->maximise ? (float)(metric - r->threshold) > (float)best : (float)(metric + r->threshold) < (float)best;
    if (r->kind == LR_OPTAX) return (float)metric < (float)((float)(1 - r->threshold) * (float)best) - (float)r->atol;
    if (r->relative) return r->maximise ? metric > best * (r->threshold + 1.0) : metric < best * (1.0 - r->threshold);
    return r->maximise ? metric > best + r->threshold : metric < best - r->threshold;
}

/* A rate after an event; for optax it is the scale on the rate. */
static inline double lr_reduced(const lr_rule *r, double factor, double rate, double low) {
    double lower;
    if (r->kind == LR_OPTAX) return fmaxf((float)rate * (float)factor, (float)r->min_scale);
    if (r->kind == LR_KERAS) { /* its variable is of float32 */
        if (!((float)rate > (float)low)) return rate;
        lower = (double)(float)rate * factor;
        return (float)(low > lower ? low : lower);
    }
    lower = rate * factor;
    if (low > lower) lower = low;
    return rate - lower > r->eps ? lower : rate;
}

static inline double lr_raised(const lr_rule *r, double factor, double rate, double high) {
    /* divided by what it was once multiplied with: the product with the reciprocal could be another bit */
    double higher = factor == 1 / r->factor ? rate / r->factor : rate * factor;
    if (high < higher) higher = high;
    return higher - rate > r->eps ? higher : rate;
}

/* What becomes of a rate, optax: of a scale, at an event; NaN for a factor is a new beginning, from `start`. */
static inline double lr_changed(const lr_rule *r, double factor, double rate, double low, double high, double start) {
    if (isnan(factor)) return start;
    return factor > 1 ? lr_raised(r, factor, rate, high) : lr_reduced(r, factor, rate, low);
}

/* The rate in force where the schedule says `rate`, after these events. */
static double lr_folded(const lr_rule *r, const double *factors, int64_t n, double rate, double low, double high) {
    double start = r->kind == LR_OPTAX ? 1 : rate, value = start;
    for (int64_t i = 0; i < n; i++) value = lr_changed(r, factors[i], value, low, high, start);
    return r->kind == LR_OPTAX ? rate * value : value;
}

static inline int lr_observe_torch(const lr_rule *r, lr_watch *w, double metric) {
    if (lr_better(r, metric, w->best)) w->best = metric, w->bad = 0, w->seen = 1;
    else w->bad++;
    if (w->cooling > 0) w->cooling--, w->bad = 0;
    if (w->bad <= r->patience) return LR_STAY;
    w->cooling = r->cooldown, w->bad = 0;
    return LR_REDUCE;
}

/* Keras counts a cooldown only where some rate was reduced; rates that are not known are taken to be. */
static inline int lr_observe_keras(const lr_rule *r, lr_watch *w, double metric, const lr_group_rate *groups, int64_t n) {
    int reducible = n == 0;
    if (w->cooling > 0) w->cooling--, w->bad = 0;
    if (!w->seen || lr_better(r, metric, w->best)) {
        w->best = metric, w->bad = 0, w->seen = 1;
        return LR_STAY;
    }
    if (w->cooling > 0 || ++w->bad < r->patience) return LR_STAY;
    for (int64_t i = 0; i < n; i++) reducible |= (float)groups[i].rate > (float)groups[i].low;
    if (!reducible) return LR_STAY;
    w->cooling = r->cooldown, w->bad = 0;
    return LR_REDUCE;
}

static inline int lr_observe_optax(const lr_rule *r, lr_watch *w, double metric) {
    float mean = ((float)w->count * (float)w->sum + (float)metric) / (float)(w->count + 1);
    w->sum = mean;
    if (++w->count != r->size) return LR_STAY;
    w->sum = 0, w->count = 0;
    if (lr_better(r, mean, w->best)) w->best = mean, w->bad = 0, w->seen = 1;
    else w->bad++;
    if (w->cooling > 0) {
        w->cooling--, w->bad = 0;
        return LR_STAY;
    }
    if (w->bad == 0 || w->bad < r->patience) return LR_STAY;
    w->cooling = r->cooldown, w->bad = 0;
    return LR_REDUCE;
}

/* The mean of the last metrics, summed as transformers does: what leaves the window is subtracted. */
static inline double lr_smoothed(const lr_rule *r, lr_watch *w, double metric) {
    if (w->count < r->size) {
        w->window[w->count++] = metric;
        w->sum += metric;
    } else {
        w->sum += metric;
        w->sum -= w->window[w->head];
        w->window[w->head] = metric;
        w->head = (w->head + 1) % r->size;
    }
    return w->sum / (double)w->count;
}

static inline int lr_observe_greedy(const lr_rule *r, lr_watch *w, double metric, const lr_group_rate *groups, int64_t n) {
    int lowest = n > 0;
    if (r->size) metric = lr_smoothed(r, w, metric);
    if (w->cooling > 0 || w->warming > 0) {
        if (w->cooling > 0) w->cooling--;
        else w->warming--;
        w->bad = w->good = 0;
        return LR_STAY;
    }
    if (lr_better(r, metric, w->best)) w->best = metric, w->bad = 0, w->good++, w->seen = 1;
    else w->bad++, w->good = 0;
    if (w->good > r->patience) {
        w->left = r->reset_start, w->warming = r->warmup, w->good = 0;
        return LR_RAISE;
    }
    if (w->bad <= r->patience) return LR_STAY;
    for (int64_t i = 0; i < n; i++) lowest &= !(lr_reduced(r, r->factor, groups[i].rate, groups[i].low) > groups[i].low);
    if (lowest) w->left--;
    if (lowest && w->left <= 0) {
        lr_begin(r, w);
        w->cooling = r->cooldown;
        return LR_RESET;
    }
    w->cooling = r->cooldown, w->bad = 0;
    return LR_REDUCE;
}

static inline int lr_observe_newbob(const lr_rule *r, lr_watch *w, double metric) {
    double before = w->best, gain = before == 0 ? 0 : (before - metric) / before;
    int first = !w->seen;
    w->best = metric, w->seen = 1;
    if (first || !(gain < r->threshold)) return LR_STAY;
    if (w->bad < r->patience) {
        w->bad++;
        return LR_STAY;
    }
    w->bad = 0;
    return LR_REDUCE;
}

/* Takes one metric and says what happens. groups: the rates in force, or none where they are not known. */
static inline int lr_observe(const lr_rule *r, lr_watch *w, double metric, const lr_group_rate *groups, int64_t n) {
    switch (r->kind) {
        case LR_TORCH: return lr_observe_torch(r, w, metric);
        case LR_KERAS: return lr_observe_keras(r, w, metric, groups, n);
        case LR_OPTAX: return lr_observe_optax(r, w, metric);
        case LR_GREEDY: return lr_observe_greedy(r, w, metric, groups, n);
        default: return lr_observe_newbob(r, w, metric);
    }
}

static inline double lr_factor(const lr_rule *r, int verdict) {
    return verdict == LR_RESET ? NAN : verdict == LR_RAISE ? 1 / r->factor : r->factor;
}

/* A whole run at a constant rate: what happened at each metric, and the rate in force after it. One loop for each kind, on copies of
 * rule and machine: only then do they stay in registers, which halves the time. */
#define LR_REPLAY(KIND, OBSERVE)                                                                       \
    case KIND:                                                                                         \
        rule.kind = KIND;                                                                              \
        for (int64_t i = 0; i < n; i++) {                                                              \
            int verdict = OBSERVE;                                                                     \
            if (verdict != LR_STAY) {                                                                  \
                value = lr_changed(&rule, lr_factor(&rule, verdict), value, group.low, group.high, start); \
                group.rate = KIND == LR_OPTAX ? rate * value : value;                                  \
            }                                                                                          \
            verdicts[i] = (int8_t)verdict;                                                             \
            rates[i] = group.rate;                                                                     \
        }                                                                                              \
        break;

static void lr_replay(const lr_rule *r, lr_watch *w, const double *metrics, int64_t n, lr_group_rate group, int8_t *restrict verdicts,
                      double *restrict rates) {
    lr_rule rule = *r;
    lr_watch watch = *w;
    double start = r->kind == LR_OPTAX ? 1 : group.rate, rate = group.rate, value = start;
    switch (r->kind) {
        LR_REPLAY(LR_TORCH, lr_observe_torch(&rule, &watch, metrics[i]))
        LR_REPLAY(LR_KERAS, lr_observe_keras(&rule, &watch, metrics[i], &group, 1))
        LR_REPLAY(LR_OPTAX, lr_observe_optax(&rule, &watch, metrics[i]))
        LR_REPLAY(LR_GREEDY, lr_observe_greedy(&rule, &watch, metrics[i], &group, 1))
        LR_REPLAY(LR_NEWBOB, lr_observe_newbob(&rule, &watch, metrics[i]))
    }
    *w = watch;
}
#endif
