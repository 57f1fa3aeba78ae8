// Vector arithmetic and functions of one level, for the families that are written once for several levels. Included with
//   LEVEL(name)  the function's name at this level
//   VF, VI       vectors of VW floats / 32-bit integers, unaligned
//   MADD(a,b,c)  a * b + c
// defined; vector_functions_end.inc.h takes the names back.

#define VLOAD(p) (*(const VF *)(p))
#define VSTORE(p, v) (*(VF *)(p) = (v))
#define SPLAT(x) ((VF)(x))
#define SELECT(m, a, b) ((VF)((((VI)(a)) & (m)) | (((VI)(b)) & ~(m))))
// One instruction each. Where either is not a number the result is b, so the value that must be heard stands second.
#define VMAX(a, b) ((a) > (b) ? (a) : (b))
#define VMIN(a, b) ((a) < (b) ? (a) : (b))
#define INLINE static inline __attribute__((always_inline))

// exp(x) = 2^n * exp(r), |r| <= ln 2 / 2, by the Taylor polynomial of degree 7; 0 below -87.
INLINE VF LEVEL(exp)(VF x) {
    x = VMIN(SPLAT(88.0f), x);
    x = VMAX(SPLAT(-87.0f), x);
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
    VI power = (((VI)shifted - (VI)magic) + 127) << 23;
    return p * (VF)power;
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

// Part of a vector: the rest reads as zero.
INLINE VF LEVEL(load_part)(const float *p, size_t count) {
    float buffer[VW] = {0};
    memcpy(buffer, p, count * sizeof(float));
    return VLOAD(buffer);
}

INLINE void LEVEL(store_part)(float *p, VF v, size_t count) {
    float buffer[VW];
    VSTORE(buffer, v);
    memcpy(p, buffer, count * sizeof(float));
}

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
