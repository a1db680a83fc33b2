/* Lines on their way to stderr, so that no thread that answers requests ever waits for whoever
 * reads them. Every function is safe from any thread. */
#ifndef SRV_LOG_WRITER_H
#define SRV_LOG_WRITER_H

#include <stddef.h>
#include <stdint.h>

enum { SRV_LOG_PENDING_BYTES = 1024 * 1024 };

/* Starts the thread that writes. Until then, and where it cannot be started, a line is written by
 * its own thread. */
void srv_log_writer_start(void);

/* Takes a whole line. When SRV_LOG_PENDING_BYTES wait for a reader that does not read, the line is
 * dropped and counted. */
void srv_log_writer_put(const char *line, size_t bytes);

/* Lines dropped since the start. */
uint64_t srv_log_writer_dropped(void);

/* Writes what waits, for a second at most, and ends the thread. */
void srv_log_writer_end(void);

#endif
