/* config.c - a whole file: text, environment, general part, pools, and what they mean together. */
#include "config/config.h"

#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/rng.h"
#include "config/dialect/dialect.h"
#include "config/env.h"
#include "config/join.h"
#include "config/lists.h"
#include "config/read.h"
#include "config/yaml.h"

#define CONFIG_MEMORY_MAX ((size_t)4 << 30)
#define POOL_PATH "pools"

static const struct tree *read_document(struct config *c, struct reader *r)
{
    struct diag diag = {.code = RC_OK};
    const struct tree *tree = NULL;
    struct yaml_documents documents = {NULL, 0};
    enum rc rc;
    if (c->text.len > CONFIG_BYTES_MAX) {
        reader_error(r, NULL, RC_LIMIT, "the file has %zu bytes, at most %u are read", c->text.len,
                     CONFIG_BYTES_MAX);
        return NULL;
    }
    if (span_ends_with(span_from(c->file), ".json")) {
        rc = json_read(&c->arena, c->text, NULL, &tree, &diag);
    } else {
        rc = yaml_read(&c->arena, c->text, NULL, &documents, &diag);
        if (rc == RC_OK)
            tree = documents_join(r, &c->arena, &documents);
    }
    const struct tree place = {.line = diag.line, .column = diag.column};
    if (rc != RC_OK)
        reader_error(r, &place, rc, "%s", diag.text);
    else if (!tree && documents.count > 1)
        return NULL; /* told */
    else if (!tree || tree->kind == TREE_NULL)
        reader_error(r, NULL, RC_MISSING,
                     "the file is empty; the least is pools: {NAME: {target: "
                     "{process: {command: ...}}}}");
    else
        return tree;
    return NULL;
}

static bool is_name(struct span name)
{
    for (size_t i = 0; i < name.len; i++) {
        const char c = name.ptr[i];
        const bool inner = i > 0 && (c == '-' || c == '.');
        if (!inner && c != '_' && !(c >= 'a' && c <= 'z') && !(c >= 'A' && c <= 'Z') &&
            !(c >= '0' && c <= '9'))
            return false;
    }
    return name.len > 0 && name.len < NAME_SIZE;
}

/* Only the gateway sees requests for a pool at zero; other signals of demand come from outside. */
static bool can_wake(const struct config *c, const struct pool_config *pool)
{
    if (c->listen.gateway[0] != '\0' && pool->models.count > 0)
        return true;
    for (size_t i = 0; i < pool->core.metric_count; i++) {
        const enum signal_id id = pool->core.metric[i].signal.id;
        if (id == SIGNAL_QUEUE_LAG || id == SIGNAL_EXTERNAL)
            return true;
    }
    return false;
}

static void check_pool(struct config *c, struct reader *r, const struct pool_config *pool)
{
    const struct tree *node = tree_get(pool->source, "minReplicas");
    if (pool->target.kind == TARGET_PROCESS && pool->core.replicas_min == 0 && !can_wake(c, pool)) {
        const size_t here = reader_down(r, span_from("minReplicas"));
        reader_error(r, node, RC_INVALID,
                     "is 0, but nothing could wake the pool: it needs listen.gateway and a model, "
                     "or a metric that is measured from outside (queue-lag, external:NAME)");
        reader_up(r, here);
    }
    const size_t up = reader_down(r, span_from("keys"));
    for (size_t i = 0; i < pool->keys.count; i++) {
        bool found = false;
        for (size_t k = 0; k < c->key_count && !found; k++)
            found = strcmp(c->key[k].name, pool->keys.item[i]) == 0;
        if (!found)
            reader_error(r, pool->keys_source, RC_NOT_FOUND, "there is no key \"%.64s\"",
                         pool->keys.item[i]);
    }
    reader_up(r, up);
}

/* Roles and groups are told apart by name, so pools of one group must agree to exist. */
static void check_groups(struct config *c, struct reader *r)
{
    assert(c->pool || c->pool_count == 0);
    for (size_t i = 0; i < c->pool_count; i++) {
        size_t members = 0;
        if (c->pool[i]->group[0] == '\0')
            continue;
        for (size_t k = 0; k <= i; k++)
            members += strcmp(c->pool[k]->group, c->pool[i]->group) == 0;
        if (members == POOLS_PER_GROUP_MAX + 1)
            reader_error(r, tree_get(c->pool[i]->source, "group"), RC_LIMIT,
                         "the group \"%s\" has more than %d pools", c->pool[i]->group,
                         POOLS_PER_GROUP_MAX);
    }
}

