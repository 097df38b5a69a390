/* SPDX-License-Identifier: MIT
 * The nets, the numbers they are run on, and how a case's cell is made. */
#include <string.h>

#include "bits.h"

pool bits_pool;

#define NET(label, ...)                         \
    {                                           \
        .name = label, .parts = { __VA_ARGS__ } \
    }
#define PLAIN(k) {.kind = TKR_##k}
#define WIDE(k, n) {.kind = TKR_##k, .width = n}
#define CELL(k, ...)                                \
    {                                               \
        .kind = TKR_##k, .options = { __VA_ARGS__ } \
    }
#define SET(key, value) {TKR_##key, value}

/* What the three recurrent kinds have in common. */
#define RECURRENT(label, K)                                                                      \
    NET(label, PLAIN(K)), NET(label "-2-layers", CELL(K, SET(LAYERS, 2))),                       \
        NET(label "-3-layers", CELL(K, SET(LAYERS, 3))),                                         \
        NET(label "-2-ways", CELL(K, SET(DIRECTIONS, 2))),                                       \
        NET(label "-2-layers-2-ways", CELL(K, SET(LAYERS, 2), SET(DIRECTIONS, 2))),              \
        NET(label "-1-bias", CELL(K, SET(BIASES, 1))),                                           \
        NET(label "-no-bias", CELL(K, SET(BIASES, 0), SET(LAYERS, 2))),                          \
        NET(label "-learned", CELL(K, SET(LEARNED_STATE, 1), SET(LAYERS, 2))),                   \
        NET(label "-learned-2-ways", CELL(K, SET(LEARNED_STATE, 1), SET(DIRECTIONS, 2))),        \
        NET(label "-before", CELL(K, SET(OUTPUT_BEFORE, 1), SET(LEARNED_STATE, 1))),             \
        NET(label "-2-layers-before", CELL(K, SET(OUTPUT_BEFORE, 1), SET(LAYERS, 2))),           \
        NET(label "-glorot", CELL(K, SET(INIT, TKR_INIT_GLOROT), SET(INIT_SCALE, 0.5))),         \
        NET(label "-orthogonal", CELL(K, SET(INIT, TKR_INIT_ORTHOGONAL))),                       \
        NET(label "-normal", CELL(K, SET(INIT, TKR_INIT_NORMAL))),                               \
        NET(label "-dropout", CELL(K, SET(DROPOUT_BETWEEN, 0.25), SET(LAYERS, 3))),              \
        NET(label "-recurrent-dropout", CELL(K, SET(DROPOUT_RECURRENT, 0.25))),                  \
        NET(label "-zoneout", CELL(K, SET(ZONEOUT, 0.25))),                                      \
        NET(label "-noise-2-ways",                                                               \
            CELL(K, SET(ZONEOUT, 0.25), SET(DROPOUT_RECURRENT, 0.25), SET(DROPOUT_BETWEEN, 0.5), \
                 SET(LAYERS, 2), SET(DIRECTIONS, 2))),                                           \
        NET(label "-linear", PLAIN(K), WIDE(LINEAR, 9)),                                         \
        NET(label "-2-ways-linear", CELL(K, SET(DIRECTIONS, 2)), WIDE(LINEAR, 17)),              \
        NET("embedding-" label "-linear", WIDE(EMBEDDING, 6), CELL(K, SET(LAYERS, 2)),           \
            WIDE(LINEAR, 11)),                                                                   \
        NET("linear-" label, WIDE(LINEAR, 12), PLAIN(K)),                                        \
        NET(label "-dropouts", CELL(DROPOUT, SET(RATE, 0.25)), PLAIN(K),                         \
            CELL(DROPOUT, SET(PER_SEQUENCE, 1)), PLAIN(K), WIDE(LINEAR, 5))

