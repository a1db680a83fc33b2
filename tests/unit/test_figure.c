#include "api/figure/figure.h"

#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

#include "api/figure/colormap.h"
#include "tests/unit/look.h"

TestSuite(figure, .init = look_set_up, .fini = look_tear_down, .timeout = 20);

/* --- The notebook ----------------------------------------------------------------------------- */

/* 8x8 zeros with ones in [2:6, 2:6] through Conv2DTranspose(1, 3, strides=2, "same", "ones"). */
static void deconvolution(float out[16][16])
{
    memset(out, 0, 16 * 16 * sizeof(float));
    for (size_t y = 2; y < 6; y++)
        for (size_t x = 2; x < 6; x++)
            for (size_t k = 0; k < 9; k++)
                out[2 * y + k / 3][2 * x + k % 3] += 1;
}

/* The first white pixel right of (x, y), which lies in the first cell. */
static size_t white_after(const struct image *image, size_t x, size_t y)
{
    while (!look_is(image, x, y, look_white))
        x++;
    return x;
}

Test(figure, shows_the_notebook_s_deconvolution)
{
    float values[16][16];
    deconvolution(values);
    const struct api_field field = look_field(&values[0][0], 16, 16, 1);
    const struct image image = look(&field, &(struct api_figure_options){.cmap = "gray"});
    cr_assert(look_range.min == 0 && look_range.max == 4, "%g..%g", (double)look_range.min,
              (double)look_range.max);

    /* the axes are 16 cells of 30 pixels: the first grid line ends the first cell */
    struct box axes = {0, 0, 480, 480};
    for (axes.y = 1; axes.y < 60 && axes.x == 0; axes.y++)
        for (size_t x = 1; x < 60 && axes.x == 0; x++) {
            const struct box candidate = {x, axes.y, 480, 480};
            if (candidate.x + 480 < image.width && candidate.y + 480 < image.height &&
                look_framed(&image, &candidate))
                axes.x = x;
        }
    axes.y--;
    cr_assert(axes.x > 0, "there is no frame around 480 x 480 pixels");

    static const size_t gray_of[5] = {0, 64, 128, 192, 255};
    for (size_t y = 0; y < 16; y++)
        for (size_t x = 0; x < 16; x++) {
            const uint8_t gray = (uint8_t)gray_of[(size_t)values[y][x]];
            cr_assert(look_cell_is(&image, &axes, 30, y, x, (const uint8_t[3]){gray, gray, gray}),
                      "cell (%zu, %zu) of value %g is not gray %d", y, x, (double)values[y][x],
                      gray);
        }
    for (size_t i = 1; i < 16; i++)
        for (size_t along = 0; along < 480; along += 7) {
            cr_assert(look_is(&image, axes.x + i * 30, axes.y + along, look_white),
                      "no upright line %zu", i);
            cr_assert(look_is(&image, axes.x + along, axes.y + i * 30, look_white),
                      "no level line %zu", i);
        }
    const size_t first = white_after(&image, axes.x, axes.y);
    cr_assert(first == axes.x + 29, "the first grid line is at %zu of the axes", first - axes.x);

    for (size_t n = 0; n < 16; n++) { /* a mark, and a number beyond it, at each cell */
        const size_t middle = 30 * n + 15;
        cr_assert(look_is(&image, axes.x - 3, axes.y + middle, look_black), "no mark at row %zu",
                  n + 1);
        cr_assert(look_is(&image, axes.x + middle, axes.y + 482, look_black),
                  "no mark at column %zu", n + 1);
        cr_assert(look_ink(&image, axes.x - 24, axes.y + middle - 6, 19, 12) > 8,
                  "row %zu has no number", n + 1);
        cr_assert(look_ink(&image, axes.x + middle - 10, axes.y + 486, 20, 14) > 8,
                  "column %zu has no number", n + 1);
        cr_assert(look_ink(&image, axes.x + 30 * n - 2, axes.y + 486, 4, 14) == 0,
                  "the numbers before and at %zu touch", n + 1);
    }
}

/* --- Cells ------------------------------------------------------------------------------------ */

