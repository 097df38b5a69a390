/* SPDX-License-Identifier: MIT
 * The parameters' gradients over the rows of a window's piece, layer by layer, in rounds of a few
 * blocks of TKRI_BLOCK rows. First a round's blocks of the operands are transposed, so that the
 * products read them along their rows; then all panels of dW take them in, while they are in a
 * cache. Every panel sums its rows in one order, chunk after chunk, whoever runs it. */
#include "core/fpmode.h"
#include "layer/outer.h"
#include "seq/seq.h"

int64_t tkri_list_jobs(const tkri_unroll *u, tkri_job *jobs) {
    int64_t n = 0;
    for (int64_t l = 0; l < u->net->n_layers; l++) {
        const tkri_layer *layer = &u->net->layers[l];
        if (layer->live && layer->ops->jobs) {
            n += layer->ops->jobs(u, l, jobs ? jobs + n : NULL);
        }
    }
    return n;
}

/* A round of the widest layer, and what a gradient wants beside it. */
int64_t tkri_transposed_len(const tkri_unroll *u) {
    const int32_t vl = u->cell->kern->vl;
    const tkri_plan *plan = &u->plan;
    const int64_t rows = plan->segment * plan->max_batch;
    const int64_t blocks = tkri_most_blocks(u->net, rows, plan->max_batch);
    int64_t most = 0, room = 0;
    for (int64_t l = 0; l < u->net->n_layers; l++) {
        const tkri_layer *layer = &u->net->layers[l];
        most = tkri_max(most, tkri_operand_columns(layer, vl, TKRI_OPERANDS));
        room = tkri_max(room, layer->ops->room ? layer->ops->room(layer, vl) : 0);
    }
    return (int64_t)tkri_add(tkri_times(most, blocks * TKRI_BLOCK), (uint64_t)room);
}

/* The jobs of one part of a layer, and a round of its blocks [first, end) of `blocks`. */
typedef struct pass {
    tkri_unroll *u;
    const tkri_window *window; /* of the walk; */
    const tkri_window *own;    /* of the layer's rows */
    const tkri_job *jobs;
    int64_t first, end, blocks;
} pass;

/* All of a chunk. */
static tkri_piece piece_of(const pass *all, const tkri_job *job, int64_t number) {
    tkri_piece p = {
        .u = all->u,
        .job = job,
        .chunk = tkri_chunk_of(all->u, job->layer, number),
        .layer = &all->u->net->layers[job->layer],
    };
    tkri_window_rows(p.chunk, all->own, &p.from, &p.to);
    return p;
}

static int64_t blocks_of(const tkri_piece *p) {
    return (p->to - p->from + TKRI_BLOCK - 1) / TKRI_BLOCK;
}

/* What the round has of a chunk; *before, the blocks of the chunks before it, goes on by its own.
 */
static tkri_piece round_of(const pass *all, const tkri_job *job, int64_t number, int64_t *before) {
    tkri_piece p = piece_of(all, job, number);
    const int64_t first = tkri_max(all->first - *before, 0), end = all->end - *before;
    p.block = *before + first - all->first;
    *before += blocks_of(&p);
    p.to = tkri_min(p.to, p.from + end * TKRI_BLOCK);
    p.from += first * TKRI_BLOCK;
    return p;
}

/* One operand of one of the round's blocks. */
static void transpose_block(void *argument, int64_t index) {
    const pass *all = argument;
    const int64_t block = index / TKRI_OPERANDS;
    const int32_t operand = (int32_t)(index % TKRI_OPERANDS);
    int64_t before = 0;
    for (int64_t c = 0; c < all->u->plan.n_chunks; c++) {
        const tkri_piece p = round_of(all, all->jobs, c, &before);
        const int64_t row = p.from + (block - p.block) * TKRI_BLOCK;
        if (row >= p.from && row < p.to) {
            p.layer->ops->transpose(&p, operand, tkri_operand_block(&p, block, operand), row,
                                    tkri_min(row + TKRI_BLOCK, p.to));
        }
    }
}

static void run_job(void *argument, int64_t index) {
    const pass *all = argument;
    const tkri_job *job = &all->jobs[index];
    const tkri_layer_ops *ops = all->u->net->layers[job->layer].ops;
    const uint64_t mode = tkri_fpmode_enter();
    int64_t before = 0;
    for (int64_t c = 0; job->what != TKRI_JOB_REST && c < all->u->plan.n_chunks; c++) {
        const tkri_piece p = round_of(all, job, c, &before);
        if (p.from < p.to) {
            ops->gradient(&p);
        }
    }
    if (job->what == TKRI_JOB_REST && all->end == all->blocks) {
        ops->rest(all->u, job, all->window);
    }
    tkri_fpmode_leave(mode);
}

static int64_t count_blocks(const pass *all) {
    int64_t blocks = 0;
    for (int64_t c = 0; c < all->u->plan.n_chunks; c++) {
        const tkri_piece p = piece_of(all, all->jobs, c);
        blocks += blocks_of(&p);
    }
    return blocks;
}

static void run_jobs(pass *all, int64_t n) {
    tkri_team *team = &all->u->team;
    const int transposes = all->u->net->layers[all->jobs->layer].ops->transpose != NULL;
    all->blocks = count_blocks(all);
    do {
        all->end = tkri_min(all->first + TKRI_ROUND, all->blocks);
        if (transposes) {
            tkri_team_run(team, (all->end - all->first) * TKRI_OPERANDS, transpose_block, all);
        }
        tkri_team_run(team, n, run_job, all);
        all->first = all->end;
    } while (all->first < all->blocks);
}

void tkri_parameter_gradients(tkri_unroll *u, const tkri_window *window, int32_t with_once) {
    static const tkri_window once_window = {0, 1, 0, 1};
    const tkri_job *end = u->grad.jobs + u->grad.n_jobs, *next;
    for (const tkri_job *job = u->grad.jobs; job < end; job = next) {
        const int once = u->net->layers[job->layer].once;
        for (next = job; next < end && next->layer == job->layer && next->part == job->part;) {
            next++;
        }
        if (!once || with_once) {
            pass all = {.u = u, .window = window, .own = once ? &once_window : window, .jobs = job};
            run_jobs(&all, next - job);
        }
    }
}
