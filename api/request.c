/* DESIGN
 * Whatever the form of the body, one JSON document comes out: the body itself, or an empty object
 * beside a file, with the query's values merged in where they belong (a layer's parameter, an
 * output option, a top-level member). It is read once, in one way. Where an error's place turns out
 * to be a value that came with the query, api_job_place names the parameter instead. */
#include "api/request.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "api/codec/npy.h"
#include "api/codec/png.h"
#include "api/spec.h"

static const char *const members[] = {"input", "inputs",  "layer",  "layers",
                                      "model", "weights", "output", NULL};

static bool in_query(const struct api_job *job, const char *name, size_t length)
{
    for (size_t i = 0; i < job->request->query_count; i++) {
        const char *q = job->request->query[i].name;
        if (strlen(q) == length && memcmp(q, name, length) == 0)
            return true;
    }
    return false;
}

/* --- The query ---------------------------------------------------------------------------------
 */

/* The value as JSON if it parses as JSON, as a list if it is a list without brackets, else as text.
 * It is read as a member, so that tensors in it are lifted as they are from a body. */
static json_t *query_value(struct api_job *job, const char *name, const char *value)
{
    static const char *const forms[] = {"{\"%s\":%s}", "{\"%s\":[%s]}"};
    struct up_error quiet = {.code = UP_OK}, *err = job->reader.err;
    json_t *found = NULL;
    for (size_t i = 0; i < 2 && found == NULL; i++) {
        if (i == 1 && strchr(value, ',') == NULL)
            break;
        const char *text = i == 0 ? up_arena_printf(job->reader.arena, err, forms[0], name, value)
                                  : up_arena_printf(job->reader.arena, err, forms[1], name, value);
        if (text == NULL)
            return NULL;
        quiet.code = UP_OK;
        job->reader.err = &quiet;
        json_t *object = api_read_json(&job->reader, text, strlen(text), false);
        job->reader.err = err;
        if (object != NULL && json_object_size(object) == 1)
            found = json_incref(json_object_get(object, name));
        json_decref(object);
    }
    return found != NULL ? found : json_string(value);
}

static bool plain_name(const char *name)
{
    for (; *name != '\0'; name++)
        if (!(*name == '_' || (*name >= 'a' && *name <= 'z') || (*name >= '0' && *name <= '9')))
            return false;
    return true;
}

/* The object that member `name` of `parent` is, made when it is not there. */
static json_t *object_under(json_t *parent, const char *name)
{
    json_t *object = json_object_get(parent, name);
    if (object == NULL) {
        object = json_object();
        (void)json_object_set_new(parent, name, object);
    }
    return object;
}

/* Where a layer's parameter goes: the layer's configuration, in either form. A layer given by name
 * only becomes an object. NULL when there is no single layer. */
static json_t *layer_config(json_t *root)
{
    json_t *layer = json_object_get(root, "layer");
    if (json_is_string(layer)) {
        json_t *object = json_object();
        (void)json_object_set(object, "class_name", layer);
        (void)json_object_set_new(root, "layer", object);
        layer = object;
    }
    if (!json_is_object(layer))
        return NULL;
    json_t *config = json_object_get(layer, "config");
    return json_is_object(config) ? config : layer;
}

static enum up_code query_merge_one(struct api_job *job, const struct api_pair *pair)
{
    const char *name = pair->name;
    char at[72];
    (void)snprintf(at, sizeof at, "?%.64s", name);
    const struct up_param *option = up_param_find(api_output_params, name);
    const bool top = up_choice_find(members, name) >= 0;
    json_t *config = layer_config(job->root);
    if (!plain_name(name) ||
        (option == NULL && !top && config == NULL && strcmp(name, "channels") != 0))
        return api_refuse(&job->reader, UP_E_INVALID, at, "there is no parameter \"%.60s\"", name);
    json_t *value = option != NULL && option->type == UP_PARAM_TEXT
                        ? json_string(pair->value)
                        : query_value(job, name, pair->value);
    if (value == NULL)
        return api_refuse(&job->reader, UP_E_SYNTAX, at, "the value of \"%.60s\" is no text", name);
    json_t *to = option != NULL                         ? object_under(job->root, "output")
                 : top || strcmp(name, "channels") == 0 ? job->root
                 : strcmp(name, "weights") == 0         ? json_object_get(job->root, "layer")
                                                        : config;
    if (!json_is_object(to) || json_object_set_new(to, name, value) != 0)
        return api_refuse(&job->reader, UP_E_INVALID, at, "\"%.60s\" has no place here", name);
    return UP_OK;
}

