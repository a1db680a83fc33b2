/* What the candidates of a comparison differ by, and models as candidates. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/api.h"

enum { SIDE = 16 };

#define NEAREST "{\"name\":\"nearest\",\"layer\":\"UpSampling2D\"}"
#define BILINEAR                                                                                   \
    "{\"name\":\"bilinear\",\"layer\":{\"class_name\":\"UpSampling2D\",\"interpolation\":"         \
    "\"bilinear\"}}"
#define LARGE "{\"name\":\"large\",\"layer\":{\"class_name\":\"UpSampling2D\",\"size\":3}}"

/* On the presets' input, an 8 x 8 image with a square of ones. */
static struct reply compare(const char *candidates, const char *more)
{
    static char body[8192];
    (void)snprintf(body, sizeof body, "{\"preset\":\"notebook\",\"candidates\":[%s]%s}", candidates,
                   more);
    return ask(&(struct question){.path = "/compare", .body = body});
}

static void assert_difference(const struct reply *r, size_t candidate, double max, double mean)
{
    const json_t *row = json_array_get(json_object_get(r->json, "candidates"), candidate);
    const json_t *given_max = json_object_get(row, "max_difference"),
                 *given_mean = json_object_get(row, "mean_difference");
    cr_assert(json_is_number(given_max) && json_is_number(given_mean), "candidate %zu has none",
              candidate);
    cr_assert(fabs(json_number_value(given_max) - max) < 1e-5 &&
                  fabs(json_number_value(given_mean) - mean) < 1e-5,
              "candidate %zu: %g and %g, not %g and %g", candidate, json_number_value(given_max),
              json_number_value(given_mean), max, mean);
}

/* Both interpolations of the square are products of one line with itself. */
static void expected(double *ret_max, double *ret_mean)
{
    static const double nearest[SIDE] = {0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1},
                        bilinear[SIDE] = {0, 0, 0, 0.25, 0.75, 1, 1, 1, 1, 1, 1, 0.75, 0.25};
    *ret_max = 0;
    *ret_mean = 0;
    for (size_t y = 0; y < SIDE; y++)
        for (size_t x = 0; x < SIDE; x++) {
            const double by = fabs(bilinear[y] * bilinear[x] - nearest[y] * nearest[x]);
            *ret_max = fmax(*ret_max, by);
            *ret_mean += by / (SIDE * SIDE);
        }
}

/* --- Figures -------------------------------------------------------------------------------- */

Test(differences, are_taken_from_the_first_or_the_one_named, .timeout = 20)
{
    double max, mean;
    expected(&max, &mean);
    struct reply r = compare(NEAREST "," BILINEAR, "");
    assert_difference(&r, 0, 0, 0);
    assert_difference(&r, 1, max, mean);
    assert_member(&r, "/reference", "\"nearest\"");
    reply_free(&r);
    r = compare(NEAREST "," BILINEAR, ",\"reference\":\"bilinear\"");
    assert_difference(&r, 0, max, mean);
    assert_difference(&r, 1, 0, 0);
    assert_member(&r, "/reference", "\"bilinear\"");
    reply_free(&r);
    r = ask(&(struct question){.path = "/compare",
                               .query = {{"preset", "notebook"}, {"reference", "bilinear"}}});
    assert_difference(&r, 0, max, mean);
    reply_free(&r);
}

Test(differences, are_none_where_shapes_differ, .timeout = 20)
{
    struct reply r = compare(NEAREST "," LARGE, "");
    assert_member(&r, "/candidates/1/max_difference", "null");
    assert_member(&r, "/candidates/1/mean_difference", "null");
    reply_free(&r);
}

/* Ones become infinite, zeros stay. */
Test(differences, leave_out_what_is_not_finite, .timeout = 20)
{
#define HUGE "{\"class_name\":\"Rescaling\",\"scale\":3e38}"
    struct reply r = compare(NEAREST ",{\"layers\":[\"UpSampling2D\"," HUGE "," HUGE "]}", "");
    assert_difference(&r, 1, 0, 0);
    reply_free(&r);
}

/* --- Pictures ------------------------------------------------------------------------------- */

#define DRAWN ",\"view\":\"differences\",\"output\":{\"format\":\"png\"}"

Test(differences, are_drawn_without_the_reference, .timeout = 20)
{
    struct reply r = compare(NEAREST "," BILINEAR, DRAWN),
                 other = compare(NEAREST "," BILINEAR "," LARGE, DRAWN);
    cr_assert(r.response.status == 200, "%u", r.response.status);
    cr_assert(atof(reply_header(&r, "X-Value-Min")) == 0.75 * 0.75 - 1, "%s",
              reply_header(&r, "X-Value-Min"));
    cr_assert(atof(reply_header(&r, "X-Value-Max")) == 0.25, "%s", reply_header(&r, "X-Value-Max"));
    cr_assert(other.response.status == 200, "%u", other.response.status);
    cr_assert(other.response.body_bytes != r.response.body_bytes ||
                  memcmp(other.response.body, r.response.body, r.response.body_bytes) != 0,
              "who is left out is not named");
    reply_free(&r);
    reply_free(&other);
}

