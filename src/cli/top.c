/* top.c - `sluice top`: the pools of a running sluice on a terminal, kept current. */
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/duration.h"
#include "cli/client.h"
#include "cli/table.h"
#include "cli/top_screen.h"
#include "io/env.h"

#define POOLS_MAX 1000
#define SPARK_POINTS 24
#define DECISIONS_SHOWN 100

struct top_config {
    struct client_options client;
    int64_t every_ns;
};

static const struct cli_opt top_options[] = {
    CLIENT_ROWS,
    CLI_OPT(DURATION, struct top_config, every_ns, "every", "DURATION", "1s", 0.1, 3600,
            "How often to ask."),
};

/* ---- what is known ---- */

enum order { ORDER_CONFIG, ORDER_IN_FLIGHT, ORDER_WAITING, ORDER_COUNT };
static const char *const order_words[ORDER_COUNT] = {"configuration", "in flight", "waiting"};

struct top {
    struct client client;
    const struct top_config *config;
    struct buf text;
    enum order order;
    size_t first; /* pool that is shown on top */
    bool help;
    bool colours;
};

static const char *colour(const struct top *top, const char *code)
{
    return top->colours ? code : "";
}

/* ---- one pool ---- */

static const struct table_column columns[] = {
    {"POOL", false},    {"HEALTH", false}, {"READY", true},     {"WANTED", true},
    {"STARTING", true}, {"BOUNDS", true},  {"IN FLIGHT", true}, {"WAITING", true},
    {"TTFT P95", true}, {"ITL P95", true}, {"TOK/S", true},     {"WITHIN", true},
    {"DEMAND", false}};

static void put_known(struct table *table, const struct tree *json, const char *path)
{
    if (client_known(json, path))
        table_int(table, client_int(json, path));
    else
        table_text(table, "-");
}

/* The last points of the demand, against the largest of them; a space where it is not known. */
static void put_spark(struct table *table, const struct tree *points)
{
    static const char *const bars[] = {"\xe2\x96\x81", "\xe2\x96\x82", "\xe2\x96\x83",
                                       "\xe2\x96\x84", "\xe2\x96\x85", "\xe2\x96\x86",
                                       "\xe2\x96\x87", "\xe2\x96\x88"};
    struct buf text;
    double top = 0;
    size_t i = 0;
    const size_t count = points != NULL ? points->count : 0;
    buf_init(&text, 4096);
    for (const struct tree *p = count > 0 ? points->first : NULL; p != NULL; p = p->next)
        top = fmax(top, client_number(p, "demand")); /* NaN is passed over */
    for (const struct tree *p = count > 0 ? points->first : NULL; p != NULL; p = p->next) {
        if (i++ + SPARK_POINTS < count)
            continue;
        const double demand = client_number(p, "demand");
        const double share = top > 0 ? demand / top : 0;
        buf_text(&text, isnan(demand) ? " " : bars[(size_t)(fmin(fmax(share, 0), 1) * 7)]);
    }
    table_span(table, buf_view(&text));
    buf_done(&text);
}

static void put_rate(struct table *table, double rate)
{
    char text[32];
    (void)snprintf(text, sizeof(text), "%.0f", rate); /* for eyes, not data */
    table_text(table, isnan(rate) ? "-" : text);
}

static void put_within(struct table *table, double ratio)
{
    char text[32];
    (void)snprintf(text, sizeof(text), "%.1f %%", ratio * 100);
    table_text(table, isnan(ratio) ? "-" : text);
}

static enum rc ask(struct top *top, const char *path, struct client_answer *ret, struct diag *diag)
{
    return client_call(&top->client, "GET", path, (struct span){0}, ret, diag);
}

