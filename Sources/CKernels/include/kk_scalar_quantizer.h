#ifndef KK_SCALAR_QUANTIZER_H
#define KK_SCALAR_QUANTIZER_H

#include "kk_cpu.h"
#include <stddef.h>

/// Codes of 8, 6 or 4 bits a dimension, one vector after another, `stride` bytes apart. A code row is cut into
/// parts of `part` dimensions (the last may be shorter), so that unpacking is shifts and masks, no shuffles:
///   8 bits: 1 part,  part = d.          Byte i holds dimension i.
///   4 bits: 2 parts, part = ceil(d/2).  Byte i: low half dimension i, high half dimension part + i.
///   6 bits: 4 parts, part = ceil(d/4).  Three runs of `part` bytes: the low 6 bits of run p are dimensions
///           p * part + i; the top 2 bits of runs 0, 1, 2 are bits 0-1, 2-3, 4-5 of dimension 3 * part + i.

/// A query as integers, in the same parts as the codes: part p starts at `p * padded`, zeros follow each part.
/// `weights = 128 * high + low`, `high` in [-127, 127], `low` in [-64, 63].
typedef struct kk_scalar_query {
    const int16_t *_Nonnull weights;
    const int8_t *_Nonnull high;
    const int8_t *_Nonnull low;
    /// Codes in a part.
    size_t part;
    /// `part` rounded up to a multiple of 64.
    size_t padded;
} kk_scalar_query;

/// `out[r]` = the sum over all dimensions of weight * code, in float. Exact integers inside: the caller keeps
/// `parts * part / 4 * 255 * max |weight| < 2^31`.
typedef void (*kk_scalar_dot_rows)(const kk_scalar_query *_Nonnull query, const uint8_t *_Nonnull codes,
                                   size_t rows, size_t stride, float *_Nonnull out);

/// `out[r * dimensions + i] = bias[i] + step[i] * code`.
typedef void (*kk_scalar_decode_rows)(const uint8_t *_Nonnull codes, size_t rows, size_t stride,
                                      size_t dimensions, const float *_Nonnull bias,
                                      const float *_Nonnull step, float *_Nonnull out);

typedef struct kk_scalar_kernels {
    kk_scalar_dot_rows _Nonnull dot_rows_8, dot_rows_6, dot_rows_4;
    kk_scalar_decode_rows _Nonnull decode_rows_8, decode_rows_6, decode_rows_4;
} kk_scalar_kernels;

/// The kernels of one level; the portable ones where that level has none of its own.
const kk_scalar_kernels *_Nonnull kk_scalar_kernels_for(kk_level level);

/// Writes the code of one vector (`bits` 8, 6 or 4): the nearest of the levels `minimum + step * c`, where
/// `inverse_step` is 1 / step, or 0 for a dimension with a single level. All bytes of the row are written.
void kk_scalar_encode_row(const float *_Nonnull vector, size_t dimensions, int32_t bits,
                          const float *_Nonnull minimum, const float *_Nonnull inverse_step,
                          uint8_t *_Nonnull codes);

#endif
