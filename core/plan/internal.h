/* The plan's inside, shared by the files of this folder. */
#ifndef UP_PLAN_INTERNAL_H
#define UP_PLAN_INTERNAL_H

#include "core/gather/gather.h"
#include "core/plan/plan.h"

/* Where a tensor lies during a run. */
enum up_buffer_kind { UP_BUFFER_INPUT, UP_BUFFER_OUTPUT, UP_BUFFER_SCRATCH };

struct up_buffer {
    enum up_buffer_kind kind;
    size_t index;  /* of the graph's input or output */
    size_t offset; /* in the scratch block */
    size_t bytes;
    size_t first, last; /* steps that write it first and read it last */
};

struct up_plan_step {
    struct up_step step;
    uint32_t *in; /* buffer ids */
    uint32_t out;
};

struct up_plan {
    const struct up_kernels *kernels;
    struct up_plan_node *node;
    uint32_t node_count;
    struct up_plan_step *step;
    size_t step_count;
    struct up_buffer *buffer;
    size_t buffer_count;
    struct up_shape *output;
    uint32_t output_count;
    uint32_t inputs_max; /* of any step */
    struct up_plan_bytes bytes;
    double macs;
};

#define UP_NONE UINT32_MAX

/* A value of the graph while its plan is made. */
struct up_value {
    struct up_shape shape; /* as Keras shows it */
    struct up_shape made;  /* the same before the layer's activation, which may change it */
    uint32_t plain,
        last; /* buffers: as shown, and with the channels moved last; UP_NONE: not made */
};

/* Layers that one step computes. */
struct up_fusion {
    uint32_t first, head, last; /* nodes: the sum is the head's, the value the last one's */
    uint32_t in, add;           /* values that it reads; add: UP_NONE without one */
    struct up_gather gather;
};

/* A plan in the making: what its passes share. */
struct up_builder {
    const struct up_graph *graph;
    const struct up_plan_options *options;
    struct up_arena *arena;
    struct up_error *err;
    struct up_plan *plan;
    struct up_value *value; /* inputs, then nodes */
    struct up_fusion *
        *fusion; /* of each node: what it is a part of; NULL: it has steps of its own */
};

/* The layer that a node calls, the activation that ends it (of a layer with one), and whether it
 * says that channels come first. */
const struct up_layer *up_builder_layer(const struct up_builder *b, uint32_t node);
const struct up_activation *up_layer_ending(const struct up_layer *layer);
bool up_layer_channels_first(const struct up_layer *layer);

/* The shapes of its inputs as the layer of a node sees them: channels last. */
void up_builder_shapes(const struct up_builder *b, uint32_t node, struct up_shape *ret);

/* The step that a node becomes, not yet prepared, with its channels moved last or as they are;
 * `shapes` has room for those of its inputs. */
struct up_step up_builder_step(const struct up_builder *b, uint32_t node, bool moved,
                               struct up_shape shapes[UP_INPUTS_MAX]);

/* The passes, in order. */
enum up_code up_plan_shapes(struct up_builder *b) UP_CHECKED;
enum up_code up_plan_weights(struct up_builder *b) UP_CHECKED;
enum up_code up_plan_diagnoses(struct up_builder *b) UP_CHECKED;
/* Sets b->fusion, and in the plan's nodes what they owe to it. */
enum up_code up_plan_fusions(struct up_builder *b) UP_CHECKED;
enum up_code up_plan_steps(struct up_builder *b) UP_CHECKED;

/* Steps that no request names: moving the channels axis, and copying. */
extern const struct up_layer_ops up_move_to_first, up_move_to_last, up_move_copy;

/* Gives every scratch buffer an offset, so that buffers whose lives overlap do not; returns the
 * size of the block. Largest first, each at the lowest place that is free while it lives. `order`
 * has room for buffer_count ids. */
size_t up_buffers_place(struct up_buffer *buffer, size_t buffer_count, uint32_t *order);

#endif
