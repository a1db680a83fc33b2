/* RFC 9110, 12.5.1: which of our forms the Accept header prefers. */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "api/output.h"

static const struct {
    const char *type, *group, *other; /* other: a second name for the same bytes */
} forms[API_FORMAT_COUNT] = {
    [API_JSON] = {"application/json", "application/*", "text/json"},
    [API_PNG] = {"image/png", "image/*", "image/x-png"},
    [API_NPY] = {"application/x-npy", "application/*", "application/npy"},
    [API_RAW] = {"application/octet-stream", "application/*", "application/octet-stream"},
};

const char *api_format_type(enum api_format format)
{
    return forms[format].type;
}

/* One element of the header: its media range and its weight in thousandths. */
struct range {
    char name[64];
    int weight;
};

/* "0.5" as 500; anything that is no weight is 1000. */
static int weight_read(const char *text)
{
    if (text[0] != '0' && text[0] != '1')
        return 1000;
    int weight = (text[0] - '0') * 1000;
    if (text[1] == '.')
        for (int i = 2, unit = 100; i < 5 && text[i] >= '0' && text[i] <= '9'; i++, unit /= 10)
            weight += (text[i] - '0') * unit;
    return weight > 1000 ? 1000 : weight;
}

/* Reads the element at `text`; returns the start of the next, or NULL. */
static const char *range_read(const char *text, struct range *ret)
{
    text += strspn(text, " \t,");
    const size_t name = strcspn(text, " \t;,"), all = strcspn(text, ",");
    ret->weight = 1000;
    const size_t kept = name < sizeof ret->name ? name : 0; /* too long to be one of ours */
    memcpy(ret->name, text, kept);
    ret->name[kept] = '\0';
    for (size_t i = name; i + 2 < all; i++)
        if (text[i] == ';') {
            const char *p = text + i + 1 + strspn(text + i + 1, " \t");
            if ((p[0] == 'q' || p[0] == 'Q') && p[1] == '=')
                ret->weight = weight_read(p + 2);
        }
    return text[all] == ',' ? text + all + 1 : NULL;
}

/* How exactly a range names a form: 3 its type, 2 its group, 1 everything, 0 not. */
static int fit(const char *range, enum api_format format)
{
    if (strcasecmp(range, forms[format].type) == 0 || strcasecmp(range, forms[format].other) == 0)
        return 3;
    return strcasecmp(range, forms[format].group) == 0 ? 2 : strcmp(range, "*/*") == 0 ? 1 : 0;
}

bool api_accept_choose(const char *accept, enum api_format natural, enum api_format *ret)
{
    int weight[API_FORMAT_COUNT] = {0}, exact[API_FORMAT_COUNT] = {0};
    *ret = natural;
    if (accept == NULL || accept[strspn(accept, " \t,")] == '\0')
        return true;
    for (const char *next = accept; next != NULL;) {
        struct range range;
        next = range_read(next, &range);
        for (int f = 0; f < API_FORMAT_COUNT; f++) {
            const int how = fit(range.name, (enum api_format)f);
            if (how > exact[f] || (how == exact[f] && how > 0 && range.weight > weight[f])) {
                exact[f] = how;
                weight[f] = range.weight;
            }
        }
    }
    int best = (int)natural;
    for (int f = 0; f < API_FORMAT_COUNT; f++) /* a form that is named beats one that is let pass */
        if (weight[f] > weight[best] || (weight[f] == weight[best] && exact[f] > exact[best]))
            best = f;
    *ret = (enum api_format)best;
    return weight[best] > 0;
}
