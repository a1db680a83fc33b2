#include "core/layers/strided.h"

struct prepared {
    struct up_strided view; /* its first axis is what threads share out */
    size_t first, row_values;
};

struct up_strided up_strided_of(const struct up_shape *shape)
{
    struct up_strided s = {.rank = shape->rank};
    size_t stride = 1;
    for (size_t i = s.rank; i-- > 0;) {
        s.dim[i] = shape->dim[i];
        s.stride[i] = stride;
        stride *= shape->dim[i];
    }
    return s;
}

static bool joined(size_t (*stride)[UP_STRIDED_RANK_MAX], size_t count, size_t axis, size_t next,
                   size_t next_dim)
{
    for (size_t i = 0; i < count; i++)
        if (stride[i][axis] != stride[i][next] * next_dim)
            return false;
    return true;
}

size_t up_axes_join(size_t rank, size_t dim[UP_STRIDED_RANK_MAX],
                    size_t (*stride)[UP_STRIDED_RANK_MAX], size_t count)
{
    size_t n = 0;
    for (size_t axis = 0; axis < rank; axis++) {
        if (dim[axis] == 1)
            continue;
        const bool join = n > 0 && joined(stride, count, n - 1, axis, dim[axis]);
        const size_t to = join ? n - 1 : n++;
        dim[to] = join ? dim[to] * dim[axis] : dim[axis];
        for (size_t i = 0; i < count; i++)
            stride[i][to] = stride[i][axis];
    }
    return n;
}

enum up_code up_strided_prepare(const struct up_strided *view, size_t first, struct up_step *step,
                                struct up_arena *arena, struct up_error *err)
{
    struct prepared *p = up_arena_alloc(arena, 1, sizeof *p, err);
    if (p == NULL)
        return err->code;
    *p = (struct prepared){.view = *view, .first = first};
    p->view.rank = up_axes_join(view->rank, p->view.dim, &p->view.stride, 1);
    if (p->view.rank == 0) {
        p->view.rank = p->view.dim[0] = 1;
        p->view.stride[0] = 1;
    }
    step->prepared = p;
    step->rows = p->view.dim[0];
    p->row_values = up_shape_size(&step->out) / step->rows;
    step->grain = UP_GRAIN_VALUES / p->row_values + 1;
    step->algorithm = "copy";
    return UP_OK;
}

void up_strided_rows(const struct up_call *call, size_t begin, size_t end)
{
    const struct prepared *p = call->step->prepared;
    struct up_strided part = p->view;
    part.dim[0] = end - begin;
    call->kernels->copy(&part, call->in[0] + p->first + begin * part.stride[0],
                        call->out + begin * p->row_values);
}
