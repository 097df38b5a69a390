/* SPDX-License-Identifier: MIT
 * Optimizers: one loop over the flat parameters, with moments of the same layout. */
#ifndef TKRI_TRAIN_OPTIMIZER_H
#define TKRI_TRAIN_OPTIMIZER_H

#include "seq/seq.h"

enum { TKRI_OPT_FLOAT_BASE = 96, TKRI_N_OPT_FLOATS = 13 };
enum { TKRI_OPT_INT_BASE = 128, TKRI_N_OPT_INTS = 5 };

/* An option of the kinds in `kinds` (bit k: kind k); integers and reals share the table. */
typedef struct tkri_opt_option {
    int32_t key, kinds;
    const char *name; /* as in files */
    double low, high;
    int32_t read_only;
} tkri_opt_option;

/* The table, ended by key 0. */
extern const tkri_opt_option tkri_opt_options[];

struct tkr_optimizer {
    tkri_env env;
    tkri_detail detail;
    tkr_cell *cell;
    uint64_t bytes;
    int32_t kind;
    double floats[TKRI_N_OPT_FLOATS];
    int64_t ints[TKRI_N_OPT_INTS];
    double *squares;       /* one sum for each slice of the gradients */
    float *first, *second; /* moments [numbers]; second NULL where the rule has none */
};

const tkri_opt_option *tkri_opt_option_find(int32_t kind, int32_t key);
void tkri_opt_defaults(tkr_optimizer *opt);
void tkri_optimizer_place(tkr_optimizer *opt, tkri_arena *arena, int32_t kind, int64_t numbers);

/* schedule.c: the rate after `steps` steps. */
double tkri_schedule_rate(const tkr_optimizer *opt, int64_t steps);

/* Clip, update, zero. TKR_ERR_NUMERIC changes nothing. */
int32_t tkri_optimizer_step(tkr_optimizer *opt, tkr_sequence *seq);

static inline double tkri_opt_real(const tkr_optimizer *opt, int32_t key) {
    return opt->floats[key - TKRI_OPT_FLOAT_BASE];
}

static inline int64_t tkri_opt_int(const tkr_optimizer *opt, int32_t key) {
    return opt->ints[key - TKRI_OPT_INT_BASE];
}

#endif
