// Inner loops of a transformer encoder: products with packed weights, activations, layer norm, softmax.
// At AVX-512 a tile does 28 FMA for 16 loads in every step of k, so the multipliers are the limit, not the caches.
// The 8-bit product is written by hand at each level: it has no vector-type form.
// Reference: the tests hold every level against sums in double.
#include "CKernels.h"
#include "vectors.h"

// MARK: - 8-bit product

static void portable_multiply_u8s8(kk_rows_u8 a, kk_panels_s8 b, float *c, size_t c_stride, size_t m, size_t n,
                                   size_t k) {
    for (size_t i = 0; i < m; i++)
        for (size_t j = 0; j < n; j++) {
            const int8_t *panel = b.data + j / 32 * 32 * k + j % 32 * 4;
            int32_t sum = 0;
            for (size_t l = 0; l < k; l += 4)
                for (size_t q = 0; q < 4; q++)
                    sum += (int32_t)a.data[i * a.stride + l + q] * panel[l * 32 + q];
            c[i * c_stride + j] = a.scale[i] * b.scale[j] * ((float)sum - a.zero[i] * b.sum[j]) + b.bias[j];
        }
}

#if defined(__x86_64__)

#pragma clang attribute push(__attribute__((target("avx2,fma"))), apply_to = function)

// Exact without VNNI: both sides widened to 16 bits, pairs of products added in 32 bits.
static void avx2_multiply_u8s8(kk_rows_u8 a, kk_panels_s8 b, float *c, size_t c_stride, size_t m, size_t n,
                               size_t k) {
    for (size_t j = 0; j < n; j += 8) {
        const int8_t *panel = b.data + j / 32 * 32 * k + j % 32 * 4;
        size_t columns = n - j < 8 ? n - j : 8;
        for (size_t i0 = 0; i0 < m; i0 += 4) {
            __m256i low[4], high[4];
            const uint8_t *rows[4];
            for (size_t i = 0; i < 4; i++) {
                low[i] = high[i] = _mm256_setzero_si256();
                rows[i] = a.data + (i0 + i < m ? i0 + i : m - 1) * a.stride;
            }
            for (size_t l = 0; l < k; l += 4) {
                __m256i w = _mm256_loadu_si256((const __m256i *)(panel + l * 32));
                __m256i w0 = _mm256_cvtepi8_epi16(_mm256_castsi256_si128(w));
                __m256i w1 = _mm256_cvtepi8_epi16(_mm256_extracti128_si256(w, 1));
                for (size_t i = 0; i < 4; i++) {
                    int32_t four;
                    memcpy(&four, rows[i] + l, 4);
                    __m256i x = _mm256_cvtepu8_epi16(_mm_set1_epi32(four));
                    low[i] = _mm256_add_epi32(low[i], _mm256_madd_epi16(w0, x));
                    high[i] = _mm256_add_epi32(high[i], _mm256_madd_epi16(w1, x));
                }
            }
            for (size_t i = 0; i < 4 && i0 + i < m; i++) {
                __m256i sums = _mm256_permute4x64_epi64(_mm256_hadd_epi32(low[i], high[i]), 0xD8);
                float row[8];
                _mm256_storeu_ps(row, _mm256_cvtepi32_ps(sums));
                float *to = c + (i0 + i) * c_stride + j;
                for (size_t q = 0; q < columns; q++)
                    to[q] = a.scale[i0 + i] * b.scale[j + q] * (row[q] - a.zero[i0 + i] * b.sum[j + q])
                        + b.bias[j + q];
            }
        }
    }
}

#pragma clang attribute pop

#pragma clang attribute push(__attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,fma"))), \
                             apply_to = function)

#define S8_ROWS 14

