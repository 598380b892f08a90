/* diagnose.c - GET /api/v1/pools/{pool}/diagnosis: which stage held how often, worked out in a
 * worker from the decisions of the store, and the settings as they are now. */
#include <string.h>

#include "api/diagnosis.h"
#include "api/handlers.h"
#include "api/tally.h"
#include "config/resolved.h"
#include "core/stage/pace.h"
#include "store/store.h"

#define FROM_DEFAULT_NS (60 * MINUTE_NS)
#define TICKS_READ_MAX 40000 /* two hours of ticks, many of them early */
#define VALUE_BYTES 96

/* ---- shapes ---- */

struct hold_view {
    const char *stage, *reason, *direction;
    int64_t ticks, span_ns;
    double share;
    int64_t replicas_max;
    const char *setting, *value, *change, *words;
};
struct finding_view {
    const char *case_;
    const char *text;
    int64_t span_ns;
    double share;
    const char *stage, *reason;
    const char *setting, *value, *change;
};
struct diagnosis_view {
    const char *pool;
    int64_t from_wall_ns, to_wall_ns;
    int64_t ticks, span_ns;
    int64_t ups, downs, turns;
    const char *sentence;
    struct shape_rows findings;
    struct shape_rows holds;
};

#define ROW SHAPE_MEMBER
#define WORD SHAPE_CHOICE

static const char *const case_words[] = {"frequent-scaling", "slow-scale-up", "not-scaling-down",
                                         NULL};
static const char *const way_words[] = {"larger", "smaller", "other", NULL};
static const char *const direction_words[] = {"up", "down", NULL};

static const struct shape_row finding_rows[] = {
    WORD(finding_view, case_, "case", 0, case_words, "Which trouble it is."),
    ROW(TEXT, finding_view, text, "text", 0, "", "The finding in words."),
    ROW(SECONDS, finding_view, span_ns, "seconds", 0, "", "For how long, added up."),
    ROW(NUMBER, finding_view, share, "share", 0, "ratio", "Of the time looked at."),
    ROW(TEXT, finding_view, stage, "stage", SHAPE_NULL, "",
        "Which stage; null: none is behind it."),
    ROW(TEXT, finding_view, reason, "reason", SHAPE_NULL, "", "Its reason; null likewise."),
    ROW(TEXT, finding_view, setting, "setting", SHAPE_NULL, "",
        "The one option that would change it; null: none does."),
    ROW(TEXT, finding_view, value, "value", SHAPE_NULL, "",
        "Its value in force; null: it is a block of options."),
    WORD(finding_view, change, "change", 0, way_words, "Which value would help."),
};
static SHAPE_OF(shape_finding, "Finding", finding_view, finding_rows,
                "A trouble with scaling and what is behind it.");

static const struct shape_row hold_rows[] = {
    ROW(TEXT, hold_view, stage, "stage", 0, "", "Which stage, or \"policy\"."),
    ROW(TEXT, hold_view, reason, "reason", 0, "", "Stable code."),
    WORD(hold_view, direction, "direction", 0, direction_words,
         "up: more replicas were wanted; down: fewer."),
    ROW(INT, hold_view, ticks, "ticks", 0, "ticks", "How often."),
    ROW(SECONDS, hold_view, span_ns, "seconds", 0, "", "How long, added up."),
    ROW(NUMBER, hold_view, share, "share", 0, "ratio", "Of the time looked at."),
    ROW(INT, hold_view, replicas_max, "replicas", 0, "replicas", "Largest difference it made."),
    ROW(TEXT, hold_view, setting, "setting", SHAPE_NULL, "", "The option behind it."),
    ROW(TEXT, hold_view, value, "value", SHAPE_NULL, "", "Its value in force."),
    WORD(hold_view, change, "change", 0, way_words, "Which value lets more pass."),
    ROW(TEXT, hold_view, words, "words", 0, "", "What the option is."),
};
static SHAPE_OF(shape_hold, "Hold", hold_view, hold_rows, "A stage that held the count.");

