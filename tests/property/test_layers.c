/* What every layer of the catalogue must have, whatever it computes. The layers, and random
 * configurations of them, come from the table: a new layer is tested without a line here. */
#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

#include "configure.h"

enum { CONFIGURATIONS = 100 };

/* Calls `check` with configurations that can be planned, for every layer and instruction set. */
struct property {
    const struct up_kernels *kernels;
    struct random random;
    struct up_arena *arena;
    struct sample sample;
};

static void for_all(void (*check)(struct property *p), size_t cells, size_t configurations)
{
    const struct up_kernels *usable[16];
    const size_t isas = up_kernels_usable(usable, 16);
    struct property p = {.arena = up_arena_new(SAMPLE_ARENA_BYTES, NULL)};
    for (const struct up_layer_ops *const *ops = up_layers(); *ops != NULL; ops++) {
        size_t checked = 0;
        for (size_t i = 0; i < 50 * configurations && checked < configurations; i++) {
            p.random = (struct random){i};
            p.kernels = usable[i % isas];
            up_arena_reset(p.arena, SAMPLE_ARENA_BYTES);
            p.sample = sample_make(&p.random, *ops, SMALL, cells, p.arena);
            struct up_plan *plan;
            struct up_error err;
            if (sample_plan(&p.sample, p.kernels, p.arena, &plan, &err) != UP_OK)
                continue;
            check(&p);
            checked++;
        }
        cr_assert(checked == configurations, "%s: %zu configurations of %zu could be planned",
                  (*ops)->class_name, checked, configurations);
    }
    up_arena_free(p.arena);
}

static struct up_plan *planned(const struct property *p)
{
    struct up_plan *plan = NULL;
    struct up_error err;
    cr_assert(sample_plan(&p->sample, p->kernels, p->arena, &plan, &err) == UP_OK, "%s", err.text);
    return plan;
}

/* --- Shapes --------------------------------------------------------------------------------- */

static void shape_is_filled(struct property *p)
{
    const struct up_plan *plan = planned(p);
    size_t count;
    (void)sample_run(plan, sample_inputs(&p->sample, &p->random, p->arena), NULL, p->arena, &count);
    cr_assert(up_shape_equal(up_plan_output(plan, 0), &up_plan_node(plan, 0)->out),
              "%s: the plan and its node differ", p->sample.ops->class_name);
    cr_assert(up_plan_bytes(plan).output == count * sizeof(float), "%s: %zu bytes of %zu values",
              p->sample.ops->class_name, up_plan_bytes(plan).output, count);
}

Test(layers, fill_the_shape_that_the_plan_declares, .timeout = 60)
{
    for_all(shape_is_filled, 50, CONFIGURATIONS);
}

/* --- Division of work ----------------------------------------------------------------------- */

/* The step of the layer alone, as the plan would prepare it. */
static bool step_make(struct property *p, struct up_step *ret)
{
    const struct up_layer_ops *ops = p->sample.ops;
    if ((ops->flags & UP_LAYER_BYPASS) != 0)
        return false;
    struct up_config *config = p->sample.config;
    for (uint32_t i = 0; config->data_format == UP_CHANNELS_FIRST && i < p->sample.in_count; i++)
        p->sample.in[i] = up_shape_to_last(&p->sample.in[i]);
    config->data_format = UP_CHANNELS_LAST; /* layers see no other */
    struct up_plan *plan;
    struct up_error err;
    struct up_shape out;
    if (sample_plan(&p->sample, p->kernels, p->arena, &plan, &err) != UP_OK)
        return false; /* with the axes in another order it may not fit */
    const struct up_plan_node *node = up_plan_node(plan, 0);
    cr_assert(ops->shape(config, p->sample.in, p->sample.in_count, &out, &err) == UP_OK, "%s",
              err.text);
    *ret = (struct up_step){.ops = ops,
                            .config = config,
                            .in = p->sample.in,
                            .in_count = p->sample.in_count,
                            .out = out,
                            .weights = node->weight_value,
                            .weight_count = node->weight_count};
    cr_assert(ops->prepare(ret, p->kernels, p->arena, &err) == UP_OK, "%s", err.text);
    cr_assert(ret->rows >= 1 && ret->grain >= 1 && ret->algorithm != NULL && ret->macs >= 0,
              "%s: %zu rows, grain %zu", ops->class_name, ret->rows, ret->grain);
    return true;
}

static float *blank(const struct property *p, const struct up_step *step)
{
    const size_t count = up_shape_size(&step->out);
    float *out = sample_memory(p->arena, count, sizeof *out);
    for (size_t i = 0; i < count; i++)
        out[i] = NAN;
    return out;
}

/* From the last piece to the first, `piece` rows each. */
static void run_backwards(const struct up_call *call, size_t piece)
{
    for (size_t end = call->step->rows; end > 0;) {
        const size_t begin = end > piece ? end - piece : 0;
        call->step->ops->rows(call, begin, end);
        end = begin;
    }
}

