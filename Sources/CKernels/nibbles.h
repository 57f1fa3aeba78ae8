/// The nibble scans of each level, for the table in bits.c.
#ifndef KK_NIBBLES_H
#define KK_NIBBLES_H

#include "kk_bits.h"

#define KK_NIBBLE_SCAN(NAME)                                                                                   \
    void NAME(const uint8_t *_Nonnull codes, size_t blocks, size_t block_bytes, size_t code_bytes,             \
              const uint8_t *_Nonnull tables, size_t queries, size_t planes, const float *_Nonnull bias,       \
              const float *_Nonnull scale, float *_Nonnull out, size_t out_stride)

KK_NIBBLE_SCAN(kk_nibble_scan_portable);
#if defined(__x86_64__)
KK_NIBBLE_SCAN(kk_nibble_scan_avx2);
KK_NIBBLE_SCAN(kk_nibble_scan_avx512);
#endif

#endif
