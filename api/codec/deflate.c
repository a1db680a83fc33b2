#include "api/codec/deflate.h"

#include <libdeflate.h>

enum up_code api_deflate(const void *data, size_t bytes, int level, struct up_arena *arena,
                         const void **ret_data, size_t *ret_bytes, struct up_error *err)
{
    struct libdeflate_compressor *compressor = libdeflate_alloc_compressor(level);
    if (compressor == NULL)
        return up_fail(err, UP_E_BUSY, "", "no memory to compress with");
    const size_t bound = libdeflate_zlib_compress_bound(compressor, bytes);
    void *to = up_arena_alloc(arena, bound, 1, err);
    if (to != NULL)
        *ret_bytes = libdeflate_zlib_compress(compressor, data, bytes, to, bound);
    libdeflate_free_compressor(compressor);
    *ret_data = to;
    return to == NULL ? err->code : UP_OK;
}

const char *api_deflate_library(void)
{
    return "libdeflate " LIBDEFLATE_VERSION_STRING;
}