static void put_pool(struct top *top, struct table *table, const struct tree *pool)
{
    char name[NAME_SIZE];
    char bounds[48];
    struct client_answer recent;
    struct diag diag = {.code = RC_OK};
    struct buf path;
    (void)span_copy(client_text(pool, "name"), name, sizeof(name));
    buf_init(&path, 4096);
    buf_text(&path, "/api/v1/pools/");
    client_encode(&path, name);
    buf_text(&path, "/recent?from=1m");
    const enum rc rc = ask(top, buf_cstr(&path), &recent, &diag);
    const struct tree *points = rc == RC_OK ? tree_get(recent.json, "points") : NULL;
    const struct tree *last = points != NULL ? points->last : NULL;
    (void)snprintf(bounds, sizeof(bounds), "%lld-%lld", (long long)client_int(pool, "replicas.min"),
                   (long long)client_int(pool, "replicas.max"));
    table_text(table, name);
    table_span(table, client_text(pool, "health"));
    table_int(table, client_int(pool, "replicas.ready"));
    table_int(table, client_int(pool, "replicas.desired"));
    table_int(table, client_int(pool, "replicas.starting"));
    table_text(table, bounds);
    put_known(table, pool, "traffic.inFlightRequests");
    put_known(table, pool, "traffic.waitingRequests");
    table_seconds(table, client_number(last, "ttftP95"));
    table_seconds(table, client_number(last, "itlP95"));
    put_rate(table, client_number(last, "outputTokensPerSecond"));
    put_within(table, client_number(pool, "traffic.attainment"));
    put_spark(table, points);
    client_answer_done(&recent);
    buf_done(&path);
}

/* ---- all pools ---- */

static int64_t weight(const struct tree *pool, enum order order)
{
    return client_int(pool, order == ORDER_WAITING ? "traffic.waitingRequests"
                                                   : "traffic.inFlightRequests");
}

/* Stable: those that are equal stay in the order of the configuration. */
static size_t sort(const struct tree *pools, enum order order, const struct tree **ret)
{
    size_t count = 0;
    for (const struct tree *pool = pools != NULL ? pools->first : NULL;
         pool != NULL && count < POOLS_MAX; pool = pool->next) {
        size_t at = count++;
        for (; order != ORDER_CONFIG && at > 0 && weight(ret[at - 1], order) < weight(pool, order);
             at--)
            ret[at] = ret[at - 1];
        ret[at] = pool;
    }
    return count;
}

static const char *health_colour(const struct tree *pool)
{
    const struct span health = client_text(pool, "health");
    return span_equal_text(health, "trouble")    ? "\033[31m"
           : span_equal_text(health, "starting") ? "\033[33m"
           : span_equal_text(health, "asleep")   ? "\033[2m"
                                                 : "";
}

static void put_head(struct top *top, const struct tree *const *pool, size_t count)
{
    long long ready = 0;
    long long flight = 0;
    long long waiting = 0;
    for (size_t i = 0; i < count; i++) {
        ready += client_int(pool[i], "replicas.ready");
        flight += client_int(pool[i], "traffic.inFlightRequests");
        waiting += client_int(pool[i], "traffic.waitingRequests");
    }
    buf_printf(&top->text,
               "%sSluice%s  %s  %zu pool%s, %lld ready, %lld in flight, %lld waiting\n\n",
               colour(top, "\033[1m"), colour(top, "\033[0m"), top->client.address, count,
               count == 1 ? "" : "s", ready, flight, waiting);
}

