/* DESIGN
 * The ranges of the values give the scale, the scale and the texts give the layout, and then the
 * canvas is drawn once: texts, their ink, and on top of the white paper the lines and cells. */
#include "api/figure/figure.h"

#include <float.h>
#include <math.h>

#include "api/figure/colormap.h"
#include "api/figure/layout.h"
#include "api/figure/palette.h"
#include "api/figure/reduce.h"
#include "api/figure/scale.h"
#include "api/figure/sheet.h"

enum { SMALL_PIXELS = 14, LARGE_PIXELS = 17, TEXT_COUNT = 2 };

struct figure {
    struct api_contents contents;
    struct api_layout layout;
    struct api_palette *palette;
    struct api_canvas canvas;
};

static enum up_code bound_check(bool set, const char *at, double value, struct up_error *err)
{
    if (!set || fabs(value) <= (double)FLT_MAX)
        return UP_OK;
    return up_fail(err, UP_E_INVALID, at, "%s is %g, not a float32 number", at, value);
}

static enum up_code options_check(struct api_contents *c, struct up_error *err)
{
    const struct api_figure_options *o = c->options;
    const char *name = o->cmap != NULL ? o->cmap : "viridis";
    c->map = api_colormap_find(name, &c->map_reversed);
    if (c->map == NULL)
        return up_fail(err, UP_E_INVALID, "cmap", "there is no colour map '%s'", name);
    enum up_code code = bound_check(o->vmin_set, "vmin", o->vmin, err);
    if (code == UP_OK)
        code = bound_check(o->vmax_set, "vmax", o->vmax, err);
    if (code == UP_OK && o->vmin_set && o->vmax_set && o->vmin > o->vmax)
        code =
            up_fail(err, UP_E_INVALID, "vmin", "vmin %g is larger than vmax %g", o->vmin, o->vmax);
    return code;
}

/* Cells for which there is no pixel share one. */
static enum up_code cells_bound(struct api_contents *c, struct up_arena *arena,
                                struct up_error *err)
{
    const struct api_field *f = c->field;
    const double cell = c->options->cell > 1 ? (double)c->options->cell : 1;
    const double pixels =
        (double)api_field_tiles(f) * (double)f->height * (double)f->width * cell * cell;
    c->block = 1;
    c->height = f->height;
    c->width = f->width;
    if (c->options->max_pixels == 0 || pixels <= (double)c->options->max_pixels)
        return UP_OK;
    struct api_field *fewer = up_arena_alloc(arena, 1, sizeof *fewer, err);
    if (fewer == NULL)
        return err->code;
    c->block = (size_t)ceil(sqrt(pixels / (double)c->options->max_pixels));
    c->field = fewer;
    return api_field_reduce(f, c->block, c->options->reduction, arena, fewer, err);
}

/* "Value-Min" and "Value-Max", in digits that tell every float32 from its neighbours. */
static const struct api_picture_text *texts_make(struct api_figure_range range,
                                                 struct up_arena *arena, struct up_error *err)
{
    struct api_picture_text *texts = up_arena_alloc(arena, TEXT_COUNT, sizeof *texts, err);
    const char *min = up_arena_printf(arena, err, "%.9g", (double)range.min);
    const char *max = up_arena_printf(arena, err, "%.9g", (double)range.max);
    if (texts == NULL || min == NULL || max == NULL)
        return NULL;
    texts[0] = (struct api_picture_text){"Value-Min", min};
    texts[1] = (struct api_picture_text){"Value-Max", max};
    return texts;
}

static enum up_code fonts_open(struct api_contents *c, struct up_arena *arena, struct up_error *err)
{
    const enum up_code code = api_font_open(SMALL_PIXELS, arena, &c->small, err);
    return code == UP_OK && c->options->title != NULL
               ? api_font_open(LARGE_PIXELS, arena, &c->large, err)
               : code;
}

static enum up_code fonts_check(const struct api_contents *c, struct up_error *err)
{
    const enum up_code code = c->small != NULL ? api_font_check(c->small, err) : UP_OK;
    return code == UP_OK && c->large != NULL ? api_font_check(c->large, err) : code;
}

static enum up_code figure_draw(struct figure *f, size_t pixels_max, struct up_arena *arena,
                                struct up_error *err)
{
    struct api_contents *c = &f->contents;
    enum up_code code = UP_OK;
    if (c->options->bare)
        code = api_layout_bare(c, pixels_max, &f->layout, err);
    else if ((code = fonts_open(c, arena, err)) == UP_OK)
        code = api_layout_make(c, pixels_max, &f->layout, err);
    if (code == UP_OK)
        code = api_canvas_make(f->layout.width, f->layout.height, arena, &f->canvas, err);
    if (code != UP_OK)
        return code;
    api_sheet_draw(c, &f->layout, f->palette, &f->canvas);
    return fonts_check(c, err);
}

enum up_code api_figure_draw(const struct api_field *field,
                             const struct api_figure_options *options, size_t pixels_max,
                             struct up_arena *arena, struct api_picture *ret,
                             struct api_figure_range *ret_range, struct up_error *err)
{
    const struct api_figure_options *o = options;
    const size_t tiles = api_field_tiles(field);
    struct figure f = {.contents = {.field = field, .options = o}};
    enum up_code code = options_check(&f.contents, err);
    if (code != UP_OK)
        return code;
    struct api_figure_range *ranges = NULL;
    if (o->share_scale_off && tiles > 1) {
        ranges = up_arena_alloc(arena, tiles, sizeof *ranges, err);
        if (ranges == NULL)
            return err->code;
    }
    const struct api_figure_range range = api_scale_ranges(field, ranges, &f.contents.nan);
    f.contents.ranges = ranges;
    f.contents.scale = api_scale_of(&f.contents, range);
    f.contents.bar = !o->bare && ranges == NULL && o->colorbar != API_OFF;
    if (f.contents.bar)
        api_scale_widen(&f.contents.scale);
    f.palette = up_arena_alloc(arena, 1, sizeof *f.palette, err);
    const struct api_picture_text *texts = texts_make(range, arena, err);
    if (f.palette == NULL || texts == NULL)
        return err->code;
    api_palette_make(f.contents.map, f.contents.map_reversed, !o->bare, f.contents.nan, f.palette);
    code = cells_bound(&f.contents, arena, err);
    if (code != UP_OK)
        return code;
    code = figure_draw(&f, pixels_max, arena, err);
    if (code != UP_OK)
        return code;
    *ret = (struct api_picture){
        .width = f.canvas.width,
        .height = f.canvas.height,
        .channels = 1,
        .bits = 8,
        .pixels = f.canvas.plane,
        .palette = (const uint8_t(*)[3])f.palette->rgb,
        .palette_count = f.palette->count,
        .text = texts,
        .text_count = TEXT_COUNT,
    };
    *ret_range = range;
    return UP_OK;
}
