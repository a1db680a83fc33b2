/* POST /compare, and what the diagnosis says in the other answers. Figures that are no obvious
 * arithmetic were computed with Keras and numpy. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "tests/support/api.h"

#define SQUARE                                                                                     \
    "[[0,0,0,0,0,0,0,0],[0,0,0,0,0,0,0,0],[0,0,1,1,1,1,0,0],[0,0,1,1,1,1,0,0],"                    \
    "[0,0,1,1,1,1,0,0],[0,0,1,1,1,1,0,0],[0,0,0,0,0,0,0,0],[0,0,0,0,0,0,0,0]]"
#define DECONV(size, initializer)                                                                  \
    "{\"class_name\":\"Conv2DTranspose\",\"filters\":1,\"kernel_size\":" size                      \
    ",\"strides\":2,\"padding\":\"same\",\"kernel_initializer\":\"" initializer "\"}"
#define NEAREST "{\"name\":\"nearest\",\"layer\":\"UpSampling2D\"}"
#define SMOOTH(name)                                                                               \
    "{\"name\":\"" name "\",\"layer\":{\"class_name\":\"UpSampling2D\",\"interpolation\":\"" name  \
    "\"}}"
#define ONES   "{\"name\":\"ones\",\"layer\":" DECONV("3", "ones") "}"
#define FITTED "{\"name\":\"fitted\",\"layer\":" DECONV("4", "Bilinear") "}"
#define CONV(filters, initializer)                                                                 \
    "{\"class_name\":\"Conv2D\",\"filters\":" filters                                              \
    ",\"kernel_size\":3,\"padding\":\"same\",\"kernel_initializer\":" initializer "}"
#define BLURRED                                                                                    \
    "{\"name\":\"blurred\",\"layers\":[\"UpSampling2D\"," CONV(                                    \
        "1", "{\"class_name\":\"Constant\",\"config\":{\"value\":0.1111111111}}") "]}"
#define SHUFFLED                                                                                   \
    "{\"name\":\"shuffled\",\"layers\":[" CONV(                                                    \
        "4", "{\"class_name\":\"ICNR\",\"config\":{\"seed\":6}}") ",\"PixelShuffle\"]}"

enum { NONE = -1 };

static struct reply compare(const char *candidates, const char *more)
{
    static char body[8192];
    (void)snprintf(body, sizeof body, "{\"input\":" SQUARE ",\"candidates\":[%s]%s}", candidates,
                   more);
    return ask(&(struct question){.path = "/compare", .body = body});
}

static double number_of(const struct reply *r, size_t candidate, const char *name)
{
    const json_t *row = json_array_get(json_object_get(r->json, "candidates"), candidate);
    const json_t *value = json_object_get(row, name);
    cr_assert(json_is_number(value) || json_is_null(value), "candidate %zu has no %s in %.*s",
              candidate, name, (int)r->response.body_bytes, (const char *)r->response.body);
    return json_is_null(value) ? NONE : json_number_value(value);
}

static void assert_near(const struct reply *r, size_t candidate, const char *name, double expected)
{
    const double value = number_of(r, candidate, name);
    cr_assert(fabs(value - expected) <= 1e-5, "%s of candidate %zu is %g, not %g", name, candidate,
              value, expected);
}

static void assert_says(const struct reply *r, const char *text)
{
    const char *verdict = json_string_value(json_object_get(r->json, "verdict"));
    cr_assert(verdict != NULL && strstr(verdict, text) != NULL, "no \"%s\" in: %s", text, verdict);
}

static void assert_verdict(const struct reply *r, const char *text)
{
    const char *verdict = json_string_value(json_object_get(r->json, "verdict"));
    cr_assert(verdict != NULL && strcmp(verdict, text) == 0, "not \"%s\" but: %s", text, verdict);
}

/* --- The table ------------------------------------------------------------------------------ */

static const char notebook[] = NEAREST
    "," SMOOTH("bilinear") "," SMOOTH("bicubic") "," ONES "," FITTED "," BLURRED "," SHUFFLED;

