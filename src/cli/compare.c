/* compare.c - `sluice compare`: policies against each other at equal service quality. */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/duration.h"
#include "base/num.h"
#include "cli/command.h"
#include "cli/compare/comparison.h"
#include "cli/compare/own_pool.h"
#include "cli/faults_file.h"
#include "cli/profile_file.h"
#include "core/policy.h"
#include "io/file.h"

#define LIST_MAX 64
#define REPORT_BYTES_MAX (256U << 20)

struct compare_options {
    const char *config;
    const char *pool;
    const char *traces;
    const char *policies;
    const char *options;
    const char *faults;
    const char *profile;
    const char *startups;
    const char *scales;
    const char *floors;
    const char *lengths;
    const char *cache;
    const char *build;
    const char *html;
    int64_t ttft_ns;
    int64_t ttft_per_token_ns;
    int64_t itl_ns;
    int64_t shift_ns;
    int64_t limit_ns;
    double cv;
    double spread;
    int64_t seeds;
    int64_t again;
    int64_t processes;
    int64_t plots;
    bool json;
};

static const struct cli_opt options[] = {
    CLI_OPT(TEXT, struct compare_options, traces, "traces", "FILE[,FILE]", NULL, 0, 0,
            "Traces, as `sluice simulate` reads them. Needed."),
    CLI_OPT(TEXT, struct compare_options, config, "config", "FILE", NULL, 0, 0,
            "A pool of this configuration plays along as pool:NAME; its objectives, limits and "
            "GPUs are then those of all others, too."),
    CLI_OPT(TEXT, struct compare_options, pool, "pool", "NAME", NULL, 0, 0,
            "Which pool of the configuration; the first one unless said."),
    CLI_OPT(TEXT, struct compare_options, policies, "policies", "NAME[,NAME]",
            "adaptive,static,hpa,keda,knative,oracle", 0, 0,
            "Baselines are tuned on each trace, see below; other policies play as they stand."),
    CLI_OPT(TEXT, struct compare_options, options, "options", "{NAME: VALUE}", NULL, 0, 0,
            "Options of the policies that play as they stand, as in a configuration."),
    CLI_OPT(TEXT, struct compare_options, faults, "faults", "FILE", NULL, 0, 0,
            "Faults at known times befall all runs but those that find objectives and bounds. "
            "There is no oracle then."),
    CLI_OPT(TEXT, struct compare_options, profile, "profile", "NAME|FILE", "llama2-70b-4xh100", 0,
            0, "Speed and size of the engines; `sluice engine --help` lists them."),
    CLI_OPT(TEXT, struct compare_options, startups, "startup", "DURATION[,DURATION]", "120s", 0, 0,
            "From the order of a replica to its first request."),
    CLI_OPT(TEXT, struct compare_options, scales, "scale", "FACTOR[,FACTOR]", "1", 0, 0,
            "Copies of the trace, each shifted, or a factor on totals."),
    CLI_OPT(TEXT, struct compare_options, floors, "floor", "PERCENT[,PERCENT]", "99", 0, 0,
            "Share of requests that must meet the objectives."),
    CLI_OPT(DURATION, struct compare_options, ttft_ns, "ttft", "DURATION", NULL, 0, 3600,
            "Objective; unless said 1s, doubled where no fleet can meet it."),
    CLI_OPT(DURATION, struct compare_options, ttft_per_token_ns, "ttft-per-token", "DURATION",
            "1ms", 0, 1, "Allowed on top for each prompt token."),
    CLI_OPT(DURATION, struct compare_options, itl_ns, "itl", "DURATION", NULL, 0, 3600,
            "Objective between tokens; unless said what suits the profile."),
    CLI_OPT(DURATION, struct compare_options, shift_ns, "shift", "DURATION", "5m", 0, 86400,
            "Copies are shifted in a circle by at most so much."),
    CLI_OPT(DURATION, struct compare_options, limit_ns, "for", "DURATION", NULL, 0, 31536000,
            "Only the begin of the traces."),
    CLI_OPT(TEXT, struct compare_options, lengths, "lengths", "FILE", NULL, 0, 0,
            "Pairs of lengths for totals: a list, or a request trace."),
    CLI_OPT(NUMBER, struct compare_options, cv, "cv", "NUMBER", "1", 0.1, 10,
            "Variation of the gaps between requests made from totals."),
    CLI_OPT(NUMBER, struct compare_options, spread, "startup-spread", "SIGMA", "0", 0, 2,
            "Varies the start-up time: sigma of its lognormal factor."),
    CLI_OPT(INT, struct compare_options, seeds, "seeds", "N", "1", 1, COMPARISON_AGAIN_MAX,
            "Every run is played with so many seeds; the mean counts."),
    CLI_OPT(INT, struct compare_options, again, "again", "N", "0", 0, COMPARISON_AGAIN_MAX,
            "What was tuned is played with N more seeds: how much the comparison varies."),
    CLI_OPT(INT, struct compare_options, processes, "processes", "N", "0", 0, 1024,
            "At once; 0 is one for each core."),
    CLI_OPT(TEXT, struct compare_options, cache, "cache", "FOLDER", ".sluice-runs", 0, 0,
            "Keeps the result of every run: a comparison that was broken off goes on from there."),
    CLI_OPT(TEXT, struct compare_options, build, "build", "NAME", NULL, 0, 0,
            "Kept runs of baselines hold for every program of this name, not just this one."),
    CLI_SWITCH(struct compare_options, json, "json", "One JSON object."),
    CLI_OPT(TEXT, struct compare_options, html, "html", "FILE", NULL, 0, 0,
            "Writes a page with plots that needs nothing else."),
    CLI_OPT(INT, struct compare_options, plots, "plots", "N", "1", 0, 10000,
            "So many pairs of a trace and a start-up time are shown over time on the page: "
            "replicas, latency, decisions. Every policy is played once more for it."),
};

