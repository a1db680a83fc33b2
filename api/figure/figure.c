/* DESIGN
 * The ranges of the values give the scale, the scale and the texts give the layout, and then the
 * canvas is drawn once: texts, their ink, and on top of the white paper the lines and cells. */
#include "api/figure/figure.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "api/figure/canvas.h"
#include "api/figure/colormap.h"
#include "api/figure/layout.h"
#include "api/figure/palette.h"
#include "api/figure/reduce.h"
#include "api/figure/ticks.h"

enum { SMALL_PIXELS = 14, LARGE_PIXELS = 17, TEXT_COUNT = 2, NUMBER_BYTES = 24 };

struct figure {
    struct api_contents contents;
    struct api_layout layout;
    struct api_palette *palette;
    struct api_canvas canvas;
};

/* --- Ranges and scales ------------------------------------------------------------------------ */

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

/* The range of all, of each tile into ranges where that is not NULL, and whether there is a NaN. */
static struct api_figure_range ranges_take(const struct api_field *f,
                                           struct api_figure_range *ranges, bool *ret_nan)
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

/* A diverging map's middle is zero where the limits do not say otherwise. */
static struct api_scale scale_of(const struct api_contents *c, struct api_figure_range range)
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

/* A colour bar needs two ends: as matplotlib does, a tenth of the value is put on either side. */
static void scale_widen(struct api_scale *scale)
{
    const double size = fmax(fabs(scale->vmin), fabs(scale->vmax));
    if (scale->vmax - scale->vmin > size * 1e-10)
        return;
    const double extra = size > 0 ? size * 0.1 : 0.1;
    scale->vmin -= extra;
    scale->vmax += extra;
}

/* --- Drawing ---------------------------------------------------------------------------------- */

/* The first and last column have ticks at their left and at the bottom of the sheet; a tile with
 * nothing beneath counts as the bottom. */
static bool ticks_left(const struct api_layout *l, size_t tile)
{
    return l->tick_step > 0 && tile % l->columns == 0;
}

static bool ticks_bottom(const struct api_layout *l, size_t tile)
{
    return l->tick_step > 0 && tile + l->columns >= l->tiles;
}

/* The middle of a cell of the tensor, by its number. */
static size_t cell_middle(const struct figure *f, size_t start, size_t number)
{
    const size_t block = f->contents.block, cell = f->layout.cell;
    return start + (number - 1) / block * cell + cell / 2;
}

/* Where a value stands along a bar of `length` pixels, from its low end. */
static size_t bar_offset(const struct api_scale *scale, double value, size_t length)
{
    const double part = (value - scale->vmin) / (scale->vmax - scale->vmin);
    return (size_t)(fmin(fmax(part, 0), 1) * (double)(length - 1) + 0.5);
}

static void tick_texts(struct figure *f, size_t tile)
{
    const struct api_contents *c = &f->contents;
    const struct api_layout *l = &f->layout;
    struct api_font *font = f->contents.small;
    const struct api_rect r = api_layout_tile(l, tile);
    const size_t ascent = api_font_ascent(font), away = API_MARK_PIXELS + API_MARK_GAP;
    char text[NUMBER_BYTES];
    for (size_t n = 1; ticks_left(l, tile) && n <= c->height; n = api_ticks_next(n, l->tick_step)) {
        (void)snprintf(text, sizeof text, "%zu", n);
        api_canvas_text(&f->canvas, font, text, API_ANCHOR_RIGHT, r.x - away,
                        cell_middle(f, r.y, n) + (ascent + 1) / 2);
    }
    for (size_t n = 1; ticks_bottom(l, tile) && n <= c->width;
         n = api_ticks_next(n, l->tick_step)) {
        (void)snprintf(text, sizeof text, "%zu", n);
        api_canvas_text(&f->canvas, font, text, API_ANCHOR_MIDDLE, cell_middle(f, r.x, n),
                        r.y + r.height + away + ascent + 1);
    }
}

