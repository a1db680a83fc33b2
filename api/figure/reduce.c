#include "api/figure/reduce.h"

#include <math.h>

#include "api/figure/layout.h"

struct patch {
    const float *data;
    size_t height, width, down, right; /* down, right: floats to the next line, the next cell */
};

static float patch_max(const struct patch *p)
{
    float most = p->data[0];
    for (size_t y = 0; y < p->height; y++)
        for (size_t x = 0; x < p->width; x++) {
            const float value = p->data[y * p->down + x * p->right];
            if (isnan(value))
                return value;
            most = value > most ? value : most;
        }
    return most;
}

static float patch_mean(const struct patch *p)
{
    double sum = 0;
    for (size_t y = 0; y < p->height; y++)
        for (size_t x = 0; x < p->width; x++)
            sum += (double)p->data[y * p->down + x * p->right];
    return (float)(sum / (double)(p->height * p->width));
}

static float patch_nearest(const struct patch *p)
{
    return p->data[p->height / 2 * p->down + p->width / 2 * p->right];
}

static float (*const patches[])(const struct patch *) = {[API_REDUCE_MAX] = patch_max,
                                                         [API_REDUCE_MEAN] = patch_mean,
                                                         [API_REDUCE_NEAREST] = patch_nearest};

static size_t rest(size_t length, size_t first, size_t block)
{
    return length - first < block ? length - first : block;
}

static void tile_reduce(const struct api_field *f, size_t tile, size_t block,
                        enum api_reduction reduction, float *ret)
{
    const float *data = api_field_tile(f, tile);
    struct patch p = {.down = f->stride.height, .right = f->stride.width};
    for (size_t y = 0; y < f->height; y += block) {
        p.height = rest(f->height, y, block);
        for (size_t x = 0; x < f->width; x += block) {
            p.width = rest(f->width, x, block);
            p.data = data + y * p.down + x * p.right;
            *ret++ = patches[reduction](&p);
        }
    }
}

enum up_code api_field_reduce(const struct api_field *field, size_t block,
                              enum api_reduction reduction, struct up_arena *arena,
                              struct api_field *ret, struct up_error *err)
{
    struct api_field f = *field;
    f.height = (field->height - 1) / block + 1;
    f.width = (field->width - 1) / block + 1;
    const size_t tiles = api_field_tiles(field), cells = f.height * f.width;
    float *data = up_arena_alloc(arena, tiles, cells * sizeof *data, err);
    if (data == NULL)
        return err->code;
    for (size_t tile = 0; tile < tiles; tile++) /* channels move fastest, then depth */
        tile_reduce(field, tile, block, reduction, data + tile * cells);
    f.data = data;
    f.stride.width = 1;
    f.stride.height = f.width;
    f.stride.channels = cells;
    f.stride.depth = f.channels * cells;
    f.stride.batch = f.depth * f.channels * cells;
    *ret = f;
    return UP_OK;
}
