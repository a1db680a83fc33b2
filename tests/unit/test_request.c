/* Requests in every form, from the outside: what comes in, what comes out, and where errors are. */
#include <criterion/criterion.h>
#include <string.h>

#include "tests/support/api.h"

static struct reply ask_good(const struct question *question)
{
    const struct reply reply = ask(question);
    cr_assert(reply.response.status == 200, "status %u: %.*s", reply.response.status,
              (int)reply.response.body_bytes, (const char *)reply.response.body);
    return reply;
}

/* The answer to a JSON body has this output. */
static void assert_output(const char *body, const char *shape, const char *output)
{
    const struct question question = {.body = body};
    struct reply reply = ask_good(&question);
    assert_member(&reply, "/shape", shape);
    assert_member(&reply, "/output", output);
    reply_free(&reply);
}

static void assert_refused(const char *body, unsigned status, const char *at, const char *text)
{
    struct reply reply = ask_json(body);
    assert_problem(&reply, status, at, text);
    reply_free(&reply);
}

/* --- What the service is for ---------------------------------------------------------------- */

Test(request, repeats_the_pixels_of_the_first_example, .timeout = 20)
{
    assert_output("{\"input\": [[0,1],[1,0]], \"layer\": {\"class_name\": \"UpSampling2D\", "
                  "\"config\": {\"size\": 2}}}",
                  "[4,4]", "[[0,0,1,1],[0,0,1,1],[1,1,0,0],[1,1,0,0]]");
}

#define SQUARE                                                                                     \
    "[[0,0,0,0,0,0,0,0],[0,0,0,0,0,0,0,0],[0,0,1,1,1,1,0,0],[0,0,1,1,1,1,0,0],[0,0,1,1,1,1,0,0],"  \
    "[0,0,1,1,1,1,0,0],[0,0,0,0,0,0,0,0],[0,0,0,0,0,0,0,0]]"

/* Keras' values: along each axis the square's outputs 4 to 12 are reached 1 or 2 times. */
Test(request, shows_the_checkerboard_of_the_notebook, .timeout = 20)
{
    const struct question question = {
        .body = "{\"input\": " SQUARE ", \"layer\": {\"class_name\": \"Conv2DTranspose\", "
                "\"config\": {\"filters\": 1, \"kernel_size\": 3, \"strides\": 2, \"padding\": "
                "\"same\", \"kernel_initializer\": \"ones\"}}}"};
    struct reply reply = ask_good(&question);
    assert_member(&reply, "/shape", "[16,16]");
    assert_member(&reply, "/output/3", "[0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0]");
    assert_member(&reply, "/output/4", "[0,0,0,0,1,1,2,1,2,1,2,1,1,0,0,0]");
    assert_member(&reply, "/output/5", "[0,0,0,0,1,1,2,1,2,1,2,1,1,0,0,0]");
    assert_member(&reply, "/output/6", "[0,0,0,0,2,2,4,2,4,2,4,2,2,0,0,0]");
    assert_member(&reply, "/output/12", "[0,0,0,0,1,1,2,1,2,1,2,1,1,0,0,0]");
    assert_member(&reply, "/output/13", "[0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0]");
    reply_free(&reply);
}

Test(request, runs_layers_in_order_and_none_gives_the_input_back, .timeout = 20)
{
    assert_output("{\"input\": [1,-2], \"layers\": [{\"class_name\": \"UpSampling1D\", \"size\": "
                  "2}, {\"class_name\": \"Activation\", \"activation\": \"relu\"}]}",
                  "[4]", "[1,1,0,0]");
    assert_output("{\"input\": [[1,2],[3,4]], \"layers\": []}", "[2,2]", "[[1,2],[3,4]]");
}

/* --- Ranks ---------------------------------------------------------------------------------- */

