// Scores by nibble look-up over interleaved blocks of 32 vectors (kk_bits.h).
//   portable: one vector and one byte at a time; the reference of the tests.
//   avx2:     bytes are regrouped by vector in registers, 16-byte shuffles pick, 16-bit sums, flushed to 32 bits.
//   avx512:   a 64-byte permutation (VBMI) picks from the tables of 4 bytes at once, VNNI sums them in 32 bits;
//             8, 4, 2 or 1 tables share each load of codes.
// All levels give the same integers; only the last multiply-add may differ in its rounding.
#include "CKernels.h"
#include "nibbles.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

#define INLINE static inline __attribute__((always_inline))

/// Bytes of one table: 128 for each group of 4 code bytes.
INLINE size_t table_bytes(size_t code_bytes) { return (code_bytes + 3) / 4 * 128; }

void kk_round_nibble_tables(const float *entries, size_t code_bytes, const float *minima, float inverse_step,
                            size_t planes, uint8_t *tables) {
    float most = planes == 2 ? 65535.0f : 255.0f;
    for (size_t n = 0; n < 2 * code_bytes; n++) {
        size_t byte = n / 2;
        uint8_t *to = tables + byte / 4 * 128 + byte % 4 * 16 + n % 2 * 64;
        for (size_t e = 0; e < 16; e++) {
            float x = (entries[n * 16 + e] - minima[n]) * inverse_step;
            int32_t value = (int32_t)((x < most ? x : most) + 0.5f);
            if (planes == 2) {
                to[e] = (uint8_t)(value >> 8);
                to[table_bytes(code_bytes) + e] = (uint8_t)value;
            } else {
                to[e] = (uint8_t)value;
            }
        }
    }
}

// SSE2 is part of x86-64: no level is needed.
void kk_nibble_table_bounds(const float *entries, size_t tables, float *minima, float *range, float *total) {
    float widest = 0;
#if defined(__x86_64__)
    __m128 sums = _mm_setzero_ps();
    for (size_t n = 0; n < tables; n++) {
        const float *t = entries + n * 16;
        __m128 a = _mm_loadu_ps(t), b = _mm_loadu_ps(t + 4), c = _mm_loadu_ps(t + 8), d = _mm_loadu_ps(t + 12);
        sums = _mm_add_ps(sums, _mm_add_ps(_mm_add_ps(a, b), _mm_add_ps(c, d)));
        __m128 low = _mm_min_ps(_mm_min_ps(a, b), _mm_min_ps(c, d));
        __m128 high = _mm_max_ps(_mm_max_ps(a, b), _mm_max_ps(c, d));
        low = _mm_min_ps(low, _mm_movehl_ps(low, low));
        high = _mm_max_ps(high, _mm_movehl_ps(high, high));
        low = _mm_min_ss(low, _mm_shuffle_ps(low, low, 1));
        high = _mm_max_ss(high, _mm_shuffle_ps(high, high, 1));
        minima[n] = _mm_cvtss_f32(low);
        float width = _mm_cvtss_f32(high) - minima[n];
        widest = width > widest ? width : widest;
    }
    float parts[4];
    _mm_storeu_ps(parts, sums);
    *total = (parts[0] + parts[1]) + (parts[2] + parts[3]);
#else
    *total = 0;
    for (size_t n = 0; n < tables; n++) {
        const float *t = entries + n * 16;
        float low = t[0], high = t[0];
        for (size_t e = 0; e < 16; e++) {
            low = t[e] < low ? t[e] : low;
            high = t[e] > high ? t[e] : high;
            *total += t[e];
        }
        minima[n] = low;
        widest = high - low > widest ? high - low : widest;
    }
#endif
    *range = widest;
}

