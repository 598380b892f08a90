/* log.h - one line per event: time, level, event name, key=value pairs. Events are rows of
 * log_event.def; their level says whether a person must act.
 *
 * Values from outside are quoted and escaped: no byte of them can end a line or forge a pair. A
 * line leaves as one write(); a full disk or closed pipe loses lines, never time. Safe from any
 * thread once opened. */
#ifndef SLUICE_IO_LOG_H
#define SLUICE_IO_LOG_H

#include <stdbool.h>
#include <stdint.h>

#include "base/rc.h"
#include "base/span.h"

#define LOG_LINE_BYTES_MAX 4096
#define LOG_VALUE_BYTES_MAX 1024 /* longer values are cut and end in "..." */

enum log_level { LOG_LEVEL_DEBUG, LOG_LEVEL_INFO, LOG_LEVEL_WARN, LOG_LEVEL_ERROR };

enum log_event {
#define LOG_EVENT(id, name, level, help) LOG_##id,
#include "io/log_event.def"
#undef LOG_EVENT
    LOG_EVENT_COUNT
};

struct log_field {
    const char *key; /* NULL ends the list */
    char kind;       /* 's' span, 'i' integer, 'd' duration in ns */
    struct span text;
    int64_t number;
};
#define LOG_SPAN(key_, span_) ((struct log_field){.key = (key_), .kind = 's', .text = (span_)})
#define LOG_TEXT(key_, text_) LOG_SPAN(key_, span_from(text_))
#define LOG_INT(key_, number_)                                                                     \
    ((struct log_field){.key = (key_), .kind = 'i', .number = (int64_t)(number_)})
#define LOG_TIME(key_, ns_) ((struct log_field){.key = (key_), .kind = 'd', .number = (ns_)})

struct log {
    int fd;
    enum log_level level; /* lower ones are not written */
    bool owned;
};
void log_init(struct log *log, enum log_level level);                              /* to stderr */
enum rc log_open(struct log *log, const char *path, struct diag *diag) MUST_CHECK; /* appends */
void log_done(struct log *log);
enum rc log_level_parse(struct span text, enum log_level *ret) MUST_CHECK;
const char *log_level_name(enum log_level level);

/* A NULL log writes nothing. */
void log_write(const struct log *log, enum log_event event, const struct log_field *fields);
#define log_event(log_, event_, ...)                                                               \
    log_write((log_), (event_), (const struct log_field[]){__VA_ARGS__, {.key = NULL}})

/* The line without its time, into a text of LOG_LINE_BYTES_MAX; returns the length. */
size_t log_format(enum log_event event, const struct log_field *fields, char *ret_text);

#endif
