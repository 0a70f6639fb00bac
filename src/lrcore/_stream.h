/* Stores that go past the caches, for outputs that no cache holds: they do not read a line before they write it, and leave the
 * processor free to compute the next ones meanwhile: at 10^7 steps a cosine takes 1.05 times as long as filling the memory, where it
 * took 1.4 times (python -m benchmarks --only '10.7 steps, float64: cosine'). Part of _engine.h. */

#define LR_LINE 8 /* doubles of a cache line */
/* an output, or a thread's part of one, is streamed from this size on: few cores have a larger cache to themselves */
#define LR_STREAMED_BYTES (16 << 20)

#if LR_X86_LEVELS
#include <immintrin.h>
#if defined(__AVX512F__)
#define LR_LANES 8
#elif defined(__AVX2__)
#define LR_LANES 4
#else
#define LR_LANES 2
#endif
typedef double lanes __attribute__((vector_size(8 * LR_LANES)));
typedef float single_lanes __attribute__((vector_size(4 * LR_LANES)));

static inline lanes load(const double *from) { lanes v; memcpy(&v, from, sizeof v); return v; }

static inline void stream_double(double *out, lanes v) {
#if LR_LANES == 8
    _mm512_stream_pd(out, (__m512d)v);
#elif LR_LANES == 4
    _mm256_stream_pd(out, (__m256d)v);
#else
    _mm_stream_pd(out, (__m128d)v);
#endif
}

static inline void stream_float(float *out, lanes v) {
    const single_lanes rounded = __builtin_convertvector(v, single_lanes);
#if LR_LANES == 8
    _mm256_stream_ps(out, (__m256)rounded);
#elif LR_LANES == 4
    _mm_stream_ps(out, (__m128)rounded);
#else
    long long bits;
    memcpy(&bits, &rounded, sizeof bits);
    _mm_stream_si64((long long *)out, bits);
#endif
}

static inline void store_double(double *out, lanes v) { memcpy(out, &v, sizeof v); }

static inline void store_float(float *out, lanes v) {
    const single_lanes rounded = __builtin_convertvector(v, single_lanes);
    memcpy(out, &rounded, sizeof rounded);
}

/* before another thread may be told of what was streamed */
static inline void end_stream(void) { _mm_sfence(); }

/* out[i] = VALUE for i < n, LANES being VALUE of the lanes i, i + 1, ...; stores do not cross lines, which would make two of each */
#define LR_WRITE(type, out, n, stream, VALUE, LANES)                                                                   \
    do {                                                                                                               \
        int i = 0;                                                                                                     \
        for (; i < (n) && (uintptr_t)((out) + i) % (LR_LANES * sizeof(type)); i++) (out)[i] = (type)(VALUE);           \
        if (stream)                                                                                                    \
            for (; i + LR_LANES <= (n); i += LR_LANES) stream_##type((out) + i, LANES);                                \
        else                                                                                                           \
            for (; i + LR_LANES <= (n); i += LR_LANES) store_##type((out) + i, LANES);                                 \
        for (; i < (n); i++) (out)[i] = (type)(VALUE);                                                                 \
    } while (0)
#else
static inline void end_stream(void) {}
#define LR_WRITE(type, out, n, stream, VALUE, LANES) \
    for (int i = 0; i < (n); i++) (out)[i] = (type)(VALUE)
#endif
