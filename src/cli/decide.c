/* decide.c - `sluice decide`: observations in, decisions with their reasons out. The same code that
 * decides in `sluice run`, as a function of what is on each line. */
#include "cli/decide.h"

#include <stdlib.h>
#include <string.h>

#include "cli/load.h"

#define LINE_BYTES_MAX ((size_t)64 << 20)

static const struct cli_opt decide_options[] = {
    CLI_OPT(TEXT, struct decide_options, config, "config", "FILE", NULL, 0, 0,
            "Configuration with the pool; without it one is made of the options below."),
    CLI_OPT(TEXT, struct decide_options, pool, "pool", "NAME", NULL, 0, 0,
            "Pool (its whole group is decided); the first one unless said. With --recorded: only "
            "its ticks."),
    CLI_OPT(TEXT, struct decide_options, policy, "policy", "NAME", NULL, 0, 0,
            "Policy instead of the configured one; `adaptive` without a configuration."),
    CLI_OPT(TEXTS, struct decide_options, metrics, "metric", "TYPE=TARGET", NULL, 0, 0,
            "A metric of the pool that is made; may be given several times."),
    CLI_OPT(INT, struct decide_options, min, "min", "N", "0", 0, REPLICAS_MAX,
            "Minimum of the pool that is made."),
    CLI_OPT(INT, struct decide_options, max, "max", "N", "100", 1, REPLICAS_MAX,
            "Maximum of the pool that is made."),
    CLI_OPT(INT, struct decide_options, limit, "limit", "N", "0", 0, 1e9,
            "Concurrency limit of the pool that is made; 0 is none."),
    CLI_SWITCH(struct decide_options, exact, "exact",
               "For a policy that imitates a peer: the peer's whole loop and no stage of ours."),
    CLI_SWITCH(struct decide_options, state, "state", "Show the state after each tick, too."),
    CLI_SWITCH(struct decide_options, words, "words", "Sentences instead of JSON Lines."),
    CLI_OPT(TEXT, struct decide_options, recorded, "recorded", "FILE", NULL, 0, 0,
            "State file: its recorded ticks are decided again and compared, byte for byte."),
    CLI_OPT(TEXT, struct decide_options, from, "from", "TIME", NULL, 0, 0,
            "With --recorded: ticks from this time on, as 2026-11-24T08:15:00Z or 2h (ago)."),
    CLI_OPT(TEXT, struct decide_options, to, "to", "TIME", NULL, 0, 0,
            "With --recorded: ticks up to this time."),
    CLI_SWITCH(struct decide_options, verify, "verify",
               "With --recorded: show only what differs, and how many passed and failed."),
};

static int run(int argc, char **argv);

const struct command_ops command_decide = {
    .name = "decide",
    .summary = "Work decisions out from observations, or recorded ones again",
    .usage = "[FILE]",
    .about = "Reads JSON Lines from FILE or standard input, one tick a line:\n"
             "  {\"samples\": [{\"signal\": \"tokens-in-queue\", \"value\": 900}],\n"
             "   \"observation\": {\"nowNs\": 2000000000, \"pools\": {\"chat\": {\"ready\": 2}}}}\n"
             "and prints the decision of each pool with its trail. Also allowed on a line:\n"
             "\"desired\" (count in force before the first tick; the replicas that exist unless\n"
             "said), \"state\" (state to go on from, as --state prints it), \"pods\" (rounds of\n"
             "pods). Times not given go on by 2 s a line. The state is carried from line to\n"
             "line. A line that cannot be read is told and left out; the exit code is then 1.",
    .options = decide_options,
    .option_count = COUNT_OF(decide_options),
    .run = run,
};

/* ---- print ---- */

static bool is_asked(const struct decide_tick *tick, size_t pool)
{
    return tick->only_pool == NULL ||
           strcmp(group_pool(tick->group, pool)->name, tick->only_pool) == 0;
}

