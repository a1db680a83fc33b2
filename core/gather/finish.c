#include "core/gather/finish.h"

#include <string.h>

bool up_finish_nothing(const struct up_gather *gather)
{
    return !gather->add && gather->activation.id == UP_ACT_LINEAR;
}

void up_finish(const struct up_gather *gather, const struct up_gather_call *call, float *y,
               size_t count, size_t first)
{
    float *out = call->out + first;
    if (gather->add) {
        const struct up_combination add = {
            .operation = UP_ADD, .rows = 1, .columns = count, .a_column = 1, .b_column = 1};
        call->kernels->combine(&add, y, call->add + first, y);
    }
    if (gather->activation.id != UP_ACT_LINEAR)
        call->kernels->activate(&gather->activation, y, count, y);
    if (y == out)
        return;
    if (call->stream)
        call->kernels->stream(y, count, out);
    else
        memcpy(out, y, count * sizeof *out);
}
