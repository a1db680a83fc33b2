#include "core/tensor.h"

#include <stdio.h>
#include <string.h>

#include "core/arena.h"

bool up_shape_count(const struct up_shape *shape, size_t *ret_count)
{
    size_t n = 1, bytes;
    for (uint32_t i = 0; i < shape->rank; i++) /* a zero axis makes all of it zero, however large */
        if (shape->dim[i] == 0) {
            *ret_count = 0;
            return true;
        }
    for (uint32_t i = 0; i < shape->rank; i++)
        if (!up_size_mul(n, shape->dim[i], &n))
            return false;
    if (!up_size_mul(n, sizeof(float), &bytes) || bytes > SIZE_MAX / 4)
        return false;
    *ret_count = n;
    return true;
}

size_t up_shape_size(const struct up_shape *shape)
{
    size_t n = 0;
    UP_ASSERT(up_shape_count(shape, &n));
    return n;
}

double up_shape_estimate(const struct up_shape *shape)
{
    double n = 1;
    for (uint32_t i = 0; i < shape->rank; i++)
        n *= (double)shape->dim[i];
    return n;
}

bool up_shape_equal(const struct up_shape *a, const struct up_shape *b)
{
    return a->rank == b->rank && memcmp(a->dim, b->dim, a->rank * sizeof a->dim[0]) == 0;
}

struct up_shape up_shape_without(const struct up_shape *shape, uint32_t first, uint32_t count)
{
    struct up_shape out = {.rank = shape->rank - count};
    for (uint32_t i = 0; i < out.rank; i++)
        out.dim[i] = shape->dim[i < first ? i : i + count];
    return out;
}

struct up_shape up_shape_with(const struct up_shape *shape, uint32_t axis, size_t dim)
{
    UP_ASSERT(shape->rank < UP_RANK_MAX && axis <= shape->rank);
    struct up_shape out = {.rank = shape->rank + 1};
    for (uint32_t i = 0; i < out.rank; i++)
        out.dim[i] = i == axis ? dim : shape->dim[i < axis ? i : i - 1];
    return out;
}

struct up_shape up_shape_to_first(const struct up_shape *shape)
{
    if (shape->rank < 3)
        return *shape;
    const struct up_shape rest = up_shape_without(shape, shape->rank - 1, 1);
    return up_shape_with(&rest, 1, shape->dim[shape->rank - 1]);
}

struct up_shape up_shape_to_last(const struct up_shape *shape)
{
    if (shape->rank < 3)
        return *shape;
    const struct up_shape rest = up_shape_without(shape, 1, 1);
    return up_shape_with(&rest, rest.rank, shape->dim[1]);
}

const char *up_shape_text(const struct up_shape *shape, char text[UP_SHAPE_TEXT_BYTES])
{
    size_t at = 0;
    text[at++] = '(';
    for (uint32_t i = 0; i < shape->rank; i++) {
        const int n = snprintf(text + at, UP_SHAPE_TEXT_BYTES - at, "%s%zu", i == 0 ? "" : ", ",
                               shape->dim[i]);
        at += (size_t)n;
    }
    (void)snprintf(text + at, UP_SHAPE_TEXT_BYTES - at, shape->rank == 1 ? ",)" : ")");
    return text;
}
