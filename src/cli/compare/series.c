/* What every policy did over time, in plots: one more run of each at its best setting. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/duration.h"
#include "base/num.h"
#include "cli/compare/page.h"
#include "cli/compare/plot.h"
#include "cli/html.h"

#define HEIGHT 280
#define ROW_HEIGHT 24
#define SPACE 70
#define LATENCY_LEAST_S 0.01
#define MARKS_MAX 3000 /* of one policy: beyond these every n-th is drawn */

struct watched {
    bool played;
    struct simulation_result run;
    double initial;
};

struct series {
    const struct comparison *c;
    const struct compared *cell;
    struct watched policy[COMPARISON_POLICIES_MAX];
    double *demand;
    size_t minutes;
};

static enum rc watch(struct series *s, struct player *player)
{
    enum rc rc = player_demand(player, &s->demand, &s->minutes);
    for (size_t p = 0; p < s->c->policy_count && rc == RC_OK; p++) {
        const struct family *family = &s->cell->family[p];
        const struct sweep_point *point = comparison_played(family, s->c->floor[0]);
        struct watched *w = &s->policy[p];
        if (point == NULL)
            continue;
        player_choose(player, family->policy, family->baseline);
        w->initial = player_initial(player, point);
        rc = player_watch(player, point, &w->run);
        w->played = rc == RC_OK;
    }
    return rc;
}

static void legend(const struct series *s, struct buf *ret)
{
    buf_text(ret, "<ul class='legend'>");
    for (size_t p = 0; p < s->c->policy_count; p++) {
        char class_[PAGE_CLASS_SIZE];
        page_class(p, class_);
        if (!s->policy[p].played)
            continue;
        buf_printf(ret,
                   "<li><svg width='28' height='10' aria-hidden='true'><path class='line %s' "
                   "d='M0 5H28'/></svg> ",
                   class_);
        html_text(ret, s->cell->family[p].policy);
        buf_text(ret, "</li>");
    }
    buf_text(ret, "<li><svg width='28' height='10' aria-hidden='true'><path class='line need' "
                  "d='M0 5H28'/></svg> demand</li></ul>");
}

/* ---- replicas and demand ---- */

static double hours_of(int64_t ns)
{
    return seconds_of(ns) / 3600;
}

/* Means of so many minutes that no column of pixels gets two. */
static size_t thin(const double *value, size_t count, double *ret_x, double *ret_y)
{
    const size_t each = count / PLOT_COLUMNS + 1;
    size_t n = 0;
    for (size_t from = 0; from < count; from += each, n++) {
        double sum = 0;
        double known = 0;
        for (size_t i = from; i < from + each && i < count; i++) {
            sum += isnan(value[i]) ? 0 : value[i];
            known += isnan(value[i]) ? 0 : 1;
        }
        ret_x[n] = ((double)from + (double)each / 2) / 60;
        ret_y[n] = known > 0 ? sum / known : (double)NAN;
    }
    return n;
}

static double most_replicas(const struct series *s)
{
    double most = 1;
    for (size_t i = 0; i < s->minutes; i++)
        most = fmax(most, s->demand[i]);
    for (size_t p = 0; p < s->c->policy_count; p++) {
        most = fmax(most, s->policy[p].initial);
        for (size_t i = 0; s->policy[p].played && i < s->policy[p].run.change_count; i++)
            most = fmax(most, s->policy[p].run.change[i].desired);
    }
    return most;
}

static enum rc steps(struct plot *plot, const struct watched *w, const char *class_)
{
    const size_t count = w->run.change_count;
    double *x = mem_new(2 * (count + 1), sizeof *x);
    if (x == NULL)
        return RC_NO_MEMORY;
    double *y = x + count + 1;
    y[0] = w->initial;
    for (size_t i = 0; i < count; i++) {
        x[i + 1] = hours_of(w->run.change[i].at_ns);
        y[i + 1] = w->run.change[i].desired;
    }
    plot_steps(plot, x, y, count + 1, class_);
    free(x);
    return RC_OK;
}

static enum rc replicas_plot(const struct series *s, struct buf *ret)
{
    double x[2 * PLOT_COLUMNS];
    double y[2 * PLOT_COLUMNS];
    enum rc rc = RC_OK;
    struct plot plot = {.out = ret,
                        .x_max = fmax((double)s->minutes / 60, 1.0 / 60),
                        .y_max = 1.05 * most_replicas(s),
                        .height = HEIGHT};
    plot_begin(&plot, "Replicas that each policy asked for, and the demand, over time", "hours",
               "replicas");
    const size_t n = thin(s->demand, s->minutes, x, y);
    plot_line(&plot, x, y, n, "need");
    for (size_t p = 0; p < s->c->policy_count && rc == RC_OK; p++) {
        char class_[PAGE_CLASS_SIZE];
        page_class(p, class_);
        if (s->policy[p].played)
            rc = steps(&plot, &s->policy[p], class_);
    }
    plot_end(&plot);
    return rc;
}

