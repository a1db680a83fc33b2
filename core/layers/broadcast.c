/* DESIGN
 * Axes that are one axis for every operand are joined, so that tensors of one shape become one long
 * line. The last two axes are the kernel's rows and columns, the others are counted here. All
 * operands pass over one block of the output before the next block begins. */
#include <string.h>

#include "core/layers/broadcast.h"
#include "core/layers/strided.h"

enum { BLOCK_VALUES = 4096 };

struct prepared {
    size_t rank, dim[UP_STRIDED_RANK_MAX]; /* at least 2 axes */
    uint32_t count;
    size_t (*stride)[UP_STRIDED_RANK_MAX];
    struct up_operand *operand;
};

static void strides_set(const struct up_shape *shape, const struct up_shape *out,
                        size_t ret[UP_STRIDED_RANK_MAX])
{
    const uint32_t missing = out->rank - shape->rank;
    size_t stride = 1;
    for (uint32_t i = out->rank; i-- > 0;) {
        const size_t dim = i < missing ? 1 : shape->dim[i - missing];
        ret[i] = dim == 1 ? 0 : stride;
        stride *= dim;
    }
}

/* One more axis of length 1, the last. */
static void axis_append(struct prepared *p)
{
    for (uint32_t i = 0; i < p->count; i++)
        p->stride[i][p->rank] = 0;
    p->dim[p->rank++] = 1;
}

enum up_code up_broadcast_prepare(const struct up_operand *operands, uint32_t count,
                                  struct up_step *step, struct up_arena *arena,
                                  struct up_error *err)
{
    struct prepared *p = up_arena_alloc(arena, 1, sizeof *p, err);
    size_t(*stride)[UP_STRIDED_RANK_MAX] = up_arena_zalloc(arena, count, sizeof *stride, err);
    struct up_operand *copy = up_arena_alloc(arena, count, sizeof *copy, err);
    if (p == NULL || stride == NULL || copy == NULL)
        return err->code;
    memcpy(copy, operands, count * sizeof *copy);
    *p = (struct prepared){.count = count, .stride = stride, .operand = copy};
    for (uint32_t i = 0; i < count; i++)
        strides_set(&operands[i].shape, &step->out, stride[i]);
    for (uint32_t i = 0; i < step->out.rank; i++)
        p->dim[i] = step->out.dim[i];
    p->rank = up_axes_join(step->out.rank, p->dim, stride, count);
    while (p->rank < 2)
        axis_append(p);
    step->prepared = p;
    step->rows = up_shape_size(&step->out) / p->dim[p->rank - 1];
    step->grain = UP_GRAIN_VALUES / p->dim[p->rank - 1] + 1;
    step->algorithm = "value by value";
    return UP_OK;
}

static const float *operand_at(const struct up_call *call, uint32_t i, size_t line)
{
    const struct prepared *p = call->step->prepared;
    const float *data = p->operand[i].data == NULL ? call->in[i] : p->operand[i].data;
    for (size_t axis = p->rank - 1; axis-- > 0; line /= p->dim[axis])
        data += line % p->dim[axis] * p->stride[i][axis];
    return data;
}

/* `lines` that lie in one plane. */
static void block(const struct up_call *call, size_t line, size_t lines)
{
    const struct prepared *p = call->step->prepared;
    const size_t row = p->rank - 2, column = p->rank - 1, columns = p->dim[column];
    float *y = call->out + line * columns;
    const float *a = operand_at(call, 0, line);
    size_t a_row = p->stride[0][row], a_column = p->stride[0][column];
    if (p->count == 1)
        memcpy(y, a, lines * columns * sizeof *y);
    for (uint32_t i = 1; i < p->count; i++) {
        const struct up_combination combination = {
            p->operand[i].operation, lines, columns, a_row, a_column, p->stride[i][row],
            p->stride[i][column]};
        call->kernels->combine(&combination, a, operand_at(call, i, line), y);
        a = y;
        a_row = columns;
        a_column = 1;
    }
}

void up_broadcast_rows(const struct up_call *call, size_t begin, size_t end)
{
    const struct prepared *p = call->step->prepared;
    const size_t plane = p->dim[p->rank - 2], most = BLOCK_VALUES / p->dim[p->rank - 1] + 1;
    for (size_t line = begin; line < end;) {
        size_t lines = plane - line % plane;
        lines = lines < end - line ? lines : end - line;
        lines = lines < most ? lines : most;
        block(call, line, lines);
        line += lines;
    }
}
