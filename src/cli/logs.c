/* logs.c - `sluice logs`: what the engines of a pool print. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/num.h"
#include "cli/client.h"

#define FOLLOW_SECONDS 1
#define FOLLOW_LINES 1000
#define FOLLOW_MARK_BYTES 256 /* of what was shown: found again in what comes next */
#define FOLLOWED_MAX 64

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
    .about = "Of every replica that runs, or of one by its number. With several, each line is\n"
             "led by the number of its replica. Exit code: 0 shown, 1 nothing is known or not\n"
             "reached, 2 wrong usage.",
    .options = logs_options,
    .option_count = COUNT_OF(logs_options),
    .run = run,
};

/* What was shown last of one replica. */
struct followed {
    int64_t replica;
    char mark[FOLLOW_MARK_BYTES];
    size_t mark_len;
};

struct logs {
    const struct logs_options *options;
    struct client client;
    struct followed followed[FOLLOWED_MAX];
    size_t count;
};

static enum rc find_replicas(struct logs *logs, const char *pool, const char *only,
                             struct diag *diag)
{
    struct client_answer answer;
    struct buf path;
    buf_init(&path, 1024);
    buf_text(&path, "/api/v1/pools/");
    client_encode(&path, pool);
    buf_text(&path, "/replicas");
    const enum rc rc =
        client_call(&logs->client, "GET", buf_cstr(&path), (struct span){0}, &answer, diag);
    const struct tree *list = rc == RC_OK ? tree_get(answer.json, "replicas") : NULL;
    logs->count = 0;
    for (const struct tree *row = list == NULL ? NULL : list->first;
         row != NULL && logs->count < FOLLOWED_MAX; row = row->next) {
        int64_t id = 0;
        if (num_parse_int(client_text(row, "id"), &id) != RC_OK)
            continue;
        if (only == NULL || strtoll(only, NULL, 10) == id)
            logs->followed[logs->count++].replica = id;
    }
    client_answer_done(&answer);
    buf_done(&path);
    if (rc == RC_OK && logs->count == 0)
        return only == NULL ? fail(diag, RC_NOT_FOUND, "pool %s has no replica now", pool)
                            : fail(diag, RC_NOT_FOUND, "pool %s has no replica %s now", pool, only);
    return rc;
}

static void print_lines(const struct logs *logs, const struct followed *f, struct span text)
{
    struct span line;
    while (text.len > 0) {
        const size_t end = span_find_byte(text, '\n', 0);
        line = span_slice(text, 0, end == SIZE_MAX ? text.len : end);
        text = span_slice(text, line.len + 1, text.len);
        if (logs->count > 1)
            (void)printf("%" PRId64 ": ", f->replica);
        (void)printf("%.*s\n", SPAN_ARG(line));
    }
}

/* What came since the mark, or all when the mark has left the file. */
static struct span since(const struct followed *f, struct span text)
{
    size_t at = SIZE_MAX;
    for (size_t next = f->mark_len == 0 ? SIZE_MAX
                                        : span_find(text, span_of(f->mark, f->mark_len), 0);
         next != SIZE_MAX; next = span_find(text, span_of(f->mark, f->mark_len), next + 1))
        at = next;
    return at == SIZE_MAX ? text : span_slice(text, at + f->mark_len, text.len);
}

static enum rc show(struct logs *logs, struct followed *f, int64_t lines, struct diag *diag)
{
    struct client_answer answer;
    char path[96];
    (void)snprintf(path, sizeof(path), "/api/v1/replicas/%" PRId64 "/logs?lines=%" PRId64,
                   f->replica, lines);
    const enum rc rc = client_read(&logs->client, path, &answer, diag);
    if (rc == RC_OK) {
        const struct span text = buf_view(&answer.body);
        print_lines(logs, f, since(f, text));
        f->mark_len = text.len < FOLLOW_MARK_BYTES ? text.len : FOLLOW_MARK_BYTES;
        if (f->mark_len > 0)
            memcpy(f->mark, text.ptr + text.len - f->mark_len, f->mark_len);
        (void)fflush(stdout); /* main looks at stdout at the end */
    }
    client_answer_done(&answer);
    return rc;
}

static enum rc show_all(struct logs *logs, const char *pool, const char *only, struct diag *diag)
{
    enum rc rc = find_replicas(logs, pool, only, diag);
    for (size_t i = 0; rc == RC_OK && i < logs->count; i++)
        rc = show(logs, &logs->followed[i], logs->options->lines, diag);
    while (rc == RC_OK && logs->options->follow) {
        (void)sleep(FOLLOW_SECONDS); /* a signal ends the program */
        for (size_t i = 0; rc == RC_OK && i < logs->count; i++)
            rc = show(logs, &logs->followed[i], FOLLOW_LINES, diag);
    }
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
