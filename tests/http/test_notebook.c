/* The two experiments of the notebook that the service grew from, over HTTP: as numbers and as
 * pictures. The numbers are Keras'; the pictures are decoded by libpng's own simple reader. */
#include <criterion/criterion.h>
#include <png.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/server.h"

#define SQUARE                                                                                     \
    "[[0,0,0,0,0,0,0,0],[0,0,0,0,0,0,0,0],[0,0,1,1,1,1,0,0],[0,0,1,1,1,1,0,0],"                    \
    "[0,0,1,1,1,1,0,0],[0,0,1,1,1,1,0,0],[0,0,0,0,0,0,0,0],[0,0,0,0,0,0,0,0]]"
#define TRANSPOSED                                                                                 \
    "\"layer\":{\"class_name\":\"Conv2DTranspose\",\"config\":{\"filters\":1,\"kernel_size\":3,"   \
    "\"strides\":2,\"padding\":\"same\",\"kernel_initializer\":\"ones\",\"input_shape\":[8,8,1]}}"
#define UPSAMPLED "\"layer\":{\"class_name\":\"UpSampling2D\",\"config\":{\"size\":[2,2]}}"
#define GRAY      "\"output\":{\"format\":\"png\",\"cmap\":\"gray\"}"

static const char *body_of(const char *layer, const char *output)
{
    static char text[2048];
    (void)snprintf(text, sizeof text, "{\"input\":" SQUARE ",%s%s%s}", layer,
                   output == NULL ? "" : ",", output == NULL ? "" : output);
    return text;
}

static struct answer ask(const struct server *s, const char *body)
{
    struct answer a = client_post(s, "/upsample", body);
    cr_assert(a.status == 200, "status %ld: %s", a.status, a.body);
    return a;
}

static void expect(const struct answer *a, const char *text)
{
    cr_assert(strstr(a->body, text) != NULL, "no %s in %s", text, a->body);
}

/* --- Pictures ------------------------------------------------------------------------------- */

struct picture {
    unsigned width, height;
    unsigned char *gray;
};

static struct picture picture_of(const struct answer *a)
{
    png_image image = {.version = PNG_IMAGE_VERSION};
    cr_assert(png_image_begin_read_from_memory(&image, a->body, a->body_bytes), "%s",
              image.message);
    image.format = PNG_FORMAT_GRAY;
    struct picture p = {image.width, image.height, malloc(PNG_IMAGE_SIZE(image))};
    cr_assert(png_image_finish_read(&image, NULL, p.gray, 0, NULL), "%s", image.message);
    return p;
}

static unsigned at(const struct picture *p, unsigned x, unsigned y)
{
    return p->gray[(size_t)y * p->width + x];
}

static unsigned drawn_in_column(const struct picture *p, unsigned x)
{
    unsigned n = 0;
    for (unsigned y = 0; y < p->height; y++)
        n += at(p, x, y) != 255;
    return n;
}

static unsigned drawn_in_row(const struct picture *p, unsigned y, unsigned end)
{
    unsigned n = 0;
    for (unsigned x = 0; x < end; x++)
        n += at(p, x, y) != 255;
    return n;
}

/* The square of cells: from the first column that is drawn for most of its height. */
struct box {
    unsigned left, top, right, bottom;
};

static struct box cells_of(const struct picture *p)
{
    struct box b = {0, 0, 0, 0};
    while (b.left < p->width && drawn_in_column(p, b.left) < p->height / 2)
        b.left++;
    while (b.top < p->height && drawn_in_row(p, b.top, p->width) < p->width / 2)
        b.top++;
    b.bottom = p->height - 1;
    while (b.bottom > b.top && drawn_in_row(p, b.bottom, p->width) < p->width / 2)
        b.bottom--;
    b.right = b.left + (b.bottom - b.top); /* cells are square */
    cr_assert(b.right < p->width, "no square of cells in %u x %u", p->width, p->height);
    return b;
}

static unsigned cell_at(const struct picture *p, const struct box *b, unsigned cells, unsigned row,
                        unsigned column)
{
    const unsigned size = b->right - b->left + 1;
    return at(p, b->left + (2 * column + 1) * size / (2 * cells),
              b->top + (2 * row + 1) * size / (2 * cells));
}

static bool dark_in(const struct picture *p, unsigned x0, unsigned x1, unsigned y0, unsigned y1)
{
    for (unsigned y = y0; y < y1 && y < p->height; y++)
        for (unsigned x = x0; x < x1 && x < p->width; x++)
            if (at(p, x, y) < 128)
                return true;
    return false;
}

/* Every row and column has a number beside it, and light lines part the cells, white ones where no
 * white cells meet. */
