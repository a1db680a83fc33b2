/* Layers as Keras and people write them, and what is said of those that are wrong. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "tests/support/api.h"

static struct reply ask_layer(const char *path, const char *layer)
{
    char body[2048];
    const int n =
        snprintf(body, sizeof body, "{\"input\": [[1, 2], [3, 4]], \"layer\": %s}", layer);
    cr_assert(n > 0 && n < (int)sizeof body, "the body is too long");
    return ask(&(struct question){.path = path, .body = body});
}

static void assert_taken(const char *layer, const char *shape)
{
    struct reply reply = ask_layer("/upsample", layer);
    cr_assert(reply.response.status == 200, "%s: %.*s", layer, (int)reply.response.body_bytes,
              (const char *)reply.response.body);
    assert_member(&reply, "/shape", shape);
    reply_free(&reply);
}

/* --- What is taken -------------------------------------------------------------------------- */

static const struct {
    const char *layer, *shape;
} taken[] = {
    {"\"UpSampling2D\"", "[4,4]"},
    {"{\"class_name\": \"UpSampling2D\"}", "[4,4]"},
    {"{\"class_name\": \"UpSampling2D\", \"size\": [1, 3]}", "[2,6]"},
    {"{\"class_name\": \"UpSampling2D\", \"config\": {\"size\": [3, 1]}}", "[6,2]"},
    {"{\"class_name\": \"UpSampling2D\", \"config\": {\"interpolation\": \"NEAREST\"}}", "[4,4]"},
    {"{\"class_name\": \"UpSampling2D\", \"config\": {\"data_format\": null}}", "[4,4]"},
    {"{\"class_name\": \"Convolution2DTranspose\", \"filters\": 1, \"kernel_size\": 2}", "[3,3]"},
    {"{\"class_name\": \"Conv2DTranspose\", \"filters\": 1, \"kernel_size\": 2, \"groups\": 1, "
     "\"kernel_regularizer\": {\"class_name\": \"L2\", \"config\": {\"l2\": 0.1}}, "
     "\"bias_constraint\": null, \"trainable\": false, \"name\": \"up\"}",
     "[3,3]"},
    {"{\"class_name\": \"Conv2DTranspose\", \"filters\": 1, \"kernel_size\": 2, "
     "\"kernel_initializer\": {\"module\": \"keras.initializers\", \"class_name\": "
     "\"GlorotUniform\", \"config\": {\"seed\": null}, \"registered_name\": null}}",
     "[3,3]"},
    {"{\"class_name\": \"Conv2DTranspose\", \"config\": {\"filters\": 1, \"kernel_size\": 2, "
     "\"output_padding\": null, \"batch_input_shape\": [null, 2, 2, 1]}}",
     "[3,3]"},
    {"{\"module\": \"keras.layers\", \"class_name\": \"UpSampling2D\", \"config\": {\"name\": "
     "\"up_sampling2d\", \"trainable\": true, \"dtype\": {\"module\": \"keras\", \"class_name\": "
     "\"DTypePolicy\", \"config\": {\"name\": \"float32\"}, \"registered_name\": null}, \"size\": "
     "[2, 2], \"data_format\": \"channels_last\", \"interpolation\": \"nearest\"}, "
     "\"registered_name\": null, \"build_config\": {\"input_shape\": [null, 2, 2, 1]}}",
     "[4,4]"},
};

Test(spec, layers_are_taken_as_keras_and_people_write_them, .timeout = 20)
{
    for (size_t i = 0; i < sizeof taken / sizeof taken[0]; i++)
        assert_taken(taken[i].layer, taken[i].shape);
}

/* --- What is refused ------------------------------------------------------------------------ */

#define CONV "\"class_name\": \"Conv2DTranspose\""

