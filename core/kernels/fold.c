/* DESIGN
 * A term is one load and one permutation. A vector's terms are few, or its pixels are; four pixels
 * at a time share what says where a term's lanes come from, and hide how long an addition takes. */
#include "core/kernels/vec.h"

enum { PIXELS = 4 };

/* Inlined where `pixels` is constant. */
UP_INLINE void pixels_fold(const struct up_fold *f, const struct up_fold_term *term, size_t terms,
                           const float *x, const size_t pixels, up_vf bias, size_t count, float *y)
{
    up_vf sum[PIXELS] = {{0}};
    for (size_t t = 0; t < terms; t++) {
        up_vi index;
        memcpy(&index, term[t].index, sizeof index);
        UP_UNROLL
        for (size_t i = 0; i < pixels; i++)
            sum[i] += up_permute_some(up_load(x + i * f->x_stride + term[t].first), index);
    }
    UP_UNROLL
    for (size_t i = 0; i < pixels; i++)
        up_store_first(y + i * f->y_stride, sum[i] + bias, count);
}

void UP_KERNEL(fold)(const struct up_fold *f, const float *x, size_t pixels, float *y)
{
    const struct up_fold_term *term = f->term;
    for (size_t v = 0; v * UP_LANES < f->outputs; term += f->terms[v++]) {
        const size_t left = f->outputs - v * UP_LANES, count = left < UP_LANES ? left : UP_LANES;
        const up_vf bias =
            f->bias == NULL ? (up_vf){0} : up_load_first(f->bias + v * UP_LANES, count);
        float *to = y + v * UP_LANES;
        size_t p = 0;
        for (; p + PIXELS <= pixels; p += PIXELS)
            pixels_fold(f, term, f->terms[v], x + p * f->x_stride, PIXELS, bias, count,
                        to + p * f->y_stride);
        for (; p < pixels; p++)
            pixels_fold(f, term, f->terms[v], x + p * f->x_stride, 1, bias, count,
                        to + p * f->y_stride);
    }
}
