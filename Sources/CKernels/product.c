// Inner loops of product quantization: nearest centroids, query tables, table scans (kk_product.h).
//   portable: plain loops; the reference of the tests.
//   avx2:     8 centroids a register, 4 vectors at a time.
//   avx512:   16 centroids a register, 8 vectors at a time.
// Accumulators are float32. The table scan is scalar at every level: on Zen 4 gathers are no faster than loads.
#include "CKernels.h"
#include <math.h>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

#define INLINE static inline __attribute__((always_inline))

static void nearest_centroids_portable(const float *vectors, size_t row_stride, size_t rows, size_t dimensions,
                                       const float *centroids, const float *half_norms, size_t centroid_count,
                                       uint8_t *out, float *affinities) {
    for (size_t r = 0; r < rows; r++) {
        const float *x = vectors + r * row_stride;
        float best = -INFINITY;
        size_t index = 0;
        for (size_t c = 0; c < centroid_count; c++) {
            float affinity = -half_norms[c];
            for (size_t d = 0; d < dimensions; d++) affinity += x[d] * centroids[d * centroid_count + c];
            if (affinity > best) best = affinity, index = c;
        }
        out[r] = (uint8_t)index;
        affinities[r] = best;
    }
}

// Sixteen centroids at a time in an array that the compiler keeps in registers.
INLINE void centroid_products(const float *query, size_t subspaces, size_t dimensions, const float *centroids,
                              size_t centroid_count, float *out) {
    for (size_t j = 0; j < subspaces; j++) {
        const float *x = query + j * dimensions, *table = centroids + j * dimensions * centroid_count;
        for (size_t c = 0; c < centroid_count; c += 16) {
            float sum[16] = {0};
            for (size_t d = 0; d < dimensions; d++)
                for (size_t i = 0; i < 16; i++) sum[i] += x[d] * table[d * centroid_count + c + i];
            for (size_t i = 0; i < 16; i++) out[j * centroid_count + c + i] = sum[i];
        }
    }
}

static void centroid_products_portable(const float *query, size_t subspaces, size_t dimensions,
                                       const float *centroids, size_t centroid_count, float *out) {
    centroid_products(query, subspaces, dimensions, centroids, centroid_count, out);
}

static void table_scan_portable(const uint8_t *codes, size_t rows, size_t subspaces, const float *table,
                                size_t table_width, float *out) {
    size_t r = 0;
    for (; r + 4 <= rows; r += 4) {
        const uint8_t *c0 = codes + r * subspaces, *c1 = c0 + subspaces, *c2 = c1 + subspaces, *c3 = c2 + subspaces;
        const float *t = table;
        float s0 = 0, s1 = 0, s2 = 0, s3 = 0;
        for (size_t j = 0; j < subspaces; j++, t += table_width)
            s0 += t[c0[j]], s1 += t[c1[j]], s2 += t[c2[j]], s3 += t[c3[j]];
        out[r] = s0, out[r + 1] = s1, out[r + 2] = s2, out[r + 3] = s3;
    }
    for (; r < rows; r++) {
        float sum = 0;
        for (size_t j = 0; j < subspaces; j++) sum += table[j * table_width + codes[r * subspaces + j]];
        out[r] = sum;
    }
}

static const kk_product_kernels portable = {nearest_centroids_portable, centroid_products_portable,
                                            table_scan_portable};

#if defined(__x86_64__)

#pragma clang attribute push(__attribute__((target("avx2,fma"))), apply_to = function)

static void centroid_products_avx2(const float *query, size_t subspaces, size_t dimensions, const float *centroids,
                                   size_t centroid_count, float *out) {
    centroid_products(query, subspaces, dimensions, centroids, centroid_count, out);
}

