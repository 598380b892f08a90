/* page_pool.c - one pool of the dashboard: how it is, why, its replicas, its last minutes. */
#include <math.h>
#include <string.h>

#include "api/page/page_parts.h"

/* ---- tiles: the script finds each value by its name ---- */

struct tile {
    const char *field;
    const char *title;
};

static void begin_tile(struct buf *out, struct tile tile)
{
    buf_printf(out, "<div><dt>%s</dt><dd data-field=\"%s\">", tile.title, tile.field);
}

static void end_tile(struct buf *out)
{
    buf_text(out, "</dd></div>");
}

static void put_pair(struct buf *out, struct tile tile, double p50, double p95)
{
    begin_tile(out, tile);
    page_put_seconds(out, p50);
    buf_text(out, " / ");
    page_put_seconds(out, p95);
    end_tile(out);
}

static double seconds_or_unknown(int64_t ns)
{
    return ns == TIME_NONE ? (double)NAN : seconds_of(ns);
}

static void put_rates(struct buf *out, const struct point_view *point)
{
    begin_tile(out, (struct tile){"tokens", "Tokens/s in / out"});
    page_put_number(out, point != NULL ? rint(point->prompt_rate) : NAN);
    buf_text(out, " / ");
    page_put_number(out, point != NULL ? rint(point->output_rate) : NAN);
    end_tile(out);
}

static void put_attainment(struct buf *out, const struct traffic_view *traffic)
{
    begin_tile(out, (struct tile){"attainment", "Within objectives"});
    if (traffic == NULL || isnan(traffic->attainment)) {
        page_put_number(out, NAN);
    } else {
        buf_number(out, rint(traffic->attainment * 1000) / 10);
        buf_text(out, " %");
    }
    end_tile(out);
}

/* A few words; there also while nothing was learned, for the script to fill in. */
static void put_learned(struct buf *out, const char *words)
{
    buf_text(out, "<div class=\"wide\"><dt>Learned</dt><dd data-field=\"learned\">");
    if (words != NULL)
        buf_text(out, words);
    else
        page_put_number(out, NAN);
    end_tile(out);
}

static void put_tiles(struct buf *out, const struct pool_bundle *bundle,
                      const struct point_view *point)
{
    const struct replicas_view *n = &bundle->replicas;
    const struct traffic_view *traffic = bundle->view.traffic;
    buf_text(out, "<dl class=\"tiles\">");
    begin_tile(out, (struct tile){"ready", "Ready / wanted"});
    buf_printf(out, "%lld / %lld", (long long)n->ready, (long long)n->desired);
    end_tile(out);
    begin_tile(out, (struct tile){"bounds", "Bounds"});
    buf_printf(out, "%lld\xe2\x80\x93%lld", (long long)n->min, (long long)n->max);
    end_tile(out);
    begin_tile(out, (struct tile){"inFlight", "In flight"});
    page_put_count(out, traffic != NULL ? traffic->in_flight_requests : SHAPE_NO_INT);
    end_tile(out);
    begin_tile(out, (struct tile){"waiting", "Waiting"});
    page_put_count(out, traffic != NULL ? traffic->waiting_requests : SHAPE_NO_INT);
    end_tile(out);
    put_rates(out, point);
    put_pair(out, (struct tile){"ttft", "First token p50 / p95"},
             point != NULL ? point->ttft_p50 : NAN, point != NULL ? point->ttft_p95 : NAN);
    put_pair(out, (struct tile){"itl", "Next token p50 / p95"},
             point != NULL ? point->itl_p50 : NAN, point != NULL ? point->itl_p95 : NAN);
    put_attainment(out, traffic);
    begin_tile(out, (struct tile){"completed", "Answered"});
    page_put_count(out, traffic != NULL ? traffic->completed : SHAPE_NO_INT);
    end_tile(out);
    put_pair(out, (struct tile){"startup", "Start-up p50 / p90"},
             seconds_or_unknown(bundle->view.start_p50_ns),
             seconds_or_unknown(bundle->view.start_p90_ns));
    put_learned(out, bundle->view.learned_words);
    buf_text(out, "</dl>\n");
}

/* ---- tables ---- */

