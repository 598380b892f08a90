/* status.c - `sluice status`: how every pool is, or one of them in full. */
#include <math.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "base/duration.h"
#include "cli/client.h"
#include "cli/table.h"

#define WATCH_EVERY_S 2

struct status_config {
    struct client_options client;
    bool watch;
};

static const struct cli_opt status_options[] = {
    CLIENT_ROWS,
    CLI_SWITCH(struct status_config, watch, "watch",
               "Show it again every two seconds, until interrupted."),
};

/* ---- all pools ---- */

static const struct table_column pool_columns[] = {
    {"POOL", false},    {"READY", true},    {"WANTED", true},
    {"STARTING", true}, {"BOUNDS", true},   {"IN FLIGHT", true},
    {"WAITING", true},  {"TTFT P95", true}, {"LAST DECISION", false}};

static void put_known(struct table *table, const struct tree *json, const char *path)
{
    if (client_known(json, path))
        table_int(table, client_int(json, path));
    else
        table_text(table, "-");
}

static void put_pool(struct table *table, const struct tree *pool)
{
    char bounds[48];
    (void)snprintf(bounds, sizeof(bounds), "%lld-%lld", (long long)client_int(pool, "replicas.min"),
                   (long long)client_int(pool, "replicas.max"));
    table_span(table, client_text(pool, "name"));
    table_int(table, client_int(pool, "replicas.ready"));
    table_int(table, client_int(pool, "replicas.desired"));
    table_int(table, client_int(pool, "replicas.starting"));
    table_text(table, bounds);
    put_known(table, pool, "traffic.inFlightRequests");
    put_known(table, pool, "traffic.waitingRequests");
    table_seconds(table, client_number(pool, "traffic.ttftP95"));
    table_span(table, client_text(pool, "decision.words"));
}

static void put_pools(struct buf *out, const struct tree *json)
{
    struct table table;
    const struct tree *pools = tree_get(json, "pools");
    table_init(&table, pool_columns, COUNT_OF(pool_columns));
    for (const struct tree *pool = pools != NULL ? pools->first : NULL; pool != NULL;
         pool = pool->next)
        put_pool(&table, pool);
    table_print(&table, out);
    table_done(&table);
}

/* What a person should look at; of one pool, or of all. */
static void put_conditions(struct buf *out, const struct tree *json, const char *only)
{
    const struct tree *list = tree_get(json, "conditions");
    bool first = true;
    for (const struct tree *c = list != NULL ? list->first : NULL; c != NULL; c = c->next) {
        const struct span pool = client_text(c, "pool");
        if (only != NULL && pool.len > 0 && !span_equal_text(pool, only))
            continue;
        buf_text(out, first ? "\n" : "");
        first = false;
        table_put_safe(out, client_text(c, "name"));
        buf_text(out, pool.len > 0 ? " of " : "");
        table_put_safe(out, pool);
        buf_text(out, ", since ");
        table_put_safe(out, client_text(c, "since"));
        buf_text(out, ": ");
        table_put_safe(out, client_text(c, "text"));
        buf_byte(out, '\n');
    }
}

/* ---- one pool ---- */

static const struct table_column replica_columns[] = {
    {"REPLICA", true},   {"STATE", false}, {"PHASE", false}, {"ADDRESS", false},
    {"IN FLIGHT", true}, {"TOKENS", true}, {"SINCE", false}, {"WHY", false}};

static void put_text_or_dash(struct table *table, const struct tree *json, const char *path)
{
    const struct span text = client_text(json, path);
    table_span(table, text.len > 0 ? text : span_from("-"));
}

static void put_replicas(struct buf *out, const struct tree *json)
{
    struct table table;
    const struct tree *list = tree_get(json, "replicas");
    if (list == NULL || list->first == NULL)
        return;
    table_init(&table, replica_columns, COUNT_OF(replica_columns));
    for (const struct tree *r = list->first; r != NULL; r = r->next) {
        table_span(&table, client_text(r, "id"));
        table_span(&table, client_text(r, "state"));
        put_text_or_dash(&table, r, "phase");
        put_text_or_dash(&table, r, "address");
        table_int(&table, client_int(r, "inFlightRequests"));
        table_int(&table, client_int(r, "inFlightTokens"));
        put_text_or_dash(&table, r, "changed");
        table_span(&table, client_text(r, "text"));
    }
    buf_byte(out, '\n');
    table_print(&table, out);
    table_done(&table);
}

