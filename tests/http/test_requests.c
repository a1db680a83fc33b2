/* What a well-behaved client sees. */
#include <criterion/criterion.h>
#include <curl/curl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/http/requests.h"
#include "tests/support/server.h"

static void expect_header(const struct answer *a, const char *name, const char *value)
{
    char *found = answer_header(a, name);
    cr_assert(found != NULL, "no header %s in: %s", name, a->headers);
    cr_assert(strcmp(found, value) == 0, "%s is '%s', not '%s'", name, found, value);
    free(found);
}

static void expect_no_header(const struct answer *a, const char *name)
{
    char *found = answer_header(a, name);
    cr_assert(found == NULL, "%s is '%s', but should not be there", name, found);
}

static void expect_status(const struct answer *a, long status)
{
    cr_assert(a->status == status, "status %ld, curl %d: %s", a->status, a->curl, a->body);
}

Test(requests, upsample_answers_what_keras_gives, .timeout = 20)
{
    struct server *s = server_start(NULL);
    struct answer a = client_post(s, "/upsample", QUICK_BODY);
    expect_status(&a, 200);
    cr_assert(strstr(a.body, QUICK_SHAPE) != NULL, "%s", a.body);
    cr_assert(strstr(a.body, "[[0,0,1,1],[0,0,1,1],[1,1,0,0],[1,1,0,0]]") != NULL, "%s", a.body);
    expect_header(&a, "Vary", "Accept, Origin");
    char *timing = answer_header(&a, "Server-Timing");
    static const char *const phases[] = {
        "read;dur=", "queue;dur=", "decode;dur=", "plan;dur=", "compute;dur=", "encode;dur="};
    for (size_t i = 0; i < sizeof phases / sizeof phases[0]; i++)
        cr_assert(timing != NULL && strstr(timing, phases[i]) != NULL, "no %s in %s", phases[i],
                  timing == NULL ? "nothing" : timing);
    free(timing);
    answer_free(&a);
    cr_assert(server_stop(s, SIGTERM, NULL) == 0, "not a clean end");
}

Test(requests, the_page_is_served_and_head_has_no_body, .timeout = 20)
{
    struct server *s = server_start(NULL);
    struct answer get = client_get(s, "/");
    struct answer head = client_call(s, &(struct call){.path = "/", .method = "HEAD"});
    expect_status(&get, 200);
    expect_status(&head, 200);
    cr_assert(strstr(get.body, "<html") != NULL, "%s", get.body);
    cr_assert(head.body_bytes == 0, "%zu bytes", head.body_bytes);
    char length[32];
    (void)snprintf(length, sizeof length, "%zu", get.body_bytes);
    expect_header(&head, "Content-Length", length);
    expect_header(&head, "Content-Type", "text/html; charset=utf-8");
    answer_free(&get);
    answer_free(&head);
    cr_assert(server_stop(s, SIGTERM, NULL) == 0, "not a clean end");
}

Test(requests, an_id_is_taken_when_it_is_one_and_made_when_not, .timeout = 20)
{
    static const char *const good[] = {"X-Request-Id: a-Z_09", NULL};
    static const char *const bad[] = {"X-Request-Id: a b", NULL};
    struct server *s = server_start(NULL);
    struct answer a = client_call(s, &(struct call){.path = "/healthz", .headers = good});
    expect_header(&a, "X-Request-Id", "a-Z_09");
    answer_free(&a);
    a = client_call(s, &(struct call){.path = "/nothing", .headers = bad});
    expect_status(&a, 404);
    char *id = answer_header(&a, "X-Request-Id");
    cr_assert(id != NULL && strcmp(id, "a b") != 0, "the bad id came back");
    char instance[128];
    (void)snprintf(instance, sizeof instance, "\"instance\":\"%s\"", id);
    cr_assert(strstr(a.body, instance) != NULL, "no %s in %s", instance, a.body);
    free(id);
    answer_free(&a);
    cr_assert(server_stop(s, SIGTERM, NULL) == 0, "not a clean end");
}

