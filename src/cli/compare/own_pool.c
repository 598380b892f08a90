#include "cli/compare/own_pool.h"

#include <stdio.h>

#include "cli/load.h"
#include "sim/installation.h"
#include "sim/simulation.h"

static enum rc gpus_of(const struct config *config, double *ret, struct diag *diag)
{
    struct installation *in = NULL;
    const enum rc rc = installation_make(config, &in, diag);
    if (rc == RC_OK)
        *ret = in->spec.group[0].pool[0].gpus_each;
    installation_free(in);
    return rc;
}

static enum rc check_objectives(const struct pool_config *pool,
                                const struct engine_profile *profile, struct diag *diag)
{
    const struct slo_spec *slo = &pool->core.slo;
    if (slo->ttft_ns == 0 && slo->inter_token_ns == 0 && slo->e2e_ns == 0)
        return fail(diag, RC_MISSING,
                    "pool \"%.64s\" has no objective to compare at; give its slo a ttft, an "
                    "interTokenLatency or an e2e",
                    pool->core.name);
    return builtin_check_slo(slo, profile, diag);
}

static enum rc fill(struct config *config, const char *pool, const struct engine_profile *profile,
                    struct own_pool *ret, struct builtin_slo *ret_slo, struct diag *diag)
{
    enum rc rc = simulation_choose(config, pool, NULL, diag);
    if (rc == RC_OK)
        rc = check_objectives(config->pool[0], profile, diag);
    if (rc == RC_OK)
        rc = gpus_of(config, &ret->gpus, diag);
    if (rc != RC_OK)
        return rc;
    const struct slo_spec *slo = &config->pool[0]->core.slo;
    (void)snprintf(ret->label, sizeof ret->label, "pool:%.*s", (int)sizeof ret->label - 6,
                   config->pool[0]->core.name);
    ret->config = config;
    *ret_slo = (struct builtin_slo){.ttft_ns = slo->ttft_ns,
                                    .ttft_per_token_ns = slo->ttft_per_token_ns,
                                    .itl_ns = slo->inter_token_ns,
                                    .e2e_ns = slo->e2e_ns,
                                    .attainment_percent = ret_slo->attainment_percent};
    return RC_OK;
}

int own_pool_load(const struct command_ops *command, const char *file, const char *pool,
                  const struct engine_profile *profile, struct own_pool *ret,
                  struct builtin_slo *ret_slo)
{
    struct problem_list problems;
    struct buf text;
    struct diag diag = {0};
    int status = EXIT_FAILED;
    problem_list_init(&problems);
    struct config *config = load_config(file, &problems, &text);
    if (config == NULL)
        load_report(stderr, &problems, &text);
    else if (fill(config, pool, profile, ret, ret_slo, &diag) != RC_OK)
        status = command_failed(command, &diag);
    else
        status = EXIT_OK;
    if (status != EXIT_OK)
        config_free(config);
    buf_done(&text);
    problem_list_done(&problems);
    return status;
}

void own_pool_done(struct own_pool *own)
{
    config_free(own->config);
    own->config = NULL;
}
