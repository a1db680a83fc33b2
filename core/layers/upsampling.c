/* DESIGN
 * UpSampling1D/2D/3D, nearest: every value is repeated along each spatial axis. A unit of work is a
 * block of one input line: the block is stretched once into the output and then copied to the other
 * lines that are equal to it, so that each output value is written once and read at most once.
 *
 * The other interpolations of UpSampling2D are core/layers/resize.c's. Area, the mean of what an
 * output covers, is nearest here: an output never covers parts of two inputs. */
#include "core/geometry.h"
#include "core/layers/layer.h"
#include "core/layers/resize.h"

#include <string.h>

enum { BLOCK_VALUES = 2048, BLOCK_PIXELS_MIN = 16 }; /* of a line, so that it stays near */

struct upsampling_config {
    struct up_config base;
    struct up_ints size;
    uint32_t interpolation;
};

struct prepared {
    struct up_grid in, out;
    size_t factor[3], block, blocks; /* pixels of a block, blocks a line */
    struct up_pattern pattern;
};

static enum up_code shape(const void *config, const struct up_shape *in, uint32_t in_count,
                          struct up_shape *ret_out, struct up_error *err)
{
    (void)in_count, (void)err;
    const struct upsampling_config *c = config;
    *ret_out = in[0];
    for (uint32_t i = 0; i + 2 < in[0].rank; i++)
        ret_out->dim[1 + i] = up_size_mul_saturated(in[0].dim[1 + i], (size_t)c->size.v[i]);
    return UP_OK;
}

static enum up_code prepare(struct up_step *step, const struct up_kernels *kernels,
                            struct up_arena *arena, struct up_error *err)
{
    const struct upsampling_config *c = step->config;
    const uint32_t spatial = step->ops->spatial;
    struct prepared *p = up_arena_alloc(arena, 1, sizeof *p, err);
    if (p == NULL)
        return err->code;
    p->in = up_grid_of(&step->in[0], spatial);
    p->out = up_grid_of(&step->out, spatial);
    for (uint32_t i = 0; i < 3; i++)
        p->factor[i] = (size_t)up_grid_int(&c->size, spatial, i, 1);
    kernels->repeat_pattern(p->in.channels, p->factor[2], &p->pattern);
    p->block = (BLOCK_VALUES / p->in.channels / BLOCK_PIXELS_MIN + 1) * BLOCK_PIXELS_MIN;
    p->blocks = (p->in.spatial[2] + p->block - 1) / p->block;
    step->prepared = p;
    step->rows = p->in.batch * p->in.spatial[0] * p->in.spatial[1] * p->blocks;
    step->grain = UP_GRAIN_VALUES / (up_shape_size(&step->out) / step->rows) + 1;
    step->algorithm = "repeat";
    return UP_OK;
}

static void block(const struct up_call *call, size_t row)
{
    const struct prepared *p = call->step->prepared;
    const size_t channels = p->in.channels, line = row / p->blocks;
    const size_t x0 = row % p->blocks * p->block;
    const size_t left = p->in.spatial[2] - x0, pixels = left < p->block ? left : p->block;
    const size_t y = line % p->in.spatial[1], plane = line / p->in.spatial[1]; /* batch and depth */
    const float *in = call->in[0] + (line * p->in.spatial[2] + x0) * channels;
    const struct up_repeat repeat = {.pixels = pixels,
                                     .channels = channels,
                                     .factor = p->factor[2],
                                     .lines = p->factor[1],
                                     .line_stride = p->out.spatial[2] * channels,
                                     .pattern = &p->pattern,
                                     .stream = call->step->stream};
    for (size_t d = 0; d < p->factor[0]; d++) {
        const size_t out_line = (plane * p->factor[0] + d) * p->out.spatial[1] + y * p->factor[1];
        call->kernels->repeat(
            &repeat, in, call->out + (out_line * p->out.spatial[2] + x0 * p->factor[2]) * channels);
    }
}

static void rows(const struct up_call *call, size_t begin, size_t end)
{
    for (size_t row = begin; row < end; row++)
        block(call, row);
}

enum { NEAREST, BILINEAR, BICUBIC, LANCZOS3, LANCZOS5, AREA, MITCHELLCUBIC, GAUSSIAN };

