/* SPDX-License-Identifier: MIT
 * What a sequence keeps of a recurrent layer. */
#include "layer/masks.h"
#include "layer/matrix.h"
#include "layer/recurrent.h"

int64_t tkri_gate_floats(const tkri_recurrent *layer, int32_t vl) {
    return layer->ops->fields == 1 ? layer->units_ld
                                   : tkri_tiles(layer->units, vl) * layer->ops->fields * vl;
}

void tkri_gate_strides(const tkri_recurrent *layer, int32_t vl, int64_t rows, int64_t *row_stride,
                       int64_t *tile_stride) {
    const int64_t fields = layer->ops->fields;
    *row_stride = fields == 1 ? layer->units_ld : fields * vl;
    *tile_stride = fields == 1 ? vl : rows * fields * vl;
}

tkri_scan tkri_scan_of(tkri_unroll *u, int64_t l, int32_t d, const tkri_chunk *chunk) {
    const tkri_recurrent *layer = tkri_recurrent_of(&u->net->layers[l]);
    return (tkri_scan){
        .u = u,
        .l = l,
        .chunk = chunk,
        .layer = layer,
        .direction = &layer->direction[d],
        .run = tkri_run_of(u, l, d),
        .state_row = chunk->tape + chunk->batch0,
    };
}

/* The hidden states are the output, unless two directions, another order or the net's whole output
 * must be put together of them. */
int32_t tkri_recurrent_where(const tkri_unroll *u, int64_t l) {
    const tkri_recurrent *layer = tkri_recurrent_of(&u->net->layers[l]);
    const int inside = layer->directions == 1 && !layer->direction[0].backwards &&
                       !layer->output_before &&
                       (l != u->tape.top || u->plan.segment == u->plan.max_steps);
    return inside ? TKRI_INSIDE_ROWS : TKRI_OWN_ROWS;
}

tkri_view tkri_recurrent_rows(const tkri_unroll *u, int64_t l, const tkri_chunk *chunk) {
    const int64_t ld = tkri_recurrent_of(&u->net->layers[l])->out_ld;
    const int64_t row = chunk->tape + chunk->batch0 + chunk->batch;
    return (tkri_view){tkri_run_of(u, l, 0)->h + row * ld, ld};
}

static void place_masks(const tkri_recurrent *layer, tkri_run *run, tkri_arena *arena,
                        const tkri_room *room) {
    if (layer->recurrent_rate > 0.0f) {
        TKRI_TAKE(arena, run->h_mask, tkri_times(room->batch, layer->out_ld));
        TKRI_TAKE(arena, run->h_in, tkri_times(room->rows, layer->out_ld));
    }
    if (layer->zoneout > 0.0f) {
        TKRI_TAKE(arena, run->h_zone, tkri_times(room->rows, layer->out_ld));
    }
    if (layer->zoneout_cell > 0.0f) {
        TKRI_TAKE(arena, run->c_zone, tkri_times(room->rows, layer->units_ld));
    }
}

/* What is needed twice, in another order, because the direction goes backwards. */
static void place_backwards(const tkri_recurrent *layer, tkri_run *run, int dx, tkri_arena *arena,
                            const tkri_room *room) {
    TKRI_TAKE(arena, run->dy, tkri_times(room->rows, layer->out_ld));
    if (dx) {
        TKRI_TAKE(arena, run->dx, tkri_times(room->rows, tkri_row_len(layer->input)));
    }
}

/* What the backward pass of a direction needs beside the activations. */
static void place_backward(const tkri_unroll *u, int64_t l, const tkri_direction *d, tkri_run *run,
                           tkri_arena *arena, const tkri_room *room) {
    const tkri_recurrent *layer = tkri_recurrent_of(&u->net->layers[l]);
    const int32_t vl = u->cell->kern->vl, gates = layer->ops->gates;
    const int dx = tkri_wants_input_gradient(u, l, 0);
    run->dgates = run->gates;
    if (u->plan.mode & TKR_RETAIN) {
        TKRI_TAKE(arena, run->dgates, tkri_times(room->rows, tkri_gate_floats(layer, vl)));
    }
    TKRI_TAKE(arena, run->w_hh_t, tkri_packed_transpose_len(vl, layer->units, gates, layer->out));
    if (dx) {
        TKRI_TAKE(arena, run->w_ih_t,
                  tkri_packed_transpose_len(vl, layer->units, gates, layer->input));
    }
    if (layer->out != layer->units) {
        TKRI_TAKE(arena, run->dp, tkri_times(room->rows, layer->out_ld));
        TKRI_TAKE(arena, run->w_hr_t, tkri_packed_transpose_len(vl, layer->out, 1, layer->units));
    }
    if (d->peep >= 0) {
        TKRI_TAKE(arena, run->dpeep, tkri_times(TKRI_MAX_CHUNKS * 3, layer->units_ld));
    }
    if (d->backwards) {
        place_backwards(layer, run, dx, arena, room);
    }
    TKRI_TAKE(arena, run->work, tkri_times(5 * room->batch, layer->units_ld));
}

