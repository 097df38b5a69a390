/* SPDX-License-Identifier: MIT
 * Streamed steps of a recurrent layer.
 *
 * A group's states stand in `out`, one step's [B][out_ld] behind the other's, behind the state
 * before the first: each step reads one and writes the next. */
#include <string.h>

#include "layer/quantized.h"
#include "layer/recur_scan.h"

enum { FEW_INPUTS = 8 }; /* so few are not worth a product of their own */

static int has_few(const tkri_recurrent *layer) {
    return tkri_recurrent_is_plain(layer) && layer->input <= FEW_INPUTS;
}

/* Scratch memory: the gates of all rows; c, m, aux, each [B][..]. */
uint64_t tkri_recurrent_scratch(const tkr_cell *cell, const tkri_layer *layer, int64_t batch,
                                int64_t steps) {
    const tkri_recurrent *own = tkri_recurrent_of(layer);
    const uint64_t gates =
        tkri_round_up((uint64_t)tkri_gate_floats(own, cell->kern->vl), TKRI_MAX_VL);
    const int64_t rows = batch == 1 && has_few(own) ? 1 : batch * steps;
    return tkri_add(tkri_mul((uint64_t)rows, gates),
                    tkri_mul(3 * (uint64_t)batch, (uint64_t)(own->units_ld + own->out_ld)));
}

/* Steps of a plain layer: products and pointwise part in one go. */
typedef struct fused {
    tkri_stream stream;
    int64_t id_row; /* floats of an id's in w_ih */
    void (*run)(tkri_stream *stream);
} fused;

void tkri_recurrent_keep(tkri_step *step, tkri_arena *arena) {
    fused *own;
    TKRI_TAKE(arena, own, 1);
    step->own = own;
}

/* The arguments of the first step of the group; those of the others are moved from there. */
static tkri_recur recur_of(const tkri_step *step, const tkri_recurrent *layer) {
    const tkr_cell *cell = step->cell;
    tkr_state *state = step->state;
    const tkri_direction *d = &layer->direction[0];
    const int64_t batch = state->batch, ld = batch * (layer->units_ld + layer->out_ld);
    float *c = d->state_c < 0 ? NULL : tkri_state_rows(state->values, d->state_c, batch);
    float *scratch = state->scratch;
    tkri_recur r = {
        .kern = cell->kern,
        .net = cell->net,
        .layer = layer,
        .direction = d,
        .rows = batch,
        .h_prev = step->out,
        .h_in = step->out,
        .h = step->out + batch * layer->out_ld,
        .c_prev = c,
        .c = layer->zoneout_cell > 0.0f ? scratch : c,
        .m = layer->out != layer->units ? scratch + ld : NULL,
        .aux = scratch + 2 * ld,
        .gates = scratch + 3 * ld,
    };
    tkri_gate_strides(layer, cell->kern->vl, state->rows, &r.row_stride, &r.tile_stride);
    return r;
}

/* The group's part of the input. */
static void run_input(const tkri_recur *first, tkri_signal in, int64_t rows) {
    tkri_recur all = *first;
    all.rows = rows;
    tkri_recur_input(&all, in.p, in.ld, in.ids);
}

/* One row of w_ih, or none. */
static void run_id(const fused *own, tkri_stream s, int32_t id) {
    static const float one = 1.0f;
    s.x = &one;
    s.x_len = id >= 0;
    s.w_ih += s.x_len * id * own->id_row;
    own->run(&s);
}

/* A step of one stream, in place. */
static void step_alone(fused *own, const tkri_signal *in) {
    if (in->p) {
        own->stream.x = in->p;
        own->run(&own->stream);
    } else {
        run_id(own, own->stream, in->ids[0]);
    }
}

static void fused_group(const tkri_step *step, const fused *own) {
    const tkri_recurrent *layer = tkri_recurrent_of(step->layer);
    const tkri_signal *in = step->in;
    const int64_t rows = step->state->rows, batch = step->state->batch;
    tkri_stream s = own->stream;
    s.h = step->out;
    s.next = step->out + batch * s.h_row;
    if (has_few(layer) && in->ids && batch == 1) {
        for (int64_t t = 0; t < rows; t++, s.h = s.next, s.next += s.h_row) {
            run_id(own, s, in->ids[t]);
        }
        return;
    }
    s.steps = rows / batch;
    s.h_step = batch * s.h_row;
    if (has_few(layer) && in->p) { /* what is of the input is summed up as it goes by */
        s.x = in->p;
        s.x_row = in->ld;
        s.x_step = batch * in->ld;
    } else {
        const tkri_recur r = recur_of(step, layer);
        run_input(&r, *in, rows);
        s.x = s.start = r.gates; /* of x nothing is left to be summed up */
        s.x_len = 0;
        s.start_tile = r.tile_stride;
        s.start_row = r.row_stride;
        s.start_step = batch * r.row_stride;
    }
    own->run(&s);
}