static int run(int argc, char **argv);

static void print_more(FILE *out)
{
    (void)fputs("\nBaselines, each tuned until the floor is just met:\n", out);
    for (size_t i = 0; i < baseline_count; i++)
        (void)fprintf(out, "  %-14s %s\n", baselines[i].name, baselines[i].about);
    (void)fputs("And `oracle`: the cheapest schedule of counts for somebody who knows the trace.\n",
                out);
}

const struct command_ops command_compare = {
    .name = "compare",
    .summary = "Play policies against each other on traces",
    .usage = "--traces FILE[,FILE] [OPTION]...",
    .about = "Every policy runs on every trace under a virtual clock. Baselines have one knob,\n"
             "which is turned until the floor is just met; then what counts is the GPU-hours,\n"
             "and those of others at the very attainment that a policy without a knob reached.",
    .more = print_more,
    .options = options,
    .option_count = COUNT_OF(options),
    .run = run,
};

/* ---- lists on the command line ---- */

struct words {
    char *text; /* owned; cut at the commas */
    const char *item[LIST_MAX];
    size_t count;
};

static bool cut(const char *text, struct words *ret)
{
    *ret = (struct words){.text = strdup(text)};
    if (ret->text == NULL)
        return false;
    char *rest = ret->text;
    for (char *word; (word = strsep(&rest, ",")) != NULL;) {
        if (*word == '\0' || ret->count == LIST_MAX)
            return false;
        ret->item[ret->count++] = word;
    }
    return true;
}

static bool read_number(const char *text, double low, double high, double *ret)
{
    return num_parse(span_from(text), ret) == RC_OK && *ret >= low && *ret <= high;
}

struct lists {
    struct words traces;
    struct words policies;
    struct words startups;
    struct words scales;
    struct words floors;
};

static void lists_done(struct lists *lists)
{
    free(lists->traces.text);
    free(lists->policies.text);
    free(lists->startups.text);
    free(lists->scales.text);
    free(lists->floors.text);
}

static int by_value(const void *a, const void *b)
{
    const double x = *(const double *)a;
    const double y = *(const double *)b;
    return (x < y) - (x > y); /* the highest floor first */
}

