/* counts.h - counters with labels: a bounded number of label sets, the rest in one set of "other"
 * (FAULTS 89). One owner, not thread-safe. */
#ifndef SLUICE_API_COUNTS_H
#define SLUICE_API_COUNTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define COUNTS_LABELS_MAX 4
#define COUNTS_LABEL_BYTES 64 /* longer values are cut */
#define COUNTS_OTHER "other"

struct counts;

/* At most `sets` label sets with their own count. NULL: no memory. */
struct counts *counts_new(size_t label_count, size_t sets);
void counts_free(struct counts *counts);
/* What finds neither place nor memory goes to "other". */
void counts_add(struct counts *counts, const char *const *labels, double amount);
void counts_set(struct counts *counts, const char *const *labels, double value);
void counts_clear(struct counts *counts, double value); /* of every set; the sets stay */

bool counts_overflow(const struct counts *counts); /* some stand in "other" */

/* In the order of their first mention, "other" last; labels live until the next change. False past
 * the end. */
bool counts_at(const struct counts *counts, size_t index, const char *ret_labels[COUNTS_LABELS_MAX],
               double *ret_value);

#endif
