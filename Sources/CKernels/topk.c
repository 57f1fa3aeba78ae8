// The pre-filter before a bounded heap or buffer: which scores are above the worst one kept, and how many.
// Selecting, all levels build one 64-bit mask for 64 scores and walk over its bits, which are nearly always none: a
// compressing store would cost more (it is microcoded on Zen 4).
//   portable: a comparison at a time, the mask by shifts.
//   avx2:     8 comparisons of 8.
//   avx512:   4 comparisons of 16, straight into masks.
// The last `count % 64` scores go through the portable mask. Reference: the portable function.
#include "CKernels.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

static inline size_t write_positions(uint64_t mask, size_t base, uint32_t *out) {
    size_t found = 0;
    while (mask) {
        out[found++] = (uint32_t)(base + (size_t)__builtin_ctzll(mask));
        mask &= mask - 1;
    }
    return found;
}

static inline uint64_t mask_portable(const float *scores, size_t count, float threshold) {
    uint64_t mask = 0;
    for (size_t i = 0; i < count; i++) mask |= (uint64_t)(scores[i] > threshold) << i;
    return mask;
}

// One loop for all levels; MASK64 gives the mask of 64 scores.
#define SELECT(NAME, MASK64)                                                                             \
    static size_t NAME(const float *scores, size_t count, float threshold, const uint64_t *allowed,      \
                       uint32_t *out) {                                                                  \
        size_t found = 0, i = 0;                                                                         \
        for (; i + 64 <= count; i += 64) {                                                               \
            uint64_t mask = MASK64(scores + i, threshold);                                               \
            if (allowed) mask &= allowed[i / 64];                                                        \
            if (__builtin_expect(mask != 0, 0)) found += write_positions(mask, i, out + found);          \
        }                                                                                                \
        if (i < count) {                                                                                 \
            uint64_t mask = mask_portable(scores + i, count - i, threshold);                             \
            if (allowed) mask &= allowed[i / 64];                                                        \
            found += write_positions(mask, i, out + found);                                              \
        }                                                                                                \
        return found;                                                                                    \
    }

// The same for two arrays. Where a mask is taken all its scores are read first: the outputs may be the inputs.
#define COLLECT(NAME, MASK64)                                                                            \
    static size_t NAME(const float *scores, const uint32_t *numbers, size_t count, float threshold,      \
                       float *out_scores, uint32_t *out_numbers) {                                       \
        size_t found = 0;                                                                                \
        for (size_t i = 0; i < count; i += 64) {                                                         \
            uint64_t mask = i + 64 <= count ? MASK64(scores + i, threshold)                              \
                                            : mask_portable(scores + i, count - i, threshold);           \
            for (; mask; mask &= mask - 1) {                                                             \
                size_t at = i + (size_t)__builtin_ctzll(mask);                                           \
                out_scores[found] = scores[at];                                                          \
                out_numbers[found++] = numbers[at];                                                      \
            }                                                                                            \
        }                                                                                                \
        return found;                                                                                    \
    }

static size_t count_above_portable(const float *scores, size_t count, float threshold) {
    size_t found = 0;
    for (size_t i = 0; i < count; i++) found += scores[i] > threshold;
    return found;
}

#define MASK64_PORTABLE(scores, threshold) mask_portable(scores, 64, threshold)
SELECT(select_above_portable, MASK64_PORTABLE)
COLLECT(collect_above_portable, MASK64_PORTABLE)

static const kk_topk_kernels portable = {select_above_portable, collect_above_portable, count_above_portable};

#if defined(__x86_64__)

#pragma clang attribute push(__attribute__((target("avx2,fma"))), apply_to = function)

