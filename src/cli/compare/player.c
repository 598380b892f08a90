#include "cli/compare/player.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/duration.h"
#include "base/num.h"
#include "base/rng.h"
#include "config/config.h"
#include "io/clock.h"
#include "io/file.h"
#include "sim/demand.h"
#include "sim/simulation.h"

#define RESULT_BYTES_MAX ((size_t)1 << 20)
#define DEMAND_NS (5 * MINUTE_NS)

struct player {
    struct player_options options;
    struct cell cell;
    struct trace_file *file;
    struct trace_row *pair;
    size_t pair_count;
    struct feed *feed[PLAYER_SEEDS_MAX]; /* by seed, opened when needed */
    struct trace_file *seed_file[PLAYER_SEEDS_MAX];
    char policy[NAME_SIZE];
    const struct baseline *baseline;
    double wall_s; /* of the last run */
    struct diag why;
};

/* ---- arrivals ---- */

static enum rc open_feed(struct player *p, size_t seed)
{
    if (p->feed[seed] != NULL)
        return feed_again(p->feed[seed], &p->why);
    enum rc rc = trace_file_open(p->cell.trace, &p->seed_file[seed], &p->why);
    if (rc != RC_OK)
        return rc;
    const struct feed_spec spec = {.file = trace_file_feed(p->seed_file[seed]),
                                   .lengths = p->pair,
                                   .length_count = p->pair_count,
                                   .scale = p->cell.scale,
                                   .cv = p->options.cv,
                                   .shift_ns = p->options.shift_ns,
                                   .smear_ns = FEED_SMEAR_AUTO,
                                   .limit_ns = p->options.limit_ns,
                                   .passes = p->cell.warm ? 2 : 1,
                                   .seed = seed + 1};
    rc = feed_open(&spec, &p->feed[seed], &p->why);
    if (rc != RC_OK)
        diag_at(&p->why, "%s", p->cell.trace);
    return rc;
}

static void close_feeds(struct player *p)
{
    for (size_t i = 0; i < PLAYER_SEEDS_MAX; i++) {
        feed_close(p->feed[i]);
        trace_file_close(p->seed_file[i]);
        p->feed[i] = NULL;
        p->seed_file[i] = NULL;
    }
}

enum rc player_new(const struct player_options *options, const struct cell *cell,
                   struct player **ret, struct diag *diag)
{
    struct player *p = mem_new(1, sizeof *p);
    if (p == NULL)
        return fail(diag, RC_NO_MEMORY, "out of memory");
    p->options = *options;
    p->cell = *cell;
    const enum rc rc = options->lengths == NULL
                           ? RC_OK
                           : trace_file_lengths(options->lengths, &p->pair, &p->pair_count, diag);
    if (rc != RC_OK) {
        player_free(p);
        return rc;
    }
    *ret = p;
    return RC_OK;
}

void player_free(struct player *p)
{
    if (p == NULL)
        return;
    close_feeds(p);
    free(p->pair);
    free(p);
}

void player_set(struct player *p, const struct cell *cell)
{
    if (p->cell.warm != cell->warm)
        close_feeds(p); /* another number of passes */
    p->cell = *cell;
}

const struct diag *player_why(const struct player *p)
{
    return &p->why;
}

static enum rc read_demand(struct player *p, struct demand *demand)
{
    struct trace_row row;
    enum rc rc = open_feed(p, 0);
    while (rc == RC_OK && feed_next(p->feed[0], &row)) {
        rc = demand_add(demand, &row);
        if (rc != RC_OK)
            (void)fail(&p->why, rc, "%s: %s", p->cell.trace,
                       rc == RC_LIMIT ? "the trace is longer than 200,000 minutes"
                                      : "out of memory");
    }
    return rc == RC_OK ? feed_error(p->feed[0], &p->why) : rc;
}

/* The fluid bound: all work at the largest useful share of an iteration. */
enum rc player_measure(struct player *p, struct cell *cell, struct diag *diag)
{
    const struct engine_profile *profile = p->options.setting.profile;
    const int64_t itl_ns = setting_slo(&p->options.setting, false).itl_ns;
    const double useful =
        itl_ns > 0 ? fmax(0.05, 1 - profile->iteration_s / seconds_of(itl_ns)) : 1;
    struct demand demand;
    demand_init(&demand, profile);
    const enum rc rc = read_demand(p, &demand);
    if (rc == RC_OK) {
        cell->warm = demand.last_ns <= PLAYER_WARM_SPAN_NS;
        cell->demand = demand_at_begin(&demand, DEMAND_NS);
        cell->count_p95 = demand_percentile(&demand, 0.95, useful);
        cell->fluid_hours = demand.work_s / useful / 3600 * setting_gpus(&p->options.setting);
        player_set(p, cell);
    } else {
        *diag = p->why;
    }
    demand_done(&demand);
    return rc;
}