static const struct {
    const char *layer, *at, *text;
} refused[] = {
    {"\"UpSampling2\"", "/layer", "UpSampling2D"},
    {"{\"class_name\": \"upsampling2d\"}", "/layer", "did you mean \"UpSampling2D\""},
    {"{\"size\": 2}", "/layer", "class_name"},
    {"3", "/layer", "3"},
    {"{\"class_name\": \"UpSampling2D\", \"sise\": 2}", "/layer/sise", "size"},
    {"{\"class_name\": \"UpSampling2D\", \"config\": {\"sise\": 2}}", "/layer/config/sise", "size"},
    {"{\"class_name\": \"UpSampling2D\", \"config\": {\"size\": 0}}", "/layer/config/size",
     "at least 1, not 0"},
    {"{\"class_name\": \"UpSampling2D\", \"config\": {\"size\": 2147483648}}", "/layer/config/size",
     "2147483648"},
    {"{\"class_name\": \"UpSampling2D\", \"config\": {\"size\": 2.5}}", "/layer/config/size",
     "2.5"},
    {"{\"class_name\": \"UpSampling2D\", \"config\": {\"size\": [2, 2, 2]}}", "/layer/config/size",
     "2 integers, not 3"},
    {"{\"class_name\": \"UpSampling2D\", \"config\": {\"size\": [2, \"a\"]}}", "/layer/config/size",
     "\\\"a\\\""},
    {"{\"class_name\": \"UpSampling2D\", \"interpolation\": \"blinear\"}", "/layer/interpolation",
     "nearest"},
    {"{\"class_name\": \"UpSampling2D\", \"config\": 5}", "/layer/config", ""},
    {"{" CONV ", \"filters\": 1}", "/layer/kernel_size", "kernel_size"},
    {"{" CONV ", \"filters\": 0, \"kernel_size\": 1}", "/layer/filters", "0"},
    {"{" CONV ", \"filters\": 1, \"kernel_size\": 1, \"groups\": 2}", "/layer/groups", "group"},
    {"{" CONV ", \"filters\": 1, \"kernel_size\": 3, \"strides\": 2, \"dilation_rate\": 2}",
     "/layer/dilation_rate", "2"},
    {"{" CONV ", \"filters\": 1, \"kernel_size\": 3, \"strides\": 2, \"output_padding\": 2}",
     "/layer/output_padding", "2"},
    {"{" CONV ", \"filters\": 1, \"kernel_size\": 3, \"activation\": \"rellu\"}",
     "/layer/activation", "relu"},
    {"{" CONV ", \"filters\": 1, \"kernel_size\": 3, \"kernel_initializer\": \"one\", "
     "\"bias_initializer\": \"glorot\"}",
     "/layer/bias_initializer", "glorot"},
    {"{" CONV ", \"filters\": 1, \"kernel_size\": 3, \"use_bias\": 1}", "/layer/use_bias", "1"},
    {"{" CONV ", \"filters\": 1, \"kernel_size\": 1, \"weights\": [[[[[1]]]]]}", "/layer/weights",
     "takes 2 weights (kernel, bias), not 1"},
    {"{" CONV ", \"filters\": 1, \"kernel_size\": 1, \"weights\": [[[[[1, 2]]]], [0]]}",
     "/layer/weights/0", "(1, 1, 1, 2)"},
    {"{" CONV ", \"filters\": 1, \"kernel_size\": 1, \"weights\": [[[[[1]]]], \"zero\"]}",
     "/layer/weights/1", "zero"},
    {"{\"class_name\": \"UpSampling2D\", \"config\": {\"batch_input_shape\": [null, 2, 3, 1]}}",
     "/layer/config/batch_input_shape", "(1, 2, 2, 1)"},
};

static const char *unescaped(const char *text)
{
    return strcmp(text, "\\\"a\\\"") == 0 ? "\"a\"" : text;
}

Test(spec, refusal_names_the_place_and_the_value, .timeout = 20)
{
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++) {
        struct reply reply = ask_layer("/upsample", refused[i].layer);
        assert_problem(&reply, 422, refused[i].at, unescaped(refused[i].text));
        reply_free(&reply);
    }
}

