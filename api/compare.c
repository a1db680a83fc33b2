/* DESIGN
 * POST /compare: several nets on one input. What they share is read once; each candidate is then a
 * job of its own, a copy with its own layers, planned and run as /upsample would. It runs once more
 * on an input of ones, which shows its checkerboard. All candidates are read and planned before the
 * first runs, so that a refusal costs no computing. */
#include <math.h>
#include <string.h>

#include "api/codec/buffer.h"
#include "api/codec/json.h"
#include "api/endpoints.h"
#include "api/traits.h"
#include "core/deadline.h"
#include "core/plan/diagnosis.h"

enum { CANDIDATES_MAX = 16, NAME_BYTES_MAX = 64 };

struct candidate {
    struct api_job job;
    const struct up_plan *plan;
    struct api_result result;
    const char *name;
    double parameters, macs, compute_ms;
    double checkerboard, overshoot, gradient; /* NaN: there is none */
};

struct comparison {
    struct api_job shared;
    struct candidate *candidate;
    size_t count;
};

/* --- Reading -------------------------------------------------------------------------------- */

static const char *const members[] = {"input",    "candidates",      "output",
                                      "channels", "set_random_seed", NULL};

static enum up_code name_read(struct candidate *one, const json_t *value, const char *at,
                              size_t index)
{
    struct api_reader *reader = &one->job.reader;
    const json_t *name = json_object_get(value, "name");
    const char *name_at = api_under(reader, at, "name");
    char text[80];
    one->name = name == NULL
                    ? up_arena_printf(reader->arena, reader->err, "candidate %zu", index + 1)
                    : json_string_value(name);
    if (name_at == NULL || (name == NULL && one->name == NULL))
        return reader->err->code;
    if (one->name == NULL)
        return api_refuse(reader, UP_E_INVALID, name_at, "name is a text, not %s",
                          api_describe(name, text));
    if (strlen(one->name) > NAME_BYTES_MAX)
        return api_refuse(reader, UP_E_INVALID, name_at, "a name of %zu bytes is longer than %d",
                          strlen(one->name), NAME_BYTES_MAX);
    return UP_OK;
}

static enum up_code candidate_read(struct comparison *c, const json_t *value, size_t index)
{
    static const char *const parts[] = {"name", "layer", "layers", NULL};
    struct candidate *one = &c->candidate[index];
    struct api_reader *reader = &one->job.reader;
    char text[80];
    one->job = c->shared;
    reader->warnings = NULL;
    reader->warnings_end = &reader->warnings;
    const char *at = api_under_index(reader, "/candidates", index);
    if (at == NULL)
        return reader->err->code;
    if (!json_is_object(value))
        return api_refuse(reader, UP_E_INVALID, at,
                          "a candidate is an object with name and layers, not %s",
                          api_describe(value, text));
    if (api_members_check(reader, value, at, parts, "a candidate") != UP_OK ||
        name_read(one, value, at, index) != UP_OK)
        return reader->err->code;
    return api_job_net(&one->job, value, at);
}

static enum up_code candidates_read(struct comparison *c)
{
    struct api_reader *reader = &c->shared.reader;
    const json_t *list = json_object_get(c->shared.root, "candidates");
    char text[80];
    c->count = json_array_size(list);
    if (!json_is_array(list))
        return api_refuse(reader, UP_E_INVALID, "/candidates",
                          "candidates is a list of objects with name and layers%s%s",
                          list == NULL ? "" : ", not ",
                          list == NULL ? "" : api_describe(list, text));
    if (c->count == 0 || c->count > CANDIDATES_MAX)
        return api_refuse(reader, UP_E_INVALID, "/candidates",
                          "1 to %d candidates are taken, not %zu", CANDIDATES_MAX, c->count);
    c->candidate = up_arena_zalloc(reader->arena, c->count, sizeof *c->candidate, reader->err);
    if (c->candidate == NULL)
        return reader->err->code;
    for (size_t i = 0; i < c->count; i++)
        if (candidate_read(c, json_array_get(list, i), i) != UP_OK)
            return reader->err->code;
    return UP_OK;
}

/* A NumPy input would be answered as it came; a comparison is a table or a picture. */
static enum up_code form_choose(struct api_job *shared)
{
    const json_t *output = json_object_get(shared->root, "output");
    if (shared->output.format != API_NPY)
        return UP_OK;
    if (json_object_get(output, "format") != NULL)
        return api_refuse(&shared->reader, UP_E_INVALID, "/output/format",
                          "a comparison is json or png, not npy");
    shared->output.format = API_JSON;
    return UP_OK;
}

static enum up_code comparison_read(const struct api_context *context,
                                    const struct api_request *request, struct comparison *c,
                                    struct up_error *err)
{
    if (api_job_begin(context, request, members, false, &c->shared, err) != UP_OK)
        return err->code;
    if (json_object_get(c->shared.root, "weights") != NULL) /* parts put them there */
        return api_refuse(&c->shared.reader, UP_E_INVALID, "/weights",
                          "weights stand beside class_name in their layer");
    return form_choose(&c->shared) == UP_OK ? candidates_read(c) : err->code;
}

