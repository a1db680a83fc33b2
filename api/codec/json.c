/* DESIGN
 * One pass over the text with a stack of open containers, no recursion. The role of a container
 * and a table of rules tell what its members are; an array in the role of a tensor goes to
 * json_array.c as a whole. The envelope is the text with pieces replaced, so it is only made when
 * the first piece is. */
#include "api/codec/json.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "api/codec/json_array.h"
#include "api/codec/json_scan.h"
#include "core/decimal.h"

/* What a value is, by its place. */
enum role {
    ANYTHING,
    DOCUMENT,
    INPUTS,
    WEIGHTS,      /* a list of tensors, or lists of them by layer name */
    WEIGHTS_LIST, /* of one layer */
    INITIALIZER,  /* and its config: a "value" is a tensor */
    TENSOR,
};

enum member { ITEM, NAMED, ENDING, ANY_NAME };

/* The first row that fits decides; without one a value is ANYTHING. */
static const struct rule {
    enum role in;
    enum member member;
    const char *name;
    enum role role;
} rules[] = {
    {DOCUMENT, NAMED, "input", TENSOR},    {DOCUMENT, NAMED, "inputs", INPUTS},
    {INPUTS, ITEM, NULL, TENSOR},          {INPUTS, ANY_NAME, NULL, TENSOR},
    {WEIGHTS, ITEM, NULL, TENSOR},         {WEIGHTS, ANY_NAME, NULL, WEIGHTS_LIST},
    {WEIGHTS_LIST, ITEM, NULL, TENSOR},    {INITIALIZER, NAMED, "config", INITIALIZER},
    {INITIALIZER, NAMED, "value", TENSOR}, {TENSOR, NAMED, "data", TENSOR},
    {ANYTHING, NAMED, "weights", WEIGHTS}, {ANYTHING, ENDING, "_initializer", INITIALIZER},
};

/* An open container and where in it the reader is. */
struct level {
    enum role role;
    bool object;
    size_t index;     /* of an array's item */
    const char *name; /* of an object's member, unescaped */
    size_t name_bytes;
};

struct lifter {
    struct api_scan scan;
    struct up_arena *arena;
    bool lift;  /* tensors are lifted */
    bool relax; /* Python's constants are taken everywhere, not only in "model" */
    struct level level[API_JSON_DEPTH_MAX];
    size_t depth;
    struct api_floats floats;
    struct up_tensor *tensor;
    size_t tensor_count, tensor_capacity;
    size_t number; /* that the envelope gives the first tensor */
    struct api_buffer envelope;
    const char *copied; /* the text is in the envelope up to here */
};

/* --- Places ----------------------------------------------------------------------------------- */

static bool name_is(const struct level *level, const char *name)
{
    return level->object && level->name_bytes == strlen(name) &&
           memcmp(level->name, name, level->name_bytes) == 0;
}

static bool name_ends(const struct level *level, const char *ending)
{
    const size_t bytes = strlen(ending);
    return level->object && level->name_bytes >= bytes &&
           memcmp(level->name + level->name_bytes - bytes, ending, bytes) == 0;
}

static bool rule_fits(const struct rule *rule, const struct level *level)
{
    if (rule->in != ANYTHING && rule->in != level->role)
        return false;
    switch (rule->member) {
    case ITEM:
        return !level->object;
    case NAMED:
        return name_is(level, rule->name);
    case ENDING:
        return name_ends(level, rule->name);
    case ANY_NAME:
        return level->object;
    }
    return false;
}

/* The role of the value that the reader has come to. */
static enum role role_here(const struct lifter *l)
{
    if (!l->lift)
        return ANYTHING;
    if (l->depth == 0)
        return DOCUMENT;
    for (size_t i = 0; i < sizeof rules / sizeof rules[0]; i++)
        if (rule_fits(&rules[i], &l->level[l->depth - 1]))
            return rules[i].role;
    return ANYTHING;
}

static bool constants_allowed(const struct lifter *l)
{
    return l->relax || (l->depth > 0 && name_is(&l->level[0], "model"));
}

/* One step of a JSON pointer (RFC 6901), in a room of more than UP_DECIMAL_BYTES_MAX bytes; stops
 * where it is full. */
