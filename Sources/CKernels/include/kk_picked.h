#ifndef KK_PICKED_H
#define KK_PICKED_H

#include "kk_cpu.h"
#include <stddef.h>

/// One query against `count` rows picked out of a table by number: what a walk over a graph asks for. Rows lie far
/// apart, so each call fetches the next rows into the cache while it computes the present one.

/// `out[i]` = the sum over j of `query[j] * vectors[rows[i] * dimensions + j]` (or of the squared difference).
/// No alignment is needed; float32 accumulators, with the error bound of `kk_rows_f32`.
typedef void (*kk_picked_f32)(const float *_Nonnull query, const float *_Nonnull vectors, size_t dimensions,
                              const uint32_t *_Nonnull rows, size_t count, float *_Nonnull out);

/// `out[i]` = the sum of `query[j]` over the dimensions j whose bit (`j % 8` of byte `j / 8`) is 1 in the code at
/// `codes + rows[i] * stride`.
typedef void (*kk_picked_signs)(const float *_Nonnull query, size_t dimensions, const uint8_t *_Nonnull codes,
                                size_t stride, const uint32_t *_Nonnull rows, size_t count, float *_Nonnull out);

/// `out[i]` += `weight` * the sum over j of `query[j]` times field j, of `width` (1, 2 or 4) bits, lowest first, of the code at
/// `codes + rows[i] * stride`.
typedef void (*kk_picked_fields)(const float *_Nonnull query, size_t dimensions, size_t width, float weight,
                                 const uint8_t *_Nonnull codes, size_t stride, const uint32_t *_Nonnull rows,
                                 size_t count, float *_Nonnull out);

typedef struct kk_picked_kernels {
    kk_picked_f32 _Nonnull dot_f32;
    kk_picked_f32 _Nonnull squared_euclidean_f32;
    kk_picked_signs _Nonnull sign_sums;
    kk_picked_fields _Nonnull field_sums;
} kk_picked_kernels;

/// The kernels of one level; the portable ones where that level has none of its own.
const kk_picked_kernels *_Nonnull kk_picked_kernels_for(kk_level level);

/// Asks for the `bytes` bytes at `address`, which need not be readable.
static inline void kk_prefetch(const void *_Nonnull address, size_t bytes) {
    for (size_t i = 0; i < bytes; i += 64) __builtin_prefetch((const char *)address + i, 0, 3);
}

#endif