static void put_latencies(struct buf *out, const struct tree *pool)
{
    static const struct {
        const char *title;
        const char *p50;
        const char *p95;
    } rows[] = {{"time to the first token", "traffic.ttftP50", "traffic.ttftP95"},
                {"time between tokens", "traffic.itlP50", "traffic.itlP95"},
                {"start-up", "startP50", "startP90"}};
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        if (isnan(client_number(pool, rows[i].p50)))
            continue;
        buf_printf(out, "%-24s half within ", rows[i].title);
        table_put_seconds(out, client_number(pool, rows[i].p50));
        buf_text(out, i == 2 ? ", 90 % within " : ", 95 % within ");
        table_put_seconds(out, client_number(pool, rows[i].p95));
        buf_byte(out, '\n');
    }
}

/* Three digits that say something: from 0.000094 ms a token to thousands of tokens. */
static void put_digits(struct buf *out, double number)
{
    double unit = 1;
    while (fabs(number) * unit < 100 && unit < 1e9)
        unit *= 10;
    buf_number(out, rint(number * unit) / unit);
}

/* What the policy found out: what a replica can do, what is kept ready, what may miss. */
static void put_learned(struct buf *out, const struct tree *pool)
{
    static const struct {
        const char *title;
        const char *path;
        const char *unit;
    } rows[] = {
        {"an iteration takes", "learned.iterationMs", " ms"},
        {"  more per sequence", "learned.sequenceMs", " ms"},
        {"  per context token", "learned.contextMs", " ms"},
        {"  per prompt token", "learned.promptMs", " ms"},
        {"a replica carries", "learned.carriesRequests", " requests"},
        {"a replica carries", "learned.carriesTokens", " tokens"},
        {"is full at", "learned.usePercent", " %"},
        {"margin on the need", "learned.margin", ""},
        {"replicas at least", "learned.floor", ""},
        {"a lower need is held", "learned.hold", " s"},
        {"may miss now", "learned.allowedPercent", " %"},
        {"  foreseen", "learned.foreseenPercent", " %"},
        {"  missed of late", "learned.missedPercent", " %"},
    };
    if (tree_get(pool, "learned") == NULL || !client_known(pool, "learned"))
        return;
    buf_text(out, client_bool(pool, "learned.guess") ? "learned: nothing yet, assumed is\n"
                                                     : "learned:\n");
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        const double number = client_number(pool, rows[i].path);
        if (isnan(number))
            continue;
        buf_printf(out, "  %-22s ", rows[i].title);
        put_digits(out, number);
        buf_printf(out, "%s\n", rows[i].unit);
    }
}

static const struct table_column source_columns[] = {
    {"SOURCE", false}, {"KIND", false}, {"SIGNALS", false},   {"STATE", false},
    {"VALUE", true},   {"AGE", true},   {"LAST ERROR", false}};

static void put_number_cell(struct table *table, double number, bool seconds)
{
    struct buf text;
    buf_init(&text, 128);
    if (isnan(number))
        buf_byte(&text, '-');
    else if (seconds)
        table_put_seconds(&text, number);
    else
        buf_number(&text, number);
    table_span(table, buf_view(&text));
    buf_done(&text);
}

static void put_sources(struct buf *out, const struct tree *pool)
{
    struct table table;
    const struct tree *list = tree_get(pool, "sources");
    if (list == NULL || list->first == NULL)
        return;
    table_init(&table, source_columns, COUNT_OF(source_columns));
    for (const struct tree *s = list->first; s != NULL; s = s->next) {
        table_span(&table, client_text(s, "name"));
        table_span(&table, client_text(s, "kind"));
        table_span(&table, client_text(s, "signals"));
        table_span(&table, client_text(s, "state"));
        put_number_cell(&table, client_number(s, "value"), false);
        put_number_cell(&table, client_number(s, "age"), true);
        put_text_or_dash(&table, s, "text");
    }
    buf_byte(out, '\n');
    table_print(&table, out);
    table_done(&table);
}

static void put_one(struct buf *out, const struct tree *pool)
{
    table_put_safe(out, client_text(pool, "name"));
    buf_text(out, ": ");
    table_put_safe(out, client_text(pool, "sentence"));
    buf_text(out, "\nlast decision: ");
    table_put_safe(out, client_text(pool, "decision.words"));
    buf_byte(out, '\n');
    put_latencies(out, pool);
    put_learned(out, pool);
    put_sources(out, pool);
}

