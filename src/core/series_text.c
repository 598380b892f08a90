/* series_text.c - windows as JSON and back, bit for bit. */
#include <string.h>

#include "base/opt.h"
#include "core/fields.h"
#include "core/series.h"

/* A window is an array of 64-bit words by field table: what its words mean is series.c's business,
 * that they come back unchanged is ours. */
void series_print(const struct series_need *need, const void *state, struct json_writer *w)
{
    fields_print_words(state, series_size(need), w);
}

enum rc series_parse(const struct series_need *need, const struct tree *json, void *state,
                     struct diag *diag)
{
    const enum rc rc = fields_parse_words(json, state, series_size(need), diag);
    if (rc == RC_OK && !series_valid(need, state))
        return fail(diag, RC_INVALID, "the bytes of a window do not fit each other");
    return rc;
}