/* Layers first, so that their parameters find them wherever they stand in the query. */
static enum up_code query_merge(struct api_job *job)
{
    const struct api_request *request = job->request;
    for (int parameters = 0; parameters < 2; parameters++)
        for (size_t i = 0; i < request->query_count; i++) {
            const bool top = up_choice_find(members, request->query[i].name) >= 0;
            if (top != (parameters != 0) && query_merge_one(job, &request->query[i]) != UP_OK)
                return job->reader.err->code;
        }
    return UP_OK;
}

void api_job_place(const struct api_job *job, struct up_error *err)
{
    const char *at = err->at;
    if (at[0] != '/' || job->request == NULL)
        return;
    const char *name = at + 1, *last = NULL;
    for (int depth = 0; depth < 3 && name != NULL; depth++) {
        const size_t length = strcspn(name, "/");
        if (in_query(job, name, length))
            last = name;
        const bool descend =
            depth == 0 ? strncmp(name, "layer/", 6) == 0 || strncmp(name, "output/", 7) == 0
                       : strncmp(name, "config/", 7) == 0;
        name = descend ? name + length + 1 : NULL;
    }
    if (last == NULL)
        return;
    char text[sizeof err->at];
    (void)snprintf(text, sizeof text, "?%.*s", (int)strcspn(last, "/"), last);
    memcpy(err->at, text, sizeof text);
}

/* --- The body ----------------------------------------------------------------------------------
 */

static bool type_is(const char *type, const char *name)
{
    const size_t length = strlen(name);
    return strncasecmp(type, name, length) == 0 && strchr("; \t", type[length]) != NULL;
}

/* A signature beats the declared type; without one the type must be JSON, or say nothing. */
static enum up_code type_check(struct api_job *job, const struct api_part *part)
{
    static const char *const json[] = {"application/json",
                                       "text/json",
                                       "text/plain",
                                       "application/x-www-form-urlencoded",
                                       "application/octet-stream",
                                       "multipart/form-data",
                                       NULL};
    static const char *const files[] = {"image/png", "application/x-npy", NULL};
    const char *type = part->type;
    if (type == NULL || type[0] == '\0' || api_png_matches(part->data, part->bytes) ||
        api_npy_matches(part->data, part->bytes))
        return UP_OK;
    for (const char *const *t = json; *t != NULL; t++)
        if (type_is(type, *t))
            return UP_OK;
    for (const char *const *t = files; *t != NULL; t++)
        if (type_is(type, *t))
            return api_refuse(&job->reader, UP_E_SYNTAX, "",
                              "the body is declared as %s and is none", *t);
    return api_refuse(&job->reader, UP_E_MEDIA_TYPE, "", "a body of type \"%.80s\" is not taken",
                      type);
}

static enum up_code document_read(struct api_job *job, const struct api_part *part)
{
    json_decref(job->root);
    job->root = api_read_json(&job->reader, part->data, part->bytes, false);
    if (job->root == NULL)
        return job->reader.err->code;
    if (!json_is_object(job->root))
        return api_refuse(&job->reader, UP_E_INVALID, "", "the request is a JSON object");
    return UP_OK;
}

static enum up_code input_set(struct api_job *job, const void *data, size_t bytes, const char *at,
                              uint32_t index)
{
    if (api_read_tensor_bytes(&job->reader, data, bytes, at, &job->input[index]) != UP_OK)
        return job->reader.err->code;
    job->input_count = index + 1 > job->input_count ? index + 1 : job->input_count;
    return UP_OK;
}

