/* fields.h - structs as JSON and back through their field tables, bit for bit.
 *
 * Numbers are shortest round-trip decimals; NaN is null, infinities are "+Inf" and "-Inf". An array
 * field is a JSON array. */
#ifndef SLUICE_CORE_FIELDS_H
#define SLUICE_CORE_FIELDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/opt.h"
#include "base/rc.h"
#include "base/tree.h"

/* Members of the object that is open in `w`; with `defaults` only those that differ from it. */
void fields_print(const struct field *rows, size_t count, const void *base, const void *defaults,
                  struct json_writer *w);
/* Reads the members that are there; with `all` a missing one is RC_MISSING. Unknown members are not
 * looked at. RC_INVALID with the member's name when a value does not fit. */
enum rc fields_parse(const struct field *rows, size_t count, const struct tree *object, bool all,
                     void *base, struct diag *diag) MUST_CHECK;

void fields_print_number(double value, struct json_writer *w);
bool fields_parse_number(const struct tree *json, double *ret);

/* Bytes that no table describes: hex digits without the zeros at the end. */
void fields_print_words(const void *bytes, size_t size, struct json_writer *w);
enum rc fields_parse_words(const struct tree *json, void *bytes, size_t size,
                           struct diag *diag) MUST_CHECK;

#endif
