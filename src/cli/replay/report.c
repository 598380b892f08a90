#include "cli/replay/report.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/duration.h"
#include "cli/table.h"

bool report_tells(const struct report *r, const char *pool)
{
    return r->pool == NULL || strcmp(r->pool, pool) == 0;
}

const char *report_run_title(const struct report *r, size_t row)
{
    if (row == 0)
        return "recorded";
    return row == 1 ? "simulated, as recorded" : r->title;
}

/* ---- words ---- */

static const struct table_column columns[] = {
    {"POOL", false},    {"RUN", false},  {"REPLICA-HOURS", true}, {"COST", true},
    {"REQUESTS", true}, {"MET %", true}, {"MISSED", true},        {"UPS", true},
    {"DOWNS", true},    {"BACK", true},  {"WORST WAIT", true},    {"MOST READY", true}};

/* Unknown is "-". */
static void put(struct table *table, double value, int digits)
{
    char text[64];
    if (isnan(value))
        (void)snprintf(text, sizeof(text), "-");
    else
        (void)snprintf(text, sizeof(text), "%.*f", digits, value);
    table_text(table, text);
}

static void put_row(struct table *table, const char *run, const struct rows *rows)
{
    struct rows_sum sum;
    rows_add_up(rows, &sum);
    table_text(table, rows->pool);
    table_text(table, run);
    put(table, sum.replica_hours, sum.replica_hours < 10 ? 3 : 1);
    put(table, sum.cost, 2);
    put(table, sum.requests, 0);
    put(table, 100 * sum.attainment, 2);
    put(table, sum.missed, 0);
    table_int(table, sum.scale_ups);
    table_int(table, sum.scale_downs);
    table_int(table, sum.reversals);
    table_seconds(table, sum.wait_s_max);
    put(table, sum.replicas_most, 1);
}

static void put_table(const struct report *r, struct buf *out)
{
    struct table table;
    table_init(&table, columns, COUNT_OF(columns));
    for (size_t i = 0; i < r->recorded->pool_count; i++) {
        const struct rows *rows = &r->recorded->pool[i].rows;
        if (!report_tells(r, rows->pool))
            continue;
        put_row(&table, report_run_title(r, 0), rows);
        for (size_t run = 0; run < REPORT_RUNS; run++)
            if (r->play[run] != NULL)
                put_row(&table, report_run_title(r, run + 1), &r->play[run]->rows[i]);
    }
    table_print(&table, out);
    table_done(&table);
}

static void put_side(const char *who, const struct retake_side *side, struct buf *out)
{
    struct span rest = buf_view(&side->words);
    buf_printf(out, "  %s: %lld\n", who, (long long)side->replicas);
    while (rest.len > 0) {
        const size_t end = span_find_byte(rest, '\n', 0);
        const size_t len = end == SIZE_MAX ? rest.len : end;
        buf_text(out, "    ");
        table_put_safe(out, span_slice(rest, 0, len));
        buf_byte(out, '\n');
        rest = span_slice(rest, len + 1, rest.len);
    }
}

static void put_difference(const struct report *r, const struct retake_pool *pool, struct buf *out)
{
    char time[DURATION_TEXT_MAX];
    if (!pool->differs) {
        buf_printf(out, "%s: %s decides the same in all %lld recorded ticks.\n", pool->name,
                   r->other, (long long)pool->ticks);
        return;
    }
    (void)time_print_rfc3339(pool->wall_ns, time);
    buf_printf(out,
               "%s: the first decision that differs is tick %lld at %s (%lld of %lld ticks "
               "differ)\n",
               pool->name, (long long)pool->seq, time, (long long)pool->different,
               (long long)pool->ticks);
    put_side("recorded", &pool->recorded, out);
    put_side(r->other, &pool->other, out);
}

