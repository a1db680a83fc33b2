/* What makes two plans the same: the graph in a canonical form, byte for byte, and the contents of
 * its tensors. Private to the plan cache. */
#ifndef UP_PLAN_KEY_H
#define UP_PLAN_KEY_H

#include "core/hash.h"
#include "core/plan/plan.h"

/* A stretch of a tensor's contents, which the key borrows. */
struct up_plan_contents {
    const void *data;
    size_t bytes;
};

struct up_plan_key {
    unsigned char *form; /* all but the tensors' contents */
    size_t form_bytes;
    struct up_plan_contents *contents; /* in the order in which the form names them */
    size_t contents_count;
    size_t contents_bytes; /* of all of them */
    bool fresh; /* a weight is drawn by a seed that nobody named: no two such plans are the same */
};

/* Everything that a plan depends on: wiring, shapes, layers and their parameters by the descriptor
 * rows, given weights, and the options. It lies in `arena` and borrows the tensors. */
enum up_code up_plan_key_make(const struct up_graph *graph, const struct up_plan_options *options,
                              struct up_arena *arena, struct up_plan_key *ret,
                              struct up_error *err) UP_CHECKED;

uint64_t up_plan_key_hash(const struct up_plan_key *key, const struct up_hash_key *secret);

/* The form alone is small; equal forms have contents of equal sizes. */
bool up_plan_key_same_form(const struct up_plan_key *a, const struct up_plan_key *b);
bool up_plan_key_same_contents(const struct up_plan_key *a, const struct up_plan_key *b);

/* A copy of the graph that borrows nothing but what lives as long as the program, and the places
 * for errors, which only planning reads. */
enum up_code up_graph_copy(const struct up_graph *graph, struct up_arena *arena,
                           struct up_graph *ret, struct up_error *err) UP_CHECKED;

#endif