Test(figure, gives_each_cell_its_colour_of_the_map)
{
    static const char *const names[] = {"viridis", "coolwarm", "plasma", "RdBu_r"};
    const float *values = look_values(24 * 24, 5);
    const struct api_field field = look_field(values, 24, 24, 1);
    const double least = look_least(values, 576, 1), greatest = look_greatest(values, 576, 1);
    const double size = fmax(fabs(least), fabs(greatest));
    for (size_t m = 0; m < sizeof names / sizeof names[0]; m++) {
        const struct api_colormap *map = look_map(names[m]);
        const bool diverging = m % 2 == 1; /* zero is in the middle */
        const double vmin = diverging ? -size : least, vmax = diverging ? size : greatest;
        const struct image image = look(&field, &(struct api_figure_options){.cmap = names[m]});
        struct box found[LOOK_FRAMES_MAX];
        cr_assert(look_frames(&image, found) == 2, "the axes and the bar have a frame each");
        cr_assert(found[0].width == 480 && found[0].height == 480, "%zu x %zu", found[0].width,
                  found[0].height);
        size_t exact = 0;
        for (size_t i = 0; i < 576; i++) {
            const size_t level = look_level((double)values[i], vmin, vmax);
            const bool same = look_cell_is(&image, &found[0], 20, i / 24, i % 24, map->rgb[level]);
            exact += same;
            cr_assert(same || (level % 8 != 0 && look_cell_is(&image, &found[0], 20, i / 24, i % 24,
                                                              map->rgb[level - 1])),
                      "%s: cell %zu has not the colour of level %zu", names[m], i, level);
        }
        cr_assert(exact > 500, "%s: only %zu cells have the exact colour", names[m], exact);
    }
}

Test(figure, bare_is_a_pixel_a_cell_in_the_exact_colours)
{
    const float *values = look_values(60 * 70, 6);
    const struct api_field field = look_field(values, 60, 70, 1);
    const double vmin = look_least(values, 4200, 1), vmax = look_greatest(values, 4200, 1);
    const struct api_colormap *map = look_map("viridis");
    struct image image = look(&field, &(struct api_figure_options){.bare = true});
    cr_assert(image.width == 70 && image.height == 60, "%zu x %zu", image.width, image.height);
    for (size_t i = 0; i < 4200; i++)
        cr_assert(
            look_is(&image, i % 70, i / 70, map->rgb[look_level((double)values[i], vmin, vmax)]),
            "cell %zu of value %g", i, (double)values[i]);
    image = look(&field, &(struct api_figure_options){.bare = true, .cell = 3, .grid = API_ON});
    cr_assert(image.width == 210 && image.height == 180, "%zu x %zu", image.width, image.height);
    for (size_t i = 0; i < 210 * 180; i++) {
        const float value = values[i / 210 / 3 * 70 + i % 210 / 3];
        cr_assert(
            look_is(&image, i % 210, i / 210, map->rgb[look_level((double)value, vmin, vmax)]),
            "pixel %zu", i);
    }
}

Test(figure, clips_at_vmin_and_vmax)
{
    static const float values[6] = {-9, -1, 0, 1, 3, 9};
    static const size_t level[6] = {0, 0, 64, 128, 255, 255};
    const struct api_field field = look_field(values, 1, 6, 1);
    const struct api_colormap *map = look_map("viridis");
    const struct image image =
        look(&field, &(struct api_figure_options){
                         .bare = true, .vmin_set = true, .vmin = -1, .vmax_set = true, .vmax = 3});
    for (size_t i = 0; i < 6; i++)
        cr_assert(look_is(&image, i, 0, map->rgb[level[i]]), "%g", (double)values[i]);
    cr_assert(look_range.min == -9 && look_range.max == 9, "the range is that of the values");
}

Test(figure, marks_nan_in_a_colour_of_no_map_and_clips_infinities)
{
    static const float values[5] = {NAN, -INFINITY, INFINITY, 0, 1};
    const struct api_field field = look_field(values, 1, 5, 1);
    for (const char *const *name = api_colormap_names(); *name != NULL; name++)
        for (int bare = 0; bare <= 1; bare++) {
            const struct api_colormap *map = look_map(*name);
            const struct image image =
                look(&field, &(struct api_figure_options){
                                 .cmap = *name, .bare = bare, .cell = 20, .vmin_set = true});
            cr_assert(look_picture.palette_count <= 256, "%zu colours", look_picture.palette_count);
            cr_assert(look_range.min == 0 && look_range.max == 1, "%g..%g", (double)look_range.min,
                      (double)look_range.max);
            if (bare == 0)
                continue;
            for (size_t i = 0; i < 256; i++)
                cr_assert(!look_is(&image, 10, 10, map->rgb[i]), "%s has NaN's colour", *name);
            cr_assert(!look_is(&image, 10, 10, look_white) && !look_is(&image, 10, 10, look_black),
                      "NaN is no colour");
            cr_assert(look_is(&image, 30, 10, map->rgb[0]) && look_is(&image, 70, 10, map->rgb[0]),
                      "%s: -inf", *name);
            cr_assert(look_is(&image, 50, 10, map->rgb[255]) &&
                          look_is(&image, 90, 10, map->rgb[255]),
                      "%s: +inf", *name);
        }
}

