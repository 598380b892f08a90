/* explain.c - `sluice explain`: what an option is worth, and where its value comes from. */
#include <stdio.h>
#include <string.h>

#include "cli/command.h"
#include "cli/load.h"
#include "config/dialect/dialect.h"
#include "config/dialect/foreign.h"
#include "config/read.h"
#include "config/resolved.h"
#include "config/yaml.h"

struct explain {
    const struct config *config;
    struct span path; /* asked for; len 0 = everything */
    struct buf out;
    size_t found;
    bool single;
    bool json;
    struct json_writer w; /* over `out` */
};

struct explain_options {
    bool json;
};

static const struct cli_opt explain_options[] = {
    CLI_SWITCH(struct explain_options, json, "json",
               "An array: path, value, from (FILE:LINE:COLUMN; null: the default), help."),
};

/* The path itself, or something below it. */
static bool is_asked(const struct explain *e, const char *path)
{
    const struct span s = span_from(path);
    if (e->path.len == 0)
        return true;
    return s.len >= e->path.len && memcmp(s.ptr, e->path.ptr, e->path.len) == 0 &&
           (s.len == e->path.len || s.ptr[e->path.len] == '.' || s.ptr[e->path.len] == '[');
}

static bool is_exact(const struct explain *e, const char *path)
{
    return span_equal_text(e->path, path);
}

static void print_place(struct explain *e, const struct resolved *value)
{
    if (value->node)
        buf_printf(&e->out, "%s:%u:%u", e->config->file, value->node->line, value->node->column);
    else
        buf_text(&e->out, "default");
}

static void print_value(struct explain *e, const struct resolved *value)
{
    if (value->node && value->row->kind != OPT_TREE && read_is_from_environment(value->node))
        buf_span(&e->out, value->node->source);
    else
        resolved_print(&e->out, value->row, value->base);
}

static void print_long(struct explain *e, const struct resolved *value)
{
    const struct opt *row = value->row;
    buf_printf(&e->out, "%s: ", value->path);
    print_value(e, value);
    buf_printf(&e->out, "\n  %s\n  from     ", row->help);
    print_place(e, value);
    buf_text(&e->out, "\n  default  ");
    if (row->flags & OPT_FLAG_REQUIRED)
        buf_text(&e->out, "none, it is required");
    else
        resolved_print_default(&e->out, row);
    struct buf range;
    buf_init(&range, 1024);
    resolved_print_range(&range, row);
    if (range.len > 0) {
        buf_text(&e->out, "\n  allowed  ");
        buf_span(&e->out, buf_view(&range));
    }
    buf_done(&range);
    if (row->unit && row->unit[0] != '\0' && row->kind != OPT_DURATION)
        buf_printf(&e->out, "\n  unit     %s", row->unit);
    buf_printf(&e->out, "\n  change   takes effect %s\n",
               row->change == CHANGE_REPLACE ? "by replacing the replicas one by one, drained"
                                             : change_words(row->change));
}

static void print_json(struct explain *e, const struct resolved *value)
{
    struct buf text;
    struct explain part = {.config = e->config};
    buf_init(&text, 1U << 20);
    buf_init(&part.out, 1U << 20);
    if (value->node != NULL)
        buf_printf(&text, "%s:%u:%u", e->config->file, value->node->line, value->node->column);
    print_value(&part, value);
    json_object(&e->w);
    json_member_text(&e->w, "path", value->path);
    json_member_text(&e->w, "value", buf_cstr(&part.out));
    if (value->node != NULL) {
        json_member_text(&e->w, "from", buf_cstr(&text));
    } else {
        json_key(&e->w, "from");
        json_null(&e->w);
    }
    json_member_text(&e->w, "help", value->row->help);
    json_object_end(&e->w);
    buf_done(&part.out);
    buf_done(&text);
}

static bool on_value(void *user, const struct resolved *value)
{
    struct explain *e = user;
    if (!is_asked(e, value->path))
        return true;
    e->found++;
    if (e->json) {
        print_json(e, value);
        return !is_exact(e, value->path);
    }
    if (is_exact(e, value->path)) {
        print_long(e, value);
        return false;
    }
    const size_t start = e->out.len;
    buf_printf(&e->out, "%s: ", value->path);
    print_value(e, value);
    const size_t width = e->out.len - start;
    buf_printf(&e->out, "%*s  # ", width < 60 ? (int)(60 - width) : 0, "");
    print_place(e, value);
    buf_byte(&e->out, '\n');
    return true;
}

static int run(int argc, char **argv);

const struct command_ops command_explain = {
    .name = "explain",
    .summary = "Tell the value of an option in force, and where it comes from",
    .usage = "[--json] FILE [PATH]",
    .about =
        "PATH is written with dots, as pools.chat.queue.timeout. Of a path that holds several\n"
        "options all are listed; without a path everything is. Of a document of Knative (its\n"
        "config map, a service, configuration or revision) or AIBrix (PodAutoscaler) it tells\n"
        "what it comes to as a pool, and what its own controller would refuse.",
    .options = explain_options,
    .option_count = COUNT_OF(explain_options),
    .run = run,
};

/* The option with the nearest name, first of all one that stands where it was looked for. */
struct nearest {
    struct span path;
    char beside[256];
    char anywhere[256];
};

static struct span split_last(struct span path, struct span *ret_leaf)
{
    size_t dot = path.len;
    while (dot > 0 && path.ptr[dot - 1] != '.')
        dot--;
    *ret_leaf = span_slice(path, dot, path.len - dot);
    return span_slice(path, 0, dot);
}

