// Inner loops of attention.
// Products of attention are small (8..512 rows, 32 or 64 deep): a call to a GEMM library costs as much as the work. Here
// every operand lies in the caches as it is needed, so a tile starts at once.
// Reference: the tests hold every level against sums in double.
#include "CKernels.h"
#include "vectors.h"
#include <math.h>

#define FAMILY attention
#define SOURCE "attention_level.inc.h"
#define TABLE(level)                                                                      \
    {                                                                                     \
        level##_pack_rows, level##_pack_transposed,  level##_multiply,                    \
        level##_softmax,   level##_softmax_gradient, level##_dot_rows, level##_scale_rows}
#include "every_level.inc.h"
