/* load.h - configuration files from disk, with the environment, for every command that takes one.
 */
#ifndef SLUICE_CLI_LOAD_H
#define SLUICE_CLI_LOAD_H

#include <stdbool.h>
#include <stdio.h>

#include "config/config.h"

/* Bytes of a file, "-" for standard input; at most CONFIG_BYTES_MAX + 1 of them. RC_IO with words.
 */
enum rc load_text(const char *file, struct buf *ret, struct diag *diag) MUST_CHECK;
/* The environment as ${env:NAME} sees it; env is empty when memory is out. Free what is returned
 * (may be NULL) after the last use of env. */
struct environment;
struct environment *load_environment(struct env_table *env);
void load_environment_free(struct environment *environment);
/* Reads and checks. Problems, an unreadable file too, are in the list. text is kept for
 * load_report(); free with config_free() and buf_done(). */
struct config *load_config(const char *file, struct problem_list *problems, struct buf *text);
/* Every problem with its source line. Colours on a terminal, but not under NO_COLOR. */
void load_report(FILE *out, const struct problem_list *problems, const struct buf *text);

#endif
