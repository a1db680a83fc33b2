/* DESIGN
 * Whether some shape falls off a cliff: random convolutions, transposed convolutions and dense
 * layers, each as large as a request that takes its time, one thread, against the roofs of that
 * moment (roofs.h). A layer passes when it reaches ENOUGH_PEAK of the multiply-adds, or
 * ENOUGH_STORES of the stores past the caches. The others are printed, the farthest below first;
 * those that could not pass, because reading their input and weights takes the machine longer, are
 * marked.
 *
 *     bench_sweep [layers [seed [number of the only layer]]]
 *
 * UPSAMPLED_ISA and UPSAMPLED_ALGORITHM force an instruction set and a way to sum. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/deadline.h"
#include "tests/bench/roofs.h"
#include "tests/bench/subject.h"

enum {
    LAYERS_MAX = 10000,
    TEXT_BYTES = 512,
    ROOFS = 3,
    TURNS_MIN = 5,
    TURNS_MAX = 50,
    NS_WARM = 8000000,
    NS_A_LAYER = 10000000,
};

static const double ENOUGH_PEAK = 0.35, ENOUGH_STORES = 0.6, ENOUGH_LOADS = 0.6;

struct row {
    char name[TEXT_BYTES], algorithm[32];
    unsigned number;
    double ms, peak, stores, loads, score; /* shares of the roofs; score: 1 is enough */
};

/* --- Layers --------------------------------------------------------------------------------- */

static uint64_t state;

/* Marsaglia's xorshift64*. */
static uint64_t drawn(void)
{
    state ^= state >> 12;
    state ^= state << 25;
    state ^= state >> 27;
    return (state * 0x2545F4914F6CDD1D) >> 33;
}

static unsigned between(unsigned low, unsigned high)
{
    return low + (unsigned)(drawn() % (high - low + 1));
}

/* Small ones as often as large ones. */
static unsigned scaled(double low, double high)
{
    return (unsigned)(low * pow(high / low, (double)drawn() / (double)(1U << 31)) + 0.5);
}

struct drawn {
    const char *class_name;
    unsigned axes, batch, size[3], channels, filters, kernel[3], strides[3], dilation, groups;
    bool same;
};

static void kernel_draw(struct drawn *l)
{
    const bool alike = between(0, 3) > 0;
    for (unsigned i = 0; i < l->axes; i++) {
        l->kernel[i] = alike && i > 0 ? l->kernel[0] : between(1, l->axes == 3 ? 5 : 11);
        l->strides[i] = alike && i > 0       ? l->strides[0]
                        : between(0, 2) == 0 ? 2
                                             : between(1, l->axes == 3 ? 3 : 5);
    }
    if (between(0, 3) > 0)
        return;
    l->dilation = between(2, 5);
    for (unsigned i = 0; i < l->axes; i++)
        l->strides[i] = 1;
}

/* Sides that make the work about as large as wanted. */
static void sides_draw(struct drawn *l, bool transposed)
{
    const double wanted = 1e6 * scaled(10, 50);
    double macs = (double)l->batch * l->channels / l->groups * l->filters;
    for (unsigned i = 0; i < l->axes; i++)
        macs *= transposed ? l->kernel[i] : (double)l->kernel[i] / l->strides[i];
    double pixels = fmax(4, wanted / macs);
    const double side = pow(pixels, 1.0 / l->axes);
    for (unsigned i = 0; i < l->axes; i++) {
        const unsigned reach = (l->kernel[i] - 1) * l->dilation + 1;
        l->size[i] = (unsigned)fmax(1, i + 1 < l->axes ? side * between(75, 133) / 100 : pixels);
        if (!l->same && !transposed && l->size[i] < reach)
            l->size[i] = reach;
        pixels /= l->size[i];
    }
}

