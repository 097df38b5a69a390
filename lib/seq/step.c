/* SPDX-License-Identifier: MIT
 * Streaming: the whole net, some steps. */
#include <stddef.h>
#include <string.h>

#include "core/fpmode.h"
#include "layer/quantized.h"
#include "seq/seq.h"

/* Rows that go through a layer at once: as many steps as make so many, at least one. Enough to
 * fetch a matrix seldom, few enough for a state to stay small. */
enum { GROUP_ROWS = 16 };

static uint64_t scratch_of(const tkr_cell *cell, const tkri_layer *layer, int64_t batch,
                           int64_t steps) {
    return layer->ops->scratch ? layer->ops->scratch(cell, layer, batch, steps) : 0;
}

/* Floats that the steps of any layer want, and the longest row that a product reads. */
static void measure(const tkr_cell *cell, const tkr_state *state, uint64_t *scratch,
                    int64_t *widest) {
    const tkri_net *net = cell->net;
    *scratch = 0;
    *widest = tkri_row_len(net->input);
    for (int64_t l = 0; l < net->n_layers; l++) {
        const tkri_layer *layer = &net->layers[l];
        const uint64_t own = scratch_of(cell, layer, state->batch, state->group);
        *scratch = own > *scratch ? own : *scratch;
        *widest = tkri_max(*widest, tkri_row_len(layer->output));
        *widest = tkri_max(*widest, (int64_t)scratch_of(cell, layer, 1, 1));
    }
}

static int wants_out(const tkri_layer *layer) {
    return layer->ops->wants_out && layer->ops->wants_out(layer);
}

/* Is there room for the output of layer a where that of b was placed? */
static int fits_layer(const tkri_layer *a, const tkri_layer *b) {
    return a->ops == b->ops && a->output <= b->output && wants_out(a) <= wants_out(b);
}

/* A step may have to be taken back if it can fail, or if it is made without its input. */
static int needs_backup(const tkri_net *net) {
    return net->may_fail || net->layers[net->n_layers - 1].without_input;
}

int32_t tkri_state_fits(const tkr_cell *cell, const tkr_state *state) {
    uint64_t scratch;
    int64_t widest;
    const tkri_net *net = cell->net;
    if (!tkri_state_alike(cell, state->cell) || cell->precision != state->cell->precision ||
        net->n_layers != state->net->n_layers || (needs_backup(net) && !state->backup)) {
        return 0;
    }
    for (int64_t l = 0; l < net->n_layers; l++) {
        if (!fits_layer(&net->layers[l], &state->net->layers[l])) {
            return 0;
        }
    }
    measure(cell, state, &scratch, &widest);
    return scratch <= state->scratch_len && tkri_quantized_row(cell, widest) <= state->q_row;
}

/* Layer l's step, of the state's own cell; it and what it needs are measured where `steps` is NULL.
 */
static void place_step(tkr_state *state, int64_t l, tkri_arena *arena) {
    const tkri_layer *layer = &state->net->layers[l];
    const int64_t ld = tkri_row_len(layer->output);
    tkri_step measured, *step = state->steps ? &state->steps[l] : &measured;
    *step = (tkri_step){.state = state, .layer = layer};
    if (wants_out(layer)) {
        TKRI_TAKE(arena, step->out,
                  tkri_mul(tkri_times(state->batch, state->group + 1), (uint64_t)ld));
    }
    if (layer->ops->keep) {
        layer->ops->keep(step, arena);
    }
}

/* A step on all that its layer reads. */
static int32_t step_several(const tkri_step *step, tkri_signal *out) {
    tkri_signal several[TKRI_MAX_BRANCHES];
    tkri_step wide = *step;
    for (int64_t i = 0; i < step->layer->n_reads; i++) {
        several[i] = step->state->signals[step->layer->reads[i].from + 1];
    }
    wide.in = several;
    return step->layer->ops->step(&wide, out);
}

/* The step of a layer that nobody reads. */
static int32_t step_nothing(const tkri_step *step, tkri_signal *out) {
    (void)step, (void)out;
    return TKR_OK;
}

