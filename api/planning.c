/* POST /plan: what POST /upsample would do, without doing it. */
#include <math.h>

#include "api/codec/buffer.h"
#include "api/codec/json.h"
#include "api/endpoints.h"
#include "core/deadline.h"
#include "core/plan/diagnosis.h"

static void write_weights(struct api_buffer *out, const struct up_plan_node *node, bool values)
{
    api_buffer_puts(out, ",\"weights\":[");
    for (uint32_t w = 0; w < node->weight_count; w++) {
        api_buffer_printf(out, "%s{\"name\":\"%s\",\"shape\":", w == 0 ? "" : ",",
                          node->weight[w].name);
        api_write_shape(out, &node->weight[w].shape);
        if (values) {
            api_buffer_puts(out, ",\"values\":");
            (void)api_json_write_tensor(out, &node->weight_value[w], false);
        }
        if (node->seed[w] != 0)
            api_buffer_printf(out, ",\"seed\":%lld", (long long)node->seed[w]);
        api_buffer_puts(out, "}");
    }
    api_buffer_puts(out, "]");
}

static void write_diagnosis(struct api_buffer *out, const struct up_diagnosis *d)
{
    api_buffer_printf(out, ",\"diagnosis\":{\"taps\":{\"min\":%.0f,\"max\":%.0f,\"uniform\":%s}",
                      d->taps_min, d->taps_max, d->taps_min < d->taps_max ? "false" : "true");
    if (isnan(d->checkerboard)) /* the layer before decides */
        api_buffer_puts(out, ",\"checkerboard\":null");
    else
        api_buffer_printf(out, ",\"checkerboard\":%.6g,\"by\":\"%s\"", d->checkerboard,
                          d->by_weights ? "weights" : "ones");
    api_buffer_puts(out, ",\"receptive_field\":[");
    for (uint32_t i = 0; i < d->spatial; i++)
        api_buffer_printf(out, "%s%zu", i == 0 ? "" : ",", d->receptive_field[i]);
    api_buffer_puts(out, "]");
    if (d->advice[0] != '\0') {
        api_buffer_puts(out, ",\"advice\":");
        api_buffer_quote(out, d->advice);
    }
    api_buffer_puts(out, "}");
}

static void write_layer(struct api_buffer *out, const struct api_job *job,
                        const struct up_plan *plan, uint32_t i, bool values)
{
    const struct up_plan_node *node = up_plan_node(plan, i);
    const struct up_layer *layer = &job->net.graph.layers[job->net.graph.nodes[i].layer];
    api_buffer_printf(out, "%s{\"class_name\":\"%s\",\"input_shape\":", i == 0 ? "" : ",",
                      layer->ops->class_name);
    api_write_shape(out, &node->in);
    api_buffer_puts(out, ",\"output_shape\":");
    api_write_shape(out, &node->out);
    write_weights(out, node, values);
    api_buffer_printf(out, ",\"macs\":%.0f,\"algorithm\":\"%s\"", node->macs,
                      node->algorithm == NULL ? "none" : node->algorithm);
    if (node->computed_by != i)
        api_buffer_printf(out, ",\"fused_into\":%u", node->computed_by);
    if (node->diagnosis != NULL)
        write_diagnosis(out, node->diagnosis);
    api_buffer_puts(out, "}");
}

static enum up_code respond(const struct api_job *job, const struct up_plan *plan, bool values,
                            struct api_response *response)
{
    const struct up_plan_bytes bytes = up_plan_bytes(plan);
    const struct up_shape in = api_job_shape(job, &job->input_shape[0]);
    const struct up_shape shape = api_job_shape(job, up_plan_output(plan, 0));
    struct api_buffer out = api_buffer_make(job->reader.arena, job->reader.err);
    api_buffer_puts(&out, "{\"input_shape\":");
    api_write_shape(&out, &in);
    api_buffer_puts(&out, ",\"output_shape\":");
    api_write_shape(&out, &shape);
    api_buffer_printf(&out,
                      ",\"macs\":%.0f,\"bytes\":{\"input\":%zu,\"output\":%zu,\"scratch\":%zu,"
                      "\"weights\":%zu},\"layers\":[",
                      up_plan_macs(plan), bytes.input, bytes.output, bytes.scratch, bytes.weights);
    for (uint32_t i = 0; i < up_plan_node_count(plan); i++)
        write_layer(&out, job, plan, i, values);
    api_buffer_puts(&out, "],\"warnings\":");
    api_write_warnings(&out, job->reader.warnings);
    api_buffer_puts(&out, "}\n");
    return api_respond_json(&out, response);
}

API_HANDLER(api_plan)
{
    struct api_job job;
    const struct up_plan *plan;
    uint64_t since = up_now_ns();
    enum up_code code = api_job_open(context, request, true, &job, err);
    since = api_phase_end(response, API_DECODE, since);
    if (code == UP_OK)
        code = api_job_plan(context, &job, &plan);
    since = api_phase_end(response, API_PLAN, since);
    if (code == UP_OK)
        code = respond(&job, plan, job.weights_shown, response);
    (void)api_phase_end(response, API_ENCODE, since);
    api_job_place(&job, err);
    api_job_close(&job);
    return code;
}
