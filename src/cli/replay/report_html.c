/* report_html.c - the replay as one page that needs nothing else: the table, a timeline of demand,
 * replicas and misses for each pool, the first difference, and what is assumed. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/duration.h"
#include "base/num.h"
#include "cli/html.h"
#include "cli/replay/report.h"

#define WIDTH 900
#define HEIGHT 150
#define LEFT 60
#define TOP 22
#define BOTTOM 22
#define POINTS_MAX 600 /* of a line: longer windows are put together */

/* recorded, simulated as recorded, simulated under the other one: told apart without colour, too */
static const struct {
    const char *colour;
    const char *dash;
} looks[REPORT_RUNS + 1] = {{"#555555", ""}, {"#1f77b4", "6 3"}, {"#d62728", "2 2"}};

struct plot {
    const struct report *report;
    const char *title;
    double (*value)(const struct rows_minute *minute);
    bool most; /* of several minutes the largest counts; else their mean */
    bool recorded_only;
};

static double requests_of(const struct rows_minute *m)
{
    return m->value[ROWS_ARRIVED];
}

static double replicas_of(const struct rows_minute *m)
{
    return m->value[ROWS_READY];
}

static double misses_of(const struct rows_minute *m)
{
    const double *v = m->value;
    return v[ROWS_COMPLETED] + v[ROWS_FAILED] + v[ROWS_REFUSED] - v[ROWS_GOOD];
}

static double waiting_of(const struct rows_minute *m)
{
    return m->value[ROWS_WAITING_MAX];
}

/* ---- one line ---- */

struct line {
    double value[POINTS_MAX]; /* NAN = nothing is known */
    size_t count;
    int64_t each; /* minutes of a point */
};

static void make_line(const struct plot *plot, const struct rows *rows, struct line *ret)
{
    const int64_t begin = plot->report->recorded->from_ns / MINUTE_NS;
    const int64_t minutes = (plot->report->recorded->to_ns - 1) / MINUTE_NS + 1 - begin; /* >= 1 */
    int64_t seen[POINTS_MAX] = {0};
    ret->each = (minutes + POINTS_MAX - 1) / POINTS_MAX;
    ret->count = (size_t)((minutes + ret->each - 1) / ret->each);
    for (size_t i = 0; i < ret->count; i++)
        ret->value[i] = NAN;
    for (size_t i = 0; i < rows->minute_count; i++) {
        const double value = plot->value(&rows->minute[i]);
        const int64_t at = (rows->minute[i].minute - begin) / ret->each;
        if (isnan(value) || at < 0 || at >= (int64_t)ret->count)
            continue;
        double *point = &ret->value[at];
        if (seen[at]++ == 0)
            *point = value;
        else if (plot->most)
            *point = fmax(*point, value);
        else
            *point += (value - *point) / (double)seen[at];
    }
}

static double x_of(const struct line *line, size_t at)
{
    return LEFT + (double)(WIDTH - LEFT - 10) * (double)at / (double)line->count;
}

static double y_of(double value, double highest)
{
    return TOP + (double)(HEIGHT - TOP - BOTTOM) * (1 - value / highest);
}

static void put_point(struct buf *out, bool first, double x, double y)
{
    buf_text(out, first ? "M" : "L");
    html_number(out, x, 1);
    buf_byte(out, ' ');
    html_number(out, y, 1);
}

static void put_line(const struct line *line, size_t look, double highest, struct buf *out)
{
    bool first = true;
    buf_text(out, "<path fill='none' stroke-width='1.8' stroke='");
    buf_text(out, looks[look].colour);
    buf_printf(out, "' stroke-dasharray='%s' d='", looks[look].dash);
    for (size_t i = 0; i < line->count; i++) {
        if (isnan(line->value[i])) {
            first = true;
            continue;
        }
        const double y = y_of(line->value[i], highest);
        put_point(out, first, x_of(line, i), y);
        put_point(out, false, x_of(line, i + 1), y); /* it stands for the whole time */
        first = false;
    }
    buf_text(out, "'/>");
}

/* ---- one plot ---- */

