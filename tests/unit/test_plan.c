#include "core/plan/plan.h"

#include <criterion/criterion.h>
#include <pthread.h>
#include <string.h>

#include "core/deadline.h"
#include "core/plan/internal.h"
#include "tests/support/random.h"
#include "tests/unit/plan_model.h"

/* --- Graphs --------------------------------------------------------------------------------- */

Test(plan, chain_runs_its_layers_in_order, .timeout = 20)
{
    struct model *m = model_new(image);
    const uint32_t larger = upsampling(m, 0, 2, 1, false);
    (void)channel_sum(m, "ones");
    output_add(m, activation(m, node_add(m, larger), "relu"));
    const struct up_plan *plan = model_plan(m);
    assert_shape(up_plan_output(plan, 0), "(1, 4, 3, 1)");
    assert_shape(&up_plan_node(plan, 1)->in, "(1, 4, 3, 2)");
    assert_shape(&up_plan_node(plan, 1)->out, "(1, 4, 3, 1)");
    const float *in;
    const float *out = model_run(m, plan, &in)[0];
    static const float expected[] = {0, 0, 0, 0, 0, 0, 1, 5, 9, 1, 5, 9}; /* -11, -7, -3, 1, 5, 9 */
    cr_assert(memcmp(out, expected, sizeof expected) == 0, "%g %g %g", (double)out[6],
              (double)out[7], (double)out[8]);
    model_free(m);
}

Test(plan, value_with_two_consumers_serves_both, .timeout = 20)
{
    struct model *m = model_new(image);
    const uint32_t shared = upsampling(m, 0, 1, 1, false);
    output_add(m, activation(m, shared, "relu"));
    output_add(m, activation(m, shared, "relu6"));
    output_add(m, shared);
    const struct up_plan *plan = model_plan(m);
    const float *in;
    float **out = model_run(m, plan, &in);
    for (size_t i = 0; i < 12; i++) {
        const float relu = in[i] > 0 ? in[i] : 0;
        cr_assert(out[0][i] == relu && out[1][i] == relu && out[2][i] == in[i],
                  "%g became %g, %g, %g", (double)in[i], (double)out[0][i], (double)out[1][i],
                  (double)out[2][i]);
    }
    model_free(m);
}

Test(plan, output_may_be_an_input, .timeout = 20)
{
    struct model *m = model_new(image);
    output_add(m, 0);
    const struct up_plan *plan = model_plan(m);
    cr_assert(up_plan_node_count(plan) == 0, "%u nodes", up_plan_node_count(plan));
    const float *in;
    const float *out = model_run(m, plan, &in)[0];
    cr_assert(memcmp(out, in, 12 * sizeof *in) == 0, "the input came out changed");
    model_free(m);
}

Test(plan, value_may_be_an_output_twice, .timeout = 20)
{
    struct model *m = model_new(image);
    const uint32_t v = upsampling(m, 0, 2, 2, true);
    output_add(m, v);
    output_add(m, v);
    const struct up_plan *plan = model_plan(m);
    const float *in;
    float **out = model_run(m, plan, &in);
    cr_assert(out[0][0] == in[0] && out[0][47] == in[11], "%g, %g", (double)out[0][0],
              (double)out[0][47]);
    cr_assert(memcmp(out[0], out[1], 48 * sizeof *in) == 0, "the outputs differ");
    cr_assert(up_plan_bytes(plan).output == 2 * 48 * sizeof *in, "%zu bytes",
              up_plan_bytes(plan).output);
    model_free(m);
}

Test(plan, input_layer_passes_its_input_on, .timeout = 20)
{
    struct model *m = model_new(image);
    (void)layer_add(m, "InputLayer");
    const uint32_t passed = node_add(m, 0);
    output_add(m, passed);
    output_add(m, upsampling(m, passed, 1, 2, false));
    const struct up_plan *plan = model_plan(m);
    const float *in;
    float **out = model_run(m, plan, &in);
    cr_assert(memcmp(out[0], in, 12 * sizeof *in) == 0, "InputLayer changed its input");
    cr_assert(out[1][0] == in[0] && out[1][2] == in[0] && out[1][4] == in[2], "%g %g %g",
              (double)out[1][0], (double)out[1][2], (double)out[1][4]);
    model_free(m);
}

/* --- Random graphs -------------------------------------------------------------------------- */

