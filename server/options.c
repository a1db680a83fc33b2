/* DESIGN
 * options.def expands into rows: how to read a value of the row's type, where it is stored, what
 * bounds it has. Parsing, help and printing are loops over the rows. */
#include "server/options.h"

#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "core/gather/gather.h"
#include "core/kernels/kernels.h"
#include "core/param.h"
#include "server/machine.h"

enum type { TEXT, COUNT, BYTES, DURATION, CHOICE };

struct row {
    enum type type;
    size_t offset;
    const char *flag, *fallback;
    unsigned long long min, max;
    const char *help;
};

static const struct row rows[] = {
#define X(type, field, flag, fallback, min, max, help)                                             \
    {type, offsetof(struct srv_options, field), flag, fallback, min, max, help},
#include "server/options.def"
#undef X
};

enum { ROWS = sizeof rows / sizeof rows[0], VARIABLE_BYTES = 64, NAMES_BYTES = 256 };

static const struct {
    const char *flag;
    enum srv_command command;
    const char *help;
} commands[] = {
    {"help", SRV_HELP, "print this text"},
    {"version", SRV_VERSION, "print the version"},
    {"print-config", SRV_PRINT_CONFIG, "print every option's value, as an environment file"},
    {"healthcheck", SRV_HEALTHCHECK,
     "ask the service at this address whether it lives: exit 0 or 1"},
};

enum { COMMANDS = sizeof commands / sizeof commands[0] };

struct unit {
    const char *name;
    unsigned long long factor;
};

static const struct unit byte_units[] = {{"", 1},
                                         {"B", 1},
                                         {"KB", 1ull << 10},
                                         {"K", 1ull << 10},
                                         {"MB", 1ull << 20},
                                         {"M", 1ull << 20},
                                         {"GB", 1ull << 30},
                                         {"G", 1ull << 30},
                                         {NULL, 0}};
static const struct unit time_units[] = {
    {"ms", 1}, {"s", 1000}, {"m", 60000}, {"", 1000}, {NULL, 0}};
static const struct unit no_units[] = {{"", 1}, {NULL, 0}};

static const char *const level_words[] = {"debug", "info", "warn", "error", "off", NULL};
static const char *const format_words[] = {"json", "text", NULL};

static const char *const *words_of(const struct row *row)
{
    return strcmp(row->flag, "log-level") == 0 ? level_words : format_words;
}

/* UPSAMPLED_BODY_LIMIT of "body-limit". */
static const char *variable(const struct row *row, char text[VARIABLE_BYTES])
{
    int n = snprintf(text, VARIABLE_BYTES, "UPSAMPLED_%s", row->flag);
    for (int i = 0; i < n; i++)
        text[i] = text[i] == '-' ? '_' : (char)toupper((unsigned char)text[i]);
    return text;
}

static bool number_read(const struct row *row, const char *text, unsigned long long *ret)
{
    const struct unit *unit = row->type == BYTES      ? byte_units
                              : row->type == DURATION ? time_units
                                                      : no_units;
    if (!isdigit((unsigned char)text[0]))
        return false;
    char *end;
    errno = 0;
    const unsigned long long number = strtoull(text, &end, 10);
    while (unit->name != NULL && strcmp(unit->name, end) != 0)
        unit++;
    return errno == 0 && unit->name != NULL && !__builtin_mul_overflow(number, unit->factor, ret) &&
           *ret >= row->min && *ret <= row->max;
}

static bool word_read(const struct row *row, const char *text, unsigned *ret)
{
    const char *const *words = words_of(row);
    for (unsigned i = 0; words[i] != NULL; i++) {
        if (strcmp(words[i], text) == 0) {
            *ret = i;
            return true;
        }
    }
    return false;
}