static inline uint64_t mask64_avx2(const float *scores, float threshold) {
    __m256 bar = _mm256_set1_ps(threshold);
    uint64_t mask = 0;
    for (int i = 0; i < 8; i++) {
        __m256 above = _mm256_cmp_ps(_mm256_loadu_ps(scores + 8 * i), bar, _CMP_GT_OQ);
        mask |= (uint64_t)(uint32_t)_mm256_movemask_ps(above) << (8 * i);
    }
    return mask;
}
SELECT(select_above_avx2, mask64_avx2)
COLLECT(collect_above_avx2, mask64_avx2)

static size_t count_above_avx2(const float *scores, size_t count, float threshold) {
    size_t found = 0, i = 0;
    for (; i + 64 <= count; i += 64) found += (size_t)__builtin_popcountll(mask64_avx2(scores + i, threshold));
    return found + count_above_portable(scores + i, count - i, threshold);
}

#pragma clang attribute pop

static const kk_topk_kernels avx2 = {select_above_avx2, collect_above_avx2, count_above_avx2};

#pragma clang attribute push(__attribute__((target("avx512f,avx512bw,avx512dq,avx512vl"))), apply_to = function)

static inline uint64_t mask64_avx512(const float *scores, float threshold) {
    __m512 bar = _mm512_set1_ps(threshold);
    uint64_t a = _mm512_cmp_ps_mask(_mm512_loadu_ps(scores), bar, _CMP_GT_OQ);
    uint64_t b = _mm512_cmp_ps_mask(_mm512_loadu_ps(scores + 16), bar, _CMP_GT_OQ);
    uint64_t c = _mm512_cmp_ps_mask(_mm512_loadu_ps(scores + 32), bar, _CMP_GT_OQ);
    uint64_t d = _mm512_cmp_ps_mask(_mm512_loadu_ps(scores + 48), bar, _CMP_GT_OQ);
    return a | b << 16 | c << 32 | d << 48;
}
SELECT(select_above_avx512, mask64_avx512)

static inline __mmask16 first_lanes(size_t count) { return count >= 16 ? 0xFFFF : (__mmask16)((1u << count) - 1); }

// Compressed in registers: storing compressed lanes straight to memory is slow on some processors.
static size_t collect_above_avx512(const float *scores, const uint32_t *numbers, size_t count, float threshold,
                                   float *out_scores, uint32_t *out_numbers) {
    __m512 bar = _mm512_set1_ps(threshold);
    size_t found = 0;
    for (size_t i = 0; i < count; i += 16) {
        __mmask16 in = first_lanes(count - i);
        __m512 x = _mm512_maskz_loadu_ps(in, scores + i);
        __mmask16 above = _mm512_mask_cmp_ps_mask(in, x, bar, _CMP_GT_OQ);
        if (!above) continue;
        __m512i n = _mm512_maskz_loadu_epi32(in, numbers + i);
        size_t some = (size_t)__builtin_popcount(above);
        __mmask16 out = first_lanes(some);
        _mm512_mask_storeu_ps(out_scores + found, out, _mm512_maskz_compress_ps(above, x));
        _mm512_mask_storeu_epi32(out_numbers + found, out, _mm512_maskz_compress_epi32(above, n));
        found += some;
    }
    return found;
}

static size_t count_above_avx512(const float *scores, size_t count, float threshold) {
    __m512 bar = _mm512_set1_ps(threshold);
    size_t found = 0;
    for (size_t i = 0; i < count; i += 16) {
        __mmask16 in = first_lanes(count - i);
        __m512 x = _mm512_maskz_loadu_ps(in, scores + i);
        found += (size_t)__builtin_popcount(_mm512_mask_cmp_ps_mask(in, x, bar, _CMP_GT_OQ));
    }
    return found;
}

#pragma clang attribute pop

static const kk_topk_kernels avx512 = {select_above_avx512, collect_above_avx512, count_above_avx512};

#endif

const kk_topk_kernels *kk_topk_kernels_for(kk_level level) {
    switch (level) {
#if defined(__x86_64__)
    case kk_level_avx2: return &avx2;
    case kk_level_avx512: return &avx512;
#endif
    default: return &portable;
    }
}
