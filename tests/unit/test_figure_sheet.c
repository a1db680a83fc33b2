#include "api/figure/figure.h"

#include <criterion/criterion.h>
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "api/figure/colormap.h"
#include "tests/unit/look.h"

TestSuite(figure_sheet, .init = look_set_up, .fini = look_tear_down, .timeout = 20);

/* --- Contact sheets --------------------------------------------------------------------------- */

Test(figure_sheet, lays_tiles_out_by_sample_and_channel)
{
    const float *values = look_values(768, 12);
    const struct api_colormap *map = look_map("viridis");
    const double vmin = look_least(values, 768, 1), vmax = look_greatest(values, 768, 1);
    for (int first = 0; first <= 1; first++) {
        const struct api_field field = look_batch(values, first);
        const struct image image = look(&field, &(struct api_figure_options){.title = NULL});
        struct box found[LOOK_FRAMES_MAX];
        cr_assert(look_frames(&image, found) == 13, "twelve tiles and the bar");
        size_t tile = 0, wrong = 0;
        for (size_t i = 0; i < 13; i++) {
            if (found[i].width != found[i].height)
                continue; /* the bar */
            const size_t cell = found[i].width / 8;
            for (size_t k = 0; k < 64; k++) {
                const float v =
                    values[tile / 4 * 256 + (first ? tile % 4 * 64 + k : k * 4 + tile % 4)];
                const size_t level = look_level((double)v, vmin, vmax);
                wrong += !look_cell_is(&image, &found[i], cell, k / 8, k % 8, map->rgb[level]) &&
                         !look_cell_is(&image, &found[i], cell, k / 8, k % 8,
                                       map->rgb[level > 0 ? level - 1 : 0]);
            }
            cr_assert(look_ink(&image, found[i].x, found[i].y - 18, found[i].width, 14) > 60,
                      "tile %zu has no label", tile);
            tile++;
        }
        cr_assert(tile == 12 && wrong == 0, "%zu tiles, %zu wrong cells", tile, wrong);
    }
}

Test(figure_sheet, gives_each_tile_its_own_scale_when_asked)
{
    float *values = look_values(768, 13);
    for (size_t i = 0; i < 768; i++) /* the scales are a thousand times apart */
        values[i] *= i % 4 == 2 ? 1000 : 1;
    const struct api_field field = look_batch(values, false);
    const struct api_colormap *map = look_map("viridis");
    const struct image image = look(&field, &(struct api_figure_options){.share_scale_off = true});
    struct box found[LOOK_FRAMES_MAX];
    cr_assert(look_frames(&image, found) == 12, "twelve tiles and no bar");
    for (size_t tile = 0; tile < 12; tile++) {
        const float *of = values + tile / 4 * 256 + tile % 4;
        const double vmin = look_least(of, 256 - tile % 4, 4),
                     vmax = look_greatest(of, 256 - tile % 4, 4);
        for (size_t k = 0; k < 64; k++) {
            const size_t level = look_level((double)of[k * 4], vmin, vmax);
            cr_assert(look_cell_is(&image, &found[tile], 30, k / 8, k % 8, map->rgb[level]) ||
                          look_cell_is(&image, &found[tile], 30, k / 8, k % 8, map->rgb[level - 1]),
                      "tile %zu, cell %zu", tile, k);
        }
        for (size_t line = 1; line <= 2; line++) /* its label, and below it its range */
            cr_assert(look_ink(&image, found[tile].x, found[tile].y - 18 * line, found[tile].width,
                               14) > 60,
                      "tile %zu has no text in line %zu above it", tile, line);
    }
}

Test(figure_sheet, bare_sheets_put_samples_in_rows_and_channels_in_columns)
{
    const float *values = look_values(768, 14);
    const struct api_field field = look_batch(values, false);
    const struct api_colormap *map = look_map("gray");
    const double vmin = look_least(values, 768, 1), vmax = look_greatest(values, 768, 1);
    const struct image image =
        look(&field, &(struct api_figure_options){.cmap = "grey", .bare = true});
    cr_assert(image.width == 32 && image.height == 24, "%zu x %zu", image.width, image.height);
    for (size_t i = 0; i < 768; i++) {
        const size_t y = i / 32, x = i % 32;
        const float v = values[y / 8 * 256 + (y % 8 * 8 + x % 8) * 4 + x / 8];
        cr_assert(look_is(&image, x, y, map->rgb[look_level((double)v, vmin, vmax)]), "(%zu, %zu)",
                  y, x);
    }
}

Test(figure_sheet, draws_every_tile_of_many)
{
    static const size_t counts[] = {2, 3, 5, 7, 16, 31};
    for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++) {
        const float *values = look_values(100 * counts[i], i);
        const struct api_field field = look_field(values, 10, 10, counts[i]);
        const struct image image = look(&field, &(struct api_figure_options){.colorbar = API_OFF});
        struct box found[LOOK_FRAMES_MAX];
        const size_t count = look_frames(&image, found);
        cr_assert(count == counts[i], "%zu of %zu tiles", count, counts[i]);
        up_arena_reset(look_arena, (size_t)1 << 20);
    }
}

/* --- Refusals --------------------------------------------------------------------------------- */