static void label_texts(struct figure *f, size_t tile)
{
    const struct api_layout *l = &f->layout;
    if (l->label_lines == 0)
        return;
    const struct api_rect r = api_layout_tile(l, tile);
    const size_t line = api_font_line(f->contents.small), middle = r.x + r.width / 2;
    const size_t baseline = r.y - API_LABEL_GAP - 1;
    const struct api_figure_range *ranges = f->contents.ranges;
    char label[API_LABEL_BYTES], range[API_RANGE_TEXT_BYTES];
    api_layout_label(f->contents.field, tile, l->label_short, label);
    api_canvas_text(&f->canvas, f->contents.small, label, API_ANCHOR_MIDDLE, middle,
                    baseline - (l->label_lines - 1) * line);
    if (ranges == NULL)
        return;
    api_ticks_range_text((double)ranges[tile].min, (double)ranges[tile].max, range);
    api_canvas_text(&f->canvas, f->contents.small, range, API_ANCHOR_MIDDLE, middle, baseline);
}

/* The square with NaN's colour: below the bar and what stands there. */
static struct api_rect swatch_rect(const struct figure *f)
{
    const struct api_layout *l = &f->layout;
    size_t y = l->bar.y + l->bar.height + API_SWATCH_GAP;
    if (l->bar_side == API_BAR_BELOW)
        y += API_MARK_PIXELS + API_MARK_GAP + api_font_line(f->contents.small);
    return (struct api_rect){l->bar.x, y, API_SWATCH_PIXELS, API_SWATCH_PIXELS};
}

static void bar_texts(struct figure *f)
{
    const struct api_layout *l = &f->layout;
    const struct api_rect b = l->bar;
    struct api_font *font = f->contents.small;
    const size_t ascent = api_font_ascent(font), away = API_MARK_PIXELS + API_MARK_GAP;
    for (size_t i = 0; i < l->bar_ticks.count; i++) {
        const double value = l->bar_ticks.at[i].value;
        const char *text = l->bar_ticks.at[i].text;
        if (l->bar_side == API_BAR_RIGHT)
            api_canvas_text(&f->canvas, font, text, API_ANCHOR_LEFT, b.x + b.width + away,
                            b.y + b.height - bar_offset(&f->contents.scale, value, b.height) +
                                ascent / 2);
        else
            api_canvas_text(&f->canvas, font, text, API_ANCHOR_MIDDLE,
                            b.x + bar_offset(&f->contents.scale, value, b.width),
                            b.y + b.height + away + ascent + 1);
    }
    if (l->bar_side == API_BAR_RIGHT)
        api_canvas_text(&f->canvas, font, l->bar_ticks.exponent, API_ANCHOR_LEFT, b.x,
                        b.y - API_EXPONENT_GAP);
    else
        api_canvas_text(&f->canvas, font, l->bar_ticks.exponent, API_ANCHOR_LEFT,
                        b.x + b.width + API_EXPONENT_GAP, b.y + (b.height + ascent) / 2);
    const struct api_rect swatch = swatch_rect(f);
    if (f->contents.nan)
        api_canvas_text(&f->canvas, font, "NaN", API_ANCHOR_LEFT,
                        swatch.x + swatch.width + API_MARK_GAP + 2,
                        swatch.y + (swatch.height + ascent) / 2);
}

static void tick_marks(struct figure *f, size_t tile)
{
    const struct api_contents *c = &f->contents;
    const struct api_layout *l = &f->layout;
    const struct api_rect r = api_layout_tile(l, tile);
    for (size_t n = 1; ticks_left(l, tile) && n <= c->height; n = api_ticks_next(n, l->tick_step)) {
        const struct api_rect mark = {r.x - API_MARK_PIXELS, cell_middle(f, r.y, n),
                                      API_MARK_PIXELS, 1};
        api_canvas_fill(&f->canvas, mark, API_INK_BLACK);
    }
    for (size_t n = 1; ticks_bottom(l, tile) && n <= c->width;
         n = api_ticks_next(n, l->tick_step)) {
        const struct api_rect mark = {cell_middle(f, r.x, n), r.y + r.height, 1, API_MARK_PIXELS};
        api_canvas_fill(&f->canvas, mark, API_INK_BLACK);
    }
}

