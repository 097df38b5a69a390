/* SPDX-License-Identifier: MIT
 * The pointwise part of every cell kind on every tier, forward and backward, against the equations
 * of docs/maths.md in double: all tails of units, gaps between rows, in place and not. */
#include <math.h>
#include <string.h>

#include "support/oracle.h"
#include "support/support.h"
#include "support/tiers.h"

#define DECLARE_OPS(tier, id)                                                              \
    extern const tkri_cell_ops tkri_elman_##tier, tkri_lstm_##tier, tkri_gru_after_##tier, \
        tkri_gru_before_##tier, tkri_lstm_any_##tier, tkri_gru_after_any_##tier,           \
        tkri_gru_before_any_##tier;
#define LIST_OPS(tier, id)                                                     \
    [TKR_TIER_##id] = {&tkri_elman_##tier,         &tkri_lstm_##tier,          \
                       &tkri_gru_after_##tier,     &tkri_gru_before_##tier,    \
                       &tkri_lstm_any_##tier,      &tkri_gru_after_any_##tier, \
                       &tkri_gru_before_any_##tier},

enum { ELMAN, LSTM, GRU_AFTER, GRU_BEFORE, LSTM_ANY, GRU_AFTER_ANY, GRU_BEFORE_ANY };

/* From a kind with the usual functions to the one with any. */
enum { TO_ANY = LSTM_ANY - LSTM };

TKRI_TIERS(DECLARE_OPS)
static const tkri_cell_ops *const OPS[][7] = {TKRI_TIERS(LIST_OPS)};

/* A cell's functions: of the gates, and of the candidate. */
typedef struct pair {
    int32_t gate, cell;
} pair;

static const pair USUAL = {TKR_LOGISTIC, TKR_TANH};

/* One unit of one row. a: the fields' pre-activations in the packed order; da: their gradients. */
typedef struct unit {
    double a[4], da[4], h_prev, h_in, h, c_prev, c, aux, peep[3], dpeep[3];
    double dh, dh_in, dc, daux; /* before backward: what arrives; after: what leaves */
} unit;

static double f(int32_t activation, double a) {
    return orc_activate(activation, a);
}

static double slope(int32_t activation, double y) {
    return orc_activate_slope(activation, y);
}

static void elman(unit *u, pair of) {
    u->h = f(of.cell, u->a[0]);
    u->da[0] = u->dh * (of.cell == TKR_GELU ? orc_gelu_slope(u->a[0]) : slope(of.cell, u->h));
    u->dh = 0;
}

static void lstm(unit *u, pair of) {
    double i = f(of.gate, u->a[0] + u->peep[0] * u->c_prev);
    double forget = f(of.gate, u->a[1] + u->peep[1] * u->c_prev), g = f(of.cell, u->a[2]);
    u->c = forget * u->c_prev + i * g;
    double o = f(of.gate, u->a[3] + u->peep[2] * u->c), y = f(of.cell, u->c);
    u->h = o * y;
    u->da[3] = u->dh * y * slope(of.gate, o);
    double dc = u->dc + u->dh * o * slope(of.cell, y) + u->da[3] * u->peep[2];
    u->da[0] = dc * g * slope(of.gate, i);
    u->da[1] = dc * u->c_prev * slope(of.gate, forget);
    u->da[2] = dc * i * slope(of.cell, g);
    u->dc = dc * forget + u->da[0] * u->peep[0] + u->da[1] * u->peep[1];
    u->dpeep[0] += u->da[0] * u->c_prev;
    u->dpeep[1] += u->da[1] * u->c_prev;
    u->dpeep[2] += u->da[3] * u->c;
    u->dh = 0;
}

/* Slots n, r, z, q. */
static void gru_after(unit *u, pair of) {
    double r = f(of.gate, u->a[1]), z = f(of.gate, u->a[2]);
    double n = f(of.cell, u->a[0] + r * u->a[3]);
    u->h = (1 - z) * n + z * u->h_prev;
    u->da[0] = u->dh * (1 - z) * slope(of.cell, n);
    u->da[1] = u->da[0] * u->a[3] * slope(of.gate, r);
    u->da[2] = u->dh * (u->h_prev - n) * slope(of.gate, z);
    u->da[3] = u->da[0] * r;
    u->dh = u->dh * z;
}

/* Slots r, z, n; a[2] is all of n's pre-activation, daux what came back through U_n. */
static void gru_before(unit *u, pair of) {
    double r = f(of.gate, u->a[0]), z = f(of.gate, u->a[1]), n = f(of.cell, u->a[2]);
    u->aux = r * u->h_in;
    u->h = (1 - z) * n + z * u->h_prev;
    u->da[2] = u->dh * (1 - z) * slope(of.cell, n);
    u->da[1] = u->dh * (u->h_prev - n) * slope(of.gate, z);
    u->da[0] = u->daux * u->h_in * slope(of.gate, r);
    u->dh = u->dh * z;
    u->dh_in += u->daux * r;
}

static void (*const EQUATIONS[])(unit *u, pair of) = {elman, lstm,      gru_after, gru_before,
                                                      lstm,  gru_after, gru_before};

/* The case: sizes and the arrays of one tkri_point. */
enum { ROWS = 3, MOST_UNITS = 40 };
typedef struct arrays {
    const tkri_cell_ops *ops;
    tkri_point p;
    int64_t vl;
    guard gates, dgates, h_prev, h_in, h, c_prev, c, aux, dh, dh_in, dc, daux, peep, dpeep;
    unit units[ROWS][MOST_UNITS];
} arrays;

static float *gate(const arrays *x, const float *base, int64_t row, int64_t j, int64_t field) {
    return (float *)base + j / x->vl * x->p.tile_stride + row * x->p.row_stride + field * x->vl +
           j % x->vl;
}

static double draw(orc_random *random, float *to) {
    *to = orc_number(random, 1);
    return (double)*to;
}

static void draw_unit(arrays *x, orc_random *random, int64_t row, int64_t j, int peepholes) {
    unit *u = &x->units[row][j];
    const int64_t at = row * x->p.ld_h + j;
    memset(u, 0, sizeof *u);
    for (int64_t s = 0; s < x->ops->fields; s++) {
        u->a[s] = draw(random, gate(x, x->gates.data, row, j, s));
    }
    u->h_prev = draw(random, &x->h_prev.data[at]);
    u->h_in = draw(random, &x->h_in.data[at]);
    u->c_prev = draw(random, &x->c_prev.data[at]);
    u->dh = draw(random, &x->dh.data[at]);
    u->dh_in = draw(random, &x->dh_in.data[at]);
    u->dc = draw(random, &x->dc.data[at]);
    u->daux = draw(random, &x->daux.data[at]);
    for (int64_t k = 0; peepholes && k < 3; k++) {
        float *p = &x->peep.data[k * x->p.ld_c + j];
        u->peep[k] = row ? (double)*p : draw(random, p);
    }
}

static guard zeros(int64_t n, int64_t shift) {
    guard g = guard_make(n, shift);
    memset(g.data, 0, (size_t)n * sizeof *g.data);
    return g;
}

/* Zeros everywhere, then drawn numbers for the real units; the gaps between rows are NaN. */
static void make(arrays *x, const tkri_kern *kern, int kind, int64_t units, int in_place,
                 int peepholes, pair of) {
    memset(x, 0, sizeof *x);
    x->ops = OPS[kern->tier][kind];
    x->vl = kern->vl;
    tkri_point *p = &x->p;
    p->rows = ROWS, p->units = units, p->tiles = tkri_tiles(units, kern->vl);
    p->row_stride = (x->ops->fields + 1) * x->vl, p->tile_stride = ROWS * p->row_stride + x->vl;
    p->ld_h = p->ld_c = p->tiles * x->vl + 16;
    p->activation = of.cell, p->gate_activation = of.gate;
    guard *all[] = {&x->h_prev, &x->h_in, &x->h,     &x->c_prev, &x->c,
                    &x->aux,    &x->dh,   &x->dh_in, &x->dc,     &x->daux};
    for (int i = 0; i < 10; i++) {
        *all[i] = zeros(ROWS * p->ld_h, i % 3);
    }
    x->peep = zeros(3 * p->ld_c, 0), x->dpeep = zeros(3 * p->ld_c, 0);
    x->gates = zeros(p->tiles * p->tile_stride, 1), x->dgates = zeros(x->gates.n, 0);
    p->gates = x->gates.data, p->dgates = in_place ? x->gates.data : x->dgates.data;
    p->h_prev = x->h_prev.data, p->h_in = x->h_in.data, p->h = x->h.data;
    p->c_prev = x->c_prev.data, p->c = x->c.data, p->aux = x->aux.data;
    p->dh = x->dh.data, p->dh_in = x->dh_in.data, p->dc = x->dc.data, p->daux = x->daux.data;
    p->peep = peepholes ? x->peep.data : NULL, p->dpeep = peepholes ? x->dpeep.data : NULL;
    orc_random random = {51 + (uint64_t)units};
    for (int64_t i = 0; i < ROWS * units; i++) {
        draw_unit(x, &random, i / units, i % units, peepholes);
    }
}

static void destroy(arrays *x) {
    guard *all[] = {&x->gates, &x->dgates, &x->h_prev, &x->h_in, &x->h,    &x->c_prev, &x->c,
                    &x->aux,   &x->dh,     &x->dh_in,  &x->dc,   &x->daux, &x->peep,   &x->dpeep};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        guard_free(all[i]);
    }
}

