/* DESIGN
 * Whatever the form of the body, one JSON document comes out: the body itself, or an empty object
 * beside a file, with the query's values merged in where they belong (a layer's parameter, an
 * output option, a top-level member). It is read once, in one way. Where an error's place turns out
 * to be a value that came with the query, api_job_place names the parameter instead. */
#include "api/request.h"

#include <string.h>

#include "api/presets.h"
#include "api/seeds.h"
#include "api/spec.h"

/* What takes about as long as handing a request to another thread and back, or a few times that. */
enum { BRIEF_VALUES = 2048, BRIEF_MACS = 1 << 20 };

static const char *const net_members[] = {"input", "inputs",          "layer",  "layers",
                                          "model", "weights",         "output", "channels",
                                          "shape", "set_random_seed", NULL};

/* --- Members -------------------------------------------------------------------------------- */

static enum up_code channels_read(struct api_job *job)
{
    static const char *const names[] = {"as_is", "gray", "rgb", "rgba", NULL};
    const json_t *value = json_object_get(job->root, "channels");
    if (value == NULL)
        return UP_OK;
    job->reader.channels =
        json_is_string(value) ? up_choice_find(names, json_string_value(value)) : -1;
    if (job->reader.channels < 0)
        return api_refuse(&job->reader, UP_E_INVALID, "/channels",
                          "channels is one of as_is, gray, rgb, rgba");
    return UP_OK;
}

/* What ends the sentence that there is no member `name`: where it belongs, or the nearest. */
static const char *member_hint(const json_t *object, const char *const *members, const char *name,
                               char text[UP_HINT_BYTES])
{
    struct up_nearest nearest = {.text = name};
    if (up_choice_find(members, "output") >= 0 && up_param_find(api_output_params, name) != NULL)
        return "; it is a member of output";
    if (json_object_get(object, "class_name") != NULL)
        return "; what Keras writes is its member layer or model";
    for (const char *const *m = members; *m != NULL; m++)
        up_nearest_offer(&nearest, *m);
    return up_nearest_hint(&nearest, text);
}

enum up_code api_members_check(struct api_reader *reader, const json_t *object, const char *at,
                               const char *const *members, const char *what)
{
    const char *name;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)object, name, value)
    {
        if (up_choice_find(members, name) >= 0)
            continue;
        char hint[UP_HINT_BYTES];
        const char *place = api_under(reader, at, name);
        return place == NULL
                   ? reader->err->code
                   : api_refuse(reader, UP_E_INVALID, place, "%s has no member \"%.60s\"%s", what,
                                name, member_hint(object, members, name, hint));
    }
    return UP_OK;
}

/* In a dry run "weights": true asks to see them. */
static void weights_shown_read(struct api_job *job)
{
    const json_t *weights = json_object_get(job->root, "weights");
    if (!job->reader.shapes || !json_is_boolean(weights))
        return;
    job->weights_shown = json_is_true(weights);
    (void)json_object_del(job->root, "weights");
}

static enum up_code inputs_read_list(struct api_job *job, const json_t *list)
{
    const bool named = json_is_object(list);
    const size_t count = named ? json_object_size(list) : json_array_size(list);
    if (count == 0 || count > UP_INPUTS_MAX)
        return api_refuse(&job->reader, UP_E_INVALID, "/inputs",
                          "1 to %d inputs are taken, not %zu", UP_INPUTS_MAX, count);
    job->form = named ? API_INPUT_NAMED : API_INPUT_LIST;
    void *member = named ? json_object_iter((json_t *)(uintptr_t)list) : NULL;
    for (uint32_t i = 0; i < count; i++) {
        const json_t *value = named ? json_object_iter_value(member) : json_array_get(list, i);
        const char *at = named ? api_under(&job->reader, "/inputs", json_object_iter_key(member))
                               : api_under_index(&job->reader, "/inputs", i);
        if (at == NULL || api_read_tensor(&job->reader, value, at, &job->input[i]) != UP_OK)
            return job->reader.err->code;
        job->input_name[i] = named ? at + strlen("/inputs/") : NULL;
        member = named ? json_object_iter_next((json_t *)(uintptr_t)list, member) : NULL;
    }
    job->input_count = (uint32_t)count;
    return UP_OK;
}