static void print_sentences(const struct decide_tick *tick, size_t pool, struct buf *out)
{
    const struct decision *d = &tick->decision[pool];
    char time[DURATION_TEXT_MAX];
    (void)time_print_rfc3339(tick->observation->wall_ns, time);
    buf_printf(out, "%s %s: %lld", time, group_pool(tick->group, pool)->name,
               (long long)d->previous);
    if (d->desired != d->previous)
        buf_printf(out, " -> %lld", (long long)d->desired);
    buf_printf(out, "%s%s%s\n", d->wake ? ", wake" : "", d->urgent ? ", urgent" : "",
               d->held ? ", held by doubt" : "");
    for (uint32_t i = 0; i < d->trail_count; i++) {
        const struct trail_entry *entry = &d->trail[i];
        buf_printf(out, "  %-12s %d -> %d  ", stage_name((enum stage_id)entry->stage),
                   (int)entry->before, (int)entry->after);
        trail_words(tick->group, pool, entry, out);
        buf_byte(out, '\n');
    }
}

static void print_json(const struct decide_tick *tick, size_t pool, struct json_writer *w)
{
    const struct decision *d = &tick->decision[pool];
    struct buf words;
    buf_init(&words, 65536);
    json_key(w, group_pool(tick->group, pool)->name);
    json_object(w);
    json_key(w, "decision");
    decision_print(tick->group, pool, d, w);
    json_key(w, "words");
    json_array(w);
    for (uint32_t i = 0; i < d->trail_count; i++) {
        buf_clear(&words);
        trail_words(tick->group, pool, &d->trail[i], &words);
        json_string(w, buf_view(&words));
    }
    json_array_end(w);
    json_object_end(w);
    buf_done(&words);
}

void decide_print(const struct decide_options *options, const struct decide_tick *tick)
{
    struct buf out;
    struct json_writer w;
    buf_init(&out, LINE_BYTES_MAX);
    json_init(&w, &out);
    if (!options->words) {
        json_object(&w);
        json_member_int(&w, "line", tick->line);
        json_member_int(&w, "nowNs", tick->observation->now_ns);
        json_key(&w, "pools");
        json_object(&w);
    }
    for (size_t i = 0; i < group_pool_count(tick->group); i++) {
        if (!is_asked(tick, i))
            continue;
        if (options->words)
            print_sentences(tick, i, &out);
        else
            print_json(tick, i, &w);
    }
    if (!options->words) {
        json_object_end(&w);
        if (tick->state != NULL) {
            json_key(&w, "state");
            group_state_print(tick->group, tick->state, &w);
        }
        json_object_end(&w);
        buf_byte(&out, '\n');
    }
    (void)fwrite(out.ptr, 1, out.len, stdout); /* a closed pipe is the reader's wish */
    buf_done(&out);
}

/* ---- the pool ---- */

/* A configuration of one pool, as the options say. */
static void made_text(const struct decide_options *o, struct buf *out)
{
    struct json_writer w;
    json_init(&w, out);
    json_object(&w);
    json_key(&w, "pools");
    json_object(&w);
    json_key(&w, o->pool == NULL ? "pool" : o->pool);
    json_object(&w);
    json_key(&w, "target");
    json_object(&w);
    json_key(&w, "process");
    json_object(&w);
    json_member_text(&w, "command", "none {port}");
    json_object_end(&w);
    json_object_end(&w);
    json_member_int(&w, "minReplicas", o->min);
    json_member_int(&w, "maxReplicas", o->max);
    json_key(&w, "concurrency");
    json_object(&w);
    json_member_int(&w, "limit", o->limit);
    json_object_end(&w);
    json_key(&w, "autoscaling");
    json_object(&w);
    if (o->policy != NULL)
        json_member_text(&w, "policy", o->policy);
    if (o->exact)
        json_member_bool(&w, "exact", true);
    if (o->metrics.count > 0) {
        json_key(&w, "metrics");
        json_array(&w);
        for (size_t i = 0; i < o->metrics.count; i++) {
            struct span target = span_from(o->metrics.item[i]);
            struct span type;
            (void)span_split(&target, '=', &type);
            json_object(&w);
            json_member_span(&w, "type", type);
            json_member_span(&w, "target", target);
            json_object_end(&w);
        }
        json_array_end(&w);
    }
    json_object_end(&w);
    json_object_end(&w);
    json_object_end(&w);
    json_object_end(&w);
}

