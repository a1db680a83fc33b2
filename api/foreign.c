#include "api/foreign.h"

#include <string.h>

static const struct {
    const char *first;
    size_t bytes;
    const char *name;
} formats[] = {
    {"\xff\xd8\xff", 3, "a JPEG"},
    {"GIF8", 4, "a GIF"},
    {"RIFF", 4, "a WebP"},
    {"BM", 2, "a BMP"},
    {"II*\0", 4, "a TIFF"},
    {"MM\0*", 4, "a TIFF"},
    {"PK\3\4", 4, "a ZIP archive (.npz, .keras)"},
    {"\x89HDF", 4, "an HDF5 file (.h5)"},
    {"\x89PNG", 4, "a PNG that lost bytes on its way (curl needs --data-binary)"},
    {"\x1f\x8b", 2, "compressed by gzip"},
    {"\xef\xbb\xbf", 3, "text behind a byte order mark"},
    {"\xff\xfe", 2, "text in UTF-16"},
    {"\xfe\xff", 2, "text in UTF-16"},
};

const char *api_foreign_format(const void *data, size_t bytes)
{
    for (size_t i = 0; i < sizeof formats / sizeof *formats; i++)
        if (bytes >= formats[i].bytes && memcmp(data, formats[i].first, formats[i].bytes) == 0)
            return formats[i].name;
    return NULL;
}
