/* Runs a fuzz target over its corpus without libFuzzer, so that every find stays a test: each file,
 * and each file cut short. An empty corpus fails. CORPUS is the folder, from the build line. */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

enum { CUTS = 16 };

/* A heap block of exactly that size, so that AddressSanitizer sees a read past the end. */
static void replay(const uint8_t *data, size_t bytes)
{
    uint8_t *copy = malloc(bytes == 0 ? 1 : bytes);
    if (copy == NULL)
        abort();
    if (bytes != 0)
        memcpy(copy, data, bytes);
    (void)LLVMFuzzerTestOneInput(copy, bytes);
    free(copy);
}

static int replay_file(const char *path)
{
    FILE *file = fopen(path, "rb");
    if (file == NULL || fseek(file, 0, SEEK_END) != 0) {
        perror(path);
        return 1;
    }
    const long end = ftell(file);
    const size_t bytes = end < 0 ? 0 : (size_t)end;
    uint8_t *data = malloc(bytes + 1);
    rewind(file);
    if (data == NULL || fread(data, 1, bytes, file) != bytes)
        abort();
    (void)fclose(file);
    for (size_t cut = 0; cut < CUTS; cut++)
        replay(data, bytes / CUTS * cut);
    replay(data, bytes);
    free(data);
    return 0;
}

int main(void)
{
    DIR *folder = opendir(CORPUS);
    if (folder == NULL) {
        perror(CORPUS);
        return 1;
    }
    unsigned files = 0;
    int status = 0;
    for (const struct dirent *entry; (entry = readdir(folder)) != NULL;) {
        char path[4096];
        if (entry->d_name[0] == '.')
            continue;
        (void)snprintf(path, sizeof path, "%s/%s", CORPUS, entry->d_name);
        status |= replay_file(path);
        files++;
    }
    (void)closedir(folder);
    (void)printf("%u files\n", files);
    return files == 0 ? 1 : status;
}
