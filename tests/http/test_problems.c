/* Every row of the table of errors, as a client sees it: the status, the place and the sentence.
 * What needs a server in a special state (a full queue, a deadline, draining) is in test_limits.c
 * and test_life.c; framing is in test_framing.c. */
#include <criterion/criterion.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/server.h"

#define LAYER(config) "{\"input\":[[1,2],[3,4]],\"layer\":{\"class_name\":" config "}}"
#define CONV(more)    LAYER("\"Conv2DTranspose\",\"config\":{\"filters\":1,\"kernel_size\":3" more "}")
#define NEAREST       "{\"input\":[[1,2],[3,4]],\"layer\":\"UpSampling2D\""

static const struct problem {
    long status;
    const char *place;  /* as the problem writes it; NULL: none */
    const char *detail; /* a part of the sentence */
    const char *path, *body;
    const char *header; /* of the request; NULL: none more */
} problems[] = {
    /* 400: syntax */
    {400, NULL, "line 1", "/upsample", "{\"input\": [[1,2],[3,4]", NULL},
    {400, NULL, "", "/upsample", "this is no JSON", NULL},
    {400, "\"pointer\":\"/input/1\"", "1", "/upsample", "{\"input\":[[1,2],[3]],\"layers\":[]}",
     NULL},
    {400, "\"pointer\":\"/input/1/0\"", "number", "/upsample",
     "{\"input\":[[1,2],[\"x\",3]],\"layers\":[]}", NULL},
    {400, "\"pointer\":\"/input/0\"", "1e40", "/upsample", "{\"input\":[1e40],\"layers\":[]}",
     NULL},
    {400, "\"pointer\":\"/input/0\"", "number", "/upsample", "{\"input\":[NaN],\"layers\":[]}",
     NULL},
    {400, "\"pointer\":\"/input/png\"", "", "/upsample",
     "{\"input\":{\"png\":\"iVBORw0KGgoAAAANSUhEUgAA\"},\"layers\":[]}", NULL},
    {400, "\"pointer\":\"/input/npy\"", "", "/upsample",
     "{\"input\":{\"npy\":\"k05VTVBZAQ==\"},\"layers\":[]}", NULL},
    {400, NULL, "PNG", "/upsample?layer=UpSampling2D", "\x89PNG\r\n\x1a\n----",
     "Content-Type: image/png"},
    {400, NULL, "image/png", "/upsample?layer=UpSampling2D", "not one", "Content-Type: image/png"},
    /* 404, 405, 406, 415 */
    {404, NULL, "/nowhere\"", "/nowhere", NULL, NULL},
    {404, NULL, "did you mean \\\"/upsample\\\"?", "/upsample/", "{}", NULL},
    {404, NULL, "NoLayer\\\"; GET /layers lists", "/layers/NoLayer", NULL, NULL},
    {404, NULL, "did you mean \\\"UpSampling2D\\\"?", "/layers/Upsampling2d", NULL, NULL},
    {405, NULL, "GET", "/layers", "{}", NULL},
    {405, NULL, "POST", "/upsample", NULL, NULL},
    {406, NULL, "image/webp", "/upsample", NEAREST "}", "Accept: image/webp"},
    {415, NULL, "image/jpeg\\\" is not taken; JSON, PNG", "/upsample", "anything",
     "Content-Type: image/jpeg"},
    {415, NULL, "the body is a JPEG", "/upsample?layer=UpSampling2D", "\xff\xd8\xff\xe0", NULL},
    {415, NULL, "the body is a ZIP archive (.npz", "/upsample", "PK\3\4", NULL},
    {415, NULL, "curl needs --data-binary", "/upsample", "\x89PNG\x1a", "Content-Type: image/png"},
    {415, NULL, "Content-Encoding is 'gzip'", "/upsample", NEAREST "}", "Content-Encoding: gzip"},
    {415, NULL, "'identity, br'; a body is taken only as it is", "/plan", NEAREST "}",
     "Content-Encoding: identity, br"},
    /* 413: the output; 10^12 elements, and more than any integer holds */
    {413, "\"pointer\":\"/layer\"", "--output-limit", "/upsample",
     "{\"input\":[[1]],\"layer\":{\"class_name\":\"UpSampling2D\",\"size\":1000000}}", NULL},
    {413, "\"pointer\":\"/layers/4\"", "bytes, the limit is 1073741824", "/upsample",
     "{\"input\":{\"shape\":[1,1],\"data\":[1]},\"layers\":[{\"class_name\":\"UpSampling2D\","
     "\"size\":8},"
     "{\"class_name\":\"UpSampling2D\",\"size\":8},{\"class_name\":\"UpSampling2D\",\"size\":8},"
     "{\"class_name\":\"UpSampling2D\",\"size\":8},{\"class_name\":\"UpSampling2D\",\"size\":"
     "2000000000}]}",
     NULL},
    /* 422: well-formed but wrong */
    {422, "\"pointer\":\"/layer\"", "did you mean \\\"UpSampling2D\\\"", "/upsample",
     LAYER("\"UpSamplin2D\""), NULL},
    {422, "\"pointer\":\"/layer/config/stride\"", "did you mean \\\"strides\\\"", "/upsample",
     CONV(",\"stride\":2"), NULL},
    {422, "\"pointer\":\"/layer/strides\"", "at least 1, not 0", "/upsample",
     LAYER("\"Conv2DTranspose\",\"filters\":1,\"kernel_size\":3,\"strides\":0"), NULL},
    {422, "\"pointer\":\"/layer/config/padding\"", "valid, same", "/upsample",
     CONV(",\"padding\":\"full\""), NULL},
    {422, "\"pointer\":\"/layer/config/output_padding\"", "smaller than the stride 2", "/upsample",
     CONV(",\"strides\":2,\"output_padding\":2"), NULL},
    {422, "\"pointer\":\"/layer/config/dilation_rate\"", "strides 2 and dilation_rate 3",
     "/upsample", CONV(",\"strides\":[1,2],\"dilation_rate\":[3,1]"), NULL},
    {422, "\"pointer\":\"/layer/config/kernel_size\"", "takes 2 integers, not 3", "/upsample",
     LAYER("\"Conv2DTranspose\",\"config\":{\"filters\":1,\"kernel_size\":[3,3,3]}"), NULL},
    {422, "\"pointer\":\"/layer/config/filters\"", "needs filters", "/upsample",
     LAYER("\"Conv2DTranspose\",\"config\":{\"kernel_size\":3}"), NULL},
    {422, "\"pointer\":\"/layer/config/groups\"", "one group", "/upsample", CONV(",\"groups\":2"),
     NULL},
    {422, "\"pointer\":\"/layer/config/activation\"", "\\\"rellu\\\"", "/upsample",
     CONV(",\"activation\":\"rellu\""), NULL},
    {422, "\"pointer\":\"/layer/config/kernel_initializer\"", "GlorotUniform", "/upsample",
     CONV(",\"kernel_initializer\":\"GlorotUnifrm\""), NULL},
    {422, "\"pointer\":\"/layer/config/input_shape\"",
     "input_shape (None, 8, 8, 1) does not fit the layer's input (1, 2, 2, 1)", "/upsample",
     CONV(",\"input_shape\":[8,8,1]"), NULL},
    {422, "\"pointer\":\"/layer/weights\"", "takes 2 weights (kernel, bias), not 1", "/upsample",
     LAYER("\"Conv2DTranspose\",\"config\":{\"filters\":1,\"kernel_size\":1},\"weights\":[[[[[1]]]]"
           "]"),
     NULL},
    {422, "\"pointer\":\"/layer/weights/1\"", "has shape (2,), the layer's is (1,)", "/upsample",
     LAYER("\"Conv2DTranspose\",\"config\":{\"filters\":1,\"kernel_size\":1},\"weights\":[[[[[1]]]]"
           ",[0,0]]"),
     NULL},
    {422, "\"pointer\":\"/input\"", "(2,)", "/upsample",
     "{\"input\":[1,2],\"layer\":\"UpSampling3D\"}", NULL},
    {422, "\"pointer\":\"/input\"", "no input", "/upsample", "{\"layer\":\"UpSampling2D\"}", NULL},
    {422, "\"pointer\":\"/imput\"", "did you mean \\\"input\\\"", "/upsample",
     "{\"imput\":[[1]],\"layers\":[]}", NULL},
    {422, "\"pointer\":\"/format\"", "; it is a member of output", "/upsample",
     NEAREST ",\"format\":\"png\"}", NULL},
    {422, "\"pointer\":\"/class_name\"", "; what Keras writes is its member layer or model",
     "/upsample", "{\"class_name\":\"UpSampling2D\",\"config\":{\"size\":2}}", NULL},
    {422, "\"pointer\":\"/layer\"", "one of layer, layers and model", "/upsample",
     "{\"input\":[[1]]}", NULL},
    {422, NULL, "this one has 2", "/upsample",
     "{\"input\":[[1]],\"layers\":[],\"layer\":\"UpSampling2D\"}", NULL},
    {422, "\"pointer\":\"/output/cmap\"", "did you mean \\\"viridis\\\"", "/upsample",
     NEAREST ",\"output\":{\"cmap\":\"viridi\"}}", NULL},
    {422, "\"pointer\":\"/output/formt\"", "did you mean \\\"format\\\"", "/upsample",
     NEAREST ",\"output\":{\"formt\":\"png\"}}", NULL},
    {422, "\"pointer\":\"/candidates\"", "notebook, interpolations", "/compare", NULL, NULL},
    /* 422 with the place in the query */
    {422, "\"parameter\":\"shape\"", "?shape=1,8,8,1", "/upsample?layer=UpSampling2D", "\1\1\1\1",
     "Content-Type: application/octet-stream"},
    {422, "\"parameter\":\"strides\"", "at least 1, not 0",
     "/upsample?layer=Conv2DTranspose&filters=1&kernel_size=3&strides=0", "{\"input\":[[1]]}",
     NULL},
    {422, "\"parameter\":\"layer\"", "did you mean", "/upsample?layer=UpSampling2",
     "{\"input\":[[1]]}", NULL},
    {422, "\"parameter\":\"cmap\"", "colour map", "/upsample?layer=UpSampling2D&cmap=nope",
     "{\"input\":[[1]]}", NULL},
    {422, "\"parameter\":\"layers\"", "needs filters",
     "/upsample?layers=%5B%7B%22class_name%22:%22Conv2DTranspose%22,%22kernel_size%22:3%7D%5D",
     "{\"input\":[[1]]}", NULL},
};