/* ---- one run ---- */

void player_choose(struct player *p, const char *name, const struct baseline *baseline)
{
    (void)span_copy(span_from(name), p->policy, sizeof p->policy);
    p->baseline = baseline;
}

static struct setting setting_of(const struct player *p, const struct sweep_point *point)
{
    return (struct setting){.options = &p->options.setting,
                            .cell = &p->cell,
                            .policy = p->policy,
                            .baseline = p->baseline,
                            .point = *point};
}

/* The program, for the name of a run. Baselines play alike in all builds that the caller gives one
 * name; a policy of ours is under development. */
static void name_program(const struct player *p, struct buf *ret)
{
    struct stat program = {0};
    if (p->options.build != NULL && p->baseline != NULL) {
        buf_text(ret, p->options.build);
        return;
    }
    (void)stat("/proc/self/exe", &program);
    buf_printf(ret, "%lld %lld", (long long)program.st_size, (long long)program.st_mtime);
}

static void print_profile(const struct engine_profile *profile, struct buf *ret)
{
    const double costs[] = {profile->iteration_s, profile->sequence_s, profile->context_s,
                            profile->prompt_s};
    buf_text(ret, profile->name);
    for (size_t i = 0; i < COUNT_OF(costs); i++) {
        buf_byte(ret, ' ');
        buf_number(ret, costs[i]);
    }
    buf_printf(ret, " %" PRId64 " %" PRId64 " %" PRId64 " %" PRId64 " %" PRId64,
               profile->sequences_max, profile->kv_tokens, profile->kv_block_tokens,
               profile->chunk_tokens, profile->gpus);
}

/* The name of a run: everything that its result depends on, the program included. */
static uint64_t run_key(const struct player *p, const struct setting *setting, struct span config,
                        size_t seed)
{
    struct stat about = {0};
    struct buf text;
    buf_init(&text, SETTING_TEXT_MAX + 4096);
    (void)stat(p->cell.trace, &about); /* a file that is gone fails when it is opened */
    name_program(p, &text);
    buf_printf(&text, " %s %s %lld %lld ", SLUICE_VERSION, p->cell.trace, (long long)about.st_size,
               (long long)about.st_mtime);
    buf_number(&text, p->cell.scale);
    buf_printf(&text, " %lld %lld %lld %d %lld %zu %s ", (long long)p->options.limit_ns,
               (long long)setting_startup(setting), (long long)setting_initial(setting),
               p->cell.warm, (long long)p->options.shift_ns, seed,
               p->options.lengths != NULL ? p->options.lengths : "");
    buf_number(&text, p->options.cv);
    buf_byte(&text, ' ');
    buf_number(&text, p->options.spread);
    print_profile(p->options.setting.profile, &text);
    if (p->cell.troubled)
        buf_printf(&text, " faults %016" PRIx64, faults_hash(p->options.faults));
    buf_span(&text, config);
    const uint64_t key = hash_span(1, buf_view(&text));
    buf_done(&text);
    return key;
}

static enum rc read_numbers(struct span json, struct sweep_point *ret)
{
    struct arena arena;
    arena_init(&arena, 4 * RESULT_BYTES_MAX);
    const struct tree *object = NULL;
    const struct json_limits limits = {.depth_max = 8};
    double attainment = 0;
    double hours = 0;
    enum rc rc = json_read(&arena, json, &limits, &object, NULL);
    if (rc == RC_OK && (!tree_number(tree_get(object, "attainment"), &attainment) ||
                        !tree_number(tree_get(object, "gpuHours"), &hours)))
        rc = RC_CORRUPT;
    if (rc == RC_OK) {
        ret->attainment += attainment;
        ret->gpu_hours += hours;
    }
    arena_done(&arena);
    return rc;
}

