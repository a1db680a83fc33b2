#include <stdatomic.h>

#include "core/deadline.h"
#include "core/plan/internal.h"

struct run {
    struct up_call call;
    uint64_t deadline_ns;
    _Atomic bool late;
};

/* One range of a step's rows, on any thread. */
static void work(void *arg, size_t begin, size_t end)
{
    struct run *run = arg;
    if (atomic_load_explicit(&run->late, memory_order_relaxed))
        return;
    if (up_deadline_passed(run->deadline_ns))
        atomic_store_explicit(&run->late, true, memory_order_relaxed);
    else {
        run->call.step->ops->rows(&run->call, begin, end);
        if (run->call.step->stream)
            run->call.kernels->fence();
    }
}

enum up_code up_plan_run(const struct up_plan *plan, const float *const *in, float *const *out,
                         void *scratch, struct up_pool *pool, uint64_t deadline_ns,
                         struct up_error *err)
{
    const float *inputs[UP_INPUTS_MAX];
    for (size_t s = 0; s < plan->step_count; s++) {
        const struct up_plan_step *step = &plan->step[s];
        for (uint32_t i = 0; i < step->step.in_count; i++) {
            const struct up_buffer *b = &plan->buffer[step->in[i]];
            inputs[i] = b->kind == UP_BUFFER_INPUT    ? in[b->index]
                        : b->kind == UP_BUFFER_OUTPUT ? out[b->index]
                                                      : (float *)((char *)scratch + b->offset);
        }
        const struct up_buffer *b = &plan->buffer[step->out];
        float *to =
            b->kind == UP_BUFFER_OUTPUT ? out[b->index] : (float *)((char *)scratch + b->offset);
        struct run run = {.call = {&step->step, plan->kernels, inputs, to},
                          .deadline_ns = deadline_ns};
        up_pool_rows(pool, step->step.rows, step->step.grain, work, &run);
        if (atomic_load_explicit(&run.late, memory_order_relaxed))
            return up_fail(err, UP_E_DEADLINE, "",
                           "the deadline passed while computing step %zu of %zu", s + 1,
                           plan->step_count);
    }
    return UP_OK;
}
