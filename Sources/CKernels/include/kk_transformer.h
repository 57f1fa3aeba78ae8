#ifndef KK_TRANSFORMER_H
#define KK_TRANSFORMER_H

#include "kk_cpu.h"
#include <stddef.h>
#include <stdint.h>

/// Columns of a packed weight panel: panels lie one after the other, each `[k, 32]` row-major, the
/// last one padded with zeros.
#define KK_PANEL_COLUMNS 32

/// The functions between the two matrix products of a feed-forward layer.
typedef enum kk_activation : int32_t {
    kk_activation_none = 0,
    kk_activation_gelu = 1,       ///< x/2 (1 + erf(x / sqrt 2)), within 1e-6 of exact
    kk_activation_gelu_tanh = 2,  ///< the tanh approximation ("gelu_new")
    kk_activation_relu = 3,
    kk_activation_tanh = 4,
} kk_activation;

/// A right-hand matrix that is read panel by panel: panel p starts at `data + p * panel_stride`, its
/// row i lies `i * row_stride` further, 32 readable floats a row.
typedef struct kk_panels_f32 {
    const float *_Nonnull data;
    size_t panel_stride;
    size_t row_stride;
} kk_panels_f32;

/// Weights of 8 bits for `multiply_u8s8`. `data`: panels `[k/4, 32, 4]`, k padded with zeros to a multiple
/// of 4. For each of the n columns: `scale`, `sum` (of the k weights, as float) and `bias`.
typedef struct kk_panels_s8 {
    const int8_t *_Nonnull data;
    const float *_Nonnull scale;
    const float *_Nonnull sum;
    const float *_Nonnull bias;
} kk_panels_s8;

/// Rows of 8 bits: `value = scale[r] * (data[r * stride + i] - zero[r])`.
typedef struct kk_rows_u8 {
    uint8_t *_Nonnull data;
    float *_Nonnull scale;
    float *_Nonnull zero;
    size_t stride;
} kk_rows_u8;

/// Addition of rows and layer normalisation: `gamma * (x - mean) / sqrt(variance + epsilon) + beta`.
typedef struct kk_layer_norm {
    const float *_Nonnull gamma;
    const float *_Nonnull beta;
    float epsilon;
} kk_layer_norm;

/// The inner loops of a transformer encoder. No alignment is needed anywhere. Sums over k run in float32 in
/// the order of k, so that a row's result never depends on the rows around it.
typedef struct kk_transformer_kernels {
    /// c `[m, n]` = a `[m, k]` times the n columns of b. Row strides in elements.
    void (*_Nonnull multiply_f32)(const float *_Nonnull a, size_t a_stride, kk_panels_f32 b,
                                  float *_Nonnull c, size_t c_stride, size_t m, size_t n, size_t k);
    /// c `[m, n]` = the product of the dequantised matrices, plus b's bias. `k` is a multiple of 4.
    void (*_Nonnull multiply_u8s8)(kk_rows_u8 a, kk_panels_s8 b, float *_Nonnull c, size_t c_stride,
                                   size_t m, size_t n, size_t k);
    /// x = activation(x + bias) for contiguous rows; `bias` may be NULL.
    void (*_Nonnull bias_activation_rows)(float *_Nonnull x, const float *_Nullable bias, size_t rows,
                                          size_t columns, kk_activation activation);
    /// x = layer norm of (x + y + bias), row by row; `bias` may be NULL. Two-pass variance.
    void (*_Nonnull add_layer_norm_rows)(float *_Nonnull x, const float *_Nonnull y,
                                         const float *_Nullable bias, kk_layer_norm norm, size_t rows,
                                         size_t columns);
    /// out = layer norm of (a + b + c), one row: the sum of a token's three embeddings.
    void (*_Nonnull sum3_layer_norm)(const float *_Nonnull a, const float *_Nonnull b,
                                     const float *_Nonnull c, kk_layer_norm norm, size_t columns,
                                     float *_Nonnull out);
    /// x = softmax(scale * x) for each row of `columns`, `stride` apart. exp within 2e-7 relative.
    void (*_Nonnull softmax_rows)(float *_Nonnull x, size_t stride, size_t rows, size_t columns, float scale);
    /// Each row to 8 bits between its own least and greatest value (0 included), nearest even.
    void (*_Nonnull quantize_rows)(const float *_Nonnull x, size_t rows, size_t columns, kk_rows_u8 out);
} kk_transformer_kernels;

/// The kernels of one level; the portable ones where that level has none of its own.
const kk_transformer_kernels *_Nonnull kk_transformer_kernels_for(kk_level level);

/// The loops that are the same at every level.
/// Transposes `source` `[rows, columns]` (stride between rows) into panels of 32 of its rows: the right-hand
/// matrix `[columns, rows]`. `panels` holds `ceil(rows / 32) * columns * 32` floats, padding written as zero.
void kk_pack_transposed_f32(const float *_Nonnull source, size_t stride, size_t rows, size_t columns,
                            float *_Nonnull panels);
/// Copies `source` `[rows, columns]` into panels of 32 of its columns, padding written as zero.
void kk_pack_f32(const float *_Nonnull source, size_t stride, size_t rows, size_t columns,
                 float *_Nonnull panels);
/// Quantises weights `[n, k]` row-major to 8 bits, symmetric, one scale for each of the n output channels, and
/// packs them as `kk_panels_s8` says. `data` holds `ceil(n / 32) * 32 * k4` bytes with `k4` = k rounded up to 4.
void kk_pack_s8(const float *_Nonnull weights, size_t n, size_t k, int8_t *_Nonnull data,
                float *_Nonnull scale, float *_Nonnull sum);

#endif
