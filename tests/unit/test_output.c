/* The forms of an answer: formats, figures, images, headers, warnings. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/codec/npy.h"
#include "api/codec/png.h"
#include "tests/support/api.h"

#define BODY "{\"input\": [[0, 0.5], [1, 2]], \"layers\": []}"

static struct reply ask_good(const struct question *question)
{
    const struct reply reply = ask(question);
    cr_assert(reply.response.status == 200, "status %u: %.*s", reply.response.status,
              (int)reply.response.body_bytes, (const char *)reply.response.body);
    return reply;
}

static void assert_type(const struct reply *reply, const char *type)
{
    cr_assert(strcmp(reply->response.content_type, type) == 0, "%s, not %s",
              reply->response.content_type, type);
}

static void assert_header(const struct reply *reply, const char *name, const char *expected)
{
    const char *value = reply_header(reply, name);
    cr_assert(value != NULL && strcmp(value, expected) == 0, "%s is %s, not %s", name,
              value == NULL ? "absent" : value, expected);
}

/* --- Which form ----------------------------------------------------------------------------- */

Test(output, format_wins_over_accept_and_accept_over_the_input, .timeout = 20)
{
    struct reply natural = ask_good(&(struct question){.body = BODY});
    assert_type(&natural, "application/json");
    reply_free(&natural);
    struct reply accept = ask_good(&(struct question){.accept = "image/png", .body = BODY});
    assert_type(&accept, "image/png");
    reply_free(&accept);
    struct reply format = ask_good(
        &(struct question){.accept = "image/png", .query = {{"format", "npy"}}, .body = BODY});
    assert_type(&format, "application/x-npy");
    reply_free(&format);
}

Test(output, answer_comes_as_the_input_came, .timeout = 20)
{
    struct reply png = ask_good(&(struct question){.query = {{"format", "png"}}, .body = BODY});
    struct reply npy = ask_good(&(struct question){.query = {{"format", "npy"}}, .body = BODY});
    struct reply as_png = ask_good(&(struct question){.query = {{"layer", "UpSampling2D"}},
                                                      .body = png.response.body,
                                                      .body_bytes = png.response.body_bytes});
    struct reply as_npy = ask_good(&(struct question){.query = {{"layer", "UpSampling2D"}},
                                                      .body = npy.response.body,
                                                      .body_bytes = npy.response.body_bytes});
    assert_type(&as_png, "image/png");
    assert_type(&as_npy, "application/x-npy");
    reply_free(&png);
    reply_free(&npy);
    reply_free(&as_png);
    reply_free(&as_npy);
}

Test(output, nothing_acceptable_is_406, .timeout = 20)
{
    struct reply reply = ask(&(struct question){.accept = "text/html", .body = BODY});
    assert_problem(&reply, 406, "", "text/html");
    reply_free(&reply);
}

/* --- JSON ----------------------------------------------------------------------------------- */

Test(output, flat_is_one_list_beside_the_shape, .timeout = 20)
{
    struct reply reply = ask_good(&(struct question){
        .body = "{\"input\": [[1, 2], [3, 4]], \"layers\": [], \"output\": {\"flat\": true}}"});
    assert_member(&reply, "/shape", "[2,2]");
    assert_member(&reply, "/output", "[1,2,3,4]");
    assert_header(&reply, "X-Output-Shape", "2,2");
    cr_assert(reply_header(&reply, "X-Warnings") == NULL, "a warning about nothing");
    reply_free(&reply);
}

Test(output, numbers_are_the_shortest_that_read_back, .timeout = 20)
{
    struct reply reply = ask_good(&(struct question){
        .query = {{"flat", "true"}},
        .body = "{\"input\": [0.1, 0.10000000149011612, 1e-7, 16777217, -0.0], \"layers\": []}"});
    static const char expected[] = "\"output\":[0.1,0.1,1e-7,16777216,-0]";
    char *body = strndup(reply.response.body, reply.response.body_bytes);
    cr_assert(strstr(body, expected) != NULL, "%s is not in %s", expected, body);
    free(body);
    reply_free(&reply);
}

Test(output, infinity_is_null_with_a_warning, .timeout = 20)
{
    struct reply reply = ask_good(&(struct question){
        .body = "{\"input\": [[0, 1000]], \"layer\": {\"class_name\": \"Activation\", "
                "\"activation\": \"exponential\"}}"});
    assert_member(&reply, "/output", "[[1, null]]");
    cr_assert(json_array_size(json_object_get(reply.json, "warnings")) == 1, "one warning");
    cr_assert(reply_header(&reply, "X-Warnings") != NULL, "no X-Warnings");
    reply_free(&reply);
}