/* The steps are this cell's from here on. */
static void bind(tkr_state *state, const tkr_cell *cell) {
    for (int64_t l = 0; l < cell->net->n_layers; l++) {
        const tkri_layer *layer = &cell->net->layers[l];
        tkri_step *step = &state->steps[l];
        step->cell = cell;
        step->layer = layer;
        step->in = &state->signals[layer->reads[0].from + 1];
        step->run = !layer->live         ? step_nothing
                    : layer->n_reads > 1 ? step_several
                                         : layer->ops->step;
        if (layer->live && layer->ops->bind) {
            layer->ops->bind(step);
        }
    }
    state->bound = cell;
}

void tkri_state_place(tkr_state *state, tkri_arena *arena) {
    const tkri_net *net = state->net;
    const uint64_t batch = (uint64_t)state->batch;
    const uint64_t values = tkri_mul(batch, (uint64_t)net->state_width);
    int64_t widest;
    state->group = tkri_max(1, GROUP_ROWS / state->batch);
    measure(state->cell, state, &state->scratch_len, &widest);
    state->q_row = tkri_quantized_row(state->cell, widest);
    TKRI_TAKE(arena, state->values, values);
    if (needs_backup(net)) {
        TKRI_TAKE(arena, state->backup, values);
    }
    TKRI_TAKE(arena, state->scratch, state->scratch_len);
    TKRI_TAKE(arena, state->signals, net->n_layers + 1);
    TKRI_TAKE(arena, state->steps, net->n_layers);
    for (int64_t l = 0; l < net->n_layers; l++) {
        place_step(state, l, arena);
    }
    TKRI_TAKE(arena, state->q, tkri_mul(batch, (uint64_t)state->q_row));
    TKRI_TAKE(arena, state->q_scale, state->cell->precision == TKR_INT8 ? batch : 0);
    if (state->steps) {
        bind(state, state->cell);
    }
}

/* libc's copy takes longer to find out how to do it than most rows are long. */
static void copy_row(float *to, const float *from, int64_t n) {
    int64_t i = 0;
    for (; i + 4 <= n; i += 4) {
        memcpy(to + i, from + i, 4 * sizeof *to);
    }
    for (; i < n; i++) {
        to[i] = from[i];
    }
}

/* The layers one after the other; their outputs stand behind `signal`, the input. Without an input
 * there is none of the layers that need it. */
static int32_t step_layers(const tkri_step *step, const tkri_step *end, tkri_signal *signal,
                           int stays) {
    int32_t status = TKR_OK;
    for (; step < end && status == TKR_OK; step++) {
        signal++;
        if (stays && !step->in->p && !step->layer->without_input) {
            *signal = (tkri_signal){NULL, 0, NULL};
        } else {
            status = step->run(step, signal);
        }
    }
    return status;
}

static void take_back(tkr_state *state) {
    const size_t n = (size_t)tkri_state_len(state->net, state->batch);
    memcpy(state->values, state->backup, n * sizeof *state->values);
}

/* One group of steps. */
static int32_t step_group(tkr_state *state, float *y, const tkri_signal *in, int stays) {
    const tkri_net *net = state->bound->net;
    state->signals[0] = *in;
    const int32_t status =
        step_layers(state->steps, state->steps + net->n_layers, state->signals, stays);
    const tkri_signal out = state->signals[net->n_layers];
    for (int64_t b = 0; status == TKR_OK && y && b < state->rows; b++) {
        copy_row(y + b * net->output, out.p + b * out.ld, net->output);
    }
    return status;
}

int32_t tkri_step_streams(const tkr_cell *cell, tkr_state *state, float *y, const float *x,
                          const int32_t *ids, int64_t steps) {
    const tkri_net *net = cell->net;
    const tkri_fpmode mode = tkri_fpmode_enter();
    const int stays = !x && !ids && steps > 0;
    int32_t status = TKR_OK;
    if (cell != state->bound || cell != state->cell) { /* another one may have gone since */
        bind(state, cell);
    }
    if (state->backup && (stays || net->may_fail)) {
        memcpy(state->backup, state->values,
               (size_t)tkri_state_len(net, state->batch) * sizeof *state->backup);
    }
    for (int64_t t = 0; t < steps && status == TKR_OK; t += state->group) {
        const int64_t row = t * state->batch;
        const tkri_signal in = {x ? x + row * net->input : NULL, net->input,
                                ids ? ids + row : NULL};
        state->rows = tkri_min(state->group, steps - t) * state->batch;
        status = step_group(state, y ? y + row * net->output : NULL, &in, stays);
    }
    if (stays || status < 0) {
        take_back(state);
    }
    tkri_fpmode_leave(mode);
    return status;
}
