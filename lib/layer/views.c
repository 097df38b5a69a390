/* SPDX-License-Identifier: MIT
 * Who finds whose rows where. */
#include "layer/layer.h"

/* Weights of a step that no core's second-level cache keeps: every chunk fetches them again. */
enum { TOO_FAR = 150000 };

static int is_far(const tkri_net *net) {
    int64_t most = 0;
    for (int64_t l = 0; l < net->n_layers; l++) {
        most = tkri_max(most, net->layers[l].step_weights);
    }
    return most > TOO_FAR;
}

/* Two chunks from 16 sequences on, so that two threads share them; then one for each 32. Of nets
 * whose weights are far, one for each 64, and threads share the units of one. */
int64_t tkri_chunks_of(const tkri_net *net, int64_t batch) {
    const int far = is_far(net);
    const int64_t n = far ? (batch + 63) / 64 : (batch + 31) / 32;
    return tkri_min(batch >= 16 && !far ? tkri_max(n, 2) : n, TKRI_MAX_CHUNKS);
}

tkri_chunk *tkri_chunk_of(const tkri_unroll *u, int64_t l, int64_t number) {
    return &(u->net->layers[l].once ? u->plan.once : u->plan.chunks)[number];
}

tkri_chunk *tkri_output_chunk(const tkri_unroll *u, int64_t number) {
    return &(u->net->once ? u->plan.once : u->plan.chunks)[number];
}

int32_t tkri_reads_ids(const tkri_unroll *u, int64_t l) {
    return u->tape.has_ids && u->net->layers[l].reads[0].from < 0;
}

tkri_view tkri_layer_output(const tkri_unroll *u, int64_t l, const tkri_chunk *chunk) {
    const tkri_layer_ops *ops = u->net->layers[l].ops;
    const tkri_layer_tape *tape = &u->tape.layers[l];
    const int32_t where = ops->where ? ops->where(u, l) : TKRI_OWN_ROWS;
    if (where == TKRI_INPUT_ROWS) {
        return tkri_layer_input(u, l, 0, chunk);
    }
    if (where == TKRI_INSIDE_ROWS) {
        return ops->rows(u, l, chunk);
    }
    const int64_t row = l == u->tape.top ? chunk->row0 + chunk->skip : chunk->tape;
    return (tkri_view){tape->y + row * tape->y_ld, tape->y_ld};
}

tkri_view tkri_layer_input(const tkri_unroll *u, int64_t l, int64_t read, const tkri_chunk *chunk) {
    const int64_t from = u->net->layers[l].reads[read].from;
    if (from >= 0) {
        return tkri_layer_output(u, from, chunk);
    }
    const int64_t row = chunk->row0 + chunk->skip, ld = u->tape.x_ld;
    return (tkri_view){u->tape.x ? u->tape.x + row * ld : NULL, ld};
}

tkri_view tkri_output(const tkri_unroll *u, const tkri_chunk *chunk) {
    tkri_view v = tkri_layer_output(u, u->net->n_layers - 1, chunk);
    v.p -= chunk->skip * v.ld;
    return v;
}

tkri_view tkri_layer_gradient(const tkri_unroll *u, int64_t l, const tkri_chunk *chunk) {
    const tkri_layer_tape *tape = &u->tape.layers[l];
    const int64_t row = l == u->net->n_layers - 1 ? chunk->row0 + chunk->skip : chunk->tape;
    return (tkri_view){tape->dy + row * tape->dy_ld, tape->dy_ld};
}

int64_t tkri_gives_steps(const tkri_unroll *u, int64_t l) {
    const tkri_layer *layer = &u->net->layers[l];
    const int64_t reader = layer->n_readers == 1 ? layer->reader : -1;
    return reader >= 0 && u->net->layers[reader].reads[0].by_steps ? reader : -1;
}

int32_t tkri_wants_input_gradient(const tkri_unroll *u, int64_t l, int64_t read) {
    return u->net->layers[l].reads[read].from >= 0 || (u->plan.mode & TKR_INPUT_GRADIENT) != 0;
}

tkri_view tkri_input_gradient(const tkri_unroll *u, int64_t l, int64_t read,
                              const tkri_chunk *chunk) {
    const tkri_edge *edge = &u->net->layers[l].reads[read];
    if (edge->by_steps || (edge->from < 0 && (!u->grad.dx || u->tape.has_ids))) {
        return (tkri_view){NULL, 0};
    }
    if (edge->from >= 0) {
        return tkri_layer_gradient(u, edge->from, chunk);
    }
    const int64_t ld = u->tape.x_ld;
    return (tkri_view){u->grad.dx + (chunk->row0 + chunk->skip) * ld, ld};
}

/* Overlapping windows add into the input's, which is zero before. */
int32_t tkri_input_gradient_from(const tkri_unroll *u, int64_t l, int64_t read) {
    const tkri_edge *edge = &u->net->layers[l].reads[read];
    const int adds = edge->adds || (edge->from < 0 && u->grad.truncate);
    return adds ? TKRI_FROM_C : TKRI_FROM_ZERO;
}

void tkri_window_rows(const tkri_chunk *chunk, const tkri_window *w, int64_t *from, int64_t *to) {
    *from = tkri_held_row(chunk, tkri_min(w->from, chunk->to));
    *to = tkri_held_row(chunk, tkri_min(w->to, chunk->to));
}