static void put_pools(struct top *top, const struct tree *json)
{
    static const struct tree *pool[POOLS_MAX];
    const size_t count = sort(tree_get(json, "pools"), top->order, pool);
    const size_t room = screen_size().lines;
    struct table table;
    struct buf rows;
    top->first = top->first < count ? top->first : count > 0 ? count - 1 : 0;
    const size_t shown = count - top->first < room ? count - top->first : room;
    put_head(top, pool, count);
    table_init(&table, columns, COUNT_OF(columns));
    for (size_t i = 0; i < shown; i++)
        put_pool(top, &table, pool[top->first + i]);
    buf_init(&rows, (size_t)4 << 20);
    table_print(&table, &rows);
    struct span left = buf_view(&rows);
    for (size_t i = 0; left.len > 0; i++) {
        const size_t end = span_find_byte(left, '\n', 0);
        const struct tree *of = i > 0 && i <= shown ? pool[top->first + i - 1] : NULL;
        buf_text(&top->text, colour(top, of != NULL ? health_colour(of) : "\033[1m"));
        buf_span(&top->text, span_slice(left, 0, end));
        buf_text(&top->text, colour(top, "\033[0m"));
        buf_byte(&top->text, '\n');
        left = span_slice(left, end == SIZE_MAX ? left.len : end + 1, left.len);
    }
    for (size_t i = 0; i < shown; i++) {
        buf_text(&top->text, i == 0 ? "\n" : "");
        table_put_safe(&top->text, client_text(pool[top->first + i], "name"));
        buf_printf(&top->text,
                   " %lld: ", (long long)client_int(pool[top->first + i], "replicas.desired"));
        table_put_safe(&top->text, client_text(pool[top->first + i], "decision.words"));
        buf_byte(&top->text, '\n');
    }
    buf_done(&rows);
    table_done(&table);
}

/* ---- below ---- */

static void put_conditions(struct top *top, const struct tree *json)
{
    const struct tree *list = tree_get(json, "conditions");
    for (const struct tree *c = list != NULL ? list->first : NULL; c != NULL; c = c->next) {
        buf_text(&top->text, c == list->first ? "\n" : "");
        buf_text(&top->text, colour(top, "\033[33m"));
        buf_text(&top->text, "! ");
        table_put_safe(&top->text, client_text(c, "name"));
        buf_byte(&top->text, ' ');
        table_put_safe(&top->text, client_text(c, "pool"));
        buf_text(&top->text, client_known(c, "pool") ? ": " : "");
        table_put_safe(&top->text, client_text(c, "text"));
        buf_text(&top->text, colour(top, "\033[0m"));
        buf_byte(&top->text, '\n');
    }
}

static void put_changes(struct top *top, const struct tree *json)
{
    static const struct table_column change_columns[] = {
        {"DECIDED", false}, {"POOL", false}, {"COUNT", true}, {"WHY", false}};
    const struct tree *list = tree_get(json, "changes");
    struct table table;
    char count[64];
    size_t shown = 0;
    table_init(&table, change_columns, COUNT_OF(change_columns));
    for (const struct tree *c = list != NULL ? list->first : NULL;
         c != NULL && shown < DECISIONS_SHOWN; c = c->next, shown++) {
        (void)snprintf(count, sizeof(count), "%lld -> %lld", (long long)client_int(c, "previous"),
                       (long long)client_int(c, "desired"));
        table_span(&table, span_slice(client_text(c, "at"), 11, 8));
        table_span(&table, client_text(c, "pool"));
        table_text(&table, count);
        table_span(&table, client_text(c, "words"));
    }
    buf_byte(&top->text, '\n');
    table_print(&table, &top->text);
    table_done(&table);
}

static void put_help(struct top *top)
{
    buf_printf(
        &top->text,
        "%sSluice top%s\n\n  q        ends it\n  s        sorts: configuration, in flight, "
        "waiting\n  j, k     scrolls down and up\n  ?        shows this, or the pools again\n"
        "\nTTFT and ITL are the 95th percentile of the last 15 to 30 s, TOK/S are tokens\n"
        "generated, WITHIN is the share of requests that met the objectives since the\n"
        "start, DEMAND is what the policy asked for in the last minute. \"-\" stands for\n"
        "what is not known. Times are UTC.\n",
        colour(top, "\033[1m"), colour(top, "\033[0m"));
}

/* ---- frames ---- */

