/* SPDX-License-Identifier: MIT
 * Convolution over time. The inputs of the last (K - 1) d steps are its state, [step][channel], the
 * oldest first. */
#include <string.h>

#include "layer/conv.h"

/* What a sequence keeps. */
typedef struct conv_tape {
    float *taps;       /* [rows][taps_ld] */
    float *dtaps;      /* [rows][taps_ld] */
    float *past;       /* [B][past_ld]: before the segment */
    float *after;      /* [B][past_ld]: what flows on to the state before a piece */
    float *row;        /* [chunk][channels_ld]: the gradient of one step's input */
    float *sums, *w_t; /* [chunk][..]; the packed transpose */
} conv_tape;

static int64_t channels_of(const tkri_conv *c) {
    return c->groups * c->in;
}

static int64_t channels_ld(const tkri_conv *c) {
    return tkri_row_len(channels_of(c));
}

static const conv_tape *tape_of(const tkri_unroll *u, int64_t l) {
    return (const conv_tape *)u->tape.layers[l].own;
}

static void place_backward(const tkri_unroll *u, const tkri_conv *c, conv_tape *to,
                           tkri_arena *arena, const tkri_room *room) {
    const int64_t chunks = tkri_chunks_of(u->net, room->batch);
    TKRI_TAKE(arena, to->dtaps, tkri_times(room->rows, c->taps_ld));
    TKRI_TAKE(arena, to->after, tkri_times(room->batch, c->past_ld));
    TKRI_TAKE(arena, to->row, tkri_times(chunks, channels_ld(c)));
    TKRI_TAKE(arena, to->sums, tkri_times(chunks, tkri_conv_sums_len(u->cell, c)));
    TKRI_TAKE(arena, to->w_t, tkri_conv_transpose_len(u->cell, c));
}

static void place(const tkri_unroll *u, int64_t l, tkri_layer_tape *tape, tkri_arena *arena,
                  const tkri_room *room) {
    const tkri_conv *c = tkri_conv_of(&u->net->layers[l]);
    conv_tape *own, measured;
    TKRI_TAKE(arena, own, 1);
    tape->own = own;
    conv_tape *to = own ? own : &measured;
    TKRI_TAKE(arena, to->taps, tkri_times(room->rows, c->taps_ld));
    TKRI_TAKE(arena, to->past, tkri_times(room->batch, c->past_ld));
    if (tkri_trains(u)) {
        place_backward(u, c, to, arena, room);
    }
}

/* Tap k of every channel from the input `x` of its step. */
static void put_tap(const tkri_conv *c, float *taps, const float *x, int64_t k) {
    for (int64_t i = 0; i < channels_of(c); i++) {
        taps[i * c->kernel + k] = x[i];
    }
}

/* The input of sequence i at step t of the segment, or before it. */
static const float *input_at(const tkri_conv *c, const tkri_chunk *chunk, tkri_view x,
                             const float *past, int64_t t, int64_t i) {
    const int64_t channels = channels_of(c);
    return t >= chunk->from ? x.p + (tkri_held_row(chunk, t) + i) * x.ld
                            : past + i * c->past_ld + (c->past + t - chunk->from) * channels;
}

/* The state behind the segment. */
static void store(const tkri_unroll *u, const tkri_conv *c, const tkri_chunk *chunk, tkri_view x,
                  const float *past) {
    const int64_t channels = channels_of(c);
    for (int64_t i = 0; i < chunk->batch; i++) {
        float *to = tkri_slot_after(u, chunk, c->column, c->past_ld, i);
        const int64_t end = tkri_min(u->plan.length[chunk->batch0 + i], chunk->to);
        for (int64_t p = 0; to && p < c->past; p++) {
            memcpy(to + p * channels, input_at(c, chunk, x, past, end - c->past + p, i),
                   (size_t)channels * sizeof *to);
        }
    }
}

