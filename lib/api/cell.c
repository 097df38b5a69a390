/* SPDX-License-Identifier: MIT
 * Cells: creating, configuring, chaining, reading and writing parameters. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "api/copy.h"

static int32_t check_new(int32_t kind, int64_t input, int64_t hidden, const tkri_env *env) {
    const int64_t limit = INT32_MAX;
    if (kind < TKR_ELMAN || kind > TKR_DROPOUT) {
        return tkri_env_fail(env, TKR_ERR_ARGUMENT, "no cell kind has the number %d", (int)kind);
    }
    if (input < 1 || input > limit || hidden < 1 || hidden > limit) {
        return tkri_env_fail(env, TKR_ERR_ARGUMENT, "input %lld or hidden %lld is not in 1..2^31-1",
                             (long long)input, (long long)hidden);
    }
    if (kind == TKR_DROPOUT && input != hidden) {
        return tkri_env_fail(env, TKR_ERR_ARGUMENT, "a dropout's output width is its input width");
    }
    return TKR_OK;
}

/* A zeroed cell of that kind with the env's kernels. */
static int32_t new_cell(tkr_cell **cell, int32_t kind, const tkri_env *env) {
    const tkri_kern *kern = tkri_kern_select(env->tier);
    if (!kern) {
        return tkri_env_fail(env, TKR_ERR_UNSUPPORTED, "this machine or build has no tier %d",
                             (int)env->tier);
    }
    tkr_cell *made = tkri_allocate(env, sizeof *made);
    if (!made) {
        return tkri_env_fail(env, TKR_ERR_MEMORY, "no memory for a cell");
    }
    made->env = *env;
    made->env.detail = NULL;
    made->kern = kern;
    made->kind = kind;
    *cell = made;
    return TKR_OK;
}

int32_t tkr_cell_create(tkr_cell **cell, int32_t kind, int64_t input, int64_t hidden,
                        const tkr_env *env) {
    tkri_env own;
    if (!cell) {
        return TKR_ERR_ARGUMENT;
    }
    *cell = NULL;
    TRY(tkri_env_read(&own, env));
    TRY(check_new(kind, input, hidden, &own));
    TRY(new_cell(cell, kind, &own));
    (*cell)->input = input;
    (*cell)->hidden = hidden;
    tkri_option_defaults(*cell);
    return TKR_OK;
}

void tkr_cell_destroy(tkr_cell *cell) {
    if (!cell) {
        return;
    }
    const tkri_env env = cell->env;
    for (int64_t i = 0; i < cell->n_parts; i++) {
        tkr_cell_destroy(cell->parts[i]);
    }
    if (cell->parts) {
        tkri_release(&env, cell->parts, (uint64_t)cell->n_parts * sizeof *cell->parts);
    }
    tkri_net_destroy(cell);
    tkri_notes_free(cell);
    tkri_release(&env, cell, sizeof *cell);
}

static const char *part_name(tkr_cell *const *parts, int64_t i, char *buffer, size_t size) {
    (void)snprintf(buffer, size, "%d", (int)i);
    return parts[i]->name[0] ? parts[i]->name : buffer;
}

