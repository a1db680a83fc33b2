#include "tests/bench/subject.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/deadline.h"
#include "core/plan/fusion.h"

/* Room for every input, filled with the request's values or, where it has none, with others. */
static enum up_code inputs_make(struct subject *s, struct up_error *err)
{
    for (uint32_t i = 0; i < s->job.input_count; i++) {
        const size_t count = up_shape_size(&s->job.input_shape[i]);
        const float *given = s->job.input[i].data;
        s->in[i] = up_arena_alloc(s->arena, count, sizeof(float), err);
        if (s->in[i] == NULL)
            return err->code;
        for (size_t k = 0; k < count; k++)
            s->in[i][k] = given != NULL ? given[k] : (float)(k * 2654435761u % 4096) / 2048 - 1;
    }
    return UP_OK;
}

enum up_code subject_open(struct subject *s, const struct up_kernels *kernels,
                          struct up_arena *arena, const struct api_part *parts, size_t part_count,
                          struct up_error *err)
{
    const size_t limit = (size_t)1 << 33;
    const char *apart = getenv("UPSAMPLED_NO_FUSION");
    *s = (struct subject){
        .arena = arena,
        .context = {.kernels = kernels,
                    .algorithm = getenv("UPSAMPLED_ALGORITHM"),
                    .limits = {.body_bytes = limit, .output_bytes = limit, .memory_bytes = limit}},
        .request = {.method = "POST",
                    .path = "/upsample",
                    .parts = parts,
                    .part_count = part_count,
                    .arena = arena}};
    if (up_fusions_read(apart == NULL ? "" : apart, &s->context.no_fusion, err) != UP_OK ||
        api_job_open(&s->context, &s->request, true, &s->job, err) != UP_OK ||
        api_job_plan(&s->context, &s->job, &s->plan) != UP_OK || inputs_make(s, err) != UP_OK)
        return err->code;
    const struct up_plan_bytes bytes = up_plan_bytes(s->plan);
    s->operations = 2 * up_plan_macs(s->plan);
    s->output_bytes = bytes.output;
    s->out = up_arena_zalloc(arena, bytes.output, 1, err);
    s->scratch = up_arena_alloc(arena, bytes.scratch, 1, err);
    return err->code;
}

void subject_close(struct subject *s)
{
    api_job_close(&s->job);
}

double subject_run(const struct subject *s)
{
    struct up_error err = {.code = UP_OK};
    const float *in[UP_INPUTS_MAX];
    float *const out[] = {s->out};
    memcpy(in, s->in, sizeof in);
    const uint64_t start = up_now_ns();
    if (up_plan_run(s->plan, in, out, s->scratch, s->pool, 0, &err) != UP_OK) {
        fprintf(stderr, "%s\n", err.text);
        exit(EXIT_FAILURE);
    }
    return (double)(up_now_ns() - start) * 1e-9;
}

bool subject_moves(const struct subject *s, double multiply_adds, double stores)
{
    return (double)s->output_bytes / stores > s->operations / multiply_adds;
}
