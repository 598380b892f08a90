#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "config/rows.h"
#include "sim/scenario.h"

#define SCENARIO_BYTES_MAX (4U << 20)

static const struct opt_choice pattern_choices[] = {
    {"steady", PATTERN_STEADY, "the rate all the time"},
    {"burst", PATTERN_BURST, "the peak at the end of each period"},
    {"diurnal", PATTERN_DIURNAL, "a hill a period"},
    {"onoff", PATTERN_ONOFF, "the peak, then nothing"},
    {NULL, 0, NULL},
};
static const struct opt_choice verb_choices[] = {
    {"none", VERB_NONE, "only look"},
    {"kill", VERB_KILL, "a share of the ready replicas dies"},
    {"fault", VERB_FAULT, "engines of the pool are different from now on"},
    {"silence", VERB_SILENCE, "the gateway answers control no more"},
    {"speak", VERB_SPEAK, "it does again"},
    {"jump-wall", VERB_JUMP_WALL, "the wall clock jumps"},
    {"pin", VERB_PIN, "a person sets a count"},
    {"unpin", VERB_UNPIN, "and takes it back"},
    {"pause", VERB_PAUSE, "a person holds the pool"},
    {"resume", VERB_RESUME, "and lets it go"},
    {"reload", VERB_RELOAD, "another configuration"},
    {"reload-refused", VERB_RELOAD_REFUSED, "one that is refused: the last one stays"},
    {"schedule", VERB_SCHEDULE, "a scheduled floor of replicas"},
    {"storm", VERB_STORM,
     "spot capacity is taken back after a notice, and none is there for a time"},
    {"metrics", VERB_METRICS, "the engines' pages say something else from now on"},
    {"gpus", VERB_GPUS, "there are so many GPUs from now on"},
    {"foreign", VERB_FOREIGN, "somebody else sets the count"},
    {"budget-lost", VERB_BUDGET_LOST, "what is spent cannot be read"},
    {"budget-found", VERB_BUDGET_FOUND, "it can again"},
    {"lease", VERB_LEASE, "control may write, for a time"},
    {"lease-lost", VERB_LEASE_LOST, "another one leads"},
    {"stall", VERB_STALL, "control stands still"},
    {"go-on", VERB_GO_ON, "and goes on"},
    {"take-over", VERB_TAKE_OVER, "another control step takes over"},
    {NULL, 0, NULL},
};

static const struct opt_choice metrics_choices[] = {
    {"fresh", METRICS_FRESH, "what is so"},
    {"lost", METRICS_LOST, "nothing, and that is known"},
    {"stale", METRICS_STALE, "nothing new"},
    {"nan", METRICS_NAN, "no numbers"},
    {"absurd", METRICS_ABSURD, "numbers beyond all bounds"},
    {"negative", METRICS_NEGATIVE, "numbers below zero"},
    {NULL, 0, NULL},
};

