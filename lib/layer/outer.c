/* SPDX-License-Identifier: MIT */
#include "layer/outer.h"

int64_t tkri_operand_columns(const tkri_layer *layer, int32_t vl, int32_t end) {
    int64_t columns = 0;
    for (int32_t operand = 0; layer->ops->columns && operand < end; operand++) {
        columns += layer->ops->columns(layer, vl, operand);
    }
    return columns;
}

int64_t tkri_most_blocks(const tkri_net *net, int64_t rows, int64_t batch) {
    const int64_t blocks = (rows + TKRI_BLOCK - 1) / TKRI_BLOCK;
    return tkri_min(blocks + tkri_chunks_of(net, batch), TKRI_ROUND);
}

float *tkri_operand_block(const tkri_piece *p, int64_t block, int32_t operand) {
    const int32_t vl = p->u->cell->kern->vl;
    return p->u->grad.transposed +
           TKRI_BLOCK * (block * tkri_operand_columns(p->layer, vl, TKRI_OPERANDS) +
                         tkri_operand_columns(p->layer, vl, operand));
}

float *tkri_gradient_room(const tkri_piece *p) {
    const tkri_plan *plan = &p->u->plan;
    const int64_t rows = plan->segment * plan->max_batch;
    return tkri_operand_block(p, tkri_most_blocks(p->u->net, rows, plan->max_batch), 0);
}

void tkri_sum_outer(const tkri_piece *p, tkri_gemm g, int32_t operand) {
    const int64_t rows = p->to - p->from;
    g.a = tkri_operand_block(p, p->block, operand);
    g.a_row = TKRI_BLOCK;
    g.a_block = tkri_operand_block(p, 1, 0) - tkri_operand_block(p, 0, 0);
    g.b_block = TKRI_BLOCK * g.b_k;
    g.from = TKRI_FROM_C;
    g.blocks = rows / TKRI_BLOCK;
    g.k = TKRI_BLOCK;
    tkri_bulk_gemm(p->u->cell->kern, p->u->grad.blas, &g);
    g.a += g.blocks * g.a_block;
    g.b += g.blocks * g.b_block;
    g.blocks = 1;
    g.k = rows % TKRI_BLOCK;
    tkri_bulk_gemm(p->u->cell->kern, p->u->grad.blas, &g);
}

void tkri_sum_ids(const tkri_piece *p, const tkri_gemm *g, const int32_t *ids) {
    tkri_gemm sum = *g;
    sum.k = p->to - p->from;
    p->u->cell->kern->scatter(&sum, ids + p->from);
}

tkri_gemm tkri_plain_gradient(const tkri_piece *p, tkri_view dy, int64_t units, int64_t offset,
                              int64_t k) {
    const int32_t vl = p->u->cell->kern->vl;
    const tkri_panels panels = tkri_panels_of(units, 1, vl);
    const int64_t start = tkri_panel_start(&panels, p->job->panel) * vl;
    const int32_t width = tkri_panel_width(&panels, p->job->panel);
    return (tkri_gemm){
        .m = k,
        .b = dy.p + p->from * dy.ld + start,
        .b_k = dy.ld,
        .c = p->u->grad.values + offset + start * k,
        .c_row = width * vl,
        .width = width,
        .half = tkri_panel_half(&panels, p->job->panel),
    };
}
