// The attention kernels of one level, compiled for each by every_level.inc.h.

// The lower / upper halves of two vectors, interleaved; STAGES = log2(VW).
#if VW == 16
#define LOW(a, b) \
    __builtin_shufflevector(a, b, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23)
#define HIGH(a, b) \
    __builtin_shufflevector(a, b, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31)
#define STAGES 4
#elif VW == 8
#define LOW(a, b) __builtin_shufflevector(a, b, 0, 8, 1, 9, 2, 10, 3, 11)
#define HIGH(a, b) __builtin_shufflevector(a, b, 4, 12, 5, 13, 6, 14, 7, 15)
#define STAGES 3
#else
#define LOW(a, b) __builtin_shufflevector(a, b, 0, 4, 1, 5)
#define HIGH(a, b) __builtin_shufflevector(a, b, 2, 6, 3, 7)
#define STAGES 2
#endif

// MARK: - Packing

// The next head's part of a row, one cache line after the other: rows lie far apart, so the hardware does not see it coming.
INLINE void LEVEL(prefetch_next)(const float *row, size_t columns) {
    for (size_t i = 0; i < columns; i += 16) __builtin_prefetch(row + columns + i, 0, 2);
}

static void LEVEL(pack_rows)(const float *source, size_t stride, size_t rows, size_t columns, float *out,
                             size_t padded) {
    for (size_t r = 0; r < rows; r++, source += stride, out += padded) {
        size_t i = 0;
        LEVEL(prefetch_next)(source, columns);
        for (; i + VW <= columns; i += VW) VSTORE(out + i, VLOAD(source + i));
        for (; i < columns; i++) out[i] = source[i];
        for (; i < padded; i++) out[i] = 0.0f;
    }
}

static void LEVEL(pack_transposed)(const float *source, size_t stride, size_t rows, size_t columns, float *panels) {
    for (size_t r = 0; r < rows; r += KK_PANEL_COLUMNS, panels += KK_PANEL_COLUMNS * columns)
        for (size_t s = 0; s < KK_PANEL_COLUMNS; s += VW) {
            size_t here = r + s >= rows ? 0 : rows - r - s < VW ? rows - r - s : VW;
            const float *from = source + (r + s) * stride;
            for (size_t i = 0; i < here; i++) LEVEL(prefetch_next)(from + i * stride, columns);
            for (size_t j = 0; j < columns; j += VW) {
                size_t wide = columns - j < VW ? columns - j : VW;
                // log2(VW) perfect shuffles of VW rows are their transpose.
                VF a[VW], b[VW];
#pragma clang loop unroll(full)
                for (size_t i = 0; i < VW; i++)
                    a[i] = i >= here ? SPLAT(0.0f)
                        : wide == VW ? VLOAD(from + i * stride + j) : LEVEL(load_part)(from + i * stride + j, wide);
#pragma clang loop unroll(full)
                for (size_t stage = 0; stage < STAGES; stage++) {
#pragma clang loop unroll(full)
                    for (size_t i = 0; i < VW / 2; i++) {
                        b[2 * i] = LOW(a[i], a[i + VW / 2]);
                        b[2 * i + 1] = HIGH(a[i], a[i + VW / 2]);
                    }
#pragma clang loop unroll(full)
                    for (size_t i = 0; i < VW; i++) a[i] = b[i];
                }
                for (size_t i = 0; i < wide; i++) VSTORE(panels + (j + i) * KK_PANEL_COLUMNS + s, a[i]);
            }
        }
}

// MARK: - Product

