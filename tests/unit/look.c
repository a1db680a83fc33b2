#include "tests/unit/look.h"

#include <criterion/criterion.h>
#include <math.h>

#include "tests/support/random.h"

struct up_arena *look_arena;
struct up_error look_err;
struct api_picture look_picture;
struct api_figure_range look_range;

void look_set_up(void)
{
    look_arena = up_arena_new((size_t)256 << 20, NULL);
    look_err = (struct up_error){UP_OK, "", ""};
}

void look_tear_down(void)
{
    up_arena_free(look_arena);
}

/* One image, channels last. */
struct api_field look_field(const float *data, size_t height, size_t width, size_t channels)
{
    return (struct api_field){.data = data,
                              .batch = 1,
                              .depth = 1,
                              .height = height,
                              .width = width,
                              .channels = channels,
                              .stride = {height * width * channels, height * width * channels,
                                         width * channels, channels, 1}};
}

enum up_code look_draw(const struct api_field *field, const struct api_figure_options *options)
{
    look_err = (struct up_error){UP_OK, "", ""};
    return api_figure_draw(field, options, LOOK_PIXELS_MAX, look_arena, &look_picture, &look_range,
                           &look_err);
}

struct image look(const struct api_field *field, const struct api_figure_options *options)
{
    const void *file = NULL;
    size_t bytes = 0;
    struct up_tensor t = {.data = NULL};
    cr_assert(look_draw(field, options) == UP_OK, "%s", look_err.text);
    cr_assert(api_png_encode(&look_picture, look_arena, &file, &bytes, &look_err) == UP_OK, "%s",
              look_err.text);
    cr_assert(api_png_decode(file, bytes, API_CHANNELS_RGB, (size_t)1 << 30, look_arena, &t,
                             &look_err) == UP_OK,
              "%s", look_err.text);
    return (struct image){t.shape.dim[1], t.shape.dim[0], t.data};
}

bool look_is(const struct image *image, size_t x, size_t y, const uint8_t rgb[3])
{
    const float *p = image->rgb + (y * image->width + x) * 3;
    for (size_t i = 0; i < 3; i++)
        if (lroundf(p[i] * 255) != rgb[i])
            return false;
    return true;
}

const uint8_t look_white[3] = {255, 255, 255}, look_black[3] = {0, 0, 0};

/* Black all around, the corners included. */
bool look_framed(const struct image *image, const struct box *b)
{
    for (size_t x = b->x - 1; x <= b->x + b->width; x++)
        if (!look_is(image, x, b->y - 1, look_black) ||
            !look_is(image, x, b->y + b->height, look_black))
            return false;
    for (size_t y = b->y; y < b->y + b->height; y++)
        if (!look_is(image, b->x - 1, y, look_black) ||
            !look_is(image, b->x + b->width, y, look_black))
            return false;
    return true;
}

/* The frame whose top left corner is at (x, y): as wide and high as the black goes. */
static bool frame_at(const struct image *image, size_t x, size_t y, struct box *ret)
{
    size_t right = x, bottom = y;
    while (right + 1 < image->width && look_is(image, right + 1, y, look_black))
        right++;
    while (bottom + 1 < image->height && look_is(image, x, bottom + 1, look_black))
        bottom++;
    if (right < x + 9 || bottom < y + 9)
        return false;
    *ret = (struct box){x + 1, y + 1, right - x - 1, bottom - y - 1};
    return look_framed(image, ret);
}

/* All frames from the top, from the left; of maps without black. */
size_t look_frames(const struct image *image, struct box found[LOOK_FRAMES_MAX])
{
    size_t count = 0;
    for (size_t y = 1; y + 1 < image->height; y++)
        for (size_t x = 1; x + 1 < image->width; x++) {
            const bool corner = look_is(image, x, y, look_black) &&
                                !look_is(image, x - 1, y, look_black) &&
                                !look_is(image, x, y - 1, look_black);
            if (corner && count < LOOK_FRAMES_MAX && frame_at(image, x, y, &found[count]))
                count++;
        }
    return count;
}

/* Pixels that are not white in a part of the picture. */
size_t look_ink(const struct image *image, size_t x, size_t y, size_t width, size_t height)
{
    size_t count = 0;
    for (size_t j = y; j < y + height && j < image->height; j++)
        for (size_t i = x; i < x + width && i < image->width; i++)
            count += !look_is(image, i, j, look_white);
    return count;
}

/* The middle of cell (row, column) of a field of rows x columns cells in a box. */
bool look_cell_is(const struct image *image, const struct box *b, size_t cell, size_t row,
                  size_t column, const uint8_t rgb[3])
{
    return look_is(image, b->x + column * cell + cell / 2, b->y + row * cell + cell / 2, rgb);
}

/* matplotlib: Normalize, then min(int(x * 256), 255). */
const struct api_colormap *look_map(const char *name)
{
    bool reversed;
    const struct api_colormap *map = api_colormap_find(name, &reversed);
    cr_assert(map != NULL, "there is no %s", name);
    struct api_colormap *copy = up_arena_alloc(look_arena, 1, sizeof *copy, NULL);
    cr_assert(copy != NULL, "no memory");
    *copy = *map;
    for (size_t i = 0; reversed && i < 256; i++)
        memcpy(copy->rgb[i], map->rgb[255 - i], 3);
    return copy;
}

size_t look_level(double value, double vmin, double vmax)
{
    const double x = (value - vmin) / (vmax - vmin);
    return x <= 0 ? 0 : x >= 1 ? 255 : (size_t)(x * 256);
}

float *look_values(size_t count, uint64_t seed)
{
    struct random random = {seed};
    float *values = up_arena_alloc(look_arena, count, sizeof *values, NULL);
    cr_assert(values != NULL, "no memory");
    for (size_t i = 0; i < count; i++)
        values[i] = random_float(&random, 3);
    return values;
}

double look_least(const float *values, size_t count, size_t step)
{
    double m = INFINITY;
    for (size_t i = 0; i < count; i += step)
        m = fmin(m, (double)values[i]);
    return m;
}

double look_greatest(const float *values, size_t count, size_t step)
{
    double m = -INFINITY;
    for (size_t i = 0; i < count; i += step)
        m = fmax(m, (double)values[i]);
    return m;
}

/* 3 samples of 4 channels of 8 x 8, channels last or first. */
struct api_field look_batch(const float *values, bool first)
{
    struct api_field field = look_field(values, 8, 8, 4);
    field.batch = 3;
    field.stride.batch = 256;
    if (first) {
        field.stride.channels = 64;
        field.stride.height = 8;
        field.stride.width = 1;
    }
    return field;
}