static size_t put_step(const struct level *level, char *text, size_t room)
{
    size_t n = 0;
    text[n++] = '/';
    if (!level->object)
        return n + up_decimal(level->index, text + n);
    for (size_t i = 0; i < level->name_bytes; i++) {
        const char c = level->name[i];
        const bool starts = ((unsigned char)c & 0xc0) != 0x80;
        if (starts && n + 5 > room) /* no part of a character */
            break;
        if (c == '~' || c == '/')
            text[n++] = '~';
        text[n++] = c == '~' ? '0' : c == '/' ? '1' : c;
    }
    return n;
}

static void put_pointer(const struct lifter *l, char *text, size_t room)
{
    size_t n = 0;
    for (size_t i = 0; i < l->depth && n + 1 + UP_DECIMAL_BYTES_MAX < room; i++)
        n += put_step(&l->level[i], text + n, room - n);
    text[n] = '\0';
}

/* --- The envelope ----------------------------------------------------------------------------- */

/* Up to `from` the text is taken over, up to the reader's place it is left out. */
static void replace_from(struct lifter *l, const char *from)
{
    api_buffer_put(&l->envelope, l->copied, (size_t)(from - l->copied));
    l->copied = l->scan.at;
}

static enum up_code finish(struct lifter *l, struct api_document *ret)
{
    const char *envelope = l->scan.text;
    size_t bytes = (size_t)(l->scan.end - l->scan.text);
    if (l->copied != l->scan.text) {
        replace_from(l, l->scan.end);
        const enum up_code code = api_buffer_finish(&l->envelope);
        if (code != UP_OK)
            return code;
        envelope = l->envelope.data;
        bytes = l->envelope.bytes;
    }
    *ret = (struct api_document){envelope, bytes, l->tensor, l->tensor_count};
    return UP_OK;
}

/* --- Values ----------------------------------------------------------------------------------- */

static enum up_code lift_tensor(struct lifter *l)
{
    const char *first = l->scan.at;
    char pointer[sizeof l->scan.err->at];
    put_pointer(l, pointer, sizeof pointer);
    if (l->tensor_count == l->tensor_capacity) {
        const size_t bytes = l->tensor_capacity * sizeof *l->tensor, more = bytes + 4096;
        void *grown = up_arena_grow(l->arena, l->tensor, bytes, bytes + more, l->scan.err);
        if (grown == NULL)
            return l->scan.err->code;
        l->tensor = grown;
        l->tensor_capacity = (bytes + more) / sizeof *l->tensor;
    }
    struct up_tensor *tensor = &l->tensor[l->tensor_count];
    const enum up_code code = api_array_read(&l->scan, &l->floats, pointer, tensor);
    if (code != UP_OK)
        return code;
    replace_from(l, first);
    api_buffer_puts(&l->envelope, "{\"tensor\":");
    api_buffer_number(&l->envelope, l->number + l->tensor_count++);
    api_buffer_puts(&l->envelope, "}");
    return UP_OK;
}

static bool take_word(struct lifter *l, const char *word)
{
    const size_t bytes = strlen(word);
    if ((size_t)(l->scan.end - l->scan.at) < bytes || memcmp(l->scan.at, word, bytes) != 0)
        return false;
    l->scan.at += bytes;
    return true;
}

static enum up_code read_constant(struct lifter *l)
{
    static const char *const words[] = {"NaN", "Infinity", "-Infinity"};
    const char *first = l->scan.at;
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        if (!take_word(l, words[i]))
            continue;
        if (!constants_allowed(l)) {
            l->scan.at = first;
            return api_scan_refuse(&l->scan, "NaN and Infinity are no JSON");
        }
        replace_from(l, first);
        api_buffer_puts(&l->envelope, "null");
        return UP_OK;
    }
    return api_scan_peek(&l->scan) == '-' ? api_scan_number(&l->scan)
                                          : api_scan_wants(&l->scan, "a value");
}

static enum up_code read_scalar(struct lifter *l)
{
    static const char *const words[] = {"true", "false", "null"};
    const char c = api_scan_peek(&l->scan);
    const char *text;
    size_t bytes;
    if (c == '"')
        return api_scan_string(&l->scan, &text, &bytes);
    if (c >= '0' && c <= '9')
        return api_scan_number(&l->scan);
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        if (take_word(l, words[i]))
            return UP_OK;
    return read_constant(l);
}

