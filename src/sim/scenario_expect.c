/* What a scenario expects, in words: a number of the run, of a pool, or of notes, compared with
 * one. */
#include <math.h>

#include "base/duration.h"
#include "base/num.h"
#include "sim/scenario_internal.h"

struct expect_row {
    const char *name;
    double (*of_run)(const struct world_result *result);
    double (*of_pool)(const struct pool_status *status);
};

#define OF_RUN(name_, member_)                                                                     \
    static double run_##name_(const struct world_result *r)                                        \
    {                                                                                              \
        return (double)r->member_;                                                                 \
    }
#define OF_POOL(name_, expression_)                                                                \
    static double pool_##name_(const struct pool_status *s)                                        \
    {                                                                                              \
        return (double)(expression_);                                                              \
    }
OF_RUN(requests, requests)
OF_RUN(ok, ok)
OF_RUN(failed, failed)
OF_RUN(refused, refused)
OF_RUN(lost, lost)
OF_RUN(open, open)
OF_RUN(attainment, attainment)
OF_RUN(worst, worst_window_attainment)
OF_RUN(starts, replica_starts)
OF_RUN(most, replicas_most)
OF_RUN(ups, scale_ups)
OF_RUN(downs, scale_downs)
OF_RUN(reversals, reversals)
OF_RUN(hours, gpu_hours)
OF_RUN(seconds, replica_seconds)
OF_RUN(cost, cost)
OF_POOL(desired, s->desired)
OF_POOL(granted, s->granted)
OF_POOL(ready, s->count[REPLICA_READY])
OF_POOL(starting, s->count[REPLICA_STARTING])
OF_POOL(draining, s->count[REPLICA_DRAINING] + s->count[REPLICA_STOPPING])
OF_POOL(blocked, s->count[REPLICA_BLOCKED] + s->count[REPLICA_FAILED])
OF_POOL(given_up, s->start_failed)

static const struct expect_row expect_rows[] = {
    {"requests", run_requests, NULL},
    {"ok", run_ok, NULL},
    {"failed", run_failed, NULL},
    {"refused", run_refused, NULL},
    {"lost", run_lost, NULL},
    {"open", run_open, NULL},
    {"attainment", run_attainment, NULL},
    {"worstWindowAttainment", run_worst, NULL},
    {"replicaStarts", run_starts, NULL},
    {"replicasMost", run_most, NULL},
    {"scaleUps", run_ups, NULL},
    {"scaleDowns", run_downs, NULL},
    {"reversals", run_reversals, NULL},
    {"gpuHours", run_hours, NULL},
    {"replicaSeconds", run_seconds, NULL},
    {"cost", run_cost, NULL},
    {"desired", NULL, pool_desired},
    {"granted", NULL, pool_granted},
    {"ready", NULL, pool_ready},
    {"starting", NULL, pool_starting},
    {"draining", NULL, pool_draining},
    {"blocked", NULL, pool_blocked},
    {"givenUp", NULL, pool_given_up},
};

/* "POOL NAME", "NAME" or "note CODE". False when nothing has that name. */
static bool value_of(const struct play *p, struct span first, struct span second, double *ret)
{
    char code[NAME_SIZE];
    const bool note = span_equal_text(first, "note");
    const int pool = note ? -1 : play_pool(p, first);
    if (note && span_copy(second, code, sizeof(code))) {
        *ret = (double)world_notes(p->world, code);
        return true;
    }
    const struct span name = pool >= 0 ? second : first;
    for (size_t i = 0; i < COUNT_OF(expect_rows); i++) {
        const struct expect_row *row = &expect_rows[i];
        if (!span_equal_text(name, row->name))
            continue;
        if (pool >= 0 && row->of_pool != NULL) {
            struct pool_status status;
            reconcile_pool_status(world_reconcile(p->world), (size_t)pool, &status);
            *ret = row->of_pool(&status);
            return true;
        }
        if (pool < 0 && row->of_run != NULL) {
            struct world_result result;
            world_result(p->world, &result);
            *ret = row->of_run(&result);
            return true;
        }
    }
    return false;
}

static bool compare(double value, struct span operator, double wanted, bool *ret)
{
    if (span_equal_text(operator, "=="))
        *ret = value == wanted;
    else if (span_equal_text(operator, ">="))
        *ret = value >= wanted;
    else if (span_equal_text(operator, "<="))
        *ret = value <= wanted;
    else
        return false;
    return true;
}

/* Why the pool stands where it stands: the trail of its last decision. */
static void explain(struct play *p, struct span name)
{
    const int pool = play_pool(p, name);
    struct pool_status status;
    if (pool < 0)
        return;
    reconcile_pool_status(world_reconcile(p->world), (size_t)pool, &status);
    const struct group_spec *group = reconcile_group_of(world_reconcile(p->world), status.group);
    for (uint32_t i = 0; status.decision != NULL && i < status.decision->trail_count; i++) {
        const struct trail_entry *entry = &status.decision->trail[i];
        buf_printf(p->report, "    %s, %d to %d: ", stage_name((enum stage_id)entry->stage),
                   entry->before, entry->after);
        trail_words(group, status.pool_in_group, entry, p->report);
        buf_byte(p->report, '\n');
    }
}

static void expect_one(struct play *p, struct span text)
{
    struct span rest = text;
    struct span word[4] = {0};
    size_t count = 0;
    while (count < COUNT_OF(word) && span_split(&rest, ' ', &word[count]))
        count++;
    double value = NAN;
    double wanted = NAN;
    bool holds = false;
    if (count < 3 || num_parse(word[count - 1], &wanted) != RC_OK ||
        !value_of(p, word[0], count == 4 ? word[1] : (struct span){0}, &value) ||
        !compare(value, word[count - 2], wanted, &holds)) {
        play_complain(p, "not understood: %.*s", SPAN_ARG(text));
        return;
    }
    if (holds)
        return;
    char at[DURATION_TEXT_MAX];
    char found[NUM_TEXT_MAX];
    duration_print(world_now_ns(p->world), at);
    num_print(value, found);
    play_complain(p, "at %s: wanted %.*s, found %s", at, SPAN_ARG(text), found);
    explain(p, word[0]);
}

void play_expect(struct play *p, const struct tree *source)
{
    struct span text;
    if (tree_string(source, &text)) {
        expect_one(p, text);
        return;
    }
    for (const struct tree *node = source == NULL ? NULL : source->first; node != NULL;
         node = node->next)
        if (tree_string(node, &text))
            expect_one(p, text);
}
