/* The body of a request in its forms: a document, a file, or parts. */
#include "api/request.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "api/codec/npy.h"
#include "api/codec/png.h"
#include "api/foreign.h"

/* --- The body ------------------------------------------------------------------------------- */

static bool type_is(const char *type, const char *name)
{
    const size_t length = strlen(name);
    return strncasecmp(type, name, length) == 0 && strchr("; \t", type[length]) != NULL;
}

static const char raw_type[] = "application/octet-stream";

static bool multipart(const struct api_job *job)
{
    return job->request->part_count > 0 && job->request->parts[0].name != NULL;
}

/* A body of bare values: the query says their shape. */
static bool raw(const struct api_job *job)
{
    const struct api_request *request = job->request;
    return request->part_count > 0 && !multipart(job) && request->parts[0].type != NULL &&
           type_is(request->parts[0].type, raw_type) && api_job_asked(job, "shape");
}

static bool file(const struct api_part *part)
{
    return api_png_matches(part->data, part->bytes) || api_npy_matches(part->data, part->bytes);
}

/* Of a body that is not empty. A signature beats the declared type; without one the type must be
 * JSON, or say nothing. */
static enum up_code type_check(struct api_job *job, const struct api_part *part)
{
    static const char *const json[] = {"application/json",
                                       "text/json",
                                       "text/plain",
                                       "application/x-www-form-urlencoded",
                                       raw_type,
                                       "multipart/form-data",
                                       NULL};
    static const char *const files[] = {"image/png", "application/x-npy", NULL};
    static const char taken[] = "JSON, PNG, NumPy's .npy and, with ?shape=, bare float32 are";
    const char *type = part->type;
    if (file(part))
        return UP_OK;
    const char *foreign = api_foreign_format(part->data, part->bytes);
    if (foreign != NULL)
        return api_refuse(&job->reader, UP_E_MEDIA_TYPE, "",
                          "the body is %s, which is not taken; %s", foreign, taken);
    if (type == NULL || type[0] == '\0')
        return UP_OK;
    if (type_is(type, raw_type) && memchr("{ \t\r\n", *(const char *)part->data, 5) == NULL)
        return api_refuse(&job->reader, UP_E_INVALID, "?shape",
                          "a body of type %s needs its shape in the query: ?shape=1,8,8,1",
                          raw_type);
    for (const char *const *t = json; *t != NULL; t++)
        if (type_is(type, *t))
            return UP_OK;
    for (const char *const *t = files; *t != NULL; t++)
        if (type_is(type, *t))
            return api_refuse(&job->reader, UP_E_SYNTAX, "",
                              "the body is declared as %s and is none", *t);
    return api_refuse(&job->reader, UP_E_MEDIA_TYPE, "",
                      "a body of type \"%.80s\" is not taken; %s", type, taken);
}