static void put_time(const struct report *r, struct buf *out)
{
    char from[DURATION_TEXT_MAX];
    char to[DURATION_TEXT_MAX];
    (void)time_print_rfc3339(r->recorded->from_ns, from);
    (void)time_print_rfc3339(r->recorded->to_ns, to);
    buf_printf(out, "<text x='%d' y='%d'>%.16sZ</text>", LEFT, HEIGHT - 6, from);
    buf_printf(out, "<text x='%d' y='%d' text-anchor='end'>%.16sZ</text>", WIDTH - 10, HEIGHT - 6,
               to);
}

static void put_frame(const struct plot *plot, double highest, struct buf *out)
{
    buf_printf(out,
               "<rect x='%d' y='%d' width='%d' height='%d' fill='none' stroke='#bbb'/>"
               "<text x='%d' y='15' font-weight='bold'>%s</text>",
               LEFT, TOP, WIDTH - LEFT - 10, HEIGHT - TOP - BOTTOM, LEFT, plot->title);
    buf_printf(out, "<text x='%d' y='%d' text-anchor='end'>", LEFT - 6, TOP + 10);
    html_number(out, highest, highest < 10 ? 1 : 0);
    buf_printf(out, "</text><text x='%d' y='%d' text-anchor='end'>0</text>", LEFT - 6,
               HEIGHT - BOTTOM);
    put_time(plot->report, out);
}

static void put_plot(const struct plot *plot, size_t index, struct buf *out)
{
    const struct report *r = plot->report;
    struct line line[REPORT_RUNS + 1];
    double highest = 0;
    const struct rows *rows[REPORT_RUNS + 1] = {&r->recorded->pool[index].rows};
    for (size_t run = 0; run < REPORT_RUNS; run++)
        rows[run + 1] =
            r->play[run] != NULL && !plot->recorded_only ? &r->play[run]->rows[index] : NULL;
    for (size_t i = 0; i <= REPORT_RUNS; i++) {
        if (rows[i] == NULL)
            continue;
        make_line(plot, rows[i], &line[i]);
        for (size_t k = 0; k < line[i].count; k++)
            highest = fmax(highest, line[i].value[k]);
    }
    highest = highest > 0 ? highest * 1.05 : 1;
    buf_printf(out, "<svg viewBox='0 0 %d %d' role='img' aria-label='%s'>", WIDTH, HEIGHT,
               plot->title);
    put_frame(plot, highest, out);
    for (size_t i = 0; i <= REPORT_RUNS; i++)
        if (rows[i] != NULL)
            put_line(&line[i], i, highest, out);
    buf_text(out, "</svg>");
}

static void put_legend(const struct report *r, struct buf *out)
{
    buf_text(out, "<p class='legend'>");
    for (size_t i = 0; i <= REPORT_RUNS; i++) {
        if (i > 0 && r->play[i - 1] == NULL)
            continue;
        buf_printf(out,
                   "<span><svg width='34' height='10'><path d='M0 5L34 5' stroke='%s' "
                   "stroke-width='2.5' stroke-dasharray='%s'/></svg> ",
                   looks[i].colour, looks[i].dash);
        html_text(out, report_run_title(r, i));
        buf_text(out, "</span> ");
    }
    buf_text(out, "</p>");
}

/* ---- the page ---- */

static void put_cell(struct buf *out, double value, int digits)
{
    buf_text(out, "<td>");
    html_number(out, value, digits);
}

static void put_row(const char *run, const struct rows *rows, struct buf *out)
{
    struct rows_sum sum;
    rows_add_up(rows, &sum);
    buf_text(out, "<tr><td>");
    html_text(out, run);
    put_cell(out, sum.replica_hours, 3);
    put_cell(out, sum.cost, 2);
    put_cell(out, sum.requests, 0);
    put_cell(out, 100 * sum.attainment, 2);
    put_cell(out, sum.missed, 0);
    put_cell(out, (double)sum.scale_ups, 0);
    put_cell(out, (double)sum.scale_downs, 0);
    put_cell(out, (double)sum.reversals, 0);
    put_cell(out, sum.wait_s_max, 1);
    put_cell(out, sum.replicas_most, 1);
    buf_text(out, "</tr>");
}

