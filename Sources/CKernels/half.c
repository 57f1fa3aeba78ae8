// Vectors of IEEE binary16 and bfloat16 against float32 queries.
//   portable: conversions by integer arithmetic.
//   avx2:     F16C and shifts, 8 components at a time, 2 accumulators.
//   avx512:   one row after the other, 4 accumulators of 16 components, tails by mask.
// Reference: the portable functions.
#include "CKernels.h"
#include <string.h>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

#define INLINE static inline __attribute__((always_inline))

INLINE float float_of(uint32_t bits) {
    float x;
    memcpy(&x, &bits, 4);
    return x;
}

INLINE uint32_t bits_of(float x) {
    uint32_t bits;
    memcpy(&bits, &x, 4);
    return bits;
}

INLINE float f16_value(uint16_t h) {
    uint32_t magnitude = (uint32_t)(h & 0x7FFF) << 13, sign = (uint32_t)(h & 0x8000) << 16;
    if ((h & 0x7C00) == 0x7C00) return float_of(sign | 0x7F800000 | magnitude);
    // The product moves the exponent's bias from 15 to 127 and is exact for subnormals too.
    return float_of(sign | bits_of(float_of(magnitude) * 0x1p112f));
}

INLINE uint16_t f16_bits(float x) {
    uint32_t sign = bits_of(x) >> 16 & 0x8000;
    uint32_t bits = bits_of(x) & 0x7FFFFFFF;
    if (bits > 0x7F800000) return (uint16_t)(sign | 0x7E00);
    if (bits >= 0x477FE000) return (uint16_t)(sign | 0x7BFF);
    // Below the smallest normal number the sum with 0.5 rounds at the last place of a subnormal.
    if (bits < 0x38800000) return (uint16_t)(sign | (bits_of(float_of(bits) + 0.5f) - 0x3F000000));
    bits += 0xFFF + (bits >> 13 & 1);
    return (uint16_t)(sign | (bits - 0x38000000) >> 13);
}

INLINE float bf16_value(uint16_t h) { return float_of((uint32_t)h << 16); }

INLINE uint16_t bf16_bits(float x) {
    uint32_t bits = bits_of(x);
    if ((bits & 0x7FFFFFFF) > 0x7F800000) return (uint16_t)(bits >> 16 | 0x40);
    if ((bits & 0x7FFFFFFF) >= 0x7F7F8000) return (uint16_t)((bits >> 16 & 0x8000) | 0x7F7F);
    return (uint16_t)((bits + 0x7FFF + (bits >> 16 & 1)) >> 16);
}

static void to_f16_portable(const float *from, size_t count, uint16_t *to) {
    for (size_t i = 0; i < count; i++) to[i] = f16_bits(from[i]);
}

static void to_bf16_portable(const float *from, size_t count, uint16_t *to) {
    for (size_t i = 0; i < count; i++) to[i] = bf16_bits(from[i]);
}

static void from_f16_portable(const uint16_t *from, size_t count, float *to) {
    for (size_t i = 0; i < count; i++) to[i] = f16_value(from[i]);
}

static void from_bf16_portable(const uint16_t *from, size_t count, float *to) {
    for (size_t i = 0; i < count; i++) to[i] = bf16_value(from[i]);
}

#define DOT(a, q, v) a += (q) * (v);
#define SQUARED(a, q, v) a += ((q) - (v)) * ((q) - (v));
#define ROWS_PORTABLE(NAME, VALUE, TERM)                                                                        \
    static void NAME(const float *query, const uint16_t *vectors, size_t rows, size_t dimensions, float *out) { \
        for (size_t r = 0; r < rows; r++) {                                                                     \
            const uint16_t *v = vectors + r * dimensions;                                                       \
            float sum[4] = {0};                                                                                 \
            for (size_t i = 0; i < dimensions; i++) {                                                           \
                float x = VALUE(v[i]);                                                                          \
                TERM(sum[i & 3], query[i], x)                                                                   \
            }                                                                                                   \
            out[r] = (sum[0] + sum[1]) + (sum[2] + sum[3]);                                                     \
        }                                                                                                       \
    }

ROWS_PORTABLE(dot_f16_portable, f16_value, DOT)
ROWS_PORTABLE(squared_f16_portable, f16_value, SQUARED)
ROWS_PORTABLE(dot_bf16_portable, bf16_value, DOT)
ROWS_PORTABLE(squared_bf16_portable, bf16_value, SQUARED)