static void bar_draw(struct figure *f)
{
    const struct api_layout *l = &f->layout;
    const struct api_rect b = l->bar;
    const bool right = l->bar_side == API_BAR_RIGHT;
    const size_t length = right ? b.height : b.width;
    api_canvas_frame(&f->canvas, b);
    for (size_t i = 0; i < length; i++) {
        const uint8_t entry = f->palette->level[(2 * i + 1) * 256 / (2 * length)];
        const struct api_rect up = {b.x, b.y + b.height - 1 - i, b.width, 1},
                              along = {b.x + i, b.y, 1, b.height};
        api_canvas_fill(&f->canvas, right ? up : along, entry);
    }
    for (size_t i = 0; i < l->bar_ticks.count; i++) {
        const size_t at = bar_offset(&f->contents.scale, l->bar_ticks.at[i].value, length);
        const struct api_rect beside = {b.x + b.width, b.y + b.height - 1 - at, API_MARK_PIXELS, 1},
                              below = {b.x + at, b.y + b.height, 1, API_MARK_PIXELS};
        api_canvas_fill(&f->canvas, right ? beside : below, API_INK_BLACK);
    }
    if (f->contents.nan) {
        api_canvas_frame(&f->canvas, swatch_rect(f));
        api_canvas_fill(&f->canvas, swatch_rect(f), f->palette->nan);
    }
}

static void cells_draw(struct figure *f, size_t tile, const struct api_scale *scale)
{
    const struct api_field *field = f->contents.field;
    const struct api_rect r = api_layout_tile(&f->layout, tile);
    const size_t cell = f->layout.cell, pitch = f->canvas.width;
    const float *data = api_field_tile(field, tile);
    for (size_t y = 0; y < field->height; y++) {
        uint8_t *row = f->canvas.plane + (r.y + y * cell) * pitch + r.x;
        const float *from = data + y * field->stride.height;
        for (size_t x = 0; x < field->width; x++)
            memset(row + x * cell,
                   api_palette_entry(f->palette, scale, from[x * field->stride.width]), cell);
        for (size_t i = 1; i < cell; i++)
            memcpy(row + i * pitch, row, r.width);
    }
}

/* Pieces of a tile's grid that are lost: the cells on both of their sides are near to the ink. */
static size_t grid_lost(const struct figure *f, size_t tile, const bool near[256])
{
    const struct api_layout *l = &f->layout;
    const struct api_rect r = api_layout_tile(l, tile);
    size_t lost = 0;
    for (size_t y = 0; y < r.height; y += l->cell) {
        const uint8_t *row = f->canvas.plane + (r.y + y) * f->canvas.width + r.x;
        for (size_t x = 0; x < r.width; x += l->cell) {
            lost += near[row[x]] && x > 0 && near[row[x - l->cell]];
            lost += near[row[x]] && y > 0 && near[row[x - l->cell * f->canvas.width]];
        }
    }
    return lost;
}

/* White, as long as no piece of the grid is lost by it; else the lightest ink that loses fewest. */
static uint8_t grid_ink(const struct figure *f)
{
    uint8_t best = API_INK_WHITE;
    size_t least = SIZE_MAX;
    for (uint8_t ink = API_INK_WHITE; ink <= API_INK_BLACK && least > 0; ink++) {
        bool near[256] = {false};
        for (size_t i = 0; i < f->palette->count; i++)
            near[i] = api_palette_near(f->palette, ink, i);
        size_t lost = 0;
        for (size_t tile = 0; tile < f->layout.tiles; tile++)
            lost += grid_lost(f, tile, near);
        if (lost < least) {
            least = lost;
            best = ink;
        }
    }
    return best;
}

static void grid_draw(struct figure *f, size_t tile, uint8_t ink)
{
    const size_t cell = f->layout.cell, line = f->layout.grid;
    const struct api_rect r = api_layout_tile(&f->layout, tile);
    for (size_t at = cell; at < r.width; at += cell) {
        const struct api_rect upright = {r.x + at - line / 2, r.y, line, r.height};
        api_canvas_fill(&f->canvas, upright, ink);
    }
    for (size_t at = cell; at < r.height; at += cell) {
        const struct api_rect level = {r.x, r.y + at - line / 2, r.width, line};
        api_canvas_fill(&f->canvas, level, ink);
    }
}

