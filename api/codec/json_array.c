/* DESIGN
 * The shape is found on the way: the first number tells the rank, the first array to close on each
 * level tells that level's size, and every later one must have the same.
 *
 * How many numbers come is not known before, and an arena frees nothing that was outgrown. So the
 * first array of a document takes room for as many numbers as there are commas in the rest of the
 * text, and one; later arrays use what it leaves. Only the gaps that alignment makes between
 * arrays can make that too little; then the same is done again. */
#include "api/codec/json_array.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "api/codec/number.h"
#include "core/limits.h"

enum { ALIGN_FLOATS = UP_ALIGN_BYTES / sizeof(float) };

#define UNKNOWN         SIZE_MAX
#define EACH_BYTE(byte) (UINT64_MAX / 255 * (byte))

struct reader {
    struct api_scan *scan;
    struct api_floats *floats;
    const char *pointer;
    size_t rank;               /* UNKNOWN until the first number, or the first empty array */
    size_t depth;              /* arrays that are open */
    size_t dim[UP_RANK_MAX];   /* UNKNOWN until an array of the level has closed */
    size_t count[UP_RANK_MAX]; /* elements so far in the open array of each level */
    float *data;
    size_t size, capacity;
    struct api_number_marks marks;
};

/* --- Room ------------------------------------------------------------------------------------- */

/* The commas in eight words at a time, counted in eight lanes of a word. */
static size_t count_commas(const char *p, const char *end)
{
    size_t count = 0;
    while (end - p >= 64) {
        uint64_t lanes = 0;
        for (int i = 0; i < 8; i++, p += 8) {
            uint64_t x;
            memcpy(&x, p, 8);
            x ^= EACH_BYTE(',');
            const uint64_t others = ((x & EACH_BYTE(0x7f)) + EACH_BYTE(0x7f)) | x;
            lanes += (~others & EACH_BYTE(0x80)) >> 7;
        }
        count += lanes * EACH_BYTE(1) >> 56;
    }
    for (; p < end; p++)
        count += *p == ',';
    return count;
}

static enum up_code grow(struct reader *r)
{
    const size_t capacity = r->size + 1 + count_commas(r->scan->at, r->scan->end);
    float *data = up_arena_alloc(r->floats->arena, capacity, sizeof *data, r->scan->err);
    if (data == NULL)
        return r->scan->err->code;
    if (r->size != 0)
        memcpy(data, r->data, r->size * sizeof *data);
    *r->floats = (struct api_floats){r->floats->arena, data, 0, capacity};
    r->data = data;
    r->capacity = capacity;
    return UP_OK;
}

/* --- What is wrong ---------------------------------------------------------------------------- */

enum { POINTER_BYTES = sizeof(((struct up_error *)NULL)->at) };

/* The pointer to the current element of the level, or to an array that holds it. */
static const char *element_pointer(const struct reader *r, size_t levels, char text[POINTER_BYTES])
{
    int n = snprintf(text, POINTER_BYTES, "%s", r->pointer);
    for (size_t i = 0; i < levels && n < POINTER_BYTES; i++)
        n += snprintf(text + n, POINTER_BYTES - (size_t)n, "/%zu", r->count[i]);
    return text;
}

static enum up_code fail_element(const struct reader *r, const char *what)
{
    char at[POINTER_BYTES];
    return up_fail(r->scan->err, UP_E_SYNTAX, element_pointer(r, r->depth, at), "%s", what);
}

static enum up_code fail_ragged(const struct reader *r)
{
    const size_t level = r->depth - 1, count = r->count[level];
    char at[POINTER_BYTES], first[POINTER_BYTES];
    int n = snprintf(first, sizeof first, "%s", r->pointer);
    for (size_t i = 0; i < level && n < POINTER_BYTES; i++)
        n += snprintf(first + n, sizeof first - (size_t)n, "/0");
    return up_fail(r->scan->err, UP_E_SYNTAX, element_pointer(r, level, at),
                   "has %zu element%s where %s has %zu", count, count == 1 ? "" : "s", first,
                   r->dim[level]);
}

/* What else begins with the character; NULL when nothing does. */
static const char *kind_of(char c)
{
    switch (c) {
    case '"':
        return "a string";
    case '[':
        return "an array";
    case '{':
        return "an object";
    case 't':
    case 'f':
        return "a boolean";
    case 'n':
        return "null";
    case 'N':
        return "NaN";
    case 'I':
        return "Infinity";
    default:
        return NULL;
    }
}

/* For what stands at r->scan->at and is no number of float32; `end` is where reading it ended. */
static enum up_code fail_number(struct reader *r, enum api_number_result result, const char *end)
{
    struct api_scan *s = r->scan;
    const char *kind = kind_of(api_scan_peek(s));
    char what[160];
    if (result == API_NUMBER_RANGE) {
        const size_t bytes = (size_t)(end - s->at);
        (void)snprintf(what, sizeof what, "%.*s%s is out of float32's range",
                       (int)(bytes < 40 ? bytes : 40), s->at, bytes > 40 ? "..." : "");
        return fail_element(r, what);
    }
    if (kind == NULL && end < s->end && *end == 'I')
        kind = "-Infinity";
    if (kind != NULL) {
        (void)snprintf(what, sizeof what, "%s stands where a number is wanted", kind);
        return fail_element(r, what);
    }
    if (end == s->at)
        return api_scan_wants(s, "a number");
    s->at = end;
    return api_scan_bad_number(s);
}

/* --- Reading ---------------------------------------------------------------------------------- */

