/* fluid.h - engines as a fluid: what a fleet of n equal replicas does in one second with the
 * prompts that came, and how much its requests suffer by it.
 *
 * A load is described by its means; demand is measured in replicas (seconds of work per second).
 * Plain numbers, no state of its own but struct fluid. */
#ifndef SLUICE_CORE_SHADOW_FLUID_H
#define SLUICE_CORE_SHADOW_FLUID_H

#include "core/shadow/iteration_fit.h"

#define STRESS_CODES 256

/* Objectives in seconds; 0 = none. */
struct fluid_objective {
    double ttft_s;
    double ttft_per_token_s; /* allowed on top for each prompt token */
    double itl_s;
    double e2e_s;
};

struct fluid_load {
    double prompt;       /* mean prompt tokens of a request, >= 1 */
    double prompt_heavy; /* mean prompt seen by a token of it: E[I^2] / E[I] */
    double output;       /* mean answer, >= 1 */
    double context;      /* mean context of a running sequence */
};

/* All that follows from model, load and objectives; made once a tick. */
struct fluid_model {
    struct iteration_time t;
    struct fluid_load load;
    struct fluid_objective objective;
    double sequences_max; /* that one replica decodes at a time */
    double chunk;         /* prompt tokens of one iteration */
    double queue_s;       /* requests that wait longer are gone */
    double sequence_s;    /* of one sequence in an iteration, its context included */
    double chunk_s;       /* of a full chunk */
    double allowance_s;   /* that a request may wait; INFINITY = no objective */
    double work_s;        /* of a request, on a full replica */
    double use;           /* share of a replica's time that may be work (rho) */
    double sequences;     /* per replica at that use (beta) */
    double iteration_s;   /* at that use */
    double slack_s;       /* of a typical prompt */
};
/* Fills what follows from t, load, objective, sequences_max, chunk and queue_s. */
void fluid_model_derive(struct fluid_model *model);

struct fluid {
    double prompts;     /* tokens that wait or are being computed */
    double running;     /* sequences that decode */
    double iteration_s; /* as requests see it, followed over their time */
};
/* One second with `ready` replicas; returns the wait of a request that comes now, relative to what
 * the objectives allow. */
double fluid_step(struct fluid *fluid, const struct fluid_model *model, double ready,
                  double arrived_prompts);
/* Time of a request in decode. */
double fluid_residence_s(const struct fluid *fluid, const struct fluid_model *model);

/* Stress on a logarithmic scale of 256 steps of about 2 %, from 0.05 to 5. */
unsigned stress_code(double stress);
double stress_of_code(unsigned code);

#endif
