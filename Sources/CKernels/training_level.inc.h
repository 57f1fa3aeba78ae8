// The training kernels of one level, compiled for each by every_level.inc.h.
// Tails of a row are read and written as parts of a vector, filled up with zeros.

#define ONE SPLAT(1.0f)
#define HALF SPLAT(0.5f)
#define ZERO SPLAT(0.0f)

// MARK: - Functions and slopes

// Elements 0 ..< count of a vector, all bits set.
INLINE VI LEVEL(inside)(size_t count) {
    VI lanes;
    for (int32_t i = 0; i < VW; i++) lanes[i] = i;
    return lanes < (VI)((int32_t)count);
}

// The derivative of gelu: distribution function plus x times density of the normal distribution, within 5e-7.
INLINE VF LEVEL(gelu_slope)(VF x) {
    static const float c[16] = {
        -4.909865558e-03f, 1.212025620e-02f,  -6.424908992e-03f, 4.100680351e-03f,  -2.782362141e-02f, 4.956648499e-02f,
        -5.308612809e-02f, 6.065640226e-02f,  -7.291948050e-02f, 7.533518970e-02f,  -6.885715574e-02f, 6.018722802e-02f,
        -5.372582376e-02f, 5.367087200e-02f,  -6.574013829e-02f, 1.287591755e-01f};
    VF above = VMAX(SPLAT(-5.5f), x);
    return LEVEL(odd_half)(VMIN(SPLAT(5.5f), above), c);
}

// log(1 + e) for 0 <= e <= 1, as 2 artanh(e / (2 + e)): the series' first left-out term is below 1e-8.
INLINE VF LEVEL(log1p)(VF e) {
    VF s = e / (SPLAT(2.0f) + e), z = s * s;
    VF p = SPLAT(2.0f / 13.0f);
    p = MADD(p, z, SPLAT(2.0f / 11.0f));
    p = MADD(p, z, SPLAT(2.0f / 9.0f));
    p = MADD(p, z, SPLAT(2.0f / 7.0f));
    p = MADD(p, z, SPLAT(2.0f / 5.0f));
    p = MADD(p, z, SPLAT(2.0f / 3.0f));
    return s * MADD(p, z, SPLAT(2.0f));
}

INLINE VF LEVEL(value)(VF x, const kk_function function) {
    switch (function) {
    case kk_function_relu: return VMAX(ZERO, x);
    case kk_function_tanh: return LEVEL(tanh)(x);
    case kk_function_sigmoid: return LEVEL(sigmoid)(x);
    case kk_function_softplus: {
        VF magnitude = SELECT(x < ZERO, -x, x);
        return VMAX(ZERO, x) + LEVEL(log1p)(LEVEL(exp)(-magnitude));
    }
    case kk_function_silu: return x * LEVEL(sigmoid)(x);
    case kk_function_gelu: return LEVEL(gelu)(x);
    case kk_function_gelu_tanh: {
        VF inner = SPLAT(0.7978845608f) * MADD(x * x * x, SPLAT(0.044715f), x);
        return HALF * x * (ONE + LEVEL(tanh)(inner));
    }
    default: return x;
    }
}

INLINE VF LEVEL(slope)(VF kept, const kk_function function) {
    switch (function) {
    case kk_function_relu: return SELECT(kept > ZERO, ONE, kept * ZERO);  // not a number stays that
    case kk_function_tanh: return ONE - kept * kept;
    case kk_function_sigmoid: return kept * (ONE - kept);
    case kk_function_softplus: return LEVEL(sigmoid)(kept);
    case kk_function_silu: {
        VF s = LEVEL(sigmoid)(kept);
        return s * MADD(kept, ONE - s, ONE);
    }
    case kk_function_gelu: return LEVEL(gelu_slope)(kept);
    case kk_function_gelu_tanh: {
        VF square = kept * kept, cubic = SPLAT(0.044715f) * square;
        VF t = LEVEL(tanh)(SPLAT(0.7978845608f) * MADD(kept, cubic, kept));
        VF inner = SPLAT(0.7978845608f) * MADD(SPLAT(3.0f), cubic, ONE);
        return HALF * MADD(kept * (ONE - t * t), inner, ONE + t);
    }
    default: return ONE;
    }
}

