#include "api/codec/json.h"

#include <criterion/criterion.h>
#include <jansson.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/random.h"

/* The document of a text that is copied to the heap without a terminator, so that a sanitizer sees
 * a step past its end. */
struct lifted {
    struct up_arena *arena;
    char *text;
    struct api_document document;
    struct up_error err;
    enum up_code code;
};

static struct lifted lift_bytes(const char *text, size_t bytes, bool relax)
{
    struct lifted l = {.arena = up_arena_new(64 << 20, NULL), .text = malloc(bytes + 1)};
    char *exact = l.text + 1; /* ends where the allocation ends */
    memcpy(exact, text, bytes);
    l.code = relax ? api_json_relax(exact, bytes, l.arena, &l.document, &l.err)
                   : api_json_lift(exact, bytes, 0, l.arena, &l.document, &l.err);
    return l;
}

static struct lifted lift(const char *text)
{
    return lift_bytes(text, strlen(text), false);
}

static void lifted_free(struct lifted *l)
{
    free(l->text);
    up_arena_free(l->arena);
}

static void envelope_expect(const struct lifted *l, const char *expected)
{
    cr_assert(l->code == UP_OK, "%s: %s", l->err.at, l->err.text);
    json_t *a = json_loadb(l->document.envelope, l->document.envelope_bytes, JSON_DECODE_ANY, NULL);
    json_t *b = json_loads(expected, JSON_DECODE_ANY, NULL);
    cr_assert(a != NULL && b != NULL, "no JSON: %.*s", (int)l->document.envelope_bytes,
              l->document.envelope);
    cr_assert(json_equal(a, b), "%.*s is not %s", (int)l->document.envelope_bytes,
              l->document.envelope, expected);
    json_decref(a);
    json_decref(b);
}

static void shape_expect(const struct lifted *l, size_t index, const char *expected)
{
    char text[UP_SHAPE_TEXT_BYTES];
    cr_assert(index < l->document.tensor_count, "%zu tensors", l->document.tensor_count);
    up_shape_text(&l->document.tensors[index].shape, text);
    cr_assert(strcmp(text, expected) == 0, "tensor %zu is %s, not %s", index, text, expected);
}

static void failure_expect(const char *text, const char *at, const char *sentence)
{
    struct lifted l = lift(text);
    cr_assert(l.code == UP_E_SYNTAX, "%s: code %d", text, (int)l.code);
    cr_assert(strcmp(l.err.at, at) == 0, "%s: at '%s', not '%s'", text, l.err.at, at);
    cr_assert(strcmp(l.err.text, sentence) == 0, "%s: '%s', not '%s'", text, l.err.text, sentence);
    lifted_free(&l);
}

/* --- Lifting ---------------------------------------------------------------------------------- */

Test(json, lifts_the_input_and_leaves_the_rest, .timeout = 20)
{
    struct lifted l = lift(" {\"input\": [[0,1.5],[-2e1,3]], \"layer\": {\"size\": [2, 2]}} \n");
    envelope_expect(&l, "{\"input\": {\"tensor\": 0}, \"layer\": {\"size\": [2, 2]}}");
    cr_assert(l.document.tensor_count == 1, "%zu tensors", l.document.tensor_count);
    shape_expect(&l, 0, "(2, 2)");
    const float expected[] = {0, 1.5f, -20, 3};
    cr_assert(memcmp(l.document.tensors[0].data, expected, sizeof expected) == 0, "other values");
    lifted_free(&l);
}

Test(json, leaves_a_text_without_tensors_where_it_is, .timeout = 20)
{
    struct lifted l = lift("{\"input\": {\"shape\": [2, 2]}, \"values\": [1, 2]}");
    envelope_expect(&l, "{\"input\": {\"shape\": [2, 2]}, \"values\": [1, 2]}");
    cr_assert(l.document.envelope == l.text + 1, "it was copied");
    cr_assert(l.document.tensor_count == 0, "%zu tensors", l.document.tensor_count);
    lifted_free(&l);
}