const net nets[] = {
    RECURRENT("elman", ELMAN),
    RECURRENT("lstm", LSTM),
    RECURRENT("gru", GRU),
    NET("elman-relu", CELL(ELMAN, SET(ACTIVATION, TKR_RELU))),
    NET("elman-relu-2-layers", CELL(ELMAN, SET(ACTIVATION, TKR_RELU), SET(LAYERS, 2)),
        WIDE(LINEAR, 3)),
    NET("elman-relu-2-ways", CELL(ELMAN, SET(ACTIVATION, TKR_RELU), SET(DIRECTIONS, 2))),
    NET("elman-logistic", CELL(ELMAN, SET(ACTIVATION, TKR_LOGISTIC))),
    NET("elman-identity", CELL(ELMAN, SET(ACTIVATION, TKR_IDENTITY))),
    NET("lstm-peepholes", CELL(LSTM, SET(PEEPHOLES, 1))),
    NET("lstm-peepholes-noise", CELL(LSTM, SET(PEEPHOLES, 1), SET(ZONEOUT, 0.25),
                                     SET(DROPOUT_RECURRENT, 0.25), SET(LAYERS, 2))),
    NET("lstm-projection", CELL(LSTM, SET(PROJECTION, 2))),
    NET("lstm-projection-2-layers-2-ways",
        CELL(LSTM, SET(PROJECTION, 2), SET(LAYERS, 2), SET(DIRECTIONS, 2))),
    NET("lstm-projection-peepholes-learned", CELL(LSTM, SET(PROJECTION, 1), SET(PEEPHOLES, 1),
                                                  SET(LEARNED_STATE, 1), SET(OUTPUT_BEFORE, 1))),
    NET("lstm-projection-noise", CELL(LSTM, SET(PROJECTION, 2), SET(ZONEOUT, 0.25),
                                      SET(ZONEOUT_CELL, 0.25), SET(DROPOUT_RECURRENT, 0.25))),
    NET("lstm-forget", CELL(LSTM, SET(FORGET_BIAS, 1.0))),
    NET("lstm-forget-1-bias", CELL(LSTM, SET(FORGET_BIAS, 1.0), SET(BIASES, 1))),
    NET("lstm-zoneout-cell", CELL(LSTM, SET(ZONEOUT_CELL, 0.25), SET(LAYERS, 2))),
    NET("lstm-zoneouts", CELL(LSTM, SET(ZONEOUT_CELL, 0.25), SET(ZONEOUT, 0.1))),
    NET("gru-reset-before", CELL(GRU, SET(RESET, TKR_RESET_BEFORE))),
    NET("gru-reset-before-2-layers-2-ways",
        CELL(GRU, SET(RESET, TKR_RESET_BEFORE), SET(LAYERS, 2), SET(DIRECTIONS, 2))),
    NET("gru-reset-before-learned", CELL(GRU, SET(RESET, TKR_RESET_BEFORE), SET(LEARNED_STATE, 1),
                                         SET(BIASES, 1), SET(OUTPUT_BEFORE, 1))),
    NET("gru-reset-before-noise",
        CELL(GRU, SET(RESET, TKR_RESET_BEFORE), SET(ZONEOUT, 0.25), SET(DROPOUT_RECURRENT, 0.25))),
    NET("linear", PLAIN(LINEAR)),
    NET("linear-no-bias", CELL(LINEAR, SET(BIASES, 0), SET(INIT, TKR_INIT_GLOROT))),
    NET("linear-tanh-linear", CELL(LINEAR, SET(ACTIVATION, TKR_TANH)),
        CELL(LINEAR, SET(ACTIVATION, TKR_RELU)), CELL(LINEAR, SET(ACTIVATION, TKR_LOGISTIC))),
    NET("embedding", PLAIN(EMBEDDING)),
    NET("embedding-dropout-linear", CELL(EMBEDDING, SET(INIT, TKR_INIT_NORMAL)),
        CELL(DROPOUT, SET(RATE, 0.25)), WIDE(LINEAR, 7)),
    NET("dropout-linear", CELL(DROPOUT, SET(PER_SEQUENCE, 1)), PLAIN(LINEAR)),
    NET("lstm-gru", PLAIN(LSTM), PLAIN(GRU)),
    NET("elman-linear-lstm", PLAIN(ELMAN), CELL(LINEAR, SET(ACTIVATION, TKR_TANH)),
        CELL(LSTM, SET(PEEPHOLES, 1))),
    NET("gru-2-ways-elman-2-ways", CELL(GRU, SET(DIRECTIONS, 2)), CELL(ELMAN, SET(DIRECTIONS, 2))),
};
const int nets_len = (int)(sizeof nets / sizeof *nets);

int bits_has(const net *n, int32_t kind) {
    int has = 0;
    for (int i = 0; i < PARTS_MAX; i++) {
        has |= n->parts[i].kind == kind;
    }
    return has;
}

int bits_two_ways(const net *n) {
    int two = 0;
    for (int i = 0; i < PARTS_MAX * OPTIONS_MAX; i++) {
        const option *o = &n->parts[i / OPTIONS_MAX].options[i % OPTIONS_MAX];
        two |= o->key == TKR_DIRECTIONS && o->value == 2;
    }
    return two;
}

