/* top_screen.h - a terminal as `sluice top` needs it: raw keys, the other screen, its size. Put
 * back as it was whenever the program ends in order, or by a signal that asks for the end. */
#ifndef SLUICE_CLI_TOP_SCREEN_H
#define SLUICE_CLI_TOP_SCREEN_H

#include <stdbool.h>
#include <stdint.h>

#include "base/mem.h"

struct screen_size {
    size_t columns;
    size_t lines;
};

/* False: stdin or stdout is no terminal. One at a time. */
bool screen_open(void);
void screen_close(void);
struct screen_size screen_size(void);
/* A key; 0 when none came in time, or the size changed; 'q' also for Ctrl-C, SIGTERM and the end of
 * the input. */
int screen_key(int64_t wait_ns);
/* Shows the text from the top left; what stands below it is cleared. Lines beyond the screen are
 * cut on both sides. False: nobody reads any more. */
bool screen_show(struct buf *text);

#endif
