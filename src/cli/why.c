/* why.c - `sluice why`: a decision as a person reads it. */
#include <math.h>
#include <stdio.h>

#include "base/duration.h"
#include "base/num.h"
#include "cli/client.h"
#include "cli/table.h"

struct why_config {
    struct client_options client;
    const char *at;
    bool diagnose;
    const char *from;
};

static const struct cli_opt why_options[] = {
    CLI_OPT(TEXT, struct why_config, at, "at", "TIME", NULL, 0, 0,
            "The decision in force then: 2026-11-24T08:15:00Z, or 10m for ten minutes ago."),
    CLI_SWITCH(struct why_config, diagnose, "diagnose",
               "Instead: which stage held it how often, and the one setting that would change it."),
    CLI_OPT(TEXT, struct why_config, from, "from", "TIME", NULL, 0, 0,
            "With --diagnose: since when; an hour ago if not given."),
    CLIENT_ROWS,
};

/* ---- parts ---- */

static const struct table_column trail_columns[] = {
    {"STAGE", false}, {"BEFORE", true}, {"AFTER", true}, {"REASON", false}};

static void put_trail(struct buf *out, const struct tree *trail)
{
    struct table table;
    if (trail == NULL || trail->first == NULL)
        return;
    table_init(&table, trail_columns, COUNT_OF(trail_columns));
    for (const struct tree *entry = trail->first; entry != NULL; entry = entry->next) {
        table_span(&table, client_text(entry, "stage"));
        table_int(&table, client_int(entry, "before"));
        table_int(&table, client_int(entry, "after"));
        table_span(&table, client_text(entry, "words"));
    }
    buf_text(out, "\nSteps:\n");
    table_print(&table, out);
    table_done(&table);
}

static const struct table_column input_columns[] = {
    {"SIGNAL", false}, {"VALUE", true},  {"UNIT", false},  {"TARGET", true},
    {"AGE", true},     {"WINDOW", true}, {"NEEDED", false}};

static void put_number(struct table *table, double value)
{
    struct buf text;
    buf_init(&text, 64);
    if (isnan(value))
        buf_byte(&text, '-');
    else
        buf_number(&text, fabs(value) < 1e12 ? rint(value * 1000) / 1000 : value);
    table_span(table, buf_view(&text));
    buf_done(&text);
}

static void put_input(struct table *table, const struct tree *input)
{
    const struct span state = client_text(input, "state");
    const bool required = client_bool(input, "required");
    table_span(table, client_text(input, "signal"));
    if (span_equal_text(state, "value"))
        put_number(table, client_number(input, "value"));
    else
        table_span(table, state);
    table_span(table, client_text(input, "unit"));
    put_number(table, client_number(input, "target"));
    table_seconds(table, client_number(input, "age"));
    table_seconds(table, client_number(input, "window"));
    table_text(table, required                       ? "to lower"
                      : client_bool(input, "demand") ? "for the last zero"
                                                     : "");
}

static void put_inputs(struct buf *out, const struct tree *inputs)
{
    struct table table;
    if (inputs == NULL || inputs->first == NULL)
        return;
    table_init(&table, input_columns, COUNT_OF(input_columns));
    for (const struct tree *input = inputs->first; input != NULL; input = input->next)
        put_input(&table, input);
    buf_text(out, "\nInputs:\n");
    table_print(&table, out);
    table_done(&table);
}

static void put_proposal(struct buf *out, const struct tree *proposal, const char *what)
{
    buf_text(out, what);
    table_put_safe(out, client_text(proposal, "policy"));
    if (!client_known(proposal, "replicas"))
        buf_text(out, " has no answer: ");
    else
        buf_printf(out, " asks for %lld: ", (long long)client_int(proposal, "replicas"));
    table_put_safe(out, client_text(proposal, "words"));
    buf_byte(out, '\n');
}

