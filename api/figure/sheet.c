#include "api/figure/sheet.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "api/figure/scale.h"
#include "api/figure/ticks.h"

enum { NUMBER_BYTES = 24 };

struct sheet {
    const struct api_contents *contents;
    const struct api_layout *layout;
    const struct api_palette *palette;
    struct api_canvas *canvas;
};

/* --- Texts ------------------------------------------------------------------------------------ */

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
static size_t cell_middle(const struct sheet *s, size_t start, size_t number)
{
    const size_t block = s->contents->block, cell = s->layout->cell;
    return start + (number - 1) / block * cell + cell / 2;
}

/* Where a value stands along a bar of `length` pixels, from its low end. */
static size_t bar_offset(const struct api_scale *scale, double value, size_t length)
{
    const double part = (value - scale->vmin) / (scale->vmax - scale->vmin);
    return (size_t)(fmin(fmax(part, 0), 1) * (double)(length - 1) + 0.5);
}

static void tick_texts(struct sheet *s, size_t tile)
{
    const struct api_contents *c = s->contents;
    const struct api_layout *l = s->layout;
    struct api_font *font = s->contents->small;
    const struct api_rect r = api_layout_tile(l, tile);
    const size_t ascent = api_font_ascent(font), away = API_MARK_PIXELS + API_MARK_GAP;
    char text[NUMBER_BYTES];
    for (size_t n = 1; ticks_left(l, tile) && n <= c->height; n = api_ticks_next(n, l->tick_step)) {
        (void)snprintf(text, sizeof text, "%zu", n);
        api_canvas_text(s->canvas, font, text, API_ANCHOR_RIGHT, r.x - away,
                        cell_middle(s, r.y, n) + (ascent + 1) / 2);
    }
    for (size_t n = 1; ticks_bottom(l, tile) && n <= c->width;
         n = api_ticks_next(n, l->tick_step)) {
        (void)snprintf(text, sizeof text, "%zu", n);
        api_canvas_text(s->canvas, font, text, API_ANCHOR_MIDDLE, cell_middle(s, r.x, n),
                        r.y + r.height + away + ascent + 1);
    }
}

static void label_texts(struct sheet *s, size_t tile)
{
    const struct api_layout *l = s->layout;
    if (l->label_lines == 0)
        return;
    const struct api_rect r = api_layout_tile(l, tile);
    const size_t line = api_font_line(s->contents->small), middle = r.x + r.width / 2;
    const size_t baseline = r.y - API_LABEL_GAP - 1;
    const struct api_figure_range *ranges = s->contents->ranges;
    char label[API_LABEL_BYTES], range[API_RANGE_TEXT_BYTES];
    api_layout_label(s->contents->field, tile, l->label_short, label);
    api_canvas_text(s->canvas, s->contents->small, label, API_ANCHOR_MIDDLE, middle,
                    baseline - (l->label_lines - 1) * line);
    if (ranges == NULL)
        return;
    api_ticks_range_text((double)ranges[tile].min, (double)ranges[tile].max, range);
    api_canvas_text(s->canvas, s->contents->small, range, API_ANCHOR_MIDDLE, middle, baseline);
}

/* The square with NaN's colour: below the bar and what stands there. */
static struct api_rect swatch_rect(const struct sheet *s)
{
    const struct api_layout *l = s->layout;
    size_t y = l->bar.y + l->bar.height + API_SWATCH_GAP;
    if (l->bar_side == API_BAR_BELOW)
        y += API_MARK_PIXELS + API_MARK_GAP + api_font_line(s->contents->small);
    return (struct api_rect){l->bar.x, y, API_SWATCH_PIXELS, API_SWATCH_PIXELS};
}

