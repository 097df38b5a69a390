/* SPDX-License-Identifier: MIT
 * A net: layers that read each other's outputs, over one flat array of parameters with one table of
 * (name, shape, offset), and one table of what is carried from step to step. What a layer computes
 * is the business of its table of functions (layer/layer.h); a net only knows who reads whom. */
#ifndef TKRI_CELL_NET_H
#define TKRI_CELL_NET_H

#include "core/arena.h"
#include "core/status.h"
#include "kern/kern.h"

/* With its NUL: a part's name; a parameter's, the names of the parts around it included. */
enum { TKRI_NAME_LEN = 64, TKRI_PATH_LEN = 192, TKRI_PARAMETER_NAME_LEN = 256 };
enum { TKRI_PARAMETER_RANK = 4 };

typedef struct tkri_kind tkri_kind;
typedef struct tkri_layer_ops tkri_layer_ops;
typedef struct tkri_layer tkri_layer;

/* Where a parameter lies among the flat numbers, and its shape in PyTorch's layout. A matrix is
 * [gates * units][k] in packed panels; a vector is the same with k = 1; of several `blocks` each is
 * such a matrix. A table is row-major with rows `ld` apart. A quantized matrix lies among the
 * quantized ones instead. */
typedef struct tkri_parameter {
    char name[TKRI_PARAMETER_NAME_LEN];
    int32_t rank;
    int64_t shape[TKRI_PARAMETER_RANK]; /* 1 behind the rank */
    int64_t offset, numbers;            /* first float or pack, and how many with padding */
    int64_t units, k;
    int64_t ld;              /* > 0: a table of units x k */
    int64_t fan_in, fan_out; /* for initialisers */
    int32_t gates;
    int8_t order[4]; /* of PyTorch's gate g among the packed gates */
    int32_t role;    /* a TKRI_WEIGHT_IH...: what initialisers go by */
    int32_t precision;
    const tkr_cell *part; /* whose it is */
} tkri_parameter;

/* Where a row of PyTorch's matrix is among the packed columns: element k is `column` numbers into
 * row k of the panel that begins with vector `first` and is `width` numbers wide. */
typedef struct tkri_packed_row {
    int64_t first, width, column;
} tkri_packed_row;

/* Where a row's elements are: number c at flat[start + c * step]. */
typedef struct tkri_strided {
    int64_t start, step;
} tkri_strided;

/* A quantized matrix: see kern/quantized.h. */
typedef struct tkri_quantized_at {
    uint32_t *w;
    float *scale;        /* int8 */
    int32_t *correction; /* int8 */
} tkri_quantized_at;

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
    TKRI_STATE_C,
    TKRI_ONES, /* whatever the initialiser: ones, zeros */
    TKRI_ZEROS
};

/* Layer `from` (-1: the net's input) is read. Walking backwards, the first reader sets the gradient
 * of what it reads, the others add to it. */
typedef struct tkri_edge {
    int64_t from;
    int32_t adds;
    int32_t by_steps; /* this reader gives the gradient step by step, to who asks for it */
} tkri_edge;

struct tkri_layer {
    const tkri_layer_ops *ops;
    const tkr_cell *part;  /* whose it is */
    const void *own;       /* what its kind keeps of it, in the net's block */
    int64_t input, output; /* widths: of what it reads first, of what it hands on */
    tkri_edge *reads;      /* [n_reads] */
    int64_t n_reads;
    int64_t n_readers;      /* layers that read it */
    int64_t reader;         /* the last of them */
    int32_t live;           /* somebody reads it, or it is the net's output */
    int32_t once;           /* a row for each sequence, not for each step */
    int32_t without_input;  /* its output at a step does not depend on the step's input */
    int32_t is_probability; /* what it hands on comes from a softmax: it is no logits */
    int64_t step_weights;   /* of its largest product that is made step by step */
    int32_t keeps_gradient; /* its output's gradient is read again, for its parameters or later */
    int64_t buffer;         /* of those that layers share for that gradient; -1: none */
    int32_t gives_steps;    /* it can add its input's gradient of one step to somebody's dh */
    int32_t takes_steps;    /* it would rather have its output's gradient so */
    int64_t n_tracks;       /* of |dL/dh_t|, the first of which is number `track` */
    int64_t track;
    void (*refresh)(tkr_cell *cell, const tkri_layer *layer); /* what is derived; or NULL */
};

