// CRC-32C.
//   portable: slicing by 8, with tables made in each call on long inputs.
//   avx2, avx512: the `crc32` instruction of SSE4.2 on three lanes of 4 KiB at once, since one takes 3 cycles but
//             each cycle can start one; lanes are joined by multiplying with powers of x modulo the polynomial.
// Reference: the definition, a bit at a time, in the tests.
#include "CKernels.h"
#include <string.h>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

#define POLYNOMIAL 0x82F63B78u

// One step of one bit; eight of them make the table entry of a byte.
#define BIT(c) (((c) & 1) ? ((c) >> 1) ^ POLYNOMIAL : (c) >> 1)

static void fill_tables(uint32_t tables[8][256]) {
    for (uint32_t i = 0; i < 256; i++) {
        uint32_t c = i;
        for (int bit = 0; bit < 8; bit++) c = BIT(c);
        tables[0][i] = c;
    }
    for (int t = 1; t < 8; t++)
        for (int i = 0; i < 256; i++) {
            uint32_t c = tables[t - 1][i];
            tables[t][i] = tables[0][c & 0xFF] ^ (c >> 8);
        }
}

static uint32_t crc32c_portable(uint32_t crc, const void *bytes, size_t count) {
    const uint8_t *p = bytes;
    crc = ~crc;
    // Short inputs a bit at a time: the tables would cost more. No table outlives the call: kernels keep no state.
    if (count >= 4096) {
        uint32_t tables[8][256];
        fill_tables(tables);
        for (; count >= 8; count -= 8, p += 8) {
            uint32_t a = crc ^ ((uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24);
            crc = tables[7][a & 0xFF] ^ tables[6][a >> 8 & 0xFF] ^ tables[5][a >> 16 & 0xFF] ^ tables[4][a >> 24]
                ^ tables[3][p[4]] ^ tables[2][p[5]] ^ tables[1][p[6]] ^ tables[0][p[7]];
        }
    }
    for (; count > 0; count--, p++) {
        crc ^= *p;
        for (int bit = 0; bit < 8; bit++) crc = BIT(crc);
    }
    return ~crc;
}

static const kk_checksum_kernels portable = {crc32c_portable};

#if defined(__x86_64__)

// a * b modulo the polynomial; both reflected, so that the top bit is the coefficient of x^0.
static uint32_t multiply(uint32_t a, uint32_t b) {
    uint32_t product = 0;
    for (uint32_t bit = 1u << 31; bit; bit >>= 1) {
        if (a & bit) product ^= b;
        b = BIT(b);
    }
    return product;
}

// x^(8 * bytes) modulo the polynomial: the factor that moves a checksum past that many zero bytes.
static uint32_t shift_factor(size_t bytes) {
    uint32_t factor = 1u << 31, square = 1u << 23;  // 1 and x^8
    for (; bytes; bytes >>= 1) {
        if (bytes & 1) factor = multiply(factor, square);
        square = multiply(square, square);
    }
    return factor;
}

#pragma clang attribute push(__attribute__((target("sse4.2"))), apply_to = function)

#define LANE 4096

static inline uint64_t word(const uint8_t *p) {
    uint64_t w;
    memcpy(&w, p, 8);
    return w;
}

static uint32_t crc32c_sse42(uint32_t crc, const void *bytes, size_t count) {
    const uint8_t *p = bytes;
    uint64_t a = (uint32_t)~crc;
    if (count >= 3 * LANE) {
        uint32_t one = shift_factor(LANE), two = multiply(one, one);
        for (; count >= 3 * LANE; count -= 3 * LANE, p += 3 * LANE) {
            uint64_t b = 0, c = 0;
            for (size_t i = 0; i < LANE; i += 8) {
                a = _mm_crc32_u64(a, word(p + i));
                b = _mm_crc32_u64(b, word(p + LANE + i));
                c = _mm_crc32_u64(c, word(p + 2 * LANE + i));
            }
            a = multiply((uint32_t)a, two) ^ multiply((uint32_t)b, one) ^ (uint32_t)c;
        }
    }
    for (; count >= 8; count -= 8, p += 8) a = _mm_crc32_u64(a, word(p));
    for (; count > 0; count--, p++) a = _mm_crc32_u8((uint32_t)a, *p);
    return ~(uint32_t)a;
}

#pragma clang attribute pop

// Every machine with AVX2 has SSE4.2.
static const kk_checksum_kernels sse42 = {crc32c_sse42};

#endif

const kk_checksum_kernels *kk_checksum_kernels_for(kk_level level) {
    switch (level) {
#if defined(__x86_64__)
    case kk_level_avx2:
    case kk_level_avx512: return &sse42;
#endif
    default: return &portable;
    }
}
