/* SPDX-License-Identifier: MIT
 * sum_squares and the update rules of every tier against double. */
#include <math.h>
#include <string.h>

#include "support/oracle.h"
#include "support/support.h"
#include "support/tiers.h"

enum { MOST = 2000 };

static void check_sum_squares(const tkri_kern *kern) {
    static float x[MOST];
    orc_random random = {41};
    for (int64_t i = 0; i < MOST; i++) {
        x[i] = orc_number(&random, 1);
    }
    for (int64_t n = kern->vl; n <= MOST; n += 7 * kern->vl) {
        for (int k = 0; k < 2; k++) {
            float limit = k ? 0.5F : 0;
            double want = 0;
            for (int64_t i = 0; i < n; i++) {
                double g = k ? fmax(-0.5, fmin(0.5, (double)x[i])) : (double)x[i];
                want += g * g;
            }
            assert_true(fabs(kern->sum_squares(x, n, limit) - want) <= 2e-6 * want);
        }
    }
}

/* NaN and both infinities show, clipped or not, wherever they are; large and small numbers are
 * neither. */
static void check_not_finite(const tkri_kern *kern) {
    const float bad[] = {NAN, INFINITY, -INFINITY};
    for (int64_t at = 0; at < 160; at++) {
        for (int k = 0; k < 3; k++) {
            float x[160] = {0};
            x[at] = bad[k];
            assert_true(!isfinite(kern->sum_squares(x, 160, 0)));
            assert_true(!isfinite(kern->sum_squares(x, 160, 1)));
        }
        float x[160] = {0};
        x[at] = 1e25F;
        assert_true(fabs(kern->sum_squares(x, 160, 0) - 1e50) <= 1e44);
        x[at] = 1e-25F;
        assert_true(fabs(kern->sum_squares(x, 160, 0) - 1e-50) <= 1e-56);
    }
}

typedef float (*rule)(float *p, float *g, float *m, float *v, int64_t n, const tkri_update *u);

/* One number through the rule, in double. */
typedef struct number {
    double p, g, m, v;
} number;

static double clipped(const tkri_update *u, double g) {
    double limit = (double)u->limit;
    return (limit > 0 ? fmax(-limit, fmin(limit, g)) : g) * (double)u->scale;
}

static void adam(number *x, const tkri_update *u) {
    double rate = (double)u->rate, b1 = (double)u->beta1, b2 = (double)u->beta2;
    double decay = (double)u->decay, g = clipped(u, x->g), p = x->p;
    if (!u->decoupled) {
        g += decay * p;
    } else {
        p -= rate * decay * p;
    }
    x->m = b1 * x->m + (1 - b1) * g;
    x->v = b2 * x->v + (1 - b2) * g * g;
    x->p = p - rate * x->m * (double)u->correct1 /
                   (sqrt(x->v) * (double)u->correct2 + (double)u->epsilon);
}

static void sgd(number *x, const tkri_update *u) {
    double g = clipped(u, x->g) + (double)u->decay * x->p;
    x->m = (double)u->momentum * x->m + g;
    x->p -= (double)u->rate * (u->nesterov ? g + (double)u->momentum * x->m : x->m);
}

static void rmsprop(number *x, const tkri_update *u) {
    double g = clipped(u, x->g) + (double)u->decay * x->p, a = (double)u->beta2;
    x->v = a * x->v + (1 - a) * g * g;
    x->m = (double)u->momentum * x->m + g / (sqrt(x->v) + (double)u->epsilon);
    x->p -= (double)u->rate * x->m;
}

/* Three steps over n numbers; parameters and moments within float's rounding, gradients zeroed. */
static void check_rule(rule kernel, void (*one)(number *x, const tkri_update *u), int uses_v,
                       const tkri_update *u, int64_t n) {
    guard p = guard_make(n, 1), g = guard_make(n, 0), m = guard_make(n, 2), v = guard_make(n, 3);
    number want[3 * TKRI_MAX_VL];
    orc_random random = {42};
    for (int64_t i = 0; i < n; i++) {
        want[i] = (number){.p = (double)orc_number(&random, 1),
                           .m = (double)orc_number(&random, 1),
                           .v = orc_uniform(&random)};
        p.data[i] = (float)want[i].p, m.data[i] = (float)want[i].m, v.data[i] = (float)want[i].v;
        want[i].v = (double)v.data[i];
    }
    for (int step = 0; step < 3; step++) {
        for (int64_t i = 0; i < n; i++) {
            g.data[i] = orc_number(&random, 1);
            want[i].g = (double)g.data[i];
            one(&want[i], u);
        }
        const float largest = kernel(p.data, g.data, m.data, uses_v ? v.data : NULL, n, u);
        float most = 0;
        for (int64_t i = 0; i < n; i++) {
            most = fmaxf(most, fmaxf(fabsf(p.data[i]), fabsf(m.data[i])));
            most = uses_v ? fmaxf(most, v.data[i]) : most;
            assert_true(fabs((double)p.data[i] - want[i].p) <= 2e-6);
            assert_true(fabs((double)m.data[i] - want[i].m) <= 2e-6 * fmax(1, fabs(want[i].m)));
            assert_true(!uses_v || fabs((double)v.data[i] - want[i].v) <= 2e-6);
            assert_true(g.data[i] >= 0 && g.data[i] <= 0);
        }
        assert_true(largest >= most && largest <= most);
    }
    guard_free(&p), guard_free(&g), guard_free(&m), guard_free(&v);
}

/* Each option off and on. */
static void check_rules(const tkri_kern *kern) {
    for (int options = 0; options < 32; options++) {
        tkri_update u = {.rate = 0.1F,
                         .scale = options & 1 ? 0.5F : 1,
                         .limit = options & 2 ? 0.75F : 0,
                         .decay = options & 4 ? 0.01F : 0,
                         .beta1 = 0.875F,
                         .beta2 = 0.96875F,
                         .epsilon = 0.001F,
                         .correct1 = 1.25F,
                         .correct2 = 1.5F,
                         .momentum = options & 8 ? 0.5F : 0,
                         .nesterov = options & 16 ? 1 : 0,
                         .decoupled = options & 16 ? 1 : 0};
        for (int64_t n = kern->vl; n <= 3 * kern->vl; n += kern->vl) {
            check_rule(kern->adam, adam, 1, &u, n);
            check_rule(kern->sgd, sgd, 0, &u, n);
            check_rule(kern->rmsprop, rmsprop, 1, &u, n);
        }
    }
}

#define TEST(name)                           \
    static void test_##name(void **unused) { \
        (void)unused;                        \
        tiers_each(check_##name);            \
    }
TEST(sum_squares)
TEST(not_finite)
TEST(rules)

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sum_squares),
        cmocka_unit_test(test_not_finite),
        cmocka_unit_test(test_rules),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
