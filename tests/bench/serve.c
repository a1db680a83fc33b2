#include "tests/bench/serve.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/deadline.h"
#include "tests/bench/roofs.h"
#include "tests/bench/subject.h"

enum { LINE_BYTES = 4096, PARTS_MAX = 1024, RUNS_MAX = 20000 };

struct server {
    const struct up_kernels *kernels;
    struct up_pool *pool;
    struct up_arena *arena;
    struct subject subject;
    bool loaded;
    struct up_error err;
};

static void answer_error(const char *text)
{
    printf("{\"error\":\"");
    for (; *text != '\0'; text++)
        printf(*text == '"' || *text == '\\' ? "\\%c" : "%c", *text);
    printf("\"}\n");
}

/* --- Folders -------------------------------------------------------------------------------- */

/* A file of the folder as a part in the arena; false when there is none. */
static bool part_read(struct server *s, const char *folder, const char *name, struct api_part *ret)
{
    char path[LINE_BYTES + 64];
    (void)snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "rb");
    if (file == NULL)
        return false;
    (void)fseek(file, 0, SEEK_END);
    const size_t bytes = (size_t)ftell(file);
    rewind(file);
    char *data = up_arena_alloc(s->arena, bytes, 1, &s->err);
    char *copy = up_arena_alloc(s->arena, strlen(name) + 1, 1, &s->err);
    const bool read = data != NULL && copy != NULL && fread(data, 1, bytes, file) == bytes;
    (void)fclose(file);
    if (!read)
        return false;
    strcpy(copy, name);
    *ret = (struct api_part){copy, NULL, data, bytes};
    return true;
}

/* All parts of a folder, in the order that the service wants; returns how many. */
static size_t parts_read(struct server *s, const char *folder, struct api_part *parts)
{
    static const char *const lists[] = {"inputs", "weights"};
    size_t count = part_read(s, folder, "request", &parts[0]);
    for (size_t l = 0; l < 2; l++)
        for (size_t i = 0; count < PARTS_MAX; i++, count++) {
            char name[32];
            (void)snprintf(name, sizeof name, "%s.%zu", lists[l], i);
            if (!part_read(s, folder, name, &parts[count]))
                break;
        }
    return count;
}

static void clear(struct server *s)
{
    if (s->loaded)
        subject_close(&s->subject);
    s->loaded = false;
    s->err = (struct up_error){.code = UP_OK};
    up_arena_reset(s->arena, 0);
}

/* --- Commands ------------------------------------------------------------------------------- */

static void plan(struct server *s, const char *folder)
{
    struct api_part part;
    clear(s);
    if (!part_read(s, folder, "request", &part)) {
        answer_error("the folder has no request");
        return;
    }
    const size_t limit = (size_t)1 << 33;
    const struct api_context context = {
        .kernels = s->kernels,
        .limits = {.body_bytes = limit, .output_bytes = limit, .memory_bytes = limit}};
    part.name = NULL;
    const struct api_request request = {
        .method = "POST", .path = "/plan", .parts = &part, .part_count = 1, .arena = s->arena};
    struct api_response response = {.status = 0};
    api_handle(&context, &request, &response);
    if (response.status == 200)
        printf("%.*s", (int)response.body_bytes, (const char *)response.body); /* a line */
    else
        answer_error(response.body);
}

static void load(struct server *s, const char *folder)
{
    static struct api_part parts[PARTS_MAX];
    char path[LINE_BYTES + 64];
    clear(s);
    const size_t count = parts_read(s, folder, parts);
    s->loaded = true;
    if (subject_open(&s->subject, s->kernels, s->arena, parts, count, &s->err) != UP_OK) {
        answer_error(s->err.text);
        return;
    }
    s->subject.pool = s->pool;
    (void)subject_run(&s->subject);
    (void)snprintf(path, sizeof path, "%s/output", folder);
    FILE *file = fopen(path, "wb");
    if (file == NULL ||
        fwrite(s->subject.out, 1, s->subject.output_bytes, file) != s->subject.output_bytes ||
        fclose(file) != 0)
        answer_error("the output cannot be written");
    else
        printf("{}\n");
}

static void turn(const struct server *s, double budget)
{
    static double seconds[RUNS_MAX];
    size_t runs = 0;
    if (!s->loaded || s->err.code != UP_OK) {
        answer_error("nothing is loaded");
        return;
    }
    const struct roofs roofs = roofs_now(s->kernels);
    double warm = 0;
    do
        warm += subject_run(&s->subject);
    while (warm < budget / 10);
    for (double all = 0; runs < RUNS_MAX && (runs == 0 || all < budget); runs++)
        all += seconds[runs] = subject_run(&s->subject);
    printf("{\"multiply_adds\":%.6g,\"tile\":%.6g,\"stores\":%.6g,\"seconds\":[",
           roofs.multiply_adds, roofs.tile, roofs.stores);
    for (size_t i = 0; i < runs; i++)
        printf("%s%.9g", i == 0 ? "" : ",", seconds[i]);
    printf("]}\n");
}

int serve(const struct up_kernels *kernels, unsigned threads)
{
    static char line[LINE_BYTES];
    struct server s = {.kernels = kernels,
                       .arena = up_arena_new((size_t)1 << 33, NULL),
                       .pool = threads > 1 ? up_pool_new(threads - 1, 0) : NULL};
    if (s.arena == NULL || (threads > 1 && s.pool == NULL))
        return EXIT_FAILURE;
    printf("{\"version\":\"our %s kernels\"}\n", kernels->isa);
    (void)fflush(stdout);
    while (fgets(line, sizeof line, stdin) != NULL) {
        line[strcspn(line, "\n")] = '\0';
        char *space = strchr(line, ' '), *word = space == NULL ? line : space + 1;
        if (space != NULL)
            *space = '\0';
        if (strcmp(line, "plan") == 0)
            plan(&s, word);
        else if (strcmp(line, "load") == 0)
            load(&s, word);
        else if (strcmp(line, "turn") == 0)
            turn(&s, strtod(word, NULL));
        else
            answer_error("the commands are plan FOLDER, load FOLDER and turn SECONDS");
        (void)fflush(stdout);
    }
    clear(&s);
    up_pool_free(s.pool);
    up_arena_free(s.arena);
    return EXIT_SUCCESS;
}
