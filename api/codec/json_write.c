#include <math.h>
#include <string.h>

#include "api/codec/json.h"
#include "api/codec/number.h"

/* Numbers that room is reserved for at a time, each with its comma. */
enum { RUN = 256, NUMBER_ROOM = API_NUMBER_BYTES_MAX + 1, SAMPLES = 64 };

static size_t write_value(float value, char *text)
{
    if (isfinite(value))
        return api_number_write(value, text);
    static const char null[4] = {'n', 'u', 'l', 'l'};
    memcpy(text, null, sizeof null);
    return sizeof null;
}

/* Reserves what the text will probably need, so that a large one is not moved while it grows. */
static void reserve(struct api_buffer *buffer, const float *data, size_t count)
{
    char text[API_NUMBER_BYTES_MAX];
    size_t bytes = 0, samples = 0;
    if (count < RUN)
        return;
    for (size_t i = 0; i < count; i += count / SAMPLES, samples++)
        bytes += write_value(data[i], text) + 1;
    (void)api_buffer_room(buffer, bytes * (count / samples + 1) + count / 2);
}

/* The numbers from `first` to before `last` with commas between; returns how many are nulls. */
static size_t write_row(struct api_buffer *buffer, const float *data, size_t first, size_t last)
{
    size_t nulls = 0;
    for (size_t i = first; i < last;) {
        const size_t stop = last - i < RUN ? last : i + RUN;
        char *text = api_buffer_room(buffer, RUN * NUMBER_ROOM);
        if (text == NULL)
            return nulls;
        char *p = text;
        for (; i < stop; i++) {
            nulls += isfinite(data[i]) ? 0 : 1;
            p += write_value(data[i], p);
            *p = ',';
            p += i + 1 < last;
        }
        api_buffer_advance(buffer, (size_t)(p - text));
    }
    return nulls;
}

/* Steps to the next row and returns how many arrays close before it. */
static uint32_t next_row(const struct up_shape *shape, size_t index[UP_RANK_MAX])
{
    uint32_t closed = 1;
    for (uint32_t axis = shape->rank - 1; axis-- > 0; closed++) {
        if (++index[axis] < shape->dim[axis])
            break;
        index[axis] = 0;
    }
    return closed;
}

static size_t write_nested(struct api_buffer *buffer, const struct up_shape *shape,
                           const float *data)
{
    static const char opening[] = "[[[[[[[[", closing[] = "]]]]]]]]";
    const size_t row = shape->dim[shape->rank - 1];
    size_t index[UP_RANK_MAX] = {0}, nulls = 0, first = 0;
    uint32_t closed = shape->rank;
    do {
        api_buffer_put(buffer, opening, closed);
        nulls += write_row(buffer, data, first, first + row);
        first += row;
        closed = next_row(shape, index);
        api_buffer_put(buffer, closing, closed);
        if (closed != shape->rank)
            api_buffer_put(buffer, ",", 1);
    } while (closed != shape->rank && !buffer->failed);
    return nulls;
}

size_t api_json_write_tensor(struct api_buffer *buffer, const struct up_tensor *tensor, bool flat)
{
    const size_t count = up_shape_size(&tensor->shape);
    struct up_shape shape = tensor->shape;
    if (flat)
        shape = (struct up_shape){.rank = 1, .dim = {count}};
    if (shape.rank == 0)
        return write_row(buffer, tensor->data, 0, 1);
    for (uint32_t i = 0; i < shape.rank; i++)
        if (shape.dim[i] == 0)
            shape.rank = i + 1; /* what is inside an empty array has no text */
    reserve(buffer, tensor->data, count);
    return write_nested(buffer, &shape, tensor->data);
}
