/* POST /upsample: decode, plan, compute, encode. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "api/codec/buffer.h"
#include "api/codec/json_pieces.h"
#include "api/endpoints.h"
#include "core/deadline.h"
#include "core/plan/diagnosis.h"

enum { CHECKERBOARDS_MAX = 16 }; /* warnings go into a header, too */

enum up_code api_respond_json(const struct api_buffer *buffer, struct api_response *response)
{
    if (api_buffer_finish(buffer) != UP_OK)
        return api_buffer_finish(buffer);
    response->status = 200;
    response->content_type = "application/json";
    response->body = buffer->data;
    response->body_bytes = buffer->bytes;
    return UP_OK;
}

uint64_t api_phase_end(struct api_response *response, enum api_phase phase, uint64_t since)
{
    const uint64_t now = up_now_ns();
    response->phase_ns[phase] = now - since;
    return now;
}

static void write_dims(struct api_buffer *out, const struct up_shape *shape)
{
    for (uint32_t i = 0; i < shape->rank; i++) {
        api_buffer_puts(out, i == 0 ? "" : ",");
        api_buffer_number(out, shape->dim[i]);
    }
}

void api_write_shape(struct api_buffer *out, const struct up_shape *shape)
{
    api_buffer_puts(out, "[");
    write_dims(out, shape);
    api_buffer_puts(out, "]");
}

void api_write_warnings(struct api_buffer *out, const struct api_warning *warnings)
{
    api_buffer_puts(out, "[");
    for (const struct api_warning *w = warnings; w != NULL; w = w->next) {
        const bool parameter = w->at[0] == '?';
        api_buffer_puts(out, w == warnings ? "{\"code\":" : ",{\"code\":");
        api_buffer_quote(out, w->code);
        api_buffer_puts(out, parameter ? ",\"parameter\":" : ",\"pointer\":");
        api_buffer_quote(out, parameter ? w->at + 1 : w->at);
        api_buffer_puts(out, ",\"detail\":");
        api_buffer_quote(out, w->detail);
        api_buffer_puts(out, "}");
    }
    api_buffer_puts(out, "]");
}

enum up_code api_job_run(const struct api_context *context, const struct api_job *job,
                         const struct up_plan *plan, struct up_tensor *ret)
{
    const struct api_reader *reader = &job->reader;
    const float *in[UP_INPUTS_MAX];
    float *out[UP_INPUTS_MAX];
    const struct up_plan_bytes bytes = up_plan_bytes(plan);
    for (uint32_t i = 0; i < job->net.graph.output_count; i++) {
        ret[i].shape = *up_plan_output(plan, i);
        ret[i].data = out[i] =
            up_arena_alloc(reader->arena, up_shape_size(&ret[i].shape), sizeof(float), reader->err);
        if (out[i] == NULL)
            return reader->err->code;
    }
    void *scratch = up_arena_alloc(reader->arena, bytes.scratch, 1, reader->err);
    if (scratch == NULL)
        return reader->err->code;
    for (uint32_t i = 0; i < job->input_count; i++)
        in[i] = job->input[i].data;
    return up_plan_run(plan, in, out, scratch, context->pool, job->request->deadline_ns,
                       reader->err);
}

static void write_layers(struct api_buffer *out, const struct api_job *job,
                         const struct up_plan *plan)
{
    api_buffer_puts(out, "\"layers\":[");
    for (uint32_t i = 0; i < up_plan_node_count(plan); i++) {
        const struct up_plan_node *node = up_plan_node(plan, i);
        bool any = false;
        api_buffer_puts(out, i == 0 ? "{\"class_name\":\"" : ",{\"class_name\":\"");
        api_buffer_puts(out, job->net.graph.layers[job->net.graph.nodes[i].layer].ops->class_name);
        api_buffer_puts(out, "\",\"output_shape\":");
        api_write_shape(out, &node->out);
        for (uint32_t w = 0; w < node->weight_count; w++)
            if (node->seed[w] != 0) {
                api_buffer_printf(out, "%s\"%s\":%lld", any ? "," : ",\"seeds\":{",
                                  node->weight[w].parameter, (long long)node->seed[w]);
                any = true;
            }
        api_buffer_puts(out, any ? "}}" : "}");
    }
    api_buffer_puts(out, "]");
}