INLINE void LEVEL(function_loop)(const float *x, const float *bias, float *kept, float *out, size_t rows,
                                 size_t columns, const kk_function function) {
    for (size_t r = 0; r < rows; r++) {
        const size_t at = r * columns;
        FOR_VECTORS(columns, {
            VF v = GET(x + at);
            if (bias) v += GET(bias);
            if (kept) PUT(kept + at, v);
            PUT(out + at, LEVEL(value)(v, function));
        })
    }
}

INLINE void LEVEL(slope_loop)(const float *g, const float *kept, float *out, float *sums, size_t rows,
                              size_t columns, const kk_function function) {
    for (size_t r = 0; r < rows; r++) {
        const size_t at = r * columns;
        FOR_VECTORS(columns, {
            VF v = GET(g + at) * LEVEL(slope)(GET(kept + at), function);
            PUT(out + at, v);
            if (sums) PUT(sums, GET(sums) + v);
        })
    }
}

// Each function's loop is compiled by itself.
#define EVERY_FUNCTION(CASE)                                                                       \
    CASE(kk_function_relu) CASE(kk_function_tanh) CASE(kk_function_sigmoid) CASE(kk_function_softplus) \
    CASE(kk_function_silu) CASE(kk_function_gelu) CASE(kk_function_gelu_tanh)

static void LEVEL(function_rows)(const float *x, const float *bias, float *kept, float *out, size_t rows,
                                 size_t columns, kk_function function) {
#define CASE(F) case F: LEVEL(function_loop)(x, bias, kept, out, rows, columns, F); break;
    switch (function) {
        EVERY_FUNCTION(CASE)
    default: LEVEL(function_loop)(x, bias, kept, out, rows, columns, kk_function_none);
    }
#undef CASE
}

static void LEVEL(slope_rows)(const float *g, const float *kept, float *out, float *sums, size_t rows,
                              size_t columns, kk_function function) {
#define CASE(F) case F: LEVEL(slope_loop)(g, kept, out, sums, rows, columns, F); break;
    switch (function) {
        EVERY_FUNCTION(CASE)
    default: LEVEL(slope_loop)(g, kept, out, sums, rows, columns, kk_function_none);
    }
#undef CASE
}

// MARK: - Arithmetic

INLINE VF LEVEL(combine)(VF x, VF y, const kk_arithmetic operation) {
    switch (operation) {
    case kk_arithmetic_add: return x + y;
    case kk_arithmetic_subtract: return x - y;
    case kk_arithmetic_multiply: return x * y;
    case kk_arithmetic_divide: return x / y;
    }
}

INLINE void LEVEL(arithmetic_loop)(const float *x, bool repeats_x, const float *y, bool repeats_y, float *out,
                                   size_t count, const kk_arithmetic operation) {
    if (repeats_x) {
        VF first = SPLAT(x[0]);
        FOR_VECTORS(count, { PUT(out, LEVEL(combine)(first, GET(y), operation)); })
    } else if (repeats_y) {
        VF second = SPLAT(y[0]);
        FOR_VECTORS(count, { PUT(out, LEVEL(combine)(GET(x), second, operation)); })
    } else {
        FOR_VECTORS(count, { PUT(out, LEVEL(combine)(GET(x), GET(y), operation)); })
    }
}

static void LEVEL(arithmetic)(const float *x, bool repeats_x, const float *y, bool repeats_y, float *out, size_t count,
                              kk_arithmetic operation) {
    switch (operation) {
    case kk_arithmetic_add:
        LEVEL(arithmetic_loop)(x, repeats_x, y, repeats_y, out, count, kk_arithmetic_add);
        break;
    case kk_arithmetic_subtract:
        LEVEL(arithmetic_loop)(x, repeats_x, y, repeats_y, out, count, kk_arithmetic_subtract);
        break;
    case kk_arithmetic_multiply:
        LEVEL(arithmetic_loop)(x, repeats_x, y, repeats_y, out, count, kk_arithmetic_multiply);
        break;
    case kk_arithmetic_divide:
        LEVEL(arithmetic_loop)(x, repeats_x, y, repeats_y, out, count, kk_arithmetic_divide);
        break;
    }
}

// MARK: - Elementary functions