/* ---- numbers --------------------------------------------------------------------------------- */

uint64_t bits_draw(uint64_t *state) {
    uint64_t z = (*state += UINT64_C(0x9E3779B97F4A7C15));
    z = (z ^ (z >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94D049BB133111EB);
    return z ^ (z >> 31);
}

void bits_fill_pool(void) {
    uint64_t state = 7;
    for (int64_t k = 0; k < ROOM; k++) {
        const uint64_t drawn = bits_draw(&state);
        bits_pool.share[k] = (float)(drawn >> 40) / (float)(1 << 24);
        bits_pool.x[k] = 2 * bits_pool.share[k] - 1;
        bits_pool.weights[k] = k % 5 == 3 ? 0 : 0.25f + (float)(drawn % 4) / 2;
    }
}

/* Ids within the case's widths, -1 among them; lengths, one of them 0 and the first one full. */
static void fill_ids(bits *b) {
    uint64_t state = 11;
    const int embedding = bits_has(b->net, TKR_EMBEDDING);
    for (int64_t k = 0; k < b->steps * b->batch; k++) {
        const uint64_t drawn = bits_draw(&state);
        bits_pool.ids[k] = (int32_t)(drawn % (uint64_t)(b->input + 1)) - 1;
        bits_pool.ids[k] += embedding && bits_pool.ids[k] < 0 && k % 2;
        bits_pool.targets[k] = (int32_t)((drawn >> 32) % (uint64_t)b->output);
    }
    for (int64_t i = 0; i < b->batch; i++) {
        bits_pool.lengths[i] = (int32_t)(i == 0 ? b->steps : i == 1 ? 0 : (i * 7) % (b->steps + 1));
    }
}

/* ---- the cell -------------------------------------------------------------------------------- */

static int32_t set_options(bits *b, tkr_cell *cell, const option *options) {
    for (int i = 0; i < OPTIONS_MAX && options[i].key; i++) {
        const int32_t key = options[i].key;
        if (key < TKR_FORGET_BIAS) {
            MUST(tkr_cell_set_int(cell, key, (int64_t)options[i].value));
        } else {
            MUST(tkr_cell_set_float(cell, key, options[i].value));
        }
    }
    return TKR_OK;
}

int32_t bits_make(bits *b, tkr_cell **cell) {
    tkr_cell *parts[PARTS_MAX] = {NULL};
    int64_t n = 0, width = b->input;
    for (; n < PARTS_MAX && b->net->parts[n].kind; n++) {
        const part *p = &b->net->parts[n];
        const int64_t hidden = p->kind == TKR_DROPOUT ? width : p->width ? p->width : b->hidden;
        MUST(tkr_cell_create(&parts[n], p->kind, width, hidden, &b->env));
        MUST(set_options(b, parts[n], p->options));
        MUST(tkr_cell_shape(parts[n], NULL, NULL, &width));
    }
    if (n > 1) {
        MUST(tkr_cell_chain(cell, parts, n, &b->env));
    } else {
        *cell = parts[0];
    }
    MUST(tkr_cell_init(*cell, 5));
    return TKR_OK;
}

/* Slots are counted by the states' tensors, of which each layer and direction has one "h". */
static int32_t count_slots(bits *b) {
    tkr_state *state = NULL;
    int64_t tensors = 0;
    MUST(tkr_state_create(&state, b->cell, 1, NULL));
    MUST(tkr_state_tensors(state, &tensors));
    for (int64_t i = 0; i < tensors; i++) {
        const char *name = NULL;
        int64_t shape[3];
        MUST(tkr_state_tensor(state, i, &name, shape));
        b->slots += name[strlen(name) - 1] == 'h' ? shape[0] : 0;
    }
    tkr_state_destroy(state);
    return TKR_OK;
}

int32_t bits_prepare(bits *b) {
    MUST(bits_make(b, &b->cell));
    MUST(tkr_cell_shape(b->cell, NULL, NULL, &b->output));
    MUST(count_slots(b));
    fill_ids(b);
    return TKR_OK;
}

int32_t bits_failed(bits *b, const char *call, int32_t status) {
    if (!b->why[0]) {
        snprintf(b->why, sizeof b->why, "%s: %s", call, tkr_status_text(status));
    }
    return status;
}
