/* problem.c - collecting and printing what is wrong with a configuration. */
#include "config/problem.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/limits.h"

#define PROBLEM_TEXT_MAX 600
#define PROBLEM_BYTES_MAX ((size_t)1 << 20)
#define SOURCE_LINE_MAX 160 /* bytes of a source line that are shown */

void problem_list_init(struct problem_list *list)
{
    *list = (struct problem_list){.count = 0};
    arena_init(&list->arena, PROBLEM_BYTES_MAX);
}

void problem_list_done(struct problem_list *list)
{
    arena_done(&list->arena);
    *list = (struct problem_list){.count = 0};
}

static const char *keep(struct problem_list *list, const char *text)
{
    return arena_copy(&list->arena, span_from(text ? text : "")).ptr;
}

/* A path names keys, which may be written with anything. */
static const char *keep_path(struct problem_list *list, const char *path)
{
    char copy[PROBLEM_TEXT_MAX];
    (void)snprintf(copy, sizeof(copy), "%s", path ? path : "");
    words_tame(copy);
    return keep(list, copy);
}

static bool is_known(const struct problem_list *list, const struct problem *where, const char *text)
{
    for (size_t i = 0; where->line > 0 && i < list->count; i++) {
        const struct problem *p = &list->item[i];
        if (p->line == where->line && p->column == where->column && strcmp(p->text, text) == 0)
            return true;
    }
    return false;
}

void problem_add(struct problem_list *list, const struct problem *where, const char *format, ...)
{
    char text[PROBLEM_TEXT_MAX];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    words_tame(text);
    if (is_known(list, where, text))
        return;
    list->errors += where->severity == PROBLEM_ERROR;
    list->warnings += where->severity == PROBLEM_WARNING;
    if (list->count == PROBLEMS_MAX)
        return;
    if (!list->item) {
        list->item = arena_array(&list->arena, PROBLEMS_MAX, sizeof(*list->item));
        if (!list->item)
            return;
    }
    struct problem p = *where;
    p.file = keep(list, where->file);
    p.path = keep_path(list, where->path);
    p.text = keep(list, text);
    if (p.file && p.path && p.text)
        list->item[list->count++] = p;
}

static bool is_before(const struct problem *a, const struct problem *b)
{
    if (strcmp(a->file, b->file) != 0)
        return false;
    return a->line != b->line ? a->line < b->line : a->column < b->column;
}

/* Insertion sort: at most PROBLEMS_MAX, and it keeps the order of equals. */
void problem_list_sort(struct problem_list *list)
{
    for (size_t i = 1; i < list->count; i++) {
        const struct problem p = list->item[i];
        size_t at = i;
        for (; at > 0 && is_before(&p, &list->item[at - 1]); at--)
            list->item[at] = list->item[at - 1];
        list->item[at] = p;
    }
}

static struct span line_of(struct span source, uint32_t line)
{
    struct span text = {NULL, 0};
    for (uint32_t i = 0; i < line; i++)
        if (!span_split(&source, '\n', &text))
            return span_of(NULL, 0);
    if (text.len > 0 && text.ptr[text.len - 1] == '\r')
        text.len--;
    return text;
}

static void print_source(struct buf *out, const struct problem *p, struct span source)
{
    const struct span line = line_of(source, p->line);
    if (p->line == 0 || line.len == 0 || p->column == 0 || p->column > line.len + 1 ||
        p->column > SOURCE_LINE_MAX)
        return;
    buf_printf(out, "%5u | ", p->line);
    for (size_t i = 0; i < line.len && i < SOURCE_LINE_MAX; i++) {
        const unsigned char c = (unsigned char)line.ptr[i];
        buf_byte(out, (char)(c < 0x20 ? ' ' : c));
    }
    buf_text(out, "\n      | ");
    for (size_t i = 0; i + 1 < p->column; i++)
        if (((unsigned char)line.ptr[i] & 0xC0) != 0x80)
            buf_byte(out, ' ');
    buf_text(out, "^\n");
}

void problem_print(struct buf *out, const struct problem *p, struct span source, bool colour)
{
    const bool error = p->severity == PROBLEM_ERROR;
    buf_text(out, p->file);
    if (p->line > 0)
        buf_printf(out, ":%u:%u", p->line, p->column);
    buf_printf(out, ": %s%s:%s ",
               !colour ? ""
               : error ? "\x1b[1;31m"
                       : "\x1b[1;33m",
               error ? "error" : "warning", colour ? "\x1b[0m" : "");
    if (p->path[0] != '\0')
        buf_printf(out, "%s: ", p->path);
    buf_printf(out, "%s\n", p->text);
    print_source(out, p, source);
}

void problem_print_json(struct json_writer *w, const struct problem *p)
{
    json_object(w);
    json_member_text(w, "severity", p->severity == PROBLEM_ERROR ? "error" : "warning");
    json_member_text(w, "code", rc_name(p->code));
    json_member_text(w, "file", p->file);
    json_member_int(w, "line", p->line);
    json_member_int(w, "column", p->column);
    json_member_text(w, "path", p->path);
    json_member_text(w, "text", p->text);
    json_object_end(w);
}