/* y = x with every index along `axis` repeated. */
static struct up_tensor repeated(struct up_arena *arena, const struct up_tensor *x, uint32_t axis,
                                 size_t factor)
{
    struct up_tensor y = {.shape = x->shape};
    y.shape.dim[axis] *= factor;
    const size_t count = up_shape_size(&y.shape);
    y.data = up_arena_alloc(arena, count, sizeof(float), NULL);
    size_t inner = 1;
    for (uint32_t i = axis + 1; i < x->shape.rank; i++)
        inner *= x->shape.dim[i];
    for (size_t i = 0; i < count; i++) /* index along the axis and before it, and after it */
        y.data[i] = x->data[i / inner / factor * inner + i % inner];
    return y;
}

/* Adds a random node and returns what its value must be. */
static struct up_tensor node_random(struct model *m, struct random *random,
                                    const struct up_tensor *values)
{
    const uint32_t from = (uint32_t)random_size(random, 0, m->graph.node_count);
    const struct up_tensor *x = &values[from];
    if (random_size(random, 0, 3) == 0) {
        struct up_tensor y = repeated(m->arena, x, 0, 1);
        for (size_t i = 0; i < up_shape_size(&y.shape); i++)
            y.data[i] = y.data[i] > 0 ? y.data[i] : 0;
        (void)activation(m, from, "relu");
        return y;
    }
    const bool first = random_size(random, 0, 1) == 1;
    const size_t h = random_size(random, 1, 2), w = random_size(random, 1, 2);
    (void)upsampling(m, from, (int64_t)h, (int64_t)w, first);
    const struct up_tensor y = repeated(m->arena, x, first ? 2 : 1, h);
    return repeated(m->arena, &y, first ? 3 : 2, w);
}

static void graph_check(struct model *m, const struct up_tensor *values, uint64_t seed)
{
    const struct up_plan *plan = model_plan(m);
    const float *in;
    float **out = model_run(m, plan, &in);
    for (uint32_t i = 0; i < m->graph.output_count; i++) {
        const struct up_tensor *expected = &values[m->output[i]];
        cr_assert(up_shape_equal(up_plan_output(plan, i), &expected->shape),
                  "graph %llu: output %u has another shape", (unsigned long long)seed, i);
        cr_assert(
            memcmp(out[i], expected->data, up_shape_size(&expected->shape) * sizeof(float)) == 0,
            "graph %llu: output %u, value %u, is wrong", (unsigned long long)seed, i, m->output[i]);
    }
}

/* Both layouts, any fan-out, outputs anywhere. Two buffers in one place would show as a wrong
 * value. */
Test(plan, random_graphs_compute_what_their_layers_say, .timeout = 60)
{
    for (uint64_t seed = 0; seed < 400; seed++) {
        struct random random = {seed};
        struct model *m = model_new((struct up_shape){4, {1, 2, 3, 4}});
        struct up_tensor values[NODES_MAX + 1] = {{.shape = m->input[0]}};
        values[0].data = up_arena_alloc(m->arena, 24, sizeof(float), NULL);
        for (size_t i = 0; i < 24; i++)
            values[0].data[i] = (float)i - 12;
        const size_t nodes = random_size(&random, 1, 8);
        for (uint32_t i = 1; i <= nodes; i++)
            values[i] = node_random(m, &random, values);
        output_add(m, (uint32_t)nodes);
        for (size_t extra = random_size(&random, 0, 3); extra > 0; extra--)
            output_add(m, (uint32_t)random_size(&random, 0, nodes));
        graph_check(m, values, seed);
        model_free(m);
    }
}

/* --- Scratch -------------------------------------------------------------------------------- */

static bool overlap(size_t a_first, size_t a_last, size_t b_first, size_t b_last)
{
    return a_first <= b_last && b_first <= a_last;
}

Test(plan, buffers_that_live_together_lie_apart, .timeout = 20)
{
    for (uint64_t seed = 0; seed < 500; seed++) {
        struct random random = {seed};
        struct up_buffer b[20];
        uint32_t order[20];
        for (size_t i = 0; i < 20; i++) {
            b[i] = (struct up_buffer){.kind = (enum up_buffer_kind)random_size(&random, 0, 2),
                                      .bytes = 4 * random_size(&random, 1, 100),
                                      .first = random_size(&random, 0, 10)};
            b[i].last = b[i].first + random_size(&random, 0, 4);
        }
        const size_t total = up_buffers_place(b, 20, order);
        for (size_t i = 0; i < 20; i++) {
            if (b[i].kind != UP_BUFFER_SCRATCH)
                continue;
            cr_assert(b[i].offset % UP_ALIGN_BYTES == 0, "offset %zu", b[i].offset);
            cr_assert(b[i].offset + b[i].bytes <= total, "%zu bytes at %zu of %zu", b[i].bytes,
                      b[i].offset, total);
            for (size_t k = 0; k < i; k++)
                cr_assert(b[k].kind != UP_BUFFER_SCRATCH ||
                              !overlap(b[i].first, b[i].last, b[k].first, b[k].last) ||
                              !overlap(b[i].offset, b[i].offset + b[i].bytes - 1, b[k].offset,
                                       b[k].offset + b[k].bytes - 1),
                          "seed %llu: buffers %zu and %zu", (unsigned long long)seed, k, i);
        }
    }
}

