/* SPDX-License-Identifier: MIT
 * A recurrent layer: what Elman, LSTM and GRU layers have in common, which is all but the pointwise
 * part (lib/cell/<name>.c). */
#ifndef TKRI_LAYER_RECURRENT_H
#define TKRI_LAYER_RECURRENT_H

#include "layer/layer.h"

/* Offsets of one direction's parameters in the flat array (in the packs: w_ih, w_hh and w_hr of a
 * quantized layer); -1: absent. */
typedef struct tkri_direction {
    int64_t w_ih, w_hh, b_ih, b_hh, w_hr, peep, h0, c0;
    int64_t bias;      /* derived: what x W_ih starts from, [tile][gate][VL] */
    int64_t q_bias;    /* derived: what the q field starts from, [tile][VL]; -1: absent */
    int64_t state_h;   /* first column of h in a state's row of all tensors */
    int64_t state_c;   /* of c; -1: absent */
    int32_t backwards; /* it goes from a sequence's last step to its first */
    int32_t number;    /* its half of the output */
} tkri_direction;

typedef struct tkri_recurrent {
    const tkri_cell_ops *ops;
    int32_t directions, activation, gate_activation;
    int32_t precision;   /* of its matrices */
    int32_t approximate; /* streamed steps take the faster functions */
    int32_t output_before, learned;
    int64_t input, units, out; /* I; H; what one direction hands on: P or H */
    int64_t units_ld, out_ld;  /* rows of H and of `out` floats, padded to the widest vector */
    float recurrent_rate, zoneout, zoneout_cell;
    tkri_direction direction[2];
} tkri_recurrent;

/* What one direction keeps of a segment; [rows] are the tape's. h and c of a chunk start with the
 * rows of the state before. Pointers that a layer does not need are NULL. */
typedef struct tkri_run {
    float *gates;                    /* [chunk][tile][row][field][VL], then their gradients */
    float *dgates;                   /* = gates, unless they are retained */
    float *h, *c;                    /* [chunk][B + rows][out_ld], [units_ld] */
    float *m;                        /* [rows][units_ld]: o * tanh c before the projection */
    float *dp;                       /* [rows][out_ld]: dL/dh for the projection's gradient */
    float *aux;                      /* [rows][units_ld]: r * h */
    float *h_in;                     /* [rows][out_ld]: h_prev under a recurrent dropout mask */
    tkri_term *terms;                /* [chunk][row of a product]: see recur.h */
    float *h_mask;                   /* [B][out_ld]: that mask */
    float *h_zone, *c_zone;          /* [rows][ld]: zoneout masks */
    float *x;                        /* [rows][ld]: the input in reversed order */
    float *dx;                       /* [rows][ld]: its gradient */
    float *dy;                       /* [rows][ld]: the output's gradient in reversed order */
    float *w_hh_t, *w_ih_t, *w_hr_t; /* packed transposes */
    float *dpeep;                    /* [chunk][3][units_ld] */
    float *work;                     /* [B][..]: buffers of the backward step */
} tkri_run;

/* One direction over a chunk's steps. */
typedef struct tkri_scan {
    tkri_unroll *u;
    int64_t l; /* the layer's number */
    const tkri_chunk *chunk;
    const tkri_recurrent *layer;
    const tkri_direction *direction;
    const tkri_run *run;
    int64_t state_row; /* of the chunk's first state before in h and c */
} tkri_scan;

static inline const tkri_recurrent *tkri_recurrent_of(const tkri_layer *layer) {
    return (const tkri_recurrent *)layer->own;
}

static inline tkri_run *tkri_run_of(const tkri_unroll *u, int64_t l, int32_t d) {
    return (tkri_run *)u->tape.layers[l].own + d;
}

/* Floats of a row of gates; the strides of `rows` of them. */
int64_t tkri_gate_floats(const tkri_recurrent *layer, int32_t vl);
void tkri_gate_strides(const tkri_recurrent *layer, int32_t vl, int64_t rows, int64_t *row_stride,
                       int64_t *tile_stride);

/* Room for a list of terms. */
static inline int64_t tkri_terms_len(const tkri_recurrent *layer) {
    return tkri_row_len(layer->units + 1);
}

tkri_scan tkri_scan_of(tkri_unroll *u, int64_t l, int32_t d, const tkri_chunk *chunk);

/* The tensors of the state that a part's layers share; c is -1 where it has none. */
typedef struct tkri_carried {
    int64_t h, c;
} tkri_carried;

/* Layer `index` of the part at hand. */
typedef tkri_wire tkri_layer_builder(tkri_builder *b, tkri_wire in, int64_t index, tkri_carried t);

/* recurrent.c: what elman.c, lstm.c and gru.c make their kinds of. The part's layers have `ops` as
 * their pointwise part, or another builder. */
extern const tkri_option tkri_recurrent_options[];
int32_t tkri_recurrent_check(const tkr_cell *cell, tkri_detail *detail);
void tkri_recurrent_bounds(const tkr_cell *cell, const tkri_option *option, double *low,
                           double *high);
int64_t tkri_recurrent_output(const tkr_cell *cell);
tkri_wire tkri_build_recurrent(tkri_builder *b, tkri_wire in, const tkri_cell_ops *ops,
                               tkri_layer_builder *other);

/* Can a streamed step's products and pointwise part be done in one go? */
static inline int tkri_recurrent_is_plain(const tkri_recurrent *layer) {
    return layer->ops->steps && !layer->precision && layer->out == layer->units &&
           layer->zoneout <= 0.0f && layer->zoneout_cell <= 0.0f;
}

/* Has the part functions other than a gated cell's usual ones? */
int tkri_recurrent_has_any(const tkr_cell *part);

/* The table's functions, in the files recur_*.c. */
int32_t tkri_recurrent_where(const tkri_unroll *u, int64_t l);
tkri_view tkri_recurrent_rows(const tkri_unroll *u, int64_t l, const tkri_chunk *chunk);
void tkri_recurrent_place(const tkri_unroll *u, int64_t l, tkri_layer_tape *tape, tkri_arena *arena,
                          const tkri_room *room);
void tkri_recurrent_draw(tkri_unroll *u, int64_t l, const tkri_chunk *chunk);
int32_t tkri_recurrent_forward(tkri_unroll *u, int64_t l, tkri_chunk *chunk);
int32_t tkri_recurrent_backward(tkri_unroll *u, int64_t l, tkri_chunk *chunk,
                                const tkri_window *window);
void tkri_recurrent_begin(tkri_unroll *u, int64_t l);
int64_t tkri_recurrent_jobs(const tkri_unroll *u, int64_t l, tkri_job *jobs);
int64_t tkri_recurrent_columns(const tkri_layer *layer, int32_t vl, int32_t operand);
void tkri_recurrent_transpose(const tkri_piece *p, int32_t operand, float *block, int64_t row,
                              int64_t end);
void tkri_recurrent_gradient(const tkri_piece *p);
void tkri_recurrent_rest(tkri_unroll *u, const tkri_job *job, const tkri_window *window);
void tkri_recurrent_pack(tkri_unroll *u, int64_t l);
uint64_t tkri_recurrent_scratch(const tkr_cell *cell, const tkri_layer *layer, int64_t batch,
                                int64_t steps);
void tkri_recurrent_keep(tkri_step *step, tkri_arena *arena);
void tkri_recurrent_bind(tkri_step *step);
int32_t tkri_recurrent_step(const tkri_step *step, tkri_signal *out);

#endif