// `rows`, `vectors` and `adding` are constants at every call, so the accumulators live in registers.
INLINE void LEVEL(tile)(const size_t rows, const size_t vectors, const bool adding, const float *a, size_t a_row,
                        size_t a_column, const float *b, size_t b_stride, size_t k, float *c, size_t c_stride) {
    VF sums[TILE_ROWS][2];
#pragma clang loop unroll(full)
    for (size_t i = 0; i < rows; i++) {
        sums[i][0] = adding ? VLOAD(c + i * c_stride) : SPLAT(0.0f);
        sums[i][1] = adding && vectors > 1 ? VLOAD(c + i * c_stride + VW) : SPLAT(0.0f);
    }
    for (size_t j = 0; j < k; j++) {
        VF b0 = VLOAD(b + j * b_stride), b1 = vectors > 1 ? VLOAD(b + j * b_stride + VW) : b0;
#pragma clang loop unroll(full)
        for (size_t i = 0; i < rows; i++) {
            VF x = SPLAT(a[i * a_row + j * a_column]);
            sums[i][0] = MADD(x, b0, sums[i][0]);
            if (vectors > 1) sums[i][1] = MADD(x, b1, sums[i][1]);
        }
    }
#pragma clang loop unroll(full)
    for (size_t i = 0; i < rows; i++) {
        VSTORE(c + i * c_stride, sums[i][0]);
        if (vectors > 1) VSTORE(c + i * c_stride + VW, sums[i][1]);
    }
}

#define TILE_CASE(R, COLUMN)                                                                         \
    case R:                                                                                          \
        if (vectors > 1) {                                                                           \
            if (adding) LEVEL(tile)(R, 2, true, a, a_row, COLUMN, b, b_stride, k, c, c_stride);      \
            else LEVEL(tile)(R, 2, false, a, a_row, COLUMN, b, b_stride, k, c, c_stride);            \
        } else {                                                                                     \
            if (adding) LEVEL(tile)(R, 1, true, a, a_row, COLUMN, b, b_stride, k, c, c_stride);      \
            else LEVEL(tile)(R, 1, false, a, a_row, COLUMN, b, b_stride, k, c, c_stride);            \
        }                                                                                            \
        break;
#if TILE_ROWS > 6
#define TILE_CASES(C)                                                                                          \
    TILE_CASE(1, C) TILE_CASE(2, C) TILE_CASE(3, C) TILE_CASE(4, C) TILE_CASE(5, C) TILE_CASE(6, C)            \
    TILE_CASE(7, C) TILE_CASE(8, C) TILE_CASE(9, C) TILE_CASE(10, C) TILE_CASE(11, C) TILE_CASE(12, C)         \
    TILE_CASE(13, C) TILE_CASE(14, C)
#elif TILE_ROWS > 4
#define TILE_CASES(C) \
    TILE_CASE(1, C) TILE_CASE(2, C) TILE_CASE(3, C) TILE_CASE(4, C) TILE_CASE(5, C) TILE_CASE(6, C)
#else
#define TILE_CASES(C) TILE_CASE(1, C) TILE_CASE(2, C) TILE_CASE(3, C) TILE_CASE(4, C)
#endif

// A transposed left operand (`a_row` 1) is told apart, so that its rows need one address for all of a tile.
static void LEVEL(any_tile)(size_t rows, size_t vectors, bool adding, const float *a, size_t a_row, size_t a_column,
                            const float *b, size_t b_stride, size_t k, float *c, size_t c_stride) {
    if (a_column == 1) {
        switch (rows) { TILE_CASES(1) default: break; }
    } else {
        a_row = 1;
        switch (rows) { TILE_CASES(a_column) default: break; }
    }
}

static void LEVEL(multiply)(const float *a, size_t a_row, size_t a_column, kk_panels_f32 b, float *c, size_t c_stride,
                            size_t m, size_t n, size_t k, bool adding) {
    // A block of rows stays in the first-level cache while all panels pass over it.
    const size_t block = TILE_ROWS * 8;
    for (size_t i0 = 0; i0 < m; i0 += block) {
        size_t i1 = i0 + block < m ? i0 + block : m;
        for (size_t j = 0; j < n; j += 2 * VW) {
            const float *panel = b.data + j / KK_PANEL_COLUMNS * b.panel_stride + j % KK_PANEL_COLUMNS;
            size_t vectors = n - j < 2 * VW ? 1 : 2;
            for (size_t i = i0; i < i1; i += TILE_ROWS)
                LEVEL(any_tile)(i1 - i < TILE_ROWS ? i1 - i : TILE_ROWS, vectors, adding, a + i * a_row, a_row, a_column,
                                panel, b.row_stride, k, c + i * c_stride + j, c_stride);
        }
    }
}

