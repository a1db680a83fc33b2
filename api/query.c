/* The query merged into the request's document, and back: places of errors that were parameters. */
#include <stdio.h>
#include <string.h>

#include "api/codec/buffer.h"
#include "api/codec/json_scan.h"
#include "api/request.h"

static bool in_query(const struct api_job *job, const char *name, size_t length)
{
    for (size_t i = 0; i < job->request->query_count; i++) {
        const char *q = job->request->query[i].name;
        if (strlen(q) == length && memcmp(q, name, length) == 0)
            return true;
    }
    return false;
}

/* --- The query ------------------------------------------------------------------------------ */

/* What `text` is as a member of a document, so that tensors in it are lifted as they are from a
 * body. NULL when it is no JSON, which is no error, or when there is no memory, which is one. */
static json_t *member_read(struct api_job *job, const char *text, size_t bytes)
{
    struct up_error quiet = {.code = UP_OK}, *err = job->reader.err;
    job->reader.err = &quiet;
    json_t *object = api_read_json(&job->reader, text, bytes, false);
    job->reader.err = err;
    if (quiet.code == UP_E_BUSY || quiet.code == UP_E_LIMIT)
        *err = quiet;
    json_t *found = object != NULL && json_object_size(object) == 1
                        ? json_incref(json_object_iter_value(json_object_iter(object)))
                        : NULL;
    json_decref(object);
    return found;
}

static bool is_text(const char *value)
{
    const char *const end = value + strlen(value);
    while (value < end) {
        const size_t bytes = (unsigned char)*value < 0x80 ? 1 : api_scan_utf8(value, end);
        if (bytes == 0)
            return false;
        value += bytes;
    }
    return true;
}

static json_t *query_text(struct api_job *job, const char *name, const char *value)
{
    if (!is_text(value))
        return NULL;
    struct api_buffer text = api_buffer_make(job->reader.arena, job->reader.err);
    api_buffer_printf(&text, "{\"%s\":", name);
    api_buffer_quote(&text, value);
    api_buffer_puts(&text, "}");
    return api_buffer_finish(&text) == UP_OK ? member_read(job, text.data, text.bytes) : NULL;
}

/* The value as JSON if it parses as JSON, as a list if it is a list without brackets, else as text.
 * NULL and maybe an error when it is not even that. */
static json_t *query_value(struct api_job *job, const char *name, const char *value)
{
    const struct up_error *err = job->reader.err;
    json_t *found = NULL;
    for (size_t i = 0; i < (strchr(value, ',') == NULL ? 1 : 2) && found == NULL; i++) {
        const char *text = up_arena_printf(job->reader.arena, job->reader.err, "{\"%s\":%s%s%s}",
                                           name, i == 0 ? "" : "[", value, i == 0 ? "" : "]");
        if (text != NULL)
            found = member_read(job, text, strlen(text));
        if (err->code != UP_OK)
            return NULL;
    }
    return found != NULL ? found : query_text(job, name, value);
}

static bool plain_name(const char *name)
{
    for (; *name != '\0'; name++)
        if (!(*name == '_' || (*name >= 'a' && *name <= 'z') || (*name >= '0' && *name <= '9')))
            return false;
    return true;
}

/* The request's "output", made when it is not there; NULL and an error without memory. */
static json_t *output_of(struct api_job *job)
{
    json_t *output = json_object_get(job->root, "output");
    if (output != NULL)
        return output;
    output = json_object();
    if (json_object_set_new(job->root, "output", output) == 0)
        return output;
    (void)api_no_memory(&job->reader);
    return NULL;
}

/* A layer given by name only becomes an object. */
static enum up_code layer_open(struct api_job *job)
{
    json_t *layer = json_object_get(job->root, "layer");
    if (!json_is_string(layer))
        return UP_OK;
    json_t *object = json_object();
    if (json_object_set(object, "class_name", layer) != 0) {
        json_decref(object);
        return api_no_memory(&job->reader);
    }
    return json_object_set_new(job->root, "layer", object) == 0 ? UP_OK
                                                                : api_no_memory(&job->reader);
}

/* Where a layer's parameter goes: the layer's configuration, in either form. NULL when there is no
 * single layer. */
static json_t *layer_config(const json_t *root)
{
    json_t *layer = json_object_get(root, "layer");
    if (!json_is_object(layer))
        return NULL;
    json_t *config = json_object_get(layer, "config");
    return json_is_object(config) ? config : layer;
}

/* Members of the document; weights may also be those of its one layer, which must be there first.
 */
static bool is_top(const struct api_job *job, const char *name)
{
    return up_choice_find(job->members, name) >= 0 && strcmp(name, "weights") != 0;
}

bool api_job_asked(const struct api_job *job, const char *name)
{
    return in_query(job, name, strlen(name));
}

static enum up_code query_merge_one(struct api_job *job, const struct api_pair *pair)
{
    const char *name = pair->name;
    char at[72];
    (void)snprintf(at, sizeof at, "?%.64s", name);
    if (layer_open(job) != UP_OK)
        return job->reader.err->code;
    const struct up_param *option = up_param_find(api_output_params, name);
    const bool top = is_top(job, name), weights = strcmp(name, "weights") == 0;
    json_t *config = layer_config(job->root);
    if (!plain_name(name) || (option == NULL && !top && config == NULL && !weights))
        return api_refuse(&job->reader, UP_E_INVALID, at, "there is no parameter \"%.60s\"", name);
    json_t *value = option != NULL && option->type == UP_PARAM_TEXT
                        ? query_text(job, name, pair->value)
                        : query_value(job, name, pair->value);
    if (value == NULL)
        return api_refuse(&job->reader, UP_E_SYNTAX, at, "the value of \"%.60s\" is no text", name);
    json_t *to = option != NULL                           ? output_of(job)
                 : top                                    ? job->root
                 : !weights                               ? config
                 : config != NULL && json_is_array(value) ? json_object_get(job->root, "layer")
                                                          : job->root;
    if (!json_is_object(to)) {
        json_decref(value);
        return api_refuse(&job->reader, UP_E_INVALID, at, "\"%.60s\" has no place here", name);
    }
    return json_object_set_new(to, name, value) == 0 ? UP_OK : api_no_memory(&job->reader);
}

/* Layers first, so that their parameters find them wherever they stand in the query. */
enum up_code api_job_query(struct api_job *job)
{
    const struct api_request *request = job->request;
    for (int parameters = 0; parameters < 2; parameters++)
        for (size_t i = 0; i < request->query_count; i++) {
            if (is_top(job, request->query[i].name) != (parameters != 0) &&
                query_merge_one(job, &request->query[i]) != UP_OK)
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
