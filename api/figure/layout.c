/* DESIGN
 * From the inside out: how the tiles are arranged, how large a cell is, what stands around a tile,
 * then the colour bar beside or below all tiles, then the title. The cells alone are held against
 * the limit first, so that everything after is small numbers. */
#include "api/figure/layout.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum {
    SIDE_MAX = 0x7fffffff, /* of a PNG */
    MARGIN = 16,
    FRAME = 1,
    TILE_GAP = 16,      /* between tiles, beside their frames and texts */
    TICK_ROOM = 6,      /* between two tick texts side by side */
    TITLE_GAP = 9,      /* below the title */
    BAR_GAP = 24,       /* between the tiles and the colour bar */
    BAR_PIXELS = 18,    /* the colour bar's short side */
    BAR_SHORTEST = 160, /* its long side */
    BAR_LONGEST = 480,  /* beside a contact sheet */
    BAR_BINS = 9,
    SINGLE_PIXELS = 480, /* the longer side of a figure's only tile, about */
    SHEET_PIXELS = 960,  /* of a contact sheet, about, */
    TILE_SMALLEST = 96,  /* with tiles between these */
    TILE_LARGEST = 240,
    GRID_CELLS = 32,   /* a grid is of use up to so many cells, */
    GRID_CELL = 20,    /* of so many pixels: its lines, 2 wide, would outshine smaller ones, */
    GRID_CELL_MIN = 3, /* which have 1 wide where asked for; those below would vanish */
    NAME_BYTES = 64,   /* of a name, and no more, in a label */
};

static size_t larger(size_t a, size_t b)
{
    return a > b ? a : b;
}

static size_t smaller(size_t a, size_t b)
{
    return a < b ? a : b;
}

static enum up_code limit_check(double width, double height, size_t pixels_max,
                                struct up_error *err)
{
    if (width <= SIDE_MAX && height <= SIDE_MAX && width * height <= (double)pixels_max)
        return UP_OK;
    return up_fail(err, UP_E_LIMIT, "",
                   "the picture would be %.0f x %.0f pixels, %.0f in all; the limit is %zu", width,
                   height, width * height, pixels_max);
}

/* --- Tiles ------------------------------------------------------------------------------------ */

size_t api_field_tiles(const struct api_field *field)
{
    return field->batch * field->depth * field->channels;
}

const float *api_field_tile(const struct api_field *f, size_t tile)
{
    const size_t c = tile % f->channels, z = tile / f->channels % f->depth,
                 b = tile / f->channels / f->depth;
    return f->data + b * f->stride.batch + z * f->stride.depth + c * f->stride.channels;
}

/* A row for each sample (or slice), with its channels (or slices) side by side. */
static size_t columns_natural(const struct api_field *f)
{
    return f->channels > 1 ? f->channels : f->depth;
}

/* The natural arrangement unless it is a long strip; else about square, without a gap in the last
 * row where a slightly wider sheet avoids it. */
static size_t columns_choose(const struct api_field *f)
{
    const size_t tiles = api_field_tiles(f), natural = columns_natural(f);
    const double aspect = (double)f->width / (double)f->height;
    const double ratio = aspect * (double)natural * (double)natural / (double)tiles;
    if (natural < tiles && ratio >= 0.4 && ratio <= 2.5)
        return natural;
    const double square = ceil(sqrt((double)tiles / aspect));
    const size_t least = square < (double)tiles ? (size_t)square : tiles;
    for (size_t columns = least; columns <= 2 * least && columns <= tiles; columns++)
        if (tiles % columns == 0)
            return columns;
    return least;
}

static size_t cell_choose(const struct api_contents *c, const struct api_layout *l)
{
    if (c->options->cell > 0)
        return c->options->cell;
    const size_t longest = larger(c->field->width, c->field->height);
    const size_t share = larger(TILE_SMALLEST, smaller(TILE_LARGEST, SHEET_PIXELS / l->columns));
    const size_t wanted = l->tiles == 1 ? SINGLE_PIXELS : share;
    const size_t least = c->options->grid == API_ON ? GRID_CELL_MIN + 1 : 1;
    return larger((wanted + longest / 2) / longest, least);
}

