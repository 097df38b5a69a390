/* SPDX-License-Identifier: MIT
 * What a cell is: options first, then, once initialised, a net: a list of layers over one flat
 * array of parameters with one table of (name, shape, offset). */
#ifndef TKRI_CELL_CELL_H
#define TKRI_CELL_CELL_H

#include "core/arena.h"
#include "core/env.h"
#include "kern/kern.h"
#include "kern/reduced.h"

enum { TKRI_NAME_LEN = 64, TKRI_PARAMETER_NAME_LEN = 128, TKRI_PARAMETER_RANK = 4 };

/* Options. Integer keys are 1..TKRI_N_INTS-1, float keys TKRI_FLOAT_BASE.. */
enum { TKRI_N_INTS = 12, TKRI_FLOAT_BASE = 32, TKRI_N_FLOATS = 7 };

/* One option of the kinds in `kinds` (bit k: kind k). Floats keep their bounds in low and high. */
typedef struct tkri_option {
    int32_t key, kinds;
    const char *name;   /* as in files */
    double low, high;   /* closed; high < 0: depends on the cell */
    int32_t after_init; /* may be set once parameters exist */
} tkri_option;

/* The table of all options, ended by key 0. */
extern const tkri_option tkri_options[];

/* A caller's note; a list. */
typedef struct tkri_note {
    struct tkri_note *next;
    uint64_t bytes; /* of this block */
    const char *key, *text;
} tkri_note;

/* Where a parameter lies among the flat numbers, and its shape in PyTorch's layout, of which the
 * first number counts rows and the product of the others columns. A matrix is
 * [gates * units][k] in packed panels; a vector is the same with k = 1; a table (embedding) is
 * row-major with rows `ld` apart. A matrix of reduced precision lies among the words instead. */
typedef struct tkri_parameter {
    char name[TKRI_PARAMETER_NAME_LEN];
    int32_t rank;
    int64_t shape[TKRI_PARAMETER_RANK]; /* 1 behind the rank */
    int64_t offset, numbers; /* first float or word, and how many with padding */
    int64_t units, k;
    int64_t ld; /* > 0: a table */
    int32_t gates;
    int8_t place[4]; /* of PyTorch's gate g among the packed gates */
    int32_t role;    /* a TKRI_WEIGHT_IH...: what initialisers go by */
    int64_t layer;   /* of the net */
    int32_t precision;
} tkri_parameter;

/* Where a row of PyTorch's matrix is among the packed columns: element k is `lane` numbers into row
 * k of the panel that begins with vector `first` and is `width` numbers wide. */
typedef struct tkri_packed_row {
    int64_t first, width, lane;
} tkri_packed_row;

/* Where a row's elements are: number c at flat[start + c * step]. */
typedef struct tkri_strided {
    int64_t start, step;
} tkri_strided;

/* A matrix of reduced precision: see kern/reduced.h. */
typedef struct tkri_words_at {
    uint32_t *w;
    float *scale;        /* int8 */
    int32_t *correction; /* int8 */
} tkri_words_at;

enum {
    TKRI_WEIGHT_IH,
    TKRI_WEIGHT_HH,
    TKRI_WEIGHT_HR,
    TKRI_WEIGHT_LINEAR,
    TKRI_WEIGHT_EMBEDDING,
    TKRI_PEEPHOLE,
    TKRI_BIAS_IH, /* biases from here on */
    TKRI_BIAS_HH,
    TKRI_BIAS_LINEAR,
    TKRI_STATE_H,
    TKRI_STATE_C
};

/* Offsets of one direction's parameters in the flat array (in the words: w_ih, w_hh and w_hr of a
 * reduced layer); -1: absent. */
typedef struct tkri_direction {
    int64_t w_ih, w_hh, b_ih, b_hh, w_hr, peep, h0, c0;
    int64_t bias;    /* derived: what x W_ih starts from, [tile][gate][VL] */
    int64_t q_bias;  /* derived: what the q slot starts from, [tile][VL]; -1: absent */
    int64_t state_h; /* first column of h in a state's row of all tensors */
    int64_t state_c; /* of c; -1: absent */
} tkri_direction;

/* One layer: a recurrent layer in one or two directions, a linear map, a table or a dropout. */
typedef struct tkri_layer {
    int32_t kind, directions, activation;
    int32_t precision; /* of its matrices */
    int32_t per_sequence, output_before, learned;
    const tkri_cell_ops *ops;  /* recurrent kinds */
    int64_t input, units, out; /* I; H; what one direction hands on: P, H or O */
    int64_t output;            /* D * out */
    int64_t units_ld, out_ld;  /* rows of H and of `out` floats, padded to the widest vector */
    float rate;                /* dropout */
    float recurrent_rate, zoneout, zoneout_cell;
    int64_t weight, bias; /* linear, embedding: offsets */
    tkri_direction direction[2];
} tkri_layer;

/* A named tensor of the state: `slots` = layers * D of one part, each [B][width]. */
typedef struct tkri_state_tensor {
    char name[TKRI_NAME_LEN + 4];
    int64_t first_layer, layers; /* of the net; dropout layers between do not count as slots */
    int64_t slots, width;
    int32_t is_c;
} tkri_state_tensor;

