// Products of two-bit codes over interleaved blocks of 32 vectors (kk_bits.h).
//
// A field of two bits `h l` stands for the odd number 4 h + 2 l - 3, and is "inner" (of magnitude 1) where h and l differ. For two
// fields a and b, (9 - a b) / 2 is 2 s + 4 t + 3 u with
//     s = ha ^ hb,   t = s ^ (inner a & inner b),   u = la ^ lb,
// so that a product takes three bit counts, where bit planes multiplied with each other take four.
//   portable: counts in the 32-bit words as they lie.
//   avx2:     bytes are regrouped by vector once for all queries, 16-byte shuffles pick (9 - a b) / 2 of two fields.
//   avx512:   two words become one of high and one of low bits; VPOPCNTD; 8 queries share each.
// Bits past the last component are zero on both sides, which adds nothing.
#include "CKernels.h"
#include "two_bits.h"

#include <string.h>
#if defined(__x86_64__)
#include <immintrin.h>
#endif

#define INLINE static inline __attribute__((always_inline))

static const uint32_t high_bits = 0xAAAAAAAA;

/// Bytes of one prepared query: 128 for each group of 4 code bytes.
INLINE size_t query_bytes(size_t code_bytes) { return (code_bytes + 3) / 4 * 128; }

/// Bytes 4g .. 4g + 3 of a code, zeros behind its end.
INLINE uint32_t word_at(const uint8_t *code, size_t code_bytes, size_t g) {
    uint32_t word = 0;
    if (g * 4 < code_bytes) memcpy(&word, code + g * 4, code_bytes - g * 4 < 4 ? code_bytes - g * 4 : 4);
    return word;
}

void kk_two_bit_query_portable(const uint8_t *code, size_t code_bytes, uint8_t *query) {
    for (size_t g = 0; g * 4 < code_bytes; g++) {
        uint32_t word = word_at(code, code_bytes, g);
        memcpy(query + g * 4, &word, 4);
    }
}

void kk_two_bit_scan_portable(const uint8_t *codes, size_t blocks, size_t block_bytes, size_t code_bytes,
                              const uint8_t *queries, size_t query_count, float top, const float *scale, float base,
                              float step, float *out, size_t out_stride) {
#pragma clang fp contract(off)
    size_t groups = code_bytes / 4;
    for (size_t b = 0; b < blocks; b++) {
        const uint8_t *block = codes + b * block_bytes;
        for (size_t v = 0; v < kk_block_vectors; v++) {
            uint16_t n;
            memcpy(&n, block + kk_block_vectors * code_bytes + 2 * v, 2);
            float inverse = 1.0f / __builtin_sqrtf(base + step * (float)n);
            for (size_t q = 0; q < query_count; q++) {
                const uint8_t *query = queries + q * query_bytes(code_bytes);
                int count = 0;
                for (size_t g = 0; g * 4 < code_bytes; g++) {
                    uint32_t x = 0, y;
                    memcpy(&y, query + g * 4, 4);
                    if (g < groups) {
                        memcpy(&x, block + g * 128 + v * 4, 4);
                    } else {
                        for (size_t t = 0; t < code_bytes % 4; t++)
                            x |= (uint32_t)block[g * 128 + t * 32 + v] << 8 * t;
                    }
                    uint32_t s = x ^ y, inner = (x ^ x << 1) & (y ^ y << 1);
                    count += 2 * __builtin_popcount(s & high_bits) + 4 * __builtin_popcount((s ^ inner) & high_bits)
                             + 3 * __builtin_popcount(s & ~high_bits);
                }
                out[q * out_stride + b * kk_block_vectors + v] = (top - 2 * (float)count) * scale[q] * inverse;
            }
        }
    }
}

#if defined(__x86_64__)

#pragma clang attribute push(__attribute__((target("avx2,fma"))), apply_to = function)

enum {
    /// Blocks that share a table, queries that share nibbles.
    shared_blocks = 2,
    shared_queries = 2,
    /// Look-ups of at most 18 that fit a byte; those of the longest code fit 16 bits.
    byte_lookups = 12,
};

