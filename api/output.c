#include "api/output.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "api/codec/npy.h"
#include "api/codec/png.h"
#include "api/figure/colormap.h"

/* A figure is meant for eyes: what is larger is made smaller unless the request says otherwise. */
enum { PIXELS_MAX = 64 * 1024 * 1024, FIGURE_PIXELS = 4 * 1024 * 1024, CELL_MAX = 256 };

enum { PIECE_FLOATS = 16384 }; /* fewer are copied in less time than a piece costs */

static const char *const formats[] = {"json", "png", "npy", "raw", NULL};
static const char *const renders[] = {"figure", "image", NULL};
static const char *const reductions[] = {"max", "mean", "nearest", NULL};
static const char *const on_errors[] = {"problem", "image", NULL};

#define AT(field) .offset = offsetof(struct api_output, field)

const struct up_param api_output_params[] = {
    {.name = "format",
     .type = UP_PARAM_CHOICE,
     AT(format),
     .choices = formats,
     .meaning = "form of the answer; default: by Accept, else as the input came"},
    {.name = "flat",
     .type = UP_PARAM_BOOL,
     AT(flat),
     .meaning = "json: one list instead of nested ones"},
    {.name = "render",
     .type = UP_PARAM_CHOICE,
     AT(render),
     .choices = renders,
     .meaning = "png: a figure, or the values themselves as pixels"},
    {.name = "bits",
     .type = UP_PARAM_INT,
     AT(bits),
     .min = 8,
     .max = 16,
     .fallback = 8,
     .meaning = "png, image: 8 or 16 bits a channel"},
    {.name = "cmap",
     .type = UP_PARAM_TEXT,
     .flags = UP_PARAM_NULLABLE,
     AT(cmap),
     .meaning = "png: colour map by matplotlib's name, reversed with _r; default viridis"},
    {.name = "vmin",
     .type = UP_PARAM_FLOAT,
     .flags = UP_PARAM_NULLABLE,
     AT(vmin),
     .fallback = NAN,
     .meaning = "png: value of the map's first colour; default: the smallest; a diverging "
                "map has zero in the middle"},
    {.name = "vmax",
     .type = UP_PARAM_FLOAT,
     .flags = UP_PARAM_NULLABLE,
     AT(vmax),
     .fallback = NAN,
     .meaning = "png: value of the map's last colour; default: the largest"},
    {.name = "grid",
     .type = UP_PARAM_BOOL,
     AT(grid),
     .meaning = "png: lines between the cells; default: where few cells have 20 pixels or more"},
    {.name = "ticks", .type = UP_PARAM_BOOL, AT(ticks), .meaning = "png: numbers along the axes"},
    {.name = "colorbar",
     .type = UP_PARAM_BOOL,
     AT(colorbar),
     .meaning = "png: the scale beside it"},
    {.name = "title",
     .type = UP_PARAM_TEXT,
     .flags = UP_PARAM_NULLABLE,
     AT(title),
     .meaning = "png: a line above the figure"},
    {.name = "cell",
     .type = UP_PARAM_INT,
     AT(cell),
     .min = 0,
     .max = CELL_MAX,
     .meaning = "png: pixels a cell; 0: chosen"},
    {.name = "bare",
     .type = UP_PARAM_BOOL,
     AT(bare),
     .meaning = "png: the cells only, one pixel each unless cell says more"},
    {.name = "max_pixels",
     .type = UP_PARAM_INT,
     AT(max_pixels),
     .min = 0,
     .max = PIXELS_MAX,
     .meaning =
         "png: pixels for all cells, where there are more of them some share one; 0: 4194304, "
         "and with bare no bound"},
    {.name = "reduction",
     .type = UP_PARAM_CHOICE,
     AT(reduction),
     .choices = reductions,
     .meaning = "png: what cells show that share a pixel, their largest value, their mean or the "
                "middle one"},
    {.name = "share_scale",
     .type = UP_PARAM_BOOL,
     AT(share_scale),
     .fallback = 1,
     .meaning = "png: one colour scale for all tiles"},
    {.name = "on_error",
     .type = UP_PARAM_CHOICE,
     AT(on_error),
     .choices = on_errors,
     .meaning = "in the query: what a failed request answers with, beside its status; image is a "
                "small PNG that says why"},
    UP_PARAM_END,
};