static void bar_texts(struct sheet *s)
{
    const struct api_layout *l = s->layout;
    const struct api_rect b = l->bar;
    struct api_font *font = s->contents->small;
    const size_t ascent = api_font_ascent(font), away = API_MARK_PIXELS + API_MARK_GAP;
    for (size_t i = 0; i < l->bar_ticks.count; i++) {
        const double value = l->bar_ticks.at[i].value;
        const char *text = l->bar_ticks.at[i].text;
        if (l->bar_side == API_BAR_RIGHT)
            api_canvas_text(s->canvas, font, text, API_ANCHOR_LEFT, b.x + b.width + away,
                            b.y + b.height - bar_offset(&s->contents->scale, value, b.height) +
                                ascent / 2);
        else
            api_canvas_text(s->canvas, font, text, API_ANCHOR_MIDDLE,
                            b.x + bar_offset(&s->contents->scale, value, b.width),
                            b.y + b.height + away + ascent + 1);
    }
    if (l->bar_side == API_BAR_RIGHT)
        api_canvas_text(s->canvas, font, l->bar_ticks.exponent, API_ANCHOR_LEFT, b.x,
                        b.y - API_EXPONENT_GAP);
    else
        api_canvas_text(s->canvas, font, l->bar_ticks.exponent, API_ANCHOR_LEFT,
                        b.x + b.width + API_EXPONENT_GAP, b.y + (b.height + ascent) / 2);
    const struct api_rect swatch = swatch_rect(s);
    if (s->contents->nan)
        api_canvas_text(s->canvas, font, "NaN", API_ANCHOR_LEFT,
                        swatch.x + swatch.width + API_MARK_GAP + 2,
                        swatch.y + (swatch.height + ascent) / 2);
}

/* --- Lines and cells -------------------------------------------------------------------------- */

static void tick_marks(struct sheet *s, size_t tile)
{
    const struct api_contents *c = s->contents;
    const struct api_layout *l = s->layout;
    const struct api_rect r = api_layout_tile(l, tile);
    for (size_t n = 1; ticks_left(l, tile) && n <= c->height; n = api_ticks_next(n, l->tick_step)) {
        const struct api_rect mark = {r.x - API_MARK_PIXELS, cell_middle(s, r.y, n),
                                      API_MARK_PIXELS, 1};
        api_canvas_fill(s->canvas, mark, API_INK_BLACK);
    }
    for (size_t n = 1; ticks_bottom(l, tile) && n <= c->width;
         n = api_ticks_next(n, l->tick_step)) {
        const struct api_rect mark = {cell_middle(s, r.x, n), r.y + r.height, 1, API_MARK_PIXELS};
        api_canvas_fill(s->canvas, mark, API_INK_BLACK);
    }
}

static void bar_draw(struct sheet *s)
{
    const struct api_layout *l = s->layout;
    const struct api_rect b = l->bar;
    const bool right = l->bar_side == API_BAR_RIGHT;
    const size_t length = right ? b.height : b.width;
    api_canvas_frame(s->canvas, b);
    for (size_t i = 0; i < length; i++) {
        const uint8_t entry = s->palette->level[(2 * i + 1) * 256 / (2 * length)];
        const struct api_rect up = {b.x, b.y + b.height - 1 - i, b.width, 1},
                              along = {b.x + i, b.y, 1, b.height};
        api_canvas_fill(s->canvas, right ? up : along, entry);
    }
    for (size_t i = 0; i < l->bar_ticks.count; i++) {
        const size_t at = bar_offset(&s->contents->scale, l->bar_ticks.at[i].value, length);
        const struct api_rect beside = {b.x + b.width, b.y + b.height - 1 - at, API_MARK_PIXELS, 1},
                              below = {b.x + at, b.y + b.height, 1, API_MARK_PIXELS};
        api_canvas_fill(s->canvas, right ? beside : below, API_INK_BLACK);
    }
    if (s->contents->nan) {
        api_canvas_frame(s->canvas, swatch_rect(s));
        api_canvas_fill(s->canvas, swatch_rect(s), s->palette->nan);
    }
}

static void cells_draw(struct sheet *s, size_t tile)
{
    const struct api_contents *c = s->contents;
    const struct api_field *field = c->field;
    const struct api_scale scale = c->ranges != NULL ? api_scale_of(c, c->ranges[tile]) : c->scale;
    const struct api_rect r = api_layout_tile(s->layout, tile);
    const size_t cell = s->layout->cell, pitch = s->canvas->width;
    const float *data = api_field_tile(field, tile);
    for (size_t y = 0; y < field->height; y++) {
        uint8_t *row = s->canvas->plane + (r.y + y * cell) * pitch + r.x;
        const float *from = data + y * field->stride.height;
        for (size_t x = 0; x < field->width; x++)
            memset(row + x * cell,
                   api_palette_entry(s->palette, &scale, from[x * field->stride.width]), cell);
        for (size_t i = 1; i < cell; i++)
            memcpy(row + i * pitch, row, r.width);
    }
}