// exp without bounds: the power of 2 in two factors, whose product overflows to infinity and underflows by way of denormals.
INLINE VF LEVEL(unbounded_exp)(VF x) {
    x = VMIN(SPLAT(89.0f), x);
    x = VMAX(SPLAT(-104.0f), x);
    VI n;
    VF p = LEVEL(exp_parts)(x, &n);
    VI half = n >> 1;
    return p * (VF)((half + 127) << 23) * (VF)((n - half + 127) << 23);
}

// log(m 2^e) = e ln 2 + log(m), sqrt(1/2) <= m < sqrt(2), by the polynomial of S. Moshier's Cephes library (logf).
INLINE VF LEVEL(log)(VF x) {
    VI isTiny = x < SPLAT(1.17549435e-38f);
    VF normal = SELECT(isTiny, x * SPLAT(8388608.0f), x);
    VI bits = (VI)normal, power = (bits >> 23) - 126 - (isTiny & 23);
    VF m = (VF)((bits & 0x007fffff) | 0x3f000000);
    VI isLow = m < SPLAT(0.707106781186547524f);
    m = SELECT(isLow, m + m, m) - ONE;
    VF e = __builtin_convertvector(power + isLow, VF), z = m * m;
    VF p = SPLAT(7.0376836292e-2f);
    p = MADD(p, m, SPLAT(-1.1514610310e-1f));
    p = MADD(p, m, SPLAT(1.1676998740e-1f));
    p = MADD(p, m, SPLAT(-1.2420140846e-1f));
    p = MADD(p, m, SPLAT(1.4249322787e-1f));
    p = MADD(p, m, SPLAT(-1.6668057665e-1f));
    p = MADD(p, m, SPLAT(2.0000714765e-1f));
    p = MADD(p, m, SPLAT(-2.4999993993e-1f));
    p = MADD(p, m, SPLAT(3.3333331174e-1f));
    VF y = MADD(e, SPLAT(-2.12194440e-4f), p * m * z);
    y = MADD(z, SPLAT(-0.5f), y);
    y = MADD(e, SPLAT(0.693359375f), m + y);
    y = SELECT(x == SPLAT(__builtin_inff()), x, y);
    return SELECT(x > ZERO, y, SELECT(x == ZERO, SPLAT(-__builtin_inff()), SPLAT(__builtin_nanf(""))));
}

INLINE void LEVEL(elementary_loop)(const float *x, float *out, size_t count, const kk_elementary function) {
    FOR_VECTORS(count, {
        VF v = GET(x);
        switch (function) {
        case kk_elementary_exp: v = LEVEL(unbounded_exp)(v); break;
        case kk_elementary_log: v = LEVEL(log)(v); break;
        case kk_elementary_sqrt: v = __builtin_elementwise_sqrt(v); break;
        case kk_elementary_rsqrt: v = ONE / __builtin_elementwise_sqrt(v); break;
        }
        PUT(out, v);
    })
}

static void LEVEL(elementary)(const float *x, float *out, size_t count, kk_elementary function) {
    switch (function) {
    case kk_elementary_exp: LEVEL(elementary_loop)(x, out, count, kk_elementary_exp); break;
    case kk_elementary_log: LEVEL(elementary_loop)(x, out, count, kk_elementary_log); break;
    case kk_elementary_sqrt: LEVEL(elementary_loop)(x, out, count, kk_elementary_sqrt); break;
    case kk_elementary_rsqrt: LEVEL(elementary_loop)(x, out, count, kk_elementary_rsqrt); break;
    }
}

// MARK: - Sums

static void LEVEL(column_sums)(const float *x, float *sums, size_t rows, size_t columns) {
    for (size_t r = 0; r < rows; r++) {
        const float *row = x + r * columns;
        FOR_VECTORS(columns, { PUT(sums, GET(sums) + GET(row)); })
    }
}

static void LEVEL(row_sums)(const float *x, float *sums, size_t rows, size_t columns) {
    for (size_t r = 0; r < rows; r++) {
        const float *row = x + r * columns;
        VF total = ZERO;
        FOR_VECTORS(columns, { total += GET(row); })
        sums[r] = LEVEL(sum)(total);
    }
}