static enum up_code grid_choose(const struct api_contents *c, struct api_layout *l,
                                struct up_error *err)
{
    const enum api_switch wanted = c->options->grid;
    const size_t longest = larger(c->field->width, c->field->height);
    const bool useful = longest <= GRID_CELLS && l->cell >= GRID_CELL;
    if (wanted == API_ON && l->cell < GRID_CELL_MIN)
        return up_fail(err, UP_E_INVALID, "grid",
                       "grid lines need cells of %d pixels or more, cell is %zu", GRID_CELL_MIN,
                       l->cell);
    if (wanted == API_ON || (wanted == API_AUTO && useful))
        l->grid = l->cell >= GRID_CELL ? 2 : 1;
    return UP_OK;
}

/* Tiles, columns and cells, held against the limit. */
static enum up_code cells_arrange(const struct api_contents *c, size_t columns, size_t cell,
                                  size_t pixels_max, struct api_layout *l, struct up_error *err)
{
    const struct api_field *f = c->field;
    l->tiles = api_field_tiles(f);
    l->columns = columns;
    l->cell = cell > 0 ? cell : cell_choose(c, l);
    const size_t rows = (l->tiles + columns - 1) / columns;
    const enum up_code code =
        limit_check((double)columns * (double)f->width * (double)l->cell,
                    (double)rows * (double)f->height * (double)l->cell, pixels_max, err);
    if (code != UP_OK)
        return code;
    l->first = (struct api_rect){0, 0, f->width * l->cell, f->height * l->cell};
    return UP_OK;
}

struct api_rect api_layout_tile(const struct api_layout *l, size_t tile)
{
    struct api_rect rect = l->first;
    rect.x += tile % l->columns * l->pitch_x;
    rect.y += tile / l->columns * l->pitch_y;
    return rect;
}

/* All tiles together. */
static struct api_rect tiles_rect(const struct api_layout *l)
{
    const size_t rows = (l->tiles + l->columns - 1) / l->columns;
    struct api_rect rect = l->first;
    rect.width += (l->columns - 1) * l->pitch_x;
    rect.height += (rows - 1) * l->pitch_y;
    return rect;
}

/* --- Texts ------------------------------------------------------------------------------------ */

void api_layout_label(const struct api_field *field, size_t tile, bool shortened,
                      char text[API_LABEL_BYTES])
{
    const struct {
        const char *name, *letter;
        size_t count, number;
    } parts[] = {
        {"batch ", "b", field->batch, tile / field->channels / field->depth + 1},
        {"z ", "z", field->depth, tile / field->channels % field->depth + 1},
        {"channel ", "c", field->channels, tile % field->channels + 1},
    };
    const char *name = field->names == NULL ? NULL : field->names[parts[0].number - 1];
    size_t at = 0;
    text[0] = '\0';
    if (name != NULL)
        at = (size_t)snprintf(text, API_LABEL_BYTES, "%.*s", NAME_BYTES, name);
    for (size_t i = name == NULL ? 0 : 1; i < sizeof parts / sizeof parts[0]; i++)
        if (parts[i].count > 1)
            at += (size_t)snprintf(text + at, API_LABEL_BYTES - at, "%s%s%zu",
                                   at == 0     ? ""
                                   : shortened ? " "
                                               : ", ",
                                   shortened ? parts[i].letter : parts[i].name, parts[i].number);
}

/* Digits are equally wide, so the last number is the widest. */
static size_t number_width(struct api_font *font, size_t number)
{
    char text[24];
    (void)snprintf(text, sizeof text, "%zu", number);
    return api_text_width(font, text);
}

static void ticks_choose(const struct api_contents *c, struct api_layout *l)
{
    if (c->options->ticks == API_OFF)
        return;
    const size_t across = number_width(c->small, c->width) + TICK_ROOM;
    const size_t down = api_font_line(c->small);
    const size_t x_step = c->width == 1 ? 1 : api_ticks_step(l->cell, across * c->block);
    const size_t y_step = c->height == 1 ? 1 : api_ticks_step(l->cell, down * c->block);
    l->tick_step = larger(x_step, y_step);
}

/* Of the widest label: the last, unless there are names. */
static size_t labels_widest(const struct api_contents *c, const struct api_layout *l,
                            bool shortened)
{
    char text[API_LABEL_BYTES];
    size_t widest = 0;
    for (size_t tile = c->field->names != NULL ? 0 : l->tiles - 1; tile < l->tiles; tile++) {
        api_layout_label(c->field, tile, shortened, text);
        widest = larger(widest, api_text_width(c->small, text));
    }
    return widest;
}

