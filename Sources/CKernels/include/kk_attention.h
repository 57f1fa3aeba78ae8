#ifndef KK_ATTENTION_H
#define KK_ATTENTION_H

#include "kk_transformer.h"
#include <stdbool.h>

/// A block of queries of one head against the keys of their sequence: what turns scores into probabilities.
///
/// Scores lie `[rows, stride]`; column j is key j. Only the columns `[0, prefix_end)` and `[begin, end)` were computed
/// and are read or written; the bounds are multiples of 16, so whole vectors are. Of these, row r sees the keys
/// `[0, prefix[r])` and `[lower[r], upper[r])`; the others get probability 0.
typedef struct kk_attention_block {
    size_t rows, stride;
    size_t prefix_end, begin, end;
    const int32_t *_Nonnull prefix, *_Nonnull lower, *_Nonnull upper;
    /// What row r's scores are multiplied by.
    const float *_Nonnull factor;
    /// What is added after that: `bias[r * bias_step + j]`; NULL adds nothing.
    const float *_Nullable bias;
    ptrdiff_t bias_step;
    /// Dropout: key j of row r stays where a hash of `dropout_key[r]` and j is `threshold` or more, times `kept`. NULL: none.
    const uint32_t *_Nullable dropout_key;
    uint32_t threshold;
    float kept;
} kk_attention_block;

/// The inner loops of attention, forward and backward. No alignment is needed anywhere. Sums over k run in float32 in the
/// order of k; what a row gets does not depend on the rows around it.
typedef struct kk_attention_kernels {
    /// Copies `source` `[rows, columns]` (stride between rows) to contiguous rows of `padded` floats, zeros at the end.
    void (*_Nonnull pack_rows)(const float *_Nonnull source, size_t stride, size_t rows, size_t columns,
                               float *_Nonnull out, size_t padded);
    /// Transposes `source` `[rows, columns]` into panels of 32 of its rows: `[columns, 32]` each, zeros at the end.
    void (*_Nonnull pack_transposed)(const float *_Nonnull source, size_t stride, size_t rows, size_t columns,
                                     float *_Nonnull panels);
    /// c `[m, n]` = a `[m, k]` times b, or that added to c. Element (i, j) of a is `a[i * a_row + j * a_column]`. n is a
    /// multiple of 16.
    void (*_Nonnull multiply)(const float *_Nonnull a, size_t a_row, size_t a_column, kk_panels_f32 b,
                              float *_Nonnull c, size_t c_stride, size_t m, size_t n, size_t k, bool adding);
    /// Scores to exp(score - greatest of the row), dropped out; `inverse` is 1 / sum before dropout, `log_sum` the
    /// logarithm of the sum of all exp(score). A row that sees no key gets zeros and -infinity.
    void (*_Nonnull softmax)(const kk_attention_block *_Nonnull block, float *_Nonnull scores,
                             float *_Nonnull log_sum, float *_Nonnull inverse);
    /// Scores to probabilities after dropout, and `gradient`, which arrives as that of these probabilities, to that of
    /// the products of query and key; the gradient of the bias is added to `bias_gradient`, laid out as the bias.
    /// `delta` is each row's sum of probability times gradient.
    void (*_Nonnull softmax_gradient)(const kk_attention_block *_Nonnull block, float *_Nonnull scores,
                                      float *_Nonnull gradient, const float *_Nonnull log_sum,
                                      const float *_Nonnull delta, float *_Nullable bias_gradient);
    /// out[r] = the inner product of row r of a and row r of b.
    void (*_Nonnull dot_rows)(const float *_Nonnull a, size_t a_stride, const float *_Nonnull b, size_t b_stride,
                              size_t rows, size_t columns, float *_Nonnull out);
    /// out[r] = a[r] * factor[r], rows; `factor` NULL: 1.
    void (*_Nonnull scale_rows)(const float *_Nonnull a, size_t a_stride, const float *_Nullable factor,
                                float *_Nonnull out, size_t out_stride, size_t rows, size_t columns);
} kk_attention_kernels;

/// The kernels of one level; the portable ones where that level has none of its own.
const kk_attention_kernels *_Nonnull kk_attention_kernels_for(kk_level level);

#endif