Test(requests, methods_are_told_and_refused_with_allow, .timeout = 20)
{
    struct server *s = server_start(NULL);
    struct answer a = client_get(s, "/upsample");
    expect_status(&a, 405);
    expect_header(&a, "Allow", "POST, OPTIONS");
    answer_free(&a);
    a = client_call(s, &(struct call){.path = "/healthz", .method = "DELETE"});
    expect_status(&a, 405);
    expect_header(&a, "Allow", "GET, HEAD, OPTIONS");
    answer_free(&a);
    a = client_call(s, &(struct call){.path = "/healthz", .method = "OPTIONS"});
    expect_status(&a, 204);
    expect_header(&a, "Allow", "GET, HEAD, OPTIONS");
    answer_free(&a);
    a = client_call(s, &(struct call){.path = "/nothing", .method = "OPTIONS"});
    expect_status(&a, 404);
    answer_free(&a);
    cr_assert(server_stop(s, SIGTERM, NULL) == 0, "not a clean end");
}

Test(requests, cors_allows_the_listed_origins_only, .timeout = 20)
{
    static const char *const arguments[] = {"--cors-origins",
                                            "https://a.example, https://b.example", NULL};
    static const char *const preflight[] = {"Origin: https://b.example",
                                            "Access-Control-Request-Method: POST", NULL};
    static const char *const stranger[] = {"Origin: https://b.example.evil",
                                           "Access-Control-Request-Method: POST", NULL};
    struct server *s = server_start(arguments);
    struct answer a = client_call(
        s, &(struct call){.path = "/upsample", .method = "OPTIONS", .headers = preflight});
    expect_status(&a, 204);
    expect_header(&a, "Access-Control-Allow-Origin", "https://b.example");
    expect_header(&a, "Access-Control-Allow-Methods", "POST, OPTIONS");
    char *headers = answer_header(&a, "Access-Control-Allow-Headers");
    cr_assert(headers != NULL && strstr(headers, "Content-Type") != NULL, "no Content-Type");
    free(headers);
    answer_free(&a);
    a = client_call(s,
                    &(struct call){.path = "/upsample", .body = QUICK_BODY, .headers = preflight});
    expect_status(&a, 200);
    expect_header(&a, "Access-Control-Allow-Origin", "https://b.example");
    char *exposed = answer_header(&a, "Access-Control-Expose-Headers");
    cr_assert(exposed != NULL && strstr(exposed, "X-Value-Min") != NULL, "not exposed");
    free(exposed);
    answer_free(&a);
    a = client_call(s,
                    &(struct call){.path = "/upsample", .method = "OPTIONS", .headers = stranger});
    expect_status(&a, 204);
    expect_no_header(&a, "Access-Control-Allow-Origin");
    answer_free(&a);
    cr_assert(server_stop(s, SIGTERM, NULL) == 0, "not a clean end");
}

Test(requests, a_star_allows_every_origin_and_the_default_none, .timeout = 20)
{
    static const char *const any[] = {"--cors-origins", "*", NULL};
    static const char *const origin[] = {"Origin: https://c.example", NULL};
    struct server *s = server_start(any);
    struct answer a = client_call(s, &(struct call){.path = "/layers", .headers = origin});
    expect_header(&a, "Access-Control-Allow-Origin", "*");
    answer_free(&a);
    cr_assert(server_stop(s, SIGTERM, NULL) == 0, "not a clean end");
    s = server_start(NULL);
    a = client_call(s, &(struct call){.path = "/layers", .headers = origin});
    expect_status(&a, 200);
    expect_no_header(&a, "Access-Control-Allow-Origin");
    answer_free(&a);
    cr_assert(server_stop(s, SIGTERM, NULL) == 0, "not a clean end");
}

Test(requests, multipart_fills_the_members_of_its_names, .timeout = 20)
{
    static const char *const type[] = {"Content-Type: multipart/form-data; boundary=\"b 1\"", NULL};
    static const char body[] =
        "--b 1\r\nContent-Disposition: form-data; name=\"request\"\r\n\r\n"
        "{\"layer\": {\"class_name\": \"UpSampling2D\", \"size\": 2}}\r\n"
        "--b 1\r\nContent-Disposition: form-data; name=input; filename=\"x.json\"\r\n"
        "Content-Type: application/json\r\n\r\n[[0,1],[1,0]]\r\n--b 1--\r\n";
    struct server *s = server_start(NULL);
    struct answer a =
        client_call(s, &(struct call){.path = "/upsample", .body = body, .headers = type});
    expect_status(&a, 200);
    cr_assert(strstr(a.body, QUICK_SHAPE) != NULL, "%s", a.body);
    answer_free(&a);
    a = client_call(
        s, &(struct call){
               .path = "/upsample", .body = body, .headers = type, .body_bytes = sizeof body - 20});
    expect_status(&a, 400);
    answer_free(&a);
    cr_assert(server_stop(s, SIGTERM, NULL) == 0, "not a clean end");
}