static const struct opt world_class_options[] = {
    ROW_NUMBER(INT, "nodes", world_class, nodes, LIVE, 0, 1e6, 0, "", "0 is as many as asked for."),
    ROW_NUMBER(NUMBER, "interruptionsPerHour", world_class, interruptions_per_hour, LIVE, 0, 1e6, 0,
               "1/h", "Of each replica."),
    ROW_NUMBER(DURATION, "notice", world_class, notice_ns, LIVE, 0, 86400, 120, "s",
               "From the notice to the end."),
};
static const struct opt engine_options[] = {
    ROW_TEXT("profile", scenario_engine, profile, 0, LIVE, "8b", "Name of a known engine."),
    ROW_NUMBER(INT, "sequences", scenario_engine, sequences, LIVE, 0, 65536, 0, "", "Batch limit."),
    ROW_NUMBER(QUANTITY, "kvTokens", scenario_engine, kv_tokens, LIVE, 0, 1e12, 0, "tokens",
               "Size of the KV cache."),
    ROW_NUMBER(DURATION, "startup", scenario_engine, startup_ns, LIVE, 0, 86400, 30, "s",
               "From order to ready."),
    ROW_NUMBER(NUMBER, "spread", scenario_engine, spread, LIVE, 0, 2, 0, "", "Sigma of start-ups."),
    ROW_NUMBER(NUMBER, "refused", scenario_engine, refused, LIVE, 0, 1, 0, "ratio",
               "Share of starts that find no place."),
    ROW_NUMBER(NUMBER, "failed", scenario_engine, failed, LIVE, 0, 1, 0, "ratio",
               "Share of starts that end before they are ready."),
    ROW_NUMBER(NUMBER, "neverReady", scenario_engine, never_ready, LIVE, 0, 1, 0, "ratio",
               "Share of starts that load without end."),
    ROW_NUMBER(NUMBER, "slow", scenario_engine, slow, LIVE, 0, 1, 0, "ratio",
               "Share of starts that take five times as long."),
    ROW_NUMBER(NUMBER, "crashesPerHour", scenario_engine, crashes_per_hour, LIVE, 0, 1e6, 0, "1/h",
               "Of a ready replica."),
    ROW_NUMBER(DURATION, "transfer", scenario_engine, transfer_ns, LIVE, 0, 3600, 0.01, "s",
               "Prefill: of the KV cache to the decode pool, and"),
    ROW_NUMBER(DURATION, "transferPerToken", scenario_engine, transfer_per_token_ns, LIVE, 0, 1, 0,
               "s", "for each prompt token."),
    ROW_NUMBER(DURATION, "scrapeDelay", scenario_engine, scrape_delay_ns, LIVE, 0, 600, 0, "s",
               "Age of what the metrics pages say when it is told."),
    ROW_NUMBER(NUMBER, "scrapeGaps", scenario_engine, scrape_gaps, LIVE, 0, 1, 0, "ratio",
               "Share of scrapes that fail."),
    ROW_TREE("classes", scenario_engine, classes_source, 0, LIVE, SCHEMA_MAP,
             "By name of a class."),
};
static const struct opt load_options[] = {
    ROW_TEXT("pool", scenario_load, pool, OPT_FLAG_REQUIRED, LIVE, "", "Who is asked."),
    ROW_ENUM("pattern", scenario_load, pattern, LIVE, pattern_choices, PATTERN_STEADY, "Shape."),
    ROW_NUMBER(NUMBER, "rate", scenario_load, rate, LIVE, 1e-6, 1e6, 1, "requests/s", "Mean."),
    ROW_NUMBER(NUMBER, "peak", scenario_load, peak, LIVE, 1, 1e4, 10, "", "Times the rate."),
    ROW_NUMBER(NUMBER, "share", scenario_load, share, LIVE, 0.001, 1, 0.2, "", "Of a period."),
    ROW_NUMBER(DURATION, "period", scenario_load, period_ns, LIVE, 0.001, 1e7, 600, "s", "Length."),
    ROW_NUMBER(DURATION, "from", scenario_load, from_ns, LIVE, 0, 1e7, 0, "s", "Begin."),
    ROW_NUMBER(DURATION, "for", scenario_load, for_ns, LIVE, 0, 1e7, 600, "s", "How long."),
    ROW_NUMBER(NUMBER, "input", scenario_load, input, LIVE, 1, 1e8, 500, "tokens", "Mean prompt."),
    ROW_NUMBER(NUMBER, "output", scenario_load, output, LIVE, 1, 1e8, 100, "tokens",
               "Mean answer."),
    ROW_NUMBER(NUMBER, "sigma", scenario_load, sigma, LIVE, 0, 3, 0.8, "", "Of the lengths."),
    ROW_NUMBER(INT, "keys", scenario_load, keys, LIVE, 0, 1000, 0, "", "Callers that take turns."),
    ROW_NUMBER(INT, "priority", scenario_load, priority, LIVE, -1, 7, -1, "", "Asked for."),
};
static const struct opt step_options[] = {
    ROW_NUMBER(DURATION, "at", scenario_step, at_ns, LIVE, 0, 1e7, 0, "s", "When."),
    ROW_TEXT("pool", scenario_step, pool, 0, LIVE, "", "Whose."),
    ROW_ENUM("do", scenario_step, verb, LIVE, verb_choices, VERB_NONE, "What."),
    ROW_NUMBER(NUMBER, "share", scenario_step, share, LIVE, 0, 1, 1, "ratio", "Of the replicas."),
    ROW_NUMBER(INT, "replicas", scenario_step, replicas, LIVE, 0, 1e6, 0, "replicas", "How many."),
    ROW_NUMBER(DURATION, "by", scenario_step, by_ns, LIVE, -1e9, 1e9, 0, "s", "How far."),
    ROW_NUMBER(DURATION, "for", scenario_step, for_ns, LIVE, 0, 1e7, 0, "s", "0 is without end."),
    ROW_NUMBER(DURATION, "notice", scenario_step, notice_ns, LIVE, 0, 86400, 120, "s",
               "Of a storm."),
    ROW_TEXT("class", scenario_step, class_, 0, LIVE, "",
             "Of a storm; each spot class unless said."),
    ROW_NUMBER(NUMBER, "gpus", scenario_step, gpus, LIVE, 0, 1e6, 0, "GPUs", "All there are."),
    ROW_ENUM("metrics", scenario_step, metrics, LIVE, metrics_choices, METRICS_FRESH,
             "What pages say."),
    ROW_NUMBER(BOOL, "stateLost", scenario_step, state_lost, LIVE, 0, 1, 0, "",
               "Who takes over knows nothing of before."),
    ROW_TREE("engine", scenario_step, engine_source, 0, LIVE, "{}", "Options of an engine."),
    ROW_TREE("config", scenario_step, config_source, 0, LIVE, "{}", "Text of a configuration."),
    ROW_TREE("expect", scenario_step, expect_source, 0, LIVE, SCHEMA_TEXTS, "What must hold."),
};
static const struct opt scenario_options[] = {
    ROW_TREE("config", scenario, config_source, OPT_FLAG_REQUIRED, LIVE, "{}",
             "Text of the configuration."),
    ROW_TREE("engines", scenario, engines_source, 0, LIVE, SCHEMA_MAP, "By pool."),
    ROW_TREE("initial", scenario, initial_source, 0, LIVE, SCHEMA_MAP, "Ready ones by pool."),
    ROW_UNSET(NUMBER, "gpus", scenario, gpus, LIVE, 0, 1e6, "GPUs", "All there are."),
    ROW_NUMBER(DURATION, "uptime", scenario, uptime_ns, LIVE, 0, 1e9, 0, "s",
               "How old control is at the begin."),
    ROW_NUMBER(DURATION, "run", scenario, run_ns, LIVE, 1, 1e7, 600, "s", "How long."),
    ROW_LIST("loads", scenario, load, load_count, load_options, COUNT_OF(load_options), "Loads."),
    ROW_LIST("steps", scenario, step, step_count, step_options, COUNT_OF(step_options), "Steps."),
    ROW_TREE("expect", scenario, expect_source, 0, LIVE, SCHEMA_TEXTS, "What holds at the end."),
    ROW_TREE("seeds", scenario, seeds_source, 0, LIVE, "{}", "Numbers."),
};