static void print_result(const struct player *p, const struct simulation_spec *spec,
                         const struct simulation_result *result, const struct sweep_point *point,
                         struct buf *ret)
{
    const struct setting setting = setting_of(p, point);
    struct json_writer w;
    json_init(&w, ret);
    json_object(&w);
    json_member_text(&w, "trace", p->cell.trace);
    json_member_number(&w, "scale", p->cell.scale);
    json_member_number(&w, "startup", seconds_of(setting_startup(&setting)));
    if (p->baseline != NULL && p->baseline->knob != KNOB_NONE)
        json_member_number(
            &w, "knob", p->baseline->knob == KNOB_GIVEN ? (double)p->cell.count_p95 : point->knob);
    json_member_int(&w, "variant", (int64_t)point->variant);
    if (!isnan(setting_promise(&setting)))
        json_member_number(&w, "promise", setting_promise(&setting));
    json_member_bool(&w, "warm", p->cell.warm);
    json_member_int(&w, "initial", spec->initial);
    simulation_print(spec, result, &w);
    json_member_number(&w, "wallSeconds", p->wall_s);
    json_object_end(&w);
}

static const char *first_error(const struct problem_list *problems)
{
    for (size_t i = 0; i < problems->count; i++)
        if (problems->item[i].severity == PROBLEM_ERROR)
            return problems->item[i].text;
    return "out of memory";
}

/* The own pool as it was read; anything else out of its text. NULL with words. */
static struct config *config_of(struct player *p, const struct setting *setting, struct span text)
{
    if (setting_is_own(setting))
        return p->options.setting.own.config;
    struct problem_list problems;
    problem_list_init(&problems);
    struct config *config = config_read("built-in", text, NULL, &problems);
    if (config == NULL)
        (void)fail(&p->why, RC_INVALID, "policy %s: %s", p->policy, first_error(&problems));
    problem_list_done(&problems);
    return config;
}

static enum rc simulate_one(struct player *p, const struct sweep_point *point, struct span text,
                            const struct player_run *how, struct simulation_result *result,
                            struct buf *ret)
{
    const struct setting setting = setting_of(p, point);
    struct config *config = config_of(p, &setting, text);
    enum rc rc = config != NULL ? open_feed(p, how->seed) : RC_INVALID;
    if (rc == RC_OK) {
        const struct simulation_spec spec = {
            .config = config,
            .feed = p->feed[how->seed],
            .score_from_ns = p->cell.warm ? feed_pass_ns(p->feed[how->seed]) : 0,
            .profile = *p->options.setting.profile,
            .startup = startup_of_total(setting_startup(&setting)),
            .startup_sigma = p->options.spread,
            .faults = p->cell.troubled ? p->options.faults : NULL,
            .initial = how->initial,
            .seed = how->seed + 1,
            .plan = how->plan,
            .plan_count = how->plan_count,
            .minutes = how->minutes,
            .changes = how->changes,
            .label = p->policy};
        const int64_t begin_ns = clock_monotonic_ns();
        rc = simulation_run(&spec, result, &p->why);
        p->wall_s = seconds_of(clock_monotonic_ns() - begin_ns);
        if (rc == RC_OK && (result->violation[0] != '\0' || result->world.lost != 0))
            rc = fail(&p->why, RC_STATE, "broken: %s (knob %g, variant %zu, seed %zu)",
                      result->violation[0] != '\0' ? result->violation : "a request was lost",
                      point->knob, point->variant, how->seed + 1);
        if (rc == RC_OK)
            print_result(p, &spec, result, point, ret);
    }
    if (config != p->options.setting.own.config)
        config_free(config);
    return rc;
}

static void print_setting(const struct player *p, const struct setting *setting, struct buf *ret)
{
    if (setting_is_own(setting))
        buf_printf(ret, "%s %016" PRIx64, p->policy, p->options.setting.own.config->hash);
    else
        setting_print(setting, ret);
}

enum rc player_run(struct player *p, const struct sweep_point *point, const struct player_run *how,
                   struct simulation_result *ret, struct buf *ret_json)
{
    const struct setting setting = setting_of(p, point);
    struct buf config;
    buf_init(&config, SETTING_TEXT_MAX);
    print_setting(p, &setting, &config);
    const enum rc rc = simulate_one(p, point, buf_view(&config), how, ret, ret_json);
    buf_done(&config);
    return rc;
}

enum rc player_watch(struct player *p, const struct sweep_point *point,
                     struct simulation_result *ret)
{
    const struct setting setting = setting_of(p, point);
    const struct player_run how = {
        .initial = setting_initial(&setting), .minutes = true, .changes = true};
    struct buf json;
    buf_init(&json, RESULT_BYTES_MAX);
    const enum rc rc = player_run(p, point, &how, ret, &json);
    buf_done(&json);
    return rc;
}

double player_initial(const struct player *p, const struct sweep_point *point)
{
    const struct setting setting = setting_of(p, point);
    return (double)setting_initial(&setting);
}