static const char *read_floors(const struct lists *lists, struct comparison *c)
{
    for (size_t i = 0; i < lists->floors.count; i++) {
        double percent;
        if (i == COMPARISON_FLOORS_MAX || !read_number(lists->floors.item[i], 1, 100, &percent))
            return "--floor wants one to four percentages from 1 to 100";
        c->floor[c->floor_count++] = percent / 100;
    }
    qsort(c->floor, c->floor_count, sizeof c->floor[0], by_value);
    return NULL;
}

static const char *read_policies(const struct lists *lists, struct comparison *c)
{
    for (size_t i = 0; i < lists->policies.count; i++) {
        const struct span name = span_from(lists->policies.item[i]);
        if (i + 1 == COMPARISON_POLICIES_MAX) /* one place is for an own pool */
            return "--policies names too many";
        if (span_equal_text(name, ORACLE_NAME)) {
            c->oracle = true;
            continue;
        }
        if (baseline_find(name) == NULL && policy_find(name) == NULL)
            return "--policies names one that is not known; see `sluice compare --help`";
        c->policy[c->policy_count++] = lists->policies.item[i];
    }
    return NULL;
}

static const char *make_cells(const struct lists *lists, struct comparison *c)
{
    const size_t most = lists->traces.count * lists->scales.count * lists->startups.count;
    c->cell = mem_new(most, sizeof *c->cell);
    if (c->cell == NULL)
        return "out of memory";
    for (size_t t = 0; t < lists->traces.count; t++)
        for (size_t s = 0; s < lists->scales.count; s++)
            for (size_t u = 0; u < lists->startups.count; u++) {
                struct cell *cell = &c->cell[c->cell_count++].cell;
                *cell = (struct cell){.trace = lists->traces.item[t]};
                if (!read_number(lists->scales.item[s], 0.0001, 1000, &cell->scale))
                    return "--scale wants factors from 0.0001 to 1000";
                if (duration_parse(span_from(lists->startups.item[u]), &cell->startup_ns) !=
                        RC_OK ||
                    cell->startup_ns < 0 || cell->startup_ns > DAY_NS)
                    return "--startup wants durations like 30s,2m of at most a day";
            }
    return NULL;
}

static const char *read_lists(const struct compare_options *o, struct lists *lists,
                              struct comparison *c)
{
    if (!cut(o->traces, &lists->traces) || !cut(o->policies, &lists->policies) ||
        !cut(o->startups, &lists->startups) || !cut(o->scales, &lists->scales) ||
        !cut(o->floors, &lists->floors))
        return "lists are words with commas between, none of them empty, at most 64";
    const char *wrong = read_floors(lists, c);
    if (wrong == NULL)
        wrong = read_policies(lists, c);
    return wrong == NULL ? make_cells(lists, c) : wrong;
}

/* ---- the report ---- */

static int write_html(const struct comparison *c, const char *path)
{
    struct buf page;
    struct diag diag = {0};
    buf_init(&page, REPORT_BYTES_MAX);
    enum rc rc = comparison_html(c, &page);
    if (rc != RC_OK)
        (void)fail(&diag, rc, "the page could not be made: %s", rc_words(rc));
    else
        rc = file_replace(path, buf_view(&page), 0644, &diag);
    buf_done(&page);
    return rc == RC_OK ? EXIT_OK : command_failed(&command_compare, &diag);
}

static int report(const struct compare_options *o, const struct comparison *c)
{
    const bool failed = comparison_failures(c, stderr) > 0;
    int status = failed ? EXIT_FAILED : EXIT_OK;
    if (failed) {
        (void)fputs("sluice compare: not everything could be played, so there is no report\n",
                    stderr);
        return status;
    }
    if (o->json) {
        struct buf out;
        buf_init(&out, REPORT_BYTES_MAX);
        if (comparison_json(c, &out) == RC_OK)
            (void)printf("%s\n", buf_cstr(&out));
        else
            status = EXIT_FAILED;
        buf_done(&out);
    } else if (o->html == NULL) {
        comparison_table(c, stdout);
    }
    return o->html != NULL && status == EXIT_OK ? write_html(c, o->html) : status;
}

