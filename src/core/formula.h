/* formula.h - a small typed expression over named numbers, as a fixed-size program.
 *
 * Numbers: + - * / %, a ?? b (a where it is known, else b), min, max, sum and mean of (a, b, ...)
 * or
 * ([a, b, ...]), ceil, floor, round, abs. Conditions: < <= > >= == != && || ! true false. Choice:
 * condition ? a : b, both of one type. The whole is a number.
 * Types are checked when it is read, so evaluation cannot fail; it allocates nothing and takes
 * bounded time. */
#ifndef SLUICE_CORE_FORMULA_H
#define SLUICE_CORE_FORMULA_H

#include <stddef.h>
#include <stdint.h>

#include "base/rc.h"
#include "base/span.h"

#define FORMULA_OPS_MAX 96
#define FORMULA_CONSTANTS_MAX 24
#define FORMULA_STACK_MAX 24
#define FORMULA_DEPTH_MAX 16 /* parentheses, calls, signs and choices inside each other */
#define FORMULA_NAMES_MAX 32

struct formula_op {
    uint8_t code;
    uint8_t arg; /* index of a constant or name, or a count */
};

struct formula {
    uint32_t count; /* 0 = none was read */
    uint32_t constant_count;
    uint32_t used; /* bit n = name n is read */
    uint32_t reserved;
    struct formula_op op[FORMULA_OPS_MAX];
    double constant[FORMULA_CONSTANTS_MAX];
};

/* Names are letters, digits and underscores, not beginning with a digit. Errors tell the column
 * (from 1): RC_SYNTAX, RC_UNKNOWN for a name (with the nearest one), RC_INVALID for types,
 * RC_LIMIT.
 */
enum rc formula_parse(struct span text, const char *const *names, size_t name_count,
                      struct formula *ret, struct diag *diag) MUST_CHECK;
/* values[i] belongs to name i. NaN when it has no value: x / 0, or a NaN that it read. */
double formula_value(const struct formula *formula, const double *values);

#endif