static void expect_ticks_and_grid(const struct picture *p, const struct box *b, unsigned cells)
{
    const unsigned size = b->right - b->left + 1, half = size / cells / 2;
    for (unsigned i = 0; i < cells; i++) {
        const unsigned x = b->left + (2 * i + 1) * size / (2 * cells);
        const unsigned y = b->top + (2 * i + 1) * size / (2 * cells);
        cr_assert(dark_in(p, 0, b->left - 6, y - half, y + half), "row %u has no number", i + 1);
        cr_assert(dark_in(p, x - half, x + half, b->bottom + 6, p->height),
                  "column %u has no number", i + 1);
    }
    unsigned lines = 0;
    for (unsigned x = b->left + 1; x < b->right; x++)
        lines += at(p, x, b->top + half) > 200 && at(p, x - 1, b->top + half) <= 200;
    cr_assert(lines == cells - 1, "%u grid lines between %u cells", lines, cells);
}

/* A scale beside the cells: a column that goes through all grays. */
static bool has_colour_bar(const struct picture *p, const struct box *b)
{
    for (unsigned x = b->right + 5; x < p->width; x++) {
        unsigned seen = 0;
        bool level[256] = {false};
        for (unsigned y = 0; y < p->height; y++)
            level[at(p, x, y)] = true;
        for (unsigned i = 0; i < 256; i++)
            seen += level[i];
        if (seen > 100)
            return true;
    }
    return false;
}

static void expect_gray(const struct picture *p, const struct box *b, unsigned cells,
                        const unsigned *values, double most)
{
    for (unsigned r = 0; r < cells; r++)
        for (unsigned c = 0; c < cells; c++) {
            const double wanted = values[r * cells + c] / most * 255;
            const double drawn = cell_at(p, b, cells, r, c);
            cr_assert(drawn > wanted - 3 && drawn < wanted + 3,
                      "cell (%u, %u) is %.0f gray, its value wants %.0f", r, c, drawn, wanted);
        }
}

/* --- The experiments ------------------------------------------------------------------------ */

/* What Keras' model.predict gives for the square: rows of the 16 x 16 result by kind. */
static const unsigned kinds[3][16] = {
    {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0},
    {0, 0, 0, 0, 1, 1, 2, 1, 2, 1, 2, 1, 1, 0, 0, 0},
    {0, 0, 0, 0, 2, 2, 4, 2, 4, 2, 4, 2, 2, 0, 0, 0},
};
static const unsigned kind_of_row[16] = {0, 0, 0, 0, 1, 1, 2, 1, 2, 1, 2, 1, 1, 0, 0, 0};

Test(notebook, no_layer_gives_the_square_back, .timeout = 20)
{
    struct server *s = server_start(NULL);
    struct answer a = ask(s, body_of("\"layers\":[]", NULL));
    expect(&a, "\"shape\":[8,8]");
    expect(&a, "\"output\":" SQUARE);
    answer_free(&a);
    a = ask(s, body_of("\"layers\":[]", GRAY));
    struct picture p = picture_of(&a);
    const struct box b = cells_of(&p);
    unsigned values[64];
    for (unsigned i = 0; i < 64; i++)
        values[i] = i / 8 >= 2 && i / 8 < 6 && i % 8 >= 2 && i % 8 < 6;
    expect_gray(&p, &b, 8, values, 1);
    expect_ticks_and_grid(&p, &b, 8);
    free(p.gray);
    answer_free(&a);
    (void)server_stop(s, SIGTERM, NULL);
}

Test(notebook, transposed_convolution_shows_its_pattern, .timeout = 20)
{
    struct server *s = server_start(NULL);
    struct answer a = ask(s, body_of(TRANSPOSED, NULL));
    expect(&a, "\"shape\":[16,16]");
    expect(&a, "[0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0],"
               "[0,0,0,0,1,1,2,1,2,1,2,1,1,0,0,0],[0,0,0,0,1,1,2,1,2,1,2,1,1,0,0,0],"
               "[0,0,0,0,2,2,4,2,4,2,4,2,2,0,0,0],[0,0,0,0,1,1,2,1,2,1,2,1,1,0,0,0],"
               "[0,0,0,0,2,2,4,2,4,2,4,2,2,0,0,0],[0,0,0,0,1,1,2,1,2,1,2,1,1,0,0,0],"
               "[0,0,0,0,2,2,4,2,4,2,4,2,2,0,0,0],[0,0,0,0,1,1,2,1,2,1,2,1,1,0,0,0],"
               "[0,0,0,0,1,1,2,1,2,1,2,1,1,0,0,0],[0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0]");
    answer_free(&a);
    a = ask(s, body_of(TRANSPOSED, GRAY));
    struct picture p = picture_of(&a);
    const struct box b = cells_of(&p);
    unsigned values[256];
    for (unsigned i = 0; i < 256; i++)
        values[i] = kinds[kind_of_row[i / 16]][i % 16];
    expect_gray(&p, &b, 16, values, 4);
    expect_ticks_and_grid(&p, &b, 16);
    cr_assert(has_colour_bar(&p, &b), "no colour bar");
    char *max = answer_header(&a, "X-Value-Max");
    cr_assert(max != NULL && strcmp(max, "4") == 0, "X-Value-Max is %s", max);
    free(max);
    free(p.gray);
    answer_free(&a);
    (void)server_stop(s, SIGTERM, NULL);
}

