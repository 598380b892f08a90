/* document.c - the example with every option, and the reference page. */
#include "config/document.h"

#include <math.h>
#include <string.h>

#include "config/layout.h"
#include "config/resolved.h"

#define DOCUMENT_MEMORY_MAX ((size_t)16 << 20)
#define DOCUMENT_PATH_MAX 256

/* Values for options that have no default that could stand in a file. */
static const struct {
    const char *end; /* of the path */
    const char *value;
} samples[] = {
    {"process.command", "[llama-server, --model, models/chat.gguf, --port, \"{port}\"]"},
    {"process.args", "[--ctx-size, 16384]"},
    {"process.env", "{HF_HOME: /var/lib/models}"},
    {"process.passEnv", "[HF_TOKEN]"},
    {"pools.chat.models", "[llama-3.1-8b]"},
    {".aliases", "[gpt-4o-mini]"},
    {"pools.chat.keys", "[team-a]"},
    {".shadow", "[static]"},
    {".endpoints", "[http://10.0.0.5:8000]"},
    {"hpa.metrics[].type", "Resource"},
    {"hpa.metrics[].name", "cpu"},
    {"aibrix-kpa.metrics[].name", "num_requests_running"},
    {"aibrix-apa.metrics[].name", "num_requests_running"},
    {"aibrix-kpa.metrics[].target", "20"},
    {"aibrix-apa.metrics[].target", "20"},
    {"sources[].signal", "queue-lag"},
    {"prometheus.url", "http://127.0.0.1:9090"},
    {"prometheus.query", "sum(backlog_messages)"},
    {"sources[].http.url", "http://127.0.0.1:9000/stats"},
    {"push.secretFile", "/etc/sluice/push-secret"},
    {"exec.command", "[/usr/local/bin/backlog]"},
    {"metrics[].type", "tokens-in-queue"},
    {"metrics[].target", "\"1000\""},
    {".cron", "0 8 * * 1-5"},
    {"events[].from", "2026-12-24T00:00:00+01:00"},
    {"events[].until", "2026-12-27T00:00:00+01:00"},
    {"gpus[].name", "\"0\""},
    {"notify[].name", "ops"},
    {"notify[].url", "https://hooks.example.org/sluice"},
    {"keys[].name", "team-a"},
    {".sha256", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
    {"tiers[].name", "standard"},
    {"classes[].name", "on-demand"},
    {"keys[].tier", "standard"},
};

struct example {
    struct buf *out;
    char path[DOCUMENT_PATH_MAX];
    size_t len;

    bool note; /* below an alternative that would be an error beside what stands there */
};

static size_t down(struct example *e, const char *name, const char *after)
{
    const size_t before = e->len;
    struct buf path;
    buf_init(&path, DOCUMENT_PATH_MAX);
    buf_printf(&path, "%s%s%s%s", e->path, before > 0 ? "." : "", name, after);
    (void)span_copy(buf_view(&path), e->path, sizeof(e->path));
    e->len = strlen(e->path);
    buf_done(&path);
    return before;
}

static void up(struct example *e, size_t before)
{
    e->len = before;
    e->path[before] = '\0';
}

static const char *sample_of(const struct example *e)
{
    for (size_t i = 0; i < COUNT_OF(samples); i++)
        if (span_ends_with(span_from(e->path), samples[i].end))
            return samples[i].value;
    return NULL;
}

/* What runs when the file is taken as it is. */
static bool is_on(const char *path)
{
    static const char *const on[] = {"pools", "pools.chat", "pools.chat.target",
                                     "pools.chat.target.process",
                                     "pools.chat.target.process.command"};
    for (size_t i = 0; i < COUNT_OF(on); i++)
        if (strcmp(path, on[i]) == 0)
            return true;
    return false;
}

static void line_start(struct example *e, size_t depth, bool on)
{
    buf_printf(e->out, "%*s%s", (int)(2 * depth), "", on ? "" : e->note ? "# #" : "#");
}

static void put_value(struct example *e, const struct opt *row)
{
    const char *sample = sample_of(e);
    if (sample)
        buf_text(e->out, sample);
    else if (row->flags & OPT_FLAG_UNSET_NAN)
        buf_text(e->out, row->max > 0 && row->max < 10 ? "1" : "10");
    else
        resolved_print_default(e->out, row);
}

static void put_notes(struct example *e, size_t depth, const struct opt *row)
{
    struct buf range;
    buf_init(&range, 1024);
    resolved_print_range(&range, row);
    buf_printf(e->out, "%*s# %s", (int)(2 * depth), "", row->help);
    if (row->kind != OPT_TEXT && row->kind != OPT_BOOL && range.len > 0) {
        buf_text(e->out, " Allowed: ");
        buf_span(e->out, buf_view(&range));
        buf_text(e->out, ".");
    }
    if (row->flags & OPT_FLAG_UNSET_NAN)
        buf_text(e->out, " Unset by default.");
    buf_byte(e->out, '\n');
    buf_done(&range);
}

static void put_rows(struct example *e, const struct opt *rows, size_t count, size_t depth);

/* Sections of which one element has one: the first stands, the others are notes. */
static bool is_alternative(const char *path)
{
    static const char *const ends[] = {"chat.target.http", "sources[].http",   "sources[].push",
                                       "sources[].exec",   "sources[].engine", "sources[].resource",
                                       "sources[].dcgm"};
    for (size_t i = 0; i < COUNT_OF(ends); i++)
        if (span_ends_with(span_from(path), ends[i]))
            return true;
    return false;
}

static void put_list(struct example *e, const struct opt *row, size_t depth)
{
    for (size_t i = 0; i < row->sub_count; i++) {
        const bool note = e->note;
        const size_t before = down(e, row->sub[i].name, "");
        e->note = e->note || is_alternative(e->path);
        put_notes(e, depth + 2, &row->sub[i]);
        buf_printf(e->out, "%*s%s%s%s:", (int)(2 * depth + (i == 0 ? 2 : 4)), "",
                   e->note ? "# #" : "#", i == 0 ? "- " : "", row->sub[i].name);
        if (row->sub[i].kind == OPT_STRUCT) {
            buf_byte(e->out, '\n');
            put_rows(e, row->sub[i].sub, row->sub[i].sub_count, depth + 3);
        } else {
            buf_byte(e->out, ' ');
            put_value(e, &row->sub[i]);
            buf_byte(e->out, '\n');
        }
        e->note = note;
        up(e, before);
    }
}

static void put_row(struct example *e, const struct opt *row, size_t depth)
{
    const bool nested = row->kind == OPT_STRUCT || row->kind == OPT_LIST;
    const bool on = is_on(e->path);
    put_notes(e, depth, row);
    line_start(e, depth, on);
    buf_printf(e->out, "%s:", row->name);
    if (!nested) {
        buf_byte(e->out, ' ');
        put_value(e, row);
    }
    buf_byte(e->out, '\n');
    if (row->kind == OPT_STRUCT)
        put_rows(e, row->sub, row->sub_count, depth + 1);
    else if (row->kind == OPT_LIST)
        put_list(e, row, depth);
}

static void put_rows(struct example *e, const struct opt *rows, size_t count, size_t depth)
{
    for (size_t i = 0; i < count; i++) {
        if (rows[i].flags & OPT_FLAG_HIDDEN)
            continue;
        const bool note = e->note;
        const size_t before = down(e, rows[i].name, rows[i].kind == OPT_LIST ? "[]" : "");
        e->note = e->note || is_alternative(e->path);
        put_row(e, &rows[i], depth);
        e->note = note;
        up(e, before);
    }
}

enum rc document_example(struct buf *out)
{
    struct arena arena;
    struct example e = {.out = out};
    arena_init(&arena, DOCUMENT_MEMORY_MAX);
    const struct layout *l = layout_new(&arena);
    if (l) {
        buf_text(
            out, SCHEMA_MODELINE
            "\n"
            "# Every option with its default, made by `sluice schema --example`: take the # away "
            "to set one.\n");
        for (size_t i = 0; i < l->file_count; i++)
            if (l->file[i].kind != OPT_TREE)
                put_rows(&e, &l->file[i], 1, 0);
        buf_text(out,
                 "# Options that every pool takes over, in the form of a pool.\n#defaults: {}\n"
                 "# Pools by name.\npools:\n  chat:\n");
        (void)down(&e, "pools", ".chat");
        put_rows(&e, l->pool, l->pool_count, 2);
    }
    arena_done(&arena);
    return l && !out->failed ? RC_OK : RC_NO_MEMORY;
}

/* A cell of a table: the bar would end it. */
static void cell(struct buf *out, struct span text)
{
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] == '|')
            buf_byte(out, '\\');
        buf_byte(out, text.ptr[i]);
    }
}