Test(json, knows_every_place_where_a_tensor_may_stand, .timeout = 20)
{
    static const struct {
        const char *text, *envelope;
        size_t tensors;
    } rows[] = {
        {"{\"input\":[1]}", "{\"input\":{\"tensor\":0}}", 1},
        {"{\"inp\\u0075t\":[1]}", "{\"input\":{\"tensor\":0}}", 1},
        {"{\"input\":{\"shape\":[1],\"data\":[1]}}",
         "{\"input\":{\"shape\":[1],\"data\":{\"tensor\":0}}}", 1},
        {"{\"inputs\":[[1],[2],{\"data\":[3]},4,\"x\"]}",
         "{\"inputs\":[{\"tensor\":0},{\"tensor\":1},{\"data\":{\"tensor\":2}},4,\"x\"]}", 3},
        {"{\"inputs\":{\"a\":[1],\"weights\":[2]}}",
         "{\"inputs\":{\"a\":{\"tensor\":0},\"weights\":{\"tensor\":1}}}", 2},
        {"{\"layers\":[{\"weights\":[[1],[[2]]]}]}",
         "{\"layers\":[{\"weights\":[{\"tensor\":0},{\"tensor\":1}]}]}", 2},
        {"{\"weights\":{\"conv\":[[1],[2]],\"weights\":[[3]]}}",
         "{\"weights\":{\"conv\":[{\"tensor\":0},{\"tensor\":1}],\"weights\":[{\"tensor\":2}]}}",
         3},
        {"{\"weights\":[{\"data\":[1]},[2],null]}",
         "{\"weights\":[{\"data\":{\"tensor\":0}},{\"tensor\":1},null]}", 2},
        {"{\"layer\":{\"config\":{\"bias_initializer\":{\"config\":{\"value\":[1,2]}}}}}",
         "{\"layer\":{\"config\":{\"bias_initializer\":{\"config\":{\"value\":{\"tensor\":0}}}}}}",
         1},
        {"{\"bias_initializer\":{\"value\":[1]},\"value\":[1]}",
         "{\"bias_initializer\":{\"value\":{\"tensor\":0}},\"value\":[1]}", 1},
        {"{\"bias_initializer\":{\"config\":{\"value\":0.5}}}",
         "{\"bias_initializer\":{\"config\":{\"value\":0.5}}}", 0},
        /* and no other place */
        {"{\"layer\":{\"input\":[1],\"inputs\":[[1]]},\"data\":[1]}",
         "{\"layer\":{\"input\":[1],\"inputs\":[[1]]},\"data\":[1]}", 0},
        {"[[1],{\"input\":[1]}]", "[[1],{\"input\":[1]}]", 0},
        {"{\"input\":5}", "{\"input\":5}", 0},
        {"{\"input\":\"[1]\"}", "{\"input\":\"[1]\"}", 0},
        {"{\"initializer\":{\"config\":{\"value\":[1]}},\"input \":[1]}",
         "{\"initializer\":{\"config\":{\"value\":[1]}},\"input \":[1]}", 0},
        {"\"input\"", "\"input\"", 0},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct lifted l = lift(rows[i].text);
        envelope_expect(&l, rows[i].envelope);
        cr_assert(l.document.tensor_count == rows[i].tensors, "%s: %zu tensors", rows[i].text,
                  l.document.tensor_count);
        lifted_free(&l);
    }
}

