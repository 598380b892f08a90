/* plot.h - one plot as SVG inside a page: axes with round ticks, lines, steps, dots, marks. Texts
 * are 12 px and never scaled; colours come from the page's style (classes c0 to c9). */
#ifndef SLUICE_CLI_COMPARE_PLOT_H
#define SLUICE_CLI_COMPARE_PLOT_H

#include <stdbool.h>
#include <stddef.h>

#include "base/mem.h"

#define PLOT_WIDTH 760
#define PLOT_COLUMNS 660 /* pixels between the axes: more points than these are put together */
#define PLOT_COLOURS 10

struct plot {
    struct buf *out;
    double x_min;
    double x_max; /* > x_min */
    double y_min;
    double y_max; /* > y_min */
    int height;
    bool y_log; /* y_min > 0 */
};

/* title: what it shows, for those who cannot see it; labels of the axes. */
void plot_begin(struct plot *plot, const char *title, const char *x_label, const char *y_label);
void plot_end(struct plot *plot);
/* A line through points; those outside are cut off, NANs are gaps. */
void plot_line(struct plot *plot, const double *x, const double *y, size_t count,
               const char *class_);
/* The same in steps: a value stands until the next point, the last one to the end. */
void plot_steps(struct plot *plot, const double *x, const double *y, size_t count,
                const char *class_);
void plot_dot(struct plot *plot, double x, double y, const char *class_, bool filled);
/* Across the plot at a height. */
void plot_level(struct plot *plot, double y, const char *class_);
/* A short mark at x in a row of its own: above the row's middle or below it. */
void plot_mark(struct plot *plot, double x, double row, bool up, const char *class_);

#endif
