/* dynamo_predict.h - Dynamo's predictors of the next interval's load: the last value, or a Kalman
 * filter over level and trend (conformance/dynamo, kinds "predict_*"). Plain data. */
#ifndef SLUICE_CORE_POLICY_DYNAMO_PREDICT_H
#define SLUICE_CORE_POLICY_DYNAMO_PREDICT_H

#include <stdbool.h>
#include <stdint.h>

enum dynamo_predictor_kind { DYNAMO_CONSTANT, DYNAMO_KALMAN };

struct dynamo_predictor {
    int kind; /* enum dynamo_predictor_kind */
    bool log1p;
    double q_level; /* variances of the process and of the measurement */
    double q_trend;
    double r;
};

struct dynamo_series {
    double last;
    double level;
    double trend;
    double p[4];   /* covariance, row by row */
    double cached; /* prediction since the last value */
    uint8_t any;   /* a value was stored */
    uint8_t awake; /* a value other than 0 was seen since the start or the last reset */
    uint8_t has_cached;
    uint8_t reserved[5];
};

void dynamo_series_init(struct dynamo_series *s);
/* From now on zeros are dropped again until another value comes. */
void dynamo_series_rest(struct dynamo_series *s);
/* NAN counts as 0. */
void dynamo_series_add(const struct dynamo_predictor *p, struct dynamo_series *s, double value);
double dynamo_series_predict(const struct dynamo_predictor *p, struct dynamo_series *s);

#endif
