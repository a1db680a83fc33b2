/* What is measured: a request's layers, planned once and run again and again into the same memory.
 */
#ifndef TEST_SUBJECT_H
#define TEST_SUBJECT_H

#include "api/request.h"

struct subject {
    struct up_arena *arena;
    struct api_context context;
    struct api_request request;
    struct api_job job;
    const struct up_plan *plan;
    float *in[UP_INPUTS_MAX], *out;
    void *scratch;
    struct up_pool *pool; /* NULL: the caller computes alone */
    double operations;    /* two for each multiply-add */
    size_t output_bytes;
};

/* Reads and plans the body of a POST /upsample or, where its inputs are only shapes, /plan; such
 * inputs are filled with numbers. The parts must live as long, the arena is the caller's; close the
 * subject in any case. Graphs have one output. */
enum up_code subject_open(struct subject *s, const struct up_kernels *kernels,
                          struct up_arena *arena, const struct api_part *parts, size_t part_count,
                          struct up_error *err) UP_CHECKED;
void subject_close(struct subject *s);

/* One run, and how many seconds it took. Ends the process when it fails: it has no deadline. */
double subject_run(const struct subject *s);

/* Whether storing the output takes longer than the multiply-adds do, at these rates. */
bool subject_moves(const struct subject *s, double multiply_adds, double stores);

#endif