Test(figure, of_equal_values_is_the_middle_of_the_bar)
{
    static const float equal[2][4] = {{3, 3, 3, 3}, {0, 0, 0, 0}};
    const struct api_colormap *map = look_map("viridis");
    for (size_t k = 0; k < 2; k++) {
        const struct api_field field = look_field(equal[k], 2, 2, 1);
        struct box found[LOOK_FRAMES_MAX];
        struct image image = look(&field, &(struct api_figure_options){.grid = API_OFF});
        cr_assert(look_frames(&image, found) == 2, "the axes and the bar");
        cr_assert(look_cell_is(&image, &found[0], 240, 1, 1, map->rgb[128]) ||
                      look_cell_is(&image, &found[0], 240, 1, 1, map->rgb[127]),
                  "case %zu: the cells", k);
        cr_assert(look_range.min == equal[k][0] && look_range.max == equal[k][0], "the range");
        image = look(&field, &(struct api_figure_options){.bare = true});
        cr_assert(look_is(&image, 0, 0, map->rgb[0]), "without a bar it is the low end");
    }
}

Test(figure, of_nothing_finite_has_the_range_zero)
{
    static const float values[3] = {NAN, INFINITY, -INFINITY};
    const struct api_field field = look_field(values, 1, 3, 1);
    cr_assert(look_draw(&field, &(struct api_figure_options){.title = NULL}) == UP_OK, "%s",
              look_err.text);
    cr_assert(look_range.min == 0 && look_range.max == 0, "%g..%g", (double)look_range.min,
              (double)look_range.max);
}

/* --- Around the cells ------------------------------------------------------------------------- */

Test(figure, has_a_colour_bar_from_the_low_end_up)
{
    const float *values = look_values(100, 8);
    const struct api_field field = look_field(values, 10, 10, 1);
    const struct api_colormap *map = look_map("viridis");
    struct box found[LOOK_FRAMES_MAX];
    struct image image = look(&field, &(struct api_figure_options){.cell = 30});
    cr_assert(look_frames(&image, found) == 2, "the axes and the bar");
    const struct box bar = found[1];
    cr_assert(bar.x > found[0].x + 300 && bar.height == 300 && bar.y == found[0].y,
              "the bar is beside the axes and as high");
    size_t level = 256;
    for (size_t y = 0; y < bar.height; y++) {
        size_t here = level;
        while (here > 0 && !look_is(&image, bar.x, bar.y + y, map->rgb[here - 1]))
            here--;
        cr_assert(here > 0, "row %zu of the bar goes not down the map", y);
        level = here;
    }
    cr_assert(look_is(&image, bar.x, bar.y, map->rgb[255]), "the top");
    cr_assert(look_is(&image, bar.x, bar.y + bar.height - 1, map->rgb[0]), "the bottom");
    const size_t texts = bar.x + bar.width + 6;
    cr_assert(look_ink(&image, texts, bar.y, image.width - texts, bar.height) > 50, "no texts");
    for (size_t i = 0; i < image.width * image.height; i++) {
        const float *p = image.rgb + 3 * i;
        cr_assert(i % image.width < texts || (p[0] == p[1] && p[1] == p[2]), "a text in colour");
    }
    image = look(&field, &(struct api_figure_options){.cell = 30, .colorbar = API_OFF});
    cr_assert(look_frames(&image, found) == 1, "the bar is off");
}

Test(figure, of_a_strip_has_its_bar_below)
{
    const float *values = look_values(50, 9);
    const struct api_field field = look_field(values, 1, 50, 1);
    const struct image image = look(&field, &(struct api_figure_options){.title = NULL});
    struct box found[LOOK_FRAMES_MAX];
    cr_assert(look_frames(&image, found) == 2, "the strip and the bar");
    cr_assert(found[0].width == 50 * found[0].height, "cells of %zu x %zu", found[0].width / 50,
              found[0].height);
    cr_assert(found[1].y > found[0].y + found[0].height && found[1].width > 100, "the bar");
}