/* --- The grid --------------------------------------------------------------------------------- */

/* Pieces of a tile's grid that are lost: the cells on both of their sides are near to the ink. */
static size_t grid_lost(const struct sheet *s, size_t tile, const bool near[256])
{
    const size_t cell = s->layout->cell, above = cell * s->canvas->width;
    const struct api_rect r = api_layout_tile(s->layout, tile);
    size_t lost = 0;
    for (size_t y = 0; y < r.height; y += cell) {
        const uint8_t *row = s->canvas->plane + (r.y + y) * s->canvas->width + r.x;
        for (size_t x = 0; x < r.width; x += cell) {
            lost += x > 0 && near[row[x]] && near[*(row + x - cell)];
            lost += y > 0 && near[row[x]] && near[*(row + x - above)];
        }
    }
    return lost;
}

/* White, as long as no piece of the grid is lost by it; else the lightest ink that loses fewest. */
static uint8_t grid_ink(const struct sheet *s)
{
    uint8_t best = API_INK_WHITE;
    size_t least = SIZE_MAX;
    for (uint8_t ink = API_INK_WHITE; ink <= API_INK_BLACK && least > 0; ink++) {
        bool near[256] = {false};
        for (size_t i = 0; i < s->palette->count; i++)
            near[i] = api_palette_near(s->palette, ink, i);
        size_t lost = 0;
        for (size_t tile = 0; tile < s->layout->tiles; tile++)
            lost += grid_lost(s, tile, near);
        if (lost < least) {
            least = lost;
            best = ink;
        }
    }
    return best;
}

static void grid_draw(struct sheet *s, size_t tile, uint8_t ink)
{
    const size_t cell = s->layout->cell, line = s->layout->grid;
    const struct api_rect r = api_layout_tile(s->layout, tile);
    for (size_t at = cell; at < r.width; at += cell) {
        const struct api_rect upright = {r.x + at - line / 2, r.y, line, r.height};
        api_canvas_fill(s->canvas, upright, ink);
    }
    for (size_t at = cell; at < r.height; at += cell) {
        const struct api_rect level = {r.x, r.y + at - line / 2, r.width, line};
        api_canvas_fill(s->canvas, level, ink);
    }
}

/* --- The whole -------------------------------------------------------------------------------- */

/* All text, then its ink, then everything else. */
static void figure_draw(struct sheet *s)
{
    const struct api_layout *l = s->layout;
    const char *title = s->contents->options->title;
    if (title != NULL)
        api_canvas_text(s->canvas, s->contents->large, title, API_ANCHOR_MIDDLE, l->title_x,
                        l->title_baseline);
    for (size_t tile = 0; tile < l->tiles; tile++) {
        label_texts(s, tile);
        tick_texts(s, tile);
    }
    if (l->bar_side != API_BAR_NONE)
        bar_texts(s);
    api_canvas_ink(s->canvas);
    for (size_t tile = 0; tile < l->tiles; tile++) {
        api_canvas_frame(s->canvas, api_layout_tile(l, tile));
        tick_marks(s, tile);
        cells_draw(s, tile);
    }
    const uint8_t ink = l->grid > 0 ? grid_ink(s) : API_INK_WHITE;
    for (size_t tile = 0; l->grid > 0 && tile < l->tiles; tile++)
        grid_draw(s, tile, ink);
    if (l->bar_side != API_BAR_NONE)
        bar_draw(s);
}

void api_sheet_draw(const struct api_contents *contents, const struct api_layout *layout,
                    const struct api_palette *palette, struct api_canvas *canvas)
{
    struct sheet sheet = {contents, layout, palette, canvas};
    if (!contents->options->bare) {
        figure_draw(&sheet);
        return;
    }
    for (size_t tile = 0; tile < layout->tiles; tile++)
        cells_draw(&sheet, tile);
}
