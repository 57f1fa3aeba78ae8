#ifndef KK_POOLING_H
#define KK_POOLING_H

#include "kk_cpu.h"
#include <stddef.h>
#include <stdint.h>

/// Windows that slide over a plane of three axes, slowest first; axes that are not there have length, window and stride 1.
/// Position i of an axis covers the elements `i * stride - padding ..< i * stride - padding + window` that exist, one at least.
typedef struct kk_windows {
    int32_t input[3];
    int32_t output[3];
    int32_t window[3];
    int32_t stride[3];
    int32_t padding[3];
} kk_windows;

typedef struct kk_pooling_kernels {
    /// The greatest element of each window of one plane, and its number within the plane. The first of equals counts; NaN is
    /// greater than every number.
    void (*_Nonnull max_windows)(const float *_Nonnull x, kk_windows windows, float *_Nonnull out,
                              int32_t *_Nonnull places);
} kk_pooling_kernels;

/// The kernels of `level`; the portable ones where the level has none of its own.
const kk_pooling_kernels *_Nonnull kk_pooling_kernels_for(kk_level level);

#endif
