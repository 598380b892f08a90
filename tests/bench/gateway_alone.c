/* gateway_alone - a gateway whose routes stand on its command line, without control: to try it by
 * hand and to measure it.
 *
 * usage: gateway_alone LISTEN MODEL=HOST:PORT[,HOST:PORT...]...   until SIGINT or SIGTERM */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/gateway.h"
#include "io/address.h"
#include "io/random.h"

#define POOLS_MAX 16

static void on_up(void *user, const struct message *message)
{
    int64_t *said = user;
    said[message->kind]++;
}

static void on_signal(void *user, int signal_number)
{
    (void)signal_number;
    loop_stop(user);
}

static void usage(void)
{
    (void)fprintf(stderr, "usage: gateway_alone LISTEN MODEL=HOST:PORT[,HOST:PORT...]...\n");
    exit(2);
}

/* Fills one pool from MODEL=HOST:PORT,... */
static void read_pool(const char *text, struct route_pool *pool, struct route_model *model,
                      uint64_t *next_id)
{
    struct span rest = span_from(strchr(text, '='));
    struct span part;
    if (rest.len == 0)
        usage();
    const struct span name = span_of(text, (size_t)(rest.ptr - text));
    rest = span_slice(rest, 1, SIZE_MAX);
    pool->replica = calloc(REPLICAS_PER_POOL_MAX, sizeof(*pool->replica));
    pool->eta_ns = -1;
    model->weight_percent = 100;
    bool fine = pool->replica && span_copy(name, pool->name, sizeof(pool->name)) &&
                span_copy(name, model->name, sizeof(model->name));
    while (fine && span_split(&rest, ',', &part) && pool->replica_count < REPLICAS_PER_POOL_MAX) {
        struct route_replica *replica = &pool->replica[pool->replica_count++];
        struct span host;
        replica->id = (*next_id)++;
        replica->weight = 1;
        fine = address_split(part, 80, &host, &replica->port) == RC_OK &&
               span_copy(host, replica->host, sizeof(replica->host));
    }
    if (!fine)
        usage();
}

/* What is measured is the way through, not the waiting. */
static enum rc lift_limits(struct gateway *gateway, size_t pools)
{
    enum rc rc = RC_OK;
    for (size_t i = 0; i < pools && rc == RC_OK; i++) {
        const struct message limits = {.kind = MESSAGE_LIMITS,
                                       .pool = (uint16_t)i,
                                       .generation = 1,
                                       .limits = {.queue_requests = 1024}};
        rc = gateway_tell(gateway, &limits);
    }
    return rc;
}

int main(int argc, char **argv)
{
    static struct route_pool pool[POOLS_MAX];
    static struct route_model model[POOLS_MAX];
    int64_t said[MESSAGE_SUSPECT + 1] = {0};
    struct loop *loop = NULL;
    struct gateway *gateway = NULL;
    struct gateway_config config;
    struct diag diag = {0};
    uint64_t next_id = 1;
    if (argc < 3 || argc - 2 > POOLS_MAX)
        usage();
    for (int i = 2; i < argc; i++) {
        read_pool(argv[i], &pool[i - 2], &model[i - 2], &next_id);
        model[i - 2].pool = (uint16_t)(i - 2);
    }
    const struct routes routes = {.generation = 1,
                                  .pool = pool,
                                  .pool_count = (size_t)(argc - 2),
                                  .model = model,
                                  .model_count = (size_t)(argc - 2)};
    const struct message message = {.kind = MESSAGE_ROUTES, .routes = &routes};
    gateway_defaults(&config);
    config.server.listen = argv[1];
    config.seed = random_u64();
    enum rc rc = loop_new(&loop, &diag);
    if (rc == RC_OK)
        rc = gateway_new(loop, &config, on_up, said, &gateway, &diag);
    if (rc == RC_OK)
        rc = gateway_tell(gateway, &message);
    if (rc == RC_OK)
        rc = lift_limits(gateway, routes.pool_count);
    if (rc != RC_OK || loop_on_signal(loop, SIGINT, on_signal, loop) != RC_OK ||
        loop_on_signal(loop, SIGTERM, on_signal, loop) != RC_OK) {
        (void)fprintf(stderr, "gateway_alone: %s\n", diag.text);
        return 1;
    }
    (void)printf("listening on port %u\n", (unsigned)gateway_port(gateway));
    (void)fflush(stdout);
    loop_run(loop);
    gateway_free(gateway);
    loop_free(loop);
    for (size_t i = 0; i < routes.pool_count; i++)
        free(pool[i].replica);
    return 0;
}
