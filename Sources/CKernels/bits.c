// Hamming distances over interleaved blocks of 32 vectors, the rounding search of multi-bit codes, and lengths of codes
// (kk_bits.h).
//   portable: one vector and one byte at a time; the reference of the tests.
//   avx2:     bit counts of nibbles by shuffle, byte sums flushed to 32 bits.
//   avx512:   VPOPCNTD on 16 vectors at once; 8, 4, 2 or 1 queries share each load of codes.
#include "CKernels.h"
#include "nibbles.h"
#include "two_bits.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

#define INLINE static inline __attribute__((always_inline))

static void hamming_scan_portable(const uint8_t *codes, size_t blocks, size_t block_bytes, size_t code_bytes,
                                  const uint8_t *queries, size_t query_count, float scale, float *out,
                                  size_t out_stride) {
    size_t whole = code_bytes / 4 * 4, stride = (code_bytes + 3) / 4 * 4;
    for (size_t b = 0; b < blocks; b++) {
        const uint8_t *block = codes + b * block_bytes;
        for (size_t q = 0; q < query_count; q++) {
            for (size_t v = 0; v < kk_block_vectors; v++) {
                int count = 0;
                for (size_t i = 0; i < code_bytes; i++) {
                    uint8_t code = i < whole ? block[i / 4 * 128 + v * 4 + i % 4] : block[i * 32 + v];
                    count += __builtin_popcount((unsigned)(code ^ queries[q * stride + i]));
                }
                out[q * out_stride + b * kk_block_vectors + v] = scale * (float)count;
            }
        }
    }
}

// Partial sums in 16 lanes, so that the compiler may use what vectors the level has.
INLINE void rescaled_product(const float *magnitudes, size_t count, float t, float top, float *product,
                             float *square) {
    float p[16] = {0}, s[16] = {0};
    size_t i = 0;
    for (; i + 16 <= count; i += 16)
        for (size_t j = 0; j < 16; j++) {
            float x = magnitudes[i + j], y = t * x;
            y = (float)(int32_t)(y < top ? y : top) + 0.5f;
            p[j] += x * y;
            s[j] += y * y;
        }
    for (; i < count; i++) {
        float x = magnitudes[i], y = t * x;
        y = (float)(int32_t)(y < top ? y : top) + 0.5f;
        p[0] += x * y;
        s[0] += y * y;
    }
    float a = 0, b = 0;
    for (size_t j = 0; j < 16; j++) a += p[j], b += s[j];
    *product = a;
    *square = b;
}

static void divide_by_lengths_portable(const uint8_t *numbers, size_t blocks, size_t block_bytes, float scale,
                                       float base, float step, float *scores) {
#pragma clang fp contract(off)
    for (size_t b = 0; b < blocks; b++) {
        uint16_t n[kk_block_vectors];
        __builtin_memcpy(n, numbers + b * block_bytes, sizeof n);
        float *s = scores + b * kk_block_vectors;
        for (size_t v = 0; v < kk_block_vectors; v++) {
            float square = base + step * (float)n[v];
            s[v] = s[v] * scale / __builtin_sqrtf(square);
        }
    }
}

static void rescaled_product_portable(const float *x, size_t n, float t, float top, float *p, float *s) {
    rescaled_product(x, n, t, top, p, s);
}

#if defined(__x86_64__)

#pragma clang attribute push(__attribute__((target("avx2,fma"))), apply_to = function)

// Square root and division round exactly, and there is no fused multiply-add: the same bits as the portable one.
static void divide_by_lengths_avx2(const uint8_t *numbers, size_t blocks, size_t block_bytes, float scale, float base,
                                   float step, float *scores) {
#pragma clang fp contract(off)
    __m256 by = _mm256_set1_ps(scale), b0 = _mm256_set1_ps(base), b1 = _mm256_set1_ps(step);
    for (size_t b = 0; b < blocks; b++) {
        const __m128i *n = (const __m128i *)(numbers + b * block_bytes);
        float *s = scores + b * kk_block_vectors;
        for (size_t i = 0; i < 4; i++) {
            __m256 number = _mm256_cvtepi32_ps(_mm256_cvtepu16_epi32(_mm_loadu_si128(n + i)));
            __m256 length = _mm256_sqrt_ps(_mm256_add_ps(b0, _mm256_mul_ps(b1, number)));
            _mm256_storeu_ps(s + 8 * i, _mm256_div_ps(_mm256_mul_ps(_mm256_loadu_ps(s + 8 * i), by), length));
        }
    }
}

static void rescaled_product_avx2(const float *x, size_t n, float t, float top, float *p, float *s) {
    rescaled_product(x, n, t, top, p, s);
}

