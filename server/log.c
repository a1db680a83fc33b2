#include "server/log.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "core/decimal.h"
#include "server/log_writer.h"

static const char *const level_names[] = {"debug", "info", "warn", "error", "off"};

static enum srv_log_level log_level = SRV_INFO;
static enum srv_log_format log_format = SRV_JSON;

void srv_log_setup(enum srv_log_level level, enum srv_log_format format)
{
    log_level = level;
    log_format = format;
}

/* Room is kept for the end of the line, so that a cut line is still whole. */
enum { TAIL_BYTES = 4 };

static void put(struct srv_log_line *line, const char *bytes, size_t n)
{
    if (n > sizeof line->text - TAIL_BYTES - line->length)
        return;
    memcpy(line->text + line->length, bytes, n);
    line->length += n;
}

static void put_text(struct srv_log_line *line, const char *text)
{
    put(line, text, strlen(text));
}

/* Bytes outside of printable ASCII are written as escapes: whatever a client sends, a line stays
 * one line and valid JSON. */
static void put_escaped(struct srv_log_line *line, const char *text)
{
    size_t n = 0;
    for (const unsigned char *c = (const unsigned char *)text; *c != '\0'; c++) {
        char escape[8];
        int length = 1;
        escape[0] = (char)*c;
        if (*c == '"' || *c == '\\')
            length = snprintf(escape, sizeof escape, "\\%c", *c);
        else if (*c < 0x20 || *c >= 0x7f)
            length = snprintf(escape, sizeof escape, "\\u%04x", (unsigned)*c);
        n += (size_t)length;
        if (n > SRV_LOG_TEXT_BYTES)
            return;
        put(line, escape, (size_t)length);
    }
}

/* Members are dropped whole when the line is full. */
static bool member_open(struct srv_log_line *line, const char *name, size_t value_bytes)
{
    const size_t needed = strlen(name) + value_bytes + 8;
    if (!line->wanted || needed > sizeof line->text - TAIL_BYTES - line->length)
        return false;
    put_text(line, log_format == SRV_JSON ? ",\"" : " ");
    put_text(line, name);
    put_text(line, log_format == SRV_JSON ? "\":" : "=");
    return true;
}

/* "2026-11-23T05:30:00.123Z"; the seconds are written when they are new. */
static void put_time(struct srv_log_line *line)
{
    static _Thread_local struct {
        time_t second;
        char text[32];
    } last;
    struct timespec now;
    struct tm utc;
    (void)clock_gettime(CLOCK_REALTIME, &now);
    if (now.tv_sec != last.second || last.text[0] == '\0') {
        last.second = now.tv_sec;
        (void)strftime(last.text, sizeof last.text, "%Y-%m-%dT%H:%M:%S",
                       gmtime_r(&now.tv_sec, &utc));
    }
    const long ms = now.tv_nsec / 1000000;
    const char rest[] = {'.', (char)('0' + ms / 100), (char)('0' + ms / 10 % 10),
                         (char)('0' + ms % 10), 'Z'};
    put_text(line, last.text);
    put(line, rest, sizeof rest);
}

void srv_log_open(struct srv_log_line *line, enum srv_log_level level, const char *event)
{
    line->wanted = level >= log_level && log_level != SRV_OFF;
    line->length = 0;
    if (!line->wanted)
        return;
    const bool json = log_format == SRV_JSON;
    put_text(line, json ? "{\"time\":\"" : "");
    put_time(line);
    put_text(line, json ? "\",\"level\":\"" : " ");
    put_text(line, level_names[level]);
    put_text(line, json ? "\",\"event\":\"" : " ");
    put_text(line, event);
    put_text(line, json ? "\"" : "");
}

void srv_log_text(struct srv_log_line *line, const char *name, const char *value)
{
    if (value == NULL || !member_open(line, name, SRV_LOG_TEXT_BYTES))
        return;
    put_text(line, "\"");
    put_escaped(line, value);
    put_text(line, "\"");
}

void srv_log_number(struct srv_log_line *line, const char *name, uint64_t value)
{
    char text[UP_DECIMAL_BYTES_MAX];
    if (member_open(line, name, sizeof text))
        put(line, text, up_decimal(value, text));
}

void srv_log_ms(struct srv_log_line *line, const char *name, uint64_t ns)
{
    char text[UP_DECIMAL_BYTES_MAX];
    if (member_open(line, name, sizeof text))
        put(line, text, up_decimal_ms(ns, text));
}

void srv_log_close(struct srv_log_line *line)
{
    if (!line->wanted)
        return;
    const char *tail = log_format == SRV_JSON ? "}\n" : "\n";
    const size_t n = strlen(tail);
    memcpy(line->text + line->length, tail, n);
    srv_log_writer_put(line->text, line->length + n);
}

void srv_log_say(enum srv_log_level level, const char *event, const char *message)
{
    struct srv_log_line line;
    srv_log_open(&line, level, event);
    srv_log_text(&line, "message", message);
    srv_log_close(&line);
}
