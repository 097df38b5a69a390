/* SPDX-License-Identifier: MIT
 * Every case of the kernels' bench, on every tier against the reference, as the bench checks it
 * before it times it; and a number that is off is noticed. */
#include "../../bench/kern/case.h"
#include "support/support.h"

/* Make and run a case on one table of a tier. */
static void run_on(operands *o, const kern_case *c, int32_t tier, int32_t variant) {
    static tkri_quantized_kern quantized[TKRI_MAX_QUANTIZED];
    assert_true(quantized_tables(tier, quantized) > variant);
    operands_make(o, c, tkri_kern_select(tier), &quantized[variant]);
    operands_run(o);
}

static int tables_of(const kern_case *c, int32_t tier) {
    tkri_quantized_kern quantized[TKRI_MAX_QUANTIZED];
    const int32_t n = quantized_tables(tier, quantized);
    return c->family->quantized || n == 0 ? n : 1;
}

static void check_case(const kern_case *c, const operands *want) {
    int tables = 0;
    for (int32_t tier = TKR_TIER_GENERIC; tier < TIERS_END; tier++) {
        for (int32_t variant = 0; variant < tables_of(c, tier); variant++) {
            operands got;
            run_on(&got, c, tier, variant);
            const int64_t at = operands_compare(&got, want);
            if (at >= 0) {
                fail_msg("%s, %s, tier %d: result %d is %.9g, not %.9g", c->kernel, c->shape,
                         (int)tier, (int)at, c->family->read(&got, at), c->family->read(want, at));
            }
            operands_free(&got);
            tables++;
        }
    }
    assert_true(tables > 0);
}

static void test_tiers(void **unused) {
    const kern_case *c;
    (void)unused;
    for (int i = 0; (c = kern_case_at(i)); i++) {
        operands want;
        run_on(&want, c, TKR_TIER_REFERENCE, 0);
        check_case(c, &want);
        operands_free(&want);
    }
}

/* A kernel that was not run, or run on other numbers, does not agree with one that was. */
static void test_faults(void **unused) {
    const kern_case *c;
    (void)unused;
    for (int i = 0; (c = kern_case_at(i)); i++) {
        operands want, idle;
        tkri_quantized_kern quantized[TKRI_MAX_QUANTIZED];
        run_on(&want, c, TKR_TIER_REFERENCE, 0);
        assert_true(quantized_tables(TKR_TIER_GENERIC, quantized) > 0);
        operands_make(&idle, c, tkri_kern_select(TKR_TIER_GENERIC), quantized);
        if (operands_compare(&idle, &want) < 0) {
            fail_msg("%s, %s: it need not run to pass", c->kernel, c->shape);
        }
        operands_free(&idle), operands_free(&want);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tiers),
        cmocka_unit_test(test_faults),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