INLINE __m256i bit_counts_avx2(__m256i x) {
    const __m256i counts = _mm256_setr_epi8(0, 1, 1, 2, 1, 2, 2, 3, 1, 2, 2, 3, 2, 3, 3, 4, 0, 1, 1, 2, 1, 2, 2, 3, 1,
                                            2, 2, 3, 2, 3, 3, 4);
    const __m256i mask = _mm256_set1_epi8(15);
    return _mm256_add_epi8(_mm256_shuffle_epi8(counts, _mm256_and_si256(x, mask)),
                           _mm256_shuffle_epi8(counts, _mm256_and_si256(_mm256_srli_epi16(x, 4), mask)));
}

/// Byte counts of 8 vectors, summed vector by vector. At most 31 counts of 8 fit a byte.
INLINE __m256i vector_sums_avx2(__m256i bytes) {
    __m256i pairs = _mm256_maddubs_epi16(bytes, _mm256_set1_epi8(1));
    return _mm256_madd_epi16(pairs, _mm256_set1_epi16(1));
}

static void hamming_scan_avx2(const uint8_t *codes, size_t blocks, size_t block_bytes, size_t code_bytes,
                              const uint8_t *queries, size_t query_count, float scale, float *out,
                              size_t out_stride) {
    size_t groups = code_bytes / 4, tail = code_bytes % 4, stride = (code_bytes + 3) / 4 * 4;
    for (size_t q = 0; q < query_count; q++) {
        const uint8_t *query = queries + q * stride;
        for (size_t b = 0; b < blocks; b++) {
            const uint8_t *block = codes + b * block_bytes;
            __m256i sum[4];
            for (size_t i = 0; i < 4; i++) sum[i] = _mm256_setzero_si256();
            for (size_t start = 0; start < groups; start += 31) {
                size_t end = start + 31 < groups ? start + 31 : groups;
                __m256i bytes[4];
                for (size_t i = 0; i < 4; i++) bytes[i] = _mm256_setzero_si256();
                for (size_t g = start; g < end; g++) {
                    int32_t word;
                    __builtin_memcpy(&word, query + g * 4, 4);
                    __m256i w = _mm256_set1_epi32(word);
                    for (size_t i = 0; i < 4; i++) {
                        __m256i x = _mm256_loadu_si256((const __m256i *)(block + g * 128) + i);
                        bytes[i] = _mm256_add_epi8(bytes[i], bit_counts_avx2(_mm256_xor_si256(x, w)));
                    }
                }
                for (size_t i = 0; i < 4; i++) sum[i] = _mm256_add_epi32(sum[i], vector_sums_avx2(bytes[i]));
            }
            for (size_t t = 0; t < tail; t++) {
                for (size_t i = 0; i < 4; i++) {
                    __m128i x = _mm_loadl_epi64((const __m128i *)(block + groups * 128 + t * 32 + i * 8));
                    __m256i w = _mm256_set1_epi32(query[groups * 4 + t]);
                    __m256i counts = bit_counts_avx2(_mm256_xor_si256(_mm256_cvtepu8_epi32(x), w));
                    sum[i] = _mm256_add_epi32(sum[i], counts);
                }
            }
            for (size_t i = 0; i < 4; i++)
                _mm256_storeu_ps(out + q * out_stride + b * kk_block_vectors + i * 8,
                                 _mm256_mul_ps(_mm256_cvtepi32_ps(sum[i]), _mm256_set1_ps(scale)));
        }
    }
}

#pragma clang attribute pop

#pragma clang attribute push(                                                                                  \
    __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx512vpopcntdq"))), apply_to = function)

static void divide_by_lengths_avx512(const uint8_t *numbers, size_t blocks, size_t block_bytes, float scale,
                                     float base, float step, float *scores) {
#pragma clang fp contract(off)
    __m512 by = _mm512_set1_ps(scale), b0 = _mm512_set1_ps(base), b1 = _mm512_set1_ps(step);
    for (size_t b = 0; b < blocks; b++) {
        const __m256i *n = (const __m256i *)(numbers + b * block_bytes);
        float *s = scores + b * kk_block_vectors;
        for (size_t i = 0; i < 2; i++) {
            __m512 number = _mm512_cvtepi32_ps(_mm512_cvtepu16_epi32(_mm256_loadu_si256(n + i)));
            __m512 length = _mm512_sqrt_ps(_mm512_add_ps(b0, _mm512_mul_ps(b1, number)));
            _mm512_storeu_ps(s + 16 * i, _mm512_div_ps(_mm512_mul_ps(_mm512_loadu_ps(s + 16 * i), by), length));
        }
    }
}

