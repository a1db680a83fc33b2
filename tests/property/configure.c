#include "configure.h"

#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

/* --- Values of parameters ------------------------------------------------------------------- */

/* From min, or -2 if that is more, three further; sometimes the bounds themselves. */
static int64_t integer(struct random *random, const struct up_param *row, enum variety variety)
{
    const bool bounded = row->min != 0 || row->max != 0;
    const int64_t low = bounded ? (int64_t)row->min : 0;
    const int64_t high = bounded ? (int64_t)row->max : (int64_t)UP_DIM_MAX;
    const size_t turn = random_size(random, 0, 9);
    if (variety == WILD && turn == 0)
        return high;
    if (variety == WILD && turn == 1)
        return high - low > 1000 ? low + 1000 : high;
    const int64_t first = low < -2 && high >= -2 ? -2 : low;
    return first + (int64_t)random_size(random, 0, high - first > 3 ? 3 : (size_t)(high - first));
}

static void set_ints(struct random *random, const struct up_param *row, enum variety variety,
                     uint32_t spatial, struct up_ints *ret)
{
    if ((row->flags & UP_PARAM_NULLABLE) != 0 && random_size(random, 0, 1) == 0)
        return;
    const bool lowest = variety == SMALL && random_size(random, 0, 1) == 0;
    ret->set = true;
    for (uint32_t i = 0; i < spatial; i++)
        ret->v[i] = lowest ? (int64_t)row->min : integer(random, row, variety);
}

/* Any integers are rarely a shape or a permutation: mostly counts down from the length, shuffled,
 * or is -1. */
static void set_list(struct random *random, const struct up_param *row, struct up_list *ret)
{
    if ((row->flags & UP_PARAM_NULLABLE) != 0 && random_size(random, 0, 1) == 0)
        return;
    const size_t kind = random_size(random, 0, 2);
    *ret = (struct up_list){.set = true, .count = (uint32_t)random_size(random, 1, 4)};
    ret->scalar = ret->count == 1 && random_size(random, 0, 1) == 0;
    for (uint32_t i = 0; i < ret->count; i++) {
        const uint32_t other = (uint32_t)random_size(random, 0, i);
        ret->v[i] = ret->v[other];
        ret->v[other] = kind == 0   ? (int64_t)i + 1
                        : kind == 1 ? (row->min > -1 ? (int64_t)row->min : -1)
                                    : integer(random, row, SMALL);
    }
}

static void set_pairs(struct random *random, const struct up_param *row, enum variety variety,
                      struct up_pairs *ret)
{
    for (uint32_t i = 0; i < 3; i++)
        for (uint32_t side = 0; side < 2; side++)
            ret->v[i][side] = integer(random, row, variety);
}

static void set_float(struct random *random, const struct up_param *row, double *ret)
{
    const bool bounded = row->min != 0 || row->max != 0;
    const double low = bounded ? row->min : -1.5, high = bounded ? row->max : 1.5;
    *ret = low + fmin(high - low, 3) / 16 * (double)random_size(random, 0, 16);
}

static void set_activation(struct random *random, struct up_activation *ret)
{
    const enum up_activation_id id =
        (enum up_activation_id)random_size(random, 0, UP_ACT_COUNT - 1);
    cr_assert(up_activation_find(up_activation_name(id), ret), "activation %d", (int)id);
}

/* The seed is set, so that plans of one sample are alike. */
static void set_initializer(struct random *random, struct up_initializer *ret)
{
    size_t count = 0;
    while (up_initializer_classes()[count] != NULL)
        count++;
    *ret = up_initializer_default(up_initializer_classes()[random_size(random, 0, count - 1)]);
    ret->seed = (struct up_seed){.set = true, .value = (int64_t)random_size(random, 0, 1000)};
}

static float numbers[] = {0.25F, 1, 1.5F, 3};

