// Inner loops of attention. One source, attention_level.inc.h, is compiled for each level's registers:
//   portable: 4 floats at a time (SSE2 or NEON), 4 x 8 tiles.
//   avx2:     8 floats, 6 x 16 tiles, FMA.
//   avx512:   16 floats, 14 x 32 tiles (28 accumulators of 32 registers), FMA.
// Products of attention are small (8..512 rows, 32 or 64 deep): a call to a GEMM library costs as much as the work. Here
// every operand lies in the caches as it is needed, so a tile starts at once.
// Reference: the tests hold every level against sums in double.
#include "CKernels.h"
#include "vectors.h"
#include <math.h>
#include <string.h>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

#define TABLE(level)                                                                                      \
    static const kk_attention_kernels level = {                                                           \
        level##_pack_rows, level##_pack_transposed,  level##_multiply,                                    \
        level##_softmax,   level##_softmax_gradient, level##_dot_rows, level##_scale_rows};

// MARK: - Portable

#define LEVEL(name) portable_##name
#define VW 4
#define VF float4
#define VI int4
#define VU uint4
#define MADD(a, b, c) ((a) * (b) + (c))
#define TILE_ROWS 4
#define LOW(a, b) __builtin_shufflevector(a, b, 0, 4, 1, 5)
#define HIGH(a, b) __builtin_shufflevector(a, b, 2, 6, 3, 7)
#define STAGES 2
#include "attention_level.inc.h"
TABLE(portable)

#if defined(__x86_64__)

// MARK: - AVX2

#pragma clang attribute push(__attribute__((target("avx2,fma"))), apply_to = function)

#define LEVEL(name) avx2_##name
#define VW 8
#define VF float8
#define VI int8
#define VU uint8
#define MADD(a, b, c) ((VF)_mm256_fmadd_ps((__m256)(a), (__m256)(b), (__m256)(c)))
#define TILE_ROWS 6
#define LOW(a, b) __builtin_shufflevector(a, b, 0, 8, 1, 9, 2, 10, 3, 11)
#define HIGH(a, b) __builtin_shufflevector(a, b, 4, 12, 5, 13, 6, 14, 7, 15)
#define STAGES 3
#include "attention_level.inc.h"

#pragma clang attribute pop

TABLE(avx2)

// MARK: - AVX-512

#pragma clang attribute push(__attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx2,fma"))), \
                             apply_to = function)

#define LEVEL(name) avx512_##name
#define VW 16
#define VF float16
#define VI int16
#define VU uint16
#define MADD(a, b, c) ((VF)_mm512_fmadd_ps((__m512)(a), (__m512)(b), (__m512)(c)))
#define TILE_ROWS 14
#define LOW(a, b) \
    __builtin_shufflevector(a, b, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23)
#define HIGH(a, b) \
    __builtin_shufflevector(a, b, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31)
#define STAGES 4
#include "attention_level.inc.h"

#pragma clang attribute pop

TABLE(avx512)

#endif

const kk_attention_kernels *kk_attention_kernels_for(kk_level level) {
    switch (level) {
#if defined(__x86_64__)
    case kk_level_avx2: return &avx2;
    case kk_level_avx512: return &avx512;
#endif
    default: return &portable;
    }
}