static double LEVEL(sum_squares)(const float *x, size_t count) {
    double result = 0;
    for (size_t first = 0; first < count; first += 1024) {
        const float *part = x + first;
        size_t length = count - first < 1024 ? count - first : 1024;
        VF sums[4] = {ZERO, ZERO, ZERO, ZERO};
        size_t at = 0;
        for (; at + 4 * VW <= length; at += 4 * VW)
            for (size_t q = 0; q < 4; q++) {
                VF v = VLOAD(part + at + q * VW);
                sums[q] = MADD(v, v, sums[q]);
            }
        part += at;
        FOR_VECTORS(length - at, {
            VF v = GET(part);
            sums[0] = MADD(v, v, sums[0]);
        })
        result += (double)LEVEL(sum)((sums[0] + sums[1]) + (sums[2] + sums[3]));
    }
    return result;
}

// MARK: - Normalisation

static void LEVEL(norm_rows)(const float *x, const float *residual, kk_norm norm, float *sum, float *out, float *mean,
                             float *rstd, size_t rows, size_t columns) {
    const float inverse = 1.0f / (float)columns;
    for (size_t r = 0; r < rows; r++) {
        const size_t at = r * columns;
        const float *row = x + at;
        // Where the sum is not kept it waits in the output.
        float *to = sum ? sum + at : out + at;
        VF total = ZERO;
        if (residual) {
            FOR_VECTORS(columns, {
                VF v = GET(x + at) + GET(residual + at);
                PUT(to, v);
                total += v;
            })
            row = to;
        } else if (norm.centered) {
            FOR_VECTORS(columns, { total += GET(row); })
        }
        float average = norm.centered ? LEVEL(sum)(total) * inverse : 0.0f;
        VF middle = SPLAT(average), squares = ZERO;
        FOR_VECTORS(columns, {
            VF d = GET(row) - middle;
            if (n < VW) d = SELECT(LEVEL(inside)(n), d, ZERO);
            squares = MADD(d, d, squares);
        })
        float factor = 1.0f / __builtin_sqrtf(LEVEL(sum)(squares) * inverse + norm.epsilon);
        FOR_VECTORS(columns, {
            VF v = (GET(row) - middle) * SPLAT(factor);
            if (norm.gamma) v *= GET(norm.gamma);
            if (norm.beta) v += GET(norm.beta);
            PUT(out + at, v);
        })
        if (mean) mean[r] = average;
        if (rstd) rstd[r] = factor;
    }
}

static void LEVEL(norm_slope_rows)(const float *g, const float *x, const float *mean, const float *rstd,
                                   const float *gamma, float *dx, float *dgamma, float *dbeta, size_t rows,
                                   size_t columns) {
    const float inverse = 1.0f / (float)columns;
    for (size_t r = 0; r < rows; r++) {
        const size_t at = r * columns;
        VF middle = SPLAT(mean ? mean[r] : 0.0f), factor = SPLAT(rstd[r]), sum = ZERO, product = ZERO;
        FOR_VECTORS(columns, {
            VF slope = GET(g + at);
            VF normal = (GET(x + at) - middle) * factor;
            if (dgamma) PUT(dgamma, MADD(slope, normal, GET(dgamma)));
            if (dbeta) PUT(dbeta, GET(dbeta) + slope);
            if (gamma) slope *= GET(gamma);
            sum += slope;
            product = MADD(slope, normal, product);
        })
        VF a = SPLAT(mean ? LEVEL(sum)(sum) * inverse : 0.0f), b = SPLAT(LEVEL(sum)(product) * inverse);
        FOR_VECTORS(columns, {
            VF slope = GET(g + at);
            if (gamma) slope *= GET(gamma);
            VF normal = (GET(x + at) - middle) * factor;
            PUT(dx + at, factor * (slope - a - normal * b));
        })
    }
}

// MARK: - Softmax

// exp, and 0 where it is below 1e-38: what is masked by a large negative number has no weight at all.
INLINE VF LEVEL(exp_or_zero)(VF x) { return SELECT(x < SPLAT(-87.0f), ZERO, LEVEL(exp)(x)); }

// What exponents of a row are shifted by: its maximum, or 0 where everything is minus infinity.
INLINE float LEVEL(shift)(const float *x, size_t columns) {
    VF most = SPLAT(-__builtin_inff());
    FOR_VECTORS(columns, {
        VF v = GET(x);
        if (n < VW) v = SELECT(LEVEL(inside)(n), v, SPLAT(-__builtin_inff()));
        most = VMAX(most, v);
    })
    float greatest = LEVEL(greatest)(most);
    return greatest == -__builtin_inff() ? 0.0f : greatest;
}