static void put_counts(struct buf *out, const struct tree *observed)
{
    static const char *const names[] = {"ready", "busy", "pending", "warm", "draining", "blocked"};
    buf_text(out, "Seen: ");
    for (size_t i = 0; i < COUNT_OF(names); i++)
        if (i == 0 || client_int(observed, names[i]) > 0)
            buf_printf(out, "%s%lld %s", i > 0 ? ", " : "",
                       (long long)client_int(observed, names[i]), names[i]);
    if (client_known(observed, "waitingRequests"))
        buf_printf(out, "; %lld requests in flight, %lld waiting\n",
                   (long long)client_int(observed, "inFlightRequests"),
                   (long long)client_int(observed, "waitingRequests"));
    else
        buf_text(out, "; requests: not known\n");
}

static void put_flags(struct buf *out, const struct tree *json)
{
    static const struct {
        const char *path;
        const char *words;
    } flags[] = {
        {"decision.wake", "It woke the pool from zero, because something waits."},
        {"decision.urgent", "It was urgent: the stages of pace let it pass upward."},
        {"decision.held", "Something required is unknown, so it was not lowered."},
        {"incomplete", "Not every source had answered since the start: nothing is lowered."},
    };
    for (size_t i = 0; i < COUNT_OF(flags); i++)
        if (client_bool(json, flags[i].path))
            buf_printf(out, "%s\n", flags[i].words);
}

static void put_hints(struct buf *out, const struct tree *hints)
{
    if (hints == NULL || hints->first == NULL)
        return;
    buf_text(out, "\nWhat would change it:\n");
    for (const struct tree *hint = hints->first; hint != NULL; hint = hint->next) {
        buf_text(out, "  ");
        table_put_safe(out, client_text(hint, "reason"));
        buf_text(out, ": ");
        table_put_safe(out, client_text(hint, "words"));
        buf_byte(out, '\n');
    }
}

static void put_shadows(struct buf *out, const struct tree *shadows)
{
    if (shadows == NULL || shadows->first == NULL)
        return;
    buf_text(out, "\nWatched beside it, never applied:\n");
    for (const struct tree *shadow = shadows->first; shadow != NULL; shadow = shadow->next)
        put_proposal(out, shadow, "  ");
}

static void show(void *user, const struct tree *json)
{
    struct buf out;
    (void)user;
    buf_init(&out, (size_t)16 << 20);
    table_put_safe(&out, client_text(json, "sentence"));
    buf_text(&out, "\nDecided ");
    table_put_safe(&out, client_text(json, "at"));
    buf_text(&out, " (");
    table_put_safe(&out, client_text(json, "cause"));
    buf_text(&out, ")\n");
    put_counts(&out, tree_get(json, "observed"));
    put_proposal(&out, tree_path(json, "decision.proposal"), "Policy ");
    put_flags(&out, json);
    put_trail(&out, tree_path(json, "decision.trail"));
    put_inputs(&out, tree_get(json, "inputs"));
    put_shadows(&out, tree_path(json, "decision.shadows"));
    put_hints(&out, tree_get(json, "hints"));
    (void)fwrite(out.ptr, 1, out.len, stdout); /* main looks at stdout */
    buf_done(&out);
}

/* ---- diagnosis ---- */

static const struct table_column hold_columns[] = {
    {"STAGE", false}, {"REASON", false},  {"HELD", false},    {"TICKS", true},    {"TIME", true},
    {"SHARE", true},  {"REPLICAS", true}, {"SETTING", false}, {"IN FORCE", false}};

static void put_share(struct table *table, double share)
{
    char text[16];
    (void)snprintf(text, sizeof(text), "%.1f%%", 100 * share);
    table_text(table, text);
}

static void put_setting(struct table *table, const struct tree *json)
{
    const struct span setting = client_text(json, "setting");
    const struct span value = client_text(json, "value");
    table_span(table, setting.len > 0 ? setting : span_from("-"));
    table_span(table, value.len > 0 ? value : span_from("-"));
}

static void put_holds(struct buf *out, const struct tree *holds)
{
    struct table table;
    if (holds == NULL || holds->first == NULL)
        return;
    table_init(&table, hold_columns, COUNT_OF(hold_columns));
    for (const struct tree *hold = holds->first; hold != NULL; hold = hold->next) {
        table_span(&table, client_text(hold, "stage"));
        table_span(&table, client_text(hold, "reason"));
        table_span(&table, client_text(hold, "direction"));
        table_int(&table, client_int(hold, "ticks"));
        table_seconds(&table, client_number(hold, "seconds"));
        put_share(&table, client_number(hold, "share"));
        table_int(&table, client_int(hold, "replicas"));
        put_setting(&table, hold);
    }
    buf_text(out, "\nWhat held it:\n");
    table_print(&table, out);
    table_done(&table);
}