enum up_code api_job_closing(struct api_job *job, const struct up_plan *plan)
{
    struct api_buffer warnings = api_buffer_make(job->reader.arena, job->reader.err);
    api_write_warnings(&warnings, job->reader.warnings);
    api_buffer_put(&warnings, "", 1);
    if (api_buffer_finish(&warnings) != UP_OK)
        return job->reader.err->code;
    struct api_buffer text = api_buffer_make(job->reader.arena, job->reader.err);
    if (job->output.format == API_JSON) {
        api_buffer_puts(&text, ",");
        write_layers(&text, job, plan);
        api_buffer_puts(&text, ",\"warnings\":");
        api_buffer_puts(&text, warnings.data);
        api_buffer_puts(&text, "}\n");
    }
    if (api_buffer_finish(&text) != UP_OK)
        return job->reader.err->code;
    job->closing = (struct api_closing){true, text.data, text.bytes,
                                        job->reader.warnings == NULL ? NULL : warnings.data};
    return UP_OK;
}

/* What is not finite is null, and said. */
static enum up_code nulls_warn(struct api_job *job, size_t nulls)
{
    job->closing.made = false;
    return api_warn(&job->reader, "non-finite", "/output",
                    "%zu values are NaN or infinite, and null here", nulls);
}

static void write_name(struct api_buffer *out, const struct api_job *job, bool named, uint32_t i)
{
    api_buffer_puts(out, i == 0 ? "" : ",");
    if (!named)
        return;
    api_buffer_quote(out, job->net.output_name[i]);
    api_buffer_puts(out, ":");
}

/* "output": one; "outputs": as the inputs came, a list or an object by name. */
static void write_outputs(struct api_pieces *text, const struct api_job *job,
                          const struct api_result *result, struct up_pool *pool, size_t *ret_nulls)
{
    struct api_buffer *out = &text->now;
    const uint32_t count = job->net.graph.output_count;
    if (job->form == API_INPUT_ONE && count == 1) {
        api_buffer_puts(out, "{\"shape\":");
        api_write_shape(out, &result->tensor.shape);
        api_buffer_puts(out, ",\"output\":");
        *ret_nulls = api_pieces_tensor(text, &result->tensor, job->output.flat, pool);
        return;
    }
    const bool named = job->form == API_INPUT_NAMED;
    api_buffer_puts(out, named ? "{\"shapes\":{" : "{\"shapes\":[");
    for (uint32_t i = 0; i < count; i++) {
        write_name(out, job, named, i);
        api_write_shape(out, &result[i].tensor.shape);
    }
    api_buffer_puts(out, named ? "},\"outputs\":{" : "],\"outputs\":[");
    for (uint32_t i = 0; i < count; i++) {
        write_name(out, job, named, i);
        *ret_nulls += api_pieces_tensor(text, &result[i].tensor, job->output.flat, pool);
    }
    api_buffer_puts(out, named ? "}" : "]");
}

static enum up_code encode_json(struct api_job *job, const struct api_result *result,
                                const struct up_plan *plan, struct up_pool *pool,
                                struct api_response *response)
{
    struct api_pieces text = api_pieces_make(job->reader.arena, job->reader.err);
    size_t nulls = 0;
    write_outputs(&text, job, result, pool, &nulls);
    if ((nulls > 0 && nulls_warn(job, nulls) != UP_OK) ||
        (!job->closing.made && api_job_closing(job, plan) != UP_OK))
        return job->reader.err->code;
    api_buffer_put(&text.now, job->closing.text, job->closing.bytes);
    response->content_type = api_format_type(API_JSON);
    return api_pieces_finish(&text, response);
}

