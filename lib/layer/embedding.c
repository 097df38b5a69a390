/* SPDX-License-Identifier: MIT
 * A table, y = row `id` of E [V][E]; y = 0 for id -1. Backward: dE[id] += dy. */
#include <math.h>
#include <string.h>

#include "layer/outer.h"
#include "layer/states.h"

static const tkri_option options[] = {
    {TKR_INIT, 0, "init", TKRI_INT, 0, TKR_INIT_UNIFORM, TKR_INIT_NORMAL, TKR_INIT_UNIFORM},
    {TKR_INIT_SCALE, 0, "init_scale", TKRI_REAL, 0, 0, 1e6, (double)NAN},
    {0},
};

/* What is kept of the layer is the table's offset. */
static int64_t weight_of(const tkri_layer *layer) {
    return *(const int64_t *)layer->own;
}

static int64_t output(const tkr_cell *cell) {
    return cell->hidden;
}

static void look_up(const tkr_cell *cell, const tkri_layer *layer, tkri_view y, const int32_t *ids,
                    int64_t rows) {
    const int64_t vl = cell->kern->vl, ld = tkri_tiles(layer->output, cell->kern->vl) * vl;
    const float *table = cell->net->values + weight_of(layer);
    const size_t bytes = (size_t)layer->output * sizeof *table;
    for (int64_t r = 0; r < rows; r++) {
        if (ids[r] < 0) {
            memset(y.p + r * y.ld, 0, bytes);
        } else {
            memcpy(y.p + r * y.ld, table + ids[r] * ld, bytes);
        }
    }
}

static int32_t forward(tkri_unroll *u, int64_t l, tkri_chunk *chunk) {
    look_up(u->cell, &u->net->layers[l], tkri_layer_output(u, l, chunk), tkri_held_ids(u, l, chunk),
            chunk->held);
    return TKR_OK;
}

static int64_t jobs(const tkri_unroll *u, int64_t l, tkri_job *list) {
    const int64_t n = tkri_tiles(u->net->layers[l].output, u->cell->kern->vl);
    for (int64_t panel = 0; list && panel < n; panel++) {
        list[panel] = (tkri_job){l, panel, 0, 0};
    }
    return n;
}

static void gradient(const tkri_piece *p) {
    const int64_t vl = p->u->cell->kern->vl, l = p->job->layer;
    const tkri_view dy = tkri_layer_gradient(p->u, l, p->chunk);
    const tkri_gemm g = {
        .b = dy.p + p->from * dy.ld + p->job->panel * vl,
        .b_k = dy.ld,
        .c = p->u->grad.values + weight_of(p->layer) + p->job->panel * vl,
        .c_row = tkri_tiles(p->layer->output, (int32_t)vl) * vl,
        .width = 1,
    };
    tkri_sum_ids(p, &g, tkri_held_ids(p->u, l, p->chunk));
}

static int32_t wants_out(const tkri_layer *layer) {
    (void)layer;
    return 1;
}

static int32_t step(const tkri_step *s, tkri_signal *out) {
    const int64_t ld = tkri_row_len(s->layer->output);
    look_up(s->cell, s->layer, (tkri_view){s->out, ld}, s->in[0].ids, s->state->rows);
    *out = (tkri_signal){s->out, ld, NULL};
    return TKR_OK;
}

static const tkri_layer_ops embedding_ops = {
    .forward = forward,
    .jobs = jobs,
    .gradient = gradient,
    .wants_out = wants_out,
    .step = step,
};

static tkri_wire build(tkri_builder *b, const tkr_cell *part, tkri_wire in) {
    const int64_t weight =
        tkri_build_parameter(b, &(tkri_parameter_spec){.name = "weight",
                                                       .role = TKRI_WEIGHT_EMBEDDING,
                                                       .units = part->input,
                                                       .k = part->hidden,
                                                       .row_major = 1});
    const tkri_layer layer = {.ops = &embedding_ops, .output = part->hidden, .keeps_gradient = 1};
    return tkri_build_layer(b, &layer, &in, 1, &weight, sizeof weight);
}

const tkri_kind tkri_kind_embedding = {
    .number = TKR_EMBEDDING,
    .name = "embedding",
    .takes = TKRI_IDS,
    .options = options,
    .output = output,
    .build = build,
};
