#include "api/codec/filter.h"

#include <criterion/criterion.h>
#include <stdint.h>

#include "tests/support/random.h"

enum { ROWS = 5, ROW_BYTES_MAX = 70 };

/* PNG specification, 9.2: less the left neighbour, or the one above; 0 where there is none. */
static uint8_t filtered(const struct api_scanlines *lines, enum api_filter filter, size_t y,
                        size_t x)
{
    const uint8_t *row = lines->pixels + y * lines->row_bytes;
    const int left = x >= lines->pixel_bytes ? row[x - lines->pixel_bytes] : 0;
    const int above = y > 0 ? *(row - lines->row_bytes + x) : 0;
    const int less = filter == API_FILTER_SUB ? left : filter == API_FILTER_UP ? above : 0;
    return (uint8_t)((row[x] - less) & 255);
}

/* Of rows 1 to 3, and then from 0 on. */
static void check(const struct api_scanlines *lines, enum api_filter filter)
{
    uint8_t out[ROWS * (ROW_BYTES_MAX + 1)];
    for (size_t first = 0; first < 2; first++) {
        const size_t count = first == 1 ? 3 : ROWS;
        const uint8_t *at = out;
        api_filter_rows(lines, filter, first, count, out);
        for (size_t y = first; y < first + count; y++) {
            cr_assert(*at == filter, "row %zu has filter %d, not %d", y, *at, (int)filter);
            at++;
            for (size_t x = 0; x < lines->row_bytes; x++, at++)
                cr_assert(*at == filtered(lines, filter, y, x),
                          "filter %d, %zu bytes a row, pixels of %zu: byte %zu of row %zu is %d",
                          (int)filter, lines->row_bytes, lines->pixel_bytes, x, y, *at);
        }
    }
}

Test(filter, takes_neighbours_off_modulo_256, .timeout = 20)
{
    static const uint8_t edges[] = {0, 1, 127, 128, 129, 254, 255};
    static const size_t pixel_bytes[] = {1, 2, 3, 4, 6, 8};
    struct random random = {6};
    for (size_t i = 0; i < sizeof pixel_bytes / sizeof pixel_bytes[0]; i++)
        for (size_t bytes = pixel_bytes[i]; bytes <= ROW_BYTES_MAX; bytes += pixel_bytes[i])
            for (enum api_filter filter = 0; filter < API_FILTERS; filter++) {
                uint8_t pixels[ROWS * ROW_BYTES_MAX];
                for (size_t k = 0; k < sizeof pixels; k++)
                    pixels[k] = random_bits(&random) % 2 == 0
                                    ? edges[random_size(&random, 0, sizeof edges - 1)]
                                    : (uint8_t)random_bits(&random);
                check(&(struct api_scanlines){pixels, ROWS, bytes, pixel_bytes[i]}, filter);
            }
}
