/* SPDX-License-Identifier: MIT
 * What a safetensors file means to us: cells, states, checkpoints. docs/format.md is the contract.
 *
 * A save and a load of the same thing share one list of tensors, so the two cannot disagree. A load
 * checks every tensor before it writes the first. */
#ifndef TKRI_MODEL_MODEL_H
#define TKRI_MODEL_MODEL_H

#include "model/json.h"
#include "model/safetensors.h"
#include "train/optimizer.h"

/* Where a save goes: a path, or else a writer. */
typedef struct tkri_target {
    const char *path;
    const tkr_writer *writer;
} tkri_target;

/* Where a load comes from: a path, or else a reader, or else bytes [len]. */
typedef struct tkri_origin {
    const char *path;
    const tkr_reader *reader;
    const void *bytes;
    uint64_t len;
} tkri_origin;

/* file.c: open a file of ours that holds `content`: "cell" (as a "checkpoint" does too), "state" or
 * "checkpoint". TKR_ERR_UNSUPPORTED for a newer format, TKR_ERR_MISMATCH for other contents. */
int32_t tkri_model_open(tkri_file *file, const tkri_origin *origin, const char *content,
                        const tkri_env *env, tkri_detail *detail);

/* Parameters, or what lies like them, if `batch` is 0, else a state of `batch` streams. In a file
 * each tensor's name begins with `prefix`. */
typedef struct tkri_group {
    const char *prefix;
    const tkr_cell *cell; /* whose net has names and shapes */
    float *flat;
    int64_t batch;
} tkri_group;

/* A text of a file: put() writes it, first to be measured, then in its place. */
typedef struct tkri_page {
    const char *key;
    void (*put)(tkri_text *out, const void *about);
    const void *about;
} tkri_page;

/* What a file holds. */
typedef struct tkri_manifest {
    const char *content;
    const tkri_group *group;
    int32_t n_groups;
    const tkri_page *page;         /* of a save */
    const tkri_metadata *metadata; /* of a save */
    int32_t n_pages;
    const char *const *others; /* of a load: prefixes of tensors to leave alone; NULL at the end */
} tkri_manifest;

int32_t tkri_model_save(const tkri_manifest *manifest, const tkri_target *target,
                        const tkri_env *env, tkri_detail *detail);

/* Copy every tensor from the file to where it lies, or, if one is missing, too many, of another
 * shape or type, none: TKR_ERR_MISMATCH. */
int32_t tkri_model_load(const tkri_manifest *manifest, const tkri_file *file);

/* Say where in the text of `key` a reader failed, if it did: returns `status`. */
int32_t tkri_model_explain(const tkri_json *json, const char *key, int32_t status,
                           tkri_detail *detail);

/* architecture.c: kinds, widths, names and options of a cell as JSON; a cell from it, without
 * parameters; TKR_ERR_MISMATCH unless two cells compute the same from the same parameters. */
void tkri_architecture_put(tkri_text *out, const void *cell);
int32_t tkri_architecture_make(tkr_cell **cell, const tkri_file *file, const tkri_env *env);
int32_t tkri_architecture_compare(const tkr_cell *found, const tkr_cell *wanted,
                                  tkri_detail *detail);

/* cell_file.c */
int32_t tkri_cell_save(tkr_cell *cell, const tkri_target *target);
int32_t tkri_cell_load(tkr_cell **cell, const tkri_origin *origin, const tkri_env *env);
int32_t tkri_state_save(tkr_state *state, const tkri_target *target);
int32_t tkri_state_load(tkr_state *state, const tkri_origin *origin);

/* A run in training. `seq` and `state` may be NULL. */
typedef struct tkri_training {
    tkr_optimizer *opt;
    tkr_sequence *seq;
    tkr_state *state;
} tkri_training;

/* checkpoint.c: a run, and its cursor [4] unless that is NULL. */
int32_t tkri_checkpoint_save(const tkri_training *with, const uint64_t *cursor,
                             const tkri_target *target);
int32_t tkri_checkpoint_load(const tkri_training *with, uint64_t *cursor,
                             const tkri_origin *origin);

#endif
