/* SPDX-License-Identifier: MIT
 * What is carried from step to step, for B streams: a flat array over one table of offsets, like
 * the parameters. A slot's rows are [B][ld] at its offset times B. */
#ifndef TKRI_SEQ_STATE_H
#define TKRI_SEQ_STATE_H

#include "cell/cell.h"

struct tkr_state {
    tkri_env env;
    tkri_detail detail;
    const tkr_cell *cell;
    const tkri_net *net;
    uint64_t bytes;
    int64_t batch;
    float *values; /* [state_width * B] */
    float *gates;  /* scratch of one step from here on */
    float *h, *c, *m, *aux;
    float *x, *y;   /* [B][widest] each */
    uint32_t *q;    /* [B][q_row] what a reduced product reads in the place of its rows */
    float *q_scale; /* int8: [B] */
    int64_t widest, widest_gates, q_row;
};

static inline int64_t tkri_state_len(const tkri_net *net, int64_t batch) {
    return net->state_width * batch;
}

/* The rows of a slot: h or c of one direction, [batch][ld]. */
static inline float *tkri_state_rows(float *values, int64_t column, int64_t batch) {
    return values + column * batch;
}

/* Every stream at the cell's initial state: the learned one, or zero. */
void tkri_state_start(const tkri_net *net, float *values, int64_t batch);

/* Copy every row of `from` (stride from_batch) to `to` (stride to_batch), `batch` rows. */
void tkri_state_move(const tkri_net *net, float *to, int64_t to_batch, const float *from,
                     int64_t from_batch, int64_t batch);

/* Do both cells have states of one layout? */
int32_t tkri_state_alike(const tkr_cell *a, const tkr_cell *b);

/* A named tensor between [slots][batch][width] and the flat array. */
const tkri_state_tensor *tkri_state_find(const tkri_net *net, const char *name);
void tkri_state_export(const tkri_net *net, const tkri_state_tensor *tensor, const float *values,
                       int64_t batch, float *out);
void tkri_state_import(const tkri_net *net, const tkri_state_tensor *tensor, float *values,
                       int64_t batch, const float *in);

#endif