/* Stores the value; false when it is none of the row's. */
static bool value_store(const struct row *row, const char *text, struct srv_options *options)
{
    void *const at = (char *)options + row->offset;
    unsigned long long number;
    switch (row->type) {
    case TEXT:
        *(const char **)at = text;
        return true;
    case CHOICE:
        return word_read(row, text, at);
    case BYTES:
        if (!number_read(row, text, &number))
            return false;
        *(size_t *)at = (size_t)number;
        return true;
    case COUNT:
    case DURATION:
        if (!number_read(row, text, &number))
            return false;
        *(unsigned *)at = (unsigned)number;
        return true;
    }
    return false;
}

static enum up_code value_refuse(const struct row *row, const char *source, const char *text,
                                 struct up_error *err)
{
    static const char *const forms[] = {
        [COUNT] = "a number", [BYTES] = "bytes such as 256MB", [DURATION] = "a time such as 55s"};
    if (row->type == CHOICE)
        return up_fail(err, UP_E_INVALID, "", "%s is '%s'; it must be %s", source, text, row->help);
    return up_fail(err, UP_E_INVALID, "", "%s is '%s'; it must be %s from %llu to %llu%s", source,
                   text, forms[row->type], row->min, row->max, row->type == DURATION ? " ms" : "");
}

static enum up_code environment_read(struct srv_options *options, struct up_error *err)
{
    for (size_t i = 0; i < ROWS; i++) {
        char name[VARIABLE_BYTES];
        const char *text = getenv(variable(&rows[i], name));
        if (text != NULL && !value_store(&rows[i], text, options))
            return value_refuse(&rows[i], name, text, err);
    }
    return UP_OK;
}

/* The row of "--flag" or "--flag=value". */
static const struct row *flag_find(const char *argument, size_t length)
{
    for (size_t i = 0; i < ROWS; i++)
        if (strlen(rows[i].flag) == length && strncmp(rows[i].flag, argument, length) == 0)
            return &rows[i];
    return NULL;
}

static bool command_read(const char *name, struct srv_options *options)
{
    for (size_t i = 0; i < COMMANDS; i++) {
        if (strcmp(commands[i].flag, name) == 0) {
            options->command = commands[i].command;
            return true;
        }
    }
    return false;
}

/* Whether a browser may send this as its Origin: a scheme and a host, and no path. */
static bool origin_valid(const char *text, size_t length)
{
    const char *scheme = strstr(text, "://");
    if (length == 1 && text[0] == '*')
        return true;
    return scheme != NULL && scheme > text && (size_t)(scheme - text) + 3 < length &&
           memchr(scheme + 3, '/', length - (size_t)(scheme + 3 - text)) == NULL;
}

/* A name must be one of a list of the core's; none at all is left to the core. */
static enum up_code name_check(const char *flag, const char *text, const char *(*name)(size_t),
                               struct up_error *err)
{
    char names[NAMES_BYTES] = "", hint[UP_HINT_BYTES];
    struct up_nearest nearest = {.text = text};
    for (size_t i = 0; name(i) != NULL; i++) {
        if (strcmp(name(i), text) == 0)
            return UP_OK;
        up_nearest_offer(&nearest, name(i));
        const size_t n = strlen(names);
        (void)snprintf(names + n, sizeof names - n, "%s%s", n == 0 ? "" : ", ", name(i));
    }
    if (text[0] == '\0')
        return UP_OK;
    return up_fail(err, UP_E_INVALID, "", "--%s is '%.60s'; it must be one of %s%s", flag, text,
                   names, up_nearest_hint(&nearest, hint));
}

