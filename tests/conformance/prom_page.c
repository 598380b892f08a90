#include "prom_page.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

struct outcome {
    enum rc rc;
    struct prom_counts counts;
    struct diag diag;
    uint64_t numbers; /* hash over everything that was handed over */
};

static uint64_t mix(uint64_t hash, uint64_t value)
{
    return (hash ^ value) * UINT64_C(0x100000001b3);
}

static void take_sample(void *context, const struct prom_sample *s)
{
    struct outcome *out = context;
    uint64_t bits = 0;
    memcpy(&bits, &s->value, sizeof(bits));
    out->numbers = mix(mix(out->numbers, s->series), isnan(s->value) ? 1 : bits);
}

static void read_page(struct span text, enum prom_format format, bool whole, struct outcome *out)
{
    memset(out, 0, sizeof(*out));
    struct prom_reader reader = {.format = format,
                                 .whole = whole,
                                 .seen = {.slot_count = PROM_SEEN_SLOTS},
                                 .on_sample = take_sample,
                                 .context = out};
    reader.seen.slot = mem_new(PROM_SEEN_SLOTS, sizeof(uint64_t));
    out->rc = reader.seen.slot ? prom_parse(text, &reader, &out->counts, &out->diag) : RC_NO_MEMORY;
    free(reader.seen.slot);
}

static const char *find_allowed(const struct prom_allowed *allowed, struct span file)
{
    for (; allowed->file; allowed++)
        if (span_equal_text(file, allowed->file))
            return allowed->why;
    return NULL;
}

/* Faults that the reader takes on purpose wherever they stand. */
static const char *harmless(struct span text, enum prom_format format, const struct outcome *out)
{
    struct outcome unproved;
    if (format == PROM_OPENMETRICS)
        return NULL;
    if (out->counts.misplaced_help > 0)
        return "a second HELP or TYPE line carries no number (FAULTS 15)";
    read_page(text, format, false, &unproved);
    if (unproved.rc != RC_OK)
        return "refused unless the transport proves that the last line is complete";
    return NULL;
}

static enum verdict judge(struct span text, struct span file, bool accept, enum prom_format format,
                          const struct prom_allowed *allowed, struct buf *why)
{
    struct outcome out;
    struct outcome again;
    read_page(text, format, true, &out);
    read_page(text, format, true, &again);
    if (out.numbers != again.numbers || out.rc != again.rc) {
        buf_text(why, "two readings differ");
        return VERDICT_FAILED;
    }
    if (accept) {
        if (out.rc != RC_OK)
            buf_printf(why, "refused: %u:%u %s", out.diag.line, out.diag.column, out.diag.text);
        return out.rc == RC_OK ? VERDICT_PASSED : VERDICT_FAILED;
    }
    if (out.rc != RC_OK)
        return VERDICT_PASSED;
    const char *words = find_allowed(allowed, file);
    if (!words)
        words = harmless(text, format, &out);
    buf_printf(why, "taken with %zu samples: %s", out.counts.samples, words ? words : "why?");
    return words ? VERDICT_PASSED : VERDICT_FAILED;
}

enum verdict prom_page_run(const struct vector *v, enum prom_format format,
                           const struct prom_allowed *allowed, struct buf *why)
{
    struct span file;
    struct span expect;
    if (!tree_string(tree_get(v->tree, "file"), &file) ||
        !tree_string(tree_get(v->tree, "expect"), &expect))
        return VERDICT_SKIPPED;
    struct buf text;
    buf_init(&text, FILE_BYTES_MAX);
    enum verdict verdict = VERDICT_FAILED;
    if (read_file(v->folder, file, &text))
        verdict =
            judge(buf_view(&text), file, span_equal_text(expect, "accept"), format, allowed, why);
    else
        buf_text(why, "the file cannot be read");
    buf_done(&text);
    return verdict;
}
