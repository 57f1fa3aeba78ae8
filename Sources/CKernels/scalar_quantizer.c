// Scans and decoding of 8, 6 and 4-bit scalar codes.
//   portable: int32 sums.
//   avx2:     codes widened to int16, pmaddwd with 16-bit weights, int32 sums; tails in scalar code.
//   avx512:   vpdpbusd of code bytes with two int8 planes of the weights (128 * high + low), 4 rows at a time so
//             that they share the loads of the query; tails by mask.
// Integer sums are exact; only the last conversion to float rounds (relative error 2^-22).
// Reference: the portable functions.
#include "CKernels.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

#define INLINE static inline __attribute__((always_inline))

INLINE size_t part_of(size_t dimensions, int bits) {
    return bits == 8 ? dimensions : bits == 4 ? (dimensions + 1) / 2 : (dimensions + 3) / 4;
}

INLINE size_t parts_of(int bits) { return bits == 8 ? 1 : bits == 4 ? 2 : 4; }

// The code of dimension p * part + i.
INLINE int32_t code_at(const uint8_t *codes, size_t part, size_t p, size_t i, int bits) {
    if (bits == 8) return codes[i];
    if (bits == 4) return p == 0 ? codes[i] & 15 : codes[i] >> 4;
    if (p < 3) return codes[p * part + i] & 63;
    return codes[i] >> 6 | codes[part + i] >> 6 << 2 | codes[2 * part + i] >> 6 << 4;
}

void kk_scalar_encode_row(const float *vector, size_t dimensions, int32_t bits, const float *minimum,
                          const float *inverse_step, uint8_t *codes) {
    size_t part = part_of(dimensions, bits), parts = parts_of(bits);
    float top = (float)((1 << bits) - 1);
    for (size_t p = 0; p < parts; p++) {
        for (size_t i = 0; i < part; i++) {
            size_t d = p * part + i;
            uint8_t code = 0;
            if (d < dimensions) {
                float x = (vector[d] - minimum[d]) * inverse_step[d] + 0.5f;
                x = x < 0 ? 0 : x;
                x = x > top ? top : x;
                code = (uint8_t)(int32_t)x;
            }
            if (bits == 8) {
                codes[i] = code;
            } else if (bits == 4) {
                codes[i] = p == 0 ? code : (uint8_t)(codes[i] | code << 4);
            } else if (p < 3) {
                codes[p * part + i] = code;
            } else {
                codes[i] |= (uint8_t)((code & 3) << 6);
                codes[part + i] |= (uint8_t)((code >> 2 & 3) << 6);
                codes[2 * part + i] |= (uint8_t)((code >> 4) << 6);
            }
        }
    }
}

INLINE int64_t dot_tail(const kk_scalar_query *q, const uint8_t *codes, size_t from, int bits) {
    int64_t sum = 0;
    for (size_t p = 0; p < parts_of(bits); p++)
        for (size_t i = from; i < q->part; i++)
            sum += (int32_t)q->weights[p * q->padded + i] * code_at(codes, q->part, p, i, bits);
    return sum;
}

INLINE void dot_portable(const kk_scalar_query *q, const uint8_t *codes, size_t rows, size_t stride, float *out,
                         int bits) {
    for (size_t r = 0; r < rows; r++) out[r] = (float)dot_tail(q, codes + r * stride, 0, bits);
}

INLINE void decode_tail(const uint8_t *codes, size_t dimensions, const float *bias, const float *step, float *out,
                        size_t p, size_t from, int bits) {
    size_t part = part_of(dimensions, bits);
    for (size_t i = from; i < part && p * part + i < dimensions; i++) {
        size_t d = p * part + i;
        out[d] = bias[d] + step[d] * (float)code_at(codes, part, p, i, bits);
    }
}

INLINE void decode_portable(const uint8_t *codes, size_t rows, size_t stride, size_t dimensions, const float *bias,
                            const float *step, float *out, int bits) {
    for (size_t r = 0; r < rows; r++)
        for (size_t p = 0; p < parts_of(bits); p++)
            decode_tail(codes + r * stride, dimensions, bias, step, out + r * dimensions, p, 0, bits);
}

// The six functions of a level and its table.
#define LEVEL(NAME)                                                                                              \
    static void dot8_##NAME(const kk_scalar_query *q, const uint8_t *c, size_t n, size_t s, float *o) {          \
        dot_##NAME(q, c, n, s, o, 8);                                                                            \
    }                                                                                                            \
    static void dot6_##NAME(const kk_scalar_query *q, const uint8_t *c, size_t n, size_t s, float *o) {          \
        dot_##NAME(q, c, n, s, o, 6);                                                                            \
    }                                                                                                            \
    static void dot4_##NAME(const kk_scalar_query *q, const uint8_t *c, size_t n, size_t s, float *o) {          \
        dot_##NAME(q, c, n, s, o, 4);                                                                            \
    }                                                                                                            \
    static void decode8_##NAME(const uint8_t *c, size_t n, size_t s, size_t d, const float *b, const float *t,   \
                               float *o) {                                                                       \
        decode_##NAME(c, n, s, d, b, t, o, 8);                                                                   \
    }                                                                                                            \
    static void decode6_##NAME(const uint8_t *c, size_t n, size_t s, size_t d, const float *b, const float *t,   \
                               float *o) {                                                                       \
        decode_##NAME(c, n, s, d, b, t, o, 6);                                                                   \
    }                                                                                                            \
    static void decode4_##NAME(const uint8_t *c, size_t n, size_t s, size_t d, const float *b, const float *t,   \
                               float *o) {                                                                       \
        decode_##NAME(c, n, s, d, b, t, o, 4);                                                                   \
    }
