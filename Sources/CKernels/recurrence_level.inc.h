// The kernels of recurrent layers of one level, compiled for each by every_level.inc.h.

static void LEVEL(gated_rows)(const float *x, const float *g, const float *h, float *out, float *kept, size_t rows,
                              size_t width) {
    for (size_t row = 0; row < rows; row++, x += 3 * width, g += 3 * width, h += width, out += width, kept += 4 * width)
        FOR_VECTORS(width, {
            VF r = LEVEL(sigmoid)(GET(x) + GET(g));
            VF z = LEVEL(sigmoid)(GET(x + width) + GET(g + width));
            VF inner = GET(g + 2 * width);
            VF candidate = LEVEL(tanh)(MADD(r, inner, GET(x + 2 * width)));
            PUT(out, MADD(z, GET(h) - candidate, candidate));
            PUT(kept, r);
            PUT(kept + width, z);
            PUT(kept + 2 * width, candidate);
            PUT(kept + 3 * width, inner);
        })
}

static void LEVEL(gated_slope_rows)(const float *slope, const float *kept, const float *h, float *dx, float *dg, float *dh,
                                    size_t rows, size_t width) {
    const VF one = SPLAT(1.0f);
    for (size_t row = 0; row < rows;
         row++, slope += width, kept += 4 * width, h += width, dx += 3 * width, dg += 3 * width, dh += width)
        FOR_VECTORS(width, {
            VF r = GET(kept), z = GET(kept + width), candidate = GET(kept + 2 * width), d = GET(slope);
            VF dn = d * (one - z) * (one - candidate * candidate);
            VF dr = dn * GET(kept + 3 * width) * r * (one - r);
            VF dz = d * (GET(h) - candidate) * z * (one - z);
            PUT(dx, dr);
            PUT(dx + width, dz);
            PUT(dx + 2 * width, dn);
            PUT(dg, dr);
            PUT(dg + width, dz);
            PUT(dg + 2 * width, dn * r);
            PUT(dh, d * z);
        })
}
