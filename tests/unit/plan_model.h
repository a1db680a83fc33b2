/* Graphs for the tests of the plan. */
#ifndef TESTS_UNIT_PLAN_MODEL_H
#define TESTS_UNIT_PLAN_MODEL_H

#include "core/plan/plan.h"

enum { NODES_MAX = 12, LIMIT = 64 << 20 };

/* A graph under construction; every value has rank 4. */
struct model {
    struct up_arena *arena;
    struct up_shape input[2];
    struct up_layer layer[NODES_MAX];
    struct up_node node[NODES_MAX];
    uint32_t in[NODES_MAX], output[NODES_MAX];
    struct up_graph graph;
    size_t limit;
};

extern const struct up_shape image; /* (1, 2, 3, 2) */

struct model *model_new(struct up_shape input);
void model_free(struct model *m);
void *value_of(const struct up_layer *layer, const char *name);
struct up_layer *layer_add(struct model *m, const char *class_name);
/* Applies the newest layer to a value; the id of the result. */
uint32_t node_add(struct model *m, uint32_t from);
void ints_set(const struct up_layer *layer, const char *name, int64_t a, int64_t b);
uint32_t upsampling(struct model *m, uint32_t from, int64_t h, int64_t w, bool first);
uint32_t activation(struct model *m, uint32_t from, const char *name);
/* One filter, one kernel position: the sum over channels when the kernel is ones. */
struct up_layer *channel_sum(struct model *m, const char *initializer);
void output_add(struct model *m, uint32_t value);
enum up_code model_build(struct model *m, struct up_plan **ret, struct up_error *err);
struct up_plan *model_plan(struct model *m);
/* Runs on 0, 1, 2, ... minus half of it; the outputs lie in the model's arena. */
float **model_run(struct model *m, const struct up_plan *plan, const float **ret_in);
void assert_shape(const struct up_shape *shape, const char *expected);

#endif
