/* A photograph sent as a file: `curl --data-binary @photo.png`. It is made here, by libpng. */
#include <criterion/criterion.h>
#include <png.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/server.h"

enum { WIDTH = 3, HEIGHT = 2, CHANNELS = 3 };

static const unsigned char photo[HEIGHT][WIDTH][CHANNELS] = {
    {{255, 0, 0}, {0, 255, 0}, {0, 0, 255}},
    {{0, 0, 0}, {51, 102, 204}, {255, 255, 255}},
};

struct file {
    char bytes[4096];
    size_t count;
};

static struct file photo_file(void)
{
    struct file f = {.count = sizeof f.bytes};
    png_image image = {
        .version = PNG_IMAGE_VERSION, .width = WIDTH, .height = HEIGHT, .format = PNG_FORMAT_RGB};
    cr_assert(png_image_write_to_memory(&image, f.bytes, &f.count, 0, photo, 0, NULL), "%s",
              image.message);
    return f;
}

static struct answer send_photo(const struct server *s, const char *path)
{
    static const char *const type[] = {"Content-Type: image/png", NULL};
    const struct file f = photo_file();
    struct answer a = client_call(
        s, &(struct call){.path = path, .body = f.bytes, .body_bytes = f.count, .headers = type});
    cr_assert(a.status == 200, "%s: status %ld: %s", path, a.status, a.body);
    return a;
}

static png_image decode(const struct answer *a, unsigned char **ret_rgb)
{
    png_image image = {.version = PNG_IMAGE_VERSION};
    cr_assert(png_image_begin_read_from_memory(&image, a->body, a->body_bytes), "%s",
              image.message);
    image.format = PNG_FORMAT_RGB;
    *ret_rgb = malloc(PNG_IMAGE_SIZE(image));
    cr_assert(png_image_finish_read(&image, NULL, *ret_rgb, 0, NULL), "%s", image.message);
    return image;
}

Test(files, a_photo_through_upsampling_as_pixels, .timeout = 20)
{
    struct server *s = server_start(NULL);
    struct answer a = send_photo(s, "/upsample?layer=UpSampling2D&size=2,3&render=image");
    unsigned char *rgb;
    const png_image image = decode(&a, &rgb);
    cr_assert(image.width == 3 * WIDTH && image.height == 2 * HEIGHT, "%u x %u", image.width,
              image.height);
    for (unsigned y = 0; y < image.height; y++)
        for (unsigned x = 0; x < image.width; x++)
            cr_assert(memcmp(rgb + (y * image.width + x) * 3, photo[y / 2][x / 3], 3) == 0,
                      "pixel (%u, %u)", x, y);
    free(rgb);
    answer_free(&a);
    (void)server_stop(s, SIGTERM, NULL);
}

Test(files, bare_values_through_upsampling, .timeout = 20)
{
    static const char *const type[] = {"Content-Type: application/octet-stream", NULL};
    static const float values[2][3] = {{1, -2, 0.1F}, {3e38F, 0, 5}};
    char body[sizeof values];
    memcpy(body, values, sizeof values);
    struct server *s = server_start(NULL);
    struct answer a =
        client_call(s, &(struct call){.path = "/upsample?layer=UpSampling2D&shape=1,2,3,1",
                                      .body = body,
                                      .body_bytes = sizeof body,
                                      .headers = type});
    cr_assert(a.status == 200, "status %ld: %s", a.status, a.body);
    char *shape = answer_header(&a, "X-Output-Shape"),
         *answered = answer_header(&a, "Content-Type");
    cr_assert(strcmp(shape, "1,4,6,1") == 0 && strcmp(answered, "application/octet-stream") == 0,
              "%s, %s", shape, answered);
    cr_assert(a.body_bytes == 24 * sizeof(float), "%zu bytes", a.body_bytes);
    for (size_t i = 0; i < 24; i++)
        cr_assert(memcmp(a.body + i * sizeof(float), &values[i / 12][i % 6 / 2], sizeof(float)) ==
                      0,
                  "value %zu", i);
    free(shape);
    free(answered);
    answer_free(&a);
    (void)server_stop(s, SIGTERM, NULL);
}

/* Two filters that see one channel each: red as it is, blue doubled, over a kernel of one place. */
Test(files, a_photo_through_transposed_convolution_as_numbers, .timeout = 20)
{
    struct server *s = server_start(NULL);
    struct answer a =
        send_photo(s, "/upsample?format=json&layer=Conv2DTranspose&filters=2&kernel_size=1"
                      "&weights=%5B%5B%5B%5B%5B1,0,0%5D,%5B0,0,2%5D%5D%5D%5D,%5B0,0%5D%5D");
    cr_assert(strstr(a.body, "\"shape\":[2,3,2]") != NULL, "%s", a.body);
    cr_assert(strstr(a.body, "\"output\":[[[1,0],[0,0],[0,2]],[[0,0],[0.2,1.6],[1,2]]]") != NULL,
              "%s", a.body);
    answer_free(&a);
    (void)server_stop(s, SIGTERM, NULL);
}

Test(files, a_photo_as_a_figure_has_a_tile_for_each_channel, .timeout = 20)
{
    struct server *s = server_start(NULL);
    struct answer a = send_photo(s, "/upsample?layer=UpSampling2D");
    unsigned char *rgb;
    const png_image image = decode(&a, &rgb);
    cr_assert(image.width > 3 * 2 * WIDTH && image.height > 2 * HEIGHT, "%u x %u", image.width,
              image.height);
    char *shape = answer_header(&a, "X-Output-Shape");
    cr_assert(shape != NULL && strcmp(shape, "4,6,3") == 0, "%s", shape);
    free(shape);
    free(rgb);
    answer_free(&a);
    (void)server_stop(s, SIGTERM, NULL);
}

Test(files, gray_is_the_luma_of_rec_601, .timeout = 20)
{
    struct server *s = server_start(NULL);
    struct answer a = send_photo(s, "/upsample?layers=%5B%5D&format=json&channels=gray&flat=true");
    static const double luma[] = {
        0.299, 0.587, 0.114, 0, (51 * .299 + 102 * .587 + 204 * .114) / 255, 1};
    const char *at = strstr(a.body, "\"output\":[");
    cr_assert(at != NULL, "%s", a.body);
    at += strlen("\"output\":[");
    for (size_t i = 0; i < sizeof luma / sizeof luma[0]; i++) {
        char *end;
        const double v = strtod(at, &end);
        cr_assert(v > luma[i] - 1e-6 && v < luma[i] + 1e-6, "pixel %zu is %g, not %g", i, v,
                  luma[i]);
        at = end + 1;
    }
    answer_free(&a);
    (void)server_stop(s, SIGTERM, NULL);
}
