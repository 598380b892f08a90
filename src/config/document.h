/* document.h - what people and editors read about the configuration, made from the option rows:
 * JSON schema, an example with every option, and the reference page. */
#ifndef SLUICE_CONFIG_DOCUMENT_H
#define SLUICE_CONFIG_DOCUMENT_H

#include "base/mem.h"
#include "base/rc.h"

#define SCHEMA_FILE "sluice.schema.json"
#define SCHEMA_MODELINE "# yaml-language-server: $schema=" SCHEMA_FILE

/* JSON schema, draft 2020-12, indented. */
enum rc document_schema(struct buf *out) MUST_CHECK;
/* YAML with every option: a pool that runs, and all others with their defaults behind a "#". Taking
 * the "#" away from lines that have no space after it gives a file that is read without errors. */
enum rc document_example(struct buf *out) MUST_CHECK;
/* Markdown: a table for each group of options. */
enum rc document_reference(struct buf *out) MUST_CHECK;
/* Markdown: one table of all policies. */
enum rc document_policies(struct buf *out) MUST_CHECK;

#endif
