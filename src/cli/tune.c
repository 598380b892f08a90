/* tune.c - `sluice tune`: the cheapest settings of a policy for a trace and an objective. */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/duration.h"
#include "cli/command.h"
#include "cli/compare/comparison.h"
#include "cli/profile_file.h"

#define SETTINGS_BYTES_MAX ((size_t)64 << 10)

struct tune_options {
    const char *trace;
    const char *policy;
    const char *profile;
    const char *lengths;
    const char *cache;
    int64_t startup_ns;
    int64_t ttft_ns;
    int64_t ttft_per_token_ns;
    int64_t itl_ns;
    double floor_percent;
    double scale;
    double cv;
    int64_t seeds;
    bool json;
};

static const struct cli_opt options[] = {
    CLI_OPT(TEXT, struct tune_options, trace, "trace", "FILE", NULL, 0, 0,
            "Requests or totals, as `sluice simulate` reads them. Needed."),
    CLI_OPT(TEXT, struct tune_options, policy, "policy", "NAME", "hpa", 0, 0,
            "Which policy; see below."),
    CLI_OPT(TEXT, struct tune_options, profile, "profile", "NAME|FILE", "8b", 0, 0,
            "Speed and size of the engines; `sluice engine --help` lists them."),
    CLI_OPT(DURATION, struct tune_options, startup_ns, "startup", "DURATION", "30s", 0, 86400,
            "From the order of a replica to its first request."),
    CLI_OPT(NUMBER, struct tune_options, floor_percent, "floor", "PERCENT", "99", 1, 100,
            "Share of requests that must meet the objectives."),
    CLI_OPT(DURATION, struct tune_options, ttft_ns, "ttft", "DURATION", NULL, 0, 3600,
            "Objective; unless said 1s, doubled where no fleet can meet it."),
    CLI_OPT(DURATION, struct tune_options, ttft_per_token_ns, "ttft-per-token", "DURATION", "1ms",
            0, 1, "Allowed on top for each prompt token."),
    CLI_OPT(DURATION, struct tune_options, itl_ns, "itl", "DURATION", NULL, 0, 3600,
            "Objective between tokens; unless said what suits the profile."),
    CLI_OPT(NUMBER, struct tune_options, scale, "scale", "FACTOR", "1", 0.0001, 1000,
            "Copies of the trace, or a factor on totals."),
    CLI_OPT(TEXT, struct tune_options, lengths, "lengths", "FILE", NULL, 0, 0,
            "Pairs of lengths for totals: a list, or a request trace."),
    CLI_OPT(NUMBER, struct tune_options, cv, "cv", "NUMBER", "1", 0.1, 10,
            "Variation of the gaps between requests made from totals."),
    CLI_OPT(INT, struct tune_options, seeds, "seeds", "N", "1", 1, PLAYER_SEEDS_MAX,
            "Every run is played with so many seeds; the mean counts."),
    CLI_OPT(TEXT, struct tune_options, cache, "cache", "FOLDER", ".sluice-runs", 0, 0,
            "Keeps the result of every run."),
    CLI_SWITCH(struct tune_options, json, "json", "One JSON object."),
};

static int run(int argc, char **argv);

static void print_more(FILE *out)
{
    (void)fputs("\nPolicies that can be tuned:\n", out);
    for (size_t i = 0; i < baseline_count; i++)
        if (baseline_tuned(&baselines[i]))
            (void)fprintf(out, "  %-14s %s\n", baselines[i].name, baselines[i].about);
}

const struct command_ops command_tune = {
    .name = "tune",
    .summary = "Find the cheapest settings of a policy for a trace",
    .usage = "--trace FILE [OPTION]...",
    .about =
        "Turns the policy's knob under a virtual clock until the objectives are just met, for\n"
        "each variant of its other settings, and prints the cheapest as configuration.\n"
        "They are the best for this trace: another day may need others.",
    .more = print_more,
    .options = options,
    .option_count = COUNT_OF(options),
    .run = run,
};

/* What stands under `autoscaling` of the pool. */
static void print_settings(const struct comparison *c, const struct family *family,
                           const struct sweep_point *best, struct buf *ret)
{
    buf_printf(ret, "autoscaling: {policy: %s", family->baseline->policy);
    baseline_print(family->baseline, best->variant, best->knob, c->options.setting.profile, ret);
    buf_text(ret, "}");
}

