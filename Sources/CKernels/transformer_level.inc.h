// The transformer kernels of one level, written once in the compiler's vector types and included by transformer.c
// for every level, with:
//   LEVEL(name)  the function's name at this level
//   VF, VI       vectors of VW floats / 32-bit integers, unaligned
//   MADD(a,b,c)  a * b + c
//   TILE_ROWS    rows of a product computed at once; TILE_ROWS * 2 accumulators + 3 must fit the registers

#define VLOAD(p) (*(const VF *)(p))
#define VSTORE(p, v) (*(VF *)(p) = (v))
#define SPLAT(x) ((VF)(x))
#define SELECT(m, a, b) ((VF)((((VI)(a)) & (m)) | (((VI)(b)) & ~(m))))
#define VMAX(a, b) __builtin_elementwise_max((a), (b))
#define VMIN(a, b) __builtin_elementwise_min((a), (b))
#define INLINE static inline __attribute__((always_inline))

// MARK: - Matrix product

// `rows` and `vectors` are constants at every call, so the accumulators live in registers.
INLINE void LEVEL(tile)(const size_t rows, const size_t vectors, const float *a, size_t a_stride, const float *b,
                        size_t b_stride, size_t k, float *c, size_t c_stride, size_t columns) {
    VF sums[TILE_ROWS][2];
#pragma clang loop unroll(full)
    for (size_t i = 0; i < rows; i++) sums[i][0] = sums[i][1] = SPLAT(0.0f);
    for (size_t j = 0; j < k; j++) {
        VF b0 = VLOAD(b + j * b_stride), b1 = vectors > 1 ? VLOAD(b + j * b_stride + VW) : b0;
#pragma clang loop unroll(full)
        for (size_t i = 0; i < rows; i++) {
            VF x = SPLAT(a[i * a_stride + j]);
            sums[i][0] = MADD(x, b0, sums[i][0]);
            if (vectors > 1) sums[i][1] = MADD(x, b1, sums[i][1]);
        }
    }
    if (columns == vectors * VW) {
#pragma clang loop unroll(full)
        for (size_t i = 0; i < rows; i++) {
            VSTORE(c + i * c_stride, sums[i][0]);
            if (vectors > 1) VSTORE(c + i * c_stride + VW, sums[i][1]);
        }
    } else {
#pragma clang loop unroll(full)
        for (size_t i = 0; i < rows; i++) {
            float row[2 * VW];
            VSTORE(row, sums[i][0]);
            if (vectors > 1) VSTORE(row + VW, sums[i][1]);
            memcpy(c + i * c_stride, row, columns * sizeof(float));
        }
    }
}

#define TILE_CASE(R)                                                                       \
    case R:                                                                                \
        if (columns > VW)                                                                  \
            LEVEL(tile)(R, 2, a, a_stride, b, b_stride, k, c, c_stride, columns);          \
        else                                                                               \
            LEVEL(tile)(R, 1, a, a_stride, b, b_stride, k, c, c_stride, columns);          \
        break;

static void LEVEL(any_tile)(size_t rows, const float *a, size_t a_stride, const float *b, size_t b_stride, size_t k,
                            float *c, size_t c_stride, size_t columns) {
    switch (rows) {
        TILE_CASE(1) TILE_CASE(2) TILE_CASE(3) TILE_CASE(4)
#if TILE_ROWS > 4
        TILE_CASE(5) TILE_CASE(6)
#endif
#if TILE_ROWS > 6
        TILE_CASE(7) TILE_CASE(8) TILE_CASE(9) TILE_CASE(10)
        TILE_CASE(11) TILE_CASE(12) TILE_CASE(13) TILE_CASE(14)
#endif
    default:
        break;
    }
}

static void LEVEL(multiply_f32)(const float *a, size_t a_stride, kk_panels_f32 b, float *c, size_t c_stride, size_t m,
                                size_t n, size_t k) {
    // A block of rows stays in the second-level cache while all panels pass over it.
    const size_t block = TILE_ROWS * 8;
    for (size_t i0 = 0; i0 < m; i0 += block) {
        size_t i1 = i0 + block < m ? i0 + block : m;
        for (size_t j = 0; j < n; j += 2 * VW) {
            const float *panel = b.data + j / KK_PANEL_COLUMNS * b.panel_stride + j % KK_PANEL_COLUMNS;
            size_t columns = n - j < 2 * VW ? n - j : 2 * VW;
            for (size_t i = i0; i < i1; i += TILE_ROWS) {
                size_t rows = i1 - i < TILE_ROWS ? i1 - i : TILE_ROWS;
                LEVEL(any_tile)(rows, a + i * a_stride, a_stride, panel, b.row_stride, k,
                                c + i * c_stride + j, c_stride, columns);
            }
        }
    }
}

// MARK: - Functions

