/* own_pool.h - a pool of the user's own configuration as one of the policies of a comparison. */
#ifndef SLUICE_CLI_COMPARE_OWN_POOL_H
#define SLUICE_CLI_COMPARE_OWN_POOL_H

#include "cli/command.h"
#include "cli/setting.h"

/* Reads the file; problems are told on stderr. ret_slo: the objectives of the pool, which all
 * policies are held against. Returns EXIT_OK or the code to end with; free with own_pool_done(). */
int own_pool_load(const struct command_ops *command, const char *file, const char *pool,
                  const struct engine_profile *profile, struct own_pool *ret,
                  struct builtin_slo *ret_slo);
void own_pool_done(struct own_pool *own);

#endif
