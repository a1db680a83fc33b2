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
    {"copper", {{0, 0, 0}, {123, 78, 49}, {255, 199, 126}}},
    {"Greys", {{255, 255, 255}, {183, 183, 183}, {0, 0, 0}}},
    {"Blues", {{247, 251, 255}, {151, 198, 223}, {8, 48, 107}}},
    {"Greens", {{247, 252, 245}, {154, 214, 149}, {0, 68, 27}}},
    {"Reds", {{255, 245, 240}, {251, 140, 108}, {103, 0, 12}}},
    {"YlGnBu", {{255, 255, 217}, {118, 201, 188}, {8, 29, 88}}},
    {"YlOrRd", {{255, 255, 204}, {253, 172, 73}, {128, 0, 38}}},
    {"PiYG", {{142, 1, 82}, {252, 220, 237}, {39, 100, 25}}},
    {"PRGn", {{64, 0, 75}, {228, 208, 230}, {0, 68, 27}}},
    {"BrBG", {{84, 48, 5}, {244, 229, 189}, {0, 60, 48}}},
    {"PuOr", {{127, 59, 8}, {253, 220, 175}, {45, 0, 75}}},
    {"RdGy", {{103, 0, 31}, {252, 214, 193}, {26, 26, 26}}},
    {"RdYlBu", {{165, 0, 38}, {253, 220, 140}, {49, 54, 149}}},
    {"RdYlGn", {{165, 0, 38}, {253, 220, 135}, {0, 104, 55}}},
};
enum { PUBLISHED = sizeof published / sizeof published[0] };

Test(colormap, has_matplotlib_s_colours, .timeout = 20)
{
    static const size_t level[] = {0, 100, 255};
    for (size_t i = 0; i < PUBLISHED; i++) {
        bool reversed;
        const struct api_colormap *map = api_colormap_find(published[i].name, &reversed);
        cr_assert(map != NULL, "there is no %s", published[i].name);
        for (size_t k = 0; k < 3; k++)
            cr_assert(
                memcmp(map->rgb[reversed ? 255 - level[k] : level[k]], published[i].rgb[k], 3) == 0,
                "%s level %zu", published[i].name, level[k]);
    }
}

Test(colormap, lists_every_name_once, .timeout = 20)
{
    const char *const *names = api_colormap_names();
    size_t count = 0;
    bool reversed;
    for (; names[count] != NULL; count++)
        cr_assert(api_colormap_find(names[count], &reversed) != NULL, "%s is not found",
                  names[count]);
    cr_assert(count == PUBLISHED - 1, "%zu names", count);
    for (size_t i = 0; i < PUBLISHED; i++) {
        size_t listed = 0;
        for (size_t k = 0; k < count; k++)
            listed += strcmp(names[k], published[i].name) == 0;
        const size_t wanted = strcmp(published[i].name, "RdBu_r") == 0 ? 0 : 1;
        cr_assert(listed == wanted, "%s is listed %zu times", published[i].name, listed);
    }
}

Test(colormap, finds_exact_names_only, .timeout = 20)
{
    static const char *const others[] = {"",    "Viridis", "viridis ", "virid",   "rdbu",
                                         "hsv", "_r",      "viridis_", "RdBu_r_r"};
    bool reversed;
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++)
        cr_assert(api_colormap_find(others[i], &reversed) == NULL, "'%s' is found", others[i]);
}
