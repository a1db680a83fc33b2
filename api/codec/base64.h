/* Base64 (RFC 4648), both alphabets, with or without padding; white space is not taken. */
#ifndef API_CODEC_BASE64_H
#define API_CODEC_BASE64_H

#include <stddef.h>

#include "core/arena.h"
#include "core/error.h"

/* UP_E_SYNTAX names the first character that does not belong. */
enum up_code api_base64_decode(const char *text, size_t length, struct up_arena *arena,
                               const void **ret_data, size_t *ret_bytes,
                               struct up_error *err) UP_CHECKED;

#endif