static void split_is_free(struct property *p)
{
    struct up_step step;
    if (!step_make(p, &step))
        return;
    const float *const *in = sample_inputs(&p->sample, &p->random, p->arena);
    struct up_call call = {&step, p->kernels, in, blank(p, &step)};
    const float *whole = call.out;
    step.ops->rows(&call, 0, step.rows);
    const size_t pieces[] = {1, 2, 3, random_size(&p->random, 1, step.rows)};
    for (size_t i = 0; i < sizeof pieces / sizeof pieces[0]; i++) {
        call.out = blank(p, &step);
        run_backwards(&call, pieces[i]);
        cr_assert(memcmp(call.out, whole, up_shape_size(&step.out) * sizeof *whole) == 0,
                  "%s on %s: %zu rows at a time are other bits", step.ops->class_name,
                  p->kernels->isa, pieces[i]);
    }
}

Test(layers, give_the_same_bits_however_rows_are_divided, .timeout = 60)
{
    for_all(split_is_free, 200, CONFIGURATIONS);
}

static struct up_pool *pool;

static void threads_agree(struct property *p)
{
    const struct up_plan *plan = planned(p);
    const float *const *in = sample_inputs(&p->sample, &p->random, p->arena);
    size_t count;
    const float *alone = sample_run(plan, in, NULL, p->arena, &count);
    const float *together = sample_run(plan, in, pool, p->arena, &count);
    cr_assert(memcmp(alone, together, count * sizeof *alone) == 0,
              "%s on %s: four threads give other bits than one", p->sample.ops->class_name,
              p->kernels->isa);
}

Test(layers, give_the_same_bits_on_one_thread_and_on_four, .timeout = 60)
{
    pool = up_pool_new(4, 0);
    cr_assert(pool != NULL, "no pool");
    for_all(threads_agree, 3000, 20);
    up_pool_free(pool);
}

/* Around the cache, or not; by one thread, two and three. */
static struct up_pool *pools[3];

static void streams_agree(struct property *p)
{
    /* Outputs whose channels are whole cache lines have a way of their own. */
    if (up_param_find(p->sample.ops->params, "filters") != NULL &&
        random_size(&p->random, 0, 1) == 0)
        *(int64_t *)sample_value(&p->sample, "filters") *= 16;
    const float *const *in = sample_inputs(&p->sample, &p->random, p->arena), *plain = NULL;
    for (size_t turn = 0; turn < 6; turn++) {
        size_t count;
        p->sample.stream_bytes = turn % 2 == 0 ? SIZE_MAX : 1;
        const float *out = sample_run(planned(p), in, pools[turn / 2], p->arena, &count);
        plain = turn == 0 ? out : plain;
        cr_assert(memcmp(plain, out, count * sizeof *out) == 0,
                  "%s on %s, %s by %zu threads: other bits than stored by one",
                  p->sample.ops->class_name, p->kernels->isa, turn % 2 == 0 ? "stored" : "streamed",
                  1 + turn / 2);
    }
}

Test(layers, give_the_same_bits_streamed_by_any_number_of_threads, .timeout = 60)
{
    for (unsigned i = 1; i < 3; i++) {
        pools[i] = up_pool_new(i, 0);
        cr_assert(pools[i] != NULL, "no pool");
    }
    for_all(streams_agree, 3000, CONFIGURATIONS);
    up_pool_free(pools[1]);
    up_pool_free(pools[2]);
}

/* --- Linearity ------------------------------------------------------------------------------ */

/* The layer with weights of the test's own: random, or their absolute values. */
static struct up_plan *weighted(struct property *p, const struct up_plan_node *like, bool absolute,
                                uint64_t seed)
{
    struct random random = {seed};
    struct up_tensor *weights = sample_memory(p->arena, UP_WEIGHTS_MAX, sizeof *weights);
    for (uint32_t i = 0; i < like->weight_count; i++) {
        const size_t count = up_shape_size(&like->weight[i].shape);
        weights[i].shape = like->weight[i].shape;
        weights[i].data = sample_memory(p->arena, count, sizeof(float));
        random_fill(&random, weights[i].data, count);
        for (size_t k = 0; absolute && k < count; k++)
            weights[i].data[k] = fabsf(weights[i].data[k]);
    }
    p->sample.weights = like->weight_count == 0 ? NULL : weights;
    p->sample.weight_count = like->weight_count;
    return planned(p);
}

/* a * x + b * y of every input, or |a * x| + |b * y|. */
static const float *const *combined(const struct property *p, float a, const float *const *x,
                                    float b, const float *const *y, bool absolute)
{
    const float **in = sample_memory(p->arena, SAMPLE_INPUTS_MAX, sizeof *in);
    for (uint32_t i = 0; i < p->sample.in_count; i++) {
        const size_t count = up_shape_size(&p->sample.in[i]);
        float *values = sample_memory(p->arena, count, sizeof *values);
        for (size_t k = 0; k < count; k++)
            values[k] =
                absolute ? fabsf(a * x[i][k]) + fabsf(b * y[i][k]) : a * x[i][k] + b * y[i][k];
        in[i] = values;
    }
    return in;
}

