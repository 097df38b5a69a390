/* SPDX-License-Identifier: MIT
 * Cells: creating, naming, configuring, laying out. Callers and files come through here. */
#include <math.h>
#include <string.h>

#include "cell/cell.h"

const char tkri_no_kind_text[] = "this build has no cells of this kind";
const char tkri_quantized_text[] =
    "a quantized or approximating copy can only be streamed and compared";

static int32_t check_new(const tkri_kind *kind, int64_t input, int64_t hidden,
                         const tkri_env *env) {
    const int64_t limit = INT32_MAX;
    if (!kind || kind->contains) {
        return tkri_env_fail(env, TKR_ERR_ARGUMENT, "this build has no cell of this kind's number");
    }
    if (input < 1 || input > limit || hidden < 1 || hidden > limit) {
        return tkri_env_fail(env, TKR_ERR_ARGUMENT, "input %lld or hidden %lld is not in 1..2^31-1",
                             (long long)input, (long long)hidden);
    }
    return TKR_OK;
}

int32_t tkri_cell_new(tkr_cell **cell, const tkri_kind *kind, uint64_t more, const tkri_env *env) {
    const tkri_kern *kern = tkri_kern_select(env->tier);
    if (!kind) {
        return tkri_env_fail(env, TKR_ERR_UNSUPPORTED, "%s", tkri_no_kind_text);
    }
    if (!kern) {
        return tkri_env_fail(env, TKR_ERR_UNSUPPORTED, "this machine or build has no tier %d",
                             (int)env->tier);
    }
    const uint64_t bytes = tkri_add(sizeof(tkr_cell), more);
    tkr_cell *made = tkri_allocate(env, bytes);
    if (!made) {
        return tkri_env_fail(env, TKR_ERR_MEMORY, "no memory for a cell");
    }
    made->env = *env;
    made->env.detail = NULL;
    made->env.user_cells = NULL;
    made->env.n_user_cells = 0;
    made->kern = kern;
    made->kind = kind;
    made->bytes = bytes;
    tkri_options_init(&made->options, kind->options, kind->number);
    *cell = made;
    return TKR_OK;
}

int32_t tkri_cell_create(tkr_cell **cell, const tkri_kind *kind, int64_t input, int64_t hidden,
                         const tkri_env *env) {
    tkr_cell *made;
    TRY(check_new(kind, input, hidden, env));
    TRY(tkri_cell_new(&made, kind, 0, env));
    made->input = input;
    made->hidden = hidden;
    const int32_t status = kind->check ? kind->check(made, &made->detail) : TKR_OK;
    if (status < 0) {
        (void)tkri_env_forward(env, status, &made->detail);
        tkri_cell_destroy(made);
        return status;
    }
    *cell = made;
    return TKR_OK;
}

void tkri_cell_destroy(tkr_cell *cell) {
    if (!cell) {
        return;
    }
    const tkri_env env = cell->env;
    for (int64_t i = 0; i < cell->n_parts; i++) {
        tkri_cell_destroy(cell->parts[i]);
    }
    if (cell->parts) {
        tkri_release(&env, cell->parts, (uint64_t)cell->n_parts * sizeof *cell->parts);
    }
    tkri_net_destroy(cell);
    tkri_metadata_free(cell);
    tkri_release(&env, cell, cell->bytes);
}

int32_t tkri_is_name(const char *name) {
    static const char allowed[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-";
    size_t len = strspn(name, allowed);
    return len > 0 && len < TKRI_NAME_LEN && name[len] == '\0';
}

int32_t tkri_cell_set_name(tkr_cell *cell, const char *name) {
    REQUIRE(name && tkri_is_name(name), &cell->detail, TKR_ERR_ARGUMENT,
            "a name is 1 to 63 letters, digits, '_' or '-'");
    REQUIRE(!cell->net, &cell->detail, TKR_ERR_ORDER, "the cell is initialised already");
    /* the tensors of a checkpoint begin so, and parameters of a container in a container could */
    REQUIRE(!tkri_has_parts(cell->kind) || strcmp(name, "checkpoint") != 0, &cell->detail,
            TKR_ERR_ARGUMENT, "no container can be named 'checkpoint'");
    memcpy(cell->name, name, strlen(name) + 1);
    return TKR_OK;
}

const tkri_option *tkri_cell_option(const tkr_cell *cell, int32_t key, int32_t type) {
    const tkri_option *option = tkri_options_find(&cell->options, key);
    return option && option->type == type ? option : NULL;
}

void tkri_cell_bounds(const tkr_cell *cell, const tkri_option *option, double *low, double *high) {
    *low = option->low;
    *high = option->high;
    if (cell->kind->bounds) {
        cell->kind->bounds(cell, option, low, high);
    }
}

/* May this option be set so, as far as the table and the cell's own bounds go? */
static int32_t check_option(tkr_cell *cell, int32_t key, int32_t type, double value) {
    const tkri_setting setting = {.key = key,
                                  .type = type,
                                  .value = value,
                                  .laid_out = cell->net != NULL,
                                  .noun = "this kind of cell"};
    double low, high;
    TRY(tkri_options_check(&cell->options, &setting, &cell->detail));
    const tkri_option *option = tkri_options_find(&cell->options, key);
    tkri_cell_bounds(cell, option, &low, &high);
    REQUIRE(value >= low && value <= high, &cell->detail, TKR_ERR_ARGUMENT,
            "%s = %g is not in %g..%g", option->name, value, low, high);
    return TKR_OK;
}

int32_t tkri_cell_set_int(tkr_cell *cell, int32_t key, int64_t value) {
    TRY(check_option(cell, key, TKRI_INT, (double)value));
    const int64_t before = tkri_cell_int(cell, key);
    tkri_options_set_int(&cell->options, key, value);
    const int32_t status = cell->kind->check ? cell->kind->check(cell, &cell->detail) : TKR_OK;
    if (status < 0) {
        tkri_options_set_int(&cell->options, key, before);
    }
    return status;
}

int32_t tkri_cell_set_real(tkr_cell *cell, int32_t key, double value) {
    TRY(check_option(cell, key, TKRI_REAL, value));
    tkri_options_set_real(&cell->options, key, value);
    return TKR_OK;
}

/* Blocks of a cell and of its parts, nets not counted. */
static uint64_t handle_bytes(const tkr_cell *cell) {
    const uint64_t parts = (uint64_t)cell->n_parts * sizeof *cell->parts;
    uint64_t total = tkri_allocation(cell->bytes);
    for (int64_t i = 0; i < cell->n_parts; i++) {
        total = tkri_add(total, handle_bytes(cell->parts[i]));
    }
    return parts ? tkri_add(total, tkri_allocation(parts)) : total;
}

int32_t tkri_cell_size(const tkr_cell *cell, uint64_t *bytes, tkri_detail *detail) {
    uint64_t net;
    TRY(tkri_net_bytes(cell, &net, detail));
    const uint64_t total = tkri_add(handle_bytes(cell), tkri_allocation(net));
    REQUIRE(total <= TKRI_SIZE_LIMIT, detail, TKR_ERR_MEMORY, "the cell exceeds the memory");
    *bytes = total;
    return TKR_OK;
}

int32_t tkri_cell_init(tkr_cell *cell, uint64_t seed) {
    REQUIRE(!cell->precision, &cell->detail, TKR_ERR_UNSUPPORTED, "%s", tkri_quantized_text);
    if (!cell->net) {
        TRY(tkri_net_create(cell));
    }
    tkri_cell_draw(cell, seed);
    return TKR_OK;
}