Test(figure_sheet, is_held_against_the_limit)
{
    const float *values = look_values(768, 15);
    const struct api_field field = look_batch(values, false);
    for (int bare = 0; bare <= 1; bare++) {
        const struct api_figure_options options = {.bare = bare, .cell = 4};
        cr_assert(look_draw(&field, &options) == UP_OK, "%s", look_err.text);
        const size_t pixels = look_picture.width * look_picture.height;
        cr_assert(api_figure_draw(&field, &options, pixels, look_arena, &look_picture, &look_range,
                                  &look_err) == UP_OK,
                  "at the limit: %s", look_err.text);
        cr_assert(api_figure_draw(&field, &options, pixels - 1, look_arena, &look_picture,
                                  &look_range, &look_err) == UP_E_LIMIT,
                  "one past the limit");
        char number[32];
        (void)snprintf(number, sizeof number, "%zu", pixels - 1);
        cr_assert(strstr(look_err.text, number) != NULL, "%s", look_err.text);
    }
}

Test(figure_sheet, refuses_cells_that_overflow)
{
    const float *values = look_values(768, 16);
    const struct api_field field = look_batch(values, false);
    static const size_t cells[] = {SIZE_MAX, SIZE_MAX / 8, (size_t)1 << 32, (size_t)1 << 28};
    for (size_t i = 0; i < sizeof cells / sizeof cells[0]; i++)
        for (int bare = 0; bare <= 1; bare++) {
            const struct api_figure_options options = {.bare = bare, .cell = cells[i]};
            look_err = (struct up_error){UP_OK, "", ""};
            cr_assert(api_figure_draw(&field, &options, SIZE_MAX, look_arena, &look_picture,
                                      &look_range, &look_err) == UP_E_LIMIT,
                      "cell %zu: %s", cells[i], look_err.text);
        }
}

Test(figure_sheet, refuses_options_that_are_wrong)
{
    static const float values[4] = {0, 1, 2, 3};
    const struct api_field field = look_field(values, 2, 2, 1);
    static const struct {
        struct api_figure_options options;
        const char *at, *says;
    } cases[] = {
        {{.cmap = "virids"}, "cmap", "'virids'"},
        {{.vmin_set = true, .vmin = 2, .vmax_set = true, .vmax = 1.5}, "vmin", "1.5"},
        {{.vmin_set = true, .vmin = NAN}, "vmin", "nan"},
        {{.vmax_set = true, .vmax = 1e39}, "vmax", "1e+39"},
        {{.vmin_set = true, .vmin = -INFINITY}, "vmin", "-inf"},
        {{.grid = API_ON, .cell = 2}, "grid", "cell is 2"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        cr_assert(look_draw(&field, &cases[i].options) == UP_E_INVALID, "case %zu is drawn", i);
        cr_assert(strcmp(look_err.at, cases[i].at) == 0 &&
                      strstr(look_err.text, cases[i].says) != NULL,
                  "case %zu at '%s': %s", i, look_err.at, look_err.text);
    }
    cr_assert(look_draw(&field, &(struct api_figure_options){.grid = API_ON, .cell = 3}) == UP_OK,
              "a grid on cells of 3: %s", look_err.text);
}

Test(figure_sheet, takes_any_scale)
{
    static const double ends[] = {-FLT_MAX, -1, -1e-45, 0, 1e-45, 1e-7, 1, 1e9, FLT_MAX};
    enum { ENDS = sizeof ends / sizeof ends[0] };
    static const float values[4] = {-FLT_MAX, 0, 1e-45F, FLT_MAX};
    const struct api_field field = look_field(values, 2, 2, 1);
    for (size_t i = 0; i < ENDS; i++)
        for (size_t k = 0; k < 3 * ENDS; k++) {
            const struct api_figure_options options = {.vmin_set = k < 2 * ENDS,
                                                       .vmin = ends[i],
                                                       .vmax_set = k >= ENDS,
                                                       .vmax = ends[k % ENDS],
                                                       .cell = 20};
            const bool wrong = k >= ENDS && k < 2 * ENDS && options.vmin > options.vmax;
            const enum up_code code = look_draw(&field, &options);
            cr_assert(code == (wrong ? UP_E_INVALID : UP_OK), "%g..%g: %s", options.vmin,
                      options.vmax, look_err.text);
            up_arena_reset(look_arena, (size_t)1 << 20);
        }
}

/* A text with a letter missing would be a figure that lies: all of it, or an error. */
Test(figure_sheet, fails_cleanly_at_every_allocation)
{
    enum { ALLOCATIONS = 600 };
    const struct api_figure_options options = {.title = "T?", .share_scale_off = true, .cell = 4};
    static uint8_t whole[512 * 512];
    size_t failed = 0, bytes = 0;
    for (size_t nth = ALLOCATIONS; nth <= ALLOCATIONS; nth--) { /* the last fails nothing */
        up_arena_reset(look_arena, (size_t)4 << 20);
        const float *values = look_values(768, 17);
        const struct api_field field = look_batch(values, false);
        up_arena_fail_at(look_arena, nth);
        const enum up_code code = look_draw(&field, &options);
        cr_assert(code == UP_OK || code == UP_E_BUSY, "allocation %zu: %s", nth, look_err.text);
        failed += code != UP_OK;
        if (nth == ALLOCATIONS) {
            bytes = look_picture.width * look_picture.height;
            cr_assert(code == UP_OK && bytes <= sizeof whole, "%zu pixels", bytes);
            memcpy(whole, look_picture.pixels, bytes);
        } else if (code == UP_OK) {
            cr_assert(look_picture.width * look_picture.height == bytes &&
                          memcmp(whole, look_picture.pixels, bytes) == 0,
                      "allocation %zu failed, and something is not in the picture", nth);
        }
    }
    cr_assert(failed > 40 && failed < ALLOCATIONS, "%zu allocations failed", failed);
}
