#include "cli/compare/oracle_play.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/compare/oracle_columns.h"
#include "sim/oracle.h"

#define PRICE_LOW 1e-2 /* replica-seconds a miss */
#define PRICE_HIGH 1e7
#define HALVINGS 30
#define PRICES 7          /* schedules of a price that are played at most */
#define SPENT_ENOUGH 0.97 /* of the misses that the floor allows */
#define STEP_MOST 4.0     /* factor on the misses wanted, from one schedule to the next */
#define REPAIRS 6
#define TRIMS 10
#define TRIMS_IN_VAIN 4 /* one after the other */
#define TRIMS_QUICK 80
#define TRIM_QUICK_REQUESTS 200000
#define JSON_MAX ((size_t)1 << 20)

struct search {
    struct player *player;
    double floor;
    int64_t startup_ns;
    int64_t peak; /* the fixed fleet that attains the floor */
    struct oracle_table table;
    int64_t *plan;      /* being tried, as needed */
    int64_t *ordered;   /* the same, ordered early */
    int64_t *best_plan; /* as needed */
    double requests;    /* of the last run, and the misses among them */
    double missed;
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

static enum rc fill_table(struct search *s)
{
    enum rc rc = oracle_columns_read(s->player, s->table.count_max, &s->table);
    const size_t windows = s->table.windows;
    if (rc != RC_OK)
        return rc;
    s->plan = mem_new(windows, sizeof *s->plan);
    s->ordered = mem_new(windows, sizeof *s->ordered);
    s->best_plan = mem_new(windows, sizeof *s->best_plan);
    if (s->plan == NULL || s->ordered == NULL || s->best_plan == NULL)
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
        s->requests = (double)result.world.requests;
        s->missed = (1 - result.world.attainment) * s->requests;
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

/* Misses of s->plan by the table. */
static double misses_expected(const struct search *s)
{
    double missed = 0;
    for (size_t w = 0; w < s->table.windows; w++)
        missed += s->table.miss[w * s->table.count_max + (size_t)s->plan[w] - 1];
    return missed;
}

/* The schedule of the least price at which no more than so many misses are expected. */
static enum rc plan_for(struct search *s, double misses)
{
    double low = PRICE_LOW;
    double high = PRICE_HIGH;
    enum rc rc = RC_OK;
    for (int i = 0; i < HALVINGS && rc == RC_OK; i++) {
        const double price = sqrt(low * high);
        rc = oracle_schedule(&s->table, price, s->startup_ns, s->plan);
        if (misses_expected(s) <= misses)
            high = price;
        else
            low = price;
    }
    return rc == RC_OK ? oracle_schedule(&s->table, high, s->startup_ns, s->plan) : rc;
}

/* The cheapest schedule of a price that attains the floor when played. The table leaves out what a
 * window hands on to the next: how much that is, the schedules that were played tell. */
static enum rc search_price(struct search *s)
{
    double met_at = 0;
    double missed_at = INFINITY;
    bool met = false;
    enum rc rc = plan_for(s, 0); /* not even this one: repairs begin from here */
    if (rc == RC_OK)
        rc = try(s, &met);
    const double allowed = (1 - s->floor) * s->requests;
    double wanted = allowed;
    for (int i = 0; i < PRICES && rc == RC_OK && met_at / missed_at < SPENT_ENOUGH; i++) {
        rc = plan_for(s, wanted);
        if (rc == RC_OK)
            rc = try(s, &met);
        if (met && s->missed >= SPENT_ENOUGH * allowed)
            break;
        if (met)
            met_at = wanted;
        else
            missed_at = wanted;
        const double factor = fmin(fmax(allowed / fmax(s->missed, 1), 1 / STEP_MOST), STEP_MOST);
        wanted *= factor;
        if (!(wanted > met_at && wanted < missed_at))
            wanted = isinf(missed_at) ? 2 * met_at : (met_at + missed_at) / 2;
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

/* A run of equal counts, or a piece of at most `most` windows of one: the longest that was not
 * tried yet. */
static bool longest_run(const struct search *s, const bool *tried, size_t most, size_t *ret_from,
                        size_t *ret_len)
{
    *ret_len = 0;
    for (size_t w = 0; w < s->table.windows;) {
        size_t end = w + 1;
        while (end < s->table.windows && end - w < most && s->best_plan[end] == s->best_plan[w])
            end++;
        if (!tried[w] && s->best_plan[w] > 1 && end - w > *ret_len) {
            *ret_from = w;
            *ret_len = end - w;
        }
        w = end;
    }
    return *ret_len > 0;
}

/* One replica less in runs of equal counts, then in halves of them, and so on. Short traces are
 * cheap to play, and a single replica is much of their cost: there it goes on for longer. */
static enum rc trim(struct search *s)
{
    const bool quick = s->requests <= TRIM_QUICK_REQUESTS;
    const int tries = quick ? TRIMS_QUICK : TRIMS;
    bool *tried = mem_new(s->table.windows, sizeof *tried);
    enum rc rc = tried != NULL ? RC_OK : RC_NO_MEMORY;
    size_t most = s->table.windows;
    size_t from;
    size_t len;
    for (int i = 0, vain = 0; i < tries && vain < (quick ? tries : TRIMS_IN_VAIN) && rc == RC_OK;) {
        bool met = false;
        if (!longest_run(s, tried, most, &from, &len)) {
            if (most == 1)
                break;
            most = (most + 1) / 2;
            memset(tried, 0, s->table.windows * sizeof *tried);
            continue;
        }
        memcpy(s->plan, s->best_plan, s->table.windows * sizeof *s->plan);
        for (size_t w = from; w < from + len; w++)
            s->plan[w]--;
        rc = try(s, &met);
        vain = met ? 0 : vain + 1;
        if (!met)
            tried[from] = true;
        i++;
    }
    free(tried);
    return rc;
}

/* The fixed fleet is a schedule, too. */
static enum rc try_fixed(struct search *s)
{
    bool met = false;
    for (size_t w = 0; w < s->table.windows; w++)
        s->plan[w] = s->peak;
    return try(s, &met);
}

static enum rc search(struct search *s)
{
    enum rc rc = fill_table(s);
    if (rc == RC_OK)
        rc = try_fixed(s);
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
    const size_t count_max = oracle_columns_count(cell, peak);
    (void)snprintf(name, sizeof name, "oracle %.6f %zu", floor, count_max);
    player_choose(player, ORACLE_NAME, &scheduled);
    if (player_kept(player, span_from(name), ret, ret_json))
        return RC_OK;
    buf_clear(ret_json);
    struct search s = {.player = player,
                       .floor = floor,
                       .startup_ns = cell->startup_ns,
                       .peak = peak,
                       .table = {.count_max = count_max},
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
