/* DESIGN
 * The header is a Python dict literal of exactly three members; a reader over [at, end) takes it
 * apart, and every function of it returns false at the first byte that does not belong. The items
 * are converted by one loop per dtype, chosen from a table; Fortran order is a permutation after
 * that. Converters return the index of the first item that float32 cannot hold, else `count`. */
#include "api/codec/npy.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "items are loaded as little-endian");

static const char magic[6] = "\x93NUMPY";

enum { PREAMBLE_BYTES = 8, ALIGN_BYTES = 64, DESCR_BYTES = 16 };

/* --- Items ------------------------------------------------------------------------------------ */

static inline uint64_t item_load(const unsigned char *at, size_t bytes, bool big)
{
    uint64_t bits = 0;
    memcpy(&bits, at, bytes);
    return big ? __builtin_bswap64(bits) >> (64 - 8 * bytes) : bits;
}

static inline float float_of_half(uint64_t bits)
{
    const int exponent = (int)(bits >> 10 & 31);
    const float fraction = (float)(bits & 1023);
    float value = ldexpf(exponent == 0 ? fraction : fraction + 1024, (exponent | !exponent) - 25);
    if (exponent == 31)
        value = fraction == 0 ? INFINITY : NAN;
    return bits >> 15 != 0 ? -value : value;
}

static inline float float_of_single(uint64_t bits)
{
    const uint32_t low = (uint32_t)bits;
    float value;
    memcpy(&value, &low, sizeof value);
    return value;
}

