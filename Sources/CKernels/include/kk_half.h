#ifndef KK_HALF_H
#define KK_HALF_H

#include "kk_cpu.h"
#include <stddef.h>

/// Vectors stored as IEEE binary16 (`f16`) or bfloat16 (`bf16`), compared with float queries.
/// Conversion to 16 bits rounds to nearest, ties to even; f16 saturates at +-65504, bf16 at its largest finite
/// number. Subnormals are kept. Products and sums are float32.

typedef void (*kk_rows_half)(const float *_Nonnull query, const uint16_t *_Nonnull vectors, size_t rows,
                             size_t dimensions, float *_Nonnull out);
typedef void (*kk_to_half)(const float *_Nonnull from, size_t count, uint16_t *_Nonnull to);
typedef void (*kk_from_half)(const uint16_t *_Nonnull from, size_t count, float *_Nonnull to);

typedef struct kk_half_kernels {
    kk_rows_half _Nonnull dot_rows_f16, squared_euclidean_rows_f16;
    kk_rows_half _Nonnull dot_rows_bf16, squared_euclidean_rows_bf16;
    kk_to_half _Nonnull to_f16, to_bf16;
    kk_from_half _Nonnull from_f16, from_bf16;
} kk_half_kernels;

/// The kernels of one level; the portable ones where that level has none of its own. Vectors need the
/// alignment of `uint16_t`.
const kk_half_kernels *_Nonnull kk_half_kernels_for(kk_level level);

#endif
