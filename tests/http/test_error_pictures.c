/* Errors as pictures: `on_error=image`, for pages that show whatever comes as an image. */
#include <criterion/criterion.h>
#include <png.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "tests/http/requests.h"
#include "tests/support/server.h"

/* A failed request's answer is a PNG with ink on paper, whose text chunk has the sentence. Returns
 * its height. */
static unsigned expect_picture(const struct answer *a, long status, const char *sentence)
{
    cr_assert(a->status == status, "status %ld", a->status);
    char *type = answer_header(a, "Content-Type");
    cr_assert(type != NULL && strcmp(type, "image/png") == 0, "%s", type);
    free(type);
    png_image image = {.version = PNG_IMAGE_VERSION};
    cr_assert(png_image_begin_read_from_memory(&image, a->body, a->body_bytes), "%s",
              image.message);
    image.format = PNG_FORMAT_GRAY;
    unsigned char *gray = malloc(PNG_IMAGE_SIZE(image));
    cr_assert(png_image_finish_read(&image, NULL, gray, 0, NULL), "%s", image.message);
    size_t ink = 0;
    for (size_t i = 0; i < PNG_IMAGE_SIZE(image); i++)
        ink += gray[i] < 128;
    cr_assert(ink > 200 && gray[0] == 255, "%zu dark pixels", ink);
    free(gray);
    bool found = false;
    for (size_t i = 0; i + strlen(sentence) <= a->body_bytes && !found; i++)
        found = memcmp(a->body + i, sentence, strlen(sentence)) == 0;
    cr_assert(found, "the picture does not carry '%s'", sentence);
    return image.height;
}

Test(error_pictures, say_why_at_the_right_status, .timeout = 20)
{
    static const struct {
        const char *path, *body;
        long status;
        const char *sentence;
    } rows[] = {
        {"/upsample?on_error=image", "{\"input\": [[1", 400, "line 1"},
        {"/upsample?on_error=image&layer=Upsampling2D", "{\"input\": [[1]]}", 422, "UpSampling2D"},
        {"/upsample?on_error=image&layer=UpSampling2D&size=60000", "{\"input\": [[1]]}", 413,
         "--output-limit"},
        {"/nowhere?on_error=image", "{}", 404, "/nowhere"},
    };
    struct server *s = server_start(NULL);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct answer a = client_post(s, rows[i].path, rows[i].body);
        (void)expect_picture(&a, rows[i].status, rows[i].sentence);
        answer_free(&a);
    }
    cr_assert(server_stop(s, SIGTERM, NULL) == 0, "the server fails");
}

Test(error_pictures, take_as_many_lines_as_the_sentence, .timeout = 20)
{
    struct server *s = server_start(NULL);
    struct answer brief = client_post(s, "/nowhere?on_error=image", "{}");
    char path[700] = "/";
    memset(path + 1, 'W', 150);
    strcpy(path + 151, "?on_error=image");
    struct answer lengthy = client_post(s, path, "{}");
    cr_assert(expect_picture(&lengthy, 404, "WWWW") > expect_picture(&brief, 404, "/nowhere") + 40,
              "a word of 150 letters is not broken");
    answer_free(&brief);
    answer_free(&lengthy);
    cr_assert(server_stop(s, SIGTERM, NULL) == 0, "the server fails");
}

Test(error_pictures, come_to_nobody_who_did_not_ask, .timeout = 20)
{
    struct server *s = server_start(NULL);
    static const char *const paths[] = {"/upsample?layer=No&on_error=problem",
                                        "/upsample?layer=No&format=png", "/nowhere"};
    for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++) {
        struct answer a = client_post(s, paths[i], "{\"input\": [[1]]}");
        char *type = answer_header(&a, "Content-Type");
        cr_assert(a.status >= 400 && strcmp(type, "application/problem+json") == 0, "%s: %s",
                  paths[i], type);
        free(type);
        answer_free(&a);
    }
    struct answer a = client_post(s, "/upsample?on_error=image", QUICK_BODY);
    cr_assert(a.status == 200 && strstr(a.body, QUICK_SHAPE) != NULL, "a good request fails");
    answer_free(&a);
    cr_assert(server_stop(s, SIGTERM, NULL) == 0, "the server fails");
}