/* A part of the state of one sequence: `width` numbers, `ld` with padding, from `column` on. */
typedef struct tkri_slot {
    int64_t column, width, ld;
    int64_t learned; /* offset of the parameter that it starts from; -1: zero */
    int64_t tensor;  /* of the named ones */
} tkri_slot;

/* What a tensor of the state is. */
enum { TKRI_HIDDEN, TKRI_CARRY_C, TKRI_PAST, TKRI_OF_USER };

/* A named tensor of the state: all slots with its number, each [B][width]. */
typedef struct tkri_state_tensor {
    char name[TKRI_PARAMETER_NAME_LEN];
    int64_t slots, width;
    int32_t what; /* TKRI_HIDDEN... */
} tkri_state_tensor;

/* What an initialised cell has. One block. */
typedef struct tkri_net {
    int64_t n_layers, n_parameters, n_state, n_slots, n_edges, n_tracks;
    tkri_layer *layers;
    tkri_parameter *parameters;
    tkri_state_tensor *state;
    tkri_slot *slots;
    tkri_edge *edges;
    int64_t *buffers; /* [n_buffers] row lengths of what outputs' gradients share */
    int64_t n_buffers;
    int64_t numbers;     /* floats in `values`, padding included: gradients, moments have as many */
    int64_t derived_len; /* floats in `derived` */
    int64_t state_width; /* floats of one sequence's whole state, padding included */
    int64_t input, output;
    int64_t logical_numbers; /* without padding */
    int32_t takes;           /* TKRI_VALUES, TKRI_IDS */
    int32_t backwards;       /* a layer goes from the last step to the first */
    int32_t once;            /* the output is one row for each sequence */
    int32_t may_fail;        /* a layer calls functions of the caller's */
    int32_t approximates;    /* a layer's functions are approximations */
    float *values, *derived;
    uint32_t *quantized; /* quantized matrices */
    uint64_t bytes;      /* of the block */
} tkri_net;

/* Row length of arrays over n units: the same in every tier. Long rows are an odd number of cache
 * lines, because a column of rows that are a power of two apart falls into a few sets of a cache.
 */
static inline int64_t tkri_row_len(int64_t n) {
    const int64_t len = (int64_t)tkri_round_up((uint64_t)n, TKRI_MAX_VL);
    return len >= 128 && len / TKRI_MAX_VL % 2 == 0 ? len + TKRI_MAX_VL : len;
}

/* A layer's output, as what comes behind it sees it. */
typedef struct tkri_wire {
    int64_t layer; /* -1: the net's input */
    int64_t width;
    int32_t once;
    int32_t without_input;
    int32_t is_probability;
    int64_t backwards; /* the columns from here on come from the last step to the first */
    int32_t mixed;     /* others do too, or both are in one column: LAST cannot tell them apart */
    int64_t halves;    /* the layer whose two directions this one merges; -1: it merges none */
    int32_t merge;     /* by this TKR_SUM... */
} tkri_wire;

/* From a configured cell to its net: one walk over the parts lists layers, parameters and state
 * tensors. Walked without arrays it only counts; walked again it fills them in. Sizes stick at
 * their limits instead of overflowing; the first failure sticks too. */