static int32_t forward(tkri_unroll *u, int64_t l, tkri_chunk *chunk) {
    const tkri_conv *c = tkri_conv_of(&u->net->layers[l]);
    const conv_tape *tape = tape_of(u, l);
    const tkri_view x = tkri_layer_input(u, l, 0, chunk);
    float *taps = tape->taps + chunk->tape * c->taps_ld;
    float *past = tape->past + chunk->batch0 * c->past_ld;
    if (c->past > 0) {
        tkri_slot_load(u, chunk, c->column, c->past_ld, past);
    }
    for (int64_t t = chunk->from; t < chunk->to; t++) {
        for (int64_t i = 0; i < chunk->active[t]; i++) {
            float *row = taps + (tkri_held_row(chunk, t) + i) * c->taps_ld;
            for (int64_t k = 0; k < c->kernel; k++) {
                const int64_t when = t - (c->kernel - 1 - k) * c->dilation;
                put_tap(c, row, input_at(c, chunk, x, past, when, i), k);
            }
        }
    }
    const int64_t work = chunk->held * c->in * c->kernel * c->out;
    tkri_conv_apply(u->cell, c, tkri_layer_output(u, l, chunk), taps, chunk->held,
                    tkri_lone_team(u, work));
    if (c->past > 0) {
        store(u, c, chunk, x, past);
    }
    return TKR_OK;
}

static void begin(tkri_unroll *u, int64_t l) {
    const tkri_conv *c = tkri_conv_of(&u->net->layers[l]);
    const int64_t n = tkri_chunks_of(u->net, u->plan.max_batch) * tkri_conv_sums_len(u->cell, c);
    memset(tape_of(u, l)->sums, 0, (size_t)n * sizeof(float));
}

static void pack(tkri_unroll *u, int64_t l) {
    tkri_conv_pack(u->cell, tkri_conv_of(&u->net->layers[l]), tape_of(u, l)->w_t);
}

/* A window's piece of one chunk, backwards. */
typedef struct piece {
    const tkri_unroll *u;
    const tkri_conv *c;
    const tkri_chunk *chunk;
    int64_t from, to;   /* steps */
    const float *dtaps; /* the chunk's rows */
    float *rec;         /* [batch][past_ld]: of the state behind the piece */
} piece;

/* d [channels] = the gradient of sequence i's input at step t, which may be before the piece: what
 * flows into it from the state behind the piece, then from the latest step that sees it to the
 * earliest. In that order the sums are the same wherever a sequence is cut. */
static void gather(const piece *p, float *d, int64_t t, int64_t i) {
    const tkri_conv *c = p->c;
    const int64_t channels = channels_of(c), length = p->u->plan.length[p->chunk->batch0 + i];
    const int64_t end = tkri_max(tkri_min(length, p->to), p->from), kept = t - (end - c->past);
    if (kept >= 0 && kept < c->past) {
        memcpy(d, p->rec + i * c->past_ld + kept * channels, (size_t)channels * sizeof *d);
    } else {
        memset(d, 0, (size_t)channels * sizeof *d);
    }
    for (int64_t k = 0; k < c->kernel; k++) {
        const int64_t at = t + (c->kernel - 1 - k) * c->dilation;
        if (at < p->from || at >= end) {
            continue;
        }
        const float *taps = p->dtaps + (tkri_held_row(p->chunk, at) + i) * c->taps_ld;
        for (int64_t j = 0; j < channels; j++) {
            d[j] += taps[j * c->kernel + k];
        }
    }
}

static void inputs_backward(const piece *p, const tkri_back *b, float *row) {
    for (int64_t t = p->from; b->dx.p && t < p->to; t++) {
        for (int64_t i = 0; i < p->chunk->active[t]; i++) {
            gather(p, row, t, i);
            tkri_put(b->dx.p + (tkri_held_row(p->chunk, t) + i) * b->dx.ld, row, channels_of(p->c),
                     b->adds);
        }
    }
}

/* From the gradient of the state behind the piece to that of the state before it. */
static void state_backward(tkri_unroll *u, const piece *p, float *after) {
    const tkri_conv *c = p->c;
    const size_t bytes = (size_t)(p->chunk->batch * c->past_ld) * sizeof *after;
    memset(after, 0, bytes);
    for (int64_t i = 0; i < p->chunk->batch; i++) {
        for (int64_t q = 0; q < c->past; q++) {
            gather(p, after + i * c->past_ld + q * channels_of(c), p->from - c->past + q, i);
        }
    }
    memcpy(p->rec, after, bytes);
    if (p->from == 0) {
        tkri_slot_gradient_end(u, p->chunk, c->column, c->past_ld);
    }
}

