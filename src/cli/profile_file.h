/* profile_file.h - the engine that --profile names: one that is built in, or a file. */
#ifndef SLUICE_CLI_PROFILE_FILE_H
#define SLUICE_CLI_PROFILE_FILE_H

#include "model/profile.h"

/* "llama2-70b-4xh100", "my.json", "points.json#llama2-70b,h100-80gb,tp=4,kv=450000". A word that is
 * no preset's name is a file when it has a slash, a dot or a #, or when there is such a file. */
enum rc profile_load(const char *text, struct engine_profile *ret, struct diag *diag) MUST_CHECK;

#endif