static struct builtin_slo slo_of(const struct compare_options *o, const struct comparison *c)
{
    return (struct builtin_slo){.ttft_ns = o->ttft_ns,
                                .ttft_per_token_ns = o->ttft_per_token_ns,
                                .itl_ns = o->itl_ns,
                                .attainment_percent = 100 * c->floor[0]};
}

/* The own pool comes first, and all others are held against its objectives. */
static int add_own(const struct compare_options *o, const struct engine_profile *profile,
                   struct comparison *c)
{
    struct setting_options *setting = &c->options.setting;
    if (o->config == NULL)
        return EXIT_OK;
    const int status =
        own_pool_load(&command_compare, o->config, o->pool, profile, &setting->own, &setting->slo);
    if (status != EXIT_OK)
        return status;
    memmove(c->policy + 1, c->policy, c->policy_count * sizeof c->policy[0]);
    c->policy[0] = setting->own.label;
    c->policy_count++;
    return EXIT_OK;
}

static int compare(const struct compare_options *o, struct comparison *c)
{
    struct engine_profile profile;
    struct diag diag = {0};
    if (profile_load(o->profile, &profile, &diag) != RC_OK)
        return command_failed(&command_compare, &diag);
    if (mkdir(o->cache, 0755) != 0 && errno != EEXIST) {
        (void)fail(&diag, RC_IO, "--cache %s: %s", o->cache, strerror(errno));
        return command_failed(&command_compare, &diag);
    }
    c->command = "compare";
    c->options = (struct player_options){
        .setting = {.profile = &profile, .slo = slo_of(o, c), .policy_options = o->options},
        .lengths = o->lengths,
        .cache = o->cache,
        .build = o->build,
        .cv = o->cv,
        .shift_ns = o->shift_ns,
        .limit_ns = o->limit_ns,
        .seeds = o->seeds,
        .spread = o->spread};
    static_assert(COMPARISON_FLOORS_MAX <= SETTING_PROMISES_MAX, "a promise for each floor");
    for (size_t i = 0; i < c->floor_count; i++)
        c->options.setting.promise_percent[c->options.setting.promise_count++] = 100 * c->floor[i];
    c->again = (size_t)o->again;
    c->processes = (size_t)o->processes;
    c->plots = (size_t)o->plots;
    c->progress = isatty(STDERR_FILENO) != 0;
    struct fault_plan faults;
    if (o->faults != NULL) {
        if (!faults_load(o->faults, &faults))
            return EXIT_FAILED;
        c->options.faults = &faults;
        c->oracle = false; /* who knows the trace does not know them */
    }
    int status = add_own(o, &profile, c);
    if (status == EXIT_OK && setting_check(&c->options.setting, &diag) != RC_OK)
        status = command_failed(&command_compare, &diag);
    if (status == EXIT_OK) {
        comparison_run(c);
        status = report(o, c);
    }
    own_pool_done(&c->options.setting.own);
    return status;
}

static int run(int argc, char **argv)
{
    struct compare_options o;
    struct args args;
    int status = command_args(&command_compare, argc, argv, &o, &args);
    if (status != EXIT_OK)
        return status;
    if (o.traces == NULL || args.count > 0)
        return command_usage_error(&command_compare, "--traces FILE is wanted");
    struct lists lists = {0};
    struct comparison comparison = {0};
    const char *wrong = read_lists(&o, &lists, &comparison);
    if (wrong == NULL && o.pool != NULL && o.config == NULL)
        wrong = "--pool names one of a --config FILE";
    if (wrong == NULL && o.config != NULL && (o.ttft_ns > 0 || o.itl_ns > 0))
        wrong = "the objectives of a --config are those of its pool; --ttft and --itl belong to "
                "the built-in one";
    status = wrong != NULL ? command_usage_error(&command_compare, "%s", wrong)
                           : compare(&o, &comparison);
    for (size_t i = 0; i < comparison.cell_count; i++)
        buf_done(&comparison.cell[i].oracle_json);
    free(comparison.cell);
    lists_done(&lists);
    return status;
}
