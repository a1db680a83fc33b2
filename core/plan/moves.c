/* DESIGN
 * Layers see channels last only. Where a layer says channels_first, the plan moves the axis before
 * it and, where somebody wants to see that order, after it. Both moves are one transposition an
 * image: (spatial, channels) to (channels, spatial) or back. */
#include <string.h>

#include "core/plan/internal.h"

enum { BLOCK_ROWS = 256 };

struct move {
    size_t images, rows, columns, blocks; /* of the input: rows x columns an image */
};

static enum up_code prepare(struct up_step *step, size_t rows, size_t columns,
                            struct up_arena *arena, struct up_error *err)
{
    struct move *m = up_arena_alloc(arena, 1, sizeof *m, err);
    if (m == NULL)
        return err->code;
    *m = (struct move){step->in[0].dim[0], rows, columns, (rows + BLOCK_ROWS - 1) / BLOCK_ROWS};
    step->prepared = m;
    step->rows = m->images * m->blocks;
    step->grain = UP_GRAIN_VALUES / (BLOCK_ROWS * columns) + 1;
    step->algorithm = "transpose";
    return UP_OK;
}

static size_t spatial_size(const struct up_shape *shape, uint32_t first)
{
    size_t n = 1;
    for (uint32_t i = 0; i + 2 < shape->rank; i++)
        n *= shape->dim[first + i];
    return n;
}

static enum up_code to_first_prepare(struct up_step *step, const struct up_kernels *kernels,
                                     struct up_arena *arena, struct up_error *err)
{
    (void)kernels;
    const struct up_shape *in = &step->in[0];
    return prepare(step, spatial_size(in, 1), in->dim[in->rank - 1], arena, err);
}

static enum up_code to_last_prepare(struct up_step *step, const struct up_kernels *kernels,
                                    struct up_arena *arena, struct up_error *err)
{
    (void)kernels;
    const struct up_shape *in = &step->in[0];
    return prepare(step, in->dim[1], spatial_size(in, 2), arena, err);
}

static void transpose_rows(const struct up_call *call, size_t begin, size_t end)
{
    const struct move *m = call->step->prepared;
    const struct up_kernels *k = call->kernels;
    void (*const transpose)(const float *, size_t, size_t, size_t, float *, size_t) =
        call->step->stream ? k->transpose_stream : k->transpose;
    for (size_t i = begin; i < end; i++) {
        const size_t image = i / m->blocks * m->rows * m->columns, r0 = i % m->blocks * BLOCK_ROWS;
        const size_t rows = m->rows - r0 < BLOCK_ROWS ? m->rows - r0 : BLOCK_ROWS;
        transpose(call->in[0] + image + r0 * m->columns, m->columns, rows, m->columns,
                  call->out + image + r0, m->rows);
    }
}

static enum up_code copy_prepare(struct up_step *step, const struct up_kernels *kernels,
                                 struct up_arena *arena, struct up_error *err)
{
    (void)kernels, (void)arena, (void)err;
    step->rows = up_shape_size(&step->out);
    step->grain = UP_GRAIN_VALUES;
    step->algorithm = "copy";
    return UP_OK;
}

static void copy_rows(const struct up_call *call, size_t begin, size_t end)
{
    memcpy(call->out + begin, call->in[0] + begin, (end - begin) * sizeof(float));
}

const struct up_layer_ops up_move_to_first = {.prepare = to_first_prepare, .rows = transpose_rows};
const struct up_layer_ops up_move_to_last = {.prepare = to_last_prepare, .rows = transpose_rows};
const struct up_layer_ops up_move_copy = {.prepare = copy_prepare, .rows = copy_rows};
