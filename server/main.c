/* Composes the service, waits for a signal, drains in order. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include "api/json_memory.h"
#include "api/memo.h"
#include "core/plan/fusion.h"
#include "server/assets.h"
#include "server/drain.h"
#include "server/http.h"
#include "server/listen.h"
#include "server/log.h"
#include "server/log_writer.h"
#include "server/machine.h"
#include "server/options.h"

#ifndef UP_VERSION
#define UP_VERSION "0.0.0"
#endif

enum { USAGE = 2, MEMO_PART = 32 /* of what plans may take */ };

static int fail(const struct up_error *err)
{
    srv_log_say(SRV_ERROR, "failed", err->text);
    return USAGE;
}

static void listening_log(const struct srv_http *http, const struct srv_options *options)
{
    struct srv_log_line line;
    srv_log_open(&line, SRV_INFO, "listening");
    if (options->unix_socket[0] != '\0') {
        srv_log_text(&line, "unix_socket", options->unix_socket);
    } else {
        srv_log_text(&line, "address", options->address);
        srv_log_number(&line, "port", srv_http_port(http));
    }
    srv_log_number(&line, "threads", options->threads);
    srv_log_number(&line, "queue", options->queue);
    srv_log_number(&line, "memory_bytes", options->memory);
    srv_log_close(&line);
}

static struct api_limits limits_of(const struct srv_options *o)
{
    return (struct api_limits){.body_bytes = o->body_limit,
                               .output_bytes = o->output_limit,
                               .memory_bytes = o->memory,
                               .plan_cache_bytes = o->plan_cache,
                               .queue = o->queue,
                               .deadline_ms = o->deadline,
                               .threads = o->threads};
}

static int serve(const struct srv_options *options)
{
    sigset_t signals;
    (void)sigemptyset(&signals);
    (void)sigaddset(&signals, SIGTERM);
    (void)sigaddset(&signals, SIGINT);
    (void)sigprocmask(SIG_BLOCK, &signals, NULL); /* before the first thread: all inherit it */
    (void)signal(SIGPIPE, SIG_IGN);
    srv_machine_memory_tune();
    api_json_memory_from(malloc, free);
    srv_log_writer_start();

    struct up_error err = {.code = UP_OK};
    struct srv_http *http = NULL;
    const char *const versions[] = {srv_http_library(), NULL};
    struct api_context context = {.kernels = up_kernels_select(options->isa),
                                  .algorithm = options->algorithm,
                                  .limits = limits_of(options),
                                  .assets = srv_assets(),
                                  .library_versions = versions};
    if (up_fusions_read(options->no_fusion, &context.no_fusion, &err) == UP_OK &&
        srv_http_new(options, &http, &err) == UP_OK) {
        context.operation = srv_http_operation(http);
        context.pool = up_pool_new(options->threads, options->queue);
        if (options->plan_cache > 0) /* without memory for it the service is only slower */
            context.plans = up_plan_cache_new(options->plan_cache, srv_http_budget(http));
        if (context.plans != NULL)
            context.memo = api_memo_new(options->plan_cache / MEMO_PART, srv_http_budget(http));
        if (context.pool == NULL)
            (void)up_fail(&err, UP_E_BUSY, "", "%u threads cannot be started", options->threads);
        else if (srv_http_start(http, &context, &err) == UP_OK) {
            listening_log(http, options);
            int number;
            (void)sigwait(&signals, &number);
            /* Who presses Ctrl-C has no load balancer that must learn of it first. */
            srv_drain(http, context.pool, &signals, number == SIGINT ? 0 : options->drain_delay,
                      options->drain_timeout);
        }
    }
    up_pool_free(context.pool);
    api_memo_free(context.memo);
    up_plan_cache_free(context.plans);
    srv_http_free(http);
    const int status = err.code == UP_OK ? EXIT_SUCCESS : fail(&err);
    srv_log_writer_end();
    return status;
}

int main(int argc, char *argv[])
{
    struct srv_options options;
    struct up_error err = {.code = UP_OK};
    if (srv_options_parse(argc, argv, &options, &err) != UP_OK) {
        (void)fprintf(stderr, "upsampled: %s\n", err.text);
        return USAGE;
    }
    srv_log_setup(options.log_level, options.log_format);
    switch (options.command) {
    case SRV_HELP:
        srv_options_help(stdout);
        return EXIT_SUCCESS;
    case SRV_VERSION:
        (void)printf("upsampled %s\n", UP_VERSION);
        return EXIT_SUCCESS;
    case SRV_PRINT_CONFIG:
        srv_options_resolve(&options);
        srv_options_print(&options, stdout);
        return EXIT_SUCCESS;
    case SRV_HEALTHCHECK:
        return srv_healthcheck(&options);
    case SRV_SERVE:
        srv_options_resolve(&options);
        return serve(&options);
    }
    return USAGE;
}
