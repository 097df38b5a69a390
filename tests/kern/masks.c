/* SPDX-License-Identifier: MIT
 * Masks, element by element against the generator's words; zoneout against its equations. */
#include <math.h>

#include "core/random.h"
#include "support/oracle.h"
#include "support/support.h"
#include "support/tiers.h"

enum { MOST = 160 };

static float element(const tkri_draw *d, uint64_t i) {
    uint32_t word[4];
    tkri_philox(word, d->seed, d->stream, (d->index + i) / 4);
    return (float)(word[(d->index + i) % 4] >> 8) * 0x1p-24f < d->rate ? d->yes : d->no;
}

/* Any length, across the counter's 32nd bit, and nothing is written behind the last. */
static void check_draw(const tkri_kern *kern) {
    const uint64_t starts[] = {0, 4, UINT64_C(4) * 0xFFFFFFF9, UINT64_C(1) << 40};
    for (size_t s = 0; s < sizeof starts / sizeof *starts; s++) {
        const tkri_draw d = {.seed = UINT64_C(0x299f31d0a4093822),
                             .stream = UINT64_C(0x0370734413198a2e) + s,
                             .index = starts[s],
                             .rate = 0.375f,
                             .yes = 3,
                             .no = -0.5f};
        for (int64_t n = 0; n < MOST; n++) {
            guard got = guard_make(n, n % 3);
            float want[MOST];
            for (int64_t i = 0; i < n; i++) {
                want[i] = element(&d, (uint64_t)i);
            }
            kern->draw_mask(got.data, &d, n);
            assert_true(compare_bits(got.data, want, n));
            guard_free(&got);
        }
    }
}

/* A number counts as drawn where it is below the rate, not where it is the rate. */
static void check_edges(const tkri_kern *kern) {
    float mask[MOST], least = 1;
    tkri_draw d = {.seed = 3, .rate = 0, .yes = 1, .no = 0};
    kern->draw_mask(mask, &d, MOST);
    for (int i = 0; i < MOST; i++) {
        uint32_t word[4];
        assert_true(mask[i] == 0.0f);
        tkri_philox(word, 3, 0, (uint64_t)i / 4);
        least = fminf(least, (float)(word[i % 4] >> 8) * 0x1p-24f);
    }
    d.rate = least;
    kern->draw_mask(mask, &d, MOST);
    for (int i = 0; i < MOST; i++) {
        assert_true(mask[i] == 0.0f);
    }
    d.rate = nextafterf(least, 1);
    kern->draw_mask(mask, &d, MOST);
    int drawn = 0;
    for (int i = 0; i < MOST; i++) {
        drawn += mask[i] != 0.0f;
    }
    assert_int_equal(drawn, 1);
}

static guard numbers(orc_random *random, int64_t n) {
    guard g = guard_make(n, 1);
    for (int64_t i = 0; i < n; i++) {
        g.data[i] = orc_number(random, 1);
    }
    return g;
}

/* The bits are those of the equations in float; where the mask is 1, of what was before, to a
 * rounding. */
static void check_zone(const tkri_kern *kern) {
    orc_random random = {33};
    for (int64_t n = 0; n <= MOST; n += kern->vl) {
        guard x = numbers(&random, n), before = numbers(&random, n), mask = numbers(&random, n);
        float want[MOST], by_rate[MOST];
        for (int64_t i = 0; i < n; i++) {
            want[i] = x.data[i] + mask.data[i] * (before.data[i] - x.data[i]);
            by_rate[i] = want[i] + 0.25f * (before.data[i] - want[i]);
        }
        kern->zone(x.data, before.data, mask.data, 0.5f, n);
        assert_true(compare_bits(x.data, want, n));
        kern->zone(x.data, before.data, NULL, 0.25f, n);
        assert_true(compare_bits(x.data, by_rate, n));
        guard_free(&x), guard_free(&before), guard_free(&mask);
    }
}

static void check_zone_gradient(const tkri_kern *kern) {
    orc_random random = {34};
    for (int64_t n = 0; n <= MOST; n += kern->vl) {
        guard d = numbers(&random, n), kept = numbers(&random, n), mask = numbers(&random, n);
        float want[MOST], rest[MOST];
        for (int64_t i = 0; i < n; i++) {
            want[i] = mask.data[i] * d.data[i];
            rest[i] = d.data[i] - want[i];
        }
        kern->zone_gradient(d.data, kept.data, mask.data, n);
        assert_true(compare_bits(kept.data, want, n));
        assert_true(compare_bits(d.data, rest, n));
        guard_free(&d), guard_free(&kept), guard_free(&mask);
    }
}

#define TEST(name)                           \
    static void test_##name(void **unused) { \
        (void)unused;                        \
        tiers_each(check_##name);            \
    }
TEST(draw)
TEST(edges)
TEST(zone)
TEST(zone_gradient)

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_draw),
        cmocka_unit_test(test_edges),
        cmocka_unit_test(test_zone),
        cmocka_unit_test(test_zone_gradient),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
