#include "api/figure/colormap.h"

#include <string.h>

static const struct api_colormap maps[] = {
#define MAP(name, diverging, ...) {#name, diverging, {__VA_ARGS__}},
#include "api/figure/colormaps.inc"
#undef MAP
};

static const struct {
    const char *name, *map;
} aliases[] = {{"grey", "gray"}};

static const char *const names[] = {
#define MAP(name, diverging, ...) #name,
#include "api/figure/colormaps.inc"
#undef MAP
    "grey",
    NULL,
};

static bool named(const char *name, const char *text, size_t length)
{
    return strncmp(name, text, length) == 0 && name[length] == '\0';
}

const struct api_colormap *api_colormap_find(const char *name, bool *ret_reversed)
{
    size_t length = strlen(name);
    *ret_reversed = length > 2 && strcmp(name + length - 2, "_r") == 0;
    length -= *ret_reversed ? 2 : 0;
    for (size_t i = 0; i < sizeof aliases / sizeof aliases[0]; i++)
        if (named(aliases[i].name, name, length)) {
            name = aliases[i].map;
            length = strlen(name);
        }
    for (size_t i = 0; i < sizeof maps / sizeof maps[0]; i++)
        if (named(maps[i].name, name, length))
            return &maps[i];
    return NULL;
}

const char *const *api_colormap_names(void)
{
    return names;
}
