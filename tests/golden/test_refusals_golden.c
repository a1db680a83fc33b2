/* What Keras refuses, the service refuses: 422, the place, and a sentence that says what is wrong.
 * generate_refusals.py asks Keras. */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "tests/golden/ask.h"

static void file_compare(const char *file_path)
{
    static const char *const paths[] = {"/upsample", "/plan"};
    size_t i;
    json_t *row, *file = golden_load(file_path);
    json_array_foreach(json_object_get(file, "cases"), i, row)
    {
        const char *pointer = json_string_value(json_object_get(row, "pointer"));
        const char *text = json_string_value(json_object_get(row, "text"));
        char *name = json_dumps(json_object_get(row, "request"), JSON_COMPACT);
        for (size_t p = 0; p < 2; p++) {
            const struct golden_question question = {.kernels = up_kernels_select(NULL),
                                                     .path = paths[p]};
            unsigned status;
            json_t *answer = golden_ask(&question, json_object_get(row, "request"), &status);
            const json_t *error = json_array_get(json_object_get(answer, "errors"), 0);
            const char *place = json_string_value(json_object_get(error, "pointer"));
            const char *detail = json_string_value(json_object_get(answer, "detail"));
            cr_expect(status == 422, "%s %s: status %u", paths[p], name, status);
            cr_expect(place != NULL && strcmp(place, pointer) == 0, "%s %s: at %s, not %s",
                      paths[p], name, place == NULL ? "no place" : place, pointer);
            cr_expect(detail != NULL && strstr(detail, text) != NULL, "%s %s: %s, without %s",
                      paths[p], name, detail == NULL ? "no detail" : detail, text);
            json_decref(answer);
        }
        free(name);
    }
    cr_assert(i > 0, "no refusals");
    json_decref(file);
}

Test(refusals_golden, what_keras_refuses_is_refused_at_its_place, .timeout = 20)
{
    file_compare("tests/golden/refusals/layers.json");
}

Test(refusals_golden, what_moves_or_bends_values_is_refused_as_well, .timeout = 20)
{
    file_compare("tests/golden/refusals/shaping.json");
}
