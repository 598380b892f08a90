/* suite_aibrix.h - what the files of suite aibrix share. */
#ifndef SLUICE_TESTS_CONFORMANCE_SUITE_AIBRIX_H
#define SLUICE_TESTS_CONFORMANCE_SUITE_AIBRIX_H

#include "config/zone.h"
#include "suite.h"

/* A zone of the system; false when it is not known. */
bool aibrix_zone(struct arena *arena, const char *name, const struct zone **ret);

enum verdict aibrix_suite_schedules(const struct vector *v, struct buf *why);
enum verdict aibrix_suite_annotations(const struct vector *v, struct buf *why);
enum verdict aibrix_suite_hpa(const struct vector *v, struct buf *why);
enum verdict aibrix_suite_validation(const struct vector *v, struct buf *why);

#endif