enum up_code api_output_read(struct api_reader *reader, const json_t *object,
                             enum api_format fallback, struct api_output *ret)
{
    const struct api_params params = {.rows = api_output_params, .what = "output"};
    struct api_output output;
    if (api_read_params(reader, &params, object, "/output", &output) != UP_OK)
        return reader->err->code;
    if (output.bits != 8 && output.bits != 16)
        return api_refuse(reader, UP_E_INVALID, "/output/bits", "bits is 8 or 16, not %lld",
                          (long long)output.bits);
    bool reversed;
    if (output.cmap != NULL && api_colormap_find(output.cmap, &reversed) == NULL) {
        struct up_nearest nearest = {.text = output.cmap};
        for (const char *const *name = api_colormap_names(); *name != NULL; name++)
            up_nearest_offer(&nearest, *name);
        char hint[UP_HINT_BYTES];
        return api_refuse(reader, UP_E_INVALID, "/output/cmap",
                          "there is no colour map \"%.60s\"%s", output.cmap,
                          up_nearest_hint(&nearest, hint));
    }
    if (json_object_get(object, "format") == NULL)
        output.format = fallback;
    output.grid_set = json_object_get(object, "grid") != NULL;
    output.ticks_set = json_object_get(object, "ticks") != NULL;
    output.colorbar_set = json_object_get(object, "colorbar") != NULL;
    *ret = output;
    return UP_OK;
}

/* The header, then the values from where they are. */
static enum up_code npy_in_pieces(const struct up_tensor *tensor, struct up_arena *arena,
                                  struct api_response *response, struct up_error *err)
{
    struct api_piece *values = up_arena_alloc(arena, 1, sizeof *values, err);
    if (values == NULL ||
        api_npy_header(&tensor->shape, arena, &response->body, &response->body_bytes, err) != UP_OK)
        return err->code;
    *values = (struct api_piece){tensor->data, up_shape_size(&tensor->shape) * sizeof(float)};
    response->more = values;
    response->more_count = 1;
    return UP_OK;
}

enum up_code api_output_npy(const struct api_result *result, struct up_arena *arena,
                            struct api_response *response, struct up_error *err)
{
    const struct up_tensor *tensor = &result->tensor;
    const bool large = up_shape_size(&tensor->shape) >= PIECE_FLOATS;
    const enum up_code code =
        large ? npy_in_pieces(tensor, arena, response, err)
              : api_npy_encode(tensor, arena, &response->body, &response->body_bytes, err);
    response->content_type = api_format_type(API_NPY);
    return code;
}

void api_output_raw(const struct api_result *result, struct api_response *response)
{
    response->body = result->tensor.data;
    response->body_bytes = up_shape_size(&result->tensor.shape) * sizeof(float);
    response->content_type = api_format_type(API_RAW);
}

/* --- Pictures ------------------------------------------------------------------------------- */

/* The axes of the tensor by their meaning. Where the layers did not say, an image is assumed: the
 * last two axes of rank 2, (height, width, channels) of rank 3, with a batch before it of rank 4,
 * and a depth between them of rank 5. A sequence is drawn as channels by length. */
static enum up_code field_of(const struct api_result *result, struct api_field *ret,
                             struct up_error *err)
{
    const struct up_shape *s = &result->tensor.shape;
    const bool known = result->spatial > 0;
    const uint32_t rank = s->rank;
    if (!known && rank > 5)
        return up_fail(err, UP_E_INVALID, "/output/format", "an output of %u axes is no picture",
                       rank);
    const bool channels = known ? result->channels : rank >= 3;
    const bool batch = known ? result->batch : rank >= 4;
    const uint32_t spatial = rank - channels - batch;
    size_t stride[UP_RANK_MAX + 1] = {0};
    for (uint32_t i = rank; i-- > 0;)
        stride[i] = i + 1 == rank ? 1 : stride[i + 1] * s->dim[i + 1];
    const uint32_t c = !channels ? rank : result->channels_first && known ? batch : rank - 1;
    const uint32_t first = (uint32_t)batch + (channels && c != rank - 1 ? 1 : 0);
    struct api_field f = {.data = result->tensor.data,
                          .batch = batch ? s->dim[0] : 1,
                          .depth = 1,
                          .height = 1,
                          .width = 1,
                          .channels = channels ? s->dim[c] : 1,
                          .names = batch ? result->names : NULL};
    f.stride.batch = batch ? stride[0] : 0;
    f.stride.channels = channels ? stride[c] : 0;
    size_t *const dim[3] = {&f.width, &f.height, &f.depth};
    size_t *const step[3] = {&f.stride.width, &f.stride.height, &f.stride.depth};
    for (uint32_t i = 0; i < spatial; i++) {
        *dim[i] = s->dim[first + spatial - 1 - i];
        *step[i] = stride[first + spatial - 1 - i];
    }
    if (spatial == 1 && known) { /* channels by length */
        f.height = f.channels;
        f.stride.height = f.stride.channels;
        f.channels = 1;
    }
    *ret = f;
    return UP_OK;
}