/// For each nibble of the code, 16 bytes: (9 - a b) / 2 of both fields, added up.
void kk_two_bit_query_avx2(const uint8_t *code, size_t code_bytes, uint8_t *query) {
    uint8_t rows[16][16];
    for (int a = 0; a < 16; a++)
        for (int b = 0; b < 16; b++) {
            int first = (2 * (a & 3) - 3) * (2 * (b & 3) - 3), second = (2 * (a >> 2) - 3) * (2 * (b >> 2) - 3);
            rows[a][b] = (uint8_t)((18 - first - second) / 2);
        }
    memset(query, 0, query_bytes(code_bytes));
    for (size_t n = 0; n < 2 * code_bytes; n++) memcpy(query + n * 16, rows[code[n / 2] >> n % 2 * 4 & 15], 16);
}

/// 1 over the lengths of 8 codes.
INLINE __m256 inverse_lengths_avx2(const uint8_t *numbers, size_t part, float base, float step) {
#pragma clang fp contract(off)
    __m256 n = _mm256_cvtepi32_ps(_mm256_cvtepu16_epi32(_mm_loadu_si128((const __m128i *)numbers + part)));
    __m256 square = _mm256_add_ps(_mm256_set1_ps(base), _mm256_mul_ps(_mm256_set1_ps(step), n));
    return _mm256_div_ps(_mm256_set1_ps(1), _mm256_sqrt_ps(square));
}

/// Four words of 8 vectors each to four registers of one byte of all 32: byte r of lane i is that of vector 8 r + i.
INLINE void regroup_avx2(const __m256i x[4], __m256i y[4]) {
    const __m256i second = _mm256_set1_epi16((short)0xFF00);
    __m256i a = _mm256_blendv_epi8(x[0], _mm256_slli_epi16(x[1], 8), second);
    __m256i b = _mm256_blendv_epi8(_mm256_srli_epi16(x[0], 8), x[1], second);
    __m256i c = _mm256_blendv_epi8(x[2], _mm256_slli_epi16(x[3], 8), second);
    __m256i d = _mm256_blendv_epi8(_mm256_srli_epi16(x[2], 8), x[3], second);
    y[0] = _mm256_blend_epi16(a, _mm256_slli_epi32(c, 16), 0xAA);
    y[1] = _mm256_blend_epi16(b, _mm256_slli_epi32(d, 16), 0xAA);
    y[2] = _mm256_blend_epi16(_mm256_srli_epi32(a, 16), c, 0xAA);
    y[3] = _mm256_blend_epi16(_mm256_srli_epi32(b, 16), d, 0xAA);
}

/// Writes the nibbles of one block, each `shared_blocks` registers after the one before.
INLINE void nibbles_avx2(const uint8_t *block, size_t code_bytes, __m256i *nibbles) {
    const __m256i mask = _mm256_set1_epi8(15);
    for (size_t g = 0; g * 4 < code_bytes; g++) {
        __m256i x[4], y[4];
        const uint8_t *group = block + g * 128;
        for (size_t i = 0; i < 4; i++) {
            if (g < code_bytes / 4) {
                x[i] = _mm256_loadu_si256((const __m256i *)group + i);
            } else {
                x[i] = _mm256_setzero_si256();
                for (size_t t = 0; t < code_bytes % 4; t++) {
                    __m256i byte = _mm256_cvtepu8_epi32(_mm_loadl_epi64((const __m128i *)(group + t * 32 + i * 8)));
                    x[i] = _mm256_or_si256(x[i], _mm256_sll_epi32(byte, _mm_cvtsi32_si128((int)t * 8)));
                }
            }
        }
        regroup_avx2(x, y);
        for (size_t k = 0; k < 4; k++, nibbles += 2 * shared_blocks) {
            nibbles[0] = _mm256_and_si256(y[k], mask);
            nibbles[shared_blocks] = _mm256_and_si256(_mm256_srli_epi16(y[k], 4), mask);
        }
    }
}