/* Inputs of few bits, whose combinations are exact. */
static const float *const *coarse_inputs(struct property *p)
{
    float *const *in = (float *const *)(uintptr_t)sample_inputs(&p->sample, &p->random, p->arena);
    for (uint32_t i = 0; i < p->sample.in_count; i++)
        for (size_t k = 0; k < up_shape_size(&p->sample.in[i]); k++)
            in[i][k] = roundf(in[i][k] * 256) / 256;
    return (const float *const *)in;
}

/* Of a layer that is an activation function, when that became linear too. */
static bool is_linear(const struct sample *sample)
{
    const struct up_layer_ops *ops = sample->ops;
    return (ops->flags & UP_LAYER_NONLINEAR) == 0 &&
           (ops->function == NULL || ops->function(sample->config).id == UP_ACT_LINEAR);
}

/* f(2x - 3y) - f(0) = 2 (f(x) - f(0)) - 3 (f(y) - f(0)), within the rounding of sums as large as
 * the layer of absolute weights makes of absolute values. A weight below a root may leave no
 * number.
 */
static void combination_passes_through(struct property *p)
{
    sample_linearize(&p->sample);
    if (!is_linear(&p->sample))
        return;
    const struct up_plan_node *like = up_plan_node(planned(p), 0);
    const struct up_plan *plan = weighted(p, like, false, 7), *sizes = weighted(p, like, true, 7);
    const float *const *x = coarse_inputs(p), *const *y = coarse_inputs(p);
    size_t n;
    const float *fx = sample_run(plan, x, NULL, p->arena, &n);
    const float *fy = sample_run(plan, y, NULL, p->arena, &n);
    const float *f0 = sample_run(plan, combined(p, 0, x, 0, y, false), NULL, p->arena, &n);
    const float *fxy = sample_run(plan, combined(p, 2, x, -3, y, false), NULL, p->arena, &n);
    const float *size = sample_run(sizes, combined(p, 2, x, -3, y, true), NULL, p->arena, &n);
    for (size_t i = 0; i < n; i++) {
        const double zero = (double)f0[i];
        const double left = (double)fxy[i] - zero;
        const double right = 2 * ((double)fx[i] - zero) - 3 * ((double)fy[i] - zero);
        const double sum = fabs((double)size[i]) + fabs(left) + 6 * fabs(zero);
        cr_assert(isnan(zero) || fabs(left - right) <= 256.0 / 16777216 * sum,
                  "%s on %s: value %zu is %.9g, not %.9g", p->sample.ops->class_name,
                  p->kernels->isa, i, left, right);
    }
}

Test(layers, are_linear_when_their_activation_is, .timeout = 60)
{
    for_all(combination_passes_through, 50, CONFIGURATIONS);
}

/* --- Refusals ------------------------------------------------------------------------------- */

/* "/layer/config/strides/0" names strides. */
static bool names_parameter(const struct up_layer_ops *ops, const char *at)
{
    static const char base[] = "/layer/config/";
    char name[64];
    if (strncmp(at, base, sizeof base - 1) != 0)
        return false;
    const size_t bytes = strcspn(at + sizeof base - 1, "/");
    cr_assert(bytes < sizeof name, "%s", at);
    memcpy(name, at + sizeof base - 1, bytes);
    name[bytes] = '\0';
    return up_param_find(ops->params, name) != NULL;
}

static void assert_refusal(const struct sample *sample, const struct up_error *err)
{
    const char *class_name = sample->ops->class_name;
    cr_assert(err->text[0] != '\0', "%s: a refusal without a sentence", class_name);
    if (err->code == UP_E_LIMIT) /* of all parameters together */
        cr_assert(strncmp(err->at, "/layer", 6) == 0, "%s: %s at %s", class_name, err->text,
                  err->at);
    else
        cr_assert(err->code == UP_E_INVALID && names_parameter(sample->ops, err->at),
                  "%s: %s (%s) at %s", class_name, err->text, up_code_slug(err->code), err->at);
}

Test(layers, name_a_parameter_when_they_refuse_a_configuration, .timeout = 60)
{
    struct up_arena *arena = up_arena_new(SAMPLE_ARENA_BYTES, NULL);
    size_t refused = 0;
    for (const struct up_layer_ops *const *ops = up_layers(); *ops != NULL; ops++)
        for (size_t i = 0; i < 300; i++) {
            struct random random = {1000 + i};
            struct up_plan *plan;
            struct up_error err;
            up_arena_reset(arena, SAMPLE_ARENA_BYTES);
            const struct sample sample = sample_make(&random, *ops, WILD, 50, arena);
            if (sample_plan(&sample, up_kernels_select(NULL), arena, &plan, &err) == UP_OK)
                continue;
            assert_refusal(&sample, &err);
            refused++;
        }
    cr_assert(refused > 100, "only %zu configurations were refused", refused);
    up_arena_free(arena);
}
