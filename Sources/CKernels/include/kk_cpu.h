#ifndef KK_CPU_H
#define KK_CPU_H

#include <stdbool.h>
#include <stdint.h>

/// The instruction sets that kernels are written for. `kk_level_avx512` means F, BW, DQ, VL, VNNI,
/// VBMI, BITALG and VPOPCNTDQ together (Ice Lake, Zen 4 and later): older AVX-512 machines use AVX2.
typedef enum kk_level : int32_t {
    kk_level_portable = 0,
    kk_level_avx2 = 1,
    kk_level_avx512 = 2,
    kk_level_neon = 3,
} kk_level;

/// Whether this machine (processor and operating system) can run the kernels of `level`.
bool kk_level_is_available(kk_level level);

/// The fastest level that this machine can run.
kk_level kk_level_best(void);

/// Limits OpenMP regions started by the calling thread to `count` threads: oneDNN's own threads
/// would fight ours, which already split the work by rows or by batches.
void kk_limit_openmp_threads(int32_t count);

#endif