static void LEVEL(softmax_rows)(const float *x, float *out, size_t rows, size_t columns) {
    for (size_t r = 0; r < rows; r++) {
        const size_t at = r * columns;
        VF shift = SPLAT(LEVEL(shift)(x + at, columns)), total = ZERO;
        FOR_VECTORS(columns, {
            VF e = LEVEL(exp_or_zero)(GET(x + at) - shift);
            if (n < VW) e = SELECT(LEVEL(inside)(n), e, ZERO);
            PUT(out + at, e);
            total += e;
        })
        VF inverse = SPLAT(1.0f / LEVEL(sum)(total));
        FOR_VECTORS(columns, { PUT(out + at, GET(out + at) * inverse); })
    }
}

static void LEVEL(softmax_slope_rows)(const float *y, const float *g, float *out, size_t rows, size_t columns) {
    for (size_t r = 0; r < rows; r++) {
        const size_t at = r * columns;
        VF total = ZERO;
        FOR_VECTORS(columns, { total = MADD(GET(y + at), GET(g + at), total); })
        VF mean = SPLAT(LEVEL(sum)(total));
        FOR_VECTORS(columns, { PUT(out + at, GET(y + at) * (GET(g + at) - mean)); })
    }
}

static void LEVEL(lse_rows)(const float *x, float *lse, float *total, size_t rows, size_t columns) {
    for (size_t r = 0; r < rows; r++) {
        const float *row = x + r * columns;
        float shift = LEVEL(shift)(row, columns);
        VF sums = ZERO, all = ZERO;
        FOR_VECTORS(columns, {
            VF v = GET(row);
            VF e = LEVEL(exp_or_zero)(v - SPLAT(shift));
            if (n < VW) e = SELECT(LEVEL(inside)(n), e, ZERO);
            sums += e;
            all += v;
        })
        lse[r] = shift + logf(LEVEL(sum)(sums));
        if (total) total[r] = LEVEL(sum)(all);
    }
}

static void LEVEL(subtract_rows)(const float *x, const float *lse, float *out, size_t rows, size_t columns) {
    for (size_t r = 0; r < rows; r++) {
        const size_t at = r * columns;
        VF shift = SPLAT(lse[r]);
        FOR_VECTORS(columns, { PUT(out + at, GET(x + at) - shift); })
    }
}

static void LEVEL(log_softmax_slope_rows)(const float *y, const float *g, float *out, size_t rows, size_t columns) {
    for (size_t r = 0; r < rows; r++) {
        const size_t at = r * columns;
        VF total = ZERO;
        FOR_VECTORS(columns, { total += GET(g + at); })
        VF sum = SPLAT(LEVEL(sum)(total));
        FOR_VECTORS(columns, { PUT(out + at, GET(g + at) - LEVEL(exp_or_zero)(GET(y + at)) * sum); })
    }
}

static void LEVEL(exp_rows)(const float *x, const float *shift, const float *scale, const float *offset, float *out,
                            size_t rows, size_t columns) {
    for (size_t r = 0; r < rows; r++) {
        const size_t at = r * columns;
        VF s = SPLAT(shift[r]), a = SPLAT(scale[r]), b = SPLAT(offset[r]);
        FOR_VECTORS(columns, { PUT(out + at, MADD(LEVEL(exp_or_zero)(GET(x + at) - s), a, b)); })
    }
}

// MARK: - Binary cross-entropy

static float LEVEL(binary_cross_entropy)(const float *x, const float *t, float weight, float *losses, size_t count) {
    VF total = ZERO;
    FOR_VECTORS(count, {
        VF v = GET(x), yes = SPLAT(weight) * GET(t), no = ONE - GET(t);
        VF magnitude = SELECT(v < ZERO, -v, v);
        // No term is negative: nothing cancels.
        VF loss = (yes + no) * LEVEL(log1p)(LEVEL(exp)(-magnitude));
        loss = MADD(yes, VMAX(ZERO, -v), MADD(no, VMAX(ZERO, v), loss));
        if (losses) PUT(losses, loss);
        if (n < VW) loss = SELECT(LEVEL(inside)(n), loss, ZERO);
        total += loss;
    })
    return LEVEL(sum)(total);
}