/* The widest text above a tile. */
static size_t labels_choose(const struct api_contents *c, struct api_layout *l)
{
    if (l->tiles == 1)
        return 0;
    char range[API_RANGE_TEXT_BYTES];
    l->label_lines = c->ranges != NULL ? 2 : 1;
    l->label_short = labels_widest(c, l, false) > l->first.width;
    size_t widest = labels_widest(c, l, l->label_short);
    for (size_t i = 0; c->ranges != NULL && i < l->tiles; i++) {
        api_ticks_range_text((double)c->ranges[i].min, (double)c->ranges[i].max, range);
        widest = larger(widest, api_text_width(c->small, range));
    }
    return widest;
}

/* What stands around each tile: fixes the first one and the pitch. */
static void tiles_place(const struct api_contents *c, struct api_layout *l)
{
    const size_t line = api_font_line(c->small), label_width = labels_choose(c, l);
    const size_t wide = larger(l->first.width + 2 * FRAME, label_width);
    const size_t label = l->label_lines > 0 ? l->label_lines * line + API_LABEL_GAP : 0;
    ticks_choose(c, l);
    l->pitch_x = wide + TILE_GAP;
    l->pitch_y = label + l->first.height + 2 * FRAME + TILE_GAP;
    l->first.x = MARGIN + (wide - l->first.width) / 2;
    l->first.y = MARGIN + label + FRAME;
    if (l->tick_step > 0)
        l->first.x += number_width(c->small, c->height) + API_MARK_GAP + API_MARK_PIXELS;
    if (c->options->title != NULL) {
        l->title_baseline = MARGIN + api_font_ascent(c->large);
        l->first.y += api_font_line(c->large) + TITLE_GAP;
    }
}

/* --- Colour bar ------------------------------------------------------------------------------- */

static size_t bar_texts_width(const struct api_contents *c, const struct api_layout *l)
{
    size_t widest = 0;
    for (size_t i = 0; i < l->bar_ticks.count; i++)
        widest = larger(widest, api_text_width(c->small, l->bar_ticks.at[i].text));
    return widest;
}

/* As many ticks as leave room for their texts. */
static void bar_ticks_choose(const struct api_contents *c, struct api_layout *l)
{
    const bool below = l->bar_side == API_BAR_BELOW;
    const double pixels = (double)(below ? l->bar.width : l->bar.height);
    for (size_t bins = BAR_BINS; bins > 0; bins--) {
        const struct api_ticks *t = &l->bar_ticks;
        api_ticks_values(c->scale.vmin, c->scale.vmax, bins, &l->bar_ticks);
        const double part = (t->at[1].value - t->at[0].value) / (c->scale.vmax - c->scale.vmin);
        const size_t room =
            below ? bar_texts_width(c, l) + 2 * TICK_ROOM : api_font_line(c->small) * 3 / 2;
        if (part * pixels >= (double)room)
            return;
    }
}

static void bar_place_right(const struct api_contents *c, struct api_layout *l)
{
    const size_t above = api_font_ascent(c->small) + API_EXPONENT_GAP;
    const bool exponent = c->options->title == NULL && l->label_lines == 0;
    if (exponent) /* there may be one, and nothing else makes room for it */
        l->first.y += above > MARGIN / 2 ? above - MARGIN / 2 : 0;
    struct api_rect tiles = tiles_rect(l);
    const size_t longest = l->tiles == 1 ? tiles.height : BAR_LONGEST;
    const size_t length = larger(BAR_SHORTEST, smaller(tiles.height, longest));
    if (length > tiles.height)
        l->first.y += (length - tiles.height) / 2;
    tiles = tiles_rect(l);
    l->bar = (struct api_rect){tiles.x + tiles.width + BAR_GAP,
                               tiles.y + tiles.height / 2 - length / 2, BAR_PIXELS, length};
}

static void bar_place_below(const struct api_contents *c, struct api_layout *l)
{
    struct api_rect tiles = tiles_rect(l);
    const size_t length = larger(BAR_SHORTEST, smaller(tiles.width, BAR_LONGEST));
    if (length > tiles.width)
        l->first.x += (length - tiles.width) / 2;
    tiles = tiles_rect(l);
    const size_t marks =
        l->tick_step > 0 ? API_MARK_PIXELS + API_MARK_GAP + api_font_line(c->small) : 0;
    l->bar = (struct api_rect){tiles.x + tiles.width / 2 - length / 2,
                               tiles.y + tiles.height + marks + BAR_GAP, length, BAR_PIXELS};
}