static struct drawn layer_draw(void)
{
    static const char *const names[2][4] = {
        {"Dense", "Conv1D", "Conv2D", "Conv3D"},
        {"", "Conv1DTranspose", "Conv2DTranspose", "Conv3DTranspose"}};
    struct drawn l = {.batch = between(0, 3) > 0 ? 1 : between(2, 8),
                      .channels = scaled(1, 400),
                      .filters = scaled(1, 400),
                      .dilation = 1,
                      .groups = 1,
                      .same = between(0, 1) == 1};
    const unsigned kind = between(1, 20), rank = between(1, 10);
    const bool transposed = kind <= 13;
    l.axes = kind == 20 ? 0 : rank <= 2 ? 1 : rank <= 8 ? 2 : 3;
    l.class_name = names[transposed][l.axes];
    if (l.axes == 0) {
        l.batch = scaled(1, 1024);
        l.channels = scaled(16, 4096);
        l.filters = scaled(16, 4096);
        return l;
    }
    kernel_draw(&l);
    if (!transposed && between(0, 2) == 0) {
        l.groups = scaled(2, 32);
        l.channels = (l.channels - 1) / l.groups * l.groups + l.groups;
        l.filters = (l.filters - 1) / l.groups * l.groups + l.groups;
    }
    sides_draw(&l, transposed);
    return l;
}

/* A request with one such layer, and what it is called. */
static void layer_write(const struct drawn *l, char request[TEXT_BYTES], char name[TEXT_BYTES])
{
    char sides[64] = "", kernel[64] = "", strides[64] = "";
    for (unsigned i = 0, s = 0, k = 0, t = 0; i < l->axes; i++) {
        const char *comma = i == 0 ? "" : ",";
        s += (unsigned)snprintf(sides + s, sizeof sides - s, "%u,", l->size[i]);
        k += (unsigned)snprintf(kernel + k, sizeof kernel - k, "%s%u", comma, l->kernel[i]);
        t += (unsigned)snprintf(strides + t, sizeof strides - t, "%s%u", comma, l->strides[i]);
    }
    int n = snprintf(
        request, TEXT_BYTES,
        "{\"input\":{\"shape\":[%u,%s%u]},\"layers\":[{\"class_name\":\"%s\",\"%s\":%u", l->batch,
        sides, l->channels, l->class_name, l->axes == 0 ? "units" : "filters", l->filters);
    if (l->axes > 0)
        n += snprintf(request + n, TEXT_BYTES - (size_t)n,
                      ",\"kernel_size\":[%s],\"strides\":[%s],\"padding\":\"%s\"", kernel, strides,
                      l->same ? "same" : "valid");
    if (l->dilation > 1)
        n += snprintf(request + n, TEXT_BYTES - (size_t)n, ",\"dilation_rate\":%u", l->dilation);
    if (l->groups > 1)
        n += snprintf(request + n, TEXT_BYTES - (size_t)n, ",\"groups\":%u", l->groups);
    (void)snprintf(request + n, TEXT_BYTES - (size_t)n, "}]}");
    n = snprintf(name, TEXT_BYTES, "%s [%u,%s%u] > %u", l->class_name, l->batch, sides, l->channels,
                 l->filters);
    if (l->axes > 0)
        n += snprintf(name + n, TEXT_BYTES - (size_t)n, " k%s s%s%s", kernel, strides,
                      l->same ? " same" : "");
    if (l->dilation > 1)
        n += snprintf(name + n, TEXT_BYTES - (size_t)n, " d%u", l->dilation);
    if (l->groups > 1)
        (void)snprintf(name + n, TEXT_BYTES - (size_t)n, " g%u", l->groups);
}

/* --- Measuring ------------------------------------------------------------------------------ */

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

/* Runs the layer for so long, and some turns at least; returns how many there were. */
static size_t run(const struct subject *s, uint64_t ns, double seconds[TURNS_MAX])
{
    size_t turns = 0;
    const uint64_t end = up_now_ns() + ns;
    for (; turns < TURNS_MAX && (turns < TURNS_MIN || up_now_ns() < end); turns++)
        seconds[turns] = subject_run(s);
    return turns;
}

static void measure(const struct subject *s, struct row *row)
{
    double seconds[TURNS_MAX], peak[ROOFS], stores[ROOFS], loads[ROOFS];
    const struct up_plan_bytes bytes = up_plan_bytes(s->plan);
    for (size_t i = 0; i < ROOFS; i++) {
        const struct roofs roofs = roofs_now(s->context.kernels);
        peak[i] = roofs.multiply_adds;
        stores[i] = roofs.stores;
        loads[i] = roofs.loads;
    }
    (void)run(s, NS_WARM, seconds); /* brings back what the roofs took from the caches */
    const size_t turns = run(s, NS_A_LAYER, seconds);
    const double time = median(seconds, turns);
    row->ms = time * 1e3;
    row->peak = s->operations / time / median(peak, ROOFS);
    row->stores = (double)s->output_bytes / time / median(stores, ROOFS);
    row->loads = (double)(bytes.input + bytes.weights) / time / median(loads, ROOFS);
    row->score = fmax(row->peak / ENOUGH_PEAK, row->stores / ENOUGH_STORES);
}

