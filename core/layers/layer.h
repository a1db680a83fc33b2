/* What a layer is: one file with a configuration struct, descriptor rows, and one const vtable, and
 * one row in layers.def.
 *
 * Layers see channels-last tensors (batch, spatial..., channels) only. A configuration that says
 * channels_first is handled around the layer, by the plan. Everything that can fail does so in
 * `check`, `shape`, `weights` and `prepare`; `rows` cannot. `err` is never NULL
 * here, and holds no error yet. */
#ifndef UP_LAYER_H
#define UP_LAYER_H

#include "core/activations.h"
#include "core/arena.h"
#include "core/error.h"
#include "core/initializers.h"
#include "core/kernels/kernels.h"
#include "core/param.h"
#include "core/tensor.h"

enum up_data_format { UP_CHANNELS_LAST, UP_CHANNELS_FIRST };
enum up_padding { UP_PADDING_VALID, UP_PADDING_SAME, UP_PADDING_CAUSAL }; /* the last: Conv1D */

/* Every configuration struct starts with this. A configuration comes zeroed, then filled by its
 * descriptor rows; it lives as long as the plan. */
struct up_config {
    uint32_t data_format; /* enum up_data_format; channels_last for layers without the parameter */
};

/* One weight of a layer, in the order of Keras' get_weights(). */
struct up_weight {
    const char *name; /* "kernel" */
    struct up_shape shape;
    const struct up_initializer *initializer; /* in the configuration */
    const char *parameter;                    /* its name there: "kernel_initializer" */
};

/* A weight as the catalogue describes it: its name, and its shape in the parameters' names. */
struct up_weight_note {
    const char *name, *shape;
};

struct up_gather;
struct up_step;

/* One call of a step: where this run's tensors are. */
struct up_call {
    const struct up_step *step;
    const struct up_kernels *kernels;
    const float *const *in; /* step->in_count pointers */
    float *out;
};

enum { UP_GRAIN_VALUES = 16384 }; /* values of light work that are worth another thread */

enum up_layer_flags {
    UP_LAYER_UPSAMPLES = 1, /* its output is meant to be larger: the diagnosis looks at it */
    UP_LAYER_BYPASS = 2,    /* does nothing at inference: no step is made */
    UP_LAYER_NONLINEAR = 4, /* not linear in its inputs, whatever its weights and activation */
    UP_LAYER_ADDS = 8,      /* its output is the sum of its inputs */
};

/* Which input an output shows: along each axis of a grid, output o shows input
 * floor((o - before) / repeat), or zero where there is none. */
struct up_placement {
    int64_t repeat[3], before[3];
};

struct up_layer_ops {
    const char *class_name;
    const char *const *aliases; /* NULL, or NULL-terminated: other names Keras knows it by */
    const char *summary;        /* one line for people */
    uint32_t spatial;           /* spatial axes, 0 when the layer does not care */
    unsigned flags;
    uint32_t inputs_min, inputs_max;
    size_t config_bytes;
    const struct up_param *params;
    size_t activation; /* offset of a struct up_activation that ends the layer; 0: none. The layer
                        * itself applies up_activation_fused() of it, the plan adds the rest. */

    /* What the layer computes, of one that is an activation function: it may then stand as the
     * `activation` of another layer too. NULL: it is none. */
    struct up_activation (*function)(const void *config);

    /* What the parameters must satisfy together; NULL: nothing. Errors are placed at a parameter's
     * name ("strides"). */
    enum up_code (*check)(const void *config, struct up_error *err);

    /* True when the layer works on values and not on axes: the step's shapes are then in whichever
     * order the value lies in already. NULL: never. */
    bool (*any_layout)(const void *config);

    /* The output's shape from the inputs'. Ranks are right already when spatial > 0; else there may
     * be 0 to UP_RANK_MAX axes. No axis is empty. */
    enum up_code (*shape)(const void *config, const struct up_shape *in, uint32_t in_count,
                          struct up_shape *ret_out, struct up_error *err);

    /* The weights for inputs of this shape; NULL: none. Returns how many, <= UP_WEIGHTS_MAX. */
    uint32_t (*weights)(const void *config, const struct up_shape *in,
                        struct up_weight ret[UP_WEIGHTS_MAX]);
    const struct up_weight_note *weight_notes; /* ends with a NULL name; NULL: none */

    /* What the layer sums, of a step whose shapes and weights are set; NULL: it is no gathered sum
     * (core/layers/gathered.h). */
    void (*gather)(const struct up_step *step, struct up_gather *ret);

    /* What a layer that computes nothing shows of its input; NULL, or false: it computes. */
    bool (*placement)(const struct up_step *step, struct up_placement *ret);

    /* Whether each channel is made of the same one of the input, and images of one channel take no
     * longer than those of all; NULL: no. One that computes nothing may go without. */
    bool (*planes)(const struct up_step *step);

    /* The factor and the term of every place along the axis, of a layer that computes no more than
     * input * scale + shift there; NULL, or false: it does. */
    bool (*scaling)(const struct up_step *step, uint32_t axis, double *ret_scale,
                    double *ret_shift);