static enum up_code headers(const struct api_job *job, const struct api_result *result,
                            struct api_response *response)
{
    struct api_buffer out = api_buffer_make(job->reader.arena, job->reader.err);
    write_dims(&out, &result->tensor.shape);
    api_buffer_put(&out, "", 1);
    if (api_buffer_finish(&out) != UP_OK)
        return job->reader.err->code;
    api_header(response, "X-Output-Shape", out.data);
    if (job->closing.warnings != NULL)
        api_header(response, "X-Warnings", job->closing.warnings);
    return UP_OK;
}

static enum up_code encode(struct api_job *job, const struct api_result *result,
                           const struct up_plan *plan, struct up_pool *pool,
                           struct api_response *response)
{
    enum up_code code = UP_OK;
    if (job->output.format != API_JSON && job->net.graph.output_count != 1)
        return api_refuse(&job->reader, UP_E_INVALID, "/output/format",
                          "%u outputs do not fit one file; ask for json",
                          job->net.graph.output_count);
    if (job->output.format == API_PNG)
        code = api_output_png(result, &job->output, job->reader.arena, response, job->reader.err);
    else if (job->output.format == API_NPY)
        code = api_output_npy(result, job->reader.arena, response, job->reader.err);
    else if (job->output.format == API_RAW)
        api_output_raw(result, response);
    else
        code = encode_json(job, result, plan, pool, response);
    if (code == UP_OK && !job->closing.made)
        code = api_job_closing(job, plan);
    if (code != UP_OK)
        return code;
    response->status = 200;
    return headers(job, result, response);
}

/* One for each call of a layer that draws a checkerboard, as far as there is room. */
enum up_code api_job_diagnose(struct api_job *job, const struct up_plan *plan)
{
    const struct up_graph *graph = &job->net.graph;
    uint32_t found = 0;
    for (uint32_t i = 0; i < graph->node_count && found < CHECKERBOARDS_MAX; i++) {
        const struct up_diagnosis *d = up_plan_node(plan, i)->diagnosis;
        if (d == NULL || !(d->checkerboard > UP_CHECKERBOARD_SEEN))
            continue;
        found++;
        if (api_warn(&job->reader, "checkerboard", graph->layers[graph->nodes[i].layer].layer_at,
                     "%s", d->advice) != UP_OK)
            return job->reader.err->code;
    }
    return UP_OK;
}

static enum up_code infer(const struct api_context *context, struct api_job *job,
                          struct api_response *response, uint64_t since)
{
    const struct up_plan *plan;
    struct up_tensor tensor[UP_INPUTS_MAX];
    struct api_result result[UP_INPUTS_MAX];
    if (api_job_plan(context, job, &plan) != UP_OK)
        return job->reader.err->code;
    if (job->memo.entry == NULL && api_job_diagnose(job, plan) != UP_OK)
        return job->reader.err->code;
    since = api_phase_end(response, API_PLAN, since);
    if (api_job_run(context, job, plan, tensor) != UP_OK)
        return job->reader.err->code;
    since = api_phase_end(response, API_COMPUTE, since);
    for (uint32_t i = 0; i < job->net.graph.output_count; i++)
        result[i] = api_job_result(job, &tensor[i]);
    const enum up_code code = encode(job, result, plan, context->pool, response);
    (void)api_phase_end(response, API_ENCODE, since);
    return code;
}

API_HANDLER(api_infer)
{
    struct api_job job;
    const uint64_t start = up_now_ns();
    enum up_code code = api_job_open(context, request, false, &job, err);
    const uint64_t since = api_phase_end(response, API_DECODE, start);
    if (code == UP_OK)
        code = infer(context, &job, response, since);
    if (code == UP_OK)
        api_memo_keep(context, &job);
    api_job_place(&job, err);
    api_job_close(&job);
    return code;
}