static enum up_code document_read(struct api_job *job, const struct api_part *part)
{
    json_decref(job->root);
    job->root = job->memo.split ? api_read_envelope(&job->reader, &job->memo.document)
                                : api_read_json(&job->reader, part->data, part->bytes, false);
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

static enum up_code raw_set(struct api_job *job, const struct api_part *body)
{
    job->input_count = 1;
    return api_read_tensor_raw(&job->reader, body->data, body->bytes,
                               json_object_get(job->root, "shape"), "/shape", &job->input[0]);
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
    json_t *member = json_pack("{s:I}", "tensor", (json_int_t)index);
    if (member == NULL)
        (void)api_no_memory(reader);
    return member;
}

/* The list at weights[.LAYER] grown to hold entry `index`, in the layer, the layers or the root. */
static json_t *weights_list(struct api_job *job, size_t layer, bool by_layer)
{
    json_t *owner = job->root;
    if (by_layer) {
        json_t *list = json_object_get(job->root, "layers");
        owner = list != NULL ? json_array_get(list, layer)
                : layer == 0 ? json_object_get(job->root, "layer")
                             : NULL;
    }
    if (!json_is_object(owner))
        return NULL;
    json_t *weights = json_object_get(owner, "weights");
    if (weights == NULL) {
        weights = json_array();
        if (json_object_set_new(owner, "weights", weights) != 0) {
            (void)api_no_memory(&job->reader);
            return NULL;
        }
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
    json_t *list = end > 0 && part->name[end] == '\0' ? weights_list(job, layer, by_layer) : NULL;
    if (list == NULL || index > json_array_size(list))
        return api_refuse(&job->reader, UP_E_INVALID, at,
                          "part \"%.60s\" names no weight: weights.LAYER.INDEX, in order, is one",
                          part->name);
    json_t *tensor = tensor_member(job, part, at);
    if (tensor == NULL)
        return job->reader.err->code;
    const int failed = index == json_array_size(list) ? json_array_append_new(list, tensor)
                                                      : json_array_set_new(list, index, tensor);
    return failed != 0 ? api_no_memory(&job->reader) : UP_OK;
}

/* "inputs.0" is the first of a list, "inputs.image" the one of that name. */
static enum up_code inputs_part(struct api_job *job, const struct api_part *part)
{
    char at[96];
    const char *name = part->name + strlen("inputs.");
    (void)snprintf(at, sizeof at, "?%.80s", part->name);
    const bool listed = name[0] != '\0' && name[strspn(name, "0123456789")] == '\0';
    json_t *inputs = json_object_get(job->root, "inputs");
    if (inputs == NULL) {
        inputs = listed ? json_array() : json_object();
        if (json_object_set_new(job->root, "inputs", inputs) != 0)
            return api_no_memory(&job->reader);
    }
    if (name[0] == '\0' || !(listed ? json_is_array(inputs) : json_is_object(inputs)) ||
        (listed && strtoul(name, NULL, 10) != json_array_size(inputs)))
        return api_refuse(
            &job->reader, UP_E_INVALID, at,
            "part \"%.60s\" is out of order: inputs are numbered from 0, or all named", part->name);
    json_t *tensor = tensor_member(job, part, at);
    if (tensor == NULL)
        return job->reader.err->code;
    const int failed =
        listed ? json_array_append_new(inputs, tensor) : json_object_set_new(inputs, name, tensor);
    return failed != 0 ? api_no_memory(&job->reader) : UP_OK;
}

static enum up_code part_read(struct api_job *job, const struct api_part *part)
{
    char at[96];
    (void)snprintf(at, sizeof at, "?%.80s", part->name);
    if (strcmp(part->name, "request") == 0)
        return UP_OK;
    if (strcmp(part->name, "input") == 0)
        return input_set(job, part->data, part->bytes, at, 0);
    if (strncmp(part->name, "inputs.", 7) == 0)
        return inputs_part(job, part);
    if (strncmp(part->name, "weights.", 8) == 0)
        return weight_part(job, part);
    return api_refuse(&job->reader, UP_E_INVALID, at,
                      "there is no place for a part \"%.60s\": request, input, inputs.0 and "
                      "weights.0.0 are such",
                      part->name);
}

const struct api_part *api_job_document(const struct api_job *job)
{
    const struct api_part *body = job->request->parts;
    return job->request->part_count == 0 || body->bytes == 0 || multipart(job) || raw(job) ||
                   file(body)
               ? NULL
               : body;
}

enum up_code api_job_body(struct api_job *job)
{
    const struct api_request *request = job->request;
    job->root = json_object();
    if (job->root == NULL)
        return api_no_memory(&job->reader);
    if (multipart(job)) {
        for (size_t i = 0; i < request->part_count; i++)
            if (strcmp(request->parts[i].name, "request") == 0 &&
                document_read(job, &request->parts[i]) != UP_OK)
                return job->reader.err->code;
        return UP_OK;
    }
    if (request->part_count == 0 || request->parts[0].bytes == 0 || raw(job))
        return UP_OK; /* everything may be in the query */
    if (type_check(job, &request->parts[0]) != UP_OK)
        return job->reader.err->code;
    const struct api_part *document = api_job_document(job);
    return document == NULL ? UP_OK : document_read(job, document);
}

enum up_code api_job_files(struct api_job *job)
{
    const struct api_request *request = job->request;
    if (json_object_get(job->root, "shape") != NULL && !raw(job))
        return api_refuse(&job->reader, UP_E_INVALID, "/shape",
                          "shape is, in the query, that of a body of type %s", raw_type);
    if (multipart(job)) {
        for (size_t i = 0; i < request->part_count; i++)
            if (part_read(job, &request->parts[i]) != UP_OK)
                return job->reader.err->code;
        return UP_OK;
    }
    const struct api_part *body = request->part_count == 0 ? NULL : &request->parts[0];
    if (raw(job))
        return raw_set(job, body);
    if (body != NULL && file(body))
        return input_set(job, body->data, body->bytes, "", 0);
    return UP_OK;
}

enum api_format api_job_natural(const struct api_job *job)
{
    const struct api_part *part = NULL;
    if (raw(job))
        return API_RAW;
    for (size_t i = 0; i < job->request->part_count; i++)
        if (!multipart(job) || strcmp(job->request->parts[i].name, "input") == 0)
            part = &job->request->parts[i];
    if (part == NULL)
        return API_JSON;
    return api_png_matches(part->data, part->bytes)   ? API_PNG
           : api_npy_matches(part->data, part->bytes) ? API_NPY
                                                      : API_JSON;
}