static struct config *read_config(const struct decide_options *o)
{
    struct problem_list problems;
    struct buf text;
    struct config *config = NULL;
    problem_list_init(&problems);
    if (o->config != NULL) {
        config = load_config(o->config, &problems, &text);
    } else {
        const struct env_table env = {.item = NULL};
        buf_init(&text, CONFIG_BYTES_MAX);
        made_text(o, &text);
        config = config_read("options.json", buf_view(&text), &env, &problems);
    }
    if (config == NULL)
        load_report(stderr, &problems, &text);
    buf_done(&text);
    problem_list_done(&problems);
    return config;
}

/* --policy and --exact on a pool that a file describes. False when they cannot be. */
static bool change_pool(const struct decide_options *o, struct config *config, size_t index,
                        struct diag *diag)
{
    struct pool_spec *core = &config->pool[index]->core;
    if (o->policy != NULL) {
        const struct policy_ops *policy = policy_find(span_from(o->policy));
        if (policy == NULL) {
            (void)fail(diag, RC_UNKNOWN, "there is no policy \"%s\"", o->policy);
            return false;
        }
        core->policy = policy;
        core->policy_config = layout_policy_config(config->pool[index], policy);
    }
    core->exact |= o->exact;
    if (o->exact && !core->policy->imitation) {
        (void)fail(diag, RC_INVALID, "policy %s imitates no peer, so it has no exact form",
                   core->policy->name);
        return false;
    }
    return true;
}

static int decide_with(const struct decide_options *o, struct config *config, const char *file)
{
    struct installation *in = NULL;
    struct diag diag = {.code = RC_OK};
    size_t index = 0;
    while (o->pool != NULL && index < config->pool_count &&
           strcmp(config->pool[index]->core.name, o->pool) != 0)
        index++;
    if (index == config->pool_count) {
        (void)fail(&diag, RC_UNKNOWN, "there is no pool \"%s\"", o->pool == NULL ? "" : o->pool);
        return command_failed(&command_decide, &diag);
    }
    if (!change_pool(o, config, index, &diag) || installation_make(config, &in, &diag) != RC_OK)
        return command_failed(&command_decide, &diag);
    struct decide_lines l = {.options = o, .only_pool = o->pool, .now_ns = -DECIDE_TICK_NS};
    for (size_t g = 0; g < in->spec.group_count; g++)
        for (size_t i = 0; i < group_pool_count(in->spec.group[g].group); i++)
            if (strcmp(group_pool(in->spec.group[g].group, i)->name,
                       config->pool[index]->core.name) == 0)
                l.group = in->spec.group[g].group;
    arena_init(&l.arena, LINE_BYTES_MAX * 4);
    l.state = malloc(group_state_size(l.group));
    const int code = l.state == NULL ? EXIT_FAILED : decide_lines_read(&l, file);
    free(l.state);
    arena_done(&l.arena);
    installation_free(in);
    return code;
}

static int run(int argc, char **argv)
{
    struct decide_options o;
    struct args args;
    const int usage = command_args(&command_decide, argc, argv, &o, &args);
    if (usage != EXIT_OK)
        return usage;
    if (args.count > 1)
        return command_usage_error(&command_decide, "one file of lines is wanted at most");
    if (o.recorded != NULL && (args.count > 0 || o.config != NULL || o.policy != NULL))
        return command_usage_error(&command_decide,
                                   "--recorded takes everything from its state file: no FILE, "
                                   "--config or --policy beside it");
    if (o.recorded == NULL && (o.verify || o.from != NULL || o.to != NULL))
        return command_usage_error(&command_decide, "--verify, --from and --to need --recorded");
    if (o.config != NULL && o.metrics.count > 0)
        return command_usage_error(&command_decide,
                                   "--metric is for a pool without a configuration");
    if (o.recorded != NULL)
        return decide_recorded(&o);
    struct config *config = read_config(&o);
    if (config == NULL)
        return EXIT_FAILED;
    const int code = decide_with(&o, config, args.count > 0 ? args.operand[0] : "-");
    config_free(config);
    return code;
}
