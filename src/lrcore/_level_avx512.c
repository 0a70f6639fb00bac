/* x86-64 with AVX-512 (F, DQ, VL, BW). */
#include "_program.h"
#if LR_X86_LEVELS
#pragma GCC target("avx2,fma,bmi,bmi2,avx512f,avx512dq,avx512vl,avx512bw,prefer-vector-width=512")
#define LR_HAS_FMA 1
#define LR_ENGINE avx512
#include "_engine.h"
#endif