static const char *kind_words(const struct opt *row)
{
    switch (row->kind) {
    case OPT_BOOL:
        return "true or false";
    case OPT_INT:
        return "whole number";
    case OPT_NUMBER:
        return "number";
    case OPT_DURATION:
        return "duration";
    case OPT_QUANTITY:
        return "quantity";
    case OPT_TEXT:
        return "text";
    case OPT_ENUM:
        return "one of";
    case OPT_TEXTS:
        return "texts";
    case OPT_TREE:
        return row->def_text && strstr(row->def_text, "oneOf") ? "text or list of texts"
                                                               : "names and values";
    case OPT_STRUCT:
    case OPT_LIST:
        break;
    }
    return "";
}

static void reference_row(struct buf *out, const struct opt *row)
{
    struct buf text;
    buf_init(&text, 4096);
    buf_printf(out, "| `%s` | %s", row->name, kind_words(row));
    if (row->kind != OPT_TEXT && row->kind != OPT_BOOL)
        resolved_print_range(&text, row);
    if (text.len > 0) {
        buf_text(out, row->kind == OPT_ENUM ? " " : ", ");
        cell(out, buf_view(&text));
    }
    buf_clear(&text);
    if (row->flags & OPT_FLAG_REQUIRED)
        buf_text(&text, "required");
    else if (row->kind == OPT_TEXT && !(row->def_text && row->def_text[0]))
        buf_text(&text, "empty");
    else
        resolved_print_default(&text, row);
    buf_text(out, " | ");
    cell(out, buf_view(&text));
    buf_printf(out, " | %s | ", change_words(row->change));
    cell(out, span_from(row->help));
    buf_text(out, " |\n");
    buf_done(&text);
}

