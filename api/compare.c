/* DESIGN
 * POST /compare: several nets on one input. What they share is read once; each candidate is then a
 * job of its own, a copy with its own layers, planned and run as /upsample would. It runs once more
 * on an input of ones, which shows its checkerboard. All candidates are read and planned before the
 * first runs, so that a refusal costs no computing. */
#include <math.h>
#include <string.h>

#include "api/comparison.h"
#include "api/endpoints.h"
#include "api/traits.h"
#include "core/deadline.h"

enum { CANDIDATES_MAX = 16, NAME_BYTES_MAX = 64 };

/* --- Reading -------------------------------------------------------------------------------- */

static const char *const members[] = {"preset", "input",    "candidates", "reference",       "view",
                                      "output", "channels", "shape",      "set_random_seed", NULL};

static enum up_code name_read(struct api_candidate *one, const json_t *value, const char *at,
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

static enum up_code candidate_read(struct api_comparison *c, const json_t *value, size_t index)
{
    static const char *const parts[] = {"name", "layer", "layers", "model", "weights", NULL};
    struct api_candidate *one = &c->candidate[index];
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
                          "a candidate is an object with name and layers or a model, not %s",
                          api_describe(value, text));
    if (api_members_check(reader, value, at, parts, "a candidate") != UP_OK ||
        name_read(one, value, at, index) != UP_OK)
        return reader->err->code;
    if (api_job_net(&one->job, value, at) != UP_OK)
        return reader->err->code;
    if (one->job.net.graph.output_count != 1)
        return api_refuse(reader, UP_E_INVALID, at, "a candidate has one output, its model has %u",
                          one->job.net.graph.output_count);
    return UP_OK;
}

