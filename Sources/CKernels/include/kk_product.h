#ifndef KK_PRODUCT_H
#define KK_PRODUCT_H

#include "kk_cpu.h"
#include <stddef.h>

/// The nearest of `centroid_count` centroids for each of `rows` vectors of `dimensions` components.
///
/// `vectors` has `row_stride` floats from row to row. `centroids` is transposed, `[dimensions, centroid_count]`;
/// `half_norms[c]` = |c|^2 / 2. `out[r]` = the index c with the largest `affinity` = x.c - |c|^2 / 2, the lowest where
/// several are equal; `affinities[r]` = that value. `centroid_count` is a multiple of 16, at most 256.
typedef void (*kk_nearest_centroids)(const float *_Nonnull vectors, size_t row_stride, size_t rows,
                                     size_t dimensions, const float *_Nonnull centroids,
                                     const float *_Nonnull half_norms, size_t centroid_count,
                                     uint8_t *_Nonnull out, float *_Nonnull affinities);

/// Inner products of the pieces of one query with all centroids of their subspaces.
///
/// `centroids` is `[subspaces, dimensions, centroid_count]`; `out[j * centroid_count + c]` = piece j . centroid c.
typedef void (*kk_centroid_products)(const float *_Nonnull query, size_t subspaces, size_t dimensions,
                                     const float *_Nonnull centroids, size_t centroid_count,
                                     float *_Nonnull out);

/// Sums of float tables picked by byte codes: `out[r]` = sum over j of `table[j * table_width + codes[r * subspaces + j]]`.
typedef void (*kk_table_scan)(const uint8_t *_Nonnull codes, size_t rows, size_t subspaces,
                              const float *_Nonnull table, size_t table_width, float *_Nonnull out);

typedef struct kk_product_kernels {
    kk_nearest_centroids _Nonnull nearest_centroids;
    kk_centroid_products _Nonnull centroid_products;
    kk_table_scan _Nonnull table_scan;
} kk_product_kernels;

/// The kernels of one level; the portable ones where that level has none of its own.
const kk_product_kernels *_Nonnull kk_product_kernels_for(kk_level level);

#endif
