/* A JSON text that is written in pieces, large tensors by several threads at once. The pieces stay
 * where they were written: nobody moves them together. */
#ifndef API_CODEC_JSON_PIECES_H
#define API_CODEC_JSON_PIECES_H

#include "api/api.h"
#include "api/codec/buffer.h"
#include "core/pool.h"
#include "core/tensor.h"

enum { API_PIECES_MAX = 128 };

struct api_pieces {
    struct api_buffer now; /* write here; it becomes a piece when a tensor has its own */
    struct api_piece piece[API_PIECES_MAX];
    size_t count; /* that are finished */
};

struct api_pieces api_pieces_make(struct up_arena *arena, struct up_error *err);

/* What api_json_write_tensor writes, on the pool's idle threads as well where it is large. Returns
 * how many nulls. `pool` may be NULL. */
size_t api_pieces_tensor(struct api_pieces *text, const struct up_tensor *tensor, bool flat,
                         struct up_pool *pool);

/* The whole text as a response's body; the code of what failed before. */
enum up_code api_pieces_finish(struct api_pieces *text, struct api_response *response) UP_CHECKED;

#endif