/* What an initialised cell has. One block. */
typedef struct tkri_net {
    int64_t n_layers, n_parameters, n_state;
    tkri_layer *layers;
    tkri_parameter *parameters;
    tkri_state_tensor *state;
    int64_t numbers;     /* floats in `values`, padding included: gradients, moments have as many */
    int64_t derived_len; /* floats in `derived` */
    int64_t state_width; /* floats of one sequence's whole state, padding included */
    int64_t input, output;
    int64_t n_slots;         /* recurrent (layer, direction) pairs */
    int64_t logical_numbers; /* without padding */
    int32_t two_directions;  /* in any layer */
    float *values, *derived;
    uint32_t *words; /* matrices of reduced precision */
    uint64_t bytes;  /* of the block */
} tkri_net;

struct tkr_cell {
    tkri_env env;
    tkri_detail detail;
    const tkri_kern *kern;
    int32_t kind;
    int64_t input, hidden;
    char name[TKRI_NAME_LEN]; /* "" until set */
    int64_t ints[TKRI_N_INTS];
    double floats[TKRI_N_FLOATS];
    struct tkr_cell **parts; /* of a chain; owned */
    int64_t n_parts;
    tkri_note *notes;
    tkri_net *net;             /* NULL until initialised */
    uint64_t version;          /* grows whenever a parameter changes */
    int32_t precision;         /* TKR_FLOAT32, or that of a cell for streaming alone */
    tkri_reduced_kern reduced; /* of a reduced cell */
};

/* Row length of arrays over n units: the same in every tier. Long rows are an odd number of cache
 * lines, because a column of rows that are a power of two apart falls into a few sets of a cache.
 */
static inline int64_t tkri_row_len(int64_t n) {
    const int64_t len = (int64_t)tkri_round_up((uint64_t)n, TKRI_MAX_VL);
    return len >= 128 && len / TKRI_MAX_VL % 2 == 0 ? len + TKRI_MAX_VL : len;
}

/* Part i of a chain, or the cell itself as its only part. */
static inline int64_t tkri_cell_n_parts(const tkr_cell *cell) {
    return cell->kind == TKR_CHAIN ? cell->n_parts : 1;
}

static inline const tkr_cell *tkri_cell_part(const tkr_cell *cell, int64_t i) {
    return cell->kind == TKR_CHAIN ? cell->parts[i] : cell;
}

static inline int32_t tkri_is_recurrent(int32_t kind) {
    return kind == TKR_ELMAN || kind == TKR_LSTM || kind == TKR_GRU;
}

/* options.c: the option `key` of this kind, or NULL; its bounds in this cell; defaults. */
const tkri_option *tkri_option_find(int32_t kind, int32_t key);
void tkri_option_bounds(const tkr_cell *cell, const tkri_option *option, double *low, double *high);
void tkri_option_defaults(tkr_cell *cell);
static inline int32_t tkri_option_is_float(const tkri_option *option) {
    return option->key >= TKRI_FLOAT_BASE;
}

/* Output width of a configured cell. */
int64_t tkri_cell_output(const tkr_cell *cell);

/* net.c: lay out a net; bytes needed; make it (parameters zero). Statuses, detail in cell. */
uint64_t tkri_net_bytes(const tkr_cell *cell);
/* How many tensors of parameters a net has or would have, and numbers in them. */
void tkri_net_counts(const tkr_cell *cell, int64_t *tensors, uint64_t *numbers);
int32_t tkri_net_create(tkr_cell *cell);
void tkri_net_destroy(tkr_cell *cell);

/* parameters.c: where a row of PyTorch's matrix is; copies between a flat array (of
 * values, gradients or moments) and PyTorch's layout; the table by name. */
tkri_strided tkri_parameter_row(const tkri_parameter *p, int32_t vl, int64_t row);
tkri_packed_row tkri_parameter_place(const tkri_parameter *p, int32_t vl, int64_t row);
int64_t tkri_parameter_len(const tkri_parameter *p);
int64_t tkri_parameter_columns(const tkri_parameter *p);
void tkri_parameter_export(const tkri_parameter *p, int32_t vl, const float *flat, float *out);
void tkri_parameter_import(const tkri_parameter *p, int32_t vl, float *flat, const float *in);
const tkri_parameter *tkri_parameter_find(const tkri_net *net, const char *name);

/* After any change of values: recompute what is derived from them, and say so in the version. */
void tkri_cell_refresh(tkr_cell *cell);

/* reduce.c: the words that a matrix of reduced precision takes, scales included; its parts. */
uint64_t tkri_words_len(int32_t precision, uint64_t columns, uint64_t k);
tkri_words_at tkri_words_find(const tkri_net *net, int32_t precision, int64_t offset,
                              int64_t columns, int64_t k);

/* Is there a matrix in this net that is reduced, and are its sums exact? */
int32_t tkri_reduced_check(tkr_cell *cell);

/* All parameters from those of a float32 cell of the same options, reduced where `to` has them so;
 * NaN or infinity in such a matrix is TKR_ERR_NUMERIC. */
int32_t tkri_cell_fill(tkr_cell *to, const tkr_cell *from);

/* notes.c: the list of the caller's notes. text NULL removes. */
int32_t tkri_note_set(tkr_cell *cell, const char *key, const char *text);
const char *tkri_note_get(const tkr_cell *cell, const char *key);
void tkri_notes_free(tkr_cell *cell);

/* init.c: draw all parameters. */
void tkri_cell_draw(tkr_cell *cell, uint64_t seed);

#endif
