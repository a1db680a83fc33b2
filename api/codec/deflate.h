/* Compression by libdeflate, which needs the whole text at once and is several times as fast as
 * zlib for it. The only user of libdeflate. */
#ifndef API_CODEC_DEFLATE_H
#define API_CODEC_DEFLATE_H

#include "core/arena.h"
#include "core/error.h"

/* A zlib stream (RFC 1950) of `bytes` bytes, in `arena`. `level` in 0 .. 12. The compressor's own
 * memory, less than a megabyte at the levels up to 9, is the heap's; up to four of a level are kept
 * for later calls, of any thread. UP_E_BUSY without that memory, and the arena's errors. */
enum up_code api_deflate(const void *data, size_t bytes, int level, struct up_arena *arena,
                         const void **ret_data, size_t *ret_bytes, struct up_error *err) UP_CHECKED;

/* The checksum at the end of a zlib stream. */
uint32_t api_adler32(const void *data, size_t bytes);

/* "libdeflate 1.14" */
const char *api_deflate_library(void);

#endif