static enum rc put_part(struct top *top, const char *path,
                        void (*put)(struct top *, const struct tree *), struct diag *diag)
{
    struct client_answer answer;
    const enum rc rc = ask(top, path, &answer, diag);
    if (rc == RC_OK)
        put(top, answer.json);
    client_answer_done(&answer);
    return rc;
}

static enum rc make_frame(struct top *top, struct diag *diag)
{
    buf_clear(&top->text);
    if (top->help) {
        put_help(top);
        return RC_OK;
    }
    enum rc rc = put_part(top, "/api/v1/pools", put_pools, diag);
    if (rc == RC_OK)
        rc = put_part(top, "/api/v1/conditions", put_conditions, diag);
    if (rc == RC_OK)
        rc = put_part(top, "/api/v1/changes", put_changes, diag);
    return rc;
}

/* False: the end was asked for. */
static bool press(struct top *top, int key)
{
    if (key == 's')
        top->order = (enum order)((top->order + 1) % ORDER_COUNT);
    else if (key == 'j')
        top->first++; /* the next frame keeps it within */
    else if (key == 'k')
        top->first -= top->first > 0 ? 1 : 0;
    else if (key == '?')
        top->help = !top->help;
    return key != 'q';
}

static void watch(struct top *top)
{
    do {
        struct diag diag = {.code = RC_OK};
        const enum rc rc = make_frame(top, &diag);
        if (rc != RC_OK) { /* it may be away for a moment: it is waited for */
            buf_clear(&top->text);
            buf_printf(&top->text, "Sluice  %s\n\n%s\n", top->client.address, diag.text);
        } else if (!top->help) {
            buf_printf(&top->text, "\n%sq quits, ? helps; sorted by %s%s\n", colour(top, "\033[2m"),
                       order_words[top->order], colour(top, "\033[0m"));
        }
        if (!screen_show(&top->text))
            return;
    } while (press(top, screen_key(top->config->every_ns)));
}

static int run(int argc, char **argv);

const struct command_ops command_top = {
    .name = "top",
    .summary = "Watch the pools of a running sluice on a terminal",
    .usage = "[OPTION]...",
    .about = "Pools, the last decisions and what a person should look at, kept current. Keys:\n"
             "q ends it, s sorts, j and k scroll, ? helps. Where the output is no terminal it is\n"
             "shown once. NO_COLOR is obeyed. Exit code: 0 shown, 1 the running sluice cannot be\n"
             "asked, 2 wrong usage.",
    .options = top_options,
    .option_count = COUNT_OF(top_options),
    .run = run,
};

static int show(struct top *top)
{
    struct diag diag = {.code = RC_OK};
    if (client_init(&top->client, &top->config->client, &diag) != RC_OK ||
        make_frame(top, &diag) != RC_OK) /* wrong from the begin: said at once */
        return command_failed(&command_top, &diag);
    if (!screen_open()) {
        (void)fwrite(top->text.ptr, 1, top->text.len, stdout); /* main looks at stdout */
        return EXIT_OK;
    }
    watch(top);
    screen_close();
    return EXIT_OK;
}

static int run(int argc, char **argv)
{
    struct top_config config;
    struct args args;
    const int usage = command_args(&command_top, argc, argv, &config, &args);
    if (usage != EXIT_OK)
        return usage;
    if (args.count > 0)
        return command_usage_error(&command_top, "no operand is wanted: pools are all shown");
    if (config.client.json)
        return client_run(&command_top, &config.client, "GET", "/api/v1/pools", (struct span){0},
                          client_show_done, NULL);
    const char *term = env_get("TERM");
    const char *none = env_get("NO_COLOR");
    struct top top = {.config = &config,
                      .colours = (none == NULL || none[0] == '\0') && isatty(STDOUT_FILENO) == 1 &&
                                 (term == NULL || strcmp(term, "dumb") != 0)};
    buf_init(&top.text, (size_t)16 << 20);
    const int code = show(&top);
    buf_done(&top.text);
    client_done(&top.client);
    return code;
}
