/* Decoders that people train, posted whole: tests/golden/models holds the bodies that
 * examples/post_model.py makes, and what the models give in float64. The service may be twice as
 * far from that as Keras on TensorFlow is itself. */
#include <assert.h>
#include <criterion/criterion.h>
#include <criterion/parameterized.h>
#include <jansson.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/server.h"

#define FOLDER "tests/golden/models/"

static const char *const names[] = {"u_net", "dcgan", "fsrcnn", "pix2pix"};

/* A whole file; free it. */
static char *file_read(const char *path, size_t *ret_bytes)
{
    FILE *file = fopen(path, "rb");
    cr_assert(file != NULL, "%s cannot be opened", path);
    cr_assert(fseek(file, 0, SEEK_END) == 0, "%s cannot be measured", path);
    *ret_bytes = (size_t)ftell(file);
    rewind(file);
    char *bytes = malloc(*ret_bytes);
    cr_assert(fread(bytes, 1, *ret_bytes, file) == *ret_bytes, "%s cannot be read", path);
    (void)fclose(file);
    return bytes;
}

static struct answer model_post(const struct server *s, const char *name, const json_t *golden)
{
    char path[128], type[128];
    (void)snprintf(path, sizeof path, FOLDER "%s.multipart", name);
    (void)snprintf(type, sizeof type, "Content-Type: %s",
                   json_string_value(json_object_get(golden, "type")));
    size_t bytes;
    char *body = file_read(path, &bytes);
    const struct call call = {.path = "/upsample",
                              .body = body,
                              .body_bytes = bytes,
                              .headers = (const char *const[]){type, NULL}};
    struct answer answer = client_call(s, &call);
    free(body);
    cr_assert(answer.status == 200, "%s: status %ld: %s", name, answer.status, answer.body);
    return answer;
}

static void shape_compare(const struct answer *answer, const json_t *golden, const char *name)
{
    char wanted[128] = "";
    size_t i;
    json_t *length;
    json_array_foreach(json_object_get(golden, "shape"), i, length)
    {
        const size_t used = strlen(wanted);
        (void)snprintf(wanted + used, sizeof wanted - used, "%s%lld", i == 0 ? "" : ",",
                       (long long)json_integer_value(length));
    }
    char *shape = answer_header(answer, "X-Output-Shape");
    cr_assert(shape != NULL && strcmp(shape, wanted) == 0, "%s: shape %s, not %s", name, shape,
              wanted);
    free(shape);
}

/* The float32 values are the last bytes of a NumPy file. */
static void values_compare(const struct answer *answer, const json_t *golden, const char *name)
{
    const json_t *expected = json_object_get(golden, "expected");
    const size_t count = json_array_size(expected);
    cr_assert(count > 0 && answer->body_bytes > count * sizeof(float), "%s: %zu bytes", name,
              answer->body_bytes);
    const char *values = answer->body + answer->body_bytes - count * sizeof(float);
    double squares = 0, largest = 0;
    for (size_t i = 0; i < count; i++) {
        float got;
        memcpy(&got, values + i * sizeof got, sizeof got);
        const double off = fabs(got - json_real_value(json_array_get(expected, i)));
        cr_assert(!isnan(off), "%s: value %zu is %g", name, i, got);
        squares += off * off;
        largest = fmax(largest, off);
    }
    const double rms = sqrt(squares / (double)count);
    const double keras_rms = json_real_value(json_object_get(golden, "keras_rms"));
    const double keras_max = json_real_value(json_object_get(golden, "keras_max"));
    cr_assert(keras_rms > 0 && rms <= 2 * keras_rms, "%s: rms error %g, Keras has %g", name, rms,
              keras_rms);
    cr_assert(keras_max > 0 && largest <= 2 * keras_max, "%s: error %g, Keras has %g", name,
              largest, keras_max);
}

ParameterizedTestParameters(models, trained_decoders_answer_as_keras)
{
    static size_t index[] = {0, 1, 2, 3};
    static_assert(sizeof index / sizeof index[0] == sizeof names / sizeof names[0],
                  "every model has its index");
    return cr_make_param_array(size_t, index, sizeof names / sizeof names[0]);
}

ParameterizedTest(size_t *index, models, trained_decoders_answer_as_keras, .timeout = 20)
{
    char path[128];
    (void)snprintf(path, sizeof path, FOLDER "%s.json", names[*index]);
    json_t *golden = json_load_file(path, 0, NULL);
    cr_assert(golden != NULL, "%s cannot be read", path);
    struct server *s = server_start(NULL);
    struct answer answer = model_post(s, names[*index], golden);
    shape_compare(&answer, golden, names[*index]);
    values_compare(&answer, golden, names[*index]);
    answer_free(&answer);
    json_decref(golden);
    cr_assert(server_stop(s, SIGKILL, NULL) == -1, "the server ended by itself");
}