/* What would be taken by itself, but not with the rest, or never work. */
static enum up_code options_check(const struct srv_options *options, struct up_error *err)
{
    if ((options->tls_certificate[0] == '\0') != (options->tls_key[0] == '\0'))
        return up_fail(err, UP_E_INVALID, "", "--tls-certificate and --tls-key need each other");
    for (const char *at = options->cors_origins; *(at += strspn(at, ", ")) != '\0';) {
        const size_t length = strcspn(at, ", ");
        if (!origin_valid(at, length))
            return up_fail(err, UP_E_INVALID, "",
                           "--cors-origins has '%.*s': an origin is a scheme and a host with "
                           "nothing behind it, https://a.example, or *",
                           (int)length, at);
        at += length;
    }
    const enum up_code code = name_check("isa", options->isa, up_kernels_name, err);
    return code != UP_OK
               ? code
               : name_check("algorithm", options->algorithm, up_gather_algorithm_name, err);
}

enum up_code srv_options_parse(int argc, char *const argv[], struct srv_options *ret,
                               struct up_error *err)
{
    struct srv_options options = {.command = SRV_SERVE};
    for (size_t i = 0; i < ROWS; i++)
        UP_ASSERT(value_store(&rows[i], rows[i].fallback, &options));
    enum up_code code = environment_read(&options, err);
    for (int i = 1; i < argc && code == UP_OK; i++) {
        const char *const name = strncmp(argv[i], "--", 2) == 0 ? argv[i] + 2 : "";
        if (command_read(name, &options))
            continue;
        const size_t length = strcspn(name, "=");
        const struct row *row = flag_find(name, length);
        if (row == NULL)
            return up_fail(err, UP_E_INVALID, "", "there is no option '%s'; --help lists them",
                           argv[i]);
        const char *value = name[length] == '=' ? name + length + 1 : argv[++i];
        if (value == NULL)
            return up_fail(err, UP_E_INVALID, "", "--%s needs a value", row->flag);
        char source[VARIABLE_BYTES];
        (void)snprintf(source, sizeof source, "--%s", row->flag);
        if (!value_store(row, value, &options))
            code = value_refuse(row, source, value, err);
    }
    if (code == UP_OK)
        code = options_check(&options, err);
    if (code == UP_OK)
        *ret = options;
    return code;
}

void srv_options_resolve(struct srv_options *options)
{
    if (options->threads == 0)
        options->threads = srv_machine_cores();
    if (options->queue == 0)
        options->queue = 8 * options->threads;
    if (options->memory == 0)
        options->memory = srv_machine_memory() / 2;
    if (options->plan_cache > options->memory / 2)
        options->plan_cache = options->memory / 2;
}

void srv_options_help(FILE *out)
{
    (void)fprintf(out, "upsampled: an HTTP service for the Keras layers that upsample\n\n"
                       "Options, as flags (--port 80, --port=80) or in the environment "
                       "(UPSAMPLED_PORT=80):\n");
    for (size_t i = 0; i < ROWS; i++) {
        const char *fallback = rows[i].fallback[0] == '\0' ? "none" : rows[i].fallback;
        (void)fprintf(out, "  --%-16s %s [%s]\n", rows[i].flag, rows[i].help, fallback);
    }
    (void)fprintf(out, "\nInstead of serving:\n");
    for (size_t i = 0; i < COMMANDS; i++)
        (void)fprintf(out, "  --%-16s %s\n", commands[i].flag, commands[i].help);
}

void srv_options_print(const struct srv_options *options, FILE *out)
{
    for (size_t i = 0; i < ROWS; i++) {
        const struct row *row = &rows[i];
        const void *at = (const char *)options + row->offset;
        char name[VARIABLE_BYTES];
        (void)fprintf(out, "%s=", variable(row, name));
        switch (row->type) {
        case TEXT:
            (void)fprintf(out, "%s\n", *(const char *const *)at);
            break;
        case COUNT:
            (void)fprintf(out, "%u\n", *(const unsigned *)at);
            break;
        case BYTES:
            (void)fprintf(out, "%zu\n", *(const size_t *)at);
            break;
        case DURATION:
            (void)fprintf(out, "%ums\n", *(const unsigned *)at);
            break;
        case CHOICE:
            (void)fprintf(out, "%s\n", words_of(row)[*(const unsigned *)at]);
            break;
        }
    }
}