static void LEVEL(binary_cross_entropy_slope)(const float *x, const float *t, float weight, const float *scale,
                                              bool repeats_scale, float *out, size_t count) {
    FOR_VECTORS(count, {
        VF yes = SPLAT(weight) * GET(t), no = ONE - GET(t), factor = repeats_scale ? SPLAT(scale[0]) : GET(scale);
        PUT(out, (no - (yes + no) * LEVEL(sigmoid)(-GET(x))) * factor);
    })
}

// MARK: - Dropout

// Two rounds of the 32-bit mixer of Wellons 2018, "Prospecting for hash functions", with a half of the key before each.
INLINE VU LEVEL(hash)(VU x, uint32_t key0, uint32_t key1) {
    x ^= (VU)key0;
    x = (x ^ (x >> 16)) * (VU)0x7feb352du;
    x = (x ^ (x >> 15)) * (VU)0x846ca68bu;
    x = (x ^ (x >> 16)) + (VU)key1;
    x = (x ^ (x >> 16)) * (VU)0x7feb352du;
    x = (x ^ (x >> 15)) * (VU)0x846ca68bu;
    return x ^ (x >> 16);
}

static void LEVEL(dropout)(const float *x, float *out, uint64_t first, size_t count, kk_dropout dropout) {
    VU lanes;
    for (uint32_t i = 0; i < VW; i++) lanes[i] = i;
    FOR_VECTORS(count, {
        // Beyond 2^32 elements the key changes with the high half of the number.
        uint64_t number = first + i;
        VU hash = LEVEL(hash)(lanes + (VU)(uint32_t)number, dropout.key0 ^ (uint32_t)(number >> 32) * 0x9e3779b9u,
                              dropout.key1);
        // A product, not a choice: what is not a number stays that, dropped or not.
        PUT(out, GET(x) * SELECT((VI)(hash >= (VU)dropout.threshold), SPLAT(dropout.scale), ZERO));
    })
}

// MARK: - Rows of tables

static void LEVEL(sum_segments)(const float *table, size_t width, const int32_t *ids, const int32_t *starts,
                                size_t segments, float *out) {
    for (size_t s = 0; s < segments; s++, out += width) {
        const int32_t begin = starts[s], end = starts[s + 1];
        FOR_VECTORS(width, {
            VF sum = ZERO;
            for (int32_t q = begin; q < end; q++) sum += GET(table + (size_t)ids[q] * width);
            PUT(out, sum);
        })
    }
}

// Rows of a large table are not in the cache: asked for this far ahead, as many are on their way as the processor can wait for.
#define AHEAD 64

static void LEVEL(gather_rows)(const float *table, size_t width, const int32_t *ids, size_t count, float *out) {
    for (size_t q = 0; q < count; q++, out += width) {
        if (q + AHEAD < count && ids[q + AHEAD] >= 0) __builtin_prefetch(table + (size_t)ids[q + AHEAD] * width);
        if (ids[q] < 0) {
            FOR_VECTORS(width, { PUT(out, ZERO); })
            continue;
        }
        const float *row = table + (size_t)ids[q] * width;
        FOR_VECTORS(width, { PUT(out, GET(row)); })
    }
}

#define GATHER_INTEGERS(integer)                                                                                       \
    static void LEVEL(gather_##integer##_rows)(const integer##_t *codes, size_t width, const float *steps,             \
                                               bool has_step_per_row, const int32_t *ids, size_t count, float *out) {  \
        typedef integer##_t VN __attribute__((vector_size(VW * sizeof(integer##_t)), aligned(1), may_alias));          \
        for (size_t q = 0; q < count; q++, out += width) {                                                             \
            if (q + AHEAD < count && ids[q + AHEAD] >= 0) {                                                            \
                __builtin_prefetch(codes + (size_t)ids[q + AHEAD] * width);                                            \
                if (has_step_per_row) __builtin_prefetch(steps + ids[q + AHEAD]);                                      \
            }                                                                                                          \
            if (ids[q] < 0) {                                                                                          \
                FOR_VECTORS(width, { PUT(out, ZERO); })                                                                \
                continue;                                                                                              \
            }                                                                                                          \
            const integer##_t *row = codes + (size_t)ids[q] * width;                                                   \
            const float step = steps[has_step_per_row ? ids[q] : 0];                                                   \
            size_t j = 0;                                                                                              \
            for (; j + VW <= width; j += VW)                                                                           \
                VSTORE(out + j, __builtin_convertvector(*(const VN *)(row + j), VF) * SPLAT(step));                    \
            for (; j < width; j++) out[j] = (float)row[j] * step;                                                      \
        }                                                                                                              \
    }
