/* SPDX-License-Identifier: MIT */
#include "support/tiers.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "support/support.h"

enum { CANARIES = 48, ALIGNMENT = 64 };

static const uint32_t CANARY = 0x7fc0dead; /* a NaN that nothing computes */

/* The tables to test, by number; NULL behind the last. */
static void find(const tkri_kern *tables[TIERS_MOST + 1]) {
    const char *asked = getenv("TEKRAR_TEST_TIER");
    int n = 0;
    for (int32_t tier = TKR_TIER_REFERENCE; tier < TIERS_MOST; tier++) {
        const tkri_kern *kern = tkri_kern_select(tier);
        if (kern && (!asked || atoi(asked) == tier)) {
            assert_int_equal(kern->tier, tier);
            tables[n++] = kern;
        }
    }
    assert_true(n >= (asked ? 1 : 2));
    tables[n] = NULL;
}

void tiers_each(void (*check)(const tkri_kern *kern)) {
    const tkri_kern *tables[TIERS_MOST + 1];
    find(tables);
    for (int i = 0; tables[i]; i++) {
        check(tables[i]);
    }
}

void tiers_each_env(void (*check)(const tkr_env *env)) {
    const tkri_kern *tables[TIERS_MOST + 1];
    find(tables);
    for (int i = 0; tables[i]; i++) {
        const tkr_env env = {.size = sizeof env, .tier = tables[i]->tier};
        check(&env);
    }
}

guard guard_make(int64_t n, int64_t shift) {
    guard g = {.n = n, .shift = shift};
    size_t bytes = (size_t)(n + shift + 2 * CANARIES) * sizeof *g.block;
    assert_int_equal(posix_memalign((void **)&g.block, ALIGNMENT, bytes), 0);
    for (size_t i = 0; i < bytes / sizeof CANARY; i++) {
        memcpy(&g.block[i], &CANARY, sizeof CANARY);
    }
    g.data = g.block + CANARIES + shift;
    for (int64_t i = 0; i < n; i++) {
        g.data[i] = NAN;
    }
    return g;
}

static int is_canary(const float *p) {
    return memcmp(p, &CANARY, sizeof CANARY) == 0;
}

void guard_free(guard *g) {
    for (int64_t i = 0; i < CANARIES + g->shift; i++) {
        assert_true(is_canary(&g->block[i]));
    }
    for (int64_t i = 0; i < CANARIES; i++) {
        assert_true(is_canary(&g->data[g->n + i]));
    }
    free(g->block);
    memset(g, 0, sizeof *g);
}
