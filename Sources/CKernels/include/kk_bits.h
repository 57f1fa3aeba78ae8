#ifndef KK_BITS_H
#define KK_BITS_H

#include "kk_cpu.h"
#include <stddef.h>

/// Codes of 32 vectors lie interleaved in one block, so that one register holds the same four bytes of 16
/// vectors and no sum ever runs across a register:
///
///     for each whole group of 4 code bytes: 32 x 4 bytes, vector after vector
///     for each of the last code_bytes % 4 bytes: 32 x 1 byte
///     whatever the caller keeps behind the codes, up to block_bytes
enum { kk_block_vectors = 32 };

/// Scores of `blocks` blocks by nibble look-up, for several queries at once.
///
/// Each nibble of a code picks one of 16 bytes of its own table; a vector's sum is the sum of all picked
/// bytes. A query has `planes` (1 or 2) tables: with 2 the sum is 256 * (first) + (second), 16-bit tables in
/// effect. `out[q * out_stride + v]` = `bias[q]` + `scale[q]` * sum.
///
/// A table has 128 bytes for each group of 4 code bytes, the last group filled up with zeros: 4 x 16 entries for
/// the low nibbles, then 4 x 16 for the high ones. Sums are exact up to 2^24 (float conversion), that is up
/// to 32,000 code bytes at 1 plane and 128 at 2; beyond that they round.
/// `out` has room for whole blocks. Tables are best aligned to 64 bytes; nothing needs to be.
typedef void (*kk_nibble_scan)(const uint8_t *_Nonnull codes, size_t blocks, size_t block_bytes,
                               size_t code_bytes, const uint8_t *_Nonnull tables, size_t queries,
                               size_t planes, const float *_Nonnull bias, const float *_Nonnull scale,
                               float *_Nonnull out, size_t out_stride);

/// Hamming distances of `blocks` blocks to several queries.
///
/// A query is `code_bytes` bytes filled up with zeros to a multiple of 4. `out[q * out_stride + v]` = `scale` *
/// (number of bits that differ). Exact.
typedef void (*kk_hamming_scan)(const uint8_t *_Nonnull codes, size_t blocks, size_t block_bytes,
                                size_t code_bytes, const uint8_t *_Nonnull queries, size_t query_count,
                                float scale, float *_Nonnull out, size_t out_stride);

/// The quality of a rescaled rounding of `magnitudes` (all >= 0): with y_i = min(floor(t * x_i), top) + 1/2,
/// `product` = sum of x_i * y_i and `square` = sum of y_i^2.
typedef void (*kk_rescaled_product)(const float *_Nonnull magnitudes, size_t count, float t, float top,
                                    float *_Nonnull product, float *_Nonnull square);

/// Divides the scores of `blocks` blocks by the lengths of their codes: `scores[v]` *= `scale` / sqrt(`base` + `step` * n), where n
/// is the 16-bit number of vector v, 32 of them at `numbers + block * block_bytes`. All levels round alike.
typedef void (*kk_divide_by_lengths)(const uint8_t *_Nonnull numbers, size_t blocks, size_t block_bytes, float scale,
                                     float base, float step, float *_Nonnull scores);

/// The longest code of `kk_two_bit_scan`.
enum { kk_two_bit_most_bytes = 512 };

/// Makes a two-bit code of `code_bytes` bytes ready for `kk_two_bit_scan`: writes 128 bytes for each 4 (rounded up) of the code.
typedef void (*kk_two_bit_query)(const uint8_t *_Nonnull code, size_t code_bytes, uint8_t *_Nonnull query);

/// Products of two-bit codes of `blocks` blocks with two-bit codes of queries, over the lengths of the stored ones.
///
/// A field of two bits v stands for 2 v - 3; bits past the last component are zero on both sides. With P the sum of the products
/// of all fields, `out[q * out_stride + v]` = P * `scale[q]` / sqrt(`base` + `step` * n), where `top` is 9 times the number of
/// components and n the 16-bit number of vector v, 32 of them behind the codes of a block. P is exact below 2^23, and all levels
/// round alike.
typedef void (*kk_two_bit_scan)(const uint8_t *_Nonnull codes, size_t blocks, size_t block_bytes,
                                size_t code_bytes, const uint8_t *_Nonnull queries, size_t query_count,
                                float top, const float *_Nonnull scale, float base, float step,
                                float *_Nonnull out, size_t out_stride);

/// Rounds the float tables of one query, `[2 * code_bytes, 16]`, to the bytes that `kk_nibble_scan` reads: entry `e` of
/// nibble `n` becomes (e - minima[n]) * inverse_step, rounded and cut off at 255 (65,535 with 2 planes). Writes the used
/// entries of `tables`, one plane after the other; all entries are finite.
void kk_round_nibble_tables(const float *_Nonnull entries, size_t code_bytes, const float *_Nonnull minima,
                            float inverse_step, size_t planes, uint8_t *_Nonnull tables);

/// The least entry of each table `[tables, 16]` in `minima`, the widest distance between the least and the largest of one
/// table in `range`, and in `total` a sum that is finite only if all entries are (and the sum does not overflow).
void kk_nibble_table_bounds(const float *_Nonnull entries, size_t tables, float *_Nonnull minima,
                            float *_Nonnull range, float *_Nonnull total);

typedef struct kk_bit_kernels {
    kk_nibble_scan _Nonnull nibble_scan;
    kk_hamming_scan _Nonnull hamming_scan;
    kk_rescaled_product _Nonnull rescaled_product;
    kk_divide_by_lengths _Nonnull divide_by_lengths;
    kk_two_bit_query _Nonnull two_bit_query;
    kk_two_bit_scan _Nonnull two_bit_scan;
} kk_bit_kernels;

/// The kernels of one level; the portable ones where that level has none of its own.
const kk_bit_kernels *_Nonnull kk_bit_kernels_for(kk_level level);

#endif
