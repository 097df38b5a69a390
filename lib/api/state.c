/* SPDX-License-Identifier: MIT
 * States: creating, copying, reading, writing; streaming steps. */
#include <stddef.h>
#include <string.h>

#include "core/fpmode.h"
#include "seq/seq.h"

static int32_t plan(tkr_state *state, const tkr_cell *cell, int64_t batch) {
    tkr_state *self;
    tkri_arena arena = {0};
    if (!cell || batch < 1 || batch > INT32_MAX) {
        return TKR_ERR_ARGUMENT;
    }
    if (!cell->net) {
        return TKR_ERR_ORDER;
    }
    memset(state, 0, sizeof *state);
    state->cell = cell;
    state->net = cell->net;
    state->batch = batch;
    TKRI_TAKE(&arena, self, 1);
    tkri_state_place(state, &arena);
    state->bytes = arena.used;
    return arena.used > TKRI_SIZE_LIMIT ? TKR_ERR_MEMORY : TKR_OK;
}

int32_t tkr_state_size(uint64_t *bytes, const tkr_cell *cell, int64_t batch) {
    UNTRAPPED;
    tkr_state planned;
    if (!bytes) {
        return TKR_ERR_ARGUMENT;
    }
    TRY(plan(&planned, cell, batch));
    *bytes = tkri_allocation(planned.bytes);
    return TKR_OK;
}

int32_t tkr_state_create(tkr_state **state, const tkr_cell *cell, int64_t batch,
                         const tkr_env *env) {
    UNTRAPPED;
    tkri_env own;
    tkr_state planned, *made;
    if (!state) {
        return TKR_ERR_ARGUMENT;
    }
    *state = NULL;
    TRY(tkri_env_read(&own, env));
    const int32_t status = plan(&planned, cell, batch);
    if (status < 0) {
        return tkri_env_fail(&own, status, "cell is NULL or not initialised, or batch is %lld",
                             (long long)batch);
    }
    tkri_arena arena = {.base = tkri_allocate(&own, planned.bytes)};
    if (!arena.base) {
        return tkri_env_fail(&own, TKR_ERR_MEMORY, "no memory for %llu bytes of state",
                             (unsigned long long)planned.bytes);
    }
    TKRI_TAKE(&arena, made, 1);
    *made = planned;
    made->env = own;
    made->env.detail = NULL;
    tkri_state_place(made, &arena);
    tkri_state_start(made->net, made->values, batch);
    *state = made;
    return TKR_OK;
}

void tkr_state_destroy(tkr_state *state) {
    if (state) {
        const tkri_env env = state->env;
        tkri_release(&env, state, state->bytes);
    }
}

int32_t tkr_state_reset(tkr_state *state) {
    UNTRAPPED;
    if (!state) {
        return TKR_ERR_ARGUMENT;
    }
    tkri_state_start(state->net, state->values, state->batch);
    return TKR_OK;
}

int32_t tkr_state_copy(tkr_state *to, const tkr_state *from) {
    UNTRAPPED;
    if (!to || !from) {
        return TKR_ERR_ARGUMENT;
    }
    REQUIRE(to->batch == from->batch && tkri_state_alike(to->cell, from->cell), &to->detail,
            TKR_ERR_SHAPE, "the states have other tensors or another batch");
    if (to != from) {
        memcpy(to->values, from->values,
               (size_t)tkri_state_len(to->net, to->batch) * sizeof *to->values);
    }
    return TKR_OK;
}

int32_t tkr_state_tensors(const tkr_state *state, int64_t *tensors) {
    if (!state || !tensors) {
        return TKR_ERR_ARGUMENT;
    }
    *tensors = state->net->n_state;
    return TKR_OK;
}

int32_t tkr_state_tensor(const tkr_state *state, int64_t index, const char **name, int64_t *shape) {
    if (!state || !name || !shape) {
        return TKR_ERR_ARGUMENT;
    }
    if (index < 0 || index >= state->net->n_state) {
        return TKR_ERR_KEY;
    }
    const tkri_state_tensor *tensor = &state->net->state[index];
    *name = tensor->name;
    shape[0] = tensor->slots;
    shape[1] = state->batch;
    shape[2] = tensor->width;
    return TKR_OK;
}

static int32_t find_tensor(const tkr_state *state, const char *name, int64_t len,
                           const tkri_state_tensor **tensor) {
    *tensor = tkri_state_find(state->net, name);
    if (!*tensor) {
        return TKR_ERR_KEY;
    }
    return len == (*tensor)->slots * state->batch * (*tensor)->width ? TKR_OK : TKR_ERR_SHAPE;
}

int32_t tkr_state_get(const tkr_state *state, const char *name, float *values, int64_t len) {
    UNTRAPPED;
    const tkri_state_tensor *tensor;
    if (!state || !name || !values) {
        return TKR_ERR_ARGUMENT;
    }
    TRY(find_tensor(state, name, len, &tensor));
    tkri_state_export(state->net, tensor, state->values, state->batch, values);
    return TKR_OK;
}

