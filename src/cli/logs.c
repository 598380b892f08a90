/* logs.c - `sluice logs`: what the engines of a pool print. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/num.h"
#include "cli/client.h"

#define FOLLOW_SECONDS 1
#define FOLLOWED_MAX 256
#define BACK_BYTES INT64_C(262144) /* where `--follow` begins to look for the last lines */
/* Output that was cut meanwhile has moved: the bytes before the place tell. */
#define MARK_BYTES 256

struct logs_options {
    struct client_options client;
    int64_t lines;
    bool follow;
};

static const struct cli_opt logs_options[] = {
    CLI_OPT(INT, struct logs_options, lines, "lines", "N", "100", 1, 10000,
            "The last lines of each replica."),
    CLI_SWITCH(struct logs_options, follow, "follow", "Go on until interrupted."),
    CLIENT_ROWS,
};

static int run(int argc, char **argv);

const struct command_ops command_logs = {
    .name = "logs",
    .summary = "Show what the engines of a pool print",
    .usage = "[OPTION]... POOL [REPLICA]",
    .about =
        "Of every replica that runs or ended on its own a while ago, or of one by its number.\n"
        "With several, each line is led by the number of its replica. Exit code: 0 shown,\n"
        "1 nothing is known or not reached, 2 wrong usage.",
    .options = logs_options,
    .option_count = COUNT_OF(logs_options),
    .run = run,
};

/* What was shown of one replica. */
struct followed {
    int64_t replica;
    int64_t bytes; /* of its file, as the list said last */
    int64_t shown; /* bytes of the file up to here were shown; -1 = none yet */
    char mark[MARK_BYTES];
    size_t mark_len;
    bool midline; /* the last line that was shown has no end yet */
    bool listed;
};

struct logs {
    const struct logs_options *options;
    struct client client;
    struct followed followed[FOLLOWED_MAX];
    size_t count;
};

/* ---- which ---- */

static struct followed *followed_of(struct logs *logs, int64_t replica)
{
    for (size_t i = 0; i < logs->count; i++)
        if (logs->followed[i].replica == replica)
            return &logs->followed[i];
    if (logs->count == FOLLOWED_MAX)
        return NULL;
    struct followed *f = &logs->followed[logs->count++];
    *f = (struct followed){.replica = replica, .shown = -1};
    return f;
}

/* Those that are gone are forgotten, new ones come along. */
static enum rc list_outputs(struct logs *logs, const char *pool, const char *only,
                            struct diag *diag)
{
    struct client_answer answer;
    struct buf path;
    size_t kept = 0;
    buf_init(&path, 1024);
    buf_text(&path, "/api/v1/pools/");
    client_encode(&path, pool);
    buf_text(&path, "/logs");
    const enum rc rc =
        client_call(&logs->client, "GET", buf_cstr(&path), (struct span){0}, &answer, diag);
    const struct tree *list = rc == RC_OK ? tree_get(answer.json, "logs") : NULL;
    for (size_t i = 0; i < logs->count; i++)
        logs->followed[i].listed = false;
    for (const struct tree *row = list ? list->first : NULL; row; row = row->next) {
        int64_t id = 0;
        if (num_parse_int(client_text(row, "replica"), &id) != RC_OK ||
            (only && strtoll(only, NULL, 10) != id))
            continue;
        struct followed *f = followed_of(logs, id);
        if (f) {
            f->listed = true;
            f->bytes = client_int(row, "bytes");
        }
    }
    for (size_t i = 0; i < logs->count && rc == RC_OK; i++)
        if (logs->followed[i].listed)
            logs->followed[kept++] = logs->followed[i];
    logs->count = kept;
    client_answer_done(&answer);
    buf_done(&path);
    return rc;
}

/* ---- showing ---- */

static void print_text(const struct logs *logs, struct followed *f, struct span text)
{
    while (text.len > 0) {
        const size_t end = span_find_byte(text, '\n', 0);
        const struct span line = span_slice(text, 0, end == SIZE_MAX ? text.len : end);
        text = span_slice(text, line.len + 1, text.len);
        if (logs->count > 1 && !f->midline)
            (void)printf("%" PRId64 ": ", f->replica);
        (void)printf("%.*s%s", SPAN_ARG(line), end == SIZE_MAX ? "" : "\n");
        f->midline = end == SIZE_MAX;
    }
    (void)fflush(stdout); /* main looks at stdout at the end */
}

static void remember(struct followed *f, struct span text)
{
    f->mark_len = text.len < MARK_BYTES ? text.len : MARK_BYTES;
    if (text.ptr && f->mark_len > 0)
        memcpy(f->mark, text.ptr + text.len - f->mark_len, f->mark_len);
}

static enum rc read_piece(const struct logs *logs, const struct followed *f, const char *name,
                          int64_t value, struct client_answer *answer, struct diag *diag)
{
    char path[128];
    (void)snprintf(path, sizeof path, "/api/v1/replicas/%" PRId64 "/logs?%s=%" PRId64, f->replica,
                   name, value);
    return client_read(&logs->client, path, answer, diag);
}

static enum rc show_last(const struct logs *logs, struct followed *f, struct diag *diag)
{
    struct client_answer answer;
    const enum rc rc = read_piece(logs, f, "lines", logs->options->lines, &answer, diag);
    if (rc == RC_OK)
        print_text(logs, f, buf_view(&answer.body));
    if (rc == RC_OK && f->midline)
        (void)printf("\n");
    client_answer_done(&answer);
    return rc;
}