static void print_json(const struct tune_options *o, const struct sweep_point *best,
                       const struct sweep_point *fixed, const struct buf *settings)
{
    struct buf out;
    struct json_writer w;
    buf_init(&out, 1U << 20);
    json_init(&w, &out);
    json_object(&w);
    json_member_text(&w, "trace", o->trace);
    json_member_text(&w, "policy", o->policy);
    json_member_number(&w, "floor", o->floor_percent);
    json_member_number(&w, "knob", best->knob);
    json_member_number(&w, "attainment", best->attainment);
    json_member_number(&w, "gpuHours", best->gpu_hours);
    json_member_number(&w, "staticGpuHours", fixed != NULL ? fixed->gpu_hours : NAN);
    json_member_text(&w, "settings", settings->ptr);
    json_object_end(&w);
    (void)printf("%s\n", buf_cstr(&out));
    buf_done(&out);
}

static int report(const struct tune_options *o, const struct comparison *c)
{
    const struct family *family = &c->cell->family[0];
    const double floor = c->floor[0];
    if (comparison_failures(c, stderr) > 0)
        return EXIT_FAILED;
    const struct sweep_point *best = comparison_best(family, floor);
    const struct sweep_point *fixed = comparison_best(&c->cell->family[1], floor);
    if (best == NULL) {
        (void)fprintf(stderr, "sluice tune: no setting of %s attains %g %% on this trace\n",
                      o->policy, o->floor_percent);
        return EXIT_FAILED;
    }
    struct buf settings;
    buf_init(&settings, SETTINGS_BYTES_MAX);
    print_settings(c, family, best, &settings);
    (void)buf_cstr(&settings); /* ends it with a NUL */
    if (o->json) {
        print_json(o, best, fixed, &settings);
    } else {
        (void)printf("%s\n", settings.ptr);
        if (family->baseline->knob == KNOB_LEAST)
            (void)printf("minReplicas: %.0f\n", best->knob);
        (void)printf("# attains %.2f %% with %.2f GPU-hours", 100 * best->attainment,
                     best->gpu_hours);
        if (fixed != NULL)
            (void)printf("; a fixed fleet of %.0f takes %.2f", fixed->knob, fixed->gpu_hours);
        (void)printf("\n");
    }
    buf_done(&settings);
    return EXIT_OK;
}

static int tune(const struct tune_options *o)
{
    struct engine_profile profile;
    struct diag diag = {0};
    if (profile_load(o->profile, &profile, &diag) != RC_OK)
        return command_failed(&command_tune, &diag);
    if (mkdir(o->cache, 0755) != 0 && errno != EEXIST) {
        (void)fail(&diag, RC_IO, "--cache %s: %s", o->cache, strerror(errno));
        return command_failed(&command_tune, &diag);
    }
    struct compared *cell = mem_new(1, sizeof *cell);
    if (cell == NULL)
        return EXIT_FAILED;
    cell->cell = (struct cell){.trace = o->trace, .scale = o->scale, .startup_ns = o->startup_ns};
    struct comparison c = {
        .command = "tune",
        .options = {.setting = {.profile = &profile,
                                .slo = {.ttft_ns = o->ttft_ns,
                                        .ttft_per_token_ns = o->ttft_per_token_ns,
                                        .itl_ns = o->itl_ns,
                                        .attainment_percent = o->floor_percent}},
                    .lengths = o->lengths,
                    .cache = o->cache,
                    .cv = o->cv,
                    .shift_ns = 5 * MINUTE_NS,
                    .seeds = o->seeds},
        .cell = cell,
        .cell_count = 1,
        .policy = {o->policy, "static"},
        .policy_count = 2,
        .floor = {o->floor_percent / 100},
        .floor_count = 1};
    if (setting_check(&c.options.setting, &diag) != RC_OK) {
        free(cell);
        return command_failed(&command_tune, &diag);
    }
    c.progress = isatty(STDERR_FILENO) != 0;
    comparison_run(&c);
    const int status = report(o, &c);
    free(cell);
    return status;
}

static int run(int argc, char **argv)
{
    struct tune_options o;
    struct args args;
    const int status = command_args(&command_tune, argc, argv, &o, &args);
    if (status != EXIT_OK)
        return status;
    if (o.trace == NULL || args.count > 0)
        return command_usage_error(&command_tune, "--trace FILE is wanted");
    if (!baseline_tuned(baseline_find(span_from(o.policy))))
        return command_usage_error(&command_tune, "--policy %s has no knob that could be tuned",
                                   o.policy);
    return tune(&o);
}
