// One query against rows picked out of a table (kk_picked.h).
//   portable: 8 independent accumulators; sign sums a bit at a time.
//   avx2:     4 accumulators, FMA; sign sums by comparing broadcast bytes with the bits of their lanes.
//   avx512:   4 accumulators, FMA, tails by mask, sums of 4 rows reduced together; sign bits are masks as they are.
// Fields of few bits are one loop of 16 lanes, which the compiler writes for each level.
// Reference: the portable functions.
#include "CKernels.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

#define INLINE static inline __attribute__((always_inline))

// How far ahead rows are fetched: far enough to cover the latency of memory with short rows, near enough that the
// lines of long ones are not pushed out of the first-level cache before they are used.
INLINE size_t rows_ahead(size_t bytes) { return bytes >= 1024 ? 1 : bytes >= 256 ? 2 : 4; }

INLINE void fetch_first(const void *table, size_t stride, size_t bytes, const uint32_t *rows, size_t count) {
    size_t ahead = rows_ahead(bytes);
    for (size_t i = 0; i < ahead && i < count; i++) kk_prefetch((const char *)table + rows[i] * stride, bytes);
}

// The row to fetch while row i is computed: past the end, row i again.
INLINE const void *fetched_with(const void *table, size_t stride, size_t bytes, const uint32_t *rows, size_t count,
                                size_t i) {
    size_t next = i + rows_ahead(bytes);
    return (const char *)table + rows[next < count ? next : i] * stride;
}

#define STEP_DOT(sum, q, v) sum += (q) * (v);
#define STEP_SQUARED(sum, q, v) \
    {                           \
        float d = (q) - (v);    \
        sum += d * d;           \
    }
#define PICKED_PORTABLE(NAME, STEP)                                                                            \
    static void NAME(const float *query, const float *vectors, size_t dimensions, const uint32_t *rows,        \
                     size_t count, float *out) {                                                               \
        for (size_t r = 0; r < count; r++) {                                                                   \
            const float *v = vectors + rows[r] * dimensions;                                                   \
            float sum[8] = {0};                                                                                \
            size_t i = 0;                                                                                      \
            for (; i + 8 <= dimensions; i += 8)                                                                \
                for (size_t j = 0; j < 8; j++) STEP(sum[j], query[i + j], v[i + j])                            \
            for (; i < dimensions; i++) STEP(sum[0], query[i], v[i])                                           \
            out[r] = ((sum[0] + sum[1]) + (sum[2] + sum[3])) + ((sum[4] + sum[5]) + (sum[6] + sum[7]));        \
        }                                                                                                      \
    }

PICKED_PORTABLE(dot_portable, STEP_DOT)
PICKED_PORTABLE(squared_portable, STEP_SQUARED)

INLINE float sign_tail(const float *query, size_t from, size_t dimensions, const uint8_t *code) {
    float sum = 0;
    for (size_t i = from; i < dimensions; i++) sum += code[i / 8] >> (i % 8) & 1 ? query[i] : 0;
    return sum;
}

static void signs_portable(const float *query, size_t dimensions, const uint8_t *codes, size_t stride,
                           const uint32_t *rows, size_t count, float *out) {
    for (size_t r = 0; r < count; r++) out[r] = sign_tail(query, 0, dimensions, codes + rows[r] * stride);
}

/// The sum of `query[j]` times field j of one code, in 16 lanes.
INLINE float field_sum(const float *query, size_t dimensions, const size_t width, const uint8_t *code) {
    float lanes[16] = {0};
    size_t i = 0;
    const uint32_t mask = (1u << width) - 1;
    for (; i + 16 <= dimensions; i += 16, code += 2 * width) {
        uint32_t words[2] = {0};
        __builtin_memcpy(words, code, 2 * width);
        for (size_t j = 0; j < 16; j++) {
            uint32_t field = words[j * width / 32] >> j * width % 32 & mask;
            lanes[j] += query[i + j] * (float)(int32_t)field;
        }
    }
    for (size_t bit = 0; i < dimensions; i++, bit += width)
        lanes[bit / width] += query[i] * (float)(code[bit / 8] >> bit % 8 & mask);
    for (size_t half = 8; half > 0; half /= 2)
        for (size_t j = 0; j < half; j++) lanes[j] += lanes[j + half];
    return lanes[0];
}

