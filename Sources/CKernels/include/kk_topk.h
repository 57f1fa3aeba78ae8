#ifndef KK_TOPK_H
#define KK_TOPK_H

#include "kk_cpu.h"
#include <stddef.h>

/// Finds the few scores that may enter a list of best matches.
/// Writes to `out`, in increasing order, all positions `i` of `0..<count` with `scores[i] > threshold` and,
/// where `allowed` is given, bit `i % 64` of `allowed[i / 64]` set; returns how many. A NaN is above nothing.
/// `out` has room for `count` positions; `allowed` has a word for each 64 scores begun.
typedef size_t (*kk_select_above_f32)(const float *_Nonnull scores, size_t count, float threshold,
                                      const uint64_t *_Nullable allowed, uint32_t *_Nonnull out);

/// Writes the scores above `threshold` and their numbers to `out_scores` and `out_numbers`, in their order; returns how
/// many. A NaN is above nothing. The outputs have room for `count` each, and may be the inputs.
typedef size_t (*kk_collect_above_f32)(const float *_Nonnull scores, const uint32_t *_Nonnull numbers, size_t count,
                                       float threshold, float *_Nonnull out_scores, uint32_t *_Nonnull out_numbers);

/// How many scores are above `threshold`.
typedef size_t (*kk_count_above_f32)(const float *_Nonnull scores, size_t count, float threshold);

typedef struct kk_topk_kernels {
    kk_select_above_f32 _Nonnull select_above_f32;
    kk_collect_above_f32 _Nonnull collect_above_f32;
    kk_count_above_f32 _Nonnull count_above_f32;
} kk_topk_kernels;

/// The kernels of one level; the portable ones where that level has none of its own.
const kk_topk_kernels *_Nonnull kk_topk_kernels_for(kk_level level);

#endif
