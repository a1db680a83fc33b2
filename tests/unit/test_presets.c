/* Presets of POST and GET /compare. */
#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

#include "api/presets.h"
#include "tests/support/api.h"

static struct reply get(const char *preset, const char *format)
{
    return ask(
        &(struct question){.path = "/compare", .query = {{"preset", preset}, {"format", format}}});
}

static json_t *candidate(const struct reply *r, size_t index)
{
    return json_array_get(json_object_get(r->json, "candidates"), index);
}

static void assert_figure(const struct reply *r, size_t index, const char *name, double expected)
{
    const json_t *value = json_object_get(candidate(r, index), name);
    cr_assert(json_is_number(value) && fabs(json_number_value(value) - expected) < 1e-5,
              "%s of candidate %zu is %g, not %g", name, index, json_number_value(value), expected);
}

Test(presets, all_are_answered_as_a_table_and_as_a_picture, .timeout = 20)
{
    cr_assert(api_presets[0].name != NULL, "there is none");
    for (const struct api_preset *row = api_presets; row->name != NULL; row++) {
        struct reply table = get(row->name, "json"), picture = get(row->name, "png");
        cr_assert(table.response.status == 200, "%s: %u", row->name, table.response.status);
        assert_member(&table, "/candidates/0/output_shape", "[16,16]");
        assert_member(&table, "/warnings", "[]");
        cr_assert(picture.response.status == 200 &&
                      strcmp(picture.response.content_type, "image/png") == 0,
                  "%s: %s", row->name, picture.response.content_type);
        reply_free(&table);
        reply_free(&picture);
    }
}

/* Weights of 4/9 on a square of ones: an output of 1, 2 or 4 taps is that many ninths of 4. */
Test(presets, notebook_tells_who_has_a_checkerboard, .timeout = 20)
{
    static const double checkerboards[] = {0, 0, 0, 0.75, 0, 0, 0};
    struct reply r = get("notebook", "json");
    cr_assert(json_array_size(json_object_get(r.json, "candidates")) == 7, "not seven");
    for (size_t i = 0; i < 7; i++)
        assert_figure(&r, i, "checkerboard", checkerboards[i]);
    assert_figure(&r, 0, "overshoot", 0);
    assert_figure(&r, 3, "overshoot", 16.0 / 9 - 1);
    assert_member(&r, "/candidates/3/parameters", "10");
    assert_member(&r, "/candidates/4/parameters", "17");
    assert_member(&r, "/candidates/5/parameters", "10");
    assert_member(&r, "/candidates/6/parameters", "40");
    const char *verdict = json_string_value(json_object_get(r.json, "verdict"));
    cr_assert(strstr(verdict, "With a checkerboard: Conv2DTranspose 3\xC3\x97"
                              "3 (checkerboard 0.75); without: nearest (checkerboard 0)") != NULL,
              "%s", verdict);
    reply_free(&r);
}

/* Strides of 2: each axis gives an output ceil(k/2) or floor(k/2) taps, the plane their products;
 * equal where the kernel is even. */
Test(presets, kernel_sizes_are_uneven_where_strides_do_not_divide_them, .timeout = 20)
{
    struct reply r = get("kernel_sizes", "json");
    for (size_t k = 2; k <= 6; k++) {
        const double most = (double)((k + 1) / 2 * ((k + 1) / 2)),
                     least = (double)(k / 2 * (k / 2));
        assert_figure(&r, k - 2, "checkerboard", (most - least) / most);
    }
    reply_free(&r);
}

Test(presets, give_what_the_request_leaves_out, .timeout = 20)
{
    struct reply r = ask(&(struct question){
        .path = "/compare", .body = "{\"preset\":\"notebook\",\"input\":[[1,2],[3,4]]}"});
    assert_member(&r, "/candidates/0/output", "[[1,1,2,2],[1,1,2,2],[3,3,4,4],[3,3,4,4]]");
    reply_free(&r);
    r = ask(&(struct question){
        .path = "/compare", .body = "{\"preset\":\"notebook\",\"candidates\":[{\"layers\":[]}]}"});
    assert_member(&r, "/candidates/0/output/2", "[0,0,1,1,1,1,0,0]");
    cr_assert(candidate(&r, 1) == NULL, "a candidate of the preset stands beside the given one");
    reply_free(&r);
}

Test(presets, take_a_file_as_the_input, .timeout = 20)
{
    struct reply png = ask_json("{\"input\":[[0,1],[1,0]],\"layers\":[],\"output\":{\"format\":"
                                "\"png\",\"render\":\"image\"}}");
    struct reply r = ask(&(struct question){
        .path = "/compare",
        .query = {{"preset", "notebook"}, {"channels", "gray"}, {"format", "json"}},
        .body = png.response.body,
        .body_bytes = png.response.body_bytes});
    assert_member(&r, "/candidates/0/output", "[[0,0,1,1],[0,0,1,1],[1,1,0,0],[1,1,0,0]]");
    reply_free(&r);
    reply_free(&png);
}

Test(presets, are_refused_by_name, .timeout = 20)
{
    struct reply r = get("notebok", "json");
    assert_problem(&r, 422, "?preset", "one of notebook");
    reply_free(&r);
    r = ask(&(struct question){.path = "/compare", .body = "{\"preset\":3}"});
    assert_problem(&r, 422, "/preset", "not 3");
    reply_free(&r);
    r = ask(&(struct question){.path = "/compare", .body = "{\"input\":[[1]]}"});
    assert_problem(&r, 422, "/candidates", "preset");
    reply_free(&r);
    r = ask_json("{\"preset\":\"notebook\",\"input\":[[1]]}");
    assert_problem(&r, 422, "/preset", "no member");
    reply_free(&r);
}