static void put_log(const struct report *r, struct buf *out)
{
    const struct retake *t = r->retake;
    if (t->same + t->not_same == 0)
        buf_text(out, "The decision log holds no ticks of this time any more (in full it keeps two "
                      "hours): nothing could be decided again as it was.\n");
    else
        buf_printf(out, "%lld of %lld recorded decisions come out the same again.\n",
                   (long long)t->same, (long long)t->same + (long long)t->not_same);
    if (t->not_same > 0) {
        buf_text(out, "The first that does not: ");
        buf_span(out, buf_view(&t->why));
        buf_byte(out, '\n');
    }
    for (size_t i = 0; i < t->pool_count && r->other != NULL; i++)
        if (report_tells(r, t->pool[i].name) && t->pool[i].ticks > 0)
            put_difference(r, &t->pool[i], out);
}

static void put_lines(struct span lines, const char *before, struct buf *out)
{
    while (lines.len > 0) {
        const size_t end = span_find_byte(lines, '\n', 0);
        const size_t len = end == SIZE_MAX ? lines.len : end;
        buf_text(out, before);
        buf_span(out, span_slice(lines, 0, len));
        buf_byte(out, '\n');
        lines = span_slice(lines, len + 1, lines.len);
    }
}

void report_words(const struct report *r, struct buf *out)
{
    char from[DURATION_TEXT_MAX];
    char to[DURATION_TEXT_MAX];
    char span[DURATION_TEXT_MAX];
    (void)time_print_rfc3339(r->recorded->from_ns, from);
    (void)time_print_rfc3339(r->recorded->to_ns, to);
    (void)duration_print((r->recorded->to_ns - r->recorded->from_ns) / SECOND_NS * SECOND_NS, span);
    buf_printf(out, "%s, %s to %s (%s)\n\n", r->state, from, to, span);
    put_table(r, out);
    buf_byte(out, '\n');
    put_log(r, out);
    buf_text(out, "\nWhat is assumed:\n");
    put_lines(buf_view(&r->assumptions), "- ", out);
}

/* ---- JSON ---- */

static void json_sum(const struct rows *rows, struct json_writer *w)
{
    struct rows_sum sum;
    rows_add_up(rows, &sum);
    json_object(w);
    json_member_int(w, "minutes", sum.minutes);
    json_member_number(w, "replicaHours", sum.replica_hours);
    json_member_number(w, "cost", sum.cost);
    json_member_number(w, "requests", sum.requests);
    json_member_number(w, "attainment", sum.attainment);
    json_member_number(w, "missed", sum.missed);
    json_member_int(w, "scaleUps", sum.scale_ups);
    json_member_int(w, "scaleDowns", sum.scale_downs);
    json_member_int(w, "reversals", sum.reversals);
    json_member_number(w, "worstWaitSeconds", sum.wait_s_max);
    json_member_number(w, "mostWaiting", sum.waiting_max);
    json_member_number(w, "mostReady", sum.replicas_most);
    json_object_end(w);
}

static void json_lines(const char *name, struct span lines, struct json_writer *w)
{
    json_key(w, name);
    json_array(w);
    while (lines.len > 0) {
        const size_t end = span_find_byte(lines, '\n', 0);
        const size_t len = end == SIZE_MAX ? lines.len : end;
        json_string(w, span_slice(lines, 0, len));
        lines = span_slice(lines, len + 1, lines.len);
    }
    json_array_end(w);
}

static void json_side(const char *name, const struct retake_side *side, struct json_writer *w)
{
    json_key(w, name);
    json_object(w);
    json_member_int(w, "replicas", side->replicas);
    json_lines("trail", buf_view(&side->words), w);
    json_object_end(w);
}

static void json_retaken(const struct retake_pool *pool, struct json_writer *w)
{
    char time[DURATION_TEXT_MAX];
    json_member_int(w, "ticks", pool->ticks);
    json_member_int(w, "ticksThatDiffer", pool->different);
    json_key(w, "firstDifference");
    if (!pool->differs) {
        json_null(w);
        return;
    }
    (void)time_print_rfc3339(pool->wall_ns, time);
    json_object(w);
    json_member_int(w, "tick", pool->seq);
    json_member_text(w, "at", time);
    json_side("recorded", &pool->recorded, w);
    json_side("other", &pool->other, w);
    json_object_end(w);
}