/* ---- asking ---- */

struct page {
    struct client client;
    const struct status_config *config;
    const char *pool; /* NULL = all */
    struct buf out;
};

static void pool_path(struct buf *path, const char *pool, const char *below)
{
    buf_init(path, 4096);
    buf_text(path, "/api/v1/pools");
    if (pool != NULL) {
        buf_byte(path, '/');
        client_encode(path, pool);
        buf_text(path, below);
    }
}

typedef void put_fn(struct page *page, const struct tree *json);

static enum rc ask(struct page *page, const char *path, put_fn *put, struct diag *diag)
{
    struct client_answer answer;
    const enum rc rc = client_call(&page->client, "GET", path, (struct span){0}, &answer, diag);
    if (rc == RC_OK)
        put(page, answer.json);
    client_answer_done(&answer);
    return rc;
}

static void on_pools(struct page *page, const struct tree *json)
{
    if (page->pool == NULL)
        put_pools(&page->out, json);
    else
        put_one(&page->out, json);
}

static void on_replicas(struct page *page, const struct tree *json)
{
    put_replicas(&page->out, json);
}

static void on_conditions(struct page *page, const struct tree *json)
{
    put_conditions(&page->out, json, page->pool);
}

static enum rc make_page(struct page *page, struct diag *diag)
{
    struct buf path;
    buf_clear(&page->out);
    pool_path(&path, page->pool, "");
    enum rc rc = ask(page, buf_cstr(&path), on_pools, diag);
    buf_done(&path);
    if (rc == RC_OK && page->pool != NULL) {
        pool_path(&path, page->pool, "/replicas");
        rc = ask(page, buf_cstr(&path), on_replicas, diag);
        buf_done(&path);
    }
    return rc == RC_OK ? ask(page, "/api/v1/conditions", on_conditions, diag) : rc;
}

static int run(int argc, char **argv);

const struct command_ops command_status = {
    .name = "status",
    .summary = "Show how the pools of a running sluice are",
    .usage = "[OPTION]... [POOL]",
    .about = "One line a pool, and what a person should look at; of one pool also its replicas.\n"
             "\"-\" stands for what is not known. Exit code: 0 shown, 1 the running sluice cannot\n"
             "be asked, 2 wrong usage.",
    .options = status_options,
    .option_count = COUNT_OF(status_options),
    .run = run,
};

/* A sluice that is away for a moment is waited for. */
static int watch(struct page *page)
{
    const bool terminal = isatty(STDOUT_FILENO) == 1;
    for (;;) {
        struct diag diag = {.code = RC_OK};
        const enum rc rc = make_page(page, &diag);
        if (terminal)
            (void)fputs("\033[H\033[2J", stdout);
        if (rc == RC_OK)
            (void)fwrite(page->out.ptr, 1, page->out.len, stdout);
        else
            (void)printf("%s\n", diag.text);
        if (!terminal)
            (void)putchar('\n');
        if (fflush(stdout) != 0)
            return EXIT_FAILED; /* nobody reads any more */
        (void)nanosleep(&(struct timespec){.tv_sec = WATCH_EVERY_S}, NULL);
    }
}

static int show(struct page *page)
{
    struct diag diag = {.code = RC_OK};
    if (client_init(&page->client, &page->config->client, &diag) != RC_OK)
        return command_failed(&command_status, &diag);
    if (page->config->watch)
        return watch(page);
    if (make_page(page, &diag) != RC_OK)
        return command_failed(&command_status, &diag);
    (void)fwrite(page->out.ptr, 1, page->out.len, stdout); /* main looks at stdout */
    return EXIT_OK;
}

static int run(int argc, char **argv)
{
    struct status_config config;
    struct args args;
    struct buf path;
    const int usage = command_args(&command_status, argc, argv, &config, &args);
    if (usage != EXIT_OK)
        return usage;
    if (args.count > 1)
        return command_usage_error(&command_status, "at most one pool is wanted");
    struct page page = {.config = &config, .pool = args.count > 0 ? args.operand[0] : NULL};
    if (config.client.json) {
        pool_path(&path, page.pool, "");
        const int code = client_run(&command_status, &config.client, "GET", buf_cstr(&path),
                                    (struct span){0}, client_show_done, NULL);
        buf_done(&path);
        return code;
    }
    buf_init(&page.out, (size_t)64 << 20);
    const int code = show(&page);
    buf_done(&page.out);
    client_done(&page.client);
    return code;
}
