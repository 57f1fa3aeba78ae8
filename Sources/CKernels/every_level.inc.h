// Compiles one source for the registers of each level, and makes the family's tables of it. Included last, with
//   FAMILY        the family's word: its table is a struct kk_<FAMILY>_kernels
//   SOURCE        the file with the kernels, written in the compiler's vector types
//   TABLE(level)  what a level's table holds, in braces
// defined. SOURCE sees, beside what vector_functions.inc.h offers,
//   LEVEL(name)   the function's name at this level
//   VF, VI, VU    vectors of VW floats, signed and unsigned 32-bit integers, unaligned
//   MADD(a,b,c)   a * b + c
//   TILE_ROWS     rows of a product computed at once: TILE_ROWS * 2 accumulators + 3 fit the registers
// The levels:
//   portable: 4 floats at a time (SSE2 or NEON), 4 x 8 tiles.
//   avx2:     8 floats, 6 x 16 tiles (12 accumulators of 16 registers), FMA.
//   avx512:   16 floats, 14 x 32 tiles (28 accumulators of 32 registers), FMA.

#define JOIN_WORDS(a, b, c) a##b##c
#define JOIN(a, b, c) JOIN_WORDS(a, b, c)
#define KERNELS JOIN(kk_, FAMILY, _kernels)

#define LEVEL(name) portable_##name
#define VW 4
#define VF float4
#define VI int4
#define VU uint4
#define MADD(a, b, c) ((a) * (b) + (c))
#define TILE_ROWS 4
#include "vector_functions.inc.h"
#include SOURCE
#include "level_end.inc.h"
static const KERNELS portable = TABLE(portable);

#if defined(__x86_64__)

#pragma clang attribute push(__attribute__((target("avx2,fma"))), apply_to = function)
#define LEVEL(name) avx2_##name
#define VW 8
#define VF float8
#define VI int8
#define VU uint8
#define MADD(a, b, c) ((VF)_mm256_fmadd_ps((__m256)(a), (__m256)(b), (__m256)(c)))
#define TILE_ROWS 6
#include "vector_functions.inc.h"
#include SOURCE
#include "level_end.inc.h"
#pragma clang attribute pop
static const KERNELS avx2 = TABLE(avx2);

#pragma clang attribute push(__attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx2,fma"))), \
                             apply_to = function)
#define LEVEL(name) avx512_##name
#define VW 16
#define VF float16
#define VI int16
#define VU uint16
#define MADD(a, b, c) ((VF)_mm512_fmadd_ps((__m512)(a), (__m512)(b), (__m512)(c)))
#define TILE_ROWS 14
#include "vector_functions.inc.h"
#include SOURCE
#include "level_end.inc.h"
#pragma clang attribute pop
static const KERNELS avx512 = TABLE(avx512);

#endif

const KERNELS *JOIN(kk_, FAMILY, _kernels_for)(kk_level level) {
    switch (level) {
#if defined(__x86_64__)
    case kk_level_avx2: return &avx2;
    case kk_level_avx512: return &avx512;
#endif
    default: return &portable;
    }
}
