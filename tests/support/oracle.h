/* SPDX-License-Identifier: MIT
 * The oracle: the whole engine again, in double precision, one number at a time, written from
 * docs/maths.md alone. It shares the public constants with the library and nothing else. It is
 * itself held against central differences, in tests/unit/oracle.c. */
#ifndef TESTS_ORACLE_H
#define TESTS_ORACLE_H

#include <stdbool.h>
#include <stdint.h>

#include <tekrar/tekrar.h>

enum { ORC_NO_BIAS = -1, ORC_NAME = 96 };

/* A part as the library would be told of it; a zero is that option's default. */
typedef struct orc_spec {
    const char *name; /* its name in a chain; NULL: its index */
    int32_t kind;
    int64_t input, hidden;
    int64_t layers, directions, activation, reset, peepholes, projection;
    int64_t biases; /* ORC_NO_BIAS, 1, 2 */
    int64_t learned, before, per_sequence;
    double between, recurrent, zoneout, zoneout_cell, rate;
} orc_spec;

/* A parameter and its gradient, [rows][cols]. */
typedef struct orc_tensor {
    char name[ORC_NAME];
    int rank;
    int64_t rows, cols;
    double *value, *grad;
} orc_tensor;

/* The parameters, or their gradients, of one layer and direction; NULL where there is none. */
typedef struct orc_weights {
    double *w_ih, *w_hh, *b_ih, *b_hh, *w_hr, *p_i, *p_f, *p_o, *h_0, *c_0;
} orc_weights;

/* What one step of one sequence computed: everything that its backward needs. */
typedef struct orc_record {
    double *k, *gates, *u, *v, *q, *h_new, *c_new; /* docs/maths.md's letters, h~ and c~ */
    double *h_prev, *c_prev, *h, *c;
    double *dh; /* [R] all that arrived at h, in its own window */
} orc_record;

/* The masks of one part; NULL: none. The values are the factors of docs/maths.md themselves. */
typedef struct orc_noise {
    double *between;   /* [layers - 1][T][B][D R] */
    double *recurrent; /* [slots][B][R] */
    double *zoneout;   /* [slots][T][B][R] */
    double *zoneout_c; /* [slots][T][B][H] */
    double *dropout;   /* [T][B][I] */
} orc_noise;

typedef struct orc_part {
    orc_spec spec; /* with the defaults filled in */
    char name[ORC_NAME];
    int64_t gates, slots, recur, out; /* G, layers * D, R, O */
    orc_weights *value, *grad;        /* [slots] */
    double **in;                      /* [layers] the layers' inputs [T][B][their width] */
    double *output;                   /* [T][B][O] */
    orc_record *records;              /* [slots][T][B] */
    orc_noise noise;
    double *h_0, *c_0, *h_n, *c_n;     /* [slots][B][R or H] */
    double *dh_0, *dc_0, *dh_n, *dc_n; /* their gradients: _0 written, _n read by backward */
} orc_part;

typedef struct orc_net {
    orc_part *parts;
    int64_t n_parts;
    orc_tensor *tensors;
    int64_t n_tensors;
    int64_t steps, batch;
    int32_t *lengths;         /* [B] */
    bool given;               /* the parts' h_0, c_0 hold an initial state of the caller's */
    double *input, *dinput;   /* [T][B][I] of the first part */
    double *output, *doutput; /* [T][B][O] of the last part */
    void **blocks;            /* all memory, freed together */
    int64_t n_blocks;
} orc_net;

/* The steps that one backward goes over: the losses of [start, end) go back to step `from`. */
typedef struct orc_window {
    int64_t from, start, end;
} orc_window;

/* A net of `n` parts; a net of one part that is no chain has parameters without a part's name. */
orc_net *orc_create(const orc_spec *specs, int64_t n, bool chain);
void orc_destroy(orc_net *net);

/* `n` zeros that live as long as the net. */
double *orc_zeros(orc_net *net, int64_t n);

orc_tensor *orc_find(const orc_net *net, const char *name);
int64_t orc_input_width(const orc_net *net);
int64_t orc_output_width(const orc_net *net);

/* Make room for T steps of B sequences: zero inputs, no state given, no noise. */
void orc_shape(orc_net *net, int64_t steps, int64_t batch, const int32_t *lengths);

/* Put one-hot vectors for ids [T][B] into net->input. */
void orc_input_ids(orc_net *net, const int32_t *ids);

/* Masks of all ones and zoneout masks of `zoneout`: what inference computes. */
void orc_noise_expect(orc_net *net);

/* From net->input and, if given, the parts' h_0, c_0 to net->output and the parts' h_n, c_n. */
void orc_forward(orc_net *net);

/* From net->doutput and the parts' dh_n, dc_n: adds to the tensors' grad; writes dinput and the
 * parts' dh_0, dc_0. k1 = 0: not truncated; k2 = 0: k1. */
void orc_backward(orc_net *net, int64_t k1, int64_t k2);

void orc_zero_gradients(orc_net *net);

/* |dL/dh_t| of a slot of a part after orc_backward(). */
double orc_step_norm(const orc_net *net, const orc_part *part, int64_t slot, int64_t t);

/* The length of sequence b, and one record. */
orc_record *orc_record_at(const orc_net *net, const orc_part *part, int64_t slot, int64_t t,
                          int64_t b);

/* oracle_cell.c: one step of one sequence. Backward turns the gradients at h_t, c_t into those at
 * h_{t-1}, c_{t-1} in place, and adds to dx [I] and the part's gradients. */
typedef struct orc_where {
    int64_t slot, t, b, batch, steps, width; /* width: of x */
} orc_where;
void orc_cell_forward(const orc_part *part, orc_where at, const double *x, orc_record *r);
void orc_cell_backward(const orc_part *part, orc_where at, const double *x, double *dx,
                       const orc_record *r, double *dh, double *dc);
double orc_activate(int64_t activation, double a);
double orc_activate_slope(int64_t activation, double y); /* from y = f(a); not of GELU */
double orc_gelu_slope(double a);

/* oracle_train.c: losses return L and write net->doutput; weights may be NULL. */
double orc_loss_ids(orc_net *net, const int32_t *targets, const float *weights, int32_t reduction);
double orc_loss_values(orc_net *net, int32_t kind, const float *targets, const float *weights,
                       int32_t reduction);

/* An optimizer's options and moments; a zero is NOT a default here: set every one that is used. */
typedef struct orc_optimizer {
    int32_t kind, schedule, nesterov;
    double rate, beta1, beta2, epsilon, decay, momentum, smoothing, clip_norm, clip_value;
    double factor, floor;
    int64_t interval, warmup, taken;
    double *first, *second; /* moments, one after the other in the order of the tensors */
    double norm;            /* of the last step, before clipping */
} orc_optimizer;
void orc_optimizer_init(orc_optimizer *opt, orc_net *net, int32_t kind, double rate);
double orc_optimizer_rate(const orc_optimizer *opt);
void orc_optimizer_step(orc_optimizer *opt, orc_net *net);

/* |a - b| / |b| in the 2-norm; infinite as soon as one of them is not finite; |a| for b = 0. */
double orc_distance(const double *a, const double *b, int64_t n);

/* Random numbers of the tests' own: the same seed gives the same numbers everywhere. */
typedef struct orc_random {
    uint64_t state;
} orc_random;
double orc_uniform(orc_random *random);             /* [0,1) */
int64_t orc_below(orc_random *random, int64_t n);   /* 0..n-1 */
float orc_number(orc_random *random, double scale); /* about normal, a float */
void orc_fill(orc_random *random, double *values, int64_t n, double scale); /* floats as doubles */

#endif