// MARK: - Softmax

INLINE VI LEVEL(lanes)(void) {
    VI lanes;
    for (int32_t i = 0; i < VW; i++) lanes[i] = i;
    return lanes;
}

// All bits set where a key stays: the two multiplications of Wellons' "lowbias32" on a counter.
INLINE VI LEVEL(keeps)(uint32_t key, VI columns, uint32_t threshold) {
    VU x = (VU)columns * 0x9E3779B9u + key;
    x ^= x >> 16;
    x *= 0x7FEB352Du;
    x ^= x >> 15;
    x *= 0x846CA68Bu;
    x ^= x >> 16;
    return (VI)(x >= threshold);
}

// What one row sees, VW keys at a time.
typedef struct LEVEL(view) {
    int32_t prefix, lower, upper;
} LEVEL(view);

INLINE bool LEVEL(sees_all)(LEVEL(view) view, int32_t j) {
    return (j >= view.lower && j + VW <= view.upper) || j + VW <= view.prefix;
}

INLINE VI LEVEL(seen)(LEVEL(view) view, VI at) {
    return (at < view.prefix) | ((at >= view.lower) & (at < view.upper));
}

// The bias of the keys that are seen; the others' may lie outside the table.
INLINE VF LEVEL(bias_part)(const float *bias, VI seen) {
    float buffer[VW];
    for (size_t i = 0; i < VW; i++) buffer[i] = seen[i] ? bias[i] : 0.0f;
    return VLOAD(buffer);
}

static void LEVEL(softmax)(const kk_attention_block *block, float *scores, float *log_sum, float *inverse) {
    const VI lanes = LEVEL(lanes)();
    const int32_t starts[2] = {0, (int32_t)block->begin}, ends[2] = {(int32_t)block->prefix_end, (int32_t)block->end};
    for (size_t r = 0; r < block->rows; r++, scores += block->stride) {
        const float *bias = block->bias ? block->bias + (ptrdiff_t)r * block->bias_step : NULL;
        const LEVEL(view) view = {block->prefix[r], block->lower[r], block->upper[r]};
        if (view.prefix <= 0 && view.upper <= view.lower) {
            for (size_t s = 0; s < 2; s++)
                for (int32_t j = starts[s]; j < ends[s]; j += VW) VSTORE(scores + j, SPLAT(0.0f));
            log_sum[r] = -INFINITY;
            inverse[r] = 0.0f;
            continue;
        }
        const VF factor = SPLAT(block->factor[r]);
        VF most = SPLAT(-INFINITY);
        for (size_t s = 0; s < 2; s++)
            for (int32_t j = starts[s]; j < ends[s]; j += VW) {
                VF v = VLOAD(scores + j) * factor;
                if (LEVEL(sees_all)(view, j)) {
                    if (bias) v += VLOAD(bias + j);
                } else {
                    VI seen = LEVEL(seen)(view, lanes + j);
                    if (bias) v += LEVEL(bias_part)(bias + j, seen);
                    v = SELECT(seen, v, SPLAT(-INFINITY));
                }
                VSTORE(scores + j, v);
                most = VMAX(most, v);
            }
        const float greatest = LEVEL(greatest)(most);
        const VF offset = SPLAT(greatest);
        VF sums = SPLAT(0.0f);
        for (size_t s = 0; s < 2; s++)
            for (int32_t j = starts[s]; j < ends[s]; j += VW) {
                VF e = LEVEL(exp)(VLOAD(scores + j) - offset);
                if (!LEVEL(sees_all)(view, j)) e = SELECT(LEVEL(seen)(view, lanes + j), e, SPLAT(0.0f));
                sums += e;
                if (block->dropout_key)
                    e = SELECT(LEVEL(keeps)(block->dropout_key[r], lanes + j, block->threshold),
                               e * SPLAT(block->kept), SPLAT(0.0f));
                VSTORE(scores + j, e);
            }
        const float sum = LEVEL(sum)(sums);
        log_sum[r] = greatest + logf(sum);
        inverse[r] = 1.0f / sum;
    }
}