static void near(float got, double want, const char *what) {
    if (!(fabs((double)got - want) <= 2e-6 * fmax(1, fabs(want)))) {
        fail_msg("%s: %.9g, not %.9g", what, (double)got, want);
    }
}

static void check_unit(const arrays *x, int kind, int64_t row, int64_t j) {
    const unit *u = &x->units[row][j];
    const int64_t at = row * x->p.ld_h + j;
    near(x->h.data[at], u->h, "h");
    near(x->dh.data[at], u->dh, "dh");
    for (int64_t s = 0; s < x->ops->fields; s++) {
        near(*gate(x, x->p.dgates, row, j, s), u->da[s], "da");
    }
    if (EQUATIONS[kind] == lstm) {
        near(x->c.data[at], u->c, "c");
        near(x->dc.data[at], u->dc, "dc");
    }
    if (EQUATIONS[kind] == gru_before) {
        near(x->aux.data[at], u->aux, "r * h");
        near(x->dh_in.data[at], u->dh_in, "dh_in");
    }
}

/* The state's padding is zero, the gradients' too. */
static void check_padding(const arrays *x) {
    for (int64_t row = 0; row < ROWS; row++) {
        for (int64_t j = x->p.units; j < x->p.tiles * x->vl; j++) {
            near(x->h.data[row * x->p.ld_h + j], 0, "padding of h");
            near(x->c.data[row * x->p.ld_h + j], 0, "padding of c");
            near(x->dh.data[row * x->p.ld_h + j], 0, "padding of dh");
            for (int64_t s = 0; s < x->ops->fields; s++) {
                near(*gate(x, x->p.dgates, row, j, s), 0, "padding of da");
            }
        }
    }
}

