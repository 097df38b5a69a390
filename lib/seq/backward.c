/* SPDX-License-Identifier: MIT
 * Back-propagation through time (Werbos 1990): for every chunk, layer by layer downwards; then the
 * parameters' gradients. Truncated (Williams & Peng 1990), the same for each window of steps; a
 * window that lies in several checkpoint segments goes piece by piece, last first. */
#include <string.h>

#include "core/fpmode.h"
#include "seq/seq.h"

/* One pass over a window or a piece of it, as the team sees it. */
typedef struct pass {
    tkri_unroll *u;
    tkri_window window;
    int32_t first; /* of a call's pieces: layers of one step go back in it */
} pass;

/* The only window of layers of one step. */
static const tkri_window once_window = {0, 1, 0, 1};

/* The loss' gradient for the window, where the loss keeps its own copy. */
static void take_loss_gradient(const pass *p, const tkri_chunk *chunk, const tkri_window *w) {
    const tkri_unroll *u = p->u;
    const tkri_layer_tape *top = &u->tape.layers[u->net->n_layers - 1];
    const int64_t first_loss = tkri_max(w->losses_from, w->from);
    const tkri_window skipped = {w->from, tkri_min(first_loss, w->to), 0, 0};
    int64_t from, to, losses;
    if (top->dy == u->grad.loss_dy) {
        return;
    }
    tkri_window_rows(chunk, w, &from, &to);
    tkri_window_rows(chunk, &skipped, &from, &losses);
    const int64_t ld = top->dy_ld, row = (chunk->row0 + chunk->skip) * ld;
    memset(top->dy + row + from * ld, 0, (size_t)((losses - from) * ld) * sizeof *top->dy);
    memcpy(top->dy + row + losses * ld, u->grad.loss_dy + row + losses * ld,
           (size_t)((to - losses) * ld) * sizeof *top->dy);
}

/* Layer l's own rows and window; NULL: it has nothing to do in this piece. */
static tkri_chunk *rows_of(const pass *p, int64_t l, tkri_chunk *chunk,
                           const tkri_window **window) {
    const tkri_net *net = p->u->net;
    const tkri_layer *layer = &net->layers[l];
    const int64_t from = layer->reads[0].from;
    if (!layer->live || !layer->ops->backward) {
        return NULL;
    }
    if (from < 0 || !net->layers[from].once) { /* LAST itself reads all steps */
        *window = &p->window;
        return chunk;
    }
    *window = &once_window;
    return p->first ? tkri_chunk_of(p->u, l, chunk->number) : NULL;
}

static int32_t backward_layers(const pass *p, tkri_chunk *chunk) {
    for (int64_t l = p->u->net->n_layers - 1; l >= 0; l--) {
        const tkri_window *window;
        tkri_chunk *rows = rows_of(p, l, chunk, &window);
        if (rows) {
            const int32_t status = p->u->net->layers[l].ops->backward(p->u, l, rows, window);
            if (status < 0) {
                chunk->detail = rows->detail;
                return status;
            }
        }
    }
    return TKR_OK;
}

static void backward_chunk(void *argument, int64_t index) {
    const pass *p = argument;
    tkri_unroll *u = p->u;
    tkri_chunk *chunk = &u->plan.chunks[index];
    const int64_t segment = p->window.from / u->plan.segment;
    const uint64_t mode = tkri_fpmode_enter();
    chunk->status = TKR_OK;
    if (segment != chunk->segment && p->window.from < chunk->steps) {
        chunk->status = tkri_forward_segment(u, chunk, segment);
    }
    if (!u->net->once) {
        take_loss_gradient(p, chunk, &p->window);
    } else if (p->first) {
        take_loss_gradient(p, tkri_output_chunk(u, index), &once_window);
    }
    if (chunk->status == TKR_OK) {
        chunk->status = backward_layers(p, chunk);
    }
    tkri_fpmode_leave(mode);
}

static int32_t backward_piece(pass *p, tkri_detail *detail) {
    tkri_unroll *u = p->u;
    for (int64_t l = 0; l < u->net->n_layers; l++) {
        const tkri_layer *layer = &u->net->layers[l];
        if (layer->live && layer->ops->begin) {
            layer->ops->begin(u, l);
        }
    }
    tkri_team_run(&u->team, u->plan.n_chunks, backward_chunk, p);
    for (int64_t c = 0; c < u->plan.n_chunks; c++) {
        const tkri_chunk *chunk = &u->plan.chunks[c];
        REQUIRE(chunk->status == TKR_OK, detail, chunk->status, "%s", chunk->detail.text);
    }
    tkri_parameter_gradients(u, &p->window, p->first);
    p->first = 0;
    return TKR_OK;
}

static void pack_layer(void *argument, int64_t l) {
    tkri_unroll *u = argument;
    const tkri_layer *layer = &u->net->layers[l];
    if (layer->live && layer->ops->pack) {
        layer->ops->pack(u, l);
    }
}

/* What a pass adds to. */
static void clear(tkri_unroll *u) {
    const tkri_plan *plan = &u->plan;
    tkri_gradients *grad = &u->grad;
    const int64_t state = tkri_state_len(u->net, plan->max_batch);
    memset(grad->dinitial, 0, (size_t)state * sizeof *grad->dinitial);
    if (grad->dx && grad->truncate) {
        memset(grad->dx, 0, (size_t)(plan->rows * u->tape.x_ld) * sizeof *grad->dx);
    }
    if (grad->norms) {
        const int64_t n =
            tkri_chunks_of(u->net, plan->max_batch) * u->net->n_tracks * plan->max_steps;
        memset(grad->norms, 0, (size_t)n * sizeof *grad->norms);
    }
}

int32_t tkri_backward(tkri_unroll *u, const tkri_options *options, tkri_detail *detail) {
    const int64_t k1 = tkri_options_int(options, TKR_TRUNCATE_EVERY);
    const int64_t k2 = tkri_options_int(options, TKR_TRUNCATE_STEPS);
    const int64_t steps = u->plan.steps, segment = u->plan.segment;
    const int64_t every = k1 ? k1 : steps, back = k2 ? tkri_max(k2, every) : every;
    const int64_t windows = (steps + every - 1) / every;
    pass p = {.u = u, .first = 1};
    u->grad.truncate = windows > 1 ? k1 : 0; /* a single window is no truncation */
    if (u->grad.packed_version != u->cell->version) {
        tkri_team_run(&u->team, u->net->n_layers, pack_layer, u);
        u->grad.packed_version = u->cell->version;
    }
    clear(u);
    for (int64_t i = windows - 1; i >= 0; i--) {
        const int64_t losses = i * every, end = tkri_min(losses + every, steps);
        const int64_t begin = tkri_max(losses + every - back, 0);
        for (int64_t from, to = end; to > begin; to = from) {
            from = tkri_max((to - 1) / segment * segment, begin);
            p.window = (tkri_window){from, to, losses, end};
            TRY(backward_piece(&p, detail));
        }
    }
    return TKR_OK;
}
