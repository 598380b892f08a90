/* profile_internal.h - what the readers of profile files share. */
#ifndef SLUICE_MODEL_PROFILE_INTERNAL_H
#define SLUICE_MODEL_PROFILE_INTERNAL_H

#include "base/mem.h"
#include "base/tree.h"
#include "model/profile.h"
#include "model/profile_fit.h"

#define PROFILE_CHOICES_MAX 12

/* Engines that the words of the user fit. */
struct profile_choice {
    struct buf label[PROFILE_CHOICES_MAX];
    size_t count; /* those beyond the most may be counted twice */
};

struct profile_source {
    const struct tree *root;
    struct span words;
    struct profile_choice *choice;
    struct profile_fit *fit;
    bool chooses; /* the file may hold several engines */
};

/* True when a measurement of the engine with this label ("model,hardware,tp=4") counts. */
bool profile_choice_take(struct profile_choice *choice, struct span words, const char *label);

/* Fills sizes that the file says, and either the coefficients or the fit. */
typedef enum rc profile_reader(struct profile_source *source, struct engine_profile *ret,
                               struct diag *diag);
profile_reader profile_read_coefficients;
profile_reader profile_read_sweep;
profile_reader profile_read_points;
profile_reader profile_read_curves;
profile_reader profile_read_kernels;

#endif
