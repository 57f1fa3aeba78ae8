// The transformer kernels of one level, compiled for each by every_level.inc.h.

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

INLINE VF LEVEL(activate)(VF x, const kk_activation activation) {
    switch (activation) {
    case kk_activation_gelu:
        return LEVEL(gelu)(x);
    case kk_activation_gelu_tanh: {
        VF inner = SPLAT(0.7978845608f) * MADD(x * x * x, SPLAT(0.044715f), x);
        return SPLAT(0.5f) * x * (SPLAT(1.0f) + LEVEL(tanh)(inner));
    }
    case kk_activation_relu:
        return VMAX(SPLAT(0.0f), x);
    case kk_activation_tanh:
        return LEVEL(tanh)(x);
    default:
        return x;
    }
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

static void LEVEL(softmax_rows)(float *x, size_t stride, size_t rows, size_t columns, float scale) {
    if (columns == 0) return;
    // The last vector of a row is taken whole: the row is padded, and what lies in the padding is masked.
    const size_t last = (columns - 1) / VW * VW;
    VI lanes;
    for (int32_t i = 0; i < VW; i++) lanes[i] = i;
    const VI inside = lanes < (VI)((int32_t)(columns - last));
    for (size_t r = 0; r < rows; r++, x += stride) {
        VF most = SELECT(inside, VLOAD(x + last), SPLAT(-3.0e38f));
        for (size_t i = 0; i < last; i += VW) most = VMAX(most, VLOAD(x + i));
        VF factor = SPLAT(scale), offset = SPLAT(-LEVEL(greatest)(most) * scale);
        VF end = SELECT(inside, LEVEL(exp)(MADD(VLOAD(x + last), factor, offset)), SPLAT(0.0f)), sums = end;
        for (size_t i = 0; i < last; i += VW) {
            VF e = LEVEL(exp)(MADD(VLOAD(x + i), factor, offset));
            VSTORE(x + i, e);
            sums += e;
        }
        VF inverse = SPLAT(1.0f / LEVEL(sum)(sums));
        for (size_t i = 0; i < last; i += VW) VSTORE(x + i, VLOAD(x + i) * inverse);
        VSTORE(x + last, end * inverse);
    }
}

static void LEVEL(quantize_rows)(const float *x, size_t rows, size_t columns, kk_rows_u8 out) {
    for (size_t r = 0; r < rows; r++, x += columns) {
        uint8_t *to = out.data + r * out.stride;
        size_t whole = columns / VW * VW;
        VF low = SPLAT(0.0f), high = low, fault = low;  // zero is always in range, and exact
        for (size_t i = 0; i < whole; i += VW) {
            VF v = VLOAD(x + i);
            low = VMIN(v, low);
            high = VMAX(v, high);
            fault = MADD(v, SPLAT(0.0f), fault);  // 0, or not a number
        }
        float least = -LEVEL(greatest)(-low), greatest = LEVEL(greatest)(high), faults = LEVEL(sum)(fault);
        for (size_t i = whole; i < columns; i++) {
            least = x[i] < least ? x[i] : least;
            greatest = x[i] > greatest ? x[i] : greatest;
            faults += x[i] * 0.0f;
        }
        float scale = (greatest - least) * (1.0f / 255.0f);
        float inverse = scale > 0.0f ? 1.0f / scale : 0.0f;
        float zero = __builtin_rintf(-least * inverse);
        out.scale[r] = scale + faults;
        out.zero[r] = zero;
        // Adding 1.5 * 2^23 rounds to nearest even and leaves the integer in the low bits.
        const float magic = 12582912.0f;
        for (size_t i = 0; i < whole; i += VW) {
            VF v = MADD(VLOAD(x + i), SPLAT(inverse), SPLAT(zero));
            v = VMIN(v, SPLAT(255.0f));
            v = VMAX(v, SPLAT(0.0f)) + SPLAT(magic);
            typedef uint8_t bytes __attribute__((ext_vector_type(VW), aligned(1)));
            *(bytes *)(to + i) = __builtin_convertvector((VI)v & 255, bytes);
        }
        for (size_t i = whole; i < columns; i++) {
            float v = x[i] * inverse + zero;
            v = VMIN(v, 255.0f);
            v = VMAX(v, 0.0f);
            to[i] = (uint8_t)__builtin_rintf(v);
        }
        for (size_t i = columns; i < out.stride; i++) to[i] = 0;
    }
}

#undef TILE_CASE
