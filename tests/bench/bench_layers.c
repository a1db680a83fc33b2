/* DESIGN
 * How fast the layers are, against what the machine can do at that moment: roofs.h, measured before
 * every turn of every shape; shares are medians of the turns' own shares.
 *
 *     bench_layers [part of a shape's name] [seconds a shape]
 *     bench_layers --serve THREADS
 *
 * The shapes are lines of shapes.json. The second form measures what peers.py tells it to.
 * UPSAMPLED_ISA and UPSAMPLED_ALGORITHM force an instruction set and a way to sum,
 * UPSAMPLED_NO_FUSION leaves fusions out. */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/deadline.h"
#include "tests/bench/roofs.h"
#include "tests/bench/serve.h"
#include "tests/bench/subject.h"

enum { TURNS_MIN = 5, TURNS_MAX = 400, THREADS_MAX = 2 };

static const char shapes_file[] = "tests/bench/shapes.json";

static void fail(const char *what, const char *why)
{
    fprintf(stderr, "bench_layers: %s: %s\n", what, why);
    exit(EXIT_FAILURE);
}

static int by_value(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(double *x, size_t count)
{
    qsort(x, count, sizeof *x, by_value);
    return x[count / 2];
}

/* How the node with the most multiply-adds is computed. */
static const char *algorithm(const struct up_plan *plan)
{
    const struct up_plan_node *most = up_plan_node(plan, 0);
    for (uint32_t n = 1; n < up_plan_node_count(plan); n++)
        if (up_plan_node(plan, n)->macs > most->macs)
            most = up_plan_node(plan, n);
    return most->algorithm == NULL ? "" : most->algorithm;
}

static void measure(const char *name, struct subject *s, struct up_pool *pool, double budget)
{
    static double rate[THREADS_MAX + 1][TURNS_MAX], share[TURNS_MAX], tile_share[TURNS_MAX];
    struct up_pool *const pools[THREADS_MAX + 1] = {NULL, NULL, pool};
    struct roofs roofs = roofs_now(s->context.kernels);
    const bool moves = subject_moves(s, roofs.multiply_adds, roofs.stores);
    const double work = moves ? (double)s->output_bytes : s->operations;
    size_t turns = 0;
    const uint64_t end = up_now_ns() + (uint64_t)(budget * 1e9);
    for (; turns < TURNS_MAX && (turns < TURNS_MIN || up_now_ns() < end); turns++) {
        roofs = roofs_now(s->context.kernels);
        for (unsigned t = 1; t <= THREADS_MAX; t++) {
            s->pool = pools[t];
            (void)subject_run(s); /* brings back what the roofs took from the caches */
            rate[t][turns] = work / subject_run(s);
        }
        share[turns] = rate[1][turns] / (moves ? roofs.stores : roofs.multiply_adds);
        tile_share[turns] = rate[1][turns] / roofs.tile;
    }
    const double one = median(rate[1], turns), two = median(rate[2], turns);
    printf("%-26s %9.3f %8.1f %8.1f %5s %6.0f ", name, work / one * 1e3, one * 1e-9,
           rate[1][turns - 1] * 1e-9, moves ? "GB/s" : "GF/s", 100 * median(share, turns));
    if (moves)
        printf("%6s ", "");
    else
        printf("%6.0f ", 100 * median(tile_share, turns));
    printf("%8.1f %7.2f  %s\n", two * 1e-9, two / one, algorithm(s->plan));
    (void)fflush(stdout);
}

static void measure_shape(const json_t *shape, const struct up_kernels *kernels,
                          struct up_pool *pool, double budget)
{
    struct up_error err = {.code = UP_OK};
    struct subject subject;
    const char *name = json_string_value(json_object_get(shape, "name"));
    json_t *body = json_pack("{s:{s:O}, s:O}", "input", "shape", json_object_get(shape, "input"),
                             "layers", json_object_get(shape, "layers"));
    char *text = json_dumps(body, JSON_COMPACT);
    if (name == NULL || text == NULL)
        fail(shapes_file, "a shape has name, input and layers");
    const struct api_part part = {NULL, NULL, text, strlen(text)};
    struct up_arena *arena = up_arena_new((size_t)1 << 32, NULL);
    if (arena == NULL || subject_open(&subject, kernels, arena, &part, 1, &err) != UP_OK)
        fail(name, arena == NULL ? "no memory" : err.text);
    measure(name, &subject, pool, budget);
    subject_close(&subject);
    up_arena_free(arena);
    free(text);
    json_decref(body);
}

static void measure_shapes(const struct up_kernels *kernels, const char *part, double budget)
{
    json_error_t error;
    json_t *shapes = json_load_file(shapes_file, 0, &error), *shape;
    if (shapes == NULL)
        fail(shapes_file, error.text);
    struct up_pool *pool = up_pool_new(THREADS_MAX - 1, 0); /* and the caller */
    const struct roofs roofs = roofs_now(kernels);
    printf("%s. Roofs of one thread now: %.0f GFLOP/s, multiply-adds in registers (%% roof);"
           " %.0f GFLOP/s,\nthe matrix kernel in the first-level cache (%% tile); %.1f GB/s,"
           " stores past the caches (%% roof of GB/s).\n\n%-26s %9s %8s %8s %5s %6s %6s %8s %7s"
           "  %s\n",
           kernels->isa, roofs.multiply_adds * 1e-9, roofs.tile * 1e-9, roofs.stores * 1e-9,
           "shape", "ms", "median", "best", "", "% roof", "% tile", "2 thr.", "speedup",
           "algorithm");
    size_t i;
    json_array_foreach(shapes, i, shape)
    {
        const char *name = json_string_value(json_object_get(shape, "name"));
        if (name == NULL || strstr(name, part) != NULL)
            measure_shape(shape, kernels, pool, budget);
    }
    up_pool_free(pool);
    json_decref(shapes);
}

int main(int argc, char **argv)
{
    const struct up_kernels *kernels = up_kernels_select(getenv("UPSAMPLED_ISA"));
    if (kernels == NULL)
        fail("UPSAMPLED_ISA", "no such instruction set");
    if (argc > 2 && strcmp(argv[1], "--serve") == 0)
        return serve(kernels, (unsigned)strtoul(argv[2], NULL, 10));
    measure_shapes(kernels, argc > 1 ? argv[1] : "", argc > 2 ? strtod(argv[2], NULL) : 1);
    return EXIT_SUCCESS;
}
