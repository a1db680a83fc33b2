/* The splitter of multipart bodies, without a server. */
#include <criterion/criterion.h>
#include <string.h>

#include "server/multipart.h"

#define TYPE "multipart/form-data; boundary=XX"

struct split {
    struct up_arena *arena;
    struct up_error err;
    enum up_code code;
    struct srv_parts in;
};

static struct split split(const char *type, const char *body, size_t bytes)
{
    struct split s = {.arena = up_arena_new(1u << 24, NULL)};
    s.code = srv_multipart_split(type, body, bytes, s.arena, &s.in, &s.err);
    return s;
}

static struct split split_text(const char *body)
{
    return split(TYPE, body, strlen(body));
}

static bool part_is(const struct api_part *p, const char *name, const char *data)
{
    return strcmp(p->name, name) == 0 && p->bytes == strlen(data) &&
           memcmp(p->data, data, p->bytes) == 0;
}

#define PART(name, data)                                                                           \
    "--XX\r\nContent-Disposition: form-data; name=\"" name "\"\r\n\r\n" data "\r\n"

Test(multipart, the_media_type_is_known_by_its_whole_name, .timeout = 10)
{
    cr_assert(srv_multipart_is("multipart/form-data; boundary=x"), "plain");
    cr_assert(srv_multipart_is("Multipart/Form-Data"), "case");
    cr_assert(!srv_multipart_is("multipart/form-database"), "longer");
    cr_assert(!srv_multipart_is("application/json"), "other");
    cr_assert(!srv_multipart_is(NULL), "none");
}

Test(multipart, parts_come_in_order_with_names_types_and_bytes, .timeout = 10)
{
    struct split s = split_text("preamble\r\n" PART(
        "a", "one") "--XX  \r\n"
                    "content-type: image/png\r\n"
                    "CONTENT-DISPOSITION:form-data; filename=\"n;=\\\"q\"; name=b\r\n\r\n"
                    "t\r\n--XY\r\n\r\n--XX--\r\nepilogue");
    cr_assert(s.code == UP_OK && s.in.count == 2, "%s, %zu parts", s.err.text, s.in.count);
    cr_assert(part_is(&s.in.part[0], "a", "one"), "first");
    cr_assert(s.in.part[0].type == NULL, "a type from nowhere");
    cr_assert(part_is(&s.in.part[1], "b", "t\r\n--XY\r\n"), "second");
    cr_assert(strcmp(s.in.part[1].type, "image/png") == 0, "%s", s.in.part[1].type);
    up_arena_free(s.arena);
}

Test(multipart, empty_parts_and_no_parts_are_fine, .timeout = 10)
{
    struct split s = split_text("--XX\r\nContent-Disposition: form-data; name=e\r\n\r\n\r\n--XX--");
    cr_assert(s.code == UP_OK && s.in.count == 1 && s.in.part[0].bytes == 0, "%s", s.err.text);
    up_arena_free(s.arena);
    s = split_text("--XX\r\nContent-Disposition: form-data; name=e\r\n\r\n--XX--");
    cr_assert(s.code == UP_OK && s.in.count == 1 && s.in.part[0].bytes == 0, "%s", s.err.text);
    up_arena_free(s.arena);
    s = split_text("--XX--\r\n");
    cr_assert(s.code == UP_OK && s.in.count == 0, "%s", s.err.text);
    up_arena_free(s.arena);
}

Test(multipart, a_body_cut_anywhere_is_refused, .timeout = 20)
{
    static const char body[] = PART("a", "one") PART("b", "two") "--XX--";
    for (size_t n = 0; n < sizeof body - 1; n++) {
        struct split s = split(TYPE, body, n);
        cr_assert(s.code == UP_E_SYNTAX, "%zu of %zu bytes are taken", n, sizeof body - 1);
        cr_assert(s.err.text[0] != '\0', "no reason for %zu bytes", n);
        up_arena_free(s.arena);
    }
    struct split s = split(TYPE, body, sizeof body - 1);
    cr_assert(s.code == UP_OK && s.in.count == 2, "the whole body: %s", s.err.text);
    up_arena_free(s.arena);
}

Test(multipart, what_is_wrong_is_refused, .timeout = 10)
{
    static const struct {
        const char *type, *body;
    } cases[] = {
        {"multipart/form-data", PART("a", "1") "--XX--"},
        {"multipart/form-data; boundary=", PART("a", "1") "--XX--"},
        {"multipart/form-data; boundary=\"XX", PART("a", "1") "--XX--"},
        {"multipart/form-data; boundary="
         "1234567890123456789012345678901234567890123456789012345678901234567890X",
         PART("a", "1") "--XX--"},
        {TYPE, "--XX\r\nContent-Type: a/b\r\n\r\n1\r\n--XX--"},
        {TYPE, "--XX\r\nContent-Disposition: form-data\r\n\r\n1\r\n--XX--"},
        {TYPE, "--XX\r\nno colon\r\n\r\n1\r\n--XX--"},
        {TYPE, "--XXContent-Disposition: form-data; name=a\r\n\r\n1\r\n--XX--"},
        {TYPE, "--XX\r\nContent-Disposition: form-data; name=a\r\n"
               "Content-Transfer-Encoding: base64\r\n\r\nMQ==\r\n--XX--"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct split s = split(cases[i].type, cases[i].body, strlen(cases[i].body));
        cr_assert(s.code == UP_E_SYNTAX, "case %zu is taken", i);
        up_arena_free(s.arena);
    }
}

static struct split split_many(size_t parts)
{
    static char body[(SRV_PARTS_MAX + 1) * 64];
    size_t n = 0;
    for (size_t i = 0; i < parts; i++) {
        memcpy(body + n, PART("p", "1"), sizeof PART("p", "1") - 1);
        n += sizeof PART("p", "1") - 1;
    }
    memcpy(body + n, "--XX--", 6);
    return split(TYPE, body, n + 6);
}

Test(multipart, as_many_parts_as_allowed_and_not_one_more, .timeout = 10)
{
    struct split s = split_many(SRV_PARTS_MAX);
    cr_assert(s.code == UP_OK && s.in.count == SRV_PARTS_MAX, "%s", s.err.text);
    up_arena_free(s.arena);
    s = split_many(SRV_PARTS_MAX + 1);
    cr_assert(s.code == UP_E_LIMIT, "%zu parts are taken", s.in.count);
    up_arena_free(s.arena);
}