Test(request, axes_that_were_added_are_dropped_again, .timeout = 20)
{
    assert_output("{\"input\": [[1,2]], \"layer\": \"UpSampling2D\"}", "[2,4]",
                  "[[1,1,2,2],[1,1,2,2]]");
    assert_output("{\"input\": [[[1],[2]]], \"layer\": \"UpSampling2D\"}", "[2,4,1]",
                  "[[[1],[1],[2],[2]],[[1],[1],[2],[2]]]");
    assert_output("{\"input\": [[[[1],[2]]]], \"layer\": \"UpSampling2D\"}", "[1,2,4,1]",
                  "[[[[1],[1],[2],[2]],[[1],[1],[2],[2]]]]");
}

Test(request, added_channels_stay_when_they_are_no_longer_one, .timeout = 20)
{
    assert_output("{\"input\": [1, 2], \"layer\": {\"class_name\": \"Conv1DTranspose\", "
                  "\"filters\": 2, \"kernel_size\": 1, \"weights\": [[[[1],[10]]], [0, 0.5]]}}",
                  "[2,2]", "[[1,10.5],[2,20.5]]");
}

Test(request, channels_first_says_where_the_channels_are, .timeout = 20)
{
    assert_output("{\"input\": [[[1,2]],[[3,4]]], \"layer\": {\"class_name\": \"UpSampling2D\", "
                  "\"size\": [1,2], \"data_format\": \"channels_first\"}}",
                  "[2,1,4]", "[[[1,1,2,2]],[[3,3,4,4]]]");
}

Test(request, wrong_rank_is_refused_at_the_input, .timeout = 20)
{
    assert_refused("{\"input\": [1,2], \"layer\": \"UpSampling2D\"}", 422, "/input", "(2,)");
    assert_refused("{\"input\": [[[[[1]]]]], \"layer\": \"UpSampling2D\"}", 422, "/input",
                   "(1, 1, 1, 1, 1)");
}

/* --- Tensors -------------------------------------------------------------------------------- */

Test(request, tensor_may_be_a_shape_and_a_flat_list, .timeout = 20)
{
    assert_output("{\"input\": {\"shape\": [1,2], \"data\": [1,2]}, \"layer\": \"UpSampling2D\"}",
                  "[2,4]", "[[1,1,2,2],[1,1,2,2]]");
    assert_refused("{\"input\": {\"shape\": [2,2], \"data\": [1,2]}, \"layer\": \"UpSampling2D\"}",
                   422, "/input", "(2, 2)");
}

/* numpy.save of float32 [[1, 2]], and Pillow's PNG of one pixel 51 (51 / 255 = 0.2). */
#define NPY                                                                                        \
    "k05VTVBZAQB2AHsnZGVzY3InOiAnPGY0JywgJ2ZvcnRyYW5fb3JkZXInOiBGYWxzZSwgJ3NoYXBlJzogKDEsIDIpLC"   \
    "B9ICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgIAoAAIA/"       \
    "AAAAQA=="
#define PNG                                                                                        \
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGMwBgAANQA0yrSZ7QAAAABJRU5ErkJggg=="

Test(request, tensor_may_be_a_file_in_base64, .timeout = 20)
{
    assert_output("{\"input\": {\"npy\": \"" NPY "\"}, \"layer\": \"UpSampling2D\"}", "[2,4]",
                  "[[1,1,2,2],[1,1,2,2]]");
    assert_output("{\"input\": {\"png\": \"" PNG "\"}, \"layer\": \"UpSampling2D\"}", "[2,2]",
                  "[[0.2,0.2],[0.2,0.2]]");
    assert_refused("{\"input\": {\"png\": \"iVBO!\"}, \"layer\": \"UpSampling2D\"}", 400,
                   "/input/png", "base64");
    assert_refused("{\"input\": {\"png\": \"iVBORw0KGgoAAAANSUhE\"}, \"layer\": \"UpSampling2D\"}",
                   400, "/input/png", "PNG");
}

Test(request, numbers_are_those_of_rfc_8259_and_float32, .timeout = 20)
{
    assert_refused("{\"input\": [[1],[2,3]], \"layer\": \"UpSampling2D\"}", 400, "/input/1", "2");
    assert_refused("{\"input\": [[1e40]], \"layer\": \"UpSampling2D\"}", 400, "/input/0/0", "1e40");
    assert_refused("{\"input\": [[NaN]], \"layer\": \"UpSampling2D\"}", 400, "", "");
    assert_refused("{\"input\": [[01]], \"layer\": \"UpSampling2D\"}", 400, "", "");
    assert_refused("{\"input\": [[true]], \"layer\": \"UpSampling2D\"}", 400, "/input/0/0",
                   "boolean");
    assert_refused("{\"input\": [[1]], \"layer\": \"UpSampling2D\"", 400, "", "line 1");
    assert_refused("[1]", 422, "", "object");
}

