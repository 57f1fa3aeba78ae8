// The compiler's vector types that one source for several levels is written in.
#ifndef KK_VECTORS_H
#define KK_VECTORS_H

#include <stdint.h>
#include <string.h>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

#define VECTOR_TYPES(W)                                                                   \
    typedef float float##W __attribute__((ext_vector_type(W), aligned(4), may_alias));    \
    typedef int32_t int##W __attribute__((ext_vector_type(W), aligned(4), may_alias));    \
    typedef uint32_t uint##W __attribute__((ext_vector_type(W), aligned(4), may_alias));
VECTOR_TYPES(4)
VECTOR_TYPES(8)
VECTOR_TYPES(16)

#endif