// Rows past the end repeat the last one, so there is one loop.
static void nearest_centroids_avx2(const float *vectors, size_t row_stride, size_t rows, size_t dimensions,
                                   const float *centroids, const float *half_norms, size_t centroid_count,
                                   uint8_t *out, float *affinities) {
    for (size_t r = 0; r < rows; r += 4) {
        const float *x[4];
        __m256 best[4];
        __m256i index[4];
        for (size_t v = 0; v < 4; v++) {
            x[v] = vectors + (r + v < rows ? r + v : rows - 1) * row_stride;
            best[v] = _mm256_set1_ps(-INFINITY);
            index[v] = _mm256_setzero_si256();
        }
        for (size_t c = 0; c < centroid_count; c += 8) {
            __m256 start = _mm256_sub_ps(_mm256_setzero_ps(), _mm256_loadu_ps(half_norms + c));
            __m256 sum[4] = {start, start, start, start};
            for (size_t d = 0; d < dimensions; d++) {
                __m256 y = _mm256_loadu_ps(centroids + d * centroid_count + c);
                for (size_t v = 0; v < 4; v++) sum[v] = _mm256_fmadd_ps(_mm256_set1_ps(x[v][d]), y, sum[v]);
            }
            __m256 at = _mm256_castsi256_ps(_mm256_set1_epi32((int)c));
            for (size_t v = 0; v < 4; v++) {
                __m256 better = _mm256_cmp_ps(sum[v], best[v], _CMP_GT_OQ);
                best[v] = _mm256_max_ps(sum[v], best[v]);
                index[v] = _mm256_castps_si256(_mm256_blendv_ps(_mm256_castsi256_ps(index[v]), at, better));
            }
        }
        for (size_t v = 0; v < 4 && r + v < rows; v++) {
            float values[8];
            int32_t starts[8];
            _mm256_storeu_ps(values, best[v]);
            _mm256_storeu_si256((__m256i *)starts, index[v]);
            size_t at = (size_t)starts[0];
            float most = values[0];
            for (size_t i = 1; i < 8; i++) {
                size_t c = (size_t)starts[i] + i;
                if (values[i] > most || (values[i] == most && c < at)) most = values[i], at = c;
            }
            out[r + v] = (uint8_t)at;
            affinities[r + v] = most;
        }
    }
}

#pragma clang attribute pop

static const kk_product_kernels avx2 = {nearest_centroids_avx2, centroid_products_avx2, table_scan_portable};

#pragma clang attribute push(__attribute__((target("avx512f,avx512bw,avx512dq,avx512vl"))), apply_to = function)

// Written out: the compiler prefers 256-bit vectors where it vectorises by itself.
static void centroid_products_avx512(const float *query, size_t subspaces, size_t dimensions,
                                     const float *centroids, size_t centroid_count, float *out) {
    for (size_t j = 0; j < subspaces; j++) {
        const float *x = query + j * dimensions, *table = centroids + j * dimensions * centroid_count;
        for (size_t c = 0; c < centroid_count; c += 16) {
            __m512 sum = _mm512_setzero_ps();
            for (size_t d = 0; d < dimensions; d++)
                sum = _mm512_fmadd_ps(_mm512_set1_ps(x[d]), _mm512_loadu_ps(table + d * centroid_count + c), sum);
            _mm512_storeu_ps(out + j * centroid_count + c, sum);
        }
    }
}

static void nearest_centroids_avx512(const float *vectors, size_t row_stride, size_t rows, size_t dimensions,
                                     const float *centroids, const float *half_norms, size_t centroid_count,
                                     uint8_t *out, float *affinities) {
    const __m512i lanes = _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
    for (size_t r = 0; r < rows; r += 8) {
        const float *x[8];
        __m512 best[8];
        __m512i index[8];
        for (size_t v = 0; v < 8; v++) {
            x[v] = vectors + (r + v < rows ? r + v : rows - 1) * row_stride;
            best[v] = _mm512_set1_ps(-INFINITY);
            index[v] = lanes;
        }
        for (size_t c = 0; c < centroid_count; c += 16) {
            __m512 start = _mm512_sub_ps(_mm512_setzero_ps(), _mm512_loadu_ps(half_norms + c));
            __m512 sum[8] = {start, start, start, start, start, start, start, start};
            for (size_t d = 0; d < dimensions; d++) {
                __m512 y = _mm512_loadu_ps(centroids + d * centroid_count + c);
                for (size_t v = 0; v < 8; v++) sum[v] = _mm512_fmadd_ps(_mm512_set1_ps(x[v][d]), y, sum[v]);
            }
            __m512i at = _mm512_add_epi32(lanes, _mm512_set1_epi32((int)c));
            for (size_t v = 0; v < 8; v++) {
                __mmask16 better = _mm512_cmp_ps_mask(sum[v], best[v], _CMP_GT_OQ);
                best[v] = _mm512_max_ps(sum[v], best[v]);
                index[v] = _mm512_mask_mov_epi32(index[v], better, at);
            }
        }
        for (size_t v = 0; v < 8 && r + v < rows; v++) {
            float most = _mm512_reduce_max_ps(best[v]);
            __mmask16 equal = _mm512_cmp_ps_mask(best[v], _mm512_set1_ps(most), _CMP_EQ_OQ);
            out[r + v] = (uint8_t)_mm512_mask_reduce_min_epu32(equal, index[v]);
            affinities[r + v] = most;
        }
    }
}

#pragma clang attribute pop

static const kk_product_kernels avx512 = {nearest_centroids_avx512, centroid_products_avx512, table_scan_portable};

#endif

const kk_product_kernels *kk_product_kernels_for(kk_level level) {
    switch (level) {
#if defined(__x86_64__)
    case kk_level_avx2: return &avx2;
    case kk_level_avx512: return &avx512;
#endif
    default: return &portable;
    }
}
