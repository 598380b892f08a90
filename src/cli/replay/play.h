/* play.h - a whole installation under the virtual clock, on the demand of a history: the same
 * control step, gateways' dispatchers and accounts as in the daemon, so that what comes out are the
 * same rows as in the state file. */
#ifndef SLUICE_CLI_REPLAY_PLAY_H
#define SLUICE_CLI_REPLAY_PLAY_H

#include "cli/replay/recorded.h"
#include "cli/replay/retake.h"
#include "model/profile.h"
#include "sim/installation.h"

/* Where the speed of a pool's engines comes from, best first. */
enum play_speed {
    PLAY_SPEED_ASKED,    /* --profile */
    PLAY_SPEED_LEARNED,  /* by the policy in force, while it ran */
    PLAY_SPEED_MEASURED, /* fitted to what the decision log measured */
    PLAY_SPEED_ASSUMED,  /* the default profile: nothing was measured */
};

/* What is held of the engines of a pool. */
struct play_engine {
    struct engine_profile profile;
    enum play_speed speed;
    int64_t startup_ns;
    double startup_sigma;
    bool startup_assumed; /* no start is on record */
};

struct play_engines_spec {
    const char *profile; /* NULL: what is learned, else PLAY_PROFILE */
    int64_t startup_ns;  /* 0: what is recorded */
};
#define PLAY_PROFILE "8b"
#define PLAY_STARTUP_NS INT64_C(30000000000) /* where no start is on record */
/* RC_UNKNOWN for a profile that is not there. */
enum rc play_engine_of(const struct play_engines_spec *spec, const struct recorded_pool *recorded,
                       const struct retake_pool *retaken, struct play_engine *ret,
                       struct diag *diag) MUST_CHECK;

struct play_spec {
    const struct installation *installation;
    const struct recorded *recorded;
    const struct play_engine *engine; /* by pool of the record */
    double gpus;                      /* of the whole installation; INFINITY = not described */
    uint64_t seed;
};

struct play {
    struct rows *rows; /* by pool of the record; of the window, without the lead */
    size_t count;
    uint64_t decision_hash;
    double seconds; /* simulated */
};
/* RC_STATE when a rule of the house is broken on the way, with its words. */
enum rc play_run(const struct play_spec *spec, struct play *ret, struct diag *diag) MUST_CHECK;
void play_done(struct play *play);

#endif
