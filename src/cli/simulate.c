/* simulate.c - `sluice simulate`: one pool on one trace under a virtual clock.
 */
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/duration.h"
#include "cli/command.h"
#include "cli/faults_file.h"
#include "cli/load.h"
#include "cli/profile_file.h"
#include "cli/trace_file.h"
#include "io/clock.h"
#include "sim/builtin.h"
#include "sim/simulation.h"

#define BUILTIN_BYTES_MAX 8192

struct simulate_options {
    const char *config;
    const char *pool;
    const char *trace;
    const char *profile;
    const char *policy;
    const char *options;
    const char *lengths;
    const char *decode;
    int64_t transfer_ns;
    int64_t transfer_per_token_ns;
    int64_t scrape_delay_ns;
    double scrape_gaps;
    double interruptions;
    int64_t notice_ns;
    int64_t startup_ns;
    double spread;
    int64_t initial;
    int64_t replicas_min;
    int64_t replicas_max;
    int64_t ttft_ns;
    int64_t ttft_per_token_ns;
    int64_t itl_ns;
    double scale;
    int64_t shift_ns;
    int64_t limit_ns;
    int64_t smear_ns;
    double cv;
    int64_t seed;
    bool warm;
    bool chaos;
    const char *faults;
    bool json;
    int argc; /* the command line, to show it again */
    char **argv;
};

static const struct cli_opt simulate_options[] = {
    CLI_OPT(TEXT, struct simulate_options, config, "config", "FILE", NULL, 0, 0,
            "Configuration with the pool; without it one is built in for the profile."),
    CLI_OPT(TEXT, struct simulate_options, pool, "pool", "NAME", NULL, 0, 0,
            "Which pool; the first one unless said."),
    CLI_OPT(TEXT, struct simulate_options, trace, "trace", "FILE", NULL, 0, 0,
            "Requests: our CSV, Azure's, BurstGPT's, Mooncake's; or totals per minute, ten minutes "
            "or day, which are expanded; each also as .gz. Needed."),
    CLI_OPT(TEXT, struct simulate_options, profile, "profile", "NAME|FILE", "8b", 0, 0,
            "Speed and size of the engines; `sluice engine --help` lists them."),
    CLI_OPT(DURATION, struct simulate_options, startup_ns, "startup", "DURATION", "30s", 0, 86400,
            "From the order of a replica to its first request."),
    CLI_OPT(NUMBER, struct simulate_options, spread, "startup-spread", "SIGMA", "0", 0, 2,
            "Varies the start-up time: sigma of its lognormal factor."),
    CLI_OPT(TEXT, struct simulate_options, policy, "policy", "NAME", NULL, 0, 0,
            "Another policy than the configured one; built in it is adaptive."),
    CLI_OPT(TEXT, struct simulate_options, options, "options", "{NAME: VALUE}", NULL, 0, 0,
            "Options of the policy of the built-in pool, as in a configuration."),
    CLI_OPT(INT, struct simulate_options, replicas_min, "min", "N", "1", 0, 100000,
            "minReplicas of the built-in pool."),
    CLI_OPT(INT, struct simulate_options, replicas_max, "max", "N", "200", 1, 100000,
            "maxReplicas of the built-in pool."),
    CLI_OPT(DURATION, struct simulate_options, ttft_ns, "ttft", "DURATION", NULL, 0, 3600,
            "Objective of the built-in pool, 1s unless said."),
    CLI_OPT(DURATION, struct simulate_options, ttft_per_token_ns, "ttft-per-token", "DURATION",
            "1ms", 0, 1, "Allowed on top for each prompt token, in the built-in pool."),
    CLI_OPT(DURATION, struct simulate_options, itl_ns, "itl", "DURATION", NULL, 0, 3600,
            "Objective between tokens of the built-in pool; unless said what suits the profile."),
    CLI_OPT(INT, struct simulate_options, initial, "initial", "N", "0", 0, 100000,
            "Replicas that are ready at the begin."),
    CLI_OPT(NUMBER, struct simulate_options, scale, "scale", "FACTOR", "1", 0.0001, 1000,
            "Load: so many copies of the trace, each shifted, or a factor on totals."),
    CLI_OPT(DURATION, struct simulate_options, shift_ns, "shift", "DURATION", "5m", 0, 86400,
            "Copies are shifted in a circle by at most so much."),
    CLI_OPT(DURATION, struct simulate_options, limit_ns, "for", "DURATION", NULL, 0, 31536000,
            "Only the begin of the trace."),
    CLI_OPT(DURATION, struct simulate_options, smear_ns, "smear", "DURATION", "0s", 0, 3600,
            "Spreads arrivals over so much time: for traces with rounded times."),
    CLI_OPT(TEXT, struct simulate_options, lengths, "lengths", "FILE", NULL, 0, 0,
            "Pairs of lengths for totals: a list, or a request trace."),
    CLI_OPT(NUMBER, struct simulate_options, cv, "cv", "NUMBER", "1", 0.1, 10,
            "Variation of the gaps between requests made from totals; 1 is Poisson."),
    CLI_OPT(TEXT, struct simulate_options, decode, "decode-profile", "NAME", NULL, 0, 0,
            "Of the decode pool, where the pool is half of a pair with roles."),
    CLI_OPT(DURATION, struct simulate_options, transfer_ns, "transfer", "DURATION", "10ms", 0, 3600,
            "Of the KV cache from prefill to decode, and"),
    CLI_OPT(DURATION, struct simulate_options, transfer_per_token_ns, "transfer-per-token",
            "DURATION", "0s", 0, 1, "for each prompt token."),
    CLI_OPT(NUMBER, struct simulate_options, interruptions, "interruptions", "NUMBER", "0", 0, 1e6,
            "Per hour and replica of a spot class: it is taken back, after"),
    CLI_OPT(DURATION, struct simulate_options, notice_ns, "notice", "DURATION", "2m", 0, 86400,
            "of notice."),
    CLI_OPT(DURATION, struct simulate_options, scrape_delay_ns, "scrape-delay", "DURATION", "0s", 0,
            600, "Age of what the engines' metrics pages say when it is told."),
    CLI_OPT(NUMBER, struct simulate_options, scrape_gaps, "scrape-gaps", "RATIO", "0", 0, 1,
            "Share of scrapes that fail."),
    CLI_SWITCH(struct simulate_options, warm, "warm",
               "Plays the trace twice and counts the second time."),
    CLI_OPT(INT, struct simulate_options, seed, "seed", "N", "1", 0, 0, "Seed of all chance."),
    CLI_SWITCH(struct simulate_options, chaos, "chaos",
               "Faults from the seed: lost and absurd metrics, failing starts, crashes, clocks."),
    CLI_OPT(TEXT, struct simulate_options, faults, "faults", "FILE", NULL, 0, 0,
            "Faults at known times, instead."),
    CLI_SWITCH(struct simulate_options, json, "json", "One JSON object."),
};

