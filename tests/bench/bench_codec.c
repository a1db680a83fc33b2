/* DESIGN
 * How fast tensors become bytes and bytes tensors, beside other libraries.
 *
 *     bench_codec FOLDER [PEERS]       what codec.py talks to
 *     bench_codec --round-trip COUNT   random floats through text and back, on all cores
 *
 * FOLDER holds what is coded, PEERS is codec_peers.cpp as a shared object. A line for each way says
 * what it codes and its name, and an empty line ends them. Then each line read is the number of a
 * way, which runs twice; answered are the second run's seconds and how many bytes it left. A
 * number read or written that is not the subject's ends the process. */
#include <dlfcn.h>
#include <math.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "api/codec/json.h"
#include "api/codec/number.h"
#include "core/deadline.h"
#include "tests/bench/codec_ways.h"

enum { SIDE = 512, PICTURE_SIDE = 1024, WAYS_MAX = 128, THREADS_MAX = 256, PALETTE = 256 };

static void fail(const char *what, const char *why)
{
    fprintf(stderr, "bench_codec: %s: %s\n", what, why);
    exit(EXIT_FAILURE);
}

/* --- Subjects ------------------------------------------------------------------------------- */

static void *file_read(const char *folder, const char *name, size_t bytes)
{
    char path[4096];
    (void)snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "rb");
    void *data = malloc(bytes);
    if (file == NULL || data == NULL || fread(data, 1, bytes, file) != bytes)
        fail(path, "cannot be read");
    (void)fclose(file);
    return data;
}

/* The numbers as our own text, which is as short as it can be. */
static void text_make(struct codec_subject *s)
{
    struct up_error err = {.code = UP_OK};
    struct up_arena *arena = up_arena_new((size_t)1 << 30, NULL);
    if (arena == NULL)
        fail(s->name, "no memory");
    struct api_buffer buffer = api_buffer_make(arena, &err);
    const struct up_tensor tensor = {{2, {s->rows, s->columns}}, (float *)(uintptr_t)s->values};
    (void)api_json_write_tensor(&buffer, &tensor, false);
    if (api_buffer_finish(&buffer) != UP_OK)
        fail(s->name, err.text);
    s->text = buffer.data; /* for the process' life */
    s->text_bytes = buffer.bytes;
}

static struct codec_subject subjects[] = {
    {.name = "uniform", .work = CODEC_READ, .rows = SIDE, .columns = SIDE},
    {.name = "integers", .work = CODEC_READ, .rows = SIDE, .columns = SIDE, .whole = true},
    {.name = "uniform", .work = CODEC_WRITE, .rows = SIDE, .columns = SIDE},
    {.name = "integers", .work = CODEC_WRITE, .rows = SIDE, .columns = SIDE, .whole = true},
    {.name = "nearest", .work = CODEC_WRITE, .rows = SIDE, .columns = SIDE},
    {.name = "smooth", .work = CODEC_PNG, .rows = PICTURE_SIDE, .columns = PICTURE_SIDE},
    {.name = "upsampled", .work = CODEC_PNG, .rows = PICTURE_SIDE, .columns = PICTURE_SIDE},
    {.name = "noisy", .work = CODEC_PNG, .rows = PICTURE_SIDE, .columns = PICTURE_SIDE},
};
enum { SUBJECTS = sizeof subjects / sizeof *subjects };

static void subjects_read(const char *folder)
{
    const unsigned char(*palette)[3] = file_read(folder, "palette", 3 * PALETTE);
    for (struct codec_subject *s = subjects; s < subjects + SUBJECTS; s++) {
        const size_t count = s->rows * s->columns;
        if (s->work == CODEC_PNG) {
            s->pixels = file_read(folder, s->name, count);
            s->palette = palette;
        } else {
            s->values = file_read(folder, s->name, count * sizeof(float));
            text_make(s);
        }
    }
}

/* --- Ways ----------------------------------------------------------------------------------- */

static struct open_way {
    const struct codec_subject *subject;
    const struct codec_way *way;
    void *opened;
} ways[WAYS_MAX];
static size_t way_count;

static void ways_open(const struct codec_way *table)
{
    static const char *const works[] = {"read", "write", "png"};
    for (const struct codec_way *way = table; way->name != NULL; way++)
        for (const struct codec_subject *s = subjects; s < subjects + SUBJECTS; s++) {
            void *opened = s->work == way->work && way_count < WAYS_MAX ? way->open(s) : NULL;
            if (opened == NULL)
                continue;
            ways[way_count++] = (struct open_way){s, way, opened};
            printf("%s %s\t%s\n", works[s->work], s->name, way->name);
        }
}

static void peers_open(const char *path)
{
    void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    const struct codec_way *table = library == NULL ? NULL : dlsym(library, CODEC_PEER_WAYS);
    if (table == NULL)
        fail(path, dlerror());
    ways_open(table);
}