/* Adds a part's tensor to the reader's, so that it can stand in the document like a lifted one. */
static json_t *tensor_member(struct api_job *job, const struct api_part *part, const char *at)
{
    struct api_reader *reader = &job->reader;
    struct up_tensor tensor;
    if (api_read_tensor_bytes(reader, part->data, part->bytes, at, &tensor) != UP_OK)
        return NULL;
    const size_t index = reader->tensor_count;
    if (api_reader_add(reader, &tensor, 1) != UP_OK)
        return NULL;
    return json_pack("{s:I}", "tensor", (json_int_t)index);
}

/* The list at weights[.LAYER] grown to hold entry `index`, in the layer, the layers or the root. */
static json_t *weights_list(json_t *root, size_t layer, bool by_layer)
{
    json_t *owner = root;
    if (by_layer) {
        json_t *list = json_object_get(root, "layers");
        owner = list != NULL ? json_array_get(list, layer)
                : layer == 0 ? json_object_get(root, "layer")
                             : NULL;
    }
    if (!json_is_object(owner))
        return NULL;
    json_t *weights = json_object_get(owner, "weights");
    if (weights == NULL) {
        weights = json_array();
        (void)json_object_set_new(owner, "weights", weights);
    }
    return json_is_array(weights) ? weights : NULL;
}

/* "weights.0.1" is weight 1 of layer 0; "weights.3" is weight 3 of a model. */
static enum up_code weight_part(struct api_job *job, const struct api_part *part)
{
    size_t layer = 0, index = 0;
    int end = 0;
    char at[96];
    (void)snprintf(at, sizeof at, "?%.80s", part->name);
    bool by_layer = sscanf(part->name, "weights.%4zu.%4zu%n", &layer, &index, &end) == 2;
    if (!by_layer && sscanf(part->name, "weights.%4zu%n", &index, &end) != 1)
        end = 0;
    json_t *list =
        end > 0 && part->name[end] == '\0' ? weights_list(job->root, layer, by_layer) : NULL;
    if (list == NULL || index > json_array_size(list))
        return api_refuse(&job->reader, UP_E_INVALID, at,
                          "part \"%.60s\" names no weight: weights.LAYER.INDEX, in order, is one",
                          part->name);
    json_t *tensor = tensor_member(job, part, at);
    if (tensor == NULL)
        return job->reader.err->code;
    (void)(index == json_array_size(list) ? json_array_append_new(list, tensor)
                                          : json_array_set_new(list, index, tensor));
    return UP_OK;
}

static enum up_code part_read(struct api_job *job, const struct api_part *part)
{
    char at[96];
    (void)snprintf(at, sizeof at, "?%.80s", part->name);
    if (strcmp(part->name, "request") == 0)
        return UP_OK;
    if (strcmp(part->name, "input") == 0)
        return input_set(job, part->data, part->bytes, at, 0);
    if (strncmp(part->name, "weights.", 8) == 0)
        return weight_part(job, part);
    return api_refuse(&job->reader, UP_E_INVALID, at,
                      "there is no place for a part \"%.60s\": request, input and weights.0.0 are "
                      "such",
                      part->name);
}

static bool multipart(const struct api_job *job)
{
    return job->request->part_count > 0 && job->request->parts[0].name != NULL;
}

static enum up_code body_read(struct api_job *job)
{
    const struct api_request *request = job->request;
    job->root = json_object();
    if (multipart(job)) {
        for (size_t i = 0; i < request->part_count; i++)
            if (strcmp(request->parts[i].name, "request") == 0 &&
                document_read(job, &request->parts[i]) != UP_OK)
                return job->reader.err->code;
        return UP_OK;
    }
    if (request->part_count == 0 || request->parts[0].bytes == 0)
        return UP_OK; /* everything may be in the query */
    const struct api_part *body = &request->parts[0];
    if (type_check(job, body) != UP_OK)
        return job->reader.err->code;
    if (api_png_matches(body->data, body->bytes) || api_npy_matches(body->data, body->bytes))
        return UP_OK;
    return document_read(job, body);
}

