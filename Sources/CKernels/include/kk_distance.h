#ifndef KK_DISTANCE_H
#define KK_DISTANCE_H

#include "kk_cpu.h"
#include <stddef.h>

/// One query against `rows` contiguous float vectors of `dimensions` components.
/// `out[r]` = the sum over i of `query[i] * vectors[r * dimensions + i]` (or of the squared difference).
/// No alignment is needed; `out` must not overlap the inputs. float32 accumulators in several lanes:
/// relative error at most about dimensions/16 * 2^-24 of the sum of absolute terms.
typedef void (*kk_rows_f32)(const float *_Nonnull query, const float *_Nonnull vectors, size_t rows,
                            size_t dimensions, float *_Nonnull out);

typedef struct kk_distance_kernels {
    kk_rows_f32 _Nonnull dot_rows_f32;
    kk_rows_f32 _Nonnull squared_euclidean_rows_f32;
} kk_distance_kernels;

/// The kernels of one level; the portable ones where that level has none of its own.
const kk_distance_kernels *_Nonnull kk_distance_kernels_for(kk_level level);

#endif
