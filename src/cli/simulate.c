/* simulate.c - `sluice simulate`: one pool of a configuration on one trace under a virtual clock.
 */
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/duration.h"
#include "cli/command.h"
#include "cli/load.h"
#include "io/clock.h"
#include "io/file.h"
#include "sim/simulation.h"

#define TRACE_BYTES_MAX ((size_t)1 << 30)
#define TRACE_ROWS_MAX ((size_t)20000000)

struct simulate_options {
    const char *config;
    const char *pool;
    const char *trace;
    const char *profile;
    const char *policy;
    int64_t startup_ns;
    double spread;
    int64_t initial;
    int64_t seed;
    bool chaos;
    bool json;
};

static const struct cli_opt simulate_options[] = {
    CLI_OPT(TEXT, struct simulate_options, config, "config", "FILE", NULL, 0, 0,
            "Configuration with the pool; needed."),
    CLI_OPT(TEXT, struct simulate_options, pool, "pool", "NAME", NULL, 0, 0,
            "Which pool; the first one unless said."),
    CLI_OPT(TEXT, struct simulate_options, trace, "trace", "FILE", NULL, 0, 0,
            "Requests: our CSV, Azure's, BurstGPT's, Mooncake's, each also as .gz; needed."),
    CLI_OPT(TEXT, struct simulate_options, profile, "profile", "NAME", "8b", 0, 0,
            "Speed and size of the engines; `sluice engine --help` lists them."),
    CLI_OPT(DURATION, struct simulate_options, startup_ns, "startup", "DURATION", "30s", 0, 86400,
            "From the order of a replica to its first request."),
    CLI_OPT(NUMBER, struct simulate_options, spread, "startup-spread", "SIGMA", "0", 0, 2,
            "Varies the start-up time: sigma of its lognormal factor."),
    CLI_OPT(TEXT, struct simulate_options, policy, "policy", "NAME", NULL, 0, 0,
            "Another policy than the configured one."),
    CLI_OPT(INT, struct simulate_options, initial, "initial", "N", "0", 0, 100000,
            "Replicas that are ready at the begin."),
    CLI_OPT(INT, struct simulate_options, seed, "seed", "N", "1", 0, 0, "Seed of all chance."),
    CLI_SWITCH(struct simulate_options, chaos, "chaos",
               "Starts are refused, fail or are slow, and replicas crash."),
    CLI_SWITCH(struct simulate_options, json, "json", "One JSON object."),
};

static int run(int argc, char **argv);

const struct command_ops command_simulate = {
    .name = "simulate",
    .summary = "Run a pool on a trace under a virtual clock",
    .usage = "--config FILE --trace FILE [OPTION]...",
    .about = "The same code that decides in `sluice run` decides here, on engines that exist\n"
             "only as a model of their timing. Same files, options, seed and version give the\n"
             "same decisionHash on any machine. Every invariant is checked at every event.\n"
             "Ends with 1 when one is broken or a request is lost.",
    .options = simulate_options,
    .option_count = COUNT_OF(simulate_options),
    .run = run,
};

static enum rc read_trace(const char *path, struct trace_row **ret, size_t *ret_count,
                          struct diag *diag)
{
    struct buf bytes;
    buf_init(&bytes, TRACE_BYTES_MAX);
    enum rc rc = file_read(path, TRACE_BYTES_MAX, &bytes, diag);
    if (rc == RC_OK)
        rc = trace_read_all(buf_view(&bytes), TRACE_ROWS_MAX, ret, ret_count, diag);
    if (rc != RC_OK)
        diag_at(diag, "%s", path);
    buf_done(&bytes);
    return rc;
}