static void read_pools(struct config *c, struct reader *r)
{
    const struct tree *pools = c->pools_source;
    char words[READ_VALUE_MAX];
    if (!pools)
        return;
    const size_t up = reader_down(r, span_from(POOL_PATH));
    if (pools->kind != TREE_OBJECT)
        reader_error(r, pools, RC_INVALID, "is %s, pools by name are wanted, as in {chat: {...}}",
                     read_value_words(pools, words));
    else if (pools->count > CONFIG_POOLS_MAX)
        reader_error(r, pools, RC_LIMIT, "has %zu pools, at most %d are allowed", pools->count,
                     CONFIG_POOLS_MAX);
    else
        c->pool = arena_array(&c->arena, pools->count + 1, sizeof(struct pool_config *));
    for (const struct tree *t = c->pool ? pools->first : NULL; t; t = t->next) {
        const size_t here = reader_down(r, t->key);
        const struct tree *body = body_over(&c->arena, c->defaults_source, t);
        if (!is_name(t->key))
            reader_error_key(r, t, RC_INVALID,
                             "the name of a pool has 1 to %d letters, digits, -, _ and dots",
                             NAME_SIZE - 1);
        else if (!body)
            reader_error(r, t, RC_NO_MEMORY, "no memory left");
        else if ((c->pool[c->pool_count] =
                      pool_read(&c->arena, c->layout, c->file, r->path, t->key, body, r->problems)))
            check_pool(c, r, c->pool[c->pool_count++]);
        reader_up(r, here);
    }
    check_groups(c, r);
    reader_up(r, up);
}

static bool is_hex(const char *text)
{
    size_t n = 0;
    while ((text[n] >= '0' && text[n] <= '9') || (text[n] >= 'a' && text[n] <= 'f'))
        n++;
    return n == 64 && text[n] == '\0';
}

static void check_keys(struct config *c, struct reader *r)
{
    const struct tree *list = tree_get(c->source, "keys");
    for (size_t i = 0; i < c->key_count; i++) {
        const struct key_config *key = &c->key[i];
        const struct tree *item = tree_at(list, i);
        if (key->sha256[0] != '\0' && !is_hex(key->sha256))
            reader_error(r, tree_get(item, "sha256"), RC_SYNTAX,
                         "keys[%zu].sha256 is not 64 lower-case hex digits; make it with printf "
                         "%%s KEY | sha256sum",
                         i);
        bool found = key->tier[0] == '\0';
        for (size_t t = 0; t < c->tier_count && !found; t++)
            found = strcmp(c->tier[t].name, key->tier) == 0;
        if (!found)
            reader_error(r, tree_get(item, "tier"), RC_NOT_FOUND,
                         "keys[%zu].tier: there is no tier \"%s\"", i, key->tier);
    }
}

/* HOST:PORT, [IPv6]:PORT; the port is a number. */
static bool is_address(const char *text, bool *ret_loopback)
{
    const struct span s = span_from(text);
    size_t colon = s.len;
    while (colon > 0 && s.ptr[colon - 1] != ':')
        colon--;
    if (colon < 2 || s.len - colon == 0 || s.len - colon > 5)
        return false;
    uint32_t port = 0;
    for (size_t i = colon; i < s.len; i++) {
        if (s.ptr[i] < '0' || s.ptr[i] > '9')
            return false;
        port = port * 10 + (uint32_t)(s.ptr[i] - '0');
    }
    const struct span host = span_slice(s, 0, colon - 1);
    *ret_loopback = span_starts_with(host, "127.") || span_equal_text(host, "localhost") ||
                    span_equal_text(host, "[::1]");
    return port <= 65535 && (host.ptr[0] == '[' || span_find_byte(host, ':', 0) == SIZE_MAX);
}

static void check_address(struct config *c, struct reader *r, const char *name, const char *value,
                          bool local)
{
    bool loopback = true;
    const struct tree *node = tree_get(tree_get(c->source, "listen"), name);
    const size_t up = reader_down(r, span_from("listen"));
    (void)reader_down(r, span_from(name));
    if (value[0] != '\0' && !is_address(value, &loopback))
        reader_error(r, node, RC_SYNTAX, "is \"%.80s\", HOST:PORT is wanted, as in 127.0.0.1:8080",
                     value);
    else if (local && !loopback &&
             (c->listen.tls_certificate[0] == '\0' || c->listen.admin_token[0] == '\0'))
        reader_error(r, node, RC_DENIED,
                     "is \"%.80s\", beyond this machine: set listen.tlsCertificate, listen.tlsKey "
                     "and listen.adminToken, or use 127.0.0.1",
                     value);
    reader_up(r, up);
}

