/* From a graph of layers to a plan, and from a plan to numbers.
 *
 * A plan may fail, a run may not (but for its deadline): shapes, sizes and refusals come first,
 * then one allocation for packed weights and tables, then steps that only compute. A plan holds no
 * input and no output, so one plan may run for many requests at once. */
#ifndef UP_PLAN_H
#define UP_PLAN_H

#include <stddef.h>
#include <stdint.h>

#include "core/arena.h"
#include "core/error.h"
#include "core/layers/layer.h"
#include "core/pool.h"
#include "core/tensor.h"

/* A shape that a layer says it takes. */
struct up_expected {
    const char *parameter;    /* "input_shape" */
    uint32_t rank;            /* with the batch; 0: nothing is said */
    int64_t dim[UP_RANK_MAX]; /* -1: any length */
};

/* One layer of a model: its class, configuration and, where they are given, its weights. */
struct up_layer {
    const struct up_layer_ops *ops;
    const void *config;   /* ops->config_bytes long */
    const char *at;       /* place of its parameters in the request, for errors: "/layer/config" */
    const char *layer_at; /* place of the layer itself: "/layer" */
    const struct up_tensor *weights; /* NULL: the initializers draw */
    uint32_t weight_count;
    struct up_expected expected;
};

/* One call of a layer. Value ids: the graph's inputs are 0 .. input_count - 1, then each node's
 * output in order. A node uses only values before its own. */
struct up_node {
    uint32_t layer;
    uint32_t in_count;
    const uint32_t *in;
};

struct up_graph {
    const struct up_shape *inputs;
    uint32_t input_count;
    const struct up_layer *layers;
    uint32_t layer_count;
    const struct up_node *nodes;
    uint32_t node_count;
    const uint32_t *outputs; /* value ids */
    uint32_t output_count;
};

struct up_diagnosis; /* core/plan/diagnosis.h */

struct up_plan_options {
    const struct up_kernels *kernels;
    size_t output_bytes_max;       /* of all outputs together, and of each value on the way */
    const char *output_bytes_flag; /* named in the refusal: "--output-limit" */
    /* An algorithm of core/gather/rules.c, to take where it applies; NULL or "": the rules choose.
     */
    const char *algorithm;
    unsigned no_fusion;  /* fusions to leave out: a set of core/plan/fusion.h */
    size_t stream_bytes; /* results larger than this go around the cache; 0: by the machine's */
};

/* What one node of the graph became. */
struct up_plan_node {
    struct up_shape in, out; /* as Keras shows them: channels_first where the layer says so */
    const struct up_weight *weight;       /* names, shapes; weight_count of them */
    const struct up_tensor *weight_value; /* given or drawn, in Keras' layout */
    const int64_t *seed;                  /* of each drawn weight; 0: given, or nothing drawn */
    uint32_t weight_count;
    double macs;
    const char
        *algorithm;       /* how it is computed: "direct", "repeat", ...; "fused": by the step of */
    uint32_t computed_by; /* this node; else its own number */
    const struct up_diagnosis *diagnosis; /* NULL: it does not upsample */
};

struct up_plan;

/* Everything is allocated in `arena` and borrows the graph's configurations and weights, which must
 * live as long. Errors: UP_E_INVALID at the parameter, UP_E_LIMIT past output_bytes_max (before
 * anything is allocated), and the arena's own. */
enum up_code up_plan_build(const struct up_graph *graph, const struct up_plan_options *options,
                           struct up_arena *arena, struct up_plan **ret_plan,
                           struct up_error *err) UP_CHECKED;

/* What the plan says of itself. Nodes and outputs are in the graph's order. */
uint32_t up_plan_node_count(const struct up_plan *plan);
const struct up_plan_node *up_plan_node(const struct up_plan *plan, uint32_t node);
const struct up_shape *up_plan_output(const struct up_plan *plan, uint32_t output);

struct up_plan_bytes {
    size_t input, output, scratch, weights;
};
struct up_plan_bytes up_plan_bytes(const struct up_plan *plan);
double up_plan_macs(const struct up_plan *plan);

/* Computes. `in` has one pointer per graph input; `out` one per graph output, each with room for
 * its shape; `scratch` has up_plan_bytes().scratch bytes, UP_ALIGN_BYTES aligned (NULL when 0).
 * UP_E_DEADLINE when deadline_ns (0: none) passes first; the outputs are then unspecified. */
enum up_code up_plan_run(const struct up_plan *plan, const float *const *in, float *const *out,
                         void *scratch, struct up_pool *pool, uint64_t deadline_ns,
                         struct up_error *err) UP_CHECKED;

#endif