static enum up_code inputs_read(struct api_job *job)
{
    const json_t *one = json_object_get(job->root, "input");
    const json_t *list = json_object_get(job->root, "inputs");
    if ((one != NULL) + (list != NULL) + (job->input_count > 0) > 1)
        return api_refuse(&job->reader, UP_E_INVALID, list != NULL ? "/inputs" : "/input",
                          "the input is given twice");
    if (list != NULL)
        return inputs_read_list(job, list);
    if (one != NULL) {
        job->input_count = 1;
        return api_read_tensor(&job->reader, one, "/input", &job->input[0]);
    }
    if (job->input_count > 0)
        return UP_OK;
    return api_refuse(&job->reader, UP_E_INVALID, "/input", "there is no input");
}

/* `at` is the place of `owner`: "" for the document. */
static enum up_code net_read(struct api_job *job, const json_t *owner, const char *at)
{
    struct api_reader *reader = &job->reader;
    const json_t *layer = json_object_get(owner, "layer");
    const json_t *layers = json_object_get(owner, "layers");
    const json_t *model = json_object_get(owner, "model");
    const int given = (layer != NULL) + (layers != NULL) + (model != NULL);
    const char *layer_at = api_under(reader, at, "layer"),
               *list_at = api_under(reader, at, "layers"),
               *weights_at = api_under(reader, at, "weights");
    if (layer_at == NULL || list_at == NULL || weights_at == NULL)
        return reader->err->code;
    if (given != 1)
        return api_refuse(reader, UP_E_INVALID, given == 0 ? layer_at : at,
                          "%s has one of layer, layers and model, this one has %d",
                          at[0] == '\0' ? "a request" : "a candidate", given);
    if (model == NULL && json_object_get(owner, "weights") != NULL)
        return api_refuse(reader, UP_E_INVALID, weights_at,
                          "weights stand beside class_name in their layer");
    if (model != NULL)
        return api_net_model(reader, owner, at, &job->net);
    struct api_chain chain = {.count = 1};
    if (layers != NULL) {
        if (api_spec_layers(reader, layers, list_at, &chain) != UP_OK)
            return reader->err->code;
    } else {
        chain.layer = up_arena_alloc(reader->arena, 1, sizeof *chain.layer, reader->err);
        if (chain.layer == NULL || api_spec_layer(reader, layer, layer_at, chain.layer) != UP_OK)
            return reader->err->code;
    }
    return api_net_chain(reader, chain.layer, chain.count, &job->net);
}

static enum up_code seeds_read(struct api_job *job)
{
    char text[80];
    const json_t *seed = json_object_get(job->root, "set_random_seed");
    if (seed == NULL || json_is_null(seed))
        return UP_OK;
    if (!json_is_integer(seed))
        return api_refuse(&job->reader, UP_E_INVALID, "/set_random_seed",
                          "set_random_seed is an integer, not %s", api_describe(seed, text));
    api_seeds_draw(json_integer_value(seed), job->net.graph.layers, job->net.graph.layer_count);
    return UP_OK;
}

/* Puts named inputs into the order of the net's, and counts them. */
static enum up_code inputs_match(struct api_job *job)
{
    const uint32_t wanted = job->net.graph.input_count;
    const char *const place = job->form == API_INPUT_ONE ? "/input" : "/inputs";
    if (job->input_count != wanted && json_object_get(job->root, "model") == NULL)
        return api_refuse(
            &job->reader, UP_E_INVALID, place,
            "a layer, or layers in a row, take one input, not %u; models take several",
            job->input_count);
    if (job->input_count != wanted)
        return api_refuse(&job->reader, UP_E_INVALID, place, "the model takes %u input%s, not %u",
                          wanted, wanted == 1 ? "" : "s", job->input_count);
    for (uint32_t i = 0; job->form == API_INPUT_NAMED && i < wanted; i++) {
        const char *name = job->net.input_name[i];
        uint32_t found = i;
        while (name != NULL && found < wanted && strcmp(job->input_name[found], name) != 0)
            found++;
        if (found == wanted)
            return api_refuse(&job->reader, UP_E_INVALID, "/inputs",
                              "the model's input \"%.60s\" is not given", name);
        const struct up_tensor tensor = job->input[i];
        const char *const other = job->input_name[i];
        job->input[i] = job->input[found];
        job->input[found] = tensor;
        job->input_name[i] = job->input_name[found];
        job->input_name[found] = other;
    }
    return UP_OK;
}

/* --- Axes ----------------------------------------------------------------------------------- */