/* --- Files ---------------------------------------------------------------------------------- */

Test(output, npy_holds_the_float32_values, .timeout = 20)
{
    struct reply reply = ask_good(&(struct question){.query = {{"format", "npy"}}, .body = BODY});
    static const float expected[] = {0, 0.5F, 1, 2};
    static const char descr[] = "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 2), }";
    const char *body = reply.response.body;
    cr_assert(memcmp(body, "\x93NUMPY\x01", 7) == 0, "no NumPy file");
    cr_assert(memcmp(body + 10, descr, sizeof descr - 1) == 0, "%.80s", body + 10);
    cr_assert(reply.response.body_bytes % 64 == sizeof expected, "%zu bytes",
              reply.response.body_bytes);
    cr_assert(
        memcmp(body + reply.response.body_bytes - sizeof expected, expected, sizeof expected) == 0,
        "other values");
    assert_header(&reply, "X-Output-Shape", "2,2");
    reply_free(&reply);
}

/* --- Bare values ---------------------------------------------------------------------------- */

#define RAW "application/octet-stream"

static const float bare[] = {0, -0.5F, INFINITY, 3};

static struct question raw_question(const void *body, const char *shape)
{
    return (struct question){
        .query = {{"layer", "UpSampling2D"}, {"size", "1,2"}, {"shape", shape}},
        .type = RAW,
        .body = body,
        .body_bytes = sizeof bare};
}

static void assert_doubled(const struct reply *reply)
{
    cr_assert(reply->response.body_bytes == 2 * sizeof bare, "%zu bytes",
              reply->response.body_bytes);
    for (size_t i = 0; i < 8; i++) {
        float value;
        memcpy(&value, (const char *)reply->response.body + i * sizeof value, sizeof value);
        cr_assert(value == bare[i / 2], "value %zu is %.9g", i, (double)value);
    }
}

Test(output, bare_values_are_answered_as_they_came, .timeout = 20)
{
    char moved[sizeof bare + 1]; /* one of both bodies is not aligned */
    for (size_t shift = 0; shift < 2; shift++) {
        const struct question q = raw_question(memcpy(moved + shift, bare, sizeof bare), "[2,2]");
        struct reply reply = ask_good(&q);
        assert_type(&reply, RAW);
        assert_header(&reply, "X-Output-Shape", "2,4");
        assert_doubled(&reply);
        reply_free(&reply);
    }
}

Test(output, bare_values_are_asked_for, .timeout = 20)
{
    struct reply format = ask_good(&(struct question){.query = {{"format", "raw"}}, .body = BODY});
    struct reply accept = ask_good(&(struct question){.accept = RAW, .body = BODY});
    static const float expected[] = {0, 0.5F, 1, 2};
    const struct reply *const replies[] = {&format, &accept};
    for (size_t i = 0; i < 2; i++) {
        const struct api_response *r = &replies[i]->response;
        assert_type(replies[i], RAW);
        cr_assert(r->body_bytes == sizeof expected &&
                      memcmp(r->body, expected, sizeof expected) == 0,
                  "%zu bytes, or other values", r->body_bytes);
    }
    reply_free(&format);
    reply_free(&accept);
}

Test(output, bare_values_fit_their_shape, .timeout = 20)
{
    static const struct {
        const char *shape, *text;
    } wrong[] = {{"2,3", "(2, 3) are 24 bytes, the body has 16"},
                 {"[]", "() are 4 bytes"},
                 {"2,2,-1", "axis 2"},
                 {"4611686018427387904,4", "bytes"},
                 {"1,1,1,1,1,1,1,2,2", "8 axes"},
                 {"wide", "a list of lengths"}};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        const struct question q = raw_question(bare, wrong[i].shape);
        struct reply reply = ask(&q);
        assert_problem(&reply, 422, "?shape", wrong[i].text);
        reply_free(&reply);
    }
    struct reply json = ask(&(struct question){.query = {{"shape", "2,2"}}, .body = BODY});
    assert_problem(&json, 422, "?shape", RAW);
    reply_free(&json);
}

