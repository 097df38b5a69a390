/* SPDX-License-Identifier: MIT
 * The table of options: which kinds have them, their names in files, their bounds. */
#include <math.h>
#include <stddef.h>

#include "cell/cell.h"

#define E (1 << TKR_ELMAN)
#define L (1 << TKR_LSTM)
#define G (1 << TKR_GRU)
#define LI (1 << TKR_LINEAR)
#define EM (1 << TKR_EMBEDDING)
#define D (1 << TKR_DROPOUT)

/* Closed bounds of an option on [0, 1). */
#define BELOW_ONE 0.99999994

const tkri_cell_option tkri_cell_options[] = {
    {TKR_LAYERS, E | L | G, "layers", 1, 64, 0},
    {TKR_DIRECTIONS, E | L | G, "directions", 1, 2, 0},
    {TKR_ACTIVATION, E | LI, "activation", TKR_TANH, TKR_IDENTITY, 0},
    {TKR_RESET, G, "reset", TKR_RESET_AFTER, TKR_RESET_BEFORE, 0},
    {TKR_PEEPHOLES, L, "peepholes", 0, 1, 0},
    {TKR_PROJECTION, L, "projection", 0, -1, 0},
    {TKR_BIASES, E | L | G | LI, "biases", 0, -1, 0},
    {TKR_LEARNED_STATE, E | L | G, "learned_state", 0, 1, 0},
    {TKR_OUTPUT_BEFORE, E | L | G, "output_before", 0, 1, 0},
    {TKR_INIT, E | L | G | LI | EM, "init", TKR_INIT_UNIFORM, TKR_INIT_NORMAL, 1},
    {TKR_PER_SEQUENCE, D, "per_sequence", 0, 1, 0},
    {TKR_FORGET_BIAS, L, "forget_bias", -1e6, 1e6, 1},
    {TKR_DROPOUT_BETWEEN, E | L | G, "dropout_between", 0, BELOW_ONE, 0},
    {TKR_DROPOUT_RECURRENT, E | L | G, "dropout_recurrent", 0, BELOW_ONE, 0},
    {TKR_ZONEOUT, E | L | G, "zoneout", 0, BELOW_ONE, 0},
    {TKR_ZONEOUT_CELL, L, "zoneout_cell", 0, BELOW_ONE, 0},
    {TKR_INIT_SCALE, E | L | G | LI | EM, "init_scale", 0, 1e6, 1},
    {TKR_RATE, D, "rate", 0, BELOW_ONE, 0},
    {0, 0, NULL, 0, 0, 0},
};

const tkri_cell_option *tkri_option_find(int32_t kind, int32_t key) {
    for (const tkri_cell_option *o = tkri_cell_options; o->key; o++) {
        if (o->key == key && (o->kinds >> kind & 1)) {
            return o;
        }
    }
    return NULL;
}

void tkri_option_bounds(const tkr_cell *cell, const tkri_cell_option *option, double *low,
                        double *high) {
    *low = option->low;
    *high = option->high;
    if (option->key == TKR_PROJECTION) {
        *high = (double)(cell->hidden - 1);
    } else if (option->key == TKR_BIASES) {
        *high = cell->kind == TKR_LINEAR ? 1 : 2;
    }
}

/* NaN stands for "unset" where no number can: the forget bias, and the scale, whose default depends
 * on the initialiser. */
void tkri_option_defaults(tkr_cell *cell) {
    cell->ints[TKR_LAYERS] = 1;
    cell->ints[TKR_DIRECTIONS] = 1;
    cell->ints[TKR_ACTIVATION] = cell->kind == TKR_LINEAR ? TKR_IDENTITY : TKR_TANH;
    cell->ints[TKR_BIASES] = cell->kind == TKR_LINEAR ? 1 : 2;
    cell->ints[TKR_INIT] = TKR_INIT_UNIFORM;
    cell->floats[TKR_FORGET_BIAS - TKRI_FLOAT_BASE] = (double)NAN;
    cell->floats[TKR_INIT_SCALE - TKRI_FLOAT_BASE] = (double)NAN;
    cell->floats[TKR_RATE - TKRI_FLOAT_BASE] = 0.5;
}

int64_t tkri_cell_output(const tkr_cell *cell) {
    if (cell->kind == TKR_CHAIN) {
        return tkri_cell_output(cell->parts[cell->n_parts - 1]);
    }
    if (!tkri_is_recurrent(cell->kind)) {
        return cell->hidden;
    }
    int64_t projected = cell->ints[TKR_PROJECTION];
    return cell->ints[TKR_DIRECTIONS] * (projected ? projected : cell->hidden);
}
