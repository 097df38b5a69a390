/* SPDX-License-Identifier: MIT
 * The calls that lay something out, with a net of every part in the place of the world's parts. */
#include "oom/scenario.h"

enum { I = WORLD_V };

/* A part of these widths with one option set, or none (key 0). */
static int32_t make(world *w, tkr_cell **cell, const int64_t of[5]) {
    int32_t status = tkr_cell_create(cell, (int32_t)of[0], of[1], of[2], w->lent);
    return status < 0 || !of[3] ? status : tkr_cell_set_int(*cell, (int32_t)of[3], of[4]);
}

static int32_t make_all(world *w, tkr_cell **parts, const int64_t (*of)[5], int n) {
    int32_t status = TKR_OK;
    for (int i = 0; i < n && status == TKR_OK; i++) {
        status = make(w, &parts[i], of[i]);
    }
    return status;
}

/* part[0] becomes a chain, part[1] a function, both of I inputs and 5 outputs. */
static int32_t ready_parts(world *w) {
    static const int64_t chained[][5] = {
        {TKR_AFFINE, I, I},
        {TKR_CONV, I, 6, TKR_KERNEL, 3},
        {TKR_NORM, 6, 6},
        {TKR_LSTM, 6, 3, TKR_GATE_ACTIVATION, TKR_HARD_SIGMOID},
        {TKR_CONV, 3, 5, TKR_CHANNELS, 3},
        {TKR_ACTIVATE, 5, 5, TKR_ACTIVATION, TKR_SOFTSIGN},
    };
    static const int64_t other[5] = {TKR_LINEAR, I, 5, TKR_ACTIVATION, TKR_GELU};
    tkr_cell *parts[6];
    tkr_cell_destroy(w->part[0]);
    tkr_cell_destroy(w->part[1]);
    w->part[0] = w->part[1] = NULL;
    int32_t status = make_all(w, parts, chained, 6);
    status = status < 0 ? status : tkr_cell_chain(&w->part[0], parts, 6, w->lent);
    return status < 0 ? status : make(w, &w->part[1], other);
}

/* part[0] becomes a branch of these and, behind it, the last step of a sum of directions. */
static int32_t ready_net(world *w) {
    static const int64_t gru[5] = {TKR_GRU, 5, 4, TKR_DIRECTIONS, TKR_BOTH};
    static const int64_t last[5] = {TKR_LAST, 4, 4};
    tkr_cell *row[3], *sum;
    int32_t status = ready_parts(w);
    status = status < 0 ? status : tkr_cell_branch(&row[0], w->part, 2, TKR_SUM, w->lent);
    status = status < 0 ? status : make(w, &row[1], gru);
    status = status < 0 ? status : tkr_cell_set_int(row[1], TKR_COMBINE, TKR_MEAN);
    status = status < 0 ? status : make(w, &row[2], last);
    status = status < 0 ? status : tkr_cell_chain(&sum, row, 3, w->lent);
    if (status == TKR_OK) {
        w->part[0] = sum;
    }
    return status;
}

static int32_t ready_initialised(world *w) {
    int32_t status = ready_net(w);
    return status < 0 ? status : tkr_cell_init(w->part[0], 3);
}

static int32_t ready_file(world *w) {
    int32_t status = ready_initialised(w);
    status = status < 0 ? status : tkr_cell_save_to(w->part[0], &w->written.writer);
    world_file_rewind(&w->written);
    return status;
}

static int32_t create(world *w) {
    return tkr_cell_create(&w->made.cell, TKR_CONV, 3, 5, w->lent);
}

static int32_t branch(world *w) {
    return tkr_cell_branch(&w->made.cell, w->part, 2, TKR_CONCATENATE, w->lent);
}

static int32_t size(world *w) {
    uint64_t bytes;
    return tkr_cell_size(&bytes, w->part[0]);
}

static int32_t init(world *w) {
    return tkr_cell_init(w->part[0], 7);
}

static int32_t clone(world *w) {
    return tkr_cell_clone(&w->made.cell, w->part[0], w->lent);
}

static int32_t save(world *w) {
    world_file_empty(&w->written);
    return tkr_cell_save_to(w->part[0], &w->written.writer);
}

static int32_t load(world *w) {
    world_file_rewind(&w->written);
    return tkr_cell_load_from(&w->made.cell, &w->written.reader, w->lent);
}

static int32_t create_state(world *w) {
    return tkr_state_create(&w->made.state, w->part[0], 3, w->lent);
}

static int32_t create_sequence(world *w) {
    const int32_t mode = TKR_TRAINING | TKR_RETAIN | TKR_INPUT_GRADIENT | TKR_STEP_NORMS;
    return tkr_sequence_create(&w->made.seq, w->part[0], 9, 4, mode, w->lent);
}

static int32_t create_optimizer(world *w) {
    return tkr_optimizer_create(&w->made.opt, TKR_ADAM, w->part[0], w->lent);
}

const scenario part_scenarios[] = {
    {"tkr_cell_create/conv", create, NULL, 'c', YES},
    {"tkr_cell_branch/parts", branch, ready_parts, 'c', YES},
    {"tkr_cell_size/parts", size, ready_net, 0, NO},
    {"tkr_cell_init/parts", init, ready_net, 0, YES},
    {"tkr_cell_clone/parts", clone, ready_initialised, 'c', YES},
    {"tkr_cell_save_to/parts", save, ready_initialised, 0, YES},
    {"tkr_cell_load_from/parts", load, ready_file, 'c', YES},
    {"tkr_state_create/parts", create_state, ready_initialised, 's', YES},
    {"tkr_sequence_create/parts", create_sequence, ready_initialised, 'q', YES},
    {"tkr_optimizer_create/parts", create_optimizer, ready_initialised, 'o', YES},
    {0},
};