static enum up_code candidates_read(struct api_comparison *c)
{
    struct api_reader *reader = &c->shared.reader;
    const json_t *list = json_object_get(c->shared.root, "candidates");
    char text[80];
    c->count = json_array_size(list);
    if (!json_is_array(list))
        return api_refuse(reader, UP_E_INVALID, "/candidates",
                          "candidates is a list of objects with name and layers, not %s",
                          api_describe(list, text));
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

static enum up_code reference_read(struct api_comparison *c)
{
    struct api_reader *reader = &c->shared.reader;
    const json_t *value = json_object_get(c->shared.root, "reference");
    struct up_nearest nearest = {.text = json_string_value(value)};
    char text[80], hint[UP_HINT_BYTES];
    c->reference = &c->candidate[0];
    if (value == NULL)
        return UP_OK;
    if (!json_is_string(value))
        return api_refuse(reader, UP_E_INVALID, "/reference",
                          "reference is the name of a candidate, not %s",
                          api_describe(value, text));
    for (size_t i = 0; i < c->count; i++) {
        c->reference = &c->candidate[i];
        if (strcmp(c->reference->name, nearest.text) == 0)
            return UP_OK;
        up_nearest_offer(&nearest, c->reference->name);
    }
    return api_refuse(reader, UP_E_INVALID, "/reference", "there is no candidate %s%s",
                      api_describe(value, text), up_nearest_hint(&nearest, hint));
}

static enum up_code view_read(struct api_comparison *c)
{
    static const char *const views[] = {
        [API_VIEW_OUTPUTS] = "outputs", [API_VIEW_DIFFERENCES] = "differences", NULL};
    const json_t *value = json_object_get(c->shared.root, "view");
    char text[80];
    const int view = value == NULL           ? API_VIEW_OUTPUTS
                     : json_is_string(value) ? up_choice_find(views, json_string_value(value))
                                             : -1;
    if (view < 0)
        return api_refuse(&c->shared.reader, UP_E_INVALID, "/view",
                          "view is outputs or differences, not %s", api_describe(value, text));
    c->view = (enum api_view)view;
    return UP_OK;
}

/* An array would be answered as it came; a comparison is a table or a picture. */
static enum up_code form_choose(struct api_job *shared)
{
    const json_t *format = json_object_get(json_object_get(shared->root, "output"), "format");
    if (shared->output.format == API_JSON || shared->output.format == API_PNG)
        return UP_OK;
    if (format != NULL)
        return api_refuse(&shared->reader, UP_E_INVALID, "/output/format",
                          "a comparison is json or png, not %s", json_string_value(format));
    shared->output.format = API_JSON;
    return UP_OK;
}

static enum up_code comparison_read(const struct api_context *context,
                                    const struct api_request *request, struct api_comparison *c,
                                    struct up_error *err)
{
    if (api_job_begin(context, request, members, false, &c->shared, err) != UP_OK)
        return err->code;
    if (json_object_get(c->shared.root, "weights") != NULL) /* parts put them there */
        return api_refuse(&c->shared.reader, UP_E_INVALID, "/weights",
                          "weights stand beside class_name in their layer");
    if (form_choose(&c->shared) != UP_OK || view_read(c) != UP_OK || candidates_read(c) != UP_OK)
        return err->code;
    return reference_read(c);
}

/* --- Planning and running ------------------------------------------------------------------- */

static enum up_code candidates_plan(const struct api_context *context, struct api_comparison *c)
{
    for (size_t i = 0; i < c->count; i++) {
        struct api_candidate *one = &c->candidate[i];
        if (api_job_plan(context, &one->job, &one->plan) != UP_OK)
            return c->shared.reader.err->code;
        one->parameters = (double)(up_plan_bytes(one->plan).weights / sizeof(float));
        one->macs = up_plan_macs(one->plan);
    }
    return UP_OK;
}

static enum up_code candidate_run(const struct api_context *context, struct api_candidate *one,
                                  float *ones, struct api_range in)
{
    struct up_tensor tensor;
    const uint64_t first = up_now_ns();
    if (api_job_run(context, &one->job, one->plan, &tensor) != UP_OK)
        return one->job.reader.err->code;
    one->compute_ms = (double)(up_now_ns() - first) / 1e6;
    one->result = api_job_result(&one->job, &tensor);
    const struct api_range out = api_range_of(&tensor);
    one->overshoot = api_trait_overshoot(in, out);
    one->gradient = api_trait_gradient(&one->result, out);
    struct api_job constant = one->job;
    constant.input[0].data = ones;
    const uint64_t second = up_now_ns();
    if (api_job_run(context, &constant, one->plan, &tensor) != UP_OK)
        return one->job.reader.err->code;
    one->compute_ms = fmin(one->compute_ms, (double)(up_now_ns() - second) / 1e6);
    const struct api_result result = api_job_result(&one->job, &tensor);
    one->checkerboard = api_trait_checkerboard(&result);
    return UP_OK;
}

static bool alike(const struct api_result *a, const struct api_result *b)
{
    return up_shape_equal(&a->tensor.shape, &b->tensor.shape) && a->spatial == b->spatial &&
           a->batch == b->batch && a->channels == b->channels &&
           a->channels_first == b->channels_first;
}

static void differences_take(struct api_comparison *c)
{
    const struct api_result *reference = &c->reference->result;
    for (size_t i = 0; i < c->count; i++) {
        struct api_candidate *one = &c->candidate[i];
        one->comparable = alike(&one->result, reference);
        one->difference = one->comparable
                              ? api_trait_difference(&one->result.tensor, &reference->tensor)
                              : (struct api_difference){NAN, NAN};
    }
}

static enum up_code candidates_run(const struct api_context *context, struct api_comparison *c)
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
    differences_take(c);
    return UP_OK;
}

API_HANDLER(api_compare)
{
    struct api_comparison c = {.count = 0};
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
        code = api_comparison_answer(&c, response);
    (void)api_phase_end(response, API_ENCODE, since);
    for (size_t i = 0; c.candidate != NULL && i < c.count; i++)
        api_job_plan_drop(&c.candidate[i].job);
    api_job_place(&c.shared, err);
    api_job_close(&c.shared);
    return code;
}
