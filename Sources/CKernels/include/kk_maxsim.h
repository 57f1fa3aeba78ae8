#ifndef KK_MAXSIM_H
#define KK_MAXSIM_H

#include "kk_cpu.h"
#include <stddef.h>

/// Late interaction of one query and one document, both sets of float vectors: the sum over the query's vectors of
/// the largest inner product with any of the document's. `panels` are the query's `query_rows` vectors as
/// `kk_pack_transposed_f32` packs them, `document` is `rows` contiguous vectors. The products are never written
/// down: a tile of them stays in registers with the largest so far. Minus infinity where the document has no vectors
/// and the query has some; a product that is not a number counts as none. Each product is summed in float32, in order.
typedef float (*kk_maxsim_f32)(const float *_Nonnull panels, size_t query_rows, const float *_Nonnull document,
                               size_t rows, size_t dimensions);

typedef struct kk_maxsim_kernels {
    kk_maxsim_f32 _Nonnull maxsim_f32;
} kk_maxsim_kernels;

/// The kernels of one level; the portable ones where that level has none of its own.
const kk_maxsim_kernels *_Nonnull kk_maxsim_kernels_for(kk_level level);

#endif