/* The first layer with spatial axes says what an input has; without one an InputLayer does. */
static void axes_find(struct api_job *job)
{
    const struct up_graph *g = &job->net.graph;
    for (uint32_t i = 0; i < g->node_count && job->axes.spatial == 0; i++) {
        const struct up_layer *layer = &g->layers[g->nodes[i].layer];
        job->axes.spatial = layer->ops->spatial;
        job->axes.channels_first =
            ((const struct up_config *)layer->config)->data_format == UP_CHANNELS_FIRST;
    }
}

/* The rank that input i should have, batch and channels included; 0 when nobody says. */
static uint32_t rank_wanted(const struct api_job *job, uint32_t i)
{
    const struct up_graph *g = &job->net.graph;
    if (job->net.input_layer[i] != NULL && job->net.input_layer[i]->expected.rank != 0)
        return job->net.input_layer[i]->expected.rank;
    if (job->axes.spatial > 0)
        return job->axes.spatial + 2;
    return g->node_count > 0 ? g->layers[g->nodes[0].layer].expected.rank : 0;
}

static enum up_code axes_fit_one(struct api_job *job, uint32_t i)
{
    struct up_shape *shape = &job->input[i].shape;
    const uint32_t wanted = rank_wanted(job, i), spatial = job->axes.spatial;
    const char *at =
        job->form == API_INPUT_ONE ? "/input" : api_under_index(&job->reader, "/inputs", i);
    char text[UP_SHAPE_TEXT_BYTES];
    if (wanted == 0 || shape->rank == wanted || at == NULL)
        return job->reader.err->code;
    const bool image = spatial > 0 && wanted == spatial + 2;
    const bool channels = image && shape->rank == spatial;
    if (shape->rank + 1 != wanted && !channels)
        return image ? api_refuse(&job->reader, UP_E_INVALID, at,
                                  "an input of %u, %u or %u axes is wanted, not %s", spatial,
                                  spatial + 1, wanted, up_shape_text(shape, text))
                     : api_refuse(&job->reader, UP_E_INVALID, at,
                                  "an input of %u axes is wanted, not %s", wanted,
                                  up_shape_text(shape, text));
    if (channels)
        *shape = up_shape_with(shape, job->axes.channels_first ? 0 : shape->rank, 1);
    *shape = up_shape_with(shape, 0, 1);
    job->axes.channels_added = job->axes.channels_added || channels;
    job->axes.batch_added = true;
    return UP_OK;
}

static enum up_code axes_fit(struct api_job *job)
{
    axes_find(job);
    for (uint32_t i = 0; i < job->input_count; i++) {
        if (axes_fit_one(job, i) != UP_OK)
            return job->reader.err->code;
        job->input_shape[i] = job->input[i].shape;
    }
    job->net.graph.inputs = job->input_shape;
    return UP_OK;
}

struct up_shape api_job_shape(const struct api_job *job, const struct up_shape *shape)
{
    struct up_shape out = *shape;
    const uint32_t channels = job->axes.channels_first ? 1 : out.rank - 1;
    if (job->axes.channels_added && out.rank == job->axes.spatial + 2 && out.dim[channels] == 1)
        out = up_shape_without(&out, channels, 1);
    if (job->axes.batch_added && out.rank > 0 && out.dim[0] == 1)
        out = up_shape_without(&out, 0, 1);
    return out;
}

struct api_result api_job_result(const struct api_job *job, const struct up_tensor *tensor)
{
    struct api_result result = {.tensor = {api_job_shape(job, &tensor->shape), tensor->data}};
    const uint32_t spatial = job->axes.spatial;
    if (spatial == 0 || tensor->shape.rank != spatial + 2)
        return result;
    result.spatial = spatial;
    result.channels_first = job->axes.channels_first;
    result.batch = !job->axes.batch_added;
    result.channels = result.tensor.shape.rank == spatial + 1u + (result.batch ? 1u : 0u);
    return result;
}

/* --- The job -------------------------------------------------------------------------------- */

