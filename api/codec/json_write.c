#include <assert.h>
#include <math.h>
#include <string.h>

#include "api/codec/json.h"
#include "api/codec/number.h"

/* Of the longest separator, "]]]]]]],[[[[[[[", and of a number with one. */
enum { SEPARATOR_BYTES = 16, NUMBER_ROOM = API_NUMBER_BYTES_MAX + SEPARATOR_BYTES };
enum { WINDOW_ROOM = API_NUMBERS_WINDOW * NUMBER_ROOM }; /* asked for at once, at most */
enum { SAMPLES = 64, ESTIMATED_MIN = 64 * SAMPLES };
static_assert(2 * (UP_RANK_MAX - 1) + 1 <= SEPARATOR_BYTES, "a separator fits");

static size_t write_null(char *text)
{
    static const char null[4] = {'n', 'u', 'l', 'l'};
    memcpy(text, null, sizeof null);
    return sizeof null;
}

static size_t write_value(float value, char *text)
{
    return isfinite(value) ? api_number_write(value, text) : write_null(text);
}

size_t api_json_estimate(const struct up_tensor *tensor)
{
    const size_t count = up_shape_size(&tensor->shape);
    char text[API_NUMBER_BYTES_MAX];
    size_t bytes = 0, samples = 0, arrays = 0, items = 1;
    for (uint32_t i = 0; i < tensor->shape.rank; i++) {
        arrays += items;
        items *= tensor->shape.dim[i];
    }
    for (size_t i = 0; i < count; i += count / SAMPLES, samples++)
        bytes += write_value(tensor->data[i], text) + 1;
    return bytes * (count / samples + 1) + count / 2 + 2 * arrays + WINDOW_ROOM;
}

/* Whether `count` values from a on are those from b on; of no values there may be none. */
static bool same_bits(const float *values, size_t a, size_t b, size_t count)
{
    return count == 0 || memcmp(values + a, values + b, count * sizeof *values) == 0;
}

static size_t write_scalar(struct api_buffer *buffer, float value)
{
    char *text = api_buffer_room(buffer, NUMBER_ROOM);
    if (text != NULL)
        api_buffer_advance(buffer, write_value(value, text));
    return text == NULL || isfinite(value) ? 0 : 1;
}

/* What stands behind numbers: `outer` behind every group of them, `inner` behind the others. */
struct separators {
    size_t group;
    char inner[SEPARATOR_BYTES], outer[SEPARATOR_BYTES];
    size_t inner_bytes, outer_bytes;
};

/* So many closing brackets, a comma, and as many that open; returns how many bytes. */
static size_t separator_make(char text[SEPARATOR_BYTES], size_t brackets)
{
    memset(text, ']', brackets);
    text[brackets] = ',';
    memset(text + brackets + 1, '[', brackets);
    return 2 * brackets + 1;
}

/* Writes the numbers from the i-th on, which are ready and begin a group, up to `end`, each with
 * its separator; returns how many are nulls. */
static size_t write_run(const struct api_numbers *numbers, size_t i, size_t end,
                        const struct separators *separators, char **at)
{
    const size_t inner_bytes = separators->inner_bytes, outer_bytes = separators->outer_bytes;
    const size_t group = separators->group < end - i ? separators->group : end - i;
    char *p = *at;
    size_t nulls = 0;
    while (i < end) {
        for (const size_t stop = i + group; i < stop; i++) {
            size_t bytes = api_numbers_write(numbers, i, p);
            if (__builtin_expect(bytes == 0, 0)) {
                bytes = write_null(p);
                nulls++;
            }
            p += bytes;
            memcpy(p, separators->inner, SEPARATOR_BYTES);
            p += inner_bytes;
        }
        p -= inner_bytes;
        memcpy(p, separators->outer, SEPARATOR_BYTES);
        p += outer_bytes;
    }
    *at = p;
    return nulls;
}

/* Whether the numbers from the i-th on, up to `end`, are runs, and none is cut. */
static bool whole_runs(const struct api_numbers *numbers, size_t i, size_t end)
{
    const size_t run = numbers->run;
    return run > 0 && (i - numbers->first) % run == 0 && (end - i) % run == 0;
}