static int32_t check_part(tkr_cell *const *parts, int64_t i, const tkri_env *env) {
    char name[16], other[16];
    const tkr_cell *part = parts[i];
    if (!part || part->kind == TKR_CHAIN) {
        return tkri_env_fail(env, TKR_ERR_ARGUMENT, "part %d is NULL or a chain", (int)i);
    }
    if (part->net) {
        return tkri_env_fail(env, TKR_ERR_ORDER, "part %d is initialised already", (int)i);
    }
    if (i > 0 && part->kind == TKR_EMBEDDING) {
        return tkri_env_fail(env, TKR_ERR_SHAPE, "part %d is an embedding, which takes ids",
                             (int)i);
    }
    if (i > 0 && part->input != tkri_cell_output(parts[i - 1])) {
        return tkri_env_fail(
            env, TKR_ERR_SHAPE, "part %d takes %lld inputs, part %d has %lld outputs", (int)i,
            (long long)part->input, (int)i - 1, (long long)tkri_cell_output(parts[i - 1]));
    }
    for (int64_t j = 0; j < i; j++) {
        if (parts[j] == part) {
            return tkri_env_fail(env, TKR_ERR_ARGUMENT, "parts %d and %d are one cell", (int)j,
                                 (int)i);
        }
        if (!strcmp(part_name(parts, i, name, sizeof name),
                    part_name(parts, j, other, sizeof other))) {
            return tkri_env_fail(env, TKR_ERR_KEY, "parts %d and %d have one name", (int)j, (int)i);
        }
    }
    return TKR_OK;
}

static int32_t check_parts(tkr_cell *const *parts, int64_t n, const tkri_env *env) {
    if (!parts || n < 1 || n > 256) {
        return tkri_env_fail(env, TKR_ERR_ARGUMENT, "a chain has 1 to 256 parts");
    }
    for (int64_t i = 0; i < n; i++) {
        TRY(check_part(parts, i, env));
    }
    return TKR_OK;
}

int32_t tkr_cell_chain(tkr_cell **chain, tkr_cell **parts, int64_t n, const tkr_env *env) {
    tkri_env own;
    tkr_cell *made;
    if (!chain) {
        return TKR_ERR_ARGUMENT;
    }
    *chain = NULL;
    TRY(tkri_env_read(&own, env));
    TRY(check_parts(parts, n, &own));
    TRY(new_cell(&made, TKR_CHAIN, &own));
    made->parts = tkri_allocate(&own, (uint64_t)n * sizeof *made->parts);
    if (!made->parts) {
        tkr_cell_destroy(made);
        return tkri_env_fail(&own, TKR_ERR_MEMORY, "no memory for a chain");
    }
    made->n_parts = n;
    made->input = parts[0]->input;
    for (int64_t i = 0; i < n; i++) {
        made->parts[i] = parts[i];
        parts[i] = NULL;
    }
    made->hidden = tkri_cell_output(made);
    *chain = made;
    return TKR_OK;
}

