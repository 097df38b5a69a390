/* SPDX-License-Identifier: MIT
 * Convolution inside one step's vector, [channel][position]: without a past. The rows of taps of a
 * step's output positions are laid out again whenever they are needed. */
#include <string.h>

#include "layer/conv.h"

/* Room for one step: taps [made][taps_ld], and the outputs position by position [made][ld]. */
static int64_t outputs_ld(const tkri_conv *c) {
    return tkri_row_len(c->groups * c->out);
}

static int64_t room_len(const tkri_conv *c) {
    return (int64_t)tkri_times(c->made, c->taps_ld + outputs_ld(c));
}

/* The position that tap k of output position p reads; -1: zero. */
static int64_t position_of(const tkri_conv *c, int64_t p, int64_t k) {
    const int64_t n = c->positions, at = p * c->stride - c->left + k * c->dilation;
    if (c->reflects) {
        return at < 0 ? -at : at >= n ? 2 * n - 2 - at : at;
    }
    return at < n ? tkri_max(at, -1) : -1;
}

/* What reads inside the vector and not from its padding: of the taps of output position p, or of
 * the output positions of tap k, those in [from, to). */
typedef struct range {
    int64_t from, to;
} range;

static range taps_of(const tkri_conv *c, int64_t p) {
    const int64_t d = c->dilation, n = c->positions, first = p * c->stride - c->left;
    range in = {0, c->kernel};
    if (first < 0) {
        in.from = tkri_min((d - 1 - first) / d, c->kernel);
    }
    if (first + (c->kernel - 1) * d >= n) {
        in.to = tkri_max(first < n ? (n - first + d - 1) / d : 0, in.from);
    }
    return in;
}

static range positions_of(const tkri_conv *c, int64_t k) {
    const int64_t s = c->stride, at = k * c->dilation - c->left; /* of output position 0 */
    range in = {at < 0 ? tkri_min((s - 1 - at) / s, c->made) : 0, 0};
    in.to = at < c->positions ? tkri_min((c->positions - at + s - 1) / s, c->made) : 0;
    in.to = tkri_max(in.to, in.from);
    return in;
}

/* Tap k of output positions [from, to), which may be padding. */
static void lay_padded(const tkri_conv *c, float *taps, const float *x, int64_t k, range p) {
    for (; p.from < p.to; p.from++) {
        const int64_t at = position_of(c, p.from, k);
        float *row = taps + p.from * c->taps_ld + k;
        for (int64_t i = 0; i < c->groups * c->in; i++) {
            row[i * c->kernel] = at < 0 ? 0.0f : x[i * c->positions + at];
        }
    }
}

/* The same inside the vector. The longer of both is the inner loop. */
static void lay_inside(const tkri_conv *c, float *taps, const float *x, int64_t k, range p) {
    const int64_t channels = c->groups * c->in, kernel = c->kernel, ld = c->taps_ld;
    const int64_t stride = c->stride, n = p.to - p.from;
    if (n < 1) {
        return;
    }
    x += p.from * stride - c->left + k * c->dilation;
    taps += p.from * ld + k;
    if (channels < n) {
        for (int64_t i = 0; i < channels; i++) {
            for (int64_t j = 0; j < n; j++) {
                taps[i * kernel + j * ld] = x[i * c->positions + j * stride];
            }
        }
        return;
    }
    for (int64_t j = 0; j < n; j++) {
        for (int64_t i = 0; i < channels; i++) {
            taps[i * kernel + j * ld] = x[i * c->positions + j * stride];
        }
    }
}

/* Many neighbouring taps of few channels: copies. */
static void lay_runs(const tkri_conv *c, float *taps, const float *x) {
    for (int64_t p = 0; p < c->made; p++) {
        const range in = taps_of(c, p), only = {p, p + 1};
        const int64_t n = in.to - in.from, from = p * c->stride - c->left + in.from;
        for (int64_t k = 0; k < in.from; k++) {
            lay_padded(c, taps, x, k, only);
        }
        for (int64_t k = in.to; k < c->kernel; k++) {
            lay_padded(c, taps, x, k, only);
        }
        for (int64_t i = 0; n > 0 && i < c->groups * c->in; i++) {
            memcpy(taps + p * c->taps_ld + i * c->kernel + in.from, x + i * c->positions + from,
                   (size_t)n * sizeof *x);
        }
    }
}

static void lay_taps(const tkri_conv *c, float *taps, const float *x) {
    enum { LONG = 16 };
    if (c->dilation == 1 && c->kernel >= LONG && c->groups * c->in <= c->kernel) {
        lay_runs(c, taps, x);
        return;
    }
    for (int64_t k = 0; k < c->kernel; k++) {
        const range in = positions_of(c, k);
        lay_padded(c, taps, x, k, (range){0, in.from});
        lay_inside(c, taps, x, k, in);
        lay_padded(c, taps, x, k, (range){in.to, c->made});
    }
}

/* One step: x, y dense rows of it. */
static void convolve(const tkr_cell *cell, const tkri_conv *c, float *y, const float *x,
                     float *room) {
    const int64_t ld = outputs_ld(c);
    float *rows = room + c->made * c->taps_ld;
    lay_taps(c, room, x);
    tkri_conv_apply(cell, c, (tkri_view){rows, ld}, room, c->made, NULL);
    tkri_transpose(y, c->made, rows, ld, c->made, c->groups * c->out);
}

/* What a sequence keeps: room for a step of each chunk; sums, and the packed transpose. */
typedef struct conv_tape {
    float *room; /* [chunk][room_len] */
    float *sums, *w_t;
} conv_tape;