Test(figure, has_square_cells_in_every_form)
{
    static const size_t forms[][2] = {{1, 1},   {1, 7},     {7, 1},    {8, 8},     {30, 50},
                                      {50, 30}, {100, 300}, {600, 10}, {1100, 900}};
    for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++) {
        const size_t height = forms[i][0], width = forms[i][1];
        const float *values = look_values(height * width, i);
        const struct api_field field = look_field(values, height, width, 1);
        const struct image image =
            look(&field, &(struct api_figure_options){.colorbar = API_OFF, .ticks = API_OFF});
        const size_t cell = (image.width - 33) / width; /* margins and frame are less than 40 */
        cr_assert(cell >= 1 && image.width - cell * width < 40 && image.height - cell * height < 40,
                  "%zu x %zu cells are a picture of %zu x %zu", height, width, image.height,
                  image.width);
        const size_t longest = cell * (height > width ? height : width);
        cr_assert((longest >= 320 && longest <= 640) || cell == 1, "the axes are %zu pixels long",
                  longest);
        up_arena_reset(look_arena, (size_t)1 << 20);
    }
}

Test(figure, has_grid_and_ticks_as_asked)
{
    const float *values = look_values(40 * 40, 10);
    static const struct {
        size_t side, cell; /* 0: chosen, so that the axes are 480 pixels */
        enum api_switch grid;
        bool lines;
    } cases[] = {
        {8, 0, API_AUTO, true},    {8, 0, API_OFF, false},   {24, 0, API_AUTO, true},
        {25, 0, API_AUTO, false},  {40, 0, API_AUTO, false}, {40, 0, API_ON, true},
        {12, 19, API_AUTO, false}, {12, 19, API_ON, true},   {33, 20, API_AUTO, false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const struct api_field field = look_field(values, cases[i].side, cases[i].side, 1);
        struct box found[LOOK_FRAMES_MAX];
        const struct image image =
            look(&field, &(struct api_figure_options){
                             .grid = cases[i].grid, .cell = cases[i].cell, .ticks = API_OFF});
        cr_assert(look_frames(&image, found) == 2, "case %zu", i);
        const size_t cell = found[0].width / cases[i].side;
        cr_assert(look_is(&image, found[0].x + cell, found[0].y + 3, look_white) == cases[i].lines,
                  "case %zu: grid lines", i);
        cr_assert(look_ink(&image, 0, found[0].y, found[0].x - 1, found[0].height) == 0,
                  "case %zu: ticks that are off", i);
    }
}

/* Two columns of each end of the map: the line between the second pair is at 3 cells. */
Test(figure, has_a_grid_that_its_cells_do_not_hide)
{
    static const float values[16] = {0, 0, 1, 1, 0, 0, 1, 1, 0, 0, 1, 1, 0, 0, 1, 1};
    static const struct {
        const char *cmap;
        bool white; /* whether the notebook's white will do */
    } cases[] = {{"viridis", true}, {"gray", false}, {"Blues", false}, {"Blues_r", false}};
    const struct api_field field = look_field(values, 4, 4, 1);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct box found[LOOK_FRAMES_MAX];
        const struct image image = look(
            &field,
            &(struct api_figure_options){.cmap = cases[i].cmap, .cell = 20, .colorbar = API_OFF});
        cr_assert(look_frames(&image, found) > 0, "%s: no frame", cases[i].cmap);
        for (size_t line = 1; line <= 3; line += 2) {
            const size_t x = found[0].x + line * 20, y = found[0].y + 5;
            cr_assert(look_is(&image, x, y, look_white) == cases[i].white, "%s", cases[i].cmap);
            const float *drawn = image.rgb + 3 * (y * image.width + x), *cell = drawn + 3 * 8;
            double apart = 0;
            for (size_t k = 0; k < 3; k++)
                apart = fmax(apart, fabs((double)drawn[k] - (double)cell[k]));
            cr_assert(apart > 0.1, "%s: a line %g from its cells", cases[i].cmap, apart);
        }
    }
}