static void LEVEL(softmax_gradient)(const kk_attention_block *block, float *scores, float *gradient,
                                    const float *log_sum, const float *delta, float *bias_gradient) {
    const VI lanes = LEVEL(lanes)();
    const int32_t starts[2] = {0, (int32_t)block->begin}, ends[2] = {(int32_t)block->prefix_end, (int32_t)block->end};
    for (size_t r = 0; r < block->rows; r++, scores += block->stride, gradient += block->stride) {
        const float *bias = block->bias ? block->bias + (ptrdiff_t)r * block->bias_step : NULL;
        float *bias_row = bias_gradient ? bias_gradient + (ptrdiff_t)r * block->bias_step : NULL;
        const LEVEL(view) view = {block->prefix[r], block->lower[r], block->upper[r]};
        const VF factor = SPLAT(block->factor[r]), offset = SPLAT(log_sum[r]), mean = SPLAT(delta[r]);
        for (size_t s = 0; s < 2; s++)
            for (int32_t j = starts[s]; j < ends[s]; j += VW) {
                const bool whole = LEVEL(sees_all)(view, j);
                const VI seen = whole ? (VI)(-1) : LEVEL(seen)(view, lanes + j);
                VF v = VLOAD(scores + j) * factor;
                if (bias) v += whole ? VLOAD(bias + j) : LEVEL(bias_part)(bias + j, seen);
                VF p = LEVEL(exp)(v - offset), g = VLOAD(gradient + j);
                if (!whole) p = SELECT(seen, p, SPLAT(0.0f));
                VF kept = p;
                if (block->dropout_key) {
                    VI stays = LEVEL(keeps)(block->dropout_key[r], lanes + j, block->threshold);
                    kept = SELECT(stays, p * SPLAT(block->kept), SPLAT(0.0f));
                    g = SELECT(stays, g * SPLAT(block->kept), SPLAT(0.0f));
                }
                VF d = p * (g - mean);
                if (!whole) d = SELECT(seen, d, SPLAT(0.0f));
                if (bias_row) {
                    if (whole)
                        VSTORE(bias_row + j, VLOAD(bias_row + j) + d);
                    else
                        for (int32_t i = 0; i < VW; i++)
                            if (seen[i]) bias_row[j + i] += d[i];
                }
                VSTORE(scores + j, kept);
                VSTORE(gradient + j, d * factor);
            }
    }
}

// MARK: - Rows

static void LEVEL(dot_rows)(const float *a, size_t a_stride, const float *b, size_t b_stride, size_t rows,
                            size_t columns, float *out) {
    for (size_t r = 0; r < rows; r++, a += a_stride, b += b_stride) {
        VF sums = SPLAT(0.0f);
        size_t i = 0;
        for (; i + VW <= columns; i += VW) sums = MADD(VLOAD(a + i), VLOAD(b + i), sums);
        float sum = LEVEL(sum)(sums);
        for (; i < columns; i++) sum += a[i] * b[i];
        out[r] = sum;
    }
}

static void LEVEL(scale_rows)(const float *a, size_t a_stride, const float *factor, float *out, size_t out_stride,
                              size_t rows, size_t columns) {
    for (size_t r = 0; r < rows; r++, a += a_stride, out += out_stride) {
        const float by = factor ? factor[r] : 1.0f;
        for (size_t j = 0; j < columns; j += 16) __builtin_prefetch(out + columns + j, 1, 2);
        size_t i = 0;
        for (; i + VW <= columns; i += VW) VSTORE(out + i, VLOAD(a + i) * SPLAT(by));
        for (; i < columns; i++) out[i] = a[i] * by;
    }
}

#undef TILE_CASE
#undef TILE_CASES
#undef LOW
#undef HIGH
#undef STAGES
