#include <math.h>
#include <string.h>

#include "api/codec/json.h"
#include "api/codec/number.h"

/* Numbers that room is reserved for at a time, each with its brackets and comma. */
enum { RUN = 256, NUMBER_ROOM = API_NUMBER_BYTES_MAX + 2 * UP_RANK_MAX + 1, SAMPLES = 64 };

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

size_t api_json_estimate(const float *data, size_t count)
{
    char text[API_NUMBER_BYTES_MAX];
    size_t bytes = 0, samples = 0;
    for (size_t i = 0; i < count; i += count / SAMPLES, samples++)
        bytes += write_value(data[i], text) + 1;
    return bytes * (count / samples + 1) + count / 2;
}

static bool same_bits(const float *a, const float *b, size_t count)
{
    return count == 0 || memcmp(a, b, count * sizeof *a) == 0; /* nothing may be NULL */
}

/* Writes `count` numbers from the i-th on, each in so many brackets (`wrap`: axes of length 1
 * behind the last) and with a comma after it; returns how many are nulls. */
static size_t write_run(struct api_numbers *numbers, size_t i, size_t count, uint32_t wrap,
                        char **at)
{
    static const char opening[UP_RANK_MAX] = "[[[[[[[[";
    char closing[UP_RANK_MAX] = "]]]]]]]]", *p = *at;
    closing[wrap] = ',';
    size_t nulls = 0;
    for (const size_t stop = i + count; i < stop; i++) {
        const bool finite = isfinite(numbers->values[i]);
        memcpy(p, opening, sizeof opening);
        p += wrap;
        p += finite ? api_numbers_write(numbers, i, p) : write_null(p);
        memcpy(p, closing, sizeof closing);
        p += wrap + 1;
        nulls += !finite;
    }
    *at = p;
    return nulls;
}

static size_t write_scalar(struct api_buffer *buffer, float value)
{
    char *text = api_buffer_room(buffer, NUMBER_ROOM);
    if (text != NULL)
        api_buffer_advance(buffer, write_value(value, text));
    return text == NULL || isfinite(value) ? 0 : 1;
}

/* An array of the `count` numbers from the i-th on; returns how many are nulls. */
static size_t write_row(struct api_buffer *buffer, struct api_numbers *numbers, size_t i,
                        size_t count, uint32_t wrap)
{
    const size_t end = i + count;
    size_t nulls = 0;
    api_buffer_put(buffer, "[", 1);
    for (size_t stop; i < end; i = stop) {
        stop = end - i < RUN ? end : i + RUN;
        char *text = api_buffer_room(buffer, RUN * NUMBER_ROOM), *p = text;
        if (text == NULL)
            return nulls;
        nulls += write_run(numbers, i, stop - i, wrap, &p);
        api_buffer_advance(buffer, (size_t)(p - text) - (stop == end));
    }
    api_buffer_put(buffer, "]", 1);
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

/* The array at `axis`, from the first-th number on. An item that equals the one before it, of which
 * upsampling makes many, is copied as text. */
static size_t write_axis(struct api_buffer *buffer, struct api_numbers *numbers,
                         const struct up_shape *shape, uint32_t axis, size_t first)
{
    size_t nulls = 0, item = 1, item_nulls = 0, item_bytes = 0;
    for (uint32_t i = axis + 1; i < shape->rank; i++)
        item *= shape->dim[i];
    if (item == 1)
        return write_row(buffer, numbers, first, shape->dim[axis], shape->rank - axis - 1);
    api_buffer_put(buffer, "[", 1);
    for (size_t i = 0; i < shape->dim[axis] && !buffer->failed; i++, first += item) {
        const float *data = numbers->values + first;
        if (i > 0)
            api_buffer_put(buffer, ",", 1);
        if (i > 0 && same_bits(data, data - item, item)) {
            write_again(buffer, item_bytes);
        } else {
            const size_t start = buffer->bytes;
            item_nulls = write_axis(buffer, numbers, shape, axis + 1, first);
            item_bytes = buffer->bytes - start;
        }
        nulls += item_nulls;
    }
    api_buffer_put(buffer, "]", 1);
    return nulls;
}

static void numbers_begin(struct api_numbers *numbers, const float *values, size_t count)
{
    numbers->kernels = up_kernels_select(NULL); /* which they are changes no digit */
    numbers->values = values;
    numbers->count = count;
    numbers->first = numbers->end = 0;
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
    if (count >= RUN)           /* so that a large text is not moved while it grows */
        (void)api_buffer_room(buffer, api_json_estimate(tensor->data, count));
    struct api_numbers numbers;
    numbers_begin(&numbers, tensor->data, count);
    return write_axis(buffer, &numbers, &shape, 0, 0);
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
    size_t nulls = 0, item = 1, item_nulls = 0, item_bytes = 0;
    for (uint32_t i = items->axis; i < shape->rank; i++)
        item *= shape->dim[i];
    struct api_numbers numbers;
    numbers_begin(&numbers, items->tensor->data, items->end * item);
    for (size_t i = items->begin; i < items->end && !buffer->failed; i++) {
        const float *data = numbers.values + i * item;
        const size_t opening = boundaries(shape, items->axis, i);
        api_buffer_put(buffer, ",", i > 0);
        api_buffer_put(buffer, "[[[[[[[[", opening);
        if (i > items->begin && opening == 0 && same_bits(data, data - item, item)) {
            write_again(buffer, item_bytes);
        } else {
            const size_t start = buffer->bytes;
            item_nulls = write_axis(buffer, &numbers, shape, items->axis, i * item);
            item_bytes = buffer->bytes - start;
        }
        nulls += item_nulls;
        api_buffer_put(buffer, "]]]]]]]]", boundaries(shape, items->axis, i + 1));
    }
    return nulls;
}