/// The scores of `queries` tables for `shared_blocks` blocks of `count` nibbles.
INLINE void lookup_avx2(const __m256i *nibbles, size_t count, const uint8_t *tables, size_t stride,
                        const size_t queries, float top, const float *scale, const __m256 *inverse, float *out,
                        size_t out_stride) {
#pragma clang fp contract(off)
    // 16-bit sums of all bytes, wrapping, and of the odd ones: the even ones are what is left.
    __m256i all[shared_queries][shared_blocks], odd[shared_queries][shared_blocks];
    _Pragma("unroll") for (size_t q = 0; q < queries; q++)
        _Pragma("unroll") for (size_t v = 0; v < shared_blocks; v++) all[q][v] = odd[q][v] = _mm256_setzero_si256();
    for (size_t start = 0; start < count; start += byte_lookups) {
        __m256i bytes[shared_queries][shared_blocks];
        _Pragma("unroll") for (size_t q = 0; q < queries; q++)
            _Pragma("unroll") for (size_t v = 0; v < shared_blocks; v++) bytes[q][v] = _mm256_setzero_si256();
#define STEP(N)                                                                                                \
    _Pragma("unroll") for (size_t q = 0; q < queries; q++) {                                                   \
        __m256i table =                                                                                        \
            _mm256_broadcastsi128_si256(_mm_loadu_si128((const __m128i *)(tables + q * stride + (N) * 16)));   \
        _Pragma("unroll") for (size_t v = 0; v < shared_blocks; v++)                                           \
            bytes[q][v] = _mm256_add_epi8(bytes[q][v],                                                         \
                                          _mm256_shuffle_epi8(table, nibbles[(N) * shared_blocks + v]));       \
    }
        if (start + byte_lookups <= count) {
            _Pragma("unroll") for (size_t n = 0; n < byte_lookups; n++) STEP(start + n)
        } else {
            for (size_t n = start; n < count; n++) STEP(n)
        }
#undef STEP
        _Pragma("unroll") for (size_t q = 0; q < queries; q++)
            _Pragma("unroll") for (size_t v = 0; v < shared_blocks; v++) {
                all[q][v] = _mm256_add_epi16(all[q][v], bytes[q][v]);
                odd[q][v] = _mm256_add_epi16(odd[q][v], _mm256_srli_epi16(bytes[q][v], 8));
            }
    }
    const __m256i low = _mm256_set1_epi32(0xFFFF);
    const __m256 most = _mm256_set1_ps(top), two = _mm256_set1_ps(2);
    _Pragma("unroll") for (size_t q = 0; q < queries; q++) {
        __m256 by = _mm256_set1_ps(scale[q]);
        _Pragma("unroll") for (size_t v = 0; v < shared_blocks; v++) {
            __m256i o = odd[q][v], e = _mm256_sub_epi16(all[q][v], _mm256_slli_epi16(o, 8));
            __m256i sums[4] = {_mm256_and_si256(e, low), _mm256_and_si256(o, low), _mm256_srli_epi32(e, 16),
                               _mm256_srli_epi32(o, 16)};
            _Pragma("unroll") for (size_t r = 0; r < 4; r++) {
                __m256 product = _mm256_sub_ps(most, _mm256_mul_ps(two, _mm256_cvtepi32_ps(sums[r])));
                _mm256_storeu_ps(out + q * out_stride + v * kk_block_vectors + 8 * r,
                                 _mm256_mul_ps(_mm256_mul_ps(product, by), inverse[4 * v + r]));
            }
        }
    }
}

