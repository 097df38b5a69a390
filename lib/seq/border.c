/* SPDX-License-Identifier: MIT
 * Between the caller's order, [steps][batch][..], and rows: inputs and gradients come in, outputs
 * and gradients go out. The copies are shared out over threads, by chunks and pieces of their
 * steps. */
#include <string.h>

#include "seq/seq.h"

enum { PIECES = 8, LEAST_BYTES = 1 << 16 }; /* below that, one thread copies faster than many */

/* Rows of all steps of a chunk. */
typedef tkri_view rows_of(const tkri_unroll *u, const tkri_chunk *chunk);

/* One array's copy. A row is `bytes` long, in the caller's array too, where they are dense. */
typedef struct copy {
    const tkri_unroll *u;
    const tkri_chunk *chunks;
    int64_t steps; /* in the caller's array */
    size_t bytes;
    rows_of *rows;
    const char *in; /* the caller's: exactly one of both */
    char *out;
} copy;

static void copy_row(char *to, const char *from, size_t bytes) {
    if (from) {
        memcpy(to, from, bytes);
    } else {
        memset(to, 0, bytes);
    }
}

/* The rows of one step, `n` of them, from `rows` on, `stride` apart. */
static void copy_step(const copy *c, const tkri_chunk *chunk, int64_t t, char *rows,
                      size_t stride) {
    const int64_t n = t < chunk->steps ? chunk->active[t] : 0;
    const int64_t first = t * c->u->plan.batch;
    const int64_t *order = c->u->plan.order + chunk->batch0;
    if (c->u->plan.in_order && stride == c->bytes && n == chunk->batch && (c->in || c->out)) {
        const size_t at = (size_t)(first + chunk->batch0) * c->bytes, all = (size_t)n * c->bytes;
        memcpy(c->out ? c->out + at : rows, c->out ? rows : c->in + at, all);
        return;
    }
    for (int64_t i = 0; i < n; i++) {
        const size_t at = (size_t)(first + order[i]) * c->bytes;
        char *row = rows + (size_t)i * stride;
        if (c->out) {
            memcpy(c->out + at, row, c->bytes);
        } else {
            copy_row(row, c->in ? c->in + at : NULL, c->bytes);
        }
    }
    for (int64_t i = n; c->out && i < chunk->batch; i++) {
        memset(c->out + (size_t)(first + order[i]) * c->bytes, 0, c->bytes);
    }
}

static void copy_piece(void *argument, int64_t index) {
    const copy *c = argument;
    const tkri_chunk *chunk = &c->chunks[index / PIECES];
    const int64_t piece = index % PIECES, end = c->steps * (piece + 1) / PIECES;
    const tkri_view v = c->rows(c->u, chunk);
    const size_t stride = (size_t)v.ld * sizeof *v.p;
    for (int64_t t = c->steps * piece / PIECES; t < end; t++) {
        const int64_t first = t < chunk->steps ? chunk->first[t] : chunk->rows;
        copy_step(c, chunk, t, (char *)(v.p + first * v.ld), stride);
    }
}

static void run(copy *c) {
    const tkri_unroll *u = c->u;
    const int64_t n = u->plan.n_chunks * PIECES;
    if ((size_t)u->plan.rows * c->bytes < LEAST_BYTES) {
        for (int64_t i = 0; i < n; i++) {
            copy_piece(c, i);
        }
    } else {
        tkri_team_run(&u->team, n, copy_piece, c);
    }
}

static copy input_copy(const tkri_unroll *u, rows_of *rows, size_t bytes) {
    return (copy){
        .u = u, .chunks = u->plan.chunks, .steps = u->plan.steps, .bytes = bytes, .rows = rows};
}

static copy output_copy(const tkri_unroll *u, rows_of *rows) {
    copy c = input_copy(u, rows, (size_t)u->net->output * sizeof(float));
    if (u->net->once) {
        c.chunks = u->plan.once;
        c.steps = 1;
    }
    return c;
}

static tkri_view input_rows(const tkri_unroll *u, const tkri_chunk *chunk) {
    return (tkri_view){u->tape.x + chunk->row0 * u->tape.x_ld, u->tape.x_ld};
}

static tkri_view input_gradient_rows(const tkri_unroll *u, const tkri_chunk *chunk) {
    return (tkri_view){u->grad.dx + chunk->row0 * u->tape.x_ld, u->tape.x_ld};
}

static tkri_view loss_gradient_rows(const tkri_unroll *u, const tkri_chunk *chunk) {
    const int64_t ld = tkri_row_len(u->net->output);
    return (tkri_view){u->grad.loss_dy + chunk->row0 * ld, ld};
}

void tkri_border_input(tkri_unroll *u, const float *input) {
    copy c = input_copy(u, input_rows, (size_t)u->net->input * sizeof *input);
    c.in = (const char *)input;
    u->tape.has_ids = 0;
    run(&c);
}

void tkri_border_ids(tkri_unroll *u, const int32_t *ids) {
    u->tape.has_ids = 1;
    for (int64_t c = 0; c < u->plan.n_chunks; c++) {
        const tkri_chunk *chunk = &u->plan.chunks[c];
        for (int64_t t = 0; t < chunk->steps; t++) {
            int32_t *to = u->tape.ids + chunk->row0 + chunk->first[t];
            for (int64_t i = 0; i < chunk->active[t]; i++) {
                to[i] = ids[tkri_user_row(u, chunk, t, i)];
            }
        }
    }
}

void tkri_border_output(const tkri_unroll *u, float *output) {
    copy c = output_copy(u, tkri_output);
    c.out = (char *)output;
    run(&c);
}

void tkri_border_loss_gradient(tkri_unroll *u, const float *doutput) {
    copy c = output_copy(u, loss_gradient_rows);
    c.in = (const char *)doutput;
    run(&c);
}

void tkri_border_input_gradient(const tkri_unroll *u, float *dinput) {
    copy c = input_copy(u, input_gradient_rows, (size_t)u->net->input * sizeof *dinput);
    c.out = (char *)dinput;
    run(&c);
}