/* The files of the body, once it is known what becomes of an image's channels. */
static enum up_code files_read(struct api_job *job)
{
    const struct api_request *request = job->request;
    if (multipart(job)) {
        for (size_t i = 0; i < request->part_count; i++)
            if (part_read(job, &request->parts[i]) != UP_OK)
                return job->reader.err->code;
        return UP_OK;
    }
    const struct api_part *body = request->part_count == 0 ? NULL : &request->parts[0];
    if (body != NULL &&
        (api_png_matches(body->data, body->bytes) || api_npy_matches(body->data, body->bytes)))
        return input_set(job, body->data, body->bytes, "", 0);
    return UP_OK;
}

/* The format that an answer has when nobody asks: that of the input. */
static enum api_format natural_format(const struct api_job *job)
{
    const struct api_part *part = NULL;
    for (size_t i = 0; i < job->request->part_count; i++)
        if (!multipart(job) || strcmp(job->request->parts[i].name, "input") == 0)
            part = &job->request->parts[i];
    if (part == NULL)
        return API_JSON;
    return api_png_matches(part->data, part->bytes)   ? API_PNG
           : api_npy_matches(part->data, part->bytes) ? API_NPY
                                                      : API_JSON;
}

/* --- Members -----------------------------------------------------------------------------------
 */

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

