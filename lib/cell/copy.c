/* SPDX-License-Identifier: MIT
 * Copies of whole cells. */
#include <string.h>

#include "cell/cell.h"

/* Options, names and metadata: everything but parts and parameters. */
static int32_t copy_settings(tkr_cell *to, const tkr_cell *from) {
    memcpy(to->name, from->name, sizeof to->name);
    to->options = from->options;
    for (const tkri_metadata *line = from->metadata; line; line = line->next) {
        TRY(tkri_metadata_set(to, line->key, line->text));
    }
    return TKR_OK;
}

static int32_t copy_values(tkr_cell *to, const tkr_cell *from) {
    if (!from->net) {
        return TKR_OK;
    }
    TRY(tkri_net_create(to));
    if (to->precision) {
        TRY(tkri_quantized_check(to));
    }
    return tkri_cell_fill(to, from);
}

static int32_t copy_shell(tkr_cell **copy, const tkr_cell *cell, const tkri_env *env);

/* Room for the copies, and the copies; what was made is destroyed with the container. */
static int32_t copy_parts(tkr_cell *to, const tkr_cell *from, const tkri_env *env) {
    if (from->n_parts == 0) {
        return TKR_OK;
    }
    to->parts = tkri_allocate(env, (uint64_t)from->n_parts * sizeof *to->parts);
    REQUIRE(to->parts, &to->detail, TKR_ERR_MEMORY, "no memory for parts");
    to->n_parts = from->n_parts;
    for (int64_t i = 0; i < from->n_parts; i++) {
        TRY(copy_shell(&to->parts[i], from->parts[i], env));
    }
    return TKR_OK;
}

/* A cell with its options and parts, not initialised. */
static int32_t copy_shell(tkr_cell **copy, const tkr_cell *cell, const tkri_env *env) {
    tkr_cell *made;
    int32_t status;
    TRY(tkri_cell_new(&made, cell->kind, cell->bytes - sizeof *cell, env));
    made->user = cell->user ? tkri_user_place(made + 1, cell->user) : NULL;
    made->input = cell->input;
    made->hidden = cell->hidden;
    TRY_OR_FAIL(copy_settings(made, cell));
    TRY_OR_FAIL(copy_parts(made, cell, env));
    *copy = made;
    return TKR_OK;
fail:
    if (made->detail.text[0]) { /* else a part has told already */
        (void)tkri_env_forward(env, status, &made->detail);
    }
    tkri_cell_destroy(made);
    return status;
}

static void set_precision(tkr_cell *cell, int32_t precision) {
    tkri_quantized_kern kern[TKRI_MAX_QUANTIZED];
    if (precision) {
        (void)tkri_quantized_select(tkri_net_kern(cell), kern);
        cell->precision = precision;
        if (precision != TKR_APPROXIMATE) {
            cell->quantized = kern[0];
        }
    }
}

int32_t tkri_cell_copy(tkr_cell **copy, const tkr_cell *cell, int32_t precision,
                       const tkri_env *env) {
    tkr_cell *made = NULL;
    TRY(copy_shell(&made, cell, env));
    set_precision(made, precision);
    const int32_t status = copy_values(made, cell);
    if (status < 0) {
        (void)tkri_env_forward(env, status, &made->detail);
        tkri_cell_destroy(made);
        return status;
    }
    *copy = made;
    return TKR_OK;
}
