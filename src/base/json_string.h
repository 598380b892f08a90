/* json_string.h - the inside of JSON strings: finding the end, undoing escapes; and finding doubled
 * member names. Private to the JSON reader and to those that peek into JSON without a tree. */
#ifndef SLUICE_BASE_JSON_STRING_H
#define SLUICE_BASE_JSON_STRING_H

#include <stdbool.h>
#include <stddef.h>

#include "base/rc.h"
#include "base/span.h"
#include "base/tree.h"

/* From the byte behind the opening quote to the closing one: RC_OK with *ret_at at the closing
 * quote, or RC_SYNTAX with *ret_at at the first bad byte (end of text, control byte, broken UTF-8).
 * Escapes are only skipped; `escaped` tells that there are some. */
enum rc json_string_scan(const char *p, const char *end, const char **ret_at,
                         bool *ret_escaped) MUST_CHECK;
/* Undoes the escapes of a scanned string; `out` has room for raw.len bytes. On RC_SYNTAX *ret_at is
 * the bad escape. */
enum rc json_string_decode(struct span raw, bool lone_surrogates, char *out, size_t *ret_len,
                           const char **ret_at) MUST_CHECK;

/* Scratch memory of json_keys_check(), zero to begin with. */
struct json_keys {
    const struct tree **slots;
    size_t cap;
};
/* RC_DUPLICATE with the second of two members of one name, RC_OK, or RC_NO_MEMORY. At most
 * n log n comparisons, whatever the names are. */
enum rc json_keys_check(struct json_keys *keys, const struct tree *object,
                        const struct tree **ret_doubled) MUST_CHECK;
void json_keys_done(struct json_keys *keys);

#endif