static struct api_scale tile_scale(const struct figure *f, size_t tile)
{
    const struct api_contents *c = &f->contents;
    return c->ranges != NULL ? scale_of(c, c->ranges[tile]) : c->scale;
}

/* All text, then its ink, then everything else. */
static void sheet_draw(struct figure *f)
{
    const struct api_layout *l = &f->layout;
    const char *title = f->contents.options->title;
    if (title != NULL)
        api_canvas_text(&f->canvas, f->contents.large, title, API_ANCHOR_MIDDLE, l->title_x,
                        l->title_baseline);
    for (size_t tile = 0; tile < l->tiles; tile++) {
        label_texts(f, tile);
        tick_texts(f, tile);
    }
    if (l->bar_side != API_BAR_NONE)
        bar_texts(f);
    api_canvas_ink(&f->canvas);
    for (size_t tile = 0; tile < l->tiles; tile++) {
        const struct api_scale scale = tile_scale(f, tile);
        api_canvas_frame(&f->canvas, api_layout_tile(l, tile));
        tick_marks(f, tile);
        cells_draw(f, tile, &scale);
    }
    const uint8_t ink = l->grid > 0 ? grid_ink(f) : API_INK_WHITE;
    for (size_t tile = 0; l->grid > 0 && tile < l->tiles; tile++)
        grid_draw(f, tile, ink);
    if (l->bar_side != API_BAR_NONE)
        bar_draw(f);
}

/* --- Figures ---------------------------------------------------------------------------------- */

static enum up_code figure_draw(struct figure *f, size_t pixels_max, struct up_arena *arena,
                                struct up_error *err)
{
    struct api_contents *c = &f->contents;
    enum up_code code = api_font_open(SMALL_PIXELS, arena, &c->small, err);
    if (code == UP_OK && c->options->title != NULL)
        code = api_font_open(LARGE_PIXELS, arena, &c->large, err);
    if (code == UP_OK)
        code = api_layout_make(c, pixels_max, &f->layout, err);
    if (code == UP_OK)
        code = api_canvas_make(f->layout.width, f->layout.height, arena, &f->canvas, err);
    if (code != UP_OK)
        return code;
    sheet_draw(f);
    code = api_font_check(c->small, err);
    return code == UP_OK && c->large != NULL ? api_font_check(c->large, err) : code;
}

static enum up_code cells_only_draw(struct figure *f, size_t pixels_max, struct up_arena *arena,
                                    struct up_error *err)
{
    enum up_code code = api_layout_bare(&f->contents, pixels_max, &f->layout, err);
    if (code == UP_OK)
        code = api_canvas_make(f->layout.width, f->layout.height, arena, &f->canvas, err);
    for (size_t tile = 0; code == UP_OK && tile < f->layout.tiles; tile++) {
        const struct api_scale scale = tile_scale(f, tile);
        cells_draw(f, tile, &scale);
    }
    return code;
}

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
    const struct api_figure_range range = ranges_take(field, ranges, &f.contents.nan);
    f.contents.ranges = ranges;
    f.contents.scale = scale_of(&f.contents, range);
    f.contents.bar = !o->bare && ranges == NULL && o->colorbar != API_OFF;
    if (f.contents.bar)
        scale_widen(&f.contents.scale);
    f.palette = up_arena_alloc(arena, 1, sizeof *f.palette, err);
    const struct api_picture_text *texts = texts_make(range, arena, err);
    if (f.palette == NULL || texts == NULL)
        return err->code;
    api_palette_make(f.contents.map, f.contents.map_reversed, !o->bare, f.contents.nan, f.palette);
    code = cells_bound(&f.contents, arena, err);
    if (code != UP_OK)
        return code;
    code = o->bare ? cells_only_draw(&f, pixels_max, arena, err)
                   : figure_draw(&f, pixels_max, arena, err);
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
