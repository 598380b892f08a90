/* proposal_text.h - one proposal as JSON and back, for decisions and states. */
#ifndef SLUICE_CORE_PROPOSAL_TEXT_H
#define SLUICE_CORE_PROPOSAL_TEXT_H

#include "base/rc.h"
#include "base/tree.h"
#include "core/decision.h"

/* One object. Up to four numbers, those at the end that are 0 left out. */
void proposal_print(const struct proposal *p, struct json_writer *w);
enum rc proposal_parse(const struct tree *json, struct proposal *ret, struct diag *diag) MUST_CHECK;

/* The member "numbers" of a proposal or trail entry. */
void numbers_print(const double number[4], struct json_writer *w);
enum rc numbers_parse(const struct tree *object, double ret_number[4],
                      struct diag *diag) MUST_CHECK;
enum rc reason_parse(const struct tree *object, uint16_t *ret, struct diag *diag) MUST_CHECK;

#endif