static void put_replica(struct buf *out, const struct replica_row *row)
{
    buf_printf(out, "<tr><td>%llu</td><td><span class=\"state %s\">", (unsigned long long)row->id,
               replica_state_name(row->state));
    page_put(out, replica_state_name(row->state));
    buf_text(out, "</span></td><td>");
    page_put(out, row->state == REPLICA_STARTING ? replica_phase_name(row->phase) : "");
    buf_printf(out, "</td><td class=\"n\">%lld</td><td>", (long long)row->in_flight_requests);
    page_put(out, row->host);
    if (row->host[0] != '\0')
        buf_printf(out, ":%u", (unsigned)row->port);
    buf_printf(out,
               "</td><td><a class=\"log\" href=\"/api/v1/replicas/%llu/logs\">log</a></td><td>",
               (unsigned long long)row->id);
    page_put(out, row->text);
    buf_text(out, "</td></tr>\n");
}

static void put_replicas(const struct page *page, size_t pool)
{
    const struct reconcile *reconcile = control_reconcile(page->control);
    const struct replica_row *row;
    size_t shown = 0;
    buf_text(page->out,
             "<details class=\"replicas\" open><summary>Replicas</summary><div class=\"scroll\" "
             "tabindex=\"0\" role=\"group\" aria-label=\"Replicas\">"
             "<table><thead><tr><th scope=\"col\">Replica</th><th scope=\"col\">State"
             "</th><th scope=\"col\">Phase</th><th scope=\"col\" class=\"n\">In flight</th>"
             "<th scope=\"col\">Address</th><th scope=\"col\">Output</th><th scope=\"col\">Why</th>"
             "</tr></thead><tbody>\n");
    for (size_t i = 0; (row = reconcile_replica_at(reconcile, i)) != NULL; i++)
        if (row->pool == pool && shown++ < PAGE_ROWS_MAX)
            put_replica(page->out, row);
    if (shown == 0)
        buf_text(page->out, "<tr><td colspan=\"7\" class=\"none\">No replica runs.</td></tr>\n");
    buf_text(page->out, "</tbody></table></div></details>\n");
}

static void put_proposal(struct buf *out, const struct proposal_view *proposal)
{
    buf_text(out, "<tr><td>policy ");
    page_put(out, proposal->policy);
    buf_text(out, "</td><td class=\"n\"></td><td class=\"n\">");
    page_put_count(out, proposal->replicas);
    buf_text(out, "</td><td>");
    page_put(out, proposal->words);
    buf_text(out, "</td></tr>\n");
}

static void put_trail(struct buf *out, const struct why_bundle *why)
{
    struct trail_view entry;
    struct hint_view hint;
    const struct decision_view *decision = &why->decision.view;
    buf_text(out,
             "<details class=\"trail\"><summary>How the count came about, and what would change "
             "it</summary><div class=\"scroll\" tabindex=\"0\" role=\"group\" "
             "aria-label=\"Steps of the last decision\"><table><thead><tr>"
             "<th scope=\"col\">Step</th><th scope=\"col\" class=\"n\">Before</th>"
             "<th scope=\"col\" class=\"n\">After</th><th scope=\"col\">Why</th></tr></thead>"
             "<tbody>\n");
    if (!decision->trail.next(decision->trail.user, 0, &entry) ||
        strcmp(entry.stage, "policy") != 0) /* else the trail tells it */
        put_proposal(out, decision->proposal);
    for (size_t i = 0; decision->trail.next(decision->trail.user, i, &entry); i++) {
        buf_text(out, "<tr><td>");
        page_put(out, entry.stage);
        buf_printf(out, "</td><td class=\"n\">%lld</td><td class=\"n\">%lld</td><td>",
                   (long long)entry.before, (long long)entry.after);
        page_put(out, entry.words);
        buf_text(out, "</td></tr>\n");
    }
    buf_text(out, "</tbody></table></div><p>It would change with:</p><ul class=\"hints\">\n");
    for (size_t i = 0; why->view.hints.next(why->view.hints.user, i, &hint); i++) {
        buf_text(out, "<li>");
        page_put(out, hint.words);
        buf_text(out, "</li>\n");
    }
    if (why->hint_count == 0)
        buf_text(out, "<li>another demand: no limit holds the count.</li>\n");
    buf_text(out, "</ul></details>\n");
}

