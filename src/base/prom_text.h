/* prom_text.h - strict reader of metrics pages: Prometheus text 0.0.4 and OpenMetrics 1.0.
 *
 * One pass over borrowed bytes, no allocation, no state between pages; a page is what an engine, an
 * exporter or ourselves serve under /metrics. It knows the formats, not what a metric means; that
 * is why it stands beside the readers of JSON and YAML. Numbers are never guessed: a line that two
 * readers could take for different numbers refuses the page.
 *
 * Samples are handed over while the page is read. The caller must throw away all of them when the
 * page is refused further down. */
#ifndef SLUICE_BASE_PROM_TEXT_H
#define SLUICE_BASE_PROM_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/limits.h"
#include "base/rc.h"
#include "base/span.h"

enum prom_format { PROM_TEXT, PROM_OPENMETRICS };

enum prom_type {
    PROM_UNTYPED, /* no TYPE line, `untyped` or `unknown` */
    PROM_COUNTER,
    PROM_GAUGE,
    PROM_HISTOGRAM,
    PROM_SUMMARY,
    PROM_GAUGEHISTOGRAM,
    PROM_INFO,
    PROM_STATESET,
};
const char *prom_type_name(enum prom_type type);

/* A name or label value as it stands on the page, without its quotes. */
struct prom_string {
    struct span raw;
    bool escaped; /* raw holds backslashes: read it with the functions below */
};
bool prom_string_is(struct prom_string s, const char *text);
/* At most size - 1 bytes and a NUL; returns the length of the whole, unescaped string. */
size_t prom_string_copy(struct prom_string s, char *ret_text, size_t size);
/* Equal strings have equal hashes, however they are escaped. */
uint64_t prom_string_hash(struct prom_string s);

struct prom_label {
    struct prom_string name;
    struct prom_string value;
};

/* Hash of labels in any order; `but` (may be NULL) and empty values do not count. */
uint64_t prom_labels_hash(const struct prom_label *label, size_t count, const char *but);

struct prom_exemplar {
    const struct prom_label *label;
    size_t label_count;
    double value;
    bool timed;
    double timestamp_s;
};

/* One line. Everything is borrowed for the time of the call. */
struct prom_sample {
    struct prom_string name;
    const struct prom_label *label;
    size_t label_count;
    double value;        /* NaN and infinities as written; NaN for a native histogram */
    struct span native;  /* a native histogram "{...}" in place of a number, else empty */
    double timestamp_s;  /* of `timed`: seconds since 1970 by the clock of the writer */
    bool timed;          /* has a timestamp */
    bool has_exemplar;   /* OpenMetrics */
    bool repeated;       /* Prometheus text: this series stood on the page before; last wins */
    enum prom_type type; /* of the TYPE line whose family it belongs to */
    uint64_t series;     /* hash of name and labels, whatever their order */
    uint32_t line;       /* 1-based */
    struct prom_exemplar exemplar;
};
typedef void prom_sample_fn(void *context, const struct prom_sample *sample);

/* Memory in which a reader notes what it has seen on a page: `slot_count` is a power of two. A page
 * needs two slots a line in Prometheus text, eight in OpenMetrics; only that many are cleared. */
struct prom_seen {
    uint64_t *slot;
    size_t slot_count;
};
/* Enough for PROM_SERIES_MAX lines of Prometheus text. */
#define PROM_SEEN_SLOTS ((size_t)1 << 18)
size_t prom_seen_slots(struct span text, enum prom_format format); /* what this page needs */

struct prom_reader {
    enum prom_format format;
    bool whole; /* the transport has proved that the text is complete. Without that a last line of
                   Prometheus text that does not end in a line feed may be half a number: refused */
    struct prom_seen seen;
    prom_sample_fn *on_sample;
    void *context;
};

struct prom_counts {
    size_t samples;
    size_t repeated;       /* series that stood on the page before (Prometheus text) */
    size_t misplaced_help; /* Prometheus text: second HELP or TYPE lines, or behind the samples */
};

/* RC_SYNTAX; RC_DUPLICATE (OpenMetrics: the same series or family twice); RC_INVALID (OpenMetrics:
 * numbers that contradict the type); RC_LIMIT for size, line, labels or series; line and column are
 * in diag. ret_counts is also written for a refused page. */
enum rc prom_parse(struct span text, const struct prom_reader *reader,
                   struct prom_counts *ret_counts, struct diag *diag) MUST_CHECK;

/* The format that a Content-Type names; Prometheus text for anything else. */
enum prom_format prom_format_of(struct span content_type);

/* The first printable bytes of a page, for words about one that was refused: at most size - 1 and a
 * NUL; others become '.'. */
void prom_excerpt(struct span text, char *ret_text, size_t size);

#endif