void kk_nibble_scan_portable(const uint8_t *codes, size_t blocks, size_t block_bytes, size_t code_bytes,
                                 const uint8_t *tables, size_t queries, size_t planes, const float *bias,
                                 const float *scale, float *out, size_t out_stride) {
    size_t whole = code_bytes / 4 * 4;
    for (size_t b = 0; b < blocks; b++) {
        const uint8_t *block = codes + b * block_bytes;
        for (size_t q = 0; q < queries; q++) {
            for (size_t v = 0; v < kk_block_vectors; v++) {
                uint32_t total = 0;
                for (size_t p = 0; p < planes; p++) {
                    const uint8_t *table = tables + (q * planes + p) * table_bytes(code_bytes);
                    uint32_t sum = 0;
                    for (size_t i = 0; i < code_bytes; i++) {
                        uint8_t code = i < whole ? block[i / 4 * 128 + v * 4 + i % 4] : block[i * 32 + v];
                        const uint8_t *entries = table + i / 4 * 128 + i % 4 * 16;
                        sum += (uint32_t)entries[code & 15] + entries[64 + (code >> 4)];
                    }
                    total = total * 256 + sum;
                }
                out[q * out_stride + b * kk_block_vectors + v] = bias[q] + scale[q] * (float)total;
            }
        }
    }
}

#if defined(__x86_64__)

#pragma clang attribute push(__attribute__((target("avx2,fma"))), apply_to = function)

/// Bytes 4g .. 4g + 3 of all 32 vectors: `y[k]` holds byte k, lanes (0-3, 8-11, 16-19, 24-27) and (4-7, 12-15, ...).
INLINE void regroup_avx2(const __m256i x[4], __m256i y[4]) {
    const __m256i by_byte = _mm256_setr_epi8(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15, 0, 4, 8, 12, 1,
                                             5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15);
    __m256i s0 = _mm256_shuffle_epi8(x[0], by_byte), s1 = _mm256_shuffle_epi8(x[1], by_byte);
    __m256i s2 = _mm256_shuffle_epi8(x[2], by_byte), s3 = _mm256_shuffle_epi8(x[3], by_byte);
    __m256i a = _mm256_unpacklo_epi32(s0, s1), b = _mm256_unpackhi_epi32(s0, s1);
    __m256i c = _mm256_unpacklo_epi32(s2, s3), d = _mm256_unpackhi_epi32(s2, s3);
    y[0] = _mm256_unpacklo_epi64(a, c);
    y[1] = _mm256_unpackhi_epi64(a, c);
    y[2] = _mm256_unpacklo_epi64(b, d);
    y[3] = _mm256_unpackhi_epi64(b, d);
}

INLINE __m256i table_avx2(const uint8_t *table) {
    return _mm256_broadcastsi128_si256(_mm_loadu_si128((const __m128i *)table));
}

/// Adds 16-bit sums of 32 vectors, in the lane order of `regroup_avx2`, to `totals` in vector order.
INLINE void flush_avx2(__m256i low, __m256i high, int32_t *totals) {
    __m256i order[2] = {_mm256_permute4x64_epi64(low, 0xD8), _mm256_permute4x64_epi64(high, 0xD8)};
    for (size_t h = 0; h < 2; h++) {
        __m256i *t = (__m256i *)(totals + h * 16);
        __m256i a = _mm256_cvtepu16_epi32(_mm256_castsi256_si128(order[h]));
        __m256i b = _mm256_cvtepu16_epi32(_mm256_extracti128_si256(order[h], 1));
        _mm256_storeu_si256(t, _mm256_add_epi32(_mm256_loadu_si256(t), a));
        _mm256_storeu_si256(t + 1, _mm256_add_epi32(_mm256_loadu_si256(t + 1), b));
    }
}

