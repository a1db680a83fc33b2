/* Random configurations of any layer, made from nothing but its descriptor rows, and a way to run
 * one layer. */
#ifndef TESTS_CONFIGURE_H
#define TESTS_CONFIGURE_H

#include "core/plan/plan.h"
#include "tests/support/random.h"

enum variety {
    SMALL, /* each value within a few of its lowest: most configurations are valid */
    WILD,  /* also the highest that each row lets pass */
};

enum { SAMPLE_INPUTS_MAX = 3, SAMPLE_BYTES_MAX = 16 << 20, SAMPLE_ARENA_BYTES = 256 << 20 };

/* A layer, configured, and inputs for it. */
struct sample {
    const struct up_layer_ops *ops;
    void *config;
    struct up_shape in[SAMPLE_INPUTS_MAX]; /* all alike */
    uint32_t in_count;
    const struct up_tensor *weights; /* NULL: the initializers draw, with a fixed seed */
    uint32_t weight_count;
    const char *algorithm; /* to take where it applies; NULL: the rules choose */
    size_t stream_bytes;   /* the plan's option */
};

/* `cells` bounds the inputs' spatial sizes: their product. */
struct sample sample_make(struct random *random, const struct up_layer_ops *ops,
                          enum variety variety, size_t cells, struct up_arena *arena);

/* The value of a parameter that the layer must have. */
void *sample_value(const struct sample *sample, const char *name);

/* Every activation among the parameters becomes linear. */
void sample_linearize(const struct sample *sample);

/* Plans the sample alone; errors are placed under "/layer" and "/layer/config". */
enum up_code sample_plan(const struct sample *sample, const struct up_kernels *kernels,
                         struct up_arena *arena, struct up_plan **ret, struct up_error *err);

/* Runs a plan of one output, which lies in the arena. Fails the test unless every value of the
 * declared shape, and nothing after it, was written. */
float *sample_run(const struct up_plan *plan, const float *const *in, struct up_pool *pool,
                  struct up_arena *arena, size_t *ret_count);

/* Random values for every input. */
const float *const *sample_inputs(const struct sample *sample, struct random *random,
                                  struct up_arena *arena);

/* Memory that the test cannot do without. */
void *sample_memory(struct up_arena *arena, size_t count, size_t size);

/* Sets a list of integers from those of a grid's three axes. */
void sample_set_ints(const struct sample *sample, const char *name, const size_t values[3]);

#endif
