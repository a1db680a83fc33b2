#include "core/layers/gathered.h"

uint32_t up_gathered_weights(const struct up_shape *kernel,
                             const struct up_initializer *kernel_init, size_t filters,
                             const struct up_initializer *bias_init,
                             struct up_weight ret[UP_WEIGHTS_MAX])
{
    const struct up_shape bias = {.rank = 1, .dim = {filters}};
    ret[0] = (struct up_weight){"kernel", *kernel, kernel_init, "kernel_initializer"};
    ret[1] = (struct up_weight){"bias", bias, bias_init, "bias_initializer"};
    return bias_init == NULL ? 1 : 2;
}

enum up_code up_gathered_prepare(struct up_step *step, const struct up_kernels *kernels,
                                 struct up_arena *arena, struct up_error *err)
{
    struct up_gather gather;
    struct up_sum *sum = up_arena_alloc(arena, 1, sizeof *sum, err);
    if (sum == NULL)
        return err->code;
    step->ops->gather(step, &gather);
    gather.add = step->in_count == 2;
    if (up_gather_prepare(&gather, step->forced, kernels, arena, sum, err) != UP_OK)
        return err->code;
    step->prepared = sum;
    step->rows = sum->units;
    step->grain = sum->grain;
    step->macs = up_gather_macs(&gather);
    step->algorithm = sum->algorithm->name;
    return UP_OK;
}

void up_gathered_rows(const struct up_call *call, size_t begin, size_t end)
{
    const struct up_sum *sum = call->step->prepared;
    const float *add = call->step->in_count == 2 ? call->in[1] : NULL;
    const struct up_gather_call at = {.kernels = call->kernels,
                                      .in = call->in[0],
                                      .add = add,
                                      .out = call->out,
                                      .stream = call->step->stream};
    sum->algorithm->units(sum->prepared, &at, begin, end);
}
