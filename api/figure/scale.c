#include "api/figure/scale.h"

#include <math.h>

struct span {
    float min, max; /* min > max: no finite value yet */
    bool nan;
};

static void span_take(struct span *span, float value)
{
    span->nan |= isnan(value);
    if (!isfinite(value))
        return;
    span->min = value < span->min ? value : span->min;
    span->max = value > span->max ? value : span->max;
}

static struct span tile_span(const struct api_field *f, size_t tile)
{
    struct span span = {INFINITY, -INFINITY, false};
    const float *data = api_field_tile(f, tile);
    for (size_t y = 0; y < f->height; y++)
        for (size_t x = 0; x < f->width; x++)
            span_take(&span, data[y * f->stride.height + x * f->stride.width]);
    return span;
}

static struct api_figure_range range_of(struct span span)
{
    if (span.min > span.max)
        return (struct api_figure_range){0, 0};
    return (struct api_figure_range){span.min, span.max};
}

struct api_figure_range api_scale_ranges(const struct api_field *f, struct api_figure_range *ranges,
                                         bool *ret_nan)
{
    struct span all = {INFINITY, -INFINITY, false};
    for (size_t tile = 0; tile < api_field_tiles(f); tile++) {
        const struct span one = tile_span(f, tile);
        all.min = one.min < all.min ? one.min : all.min;
        all.max = one.max > all.max ? one.max : all.max;
        all.nan |= one.nan;
        if (ranges != NULL)
            ranges[tile] = range_of(one);
    }
    *ret_nan = all.nan;
    return range_of(all);
}

struct api_scale api_scale_of(const struct api_contents *c, struct api_figure_range range)
{
    const struct api_figure_options *o = c->options;
    struct api_scale scale = {(double)range.min, (double)range.max};
    if (c->map->diverging && (!o->vmin_set || !o->vmax_set)) {
        const double size = o->vmin_set   ? fabs(o->vmin)
                            : o->vmax_set ? fabs(o->vmax)
                                          : fmax(fabs(scale.vmin), fabs(scale.vmax));
        scale = (struct api_scale){-size, size};
    }
    if (o->vmin_set)
        scale.vmin = o->vmin;
    if (o->vmax_set)
        scale.vmax = o->vmax;
    if (scale.vmin > scale.vmax && o->vmin_set)
        scale.vmax = scale.vmin;
    else if (scale.vmin > scale.vmax)
        scale.vmin = scale.vmax;
    return scale;
}

void api_scale_widen(struct api_scale *scale)
{
    const double size = fmax(fabs(scale->vmin), fabs(scale->vmax));
    if (scale->vmax - scale->vmin > size * 1e-10)
        return;
    const double extra = size > 0 ? size * 0.1 : 0.1;
    scale->vmin -= extra;
    scale->vmax += extra;
}