Test(compare, measures_the_notebooks_candidates, .timeout = 20)
{
    static const struct {
        double checkerboard, overshoot, gradient;
    } rows[] = {
        {0, 0, 0.258199 /* sqrt(32 / 480): 32 of 480 neighbours differ */},
        {0, 0, 0.150520},
        {0, 0.145569, 0.148364},
        {0.75, 3, NONE}, /* 1, 2 and 4 where the input has 1 */
        {0, 0, 0.150520},
        {0, 0, NONE},
        {0, NONE, NONE},
    };
    struct reply r = compare(notebook, "");
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        assert_near(&r, i, "checkerboard", rows[i].checkerboard);
        if (rows[i].overshoot >= 0)
            assert_near(&r, i, "overshoot", rows[i].overshoot);
        if (rows[i].gradient >= 0)
            assert_near(&r, i, "rms_gradient", rows[i].gradient);
        cr_assert(number_of(&r, i, "compute_ms") >= 0, "candidate %zu took less than nothing", i);
    }
    assert_member(&r, "/candidates/3/name", "\"ones\"");
    assert_member(&r, "/candidates/3/output_shape", "[16,16]");
    assert_member(&r, "/candidates/3/parameters", "10");
    assert_member(&r, "/candidates/3/macs", "576"); /* 8 * 8 inputs, 3 * 3 taps */
    assert_member(&r, "/candidates/3/output/6", "[0,0,0,0,2,2,4,2,4,2,4,2,2,0,0,0]");
    assert_member(&r, "/candidates/6/parameters", "40");
    assert_member(&r, "/warnings", "[]");
    reply_free(&r);
}

Test(compare, says_who_has_a_checkerboard_and_who_is_sharp, .timeout = 20)
{
    struct reply r = compare(NEAREST "," ONES "," SMOOTH("bilinear") "," SMOOTH("bicubic"), "");
    assert_verdict(&r,
                   "With a checkerboard: ones (checkerboard 0.75); without: nearest (checkerboard "
                   "0), bilinear (0), bicubic (0). Sharpest of those without: nearest "
                   "(rms_gradient 0.258); smoothest: bicubic (rms_gradient 0.148). Past the "
                   "input's range, in parts of it: ones (overshoot 3), bicubic (0.146). "
                   "Cheapest: nearest (macs 0).");
    reply_free(&r);
    r = compare(NEAREST, "");
    assert_verdict(&r, "Without a checkerboard: nearest (checkerboard 0). None leaves the input's "
                       "range by more than 0.01 of it.");
    reply_free(&r);
}

/* Bilinear is Conv2DTranspose with a fitted kernel, number for number. */
Test(compare, names_all_that_are_the_same, .timeout = 20)
{
    struct reply r = compare(SMOOTH("bilinear") "," FITTED "," NEAREST, "");
    assert_says(&r, "Sharpest: nearest (rms_gradient 0.258); smoothest: bilinear, fitted "
                    "(rms_gradient 0.151).");
    reply_free(&r);
}

/* An input of equal values has no range, and no layers have no axes. */
Test(compare, claims_nothing_without_a_figure, .timeout = 20)
{
    struct reply r = ask(&(struct question){
        .path = "/compare", .body = "{\"input\":[[1,1],[1,1]],\"candidates\":[" NEAREST "]}"});
    assert_verdict(&r, "Without a checkerboard: nearest (checkerboard 0).");
    reply_free(&r);
    r = ask(&(struct question){.path = "/compare",
                               .body = "{\"input\":[[1,1]],\"candidates\":[{\"layers\":[]}]}"});
    assert_verdict(&r, "");
    reply_free(&r);
}

/* The layer before PixelShuffle decides: filters of one pixel with 1, 2, 3 and 4. */
Test(compare, sees_the_checkerboard_of_unequal_filters, .timeout = 20)
{
    struct reply r =
        compare("{\"layers\":[{\"class_name\":\"Conv2D\",\"filters\":4,\"kernel_size\":1,"
                "\"weights\":[[[[[1,2,3,4]]]],[0,0,0,0]]},\"PixelShuffle\"]}",
                "");
    assert_near(&r, 0, "checkerboard", 0.75);
    assert_member(&r, "/candidates/0/name", "\"candidate 1\"");
    assert_says(&r, "With a checkerboard: candidate 1 (checkerboard 0.75).");
    reply_free(&r);
}

/* Sizes differ along every axis, so that an axis taken for another would show. */
Test(compare, measures_the_same_whichever_axis_channels_are, .timeout = 20)
{
    static const char *const formats[] = {"channels_last", "channels_first"};
    static const char *const inputs[] = {"[[[1,5],[2,9],[0,1]],[[4,2],[3,3],[1,1]]]",
                                         "[[[1,2,0],[4,3,1]],[[5,9,1],[2,3,1]]]"};
    double figure[2][3];
    for (size_t i = 0; i < 2; i++) {
        char body[600];
        (void)snprintf(body, sizeof body,
                       "{\"input\":%s,\"candidates\":[{\"layer\":{\"class_name\":"
                       "\"UpSampling2D\",\"size\":[2,3],\"data_format\":\"%s\"}}]}",
                       inputs[i], formats[i]);
        struct reply r = ask(&(struct question){.path = "/compare", .body = body});
        figure[i][0] = number_of(&r, 0, "checkerboard");
        figure[i][1] = number_of(&r, 0, "overshoot");
        figure[i][2] = number_of(&r, 0, "rms_gradient");
        reply_free(&r);
    }
    for (size_t k = 0; k < 3; k++)
        cr_assert(fabs(figure[0][k] - figure[1][k]) < 1e-6, "figure %zu: %g is not %g", k,
                  figure[0][k], figure[1][k]);
    cr_assert(figure[0][2] > 0.01, "a gradient of %g", figure[0][2]);
}

