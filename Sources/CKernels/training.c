// Inner loops of training: functions and their slopes, normalisation, softmax, dropout, sums of rows, Adam.
// Each level compiles training_level.inc.h for its own registers, as transformer.c does. The loops are bound by memory
// once a tensor has left the second-level cache, so none of them is unrolled by hand.
// Reference: the tests hold every level against functions and sums in double.
#include "CKernels.h"
#include "vectors.h"
#include <math.h>
#include <string.h>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

#define TABLE(level)                                                                                         \
    static const kk_training_kernels level = {                                                               \
        level##_function_rows,      level##_slope_rows,    level##_column_sums,  level##_row_sums,           \
        level##_sum_squares,        level##_norm_rows,     level##_norm_slope_rows, level##_softmax_rows,    \
        level##_softmax_slope_rows, level##_lse_rows,      level##_subtract_rows, level##_log_softmax_slope_rows, \
        level##_exp_rows,           level##_dropout,       level##_sum_segments, level##_gather_rows,        \
        level##_adam,               level##_arithmetic,    level##_binary_cross_entropy,                     \
        level##_binary_cross_entropy_slope};

#define LEVEL(name) portable_##name
#define VW 4
#define VF float4
#define VI int4
#define VU uint4
#define MADD(a, b, c) ((a) * (b) + (c))
#include "training_level.inc.h"
TABLE(portable)

#if defined(__x86_64__)

#pragma clang attribute push(__attribute__((target("avx2,fma"))), apply_to = function)
#define LEVEL(name) avx2_##name
#define VW 8
#define VF float8
#define VI int8
#define VU uint8
#define MADD(a, b, c) ((VF)_mm256_fmadd_ps((__m256)(a), (__m256)(b), (__m256)(c)))
#include "training_level.inc.h"
#pragma clang attribute pop
TABLE(avx2)

#pragma clang attribute push(__attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx2,fma"))), \
                             apply_to = function)
#define LEVEL(name) avx512_##name
#define VW 16
#define VF float16
#define VI int16
#define VU uint16
#define MADD(a, b, c) ((VF)_mm512_fmadd_ps((__m512)(a), (__m512)(b), (__m512)(c)))
#include "training_level.inc.h"
#pragma clang attribute pop
TABLE(avx512)

#endif

const kk_training_kernels *kk_training_kernels_for(kk_level level) {
    switch (level) {
#if defined(__x86_64__)
    case kk_level_avx2: return &avx2;
    case kk_level_avx512: return &avx512;
#endif
    default: return &portable;
    }
}