/* The same of whole runs of equal numbers, where one separator stands behind all. */
static size_t write_runs(const struct api_numbers *numbers, size_t i, size_t end,
                         const struct separators *separators, char **at)
{
    const size_t run = numbers->run, separator_bytes = separators->inner_bytes;
    const struct up_decimals *d = &numbers->decimals;
    char separator[SEPARATOR_BYTES], text[sizeof d->text[0]];
    char *p = *at;
    size_t nulls = 0, k = (i - numbers->first) / run;
    memcpy(separator, separators->inner, sizeof separator);
    for (; i < end; i += run, k++) {
        const size_t length = d->length[k], bytes = length + separator_bytes;
        if (__builtin_expect(length == 0, 0)) {
            nulls += write_run(numbers, i, i + run, separators, &p);
            continue;
        }
        memcpy(text, d->text[k], sizeof text);
        for (size_t j = 0; j < run; j++, p += bytes) {
            memcpy(p, text, sizeof text);
            memcpy(p + length, separator, sizeof separator);
        }
    }
    *at = p;
    return nulls;
}

struct writer {
    struct api_buffer *buffer;
    const struct up_shape *shape;
    struct api_numbers numbers;
    size_t end; /* of the numbers to be written */
};

/* Whether what follows the numbers begins as they do. */
static bool seem_repeated(const struct writer *w, size_t first, size_t end)
{
    const size_t count = end - first < SAMPLES ? end - first : SAMPLES;
    return w->end - end >= count && same_bits(w->numbers.values, first, end, count);
}

/* The numbers from the first-th on, which begins a group, up to `end`, with the brackets of each
 * group and its numbers, and commas between them; returns how many are nulls. */
static size_t write_groups(struct writer *w, size_t first, size_t end,
                           const struct separators *separators)
{
    struct api_numbers *numbers = &w->numbers;
    const size_t brackets = separators->outer_bytes / 2;
    const size_t useful = seem_repeated(w, first, end) ? end : w->end;
    size_t nulls = 0;
    api_buffer_put(w->buffer, separators->outer + brackets + 1, brackets);
    for (size_t i = first, stop; i < end; i = stop) {
        if (i >= numbers->end)
            api_numbers_find(numbers, i, useful);
        stop = numbers->end < end ? numbers->end : end;
        char *text = api_buffer_room(w->buffer, (stop - i) * NUMBER_ROOM), *p = text;
        if (text == NULL)
            return nulls;
        nulls += whole_runs(numbers, i, stop) ? write_runs(numbers, i, stop, separators, &p)
                                              : write_run(numbers, i, stop, separators, &p);
        p -= stop == end ? 1 + brackets : 0; /* nothing follows the last */
        api_buffer_advance(w->buffer, (size_t)(p - text));
    }
    return nulls;
}

/* Writes the last `bytes` before a comma once more. */
static void write_again(struct api_buffer *buffer, size_t bytes)
{
    char *text = api_buffer_room(buffer, bytes);
    if (text == NULL)
        return;
    memcpy(text, text - 1 - bytes, bytes);
    api_buffer_advance(buffer, bytes);
}

static size_t size_behind(const struct up_shape *shape, uint32_t axis)
{
    size_t size = 1;
    for (uint32_t i = axis + 1; i < shape->rank; i++)
        size *= shape->dim[i];
    return size;
}

/* Axes of length 1 at the end. */
static uint32_t wraps(const struct up_shape *shape)
{
    uint32_t count = 0;
    while (count < shape->rank && shape->dim[shape->rank - 1 - count] == 1)
        count++;
    return count;
}

/* `count` items of an array at `axis`, the first of which begins with the first-th number, with
 * commas between them. An item that equals the one before it, of which upsampling makes many, is
 * copied as text. */