Test(compare, has_no_figure_where_there_is_none, .timeout = 20)
{
    struct reply r = ask(&(struct question){
        .path = "/compare", .body = "{\"input\":[[1,1]],\"candidates\":[{\"layers\":[]}]}"});
    assert_member(&r, "/candidates/0/checkerboard", "null");
    assert_member(&r, "/candidates/0/overshoot", "null");
    assert_member(&r, "/candidates/0/rms_gradient", "null");
    assert_member(&r, "/candidates/0/output", "[[1,1]]");
    reply_free(&r);
}

Test(compare, takes_as_many_candidates_as_it_says, .timeout = 20)
{
    char list[17 * (sizeof NEAREST + 1)] = NEAREST;
    for (size_t i = 1; i < 16; i++)
        strcat(list, "," NEAREST);
    struct reply r = compare(list, "");
    cr_assert(json_array_size(json_object_get(r.json, "candidates")) == 16, "not 16 rows");
    reply_free(&r);
    strcat(list, "," NEAREST);
    r = compare(list, "");
    assert_problem(&r, 422, "/candidates", "1 to 16 candidates are taken, not 17");
    reply_free(&r);
}

/* --- The picture ---------------------------------------------------------------------------- */

static struct reply picture(const char *candidates)
{
    struct reply r = compare(candidates, ",\"output\":{\"format\":\"png\"}");
    cr_assert(r.response.status == 200 && strcmp(r.response.content_type, "image/png") == 0,
              "%u: %.*s", r.response.status, (int)r.response.body_bytes,
              (const char *)r.response.body);
    return r;
}

Test(compare, draws_all_on_one_scale_with_their_names, .timeout = 20)
{
    struct reply r = picture(ONES "," FITTED),
                 other = picture(ONES ",{\"name\":\"another\","
                                      "\"layer\":" DECONV("4", "Bilinear") "}");
    cr_assert(strcmp(reply_header(&r, "X-Value-Min"), "0") == 0, "%s",
              reply_header(&r, "X-Value-Min"));
    cr_assert(strcmp(reply_header(&r, "X-Value-Max"), "4") == 0, "%s",
              reply_header(&r, "X-Value-Max"));
    cr_assert(r.response.body_bytes != other.response.body_bytes ||
                  memcmp(r.response.body, other.response.body, r.response.body_bytes) != 0,
              "a name does not show");
    reply_free(&r);
    reply_free(&other);
}

Test(compare, takes_a_picture_with_the_candidates_in_the_query, .timeout = 20)
{
    const struct question small = {.body = "{\"input\":[[0,1],[1,0]],\"layers\":[],\"output\":"
                                           "{\"format\":\"png\",\"render\":\"image\"}}"};
    struct reply png = ask(&small);
    struct reply r = ask(&(struct question){
        .path = "/compare",
        .query = {{"candidates", "[" NEAREST "]"}, {"channels", "gray"}, {"format", "json"}},
        .body = png.response.body,
        .body_bytes = png.response.body_bytes});
    assert_member(&r, "/candidates/0/output", "[[0,0,1,1],[0,0,1,1],[1,1,0,0],[1,1,0,0]]");
    reply_free(&r);
    reply_free(&png);
}

/* --- Refusals ------------------------------------------------------------------------------- */

static void assert_refused(const char *candidates, const char *more, const char *at,
                           const char *text)
{
    struct reply r = compare(candidates, more);
    assert_problem(&r, 422, at, text);
    reply_free(&r);
}