static void set(struct random *random, const struct up_param *row, enum variety variety,
                uint32_t spatial, void *value)
{
    size_t choices = 0;
    switch (row->type) {
    case UP_PARAM_INT:
        if ((row->flags & UP_PARAM_NULLABLE) == 0)
            *(int64_t *)value = integer(random, row, variety);
        break;
    case UP_PARAM_FLOAT:
        set_float(random, row, value);
        break;
    case UP_PARAM_BOOL:
        *(bool *)value = random_size(random, 0, 1) == 1;
        break;
    case UP_PARAM_CHOICE:
        while (row->choices[choices] != NULL)
            choices++;
        *(uint32_t *)value = (uint32_t)random_size(random, 0, choices - 1);
        break;
    case UP_PARAM_INTS:
        set_ints(random, row, variety, spatial, value);
        break;
    case UP_PARAM_LIST:
        set_list(random, row, value);
        break;
    case UP_PARAM_PAIRS:
        set_pairs(random, row, variety, value);
        break;
    case UP_PARAM_TENSOR:
        *(struct up_tensor *)value =
            (struct up_tensor){.data = &numbers[random_size(random, 0, 3)]};
        break;
    case UP_PARAM_ACTIVATION:
        set_activation(random, value);
        break;
    case UP_PARAM_INITIALIZER:
        set_initializer(random, value);
        break;
    case UP_PARAM_TEXT:
    case UP_PARAM_SHAPE:
    case UP_PARAM_IGNORED:
        break;
    }
}

/* --- Samples -------------------------------------------------------------------------------- */

void *sample_memory(struct up_arena *arena, size_t count, size_t size)
{
    void *memory = up_arena_zalloc(arena, count, size, NULL);
    cr_assert(memory != NULL, "no memory for %zu times %zu bytes", count, size);
    return memory;
}

/* Channels are around what one panel of any instruction set holds. */
static struct up_shape input_shape(struct random *random, const struct up_layer_ops *ops,
                                   size_t cells)
{
    static const size_t channels[] = {1, 1, 2, 3, 4, 7, 8, 9, 16, 17, 33};
    const uint32_t rank = ops->spatial > 0 ? ops->spatial + 2 : (uint32_t)random_size(random, 2, 5);
    struct up_shape shape = {.rank = rank};
    const double side = pow((double)cells, 1 / fmax(1, (double)rank - 2));
    shape.dim[0] = random_size(random, 1, 3);
    for (uint32_t i = 1; i + 1 < rank; i++)
        shape.dim[i] = random_size(random, 1, (size_t)side + 1);
    shape.dim[rank - 1] = channels[random_size(random, 0, 10)];
    return shape;
}

struct sample sample_make(struct random *random, const struct up_layer_ops *ops,
                          enum variety variety, size_t cells, struct up_arena *arena)
{
    struct sample sample = {.ops = ops, .config = sample_memory(arena, 1, ops->config_bytes)};
    up_params_default(ops->params, sample.config);
    for (const struct up_param *row = ops->params; row->name != NULL; row++)
        set(random, row, variety, ops->spatial == 0 ? 3 : ops->spatial,
            (char *)sample.config + row->offset);
    const uint32_t most = ops->inputs_max < SAMPLE_INPUTS_MAX ? ops->inputs_max : SAMPLE_INPUTS_MAX;
    sample.in_count = (uint32_t)random_size(random, ops->inputs_min, most);
    sample.in[0] = input_shape(random, ops, cells);
    for (uint32_t i = 1; i < sample.in_count; i++)
        sample.in[i] = sample.in[0];
    return sample;
}

void *sample_value(const struct sample *sample, const char *name)
{
    const struct up_param *row = up_param_find(sample->ops->params, name);
    cr_assert(row != NULL, "%s has no parameter %s", sample->ops->class_name, name);
    return (char *)sample->config + row->offset;
}

