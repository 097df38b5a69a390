/* SPDX-License-Identifier: MIT
 * Optimizers: creating, configuring, stepping. */
#include <stddef.h>

#include "core/fpmode.h"
#include "train/optimizer.h"

static int32_t measure(uint64_t *bytes, int32_t kind, const tkr_cell *cell) {
    tkr_optimizer measured = {0}, *self;
    tkri_arena arena = {0};
    TKRI_TAKE(&arena, self, 1);
    tkri_optimizer_place(&measured, &arena, kind, cell->net->numbers);
    *bytes = arena.used;
    return arena.used > TKRI_SIZE_LIMIT ? TKR_ERR_MEMORY : TKR_OK;
}

static int is_kind(int32_t kind) {
    return kind >= TKR_SGD && kind <= TKR_RMSPROP;
}

int32_t tkr_optimizer_size(uint64_t *bytes, int32_t kind, const tkr_cell *cell) {
    UNTRAPPED;
    uint64_t block;
    if (!bytes || !cell || !is_kind(kind)) {
        return TKR_ERR_ARGUMENT;
    }
    if (!cell->net) {
        return TKR_ERR_ORDER;
    }
    if (cell->precision) {
        return TKR_ERR_UNSUPPORTED;
    }
    TRY(measure(&block, kind, cell));
    *bytes = tkri_allocation(block);
    return TKR_OK;
}

int32_t tkr_optimizer_create(tkr_optimizer **opt, int32_t kind, tkr_cell *cell,
                             const tkr_env *env) {
    UNTRAPPED;
    tkri_env own;
    uint64_t bytes;
    if (!opt) {
        return TKR_ERR_ARGUMENT;
    }
    *opt = NULL;
    TRY(tkri_env_read(&own, env));
    if (!cell || !is_kind(kind)) {
        return tkri_env_fail(&own, TKR_ERR_ARGUMENT, "cell is NULL, or no optimizer has number %d",
                             (int)kind);
    }
    if (!cell->net) {
        return tkri_env_fail(&own, TKR_ERR_ORDER, "the cell is not initialised");
    }
    if (cell->precision) {
        return tkri_env_fail(&own, TKR_ERR_UNSUPPORTED, "%s", tkri_quantized_text);
    }
    TRY(measure(&bytes, kind, cell));
    tkri_arena arena = {.base = tkri_allocate(&own, bytes)};
    tkr_optimizer *made;
    if (!arena.base) {
        return tkri_env_fail(&own, TKR_ERR_MEMORY, "no memory for %llu bytes of moments",
                             (unsigned long long)bytes);
    }
    TKRI_TAKE(&arena, made, 1);
    made->env = own;
    made->env.detail = NULL;
    made->cell = cell;
    made->bytes = bytes;
    made->known = UINT64_MAX;
    tkri_optimizer_place(made, &arena, kind, cell->net->numbers);
    tkri_options_init(&made->options, tkri_optimizer_options, kind);
    *opt = made;
    return TKR_OK;
}

void tkr_optimizer_destroy(tkr_optimizer *opt) {
    if (opt) {
        const tkri_env env = opt->env;
        tkri_release(&env, opt, opt->bytes);
    }
}

static const char noun[] = "this kind of optimizer";

int32_t tkr_optimizer_set_float(tkr_optimizer *opt, int32_t key, double value) {
    UNTRAPPED;
    return opt ? tkri_options_change_real(&opt->options, key, value, noun, &opt->detail)
               : TKR_ERR_ARGUMENT;
}

int32_t tkr_optimizer_set_int(tkr_optimizer *opt, int32_t key, int64_t value) {
    UNTRAPPED;
    return opt ? tkri_options_change_int(&opt->options, key, value, noun, &opt->detail)
               : TKR_ERR_ARGUMENT;
}

int32_t tkr_optimizer_get_float(const tkr_optimizer *opt, int32_t key, double *value) {
    UNTRAPPED;
    if (!opt || !value) {
        return TKR_ERR_ARGUMENT;
    }
    TRY(tkri_options_get_real(&opt->options, key, value));
    if (key == TKR_CURRENT_RATE) {
        if (!tkri_schedule_is_set(opt)) {
            return TKR_ERR_ORDER;
        }
        *value = tkri_schedule_rate(opt, tkri_options_int(&opt->options, TKR_STEP_COUNT));
    }
    return TKR_OK;
}

int32_t tkr_optimizer_get_int(const tkr_optimizer *opt, int32_t key, int64_t *value) {
    UNTRAPPED;
    return opt && value ? tkri_options_get_int(&opt->options, key, value) : TKR_ERR_ARGUMENT;
}

int32_t tkr_optimizer_bounds_float(const tkr_optimizer *opt, int32_t key, double *low,
                                   double *high) {
    UNTRAPPED;
    return opt && low && high ? tkri_options_bounds_real(&opt->options, key, low, high)
                              : TKR_ERR_ARGUMENT;
}

int32_t tkr_optimizer_bounds_int(const tkr_optimizer *opt, int32_t key, int64_t *low,
                                 int64_t *high) {
    UNTRAPPED;
    return opt && low && high ? tkri_options_bounds_int(&opt->options, key, low, high)
                              : TKR_ERR_ARGUMENT;
}

int32_t tkr_optimizer_step(tkr_optimizer *opt, tkr_sequence *seq) {
    UNTRAPPED;
    if (!opt || !seq) {
        return TKR_ERR_ARGUMENT;
    }
    REQUIRE(seq->u.cell == opt->cell, &opt->detail, TKR_ERR_ARGUMENT,
            "the sequence is not of the optimizer's cell");
    REQUIRE(seq->u.grad.values, &opt->detail, TKR_ERR_UNSUPPORTED,
            "an inference sequence has no gradients");
    return tkri_optimizer_step(opt, seq);
}

const char *tkr_optimizer_detail(const tkr_optimizer *opt) {
    return opt ? opt->detail.text : "";
}
