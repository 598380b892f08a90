/* Since when a pool is idle. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "base/duration.h"
#include "traffic/dispatch.h"

#include <cmocka.h>

static void a_pool_is_idle_since_it_exists_until_its_first_request(void **state)
{
    (void)state;
    struct dispatch_config config;
    struct gateway_snapshot snapshot;
    dispatch_config_default(&config);
    config.begun_ns = 1000 * SECOND_NS;
    struct dispatch *d = dispatch_new(&config);
    assert_non_null(d);
    dispatch_snapshot(d, 1003 * SECOND_NS, &snapshot);
    assert_int_equal(snapshot.idle_ns, 3 * SECOND_NS);
    dispatch_free(d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_pool_is_idle_since_it_exists_until_its_first_request),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