/* --- Bodies --------------------------------------------------------------------------------- */

/* The same bytes as PNG above: 1 x 1, gray, 51. */
static const unsigned char png[] = {
    0x89, 'P',  'N',  'G',  0x0d, 0x0a, 0x1a, 0x0a, 0,    0,    0,    13,   'I',  'H',
    'D',  'R',  0,    0,    0,    1,    0,    0,    0,    1,    8,    0,    0,    0,
    0,    0x3a, 0x7e, 0x9b, 0x55, 0,    0,    0,    10,   'I',  'D',  'A',  'T',  0x78,
    0x9c, 0x63, 0x30, 0x06, 0x00, 0x00, 0x35, 0x00, 0x34, 0xca, 0xb4, 0x99, 0xed, 0,
    0,    0,    0,    'I',  'E',  'N',  'D',  0xae, 0x42, 0x60, 0x82};

Test(request, file_takes_its_layer_from_the_query, .timeout = 20)
{
    const struct question question = {.query = {{"layer", "Conv2DTranspose"},
                                                {"filters", "1"},
                                                {"kernel_size", "2,3"},
                                                {"kernel_initializer", "ones"},
                                                {"padding", "valid"},
                                                {"format", "json"}},
                                      .body = (const char *)png,
                                      .body_bytes = sizeof png};
    struct reply reply = ask_good(&question);
    assert_member(&reply, "/output", "[[0.2,0.2,0.2],[0.2,0.2,0.2]]");
    reply_free(&reply);
}

Test(request, signature_beats_the_declared_type, .timeout = 20)
{
    const struct question question = {.type = "application/json",
                                      .query = {{"layer", "UpSampling2D"}, {"format", "json"}},
                                      .body = (const char *)png,
                                      .body_bytes = sizeof png};
    struct reply reply = ask_good(&question);
    assert_member(&reply, "/shape", "[2,2]");
    reply_free(&reply);
}

static const struct {
    const char *type;
    unsigned status;
} types[] = {
    {NULL, 200},
    {"application/x-www-form-urlencoded", 200},
    {"application/json; charset=utf-8", 200},
    {"Application/JSON", 200},
    {"text/html", 415},
    {"application/jsonx", 415},
    {"image/png", 400},
};

Test(request, text_is_json_unless_its_type_says_otherwise, .timeout = 20)
{
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        const struct question question = {
            .type = types[i].type, .body = "{\"input\": [[1]], \"layer\": \"UpSampling2D\"}"};
        struct reply reply = ask(&question);
        cr_assert(reply.response.status == types[i].status, "%s: status %u",
                  types[i].type == NULL ? "no type" : types[i].type, reply.response.status);
        cr_assert((reply_header(&reply, "Accept") != NULL) == (types[i].status == 415),
                  "Accept belongs to 415");
        reply_free(&reply);
    }
}

#define PART(name, text)                                                                           \
    {                                                                                              \
        name, NULL, text, sizeof(text) - 1                                                         \
    }

Test(request, parts_fill_the_members_of_their_names, .timeout = 20)
{
    const struct api_part parts[] = {
        PART("request", "{\"layers\": [\"UpSampling1D\", {\"class_name\": \"Conv1DTranspose\", "
                        "\"config\": {\"filters\": 1, \"kernel_size\": 1}}]}"),
        PART("weights.1.0", "[[[3]]]"),
        PART("weights.1.1", "[0.5]"),
        PART("input", "[1, 2]"),
    };
    const struct question question = {.parts = parts, .part_count = 4};
    struct reply reply = ask_good(&question);
    assert_member(&reply, "/output", "[3.5,3.5,6.5,6.5]");
    reply_free(&reply);
}