enum { PROBLEM_COUNT = sizeof problems / sizeof problems[0] };

static void expect_problem(const struct server *s, size_t i)
{
    const struct problem *p = &problems[i];
    const char *const headers[] = {p->header, NULL};
    struct answer a = client_call(s, &(struct call){.path = p->path,
                                                    .body = p->body,
                                                    .headers = p->header == NULL ? NULL : headers});
    char status[32];
    (void)snprintf(status, sizeof status, "\"status\":%ld,", p->status);
    cr_assert(a.status == p->status, "row %zu: status %ld, not %ld: %s", i, a.status, p->status,
              a.body);
    char *type = answer_header(&a, "Content-Type");
    cr_assert(type != NULL && strcmp(type, "application/problem+json") == 0, "row %zu: type %s", i,
              type);
    free(type);
    cr_assert(strstr(a.body, status) != NULL, "row %zu: no %s in %s", i, status, a.body);
    cr_assert(strstr(a.body, p->detail) != NULL, "row %zu: no %s in %s", i, p->detail, a.body);
    if (p->place == NULL)
        cr_assert(strstr(a.body, "\"errors\"") == NULL, "row %zu: a place in %s", i, a.body);
    else
        cr_assert(strstr(a.body, p->place) != NULL, "row %zu: no %s in %s", i, p->place, a.body);
    char *id = answer_header(&a, "X-Request-Id");
    cr_assert(id != NULL && strstr(a.body, id) != NULL, "row %zu: id %s not in %s", i, id, a.body);
    free(id);
    answer_free(&a);
}

