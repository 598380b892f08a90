/* oracle_play.h - the oracle of a cell: the cheapest schedule that was found to attain a floor when
 * it was really played. */
#ifndef SLUICE_CLI_COMPARE_ORACLE_PLAY_H
#define SLUICE_CLI_COMPARE_ORACLE_PLAY_H

#include "cli/compare/player.h"

#define ORACLE_NAME "oracle"

/* Up to two replicas more than `peak`, the smallest fixed fleet that attains the floor; the trace
 * is played once, for nothing is learned. RC_NOT_FOUND: no schedule of those tried attains it. The
 * JSON of its run is appended to ret_json (one object). */
enum rc oracle_find(struct player *player, const struct cell *cell, double floor, int64_t peak,
                    struct sweep_point *ret, struct buf *ret_json) MUST_CHECK;

#endif