static void assert_pixels(const char *body, const char *bits, const float *expected, size_t count)
{
    struct reply reply = ask_good(&(struct question){
        .query = {{"format", "png"}, {"render", "image"}, {"bits", bits}}, .body = body});
    struct up_tensor t;
    struct up_error err = {.code = UP_OK};
    cr_assert(api_png_decode(reply.response.body, reply.response.body_bytes, API_CHANNELS_AS_IS,
                             1 << 20, reply.arena, &t, &err) == UP_OK,
              "%s", err.text);
    cr_assert(up_shape_size(&t.shape) == count, "%zu values", up_shape_size(&t.shape));
    for (size_t i = 0; i < count; i++)
        cr_assert(t.data[i] == expected[i], "value %zu is %.9g, not %.9g", i, (double)t.data[i],
                  (double)expected[i]);
    reply_free(&reply);
}

/* Clipped to 0..1 and rounded to the nearest of 255 or 65535 steps. */
Test(output, image_holds_the_values_as_pixels, .timeout = 20)
{
    static const char values[] = "{\"input\": [[-1, 0.25], [1, 2]], \"layers\": []}";
    const float eight[] = {0, 64 / 255.0F, 1, 1}, sixteen[] = {0, 16384 / 65535.0F, 1, 1};
    assert_pixels(values, "8", eight, 4);
    assert_pixels(values, "16", sixteen, 4);
    const float colours[] = {1, 0, 0.2F};
    assert_pixels("{\"input\": [[[1, 0, 0.2]]], \"layer\": {\"class_name\": \"UpSampling2D\", "
                  "\"size\": 1}}",
                  "8", colours, 3);
}

Test(output, figure_tells_the_range_that_it_shows, .timeout = 20)
{
    struct reply reply = ask_good(&(struct question){
        .query = {{"format", "png"}, {"title", "2"}, {"cmap", "gray"}}, .body = BODY});
    assert_type(&reply, "image/png");
    assert_header(&reply, "X-Value-Min", "0");
    assert_header(&reply, "X-Value-Max", "2");
    assert_header(&reply, "X-Output-Shape", "2,2");
    reply_free(&reply);
}

/* Gray of 0 .. 2 in four cells: black, 64, 128 and white, by matplotlib's int(256 * value). */
Test(output, bare_figure_is_a_pixel_a_cell_in_the_maps_colours, .timeout = 20)
{
    struct reply reply = ask_good(&(struct question){
        .query = {{"format", "png"}, {"bare", "true"}, {"cmap", "gray"}}, .body = BODY});
    struct up_tensor t;
    cr_assert(api_png_decode(reply.response.body, reply.response.body_bytes, API_CHANNELS_GRAY,
                             1 << 20, reply.arena, &t, NULL) == UP_OK,
              "no PNG");
    cr_assert(t.shape.rank == 2 && t.shape.dim[0] == 2 && t.shape.dim[1] == 2, "not 2 x 2");
    static const float expected[] = {0, 64 / 255.0F, 128 / 255.0F, 1};
    for (size_t i = 0; i < 4; i++)
        cr_assert(t.data[i] > expected[i] - 0.001F && t.data[i] < expected[i] + 0.001F,
                  "cell %zu is %.9g, not %.9g", i, (double)t.data[i], (double)expected[i]);
    reply_free(&reply);
}

/* --- Options -------------------------------------------------------------------------------- */

static const struct {
    const char *options, *at, *text;
} wrong[] = {
    {"{\"format\": \"gif\"}", "/output/format", "json, png, npy"},
    {"{\"fromat\": \"png\"}", "/output/fromat", "format"},
    {"{\"bits\": 12}", "/output/bits", "12"},
    {"{\"cell\": 257}", "/output/cell", "256"},
    {"{\"cmap\": \"virdis\"}", "/output/cmap", "viridis"},
    {"{\"flat\": 1}", "/output/flat", "1"},
    {"{\"format\": \"png\", \"vmin\": 2, \"vmax\": 1}", "/output/vmin", "2"},
    {"3", "/output", "3"},
};

Test(output, wrong_option_is_refused_by_name, .timeout = 20)
{
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        char body[256];
        (void)snprintf(body, sizeof body, "{\"input\": [[1]], \"layers\": [], \"output\": %s}",
                       wrong[i].options);
        struct reply reply = ask_json(body);
        assert_problem(&reply, 422, wrong[i].at, wrong[i].text);
        reply_free(&reply);
    }
}

Test(output, image_of_five_channels_is_refused, .timeout = 20)
{
    struct reply reply = ask(&(struct question){
        .query = {{"format", "png"}, {"render", "image"}},
        .body = "{\"input\": [[[1, 2, 3, 4, 5]]], \"layer\": \"UpSampling2D\"}"});
    assert_problem(&reply, 422, "?render", "5");
    reply_free(&reply);
}