static void check_notify(struct config *c, struct reader *r)
{
    const struct tree *list = tree_get(c->source, "notify");
    for (size_t i = 0; i < c->notify_count; i++) {
        const struct notify_config *hook = &c->notify[i];
        const struct tree *item = tree_at(list, i);
        const struct span url = span_from(hook->url);
        if (url.len > 0 && !span_starts_with(url, "http://") && !span_starts_with(url, "https://"))
            reader_error(r, tree_get(item, "url"), RC_SYNTAX,
                         "notify[%zu].url is \"%.80s\", http://HOST:PORT or https://HOST is wanted",
                         i, hook->url);
        if (hook->secret[0] != '\0' && hook->secret_file[0] != '\0')
            reader_error(r, item, RC_CONFLICT,
                         "notify[%zu]: secret and secretFile exclude each other", i);
    }
}

static void check_general(struct config *c, struct reader *r)
{
    check_notify(c, r);
    check_address(c, r, "gateway", c->listen.gateway, false);
    check_address(c, r, "admin", c->listen.admin, true);
    /* Better refused than served in the clear by somebody who asked for more. */
    if ((c->listen.tls_certificate[0] != '\0') != (c->listen.tls_key[0] != '\0'))
        reader_error(r, tree_get(c->source, "listen"), RC_MISSING,
                     "tlsCertificate and tlsKey go together: one of them is missing");
    if ((c->listen.operate_token[0] != '\0' || c->listen.read_token[0] != '\0') &&
        c->listen.admin_token[0] == '\0')
        reader_error(r, tree_get(c->source, "listen"), RC_MISSING,
                     "adminToken is missing: operateToken and readToken are for those who may do "
                     "less than its holder");
    check_keys(c, r);
}

static void read_all(struct config *c, struct reader *r, const struct env_table *env)
{
    const struct tree *tree = read_document(c, r);
    if (!tree || !dialect_is_native(r, tree))
        return;
    c->source = env_expand(r, &c->arena, env, tree);
    if (!c->source)
        return;
    opt_defaults(c->layout->file, c->layout->file_count, c);
    read_options(r, c->layout->file, c->layout->file_count, c->source, c);
    if (c->source->kind != TREE_OBJECT)
        return;
    check_general(c, r);
    if (c->defaults_source && c->defaults_source->kind != TREE_OBJECT)
        reader_error(r, c->defaults_source, RC_INVALID, "defaults is no pool body");
    read_pools(c, r);
    if (c->pools_source && c->pools_source->kind == TREE_OBJECT && c->pools_source->count == 0)
        reader_error(r, c->pools_source, RC_MISSING, "holds no pool");
}

struct config *config_read(const char *file, struct span text, const struct env_table *env,
                           struct problem_list *problems)
{
    struct reader r;
    const size_t errors = problems->errors;
    reader_init(&r, problems, file, "");
    struct config *c = mem_new(1, sizeof(*c));
    if (!c) {
        reader_error(&r, NULL, RC_NO_MEMORY, "no memory left");
        return NULL;
    }
    arena_init(&c->arena, CONFIG_MEMORY_MAX);
    c->file = arena_copy(&c->arena, span_from(file)).ptr;
    c->text = arena_copy(&c->arena, text);
    c->layout = layout_new(&c->arena);
    if (!c->file || !c->text.ptr || !c->layout)
        reader_error(&r, NULL, RC_NO_MEMORY, "no memory left");
    else
        read_all(c, &r, env);
    c->hash = hash_span(1, c->text);
    problem_list_sort(problems);
    if (problems->errors == errors)
        return c;
    config_free(c);
    return NULL;
}

void config_free(struct config *config)
{
    if (!config)
        return;
    mem_wipe(&config->listen, sizeof(config->listen));
    mem_wipe(&config->notify, sizeof(config->notify));
    arena_done(&config->arena);
    free(config);
}

bool config_starts_programs(const struct config *config)
{
    for (size_t i = 0; i < config->pool_count; i++) {
        const struct pool_config *pool = config->pool[i];
        if (pool->target.kind == TARGET_PROCESS)
            return true;
        for (size_t k = 0; k < pool->source_count; k++)
            if (pool->source_list[k].kind == SOURCE_EXEC)
                return true;
    }
    return false;
}

const struct pool_config *config_pool(const struct config *config, struct span name)
{
    for (size_t i = 0; i < config->pool_count; i++)
        if (span_equal_text(name, config->pool[i]->core.name))
            return config->pool[i];
    return NULL;
}
