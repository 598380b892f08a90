#include "core/shadow/load_track.h"

#include <math.h>
#include <stddef.h>

#define SHORT_SHARE (1.0 / 20) /* of a new second, in the rate of generation of late */
#define LONG_SHARE (1.0 / 90)
#define MEAN_REQUESTS 2000.0 /* requests over which means are taken */
#define MEAN_ANSWERS 500.0
#define CONTEXT_SHARE 0.02
#define KNOWN_REQUESTS 20.0
#define HOUR_S 3600
#define ONE_TOKEN 1.01 /* a mean answer that is no more than the first one */

struct track_second track_second(struct load_track *track, double seen_s)
{
    const struct track_inbox *in = &track->inbox;
    const double span_s = seen_s + (double)track->unseen_s;
    const struct track_second second = {.requests = in->requests / span_s,
                                        .prompts = in->prompts / span_s};
    const double generated = in->generated / span_s;
    track->prompts[track->seconds % TRACK_SECONDS] = second.prompts;
    track->generated_short += (generated - track->generated_short) * SHORT_SHARE;
    track->generated_long += (generated - track->generated_long) * LONG_SHARE;
    track->seconds++;
    if (track->seconds % HOUR_S == 0)
        track->hour[track->seconds / HOUR_S % TRACK_HOURS] = 0;
    return second;
}

static void forget(double *a, double *b, double added, double most)
{
    const double keep = fmax(1 - added / most, 0);
    *a *= keep;
    *b *= keep;
}

void track_take(struct load_track *track, struct iteration_fit *fit)
{
    const struct track_inbox *in = &track->inbox;
    if (in->requests > 0 && in->prompts > 0) {
        const double mean = track->sum_requests > 0 ? track->sum_prompts / track->sum_requests
                                                    : in->prompts / in->requests;
        const double off = in->prompts - in->requests * mean;
        track->sum_square *= fmax(1 - in->requests / MEAN_REQUESTS, 0);
        track->sum_square += off * off;
        forget(&track->sum_requests, &track->sum_prompts, in->requests, MEAN_REQUESTS);
        track->sum_requests += in->requests;
        track->sum_prompts += in->prompts;
    }
    if (in->answers > 0) {
        forget(&track->sum_answers, &track->sum_answer_tokens, in->answers, MEAN_ANSWERS);
        track->sum_answers += in->answers;
        track->sum_answer_tokens += in->answer_tokens;
    }
    if (in->work.decoded > 0) {
        const double context = in->work.context / in->work.decoded;
        track->context += (context - track->context) * (track->context > 0 ? CONTEXT_SHARE : 1);
    }
    track->inbox.work.wall_s = (double)(track->seconds - track->taken);
    track->taken = track->seconds;
    iteration_fit_add(fit, &in->work);
    track->inbox = (struct track_inbox){0};
    track->unseen_s = 0;
}

/* Where answers are one token, as of a prefill pool, nothing decodes and there is no context. */
bool track_known(const struct load_track *track)
{
    const bool decodes = track->sum_answer_tokens > ONE_TOKEN * track->sum_answers;
    return track->sum_requests >= KNOWN_REQUESTS && track->sum_answers >= KNOWN_REQUESTS &&
           (track->context > 0 || !decodes) && track->sum_prompts > 0;
}

struct fluid_load track_load(const struct load_track *track)
{
    const double requests = fmax(track->sum_requests, 1);
    const double prompt = fmax(track->sum_prompts / requests, 1);
    const double variance = track->sum_square / requests;
    return (struct fluid_load){
        .prompt = prompt,
        .prompt_heavy = prompt + variance / prompt,
        .output = fmax(track->sum_answer_tokens / fmax(track->sum_answers, 1), 1),
        .context = fmax(track->context, 1),
    };
}

double track_demand(const struct load_track *track, const struct fluid_model *model, bool is_short)
{
    const int64_t want = is_short ? TRACK_SHORT_S : TRACK_LONG_S;
    const int64_t n = track->seconds < want ? track->seconds : want;
    double prompts = 0;
    for (int64_t i = 1; i <= n; i++)
        prompts += track->prompts[(track->seconds - i) % TRACK_SECONDS];
    const double generated = is_short ? track->generated_short : track->generated_long;
    return n > 0 ? model->t.prompt * prompts / (double)n + model->sequence_s * generated : 0;
}

double track_day(struct load_track *track, double demand)
{
    double *now = &track->hour[track->seconds / HOUR_S % TRACK_HOURS];
    *now = fmax(*now, demand);
    double most = 0;
    for (size_t i = 0; i < TRACK_HOURS; i++)
        most = fmax(most, track->hour[i]);
    return most;
}