Test(differences, are_refused_with_the_place, .timeout = 20)
{
    static const struct {
        const char *candidates, *more, *at, *text;
    } cases[] = {
        {NEAREST, DRAWN, "/view", "no other candidate gives (16, 16)"},
        {NEAREST "," LARGE, DRAWN, "/view", "no other candidate"},
        {NEAREST, ",\"view\":\"sums\"", "/view", "not \"sums\""},
        {NEAREST, ",\"view\":1", "/view", "not 1"},
        {NEAREST, ",\"reference\":0", "/reference", "not 0"},
        {NEAREST, ",\"reference\":\"nearst\"", "/reference", "did you mean \"nearest\"?"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct reply r = compare(cases[i].candidates, cases[i].more);
        assert_problem(&r, 422, cases[i].at, cases[i].text);
        reply_free(&r);
    }
}

/* --- Models --------------------------------------------------------------------------------- */

#define INPUT(name)                                                                                \
    "{\"class_name\":\"InputLayer\",\"name\":\"" name "\",\"config\":{\"name\":\"" name            \
    "\",\"batch_shape\":[null,8,8,1]},\"inbound_nodes\":[]}"
#define SEQUENTIAL                                                                                 \
    "{\"class_name\":\"Sequential\",\"config\":{\"layers\":[{\"class_name\":\"Conv2DTranspose\","  \
    "\"config\":{\"name\":\"up\",\"filters\":1,\"kernel_size\":1,\"strides\":2}}]}}"
#define REPEAT                                                                                     \
    "{\"class_name\":\"UpSampling2D\",\"name\":\"u\",\"config\":{\"name\":\"u\"},"                 \
    "\"inbound_nodes\":[[[\"a\",0,0,{}]]]}"
#define FUNCTIONAL(outputs)                                                                        \
    "{\"class_name\":\"Functional\",\"config\":{\"layers\":[" INPUT(                               \
        "a") "," REPEAT "],\"input_layers\":[[\"a\",0,0]],\"output_layers\":[" outputs "]}}"

Test(comparison_models, are_candidates_with_their_weights, .timeout = 20)
{
    struct reply r = compare("{\"model\":" SEQUENTIAL ",\"weights\":[[[[[5]]]],[0]]},"
                             "{\"name\":\"same\",\"model\":" FUNCTIONAL("[\"u\",0,0]") "}",
                             "");
    assert_member(&r, "/candidates/0/output/4", "[0,0,0,0,5,0,5,0,5,0,5,0,0,0,0,0]");
    assert_member(&r, "/candidates/0/checkerboard", "1");
    assert_member(&r, "/candidates/0/parameters", "2");
    assert_member(&r, "/candidates/1/output/4", "[0,0,0,0,1,1,1,1,1,1,1,1,0,0,0,0]");
    reply_free(&r);
}

Test(comparison_models, are_refused_with_the_place, .timeout = 20)
{
    static const struct {
        const char *candidate, *at, *text;
    } cases[] = {
        {"{\"model\":" FUNCTIONAL("[\"u\",0,0],[\"a\",0,0]") "}", "/candidates/1", "one output"},
        {"{\"model\":" SEQUENTIAL ",\"weights\":[[[[[5]]]]]}", "/candidates/1/weights",
         "2 weights"},
        {"{\"model\":" SEQUENTIAL ",\"weights\":{\"down\":[]}}", "/candidates/1/weights/down",
         "no layer"},
        {"{\"model\":{\"class_name\":\"Sequential\"}}", "/candidates/1/model", "a list of layers"},
        {"{\"model\":\"[\"}", "/candidates/1/model", "the text ends"},
        {"{\"model\":" SEQUENTIAL ",\"layer\":\"UpSampling2D\"}", "/candidates/1", "one of"},
        {"{\"layer\":\"UpSampling2D\",\"weights\":[]}", "/candidates/1/weights",
         "beside class_name"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char both[1200];
        (void)snprintf(both, sizeof both, NEAREST ",%s", cases[i].candidate);
        struct reply r = compare(both, "");
        assert_problem(&r, strcmp(cases[i].text, "the text ends") == 0 ? 400 : 422, cases[i].at,
                       cases[i].text);
        reply_free(&r);
    }
}
