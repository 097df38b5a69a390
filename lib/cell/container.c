/* SPDX-License-Identifier: MIT
 * Cells made of cells. What a chain or a branch wants of its parts' widths is for its kind to say.
 */
#include <stdio.h>
#include <string.h>

#include "cell/cell.h"

static const char *part_name(tkr_cell *const *parts, int64_t i, char *buffer, size_t size) {
    (void)snprintf(buffer, size, "%d", (int)i);
    return parts[i]->name[0] ? parts[i]->name : buffer;
}

static int32_t check_part(tkr_cell *const *parts, int64_t i, const tkri_env *env) {
    char name[16], other[16];
    const tkr_cell *part = parts[i];
    if (!part) {
        return tkri_env_fail(env, TKR_ERR_ARGUMENT, "part %d is NULL", (int)i);
    }
    if (part->net) {
        return tkri_env_fail(env, TKR_ERR_ORDER, "part %d is initialised already", (int)i);
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

static int32_t check_parts(const tkri_kind *kind, tkr_cell *const *parts, int64_t n,
                           const tkri_env *env) {
    if (!kind) {
        return tkri_env_fail(env, TKR_ERR_UNSUPPORTED, "%s", tkri_no_kind_text);
    }
    const int most = kind->contains == TKRI_SIDE_BY_SIDE ? TKRI_MAX_BRANCHES : TKRI_MAX_PARTS;
    if (!parts || n < 1 || n > most) {
        return tkri_env_fail(env, TKR_ERR_ARGUMENT, "a %s has 1 to %d parts", kind->name, most);
    }
    for (int64_t i = 0; i < n; i++) {
        TRY(check_part(parts, i, env));
    }
    return TKR_OK;
}

/* What only the container with its parts in it can be asked. */
static int32_t check_whole(tkr_cell *container, int32_t combine) {
    const tkri_option *how = tkri_cell_option(container, TKR_COMBINE, TKRI_INT);
    if (how) {
        REQUIRE(combine >= how->low && combine <= how->high, &container->detail, TKR_ERR_ARGUMENT,
                "%s = %d is not in %g..%g", how->name, (int)combine, how->low, how->high);
        tkri_options_set_int(&container->options, TKR_COMBINE, combine);
    }
    TRY(container->kind->check(container, &container->detail));
    REQUIRE(tkri_cell_takes(container), &container->detail, TKR_ERR_SHAPE,
            "one part takes ids alone, another values alone");
    return tkri_net_check(container, &container->detail);
}

int32_t tkri_cell_contain(tkr_cell **cell, const tkri_kind *kind, const tkri_parts *parts,
                          const tkri_env *env) {
    tkr_cell *made;
    const size_t bytes = (size_t)parts->n * sizeof *made->parts;
    TRY(check_parts(kind, parts->cells, parts->n, env));
    TRY(tkri_cell_new(&made, kind, 0, env));
    made->parts = tkri_allocate(env, bytes);
    if (!made->parts) {
        tkri_cell_destroy(made);
        return tkri_env_fail(env, TKR_ERR_MEMORY, "no memory for a %s", kind->name);
    }
    memcpy(made->parts, parts->cells, bytes);
    made->n_parts = parts->n;
    made->input = parts->cells[0]->input;
    const int32_t status = check_whole(made, parts->combine);
    if (status < 0) {
        (void)tkri_env_forward(env, status, &made->detail);
        memset(made->parts, 0, bytes); /* they stay the caller's */
        tkri_cell_destroy(made);
        return status;
    }
    made->hidden = tkri_cell_output(made);
    memset(parts->cells, 0, bytes);
    *cell = made;
    return TKR_OK;
}
