/* SPDX-License-Identifier: MIT
 * The oracle: the whole engine again, in double precision, one number at a time, written from
 * docs/maths.md alone. It shares the public constants with the library and nothing else. It is
 * itself held against central differences, in tests/unit/oracle.c. */
#ifndef TESTS_ORACLE_H
#define TESTS_ORACLE_H

#include <stdbool.h>
#include <stdint.h>

#include <tekrar/tekrar.h>

enum { ORC_NO_BIAS = -1, ORC_NAME = 256 };

/* What a branch ends in, and two directions that become one: the pieces of its input side by side,
 * or added up, or ... It is no kind of the library's. */
enum { ORC_COMBINE = 1000 };

/* A part as the library would be told of it; a zero is that option's default. */
typedef struct orc_spec {
    const char *name; /* its name in a container; NULL: its index */
    int32_t kind;
    int64_t input, hidden;
    int64_t layers, directions, activation, reset, peepholes, projection;
    int64_t biases; /* ORC_NO_BIAS, 1, 2 */
    int64_t learned, before, per_sequence;
    double between, recurrent, zoneout, zoneout_cell, rate;
    int64_t combine, gate_activation;
    int64_t first;                                          /* select */
    int64_t kernel, dilation, groups;                       /* convolution */
    int64_t channels, stride, pad_left, pad_right, reflect; /* the same, inside a vector */
    double epsilon;                                         /* norm */
    const struct orc_spec *parts;                           /* [n_parts] of a chain or a branch */
    int64_t n_parts;
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
    double *k, *gates, *u, *v, *q, *h_new, *c_new; /* docs/maths.md's letters, h~ and c~; of an
                                                      Elman cell u is a */
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
    int64_t *from, n_from;            /* the parts that it reads side by side; -1: the input */
    bool once;                        /* behind LAST: its arrays have one step */
    bool merges;                      /* the directions of the recurrent part that it reads */
    bool *backwards;                  /* [O] a column that ends at the first step */
    int64_t gates, slots, recur, out; /* G, layers * D, R, O */
    int64_t ways, inner;              /* D; width of what a layer hands to the next */
    int64_t past, positions;          /* convolution: steps of the state; of a vector's output */
    orc_weights *value, *grad;        /* [slots] */
    double **in;                      /* [layers] the layers' inputs [T][B][their width] */
    double **raw;                     /* [layers] their outputs, directions side by side */
    double *output, *doutput;         /* [T][B][O] */
    orc_record *records;              /* [slots][T][B] */
    orc_noise noise;
    double *h_0, *c_0, *h_n, *c_n;     /* [slots][B][R or H]; of a convolution h is its past */
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
    double *input, *dinput;   /* [T][B][I] of the net */
    double *output, *doutput; /* [T][B][O] of the last part; [1][B][O] behind LAST */
    void **blocks;            /* all memory, freed together */
    int64_t n_blocks;
} orc_net;

/* The steps that one backward goes over: the losses of [start, end) go back to step `from`. */
typedef struct orc_window {
    int64_t from, start, end;
} orc_window;

/* A net of `n` parts, of which chains and branches become the parts that compute, each behind those
 * that it reads. A net of one part that is no chain has parameters without a part's name. */
orc_net *orc_create(const orc_spec *specs, int64_t n, bool chain);
void orc_destroy(orc_net *net);

/* `n` zeros that live as long as the net. */
double *orc_zeros(orc_net *net, int64_t n);

orc_tensor *orc_find(const orc_net *net, const char *name);
int64_t orc_input_width(const orc_net *net);
int64_t orc_output_width(const orc_net *net);

/* Steps of the net's output: T, or 1. */
int64_t orc_output_steps(const orc_net *net);

/* Rows [steps][B] of a part, of which one is valid where its sequence has that step. */
int64_t orc_rows(const orc_net *net, const orc_part *part);
bool orc_is_valid(const orc_net *net, const orc_part *part, int64_t row);

/* Does the part carry anything from step to step? Then h_0 and the rest are there. */
bool orc_has_state(const orc_part *part);

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

/* oracle_parts.c: one step of one sequence of a part without a state; backward adds to dx and to
 * the part's gradients. `row` counts [T][B]. */
void orc_row_forward(const orc_part *part, int64_t row, double *y);
void orc_row_backward(const orc_part *part, int64_t row, const double *dy, double *dx);

/* y [width] of pieces x [n][width], by a TKR_SUM..., and dx += what dy gives. */
void orc_combine(int64_t how, const double *x, double *y, int64_t n, int64_t width);
void orc_combine_backward(int64_t how, const double *x, const double *dy, double *dx, int64_t n,
                          int64_t width);

/* oracle_time.c: LAST, and convolution over time. Backward adds to dx [T][B][I]. */
void orc_last_forward(const orc_net *net, orc_part *part);
void orc_last_backward(const orc_net *net, orc_part *part, orc_window window, const double *dy,
                       double *dx);
void orc_conv_forward(const orc_net *net, orc_part *part);
void orc_conv_backward(const orc_net *net, orc_part *part, orc_window window, const double *dy,
                       double *dx);

/* Does the gradient of the final state of sequence b belong to this window? */
bool orc_holds_final(const orc_net *net, int64_t b, orc_window window);

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
