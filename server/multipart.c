/* DESIGN
 * The whole body is in memory, so a part is a view between two delimiters: nothing is copied but
 * names and types. A delimiter is CRLF "--" boundary, the first one may stand at the body's start;
 * "--" after it ends the body, and a body that does not end so is cut off. */
#include "server/multipart.h"

#include <string.h>
#include <strings.h>

struct span {
    const char *begin, *end;
};

struct reader {
    struct span rest;
    const char *delimiter; /* "\r\n--boundary" */
    size_t delimiter_bytes;
    struct up_arena *arena;
};

enum { BOUNDARY_MAX = 70, PARTS_FIRST = 8 };

static const char media_type[] = "multipart/form-data";

bool srv_multipart_is(const char *type)
{
    const size_t n = sizeof media_type - 1;
    return type != NULL && strncasecmp(type, media_type, n) == 0 &&
           (type[n] == '\0' || strchr("; \t", type[n]) != NULL);
}

/* What an allocation that failed has recorded. */
static enum up_code no_memory(const struct up_error *err)
{
    return err != NULL && err->code != UP_OK ? err->code : UP_E_BUSY;
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

static struct span trimmed(struct span s)
{
    while (s.begin < s.end && is_blank(*s.begin))
        s.begin++;
    while (s.begin < s.end && is_blank(s.end[-1]))
        s.end--;
    return s;
}

static const char *find(struct span in, const char *what, size_t bytes)
{
    const char *at = in.begin;
    while ((size_t)(in.end - at) >= bytes) {
        at = memchr(at, what[0], (size_t)(in.end - at) - bytes + 1);
        if (at == NULL || memcmp(at, what, bytes) == 0)
            return at;
        at++;
    }
    return NULL;
}

static bool name_is(struct span s, const char *name)
{
    const size_t n = strlen(name);
    return (size_t)(s.end - s.begin) == n && strncasecmp(s.begin, name, n) == 0;
}

/* The next `name=value` of a header's parameters, quoted or not; false at the end. `*at` moves
 * on. */
static bool parameter_next(struct span *at, struct span *ret_name, struct span *ret_value)
{
    const char *semicolon = memchr(at->begin, ';', (size_t)(at->end - at->begin));
    if (semicolon == NULL)
        return false;
    const char *p = semicolon + 1;
    const char *equals = memchr(p, '=', (size_t)(at->end - p));
    if (equals == NULL)
        return false;
    *ret_name = trimmed((struct span){p, equals});
    p = equals + 1;
    if (p < at->end && *p == '"') {
        const char *end = ++p;
        while (end < at->end && *end != '"')
            end += *end == '\\' && end + 1 < at->end ? 2 : 1;
        *ret_value = (struct span){p, end};
        at->begin = end < at->end ? end + 1 : end;
        return end < at->end;
    }
    const char *end = memchr(p, ';', (size_t)(at->end - p));
    at->begin = end == NULL ? at->end : end;
    *ret_value = trimmed((struct span){p, at->begin});
    return true;
}

static bool parameter_find(struct span header, const char *name, struct span *ret)
{
    struct span key, value;
    while (parameter_next(&header, &key, &value)) {
        if (name_is(key, name)) {
            *ret = value;
            return true;
        }
    }
    return false;
}

/* The text with its backslashes resolved, as a string. */
static const char *text_copy(struct up_arena *arena, struct span s, struct up_error *err)
{
    char *text = up_arena_alloc(arena, (size_t)(s.end - s.begin) + 1, 1, err);
    if (text == NULL)
        return NULL;
    char *to = text;
    for (const char *p = s.begin; p < s.end; p++) {
        if (*p == '\\' && p + 1 < s.end)
            p++;
        *to++ = *p;
    }
    *to = '\0';
    return text;
}

static enum up_code reader_open(struct reader *r, const char *type, struct up_error *err)
{
    struct span boundary;
    if (!parameter_find((struct span){type, type + strlen(type)}, "boundary", &boundary) ||
        boundary.begin == boundary.end || boundary.end - boundary.begin > BOUNDARY_MAX) {
        (void)up_fail(err, UP_E_SYNTAX, "",
                      "Content-Type is multipart/form-data without a boundary of 1 to %d bytes",
                      BOUNDARY_MAX);
        return UP_E_SYNTAX;
    }
    char *text = up_arena_printf(r->arena, err, "\r\n--%.*s", (int)(boundary.end - boundary.begin),
                                 boundary.begin);
    if (text == NULL)
        return no_memory(err);
    r->delimiter = text;
    r->delimiter_bytes = strlen(text);
    return UP_OK;
}

/* After a delimiter: blanks, then CRLF starts a part and "--" ends the body. */
static bool delimiter_end(struct reader *r, bool *ret_last)
{
    const char *p = r->rest.begin;
    *ret_last = r->rest.end - p >= 2 && memcmp(p, "--", 2) == 0;
    if (*ret_last)
        return true;
    while (p < r->rest.end && is_blank(*p))
        p++;
    if (r->rest.end - p < 2 || memcmp(p, "\r\n", 2) != 0)
        return false;
    r->rest.begin = p + 2;
    return true;
}

/* Moves past the first delimiter; what stands before it is a preamble. */
static bool preamble_skip(struct reader *r)
{
    const char *bare = r->delimiter + 2;
    const size_t bare_bytes = r->delimiter_bytes - 2;
    if ((size_t)(r->rest.end - r->rest.begin) >= bare_bytes &&
        memcmp(r->rest.begin, bare, bare_bytes) == 0) {
        r->rest.begin += bare_bytes;
        return true;
    }
    const char *at = find(r->rest, r->delimiter, r->delimiter_bytes);
    if (at == NULL)
        return false;
    r->rest.begin = at + r->delimiter_bytes;
    return true;
}

static enum up_code header_read(struct reader *r, struct span line, struct api_part *part,
                                struct up_error *err)
{
    const char *colon = memchr(line.begin, ':', (size_t)(line.end - line.begin));
    if (colon == NULL)
        return up_fail(err, UP_E_SYNTAX, "",
                       "a part of the body has a header line without a colon");
    const struct span name = {line.begin, colon},
                      value = trimmed((struct span){colon + 1, line.end});
    struct span found;
    if (name_is(name, "Content-Disposition") && parameter_find(value, "name", &found)) {
        part->name = text_copy(r->arena, found, err);
        return part->name == NULL ? no_memory(err) : UP_OK;
    }
    if (name_is(name, "Content-Type")) {
        part->type = text_copy(r->arena, value, err);
        return part->type == NULL ? no_memory(err) : UP_OK;
    }
    if (name_is(name, "Content-Transfer-Encoding") && !name_is(value, "binary") &&
        !name_is(value, "8bit") && !name_is(value, "7bit"))
        return up_fail(err, UP_E_SYNTAX, "",
                       "a part of the body has the Content-Transfer-Encoding '%.*s'; send bytes as "
                       "they are",
                       (int)(value.end - value.begin > 40 ? 40 : value.end - value.begin),
                       value.begin);
    return UP_OK;
}

/* Reads the header lines up to the empty one. */
static enum up_code headers_read(struct reader *r, struct api_part *part, struct up_error *err)
{
    const char *const begin = r->rest.begin;
    for (;;) {
        const char *end = find(r->rest, "\r\n", 2);
        if (end == NULL || end - begin > SRV_PART_HEADERS_BYTES_MAX)
            return up_fail(err, UP_E_SYNTAX, "",
                           "the headers of a part of the body do not end within %d bytes",
                           SRV_PART_HEADERS_BYTES_MAX);
        const struct span line = {r->rest.begin, end};
        r->rest.begin = end + 2;
        if (line.begin == line.end)
            break;
        const enum up_code code = header_read(r, line, part, err);
        if (code != UP_OK)
            return code;
    }
    if (part->name == NULL)
        return up_fail(err, UP_E_SYNTAX, "", "a part of the body has no name");
    return UP_OK;
}

static enum up_code part_read(struct reader *r, struct api_part *part, struct up_error *err)
{
    *part = (struct api_part){0};
    const enum up_code code = headers_read(r, part, err);
    if (code != UP_OK)
        return code;
    /* The CRLF of the headers' empty line may be the delimiter's: the part is empty. */
    const struct span from = {r->rest.begin - 2, r->rest.end};
    const char *end = find(from, r->delimiter, r->delimiter_bytes);
    if (end == NULL)
        return up_fail(err, UP_E_SYNTAX, "", "the body is cut off in the part '%.100s'",
                       part->name);
    part->data = r->rest.begin;
    part->bytes = end < r->rest.begin ? 0 : (size_t)(end - r->rest.begin);
    r->rest.begin = end + r->delimiter_bytes;
    return UP_OK;
}

/* Makes room for one part more; `*room` is how many fit now. */
static enum up_code parts_grow(struct reader *r, struct srv_parts *parts, size_t *room,
                               struct up_error *err)
{
    if (parts->count == SRV_PARTS_MAX)
        return up_fail(err, UP_E_LIMIT, "", "the body has more than %d parts", SRV_PARTS_MAX);
    if (parts->count < *room)
        return UP_OK;
    const size_t more = *room == 0 ? PARTS_FIRST : 2 * *room;
    struct api_part *part =
        up_arena_grow(r->arena, parts->part, *room * sizeof *part, more * sizeof *part, err);
    if (part == NULL)
        return no_memory(err);
    parts->part = part;
    *room = more;
    return UP_OK;
}

enum up_code srv_multipart_split(const char *content_type, const void *body, size_t bytes,
                                 struct up_arena *arena, struct srv_parts *ret,
                                 struct up_error *err)
{
    struct reader r = {.rest = {body, (const char *)body + bytes}, .arena = arena};
    enum up_code code = reader_open(&r, content_type, err);
    if (code != UP_OK)
        return code;
    if (!preamble_skip(&r))
        return up_fail(err, UP_E_SYNTAX, "", "the body does not hold its boundary '%s'",
                       r.delimiter + 4);
    struct srv_parts parts = {NULL, 0};
    size_t room = 0;
    for (;;) {
        bool last;
        if (!delimiter_end(&r, &last))
            return up_fail(err, UP_E_SYNTAX, "", "the body is cut off after %zu parts",
                           parts.count);
        if (last)
            break;
        code = parts_grow(&r, &parts, &room, err);
        if (code == UP_OK)
            code = part_read(&r, &parts.part[parts.count], err);
        if (code != UP_OK)
            return code;
        parts.count++;
    }
    *ret = parts;
    return UP_OK;
}
