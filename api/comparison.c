/* The answer to a comparison: its table and verdict, or one picture of all outputs,
 * or of what they differ in. */
#include "api/comparison.h"

#include <math.h>

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
    write_figure(out, "max_difference", one->difference.max);
    write_figure(out, "mean_difference", one->difference.mean);
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
    api_buffer_puts(&out, "],\"reference\":");
    api_buffer_quote(&out, c->reference->name);
    api_buffer_puts(&out, ",\"verdict\":");
    api_buffer_quote(&out, words);
    api_buffer_puts(&out, ",\"warnings\":");
    api_write_warnings(&out, c->shared.reader.warnings);
    api_buffer_puts(&out, "}\n");
    return api_respond_json(&out, response);
}

/* --- The picture ---------------------------------------------------------------------------- */

static enum up_code axes_check(const struct api_comparison *c)
{
    for (size_t i = 0; i < c->count; i++)
        if (c->candidate[i].result.spatial == 0)
            return api_refuse(&c->shared.reader, UP_E_INVALID, "/output/format",
                              "the layers of \"%s\" do not say which axes are an image's; ask for "
                              "json",
                              c->candidate[i].name);
    return UP_OK;
}

/* One sheet takes outputs of one size. */
static enum up_code sizes_check(const struct api_comparison *c)
{
    char one[UP_SHAPE_TEXT_BYTES], other[UP_SHAPE_TEXT_BYTES];
    for (size_t i = 0; i < c->count; i++)
        if (!c->candidate[i].comparable)
            return api_refuse(
                &c->shared.reader, UP_E_INVALID, "/output/format",
                "one picture takes outputs of one size, \"%s\" gives %s and \"%s\" "
                "%s; ask for json",
                c->reference->name, up_shape_text(&c->reference->result.tensor.shape, one),
                c->candidate[i].name, up_shape_text(&c->candidate[i].result.tensor.shape, other));
    return UP_OK;
}

/* Whether the candidate has a tile: in the view of differences the reference has none, and neither
 * have outputs that cannot be compared with it. */
static bool shown(const struct api_comparison *c, const struct api_candidate *one)
{
    return c->view == API_VIEW_OUTPUTS || (one->comparable && one != c->reference);
}

static size_t shown_count(const struct api_comparison *c)
{
    size_t count = 0;
    for (size_t i = 0; i < c->count; i++)
        count += shown(c, &c->candidate[i]);
    return count;
}

static void tile_fill(const struct api_comparison *c, const struct api_candidate *one, float *ret,
                      size_t values)
{
    const float *from = one->result.tensor.data, *reference = c->reference->result.tensor.data;
    for (size_t i = 0; i < values; i++)
        ret[i] = c->view == API_VIEW_DIFFERENCES ? from[i] - reference[i] : from[i];
}

/* The outputs or their differences as one batch, each with its name. */
static enum up_code sheet_make(const struct api_comparison *c, size_t count, struct api_result *ret)
{
    const struct api_reader *reader = &c->shared.reader;
    const struct api_result *like = &c->reference->result;
    const size_t values = up_shape_size(&like->tensor.shape);
    const size_t images = like->batch ? like->tensor.shape.dim[0] : 1;
    float *data = up_arena_alloc(reader->arena, count * values, sizeof *data, reader->err);
    const char **names = up_arena_alloc(reader->arena, count * images, sizeof *names, reader->err);
    if (data == NULL || names == NULL)
        return reader->err->code;
    size_t tile = 0;
    for (size_t i = 0; i < c->count; i++) {
        if (!shown(c, &c->candidate[i]))
            continue;
        tile_fill(c, &c->candidate[i], data + tile * values, values);
        for (size_t k = 0; k < images; k++)
            names[tile * images + k] = c->candidate[i].name;
        tile++;
    }
    *ret = *like;
    ret->batch = true;
    if (!like->batch)
        ret->tensor.shape = up_shape_with(&like->tensor.shape, 0, 1);
    ret->tensor.shape.dim[0] = count * images;
    ret->tensor.data = data;
    ret->names = names;
    return UP_OK;
}

/* "difference from nearest; of another size: large, larger" */
static enum up_code differences_title(const struct api_comparison *c, const char **ret)
{
    struct api_buffer out = api_buffer_make(c->shared.reader.arena, c->shared.reader.err);
    const char *before = "; of another size: ";
    api_buffer_printf(&out, "difference from %s", c->reference->name);
    for (size_t i = 0; i < c->count; i++) {
        if (c->candidate[i].comparable)
            continue;
        api_buffer_printf(&out, "%s%s", before, c->candidate[i].name);
        before = ", ";
    }
    api_buffer_put(&out, "", 1);
    *ret = out.data;
    return api_buffer_finish(&out);
}

static enum up_code differences_prepare(struct api_comparison *c, struct api_output *output)
{
    char text[UP_SHAPE_TEXT_BYTES];
    if (shown_count(c) == 0)
        return api_refuse(&c->shared.reader, UP_E_INVALID, "/view",
                          "no other candidate gives %s, as \"%s\" does, to take a difference from",
                          up_shape_text(&c->reference->result.tensor.shape, text),
                          c->reference->name);
    if (output->cmap == NULL)
        output->cmap = "RdBu_r";
    return output->title != NULL ? UP_OK : differences_title(c, &output->title);
}

static enum up_code encode_png(struct api_comparison *c, struct api_response *response)
{
    struct api_result sheet;
    struct api_output output = c->shared.output;
    struct up_error *err = c->shared.reader.err;
    if (axes_check(c) != UP_OK)
        return err->code;
    if (c->view == API_VIEW_DIFFERENCES ? differences_prepare(c, &output) != UP_OK
                                        : sizes_check(c) != UP_OK)
        return err->code;
    if (sheet_make(c, shown_count(c), &sheet) != UP_OK ||
        api_output_png(&sheet, &output, c->shared.reader.arena, response, err) != UP_OK)
        return err->code;
    response->status = 200;
    return UP_OK;
}

enum up_code api_comparison_answer(struct api_comparison *comparison, struct api_response *response)
{
    return comparison->shared.output.format == API_JSON ? encode_json(comparison, response)
                                                        : encode_png(comparison, response);
}
