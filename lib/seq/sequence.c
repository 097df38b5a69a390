/* SPDX-License-Identifier: MIT
 * Sequences: planned, made, configured. Callers and files come through here. */
#include <string.h>

#include "seq/seq.h"

const tkri_option tkri_sequence_options[] = {
    {TKR_CARRY, 0, "carry", TKRI_INT, 0, 0, 1, 0},
    {TKR_REDUCTION, 0, "reduction", TKRI_INT, 0, 0, 1, 0},
    {TKR_TRUNCATE_EVERY, 0, "truncate_every", TKRI_INT, 0, 0, INT32_MAX, 0},
    {TKR_TRUNCATE_STEPS, 0, "truncate_steps", TKRI_INT, 0, 0, INT32_MAX, 0},
    {0},
};

static int32_t check_mode(int32_t mode, const tkri_env *env) {
    const int32_t known =
        TKR_TRAINING | TKR_INPUT_GRADIENT | TKR_RETAIN | TKR_STEP_NORMS | TKR_RECOMPUTE;
    if ((mode & ~known) || (mode && !(mode & TKR_TRAINING))) {
        return tkri_env_fail(env, TKR_ERR_ARGUMENT, "mode %d is no combination of modes",
                             (int)mode);
    }
    return TKR_OK;
}

static int32_t check_cell(const tkr_cell *cell, int32_t mode, const tkri_env *env) {
    if (!cell->net) {
        return tkri_env_fail(env, TKR_ERR_ORDER, "the cell is not initialised");
    }
    if (cell->precision) {
        return tkri_env_fail(env, TKR_ERR_UNSUPPORTED, "%s", tkri_quantized_text);
    }
    if ((mode & TKR_RECOMPUTE) && cell->net->backwards) {
        return tkri_env_fail(env, TKR_ERR_UNSUPPORTED,
                             "TKR_RECOMPUTE needs one direction, forward");
    }
    return TKR_OK;
}

int32_t tkri_sequence_plan(tkr_sequence *seq, const tkr_cell *cell, const tkri_shape *shape,
                           const tkri_env *env) {
    tkr_sequence *self;
    tkri_arena arena = {0};
    const int64_t limit = INT32_MAX;
    memset(seq, 0, sizeof *seq);
    if (!cell || shape->max_steps < 1 || shape->max_steps > limit || shape->max_batch < 1 ||
        shape->max_batch > limit) {
        return tkri_env_fail(env, TKR_ERR_ARGUMENT,
                             "cell is NULL, or steps or batch are not in 1..2^31-1");
    }
    TRY(check_mode(shape->mode, env));
    TRY(check_cell(cell, shape->mode, env));
    seq->env = *env;
    seq->env.detail = NULL;
    seq->u.cell = cell;
    seq->u.net = cell->net;
    seq->u.plan.mode = shape->mode;
    seq->u.plan.max_steps = shape->max_steps;
    seq->u.plan.max_batch = shape->max_batch;
    tkri_options_init(&seq->options, tkri_sequence_options, 0);
    TKRI_TAKE(&arena, self, 1);
    tkri_sequence_place(seq, &arena);
    seq->bytes = arena.used;
    if (arena.used > TKRI_SIZE_LIMIT) {
        return tkri_env_fail(env, TKR_ERR_MEMORY, "%lld steps of %lld sequences exceed the memory",
                             (long long)shape->max_steps, (long long)shape->max_batch);
    }
    return TKR_OK;
}

int32_t tkri_sequence_create(tkr_sequence **seq, const tkr_cell *cell, const tkri_shape *shape,
                             const tkri_env *env) {
    tkr_sequence planned, *made;
    TRY(tkri_sequence_plan(&planned, cell, shape, env));
    tkri_arena arena = {.base = tkri_allocate(env, planned.bytes)};
    if (!arena.base) {
        return tkri_env_fail(env, TKR_ERR_MEMORY, "no memory for %llu bytes of a sequence",
                             (unsigned long long)planned.bytes);
    }
    TKRI_TAKE(&arena, made, 1);
    *made = planned;
    tkri_sequence_place(made, &arena);
    if (made->u.grad.jobs) {
        (void)tkri_list_jobs(&made->u, made->u.grad.jobs);
    }
    if (tkri_team_start(&made->u.team, env) < 0) {
        tkri_sequence_destroy(made);
        return tkri_env_fail(env, TKR_ERR_MEMORY, "no memory for %d threads", (int)env->threads);
    }
    made->u.grad.packed_version = UINT64_MAX;
    made->u.grad.blas = shape->mode & TKR_TRAINING ? tkri_blas_load(cell->kern) : NULL;
    *seq = made;
    return TKR_OK;
}

void tkri_sequence_destroy(tkr_sequence *seq) {
    if (seq) {
        const tkri_env env = seq->env;
        tkri_team_stop(&seq->u.team, &env);
        tkri_release(&env, seq, seq->bytes);
    }
}

int32_t tkri_sequence_check(const tkr_sequence *seq, const tkri_options *options,
                            tkri_detail *detail) {
    const int64_t every = tkri_options_int(options, TKR_TRUNCATE_EVERY);
    const int64_t steps = tkri_options_int(options, TKR_TRUNCATE_STEPS);
    REQUIRE(!(every || steps) || !seq->u.net->backwards, detail, TKR_ERR_UNSUPPORTED,
            "truncation needs a cell of one direction, forward");
    REQUIRE(!every || steps <= every || (seq->u.plan.mode & TKR_RETAIN), detail,
            TKR_ERR_UNSUPPORTED, "windows overlap (k2 > k1): the sequence needs TKR_RETAIN");
    return TKR_OK;
}

int32_t tkri_sequence_set_int(tkr_sequence *seq, int32_t key, int64_t value) {
    tkri_options changed = seq->options;
    TRY(tkri_options_change_int(&changed, key, value, "a sequence", &seq->detail));
    TRY(tkri_sequence_check(seq, &changed, &seq->detail));
    seq->options = changed;
    return TKR_OK;
}