/// The sums of `rows` tables for one block. 32 groups of 8 bytes of at most 255 fit 16 bits.
INLINE void nibble_sums_avx2(const uint8_t *block, size_t code_bytes, const uint8_t *tables, const size_t rows,
                             int32_t totals[][kk_block_vectors]) {
    const __m256i mask = _mm256_set1_epi8(15), ones = _mm256_set1_epi8(1);
    size_t groups = code_bytes / 4, tail = code_bytes % 4, all = groups + (tail > 0), stride = table_bytes(code_bytes);
    for (size_t r = 0; r < rows; r++)
        for (size_t v = 0; v < kk_block_vectors; v++) totals[r][v] = 0;
    for (size_t start = 0; start < all; start += 32) {
        size_t end = start + 32 < all ? start + 32 : all;
        __m256i low[2], high[2];
        for (size_t r = 0; r < rows; r++) low[r] = high[r] = _mm256_setzero_si256();
        for (size_t g = start; g < end; g++) {
            __m256i x[4], y[4];
            if (g < groups) {
                for (size_t i = 0; i < 4; i++) x[i] = _mm256_loadu_si256((const __m256i *)(block + g * 128) + i);
            } else {
                for (size_t i = 0; i < 4; i++) {
                    x[i] = _mm256_setzero_si256();
                    for (size_t t = 0; t < tail; t++) {
                        __m128i bytes = _mm_loadl_epi64((const __m128i *)(block + g * 128 + t * 32 + i * 8));
                        __m256i wide = _mm256_sll_epi32(_mm256_cvtepu8_epi32(bytes), _mm_cvtsi32_si128((int)t * 8));
                        x[i] = _mm256_or_si256(x[i], wide);
                    }
                }
            }
            regroup_avx2(x, y);
            for (size_t k = 0; k < 4; k++) {
                __m256i l = _mm256_and_si256(y[k], mask);
                __m256i h = _mm256_and_si256(_mm256_srli_epi16(y[k], 4), mask);
                for (size_t r = 0; r < rows; r++) {
                    const uint8_t *table = tables + r * stride + g * 128 + k * 16;
                    __m256i a = _mm256_shuffle_epi8(table_avx2(table), l);
                    __m256i b = _mm256_shuffle_epi8(table_avx2(table + 64), h);
                    low[r] = _mm256_add_epi16(low[r], _mm256_maddubs_epi16(_mm256_unpacklo_epi8(a, b), ones));
                    high[r] = _mm256_add_epi16(high[r], _mm256_maddubs_epi16(_mm256_unpackhi_epi8(a, b), ones));
                }
            }
        }
        for (size_t r = 0; r < rows; r++) flush_avx2(low[r], high[r], totals[r]);
    }
}

INLINE void store_avx2(const int32_t *totals, const int32_t *fine, float bias, float scale, float *out) {
    __m256 b = _mm256_set1_ps(bias), s = _mm256_set1_ps(scale);
    for (size_t i = 0; i < kk_block_vectors; i += 8) {
        __m256i sum = _mm256_loadu_si256((const __m256i *)(totals + i));
        if (fine)
            sum = _mm256_add_epi32(_mm256_slli_epi32(sum, 8), _mm256_loadu_si256((const __m256i *)(fine + i)));
        _mm256_storeu_ps(out + i, _mm256_fmadd_ps(_mm256_cvtepi32_ps(sum), s, b));
    }
}

void kk_nibble_scan_avx2(const uint8_t *codes, size_t blocks, size_t block_bytes, size_t code_bytes,
                             const uint8_t *tables, size_t queries, size_t planes, const float *bias,
                             const float *scale, float *out, size_t out_stride) {
    size_t stride = table_bytes(code_bytes) * planes;
    int32_t totals[2][kk_block_vectors];
    size_t q = 0;
    // Two tables share each regrouping: two queries, or the two planes of one.
    for (size_t step = 2 / planes; q + step <= queries; q += step) {
        for (size_t b = 0; b < blocks; b++) {
            nibble_sums_avx2(codes + b * block_bytes, code_bytes, tables + q * stride, 2, totals);
            float *to = out + q * out_stride + b * kk_block_vectors;
            store_avx2(totals[0], planes == 2 ? totals[1] : NULL, bias[q], scale[q], to);
            if (planes == 1) store_avx2(totals[1], NULL, bias[q + 1], scale[q + 1], to + out_stride);
        }
    }
    for (; q < queries; q++) {
        for (size_t b = 0; b < blocks; b++) {
            nibble_sums_avx2(codes + b * block_bytes, code_bytes, tables + q * stride, 1, totals);
            store_avx2(totals[0], NULL, bias[q], scale[q], out + q * out_stride + b * kk_block_vectors);
        }
    }
}

#pragma clang attribute pop

#pragma clang attribute push(                                                                                  \
    __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx512vbmi"))), apply_to = function)

