/* One page that stands alone: a plot of attainment against cost for every cell, and the table. */
#include <math.h>

#include "base/duration.h"
#include "cli/compare/comparison.h"
#include "cli/html.h"

#define WIDTH 640
#define HEIGHT 300
#define MARGIN 50

static const char *const colours[] = {"#d62728", "#1f77b4", "#2ca02c", "#9467bd", "#ff7f0e",
                                      "#8c564b", "#e377c2", "#17becf", "#7f7f7f", "#bcbd22"};

struct plot {
    double cost_max;
    double attained_min;
};

static struct plot plot_of(const struct compared *cell, size_t policies, double floor)
{
    struct plot plot = {.attained_min = floor - 0.05};
    for (size_t p = 0; p < policies; p++)
        for (size_t k = 0; k < cell->family[p].sweep.count; k++) {
            const struct sweep_point *point = &cell->family[p].sweep.point[k];
            if (point->attainment >= plot.attained_min && point->attainment < 0.9999)
                plot.cost_max = fmax(plot.cost_max, point->gpu_hours);
        }
    plot.cost_max = plot.cost_max > 0 ? plot.cost_max * 1.05 : 1;
    return plot;
}

static void circle(struct buf *ret, const struct plot *plot, const struct sweep_point *point,
                   const char *colour, bool filled)
{
    if (point->attainment < plot->attained_min || point->gpu_hours > plot->cost_max)
        return;
    const double x = MARGIN + point->gpu_hours / plot->cost_max * (WIDTH - 2 * MARGIN);
    const double y =
        HEIGHT - MARGIN -
        (point->attainment - plot->attained_min) / (1 - plot->attained_min) * (HEIGHT - 2 * MARGIN);
    buf_text(ret, "<circle cx='");
    html_number(ret, x, 1);
    buf_text(ret, "' cy='");
    html_number(ret, y, 1);
    buf_printf(ret, "' r='%d' stroke='%s' fill='%s'/>", filled ? 6 : 3, colour,
               filled ? colour : "none");
}

static void axis(struct buf *ret, const struct plot *plot, double floor)
{
    buf_printf(ret, "<rect x='%d' y='%d' width='%d' height='%d' fill='none' stroke='#999'/>",
               MARGIN, MARGIN, WIDTH - 2 * MARGIN, HEIGHT - 2 * MARGIN);
    const double y =
        HEIGHT - MARGIN -
        (floor - plot->attained_min) / (1 - plot->attained_min) * (HEIGHT - 2 * MARGIN);
    buf_printf(ret, "<line x1='%d' x2='%d' y1='%d' y2='%d' stroke='#999' stroke-dasharray='4'/>",
               MARGIN, WIDTH - MARGIN, (int)y, (int)y);
    buf_printf(ret, "<text x='4' y='%d'>", (int)y + 4);
    html_number(ret, 100 * floor, 0);
    buf_printf(ret, " %%</text><text x='4' y='%d'>", HEIGHT - MARGIN);
    html_number(ret, 100 * plot->attained_min, 0);
    buf_printf(ret, " %%</text><text x='%d' y='%d'>0</text><text x='%d' y='%d'>", MARGIN,
               HEIGHT - MARGIN + 16, WIDTH - MARGIN - 60, HEIGHT - MARGIN + 16);
    html_number(ret, plot->cost_max, 0);
    buf_text(ret, " GPU-hours</text>");
}

static void cell_plot(const struct comparison *c, const struct compared *cell, struct buf *ret)
{
    const double floor = c->floor[0];
    const struct plot plot = plot_of(cell, c->policy_count, floor);
    buf_printf(ret, "<svg width='%d' height='%d' font-size='12' font-family='sans-serif'>", WIDTH,
               HEIGHT);
    axis(ret, &plot, floor);
    for (size_t p = 0; p < c->policy_count; p++) {
        const struct family *family = &cell->family[p];
        const char *colour = colours[p % COUNT_OF(colours)];
        for (size_t k = 0; k < family->sweep.count; k++)
            circle(ret, &plot, &family->sweep.point[k], colour, family->baseline == NULL);
        buf_printf(ret, "<text x='%d' y='%d' fill='%s'>", MARGIN + (int)(p % 6) * 95,
                   16 + (int)(p / 6) * 16, colour);
        html_text(ret, family->policy);
        buf_text(ret, "</text>");
    }
    buf_text(ret, "</svg>");
}

static void cell_rows(const struct comparison *c, const struct compared *cell, struct buf *ret)
{
    buf_text(ret, "<table><tr><th>policy<th>floor<th>attained<th>GPU-hours<th>knob</tr>");
    for (size_t f = 0; f < c->floor_count; f++)
        for (size_t p = 0; p < c->policy_count; p++) {
            const struct family *family = &cell->family[p];
            const struct sweep_point *best = comparison_best(family, c->floor[f]);
            buf_text(ret, "<tr><td>");
            html_text(ret, family->policy);
            buf_text(ret, "<td>");
            html_number(ret, 100 * c->floor[f], 1);
            if (best == NULL) {
                buf_text(ret, " %<td colspan=3>not reached</tr>");
                continue;
            }
            buf_text(ret, " %<td>");
            html_number(ret, 100 * best->attainment, 2);
            buf_text(ret, " %<td>");
            html_number(ret, best->gpu_hours, 2);
            buf_text(ret, "<td>");
            if (family->baseline != NULL)
                html_number(ret, comparison_knob(cell, family, best), 2);
            buf_text(ret, "</tr>");
        }
    buf_text(ret, "</table>");
}

void comparison_html(const struct comparison *c, struct buf *ret)
{
    buf_text(ret, "<!doctype html><meta charset=utf-8><title>sluice compare</title><style>"
                  "body{font-family:sans-serif;margin:2em;max-width:60em}"
                  "td,th{padding:2px 10px;text-align:right}td:first-child{text-align:left}"
                  "</style><h1>Policies at equal service quality</h1>"
                  "<p>Each point is one run: the share of requests within every objective against "
                  "the GPU-hours it took. Hollow: a baseline at one value of its knob. Filled: a "
                  "policy without a knob. Cheaper is further left; the dashed line is the floor.");
    for (size_t i = 0; i < c->cell_count; i++) {
        const struct compared *cell = &c->cell[i];
        buf_text(ret, "<h2>");
        html_text(ret, cell->cell.trace);
        buf_text(ret, " × ");
        buf_number(ret, cell->cell.scale);
        buf_text(ret, ", start-up ");
        html_number(ret, seconds_of(cell->cell.startup_ns), 0);
        buf_text(ret, " s</h2>");
        if (cell->failed) {
            buf_text(ret, "<p>Not played: ");
            html_text(ret, cell->why.text);
            continue;
        }
        cell_plot(c, cell, ret);
        cell_rows(c, cell, ret);
    }
}
