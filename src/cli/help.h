/* help.h - texts that main and the help command share. */
#ifndef SLUICE_CLI_HELP_H
#define SLUICE_CLI_HELP_H

#include <stdio.h>

void help_print(FILE *out);
int help_unknown(const char *name);         /* says so on stderr; returns EXIT_USAGE */
const char *help_nearest(const char *name); /* a command's name, or NULL */

#endif