#define TABLE(NAME) \
    {dot8_##NAME, dot6_##NAME, dot4_##NAME, decode8_##NAME, decode6_##NAME, decode4_##NAME}

LEVEL(portable)
static const kk_scalar_kernels portable = TABLE(portable);

#if defined(__x86_64__)

#pragma clang attribute push(__attribute__((target("avx2,fma"))), apply_to = function)

INLINE __m128i load16(const uint8_t *p) { return _mm_loadu_si128((const __m128i *)p); }

// 16 codes of part p, as bytes.
INLINE __m128i codes16(const uint8_t *codes, size_t part, size_t p, size_t i, int bits) {
    if (bits == 8) return load16(codes + i);
    if (bits == 4) {
        __m128i x = load16(codes + i);
        return _mm_and_si128(p == 0 ? x : _mm_srli_epi16(x, 4), _mm_set1_epi8(15));
    }
    if (p < 3) return _mm_and_si128(load16(codes + p * part + i), _mm_set1_epi8(63));
    __m128i a = _mm_and_si128(_mm_srli_epi16(load16(codes + i), 6), _mm_set1_epi8(3));
    __m128i b = _mm_and_si128(_mm_srli_epi16(load16(codes + part + i), 4), _mm_set1_epi8(12));
    __m128i c = _mm_and_si128(_mm_srli_epi16(load16(codes + 2 * part + i), 2), _mm_set1_epi8(48));
    return _mm_or_si128(_mm_or_si128(a, b), c);
}

INLINE void dot_avx2(const kk_scalar_query *q, const uint8_t *codes, size_t rows, size_t stride, float *out,
                     int bits) {
    size_t whole = q->part & ~(size_t)15;
    for (size_t r = 0; r < rows; r++) {
        const uint8_t *v = codes + r * stride;
        __m256i sum[2] = {_mm256_setzero_si256(), _mm256_setzero_si256()};
        for (size_t i = 0; i < whole; i += 16) {
            for (size_t p = 0; p < parts_of(bits); p++) {
                __m256i w = _mm256_loadu_si256((const __m256i *)(q->weights + p * q->padded + i));
                __m256i x = _mm256_cvtepu8_epi16(codes16(v, q->part, p, i, bits));
                
                sum[p & 1] = _mm256_add_epi32(sum[p & 1], _mm256_madd_epi16(x, w));
            }
        }
        __m256i all = _mm256_add_epi32(sum[0], sum[1]);
        __m128i half = _mm_add_epi32(_mm256_castsi256_si128(all), _mm256_extracti128_si256(all, 1));
        __m128d lanes = _mm_add_pd(_mm_cvtepi32_pd(half), _mm_cvtepi32_pd(_mm_srli_si128(half, 8)));
        double total = _mm_cvtsd_f64(lanes) + _mm_cvtsd_f64(_mm_unpackhi_pd(lanes, lanes));
        out[r] = (float)(total + (double)dot_tail(q, v, whole, bits));
    }
}

INLINE void decode_avx2(const uint8_t *codes, size_t rows, size_t stride, size_t dimensions, const float *bias,
                        const float *step, float *out, int bits) {
    size_t part = part_of(dimensions, bits);
    for (size_t r = 0; r < rows; r++, codes += stride, out += dimensions) {
        for (size_t p = 0; p < parts_of(bits); p++) {
            size_t i = 0;
            for (; i + 16 <= part && p * part + i + 16 <= dimensions; i += 16) {
                size_t d = p * part + i;
                __m128i x = codes16(codes, part, p, i, bits);
                __m256 low = _mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(x));
                __m256 high = _mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(_mm_srli_si128(x, 8)));
                _mm256_storeu_ps(out + d, _mm256_fmadd_ps(low, _mm256_loadu_ps(step + d), _mm256_loadu_ps(bias + d)));
                _mm256_storeu_ps(out + d + 8, _mm256_fmadd_ps(high, _mm256_loadu_ps(step + d + 8),
                                                              _mm256_loadu_ps(bias + d + 8)));
            }
            decode_tail(codes, dimensions, bias, step, out, p, i, bits);
        }
    }
}

LEVEL(avx2)

#pragma clang attribute pop

static const kk_scalar_kernels avx2 = TABLE(avx2);

#pragma clang attribute push(__attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,fma"))), \
                             apply_to = function)