/* ---- latency ---- */

static double ttft_of(const struct world_minute *minute)
{
    return minute->answered > 0 ? minute->ttft_sum_s / (double)minute->answered : (double)NAN;
}

static enum rc latency_lines(const struct series *s, struct plot *plot, double *ret_most)
{
    for (size_t p = 0; p < s->c->policy_count; p++) {
        const struct watched *w = &s->policy[p];
        char class_[PAGE_CLASS_SIZE];
        double x[2 * PLOT_COLUMNS];
        double y[2 * PLOT_COLUMNS];
        page_class(p, class_);
        if (!w->played)
            continue;
        double *ttft = mem_new(w->run.minute_count + 1, sizeof *ttft);
        if (ttft == NULL)
            return RC_NO_MEMORY;
        for (size_t i = 0; i < w->run.minute_count; i++) {
            ttft[i] = ttft_of(&w->run.minute[i]);
            *ret_most = fmax(*ret_most, ttft[i]);
        }
        const size_t n = thin(ttft, w->run.minute_count, x, y);
        if (plot != NULL)
            plot_line(plot, x, y, n, class_);
        free(ttft);
    }
    return RC_OK;
}

static enum rc latency_plot(const struct series *s, struct buf *ret)
{
    double most = 1;
    struct plot plot = {.out = ret,
                        .x_max = fmax((double)s->minutes / 60, 1.0 / 60),
                        .y_min = LATENCY_LEAST_S,
                        .height = HEIGHT,
                        .y_log = true};
    enum rc rc = latency_lines(s, NULL, &most);
    if (rc != RC_OK)
        return rc;
    plot.y_max = pow(10, ceil(log10(most)));
    plot_begin(&plot, "Mean time to first token of the requests of each minute, over time", "hours",
               "seconds to first token");
    rc = latency_lines(s, &plot, &most);
    plot_end(&plot);
    return rc;
}

/* ---- decisions ---- */

static void decisions_plot(const struct series *s, struct buf *ret)
{
    size_t rows = 0;
    for (size_t p = 0; p < s->c->policy_count; p++)
        rows += s->policy[p].played;
    struct plot plot = {.out = ret,
                        .x_max = fmax((double)s->minutes / 60, 1.0 / 60),
                        .y_max = (double)rows + 1,
                        .height = SPACE + ROW_HEIGHT * ((int)rows + 1)};
    plot_begin(&plot, "Decisions: marks upward raised the count, marks downward lowered it",
               "hours", "row of policy");
    size_t row = 0;
    for (size_t p = 0; p < s->c->policy_count; p++) {
        const struct watched *w = &s->policy[p];
        char class_[PAGE_CLASS_SIZE];
        double before = w->initial;
        page_class(p, class_);
        if (!w->played)
            continue;
        row++;
        const size_t each = w->run.change_count / MARKS_MAX + 1;
        for (size_t i = 0; i < w->run.change_count; i++) {
            const struct world_change *change = &w->run.change[i];
            if (i % each == 0)
                plot_mark(&plot, hours_of(change->at_ns), (double)row, change->desired > before,
                          class_);
            before = change->desired;
        }
    }
    plot_end(&plot);
    buf_text(ret, "<p>From the lowest row:");
    for (size_t p = 0; p < s->c->policy_count; p++)
        if (s->policy[p].played) {
            buf_text(ret, " ");
            html_text(ret, s->cell->family[p].policy);
            buf_printf(ret, " (%zu changes)", s->policy[p].run.change_count);
        }
    buf_text(ret, "</p>");
}

static enum rc draw(const struct series *s, struct buf *ret)
{
    buf_text(ret, "<h3>Over time</h3><p>Each policy at its cheapest setting for the first floor, "
                  "first seed. ");
    if (s->cell->cell.warm)
        buf_text(ret, "The trace is played twice; the second half counts. ");
    buf_text(ret, "Demand is the work that came in each minute, in replicas at full use.</p>");
    legend(s, ret);
    enum rc rc = replicas_plot(s, ret);
    if (rc == RC_OK)
        rc = latency_plot(s, ret);
    if (rc == RC_OK)
        decisions_plot(s, ret);
    return rc;
}

enum rc page_series(const struct comparison *c, const struct compared *cell, struct buf *ret)
{
    struct player *player = NULL;
    struct diag diag = {0};
    struct series *s = mem_new(1, sizeof *s);
    if (s == NULL)
        return RC_NO_MEMORY;
    s->c = c;
    s->cell = cell;
    enum rc rc = player_new(&c->options, &cell->cell, &player, &diag);
    if (rc == RC_OK)
        rc = watch(s, player);
    if (rc == RC_OK)
        rc = draw(s, ret);
    for (size_t p = 0; p < c->policy_count; p++) {
        free(s->policy[p].run.minute);
        free(s->policy[p].run.change);
    }
    free(s->demand);
    free(s);
    player_free(player);
    return rc;
}
