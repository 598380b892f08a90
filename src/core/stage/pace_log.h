/* pace_log.h - a short log of (time, number) inside stage state: sliding extremes and sliding sums.
 *
 * At most PACE_LOG_MAX entries; a full log joins its two oldest so that the answer can only hold a
 * count longer, never shorter. Flat, no pointers. A window covers (now - span, now]. */
#ifndef SLUICE_CORE_STAGE_PACE_LOG_H
#define SLUICE_CORE_STAGE_PACE_LOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PACE_LOG_MAX 16
/* NOLINTBEGIN(bugprone-macro-parentheses): designators cannot stand in parentheses. */
#define PACE_LOG_FIELDS(struct_, member_)                                                          \
    FIELD_ARRAY(I64, struct_, member_.t_ns, PACE_LOG_MAX),                                         \
        FIELD_ARRAY(I32, struct_, member_.number, PACE_LOG_MAX),                                   \
        FIELD(U32, struct_, member_.count), FIELD(U32, struct_, member_.reserved)
/* NOLINTEND(bugprone-macro-parentheses) */

struct pace_log {
    int64_t t_ns[PACE_LOG_MAX];
    int32_t number[PACE_LOG_MAX];
    uint32_t count;
    uint32_t reserved;
};

void pace_log_forget(struct pace_log *log, int64_t now_ns, int64_t span_ns);

/* Keeps what can still be the largest number of a window; for the smallest give negated ones. */
void pace_log_push_max(struct pace_log *log, int64_t now_ns, int64_t number);
/* The largest number in the window, or INT64_MIN when nothing is in it. */
int64_t pace_log_max(const struct pace_log *log, int64_t now_ns, int64_t span_ns);

/* Adds a number to the log; one time is one entry. */
void pace_log_add(struct pace_log *log, int64_t now_ns, int64_t number);
int64_t pace_log_sum(const struct pace_log *log, int64_t now_ns, int64_t span_ns);

#endif