// exp(x) = 2^n * exp(r), |r| <= ln 2 / 2, by the Taylor polynomial of degree 7; 0 below -87.
INLINE VF LEVEL(exp)(VF x) {
    x = VMAX(VMIN(x, SPLAT(88.0f)), SPLAT(-87.0f));
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

// erf by Abramowitz and Stegun, Handbook of Mathematical Functions, 7.1.26 (absolute error 1.5e-7), put as
// gelu(x) = max(x, 0) - |x| / 2 * erfc(|x| / sqrt 2), which keeps its precision on both sides.
INLINE VF LEVEL(gelu)(VF x) {
    VF magnitude = VMAX(x, -x);
    VF z = magnitude * SPLAT(0.70710678118654752f);
    VF t = SPLAT(1.0f) / MADD(z, SPLAT(0.3275911f), SPLAT(1.0f));
    VF p = SPLAT(1.061405429f);
    p = MADD(p, t, SPLAT(-1.453152027f));
    p = MADD(p, t, SPLAT(1.421413741f));
    p = MADD(p, t, SPLAT(-0.284496736f));
    p = MADD(p, t, SPLAT(0.254829592f));
    VF complement = p * t * LEVEL(exp)(-z * z);
    return VMAX(x, SPLAT(0.0f)) - SPLAT(0.5f) * magnitude * complement;
}

// tanh(x) = sign(x) (1 - e) / (1 + e) with e = exp(-2 |x|); absolute error below 2e-7.
INLINE VF LEVEL(tanh)(VF x) {
    VF e = LEVEL(exp)(SPLAT(-2.0f) * VMAX(x, -x));
    VF y = (SPLAT(1.0f) - e) / (SPLAT(1.0f) + e);
    return SELECT(x < SPLAT(0.0f), -y, y);
}

INLINE VF LEVEL(activate)(VF x, const kk_activation activation) {
    switch (activation) {
    case kk_activation_gelu:
        return LEVEL(gelu)(x);
    case kk_activation_gelu_tanh: {
        VF inner = SPLAT(0.7978845608f) * MADD(x * x * x, SPLAT(0.044715f), x);
        return SPLAT(0.5f) * x * (SPLAT(1.0f) + LEVEL(tanh)(inner));
    }
    case kk_activation_relu:
        return VMAX(x, SPLAT(0.0f));
    case kk_activation_tanh:
        return LEVEL(tanh)(x);
    default:
        return x;
    }
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

INLINE void LEVEL(activation_loop)(float *x, const float *bias, size_t rows, size_t columns,
                                   const kk_activation activation) {
    for (size_t r = 0; r < rows; r++, x += columns) {
        size_t i = 0;
        for (; i + VW <= columns; i += VW) {
            VF v = VLOAD(x + i);
            if (bias) v += VLOAD(bias + i);
            VSTORE(x + i, LEVEL(activate)(v, activation));
        }
        if (i < columns) {
            VF v = LEVEL(load_part)(x + i, columns - i);
            if (bias) v += LEVEL(load_part)(bias + i, columns - i);
            LEVEL(store_part)(x + i, LEVEL(activate)(v, activation), columns - i);
        }
    }
}

static void LEVEL(bias_activation_rows)(float *x, const float *bias, size_t rows, size_t columns,
                                        kk_activation activation) {
    switch (activation) {
    case kk_activation_gelu:
        LEVEL(activation_loop)(x, bias, rows, columns, kk_activation_gelu);
        break;
    case kk_activation_gelu_tanh:
        LEVEL(activation_loop)(x, bias, rows, columns, kk_activation_gelu_tanh);
        break;
    case kk_activation_relu:
        LEVEL(activation_loop)(x, bias, rows, columns, kk_activation_relu);
        break;
    case kk_activation_tanh:
        LEVEL(activation_loop)(x, bias, rows, columns, kk_activation_tanh);
        break;
    default:
        LEVEL(activation_loop)(x, bias, rows, columns, kk_activation_none);
        break;
    }
}

// MARK: - Layer normalisation

// `x` holds the sum already; `total` is the sum of its components.
INLINE void LEVEL(normalize)(float *x, float total, kk_layer_norm norm, size_t columns) {
    VF mean = SPLAT(total / (float)columns), squares = SPLAT(0.0f);
    size_t i = 0;
    for (; i + VW <= columns; i += VW) {
        VF d = VLOAD(x + i) - mean;
        squares = MADD(d, d, squares);
    }
    float variance = LEVEL(sum)(squares);
    for (; i < columns; i++) variance += (x[i] - mean[0]) * (x[i] - mean[0]);
    float factor = 1.0f / __builtin_sqrtf(variance / (float)columns + norm.epsilon);
    for (i = 0; i + VW <= columns; i += VW) {
        VF d = (VLOAD(x + i) - mean) * SPLAT(factor);
        VSTORE(x + i, MADD(d, VLOAD(norm.gamma + i), VLOAD(norm.beta + i)));
    }
    for (; i < columns; i++) x[i] = (x[i] - mean[0]) * factor * norm.gamma[i] + norm.beta[i];
}

static void LEVEL(add_layer_norm_rows)(float *x, const float *y, const float *bias, kk_layer_norm norm, size_t rows,
                                       size_t columns) {
    for (size_t r = 0; r < rows; r++, x += columns, y += columns) {
        VF sums = SPLAT(0.0f);
        size_t i = 0;
        for (; i + VW <= columns; i += VW) {
            VF v = VLOAD(x + i) + VLOAD(y + i);
            if (bias) v += VLOAD(bias + i);
            VSTORE(x + i, v);
            sums += v;
        }
        float total = LEVEL(sum)(sums);
        for (; i < columns; i++) {
            x[i] += y[i] + (bias ? bias[i] : 0.0f);
            total += x[i];
        }
        LEVEL(normalize)(x, total, norm, columns);
    }
}

static void LEVEL(sum3_layer_norm)(const float *a, const float *b, const float *c, kk_layer_norm norm, size_t columns,
                                   float *out) {
    VF sums = SPLAT(0.0f);
    size_t i = 0;
    for (; i + VW <= columns; i += VW) {
        VF v = VLOAD(a + i) + VLOAD(b + i) + VLOAD(c + i);
        VSTORE(out + i, v);
        sums += v;
    }
    float total = LEVEL(sum)(sums);
    for (; i < columns; i++) {
        out[i] = a[i] + b[i] + c[i];
        total += out[i];
    }
    LEVEL(normalize)(out, total, norm, columns);
}

// MARK: - Softmax and quantisation

INLINE float LEVEL(greatest)(VF v) {
    float most = v[0];
    for (size_t i = 1; i < VW; i++) most = v[i] > most ? v[i] : most;
    return most;
}

static void LEVEL(softmax_rows)(float *x, size_t stride, size_t rows, size_t columns, float scale) {
    for (size_t r = 0; r < rows; r++, x += stride) {
        size_t whole = columns / VW * VW, left = columns - whole;
        VF most = SPLAT(-3.0e38f);
        for (size_t i = 0; i < whole; i += VW) most = VMAX(most, VLOAD(x + i));
        float maximum = LEVEL(greatest)(most);
        for (size_t i = whole; i < columns; i++) maximum = x[i] > maximum ? x[i] : maximum;
        VF factor = SPLAT(scale), offset = SPLAT(-maximum * scale), sums = SPLAT(0.0f);
        for (size_t i = 0; i < whole; i += VW) {
            VF e = LEVEL(exp)(MADD(VLOAD(x + i), factor, offset));
            VSTORE(x + i, e);
            sums += e;
        }
        float total = LEVEL(sum)(sums);
        if (left > 0) {
            VF e = LEVEL(exp)(MADD(LEVEL(load_part)(x + whole, left), factor, offset));
            for (size_t i = 0; i < left; i++) total += x[whole + i] = e[i];
        }
        float inverse = 1.0f / total;
        for (size_t i = 0; i < whole; i += VW) VSTORE(x + i, VLOAD(x + i) * SPLAT(inverse));
        for (size_t i = whole; i < columns; i++) x[i] *= inverse;
    }
}

static void LEVEL(quantize_rows)(const float *x, size_t rows, size_t columns, kk_rows_u8 out) {
    for (size_t r = 0; r < rows; r++, x += columns) {
        uint8_t *to = out.data + r * out.stride;
        size_t whole = columns / VW * VW;
        VF low = SPLAT(0.0f), high = low;  // zero is always in range, and exact
        for (size_t i = 0; i < whole; i += VW) {
            VF v = VLOAD(x + i);
            low = VMIN(low, v);
            high = VMAX(high, v);
        }
        float least = -LEVEL(greatest)(-low), greatest = LEVEL(greatest)(high);
        for (size_t i = whole; i < columns; i++) {
            least = x[i] < least ? x[i] : least;
            greatest = x[i] > greatest ? x[i] : greatest;
        }
        float scale = (greatest - least) * (1.0f / 255.0f);
        float inverse = scale > 0.0f ? 1.0f / scale : 0.0f;
        float zero = __builtin_rintf(-least * inverse);
        out.scale[r] = scale;
        out.zero[r] = zero;
        // Adding 1.5 * 2^23 rounds to nearest even and leaves the integer in the low bits.
        const float magic = 12582912.0f;
        for (size_t i = 0; i < whole; i += VW) {
            VF v = MADD(VLOAD(x + i), SPLAT(inverse), SPLAT(zero));
            v = VMAX(VMIN(v, SPLAT(255.0f)), SPLAT(0.0f)) + SPLAT(magic);
            typedef uint8_t bytes __attribute__((ext_vector_type(VW), aligned(1)));
            *(bytes *)(to + i) = __builtin_convertvector((VI)v & 255, bytes);
        }
        for (size_t i = whole; i < columns; i++) {
            float v = x[i] * inverse + zero;
            v = v > 255.0f ? 255.0f : v < 0.0f ? 0.0f : v;
            to[i] = (uint8_t)__builtin_rintf(v);
        }
        for (size_t i = columns; i < out.stride; i++) to[i] = 0;
    }
}

#undef VLOAD
#undef VSTORE
#undef SPLAT
#undef SELECT
#undef VMAX
#undef VMIN
#undef INLINE
#undef TILE_CASE
