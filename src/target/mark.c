/* mark.c - see mark.h. */
#include "target/mark.h"

#include <string.h>

#include "base/num.h"

#define DOCUMENT_BYTES_MAX (64U << 10)

struct raw {
    struct span replica, pool, class_, hash, port, gpus, gpu_share, group, pid;
};

/* Where the value of each variable goes. */
static const struct row {
    const char *name;
    size_t offset;
} rows[] = {
    {MARK_REPLICA, offsetof(struct raw, replica)},
    {MARK_POOL, offsetof(struct raw, pool)},
    {MARK_CLASS, offsetof(struct raw, class_)},
    {MARK_HASH, offsetof(struct raw, hash)},
    {MARK_PORT, offsetof(struct raw, port)},
    {MARK_GPUS, offsetof(struct raw, gpus)},
    {MARK_GPU_SHARE, offsetof(struct raw, gpu_share)},
    {MARK_GROUP, offsetof(struct raw, group)},
    {MARK_PID, offsetof(struct raw, pid)},
};

static bool digits(struct span text, uint64_t max, uint64_t *ret)
{
    uint64_t value = 0;
    if (text.len == 0)
        return false;
    for (size_t i = 0; i < text.len; i++) {
        const unsigned digit = (unsigned)(unsigned char)text.ptr[i] - '0';
        if (digit > 9 || value > (max - digit) / 10)
            return false;
        value = value * 10 + digit;
    }
    *ret = value;
    return true;
}

static enum rc convert(const struct raw *raw, struct mark *ret)
{
    struct mark m = {.gpu_share = 0};
    uint64_t class_ = 0;
    uint64_t port = 0;
    uint64_t pid = 0;
    const bool fine =
        digits(raw->replica, UINT64_MAX, &m.replica) && digits(raw->class_, UINT16_MAX, &class_) &&
        digits(raw->port, UINT16_MAX, &port) && digits(raw->pid, INT32_MAX, &pid) &&
        num_parse_hex(raw->hash, &m.hash) == RC_OK && raw->pool.len > 0 &&
        span_copy(raw->pool, m.pool, sizeof m.pool) &&
        span_copy(raw->gpus, m.gpus, sizeof m.gpus) &&
        span_copy(raw->group, m.group, sizeof m.group) &&
        num_parse(raw->gpu_share, &m.gpu_share) == RC_OK && m.gpu_share >= 0 && m.gpu_share <= 1;
    if (!fine)
        return RC_CORRUPT;
    m.class_ = (uint16_t)class_;
    m.port = (uint16_t)port;
    m.pid = (pid_t)pid;
    *ret = m;
    return RC_OK;
}

enum rc mark_read(struct span environ, const char *installation, struct mark *ret)
{
    struct raw raw = {.replica = {NULL, 0}};
    struct span rest = environ;
    struct span entry;
    bool ours = false;
    while (span_split(&rest, '\0', &entry)) {
        const size_t equals = span_find_byte(entry, '=', 0);
        if (equals == SIZE_MAX || !span_starts_with(entry, "SLUICE_"))
            continue;
        const struct span name = span_slice(entry, 0, equals);
        const struct span value = span_slice(entry, equals + 1, entry.len);
        if (span_equal_text(name, MARK_INSTALLATION))
            ours = span_equal_text(value, installation);
        for (size_t i = 0; i < COUNT_OF(rows); i++)
            if (span_equal_text(name, rows[i].name))
                memcpy((char *)&raw + rows[i].offset, &value, sizeof value);
    }
    return ours ? convert(&raw, ret) : RC_NOT_FOUND;
}

static bool text_of(const struct tree *document, const char *key, char *ret, size_t size)
{
    struct span text = {NULL, 0};
    return tree_string(tree_get(document, key), &text) && span_copy(text, ret, size);
}

static bool int_of(const struct tree *document, const char *key, int64_t max, int64_t *ret)
{
    return tree_int(tree_get(document, key), ret) && *ret >= 0 && *ret <= max;
}

static enum rc convert_document(const struct tree *document, struct mark *ret)
{
    struct mark m = {.gpu_share = 0};
    char hash[24];
    int64_t replica;
    int64_t class_;
    int64_t port;
    int64_t pid;
    int64_t ticks;
    const bool fine = int_of(document, "replica", INT64_MAX, &replica) &&
                      int_of(document, "class", UINT16_MAX, &class_) &&
                      int_of(document, "port", UINT16_MAX, &port) &&
                      int_of(document, "pid", INT32_MAX, &pid) &&
                      int_of(document, "startTicks", INT64_MAX, &ticks) &&
                      text_of(document, "pool", m.pool, sizeof m.pool) &&
                      text_of(document, "hash", hash, sizeof hash) &&
                      num_parse_hex(span_from(hash), &m.hash) == RC_OK &&
                      text_of(document, "boot", m.boot, sizeof m.boot) &&
                      text_of(document, "gpus", m.gpus, sizeof m.gpus) &&
                      tree_number(tree_get(document, "gpuShare"), &m.gpu_share) &&
                      text_of(document, "group", m.group, sizeof m.group) &&
                      text_of(document, "log", m.log, sizeof m.log);
    if (!fine)
        return RC_CORRUPT;
    m.replica = (uint64_t)replica;
    m.class_ = (uint16_t)class_;
    m.port = (uint16_t)port;
    m.pid = (pid_t)pid;
    m.start_ticks = (uint64_t)ticks;
    *ret = m;
    return RC_OK;
}

enum rc mark_read_document(struct span json, struct mark *ret)
{
    const struct tree *document = NULL;
    struct arena arena;
    arena_init(&arena, DOCUMENT_BYTES_MAX);
    const struct json_limits limits = {.depth_max = 4};
    enum rc rc = json_read(&arena, json, &limits, &document, NULL);
    if (rc == RC_OK)
        rc = convert_document(document, ret);
    arena_done(&arena);
    return rc == RC_OK ? RC_OK : RC_CORRUPT;
}
