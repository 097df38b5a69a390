/* SPDX-License-Identifier: MIT
 * What a cell of the caller's own is, checked and copied. */
#include <string.h>

#include "cell/cell.h"

enum { MAX_PARAMETERS = 32, MAX_STATES = 8 };

static int32_t check_tensor(const tkr_user_tensor *tensors, int64_t i, int64_t most_rank,
                            const tkri_env *env) {
    const tkr_user_tensor *t = &tensors[i];
    if (!t->name || !tkri_is_name(t->name) || t->rank < 1 || t->rank > most_rank) {
        return tkri_env_fail(env, TKR_ERR_ARGUMENT, "tensor %d has no name, or no rank of 1..%d",
                             (int)i, (int)most_rank);
    }
    for (int64_t d = 0; d < t->rank; d++) {
        if (t->shape[d] < 1 || t->shape[d] > INT32_MAX) {
            return tkri_env_fail(env, TKR_ERR_ARGUMENT, "the shape of '%s' is not in 1..2^31-1",
                                 t->name);
        }
    }
    for (int64_t j = 0; j < i; j++) {
        if (strcmp(tensors[j].name, t->name) == 0) {
            return tkri_env_fail(env, TKR_ERR_KEY, "two tensors are named '%s'", t->name);
        }
    }
    return TKR_OK;
}

static int32_t check(const tkr_user_cell *f, int64_t input, const tkri_env *env) {
    if (!f || f->size < sizeof *f || !f->name || !tkri_is_name(f->name)) {
        return tkri_env_fail(env, TKR_ERR_ARGUMENT,
                             "functions is NULL, of an older size, or without a name");
    }
    if (!f->forward || !f->backward) {
        return tkri_env_fail(env, TKR_ERR_ARGUMENT, "'%s' lacks a function", f->name);
    }
    if (input < 1 || input > INT32_MAX || f->output < 1 || f->output > INT32_MAX || f->saved < 0 ||
        f->saved > INT32_MAX) {
        return tkri_env_fail(env, TKR_ERR_ARGUMENT, "a width of '%s' is not in its range", f->name);
    }
    if (f->n_parameters < 0 || f->n_parameters > MAX_PARAMETERS || f->n_states < 0 ||
        f->n_states > MAX_STATES || (f->n_parameters && !f->parameters) ||
        (f->n_states && !f->states)) {
        return tkri_env_fail(env, TKR_ERR_ARGUMENT, "'%s' has 0..%d parameters and 0..%d states",
                             f->name, MAX_PARAMETERS, MAX_STATES);
    }
    for (int64_t i = 0; i < f->n_parameters; i++) {
        TRY(check_tensor(f->parameters, i, TKRI_PARAMETER_RANK, env));
    }
    for (int64_t i = 0; i < f->n_states; i++) {
        TRY(check_tensor(f->states, i, 1, env));
    }
    return TKR_OK;
}

uint64_t tkri_user_bytes(const tkr_user_cell *f) {
    const uint64_t n = (uint64_t)(f->n_parameters + f->n_states);
    return sizeof *f + n * sizeof(tkr_user_tensor) + (n + 1) * TKRI_NAME_LEN;
}

/* Copy tensors, and their names to *names, which moves on. */
static void place_tensors(tkr_user_tensor *to, const tkr_user_tensor *from, int64_t n,
                          char **names) {
    for (int64_t i = 0; i < n; i++) {
        to[i] = from[i];
        to[i].name = strcpy(*names, from[i].name);
        *names += TKRI_NAME_LEN;
    }
}

const tkr_user_cell *tkri_user_place(void *block, const tkr_user_cell *f) {
    tkr_user_cell *to = block;
    tkr_user_tensor *parameters = (tkr_user_tensor *)(to + 1);
    tkr_user_tensor *states = parameters + f->n_parameters;
    char *names = (char *)(states + f->n_states);
    *to = *f;
    to->name = strcpy(names, f->name);
    names += TKRI_NAME_LEN;
    place_tensors(parameters, f->parameters, f->n_parameters, &names);
    place_tensors(states, f->states, f->n_states, &names);
    to->parameters = parameters;
    to->states = states;
    return to;
}

int32_t tkri_cell_create_user(tkr_cell **cell, const tkri_kind *kind, int64_t input,
                              const tkr_user_cell *functions, const tkri_env *env) {
    tkr_cell *made;
    TRY(check(functions, input, env));
    TRY(tkri_cell_new(&made, kind, tkri_user_bytes(functions), env));
    made->user = tkri_user_place(made + 1, functions);
    made->input = input;
    made->hidden = functions->output;
    *cell = made;
    return TKR_OK;
}
