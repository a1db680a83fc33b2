#include "core/param.h"

#include <stdio.h>
#include <string.h>

#include "core/activations.h"
#include "core/error.h"
#include "core/initializers.h"

/* Longer candidates are never near: names are short, and the distance needs a row of this size. */
enum { CANDIDATE_BYTES_MAX = 63 };

static void default_ints(const struct up_param *param, struct up_ints *ret)
{
    const bool set = (param->flags & (UP_PARAM_REQUIRED | UP_PARAM_NULLABLE)) == 0;
    const int64_t each = set ? (int64_t)param->fallback : 0;
    *ret = (struct up_ints){.set = set, .v = {each, each, each}};
}

static void default_list(const struct up_param *param, struct up_list *ret)
{
    const bool set = (param->flags & (UP_PARAM_REQUIRED | UP_PARAM_NULLABLE)) == 0;
    *ret = (struct up_list){.set = set, .scalar = set, .count = set};
    ret->v[0] = set ? (int64_t)param->fallback : 0;
}

static void default_activation(const char *name, struct up_activation *ret)
{
    *ret = (struct up_activation){.id = UP_ACT_LINEAR};
    if (name != NULL)
        UP_ASSERT(up_activation_find(name, ret));
}

static void default_initializer(const char *name, struct up_initializer *ret)
{
    *ret = (struct up_initializer){.class = NULL};
    if (name == NULL)
        return;
    const struct up_initializer_class *class = up_initializer_find(name);
    UP_ASSERT(class != NULL);
    *ret = up_initializer_default(class);
}

static void default_one(const struct up_param *param, void *value)
{
    const double fallback = (param->flags & UP_PARAM_REQUIRED) != 0 ? 0 : param->fallback;
    switch (param->type) {
    case UP_PARAM_INT:
        if ((param->flags & UP_PARAM_NULLABLE) != 0)
            *(struct up_seed *)value = (struct up_seed){.set = false};
        else
            *(int64_t *)value = (int64_t)fallback;
        break;
    case UP_PARAM_FLOAT:
        *(double *)value = fallback;
        break;
    case UP_PARAM_BOOL:
        *(bool *)value = fallback != 0;
        break;
    case UP_PARAM_CHOICE:
        *(uint32_t *)value = (uint32_t)fallback;
        break;
    case UP_PARAM_INTS:
        default_ints(param, value);
        break;
    case UP_PARAM_LIST:
        default_list(param, value);
        break;
    case UP_PARAM_PAIRS:
        for (int axis = 0; axis < 3; axis++)
            for (int side = 0; side < 2; side++)
                ((struct up_pairs *)value)->v[axis][side] = (int64_t)fallback;
        break;
    case UP_PARAM_ACTIVATION:
        default_activation(param->fallback_text, value);
        break;
    case UP_PARAM_INITIALIZER:
        default_initializer(param->fallback_text, value);
        break;
    case UP_PARAM_TENSOR:
        *(struct up_tensor *)value = (struct up_tensor){.data = NULL};
        break;
    case UP_PARAM_TEXT:
        *(const char **)value = NULL;
        break;
    case UP_PARAM_SHAPE:
    case UP_PARAM_IGNORED:
        break;
    }
}

void up_params_default(const struct up_param *params, void *config)
{
    for (const struct up_param *param = params; param->name != NULL; param++)
        default_one(param, (char *)config + param->offset);
}

const struct up_param *up_param_find(const struct up_param *params, const char *name)
{
    for (const struct up_param *param = params; param->name != NULL; param++)
        if (strcmp(param->name, name) == 0)
            return param;
    return NULL;
}

int up_choice_find(const char *const *choices, const char *text)
{
    for (int i = 0; choices[i] != NULL; i++)
        if (strcmp(choices[i], text) == 0)
            return i;
    return -1;
}

/* In ASCII, whatever the locale is. */
static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

static size_t least(size_t a, size_t b, size_t c)
{
    const size_t ab = a < b ? a : b;
    return ab < c ? ab : c;
}

/* Levenshtein's, a row of the table at a time. `b_bytes` is at most CANDIDATE_BYTES_MAX. */
static size_t edit_distance(const char *a, const char *b, size_t b_bytes)
{
    size_t row[CANDIDATE_BYTES_MAX + 1];
    for (size_t j = 0; j <= b_bytes; j++)
        row[j] = j;
    for (size_t i = 0; a[i] != '\0'; i++) {
        size_t diagonal = row[0];
        row[0] = i + 1;
        for (size_t j = 0; j < b_bytes; j++) {
            const size_t replaced = diagonal + (lower(a[i]) != lower(b[j]));
            diagonal = row[j + 1];
            row[j + 1] = least(replaced, diagonal + 1, row[j] + 1);
        }
    }
    return row[b_bytes];
}

static bool near(size_t distance, size_t text_bytes)
{
    return distance <= text_bytes / 3;
}

void up_nearest_offer(struct up_nearest *nearest, const char *candidate)
{
    const size_t text_bytes = strlen(nearest->text), bytes = strlen(candidate);
    const size_t apart = bytes > text_bytes ? bytes - text_bytes : text_bytes - bytes;
    if (bytes > CANDIDATE_BYTES_MAX || !near(apart, text_bytes))
        return;
    const size_t distance = edit_distance(nearest->text, candidate, bytes);
    if (!near(distance, text_bytes) || (nearest->best != NULL && distance >= nearest->distance))
        return;
    nearest->best = candidate;
    nearest->distance = distance;
}

const char *up_nearest_best(const struct up_nearest *nearest)
{
    return nearest->best;
}

const char *up_nearest_hint(const struct up_nearest *nearest, char text[UP_HINT_BYTES])
{
    const char *best = up_nearest_best(nearest);
    text[0] = '\0';
    if (best != NULL)
        (void)snprintf(text, UP_HINT_BYTES, "; did you mean \"%s\"?", best);
    return text;
}
