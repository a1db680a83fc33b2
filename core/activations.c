#include "core/activations.h"

#include <math.h>
#include <string.h>

#include "core/error.h"

static const struct {
    const char *name, *alias;
    enum up_activation_kind kind;
} rows[UP_ACT_COUNT] = {
#define X(id, name, alias, kind) {name, alias, UP_ACT_##kind},
#include "core/activations.def"
#undef X
};

/* Those of the functions. The layers of the same names have their own: LeakyReLU's alpha is 0.3. */
static const struct up_activation defaults[UP_ACT_COUNT] = {
    [UP_ACT_RELU] = {.beta = INFINITY},
    [UP_ACT_LEAKY_RELU] = {.alpha = 0.2F},
    [UP_ACT_ELU] = {.alpha = 1},
    [UP_ACT_CELU] = {.alpha = 1},
};

bool up_activation_find(const char *name, struct up_activation *ret)
{
    for (int i = 0; i < UP_ACT_COUNT; i++)
        if (strcmp(rows[i].name, name) == 0 ||
            (rows[i].alias != NULL && strcmp(rows[i].alias, name) == 0)) {
            *ret = defaults[i];
            ret->id = (enum up_activation_id)i;
            return true;
        }
    return false;
}

const char *up_activation_name(enum up_activation_id id)
{
    UP_ASSERT((unsigned)id < UP_ACT_COUNT);
    return rows[id].name;
}

enum up_activation_kind up_activation_kind(enum up_activation_id id)
{
    UP_ASSERT((unsigned)id < UP_ACT_COUNT);
    return rows[id].kind;
}

struct up_activation up_activation_fused(const struct up_activation *activation)
{
    const struct up_activation linear = {.id = UP_ACT_LINEAR};
    return up_activation_kind(activation->id) == UP_ACT_POINTWISE ? *activation : linear;
}