INLINE void field_sums(const float *query, size_t dimensions, const size_t width, float weight, const uint8_t *codes,
                       size_t stride, const uint32_t *rows, size_t count, float *out) {
    size_t bytes = (dimensions * width + 7) / 8;
    fetch_first(codes, stride, bytes, rows, count);
    for (size_t r = 0; r < count; r++) {
        kk_prefetch(fetched_with(codes, stride, bytes, rows, count, r), bytes);
        out[r] += weight * field_sum(query, dimensions, width, codes + rows[r] * stride);
    }
}

#define FIELDS(NAME)                                                                                           \
    static void NAME(const float *query, size_t dimensions, size_t width, float weight, const uint8_t *codes,  \
                     size_t stride, const uint32_t *rows, size_t count, float *out) {                          \
        if (width == 1) field_sums(query, dimensions, 1, weight, codes, stride, rows, count, out);             \
        if (width == 2) field_sums(query, dimensions, 2, weight, codes, stride, rows, count, out);             \
        if (width == 4) field_sums(query, dimensions, 4, weight, codes, stride, rows, count, out);             \
    }

FIELDS(fields_portable)

static const kk_picked_kernels portable = {dot_portable, squared_portable, signs_portable, fields_portable};

#if defined(__x86_64__)

#pragma clang attribute push(__attribute__((target("avx2,fma"))), apply_to = function)

INLINE float sum8(__m256 x) {
    __m128 s = _mm_add_ps(_mm256_castps256_ps128(x), _mm256_extractf128_ps(x, 1));
    s = _mm_add_ps(s, _mm_movehl_ps(s, s));
    return _mm_cvtss_f32(_mm_add_ss(s, _mm_movehdup_ps(s)));
}

#define STEP_DOT_AVX2(sum, q, v) sum = _mm256_fmadd_ps(q, v, sum);
#define STEP_SQUARED_AVX2(sum, q, v)         \
    {                                        \
        __m256 d = _mm256_sub_ps(q, v);      \
        sum = _mm256_fmadd_ps(d, d, sum);    \
    }
#define PICKED_AVX2(NAME, STEP, TAIL)                                                                          \
    static void NAME(const float *query, const float *vectors, size_t dimensions, const uint32_t *rows,        \
                     size_t count, float *out) {                                                               \
        fetch_first(vectors, 4 * dimensions, 4 * dimensions, rows, count);                                     \
        for (size_t r = 0; r < count; r++) {                                                                   \
            const float *v = vectors + rows[r] * dimensions;                                                   \
            const float *next = fetched_with(vectors, 4 * dimensions, 4 * dimensions, rows, count, r);         \
            __m256 sum[4] = {_mm256_setzero_ps(), _mm256_setzero_ps(), _mm256_setzero_ps(),                    \
                             _mm256_setzero_ps()};                                                             \
            size_t i = 0;                                                                                      \
            for (; i + 32 <= dimensions; i += 32) {                                                            \
                kk_prefetch(next + i, 128);                                                                    \
                _Pragma("unroll") for (size_t j = 0; j < 4; j++)                                               \
                    STEP(sum[j], _mm256_loadu_ps(query + i + 8 * j), _mm256_loadu_ps(v + i + 8 * j))           \
            }                                                                                                  \
            float all = sum8(_mm256_add_ps(_mm256_add_ps(sum[0], sum[1]), _mm256_add_ps(sum[2], sum[3])));     \
            for (; i < dimensions; i++) TAIL(all, query[i], v[i])                                              \
            out[r] = all;                                                                                      \
        }                                                                                                      \
    }