// Sums of the 16 lanes of each of 4 vectors, in order.
INLINE __m128 sum_4x16(__m512 a, __m512 b, __m512 c, __m512 d) {
    __m512 ab = _mm512_add_ps(_mm512_unpacklo_ps(a, b), _mm512_unpackhi_ps(a, b));
    __m512 cd = _mm512_add_ps(_mm512_unpacklo_ps(c, d), _mm512_unpackhi_ps(c, d));
    __m512 all = _mm512_add_ps(_mm512_shuffle_ps(ab, cd, 0x44), _mm512_shuffle_ps(ab, cd, 0xEE));
    __m256 half = _mm256_add_ps(_mm512_castps512_ps256(all), _mm512_extractf32x8_ps(all, 1));
    return _mm_add_ps(_mm256_castps256_ps128(half), _mm256_extractf128_ps(half, 1));
}

INLINE void dot_avx512(const kk_scalar_query *q, const uint8_t *codes, size_t rows, size_t stride, float *out,
                       int bits) {
    size_t part = q->part;
    for (size_t r = 0; r < rows; r += 4) {
        const uint8_t *v[4];
        __m512i high[4], low[4];
        for (size_t j = 0; j < 4; j++) {
            v[j] = codes + (r + j < rows ? r + j : rows - 1) * stride;
            high[j] = low[j] = _mm512_setzero_si512();
        }
        for (size_t i = 0; i < part; i += 64) {
            size_t left = part - i;
            __mmask64 m = left >= 64 ? ~0ull : (1ull << left) - 1;
            __m512i h[4], l[4];
            for (size_t p = 0; p < parts_of(bits); p++) {
                h[p] = _mm512_loadu_si512(q->high + p * q->padded + i);
                l[p] = _mm512_loadu_si512(q->low + p * q->padded + i);
            }
            for (size_t j = 0; j < 4; j++) {
                __m512i x[4];
                if (bits == 8) {
                    x[0] = _mm512_maskz_loadu_epi8(m, v[j] + i);
                } else if (bits == 4) {
                    __m512i both = _mm512_maskz_loadu_epi8(m, v[j] + i);
                    x[0] = _mm512_and_si512(both, _mm512_set1_epi8(15));
                    x[1] = _mm512_and_si512(_mm512_srli_epi16(both, 4), _mm512_set1_epi8(15));
                } else {
                    __m512i a = _mm512_maskz_loadu_epi8(m, v[j] + i);
                    __m512i b = _mm512_maskz_loadu_epi8(m, v[j] + part + i);
                    __m512i c = _mm512_maskz_loadu_epi8(m, v[j] + 2 * part + i);
                    x[0] = _mm512_and_si512(a, _mm512_set1_epi8(63));
                    x[1] = _mm512_and_si512(b, _mm512_set1_epi8(63));
                    x[2] = _mm512_and_si512(c, _mm512_set1_epi8(63));
                    x[3] = _mm512_or_si512(
                        _mm512_and_si512(_mm512_srli_epi16(a, 6), _mm512_set1_epi8(3)),
                        _mm512_or_si512(_mm512_and_si512(_mm512_srli_epi16(b, 4), _mm512_set1_epi8(12)),
                                        _mm512_and_si512(_mm512_srli_epi16(c, 2), _mm512_set1_epi8(48))));
                }
                for (size_t p = 0; p < parts_of(bits); p++) {
                    high[j] = _mm512_dpbusd_epi32(high[j], x[p], h[p]);
                    low[j] = _mm512_dpbusd_epi32(low[j], x[p], l[p]);
                }
            }
        }
        __m512 sum[4];
        for (size_t j = 0; j < 4; j++)
            sum[j] = _mm512_fmadd_ps(_mm512_cvtepi32_ps(high[j]), _mm512_set1_ps(128), _mm512_cvtepi32_ps(low[j]));
        __m128 result = sum_4x16(sum[0], sum[1], sum[2], sum[3]);
        _mm_mask_storeu_ps(out + r, rows - r >= 4 ? 15 : (__mmask8)((1u << (rows - r)) - 1), result);
    }
}

INLINE void decode_avx512(const uint8_t *codes, size_t rows, size_t stride, size_t dimensions, const float *bias,
                          const float *step, float *out, int bits) {
    size_t part = part_of(dimensions, bits);
    for (size_t r = 0; r < rows; r++, codes += stride, out += dimensions) {
        for (size_t p = 0; p < parts_of(bits); p++) {
            size_t i = 0;
            for (; i + 16 <= part && p * part + i + 16 <= dimensions; i += 16) {
                size_t d = p * part + i;
                __m512 x = _mm512_cvtepi32_ps(_mm512_cvtepu8_epi32(codes16(codes, part, p, i, bits)));
                _mm512_storeu_ps(out + d, _mm512_fmadd_ps(x, _mm512_loadu_ps(step + d), _mm512_loadu_ps(bias + d)));
            }
            decode_tail(codes, dimensions, bias, step, out, p, i, bits);
        }
    }
}

LEVEL(avx512)

#pragma clang attribute pop

static const kk_scalar_kernels avx512 = TABLE(avx512);

#endif

const kk_scalar_kernels *kk_scalar_kernels_for(kk_level level) {
    switch (level) {
#if defined(__x86_64__)
    case kk_level_avx2: return &avx2;
    case kk_level_avx512: return &avx512;
#endif
    default: return &portable;
    }
}