static void print_words(const struct simulation_spec *spec, const struct simulation_result *result)
{
    const struct world_result *r = &result->world;
    printf("policy %s, seed %llu: %.0f s simulated\n", spec->config->pool[0]->core.policy->name,
           (unsigned long long)spec->seed, result->simulated_seconds);
    printf("requests %lld  ok %lld  failed %lld  refused %lld  open %lld  lost %lld\n",
           (long long)r->requests, (long long)r->ok, (long long)r->failed, (long long)r->refused,
           (long long)r->open, (long long)r->lost);
    printf("attainment %.4f, worst ten minutes %.4f\n", r->attainment, r->worst_window_attainment);
    printf("TTFT p50 %.0f ms, p95 %.0f ms, p99 %.0f ms\n",
           1000 * histogram_quantile(&r->ttft_s, 0.5), 1000 * histogram_quantile(&r->ttft_s, 0.95),
           1000 * histogram_quantile(&r->ttft_s, 0.99));
    printf("replicas: %lld starts, %lld at most, %.0f replica-seconds, %.2f GPU-hours\n",
           (long long)r->replica_starts, (long long)r->replicas_most, r->replica_seconds,
           r->gpu_hours);
    printf("scaled up %lld times, down %lld times, %lld reversals; decisions %016llx\n",
           (long long)r->scale_ups, (long long)r->scale_downs, (long long)r->reversals,
           (unsigned long long)r->decision_hash);
}

static void print_json(const struct simulation_spec *spec, const struct simulation_result *result,
                       const char *trace, double wall_seconds)
{
    struct buf out;
    struct json_writer w;
    buf_init(&out, 1U << 20);
    json_init(&w, &out);
    json_object(&w);
    json_member_text(&w, "trace", trace);
    simulation_print(spec, result, &w);
    json_member_number(&w, "wallSeconds", wall_seconds);
    json_object_end(&w);
    printf("%s\n", buf_cstr(&out));
    buf_done(&out);
}

static int simulate(const struct simulate_options *o, struct simulation_spec *spec)
{
    struct simulation_result result;
    struct diag diag = {0};
    struct trace_row *rows = NULL;
    int status = EXIT_FAILED;
    const int64_t begin_ns = clock_monotonic_ns();
    if (read_trace(o->trace, &rows, &spec->row_count, &diag) != RC_OK)
        return command_failed(&command_simulate, &diag);
    spec->row = rows;
    if (simulation_run(spec, &result, &diag) != RC_OK) {
        status = command_failed(&command_simulate, &diag);
    } else {
        if (o->json)
            print_json(spec, &result, o->trace, seconds_of(clock_monotonic_ns() - begin_ns));
        else
            print_words(spec, &result);
        if (result.violation[0] != '\0')
            (void)fprintf(stderr, "sluice simulate: broken: %s\n", result.violation);
        status = result.violation[0] != '\0' || result.world.lost != 0 ? EXIT_FAILED : EXIT_OK;
    }
    free(rows);
    return status;
}

static int run(int argc, char **argv)
{
    struct simulate_options o;
    struct args args;
    int status = command_args(&command_simulate, argc, argv, &o, &args);
    if (status != EXIT_OK)
        return status;
    if (o.config == NULL || o.trace == NULL || args.count > 0)
        return command_usage_error(&command_simulate, "--config FILE and --trace FILE are wanted");
    struct problem_list problems;
    struct buf text;
    struct diag diag = {0};
    struct simulation_spec spec = {.startup = startup_of_total(o.startup_ns),
                                   .startup_sigma = o.spread,
                                   .initial = o.initial,
                                   .seed = (uint64_t)o.seed,
                                   .chaos = o.chaos};
    problem_list_init(&problems);
    spec.config = load_config(o.config, &problems, &text);
    if (spec.config == NULL) {
        load_report(stderr, &problems, &text);
        status = EXIT_FAILED;
    } else if (simulation_choose(spec.config, o.pool, o.policy, &diag) != RC_OK ||
               profile_preset(span_from(o.profile), &spec.profile, &diag) != RC_OK) {
        status = command_failed(&command_simulate, &diag);
    } else {
        status = simulate(&o, &spec);
    }
    config_free(spec.config);
    buf_done(&text);
    problem_list_done(&problems);
    return status;
}