static const struct shape_row diagnosis_rows[] = {
    ROW(TEXT, diagnosis_view, pool, "pool", 0, "", "Which pool."),
    ROW(TIME, diagnosis_view, from_wall_ns, "from", 0, "", "Begin of the time looked at."),
    ROW(TIME, diagnosis_view, to_wall_ns, "to", 0, "", "End of it."),
    ROW(INT, diagnosis_view, ticks, "ticks", 0, "ticks", "Recorded decisions in it."),
    ROW(SECONDS, diagnosis_view, span_ns, "seconds", 0, "", "That they cover."),
    ROW(INT, diagnosis_view, ups, "ups", 0, "decisions", "That raised the count."),
    ROW(INT, diagnosis_view, downs, "downs", 0, "decisions", "That lowered it."),
    ROW(INT, diagnosis_view, turns, "turns", 0, "decisions", "Against the direction before."),
    ROW(TEXT, diagnosis_view, sentence, "sentence", 0, "", "The answer in one sentence."),
    SHAPE_PART(LIST, diagnosis_view, findings, "findings", 0, &shape_finding,
               "Troubles, the longest first."),
    SHAPE_PART(LIST, diagnosis_view, holds, "holds", 0, &shape_hold,
               "Every stage that held, the longest first."),
};
SHAPE_OF(shape_diagnosis, "Diagnosis", diagnosis_view, diagnosis_rows,
         "Which stage held a pool how often, and the one setting that would change it.");

/* ---- what is asked ---- */

/* Options of the pool with their values, read on the loop for the worker. */
struct value {
    const char *path; /* under pools.NAME */
    const char *text;
};
struct values {
    struct arena *arena;
    size_t skip; /* bytes of "pools.NAME." */
    struct value *item;
    size_t count, cap;
    bool failed;
};

struct diagnose {
    struct api_call *call;
    char path[TEXT_SIZE];
    char pool[NAME_SIZE];
    char group[NAME_SIZE];
    size_t pool_in_group;
    bool alone; /* in its group: what an older configuration recorded is of this pool, too */
    uint64_t config_hash;
    int64_t from_wall_ns, to_wall_ns;
    struct diagnosis_facts facts;
    struct values values;
    char window_text[2][DURATION_TEXT_MAX];
    struct diagnosis diagnosis;
    struct diagnosis_finding finding[DIAGNOSIS_FINDINGS_MAX];
    size_t finding_count;
    size_t order[DIAGNOSIS_HOLDS_MAX];
    enum rc rc;
    struct diag diag;
};

static bool take_value(void *user, const struct resolved *value)
{
    struct values *values = user;
    struct buf text;
    if (values->count == values->cap)
        return false;
    buf_init(&text, 4096);
    resolved_print(&text, value->row, value->base);
    if (text.len > VALUE_BYTES)
        text.len = VALUE_BYTES;
    const struct span path = arena_copy(values->arena, span_from(value->path));
    const struct span kept = arena_copy(values->arena, buf_view(&text));
    buf_done(&text);
    values->failed = values->failed || path.ptr == NULL || kept.ptr == NULL;
    if (!values->failed && path.len > values->skip)
        values->item[values->count++] = (struct value){path.ptr + values->skip, kept.ptr};
    return !values->failed;
}

/* An unset window is the policy's own: what is in force is told. */
static void put_window(struct diagnose *d, const char *path, int64_t window_ns, char *text)
{
    for (size_t i = 0; i < d->values.count; i++)
        if (strcmp(d->values.item[i].path, path) == 0 &&
            strcmp(d->values.item[i].text, "-1s") == 0) {
            (void)duration_print(window_ns, text);
            d->values.item[i].text = text;
        }
}

static const char *value_of(const struct diagnose *d, const char *path)
{
    for (size_t i = 0; i < d->values.count; i++)
        if (strcmp(d->values.item[i].path, path) == 0)
            return d->values.item[i].text;
    return NULL;
}

