/* SPDX-License-Identifier: MIT
 * The forward pass: for every chunk of the batch, checkpoint segment by segment of its steps,
 * layer by layer over the steps of one. */
#include "core/fpmode.h"
#include "seq/seq.h"

static int32_t forward_layer(tkri_unroll *u, int64_t l, tkri_chunk *chunk) {
    const tkri_layer_ops *ops = u->net->layers[l].ops;
    if (tkri_trains(u) && ops->draw) {
        ops->draw(u, l, chunk);
    }
    return ops->forward(u, l, chunk);
}

int32_t tkri_forward_segment(tkri_unroll *u, tkri_chunk *chunk, int64_t segment) {
    chunk->segment = segment;
    chunk->from = tkri_min(segment * u->plan.segment, chunk->steps);
    chunk->to = tkri_min(chunk->from + u->plan.segment, chunk->steps);
    chunk->skip = chunk->first[chunk->from];
    chunk->held = chunk->first[chunk->to] - chunk->skip;
    for (int64_t l = 0; l < u->net->n_layers; l++) {
        const tkri_layer *layer = &u->net->layers[l];
        const int from_once =
            layer->reads[0].from >= 0 && u->net->layers[layer->reads[0].from].once;
        if (!layer->live || (from_once && chunk->to < chunk->steps)) {
            continue; /* behind LAST there is something to do when all steps are done */
        }
        tkri_chunk *rows = from_once ? tkri_chunk_of(u, l, chunk->number) : chunk;
        const int32_t status = forward_layer(u, l, rows);
        if (status < 0) {
            chunk->detail = rows->detail;
            return status;
        }
    }
    return TKR_OK;
}

static void forward_chunk(void *argument, int64_t index) {
    tkri_unroll *u = argument;
    tkri_chunk *chunk = &u->plan.chunks[index];
    const uint64_t mode = tkri_fpmode_enter();
    chunk->status = TKR_OK;
    for (int64_t s = 0; chunk->status == TKR_OK && (s == 0 || s * u->plan.segment < chunk->steps);
         s++) {
        chunk->status = tkri_forward_segment(u, chunk, s);
    }
    tkri_fpmode_leave(mode);
}

int32_t tkri_forward(tkri_unroll *u, tkri_detail *detail) {
    u->tape.version = u->cell->version;
    tkri_team_run(&u->team, u->plan.n_chunks, forward_chunk, u);
    for (int64_t c = 0; c < u->plan.n_chunks; c++) {
        const tkri_chunk *chunk = &u->plan.chunks[c];
        REQUIRE(chunk->status == TKR_OK, detail, chunk->status, "%s", chunk->detail.text);
    }
    return TKR_OK;
}
