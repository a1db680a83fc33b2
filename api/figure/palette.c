#include "api/figure/palette.h"

#include <math.h>
#include <string.h>

enum { LEVELS = 256, SHARED_FIRST = 7, NEAR = 32 };

static int squared_distance(const uint8_t a[3], const uint8_t b[3])
{
    int sum = 0;
    for (size_t i = 0; i < 3; i++)
        sum += (a[i] - b[i]) * (a[i] - b[i]);
    return sum;
}

/* The candidate that is farthest from the nearest colour of the map. */
static const uint8_t *nan_colour(const struct api_colormap *map)
{
    static const uint8_t candidates[][3] = {
        {200, 200, 200}, {255, 170, 170}, {170, 230, 170}, {235, 150, 235}, {150, 220, 235},
    };
    size_t best = 0;
    int best_distance = -1;
    for (size_t c = 0; c < sizeof candidates / sizeof candidates[0]; c++) {
        int nearest = squared_distance(candidates[c], map->rgb[0]);
        for (size_t i = 1; i < LEVELS; i++) {
            const int distance = squared_distance(candidates[c], map->rgb[i]);
            nearest = distance < nearest ? distance : nearest;
        }
        if (nearest > best_distance) {
            best_distance = nearest;
            best = c;
        }
    }
    return candidates[best];
}

static uint8_t entry_add(struct api_palette *p, const uint8_t rgb[3])
{
    memcpy(p->rgb[p->count], rgb, 3);
    return (uint8_t)p->count++;
}

void api_palette_make(const struct api_colormap *map, bool reversed, bool inks, bool nan,
                      struct api_palette *ret)
{
    *ret = (struct api_palette){.count = 0};
    for (int i = API_INK_WHITE; inks && i <= API_INK_BLACK; i++) {
        const uint8_t gray = (uint8_t)(255 - (255 * i + API_INK_BLACK / 2) / API_INK_BLACK);
        (void)entry_add(ret, (const uint8_t[3]){gray, gray, gray});
    }
    if (nan)
        ret->nan = entry_add(ret, nan_colour(map));
    size_t shared = ret->count; /* levels without an entry of their own: spread, every 16th */
    for (size_t i = 0; i < LEVELS; i++) {
        const bool own = i % 16 != SHARED_FIRST || shared == 0;
        if (!own)
            shared--;
        ret->level[i] =
            own ? entry_add(ret, map->rgb[reversed ? LEVELS - 1 - i : i]) : ret->level[i - 1];
    }
}

uint8_t api_palette_entry(const struct api_palette *palette, const struct api_scale *scale,
                          float value)
{
    if (isnan(value))
        return palette->nan;
    const double x = ((double)value - scale->vmin) / (scale->vmax - scale->vmin);
    if (value <= scale->vmin || scale->vmax <= scale->vmin)
        return palette->level[value > scale->vmax ? LEVELS - 1 : 0];
    return palette->level[x >= 1 ? LEVELS - 1 : (size_t)(x * LEVELS)];
}

bool api_palette_near(const struct api_palette *palette, size_t a, size_t b)
{
    return squared_distance(palette->rgb[a], palette->rgb[b]) < 3 * NEAR * NEAR;
}
