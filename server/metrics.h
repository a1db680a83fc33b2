/* Metrics in the Prometheus text format. Counting is lock-free and safe from any thread. */
#ifndef SRV_METRICS_H
#define SRV_METRICS_H

#include <stddef.h>
#include <stdint.h>

#include "api/api.h"

enum srv_counter {
#define COUNTER(id, name, help) SRV_COUNTER_##id,
#define GAUGE(id, name, help)
#define TOTAL(id, name, help)
#define HISTOGRAM(id, name, labels, help)
#include "server/metrics.def"
#undef COUNTER
#undef GAUGE
#undef TOTAL
#undef HISTOGRAM
    SRV_COUNTERS
};

enum srv_histogram {
#define COUNTER(id, name, help)
#define GAUGE(id, name, help)
#define TOTAL(id, name, help)
#define HISTOGRAM(id, name, labels, help) SRV_HISTOGRAM_##id,
#include "server/metrics.def"
#undef COUNTER
#undef GAUGE
#undef TOTAL
#undef HISTOGRAM
    SRV_HISTOGRAMS
};

/* What the gauges and totals show at this moment. */
struct srv_gauges {
#define COUNTER(id, name, help)
#define GAUGE(id, name, help) double id;
#define TOTAL(id, name, help) double id;
#define HISTOGRAM(id, name, labels, help)
#include "server/metrics.def"
#undef COUNTER
#undef GAUGE
#undef TOTAL
#undef HISTOGRAM
};

struct srv_metrics;

struct srv_metrics *srv_metrics_new(void); /* NULL when there is no memory */
void srv_metrics_free(struct srv_metrics *metrics);

void srv_metrics_add(struct srv_metrics *metrics, enum srv_counter counter, uint64_t amount);
void srv_metrics_observe(struct srv_metrics *metrics, enum srv_histogram id, uint64_t ns);

/* One request; `route` is NULL for assets and for what is no endpoint. */
void srv_metrics_request(struct srv_metrics *metrics, const struct api_route *route,
                         unsigned status);

/* Mean of what the histogram saw; 0 when it saw nothing. */
uint64_t srv_metrics_mean_ns(const struct srv_metrics *metrics, enum srv_histogram id);

/* The whole text, NUL-terminated, in the arena; NULL and an error when there is no memory. */
char *srv_metrics_text(struct srv_metrics *metrics, const struct srv_gauges *gauges,
                       struct up_arena *arena, size_t *ret_bytes, struct up_error *err);

#endif
