/* explain.c - `sluice explain`: what an option is worth, and where its value comes from. */
#include <stdio.h>
#include <string.h>

#include "cli/command.h"
#include "cli/load.h"
#include "config/read.h"
#include "config/resolved.h"

struct explain {
    const struct config *config;
    struct span path; /* asked for; len 0 = everything */
    struct buf out;
    size_t found;
    bool single;
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

static bool on_value(void *user, const struct resolved *value)
{
    struct explain *e = user;
    if (!is_asked(e, value->path))
        return true;
    e->found++;
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
    .usage = "FILE [PATH]",
    .about =
        "PATH is written with dots, as pools.chat.queue.timeout. Of a path that holds several\n"
        "options all are listed; without a path everything is.",
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

static int explain(const struct config *config, const char *path)
{
    struct explain e = {.config = config, .path = span_from(path)};
    buf_init(&e.out, (size_t)256 << 20);
    config_visit(config, on_value, &e);
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

static int run(int argc, char **argv)
{
    struct args args;
    struct problem_list problems;
    struct buf text;
    char none;
    const int usage = command_args(&command_explain, argc, argv, &none, &args);
    if (usage != EXIT_OK)
        return usage;
    if (args.count < 1 || args.count > 2)
        return command_usage_error(&command_explain, "a file and at most one path are wanted");
    problem_list_init(&problems);
    struct config *config = load_config(args.operand[0], &problems, &text);
    int code = EXIT_FAILED;
    if (config)
        code = explain(config, args.count > 1 ? args.operand[1] : "");
    else
        load_report(stderr, &problems, &text);
    config_free(config);
    buf_done(&text);
    problem_list_done(&problems);
    return code;
}
