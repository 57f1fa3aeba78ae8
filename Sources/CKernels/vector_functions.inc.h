// Vector arithmetic and functions of one level, included by every_level.inc.h.

#define VLOAD(p) (*(const VF *)(p))
#define VSTORE(p, v) (*(VF *)(p) = (v))
#define SPLAT(x) ((VF)(x))
#define SELECT(m, a, b) ((VF)((((VI)(a)) & (m)) | (((VI)(b)) & ~(m))))
// One instruction each. Where either is not a number the result is b, so the value that must be heard stands second.
#define VMAX(a, b) ((a) > (b) ? (a) : (b))
#define VMIN(a, b) ((a) < (b) ? (a) : (b))
#define INLINE static inline __attribute__((always_inline))

// exp(x) = 2^n * exp(r), |r| <= ln 2 / 2, by the Taylor polynomial of degree 7: exp(r) and n.
INLINE VF LEVEL(exp_parts)(VF x, VI *power) {
    const VF magic = SPLAT(12582912.0f);  // 1.5 * 2^23: adding it rounds to an integer in the low bits
    VF shifted = MADD(x, SPLAT(1.44269504088896341f), magic);
    VF n = shifted - magic;
    VF r = MADD(n, SPLAT(-0.693359375f), x);
    r = MADD(n, SPLAT(2.12194440e-4f), r);
    VF p = SPLAT(1.9841269841e-4f);
    p = MADD(p, r, SPLAT(1.3888888889e-3f));
    p = MADD(p, r, SPLAT(8.3333333333e-3f));
    p = MADD(p, r, SPLAT(4.1666666667e-2f));
    p = MADD(p, r, SPLAT(1.6666666667e-1f));
    p = MADD(p, r, SPLAT(0.5f));
    p = MADD(p, r, SPLAT(1.0f));
    p = MADD(p, r, SPLAT(1.0f));
    *power = (VI)shifted - (VI)magic;
    return p;
}

// exp(x) between -87 and 88, about 1e-38 below.
INLINE VF LEVEL(exp)(VF x) {
    x = VMIN(SPLAT(88.0f), x);
    x = VMAX(SPLAT(-87.0f), x);
    VI n;
    VF p = LEVEL(exp_parts)(x, &n);
    return p * (VF)((n + 127) << 23);
}

// tanh(x) = sign(x) (1 - e) / (1 + e) with e = exp(-2 |x|), and below 0.625, where that cancels, the odd polynomial of
// S. Moshier's Cephes library (tanhf); relative error below 4e-7.
INLINE VF LEVEL(tanh)(VF x) {
    VF magnitude = SELECT(x < SPLAT(0.0f), -x, x), z = x * x;
    VF e = LEVEL(exp)(SPLAT(-2.0f) * magnitude);
    VF y = (SPLAT(1.0f) - e) / (SPLAT(1.0f) + e);
    y = SELECT(x < SPLAT(0.0f), -y, y);
    VF p = SPLAT(-5.70498872745e-3f);
    p = MADD(p, z, SPLAT(2.06390887954e-2f));
    p = MADD(p, z, SPLAT(-5.37397155531e-2f));
    p = MADD(p, z, SPLAT(1.33314422036e-1f));
    p = MADD(p, z, SPLAT(-3.33332819422e-1f));
    return SELECT(magnitude < SPLAT(0.625f), MADD(p * z, x, x), y);
}

INLINE VF LEVEL(sigmoid)(VF x) { return SPLAT(1.0f) / (SPLAT(1.0f) + LEVEL(exp)(-x)); }

// x (c0 + c1 t + ...) + 1/2 with t = 2 x^2 / 5.5^2 - 1 for |x| <= 5.5: an odd function about 1/2 as a polynomial, fitted in the
// least maximal error; t in -1 ... 1 keeps Horner's rule exact to the last digits. Coefficients come highest first.
INLINE VF LEVEL(odd_half)(VF x, const float *c) {
    VF t = MADD(x * x, SPLAT(2.0f / 30.25f), SPLAT(-1.0f)), p = SPLAT(c[0]);
#pragma clang loop unroll(full)
    for (size_t i = 1; i < 16; i++) p = MADD(p, t, SPLAT(c[i]));
    return MADD(p, x, SPLAT(0.5f));
}

