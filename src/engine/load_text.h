/* load_text.h - the report of a load run for people and for machines. */
#ifndef SLUICE_ENGINE_LOAD_TEXT_H
#define SLUICE_ENGINE_LOAD_TEXT_H

#include <stdio.h>

#include "engine/load.h"

void load_print_progress(FILE *out, const struct load_report *report); /* one line */
void load_print_text(FILE *out, const struct load_report *report);
void load_print_json(FILE *out, const struct load_report *report);

#endif