static int is_name(const char *name) {
    static const char allowed[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-";
    size_t len = strspn(name, allowed);
    return len > 0 && len < TKRI_NAME_LEN && name[len] == '\0';
}

int32_t tkr_cell_set_name(tkr_cell *cell, const char *name) {
    if (!cell) {
        return TKR_ERR_ARGUMENT;
    }
    REQUIRE(name && is_name(name), &cell->detail, TKR_ERR_ARGUMENT,
            "a name is 1 to 63 letters, digits, '_' or '-'");
    REQUIRE(!cell->net, &cell->detail, TKR_ERR_ORDER, "the cell is initialised already");
    memcpy(cell->name, name, strlen(name) + 1);
    return TKR_OK;
}

/* The option, if it may be set to `value` now. */
static int32_t check_option(tkr_cell *cell, int32_t key, double value, int32_t is_float) {
    const tkri_option *option = tkri_option_find(cell->kind, key);
    double low, high;
    REQUIRE(option && tkri_option_is_float(option) == is_float, &cell->detail, TKR_ERR_KEY,
            "this kind of cell has no %s option %d", is_float ? "real" : "integer", (int)key);
    tkri_option_bounds(cell, option, &low, &high);
    REQUIRE(value >= low && value <= high, &cell->detail, TKR_ERR_ARGUMENT,
            "%s = %g is not in %g..%g", option->name, value, low, high);
    REQUIRE(!cell->net || option->after_init, &cell->detail, TKR_ERR_ORDER,
            "%s shapes parameters that exist already", option->name);
    return TKR_OK;
}

/* Pairs of options that exclude each other. */
static int32_t check_pairs(tkr_cell *cell, int32_t key, int64_t value) {
    const int before = key == TKR_OUTPUT_BEFORE ? value == 1 : cell->ints[TKR_OUTPUT_BEFORE] == 1;
    const int both = key == TKR_DIRECTIONS ? value == 2 : cell->ints[TKR_DIRECTIONS] == 2;
    REQUIRE(!(before && both), &cell->detail, TKR_ERR_ARGUMENT,
            "output_before needs a single direction");
    return TKR_OK;
}

int32_t tkr_cell_set_int(tkr_cell *cell, int32_t key, int64_t value) {
    if (!cell) {
        return TKR_ERR_ARGUMENT;
    }
    TRY(check_option(cell, key, (double)value, 0));
    TRY(check_pairs(cell, key, value));
    cell->ints[key] = value;
    return TKR_OK;
}

int32_t tkr_cell_set_float(tkr_cell *cell, int32_t key, double value) {
    if (!cell) {
        return TKR_ERR_ARGUMENT;
    }
    TRY(check_option(cell, key, value, 1));
    cell->floats[key - TKRI_FLOAT_BASE] = value;
    return TKR_OK;
}

static const tkri_option *option_of(const tkr_cell *cell, int32_t key, int32_t is_float) {
    const tkri_option *option = cell ? tkri_option_find(cell->kind, key) : NULL;
    return option && tkri_option_is_float(option) == is_float ? option : NULL;
}

int32_t tkr_cell_get_int(const tkr_cell *cell, int32_t key, int64_t *value) {
    if (!value || !option_of(cell, key, 0)) {
        return value && cell ? TKR_ERR_KEY : TKR_ERR_ARGUMENT;
    }
    *value = cell->ints[key];
    return TKR_OK;
}

int32_t tkr_cell_get_float(const tkr_cell *cell, int32_t key, double *value) {
    if (!value || !option_of(cell, key, 1)) {
        return value && cell ? TKR_ERR_KEY : TKR_ERR_ARGUMENT;
    }
    *value = cell->floats[key - TKRI_FLOAT_BASE];
    return TKR_OK;
}

int32_t tkr_cell_bounds_int(const tkr_cell *cell, int32_t key, int64_t *low, int64_t *high) {
    const tkri_option *option = option_of(cell, key, 0);
    double from, to;
    if (!low || !high || !option) {
        return low && high && cell ? TKR_ERR_KEY : TKR_ERR_ARGUMENT;
    }
    tkri_option_bounds(cell, option, &from, &to);
    *low = (int64_t)from;
    *high = (int64_t)to;
    return TKR_OK;
}

int32_t tkr_cell_bounds_float(const tkr_cell *cell, int32_t key, double *low, double *high) {
    const tkri_option *option = option_of(cell, key, 1);
    if (!low || !high || !option) {
        return low && high && cell ? TKR_ERR_KEY : TKR_ERR_ARGUMENT;
    }
    tkri_option_bounds(cell, option, low, high);
    return TKR_OK;
}

int32_t tkr_cell_shape(const tkr_cell *cell, int32_t *kind, int64_t *input, int64_t *output) {
    if (!cell) {
        return TKR_ERR_ARGUMENT;
    }
    if (kind) {
        *kind = cell->kind;
    }
    if (input) {
        *input = cell->input;
    }
    if (output) {
        *output = tkri_cell_output(cell);
    }
    return TKR_OK;
}

int32_t tkr_cell_tier(const tkr_cell *cell) {
    return cell ? cell->kern->tier : 0;
}

int32_t tkr_cell_size(uint64_t *bytes, const tkr_cell *cell) {
    if (!bytes || !cell) {
        return TKR_ERR_ARGUMENT;
    }
    uint64_t total = tkri_add(tkri_allocation(sizeof *cell), tkri_allocation(tkri_net_bytes(cell)));
    if (cell->kind == TKR_CHAIN) {
        const uint64_t handles = (uint64_t)cell->n_parts * sizeof *cell->parts;
        const uint64_t parts = (uint64_t)cell->n_parts * tkri_allocation(sizeof *cell);
        total = tkri_add(total, tkri_add(tkri_allocation(handles), parts));
    }
    if (total > TKRI_SIZE_LIMIT) {
        return TKR_ERR_MEMORY;
    }
    *bytes = total;
    return TKR_OK;
}

int32_t tkr_cell_init(tkr_cell *cell, uint64_t seed) {
    if (!cell) {
        return TKR_ERR_ARGUMENT;
    }
    REQUIRE(!cell->precision, &cell->detail, TKR_ERR_UNSUPPORTED, "%s", tkri_reduced_text);
    if (!cell->net) {
        TRY(tkri_net_create(cell));
    }
    tkri_cell_draw(cell, seed);
    return TKR_OK;
}

int32_t tkr_cell_parameters(const tkr_cell *cell, int64_t *tensors, int64_t *numbers) {
    if (!cell || !cell->net) {
        return cell ? TKR_ERR_ORDER : TKR_ERR_ARGUMENT;
    }
    if (tensors) {
        *tensors = cell->net->n_parameters;
    }
    if (numbers) {
        *numbers = cell->net->logical_numbers;
    }
    return TKR_OK;
}

int32_t tkr_cell_parameter(const tkr_cell *cell, int64_t index, const char **name, int32_t *rank,
                           int64_t *shape) {
    if (!cell || !name || !rank || !shape) {
        return TKR_ERR_ARGUMENT;
    }
    if (!cell->net) {
        return TKR_ERR_ORDER;
    }
    if (index < 0 || index >= cell->net->n_parameters) {
        return TKR_ERR_KEY;
    }
    const tkri_parameter *p = &cell->net->parameters[index];
    *name = p->name;
    *rank = p->rank;
    memcpy(shape, p->shape, sizeof p->shape);
    return TKR_OK;
}

int32_t tkr_cell_get_parameter(const tkr_cell *cell, const char *name, float *values, int64_t len) {
    if (!cell || !name || !values) {
        return TKR_ERR_ARGUMENT;
    }
    if (!cell->net) {
        return TKR_ERR_ORDER;
    }
    const tkri_parameter *p = tkri_parameter_find(cell->net, name);
    if (!p || len != tkri_parameter_len(p)) {
        return p ? TKR_ERR_SHAPE : TKR_ERR_KEY;
    }
    if (cell->precision) {
        return TKR_ERR_UNSUPPORTED;
    }
    tkri_parameter_export(p, cell->kern->vl, cell->net->values, values);
    return TKR_OK;
}

int32_t tkr_cell_set_parameter(tkr_cell *cell, const char *name, const float *values, int64_t len) {
    if (!cell) {
        return TKR_ERR_ARGUMENT;
    }
    REQUIRE(name && values, &cell->detail, TKR_ERR_ARGUMENT, "name or values is NULL");
    REQUIRE(cell->net, &cell->detail, TKR_ERR_ORDER, "the cell is not initialised");
    REQUIRE(!cell->precision, &cell->detail, TKR_ERR_UNSUPPORTED, "%s", tkri_reduced_text);
    const tkri_parameter *p = tkri_parameter_find(cell->net, name);
    REQUIRE(p, &cell->detail, TKR_ERR_KEY, "no parameter is named '%.100s'", name);
    REQUIRE(len == tkri_parameter_len(p), &cell->detail, TKR_ERR_SHAPE,
            "%s has %lld elements, not %lld", name, (long long)tkri_parameter_len(p),
            (long long)len);
    tkri_parameter_import(p, cell->kern->vl, cell->net->values, values);
    tkri_cell_refresh(cell);
    return TKR_OK;
}

const char *tkr_cell_detail(const tkr_cell *cell) {
    return cell ? cell->detail.text : "";
}