Test(json, finds_the_shape_of_nested_arrays, .timeout = 20)
{
    static const struct {
        const char *text, *shape;
    } rows[] = {
        {"[1]", "(1,)"},
        {"[]", "(0,)"},
        {"[ ]", "(0,)"},
        {"[[],[]]", "(2, 0)"},
        {"[[[ ]],[[]]]", "(2, 1, 0)"},
        {"[[[[[[[[7]]]]]]]]", "(1, 1, 1, 1, 1, 1, 1, 1)"},
        {"\t[ [1 ,2,3]\r\n, [ 4,5,6 ] ]", "(2, 3)"},
        {"[[[1,2]],[[3,4]],[[5,6]]]", "(3, 1, 2)"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char text[256];
        (void)snprintf(text, sizeof text, "{\"input\":%s}", rows[i].text);
        struct lifted l = lift(text);
        envelope_expect(&l, "{\"input\":{\"tensor\":0}}");
        shape_expect(&l, 0, rows[i].shape);
        lifted_free(&l);
    }
}

Test(json, keeps_every_number_of_many_tensors, .timeout = 20)
{
    enum { TENSORS = 700 };
    static char text[1 << 20];
    size_t n = (size_t)snprintf(text, sizeof text, "{\"weights\":[");
    for (size_t t = 0; t < TENSORS; t++) {
        text[n++] = '[';
        for (size_t i = 0; i <= t % 37; i++)
            n += (size_t)snprintf(text + n, sizeof text - n, "%zu%s", t * 100 + i,
                                  i < t % 37 ? "," : "");
        n += (size_t)snprintf(text + n, sizeof text - n, "]%s", t + 1 < TENSORS ? "," : "]}");
    }
    struct lifted l = lift_bytes(text, n, false);
    cr_assert(l.code == UP_OK && l.document.tensor_count == TENSORS, "%s", l.err.text);
    for (size_t t = 0; t < TENSORS; t++) {
        const struct up_tensor *tensor = &l.document.tensors[t];
        cr_assert(tensor->shape.rank == 1 && tensor->shape.dim[0] == t % 37 + 1, "tensor %zu", t);
        cr_assert((uintptr_t)tensor->data % UP_ALIGN_BYTES == 0, "tensor %zu is not aligned", t);
        for (size_t i = 0; i <= t % 37; i++)
            cr_assert(tensor->data[i] == (float)(t * 100 + i), "tensor %zu, number %zu", t, i);
    }
    lifted_free(&l);
}

/* An array of numbers that count up from *next by a quarter, from below 0 on. Between two tokens
 * stands what `spaces` says at a random place. */
static size_t spaced_text(char *text, const struct up_shape *shape, uint32_t axis, float *next,
                          struct random *random, const char *const spaces[4])
{
    const char *space = spaces[random_size(random, 0, 3)];
    if (axis == shape->rank)
        return (size_t)sprintf(text, "%s%g", space, (double)((*next += 0.25F) - 0.25F));
    size_t n = (size_t)sprintf(text, "%s[", space);
    for (size_t i = 0; i < shape->dim[axis]; i++) {
        n += (size_t)sprintf(text + n, "%s%s", i > 0 ? "," : "", spaces[random_size(random, 0, 3)]);
        n += spaced_text(text + n, shape, axis + 1, next, random, spaces);
    }
    return n + (size_t)sprintf(text + n, "%s]", space);
}

Test(json, reads_rows_of_every_length_and_spacing, .timeout = 20)
{
    static const char *const spaces[][4] = {
        {"", "", "", ""}, {" ", " ", " ", " "}, {"", "", " ", "\n\t"}};
    static char text[1 << 20];
    struct random random = {11};
    for (size_t round = 0; round < 300; round++) {
        struct up_shape shape = {.rank = (uint32_t)random_size(&random, 1, 4)};
        for (uint32_t i = 0; i < shape.rank; i++)
            shape.dim[i] = random_size(&random, 1, i == round % 4 ? 100 : 5);
        float next = -100;
        size_t n = (size_t)sprintf(text, "{\"input\":");
        n += spaced_text(text + n, &shape, 0, &next, &random, spaces[round % 3]);
        n += (size_t)sprintf(text + n, "}");
        struct lifted l = lift_bytes(text, n, false);
        cr_assert(l.code == UP_OK, "%s: %s", l.err.at, l.err.text);
        const struct up_tensor *tensor = &l.document.tensors[0];
        cr_assert(up_shape_equal(&tensor->shape, &shape), "another shape");
        for (size_t i = 0; i < up_shape_size(&shape); i++)
            cr_assert(tensor->data[i] == -100 + 0.25F * (float)i, "number %zu is %g", i,
                      (double)tensor->data[i]);
        lifted_free(&l);
    }
}

/* The room of a large tensor is estimated, not grown: no more than twice its bytes are held. */
Test(json, holds_little_more_than_the_numbers, .timeout = 20)
{
    enum { NUMBERS = 500000 };
    static char text[2 * NUMBERS + 64];
    size_t n = (size_t)snprintf(text, sizeof text, "{\"input\":[");
    for (int i = 0; i < NUMBERS; i++) {
        text[n++] = (char)('0' + i % 10);
        text[n++] = ',';
    }
    n += (size_t)snprintf(text + n - 1, 3, "]}") - 1;
    struct lifted l = lift_bytes(text, n, false);
    cr_assert(l.code == UP_OK, "%s", l.err.text);
    shape_expect(&l, 0, "(500000,)");
    cr_assert(l.document.tensors[0].data[NUMBERS - 1] == 9, "the last number");
    cr_assert(up_arena_bytes(l.arena) < 2 * NUMBERS * sizeof(float), "%zu bytes are held",
              up_arena_bytes(l.arena));
    lifted_free(&l);
}

/* --- What is wrong ---------------------------------------------------------------------------- */

Test(json, points_at_what_is_wrong_in_a_tensor, .timeout = 20)
{
    static const struct {
        const char *text, *at, *sentence;
    } rows[] = {
        {"{\"input\":[[1,2],[3,4],[5,6,7]]}", "/input/2", "has 3 elements where /input/0 has 2"},
        {"{\"input\":[[1,2],[3]]}", "/input/1", "has 1 element where /input/0 has 2"},
        {"{\"input\":[[[1],[2]],[[3]]]}", "/input/1", "has 1 element where /input/0 has 2"},
        {"{\"input\":[[[1],[2]],[[3],[4,5]]]}", "/input/1/1",
         "has 2 elements where /input/0/0 has 1"},
        {"{\"input\":[[],[1]]}", "/input/1", "has 1 element where /input/0 has 0"},
        {"{\"input\":[[1],[2],[ ]]}", "/input/2", "has 0 elements where /input/0 has 1"},
        {"{\"input\":[[1],[2],[3,4],[5]]}", "/input/2", "has 2 elements where /input/0 has 1"},
        {"{\"input\":[[1],[]]}", "/input/1", "has 0 elements where /input/0 has 1"},
        {"{\"input\":[[1,2],3]}", "/input/1",
         "a number stands where an array of length 2 is wanted"},
        {"{\"input\":[[1,2],\"x\"]}", "/input/1",
         "a string stands where an array of length 2 is wanted"},
        {"{\"input\":[1,[2]]}", "/input/1", "an array stands where a number is wanted"},
        {"{\"input\":[[1],[[2]]]}", "/input/1/0", "an array stands where a number is wanted"},
        {"{\"input\":[[0],[\"a\"]]}", "/input/1/0", "a string stands where a number is wanted"},
        {"{\"input\":[null]}", "/input/0", "null stands where a number is wanted"},
        {"{\"input\":[1,true]}", "/input/1", "a boolean stands where a number is wanted"},
        {"{\"input\":[{\"png\":\"\"}]}", "/input/0", "an object stands where a number is wanted"},
        {"{\"input\":[NaN]}", "/input/0", "NaN stands where a number is wanted"},
        {"{\"input\":[0,-Infinity]}", "/input/1", "-Infinity stands where a number is wanted"},
        {"{\"input\":[[1,1e40]]}", "/input/0/1", "1e40 is out of float32's range"},
        {"{\"input\":[[[[[[[[[1]]]]]]]]]}", "/input/0/0/0/0/0/0/0/0",
         "a tensor has at most 8 axes"},
        {"{\"layers\":[{},{\"weights\":[[1],[[2],3]]}]}", "/layers/1/weights/1/1",
         "a number stands where an array of length 1 is wanted"},
        {"{\"inputs\":{\"a/b~c\":[\"\"]}}", "/inputs/a~1b~0c/0",
         "a string stands where a number is wanted"},
        {"{\"input\":{\"data\":[\"\"]}}", "/input/data/0",
         "a string stands where a number is wanted"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        failure_expect(rows[i].text, rows[i].at, rows[i].sentence);
}

Test(json, cuts_a_long_pointer_between_characters, .timeout = 20)
{
    char text[1200] = "{\"inputs\":{\"";
    for (int i = 0; i < 300; i++)
        strcat(text, "\xc3\xa9");
    strcat(text, "\":[\"\"]}}");
    struct lifted l = lift(text);
    cr_assert(l.code == UP_E_SYNTAX, "code %d", (int)l.code);
    json_t *at = json_string(l.err.at); /* NULL when it is no UTF-8 */
    cr_assert(at != NULL, "the pointer is cut inside a character");
    json_decref(at);
    lifted_free(&l);
}

Test(json, names_line_and_column_of_a_syntax_error, .timeout = 20)
{
    static const struct {
        const char *text, *sentence;
    } rows[] = {
        {"", "line 1, column 1: the text ends where a value is wanted"},
        {"{\"input\": [1,\n 2,]}", "line 2, column 4: ']' stands where a number is wanted"},
        {"{\"input\": [[1],]}", "line 1, column 16: ']' stands where an array is wanted"},
        {"{\"input\": [1 2]}", "line 1, column 14: '2' stands where ',' or ']' is wanted"},
        {"{\"input\": [[1]", "line 1, column 15: the text ends where ',' or ']' is wanted"},
        {"{\"input\": [[1],[2],[-]]}", "line 1, column 22: ']' stands where a digit is wanted"},
        {"{\"input\": [01]}", "line 1, column 13: a number begins with a zero too many"},
        {"{\"input\": [1.]}", "line 1, column 14: ']' stands where a digit is wanted"},
        {"{\"input\": [,]}", "line 1, column 12: ',' stands where a number is wanted"},
        {"{\"a\" 1}", "line 1, column 6: '1' stands where ':' is wanted"},
        {"{\"a\":1,}", "line 1, column 8: '}' stands where a member's name is wanted"},
        {"{a:1}", "line 1, column 2: 'a' stands where a member's name is wanted"},
        {"[1,2", "line 1, column 5: the text ends where ',' or ']' is wanted"},
        {"{\"\xc3\xa9\":tru}", "line 1, column 6: 't' stands where a value is wanted"},
        {"[1] 2", "line 1, column 5: '2' stands where the end of the text is wanted"},
        {"{\"a\":NaN}", "line 1, column 6: NaN and Infinity are no JSON"},
        {"\"a\nb\"", "line 1, column 3: a string holds a control character that is not escaped"},
        {"\"abc", "line 1, column 5: the text ends inside a string"},
        {"\"\\x\"", "line 1, column 2: a backslash in a string begins no known escape"},
        {"\"\xff\"", "line 1, column 2: a string holds bytes that are not UTF-8"},
        {"\"\\ud800\"", "line 1, column 2: \\u names one half of a surrogate pair"},
        {"\"\\u12g4\"", "line 1, column 2: \\u is not followed by four hexadecimal digits"},
        {"\x01", "line 1, column 1: byte 0x01 stands where a value is wanted"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        failure_expect(rows[i].text, "", rows[i].sentence);
}

static bool jansson_takes(const char *text, size_t bytes)
{
    json_t *json = json_loadb(text, bytes, JSON_DECODE_ANY, NULL);
    json_decref(json);
    return json != NULL;
}

/* clang-format off */
static const char *const texts[] = {
    "[]", "{}", "[[]", "{]", "[}", "]", "[1,,2]", "[,1]", "{,}", "{\"a\":}", "{\"a\",1}",
    "{\"a\":1 \"b\":2}", "{1:2}", "tru", "truee", "nul", "null", "+1", "-", "- 1", "1e5", "1e",
    ".5", "1.", "00", "-0", "0x1", "1 ", " 1", "\xef\xbb\xbf[]", "'a'", "\"\\\"", "\"\\\\\"",
    "\"\\u00e9\"", "\"\\ud83d\\ude00\"", "\"\\ude00\"", "\"\\ud83d\\u0041\"", "\"\\ud83dx\"",
    "\"\xc0\xaf\"", "\"\xed\xa0\x80\"", "\"\xf4\x90\x80\x80\"", "\"\xf0\x9f\x98\x80\"",
    "\"\xe2\x82\"", "\"\xe2\x82\xac\"", "\"\x7f\"", "\"\t\"", "[1]\f", "/**/1", "[1]//",
    "{\"a\":1,\"a\":2}", "[\"\\/\\b\\f\\n\\r\\t\"]", "[1,2,3", "{\"a\":{\"b\":[{}]}}", "\"",
    "12345678901234567", "\"0123456\x01\"", "\"0123456789\xc3\xa9\"", "\"01234567\\\"\"",
};
/* clang-format on */

Test(json, is_as_strict_as_jansson, .timeout = 20)
{
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        struct lifted l = lift(texts[i]);
        const bool taken = jansson_takes(texts[i], strlen(texts[i]));
        cr_assert((l.code == UP_OK) == taken, "'%s' is %s", texts[i],
                  taken ? l.err.text : "taken, not by jansson");
        lifted_free(&l);
    }
    struct lifted l = lift_bytes("[1]\0", 4, false);
    cr_assert(l.code == UP_E_SYNTAX, "a NUL behind the text is taken");
    lifted_free(&l);
}

Test(json, opens_as_many_levels_as_the_limit_and_not_one_more, .timeout = 20)
{
    for (size_t extra = 0; extra < 2; extra++) {
        const size_t depth = API_JSON_DEPTH_MAX + extra;
        char text[2 * (API_JSON_DEPTH_MAX + 1)];
        memset(text, '[', depth);
        memset(text + depth, ']', depth);
        struct lifted l = lift_bytes(text, 2 * depth, false);
        cr_assert((l.code == UP_OK) == (extra == 0), "%zu levels: code %d", depth, (int)l.code);
        if (extra == 1)
            cr_assert(strcmp(l.err.text, "line 1, column 101: more than 100 levels are open") == 0,
                      "%s", l.err.text);
        lifted_free(&l);
    }
}

Test(json, refuses_every_cut_of_a_document, .timeout = 20)
{
    const char *text = "{\"input\":[[1.5,2e3],[-0.25,4]],\"s\":\"a\\u00e9\\\\\xc3\xa9\",\"n\":null,"
                       "\"layers\":[{\"weights\":[[0]]},true,{}]}";
    for (size_t bytes = 0; bytes < strlen(text); bytes++) {
        struct lifted l = lift_bytes(text, bytes, false);
        cr_assert(l.code == UP_E_SYNTAX, "the first %zu bytes are taken", bytes);
        cr_assert(l.document.envelope == NULL, "output of a failure");
        lifted_free(&l);
    }
}

Test(json, survives_every_allocation_that_fails, .timeout = 20)
{
    const char *text = "{\"inp\\u0075t\":[[1,2],[3,4]],\"weights\":[[1],[2]],\"model\":NaN}";
    size_t failed = 0;
    for (bool done = false; !done; failed++) {
        struct up_arena *arena = up_arena_new(1 << 20, NULL);
        struct up_error err = {.code = UP_OK};
        struct api_document document = {0};
        up_arena_fail_at(arena, failed);
        const enum up_code code = api_json_lift(text, strlen(text), 0, arena, &document, &err);
        cr_assert(code == UP_OK || code == UP_E_BUSY, "code %d", (int)code);
        cr_assert((code == UP_OK) == (document.envelope != NULL), "an output and code %d", code);
        done = code == UP_OK && failed >= 10;
        up_arena_free(arena);
    }
    struct up_arena *small = up_arena_new(100, NULL);
    struct api_document document = {0};
    cr_assert(api_json_lift("{\"input\":[1]}", 13, 0, small, &document, NULL) == UP_E_LIMIT,
              "100 bytes are enough");
    up_arena_free(small);
}

/* --- Python's constants ----------------------------------------------------------------------- */

Test(json, makes_null_of_pythons_constants_in_a_model, .timeout = 20)
{
    struct lifted l = lift("{\"model\":{\"a\":NaN,\"b\":[Infinity,-Infinity,-1]},\"input\":[1]}");
    envelope_expect(&l, "{\"model\":{\"a\":null,\"b\":[null,null,-1]},\"input\":{\"tensor\":0}}");
    lifted_free(&l);
    failure_expect("{\"layer\":{\"model\":NaN}}", "",
                   "line 1, column 19: NaN and Infinity are no JSON");
    failure_expect("{\"model\":Nan}", "", "line 1, column 10: 'N' stands where a value is wanted");
}

Test(json, relaxes_constants_everywhere_and_lifts_nothing, .timeout = 20)
{
    const char *text = "{\"input\":[NaN,1],\"weights\":[[-Infinity]],\"s\":\"NaN\"}";
    struct lifted l = lift_bytes(text, strlen(text), true);
    envelope_expect(&l, "{\"input\":[null,1],\"weights\":[[null]],\"s\":\"NaN\"}");
    cr_assert(l.document.tensor_count == 0, "%zu tensors", l.document.tensor_count);
    lifted_free(&l);
}