Test(compare, refuses_with_the_place, .timeout = 20)
{
    assert_refused(NEAREST ",{\"layers\":[{\"class_name\":\"Conv2DTranspose\",\"config\":"
                           "{\"filters\":1,\"kernel_size\":3,\"stride\":2}}]}",
                   "", "/candidates/1/layers/0/config/stride", "strides");
    assert_refused(NEAREST ",{\"layer\":{\"class_name\":\"Conv2D\",\"filters\":1,\"kernel_size\":"
                           "30}}",
                   "", "/candidates/1/layer/kernel_size", "");
    assert_refused("{\"layer\":\"UpSampling2D\",\"layers\":[]}", "", "/candidates/0", "one of");
    assert_refused("{\"name\":\"x\"}", "", "/candidates/0/layer", "one of");
    assert_refused("{\"layer\":\"UpSampling2D\",\"nam\":1}", "", "/candidates/0/nam", "name");
    assert_refused("{\"layer\":\"UpSampling2D\",\"name\":1}", "", "/candidates/0/name", "text");
    assert_refused("{\"layer\":\"UpSampling2D\",\"name\":\"0123456789012345678901234567890123456789"
                   "0123456789012345678901234\"}",
                   "", "/candidates/0/name", "65");
    assert_refused("\"UpSampling2D\"", "", "/candidates/0", "an object");
    assert_refused("", "", "/candidates", "not 0");
    assert_refused(NEAREST, ",\"layer\":\"UpSampling2D\"", "/layer", "no member");
    assert_refused(NEAREST, ",\"output\":{\"format\":\"npy\"}", "/output/format", "npy");
}

Test(compare, refuses_a_picture_of_several_sizes, .timeout = 20)
{
    assert_refused(NEAREST ",{\"name\":\"large\",\"layer\":{\"class_name\":\"UpSampling2D\","
                           "\"size\":3}}",
                   ",\"output\":{\"format\":\"png\"}", "/output/format",
                   "\"nearest\" gives (16, 16) and \"large\" (24, 24)");
    assert_refused("{\"name\":\"none\",\"layers\":[]}", ",\"output\":{\"format\":\"png\"}",
                   "/output/format", "\"none\"");
}

/* --- The diagnosis elsewhere ---------------------------------------------------------------- */

Test(diagnosis_told, plan_has_it_for_each_layer_that_upsamples, .timeout = 20)
{
    struct reply r = ask(
        &(struct question){.path = "/plan",
                           .body = "{\"input\":{\"shape\":[8,8]},\"layers\":[" CONV(
                               "4", "\"ones\"") ","
                                                "\"PixelShuffle\"," DECONV("3", "ones") "," DECONV(
                                                    "4", "Bilinear") "]}"});
    cr_assert(json_object_get(json_array_get(json_object_get(r.json, "layers"), 0), "diagnosis") ==
                  NULL,
              "Conv2D is diagnosed");
    assert_member(&r, "/layers/1/diagnosis/checkerboard", "null");
    assert_member(&r, "/layers/2/diagnosis/taps", "{\"min\":1,\"max\":4,\"uniform\":false}");
    assert_member(&r, "/layers/2/diagnosis/checkerboard", "0.75");
    assert_member(&r, "/layers/2/diagnosis/by", "\"weights\"");
    assert_member(&r, "/layers/2/diagnosis/receptive_field", "[2,2]");
    assert_member(&r, "/layers/3/diagnosis",
                  "{\"taps\":{\"min\":4,\"max\":4,\"uniform\":true},\"checkerboard\":0,\"by\":"
                  "\"weights\",\"receptive_field\":[2,2]}");
    reply_free(&r);
}

Test(diagnosis_told, upsample_warns_of_a_checkerboard, .timeout = 20)
{
    struct reply r = ask_json("{\"input\":" SQUARE ",\"layers\":[" DECONV("3", "ones") "]}");
    assert_member(&r, "/warnings/0/code", "\"checkerboard\"");
    assert_member(&r, "/warnings/0/pointer", "\"/layers/0\"");
    const char *header = reply_header(&r, "X-Warnings");
    cr_assert(header != NULL && strstr(header, "1, 2 or 4 taps") != NULL, "%s", header);
    reply_free(&r);
    r = ask_json("{\"input\":" SQUARE ",\"layers\":[" DECONV("4", "Bilinear") "]}");
    assert_member(&r, "/warnings", "[]");
    reply_free(&r);
}

/* Weights that even out what the taps do not: rows and columns of 1/2, 1, 1/2. */
Test(diagnosis_told, upsample_does_not_warn_of_taps_that_their_weights_even_out, .timeout = 20)
{
    struct reply r = ask_json(
        "{\"input\":" SQUARE ",\"layer\":{\"class_name\":\"Conv2DTranspose\",\"filters\":1,"
        "\"kernel_size\":3,\"strides\":2,\"padding\":\"same\",\"weights\":[[[[[0.25]],"
        "[[0.5]],[[0.25]]],[[[0.5]],[[1]],[[0.5]]],[[[0.25]],[[0.5]],[[0.25]]]],[0]]}}");
    assert_member(&r, "/warnings", "[]");
    reply_free(&r);
}
