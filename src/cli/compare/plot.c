#include "cli/compare/plot.h"

#include <math.h>

#include "cli/html.h"

#define LEFT 70
#define TOP 14
#define BOTTOM 46
#define TICKS 6

/* ---- where a value lies ---- */

static double share_of(double value, double low, double high, bool logarithmic)
{
    if (logarithmic)
        return log(fmax(value, low) / low) / log(high / low);
    return (value - low) / (high - low);
}

static double x_at(const struct plot *p, double x)
{
    const double share = share_of(x, p->x_min, p->x_max, false);
    return LEFT + PLOT_COLUMNS * fmin(fmax(share, 0), 1);
}

static double y_at(const struct plot *p, double y)
{
    const double share = share_of(y, p->y_min, p->y_max, p->y_log);
    return TOP + (p->height - TOP - BOTTOM) * (1 - fmin(fmax(share, 0), 1));
}

/* ---- axes ---- */

static double round_step(double span)
{
    const double raw = span / TICKS;
    const double power = pow(10, floor(log10(raw)));
    const double times = raw / power;
    return power * (times > 5 ? 10 : times > 2 ? 5 : times > 1 ? 2 : 1);
}

static void tick_text(struct buf *out, double value, double step)
{
    const int digits = step >= 1 ? 0 : (int)fmin(ceil(-log10(step) - 1e-9), 6);
    html_number(out, value == 0 ? 0 : value, digits); /* no -0 */
}

static void y_tick(const struct plot *p, double y, double step)
{
    buf_printf(p->out, "<line class='grid' x1='%d' x2='%d' y1='%.1f' y2='%.1f'/>", LEFT,
               LEFT + PLOT_COLUMNS, y_at(p, y), y_at(p, y));
    buf_printf(p->out, "<text x='%d' y='%.1f' text-anchor='end'>", LEFT - 6, y_at(p, y) + 4);
    tick_text(p->out, y, step);
    buf_text(p->out, "</text>");
}

static void y_ticks(const struct plot *p)
{
    if (p->y_log) {
        for (int64_t k = (int64_t)ceil(log10(p->y_min) - 1e-9);
             pow(10, (double)k) <= p->y_max * (1 + 1e-9); k++)
            y_tick(p, pow(10, (double)k), pow(10, (double)k));
        return;
    }
    const double step = round_step(p->y_max - p->y_min);
    for (int64_t k = (int64_t)ceil(p->y_min / step - 1e-9);
         (double)k * step <= p->y_max + step * 1e-9; k++)
        y_tick(p, (double)k * step, step);
}

static void x_ticks(const struct plot *p)
{
    const double step = round_step(p->x_max - p->x_min);
    const int bottom = p->height - BOTTOM;
    for (int64_t k = (int64_t)ceil(p->x_min / step - 1e-9);
         (double)k * step <= p->x_max + step * 1e-9; k++) {
        const double x = (double)k * step;
        buf_printf(p->out, "<line class='axis' x1='%.1f' x2='%.1f' y1='%d' y2='%d'/>", x_at(p, x),
                   x_at(p, x), bottom, bottom + 4);
        buf_printf(p->out, "<text x='%.1f' y='%d' text-anchor='middle'>", x_at(p, x), bottom + 18);
        tick_text(p->out, x, step);
        buf_text(p->out, "</text>");
    }
}

void plot_begin(struct plot *p, const char *title, const char *x_label, const char *y_label)
{
    buf_printf(p->out, "<div class='wide'><svg role='img' width='%d' height='%d' aria-label=\"",
               PLOT_WIDTH, p->height);
    html_text(p->out, title);
    buf_text(p->out, "\">");
    y_ticks(p);
    x_ticks(p);
    buf_printf(p->out, "<path class='axis' d='M%d %dV%dH%d'/>", LEFT, TOP, p->height - BOTTOM,
               LEFT + PLOT_COLUMNS);
    buf_printf(p->out, "<text x='%d' y='%d' text-anchor='middle'>", LEFT + PLOT_COLUMNS / 2,
               p->height - 8);
    html_text(p->out, x_label);
    buf_printf(p->out,
               "</text><text transform='translate(14 %d) rotate(-90)' "
               "text-anchor='middle'>",
               (TOP + p->height - BOTTOM) / 2);
    html_text(p->out, y_label);
    buf_text(p->out, "</text>");
}

void plot_end(struct plot *p)
{
    buf_text(p->out, "</svg></div>");
}

/* ---- what is drawn ---- */

void plot_line(struct plot *p, const double *x, const double *y, size_t count, const char *class_)
{
    bool pen = false;
    buf_printf(p->out, "<path class='line %s' d='", class_);
    for (size_t i = 0; i < count; i++) {
        const bool known = isfinite(y[i]) && isfinite(x[i]);
        if (known)
            buf_printf(p->out, "%c%.1f %.1f", pen ? 'L' : 'M', x_at(p, x[i]), y_at(p, y[i]));
        pen = known;
    }
    buf_text(p->out, "'/>");
}

/* Of the points in one column of pixels the last one counts. */
void plot_steps(struct plot *p, const double *x, const double *y, size_t count, const char *class_)
{
    double column = NAN;
    double at = NAN;
    buf_printf(p->out, "<path class='line %s' d='", class_);
    for (size_t i = 0; i < count; i++) {
        const double here = floor(x_at(p, x[i]));
        if (i + 1 < count && floor(x_at(p, x[i + 1])) == here)
            continue;
        const double level = y_at(p, y[i]);
        if (isnan(column))
            buf_printf(p->out, "M%.0f %.1f", here, level);
        else if (level != at)
            buf_printf(p->out, "H%.0fV%.1f", here, level);
        column = here;
        at = level;
    }
    if (count > 0)
        buf_printf(p->out, "H%d", LEFT + PLOT_COLUMNS);
    buf_text(p->out, "'/>");
}

void plot_dot(struct plot *p, double x, double y, const char *class_, bool filled)
{
    if (x < p->x_min || x > p->x_max || y < p->y_min || y > p->y_max)
        return;
    buf_printf(p->out, "<circle class='dot %s%s' cx='%.1f' cy='%.1f' r='%d'/>", class_,
               filled ? " full" : "", x_at(p, x), y_at(p, y), filled ? 6 : 3);
}

void plot_level(struct plot *p, double y, const char *class_)
{
    if (y >= p->y_min && y <= p->y_max)
        buf_printf(p->out, "<line class='%s' x1='%d' x2='%d' y1='%.1f' y2='%.1f'/>", class_, LEFT,
                   LEFT + PLOT_COLUMNS, y_at(p, y), y_at(p, y));
}

void plot_mark(struct plot *p, double x, double row, bool up, const char *class_)
{
    buf_printf(p->out, "<path class='line %s' d='M%.1f %.1fv%d'/>", class_, x_at(p, x),
               y_at(p, row), up ? -7 : 7);
}
