/// The scans of two-bit codes of each level, for the table in bits.c.
#ifndef KK_TWO_BITS_H
#define KK_TWO_BITS_H

#include "kk_bits.h"

#define KK_TWO_BIT_SCAN(NAME)                                                                                  \
    void NAME(const uint8_t *_Nonnull codes, size_t blocks, size_t block_bytes, size_t code_bytes,             \
              const uint8_t *_Nonnull queries, size_t query_count, float top, const float *_Nonnull scale,     \
              float base, float step, float *_Nonnull out, size_t out_stride)

void kk_two_bit_query_portable(const uint8_t *_Nonnull code, size_t code_bytes, uint8_t *_Nonnull query);
KK_TWO_BIT_SCAN(kk_two_bit_scan_portable);
#if defined(__x86_64__)
void kk_two_bit_query_avx2(const uint8_t *_Nonnull code, size_t code_bytes, uint8_t *_Nonnull query);
KK_TWO_BIT_SCAN(kk_two_bit_scan_avx2);
void kk_two_bit_query_avx512(const uint8_t *_Nonnull code, size_t code_bytes, uint8_t *_Nonnull query);
KK_TWO_BIT_SCAN(kk_two_bit_scan_avx512);
#endif

#endif