static const char *const speed_names[] = {
    [PLAY_SPEED_ASKED] = "asked",
    [PLAY_SPEED_LEARNED] = "learned",
    [PLAY_SPEED_MEASURED] = "measured",
    [PLAY_SPEED_ASSUMED] = "assumed",
};

static void json_engine(const struct play_engine *engine, struct json_writer *w)
{
    json_key(w, "engine");
    json_object(w);
    json_member_text(w, "speed", speed_names[engine->speed]);
    json_member_number(w, "iterationMs", 1e3 * engine->profile.iteration_s);
    json_member_number(w, "sequenceMs", 1e3 * engine->profile.sequence_s);
    json_member_number(w, "contextMs", 1e3 * engine->profile.context_s);
    json_member_number(w, "promptMs", 1e3 * engine->profile.prompt_s);
    json_member_number(w, "startupSeconds", seconds_of(engine->startup_ns));
    json_object_end(w);
}

static void json_pool(const struct report *r, size_t index, struct json_writer *w)
{
    static const char *const names[REPORT_RUNS] = {"simulatedAsRecorded", "simulatedOther"};
    const struct recorded_pool *pool = &r->recorded->pool[index];
    const struct retake_pool *retaken = retake_pool(r->retake, pool->rows.pool);
    json_object(w);
    json_member_text(w, "name", pool->rows.pool);
    json_member_int(w, "minutesNotRecorded", pool->unseen_minutes);
    json_key(w, "recorded");
    json_sum(&pool->rows, w);
    for (size_t run = 0; run < REPORT_RUNS; run++)
        if (r->play[run] != NULL) {
            json_key(w, names[run]);
            json_sum(&r->play[run]->rows[index], w);
        }
    json_engine(&r->engine[index], w);
    if (r->other != NULL && retaken != NULL)
        json_retaken(retaken, w);
    json_object_end(w);
}

static void json_hash(struct json_writer *w, const char *name, uint64_t hash)
{
    char text[20];
    (void)snprintf(text, sizeof(text), "%016llx", (unsigned long long)hash);
    json_member_text(w, name, text);
}

static void json_log(const struct report *r, struct json_writer *w)
{
    json_key(w, "decisionLog");
    json_object(w);
    json_member_int(w, "same", r->retake->same);
    json_member_int(w, "notSame", r->retake->not_same);
    json_member_int(w, "configurations", r->retake->configs);
    if (r->retake->not_same > 0)
        json_member_span(w, "why", buf_view(&r->retake->why));
    json_object_end(w);
}

void report_json(const struct report *r, struct buf *out)
{
    static const char *const hashes[REPORT_RUNS] = {"recordedDecisionHash", "otherDecisionHash"};
    static const char *const configs[REPORT_RUNS] = {"recordedConfigHash", "otherConfigHash"};
    struct json_writer w;
    char time[DURATION_TEXT_MAX];
    json_init(&w, out);
    json_object(&w);
    json_member_text(&w, "state", r->state);
    (void)time_print_rfc3339(r->recorded->from_ns, time);
    json_member_text(&w, "from", time);
    (void)time_print_rfc3339(r->recorded->to_ns, time);
    json_member_text(&w, "to", time);
    json_member_text(&w, "version", SLUICE_VERSION);
    json_member_int(&w, "seed", (int64_t)r->seed);
    for (size_t run = 0; run < REPORT_RUNS; run++)
        if (r->play[run] != NULL) {
            json_hash(&w, configs[run], r->config[run]->hash);
            json_hash(&w, hashes[run], r->play[run]->decision_hash);
        }
    json_log(r, &w);
    json_key(&w, "pools");
    json_array(&w);
    for (size_t i = 0; i < r->recorded->pool_count; i++)
        if (report_tells(r, r->recorded->pool[i].rows.pool))
            json_pool(r, i, &w);
    json_array_end(&w);
    json_lines("assumptions", buf_view(&r->assumptions), &w);
    json_object_end(&w);
}