static void rescaled_product_avx512(const float *x, size_t n, float t, float top, float *p, float *s) {
    rescaled_product(x, n, t, top, p, s);
}

INLINE void hamming_rows_avx512(const uint8_t *codes, size_t blocks, size_t block_bytes, size_t code_bytes,
                                const uint8_t *queries, const size_t rows, float scale, float *out,
                                size_t out_stride) {
    size_t groups = code_bytes / 4, tail = code_bytes % 4, stride = (code_bytes + 3) / 4 * 4;
#define STEP(G)                                                                                                \
    _Pragma("unroll") for (size_t r = 0; r < rows; r++) {                                                      \
        int32_t word;                                                                                          \
        __builtin_memcpy(&word, queries + r * stride + (G) * 4, 4);                                            \
        __m512i w = _mm512_set1_epi32(word);                                                                   \
        sum[r][0] = _mm512_add_epi32(sum[r][0], _mm512_popcnt_epi32(_mm512_xor_si512(x0, w)));                 \
        sum[r][1] = _mm512_add_epi32(sum[r][1], _mm512_popcnt_epi32(_mm512_xor_si512(x1, w)));                 \
    }
    for (size_t b = 0; b < blocks; b++) {
        const uint8_t *block = codes + b * block_bytes;
        __m512i sum[8][2];
        _Pragma("unroll") for (size_t r = 0; r < rows; r++) sum[r][0] = sum[r][1] = _mm512_setzero_si512();
        for (size_t g = 0; g < groups; g++) {
            __m512i x0 = _mm512_loadu_si512(block + g * 128), x1 = _mm512_loadu_si512(block + g * 128 + 64);
            STEP(g)
        }
        if (tail) {
            __m512i x0 = _mm512_setzero_si512(), x1 = x0;
            for (size_t t = 0; t < tail; t++) {
                const __m128i *bytes = (const __m128i *)(block + groups * 128 + t * 32);
                __m128i by = _mm_cvtsi32_si128((int)t * 8);
                x0 = _mm512_or_si512(x0, _mm512_sll_epi32(_mm512_cvtepu8_epi32(_mm_loadu_si128(bytes)), by));
                x1 = _mm512_or_si512(x1, _mm512_sll_epi32(_mm512_cvtepu8_epi32(_mm_loadu_si128(bytes + 1)), by));
            }
            STEP(groups)
        }
        __m512 s = _mm512_set1_ps(scale);
        _Pragma("unroll") for (size_t r = 0; r < rows; r++) {
            float *to = out + r * out_stride + b * kk_block_vectors;
            _mm512_storeu_ps(to, _mm512_mul_ps(_mm512_cvtepi32_ps(sum[r][0]), s));
            _mm512_storeu_ps(to + 16, _mm512_mul_ps(_mm512_cvtepi32_ps(sum[r][1]), s));
        }
    }
#undef STEP
}

static void hamming_scan_avx512(const uint8_t *codes, size_t blocks, size_t block_bytes, size_t code_bytes,
                                const uint8_t *queries, size_t query_count, float scale, float *out,
                                size_t out_stride) {
    size_t q = 0, stride = (code_bytes + 3) / 4 * 4;
#define RUN(ROWS)                                                                                              \
    for (; q + (ROWS) <= query_count; q += (ROWS))                                                             \
        hamming_rows_avx512(codes, blocks, block_bytes, code_bytes, queries + q * stride, ROWS, scale,         \
                            out + q * out_stride, out_stride);
    RUN(8) RUN(4) RUN(2) RUN(1)
#undef RUN
}

#pragma clang attribute pop

#endif

static const kk_bit_kernels portable = {kk_nibble_scan_portable, hamming_scan_portable, rescaled_product_portable,
                                        divide_by_lengths_portable, kk_two_bit_query_portable, kk_two_bit_scan_portable};
#if defined(__x86_64__)
static const kk_bit_kernels avx2 = {kk_nibble_scan_avx2, hamming_scan_avx2, rescaled_product_avx2,
                                      divide_by_lengths_avx2, kk_two_bit_query_avx2, kk_two_bit_scan_avx2};
static const kk_bit_kernels avx512 = {kk_nibble_scan_avx512, hamming_scan_avx512, rescaled_product_avx512,
                                      divide_by_lengths_avx512, kk_two_bit_query_avx512, kk_two_bit_scan_avx512};
#endif

const kk_bit_kernels *kk_bit_kernels_for(kk_level level) {
    switch (level) {
#if defined(__x86_64__)
    case kk_level_avx2: return &avx2;
    case kk_level_avx512: return &avx512;
#endif
    default: return &portable;
    }
}
