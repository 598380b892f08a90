/* baseline.h - what `compare` plays a policy against: each with one knob that is turned until the
 * objective is just met, and a few variants of its other settings of which the best counts. */
#ifndef SLUICE_SIM_BASELINE_H
#define SLUICE_SIM_BASELINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/mem.h"
#include "base/span.h"
#include "model/profile.h"

#define BASELINE_VARIANTS_MAX 3

enum baseline_knob {
    KNOB_NONE,
    KNOB_COUNT,  /* replicas: whole, a larger one is dearer */
    KNOB_TARGET, /* load per replica: a larger one is cheaper */
    KNOB_LEAST,  /* minReplicas: whole, a larger one is dearer */
    KNOB_GIVEN,  /* a fixed count that follows from the trace: nothing is turned */
};

struct baseline {
    const char *name;
    const char *policy;
    const char *about;
    /* Rest of `autoscaling`: "@" is the knob's value, "@*0.5" half of it, "@*$prompts" that share
     * of a number of the engine, "$gpus" the number itself; see baseline_print(). */
    const char *variant[BASELINE_VARIANTS_MAX];
    double low;
    double high;
    enum baseline_knob knob;
    bool exact; /* the peer's whole loop and no stage of ours */
};

extern const struct baseline baselines[];
extern const size_t baseline_count;

/* NULL when unknown. A policy without a row here is played as it stands, without a knob. */
const struct baseline *baseline_find(struct span name);
size_t baseline_variants(const struct baseline *baseline); /* at least 1 */
/* A knob is turned: one run alone says nothing about this baseline. */
bool baseline_tuned(const struct baseline *baseline); /* NULL: false */
/* Appends the members of `autoscaling` after its policy: ", static: {replicas: 3}". */
void baseline_print(const struct baseline *baseline, size_t variant, double knob,
                    const struct engine_profile *profile, struct buf *ret);

#endif