static enum up_code open_array(struct reader *r)
{
    if (r->depth == r->rank)
        return fail_element(r, "an array stands where a number is wanted");
    if (r->depth == UP_RANK_MAX) {
        char what[64];
        (void)snprintf(what, sizeof what, "a tensor has at most %d axes", UP_RANK_MAX);
        return fail_element(r, what);
    }
    r->count[r->depth++] = 0;
    r->scan->at++;
    return UP_OK;
}

static enum up_code close_array(struct reader *r)
{
    const size_t level = r->depth - 1;
    if (r->rank == UNKNOWN)
        r->rank = r->depth;
    if (r->dim[level] == UNKNOWN)
        r->dim[level] = r->count[level];
    else if (r->dim[level] != r->count[level])
        return fail_ragged(r);
    r->depth--;
    if (level > 0)
        r->count[level - 1]++;
    r->scan->at++;
    return UP_OK;
}

/* One number of any kind. */
static enum up_code read_number(struct reader *r)
{
    struct api_scan *s = r->scan;
    float value;
    const char *end;
    const enum api_number_result result = api_number_read(s->at, s->end, &value, &end);
    if (result != API_NUMBER_OK)
        return fail_number(r, result, end);
    s->at = end;
    if (r->size == r->capacity) {
        const enum up_code code = grow(r);
        if (code != UP_OK)
            return code;
    }
    r->data[r->size++] = value;
    return UP_OK;
}

/* From the end of a row, as long as it must be, into the next one where that has a number and no
 * white space stands but that after a comma. A tensor of one channel has a row for every number. */
static bool enter_next_row(struct reader *r)
{
    struct api_scan *s = r->scan;
    const size_t level = r->depth - 1;
    const char *at = s->at;
    if (s->end - at < 5 || at[0] != ']' || at[1] != ',' || level == 0 ||
        r->count[level] != r->dim[level])
        return false;
    at += at[2] == ' ' ? 3 : 2;
    const unsigned digit = (unsigned char)(at[1] - '0') < 10, minus = at[1] == '-';
    if ((at[0] != '[') | ((digit | minus) == 0)) /* the sign is random: no branch */
        return false;
    r->count[level] = 0;
    r->count[level - 1]++;
    s->at = at + 1;
    return true;
}

/* Numbers and the commas between them, and rows of them, up to what is neither. */
static enum up_code read_numbers(struct reader *r)
{
    struct api_scan *s = r->scan;
    size_t *count = &r->count[r->depth - 1];
    for (;;) {
        const size_t before = r->size;
        if (s->at - s->text >= API_NUMBERS_BEFORE && r->size < r->capacity)
            r->size += api_numbers_read(&r->marks, &s->at, s->end, r->data + r->size,
                                        r->capacity - r->size);
        const enum up_code code = r->size == before ? read_number(r) : UP_OK;
        if (code != UP_OK)
            return code;
        *count += r->size - before;
        if (enter_next_row(r))
            continue;
        api_scan_space(s);
        if (api_scan_peek(s) != ',')
            return UP_OK;
        s->at++;
        api_scan_space(s);
    }
}

static enum up_code read_row(struct reader *r)
{
    if (r->rank == UNKNOWN)
        r->rank = r->depth;
    if (r->rank == r->depth)
        return read_numbers(r);
    const char c = api_scan_peek(r->scan);
    const char *kind = c == '-' || (c >= '0' && c <= '9') ? "a number" : kind_of(c);
    if (kind == NULL)
        return api_scan_wants(r->scan, "an array");
    char what[96];
    (void)snprintf(what, sizeof what, "%s stands where an array of length %zu is wanted", kind,
                   r->dim[r->depth]);
    return fail_element(r, what);
}

/* An element of the innermost open array, if it has one more; then all that closes behind it. */
static enum up_code read_element(struct reader *r)
{
    struct api_scan *s = r->scan;
    enum up_code code = UP_OK;
    api_scan_space(s);
    if (api_scan_peek(s) == '[')
        return open_array(r);
    if (api_scan_peek(s) != ']' || r->count[r->depth - 1] != 0)
        code = read_row(r);
    while (code == UP_OK && r->depth > 0) {
        api_scan_space(s);
        if (api_scan_peek(s) == ',' && r->count[r->depth - 1] != 0) {
            s->at++;
            return UP_OK;
        }
        code = api_scan_peek(s) == ']' ? close_array(r) : api_scan_wants(s, "',' or ']'");
    }
    return code;
}

enum up_code api_array_read(struct api_scan *scan, struct api_floats *floats, const char *pointer,
                            struct up_tensor *ret)
{
    struct reader r = {.scan = scan, .floats = floats, .pointer = pointer, .rank = UNKNOWN};
    r.marks.first = r.marks.end = scan->at;
    for (size_t i = 0; i < UP_RANK_MAX; i++)
        r.dim[i] = UNKNOWN;
    const size_t first = (floats->used + ALIGN_FLOATS - 1) / ALIGN_FLOATS * ALIGN_FLOATS;
    if (first < floats->capacity) {
        floats->used = first;
        r.data = floats->data + first;
        r.capacity = floats->capacity - first;
    }
    enum up_code code = open_array(&r);
    while (code == UP_OK && r.depth > 0)
        code = read_element(&r);
    if (code != UP_OK)
        return code;
    floats->used += r.size;
    ret->shape = (struct up_shape){.rank = (uint32_t)r.rank};
    memcpy(ret->shape.dim, r.dim, r.rank * sizeof r.dim[0]);
    ret->data = r.data;
    return UP_OK;
}