Test(request, part_without_a_place_is_refused_by_name, .timeout = 20)
{
    const struct api_part parts[] = {PART("request", "{\"layer\": \"UpSampling1D\"}"),
                                     PART("imput", "[1]")};
    const struct question question = {.parts = parts, .part_count = 2};
    struct reply reply = ask(&question);
    assert_problem(&reply, 422, "?imput", "imput");
    reply_free(&reply);
}

Test(request, colours_become_gray_by_rec_601, .timeout = 20)
{
    struct reply pixel = ask_good(&(struct question){
        .body = "{\"input\": [[[1, 0, 0]]], \"layers\": [], \"output\": {\"format\": \"png\", "
                "\"render\": \"image\"}}"});
    const struct question gray = {.query = {{"layer", "UpSampling2D"},
                                            {"channels", "gray"},
                                            {"format", "json"},
                                            {"size", "1"}},
                                  .body = pixel.response.body,
                                  .body_bytes = pixel.response.body_bytes};
    struct reply reply = ask_good(&gray);
    assert_member(&reply, "/shape", "[1,1]");
    const double value = json_number_value(
        json_array_get(json_array_get(json_object_get(reply.json, "output"), 0), 0));
    cr_assert(value > 0.2985 && value < 0.2995, "red is %.9g, not 0.299", value);
    reply_free(&reply);
    reply_free(&pixel);
}

/* --- The query ------------------------------------------------------------------------------ */

Test(request, query_wins_over_the_body, .timeout = 20)
{
    const struct question question = {
        .query = {{"size", "1,2"}, {"flat", "true"}},
        .body = "{\"input\": [[1]], \"layer\": {\"class_name\": \"UpSampling2D\", \"config\": "
                "{\"size\": 3}}, \"output\": {\"flat\": false}}"};
    struct reply reply = ask_good(&question);
    assert_member(&reply, "/shape", "[1,2]");
    assert_member(&reply, "/output", "[1,1]");
    reply_free(&reply);
}

static const struct {
    struct api_pair pair;
    unsigned status;
    const char *at, *text;
} queries[] = {
    {{"size", "0"}, 422, "?size", "0"},
    {{"size", "1,2,3"}, 422, "?size", "3"},
    {{"size", "two"}, 422, "?size", "two"},
    {{"sise", "2"}, 422, "?sise", "size"},
    {{"format", "jpeg"}, 422, "?format", "jpeg"},
    {{"cmap", "virids"}, 422, "?cmap", "viridis"},
    {{"size\"", "2"}, 422, "?size\"", ""},
    {{"title", "\xff"}, 400, "?title", "title"},
    {{"layers", "[]"}, 422, "", "2"},
};

Test(request, error_of_a_query_value_names_the_parameter, .timeout = 20)
{
    for (size_t i = 0; i < sizeof queries / sizeof queries[0]; i++) {
        const struct question question = {
            .query = {queries[i].pair},
            .body = "{\"input\": [[1]], \"layer\": {\"class_name\": \"UpSampling2D\"}}"};
        struct reply reply = ask(&question);
        assert_problem(&reply, queries[i].status, queries[i].at, queries[i].text);
        reply_free(&reply);
    }
}

Test(request, query_without_a_place_for_it_is_refused, .timeout = 20)
{
    const struct question question = {
        .query = {{"format", "json"}},
        .body = "{\"input\": [[1]], \"layer\": \"UpSampling2D\", \"output\": 3}"};
    struct reply reply = ask(&question);
    assert_problem(&reply, 422, "?format", "format");
    reply_free(&reply);
}

/* --- Members -------------------------------------------------------------------------------- */