static enum up_code open_container(struct lifter *l, enum role role)
{
    if (l->depth == API_JSON_DEPTH_MAX) {
        char what[64];
        (void)snprintf(what, sizeof what, "more than %d levels are open", API_JSON_DEPTH_MAX);
        return api_scan_refuse(&l->scan, what);
    }
    const bool object = *l->scan.at == '{';
    l->level[l->depth++] = (struct level){.role = role, .object = object};
    l->scan.at++;
    return UP_OK;
}

/* The name of an object's member and the colon behind it. */
static enum up_code read_name(struct lifter *l, struct level *level)
{
    struct api_scan *s = &l->scan;
    if (api_scan_peek(s) != '"')
        return api_scan_wants(s, "a member's name");
    enum up_code code = api_scan_string(s, &level->name, &level->name_bytes);
    if (code != UP_OK)
        return code;
    if (memchr(level->name, '\\', level->name_bytes) != NULL) {
        char *plain = up_arena_alloc(l->arena, level->name_bytes, 1, s->err);
        if (plain == NULL)
            return s->err->code;
        level->name_bytes = api_scan_unescape(level->name, level->name_bytes, plain);
        level->name = plain;
    }
    api_scan_space(s);
    if (api_scan_peek(s) != ':')
        return api_scan_wants(s, "':'");
    s->at++;
    api_scan_space(s);
    return UP_OK;
}

/* A whole scalar or tensor, or the opening of a container. */
static enum up_code read_value(struct lifter *l, bool *ret_opened)
{
    const char c = api_scan_peek(&l->scan);
    const enum role role = role_here(l);
    *ret_opened = false;
    if (c == '[' && role == TENSOR)
        return lift_tensor(l);
    if (c != '[' && c != '{')
        return read_scalar(l);
    *ret_opened = true;
    return open_container(l, role);
}

/* Behind a value, or behind the opening of a container: to the next value, if there is one. */
static enum up_code read_between(struct lifter *l, bool opened)
{
    struct api_scan *s = &l->scan;
    api_scan_space(s);
    while (l->depth > 0) {
        struct level *level = &l->level[l->depth - 1];
        const char c = api_scan_peek(s);
        if (c == (level->object ? '}' : ']')) {
            l->depth--;
            s->at++;
            opened = false;
            api_scan_space(s);
            continue;
        }
        if (!opened && c != ',')
            return api_scan_wants(s, level->object ? "',' or '}'" : "',' or ']'");
        if (!opened) {
            s->at++;
            level->index++;
            api_scan_space(s);
        }
        return level->object ? read_name(l, level) : UP_OK;
    }
    return UP_OK;
}

static enum up_code read_document(struct lifter *l, struct api_document *ret)
{
    enum up_code code;
    api_scan_space(&l->scan);
    do {
        bool opened;
        code = read_value(l, &opened);
        if (code == UP_OK)
            code = read_between(l, opened);
    } while (code == UP_OK && l->depth > 0);
    if (code == UP_OK && l->scan.at != l->scan.end)
        code = api_scan_wants(&l->scan, "the end of the text");
    return code == UP_OK ? finish(l, ret) : code;
}

static struct lifter lifter_make(const char *text, size_t bytes, struct up_arena *arena,
                                 struct up_error *err)
{
    return (struct lifter){.scan = {text, text + bytes, text, err},
                           .arena = arena,
                           .floats = {.arena = arena},
                           .envelope = api_buffer_make(arena, err),
                           .copied = text};
}

enum up_code api_json_lift(const char *text, size_t bytes, size_t first, struct up_arena *arena,
                           struct api_document *ret, struct up_error *err)
{
    struct up_error unheard = {.code = UP_OK};
    struct lifter l = lifter_make(text, bytes, arena, err != NULL ? err : &unheard);
    l.lift = true;
    l.number = first;
    return read_document(&l, ret);
}

enum up_code api_json_relax(const char *text, size_t bytes, struct up_arena *arena,
                            struct api_document *ret, struct up_error *err)
{
    struct up_error unheard = {.code = UP_OK};
    struct lifter l = lifter_make(text, bytes, arena, err != NULL ? err : &unheard);
    l.relax = true;
    return read_document(&l, ret);
}