static void place_run(const tkri_unroll *u, int64_t l, const tkri_direction *d, tkri_run *run,
                      tkri_arena *arena, const tkri_room *room) {
    const tkri_recurrent *layer = tkri_recurrent_of(&u->net->layers[l]);
    const int64_t kept = (int64_t)tkri_add((uint64_t)room->rows, (uint64_t)room->batch);
    TKRI_TAKE(arena, run->gates,
              tkri_times(room->rows, tkri_gate_floats(layer, u->cell->kern->vl)));
    TKRI_TAKE(arena, run->h, tkri_times(kept, layer->out_ld));
    if (layer->ops->has_c) {
        TKRI_TAKE(arena, run->c, tkri_times(kept, layer->units_ld));
    }
    if (layer->out != layer->units) {
        TKRI_TAKE(arena, run->m, tkri_times(room->rows, layer->units_ld));
    }
    if (layer->ops->phases > 1) {
        TKRI_TAKE(arena, run->aux, tkri_times(room->rows, layer->units_ld));
    }
    if (d->backwards) {
        TKRI_TAKE(arena, run->x, tkri_times(room->rows, tkri_row_len(layer->input)));
    }
    if (layer->ops->gates == 1 && layer->activation == TKR_RELU) {
        TKRI_TAKE(arena, run->terms,
                  tkri_times(tkri_chunks_of(u->net, room->batch), tkri_terms_len(layer)));
    }
    if (tkri_trains(u)) {
        place_masks(layer, run, arena, room);
        place_backward(u, l, d, run, arena, room);
    }
}

void tkri_recurrent_place(const tkri_unroll *u, int64_t l, tkri_layer_tape *tape, tkri_arena *arena,
                          const tkri_room *room) {
    const tkri_recurrent *layer = tkri_recurrent_of(&u->net->layers[l]);
    tkri_run measured, *run;
    TKRI_TAKE(arena, run, layer->directions);
    tape->own = run;
    for (int32_t d = 0; d < layer->directions; d++) {
        place_run(u, l, &layer->direction[d], run ? &run[d] : &measured, arena, room);
    }
}

static void draw_direction(tkri_unroll *u, int64_t l, int32_t d, const tkri_chunk *chunk) {
    const tkri_recurrent *layer = tkri_recurrent_of(&u->net->layers[l]);
    const tkri_run *run = tkri_run_of(u, l, d);
    if (run->h_mask) {
        const tkri_mask m = tkri_dropout_mask(u, l, 3 * d, layer->recurrent_rate);
        tkri_draw_sequences(u, chunk, &m, (tkri_view){run->h_mask, layer->out_ld}, layer->out);
    }
    if (run->h_zone) {
        const tkri_mask m = tkri_zoneout_mask(u, l, 3 * d + 1, layer->zoneout);
        tkri_draw_rows(u, chunk, &m, (tkri_view){run->h_zone, layer->out_ld}, layer->out);
    }
    if (run->c_zone) {
        const tkri_mask m = tkri_zoneout_mask(u, l, 3 * d + 2, layer->zoneout_cell);
        tkri_draw_rows(u, chunk, &m, (tkri_view){run->c_zone, layer->units_ld}, layer->units);
    }
}

void tkri_recurrent_draw(tkri_unroll *u, int64_t l, const tkri_chunk *chunk) {
    for (int32_t d = 0; d < tkri_recurrent_of(&u->net->layers[l])->directions; d++) {
        draw_direction(u, l, d, chunk);
    }
}
