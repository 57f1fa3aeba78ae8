#ifndef KK_TRAINING_H
#define KK_TRAINING_H

#include "kk_cpu.h"
#include <stddef.h>
#include <stdint.h>

/// A function of one number that layers put between their products.
typedef enum kk_function : int32_t {
    kk_function_none = 0,
    kk_function_relu = 1,
    kk_function_tanh = 2,
    kk_function_sigmoid = 3,
    kk_function_softplus = 4,   ///< log(1 + exp(x))
    kk_function_silu = 5,       ///< x sigmoid(x)
    kk_function_gelu = 6,       ///< x/2 (1 + erf(x / sqrt 2)), within 1e-6 of exact
    kk_function_gelu_tanh = 7,  ///< the tanh approximation ("gelu_new")
} kk_function;

typedef enum kk_arithmetic : int32_t {
    kk_arithmetic_add = 0,
    kk_arithmetic_subtract = 1,
    kk_arithmetic_multiply = 2,
    kk_arithmetic_divide = 3,
} kk_arithmetic;

typedef enum kk_elementary : int32_t {
    kk_elementary_exp = 0,
    kk_elementary_log = 1,
    kk_elementary_sqrt = 2,
    kk_elementary_rsqrt = 3,  ///< 1 / sqrt(x)
} kk_elementary;

/// Normalisation of rows: `gamma * (x - mean) / sqrt(variance + epsilon) + beta`; where not `centered`, mean is 0 and the
/// variance is the mean square (RMS norm).
typedef struct kk_norm {
    const float *_Nullable gamma;
    const float *_Nullable beta;
    float epsilon;
    bool centered;
} kk_norm;

/// Settings of one step of the Adam family, bias corrections folded in:
///   w = keep * w, g = gradient + decay * w, m += take1 (g - m), v += take2 (g^2 - v),
///   w -= rate * m / (sqrt(v) * scale + epsilon)
typedef struct kk_adam {
    float take1;
    float take2;
    float epsilon;
    float decay;
    float keep;
    float rate;
    float scale;
} kk_adam;

/// Which elements dropout keeps: element i where a hash of i and the key is at least `threshold`; kept ones are multiplied by
/// `scale`. The same key gives the same elements at every level.
typedef struct kk_dropout {
    uint32_t key0;
    uint32_t key1;
    uint32_t threshold;
    float scale;
} kk_dropout;