static size_t write_list(struct writer *w, uint32_t axis, size_t first, size_t count)
{
    const struct up_shape *shape = w->shape;
    struct api_buffer *buffer = w->buffer;
    const size_t item = size_behind(shape, axis);
    size_t nulls = 0, item_nulls = 0, item_bytes = 0;
    if (item == 1 || item == w->numbers.group) {
        const uint32_t brackets = shape->rank - axis - 1;
        struct separators separators = {.group = item == 1 ? SIZE_MAX : item};
        separators.outer_bytes = separator_make(separators.outer, brackets);
        separators.inner_bytes =
            separator_make(separators.inner, item == 1 ? brackets : wraps(shape));
        return write_groups(w, first, first + count * item, &separators);
    }
    for (size_t i = 0; i < count && !buffer->failed; i++, first += item) {
        api_buffer_put(buffer, ",", i > 0);
        if (i > 0 && same_bits(w->numbers.values, first - item, first, item)) {
            write_again(buffer, item_bytes);
        } else {
            const size_t start = buffer->bytes;
            api_buffer_put(buffer, "[", 1);
            item_nulls = write_list(w, axis + 1, first, shape->dim[axis + 1]);
            api_buffer_put(buffer, "]", 1);
            item_bytes = buffer->bytes - start;
        }
        nulls += item_nulls;
    }
    return nulls;
}

/* Of `count` numbers. They repeat by pixels, whose channels are the last axis that has a length. */
static void writer_begin(struct writer *w, struct api_buffer *buffer,
                         const struct up_tensor *tensor, size_t count)
{
    static const float none; /* no numbers may have no address, to which nothing may be added */
    const struct up_shape *shape = &tensor->shape;
    const uint32_t wrap = wraps(shape);
    const size_t channels = wrap < shape->rank ? shape->dim[shape->rank - 1 - wrap] : 1;
    const bool few = channels >= 1 && channels <= API_NUMBERS_GROUP_MAX;
    w->buffer = buffer;
    w->shape = shape;
    w->end = count;
    api_numbers_begin(&w->numbers, count > 0 ? tensor->data : &none, few ? channels : 1);
}

size_t api_json_write_tensor(struct api_buffer *buffer, const struct up_tensor *tensor, bool flat)
{
    const size_t count = up_shape_size(&tensor->shape);
    struct up_shape shape = tensor->shape;
    if (flat)
        shape = (struct up_shape){.rank = 1, .dim = {count}};
    if (shape.rank == 0)
        return write_scalar(buffer, *tensor->data);
    for (uint32_t i = 0; i < shape.rank; i++)
        if (shape.dim[i] == 0)
            shape.rank = i + 1; /* what is inside an empty array has no text */
    /* So that a large text is not moved while it grows; a small one is moved in no time. */
    if (count >= ESTIMATED_MIN)
        (void)api_buffer_room(buffer, api_json_estimate(&(struct up_tensor){shape, tensor->data}));
    struct writer writer;
    writer_begin(&writer, buffer, tensor, count);
    writer.shape = &shape;
    api_buffer_put(buffer, "[", 1);
    const size_t nulls = write_list(&writer, 0, 0, shape.dim[0]);
    api_buffer_put(buffer, "]", 1);
    return nulls;
}

/* How many of the axes before `axis` begin with item i, counted in items. */
static size_t boundaries(const struct up_shape *shape, uint32_t axis, size_t i)
{
    size_t count = 0, size = 1;
    while (count < axis && i % (size *= shape->dim[axis - 1 - count]) == 0)
        count++;
    return count;
}

size_t api_json_write_items(struct api_buffer *buffer, const struct api_json_items *items)
{
    const struct up_shape *shape = &items->tensor->shape;
    const uint32_t axis = items->axis;
    const size_t item = size_behind(shape, axis - 1), length = shape->dim[axis - 1];
    size_t nulls = 0;
    struct writer writer;
    writer_begin(&writer, buffer, items->tensor, items->end * item);
    for (size_t i = items->begin, stop; i < items->end && !buffer->failed; i = stop) {
        const size_t list = i / length * length + length;
        stop = list < items->end ? list : items->end;
        api_buffer_put(buffer, ",", i > 0);
        api_buffer_put(buffer, "[[[[[[[[", boundaries(shape, axis, i));
        nulls += write_list(&writer, axis - 1, i * item, stop - i);
        api_buffer_put(buffer, "]]]]]]]]", boundaries(shape, axis, stop));
    }
    return nulls;
}
