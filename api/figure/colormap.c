#include "api/figure/colormap.h"

#include <string.h>

static const struct api_colormap maps[] = {
#define MAP(name, ...) {#name, {__VA_ARGS__}},
#include "api/figure/colormaps.inc"
#undef MAP
};

static const struct {
    const char *name, *map;
} aliases[] = {{"grey", "gray"}};

static const char *const names[] = {
#define MAP(name, ...) #name,
#include "api/figure/colormaps.inc"
#undef MAP
    "grey",
    NULL,
};

const struct api_colormap *api_colormap_find(const char *name)
{
    for (size_t i = 0; i < sizeof aliases / sizeof aliases[0]; i++)
        if (strcmp(aliases[i].name, name) == 0)
            name = aliases[i].map;
    for (size_t i = 0; i < sizeof maps / sizeof maps[0]; i++)
        if (strcmp(maps[i].name, name) == 0)
            return &maps[i];
    return NULL;
}

const char *const *api_colormap_names(void)
{
    return names;
}