static enum up_code members_check(struct api_job *job)
{
    const char *name;
    json_t *value;
    json_object_foreach(job->root, name, value)
    {
        if (up_choice_find(members, name) >= 0 || strcmp(name, "channels") == 0)
            continue;
        struct up_nearest nearest = {.text = name};
        for (const char *const *m = members; *m != NULL; m++)
            up_nearest_offer(&nearest, *m);
        const char *best = up_nearest_best(&nearest), *at = api_under(&job->reader, "", name);
        return at == NULL ? job->reader.err->code
                          : api_refuse(&job->reader, UP_E_INVALID, at,
                                       "a request has no member \"%.60s\"%s%s%s", name,
                                       best ? "; did you mean \"" : "", best ? best : "",
                                       best ? "\"?" : "");
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

static enum up_code chain_read(struct api_job *job, struct api_chain *ret)
{
    const json_t *layer = json_object_get(job->root, "layer");
    const json_t *layers = json_object_get(job->root, "layers");
    const json_t *model = json_object_get(job->root, "model");
    const json_t *weights = json_object_get(job->root, "weights");
    const int given = (layer != NULL) + (layers != NULL) + (model != NULL);
    if (given != 1)
        return api_refuse(&job->reader, UP_E_INVALID, given == 0 ? "/layer" : "",
                          "a request has one of layer, layers and model, this one has %d", given);
    if (model == NULL && weights != NULL)
        return api_refuse(&job->reader, UP_E_INVALID, "/weights",
                          "weights stand beside class_name in their layer");
    if (model != NULL)
        return api_spec_model(&job->reader, model, weights, ret);
    if (layers != NULL)
        return api_spec_layers(&job->reader, layers, "/layers", ret);
    *ret = (struct api_chain){
        .layer = up_arena_alloc(job->reader.arena, 1, sizeof *ret->layer, job->reader.err),
        .count = 1};
    return ret->layer == NULL ? job->reader.err->code
                              : api_spec_layer(&job->reader, layer, "/layer", ret->layer);
}

/* A chain as a graph: each layer takes the value before it. */
static enum up_code graph_make(struct api_job *job, const struct api_chain *chain)
{
    struct up_node *node =
        up_arena_alloc(job->reader.arena, chain->count, sizeof *node, job->reader.err);
    uint32_t *id =
        up_arena_alloc(job->reader.arena, (size_t)chain->count + 1, sizeof *id, job->reader.err);
    if (node == NULL || id == NULL)
        return job->reader.err->code;
    for (uint32_t i = 0; i <= chain->count; i++)
        id[i] = i;
    for (uint32_t i = 0; i < chain->count; i++)
        node[i] = (struct up_node){.layer = i, .in_count = 1, .in = &id[i]};
    job->graph = (struct up_graph){.inputs = job->input_shape,
                                   .input_count = job->input_count,
                                   .layers = chain->layer,
                                   .layer_count = chain->count,
                                   .nodes = node,
                                   .node_count = chain->count,
                                   .outputs = &id[chain->count],
                                   .output_count = 1};
    if (job->input_count != 1)
        return api_refuse(&job->reader, UP_E_INVALID, "/inputs",
                          "a chain of layers takes one input, not %u", job->input_count);
    return UP_OK;
}

/* --- Axes --------------------------------------------------------------------------------------
 */

/* The rank that the layers want, batch and channels included: that of the first layer with spatial
 * axes, else what an InputLayer says; 0 when nobody says. */
static uint32_t rank_wanted(struct api_job *job, const struct api_chain *chain)
{
    for (uint32_t i = 0; i < chain->count; i++) {
        const struct up_layer *layer = &chain->layer[i];
        if (layer->ops->spatial == 0)
            continue;
        job->axes.spatial = layer->ops->spatial;
        job->axes.channels_first =
            ((const struct up_config *)layer->config)->data_format == UP_CHANNELS_FIRST;
        return layer->ops->spatial + 2;
    }
    for (uint32_t i = 0; i < chain->count; i++)
        if (chain->layer[i].expected.rank != 0)
            return chain->layer[i].expected.rank;
    return 0;
}

static enum up_code axes_fit(struct api_job *job, const struct api_chain *chain)
{
    struct up_shape *shape = &job->input[0].shape;
    const uint32_t wanted = rank_wanted(job, chain), spatial = job->axes.spatial;
    char text[UP_SHAPE_TEXT_BYTES];
    if (wanted == 0 || shape->rank == wanted)
        return UP_OK;
    job->axes.channels_added = spatial > 0 && shape->rank == spatial;
    job->axes.batch_added = shape->rank + 1 == wanted || job->axes.channels_added;
    if (!job->axes.batch_added && spatial > 0)
        return api_refuse(&job->reader, UP_E_INVALID, "/input",
                          "%s takes an input of %u, %u or %u axes, not %s",
                          chain->layer[0].ops->class_name, spatial, spatial + 1, wanted,
                          up_shape_text(shape, text));
    if (!job->axes.batch_added)
        return api_refuse(&job->reader, UP_E_INVALID, "/input",
                          "the model takes an input of %u axes, not %s", wanted,
                          up_shape_text(shape, text));
    if (job->axes.channels_added)
        *shape = up_shape_with(shape, job->axes.channels_first ? 0 : shape->rank, 1);
    *shape = up_shape_with(shape, 0, 1);
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

/* --- The job -----------------------------------------------------------------------------------
 */

static enum up_code job_read(struct api_job *job)
{
    struct api_chain chain;
    enum api_format natural;
    if (body_read(job) != UP_OK || query_merge(job) != UP_OK || members_check(job) != UP_OK ||
        channels_read(job) != UP_OK || files_read(job) != UP_OK)
        return job->reader.err->code;
    weights_shown_read(job);
    const json_t *output = json_object_get(job->root, "output");
    if (!api_accept_choose(job->request->accept, natural_format(job), &natural) &&
        json_object_get(output, "format") == NULL)
        return api_refuse(&job->reader, UP_E_NOT_ACCEPTABLE, "",
                          "the answer can be application/json, image/png or application/x-npy, "
                          "Accept is \"%.80s\"",
                          job->request->accept);
    if (api_output_read(&job->reader, output, natural, &job->output) != UP_OK ||
        inputs_read(job) != UP_OK || chain_read(job, &chain) != UP_OK ||
        axes_fit(job, &chain) != UP_OK || graph_make(job, &chain) != UP_OK)
        return job->reader.err->code;
    for (uint32_t i = 0; i < job->input_count; i++)
        job->input_shape[i] = job->input[i].shape;
    return UP_OK;
}

enum up_code api_job_open(const struct api_context *context, const struct api_request *request,
                          bool shapes, struct api_job *ret, struct up_error *err)
{
    *ret = (struct api_job){.request = request,
                            .reader = {.arena = request->arena,
                                       .err = err,
                                       .tensor_bytes_max = context->limits.output_bytes,
                                       .shapes = shapes}};
    ret->reader.warnings_end = &ret->reader.warnings;
    return job_read(ret);
}

void api_job_close(struct api_job *job)
{
    json_decref(job->root);
    job->root = NULL;
}