void kk_two_bit_scan_avx2(const uint8_t *codes, size_t blocks, size_t block_bytes, size_t code_bytes,
                          const uint8_t *queries, size_t query_count, float top, const float *scale, float base,
                          float step, float *out, size_t out_stride) {
    __m256i nibbles[2 * kk_two_bit_most_bytes * shared_blocks];
    __m256 inverse[4 * shared_blocks];
    float both[shared_queries * shared_blocks * kk_block_vectors];
    size_t stride = query_bytes(code_bytes), count = 8 * ((code_bytes + 3) / 4);
    for (size_t b = 0; b < blocks; b += shared_blocks) {
        // Behind the last block stands the last one again, whose scores are not copied.
        size_t here = blocks - b < shared_blocks ? blocks - b : shared_blocks;
        for (size_t v = 0; v < shared_blocks; v++) {
            const uint8_t *block = codes + (b + (v < here ? v : here - 1)) * block_bytes;
            nibbles_avx2(block, code_bytes, nibbles + v);
            for (size_t i = 0; i < 4; i++)
                inverse[4 * v + i] = inverse_lengths_avx2(block + kk_block_vectors * code_bytes, i, base, step);
        }
        for (size_t q = 0, rows; q < query_count; q += rows) {
            rows = query_count - q < shared_queries ? 1 : shared_queries;
            float *to = out + q * out_stride + b * kk_block_vectors;
            float *scores = here == shared_blocks ? to : both;
            size_t scores_stride = here == shared_blocks ? out_stride : shared_blocks * kk_block_vectors;
            const uint8_t *tables = queries + q * stride;
            if (rows == 1)
                lookup_avx2(nibbles, count, tables, stride, 1, top, scale + q, inverse, scores, scores_stride);
            else
                lookup_avx2(nibbles, count, tables, stride, shared_queries, top, scale + q, inverse, scores,
                            scores_stride);
            if (here == shared_blocks) continue;
            for (size_t r = 0; r < rows; r++)
                memcpy(to + r * out_stride, both + r * scores_stride, here * kk_block_vectors * sizeof(float));
        }
    }
}

#pragma clang attribute pop

#pragma clang attribute push(                                                                                  \
    __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx512vpopcntdq"))), apply_to = function)

/// For each two words of the code, three: high bits, low bits, and where they differ. Even bits are the second word's.
void kk_two_bit_query_avx512(const uint8_t *code, size_t code_bytes, uint8_t *query) {
    for (size_t g = 0; g * 4 < code_bytes; g += 2, query += 12) {
        uint32_t x = word_at(code, code_bytes, g), y = word_at(code, code_bytes, g + 1);
        uint32_t words[3] = {(x & high_bits) | (y >> 1 & ~high_bits), (x << 1 & high_bits) | (y & ~high_bits)};
        words[2] = words[0] ^ words[1];
        memcpy(query, words, sizeof words);
    }
}

/// 16 vectors' bytes 4g .. 4g + 3, zeros behind a code's end.
INLINE __m512i words_avx512(const uint8_t *block, size_t g, size_t half, size_t code_bytes) {
    if (g < code_bytes / 4) return _mm512_loadu_si512(block + g * 128 + half * 64);
    __m512i words = _mm512_setzero_si512();
    if (g * 4 < code_bytes)
        for (size_t t = 0; t < code_bytes % 4; t++) {
            __m512i byte = _mm512_cvtepu8_epi32(
                _mm_loadu_si128((const __m128i *)(block + g * 128 + t * 32 + half * 16)));
            words = _mm512_or_si512(words, _mm512_sll_epi32(byte, _mm_cvtsi32_si128((int)t * 8)));
        }
    return words;
}

