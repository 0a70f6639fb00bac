/* Any machine. On x86-64 this is SSE2, without fma; on 64-bit Arm, NEON with it. */
#if defined(__ARM_FEATURE_FMA) || defined(__aarch64__)
#define LR_HAS_FMA 1
#else
#define LR_HAS_FMA 0
#endif
#define LR_ENGINE baseline
#include "_engine.h"
