/* SPDX-License-Identifier: MIT
 * What a cell is: a kind with its options, or a container of such parts; then, once initialised, a
 * net (cell/net.h) with its parameters. */
#ifndef TKRI_CELL_CELL_H
#define TKRI_CELL_CELL_H

#include "cell/net.h"
#include "core/env.h"
#include "core/options.h"
#include "kern/kern.h"
#include "kern/quantized.h"

/* Containers nest so deep; the names that lead to a part are so long together, dots included. */
enum { TKRI_MAX_PARTS = 256, TKRI_MAX_BRANCHES = 64, TKRI_MAX_DEPTH = 8 };

/* What an input may be, or-ed. */
enum { TKRI_VALUES = 1, TKRI_IDS = 2 };

/* How a container's parts stand; or what a cell is made of are the caller's functions. */
enum { TKRI_IN_A_ROW = 1, TKRI_SIDE_BY_SIDE, TKRI_FUNCTIONS };

/* A kind of cell, as the table of kinds (layer/kinds.c) has it. */
struct tkri_kind {
    int32_t number;   /* TKR_LSTM... */
    const char *name; /* as in files */
    int32_t takes;    /* TKRI_VALUES, TKRI_IDS; of a container: what its parts do */
    int32_t contains; /* TKRI_IN_A_ROW... of parts or functions, not of widths alone */
    const tkri_option *options;

    /* Are these options and parts possible together, and these widths? Asked whenever one of them
     * is set. NULL: always. */
    int32_t (*check)(const tkr_cell *cell, tkri_detail *detail);

    /* The closed range of one of its options in this cell, where the table's is not all there is to
     * say. NULL: the table's. */
    void (*bounds)(const tkr_cell *cell, const tkri_option *option, double *low, double *high);

    /* The output's width as configured. */
    int64_t (*output)(const tkr_cell *cell);

    /* List the layers of this part behind `in`; returns the last one's output. What can be judged
     * only now, it judges. */
    tkri_wire (*build)(tkri_builder *builder, const tkr_cell *cell, tkri_wire in);
};

/* A line of the caller's metadata; a list. */
typedef struct tkri_metadata {
    struct tkri_metadata *next;
    uint64_t bytes; /* of this block */
    const char *key, *text;
} tkri_metadata;

struct tkr_cell {
    tkri_env env;
    tkri_detail detail;
    const tkri_kern *kern;
    const tkri_kind *kind;
    int64_t input, hidden;
    char name[TKRI_NAME_LEN]; /* "" until set */
    tkri_options options;
    struct tkr_cell **parts; /* of a container; owned */
    int64_t n_parts;
    tkri_metadata *metadata;
    tkri_net *net;                 /* NULL until initialised */
    uint64_t version;              /* grows whenever a parameter changes */
    int32_t precision;             /* TKR_FLOAT32, or that of a cell for streaming alone */
    tkri_quantized_kern quantized; /* of a quantized cell */
    const tkr_user_cell *user;     /* the caller's functions, behind the cell; or NULL */
    uint64_t bytes;                /* of this block */
};

static inline int32_t tkri_has_parts(const tkri_kind *kind) {
    return kind->contains == TKRI_IN_A_ROW || kind->contains == TKRI_SIDE_BY_SIDE;
}

/* Why a call refuses a quantized cell. */
extern const char tkri_no_kind_text[], tkri_quantized_text[];

/* create.c: a zeroed cell of that kind, with `more` bytes behind it; one of these widths, checked,
 * `kind` NULL refused. A failure's text goes to env->detail. */
int32_t tkri_cell_new(tkr_cell **cell, const tkri_kind *kind, uint64_t more, const tkri_env *env);
int32_t tkri_cell_create(tkr_cell **cell, const tkri_kind *kind, int64_t input, int64_t hidden,
                         const tkri_env *env);
void tkri_cell_destroy(tkr_cell *cell);

/* container.c: take parts [n], which are the container's from then on; `combine` is TKR_COMBINE of
 * those that have it. */