/* Two inputs, numbered and named; the model subtracts b from a. */
Test(requests, multipart_fills_several_inputs, .timeout = 20)
{
#define PART(name, text)                                                                           \
    "--b\r\nContent-Disposition: form-data; name=\"" name "\"\r\n\r\n" text "\r\n"
#define INPUT(name)                                                                                \
    "{\"class_name\":\"InputLayer\",\"name\":\"" name "\",\"config\":{\"name\":\"" name            \
    "\",\"batch_shape\":[null,2]},\"inbound_nodes\":[]},"
#define MODEL                                                                                      \
    PART("request",                                                                                \
         "{\"model\":{\"class_name\":\"Functional\",\"config\":{\"layers\":[" INPUT("a") INPUT(    \
             "b") "{\"class_name\":\"Subtract\",\"name\":\"s\",\"config\":{\"name\":"              \
                  "\"s\"},\"inbound_nodes\":[[[\"a\",0,0,{}],[\"b\",0,0,{}]]]}],"                  \
                  "\"input_layers\":[[\"a\",0,0],[\"b\",0,0]],\"output_layers\":[[\"s\",0,0]]}}}")
    static const struct {
        const char *body, *expected;
        long status;
    } rows[] = {
        {MODEL PART("inputs.0", "[5,7]") PART("inputs.1", "[1,2]") "--b--\r\n",
         "\"outputs\":[[4,5]]", 200},
        {MODEL PART("inputs.b", "[5,7]") PART("inputs.a", "[1,2]") "--b--\r\n",
         "\"outputs\":{\"s\":[-4,-5]}", 200},
        {MODEL PART("inputs.1", "[5,7]") "--b--\r\n", "\"parameter\":\"inputs.1\"", 422},
        {MODEL PART("inputs.", "[5,7]") "--b--\r\n", "\"parameter\":\"inputs.\"", 422},
    };
    static const char *const type[] = {"Content-Type: multipart/form-data; boundary=b", NULL};
    struct server *s = server_start(NULL);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct answer a = client_call(
            s, &(struct call){.path = "/upsample", .body = rows[i].body, .headers = type});
        expect_status(&a, rows[i].status);
        cr_assert(strstr(a.body, rows[i].expected) != NULL, "row %zu: %s", i, a.body);
        answer_free(&a);
    }
    (void)server_stop(s, SIGTERM, NULL);
}

Test(requests, a_chunked_body_that_grows_arrives_whole, .timeout = 20)
{
    /* Blanks before the JSON make it larger than the first room of a body of unknown length. */
    enum { BLANKS = 300000 };
    char *body = malloc(BLANKS + sizeof QUICK_BODY);
    memset(body, ' ', BLANKS);
    memcpy(body + BLANKS, QUICK_BODY, sizeof QUICK_BODY);
    struct server *s = server_start(NULL);
    struct answer a =
        client_call(s, &(struct call){.path = "/upsample", .body = body, .chunked = true});
    expect_status(&a, 200);
    cr_assert(strstr(a.body, QUICK_SHAPE) != NULL, "%s", a.body);
    answer_free(&a);
    free(body);
    cr_assert(server_stop(s, SIGTERM, NULL) == 0, "not a clean end");
}

Test(requests, the_query_is_decoded_and_wins_over_the_body, .timeout = 20)
{
    struct server *s = server_start(NULL);
    struct answer a = client_post(
        s, "/upsample?layer=%7B%22class_name%22%3A%22UpSampling2D%22%2C%22size%22%3A3%7D",
        "[[0,1],[1,0]]");
    expect_status(&a, 422);
    answer_free(&a);
    a = client_post(s, "/upsample?for%6Dat=npy", QUICK_BODY);
    expect_status(&a, 200);
    cr_assert(a.body_bytes > 64 && memcmp(a.body, "\x93NUMPY", 6) == 0, "no NumPy file");
    answer_free(&a);
    cr_assert(server_stop(s, SIGTERM, NULL) == 0, "not a clean end");
}