void sample_linearize(const struct sample *sample)
{
    for (const struct up_param *row = sample->ops->params; row->name != NULL; row++)
        if (row->type == UP_PARAM_ACTIVATION)
            *(struct up_activation *)sample_value(sample, row->name) =
                (struct up_activation){.id = UP_ACT_LINEAR};
}

enum up_code sample_plan(const struct sample *sample, const struct up_kernels *kernels,
                         struct up_arena *arena, struct up_plan **ret, struct up_error *err)
{
    /* The plan borrows what the graph points at. */
    struct up_layer *layer = sample_memory(arena, 1, sizeof *layer);
    uint32_t *id = sample_memory(arena, SAMPLE_INPUTS_MAX, sizeof *id);
    for (uint32_t i = 0; i < sample->in_count; i++)
        id[i] = i;
    *layer = (struct up_layer){.ops = sample->ops,
                               .config = sample->config,
                               .at = "/layer/config",
                               .layer_at = "/layer",
                               .weights = sample->weights,
                               .weight_count = sample->weight_count};
    const struct up_node node = {0, sample->in_count, id};
    const struct up_graph graph = {.inputs = sample->in,
                                   .input_count = sample->in_count,
                                   .layers = layer,
                                   .layer_count = 1,
                                   .nodes = &node,
                                   .node_count = 1,
                                   .outputs = &sample->in_count,
                                   .output_count = 1};
    const struct up_plan_options options = {.kernels = kernels,
                                            .output_bytes_max = SAMPLE_BYTES_MAX,
                                            .output_bytes_flag = "--output-limit",
                                            .algorithm = sample->algorithm,
                                            .stream_bytes = sample->stream_bytes};
    *err = (struct up_error){.code = UP_OK};
    return up_plan_build(&graph, &options, arena, ret, err);
}

const float *const *sample_inputs(const struct sample *sample, struct random *random,
                                  struct up_arena *arena)
{
    const float **in = sample_memory(arena, SAMPLE_INPUTS_MAX, sizeof *in);
    for (uint32_t i = 0; i < sample->in_count; i++) {
        const size_t count = up_shape_size(&sample->in[i]);
        float *values = sample_memory(arena, count, sizeof *values);
        random_fill(random, values, count);
        in[i] = values;
    }
    return in;
}

/* No result is this NaN, whatever the weights and parameters are. */
static const uint32_t unwritten = 0x7fc0beef;

static bool is_unwritten(float value)
{
    return memcmp(&value, &unwritten, sizeof value) == 0;
}

float *sample_run(const struct up_plan *plan, const float *const *in, struct up_pool *pool,
                  struct up_arena *arena, size_t *ret_count)
{
    enum { AFTER = 32 };
    const size_t count = up_shape_size(up_plan_output(plan, 0));
    const size_t scratch_bytes = up_plan_bytes(plan).scratch;
    float *out = sample_memory(arena, count + AFTER, sizeof *out);
    void *scratch = scratch_bytes == 0 ? NULL : sample_memory(arena, 1, scratch_bytes);
    for (size_t i = 0; i < count + AFTER; i++)
        memcpy(&out[i], &unwritten, sizeof out[i]);
    struct up_error err = {.code = UP_OK};
    cr_assert(up_plan_run(plan, in, &out, scratch, pool, 0, &err) == UP_OK, "%s", err.text);
    for (size_t i = 0; i < count; i++)
        cr_assert(!is_unwritten(out[i]), "value %zu of %zu was not written", i, count);
    for (size_t i = count; i < count + AFTER; i++)
        cr_assert(is_unwritten(out[i]), "value %zu after the end was written", i - count);
    *ret_count = count;
    return out;
}

void sample_set_ints(const struct sample *sample, const char *name, const size_t values[3])
{
    struct up_ints *ints = sample_value(sample, name);
    ints->set = true;
    for (uint32_t i = 0; i < sample->ops->spatial; i++)
        ints->v[i] = (int64_t)values[3 - sample->ops->spatial + i];
}
