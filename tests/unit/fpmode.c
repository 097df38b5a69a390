/* SPDX-License-Identifier: MIT
 * The caller's floating-point mode comes back from every call that computes, whatever it was;
 * inside a call denormal numbers count as zero. */
#include <fenv.h>
#include <stdlib.h>

#include "core/fpmode.h"
#include "support/tiers.h"
#include "support/twin.h"

#if defined(__SSE2__) || defined(__aarch64__)
enum { HAS_MODE = 1 };
#else
enum { HAS_MODE = 0 };
#endif

/* The control bits: entering tells them, leaving puts them back. */
static uint64_t mode_now(void) {
    uint64_t mode = tkri_fpmode_enter();
    tkri_fpmode_leave(mode);
#if defined(__SSE2__)
    mode &= ~UINT64_C(0x3f); /* what has happened, not how to compute */
#endif
    return mode;
}

#define KEEPS_MODE(call)                    \
    do {                                    \
        uint64_t before_ = mode_now();      \
        assert_ok(call);                    \
        assert_true(mode_now() == before_); \
    } while (0)

static const orc_spec SPECS[] = {{.kind = TKR_LSTM, .input = 3, .hidden = 5},
                                 {.kind = TKR_LINEAR, .input = 5, .hidden = 4}};

/* A pass through everything that computes. */
static void compute(const tkr_env *env) {
    enum { STEPS = 2, BATCH = 40 };
    static const int32_t targets[STEPS * BATCH];
    static const float values[STEPS * BATCH * 4], x[BATCH * 3];
    float y[BATCH * 4];
    double loss;
    twin t;
    tkr_optimizer *opt;
    tkr_state *state;
    twin_open(&t, SPECS, 2, 1000, env);
    twin_shape(&t, STEPS, BATCH, NULL, TKR_TRAINING, false);
    float *input = twin_floats(t.net->input, STEPS * BATCH * 3);
    assert_ok(tkr_optimizer_create(&opt, TKR_ADAM, t.cell, env));
    assert_ok(tkr_state_create(&state, t.cell, BATCH, env));
    KEEPS_MODE(tkr_sequence_forward(t.seq, input, NULL, STEPS, BATCH));
    KEEPS_MODE(tkr_sequence_loss_values(t.seq, &loss, TKR_MSE, values, NULL));
    KEEPS_MODE(tkr_sequence_loss_ids(t.seq, &loss, targets, NULL));
    KEEPS_MODE(tkr_sequence_backward(t.seq, NULL, NULL));
    KEEPS_MODE(tkr_optimizer_step(opt, t.seq));
    KEEPS_MODE(tkr_cell_step(t.cell, state, y, x));
    KEEPS_MODE(tkr_cell_step_ids(t.cell, state, y, targets));
    KEEPS_MODE(tkr_cell_init(t.cell, 2));
    free(input);
    tkr_state_destroy(state);
    tkr_optimizer_destroy(opt);
    twin_close(&t);
}

/* From the standard mode, and from one that rounds and flushes otherwise. */
static void test_mode(void **unused) {
    (void)unused;
    const tkr_env two = {.size = sizeof two, .threads = 2};
    compute(NULL);
    compute(&two);
    assert_int_equal(fesetround(FE_TOWARDZERO), 0);
    compute(NULL);
    assert_int_equal(fegetround(), FE_TOWARDZERO);
    assert_int_equal(fesetround(FE_TONEAREST), 0);
    uint64_t standard = tkri_fpmode_enter(); /* the caller flushes denormals too */
    compute(&two);
    tkri_fpmode_leave(standard);
    compute(NULL);
}

/* Denormal weights and inputs are zeros to a cell, and denormals to the caller. */
static void check_denormals(const tkr_env *env) {
    const orc_spec spec = {.kind = TKR_LINEAR, .input = 1, .hidden = 1, .biases = ORC_NO_BIAS};
    const float tiny = 1e-40F, large = 1e30F;
    volatile float kept = tiny;
    float y;
    tkr_state *state;
    tkr_cell *cell = twin_cell(&spec, 1, env);
    assert_ok(tkr_state_create(&state, cell, 1, env));
    assert_ok(tkr_cell_set_parameter(cell, "weight", &large, 1));
    assert_ok(tkr_cell_step(cell, state, &y, &tiny));
    assert_true(y >= 0 && y <= 0);
    assert_ok(tkr_cell_set_parameter(cell, "weight", &tiny, 1));
    assert_ok(tkr_cell_step(cell, state, &y, &large));
    assert_true(y >= 0 && y <= 0);
    assert_true(kept * 1e30F > 0);
    tkr_state_destroy(state);
    tkr_cell_destroy(cell);
}

static void test_denormals(void **unused) {
    (void)unused;
    tiers_each_env(check_denormals);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_mode),
        cmocka_unit_test(test_denormals),
    };
    if (!HAS_MODE) {
        print_message("skipped: this machine has no mode that the library changes\n");
        return 77;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