Test(figure, has_its_title_above_and_grows_for_a_long_one)
{
    const float *values = look_values(16, 11);
    const struct api_field field = look_field(values, 4, 4, 1);
    struct box found[LOOK_FRAMES_MAX];
    const struct image plain = look(&field, &(struct api_figure_options){.cell = 20});
    cr_assert(look_frames(&plain, found) == 2, "the axes and the bar");
    struct api_figure_options options = {.cell = 20,
                                         .title = "Conv2DTranspose \xe2\x80\x93 \xc3\xa9"};
    const struct image titled = look(&field, &options);
    cr_assert(titled.height > plain.height + 10, "no room for the title");
    cr_assert(look_ink(&titled, 0, 0, titled.width, titled.height - plain.height + 10) > 100,
              "the title has no ink");
    char title[400];
    memset(title, 'm', sizeof title - 1);
    title[sizeof title - 1] = '\0';
    options.title = title;
    const struct image wide = look(&field, &options);
    cr_assert(wide.width > 5000 && wide.height == titled.height, "%zu x %zu", wide.width,
              wide.height);
    cr_assert(look_frames(&wide, found) == 2, "the bar, which starts higher, and the axes");
    cr_assert(found[1].x + 150 > wide.width / 2 &&
                  found[1].x + found[1].width < wide.width / 2 + 50,
              "the axes are at %zu of %zu", found[1].x, wide.width);
    cr_assert(look_ink(&wide, 0, 0, 8, wide.height) == 0 &&
                  look_ink(&wide, wide.width - 8, 0, 8, wide.height) == 0,
              "the title reaches the edge");
}

Test(figure, carries_the_exact_range_in_its_texts)
{
    static const float values[2] = {-0.1F, 16777217.0F};
    const struct api_field field = look_field(values, 1, 2, 1);
    (void)look(&field, &(struct api_figure_options){.bare = true});
    cr_assert(look_picture.text_count == 2, "%zu texts", look_picture.text_count);
    cr_assert(strcmp(look_picture.text[0].key, "Value-Min") == 0 &&
                  strcmp(look_picture.text[0].value, "-0.100000001") == 0,
              "%s", look_picture.text[0].value);
    cr_assert(strcmp(look_picture.text[1].key, "Value-Max") == 0 &&
                  strcmp(look_picture.text[1].value, "16777216") == 0,
              "%s", look_picture.text[1].value);
}

/* --- More cells than pixels ------------------------------------------------------------------- */

/* 7 x 5 cells of which at most 3 x 3 may be pixels: blocks of 3, the last ones narrower. */
Test(figure, cells_share_a_pixel_where_there_are_too_many)
{
    static const struct {
        enum api_reduction reduction;
        float cells[3][2];
    } rows[] = {{API_REDUCE_MAX, {{9, 10}, {2, 0}, {0, 8}}},
                {API_REDUCE_MEAN, {{1, 2}, {0.5F, 0}, {0, 4}}},
                {API_REDUCE_NEAREST, {{0, 2}, {0.5F, 0}, {0, 8}}}};
    float values[7 * 5] = {9, 0, 0, 10, 0, 0, 0, 0, 0, 2};
    const float half[9] = {0, 2, 0, 0.25F, 0.5F, 0.25F, 0.5F, 0.5F, 0.5F};
    for (size_t i = 0; i < 9; i++)
        values[(3 + i / 3) * 5 + i % 3] = half[i];
    values[6 * 5 + 4] = 8;
    const struct api_field field = look_field(values, 7, 5, 1);
    const struct api_colormap *map = look_map("viridis");
    for (size_t r = 0; r < sizeof rows / sizeof rows[0]; r++) {
        const struct image image =
            look(&field, &(struct api_figure_options){
                             .bare = true, .max_pixels = 6, .reduction = rows[r].reduction});
        cr_assert(image.width == 2 && image.height == 3, "%zu x %zu", image.width, image.height);
        cr_assert(look_range.min == 0 && look_range.max == 10, "the range is not the tensor's");
        for (size_t i = 0; i < 6; i++)
            cr_assert(look_is(&image, i % 2, i / 2,
                              map->rgb[look_level((double)rows[r].cells[i / 2][i % 2], 0, 10)]),
                      "reduction %zu: cell %zu", r, i);
    }
}

Test(figure, a_bound_of_exactly_the_cells_changes_nothing)
{
    const float *values = look_values(6 * 4, 9);
    const struct api_field field = look_field(values, 6, 4, 1);
    struct image image = look(&field, &(struct api_figure_options){.bare = true, .max_pixels = 24});
    cr_assert(image.width == 4 && image.height == 6, "%zu x %zu", image.width, image.height);
    image = look(&field, &(struct api_figure_options){.bare = true, .max_pixels = 23});
    cr_assert(image.width == 2 && image.height == 3, "%zu x %zu", image.width, image.height);
}