/// Scores of `rows` queries, `halves` of the two halves of a block at a time: as many as leave the sums in registers.
INLINE void two_bit_rows_avx512(const uint8_t *codes, size_t blocks, size_t block_bytes, size_t code_bytes,
                                const uint8_t *queries, const size_t rows, const size_t halves, float top,
                                const float *scale, float base, float step, float *out, size_t out_stride) {
#pragma clang fp contract(off)
    const __m512i high = _mm512_set1_epi32((int)high_bits);
    size_t stride = query_bytes(code_bytes), pairs = code_bytes / 8, groups = (code_bytes + 3) / 4;
#define STEP(P, X, Y)                                                                                          \
    _Pragma("unroll") for (size_t i = 0; i < halves; i++) {                                                    \
        __m512i x = X, y = Y;                                                                                  \
        __m512i h = _mm512_ternarylogic_epi32(high, x, _mm512_srli_epi32(y, 1), 0xCA);                         \
        __m512i l = _mm512_ternarylogic_epi32(high, _mm512_slli_epi32(x, 1), y, 0xCA);                         \
        __m512i inner = _mm512_xor_si512(h, l);                                                                \
        _Pragma("unroll") for (size_t r = 0; r < rows; r++) {                                                  \
            int32_t w[3];                                                                                      \
            memcpy(w, queries + r * stride + (P) * 12, sizeof w);                                              \
            __m512i s = _mm512_xor_si512(h, _mm512_set1_epi32(w[0]));                                          \
            __m512i u = _mm512_xor_si512(l, _mm512_set1_epi32(w[1]));                                          \
            __m512i t = _mm512_ternarylogic_epi32(s, inner, _mm512_set1_epi32(w[2]), 0x78);                    \
            sum[r][i][0] = _mm512_add_epi32(sum[r][i][0], _mm512_popcnt_epi32(s));                             \
            sum[r][i][1] = _mm512_add_epi32(sum[r][i][1], _mm512_popcnt_epi32(t));                             \
            sum[r][i][2] = _mm512_add_epi32(sum[r][i][2], _mm512_popcnt_epi32(u));                             \
        }                                                                                                      \
    }
    for (size_t b = 0; b < blocks; b++) {
        const uint8_t *block = codes + b * block_bytes;
        const __m256i *numbers = (const __m256i *)(block + kk_block_vectors * code_bytes);
        for (size_t half = 0; half < 2; half += halves) {
            __m512i sum[8][2][3];
            _Pragma("unroll") for (size_t r = 0; r < rows; r++)
                _Pragma("unroll") for (size_t i = 0; i < halves; i++)
                    sum[r][i][0] = sum[r][i][1] = sum[r][i][2] = _mm512_setzero_si512();
            const uint8_t *at = block + half * 64;
            for (size_t p = 0; p < pairs; p++, at += 256)
                STEP(p, _mm512_loadu_si512(at + i * 64), _mm512_loadu_si512(at + i * 64 + 128))
            if (2 * pairs < groups)
                STEP(pairs, words_avx512(block, 2 * pairs, half + i, code_bytes),
                     words_avx512(block, 2 * pairs + 1, half + i, code_bytes))
            _Pragma("unroll") for (size_t i = 0; i < halves; i++) {
                __m512 n = _mm512_cvtepi32_ps(_mm512_cvtepu16_epi32(_mm256_loadu_si256(numbers + half + i)));
                __m512 square = _mm512_add_ps(_mm512_set1_ps(base), _mm512_mul_ps(_mm512_set1_ps(step), n));
                __m512 inverse = _mm512_div_ps(_mm512_set1_ps(1), _mm512_sqrt_ps(square));
                _Pragma("unroll") for (size_t r = 0; r < rows; r++) {
                    __m512i *c = sum[r][i];
                    __m512i twice = _mm512_add_epi32(_mm512_add_epi32(c[0], c[2]), _mm512_slli_epi32(c[1], 1));
                    __m512i count = _mm512_add_epi32(_mm512_slli_epi32(twice, 1), c[2]);
                    __m512 product = _mm512_sub_ps(
                        _mm512_set1_ps(top), _mm512_mul_ps(_mm512_set1_ps(2), _mm512_cvtepi32_ps(count)));
                    _mm512_storeu_ps(out + r * out_stride + b * kk_block_vectors + (half + i) * 16,
                                     _mm512_mul_ps(_mm512_mul_ps(product, _mm512_set1_ps(scale[r])), inverse));
                }
            }
        }
    }
#undef STEP
}

void kk_two_bit_scan_avx512(const uint8_t *codes, size_t blocks, size_t block_bytes, size_t code_bytes,
                            const uint8_t *queries, size_t query_count, float top, const float *scale, float base,
                            float step, float *out, size_t out_stride) {
    size_t stride = query_bytes(code_bytes), q = 0;
#define RUN(ROWS, HALVES)                                                                                      \
    for (; q + (ROWS) <= query_count; q += (ROWS))                                                             \
        two_bit_rows_avx512(codes, blocks, block_bytes, code_bytes, queries + q * stride, ROWS, HALVES, top,   \
                            scale + q, base, step, out + q * out_stride, out_stride);
    RUN(8, 1) RUN(4, 2) RUN(2, 2) RUN(1, 2)
#undef RUN
}

#pragma clang attribute pop

#endif