typedef struct tkri_builder {
    tkri_net *net;
    const tkri_kern *kern;
    tkri_arena own; /* of what the layers' kinds keep */
    const tkr_cell *part;
    char path[TKRI_PATH_LEN]; /* of the part at hand: "" or "<part>." */
    uint64_t numbers, quantized, derived, state_width, logical;
    int32_t precision;   /* of the cell's matrices */
    int32_t approximate; /* its functions may be approximations */
    int32_t depth;
    int32_t status;
    tkri_detail *detail;
} tkri_builder;

/* A parameter to be listed; zeros are fine where a member is of no concern. */
typedef struct tkri_parameter_spec {
    const char *name, *suffix; /* suffix: "_l0_reverse" and the like; or NULL */
    int32_t role, gates;       /* gates 0 is 1 */
    int64_t units, k;
    int64_t fan_in, fan_out; /* 0: k, units */
    int32_t row_major;       /* a table, rows padded to the tier's vectors; 2: rows not padded */
    int32_t can_quantize;    /* to the cell's precision */
    int32_t rank;            /* 0: 2 of a matrix, 1 where k is 1 */
    const int64_t *shape;    /* of that rank; NULL: [gates * units][k] */
    const int8_t *order;
} tkri_parameter_spec;

/* build.c: list one thing; each returns its offset, column or number. */
int64_t tkri_build_parameter(tkri_builder *b, const tkri_parameter_spec *spec);
int64_t tkri_build_derived(tkri_builder *b, uint64_t numbers);
int64_t tkri_build_state(tkri_builder *b, const char *name, int32_t what, int64_t width);
int64_t tkri_build_slot(tkri_builder *b, int64_t tensor, int64_t ld, int64_t learned);

/* Room for `numbers` floats of a parameter that the ones before it do not use. */
void tkri_build_gap(tkri_builder *b, uint64_t numbers);

/* A layer that reads `in` [n]; `own` of own_bytes is copied. Returns its wire; the layer's members
 * but for ops, output and what is said below are filled in here. */
tkri_wire tkri_build_layer(tkri_builder *b, const tkri_layer *layer, const tkri_wire *in, int64_t n,
                           const void *own, uint64_t own_bytes);

/* A part of a container, by its number. */
tkri_wire tkri_build_part(tkri_builder *b, const tkr_cell *part, int64_t index, tkri_wire in);

/* The net cannot be: the first status and text stay. */
void tkri_build_fail(tkri_builder *b, int32_t status, const char *format, ...) TKRI_PRINTF(3, 4);

/* net.c: is this cell possible? Its net's bytes; how many tensors of parameters it has or would
 * have, and numbers in them; make it (parameters zero). */
int32_t tkri_net_check(const tkr_cell *cell, tkri_detail *detail);
int32_t tkri_net_bytes(const tkr_cell *cell, uint64_t *bytes, tkri_detail *detail);
void tkri_net_counts(const tkr_cell *cell, int64_t *tensors, uint64_t *numbers);
int32_t tkri_net_create(tkr_cell *cell);

/* The kernels that it has, or will have: of TKR_TIER_BEST its widths decide. */
const tkri_kern *tkri_net_kern(const tkr_cell *cell);

void tkri_net_destroy(tkr_cell *cell);

/* parameters.c: where a row of PyTorch's matrix is; copies between a flat array (of values,
 * gradients or moments) and PyTorch's layout; the table by name. */
tkri_strided tkri_parameter_row(const tkri_parameter *p, int32_t vl, int64_t row);
tkri_packed_row tkri_parameter_packed(const tkri_parameter *p, int32_t vl, int64_t row);
int64_t tkri_parameter_len(const tkri_parameter *p);
int64_t tkri_parameter_columns(const tkri_parameter *p);
void tkri_parameter_export(const tkri_parameter *p, int32_t vl, const float *flat, float *out);
void tkri_parameter_import(const tkri_parameter *p, int32_t vl, float *flat, const float *in);
const tkri_parameter *tkri_parameter_find(const tkri_net *net, const char *name);

#endif
