/* DESIGN
 * A large tensor is divided into chunks of items: what its first few axes hold. Each chunk has
 * memory of its own, as much as a sample of the numbers says and a quarter more, so that threads
 * need not ask the request's arena. A chunk that needs more is written again, by the caller. */
#include "api/codec/json_pieces.h"

#include "api/codec/json.h"

enum {
    CHUNK_NUMBERS = 32768, /* about a millisecond's work */
    CHUNKS_MAX = 64,
    SPARE = 4, /* 1 / SPARE more than the sample says */
};

struct chunk {
    struct api_buffer text;
    struct api_json_items items;
    size_t nulls;
};

struct api_pieces api_pieces_make(struct up_arena *arena, struct up_error *err)
{
    return (struct api_pieces){.now = api_buffer_make(arena, err)};
}

static void piece_add(struct api_pieces *text, const struct api_buffer *from)
{
    UP_ASSERT(text->count < API_PIECES_MAX);
    text->piece[text->count++] = (struct api_piece){from->data, from->bytes};
}

/* What is written next is a piece of its own; after a failure nothing is. */
static void piece_end(struct api_pieces *text)
{
    if (text->now.failed)
        return;
    if (text->now.bytes > 0)
        piece_add(text, &text->now);
    text->now = api_buffer_make(text->now.arena, text->now.err);
}

static void write_chunks(void *arg, size_t begin, size_t end)
{
    struct chunk *chunks = arg;
    for (struct chunk *c = chunks + begin; c < chunks + end; c++)
        c->nulls = api_json_write_items(&c->text, &c->items);
}

/* The items of each chunk, and memory for them; 0 chunks when it is not worth it. */
static size_t divide(const struct api_pieces *text, const struct up_tensor *tensor,
                     struct chunk chunks[CHUNKS_MAX])
{
    const size_t numbers = up_shape_size(&tensor->shape);
    size_t count = numbers / CHUNK_NUMBERS, items = 1;
    uint32_t axis = 0;
    count = count < CHUNKS_MAX ? count : CHUNKS_MAX;
    while (axis + 1 < tensor->shape.rank && items < count)
        items *= tensor->shape.dim[axis++];
    if (count < 2 || items < count || text->count + count + 2 > API_PIECES_MAX)
        return 0;
    const size_t sampled = api_json_estimate(tensor) / count;
    const size_t room = sampled + sampled / SPARE;
    for (size_t i = 0; i < count; i++) {
        char *data = up_arena_alloc(text->now.arena, room, 1, NULL);
        if (data == NULL)
            return 0;
        chunks[i].text = api_buffer_fixed(data, room);
        chunks[i].items =
            (struct api_json_items){tensor, axis, items * i / count, items * (i + 1) / count};
    }
    return count;
}

size_t api_pieces_tensor(struct api_pieces *text, const struct up_tensor *tensor, bool flat,
                         struct up_pool *pool)
{
    struct chunk chunks[CHUNKS_MAX];
    const size_t count = flat || pool == NULL ? 0 : divide(text, tensor, chunks);
    size_t nulls = 0;
    if (count == 0 || text->now.failed)
        return api_json_write_tensor(&text->now, tensor, flat);
    piece_end(text);
    up_pool_rows(pool, count, 1, write_chunks, chunks);
    for (size_t i = 0; i < count; i++) {
        struct chunk *c = &chunks[i];
        if (!c->text.failed) {
            piece_add(text, &c->text);
        } else {
            c->nulls = api_json_write_items(&text->now, &c->items);
            piece_end(text);
        }
        nulls += c->nulls;
    }
    return nulls;
}

enum up_code api_pieces_finish(struct api_pieces *text, struct api_response *response)
{
    struct up_arena *arena = text->now.arena;
    struct up_error *err = text->now.err;
    if (api_buffer_finish(&text->now) != UP_OK)
        return api_buffer_finish(&text->now);
    piece_end(text);
    response->body = text->piece[0].data;
    response->body_bytes = text->piece[0].bytes;
    if (text->count == 1)
        return UP_OK;
    struct api_piece *more = up_arena_alloc(arena, text->count - 1, sizeof *more, err);
    if (more == NULL)
        return err->code;
    for (size_t i = 1; i < text->count; i++)
        more[i - 1] = text->piece[i];
    response->more = more;
    response->more_count = text->count - 1;
    return UP_OK;
}