static const conv_tape *tape_of(const tkri_unroll *u, int64_t l) {
    return (const conv_tape *)u->tape.layers[l].own;
}

static void place(const tkri_unroll *u, int64_t l, tkri_layer_tape *tape, tkri_arena *arena,
                  const tkri_room *room) {
    const tkri_conv *c = tkri_conv_of(&u->net->layers[l]);
    const int64_t chunks = tkri_chunks_of(u->net, room->batch);
    conv_tape *own, measured;
    TKRI_TAKE(arena, own, 1);
    tape->own = own;
    conv_tape *to = own ? own : &measured;
    TKRI_TAKE(arena, to->room, tkri_times(2 * chunks, room_len(c)));
    if (tkri_trains(u)) {
        TKRI_TAKE(arena, to->sums, tkri_times(chunks, tkri_conv_sums_len(u->cell, c)));
        TKRI_TAKE(arena, to->w_t, tkri_conv_transpose_len(u->cell, c));
    }
}

static float *room_of(const tkri_unroll *u, int64_t l, const tkri_chunk *chunk) {
    return tape_of(u, l)->room + 2 * chunk->number * room_len(tkri_conv_of(&u->net->layers[l]));
}

static int32_t forward(tkri_unroll *u, int64_t l, tkri_chunk *chunk) {
    const tkri_conv *c = tkri_conv_of(&u->net->layers[l]);
    const tkri_view x = tkri_layer_input(u, l, 0, chunk), y = tkri_layer_output(u, l, chunk);
    float *room = room_of(u, l, chunk);
    for (int64_t r = 0; r < chunk->held; r++) {
        convolve(u->cell, c, y.p + r * y.ld, x.p + r * x.ld, room);
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

/* Taps [from, to) of output position p, which may be padding. */
static void take_padded(const tkri_conv *c, float *dx, const float *row, int64_t p, range k) {
    for (; k.from < k.to; k.from++) {
        const int64_t at = position_of(c, p, k.from);
        for (int64_t i = 0; at >= 0 && i < c->groups * c->in; i++) {
            dx[i * c->positions + at] += row[i * c->kernel + k.from];
        }
    }
}

static void take_inside(const tkri_conv *c, float *dx, const float *row, int64_t p, range k) {
    const int64_t channels = c->groups * c->in, kernel = c->kernel, d = c->dilation;
    const int64_t n = k.to - k.from;
    if (n < 1) {
        return;
    }
    dx += p * c->stride - c->left + k.from * d;
    row += k.from;
    if (channels < n) {
        for (int64_t i = 0; i < channels; i++) {
            for (int64_t j = 0; j < n; j++) {
                dx[i * c->positions + j * d] += row[i * kernel + j];
            }
        }
        return;
    }
    for (int64_t j = 0; j < n; j++) {
        for (int64_t i = 0; i < channels; i++) {
            dx[i * c->positions + j * d] += row[i * kernel + j];
        }
    }
}

/* Position by position and from the first tap to the last: sums keep their order. */
static void take_taps(const tkri_conv *c, float *dx, const float *dtaps) {
    for (int64_t p = 0; p < c->made; p++) {
        const float *row = dtaps + p * c->taps_ld;
        const range in = taps_of(c, p);
        take_padded(c, dx, row, p, (range){0, in.from});
        take_inside(c, dx, row, p, in);
        take_padded(c, dx, row, p, (range){in.to, c->kernel});
    }
}

static int32_t backward(tkri_unroll *u, int64_t l, tkri_chunk *chunk, const tkri_window *window) {
    const tkri_layer *layer = &u->net->layers[l];
    const tkri_conv *c = tkri_conv_of(layer);
    const conv_tape *tape = tape_of(u, l);
    const tkri_back b = tkri_back_of(u, l, chunk, window);
    float *room = room_of(u, l, chunk), *dtaps = room + room_len(c);
    const tkri_view dy = {room + c->made * c->taps_ld, outputs_ld(c)};
    float *sums = tape->sums + chunk->number * tkri_conv_sums_len(u->cell, c);
    for (int64_t r = b.from; r < b.to; r++) {
        lay_taps(c, room, b.x.p + r * b.x.ld);
        memset(dy.p, 0, (size_t)(c->made * dy.ld) * sizeof *dy.p);
        tkri_transpose(dy.p, dy.ld, b.dy.p + r * b.dy.ld, c->made, c->groups * c->out, c->made);
        tkri_conv_sum(u->cell, c, sums, dy, room, c->made);
        if (b.dx.p) {
            float *dx = b.dx.p + r * b.dx.ld;
            if (!b.adds) {
                memset(dx, 0, (size_t)layer->input * sizeof *dx);
            }
            tkri_conv_unapply(u->cell, c, dtaps, dy, c->made, tape->w_t);
            take_taps(c, dx, dtaps);
        }
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
    (void)batch, (void)steps; /* one row at a time */
    (void)cell;
    return (uint64_t)room_len(tkri_conv_of(layer));
}

static int32_t step(const tkri_step *s, tkri_signal *out) {
    const tkri_conv *c = tkri_conv_of(s->layer);
    const int64_t ld = tkri_row_len(s->layer->output);
    for (int64_t b = 0; b < s->state->rows; b++) {
        convolve(s->cell, c, s->out + b * ld, s->in[0].p + b * s->in[0].ld, s->state->scratch);
    }
    *out = (tkri_signal){s->out, ld, NULL};
    return TKR_OK;
}

const tkri_layer_ops tkri_conv_vector_ops = {
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