static void put_finding(struct buf *out, const struct tree *finding)
{
    const struct span setting = client_text(finding, "setting");
    const struct span value = client_text(finding, "value");
    buf_byte(out, '\n');
    table_put_safe(out, client_text(finding, "case"));
    buf_text(out, ": ");
    table_put_safe(out, client_text(finding, "text"));
    buf_byte(out, '\n');
    if (setting.len == 0)
        return;
    buf_text(out, "  setting: ");
    table_put_safe(out, setting);
    if (value.len > 0) {
        buf_text(out, ", now ");
        table_put_safe(out, value);
    }
    if (!span_equal_text(client_text(finding, "change"), "other")) {
        buf_text(out, "; a ");
        table_put_safe(out, client_text(finding, "change"));
        buf_text(out, " value would change it");
    }
    buf_byte(out, '\n');
}

static void show_diagnosis(void *user, const struct tree *json)
{
    struct buf out;
    const struct tree *findings = tree_get(json, "findings");
    (void)user;
    buf_init(&out, (size_t)16 << 20);
    table_put_safe(&out, client_text(json, "pool"));
    buf_printf(&out, ": %lld decisions since ", (long long)client_int(json, "ticks"));
    table_put_safe(&out, client_text(json, "from"));
    buf_printf(&out, ", %lld up, %lld down, %lld turns\n", (long long)client_int(json, "ups"),
               (long long)client_int(json, "downs"), (long long)client_int(json, "turns"));
    if (findings == NULL || findings->first == NULL) {
        table_put_safe(&out, client_text(json, "sentence"));
        buf_byte(&out, '\n');
    }
    for (const struct tree *f = findings != NULL ? findings->first : NULL; f != NULL; f = f->next)
        put_finding(&out, f);
    put_holds(&out, tree_get(json, "holds"));
    (void)fwrite(out.ptr, 1, out.len, stdout); /* main looks at stdout */
    buf_done(&out);
}

static int run(int argc, char **argv);

const struct command_ops command_why = {
    .name = "why",
    .summary = "Tell why a pool has the count of replicas that it has",
    .usage = "[OPTION]... POOL",
    .about = "The last decision, or the one in force at a time: what the policy asked for, each\n"
             "stage that changed or held it, the signals with their ages, and what would change\n"
             "it. With --diagnose instead what held the pool back within the last hour, for the\n"
             "three troubles: it scales too often, too late, or never down. Exit code: 0 told, 1 "
             "nothing is known or not reached, 2 wrong usage.",
    .options = why_options,
    .option_count = COUNT_OF(why_options),
    .run = run,
};

static int run(int argc, char **argv)
{
    struct why_config config;
    struct args args;
    struct buf path;
    const int usage = command_args(&command_why, argc, argv, &config, &args);
    if (usage != EXIT_OK)
        return usage;
    if (args.count != 1)
        return command_usage_error(&command_why, "one pool is wanted");
    if (config.from != NULL && !config.diagnose)
        return command_usage_error(&command_why, "--from goes with --diagnose");
    if (config.at != NULL && config.diagnose)
        return command_usage_error(&command_why, "--at is a decision, --diagnose a time: one of "
                                                 "them is wanted");
    buf_init(&path, 8192);
    buf_text(&path, "/api/v1/pools/");
    client_encode(&path, args.operand[0]);
    buf_text(&path, config.diagnose ? "/diagnosis" : "/why");
    const char *time = config.diagnose ? config.from : config.at;
    if (time != NULL) {
        buf_text(&path, config.diagnose ? "?from=" : "?at=");
        client_encode(&path, time);
    }
    const int code = client_run(&command_why, &config.client, "GET", buf_cstr(&path),
                                (struct span){0}, config.diagnose ? show_diagnosis : show, NULL);
    buf_done(&path);
    return code;
}
