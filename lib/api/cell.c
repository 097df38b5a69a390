/* SPDX-License-Identifier: MIT
 * Cells: creating, configuring, chaining, reading and writing parameters. */
#include <string.h>

#include "core/fpmode.h"
#include "layer/layer.h"

int32_t tkr_cell_create(tkr_cell **cell, int32_t kind, int64_t input, int64_t hidden,
                        const tkr_env *env) {
    UNTRAPPED;
    tkri_env own;
    if (!cell) {
        return TKR_ERR_ARGUMENT;
    }
    *cell = NULL;
    TRY(tkri_env_read(&own, env));
    return tkri_cell_create(cell, tkri_kind_of(kind), input, hidden, &own);
}

int32_t tkr_cell_create_user(tkr_cell **cell, int64_t input, const tkr_user_cell *functions,
                             const tkr_env *env) {
    UNTRAPPED;
    tkri_env own;
    if (!cell) {
        return TKR_ERR_ARGUMENT;
    }
    *cell = NULL;
    TRY(tkri_env_read(&own, env));
    return tkri_cell_create_user(cell, tkri_kind_of(TKR_USER), input, functions, &own);
}

void tkr_cell_destroy(tkr_cell *cell) {
    tkri_cell_destroy(cell);
}

int32_t tkr_cell_chain(tkr_cell **chain, tkr_cell **parts, int64_t n, const tkr_env *env) {
    UNTRAPPED;
    tkri_env own;
    if (!chain) {
        return TKR_ERR_ARGUMENT;
    }
    *chain = NULL;
    TRY(tkri_env_read(&own, env));
    return tkri_cell_contain(chain, tkri_kind_of(TKR_CHAIN), &(tkri_parts){parts, n, 0}, &own);
}

int32_t tkr_cell_branch(tkr_cell **branch, tkr_cell **parts, int64_t n, int32_t combine,
                        const tkr_env *env) {
    UNTRAPPED;
    tkri_env own;
    if (!branch) {
        return TKR_ERR_ARGUMENT;
    }
    *branch = NULL;
    TRY(tkri_env_read(&own, env));
    return tkri_cell_contain(branch, tkri_kind_of(TKR_BRANCH), &(tkri_parts){parts, n, combine},
                             &own);
}

int32_t tkr_cell_set_name(tkr_cell *cell, const char *name) {
    return cell ? tkri_cell_set_name(cell, name) : TKR_ERR_ARGUMENT;
}

int32_t tkr_cell_set_int(tkr_cell *cell, int32_t key, int64_t value) {
    UNTRAPPED;
    return cell ? tkri_cell_set_int(cell, key, value) : TKR_ERR_ARGUMENT;
}

int32_t tkr_cell_set_float(tkr_cell *cell, int32_t key, double value) {
    UNTRAPPED;
    return cell ? tkri_cell_set_real(cell, key, value) : TKR_ERR_ARGUMENT;
}

/* That can be set. */
static const tkri_option *option_of(const tkr_cell *cell, int32_t key, int32_t type) {
    const tkri_option *option = cell ? tkri_cell_option(cell, key, type) : NULL;
    return option && !(option->flags & TKRI_READ_ONLY) ? option : NULL;
}

int32_t tkr_cell_get_int(const tkr_cell *cell, int32_t key, int64_t *value) {
    UNTRAPPED;
    return cell && value ? tkri_options_get_int(&cell->options, key, value) : TKR_ERR_ARGUMENT;
}

int32_t tkr_cell_get_float(const tkr_cell *cell, int32_t key, double *value) {
    UNTRAPPED;
    return cell && value ? tkri_options_get_real(&cell->options, key, value) : TKR_ERR_ARGUMENT;
}

int32_t tkr_cell_bounds_int(const tkr_cell *cell, int32_t key, int64_t *low, int64_t *high) {
    UNTRAPPED;
    const tkri_option *option = option_of(cell, key, TKRI_INT);
    double from, to;
    if (!low || !high || !option) {
        return low && high && cell ? TKR_ERR_KEY : TKR_ERR_ARGUMENT;
    }
    tkri_cell_bounds(cell, option, &from, &to);
    *low = (int64_t)from;
    *high = (int64_t)to;
    return TKR_OK;
}

int32_t tkr_cell_bounds_float(const tkr_cell *cell, int32_t key, double *low, double *high) {
    UNTRAPPED;
    const tkri_option *option = option_of(cell, key, TKRI_REAL);
    if (!low || !high || !option) {
        return low && high && cell ? TKR_ERR_KEY : TKR_ERR_ARGUMENT;
    }
    tkri_cell_bounds(cell, option, low, high);
    return TKR_OK;
}

int32_t tkr_cell_shape(const tkr_cell *cell, int32_t *kind, int64_t *input, int64_t *output) {
    if (!cell) {
        return TKR_ERR_ARGUMENT;
    }
    if (kind) {
        *kind = cell->kind->number;
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
    return cell ? tkri_net_kern(cell)->tier : 0;
}

int32_t tkr_cell_size(uint64_t *bytes, const tkr_cell *cell) {
    UNTRAPPED;
    return bytes && cell ? tkri_cell_size(cell, bytes, NULL) : TKR_ERR_ARGUMENT;
}

int32_t tkr_cell_init(tkr_cell *cell, uint64_t seed) {
    UNTRAPPED;
    return cell ? tkri_cell_init(cell, seed) : TKR_ERR_ARGUMENT;
}

int32_t tkr_cell_clone(tkr_cell **copy, const tkr_cell *cell, const tkr_env *env) {
    UNTRAPPED;
    tkri_env own;
    if (!copy) {
        return TKR_ERR_ARGUMENT;
    }
    *copy = NULL;
    TRY(tkri_env_read(&own, env));
    if (!cell) {
        return tkri_env_fail(&own, TKR_ERR_ARGUMENT, "cell is NULL");
    }
    if (cell->precision) {
        return tkri_env_fail(&own, TKR_ERR_UNSUPPORTED, "%s", tkri_quantized_text);
    }
    return tkri_cell_copy(copy, cell, TKR_FLOAT32, &own);
}

int32_t tkr_cell_set_metadata(tkr_cell *cell, const char *key, const char *text) {
    return cell ? tkri_metadata_set(cell, key, text) : TKR_ERR_ARGUMENT;
}

const char *tkr_cell_get_metadata(const tkr_cell *cell, const char *key) {
    return cell && key ? tkri_metadata_get(cell, key) : NULL;
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
    UNTRAPPED;
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
    UNTRAPPED;
    if (!cell) {
        return TKR_ERR_ARGUMENT;
    }
    REQUIRE(name && values, &cell->detail, TKR_ERR_ARGUMENT, "name or values is NULL");
    REQUIRE(cell->net, &cell->detail, TKR_ERR_ORDER, "the cell is not initialised");
    REQUIRE(!cell->precision, &cell->detail, TKR_ERR_UNSUPPORTED, "%s", tkri_quantized_text);
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
