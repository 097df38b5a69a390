/* SPDX-License-Identifier: MIT
 * The library against the oracle: every kind x option x parameter, input and initial state, on
 * every tier of this machine, at sizes around the vectors' widths. */
#include <stdio.h>
#include <string.h>

#include "support/tiers.h"
#include "support/twin.h"

static const int64_t SIZES[] = {1, 3, 4, 5, 7, 8, 15, 16, 17, 31, 33};
enum { N_SIZES = sizeof SIZES / sizeof *SIZES };

enum { MODE = TKR_TRAINING | TKR_INPUT_GRADIENT };

/* Ragged lengths with 0 and T among them, for a batch of up to 7 and 5 steps. */
static const int32_t LENGTHS[] = {3, 0, 5, 1, 5, 2, 4};

/* One net: a given state on ragged lengths, then the cell's own on full ones. */
static void check_net(const orc_spec *specs, int64_t n, int64_t batch, const tkr_env *env,
                      const char *label) {
    twin t;
    twin_open(&t, specs, n, 100 + (uint64_t)batch, env);
    snprintf(t.label, sizeof t.label, "%s, tier %d, batch %d", label, env ? (int)env->tier : 0,
             (int)batch);
    twin_shape(&t, 5, batch, LENGTHS, MODE, true);
    twin_check(&t, 0, 0);
    twin_shape(&t, 4, batch, NULL, MODE, false);
    twin_check(&t, 0, 0);
    twin_close(&t);
}

/* The running number picks sizes, so that all options meet all sizes. */
static void check_spec(orc_spec spec, int64_t number, const tkr_env *env) {
    char label[120];
    spec.hidden = SIZES[number % N_SIZES];
    spec.input = SIZES[(number * 3 + 2) % N_SIZES];
    if (spec.input == spec.hidden) {
        spec.input++;
    }
    if (spec.projection < 0) {
        spec.projection = spec.hidden - 1;
    }
    if (spec.projection && spec.projection >= spec.hidden) {
        spec.hidden = spec.projection + 2;
    }
    snprintf(label, sizeof label,
             "kind %d I %d H %d P %d layers %d directions %d act %d reset %d peep %d biases %d "
             "learned %d before %d",
             (int)spec.kind, (int)spec.input, (int)spec.hidden, (int)spec.projection,
             (int)spec.layers, (int)spec.directions, (int)spec.activation, (int)spec.reset,
             (int)spec.peepholes, (int)spec.biases, (int)spec.learned, (int)spec.before);
    check_net(&spec, 1, 1 + number % 7, env, label);
}

/* Shapes that every recurrent kind has: layers, directions, biases, learned state, output before.
 */
static int64_t check_shapes(orc_spec spec, int64_t number, const tkr_env *env) {
    static const int64_t biases[] = {2, 1, ORC_NO_BIAS};
    for (int64_t i = 0; i < 3 * 3 * 3 * 2; i++) {
        int64_t shape = i / 9 % 3;
        spec.layers = 1 + i / 3 % 3;
        spec.biases = biases[i % 3];
        spec.directions = shape == 1 ? 2 : 1;
        spec.before = shape == 2;
        spec.learned = i / 27;
        check_spec(spec, number++, env);
    }
    return number;
}

static void check_elman(const tkr_env *env) {
    int64_t number = 0;
    for (int64_t f = TKR_TANH; f <= TKR_IDENTITY; f++) {
        number = check_shapes((orc_spec){.kind = TKR_ELMAN, .activation = f}, number, env);
    }
}

static void check_lstm(const tkr_env *env) {
    static const int64_t projections[] = {0, -1, 3};
    int64_t number = 0;
    for (int64_t i = 0; i < 6; i++) {
        orc_spec spec = {.kind = TKR_LSTM, .peepholes = i % 2, .projection = projections[i / 2]};
        number = check_shapes(spec, number, env);
    }
}

static void check_gru(const tkr_env *env) {
    int64_t number = 0;
    for (int64_t reset = TKR_RESET_AFTER; reset <= TKR_RESET_BEFORE; reset++) {
        number = check_shapes((orc_spec){.kind = TKR_GRU, .reset = reset}, number, env);
    }
}

static void check_linear(const tkr_env *env) {
    int64_t number = 0;
    for (int64_t f = TKR_TANH; f <= TKR_IDENTITY; f++) {
        for (int64_t size = 0; size < N_SIZES; size++) {
            check_spec(
                (orc_spec){
                    .kind = TKR_LINEAR, .activation = f, .biases = size % 2 ? ORC_NO_BIAS : 1},
                number++, env);
        }
    }
}

/* Every kind at every pair of sizes. */
static void check_sizes(const tkr_env *env) {
    for (int64_t i = 0; i < N_SIZES * N_SIZES; i++) {
        orc_spec spec = {.kind = (int32_t)(TKR_ELMAN + i % 4),
                         .hidden = SIZES[i / N_SIZES],
                         .input = SIZES[i % N_SIZES]};
        for (int32_t kind = TKR_ELMAN; kind <= TKR_LINEAR; kind++) {
            char label[64];
            spec.kind = kind;
            snprintf(label, sizeof label, "kind %d I %d H %d", (int)kind, (int)spec.input,
                     (int)spec.hidden);
            check_net(&spec, 1, 3, env, label);
        }
    }
}

