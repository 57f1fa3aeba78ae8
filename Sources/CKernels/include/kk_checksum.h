#ifndef KK_CHECKSUM_H
#define KK_CHECKSUM_H

#include "kk_cpu.h"
#include <stddef.h>

/// CRC-32C (Castagnoli, reflected polynomial 0x82F63B78) of `count` bytes, continued from `crc`: the checksum of
/// everything before, 0 at the start. Inverted before and after as usual: of "123456789" it is 0xE3069283.
typedef uint32_t (*kk_crc32c)(uint32_t crc, const void *_Nullable bytes, size_t count);

typedef struct kk_checksum_kernels {
    kk_crc32c _Nonnull crc32c;
} kk_checksum_kernels;

/// The kernels of one level; the portable ones where that level has none of its own.
const kk_checksum_kernels *_Nonnull kk_checksum_kernels_for(kk_level level);

#endif
