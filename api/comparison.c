/* The answer to a comparison: its table and verdict, or one picture of all outputs. */
#include "api/comparison.h"

#include <math.h>
#include <string.h>

#include "api/codec/buffer.h"
#include "api/codec/json.h"
#include "api/endpoints.h"

/* --- The table ------------------------------------------------------------------------------ */

static void write_figure(struct api_buffer *out, const char *name, double value)
{
    if (isnan(value))
        api_buffer_printf(out, ",\"%s\":null", name);
    else
        api_buffer_printf(out, ",\"%s\":%.6g", name, value);
}

static enum up_code write_candidate(struct api_buffer *out, struct api_candidate *one)
{
    api_buffer_puts(out, "{\"name\":");
    api_buffer_quote(out, one->name);
    api_buffer_puts(out, ",\"output_shape\":");
    api_write_shape(out, &one->result.tensor.shape);
    api_buffer_printf(out, ",\"parameters\":%.0f,\"macs\":%.0f,\"compute_ms\":%.4g",
                      one->parameters, one->macs, one->compute_ms);
    write_figure(out, "checkerboard", one->checkerboard);
    write_figure(out, "overshoot", one->overshoot);
    write_figure(out, "rms_gradient", one->gradient);
    api_buffer_puts(out, ",\"output\":");
    const size_t nulls = api_json_write_tensor(out, &one->result.tensor, one->job.output.flat);
    if (nulls > 0 && api_warn(&one->job.reader, "non-finite", "/output",
                              "%zu values are NaN or infinite, and null here", nulls) != UP_OK)
        return one->job.reader.err->code;
    api_buffer_puts(out, ",\"warnings\":");
    api_write_warnings(out, one->job.reader.warnings);
    api_buffer_puts(out, "}");
    return UP_OK;
}

static enum up_code encode_json(struct api_comparison *c, struct api_response *response)
{
    const char *words;
    struct api_buffer out = api_buffer_make(c->shared.reader.arena, c->shared.reader.err);
    api_buffer_puts(&out, "{\"candidates\":[");
    for (size_t i = 0; i < c->count; i++) {
        api_buffer_puts(&out, i == 0 ? "" : ",");
        if (write_candidate(&out, &c->candidate[i]) != UP_OK)
            return c->shared.reader.err->code;
    }
    if (api_verdict(c, &words) != UP_OK)
        return c->shared.reader.err->code;
    api_buffer_puts(&out, "],\"verdict\":");
    api_buffer_quote(&out, words);
    api_buffer_puts(&out, ",\"warnings\":");
    api_write_warnings(&out, c->shared.reader.warnings);
    api_buffer_puts(&out, "}\n");
    return api_respond_json(&out, response);
}

/* --- The picture ---------------------------------------------------------------------------- */

static bool alike(const struct api_result *a, const struct api_result *b)
{
    return up_shape_equal(&a->tensor.shape, &b->tensor.shape) && a->spatial == b->spatial &&
           a->batch == b->batch && a->channels == b->channels &&
           a->channels_first == b->channels_first;
}

/* One picture takes outputs of one size, whose axes are known. */
static enum up_code sizes_check(struct api_comparison *c)
{
    const struct api_candidate *first = &c->candidate[0];
    char one[UP_SHAPE_TEXT_BYTES], other[UP_SHAPE_TEXT_BYTES];
    for (size_t i = 0; i < c->count; i++) {
        const struct api_candidate *next = &c->candidate[i];
        if (next->result.spatial == 0)
            return api_refuse(&c->shared.reader, UP_E_INVALID, "/output/format",
                              "the layers of \"%s\" do not say which axes are an image's; ask for "
                              "json",
                              next->name);
        if (!alike(&first->result, &next->result))
            return api_refuse(&c->shared.reader, UP_E_INVALID, "/output/format",
                              "one picture takes outputs of one size, \"%s\" gives %s and \"%s\" "
                              "%s; ask for json",
                              first->name, up_shape_text(&first->result.tensor.shape, one),
                              next->name, up_shape_text(&next->result.tensor.shape, other));
    }
    return UP_OK;
}

/* All outputs as one batch, each with its name. */
static enum up_code sheet_make(struct api_comparison *c, struct api_result *ret)
{
    const struct api_reader *reader = &c->shared.reader;
    const struct api_result *first = &c->candidate[0].result;
    const size_t values = up_shape_size(&first->tensor.shape);
    const size_t images = first->batch ? first->tensor.shape.dim[0] : 1;
    float *data = up_arena_alloc(reader->arena, c->count * values, sizeof *data, reader->err);
    const char **names =
        up_arena_alloc(reader->arena, c->count * images, sizeof *names, reader->err);
    if (data == NULL || names == NULL)
        return reader->err->code;
    for (size_t i = 0; i < c->count; i++) {
        memcpy(data + i * values, c->candidate[i].result.tensor.data, values * sizeof *data);
        for (size_t k = 0; k < images; k++)
            names[i * images + k] = c->candidate[i].name;
    }
    *ret = *first;
    ret->batch = true;
    if (!first->batch)
        ret->tensor.shape = up_shape_with(&first->tensor.shape, 0, 1);
    ret->tensor.shape.dim[0] = c->count * images;
    ret->tensor.data = data;
    ret->names = names;
    return UP_OK;
}

enum up_code api_comparison_answer(struct api_comparison *c, struct api_response *response)
{
    struct api_result sheet;
    if (c->shared.output.format == API_JSON)
        return encode_json(c, response);
    if (sizes_check(c) != UP_OK || sheet_make(c, &sheet) != UP_OK)
        return c->shared.reader.err->code;
    if (api_output_png(&sheet, &c->shared.output, c->shared.reader.arena, response,
                       c->shared.reader.err) != UP_OK)
        return c->shared.reader.err->code;
    response->status = 200;
    return UP_OK;
}