/* --- Planning and running ------------------------------------------------------------------- */

static enum up_code candidates_plan(const struct api_context *context, struct comparison *c)
{
    for (size_t i = 0; i < c->count; i++) {
        struct candidate *one = &c->candidate[i];
        if (api_job_plan(context, &one->job, &one->plan) != UP_OK)
            return c->shared.reader.err->code;
        one->parameters = (double)(up_plan_bytes(one->plan).weights / sizeof(float));
        one->macs = up_plan_macs(one->plan);
    }
    return UP_OK;
}

static enum up_code candidate_run(const struct api_context *context, struct candidate *one,
                                  float *ones, struct api_range in)
{
    struct up_tensor tensor;
    const uint64_t since = up_now_ns();
    if (api_job_run(context, &one->job, one->plan, &tensor) != UP_OK)
        return one->job.reader.err->code;
    one->compute_ms = (double)(up_now_ns() - since) / 1e6;
    one->result = api_job_result(&one->job, &tensor);
    const struct api_range out = api_range_of(&tensor);
    one->overshoot = api_trait_overshoot(in, out);
    one->gradient = api_trait_gradient(&one->result, out);
    struct api_job constant = one->job;
    constant.input[0].data = ones;
    if (api_job_run(context, &constant, one->plan, &tensor) != UP_OK)
        return one->job.reader.err->code;
    const struct api_result result = api_job_result(&one->job, &tensor);
    one->checkerboard = api_trait_checkerboard(&result);
    return UP_OK;
}

static enum up_code candidates_run(const struct api_context *context, struct comparison *c)
{
    const struct api_reader *reader = &c->shared.reader;
    const struct up_tensor *input = &c->shared.input[0];
    const size_t values = up_shape_size(&input->shape);
    const struct api_range in = api_range_of(input);
    float *ones = up_arena_alloc(reader->arena, values, sizeof *ones, reader->err);
    if (ones == NULL)
        return reader->err->code;
    for (size_t i = 0; i < values; i++)
        ones[i] = 1;
    for (size_t i = 0; i < c->count; i++)
        if (candidate_run(context, &c->candidate[i], ones, in) != UP_OK)
            return reader->err->code;
    return UP_OK;
}

/* --- The verdict ---------------------------------------------------------------------------- */

static bool has_checkerboard(const struct candidate *one)
{
    return one->checkerboard > UP_CHECKERBOARD_SEEN;
}

static bool is_even(const struct candidate *one)
{
    return one->checkerboard <= UP_CHECKERBOARD_SEEN;
}

static bool overshoots(const struct candidate *one)
{
    return one->overshoot > UP_CHECKERBOARD_SEEN;
}

static size_t count_of(const struct comparison *c, bool (*is)(const struct candidate *one))
{
    size_t count = 0;
    for (size_t i = 0; i < c->count; i++)
        count += is(&c->candidate[i]);
    return count;
}

/* "A (0.75), B (0.5)": those that are, with the figure at `offset` where it is not 0. */
static void say_list(struct api_buffer *out, const struct comparison *c,
                     bool (*is)(const struct candidate *one), size_t offset)
{
    const char *between = "";
    for (size_t i = 0; i < c->count; i++) {
        const struct candidate *one = &c->candidate[i];
        if (!is(one))
            continue;
        api_buffer_printf(out, "%s%s", between, one->name);
        if (offset != 0)
            api_buffer_printf(out, " (%.3g)", *(const double *)((const char *)one + offset));
        between = ", ";
    }
}

static void say_checkerboards(struct api_buffer *out, const struct comparison *c)
{
    const size_t offset = offsetof(struct candidate, checkerboard);
    const size_t with = count_of(c, has_checkerboard), without = count_of(c, is_even);
    if (with > 0) {
        api_buffer_puts(out, "With a checkerboard: ");
        say_list(out, c, has_checkerboard, offset);
        api_buffer_puts(out, without > 0 ? "; without: " : ".");
    } else if (without > 0) {
        api_buffer_puts(out, "Without a checkerboard: ");
    }
    if (without > 0) {
        say_list(out, c, is_even, offset);
        api_buffer_puts(out, ".");
    }
}

/* A checkerboard is steep, too, but nothing that anybody wants sharp: it is left out where there
 * are others. */
static void say_sharpness(struct api_buffer *out, const struct comparison *c)
{
    const struct candidate *sharpest = NULL, *smoothest = NULL;
    const bool only_even = count_of(c, is_even) > 0;
    for (size_t i = 0; i < c->count; i++) {
        const struct candidate *one = &c->candidate[i];
        if (isnan(one->gradient) || (only_even && !is_even(one)))
            continue;
        if (sharpest == NULL || one->gradient > sharpest->gradient)
            sharpest = one;
        if (smoothest == NULL || one->gradient < smoothest->gradient)
            smoothest = one;
    }
    if (sharpest == NULL || !(sharpest->gradient > smoothest->gradient))
        return;
    api_buffer_printf(out, " %s sharpest is %s (rms_gradient %.3g), the smoothest %s (%.3g).",
                      only_even && count_of(c, has_checkerboard) > 0 ? "Of those without, the"
                                                                     : "The",
                      sharpest->name, sharpest->gradient, smoothest->name, smoothest->gradient);
}

