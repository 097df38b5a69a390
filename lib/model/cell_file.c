/* SPDX-License-Identifier: MIT
 * Files of a cell, and of a state. */
#include <string.h>

#include "model/disk.h"
#include "model/model.h"

int32_t tkri_cell_save(tkr_cell *cell, const tkri_target *target) {
    const tkri_group group = {"", cell, cell->net->values, 0};
    const tkri_page page = {"tekrar.cell", tkri_architecture_put, cell};
    const tkri_manifest manifest = {
        .content = "cell",
        .group = &group,
        .n_groups = 1,
        .page = &page,
        .n_pages = 1,
        .metadata = cell->metadata,
    };
    return tkri_model_save(&manifest, target, &cell->env, &cell->detail);
}

/* A file that asks for more parameters than it has makes us allocate nothing. */
static int32_t check_counts(const tkr_cell *cell, const tkri_file *file) {
    int64_t tensors;
    uint64_t numbers, there = 0;
    tkri_net_counts(cell, &tensors, &numbers);
    for (int32_t i = 0; i < file->header.n_tensors; i++) {
        there = tkri_add(there, file->header.tensor[i].n);
    }
    REQUIRE(tensors <= file->header.n_tensors && numbers <= there, file->detail, TKR_ERR_MISMATCH,
            "the cell has %lld tensors with %llu numbers, the file %d with %llu",
            (long long)tensors, (unsigned long long)numbers, (int)file->header.n_tensors,
            (unsigned long long)there);
    return TKR_OK;
}

static int32_t load_parameters(tkr_cell *cell, const tkri_file *file) {
    static const char *const others[] = {"checkpoint.", NULL};
    int32_t key = tkri_header_key(&file->header, "tekrar.content");
    int is_checkpoint = strcmp(file->header.text[key].text, "checkpoint") == 0;
    TRY(check_counts(cell, file));
    const int32_t status = tkri_net_create(cell);
    REQUIRE(status == TKR_OK, file->detail, status, "%s", cell->detail.text);
    const tkri_group group = {"", cell, cell->net->values, 0};
    const tkri_manifest manifest = {
        .group = &group, .n_groups = 1, .others = is_checkpoint ? others : NULL};
    TRY(tkri_model_load(&manifest, file));
    tkri_cell_refresh(cell);
    return TKR_OK;
}

/* All texts but our own become metadata again. */
static int32_t load_metadata(tkr_cell *cell, const tkri_file *file) {
    for (int32_t i = 0; i < file->header.n_keys; i++) {
        const tkri_string key = file->header.key[i], text = file->header.text[i];
        if (strncmp(key.text, "tekrar.", 7) == 0) {
            continue;
        }
        REQUIRE(strlen(key.text) == key.len && strlen(text.text) == text.len, file->detail,
                TKR_ERR_FORMAT, "a line of metadata has a NUL in it");
        const int32_t status = tkri_metadata_set(cell, key.text, text.text);
        REQUIRE(status == TKR_OK, file->detail, status == TKR_ERR_MEMORY ? status : TKR_ERR_FORMAT,
                "%s", cell->detail.text);
    }
    return TKR_OK;
}

static int32_t load_cell(tkr_cell **cell, const tkri_file *file) {
    tkr_cell *made;
    int32_t status;
    TRY(tkri_architecture_make(&made, file, &file->env));
    TRY_OR_FAIL(load_parameters(made, file));
    TRY_OR_FAIL(load_metadata(made, file));
    *cell = made;
    return TKR_OK;
fail:
    tkri_cell_destroy(made);
    return status;
}

int32_t tkri_cell_load(tkr_cell **cell, const tkri_origin *origin, const tkri_env *env) {
    tkri_file file;
    tkri_detail detail = {""};
    int32_t status = tkri_model_open(&file, origin, "cell", env, &detail);
    if (status == TKR_OK) {
        status = load_cell(cell, &file);
        tkri_file_fini(&file);
    }
    (void)tkri_disk_blame(&detail, origin->path, status);
    return status == TKR_OK ? status : tkri_env_forward(env, status, &detail);
}

static tkri_group group_of(const tkr_state *state) {
    return (tkri_group){"", state->cell, state->values, state->batch};
}

int32_t tkri_state_save(tkr_state *state, const tkri_target *target) {
    const tkri_group group = group_of(state);
    const tkri_manifest manifest = {.content = "state", .group = &group, .n_groups = 1};
    return tkri_model_save(&manifest, target, &state->env, &state->detail);
}

int32_t tkri_state_load(tkr_state *state, const tkri_origin *origin) {
    const tkri_group group = group_of(state);
    const tkri_manifest manifest = {.group = &group, .n_groups = 1};
    tkri_file file;
    int32_t status = tkri_model_open(&file, origin, "state", &state->env, &state->detail);
    if (status == TKR_OK) {
        status = tkri_model_load(&manifest, &file);
        tkri_file_fini(&file);
    }
    return tkri_disk_blame(&state->detail, origin->path, status);
}