Test(request, members_are_checked_and_counted, .timeout = 20)
{
    assert_refused("{\"input\": [1], \"layer\": \"UpSampling1D\", \"layers\": []}", 422, "", "2");
    assert_refused("{\"input\": [1]}", 422, "/layer", "layer");
    assert_refused("{\"layer\": \"UpSampling1D\"}", 422, "/input", "input");
    assert_refused("{\"input\": [1], \"inputs\": [[1]], \"layer\": \"UpSampling1D\"}", 422,
                   "/inputs", "twice");
    assert_refused("{\"input\": [1], \"layer\": \"UpSampling1D\", \"ouput\": {}}", 422, "/ouput",
                   "output");
    assert_refused("{\"input\": [1], \"layer\": \"UpSampling1D\", \"channels\": \"cmyk\"}", 422,
                   "/channels", "rgba");
    assert_refused("{\"input\": [1], \"input\": [2], \"layer\": \"UpSampling1D\"}", 400, "",
                   "duplicate");
}

Test(request, inputs_as_a_list_or_by_name_answer_in_kind, .timeout = 20)
{
    struct reply list = ask_json("{\"inputs\": [[1,2]], \"layer\": \"UpSampling1D\"}");
    assert_member(&list, "/outputs", "[[1,1,2,2]]");
    reply_free(&list);
    struct reply named = ask_json("{\"inputs\": {\"x\": [1]}, \"layer\": \"UpSampling1D\"}");
    assert_member(&named, "/outputs/output", "[1,1]");
    reply_free(&named);
    assert_refused("{\"inputs\": [[1],[2]], \"layer\": \"UpSampling1D\"}", 422, "/inputs",
                   "take one input, not 2; models take several");
    assert_refused(
        "{\"inputs\": [[1],[2]], \"model\": {\"class_name\": \"Sequential\", "
        "\"config\": {\"layers\": [{\"class_name\": \"UpSampling1D\", \"config\": {}}]}}}",
        422, "/inputs", "the model takes 1 input, not 2");
}

/* --- Endpoints ------------------------------------------------------------------------------ */

Test(request, paths_and_methods_are_those_of_the_table, .timeout = 20)
{
    struct reply nowhere = ask(&(struct question){.path = "/upsampel"});
    assert_problem(&nowhere, 404, "", "/upsampel");
    reply_free(&nowhere);
    struct reply get = ask(&(struct question){.path = "/upsample"});
    assert_problem(&get, 405, "", "GET");
    const char *allow = reply_header(&get, "Allow");
    cr_assert(allow != NULL && strcmp(allow, "POST, OPTIONS") == 0, "%s", allow);
    reply_free(&get);
    struct reply one = ask(&(struct question){.path = "/layers/UpSampling1D"});
    assert_member(&one, "/class_name", "\"UpSampling1D\"");
    reply_free(&one);
    struct reply none = ask(&(struct question){.path = "/layers/UpSampling9D"});
    assert_problem(&none, 404, "", "UpSampling9D");
    reply_free(&none);
}

Test(request, plan_answers_without_data, .timeout = 20)
{
    const struct question question = {
        .path = "/plan",
        .body = "{\"input\": {\"shape\": [8, 8]}, \"layer\": {\"class_name\": \"Conv2DTranspose\", "
                "\"filters\": 1, \"kernel_size\": 3, \"strides\": 2, \"padding\": \"same\"}}"};
    struct reply reply = ask_good(&question);
    assert_member(&reply, "/input_shape", "[8,8]");
    assert_member(&reply, "/output_shape", "[16,16]");
    assert_member(&reply, "/macs", "576"); /* 8 * 8 inputs, 3 * 3 taps */
    assert_member(&reply, "/bytes/output", "1024");
    assert_member(&reply, "/bytes/weights", "40");
    assert_member(&reply, "/layers/0/weights/0/shape", "[3,3,1,1]");
    reply_free(&reply);
    assert_refused("{\"input\": {\"shape\": [8, 8]}, \"layer\": \"UpSampling2D\"}", 422, "/input",
                   "data");
}

Test(request, output_past_the_limit_is_refused_before_it_is_made, .timeout = 20)
{
    struct reply reply = ask_json("{\"input\": [[1]], \"layer\": {\"class_name\": "
                                  "\"UpSampling2D\", \"size\": 2147483647}}");
    assert_problem(&reply, 413, "/layer", "--output-limit");
    cr_assert(up_arena_bytes(reply.arena) < 4 << 20, "%zu bytes were taken",
              up_arena_bytes(reply.arena));
    reply_free(&reply);
}