enum rc player_demand(struct player *p, double **ret, size_t *ret_count)
{
    struct demand demand;
    demand_init(&demand, p->options.setting.profile);
    const enum rc rc = read_demand(p, &demand);
    if (rc == RC_OK) {
        for (size_t i = 0; i < demand.minutes; i++)
            demand.minute_s[i] /= seconds_of(MINUTE_NS);
        *ret = demand.minute_s;
        *ret_count = demand.minutes;
        demand.minute_s = NULL;
    }
    demand_done(&demand);
    return rc;
}

static void kept_path(const struct player *p, uint64_t key, char *ret, size_t size)
{
    (void)snprintf(ret, size, "%s/%016llx.json", p->options.cache, (unsigned long long)key);
}

/* The result of a setting with one seed: from the folder, or played and put there. */
static enum rc result_of(struct player *p, const struct sweep_point *point, size_t seed,
                         struct buf *ret)
{
    const struct setting setting = setting_of(p, point);
    char path[4096];
    struct buf config;
    buf_init(&config, SETTING_TEXT_MAX);
    print_setting(p, &setting, &config);
    kept_path(p, run_key(p, &setting, buf_view(&config), seed), path, sizeof path);
    struct sweep_point ignored = {0};
    if (p->options.cache != NULL && file_read(path, RESULT_BYTES_MAX, ret, NULL) == RC_OK &&
        read_numbers(buf_view(ret), &ignored) == RC_OK) {
        buf_done(&config);
        return RC_OK;
    }
    buf_clear(ret);
    const struct player_run how = {.initial = setting_initial(&setting), .seed = seed};
    struct simulation_result result;
    enum rc rc = simulate_one(p, point, buf_view(&config), &how, &result, ret);
    if (rc == RC_OK && p->options.cache != NULL)
        rc = file_replace(path, buf_view(ret), 0644, &p->why);
    buf_done(&config);
    return rc;
}

/* By the name and by what is chosen: objectives and limits belong to it. */
static void named_path(const struct player *p, struct span name, char *ret, size_t size)
{
    const struct sweep_point none = {.knob = 0};
    const struct setting setting = setting_of(p, &none);
    struct buf text;
    buf_init(&text, SETTING_TEXT_MAX);
    buf_span(&text, name);
    buf_byte(&text, '\n');
    print_setting(p, &setting, &text);
    kept_path(p, run_key(p, &setting, buf_view(&text), 0), ret, size);
    buf_done(&text);
}

bool player_kept(const struct player *p, struct span name, struct sweep_point *ret,
                 struct buf *ret_json)
{
    char path[4096];
    named_path(p, name, path, sizeof path);
    *ret = (struct sweep_point){.knob = 0};
    return p->options.cache != NULL && file_read(path, RESULT_BYTES_MAX, ret_json, NULL) == RC_OK &&
           read_numbers(buf_view(ret_json), ret) == RC_OK;
}

enum rc player_keep(struct player *p, struct span name, struct span json)
{
    char path[4096];
    if (p->options.cache == NULL)
        return RC_OK;
    named_path(p, name, path, sizeof path);
    return file_replace(path, json, 0644, &p->why);
}

enum rc player_play_seed(struct player *p, size_t seed, struct sweep_point *point)
{
    struct buf text;
    point->attainment = point->gpu_hours = 0;
    buf_init(&text, RESULT_BYTES_MAX);
    enum rc rc = result_of(p, point, seed, &text);
    if (rc == RC_OK)
        rc = read_numbers(buf_view(&text), point);
    buf_done(&text);
    return rc;
}

enum rc player_play(void *user, struct sweep_point *point)
{
    struct player *p = user;
    const double n = (double)p->options.seeds;
    enum rc rc = RC_OK;
    struct sweep_point sum = {.knob = 0};
    for (size_t seed = 0; rc == RC_OK && seed < (size_t)p->options.seeds; seed++) {
        rc = player_play_seed(p, seed, point);
        sum.attainment += point->attainment;
        sum.gpu_hours += point->gpu_hours;
    }
    point->attainment = sum.attainment / n;
    point->gpu_hours = sum.gpu_hours / n;
    return rc;
}

enum rc player_print(struct player *p, const struct sweep_point *point, bool *first,
                     struct buf *ret)
{
    enum rc rc = RC_OK;
    for (size_t seed = 0; rc == RC_OK && seed < (size_t)p->options.seeds; seed++) {
        struct buf text;
        buf_init(&text, RESULT_BYTES_MAX);
        rc = result_of(p, point, seed, &text);
        if (!*first)
            buf_byte(ret, ',');
        *first = false;
        buf_span(ret, buf_view(&text));
        buf_done(&text);
    }
    return rc;
}
