#include "server/metrics.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Upper bounds of the buckets in seconds; the last one is without bound. */
static const double bounds[] = {0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05,
                                0.1,    0.25,    0.5,    1,     2.5,    5,     10,   25,    60};

/* The statuses that the service gives; 499 is a client that left before its answer. */
static const unsigned statuses[] = {200, 204, 304, 400, 401, 404, 405, 406,
                                    413, 415, 417, 422, 499, 500, 503, 504};

enum {
    BUCKETS = sizeof bounds / sizeof bounds[0] + 1,
    STATUSES = sizeof statuses / sizeof statuses[0] + 1, /* the last one is "other" */
    ROUTES_MAX = 64,
};

struct histogram {
    _Atomic uint64_t bucket[BUCKETS], sum_ns;
};

struct srv_metrics {
    _Atomic uint64_t counter[SRV_COUNTERS];
    struct histogram histogram[SRV_HISTOGRAMS];
    _Atomic uint64_t request[ROUTES_MAX + 1][STATUSES]; /* the last row: no endpoint */
};

struct srv_metrics *srv_metrics_new(void)
{
    return calloc(1, sizeof(struct srv_metrics));
}

void srv_metrics_free(struct srv_metrics *metrics)
{
    free(metrics);
}

void srv_metrics_add(struct srv_metrics *m, enum srv_counter counter, uint64_t amount)
{
    atomic_fetch_add_explicit(&m->counter[counter], amount, memory_order_relaxed);
}

void srv_metrics_observe(struct srv_metrics *m, enum srv_histogram id, uint64_t ns)
{
    const double seconds = (double)ns * 1e-9;
    size_t i = 0;
    while (i + 1 < BUCKETS && seconds > bounds[i])
        i++;
    atomic_fetch_add_explicit(&m->histogram[id].bucket[i], 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&m->histogram[id].sum_ns, ns, memory_order_relaxed);
}

void srv_metrics_request(struct srv_metrics *m, const struct api_route *route, unsigned status)
{
    size_t row = route == NULL ? ROUTES_MAX : (size_t)(route - api_routes);
    if (row > ROUTES_MAX)
        row = ROUTES_MAX;
    size_t column = 0;
    while (column + 1 < STATUSES && statuses[column] != status)
        column++;
    atomic_fetch_add_explicit(&m->request[row][column], 1, memory_order_relaxed);
}

static uint64_t get(const _Atomic uint64_t *value)
{
    return atomic_load_explicit(value, memory_order_relaxed);
}

uint64_t srv_metrics_mean_ns(const struct srv_metrics *m, enum srv_histogram id)
{
    uint64_t count = 0;
    for (size_t i = 0; i < BUCKETS; i++)
        count += get(&m->histogram[id].bucket[i]);
    return count == 0 ? 0 : get(&m->histogram[id].sum_ns) / count;
}

/* A text that grows in an arena; after a failure it takes nothing more. */
struct text {
    struct up_arena *arena;
    struct up_error *err;
    char *data;
    size_t length, room;
    bool failed;
};

enum { LINE_BYTES_MAX = 512, TEXT_FIRST_BYTES = 16384 };

static void add(struct text *t, const char *format, ...) UP_PRINTF(2, 3);
static void add(struct text *t, const char *format, ...)
{
    if (t->room - t->length < LINE_BYTES_MAX) {
        const size_t room = t->room == 0 ? TEXT_FIRST_BYTES : 2 * t->room;
        char *data = t->failed ? NULL : up_arena_grow(t->arena, t->data, t->room, room, t->err);
        t->failed = data == NULL;
        if (t->failed)
            return;
        t->data = data;
        t->room = room;
    }
    va_list args;
    va_start(args, format);
    const int n = vsnprintf(t->data + t->length, LINE_BYTES_MAX, format, args);
    va_end(args);
    t->length += n < 0 ? 0 : n < LINE_BYTES_MAX ? (size_t)n : LINE_BYTES_MAX - 1;
}

static void family(struct text *t, const char *name, const char *type, const char *help)
{
    add(t, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

static void add_requests(struct text *t, struct srv_metrics *m)
{
    static const char name[] = "upsampled_requests_total";
    family(t, name, "counter", "Requests by endpoint and status.");
    size_t rows = 0;
    while (rows < ROUTES_MAX && api_routes[rows].path != NULL)
        rows++;
    for (size_t i = 0; i <= rows; i++) {
        const bool other = i == rows;
        for (size_t s = 0; s < STATUSES; s++) {
            const uint64_t n = get(&m->request[other ? ROUTES_MAX : i][s]);
            if (n == 0)
                continue;
            char status[16] = "other";
            if (s + 1 < STATUSES)
                (void)snprintf(status, sizeof status, "%u", statuses[s]);
            add(t, "%s{method=\"%s\",route=\"%s\",status=\"%s\"} %llu\n", name,
                other ? "" : api_routes[i].method, other ? "other" : api_routes[i].path, status,
                (unsigned long long)n);
        }
    }
}

static void add_histogram(struct text *t, const struct histogram *h, const char *name,
                          const char *labels)
{
    const char *comma = labels[0] == '\0' ? "" : ",";
    uint64_t count = 0;
    for (size_t i = 0; i < BUCKETS; i++) {
        char bound[32] = "+Inf";
        if (i + 1 < BUCKETS)
            (void)snprintf(bound, sizeof bound, "%g", bounds[i]);
        count += get(&h->bucket[i]);
        add(t, "%s_bucket{%s%sle=\"%s\"} %llu\n", name, labels, comma, bound,
            (unsigned long long)count);
    }
    const char *open = labels[0] == '\0' ? "" : "{", *close = labels[0] == '\0' ? "" : "}";
    add(t, "%s_sum%s%s%s %.9f\n", name, open, labels, close, (double)get(&h->sum_ns) * 1e-9);
    add(t, "%s_count%s%s%s %llu\n", name, open, labels, close, (unsigned long long)count);
}

char *srv_metrics_text(struct srv_metrics *m, const struct srv_gauges *gauges,
                       struct up_arena *arena, size_t *ret_bytes, struct up_error *err)
{
    struct text t = {.arena = arena, .err = err};
    const char *last = "";
    add_requests(&t, m);
#define COUNTER(id, name, help)                                                                    \
    family(&t, name, "counter", help);                                                             \
    add(&t, "%s %llu\n", name, (unsigned long long)get(&m->counter[SRV_COUNTER_##id]));
#define GAUGE(id, name, help)                                                                      \
    family(&t, name, "gauge", help);                                                               \
    add(&t, "%s %.17g\n", name, gauges->id);
#define TOTAL(id, name, help)                                                                      \
    family(&t, name, "counter", help);                                                             \
    add(&t, "%s %.17g\n", name, gauges->id);
#define HISTOGRAM(id, name, labels, help)                                                          \
    if (strcmp(last, name) != 0)                                                                   \
        family(&t, name, "histogram", help);                                                       \
    last = name;                                                                                   \
    add_histogram(&t, &m->histogram[SRV_HISTOGRAM_##id], name, labels);
#include "server/metrics.def"
#undef COUNTER
#undef GAUGE
#undef TOTAL
#undef HISTOGRAM
    if (t.failed)
        return NULL;
    *ret_bytes = t.length;
    return t.data;
}