typedef struct tkri_parts {
    tkr_cell **cells;
    int64_t n;
    int32_t combine;
} tkri_parts;
int32_t tkri_cell_contain(tkr_cell **cell, const tkri_kind *kind, const tkri_parts *parts,
                          const tkri_env *env);

/* user.c: a cell of the caller's own; `kind` is that of all such. */
int32_t tkri_cell_create_user(tkr_cell **cell, const tkri_kind *kind, int64_t input,
                              const tkr_user_cell *functions, const tkri_env *env);

/* Copy what such a cell is into a block of tkri_user_bytes() bytes. */
uint64_t tkri_user_bytes(const tkr_user_cell *functions);
const tkr_user_cell *tkri_user_place(void *block, const tkr_user_cell *functions);

/* Name it, set one of its options; the text of a refusal goes to cell->detail. */
int32_t tkri_cell_set_name(tkr_cell *cell, const char *name);
int32_t tkri_is_name(const char *name); /* 1..63 of what names may have */
int32_t tkri_cell_set_int(tkr_cell *cell, int32_t key, int64_t value);
int32_t tkri_cell_set_real(tkr_cell *cell, int32_t key, double value);

/* The option of that key and type, or NULL; its range in this cell. */
const tkri_option *tkri_cell_option(const tkr_cell *cell, int32_t key, int32_t type);
void tkri_cell_bounds(const tkr_cell *cell, const tkri_option *option, double *low, double *high);

static inline int64_t tkri_cell_int(const tkr_cell *cell, int32_t key) {
    return tkri_options_int(&cell->options, key);
}

static inline float tkri_cell_real(const tkr_cell *cell, int32_t key) {
    return (float)tkri_options_real(&cell->options, key);
}

/* The output's width as configured; below 1 where the options are impossible together. */
static inline int64_t tkri_cell_output(const tkr_cell *cell) {
    return cell->kind->output(cell);
}

/* What its input may be: TKRI_VALUES, TKRI_IDS. */
int32_t tkri_cell_takes(const tkr_cell *cell);

/* Bytes of all its blocks, initialised or not; TKR_ERR_MEMORY if they exceed the memory. */
int32_t tkri_cell_size(const tkr_cell *cell, uint64_t *bytes, tkri_detail *detail);

/* Lay out the parameters, if they are not yet, and draw them. */
int32_t tkri_cell_init(tkr_cell *cell, uint64_t seed);

/* copy.c: a second cell with the same options, metadata and parameters, these in `precision`.
 * `cell` is not quantized itself. The text of a failure goes to env->detail. */
int32_t tkri_cell_copy(tkr_cell **copy, const tkr_cell *cell, int32_t precision,
                       const tkri_env *env);

/* net.c: after any change of values, recompute what is derived from them, and say so in the
 * version. */
void tkri_cell_refresh(tkr_cell *cell);

/* quantize.c: the packs that a quantized matrix takes, scales included; its parts. */
uint64_t tkri_quantized_len(int32_t precision, uint64_t columns, uint64_t k);
tkri_quantized_at tkri_quantized_find(const tkri_net *net, int32_t precision, int64_t offset,
                                      int64_t columns, int64_t k);

/* Is there a matrix in this net that is quantized, and are its sums exact? */
int32_t tkri_quantized_check(tkr_cell *cell);

/* All parameters from those of a float32 cell of the same options, quantized where `to` has them
 * so; NaN or infinity in such a matrix is TKR_ERR_NUMERIC. */
int32_t tkri_cell_fill(tkr_cell *to, const tkr_cell *from);

/* metadata.c: the caller's metadata, a list of lines. text NULL removes. _set() checks both. */
int32_t tkri_metadata_set(tkr_cell *cell, const char *key, const char *text);
const char *tkri_metadata_get(const tkr_cell *cell, const char *key);
void tkri_metadata_free(tkr_cell *cell);

/* init.c: draw all parameters. */
void tkri_cell_draw(tkr_cell *cell, uint64_t seed);

#endif