/// Inner loops of training between the matrix products: one pass over memory each. Rows are contiguous, no alignment is
/// needed, an output may be the same memory as an input. Sums of columns are added to what the caller put there.
typedef struct kk_training_kernels {
    /// out = function(x + bias), and kept = x + bias; `bias` and `kept` may be NULL.
    void (*_Nonnull function_rows)(const float *_Nonnull x, const float *_Nullable bias, float *_Nullable kept,
                                   float *_Nonnull out, size_t rows, size_t columns, kk_function function);
    /// out = g * derivative of the function, from its result (relu, tanh, sigmoid) or from its argument (all others);
    /// `sums` (may be NULL) gains the sum of each column of out.
    void (*_Nonnull slope_rows)(const float *_Nonnull g, const float *_Nonnull kept, float *_Nonnull out,
                                float *_Nullable sums, size_t rows, size_t columns, kk_function function);
    /// sums += the sum of each column.
    void (*_Nonnull column_sums)(const float *_Nonnull x, float *_Nonnull sums, size_t rows, size_t columns);
    /// sums = the sum of each row.
    void (*_Nonnull row_sums)(const float *_Nonnull x, float *_Nonnull sums, size_t rows, size_t columns);
    /// The sum of all squares: float32 over stretches of 1,024 elements, double above.
    double (*_Nonnull sum_squares)(const float *_Nonnull x, size_t count);

    /// out = norm of (x + residual); `sum` gets x + residual, `mean` and `rstd` a number for each row, for the gradient.
    /// `residual`, `sum`, `mean`, `rstd` may be NULL. Two-pass variance.
    void (*_Nonnull norm_rows)(const float *_Nonnull x, const float *_Nullable residual, kk_norm norm,
                               float *_Nullable sum, float *_Nonnull out, float *_Nullable mean,
                               float *_Nullable rstd, size_t rows, size_t columns);
    /// The gradients of `norm_rows`: dx for each row; `dgamma` and `dbeta` (may be NULL) gain the sums of their columns.
    /// `mean` is NULL where the norm is not centered.
    void (*_Nonnull norm_slope_rows)(const float *_Nonnull g, const float *_Nonnull x,
                                     const float *_Nullable mean, const float *_Nonnull rstd,
                                     const float *_Nullable gamma, float *_Nonnull dx, float *_Nullable dgamma,
                                     float *_Nullable dbeta, size_t rows, size_t columns);

    /// out = exp(x) / sum of exp, row by row; exp within 3e-7 relative.
    void (*_Nonnull softmax_rows)(const float *_Nonnull x, float *_Nonnull out, size_t rows, size_t columns);
    /// out = y (g - sum of g y) for y = softmax.
    void (*_Nonnull softmax_slope_rows)(const float *_Nonnull y, const float *_Nonnull g, float *_Nonnull out,
                                        size_t rows, size_t columns);
    /// lse = log of the sum of exp(x), and total = the sum of x, for each row; `total` may be NULL.
    void (*_Nonnull lse_rows)(const float *_Nonnull x, float *_Nonnull lse, float *_Nullable total, size_t rows,
                              size_t columns);
    /// out = x - lse for each row.
    void (*_Nonnull subtract_rows)(const float *_Nonnull x, const float *_Nonnull lse, float *_Nonnull out,
                                   size_t rows, size_t columns);
    /// out = g - exp(y) * (sum of g) for y = log softmax.
    void (*_Nonnull log_softmax_slope_rows)(const float *_Nonnull y, const float *_Nonnull g, float *_Nonnull out,
                                            size_t rows, size_t columns);
    /// out = exp(x - shift) * scale + offset, a shift, scale and offset for each row.
    void (*_Nonnull exp_rows)(const float *_Nonnull x, const float *_Nonnull shift, const float *_Nonnull scale,
                              const float *_Nonnull offset, float *_Nonnull out, size_t rows, size_t columns);

    /// out = x with dropout; `first` is the number of the first element in the whole tensor.
    void (*_Nonnull dropout)(const float *_Nonnull x, float *_Nonnull out, uint64_t first, size_t count,
                             kk_dropout dropout);
    /// out[s] = the sum of rows `ids[starts[s]] ... ids[starts[s + 1] - 1]` of `table`, in this order; `width` floats a row.
    void (*_Nonnull sum_segments)(const float *_Nonnull table, size_t width, const int32_t *_Nonnull ids,
                                  const int32_t *_Nonnull starts, size_t segments, float *_Nonnull out);
    /// out[i] = row `ids[i]` of `table`, zeros where that is negative.
    void (*_Nonnull gather_rows)(const float *_Nonnull table, size_t width, const int32_t *_Nonnull ids,
                                 size_t count, float *_Nonnull out);
    /// The same of integers times `steps[ids[i]]`, or times `steps[0]` where all rows have one step.
    void (*_Nonnull gather_int8_rows)(const int8_t *_Nonnull codes, size_t width, const float *_Nonnull steps,
                                      bool has_step_per_row, const int32_t *_Nonnull ids, size_t count,
                                      float *_Nonnull out);
    void (*_Nonnull gather_int16_rows)(const int16_t *_Nonnull codes, size_t width, const float *_Nonnull steps,
                                       bool has_step_per_row, const int32_t *_Nonnull ids, size_t count,
                                       float *_Nonnull out);
    /// out[pair (i, j), j < i, of an example] = the inner product of its vectors i and j, at `i (i - 1) / 2 + j`, for `rows` examples of
    /// `count` vectors of `width` floats. `first` (may be NULL), at `first_stride` floats from one example to the next, is a vector before these.
    void (*_Nonnull pair_products)(const float *_Nullable first, size_t first_stride, const float *_Nonnull vectors,
                                   size_t rows, size_t count, size_t width, float *_Nonnull out);
    /// The slopes of all vectors by those of the products; `first_out` gets those of the first vectors, or adds them up for all examples.
    void (*_Nonnull pair_product_slopes)(const float *_Nonnull g, const float *_Nullable first, size_t first_stride,
                                         const float *_Nonnull vectors, size_t rows, size_t count, size_t width,
                                         float *_Nonnull out, float *_Nullable first_out, bool sums_first);
    /// c [n, m] = a [n, k] b [k, m], or c += a' b for c [k, m], a [n, k] and b [n, m]: of a few rows, not worth a product of matrices.
    void (*_Nonnull small_product)(const float *_Nonnull a, const float *_Nonnull b, float *_Nonnull c, size_t n,
                                   size_t k, size_t m);
    void (*_Nonnull add_transposed_product)(const float *_Nonnull a, const float *_Nonnull b, float *_Nonnull c,
                                            size_t n, size_t k, size_t m);
    /// One Adam step over `count` elements.
    void (*_Nonnull adam)(float *_Nonnull w, float *_Nonnull m, float *_Nonnull v, const float *_Nonnull g,
                          size_t count, kk_adam settings);
    /// out[i] = x[i] op y[i]. An operand that repeats is one number. (Both never repeat: `repeats_x` wins.)
    void (*_Nonnull arithmetic)(const float *_Nonnull x, bool repeats_x, const float *_Nonnull y, bool repeats_y,
                                float *_Nonnull out, size_t count, kk_arithmetic operation);
    /// The sum of the binary cross-entropies `weight t log(1 + exp(-x)) + (1 - t) log(1 + exp(x))` of logits x against targets
    /// t; `losses` (may be NULL) gets each.
    float (*_Nonnull binary_cross_entropy)(const float *_Nonnull x, const float *_Nonnull t, float weight,
                                           float *_Nullable losses, size_t count);
    /// out = scale * the derivative of the binary cross-entropy by its logit; `scale` repeats or is one number each.
    void (*_Nonnull binary_cross_entropy_slope)(const float *_Nonnull x, const float *_Nonnull t, float weight,
                                                const float *_Nonnull scale, bool repeats_scale,
                                                float *_Nonnull out, size_t count);
    /// out = the function of each element, over the whole range of float32 (infinities, NaN and denormals as IEEE 754 has
    /// them), within 3e-7 relative, of log also 3e-7 absolute.
    void (*_Nonnull elementary)(const float *_Nonnull x, float *_Nonnull out, size_t count, kk_elementary function);
} kk_training_kernels;

/// The kernels of `level`; the portable ones where the level has none of its own.
const kk_training_kernels *_Nonnull kk_training_kernels_for(kk_level level);

#endif