int32_t tkr_state_set(tkr_state *state, const char *name, const float *values, int64_t len) {
    UNTRAPPED;
    const tkri_state_tensor *tensor;
    if (!state) {
        return TKR_ERR_ARGUMENT;
    }
    REQUIRE(name && values, &state->detail, TKR_ERR_ARGUMENT, "name or values is NULL");
    const int32_t status = find_tensor(state, name, len, &tensor);
    REQUIRE(status == TKR_OK, &state->detail, status, "no state tensor '%.60s' has %lld elements",
            name, (long long)len);
    tkri_state_import(state->net, tensor, state->values, state->batch, values);
    return TKR_OK;
}

static int32_t check_step(const tkr_cell *cell, tkr_state *state) {
    REQUIRE(cell && cell->net && (cell == state->cell || tkri_state_fits(cell, state)),
            &state->detail, TKR_ERR_SHAPE, "the state is not one of this cell");
    REQUIRE(!cell->net->backwards, &state->detail, TKR_ERR_UNSUPPORTED,
            "a cell that goes backwards cannot be streamed");
    return TKR_OK;
}

static int32_t steps_of(const tkr_cell *cell, tkr_state *state, float *y, const float *x,
                        int64_t steps) {
    if (!state) {
        return TKR_ERR_ARGUMENT;
    }
    TRY(check_step(cell, state));
    REQUIRE(!x || (cell->net->takes & TKRI_VALUES), &state->detail, TKR_ERR_UNSUPPORTED,
            "the cell begins with an embedding: give ids");
    return tkri_step_streams(cell, state, y, x, NULL, steps);
}

int32_t tkr_cell_step(const tkr_cell *cell, tkr_state *state, float *y, const float *x) {
    REQUIRE(x || !state || !cell || !cell->net ||
                (y && cell->net->layers[cell->net->n_layers - 1].without_input),
            &state->detail, TKR_ERR_ARGUMENT,
            "x is NULL, and the output depends on it (or y is NULL too)");
    return steps_of(cell, state, y, x, 1);
}

/* Are there so many steps, in arrays that memory can hold? (One step is the state's own size.) */
static int32_t check_steps(tkr_state *state, int64_t steps) {
    if (steps == 1) {
        return TKR_OK;
    }
    const tkri_net *net = state->net;
    const uint64_t row = tkri_mul((uint64_t)tkri_max(net->input, net->output), sizeof(float));
    REQUIRE(steps >= 0, &state->detail, TKR_ERR_ARGUMENT, "%lld steps", (long long)steps);
    REQUIRE(tkri_mul(tkri_mul((uint64_t)steps, (uint64_t)state->batch), row) <= TKRI_SIZE_LIMIT,
            &state->detail, TKR_ERR_ARGUMENT, "%lld steps are more than memory can hold",
            (long long)steps);
    return TKR_OK;
}

int32_t tkr_cell_steps(const tkr_cell *cell, tkr_state *state, float *y, const float *x,
                       int64_t steps) {
    if (!state) {
        return TKR_ERR_ARGUMENT;
    }
    TRY(check_steps(state, steps));
    REQUIRE(x || steps == 0, &state->detail, TKR_ERR_ARGUMENT, "x is NULL");
    return steps_of(cell, state, y, x, steps);
}

int32_t tkr_cell_steps_ids(const tkr_cell *cell, tkr_state *state, float *y, const int32_t *ids,
                           int64_t steps) {
    if (!state) {
        return TKR_ERR_ARGUMENT;
    }
    TRY(check_step(cell, state));
    TRY(check_steps(state, steps));
    REQUIRE(ids || steps == 0, &state->detail, TKR_ERR_ARGUMENT, "ids is NULL");
    REQUIRE(cell->net->takes & TKRI_IDS, &state->detail, TKR_ERR_UNSUPPORTED,
            "the cell begins with a part that takes values");
    for (int64_t i = 0; i < steps * state->batch; i++) {
        REQUIRE(ids[i] >= -1 && ids[i] < cell->net->input, &state->detail, TKR_ERR_TOKEN,
                "id %d of stream %lld at step %lld is not in 0..%lld", (int)ids[i],
                (long long)(i % state->batch), (long long)(i / state->batch),
                (long long)cell->net->input - 1);
    }
    return tkri_step_streams(cell, state, y, NULL, ids, steps);
}

int32_t tkr_cell_step_ids(const tkr_cell *cell, tkr_state *state, float *y, const int32_t *ids) {
    return tkr_cell_steps_ids(cell, state, y, ids, 1);
}

const char *tkr_state_detail(const tkr_state *state) {
    return state ? state->detail.text : "";
}
