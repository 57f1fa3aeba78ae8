#ifndef KK_RECURRENCE_H
#define KK_RECURRENCE_H

#include "kk_cpu.h"
#include <stddef.h>

/// One step of gated recurrent units, and back. Rows are contiguous; gates lie side by side in the order r, z, n, each `width` wide.
typedef struct kk_recurrence_kernels {
    /// r = sigmoid(x_r + g_r), z = sigmoid(x_z + g_z), n = tanh(x_n + r g_n), out = n + z (h - n), for the gates' inputs `x` and
    /// the states' part `g`, `[rows, 3 width]` both; `kept` gets r, z, n, g_n, `[rows, 4 width]`.
    void (*_Nonnull gated_rows)(const float *_Nonnull x, const float *_Nonnull g, const float *_Nonnull h,
                                float *_Nonnull out, float *_Nonnull kept, size_t rows, size_t width);
    /// The gradients of `gated_rows` for that of `out`, `slope`: of x, of g, and of h where it stands by itself.
    void (*_Nonnull gated_slope_rows)(const float *_Nonnull slope, const float *_Nonnull kept,
                                      const float *_Nonnull h, float *_Nonnull dx, float *_Nonnull dg,
                                      float *_Nonnull dh, size_t rows, size_t width);
} kk_recurrence_kernels;

/// The kernels of `level`; the portable ones where the level has none of its own.
const kk_recurrence_kernels *_Nonnull kk_recurrence_kernels_for(kk_level level);

#endif
