/* prom_parts.h - the words of one line of a metrics page: names, labels, numbers. For prom_text.c
 * and prom_family.c only. */
#ifndef SLUICE_BASE_PROM_PARTS_H
#define SLUICE_BASE_PROM_PARTS_H

#include "base/prom_text.h"

/* Where a reader stands in a line, and why it stopped. */
struct prom_cursor {
    const char *at;
    const char *end;
    const char *words; /* of the first fault; NULL = none */
    bool loose;        /* blanks may stand between words (Prometheus text) */
};

static inline bool prom_at(const struct prom_cursor *c, char byte)
{
    return c->at < c->end && *c->at == byte;
}
/* Moves over `byte` when it is the next one. */
bool prom_take(struct prom_cursor *c, char byte);
/* Spaces and tabs, where they are allowed. */
void prom_blanks(struct prom_cursor *c);
/* Notes the first fault; returns false always. */
bool prom_fault(struct prom_cursor *c, const char *words);

/* A metric name without quotes. */
bool prom_name(struct prom_cursor *c, struct prom_string *ret);
/* From the byte behind the opening quote to the one behind the closing quote. */
bool prom_quoted(struct prom_cursor *c, struct prom_string *ret);
/* The bytes up to the next blank or the end. */
struct span prom_word(struct prom_cursor *c);

struct prom_labels {
    struct prom_label label[PROM_LABELS_MAX];
    size_t count;
};
/* From the byte behind '{' to the one behind '}'. name NULL: a name in braces is not allowed; else
 * it is filled from the braces when it is empty. */
bool prom_braces(struct prom_cursor *c, struct prom_labels *ret, struct prom_string *name);

/* Characters of all names and values, unescaped. */
size_t prom_labels_chars(const struct prom_labels *labels);
uint64_t prom_hash_more(uint64_t hash, struct span bytes); /* goes on where a hash of text ended */
uint64_t prom_hash_mix(uint64_t hash);

/* "{count:24,...,positive_spans:[0:2,1:2]}" from its '{' on. */
bool prom_native(struct prom_cursor *c, struct span *ret);

#endif
