#include "api/figure/colormap.h"

#include <criterion/criterion.h>
#include <string.h>

/* matplotlib 3.11, colormaps[name].resampled(256)(i, bytes=True) for i = 0, 100, 255. */
static const struct {
    const char *name;
    uint8_t rgb[3][3];
} published[] = {
    {"viridis", {{68, 1, 84}, {42, 118, 142}, {253, 231, 36}}},
    {"plasma", {{12, 7, 134}, {174, 39, 145}, {239, 248, 33}}},
    {"inferno", {{0, 0, 3}, {144, 36, 104}, {252, 254, 164}}},
    {"magma", {{0, 0, 3}, {137, 40, 129}, {251, 252, 191}}},
    {"cividis", {{0, 34, 77}, {100, 103, 111}, {253, 231, 55}}},
    {"gray", {{0, 0, 0}, {100, 100, 100}, {255, 255, 255}}},
    {"grey", {{0, 0, 0}, {100, 100, 100}, {255, 255, 255}}},
    {"bone", {{0, 0, 0}, {87, 89, 119}, {255, 255, 255}}},
    {"hot", {{10, 0, 0}, {255, 18, 0}, {255, 255, 255}}},
    {"turbo", {{48, 18, 59}, {63, 245, 138}, {122, 4, 2}}},
    {"coolwarm", {{58, 76, 192}, {189, 210, 246}, {179, 3, 38}}},
    {"bwr", {{0, 0, 255}, {200, 200, 255}, {255, 0, 0}}},
    {"seismic", {{0, 0, 76}, {145, 145, 255}, {127, 0, 0}}},
    {"RdBu", {{103, 0, 31}, {252, 214, 193}, {5, 48, 97}}},
    {"RdBu_r", {{5, 48, 97}, {204, 226, 238}, {103, 0, 31}}},
    {"twilight", {{225, 216, 226}, {85, 33, 130}, {225, 216, 225}}},
    {"jet", {{0, 0, 127}, {34, 255, 212}, {127, 0, 0}}},
    {"Spectral", {{158, 1, 66}, {253, 220, 135}, {94, 79, 162}}},
};
enum { PUBLISHED = sizeof published / sizeof published[0] };

Test(colormap, has_matplotlib_s_colours, .timeout = 20)
{
    static const size_t level[] = {0, 100, 255};
    for (size_t i = 0; i < PUBLISHED; i++) {
        const struct api_colormap *map = api_colormap_find(published[i].name);
        cr_assert(map != NULL, "there is no %s", published[i].name);
        for (size_t k = 0; k < 3; k++)
            cr_assert(memcmp(map->rgb[level[k]], published[i].rgb[k], 3) == 0,
                      "%s level %zu is (%d, %d, %d)", published[i].name, level[k],
                      map->rgb[level[k]][0], map->rgb[level[k]][1], map->rgb[level[k]][2]);
    }
}

Test(colormap, lists_every_name_once, .timeout = 20)
{
    const char *const *names = api_colormap_names();
    size_t count = 0;
    for (; names[count] != NULL; count++)
        cr_assert(api_colormap_find(names[count]) != NULL, "%s is not found", names[count]);
    cr_assert(count == PUBLISHED, "%zu names", count);
    for (size_t i = 0; i < PUBLISHED; i++) {
        size_t listed = 0;
        for (size_t k = 0; k < count; k++)
            listed += strcmp(names[k], published[i].name) == 0;
        cr_assert(listed == 1, "%s is listed %zu times", published[i].name, listed);
    }
}

Test(colormap, finds_exact_names_only, .timeout = 20)
{
    static const char *const others[] = {"", "Viridis", "viridis ", "virid", "rdbu", "hsv"};
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++)
        cr_assert(api_colormap_find(others[i]) == NULL, "'%s' is found", others[i]);
}