// As the float tile, with one VNNI instruction for 64 products.
static inline __attribute__((always_inline)) void avx512_tile_s8(const size_t rows, kk_rows_u8 a, size_t first,
                                                                  kk_panels_s8 b, size_t j, size_t k, float *c,
                                                                  size_t c_stride, size_t columns) {
    __m512i sums[S8_ROWS][2];
#pragma clang loop unroll(full)
    for (size_t i = 0; i < rows; i++) sums[i][0] = sums[i][1] = _mm512_setzero_si512();
    const int8_t *panel = b.data + j * k;
    const uint8_t *data = a.data + first * a.stride;
    for (size_t l = 0; l < k; l += 4) {
        __m512i b0 = _mm512_loadu_si512(panel + l * 32), b1 = _mm512_loadu_si512(panel + l * 32 + 64);
#pragma clang loop unroll(full)
        for (size_t i = 0; i < rows; i++) {
            int32_t four;
            memcpy(&four, data + i * a.stride + l, 4);
            __m512i x = _mm512_set1_epi32(four);
            sums[i][0] = _mm512_dpbusd_epi32(sums[i][0], x, b0);
            sums[i][1] = _mm512_dpbusd_epi32(sums[i][1], x, b1);
        }
    }
    for (size_t half = 0; half * 16 < columns; half++) {
        size_t left = columns - half * 16;
        __mmask16 mask = left >= 16 ? 0xFFFF : (__mmask16)((1u << left) - 1);
        size_t from = j + half * 16;
        __m512 scale = _mm512_maskz_loadu_ps(mask, b.scale + from), sum = _mm512_maskz_loadu_ps(mask, b.sum + from);
        __m512 bias = _mm512_maskz_loadu_ps(mask, b.bias + from);
#pragma clang loop unroll(full)
        for (size_t i = 0; i < rows; i++) {
            __m512 x = _mm512_cvtepi32_ps(half == 0 ? sums[i][0] : sums[i][1]);
            x = _mm512_fnmadd_ps(_mm512_set1_ps(a.zero[first + i]), sum, x);
            x = _mm512_fmadd_ps(_mm512_mul_ps(x, _mm512_set1_ps(a.scale[first + i])), scale, bias);
            _mm512_mask_storeu_ps(c + (first + i) * c_stride + from, mask, x);
        }
    }
}

#define TILE_S8(R) \
    case R: avx512_tile_s8(R, a, i, b, j, k, c, c_stride, columns); break;

static void avx512_multiply_u8s8(kk_rows_u8 a, kk_panels_s8 b, float *c, size_t c_stride, size_t m, size_t n,
                                 size_t k) {
    for (size_t i0 = 0; i0 < m; i0 += S8_ROWS * 16) {
        size_t i1 = i0 + S8_ROWS * 16 < m ? i0 + S8_ROWS * 16 : m;
        for (size_t j = 0; j < n; j += 32) {
            size_t columns = n - j < 32 ? n - j : 32;
            for (size_t i = i0; i < i1; i += S8_ROWS) switch (i1 - i < S8_ROWS ? i1 - i : S8_ROWS) {
                    TILE_S8(1) TILE_S8(2) TILE_S8(3) TILE_S8(4) TILE_S8(5) TILE_S8(6) TILE_S8(7)
                    TILE_S8(8) TILE_S8(9) TILE_S8(10) TILE_S8(11) TILE_S8(12) TILE_S8(13) TILE_S8(14)
                }
        }
    }
}

#pragma clang attribute pop

#endif

// MARK: - Packing

void kk_pack_transposed_f32(const float *source, size_t stride, size_t rows, size_t columns, float *panels) {
    for (size_t p = 0; p < rows; p += 32, panels += 32 * columns) {
        size_t here = rows - p < 32 ? rows - p : 32;
        if (here < 32) memset(panels, 0, 32 * columns * sizeof(float));
        for (size_t i = 0; i < here; i++)
            for (size_t j = 0; j < columns; j++) panels[j * 32 + i] = source[(p + i) * stride + j];
    }
}

void kk_pack_f32(const float *source, size_t stride, size_t rows, size_t columns, float *panels) {
    for (size_t p = 0; p < columns; p += 32, panels += 32 * rows) {
        size_t here = columns - p < 32 ? columns - p : 32;
        for (size_t i = 0; i < rows; i++) {
            memcpy(panels + i * 32, source + i * stride + p, here * sizeof(float));
            memset(panels + i * 32 + here, 0, (32 - here) * sizeof(float));
        }
    }
}

void kk_pack_s8(const float *weights, size_t n, size_t k, int8_t *data, float *scale, float *sum) {
    size_t k4 = (k + 3) / 4 * 4;
    memset(data, 0, (n + 31) / 32 * 32 * k4);
    for (size_t j = 0; j < n; j++) {
        const float *w = weights + j * k;
        float most = 0.0f;
        for (size_t i = 0; i < k; i++) most = __builtin_fabsf(w[i]) > most ? __builtin_fabsf(w[i]) : most;
        float inverse = most > 0.0f ? 127.0f / most : 0.0f;
        int32_t total = 0;
        for (size_t i = 0; i < k; i++) {
            int8_t q = (int8_t)__builtin_rintf(w[i] * inverse);
            data[j / 32 * 32 * k4 + i / 4 * 128 + j % 32 * 4 + i % 4] = q;
            total += q;
        }
        scale[j] = most / 127.0f;
        sum[j] = (float)total;
    }
}

// MARK: - Levels

#define FAMILY transformer
#define SOURCE "transformer_level.inc.h"
#define TABLE(level)                                                                                      \
    {                                                                                                     \
        level##_multiply_f32,        level##_multiply_u8s8,   level##_bias_activation_rows,               \
        level##_add_layer_norm_rows, level##_sum3_layer_norm, level##_softmax_rows, level##_quantize_rows}
#include "every_level.inc.h"