PICKED_AVX2(dot_avx2, STEP_DOT_AVX2, STEP_DOT)
PICKED_AVX2(squared_avx2, STEP_SQUARED_AVX2, STEP_SQUARED)

static void signs_avx2(const float *query, size_t dimensions, const uint8_t *codes, size_t stride,
                       const uint32_t *rows, size_t count, float *out) {
    const __m256i bits = _mm256_setr_epi32(1, 2, 4, 8, 16, 32, 64, 128);
    size_t bytes = (dimensions + 7) / 8, whole = dimensions / 8 * 8;
    fetch_first(codes, stride, bytes, rows, count);
    for (size_t r = 0; r < count; r++) {
        const uint8_t *code = codes + rows[r] * stride;
        kk_prefetch(fetched_with(codes, stride, bytes, rows, count, r), bytes);
        __m256 sum[2] = {_mm256_setzero_ps(), _mm256_setzero_ps()};
        for (size_t i = 0; i < whole; i += 8) {
            __m256i set = _mm256_and_si256(_mm256_set1_epi32(code[i / 8]), bits);
            __m256 lanes = _mm256_castsi256_ps(_mm256_cmpeq_epi32(set, bits));
            sum[i / 8 & 1] = _mm256_add_ps(sum[i / 8 & 1], _mm256_and_ps(lanes, _mm256_loadu_ps(query + i)));
        }
        out[r] = sum8(_mm256_add_ps(sum[0], sum[1])) + sign_tail(query, whole, dimensions, code);
    }
}

FIELDS(fields_avx2)

#pragma clang attribute pop

static const kk_picked_kernels avx2 = {dot_avx2, squared_avx2, signs_avx2, fields_avx2};

#pragma clang attribute push(__attribute__((target("avx512f,avx512bw,avx512dq,avx512vl"))), apply_to = function)

// Sums of the 16 lanes of each of 4 vectors, in order.
INLINE __m128 sum_4x16(const __m512 s[4]) {
    __m512 ab = _mm512_add_ps(_mm512_unpacklo_ps(s[0], s[1]), _mm512_unpackhi_ps(s[0], s[1]));
    __m512 cd = _mm512_add_ps(_mm512_unpacklo_ps(s[2], s[3]), _mm512_unpackhi_ps(s[2], s[3]));
    __m512 all = _mm512_add_ps(_mm512_shuffle_ps(ab, cd, 0x44), _mm512_shuffle_ps(ab, cd, 0xEE));
    __m256 half = _mm256_add_ps(_mm512_castps512_ps256(all), _mm512_extractf32x8_ps(all, 1));
    return _mm_add_ps(_mm256_castps256_ps128(half), _mm256_extractf128_ps(half, 1));
}

INLINE __mmask16 tail_mask(size_t left) { return left >= 16 ? 0xFFFF : (__mmask16)((1u << left) - 1); }

INLINE __mmask8 rows_mask(size_t left) { return left >= 4 ? 15 : (__mmask8)((1u << left) - 1); }

#define STEP_DOT_AVX512(sum, q, v) sum = _mm512_fmadd_ps(q, v, sum);
#define STEP_SQUARED_AVX512(sum, q, v)    \
    {                                     \
        __m512 d = _mm512_sub_ps(q, v);   \
        sum = _mm512_fmadd_ps(d, d, sum); \
    }
