#include "api/diagnosis.h"

#include <stdio.h>
#include <string.h>

#include "api/tally.h"

static const struct setting settings[REASON_COUNT] = {
#define SETTING(reason, path_, way_, words_)                                                       \
    [REASON_##reason] = {.path = (path_), .way = SETTING_##way_, .words = (words_)},
#include "api/settings.def"
#undef SETTING
};

struct setting setting_of(enum reason reason)
{
    return settings[reason];
}

const char *setting_way_name(enum setting_way way)
{
    static const char *const names[] = {
        [SETTING_LARGER] = "larger", [SETTING_SMALLER] = "smaller", [SETTING_OTHER] = "other"};
    return names[way];
}

const char *diagnosis_case_name(enum diagnosis_case case_)
{
    static const char *const names[] = {[CASE_FREQUENT] = "frequent-scaling",
                                        [CASE_SLOW_UP] = "slow-scale-up",
                                        [CASE_NOT_DOWN] = "not-scaling-down"};
    return names[case_];
}

/* ---- adding up ---- */

void diagnosis_init(struct diagnosis *d)
{
    *d = (struct diagnosis){.open_wall_ns = TIME_NONE, .last_wall_ns = TIME_NONE};
}

static size_t find_hold(struct diagnosis *d, enum stage_id stage, enum reason reason, bool up)
{
    size_t i = 0;
    while (i < d->hold_count &&
           (d->hold[i].stage != stage || d->hold[i].reason != reason || d->hold[i].up != up))
        i++;
    if (i == d->hold_count && i < DIAGNOSIS_HOLDS_MAX)
        d->hold[d->hold_count++] =
            (struct diagnosis_hold){.stage = stage, .reason = reason, .up = up};
    return i;
}

static void open_hold(struct diagnosis *d, enum stage_id stage, enum reason reason, bool up,
                      int64_t replicas)
{
    const size_t index = find_hold(d, stage, reason, up);
    if (index == DIAGNOSIS_HOLDS_MAX || d->open_count == COUNT_OF(d->open))
        return;
    struct diagnosis_hold *hold = &d->hold[index];
    hold->ticks++;
    if (replicas > hold->replicas_max)
        hold->replicas_max = replicas;
    d->open[d->open_count++] = index;
}

static void close_open(struct diagnosis *d, int64_t wall_ns)
{
    if (d->open_wall_ns == TIME_NONE)
        return;
    int64_t span_ns = wall_ns - d->open_wall_ns;
    span_ns = span_ns < 0 ? 0 : span_ns;
    span_ns = span_ns > DIAGNOSIS_TICK_NS_MAX ? DIAGNOSIS_TICK_NS_MAX : span_ns;
    d->span_ns += span_ns;
    for (size_t i = 0; i < d->open_count; i++)
        d->hold[d->open[i]].span_ns += span_ns;
    d->open_count = 0;
}

static enum reason reason_of(const struct tree *json)
{
    struct span code;
    return tree_string(tree_get(json, "reason"), &code) ? reason_find(code) : REASON_COUNT;
}

/* Only what stands against the policy: a stage of need that raises is no hold. */
static void add_entry(struct diagnosis *d, const struct tree *json)
{
    struct span stage_text;
    int64_t before = 0;
    int64_t after = 0;
    const enum reason reason = reason_of(json);
    if (!tree_string(tree_get(json, "stage"), &stage_text) || reason == REASON_COUNT ||
        !tree_int(tree_get(json, "before"), &before) || !tree_int(tree_get(json, "after"), &after))
        return;
    const enum stage_id stage = stage_find(stage_text);
    const bool holds = stage != STAGE_COUNT && settings[reason].words != NULL;
    if (holds && before != after)
        open_hold(d, stage, reason, before > after,
                  before > after ? before - after : after - before);
}

/* A policy that holds by itself says so in its proposal. */
static void add_proposal(struct diagnosis *d, const struct tree *json)
{
    const enum reason reason = reason_of(json);
    if (reason == REASON_HOLD || reason == REASON_HOLD_MISSED || reason == REASON_LAST_SILENCE)
        open_hold(d, STAGE_POLICY, reason, false, 1);
}

static void add_change(struct diagnosis *d, int64_t wall_ns, const struct tree *json)
{
    int64_t desired = 0;
    int64_t previous = 0;
    if (!tree_int(tree_get(json, "desired"), &desired) ||
        !tree_int(tree_get(json, "previous"), &previous) || desired == previous)
        return;
    if (desired == d->last_to && previous == d->last_from)
        return; /* there was no room for it: still the same decision */
    const int way = desired > previous ? 1 : -1;
    d->ups += way > 0;
    d->downs += way < 0;
    if (d->last_way != 0 && d->last_way != way) {
        d->turns++;
        if (way > 0 && wall_ns - d->last_wall_ns > d->swing_ns_max)
            d->swing_ns_max = wall_ns - d->last_wall_ns;
    }
    d->last_way = way;
    d->last_from = previous;
    d->last_to = desired;
    d->last_wall_ns = wall_ns;
}

void diagnosis_add(struct diagnosis *d, int64_t wall_ns, const struct tree *decision)
{
    const struct tree *trail = tree_get(decision, "trail");
    close_open(d, wall_ns);
    d->open_wall_ns = wall_ns;
    d->ticks++;
    add_proposal(d, tree_get(decision, "proposal"));
    for (const struct tree *entry = trail != NULL ? trail->first : NULL; entry != NULL;
         entry = entry->next)
        add_entry(d, entry);
    add_change(d, wall_ns, decision);
}

void diagnosis_end(struct diagnosis *d, int64_t wall_ns)
{
    close_open(d, wall_ns);
    d->open_wall_ns = TIME_NONE;
}

/* ---- findings ---- */

static const struct diagnosis_hold *longest(const struct diagnosis *d, bool up)
{
    const struct diagnosis_hold *found = NULL;
    for (size_t i = 0; i < d->hold_count; i++)
        if (d->hold[i].up == up && (found == NULL || d->hold[i].span_ns > found->span_ns))
            found = &d->hold[i];
    return found;
}

static void put_path(struct diagnosis_finding *f, const char *path)
{
    (void)span_copy(span_from(path), f->path, sizeof(f->path)); /* ours: they fit */
}

static const char *span_words(int64_t ns, char text[DURATION_TEXT_MAX])
{
    (void)duration_print(ns < MINUTE_NS ? ns / SECOND_NS * SECOND_NS : ns / MINUTE_NS * MINUTE_NS,
                         text);
    return text;
}

static void held(const struct diagnosis *d, const struct diagnosis_hold *hold,
                 enum diagnosis_case case_, struct diagnosis_finding *ret)
{
    const struct setting setting = setting_of(hold->reason);
    char text[DURATION_TEXT_MAX];
    *ret = (struct diagnosis_finding){
        .case_ = case_, .hold = hold, .span_ns = hold->span_ns, .way = setting.way};
    put_path(ret, setting.path);
    (void)snprintf(ret->text, sizeof(ret->text),
                   "%s replicas were wanted, but stage %s (%s) held them for %s of the time (%.0f "
                   "%%), by %lld at most: %s",
                   hold->up ? "more" : "fewer", stage_name(hold->stage), reason_code(hold->reason),
                   span_words(hold->span_ns, text),
                   100.0 * (double)hold->span_ns / (double)d->span_ns,
                   (long long)hold->replicas_max, setting.words);
}

/* A window that is longer than the swing would have kept what was needed again. */
static bool find_frequent(const struct diagnosis *d, const struct diagnosis_facts *facts,
                          struct diagnosis_finding *ret)
{
    const double hours = (double)d->span_ns / (double)(60 * MINUTE_NS);
    char swing[DURATION_TEXT_MAX];
    if (d->turns < DIAGNOSIS_TURNS_MIN || (double)d->turns < DIAGNOSIS_TURNS_PER_HOUR * hours)
        return false;
    const bool average = facts->averages && facts->window_down_ns > d->swing_ns_max;
    *ret = (struct diagnosis_finding){
        .case_ = CASE_FREQUENT, .span_ns = d->span_ns, .way = SETTING_LARGER};
    if (facts->own_pace)
        (void)snprintf(ret->path, sizeof(ret->path), "autoscaling.%s", facts->policy);
    else
        put_path(ret, average ? "autoscaling.metrics[0].averagingWindow"
                              : "autoscaling.behavior.scaleDown.stabilizationWindow");
    (void)snprintf(ret->text, sizeof(ret->text),
                   "the count turned %lld times (%lld up, %lld down); what was taken away was "
                   "needed again within %s: %s",
                   (long long)d->turns, (long long)d->ups, (long long)d->downs,
                   span_words(d->swing_ns_max + SECOND_NS, swing),
                   facts->own_pace ? "the policy has a pace of its own, its options say it"
                   : average       ? "the metrics jump: average them over a longer time"
                                   : "a window longer than that keeps it");
    return true;
}

/* What a stage held, or what starts took: the longer of the two. */
static bool find_slow(const struct diagnosis *d, const struct diagnosis_facts *facts,
                      struct diagnosis_finding *ret)
{
    const struct diagnosis_hold *hold = longest(d, true);
    const int64_t starts_ns = facts->warm_percent > 0 ? 0 : d->ups * facts->start_p90_ns;
    const int64_t held_ns = hold != NULL ? hold->span_ns : 0;
    const int64_t least_ns = (int64_t)(DIAGNOSIS_UP_RATIO * (double)d->span_ns);
    char text[DURATION_TEXT_MAX];
    if (held_ns >= starts_ns && held_ns > least_ns) {
        held(d, hold, CASE_SLOW_UP, ret);
        return true;
    }
    if (starts_ns <= least_ns || d->span_ns == 0)
        return false;
    *ret = (struct diagnosis_finding){
        .case_ = CASE_SLOW_UP, .span_ns = starts_ns, .way = SETTING_LARGER};
    put_path(ret, "warm.prewarmPercent");
    (void)snprintf(ret->text, sizeof(ret->text),
                   "%lld %s waited for starts that take %s (p90); no stage held them as long: "
                   "replicas that are kept warm serve at once",
                   (long long)d->ups, d->ups == 1 ? "raise" : "raises",
                   span_words(facts->start_p90_ns, text));
    return true;
}

static bool find_not_down(const struct diagnosis *d, struct diagnosis_finding *ret)
{
    const struct diagnosis_hold *hold = longest(d, false);
    if (hold == NULL || (double)hold->span_ns <= DIAGNOSIS_DOWN_RATIO * (double)d->span_ns)
        return false;
    held(d, hold, CASE_NOT_DOWN, ret);
    return true;
}

size_t diagnosis_findings(const struct diagnosis *d, const struct diagnosis_facts *facts,
                          struct diagnosis_finding ret[DIAGNOSIS_FINDINGS_MAX])
{
    size_t n = 0;
    n += find_frequent(d, facts, &ret[n]);
    n += find_slow(d, facts, &ret[n]);
    n += find_not_down(d, &ret[n]);
    for (size_t i = 1; i < n; i++) /* the longest first; three at most */
        for (size_t k = i; k > 0 && ret[k].span_ns > ret[k - 1].span_ns; k--) {
            const struct diagnosis_finding swap = ret[k];
            ret[k] = ret[k - 1];
            ret[k - 1] = swap;
        }
    return n;
}