static void put_point(struct buf *out, const struct point_view *point)
{
    buf_text(out, "<tr><td>");
    page_put_time(out, point->at_wall_ns);
    buf_text(out, "</td><td class=\"n\">");
    page_put_number(out, point->demand);
    buf_printf(out, "</td><td class=\"n\">%lld</td><td class=\"n\">%lld</td><td class=\"n\">",
               (long long)point->ready, (long long)point->starting);
    page_put_count(out, point->waiting);
    buf_text(out, "</td><td class=\"n\">");
    page_put_seconds(out, point->ttft_p95);
    buf_text(out, "</td><td class=\"n\">");
    page_put_seconds(out, point->itl_p95);
    buf_text(out, "</td></tr>\n");
}

static void put_points(const struct page *page, const char *pool)
{
    size_t count = 0;
    while (trend_point(page->trend, pool, count) != NULL)
        count++;
    buf_text(
        page->out,
        "<details class=\"points\"><summary>The last minute as a table</summary>"
        "<div class=\"scroll\" tabindex=\"0\" role=\"group\" aria-label=\"The last minute\">"
        "<table><thead><tr><th scope=\"col\">Time (UTC)</th><th scope=\"col\" class=\"n\">Demand"
        "</th><th scope=\"col\" class=\"n\">Ready</th><th scope=\"col\" class=\"n\">Starting"
        "</th><th scope=\"col\" class=\"n\">Waiting</th><th scope=\"col\" class=\"n\">"
        "First token p95</th><th scope=\"col\" class=\"n\">Next token p95</th></tr></thead>"
        "<tbody>\n");
    for (size_t i = 0; i < count && i < PAGE_POINTS_MAX; i++)
        put_point(page->out, trend_point(page->trend, pool, count - 1 - i));
    buf_text(page->out, "</tbody></table></div></details>\n");
}

/* ---- the whole ---- */

static void put_why(const struct page *page, const struct pool_bundle *bundle)
{
    const struct reconcile *reconcile = control_reconcile(page->control);
    const struct pool_status *s = &bundle->status;
    buf_printf(page->out,
               "<p class=\"why\"><strong data-field=\"whyCount\">Why %lld:</strong> "
               "<span data-field=\"why\">",
               (long long)bundle->replicas.desired);
    page_put(page->out, s->decision != NULL ? bundle->decision.words : "nothing was decided yet");
    buf_text(page->out, "</span></p>\n");
    put_tiles(page->out, bundle, trend_last(page->trend, s->name));
    buf_text(page->out, "<div class=\"charts\" hidden></div><div class=\"lanes\" hidden></div>\n");
    put_replicas(page, (size_t)reconcile_pool_find(reconcile, span_from(s->name)));
    if (s->decision != NULL) {
        struct why_bundle why;
        why_fill(&why, reconcile_group_of(reconcile, s->group), s->pool_in_group, s->decision,
                 s->observation, reconcile_state_of(reconcile, s->group));
        put_trail(page->out, &why);
    }
    put_points(page, s->name);
}

void page_pool(const struct page *page, size_t pool)
{
    struct pool_bundle bundle;
    struct buf *out = page->out;
    pool_fill(&bundle, page->control, pool);
    buf_text(out, "<section class=\"pool\" data-pool=\"");
    page_put(out, bundle.view.name);
    buf_printf(out, "\" aria-labelledby=\"pool-%zu\"><div class=\"head\"><h2 id=\"pool-%zu\">",
               pool, pool);
    page_put(out, bundle.view.name);
    buf_printf(out,
               "</h2><span class=\"health %s\" data-field=\"health\">%s</span>"
               "<span class=\"policy\">",
               bundle.view.health, bundle.view.health);
    page_put(out, bundle.view.policy);
    buf_text(out, "</span></div>\n<p class=\"sentence\" data-field=\"sentence\">");
    page_put(out, bundle.sentence);
    buf_text(out, "</p>\n");
    put_why(page, &bundle);
    buf_text(out, "</section>\n");
}