/* Whether the result says what the subject does. */
static bool right(const struct codec_subject *s, struct codec_bytes result)
{
    const size_t bytes = s->rows * s->columns * sizeof(float);
    if (s->work == CODEC_PNG)
        return result.bytes > 0;
    if (s->work == CODEC_READ)
        return result.bytes == 0 ||
               (result.bytes == bytes && memcmp(result.data, s->values, bytes) == 0);
    const char *at = result.data, *end = at + result.bytes;
    for (size_t i = 0; i < s->rows * s->columns; i++) {
        float value;
        while (at < end && strchr("[], ", *at) != NULL)
            at++;
        if (api_number_read(at, end, &value, &at) != API_NUMBER_OK || value != s->values[i])
            return false;
    }
    return true;
}

static void way_run(const struct open_way *w)
{
    if (!right(w->subject, w->way->run(w->opened)))
        fail(w->way->name, "other numbers than the subject's");
    (void)w->way->run(w->opened); /* the check took the caches */
    const uint64_t start = up_now_ns();
    const struct codec_bytes result = w->way->run(w->opened);
    printf("%.9f %zu\n", (double)(up_now_ns() - start) * 1e-9, result.bytes);
}

/* --- Round trips ---------------------------------------------------------------------------- */

struct trips {
    pthread_t thread;
    uint64_t state; /* of xorshift64 */
    size_t count, finite, wrong;
};

static void trips_check(struct trips *t, const float *values, size_t count)
{
    struct api_numbers numbers;
    api_numbers_begin(&numbers, values, 1);
    for (size_t i = 0; i < count; i++) {
        char text[API_NUMBER_BYTES_MAX], alone[API_NUMBER_BYTES_MAX];
        const char *end = text;
        float again = 0;
        if (i >= numbers.end)
            api_numbers_find(&numbers, i, count);
        const size_t bytes = api_numbers_write(&numbers, i, text);
        const bool read = api_number_read(text, text + bytes, &again, &end) == API_NUMBER_OK;
        t->wrong += !read || end != text + bytes || memcmp(&again, &values[i], sizeof again) != 0 ||
                    api_number_write(values[i], alone) != bytes || memcmp(text, alone, bytes) != 0;
    }
    t->finite += count;
}

static void *trips_run(void *self)
{
    enum { VALUES = 4096 };
    struct trips *t = self;
    float values[VALUES];
    size_t count = 0;
    for (size_t i = 0; i < t->count; i++) {
        t->state ^= t->state << 13;
        t->state ^= t->state >> 7;
        t->state ^= t->state << 17;
        const uint32_t bits = (uint32_t)(t->state >> 32);
        memcpy(&values[count], &bits, sizeof bits);
        count += isfinite(values[count]) != 0;
        if (count < VALUES && i + 1 < t->count)
            continue;
        trips_check(t, values, count);
        count = 0;
    }
    return NULL;
}

static int round_trip(size_t count)
{
    static struct trips trips[THREADS_MAX];
    const long cores = sysconf(_SC_NPROCESSORS_ONLN);
    const size_t threads = cores < 1 ? 1 : cores > THREADS_MAX ? THREADS_MAX : (size_t)cores;
    size_t finite = 0, wrong = 0;
    const uint64_t start = up_now_ns();
    for (size_t i = 0; i < threads; i++) {
        trips[i].state = 0x9e3779b97f4a7c15u * (start | 1) * (i + 1);
        trips[i].count = count / threads + (i < count % threads);
        if (pthread_create(&trips[i].thread, NULL, trips_run, &trips[i]) != 0)
            fail("--round-trip", "no thread");
    }
    for (size_t i = 0; i < threads; i++) {
        (void)pthread_join(trips[i].thread, NULL);
        finite += trips[i].finite;
        wrong += trips[i].wrong;
    }
    printf("%zu random bit patterns, %zu of them finite, written and read again: %zu differ"
           " (%.1f s, %zu threads).\n",
           count, finite, wrong, (double)(up_now_ns() - start) * 1e-9, threads);
    return wrong == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

int main(int argc, char **argv)
{
    char line[32];
    if (argc == 3 && strcmp(argv[1], "--round-trip") == 0)
        return round_trip(strtoull(argv[2], NULL, 10));
    if (argc != 2 && argc != 3)
        fail("usage", "bench_codec FOLDER [PEERS], or bench_codec --round-trip COUNT");
    subjects_read(argv[1]);
    ways_open(codec_text_ways);
    ways_open(codec_png_ways);
    if (argc == 3)
        peers_open(argv[2]);
    printf("\n");
    (void)fflush(stdout);
    while (fgets(line, sizeof line, stdin) != NULL) {
        const size_t number = strtoull(line, NULL, 10);
        if (number >= way_count)
            fail(line, "there is no such way");
        way_run(&ways[number]);
        (void)fflush(stdout);
    }
    return EXIT_SUCCESS;
}
