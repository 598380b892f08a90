#include "cli/oracle_play.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim/oracle.h"

#define PRICE_LOW 1e-2 /* replica-seconds a miss */
#define PRICE_HIGH 1e7
#define HALVINGS 14
#define REPAIRS 6
#define TRIMS 10
#define SPARE 2
#define JSON_MAX ((size_t)1 << 20)

struct search {
    struct player *player;
    double floor;
    int64_t startup_ns;
    struct oracle_table table;
    int64_t *plan;      /* being tried, as needed */
    int64_t *ordered;   /* the same, ordered early */
    int64_t *best_plan; /* as needed */
    bool found;
    struct sweep_point best;
    struct world_minute *minute; /* of the last run */
    size_t minute_count;
    struct buf *json; /* of the best */
};

/* Counts come from the plan. */
static const struct baseline scheduled = {.name = ORACLE_NAME,
                                          .policy = "static",
                                          .about = "",
                                          .variant = {"static: {replicas: 1}"},
                                          .knob = KNOB_NONE};

static enum rc fill_column(struct search *s, size_t n)
{
    struct simulation_result result = {.minute = NULL};
    const struct sweep_point point = {.knob = (double)n};
    const struct player_run how = {.initial = (int64_t)n, .minutes = true};
    struct buf json;
    buf_init(&json, JSON_MAX);
    player_choose(s->player, "static", baseline_find(span_from("static")));
    enum rc rc = player_run(s->player, &point, &how, &result, &json);
    buf_done(&json);
    if (rc == RC_OK && s->table.miss == NULL)
        rc = oracle_table_init(&s->table, result.minute_count, s->table.count_max);
    for (size_t w = 0; rc == RC_OK && w < s->table.windows && w < result.minute_count; w++)
        s->table.miss[w * s->table.count_max + n - 1] =
            (double)(result.minute[w].ended - result.minute[w].good);
    free(result.minute);
    return rc;
}

static enum rc fill_table(struct search *s)
{
    enum rc rc = RC_OK;
    for (size_t n = s->table.count_max; n >= 1 && rc == RC_OK; n--)
        rc = fill_column(s, n);
    const size_t windows = s->table.windows;
    s->plan = mem_new(windows, sizeof *s->plan);
    s->ordered = mem_new(windows, sizeof *s->ordered);
    s->best_plan = mem_new(windows, sizeof *s->best_plan);
    if (rc == RC_OK && (s->plan == NULL || s->ordered == NULL || s->best_plan == NULL))
        rc = RC_NO_MEMORY;
    return rc;
}

/* Plays s->plan; keeps it when it attains the floor at less cost. */
static enum rc try(struct search *s, bool *ret_met)
{
    struct simulation_result result = {.minute = NULL};
    struct buf json;
    const size_t windows = s->table.windows;
    memcpy(s->ordered, s->plan, windows * sizeof *s->plan);
    oracle_order(s->ordered, windows, s->startup_ns);
    const struct sweep_point point = {.knob = 0};
    const struct player_run how = {
        .plan = s->ordered, .plan_count = windows, .initial = s->ordered[0], .minutes = true};
    buf_init(&json, JSON_MAX);
    player_choose(s->player, ORACLE_NAME, &scheduled);
    const enum rc rc = player_run(s->player, &point, &how, &result, &json);
    if (rc == RC_OK) {
        *ret_met = result.world.attainment >= s->floor;
        if (*ret_met && (!s->found || result.world.gpu_hours < s->best.gpu_hours)) {
            s->found = true;
            s->best = (struct sweep_point){.attainment = result.world.attainment,
                                           .gpu_hours = result.world.gpu_hours};
            memcpy(s->best_plan, s->plan, windows * sizeof *s->plan);
            buf_clear(s->json);
            buf_span(s->json, buf_view(&json));
        }
        free(s->minute);
        s->minute = result.minute;
        s->minute_count = result.minute_count;
    }
    buf_done(&json);
    return rc;
}

/* The least price of a miss at which the schedule, when played, attains the floor. */
static enum rc search_price(struct search *s)
{
    double low = PRICE_LOW;
    double high = PRICE_HIGH;
    enum rc rc = RC_OK;
    for (int i = 0; i < HALVINGS && rc == RC_OK && high / low > 1.1; i++) {
        const double price = i == 0 ? PRICE_HIGH : sqrt(low * high);
        bool met = false;
        rc = oracle_schedule(&s->table, price, s->startup_ns, s->plan);
        if (rc == RC_OK)
            rc = try(s, &met);
        if (i == 0 && !met)
            return rc; /* not even when a miss costs everything */
        if (met)
            high = price;
        else
            low = price;
    }
    return rc;
}