static void run(arrays *x) {
    for (int64_t phase = 0; phase < x->ops->phases; phase++) {
        x->ops->forward[phase](&x->p);
    }
    for (int64_t phase = x->ops->phases - 1; phase >= 0; phase--) {
        x->ops->backward[phase](&x->p);
    }
}

static void check_case(const tkri_kern *kern, int kind, int64_t units, int in_place, int peepholes,
                       pair of) {
    arrays x;
    make(&x, kern, kind, units, in_place, peepholes, of);
    run(&x);
    double dpeep[3][MOST_UNITS] = {{0}};
    for (int64_t i = 0; i < ROWS * units; i++) {
        unit *u = &x.units[i / units][i % units];
        EQUATIONS[kind](u, of);
        check_unit(&x, kind, i / units, i % units);
        for (int64_t k = 0; k < 3; k++) {
            dpeep[k][i % units] += u->dpeep[k];
        }
    }
    for (int64_t i = 0; peepholes && i < 3 * units; i++) {
        near(x.dpeep.data[i / units * x.p.ld_c + i % units], dpeep[i / units][i % units], "dpeep");
    }
    check_padding(&x);
    destroy(&x);
}

static void check_kinds(const tkri_kern *kern) {
    for (int64_t units = 1; units <= MOST_UNITS; units++) {
        for (int in_place = 0; in_place < 2; in_place++) {
            for (int32_t cell = TKR_TANH; cell <= TKR_GELU; cell++) {
                check_case(kern, ELMAN, units, in_place, 0, (pair){0, cell});
            }
            check_case(kern, LSTM, units, in_place, 0, USUAL);
            check_case(kern, LSTM, units, in_place, 1, USUAL);
            check_case(kern, GRU_AFTER, units, in_place, 0, USUAL);
            check_case(kern, GRU_BEFORE, units, in_place, 0, USUAL);
        }
    }
}

