/* Add, Subtract, Multiply, Average, Maximum, Minimum: several inputs, value by value. As Keras does
 * it, inputs of fewer axes get axes of length 1 after the batch, and axes of length 1 repeat. */
#include "core/layers/broadcast.h"

struct merge_config {
    struct up_config base;
};

/* The shape with axes of length 1 after the batch. */
static struct up_shape raised(const struct up_shape *shape, uint32_t rank)
{
    struct up_shape out = *shape;
    while (out.rank < rank)
        out = up_shape_with(&out, 1, 1);
    return out;
}

static enum up_code shape(const void *config, const struct up_shape *in, uint32_t in_count,
                          struct up_shape *ret_out, struct up_error *err)
{
    (void)config;
    struct up_shape out = in[0];
    for (uint32_t i = 1; i < in_count; i++) {
        const uint32_t rank = in[i].rank > out.rank ? in[i].rank : out.rank;
        const struct up_shape next = raised(&in[i], rank);
        bool fits = in[i].dim[0] == out.dim[0];
        out = raised(&out, rank);
        for (uint32_t k = 1; k < rank; k++) {
            fits = fits && (out.dim[k] == next.dim[k] || out.dim[k] == 1 || next.dim[k] == 1);
            out.dim[k] = out.dim[k] == 1 ? next.dim[k] : out.dim[k];
        }
        char text[UP_SHAPE_TEXT_BYTES], first[UP_SHAPE_TEXT_BYTES];
        if (!fits)
            return up_fail(err, UP_E_INVALID, "", "input %u of shape %s does not fit %s", i,
                           up_shape_text(&in[i], text), up_shape_text(&in[0], first));
    }
    *ret_out = out;
    return UP_OK;
}

/* `divide`: the result is divided by the number of inputs. */
static enum up_code prepare(enum up_operation operation, bool divide, struct up_step *step,
                            struct up_arena *arena, struct up_error *err)
{
    const uint32_t n = step->in_count;
    struct up_operand *operands = up_arena_alloc(arena, n + 1, sizeof *operands, err);
    float *divisor = up_arena_alloc(arena, 1, sizeof *divisor, err);
    if (operands == NULL || divisor == NULL)
        return err->code;
    for (uint32_t i = 0; i < n; i++)
        operands[i] = (struct up_operand){raised(&step->in[i], step->out.rank), operation, NULL};
    *divisor = (float)n;
    operands[n] = (struct up_operand){{.rank = 0}, UP_DIVIDE, divisor};
    return up_broadcast_prepare(operands, divide ? n + 1 : n, step, arena, err);
}

static const struct up_param params[] = {UP_PARAM_END};

#define MERGE(symbol, name, operation, divide, flag, least, most, text)                            \
    static enum up_code prepare_##symbol(struct up_step *step, const struct up_kernels *kernels,   \
                                         struct up_arena *arena, struct up_error *err)             \
    {                                                                                              \
        (void)kernels;                                                                             \
        return prepare(operation, divide, step, arena, err);                                       \
    }                                                                                              \
    const struct up_layer_ops up_layer_##symbol = {                                                \
        .class_name = (name),                                                                      \
        .summary = (text),                                                                         \
        .flags = (flag),                                                                           \
        .inputs_min = (least),                                                                     \
        .inputs_max = (most),                                                                      \
        .config_bytes = sizeof(struct merge_config),                                               \
        .params = params,                                                                          \
        .shape = shape,                                                                            \
        .prepare = prepare_##symbol,                                                               \
        .rows = up_broadcast_rows,                                                                 \
    }

MERGE(add, "Add", UP_ADD, false, UP_LAYER_ADDS, 1, UP_INPUTS_MAX, "The sum of its inputs.");
MERGE(subtract, "Subtract", UP_SUBTRACT, false, 0, 2, 2, "The first input less the second.");
MERGE(multiply, "Multiply", UP_MULTIPLY, false, UP_LAYER_NONLINEAR, 1, UP_INPUTS_MAX,
      "The product of its inputs.");
MERGE(average, "Average", UP_ADD, true, 0, 1, UP_INPUTS_MAX, "The mean of its inputs.");
MERGE(maximum, "Maximum", UP_MAXIMUM, false, UP_LAYER_NONLINEAR, 1, UP_INPUTS_MAX,
      "The largest of its inputs.");
MERGE(minimum, "Minimum", UP_MINIMUM, false, UP_LAYER_NONLINEAR, 1, UP_INPUTS_MAX,
      "The smallest of its inputs.");