/* One more replica in the windows that miss most: what was carried over from the window before is
 * not in the table. */
static enum rc repair(struct search *s)
{
    enum rc rc = RC_OK;
    for (int round = 0; round < REPAIRS && rc == RC_OK && !s->found; round++) {
        int64_t most = 0;
        for (size_t w = 0; w < s->minute_count; w++) {
            const int64_t missed = s->minute[w].ended - s->minute[w].good;
            most = missed > most ? missed : most;
        }
        for (size_t w = 0; w < s->table.windows && w < s->minute_count; w++) {
            const bool bad = 2 * (s->minute[w].ended - s->minute[w].good) >= most;
            for (size_t i = w > 0 ? w - 1 : 0; bad && i <= w; i++)
                s->plan[i] += s->plan[i] < (int64_t)s->table.count_max;
        }
        bool met = false;
        rc = try(s, &met);
    }
    return rc;
}

/* A run of equal counts, the longest that was not tried yet. */
static bool longest_run(const struct search *s, const bool *tried, size_t *ret_from,
                        size_t *ret_len)
{
    *ret_len = 0;
    for (size_t w = 0; w < s->table.windows;) {
        size_t end = w + 1;
        while (end < s->table.windows && s->best_plan[end] == s->best_plan[w])
            end++;
        if (!tried[w] && s->best_plan[w] > 1 && end - w > *ret_len) {
            *ret_from = w;
            *ret_len = end - w;
        }
        w = end;
    }
    return *ret_len > 0;
}

static enum rc trim(struct search *s)
{
    bool *tried = mem_new(s->table.windows, sizeof *tried);
    enum rc rc = tried != NULL ? RC_OK : RC_NO_MEMORY;
    size_t from;
    size_t len;
    for (int i = 0; i < TRIMS && rc == RC_OK && longest_run(s, tried, &from, &len); i++) {
        bool met = false;
        memcpy(s->plan, s->best_plan, s->table.windows * sizeof *s->plan);
        for (size_t w = from; w < from + len; w++)
            s->plan[w]--;
        rc = try(s, &met);
        if (!met)
            tried[from] = true;
    }
    free(tried);
    return rc;
}

static enum rc search(struct search *s)
{
    enum rc rc = fill_table(s);
    if (rc == RC_OK)
        rc = search_price(s);
    if (rc == RC_OK && !s->found)
        rc = repair(s);
    if (rc == RC_OK && s->found)
        rc = trim(s);
    return rc == RC_OK && !s->found ? RC_NOT_FOUND : rc;
}

static enum rc find(struct player *player, const struct cell *cell, double floor, int64_t peak,
                    struct sweep_point *ret, struct buf *ret_json)
{
    char name[128];
    const int64_t count_max = peak + SPARE < cell->replicas_max ? peak + SPARE : cell->replicas_max;
    (void)snprintf(name, sizeof name, "oracle %.6f %lld", floor, (long long)count_max);
    player_choose(player, ORACLE_NAME, &scheduled);
    if (player_kept(player, span_from(name), ret, ret_json))
        return RC_OK;
    buf_clear(ret_json);
    struct search s = {.player = player,
                       .floor = floor,
                       .startup_ns = cell->startup_ns,
                       .table = {.count_max = (size_t)count_max},
                       .json = ret_json};
    enum rc rc = search(&s);
    if (rc == RC_OK) {
        *ret = s.best;
        player_choose(player, ORACLE_NAME, &scheduled);
        rc = player_keep(player, span_from(name), buf_view(ret_json));
    }
    oracle_table_done(&s.table);
    free(s.plan);
    free(s.ordered);
    free(s.best_plan);
    free(s.minute);
    return rc;
}

enum rc oracle_find(struct player *player, const struct cell *cell, double floor, int64_t peak,
                    struct sweep_point *ret, struct buf *ret_json)
{
    struct cell cold = *cell;
    cold.warm = false;
    player_set(player, &cold);
    const enum rc rc = find(player, &cold, floor, peak, ret, ret_json);
    player_set(player, cell);
    return rc;
}