/* One server for all of them: a refusal costs the next request nothing. */
Test(problems, every_row_has_its_status_place_and_sentence, .timeout = 60)
{
    struct server *s = server_start(NULL);
    for (size_t i = 0; i < PROBLEM_COUNT; i++)
        expect_problem(s, i);
    struct answer a = client_post(s, "/upsample", NEAREST "}");
    cr_assert(a.status == 200, "after all of them: status %ld: %s", a.status, a.body);
    answer_free(&a);
    cr_assert(server_stop(s, SIGTERM, NULL) == 0, "not a clean end");
}

Test(problems, refusals_of_method_and_type_say_what_is_taken, .timeout = 20)
{
    static const char *const jpeg[] = {"Content-Type: image/jpeg", NULL};
    struct server *s = server_start(NULL);
    struct answer a = client_get(s, "/upsample");
    char *allow = answer_header(&a, "Allow");
    cr_assert(allow != NULL && strcmp(allow, "POST, OPTIONS") == 0, "Allow is %s", allow);
    free(allow);
    answer_free(&a);
    a = client_call(s, &(struct call){.path = "/upsample", .body = "x", .headers = jpeg});
    char *accept = answer_header(&a, "Accept");
    cr_assert(accept != NULL && strstr(accept, "image/png") != NULL, "Accept is %s", accept);
    free(accept);
    answer_free(&a);
    (void)server_stop(s, SIGTERM, NULL);
}