/* False: too small, or too large, to be measured. */
static bool worth_it(const struct subject *s)
{
    const double mega = 1e6, moved = (double)up_plan_bytes(s->plan).input;
    return (s->operations >= 20 * mega || (double)s->output_bytes >= 4 * mega) &&
           s->operations <= 600 * mega && (double)s->output_bytes <= 200 * mega &&
           moved <= 200 * mega;
}

static bool layer_measure(const struct up_kernels *kernels, const struct drawn *l, struct row *row)
{
    char request[TEXT_BYTES];
    struct subject subject;
    struct up_error err = {.code = UP_OK};
    layer_write(l, request, row->name);
    const struct api_part part = {NULL, NULL, request, strlen(request)};
    struct up_arena *arena = up_arena_new((size_t)1 << 32, NULL);
    const bool ready =
        arena != NULL && subject_open(&subject, kernels, arena, &part, 1, &err) == UP_OK;
    const bool measured = ready && worth_it(&subject);
    if (measured) {
        measure(&subject, row);
        (void)snprintf(row->algorithm, sizeof row->algorithm, "%s",
                       up_plan_node(subject.plan, 0)->algorithm);
    }
    if (arena != NULL)
        subject_close(&subject);
    up_arena_free(arena);
    return measured;
}

/* --- Printing ------------------------------------------------------------------------------- */

static int by_score(const void *a, const void *b)
{
    return by_value(&((const struct row *)a)->score, &((const struct row *)b)->score);
}

static void row_print(const struct row *r)
{
    printf("%6.2f %6.0f %6.0f %6.0f %9.3f  %-13s #%-4u %s%s\n", r->score, 100 * r->peak,
           100 * r->stores, 100 * r->loads, r->ms, r->algorithm, r->number, r->name,
           r->loads >= ENOUGH_LOADS ? ", bound by what it reads" : "");
}

static void rows_print(struct row *rows, size_t count)
{
    size_t passed = 0, bound = 0, half = 0;
    qsort(rows, count, sizeof *rows, by_score);
    for (size_t i = 0; i < count; i++) {
        const bool passes = rows[i].score >= 1;
        passed += passes;
        bound += !passes && rows[i].loads >= ENOUGH_LOADS;
        half += !passes && rows[i].score >= 0.5;
        if (!passes || count == 1)
            row_print(&rows[i]);
    }
    printf(
        "\n%zu of %zu layers pass, %.1f %%. Of the others %zu are bound by what they read, %zu are"
        " above half.\n",
        passed, count, 100 * (double)passed / (double)count, bound, half);
}

int main(int argc, char **argv)
{
    static struct row rows[LAYERS_MAX];
    const struct up_kernels *kernels = up_kernels_select(getenv("UPSAMPLED_ISA"));
    const unsigned long wanted = argc > 1 ? strtoul(argv[1], NULL, 10) : 250;
    const unsigned long only = argc > 3 ? strtoul(argv[3], NULL, 10) : 0;
    if (kernels == NULL || wanted == 0 || wanted > LAYERS_MAX) {
        fprintf(stderr, "bench_sweep [layers [seed [number of the only layer]]]\n");
        return EXIT_FAILURE;
    }
    state = 0x9E3779B97F4A7C15 * (argc > 2 ? strtoul(argv[2], NULL, 10) : 1);
    printf("%6s %6s %6s %6s %9s\n", "score", "% peak", "%store", "% load", "ms");
    size_t count = 0;
    for (unsigned number = 1; count < wanted && (only == 0 || number <= only); number++) {
        const struct drawn layer = layer_draw();
        rows[count].number = number;
        if (only == 0 || number == only)
            count += layer_measure(kernels, &layer, &rows[count]);
    }
    if (count > 0)
        rows_print(rows, count);
    return EXIT_SUCCESS;
}
