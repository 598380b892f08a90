/* One page that stands alone: curves of attainment against cost, tables, and what the policies did
 * over time. No script, no font, nothing from elsewhere. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/duration.h"
#include "cli/compare/page.h"
#include "cli/compare/plot.h"
#include "cli/html.h"

#define CURVE_HEIGHT 320
#define BELOW_FLOOR 0.05 /* attainment that a curve still shows */

static const char style[] =
    ":root{color-scheme:light dark;--ink:#1b1f24;--paper:#fff;--soft:#5c6670;--grid:#e3e7eb;"
    "--0:#c62828;--1:#1565c0;--2:#2e7d32;--3:#7b1fa2;--4:#b45f06;--5:#6d4c41;--6:#ad1457;"
    "--7:#00707e;--8:#546e7a;--9:#827717}"
    "@media(prefers-color-scheme:dark){:root{--ink:#e6e9ec;--paper:#14181c;--soft:#9aa5b1;"
    "--grid:#2a3138;--0:#ff8a80;--1:#82b1ff;--2:#81c784;--3:#ce93d8;--4:#ffb74d;--5:#bcaaa4;"
    "--6:#f48fb1;--7:#4dd0e1;--8:#b0bec5;--9:#dce775}}"
    "body{font:15px/1.5 system-ui,sans-serif;margin:2em auto;padding:0 1em;max-width:60em;"
    "color:var(--ink);background:var(--paper)}"
    "h2{margin-top:2em;overflow-wrap:anywhere}p{max-width:46em}"
    "table{border-collapse:collapse}td,th{padding:2px 10px;text-align:right;border-bottom:1px "
    "solid var(--grid)}td:first-child,th:first-child{text-align:left}"
    ".wide{overflow-x:auto}svg text{font-size:12px;fill:var(--soft)}"
    ".grid{stroke:var(--grid)}.axis{stroke:var(--soft);fill:none}"
    ".floor{stroke:var(--ink);stroke-dasharray:5 4}"
    ".line{fill:none;stroke-width:1.6;stroke:currentColor}.dot{fill:none;stroke:currentColor}"
    ".full{fill:currentColor}.dash{stroke-dasharray:6 3}.need{color:var(--soft);stroke-width:3;"
    "opacity:.55}"
    ".legend{list-style:none;padding:0;display:flex;flex-wrap:wrap;gap:.2em 1.4em}"
    ".bad{color:var(--0);font-weight:bold}"
    ".c0{color:var(--0)}.c1{color:var(--1)}.c2{color:var(--2)}.c3{color:var(--3)}"
    ".c4{color:var(--4)}.c5{color:var(--5)}.c6{color:var(--6)}.c7{color:var(--7)}"
    ".c8{color:var(--8)}.c9{color:var(--9)}";

void page_class(size_t index, char ret[PAGE_CLASS_SIZE])
{
    (void)snprintf(ret, PAGE_CLASS_SIZE, "c%zu%s", index % PLOT_COLOURS,
                   index / PLOT_COLOURS % 2 == 1 ? " dash" : "");
}

/* ---- attainment against cost ---- */

static int by_cost(const void *a, const void *b)
{
    const struct sweep_point *x = a;
    const struct sweep_point *y = b;
    return (x->gpu_hours > y->gpu_hours) - (x->gpu_hours < y->gpu_hours);
}