static bool on_name(void *user, const struct resolved *value)
{
    struct nearest *n = user;
    struct span asked, leaf;
    const struct span asked_parent = split_last(n->path, &asked);
    const struct span parent = split_last(span_from(value->path), &leaf);
    const char *names[] = {leaf.ptr};
    if (!name_nearest(asked, names, 1))
        return true;
    char *best = span_equal(parent, asked_parent) ? n->beside : n->anywhere;
    if (best[0] == '\0')
        (void)snprintf(best, sizeof(n->beside), "%s", value->path);
    return true;
}

static int explain(const struct config *config, const char *path, bool json)
{
    struct explain e = {.config = config, .path = span_from(path), .json = json};
    buf_init(&e.out, (size_t)256 << 20);
    json_init(&e.w, &e.out);
    if (json)
        json_array(&e.w);
    config_visit(config, on_value, &e);
    if (json) {
        json_array_end(&e.w);
        buf_byte(&e.out, '\n');
    }
    if (e.found > 0)
        (void)fwrite(e.out.ptr, 1, e.out.len, stdout); /* a closed pipe is the reader's wish */
    buf_done(&e.out);
    if (e.found > 0)
        return EXIT_OK;
    struct nearest n = {.path = span_from(path)};
    config_visit(config, on_name, &n);
    const char *best = n.beside[0] ? n.beside : n.anywhere;
    fprintf(stderr, "sluice explain: there is no option \"%s\"%s%s%s\n", path,
            best[0] ? "; did you mean \"" : "", best, best[0] ? "\"?" : "");
    return EXIT_FAILED;
}

/* ---- foreign documents ---- */

struct foreign_out {
    struct span path; /* asked for */
    const char *file;
    struct buf out;
    size_t found;
};

static void on_setting(void *user, const char *path, const char *value, const struct tree *node)
{
    struct foreign_out *o = user;
    const struct explain asked = {.path = o->path};
    if (!is_asked(&asked, path))
        return;
    const size_t start = o->out.len;
    o->found++;
    buf_printf(&o->out, "%s: %s", path, value);
    const size_t width = o->out.len - start;
    buf_printf(&o->out, "%*s  # ", width < 60 ? (int)(60 - width) : 0, "");
    if (node)
        buf_printf(&o->out, "%s:%u:%u\n", o->file, node->line, node->column);
    else
        buf_text(&o->out, "default\n");
}

/* The documents of a file that are of a foreign kind; count 0 when none is. */
static void foreign_documents(struct arena *arena, struct span text, struct yaml_documents *ret)
{
    if (yaml_read(arena, text, NULL, ret, NULL) != RC_OK)
        ret->count = 0; /* told by the reader of native files */
    for (size_t i = 0; i < ret->count; i++) {
        const struct dialect *d = dialect_of(ret->item[i]);
        if (!d || !d->explain)
            ret->count = 0;
    }
}

static int explain_foreign(const char *file, const struct buf *text,
                           const struct yaml_documents *documents, const char *path,
                           struct arena *arena)
{
    struct problem_list problems;
    struct reader reader;
    struct foreign_out o = {.path = span_from(path), .file = file};
    problem_list_init(&problems);
    buf_init(&o.out, (size_t)64 << 20);
    reader_init(&reader, &problems, file, "");
    const struct foreign f = {.reader = &reader, .arena = arena, .setting = on_setting, .user = &o};
    for (size_t i = 0; i < documents->count; i++) {
        if (i > 0)
            buf_text(&o.out, "---\n");
        dialect_of(documents->item[i])->explain(&f, documents->item[i]);
    }
    problem_list_sort(&problems);
    if (problems.errors == 0)
        (void)fwrite(o.out.ptr, 1, o.out.len, stdout); /* a closed pipe is the reader's wish */
    load_report(stderr, &problems, text);
    const bool good = problems.errors == 0 && o.found > 0;
    if (problems.errors == 0 && o.found == 0)
        fprintf(stderr, "sluice explain: the document sets nothing at \"%s\"\n", path);
    buf_done(&o.out);
    problem_list_done(&problems);
    return good ? EXIT_OK : EXIT_FAILED;
}

/* True when the file holds foreign documents, and nothing else. */
static bool is_foreign(const char *file, const char *path, int *ret_code)
{
    struct yaml_documents documents = {.count = 0};
    struct buf text;
    struct arena arena;
    buf_init(&text, (size_t)CONFIG_BYTES_MAX + 1);
    arena_init(&arena, (size_t)256 << 20);
    if (strcmp(file, "-") != 0 && load_text(file, &text, NULL) == RC_OK)
        foreign_documents(&arena, buf_view(&text), &documents);
    if (documents.count > 0)
        *ret_code = explain_foreign(file, &text, &documents, path, &arena);
    arena_done(&arena);
    buf_done(&text);
    return documents.count > 0;
}

static int run(int argc, char **argv)
{
    struct args args;
    struct problem_list problems;
    struct buf text;
    struct explain_options options;
    const int usage = command_args(&command_explain, argc, argv, &options, &args);
    if (usage != EXIT_OK)
        return usage;
    if (args.count < 1 || args.count > 2)
        return command_usage_error(&command_explain, "a file and at most one path are wanted");
    int code = EXIT_FAILED;
    if (is_foreign(args.operand[0], args.count > 1 ? args.operand[1] : "", &code))
        return code;
    problem_list_init(&problems);
    struct config *config = load_config(args.operand[0], &problems, &text);
    if (config)
        code = explain(config, args.count > 1 ? args.operand[1] : "", options.json);
    else
        load_report(stderr, &problems, &text);
    config_free(config);
    buf_done(&text);
    problem_list_done(&problems);
    return code;
}