Test(requests, a_connection_serves_many_requests_and_survives_refusals, .timeout = 30)
{
    struct server *s = server_start(NULL);
    CURL *curl = curl_easy_init();
    for (int i = 0; i < 30; i++) {
        const bool bad = i % 3 == 2;
        struct answer a = client_call(s, &(struct call){.path = bad ? "/nothing" : "/upsample",
                                                        .body = QUICK_BODY,
                                                        .handle = curl});
        expect_status(&a, bad ? 404 : 200);
        long connects = 0;
        (void)curl_easy_getinfo(curl, CURLINFO_NUM_CONNECTS, &connects);
        cr_assert(connects == (i == 0), "request %d made %ld connections", i, connects);
        answer_free(&a);
    }
    curl_easy_cleanup(curl);
    cr_assert(server_stop(s, SIGTERM, NULL) == 0, "not a clean end");
}

Test(requests, accept_and_media_type_are_judged, .timeout = 20)
{
    static const char *const accept[] = {"Accept: video/mp4", NULL};
    static const char *const type[] = {"Content-Type: video/mp4", NULL};
    struct server *s = server_start(NULL);
    struct answer a =
        client_call(s, &(struct call){.path = "/upsample", .body = QUICK_BODY, .headers = accept});
    expect_status(&a, 406);
    answer_free(&a);
    a = client_call(s, &(struct call){.path = "/upsample", .body = "\1\2\3", .headers = type});
    expect_status(&a, 415);
    char *taken = answer_header(&a, "Accept");
    cr_assert(taken != NULL, "415 does not say what is taken");
    free(taken);
    taken = answer_header(&a, "Accept-Encoding");
    cr_assert(taken == NULL, "the coding was not at fault");
    answer_free(&a);
    cr_assert(server_stop(s, SIGTERM, NULL) == 0, "not a clean end");
}

Test(requests, a_content_coding_is_judged, .timeout = 20)
{
    static const char *const coded[] = {"Content-Encoding: deflate", NULL};
    static const char *const plain[] = {"Content-Encoding: Identity", NULL};
    struct server *s = server_start(NULL);
    struct answer a =
        client_call(s, &(struct call){.path = "/upsample", .body = QUICK_BODY, .headers = coded});
    expect_status(&a, 415);
    char *taken = answer_header(&a, "Accept-Encoding");
    cr_assert(taken != NULL && strcmp(taken, "identity") == 0, "taken: %s", taken);
    free(taken);
    taken = answer_header(&a, "Accept");
    cr_assert(taken == NULL, "the media type was not at fault");
    answer_free(&a);
    a = client_call(s, &(struct call){.path = "/upsample", .body = QUICK_BODY, .headers = plain});
    expect_status(&a, 200);
    answer_free(&a);
    a = client_call(s, &(struct call){.path = "/layers", .headers = coded});
    expect_status(&a, 200); /* no body, nothing that is coded */
    answer_free(&a);
    cr_assert(server_stop(s, SIGTERM, NULL) == 0, "not a clean end");
}

Test(requests, each_is_counted_and_logged_once, .timeout = 20)
{
    static const char *const id[] = {"X-Request-Id: find-me", NULL};
    struct server *s = server_start(NULL);
    struct answer a =
        client_call(s, &(struct call){.path = "/upsample", .body = QUICK_BODY, .headers = id});
    expect_status(&a, 200);
    answer_free(&a);
    cr_assert(
        client_await_metric(
            s, "upsampled_requests_total{method=\"POST\",route=\"/upsample\",status=\"200\"}", 1),
        "not counted");
    cr_assert(client_metric(s, "upsampled_phase_seconds_count{phase=\"compute\"}") == 1,
              "no phase");
    cr_assert(client_metric(s, "upsampled_received_bytes_total") == sizeof QUICK_BODY - 1, "bytes");
    char *log;
    cr_assert(server_stop(s, SIGTERM, &log) == 0, "not a clean end");
    const char *line = strstr(log, "\"id\":\"find-me\"");
    cr_assert(line != NULL && strstr(line + 1, "\"id\":\"find-me\"") == NULL, "log: %s", log);
    cr_assert(strstr(line, "\"method\":\"POST\",\"path\":\"/upsample\",\"status\":200") != NULL,
              "log: %s", log);
    free(log);
}
