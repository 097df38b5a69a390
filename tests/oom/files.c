/* SPDX-License-Identifier: MIT */
#include "oom/scenario.h"

static int32_t cell_save(world *w) {
    return tkr_cell_save(w->net, w->path);
}

static int32_t cell_save_over(world *w) {
    return tkr_cell_save(w->net, w->cell_path);
}

static int32_t cell_save_to(world *w) {
    world_file_empty(&w->written);
    return tkr_cell_save_to(w->net, &w->written.writer);
}

static int32_t cell_load(world *w) {
    return tkr_cell_load(&w->made.cell, w->cell_path, w->lent);
}

static int32_t cell_load_run(world *w) {
    return tkr_cell_load(&w->made.cell, w->run_path, w->lent);
}

static int32_t cell_load_from(world *w) {
    world_file_rewind(&w->cell_file);
    return tkr_cell_load_from(&w->made.cell, &w->cell_file.reader, w->lent);
}

static int32_t cell_load_memory(world *w) {
    return tkr_cell_load_memory(&w->made.cell, w->cell_file.bytes, w->cell_file.len, w->lent);
}

static int32_t state_save(world *w) {
    return tkr_state_save(w->state, w->path);
}

static int32_t state_save_to(world *w) {
    world_file_empty(&w->written);
    return tkr_state_save_to(w->state, &w->written.writer);
}

static int32_t state_load(world *w) {
    return tkr_state_load(w->other, w->state_path);
}

static int32_t state_load_from(world *w) {
    world_file_rewind(&w->state_file);
    return tkr_state_load_from(w->other, &w->state_file.reader);
}

static const uint64_t cursor[4] = {5, 6, 7, 8};

static int32_t run_save(world *w) {
    return tkr_checkpoint_save(w->opt, w->seq, w->state, cursor, w->path);
}

static int32_t run_save_to(world *w) {
    world_file_empty(&w->written);
    return tkr_checkpoint_save_to(w->opt, w->seq, w->state, cursor, &w->written.writer);
}

/* Move on, so that a load has something to put back. */
static int32_t move_on(world *w) {
    int32_t status = tkr_optimizer_step(w->opt, w->seq);
    return status ? status : tkr_cell_step(w->net, w->state, NULL, w->io.input);
}

static int32_t run_load(world *w) {
    uint64_t read[4];
    return tkr_checkpoint_load(w->opt, w->seq, w->state, read, w->run_path);
}

static int32_t run_load_from(world *w) {
    uint64_t read[4];
    world_file_rewind(&w->run_file);
    return tkr_checkpoint_load_from(w->opt, w->seq, w->state, read, &w->run_file.reader);
}

const scenario file_scenarios[] = {
    {"tkr_cell_save", cell_save, NULL, 0, YES},
    {"tkr_cell_save/over", cell_save_over, NULL, 0, YES},
    {"tkr_cell_save_to", cell_save_to, NULL, 0, YES},
    {"tkr_cell_load", cell_load, NULL, 'c', YES},
    {"tkr_cell_load/run", cell_load_run, NULL, 'c', YES},
    {"tkr_cell_load_from", cell_load_from, NULL, 'c', YES},
    {"tkr_cell_load_memory", cell_load_memory, NULL, 'c', YES},
    {"tkr_state_save", state_save, NULL, 0, YES},
    {"tkr_state_save_to", state_save_to, NULL, 0, YES},
    {"tkr_state_load", state_load, NULL, 0, YES},
    {"tkr_state_load_from", state_load_from, NULL, 0, YES},
    {"tkr_checkpoint_save", run_save, NULL, 0, YES},
    {"tkr_checkpoint_save_to", run_save_to, NULL, 0, YES},
    {"tkr_checkpoint_load", run_load, move_on, 0, YES},
    {"tkr_checkpoint_load_from", run_load_from, move_on, 0, YES},
    {0},
};