static int run(int argc, char **argv);

const struct command_ops command_simulate = {
    .name = "simulate",
    .summary = "Run a pool on a trace under a virtual clock",
    .usage = "--trace FILE [OPTION]...",
    .about = "The same code that decides in `sluice run` decides here, on engines that exist\n"
             "only as a model of their timing. Same files, options, seed and version give the\n"
             "same decisionHash on any machine. Every invariant is checked at every event.\n"
             "Ends with 1 when one is broken or a request is lost.",
    .options = simulate_options,
    .option_count = COUNT_OF(simulate_options),
    .run = run,
};

static void print_words(const struct simulation_spec *spec, const struct simulation_result *result)
{
    const struct world_result *r = &result->world;
    printf("policy %s, seed %llu: %.0f s simulated\n", spec->config->pool[0]->core.policy->name,
           (unsigned long long)spec->seed, result->simulated_seconds);
    if (feed_synthesised(spec->feed))
        printf("the trace holds totals: its requests are synthesised\n");
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
    if (r->cost > 0)
        printf("cost %.2f\n", r->cost);
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

/* The trace, open, with what it needs. */
struct load {
    struct trace_file *file;
    struct trace_row *pair;
    size_t pair_count;
    struct feed *feed;
};

static enum rc open_load(const struct simulate_options *o, struct load *load, struct diag *diag)
{
    enum rc rc = trace_file_open(o->trace, &load->file, diag);
    if (rc == RC_OK && o->lengths != NULL)
        rc = trace_file_lengths(o->lengths, &load->pair, &load->pair_count, diag);
    if (rc != RC_OK)
        return rc;
    const struct feed_spec spec = {.file = trace_file_feed(load->file),
                                   .lengths = load->pair,
                                   .length_count = load->pair_count,
                                   .scale = o->scale,
                                   .cv = o->cv,
                                   .shift_ns = o->shift_ns,
                                   .smear_ns = o->smear_ns,
                                   .limit_ns = o->limit_ns,
                                   .passes = o->warm ? 2 : 1,
                                   .seed = (uint64_t)o->seed};
    rc = feed_open(&spec, &load->feed, diag);
    if (rc != RC_OK)
        diag_at(diag, "%s", o->trace);
    return rc;
}

static void close_load(struct load *load)
{
    feed_close(load->feed);
    free(load->pair);
    trace_file_close(load->file);
}

static void tell_broken(const struct simulate_options *o, const struct simulation_result *result)
{
    (void)fprintf(stderr, "sluice simulate: broken: %s\nagain: sluice simulate", result->violation);
    for (int i = 1; i < o->argc; i++) {
        const bool bare = strpbrk(o->argv[i], " {}'\"$&|;<>*?()") == NULL;
        (void)fprintf(stderr, bare ? " %s" : " '%s'", o->argv[i]);
    }
    (void)fputc('\n', stderr);
}

static int simulate(const struct simulate_options *o, struct simulation_spec *spec)
{
    struct simulation_result result;
    struct diag diag = {0};
    struct load load = {0};
    int status = EXIT_FAILED;
    const int64_t begin_ns = clock_monotonic_ns();
    enum rc rc = open_load(o, &load, &diag);
    if (rc == RC_OK) {
        spec->feed = load.feed;
        spec->score_from_ns = o->warm ? feed_pass_ns(load.feed) : 0;
        rc = simulation_run(spec, &result, &diag);
        if (rc != RC_OK)
            diag_at(&diag, "%s", o->trace);
    }
    if (rc != RC_OK) {
        status = command_failed(&command_simulate, &diag);
    } else {
        if (o->json)
            print_json(spec, &result, o->trace, seconds_of(clock_monotonic_ns() - begin_ns));
        else
            print_words(spec, &result);
        if (result.violation[0] != '\0')
            tell_broken(o, &result);
        status = result.violation[0] != '\0' || result.world.lost != 0 ? EXIT_FAILED : EXIT_OK;
    }
    close_load(&load);
    return status;
}

static struct config *read_builtin(const struct simulate_options *o,
                                   const struct engine_profile *profile,
                                   struct problem_list *problems, struct buf *text)
{
    const struct builtin_spec spec = {
        .profile = profile,
        .policy = o->policy != NULL ? o->policy : "adaptive",
        .policy_options = o->options,
        .slo = {.ttft_ns = o->ttft_ns > 0 ? o->ttft_ns : -1,
                .ttft_per_token_ns = o->ttft_per_token_ns,
                .itl_ns = o->itl_ns > 0 ? o->itl_ns : -1},
        .replicas_min = o->replicas_min,
        .replicas_max = o->replicas_max,
    };
    buf_init(text, BUILTIN_BYTES_MAX);
    builtin_print(&spec, text);
    return config_read("built-in", buf_view(text), NULL, problems);
}

static int run_config(const struct simulate_options *o, struct simulation_spec *spec)
{
    struct problem_list problems;
    struct buf text;
    struct diag diag = {0};
    int status = EXIT_FAILED;
    problem_list_init(&problems);
    spec->config = o->config != NULL ? load_config(o->config, &problems, &text)
                                     : read_builtin(o, &spec->profile, &problems, &text);
    if (spec->config == NULL)
        load_report(stderr, &problems, &text);
    else if (simulation_choose(spec->config, o->pool, o->policy, &diag) != RC_OK ||
             builtin_check_slo(&spec->config->pool[0]->core.slo, &spec->profile, &diag) != RC_OK)
        status = command_failed(&command_simulate, &diag);
    else
        status = simulate(o, spec);
    config_free(spec->config);
    buf_done(&text);
    problem_list_done(&problems);
    return status;
}

static int run(int argc, char **argv)
{
    struct simulate_options o;
    struct args args;
    struct diag diag = {0};
    int status = command_args(&command_simulate, argc, argv, &o, &args);
    if (status != EXIT_OK)
        return status;
    o.argc = argc;
    o.argv = argv;
    if (o.trace == NULL || args.count > 0)
        return command_usage_error(&command_simulate, "--trace FILE is wanted");
    if (o.config != NULL && o.options != NULL)
        return command_usage_error(&command_simulate,
                                   "--options belongs to the built-in pool; a configuration has "
                                   "its own");
    if (o.chaos && o.faults != NULL)
        return command_usage_error(&command_simulate,
                                   "--chaos draws faults, --faults FILE knows them: one of them "
                                   "is wanted");
    struct engine_profile decode = {0};
    struct fault_plan faults = {.row_count = 0};
    struct simulation_spec spec = {.startup = startup_of_total(o.startup_ns),
                                   .startup_sigma = o.spread,
                                   .initial = o.initial,
                                   .seed = (uint64_t)o.seed,
                                   .chaos = o.chaos,
                                   .faults = o.faults != NULL ? &faults : NULL,
                                   .decode = o.decode != NULL ? &decode : NULL,
                                   .transfer_ns = o.transfer_ns,
                                   .transfer_per_token_ns = o.transfer_per_token_ns,
                                   .scrape_delay_ns = o.scrape_delay_ns,
                                   .scrape_gaps = o.scrape_gaps,
                                   .interruptions_per_hour = o.interruptions,
                                   .notice_ns = o.notice_ns};
    if (profile_load(o.profile, &spec.profile, &diag) != RC_OK ||
        (o.decode != NULL && profile_load(o.decode, &decode, &diag) != RC_OK))
        return command_failed(&command_simulate, &diag);
    if (o.faults != NULL && !faults_load(o.faults, &faults))
        return EXIT_FAILED;
    return run_config(&o, &spec);
}
