/* SPDX-License-Identifier: MIT
 * A streamed step of a recurrent layer. */
#include <string.h>

#include "layer/recur_scan.h"
#include "layer/quantized.h"

/* Scratch memory: gates, h, c, m, aux, each [B][..]. */
int64_t tkri_recurrent_scratch(const tkr_cell *cell, const tkri_layer *layer) {
    const tkri_recurrent *own = tkri_recurrent_of(layer);
    const int64_t gates =
        (int64_t)tkri_round_up((uint64_t)tkri_gate_floats(own, cell->kern->vl), TKRI_MAX_VL);
    return (int64_t)tkri_add((uint64_t)gates, tkri_times(4, own->units_ld + own->out_ld));
}

int32_t tkri_recurrent_wants_out(const tkri_layer *layer) {
    return tkri_recurrent_of(layer)->output_before;
}

/* One stream of a plain layer: products and pointwise part in one go. */
typedef struct fused {
    tkri_stream stream;
    int64_t id_row; /* floats of an id's in w_ih */
    tkri_signal out;
    void (*run)(const tkri_stream *stream);
} fused;

void tkri_recurrent_keep(tkri_step *step, tkri_arena *arena) {
    fused *own;
    if (step->state->batch == 1) {
        TKRI_TAKE(arena, own, 1);
        step->own = own;
    }
}

static int is_plain(const tkri_recurrent *layer) {
    return !layer->precision && layer->out == layer->units && layer->zoneout <= 0.0f &&
           layer->zoneout_cell <= 0.0f;
}

/* One row of w_ih, or none. */
static void run_id(const fused *own, int32_t id) {
    static const float one = 1.0f;
    tkri_stream s = own->stream;
    s.x = &one;
    s.x_len = id >= 0;
    s.w_ih += s.x_len * id * own->id_row;
    own->run(&s);
}

static int32_t step_fused(const tkri_step *step, tkri_signal *out) {
    const tkri_signal *in = step->in;
    fused *own = step->own;
    if (own->out.p != own->stream.h) { /* the output is the state before */
        memcpy(step->out, own->stream.h, (size_t)own->out.ld * sizeof *step->out);
    }
    if (in->p) {
        own->stream.x = in->p;
        own->run(&own->stream);
    } else if (in->ids) {
        run_id(own, in->ids[0]);
    }
    *out = own->out;
    return TKR_OK;
}

static tkri_stream stream_of(const tkri_step *step, const tkri_recurrent *layer) {
    const tkri_direction *d = &layer->direction[0];
    const float *values = step->cell->net->values, *derived = step->cell->net->derived;
    return (tkri_stream){
        .x_len = layer->input,
        .input = layer->input,
        .units = layer->units,
        .w_ih = values + d->w_ih,
        .w_hh = values + d->w_hh,
        .bias = derived + d->bias,
        .q_bias = d->q_bias < 0 ? NULL : derived + d->q_bias,
        .h = step->state->values + d->state_h,
        .h_next = step->state->scratch,
        .c = d->state_c < 0 ? NULL : step->state->values + d->state_c,
        .peep = d->peep < 0 ? NULL : values + d->peep,
        .ld_c = layer->units_ld,
    };
}

void tkri_recurrent_bind(tkri_step *step) {
    const tkri_recurrent *layer = tkri_recurrent_of(step->layer);
    fused *own = step->own;
    if (own && layer->ops->step && is_plain(layer)) {
        own->stream = stream_of(step, layer);
        own->id_row = layer->ops->gates * step->cell->kern->vl;
        own->out =
            (tkri_signal){layer->output_before ? step->out : own->stream.h, layer->out_ld, NULL};
        own->run = layer->ops->step;
        step->run = step_fused;
    }
}

/* The arguments of a step, in the scratch memory. */
static tkri_recur recur_of(const tkri_step *step, const tkri_recurrent *layer, float *h, float *c) {
    const tkr_cell *cell = step->cell;
    const int64_t batch = step->state->batch, ld = batch * (layer->units_ld + layer->out_ld);
    float *rows = step->state->scratch;
    tkri_recur r = {
        .kern = cell->kern,
        .net = cell->net,
        .layer = layer,
        .direction = &layer->direction[0],
        .rows = batch,
        .h_prev = h,
        .h_in = h,
        .h = rows,
        .c_prev = c,
        .c = rows + ld,
        .m = layer->out != layer->units ? rows + 2 * ld : NULL,
        .aux = rows + 3 * ld,
        .gates = rows + 4 * ld,
    };
    tkri_gate_strides(layer, cell->kern->vl, batch, &r.row_stride, &r.tile_stride);
    return r;
}

/* Whatever is not plain. */
static __attribute__((noinline)) void step_pieces(const tkri_step *step,
                                                  const tkri_recurrent *layer) {
    const tkri_direction *d = &layer->direction[0];
    tkr_state *state = step->state;
    const tkri_signal in = step->in[0];
    const int64_t batch = state->batch, h_len = batch * layer->out_ld;
    float *h = tkri_state_rows(state->values, d->state_h, batch);
    float *c = d->state_c < 0 ? NULL : tkri_state_rows(state->values, d->state_c, batch);
    const tkri_recur r = recur_of(step, layer, h, c);
    if (layer->precision) {
        tkri_quantized_recurrent(step->cell, state, &r, in);
    } else {
        tkri_recur_input(&r, in.p, in.ld, in.ids);
        tkri_recur_forward(&r);
    }
    if (layer->zoneout > 0.0f) {
        r.kern->zone(r.h, h, NULL, layer->zoneout, h_len);
    }
    if (layer->zoneout_cell > 0.0f) {
        r.kern->zone(r.c, c, NULL, layer->zoneout_cell, batch * layer->units_ld);
    }
    memcpy(h, r.h, (size_t)h_len * sizeof *h);
    if (c) {
        memcpy(c, r.c, (size_t)(batch * layer->units_ld) * sizeof *c);
    }
}

int32_t tkri_recurrent_step(const tkri_step *step, tkri_signal *out) {
    const tkri_recurrent *layer = tkri_recurrent_of(step->layer);
    const float *h =
        tkri_state_rows(step->state->values, layer->direction[0].state_h, step->state->batch);
    if (layer->output_before) {
        memcpy(step->out, h, (size_t)(step->state->batch * layer->out_ld) * sizeof *h);
        h = step->out;
    }
    if (step->in->p || step->in->ids) {
        step_pieces(step, layer);
    }
    *out = (tkri_signal){h, layer->out_ld, NULL};
    return TKR_OK;
}
