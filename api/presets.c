/* DESIGN
 * A preset is a document like a client's: it is parsed as one, and its members fill the gaps of the
 * request's. Kernels are of equal weights that keep the input's mean: what the outputs then
 * differ in is the layers, and one scale suits all. */
#include "api/presets.h"

#include <string.h>

#include "api/codec/buffer.h"

#define JSON(...) #__VA_ARGS__

/* clang-format off */
static const char square[] = JSON({
    "input": [[0, 0, 0, 0, 0, 0, 0, 0], [0, 0, 0, 0, 0, 0, 0, 0],
              [0, 0, 1, 1, 1, 1, 0, 0], [0, 0, 1, 1, 1, 1, 0, 0],
              [0, 0, 1, 1, 1, 1, 0, 0], [0, 0, 1, 1, 1, 1, 0, 0],
              [0, 0, 0, 0, 0, 0, 0, 0], [0, 0, 0, 0, 0, 0, 0, 0]]});

static const char notebook[] = JSON({"candidates": [
    {"name": "nearest", "layer": "UpSampling2D"},
    {"name": "bilinear", "layer": {"class_name": "UpSampling2D", "interpolation": "bilinear"}},
    {"name": "bicubic", "layer": {"class_name": "UpSampling2D", "interpolation": "bicubic"}},
    {"name": "Conv2DTranspose 3\u00d73", "layer": {
        "class_name": "Conv2DTranspose", "filters": 1, "kernel_size": 3, "strides": 2,
        "padding": "same", "kernel_initializer": {
            "class_name": "Constant", "config": {"value": 0.4444444444}}}},
    {"name": "Conv2DTranspose 4\u00d74", "layer": {
        "class_name": "Conv2DTranspose", "filters": 1, "kernel_size": 4, "strides": 2,
        "padding": "same", "kernel_initializer": {
            "class_name": "Constant", "config": {"value": 0.25}}}},
    {"name": "UpSampling2D + Conv2D 3\u00d73", "layers": ["UpSampling2D", {
        "class_name": "Conv2D", "filters": 1, "kernel_size": 3, "padding": "same",
        "kernel_initializer": {"class_name": "Constant", "config": {"value": 0.1111111111}}}]},
    {"name": "Conv2D + PixelShuffle", "layers": [{
        "class_name": "Conv2D", "filters": 4, "kernel_size": 3, "padding": "same",
        "kernel_initializer": {"class_name": "Constant", "config": {"value": 0.1111111111}}},
        "PixelShuffle"]}]});

static const char interpolations[] = JSON({"candidates": [
    {"name": "nearest", "layer": "UpSampling2D"},
    {"name": "bilinear", "layer": {"class_name": "UpSampling2D", "interpolation": "bilinear"}},
    {"name": "bicubic", "layer": {"class_name": "UpSampling2D", "interpolation": "bicubic"}},
    {"name": "lanczos3", "layer": {"class_name": "UpSampling2D", "interpolation": "lanczos3"}},
    {"name": "lanczos5", "layer": {"class_name": "UpSampling2D", "interpolation": "lanczos5"}}]});

static const char kernel_sizes[] = JSON({"candidates": [
    {"name": "2\u00d72", "layer": {
        "class_name": "Conv2DTranspose", "filters": 1, "kernel_size": 2, "strides": 2,
        "padding": "same", "kernel_initializer": {
            "class_name": "Constant", "config": {"value": 1}}}},
    {"name": "3\u00d73", "layer": {
        "class_name": "Conv2DTranspose", "filters": 1, "kernel_size": 3, "strides": 2,
        "padding": "same", "kernel_initializer": {
            "class_name": "Constant", "config": {"value": 0.4444444444}}}},
    {"name": "4\u00d74", "layer": {
        "class_name": "Conv2DTranspose", "filters": 1, "kernel_size": 4, "strides": 2,
        "padding": "same", "kernel_initializer": {
            "class_name": "Constant", "config": {"value": 0.25}}}},
    {"name": "5\u00d75", "layer": {
        "class_name": "Conv2DTranspose", "filters": 1, "kernel_size": 5, "strides": 2,
        "padding": "same", "kernel_initializer": {
            "class_name": "Constant", "config": {"value": 0.16}}}},
    {"name": "6\u00d76", "layer": {
        "class_name": "Conv2DTranspose", "filters": 1, "kernel_size": 6, "strides": 2,
        "padding": "same", "kernel_initializer": {
            "class_name": "Constant", "config": {"value": 0.1111111111}}}}]});
/* clang-format on */

const struct api_preset api_presets[] = {
    {"notebook", "seven ways to twice the size: interpolated, transposed, convolved, shuffled",
     notebook},
    {"interpolations", "the interpolations of UpSampling2D", interpolations},
    {"kernel_sizes", "Conv2DTranspose of strides 2 with kernels of 2 to 6", kernel_sizes},
    {NULL, NULL, NULL},
};

static const struct api_preset *preset_find(const char *name)
{
    const struct api_preset *row = api_presets;
    while (row->name != NULL && strcmp(row->name, name) != 0)
        row++;
    return row->name == NULL ? NULL : row;
}

/* `value` is no preset; NULL: none is named, and nothing else brings candidates. */
static enum up_code refuse(struct api_reader *reader, const json_t *value)
{
    char text[80];
    struct api_buffer names = api_buffer_make(reader->arena, reader->err);
    for (const struct api_preset *row = api_presets; row->name != NULL; row++)
        api_buffer_printf(&names, "%s%s", row == api_presets ? "" : ", ", row->name);
    api_buffer_put(&names, "", 1);
    if (api_buffer_finish(&names) != UP_OK)
        return reader->err->code;
    if (value == NULL)
        return api_refuse(reader, UP_E_INVALID, "/candidates",
                          "there are no candidates; a preset has some: %s", names.data);
    return api_refuse(reader, UP_E_INVALID, "/preset", "preset is one of %s, not %s", names.data,
                      api_describe(value, text));
}

/* Takes from a document what the request has not. */
static enum up_code fill(struct api_job *job, const char *document)
{
    json_auto_t *given = api_read_json(&job->reader, document, strlen(document), false);
    const char *name;
    json_t *value;
    json_object_foreach(given, name, value)
    {
        if (json_object_get(job->root, name) == NULL &&
            json_object_set(job->root, name, value) != 0)
            return api_no_memory(&job->reader);
    }
    return job->reader.err->code;
}

enum up_code api_job_preset(struct api_job *job)
{
    const json_t *name = json_object_get(job->root, "preset");
    const bool compares = up_choice_find(job->members, "candidates") >= 0;
    if (name == NULL)
        return compares && json_object_get(job->root, "candidates") == NULL
                   ? refuse(&job->reader, NULL)
                   : UP_OK;
    const struct api_preset *row =
        json_is_string(name) ? preset_find(json_string_value(name)) : NULL;
    if (row == NULL)
        return refuse(&job->reader, name);
    if (fill(job, row->candidates) != UP_OK)
        return job->reader.err->code;
    return job->input_count > 0 ? UP_OK : fill(job, square);
}
