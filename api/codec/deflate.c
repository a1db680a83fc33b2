/* DESIGN
 * A compressor is hundreds of kilobytes, which the system hands out page by page, each one cleared
 * and faulted in: many times the work of compressing a small picture. So a few of them are kept
 * until the next call, each in a slot that a thread empties while it uses it. */
#include "api/codec/deflate.h"

#include <libdeflate.h>
#include <stdatomic.h>

enum { LEVELS = 13, KEPT = 4 };

static _Atomic(struct libdeflate_compressor *) kept[LEVELS][KEPT];

static struct libdeflate_compressor *compressor_take(int level)
{
    struct libdeflate_compressor *compressor = NULL;
    for (size_t i = 0; i < KEPT && compressor == NULL; i++)
        compressor = atomic_exchange(&kept[level][i], NULL);
    return compressor != NULL ? compressor : libdeflate_alloc_compressor(level);
}

static void compressor_keep(int level, struct libdeflate_compressor *compressor)
{
    for (size_t i = 0; i < KEPT && compressor != NULL; i++)
        compressor = atomic_exchange(&kept[level][i], compressor);
    libdeflate_free_compressor(compressor); /* a NULL too */
}

enum up_code api_deflate(const void *data, size_t bytes, int level, struct up_arena *arena,
                         const void **ret_data, size_t *ret_bytes, struct up_error *err)
{
    struct libdeflate_compressor *compressor = compressor_take(level);
    if (compressor == NULL)
        return up_fail(err, UP_E_BUSY, "", "no memory to compress with");
    const size_t bound = libdeflate_zlib_compress_bound(compressor, bytes);
    void *to = up_arena_alloc(arena, bound, 1, err);
    if (to != NULL)
        *ret_bytes = libdeflate_zlib_compress(compressor, data, bytes, to, bound);
    compressor_keep(level, compressor);
    *ret_data = to;
    return to == NULL ? err->code : UP_OK;
}

uint32_t api_adler32(const void *data, size_t bytes)
{
    return libdeflate_adler32(1, data, bytes);
}

const char *api_deflate_library(void)
{
    return "libdeflate " LIBDEFLATE_VERSION_STRING;
}