static enum up_code shared_read(struct api_job *job)
{
    enum api_format natural;
    if (api_job_body(job) != UP_OK || api_job_query(job) != UP_OK ||
        api_members_check(&job->reader, job->root, "", job->members, "a request") != UP_OK ||
        channels_read(job) != UP_OK || api_job_files(job) != UP_OK || api_job_preset(job) != UP_OK)
        return job->reader.err->code;
    weights_shown_read(job);
    const json_t *output = json_object_get(job->root, "output");
    if (!api_accept_choose(job->request->accept, api_job_natural(job), &natural) &&
        json_object_get(output, "format") == NULL)
        return api_refuse(&job->reader, UP_E_NOT_ACCEPTABLE, "",
                          "the answer can be application/json, image/png, application/x-npy or "
                          "application/octet-stream, Accept is \"%.80s\"",
                          job->request->accept);
    if (api_output_read(&job->reader, output, natural, &job->output) != UP_OK)
        return job->reader.err->code;
    return inputs_read(job);
}

static void job_begin(const struct api_context *context, const struct api_request *request,
                      const char *const *members, bool shapes, struct api_job *ret,
                      struct up_error *err)
{
    *ret = (struct api_job){.request = request,
                            .members = members,
                            .reader = {.arena = request->arena,
                                       .err = err,
                                       .tensor_bytes_max = request->brief
                                                               ? BRIEF_VALUES * sizeof(float)
                                                               : context->limits.output_bytes,
                                       .shapes = shapes}};
    ret->reader.warnings_end = &ret->reader.warnings;
}

enum up_code api_job_begin(const struct api_context *context, const struct api_request *request,
                           const char *const *members, bool shapes, struct api_job *ret,
                           struct up_error *err)
{
    job_begin(context, request, members, shapes, ret, err);
    return shared_read(ret);
}

enum up_code api_job_net(struct api_job *job, const json_t *owner, const char *at)
{
    if (net_read(job, owner, at) != UP_OK || seeds_read(job) != UP_OK || inputs_match(job) != UP_OK)
        return job->reader.err->code;
    return axes_fit(job);
}

static enum up_code brief_refuse(struct api_job *job)
{
    return api_refuse(&job->reader, UP_E_BUSY, "", "this takes more than a moment");
}

/* Before anything is read: the headers ask for a picture. */
static bool wants_picture(const struct api_request *request)
{
    enum api_format format;
    return api_accept_choose(request->accept, API_JSON, &format) && format == API_PNG;
}

enum up_code api_job_open(const struct api_context *context, const struct api_request *request,
                          bool shapes, struct api_job *ret, struct up_error *err)
{
    job_begin(context, request, net_members, shapes, ret, err);
    if (request->brief && wants_picture(request))
        return brief_refuse(ret);
    if (!shapes && api_memo_find(context, ret))
        return UP_OK;
    if (shared_read(ret) != UP_OK)
        return err->code;
    return api_job_net(ret, ret->root, "");
}

void api_job_close(struct api_job *job)
{
    api_job_plan_drop(job);
    api_memo_release(&job->memo);
    json_decref(job->root);
    job->root = NULL;
}

/* Few numbers, and no picture. */
static bool is_brief(const struct api_job *job)
{
    const struct up_plan_bytes bytes = up_plan_bytes(job->use.plan);
    return job->output.format != API_PNG &&
           (bytes.input + bytes.output + bytes.scratch) / sizeof(float) <= BRIEF_VALUES &&
           up_plan_macs(job->use.plan) <= BRIEF_MACS;
}

/* For a brief request: a plan that is kept. What was found is the job's in any case. */
static enum up_code plan_find(const struct api_context *context, struct api_job *job,
                              const struct up_plan_options *options)
{
    if (job->use.plan == NULL && (job->output.format == API_PNG ||
                                  !up_plan_cache_find(context->plans, &job->net.graph, options,
                                                      job->reader.arena, &job->use)))
        return brief_refuse(job);
    return is_brief(job) ? UP_OK : brief_refuse(job);
}

enum up_code api_job_plan(const struct api_context *context, struct api_job *job,
                          const struct up_plan **ret)
{
    const struct up_plan_options options = {.kernels = context->kernels,
                                            .algorithm = context->algorithm,
                                            .no_fusion = context->no_fusion,
                                            .output_bytes_max = context->limits.output_bytes,
                                            .output_bytes_flag = "--output-limit"};
    enum up_code code = UP_OK;
    if (job->request->brief)
        code = plan_find(context, job, &options);
    else if (job->use.plan == NULL)
        code = up_plan_cache_get(context->plans, &job->net.graph, &options, job->reader.arena,
                                 &job->use, job->reader.err);
    *ret = job->use.plan;
    return code;
}

void api_job_plan_drop(struct api_job *job)
{
    up_plan_release(&job->use);
}
