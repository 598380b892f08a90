/* A configuration, what the control step takes of it, and who still needs it. */
#include <stdlib.h>

#include "control/control_internal.h"

enum rc setting_new(struct config *config, struct setting **ret, struct diag *diag)
{
    struct setting *setting = mem_new(1, sizeof(*setting));
    if (setting == NULL) {
        config_free(config);
        return fail(diag, RC_NO_MEMORY, "no memory left");
    }
    setting->config = config;
    setting->users = 1;
    enum rc rc = installation_make(config, &setting->installation, diag);
    if (rc == RC_OK)
        rc = schedules_make(setting, diag);
    if (rc != RC_OK) {
        setting_unref(setting);
        return rc;
    }
    *ret = setting;
    return RC_OK;
}

struct setting *setting_ref(struct setting *setting)
{
    setting->users++;
    return setting;
}

void setting_unref(struct setting *setting)
{
    if (setting == NULL || --setting->users > 0)
        return;
    installation_free(setting->installation);
    arena_done(&setting->arena);
    config_free(setting->config);
    free(setting);
}
