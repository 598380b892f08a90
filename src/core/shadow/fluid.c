#include "core/shadow/fluid.h"

#include <math.h>
#include <stdint.h>
#include <string.h>

#include "base/num.h"

#define USE_MIN 0.1
#define USE_MAX 0.92
#define SEQUENCES_SHARE 0.95 /* of those that fit */
#define DECODE_SHARE_MIN 0.02
#define NOBODY_S 30.0    /* wait at no replica */
#define CODE_OCTAVE 38.0 /* codes for a factor of two */
#define CODE_ONE 164

void fluid_model_derive(struct fluid_model *m)
{
    const struct iteration_time *t = &m->t;
    const struct fluid_load *load = &m->load;
    m->sequence_s = t->sequence + t->context * load->context;
    m->chunk_s = t->prompt * m->chunk;
    m->work_s = t->prompt * load->prompt + m->sequence_s * load->output;
    const double room = SEQUENCES_SHARE * m->sequences_max * m->work_s / (load->output * t->each);
    double use = room / (1 + room);
    if (m->objective.itl_s > 0)
        use = fmin(use, 1 - t->each / m->objective.itl_s);
    m->use = fmin(fmax(use, USE_MIN), USE_MAX);
    m->iteration_s = t->each / (1 - m->use);
    m->sequences = fmin(m->use * load->output / m->work_s * m->iteration_s,
                        SEQUENCES_SHARE * m->sequences_max);
    m->sequences = fmax(m->sequences, 1e-3);
    const double first_s = t->prompt * load->prompt + t->each;
    m->allowance_s = INFINITY;
    m->slack_s = INFINITY;
    if (m->objective.ttft_s > 0) {
        const double ttft_s = m->objective.ttft_s;
        const double each_s = m->objective.ttft_per_token_s;
        m->allowance_s = fmax(ttft_s + each_s * load->prompt - first_s, ttft_s / 10);
        m->slack_s = fmax(ttft_s + (each_s - t->prompt) * load->prompt_heavy, ttft_s / 2);
    }
    if (m->objective.e2e_s > 0) {
        const double left_s = m->objective.e2e_s - first_s - load->output * m->iteration_s;
        m->allowance_s = fmin(m->allowance_s, fmax(left_s, m->objective.e2e_s / 10));
        m->slack_s = fmin(m->slack_s, fmax(left_s, m->objective.e2e_s / 2));
    }
}

double fluid_residence_s(const struct fluid *fluid, const struct fluid_model *model)
{
    return model->load.output * fluid->iteration_s;
}

/* Without the care of fmin() for what is no number: this runs a thousand times a second. */
static inline double least(double a, double b)
{
    return a < b ? a : b;
}

static inline double most_of(double a, double b)
{
    return a > b ? a : b;
}

/* Order of the steps: arrive, compute prompts, decode, spill what finds no room. */
double fluid_step(struct fluid *f, const struct fluid_model *m, double ready,
                  double arrived_prompts)
{
    f->prompts += arrived_prompts;
    if (!(ready > 0))
        return NOBODY_S / m->allowance_s;
    const double base_s = m->t.each + m->sequence_s * f->running / ready;
    const double full_s = base_s + m->chunk_s;
    const double most = m->chunk / full_s; /* prompt tokens a second and replica, in a backlog */
    const double each = f->prompts / ready;
    const double done = least(each, most);
    const double iteration_s =
        least(full_s, base_s / most_of(DECODE_SHARE_MIN, 1 - m->t.prompt * done));
    const double wait_s = (each - done) / most + full_s / 2 * done / most;
    const double life_s = most_of(1, m->load.output * iteration_s);
    f->running += done * ready / m->load.prompt - f->running / life_s;
    f->prompts -= done * ready;
    const double over = f->running - ready * m->sequences_max;
    if (over > 0) {
        f->running -= over;
        f->prompts += over * m->load.prompt;
    }
    f->prompts = least(f->prompts, most * ready * m->queue_s);
    const double share = 1 / life_s;
    f->iteration_s += (iteration_s - f->iteration_s) * share / (1 + share / 2);
    return wait_s / m->allowance_s;
}

/* Exponent and mantissa of the bits: a logarithm in straight pieces, the same on any machine. */
static double log2_rough(double x)
{
    uint64_t bits;
    memcpy(&bits, &x, sizeof(bits));
    const int64_t exponent = (int64_t)(bits >> 52 & 0x7ff) - 1023;
    const double mantissa = (double)(bits & ((UINT64_C(1) << 52) - 1)) / 4503599627370496.0;
    return (double)exponent + mantissa;
}

unsigned stress_code(double stress)
{
    if (!(stress > 0.01))
        return 0;
    if (stress > 100)
        return STRESS_CODES - 1;
    const double code = CODE_ONE + CODE_OCTAVE * log2_rough(stress);
    return code < 0 ? 0 : code > STRESS_CODES - 1 ? STRESS_CODES - 1 : (unsigned)code;
}

double stress_of_code(unsigned code)
{
    const double octaves = ((double)code + 0.5 - CODE_ONE) / CODE_OCTAVE;
    const double whole = floor(octaves);
    double power = 1;
    for (int i = 0; i < (int)fabs(whole); i++)
        power *= whole < 0 ? 0.5 : 2;
    return power * (1 + octaves - whole);
}
