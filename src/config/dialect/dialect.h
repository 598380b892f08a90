/* dialect.h - which language a document is written in: the native one, or one of a foreign kind
 * that is translated.
 *
 * A dialect is one file with a `const struct dialect dialect_NAME` and one line in registry.def. It
 * is chosen by `apiVersion` and `kind` of the document; a document without both is native. */
#ifndef SLUICE_CONFIG_DIALECT_H
#define SLUICE_CONFIG_DIALECT_H

#include <stdbool.h>
#include <stddef.h>

#include "base/tree.h"
#include "config/read.h"

struct foreign;

struct dialect {
    const char *name;
    const char *kind;        /* value of `kind`; NULL = the document has none */
    const char *api_version; /* value of `apiVersion` up to its slash; NULL with kind NULL */
    const char *summary;
    /* Tells what a document comes to, and what is wrong with it; NULL for the native one. */
    void (*explain)(const struct foreign *f, const struct tree *document);
};

const struct dialect *dialect_at(size_t index); /* NULL past the end */
/* NULL when no dialect takes the document. */
const struct dialect *dialect_of(const struct tree *document);
/* True for a native document; else tells what kind it is and what is supported. */
bool dialect_is_native(struct reader *r, const struct tree *document);

#endif