void scenario_engine_read(struct reader *r, const struct tree *source, struct scenario_engine *ret)
{
    read_options(r, engine_options, COUNT_OF(engine_options), source, ret);
}

bool scenario_classes_read(struct reader *r, const struct tree *source,
                           const struct pool_spec *pool,
                           struct world_class ret[CLASSES_PER_POOL_MAX])
{
    for (const struct tree *node = source == NULL ? NULL : source->first; node != NULL;
         node = node->next) {
        size_t i = 0;
        while (i < pool->class_count && !span_equal_text(node->key, pool->class_[i].name))
            i++;
        if (i == pool->class_count) {
            reader_error(r, node, RC_UNKNOWN, "the pool has no class \"%.*s\"",
                         SPAN_ARG(node->key));
            return false;
        }
        read_options(r, world_class_options, COUNT_OF(world_class_options), node, &ret[i]);
    }
    return true;
}

static void check_steps(struct reader *r, const struct scenario *s)
{
    for (size_t i = 1; i < s->step_count; i++)
        if (s->step[i].at_ns < s->step[i - 1].at_ns)
            reader_error(r, NULL, RC_INVALID, "step %zu is before the one above it", i + 1);
    for (size_t i = 0; i < s->step_count; i++)
        if (s->step[i].at_ns > s->run_ns)
            reader_error(r, NULL, RC_RANGE, "step %zu is after the end of the run", i + 1);
}

struct scenario *scenario_read(const char *file, struct span text, struct problem_list *problems)
{
    struct reader r;
    reader_init(&r, problems, file, "");
    struct scenario *s = mem_new(1, sizeof(*s));
    if (s == NULL) {
        reader_error(&r, NULL, RC_NO_MEMORY, "no memory left");
        return NULL;
    }
    arena_init(&s->arena, SCENARIO_BYTES_MAX);
    s->file = file;
    const size_t errors = problems->errors;
    const struct tree *document = read_single_document(&r, &s->arena, text, "a scenario");
    opt_defaults(scenario_options, COUNT_OF(scenario_options), s);
    if (document != NULL) {
        read_options(&r, scenario_options, COUNT_OF(scenario_options), document, s);
        check_steps(&r, s);
    }
    if (problems->errors == errors)
        return s;
    scenario_free(s);
    return NULL;
}

void scenario_free(struct scenario *scenario)
{
    if (scenario == NULL)
        return;
    arena_done(&scenario->arena);
    free(scenario);
}

size_t scenario_seeds(const struct scenario *scenario, uint64_t ret[SCENARIO_SEEDS_MAX])
{
    size_t n = 0;
    if (scenario->seeds_source != NULL)
        for (const struct tree *node = scenario->seeds_source->first;
             node != NULL && n < SCENARIO_SEEDS_MAX; node = node->next) {
            int64_t seed = 0;
            if (tree_int(node, &seed))
                ret[n++] = (uint64_t)seed;
        }
    if (n == 0)
        ret[n++] = 1;
    return n;
}
