/* profile_read.h - an engine's profile out of a file: coefficients that somebody wrote down, or
 * measurements that they are fitted to.
 *
 * JSON, told apart by its member "schema":
 *   sluice-profile/1                  coefficients in ms: iterationMs, sequenceMs, contextMs,
 *                                     promptMs; kvTokens, sequencesMax, chunkTokens,
 *                                     kvBlockTokens, gpus
 *   engine-profile/dynamo-presweep/1  a sweep of Dynamo's profiler
 *   engine-points/1                   batches of prompts and tokens, several engines in a file
 *   engine-load-curves/1              closed-loop curves, several engines in a file
 *   engine-kernel-tables/1            times of the kernels of one step
 * Of several engines one is chosen by words behind the file's name, with commas between:
 * "llama2-70b,h100-80gb,tp=4". There also stands what a file does not say: "kv=451000",
 * "batch=128", "chunk=8192", "gpus=2". Pure. */
#ifndef SLUICE_MODEL_PROFILE_READ_H
#define SLUICE_MODEL_PROFILE_READ_H

#include "base/span.h"
#include "model/profile.h"

#define PROFILE_FILE_MAX ((size_t)8 << 20)

/* name: of the profile, cut where it is too long. RC_INVALID, RC_MISSING, RC_UNKNOWN with words
 * that say what the file holds and what can be done. */
enum rc profile_read(struct span json, struct span words, struct span name,
                     struct engine_profile *ret, struct diag *diag) MUST_CHECK;

#endif
