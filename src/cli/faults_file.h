/* faults_file.h - the schedule of faults that --faults names. */
#ifndef SLUICE_CLI_FAULTS_FILE_H
#define SLUICE_CLI_FAULTS_FILE_H

#include <stdbool.h>

#include "sim/faults.h"

/* False after the problems were told on stderr, each with its line. */
bool faults_load(const char *file, struct fault_plan *ret);

#endif