Test(spec, layer_of_a_list_is_placed_by_its_number, .timeout = 20)
{
    struct reply reply =
        ask_json("{\"input\": [[1]], \"layers\": [\"UpSampling2D\", "
                 "{\"class_name\": \"UpSampling2D\", \"config\": {\"size\": 0}}]}");
    assert_problem(&reply, 422, "/layers/1/config/size", "0");
    reply_free(&reply);
}

/* Two more than the limit of 1024. */
Test(spec, more_layers_than_the_limit_are_refused, .timeout = 20)
{
    static char body[32 * 1026 + 64];
    char *at = body + sprintf(body, "{\"input\": [[1]], \"layers\": [\"InputLayer\"");
    for (int i = 0; i < 1025; i++)
        at += sprintf(at, ", \"InputLayer\"");
    (void)sprintf(at, "]}");
    struct reply reply = ask_json(body);
    assert_problem(&reply, 413, "/layers", "1024");
    reply_free(&reply);
}

/* --- What is drawn -------------------------------------------------------------------------- */

/* keras.initializers.RandomUniform(0, 1, seed=5)((1,)) on TensorFlow, from Keras itself. */
Test(spec, seed_gives_the_numbers_of_keras, .timeout = 20)
{
    struct reply reply = ask(&(struct question){
        .path = "/plan",
        .query = {{"weights", "true"}},
        .body = "{\"input\": [[1]], \"layer\": {" CONV
                ", \"filters\": 1, \"kernel_size\": 1, \"kernel_initializer\": {\"class_name\": "
                "\"RandomUniform\", \"config\": {\"minval\": 0, \"maxval\": 1, \"seed\": 5}}}}"});
    const json_t *layer = json_array_get(json_object_get(reply.json, "layers"), 0);
    const json_t *kernel = json_array_get(json_object_get(layer, "weights"), 0);
    const json_t *value = json_object_get(kernel, "values");
    for (int i = 0; i < 4; i++)
        value = json_array_get(value, 0);
    cr_assert((float)json_number_value(value) == 6.185329e-02F, "%.9g", json_number_value(value));
    reply_free(&reply);
}

Test(spec, seeds_that_were_drawn_are_told_and_give_the_same_again, .timeout = 20)
{
    struct reply first = ask_layer("/upsample", "{" CONV ", \"filters\": 1, \"kernel_size\": 3}");
    const json_t *seeds =
        json_object_get(json_array_get(json_object_get(first.json, "layers"), 0), "seeds");
    const json_int_t seed = json_integer_value(json_object_get(seeds, "kernel_initializer"));
    cr_assert(seed > 0, "no seed: %.*s", (int)first.response.body_bytes,
              (const char *)first.response.body);
    cr_assert(json_object_get(seeds, "bias_initializer") == NULL, "zeros have no seed");
    char layer[256];
    (void)snprintf(layer, sizeof layer,
                   "{" CONV ", \"filters\": 1, \"kernel_size\": 3, \"kernel_initializer\": "
                   "{\"class_name\": \"GlorotUniform\", \"config\": {\"seed\": %lld}}}",
                   (long long)seed);
    struct reply second = ask_layer("/upsample", layer);
    cr_assert(
        json_equal(json_object_get(first.json, "output"), json_object_get(second.json, "output")),
        "seed %lld gave other numbers", (long long)seed);
    reply_free(&first);
    reply_free(&second);
}

Test(spec, other_dtype_computes_in_float32_and_warns, .timeout = 20)
{
    struct reply reply = ask_layer(
        "/upsample", "{\"class_name\": \"UpSampling2D\", \"config\": {\"dtype\": \"float16\"}}");
    assert_member(&reply, "/warnings/0/code", "\"dtype\"");
    assert_member(&reply, "/warnings/0/pointer", "\"/layer/config/dtype\"");
    const char *header = reply_header(&reply, "X-Warnings");
    cr_assert(header != NULL && strstr(header, "float16") != NULL, "%s", header);
    reply_free(&reply);
}