Test(notebook, upsampling_shows_none, .timeout = 20)
{
    struct server *s = server_start(NULL);
    struct answer a = ask(s, body_of(UPSAMPLED, NULL));
    expect(&a, "\"shape\":[16,16]");
    expect(&a, "[0,0,0,0,1,1,1,1,1,1,1,1,0,0,0,0],[0,0,0,0,1,1,1,1,1,1,1,1,0,0,0,0]");
    answer_free(&a);
    a = ask(s, body_of(UPSAMPLED, GRAY));
    struct picture p = picture_of(&a);
    const struct box b = cells_of(&p);
    unsigned values[256];
    for (unsigned i = 0; i < 256; i++)
        values[i] = i / 16 >= 4 && i / 16 < 12 && i % 16 >= 4 && i % 16 < 12;
    expect_gray(&p, &b, 16, values, 1);
    expect_ticks_and_grid(&p, &b, 16);
    free(p.gray);
    answer_free(&a);
    (void)server_stop(s, SIGTERM, NULL);
}

/* A volume of one bright voxel: each layer's 3-D form, as numbers and as a sheet of slices. */
Test(notebook, the_pair_for_volumes, .timeout = 20)
{
#define VOLUME "{\"input\":[[[0,0],[0,0]],[[0,1],[0,0]]],"
    struct server *s = server_start(NULL);
    struct answer a = ask(s, VOLUME "\"layer\":{\"class_name\":\"UpSampling3D\"}}");
    expect(&a, "\"shape\":[4,4,4]");
    expect(&a, "\"output\":[[[0,0,0,0],[0,0,0,0],[0,0,0,0],[0,0,0,0]],"
               "[[0,0,0,0],[0,0,0,0],[0,0,0,0],[0,0,0,0]],"
               "[[0,0,1,1],[0,0,1,1],[0,0,0,0],[0,0,0,0]],"
               "[[0,0,1,1],[0,0,1,1],[0,0,0,0],[0,0,0,0]]]");
    answer_free(&a);
    a = ask(s, VOLUME "\"layer\":{\"class_name\":\"Conv3DTranspose\",\"filters\":1,"
                      "\"kernel_size\":2,\"strides\":2,\"kernel_initializer\":\"ones\"}}");
    expect(&a, "[[0,0,1,1],[0,0,1,1],[0,0,0,0],[0,0,0,0]]]");
    answer_free(&a);
    a = ask(s, VOLUME "\"layer\":\"UpSampling3D\",\"output\":{\"format\":\"png\",\"bare\":true}}");
    struct picture p = picture_of(&a);
    cr_assert(p.width * p.height >= 4 * 4 * 4, "4 slices in %u x %u", p.width, p.height);
    free(p.gray);
    answer_free(&a);
    (void)server_stop(s, SIGTERM, NULL);
}

Test(notebook, comparison_tells_the_two_apart, .timeout = 20)
{
    struct server *s = server_start(NULL);
    struct answer a =
        client_post(s, "/compare",
                    "{\"input\":" SQUARE ",\"candidates\":[{\"name\":\"a\"," TRANSPOSED
                    "},{\"name\":\"b\"," UPSAMPLED "}]}");
    cr_assert(a.status == 200, "status %ld: %s", a.status, a.body);
    expect(&a, "\"checkerboard\":0.75,\"overshoot\":3,");
    expect(&a, "With a checkerboard: a (checkerboard 0.75); without: b (checkerboard 0).");
    answer_free(&a);
    a = client_post(s, "/compare", "{\"input\":" SQUARE ",\"candidates\":[]}");
    cr_assert(a.status == 422, "status %ld: %s", a.status, a.body);
    answer_free(&a);
    (void)server_stop(s, SIGTERM, NULL);
}

/* A link is enough: a browser's address line gets the table, its <img> the picture. */
Test(notebook, comparison_is_a_link, .timeout = 20)
{
    static const char *const image[] = {"Accept: image/avif,image/webp,image/*,*/*;q=0.8", NULL};
    struct server *s = server_start(NULL);
    struct answer a = client_get(s, "/compare?preset=notebook");
    cr_assert(a.status == 200, "status %ld: %s", a.status, a.body);
    expect(&a, "\"checkerboard\":0.75");
    answer_free(&a);
    a = client_call(s, &(struct call){.path = "/compare?preset=notebook", .headers = image});
    cr_assert(a.status == 200 && memcmp(a.body, "\x89PNG", 4) == 0, "status %ld", a.status);
    answer_free(&a);
    a = client_call(s, &(struct call){.method = "HEAD", .path = "/compare?preset=notebook"});
    cr_assert(a.status == 200 && a.body_bytes == 0, "status %ld", a.status);
    answer_free(&a);
    (void)server_stop(s, SIGTERM, NULL);
}
