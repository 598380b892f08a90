/* prom_family.h - what OpenMetrics asks of the lines of one family together: order, types, values,
 * buckets. For prom_text.c only; it reads words, this judges what they say. */
#ifndef SLUICE_BASE_PROM_FAMILY_H
#define SLUICE_BASE_PROM_FAMILY_H

#include "base/prom_parts.h"

/* True when `hash` was there before. *full is set when there is no room. */
bool prom_seen_before(struct prom_seen *seen, uint64_t hash, bool *full);

/* The samples of one set of labels within a family: one histogram, one summary, one gauge. */
struct prom_group {
    uint64_t labels;
    bool open;
    bool timed;
    double timestamp_s;
    double bound; /* of the last bucket; NaN = none yet */
    double bucket;
    double count;
    double sum;
    bool has_count;
    bool has_sum;
    bool negative; /* a bound or quantile is */
};

struct prom_family {
    struct prom_string name;
    bool open;
    bool has_type;
    bool has_help;
    bool has_unit;
    bool has_samples;
    enum prom_type type;
    struct prom_group group;
    struct prom_seen *seen;
    bool full; /* no room in `seen` */
};

enum prom_metadata { PROM_TYPE, PROM_HELP, PROM_UNIT };

/* Each returns NULL or what is wrong; *ret_code says of which kind it is. */
const char *prom_family_metadata(struct prom_family *f, enum prom_metadata kind,
                                 struct prom_string name, struct span value, enum rc *ret_code);
/* Sets the type of the sample, too. */
const char *prom_family_sample(struct prom_family *f, struct prom_sample *s, enum rc *ret_code);
const char *prom_family_end(struct prom_family *f);

/* False when the word names no type of the format. */
bool prom_type_parse(enum prom_format format, struct span word, enum prom_type *ret);

#endif
