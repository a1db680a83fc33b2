#include <criterion/criterion.h>

#include "api/output.h"

enum { NONE = API_FORMAT_COUNT };

/* RFC 9110, 12.5.1; `natural` is what the answer is when nothing says more. */
static const struct {
    const char *accept;
    enum api_format natural;
    int expected;
} rows[] = {
    {NULL, API_JSON, API_JSON},
    {NULL, API_PNG, API_PNG},
    {"", API_NPY, API_NPY},
    {"*/*", API_PNG, API_PNG},
    {"application/json", API_PNG, API_JSON},
    {"image/png", API_JSON, API_PNG},
    {"IMAGE/PNG", API_JSON, API_PNG},
    {"image/*", API_JSON, API_PNG},
    {"application/x-npy", API_JSON, API_NPY},
    {"application/octet-stream", API_JSON, API_RAW},
    {"application/octet-stream, application/x-npy;q=0.9", API_NPY, API_RAW},
    {"application/*", API_NPY, API_NPY},
    {"application/*", API_RAW, API_RAW},
    {"application/*", API_PNG, API_JSON},
    {"text/json", API_PNG, API_JSON},
    {"image/png;q=0.5, application/json;q=0.9", API_PNG, API_JSON},
    {"image/png;q=0.9, application/json;q=0.5", API_JSON, API_PNG},
    {"image/png; q=0.9 , application/json ; q=0.95", API_PNG, API_JSON},
    {"application/json;q=0.001, image/png;q=0", API_PNG, API_JSON},
    {"application/json;q=0, */*", API_JSON, API_PNG},
    {"image/png;q=0.2, */*;q=0.1", API_JSON, API_PNG},
    {"text/html, application/xhtml+xml, */*;q=0.8", API_JSON, API_JSON},
    {"application/json;version=2;q=0.1, image/png;q=0.3", API_JSON, API_PNG},
    {"text/html", API_JSON, NONE},
    {"image/webp, text/*", API_JSON, NONE},
    {"application/json;q=0", API_JSON, NONE},
    {"*/*;q=0", API_JSON, NONE},
    {", ,application/json,", API_PNG, API_JSON},
};

Test(accept, header_chooses_the_form_it_prefers, .timeout = 20)
{
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        enum api_format format = rows[i].natural;
        const bool taken = api_accept_choose(rows[i].accept, rows[i].natural, &format);
        cr_assert((taken ? (int)format : NONE) == rows[i].expected, "%s, naturally %d: %d, not %d",
                  rows[i].accept == NULL ? "no header" : rows[i].accept, (int)rows[i].natural,
                  taken ? (int)format : NONE, rows[i].expected);
    }
}