static void reference_rows(struct buf *out, const char *title, const char *help,
                           const struct opt *rows, size_t count)
{
    bool any = false;
    for (size_t i = 0; i < count; i++)
        any = any || (rows[i].kind != OPT_STRUCT && rows[i].kind != OPT_LIST &&
                      (rows[i].kind != OPT_TREE || rows[i].def_text));
    buf_printf(out, "\n## %s\n\n%s\n", title, help);
    if (any)
        buf_text(out, "\n| option | value | default | a change takes effect | |\n"
                      "| --- | --- | --- | --- | --- |\n");
    for (size_t i = 0; i < count; i++)
        if (rows[i].kind != OPT_STRUCT && rows[i].kind != OPT_LIST &&
            (rows[i].kind != OPT_TREE || rows[i].def_text))
            reference_row(out, &rows[i]);
    for (size_t i = 0; i < count; i++) {
        char path[DOCUMENT_PATH_MAX];
        struct buf name;
        if (rows[i].kind != OPT_STRUCT && rows[i].kind != OPT_LIST)
            continue;
        buf_init(&name, sizeof(path));
        buf_printf(&name, "%s%s%s%s", strcmp(title, "File") == 0 ? "" : title,
                   strcmp(title, "File") == 0 ? "" : ".", rows[i].name,
                   rows[i].kind == OPT_LIST ? "[]" : "");
        (void)span_copy(buf_view(&name), path, sizeof(path));
        buf_done(&name);
        reference_rows(out, path, rows[i].help, rows[i].sub, rows[i].sub_count);
    }
}

enum rc document_reference(struct buf *out)
{
    struct arena arena;
    arena_init(&arena, DOCUMENT_MEMORY_MAX);
    const struct layout *l = layout_new(&arena);
    if (l) {
        buf_text(out,
                 "# Options\n\nMade by `sluice schema --markdown` from the tables that the reader "
                 "uses.\nHow the file works stands in [configuration.md](configuration.md).\n");
        reference_rows(out, "File", "The top of the file.", l->file, l->file_count);
        reference_rows(out, "pools.NAME", "One pool. The same options may stand under `defaults`.",
                       l->pool, l->pool_count);
    }
    arena_done(&arena);
    return l && !out->failed ? RC_OK : RC_NO_MEMORY;
}
