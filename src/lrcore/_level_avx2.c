/* x86-64 with AVX2 and FMA (Haswell, Zen and later). */
#include "_program.h"
#if LR_X86_LEVELS
#pragma GCC target("avx2,fma,bmi,bmi2")
#define LR_HAS_FMA 1
#define LR_ENGINE avx2
#include "_engine.h"
#endif