static const char *const interpolations[] = {
    [NEAREST] = "nearest",
    [BILINEAR] = "bilinear",
    [BICUBIC] = "bicubic",
    [LANCZOS3] = "lanczos3",
    [LANCZOS5] = "lanczos5",
    [AREA] = "area",
    [MITCHELLCUBIC] = "mitchellcubic",
    [GAUSSIAN] = "gaussian",
    [GAUSSIAN + 1] = NULL,
};

static const struct interpolation {
    bool resamples;
    enum up_resize_method method;
} resampling[] = {
    [NEAREST] = {.resamples = false},
    [BILINEAR] = {true, UP_RESIZE_BILINEAR},
    [BICUBIC] = {true, UP_RESIZE_BICUBIC},
    [LANCZOS3] = {true, UP_RESIZE_LANCZOS3},
    [LANCZOS5] = {true, UP_RESIZE_LANCZOS5},
    [AREA] = {.resamples = false},
    [MITCHELLCUBIC] = {true, UP_RESIZE_MITCHELL},
    [GAUSSIAN] = {true, UP_RESIZE_GAUSSIAN},
};

static const struct interpolation *interpolation(const void *config)
{
    return &resampling[((const struct upsampling_config *)config)->interpolation];
}

static bool placement(const struct up_step *step, struct up_placement *ret)
{
    const struct upsampling_config *c = step->config;
    *ret = (struct up_placement){.before = {0}};
    for (uint32_t i = 0; i < 3; i++)
        ret->repeat[i] = up_grid_int(&c->size, step->ops->spatial, i, 1);
    return !interpolation(c)->resamples;
}

/* Lines of one channel are summed by vectors of pixels, of which short ones have few: measured, as
 * fast as with both moves from 32 pixels on, and twice as fast from 64. */
static bool planes(const struct up_step *step)
{
    enum { WIDTH_MIN = 64 };
    return interpolation(step->config)->resamples && step->in[0].dim[2] >= WIDTH_MIN;
}

static enum up_code prepare_2d(struct up_step *step, const struct up_kernels *kernels,
                               struct up_arena *arena, struct up_error *err)
{
    const struct interpolation *chosen = interpolation(step->config);
    return chosen->resamples ? up_resize_prepare(chosen->method, step, kernels, arena, err)
                             : prepare(step, kernels, arena, err);
}

static void rows_2d(const struct up_call *call, size_t begin, size_t end)
{
    if (interpolation(call->step->config)->resamples)
        up_resize_rows(call, begin, end);
    else
        rows(call, begin, end);
}

#define SIZE_ROW                                                                                   \
    UP_ROW_INTS(struct upsampling_config, size, 1, UP_DIM_MAX, 2,                                  \
                "how many times longer each spatial axis becomes")

static const struct up_param params_1d[] = {SIZE_ROW, UP_PARAM_END};
static const struct up_param params_2d[] = {
    SIZE_ROW,
    UP_ROW_DATA_FORMAT(struct upsampling_config),
    UP_ROW_CHOICE(struct upsampling_config, interpolation, interpolations,
                  "how values between the input's are made"),
    UP_PARAM_END,
};
static const struct up_param params_3d[] = {
    SIZE_ROW,
    UP_ROW_DATA_FORMAT(struct upsampling_config),
    UP_PARAM_END,
};

#define UPSAMPLING(n, prepare_, rows_, text)                                                       \
    const struct up_layer_ops up_layer_up_sampling##n##d = {                                       \
        .class_name = "UpSampling" #n "D",                                                         \
        .summary = text,                                                                           \
        .spatial = n,                                                                              \
        .flags = UP_LAYER_UPSAMPLES,                                                               \
        .inputs_min = 1,                                                                           \
        .inputs_max = 1,                                                                           \
        .config_bytes = sizeof(struct upsampling_config),                                          \
        .params = params_##n##d,                                                                   \
        .shape = shape,                                                                            \
        .placement = placement,                                                                    \
        .planes = planes,                                                                          \
        .prepare = prepare_,                                                                       \
        .rows = rows_,                                                                             \
    }

UPSAMPLING(1, prepare, rows, "Repeats each step of a sequence.");
UPSAMPLING(2, prepare_2d, rows_2d, "Repeats the rows and columns of an image, or interpolates.");
UPSAMPLING(3, prepare, rows, "Repeats the planes, rows and columns of a volume.");