static inline double double_of_bits(uint64_t bits)
{
    double value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

#define CONVERTER(name, bytes, expression)                                                         \
    static size_t name(const unsigned char *from, size_t count, bool big, float *to)               \
    {                                                                                              \
        for (size_t i = 0; i < count; i++) {                                                       \
            const uint64_t bits = item_load(from + i * (bytes), (bytes), big);                     \
            to[i] = (expression);                                                                  \
        }                                                                                          \
        return count;                                                                              \
    }

CONVERTER(from_b1, 1, bits != 0 ? 1.0F : 0.0F)
CONVERTER(from_i1, 1, (float)(int8_t)bits)
CONVERTER(from_i2, 2, (float)(int16_t)bits)
CONVERTER(from_i4, 4, (float)(int32_t)bits)
CONVERTER(from_i8, 8, (float)(int64_t)bits)
CONVERTER(from_u1, 1, (float)bits)
CONVERTER(from_u2, 2, (float)bits)
CONVERTER(from_u4, 4, (float)bits)
CONVERTER(from_u8, 8, (float)bits)
CONVERTER(from_f2, 2, float_of_half(bits))
CONVERTER(from_f4, 4, float_of_single(bits))

static size_t from_f8(const unsigned char *from, size_t count, bool big, float *to)
{
    for (size_t i = 0; i < count; i++) {
        const double value = double_of_bits(item_load(from + i * 8, 8, big));
        to[i] = (float)value;
        if (isinf(to[i]) && isfinite(value))
            return i;
    }
    return count;
}

struct item {
    char name[3]; /* the dtype without its byte order */
    size_t bytes;
    size_t (*convert)(const unsigned char *from, size_t count, bool big, float *to);
};

static const struct item items[] = {
    {"f4", 4, from_f4}, {"f8", 8, from_f8}, {"f2", 2, from_f2}, {"u1", 1, from_u1},
    {"i1", 1, from_i1}, {"b1", 1, from_b1}, {"i2", 2, from_i2}, {"u2", 2, from_u2},
    {"i4", 4, from_i4}, {"u4", 4, from_u4}, {"i8", 8, from_i8}, {"u8", 8, from_u8},
};

/* "<f4": NULL for what is not taken. '|' (no byte order) is for single bytes only. */
static const struct item *item_find(const char *descr)
{
    if (descr[0] == '\0' || strchr("<>|", descr[0]) == NULL)
        return NULL;
    for (size_t i = 0; i < sizeof items / sizeof items[0]; i++)
        if (strcmp(items[i].name, descr + 1) == 0)
            return descr[0] == '|' && items[i].bytes > 1 ? NULL : &items[i];
    return NULL;
}

/* --- Header ----------------------------------------------------------------------------------- */

struct reader {
    const char *at, *end;
};

struct header {
    char descr[DESCR_BYTES];
    bool fortran;
    struct up_shape shape;
    size_t axes; /* of the file: more than UP_RANK_MAX are counted, not kept */
    bool has_descr, has_fortran, has_shape;
};

static void blanks_skip(struct reader *r)
{
    while (r->at < r->end && (*r->at == ' ' || *r->at == '\t' || *r->at == '\n' || *r->at == '\r'))
        r->at++;
}

/* The byte, after blanks. */
static bool take(struct reader *r, char byte)
{
    blanks_skip(r);
    if (r->at == r->end || *r->at != byte)
        return false;
    r->at++;
    return true;
}

static bool take_word(struct reader *r, const char *word)
{
    const size_t bytes = strlen(word);
    blanks_skip(r);
    if ((size_t)(r->end - r->at) < bytes || memcmp(r->at, word, bytes) != 0)
        return false;
    r->at += bytes;
    return true;
}

/* 'text' or "text" of printable ASCII without escapes; cut to the buffer, so that a long one
 * matches nothing. */
static bool take_string(struct reader *r, char text[DESCR_BYTES])
{
    blanks_skip(r);
    if (r->at == r->end || (*r->at != '\'' && *r->at != '"'))
        return false;
    const char *start = r->at + 1;
    const char *stop = memchr(start, *r->at, (size_t)(r->end - start));
    if (stop == NULL)
        return false;
    for (const char *c = start; c < stop; c++)
        if (*c < ' ' || *c > '~' || *c == '\\')
            return false;
    const size_t bytes = (size_t)(stop - start);
    const size_t kept = bytes < DESCR_BYTES ? bytes : DESCR_BYTES - 1;
    memcpy(text, start, kept);
    text[kept] = '\0';
    r->at = stop + 1;
    return true;
}

/* A length; Python 2 wrote "3L". False also for one that size_t cannot hold. */
static bool take_length(struct reader *r, size_t *ret)
{
    blanks_skip(r);
    const char *start = r->at;
    size_t n = 0;
    for (; r->at < r->end && *r->at >= '0' && *r->at <= '9'; r->at++)
        if (!up_size_mul(n, 10, &n) || __builtin_add_overflow(n, (size_t)(*r->at - '0'), &n))
            return false;
    if (r->at == start)
        return false;
    if (r->at < r->end && *r->at == 'L')
        r->at++;
    *ret = n;
    return true;
}

/* (), (3,), (3, 4) or (3, 4,). */
static bool take_shape(struct reader *r, struct header *h)
{
    bool comma = true;
    if (!take(r, '('))
        return false;
    while (!take(r, ')')) {
        size_t length;
        if (!comma || !take_length(r, &length))
            return false;
        if (h->axes < UP_RANK_MAX)
            h->shape.dim[h->axes] = length;
        h->axes++;
        comma = take(r, ',');
    }
    h->shape.rank = (uint32_t)(h->axes < UP_RANK_MAX ? h->axes : UP_RANK_MAX);
    return h->axes != 1 || comma; /* (3) is a number to Python */
}

static bool take_fortran(struct reader *r, struct header *h)
{
    h->fortran = take_word(r, "True");
    return h->fortran || take_word(r, "False");
}

/* One `key: value`, each key once. */
static bool take_member(struct reader *r, struct header *h)
{
    char key[DESCR_BYTES];
    if (!take_string(r, key) || !take(r, ':'))
        return false;
    bool *seen = NULL, taken = false;
    if (strcmp(key, "descr") == 0) {
        seen = &h->has_descr;
        taken = take_string(r, h->descr);
    } else if (strcmp(key, "fortran_order") == 0) {
        seen = &h->has_fortran;
        taken = take_fortran(r, h);
    } else if (strcmp(key, "shape") == 0 && !h->has_shape) {
        seen = &h->has_shape;
        taken = take_shape(r, h);
    }
    if (!taken || *seen)
        return false;
    *seen = true;
    return true;
}

static bool take_header(struct reader *r, struct header *h)
{
    bool comma = true;
    if (!take(r, '{'))
        return false;
    while (!take(r, '}')) {
        if (!comma || !take_member(r, h))
            return false;
        comma = take(r, ',');
    }
    blanks_skip(r);
    return r->at == r->end && h->has_descr && h->has_fortran && h->has_shape;
}

/* --- Order ------------------------------------------------------------------------------------ */

/* Fortran order to C order: walks the result, with the source's place kept by its strides. */
static void permute(const float *from, const struct up_shape *shape, float *to)
{
    size_t stride[UP_RANK_MAX], index[UP_RANK_MAX] = {0};
    const size_t count = up_shape_size(shape);
    const uint32_t last = shape->rank - 1;
    size_t step = 1, at = 0;
    for (uint32_t i = 0; i < shape->rank; i++) {
        stride[i] = step;
        step *= shape->dim[i];
    }
    for (size_t n = 0; n < count; n++) {
        to[n] = from[at];
        uint32_t axis = last;
        at += stride[axis];
        while (++index[axis] == shape->dim[axis] && axis > 0) {
            at -= index[axis] * stride[axis];
            index[axis--] = 0;
            at += stride[axis];
        }
    }
}

/* --- Files ------------------------------------------------------------------------------------ */

bool api_npy_matches(const void *data, size_t bytes)
{
    return bytes >= sizeof magic && memcmp(data, magic, sizeof magic) == 0;
}

/* The header's text, and behind it the items. */
static enum up_code preamble_read(const unsigned char *data, size_t bytes, struct reader *ret,
                                  struct up_error *err)
{
    if (!api_npy_matches(data, bytes))
        return up_fail(err, UP_E_SYNTAX, "", "not a NumPy file: it does not start with \\x93NUMPY");
    if (bytes < PREAMBLE_BYTES)
        return up_fail(err, UP_E_SYNTAX, "", "the NumPy file is cut short after %zu bytes", bytes);
    const unsigned major = data[6], minor = data[7];
    if (major < 1 || major > 3 || minor != 0)
        return up_fail(err, UP_E_SYNTAX, "",
                       "NumPy file version %u.%u is not one of 1.0, 2.0 and 3.0", major, minor);
    const size_t length_bytes = major == 1 ? 2 : 4, start = PREAMBLE_BYTES + length_bytes;
    if (bytes < start)
        return up_fail(err, UP_E_SYNTAX, "", "the NumPy file is cut short after %zu bytes", bytes);
    const size_t length = (size_t)item_load(data + PREAMBLE_BYTES, length_bytes, false);
    if (length > bytes - start)
        return up_fail(err, UP_E_SYNTAX, "",
                       "the NumPy file is cut short: its header is %zu bytes, %zu follow", length,
                       bytes - start);
    ret->at = (const char *)data + start;
    ret->end = ret->at + length;
    return UP_OK;
}

static enum up_code header_read(struct reader *r, struct header *h, struct up_error *err)
{
    const char *start = r->at;
    if (!take_header(r, h))
        return up_fail(err, UP_E_SYNTAX, "",
                       "the NumPy file's header is not a dictionary of descr, fortran_order and "
                       "shape (byte %td of the header)",
                       r->at - start);
    if (item_find(h->descr) == NULL)
        return up_fail(err, UP_E_SYNTAX, "",
                       "the NumPy file's dtype '%s' is not taken: f2 f4 f8, i1 to i8, u1 to u8 and "
                       "b1 are, with < or > for the byte order",
                       h->descr);
    if (h->axes > UP_RANK_MAX)
        return up_fail(err, UP_E_INVALID, "", "the NumPy array has %zu axes, at most %d are taken",
                       h->axes, UP_RANK_MAX);
    return UP_OK;
}

/* The items as floats in the file's order: in place when that serves, else converted. */
static enum up_code items_read(const unsigned char *from, size_t count, const struct header *h,
                               struct up_arena *arena, float **ret, struct up_error *err)
{
    const struct item *item = item_find(h->descr);
    const bool big = h->descr[0] == '>';
    if (item->convert == from_f4 && !big && (uintptr_t)from % _Alignof(float) == 0) {
        *ret = (float *)(uintptr_t)from;
        return UP_OK;
    }
    float *to = up_arena_alloc(arena, count, sizeof *to, err);
    if (to == NULL)
        return err->code;
    const size_t converted = item->convert(from, count, big, to);
    if (converted < count)
        return up_fail(err, UP_E_SYNTAX, "",
                       "item %zu of the NumPy file, %.17g, is out of range "
                       "for float32",
                       converted, double_of_bits(item_load(from + 8 * converted, 8, big)));
    *ret = to;
    return UP_OK;
}

enum up_code api_npy_decode(const void *data, size_t bytes, struct up_arena *arena,
                            struct up_tensor *ret, struct up_error *err)
{
    struct reader r = {NULL, NULL};
    struct header h = {.has_descr = false};
    enum up_code code = preamble_read(data, bytes, &r, err);
    if (code == UP_OK)
        code = header_read(&r, &h, err);
    if (code != UP_OK)
        return code;
    const size_t size = item_find(h.descr)->bytes;
    const size_t there = bytes - (size_t)(r.end - (const char *)data);
    size_t count, wanted;
    char text[UP_SHAPE_TEXT_BYTES];
    if (!up_shape_count(&h.shape, &count) || !up_size_mul(count, size, &wanted) || wanted != there)
        return up_fail(err, UP_E_SYNTAX, "",
                       "a NumPy array of shape %s and dtype %s takes %.0f bytes, the file has %zu",
                       up_shape_text(&h.shape, text), h.descr,
                       up_shape_estimate(&h.shape) * (double)size, there);
    float *values = NULL;
    code = items_read((const unsigned char *)r.end, count, &h, arena, &values, err);
    if (code != UP_OK)
        return code;
    if (h.fortran && h.shape.rank > 1 && count > 0) {
        float *ordered = up_arena_alloc(arena, count, sizeof *ordered, err);
        if (ordered == NULL)
            return err->code;
        permute(values, &h.shape, ordered);
        values = ordered;
    }
    *ret = (struct up_tensor){.shape = h.shape, .data = values};
    return UP_OK;
}

/* The header's text, padded so that the items start on a multiple of ALIGN_BYTES; returns where
 * they do. */
static size_t header_write(const struct up_shape *shape, char *to, size_t room)
{
    char text[UP_SHAPE_TEXT_BYTES];
    const size_t start = PREAMBLE_BYTES + 2;
    memset(to, ' ', room);
    const int n = snprintf(to + start, room - start,
                           "{'descr': '<f4', 'fortran_order': False, 'shape': %s, }",
                           up_shape_text(shape, text));
    to[start + (size_t)n] = ' ';
    const size_t bytes =
        (start + (size_t)n + 1 + ALIGN_BYTES - 1) / ALIGN_BYTES * ALIGN_BYTES; /* 1: the newline */
    to[bytes - 1] = '\n';
    memcpy(to, magic, sizeof magic);
    to[6] = 1;
    to[7] = 0;
    to[8] = (char)((bytes - start) & 255);
    to[9] = (char)((bytes - start) >> 8);
    return bytes;
}

/* `more`: bytes that there is room for behind the header. */
static char *file_begin(const struct up_shape *shape, struct up_arena *arena, size_t more,
                        size_t *ret_start, struct up_error *err)
{
    char header[UP_SHAPE_TEXT_BYTES + 3 * ALIGN_BYTES];
    *ret_start = header_write(shape, header, sizeof header);
    char *file = up_arena_alloc(arena, 1, *ret_start + more, err);
    return file == NULL ? NULL : memcpy(file, header, *ret_start);
}

enum up_code api_npy_header(const struct up_shape *shape, struct up_arena *arena,
                            const void **ret_data, size_t *ret_bytes, struct up_error *err)
{
    *ret_data = file_begin(shape, arena, 0, ret_bytes, err);
    return *ret_data == NULL ? err->code : UP_OK;
}

enum up_code api_npy_encode(const struct up_tensor *tensor, struct up_arena *arena,
                            const void **ret_data, size_t *ret_bytes, struct up_error *err)
{
    const size_t bytes = up_shape_size(&tensor->shape) * sizeof(float);
    size_t start;
    char *file = file_begin(&tensor->shape, arena, bytes, &start, err);
    if (file == NULL)
        return err->code;
    if (bytes > 0)
        memcpy(file + start, tensor->data, bytes);
    *ret_data = file;
    *ret_bytes = start + bytes;
    return UP_OK;
}