#define TABLE(NAME)                                                                                       \
    {dot_f16_##NAME, squared_f16_##NAME, dot_bf16_##NAME, squared_bf16_##NAME, to_f16_##NAME, to_bf16_##NAME, \
     from_f16_##NAME, from_bf16_##NAME}
static const kk_half_kernels portable = TABLE(portable);

#if defined(__x86_64__)

#pragma clang attribute push(__attribute__((target("avx2,fma,f16c"))), apply_to = function)

INLINE __m256 f16_8(const uint16_t *p) { return _mm256_cvtph_ps(_mm_loadu_si128((const __m128i *)p)); }

INLINE __m256 bf16_8(const uint16_t *p) {
    __m256i x = _mm256_cvtepu16_epi32(_mm_loadu_si128((const __m128i *)p));
    return _mm256_castsi256_ps(_mm256_slli_epi32(x, 16));
}

#define DOT_8(a, q, v) a = _mm256_fmadd_ps(q, v, a);
#define SQUARED_8(a, q, v)              \
    {                                   \
        __m256 d = _mm256_sub_ps(q, v); \
        a = _mm256_fmadd_ps(d, d, a);   \
    }
#define ROWS_AVX2(NAME, LOAD, VALUE, STEP, TERM)                                                                \
    static void NAME(const float *query, const uint16_t *vectors, size_t rows, size_t dimensions, float *out) { \
        for (size_t r = 0; r < rows; r++) {                                                                     \
            const uint16_t *v = vectors + r * dimensions;                                                       \
            __m256 a = _mm256_setzero_ps(), b = a;                                                              \
            size_t i = 0;                                                                                       \
            for (; i + 16 <= dimensions; i += 16) {                                                             \
                STEP(a, _mm256_loadu_ps(query + i), LOAD(v + i))                                                \
                STEP(b, _mm256_loadu_ps(query + i + 8), LOAD(v + i + 8))                                        \
            }                                                                                                   \
            a = _mm256_add_ps(a, b);                                                                            \
            __m128 s = _mm_add_ps(_mm256_castps256_ps128(a), _mm256_extractf128_ps(a, 1));                      \
            s = _mm_add_ps(s, _mm_movehl_ps(s, s));                                                             \
            float sum = _mm_cvtss_f32(_mm_add_ss(s, _mm_movehdup_ps(s)));                                       \
            for (; i < dimensions; i++) {                                                                       \
                float x = VALUE(v[i]);                                                                          \
                TERM(sum, query[i], x)                                                                          \
            }                                                                                                   \
            out[r] = sum;                                                                                       \
        }                                                                                                       \
    }

ROWS_AVX2(dot_f16_avx2, f16_8, f16_value, DOT_8, DOT)
ROWS_AVX2(squared_f16_avx2, f16_8, f16_value, SQUARED_8, SQUARED)
ROWS_AVX2(dot_bf16_avx2, bf16_8, bf16_value, DOT_8, DOT)
ROWS_AVX2(squared_bf16_avx2, bf16_8, bf16_value, SQUARED_8, SQUARED)

static void to_f16_avx2(const float *from, size_t count, uint16_t *to) {
    size_t i = 0;
    __m256 top = _mm256_set1_ps(65504), bottom = _mm256_set1_ps(-65504);
    for (; i + 8 <= count; i += 8) {
        // The operand order keeps NaN: min and max return their second operand.
        __m256 x = _mm256_max_ps(bottom, _mm256_min_ps(top, _mm256_loadu_ps(from + i)));
        _mm_storeu_si128((__m128i *)(to + i), _mm256_cvtps_ph(x, _MM_FROUND_TO_NEAREST_INT));
    }
    to_f16_portable(from + i, count - i, to + i);
}

static void from_f16_avx2(const uint16_t *from, size_t count, float *to) {
    size_t i = 0;
    for (; i + 8 <= count; i += 8) _mm256_storeu_ps(to + i, f16_8(from + i));
    from_f16_portable(from + i, count - i, to + i);
}

static void from_bf16_avx2(const uint16_t *from, size_t count, float *to) {
    size_t i = 0;
    for (; i + 8 <= count; i += 8) _mm256_storeu_ps(to + i, bf16_8(from + i));
    from_bf16_portable(from + i, count - i, to + i);
}

#pragma clang attribute pop

#define to_bf16_avx2 to_bf16_portable
static const kk_half_kernels avx2 = TABLE(avx2);

#pragma clang attribute push(__attribute__((target("avx512f,avx512bw,avx512dq,avx512vl"))), apply_to = function)

INLINE __m512 f16_16(__mmask16 m, const uint16_t *p) { return _mm512_cvtph_ps(_mm256_maskz_loadu_epi16(m, p)); }

INLINE __m512 bf16_16(__mmask16 m, const uint16_t *p) {
    return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(_mm256_maskz_loadu_epi16(m, p)), 16));
}

INLINE __mmask16 mask_of(size_t left) { return left >= 16 ? 0xFFFF : (__mmask16)((1u << left) - 1); }

