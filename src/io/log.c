/* log.c - see log.h. */
#include "io/log.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/duration.h"
#include "base/mem.h"
#include "io/clock.h"

static const struct {
    const char *name;
    enum log_level level;
} events[] = {
#define LOG_EVENT(id, name, level, help) {name, level},
#include "io/log_event.def"
#undef LOG_EVENT
};

static const char *const level_names[] = {
    [LOG_LEVEL_DEBUG] = "debug",
    [LOG_LEVEL_INFO] = "info",
    [LOG_LEVEL_WARN] = "warn",
    [LOG_LEVEL_ERROR] = "error",
};

/* A line under construction; what does not fit is left out. */
struct line {
    char *text;
    size_t len;
};

static void line_add(struct line *line, const char *bytes, size_t len)
{
    const size_t room = LOG_LINE_BYTES_MAX - 2 - line->len;
    if (len > room)
        len = room;
    memcpy(line->text + line->len, bytes, len);
    line->len += len;
}

static void line_text(struct line *line, const char *text)
{
    line_add(line, text, strlen(text));
}

static bool is_plain(struct span s)
{
    for (size_t i = 0; i < s.len; i++) {
        const unsigned char c = (unsigned char)s.ptr[i];
        if (c <= ' ' || c >= 0x7f || c == '"' || c == '\\' || c == '=')
            return false;
    }
    return s.len > 0;
}

static void line_value(struct line *line, struct span s)
{
    static const char hex[] = "0123456789abcdef";
    const bool cut = s.len > LOG_VALUE_BYTES_MAX;
    s = span_slice(s, 0, LOG_VALUE_BYTES_MAX);
    if (is_plain(s) && !cut) {
        line_add(line, s.ptr, s.len);
        return;
    }
    line_text(line, "\"");
    for (size_t i = 0; i < s.len; i++) {
        const unsigned char c = (unsigned char)s.ptr[i];
        if (c == '"' || c == '\\') {
            const char pair[2] = {'\\', (char)c};
            line_add(line, pair, 2);
        } else if (c < ' ' || c >= 0x7f) {
            const char code[4] = {'\\', 'x', hex[c >> 4], hex[c & 15]};
            line_add(line, code, 4);
        } else {
            line_add(line, s.ptr + i, 1);
        }
    }
    line_text(line, cut ? "...\"" : "\"");
}

static void line_number(struct line *line, int64_t value)
{
    char text[24];
    size_t at = sizeof(text);
    uint64_t rest = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
    do {
        text[--at] = (char)('0' + rest % 10);
        rest /= 10;
    } while (rest > 0);
    if (value < 0)
        text[--at] = '-';
    line_add(line, text + at, sizeof(text) - at);
}

static void line_fields(struct line *line, enum log_event event, const struct log_field *fields)
{
    line_text(line, level_names[events[event].level]);
    line_text(line, " ");
    line_text(line, events[event].name);
    for (const struct log_field *f = fields; f && f->key; f++) {
        line_text(line, " ");
        line_text(line, f->key);
        line_text(line, "=");
        char duration[DURATION_TEXT_MAX];
        if (f->kind == 's')
            line_value(line, f->text);
        else if (f->kind == 'd')
            line_add(line, duration, duration_print(f->number, duration));
        else
            line_number(line, f->number);
    }
}

size_t log_format(enum log_event event, const struct log_field *fields, char *ret_text)
{
    struct line line = {.text = ret_text};
    line_fields(&line, event, fields);
    ret_text[line.len] = '\0';
    return line.len;
}

void log_write(const struct log *log, enum log_event event, const struct log_field *fields)
{
    if (!log || events[event].level < log->level)
        return;
    char text[LOG_LINE_BYTES_MAX];
    struct line line = {.text = text};
    char stamp[DURATION_TEXT_MAX];
    const size_t stamp_len = time_print_rfc3339(clock_wall_ns(), stamp);
    line_add(&line, stamp, stamp_len);
    line_text(&line, " ");
    line_fields(&line, event, fields);
    text[line.len++] = '\n';
    (void)!write(log->fd, text, line.len); /* a log that cannot be written must not stop the work */
}

void log_init(struct log *log, enum log_level level)
{
    *log = (struct log){.fd = STDERR_FILENO, .level = level};
}

enum rc log_open(struct log *log, const char *path, struct diag *diag)
{
    const int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0640);
    if (fd < 0)
        return fail(diag, RC_IO, "cannot open the log %s: %s", path, strerror(errno));
    log_done(log);
    log->fd = fd;
    log->owned = true;
    return RC_OK;
}

void log_done(struct log *log)
{
    if (log->owned)
        (void)close(log->fd); /* each line was written on its own */
    log->owned = false;
    log->fd = STDERR_FILENO;
}

enum rc log_level_parse(struct span text, enum log_level *ret)
{
    for (size_t i = 0; i < COUNT_OF(level_names); i++)
        if (span_equal_text(text, level_names[i])) {
            *ret = (enum log_level)i;
            return RC_OK;
        }
    return RC_UNKNOWN;
}

const char *log_level_name(enum log_level level)
{
    return level_names[level];
}
