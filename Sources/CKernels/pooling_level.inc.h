// The pooling kernels of one level, compiled for each by every_level.inc.h.

// Elements 0, step, 2 step ... of `p`, of which `count` count; `room` elements may be read.
INLINE VF LEVEL(load_every)(const float *p, int32_t step, int32_t count, int32_t room) {
    if (step == 1 && room >= VW) return VLOAD(p);
    if (step == 2 && room >= 2 * VW - 1) {
        // The second vector begins one element early, so that nothing is read beyond what is needed.
        VF low = VLOAD(p), high = VLOAD(p + VW - 1), both;
        both.lo = low.even;
        both.hi = high.odd;
        return both;
    }
    VF v = SPLAT(0.0f);
    for (int32_t i = 0; i < count; i++) v[i] = p[i * step];
    return v;
}

// What of `length` elements lies in the window at `position` of an axis.
INLINE void LEVEL(covered)(const kk_windows *w, int axis, int32_t position, int32_t *begin, int32_t *end) {
    int32_t at = position * w->stride[axis] - w->padding[axis];
    *begin = at > 0 ? at : 0;
    *end = at + w->window[axis] < w->input[axis] ? at + w->window[axis] : w->input[axis];
}

// `count` neighbouring columns from `column` on, whose windows cover the columns `begin ..< end` and as many steps further.
// The result may be written as a whole vector where `out_room` elements are.
INLINE void LEVEL(greatest_columns)(const float *x, const kk_windows *w, const int32_t depths[2], const int32_t rows[2],
                                    int32_t begin, int32_t end, int32_t count, float *out, int32_t *places,
                                    int32_t out_room) {
    const int32_t step = w->stride[2], plane = w->input[0] * w->input[1] * w->input[2];
    VI lanes;
    for (int32_t i = 0; i < VW; i++) lanes[i] = i * step;
    VF best = SPLAT(0.0f);
    VI place = (VI)(-1);
    for (int32_t z = depths[0]; z < depths[1]; z++)
        for (int32_t y = rows[0]; y < rows[1]; y++)
            for (int32_t c = begin; c < end; c++) {
                const int32_t at = (z * w->input[1] + y) * w->input[2] + c;
                VF v = LEVEL(load_every)(x + at, step, count, plane - at);
                VI wins = (place < 0) | (v > best) | ((v != v) & (best == best));
                best = SELECT(wins, v, best);
                place = (VI)SELECT(wins, (VF)(lanes + (VI)(at)), (VF)place);
            }
    if (out_room >= VW) {
        VSTORE(out, best);
        *(VI *)places = place;
    } else {
        memcpy(out, &best, (size_t)count * sizeof(float));
        memcpy(places, &place, (size_t)count * sizeof(int32_t));
    }
}

static void LEVEL(max_windows)(const float *x, kk_windows w, float *out, int32_t *places) {
    const int32_t step = w.stride[2], columns = w.output[2];
    // Columns `first ..< last` have windows without a border.
    int32_t first = (w.padding[2] + step - 1) / step, last = 0;
    if (w.input[2] + w.padding[2] >= w.window[2]) last = (w.input[2] + w.padding[2] - w.window[2]) / step + 1;
    if (first > columns) first = columns;
    if (last > columns) last = columns;
    if (last < first) last = first;
    int32_t left = w.output[0] * w.output[1] * columns;
    for (int32_t d = 0; d < w.output[0]; d++)
        for (int32_t r = 0; r < w.output[1]; r++, out += columns, places += columns, left -= columns) {
            int32_t depths[2], rows[2], begin, end;
            LEVEL(covered)(&w, 0, d, depths, depths + 1);
            LEVEL(covered)(&w, 1, r, rows, rows + 1);
            // What a whole vector writes beyond its columns is written again by what comes after it.
            for (int32_t i = 0; i < columns;) {
                const int32_t inside = i >= first && i < last;
                const int32_t count = !inside ? 1 : last - i < VW ? last - i : VW;
                LEVEL(covered)(&w, 2, i, &begin, &end);
                LEVEL(greatest_columns)(x, &w, depths, rows, begin, end, count, out + i, places + i, left - i);
                i += count;
            }
        }
}