static void say_overshoot(struct api_buffer *out, const struct comparison *c)
{
    if (count_of(c, overshoots) == 0) {
        api_buffer_puts(out, " None leaves the input's range.");
        return;
    }
    api_buffer_puts(out, " Past the input's range, in parts of it: ");
    say_list(out, c, overshoots, offsetof(struct candidate, overshoot));
    api_buffer_puts(out, ".");
}

static void say_cheapest(struct api_buffer *out, const struct comparison *c)
{
    double least = INFINITY;
    const char *between = "";
    for (size_t i = 0; i < c->count; i++)
        least = fmin(least, c->candidate[i].macs);
    api_buffer_puts(out, " Cheapest: ");
    for (size_t i = 0; i < c->count; i++) {
        if (c->candidate[i].macs > least)
            continue;
        api_buffer_printf(out, "%s%s", between, c->candidate[i].name);
        between = ", ";
    }
    api_buffer_printf(out, " (%.0f multiply-accumulates).", least);
}

static enum up_code verdict(const struct comparison *c, const char **ret)
{
    struct api_buffer out = api_buffer_make(c->shared.reader.arena, c->shared.reader.err);
    say_checkerboards(&out, c);
    say_sharpness(&out, c);
    say_overshoot(&out, c);
    say_cheapest(&out, c);
    api_buffer_put(&out, "", 1);
    *ret = out.data;
    return api_buffer_finish(&out);
}

/* --- The answer ----------------------------------------------------------------------------- */

static void write_figure(struct api_buffer *out, const char *name, double value)
{
    if (isnan(value))
        api_buffer_printf(out, ",\"%s\":null", name);
    else
        api_buffer_printf(out, ",\"%s\":%.6g", name, value);
}

static enum up_code write_candidate(struct api_buffer *out, struct candidate *one)
{
    api_buffer_puts(out, "{\"name\":");
    api_buffer_quote(out, one->name);
    api_buffer_puts(out, ",\"output_shape\":");
    api_write_shape(out, &one->result.tensor.shape);
    api_buffer_printf(out, ",\"parameters\":%.0f,\"macs\":%.0f,\"compute_ms\":%.3f",
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

static enum up_code encode_json(struct comparison *c, struct api_response *response)
{
    const char *words;
    struct api_buffer out = api_buffer_make(c->shared.reader.arena, c->shared.reader.err);
    api_buffer_puts(&out, "{\"candidates\":[");
    for (size_t i = 0; i < c->count; i++) {
        api_buffer_puts(&out, i == 0 ? "" : ",");
        if (write_candidate(&out, &c->candidate[i]) != UP_OK)
            return c->shared.reader.err->code;
    }
    if (verdict(c, &words) != UP_OK)
        return c->shared.reader.err->code;
    api_buffer_puts(&out, "],\"verdict\":");
    api_buffer_quote(&out, words);
    api_buffer_puts(&out, ",\"warnings\":");
    api_write_warnings(&out, c->shared.reader.warnings);
    api_buffer_puts(&out, "}\n");
    return api_respond_json(&out, response);
}

static bool alike(const struct api_result *a, const struct api_result *b)
{
    return up_shape_equal(&a->tensor.shape, &b->tensor.shape) && a->spatial == b->spatial &&
           a->batch == b->batch && a->channels == b->channels &&
           a->channels_first == b->channels_first;
}

/* One picture takes outputs of one size, whose axes are known. */
static enum up_code sizes_check(struct comparison *c)
{
    const struct candidate *first = &c->candidate[0];
    char one[UP_SHAPE_TEXT_BYTES], other[UP_SHAPE_TEXT_BYTES];
    for (size_t i = 0; i < c->count; i++) {
        const struct candidate *next = &c->candidate[i];
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
static enum up_code sheet_make(struct comparison *c, struct api_result *ret)
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

static enum up_code encode(struct comparison *c, struct api_response *response)
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

API_HANDLER(api_compare)
{
    struct comparison c = {.count = 0};
    uint64_t since = up_now_ns();
    enum up_code code = comparison_read(context, request, &c, err);
    since = api_phase_end(response, API_DECODE, since);
    if (code == UP_OK)
        code = candidates_plan(context, &c);
    since = api_phase_end(response, API_PLAN, since);
    if (code == UP_OK)
        code = candidates_run(context, &c);
    since = api_phase_end(response, API_COMPUTE, since);
    if (code == UP_OK)
        code = encode(&c, response);
    (void)api_phase_end(response, API_ENCODE, since);
    for (size_t i = 0; c.candidate != NULL && i < c.count; i++)
        api_job_plan_drop(&c.candidate[i].job);
    api_job_place(&c.shared, err);
    api_job_close(&c.shared);
    return code;
}