    /* Packs weights and makes tables, in the plan's arena. Sets rows and grain (both >= 1) and
     * algorithm of the step, macs where it multiplies and adds, and prepared as it likes; all of
     * them come zeroed. */
    enum up_code (*prepare)(struct up_step *step, const struct up_kernels *kernels,
                            struct up_arena *arena, struct up_error *err);

    /* Computes rows begin .. end - 1 of the output. Rows are independent of one another: no
     * allocation, no lock, no error, the same bits however they are divided. What a thread needs
     * for itself is on its stack, up to UP_STACK_BYTES. */
    void (*rows)(const struct up_call *call, size_t begin, size_t end);
};

/* One planned layer. Immutable once prepared; runs share it. */
struct up_step {
    const struct up_layer_ops *ops;
    const void *config;
    const struct up_shape *in; /* channels last but with any_layout; in_count of them */
    uint32_t in_count;
    struct up_shape out;             /* in the same order */
    const struct up_tensor *weights; /* as many as ops->weights said */
    uint32_t weight_count;
    const char *forced; /* algorithm to take where it applies; NULL or "": the rules choose */
    void *prepared;     /* the layer's own */
    size_t rows;        /* units of work, as ops->rows counts them */
    size_t grain;       /* rows that are worth handing to another thread together */
    double macs;        /* multiply-accumulates of the formula, borders included */
    bool stream;        /* the plan's, for `rows`: no cache will hold the output until it is read */
    const char *algorithm; /* how it computes, for POST /plan: "direct" */
};

/* The lines that most descriptor rows need. CONFIG is the configuration struct. */
#define UP_ROW_INT(CONFIG, field, low, high, default_, text)                                       \
    {                                                                                              \
        .name = #field, .type = UP_PARAM_INT, .offset = offsetof(CONFIG, field), .min = (low),     \
        .max = (high), .fallback = (default_), .meaning = (text)                                   \
    }
#define UP_ROW_FLOAT(CONFIG, field, low, high, default_, text)                                     \
    {                                                                                              \
        .name = #field, .type = UP_PARAM_FLOAT, .offset = offsetof(CONFIG, field), .min = (low),   \
        .max = (high), .fallback = (default_), .meaning = (text)                                   \
    }
#define UP_ROW_INTS(CONFIG, field, low, high, default_, text)                                      \
    {                                                                                              \
        .name = #field, .type = UP_PARAM_INTS, .offset = offsetof(CONFIG, field), .min = (low),    \
        .max = (high), .fallback = (default_), .meaning = (text)                                   \
    }
#define UP_ROW_CHOICE(CONFIG, field, list, text)                                                   \
    {                                                                                              \
        .name = #field, .type = UP_PARAM_CHOICE, .offset = offsetof(CONFIG, field),                \
        .choices = (list), .meaning = (text)                                                       \
    }
#define UP_ROW_BOOL(CONFIG, field, default_, text)                                                 \
    {                                                                                              \
        .name = #field, .type = UP_PARAM_BOOL, .offset = offsetof(CONFIG, field),                  \
        .fallback = (default_), .meaning = (text)                                                  \
    }
#define UP_ROW_ACTIVATION(CONFIG, field, default_, text)                                           \
    {                                                                                              \
        .name = #field, .type = UP_PARAM_ACTIVATION, .offset = offsetof(CONFIG, field),            \
        .fallback_text = (default_), .meaning = (text)                                             \
    }
#define UP_ROW_INITIALIZER(CONFIG, field, default_, text)                                          \
    {                                                                                              \
        .name = #field, .type = UP_PARAM_INITIALIZER, .offset = offsetof(CONFIG, field),           \
        .fallback_text = (default_), .meaning = (text)                                             \
    }
#define UP_ROW_DATA_FORMAT(CONFIG)                                                                 \
    {                                                                                              \
        .name = "data_format", .type = UP_PARAM_CHOICE, .flags = UP_PARAM_NULLABLE,                \
        .offset = offsetof(CONFIG, base.data_format), .choices = up_data_formats,                  \
        .meaning = "where the channels axis is; null: channels_last"                               \
    }
extern const char *const up_data_formats[], *const up_paddings[];

/* The catalogue: all layers, NULL-terminated, in the order of layers.def. */
const struct up_layer_ops *const *up_layers(void);

/* The shape that an activation makes of another; refusals are placed at the parameter `at`. */
enum up_code up_activation_shape(const struct up_activation *activation, const char *at,
                                 const struct up_shape *in, struct up_shape *ret_out,
                                 struct up_error *err) UP_CHECKED;

/* A step, not yet prepared, that applies an activation to a tensor of this shape: how the plan ends
 * a layer whose activation needs an axis. */
enum up_code up_activation_step(const struct up_activation *activation, const struct up_shape *in,
                                struct up_step *ret, struct up_arena *arena, struct up_error *err);

/* By class name or alias; NULL when there is none. */
const struct up_layer_ops *up_layer_find(const char *class_name);

#endif