#define DOT_16(a, q, v) a = _mm512_fmadd_ps(q, v, a);
#define SQUARED_16(a, q, v)                   \
    {                                         \
        __m512 delta = _mm512_sub_ps(q, v);   \
        a = _mm512_fmadd_ps(delta, delta, a); \
    }
// Sums of the 16 lanes of each of 4 vectors, in order.
INLINE __m128 sum_4x16(__m512 a, __m512 b, __m512 c, __m512 d) {
    __m512 ab = _mm512_add_ps(_mm512_unpacklo_ps(a, b), _mm512_unpackhi_ps(a, b));
    __m512 cd = _mm512_add_ps(_mm512_unpacklo_ps(c, d), _mm512_unpackhi_ps(c, d));
    __m512 all = _mm512_add_ps(_mm512_shuffle_ps(ab, cd, 0x44), _mm512_shuffle_ps(ab, cd, 0xEE));
    __m256 half = _mm256_add_ps(_mm512_castps512_ps256(all), _mm512_extractf32x8_ps(all, 1));
    return _mm_add_ps(_mm256_castps256_ps128(half), _mm256_extractf128_ps(half, 1));
}

// One row after the other, so that memory is read in one stream; the sums of 4 rows are reduced together.
#define ROWS_AVX512(NAME, LOAD, STEP)                                                                           \
    static void NAME(const float *query, const uint16_t *vectors, size_t rows, size_t dimensions, float *out) { \
        for (size_t r = 0; r < rows; r += 4) {                                                                  \
            __m512 sums[4] = {_mm512_setzero_ps(), _mm512_setzero_ps(), _mm512_setzero_ps(),                    \
                              _mm512_setzero_ps()};                                                             \
            for (size_t j = 0; j < 4 && r + j < rows; j++) {                                                    \
                const uint16_t *v = vectors + (r + j) * dimensions;                                             \
                __m512 a = _mm512_setzero_ps(), b = a, c = a, d = a;                                            \
                size_t i = 0;                                                                                   \
                for (; i + 64 <= dimensions; i += 64) {                                                         \
                    STEP(a, _mm512_loadu_ps(query + i), LOAD(0xFFFF, v + i))                                    \
                    STEP(b, _mm512_loadu_ps(query + i + 16), LOAD(0xFFFF, v + i + 16))                          \
                    STEP(c, _mm512_loadu_ps(query + i + 32), LOAD(0xFFFF, v + i + 32))                          \
                    STEP(d, _mm512_loadu_ps(query + i + 48), LOAD(0xFFFF, v + i + 48))                          \
                }                                                                                               \
                for (; i < dimensions; i += 16) {                                                               \
                    __mmask16 m = mask_of(dimensions - i);                                                      \
                    STEP(a, _mm512_maskz_loadu_ps(m, query + i), LOAD(m, v + i))                                \
                }                                                                                               \
                sums[j] = _mm512_add_ps(_mm512_add_ps(a, b), _mm512_add_ps(c, d));                              \
            }                                                                                                   \
            __m128 all = sum_4x16(sums[0], sums[1], sums[2], sums[3]);                                          \
            _mm_mask_storeu_ps(out + r, rows - r >= 4 ? 15 : (__mmask8)((1u << (rows - r)) - 1), all);          \
        }                                                                                                       \
    }

ROWS_AVX512(dot_f16_avx512, f16_16, DOT_16)
ROWS_AVX512(squared_f16_avx512, f16_16, SQUARED_16)
ROWS_AVX512(dot_bf16_avx512, bf16_16, DOT_16)
ROWS_AVX512(squared_bf16_avx512, bf16_16, SQUARED_16)

static void from_f16_avx512(const uint16_t *from, size_t count, float *to) {
    for (size_t i = 0; i < count; i += 16) {
        __mmask16 m = mask_of(count - i);
        _mm512_mask_storeu_ps(to + i, m, f16_16(m, from + i));
    }
}

static void from_bf16_avx512(const uint16_t *from, size_t count, float *to) {
    for (size_t i = 0; i < count; i += 16) {
        __mmask16 m = mask_of(count - i);
        _mm512_mask_storeu_ps(to + i, m, bf16_16(m, from + i));
    }
}

#pragma clang attribute pop

#define to_f16_avx512 to_f16_avx2
#define to_bf16_avx512 to_bf16_portable
static const kk_half_kernels avx512 = TABLE(avx512);

#endif

const kk_half_kernels *kk_half_kernels_for(kk_level level) {
    switch (level) {
#if defined(__x86_64__)
    case kk_level_avx2: return &avx2;
    case kk_level_avx512: return &avx512;
#endif
    default: return &portable;
    }
}
