// Inner loops of training: functions and their slopes, normalisation, softmax, dropout, sums of rows, Adam.
// The loops are bound by memory once a tensor has left the second-level cache, so none of them is unrolled by hand.
// Reference: the tests hold every level against functions and sums in double.
#include "CKernels.h"
#include "vectors.h"
#include <math.h>

#define FAMILY training
#define SOURCE "training_level.inc.h"
#define TABLE(level)                                                                                              \
    {                                                                                                             \
        level##_function_rows,      level##_slope_rows,    level##_column_sums,  level##_row_sums,                \
        level##_sum_squares,        level##_norm_rows,     level##_norm_slope_rows, level##_softmax_rows,         \
        level##_softmax_slope_rows, level##_lse_rows,      level##_subtract_rows, level##_log_softmax_slope_rows, \
        level##_exp_rows,           level##_dropout,       level##_sum_segments, level##_gather_rows,             \
        level##_gather_int8_rows,   level##_gather_int16_rows, level##_pair_products,  level##_pair_product_slopes,       \
        level##_small_product,      level##_add_transposed_product,                                                \
        level##_adam,               level##_arithmetic,    level##_binary_cross_entropy,                          \
        level##_binary_cross_entropy_slope, level##_elementary}
#include "every_level.inc.h"