/* Rows of 128 numbers stand further apart than they are long. */
static void check_wide(const tkr_env *env) {
    static const orc_spec specs[] = {
        {.kind = TKR_ELMAN, .input = 3, .hidden = 128, .learned = 1},
        {.kind = TKR_ELMAN, .input = 2, .hidden = 560}, /* weights that no cache keeps */
        {.kind = TKR_LSTM, .input = 128, .hidden = 128, .peepholes = 1, .learned = 1},
        {.kind = TKR_LSTM, .input = 2, .hidden = 130, .projection = 128, .directions = 2},
        {.kind = TKR_GRU, .input = 128, .hidden = 128, .learned = 1},
        {.kind = TKR_GRU, .input = 4, .hidden = 128, .reset = TKR_RESET_BEFORE, .learned = 1},
        {.kind = TKR_LINEAR, .input = 128, .hidden = 128},
    };
    for (size_t i = 0; i < sizeof specs / sizeof *specs; i++) {
        check_net(&specs[i], 1, 3, env, "wide");
    }
}

/* Ids in the place of one-hot vectors, and embeddings, before every kind. */
static void check_ids(const tkr_env *env) {
    for (int32_t kind = TKR_ELMAN; kind <= TKR_LINEAR; kind++) {
        for (int64_t size = 0; size < N_SIZES; size++) {
            const orc_spec specs[] = {
                {.kind = TKR_EMBEDDING, .input = 9, .hidden = SIZES[size]},
                {.kind = kind, .input = SIZES[size], .hidden = 6, .name = "body"},
            };
            orc_spec alone = {.kind = kind, .input = SIZES[size], .hidden = 7};
            twin t;
            check_net(specs, 2, 6, env, "embedding and kind");
            twin_open(&t, &alone, 1, 7, env);
            snprintf(t.label, sizeof t.label, "ids, kind %d, V %d", (int)kind, (int)SIZES[size]);
            t.by_ids = true;
            twin_shape(&t, 5, 7, LENGTHS, TKR_TRAINING, true);
            twin_check(&t, 0, 0);
            twin_close(&t);
        }
    }
}

static void check_chains(const tkr_env *env) {
    const orc_spec specs[] = {
        {.kind = TKR_LINEAR, .input = 5, .hidden = 17, .activation = TKR_RELU},
        {.kind = TKR_LSTM, .input = 17, .hidden = 9, .directions = 2, .learned = 1},
        {.kind = TKR_LINEAR, .input = 18, .hidden = 4, .activation = TKR_LOGISTIC},
        {.kind = TKR_GRU, .input = 4, .hidden = 33, .layers = 2, .name = "upper"},
        {.kind = TKR_ELMAN, .input = 33, .hidden = 3, .activation = TKR_RELU, .before = 1},
        {.kind = TKR_LINEAR, .input = 3, .hidden = 2, .name = "readout"},
    };
    for (int64_t n = 2; n <= 6; n++) {
        check_net(specs, n, n, env, "chain");
    }
}

/* A run smaller than the capacity, after a larger one, leaves nothing of it behind. */
static void check_capacity(const tkr_env *env) {
    const orc_spec spec = {.kind = TKR_LSTM, .input = 6, .hidden = 9, .layers = 2};
    twin t;
    twin_open(&t, &spec, 1, 55, env);
    snprintf(t.label, sizeof t.label, "capacity");
    twin_shape(&t, 9, 7, NULL, MODE, true);
    twin_check(&t, 0, 0);
    tkr_sequence *large = t.seq;
    t.seq = NULL;
    for (int64_t steps = 1; steps <= 5; steps += 2) {
        twin_shape(&t, steps, 3, NULL, MODE, true);
        tkr_sequence_destroy(t.seq);
        t.seq = large;
        twin_check(&t, 0, 0);
        t.seq = NULL;
    }
    tkr_sequence_destroy(large);
    twin_close(&t);
}

/* Larger than a slice, a tile and a panel of anything. */
static void check_large(const tkr_env *env) {
    static int32_t lengths[41];
    for (int32_t b = 0; b < 41; b++) {
        lengths[b] = b * 7 % 24;
    }
    for (int32_t kind = TKR_ELMAN; kind <= TKR_GRU; kind++) {
        const orc_spec spec = {.kind = kind,
                               .input = 70,
                               .hidden = 100,
                               .layers = 2,
                               .directions = 2,
                               .reset = kind == TKR_GRU};
        twin t;
        twin_open(&t, &spec, 1, 66, env);
        snprintf(t.label, sizeof t.label, "large, kind %d", (int)kind);
        twin_shape(&t, 23, 41, lengths, MODE, true);
        twin_check(&t, 0, 0);
        twin_close(&t);
    }
}

#define TEST(name)                           \
    static void test_##name(void **unused) { \
        (void)unused;                        \
        tiers_each_env(check_##name);        \
    }
TEST(elman)
TEST(lstm)
TEST(gru)
TEST(linear)
TEST(sizes)
TEST(ids)
TEST(chains)
TEST(capacity)
TEST(large)
TEST(wide)

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_elman),  cmocka_unit_test(test_lstm),
        cmocka_unit_test(test_gru),    cmocka_unit_test(test_linear),
        cmocka_unit_test(test_sizes),  cmocka_unit_test(test_ids),
        cmocka_unit_test(test_chains), cmocka_unit_test(test_capacity),
        cmocka_unit_test(test_large),  cmocka_unit_test(test_wide),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
