/* cell_play.h - what is played of one cell of a comparison: its preparation, a family of settings,
 * the oracle, other seeds. All of it is kept, so whoever asks again gets it without a run. */
#ifndef SLUICE_CLI_COMPARE_CELL_PLAY_H
#define SLUICE_CLI_COMPARE_CELL_PLAY_H

#include "cli/compare/comparison.h"

/* Length, work, objectives, the fixed fleet that meets the highest floor: from this follow the
 * bounds and the first count of all policies. The caller frees the player, also after a failure. */
enum rc cell_prepare(const struct comparison *comparison, struct compared *cell,
                     struct player **ret) MUST_CHECK;
/* To every floor, and to what the policies without a knob attained: there they are compared. */
void cell_play_family(const struct comparison *comparison, struct compared *cell,
                      struct family *family, struct player *player);
/* A share of the columns of the oracle's table: those of the highest floor have the others' in
 * them. A failure shows when the oracle reads them. */
void cell_play_columns(const struct compared *cell, struct player *player, size_t share,
                       size_t share_count);
/* A floor that nobody attains has no oracle; that is no failure. */
enum rc cell_play_oracle(const struct comparison *comparison, struct compared *cell,
                         struct player *player) MUST_CHECK;
/* A policy without a knob with another seed, and its peers with the settings that were tuned with
 * the first one: what it costs of the cheapest of them at the attainment that it reached. NAN:
 * there is nothing to compare. */
void cell_play_again(const struct comparison *comparison, const struct compared *cell,
                     const struct family *family, struct player *player, size_t again,
                     double *ret_ratio);

#endif
