/* DESIGN
 * A Keras layer draws seeds when it is constructed: one for each random initializer without a seed,
 * in the order of its arguments, which is the order of the descriptor rows; and one for its own
 * generator if it is one of the layers that are random in training and are switched on (rate or
 * stddev above 0). Zeros and ones draw none. */
#include "api/seeds.h"

#include <string.h>

#include "core/mersenne.h"

static void *field(const struct up_layer *layer, const struct up_param *row)
{
    /* The reader made the configuration, and it is still the request's alone. */
    return (char *)(uintptr_t)layer->config + row->offset;
}

static bool switched_on(const struct up_layer *layer)
{
    static const char *const names[] = {"rate", "stddev"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        const struct up_param *row = up_param_find(layer->ops->params, names[i]);
        if (row != NULL && row->type == UP_PARAM_FLOAT && *(const double *)field(layer, row) > 0)
            return true;
    }
    return false;
}

static struct up_seed *seed_of(const struct up_layer *layer, const struct up_param *row)
{
    if (row->type == UP_PARAM_INITIALIZER) {
        struct up_initializer *init = field(layer, row);
        return init->class != NULL && init->class->random ? &init->seed : NULL;
    }
    if (row->type == UP_PARAM_INT && strcmp(row->name, "seed") == 0 && switched_on(layer))
        return field(layer, row);
    return NULL;
}

void api_seeds_draw(int64_t seed, const struct up_layer *layers, uint32_t count)
{
    struct up_mersenne mersenne;
    up_mersenne_seed(&mersenne, seed);
    for (uint32_t i = 0; i < count; i++)
        for (const struct up_param *row = layers[i].ops->params; row->name != NULL; row++) {
            struct up_seed *to = seed_of(&layers[i], row);
            if (to != NULL && !to->set)
                *to = (struct up_seed){true, up_mersenne_keras_seed(&mersenne)};
        }
}
