#include <string.h>

#include "core/layers/layer.h"

#define LAYER(name) extern const struct up_layer_ops up_layer_##name;
#include "core/layers/layers.def"
#undef LAYER

static const struct up_layer_ops *const layers[] = {
#define LAYER(name) &up_layer_##name,
#include "core/layers/layers.def"
#undef LAYER
    NULL,
};

const char *const up_data_formats[] = {"channels_last", "channels_first", NULL};
const char *const up_paddings[] = {"valid", "same", NULL};

const struct up_layer_ops *const *up_layers(void)
{
    return layers;
}

static bool named(const struct up_layer_ops *layer, const char *name)
{
    if (strcmp(layer->class_name, name) == 0)
        return true;
    for (const char *const *alias = layer->aliases; alias != NULL && *alias != NULL; alias++)
        if (strcmp(*alias, name) == 0)
            return true;
    return false;
}

const struct up_layer_ops *up_layer_find(const char *class_name)
{
    for (const struct up_layer_ops *const *layer = layers; *layer != NULL; layer++)
        if (named(*layer, class_name))
            return *layer;
    return NULL;
}
