/* dialect.c - the registry of dialects and the choice by apiVersion and kind. */
#include "config/dialect/dialect.h"

const struct dialect dialect_native = {
    .name = "native",
    .summary = "A sluice file: pools by name, no apiVersion, no kind.",
};

#define DIALECT(name_) extern const struct dialect dialect_##name_;
#include "config/dialect/registry.def"
#undef DIALECT

static const struct dialect *const dialects[] = {
#define DIALECT(name_) &dialect_##name_,
#include "config/dialect/registry.def"
#undef DIALECT
};

const struct dialect *dialect_at(size_t index)
{
    return index < COUNT_OF(dialects) ? dialects[index] : NULL;
}

const struct dialect *dialect_of(const struct tree *document)
{
    struct span kind = {NULL, 0}, version = {NULL, 0}, group = {NULL, 0};
    const bool has_kind = tree_string(tree_get(document, "kind"), &kind);
    const bool has_version = tree_string(tree_get(document, "apiVersion"), &version);
    const bool foreign = has_kind || has_version;
    (void)span_split(&version, '/', &group);
    for (size_t i = 0; i < COUNT_OF(dialects); i++) {
        const struct dialect *d = dialects[i];
        if (foreign ? d->kind && span_equal_text(kind, d->kind) &&
                          span_equal_text(group, d->api_version)
                    : !d->kind)
            return d;
    }
    return NULL;
}

bool dialect_is_native(struct reader *r, const struct tree *document)
{
    const struct dialect *d = dialect_of(document);
    char words[READ_VALUE_MAX];
    if (d && !d->kind)
        return true;
    const struct tree *kind = tree_get(document, "kind");
    if (d)
        reader_error(r, kind, RC_UNSUPPORTED,
                     "kind %s cannot be run yet; `sluice explain` tells what it comes to as a pool",
                     read_value_words(kind, words));
    else
        reader_error(r, kind ? kind : tree_get(document, "apiVersion"), RC_UNSUPPORTED,
                     "kind %s is not supported yet (supported: native files without a kind)",
                     read_value_words(kind, words));
    return false;
}