#define PICKED_AVX512(NAME, STEP)                                                                              \
    static void NAME(const float *query, const float *vectors, size_t dimensions, const uint32_t *rows,        \
                     size_t count, float *out) {                                                               \
        fetch_first(vectors, 4 * dimensions, 4 * dimensions, rows, count);                                     \
        for (size_t r = 0; r < count; r += 4) {                                                                \
            __m512 sums[4] = {_mm512_setzero_ps(), _mm512_setzero_ps(), _mm512_setzero_ps(),                   \
                              _mm512_setzero_ps()};                                                            \
            for (size_t k = 0; k < 4 && r + k < count; k++) {                                                  \
                const float *v = vectors + rows[r + k] * dimensions;                                           \
                const float *next = fetched_with(vectors, 4 * dimensions, 4 * dimensions, rows, count, r + k); \
                __m512 sum[4] = {_mm512_setzero_ps(), _mm512_setzero_ps(), _mm512_setzero_ps(),                \
                                 _mm512_setzero_ps()};                                                         \
                size_t i = 0;                                                                                  \
                for (; i + 64 <= dimensions; i += 64) {                                                        \
                    kk_prefetch(next + i, 256);                                                                \
                    _Pragma("unroll") for (size_t j = 0; j < 4; j++)                                           \
                        STEP(sum[j], _mm512_loadu_ps(query + i + 16 * j), _mm512_loadu_ps(v + i + 16 * j))     \
                }                                                                                              \
                for (; i < dimensions; i += 16) {                                                              \
                    __mmask16 m = tail_mask(dimensions - i);                                                   \
                    kk_prefetch(next + i, 64);                                                                 \
                    STEP(sum[0], _mm512_maskz_loadu_ps(m, query + i), _mm512_maskz_loadu_ps(m, v + i))         \
                }                                                                                              \
                sums[k] = _mm512_add_ps(_mm512_add_ps(sum[0], sum[1]), _mm512_add_ps(sum[2], sum[3]));         \
            }                                                                                                  \
            _mm_mask_storeu_ps(out + r, rows_mask(count - r), sum_4x16(sums));                                 \
        }                                                                                                      \
    }

PICKED_AVX512(dot_avx512, STEP_DOT_AVX512)
PICKED_AVX512(squared_avx512, STEP_SQUARED_AVX512)

static void signs_avx512(const float *query, size_t dimensions, const uint8_t *codes, size_t stride,
                         const uint32_t *rows, size_t count, float *out) {
    size_t bytes = (dimensions + 7) / 8, whole = dimensions / 32 * 32;
    fetch_first(codes, stride, bytes, rows, count);
    for (size_t r = 0; r < count; r += 4) {
        __m512 sums[4] = {_mm512_setzero_ps(), _mm512_setzero_ps(), _mm512_setzero_ps(), _mm512_setzero_ps()};
        for (size_t k = 0; k < 4 && r + k < count; k++) {
            const uint8_t *code = codes + rows[r + k] * stride;
            kk_prefetch(fetched_with(codes, stride, bytes, rows, count, r + k), bytes);
            __m512 a = _mm512_setzero_ps(), b = a;
            size_t i = 0;
            for (; i < whole; i += 32) {
                uint32_t set;
                __builtin_memcpy(&set, code + i / 8, 4);
                a = _mm512_mask_add_ps(a, (__mmask16)set, a, _mm512_loadu_ps(query + i));
                b = _mm512_mask_add_ps(b, (__mmask16)(set >> 16), b, _mm512_loadu_ps(query + i + 16));
            }
            for (; i < dimensions; i += 8) {
                __mmask16 m = code[i / 8] & (dimensions - i >= 8 ? 255 : (1u << (dimensions - i)) - 1);
                a = _mm512_add_ps(a, _mm512_maskz_loadu_ps(m, query + i));
            }
            sums[k] = _mm512_add_ps(a, b);
        }
        _mm_mask_storeu_ps(out + r, rows_mask(count - r), sum_4x16(sums));
    }
}

FIELDS(fields_avx512)

#pragma clang attribute pop

static const kk_picked_kernels avx512 = {dot_avx512, squared_avx512, signs_avx512, fields_avx512};

#endif

const kk_picked_kernels *kk_picked_kernels_for(kk_level level) {
    switch (level) {
#if defined(__x86_64__)
    case kk_level_avx2: return &avx2;
    case kk_level_avx512: return &avx512;
#endif
    default: return &portable;
    }
}