/* ---- in the worker ---- */

static bool on_tick(void *user, const struct store_tick *tick)
{
    struct diagnose *d = user;
    struct arena arena;
    const struct tree *json = NULL;
    if (!d->alone && tick->config_hash != d->config_hash)
        return true; /* the places in the group may have been others */
    arena_init(&arena, 16U << 20);
    if (json_read(&arena, tick->decision, NULL, &json, NULL) == RC_OK &&
        tree_at(json, d->pool_in_group) != NULL)
        diagnosis_add(&d->diagnosis, tick->wall_ns, tree_at(json, d->pool_in_group));
    arena_done(&arena);
    return true;
}

static void sort_holds(struct diagnose *d)
{
    const struct diagnosis_hold *hold = d->diagnosis.hold;
    for (size_t i = 0; i < d->diagnosis.hold_count; i++) {
        size_t at = i;
        for (; at > 0 && hold[d->order[at - 1]].span_ns < hold[i].span_ns; at--)
            d->order[at] = d->order[at - 1];
        d->order[at] = i;
    }
}

static double share_of(const struct diagnose *d, int64_t span_ns)
{
    return d->diagnosis.span_ns > 0 ? (double)span_ns / (double)d->diagnosis.span_ns : 0;
}

static bool next_finding(void *user, size_t index, void *ret)
{
    const struct diagnose *d = user;
    if (index >= d->finding_count)
        return false;
    const struct diagnosis_finding *f = &d->finding[index];
    *(struct finding_view *)ret =
        (struct finding_view){.case_ = diagnosis_case_name(f->case_),
                              .text = f->text,
                              .span_ns = f->span_ns,
                              .share = share_of(d, f->span_ns),
                              .stage = f->hold != NULL ? stage_name(f->hold->stage) : NULL,
                              .reason = f->hold != NULL ? reason_code(f->hold->reason) : NULL,
                              .setting = f->path[0] != '\0' ? f->path : NULL,
                              .value = value_of(d, f->path),
                              .change = setting_way_name(f->way)};
    return true;
}

static bool next_hold(void *user, size_t index, void *ret)
{
    const struct diagnose *d = user;
    if (index >= d->diagnosis.hold_count)
        return false;
    const struct diagnosis_hold *hold = &d->diagnosis.hold[d->order[index]];
    const struct setting setting = setting_of(hold->reason);
    *(struct hold_view *)ret =
        (struct hold_view){.stage = stage_name(hold->stage),
                           .reason = reason_code(hold->reason),
                           .direction = hold->up ? "up" : "down",
                           .ticks = hold->ticks,
                           .span_ns = hold->span_ns,
                           .share = share_of(d, hold->span_ns),
                           .replicas_max = hold->replicas_max,
                           .setting = setting.path[0] != '\0' ? setting.path : NULL,
                           .value = value_of(d, setting.path),
                           .change = setting_way_name(setting.way),
                           .words = setting.words};
    return true;
}

static void print_answer(struct diagnose *d)
{
    const struct diagnosis *a = &d->diagnosis;
    shape_print(&shape_diagnosis,
                &(struct diagnosis_view){.pool = d->pool,
                                         .from_wall_ns = d->from_wall_ns,
                                         .to_wall_ns = d->to_wall_ns,
                                         .ticks = a->ticks,
                                         .span_ns = a->span_ns,
                                         .ups = a->ups,
                                         .downs = a->downs,
                                         .turns = a->turns,
                                         .sentence = d->finding_count > 0 ? d->finding[0].text
                                                     : a->ticks == 0
                                                         ? "nothing is recorded of this time"
                                                         : "nothing held the pool back for long",
                                         .findings = {next_finding, d},
                                         .holds = {next_hold, d}},
                &d->call->w);
}

