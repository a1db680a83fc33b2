/* A text that grows in an arena. A failure to grow is remembered: write on, check once at the end.
 */
#ifndef API_CODEC_BUFFER_H
#define API_CODEC_BUFFER_H

#include <stdbool.h>
#include <stddef.h>

#include "core/arena.h"
#include "core/error.h"

struct api_buffer {
    struct up_arena *arena;
    char *data; /* not NUL-terminated; NULL while empty */
    size_t bytes, capacity;
    struct up_error *err; /* receives the arena's error */
    bool failed;
};

struct api_buffer api_buffer_make(struct up_arena *arena, struct up_error *err);

/* One that does not grow: what does not fit fails. */
struct api_buffer api_buffer_fixed(char *data, size_t capacity);

/* Room for `bytes` more at the returned place, or NULL; api_buffer_advance then says how many were
 * written there. */
char *api_buffer_room(struct api_buffer *buffer, size_t bytes);
void api_buffer_advance(struct api_buffer *buffer, size_t bytes);

void api_buffer_put(struct api_buffer *buffer, const void *data, size_t bytes);
void api_buffer_puts(struct api_buffer *buffer, const char *text);
void api_buffer_number(struct api_buffer *buffer, size_t n);
void api_buffer_printf(struct api_buffer *buffer, const char *format, ...) UP_PRINTF(2, 3);

/* A JSON string literal with its quotes. What is not UTF-8 in the text, such as half a character
 * where it was cut, becomes U+FFFD. */
void api_buffer_quote(struct api_buffer *buffer, const char *text);

/* UP_OK, or the code of the failure. */
enum up_code api_buffer_finish(const struct api_buffer *buffer) UP_CHECKED;

#endif
