/* SPDX-License-Identifier: MIT
 * Saving and loading: arguments checked, then down. */
#include <stddef.h>

#include "core/fpmode.h"
#include "model/model.h"

static int is_writer(const tkr_writer *writer) {
    return writer && writer->size >= sizeof *writer && writer->write;
}

static int is_reader(const tkr_reader *reader) {
    return reader && reader->size >= sizeof *reader && reader->read;
}

static const char no_path[] = "path is NULL";
static const char no_writer[] = "writer is NULL, of an older size, or without its function";
static const char no_reader[] = "reader is NULL, of an older size, or without its function";

static int32_t save_cell(tkr_cell *cell, const tkri_target *target) {
    REQUIRE(cell->net, &cell->detail, TKR_ERR_ORDER, "the cell is not initialised");
    REQUIRE(!cell->precision, &cell->detail, TKR_ERR_UNSUPPORTED, "%s", tkri_quantized_text);
    return tkri_cell_save(cell, target);
}

int32_t tkr_cell_save(tkr_cell *cell, const char *path) {
    UNTRAPPED;
    if (!cell) {
        return TKR_ERR_ARGUMENT;
    }
    REQUIRE(path, &cell->detail, TKR_ERR_ARGUMENT, no_path);
    return save_cell(cell, &(tkri_target){path, NULL});
}

int32_t tkr_cell_save_to(tkr_cell *cell, const tkr_writer *writer) {
    UNTRAPPED;
    if (!cell) {
        return TKR_ERR_ARGUMENT;
    }
    REQUIRE(is_writer(writer), &cell->detail, TKR_ERR_ARGUMENT, no_writer);
    return save_cell(cell, &(tkri_target){NULL, writer});
}

/* Load if `good`, else refuse with that text. */
static int32_t load_cell(tkr_cell **cell, const tkri_origin *origin, int good, const char *text,
                         const tkr_env *env) {
    tkri_env own;
    if (!cell) {
        return TKR_ERR_ARGUMENT;
    }
    *cell = NULL;
    TRY(tkri_env_read(&own, env));
    return good ? tkri_cell_load(cell, origin, &own)
                : tkri_env_fail(&own, TKR_ERR_ARGUMENT, "%s", text);
}

int32_t tkr_cell_load(tkr_cell **cell, const char *path, const tkr_env *env) {
    UNTRAPPED;
    return load_cell(cell, &(tkri_origin){.path = path}, path != NULL, no_path, env);
}

int32_t tkr_cell_load_from(tkr_cell **cell, const tkr_reader *reader, const tkr_env *env) {
    UNTRAPPED;
    return load_cell(cell, &(tkri_origin){.reader = reader}, is_reader(reader), no_reader, env);
}

int32_t tkr_cell_load_memory(tkr_cell **cell, const void *bytes, uint64_t len, const tkr_env *env) {
    UNTRAPPED;
    return load_cell(cell, &(tkri_origin){.bytes = bytes, .len = len}, bytes != NULL,
                     "bytes is NULL", env);
}

int32_t tkr_state_save(tkr_state *state, const char *path) {
    UNTRAPPED;
    if (!state) {
        return TKR_ERR_ARGUMENT;
    }
    REQUIRE(path, &state->detail, TKR_ERR_ARGUMENT, no_path);
    return tkri_state_save(state, &(tkri_target){path, NULL});
}

int32_t tkr_state_save_to(tkr_state *state, const tkr_writer *writer) {
    UNTRAPPED;
    if (!state) {
        return TKR_ERR_ARGUMENT;
    }
    REQUIRE(is_writer(writer), &state->detail, TKR_ERR_ARGUMENT, no_writer);
    return tkri_state_save(state, &(tkri_target){NULL, writer});
}

int32_t tkr_state_load(tkr_state *state, const char *path) {
    UNTRAPPED;
    if (!state) {
        return TKR_ERR_ARGUMENT;
    }
    REQUIRE(path, &state->detail, TKR_ERR_ARGUMENT, no_path);
    return tkri_state_load(state, &(tkri_origin){.path = path});
}

int32_t tkr_state_load_from(tkr_state *state, const tkr_reader *reader) {
    UNTRAPPED;
    if (!state) {
        return TKR_ERR_ARGUMENT;
    }
    REQUIRE(is_reader(reader), &state->detail, TKR_ERR_ARGUMENT, no_reader);
    return tkri_state_load(state, &(tkri_origin){.reader = reader});
}

/* A run's objects belong together. */
static int32_t check_training(tkr_optimizer *opt, const tkr_sequence *seq, const tkr_state *state) {
    REQUIRE(!seq || seq->u.cell == opt->cell, &opt->detail, TKR_ERR_ARGUMENT,
            "the sequence is not of the optimizer's cell");
    REQUIRE(!state || tkri_state_alike(state->cell, opt->cell), &opt->detail, TKR_ERR_ARGUMENT,
            "the state is not of the optimizer's cell");
    return TKR_OK;
}

int32_t tkr_checkpoint_save(tkr_optimizer *opt, tkr_sequence *seq, tkr_state *state,
                            const uint64_t *cursor, const char *path) {
    UNTRAPPED;
    if (!opt) {
        return TKR_ERR_ARGUMENT;
    }
    REQUIRE(path, &opt->detail, TKR_ERR_ARGUMENT, no_path);
    TRY(check_training(opt, seq, state));
    return tkri_checkpoint_save(&(tkri_training){opt, seq, state}, cursor,
                                &(tkri_target){path, NULL});
}

int32_t tkr_checkpoint_save_to(tkr_optimizer *opt, tkr_sequence *seq, tkr_state *state,
                               const uint64_t *cursor, const tkr_writer *writer) {
    UNTRAPPED;
    if (!opt) {
        return TKR_ERR_ARGUMENT;
    }
    REQUIRE(is_writer(writer), &opt->detail, TKR_ERR_ARGUMENT, no_writer);
    TRY(check_training(opt, seq, state));
    return tkri_checkpoint_save(&(tkri_training){opt, seq, state}, cursor,
                                &(tkri_target){NULL, writer});
}

int32_t tkr_checkpoint_load(tkr_optimizer *opt, tkr_sequence *seq, tkr_state *state,
                            uint64_t *cursor, const char *path) {
    UNTRAPPED;
    if (!opt) {
        return TKR_ERR_ARGUMENT;
    }
    REQUIRE(path, &opt->detail, TKR_ERR_ARGUMENT, no_path);
    TRY(check_training(opt, seq, state));
    return tkri_checkpoint_load(&(tkri_training){opt, seq, state}, cursor,
                                &(tkri_origin){.path = path});
}

int32_t tkr_checkpoint_load_from(tkr_optimizer *opt, tkr_sequence *seq, tkr_state *state,
                                 uint64_t *cursor, const tkr_reader *reader) {
    UNTRAPPED;
    if (!opt) {
        return TKR_ERR_ARGUMENT;
    }
    REQUIRE(is_reader(reader), &opt->detail, TKR_ERR_ARGUMENT, no_reader);
    TRY(check_training(opt, seq, state));
    return tkri_checkpoint_load(&(tkri_training){opt, seq, state}, cursor,
                                &(tkri_origin){.reader = reader});
}