static void read_ticks(void *user)
{
    struct diagnose *d = user;
    struct store *store = NULL;
    const struct store_query query = {.group = d->group,
                                      .from_ns = d->from_wall_ns,
                                      .to_ns = d->to_wall_ns,
                                      .limit = TICKS_READ_MAX,
                                      .decisions_only = true};
    d->rc = store_open_reading(d->path, &store, &d->diag);
    if (d->rc != RC_OK)
        return;
    d->rc = store_ticks(store, &query, on_tick, d, &d->diag);
    store_close(store);
    if (d->rc != RC_OK)
        return;
    diagnosis_end(&d->diagnosis, d->to_wall_ns);
    d->finding_count = diagnosis_findings(&d->diagnosis, &d->facts, d->finding);
    sort_holds(d);
    print_answer(d);
}

static void ticks_read(void *user)
{
    struct diagnose *d = user;
    struct api_call *call = d->call;
    if (!api_read_ended(call))
        return;
    if (d->rc == RC_OK)
        call_answer(call, 200);
    else
        call_failure_diag(call, &d->diag);
}

/* ---- on the loop ---- */

#define VALUES_MAX 1024

static void gather(struct diagnose *d, const struct pool_status *status)
{
    const struct control *control = d->call->api->control;
    const struct group_spec *group = reconcile_group_of(control_reconcile(control), status->group);
    const struct pool_spec *spec = group_pool(group, status->pool_in_group);
    const struct config *config = control_config(control);
    const struct pool_config *pool = config_pool(config, span_from(status->name));
    (void)span_copy(span_from(control_state_path(control)), d->path, sizeof(d->path));
    (void)span_copy(span_from(status->name), d->pool, sizeof(d->pool));
    (void)span_copy(span_from(group_name(group)), d->group, sizeof(d->group));
    d->pool_in_group = status->pool_in_group;
    d->alone = group_pool_count(group) == 1;
    d->config_hash = config->hash;
    d->facts = (struct diagnosis_facts){
        .start_p90_ns = status->start_p90_ns > 0 ? status->start_p90_ns : 0,
        .warm_percent = spec->warm.percent,
        .window_down_ns = pace_window_down_ns(spec),
        .averages = spec->policy != NULL && spec->policy->uses_metrics && spec->metric_count > 0,
        .own_pace = spec->policy != NULL && spec->policy->imitation,
        .policy = spec->policy != NULL ? spec->policy->name : ""};
    d->values =
        (struct values){.arena = &d->call->arena,
                        .skip = strlen("pools.") + strlen(d->pool) + 1,
                        .item = arena_array(&d->call->arena, VALUES_MAX, sizeof(struct value)),
                        .cap = VALUES_MAX};
    d->values.failed = d->values.item == NULL;
    if (pool != NULL && !d->values.failed)
        pool_visit(config->layout, pool, take_value, &d->values);
    put_window(d, "autoscaling.behavior.scaleUp.stabilizationWindow", pace_window_up_ns(spec),
               d->window_text[0]);
    put_window(d, "autoscaling.behavior.scaleDown.stabilizationWindow", pace_window_down_ns(spec),
               d->window_text[1]);
}

void handle_diagnosis(struct api_call *call)
{
    const int64_t now_wall_ns = control_wall_ns(call->api->control);
    int64_t from_wall_ns = now_wall_ns - FROM_DEFAULT_NS;
    struct pool_status status;
    size_t pool;
    if (!call_pool(call, 0, &pool) || !call_param_time(call, "from", false, &from_wall_ns))
        return;
    struct diagnose *d = arena_alloc(&call->arena, sizeof(*d));
    if (d == NULL) {
        call_failure(call, RC_NO_MEMORY, NULL, NULL, "no memory for the answer");
        return;
    }
    reconcile_pool_status(control_reconcile(call->api->control), pool, &status);
    d->call = call;
    d->from_wall_ns = from_wall_ns;
    d->to_wall_ns = now_wall_ns;
    diagnosis_init(&d->diagnosis);
    gather(d, &status);
    api_read_begin(call, read_ticks, ticks_read, d);
}