/* Dots for all runs; a line through those that no cheaper one of the family equals. */
static enum rc family_curve(struct plot *plot, const struct family *family, const char *class_)
{
    const size_t count = family->sweep.count;
    struct sweep_point *sorted = mem_new(count + 1, sizeof *sorted);
    double *x = mem_new(2 * (count + 1), sizeof *x);
    enum rc rc = sorted != NULL && x != NULL ? RC_OK : RC_NO_MEMORY;
    size_t n = 0;
    double best = 0;
    if (rc == RC_OK) {
        double *y = x + count + 1;
        memcpy(sorted, family->sweep.point, count * sizeof *sorted);
        qsort(sorted, count, sizeof *sorted, by_cost);
        for (size_t i = 0; i < count; i++) {
            plot_dot(plot, sorted[i].gpu_hours, 100 * sorted[i].attainment, class_,
                     !baseline_tuned(family->baseline));
            if (sorted[i].attainment <= best || 100 * sorted[i].attainment < plot->y_min ||
                sorted[i].gpu_hours > plot->x_max)
                continue;
            best = sorted[i].attainment;
            x[n] = sorted[i].gpu_hours;
            y[n++] = 100 * best;
        }
        if (n > 1)
            plot_line(plot, x, y, n, class_);
    }
    free(sorted);
    free(x);
    return rc;
}

/* Costs of what lies near the floors. */
static double dearest(const struct comparison *c, const struct compared *cell, double least)
{
    double most = 0;
    for (size_t p = 0; p < c->policy_count; p++)
        for (size_t k = 0; k < cell->family[p].sweep.count; k++) {
            const struct sweep_point *point = &cell->family[p].sweep.point[k];
            if (point->attainment >= least && point->attainment < 0.9999)
                most = fmax(most, point->gpu_hours);
        }
    return most > 0 ? 1.05 * most : 1;
}

static enum rc curves(const struct comparison *c, const struct compared *cell, struct buf *ret)
{
    const double least = fmax(c->floor[c->floor_count - 1] - BELOW_FLOOR, 0);
    struct plot plot = {.out = ret,
                        .x_max = dearest(c, cell, least),
                        .y_min = 100 * least,
                        .y_max = 100,
                        .height = CURVE_HEIGHT};
    enum rc rc = RC_OK;
    buf_text(ret, "<ul class='legend'>");
    for (size_t p = 0; p < c->policy_count; p++) {
        char class_[PAGE_CLASS_SIZE];
        page_class(p, class_);
        buf_printf(ret,
                   "<li><svg width='28' height='10' aria-hidden='true'><path class='line %s' "
                   "d='M0 5H28'/></svg> ",
                   class_);
        html_text(ret, cell->family[p].policy);
        buf_text(ret, "</li>");
    }
    buf_text(ret, "</ul>");
    plot_begin(&plot, "Share of requests within every objective against GPU-hours", "GPU-hours",
               "attained, %");
    for (size_t f = 0; f < c->floor_count; f++)
        plot_level(&plot, 100 * c->floor[f], "floor");
    for (size_t p = 0; p < c->policy_count && rc == RC_OK; p++) {
        char class_[PAGE_CLASS_SIZE];
        page_class(p, class_);
        rc = family_curve(&plot, &cell->family[p], class_);
    }
    for (size_t f = 0; f < c->floor_count; f++)
        if (!isnan(comparison_oracle(c, cell, f)))
            plot_dot(&plot, cell->oracle.point[f].gpu_hours, 100 * cell->oracle.point[f].attainment,
                     "axis", true);
    plot_end(&plot);
    return rc;
}

/* ---- tables ---- */

static void row(const struct comparison *c, const struct compared *cell, size_t policy,
                size_t floor, struct buf *ret)
{
    const struct family *family = &cell->family[policy];
    const struct sweep_point *best = comparison_best(family, c->floor[floor]);
    const struct sweep_point *played = comparison_played(family, c->floor[floor]);
    const double knob = comparison_knob(cell, family, played);
    const double oracle = comparison_oracle(c, cell, floor);
    buf_text(ret, "<tr><td>");
    html_text(ret, family->policy);
    buf_text(ret, "<td>");
    if (played == NULL) {
        buf_text(ret, "never reaches it<td><td><td></tr>");
        return;
    }
    html_number(ret, 100 * played->attainment, 2);
    buf_text(ret, best == NULL ? " %, not reached<td>" : " %<td>");
    html_number(ret, played->gpu_hours, 2);
    buf_text(ret, "<td>");
    if (!isnan(knob))
        html_number(ret, knob, 2);
    buf_text(ret, "<td>");
    if (best != NULL && !isnan(oracle)) {
        html_number(ret, 100 * (best->gpu_hours / oracle - 1), 1);
        buf_text(ret, " %");
    }
    buf_text(ret, "</tr>");
}