GATHER_INTEGERS(int8)
GATHER_INTEGERS(int16)

// MARK: - Products of pairs

// The vector of number i of an example: `first`, where there is one, or one of the example's own.
#define EXAMPLE_VECTOR(i) (first && (i) == 0 ? first : own + ((i) - (first != NULL)) * width)

static void LEVEL(pair_products)(const float *first, size_t first_stride, const float *vectors, size_t rows, size_t count,
                                 size_t width, float *out) {
    const size_t m = count + (first != NULL);
    for (size_t r = 0; r < rows; r++, first = first ? first + first_stride : NULL) {
        const float *own = vectors + r * count * width;
        for (size_t a = 1; a < m; a++)
            for (size_t b = 0; b < a; b++) {
                const float *x = EXAMPLE_VECTOR(a), *y = EXAMPLE_VECTOR(b);
                VF total = ZERO;
                FOR_VECTORS(width, { total = MADD(GET(x), GET(y), total); })
                *out++ = LEVEL(sum)(total);
            }
    }
}

// A vector's slope is the sum of all others times the slopes of their products with it: written once, no pair is added to two places.
static void LEVEL(pair_product_slopes)(const float *g, const float *first, size_t first_stride, const float *vectors, size_t rows,
                                       size_t count, size_t width, float *out, float *first_out, bool sums_first) {
    const size_t m = count + (first != NULL);
    for (size_t r = 0; r < rows; r++, g += m * (m - 1) / 2, first = first ? first + first_stride : NULL) {
        const float *own = vectors + r * count * width;
        for (size_t a = 0; a < m; a++) {
            const bool is_first = first && a == 0;
            float *to = is_first ? first_out + (sums_first ? 0 : r * width) : out + (r * count + a - (first != NULL)) * width;
            FOR_VECTORS(width, {
                VF total = is_first && sums_first ? GET(to) : ZERO;
                for (size_t b = 0; b < a; b++) total = MADD(SPLAT(g[a * (a - 1) / 2 + b]), GET(EXAMPLE_VECTOR(b)), total);
                for (size_t b = a + 1; b < m; b++) total = MADD(SPLAT(g[b * (b - 1) / 2 + a]), GET(EXAMPLE_VECTOR(b)), total);
                PUT(to, total);
            })
        }
    }
}

// MARK: - Small products

static void LEVEL(small_product)(const float *a, const float *b, float *c, size_t rows, size_t k, size_t m) {
    for (size_t r = 0; r < rows; r++, a += k, c += m)
        FOR_VECTORS(m, {
            VF total = ZERO;
            for (size_t l = 0; l < k; l++) total = MADD(SPLAT(a[l]), GET(b + l * m), total);
            PUT(c, total);
        })
}

static void LEVEL(add_transposed_product)(const float *a, const float *b, float *c, size_t rows, size_t k, size_t m) {
    for (size_t l = 0; l < k; l++, c += m)
        FOR_VECTORS(m, {
            VF total = GET(c);
            for (size_t r = 0; r < rows; r++) total = MADD(SPLAT(a[r * k + l]), GET(b + r * m), total);
            PUT(c, total);
        })
}

// MARK: - Adam

static void LEVEL(adam)(float *w, float *m, float *v, const float *g, size_t count, kk_adam s) {
    FOR_VECTORS(count, {
        VF weight = GET(w) * SPLAT(s.keep), first = GET(m), second = GET(v);
        VF slope = MADD(SPLAT(s.decay), weight, GET(g));
        first = MADD(SPLAT(s.take1), slope - first, first);
        second = MADD(SPLAT(s.take2), slope * slope - second, second);
        PUT(m, first);
        PUT(v, second);
        VF root = MADD(__builtin_elementwise_sqrt(second), SPLAT(s.scale), SPLAT(s.epsilon));
        PUT(w, weight - SPLAT(s.rate) * first / root);
    })
}

#undef AHEAD
#undef EXAMPLE_VECTOR
#undef GATHER_INTEGERS
#undef ONE
#undef HALF
#undef ZERO
#undef EVERY_FUNCTION