static enum api_switch switched(bool set, bool on)
{
    return !set ? API_AUTO : on ? API_ON : API_OFF;
}

static enum up_code encode(const struct api_picture *picture, struct up_arena *arena,
                           struct api_response *response, struct up_error *err)
{
    response->content_type = api_format_type(API_PNG);
    return api_png_encode(picture, arena, &response->body, &response->body_bytes, err);
}

static enum up_code figure(const struct api_field *field, const struct api_output *output,
                           struct up_arena *arena, struct api_response *response,
                           struct up_error *err)
{
    const struct api_figure_options options = {
        .cmap = output->cmap,
        .vmin_set = !isnan(output->vmin),
        .vmax_set = !isnan(output->vmax),
        .vmin = output->vmin,
        .vmax = output->vmax,
        .grid = switched(output->grid_set, output->grid),
        .ticks = switched(output->ticks_set, output->ticks),
        .colorbar = switched(output->colorbar_set, output->colorbar),
        .title = output->title,
        .cell = (size_t)output->cell,
        .bare = output->bare,
        .max_pixels = output->max_pixels > 0 ? (size_t)output->max_pixels
                      : output->bare         ? 0
                                             : FIGURE_PIXELS,
        .reduction = (enum api_reduction)output->reduction,
        .share_scale_off = !output->share_scale,
    };
    struct api_picture picture;
    struct api_figure_range range;
    if (api_figure_draw(field, &options, PIXELS_MAX, arena, &picture, &range, err) != UP_OK) {
        up_error_under(err, "/output");
        return err->code;
    }
    const char *min = up_arena_printf(arena, err, "%.9g", (double)range.min);
    const char *max = up_arena_printf(arena, err, "%.9g", (double)range.max);
    if (min == NULL || max == NULL)
        return err->code;
    api_header(response, "X-Value-Min", min);
    api_header(response, "X-Value-Max", max);
    return encode(&picture, arena, response, err);
}

static void pixel_put(void *pixels, size_t at, float value, bool wide)
{
    const float clipped = value > 0 ? value < 1 ? value : 1 : 0; /* NaN is 0 */
    if (wide)
        ((uint16_t *)pixels)[at] = (uint16_t)lrintf(clipped * 65535);
    else
        ((uint8_t *)pixels)[at] = (uint8_t)lrintf(clipped * 255);
}

/* The values themselves: 0..1 as black to white, or as the channels of one colour image. */
static enum up_code image(const struct api_field *f, const struct api_output *output,
                          struct up_arena *arena, struct api_response *response,
                          struct up_error *err)
{
    if (f->batch != 1 || f->depth != 1 || f->channels > 4)
        return up_fail(err, UP_E_INVALID, "/output/render",
                       "an image has 1 to 4 channels, the output has %zu of each of %zu images; "
                       "render=figure shows them all",
                       f->channels, f->batch * f->depth);
    const bool wide = output->bits == 16;
    const size_t count = f->width * f->height * f->channels;
    void *pixels = up_arena_alloc(arena, count, wide ? 2 : 1, err);
    if (pixels == NULL)
        return err->code;
    size_t at = 0;
    for (size_t y = 0; y < f->height; y++)
        for (size_t x = 0; x < f->width; x++)
            for (size_t c = 0; c < f->channels; c++)
                pixel_put(
                    pixels, at++,
                    f->data[y * f->stride.height + x * f->stride.width + c * f->stride.channels],
                    wide);
    const struct api_picture picture = {.width = f->width,
                                        .height = f->height,
                                        .channels = (unsigned)f->channels,
                                        .bits = wide ? 16 : 8,
                                        .pixels = pixels};
    return encode(&picture, arena, response, err);
}

enum up_code api_output_png(const struct api_result *result, const struct api_output *output,
                            struct up_arena *arena, struct api_response *response,
                            struct up_error *err)
{
    struct api_field field;
    if (field_of(result, &field, err) != UP_OK)
        return err->code;
    return output->render == API_RENDER_IMAGE ? image(&field, output, arena, response, err)
                                              : figure(&field, output, arena, response, err);
}
