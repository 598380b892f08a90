/* suite.h - what a conformance suite is.
 *
 * A vector is one line of a JSON Lines file. The suite is chosen by the name of the folder that
 * holds the file, the kind by the member "kind" of the line or, without it, by the file's name up
 * to its first dot; what stands between that dot and ".jsonl" is the dialect
 * ("traj.k8s-1.20.2.jsonl": kind "traj", dialect "k8s-1.20.2").
 *
 * To add a suite: one file suite_NAME.c that defines `const struct suite suite_NAME` and one line
 * SUITE(NAME) in registry.def. The build finds the file by its name. */
#ifndef SLUICE_TESTS_CONFORMANCE_SUITE_H
#define SLUICE_TESTS_CONFORMANCE_SUITE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/mem.h"
#include "base/span.h"
#include "base/tree.h"

#define FILE_BYTES_MAX ((size_t)256 << 20)
#define VECTOR_MEMORY_MAX ((size_t)512 << 20)

struct vector {
    const char *folder;      /* path of the folder that holds the file */
    struct span file;        /* name of the file */
    struct span kind;        /* see above */
    struct span dialect;     /* may be empty */
    size_t line;             /* 1-based */
    const struct tree *tree; /* the whole line */
    struct arena *arena;     /* scratch, cleared after the vector */
};

enum verdict {
    VERDICT_PASSED,
    VERDICT_FAILED,
    VERDICT_SKIPPED, /* the suite does not know this kind; the runner names it */
};

struct suite {
    const char *name; /* of the folder */
    /* Judges one vector. Words about a failure go into `why`; what is written there for a vector
     * that passed is printed as a note (for example "refused, see RFC 9112 section 2.2"). */
    enum verdict (*run)(const struct vector *v, struct buf *why);
};

/* Whole file into `ret` (initialised by the caller); false when it cannot be read. */
bool read_file(const char *folder, struct span name, struct buf *ret);

/* For tables of kinds: SKIPPED when the kind is not in it. Ends with a NULL name. */
struct kind_row {
    const char *kind;
    enum verdict (*run)(const struct vector *v, struct buf *why);
};
enum verdict run_kind(const struct kind_row *rows, const struct vector *v, struct buf *why);

#endif
