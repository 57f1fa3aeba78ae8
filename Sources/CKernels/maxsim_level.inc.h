// Late interaction, once for every level (every_level.inc.h).

// Raises `best`, a lane for each query vector, by `rows` vectors of a document. `rows` and `vectors` are constants at
// every call, so the accumulators live in registers.
INLINE void LEVEL(raise)(const size_t rows, const size_t vectors, const float *document, const float *panel,
                         size_t dimensions, VF best[2]) {
    VF sums[TILE_ROWS][2];
#pragma clang loop unroll(full)
    for (size_t i = 0; i < rows; i++) sums[i][0] = sums[i][1] = SPLAT(0.0f);
    for (size_t j0 = 0; j0 < dimensions; j0 += 16) {
        // The vectors behind these, a cache line of each: one query does too little work for the hardware to keep up.
#pragma clang loop unroll(full)
        for (size_t i = 0; i < rows; i++) __builtin_prefetch(document + (rows + i) * dimensions + j0);
        size_t end = dimensions - j0 < 16 ? dimensions : j0 + 16;
        for (size_t j = j0; j < end; j++) {
            VF q0 = VLOAD(panel + j * KK_PANEL_COLUMNS);
            VF q1 = vectors > 1 ? VLOAD(panel + j * KK_PANEL_COLUMNS + VW) : q0;
#pragma clang loop unroll(full)
            for (size_t i = 0; i < rows; i++) {
                VF x = SPLAT(document[i * dimensions + j]);
                sums[i][0] = MADD(x, q0, sums[i][0]);
                if (vectors > 1) sums[i][1] = MADD(x, q1, sums[i][1]);
            }
        }
    }
#pragma clang loop unroll(full)
    for (size_t i = 0; i < rows; i++) {
        best[0] = VMAX(sums[i][0], best[0]);
        if (vectors > 1) best[1] = VMAX(sums[i][1], best[1]);
    }
}

#define RAISE_CASE(R)                                                                   \
    case R:                                                                             \
        if (lanes > VW)                                                                 \
            LEVEL(raise)(R, 2, document, panel, dimensions, best);                      \
        else                                                                            \
            LEVEL(raise)(R, 1, document, panel, dimensions, best);                      \
        break;

INLINE void LEVEL(raise_any)(size_t rows, size_t lanes, const float *document, const float *panel, size_t dimensions,
                             VF best[2]) {
    switch (rows) {
        RAISE_CASE(1) RAISE_CASE(2) RAISE_CASE(3) RAISE_CASE(4)
#if TILE_ROWS > 4
        RAISE_CASE(5) RAISE_CASE(6)
#endif
#if TILE_ROWS > 6
        RAISE_CASE(7) RAISE_CASE(8) RAISE_CASE(9) RAISE_CASE(10) RAISE_CASE(11) RAISE_CASE(12) RAISE_CASE(13)
        RAISE_CASE(14)
#endif
    default:
        break;
    }
}

static float LEVEL(maxsim_f32)(const float *panels, size_t query_rows, const float *document, size_t rows,
                               size_t dimensions) {
    // Tiles of nearly equal height: a low one would leave the multipliers waiting.
    size_t tiles = (rows + TILE_ROWS - 1) / TILE_ROWS;
    float sum = 0.0f;
    for (size_t i = 0; i < query_rows; i += 2 * VW) {
        const float *panel = panels + i / KK_PANEL_COLUMNS * KK_PANEL_COLUMNS * dimensions + i % KK_PANEL_COLUMNS;
        size_t lanes = query_rows - i < 2 * VW ? query_rows - i : 2 * VW;
        VF best[2] = {SPLAT(-INFINITY), SPLAT(-INFINITY)};
        for (size_t t = 0; t < tiles; t++) {
            size_t first = rows * t / tiles, end = rows * (t + 1) / tiles;
            LEVEL(raise_any)(end - first, lanes, document + first * dimensions, panel, dimensions, best);
        }
        float all[2 * VW];
        VSTORE(all, best[0]);
        VSTORE(all + VW, best[1]);
        for (size_t lane = 0; lane < lanes; lane++) sum += all[lane];
    }
    return sum;
}

#undef RAISE_CASE
