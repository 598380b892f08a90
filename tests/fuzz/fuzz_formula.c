/* fuzz_formula.c - formulas: what is read can be evaluated with any numbers, gives the same twice,
 * and reads no name that it does not claim to use. */
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "core/formula.h"

#define CHECK(condition)                                                                           \
    do {                                                                                           \
        if (!(condition))                                                                          \
            abort();                                                                               \
    } while (0)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool same(double a, double b)
{
    return memcmp(&a, &b, sizeof(a)) == 0 || (isnan(a) && isnan(b));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const names[] = {"a", "b", "queue", "kv_cache"};
    static const double values[][4] = {
        {0, 0, 0, 0}, {1, -2, 3.5, 1e300}, {NAN, 1, NAN, 0.5}, {INFINITY, -INFINITY, 1e-300, 7}};
    struct formula formula;
    struct diag diag = {.code = RC_OK};
    const enum rc rc = formula_parse(span_of(data, size), names, COUNT_OF(names), &formula, &diag);
    if (rc != RC_OK) {
        CHECK(diag.code == rc && diag.text[0] != '\0');
        return 0;
    }
    CHECK(formula.count > 0 && formula.count <= FORMULA_OPS_MAX);
    CHECK(formula.constant_count <= FORMULA_CONSTANTS_MAX && formula.used >> COUNT_OF(names) == 0);
    for (size_t v = 0; v < COUNT_OF(values); v++) {
        const double value = formula_value(&formula, values[v]);
        CHECK(same(value, formula_value(&formula, values[v])));
        for (size_t n = 0; n < COUNT_OF(names); n++) {
            double changed[COUNT_OF(names)];
            if (formula.used >> n & 1)
                continue;
            memcpy(changed, values[v], sizeof(changed));
            changed[n] = 12345;
            CHECK(same(value, formula_value(&formula, changed)));
        }
    }
    return 0;
}