/* The last lines of a text. */
static struct span last_lines(struct span text, int64_t lines)
{
    size_t from = text.len;
    int64_t seen = 0;
    while (from > 0 && (text.ptr[from - 1] != '\n' || from == text.len || ++seen < lines))
        from--;
    return span_slice(text, from, text.len);
}

/* What is new behind the mark; false when the mark is not there. */
static bool behind_mark(const struct followed *f, struct span text, struct span *ret)
{
    const struct span mark = span_of(f->mark, f->mark_len);
    size_t at = SIZE_MAX;
    for (size_t next = span_find(text, mark, 0); next != SIZE_MAX;
         next = span_find(text, mark, next + 1))
        at = next;
    if (at != SIZE_MAX)
        *ret = span_slice(text, at + mark.len, text.len);
    return at != SIZE_MAX;
}

/* The file was cut and begins elsewhere: what was shown last is looked for near its end. */
static enum rc find_again(const struct logs *logs, struct followed *f, struct diag *diag)
{
    struct client_answer answer;
    const int64_t from = f->bytes > BACK_BYTES ? f->bytes - BACK_BYTES : 0;
    const enum rc rc = read_piece(logs, f, "from", from, &answer, diag);
    if (rc == RC_OK) {
        const struct span text = buf_view(&answer.body);
        struct span fresh = text;
        const bool known = f->mark_len > 0 && behind_mark(f, text, &fresh);
        if (f->shown < 0)
            fresh = last_lines(text, logs->options->lines);
        else if (!known)
            (void)fprintf(stderr,
                          "sluice: output of replica %" PRId64 " was cut, some is missing\n",
                          f->replica);
        print_text(logs, f, fresh);
        remember(f, text);
        f->shown = from + (int64_t)text.len;
    }
    client_answer_done(&answer);
    return rc;
}

/* Goes on where it ended, if the bytes before that place are still the same. */
static enum rc show_next(const struct logs *logs, struct followed *f, struct diag *diag)
{
    struct client_answer answer;
    const int64_t from = f->shown - (int64_t)f->mark_len;
    const enum rc rc = read_piece(logs, f, "from", from, &answer, diag);
    const struct span text = buf_view(&answer.body);
    const bool same = rc == RC_OK && text.len >= f->mark_len &&
                      (text.len == 0 || memcmp(text.ptr, f->mark, f->mark_len) == 0);
    if (same) {
        print_text(logs, f, span_slice(text, f->mark_len, text.len));
        remember(f, text);
        f->shown = from + (int64_t)text.len;
    }
    client_answer_done(&answer);
    return rc == RC_OK && !same ? find_again(logs, f, diag) : rc;
}

static enum rc follow(struct logs *logs, const char *pool, const char *only, struct diag *diag)
{
    enum rc rc = RC_OK;
    while (rc == RC_OK) {
        for (size_t i = 0; i < logs->count && rc == RC_OK; i++) {
            struct followed *f = &logs->followed[i];
            rc = f->shown < 0 ? find_again(logs, f, diag) : show_next(logs, f, diag);
            if (rc == RC_INVALID)
                rc = RC_OK; /* its file went between list and read */
        }
        if (rc == RC_OK) {
            (void)sleep(FOLLOW_SECONDS); /* a signal ends the program */
            rc = list_outputs(logs, pool, only, diag);
        }
    }
    return rc;
}

static enum rc show_all(struct logs *logs, const char *pool, const char *only, struct diag *diag)
{
    enum rc rc = list_outputs(logs, pool, only, diag);
    if (rc == RC_OK && logs->count == 0 && only)
        return fail(diag, RC_NOT_FOUND, "replica %s of pool %s left no output", only, pool);
    if (rc == RC_OK && logs->count == 0 && !logs->options->follow)
        return fail(diag, RC_NOT_FOUND, "no replica of pool %s left output", pool);
    if (rc == RC_OK && logs->options->follow)
        return follow(logs, pool, only, diag);
    for (size_t i = 0; rc == RC_OK && i < logs->count; i++)
        rc = show_last(logs, &logs->followed[i], diag);
    return rc;
}

static int run(int argc, char **argv)
{
    struct logs_options options;
    struct args args;
    struct diag diag = {.code = RC_OK};
    const int usage = command_args(&command_logs, argc, argv, &options, &args);
    if (usage != EXIT_OK)
        return usage;
    if (args.count < 1 || args.count > 2)
        return command_usage_error(&command_logs, "a pool is wanted, and at most one replica");
    int64_t number = 0;
    const char *only = args.count == 2 ? args.operand[1] : NULL;
    if (only != NULL && num_parse_int(span_from(only), &number) != RC_OK)
        return command_usage_error(&command_logs, "replica \"%.40s\" is no number", only);
    struct logs *logs = mem_new(1, sizeof(*logs));
    if (logs == NULL)
        return EXIT_FAILED;
    logs->options = &options;
    enum rc rc = client_init(&logs->client, &options.client, &diag);
    if (rc == RC_OK)
        rc = show_all(logs, args.operand[0], only, &diag);
    client_done(&logs->client);
    free(logs);
    return rc == RC_OK ? EXIT_OK : command_failed(&command_logs, &diag);
}
