/* Text by our codec, by jansson and by printf. */
#include <jansson.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/codec/json.h"
#include "tests/bench/codec_ways.h"

enum { NUMBER_BYTES = 32 };

struct opened {
    const struct codec_subject *subject;
    struct up_arena *arena;
    char *text;   /* a document for us, room for printf */
    json_t *tree; /* jansson's, to be written */
};

static struct opened *opened_new(const struct codec_subject *s)
{
    struct opened *o = calloc(1, sizeof *o);
    if (o == NULL)
        return NULL;
    *o = (struct opened){.subject = s,
                         .arena = up_arena_new((size_t)1 << 30, NULL),
                         .text = malloc(s->rows * s->columns * NUMBER_BYTES)};
    return o->arena == NULL || o->text == NULL ? NULL : o;
}

static void *plain_open(const struct codec_subject *s)
{
    return opened_new(s);
}

/* --- Ours ----------------------------------------------------------------------------------- */

static void *our_open(const struct codec_subject *s)
{
    struct opened *o = opened_new(s);
    if (o != NULL)
        (void)sprintf(o->text, "{\"input\":%.*s}", (int)s->text_bytes, s->text);
    return o;
}

static struct codec_bytes our_read(void *self)
{
    struct opened *o = self;
    struct up_error err = {.code = UP_OK};
    struct api_document document;
    up_arena_reset(o->arena, SIZE_MAX);
    if (api_json_lift(o->text, strlen("{\"input\":}") + o->subject->text_bytes, 0, o->arena,
                      &document, &err) != UP_OK)
        return (struct codec_bytes){"", 1};
    return (struct codec_bytes){document.tensors[0].data,
                                up_shape_size(&document.tensors[0].shape) * sizeof(float)};
}

static struct codec_bytes our_write(void *self)
{
    struct opened *o = self;
    struct up_error err = {.code = UP_OK};
    const struct codec_subject *s = o->subject;
    const struct up_tensor tensor = {{2, {s->rows, s->columns}}, (float *)(uintptr_t)s->values};
    up_arena_reset(o->arena, SIZE_MAX);
    struct api_buffer buffer = api_buffer_make(o->arena, &err);
    (void)api_json_write_tensor(&buffer, &tensor, false);
    return (struct codec_bytes){buffer.data, buffer.bytes};
}

/* --- jansson -------------------------------------------------------------------------------- */

/* Parses, and lets the tree go: the numbers are not even taken out of it. */
static struct codec_bytes jansson_read(void *self)
{
    const struct codec_subject *s = ((struct opened *)self)->subject;
    json_error_t error;
    json_decref(json_loadb(s->text, s->text_bytes, 0, &error));
    return (struct codec_bytes){NULL, 0};
}

static void *jansson_open(const struct codec_subject *s)
{
    struct opened *o = opened_new(s);
    if (o == NULL || (o->tree = json_array()) == NULL)
        return NULL;
    for (size_t y = 0; y < s->rows; y++) {
        json_t *row = json_array();
        for (size_t x = 0; x < s->columns; x++) {
            const float value = s->values[y * s->columns + x];
            (void)json_array_append_new(row, s->whole ? json_integer((json_int_t)value)
                                                      : json_real((double)value));
        }
        (void)json_array_append_new(o->tree, row);
    }
    return o;
}

static struct codec_bytes jansson_dump(const struct opened *o, size_t flags)
{
    const size_t room = o->subject->rows * o->subject->columns * NUMBER_BYTES;
    return (struct codec_bytes){o->text, json_dumpb(o->tree, o->text, room, JSON_COMPACT | flags)};
}

static struct codec_bytes jansson_write(void *self)
{
    return jansson_dump(self, 0);
}

static struct codec_bytes jansson_write_9(void *self)
{
    return jansson_dump(self, JSON_REAL_PRECISION(9));
}

/* --- printf --------------------------------------------------------------------------------- */

static struct codec_bytes printf_write(void *self)
{
    struct opened *o = self;
    const struct codec_subject *s = o->subject;
    char *at = o->text;
    for (size_t y = 0; y < s->rows; y++) {
        *at++ = y == 0 ? '[' : ',';
        for (size_t x = 0; x < s->columns; x++)
            at += sprintf(at, "%c%.9g", x == 0 ? '[' : ',', (double)s->values[y * s->columns + x]);
        *at++ = ']';
    }
    *at++ = ']';
    return (struct codec_bytes){o->text, (size_t)(at - o->text)};
}

const struct codec_way codec_text_ways[] = {
    {"ours", CODEC_READ, our_open, our_read},
    {"jansson, parsing alone", CODEC_READ, plain_open, jansson_read},
    {"ours", CODEC_WRITE, plain_open, our_write},
    {"jansson, as it comes (17 digits)", CODEC_WRITE, jansson_open, jansson_write},
    {"jansson, 9 digits", CODEC_WRITE, jansson_open, jansson_write_9},
    {"sprintf %.9g", CODEC_WRITE, plain_open, printf_write},
    {NULL, CODEC_READ, NULL, NULL},
};
