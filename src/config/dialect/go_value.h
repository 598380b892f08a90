/* go_value.h - numbers, durations and truth values as programs written in Go read them from
 * strings: what stands in Kubernetes annotations and config maps. */
#ifndef SLUICE_CONFIG_DIALECT_GO_VALUE_H
#define SLUICE_CONFIG_DIALECT_GO_VALUE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/rc.h"
#include "base/span.h"

/* Decimal or hexadecimal, underscores between digits, "inf" and "nan" in any case. RC_SYNTAX,
 * RC_RANGE. */
enum rc go_float(struct span text, double *ret) MUST_CHECK;
/* Decimal with a sign of either kind, within [low, high]. RC_SYNTAX, RC_RANGE. */
enum rc go_int(struct span text, int64_t low, int64_t high, int64_t *ret) MUST_CHECK;
/* A unit is needed except for "0"; a day is no unit. RC_SYNTAX, RC_RANGE. */
enum rc go_duration(struct span text, int64_t *ret_ns) MUST_CHECK;
/* 1 t T TRUE true True, 0 f F FALSE false False. RC_SYNTAX. */
enum rc go_bool(struct span text, bool *ret) MUST_CHECK;

#endif
