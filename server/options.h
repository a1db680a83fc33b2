/* The options: flags and environment variables from one table, options.def.
 *
 * A flag wins over the environment, the environment over the default. TEXT is a string, COUNT a
 * number, BYTES a size ("256MB"; KB, MB and GB are powers of 1024), DURATION milliseconds ("55s",
 * "500ms", "2m"), CHOICE an index into the option's words. */
#ifndef SRV_OPTIONS_H
#define SRV_OPTIONS_H

#include <stddef.h>
#include <stdio.h>

#include "core/error.h"
#include "core/limits.h"

#define SRV_BYTES_MAX    (1ull << 50)
#define SRV_DURATION_MAX 86400000u /* a day */

enum srv_log_level { SRV_DEBUG, SRV_INFO, SRV_WARN, SRV_ERROR, SRV_OFF };
enum srv_log_format { SRV_JSON, SRV_TEXT };

/* What the command line asks for. */
enum srv_command { SRV_SERVE, SRV_HELP, SRV_VERSION, SRV_PRINT_CONFIG, SRV_HEALTHCHECK };

struct srv_options {
    enum srv_command command;
#define SRV_FIELD_TEXT                                 const char *
#define SRV_FIELD_COUNT                                unsigned
#define SRV_FIELD_BYTES                                size_t
#define SRV_FIELD_DURATION                             unsigned
#define SRV_FIELD_CHOICE                               unsigned
#define X(type, field, flag, fallback, min, max, help) SRV_FIELD_##type field;
#include "server/options.def"
#undef X
};

/* Reads the environment, then the arguments; texts are borrowed from both. UP_E_INVALID names the
 * option and the offending value. */
enum up_code srv_options_parse(int argc, char *const argv[], struct srv_options *ret,
                               struct up_error *err) UP_CHECKED;

/* Replaces each 0 that means "the machine's" by the number it stands for, and bounds the plan cache
 * by the memory. */
void srv_options_resolve(struct srv_options *options);

/* What --help and --print-config show; the latter reads back as an environment file. */
void srv_options_help(FILE *out);
void srv_options_print(const struct srv_options *options, FILE *out);

#endif