Test(plan, chain_of_any_length_needs_two_buffers, .timeout = 20)
{
    struct model *m = model_new((struct up_shape){4, {1, 16, 16, 1}});
    uint32_t v = 0;
    for (int i = 0; i < 10; i++)
        v = activation(m, v, "tanh");
    output_add(m, v);
    const size_t scratch = up_plan_bytes(model_plan(m)).scratch;
    cr_assert(scratch <= 2 * 1024 && scratch >= 1024, "%zu bytes for values of 1024", scratch);
    model_free(m);
}

Test(plan, one_layer_needs_no_scratch, .timeout = 20)
{
    struct model *m = model_new(image);
    output_add(m, upsampling(m, 0, 2, 2, false));
    cr_assert(up_plan_bytes(model_plan(m)).scratch == 0, "scratch for one layer");
    model_free(m);
}

Test(plan, channels_first_layer_that_only_repeats_moves_nothing, .timeout = 20)
{
    struct model *m = model_new((struct up_shape){4, {2, 3, 2, 1}});
    output_add(m, upsampling(m, 0, 2, 2, true));
    const struct up_plan *plan = model_plan(m);
    cr_assert(plan->step_count == 1, "%zu steps", (size_t)plan->step_count);
    assert_shape(up_plan_output(plan, 0), "(2, 3, 4, 2)");
    const float *in;
    const float *out = model_run(m, plan, &in)[0];
    for (size_t i = 0; i < 48; i++)
        cr_assert(out[i] == in[i / 4], "value %zu is %g", i, (double)out[i]);
    model_free(m);
}

/* --- Running -------------------------------------------------------------------------------- */

Test(plan, run_stops_at_its_deadline, .timeout = 20)
{
    struct model *m = model_new(image);
    output_add(m, upsampling(m, 0, 2, 2, false));
    const struct up_plan *plan = model_plan(m);
    static const float zeros[12];
    float room[48];
    const float *const in[] = {zeros};
    float *const out[] = {room};
    struct up_error err = {.code = UP_OK};
    cr_assert(up_plan_run(plan, in, out, NULL, NULL, up_now_ns(), &err) == UP_E_DEADLINE, "%s",
              err.text);
    cr_assert(err.text[0] != '\0', "no sentence");
    cr_assert(up_plan_run(plan, in, out, NULL, NULL, 0, NULL) == UP_OK, "without a deadline");
    const uint64_t hour = up_now_ns() + 3600u * (uint64_t)1000000000;
    cr_assert(up_plan_run(plan, in, out, NULL, NULL, hour, NULL) == UP_OK, "with an hour");
    model_free(m);
}

struct runner {
    pthread_t thread;
    const struct up_plan *plan;
    float start;
    bool right;
};

static void *runner_main(void *arg)
{
    struct runner *r = arg;
    float x[12], y[48];
    _Alignas(UP_ALIGN_BYTES) char scratch[1024];
    const float *const in[] = {x};
    float *const out[] = {y};
    r->right = up_plan_bytes(r->plan).scratch <= sizeof scratch;
    for (int turn = 0; turn < 1000 && r->right; turn++) {
        for (size_t i = 0; i < 12; i++)
            x[i] = r->start + (float)turn;
        r->right = up_plan_run(r->plan, in, out, scratch, NULL, 0, NULL) == UP_OK;
        for (size_t i = 0; i < 48; i++)
            r->right = r->right && y[i] == x[0];
    }
    return NULL;
}

Test(plan, one_plan_runs_for_many_requests_at_once, .timeout = 20)
{
    struct model *m = model_new(image);
    output_add(m, upsampling(m, upsampling(m, 0, 2, 1, true), 1, 2, false));
    const struct up_plan *plan = model_plan(m);
    struct runner runner[4];
    for (size_t i = 0; i < 4; i++) {
        runner[i] = (struct runner){.plan = plan, .start = 1000 * (float)i};
        cr_assert(pthread_create(&runner[i].thread, NULL, runner_main, &runner[i]) == 0, "%zu", i);
    }
    for (size_t i = 0; i < 4; i++) {
        cr_assert(pthread_join(runner[i].thread, NULL) == 0, "%zu", i);
        cr_assert(runner[i].right, "runner %zu saw the values of another", i);
    }
    model_free(m);
}