/// Scores of `rows` tables, `rows / planes` queries, for all blocks. Few rows sum low and high nibbles apart,
/// which hides the latency of the sums.
INLINE void nibble_rows_avx512(const uint8_t *codes, size_t blocks, size_t block_bytes, size_t code_bytes,
                               const uint8_t *tables, const size_t rows, const size_t planes, const float *bias,
                               const float *scale, float *out, size_t out_stride) {
    const __m512i position = _mm512_set1_epi32(0x30201000), mask = _mm512_set1_epi8(15), ones = _mm512_set1_epi8(1);
    const size_t apart = rows <= 2 ? 2 : 1;
    size_t groups = code_bytes / 4, tail = code_bytes % 4, stride = table_bytes(code_bytes);

#define STEP(G)                                                                                                \
    {                                                                                                          \
        __m512i l0 = _mm512_ternarylogic_epi32(x0, mask, position, 0xEA);                                      \
        __m512i l1 = _mm512_ternarylogic_epi32(x1, mask, position, 0xEA);                                      \
        __m512i h0 = _mm512_ternarylogic_epi32(_mm512_srli_epi32(x0, 4), mask, position, 0xEA);                \
        __m512i h1 = _mm512_ternarylogic_epi32(_mm512_srli_epi32(x1, 4), mask, position, 0xEA);                \
        _Pragma("unroll") for (size_t r = 0; r < rows; r++) {                                                  \
            const uint8_t *table = tables + r * stride + (G) * 128;                                            \
            __m512i tl = _mm512_loadu_si512(table), th = _mm512_loadu_si512(table + 64);                       \
            __m512i *a = sum[r];                                                                               \
            a[0] = _mm512_dpbusd_epi32(a[0], _mm512_permutexvar_epi8(l0, tl), ones);                           \
            a[1] = _mm512_dpbusd_epi32(a[1], _mm512_permutexvar_epi8(l1, tl), ones);                           \
            a += (apart - 1) * 2;                                                                              \
            a[0] = _mm512_dpbusd_epi32(a[0], _mm512_permutexvar_epi8(h0, th), ones);                           \
            a[1] = _mm512_dpbusd_epi32(a[1], _mm512_permutexvar_epi8(h1, th), ones);                           \
        }                                                                                                      \
    }

    for (size_t b = 0; b < blocks; b++) {
        const uint8_t *block = codes + b * block_bytes;
        __m512i sum[8][4];
        _Pragma("unroll") for (size_t r = 0; r < rows; r++)
            sum[r][0] = sum[r][1] = sum[r][2] = sum[r][3] = _mm512_setzero_si512();
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
        _Pragma("unroll") for (size_t r = 0; r < rows; r++) if (apart == 2) {
            sum[r][0] = _mm512_add_epi32(sum[r][0], sum[r][2]);
            sum[r][1] = _mm512_add_epi32(sum[r][1], sum[r][3]);
        }
        _Pragma("unroll") for (size_t q = 0; q < rows / planes; q++) {
            __m512 c = _mm512_set1_ps(bias[q]), s = _mm512_set1_ps(scale[q]);
            float *to = out + q * out_stride + b * kk_block_vectors;
            _Pragma("unroll") for (size_t h = 0; h < 2; h++) {
                __m512i t = sum[q * planes][h];
                if (planes == 2) t = _mm512_add_epi32(_mm512_slli_epi32(t, 8), sum[q * planes + 1][h]);
                _mm512_storeu_ps(to + h * 16, _mm512_fmadd_ps(_mm512_cvtepi32_ps(t), s, c));
            }
        }
    }
#undef STEP
}

void kk_nibble_scan_avx512(const uint8_t *codes, size_t blocks, size_t block_bytes, size_t code_bytes,
                               const uint8_t *tables, size_t queries, size_t planes, const float *bias,
                               const float *scale, float *out, size_t out_stride) {
    size_t stride = table_bytes(code_bytes) * planes, q = 0;
#define RUN(ROWS, PLANES)                                                                                      \
    for (; q + (ROWS) / (PLANES) <= queries; q += (ROWS) / (PLANES))                                           \
        nibble_rows_avx512(codes, blocks, block_bytes, code_bytes, tables + q * stride, ROWS, PLANES, bias + q, \
                           scale + q, out + q * out_stride, out_stride);
    if (planes == 2) {
        RUN(8, 2) RUN(4, 2) RUN(2, 2)
    } else {
        RUN(8, 1) RUN(4, 1) RUN(2, 1) RUN(1, 1)
    }
#undef RUN
}

#pragma clang attribute pop

#endif
