/* The log: one line an event, on stderr. Nobody waits for its reader (log_writer.h). Every function
 * is safe from any thread once the log is set up. */
#ifndef SRV_LOG_H
#define SRV_LOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "server/options.h"

enum { SRV_LOG_LINE_BYTES = 4096, SRV_LOG_TEXT_BYTES = 512 };

/* A line in the making; lives on the caller's stack. */
struct srv_log_line {
    bool wanted; /* false: the level is below the log's, and everything is skipped */
    size_t length;
    char text[SRV_LOG_LINE_BYTES];
};

/* Before the first line, and before the first thread. */
void srv_log_setup(enum srv_log_level level, enum srv_log_format format);

/* A line has a time, a level, an event, then members in the order they are added. A text longer
 * than SRV_LOG_TEXT_BYTES is cut; NULL adds no member. */
void srv_log_open(struct srv_log_line *line, enum srv_log_level level, const char *event);
void srv_log_text(struct srv_log_line *line, const char *name, const char *value);
void srv_log_number(struct srv_log_line *line, const char *name, uint64_t value);
void srv_log_ms(struct srv_log_line *line, const char *name, uint64_t ns);
void srv_log_close(struct srv_log_line *line);

/* A line of one sentence. */
void srv_log_say(enum srv_log_level level, const char *event, const char *message);

#endif