static void table(const struct comparison *c, const struct compared *cell, size_t floor,
                  struct buf *ret)
{
    const double oracle = comparison_oracle(c, cell, floor);
    buf_text(ret, "<h3>Floor ");
    html_number(ret, 100 * c->floor[floor], 1);
    buf_text(ret, " %</h3><div class='wide'><table><tr><th>policy<th>attained<th>GPU-hours<th>knob"
                  "<th>above the oracle</tr>");
    for (size_t p = 0; p < c->policy_count; p++)
        row(c, cell, p, floor, ret);
    if (!isnan(oracle)) {
        buf_text(ret, "<tr><td>oracle<td>");
        html_number(ret, 100 * cell->oracle.point[floor].attainment, 2);
        buf_text(ret, " %<td>");
        html_number(ret, oracle, 2);
        buf_text(ret, "<td><td></tr>");
    }
    buf_text(ret, "<tr><td>fluid bound<td><td>");
    html_number(ret, cell->cell.fluid_hours, 2);
    buf_text(ret, "<td><td></tr></table></div>");
    if (c->oracle && !comparison_valid(c, cell, floor))
        buf_text(ret, "<p class='bad'>This floor proves nothing: fluid bound, oracle and policies "
                      "are not in their order, or no schedule reaches it.</p>");
}

static void head(const struct comparison *c, const struct compared *cell, struct buf *ret)
{
    buf_text(ret, "<h2>");
    html_text(ret, cell->cell.trace);
    buf_text(ret, " × ");
    buf_number(ret, cell->cell.scale);
    buf_text(ret, ", start-up ");
    html_number(ret, seconds_of(cell->cell.startup_ns), 0);
    buf_text(ret, " s</h2><p>Engine ");
    html_text(ret, c->options.setting.profile->name);
    buf_text(ret, cell->cell.warm ? "; second of two passes" : "; no history");
    buf_text(ret, cell->cell.loose ? "; objectives doubled" : "");
    buf_text(ret, cell->cell.uncalibrated
                      ? "; not calibrated: ten times the fleet does not meet them.</p>"
                      : ".</p>");
}

enum rc comparison_html(const struct comparison *c, struct buf *ret)
{
    enum rc rc = RC_OK;
    buf_text(ret, "<!doctype html><html lang=en><meta charset=utf-8><meta name=viewport "
                  "content='width=device-width'><title>sluice compare</title><style>");
    buf_text(ret, style);
    buf_text(ret, "</style><main><h1>Policies at equal service quality</h1>"
                  "<p>Each point is one setting: the share of requests within every objective "
                  "against the GPU-hours it took. Small and hollow: a baseline at one value of its "
                  "knob. Large: what is played once. Cheaper is further left; dashed lines are the "
                  "floors.</p>");
    for (size_t i = 0; i < c->cell_count && rc == RC_OK; i++) {
        const struct compared *cell = &c->cell[i];
        head(c, cell, ret);
        if (cell->failed) {
            buf_text(ret, "<p class='bad'>Not played: ");
            html_text(ret, cell->why.text);
            buf_text(ret, "</p>");
            continue;
        }
        rc = curves(c, cell, ret);
        for (size_t f = 0; f < c->floor_count; f++)
            table(c, cell, f, ret);
        if (rc == RC_OK && i < c->plots)
            rc = page_series(c, cell, ret);
    }
    buf_text(ret, "</main></html>\n");
    return ret->failed ? RC_LIMIT : rc;
}