/* All functions whose slope the output tells, in the places of the usual ones; the root, which
 * negative numbers do not have, is for none of these cells. */
static void check_any(const tkri_kern *kern) {
    const int32_t gates[] = {TKR_LOGISTIC, TKR_HARD_SIGMOID, TKR_HARD_SIGMOID_6};
    for (int64_t units = 1; units <= MOST_UNITS; units += units < 20 ? 1 : 7) {
        for (int kind = LSTM_ANY; kind <= GRU_BEFORE_ANY; kind++) {
            for (int32_t i = 0; i < 3 * TKR_SOFTPLUS; i++) {
                const pair of = {gates[i % 3], 1 + i / 3};
                check_case(kern, kind, units, i % 2, 0, of);
                if (kind == LSTM_ANY) {
                    check_case(kern, kind, units, i % 2, 1, of);
                }
            }
        }
    }
}

/* The usual functions, asked for, give the bits of the cells that have them built in. */
static void check_same(const tkri_kern *kern) {
    for (int64_t units = 1; units <= MOST_UNITS; units++) {
        for (int kind = LSTM; kind <= GRU_BEFORE; kind++) {
            arrays x, y;
            make(&x, kern, kind, units, 0, kind == LSTM, USUAL);
            make(&y, kern, kind + TO_ANY, units, 0, kind == LSTM, USUAL);
            assert_null(y.ops->steps);
            run(&x), run(&y);
            const guard *a[] = {&x.gates, &x.dgates, &x.h,  &x.c,    &x.aux,
                                &x.dh,    &x.dh_in,  &x.dc, &x.daux, &x.dpeep};
            const guard *b[] = {&y.gates, &y.dgates, &y.h,  &y.c,    &y.aux,
                                &y.dh,    &y.dh_in,  &y.dc, &y.daux, &y.dpeep};
            for (size_t i = 0; i < sizeof a / sizeof *a; i++) {
                assert_true(compare_bits(a[i]->data, b[i]->data, a[i]->n));
            }
            destroy(&x), destroy(&y);
        }
    }
}

/* A NaN among a unit's pre-activations reaches its state and no other unit's. */
static void check_nan(const tkri_kern *kern) {
    enum { UNITS = 19, AT = 9 };
    for (int kind = ELMAN; kind <= GRU_BEFORE_ANY; kind++) {
        for (int64_t field = 0; field < OPS[kern->tier][kind]->fields; field++) {
            arrays x;
            make(&x, kern, kind, UNITS, 1, 0, (pair){TKR_HARD_SIGMOID, TKR_RELU});
            *gate(&x, x.p.gates, 1, AT, field) = NAN;
            for (int64_t phase = 0; phase < x.ops->phases; phase++) {
                x.ops->forward[phase](&x.p);
            }
            for (int64_t i = 0; i < ROWS * UNITS; i++) {
                int64_t row = i / UNITS, j = i % UNITS, at = row * x.p.ld_h + j;
                int spoilt = isnan(x.h.data[at]) || isnan(x.aux.data[at]);
                assert_int_equal(spoilt, row == 1 && j == AT);
            }
            destroy(&x);
        }
    }
}

static void test_kinds(void **unused) {
    (void)unused;
    tiers_each(check_kinds);
}

static void test_any(void **unused) {
    (void)unused;
    tiers_each(check_any);
}

static void test_same(void **unused) {
    (void)unused;
    tiers_each(check_same);
}

static void test_nan(void **unused) {
    (void)unused;
    tiers_each(check_nan);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_kinds),
        cmocka_unit_test(test_any),
        cmocka_unit_test(test_same),
        cmocka_unit_test(test_nan),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
