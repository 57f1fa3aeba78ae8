#include "CKernels.h"

// Present when a library that was linked brings OpenMP (oneDNN does); NULL otherwise.
extern void omp_set_num_threads(int) __attribute__((weak));

void kk_limit_openmp_threads(int32_t count) {
    if (omp_set_num_threads) omp_set_num_threads(count);
}

bool kk_level_is_available(kk_level level) {
    switch (level) {
    case kk_level_portable:
        return true;
#if defined(__x86_64__)
    // The compiler's runtime also asks the operating system whether it saves the wide registers.
    case kk_level_avx2:
        return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")
            && __builtin_cpu_supports("f16c") && __builtin_cpu_supports("popcnt");
    case kk_level_avx512:
        return kk_level_is_available(kk_level_avx2) && __builtin_cpu_supports("avx512f")
            && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq")
            && __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512vnni")
            && __builtin_cpu_supports("avx512vbmi") && __builtin_cpu_supports("avx512bitalg")
            && __builtin_cpu_supports("avx512vpopcntdq");
#elif defined(__aarch64__)
    case kk_level_neon:
        return true;
#endif
    default:
        return false;
    }
}

kk_level kk_level_best(void) {
    if (kk_level_is_available(kk_level_avx512)) return kk_level_avx512;
    if (kk_level_is_available(kk_level_avx2)) return kk_level_avx2;
    if (kk_level_is_available(kk_level_neon)) return kk_level_neon;
    return kk_level_portable;
}
