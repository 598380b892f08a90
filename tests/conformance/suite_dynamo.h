/* suite_dynamo.h - what the files of suite dynamo share. */
#ifndef SLUICE_TESTS_CONFORMANCE_SUITE_DYNAMO_H
#define SLUICE_TESTS_CONFORMANCE_SUITE_DYNAMO_H

#include "core/policy/dynamo.h"
#include "suite.h"

#define DYNAMO_TOLERANCE 1e-6

/* The profile that `in` names, from the folder beside the vectors; NULL when it cannot be read. */
const struct dynamo_profile *dynamo_profile_named(const struct vector *v, const struct tree *in);
/* A number, where "NaN", "Inf" and "-Inf" stand for themselves. */
double dynamo_number(const struct tree *object, const char *key);
bool dynamo_same(struct buf *why, size_t step, const char *key, double found,
                 const struct tree *out);
struct dynamo_predictor dynamo_predictor_from(const struct tree *config, int kind);

enum verdict dynamo_interp_prefill(const struct vector *v, struct buf *why);
enum verdict dynamo_interp_decode(const struct vector *v, struct buf *why);
enum verdict dynamo_find_best_decode(const struct vector *v, struct buf *why);
enum verdict dynamo_predict_constant(const struct vector *v, struct buf *why);
enum verdict dynamo_predict_kalman(const struct vector *v, struct buf *why);
enum verdict dynamo_budget_single(const struct vector *v, struct buf *why);
enum verdict dynamo_budget_pair(const struct vector *v, struct buf *why);
enum verdict dynamo_budget_power(const struct vector *v, struct buf *why);
enum verdict dynamo_trace_buckets(const struct vector *v, struct buf *why);

#endif