static void bar_place(const struct api_contents *c, struct api_layout *l)
{
    const struct api_rect tiles = tiles_rect(l);
    const bool strip = tiles.width >= 3 * tiles.height && tiles.height < BAR_SHORTEST;
    l->bar_side = !c->bar ? API_BAR_NONE : strip ? API_BAR_BELOW : API_BAR_RIGHT;
    if (l->bar_side == API_BAR_NONE)
        return;
    if (l->bar_side == API_BAR_RIGHT)
        bar_place_right(c, l);
    else
        bar_place_below(c, l);
    bar_ticks_choose(c, l);
}

/* --- The whole -------------------------------------------------------------------------------- */

/* The picture's size, by what reaches farthest. */
static void size_take(const struct api_contents *c, struct api_layout *l)
{
    const struct api_rect tiles = tiles_rect(l);
    const size_t line = api_font_line(c->small);
    const size_t after = API_MARK_PIXELS + API_MARK_GAP;
    size_t right = tiles.x + tiles.width + (l->pitch_x - TILE_GAP - l->first.width) / 2;
    size_t bottom = tiles.y + tiles.height + (l->tick_step > 0 ? after + line : FRAME);
    const size_t exponent = api_text_width(c->small, l->bar_ticks.exponent);
    const size_t nan = c->nan ? API_SWATCH_GAP + API_SWATCH_PIXELS : 0;
    const size_t nan_width = API_SWATCH_PIXELS + API_MARK_GAP + api_text_width(c->small, "NaN");
    if (l->bar_side == API_BAR_RIGHT) {
        const size_t texts = l->bar.width + after + bar_texts_width(c, l);
        right = l->bar.x + larger(texts, larger(exponent, nan > 0 ? nan_width : 0));
        bottom = larger(bottom, l->bar.y + l->bar.height + larger(nan, line / 2));
    } else if (l->bar_side == API_BAR_BELOW) {
        right = larger(right, l->bar.x + l->bar.width + API_EXPONENT_GAP + exponent);
        bottom = l->bar.y + l->bar.height + after + line + nan;
    }
    l->width = right + MARGIN;
    l->height = bottom + MARGIN;
}

/* Over the middle of the tiles where it fits so; a longer one widens the picture. */
static void title_place(const struct api_contents *c, struct api_layout *l)
{
    if (c->options->title == NULL)
        return;
    const struct api_rect tiles = tiles_rect(l);
    const size_t half = (api_text_width(c->large, c->options->title) + 1) / 2 + MARGIN;
    if (2 * half > l->width) {
        const size_t shift = half - l->width / 2;
        l->first.x += shift;
        l->bar.x += shift;
        l->width = 2 * half;
    }
    l->title_x = smaller(larger(tiles.x + tiles.width / 2, half), l->width - half);
}

enum up_code api_layout_make(const struct api_contents *contents, size_t pixels_max,
                             struct api_layout *ret, struct up_error *err)
{
    const struct api_contents *c = contents;
    struct api_layout l = {.width = 0};
    enum up_code code = cells_arrange(c, columns_choose(c->field), 0, pixels_max, &l, err);
    if (code == UP_OK)
        code = grid_choose(c, &l, err);
    if (code != UP_OK)
        return code;
    tiles_place(c, &l);
    bar_place(c, &l);
    size_take(c, &l);
    title_place(c, &l);
    code = limit_check((double)l.width, (double)l.height, pixels_max, err);
    if (code == UP_OK)
        *ret = l;
    return code;
}

enum up_code api_layout_bare(const struct api_contents *contents, size_t pixels_max,
                             struct api_layout *ret, struct up_error *err)
{
    struct api_layout l = {.width = 0};
    const size_t cell = larger(contents->options->cell, 1);
    const enum up_code code =
        cells_arrange(contents, columns_natural(contents->field), cell, pixels_max, &l, err);
    if (code != UP_OK)
        return code;
    l.pitch_x = l.first.width;
    l.pitch_y = l.first.height;
    const struct api_rect tiles = tiles_rect(&l);
    l.width = tiles.width;
    l.height = tiles.height;
    *ret = l;
    return UP_OK;
}