static int32_t backward(tkri_unroll *u, int64_t l, tkri_chunk *chunk, const tkri_window *window) {
    const tkri_conv *c = tkri_conv_of(&u->net->layers[l]);
    const conv_tape *tape = tape_of(u, l);
    const tkri_back b = tkri_back_of(u, l, chunk, window);
    const int64_t n = b.to - b.from;
    const tkri_view dy = {b.dy.p + b.from * b.dy.ld, b.dy.ld};
    float *taps = tape->taps + (chunk->tape + b.from) * c->taps_ld;
    float *dtaps = tape->dtaps + chunk->tape * c->taps_ld;
    const piece p = {.u = u,
                     .c = c,
                     .chunk = chunk,
                     .from = window->from,
                     .to = tkri_min(window->to, chunk->to),
                     .dtaps = dtaps,
                     .rec = tkri_slot_gradient(u, chunk, c->column, c->past_ld)};
    tkri_conv_sum(u->cell, c, tape->sums + chunk->number * tkri_conv_sums_len(u->cell, c), dy, taps,
                  n);
    tkri_conv_unapply(u->cell, c, dtaps + b.from * c->taps_ld, dy, n, tape->w_t);
    if (c->past > 0) {
        tkri_slot_gradient_start(u, chunk, window, c->column, c->past_ld);
    }
    inputs_backward(&p, &b, tape->row + chunk->number * channels_ld(c));
    if (c->past > 0) {
        state_backward(u, &p, tape->after + chunk->batch0 * c->past_ld);
    }
    return TKR_OK;
}

static int64_t jobs(const tkri_unroll *u, int64_t l, tkri_job *list) {
    (void)u;
    return tkri_sums_job(l, list);
}

static void rest(tkri_unroll *u, const tkri_job *job, const tkri_window *window) {
    (void)window;
    tkri_conv_add_sums(u, tkri_conv_of(&u->net->layers[job->layer]), tape_of(u, job->layer)->sums);
}

static uint64_t scratch(const tkr_cell *cell, const tkri_layer *layer, int64_t batch,
                        int64_t steps) {
    (void)cell;
    return tkri_mul(tkri_times(batch, steps), (uint64_t)tkri_conv_of(layer)->taps_ld);
}

static int32_t step(const tkri_step *s, tkri_signal *out) {
    const tkri_conv *c = tkri_conv_of(s->layer);
    const int64_t channels = channels_of(c), ld = tkri_row_len(s->layer->output);
    float *pasts = tkri_state_rows(s->state->values, c->column, s->state->batch);
    for (int64_t r = 0; r < s->state->rows; r++) {
        const float *x = s->in[0].p + r * s->in[0].ld;
        float *past = pasts + r % s->state->batch * c->past_ld;
        float *taps = s->state->scratch + r * c->taps_ld;
        for (int64_t k = 0; k + 1 < c->kernel; k++) {
            put_tap(c, taps, past + k * c->dilation * channels, k);
        }
        put_tap(c, taps, x, c->kernel - 1);
        if (c->past > 0) {
            const int64_t kept = (c->past - 1) * channels;
            memmove(past, past + channels, (size_t)kept * sizeof *past);
            memcpy(past + kept, x, (size_t)channels * sizeof *past);
        }
    }
    tkri_conv_apply(s->cell, c, (tkri_view){s->out, ld}, s->state->scratch, s->state->rows, NULL);
    *out = (tkri_signal){s->out, ld, NULL};
    return TKR_OK;
}

const tkri_layer_ops tkri_conv_time_ops = {
    .place = place,
    .forward = forward,
    .backward = backward,
    .begin = begin,
    .jobs = jobs,
    .rest = rest,
    .pack = pack,
    .scratch = scratch,
    .wants_out = tkri_map_wants_out,
    .step = step,
};