static int32_t step_fused(const tkri_step *step, tkri_signal *out) {
    const tkri_recurrent *layer = tkri_recurrent_of(step->layer);
    fused *own = step->own;
    const int64_t rows = step->state->rows, ld = layer->out_ld, block = step->state->batch * ld;
    const size_t bytes = (size_t)block * sizeof(float);
    float *h = own->stream.next;
    if (rows > 1 || layer->output_before) {
        memcpy(step->out, h, bytes);
    }
    *out = (tkri_signal){layer->output_before ? step->out
                         : rows > 1           ? step->out + block
                                              : h,
                         ld, NULL};
    if (!step->in->p && !step->in->ids) {
        return TKR_OK;
    }
    if (rows > 1) {
        fused_group(step, own);
        memcpy(h, step->out + rows * ld, bytes);
    } else {
        step_alone(own, step->in);
    }
    return TKR_OK;
}

static tkri_stream stream_of(const tkri_step *step, const tkri_recurrent *layer) {
    const tkri_direction *d = &layer->direction[0];
    const float *values = step->cell->net->values, *derived = step->cell->net->derived;
    const int64_t batch = step->state->batch;
    float *h = tkri_state_rows(step->state->values, d->state_h, batch);
    return (tkri_stream){
        .steps = 1,
        .batch = batch,
        .x_len = layer->input,
        .input = layer->input,
        .units = layer->units,
        .w_ih = values + d->w_ih,
        .w_hh = values + d->w_hh,
        .start = derived + d->bias,
        .start_tile = (int64_t)layer->ops->gates * step->cell->kern->vl,
        .q_bias = d->q_bias < 0 ? NULL : derived + d->q_bias,
        .h = h,
        .next = h,
        .room = step->state->scratch,
        .h_row = layer->out_ld,
        .c = d->state_c < 0 ? NULL : tkri_state_rows(step->state->values, d->state_c, batch),
        .peep = d->peep < 0 ? NULL : values + d->peep,
        .ld_c = layer->units_ld,
    };
}

void tkri_recurrent_bind(tkri_step *step) {
    const tkri_recurrent *layer = tkri_recurrent_of(step->layer);
    fused *own = step->own;
    if (tkri_recurrent_is_plain(layer)) {
        own->stream = stream_of(step, layer);
        own->id_row = layer->ops->gates * step->cell->kern->vl;
        own->run = layer->approximate && layer->ops->fast_steps ? layer->ops->fast_steps
                                                                : layer->ops->steps;
        step->run = step_fused;
    }
}

/* c is where the state has it. */
static void zone(const tkri_recur *r, float *c) {
    const tkri_recurrent *layer = r->layer;
    if (layer->zoneout > 0.0f) {
        r->kern->zone(r->h, r->h_prev, NULL, layer->zoneout, r->rows * layer->out_ld);
    }
    if (layer->zoneout_cell > 0.0f) {
        const int64_t n = r->rows * layer->units_ld;
        r->kern->zone(r->c, c, NULL, layer->zoneout_cell, n);
        memcpy(c, r->c, (size_t)n * sizeof *r->c);
    }
}

/* Whatever is not plain. */
static __attribute__((noinline)) void step_pieces(const tkri_step *step,
                                                  const tkri_recurrent *layer) {
    const tkri_direction *d = &layer->direction[0];
    const int64_t rows = step->state->rows, batch = step->state->batch;
    float *c = d->state_c < 0 ? NULL : tkri_state_rows(step->state->values, d->state_c, batch);
    tkri_recur r = recur_of(step, layer);
    if (!layer->precision) {
        run_input(&r, step->in[0], rows);
    }
    for (int64_t row = 0; row < rows; row += r.rows) {
        if (layer->precision) {
            tkri_quantized_recurrent(step->cell, step->state, &r, tkri_signal_at(step->in[0], row));
        } else {
            tkri_recur_forward(&r);
        }
        zone(&r, c);
        r.gates += r.rows * r.row_stride;
        r.h_prev = r.h_in = r.h;
        r.h += r.rows * layer->out_ld;
    }
}

int32_t tkri_recurrent_step(const tkri_step *step, tkri_signal *out) {
    const tkri_recurrent *layer = tkri_recurrent_of(step->layer);
    tkr_state *state = step->state;
    float *h = tkri_state_rows(state->values, layer->direction[0].state_h, state->batch);
    const int64_t ld = layer->out_ld, block = state->batch * ld;
    const size_t bytes = (size_t)block * sizeof *h;
    memcpy(step->out, h, bytes);
    if (step->in->p || step->in->ids) {
        step_pieces(step, layer);
        memcpy(h, step->out + state->rows * ld, bytes);
    }
    *out = (tkri_signal){step->out + (layer->output_before ? 0 : block), ld, NULL};
    return TKR_OK;
}
