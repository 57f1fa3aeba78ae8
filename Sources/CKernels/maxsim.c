// Late interaction of sets of vectors. One source, maxsim_level.inc.h, is compiled for each level's registers:
//   portable: 4 floats at a time (SSE2 or NEON), tiles of 4 document x 8 query vectors.
//   avx2:     8 floats, 6 x 16 tiles, FMA.
//   avx512:   16 floats, 14 x 32 tiles (28 accumulators of 32 registers), FMA.
// A lane is a query vector, so that the maximum over a document is one instruction a document vector and 32 query
// vectors, and nothing is added across lanes before the end. Reference: the tests hold every level against sums in
// double.
#include "CKernels.h"
#include "vectors.h"
#include <math.h>
#include <string.h>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

#define LEVEL(name) portable_##name
#define VW 4
#define VF float4
#define VI int4
#define MADD(a, b, c) ((a) * (b) + (c))
#define TILE_ROWS 4
#include "maxsim_level.inc.h"

static const kk_maxsim_kernels portable = {portable_maxsim_f32};

#if defined(__x86_64__)

#pragma clang attribute push(__attribute__((target("avx2,fma"))), apply_to = function)

#define LEVEL(name) avx2_##name
#define VW 8
#define VF float8
#define VI int8
#define MADD(a, b, c) ((VF)_mm256_fmadd_ps((__m256)(a), (__m256)(b), (__m256)(c)))
#define TILE_ROWS 6
#include "maxsim_level.inc.h"

#pragma clang attribute pop

static const kk_maxsim_kernels avx2 = {avx2_maxsim_f32};

#pragma clang attribute push(__attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx2,fma"))), \
                             apply_to = function)

#define LEVEL(name) avx512_##name
#define VW 16
#define VF float16
#define VI int16
#define MADD(a, b, c) ((VF)_mm512_fmadd_ps((__m512)(a), (__m512)(b), (__m512)(c)))
#define TILE_ROWS 14
#include "maxsim_level.inc.h"

#pragma clang attribute pop

static const kk_maxsim_kernels avx512 = {avx512_maxsim_f32};

#endif

const kk_maxsim_kernels *kk_maxsim_kernels_for(kk_level level) {
    switch (level) {
#if defined(__x86_64__)
    case kk_level_avx2: return &avx2;
    case kk_level_avx512: return &avx512;
#endif
    default: return &portable;
    }
}