// gelu(x) = x (1 + erf(x / sqrt 2)) / 2 within 6e-7, for large |x| within 2e-7 |x|. No exponential and no division: half the
// instructions of the usual formulas. Below -5.5 the result is -1.6e-7 instead of a number yet nearer to 0.
INLINE VF LEVEL(gelu)(VF x) {
    static const float c[16] = {
        -1.987769647e-04f, 6.026431220e-04f,  -6.523415213e-04f, 8.112311480e-04f,  -2.259884961e-03f, 4.510124214e-03f,
        -6.922096014e-03f, 1.029486023e-02f,  -1.496469043e-02f, 2.034419775e-02f,  -2.605402097e-02f, 3.207315877e-02f,
        -3.879237548e-02f, 4.773747548e-02f,  -6.417234987e-02f, 1.285519302e-01f};
    VF above = VMAX(SPLAT(-5.5f), x);
    return above * LEVEL(odd_half)(VMIN(SPLAT(5.5f), above), c);
}

// Part of a vector, 0 < count < VW: the rest reads as zero, and nothing beyond it is touched.
INLINE VF LEVEL(load_part)(const float *p, size_t count) {
#if VW == 16
    return (VF)_mm512_maskz_loadu_ps((__mmask16)((1u << count) - 1), p);
#elif VW == 8
    const VI lanes = {0, 1, 2, 3, 4, 5, 6, 7};
    return (VF)_mm256_maskload_ps(p, (__m256i)(lanes < (VI)((int32_t)count)));
#else
    float buffer[VW] = {0};
    memcpy(buffer, p, count * sizeof(float));
    return VLOAD(buffer);
#endif
}

INLINE void LEVEL(store_part)(float *p, VF v, size_t count) {
#if VW == 16
    _mm512_mask_storeu_ps(p, (__mmask16)((1u << count) - 1), (__m512)v);
#elif VW == 8
    const VI lanes = {0, 1, 2, 3, 4, 5, 6, 7};
    _mm256_maskstore_ps(p, (__m256i)(lanes < (VI)((int32_t)count)), (__m256)v);
#else
    float buffer[VW];
    VSTORE(buffer, v);
    memcpy(p, buffer, count * sizeof(float));
#endif
}

// Runs BODY for every vector of a row of `columns`: `i` is where it begins, `n` how many of its elements count.
#define FOR_VECTORS(columns, ...)                                    \
    {                                                                \
        size_t i = 0;                                                \
        for (; i + VW <= (columns); i += VW) {                       \
            const size_t n = VW;                                     \
            __VA_ARGS__                                              \
        }                                                            \
        if (i < (columns)) {                                         \
            const size_t n = (columns)-i;                            \
            __VA_ARGS__                                              \
        }                                                            \
    }
#define GET(p) (n == VW ? VLOAD((p) + i) : LEVEL(load_part)((p) + i, n))
#define PUT(p, v)                                  \
    do {                                           \
        VF put = (v);                              \
        if (n == VW)                               \
            VSTORE((p) + i, put);                  \
        else                                       \
            LEVEL(store_part)((p) + i, put, n);    \
    } while (0)

INLINE float LEVEL(sum)(VF v) {
    float buffer[VW];
    VSTORE(buffer, v);
    for (size_t width = VW / 2; width > 0; width /= 2)
        for (size_t i = 0; i < width; i++) buffer[i] += buffer[i + width];
    return buffer[0];
}

INLINE float LEVEL(greatest)(VF v) {
#if VW == 16
    float8 eight = VMAX(v.lo, v.hi);
#elif VW == 8
    float8 eight = v;
#endif
#if VW >= 8
    float4 four = VMAX(eight.lo, eight.hi);
#else
    float4 four = v;
#endif
    float a = VMAX(four[0], four[1]), b = VMAX(four[2], four[3]);
    return VMAX(a, b);
}
