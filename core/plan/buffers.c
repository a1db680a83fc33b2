#include "core/plan/internal.h"

static size_t aligned(size_t bytes)
{
    return (bytes + UP_ALIGN_BYTES - 1) / UP_ALIGN_BYTES * UP_ALIGN_BYTES;
}

static bool live_together(const struct up_buffer *a, const struct up_buffer *b)
{
    return a->first <= b->last && b->first <= a->last;
}

/* The lowest offset at which `b` meets none of the placed buffers that live when it does. */
static size_t place(const struct up_buffer *b, const struct up_buffer *all, const uint32_t *placed,
                    size_t placed_count)
{
    size_t offset = 0;
    for (bool moved = true; moved;) {
        moved = false;
        for (size_t i = 0; i < placed_count; i++) {
            const struct up_buffer *p = &all[placed[i]];
            if (live_together(b, p) && offset < p->offset + aligned(p->bytes) &&
                p->offset < offset + aligned(b->bytes)) {
                offset = p->offset + aligned(p->bytes);
                moved = true;
            }
        }
    }
    return offset;
}

size_t up_buffers_place(struct up_buffer *buffer, size_t buffer_count, uint32_t *order)
{
    size_t count = 0, total = 0;
    for (size_t i = 0; i < buffer_count; i++) { /* insertion sort: there are few */
        if (buffer[i].kind != UP_BUFFER_SCRATCH)
            continue;
        size_t at = count++;
        for (; at > 0 && buffer[order[at - 1]].bytes < buffer[i].bytes; at--)
            order[at] = order[at - 1];
        order[at] = (uint32_t)i;
    }
    for (size_t i = 0; i < count; i++) {
        struct up_buffer *b = &buffer[order[i]];
        b->offset = place(b, buffer, order, i);
        const size_t end = b->offset + aligned(b->bytes);
        total = end > total ? end : total;
    }
    return total;
}