static void put_table(const struct report *r, size_t index, struct buf *out)
{
    buf_text(out, "<table><tr><th>run<th>replica-hours<th>cost<th>requests<th>met %<th>missed"
                  "<th>scaled up<th>down<th>reversals<th>worst wait, s<th>most ready</tr>");
    put_row(report_run_title(r, 0), &r->recorded->pool[index].rows, out);
    for (size_t run = 0; run < REPORT_RUNS; run++)
        if (r->play[run] != NULL)
            put_row(report_run_title(r, run + 1), &r->play[run]->rows[index], out);
    buf_text(out, "</table>");
}

static void put_side(const char *who, const struct retake_side *side, struct buf *out)
{
    buf_text(out, "<h4>");
    html_text(out, who);
    buf_printf(out, ": %lld</h4><pre>", (long long)side->replicas);
    html_span(out, buf_view(&side->words));
    buf_text(out, "</pre>");
}

static void put_difference(const struct report *r, const char *name, struct buf *out)
{
    const struct retake_pool *pool = retake_pool(r->retake, name);
    char time[DURATION_TEXT_MAX];
    if (r->other == NULL || pool == NULL || pool->ticks == 0)
        return;
    if (!pool->differs) {
        buf_printf(out, "<p>The same decision in all %lld recorded ticks.</p>",
                   (long long)pool->ticks);
        return;
    }
    (void)time_print_rfc3339(pool->wall_ns, time);
    buf_printf(out, "<h3>The first decision that differs: tick %lld at %s</h3>",
               (long long)pool->seq, time);
    put_side("recorded", &pool->recorded, out);
    put_side(r->other, &pool->other, out);
}

static void put_pool(const struct report *r, size_t index, struct buf *out)
{
    const struct plot plots[] = {
        {r, "requests a minute", requests_of, false, true},
        {r, "replicas ready", replicas_of, false, false},
        {r, "misses a minute", misses_of, false, false},
        {r, "most requests waiting", waiting_of, true, false},
    };
    const char *name = r->recorded->pool[index].rows.pool;
    buf_text(out, "<h2>");
    html_text(out, name);
    buf_text(out, "</h2>");
    put_table(r, index, out);
    put_legend(r, out);
    for (size_t i = 0; i < COUNT_OF(plots); i++)
        put_plot(&plots[i], index, out);
    put_difference(r, name, out);
}

static void put_assumptions(const struct report *r, struct buf *out)
{
    struct span lines = buf_view(&r->assumptions);
    buf_text(out, "<h2>What is assumed</h2><ul>");
    while (lines.len > 0) {
        const size_t end = span_find_byte(lines, '\n', 0);
        const size_t len = end == SIZE_MAX ? lines.len : end;
        buf_text(out, "<li>");
        html_span(out, span_slice(lines, 0, len));
        lines = span_slice(lines, len + 1, lines.len);
    }
    buf_text(out, "</ul>");
}

void report_html(const struct report *r, struct buf *out)
{
    buf_text(out, "<!doctype html><html lang=en><meta charset=utf-8><meta name=viewport "
                  "content='width=device-width'><title>sluice replay</title><style>"
                  "body{font:14px sans-serif;margin:2em auto;padding:0 1em;max-width:62em}"
                  "svg[role]{width:100%;height:auto;font-size:12px;display:block}"
                  "table{border-collapse:collapse}td,th{padding:2px 10px;text-align:right}"
                  "td:first-child,th:first-child{text-align:left}tr+tr{border-top:1px solid #ddd}"
                  ".legend span{margin-right:2em}pre{white-space:pre-wrap;background:#f4f4f4;"
                  "padding:.6em}</style><h1>What another configuration would have done</h1><p>");
    html_text(out, r->state);
    buf_printf(out, ". %lld of %lld recorded decisions come out the same again.</p>",
               (long long)r->retake->same,
               (long long)r->retake->same + (long long)r->retake->not_same);
    for (size_t i = 0; i < r->recorded->pool_count; i++)
        if (report_tells(r, r->recorded->pool[i].rows.pool))
            put_pool(r, i, out);
    put_assumptions(r, out);
}
