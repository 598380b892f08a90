/* oracle_columns.h - the misses of every fixed fleet in every minute of a trace, which the oracle
 * chooses from. They depend on neither start-up time nor floor, so they are played once for all of
 * them, by several processes at once, and kept. */
#ifndef SLUICE_CLI_COMPARE_ORACLE_COLUMNS_H
#define SLUICE_CLI_COMPARE_ORACLE_COLUMNS_H

#include "cli/compare/player.h"
#include "sim/oracle.h"

/* Counts that the oracle may use when the smallest fixed fleet that meets the floor is `peak`. */
size_t oracle_columns_count(const struct cell *cell, int64_t peak);
/* Plays and keeps the columns of the counts for which n % share_count is share. What fails fails
 * again, and is told, when the table is read. */
void oracle_columns_play(struct player *player, const struct cell *cell, int64_t peak, size_t share,
                         size_t share_count);
/* Fills the table with what is kept and plays what is not; done with oracle_table_done(). */
enum rc oracle_columns_read(struct player *player, size_t count_max,
                            struct oracle_table *ret) MUST_CHECK;

#endif
