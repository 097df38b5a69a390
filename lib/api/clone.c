/* SPDX-License-Identifier: MIT
 * Notes, and copies of whole cells. */
#include <string.h>

#include "api/copy.h"
#include "core/utf8.h"

enum { MAX_KEY = 64, MAX_TEXT = 1 << 20 };

static int is_utf8(const char *text) {
    return tkri_utf8_check(text, strlen(text)) == strlen(text);
}

int32_t tkr_cell_set_note(tkr_cell *cell, const char *key, const char *text) {
    if (!cell) {
        return TKR_ERR_ARGUMENT;
    }
    REQUIRE(key && *key && strlen(key) <= MAX_KEY && is_utf8(key), &cell->detail, TKR_ERR_ARGUMENT,
            "a note's key is 1 to 64 bytes of UTF-8");
    REQUIRE(strncmp(key, "tekrar.", 7) != 0, &cell->detail, TKR_ERR_ARGUMENT,
            "the note's key '%s' begins with 'tekrar.', which is the library's own", key);
    REQUIRE(!text || (strlen(text) <= MAX_TEXT && is_utf8(text)), &cell->detail, TKR_ERR_ARGUMENT,
            "the text of note '%s' is not UTF-8 of at most 1 MiB", key);
    return tkri_note_set(cell, key, text);
}

const char *tkr_cell_get_note(const tkr_cell *cell, const char *key) {
    return cell && key ? tkri_note_get(cell, key) : NULL;
}

/* Options, names and notes: everything but parts and parameters. */
static int32_t copy_settings(tkr_cell *to, const tkr_cell *from) {
    memcpy(to->name, from->name, sizeof to->name);
    memcpy(to->ints, from->ints, sizeof to->ints);
    memcpy(to->floats, from->floats, sizeof to->floats);
    for (const tkri_note *note = from->notes; note; note = note->next) {
        TRY(tkri_note_set(to, note->key, note->text));
    }
    return TKR_OK;
}

static int32_t copy_values(tkr_cell *to, const tkr_cell *from) {
    if (!from->net) {
        return TKR_OK;
    }
    TRY(tkri_net_create(to));
    if (to->precision) {
        TRY(tkri_reduced_check(to));
    }
    return tkri_cell_fill(to, from);
}

static int32_t clone_part(tkr_cell **copy, const tkr_cell *part, const tkr_env *env) {
    TRY(tkr_cell_create(copy, part->kind, part->input, part->hidden, env));
    const int32_t status = copy_settings(*copy, part);
    if (status < 0) {
        tkr_cell_destroy(*copy);
        *copy = NULL;
    }
    return status;
}

static int32_t clone_chain(tkr_cell **copy, const tkr_cell *chain, const tkr_env *env) {
    tkr_cell *parts[256] = {NULL};
    int32_t status = TKR_OK;
    for (int64_t i = 0; i < chain->n_parts && status >= 0; i++) {
        status = clone_part(&parts[i], chain->parts[i], env);
    }
    if (status >= 0) {
        status = tkr_cell_chain(copy, parts, chain->n_parts, env);
    }
    for (int64_t i = 0; i < chain->n_parts; i++) {
        tkr_cell_destroy(parts[i]);
    }
    return status;
}

static void set_precision(tkr_cell *cell, int32_t precision) {
    tkri_reduced_kern kern[TKRI_MAX_REDUCED];
    if (precision) {
        (void)tkri_reduced_select(cell->kern, kern);
        cell->precision = precision;
        cell->reduced = kern[0];
    }
}

int32_t tkri_cell_copy(tkr_cell **copy, const tkr_cell *cell, int32_t precision,
                       const tkr_env *env) {
    tkri_env own;
    tkr_cell *made = NULL;
    int32_t status;
    TRY(tkri_env_read(&own, env));
    if (cell->kind == TKR_CHAIN) {
        TRY(clone_chain(&made, cell, env));
        TRY_OR_FAIL(copy_settings(made, cell));
    } else {
        TRY(clone_part(&made, cell, env));
    }
    set_precision(made, precision);
    TRY_OR_FAIL(copy_values(made, cell));
    *copy = made;
    return TKR_OK;
fail:
    (void)tkri_env_forward(&own, status, &made->detail);
    tkr_cell_destroy(made);
    return status;
}

int32_t tkr_cell_clone(tkr_cell **copy, const tkr_cell *cell, const tkr_env *env) {
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
        return tkri_env_fail(&own, TKR_ERR_UNSUPPORTED, "%s", tkri_reduced_text);
    }
    return tkri_cell_copy(copy, cell, TKR_FLOAT32, env);
}
